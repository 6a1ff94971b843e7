# SPDX-License-Identifier: GPL-2.0-only
"""make bench, second part: what the tools cost, ours against Debian's drbd-utils, in one run.

Reading 2,000 resources is measured on this machine, where nothing is executed: CPU time, the
best of several runs, because the time on the clock of a busy machine says little.  Bringing 300
resources up and down is measured on the clock of one virtual node with our kernel modules: the
same commands, with either set of tools installed on the node's own file system.  The kernel runs
the installed drbdadm too: once for each connection that ends.

tools.py [parse|node]...     default: both; the table goes to $BUILD/bench-tools.md as well
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from vnodes import Cluster, image  # noqa: E402
from debian_utils import DEBIAN, TOOLS  # noqa: E402

PARSED = 2000
RUNS = int(os.environ.get("BENCH_RUNS", "15"))
STARTED = int(os.environ.get("BENCH_RESOURCES", "300"))
OURS = os.path.join(image.BUILD, "bin")

# Not the build directory, which is first on nodes otherwise.
PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

RESOURCE = """resource r%(n)d {
  on hw1 { device /dev/drbd%(n)d; disk %(disk)s; address 10.11.56.2:%(port)d; meta-disk internal; }
  on hw2 { device /dev/drbd%(n)d; disk %(disk)s; address 10.11.56.3:%(port)d; meta-disk internal; }
}
"""
# What `drbdsetup show` says of such a resource.
SHOWN = """resource "r%(n)d" {
    options {
    }
    _this_host {
        node-id\t\t\t%(me)d;
        volume 0 {
            device\t\t\tminor %(n)d;
            disk\t\t\t"%(disk)s";
            meta-disk\t\t\tinternal;
        }
    }
    connection {
        _peer_node_id %(peer)d;
        path {
            _this_host ipv4 10.11.56.2:%(port)d;
            _remote_host ipv4 10.11.56.3:%(port)d;
        }
        net {
            _name           \t"hw2";
        }
    }
}

