/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * THE schema of the generic-netlink family "drbd": every operation, every
 * attribute, every option.  It is written down once, in the list macros of the
 * first half; the second half derives attribute numbers, structures, default
 * setters and descriptor tables from it.  The kernel's (de)serialisers
 * (drbd/genl_codec.c) and the tools' options, range checks and texts
 * (utils/common/schema.cc) are made from those tables.
 *
 * Usable from kernel C, user-space C and C++20.
 */
#ifndef LINUX_DRBD_GENL_H
#define LINUX_DRBD_GENL_H

#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/string.h>
#elif defined(__cplusplus)
#include <cstddef>
#include <cstring>
#else
#include <stddef.h>
#include <string.h>
#endif

/* ================================================================= family */

#define DRBD_GENL_NAME		"drbd"
#define DRBD_GENL_VERSION	2
#define DRBD_GENL_GROUP		"events"
#define DRBD_GENL_HDRLEN	8	/* sizeof(struct drbd_genlmsghdr) */

/* The family header, between genlmsghdr and the attributes; host byte order. */
struct drbd_genlmsghdr {
	__u32 minor;			/* DRBD_MINOR_NONE: no device meant */
	union {
		__u32 flags;		/* to the kernel: DRBD_GENL_* flags */
		__s32 ret_code;		/* from the kernel: enum drbd_ret_code, drbd_state_rv */
	};
};

#define DRBD_MINOR_NONE		0xffffffffU

/* Options commands: reset all changeable options to their defaults first. */
#define DRBD_GENL_F_SET_DEFAULTS 1U

#define DRBD_NLA_MANDATORY	(1 << 14)	/* "refuse if unknown", see netlink.md 3.3 */
#define DRBD_NLA_NESTED		(1 << 15)
#define DRBD_NLA_NR_MASK	0x3fff

/* Sequence number of the first multicast message after load. */
#define DRBD_FIRST_NOTIFY_SEQ	3

/* ============================================================== field flags */

#define DRBD_F_REQUIRED		0x001	/* must be present at creation */
#define DRBD_F_INVARIANT	0x002	/* only at creation; error in a change command */
#define DRBD_F_SENSITIVE	0x004	/* only for CAP_SYS_ADMIN, never multicast */
#define DRBD_F_MANDATORY	0x008	/* 9.22 tools set bit 14 in requests */
#define DRBD_F_DEFAULT		0x010	/* has a default: creation and SET_DEFAULTS set it */
#define DRBD_F_KCLAMP		0x020	/* out of range: the kernel clamps, does not refuse */
#define DRBD_F_TCLAMP		0x040	/* out of range: so does drbdadm */
#define DRBD_F_NEW		0x080	/* unknown to tools 9.22: accepted, but not listed in
					 * help, and shown only when not at its default */

/* Short forms for the tables below. */
#define DRBD__R		DRBD_F_REQUIRED
#define DRBD__I		DRBD_F_INVARIANT
#define DRBD__S		DRBD_F_SENSITIVE
#define DRBD__M		DRBD_F_MANDATORY
#define DRBD__D		DRBD_F_DEFAULT
#define DRBD__N		DRBD_F_NEW
#define DRBD__KC	DRBD_F_KCLAMP
#define DRBD__TC	DRBD_F_TCLAMP

/* ============================================================ option words */

/* W(value, "word"), in the order in which help lists them. */

#define DRBD_WORDS_none(W)

#define DRBD_WORDS_wire_protocol(W) W(1, "A") W(2, "B") W(3, "C")

#define DRBD_WORDS_on_io_error(W) \
	W(0, "pass_on") W(1, "call-local-io-error") W(2, "detach")

#define DRBD_WORDS_fencing_policy(W) \
	W(0, "dont-care") W(1, "resource-only") W(2, "resource-and-stonith")

#define DRBD_WORDS_after_sb_0p(W) \
	W(0, "disconnect") W(1, "discard-younger-primary") W(2, "discard-older-primary") \
	W(3, "discard-zero-changes") W(4, "discard-least-changes") W(5, "discard-local") \
	W(6, "discard-remote")

#define DRBD_WORDS_after_sb_1p(W) \
	W(0, "disconnect") W(7, "consensus") W(8, "discard-secondary") \
	W(9, "call-pri-lost-after-sb") W(10, "violently-as0p")

#define DRBD_WORDS_after_sb_2p(W) \
	W(0, "disconnect") W(9, "call-pri-lost-after-sb") W(10, "violently-as0p")

#define DRBD_WORDS_rr_conflict(W) \
	W(0, "disconnect") W(9, "call-pri-lost") W(10, "violently") W(11, "retry-connect") \
	W(12, "auto-discard")

#define DRBD_WORDS_no_data(W) W(0, "io-error") W(1, "suspend-io")

#define DRBD_WORDS_susp_primary_outdated(W) W(0, "disconnect") W(1, "force-secondary")

#define DRBD_WORDS_on_congestion(W) W(0, "block") W(1, "pull-ahead") W(2, "disconnect")

#define DRBD_WORDS_read_balancing(W) \
	W(0, "prefer-local") W(1, "prefer-remote") W(2, "round-robin") W(3, "least-pending") \
	W(4, "when-congested-remote") W(5, "32K-striping") W(6, "64K-striping") \
	W(7, "128K-striping") W(8, "256K-striping") W(9, "512K-striping") W(10, "1M-striping")

#define DRBD_WORDS_quorum(W) W(0, "off") W(1024, "majority") W(1025, "all")

/* The key types that request_key(2) is asked for. */
#define DRBD_WORDS_key_keyring(W) W(0, "keyring")
#define DRBD_WORDS_key_user(W) W(0, "user")

/* Every word list, for the descriptor tables. */
#define DRBD_WORD_LISTS(L) \
	L(wire_protocol) L(on_io_error) L(fencing_policy) L(after_sb_0p) L(after_sb_1p) \
	L(after_sb_2p) L(rr_conflict) L(no_data) L(susp_primary_outdated) L(on_congestion) \
	L(read_balancing) L(quorum) L(key_keyring) L(key_user)

/* ================================================================ nests */

/*
 * One list per top-level attribute, in the order in which fields are sent and
 * shown:
 *
 *	F(nr, type, len, member, flags, default, min, max, kind, words, option, offer, scale, unit)
 *
 * type    flag (u8 0/1), u32, s32, u64, str (NUL terminated), bin; len: bytes for str and bin
 * min/max what the kernel accepts, in the unit of the attribute (0, 0: not a number)
 * kind    how the tools take it: none (no option), boolean (yes|no), flag (sent only when
 *         true), num, enum, enumi (case-insensitive), symnum (word or number), str, key
 * option  spelling on the command line and in drbd.conf, "" if there is none
 * offer   largest value (str: length) that the tools offer, 0: max (str: len - 1)
 * scale   unit of the number: 1, s (512 bytes), k (1024 bytes); in char quotes
 * unit    text after the number in `show` and documentation
 */

