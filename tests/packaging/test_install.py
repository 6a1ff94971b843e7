# SPDX-License-Identifier: GPL-2.0-only
"""make install into a directory, against the paths of Debian's package; one version everywhere."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import BUILD, ROOT

# What Debian's package has and ours has not, with the reason.
NOT_OURS = {
    r"/etc/ha\.d/|/usr/share/cluster/|/usr/lib/drbd/rhcs_fence|.*/drbddisk":
        "for cluster managers that are no longer there: heartbeat 1, cman",
    r"/etc/xen/": "block devices of Xen by DRBD name",
    r"/lib/drbd/drbd(adm|setup)-8[34]|/usr/share/man/.*-(8\.[34]|9\.0)":
        "tools and pages of other versions",
    r"/usr/share/man/ja/": "Japanese pages",
    r"/usr/lib/drbd/outdate-peer\.sh": "needs root's ssh between nodes; quorum or crm-fence-peer",
    r"/usr/lib/ocf/resource\.d/linbit/drbd\.shellfuncs\.sh": "a part of their agent",
    r"/usr/share/doc/": "made by the package",
    r"/lib/modules-load\.d/": "comes with the modules",
}


@pytest.fixture(name="tree", scope="module")
def fixture_tree(tmp_path_factory):
    directory = tmp_path_factory.mktemp("root")
    subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={BUILD}", f"DESTDIR={directory}",
                    "install-utils", "install-dkms"], check=True, stdout=subprocess.DEVNULL)
    return directory


def paths(tree):
    return {"/" + str(p.relative_to(tree)) for p in tree.rglob("*")
            if not p.is_dir() or p.is_symlink()}


def test_paths_of_the_debian_package(tree):
    lines = (pathlib.Path(__file__).parent / "debian-9.22.paths").read_text().splitlines()
    theirs = {line for line in lines if not line.startswith("#")}
    assert len(theirs) > 100
    ours = paths(tree)
    used = set()
    for path in sorted(theirs - ours):
        reason = next((r for r in NOT_OURS if re.match(r, path)), None)
        assert reason, f"{path} is missing"
        used.add(reason)
    # Each exception is still one.
    assert set(NOT_OURS) - used <= {r"/lib/modules-load\.d/"}


def test_modes_and_links(tree):
    for path in paths(tree):
        file = tree / path[1:]
        if file.is_symlink():
            assert (file.parent / os.readlink(file)).exists(), path
            continue
        mode = file.stat().st_mode & 0o777
        program = path.startswith(("/sbin", "/lib/drbd", "/usr/lib/drbd", "/usr/lib/ocf",
                                   "/etc/init.d"))
        assert mode == (0o755 if program else 0o644), path


def test_units_find_their_programs(tree):
    for unit in (tree / "lib/systemd/system").iterdir():
        for line in unit.read_text().splitlines():
            if line.startswith("Exec"):
                program = line.split("=")[1].split()[0]
                assert program == "/bin/true" or os.access(tree / program[1:], os.X_OK), line


def test_installed_pages_are_found(tree):
    for name in ("drbd.conf", "drbdadm", "drbdsetup", "drbdmeta", "drbd@.service",
                 "ocf_linbit_drbd"):
        run = subprocess.run(["man", "-M", tree / "usr/share/man", "-P", "cat", name],
                             capture_output=True, text=True, check=False,
                             env=dict(os.environ, MANWIDTH="100", LC_ALL="C.UTF-8"))
        assert run.returncode == 0 and len(run.stdout) > 2000, (name, run.stderr)
        assert run.stderr == ""


def test_installed_configuration_is_valid_and_kept(tree):
    """A second installation leaves the administrator's files alone."""
    include = (tree / "etc/drbd.conf").read_text()
    assert 'include "drbd.d/global_common.conf";' in include
    run = subprocess.run([BUILD / "bin/drbdadm", "-c", tree / "etc/drbd.conf", "sh-nop"],
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0 and run.stderr == ""
    (tree / "etc/drbd.conf").write_text("# mine\n")
    (tree / "etc/drbd.d/global_common.conf").write_text("# mine, too\n")
    subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={BUILD}", f"DESTDIR={tree}",
                    "install-utils"], check=True, stdout=subprocess.DEVNULL)
    assert (tree / "etc/drbd.conf").read_text() == "# mine\n"
    assert (tree / "etc/drbd.d/global_common.conf").read_text() == "# mine, too\n"


