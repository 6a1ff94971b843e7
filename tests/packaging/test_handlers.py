# SPDX-License-Identifier: GPL-2.0-only
"""Handlers, with stand-ins for Pacemaker, LVM and mail."""

import re
import xml.etree.ElementTree as ET

import pytest

from conftest import ROOT

HANDLERS = ROOT / "host/handlers"

# A cluster information base in a file, of which cibadmin understands what the handlers ask.
CIBADMIN = r'''exec /usr/bin/python3 - "$DIR/cib.xml" "$@" <<'END'
import re, sys
import xml.etree.ElementTree as ET
file, args = sys.argv[1], sys.argv[2:]
tree = ET.parse(file)
root = tree.getroot()
constraints = root.find("configuration/constraints")
option = lambda name: args[args.index(name) + 1]
parents = {c: p for p in root.iter() for c in p}
if "--query" in args:
    xpath = option("--xpath")
    if xpath == "//cib":
        found = [root]
    else:
        # ElementTree knows no "and", and wants a relative path.
        found = root.findall("." + re.sub(r" and ", "][", xpath))
    if not found:
        sys.exit(105)
    for element in found:
        if "--node-path" in args:
            path = ""
            while element is not None:
                path = f"/{element.tag}" + (f"[@id='{element.get('id')}']" if element.get("id")
                                            else "") + path
                element = parents.get(element)
            print(path)
        else:
            if "--no-children" in args:
                for child in list(element):
                    element.remove(child)
            print(ET.tostring(element, encoding="unicode"))
    sys.exit(0)
new = ET.fromstring(option("--xml-text"))
old = [c for c in constraints if c.get("id") == new.get("id")]
if "--create" in args:
    if old:
        sys.exit(76)
elif not old:
    sys.exit(105)
for element in old:
    constraints.remove(element)
if "--delete" not in args:
    constraints.append(new)
tree.write(file)
END'''

CIB = """<cib><configuration>
<resources><{kind} id="ms_r0"><primitive class="ocf" provider="linbit" type="drbd" id="p_r0">
<instance_attributes id="p_r0-ia"><nvpair name="drbd_resource" value="r0" id="p_r0-ia-1"/>
</instance_attributes></primitive></{kind}>
<primitive class="ocf" provider="linbit" type="drbd" id="p_r1"><instance_attributes id="p_r1-ia">
<nvpair name="drbd_resource" value="r1" id="p_r1-ia-1"/></instance_attributes></primitive>
</resources><constraints/></configuration>
<status>{states}</status></cib>"""

ONLINE = 'in_ccm="true" crmd="online" join="member" expected="member"'
ONLINE_NEW = 'in_ccm="1700000000" crmd="1700000001" join="member" expected="member"'
FENCED = 'in_ccm="false" crmd="offline" join="down" expected="down"'
FENCED_NEW = 'in_ccm="0" crmd="0" join="down" expected="down"'
LOST = 'in_ccm="false" crmd="offline" join="down" expected="member"'

FENCE_ID = "drbd-fence-by-handler-r0-ms_r0"


@pytest.fixture(name="cluster")
def fixture_cluster(host):
    host.program("cibadmin", CIBADMIN)
    host.program("crm_node", 'case $1 in --name) echo alpha ;; '
                             '--quorum) cat "$DIR/quorum" 2>/dev/null || echo 1 ;; esac')
    host.program("crm_attribute", 'cat "$DIR/fencing" 2>/dev/null || echo true')
    host.program("crm_resource", 'cat "$DIR/located" 2>/dev/null || '
                                 'echo "resource ms_r0 is running on: alpha Promoted"')
    host.program("drbdsetup", 'cat "$DIR/state" 2>/dev/null')
    host.env.update(DRBD_RESOURCE="r0", DRBD_LOCK_DIR=str(host.dir), DRBD_MY_NODE_ID="0",
                    DRBD_PEER_NODE_ID="1", DRBD_NODE_ID_0="alpha", DRBD_NODE_ID_1="beta",
                    UP_TO_DATE_NODES="0x00000001")

    def states(kind="clone", **nodes):
        (host.dir / "cib.xml").write_text(CIB.format(kind=kind, states="".join(
            f'<node_state id="{n}" uname="{n}" {s}/>' for n, s in nodes.items())))

    host.states = states
    host.fence = lambda *args, **env: host.run(HANDLERS / "crm-fence-peer.9.sh", *args, env=env)
    link = host.dir / "crm-unfence-peer.9.sh"
    link.symlink_to(HANDLERS / "crm-fence-peer.9.sh")
    host.unfence = lambda *args, **env: host.run(link, *args, env=env)
    states(alpha=ONLINE, beta=ONLINE)
    return host


