#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""drbdmeta against recorded images and dumps, and, where it is installed, against Debian's drbdmeta.

Every image in tests/golden/metadata is made again and compared byte for byte, dumped and compared
with the recorded dump, restored from that dump, and replayed.  The tool works on plain files here.
With --debian PATH (or the package drbd-utils unpacked there by the caller) images and dumps also go
back and forth between the two tools.
"""

import argparse
import gzip
import hashlib
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE / "metadata"

AL_MAGIC, FREE = 0x69CB65A2, 0xFFFFFFFF


class Failed(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failed(message)


class Tool:
    """A drbdmeta binary working on files in a directory of its own."""

    def __init__(self, binary, directory, debian=False):
        self.binary, self.directory, self.debian = str(binary), directory, debian

    def run(self, image, fmt, index, *command, force=True, rc=0, stdin=None):
        if self.debian:
            # Without a minor it remembers the size of some other image, and may stumble over that.
            pathlib.Path("/var/lib/drbd/drbd-minor--1.lkbd").unlink(missing_ok=True)
        argv = [self.binary] + (["--force"] if force else []) + ["-", fmt, str(image), str(index), *command]
        done = subprocess.run(argv, cwd=self.directory, capture_output=True, text=True, input=stdin or "",
                              timeout=120, check=False)
        if rc is not None:
            check(done.returncode == rc, f"{' '.join(argv)}: exit {done.returncode}, not {rc}\n"
                  f"{done.stdout}{done.stderr}")
        return done


def image_path(name):
    found = list(GOLDEN.glob(f"{name}-*.img.gz"))
    return found[0] if found else None


def unpack(name, directory):
    target = directory / f"{name}.golden"
    path = image_path(name)
    if path:
        with gzip.open(path) as src, open(target, "wb") as dst:
            shutil.copyfileobj(src, dst)
    else:
        with tarfile.open(next(GOLDEN.glob(f"{name}-*.img.tar.gz"))) as tar:
            member = tar.getmembers()[0]
            with tar.extractfile(member) as src, open(target, "wb") as dst:
                shutil.copyfileobj(src, dst)
    return target


def sha(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while piece := f.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def recorded_dump(name):
    return next(GOLDEN.glob(f"{name}-*.dump")).read_text()


def body(dump):
    """A dump without the two header lines that carry date, host and command.

    Nor with the quorum members, which 9.22 does not know: they matter in 07 only and are checked there.
    """
    lines = dump.splitlines()
    check(lines[0] == "# DRBD meta data dump", f"no dump: {lines[:1]}")
    return [line for line in lines[3:] if not line.startswith("members ")]


def make(path, size):
    with open(path, "wb") as f:
        f.truncate(size)
    return path


# name: format, index, size, and the commands that make the image
IMAGES = {
    "01": ("v09", "internal", 16777216, [["create-md", "1"]]),
    "02": ("v09", "internal", 68158976, [
        ["create-md", "--al-stripes", "4", "--al-stripe-size-kB", "16", "3"],
        ["restore-md", str(GOLDEN / "02-restore.in")]]),
    "03": ("v09", "flex-external", 1048576, [
        ["create-md", "2"], ["restore-md", str(GOLDEN / "03-restore.in")]]),
    "04": ("v09", "1", 268435456, [["create-md", "1"], ["write-dev-uuid", "0123456789ABCDEF"]]),
    "05": ("v08", "internal", 16777216, [
        ["create-md", "--peer-max-bio-size", "1M"],
        ["set-gi", "1111111111111112:2222222222222222:3333333333333334:4444444444444444:1:1:1:1:1:1:1"],
        ["write-dev-uuid", "FEDCBA9876543210"]]),
}
DUMPS = {  # name: format, index
    "01": ("v09", "internal"), "02": ("v09", "internal"), "03": ("v09", "flex-external"), "04": ("v09", "1"),
    "05": ("v08", "internal"), "05c": ("v09", "internal"), "06": ("v09", "flex-external"),
    "06a": ("v09", "flex-external"), "07": ("v09", "internal"),
}


# ---- an encoder of activity-log transactions of its own, as 06 was made with

CRC = []
for n in range(256):
    for _ in range(8):
        n = (n >> 1) ^ 0x82F63B78 if n & 1 else n >> 1
    CRC.append(n)


def crc32c(data):
    crc = 0
    for byte in data:
        crc = CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


def al_block(number, updates, slots, start, context):
    block = bytearray(4096)
    struct.pack_into(">II", block, 0, AL_MAGIC, number)
    struct.pack_into(">HHHH", block, 12, 0, len(updates), slots, start)
    for i in range(64):
        slot, extent = updates[i] if i < len(updates) else (0xFFFF, FREE)
        struct.pack_into(">H", block, 36 + 2 * i, slot)
        struct.pack_into(">I", block, 164 + 4 * i, extent)
    for i in range(919):
        struct.pack_into(">I", block, 420 + 4 * i, context[i] if i < len(context) else FREE)
    struct.pack_into(">I", block, 8, crc32c(block))
    return block


def write_log(path, al_offset, stripes, stripe_blocks, first, steps, slots, torn_last):
    """Transactions from number @first on; returns the extents active afterwards."""
    labels, start, number = [FREE] * slots, 0, first
    with open(path, "r+b") as f:
        for step, updates in enumerate(steps):
            block = al_block(number & 0xFFFFFFFF, updates, slots, start, labels[start:start + 919])
            torn = torn_last and step == len(steps) - 1
            if torn:
                block[420] ^= 0x40
            else:
                for slot, extent in updates:
                    labels[slot] = extent
            t = (number & 0xFFFFFFFF) % (stripes * stripe_blocks)
            f.seek(al_offset + 4096 * ((t % stripes) * stripe_blocks + t // stripes))
            f.write(block)
            start = start + 919 if start + 919 < slots else 0
            number += 1
    return {e for e in labels if e != FREE}


STEPS_06 = [[((s * 3) % 20, s * 7), (1000 + s % 5, 300 + s)] for s in range(13)]


def parse_bitmaps(dump):
    """The bitmaps of a dump as lists of (count, value)."""
    result = []
    for slot in re.findall(r"^(?:bitmap\[\d+\]|bm) \{\n(.*?)^\}", dump, re.S | re.M):
        runs = []
        text = re.sub(r"#.*", "", slot)
        for count, value in re.findall(r"(?:(\d+) times )?0x([0-9A-F]{16});", text):
            runs.append((int(count or 1), int(value, 16)))
        result.append(runs)
    return result


def set_bits(runs):
    bits, at = set(), 0
    for count, value in runs:
        if value:
            for i in range(count):
                bits.update(64 * (at + i) + b for b in range(64) if value >> b & 1)
        at += count
    return bits


# ---- the cases: each takes our tool, a directory, and Debian's tool or None

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def _make_case(name):
    def run(tool, tmp, debian):
        fmt, index, size, commands = IMAGES[name]
        image = make(tmp / "image", size)
        for command in commands:
            tool.run(image, fmt, index, *command)
        check(sha(image) == sha(unpack(name, tmp)), "differs from the recorded image")
        if debian:
            theirs = make(tmp / "theirs", size)
            for command in commands:
                debian.run(theirs, fmt, index, *command)
            check(sha(image) == sha(theirs), "differs from what Debian's drbdmeta makes")
    return run


def _dump_case(name):
    def run(tool, tmp, debian):
        fmt, index = DUMPS[name]
        image = unpack(name, tmp)
        before = sha(image)
        done = tool.run(image, fmt, index, "dump-md")
        expected = body(recorded_dump(name))
        if name == "05":  # 9.22 loses the flags here
            expected = [line.replace("flags 0x00000000;", "flags 0x000000FF;") for line in expected]
        check(body(done.stdout) == expected, "dump differs:\n" + "\n".join(
            f"-{a}\n+{b}" for a, b in zip(expected, body(done.stdout)) if a != b))
        check(sha(image) == before, "dump-md changed the image")
        if name in ("06", "07"):
            tool.run(image, fmt, index, "dump-md", force=False, rc=20)  # a plain file
        if debian and name != "05":
            check(body(debian.run(image, fmt, index, "dump-md").stdout) == body(done.stdout),
                  "differs from Debian's dump")
    return run


def _restore_case(name):
    def run(tool, tmp, debian):
        fmt, index = DUMPS[name]
        golden = unpack(name, tmp)
        dump = tmp / "dump"
        dump.write_text(recorded_dump(name))
        image = make(tmp / "image", golden.stat().st_size)
        # Nothing there before, so the other layouts of log and slots come from the dump alone.
        tool.run(image, fmt, index, "restore-md", str(dump))
        check(tool.run(image, fmt, index, "verify-dump", str(dump)).stdout == "input file parsed ok\n",
              "verify-dump")
        check(sha(image) == sha(golden), "restored image differs from the recorded one")
        mine = tool.run(image, fmt, index, "dump-md").stdout
        again = tmp / "again"
        again.write_text(mine)
        tool.run(image, fmt, index, "restore-md", str(again))
        check(sha(image) == sha(golden), "restoring our own dump changes the image")
    return run


for _name in IMAGES:
    CASES[f"make_{_name}"] = _make_case(_name)
for _name in DUMPS:
    CASES[f"dump_{_name}"] = _dump_case(_name)
for _name in ("01", "02", "03", "06a"):
    CASES[f"restore_{_name}"] = _restore_case(_name)


@case
def convert_v08_to_v09(tool, tmp, debian):
    image = unpack("05", tmp)
    done = tool.run(image, "v09", "internal", "create-md", "3")
    check("Warning: setting max_peers to 1 instead of 3\n" in done.stdout, done.stdout)
    mine, golden = image.read_bytes(), unpack("05c", tmp).read_bytes()
    where = [i for i in range(len(mine)) if mine[i] != golden[i]] if mine != golden else []
    # The last max bio size (1 MiB) is kept; 9.22 set it to 0.
    check(where == [16773120 + 0x55], f"differs at {where}")
    back = tmp / "back"
    shutil.copy(image, back)
    tool.run(back, "v08", "internal", "create-md")
    check(tool.run(back, "v08", "internal", "get-gi").stdout.startswith("1111111111111112:0000000000000000:"),
          "conversion back to v08")


@case
def convert_v09_with_slots_to_v08_is_refused(tool, tmp, debian):
    image = unpack("02", tmp)
    before = sha(image)
    done = tool.run(image, "v08", "internal", "create-md", rc=10)
    check("3 bitmap slots" in done.stderr and sha(image) == before, done.stderr)


@case
def replay_06(tool, tmp, debian):
    image = make(tmp / "image", 2097152)
    tool.run(image, "v09", "flex-external", "create-md", "--al-stripes", "2", "--al-stripe-size-kB", "16", "2")
    tool.run(image, "v09", "flex-external", "restore-md", str(GOLDEN / "06-restore.in"))
    tool.run(image, "v09", "flex-external", "set-gi", "--node-id", "1", "::::1:1:1:1:0")
    write_log(image, 4096, 2, 4, 0xFFFFFFF6, STEPS_06, 1237, True)
    check(sha(image) == sha(unpack("06", tmp)), "differs from the recorded image")
    done = tool.run(image, "v09", "flex-external", "apply-al")
    check("1 corrupt AL transactions found\n" in done.stderr and
          "Marked additional 136 MB as out-of-sync based on AL.\n" in done.stderr, done.stderr)
    check(sha(image) == sha(unpack("06a", tmp)), "result differs from the recorded one")
    done = tool.run(image, "v09", "flex-external", "apply-al")
    check("Marked" not in done.stderr and sha(image) == sha(unpack("06a", tmp)), "second apply-al")


@case
def replay_07_left_by_a_kernel(tool, tmp, debian):
    image = unpack("07", tmp)
    done = tool.run(image, "v09", "internal", "apply-al")
    check("Marked additional 36 MB as out-of-sync based on AL.\n" in done.stderr, done.stderr)
    dump = tool.run(image, "v09", "internal", "dump-md").stdout
    check("members 0x0000000000000003;\n" in dump, "quorum members are lost")
    check(body(dump) == body(next(GOLDEN.glob("07a-*.dump")).read_text()), "dump after apply-al differs")
    for runs in parse_bitmaps(dump):
        check(set_bits(runs) == set(range(3 * 1024)), "bits are not those of extents 0, 1, 2")


@case
def replay_matches_debian_on_random_logs(tool, tmp, debian):
    rng = random.Random(4711)
    for round_ in range(12):
        stripes, blocks = rng.choice([(1, 8), (2, 4), (4, 4), (3, 8), (1, 20)])
        peers, slots = rng.choice([1, 2, 3, 7]), rng.choice([67, 257, 1237, 3000])
        image = make(tmp / f"image{round_}", 4 << 20)
        args = ["create-md", "--al-stripes", str(stripes), "--al-stripe-size-kB", str(blocks * 4), str(peers)]
        tool.run(image, "v09", "flex-external", *args)
        # An effective size that does not end at an extent.
        size = rng.choice([1000000, 2097152, 777777])
        with open(image, "r+b") as f:
            f.write(struct.pack(">Q", size))
            f.seek(0x38)
            f.write(struct.pack(">I", 0x53))
        extents = -(-size // 8192)
        steps = [[(rng.randrange(slots), rng.randrange(extents)) for _ in range(rng.randint(1, 64))]
                 for _ in range(rng.randint(1, 40))]
        first = rng.choice([0, 0xFFFFFFF8 if stripes * blocks in (8, 16) else 5, 1000])
        active = write_log(image, 4096, stripes, blocks, first, steps, slots, rng.random() < 0.3)
        copy = tmp / f"copy{round_}"
        shutil.copy(image, copy)
        done = tool.run(image, "v09", "flex-external", "apply-al", rc=None)
        dump = tool.run(image, "v09", "flex-external", "dump-md", rc=None)
        if done.returncode == 0:
            for runs in parse_bitmaps(dump.stdout):
                expected = {b for e in active for b in range(e * 1024, e * 1024 + 1024)}
                words = sum(count for count, _ in runs)
                check(set_bits(runs) == {b for b in expected if b < words * 64}, "wrong bits")
        if debian:
            theirs = debian.run(copy, "v09", "flex-external", "apply-al", rc=None)
            check(theirs.returncode == done.returncode, f"exit {done.returncode}, Debian {theirs.returncode}")
            check(sha(image) == sha(copy), "result differs from Debian's")


@case
def last_extent_of_the_device_is_applied(tool, tmp, debian):
    """Versions 9.33 and 9.34 skip an extent that ends where the bitmap ends."""
    image = make(tmp / "image", 1 << 20)
    tool.run(image, "v09", "flex-external", "create-md", "1")
    with open(image, "r+b") as f:
        f.write(struct.pack(">Q", (256 << 20) // 512))
        f.seek(0x38)
        f.write(struct.pack(">I", 0x53))
    write_log(image, 4096, 1, 8, 0, [[(5, 63), (6, 64), (7, 0)]], 1237, False)
    done = tool.run(image, "v09", "flex-external", "apply-al")
    check("extent 64 beyond end of bitmap! (8192 >= 8192)\n" in done.stderr, done.stderr)
    dump = tool.run(image, "v09", "flex-external", "dump-md").stdout
    check(set_bits(parse_bitmaps(dump)[0]) == set(range(1024)) | set(range(63 * 1024, 64 * 1024)), "wrong bits")


@case
def broken_log_of_a_primary_is_refused(tool, tmp, debian):
    image = unpack("07", tmp)
    data = bytearray(image.read_bytes())
    struct.pack_into(">I", data, 16773120 + 0x38, struct.unpack_from(">I", data, 16773120 + 0x38)[0] & ~0x80)
    al = 16773120 - 32768
    data[al:al + 32768] = bytes(32768)
    image.write_bytes(data)
    done = tool.run(image, "v09", "internal", "apply-al", rc=1)
    check("No usable activity log found. Do you need to create-md?\n" in done.stderr, done.stderr)
    check(image.read_bytes() == data, "changed")
    # Without the Primary indicator nothing can have been in flight.
    struct.pack_into(">I", data, 16773120 + 0x38, struct.unpack_from(">I", data, 16773120 + 0x38)[0] & ~2)
    image.write_bytes(data)
    done = tool.run(image, "v09", "internal", "apply-al")
    check("Error ignored, no need to apply the AL\n" in done.stderr, done.stderr)
    check(image.read_bytes()[al:al + 4] == struct.pack(">I", AL_MAGIC), "ring not initialised")


def gi(tool, image, *args, rc=0):
    return tool.run(image, "v09", "internal", *args, rc=rc)


@case
def small_commands(tool, tmp, debian):
    image = unpack("02", tmp)
    line = "0123456789ABCDE0:1111111111111110:A0A0A0A0A0A0A0A0:B0B0B0B0B0B0B0B0:1:1:1:0:1:0:0:1:0:0:0:1\n"
    check(gi(tool, image, "get-gi", "--node-id", "1").stdout == line, "get-gi")
    check("\nlast agreed size: 65 MB (132968 sectors)\nlast agreed max bio size: 1048576 Byte\n" in
          gi(tool, image, "show-gi", "--node-id", "1").stdout, "show-gi")
    check(gi(tool, image, "dstate").stdout == "Consistent\n", "dstate")
    gi(tool, image, "outdate")
    check(gi(tool, image, "dstate").stdout == "Outdated\n", "dstate")
    gi(tool, image, "invalidate")
    check(gi(tool, image, "dstate").stdout == "Inconsistent\n", "dstate")
    check(gi(tool, image, "outdate", rc=5).stderr.endswith("Device is inconsistent.\n"), "outdate")
    check(gi(tool, image, "get-gi", "--node-id", "9").stdout.endswith(":0:0:0:1:0\n"), "full-sync everywhere")
    before = sha(image)
    for bad, why in (("xyz", "not a number"), ("::::7", "not 0 or 1"), (":" * 20, "more than")):
        check(why in gi(tool, image, "set-gi", "--node-id", "1", bad, rc=10).stderr, bad)
    check(sha(image) == before, "set-gi with bad input changed something")
    done = gi(tool, image, "set-gi", "--node-id", "1", ":ABC:::1:1::0")
    check(done.stdout.splitlines()[1].startswith("set GI to  0123456789ABCDE0:0000000000000ABC:A0A0A0A0A0A0A0A0"),
          done.stdout)
    gi(tool, image, "write-dev-uuid", "5")
    check(gi(tool, image, "read-dev-uuid").stdout == "0000000000000005\n", "device uuid")
    gi(tool, image, "check-resize")
    gi(tool, image, "repair-md")
    gi(tool, image, "wipe-md")
    done = gi(tool, image, "wipe-md")
    check("There appears to be no drbd meta data to wipe out?" in done.stderr, done.stderr)
    for command in (["get-gi", "--node-id", "1"], ["dump-md"], ["dstate"], ["apply-al"], ["outdate"],
                    ["check-resize"], ["read-dev-uuid"], ["invalidate"]):
        gi(tool, image, *command, rc=1)


@case
def refusals(tool, tmp, debian):
    """Each wrong argument: its message and exit code; nothing changes."""
    image = unpack("01", tmp)
    before = sha(image)
    table = [
        (["create-md"], 20, "MAX_PEERS argument missing"),
        (["create-md", "0"], 20, "MAX_PEERS argument not in allowed range 1 .. 31."),
        (["create-md", "32"], 20, "MAX_PEERS argument not in allowed range 1 .. 31."),
        (["create-md", "x"], 20, "x is not a valid number"),
        (["create-md", "99999999999999999999"], 20, "99999999999999999999: out of range"),
        (["create-md", "1", "--al-stripes", "1000000"], 10, "invalid (too large) al-stripe* settings"),
        (["create-md", "1", "--al-stripes", "18446744073709551615"], 10, "invalid (too large) al-stripe* settings"),
        (["create-md", "1", "--al-stripe-size-kB", "4"], 10, "invalid (too small) al-stripe* settings"),
        (["create-md", "1", "--al-stripes="], 100, "missing number argument"),
        (["create-md", "1", "--peer-max-bio-size", "2M"], 10, "peer-max-bio-size out of range (0...1M)"),
        (["create-md", "1", "--initialize-bitmap", "foo"], 10, "invalid initialize-bitmap"),
        (["create-md", "1", "--bitmap-block-size", "5000"], 10, "must be a power of 2 within [4k .. 1M], not '5000'"),
        (["create-md", "1", "--diskful-peers", "1,32"], 10, "invalid node list / mask value '1,32'"),
        (["create-md", "1", "--effective-size", "1G"], 10, "effective-size"),
        (["create-md", "1", "--initial-current-uuid", "0"], 10, "value must not be zero"),
        (["dump-md", "--peer-max-bio-size", "1M"], 10, "The --peer-max-bio-size option is only allowed with create-md"),
        (["dump-md", "--al-stripes", "1"], 10,
         "The --al-stripe* options are only allowed with create-md and restore-md"),
        (["dump-md", "--node-id", "1"], 10, "The dump-md command does not accept the --node-id option"),
        (["get-gi"], 10, "The get-gi command requires the --node-id option"),
        (["get-gi", "--node-id", "32"], 10, "node-id out of range (0...31)"),
        (["set-gi", "--node-id", "1"], 10, "Required Argument missing"),
        (["write-dev-uuid", "zzz"], 10, "is not a hex number"),
        (["restore-md", "/nonexistent"], 20, "open of '/nonexistent' failed."),
        (["restore-md", "/"], 20, "open of '/' failed."),
        (["bogus"], 20, "Unknown command 'bogus'."),
    ]
    for args, rc, text in table:
        done = gi(tool, image, *args, rc=rc)
        check(text in done.stderr, f"{args}: {done.stderr}")
    check("USAGE: drbdmeta" in gi(tool, image, "--no-such-option", rc=20).stdout, "usage")
    check("USAGE" in subprocess.run([tool.binary], capture_output=True, text=True, check=False).stdout, "usage")
    for fmt, index, text in (("v10", "internal", "Unknown format 'v10'."), ("v09", "x", "not a valid index number"),
                             ("v09", "256", "'256' is not a valid index number.")):
        check(text in tool.run(image, fmt, index, "dump-md", rc=20).stderr, text)
    check("is not a block device!" in tool.run(image, "v09", "internal", "dump-md", force=False, rc=20).stderr, "file")
    check("is not a block device!" in tool.run("/", "v09", "internal", "dump-md", rc=20).stderr, "directory")
    fifo = tmp / "fifo"
    os.mkfifo(fifo)
    check("is not a block device!" in tool.run(fifo, "v09", "internal", "dump-md", rc=20).stderr, "fifo")
    check("failed: No such file" in tool.run(tmp / "none", "v09", "internal", "dump-md", rc=20).stderr, "missing")
    check("byte offset 134217728" in tool.run(image, "v09", "1", "create-md", "1", rc=10).stderr, "index")
    small = make(tmp / "small", 61440)
    check("is only 61440 bytes. That's not enough." in
          tool.run(small, "v09", "internal", "create-md", "1", rc=10).stderr, "small")
    odd = make(tmp / "odd", 70000)
    tool.run(odd, "v09", "internal", "create-md", "1", "--al-stripe-size-kB", "64", rc=10)
    check(odd.read_bytes() == bytes(70000), "a device too small was written to")
    done = subprocess.run([tool.binary, "--force", "nonsense", "v09", str(image), "internal", "dump-md"],
                          capture_output=True, text=True, check=False)
    check(done.returncode == 20 and "Cannot determine minor device number of drbd device 'nonsense'" in done.stderr,
          done.stderr)
    check(sha(image) == before, "something was changed")


BAD_DUMPS = [
    ("", "keyword 'version' expected, but end of file encountered"),
    ('version "v09"', "line 1: ';' expected, but end of file encountered"),
    ('version "v09"; foo', "keyword 'max-peers' expected, not 'foo'"),
    ('version "v08";', "dump is 'v08' you requested 'v09'."),
    ('version "v09";\nmax-peers @', "line 2: number"),
    ('version "v09"; max-peers 32;', "out of range"),
    ('version "v09"; max-peers 1; node-id 32;', "node-id"),
    ('version "v09"; max-peers 1; node-id 0x4;', "number"),
    ('version "v09"; max-peers 99999999999999999999;', "number"),
    ('version "v09"; max-peers 1; node-id 1; current-uuid 0x4;', "64 bit hex number"),
    ("\0\1\2\xff", "keyword 'version'"),
]


@case
def bad_dumps_change_nothing(tool, tmp, debian):
    image = unpack("02", tmp)
    before = sha(image)
    dump = tmp / "dump"
    good = recorded_dump("02")
    more = [
        (good + "x", "end of file expected, not 'x'"),
        (good.replace("bitmap[1] {", "bitmap[2] {"), "out of range"),
        (good.replace("peer[3]", "peer[2]"), "Peer slot 2 defined multiple times"),
        (good.replace("peer[3]", "peer[32]"), "Slot 32 out of range"),
        (good.replace("bitmap-index 2", "bitmap-index 3"), "bitmap-index: value '3' out of range"),
        (good.replace("bitmap-index 2", "bitmap-index 1"), "bitmap-index 1 used twice"),
        (good.replace("336 times", "3 times"), "bitmap[0] has 8 values; la-size-sect 132968 needs 260"),
        (good.replace("bm-byte-per-bit 4096", "bm-byte-per-bit 4000"), "bm-byte-per-bit"),
        (good.replace("la-size-sect 132968", "la-size-sect 133128"), "describes 133128 sectors"),
        (good[:len(good) // 2], "expected"),
    ]
    for text, why in BAD_DUMPS + more:
        dump.write_bytes(text.encode("latin-1"))
        done = gi(tool, image, "restore-md", str(dump), rc=10)
        check(why in done.stderr, f"{text[:60]!r}: {done.stderr}")
        check(sha(image) == before, f"{text[:60]!r} changed the image")


@case
def dumps_without_end(tool, tmp, debian):
    """What never ends is not read to its end, and a pipe may be slow."""
    image = make(tmp / "endless.img", 16 << 20)
    tool.run(image, "v09", "internal", "create-md", "2")
    before = sha(image)
    # As much memory as a dump needs, but not what /dev/zero has to offer.
    limited = ["prlimit", "--as=536870912", "timeout", "60"]
    argv = [tool.binary, "--force", "-", "v09", str(image), "internal", "restore-md"]
    done = subprocess.run(limited + argv + ["/dev/zero"], capture_output=True, check=False)
    check(done.returncode == 10 and b"keyword 'version' expected" in done.stderr, done.stderr)
    done = subprocess.run(["bash", "-o", "pipefail", "-c", 'yes 0123456789 | "$@"', "bash", *limited,
                           *argv], capture_output=True, check=False)
    check(b"keyword 'version' expected" in done.stderr, done.stderr)
    check(sha(image) == before, "something was written")
    dump = tool.run(image, "v09", "internal", "dump-md").stdout
    (tmp / "endless.dump").write_text(dump)
    done = subprocess.run(["bash", "-c", '"$@" <(sleep 1; cat endless.dump)', "bash", *argv],
                          capture_output=True, check=False, cwd=tmp)
    check(done.returncode == 0, done.stderr)


@case
def restore_to_smaller_device_is_refused(tool, tmp, debian):
    image = make(tmp / "image", 68000000)
    dump = tmp / "dump"
    dump.write_text(recorded_dump("02"))
    gi(tool, image, "restore-md", str(dump), rc=10)
    check(not any(image.read_bytes()), "written to")


@case
def questions_without_terminal_mean_no(tool, tmp, debian):
    """Not with --force, so this needs a block device; here only what can be seen on files."""
    image = unpack("01", tmp)
    done = gi(tool, image, "create-md", "1")
    check("Do you really want to overwrite the existing meta-data?\n*** confirmation forced via --force option ***"
          in done.stderr, done.stderr)
    done = gi(tool, image, "create-md", "--quiet", "1")
    check("confirmation forced" not in done.stderr and
          done.stderr.endswith("# --force --quiet: 1 confirmation(s) suppressed and auto-confirmed\n"), done.stderr)


@case
def dry_run_writes_nothing(tool, tmp, debian):
    image = unpack("06", tmp)
    before = sha(image)
    for command in (["create-md", "1"], ["apply-al"], ["wipe-md"], ["invalidate"], ["write-dev-uuid", "1"],
                    ["restore-md", str(GOLDEN / "06-restore.in")], ["repair-md"]):
        tool.run(image, "v09", "flex-external", "--dry-run", *command, rc=None)
        check(sha(image) == before, f"{command} wrote")


def put(path, offset, data):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


@case
def existing_data_is_protected(tool, tmp, debian):
    size = 64 << 20

    def ext(usage_blocks):
        image = make(tmp / "ext", size)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", str(image), str(usage_blocks)], check=True,
                       capture_output=True)
        return image

    whole = ext(size // 4096)
    before = sha(whole)
    done = tool.run(whole, "v09", "internal", "create-md", "1", rc=40)
    check("Found ext4 filesystem\n       65536 kB data area apparently used\n"
          "       65496 kB left usable by current configuration\n" in done.stdout and
          "Operation refused.\n" in done.stdout, done.stdout)
    # This one is never overridden: the file system would lose its end.
    tool.run(whole, "v09", "internal", "create-md", "1", "--ignore-sanity-checks", rc=40)
    tool.run(whole, "v09", "flex-external", "create-md", "1", rc=40)
    check(sha(whole) == before, "refused, but written to")
    done = tool.run(whole, "v09", "flex-external", "create-md", "1", "--ignore-sanity-checks")
    check("\nIgnoring sanity check on user request.\n" in done.stdout, done.stdout)

    partly = ext(63 * 256)
    done = tool.run(partly, "v09", "internal", "create-md", "1")
    check("Even though it looks like this would place the new meta data into\n" in done.stdout, done.stdout)
    check(subprocess.run(["fsck.ext4", "-f", "-n", str(partly)], capture_output=True, check=False).returncode == 0,
          "file system damaged")

    swap = make(tmp / "swap", size)
    subprocess.run(["mkswap", str(swap)], check=True, capture_output=True)
    check("Found swap space signature\n" in tool.run(swap, "v09", "internal", "create-md", "1", rc=40).stdout, "swap")
    tool.run(swap, "v09", "internal", "create-md", "1", "--ignore-sanity-checks")

    some = make(tmp / "some", size)
    put(some, 512 * 7, b"hello")
    done = tool.run(some, "v09", "internal", "create-md", "1")
    check("Found some data\n\n ==> This might destroy existing data! <==\n" in done.stdout, done.stdout)

    # A physical volume of LVM2 says itself how big it is.
    for pv_size, rc in ((size, 40), (size - (1 << 20), 0)):
        pv = make(tmp / "pv", size)
        label = bytearray(512)
        label[0:8] = b"LABELONE"
        struct.pack_into("<QII", label, 8, 1, 0, 32)
        label[24:32] = b"LVM2 001"
        label[32:64] = b"abcdefghijklmnopqrstuvwxyz012345"
        struct.pack_into("<Q", label, 64, pv_size)
        crc = 0xF597A6CF
        for byte in label[20:]:
            crc ^= byte
            for _ in range(8):
                crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
        struct.pack_into("<I", label, 16, crc)
        put(pv, 512, bytes(label))
        done = tool.run(pv, "v09", "internal", "create-md", "1", rc=rc)
        check("Found LVM2 physical volume signature\n" in done.stdout, done.stdout)


@case
def index_shares_a_device(tool, tmp, debian):
    image = make(tmp / "image", 384 << 20)
    for index in (0, 1, 2):
        tool.run(image, "v09", index, "create-md", "1")
        tool.run(image, "v09", index, "write-dev-uuid", f"{index + 1:x}")
    for index in (0, 1, 2):
        check(tool.run(image, "v09", index, "read-dev-uuid").stdout == f"{index + 1:016X}\n", f"index {index}")
    tool.run(image, "v09", 1, "create-md", "1", "--al-stripes", "2", rc=10)
    tool.run(image, "v09", 1, "create-md", "1", "--bitmap-block-size", "64k", rc=10)


@case
def block_sizes(tool, tmp, debian):
    for size, md_size in (("64k", 192), ("1M", 80), ("4k", 1992)):
        image = make(tmp / f"image{size}", 10 << 30)
        tool.run(image, "v09", "internal", "create-md", "3", "--bitmap-block-size", size)
        dump = tool.run(image, "v09", "internal", "dump-md").stdout
        check(f"# md_size_sect {md_size}\n" in dump, dump[:400])
        again = tmp / "again"
        again.write_text(dump)
        tool.run(image, "v09", "internal", "restore-md", str(again))
        check(body(tool.run(image, "v09", "internal", "dump-md").stdout) == body(dump), "restored dump differs")


@case
def presets_of_create_md(tool, tmp, debian):
    image = make(tmp / "image", 1 << 24)
    run = lambda *a: gi(tool, image, "create-md", "2", *a)  # noqa: E731
    run("--initial-current-uuid", "1234567890ABCDEF", "--effective-size", "1000s", "--diskful-peers", "0x6")
    dump = gi(tool, image, "dump-md").stdout
    check("current-uuid 0x1234567890ABCDEE;" in dump and "la-size-sect 1000;" in dump, dump[:300])
    check(dump.count("flags 0x00000010; # seen") == 2, "diskful peers")
    run("--uptodate", "--peers-outdated", "--rotate-uuids")
    first = gi(tool, image, "get-gi", "--node-id", "5").stdout
    current, bitmap, history = first.split(":")[:3]
    check(bitmap == history and current != bitmap and first.strip().endswith(":1:1:0:0:1:0:0:0:1:0:0:0"), first)
    check(int(current, 16) & 1 == 0 and int(current, 16) > 4, first)


@case
def superblock_dumps(tool, tmp, debian):
    import json
    image = unpack("02", tmp)
    raw = image.read_bytes()[68153344:68153344 + 4096]
    done = subprocess.run([tool.binary, "-", "v09", str(image), "internal", "dump-superblock", "--output-format", "bin"],
                          capture_output=True, check=False)
    check(done.returncode == 0 and done.stdout == raw, "binary")
    text = gi(tool, image, "dump-superblock", "-o", "json").stdout
    data = json.loads(text)
    check(data["current_uuid"] == "0x0123456789ABCDE0" and data["peers"][2]["bitmap_index"] == 2 and
          data["#meta"]["valid"] == "VALID_MD_FOUND" and data["padding"]["start"] == 1392, text)
    check("DRBD" not in gi(tool, image, "hexdump-superblock").stdout, "hex")
    gi(tool, image, "wipe-md")
    check(json.loads(gi(tool, image, "dump-superblock", "-o", "json", rc=3).stdout)["#meta"]["looks_like"] == "UNKNOWN",
          "wiped")


@case
def forget_peer_keeps_the_promise_of_day_0(tool, tmp, debian):
    image = unpack("02", tmp)
    old = [set_bits(r) for r in parse_bitmaps(recorded_dump("02"))]
    gi(tool, image, "forget-peer", "--node-id", "7")  # all slots are taken: all bits
    dump = gi(tool, image, "dump-md").stdout
    now = [set_bits(r) for r in parse_bitmaps(dump)]
    check(now[0] == old[0] and now[2] == old[2], "other slots changed")
    check(now[1] >= set(range(16621)), "not all bits are set")
    check(re.search(r"peer\[7\] \{\n    bitmap-index -1;\n    bitmap-uuid 0x0000000000000000;\n"
                    r"    bitmap-dagtag 0x0000000000000000;\n    flags 0x00000000;\n", dump), "entry")
    gi(tool, image, "forget-peer", "--node-id", "2")  # now slot 1 is free: copy it
    now = [set_bits(r) for r in parse_bitmaps(gi(tool, image, "dump-md").stdout)]
    check(now[2] == now[1] and now[0] == old[0], "slot was not copied")


@case
def repair_of_day_0_identifiers(tool, tmp, debian):
    image = unpack("01", tmp)
    gi(tool, image, "set-gi", "--node-id", "3", ":ABC0")
    before = sha(image)
    done = gi(tool, image, "repair-md", "--tentative", rc=1)
    check('Peer slot 3 has "day0" UUID 0x000000000000ABC0, expected 0x0000000000000000\n' in done.stderr, done.stderr)
    check(sha(image) == before, "tentative, but changed")
    check("Repairing metadata\n" in gi(tool, image, "repair-md").stderr, "repair")
    check(sha(image) == sha(unpack("01", tmp)), "not repaired")


@case
def offline_resize_moves_everything(tool, tmp, debian):
    """The bits keep their numbers even when the bitmap grows (9.34 and older shift them)."""
    library = tmp / "lib"
    library.mkdir()
    minor = str(700000 + os.getpid() % 200000)

    def run(image, *command, rc=0):
        argv = [tool.binary, "--force", "--var-lib-drbd", str(library), minor, "v09", str(image), "internal", *command]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        check(done.returncode == rc, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    for old_size, new_size in ((68158976, 400 << 20), (68158976, 68158976 + 16384), (64 << 20, (64 << 20) + 4096)):
        image = make(tmp / "image", old_size)
        dump = tmp / "dump"
        dump.write_text(recorded_dump("02") if old_size == 68158976 else
                        recorded_dump("02").replace("la-size-sect 132968", "la-size-sect 130000"))
        run(image, "restore-md", str(dump))
        log = write_log(image, int(re.search(r"# al_offset (\d+)", run(image, "dump-md").stdout).group(1)), 4, 4, 0,
                        [[(3, 9)]], 1237, False)
        check(log == {9}, "log")
        before = run(image, "dump-md").stdout
        os.truncate(image, new_size)
        run(image, "get-gi", "--node-id", "1", rc=1)
        moved = run(image, "dump-md").stdout
        check("###" in moved, "dump-md at the last known location")
        done = run(image, "check-resize")
        check("Internal drbd meta data successfully moved.\n" in done.stdout, done.stdout + done.stderr)
        after = run(image, "dump-md").stdout
        strip = lambda d: [l for l in body(d) if not re.match(r" *# (md_|al_offset|bm_offset)", l)]  # noqa: E731,E741
        check(strip(before) == strip(after), "metadata changed on its way")
        md = int(re.search(r"# md_offset (\d+)", after).group(1))
        check(md == new_size // 4096 * 4096 - 4096, "wrong place")
        old_md = old_size // 4096 * 4096 - 4096
        with open(image, "rb") as f:
            f.seek(old_md)
            check(f.read(4096)[0x3C:0x40] != bytes.fromhex("8374026d"), "old superblock is still there")
        al = int(re.search(r"# al_offset (\d+)", after).group(1))
        with open(image, "rb") as f:
            f.seek(al)
            check(struct.unpack(">I", f.read(4096)[0xA4:0xA8])[0] == 9, "activity log did not move")
        run(image, "check-resize")
        check(sha(image), "")


@case
def lock_is_shared_with_drbdsetup(tool, tmp, debian):
    import fcntl
    if os.geteuid() != 0:
        raise Failed("must run as root")
    image = unpack("01", tmp)
    minor = 900000 + os.getpid() % 100000
    argv = [tool.binary, "--force", str(minor), "v09", str(image), "internal", "dstate"]
    for directory in ("/var/lock", "/run/drbd/lock"):
        os.makedirs(directory, exist_ok=True)
        path = f"{directory}/drbd-147-{minor}"
        with open(path, "w") as f:
            fcntl.lockf(f, fcntl.LOCK_EX)
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
        os.unlink(path)
        check(done.returncode == 20 and f"lock on {path} currently held by pid:{os.getpid()}" in done.stderr,
              done.stderr)


@case
def dumps_go_back_and_forth(tool, tmp, debian):
    """Random bitmaps, many shapes: our dump, Debian's dump, restored by the other."""
    rng = random.Random(99)
    for round_ in range(10):
        peers = rng.choice([1, 2, 3, 5, 31])
        size = rng.choice([40, 100, 333]) << 20
        size += rng.choice([0, 512, 4096, 3584])
        image = make(tmp / "image", size)
        tool.run(image, "v09", "internal", "create-md", str(peers))
        md = size // 4096 * 4096 - 4096
        with open(image, "r+b") as f:
            f.seek(md + 0x4C)
            bm = struct.unpack(">i", f.read(4))[0]
            f.seek(md)
            sectors = md // 512 + bm - rng.choice([0, 8, 5, 1000])
            f.write(struct.pack(">QQ", sectors, rng.getrandbits(64)))
            f.seek(md + 0x470)
            f.write(b"".join(struct.pack(">Q", rng.getrandbits(64)) for _ in range(32)))
            words = -(-(-(-sectors // 8)) // 64) * 2 * peers
            data = bytearray(words * 4)
            for _ in range(rng.randint(0, 60)):
                at = rng.randrange(len(data))
                value = rng.choice([0, 0xFF, rng.randrange(256)])
                data[at:at + rng.randint(1, 3000)] = bytes([value]) * min(rng.randint(1, 3000), len(data) - at)
            del data[words * 4:]
            f.seek(md + bm * 512)
            f.write(data)
        ours = tool.run(image, "v09", "internal", "dump-md").stdout
        dump = tmp / "dump"
        dump.write_text(ours)
        copy = make(tmp / "copy", size)
        tool.run(copy, "v09", "internal", "restore-md", str(dump))
        check(sha(copy) == sha(image), "our restore of our dump")
        if debian:
            theirs = debian.run(image, "v09", "internal", "dump-md").stdout
            check(body(theirs) == body(ours), "dumps differ")
            make(copy, size)
            debian.run(copy, "v09", "internal", "create-md", str(peers))
            debian.run(copy, "v09", "internal", "restore-md", str(dump))
            check(sha(copy) == sha(image), "Debian's restore of our dump")


@case
def messages_are_those_of_debian(tool, tmp, debian):
    """Standard output and exit code equal on a tour through the commands; stderr says as much."""
    if not debian:
        return
    tour = [
        ("v09", "internal", 0, ["create-md", "3"]), ("v09", "internal", 0, ["create-md", "2"]),
        ("v09", "internal", 0, ["get-gi", "--node-id", "1"]), ("v09", "internal", 0, ["show-gi", "--node-id", "1"]),
        ("v09", "internal", 0, ["set-gi", "--node-id", "1", "123::5:6:1:1:1:1:1:1:1:1:1:1:1:1"]),
        ("v09", "internal", 0, ["show-gi", "-i", "1"]), ("v09", "internal", 0, ["dstate"]),
        ("v09", "internal", 0, ["outdate"]), ("v09", "internal", 0, ["dstate"]),
        ("v09", "internal", 0, ["write-dev-uuid", "ABCDEF"]), ("v09", "internal", 0, ["read-dev-uuid"]),
        ("v09", "internal", 0, ["apply-al"]), ("v09", "internal", 0, ["invalidate"]),
        ("v09", "internal", 0, ["dstate"]), ("v09", "internal", 0, ["outdate"]),
        ("v09", "internal", 0, ["dump-md"]), ("v09", "internal", 0, ["wipe-md"]),
        ("v09", "internal", 0, ["wipe-md"]), ("v09", "internal", 0, ["dump-md"]),
        ("v08", "internal", 0, ["create-md"]), ("v08", "internal", 0, ["show-gi"]),
        ("v08", "internal", 0, ["set-gi", "123:7:5:6:1:1:1:1:1:1:1"]), ("v08", "internal", 0, ["show-gi"]),
        ("v08", "internal", 0, ["dstate"]), ("v08", "internal", 0, ["get-gi"]),
        ("v08", "internal", 0, ["outdate"]), ("v08", "internal", 0, ["invalidate"]),
        ("v08", "internal", 0, ["apply-al"]), ("v08", "internal", 0, ["show-gi"]),
        ("v09", "internal", 0, ["create-md", "1"]), ("v09", "internal", 0, ["get-gi", "--node-id", "0"]),
        ("v09", "flex-external", 1, ["create-md", "2"]), ("v09", "flex-external", 1, ["create-md", "5"]),
        ("v09", "flex-external", 1, ["dump-md"]), ("v08", "flex-external", 1, ["get-gi"]),
        ("v09", "flex-external", 1, ["wipe-md"]), ("v09", "flex-external", 1, ["create-md"]),
        ("v09", "flex-external", 1, ["create-md", "99"]), ("v09", "flex-external", 1, ["nonsense"]),
        ("v09", "flex-external", 1, []), ("v09", "nonsense", 1, ["dump-md"]), ("v99", "internal", 1, ["dump-md"]),
    ]
    images = {}
    for who in (tool, debian):
        directory = tmp / ("ours" if who is tool else "theirs")
        directory.mkdir()
        who = Tool(who.binary, directory, who.debian)
        images[directory.name] = (who, [make(directory / "a", 33 << 20), make(directory / "b", 1 << 20)])
    noise = re.compile(r"BLKZEROOUT|to all zero using pwrite|^ioctl|initializing bitmap")
    for step, (fmt, index, which, command) in enumerate(tour):
        results = []
        for who, files in images.values():
            done = who.run(files[which].name, fmt, index, *command, rc=None)
            out = [l for l in done.stdout.splitlines() if not re.match(r"# (20|\S+> )", l)]  # noqa: E741
            err = [l for l in done.stderr.splitlines() if not noise.search(l)]  # noqa: E741
            results.append((done.returncode, out, err, sha(files[which])))
        ours, theirs = results
        check(ours[0] == theirs[0], f"step {step} {command}: exit {ours[0]}, Debian {theirs[0]}")
        check(ours[1] == theirs[1], f"step {step} {command}: stdout\n{ours[1]}\nDebian\n{theirs[1]}")
        check(set(theirs[2]) <= set(ours[2]), f"step {step} {command}: stderr\n{ours[2]}\nDebian\n{theirs[2]}")
        if command[:1] == ["apply-al"] and fmt == "v08":
            continue
        check(ours[3] == theirs[3], f"step {step} {command}: images differ")


def find_debian():
    """Debian's drbdmeta, if the caller has it: $DRBDMETA_DEBIAN or --debian."""
    path = os.environ.get("DRBDMETA_DEBIAN")
    return path if path and os.access(path, os.X_OK) else None


def run_case(name, binary, debian):
    with tempfile.TemporaryDirectory(prefix="drbdmeta-") as directory:
        tmp = pathlib.Path(directory)
        CASES[name](Tool(binary, tmp), tmp, Tool(debian, tmp, True) if debian else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    build = os.environ.get("BUILD", str(HERE.parent.parent / "build"))
    parser.add_argument("--drbdmeta", default=f"{build}/bin/drbdmeta")
    parser.add_argument("--debian", default=find_debian(), help="Debian's drbdmeta to compare with")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    passed = failed = 0
    for name in args.names or CASES:
        try:
            run_case(name, os.path.abspath(args.drbdmeta), args.debian and os.path.abspath(args.debian))
            passed += 1
        except (Failed, subprocess.SubprocessError, OSError) as error:
            failed += 1
            print(f"FAILED {name}: {error}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
