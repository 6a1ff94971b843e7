# SPDX-License-Identifier: GPL-2.0-only
"""Units with their scripts, udev rules, and the shape of all scripts."""

import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import ROOT

LIB = ROOT / "host/lib"
SHIM = LIB / "drbd-service-shim.sh"
SCRIPTS = sorted(p for d in ("lib", "ocf", "handlers") for p in (ROOT / "host" / d).iterdir())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_shellcheck(script):
    assert script.read_text().splitlines()[1] == "# SPDX-License-Identifier: GPL-2.0-only"
    assert os.access(script, os.X_OK)
    run = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


# ------------------------------------------------------------------ units

@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "host/units").iterdir()))
def test_unit_is_valid(name, tmp_path):
    """systemd reads it without a complaint; programs are looked up in a tree of the tests."""
    tree = tmp_path / "root"
    units = tree / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for program in ["usr/lib/drbd/scripts/" + p.name for p in LIB.iterdir()] + ["usr/bin/true"]:
        (tree / program).parent.mkdir(parents=True, exist_ok=True)
        (tree / program).write_text("#!/bin/sh\n")
        (tree / program).chmod(0o755)
    for alias in ("lib", "bin"):
        (tree / alias).symlink_to(f"usr/{alias}")
    for unit in (ROOT / "host/units").iterdir():
        shutil.copy(unit, units)
    for other in pathlib.Path("/usr/lib/systemd/system").glob("*.target"):
        if not other.is_symlink():
            shutil.copy(other, units)
    for slice_ in pathlib.Path("/usr/lib/systemd/system").glob("*.slice"):
        shutil.copy(slice_, units)
    instance = name.replace("@", "@my-res_1.x")
    run = subprocess.run(["systemd-analyze", "--man=no", f"--root={tree}", "verify", instance],
                         capture_output=True, text=True, check=False)
    # It also loads units of systemd itself, which are not all there.
    told = [line for line in run.stderr.splitlines() if "drbd" in line or "ocf" in line]
    assert told == [], run.stderr


def unit_commands():
    for unit in (ROOT / "host/units").iterdir():
        for line in unit.read_text().splitlines():
            if line.startswith("Exec"):
                yield unit.name, line.split("=", 1)[1]


def test_programs_of_the_units_exist():
    commands = list(unit_commands())
    assert len(commands) > 12
    for unit, command in commands:
        program = command.split()[0]
        assert program == "/bin/true" or (LIB / pathlib.Path(program).name).exists(), unit
        assert program in ("/bin/true", f"/lib/drbd/scripts/{pathlib.Path(program).name}"), unit


@pytest.fixture(name="tools")
def fixture_tools(host):
    host.program("drbdadm", r'''case "$*" in
	"sh-ll-dev r0") printf "%s\n" /dev/vg/a none /dev/sdb ;;
	"sh-md-dev r0") printf "%s\n" /dev/vg/a /dev/vg/md ;;
	"sh-resources") cat "$DIR/resources" 2>/dev/null; true ;;
	"--stacked sh-resources") cat "$DIR/stacked" 2>/dev/null; true ;;
	"--stacked sh-lr-of"*) echo r0 ;;
	*) [ ! -e "$DIR/fail" ] || ! grep -qxF -- "$*" "$DIR/fail" ;;
	esac''')
    host.program("drbdsetup", r'''case "$*" in
	"role "*) [ -e "$DIR/role" ] && cat "$DIR/role" ;;
	"events2 "*) cat "$DIR/events"; [ -e "$DIR/ended" ] || exec sleep 60 ;;
	"status r0") cat "$DIR/status" 2>/dev/null ;;
	*) [ ! -e "$DIR/fail" ] || ! grep -qxF -- "$*" "$DIR/fail" ;;
	esac''')
    host.program("lvs", 'case "${!#}" in /dev/vg/*) ;; *) exit 5 ;; esac')
    host.program("lvchange")
    host.program("rmmod")
    return host


