#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare our drbdadm with the recorded behaviour in tests/golden/config.

For every command of NAME.cmd standard output and exit status must be as recorded, and standard
error must say at least as much: every line recorded there has to appear.  Where we differ on
purpose, DIFFERENCES.md has a row (file, number, reason) and config-ours/NAME.N.{out,rc,err}
hold what is expected instead, so that such a case is tested like any other.
"""

import argparse
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE / "config"
OURS = HERE / "config-ours"


def parts(path):
    """The recorded parts of NAME.out or NAME.err: {number: bytes}."""
    result = {}
    current = None
    for line in path.read_bytes().splitlines(keepends=True):
        match = re.match(rb"#### (\d+): ", line)
        if match:
            current = int(match.group(1))
            result[current] = b""
        elif current is not None:
            result[current] += line
    return result


def statuses(path):
    return {int(n): int(rc) for n, rc in (line.split() for line in path.read_text().splitlines())}


def commands(path):
    lines = path.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def mask(data):
    data = data.replace(str(CORPUS).encode(), b"@DIR@")
    data = re.sub(rb"(?m)^Version: [0-9].*", b"Version: @VERSION@", data)
    data = re.sub(rb"(?m)^GIT-hash: .*", b"GIT-hash: @HASH@", data)
    if data and not data.endswith(b"\n"):
        data += b"\n\\ no newline at end of output\n"
    return data


def important(line):
    """A line of stderr without what may differ: token numbers, file names before the line
    number, the line number itself (9.22 reports 0 or the last line read in places)."""
    if line.startswith(b".@DIR@"):
        line = line[1:]
    line = re.sub(rb" \(TK \d+\)$", b"", line)
    line = re.sub(rb"(?:@DIR@/)?[A-Za-z0-9_./-]+:\d+(?=[: ]|$)", b"F:L", line)
    return line.rstrip(b".").strip()


def said(stderr):
    lines = {important(line) for line in stderr.splitlines()}
    return lines - {b"", b"\\ no newline at end of output"}


def differences():
    """{(name, number): reason} from DIFFERENCES.md."""
    found = {}
    for line in (HERE / "DIFFERENCES.md").read_text().splitlines():
        match = re.match(r"\| *([a-z0-9-]+) *\| *([\d, ]+) *\| *([a-z ,]+) *\|", line)
        if match:
            for number in match.group(2).split(","):
                found[match.group(1), int(number)] = match.group(3).strip()
    return found


class Runner:
    """Runs recorded commands with a given drbdadm and says how the results differ."""

    def __init__(self, tool, scratch, update_ours=False):
        # Found through PATH, without a slash: helpers then print as plain names.
        os.symlink(pathlib.Path(tool).resolve(), f"{scratch}/drbdadm")
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("DRBD_", "FAKE_DRBD")) and k != "POSIXLY_CORRECT"}
        self.env.update(LC_ALL="C", LANG="C", TZ="UTC", __DRBD_NODE__="alpha",
                        DRBD_DRIVER_VERSION_OVERRIDE="9.2.0",
                        PATH=f"{scratch}:{self.env['PATH']}")
        self.update_ours = update_ours
        self.known = differences()
        self.used = set()

    def ours(self, name, number, part):
        return OURS / f"{name}.{number}.{part}"

    def expectation(self, name, number, got):
        """(stdout, status, lines of stderr) that are right for this command."""
        want = {"out": parts(CORPUS / f"{name}.out")[number],
                "err": parts(CORPUS / f"{name}.err")[number],
                "rc": statuses(CORPUS / f"{name}.rc")[number]}
        for part in re.findall(r"[a-z]+", self.known.get((name, number), "")):
            self.used.add((name, number))
            file = self.ours(name, number, part)
            if self.update_ours:
                OURS.mkdir(exist_ok=True)
                file.write_bytes(got[part] if part != "rc" else b"%d\n" % got[part])
            want[part] = int(file.read_text()) if part == "rc" else file.read_bytes()
        return want

    def check(self, name):
        """Yields (number, command, problems, got, want) for each command of NAME.cmd."""
        for number, command in enumerate(commands(CORPUS / f"{name}.cmd"), 1):
            run = subprocess.run(["bash", "-c", command], cwd=CORPUS, env=self.env, timeout=60,
                                 stdin=subprocess.DEVNULL, capture_output=True, check=False)
            got = {"out": mask(run.stdout), "err": mask(run.stderr), "rc": run.returncode}
            want = self.expectation(name, number, got)
            problems = []
            if got["out"] != want["out"]:
                problems.append("stdout")
            if got["rc"] != want["rc"]:
                problems.append(f"status {got['rc']} instead of {want['rc']}")
            missing = said(want["err"]) - said(got["err"])
            if missing:
                problems.append("stderr lacks " + " | ".join(
                    m.decode(errors="replace") for m in sorted(missing)))
            yield number, command, problems, got, want


def names_of_corpus():
    return sorted(p.stem for p in CORPUS.glob("*.cmd"))


def report(name, number, command, problems, got, want):
    text = [f"{name} {number}: {command}\n    {'; '.join(problems)}\n"]
    if got["out"] != want["out"]:
        text += difflib.unified_diff(want["out"].decode(errors="replace").splitlines(True),
                                     got["out"].decode(errors="replace").splitlines(True),
                                     "recorded", "ours", n=1)
    return "".join(text) + got["err"].decode(errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drbdadm", default=str(
        pathlib.Path(os.environ.get("BUILD", HERE.parent.parent / "build"), "bin/drbdadm")))
    parser.add_argument("--update-ours", action="store_true",
                        help="write config-ours for the rows of DIFFERENCES.md")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if not os.access(args.drbdadm, os.X_OK):
        sys.exit(f"{args.drbdadm} is not there; build it first")

    passed = failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        runner = Runner(args.drbdadm, scratch, args.update_ours)
        for name in args.names or names_of_corpus():
            for number, command, problems, got, want in runner.check(name):
                if problems:
                    failed += 1
                    print("FAIL " + report(name, number, command, problems, got, want))
                else:
                    passed += 1
        if not args.names:
            for name, number in sorted(set(runner.known) - runner.used):
                failed += 1
                print(f"FAIL DIFFERENCES.md: no command {number} in {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
