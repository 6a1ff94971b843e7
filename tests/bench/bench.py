# SPDX-License-Identifier: GPL-2.0-only
"""make bench: this tree against what a user would take instead, on one pair of nodes in one run.

Four subjects on the same two machines: the bare disk, the kernel's own DRBD 8.4, MD RAID-1 over
NBD, and ours, all on the same disk (which of several makes a tenth of difference).  The rows are
fio jobs with O_DIRECT.  Nodes are emulated, by a host whose speed changes from minute to minute: so
the subjects take turns in several rounds, a ratio is the median of the ratios within a round, a
number the median of all rounds.  The ratios mean something, the absolute numbers do not.

bench.py [SUBJECT...]     default: bare 8.4 md ours; the table goes to $BUILD/bench.md as well
BENCH_ROUNDS, BENCH_SECONDS: how many rounds, how long a job runs in each
"""
import contextlib
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from vnodes import Cluster, image, wait_for  # noqa: E402
from debian_utils import DEBIAN, debian_tools  # noqa: E402

SIZE = 256 << 20
AREA = "128M"
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
DISK = "/dev/vdb"

# name, fio options, which result, unit
JOBS = [
    ("4 KiB random writes, depth 1", "--rw=randwrite --bs=4k --iodepth=1", "iops"),
    ("4 KiB random writes, depth 32", "--rw=randwrite --bs=4k --iodepth=32", "iops"),
    ("64 KiB sequential writes", "--rw=write --bs=64k --iodepth=8", "MB/s"),
    ("1 MiB sequential writes", "--rw=write --bs=1M --iodepth=4", "MB/s"),
    ("4 KiB random reads", "--rw=randread --bs=4k --iodepth=8", "iops"),
]
RESYNC = "full resynchronisation"
ALONE = "4 KiB random writes, disconnected"
ROWS = [(name, unit) for name, _, unit in JOBS] + [(RESYNC, "MB/s"), (ALONE, "iops")]

CONF = """global { usage-count no; }
resource r0 {
  net { protocol C; }
  disk { c-plan-ahead 0; resync-rate 400M; }
  on hw1 { device /dev/drbd0; disk %s; address 10.11.56.2:7788; meta-disk internal; }
  on hw2 { device /dev/drbd0; disk %s; address 10.11.56.3:7788; meta-disk internal; }
}
""" % (DISK, DISK)


def fio(node, device, options, unit):
    """One job; returns its rate in the unit."""
    out = node.run(f"fio --name=b --filename={device} --direct=1 --ioengine=libaio --size={AREA} "
                   f"--time_based --runtime={SECONDS} --ramp_time=1 --norandommap "
                   f"--output-format=json {options}", timeout=SECONDS * 6 + 60).out
    job = json.loads(out[out.index("{"):])["jobs"][0]
    side = job["read" if "read" in options else "write"]
    return side["iops"] if unit == "iops" else side["bw_bytes"] / 1e6


def jobs(node, device):
    return {name: fio(node, device, options, unit) for name, options, unit in JOBS}


def timed(condition, timeout, what):
    """Seconds until condition() holds."""
    start = time.monotonic()
    wait_for(condition, timeout, what, interval=0.05)
    return time.monotonic() - start


class Bare:
    def __init__(self, cluster):
        self.node = cluster[0]

    def round(self):
        result = jobs(self.node, DISK)
        result[ALONE] = fio(self.node, DISK, JOBS[1][1], "iops")
        return result


class Drbd:
    """Ours and 8.4 differ in the module, in the tools and in how a state is read."""

    def __init__(self, cluster, old):
        self.nodes, self.old = list(cluster), old
        if old:
            # What Debian's drbdadm hands over to with such a module.
            cluster.each(f"mkdir -p /lib/drbd && cp -r {DEBIAN}/../lib/drbd/. /lib/drbd/")

    def load(self, node):
        if self.old:
            stock = "/lib/modules/$(uname -r)/kernel/drivers/block/drbd/drbd.ko"
            node.run(f"modprobe -a lru_cache libcrc32c; insmod $(ls {stock}* | head -n 1)")
        else:
            node.run("modprobe drbd")

    def adm(self, node, command):
        return node.run(f"drbdadm {command}", timeout=120)

    def state(self, node):
        """(connection, own disk, replication) in words."""
        if self.old:
            text = node.run("cat /proc/drbd").out
            line = next((x for x in text.splitlines() if "cs:" in x), "")
            f = dict(w.split(":", 1) for w in line.split() if ":" in w and not w.endswith(":"))
            return f.get("cs", ""), f.get("ds", "/").split("/")[0], f.get("cs", "")
        s = json.loads(node.run("drbdsetup status r0 --json").out)[0]
        c = s["connections"][0]
        return (c["connection-state"], s["devices"][0]["disk-state"],
                c["peer_devices"][0]["replication-state"])

    def synced(self):
        for n in self.nodes:
            connection, disk, replication = self.state(n)
            if disk != "UpToDate" or (connection if self.old else replication) not in (
                    "Connected", "Established"):
                return False
        return True

    def states(self):
        return str([self.state(n) for n in self.nodes])

    def round(self):
        with debian_tools(self.nodes) if self.old else contextlib.nullcontext():
            return self.measure()

    def measure(self):
        hw1 = self.nodes[0]
        for n in self.nodes:
            self.load(n)
            n.write_file("/etc/drbd.conf", CONF)
            self.adm(n, "create-md --force r0 </dev/null")
        for n in self.nodes:
            self.adm(n, "up r0")
        wait_for(lambda: all(self.state(n)[0] == "Connected" for n in self.nodes), 60, self.states)
        self.adm(hw1, "primary --force r0")
        seconds = timed(self.synced, 300, self.states)
        result = jobs(hw1, "/dev/drbd0")
        result[RESYNC] = int(hw1.out("blockdev --getsize64 /dev/drbd0")) / seconds / 1e6
        self.adm(hw1, "disconnect r0")
        wait_for(lambda: self.state(hw1)[0] == "StandAlone", 60, "disconnected")
        result[ALONE] = fio(hw1, "/dev/drbd0", JOBS[1][1], "iops")
        for n in self.nodes:
            self.adm(n, "down r0")
            n.run("rmmod drbd_transport_tcp 2>/dev/null; rmmod drbd")
        return result


