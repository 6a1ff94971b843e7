# SPDX-License-Identifier: GPL-2.0-only
"""Debian's own drbd-utils as a counterpart: where `make deps` has put them, and on nodes in place of ours."""
import contextlib
import os

from vnodes import image

DEBIAN = os.path.join(image.CACHE, "drbd-utils", "sbin")
TOOLS = ("drbdadm", "drbdsetup", "drbdmeta")


def _link(target):
    return "; ".join(f"ln -sfn {target}/{t} /usr/sbin/{t}" for t in TOOLS)


@contextlib.contextmanager
def debian_tools(cluster):
    """While the block runs, the nodes have Debian's tools and no others.

    They are where the kernel's helper path and PATH lead to, and our directory of tools is hidden under an empty
    one: whatever a tool or the kernel starts by whatever name is Debian's, or fails.
    """
    bindir = os.path.join(image.BUILD, "bin")
    for n in cluster:
        n.run(f"mkdir -p /run/no-tools && mount --bind /run/no-tools {bindir}; {_link(DEBIAN)}")
        for t in TOOLS:
            n.run(f"test \"$(readlink -f $(command -v {t}))\" = {DEBIAN}/{t} && "
                  f"test \"$(readlink -f /sbin/{t})\" = {DEBIAN}/{t} && test ! -e {bindir}/{t}")
    try:
        yield
    finally:
        for n in cluster:
            if n.pid:
                n.run(f"umount {bindir}; {_link(bindir)}")
