# SPDX-License-Identifier: GPL-2.0-only
"""Debian's drbd-utils 9.22 with our modules, and with what our drbdmeta writes."""
import json
import os
import re
import struct
import subprocess
import sys

import pytest

from debian_utils import DEBIAN, debian_tools
from drbd import (QUICK, assert_identical, compare, configure, create_md, data_size, describe,
                  peer_device, status, up, wait_settled)
from vnodes import image, wait_for

sys.path.insert(0, os.path.join(image.SOURCE, "tests", "golden"))
import run_metadata  # noqa: E402

OURS = os.path.join(image.BUILD, "bin")


# ------------------------------------------------------------ the tools drive our modules

# What runs a handler is its parent process: noted.
NOTE = 'echo $(readlink -f /proc/$PPID/exe) $DRBD_RESOURCE $DRBD_VOLUME >>/run/handler'
HANDLED = QUICK.replace("resource r0 {\n", f"""resource r0 {{
  handlers {{ before-resync-target "{NOTE} before"; after-resync-target "{NOTE} after"; }}
""")

CREATED = "New drbd meta data block successfully created."


def connected(node):
    return peer_device(node)["connection"] == "Connected"


def test_debian_tools_drive_our_modules(cluster):
    """Life of a resource, every command and every helper with Debian's programs."""
    hw1, hw2 = cluster
    with debian_tools(cluster):
        configure(cluster, HANDLED)
        for n in cluster:
            r = n.run("drbdadm create-md --force r0", timeout=120)
            assert CREATED in r.text and "initializing activity log" in r.text, r
            r = n.run("drbdadm up r0", timeout=120)
            assert r.text == "", r
        for n in cluster:
            n.run("drbdadm wait-connect r0", timeout=60)
        assert hw1.out("cat /proc/drbd").startswith("version: 9.")
        assert hw1.run("drbdadm status r0").out == (
            "r0 role:Secondary\n  disk:Inconsistent\n"
            "  hw2 role:Secondary\n    peer-disk:Inconsistent\n\n")
        assert [hw2.out(f"drbdadm {c} r0") for c in ("role", "cstate", "dstate")] == [
            "Secondary", "Connected", "Inconsistent/Inconsistent"]

        r = hw1.run("drbdadm primary r0", check=None)
        assert r.rc == 17 and "State change failed: (-2) Need access to UpToDate data" in r.text, r

        listeners = [n.spawn("exec drbdsetup events2 --statistics r0") for n in cluster]
        for p in listeners:
            wait_for(lambda p=p: (p.poll(), b"exists -" in p.out)[1], 30, "events2's first part")
        assert hw1.run("drbdadm primary --force r0").text == ""
        wait_settled(cluster)
        assert hw1.run("drbdadm status r0").out == (
            "r0 role:Primary\n  disk:UpToDate\n"
            "  hw2 role:Secondary\n    peer-disk:UpToDate\n\n")
        # Helpers ran, called by Debian's drbdadm, which the kernel started.
        assert hw2.out("cat /run/handler").splitlines() == [
            f"{DEBIAN}/drbdadm r0 0 before", f"{DEBIAN}/drbdadm r0 0 after"]

        size = data_size(hw1)
        hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=1M count=24 seek=3 oflag=direct conv=fsync", timeout=120)
        r = hw2.run("drbdadm primary r0", check=None)
        assert r.rc != 0 and "Multiple primaries not allowed by config" in r.text, r
        digest = hw1.out("head -c 40M /dev/drbd0 | sha256sum")
        compare(cluster)

        # Another configuration, adjusted to.
        configure(cluster, HANDLED.replace("timeout 40;", "timeout 50; max-buffers 4000;")
                  .replace("c-max-rate 200M", "c-max-rate 100M"))
        plan = hw1.run("drbdadm -d adjust r0").out
        assert "net-options" in plan and "peer-device-options" in plan and "--max-buffers=4000" in plan
        for n in cluster:
            n.run("drbdadm adjust r0")
            shown = json.loads(n.run("drbdsetup show --json r0").out)[0]["connections"][0]
            assert int(shown["net"]["max-buffers"]) == 4000 and int(shown["net"]["timeout"]) == 50
            assert n.run("drbdadm -d adjust r0").text == ""
            assert connected(n)

        # Disconnected writes, bitmap resync.
        hw2.run("drbdadm disconnect r0")
        wait_for(lambda: not connected(hw1), 30, "hw1 alone")
        hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=64k count=32 seek=100 oflag=direct conv=fsync")
        assert peer_device(hw1)["out-of-sync"] == 2048
        hw2.run("drbdadm adjust r0")
        wait_settled(cluster)
        assert peer_device(hw2)["received"] == 2048
        compare(cluster)
        assert hw1.out("head -c 40M /dev/drbd0 | sha256sum") != digest
        digest = hw1.out("head -c 40M /dev/drbd0 | sha256sum")

        # The other one.
        assert hw1.run("drbdadm secondary r0").text == ""
        assert hw2.run("drbdadm primary r0").text == ""
        assert hw2.out("head -c 40M /dev/drbd0 | sha256sum") == digest
        hw2.run("dd if=/dev/urandom of=/dev/drbd0 bs=128k count=16 seek=20 oflag=direct conv=fsync")
        hw2.run("drbdadm detach r0 && drbdadm attach r0", timeout=60)
        wait_settled(cluster)
        hw2.run("drbdadm secondary r0")

        for n, p in zip(cluster, listeners):
            assert n.run("drbdadm down r0", timeout=60).text == ""
            assert n.run("drbdadm status r0", check=None).rc == 10
            wait_for(lambda p=p: (p.poll(), b"destroy resource" in p.out)[1], 30, "events2 ends")
            p.close()
        events = [p.out.decode() for p in listeners]
        for want in ("change resource name:r0 role:Primary", "replication:WFBitMapS", "replication:SyncSource",
                     "helper name:r0 peer-node-id:1 conn-name:hw2 helper:disconnected",
                     "destroy connection name:r0", "destroy resource name:r0"):
            assert want in events[0], f"{want}:\n{events[0]}"
        for want in ("replication:SyncTarget", "call helper name:r0 peer-node-id:0 conn-name:hw1 volume:0 minor:0 "
                     "helper:before-resync-target",
                     "helper:after-resync-target status:0", "disk:Detaching"):
            assert want in events[1], f"{want}:\n{events[1]}"
    assert_identical(cluster, size)


