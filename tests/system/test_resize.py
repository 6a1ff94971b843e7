# SPDX-License-Identifier: GPL-2.0-only
"""Devices that grow and shrink while they are written to (resync.md 18.7)."""
import contextlib

import pytest

from drbd import (BLOCK, QUICK, Hammer, assert_acked, assert_identical, compare, connected_pair,
                  create_md, describe, peer_device, status, up, wait_settled)
from vnodes import wait_for

ON_DM = QUICK.replace("/dev/vdb", "/dev/mapper/t-vdb")
MIB = 1 << 20
SMALL, LARGE = 48 * MIB, 96 * MIB


def wrap(node, size):
    """The first @size bytes of the disk, as a device that can be given another size later."""
    node.run(f"modprobe dm_mod; echo '0 {size // 512} linear /dev/vdb 0' | "
             "dmsetup --noudevsync create t-vdb; dmsetup --noudevsync mknodes")


def set_size(node, size):
    node.run(f"echo '0 {size // 512} linear /dev/vdb 0' | dmsetup --noudevsync load t-vdb && "
             "dmsetup --noudevsync suspend --nolockfs --noflush t-vdb && "
             "dmsetup --noudevsync resume t-vdb")
    assert int(node.out("blockdev --getsize64 /dev/mapper/t-vdb")) == size


def dirty_tails(cluster):
    """Where the devices will grow to, the disks have different contents."""
    for n, node in enumerate(cluster):
        node.run(f"tr '\\0' '{'AB'[n]}' </dev/zero | dd of=/dev/vdb bs=1M iflag=fullblock "
                 f"seek={SMALL // MIB} count={(LARGE - SMALL) // MIB} oflag=direct", timeout=60)


def small_pair(cluster, primary=0):
    dirty_tails(cluster)
    for n in cluster:
        wrap(n, SMALL)
    connected_pair(cluster, ON_DM, primary)
    size = device_size(cluster[0])
    assert SMALL - 2 * MIB < size < SMALL
    return size


def device_size(node):
    """A Secondary cannot be opened."""
    return int(node.out("cat /sys/block/drbd0/size")) * 512


def sizes(cluster):
    return [device_size(n) for n in cluster]


def received(node, peer=0):
    return peer_device(node, connection=peer)["received"]


def out_of_sync(cluster):
    return [peer_device(n)["out-of-sync"] for n in cluster]


@contextlib.contextmanager
def log_of(node):
    """What the kernel says meanwhile."""
    before = len(node.dmesg())
    said = []
    yield said
    said += node.dmesg()[before:].splitlines()


