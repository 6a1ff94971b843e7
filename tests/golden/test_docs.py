# SPDX-License-Identifier: GPL-2.0-only
"""Manual pages and completions that are generated from the tables of the tools."""

import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
BIN = BUILD / "bin"
PAGES = ["drbd.conf.5", "drbd.7", "drbdadm.8", "drbdsetup.8", "drbdmeta.8",
         "ocf_linbit_drbd.7", "ocf_linbit_drbd-attr.7"]
if (BIN / "drbdmon").exists():
    PAGES.append("drbdmon.8")


@pytest.fixture(name="docs", scope="module")
def fixture_docs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("doc")
    subprocess.run([sys.executable, ROOT / "doc/generate.py", BIN, directory], check=True)
    return directory


@pytest.fixture(name="tables", scope="module")
def fixture_tables():
    return json.loads(subprocess.run([BIN / "drbdadm", "tables-json"], capture_output=True,
                                     text=True, check=True).stdout)


def module(name):
    """A module of the folder doc."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"doc/{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def rendered(page):
    """The words of a page, without markup."""
    text = re.sub(r"\\f[BIR]", "", page.read_text()).replace("\\-", "-").replace("\\&", "")
    text = re.sub(r"^\.(\\\".*|[A-Z]+)", "", text, flags=re.MULTILINE)
    return " ".join(text.replace("\\e", "\\").split())


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_clean(docs, page):
    if shutil.which("mandoc"):
        run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", docs / page],
                             capture_output=True, text=True, check=False)
        assert run.stdout + run.stderr == ""
    run = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", docs / page],
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0 and run.stderr == ""


def test_every_option_has_a_text_and_every_text_an_option(tables):
    texts = module("options")
    # Not part of the schema: accepted in the file only, or given by drbdadm itself.
    extra = {"startup": {"stacked-timeouts", "become-primary-on"}, "device": {"diskless"}}
    for section, known in {"options": texts.RESOURCE, "net": texts.NET, "disk": texts.DISK,
                           "peer-device": texts.PEER_DEVICE, "device": texts.DEVICE,
                           "startup": texts.STARTUP, "handlers": texts.HANDLERS,
                           "proxy": texts.PROXY}.items():
        names = {option["name"] for option in tables["sections"][section]}
        assert set(known) - extra.get(section, set()) == names, section


def test_ranges_and_defaults_come_from_the_schema(docs, tables):
    page = rendered(docs / "drbd.conf.5")
    for section in tables["sections"].values():
        for option in section:
            assert f" {option['name']} " in page
            if option["kind"] == "number" and option["max"] < 2 ** 63:
                assert f"alues {option['min']} to {option['max']}" in page, option["name"]
            if option["kind"] == "word":
                assert " | ".join(option["words"]) in page, option["name"]
    assert "timeout number A peer that does not answer" in page
    assert "Values 1 to 600, in 1/10 seconds, default 60." in page


def test_drbdadm_page_names_every_command_and_option(docs, tables):
    page = rendered(docs / "drbdadm.8")
    for command in tables["commands"]:
        assert f" {command['name']}" in page
        for option in command["options"]:
            assert f"--{option['name']}" in page
    for option in tables["general"]:
        assert f"-{option['letter']}" in page and f"--{option['name']}" in page


def test_drbdsetup_page_names_every_command_and_option(docs):
    page = rendered(docs / "drbdsetup.8")
    usage = subprocess.run([BIN / "drbdsetup", "help"], capture_output=True, text=True,
                           check=False).stdout
    names = [line.split()[0] for line in usage.splitlines()
             if line.startswith("    ") and line[4] != " "]
    assert len(names) > 40
    for name in names:
        assert f" {name} " in page
        help_text = subprocess.run([BIN / "drbdsetup", "help", name], capture_output=True,
                                   text=True, check=True).stdout
        for word in help_text.replace("=", " ").replace("]", " ").split():
            if word.startswith("[--"):
                assert word[1:] in page, (name, word)


def test_drbdmeta_page_names_every_command_and_option(docs):
    page = rendered(docs / "drbdmeta.8")
    usage = subprocess.run([BIN / "drbdmeta"], capture_output=True, text=True, check=False).stdout
    commands = usage.split("COMMANDS:\n")[1].splitlines()
    assert len(commands) > 12
    for line in commands:
        words = line.replace("[", " ").replace("]", " ").split()
        assert f" {words[0]}" in page
        for word in words[1:]:
            if word.startswith("--"):
                assert word in page, word


@pytest.mark.skipif("drbdmon.8" not in PAGES, reason="drbdmon is not built")
def test_drbdmon_page_names_every_option_key_and_action(docs):
    page = rendered(docs / "drbdmon.8")
    usage = subprocess.run([BIN / "drbdmon", "--help"], capture_output=True, text=True,
                           check=True).stdout
    options = re.findall(r"^  -(.), (--[a-z-]+)", usage, re.MULTILINE)
    assert len(options) >= 5
    for letter, name in options:
        assert f"-{letter}, {name} " in page
    # Each action has a line that begins with its key, and the tool's own source has no more.
    source = (ROOT / "utils/drbdmon/actions.cc").read_text()
    keys = re.findall(r"^\t\{'(.)', L::", source, re.MULTILINE)
    assert len(keys) > 12
    for key in keys:
        assert re.search(rf"^\.TP\n\\fB{key}\\fR$", (docs / "drbdmon.8").read_text(),
                         re.MULTILINE), key
    assert "Ctrl-L" in page and "drbdsetup connect resource peer node id --discard-my-data" in page


def test_pages_of_the_system_name_what_is_installed(docs):
    page = rendered(docs / "drbd.7")
    for unit in (ROOT / "host/units").glob("*.*"):
        assert unit.name.split("@")[0] in page, unit.name
    for script in ["crm-fence-peer.9.sh", "crm-unfence-peer.9.sh", "stonith_admin-fence-peer.sh",
                   "snapshot-resync-target-lvm.sh", "unsnapshot-resync-target-lvm.sh"]:
        assert script in page
    for script in (ROOT / "host/handlers").iterdir():
        assert script.name == "notify.sh" or script.name in page
    assert "drbd-promote@resource.service" in page
    assert (docs / "drbd-promote@.service.7").read_text() == ".so man7/drbd.7\n"


def test_bad_use_of_the_generator(tmp_path):
    run = subprocess.run([sys.executable, ROOT / "doc/generate.py"], capture_output=True,
                         text=True, check=False)
    assert run.returncode == 1 and "DIRECTORY-OF-TOOLS" in run.stderr
    assert not list(tmp_path.iterdir())


def complete(docs, tool, *words):
    """What bash would offer for the last word; it splits words at = signs."""
    script = f'''
        drbdadm() {{ echo r0; echo r1; }}
        drbdsetup() {{ echo "exists resource name:web role:Primary"; echo "exists -"; }}
        compopt() {{ :; }}
        source {docs}/drbdadm.bash
        COMP_WORDS=({tool} "$@"); COMP_CWORD=$#
        _{tool} && printf '%s\\n' "${{COMPREPLY[@]}}"'''
    run = subprocess.run(["bash", "-uc", script, "bash", *words], capture_output=True, text=True,
                         check=True)
    assert run.stderr == ""
    return run.stdout.split()


def test_bash_completion_of_drbdadm(docs):
    assert complete(docs, "drbdadm", "adj") == ["adjust", "adjust-with-progress"]
    assert complete(docs, "drbdadm", "up", "r") == ["r0", "r1"]
    assert complete(docs, "drbdadm", "up", "a") == ["all"]
    assert "--al-extents=" in complete(docs, "drbdadm", "attach", "--al-e")
    assert "--discard-my-data" in complete(docs, "drbdadm", "connect", "--d")
    assert "--al-extents=" not in complete(docs, "drbdadm", "connect", "--al")
    assert complete(docs, "drbdadm", "--dry") == ["--dry-run"]
    assert complete(docs, "drbdadm", "net-options", "--fencing", "=", "reso") == \
        ["resource-only", "resource-and-stonith"]
    assert complete(docs, "drbdadm", "sh-resources", "") == []


def test_bash_completion_of_drbdsetup(docs):
    assert complete(docs, "drbdsetup", "stat") == ["status"]
    assert complete(docs, "drbdsetup", "status", "") == ["web"]
    assert complete(docs, "drbdsetup", "events2", "--ti") == ["--timestamps"]
    assert complete(docs, "drbdsetup", "attach", "--on-io-error", "=", "d") == ["detach"]
    assert complete(docs, "drbdsetup", "primary", "web", "--force=n") == ["no"]
