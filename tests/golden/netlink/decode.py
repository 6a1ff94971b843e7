#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Decode a capture of DRBD's generic-netlink traffic (pcap of Linux netlink, link type 253; plain or xz).

    decode.py CAPTURE > text

Written from netlink.md alone; the tables below are its tables.  Every message becomes one block:

    #FRAME TIME request|reply|notify COMMAND (N) port P seq S minor M [SET_DEFAULTS | ret CODE NAME] [nh_type]
        NEST  member=value ...

"minor -" is 0xffffffff, "!" after a value is bit 14 ("mandatory"), "..." after the type of a notification is the CONTINUES flag.
The answers to a dump request are joined into one block, printed when the dump ends.  The controller's messages (family
lookup) take one line; each process begins with one.

The decoder is strict.  Whatever the tables do not know - commands, attributes, enum values, flag bits, lengths, padding that
is not zero, bytes left over - stops it with the position (exit status 1).  Departures from the message layouts of the chapter (which
nests and members, in which order, type bits, header words, sequence numbers) are printed as "!!" lines (exit status 2).
"""
import lzma
import re
import socket
import struct
import sys
import textwrap
from datetime import datetime, timezone

# ---- tables
ENUMS = {  # netlink.md section 5
    'role': 'Unknown Primary Secondary',
    'disk': 'Diskless Attaching Detaching Failed Negotiating Inconsistent Outdated DUnknown Consistent UpToDate',
    'conn': 'StandAlone Disconnecting Unconnected Timeout BrokenPipe NetworkFailure ProtocolError TearDown Connecting Connected',
    'repl': '- - - - - - - - - Off Established StartingSyncS StartingSyncT WFBitMapS WFBitMapT WFSyncUUID SyncSource '
            'SyncTarget VerifyS VerifyT PausedSyncS PausedSyncT Ahead Behind',
    'proto': '- A B C',
    'ioerr': 'pass_on call-local-io-error detach',
    'fencing': 'dont-care resource-only resource-and-stonith',
    'sb': 'disconnect discard-younger-primary discard-older-primary discard-zero-changes discard-least-changes '
          'discard-local discard-remote consensus discard-secondary call-helper violently retry-connect auto-discard',
    'nodata': 'io-error suspend-io',
    'susp': 'disconnect force-secondary',
    'congestion': 'block pull-ahead disconnect',
    'readbal': 'prefer-local prefer-remote round-robin least-pending when-congested-remote 32K-striping 64K-striping 128K-striping '
               '256K-striping 512K-striping 1M-striping',
    'ordering': 'none drain flush barrier',
    'timeout': 'default degraded peer-outdated',
    'nh': 'EXISTS CREATE CHANGE DESTROY CALL RESPONSE RENAME',
}
BITS = {  # section 5.3
    'diskflags': {1: 'consistent', 2: 'primary', 0x10: 'was-uptodate', 0x40: 'crashed', 0x80: 'al-clean',
                  0x100: 'al-disabled', 0x200: 'lost-quorum', 0x400: 'have-quorum'},
    'peerflags': {1: 'connected', 2: 'outdated', 4: 'fencing', 8: 'full-sync', 0x10: 'seen', 0x10000: 'node-exists',
                  0x80000000: 'has-bitmap'},
}

# Section 4: nest number and name, then its members in the order in which 9.3.3 sends them: number, name, type[:enum or
# length].  "!" after the type: tools up to 9.34.0 set bit 14 in requests.
NESTS_TEXT = """
1 CFG_REPLY: 1 info_text str!
2 CFG_CONTEXT: 1 volume u32!, 2 resource_name str:128!, 3 my_addr addr!, 4 peer_addr addr!, 5 conn_name str:64, 6 peer_node_id u32!
3 DISK_CONF: 1 backing_dev str:128, 2 meta_dev str:128, 3 meta_dev_idx s32, 4 disk_size u64!, 6 on_io_error u32:ioerr!,
  9 resync_after s32!, 10 al_extents u32!, 16 disk_barrier flag!, 17 disk_flushes flag!, 18 disk_drain flag!, 19 md_flushes flag!,
  20 disk_timeout u32!, 21 read_balancing u32:readbal!, 22 unplug_watermark u32!, 25 rs_discard_granularity u32, 23 al_updates flag,
  24 discard_zeroes_if_aligned flag, 26 disable_write_same flag, 27 d_bitmap flag
