# SPDX-License-Identifier: GPL-2.0-only
"""make bench: this tree against what a user would take instead, on one pair of nodes in one run.

Four subjects, one after the other on the same two machines: the bare disk, the kernel's own
DRBD 8.4, MD RAID-1 over NBD, and ours.  The rows are fio jobs with O_DIRECT.  Nodes are
emulated: the ratios mean something, the absolute numbers do not.

bench.py [SUBJECT...]     default: bare 8.4 md ours; the table goes to $BUILD/bench.md as well
"""
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from vnodes import Cluster, image, wait_for  # noqa: E402

SIZE = 256 << 20
AREA = "128M"
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
DRBD_UTILS = os.path.join(image.CACHE, "drbd-utils")

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

CONF = """resource r0 {
  net { protocol C; %s }
  disk { c-plan-ahead 0; resync-rate 400M; }
  on hw1 { device /dev/drbd0; disk /dev/vdb; address 10.11.56.2:7788; meta-disk internal; }
  on hw2 { device /dev/drbd0; disk /dev/vdb; address 10.11.56.3:7788; meta-disk internal; }
}
"""


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


def bare(cluster):
    hw1 = cluster[0]
    result = jobs(hw1, "/dev/vdb")
    result[ALONE] = fio(hw1, "/dev/vdb", JOBS[1][1], "iops")
    return result


class Drbd:
    """Ours and 8.4 differ in the tools and in how a state is read."""

    def __init__(self, cluster, old):
        self.nodes, self.old = list(cluster), old

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

    def run(self):
        hw1, hw2 = self.nodes
        for n in self.nodes:
            if self.old:
                # Debian's tools where they expect to be; not through the links to ours.
                n.run("for t in drbdadm drbdsetup drbdmeta; do rm -f /usr/sbin/$t; "
                      f"ln -s {DRBD_UTILS}/sbin/$t /usr/sbin/$t; done; "
                      f"mkdir -p /lib/drbd; cp -r {DRBD_UTILS}/lib/drbd/* /lib/drbd/")
            n.run("modprobe drbd")
            n.write_file("/etc/drbd.conf", 'global { usage-count no; }\n' + CONF % "")
        env = "PATH=/usr/sbin:/usr/bin:/sbin:/bin " if self.old else ""
        for n in self.nodes:
            n.run(f"{env}drbdadm create-md --force r0 </dev/null", timeout=120)
            n.run(f"{env}drbdadm up r0", timeout=120)
        wait_for(lambda: all(self.state(n)[0] == "Connected" for n in self.nodes), 60, "connected")
        hw1.run(f"{env}drbdadm primary --force r0")
        seconds = timed(self.synced, 300, lambda: f"resync: {[self.state(n) for n in self.nodes]}")
        size = int(hw1.out("blockdev --getsize64 /dev/drbd0"))
        result = jobs(hw1, "/dev/drbd0")
        result[RESYNC] = size / seconds / 1e6
        hw1.run(f"{env}drbdadm disconnect r0")
        wait_for(lambda: self.state(hw1)[0] == "StandAlone", 60, "disconnected")
        result[ALONE] = fio(hw1, "/dev/drbd0", JOBS[1][1], "iops")
        for n in self.nodes:
            n.run(f"{env}drbdadm down r0", timeout=60)
            n.run("rmmod drbd_transport_tcp 2>/dev/null; rmmod drbd")
        return result


def md(cluster):
    """RAID-1 of the local disk and the other node's, which comes over NBD."""
    hw1, hw2 = cluster
    hw2.write_file("/tmp/nbd.conf", "[generic]\n  user = root\n  group = root\n"
                   "[disk]\n  exportname = /dev/vdb\n  flush = true\n  fua = true\n")
    hw2.run("setsid nbd-server -C /tmp/nbd.conf -d </dev/null >/tmp/nbd.log 2>&1 &")
    hw1.run("modprobe nbd; modprobe raid1")
    wait_for(lambda: hw1.run(f"nbd-client {hw2.ip} -N disk /dev/nbd0", check=None).rc == 0, 30,
             lambda: hw2.run("cat /tmp/nbd.log").text)
    hw1.run("mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --bitmap=internal "
            "--metadata=1.2 --assume-clean /dev/vdb /dev/nbd0 </dev/null")
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
    hw1.run("mdadm --stop /dev/md0; nbd-client -d /dev/nbd0")
    hw2.run("pkill -x nbd-server", check=None)
    return result


SUBJECTS = {"bare": bare, "8.4": lambda c: Drbd(c, True).run(), "md": md,
            "ours": lambda c: Drbd(c, False).run()}


def table(results):
    """Markdown: ours and its ratio to each of the others; what was not run is a dash."""
    def number(v):
        return "-" if v is None else f"{v:,.0f}" if v >= 100 else f"{v:.1f}"
    others = [s for s in ("8.4", "md", "bare")]
    lines = ["| | unit | ours | DRBD 8.4 | MD over NBD | bare disk | ours / 8.4 | ours / MD | ours / bare |",
             "|---|---|---|---|---|---|---|---|---|"]
    for row, unit in ROWS:
        mine = results.get("ours", {}).get(row)
        theirs = [results.get(s, {}).get(row) for s in others]
        ratios = [f"{mine / t:.2f}" if mine and t else "-" for t in theirs]
        lines.append("| " + " | ".join([row, unit, number(mine), *map(number, theirs), *ratios]) + " |")
    return "\n".join(lines)


def main():
    wanted = sys.argv[1:] or ["bare", "8.4", "md", "ours"]
    for s in wanted:
        if s not in SUBJECTS:
            sys.exit(f"unknown subject {s}; there are: {' '.join(SUBJECTS)}")
    results = {}
    cluster = Cluster("bench", disks=[SIZE], ours=True)
    try:
        for subject in wanted:
            # The same two machines; started anew with the modules that this subject needs.
            cluster.power_off()
            cluster.ours = subject == "ours"
            cluster.start()
            print(f"{subject} ...", flush=True)
            results[subject] = SUBJECTS[subject](cluster)
            for row, unit in ROWS:
                if row in results[subject]:
                    print(f"  {row}: {results[subject][row]:.1f} {unit}", flush=True)
    finally:
        cluster.power_off()
    text = table(results)
    path = os.path.join(image.BUILD, "bench.md")
    with open(path, "w") as f:
        f.write(text + "\n")
    print(f"\n{text}\n\nwritten to {path}")


if __name__ == "__main__":
    main()
