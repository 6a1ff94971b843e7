# SPDX-License-Identifier: GPL-2.0-only
"""Power cuts in the middle of writes: nothing acknowledged is lost, both disks end up equal."""
import os
import random

from drbd import (QUICK, Hammer, assert_acked, compare, configure, connected_pair, describe,
                  peer_device, promote, up, wait_settled)
from vnodes import wait_for

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("CRASH_SEED", "0")) or random.randrange(1 << 30)
AREA = 24 << 20


def come_back(cluster, node):
    node.start()
    node.wait_boot()
    configure(cluster, QUICK)
    node.run("drbdadm up r0", timeout=120)


def test_power_cuts_of_either_node(cluster):
    """Random node, random moment.  CRASH_SEED=N repeats a run, CRASH_ROUNDS=N changes their number."""
    rnd = random.Random(SEED)
    print(f"CRASH_SEED={SEED}")
    connected_pair(cluster)
    primary, secondary = cluster
    acked = None
    for n in range(ROUNDS):
        victim = rnd.choice([primary, secondary])
        count = rnd.randrange(1, 400)
        print(f"round {n}: primary {primary.name}, {victim.name} dies after {count} writes",
              flush=True)
        hammer = Hammer(primary, size=AREA, threads=rnd.choice([1, 4, 8]), seed=n)
        if acked:
            hammer.merge(acked)
        hammer.reach(count)
        victim.kill()
        if victim is primary:
            hammer.drain()
            assert_acked(secondary, hammer.acked)
            primary, secondary = secondary, primary
            promote(primary)
            more = Hammer(primary, size=AREA, threads=4, seed=1000 + n)
            more.merge(hammer)
            more.reach(rnd.randrange(1, 100))
            hammer = more
        else:
            # The survivor goes on as soon as it has noticed.
            hammer.reach(hammer.poll() + rnd.randrange(1, 100))
        if rnd.random() < 0.5:
            hammer.stop()
        come_back(cluster, victim)
        wait_settled(cluster)
        if hammer.process.rc is None:
            hammer.stop()
        compare(cluster)
        for node in cluster:
            assert_acked(node, hammer.acked)
        acked = hammer
        trouble = cluster.trouble()
        assert not trouble, trouble


def test_both_nodes_lose_power(cluster):
    """All power gone at once while writing: the nodes agree again by themselves."""
    connected_pair(cluster)
    hw1, hw2 = cluster
    hammer = Hammer(hw1, size=AREA, threads=8)
    hammer.reach(200)
    hw1.kill()
    hw2.kill()
    hammer.drain()
    for n in cluster:
        n.start()
    for n in cluster:
        n.wait_boot()
    configure(cluster, QUICK)
    up(cluster)
    compare(cluster)
    for n in cluster:
        assert_acked(n, hammer.acked)


def test_power_cut_of_the_target_during_resync(cluster):
    """A resync is interrupted by a power cut of its target and completed later."""
    hw1, hw2 = cluster
    slow = QUICK.replace("c-max-rate 200M; c-min-rate 40M;", "c-max-rate 4M; c-min-rate 4M;")
    configure(cluster, slow)
    for n in cluster:
        n.run("drbdadm create-md --force r0", timeout=120)
    up(cluster)
    hw1.run("drbdadm primary --force r0")
    wait_for(lambda: peer_device(hw2)["replication-state"] == "SyncTarget"
             and 5 < float(peer_device(hw2)["percent-in-sync"]) < 90, 60,
             lambda: "resync under way\n" + describe(cluster))
    hw2.kill()
    hw2.start()
    hw2.wait_boot()
    configure(cluster, QUICK)
    hw2.run("drbdadm up r0", timeout=120)
    assert "UpToDate" not in hw2.out("drbdadm dstate r0").split("/")[0] or wait_settled(cluster)
    hw1.run("drbdadm adjust r0")
    compare(cluster)
