# SPDX-License-Identifier: GPL-2.0-only
"""Activity log, bitmap, detaching: with the whole module and the real tools."""
import contextlib
import re

from drbd import (QUICK, Hammer, assert_acked, compare, configure, connected_pair, create_md,
                  describe, peer_device, promote, settled, status, up, wait_settled)
from vnodes import in_parallel, wait_for

ON_DM = QUICK.replace("/dev/vdb", "/dev/mapper/t-vdb")
EXTENT_BLOCKS = 1024                     # of 4 KiB, in the log's extent of 4 MiB


def disk_state(node):
    return status(node)["r0"]["devices"][0]["disk-state"]


def marked_blocks(dump):
    """Blocks marked in slot 0 of a `drbdmeta dump-md`."""
    body = re.search(r"bitmap\[0\] \{(.*?)\n\}", dump, re.S)[1]
    body = re.sub(r"#.*", "", body)
    blocks, at = set(), 0
    for times, value in re.findall(r"(?:(\d+) times )?0x([0-9A-F]{16});", body):
        for _ in range(int(times or 1)):
            word = int(value, 16)
            blocks.update(at + b for b in range(64) if word >> b & 1)
            at += 64
    return blocks


def test_crash_of_a_lonely_primary(cluster):
    """After a power cut, apply-al marks all that was written, in whole extents, and no other."""
    hw1 = cluster[0]
    configure(cluster, QUICK)
    create_md(hw1)
    hw1.run("drbdadm up r0 && drbdsetup new-current-uuid --clear-bitmap 0 && drbdadm primary r0")
    # Blocks in extents 0 and 1 only: 16 MiB would be four, of 16 on the disk.
    hammer = Hammer(hw1, size=8 << 20, threads=4)
    hammer.reach(200)
    hw1.kill()
    hammer.drain()
    hw1.start()
    hw1.wait_boot()
    configure(cluster, QUICK)
    hw1.run("drbdmeta 0 v09 /dev/vdb internal apply-al")
    marked = marked_blocks(hw1.out("drbdmeta 0 v09 /dev/vdb internal dump-md"))
    assert set(hammer.acked) <= marked
    extents = {b // EXTENT_BLOCKS for b in hammer.acked}
    assert marked == {e * EXTENT_BLOCKS + i for e in extents for i in range(EXTENT_BLOCKS)}
    # And the module takes them over as they are.
    hw1.run("drbdadm up r0")
    oos = status(hw1)["r0"]["connections"][0]["peer_devices"][0]["out-of-sync"]
    assert oos == len(marked) * 4
    assert_acked(hw1, hammer.acked)


def metadata_range(node):
    """First sector and number of sectors of internal metadata on the mapped disk."""
    size = int(node.out("blockdev --getsz /dev/vdb"))
    start = int(node.out("blockdev --getsz /dev/drbd0"))
    return start, size - start


def mark_blocks(node, first, count):
    """In slot 0 on a disk that nobody uses: whole words of 64 blocks."""
    md = "drbdmeta --force 0 v09 /dev/vdb internal"
    node.run(f"{md} apply-al")
    dump = node.out(f"{md} dump-md")
    head, body, tail = re.match(r"(.*bitmap\[0\] \{\n)(.*?)(\n\}.*)", dump, re.S).groups()
    words = []
    for times, value in re.findall(r"(?:(\d+) times )?0x([0-9A-F]{16});", re.sub("#.*", "", body)):
        words += [value] * int(times or 1)
    words[first // 64:(first + count) // 64] = ["F" * 16] * (count // 64)
    node.write_file("/tmp/md", head + "\n".join(f"   0x{w};" for w in words) + tail + "\n")
    node.run(f"{md} restore-md /tmp/md")
    assert set(range(first, first + count)) <= marked_blocks(node.out(f"{md} dump-md"))


def test_marks_at_both_ends_are_not_forgotten(cluster):
    """A resync that was agreed on, of new space say, but did not begin: no generation tells of it,
    only the bits that both ends have on their disks."""
    hw1, hw2 = cluster
    connected_pair(cluster, primary=None)
    for n in cluster:
        n.run("drbdadm down r0")
    for n, letter in (hw1, "A"), (hw2, "B"):
        n.run(f"tr '\\0' {letter} </dev/zero | dd of=/dev/vdb bs=4k seek=640 count=256 "
              "iflag=fullblock oflag=direct")
        mark_blocks(n, 640, 256)
    for n in cluster:
        n.run("drbdadm up r0")
    wait_for(lambda: settled(hw1) and settled(hw2) and
             peer_device(hw2)["received"] == 1024 and
             not any(peer_device(n)["out-of-sync"] for n in cluster), 60,
             lambda: "resynchronised\n" + describe(cluster))
    compare(cluster)
    block = hw2.out("dd if=/dev/vdb bs=4k skip=700 count=1 iflag=direct | tr -d A | wc -c")
    assert block == "0", "the node with the lower id is source"


def test_metadata_fails_under_writes(cluster):
    """A transaction that cannot be written costs the disk, not the writes."""
    hw1, hw2 = cluster
    for n in cluster:
        n.dm_wrap("vdb")
    connected_pair(cluster, ON_DM)
    hw1.dm_fail("vdb", *metadata_range(hw1))
    # The log is cold: the first write needs a transaction.
    hammer = Hammer(hw1, size=32 << 20, threads=4)
    hammer.reach(50)
    wait_for(lambda: disk_state(hw1) == "Diskless", 30, lambda: "detached\n" + describe(cluster))
    hammer.reach(hammer.poll() + 50)
    hammer.stop()
    assert_acked(hw2, hammer.acked)
    hw1.dm_heal("vdb")
    hw1.run("drbdadm attach r0")
    wait_settled(cluster)
    compare(cluster)
    assert_acked(hw1, hammer.acked)


def test_detach_and_attach_under_writes(cluster):
    """A graceful detach in the middle of writes, several times: nothing is lost or held up."""
    hw1, hw2 = cluster
    connected_pair(cluster)
    hammer = Hammer(hw1, size=24 << 20, threads=4)
    for _ in range(4):
        for n in cluster:
            hammer.reach(hammer.poll() + 30)
            n.run("drbdadm detach r0", timeout=60)
            assert disk_state(n) == "Diskless"
            hammer.reach(hammer.poll() + 30)
            n.run("drbdadm attach r0", timeout=60)
            wait_settled(cluster)
    hammer.stop()
    compare(cluster)
    for n in cluster:
        assert_acked(n, hammer.acked)


@contextlib.contextmanager
def disk_of_the_primary_hangs(cluster, prepare=None):
    """While it does, a hammer writes; afterwards the detached disk comes back, and nothing is lost."""
    hw1, _ = cluster
    for n in cluster:
        n.dm_wrap("vdb")
    connected_pair(cluster, ON_DM)
    if prepare:
        hw1.run(prepare)
    hammer = Hammer(hw1, size=16 << 20, threads=4)
    hammer.reach(50)
    hw1.run("dmsetup --noudevsync suspend --noflush --nolockfs t-vdb")
    try:
        yield hammer
    finally:
        hw1.run("dmsetup --noudevsync resume t-vdb")
    wait_for(lambda: disk_state(hw1) == "Diskless", 30, lambda: "detached\n" + describe(cluster))
    hw1.run("drbdadm attach r0")
    wait_settled(cluster)
    hammer.stop()
    compare(cluster)
    for n in cluster:
        assert_acked(n, hammer.acked)


def test_disk_hangs_and_is_detached_by_force(cluster):
    """Writes stop with a disk that hangs, and go on over the peer after detach --force."""
    with disk_of_the_primary_hangs(cluster) as hammer:
        cluster[0].run("drbdadm detach --force r0", timeout=30)
        hammer.reach(hammer.poll() + 100)


def test_zeroes_at_a_disk_that_hangs(cluster):
    """Zeroes, the one at the disk and those that wait behind it, hold up no write, either."""
    hw1, hw2 = cluster
    with disk_of_the_primary_hangs(cluster, "dd if=/dev/urandom of=/dev/drbd0 bs=1M seek=24 count=3 "
                                            "oflag=direct") as hammer:
        assert hw1.out("cat /sys/block/drbd0/queue/write_zeroes_max_bytes") != "0"
        zeroed = [hw1.spawn(f"exec blkdiscard -f -z -o {at}M -l 1M /dev/drbd0")
                  for at in (24, 25, 26)]
        wait_for(lambda: hw1.out("ps -C blkdiscard -o stat=").count("D") == 3, 30, "three wait")
        hw1.run("drbdadm detach --force r0", timeout=30)
        hammer.reach(hammer.poll() + 100)
        for job in zeroed:
            assert job.wait(60).rc == 0
    zeros = hw2.out("dd if=/dev/mapper/t-vdb bs=1M skip=24 count=3 iflag=direct | tr -d '\\0' | wc -c")
    assert zeros == "0"


def test_both_attach_in_the_same_moment(cluster):
    """Connected, but without disks, and one of these is older: whoever comes first, they are compared."""
    hw1, hw2 = cluster
    connected_pair(cluster, primary=None)
    for round_ in range(3):
        hw1.run("drbdadm detach r0")
        promote(hw2)
        hw2.run(f"dd if=/dev/urandom of=/dev/drbd0 bs=64k seek={round_ * 16} count=8 oflag=direct")
        hw2.run("drbdadm secondary r0 && drbdadm detach r0")
        in_parallel(*(lambda n=n: n.run("drbdadm attach r0") for n in cluster))
        wait_settled(cluster)
        compare(cluster)


def test_demotion_right_after_a_forced_promotion(cluster):
    """The first resync of all is in the making when its source stops being Primary, and comes all the same."""
    hw1, hw2 = cluster
    configure(cluster, QUICK)
    for n in cluster:
        create_md(n)
    up(cluster)
    hw1.run("drbdadm primary --force r0 && drbdadm secondary r0 && drbdadm primary r0")
    hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=64k count=8 oflag=direct")
    wait_settled(cluster)
    compare(cluster)
