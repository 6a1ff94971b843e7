# SPDX-License-Identifier: GPL-2.0-only
"""What an idle connected volume of 1 TiB costs in kernel memory."""
from conftest import unload
from drbd import STORY, configure, create_md, describe, peer_device, up
from vnodes import Cluster, wait_for

LIMIT = 64 << 20


def available(node):
    """Bytes of memory that are free, or would be if they were needed."""
    node.run("sync; echo 3 >/proc/sys/vm/drop_caches")
    return int(node.out("awk '/^MemAvailable/ { print $2 }' /proc/meminfo")) * 1024


def test_one_tebibyte_idle(pool):
    pool.close()
    cluster = Cluster("big", size=2, disks=[1 << 40])
    cluster.start()
    try:
        configure(cluster, STORY)
        for n in cluster:
            create_md(n)
        # Loaded and unloaded once: what the kernel keeps of that is not the volume's.
        before = [available(n) for n in cluster]
        up(cluster)
        for n in cluster:
            wait_for(lambda n=n: peer_device(n)["connection"] == "Connected", 60,
                     lambda: "connected\n" + describe(cluster))
        cost = [b - available(n) for b, n in zip(before, cluster)]
        print(f"kernel memory: {[c >> 20 for c in cost]} MiB")
        for n, c in zip(cluster, cost):
            assert c <= LIMIT, f"{n.name}: {c >> 20} MiB"
            # The bitmap alone is 32 MiB, the measure is off by a few: much less than that
            # would mean that something else was measured.
            assert c >= 20 << 20, f"{n.name}: {c >> 20} MiB"
            # Not by opening it: neither disk has data yet.
            assert int(n.out("cat /sys/block/drbd0/size")) * 512 > (1 << 40) - (64 << 20)
        cluster.each("drbdadm down r0")
        for n in cluster:
            assert unload(n) is None
        assert not cluster.trouble()
    finally:
        cluster.power_off()