4 RESOURCE_OPTS: 1 cpu_mask str:256!, 2 on_no_data u32:nodata!, 3 auto_promote flag!, 4 node_id u32, 5 peer_ack_window u32!,
  6 twopc_timeout u32!, 7 twopc_retry_timeout u32!, 8 peer_ack_delay u32, 9 auto_promote_timeout u32, 10 nr_requests u32, 11 quorum s32,
  12 on_no_quorum u32:nodata, 13 quorum_min_redundancy s32, 14 on_susp_primary_outdated u32:susp, 15 drbd8_compat_mode flag,
  16 explicit_drbd8_compat flag
5 NET_CONF: 1 shared_secret str:64!, 2 cram_hmac_alg str:64!, 3 integrity_alg str:64!, 4 verify_alg str:64!, 5 csums_alg str:64!,
  6 wire_protocol u32:proto!, 7 connect_int u32!, 8 timeout u32!, 9 ping_int u32!, 10 ping_timeo u32!, 11 sndbuf_size u32!,
  12 rcvbuf_size u32!, 13 ko_count u32!, 15 max_epoch_size u32!, 17 after_sb_0p u32:sb!, 18 after_sb_1p u32:sb!, 19 after_sb_2p u32:sb!,
  20 rr_conflict u32:sb!, 21 on_congestion u32:congestion!, 22 cong_fill u32!, 23 cong_extents u32!, 24 two_primaries flag!,
  26 tcp_cork flag!, 27 always_asbp flag!, 29 use_rle flag!, 30 fencing_policy u32:fencing!, 31 name str:64!,
  33 csums_after_crash_only flag, 34 sock_check_timeo u32, 35 transport_name str:64, 36 max_buffers u32, 37 allow_remote_read flag,
  38 tls flag, 39 tls_privkey s32, 40 tls_certificate s32, 41 tls_keyring s32, 42 load_balance_paths flag, 43 rdma_ctrl_rcvbuf_size u32,
  44 rdma_ctrl_sndbuf_size u32
6 SET_ROLE_PARMS: 1 force flag!
7 RESIZE_PARMS: 1 resize_size u64!, 2 resize_force flag!, 3 no_resync flag!, 4 al_stripes u32, 5 al_stripe_size u32
9 START_OV_PARMS: 1 ov_start_sector u64!, 2 ov_stop_sector u64!
10 NEW_C_UUID_PARMS: 1 clear_bm flag!, 2 force_resync flag!
11 TIMEOUT_PARMS: 1 timeout_type u32:timeout
12 DISCONNECT_PARMS: 1 force_disconnect flag!
13 DETACH_PARMS: 1 force_detach flag!, 2 intentional_diskless_detach flag
14 DEVICE_CONF: 1 max_bio_size u32, 2 intentional_diskless flag, 3 block_size u32, 4 discard_granularity u32
15 RESOURCE_INFO: 1 res_role u32:role, 2 res_susp flag, 3 res_susp_nod flag, 4 res_susp_fen flag, 5 res_susp_quorum flag,
  6 res_fail_io flag
16 DEVICE_INFO: 1 dev_disk_state u32:disk, 2 is_intentional_diskless flag, 3 dev_has_quorum flag, 5 dev_is_open flag,
  4 backing_dev_path str:128
17 CONNECTION_INFO: 1 conn_connection_state u32:conn, 2 conn_role u32:role
18 PEER_DEVICE_INFO: 1 peer_repl_state u32:repl, 2 peer_disk_state u32:disk, 3 peer_resync_susp_user u32, 4 peer_resync_susp_peer u32,
  5 peer_resync_susp_dependency u32, 6 peer_is_intentional_diskless flag, 7 peer_resync_susp_max_parallel u32
19 RESOURCE_STATISTICS: 1 res_stat_write_ordering u32:ordering
20 DEVICE_STATISTICS: 1 dev_size u64, 2 dev_read u64, 3 dev_write u64, 4 dev_al_writes u64, 5 dev_bm_writes u64, 6 dev_upper_pending u32,
  7 dev_lower_pending u32, 8 dev_upper_blocked flag, 9 dev_lower_blocked flag, 10 dev_al_suspended flag, 11 dev_exposed_data_uuid x64,
  12 dev_current_uuid x64, 13 dev_disk_flags u32:diskflags, 14 history_uuids uuids
