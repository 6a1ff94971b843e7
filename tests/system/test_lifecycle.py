# SPDX-License-Identifier: GPL-2.0-only
"""down at any moment, again and again; nothing may hang, leak or warn."""
import random

from drbd import (QUICK, Hammer, compare, configure, connected_pair, create_md, describe, status,
                  up, wait_settled)
from vnodes import wait_for


def test_down_while_connecting_and_resyncing(cluster):
    """Ups and downs at random distances, on one side or both."""
    rnd = random.Random(11)
    configure(cluster, QUICK)
    for n in cluster:
        create_md(n)
    up(cluster)
    cluster[0].run("drbdadm primary --force r0; drbdadm secondary r0")
    for turn in range(8):
        sides = rnd.choice([[0], [1], [0, 1]])
        polls = rnd.randrange(4)
        for _ in range(polls):
            status(cluster[0])
        for s in sides:
            cluster[s].run("drbdadm down r0", timeout=60)
            assert "r0" not in status(cluster[s])
        for s in sides:
            cluster[s].run("drbdadm up r0", timeout=60)
    wait_settled(cluster)
    compare(cluster)


def test_down_refused_while_in_use(cluster):
    """A mounted or open device can't be taken down; nothing breaks, and it can be later."""
    connected_pair(cluster)
    hw1, hw2 = cluster
    hammer = Hammer(hw1, threads=2)
    hammer.reach(20)
    r = hw1.run("drbdadm down r0", check=None, timeout=60)
    assert r.rc == 11 and "(-12)" in r.text, r
    hammer.reach(hammer.poll() + 20)
    r = hw1.run("drbdadm secondary r0", check=None, timeout=60)
    assert r.rc == 11 and "(-12)" in r.text, r
    hammer.stop()
    hw1.run("drbdadm secondary r0")
    hw1.run("drbdadm down r0", timeout=60)
    hw1.run("drbdadm up r0", timeout=60)
    wait_settled(cluster)


def test_peer_goes_down_during_writes(cluster):
    """An orderly down of the Secondary while the Primary writes, and back."""
    connected_pair(cluster)
    hw1, hw2 = cluster
    hammer = Hammer(hw1, threads=4)
    for _ in range(4):
        hammer.reach(hammer.poll() + 40)
        hw2.run("drbdadm down r0", timeout=60)
        hammer.reach(hammer.poll() + 40)
        hw2.run("drbdadm up r0", timeout=60)
        wait_settled(cluster)
    hammer.stop()
    compare(cluster)


def test_roles_change_hands(cluster):
    """Ten planned switches with writes between them; two Primaries are refused."""
    connected_pair(cluster, primary=None)
    for turn in range(10):
        a, b = (cluster[0], cluster[1]) if turn % 2 == 0 else (cluster[1], cluster[0])
        a.run("drbdadm primary r0")
        r = b.run("drbdadm primary r0", check=None)
        assert r.rc == 11 and "(-1)" in r.text, r
        h = Hammer(a, threads=2, seed=turn)
        h.reach(20)
        h.stop()
        a.run("drbdadm secondary r0")
    compare(cluster)


def test_disconnect_connect_and_outdated(cluster):
    """A Secondary that is disconnected from a Primary by command is outdated: it can't be promoted."""
    connected_pair(cluster)
    hw1, hw2 = cluster
    hw2.run("drbdadm disconnect r0")
    h = Hammer(hw1, threads=2)
    h.reach(20)
    h.stop()
    wait_for(lambda: status(hw2)["r0"]["devices"][0]["disk-state"] == "Outdated", 20,
             lambda: describe(cluster))
    r = hw2.run("drbdadm primary r0", check=None)
    assert r.rc == 17, r
    hw2.run("drbdadm connect r0")
    compare(cluster)


def test_auto_promote(cluster):
    """Opening for writing promotes, closing demotes."""
    connected_pair(cluster, primary=None)
    hw1, hw2 = cluster
    hw2.run("dd if=/dev/urandom of=/dev/drbd0 bs=64k count=16 oflag=direct")
    wait_for(lambda: status(hw2)["r0"]["role"] == "Secondary", 20, "demotion after close")
    hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=64k count=4 oflag=direct")
    compare(cluster)


def test_discard_flush_fua_and_big_requests(cluster):
    """Discards, write-zeroes, FUA and large requests arrive on both disks."""
    connected_pair(cluster)
    hw1 = cluster[0]
    hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=1M count=24 oflag=direct,dsync", timeout=120)
    hw1.run("blkdiscard -o $((4<<20)) -l $((3<<20)) /dev/drbd0")
    hw1.run("blkdiscard -z -o $((12<<20)) -l $((2<<20)) /dev/drbd0")
    hw1.run("blkdiscard -o 4096 -l 4096 /dev/drbd0", check=None)
    hw1.run("cmp -n $((2<<20)) -i $((12<<20)):0 /dev/drbd0 /dev/zero")
    compare(cluster)


def test_full_resync_both_ways(cluster):
    """invalidate and invalidate-remote copy everything from the right side."""
    connected_pair(cluster)
    hw1, hw2 = cluster
    hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=1M count=8 oflag=direct", timeout=120)
    hw2.run("drbdadm invalidate r0")
    wait_settled(cluster)
    compare(cluster)
    hw1.run("drbdsetup invalidate-remote r0 1 0")
    wait_settled(cluster)
    compare(cluster)
