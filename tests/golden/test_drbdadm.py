# SPDX-License-Identifier: GPL-2.0-only
"""drbdadm against recorded and live behaviour of Debian's drbd-utils 9.22."""

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


def test_live():
    """At least 200 generated configurations, compared with Debian's own program."""
    run = subprocess.run([sys.executable, HERE / "live_diff.py", "--drbdadm", DRBDADM,
                          "--count", "200"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
