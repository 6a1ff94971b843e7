# SPDX-License-Identifier: GPL-2.0-only
"""What the tests do with DRBD on virtual nodes."""
import json
import os
import struct
import subprocess

from vnodes import image, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
MAGIC = 0x52454d4d41484244
BLOCK = 4096

# The configuration of the story, as an operator would write it.
STORY = """resource r0 {
  on hw1 { device /dev/drbd0; disk /dev/vdb; address 10.11.56.2:7788; meta-disk internal; }
  on hw2 { device /dev/drbd0; disk /dev/vdb; address 10.11.56.3:7788; meta-disk internal; }
}
"""

# The same with short timeouts: the loss of a node is noticed within seconds.
QUICK = STORY.replace("resource r0 {\n", """resource r0 {
  net { timeout 40; ping-int 5; ping-timeout 20; connect-int 5; }
  disk { c-max-rate 200M; c-min-rate 40M; }
""")

MAIN = 'global { usage-count no; }\ninclude "drbd.d/*.res";\n'


def configure(cluster, text, name="r0"):
    """Write one resource file on every node that is on; the module is there, too."""
    for n in cluster:
        if n.pid:
            # drbdadm gives its first command 5 seconds: on an emulated node not enough to load it.
            n.run("modprobe drbd", timeout=60)
            n.write_file("/etc/drbd.conf", MAIN)
            n.write_file(f"/etc/drbd.d/{name}.res", text)


def create_md(node, res="r0"):
    node.run(f"drbdadm create-md --force {res}", timeout=120)


def up(cluster, res="r0"):
    cluster.each(f"drbdadm up {res}", timeout=120)


def status(node, res=""):
    """The resources of `drbdsetup status --json`, by name."""
    r = node.run(f"drbdsetup status --json --statistics {res}", check=None)
    if r.rc:
        return {}
    return {r["name"]: r for r in json.loads(r.out)}


def peer_device(node, res="r0", connection=0, volume=0):
    """State of one peer device, with the connection's under "connection"."""
    c = status(node, res)[res]["connections"][connection]
    return {**c["peer_devices"][volume], "connection": c["connection-state"],
            "peer-role": c["peer-role"]}


def settled(node, res="r0"):
    """Nothing left to do: connected to all, all disks UpToDate, no resync."""
    r = status(node, res).get(res)
    if not r or not r["connections"]:
        return False
    return all(d["disk-state"] == "UpToDate" for d in r["devices"]) and all(
        c["connection-state"] == "Connected" and all(
            p["replication-state"] == "Established" and p["peer-disk-state"] == "UpToDate"
            for p in c["peer_devices"]) for c in r["connections"])


def describe(cluster, res=""):
    """For messages: what every node says of itself."""
    text = ""
    for n in cluster:
        if n.pid:
            text += f"--- {n.name}\n" + n.run(f"drbdsetup status -s {res}", check=None).text
        else:
            text += f"--- {n.name} is off\n"
    return text


def wait_settled(cluster, res="r0", timeout=180):
    wait_for(lambda: all(settled(n, res) for n in cluster), timeout,
             lambda: f"{res} UpToDate everywhere\n" + describe(cluster, res), interval=0.3)


def promote(node, res="r0", timeout=60):
    """Make primary, as soon as the node may be."""
    wait_for(lambda: node.run(f"drbdadm primary {res}", check=None).rc == 0, timeout,
             lambda: f"{node.name} primary: " + node.run(f"drbdadm primary {res}", check=None).text,
             interval=0.5)


def connected_pair(cluster, text=QUICK, primary=0, met=False):
    """From nothing to a synchronised r0 with a primary (None: both secondary).

    met: there is no data before they have met, and agreed on a size."""
    configure(cluster, text)
    for n in cluster:
        create_md(n)
    up(cluster)
    if met:
        for n in cluster:
            wait_for(lambda n=n: peer_device(n)["connection"] == "Connected", 60,
                     lambda: "connected\n" + describe(cluster))
    cluster[primary or 0].run("drbdadm primary --force r0")
    wait_settled(cluster)
    if primary is None:
        cluster[0].run("drbdadm secondary r0")


def data_size(node, minor=0):
    return int(node.out(f"blockdev --getsize64 /dev/drbd{minor}"))