21 CONNECTION_STATISTICS: 1 conn_congested flag, 2 ap_in_flight u64, 3 rs_in_flight u64
22 PEER_DEVICE_STATISTICS: 1 received u64, 2 sent u64, 3 pending u32, 4 unacked u32, 5 out_of_sync u64, 6 resync_failed u64,
  7 bitmap_uuid x64, 9 flags u32:peerflags, 10 rs_total u64, 11 ov_start_sector u64, 12 ov_stop_sector u64, 13 ov_position u64,
  14 ov_left u64, 15 ov_skipped u64, 16 rs_same_csum u64, 17 rs_dt_start_ms u64, 18 rs_paused_ms u64, 19 rs_dt0_ms u64,
  20 rs_db0_sectors s64, 21 rs_dt1_ms u64, 22 rs_db1_sectors s64, 23 rs_c_sync_rate u32, 24 uuid_flags x64
23 NOTIFICATION_HEADER: 1 nh_type nh
24 HELPER: 1 helper_name str:32, 2 helper_status u32
25 INVALIDATE_PARMS: 1 sync_from_peer_node_id s32!, 2 reset_bitmap flag!
26 FORGET_PEER_PARMS: 1 forget_peer_node_id s32!
27 PEER_DEVICE_OPTS: 1 resync_rate u32!, 2 c_plan_ahead u32!, 3 c_delay_target u32!, 4 c_fill_target u32!, 5 c_max_rate u32!,
  6 c_min_rate u32!, 7 bitmap flag, 8 resync_without_replication flag, 9 peer_tiebreaker flag