def allowed(cluster):
    """Nodes that the constraint lets be Primary; None without a constraint."""
    root = ET.parse(cluster.dir / "cib.xml").getroot()
    constraints = list(root.find("configuration/constraints"))
    if not constraints:
        return None
    assert len(constraints) == 1
    constraint = constraints[0]
    assert constraint.get("rsc") == "ms_r0" and constraint.get("id") == FENCE_ID
    rule = constraint.find("rule")
    assert rule.get("score") == "-INFINITY" and rule.get("role") == "Master"
    # Ids must be unique and valid.
    ids = [e.get("id") for e in constraint.iter()]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[-\w.]+", i) for i in ids)
    for expression in rule:
        assert expression.get("attribute") == "#uname" and expression.get("operation") == "ne"
    return sorted(e.get("value") for e in rule)


@pytest.mark.parametrize("kind", ["clone", "master"])
@pytest.mark.parametrize("state,status", [
    (ONLINE, 4), (ONLINE_NEW, 4), (FENCED, 7), (FENCED_NEW, 7), (LOST, 1)])
def test_status_of_fencing(cluster, kind, state, status):
    cluster.states(kind, alpha=ONLINE, beta=state)
    run = cluster.fence("--timeout", "0")
    assert run.returncode == status, run.stderr
    assert allowed(cluster) == ["alpha"]


@pytest.mark.parametrize("state,quorum,status", [
    (FENCED, "1", 5), (LOST, "1", 5), (LOST, "0", 1)])
def test_cluster_without_fencing(cluster, state, quorum, status):
    (cluster.dir / "fencing").write_text("false\n")
    (cluster.dir / "quorum").write_text(quorum + "\n")
    cluster.states(alpha=ONLINE, beta=state)
    assert cluster.fence("--timeout=0").returncode == status


def test_unknown_peer_is_not_taken_for_dead(cluster):
    cluster.states(alpha=ONLINE)
    assert cluster.fence("--timeout", "0").returncode == 1


def test_waits_for_the_peer_to_be_fenced(cluster):
    """The second look finds it fenced."""
    cluster.states(alpha=ONLINE, beta=LOST)
    cluster.program("sleep", f"sed -i 's/expected=\"member\"\\/>.*<\\/status>/X/; "
                             f"s/{LOST}/{FENCED}/' \"$DIR/cib.xml\"")
    run = cluster.fence()
    assert run.returncode == 7, run.stderr
    assert cluster.calls("sleep") == ["sleep 1"]


@pytest.mark.parametrize("located", ["resource ms_r0 is running on: beta Master",
                                     "resource ms_r0 is running on: beta Promoted", ""])
def test_peer_that_is_still_primary_is_not_outdated(cluster, located):
    (cluster.dir / "located").write_text(located + "\n")
    assert cluster.fence("--timeout", "0").returncode == 1
    assert allowed(cluster) == ["alpha"]


