# SPDX-License-Identifier: GPL-2.0-only
"""The rooms of drbd.ko that deal with the disk, in a module without the rest of it."""
import os
import re
import subprocess

import pytest

from vnodes import wait_for

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
HERE = os.path.dirname(os.path.abspath(__file__))


pytestmark = pytest.mark.nodes(1)


@pytest.fixture
def disk(cluster):
    """A sparse disk with many more extents than the log has slots, so that it must evict."""
    n = cluster[0]
    n.run("modprobe loop && truncate -s 2G /var/rooms.img && losetup /dev/loop0 /var/rooms.img && "
          "dmesg -C")
    yield "loop0"
    n.run("grep -q '^rooms_test ' /proc/modules && rmmod rooms_test; dmsetup remove_all; "
          "losetup -d /dev/loop0; rm -f /var/rooms.img", check=None)


def insert(node, **params):
    """Builds and loads the module; returns the handle of the insmod that runs the test."""
    kver = node.out("uname -r")
    out = f"{BUILD}/{kver}/rooms-test"
    subprocess.run([f"{HERE}/../rooms/build.sh", kver, out], check=True,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    args = " ".join(f"{k}={v}" for k, v in params.items())
    return node.spawn(f"modprobe libcrc32c; insmod {out}/rooms_test.ko {args}")


def finish(node, handle, timeout=300):
    r = handle.wait(timeout)
    log = node.out("dmesg | grep rooms_test:")
    node.run("rmmod rooms_test")
    assert r.rc == 0, r.text
    assert "FAILED" not in log, log
    result = re.search(r"rooms_test: (\d+) passed, (\d+) failed$", log, re.M)
    assert result and int(result[1]) > 0 and result[2] == "0", log
    return log


def wait_attached(node):
    wait_for(lambda: "rooms_test: attached" in node.out("dmesg"), 60)


@pytest.mark.parametrize("cluster", ["6.1", "6.12"], indirect=True)
def test_bitmap_against_model_and_log_on_disk(cluster, disk):
    """Bitmap against a model; what users of the log were promised is on the disk."""
    n = cluster[0]
    log = finish(n, insert(n, dev=f"/dev/{disk}", bitmap=20, log=300))
    # Otherwise nothing left the log, and nothing was shown.
    assert int(re.search(r"bitmap pages (\d+)", log)[1]) > 0


def test_disk_fails_under_log(cluster, disk):
    """The device fails under load: everybody is told, and the disk ends up Diskless."""
    n = cluster[0]
    path = n.dm_wrap(disk)
    h = insert(n, dev=path, bitmap=0, log=1000000, trouble=1)
    wait_attached(n)
    n.dm_fail(disk)
    finish(n, h)


def test_disk_hangs_and_is_detached_by_force(cluster, disk):
    """Nobody waits for a device that hangs, but its memory stays until it answers."""
    n = cluster[0]
    path = n.dm_wrap(disk)
    h = insert(n, dev=path, bitmap=0, log=1000000, trouble=1, with_force=1)
    wait_attached(n)
    n.run(f"dmsetup suspend --noflush --nolockfs {os.path.basename(path)}")
    n.run("echo 1 > /sys/module/rooms_test/parameters/force")
    wait_for(lambda: "all users ended" in n.out("dmesg"), 60)
    assert "-> 0 (go-diskless)" not in n.out("dmesg")
    n.run(f"dmsetup resume {os.path.basename(path)}")
    log = finish(n, h)
    assert "(go-diskless)" in log