#define DRBD_NEST_cfg_reply(F) \
	F(1, str, 512, info_text, DRBD__M, 0, 0, 0, none, none, "", 0, '1', "")

#define DRBD_NEST_cfg_context(F) \
	F(1, u32, 0, ctx_volume, DRBD__M, 0, 0, 0xffffffff, none, none, "", 0, '1', "") \
	F(2, str, 128, ctx_resource_name, DRBD__M, 0, 0, 0, none, none, "", 0, '1', "") \
	F(6, u32, 0, ctx_peer_node_id, DRBD__M, 0, 0, 0xffffffff, none, none, "", 0, '1', "") \
	F(5, str, 64, ctx_conn_name, 0, 0, 0, 0, none, none, "", 0, '1', "") \
	F(3, bin, 128, ctx_my_addr, DRBD__M, 0, 0, 0, none, none, "", 0, '1', "") \
	F(4, bin, 128, ctx_peer_addr, DRBD__M, 0, 0, 0, none, none, "", 0, '1', "")

#define DRBD_NEST_disk_conf(F) \
	F(1, str, 128, backing_dev, DRBD__R | DRBD__I, 0, 0, 0, none, none, "", 0, '1', "") \
	F(2, str, 128, meta_dev, DRBD__R | DRBD__I, 0, 0, 0, none, none, "", 0, '1', "") \
	F(3, s32, 0, meta_dev_idx, DRBD__R | DRBD__I, 0, -2147483648LL, 2147483647, \
	  none, none, "", 0, '1', "") \
	F(4, u64, 0, disk_size, DRBD__I | DRBD__M, 0, 0, 2199023255552ULL, \
	  num, none, "size", 0, 's', "bytes") \
	F(6, u32, 0, on_io_error, DRBD__D | DRBD__M, 2, 0, 2, \
	  enum, on_io_error, "on-io-error", 0, '1', "") \
	F(16, flag, 0, disk_barrier, DRBD__D | DRBD__M, 0, 0, 1, \
	  boolean, none, "disk-barrier", 0, '1', "") \
	F(17, flag, 0, disk_flushes, DRBD__D | DRBD__M, 1, 0, 1, \
	  boolean, none, "disk-flushes", 0, '1', "") \
	F(18, flag, 0, disk_drain, DRBD__D | DRBD__M, 1, 0, 1, \
	  boolean, none, "disk-drain", 0, '1', "") \
	F(19, flag, 0, md_flushes, DRBD__D | DRBD__M, 1, 0, 1, \
	  boolean, none, "md-flushes", 0, '1', "") \
	F(9, s32, 0, resync_after, DRBD__D | DRBD__M, -1, -1, 1048575, \
	  num, none, "resync-after", 0, '1', "") \
	F(10, u32, 0, al_extents, DRBD__D | DRBD__M | DRBD__KC | DRBD__TC, 1237, 67, 65534, \
	  num, none, "al-extents", 0, '1', "") \
	F(23, flag, 0, al_updates, DRBD__D, 1, 0, 1, \
	  boolean, none, "al-updates", 0, '1', "") \
	F(24, flag, 0, discard_zeroes_if_aligned, DRBD__D, 1, 0, 1, \
	  boolean, none, "discard-zeroes-if-aligned", 0, '1', "") \
	F(26, flag, 0, disable_write_same, DRBD__D, 0, 0, 1, \
	  boolean, none, "disable-write-same", 0, '1', "") \
	F(20, u32, 0, disk_timeout, DRBD__D | DRBD__M, 0, 0, 6000, \
	  num, none, "disk-timeout", 0, '1', "1/10 seconds") \
	F(21, u32, 0, read_balancing, DRBD__D | DRBD__M, 0, 0, 10, \
	  enum, read_balancing, "read-balancing", 0, '1', "") \
	F(25, u32, 0, rs_discard_granularity, DRBD__D, 0, 0, 1048576, \
	  num, none, "rs-discard-granularity", 0, '1', "bytes") \
	F(22, u32, 0, unplug_watermark, DRBD__D | DRBD__M, 128, 1, 131072, \
	  none, none, "", 0, '1', "") \
	F(27, flag, 0, d_bitmap, DRBD__D | DRBD__N, 1, 0, 1, \
	  boolean, none, "bitmap", 0, '1', "")

#define DRBD_NEST_res_opts(F) \
	F(4, u32, 0, node_id, DRBD__R | DRBD__I, 0, 0, 0xffffffff, none, none, "", 0, '1', "") \
	F(1, str, 256, cpu_mask, DRBD__D | DRBD__M, 0, 0, 0, str, none, "cpu-mask", 31, '1', "") \
	F(2, u32, 0, on_no_data, DRBD__D | DRBD__M, 0, 0, 1, \
	  enum, no_data, "on-no-data-accessible", 0, '1', "") \
	F(3, flag, 0, auto_promote, DRBD__D | DRBD__M, 1, 0, 1, \
	  boolean, none, "auto-promote", 0, '1', "") \
	F(5, u32, 0, peer_ack_window, DRBD__D | DRBD__M, 4096, 2048, 204800, \
	  num, none, "peer-ack-window", 0, 's', "bytes") \
	F(8, u32, 0, peer_ack_delay, DRBD__D, 100, 1, 10000, \
	  num, none, "peer-ack-delay", 0, '1', "milliseconds") \
	F(6, u32, 0, twopc_timeout, DRBD__D | DRBD__M, 300, 50, 600, \
	  num, none, "twopc-timeout", 0, '1', "1/10 seconds") \
	F(7, u32, 0, twopc_retry_timeout, DRBD__D | DRBD__M, 1, 1, 50, \
	  num, none, "twopc-retry-timeout", 0, '1', "1/10 seconds") \
	F(9, u32, 0, auto_promote_timeout, DRBD__D, 20, 0, 600, \
	  num, none, "auto-promote-timeout", 0, '1', "1/10 seconds") \
	F(10, u32, 0, nr_requests, DRBD__D | DRBD__KC, 8000, 4, 4294967295U, \
	  num, none, "max-io-depth", 0, '1', "") \
	F(11, s32, 0, quorum, DRBD__D, 0, 1, 32, symnum, quorum, "quorum", 0, '1', "") \
	F(12, u32, 0, on_no_quorum, DRBD__D, 1, 0, 1, \
	  enum, no_data, "on-no-quorum", 0, '1', "") \
	F(13, s32, 0, quorum_min_redundancy, DRBD__D, 0, 1, 32, \
	  symnum, quorum, "quorum-minimum-redundancy", 0, '1', "") \
	F(14, u32, 0, on_susp_primary_outdated, DRBD__D, 0, 0, 1, \
	  enum, susp_primary_outdated, "on-suspended-primary-outdated", 0, '1', "") \
	F(15, flag, 0, drbd8_compat_mode, DRBD__D, 0, 0, 1, none, none, "", 0, '1', "") \
	F(16, flag, 0, explicit_drbd8_compat, DRBD__D | DRBD__N, 0, 0, 1, \
	  boolean, none, "drbd8-api-compatibility", 0, '1', "")