def test_both_fence_only_one_wins(cluster):
    assert cluster.fence().returncode == 4
    cluster.program("crm_node", "echo beta")
    run = cluster.fence(DRBD_MY_NODE_ID="1", DRBD_PEER_NODE_ID="0", UP_TO_DATE_NODES="0x2")
    assert run.returncode == 1 and "does not allow this node" in run.stderr
    assert allowed(cluster) == ["alpha"]


def test_second_call_changes_nothing(cluster):
    assert cluster.fence().returncode == 4
    cluster.forget()
    assert cluster.fence().returncode == 4
    assert not any("--create" in call or "--replace" in call for call in cluster.calls("cibadmin"))


THREE = {"DRBD_NODE_ID_2": "gamma gamma-spare"}


def test_three_nodes(cluster):
    cluster.states(alpha=ONLINE, beta=ONLINE, gamma=ONLINE)
    assert cluster.fence(UP_TO_DATE_NODES="0x00000005", **THREE).returncode == 4
    assert allowed(cluster) == ["alpha", "gamma"]
    # gamma goes, too; then beta's coming back does not help gamma.
    assert cluster.fence(UP_TO_DATE_NODES="0x1", DRBD_PEER_NODE_ID="2", **THREE).returncode == 4
    assert allowed(cluster) == ["alpha"]
    assert cluster.fence(UP_TO_DATE_NODES="0x5", DRBD_PEER_NODE_ID="1", **THREE).returncode == 4
    assert allowed(cluster) == ["alpha"]
    assert cluster.unfence(UP_TO_DATE_NODES="0x3", **THREE).returncode == 0
    assert allowed(cluster) == ["alpha", "beta"]
    assert cluster.unfence(UP_TO_DATE_NODES="0x7", DRBD_PEER_NODE_ID="2", **THREE).returncode == 0
    assert allowed(cluster) is None


def test_node_without_disk_may_be_primary(cluster):
    (cluster.dir / "state").write_text(
        "exists peer-device name:r0 peer-node-id:1 conn-name:beta volume:0 replication:Off "
        "peer-disk:UpToDate peer-client:no\n"
        "exists peer-device name:r0 peer-node-id:2 conn-name:gamma volume:0 replication:Established "
        "peer-disk:Diskless peer-client:yes\n")
    assert cluster.fence(**THREE).returncode == 4
    assert allowed(cluster) == ["alpha", "gamma"]
    assert cluster.unfence(UP_TO_DATE_NODES="0x3", **THREE).returncode == 0
    assert allowed(cluster) is None


def test_node_without_disk_fences(cluster):
    """Its mask names everybody."""
    cluster.states(alpha=ONLINE, beta=ONLINE, gamma=ONLINE)
    assert cluster.fence(UP_TO_DATE_NODES="0xFFFFFFFFFFFFFFFF", **THREE).returncode == 4
    assert allowed(cluster) == ["alpha", "gamma"]


def test_own_name_is_that_in_the_cluster(cluster):
    assert cluster.fence(DRBD_NODE_ID_0="alpha.example.com").returncode == 4
    assert allowed(cluster) == ["alpha"]
    assert cluster.unfence(DRBD_NODE_ID_0="alpha.example.com",
                           UP_TO_DATE_NODES="0x3").returncode == 0
    assert allowed(cluster) is None


def test_unfence(cluster):
    assert cluster.unfence().returncode == 0
    cluster.fence()
    # Without a mask the caller's word counts.
    assert cluster.unfence(UP_TO_DATE_NODES="").returncode == 0
    assert allowed(cluster) is None


def test_unfence_of_the_owner_only(cluster):
    cluster.fence()
    cluster.program("crm_node", "echo beta")
    env = {"DRBD_MY_NODE_ID": "1", "DRBD_PEER_NODE_ID": "0", "UP_TO_DATE_NODES": "0x3"}
    assert cluster.unfence("--unfence-only-if-owner-match", **env).returncode == 0
    assert allowed(cluster) == ["alpha"]
    env["OCF_RESKEY_unfence_extra_args"] = "--quiet --unfence-only-if-owner-match"
    assert cluster.unfence(**env).returncode == 0
    assert allowed(cluster) == ["alpha"]
    del env["OCF_RESKEY_unfence_extra_args"]
    assert cluster.unfence(**env).returncode == 0
    assert allowed(cluster) is None


