# SPDX-License-Identifier: GPL-2.0-only
"""drbdmon on a terminal: in tmux, with a stand-in for drbdsetup that replays recorded events.

Nothing here waits for time to pass: what is expected must come to be seen before a deadline."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import run_drbdsetup  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILD", HERE.parent.parent / "build"))
if not BUILD.is_absolute():
    BUILD = HERE.parent.parent / BUILD
DRBDMON = BUILD / "bin/drbdmon"
EVENTS = HERE / "drbdsetup/observed-9.22/events2"
DEADLINE = 60

# Records how it was called.  As "events2" it prints what is and what comes to be in the file
# "events", notes each request for fresh statistics, and ends with its standard input or as the
# file "end" says (exit code, then a text for standard error).  Any other command answers as
# the file "answer" says, in the same form, with the text on standard output.
STAND_IN = """#!/usr/bin/python3
import os, pathlib, select, sys
here = pathlib.Path(__file__).resolve().parent
with open(here / "calls", "a") as calls:
    calls.write(" ".join([os.path.basename(sys.argv[0])] + sys.argv[1:]) + "\\n")
if sys.argv[1] != "events2":
    code, _, text = (here / "answer").read_text().partition("\\n") if (here / "answer").exists() else ("0", "", "")
    sys.stdout.write(text)
    sys.exit(int(code))
(here / "pid").write_text(str(os.getpid()))
at = 0
while True:
    with open(here / "events") as f:
        f.seek(at)
        sys.stdout.write(f.read())
        at = f.tell()
    sys.stdout.flush()
    if (here / "end").exists():
        code, _, text = (here / "end").read_text().partition("\\n")
        os.unlink(here / "end")
        sys.stderr.write(text)
        sys.exit(int(code))
    if select.select([0], [], [], 0.02)[0]:
        asked = os.read(0, 1000)
        if not asked:
            sys.exit(0)
        with open(here / "asked", "ab") as f:
            f.write(asked)