28 PATH_PARMS: 1 my_addr addr!, 2 peer_addr addr!
29 CONNECT_PARMS: 1 tentative flag!, 2 discard_my_data flag!
30 PATH_INFO: 1 path_established flag
31 RENAME_RESOURCE_PARMS: 1 new_resource_name str:128!
32 RENAME_RESOURCE_INFO: 1 res_new_name str:128
33 INVAL_PEER_PARAMS: 1 p_reset_bitmap flag!
34 SUSPEND_IO_PARAMS: 1 bdev_freeze flag!
"""

# Section 6: number, name, kind, context of the request (M minor; R resource, P peer node id, V volume in CFG_CONTEXT), nests a
# request may carry.
OPS_TEXT = """
5 NEW_MINOR do MRV DEVICE_CONF   6 DEL_MINOR do M -   7 NEW_RESOURCE do R RESOURCE_OPTS   8 DEL_RESOURCE do R -
9 RESOURCE_OPTS do R RESOURCE_OPTS   10 CONNECT do RP CONNECT_PARMS   11 DISCONNECT do RP DISCONNECT_PARMS   12 ATTACH do M DISK_CONF
13 RESIZE do M RESIZE_PARMS   14 PRIMARY do R SET_ROLE_PARMS   15 SECONDARY do R SET_ROLE_PARMS   16 NEW_C_UUID do M NEW_C_UUID_PARMS
17 START_OV do RPV START_OV_PARMS   18 DETACH do M DETACH_PARMS   19 INVALIDATE do M INVALIDATE_PARMS
20 INVAL_PEER do RPV INVAL_PEER_PARAMS   21 PAUSE_SYNC do RPV -   22 RESUME_SYNC do RPV -   23 SUSPEND_IO do M SUSPEND_IO_PARAMS
24 RESUME_IO do M -   25 OUTDATE do M -   26 GET_TIMEOUT_TYPE do RPV -   27 DOWN do R -   28 CHG_DISK_OPTS do M DISK_CONF
29 CHG_NET_OPTS do RP NET_CONF   30 GET_RESOURCES dump - -   31 GET_DEVICES dump [R] -   32 GET_CONNECTIONS dump [R] -
33 GET_PEER_DEVICES dump [R] -   34 RESOURCE_STATE notify - -   35 DEVICE_STATE notify - -   36 CONNECTION_STATE notify - -
37 PEER_DEVICE_STATE notify - -   38 GET_INITIAL_STATE dump [R] -   40 HELPER notify - -   41 INITIAL_STATE_DONE notify - -
42 FORGET_PEER do R FORGET_PEER_PARMS   43 CHG_PEER_DEVICE_OPTS do RPV PEER_DEVICE_OPTS   44 NEW_PEER do RP NET_CONF
45 NEW_PATH do RP PATH_PARMS   46 DEL_PEER do RP DISCONNECT_PARMS   47 DEL_PATH do RP PATH_PARMS   48 PATH_STATE notify - -
49 RENAME_RESOURCE do R RENAME_RESOURCE_PARMS   50 GET_PATHS dump [R] -
"""

# Sections 9 and 10.3: nests of the kernel's dump messages and notifications, in order; "?" optional.  First word: letters of the
# members of CFG_CONTEXT in their order (V volume, R name, P peer node id, C connection name, L my_addr, A peer_addr).
DUMPS = {
    'GET_RESOURCES': 'R RESOURCE_OPTS RESOURCE_INFO RESOURCE_STATISTICS',
    'GET_DEVICES': 'VR DISK_CONF? DEVICE_CONF DEVICE_INFO DEVICE_STATISTICS',
    'GET_CONNECTIONS': 'RPC NET_CONF PATH_PARMS CONNECTION_INFO CONNECTION_STATISTICS',
    'GET_PEER_DEVICES': 'VRPC PEER_DEVICE_INFO PEER_DEVICE_STATISTICS PEER_DEVICE_OPTS',
    'GET_PATHS': 'RPCLA PATH_INFO',
}
NOTIFICATIONS = {
    'RESOURCE_STATE': 'R NOTIFICATION_HEADER RESOURCE_INFO RESOURCE_STATISTICS',
    'DEVICE_STATE': 'VR NOTIFICATION_HEADER DEVICE_INFO DEVICE_STATISTICS',
    'CONNECTION_STATE': 'RPC NOTIFICATION_HEADER CONNECTION_INFO PATH_PARMS CONNECTION_STATISTICS',
    'PEER_DEVICE_STATE': 'VRPC NOTIFICATION_HEADER PEER_DEVICE_INFO PEER_DEVICE_STATISTICS',
    'PATH_STATE': 'RPCLA NOTIFICATION_HEADER PATH_INFO',
    'HELPER': 'V?RP?C? NOTIFICATION_HEADER HELPER',
    'INITIAL_STATE_DONE': '- NOTIFICATION_HEADER',
}
ERRORS = """NO_ERROR LOCAL_ADDR PEER_ADDR OPEN_DISK OPEN_MD_DISK 106 DISK_NOT_BDEV MD_NOT_BDEV 109 110 DISK_TOO_SMALL MD_DISK_TOO_SMALL 113
BDCLAIM_DISK BDCLAIM_MD_DISK MD_IDX_INVALID 117 IO_MD_DISK MD_INVALID AUTH_ALG AUTH_ALG_ND NOMEM DISCARD_IMPOSSIBLE DISK_CONFIGURED
NET_CONFIGURED MANDATORY_TAG MINOR_INVALID 128 INTR RESIZE_RESYNC NO_PRIMARY RESYNC_AFTER RESYNC_AFTER_CYCLE PAUSE_IS_SET
PAUSE_IS_CLEAR 136 PACKET_NR NO_DISK NOT_PROTO_C NOMEM_BITMAP INTEGRITY_ALG INTEGRITY_ALG_ND CPU_MASK_PARSE CSUMS_ALG CSUMS_ALG_ND
VERIFY_ALG VERIFY_ALG_ND CSUMS_RESYNC_RUNNING VERIFY_RUNNING DATA_NOT_CURRENT CONNECTED PERM NEED_APV_93 STONITH_AND_PROT_A
CONG_NOT_PROTO_A PIC_AFTER_DEP PIC_PEER_DEP RES_NOT_KNOWN RES_IN_USE MINOR_CONFIGURED MINOR_OR_VOLUME_EXISTS INVALID_REQUEST
NEED_APV_100 NEED_ALLOW_TWO_PRI MD_UNCLEAN MD_LAYOUT_CONNECTED MD_LAYOUT_TOO_BIG MD_LAYOUT_TOO_SMALL MD_LAYOUT_NO_FIT IMPLICIT_SHRINK
INVALID_PEER_NODE_ID CREATE_TRANSPORT LOCAL_AND_PEER_ADDR ALREADY_EXISTS APV_TOO_LOW PATH_COLLISION""".split()
STATES = """HANDSHAKE_RETRY HANDSHAKE_DISCONNECT ATTACH_NO_BITMAP NO_QUORUM WEAKLY_CONNECTED TIMEOUT PRIMARY_READER INTERRUPTED O_VOL_PEER_PRI
CONCURRENT_ST_CHG IN_TRANSIENT_STATE NOT_SUPPORTED LOWER_THAN_OUTDATED NEED_CONNECTION NO_VERIFY_ALG NO_NET_CONFIG DEVICE_IN_USE
IS_DISKLESS CW_FAILED_BY_PEER ALREADY_STANDALONE RESYNC_RUNNING PRIMARY_NOP CONNECTED_OUTDATES NO_REMOTE_DISK NO_LOCAL_DISK -3
NO_UP_TO_DATE_DISK TWO_PRIMARIES UNKNOWN_ERROR SUCCESS NOTHING_TO_DO CW_SUCCESS CW_NO_NEED""".split()
CTRL_COMMANDS = {1: 'NEWFAMILY', 2: 'DELFAMILY', 3: 'GETFAMILY', 7: 'NEWMCAST_GRP', 8: 'DELMCAST_GRP'}
LETTERS = {'volume': 'V', 'resource_name': 'R', 'peer_node_id': 'P', 'conn_name': 'C', 'my_addr': 'L', 'peer_addr': 'A'}
NO_MINOR = 0xffffffff
REQUEST, MULTI, DUMP = 0x1, 0x2, 0x300


def parse_tables():
    nests = {}
    for entry in NESTS_TEXT.strip().replace('\n  ', ' ').split('\n'):
        head, members = entry.split(': ', 1)
        num, name = head.split()
        nests[int(num)] = name, {}
        for member in members.split(', '):
            mnum, mname, kind = member.split()
            kind, _, arg = kind.rstrip('!').partition(':')
            nests[int(num)][1][int(mnum)] = mname, kind, arg, member.endswith('!')
    words = OPS_TEXT.split()
    return nests, {int(words[i]): tuple(words[i + 1:i + 5]) for i in range(0, len(words), 5)}


NESTS, OPS = parse_tables()
MEMBERS = {name: [m[0] for m in members.values()] for name, members in NESTS.values()}


class Bad(Exception):
    """Something the tables do not explain."""


# ---- attributes

def attributes(data):
    """Split a byte string into (flag bits, number, payload, whole attribute); checks lengths and padding."""
    at = 0
    while at < len(data):
        if len(data) - at < 4:
            raise Bad(f'{len(data) - at} bytes left over after the last attribute')
        length, kind = struct.unpack_from('=HH', data, at)
        end = at + length
        if length < 4 or end > len(data):
            raise Bad(f'attribute {kind & 0x3fff}: length {length} with {len(data) - at} bytes left')
        padded = min((end + 3) & ~3, len(data))
        if any(data[end:padded]):
            raise Bad(f'attribute {kind & 0x3fff}: padding is not zero')
        yield kind & 0xc000, kind & 0x3fff, data[at + 4:end], data[at:end]
        at = padded


def number(data, fmt):
    if len(data) != struct.calcsize(fmt):
        raise Bad(f'{len(data)} bytes where {struct.calcsize(fmt)} are expected')
    return struct.unpack(fmt, data)[0]


def address(data):
    """Section 11."""
    family = number(data[:2], '=H')
    if family in (2, 27) and len(data) == 16 and not any(data[8:]):
        port, ip = struct.unpack('>H4s', data[2:8])
        return f'{"ipv4" if family == 2 else "sdp"}:{socket.inet_ntop(socket.AF_INET, ip)}:{port}'
    if family == 10 and len(data) == 28:
        port, flow, ip, scope = *struct.unpack('>HI16s', data[2:24]), number(data[24:], '=I')
        return (f'ipv6:[{socket.inet_ntop(socket.AF_INET6, ip)}' + (f'%{scope}' if scope else '') + f']:{port}'
                + (f'/flow{flow}' if flow else ''))
    raise Bad(f'address of family {family}, {len(data)} bytes')


def string(data, limit):
    if not data.endswith(b'\0') or b'\0' in data[:-1] or (limit and len(data) > limit):
        raise Bad(f'string {data!r}')
    return '"' + data[:-1].decode().replace('\n', '\\n') + '"'


def symbol(name, value):
    """A word of ENUMS, or a sum of words of BITS."""
    words = ENUMS[name].split() if name in ENUMS else ()
    unknown = value & ~sum(BITS[name]) if name in BITS else value >= len(words) or words[value] == '-'
    if unknown:
        raise Bad(f'{value:#x} is not in {name}')
    return words[value] if words else '+'.join(word for bit, word in BITS[name].items() if value & bit) or '0'


def uuids(data):
    if len(data) not in (0, 256):
        raise Bad(f'history of {len(data)} bytes')
    words = [f'{v:016X}' for v in struct.unpack(f'={len(data) // 8}Q', data)]
    return '[' + re.sub(r'( ?0{16})*$', '', ' '.join(words)) + ']' if data else 'none'


def value(kind, arg, data):
    if kind == 'str':
        return string(data, int(arg or 0))
    if kind in ('addr', 'uuids'):
        return address(data) if kind == 'addr' else uuids(data)
    v = number(data, {'flag': '=B', 's32': '=i', 'u64': '=Q', 'x64': '=Q', 's64': '=q'}.get(kind, '=I'))
    if kind == 'flag' and v > 1:
        raise Bad(f'flag is {v}')
    if kind == 'nh':
        return symbol('nh', v & ~0x8000) + ('+CONTINUES' if v & 0x8000 else '')
    return f'{v:016X}' if kind == 'x64' else symbol(arg, v) if arg else str(v)


def nests(data, origin):
    """Top-level attributes -> list of (nest name, [(member, value)], raw bytes); second result: departures in type bits."""
    out, odd = [], []
    for flags, num, payload, raw in attributes(data):
        if num not in NESTS:
            raise Bad(f'top-level attribute {num}')
        name, members = NESTS[num]
        copied = origin == 'reply' and name == 'CFG_CONTEXT'          # its bits are those of the request
        if not copied and flags != (0 if origin != 'request' and name in ('CFG_REPLY', 'CFG_CONTEXT', 'PATH_PARMS') else 0x8000):
            odd.append(f'{name} has type bits {flags:#x}')
        found = []
        for mflags, mnum, mdata, _ in attributes(payload):
            if mnum == 0 and not mdata:                               # alignment pad
                continue
            if mnum not in members:
                raise Bad(f'attribute {mnum} in {name}')
            mname, kind, arg, mandatory = members[mnum]
            if not copied and mflags != (0x4000 if (mandatory if origin == 'request' else name == 'PATH_PARMS') else 0):
                odd.append(f'{name}.{mname} has type bits {mflags:#x}')
            try:
                found.append((mname, value(kind, arg, mdata) + ('!' if origin == 'request' and mflags & 0x4000 else '')))
            except Bad as e:
                raise Bad(f'{name}.{mname}: {e}') from None
        out.append((name, found, raw))
    return out, odd


# ---- messages

def word_text(word, origin):
    """Second word of the family header: flags of a request, return code of everything else."""
    if origin == 'request':
        if word & ~1:
            raise Bad(f'request flags {word:#x}')
        return ' SET_DEFAULTS' if word else ''
    code = word - (1 << 32) if word >> 31 else word
    if -28 <= code <= 4:
        return f' ret {code} {STATES[code + 28]}'
    if 101 <= code <= 176:
        return f' ret {code} {ERRORS[code - 101]}'
    raise Bad(f'return code {code}')


def context(content):
    """The members of CFG_CONTEXT as letters, in their order."""
    return ''.join(LETTERS[m] for m, _ in content[0][1]) if content and content[0][0] == 'CFG_CONTEXT' else '-'


def check_layout(layout, content, minor_fits):
    """Compare context members, nest order and completeness of nests with a line of DUMPS or NOTIFICATIONS."""
    pattern, *expected = layout.split()
    odd = [] if re.fullmatch(pattern, context(content)) else [f'context {context(content)}, expected {pattern}']
    have = [name for name, *_ in content if name != 'CFG_CONTEXT']
    want = [name.rstrip('?') for name in expected if not name.endswith('?') or name[:-1] in have]
    if have != want:
        odd.append(f'nests {have}, expected {want}')
    if not minor_fits:
        odd.append('unexpected header minor')
    return odd + [f'{name}: members are not all or not in the usual order' for name, members, _ in content
                  if name not in ('CFG_CONTEXT', 'PATH_PARMS') and [m for m, _ in members] != MEMBERS[name]]


class Decoder:
    def __init__(self):
        self.families = {16: 'nlctrl'}
        self.pending = {}        # (port, seq) of a request under way -> (where, command, minor, context, parts of the answer)
        self.sequence = None     # last multicast number
        self.family = None       # last answer of the controller
        self.odd = 0

    def emit(self, head, content=(), odd=(), indent=''):
        print(indent + head)
        for name, members, _ in content:
            text = ' '.join(f'{m}={v}' for m, v in members) or '(empty)'
            print(textwrap.fill(f'{name:<22} {text}', 150, initial_indent=indent + '    ', subsequent_indent=' ' * 10,
                                break_long_words=False, break_on_hyphens=False))
        for text in odd:
            print(indent + '    !! ' + text)
        self.odd += len(odd)

    def message(self, where, data):
        """One netlink message: header, then by family."""
        _, family, flags, seq, port = struct.unpack_from('=IHHII', data)
        body = data[16:]
        if family == 3:                                               # NLMSG_DONE
            if (port, seq) not in self.pending:
                raise Bad(f'NLMSG_DONE for unknown request {port}/{seq}')
            asked, op, _, _, parts = self.pending.pop((port, seq))
            odd = [] if flags == MULTI else [f'NLMSG_DONE with flags {flags:#x}']
            self.emit(f'{where} dump {op[0]} for {asked.split()[0]}: {len(parts)} messages, done {number(body, "=i")}', (), odd)
            for part in parts:
                self.emit(*part, indent='  ')
        elif family == 2:                                             # NLMSG_ERROR: errno and a copy of the request
            self.pending.pop((port, seq), None)
            self.emit(f'{where} error {number(body[:4], "=i")} port {port} seq {seq} for {body[4:].hex()}')
        elif family not in self.families or len(body) < (4 if family == 16 else 12):
            raise Bad(f'message type {family}, {len(body)} bytes')
        elif body[2:4] != b'\0\0':
            raise Bad('genl reserved field')
        elif family == 16:
            self.controller(where, flags, seq, port, body[0], body[4:])
        else:
            self.drbd(where, flags, seq, port, body)

    def drbd(self, where, flags, seq, port, body):
        cmd, version, minor, word = struct.unpack_from('=BB2xII', body)
        if version != 2 or cmd not in OPS:
            raise Bad(f'command {cmd}, version {version}')
        asked = None if flags & REQUEST or not port else self.pending.get((port, seq))
        origin = 'request' if flags & REQUEST else 'reply' if asked and asked[1][1] == 'do' else 'kernel'
        content, odd = nests(body[12:], origin)
        op = OPS[cmd]
        title = (f'{op[0]} ({cmd}) port {port} seq {seq} minor {"-" if minor == NO_MINOR else minor}'
                 + word_text(word, origin))
        if flags & REQUEST:
            self.request(where, title, flags, (port, seq), op, minor, content, odd)
        elif asked:
            self.answer(where, title, flags, (port, seq), op, minor, word, content, odd)
        else:
            self.notification(where, title, flags, seq, port, op, minor, word, content, odd)

    def request(self, where, title, flags, key, op, minor, content, odd):
        _, kind, ctx, nest = op
        letters = context(content)
        if kind == 'notify' or flags != (REQUEST | DUMP if kind == 'dump' else REQUEST):
            odd.append(f'nlmsg_flags {flags:#x}')
        if letters != (re.sub(r'[][M-]', '', ctx) or '-') and (ctx[0] != '[' or letters != '-'):
            odd.append(f'context {letters}, expected {ctx}')
        if (minor != NO_MINOR) != ('M' in ctx):
            odd.append('minor in header')
        odd += [f'unexpected nest {name}' for name, *_ in content if name not in ('CFG_CONTEXT', nest)]
        self.pending[key] = where, op, minor, content[0][2] if letters != '-' else b'', []
        self.emit(f'{where} {"dump " if kind == "dump" else ""}request {title}', content, odd)

    def answer(self, where, title, flags, key, op, minor, word, content, odd):
        _, asked, asked_minor, asked_context, parts = self.pending[key]
        if op != asked or flags != (MULTI if asked[1] == 'dump' else 0):
            odd.append(f'nlmsg_flags {flags:#x}, answer to {asked[0]}')
        if asked[1] == 'dump':
            odd += check_layout(DUMPS[op[0]], content, (minor != NO_MINOR) == ('DEVICE' in op[0])) if word == 101 else []
            parts.append((f'{where} part {title}', content, odd))
            return
        if minor != asked_minor or asked_context != (content[0][2] if context(content) != '-' else b''):
            odd.append('minor or context differ from those of the request')
        odd += [f'unexpected nest {name}' for name, *_ in content
                if name not in ('CFG_CONTEXT', 'CFG_REPLY') and (op[0], name) != ('GET_TIMEOUT_TYPE', 'TIMEOUT_PARMS')]
        del self.pending[key]
        self.emit(f'{where} reply {title}', content, odd)

    def notification(self, where, title, flags, seq, port, op, minor, word, content, odd):
        if op[0] not in NOTIFICATIONS:
            raise Bad(f'{op[0]} answers no request')
        kind = next((members[0][1] for name, members, _ in content if name == 'NOTIFICATION_HEADER'), '')
        what, _, more = kind.partition('+')
        layout = NOTIFICATIONS[op[0]]
        if what == 'DESTROY' and op[0] != 'PATH_STATE':
            layout = re.sub(r' \w+_INFO', '', layout)
        if what == 'RENAME':
            layout = layout.replace(' RESOURCE_INFO', '') + ' RENAME_RESOURCE_INFO'
        device = op[0] == 'DEVICE_STATE' or op[0] == 'HELPER' and 'V' in context(content)
        odd += check_layout(layout, content, (minor != NO_MINOR) == device)
        if flags or port or word != 101:
            odd.append(f'flags {flags:#x} port {port} word {word}')
        dump = next((p for (_, s), p in self.pending.items() if s == seq and p[1][0] == 'GET_INITIAL_STATE'), None)
        if dump:                                                      # looks like a notification, is part of a dump
            dump[4].append((f'{where} part {title}', content, odd + ([] if what == 'EXISTS' else [f'nh_type {kind}'])))
            return
        if self.sequence is not None and seq != (self.sequence + 1) & 0xffffffff:
            odd.append(f'sequence number after {self.sequence}')
        self.sequence = seq
        self.emit(f'{where} notify {title} {what}{" ..." if more else ""}', content, odd)

    def controller(self, where, flags, seq, port, cmd, data):
        """Family lookup, in short: commands are grouped by their flags."""
        if cmd not in CTRL_COMMANDS:
            raise Bad(f'controller command {cmd}')
        found = {}
        for _, num, payload, _ in attributes(data):
            if num == 2:
                found['name'] = string(payload, 16)
            elif num in (1, 3, 4, 5):
                found[{1: 'id', 3: 'version', 4: 'hdrsize', 5: 'maxattr'}[num]] = number(payload, '=H' if num == 1 else '=I')
            elif num in (6, 7):                                       # arrays of commands {1 id, 2 flags}, groups {1 name, 2 id}
                for _, _, item, _ in attributes(payload):
                    item = {n: p for _, n, p, _ in attributes(item)}
                    if set(item) != {1, 2}:
                        raise Bad(f'controller attribute {num}: members {sorted(item)}')
                    if num == 6:
                        found.setdefault(f'ops {number(item[2], "=I"):#x}', []).append(number(item[1], '=I'))
                    else:
                        found.setdefault('groups', []).append((string(item[1], 16), number(item[2], '=I')))
            else:
                raise Bad(f'controller attribute {num}')
        if 'id' in found and found['name'] == '"drbd"':
            self.families[found['id']] = 'drbd'
        kind = 'request' if flags & REQUEST else 'reply' if port else 'notify'
        text = ' '.join(f'{k} {v}' for k, v in found.items())
        self.emit(f'{where} {kind} nlctrl {CTRL_COMMANDS[cmd]} port {port} seq {seq} '
                  + ('as before' if flags == 0 and text == self.family else text))
        self.family = text if flags == 0 else self.family


def frames(raw):
    """The packets of a pcap file: "#number time", netlink messages."""
    order = {0xa1b2c3d4: '<', 0xd4c3b2a1: '>'}.get(struct.unpack_from('<I', raw)[0])
    if not order or struct.unpack_from(order + 'I', raw, 20)[0] & 0xffff != 253:
        raise Bad('not a microsecond pcap file of link type 253')
    at, count = 24, 0
    while at < len(raw):
        count += 1
        sec, usec, length, original = struct.unpack_from(order + 'IIII', raw, at)
        packet = raw[at + 16:at + 16 + length]
        where = f'#{count} {datetime.fromtimestamp(sec, timezone.utc):%H:%M:%S}.{usec:06}'
        if length != original or len(packet) != length or packet[14:16] != b'\0\x10':
            raise Bad(f'{where}: cut off, or not generic netlink')
        yield where, packet[16:]
        at += 16 + length


def main():
    name, where = sys.argv[1], 'file'
    decoder = Decoder()
    with (lzma.open if name.endswith('.xz') else open)(name, 'rb') as f:
        raw = f.read()
    try:
        for where, data in frames(raw):
            while data:
                length = number(data[:4], '=I')
                if length < 16 or length > len(data):
                    raise Bad(f'message length {length} with {len(data)} bytes left')
                decoder.message(where, data[:length])
                data = data[(length + 3) & ~3:]
    except Bad as e:
        sys.stdout.flush()
        sys.exit(f'{name}: {where}: {e}')
    for asked, op, _, _, parts in decoder.pending.values():
        decoder.emit(f'unfinished {op[0]} of {asked}')
        for part in parts:
            decoder.emit(*part, indent='  ')
    sys.exit(2 if decoder.odd else 0)


if __name__ == '__main__':
    main()