#define DRBD_NEST_net_conf(F) \
	F(35, str, 64, transport_name, DRBD__D | DRBD__I, 0, 0, 0, \
	  str, none, "transport", 0, '1', "") \
	F(42, flag, 0, load_balance_paths, DRBD__D | DRBD__I | DRBD__N, 0, 0, 1, \
	  boolean, none, "load-balance-paths", 0, '1', "") \
	F(6, u32, 0, wire_protocol, DRBD__D | DRBD__M, 3, 1, 3, \
	  enumi, wire_protocol, "protocol", 0, '1', "") \
	F(8, u32, 0, timeout, DRBD__D | DRBD__M, 60, 1, 600, \
	  num, none, "timeout", 0, '1', "1/10 seconds") \
	F(15, u32, 0, max_epoch_size, DRBD__D | DRBD__M, 2048, 1, 20000, \
	  num, none, "max-epoch-size", 0, '1', "") \
	F(7, u32, 0, connect_int, DRBD__D | DRBD__M, 10, 1, 120, \
	  num, none, "connect-int", 0, '1', "seconds") \
	F(9, u32, 0, ping_int, DRBD__D | DRBD__M, 10, 1, 120, \
	  num, none, "ping-int", 0, '1', "seconds") \
	F(11, u32, 0, sndbuf_size, DRBD__D | DRBD__M, 0, 0, 134217728, \
	  num, none, "sndbuf-size", 10485760, '1', "bytes") \
	F(12, u32, 0, rcvbuf_size, DRBD__D | DRBD__M, 0, 0, 134217728, \
	  num, none, "rcvbuf-size", 10485760, '1', "bytes") \
	F(13, u32, 0, ko_count, DRBD__D | DRBD__M, 7, 0, 200, \
	  num, none, "ko-count", 0, '1', "") \
	F(24, flag, 0, two_primaries, DRBD__D | DRBD__M, 0, 0, 1, \
	  boolean, none, "allow-two-primaries", 0, '1', "") \
	F(2, str, 64, cram_hmac_alg, DRBD__D | DRBD__M, 0, 0, 0, \
	  str, none, "cram-hmac-alg", 0, '1', "") \
	F(1, str, 64, shared_secret, DRBD__D | DRBD__S | DRBD__M, 0, 0, 0, \
	  str, none, "shared-secret", 0, '1', "") \
	F(17, u32, 0, after_sb_0p, DRBD__D | DRBD__M, 0, 0, 6, \
	  enum, after_sb_0p, "after-sb-0pri", 0, '1', "") \
	F(18, u32, 0, after_sb_1p, DRBD__D | DRBD__M, 0, 0, 10, \
	  enum, after_sb_1p, "after-sb-1pri", 0, '1', "") \
	F(19, u32, 0, after_sb_2p, DRBD__D | DRBD__M, 0, 0, 10, \
	  enum, after_sb_2p, "after-sb-2pri", 0, '1', "") \
	F(27, flag, 0, always_asbp, DRBD__D | DRBD__M, 0, 0, 1, \
	  boolean, none, "always-asbp", 0, '1', "") \
	F(20, u32, 0, rr_conflict, DRBD__D | DRBD__M, 0, 0, 12, \
	  enum, rr_conflict, "rr-conflict", 0, '1', "") \
	F(10, u32, 0, ping_timeo, DRBD__D | DRBD__M, 5, 1, 300, \
	  num, none, "ping-timeout", 0, '1', "1/10 seconds") \
	F(3, str, 64, integrity_alg, DRBD__D | DRBD__M, 0, 0, 0, \
	  str, none, "data-integrity-alg", 0, '1', "") \
	F(26, flag, 0, tcp_cork, DRBD__D | DRBD__M, 1, 0, 1, \
	  boolean, none, "tcp-cork", 0, '1', "") \
	F(21, u32, 0, on_congestion, DRBD__D | DRBD__M, 0, 0, 2, \
	  enum, on_congestion, "on-congestion", 0, '1', "") \
	F(22, u32, 0, cong_fill, DRBD__D | DRBD__M, 0, 0, 20971520, \
	  num, none, "congestion-fill", 0, 's', "bytes") \
	F(23, u32, 0, cong_extents, DRBD__D | DRBD__M, 1237, 67, 65534, \
	  num, none, "congestion-extents", 0, '1', "") \
	F(5, str, 64, csums_alg, DRBD__D | DRBD__M, 0, 0, 0, \
	  str, none, "csums-alg", 0, '1', "") \
	F(33, flag, 0, csums_after_crash_only, DRBD__D, 0, 0, 1, \
	  boolean, none, "csums-after-crash-only", 0, '1', "") \
	F(4, str, 64, verify_alg, DRBD__D | DRBD__M, 0, 0, 0, \
	  str, none, "verify-alg", 0, '1', "") \
	F(29, flag, 0, use_rle, DRBD__D | DRBD__M, 1, 0, 1, \
	  boolean, none, "use-rle", 0, '1', "") \
	F(34, u32, 0, sock_check_timeo, DRBD__D, 0, 0, 300, \
	  num, none, "socket-check-timeout", 0, '1', "") \
	F(30, u32, 0, fencing_policy, DRBD__D | DRBD__M, 0, 0, 2, \
	  enum, fencing_policy, "fencing", 0, '1', "") \
	F(36, u32, 0, max_buffers, DRBD__D, 2048, 32, 131072, \
	  num, none, "max-buffers", 0, '1', "") \
	F(37, flag, 0, allow_remote_read, DRBD__D, 1, 0, 1, \
	  boolean, none, "allow-remote-read", 0, '1', "") \
	F(38, flag, 0, tls, DRBD__D | DRBD__N, 0, 0, 1, boolean, none, "tls", 0, '1', "") \
	F(41, s32, 0, tls_keyring, DRBD__D | DRBD__N, 0, -2147483648LL, 2147483647, \
	  key, key_keyring, "tls-keyring", 0, '1', "") \
	F(39, s32, 0, tls_privkey, DRBD__D | DRBD__N, 0, -2147483648LL, 2147483647, \
	  key, key_user, "tls-privkey", 0, '1', "") \
	F(40, s32, 0, tls_certificate, DRBD__D | DRBD__N, 0, -2147483648LL, 2147483647, \
	  key, key_user, "tls-certificate", 0, '1', "") \
	F(43, u32, 0, rdma_ctrl_rcvbuf_size, DRBD__D | DRBD__N, 0, 0, 10485760, \
	  num, none, "rdma-ctrl-rcvbuf-size", 0, '1', "bytes") \
	F(44, u32, 0, rdma_ctrl_sndbuf_size, DRBD__D | DRBD__N, 0, 0, 10485760, \
	  num, none, "rdma-ctrl-sndbuf-size", 0, '1', "bytes") \
	F(31, str, 64, name, DRBD__D | DRBD__M, 0, 0, 0, str, none, "_name", 0, '1', "")

