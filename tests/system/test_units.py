# SPDX-License-Identifier: GPL-2.0-only
"""Units, udev links and the agent for Pacemaker on nodes, with the real systemd and udev.

The nodes have an init of their own.  systemd runs beside it, as process 1 of a PID name space
and of a cgroup name space; it shares /run, /dev, the network and the kernel with the node.
"""
import os
import subprocess

import pytest

from drbd import create_md, status, up, wait_settled
from vnodes import wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.realpath(os.path.join(ROOT, os.environ.get("BUILD", "build")))

RESOURCE = """resource r0 {
  net { timeout 40; ping-int 5; ping-timeout 20; connect-int 5; }
  disk { c-max-rate 200M; c-min-rate 40M; }
  startup { wfc-timeout 60; }
  on hw1 { node-id 0; address 10.11.56.2:7788;
           volume 0 { device minor 0; disk /dev/vdc; meta-disk internal; } }
  on hw2 { node-id 1; address 10.11.56.3:7788;
           volume 0 { device minor 0; disk /dev/vdc; meta-disk internal; } }
}
"""

START = r"""
set -e
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /sys/fs/cgroup/beside /run/beside
echo $$ >/sys/fs/cgroup/beside/cgroup.procs
exec setsid unshare --cgroup --pid --mount --fork --kill-child sh -c '
    mount -t proc proc /proc
    umount /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
    exec env -i container=beside PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --unit=basic.target --log-target=console --show-status=no
' </dev/null >/run/beside/log 2>&1
"""

# systemd asks who its client is, by a process id that must mean something to it.
INSIDE = "nsenter -p -m -t $(pgrep -o -f '^/lib/systemd/systemd --unit=basic.target') "

INSTALL = """
set -e
cp -r {root}/lib/drbd /usr/lib/
cp -r {root}/usr/lib/drbd /usr/lib/
mkdir -p /usr/lib/ocf/resource.d /etc/systemd/system /etc/udev/rules.d
cp -r {root}/usr/lib/ocf/resource.d/linbit /usr/lib/ocf/resource.d/
cp {root}/lib/systemd/system/* /etc/systemd/system/
cp {root}/lib/udev/rules.d/65-drbd.rules /etc/udev/rules.d/
"""


@pytest.fixture(name="installed", scope="module")
def fixture_installed():
    root = os.path.join(BUILD, "units-root")
    subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={BUILD}", f"DESTDIR={root}",
                    "install-utils"], check=True, stdout=subprocess.DEVNULL)
    return root


@pytest.fixture(name="nodes")
def fixture_nodes(cluster, installed):
    """A resource that is in sync; it runs on hw2 only."""
    hw1, hw2 = cluster
    for node in cluster:
        node.run("modprobe drbd", timeout=60)
        node.run(INSTALL.format(root=installed), timeout=60)
        node.write_file("/etc/drbd.conf", 'global { usage-count no; }\n'
                                          'include "drbd.d/*.res";\n')
        node.write_file("/etc/drbd.d/r0.res", RESOURCE)
        create_md(node)
    up(cluster)
    wait_for(lambda: status(hw1)["r0"]["connections"][0]["connection-state"] == "Connected")
    hw1.run("drbdadm new-current-uuid --clear-bitmap r0/0", timeout=60)
    wait_settled(cluster)
    hw1.run("drbdadm down r0", timeout=60)
    return cluster


@pytest.fixture(name="systemd")
def fixture_systemd(nodes):
    """hw1 with systemd beside its init, and udev."""
    hw1 = nodes[0]
    process = hw1.spawn(START)
    try:
        wait_for(lambda: hw1.run(INSIDE + "systemctl is-active basic.target "
                                 "systemd-udevd.service", timeout=60, check=None).rc == 0,
                 240, interval=2,
                 what="systemd to be up")
        yield hw1
    except BaseException:
        print(hw1.run("tail -n 60 /run/beside/log; " + INSIDE + "systemctl --failed --no-legend",
                      timeout=60, check=None).text)
        raise
    finally:
        hw1.run("pkill -KILL -o -f '^/lib/systemd/systemd --unit=basic.target'; "
                "rm -rf /run/systemd /etc/systemd/system/*.wants /etc/systemd/system/*.requires",
                timeout=60, check=None)
        process.close()


def active(node, unit):
    return node.run(INSIDE + f"systemctl is-active {unit}", check=None).out.strip()


def role(node):
    return status(node).get("r0", {}).get("role")


def test_units_of_a_resource(systemd, nodes):
    hw1, hw2 = nodes
    ctl = lambda *words: hw1.run(INSIDE + "systemctl " + " ".join(words), timeout=150)

    assert role(hw1) is None
    ctl("start", "drbd@r0.target")
    assert role(hw1) == "Secondary"
    wait_settled(nodes)

    # Links, while it runs.
    wait_for(lambda: hw1.run("test -L /dev/drbd/by-res/r0/0", check=None).rc == 0, 60,
             what="link by resource")
    wait_for(lambda: hw1.run("test -L /dev/drbd/by-disk/vdc", check=None).rc == 0, 60,
             what="link by disk")
    assert hw1.out("readlink -f /dev/drbd/by-res/r0/0") == "/dev/drbd0"

    ctl("start", "drbd-promote@r0.service")
    assert role(hw1) == "Primary"
    ctl("stop", "drbd-promote@r0.service")
    assert role(hw1) == "Secondary"

    # Reloading follows the configuration.
    hw1.run("sed -i 's/ping-int 5/ping-int 7/' /etc/drbd.d/r0.res")
    ctl("reload", "drbd@r0.service")
    assert "ping-int" in hw1.out("drbdsetup show r0 | grep 'ping-int.*7;'")

    # Stopping the target takes the resource down; the links go.
    # (systemctl waits for the target, not for what is part of it)
    ctl("stop", "drbd@r0.target")
    wait_for(lambda: role(hw1) is None, 60)
    wait_for(lambda: active(hw1, "drbd@r0.service") == "inactive", 60)
    wait_for(lambda: hw1.run("test -e /dev/drbd/by-res/r0/0", check=None).rc != 0, 60,
             what="the links to be gone")
    assert role(hw2) == "Secondary"


