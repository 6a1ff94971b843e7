# SPDX-License-Identifier: GPL-2.0-only
"""The resource agents, as ocf-tester would: every action, in every state, with its status."""

import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest

from conftest import ROOT

AGENT = ROOT / "host/ocf/drbd"
ATTR = ROOT / "host/ocf/drbd-attr"
SUCCESS, GENERIC, ARGS, UNIMPLEMENTED, INSTALLED, CONFIGURED, NOT_RUNNING, PRIMARY, \
    FAILED_PRIMARY = 0, 1, 2, 3, 5, 6, 7, 8, 9

# The state of the driver: files in the directory of the host.
#   role     absent: not configured
#   disk, peer_disk, peer_role, client
DRBDSETUP = r'''
value() { cat "$DIR/$1" 2>/dev/null || echo "$2"; }
case "$1" in
events2)
	if [ -e "$DIR/role" ]; then
		echo "exists resource name:r0 role:$(value role) suspended:no may_promote:yes promotion_score:10101"
		echo "exists connection name:r0 peer-node-id:1 conn-name:beta connection:Connected role:$(value peer_role Secondary)"
		[ -e "$DIR/no_device" ] || echo "exists device name:r0 volume:0 minor:0 backing_dev:/dev/a disk:$(value disk UpToDate) client:$(value client no) quorum:yes"
		echo "exists peer-device name:r0 peer-node-id:1 conn-name:beta volume:0 replication:Established peer-disk:$(value peer_disk UpToDate) peer-client:$(value peer_client no) resync-suspended:no"
	fi
	echo "exists -" ;;
secondary) [ -e "$DIR/busy" ] && { [ $(($(value tries 0) + 1)) -lt 3 ] && { echo $(($(value tries 0) + 1)) >"$DIR/tries"; exit 11; }; }
	echo Secondary >"$DIR/role" ;;
down) [ -e "$DIR/busy" ] && [ $(($(value tries 0) + 1)) -lt 3 ] && { echo $(($(value tries 0) + 1)) >"$DIR/tries"; exit 11; }
	rm -f "$DIR/role" ;;
esac
'''
DRBDADM = r'''
while case $1 in --config-file) true ;; *) false ;; esac; do shift 2; done
case "$*" in
--version) echo DRBD_KERNEL_VERSION_CODE=0x090303 ;;
"sh-dev r0") [ -e "$DIR/unknown" ] && { echo "'r0' not defined" >&2; exit 1; }; echo /dev/drbd0 ;;
sh-dev*) echo "not defined in your config" >&2; exit 1 ;;
"adjust r0" | "adjust --skip-net r0") [ -e "$DIR/broken" ] && exit 1; [ -e "$DIR/role" ] || echo Secondary >"$DIR/role" ;;
"primary r0") [ -e "$DIR/refuse" ] && exit 11; echo Primary >"$DIR/role" ;;
"-d -v dump r0") cat "$DIR/dump" 2>/dev/null ;;
esac
exit 0
'''


@pytest.fixture(name="node")
def fixture_node(host):
    host.program("drbdsetup", DRBDSETUP)
    host.program("drbdadm", DRBDADM)
    host.program("crm_master")
    host.program("crm_resource", 'cat "$DIR/located" 2>/dev/null')
    (host.dir / "drbd.conf").write_text("# read by the stand-in\n")
    host.env.update(OCF_RESKEY_drbd_resource="r0", OCF_RESKEY_drbdconf=str(host.dir / "drbd.conf"),
                    HA_SBIN_DIR=str(host.bin), OCF_RESOURCE_INSTANCE="p_drbd:0",
                    OCF_RESKEY_CRM_meta_clone_max="2", OCF_RESKEY_CRM_meta_notify="true")
    host.set = lambda **state: [
        (host.dir / name).unlink(missing_ok=True) if value is None else
        (host.dir / name).write_text(value + "\n") for name, value in state.items()]
    host.act = lambda action, **env: host.run(
        AGENT, action, env={f"OCF_RESKEY_{k}": v for k, v in env.items()})
    return host


def score(node):
    """The last promotion score that was set, None if it was removed."""
    last = node.calls("crm_master")[-1].split()
    return None if "-D" in last else int(last[last.index("-v") + 1])


