# SPDX-License-Identifier: GPL-2.0-only
"""What a node boots: the kernel image, an initramfs, a tree of kernel modules."""
import fcntl
import glob
import lzma
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("DRBD_NODE_CACHE", "/var/cache/drbd-nodes")
SOURCE = os.path.realpath(os.path.join(HERE, "..", "..", ".."))
BUILD = os.path.realpath(os.environ.get("BUILD", os.path.join(SOURCE, "build")))

# Needed before the root file system is there, in any order: dependencies are looked up.
BOOT_MODULES = ["virtio_pci", "virtio_console", "virtio_blk", "virtio_net", "9pnet_virtio",
                "9p", "overlay"]


def versions():
    """Kernel releases that can be booted, oldest first."""
    found = [os.path.basename(os.path.dirname(p))
             for p in glob.glob(os.path.join(CACHE, "kernels", "*", "ready"))]
    return sorted(found, key=lambda v: [int(n) for n in re.findall(r"\d+", v)[:3]])


def version(series):
    """Newest bootable release of a series, "6.1" or "6.12"; a full release is returned as it is."""
    for v in reversed(versions()):
        if v == series or v.startswith(series + "."):
            return v
    raise SystemExit(f"no kernel {series} in {CACHE}: run 'make deps' as root")


def kernel(kver):
    return os.path.join(CACHE, "kernels", kver, "boot", f"vmlinuz-{kver}")


def _stock(kver):
    return os.path.join(CACHE, "kernels", kver, "lib", "modules", kver)


def module_tree(kver, ours):
    """A /lib/modules for a node: the stock modules, and in updates/ ours if asked for.

    Returns the directory to be mounted at /lib/modules."""
    base = os.path.join(BUILD, kver, "modules-ours" if ours else "modules-stock")
    tree = os.path.join(base, "lib", "modules", kver)
    os.makedirs(os.path.join(tree, "updates"), exist_ok=True)
    with open(os.path.join(base, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stale = not os.path.exists(os.path.join(tree, "modules.dep.bin"))
        if not os.path.islink(os.path.join(tree, "kernel")):
            os.symlink(os.path.join(_stock(kver), "kernel"), os.path.join(tree, "kernel"))
            for f in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
                shutil.copy(os.path.join(_stock(kver), f), tree)
        if ours:
            for name in ("drbd.ko", "drbd_transport_tcp.ko"):
                made = os.path.join(BUILD, kver, name)
                there = os.path.join(tree, "updates", name)
                if not os.path.exists(made):
                    raise FileNotFoundError(f"{made}: run 'make modules KVER={kver}'")
                if not os.path.exists(there) or \
                        os.stat(there).st_mtime_ns != os.stat(made).st_mtime_ns:
                    shutil.copy2(made, there + ".new")
                    os.rename(there + ".new", there)
                    stale = True
        if stale:
            subprocess.run(["depmod", "-b", base, kver], check=True)
    return os.path.join(base, "lib", "modules")


def _boot_modules(kver):
    """Paths of the boot modules and what they need, in the order of loading."""
    order = []
    base = os.path.join(CACHE, "kernels", kver)
    for m in BOOT_MODULES:
        out = subprocess.run(["modprobe", "-d", base, "-S", kver, "--show-depends", m],
                             check=True, capture_output=True, text=True).stdout
        for line in out.splitlines():
            word = line.split()
            if word[0] == "insmod" and word[1] not in order:
                order.append(word[1])
    return order


class Cpio:
    """A cpio archive as the kernel unpacks it."""

    def __init__(self):
        self.data = bytearray()
        self.inode = 1
        self.dirs = set()

    def _entry(self, name, mode, body=b"", nlink=1):
        name_bytes = name.encode() + b"\0"
        fields = [self.inode, mode, 0, 0, nlink, 0, len(body), 0, 0, 0, 0, len(name_bytes), 0]
        self.inode += 1
        self.data += b"070701" + b"".join(b"%08X" % f for f in fields) + name_bytes
        self.data += b"\0" * (-len(self.data) % 4)
        self.data += body
        self.data += b"\0" * (-len(self.data) % 4)

    def add_dir(self, name):
        if name and name not in self.dirs:
            self.add_dir(os.path.dirname(name))
            self.dirs.add(name)
            self._entry(name, 0o40755, nlink=2)

    def add(self, name, body, mode=0o644):
        self.add_dir(os.path.dirname(name))
        self._entry(name, 0o100000 | mode, body)

    def bytes(self):
        end = Cpio()
        end._entry("TRAILER!!!", 0)
        return bytes(self.data + end.data)


def agent():
    """The agent's binary, built when its source is newer."""
    source = os.path.join(HERE, "..", "agent.c")
    out = os.path.join(BUILD, "nodes", "agent")
    if not os.path.exists(out) or os.stat(out).st_mtime < os.stat(source).st_mtime:
        os.makedirs(os.path.dirname(out), exist_ok=True)
        tmp = f"{out}.{os.getpid()}"
        subprocess.run(["gcc", "-O2", "-Wall", "-static", "-o", tmp, source], check=True)
        os.rename(tmp, out)
    return out


def initramfs(kver, settings):
    """Bytes of an initramfs; settings is a dict of shell variables for its /init."""
    cpio = Cpio()
    for d in ("dev", "proc", "sys", "root"):
        cpio.add_dir(d)
    with open(shutil.which("busybox") or "/bin/busybox", "rb") as f:
        cpio.add("bin/busybox", f.read(), 0o755)
    with open(agent(), "rb") as f:
        cpio.add("agent", f.read(), 0o755)
    with open(os.path.join(HERE, "..", "init.sh"), "rb") as f:
        cpio.add("init", f.read(), 0o755)
    for n, path in enumerate(_boot_modules(kver)):
        with open(path, "rb") as f:
            body = f.read()
        name = os.path.basename(path)
        if name.endswith(".xz"):
            body = lzma.decompress(body)
            name = name[:-3]
        cpio.add(f"modules/{n:02d}-{name}", body)
    lines = "".join(f"{k}='{v}'\n" for k, v in settings.items())
    cpio.add("settings", lines.encode())
    return cpio.bytes()