def test_waiting_until_promotable(systemd, nodes):
    """Part of the target, so that a mount waits for good data."""
    hw1, hw2 = nodes
    hw1.run(INSIDE + "systemctl enable drbd-wait-promotable@r0.service", timeout=60)
    # The peer is Primary: not promotable here.  Outdated: nor is it before they have met.
    hw2.run("drbdadm primary r0")
    hw1.run("drbdmeta 0 v09 /dev/vdc internal outdate")
    start = hw1.spawn(INSIDE + "systemctl start drbd@r0.target")
    wait_for(lambda: active(hw1, "drbd@r0.service") == "active", 120)
    wait_settled(nodes)
    assert active(hw1, "drbd@r0.target") == "inactive"
    hw2.run("drbdadm secondary r0")
    start.wait(90)
    assert active(hw1, "drbd@r0.target") == "active"
    hw1.run(INSIDE + "systemctl stop drbd@r0.target", timeout=120)
    wait_for(lambda: role(hw1) is None, 60)


def test_unit_of_all_resources(systemd, nodes):
    hw1 = nodes[0]
    hw1.run(INSIDE + "systemctl start drbd.service", timeout=150)
    assert role(hw1) == "Secondary"
    wait_settled(nodes)
    hw1.run(INSIDE + "systemctl reload drbd.service", timeout=60)
    hw1.run(INSIDE + "systemctl stop drbd.service", timeout=120)
    assert role(hw1) is None
    # The configuration is broken: the unit fails, and nothing is changed.
    hw1.run(INSIDE + "systemctl start drbd.service", timeout=150)
    hw1.run("echo 'resource broken {' >/etc/drbd.d/broken.res; echo '}}' >>/etc/drbd.d/broken.res")
    assert hw1.run(INSIDE + "systemctl reload drbd.service", timeout=60, check=None).rc != 0
    assert role(hw1) == "Secondary"
    hw1.run(INSIDE + "systemctl stop drbd.service", timeout=120)
    assert role(hw1) is None
    assert hw1.run(INSIDE + "systemctl start drbd.service", timeout=60, check=None).rc != 0
    assert role(hw1) is None


def test_agent_for_pacemaker(nodes):
    """As ocf-tester: each action with its status, against the real driver."""
    hw1, hw2 = nodes
    for node in nodes:
        node.write_file("/run/crm/crm_master", '#!/bin/sh\necho "$*" >>/run/crm/log\n')
        node.run("chmod +x /run/crm/crm_master")

    def act(node, action, **more):
        env = {"OCF_RESKEY_drbd_resource": "r0", "HA_SBIN_DIR": "/run/crm",
               "OCF_RESOURCE_INSTANCE": "p_r0", "OCF_RESKEY_CRM_meta_interval": "10000", **more}
        words = " ".join(f"{k}='{v}'" for k, v in env.items())
        return node.run(f"env {words} /usr/lib/ocf/resource.d/linbit/drbd {action}", timeout=100,
                        check=None).rc

    def score(node):
        return node.out("tail -n 1 /run/crm/log")

    assert act(hw1, "validate-all") == 0
    assert act(hw1, "validate-all", OCF_RESKEY_drbd_resource="other") == 5
    assert act(hw1, "meta-data") == 0
    assert act(hw1, "monitor") == 7
    assert act(hw1, "stop") == 0
    assert act(hw1, "start") == 0
    assert act(hw2, "start") == 0
    wait_settled(nodes)
    assert act(hw1, "monitor") == 0 and score(hw1).endswith("-v 10000")
    assert act(hw1, "promote") == 0
    assert act(hw1, "monitor") == 8 and role(hw1) == "Primary"
    assert act(hw2, "monitor", OCF_RESKEY_remove_master_score_if_peer_primary="true") == 0
    assert score(hw2).endswith("-D")
    assert act(hw2, "promote", OCF_RESKEY_fail_promote_early_if_peer_primary="true") == 1
    # The other one goes away, and comes back.
    assert act(hw2, "stop") == 0
    assert act(hw2, "monitor") == 7
    assert act(hw1, "monitor") == 8 and score(hw1).endswith("-v 10000")
    assert act(hw2, "start") == 0
    wait_settled(nodes)
    # Switch over.
    assert act(hw1, "demote") == 0
    assert act(hw1, "monitor") == 0
    assert act(hw2, "promote") == 0
    assert act(hw2, "monitor") == 8
    # Stopping a Primary.
    assert act(hw2, "stop") == 0 and role(hw2) is None
    assert act(hw1, "monitor") == 0 and score(hw1).endswith("-v 1000")
    assert act(hw1, "stop") == 0 and act(hw1, "stop") == 0
    assert act(hw1, "monitor") == 7
