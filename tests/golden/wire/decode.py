#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Decode DRBD network traffic from a packet capture to one line of text per packet.

    decode.py [--conf FILE] [--port N] [--check] [--summary] CAPTURE

CAPTURE is a classic pcap file (plain or .xz) of Ethernet / IPv4 / TCP.  Every TCP connection is reassembled in both directions;
its first packet tells whether it is a data (D) or a control (C) stream, and the data stream tells the protocol version, the
feature flags and the algorithms of the session.  A line is

    time(UTC)  sender>receiver  stream  volume  packet-name  len=payload length  fields ...

Bulk data is abbreviated, bitmaps are expanded to the runs of set bits, digests and HMACs are printed as hexadecimal.  Every byte
has to be explained: the program stops with exit status 1 and the position of the first byte that does not fit the tables below.

--conf     a drbd.conf with host names, addresses, node ids and the shared secret (HMACs are verified when it is known);
           default: the .conf file beside the capture whose name is a prefix of the capture's name
--port     only TCP connections to this port (default: all)
--check    also test rules that span packets: acks match requests, barrier counts, dagtags of peer acks, sequence numbers,
           pings answered, answers to resync and verify requests; deviations are printed as lines starting with '##'
           (exit status 2; what is merely open when a session ends, e.g. after a power loss, is only listed at the end)
--summary  print counts per packet, stream and direction instead of the packets

