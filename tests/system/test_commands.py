# SPDX-License-Identifier: GPL-2.0-only
"""Configuration commands in right and wrong order, one node: recorded answers of existing DRBD.

The recording is tests/golden/netlink/commands.log: each command with its text and exit code.
"""
import os
import re

from conftest import unload
from vnodes import image

LOG = os.path.join(image.SOURCE, "tests", "golden", "netlink", "commands.log")

# Where we answer otherwise on purpose: (beginning of the command, how often it has been seen
# before) -> (text, exit code), with the reason.
DIFFERENT = {
    # "State change failed: (0)unknown error" is a slip of 9.3.3, see states.md: any refusal with
    # a known code will do.
    ("invalidate 0", 0): (r"State change failed: \(-\d+\) |Failure: \(\d+\) ", None),
}
# An empty line of "additional info" ends the recording's text now and then; trailing space is not compared.


def recorded():
    commands = []
    for line in open(LOG, encoding="utf-8"):
        if line.startswith("$ "):
            commands.append((line[2:].strip(), []))
        elif line.startswith("    ") and commands:
            commands[-1][1].append(line[4:].rstrip())
    result = []
    for command, lines in commands:
        rc = int(lines[-1].removeprefix("rc="))
        result.append((command, "\n".join(lines[:-1]).strip(), rc))
    return result


def translate(text):
    return (text.replace("/dev/vda", "/dev/vdc").replace("10.77.0.1", "10.11.56.2")
            .replace("10.77.0.2", "10.11.56.3"))


def comparable(text):
    text = "\n".join(line.rstrip() for line in text.strip().splitlines() if line.strip())
    # Details of time, not of the interface.  And our activity log is never suspended: with a bitmap
    # that is set everywhere others skip its transactions until the first peer comes.
    text = re.sub(r'((?:bm-writes|al-writes)"?: ?)\d+', r"\1N", text)
    return re.sub(r'(al-suspended"?: ?)(yes|no)', r"\1N", text)


def run_recorded(node, commands):
    """Runs the commands; returns the deviations as text."""
    wrong, seen = [], {}
    for command, text, rc in commands:
        if command.startswith("head "):
            continue
        # The log shows a quoted shell command without its quotes.
        m = re.fullmatch(r"sh -c (.*)", command)
        r = node.run("{ " + translate(m.group(1) if m else command) + "; } 2>&1", check=None,
                     timeout=90)
        key = command.removeprefix("drbdsetup ")
        count = seen[key] = seen.get(key, -1) + 1
        if (key, count) in DIFFERENT:
            pattern, want = DIFFERENT[key, count]
            if not re.search(pattern, r.text) or (want is not None and r.rc != want) or r.rc == 0:
                wrong.append(f"$ {command}\n got {r.rc}: {r.text}\n want {want}: {pattern}")
            continue
        # How lines of the two streams mix in a pipe is a matter of buffering.
        if r.rc != rc or (sorted(comparable(r.text).splitlines()) !=
                          sorted(comparable(translate(text)).splitlines())):
            wrong.append(f"$ {command}\n--- got, exit code {r.rc}\n{r.text.strip()}\n"
                         f"--- recorded, exit code {rc}\n{translate(text)}")
    return wrong


def test_recorded_commands(cluster):
    """Every command of the recording gets the recorded answer."""
    hw1 = cluster[0]
    hw1.run("modprobe drbd")
    wrong = run_recorded(hw1, recorded())
    assert not wrong, f"{len(wrong)} of {len(recorded())} answers differ:\n\n" + "\n\n".join(wrong)


def test_recorded_commands_are_all_there():
    assert len(recorded()) > 90


# Each sequence from nothing; the last command is the one that matters.
ORDERS = [
    (["new-resource r0 0"], "new-path r0 1 ipv4:10.11.56.2:7788 ipv4:10.11.56.3:7788", 10,
     "unknown connection"),
    (["new-resource r0 0"], "connect r0 1", 10, "unknown connection"),
    (["new-resource r0 0", "new-peer r0 1 --_name=hw2"], "connect r0 1", 10,
     "connection endpoint(s) missing"),
    (["new-resource r0 0", "new-peer r0 1 --_name=hw2"], "new-peer r0 1 --_name=hw2", 10,
     "Connection for peer node id 1 already exists"),
    (["new-resource r0 0", "new-peer r0 1 --_name=hw2",
      "new-path r0 1 ipv4:10.11.56.2:7788 ipv4:10.11.56.3:7788", "connect r0 1"],
     "connect r0 1", 10, "(125)"),
    (["new-resource r0 0", "new-peer r0 1 --_name=hw2"],
     "new-path r0 1 ipv4:999.11.56.2:7788 ipv4:10.11.56.3:7788", None, "999"),
    (["new-resource r0 0", "new-minor r0 0 0"], "del-resource r0", 10, "(159)"),
    (["new-resource r0 0", "new-minor r0 0 0"], "new-minor r0 0 0", 10, "(161)"),
    (["new-resource r0 0"], "new-peer r0 1 --_name=hw2 --transport=nosuch", 10, "(172)"),
    (["new-resource r0 0"], "down r0", 0, ""),
    (["new-resource r0 0", "new-minor r0 0 0", "new-peer r0 1 --_name=hw2",
      "new-path r0 1 ipv4:10.11.56.2:7788 ipv4:10.11.56.3:7788", "connect r0 1"], "down r0", 0, ""),
    (["new-resource r0 0", "new-minor r0 0 0", "new-peer r0 1 --_name=hw2",
      "new-path r0 1 ipv4:10.11.56.2:7788 ipv4:10.11.56.3:7788", "connect r0 1"],
     "del-peer r0 1", 0, ""),
]


def test_orders(cluster):
    """Orders of creation and deletion, each from nothing, with module unload afterwards."""
    hw1 = cluster[0]
    for before, last, rc, text in ORDERS:
        hw1.run("modprobe drbd")
        for c in before:
            hw1.run(f"drbdsetup {c}")
        r = hw1.run(f"drbdsetup {last}", check=None)
        assert rc is None and r.rc != 0 or r.rc == rc, f"{last}: {r}"
        assert text in r.text, f"{last}: {r}"
        assert unload(hw1) is None, f"{before}, {last}"


def test_bad_arguments_change_nothing(cluster):
    """Numbers out of range, unknown options: refused before or in the kernel, nothing changes."""
    hw1 = cluster[0]
    hw1.run("modprobe drbd")
    hw1.run("drbdsetup new-resource r0 0 && drbdsetup new-peer r0 1 --_name=hw2")
    before = hw1.run("drbdsetup show r0 --show-defaults").out
    for bad in ("net-options r0 1 --timeout=0", "net-options r0 1 --nosuch=1",
                "net-options r0 1 --max-buffers=1", "net-options r0 1 --protocol=D",
                "peer-device-options r0 1 0 --c-max-rate=100G", "new-minor r0 -1 0",
                "resource-options r0 --quorum=77", "new-peer r0 1x", "new-path r0 1 x y"):
        r = hw1.run(f"drbdsetup {bad}", check=None)
        assert r.rc != 0 and r.text.strip(), f"{bad}: {r}"
    assert hw1.run("drbdsetup show r0 --show-defaults").out == before
