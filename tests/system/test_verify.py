# SPDX-License-Identifier: GPL-2.0-only
"""Online verify, and a resync that compares checksums before it sends."""
import re

from drbd import (QUICK, Hammer, assert_acked, compare, connected_pair, describe, peer_device,
                  status)
from vnodes import wait_for

SIZE = 32 << 20
VERIFY = QUICK.replace("net {", "net { verify-alg sha256;").replace("disk {", "disk { size 32M;")
SLOW = VERIFY.replace("c-max-rate 200M; c-min-rate 40M;", "c-max-rate 1M; c-min-rate 1M;")
CSUMS = VERIFY.replace("net {", "net { csums-alg sha256;")


def log_since(node, start):
    return node.dmesg()[start:]


def start_verify(node, options=""):
    """Returns where the node's kernel log ended before."""
    start = len(node.dmesg())
    node.run(f"drbdadm verify {options} r0")
    return start


def wait_verified(cluster, node, start, timeout=180):
    def done():
        return "Online verify done" in log_since(node, start) and all(
            peer_device(n)["replication-state"] == "Established" for n in cluster)
    wait_for(done, timeout, lambda: "online verify is done\n" + describe(cluster), interval=0.3)


def out_of_sync(node):
    """KiB that are known to differ."""
    return peer_device(node)["out-of-sync"]


def ranges(node, start):
    """What the node said was out of sync: (sector, sectors)."""
    return [(int(a), int(b)) for a, b in
            re.findall(r"Out of sync: start=(\d+), size=(\d+)", log_since(node, start))]


def spoil(node, block, count=1, disk="vdb"):
    """Other data in blocks of 4 KiB on the backing disk, behind DRBD's back."""
    node.run(f"dd if=/dev/urandom of=/dev/{disk} bs=4096 seek={block} count={count} "
             "oflag=direct conv=notrunc status=none")


def write(node, first, blocks, source="/dev/urandom"):
    node.run(f"dd if={source} of=/dev/drbd0 bs=4096 seek={first} count={blocks} oflag=direct "
             "conv=notrunc status=none", timeout=120)


def test_identical_pair(cluster):
    """Nothing is found where nothing differs, whichever node asks."""
    connected_pair(cluster, VERIFY)
    hw1, hw2 = cluster
    hammer = Hammer(hw1, threads=4)
    hammer.reach(100)
    hammer.stop()
    for asking in (hw1, hw2):
        start = {n: len(n.dmesg()) for n in cluster}
        start_verify(asking)
        wait_verified(cluster, asking, start[asking])
        for n in cluster:
            assert out_of_sync(n) == 0 and not ranges(n, start[n]), describe(cluster)
    compare(cluster)


