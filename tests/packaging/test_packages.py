# SPDX-License-Identifier: GPL-2.0-only
"""DKMS really builds the modules, and the Debian packages have in them what they should."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, ROOT
from test_install import NOT_OURS, module_version


def kernel():
    """A kernel with headers, the oldest: it is the smallest."""
    found = [p.parent.name for p in pathlib.Path("/lib/modules").glob("6.1.*/build")
             if (p / "Makefile").exists()]
    return found[0] if found else None


@pytest.mark.skipif(not shutil.which("dkms"), reason="dkms is not installed")
@pytest.mark.skipif(not kernel(), reason="no headers of a 6.1 kernel")
def test_dkms_builds(tmp_path):
    version, kver = module_version(), kernel()
    for name in ("tree", "inst", "mok"):
        (tmp_path / name).mkdir()
    subprocess.run(["make", "-s", "-C", ROOT, f"DESTDIR={tmp_path}", "install-dkms"], check=True,
                   stdout=subprocess.DEVNULL)
    where = [f"--dkmstree={tmp_path}/tree", f"--sourcetree={tmp_path}/usr/src",
             f"--installtree={tmp_path}/inst", "-m", "drbd", "-v", version, "-k", kver]

    def dkms(action, *more):
        # Its signing key is made on first use, and not to be made on this machine.
        script = f'mkdir -p /var/lib/dkms; mount --bind {tmp_path}/mok /var/lib/dkms && exec "$@"'
        return subprocess.run(["unshare", "-m", "bash", "-c", script, "bash", "dkms", action,
                               *where, *more], capture_output=True, text=True, check=False,
                              cwd=tmp_path)

    run = dkms("build")
    log = tmp_path / f"tree/drbd/{version}/build/make.log"
    assert run.returncode == 0, run.stdout + run.stderr + (
        log.read_text()[-3000:] if log.exists() else "")
    built = tmp_path / f"tree/drbd/{version}/{kver}/x86_64/module"
    for name in ("drbd", "drbd_transport_tcp"):
        module = next(built.glob(f"{name}.ko*"))
        info = subprocess.run(["modinfo", module], capture_output=True, text=True,
                              check=True).stdout
        assert re.search(rf"^vermagic: +{re.escape(kver)} ", info, re.MULTILINE)
        if name == "drbd":
            assert re.search(rf"^version: +{re.escape(version)}$", info, re.MULTILINE)
    log = (built.parent / "log/make.log").read_text()
    assert "warning:" not in log
    run = dkms("status")
    assert "drbd/" + version in run.stdout and "built" in run.stdout


# ------------------------------------------------------------------ make deb

@pytest.fixture(name="debs", scope="module")
def fixture_debs(tmp_path_factory):
    if not all(shutil.which(t) for t in ("dpkg-buildpackage", "dh", "dh_dkms")):
        pytest.skip("debhelper or dh-dkms is not installed")
    out = tmp_path_factory.mktemp("deb")
    # With the objects that are there already: hardening is not what is tested here.
    run = subprocess.run(["make", "-C", ROOT, f"BUILD={out}", "deb"], capture_output=True, text=True,
                         check=False, env=dict(os.environ, DEB_OBJECTS=str(BUILD)))
    assert run.returncode == 0, (run.stdout + run.stderr)[-4000:]
    found = {p.name.split("_")[0]: p for p in (out / "deb").glob("*.deb")}
    assert {"drbd-anew-utils", "drbd-anew-dkms"} <= set(found)
    return found


def contents(deb):
    """Path to mode; links with what they point to."""
    lines = subprocess.run(["dpkg", "-c", deb], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    return {line.split()[5][1:]: line.split()[0] for line in lines if not line.startswith("d")}


def field(deb, name):
    return subprocess.run(["dpkg-deb", "-f", deb, name], capture_output=True, text=True,
                          check=True).stdout.strip()


def test_package_of_the_tools(debs):
    have = contents(debs["drbd-anew-utils"])
    plain = {re.sub(r"\.gz$", "", path) for path in have}
    lines = (pathlib.Path(__file__).parent / "debian-9.22.paths").read_text().splitlines()
    for path in (line for line in lines if not line.startswith("#")):
        if not any(re.match(pattern, path) for pattern in NOT_OURS):
            assert path in plain, path
    for path in ("/usr/share/doc/drbd-anew-utils/copyright",
                 "/usr/share/doc/drbd-anew-utils/changelog",
                 "/usr/share/doc/drbd-anew-utils/examples/r0.res.example",
                 "/usr/share/man/man8/drbdadm.8",
                 "/usr/share/zsh/vendor-completions/_drbdadm"):
        assert path in plain, path
    assert have["/sbin/drbdadm"] == "-rwxr-xr-x"
    assert field(debs["drbd-anew-utils"], "Version") == module_version()
    assert field(debs["drbd-anew-utils"], "Provides") == "drbd-utils (= 9.22.0)"
    assert field(debs["drbd-anew-utils"], "Conflicts") == "drbd-utils"
    depends = field(debs["drbd-anew-utils"], "Depends")
    for library in ("libnl-genl-3-200", "libblkid1", "libstdc++6"):
        assert library in depends
    conffiles = subprocess.run(["dpkg-deb", "-I", debs["drbd-anew-utils"], "conffiles"],
                               capture_output=True, text=True, check=True).stdout.split()
    assert {"/etc/drbd.conf", "/etc/drbd.d/global_common.conf"} <= set(conffiles)


INSTALL = r"""
set -e
mount -t tmpfs -o size=500m none "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o lowerdir=/,upperdir="$2/upper",workdir="$2/work" none "$2/root"
mount -t proc proc "$2/root/proc"
cp "$1" "$2/root/tools.deb"
cat >"$2/root/steps" <<'END'
set -e
exec 2>&1
rm -rf /var/lib/drbd /etc/drbd.d /etc/drbd.conf
files() { find /etc /lib/ /sbin/ /usr /var/lib -path '*drbd*' ! -path '*/src/*' \
	! -path '*/kernel/drivers/*' ! -path '*/doc/*' 2>/dev/null | sort; }
