# SPDX-License-Identifier: GPL-2.0-only
"""Trouble on the network."""
import os
import re

import pytest

from drbd import (QUICK, STORY, Hammer, assert_acked, assert_identical, compare, configure,
                  connected_pair, create_md, describe, peer_device, promote, status, up,
                  wait_settled)
from vnodes import wait_for

SLOW = QUICK.replace("c-max-rate 200M; c-min-rate 40M;", "c-max-rate 6M; c-min-rate 6M;")


def disconnected(node):
    return peer_device(node)["connection"] != "Connected"


def test_cut_and_heal_during_resync(cluster):
    """The resync goes on where it was: what is in sync is not sent again."""
    hw1, hw2 = cluster
    configure(cluster, SLOW)
    for n in cluster:
        create_md(n)
    up(cluster)
    hw1.run("drbdadm primary --force r0")

    def syncing(least):
        p = peer_device(hw2)
        return p["replication-state"] == "SyncTarget" and float(p["percent-in-sync"]) >= least
    for least in (15, 45):
        wait_for(lambda: syncing(least), 120, lambda: f"{least} %\n" + describe(cluster))
        hw2.cut()
        wait_for(lambda: disconnected(hw1) and disconnected(hw2), 60,
                 lambda: "both notice the cut\n" + describe(cluster))
        done = float(peer_device(hw2)["percent-in-sync"])
        assert done >= least - 5, f"only {done} % are remembered"
        assert status(hw2)["r0"]["devices"][0]["disk-state"] == "Inconsistent"
        hw2.heal()
        wait_for(lambda: peer_device(hw2)["replication-state"] == "SyncTarget", 60,
                 lambda: "resync goes on\n" + describe(cluster))
        assert float(peer_device(hw2)["percent-in-sync"]) >= done - 5
    compare(cluster)


@pytest.mark.parametrize("protocol", ["C", "A", "B"])
def test_cut_and_heal_during_writes(cluster, protocol):
    """Writes go on after the cut and are on both disks after it has healed."""
    connected_pair(cluster, QUICK.replace("net { ", f"net {{ protocol {protocol}; "))
    hw1, hw2 = cluster
    hammer = Hammer(hw1, threads=4)
    hammer.reach(300)
    hw2.cut()
    wait_for(lambda: disconnected(hw1), 60, "hw1 notices")
    hammer.reach(hammer.poll() + 200)
    hw2.heal()
    wait_settled(cluster)
    hammer.reach(hammer.poll() + 50)
    hammer.stop()
    compare(cluster)
    for n in cluster:
        assert_acked(n, hammer.acked)


def test_ipv6(cluster):
    """The same over IPv6; the addresses are shown as they were configured."""
    text = QUICK
    for i, n in enumerate(cluster):
        n.run(f"ip -6 addr replace fd00:56::{i + 2}/64 dev eth0 nodad")
        text = text.replace(f"address {n.ip}:7788", f"address ipv6 [fd00:56::{i + 2}]:7788")
    connected_pair(cluster, text)
    hw1, hw2 = cluster
    shown = hw1.out("drbdsetup events2 --now r0")
    assert re.search(r"path .*peer:ipv6:\[fd00:56::3\]:7788 established:yes", shown), shown
    hammer = Hammer(hw1)
    hammer.reach(200)
    hammer.stop()
    compare(cluster)
    hw1.run("drbdadm adjust r0")
    assert hw1.out("drbdadm -d adjust r0") == ""


@pytest.mark.parametrize("direction", ["in", "out"])
def test_one_direction_is_lost(cluster, direction):
    """Packets get lost in one direction only: noticed by both, recovered by itself."""
    connected_pair(cluster)
    hw1, hw2 = cluster
    hammer = Hammer(hw1, threads=2)
    hammer.reach(30)
    hw2.drop(direction)
    wait_for(lambda: disconnected(hw1), 90, lambda: "hw1 notices\n" + describe(cluster))
    hammer.reach(hammer.poll() + 50)
    hw2.undrop()
    wait_settled(cluster)
    hammer.stop()
    compare(cluster)
    for n in cluster:
        assert_acked(n, hammer.acked)


def test_peer_stands_still(cluster):
    """A peer that hangs is dropped after its timeout; it resynchronises when it moves again."""
    connected_pair(cluster)
    hw1, hw2 = cluster
    hammer = Hammer(hw1, threads=4)
    hammer.reach(50)
    hw2.pause()
    wait_for(lambda: disconnected(hw1), 90, lambda: "hw1 drops the peer")
    hammer.reach(hammer.poll() + 100)
    hw2.resume()
    wait_settled(cluster)
    hammer.stop()
    compare(cluster)


def test_peer_absent_at_start(cluster):
    """One side alone: waits, can be forced to primary, serves; the peer joins when it comes."""
    hw1, hw2 = cluster
    configure(cluster, STORY)
    create_md(hw1)
    create_md(hw2)
    hw1.run("drbdadm up r0", timeout=120)
    assert peer_device(hw1)["connection"] == "Connecting"
    # Longer than one connect interval, and with the documented exit code of a time-out.
    r = hw1.run("drbdsetup wait-connect-resource r0 --wfc-timeout=25", check=None, timeout=60)
    assert r.rc == 5, r
    r = hw1.run("drbdadm primary r0", check=None)
    assert r.rc == 17 and "(-2)" in r.text, r
    hw1.run("drbdadm primary --force r0")
    hammer = Hammer(hw1, threads=4)
    hammer.reach(100)
    hw2.run("drbdadm up r0", timeout=120)
    wait_settled(cluster)
    hammer.stop()
    compare(cluster)
    for n in cluster:
        assert_acked(n, hammer.acked)