def test_changed_blocks_are_found_and_repaired(cluster):
    """Exactly the blocks that differ are marked, on both nodes; a resync of them repairs."""
    connected_pair(cluster, VERIFY)
    hw1, hw2 = cluster
    # One alone, a pair that is one range, the first and the last of the device.
    last = SIZE // 4096 - 1
    expected = [(0, 8), (1234 * 8, 8), (4000 * 8, 16), (last * 8, 8)]
    for sector, sectors in expected:
        spoil(hw2, sector // 8, sectors // 8)
    start = {n: len(n.dmesg()) for n in cluster}
    start_verify(hw1)
    wait_verified(cluster, hw1, start[hw1])
    for n in cluster:
        assert sorted(ranges(n, start[n])) == expected, ranges(n, start[n])
        assert out_of_sync(n) == 20, describe(cluster)

    # A new generation on the Primary: the marked blocks count from now on.
    hw2.run("drbdadm disconnect r0")
    write(hw1, 2000, 1)
    hw2.run("drbdadm connect r0")
    compare(cluster)
    for n in cluster:
        assert out_of_sync(n) == 0

    # The other way: the node that has the wrong data asks, and says whose is right.
    spoil(hw2, 777)
    begin = start_verify(hw2)
    wait_verified(cluster, hw2, begin)
    assert ranges(hw2, begin) == [(777 * 8, 8)]
    before = peer_device(hw2)["received"]
    hw2.run("drbdadm invalidate --reset-bitmap=no r0")
    compare(cluster)
    assert peer_device(hw2)["received"] - before == 4, describe(cluster)
    begin = start_verify(hw2)
    wait_verified(cluster, hw2, begin)
    assert not ranges(hw2, begin) and out_of_sync(hw1) == 0 and out_of_sync(hw2) == 0


def test_part_of_the_device(cluster):
    """--start and --stop: what lies outside is not looked at; the next run goes on at the stop."""
    connected_pair(cluster, VERIFY)
    hw1, hw2 = cluster
    for block in (100, 3000, 6000):
        spoil(hw2, block)
    begin = start_verify(hw1, "--start=16384s --stop=32768s")
    wait_verified(cluster, hw1, begin)
    assert ranges(hw1, begin) == [(3000 * 8, 8)], ranges(hw1, begin)
    begin = start_verify(hw1)
    wait_verified(cluster, hw1, begin)
    assert ranges(hw1, begin) == [(6000 * 8, 8)], ranges(hw1, begin)
    # That one came to the end: from the beginning again.
    begin = start_verify(hw1)
    wait_verified(cluster, hw1, begin)
    assert [r for r in ranges(hw1, begin) if r == (100 * 8, 8)], ranges(hw1, begin)
    assert out_of_sync(hw1) == 12


def test_verify_during_writes(cluster):
    """Writes during a verify may make it skip blocks, never find differences; it ends."""
    connected_pair(cluster, VERIFY)
    hw1, hw2 = cluster
    hammer = Hammer(hw1, size=SIZE, threads=4)
    hammer.reach(20)
    for asking in (hw1, hw2):
        start = {n: len(n.dmesg()) for n in cluster}
        before = hammer.poll()
        start_verify(asking)
        wait_verified(cluster, asking, start[asking], timeout=240)
        hammer.reach(before + 20)
        for n in cluster:
            assert not ranges(n, start[n]) and out_of_sync(n) == 0, describe(cluster)
    hammer.stop()
    compare(cluster)
    for n in cluster:
        assert_acked(n, hammer.acked)


def verifying(node):
    return peer_device(node)["replication-state"] in ("VerifyS", "VerifyT")


def test_link_lost_during_verify(cluster):
    """The nodes connect again; the next verify goes on; taking down in the middle works."""
    connected_pair(cluster, SLOW)
    hw1, hw2 = cluster
    spoil(hw2, 8000)
    hammer = Hammer(hw1, size=SIZE // 2, threads=2)
    hammer.reach(20)
    begin = start_verify(hw1)
    wait_for(lambda: verifying(hw1) and peer_device(hw1).get("ov-position", 0) > 2048, 60,
             lambda: "verify makes progress\n" + describe(cluster))
    hw2.cut()
    wait_for(lambda: all(peer_device(n)["connection"] != "Connected" for n in cluster), 60,
             lambda: "both notice\n" + describe(cluster))
    hammer.reach(hammer.poll() + 20)
    hw2.heal()
    hammer.stop()
    compare_but(cluster, 8000)
    # On from where it was, to the block near the end.
    again = start_verify(hw1)
    wait_for(lambda: verifying(hw1), 30, lambda: "verify runs\n" + describe(cluster))
    first = peer_device(hw1)["ov-start-sector"]
    assert 0 < first <= SIZE // 512, describe(cluster)
    wait_verified(cluster, hw1, again)
    assert ranges(hw1, again) == [(8000 * 8, 8)], ranges(hw1, again)
    assert "Online verify done" not in hw1.dmesg()[begin:again]

    start_verify(hw2)
    wait_for(lambda: verifying(hw1) and verifying(hw2), 30, lambda: describe(cluster))
    hw2.run("drbdadm down r0", timeout=60)
    assert not status(hw2)
    hw2.run("drbdadm up r0", timeout=120)
    wait_for(lambda: peer_device(hw1)["connection"] == "Connected", 60, lambda: describe(cluster))
    start_verify(hw1)
    wait_for(lambda: verifying(hw1) and verifying(hw2), 30, lambda: describe(cluster))
    for n in cluster:
        n.run("drbdadm down r0", timeout=60)
        assert not status(n)


def compare_but(cluster, block):
    """Settled and equal, apart from one block that was spoiled on purpose."""
    try:
        compare(cluster)
    except AssertionError as e:
        assert f"1 blocks of 4 KiB differ: [{block}]" in str(e), e


def test_resync_with_checksums(cluster):
    """Two nodes wrote on their own; of the blocks that are marked only those that differ are sent."""
    connected_pair(cluster, CSUMS)
    hw1, hw2 = cluster
    cluster.each("drbdadm disconnect r0")
    # The same data once more: marked, and equal.
    hw1.run("dd if=/dev/drbd0 of=/tmp/same bs=1M count=8 status=none")
    write(hw1, 0, 2048, "/tmp/same")
    write(hw1, 6000, 16)
    hw2.run("drbdadm primary --force r0")
    write(hw2, 5000, 16)
    hw2.run("drbdadm secondary r0")
    marked = out_of_sync(hw1)
    assert marked >= 8192 + 64, describe(cluster)
    hw2.run("drbdadm connect --discard-my-data r0")
    hw1.run("drbdadm connect r0", check=None)
    compare(cluster)
    received = peer_device(hw2)["received"]
    # Requests of neighbouring blocks are larger than what differs, but nothing of the equal 8 MiB.
    assert 128 <= received < 512, (received, describe(cluster))
    assert peer_device(hw1)["out-of-sync"] == 0 and peer_device(hw2)["out-of-sync"] == 0


def test_source_cannot_read(cluster):
    """A bad spot on the source: the target is not called good, and catches up after the repair."""
    hw1, hw2 = cluster
    hw1.dm_wrap("vdb")
    text = SLOW.replace("c-max-rate 1M; c-min-rate 1M;", "c-max-rate 4M; c-min-rate 4M;")
    text = text.replace("on hw1 { device /dev/drbd0; disk /dev/vdb;",
                        "on hw1 { device /dev/drbd0; disk /dev/mapper/t-vdb;")
    connected_pair(cluster, text)
    hw1.run("drbdadm invalidate-remote r0")
    wait_for(lambda: peer_device(hw2)["replication-state"] == "SyncTarget", 30,
             lambda: describe(cluster))
    hw1.dm_fail("vdb", 60000, 64)
    wait_for(lambda: status(hw1)["r0"]["devices"][0]["disk-state"] == "Diskless", 60,
             lambda: "the bad disk is detached\n" + describe(cluster))
    assert status(hw2)["r0"]["devices"][0]["disk-state"] != "UpToDate", describe(cluster)
    hw1.dm_heal("vdb")
    hw1.run("drbdadm attach r0", timeout=60)
    compare(cluster)
