# SPDX-License-Identifier: GPL-2.0-only
"""The decoders themselves: they accept the recorded conversations, and notice damage."""
import glob
import lzma
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


def decode(folder, *args):
    return subprocess.run([sys.executable, os.path.join(HERE, folder, "decode.py"), *args],
                          capture_output=True, text=True)


def captures(folder):
    return sorted(os.path.basename(p) for p in glob.glob(os.path.join(HERE, folder, "*.pcap.xz")))


@pytest.mark.parametrize("name", captures("wire"))
def test_wire_capture(name):
    r = decode("wire", "--check", os.path.join(HERE, "wire", name))
    # The recordings that the 8.4 protocol was spoken in know no peer acks: --check only counts.
    assert r.returncode in ((0,) if "8.4" not in name else (0, 2)), r.stdout[-500:] + r.stderr
    assert r.stdout.count("\n") > 100


@pytest.mark.parametrize("name", captures("netlink"))
def test_netlink_capture(name):
    r = decode("netlink", os.path.join(HERE, "netlink", name))
    # Two listeners were open in life2: each notification is there twice, and remarked.
    odd = [line for line in r.stdout.splitlines() if "!!" in line]
    assert all("sequence number after" in line for line in odd) and (not odd or "life2" in name)
    assert r.returncode == (2 if odd else 0), r.stdout[-500:] + r.stderr
    known = os.path.join(HERE, "netlink", name.replace(".pcap.xz", ".decoded.txt.xz"))
    with lzma.open(known, "rt") as f:
        assert r.stdout == f.read()


@pytest.mark.parametrize("folder,name", [("wire", "two-node-9.3.3.pcap.xz"),
                                         ("netlink", "life.pcap.xz")])
def test_damage_is_noticed(folder, name, tmp_path):
    with lzma.open(os.path.join(HERE, folder, name)) as f:
        data = bytearray(f.read())
    # Somewhere in the payload of a packet in the middle: a length or a number that can't be.
    at = data.index(b"\x86\x20\xec\x20" if folder == "wire" else b"\x1e\x00", len(data) // 2)
    data[at + 4:at + 8] = b"\xff\xff\xff\xff"
    bad = tmp_path / "bad.pcap"
    bad.write_bytes(data)
    assert decode(folder, str(bad)).returncode != 0