@pytest.mark.parametrize("args,env,word", [
    ([], {"DRBD_RESOURCE": ""}, "no resource"),
    ([], {"DRBD_RESOURCE": "r9"}, "drbd_resource=r9"),
    ([], {"DRBD_RESOURCE": "r1"}, "not promotable"),
    ([], {"DRBD_RESOURCE": "r'0"}, "no name"),
    ([], {"DRBD_PEER_NODE_ID": "7"}, "node 7"),
    ([], {"DRBD_PEER_NODE_ID": ""}, "DRBD_PEER_NODE_ID"),
    (["--timeout", "soon"], {}, "'soon'"),
    (["--timeout"], {}, "missing"),
    (["--nonsense=1"], {}, "'--nonsense'"),
])
def test_bad_calls_change_nothing(cluster, args, env, word):
    run = cluster.fence(*args, **env)
    assert run.returncode == 1 and word in run.stderr, run
    assert allowed(cluster) is None


def test_pacemaker_does_not_answer(cluster):
    cluster.program("cibadmin", "exit 113")
    run = cluster.fence("--dc-timeout", "0")
    assert run.returncode == 1 and "did not answer" in run.stderr


def test_quiet(cluster):
    assert cluster.fence("--quiet").stderr == ""


def test_one_call_at_a_time(cluster):
    lock = cluster.dir / "drbd-crm-fence-r0"
    with open(lock, "w", encoding="ascii") as held:
        import fcntl
        fcntl.flock(held, fcntl.LOCK_EX)
        run = cluster.fence("--flock-timeout", "0", "--flock-required")
    assert run.returncode == 1 and allowed(cluster) is None


# ------------------------------------------------------------------ stonith_admin

@pytest.mark.parametrize("rc,status", [(0, 7), (1, 1)])
def test_stonith_admin(host, rc, status):
    host.program("stonith_admin", f"exit {rc}")
    run = host.run(HANDLERS / "stonith_admin-fence-peer.sh",
                   env={"DRBD_RESOURCE": "r0", "DRBD_PEER_NODE_ID": "1",
                        "DRBD_NODE_ID_1": "beta beta2"})
    assert run.returncode == status
    assert host.calls("stonith_admin") == ["stonith_admin --fence beta --tolerance 15s --tag drbd"]


def test_stonith_admin_without_a_peer(host):
    host.program("stonith_admin")
    assert host.run(HANDLERS / "stonith_admin-fence-peer.sh").returncode == 1
    assert host.calls() == []


# ------------------------------------------------------------------ notify

def notify(host, name, *args):
    link = host.dir / f"notify-{name}.sh"
    if not link.exists():
        link.symlink_to(HANDLERS / "notify.sh")
    trigger = host.dir / "sysrq"
    trigger.write_text("")
    run = host.run(link, *args, env={
        "DRBD_RESOURCE": "r0", "DRBD_VOLUME": "0", "DRBD_PEER_NODE_ID": "1",
        "DRBD_NODE_ID_1": "beta", "DRBD_SYSRQ_TRIGGER": str(trigger)})
    assert run.returncode == 0 and run.stderr == ""
    return trigger.read_text()


@pytest.mark.parametrize("name,word", [
    ("split-brain", "--discard-my-data"), ("out-of-sync", "drbdadm disconnect r0"),
    ("io-error", "kernel log"), ("pri-lost", "peer has the data"),
    ("pri-lost-after-sb", "could not be demoted"), ("pri-on-incon-degr", "good data"),
    ("quorum-lost", "majority")])