files >/before
dpkg -i /tools.deb
drbdadm --version | tail -n 1
drbdadm dump
dpkg -V drbd-anew-utils
echo "resource mine { }" >/etc/drbd.d/mine.res
truncate -s 64M /image
drbdmeta --force 0 v09 /image internal create-md 1
dpkg -i /tools.deb
dpkg -r drbd-anew-utils
grep mine /etc/drbd.d/mine.res
[ -e /etc/drbd.conf ] && [ -e /var/lib/drbd/drbd-minor-0.lkbd ]
rm /etc/drbd.d/mine.res
dpkg -P drbd-anew-utils
files >/after
diff /before /after
echo all done
END
exec chroot "$2/root" sh /steps
"""


def test_tools_are_installed_and_purged(debs, tmp_path):
    """On a copy of this system that nobody else sees: dpkg has it right, and nothing stays."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("needs root and a mount namespace")
    run = subprocess.run(["unshare", "-m", "bash", "-c", INSTALL, "bash",
                          debs["drbd-anew-utils"], tmp_path], capture_output=True, text=True,
                         check=False, env=dict(PATH="/usr/sbin:/usr/bin:/sbin:/bin",
                                               DEBIAN_FRONTEND="noninteractive"))
    assert run.returncode == 0 and run.stdout.endswith("all done\n"), run.stdout + run.stderr
    assert "DRBDADM_VERSION=9." in run.stdout


def test_units_are_not_started_by_the_package(debs):
    """Nothing is to be configured, or taken down, because a package is installed or upgraded."""
    for script in ("postinst", "prerm", "postrm"):
        text = subprocess.run(["dpkg-deb", "-I", debs["drbd-anew-utils"], script],
                              capture_output=True, text=True, check=False).stdout
        for line in text.splitlines():
            assert not re.search(r"\b(invoke-rc\.d|deb-systemd-invoke|systemctl) .*"
                                 r"(start|stop|restart)\b.*drbd", line), (script, line)


def test_package_of_the_modules(debs, tmp_path):
    deb = debs["drbd-anew-dkms"]
    version = module_version()
    have = contents(deb)
    for path in ("dkms.conf", "Makefile", "Kbuild", "drbd/Kbuild", "drbd/main.c",
                 "drbd/core/activity_log.c", "drbd-transport-tcp/Kbuild",
                 "include/linux/drbd_genl.h"):
        assert f"/usr/src/drbd-{version}/{path}" in have, path
    # Every source of the modules, and nothing that was built.
    sources = [p.relative_to(ROOT) for d in ("drbd", "drbd-transport-tcp") for p in
               (ROOT / d).rglob("*.[ch]")]
    assert all(f"/usr/src/drbd-{version}/{p}" in have for p in sources)
    assert not [p for p in have if p.endswith((".o", ".ko", ".cmd"))]
    assert field(deb, "Architecture") == "all" and "dkms" in field(deb, "Depends")
    postinst = subprocess.run(["dpkg-deb", "-I", deb, "postinst"], capture_output=True, text=True,
                              check=True).stdout
    assert "dkms" in postinst and version in postinst
    unpacked = tmp_path / "deb"
    subprocess.run(["dpkg-deb", "-x", deb, unpacked], check=True)
    conf = unpacked / f"usr/src/drbd-{version}/dkms.conf"
    assert f'PACKAGE_VERSION="{version}"' in conf.read_text()


@pytest.mark.skipif(not shutil.which("lintian"), reason="lintian is not installed")
def test_lintian(debs):
    run = subprocess.run(["lintian", "--allow-root", "--fail-on", "none", "--no-cfg",
                          *sorted({str(p) for n, p in debs.items() if "dbgsym" not in n})],
                         capture_output=True, text=True, check=False)
    errors = [line for line in run.stdout.splitlines() if line.startswith("E:")]
    assert errors == []