@pytest.mark.parametrize("words,call", [
    (["adjust", "my-res"], "drbdadm adjust my-res"),
    (["adjust", r"a\x2bb"], "drbdadm adjust a+b"),
    (["down", "r0"], "drbdsetup down r0"),
    (["primary", "r0"], "drbdadm primary r0"),
    (["secondary", "r0"], "drbdadm secondary r0"),
    (["on-loss", "io-error", "r0"],
     "drbdsetup resource-options r0 --on-no-quorum=io-error --on-no-data-accessible=io-error"),
])
def test_shim(tools, words, call):
    (tools.dir / "role").write_text("Primary\n")
    assert tools.run(SHIM, *words).returncode == 0
    assert tools.calls()[-1] == call
    (tools.dir / "fail").write_text(call.split(" ", 1)[1] + "\n")
    assert tools.run(SHIM, *words).returncode == 1


@pytest.mark.parametrize("words", [[], ["adjust"], ["nonsense", "r0"], ["on-loss", "x", "r0"],
                                   ["adjust", "a", "b"]])
def test_shim_usage(tools, words):
    run = tools.run(SHIM, *words)
    assert run.returncode == 1 and "usage" in run.stderr and tools.calls() == []


def test_shim_on_what_is_not_configured(tools):
    for words in (["secondary"], ["secondary-or-fail"], ["on-loss", "io-error"]):
        assert tools.run(SHIM, *words, "r0").returncode == 0
    assert {c.split()[1] for c in tools.calls()} == {"role"}


def test_demotion_by_force_only_when_suspended(tools):
    (tools.dir / "role").write_text("Primary\n")
    (tools.dir / "fail").write_text("secondary r0\n")
    assert tools.run(SHIM, "secondary-or-fail", "r0").returncode == 1
    assert "drbdsetup secondary --force r0" not in tools.calls()
    (tools.dir / "status").write_text("r0 role:Primary suspended:quorum\n")
    assert tools.run(SHIM, "secondary-or-fail", "r0").returncode == 0
    assert tools.calls()[-1] == "drbdsetup secondary --force r0"


def test_logical_volumes(tools):
    assert tools.run(SHIM, "lvs-activate", "r0").returncode == 0
    assert tools.calls("lvchange") == ["lvchange -ay /dev/vg/a", "lvchange -ay /dev/vg/md"]
    tools.forget()
    assert tools.run(SHIM, "lvs-deactivate", "r0").returncode == 0
    assert tools.calls("lvchange") == ["lvchange -an /dev/vg/a", "lvchange -an /dev/vg/md"]
    tools.program("lvchange", "exit 5")
    assert tools.run(SHIM, "lvs-activate", "r0").returncode == 1


@pytest.mark.parametrize("events,ended,status", [
    (["exists resource name:r0 role:Secondary may_promote:yes promotion_score:1", "exists -"],
     False, 0),
    (["exists resource name:r0 role:Primary may_promote:no promotion_score:1", "exists -"],
     False, 0),
    (["exists resource name:r0 role:Secondary may_promote:no promotion_score:0", "exists -",
      "change connection name:r0 peer-node-id:1 connection:Connected role:Primary",
      "change resource name:r0 may_promote:yes promotion_score:10102"], False, 0),
    (["exists -"], False, 1),
    (["exists resource name:r0 role:Secondary may_promote:no promotion_score:0", "exists -",
      "destroy resource name:r0"], False, 1),
    (["exists resource name:r0 role:Secondary may_promote:no promotion_score:0", "exists -",
      "change connection name:r0 peer-node-id:1 connection:Connected role:Primary"], True, 1),
])
def test_waiting_until_promotable(tools, events, ended, status):
    (tools.dir / "events").write_text("".join(e + "\n" for e in events))
    if ended:
        (tools.dir / "ended").touch()
    run = tools.run(LIB / "drbd-wait-promotable.sh", "r0", timeout=10)
    assert run.returncode == status
    assert ("r0" in run.stderr) == (status == 1)


