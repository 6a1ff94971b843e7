# SPDX-License-Identifier: GPL-2.0-only
"""Our drbdsetup and Debian's 9.22, asked about the same live cluster, say the same.

Seen to agree up to the middle of a resync; from the station "paused" on, and the listeners' comparison at the end, it has
not been run yet.
"""
import itertools
import os
import re
import time

from debian_utils import DEBIAN
from drbd import STORY, configure, create_md, describe, peer_device, settled
from vnodes import image, in_parallel, wait_for

OURS = os.path.join(image.BUILD, "bin")

# PEER is the node id of the peer, when there is one.
QUESTIONS = """drbdsetup status
drbdsetup status --verbose --verbose --statistics
drbdsetup status --json --statistics
drbdsetup show --show-defaults
drbdsetup events2 --now
drbdsetup events2 --now --statistics --timestamps
drbdsetup cstate r0 PEER
drbdsetup dstate 0
drbdsetup get-gi r0 PEER 0
drbdadm -d adjust r0
"""

# Asked once.
MORE = """drbdsetup status --statistics
drbdsetup status --json
drbdsetup status r0
drbdsetup status nosuch
drbdsetup status --color=always
drbdsetup show
drbdsetup show r0
drbdsetup show nosuch
drbdsetup show --json
drbdsetup show --json --show-defaults
drbdsetup events2 --now r0
drbdsetup events2 --now nosuch
drbdsetup events2 --now --full --diff
drbdsetup role r0
drbdsetup role nosuch
drbdsetup cstate r0 17
drbdsetup dstate 17
drbdsetup show-gi r0 PEER 0
drbdadm status
drbdadm role r0
drbdadm cstate r0
drbdadm dstate r0
"""

# Each question to Debian's tool, ours, and, if they differ, Debian's again: ours must be like one of the others.
# The state moves on while they ask: then ask once more, a few times.  $1 edits what can't be equal out of both.
COMPARE = r"""cd /tmp; peer=$(drbdsetup show r0 2>/dev/null | awk '/_peer_node_id/ { print $2 + 0; exit }')
ask() { PATH=$2:$PATH $question </dev/null >$1.out 2>$1.err; echo "exit code $?" >>$1.out
	for part in out err; do mv $1.$part $1.raw; sed -E -e "$stamp" $1.raw | sed -E -z -e "$edit" >$1.$part; done; }
stamp="s/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+-]+ //" edit=$1
count=0
while read -r question; do
	question=${question/PEER/${peer:-0}}
	for try in 1 2 3 4 5 6 7 8 9 10 failed; do
		ask before DEBIAN; ask ours OURS
		cmp -s ours.out before.out && cmp -s ours.err before.err && break
		ask after DEBIAN
		cmp -s ours.out after.out && cmp -s ours.err after.err && break
	done
	count=$((count + 1))
	[ $try != failed ] || { echo "== $question"; diff before.out ours.out; diff before.err ours.err; }
done
echo "$count questions" >&2""".replace("DEBIAN", DEBIAN).replace("OURS", OURS)

# What a running resync changes between two looks: numbers, and with their width the breaks of lines.
PROGRESS = r"s/([a-z0-9-]+:|\": )-?([0-9.]+|nan|inf)/\1N/g;s/[ \n]+/ /g"


def compare_answers(node, when, edit="", questions=QUESTIONS):
    node.write_file("/tmp/compare.sh", COMPARE)
    node.write_file("/tmp/questions", questions)
    node.write_file("/tmp/edit", edit)
    begin = time.monotonic()
    r = node.run('bash /tmp/compare.sh "$(cat /tmp/edit)" </tmp/questions', timeout=300)
    print(f"{node.name}, {when}: {time.monotonic() - begin:.0f} s")
    assert r.err == f"{len(questions.splitlines())} questions\n", r
    assert not r.out, f"{node.name}, {when} (< Debian's, > ours):\n{r.out}"


def lines_of(output):
    """Without timestamps, and without the order among objects of one kind."""
    lines = re.sub(r"^\d{4}-\d\d-\d\dT\S+ ", "", output, flags=re.M).splitlines()
    return [line for _, group in itertools.groupby(lines, key=lambda line: line.split()[:2])
            for line in sorted(group)]


