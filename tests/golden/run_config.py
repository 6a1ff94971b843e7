#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare our drbdadm with the recorded behaviour in tests/golden/config.

For every command of NAME.cmd standard output and exit status must be as recorded, and standard
error must say at least as much: every line recorded there has to appear.  Where we differ on
purpose, DIFFERENCES.md has a row (file, number, reason) and config-ours/NAME.N.{out,rc,err}
hold what is expected instead, so that such a case is tested like any other.
"""

import argparse
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drbdadm", default=str(HERE.parent.parent / "build/bin/drbdadm"))
    parser.add_argument("--update-ours", action="store_true",
                        help="write config-ours for the rows of DIFFERENCES.md")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()

    tool = pathlib.Path(args.drbdadm).resolve()
    if not os.access(tool, os.X_OK):
        sys.exit(f"{tool} is not there; build it first")
    names = args.names or sorted(p.stem for p in CORPUS.glob("*.cmd"))
    known = differences()
    used = set()
    passed = failed = 0

    with tempfile.TemporaryDirectory() as bindir:
        # Found through PATH, without a slash: helpers then print as plain names.
        os.symlink(tool, f"{bindir}/drbdadm")
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("DRBD_", "FAKE_DRBD")) and k != "POSIXLY_CORRECT"}
        env.update(LC_ALL="C", LANG="C", TZ="UTC", __DRBD_NODE__="alpha",
                   DRBD_DRIVER_VERSION_OVERRIDE="9.2.0", PATH=f"{bindir}:{env['PATH']}")
        for name in names:
            out = parts(CORPUS / f"{name}.out")
            err = parts(CORPUS / f"{name}.err")
            rcs = statuses(CORPUS / f"{name}.rc")
            for number, command in enumerate(commands(CORPUS / f"{name}.cmd"), 1):
                run = subprocess.run(["bash", "-c", command], cwd=CORPUS, env=env, timeout=60,
                                     stdin=subprocess.DEVNULL, capture_output=True, check=False)
                got_out, got_err = mask(run.stdout), mask(run.stderr)
                what = known.get((name, number), "")
                want_out, want_rc = out[number], rcs[number]
                want_err = said(err[number])
                if what:
                    used.add((name, number))
                    base = OURS / f"{name}.{number}"
                    if args.update_ours:
                        OURS.mkdir(exist_ok=True)
                        if "out" in what:
                            base.with_name(base.name + ".out").write_bytes(got_out)
                        if "rc" in what:
                            base.with_name(base.name + ".rc").write_text(f"{run.returncode}\n")
                        if "err" in what:
                            base.with_name(base.name + ".err").write_bytes(got_err)
                    if "out" in what:
                        want_out = base.with_name(base.name + ".out").read_bytes()
                    if "rc" in what:
                        want_rc = int(base.with_name(base.name + ".rc").read_text())
                    if "err" in what:
                        want_err = said(base.with_name(base.name + ".err").read_bytes())
                problems = []
                if got_out != want_out:
                    problems.append("stdout")
                if run.returncode != want_rc:
                    problems.append(f"status {run.returncode} instead of {want_rc}")
                missing = want_err - said(got_err)
                if missing:
                    problems.append("stderr lacks " + " | ".join(
                        m.decode(errors="replace") for m in sorted(missing)))
                if not problems:
                    passed += 1
                    continue
                failed += 1
                print(f"FAIL {name} {number}: {command}\n    {'; '.join(problems)}")
                if not args.quiet and got_out != want_out:
                    with tempfile.TemporaryDirectory() as d:
                        pathlib.Path(d, "recorded").write_bytes(want_out)
                        pathlib.Path(d, "ours").write_bytes(got_out)
                        subprocess.run(["diff", "-U1", "recorded", "ours"], cwd=d, check=False)
                if not args.quiet:
                    sys.stdout.flush()
                    print(got_err.decode(errors="replace"))
    if not args.names:
        for name, number in sorted(set(known) - used):
            failed += 1
            print(f"FAIL DIFFERENCES.md: no command {number} in {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
