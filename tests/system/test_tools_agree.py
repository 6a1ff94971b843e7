# SPDX-License-Identifier: GPL-2.0-only
"""Our drbdsetup and Debian's 9.22, on the same live cluster, say the same."""
import itertools
import re

from drbd import STORY, configure, create_md, describe, peer_device, settled, up
from vnodes import wait_for

DEBIAN = "/var/cache/drbd-nodes/drbd-utils/sbin/drbdsetup"

QUESTIONS = """status
status --verbose
status --verbose --verbose --statistics
status --statistics
status --json
status r0
status nosuch
show
show --show-defaults
show --json
show --json --show-defaults
events2 --now
events2 --now --statistics
events2 --now --full --diff
role r0
cstate r0 PEER
dstate 0
get-gi r0 PEER 0
show-gi r0 PEER 0""".splitlines()


def ask(node, tool, question):
    r = node.run(f"{tool} {question}", check=None)
    return r.rc, r.out, r.err


def compare_answers(node, when):
    """Each question to Debian's tool, ours, Debian's: ours must be like one of the others."""
    peer = node.out("awk '/^ *_peer_node_id/ { print $2 + 0; exit }' <<< \"$(drbdsetup show r0)\"") or "0"
    for question in QUESTIONS:
        question = question.replace("PEER", peer)
        for _ in range(20):
            before = ask(node, DEBIAN, question)
            ours = ask(node, "drbdsetup", question)
            if ours in (before, ask(node, DEBIAN, question)):
                break
            # Counters of a running resync differ from one moment to the next: ask again.
        else:
            raise AssertionError(f"{node.name}, {when}: {question}\n--- Debian's\n{before[1]}{before[2]}--- ours\n{ours[1]}{ours[2]}")


def lines_of(output):
    """Without timestamps, and without the order among objects of one kind."""
    lines = re.sub(r"^\d{4}-\d\d-\d\dT\S+ ", "", output, flags=re.M).splitlines()
    return [line for _, group in itertools.groupby(lines, key=lambda line: line.split()[:2])
            for line in sorted(group)]


def test_status_show_events2(cluster):
    hw1, hw2 = cluster
    configure(cluster, STORY)
    for node in cluster:
        create_md(node)
        node.run("modprobe drbd")
    compare_answers(hw1, "nothing configured")

    listeners = {}
    for options in ("", "--statistics --timestamps", "--full --diff"):
        for tool in (DEBIAN, "drbdsetup"):
            name = f"/tmp/events.{len(listeners)}"
            hw1.run(f"setsid {tool} events2 {options} >{name} 2>&1 </dev/null &")
            wait_for(lambda name=name: "exists -" in hw1.out(f"cat {name}"), 30, "events2")
            listeners[options, tool] = name

    def everywhere(when):
        for node in cluster:
            compare_answers(node, when)

    up(cluster)
    wait_for(lambda: all(peer_device(n)["connection"] == "Connected" for n in cluster), 60,
             lambda: "Connected\n" + describe(cluster))
    everywhere("connected")
    hw1.run("drbdadm primary --force r0")
    compare_answers(hw2, "synchronising")
    wait_for(lambda: settled(hw1) and settled(hw2), 240, lambda: "UpToDate\n" + describe(cluster))
    everywhere("synchronised")
    hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=64k count=20 oflag=direct 2>/dev/null")
    everywhere("written to")
    hw2.run("drbdadm disconnect r0")
    hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=64k count=20 oflag=direct 2>/dev/null")
    everywhere("disconnected")
    hw2.run("drbdadm connect r0")
    wait_for(lambda: settled(hw1) and settled(hw2), 120, lambda: "UpToDate\n" + describe(cluster))
    hw2.run("drbdadm detach r0")
    everywhere("one disk detached")
    hw1.run("drbdadm secondary r0")
    everywhere("nobody is Primary")
    hw1.run("drbdadm down r0")
    everywhere("one is down")

    for options in sorted({o for o, _ in listeners}):
        debian, ours = (listeners[options, tool] for tool in (DEBIAN, "drbdsetup"))
        wait_for(lambda d=debian, o=ours: hw1.out(f"wc -l < {d}") == hw1.out(f"wc -l < {o}"), 20,
                 "as many lines of both tools")
        assert lines_of(hw1.out(f"cat {ours}")) == lines_of(hw1.out(f"cat {debian}")), f"events2 {options}"
    hw1.run("pkill -f '[d]rbdsetup events2'", check=None)
