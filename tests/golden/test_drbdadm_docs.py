# SPDX-License-Identifier: GPL-2.0-only
"""Manual pages and completions that are generated from the tables of drbdadm."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
DRBDADM = BUILD / "bin/drbdadm"


@pytest.fixture(name="docs", scope="module")
def fixture_docs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("doc")
    subprocess.run([sys.executable, ROOT / "utils/drbdadm/doc/generate.py", DRBDADM, directory],
                   check=True)
    return directory


@pytest.mark.parametrize("page", ["drbdadm.8", "drbd.conf.5"])
def test_pages_are_clean(docs, page):
    if shutil.which("mandoc"):
        run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", docs / page],
                             capture_output=True, text=True, check=False)
        assert run.stdout + run.stderr == ""
    else:
        run = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", docs / page],
                             capture_output=True, text=True, check=False)
        assert run.returncode == 0 and run.stderr == ""


def test_pages_name_every_command_and_option(docs):
    tables = json.loads(subprocess.run([DRBDADM, "tables-json"], capture_output=True, text=True,
                                       check=True).stdout)
    commands = (docs / "drbdadm.8").read_text()
    for command in tables["commands"]:
        assert command["name"].replace("-", "\\-") in commands
    options = (docs / "drbd.conf.5").read_text()
    for section in tables["sections"].values():
        for option in section:
            assert f".B {option['name']} ".replace("-", "\\-") in options


def complete(docs, *words):
    """What bash would offer for the last word."""
    script = f'''
        drbdadm() {{ echo r0; echo r1; }}
        compopt() {{ :; }}
        source {docs}/drbdadm.bash
        COMP_WORDS=(drbdadm "$@"); COMP_CWORD=$#
        _drbdadm && printf '%s\\n' "${{COMPREPLY[@]}}"'''
    run = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True,
                         check=True)
    return run.stdout.split()


def test_bash_completion(docs):
    assert complete(docs, "adj") == ["adjust", "adjust-with-progress"]
    assert complete(docs, "up", "r") == ["r0", "r1"]
    assert complete(docs, "up", "a") == ["all"]
    assert "--al-extents=" in complete(docs, "attach", "--al-e")
    assert "--discard-my-data" in complete(docs, "connect", "--d")
    assert "--al-extents=" not in complete(docs, "connect", "--al")
    assert complete(docs, "--dry") == ["--dry-run"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_completion_parses(docs):
    subprocess.run(["zsh", "-n", docs / "_drbdadm"], check=True)
