# SPDX-License-Identifier: GPL-2.0-only
"""One virtual node: power, commands, disks, link, kernel log."""
import contextlib
import ctypes
import hashlib
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from . import image
from .waiting import wait_for

AGENT_PORT = 1999

# Lines of a kernel log that no test may cause.
TROUBLE = re.compile(
    r"BUG:|WARNING:|Call Trace|INFO: task .* blocked|refcount_t|general protection|Oops"
    r"|soft lockup|self-detected stall|detected stall|possible (circular|recursive) locking"
    r"|inconsistent lock state|page allocation failure|Kernel panic|scheduling while atomic"
    r"|list_(add|del) corruption|KASAN|UBSAN|objects remaining|ASSERTION")


class NodeDown(Exception):
    """The node lost power, or never answered."""


class CommandFailed(AssertionError):
    """A command on a node ended with an exit code that was not expected."""


class Result:
    """What a command did: rc, out, err (text)."""

    def __init__(self, rc, out, err):
        self.rc, self.raw, self.err = rc, out, err

    @property
    def out(self):
        return self.raw.decode(errors="replace")

    @property
    def text(self):
        return self.out + self.err

    def __repr__(self):
        return f"Result(rc={self.rc}, out={self.out!r}, err={self.err!r})"


class Process:
    """A command that runs on a node.  Closing it kills it there."""

    def __init__(self, node, sock, command, stdin=None):
        self.node, self.command = node, command
        self._sock, self._life = sock, node.life
        self._in = bytearray()
        self.out, self.err = bytearray(), bytearray()
        self.rc = None
        self.started = False
        sock.settimeout(30)
        self._send(b"R", command.encode())
        if stdin is not None:
            data = stdin.encode() if isinstance(stdin, str) else stdin
            for i in range(0, len(data), 60000):
                self._send(b"I", data[i:i + 60000])
        self._send(b"E", b"")

    def _send(self, kind, body):
        try:
            self._sock.sendall(kind + struct.pack(">I", len(body)) + body)
        except OSError as e:
            self.close()
            raise NodeDown(f"{self.node.name}: no answer to '{self.command}': {e}") from None

    def _frames(self):
        while len(self._in) >= 5:
            size = struct.unpack(">I", self._in[1:5])[0]
            if len(self._in) < 5 + size:
                return
            yield self._in[:1], bytes(self._in[5:5 + size])
            del self._in[:5 + size]

    def _down(self):
        self.close()
        raise NodeDown(f"{self.node.name} went down during '{self.command}'")

    def poll(self, timeout=0):
        """Take in what has arrived; returns the exit code when the command has ended."""
        if self.rc is not None or self._sock is None:
            return self.rc
        if not select.select([self._sock], [], [], timeout)[0]:
            # A machine without power does not close its connections.
            if self.node.life != self._life or self.node.pid is None:
                self._down()
            return None
        try:
            data = self._sock.recv(1 << 18)
        except OSError:
            data = b""
        if not data:
            self._down()
        self._in += data
        for kind, body in self._frames():
            if kind == b"O":
                self.out += body
            elif kind == b"S":
                self.err += body
            elif kind == b"A":
                self.started = True
            elif kind == b"X":
                status = struct.unpack("=i", body)[0]
                self.rc = -os.WTERMSIG(status) if os.WIFSIGNALED(status) \
                    else os.WEXITSTATUS(status)
                self.close()
                break
        return self.rc

    def wait(self, timeout=60):
        """Wait for the end; returns a Result.  On time-out the command is killed."""
        end = time.monotonic() + timeout
        while self.poll(max(0, min(1, end - time.monotonic()))) is None:
            if time.monotonic() >= end:
                self.close()
                raise TimeoutError(f"{self.node.name}: '{self.command}' not done in {timeout} s; "
                                   f"so far: {self.text}")
        return Result(self.rc, bytes(self.out), self.err.decode(errors="replace"))

    @property
    def text(self):
        return (self.out + self.err).decode(errors="replace")

    def close(self):
        """Let go of the command; kills it when it still runs."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Node:
    """A node of a Cluster.  Disks appear as /dev/vdb, /dev/vdc, ... on the node."""

    def __init__(self, cluster, index):
        self.cluster = cluster
        self.index = index
        self.name = f"hw{index + 1}"
        self.id = index
        self.ip = f"10.11.56.{index + 2}"
        self.dir = os.path.join(cluster.dir, self.name)
        self.tap = f"tap-{self.name}"
        self.agent_ip = f"10.11.57.{index + 2}"
        self.agent_tap = f"agent-{self.name}"
        self.console = os.path.join(self.dir, "console.log")
        self.disks = [os.path.join(self.dir, f"disk{n}.img") for n in range(len(cluster.disks))]
        self._checked = 0
        self._popen = None              # when this process has started it
        self.life = 0                   # how often it was switched on

    # ------------------------------------------------------------ power

    def _socket(self, name):
        return os.path.join(self.cluster.sockets, f"{self.name}-{name}")

    @property
    def pid(self):
        """Process id of the running machine, or None."""
        if self._popen is not None:
            return self._popen.pid if self._popen.poll() is None else None
        try:
            with open(os.path.join(self.dir, "pid")) as f:
                pid = int(f.read())
            with open(f"/proc/{pid}/cmdline") as f:
                if self._socket("qmp") not in f.read():
                    return None
            with open(f"/proc/{pid}/stat") as f:
                return None if f.read().rsplit(")", 1)[1].split()[0] in "ZX" else pid
        except (OSError, ValueError):
            return None

    def create_disks(self):
        """Empty disks of the cluster's sizes; the node must be down."""
        assert self.pid is None
        for path, size in zip(self.disks, self.cluster.disks):
            with open(path, "wb") as f:
                f.truncate(size)

    def start(self):
        """Switch on.  Returns at once; wait_boot() waits until commands run."""
        assert self.pid is None, f"{self.name} runs already"
        self.life += 1
        c = self.cluster
        os.makedirs(self.dir, exist_ok=True)
        kver = c.kver_of(self)
        hosts = " ".join(f"hw{n + 1}=10.11.56.{n + 2}" for n in range(c.size))
        with open(os.path.join(self.dir, "initrd"), "wb") as f:
            f.write(image.initramfs(kver, {
                "NAME": self.name, "ADDRESS": self.ip, "AGENT": f"{self.agent_ip} {AGENT_PORT}",
                "HOSTS": hosts, "BUILD": image.BUILD,
                "MODULES": image.module_tree(kver, c.ours)}))
        for path, size in zip(self.disks, c.disks):
            if not os.path.exists(path):
                with open(path, "wb") as f:
                    f.truncate(size)
        # A time base for each life of the node; the log of the one before is kept.
        with open(self.console, "ab") as f:
            f.write(f"=== {self.name} powered on, {kver} ===\n".encode())
        share = "security_model=none,multidevs=remap"
        args = [
            "ip", "netns", "exec", c.netns, "qemu-system-x86_64",
            "-name", f"{self.name}", "-machine", "pc", "-cpu", "max",
            "-accel", "tcg,thread=multi,tb-size=128", "-smp", str(c.cpus), "-m", str(c.memory),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", image.kernel(kver), "-initrd", os.path.join(self.dir, "initrd"),
            "-append", "console=ttyS0 ignore_loglevel panic=-1 mitigations=off nokaslr "
                       "tsc=reliable random.trust_cpu=on rcupdate.rcu_cpu_stall_timeout=100 "
                       "net.ifnames=0 printk.time=1 audit=0 apparmor=0 " + c.cmdline,
            "-chardev", f"file,id=console,path={self.console},append=on",
            "-serial", "chardev:console",
            "-qmp", f"unix:{self._socket('qmp')},server=on,wait=off",
            "-virtfs", f"local,path=/,mount_tag=host,readonly=on,{share}",
            "-virtfs", f"local,path={image.BUILD},mount_tag=build,{share}",
            "-netdev", f"tap,id=net0,ifname={self.tap},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=net0,mac=52:54:00:11:56:{self.index + 2:02x}",
            "-netdev", f"tap,id=net1,ifname={self.agent_tap},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=net1,mac=52:54:00:11:57:{self.index + 2:02x}",
            "-device", "virtio-rng-pci",
        ]
        # Anchor first disk at /dev/vdb: vda is a disk that nothing uses.
        unused = os.path.join(self.dir, "unused.img")
        with open(unused, "wb") as f:
            f.truncate(1 << 20)
        for n, path in enumerate([unused] + self.disks):
            args += ["-drive", f"file={path},if=none,id=d{n},format=raw,cache=unsafe,"
                               "aio=threads,discard=unmap,detect-zeroes=off",
                     "-device", f"virtio-blk-pci,drive=d{n},serial=disk{n}"]
        with open(os.path.join(self.dir, "qemu.log"), "ab") as log:
            p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True,
                                 preexec_fn=None if c.keep else _die_with_parent)
        self._popen = p
        with open(os.path.join(self.dir, "pid"), "w") as f:
            f.write(str(p.pid))

    def wait_boot(self, timeout=150):
        """Wait until the node runs commands."""
        end = time.monotonic() + timeout

        def listening():
            if self.pid is None:
                with open(os.path.join(self.dir, "qemu.log")) as f:
                    raise NodeDown(f"{self.name} did not start: {f.read()[-500:]}")
            return os.path.exists(self._socket("qmp"))
        wait_for(listening, 20, f"{self.name}: QEMU's sockets")
        try:
            self.spawn("true", timeout=max(1, end - time.monotonic())).wait(30)
        except (NodeDown, TimeoutError):
            raise NodeDown(f"{self.name} did not boot in {timeout} s; console: "
                           f"{self.console}") from None
        return self

    def kill(self):
        """Power cut: what the disks have taken is there, all else is gone."""
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        self._reap()

    def _reap(self):
        if self._popen is not None:
            self._popen.wait()
            self._popen = None
        wait_for(lambda: self.pid is None, 20, f"end of {self.name}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._socket("qmp"))

    def restart(self):
        """Power cut, then on again."""
        self.kill()
        self.start()
        self.wait_boot()

    def qmp(self, command, **arguments):
        """One command of QEMU's machine protocol."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self._socket("qmp"))
            f = s.makefile("rw")
            f.readline()
            for c in ({"execute": "qmp_capabilities"},
                      {"execute": command, "arguments": arguments}):
                f.write(json.dumps(c))
                f.flush()
                answer = json.loads(f.readline())
                while "event" in answer:
                    answer = json.loads(f.readline())
            if "error" in answer:
                raise RuntimeError(f"{self.name}: {command}: {answer['error']['desc']}")
            return answer["return"]

    def pause(self):
        """The node stands still, as a hypervisor would do it."""
        self.qmp("stop")

    def resume(self):
        self.qmp("cont")

    # ------------------------------------------------------------ commands

    def spawn(self, command, stdin=None, timeout=30):
        """Start a shell command on the node; returns a Process."""
        end = time.monotonic() + timeout
        while True:
            if self.pid is None:
                raise NodeDown(f"{self.name} is off")
            sock = self._connect(min(3, end - time.monotonic()))
            if sock is not None:
                break
            if time.monotonic() > end:
                raise NodeDown(f"{self.name} does not answer")
            time.sleep(0.1)
        p = Process(self, sock, command, stdin)
        while not p.started and p.rc is None:
            p.poll(0.2)
            if time.monotonic() > end + 15:
                p.close()
                raise NodeDown(f"{self.name} does not answer")
        return p

    def _connect(self, timeout):
        """A connection to the agent, over the interface that is there for that only."""
        sock = self.cluster.socket()
        try:
            sock.settimeout(max(0.1, timeout))
            sock.connect((self.agent_ip, AGENT_PORT))
        except OSError:
            sock.close()
            return None
        return sock

    def run(self, command, timeout=60, check=True, stdin=None):
        """Run a shell command; returns its Result.

        check: True wants exit code 0, a number that code, None takes any."""
        with self.spawn(command, stdin) as p:
            try:
                r = p.wait(timeout)
            except TimeoutError as e:
                raise TimeoutError(f"{e}\n{self.diagnose()}") from None
        want = 0 if check is True else check
        if check is not None and check is not False and r.rc != want:
            raise CommandFailed(f"{self.name}: '{command}' exited with {r.rc}, wanted {want}\n"
                                f"{r.text}")
        return r

    def diagnose(self):
        """What the processes of the node are doing: for a command that does not come back."""
        try:
            with self.spawn("ps axo pid,ppid,stat,wchan:24,args; for p in $(ps axo pid=,args= | "
                            "grep -E 'drbd|fio|dd|mkfs|mount|umount|cat' | awk '{print $1}'); do "
                            "echo \"== $p $(cat /proc/$p/comm 2>/dev/null)\"; "
                            "cat /proc/$p/stack 2>/dev/null; done; dmesg | tail -n 15") as p:
                return p.wait(20).text
        except (NodeDown, TimeoutError) as e:
            return f"(and no diagnosis: {e})"

    def out(self, command, **kw):
        """Standard output of a command that must succeed, stripped."""
        return self.run(command, **kw).out.strip()

    def write_file(self, path, content):
        self.run(f"mkdir -p $(dirname '{path}'); cat > '{path}'", stdin=content)

    # ------------------------------------------------------------ link

    def _netns(self, *args):
        subprocess.run(["ip", "-n", self.cluster.netns, *args], check=True, capture_output=True)

    def cut(self):
        """Cut the link: nothing arrives or leaves; neither kernel notices by itself."""
        self._netns("link", "set", self.tap, "nomaster")

    def heal(self):
        self._netns("link", "set", self.tap, "master", "br0")

    def drop(self, direction):
        """Lose all packets of one direction, "in" or "out", until undrop()."""
        if direction == "out":
            self.run("tc qdisc replace dev eth0 root netem loss 100%")
        else:
            self.run("tc qdisc replace dev eth0 ingress; "
                     "tc filter replace dev eth0 parent ffff: prio 1 matchall action drop")

    def undrop(self):
        self.run("tc qdisc del dev eth0 root; tc qdisc del dev eth0 ingress", check=None)

    def netem(self, rules):
        """Outgoing packets get tc-netem's treatment, e.g. "delay 20ms rate 100mbit"; None ends it."""
        if rules:
            self.run(f"tc qdisc replace dev eth0 root netem {rules}")
        else:
            self.run("tc qdisc del dev eth0 root", check=None)

    # ------------------------------------------------------------ disks

    def sha256(self, n=0, length=None):
        """Digest of a backing disk as the host sees it."""
        h = hashlib.sha256()
        with open(self.disks[n], "rb") as f:
            left = os.path.getsize(self.disks[n]) if length is None else length
            while left:
                b = f.read(min(left, 1 << 20))
                if not b:
                    break
                h.update(b)
                left -= len(b)
        return h.hexdigest()

    def is_empty(self, n=0):
        """Does a backing disk consist of zeroes only?"""
        zeroes = bytes(1 << 20)
        with open(self.disks[n], "rb") as f:
            while b := f.read(len(zeroes)):
                if b != zeroes[:len(b)]:
                    return False
        return True

    def dm_wrap(self, disk="vdb"):
        """Put a device-mapper device over a disk; returns its path.  See dm_fail()."""
        self.run(f"modprobe dm_mod; s=$(blockdev --getsz /dev/{disk}); "
                 f"echo \"0 $s linear /dev/{disk} 0\" | dmsetup --noudevsync create t-{disk}; "
                 f"dmsetup --noudevsync mknodes")
        return f"/dev/mapper/t-{disk}"

    def _dm_load(self, disk, table):
        self.run(f"s=$(blockdev --getsz /dev/{disk}); "
                 f"echo \"{table}\" | dmsetup --noudevsync load t-{disk} && "
                 f"dmsetup --noudevsync suspend --nolockfs --noflush t-{disk} && "
                 f"dmsetup --noudevsync resume t-{disk}")

    def dm_fail(self, disk="vdb", start=0, length=None):
        """I/O in the given range of sectors (default: all) fails from now on."""
        if length is None:
            self._dm_load(disk, "0 $s error")
            return
        end = start + length
        size = int(self.out(f"blockdev --getsz /dev/{disk}"))
        rows = []
        if start:
            rows.append(f"0 {start} linear /dev/{disk} 0")
        rows.append(f"{start} {length} error")
        if end < size:
            rows.append(f"{end} {size - end} linear /dev/{disk} {end}")
        self._dm_load(disk, "\n".join(rows))

    def dm_heal(self, disk="vdb"):
        self._dm_load(disk, f"0 $s linear /dev/{disk} 0")

    def dm_unwrap(self, disk="vdb"):
        self.run(f"dmsetup --noudevsync remove t-{disk}", check=None)

    # ------------------------------------------------------------ kernel log

    def dmesg(self):
        """All of the console since the cluster's start."""
        with contextlib.suppress(FileNotFoundError):
            with open(self.console, errors="replace") as f:
                return f.read()
        return ""

    def trouble(self):
        """Alarming lines since the last call, with some context."""
        log = self.dmesg()
        new, self._checked = log[self._checked:], len(log)
        lines = new.splitlines()
        bad = [n for n, line in enumerate(lines) if TROUBLE.search(line)]
        if not bad:
            return ""
        first = bad[0]
        return f"{self.name}:\n" + "\n".join(lines[max(0, first - 5):first + 40])

    def start_nlmon(self):
        """Capture generic-netlink traffic on the node; returns a function that ends it and
        gives the capture's path on the host."""
        path = os.path.join(self.dir, "netlink.pcap")
        self.run("modprobe nlmon; ip link add nlmon0 type nlmon 2>/dev/null; ip link set nlmon0 up")
        # In this mode each packet takes room for the longest: with -s 0 only eight would fit.
        p = self.spawn(f"exec tcpdump -q -i nlmon0 -s 32768 -B 32768 -U --immediate-mode -w {path}")
        wait_for(lambda: (p.poll(), b"listening on" in p.err)[1], 30, "tcpdump on nlmon0")

        def stop():
            self.run("pkill -INT -x tcpdump; while pgrep -x tcpdump; do :; done", check=None)
            p.wait(20)
            assert b"\n0 packets dropped by kernel" in p.err, p.err.decode(errors="replace")
            self.run("ip link del nlmon0")
            return path
        return stop


def in_parallel(*functions):
    """Call functions at the same time; raises the first exception of one."""
    errors = []

    def call(f):
        try:
            f()
        except BaseException as e:      # handed to the caller
            errors.append(e)
    threads = [threading.Thread(target=call, args=(f,)) for f in functions]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