class Md:
    """RAID-1 of the local disk and the other node's, which comes over NBD."""
    def __init__(self, cluster):
        self.nodes = list(cluster)

    def round(self):
        hw1, hw2 = self.nodes
        hw2.write_file("/tmp/nbd.conf", "[generic]\n  user = root\n  group = root\n"
                       f"[disk]\n  exportname = {DISK}\n  flush = true\n  fua = true\n")
        hw2.run("setsid nbd-server -C /tmp/nbd.conf -d </dev/null >/tmp/nbd.log 2>&1 &")
        hw1.run("modprobe nbd; modprobe raid1")
        wait_for(lambda: hw1.run(f"nbd-client {hw2.ip} -N disk /dev/nbd0", check=None).rc == 0, 30,
                 lambda: hw2.run("cat /tmp/nbd.log").text)
        hw1.run("mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --bitmap=internal "
                f"--metadata=1.2 --assume-clean {DISK} /dev/nbd0 </dev/null")
        result = jobs(hw1, "/dev/md0")
        hw1.run("echo 1000000 >/proc/sys/dev/raid/speed_limit_max; "
                "echo 1000000 >/proc/sys/dev/raid/speed_limit_min; "
                "mdadm /dev/md0 --fail /dev/nbd0 --remove /dev/nbd0")
        result[ALONE] = fio(hw1, "/dev/md0", JOBS[1][1], "iops")
        size = int(hw1.out("blockdev --getsize64 /dev/md0"))
        hw1.run("mdadm --zero-superblock /dev/nbd0; mdadm /dev/md0 --add /dev/nbd0")
        seconds = timed(lambda: hw1.out("cat /sys/block/md0/md/degraded") == "0", 300,
                        lambda: hw1.run("cat /proc/mdstat").text)
        result[RESYNC] = size / seconds / 1e6
        hw1.run(f"mdadm --stop /dev/md0; mdadm --zero-superblock {DISK} /dev/nbd0; "
                "nbd-client -d /dev/nbd0")
        hw2.run("pkill -x nbd-server", check=None)
        wait_for(lambda: hw2.run("pgrep -x nbd-server", check=None).rc != 0, 30, "nbd-server ends")
        return result


SUBJECTS = {"bare": Bare, "8.4": lambda c: Drbd(c, True), "md": Md,
            "ours": lambda c: Drbd(c, False)}


def table(rounds):
    """
    Markdown: ours and its ratio to each of the others; what was not run is a dash.

    rounds   list of {subject: {row: value}}
    """
    def median(values):
        return statistics.median(values) if values else None

    def number(v):
        return "-" if v is None else f"{v:,.0f}" if v >= 100 else f"{v:.1f}"

    def value(row, subject):
        return median([r[subject][row] for r in rounds if row in r.get(subject, {})])

    def ratio(row, subject):
        v = median([r["ours"][row] / r[subject][row] for r in rounds
                    if row in r.get("ours", {}) and row in r.get(subject, {})])
        return "-" if v is None else f"{v:.2f}"
    others = ["8.4", "md", "bare"]
    lines = ["| | unit | ours | DRBD 8.4 | MD over NBD | bare disk | ours / 8.4 | ours / MD | ours / bare |",
             "|---|---|---|---|---|---|---|---|---|"]
    for row, unit in ROWS:
        cells = [number(value(row, s)) for s in ["ours"] + others]
        cells += [ratio(row, s) for s in others]
        lines.append("| " + " | ".join([row, unit, *cells]) + " |")
    return "\n".join(lines)


def main():
    wanted = sys.argv[1:] or ["bare", "8.4", "md", "ours"]
    for s in wanted:
        if s not in SUBJECTS:
            sys.exit(f"unknown subject {s}; there are: {' '.join(SUBJECTS)}")
    rounds = []
    cluster = Cluster("bench", disks=[SIZE])
    try:
        cluster.start()
        subjects = {s: SUBJECTS[s](cluster) for s in wanted}
        for n in range(ROUNDS):
            rounds.append({})
            for name, subject in subjects.items():
                # Nothing of the last one's metadata.
                cluster.each(f"for m in 0 {(SIZE >> 20) - 1}; do dd if=/dev/zero of={DISK} "
                             "bs=1M seek=$m count=1 oflag=direct 2>/dev/null; done")
                result = rounds[-1][name] = subject.round()
                print(f"round {n + 1}, {name}: " + ", ".join(
                    f"{result[row]:.1f} {unit}" for row, unit in ROWS if row in result), flush=True)
    finally:
        cluster.power_off()
    text = table(rounds)
    path = os.path.join(image.BUILD, "bench.md")
    with open(path, "w") as f:
        f.write(text + "\n")
    print(f"\n{text}\n\nwritten to {path}")


if __name__ == "__main__":
    main()