def test_mail(host, name, word):
    host.program("mail", 'cat >"$DIR/mail"')
    host.program("drbdsetup", 'echo "r0 role:Primary"')
    assert notify(host, name, "ops@example.com") == ""
    call = host.calls("mail")[0]
    assert call.startswith("mail -s DRBD ") and call.endswith(" ops@example.com")
    text = (host.dir / "mail").read_text()
    assert word in text and "resource r0 volume 0, peer beta" in text and "role:Primary" in text
    assert host.calls("logger")


def test_mail_by_sendmail(host):
    host.program("sendmail", 'cat >"$DIR/mail"')
    host.env["PATH"] = str(host.bin)
    for tool in ("bash", "cat", "date", "uname", "timeout"):
        (host.bin / tool).symlink_to(f"/usr/bin/{tool}")
    notify(host, "split-brain")
    text = (host.dir / "mail").read_text()
    assert text.startswith("To: root\nSubject: DRBD split brain: r0 on ")


@pytest.mark.parametrize("name,letter", [("emergency-reboot", "b\n"), ("emergency-shutdown", "o\n")])
def test_emergency(host, name, letter):
    host.program("mail", "cat >/dev/null")
    assert notify(host, name) == letter


# ------------------------------------------------------------------ snapshots

@pytest.fixture(name="lvm")
def fixture_lvm(host):
    # /dev/vg/a and /dev/vg/b are logical volumes of 1 GiB.
    host.program("lvs", r'''case "${!#}" in
	/dev/vg/[ab]) echo "  vg ${!###*/} 1048576.00" | sed 's|/dev/vg/||' ;;
	vg/*-before-resync) [ -e "$DIR/${!##vg/}" ] || [ -e "$DIR/$(basename "${!#}")" ] || exit 5 ;;
	*) exit 5 ;;
	esac''')
    host.program("lvcreate", 'cat "$DIR/full" 2>/dev/null && exit 5; exit 0')
    host.program("lvremove")
    host.env.update(DRBD_RESOURCE="r0", DRBD_LL_DISK="/dev/vg/a none /dev/vg/b")
    link = host.dir / "unsnapshot-resync-target-lvm.sh"
    link.symlink_to(HANDLERS / "snapshot-resync-target-lvm.sh")
    host.snapshot = lambda *args: host.run(HANDLERS / "snapshot-resync-target-lvm.sh", *args)
    host.unsnapshot = lambda *args: host.run(link, *args)
    return host


def test_snapshot(lvm):
    assert lvm.snapshot("-p", "10", "-a", "24", "--", "-c", "16k").returncode == 0
    assert lvm.calls("lvcreate") == [
        f"lvcreate -s -n {v}-before-resync -L 104881k -c 16k vg/{v}" for v in "ab"]


def test_snapshot_that_exists_is_kept(lvm):
    (lvm.dir / "a-before-resync").touch()
    assert lvm.snapshot().returncode == 0
    assert [c.split()[-1] for c in lvm.calls("lvcreate")] == ["vg/b"]
    assert lvm.unsnapshot().returncode == 0
    assert lvm.calls("lvremove") == ["lvremove -f vg/a-before-resync"]


def test_snapshot_that_fails(lvm):
    (lvm.dir / "full").touch()
    assert lvm.snapshot().returncode == 0
    assert lvm.snapshot("-n").returncode == 1


def test_disk_that_is_no_volume(lvm):
    lvm.env["DRBD_LL_DISK"] = "/dev/sda"
    assert lvm.snapshot().returncode == 0
    assert lvm.snapshot("-n").returncode == 1
    assert lvm.unsnapshot("-n").returncode == 0
    assert lvm.calls("lvcreate") == []


@pytest.mark.parametrize("args", [["-p", "much"], ["-p"], ["-x"]])
def test_snapshot_usage(lvm, args):
    run = lvm.snapshot(*args)
    assert run.returncode == 1 and "usage" in run.stderr and lvm.calls("lvcreate") == []
