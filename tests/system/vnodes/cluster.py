# SPDX-License-Identifier: GPL-2.0-only
"""Some nodes on a bridge in a network namespace of their own."""
import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading

from . import image
from .node import Node, in_parallel


CLONE_NEWNET = 0x40000000


class Cluster:
    """N nodes hw1 ... hwN, 10.11.56.2 and up.

    name     several clusters of one build directory need different names
    size     number of nodes
    kernel   series ("6.1", "6.12"), or a list with one for each node
    disks    sizes in bytes of each node's disks
    ours     True: this tree's modules; False: the kernel package's DRBD 8.4
    keep     the nodes outlive this process
    """

    def __init__(self, name="test", size=2, kernel="6.1", disks=(64 << 20,), ours=True,
                 cpus=2, memory=768, cmdline="", keep=False):
        self.name, self.size, self.disks, self.ours = name, size, list(disks), ours
        self.kernels = [kernel] * size if isinstance(kernel, str) else list(kernel)
        self.cpus, self.memory, self.cmdline, self.keep = cpus, memory, cmdline, keep
        self.dir = os.path.join(image.BUILD, "nodes", name)
        tag = hashlib.sha256(self.dir.encode()).hexdigest()[:8]
        self.netns = f"drbd-{tag}"
        # Short: the path of a unix socket is limited.
        self.sockets = f"/run/drbd-nodes-{tag}"
        self.nodes = [Node(self, n) for n in range(size)]

    def kver_of(self, node):
        return image.version(self.kernels[node.index])

    # ------------------------------------------------------------ life

    def _settings(self):
        return {k: getattr(self, k) for k in
                ("size", "disks", "ours", "cpus", "memory", "cmdline", "kernels")}

    @classmethod
    def running(cls, name):
        """The cluster of that name which another process has started."""
        try:
            with open(os.path.join(image.BUILD, "nodes", name, "cluster.json")) as f:
                s = json.load(f)
        except FileNotFoundError:
            raise SystemExit(f"no cluster '{name}' in {image.BUILD}: start one first") from None
        kernels = s.pop("kernels")
        return cls(name, kernel=kernels, keep=True, **s)

    def _network(self):
        def ip(*args):
            subprocess.run(["ip", *args], check=True, capture_output=True)
        subprocess.run(["ip", "netns", "del", self.netns], capture_output=True)
        ip("netns", "add", self.netns)
        ip("-n", self.netns, "link", "set", "lo", "up")
        ip("-n", self.netns, "link", "add", "br0", "type", "bridge")
        ip("-n", self.netns, "addr", "add", "10.11.56.1/24", "dev", "br0")
        ip("-n", self.netns, "link", "set", "br0", "up")
        for n in self.nodes:
            ip("-n", self.netns, "tuntap", "add", n.tap, "mode", "tap")
            ip("-n", self.netns, "link", "set", n.tap, "master", "br0")
            ip("-n", self.netns, "link", "set", n.tap, "up")
            ip("-n", self.netns, "tuntap", "add", n.agent_tap, "mode", "tap")
            ip("-n", self.netns, "addr", "add", "10.11.57.1", "peer", n.agent_ip, "dev", n.agent_tap)
            ip("-n", self.netns, "link", "set", n.agent_tap, "up")

    def socket(self):
        """A TCP socket in the nodes' network name space."""
        result = []

        def create():
            # The name space of a thread: nobody else shall notice.
            with open(f"/run/netns/{self.netns}") as f:
                if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            result.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        thread = threading.Thread(target=create)
        thread.start()
        thread.join()
        return result[0]

    def start(self):
        """Network, empty disks, all nodes up."""
        self.stop()
        os.makedirs(self.dir)
        os.makedirs(self.sockets, exist_ok=True)
        with open(os.path.join(self.dir, "cluster.json"), "w") as f:
            json.dump(self._settings(), f)
        self._network()
        for n in self.nodes:
            n.start()
        in_parallel(*(n.wait_boot for n in self.nodes))
        return self

    def stop(self):
        """End all nodes, also those that an earlier process left; logs of the last run go too."""
        if os.path.isdir(self.dir):
            for d in sorted(os.listdir(self.dir)):
                if d.startswith("hw"):
                    Node(self, int(d[2:]) - 1).kill()
            shutil.rmtree(self.dir)
        subprocess.run(["ip", "netns", "del", self.netns], capture_output=True)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def power_off(self):
        """End all nodes, keep logs and disks."""
        for n in self.nodes:
            n.kill()
        subprocess.run(["ip", "netns", "del", self.netns], capture_output=True)

    def __getitem__(self, n):
        return self.nodes[n]

    def __iter__(self):
        return iter(self.nodes)

    # ------------------------------------------------------------ tools

    def each(self, command, **kw):
        """Run a command on all nodes that are on, at the same time; returns the Results."""
        nodes = [n for n in self.nodes if n.pid is not None]
        results = {}

        def one(node):
            results[node.name] = node.run(command, **kw)
        in_parallel(*(lambda n=n: one(n) for n in nodes))
        return [results[n.name] for n in nodes]

    def trouble(self):
        """Alarming lines in any kernel log since the last call."""
        return "\n".join(t for t in (n.trouble() for n in self.nodes) if t)

    def host(self, *args, **kw):
        """Run a program of the test host on the nodes' network (10.11.56.1)."""
        return subprocess.run(["ip", "netns", "exec", self.netns, *args], **kw)

    @contextlib.contextmanager
    def capture(self, path=None, what="tcp"):
        """Packets on the bridge while the block runs; yields the file's path."""
        path = path or os.path.join(self.dir, "bridge.pcap")
        p = subprocess.Popen(["ip", "netns", "exec", self.netns, "tcpdump", "-i", "br0", "-s", "0",
                              "-U", "-B", "16384", "-w", path, what],
                             stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            line = p.stderr.readline()
            while line and "listening on" not in line:
                line = p.stderr.readline()
            assert line, "tcpdump did not start"
            yield path
        finally:
            p.send_signal(signal.SIGINT)
            self.capture_summary = p.stderr.read()
            p.wait(20)