Made for agreed protocol 118..124 (DRBD 9) and 100..101 (8.4, whose disk states are printed as if they were those of DRBD 9).
"""
import argparse, collections, glob, hashlib, hmac, itertools, lzma, os, re, struct, sys, time

class Misfit(Exception):
    """A byte that the tables do not explain."""

# ---------------------------------------------------------------------------------------------------------------- tables
# Layouts: "name:type" in wire order.  Types are the keys of TYPES.
LD = "sector:u64 id:id seq:u32 flags:dpf"
LT = LD + " size:u32"
LA = "sector:u64 id:id size:u32 seq:u32"
LO = LA + " result:ovres pad:zero4"
LQ = "sector:u64 id:id size:u32 pad:zero4"
LR = "sector:u64 id:id size:u32 dagtag_node:i32 dagtag:u64"
LB = "sector:u64 size:u32 pad:any4"
LP = "sector:u64 nodes:nodes size:u32 pad:zero4"

# code: (name, streams, volume: V = number, - = none, * = either, layout, tail).  Tails are the tail_* functions.
PACKETS = {
    0xfff2: ("P_INITIAL_DATA", "D", "-", "", ""), 0xfff1: ("P_INITIAL_META", "C", "-", "", ""),
    0xfffe: ("P_CONNECTION_FEATURES", "D", "-", "min:u32 flags:ff max:u32 sender:u32 receiver:u32 pad:zero52", ""),
    0x10: ("P_AUTH_CHALLENGE", "D", "-", "", "challenge"), 0x11: ("P_AUTH_RESPONSE", "D", "-", "", "response"),
    0x0b: ("P_PROTOCOL", "D", "-", "proto:proto asb0:asb asb1:asb asb2:asb flags:connf two_primaries:u32", "string"),
    0x2d: ("P_PROTOCOL_UPDATE", "D", "-", "proto:proto asb0:asb asb1:asb asb2:asb flags:connf two_primaries:u32", "string"),
    0x0c: ("P_UUIDS", "D", "V", "current:uuid bitmap:uuid history0:uuid history1:uuid dirty:u64 flags:uuidf", ""),
    0x0f: ("P_SYNC_UUID", "D", "V", "uuid:uuid", ""),
    0x12: ("P_STATE_CHG_REQ", "D", "V", "mask:x32 val:state", ""), 0x1d: ("P_STATE_CHG_REPLY", "C", "V", "retcode:i32", ""),
    0x2a: ("P_CONN_ST_CHG_REQ", "D", "-", "mask:x32 val:state", ""), 0x2b: ("P_CONN_ST_CHG_REPLY", "C", "-", "retcode:i32", ""),
    0x27: ("P_DELAY_PROBE", "DC", "*", "seq:u32 offset:u32", ""),
    0x23: ("P_SYNC_PARAM89", "D", "V", "rate:u32 verify_alg:str64 csums_alg:str64 c_plan_ahead:u32 c_delay_target:u32 "
           "c_fill_target:u32 c_max_rate:u32", ""),
    0x0d: ("P_SIZES", "D", "V", "d_size:u64 u_size:u64 c_size:u64 max_bio:u32 qorder:u16 dds:x16", "limits"),
    0x42: ("P_UUIDS110", "D", "V", "current:uuid dirty:u64 flags:uuidf nodes:nodes mask:nodes", "uuids"),
    0x44: ("P_CURRENT_UUID", "D", "V", "uuid:uuid weak:nodes", ""),
    0x0e: ("P_STATE", "D", "*", "state:state", ""),
    0x2e: ("P_TWOPC_PREPARE", "D", "*", "", "twopc"), 0x35: ("P_TWOPC_PREP_RSZ", "D", "V", "", "twopc"),
    0x2f: ("P_TWOPC_ABORT", "D", "*", "", "twopc"), 0x47: ("P_TWOPC_COMMIT", "D", "*", "", "twopc"),
    0x45: ("P_TWOPC_YES", "C", "*", "", "twopc_reply"), 0x46: ("P_TWOPC_NO", "C", "*", "", "twopc_reply"),
    0x48: ("P_TWOPC_RETRY", "C", "*", "", "twopc_reply"),
    0x4b: ("P_DISCONNECT", "D", "-", "", ""), 0x13: ("P_PING", "C", "-", "", ""), 0x14: ("P_PING_ACK", "C", "-", "", ""),
    0x00: ("P_DATA", "D", "V", LD, "data"), 0x31: ("P_TRIM", "D", "V", LT, ""), 0x36: ("P_ZEROES", "D", "V", LT, ""),
    0x15: ("P_RECV_ACK", "C", "V", LA, ""), 0x16: ("P_WRITE_ACK", "C", "V", LA, ""), 0x51: ("P_WRITE_ACK_IN_SYNC", "C", "V", LA, ""),
    0x17: ("P_RS_WRITE_ACK", "C", "V", LA, ""), 0x19: ("P_NEG_ACK", "C", "V", LA, ""),
    0x03: ("P_BARRIER", "D", "-", "barrier:op4 pad:zero4", ""), 0x1c: ("P_BARRIER_ACK", "C", "-", "barrier:op4 set_size:u32", ""),
    0x49: ("P_CONFIRM_STABLE", "C", "-", "oldest:id youngest:id set_size:u32 pad:zero4", ""),
    0x07: ("P_UNPLUG_REMOTE", "D", "-", "", ""),
    0x08: ("P_DATA_REQUEST", "D", "V", LQ, ""), 0x01: ("P_DATA_REPLY", "D", "V", LD, "data"), 0x1a: ("P_NEG_DREPLY", "C", "V", LA, ""),
    0x28: ("P_OUT_OF_SYNC", "D", "V", LB, ""), 0x30: ("P_DAGTAG", "D", "-", "dagtag:u64", ""),
    0x40: ("P_PEER_ACK", "C", "-", "nodes:nodes dagtag:u64", ""), 0x41: ("P_PEERS_IN_SYNC", "C", "V", LP, ""),
    0x04: ("P_BITMAP", "D", "V", "", "bitmap"), 0x24: ("P_COMPRESSED_BITMAP", "D", "V", "", "rle"),
    0x09: ("P_RS_DATA_REQUEST", "D", "V", LQ, ""), 0x32: ("P_RS_THIN_REQ", "D", "V", LQ, ""), 0x21: ("P_CSUM_RS_REQUEST", "D", "V", LQ, "digest"),
    0x4c: ("P_RS_DAGTAG_REQ", "D", "V", LR, ""), 0x4e: ("P_RS_THIN_DAGTAG_REQ", "D", "V", LR, ""),
    0x4d: ("P_RS_CSUM_DAGTAG_REQ", "D", "V", LR, "digest"),
    0x02: ("P_RS_DATA_REPLY", "D", "V", LD, "data"), 0x33: ("P_RS_DEALLOCATED", "D", "V", LB, ""),
    0x54: ("P_RS_DEALLOCATED_ID", "D", "V", LA, ""), 0x52: ("P_RS_NEG_ACK", "C", "V", LA, ""), 0x22: ("P_RS_IS_IN_SYNC", "C", "V", LA, ""),
    0x1b: ("P_NEG_RS_DREPLY", "C", "V", LA, ""), 0x29: ("P_RS_CANCEL", "C", "V", LA, ""), 0x4a: ("P_RS_CANCEL_AHEAD", "C", "V", LA, ""),
    0x1e: ("P_OV_REQUEST", "D", "V", LQ, ""), 0x4f: ("P_OV_DAGTAG_REQ", "D", "V", LR, ""),
    0x1f: ("P_OV_REPLY", "D", "V", LQ, "digest"), 0x50: ("P_OV_DAGTAG_REPLY", "D", "V", LR, "digest"),
    0x20: ("P_OV_RESULT", "C", "V", LA, ""), 0x53: ("P_OV_RESULT_ID", "C", "V", LO, ""),
    0x43: ("P_PEER_DAGTAG", "D", "-", "dagtag:u64 node:u32", ""), 0x55: ("P_FLUSH_REQUESTS", "D", "-", "seq:u64", ""),
    0x56: ("P_FLUSH_FORWARD", "C", "-", "seq:u64 initiator:u32", ""), 0x57: ("P_FLUSH_REQUESTS_ACK", "D", "-", "seq:u64 primary:u32", ""),
    0x58: ("P_ENABLE_REPLICATION_NEXT", "D", "V", "enable:u8 pad:zero3", ""),
    0x59: ("P_ENABLE_REPLICATION", "D", "V", "enable:u8 pad:zero3", ""),
}
FEATURES = "TRIM THIN_RESYNC WSAME WZEROES RESYNC_DAGTAG 2PC_V2 RS_SKIP_UUID RS_WITHOUT_REPL BM_BLOCK_SHIFT RECONCILE_RECONNECT".split()
DP_FLAGS = "HARDBARRIER RW_SYNC MAY_SET_IN_SYNC UNPLUG FUA FLUSH DISCARD SEND_RECEIVE_ACK SEND_WRITE_ACK WSAME ZEROES".split()
UUID_FLAGS = ("DISCARD_MY_DATA CRASHED_PRIMARY INCONSISTENT SKIP_INITIAL_SYNC NEW_DATAGEN STABLE GOT_STABLE RESYNC RECONNECT "
              "DISKLESS_PRIMARY PRIMARY_LOST_QUORUM SYNC_TARGET HAS_UNALLOC").split()
CONN_FLAGS = "DISCARD_MY_DATA DRY_RUN".split()
ROLES = "Unknown Primary Secondary (mask)".split()
CONNS = ("StandAlone Disconnecting Unconnected Timeout BrokenPipe NetworkFailure ProtocolError TearDown Connecting Connected/Off "
         "Established StartingSyncS StartingSyncT WFBitMapS WFBitMapT WFSyncUUID SyncSource SyncTarget VerifyS VerifyT PausedSyncS "
         "PausedSyncT Ahead Behind").split()
DISKS = "Diskless Attaching Detaching Failed Negotiating Inconsistent Outdated DUnknown Consistent UpToDate".split()
AFTER_SB = ("disconnect discard-younger-primary discard-older-primary discard-zero-changes discard-least-changes discard-local "
            "discard-remote consensus discard-secondary call-pri-lost violently-as0p retry-connect auto-discard").split()
STATE_FIELDS = (("role", 0, 2, ROLES), ("peer", 2, 2, ROLES), ("conn", 4, 5, CONNS), ("disk", 9, 4, DISKS), ("pdsk", 13, 4, DISKS))
STATE_BITS = {17: "susp", 18: "aftr_isp", 19: "peer_isp", 20: "user_isp", 21: "susp_nod", 22: "susp_fen", 23: "quorum"}
DIGEST_SIZE = {"crc32c": 4, "crc32": 4, "md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
# compressed bitmap codes: (prefix bits, prefix value, data bits, first run length)
VLI = ((1, 0x00, 1, 1), (2, 0x01, 1, 3), (3, 0x03, 2, 5), (4, 0x07, 3, 9), (5, 0x0f, 5, 17), (6, 0x1f, 8, 49), (8, 0x3f, 13, 305),
       (8, 0x7f, 21, 8497), (8, 0xbf, 34, 2105649), (8, 0xff, 56, 17181974833))
H80, H95, H100 = 0x83740267, 0x835a, 0x8620ec20

# ------------------------------------------------------------------------------------------------------------- formatting
def name_of(table, v):
    return table[v] if v < len(table) else "?%d" % v

def flag_names(names, v):
    out = [n for i, n in enumerate(names) if v >> i & 1]
    rest = v >> len(names) << len(names)
    return "|".join(out + (["?0x%x" % rest] if rest else [])) or "0"

def node_set(v):
    inv = "~" if v >> 63 else ""
    v = ~v & (1 << 64) - 1 if inv else v
    return inv + "{" + ",".join(str(i) for i in range(64) if v >> i & 1) + "}"

def uuid_flags(v):
    unalloc = v >> 12 & 1
    return flag_names(UUID_FLAGS, v & (1 << 56) - 1 if unalloc else v) + ("(node %d)" % (v >> 56) if unalloc else "")

def state(v, mask=None):
    """The 32-bit state word; with a mask only the fields that it covers."""
    out = []
    for name, shift, width, table in STATE_FIELDS:
        if mask is None or mask >> shift & (1 << width) - 1:
            out.append("%s=%s" % (name, name_of(table, v >> shift & (1 << width) - 1)))
    out += ["%s=%d" % (n, v >> b & 1) for b, n in STATE_BITS.items() if (v if mask is None else mask) >> b & 1]
    if v >> 24:
        raise Misfit("state word 0x%08x has high bits" % v)
    return "0x%08x(%s)" % (v, " ".join(out))

TYPES = {  # type: (bytes, struct format or None, text)
    "u8": (1, "B", str), "u16": (2, ">H", str), "u32": (4, ">I", str), "u64": (8, ">Q", str), "i32": (4, ">i", str),
    "x16": (2, ">H", hex), "x32": (4, ">I", lambda v: "%08x" % v), "x64": (8, ">Q", hex), "uuid": (8, ">Q", lambda v: "%016X" % v),
    "id": (8, None, bytes.hex), "op4": (4, None, bytes.hex), "any4": (4, None, None), "str64": (64, None, lambda b: repr(cstring(b))),
    "zero3": (3, None, None), "zero4": (4, None, None), "zero52": (52, None, None),
    "nodes": (8, ">Q", node_set), "state": (4, ">I", state), "uuidf": (8, ">Q", uuid_flags),
    "dpf": (4, ">I", lambda v: flag_names(DP_FLAGS, v)), "ff": (4, ">I", lambda v: "0x%x(%s)" % (v, flag_names(FEATURES, v))),
    "connf": (4, ">I", lambda v: flag_names(CONN_FLAGS, v)), "asb": (4, ">I", lambda v: name_of(AFTER_SB, v)),
    "proto": (4, ">I", lambda v: "?ABC"[v] if 0 < v < 4 else "?%d" % v), "ovres": (4, ">I", lambda v: name_of(["skip", "in-sync", "out-of-sync"], v)),
}

def cstring(b):
    text, _, rest = b.partition(b"\0")
    if rest.strip(b"\0") or len(text) == len(b):
        raise Misfit("string %r is not NUL terminated and padded" % b)
    return text.decode()

def unpack(layout, body):
    """Decode the fixed part; returns (values, texts, rest)."""
    values, texts, at = {}, [], 0
    for field in layout.split():
        name, kind = field.split(":")
        size, fmt, text = TYPES[kind]
        raw = body[at:at + size]
        if len(raw) < size:
            raise Misfit("payload of %d bytes ends inside field %s" % (len(body), name))
        if kind.startswith("zero") and raw.strip(b"\0"):
            raise Misfit("%s at @%d is %s, not zero" % (name, at, raw.hex()))
        values[name] = struct.unpack(fmt, raw)[0] if fmt else cstring(raw) if kind.startswith("str") else raw
        if text:
            texts.append("%s=%s" % (name, text(struct.unpack(fmt, raw)[0] if fmt else raw)))
        elif kind.startswith("any") and raw.strip(b"\0"):
            texts.append("%s=%s" % (name, raw.hex()))
        at += size
    return values, texts, body[at:]

# ------------------------------------------------------------------------------------------- tails: variable parts of packets
# Each gets (session, sending side, volume, code, values, rest), may add to values, and returns (texts, what is left).
def tail_string(s, me, vol, code, v, rest):
    v["integrity"] = me.integrity = cstring(rest)
    return ["integrity=%r" % v["integrity"]], b""

def tail_challenge(s, me, vol, code, v, rest):
    me.challenge = rest[:64]
    return ["challenge=%s.." % rest[:8].hex()], rest[64:]

def tail_response(s, me, vol, code, v, rest):
    peer, text = s.other(me), "unverified"
    if s.conf.secret:
        node = struct.pack(">I", me.features["sender"]) if s.apv >= 110 else b""
        want = hmac.new(s.conf.secret, peer.challenge + node, s.conf.hmac_alg).digest()
        if want != rest:
            raise Misfit("HMAC is %s, expected %s" % (rest.hex(), want.hex()))
        text = "verified"
    return ["hmac=%s (%s)" % (rest.hex(), text)], b""

def tail_limits(s, me, vol, code, v, rest):
    texts = []
    if s.af & 0x004:
        lim, texts, rest = unpack("phys:u32 logical:u32 align:i32 io_min:u32 io_opt:u32 discard:u8 discard_zeroes:u8 "
                                  "write_same:u8 bm_shift:u8", rest)
        v.update(lim)
    me.sizes[vol] = v
    return texts, rest

def tail_uuids(s, me, vol, code, v, rest):
    slots = [i for i in range(64) if v["mask"] >> i & 1]
    words = [w for w, in struct.iter_unpack(">Q", rest)] if len(rest) % 8 == 0 else []
    if len(words) < len(slots):
        raise Misfit("%d bytes do not hold %d bitmap UUIDs" % (len(rest), len(slots)))
    hist = words[len(slots):]
    used = max([i + 1 for i, h in enumerate(hist) if h], default=0)
    return ["bitmap={%s}" % " ".join("%d:%016X" % x for x in zip(slots, words)),
            "history(%d)=[%s]" % (len(hist), " ".join("%016X" % h for h in hist[:used]))], b""

def tail_twopc(s, me, vol, code, v, rest):
    if s.af & 0x020:
        h, texts, rest = unpack("tid:x32 flags:x32 pad:u16", rest)
        ini, target, reach = struct.unpack(">bbQ", rest[:10])
        rest = rest[10:]
    else:
        h, texts, rest = unpack("tid:x32", rest)
        ini, target, reach = struct.unpack(">IiQ", rest[:16])
        rest = rest[16:]
    texts += ["initiator=%d" % ini, "target=%s" % ("all" if target < 0 else target), "to_reach=%s" % node_set(reach)]
    kind = s.twopc.setdefault((h["tid"], ini), code)
    if code == 0x2e:
        zero, mask, val = struct.unpack(">QII", rest)
        if zero:
            raise Misfit("PREPARE @20 is not 0")
        texts.append("mask=0x%x val=0x%x [%s]" % (mask, val, state(val, mask).partition("(")[2][:-1]))
    elif code == 0x35:
        texts.append("user_size=%d dds=%d undefined=%s" % (struct.unpack(">QH", rest[:10]) + (rest[10:].hex(),)))
    elif code == 0x2f:
        texts.append("unused=%s" % rest.hex())
    elif kind == 0x35:
        texts += unpack("diskful_primaries:nodes new_size:u64", rest)[1]
    else:
        texts += unpack("primaries:nodes reachable:nodes", rest)[1]
    return texts, b""

def tail_twopc_reply(s, me, vol, code, v, rest):
    h, texts, rest = unpack("tid:x32 initiator:u32 reachable:nodes primaries:nodes", rest)
    last, more, rest = unpack("max_size:u64" if s.twopc.get((h["tid"], h["initiator"])) == 0x35 else "weak:nodes", rest)
    return texts + more, rest

def digest(alg, rest):
    """Split off the digest; the whole rest where the algorithm is not known."""
    size = DIGEST_SIZE.get(alg, len(rest)) if alg else 0
    return rest[:size], rest[size:]

def tail_data(s, me, vol, code, v, rest):
    dig, data = digest(me.integrity, rest)
    v["size"] = len(data)
    if len(data) % 512 or not data:
        raise Misfit("%d bytes of bulk data" % len(data))
    if me.integrity in hashlib.algorithms_available and hashlib.new(me.integrity, data).digest() != dig:
        raise Misfit("integrity digest does not match the data")
    text = "zeros" if not data.strip(b"\0") else "%s.. %r" % (data[:8].hex(), "".join(chr(c) if 32 <= c < 127 else "." for c in data[:12]))
    return (["digest=%s" % dig.hex()] if dig else []) + ["data[%d]=%s" % (len(data), text)], b""

def tail_digest(s, me, vol, code, v, rest):
    alg = me.params.get(vol, {}).get("csums_alg" if code in (0x21, 0x4d) else "verify_alg")
    dig, rest = digest(alg or "unknown", rest)
    return ["%s[%d]=%s" % (alg, len(dig), dig.hex())], rest

def show_runs(first, bits, runs):
    """Text of the runs [(value, length)] starting at bit number first."""
    out, at = [], first
    for value, n in runs:
        if value:
            out.append("%d-%d" % (at, at + n - 1) if n > 1 else "%d" % at)
        at += n
    total = sum(n for value, n in runs if value)
    return ["bits=%d..%d" % (first, at - 1), "of=%d" % bits, "set=%d" % total, "runs=%s" % (",".join(out) or "none")]

def tail_bitmap(s, me, vol, code, v, rest):
    bits = s.bitmap_bits(vol)
    at = me.bitmap.get(vol, 0) // 64
    words = (bits + 63) // 64 - at
    want = 8 * min((4096 - s.header) // 8, words)
    if len(rest) != want:
        raise Misfit("plain bitmap of %d bytes, expected %d" % (len(rest), want))
    if not words:
        me.bitmap[vol] = 0
        return ["end"], b""
    values = (rest[i >> 3] >> (i & 7) & 1 for i in range(min(len(rest) * 8, bits - at * 64)))
    runs = [(value, len(list(same))) for value, same in itertools.groupby(values)]
    me.bitmap[vol] = at * 64 + len(rest) * 8
    return show_runs(at * 64, bits, runs), b""

def tail_rle(s, me, vol, code, v, rest):
    if len(rest) < 2 or rest[0] & 15 != 2:
        raise Misfit("bitmap encoding %s" % rest[:1].hex())
    stream, left = int.from_bytes(rest[1:], "little"), 8 * (len(rest) - 1) - (rest[0] >> 4 & 7)
    value, runs, bits = rest[0] >> 7, [], s.bitmap_bits(vol)
    first = at = me.bitmap.get(vol, 0)
    while left:
        for pbits, prefix, dbits, base in VLI:
            if stream & (1 << pbits) - 1 == prefix:
                break
        else:
            raise Misfit("no bitmap code matches")
        n = base + (stream >> pbits & (1 << dbits) - 1)
        stream, left, at = stream >> pbits + dbits, left - pbits - dbits, at + n
        if left < 0:
            raise Misfit("bitmap code is cut off at bit %d" % at)
        runs.append((value, n))
        value ^= 1
    if stream:
        raise Misfit("pad bits of compressed bitmap are set")
    if at > bits:
        raise Misfit("bitmap runs reach bit %d of %d" % (at, bits))
    me.bitmap[vol] = at % bits
    return show_runs(first, bits, runs) + (["end"] if at == bits else []), b""

TAILS = {k[5:]: f for k, f in list(globals().items()) if k.startswith("tail_")}

# --------------------------------------------------------------------------------------------------------------- sessions
class Conf:
    """Host names and the secret from a configuration file."""
    def __init__(self, text):
        pick = lambda pat: (re.search(pat, text) or [None, ""])[1]
        self.secret = pick(r'shared-secret\s+"?([^";]*)"?\s*;').encode()
        self.hmac_alg = pick(r"cram-hmac-alg\s+(\w+)")
        self.names = {ip: n for n, ip in re.findall(r"on\s+(\S+)\s*{[^}]*?address\s+(?:ipv4\s+)?([\d.]+):", text)}

class Side:
    """What one node of a session told."""
    def __init__(self, ip):
        self.ip, self.features, self.challenge, self.integrity = ip, None, b"", ""
        self.params, self.sizes, self.bitmap = {}, {}, {}

class Session:
    """A data and a control stream between two nodes."""
    def __init__(self, conf, ips):
        self.conf, self.sides, self.streams = conf, {ip: Side(ip) for ip in ips}, {}
        self.apv, self.af, self.header, self.twopc = 0, 0, 8, {}

    def other(self, side):
        return next(x for x in self.sides.values() if x is not side)

    def agree(self):
        a, b = (x.features for x in self.sides.values())
        if a and b:
            self.apv, self.af = min(a["max"], b["max"]), a["flags"] & b["flags"]
            self.header = 16 if self.apv >= 100 else 8

    def bitmap_bits(self, vol):
        sizes = [x.sizes[vol] for x in self.sides.values() if vol in x.sizes]
        if not sizes:
            raise Misfit("bitmap before P_SIZES")
        return (min(z[k] for z in sizes for k in ("d_size", "u_size", "c_size") if z[k]) + 7) // 8

class Stream:
    """One TCP connection: who connected, which role, and the bytes not yet decoded of either direction."""
    def __init__(self, client, server):
        self.client, self.server, self.role, self.session = client, server, None, None
        self.half = {client: Half(), server: Half()}

class Half:
    def __init__(self):
        self.next_seq, self.early, self.buf, self.done, self.fin = None, {}, bytearray(), 0, False

    def add(self, seq, data):
        """TCP reassembly: append what follows the bytes already seen."""
        self.early[seq] = max(self.early.get(seq, b""), data, key=len)
        progress = True
        while progress:
            progress = False
            for q in sorted(self.early, key=lambda q: (q - self.next_seq + 2**31) % 2**32):
                skip = (self.next_seq - q) % 2**32
                if skip < 2**31:
                    data = self.early.pop(q)[skip:]
                    self.buf += data
                    self.next_seq = (self.next_seq + len(data)) % 2**32
                    progress = True
                    break

class Decoder:
    def __init__(self, conf, emit, checker=None):
        self.conf, self.emit, self.checker = conf, emit, checker
        self.streams, self.sessions = {}, {}

    def segment(self, when, src, dst, seq, flags, data):
        key = frozenset((src, dst))
        if flags & 2 and not flags & 16:                                   # SYN
            old = self.streams.get(key)
            if old is None or old.half[src].next_seq != (seq + 1) % 2**32:
                self.streams[key] = Stream(src, dst)
                self.streams[key].half[src].next_seq = (seq + 1) % 2**32
            return
        st = self.streams.get(key)
        if st is None:
            if data:
                raise Misfit("TCP data without a SYN")
            return
        half = st.half[src]
        if flags & 2:                                                      # SYN+ACK
            half.next_seq = (seq + 1) % 2**32
            return
        if data and half.next_seq is None:
            raise Misfit("TCP data before the handshake")
        if data:
            half.add(seq, data)
            while self.packet(when, st, src, dst, half):
                pass
        if flags & 5 and not half.fin:                                     # FIN, RST
            half.fin = True
            self.emit(when, st, src, dst, None, "(RST)" if flags & 4 else "(FIN)", 0, [self.leftover(half)])

    @staticmethod
    def leftover(half):
        return "stream ends %d bytes into a packet" % len(half.buf) if half.buf else ""

    def packet(self, when, st, src, dst, half):
        """Decode one packet from the buffer; False if it is not complete."""
        buf = half.buf
        s = st.session
        if st.role is None and src != st.client and buf:
            raise Misfit("the accepting side sent first")
        early = st.role is None or (st.role == "D" and not s.sides[src[0]].features)
        need = 8 if early else s.header if st.role == "D" else 8
        if len(buf) < need:
            return False
        magic, vol = struct.unpack(">I", buf[:4])[0], 0xffff
        if magic == H100 and not early and (st.role == "C" or s.header == 16):
            if len(buf) < 16:
                return False
            need = 16
            vol, code, length, pad = struct.unpack(">HHII", buf[4:16])
            if pad:
                raise Misfit("header pad is 0x%x" % pad)
        elif magic == H80 and (early or s.header == 8):
            code, length = struct.unpack(">HH", buf[4:8])
            vol = 0xffff if early else 0
        elif magic >> 16 == H95 and not early and s.header == 8:
            code, length, vol = magic & 0xffff, struct.unpack(">I", buf[4:8])[0], 0
        else:
            raise Misfit("bad magic %s" % buf[:8].hex())
        if code not in PACKETS:
            raise Misfit("unknown packet 0x%x, header %s" % (code, buf[:need].hex()))
        name, streams, volume, layout, tail = PACKETS[code]
        if len(buf) < need + length:
            return False
        body = bytes(buf[need:need + length])
        first = st.role is None
        if first:
            self.attach(st, src, dst, code)
            s = st.session
        if st.role not in streams:
            raise Misfit("%s on the wrong stream" % name)
        if need == 16 and s.apv >= 110 and volume != "*" and (vol == 0xffff) != (volume == "-"):
            raise Misfit("%s with volume %d" % (name, vol))
        me = s.sides[src[0]]
        if early and not first and code != 0xfffe:
            raise Misfit("%s before the features packet" % name)
        values, texts, rest = unpack(layout, body)
        try:
            more, rest = TAILS[tail](s, me, vol, code, values, rest) if tail else ([], rest)
        except (struct.error, ValueError) as e:
            raise Misfit("%s, payload %s: %s" % (name, body[:64].hex(), e))
        texts += more
        if rest:
            raise Misfit("%s: %d bytes too many, payload %s" % (name, len(rest), body[:64].hex()))
        self.emit(when, st, src, dst, vol, name, length, texts)
        if code == 0xfffe:
            me.features = values
            s.agree()
        elif code == 0x23:
            me.params[vol] = values
        if self.checker:
            for line in self.checker.packet(s.apv, me, s.other(me), vol, code, values):
                self.emit(when, st, src, dst, vol, "##", 0, [line])
        del buf[:need + length]
        half.done += need + length
        return True

    def attach(self, st, src, dst, code):
        key = frozenset((src[0], dst[0], dst[1]))
        st.role = {0xfff2: "D", 0xfff1: "C"}.get(code)
        if not st.role:
            raise Misfit("first packet is 0x%x" % code)
        s = self.sessions.get(key)
        if s is None or (st.role in s.streams and s.apv):
            s = self.sessions[key] = Session(self.conf, (src[0], dst[0]))
        s.streams[st.role], st.session = st, s

# --------------------------------------------------------------------------------------------------- rules that span packets
WRITES, ACKS = {0x00, 0x31, 0x36}, {0x15, 0x16, 0x51, 0x19}
RS_REQUESTS = {0x09, 0x32, 0x21, 0x4c, 0x4e, 0x4d, 0x1e, 0x4f}
RS_REPLIES = {0x02, 0x33, 0x54, 0x1f, 0x50}              # answers that are acknowledged in turn ...
RS_VERDICTS = {0x22, 0x1b, 0x29, 0x4a}                   # ... and those that are not
RS_ACKS = {0x17, 0x52, 0x53, 0x20}
SEQUENCED = WRITES | ACKS | RS_VERDICTS | RS_ACKS | {0x1a}

class Checker:
    """Tests the rules of wire.md about writes, epochs, dagtags, sequence numbers, resync and verify answers."""
    def __init__(self):
        self.dagtag = {}                                 # (sender ip, receiver ip): position in the write stream, across reconnects
        self.written = collections.defaultdict(list)     # same key: dagtags of the writes not covered by a peer ack
        self.count = collections.Counter()

    def side(self, me):
        if not hasattr(me, "open"):
            me.open, me.epoch, me.barriers, me.pings, me.seqs, me.asked, me.answered = {}, 0, [], 0, {}, {}, {}
        return me

    def packet(self, apv, me, peer, vol, code, v):
        """Account for one packet; returns the deviations."""
        me, peer, bad, key = self.side(me), self.side(peer), [], (me.ip, peer.ip)
        what = (vol, v.get("sector"), v.get("id"))
        if code == 0x17 and v["id"] != b"\xff" * 8 and apv < 122:         # in-sync ack of an application write
            code = 0x51
        elif apv < 122 and code in RS_REQUESTS | RS_REPLIES | RS_VERDICTS | RS_ACKS:
            what = (vol, v["sector"])                                     # ids are not echoed
        if code in WRITES:
            if what in me.open:
                bad.append("block id used twice")
            if key not in self.dagtag and apv >= 110:
                bad.append("write before any P_DAGTAG on this pair")
            me.open[what] = v["size"]
            me.epoch += 1
            self.dagtag[key] = self.dagtag.get(key, 0) + v["size"] // 512
            self.written[key].append(self.dagtag[key])
        elif code in ACKS:
            size = peer.open.get(what) if code == 0x15 else peer.open.pop(what, None)
            if size != v["size"] and (size or code != 0x19):
                bad.append("ack matches no write")
        elif code == 0x30:
            self.dagtag[key] = v["dagtag"]
        elif code == 0x40:
            if v["dagtag"] not in self.written[key]:
                bad.append("peer ack for %d, writes not yet peer-acked: %s" % (v["dagtag"], self.written[key][:20]))
            self.written[key] = [d for d in self.written[key] if d > v["dagtag"]]
        elif code == 0x03:
            if not me.epoch:
                bad.append("barrier after an epoch without writes")
            me.barriers.append([v["barrier"], me.epoch])
            me.epoch = 0
        elif code == 0x1c:
            want = peer.barriers.pop(0) if peer.barriers else None
            if want != [v["barrier"], v["set_size"]]:
                bad.append("barrier ack does not match %s" % want)
        elif code == 0x49 and peer.barriers:
            peer.barriers[0][1] -= v["set_size"]
        elif code == 0x13:
            me.pings += 1
        elif code == 0x14:
            peer.pings -= 1
            if peer.pings < 0:
                bad.append("ping ack without ping")
        elif code in RS_REQUESTS:
            if what in me.asked:
                bad.append("request already outstanding")
            me.asked[what] = v["size"]
        elif code in RS_REPLIES | RS_VERDICTS:
            if peer.asked.pop(what, None) != v["size"]:
                bad.append("answer matches no request")
            if code in RS_REPLIES:
                me.answered[what] = v["size"]
        elif code in RS_ACKS and peer.answered.pop(what, None) != v["size"]:
            bad.append("ack matches no reply")
        if code in SEQUENCED:
            me.seqs.setdefault(vol, []).append(v["seq"])
        for kinds, label in ((WRITES, "writes"), (ACKS, "write acks"), ({0x1c}, "barrier acks"), ({0x40}, "peer acks"),
                             (RS_REQUESTS, "resync/verify requests"), (RS_ACKS, "resync/verify acks")):
            self.count[label] += code in kinds
        self.count["deviations"] += len(bad)
        return bad

    def finish(self, sessions):
        """Left-overs of every session, as lines of text."""
        for s in sessions:
            for me in s.sides.values():
                me = self.side(me)
                for vol, got in me.seqs.items():
                    holes = sorted(set(range(1, max(got) + 1)) - set(got))
                    if holes or len(set(got)) != len(got):
                        yield "%s volume %d: sequence numbers missing %s, double %d" % (me.ip, vol, holes[:9], len(got) - len(set(got)))
                for n, text in ((len(me.open), "writes"), (len(me.barriers), "barriers"), (me.pings, "pings"),
                                (len(me.asked), "resync/verify requests"), (len(me.answered), "resync/verify replies")):
                    if n:
                        yield "%s: %d %s not answered when a session ended" % (me.ip, n, text)
        yield "tested: " + ", ".join("%d %s" % (n, k) for k, n in sorted(self.count.items()))

# --------------------------------------------------------------------------------------------------------------- pcap, main
def tcp_segments(path):
    """Yield (time, source, destination, sequence number, flags, data) of every TCP segment of a capture."""
    with (lzma.open if path.endswith(".xz") else open)(path, "rb") as f:
        head = f.read(24)
        order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(head[:4])
        if not order or struct.unpack(order + "I", head[20:24])[0] & 0xffff != 1:
            raise Misfit("not a pcap file with Ethernet frames")
        while True:
            head = f.read(16)
            if len(head) < 16:
                return
            sec, usec, size, full = struct.unpack(order + "IIII", head)
            frame = f.read(size)
            if size < 54 or frame[12:14] != b"\x08\x00" or frame[14] >> 4 != 4 or frame[23] != 6:
                continue
            if size < full:
                raise Misfit("frame cut by the capture")
            tcp = 14 + 4 * (frame[14] & 15)
            end = 14 + struct.unpack(">H", frame[16:18])[0]
            sport, dport, seq = struct.unpack(">HHI", frame[tcp:tcp + 8])
            src, dst = (".".join(map(str, frame[a:a + 4])) for a in (26, 30))
            yield sec + usec / 1e6, (src, sport), (dst, dport), seq, frame[tcp + 13], frame[tcp + 4 * (frame[tcp + 12] >> 4):end]

def find_conf(capture):
    base = os.path.basename(capture)
    found = [c for c in glob.glob(os.path.join(os.path.dirname(capture) or ".", "*.conf")) if base.startswith(os.path.basename(c)[:-5])]
    return max(found, key=len, default=None)

def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("capture")
    ap.add_argument("--conf")
    ap.add_argument("--port", type=int)
    ap.add_argument("--check", action="store_true")
    ap.add_argument("--summary", action="store_true")
    arg = ap.parse_args()
    conf_path = arg.conf or find_conf(arg.capture)
    conf = Conf(open(conf_path).read() if conf_path else "")
    counts, sessions = collections.defaultdict(lambda: [0, 0]), []

    def emit(when, st, src, dst, vol, name, length, texts):
        pair = "%s>%s" % (conf.names.get(src[0], src[0]), conf.names.get(dst[0], dst[0]))
        if st.session and (not sessions or st.session not in sessions):
            sessions.append(st.session)
        if arg.summary and name != "##":
            c = counts[st.role or "?", name, pair]
            c[0] += 1
            c[1] += length
            return
        clock = time.strftime("%H:%M:%S", time.gmtime(when)) + ".%06d" % (when % 1 * 1e6)
        where = "%s %s %s" % (pair, st.role or "?", "-" if vol in (None, 0xffff) else "v%d" % vol)
        print(" ".join([clock, where, name] + (["len=%d" % length] if vol is not None and name != "##" else []) + [t for t in texts if t]))

    decoder = Decoder(conf, emit, Checker() if arg.check else None)
    when = src = dst = None
    try:
        for when, src, dst, seq, flags, data in tcp_segments(arg.capture):
            if arg.port in (None, src[1], dst[1]):
                decoder.segment(when, src, dst, seq, flags, data)
        for st in decoder.streams.values():
            for end, half in st.half.items():
                if half.early:
                    raise Misfit("segments missing from %s:%d" % end)
                if half.buf and not half.fin:
                    emit(when, st, end, st.server if end == st.client else st.client, None, "(END)", 0, [decoder.leftover(half)])
    except Misfit as e:
        st = decoder.streams.get(frozenset((src, dst)))
        where = "" if src is None else " at %.6f, %s:%d > %s:%d, stream %s, byte %d" % (
            (when,) + src + dst + (st and st.role, st.half[src].done if st else 0))
        sys.stdout.flush()
        sys.exit("%s: does not fit%s: %s" % (arg.capture, where, e))
    for (role, name, pair), (n, size) in sorted(counts.items()):
        print("%s %-26s %-8s %7d packets %10d bytes" % (role, name, pair, n, size))
    if decoder.checker:
        for line in decoder.checker.finish(sessions):
            print("##", line)
        sys.exit(2 if decoder.checker.count["deviations"] else 0)

if __name__ == "__main__":
    main()