def test_life(node):
    """Start to stop, each action twice where it must not matter."""
    assert node.act("monitor").returncode == NOT_RUNNING
    assert node.act("stop").returncode == SUCCESS
    assert node.act("promote").returncode == NOT_RUNNING
    assert node.act("demote").returncode == NOT_RUNNING
    assert node.act("start").returncode == SUCCESS
    assert node.act("start").returncode == SUCCESS
    assert node.act("monitor").returncode == SUCCESS
    assert node.act("promote").returncode == SUCCESS
    assert node.act("monitor").returncode == PRIMARY
    assert node.act("promote").returncode == SUCCESS
    assert node.act("demote").returncode == SUCCESS
    assert node.act("demote").returncode == SUCCESS
    assert node.act("monitor").returncode == SUCCESS
    assert node.act("reload").returncode == SUCCESS
    assert node.act("notify").returncode == SUCCESS
    assert node.act("stop").returncode == SUCCESS
    assert node.act("stop").returncode == SUCCESS
    assert node.act("monitor").returncode == NOT_RUNNING
    assert score(node) is None
    assert f"drbdadm --config-file {node.dir}/drbd.conf adjust r0" in node.calls("drbdadm")
    assert "drbdsetup wait-connect-resource r0 --wfc-timeout=5 --degr-wfc-timeout=5 " \
        "--outdated-wfc-timeout=5" in node.calls("drbdsetup")


def test_stop_of_a_primary_demotes(node):
    node.set(role="Primary")
    assert node.act("stop").returncode == SUCCESS
    assert "drbdsetup down r0" in node.calls()


def test_start_of_a_primary_makes_it_secondary(node):
    node.set(role="Primary")
    assert node.act("start").returncode == SUCCESS
    assert node.act("monitor").returncode == SUCCESS


def test_stop_and_demote_try_until_it_works(node):
    node.set(role="Primary", busy="yes")
    assert node.act("demote").returncode == SUCCESS
    assert node.calls("drbdsetup").count("drbdsetup secondary r0") == 3
    node.set(tries=None)
    assert node.act("stop").returncode == SUCCESS
    assert node.calls("drbdsetup").count("drbdsetup down r0") == 3


def test_operations_that_fail(node):
    node.set(broken="yes")
    assert node.act("start").returncode == GENERIC
    node.set(broken=None, role="Secondary", refuse="yes", peer_role="Primary")
    run = node.act("promote", fail_promote_early_if_peer_primary="yes")
    assert run.returncode == GENERIC and "Primary" in run.stderr
    node.set(no_device="yes")
    assert node.act("monitor").returncode == GENERIC


def test_promotion_goes_on_until_it_is_ended(node):
    node.set(role="Secondary", refuse="yes")
    with pytest.raises(subprocess.TimeoutExpired):
        node.run(AGENT, "promote", timeout=3)
    assert node.calls("drbdadm").count(
        f"drbdadm --config-file {node.dir}/drbd.conf primary r0") >= 2


@pytest.mark.parametrize("state,expected", [
    ({}, 10000),
    ({"peer_disk": "DUnknown"}, 1000),
    ({"peer_disk": "Outdated"}, 10000),
    ({"disk": "Consistent", "peer_disk": "DUnknown"}, 0),
    ({"disk": "Outdated"}, 10),
    ({"disk": "Inconsistent"}, 10),
    ({"disk": "Diskless"}, 10),
    ({"disk": "Outdated", "peer_disk": "DUnknown"}, None),
    ({"disk": "Inconsistent", "peer_disk": "Inconsistent"}, None),
    ({"disk": "Diskless", "client": "yes"}, 9999),
    ({"disk": "Diskless", "client": "yes", "peer_disk": "Outdated"}, None),
    ({"peer_client": "yes", "peer_disk": "Diskless"}, 10000),
    ({"role": "Primary", "peer_disk": "DUnknown"}, 10000),
])
def test_promotion_score(node, state, expected):
    node.set(**{"role": "Secondary", **state})
    assert node.act("monitor").returncode in (SUCCESS, PRIMARY)
    assert score(node) == expected


def test_scores_can_be_adjusted(node):
    node.set(role="Secondary", disk="Outdated")
    node.act("monitor", adjust_master_score="5 77 88 99")
    assert score(node) == 77


@pytest.mark.parametrize("setting,located,expected", [
    ("false", "", 10000), ("true", "", None),
    ("unexpected", "resource p_drbd is running on: beta Master", 10000),
    ("unexpected", "resource p_drbd is running on: beta Promoted", 10000),
    ("unexpected", "resource p_drbd is running on: beta", None),
])
def test_score_beside_a_primary(node, setting, located, expected):
    node.set(role="Secondary", peer_role="Primary", located=located)
    node.act("monitor", remove_master_score_if_peer_primary=setting)
    assert score(node) == expected


def test_primary_without_data_has_failed(node):
    node.set(role="Primary", disk="Failed", peer_disk="DUnknown")
    assert node.act("monitor").returncode == FAILED_PRIMARY
    assert score(node) is None


def test_score_without_crm_master(node):
    (node.bin / "crm_master").unlink()
    node.program("crm_attribute")
    node.set(role="Secondary")
    node.act("monitor")
    assert node.calls("crm_attribute") == ["crm_attribute -Q --promotion -l reboot -v 10000"]


