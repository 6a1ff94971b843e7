# SPDX-License-Identifier: GPL-2.0-only
"""make demo: the story of README.md on two virtual nodes, told as it happens."""
import sys
import time

import story
from vnodes import Cluster

start = time.monotonic()


def say(text):
    print(text, flush=True)


say("Two virtual machines with Debian's stock 6.1 kernel, this tree's modules and tools ...")
cluster = Cluster("demo", size=2, kernel="6.1", disks=[256 << 20])
try:
    cluster.start()
    for node in cluster:
        node.wait_boot()
    say(f"... are up after {time.monotonic() - start:.0f} s: hw1 10.11.56.2, hw2 10.11.56.3, "
        "a 256 MiB disk /dev/vdb each.")
    for node in cluster:
        node.run("modprobe drbd")
    story.tell(cluster, say)
    trouble = cluster.trouble()
    if trouble:
        sys.exit(f"kernel log:\n{trouble}")
    say(f"\nDone in {time.monotonic() - start:.0f} s: no acknowledged write was lost.")
finally:
    cluster.power_off()