def test_waiting_goes_on(tools):
    (tools.dir / "events").write_text(
        "exists resource name:r0 role:Secondary may_promote:no promotion_score:0\nexists -\n"
        "change connection name:r0 peer-node-id:1 connection:Connected role:Primary\n")
    with pytest.raises(subprocess.TimeoutExpired):
        tools.run(LIB / "drbd-wait-promotable.sh", "r0", timeout=1)


# ------------------------------------------------------------------ all resources

def test_start_of_everything(tools):
    (tools.dir / "resources").write_text("r0 r1\n")
    assert tools.run(LIB / "drbd", "start").returncode == 0
    calls = [c for c in tools.calls() if "sh-resources" not in c]
    assert calls == ["drbdadm sh-nop", "drbdadm adjust-with-progress all", "drbdadm wait-con-int"]


def test_start_of_stacked_resources_where_the_lower_is_primary(tools):
    (tools.dir / "resources").write_text("r0\n")
    (tools.dir / "stacked").write_text("top\n")
    (tools.dir / "role").write_text("Secondary\n")
    assert tools.run(LIB / "drbd", "start").returncode == 0
    assert "drbdadm --stacked adjust top" not in tools.calls()
    (tools.dir / "role").write_text("Primary\n")
    assert tools.run(LIB / "drbd", "start").returncode == 0
    assert tools.calls()[-1] == "drbdadm --stacked adjust top"


@pytest.mark.parametrize("fails,status,last", [
    ("sh-nop", 1, "drbdadm sh-nop"),
    ("adjust-with-progress all", 1, "drbdadm --stacked sh-resources"),
])
def test_start_that_fails(tools, fails, status, last):
    (tools.dir / "resources").write_text("r0\n")
    (tools.dir / "fail").write_text(fails + "\n")
    assert tools.run(LIB / "drbd", "start").returncode == status
    assert tools.calls()[-1] == last


def test_nothing_is_configured(tools):
    run = tools.run(LIB / "drbd", "start")
    assert run.returncode == 0 and "no resources" in run.stdout
    assert tools.run(LIB / "drbd", "reload").returncode == 0
    assert not any("adjust" in c for c in tools.calls())


def test_stop_and_status_of_everything(tools):
    (tools.dir / "stacked").write_text("top\n")
    assert tools.run(LIB / "drbd", "stop").returncode == 0
    downs = [c for c in tools.calls() if " down " in c]
    assert downs == ["drbdsetup down top", "drbdsetup down all"]
    assert tools.calls()[-1] == "rmmod drbd"
    assert tools.run(LIB / "drbd", "status").returncode == 0
    tools.forget()
    (tools.dir / "fail").write_text("down all\n")
    assert tools.run(LIB / "drbd", "stop").returncode == 1
    assert tools.calls("rmmod") == []
    (tools.proc / "drbd").unlink()
    assert tools.run(LIB / "drbd", "stop").returncode == 0
    assert tools.run(LIB / "drbd", "status").returncode == 3
    assert tools.run(LIB / "drbd", "nonsense").returncode == 2


# ------------------------------------------------------------------ OCF agents as services

def test_agent_as_a_service(host):
    host.program("systemd-notify")
    host.program("sleep")
    host.program("agent", 'echo "$OCF_ROOT $OCF_RESOURCE_TYPE" >"$DIR/env"; case $1 in monitor) '
                 'n=$(cat "$DIR/n" 2>/dev/null || echo 0); echo $((n + 1)) >"$DIR/n"; '
                 '[ $n -lt 2 ] || exit 7 ;; start) [ ! -e "$DIR/broken" ] ;; esac')
    wrapper = LIB / "ocf.ra.wrapper.sh"
    env = {"AGENT": str(host.bin / "agent"), "monitor_interval": "5"}
    run = host.run(wrapper, "run", env=env)
    assert run.returncode == 1 and "monitor" in run.stderr
    assert [c for c in host.calls() if not c.startswith("sleep")] == [
        "agent start", "systemd-notify --ready --status=started", "agent monitor", "agent monitor",
        "agent monitor"]
    assert host.calls("sleep") == ["sleep 5"] * 3
    assert (host.dir / "env").read_text() == "/usr/lib/ocf agent\n"
    host.forget()
    (host.dir / "broken").touch()
    assert host.run(wrapper, "run", env=env).returncode == 1
    assert host.run(wrapper, "stop", env=env).returncode == 0
    assert host.calls() == ["agent start", "agent stop"]
    assert host.run(wrapper, "run", env={"AGENT": "/nowhere"}).returncode == 5