def test_unfencing(node):
    node.set(role="Secondary")
    node.act("monitor", unfence_if_all_uptodate="true", CRM_meta_interval="10000")
    assert any("unfence-peer r0" in call for call in node.calls("drbdadm"))
    node.forget()
    node.set(peer_disk="Inconsistent")
    node.act("monitor", unfence_if_all_uptodate="true", CRM_meta_interval="10000")
    assert not any("unfence-peer" in call for call in node.calls("drbdadm"))


def test_stop_outdates_a_secondary(node):
    node.set(role="Secondary")
    node.act("stop", stop_outdates_secondary="true")
    assert not any(call.endswith(" outdate r0") for call in node.calls("drbdadm"))
    node.set(role="Secondary")
    node.act("stop", stop_outdates_secondary="true", CRM_meta_notify_master_uname="beta")
    assert any("outdate r0" in call for call in node.calls("drbdadm"))


def test_connecting_only_after_promotion(node):
    node.act("start", connect_only_after_promote="true")
    assert node.calls("drbdadm")[-1].endswith("adjust --skip-net r0")
    assert not any("wait-connect" in call for call in node.calls())
    node.act("promote", connect_only_after_promote="true")
    assert node.calls("drbdadm")[-1].endswith("adjust r0")


@pytest.mark.parametrize("env,status,word", [
    ({}, SUCCESS, ""),
    ({"drbd_resource": ""}, CONFIGURED, "drbd_resource"),
    ({"drbd_resource": "other"}, INSTALLED, "not configured"),
    ({"drbdconf": "/nowhere"}, INSTALLED, "/nowhere"),
    ({"adjust_master_score": "1 2 3"}, CONFIGURED, "four"),
    ({"adjust_master_score": "1 2 3 x"}, CONFIGURED, "'x'"),
    ({"adjust_master_score": "1 2 3 2"}, CONFIGURED, "less"),
    ({"adjust_master_score": "-10 2 3 4"}, SUCCESS, ""),
    ({"CRM_meta_notify": "false"}, CONFIGURED, "notify"),
    ({"CRM_meta_notify": "false", "ignore_missing_notifications": "yes"}, SUCCESS, ""),
    ({"CRM_meta_clone_node_max": "2"}, CONFIGURED, "clone-node-max"),
    ({"CRM_meta_promoted_max": "2"}, CONFIGURED, "allow-two-primaries"),
    ({"CRM_meta_master_max": "2"}, CONFIGURED, "allow-two-primaries"),
    ({"require_drbd_module_version_ge": "9.4.0"}, INSTALLED, "9.4.0"),
    ({"require_drbd_module_version_lt": "9.0.0"}, INSTALLED, "9.0.0"),
    ({"require_drbd_module_version_ge": "nine"}, CONFIGURED, "x.y.z"),
    ({"require_drbd_module_version_ge": "", "require_drbd_module_version_lt": ""}, SUCCESS, ""),
])
def test_validate_all(node, env, status, word):
    run = node.act("validate-all", **env)
    assert run.returncode == status, run.stderr
    assert word in run.stderr
    if status:
        # What is not valid is not started either, and nothing is changed.
        assert node.act("start", **env).returncode == status
        assert not any("adjust" in call for call in node.calls())


def test_two_primaries_when_configured(node):
    node.set(dump="    net {\n        allow-two-primaries yes;\n    }")
    assert node.act("validate-all", CRM_meta_promoted_max="2").returncode == SUCCESS
    node.set(dump="    net {\n        allow-two-primaries no;\n    }")
    assert node.act("validate-all", CRM_meta_promoted_max="2").returncode == CONFIGURED


def test_probe_where_it_is_not_configured(node):
    """Elsewhere the resource may run; here it does not."""
    node.set(unknown="yes")
    assert node.act("monitor").returncode == NOT_RUNNING
    assert node.act("monitor", CRM_meta_interval="10000").returncode == INSTALLED
    assert node.act("stop").returncode == SUCCESS
    node.set(role="Secondary")
    assert node.act("monitor").returncode == SUCCESS
    assert node.act("stop").returncode == SUCCESS
    assert "drbdsetup down r0" in node.calls()


def test_tools_are_missing(node):
    (node.bin / "drbdadm").unlink()
    node.env["PATH"] = f"{node.bin}:/usr/bin:/bin"
    if any(os.path.exists(f"{d}/drbdadm") for d in ("/sbin", "/usr/sbin")):
        pytest.skip("the tools are installed on this machine")
    assert node.act("monitor").returncode == NOT_RUNNING
    assert node.act("start").returncode == INSTALLED