#define DRBD_NEST_device_conf(F) \
	F(1, u32, 0, max_bio_size, DRBD__D | DRBD__I, 1048576, 512, 1048576, \
	  num, none, "max-bio-size", 0, '1', "") \
	F(2, flag, 0, intentional_diskless, DRBD__D, 0, 0, 1, \
	  flag, none, "diskless", 0, '1', "") \
	F(3, u32, 0, block_size, DRBD__D | DRBD__N, 512, 0, 0xffffffff, \
	  num, none, "block-size", 4096, '1', "bytes") \
	F(4, u32, 0, discard_granularity, DRBD__D | DRBD__N, 0xffffffff, 0, 0xffffffff, \
	  num, none, "discard-granularity", 134217728, '1', "bytes")

#define DRBD_NEST_peer_device_conf(F) \
	F(1, u32, 0, resync_rate, DRBD__D | DRBD__M | DRBD__KC, 250, 1, 8388608, \
	  num, none, "resync-rate", 0, 'k', "bytes/second") \
	F(2, u32, 0, c_plan_ahead, DRBD__D | DRBD__M | DRBD__KC, 20, 0, 300, \
	  num, none, "c-plan-ahead", 0, '1', "1/10 seconds") \
	F(3, u32, 0, c_delay_target, DRBD__D | DRBD__M, 10, 1, 100, \
	  num, none, "c-delay-target", 0, '1', "1/10 seconds") \
	F(4, u32, 0, c_fill_target, DRBD__D | DRBD__M, 100, 0, 1048576, \
	  num, none, "c-fill-target", 0, 's', "bytes") \
	F(5, u32, 0, c_max_rate, DRBD__D | DRBD__M, 102400, 0, 4194304, \
	  num, none, "c-max-rate", 0, 'k', "bytes/second") \
	F(6, u32, 0, c_min_rate, DRBD__D | DRBD__M, 250, 0, 4194304, \
	  num, none, "c-min-rate", 0, 'k', "bytes/second") \
	F(7, flag, 0, bitmap, DRBD__D, 1, 0, 1, boolean, none, "bitmap", 0, '1', "") \
	F(8, flag, 0, resync_without_replication, DRBD__D | DRBD__N, 1, 0, 1, \
	  boolean, none, "resync-without-replication", 0, '1', "") \
	F(9, flag, 0, peer_tiebreaker, DRBD__D | DRBD__N, 1, 0, 1, \
	  boolean, none, "peer-tiebreaker", 0, '1', "")

#define DRBD_NEST_set_role_parms(F) \
	F(1, flag, 0, force, DRBD__M, 0, 0, 1, flag, none, "force", 0, '1', "")

#define DRBD_NEST_resize_parms(F) \
	F(1, u64, 0, resize_size, DRBD__M, 0, 0, 2199023255552ULL, \
	  num, none, "size", 0, 's', "bytes") \
	F(2, flag, 0, resize_force, DRBD__M, 0, 0, 1, \
	  flag, none, "assume-peer-has-space", 0, '1', "") \
	F(3, flag, 0, no_resync, DRBD__M, 0, 0, 1, flag, none, "assume-clean", 0, '1', "") \
	F(4, u32, 0, al_stripes, 0, 1, 1, 1024, num, none, "al-stripes", 0, '1', "") \
	F(5, u32, 0, al_stripe_size, 0, 32, 4, 16777216, \
	  num, none, "al-stripe-size-kB", 0, 'k', "")

#define DRBD_NEST_start_ov_parms(F) \
	F(1, u64, 0, ov_start_sector, DRBD__M, 0, 0, 0xffffffffffffffffULL, \
	  num, none, "start", 2199023255552ULL, 's', "bytes") \
	F(2, u64, 0, ov_stop_sector, DRBD__M, 0, 0, 0xffffffffffffffffULL, \
	  num, none, "stop", 2199023255552ULL, 's', "bytes")

#define DRBD_NEST_new_c_uuid_parms(F) \
	F(1, flag, 0, clear_bm, DRBD__M, 0, 0, 1, flag, none, "clear-bitmap", 0, '1', "") \
	F(2, flag, 0, force_resync, DRBD__M, 0, 0, 1, flag, none, "force-resync", 0, '1', "")

#define DRBD_NEST_timeout_parms(F) \
	F(1, u32, 0, timeout_type, DRBD__R, 0, 0, 2, none, none, "", 0, '1', "")

#define DRBD_NEST_disconnect_parms(F) \
	F(1, flag, 0, force_disconnect, DRBD__M, 0, 0, 1, flag, none, "force", 0, '1', "")

#define DRBD_NEST_detach_parms(F) \
	F(1, flag, 0, force_detach, DRBD__M, 0, 0, 1, flag, none, "force", 0, '1', "") \
	F(2, flag, 0, intentional_diskless_detach, DRBD__D, 0, 0, 1, \
	  flag, none, "diskless", 0, '1', "")

#define DRBD_NEST_invalidate_parms(F) \
	F(1, s32, 0, sync_from_peer_node_id, DRBD__D | DRBD__M, -1, -1, 32, \
	  num, none, "sync-from-peer-node-id", 0, '1', "") \
	F(2, flag, 0, reset_bitmap, DRBD__D | DRBD__M, 1, 0, 1, \
	  boolean, none, "reset-bitmap", 0, '1', "")