# ------------------------------------------------------------------ udev

def udev_links(tmp_path, sh_udev, udev="exit 10"):
    """SYMLINK property that the rules give a device, asked of udev itself, which must know one
    that looks like ours: a loop device, in a name space of its own with these rules only."""
    rules = tmp_path / "rules.d"
    rules.mkdir()
    text = (ROOT / "host/udev/65-drbd.rules").read_text()
    for tool, body in (("drbdadm", sh_udev), ("drbdsetup", udev)):
        (tmp_path / tool).write_text(f'#!/bin/bash\necho "{tool} $*" >>{tmp_path}/log\n{body}\n')
        (tmp_path / tool).chmod(0o755)
        assert f"/sbin/{tool} " in text
        text = text.replace(f"/sbin/{tool} ", f"{tmp_path}/{tool} ")
    assert 'KERNEL!="drbd[0-9]*"' in text
    (rules / "65-drbd.rules").write_text(text.replace("drbd[0-9]*", "loop[0-9]*"))
    if not pathlib.Path("/sys/block/loop3").exists() or os.getuid() != 0:
        pytest.skip("no loop device to ask udev about")
    # It makes links below /dev and notes in /run/udev: both are not the real ones.
    script = f"""
        mount --bind {rules} /usr/lib/udev/rules.d &&
        for d in /etc/udev/rules.d /run/udev /dev; do
            [ ! -d $d ] || mount -t tmpfs none $d || exit
        done
        mknod /dev/null c 1 3; mknod /dev/loop3 b 7 3
        udevadm test --action="$1" /sys/block/loop3
    """
    run = subprocess.run(["unshare", "-m", "bash", "-c", script, "bash", "change"],
                         capture_output=True, text=True, check=False)
    if "unshare failed" in run.stderr or "mount:" in run.stderr:
        pytest.skip("no name spaces here")
    assert run.returncode == 0, run.stderr
    links = [w for line in run.stdout.splitlines() + run.stderr.splitlines()
             if line.startswith("DEVLINKS=") for w in line[9:].split()]
    calls = (tmp_path / "log").read_text().splitlines()
    return sorted(links), calls, run


def test_udev_links_from_the_configuration(tmp_path):
    links, calls, run = udev_links(
        tmp_path, 'printf "%s\\n" DEVICE=drbd3 SYMLINK=drbd/by-res/r0/1 '
        'SYMLINK_BY_RES=drbd/by-res/r0/1 SYMLINK_BY_DISK=drbd/by-disk/vg/a')
    assert links == ["/dev/drbd/by-disk/vg/a", "/dev/drbd/by-res/r0/1"], run
    assert calls == ["drbdadm sh-udev minor-3"]


def test_udev_links_without_a_disk(tmp_path):
    links, _, run = udev_links(tmp_path, 'printf "%s\\n" DEVICE=drbd3 '
                               'SYMLINK_BY_RES=drbd/by-res/r0')
    assert links == ["/dev/drbd/by-res/r0"], run


def test_udev_links_from_the_driver(tmp_path):
    links, calls, run = udev_links(
        tmp_path, "exit 1", 'printf "%s\\n" DEVICE=drbd3 SYMLINK_BY_RES=drbd/by-res/r9/0 '
        'SYMLINK_BY_DISK=drbd/by-disk/sdb')
    assert links == ["/dev/drbd/by-disk/sdb", "/dev/drbd/by-res/r9/0"], run
    assert calls == ["drbdadm sh-udev minor-3", "drbdsetup udev 3"]


def test_udev_of_an_unknown_device(tmp_path):
    links, calls, run = udev_links(tmp_path, "exit 1")
    assert links == [], run
    assert calls == ["drbdadm sh-udev minor-3", "drbdsetup udev 3"]
