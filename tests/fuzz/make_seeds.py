#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make_seeds.py DIRECTORY: first inputs for the fuzzers, cut out of the recordings in tests/golden.

One folder per fuzzer; the layouts are those that the fuzzers' headings describe."""

import collections
import gzip
import importlib.util
import lzma
import pathlib
import re
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden"


def module(folder):
    spec = importlib.util.spec_from_file_location(folder + "_decode", GOLDEN / folder / "decode.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


class Seeds:
    def __init__(self, top):
        self.top, self.count = pathlib.Path(top), collections.Counter()

    def add(self, fuzzer, data):
        folder = self.top / fuzzer
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"seed-{self.count[fuzzer]:03}").write_bytes(data)
        self.count[fuzzer] += 1


def texts(seeds):
    for path in sorted(GOLDEN.glob("config/*.conf")):
        seeds.add("drbdadm_config_fuzz", path.read_bytes())
    for path in sorted(GOLDEN.glob("config/*.show")) + sorted(GOLDEN.glob("drbdsetup/observed-9.22/show/*.txt")):
        # The fixed configuration of the fuzzer is that of r0.
        seeds.add("drbdadm_show_fuzz", re.sub(rb'resource "?\w+"?', b'resource "r0"', path.read_bytes(), count=1))
    for path in sorted(GOLDEN.glob("metadata/*.dump")) + sorted(GOLDEN.glob("metadata/*.in")):
        text = path.read_text()
        # Long bitmaps add nothing but time.
        seeds.add("dump_fuzz", re.sub(r"((?: *0x[0-9A-F]{16};)+\n){8,}", r"\1", text).encode())
    events = sorted(GOLDEN.glob("drbdsetup/observed-9.22/events2/*.txt")) + sorted(GOLDEN.glob("netlink/*.events2"))
    for path in events:
        seeds.add("drbdmon_model_fuzz", path.read_bytes()[:8000])


def images(seeds):
    for dump in sorted(GOLDEN.glob("metadata/*.dump")):
        image = dump.with_suffix(".img.gz")
        if not image.exists():
            continue
        data = gzip.decompress(image.read_bytes())
        at = {k: int(v) for k, v in re.findall(r"# (md|al)_offset (\d+)", dump.read_text())}
        internal = at["md"] > 0
        for index in (-3, -2) if internal else (-2, -3):
            seeds.add("metadata_fuzz", bytes([index + 4]) + struct.pack("<Q", len(data) // 512)
                      + data[at["md"]:at["md"] + 1400])
        blocks = [data[at["al"] + 4096 * i:][:400] for i in range(8)]
        for first in (0, 4):
            seeds.add("activity_log_fuzz", bytes([first // 4, 0xff]) + b"".join(blocks[first:first + 4]))


def wire(seeds):
    decode = module("wire")
    versions = (0, 86, 87, 88, 89, 94, 95, 97, 100, 101, 118, 121, 122, 124)

    class Collector(decode.Decoder):
        """Every packet that is not bulk data, by direction of a stream."""
        streams_seen = None

        def packet(self, when, st, src, dst, half):
            before = bytes(half.buf)
            if not super().packet(when, st, src, dst, half):
                return False
            whole = before[:len(before) - len(half.buf)]
            s = st.session
            if whole[:4] == struct.pack(">I", decode.H80) and whole[4:6] == b"\xff\xfe":
                # Before there is a protocol version.
                seeds.add("packet_fuzz", bytes(4) + whole)
            if s and s.header == 16 and len(whole) < 600 and whole[:4] == struct.pack(">I", decode.H100):
                key = (id(st), src)
                self.streams_seen.setdefault(key, (s, st.role, []))[2].append(whole)
                code = struct.unpack(">H", whole[6:8])[0]
                if code == 0x24 and len(whole) < 16 + 255:
                    # The number of bits, then kind and length of each payload.
                    bits = s.bitmap_bits(struct.unpack(">H", whole[4:6])[0])
                    seeds.add("vli_fuzz", struct.pack("<I", bits)[:3] + bytes([16, 1, len(whole) - 16]) + whole[16:])
            return True

    for capture in sorted(GOLDEN.glob("wire/*.pcap.xz")):
        conf = decode.find_conf(str(capture))
        collector = Collector(decode.Conf(open(conf).read() if conf else ""), lambda *a: None)
        collector.streams_seen = {}
        for segment in decode.tcp_segments(str(capture)):
            collector.segment(*segment)
        for s, role, packets in collector.streams_seen.values():
            if s.apv not in versions:
                continue
            head = bytes([versions.index(s.apv), (role == "C") | 4]) + struct.pack("<H", s.af & 0x3ff)
            kinds = collections.Counter()
            kept = []
            for p in packets:
                kinds[p[6:8]] += 1
                if kinds[p[6:8]] <= 3:
                    kept.append(p)
            for first in range(0, len(kept), 8):
                seeds.add("packet_fuzz", head + b"".join(kept[first:first + 8]))
    # Packets that no recording has: the right header and length, and nothing in them.
    for code, (_, streams, volume, layout, tail) in decode.PACKETS.items():
        length = sum(decode.TYPES[field.split(":")[1]][0] for field in layout.split())
        for stream in streams:
            for more in (0, 8, 16, 40) if tail else (0,):
                seeds.add("packet_fuzz", bytes([versions.index(122), (stream == "C") | 4, 0xff, 3]) +
                          struct.pack(">IHHII", decode.H100, 0xffff if volume == "-" else 0, code, length + more, 0) + bytes(length + more))


def netlink(seeds):
    decode = module("netlink")
    seen = set()
    for capture in sorted(GOLDEN.glob("netlink/*.pcap.xz")):
        events = []
        for _, data in decode.frames(lzma.open(capture).read()):
            while data:
                length, kind, flags = struct.unpack_from("=IHH", data)
                message, data = data[:length], data[(length + 3) & ~3:]
                if kind in (2, 3, 16) or len(message) < 28:
                    continue
                if not flags & decode.REQUEST:
                    events.append(message[16:])
                    continue
                at = 28
                while at + 4 <= len(message):
                    size, tla = struct.unpack_from("=HH", message, at)
                    nest = message[at + 4:at + size]
                    tla &= 0x3fff
                    if (tla, nest) not in seen and tla < 256:
                        seen.add((tla, nest))
                        for mode in (0, 1):
                            seeds.add("genl_codec_fuzz", bytes([tla, mode]) + nest)
                    at += (max(size, 4) + 3) & ~3
        for first in range(0, min(len(events), 200), 10):
            chunk = b"".join(struct.pack("<H", len(m)) + m for m in events[first:first + 10])
            for options in (1, 7):
                seeds.add("genl_events_fuzz", bytes([options]) + chunk)


def main():
    seeds = Seeds(sys.argv[1])
    for part in (texts, images, wire, netlink):
        part(seeds)
    print(", ".join(f"{n} {c}" for n, c in sorted(seeds.count.items())))


if __name__ == "__main__":
    main()
