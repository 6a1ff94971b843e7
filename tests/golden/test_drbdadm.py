# SPDX-License-Identifier: GPL-2.0-only
"""drbdadm against recorded and live behaviour of Debian's drbd-utils 9.22."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import run_config  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILD", HERE.parent.parent / "build"))
if not BUILD.is_absolute():
    BUILD = HERE.parent.parent / BUILD
DRBDADM = BUILD / "bin/drbdadm"


@pytest.fixture(name="runner", scope="session")
def fixture_runner(tmp_path_factory):
    return run_config.Runner(DRBDADM, tmp_path_factory.mktemp("bin"))


@pytest.mark.parametrize("name", run_config.names_of_corpus())
def test_recorded(runner, name):
    reports = [run_config.report(name, number, command, problems, got, want)
               for number, command, problems, got, want in runner.check(name) if problems]
    assert not reports, "\n".join(reports)


def test_differences_name_existing_commands():
    for name, number in run_config.differences():
        assert number <= len(run_config.commands(run_config.CORPUS / f"{name}.cmd"))


def test_all_errors_are_reported(tmp_path):
    """From files, included ones and standard input, each with its line, and each once."""
    main = tmp_path / "main.conf"
    main.write_text('include "more.conf";\n'
                    'resource r0 {\n  net { timeout abc; bogus 1; }\n  disk { frob }\n'
                    '  on alpha { adress 10.0.0.1:7000; node-id 77; }\n}\n'
                    'resource r0 { }\nfrobnicate;\n')
    (tmp_path / "more.conf").write_text("common { net { foo; max-buffers x; } }\n")
    wanted = ["more.conf:1: Parse error: 'an option keyword' expected",
              "more.conf:1: Parse error: while parsing value ('x')",
              "main.conf:3: Parse error: while parsing value ('abc')",
              "main.conf:3: Parse error: 'an option keyword' expected",
              "main.conf:4: Parse error: 'resync-rate",
              "main.conf:5: Parse error: 'disk | device",
              "main.conf:5: node-id 77", "main.conf:7: conflicting use of resource section 'r0'",
              "main.conf:2: resource section 'r0' first used here.",
              "main.conf:8: Parse error: 'global | common"]
    env = dict(os.environ, __DRBD_NODE__="alpha")
    run = subprocess.run([DRBDADM, "-c", main, "sh-resources"], capture_output=True, text=True,
                         check=False, env=env, cwd=tmp_path)
    assert run.returncode == 10 and run.stdout == ""
    for text in wanted:
        assert run.stderr.count(text) == 1, (text, run.stderr)
    run = subprocess.run([DRBDADM, "-c", "-", "sh-resources"], capture_output=True, text=True,
                         check=False, env=env, cwd=tmp_path, input=main.read_text())
    assert run.returncode == 10 and run.stdout == ""
    for text in wanted:
        assert run.stderr.count(text.replace("main.conf", "STDIN")) == 1, (text, run.stderr)


def test_explain_needs_no_resource_and_no_driver(tmp_path):
    """Without a resource it is about all; without a module that is what it says."""
    conf = tmp_path / "r.conf"
    conf.write_text("".join(
        f"resource r{n} {{ device minor {n}; disk /dev/d{n}; meta-disk internal;\n"
        f" on alpha {{ address 10.0.0.1:700{n}; }} on beta {{ address 10.0.0.2:700{n}; }} }}\n"
        for n in (0, 1)))
    setup = tmp_path / "drbdsetup"
    env = dict(os.environ, __DRBD_NODE__="alpha", DRBD_DRIVER_VERSION_OVERRIDE="9.2.0")

    def explain(*words):
        return subprocess.run([DRBDADM, "-c", conf, "-s", setup, "explain", *words],
                              capture_output=True, text=True, check=False, env=env)

    def problems(*words):
        run = explain("--json", *words)
        assert run.returncode == 1, run.stderr
        return [(f["object"], f["problem"]) for f in json.loads(run.stdout)]

    setup.write_text("#!/bin/sh\necho '[]'\n")
    setup.chmod(0o755)
    assert problems() == problems("all") == [("r0", "not-up"), ("r1", "not-up")]
    assert problems("r1") == [("r1", "not-up")]
    assert explain().stdout.count("configured, but not up") == 2
    setup.write_text("#!/bin/sh\nexit 20\n")
    if pathlib.Path("/proc/drbd").exists():
        assert explain().returncode == 20
    else:
        assert problems() == [("r0", "module-not-loaded"), ("r1", "module-not-loaded")]
        assert "modprobe drbd\n        drbdadm up r0\n" in explain("r0").stdout


def test_all_is_looked_up_by_commands_that_need_no_object(tmp_path):
    """As with 9.22, scripts on a host that is not mentioned get status 1 and a hint."""
    conf = tmp_path / "r.conf"
    conf.write_text("resource r0 { device minor 1; disk /dev/a; meta-disk internal;\n"
                    " on alpha { address 10.0.0.1:7000; } on beta { address 10.0.0.2:7000; } }\n")
    for node, options, rc, hint in (
            ("alpha", [], 0, ""), ("gamma", [], 1, "Misspelled name of the local machine"),
            ("alpha", ["-S"], 1, "nothing to do in stacked mode!")):
        for command in ("sh-nop", "sh-mod-parms"):
            run = subprocess.run([DRBDADM, "-c", conf, *options, command, "all"], check=False,
                                 capture_output=True, text=True,
                                 env=dict(os.environ, __DRBD_NODE__=node))
            assert run.returncode == rc and hint in run.stderr, (node, command, run)
    conf.write_text("")
    run = subprocess.run([DRBDADM, "-c", conf, "sh-nop", "all"], check=False,
                         capture_output=True, text=True)
    assert run.returncode == 1 and "no resources defined!" in run.stderr


def test_live():
    """At least 200 generated configurations, compared with Debian's own program."""
    run = subprocess.run([sys.executable, HERE / "live_diff.py", "--drbdadm", DRBDADM,
                          "--count", "200"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