def test_examples_are_valid(tmp_path):
    for name in ("host/conf/global_common.conf", "host/conf/r0.res.example"):
        run = subprocess.run([BUILD / "bin/drbdadm", "-c", ROOT / name, "sh-nop"],
                             capture_output=True, text=True, check=False)
        assert run.returncode == 0 and run.stderr == "", name
    # The handlers that are only suggested, too.
    text = (ROOT / "host/conf/global_common.conf").read_text()
    all_on = tmp_path / "all.conf"
    all_on.write_text(re.sub(r"^(\s*)# ([a-z].*;)", r"\1\2", text, flags=re.MULTILINE))
    run = subprocess.run([BUILD / "bin/drbdadm", "-c", all_on, "sh-nop"], capture_output=True,
                         text=True, check=False)
    assert run.returncode == 0 and run.stderr == "", run.stderr
    for handler in re.findall(r"/usr/lib/drbd/([-a-z0-9.]+sh)", all_on.read_text()):
        assert handler in (ROOT / "Makefile").read_text() + str(
            list((ROOT / "host/handlers").iterdir())) or handler.startswith("notify-"), handler


# ------------------------------------------------------------------ versions

def module_version():
    return re.search(r'#define DRBD_VERSION "([\d.]+)"', (ROOT / "drbd/main.c").read_text())[1]


def test_one_version():
    version = module_version()
    conf = subprocess.run(["bash", "-c", f". '{ROOT}/dkms.conf'; echo $PACKAGE_NAME-$PACKAGE_VERSION"],
                          capture_output=True, text=True, check=True, cwd="/").stdout.strip()
    assert conf == f"drbd-{version}"
    # From the directory itself, too.
    conf = subprocess.run(["bash", "-c", ". ./dkms.conf; echo $PACKAGE_VERSION"], cwd=ROOT,
                          capture_output=True, text=True, check=True).stdout.strip()
    assert conf == version
    newest = next(line for line in (ROOT / "CHANGELOG.md").read_text().splitlines()
                  if line.startswith("## "))
    assert newest.split()[1].rstrip(",") == version
    # Nowhere in the README is it written a second time.
    assert not re.search(r"\b9\.3\.\d", (ROOT / "README.md").read_text())


# ------------------------------------------------------------------ README

README = (ROOT / "README.md").read_text()


def test_targets_in_the_readme_exist():
    targets = set(re.findall(r"\bmake ([a-z][a-z-]+)", README)) | set(
        re.findall(r"\bmake [a-z-]+ ([a-z]+-[a-z]+)", README))
    assert {"demo", "check", "install", "install-dkms", "deb", "man", "packaging"} <= targets
    makefile = (ROOT / "Makefile").read_text()
    # Not by make -n: that runs what is marked with a plus.
    for target in targets:
        assert re.search(rf"^(?:[a-z -]+ )?{target}(?: [a-z -]+)?:(?!=)", makefile,
                         re.MULTILINE), target


def test_files_in_the_readme_exist():
    for name in re.findall(r"`([a-z]+[-a-z/]*/[A-Za-z0-9./]*)`", README):
        if not name.startswith(("build/", "updates/")):
            assert (ROOT / name).exists(), name


def test_configuration_in_the_readme(tmp_path):
    """What stands there can be copied."""
    block = README[README.index("    resource r0 {"):]
    block = block[:block.index("    }\n") + 6]
    conf = tmp_path / "r0.conf"
    conf.write_text(block)
    env = dict(os.environ, __DRBD_NODE__="hw1")
    for command in re.findall(r"drbdadm ([a-z-]+(?: --force)? r0)", README):
        run = subprocess.run([BUILD / "bin/drbdadm", "-c", conf, "-d", *command.split()],
                             capture_output=True, text=True, check=False, env=env)
        assert run.returncode == 0, (command, run.stderr)
        # Of what is run nothing is unknown to the tools.
        for line in run.stdout.splitlines():
            assert os.path.basename(line.split()[0]) in ("drbdsetup", "drbdmeta"), line
