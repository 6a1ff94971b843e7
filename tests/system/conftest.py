# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures: pairs of virtual nodes that are reused, and checked after every test."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vnodes import Cluster, NodeDown, in_parallel  # noqa: E402

DISKS = [128 << 20, 16 << 20, 16 << 20]


class Pool:
    """At most one cluster runs at a time: the test host is small."""

    def __init__(self):
        self.cluster, self.key = None, None

    def get(self, kernel, size):
        if self.key != (kernel, size):
            self.close()
            self.cluster = Cluster("test", size=size, kernel=kernel, disks=DISKS)
            self.cluster.start()
            self.key = (kernel, size)
        return self.cluster

    def close(self):
        if self.cluster is not None:
            self.cluster.power_off()
        self.cluster, self.key = None, None


@pytest.fixture(scope="session")
def pool():
    p = Pool()
    yield p
    p.close()


def pytest_configure(config):
    config.addinivalue_line("markers", "kernel(series): boot this kernel, default 6.1")
    config.addinivalue_line("markers", "nodes(n): number of nodes, default 2")


def unload(node):
    """Take everything down and the modules out; an error text, or None."""
    r = node.run("grep -q '^drbd ' /proc/modules || exit 0; "
                 "for r in $(drbdsetup status 2>/dev/null | awk '/^[^ #]/ { print $1 }'); do "
                 "drbdsetup down $r; done; "
                 "rmmod drbd_transport_tcp; rmmod drbd", timeout=90, check=None)
    left = node.run("grep '^drbd' /proc/modules", check=None).out
    return f"{node.name}: modules remain: {left}{r.text}" if left else None


@pytest.fixture
def cluster(request, pool):
    """Nodes that run, without drbd modules, with empty disks and no configuration."""
    kernel, size = "6.1", 2
    for m in request.node.iter_markers("kernel"):
        kernel = m.args[0]
    for m in request.node.iter_markers("nodes"):
        size = m.args[0]
    if hasattr(request, "param"):
        kernel = request.param
    c = pool.get(kernel, size)
    for n in c:
        n.heal()
        if n.pid is None:
            n.start()
    for n in c:
        n.wait_boot()
    c.each("tc qdisc del dev eth0 root; tc qdisc del dev eth0 ingress; "
           "rm -rf /etc/drbd.conf /etc/drbd.d/* /var/lib/drbd/*; dmsetup remove_all; "
           "for d in b c d; do blkdiscard -f /dev/vd$d; done", check=None)
    for n in c:
        for d, want in enumerate(DISKS):
            assert n.is_empty(d) and os.path.getsize(n.disks[d]) == want
    c.trouble()
    yield c
    problems = []

    def tidy(n):
        try:
            n.heal()
            n.resume()
            n.undrop()
            n.run("umount /mnt; pkill -x hammer; pkill -x fio; pkill -x tcpdump; dmsetup remove_all",
                  check=None)
            problem = unload(n)
        except (TimeoutError, NodeDown) as e:
            problem = f"{n.name}: {e}"
        if problem:
            problems.append(problem)
            # The next test gets a fresh node.
            n.kill()
    in_parallel(*(lambda n=n: tidy(n) for n in c if n.pid is not None))
    trouble = c.trouble()
    if trouble:
        problems.append(trouble)
        for n in c:
            n.kill()
    assert not problems, "\n".join(problems)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of each node's kernel log and its status."""
    outcome = yield
    report = outcome.get_result()
    c = item.funcargs.get("cluster") if hasattr(item, "funcargs") else None
    if report.failed and c is not None and call.when == "call":
        for n in c:
            lines = n.dmesg().splitlines()[-40:]
            report.sections.append((f"kernel log of {n.name}", "\n".join(lines)))


def pytest_unconfigure(config):
    r = config.pluginmanager.get_plugin("terminalreporter")
    if r is None or config.option.collectonly:
        return
    passed = len(r.stats.get("passed", []))
    failed = len(r.stats.get("failed", [])) + len(r.stats.get("error", []))
    print(f"{passed} passed, {failed} failed")