#define DRBD_NEST_forget_peer_parms(F) \
	F(1, s32, 0, forget_peer_node_id, DRBD__R | DRBD__M, 0, -2147483648LL, 2147483647, \
	  none, none, "", 0, '1', "")

#define DRBD_NEST_path_parms(F) \
	F(1, bin, 128, my_addr, DRBD__M, 0, 0, 0, none, none, "", 0, '1', "") \
	F(2, bin, 128, peer_addr, DRBD__M, 0, 0, 0, none, none, "", 0, '1', "")

#define DRBD_NEST_connect_parms(F) \
	F(1, flag, 0, tentative, DRBD__M, 0, 0, 1, flag, none, "tentative", 0, '1', "") \
	F(2, flag, 0, discard_my_data, DRBD__M, 0, 0, 1, \
	  flag, none, "discard-my-data", 0, '1', "")

#define DRBD_NEST_rename_resource_parms(F) \
	F(1, str, 128, new_resource_name, DRBD__R | DRBD__M, 0, 0, 0, \
	  none, none, "", 0, '1', "")

#define DRBD_NEST_inval_peer_parms(F) \
	F(1, flag, 0, p_reset_bitmap, DRBD__D | DRBD__M, 1, 0, 1, \
	  boolean, none, "reset-bitmap", 0, '1', "")

#define DRBD_NEST_suspend_io_parms(F) \
	F(1, flag, 0, bdev_freeze, DRBD__D | DRBD__M | DRBD__N, 1, 0, 1, \
	  boolean, none, "bdev-freeze", 0, '1', "")

/* ------------------------------------------------ states and statistics */

/*
 * Only sent by the kernel: no options, no ranges.  A shorter form:
 *	S(nr, type, len, member)
 * DRBD_NEST_x() below turns it into F().
 */
#define DRBD_STATE_resource_info(S, F) \
	S(F, 1, u32, 0, res_role) \
	S(F, 2, flag, 0, res_susp) \
	S(F, 3, flag, 0, res_susp_nod) \
	S(F, 4, flag, 0, res_susp_fen) \
	S(F, 5, flag, 0, res_susp_quorum) \
	S(F, 6, flag, 0, res_fail_io)

#define DRBD_STATE_device_info(S, F) \
	S(F, 1, u32, 0, dev_disk_state) \
	S(F, 2, flag, 0, is_intentional_diskless) \
	S(F, 3, flag, 0, dev_has_quorum) \
	S(F, 5, flag, 0, dev_is_open) \
	S(F, 4, str, 128, backing_dev_path)

#define DRBD_STATE_connection_info(S, F) \
	S(F, 1, u32, 0, conn_connection_state) \
	S(F, 2, u32, 0, conn_role)

#define DRBD_STATE_peer_device_info(S, F) \
	S(F, 1, u32, 0, peer_repl_state) \
	S(F, 2, u32, 0, peer_disk_state) \
	S(F, 3, u32, 0, peer_resync_susp_user) \
	S(F, 4, u32, 0, peer_resync_susp_peer) \
	S(F, 5, u32, 0, peer_resync_susp_dependency) \
	S(F, 6, flag, 0, peer_is_intentional_diskless) \
	S(F, 7, u32, 0, peer_resync_susp_max_parallel)

#define DRBD_STATE_resource_statistics(S, F) \
	S(F, 1, u32, 0, res_stat_write_ordering)

#define DRBD_STATE_device_statistics(S, F) \
	S(F, 1, u64, 0, dev_size)			/* sectors */ \
	S(F, 2, u64, 0, dev_read)			/* sectors */ \
	S(F, 3, u64, 0, dev_write)			/* sectors */ \
	S(F, 4, u64, 0, dev_al_writes) \
	S(F, 5, u64, 0, dev_bm_writes) \
	S(F, 6, u32, 0, dev_upper_pending) \
	S(F, 7, u32, 0, dev_lower_pending) \
	S(F, 8, flag, 0, dev_upper_blocked) \
	S(F, 9, flag, 0, dev_lower_blocked) \
	S(F, 10, flag, 0, dev_al_suspended) \
	S(F, 11, u64, 0, dev_exposed_data_uuid) \
	S(F, 12, u64, 0, dev_current_uuid) \
	S(F, 13, u32, 0, dev_disk_flags) \
	S(F, 14, bin, 256, history_uuids)		/* host order u64s */

#define DRBD_STATE_connection_statistics(S, F) \
	S(F, 1, flag, 0, conn_congested) \
	S(F, 2, u64, 0, ap_in_flight)			/* sectors */ \
	S(F, 3, u64, 0, rs_in_flight)			/* sectors */

#define DRBD_STATE_peer_device_statistics(S, F) \
	S(F, 1, u64, 0, peer_dev_received)		/* sectors */ \
	S(F, 2, u64, 0, peer_dev_sent)			/* sectors */ \
	S(F, 3, u32, 0, peer_dev_pending) \
	S(F, 4, u32, 0, peer_dev_unacked) \
	S(F, 5, u64, 0, peer_dev_out_of_sync)		/* sectors */ \
	S(F, 6, u64, 0, peer_dev_resync_failed)		/* sectors */ \
	S(F, 7, u64, 0, peer_dev_bitmap_uuid) \
	S(F, 9, u32, 0, peer_dev_flags) \
	S(F, 10, u64, 0, peer_dev_rs_total)		/* sectors */ \
	S(F, 11, u64, 0, peer_dev_ov_start_sector) \
	S(F, 12, u64, 0, peer_dev_ov_stop_sector) \
	S(F, 13, u64, 0, peer_dev_ov_position)		/* sectors */ \
	S(F, 14, u64, 0, peer_dev_ov_left)		/* sectors */ \
	S(F, 15, u64, 0, peer_dev_ov_skipped)		/* sectors */ \
	S(F, 16, u64, 0, peer_dev_rs_same_csum)		/* sectors */ \
	S(F, 17, u64, 0, peer_dev_rs_dt_start_ms) \
	S(F, 18, u64, 0, peer_dev_rs_paused_ms) \
	S(F, 19, u64, 0, peer_dev_rs_dt0_ms) \
	S(F, 20, u64, 0, peer_dev_rs_db0_sectors) \
	S(F, 21, u64, 0, peer_dev_rs_dt1_ms) \
	S(F, 22, u64, 0, peer_dev_rs_db1_sectors) \
	S(F, 23, u32, 0, peer_dev_rs_c_sync_rate)	/* KiB/s */ \
	S(F, 24, u64, 0, peer_dev_uuid_flags)