"""
PARSES = [
    ("`dump all`", "dump all"),
    ("`dump-xml`", "dump-xml"),
    ("`sh-resources`", "sh-resources"),
    ("`-d up all`", "-d up all"),
    ("`-d adjust all`, all running", "-d adjust all"),
]


def resources(template, count, disk, me=0):
    return "".join(template % {"n": n, "port": 7000 + n, "disk": disk % n if "%" in disk else disk,
                               "me": me, "peer": 1 - me} for n in range(count))


def cpu(argv, env):
    """User and system CPU seconds of one run, and its output."""
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=out,
                             stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        if p.returncode:
            raise SystemExit(f"{' '.join(argv)}: exit code {p.returncode}")
        return used.ru_utime + used.ru_stime, out.read()


def normal(output, tools):
    """Output without the directory of the tools, which a dry run prints."""
    return output.replace(tools.encode() + b"/", b"")


def parse():
    """Rows (name, unit, ours, Debian's) for reading a big configuration."""
    rows = []
    with tempfile.TemporaryDirectory() as d:
        conf, show = os.path.join(d, "drbd.conf"), os.path.join(d, "show")
        with open(conf, "w") as f:
            f.write("global { usage-count no; disable-ip-verification; }\n" +
                    resources(RESOURCE, PARSED, "/dev/vg/l%d"))
        env = dict(os.environ, __DRBD_NODE__="hw1", FAKE_DRBDSETUP_SHOW=show)
        # Which of the two gets which node id follows from their addresses.
        first = cpu([f"{OURS}/drbdadm", "-c", conf, "-d", "new-resource", "r0"], env)[1].split()
        with open(show, "w") as f:
            f.write(resources(SHOWN, PARSED, "/dev/vg/l%d", me=int(first[3])))
        for name, words in PARSES:
            best = {}
            said = {}
            # In turns: what else the machine does hits both.
            for _ in range(RUNS):
                for tools in (OURS, DEBIAN):
                    seconds, out = cpu([f"{tools}/drbdadm", "-c", conf, *words.split()], env)
                    best[tools] = min(seconds, best.get(tools, seconds))
                    said[tools] = normal(out, tools)
            # -d up prints program names as they were found.
            if said[OURS] != said[DEBIAN]:
                raise SystemExit(f"drbdadm {words}: the tools disagree, nothing to compare")
            rows.append((f"{name}, {PARSED:,} resources", "ms CPU", best[OURS] * 1000,
                         best[DEBIAN] * 1000))
            print(f"  {words}: {best[OURS] * 1000:.1f} ms, Debian's {best[DEBIAN] * 1000:.1f} ms",
                  flush=True)
    return rows


def install(node, tools):
    """Puts a set of tools, without debugging symbols, where an installation has them."""
    node.run(" && ".join(f"rm -f /usr/sbin/{t} && cp -L {tools}/{t} /usr/sbin/{t} && "
                         f"strip /usr/sbin/{t}" for t in TOOLS))
    if tools == DEBIAN:
        node.run(f"mkdir -p /lib/drbd && cp -r {DEBIAN}/../lib/drbd/. /lib/drbd/")
    for t in TOOLS:
        node.run(f"{PATH} test $({PATH} command -v {t}) = /usr/sbin/{t} && test ! -L /usr/sbin/{t} "
                 f"&& test /sbin/{t} -ef /usr/sbin/{t}")


def timed(node, command):
    """Seconds on the node's clock that a command takes."""
    # The clock of the node: how long it takes to hand over a command does not count.
    out = node.run(f"export {PATH}; read a b </proc/uptime; {command} >/tmp/said 2>&1; rc=$?; "
                   "read c d </proc/uptime; echo $rc $a $c", timeout=900).out.split()
    if out[0] != "0":
        raise SystemExit(f"{command}: exit code {out[0]}\n" + node.out("tail -n 20 /tmp/said"))
    return float(out[2]) - float(out[1])


def present(node):
    return len(json.loads(node.run(f"{PATH} drbdsetup status --json").out))


def cycle(node):
    """Seconds for each step of up, adjust, down."""
    steps = {}

    def step(name, command, want):
        steps[name] = timed(node, command)
        there = present(node)
        if there != want:
            raise SystemExit(f"{command}: {there} resources instead of {want}")
        print(f"  {name}: {steps[name]:.2f} s", flush=True)
    step("`up all`", "drbdadm up all", STARTED)
    step("`adjust all`, nothing to do", "drbdadm adjust all", STARTED)
    step("`down all`", "drbdadm down all", 0)
    step("`adjust all`, all to do", "drbdadm adjust all", STARTED)
    return steps


def on_node():
    """Rows for 300 resources without disk on one node; nobody answers at the other end."""
    cluster = Cluster("bench-tools", size=1, disks=[], ours=True)
    node = cluster[0]
    results = {}
    try:
        for tools in (OURS, DEBIAN):
            # Started anew: what one set of tools left behind shall not slow the other down.
            cluster.start()
            print(f"{tools} ...", flush=True)
            install(node, tools)
            node.write_file("/etc/drbd.conf", "global { usage-count no; }\n" + resources(
                RESOURCE, STARTED, "none").replace("meta-disk internal; ", ""))
            node.run("modprobe drbd && modprobe drbd_transport_tcp")
            results[tools] = cycle(node)
            trouble = cluster.trouble()
            if trouble:
                raise SystemExit(f"the kernel complains:\n{trouble}")
    finally:
        cluster.power_off()
    return [(f"{name}, {STARTED} resources", "s", mine, results[DEBIAN][name])
            for name, mine in results[OURS].items()]


def table(rows):
    lines = ["| | unit | ours | Debian's 9.22 | Debian's / ours |", "|---|---|---|---|---|"]
    for name, unit, mine, theirs in rows:
        digits = 2 if unit == "s" else 1
        lines.append(f"| {name} | {unit} | {mine:.{digits}f} | {theirs:.{digits}f} | "
                     f"{theirs / mine:.1f} |")
    return "\n".join(lines)


PARTS = {"parse": parse, "node": on_node}


def main():
    wanted = sys.argv[1:] or list(PARTS)
    for part in wanted:
        if part not in PARTS:
            sys.exit(f"unknown part {part}; there are: {' '.join(PARTS)}")
    rows = []
    for part in wanted:
        print(f"{part} ...", flush=True)
        rows += PARTS[part]()
    text = table(rows)
    path = os.path.join(image.BUILD, "bench-tools.md")
    with open(path, "w") as f:
        f.write(text + "\n")
    print(f"\n{text}\n\nwritten to {path}")


if __name__ == "__main__":
    main()
