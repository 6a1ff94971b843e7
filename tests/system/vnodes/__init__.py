# SPDX-License-Identifier: GPL-2.0-only
"""Virtual nodes: stock Debian kernels in QEMU, this tree's modules and tools."""
from .cluster import Cluster
from .node import CommandFailed, NodeDown, Node, Result, in_parallel
from .waiting import TimedOut, wait_for

__all__ = ["Cluster", "CommandFailed", "Node", "NodeDown", "Result", "TimedOut", "in_parallel", "wait_for"]