#define DRBD_STATE_notification_header(S, F) \
	S(F, 1, u32, 0, nh_type)

#define DRBD_STATE_helper_info(S, F) \
	S(F, 1, str, 32, helper_name) \
	S(F, 2, u32, 0, helper_status)

#define DRBD_STATE_path_info(S, F) \
	S(F, 1, flag, 0, path_established)

#define DRBD_STATE_rename_resource_info(S, F) \
	S(F, 1, str, 128, res_new_name)

#define DRBD__STATE_FIELD(F, nr, type, len, member) \
	F(nr, type, len, member, 0, 0, 0, 0, none, none, "", 0, '1', "")

#define DRBD_NEST_resource_info(F) DRBD_STATE_resource_info(DRBD__STATE_FIELD, F)
#define DRBD_NEST_device_info(F) DRBD_STATE_device_info(DRBD__STATE_FIELD, F)
#define DRBD_NEST_connection_info(F) DRBD_STATE_connection_info(DRBD__STATE_FIELD, F)
#define DRBD_NEST_peer_device_info(F) DRBD_STATE_peer_device_info(DRBD__STATE_FIELD, F)
#define DRBD_NEST_resource_statistics(F) DRBD_STATE_resource_statistics(DRBD__STATE_FIELD, F)
#define DRBD_NEST_device_statistics(F) DRBD_STATE_device_statistics(DRBD__STATE_FIELD, F)
#define DRBD_NEST_connection_statistics(F) DRBD_STATE_connection_statistics(DRBD__STATE_FIELD, F)
#define DRBD_NEST_peer_device_statistics(F) \
	DRBD_STATE_peer_device_statistics(DRBD__STATE_FIELD, F)
#define DRBD_NEST_notification_header(F) DRBD_STATE_notification_header(DRBD__STATE_FIELD, F)
#define DRBD_NEST_helper_info(F) DRBD_STATE_helper_info(DRBD__STATE_FIELD, F)
#define DRBD_NEST_path_info(F) DRBD_STATE_path_info(DRBD__STATE_FIELD, F)
#define DRBD_NEST_rename_resource_info(F) DRBD_STATE_rename_resource_info(DRBD__STATE_FIELD, F)

/* ----------------------------------------------- all top-level attributes */

/* N(number, struct name); number 8 stays unused. */
#define DRBD_NESTS(N) \
	N(1, cfg_reply) \
	N(2, cfg_context) \
	N(3, disk_conf) \
	N(4, res_opts) \
	N(5, net_conf) \
	N(6, set_role_parms) \
	N(7, resize_parms) \
	N(9, start_ov_parms) \
	N(10, new_c_uuid_parms) \
	N(11, timeout_parms) \
	N(12, disconnect_parms) \
	N(13, detach_parms) \
	N(14, device_conf) \
	N(15, resource_info) \
	N(16, device_info) \
	N(17, connection_info) \
	N(18, peer_device_info) \
	N(19, resource_statistics) \
	N(20, device_statistics) \
	N(21, connection_statistics) \
	N(22, peer_device_statistics) \
	N(23, notification_header) \
	N(24, helper_info) \
	N(25, invalidate_parms) \
	N(26, forget_peer_parms) \
	N(27, peer_device_conf) \
	N(28, path_parms) \
	N(29, connect_parms) \
	N(30, path_info) \
	N(31, rename_resource_parms) \
	N(32, rename_resource_info) \
	N(33, inval_peer_parms) \
	N(34, suspend_io_parms)

/* ============================================================= operations */

/* What a command's target must be; checked before it runs (netlink.md 7.1). */
#define DRBD_CTX_MINOR		0x01	/* existing device, by header minor */
#define DRBD_CTX_RESOURCE	0x02	/* existing resource, by name */
#define DRBD_CTX_PEER_ID	0x04	/* a peer node id is given */
#define DRBD_CTX_CONNECTION	0x08	/* ... and there is a connection to it */
#define DRBD_CTX_PEER_DEVICE	0x10	/* ... and it has the given volume */
#define DRBD_CTX_ANY_VERSION	0x20	/* do not insist on DRBD_GENL_VERSION */

#define DRBD__CTX_M	DRBD_CTX_MINOR
#define DRBD__CTX_R	DRBD_CTX_RESOURCE
#define DRBD__CTX_P	(DRBD_CTX_RESOURCE | DRBD_CTX_PEER_ID)
#define DRBD__CTX_C	(DRBD__CTX_P | DRBD_CTX_CONNECTION)
#define DRBD__CTX_PD	(DRBD__CTX_C | DRBD_CTX_PEER_DEVICE)

/*
 * O(number, NAME, name, kind, ctx, nest, parse)
 *
 * kind   doit (admin command, exactly one reply), dump (open to everybody),
 *        note (only sent by the kernel)
 * nest   DRBD_NLA_* of the parameters, 0 if it takes none
 * parse  create: nest must be there, required fields too;
 *        optional: nest may be absent, otherwise as at creation;
 *        change: nest may be absent, invariant fields refused;
 *        none: no nest
 */