@pytest.mark.parametrize("where", ["on the Primary", "on the Secondary"])
def test_grow_online(cluster, where):
    """Both disks grow under load: new size on both, the new space is resynchronised."""
    hw1, hw2 = cluster
    old = small_pair(cluster)
    hammer = Hammer(hw1, size=16 * MIB, threads=4)
    hammer.reach(50)
    for n in cluster:
        set_size(n, LARGE)
    hammer.reach(hammer.poll() + 20)
    assert sizes(cluster) == [old, old]
    before = received(hw2)
    (hw1 if where == "on the Primary" else hw2).run("drbdadm resize r0", timeout=120)
    wait_for(lambda: min(sizes(cluster)) > old, 30, lambda: f"grown\n{describe(cluster)}")
    new = device_size(hw1)
    assert sizes(cluster) == [new, new] and LARGE - 2 * MIB < new < LARGE
    hammer.reach(hammer.poll() + 50)
    wait_settled(cluster)
    # The Primary is the source, whoever gave the command.
    assert (received(hw2) - before) * 1024 >= new - old
    assert status(hw1)["r0"]["role"] == "Primary"
    hammer.stop()
    # The new space takes data, too.
    more = Hammer(hw1, size=new // MIB * MIB, threads=4, seed=2).merge(hammer)
    more.reach(100)
    more.stop()
    compare(cluster)
    assert out_of_sync(cluster) == [0, 0]
    for n in cluster:
        assert_acked(n, more.acked)
    # It was the tail of one of the disks: not just anything that happens to be equal.
    with open(hw2.disks[0], "rb") as f:
        f.seek(new - BLOCK)
        assert f.read(BLOCK) in (b"A" * BLOCK,) or new // BLOCK - 1 in more.acked
    # The size outlives the metadata's move and a new start.
    hw1.run("drbdadm secondary r0")
    cluster.each("drbdadm down r0")
    for n in cluster:
        assert "la-size-sect %d;" % (new // 512) in n.out("drbdadm apply-al r0 && drbdadm dump-md r0")
    up(cluster)
    wait_settled(cluster)
    assert sizes(cluster) == [new, new]


def test_grow_assume_clean(cluster):
    """With --assume-clean the new space is not resynchronised, and not out of sync either."""
    hw1, hw2 = cluster
    old = small_pair(cluster)
    for n in cluster:
        set_size(n, LARGE)
    before = received(hw2)
    with log_of(hw2) as said:
        hw1.run("drbdadm resize --assume-clean r0", timeout=120)
        wait_for(lambda: min(sizes(cluster)) > old, 30, lambda: f"grown\n{describe(cluster)}")
        wait_settled(cluster)
    assert not [line for line in said if "SyncTarget" in line]
    assert received(hw2) == before and out_of_sync(cluster) == [0, 0]
    for n, byte in zip(cluster, (b"A", b"B")):
        with open(n.disks[0], "rb") as f:
            f.seek(LARGE - 8 * MIB)
            assert f.read(BLOCK) == byte * BLOCK
    hammer = Hammer(hw1, size=sizes(cluster)[0] // MIB * MIB, threads=4)
    hammer.reach(100)
    hammer.stop()
    assert_identical(cluster, old)
    for n in cluster:
        assert_acked(n, hammer.acked)


@pytest.mark.parametrize("primary", [0, None])
def test_one_side_has_grown(cluster, primary):
    """The smaller disk decides: nothing changes, before the other has grown as well."""
    hw1, hw2 = cluster
    old = small_pair(cluster, primary)
    for grown in cluster:
        set_size(grown, LARGE)
        if grown is hw1:
            # Status 1: nothing has changed.
            r = hw1.run("drbdadm resize r0", timeout=120, check=None)
            assert r.rc == 1 and r.text == "", r
            assert sizes(cluster) == [old, old], describe(cluster)
            assert peer_device(hw1)["replication-state"] == "Established"
            # Asking on the other node for more than it has is refused there.
            r = hw2.run(f"drbdsetup resize --size={LARGE // 1024 - 2048}K 0", check=None)
            assert r.rc == 10 and "(111)" in r.text, r
            assert sizes(cluster) == [old, old]
            # And here, more than the peer has comes to what both have.
            hw1.run(f"drbdsetup resize --size={LARGE // 1024 - 2048}K 0")
            assert sizes(cluster) == [old, old]
            hw1.run("drbdsetup resize 0")
    hw2.run("drbdadm resize r0", timeout=120)
    wait_for(lambda: min(sizes(cluster)) > old, 30, lambda: f"grown\n{describe(cluster)}")
    wait_settled(cluster)
    assert len(set(sizes(cluster))) == 1
    compare(cluster)


def test_grow_with_peer_away(cluster):
    """An invisible disk holds the size, unless it is said to have the space."""
    hw1, hw2 = cluster
    old = small_pair(cluster)
    set_size(hw1, LARGE)
    hw2.run("drbdadm down r0")
    hw1.run("drbdsetup resize 0")
    assert device_size(hw1) == old
    hw1.run("drbdsetup resize --assume-peer-has-space 0")
    new = device_size(hw1)
    assert new > old
    # It comes back without: there is no way to be together.
    hw2.run("drbdadm up r0", timeout=120)
    wait_for(lambda: peer_device(hw1)["connection"] == "StandAlone" or
             peer_device(hw2)["connection"] == "StandAlone", 60,
             lambda: f"refused\n{describe(cluster)}")
    assert device_size(hw1) == new
    hw2.run("drbdadm down r0")
    set_size(hw2, LARGE)
    # The metadata is where the disk ended before.
    hw2.run("drbdadm -- --force check-resize r0", check=None)
    create_md(hw2)
    hw2.run("drbdadm up r0", timeout=120)
    hw1.run("drbdadm connect r0", check=None)
    wait_settled(cluster)
    assert sizes(cluster) == [new, new]
    compare(cluster)


def test_shrink(cluster):
    """Only when the size is named; then at once, on both nodes, and it stays."""
    hw1, hw2 = cluster
    old = small_pair(cluster)
    want = 24 * MIB
    hammer = Hammer(hw1, size=16 * MIB, threads=4)
    hammer.reach(50)
    hw1.run(f"drbdadm resize --size={want // 1024}K r0", timeout=120)
    wait_for(lambda: sizes(cluster) == [want, want], 30, lambda: f"shrunk\n{describe(cluster)}")
    assert peer_device(hw1)["replication-state"] == "Established"
    hammer.reach(hammer.poll() + 50)
    hammer.stop()
    compare(cluster)
    for n in cluster:
        assert_acked(n, hammer.acked)
    r = hw1.run(f"dd if=/dev/drbd0 of=/dev/null bs=4k skip={want // BLOCK - 1} iflag=direct")
    assert "1+0 records in" in r.err, r
    # It comes back as it was: the size is remembered as configured.
    hw1.run("drbdsetup resize 0")
    wait_for(lambda: sizes(cluster) == [old, old], 30, lambda: f"as before\n{describe(cluster)}")
    wait_settled(cluster)
    compare(cluster)
    assert out_of_sync(cluster) == [0, 0]


def test_shrunk_disk_is_refused(cluster):
    """A disk that has lost room shrinks nothing unless the size is named."""
    hw1, hw2 = cluster
    for n in cluster:
        wrap(n, SMALL)
    # External metadata: the end of the data disk may go away.
    text = ON_DM.replace("meta-disk internal", "meta-disk /dev/vdc")
    connected_pair(cluster, text)
    assert sizes(cluster) == [SMALL, SMALL]
    set_size(hw2, SMALL - 8 * MIB)
    for n in cluster:
        r = n.run("drbdsetup resize 0", check=None)
        assert r.rc == 10 and "(170)" in r.text, r
        assert sizes(cluster) == [SMALL, SMALL]
    want = SMALL - 8 * MIB
    hw1.run(f"drbdsetup resize --size={want // 1024}K 0")
    wait_for(lambda: sizes(cluster) == [want, want], 30, lambda: f"shrunk\n{describe(cluster)}")
    wait_settled(cluster)
    compare(cluster)


def test_grown_while_detached(cluster):
    """A disk that was the smaller one comes back larger: both grow, the new space is resynchronised."""
    hw1, hw2 = cluster
    dirty_tails(cluster)
    wrap(hw1, SMALL)
    wrap(hw2, LARGE)
    text = ON_DM.replace("meta-disk internal", "meta-disk /dev/vdc")
    connected_pair(cluster, text, primary=1, met=True)
    assert sizes(cluster) == [SMALL, SMALL]
    hw1.run("drbdadm detach r0")
    set_size(hw1, LARGE)
    before = received(hw1)
    hw1.run("drbdadm attach r0", timeout=120)
    wait_settled(cluster)
    if sizes(cluster) == [SMALL, SMALL]:
        # hw2 had told what both have; then the command does it.
        hw1.run("drbdadm resize r0", timeout=120)
        wait_for(lambda: sizes(cluster) == [LARGE, LARGE], 30, lambda: describe(cluster))
        wait_settled(cluster)
    assert sizes(cluster) == [LARGE, LARGE]
    assert (received(hw1) - before) * 1024 >= LARGE - SMALL
    compare(cluster)
    assert out_of_sync(cluster) == [0, 0]


def test_grown_while_down(cluster):
    """Both disks grow while the resource is down: the device grows when they meet."""
    hw1, hw2 = cluster
    dirty_tails(cluster)
    for n in cluster:
        wrap(n, SMALL)
    text = ON_DM.replace("meta-disk internal", "meta-disk /dev/vdc")
    connected_pair(cluster, text, primary=None)
    cluster.each("drbdadm down r0")
    for n in cluster:
        set_size(n, LARGE)
    up(cluster)
    wait_for(lambda: sizes(cluster) == [LARGE, LARGE], 60, lambda: describe(cluster))
    wait_settled(cluster)
    compare(cluster)
    assert out_of_sync(cluster) == [0, 0]
