# SPDX-License-Identifier: GPL-2.0-only
"""Several resources and volumes at once."""
from drbd import (Hammer, assert_acked, assert_identical, configure, create_md, data_size, status,
                  up, wait_settled)

R0 = """resource r0 {
  volume 0 { device /dev/drbd0; disk /dev/vdb; meta-disk internal; }
  volume 1 { device /dev/drbd1; disk /dev/vdc; meta-disk internal; }
  on hw1 { address 10.11.56.2:7788; }
  on hw2 { address 10.11.56.3:7788; }
}
"""
R1 = """resource r1 {
  net { protocol A; }
  on hw1 { device /dev/drbd7; disk /dev/vdd; address 10.11.56.2:7789; meta-disk internal; }
  on hw2 { device /dev/drbd7; disk /dev/vdd; address 10.11.56.3:7789; meta-disk internal; }
}
"""


def test_two_resources_three_volumes(cluster):
    """Primaries on different nodes, writes on all volumes, a cut, and everything equal at the end."""
    hw1, hw2 = cluster
    configure(cluster, R0, "r0")
    configure(cluster, R1, "r1")
    for n in cluster:
        create_md(n, "all")
    up(cluster, "all")
    hw1.run("drbdadm primary --force r0")
    hw2.run("drbdadm primary --force r1")
    wait_settled(cluster, "r0")
    wait_settled(cluster, "r1")
    sizes = [data_size(hw1, 0), data_size(hw1, 1), data_size(hw2, 7)]
    work = [Hammer(hw1, 8 << 20, 2, "/dev/drbd0", 1), Hammer(hw1, 8 << 20, 2, "/dev/drbd1", 2),
            Hammer(hw2, 8 << 20, 2, "/dev/drbd7", 3)]
    for w in work:
        w.reach(60)
    # Away and back while all of them write.
    hw2.run("drbdadm disconnect r0")
    for w in work:
        w.reach(w.poll() + 60)
    hw2.run("drbdadm connect r0")
    wait_settled(cluster, "r0")
    for n in cluster:
        n.run("pkill -x hammer; while pgrep -x hammer >/dev/null; do :; done", check=None)
    for w in work:
        w.process.wait(60)
        w.poll()
    assert status(hw1)["r0"]["role"] == "Primary"
    hw1.run("drbdadm secondary r0")
    hw2.run("drbdadm secondary r1")
    wait_settled(cluster, "r0")
    wait_settled(cluster, "r1")
    for disk, (w, size) in enumerate(zip(work, sizes)):
        assert_identical(cluster, size, disk)
        for n in cluster:
            assert_acked(n, w.acked, disk)
    cluster.each("drbdadm down all")
    assert status(hw1) == {} and status(hw2) == {}