"""


def wait_for(condition, what):
    """Until @condition returns something true; that is the result."""
    until = time.monotonic() + DEADLINE
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            pytest.fail(f"not within {DEADLINE} s: {what() if callable(what) else what}")
        time.sleep(0.02)


class Monitor:
    """drbdmon in a window of tmux; when it ends, its exit code and the terminal's modes are shown."""

    def __init__(self, folder):
        self.folder, self.servers, self.socket = folder, 0, ""
        for name in ("drbdsetup", "drbdadm"):
            path = folder / name
            path.write_text(STAND_IN)
            path.chmod(0o755)
        self.write("events", (EVENTS / "mixed-now-stat.txt").read_text())

    def write(self, name, text):
        # Complete from the first moment at which it is seen.
        (self.folder / (name + ".new")).write_text(text)
        os.rename(self.folder / (name + ".new"), self.folder / name)

    def more(self, *lines):
        with open(self.folder / "events", "a", encoding="utf-8") as f:
            f.write("".join(line + "\n" for line in lines))

    def tmux(self, *args):
        return subprocess.run(["tmux", "-u", "-f", "/dev/null", "-S", self.socket, *args],
                              capture_output=True, text=True, check=True, timeout=DEADLINE).stdout

    def start(self, *args, term="vt100", size=(80, 24)):
        # A server of its own each time: one that was told to end may still be there.
        self.servers += 1
        self.socket = str(self.folder / f"tmux{self.servers}")
        script = self.folder / "run"
        script.write_text(f"stty -g >{self.folder}/modes-before\n"
                          f"TERM={term} {DRBDMON} {' '.join(args)}\n"
                          f"echo exit code $?\nstty -g >{self.folder}/modes-after\nexec cat\n")
        env = {**os.environ, "PATH": f"{self.folder}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        env.pop("NO_COLOR", None)
        subprocess.run(["tmux", "-u", "-f", "/dev/null", "-S", self.socket, "new-session", "-d",
                        "-x", str(size[0]), "-y", str(size[1]), f"sh {script}"],
                       env=env, check=True, timeout=DEADLINE)
        return self

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def lines(self):
        return self.screen().split("\n")

    def see(self, pattern):
        return wait_for(lambda: re.search(pattern, self.screen(), re.M),
                        lambda: f"{pattern!r} on\n{self.screen()}")

    def not_see(self, pattern):
        wait_for(lambda: not re.search(pattern, self.screen(), re.M),
                 lambda: f"without {pattern!r}\n{self.screen()}")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def text(self, text):
        self.tmux("send-keys", "-l", text)

    def calls(self):
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def select(self, name):
        """Go down from the top to the line of @name, which has a problem of its own shown below."""
        self.keys("g")
        rows = self.lines()[2:-3]
        at = next(i for i, row in enumerate(rows) if row[2:].strip().startswith(name))
        for _ in range(at):
            self.keys("j")

    def ended(self):
        return self.see(r"^exit code \d+").group(0)

    def stop(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False,
                       timeout=DEADLINE)


@pytest.fixture(name="monitor")
def fixture_monitor(tmp_path):
    m = Monitor(tmp_path)
    yield m
    m.stop()


def test_problems_first_and_live(monitor):
    monitor.start(size=(80, 30))
    monitor.see(r"^!-web +Primary +Inconsistent")
    rows = monitor.lines()
    assert "4 resources, 2 alarms, 1 warning" in rows[0]
    names = [m.group(1) for m in (re.match(r"[!*~ ][-+ ](\w+)", row) for row in rows[2:]) if m]
    assert names == ["alpha", "web", "lone", "empty"]
    monitor.see(r"^~     volume 0 +SyncSource +Inconsistent +\[#+\.+\] +50.0% 14.2 MiB/s")
    monitor.more("change peer-device name:web peer-node-id:1 conn-name:bravo volume:0 replication:SyncSource "
                 "peer-disk:Inconsistent peer-client:no resync-suspended:no done:75.00 received:50 sent:1024 "
                 "out-of-sync:100 pending:0 unacked:0 dbdt1:20.00 eta:9")
    monitor.see(r"75.0% 20.0 MiB/s")
    monitor.more("change resource name:empty suspended:quorum", "create resource name:newer role:Secondary")
    monitor.see(r"^! empty +Secondary .* I/O is suspended")
    monitor.see(r"^  newer +Secondary")
    assert monitor.calls() == ["drbdsetup events2 --full --statistics --poll"]


def test_statistics_are_asked_for(monitor):
    monitor.start("--interval", "0.1", "web")
    wait_for(lambda: (monitor.folder / "asked").exists() and
             (monitor.folder / "asked").read_bytes().count(b"n\n") >= 3, "three requests")
    assert monitor.calls() == ["drbdsetup events2 --full --statistics --poll web"]


def test_with_our_drbdsetup(monitor, tmp_path):
    """Against the simulated kernel: what our drbdsetup prints is what drbdmon reads."""
    shim = run_drbdsetup.build_shim(tmp_path)
    with run_drbdsetup.Kernel(tmp_path, run_drbdsetup.FAKE / "scenarios/mixed.py") as kernel:
        (tmp_path / "drbdsetup").write_text(
            f"#!/bin/sh\nexport LD_PRELOAD={shim} FAKE_DRBD_SOCK={kernel.dir}/sock "
            f"FAKE_PROC_DRBD={kernel.dir}/proc\nexec {BUILD}/bin/drbdsetup \"$@\"\n")
        monitor.start("--interval", "0.1", size=(100, 40))
        monitor.see(r"^~     volume 0 +SyncSource +Inconsistent +\[#+\.+\] +50.0% 14.2 MiB/s")
        before = kernel.log.read_text().count("\n")
        wait_for(lambda: kernel.log.read_text().count("\n") > before + 3, "requests for statistics")
        assert not re.search("not understood|Not live", monitor.screen())


def test_resize(monitor):
    monitor.start()
    monitor.see("alpha")
    for width, height in ((120, 40), (50, 12), (80, 24)):
        monitor.tmux("resize-window", "-x", str(width), "-y", str(height))
        # Title over the whole width with the clock at its end, keys in the last line.
        wait_for(lambda: len(monitor.lines()[0]) == width - 1 and
                 monitor.lines()[height - 1].startswith("? help"), monitor.screen)
        assert all(len(line) <= width for line in monitor.lines())
    monitor.tmux("resize-window", "-x", "20", "-y", "4")
    monitor.see("^too small")
    monitor.tmux("resize-window", "-x", "80", "-y", "24")
    monitor.see("^!-alpha")


def test_details_log_help(monitor):
    monitor.start(size=(100, 50))
    monitor.see("alpha")
    monitor.keys("Enter")
    monitor.see(r"^  delta \(node 3\): Connected, Secondary")
    monitor.keys("q", "l")
    monitor.see("nothing changed since the start")
    monitor.more("change connection name:alpha peer-node-id:3 conn-name:delta connection:BrokenPipe role:Unknown")
    monitor.see(r"\d\d:\d\d:\d\d alpha delta connection: Connected -> BrokenPipe")
    monitor.keys("?")
    monitor.see("^Marks")
    monitor.keys("Escape")
    monitor.see("^!-alpha")


def test_filter(monitor):
    monitor.start()
    monitor.see("alpha")
    monitor.text("/verifys")
    monitor.not_see("alpha")
    monitor.keys("Enter")
    monitor.see(r"/verifys .*\d\d:\d\d:\d\d")
    monitor.keys("Escape")
    monitor.see("alpha")


def test_action_after_confirmation_only(monitor):
    monitor.start()
    monitor.see("web")
    monitor.select("web")
    monitor.see("^web: I/O is suspended")
    monitor.keys("S")
    monitor.see(r"Run 'drbdsetup secondary web'\? \[y/N\]")
    monitor.keys("n")
    monitor.see("^nothing done")
    monitor.keys("S", "y")
    monitor.see("^done: drbdsetup secondary web")
    assert monitor.calls()[1:] == ["drbdsetup secondary web"]


def test_dangerous_action_wants_a_word(monitor):
    monitor.start()
    monitor.see("lone")
    monitor.select("lone")
    monitor.see("^lone: volume 0: no disk attached")
    monitor.keys("O")
    monitor.see("type yes and Enter: _")
    monitor.keys("y", "Enter")
    monitor.see("^nothing done")
    monitor.keys("O")
    monitor.see("type yes and Enter: _")
    monitor.text("yes")
    monitor.keys("Enter")
    monitor.see("^done: drbdsetup down lone")
    assert monitor.calls()[1:] == ["drbdsetup down lone"]


def test_failure_of_an_action_is_told(monitor):
    monitor.write("answer", "17\nweb: State change failed: (-2) Need access to UpToDate data\n")
    monitor.start(size=(120, 30))
    monitor.see("web")
    monitor.select("web")
    monitor.see("^web: I/O is suspended")
    monitor.keys("P", "y")
    monitor.see(r"Need access to UpToDate data \(exit code 17\)")
    monitor.write("answer", "0\nr0: StandAlone\n\nwhat happened\n")
    monitor.keys("E")
    monitor.see("^what happened")
    assert monitor.calls()[1:] == ["drbdsetup primary web", "drbdadm explain web"]


def test_read_only_and_recording(monitor):
    monitor.start("--read-only")
    monitor.see("web")
    monitor.keys("P")
    monitor.see("^started with --read-only: no actions")
    monitor.stop()

    monitor.start("--file", str(EVENTS / "changes-full.txt"))
    monitor.see(r"^. x  ? +|^.[-+]x ")
    monitor.see("^end of ")
    monitor.keys("P")
    monitor.see("recording")
    assert len(monitor.calls()) == 1


def test_named_pipe(monitor):
    pipe = monitor.folder / "pipe"
    os.mkfifo(pipe)
    monitor.start("--file", str(pipe))
    monitor.see("Waiting for drbdsetup")
    with open(pipe, "w", encoding="utf-8") as f:
        f.write((EVENTS / "simple-now-stat.txt").read_text())
        f.flush()
        monitor.see(r"^.[-+]r0 ")


def test_end_of_events_is_told_and_tried_again(monitor):
    monitor.start(size=(120, 30))
    monitor.see("web")
    monitor.write("events", "exists resource name:other role:Secondary\nexists -\n")
    monitor.write("end", "20\nwarning\nCould not connect to 'drbd' generic netlink family\n")
    monitor.see(r"^Not live since .*exit code 20.*: Could not connect to 'drbd' generic netlink family")
    monitor.see(r"^!-web")  # what was known last
    monitor.see(r"^  other")
    monitor.not_see("web|Not live")
    assert len(monitor.calls()) == 2


def test_no_drbdsetup(monitor):
    os.unlink(monitor.folder / "drbdsetup")
    monitor.start()
    monitor.see("^Not live since .*cannot run drbdsetup: No such file or directory")


@pytest.mark.parametrize("how", ["key", signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_clean_exit(monitor, how):
    monitor.start()
    monitor.see("alpha")
    child = int((monitor.folder / "pid").read_text())
    if how == "key":
        monitor.keys("q")
    else:
        parent = re.search(r"^PPid:\s+(\d+)", pathlib.Path(f"/proc/{child}/status").read_text(), re.M)
        os.kill(int(parent.group(1)), how)
    assert monitor.ended() == "exit code 0"
    wait_for(lambda: not os.path.exists(f"/proc/{child}"), "end of drbdsetup")
    wait_for((monitor.folder / "modes-after").exists, "modes of the terminal")
    before = (monitor.folder / "modes-before").read_text()
    wait_for(lambda: (monitor.folder / "modes-after").read_text() == before, "the same modes")
    assert "help" not in monitor.screen()


def test_colors(monitor):
    monitor.start(term="screen-256color")
    monitor.see("alpha")
    assert "\x1b[36m" in monitor.screen("-e") or "\x1b[1m\x1b[36m" in monitor.screen("-e")
    monitor.stop()
    for term, args in (("vt100", ()), ("screen-256color", ("--no-color",))):
        monitor.start(*args, term=term)
        monitor.see("alpha")
        assert not re.search("\x1b\\[[0-9;]*3[0-7]m", monitor.screen("-e")), term
        monitor.stop()


@pytest.mark.parametrize("term", ["dumb", "no-such-terminal"])
def test_unfit_terminal(monitor, term):
    monitor.start(term=term)
    assert monitor.ended() == "exit code 20"
    assert f"terminal type '{term}' is not known, or cannot show a full screen" in monitor.screen("-J")
    assert not monitor.calls()


def run(*args):
    return subprocess.run([DRBDMON, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=False, timeout=DEADLINE)


def test_no_terminal():
    r = run()
    assert r.returncode == 20 and r.stdout == ""
    assert r.stderr.startswith("drbdmon: standard input and output must be a terminal")


def test_help_and_version():
    r = run("--help")
    assert r.returncode == 0 and r.stdout.startswith("USAGE: drbdmon") and not r.stderr
    assert all(option in r.stdout for option in ("--file", "--interval", "--read-only", "--no-color"))
    r = run("--version")
    assert r.returncode == 0 and re.fullmatch(r"drbdmon \d[\w.~-]*\n", r.stdout)


@pytest.mark.parametrize("args,text", [
    (["--nonsense"], "unrecognized option '--nonsense'"),
    (["--interval", "0"], "--interval 0: a number of seconds from 0.1 to 60 expected"),
    (["--interval", "1x"], "--interval 1x: a number"),
    (["r0", "r1"], "excess argument 'r1'"),
    (["--file", "x", "r0"], "a resource cannot be picked out of a file"),
])
def test_bad_arguments(args, text):
    r = run(*args)
    assert r.returncode == 20 and text in r.stderr and r.stdout == ""


def test_bad_file(monitor):
    monitor.start("--file", "/nowhere")
    assert monitor.ended() == "exit code 20"
    monitor.see("^/nowhere: No such file or directory")
