# SPDX-License-Identifier: GPL-2.0-only
"""The story of README.md, played on two nodes: shared by `make demo` and the tests."""
from drbd import (Hammer, STORY, assert_acked, compare, configure, data_size, describe,
                  peer_device, promote, settled, status)
from vnodes import wait_for


def tell(cluster, say):
    """Play it; say(text) gets the narration.  Raises when anything is not as it should be."""
    hw1, hw2 = cluster

    def show(node, command, **kw):
        say(f"  {node.name}# {command}")
        r = node.run(command, **kw)
        for line in r.text.rstrip().splitlines():
            say(f"      {line}")
        return r

    say("\n1. The same small file on both nodes, /etc/drbd.d/r0.res:\n")
    say("      " + STORY.replace("\n", "\n      ").rstrip())
    configure(cluster, STORY)

    say("\n2. Metadata, and up.\n")
    for n in cluster:
        show(n, "drbdadm create-md --force r0", timeout=120)
        show(n, "drbdadm up r0", timeout=120)
    wait_for(lambda: all(peer_device(n)["connection"] == "Connected" for n in cluster), 60,
             lambda: "Connected\n" + describe(cluster))
    show(hw1, "drbdadm status r0")

    say("\n3. hw1 is told that its disk is the good one; the initial synchronisation runs.\n")
    with hw1.spawn("exec drbdsetup events2 --statistics r0") as events:
        wait_for(lambda: (events.poll(), b"exists -" in events.out)[1], 30, "events2's first part")
        show(hw1, "drbdadm primary --force r0")
        wait_for(lambda: peer_device(hw2)["replication-state"] == "SyncTarget"
                 or settled(hw2), 60, lambda: "resync\n" + describe(cluster))
        show(hw2, "drbdadm status r0")
        wait_for(lambda: settled(hw1) and settled(hw2), 240,
                 lambda: "both UpToDate\n" + describe(cluster), interval=0.3)
        events.poll(0.5)
        seen = events.out.decode()
    changes = [line for line in seen.splitlines()
               if line.startswith("change peer-device") and "replication:" in line]
    say("  what `drbdsetup events2` told meanwhile on hw1:")
    for line in changes[:6]:
        say(f"      {line}")
    assert any("replication:SyncSource" in line for line in changes), \
        f"events2 did not report the synchronisation:\n{seen}"
    show(hw1, "drbdadm status r0")
    compare(cluster)
    say("  (both disks compared from outside: identical)")

    say("\n4. A file system, some files.\n")
    show(hw1, "mkfs.ext4 -q -E nodiscard /dev/drbd0 && mount /dev/drbd0 /mnt", timeout=180)
    show(hw1, "cp -r /usr/share/common-licenses /mnt/ && cd /mnt && find . -type f | sort | "
              "xargs sha256sum >/root/sums; cp /root/sums /mnt/SUMS; ls /mnt; umount /mnt 2>/dev/null "
              "|| { cd /; umount /mnt; }", timeout=180)
    sums = hw1.out("cat /root/sums")
    assert sums.count("\n") > 5

    say("\n5. Planned switch: hw1 steps down, hw2 takes over and has every byte.\n")
    show(hw1, "drbdadm secondary r0")
    show(hw2, "drbdadm primary r0 && mount /dev/drbd0 /mnt && cd /mnt && "
              "sha256sum --quiet -c SUMS && echo all files are intact", timeout=180)
    assert hw2.out("cat /mnt/SUMS") == sums
    show(hw2, "cd /; umount /mnt")

    say("\n6. hw2, once the target of the initial synchronisation, writes; in the middle of it "
        "its power fails.\n")
    # The last 16 MiB: the file system's few blocks there are not missed; it is made anew below.
    size = data_size(hw2)
    hammer = Hammer(hw2, size=8 << 20, threads=4)
    hammer.reach(300)
    hw2.kill()
    hammer.drain()
    say(f"  hw2 is dead; {hammer.count} writes had been acknowledged until then")

    say("\n7. hw1 notices, takes over, and goes on writing.\n")
    wait_for(lambda: peer_device(hw1)["connection"] != "Connected", 60, "hw1 notices")
    promote(hw1)
    show(hw1, "drbdadm status r0")
    assert_acked(hw1, hammer.acked)
    say("  (every acknowledged write is on hw1's disk)")
    second = Hammer(hw1, size=8 << 20, threads=4, seed=2)
    second.reach(200)
    second.stop().merge(hammer)

    say("\n8. hw2 comes back: only what activity log and bitmap name is resynchronised.\n")
    before = status(hw1, "r0")["r0"]["connections"][0]["peer_devices"][0]["sent"]
    hw2.start()
    hw2.wait_boot()
    for path, text in (("/etc/drbd.conf", hw1.run("cat /etc/drbd.conf").out),
                       ("/etc/drbd.d/r0.res", STORY)):
        hw2.write_file(path, text)
    show(hw2, "drbdadm up r0", timeout=120)
    wait_for(lambda: settled(hw1) and settled(hw2), 240,
             lambda: "both UpToDate again\n" + describe(cluster), interval=0.3)
    show(hw1, "drbdadm status r0")
    p = peer_device(hw1)
    resynced = max(0, p["sent"] - before) if p["sent"] >= before else p["sent"]
    say(f"  {resynced} KiB of {size >> 10} KiB went over the network")
    # An extent of 4 MiB stays in the activity log after it was written to, also by mkfs.
    assert resynced < (size >> 10) * 3 // 4, f"{resynced} KiB resynchronised: not a partial one"

    compare(cluster)
    assert_acked(hw1, second.acked)
    assert_acked(hw2, second.acked)
    say("  both disks compared from outside: identical byte for byte, every acknowledged write "
        "is on both")
    show(hw1, "drbdadm secondary r0")
    for n in cluster:
        show(n, "drbdadm down r0")