# ------------------------------------------------------------ metadata, on files of this machine

# Format, index, size of the device, and what fills it: a dump with bits and UUIDs of all sorts.
PLACES = {
    "internal": ("v09", "internal", 68158976, ["create-md", "--al-stripes", "4", "--al-stripe-size-kB", "16", "3"],
                 "02-restore.in"),
    "flexible": ("v09", "flex-external", 1048576, ["create-md", "2"], "03-restore.in"),
    "external": ("v09", "1", 268435456, ["create-md", "1"], None),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("writer", ["ours", "Debian's"])
def test_dump_md_of_the_other(tmp_path, writer, place):
    """What one drbdmeta writes, fresh and filled, the other dumps as the writer does, and can restore."""
    tools = {"ours": run_metadata.Tool(f"{OURS}/drbdmeta", tmp_path),
             "Debian's": run_metadata.Tool(f"{DEBIAN}/drbdmeta", tmp_path, debian=True)}
    reader = tools["ours" if writer != "ours" else "Debian's"]
    writer = tools[writer]
    fmt, index, size, create, fill = PLACES[place]
    disk = run_metadata.make(tmp_path / "disk", size)

    def agree(what):
        before = run_metadata.sha(disk)
        mine = writer.run(disk, fmt, index, "dump-md").stdout
        theirs = reader.run(disk, fmt, index, "dump-md").stdout
        assert run_metadata.body(theirs) == run_metadata.body(mine), what
        assert run_metadata.sha(disk) == before, "reading changed it"
        return mine

    writer.run(disk, fmt, index, *create)
    fresh = agree("fresh")
    assert "bitmap[0] {" in fresh and "max-peers" in fresh
    writer.run(disk, fmt, index, "write-dev-uuid", "0123456789ABCDEF")
    if fill:
        writer.run(disk, fmt, index, "restore-md", str(run_metadata.GOLDEN / fill))
    else:
        writer.run(disk, fmt, index, "set-gi", "--node-id", "0", "1111111111111110:2222222222222220:0:0:1:1:0:0:1")
    full = agree("filled")
    assert full != fresh
    # And over the dump's text.
    text = tmp_path / "dump"
    text.write_text(full)
    copy = run_metadata.make(tmp_path / "copy", size)
    reader.run(copy, fmt, index, *create)
    reader.run(copy, fmt, index, "restore-md", str(text))
    assert run_metadata.sha(copy) == run_metadata.sha(disk), "restored by the other one, it is another image"


# ------------------------------------------------------------ metadata, written by our module

# hw1 has its metadata on a disk of their own.
FLEXIBLE = re.sub(r"(on hw1 .*)meta-disk internal", r"\1flexible-meta-disk /dev/vdc", QUICK)
AT = {"hw1": "0 v09 /dev/vdc flex-external", "hw2": "0 v09 /dev/vdb internal"}


def dumps(node):
    """Texts of dump-md, by ours and by Debian's program."""
    return [node.out(f"{d}/drbdmeta {AT[node.name]} dump-md") for d in (OURS, DEBIAN)]


def test_metadata_of_our_module(cluster):
    """Both programs read what the module left; restored by Debian's from our dump, the module goes on with it."""
    hw1, hw2 = cluster
    configure(cluster, FLEXIBLE)
    # Made by Debian's on one node, by ours on the other.
    hw1.run(f"{DEBIAN}/drbdmeta --force {AT['hw1']} create-md 1")
    create_md(hw2)
    up(cluster)
    # The disks differ in size: they have to agree first.
    wait_for(lambda: all(connected(n) for n in cluster), 60, lambda: "Connected\n" + describe(cluster))
    hw1.run("drbdadm primary --force r0")
    wait_settled(cluster)
    hw2.run("drbdadm down r0")
    hw1.run("for at in 5 70 71 1500; do dd if=/dev/urandom of=/dev/drbd0 bs=64k count=3 seek=$at oflag=direct; done")
    marked = peer_device(hw1)["out-of-sync"]
    assert marked == (3 + 4 + 3) * 64
    hw1.run("drbdadm secondary r0 && drbdadm down r0")
    # After a detach in good order, too, the log has to be applied; nobody was Primary any more: it marks nothing.
    for n, tool in zip(cluster, (DEBIAN, OURS)):
        refused = [n.run(f"{d}/drbdmeta {AT[n.name]} dump-md", check=None) for d in (OURS, DEBIAN)]
        assert refused[0].rc == refused[1].rc != 0 and refused[0].text.strip() == refused[1].text.strip()
        assert 'Found meta data is "unclean", please apply-al first' in refused[0].text
        r = n.run(f"{tool}/drbdmeta {AT[n.name]} apply-al")
        assert "Marked" not in r.text
        ours, theirs = dumps(n)
        assert run_metadata.body(theirs) == run_metadata.body(ours), n.name
    dump = dumps(hw1)[0]
    bits = run_metadata.set_bits(run_metadata.parse_bitmaps(dump)[0])
    assert len(bits) * 4 == marked

    # 9.22 does not know the quorum's members.
    hw1.write_file("/tmp/dump", re.sub(r"^members .*\n", "", dump, flags=re.M) + "\n")
    hw1.run("blkdiscard -f /dev/vdc")
    assert hw1.run(f"{OURS}/drbdmeta {AT['hw1']} dump-md", check=None).rc != 0
    hw1.run(f"{DEBIAN}/drbdmeta --force {AT['hw1']} create-md 1 && "
            f"{DEBIAN}/drbdmeta --force {AT['hw1']} restore-md /tmp/dump")

    def restored(text):
        # The size of the log is a remark in a dump, and comes from create-md.
        return [line for line in run_metadata.body(text) if not line.startswith("# al-extents")]
    assert restored(dumps(hw1)[0]) == restored(dump)
    hw1.run("drbdadm up r0")
    assert peer_device(hw1)["out-of-sync"] == marked
    hw2.run("drbdadm up r0")
    wait_settled(cluster)
    assert peer_device(hw2)["received"] == marked
    compare(cluster)


# ------------------------------------------------------------ what a real kernel left at a power cut

# The image is of node id 1; its last peer was node id 0.  Node 2, which is not here, had gone before.
CRASHED = """resource r0 {
  net { timeout 40; ping-int 5; ping-timeout 20; connect-int 5; }
  disk { c-max-rate 200M; c-min-rate 40M; }
  on hw1 { device /dev/drbd0; disk /dev/vdc; address 10.11.56.2:7788; meta-disk internal; node-id 1; }
  on hw2 { device /dev/drbd0; disk /dev/vdc; address 10.11.56.3:7788; meta-disk internal; node-id 0; }
}
"""
BLOCKS = 16344 // 4                      # of the device, 4 KiB each
EXTENTS = set(range(3 * 1024))           # blocks of the extents that were active
WRITTEN = (1, 1030, 2050, 3000)

# Its peer's metadata at that moment, but for the bits that nobody asks for.
def peer_dump():
    """Text for restore-md: version, identity, 32 peers, history, the rest."""
    zero = f"0x{0:016X}"
    peers = [f"peer[{n}] {{ bitmap-index {0 if n == 1 else -1}; bitmap-uuid {zero}; bitmap-dagtag {zero}; "
             f"flags 0x{0x11 if n == 1 else 0:08X}; }}" for n in range(32)]
    return "\n".join([
        'version "v09";', "max-peers 1;", "node-id 0;", "current-uuid 0x147F27B43383F2C8;", "flags 0x00000091;", *peers,
        "history-uuids {", "0x3D9F41132C89313C;", *[zero + ";"] * 31, "}", "la-size-sect 32688;", "bm-byte-per-bit 4096;",
        f"device-uuid {zero};", "la-peer-max-bio-size 1048576;", "al-stripes 1;", "al-stripe-size-4k 8;",
        "bitmap[0] {", f"64 times {zero};", "}"]) + "\n"


def blocks(node):
    with open(node.disks[1], "rb") as f:
        return [f.read(4096) for _ in range(BLOCKS)]


def test_disk_of_a_crashed_kernel_attaches_and_resyncs_its_extents(cluster):
    """Golden 07: a Primary of DRBD 9.3.3 lost power.  Our apply-al, attach, resync of just what its log names."""
    hw1, hw2 = cluster
    configure(cluster, CRASHED)
    # Not by its path: what is below /tmp here is not what is there on the node.
    hw1.run("zcat >/dev/vdc && sync", stdin=run_metadata.image_path("07").read_bytes())
    r = hw1.run("drbdmeta 0 v09 /dev/vdc internal apply-al")
    assert "Marked additional 36 MB as out-of-sync based on AL.\n" in r.text, r
    dump = hw1.out("drbdmeta 0 v09 /dev/vdc internal dump-md")
    recorded = next(run_metadata.GOLDEN.glob("07a-*.dump")).read_text()
    assert run_metadata.body(dump) == run_metadata.body(recorded)

    # The peer has other data everywhere, so that each block tells where it comes from.
    hw2.run("tr '\\0' x </dev/zero | dd of=/dev/vdc bs=1M count=16 iflag=fullblock oflag=direct")
    hw2.write_file("/tmp/peer", peer_dump())
    hw2.run("drbdmeta --force 0 v09 /dev/vdc internal create-md 1 && "
            "drbdmeta --force 0 v09 /dev/vdc internal restore-md /tmp/peer")
    before = [blocks(n) for n in cluster]
    for block in WRITTEN:
        assert any(before[0][block])

    hw1.run("drbdadm up r0")
    device = status(hw1)["r0"]["devices"][0]
    assert device["disk-state"] == "UpToDate" and device["size"] == 16344, device
    assert peer_device(hw1)["out-of-sync"] == len(EXTENTS) * 4
    assert hw1.out("drbdadm dstate r0") == "UpToDate/DUnknown"
    with hw2.spawn("exec drbdsetup events2 --statistics") as events:
        wait_for(lambda: (events.poll(), b"exists -" in events.out)[1], 30, "events2's first part")
        hw2.run("drbdadm up r0")
        wait_settled(cluster)
        wait_for(lambda: (events.poll(), b"replication:Established" in events.out)[1], 30, "end of the resync")
        seen = events.out.decode()
    assert "replication:SyncTarget" in seen, seen
    assert peer_device(hw1)["sent"] == peer_device(hw2)["received"] == len(EXTENTS) * 4
    for n in cluster:
        assert peer_device(n)["out-of-sync"] == 0

    after = [blocks(n) for n in cluster]
    assert after[0] == before[0], "the source's data has changed"
    resynced = {b for b in range(BLOCKS) if after[1][b] != before[1][b]}
    assert resynced == EXTENTS
    assert all(after[1][b] == before[0][b] for b in EXTENTS)
    # And it can be used.
    hw1.run("drbdadm primary r0")
    hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=4k count=1 seek=3500 oflag=direct")
    hw1.run("drbdadm secondary r0")


# ------------------------------------------------------------ captures of our modules and tools

GOLDEN = os.path.join(image.SOURCE, "tests", "golden")

# A small disk: every byte goes through the decoder.  The node ids are for it, too.
CAPTURED = """resource r0 {
  net { cram-hmac-alg sha256; shared-secret "captured-secret"; verify-alg sha1; csums-alg sha1; protocol PROTOCOL;
        timeout 60; ping-int 3; connect-int 5; }
  disk { c-max-rate 200M; c-min-rate 40M; }
  on hw1 { device /dev/drbd0; disk /dev/vdc; address 10.11.56.2:7788; meta-disk internal; node-id 0; }
  on hw2 { device /dev/drbd0; disk /dev/vdc; address 10.11.56.3:7788; meta-disk internal; node-id 1; }
}
"""

# What has to be in the capture; that it decodes would prove little without.
PACKETS = """P_INITIAL_DATA P_INITIAL_META P_CONNECTION_FEATURES P_AUTH_CHALLENGE P_AUTH_RESPONSE P_PROTOCOL
P_SIZES P_UUIDS110 P_STATE P_CURRENT_UUID P_TWOPC_PREPARE P_TWOPC_YES P_TWOPC_COMMIT P_DATA P_TRIM P_BARRIER
P_BARRIER_ACK P_DAGTAG P_PEER_ACK P_RS_DATA_REPLY P_RS_WRITE_ACK P_PING P_PING_ACK""".split()


def decode(folder, *args):
    r = subprocess.run([sys.executable, os.path.join(GOLDEN, folder, "decode.py"), *args],
                       capture_output=True, text=True, timeout=600)
    wrong = [line for line in r.stdout.splitlines() if " ## " in line or "!!" in line]
    assert r.returncode == 0, f"exit code {r.returncode}: {r.stderr}\n" + "\n".join(wrong[:40]) + \
        "\n...\n" + "\n".join(r.stdout.splitlines()[-15:])
    return r.stdout


def only_generic_netlink(path):
    """Drop what else went over netlink on the node: `ip` and tcpdump themselves."""
    with open(path, "rb") as f:
        data = f.read()
    out, at = data[:24], 24
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        if data[at + 30:at + 32] == b"\0\x10":
            out += data[at:at + 16 + length]
        at += 16 + length
    with open(path, "wb") as f:
        f.write(out)
    return path


@pytest.mark.parametrize("protocol", ["C", "A"])
def test_captures_pass_the_decoders(cluster, protocol, tmp_path):
    """From connect to down: each packet on the wire and each netlink message is as specified."""
    hw1, hw2 = cluster
    text = CAPTURED.replace("PROTOCOL", protocol)
    configure(cluster, text)
    for n in cluster:
        create_md(n)
        n.run("modprobe drbd")
    stop = [n.start_nlmon() for n in cluster]
    pcap = str(tmp_path / "wire.pcap")
    with cluster.capture(pcap):
        events = hw1.spawn("exec drbdsetup events2 --statistics")
        wait_for(lambda: (events.poll(), b"exists -" in events.out)[1], 30, "events2's first part")
        up(cluster)
        # A second listener on hw1 would have every notification there twice.
        hw2.run("drbdadm wait-connect r0", timeout=60)
        wait_for(lambda: connected(hw1), 30, lambda: "Connected\n" + describe(cluster))
        hw1.run("drbdadm primary --force r0")
        wait_settled(cluster)
        hw1.run("for at in 1 2 3 50; do dd if=/dev/urandom of=/dev/drbd0 bs=64k count=1 seek=$at oflag=direct; done; "
                "dd if=/dev/urandom of=/dev/drbd0 bs=4k count=20 seek=1100 oflag=direct,dsync; "
                "blkdiscard -o 4194304 -l 1048576 /dev/drbd0; blkdiscard -z -o 6291456 -l 65536 /dev/drbd0; "
                "dd if=/dev/zero of=/dev/drbd0 bs=512 count=3 seek=9 oflag=direct; "
                "dd if=/dev/drbd0 of=/dev/null bs=1M count=4 iflag=direct")
        # Bitmap resync, after a disconnect by command and after an abrupt end.
        hw2.run("drbdadm disconnect r0")
        hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=64k count=9 seek=33 oflag=direct; "
                "blkdiscard -o 8388608 -l 262144 /dev/drbd0")
        hw2.run("drbdadm connect r0")
        wait_settled(cluster)
        # States: disk gone and back, the other one Primary, reads and writes without a disk.
        hw2.run("drbdadm detach r0")
        hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=16k count=4 seek=7 oflag=direct")
        hw2.run("drbdadm attach r0")
        wait_settled(cluster)
        hw1.run("drbdadm secondary r0")
        hw2.run("drbdadm primary r0")
        hw2.run("drbdadm detach r0")
        hw2.run("dd if=/dev/urandom of=/dev/drbd0 bs=16k count=4 seek=70 oflag=direct; "
                "dd if=/dev/drbd0 of=/dev/null bs=64k count=8 iflag=direct")
        hw2.run("drbdadm attach r0")
        wait_settled(cluster)
        hw2.run("drbdadm secondary r0")
        # A resync that is asked for, with digests.
        hw2.run("drbdadm invalidate r0")
        wait_settled(cluster)
        wait_for(lambda: "P_PING_ACK" in subprocess.run(
            [sys.executable, os.path.join(GOLDEN, "wire", "decode.py"), "--summary", pcap],
            capture_output=True, text=True).stdout, 30, "a ping", interval=2)
        for n in cluster:
            n.run("drbdadm status r0; drbdsetup show r0; drbdsetup events2 --now; drbdadm cstate r0; "
                  "drbdadm dstate r0; drbdadm role r0")
        hw1.run("drbdadm disconnect r0; drbdadm connect r0")
        wait_settled(cluster)
        for n in cluster:
            n.run("drbdadm down r0", timeout=60)
        events.close()
    netlink = [only_generic_netlink(s()) for s in stop]
    assert re.search(r"^0 packets dropped by kernel", cluster.capture_summary, re.M), cluster.capture_summary

    conf = tmp_path / "wire.conf"
    conf.write_text(text)
    out = decode("wire", "--conf", str(conf), "--check", pcap)
    seen = set(re.findall(r" (P_\w+)", out))
    want = set(PACKETS) | ({"P_WRITE_ACK"} if protocol == "C" else set())
    assert want <= seen, f"not captured: {want - seen}"
    assert seen & {"P_BITMAP", "P_COMPRESSED_BITMAP"} and "P_DATA_REQUEST" in seen and "P_DATA_REPLY" in seen
    assert "P_CSUM_RS_REQUEST" in seen or "P_RS_CSUM_DAGTAG_REQ" in seen
    for path in netlink:
        out = decode("netlink", path)
        for command in ("NEW_RESOURCE", "NEW_PEER", "NEW_PATH", "NEW_MINOR", "ATTACH", "CONNECT", "DOWN",
                        "GET_RESOURCES", "GET_DEVICES", "GET_CONNECTIONS", "GET_PEER_DEVICES", "GET_INITIAL_STATE"):
            assert re.search(rf"request {command} ", out), f"no {command} in {path}"
    assert "notify PEER_DEVICE_STATE" in decode("netlink", netlink[0])