def test_status_show_events2(cluster):
    """Every question at every station of a resource's life; two listeners of each kind see all of it."""
    hw1, hw2 = cluster
    configure(cluster, STORY)
    for node in cluster:
        create_md(node)
        node.run("modprobe drbd")
    compare_answers(hw1, "nothing configured")

    listeners = {}
    for options in ("", "--statistics --timestamps", "--full --diff"):
        for tools in (DEBIAN, OURS):
            name = f"/tmp/events.{len(listeners)}"
            hw1.run(f"setsid {tools}/drbdsetup events2 {options} >{name} 2>&1 </dev/null &")
            wait_for(lambda name=name: "exists -" in hw1.out(f"cat {name}"), 30, "events2")
            listeners[options, tools] = name

    def everywhere(when, edit=""):
        in_parallel(*(lambda n=n: compare_answers(n, when, edit) for n in cluster))

    def until(condition, what, timeout=240):
        wait_for(condition, timeout, lambda: f"{what}\n" + describe(cluster))

    def all_settled():
        return settled(hw1) and settled(hw2)

    hw1.run("drbdadm up r0", timeout=120)
    until(lambda: peer_device(hw1)["connection"] == "Connecting", "Connecting")
    compare_answers(hw1, "alone")
    hw2.run("drbdadm up r0", timeout=120)
    until(lambda: all(peer_device(n)["connection"] == "Connected" for n in cluster), "Connected")
    everywhere("connected")
    compare_answers(hw1, "connected", questions=MORE)
    # Slow enough to be asked in the midst of it.
    for node in cluster:
        node.run("drbdsetup peer-device-options r0 $(drbdsetup show r0 | awk '/_peer_node_id/ { print $2 + 0 }') 0 "
                 "--c-max-rate=200k --c-min-rate=100k")
    hw1.run("drbdadm primary --force r0")
    until(lambda: peer_device(hw2)["replication-state"] == "SyncTarget", "SyncTarget")
    start, left = time.monotonic(), peer_device(hw2)["out-of-sync"]
    everywhere("synchronising", PROGRESS)
    rate = (left - peer_device(hw2)["out-of-sync"]) / (time.monotonic() - start)
    assert 80 < rate < 260, f"c-max-rate is 200 KiB/s, it runs with {rate:.0f}"
    assert peer_device(hw2)["replication-state"] == "SyncTarget", "over too early to tell"
    hw1.run("drbdadm pause-sync r0")
    until(lambda: peer_device(hw2)["replication-state"] == "PausedSyncT", "PausedSyncT")
    # Its clocks run on, and what is estimated by them.
    everywhere("paused",
               r's/((rs-[a-z0-9-]+-ms|eta|estimated-seconds-to-finish)"?:) ?[0-9]+/\1N/g')
    for node in cluster:
        node.run("drbdadm adjust r0")
    hw1.run("drbdadm resume-sync r0")
    until(all_settled, "UpToDate")
    hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=64k count=20 oflag=direct")
    everywhere("written to")
    hw2.run("drbdadm disconnect r0")
    hw1.run("dd if=/dev/urandom of=/dev/drbd0 bs=64k count=20 oflag=direct")
    until(lambda: peer_device(hw1)["connection"] == "Connecting", "Connecting")
    everywhere("disconnected")
    hw2.run("drbdadm connect r0")
    until(all_settled, "UpToDate")
    hw2.run("drbdadm detach r0")
    everywhere("one disk detached")
    hw1.run("drbdadm secondary r0")
    hw2.run("drbdadm attach r0")
    until(all_settled, "UpToDate")
    hw2.run("drbdadm primary r0")
    everywhere("the other one is Primary")
    hw1.run("drbdadm down r0")
    everywhere("one is down")

    for options in sorted({o for o, _ in listeners}):
        debian, ours = (listeners[options, tools] for tools in (DEBIAN, OURS))
        wait_for(lambda d=debian, o=ours: hw1.out(f"wc -l < {d}") == hw1.out(f"wc -l < {o}"), 20,
                 lambda d=debian, o=ours: "as many lines of both tools\n" + hw1.run(f"diff {d} {o}", check=None).text)
        texts = [hw1.out(f"cat {f}") for f in (ours, debian)]
        assert "destroy resource name:r0" in texts[0]
        assert lines_of(texts[0]) == lines_of(texts[1]), f"events2 {options}"
    hw1.run("pkill -f '[d]rbdsetup events2'", check=None)