#define DRBD_OPS(O) \
	O(5, NEW_MINOR, new_minor, doit, DRBD__CTX_R, 14, optional) \
	O(6, DEL_MINOR, del_minor, doit, DRBD__CTX_M, 0, none) \
	O(7, NEW_RESOURCE, new_resource, doit, 0, 4, create) \
	O(8, DEL_RESOURCE, del_resource, doit, DRBD__CTX_R, 0, none) \
	O(9, RESOURCE_OPTS, resource_opts, doit, DRBD__CTX_R, 4, change) \
	O(10, CONNECT, connect, doit, DRBD__CTX_C, 29, optional) \
	O(11, DISCONNECT, disconnect, doit, DRBD__CTX_C, 12, optional) \
	O(12, ATTACH, attach, doit, DRBD__CTX_M, 3, create) \
	O(13, RESIZE, resize, doit, DRBD__CTX_M, 7, optional) \
	O(14, PRIMARY, primary, doit, DRBD__CTX_R, 6, optional) \
	O(15, SECONDARY, secondary, doit, DRBD__CTX_R, 6, optional) \
	O(16, NEW_C_UUID, new_c_uuid, doit, DRBD__CTX_M, 10, optional) \
	O(17, START_OV, start_ov, doit, DRBD__CTX_PD, 9, optional) \
	O(18, DETACH, detach, doit, DRBD__CTX_M, 13, optional) \
	O(19, INVALIDATE, invalidate, doit, DRBD__CTX_M, 25, optional) \
	O(20, INVAL_PEER, inval_peer, doit, DRBD__CTX_PD, 33, optional) \
	O(21, PAUSE_SYNC, pause_sync, doit, DRBD__CTX_PD, 0, none) \
	O(22, RESUME_SYNC, resume_sync, doit, DRBD__CTX_PD, 0, none) \
	O(23, SUSPEND_IO, suspend_io, doit, DRBD__CTX_M, 34, optional) \
	O(24, RESUME_IO, resume_io, doit, DRBD__CTX_M, 0, none) \
	O(25, OUTDATE, outdate, doit, DRBD__CTX_M, 0, none) \
	O(26, GET_TIMEOUT_TYPE, get_timeout_type, doit, DRBD__CTX_PD, 0, none) \
	O(27, DOWN, down, doit, DRBD__CTX_R | DRBD_CTX_ANY_VERSION, 0, none) \
	O(28, CHG_DISK_OPTS, chg_disk_opts, doit, DRBD__CTX_M, 3, change) \
	O(29, CHG_NET_OPTS, chg_net_opts, doit, DRBD__CTX_C, 5, change) \
	O(30, GET_RESOURCES, get_resources, dump, 0, 0, none) \
	O(31, GET_DEVICES, get_devices, dump, 0, 0, none) \
	O(32, GET_CONNECTIONS, get_connections, dump, 0, 0, none) \
	O(33, GET_PEER_DEVICES, get_peer_devices, dump, 0, 0, none) \
	O(34, RESOURCE_STATE, resource_state, note, 0, 0, none) \
	O(35, DEVICE_STATE, device_state, note, 0, 0, none) \
	O(36, CONNECTION_STATE, connection_state, note, 0, 0, none) \
	O(37, PEER_DEVICE_STATE, peer_device_state, note, 0, 0, none) \
	O(38, GET_INITIAL_STATE, get_initial_state, dump, 0, 0, none) \
	O(40, HELPER, helper, note, 0, 0, none) \
	O(41, INITIAL_STATE_DONE, initial_state_done, note, 0, 0, none) \
	O(42, FORGET_PEER, forget_peer, doit, DRBD__CTX_R, 26, create) \
	O(43, CHG_PEER_DEVICE_OPTS, chg_peer_device_opts, doit, DRBD__CTX_PD, 27, change) \
	O(44, NEW_PEER, new_peer, doit, DRBD__CTX_P, 5, create) \
	O(45, NEW_PATH, new_path, doit, DRBD__CTX_C, 28, create) \
	O(46, DEL_PEER, del_peer, doit, DRBD__CTX_C, 12, optional) \
	O(47, DEL_PATH, del_path, doit, DRBD__CTX_C, 28, create) \
	O(48, PATH_STATE, path_state, note, 0, 0, none) \
	O(49, RENAME_RESOURCE, rename_resource, doit, DRBD__CTX_R, 31, create) \
	O(50, GET_PATHS, get_paths, dump, 0, 0, none)

/* =================================================== derived: numbers */

/* enum drbd_genl_cmd: DRBD_CMD_NEW_MINOR = 5, ... */
#define DRBD__OP_ENUM(nr, NAME, name, kind, ctx, nest, parse) DRBD_CMD_##NAME = (nr),
enum drbd_genl_cmd {
	DRBD_OPS(DRBD__OP_ENUM)
	DRBD_CMD_MAX = 50
};

/* Top-level attribute numbers: DRBD_NLA_disk_conf = 3, ... */
#define DRBD__NEST_ENUM(nr, name) DRBD_NLA_##name = (nr),
enum drbd_genl_tla {
	DRBD_NESTS(DRBD__NEST_ENUM)
	DRBD_NLA_MAX = 34
};

/* Nested attribute numbers: T_backing_dev = 1, ...  Member names are unique over all nests. */
#define DRBD__FIELD_ENUM(nr, type, len, member, ...) T_##member = (nr),
#define DRBD__NEST_FIELD_ENUM(nr, name) DRBD_NEST_##name(DRBD__FIELD_ENUM)
enum drbd_genl_attr {
	DRBD_NESTS(DRBD__NEST_FIELD_ENUM)
};

/* =============================================== derived: structures */

/*
 * struct disk_conf { char backing_dev[128]; ... __u8 disk_barrier; ... } and so
 * on, one per nest: str is a NUL-terminated char array; bin is bytes with their
 * number in <member>_len; flag is __u8.
 */
#define DRBD__DECL_flag(member, len) __u8 member;
#define DRBD__DECL_u32(member, len) __u32 member;
#define DRBD__DECL_s32(member, len) __s32 member;
#define DRBD__DECL_u64(member, len) __u64 member;
#define DRBD__DECL_str(member, len) char member[len];
#define DRBD__DECL_bin(member, len) __u32 member##_len; __u8 member[len];

#define DRBD__FIELD_DECL(nr, type, len, member, ...) DRBD__DECL_##type(member, len)
#define DRBD__NEST_STRUCT(nr, name) struct name { DRBD_NEST_##name(DRBD__FIELD_DECL) };
DRBD_NESTS(DRBD__NEST_STRUCT)

/* ================================================= derived: defaults */

#define DRBD__SET_flag(p, member, def) ((p)->member = (__u8)(def))
#define DRBD__SET_u32(p, member, def) ((p)->member = (__u32)(def))
#define DRBD__SET_s32(p, member, def) ((p)->member = (__s32)(def))
#define DRBD__SET_u64(p, member, def) ((p)->member = (__u64)(def))
#define DRBD__SET_str(p, member, def) memset((p)->member, 0, sizeof((p)->member))
#define DRBD__SET_bin(p, member, def) ((p)->member##_len = 0)

#define DRBD__FIELD_DEFAULT(nr, type, len, member, flags, def, ...) \
	if ((flags) & DRBD_F_DEFAULT) \
		DRBD__SET_##type(conf, member, def);
#define DRBD__FIELD_RESET(nr, type, len, member, flags, def, ...) \
	if (((flags) & (DRBD_F_DEFAULT | DRBD_F_INVARIANT)) == DRBD_F_DEFAULT) \
		DRBD__SET_##type(conf, member, def);

/*
 * disk_conf_init(): all zero, then the defaults of every field that has one.
 * disk_conf_reset(): what --set-defaults does: defaults for every field that can
 * be changed later; the others stay.  Likewise for the other nests with options.
 */