def test_slow_and_lossy_link(cluster):
    """Delay, jitter and loss change the speed, nothing else."""
    connected_pair(cluster)
    hw1, hw2 = cluster
    for n in cluster:
        n.netem("delay 10ms 5ms loss 1%")
    hammer = Hammer(hw1, threads=8)
    hammer.reach(200)
    hammer.stop()
    for n in cluster:
        n.netem(None)
    compare(cluster)
    for n in cluster:
        assert_acked(n, hammer.acked)


SECRET = QUICK.replace("net {", 'net { cram-hmac-alg sha256; shared-secret "one";')


def test_shared_secret(cluster):
    """Same secret: connected.  Another one: refused with a line in the log, and no harm."""
    hw1, hw2 = cluster
    connected_pair(cluster, SECRET)
    cluster.each("drbdadm down r0", check=None)
    hw2.write_file("/etc/drbd.d/r0.res", SECRET.replace('"one"', '"two"'))
    up(cluster)

    def refused():
        return any("uthentication" in line for n in cluster for line in n.dmesg().splitlines()[-60:])
    wait_for(refused, 60, "a line about authentication in a kernel log")
    assert disconnected(hw1) and disconnected(hw2)
    cluster.each("drbdadm disconnect r0", check=None)
    hw2.write_file("/etc/drbd.d/r0.res", SECRET)
    cluster.each("drbdadm adjust r0")
    cluster.each("drbdadm connect r0", check=None)
    wait_settled(cluster)
    promote(hw2)
    hw2.run("drbdadm secondary r0")


GARBAGE = [
    b"GET / HTTP/1.0\r\n\r\n",
    b"\0" * 4096,
    b"\xff" * 65536,
    # Headers in the three formats of the wire, with an absurd length.
    bytes.fromhex("83740267 0002 ffff") * 8,
    bytes.fromhex("831caa00 00000002 00000000 00000000") * 8,
    bytes.fromhex("8620ec20 0000 00fe 7fffffff 00000000") * 8,
]


# What a stranger with the peer's address does -> what the log says of it.
STRANGERS = [
    (["data:" + b"GET / HTTP/1.1\r\n\r\n".hex()], r"does not speak DRBD \(47 45 54"),
    (["pair", "features", "data:" + "47" * 64], "data stream: bad header"),
    # P_DATA, 2 GiB
    (["pair", "features", "data:8620ec20 0000 0000 7ffffe00 00000000"],
     r"data stream: P_DATA \(0x0000\), 2147483136 bytes: "),
    # P_SIZES of 4 bytes
    (["pair", "features", "data:8620ec20 0000 000d 00000004 00000000 00000000"],
     r"data stream: P_SIZES \(0x000d\), 4 bytes: "),
    (["pair", "features", "data:8620ec20 0000 0666 00000000 00000000"], r"data stream: .*\(0x0666\)"),
    # P_PROTOCOL, announced with 32 bytes, ends after 4
    (["pair", "features", "data:8620ec20 ffff 000b 00000020 00000000 00000003", "close"],
     "data stream lost"),
    (["pair", "features", "control:" + "00" * 64], "control stream: bad header"),
    # P_WRITE_ACK of 2 GiB
    (["pair", "features", "control:8620ec20 0000 0016 7fffffff 00000000"],
     r"control stream: P_WRITE_ACK \(0x0016\), 2147483647 bytes: "),
    # Last: it is told to go StandAlone.
    (["pair", "data:83740267fffe00080000000000000000"], "expected the features packet"),
]


def test_strangers_that_know_the_handshake(cluster):
    """Garbage, oversized and truncated packets on both streams: each is named in the log, and ends."""
    hw1, hw2 = cluster
    configure(cluster, QUICK)
    for n in cluster:
        create_md(n)
    hw1.run("drbdadm up r0")
    with open(os.path.join(os.path.dirname(__file__), "stranger.py"), "rb") as f:
        stranger = f.read()
    for steps, said in STRANGERS:
        wait_for(lambda: hw1.out("drbdadm cstate r0") == "Connecting", 60, lambda: describe(cluster))
        seen = len(hw1.dmesg())
        quoted = " ".join(f"'{s}'" for s in steps)
        r = hw2.run(f"/usr/bin/python3 - {hw1.ip} {quoted}", stdin=stranger, timeout=60)
        assert "closed by the other side" in r.out, f"{steps}: {r}"
        wait_for(lambda: re.search(said, hw1.dmesg()[seen:]), 20,
                 lambda: f"{steps}: log with {said}\n{hw1.dmesg()[seen:]}")
    wait_for(lambda: hw1.out("drbdadm cstate r0") == "StandAlone", 60, lambda: describe(cluster))
    hw1.run("drbdadm adjust r0")
    hw2.run("drbdadm up r0")
    hw1.run("drbdadm primary --force r0")
    wait_settled(cluster)
    compare(cluster)
    assert_identical(cluster, 1 << 20)


def test_garbage_on_the_port(cluster):
    """Strangers on the TCP port: that connection ends, the resource does not notice."""
    connected_pair(cluster)
    hw1, hw2 = cluster
    for data in GARBAGE:
        # A peer's address is needed to get past the door: from the other node.
        for sender, target in ((hw2, hw1), (hw1, hw2)):
            sender.run(f"exec 3<>/dev/tcp/{target.ip}/7788 && cat >&3; timeout 1 cat <&3 >/dev/null",
                       stdin=data, check=None, timeout=30)
        cluster.host("bash", "-c", f"exec 3<>/dev/tcp/{hw1.ip}/7788 && cat >&3", input=data,
                     capture_output=True, timeout=30)
    hammer = Hammer(hw1, threads=2)
    hammer.reach(50)
    hammer.stop()
    compare(cluster)
    assert_identical(cluster, 1 << 20)