def test_module_is_not_loaded(node):
    """Looking must not load it."""
    (node.proc / "drbd").unlink()
    node.set(role="Secondary")
    assert node.act("monitor").returncode == NOT_RUNNING
    assert node.calls("drbdsetup") == []


def test_usage(node):
    assert node.act("nonsense").returncode == UNIMPLEMENTED
    assert node.run(AGENT).returncode == ARGS
    assert node.act("usage").returncode == SUCCESS


@pytest.mark.parametrize("agent,actions", [
    (AGENT, {"start", "stop", "promote", "demote", "monitor", "notify", "reload", "meta-data",
             "validate-all"}),
    (ATTR, {"start", "stop", "monitor", "meta-data", "validate-all"})])
def test_meta_data(node, agent, actions):
    run = node.run(agent, "meta-data", env={"OCF_RESKEY_drbd_resource": ""})
    assert run.returncode == SUCCESS and run.stderr == ""
    root = ET.fromstring(run.stdout)
    assert root.tag == "resource-agent" and root.get("name") == agent.name
    assert {a.get("name") for a in root.iter("action")} == actions
    for parameter in root.iter("parameter"):
        assert parameter.findtext("longdesc") and parameter.findtext("shortdesc")
        assert parameter.find("content").get("type") in ("string", "integer", "boolean")
        # The default that is told is the one that counts.
        default = parameter.find("content").get("default")
        if default:
            assert f"OCF_RESKEY_{parameter.get('name')}={default}}}" in agent.read_text()
    for action in root.iter("action"):
        assert int(action.get("timeout")) > 0


# ------------------------------------------------------------------ drbd-attr

@pytest.fixture(name="attr")
def fixture_attr(host):
    host.program("attrd_updater")
    os.mkfifo(host.dir / "events")
    host.program("drbdsetup", 'case "$*" in *--now*) echo "exists resource name:web role:Primary";'
                 'echo "exists -" ;; *) exec cat "$DIR/events" ;; esac')
    host.env.update(HA_RSCTMP=str(host.dir / "tmp"), OCF_RESOURCE_INSTANCE="attr")
    yield host
    host.run(ATTR, "stop")


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_attributes_follow_events(attr):
    assert attr.run(ATTR, "monitor").returncode == NOT_RUNNING
    assert attr.run(ATTR, "start").returncode == SUCCESS
    assert attr.run(ATTR, "start").returncode == SUCCESS
    assert attr.run(ATTR, "monitor").returncode == SUCCESS
    with open(attr.dir / "events", "w", encoding="ascii") as events:
        for line in ["exists resource name:web role:Secondary may_promote:yes promotion_score:10101",
                     "exists resource name:db role:Secondary may_promote:no promotion_score:10100",
                     "change connection name:web peer-node-id:1 connection:Connected",
                     "change resource name:web role:Primary",
                     "change resource name:web promotion_score:10102",
                     "change resource name:web may_promote:no",
                     "destroy resource name:web"]:
            events.write("2026-11-21T01:02:03.000000+00:00 " + line + "\n")
        events.flush()
        expected = ["attrd_updater -Q -n drbd-promotion-score-web -U 10101 -d 5",
                    "attrd_updater -Q -n drbd-promotion-score-db -D -d 5",
                    "attrd_updater -Q -n drbd-promotion-score-web -U 10102 -d 5",
                    "attrd_updater -Q -n drbd-promotion-score-web -D -d 5",
                    "attrd_updater -Q -n drbd-promotion-score-web -D -d 5"]
        wait_for(lambda: len(attr.calls("attrd_updater")) >= len(expected))
        assert attr.calls("attrd_updater") == expected
        pid = int((attr.dir / "tmp/drbd-attr-attr.pid").read_text())
        attr.forget()
        assert attr.run(ATTR, "stop").returncode == SUCCESS
    assert attr.run(ATTR, "stop").returncode == SUCCESS
    assert attr.run(ATTR, "monitor").returncode == NOT_RUNNING
    assert "attrd_updater -Q -n drbd-promotion-score-web -D -d 5" in attr.calls()
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def test_attribute_listener_that_died_is_noticed(attr):
    assert attr.run(ATTR, "start").returncode == SUCCESS
    os.killpg(int((attr.dir / "tmp/drbd-attr-attr.pid").read_text()), signal.SIGKILL)
    wait_for(lambda: attr.run(ATTR, "monitor").returncode == NOT_RUNNING)


@pytest.mark.parametrize("env,status", [
    ({}, SUCCESS), ({"dampening_delay": "x"}, CONFIGURED), ({"attr_name_prefix": "a b"}, CONFIGURED)])
def test_attr_validate_all(attr, env, status):
    run = attr.run(ATTR, "validate-all", env={f"OCF_RESKEY_{k}": v for k, v in env.items()})
    assert run.returncode == status