def assert_identical(cluster, size, disk=0):
    """Data areas of the nodes' disks are equal byte for byte, seen from the host."""
    files = [n.disks[disk] for n in cluster]
    with open(files[0], "rb") as a, open(files[1], "rb") as b:
        different, at = [], 0
        while at < size:
            x, y = a.read(1 << 20), b.read(1 << 20)
            x, y = x[:size - at], y[:size - at]
            if x != y:
                for o in range(0, len(x), BLOCK):
                    if x[o:o + BLOCK] != y[o:o + BLOCK]:
                        different.append((at + o) // BLOCK)
            at += 1 << 20
    assert not different, f"{len(different)} blocks of 4 KiB differ: {different[:20]}"


def compare(cluster, res="r0"):
    """Waits until nothing is under way, then compares the disks of a one-volume resource."""
    wait_settled(cluster, res)
    for n in cluster:
        if status(n, res)[res]["role"] == "Primary":
            size = data_size(n)
            # What was written is in flight no longer.
            n.run("blockdev --flushbufs /dev/drbd0; sync")
            break
    else:
        size = status(cluster[0], res)[res]["devices"][0]["size"] * 1024
    assert_identical(cluster, size)


def hammer_binary():
    out = os.path.join(image.BUILD, "nodes", "hammer")
    source = os.path.join(HERE, "hammer.c")
    if not os.path.exists(out) or os.stat(out).st_mtime < os.stat(source).st_mtime:
        os.makedirs(os.path.dirname(out), exist_ok=True)
        subprocess.run(["gcc", "-O2", "-Wall", "-static", "-pthread", "-o", out, source],
                       check=True)
    return out


class Hammer:
    """Writes on a node, remembers what was acknowledged."""

    numbers = 0

    def __init__(self, node, size=16 << 20, threads=4, device="/dev/drbd0", seed=1):
        self.node = node
        self.first = Hammer.numbers
        self.acked = {}                 # block -> highest acknowledged number
        self.count = 0
        self._parsed = 0
        Hammer.numbers += 10_000_000
        self.process = node.spawn(
            f"exec {hammer_binary()} {device} {size} {threads} {seed} {self.first}")

    def poll(self):
        """Take in acknowledgements; returns how many there have been."""
        self.process.poll(0.05)
        self._parse()
        return self.count

    def _parse(self):
        out = self.process.out
        end = out.rfind(b"\n") + 1
        for line in bytes(out[self._parsed:end]).splitlines():
            number, block, run = map(int, line.split())
            for b in range(block, block + run):
                if self.acked.get(b, -1) < number:
                    self.acked[b] = number
            self.count += 1
        self._parsed = end

    def reach(self, count, timeout=120):
        wait_for(lambda: self.poll() >= count, timeout,
                 lambda: f"{count} writes on {self.node.name}, {self.count} were done; "
                 + self.process.err.decode(errors="replace"), interval=0)

    def drain(self):
        """After the node's death: what it had still been able to say."""
        try:
            while self.process.poll(0.2) is None:
                pass
        except Exception:               # the node is down: that is expected here
            pass
        self._parse()

    def stop(self):
        """End the writes; those under way complete."""
        self.node.run("pkill -x hammer; while pgrep -x hammer >/dev/null; do :; done",
                      check=None, timeout=120)
        self.process.wait(60)
        self._parse()
        return self

    def merge(self, older):
        """Writes of an earlier hammer on the same device count too."""
        for b, n in older.acked.items():
            if self.acked.get(b, -1) < n:
                self.acked[b] = n
        return self


def assert_acked(node, acked, disk=0):
    """Every acknowledged write, or a later one, is on the backing disk, whole."""
    lost, torn = [], []
    with open(node.disks[disk], "rb") as f:
        for block, number in acked.items():
            f.seek(block * BLOCK)
            data = f.read(BLOCK)
            heads = [struct.unpack_from("=QQQ", data, s) for s in range(0, BLOCK, 512)]
            if len(set(heads)) != 1:
                torn.append((block, heads))
            elif heads[0][0] != MAGIC or heads[0][2] != block or heads[0][1] < number:
                lost.append((block, number, heads[0]))
    assert not lost, f"{node.name}: {len(lost)} acknowledged writes are lost: {lost[:5]}"
    assert not torn, f"{node.name}: {len(torn)} blocks are torn: {torn[:3]}"
