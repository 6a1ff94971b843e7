# SPDX-License-Identifier: GPL-2.0-only
"""Trouble with disks."""
from drbd import (QUICK, Hammer, assert_acked, compare, configure, connected_pair, create_md,
                  describe, status, up, wait_settled)
from vnodes import wait_for

ON_DM = QUICK.replace("/dev/vdb", "/dev/mapper/t-vdb")


def disk_state(node):
    return status(node)["r0"]["devices"][0]["disk-state"]


def lose_disk(cluster, node):
    """Errors from now on, under I/O: the disk is detached."""
    node.dm_fail("vdb")
    wait_for(lambda: disk_state(node) == "Diskless", 30, lambda: "detached\n" + describe(cluster))


def test_failing_disk_of_the_primary(cluster):
    """I/O errors detach the disk; reads and writes go on over the peer; a new start resyncs."""
    hw1, hw2 = cluster
    for n in cluster:
        n.dm_wrap("vdb")
    connected_pair(cluster, ON_DM)
    hammer = Hammer(hw1, threads=4)
    hammer.reach(50)
    lose_disk(cluster, hw1)
    hammer.reach(hammer.poll() + 100)
    hammer.stop()
    assert_acked(hw2, hammer.acked)
    hw1.run("dd if=/dev/drbd0 of=/dev/null bs=1M count=8 iflag=direct", timeout=120)
    hw1.dm_heal("vdb")
    hw1.run("drbdadm attach r0")
    wait_settled(cluster)
    compare(cluster)
    assert_acked(hw1, hammer.acked)


def test_failing_disk_of_the_secondary(cluster):
    """The Primary goes on; after repair the Secondary catches up."""
    hw1, hw2 = cluster
    for n in cluster:
        n.dm_wrap("vdb")
    connected_pair(cluster, ON_DM)
    hammer = Hammer(hw1, threads=4)
    hammer.reach(50)
    lose_disk(cluster, hw2)
    hammer.reach(hammer.poll() + 100)
    hw2.dm_heal("vdb")
    hw2.run("drbdadm attach r0")
    wait_settled(cluster)
    hammer.stop()
    compare(cluster)
    assert_acked(hw2, hammer.acked)


def test_no_data_is_an_error(cluster):
    """Without any good disk in reach, I/O fails (on-no-data-accessible io-error) and nothing hangs."""
    hw1, hw2 = cluster
    for n in cluster:
        n.dm_wrap("vdb")
    connected_pair(cluster, ON_DM)
    hw2.run("drbdadm down r0", timeout=60)
    hw1.dm_fail("vdb")
    r = hw1.run("dd if=/dev/zero of=/dev/drbd0 bs=4k count=16 oflag=direct", check=None, timeout=60)
    assert r.rc != 0 and "rror" in r.text, r
    hw1.dm_heal("vdb")
    hw1.run("drbdadm secondary r0")


def test_no_data_suspends(cluster):
    """on-no-data-accessible suspend-io: writes wait until the peer is back, and then succeed."""
    hw1, hw2 = cluster
    for n in cluster:
        n.dm_wrap("vdb")
    connected_pair(cluster, ON_DM.replace("resource r0 {\n", """resource r0 {
  options { on-no-data-accessible suspend-io; }
"""))
    hammer = Hammer(hw1, threads=4)
    hammer.reach(50)
    lose_disk(cluster, hw1)
    hammer.reach(hammer.poll() + 50)
    hw2.cut()
    wait_for(lambda: "suspended:no-data" in hw1.out("drbdadm status r0"), 60,
             lambda: "suspended\n" + describe(cluster))
    wait_for(lambda: hammer.poll() == hammer.poll(), 20, "writes have stopped")
    done = hammer.count
    for _ in range(20):
        assert hammer.poll() == done
    hw2.heal()
    hammer.reach(done + 100)
    hammer.stop()
    hw1.dm_heal("vdb")
    hw1.run("drbdadm attach r0")
    wait_settled(cluster)
    compare(cluster)
    for n in cluster:
        assert_acked(n, hammer.acked)


def test_disk_in_use_and_without_metadata(cluster):
    """Attach refuses a disk without metadata, and one that is in use; create-md one with a file system."""
    hw1 = cluster[0]
    configure(cluster, QUICK)
    r = hw1.run("drbdadm up r0", check=None, timeout=60)
    assert r.rc != 0 and "No valid meta data found" in r.text, r
    hw1.run("drbdadm down r0", check=None)
    hw1.run("mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt", timeout=120)
    r = hw1.run("drbdadm create-md r0 </dev/null", check=None, timeout=60)
    assert r.rc != 0, r
    hw1.run("umount /mnt")
    before = hw1.out("sha256sum /dev/vdb")
    r = hw1.run("drbdadm create-md r0 </dev/null", check=None, timeout=60)
    assert r.rc != 0 and "ext" in r.text, r
    assert hw1.out("sha256sum /dev/vdb") == before


def test_external_and_flexible_metadata(cluster):
    """Metadata on a disk of their own: indexed on one node, flexible on the other."""
    text = QUICK.replace("hw1 { device /dev/drbd0; disk /dev/vdb;", "hw1 { device /dev/drbd0; disk /dev/vdc;")
    text = text.replace("hw2 { device /dev/drbd0; disk /dev/vdb;", "hw2 { device /dev/drbd0; disk /dev/vdc;")
    first, second = text.split("on hw2")
    text = first.replace("meta-disk internal", "meta-disk /dev/vdb[0]") + "on hw2" + \
        second.replace("meta-disk internal", "meta-disk /dev/vdb")
    hw1, hw2 = cluster
    configure(cluster, text)
    for n in cluster:
        create_md(n)
    up(cluster)
    hw1.run("drbdadm primary --force r0")
    wait_settled(cluster)
    hammer = Hammer(hw1, size=8 << 20, threads=2)
    hammer.reach(60)
    hammer.stop()
    wait_settled(cluster)
    hw1.run("drbdadm secondary r0")
    for n in cluster:
        assert_acked(n, hammer.acked, disk=1)