#define DRBD__NEST_DEFAULTS(name)					\
static inline void name##_init(struct name *conf)			\
{									\
	memset(conf, 0, sizeof(*conf));					\
	DRBD_NEST_##name(DRBD__FIELD_DEFAULT)				\
}									\
									\
static inline void name##_reset(struct name *conf)			\
{									\
	DRBD_NEST_##name(DRBD__FIELD_RESET)				\
}

DRBD__NEST_DEFAULTS(disk_conf)
DRBD__NEST_DEFAULTS(res_opts)
DRBD__NEST_DEFAULTS(net_conf)
DRBD__NEST_DEFAULTS(device_conf)
DRBD__NEST_DEFAULTS(peer_device_conf)
DRBD__NEST_DEFAULTS(detach_parms)
DRBD__NEST_DEFAULTS(invalidate_parms)
DRBD__NEST_DEFAULTS(inval_peer_parms)
DRBD__NEST_DEFAULTS(suspend_io_parms)

/* ======================================== derived: descriptor tables */

enum drbd_genl_type {
	DRBD_T_flag, DRBD_T_u32, DRBD_T_s32, DRBD_T_u64, DRBD_T_str, DRBD_T_bin,
};

enum drbd_genl_kind {
	DRBD_K_none, DRBD_K_boolean, DRBD_K_flag, DRBD_K_num, DRBD_K_enum, DRBD_K_enumi,
	DRBD_K_symnum, DRBD_K_str, DRBD_K_key,
};

enum drbd_genl_op_kind {
	DRBD_OP_doit, DRBD_OP_dump, DRBD_OP_note,
};

enum drbd_genl_parse {
	DRBD_PARSE_none, DRBD_PARSE_create, DRBD_PARSE_optional, DRBD_PARSE_change,
};

struct drbd_genl_word {
	int value;
	const char *word;
};

struct drbd_genl_field {
	const char *name;		/* member name */
	const char *option;		/* "" if the tools have no option for it */
	const char *unit;
	const struct drbd_genl_word *words;
	__u16 nr;			/* attribute number */
	__u16 flags;			/* DRBD_F_* */
	__u16 offset;			/* in the struct */
	__u16 len_offset;		/* bin: of member_len */
	__u16 len;			/* str, bin: bytes */
	__u8 type;			/* enum drbd_genl_type */
	__u8 kind;			/* enum drbd_genl_kind */
	__u8 nr_words;
	char scale;
	__s64 def;
	__s64 min;
	__u64 max;
	__u64 offer;
};

struct drbd_genl_nest {
	const char *name;
	const struct drbd_genl_field *fields;
	__u16 nr;			/* top-level attribute number */
	__u16 nr_fields;
	__u32 size;			/* of the struct */
};

struct drbd_genl_op {
	const char *name;
	__u8 nr;
	__u8 kind;			/* enum drbd_genl_op_kind */
	__u8 ctx;			/* DRBD_CTX_* */
	__u8 nest;			/* DRBD_NLA_*, or 0 */
	__u8 parse;			/* enum drbd_genl_parse */
};

/*
 * Define DRBD_GENL_TABLES before including this header, in one source file of a
 * program or module, to get
 *	drbd_fields_<nest>[]	fields of a nest in schema order
 *	drbd_genl_nests[]	in ascending order of the number
 * and DRBD_GENL_OP_TABLE to get
 *	drbd_genl_ops[]		in ascending order of the number
 */
#ifdef DRBD_GENL_TABLES

/* Word lists end with a NULL word. */
#define DRBD__WORD(value, word) { value, word },
#define DRBD__WORD_TABLE(list) \
	static const struct drbd_genl_word drbd_words_##list[] = { \
		DRBD_WORDS_##list(DRBD__WORD) { 0, NULL } };
DRBD_WORD_LISTS(DRBD__WORD_TABLE)
DRBD__WORD_TABLE(none)

#define DRBD__COUNT_WORD(value, word) + 1

/*
 * F() does not say which nest it is in, but member names are unique over all of
 * them: the offset within the own structure is that within a union of all.
 */
#define DRBD__NEST_ANONYMOUS(nr, name) __extension__ struct { DRBD_NEST_##name(DRBD__FIELD_DECL) };
union drbd__all_nests {
	DRBD_NESTS(DRBD__NEST_ANONYMOUS)
};

#define DRBD__LEN_OFF_flag(member) 0
#define DRBD__LEN_OFF_u32(member) 0
#define DRBD__LEN_OFF_s32(member) 0
#define DRBD__LEN_OFF_u64(member) 0
#define DRBD__LEN_OFF_str(member) 0
#define DRBD__LEN_OFF_bin(member) offsetof(union drbd__all_nests, member##_len)

#define DRBD__OFFER(type, len, max, offer) \
	((offer) ? (__u64)(offer) : \
	 DRBD_T_##type == DRBD_T_str ? (__u64)(len) - 1 : (__u64)(max))

#define DRBD__FIELD_DESC(nr, type, len, member, flags, def, min, max, kind, words, option, \
			 offer, scale, unit) \
	{ #member, option, unit, drbd_words_##words, nr, (flags), \
	  offsetof(union drbd__all_nests, member), DRBD__LEN_OFF_##type(member), \
	  len, DRBD_T_##type, DRBD_K_##kind, 0 DRBD_WORDS_##words(DRBD__COUNT_WORD), scale, \
	  def, min, max, DRBD__OFFER(type, len, max, offer) },

#define DRBD__FIELD_TABLE(nr, name) \
	static const struct drbd_genl_field drbd_fields_##name[] = { \
		DRBD_NEST_##name(DRBD__FIELD_DESC) };
DRBD_NESTS(DRBD__FIELD_TABLE)

#define DRBD__NEST_DESC(nr, name) \
	{ #name, drbd_fields_##name, nr, \
	  sizeof(drbd_fields_##name) / sizeof(drbd_fields_##name[0]), sizeof(struct name) },
static const struct drbd_genl_nest drbd_genl_nests[] = {
	DRBD_NESTS(DRBD__NEST_DESC)
};

#endif /* DRBD_GENL_TABLES */

#ifdef DRBD_GENL_OP_TABLE

#define DRBD__OP_DESC(nr, NAME, name, kind, ctx, nest, parse) \
	{ #name, nr, DRBD_OP_##kind, (ctx), nest, DRBD_PARSE_##parse },
static const struct drbd_genl_op drbd_genl_ops[] = {
	DRBD_OPS(DRBD__OP_DESC)
};

#endif /* DRBD_GENL_OP_TABLE */

#endif /* LINUX_DRBD_GENL_H */
