# SPDX-License-Identifier: GPL-2.0-only
"""What an idle connected volume of 1 TiB costs in kernel memory."""
import re

from conftest import unload
from drbd import STORY, configure, create_md, describe, peer_device, up
from vnodes import Cluster, wait_for

LIMIT = 64 << 20
PAGE = 4096
# Of /proc/zoneinfo, once for each zone or once for each node.
FREE = r"^ +pages free +(\d+)", r"^ +count: +(\d+)"
MANAGED = r"^ +managed +(\d+)"
USED = (r"nr_inactive_anon (\d+)", r"nr_active_anon (\d+)", r"nr_inactive_file (\d+)",
        r"nr_active_file (\d+)", r"nr_unevictable (\d+)")


def kernel_memory(node):
    """
    Bytes of memory that the kernel has for itself: slab, stacks, pages, vmalloc.

    MemAvailable is no measure of that: it leaves out what the lists of free pages of each
    processor hold (tens of MiB after a large file was written), and guesses about the rest.
    """
    def once():
        node.run("sync; echo 3 >/proc/sys/vm/drop_caches")
        # Pages on their way to a list of the LRU count as the kernel's: this has them put there.
        node.run("echo 1 >/proc/sys/vm/compact_memory", check=None)
        info = node.out("cat /proc/zoneinfo")

        def total(*patterns):
            return sum(int(x) for p in patterns for x in re.findall(p, info, re.M))
        # Those of a node of memory stand in its first zone only, those of zones carry "zone".
        return (total(MANAGED) - total(*FREE) - total(*USED)) * PAGE

    values = [once()]

    def steady():
        values.append(once())
        return abs(values[-1] - values[-2]) < 1 << 20
    wait_for(steady, 60, lambda: f"a steady amount of memory: {values}")
    return values[-1]


def test_one_tebibyte_idle(pool):
    pool.close()
    cluster = Cluster("big", size=2, disks=[1 << 40])
    cluster.start()
    try:
        configure(cluster, STORY)
        for n in cluster:
            create_md(n)
        before = [kernel_memory(n) for n in cluster]
        up(cluster)
        for n in cluster:
            wait_for(lambda n=n: peer_device(n)["connection"] == "Connected", 60,
                     lambda: "connected\n" + describe(cluster))
        cost = [kernel_memory(n) - b for b, n in zip(before, cluster)]
        print(f"kernel memory: {[c >> 20 for c in cost]} MiB")
        for n, c in zip(cluster, cost):
            assert c <= LIMIT, f"{n.name}: {c >> 20} MiB"
            # The bitmap alone is 32 MiB: less would mean that something else was measured.
            assert c >= 30 << 20, f"{n.name}: {c >> 20} MiB"
            # Not by opening it: neither disk has data yet.
            assert int(n.out("cat /sys/block/drbd0/size")) * 512 > (1 << 40) - (64 << 20)
        cluster.each("drbdadm down r0")
        for n in cluster:
            assert unload(n) is None
        after = [kernel_memory(n) - b for b, n in zip(before, cluster)]
        print(f"kept afterwards: {[c >> 20 for c in after]} MiB")
        assert all(c < 8 << 20 for c in after)
        assert not cluster.trouble()
    finally:
        cluster.power_off()
