/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The wire: packet numbers, header formats and the packed big-endian layout of
 * every packet of DRBD's replication protocol (versions 86 to 124).  Nothing
 * here is code.  Bounds checks and the translation into CPU order are in
 * drbd/core/packet.h; nobody else needs to look at a wire_* structure.
 *
 * Usable from kernel C, from user-space C and from C++.
 */
#ifndef DRBD_PROTOCOL_H
#define DRBD_PROTOCOL_H

#include <linux/types.h>

/* ------------------------------------------------------ protocol versions */

#define DRBD_PROTOCOL_VERSION_MIN	118	/* what we offer */
#define DRBD_PROTOCOL_VERSION_MAX	124
#define DRBD_PROTOCOL_VERSION_OLDEST	86	/* what the layouts below describe */
/* Versions of which no release exists; never agree on one of them. */
#define DRBD_PROTOCOL_HOLE_FIRST	102
#define DRBD_PROTOCOL_HOLE_LAST		117

/* Feature flags, P_CONNECTION_FEATURES; in force are those both sides sent. */
#define DRBD_FF_TRIM			0x001U	/* P_TRIM may be sent */
#define DRBD_FF_THIN_RESYNC		0x002U	/* P_RS_THIN_*, P_RS_DEALLOCATED* */
#define DRBD_FF_WSAME			0x004U	/* P_SIZES has the limits block; 128 MiB discards */
#define DRBD_FF_WZEROES			0x008U	/* P_ZEROES may be sent */
#define DRBD_FF_RESYNC_DAGTAG		0x010U	/* *_DAGTAG_* requests */
#define DRBD_FF_2PC_V2			0x020U	/* flags word in two-phase requests */
#define DRBD_FF_RS_SKIP_UUID		0x040U
#define DRBD_FF_RESYNC_WITHOUT_REPL	0x080U	/* P_ENABLE_REPLICATION* */
#define DRBD_FF_BM_BLOCK_SHIFT		0x100U	/* bitmap granularity in P_SIZES */
#define DRBD_FF_RECONCILE_RECONNECT	0x200U	/* P_PEER_DAGTAG in the introduction */

/* ---------------------------------------------------------------- packets */

enum drbd_packet {
	/* application I/O */
	P_DATA				= 0x00,
	P_DATA_REPLY			= 0x01,
	P_RS_DATA_REPLY			= 0x02,
	P_BARRIER			= 0x03,
	P_BITMAP			= 0x04,
	P_BECOME_SYNC_TARGET		= 0x05,	/* historical, never sent */
	P_BECOME_SYNC_SOURCE		= 0x06,	/* historical, never sent */
	P_UNPLUG_REMOTE			= 0x07,
	P_DATA_REQUEST			= 0x08,
	P_RS_DATA_REQUEST		= 0x09,
	P_SYNC_PARAM			= 0x0a,
	P_PROTOCOL			= 0x0b,
	P_UUIDS				= 0x0c,
	P_SIZES				= 0x0d,
	P_STATE				= 0x0e,
	P_SYNC_UUID			= 0x0f,
	P_AUTH_CHALLENGE		= 0x10,
	P_AUTH_RESPONSE			= 0x11,
	P_STATE_CHG_REQ			= 0x12,

	/* control stream */
	P_PING				= 0x13,
	P_PING_ACK			= 0x14,
	P_RECV_ACK			= 0x15,
	P_WRITE_ACK			= 0x16,
	P_RS_WRITE_ACK			= 0x17,
	P_SUPERSEDED			= 0x18,
	P_NEG_ACK			= 0x19,
	P_NEG_DREPLY			= 0x1a,
	P_NEG_RS_DREPLY			= 0x1b,
	P_BARRIER_ACK			= 0x1c,
	P_STATE_CHG_REPLY		= 0x1d,

	P_OV_REQUEST			= 0x1e,
	P_OV_REPLY			= 0x1f,
	P_OV_RESULT			= 0x20,	/* control */
	P_CSUM_RS_REQUEST		= 0x21,
	P_RS_IS_IN_SYNC			= 0x22,	/* control */
	P_SYNC_PARAM89			= 0x23,
	P_COMPRESSED_BITMAP		= 0x24,
	P_DELAY_PROBE			= 0x27,	/* either; ignored */
	P_OUT_OF_SYNC			= 0x28,
	P_RS_CANCEL			= 0x29,	/* control */
	P_CONN_ST_CHG_REQ		= 0x2a,
	P_CONN_ST_CHG_REPLY		= 0x2b,	/* control */
	P_RETRY_WRITE			= 0x2c,	/* control */
	P_PROTOCOL_UPDATE		= 0x2d,
	P_TWOPC_PREPARE			= 0x2e,
	P_TWOPC_ABORT			= 0x2f,
	P_DAGTAG			= 0x30,
	P_TRIM				= 0x31,
	P_RS_THIN_REQ			= 0x32,
	P_RS_DEALLOCATED		= 0x33,
	P_WSAME				= 0x34,	/* removed; a protocol error */
	P_TWOPC_PREP_RSZ		= 0x35,
	P_ZEROES			= 0x36,

	P_PEER_ACK			= 0x40,	/* control */
	P_PEERS_IN_SYNC			= 0x41,	/* control */
	P_UUIDS110			= 0x42,
	P_PEER_DAGTAG			= 0x43,
	P_CURRENT_UUID			= 0x44,
	P_TWOPC_YES			= 0x45,	/* control */
	P_TWOPC_NO			= 0x46,	/* control */
	P_TWOPC_COMMIT			= 0x47,
	P_TWOPC_RETRY			= 0x48,	/* control */
	P_CONFIRM_STABLE		= 0x49,	/* control */
	P_RS_CANCEL_AHEAD		= 0x4a,	/* control */
	P_DISCONNECT			= 0x4b,
	P_RS_DAGTAG_REQ			= 0x4c,
	P_RS_CSUM_DAGTAG_REQ		= 0x4d,
	P_RS_THIN_DAGTAG_REQ		= 0x4e,
	P_OV_DAGTAG_REQ			= 0x4f,
	P_OV_DAGTAG_REPLY		= 0x50,
	P_WRITE_ACK_IN_SYNC		= 0x51,	/* control */
	P_RS_NEG_ACK			= 0x52,	/* control */
	P_OV_RESULT_ID			= 0x53,	/* control */
	P_RS_DEALLOCATED_ID		= 0x54,
	P_FLUSH_REQUESTS		= 0x55,
	P_FLUSH_FORWARD			= 0x56,	/* control */
	P_FLUSH_REQUESTS_ACK		= 0x57,
	P_ENABLE_REPLICATION_NEXT	= 0x58,
	P_ENABLE_REPLICATION		= 0x59,

	/* before a version is agreed on: old header only */
	P_INITIAL_META			= 0xfff1,
	P_INITIAL_DATA			= 0xfff2,
	P_CONNECTION_FEATURES		= 0xfffe,
};

/* ---------------------------------------------------------------- headers */

#define DRBD_MAGIC_H80		0x83740267U
#define DRBD_MAGIC_H95		0x835aU
#define DRBD_MAGIC_H100		0x8620ec20U

/* "No volume": the packet is about the connection or the resource. */
#define DRBD_NO_VOLUME		0xffffU

struct wire_header80 {
	__be32 magic;
	__be16 command;
	__be16 length;		/* bytes after the header, in all formats */
} __attribute__((packed));

struct wire_header95 {
	__be16 magic;
	__be16 command;
	__be32 length;
} __attribute__((packed));

struct wire_header100 {
	__be32 magic;
	__be16 volume;
	__be16 command;
	__be32 length;
	__be32 pad;		/* 0 */
} __attribute__((packed));

#define DRBD_MAX_HEADER_SIZE	16

/* ----------------------------------------------------------------- limits */

#define DRBD_PACKET_BUFFER_SIZE		4096	/* header and everything but bulk data */
#define DRBD_MAX_DIGEST_SIZE		64
#define DRBD_WIRE_ALG_NAME_LEN		64	/* with its NUL */
#define DRBD_CHALLENGE_LEN		64
#define DRBD_WIRE_HISTORY_UUIDS		32	/* what we send and take */

#define DRBD_MAX_BIO_SIZE		(1U << 20)	/* protocol >= 100 */
#define DRBD_MAX_BIO_SIZE_P95		(1U << 17)	/* 95 to 99 */
#define DRBD_MAX_BIO_SIZE_P94		(1U << 15)	/* <= 94 */
#define DRBD_MAX_DISCARD_SIZE		(128U << 20)	/* P_TRIM, P_ZEROES with WSAME */
#define DRBD_MAX_DISCARD_SIZE_OLD	(4U << 20)	/* without */

/* Above this header plus payload needs H95 in protocols 95 to 99. */
#define DRBD_H80_MAX_PACKET		32768U

/* ---------------------------------------------------- application I/O */

/*
 * block_id and barrier are opaque: whoever answers copies the raw bytes.
 * Own block ids are never 0 and never DRBD_ID_SYNCER.
 */
#define DRBD_ID_SYNCER	(~(__u64)0)

/* dp_flags of P_DATA, P_TRIM, P_ZEROES */
#define DP_HARDBARRIER		0x001U	/* obsolete */
#define DP_RW_SYNC		0x002U
#define DP_MAY_SET_IN_SYNC	0x004U
#define DP_UNPLUG		0x008U	/* obsolete */
#define DP_FUA			0x010U
#define DP_FLUSH		0x020U
#define DP_DISCARD		0x040U	/* P_ZEROES: may unmap */
#define DP_SEND_RECEIVE_ACK	0x080U	/* protocol B */
#define DP_SEND_WRITE_ACK	0x100U	/* protocol C */
#define DP_WSAME		0x200U	/* obsolete; a protocol error */
#define DP_ZEROES		0x400U

/* P_DATA, P_DATA_REPLY, P_RS_DATA_REPLY; digest and data follow */
struct wire_data {
	__be64 sector;
	__u64 block_id;
	__be32 seq_num;
	__be32 dp_flags;
} __attribute__((packed));

/* P_TRIM, P_ZEROES */
struct wire_trim {
	struct wire_data data;
	__be32 size;
} __attribute__((packed));

/* every per-block ack, P_RS_DEALLOCATED_ID */
struct wire_block_ack {
	__be64 sector;
	__u64 block_id;
	__be32 size;
	__be32 seq_num;
} __attribute__((packed));

/* block_id of P_OV_RESULT, big-endian, protocol < 122 */
#define DRBD_OV_ID_SKIPPED	4710
#define DRBD_OV_ID_IN_SYNC	4711
#define DRBD_OV_ID_OUT_OF_SYNC	4712

enum drbd_ov_result {
	OV_RESULT_SKIP		= 0,
	OV_RESULT_IN_SYNC	= 1,
	OV_RESULT_OUT_OF_SYNC	= 2,
};

/* P_OV_RESULT_ID */
struct wire_ov_result {
	struct wire_block_ack ack;
	__be32 result;
	__be32 pad;
} __attribute__((packed));

/* P_DATA_REQUEST, P_RS_DATA_REQUEST, P_RS_THIN_REQ, P_CSUM_RS_REQUEST, P_OV_REQUEST, P_OV_REPLY */
struct wire_block_request {
	__be64 sector;
	__u64 block_id;
	__be32 size;
	__be32 pad;
} __attribute__((packed));

/* the same of the *_DAGTAG_* family */
struct wire_dagtag_request {
	__be64 sector;
	__u64 block_id;
	__be32 size;
	__be32 dagtag_node_id;
	__be64 dagtag;
} __attribute__((packed));

/* P_OUT_OF_SYNC, P_RS_DEALLOCATED; pad may hold garbage */
struct wire_block_range {
	__be64 sector;
	__be32 size;
	__be32 pad;
} __attribute__((packed));

/* P_PEERS_IN_SYNC */
struct wire_peers_in_sync {
	__be64 sector;
	__be64 node_mask;
	__be32 size;
	__be32 pad;
} __attribute__((packed));

struct wire_barrier {
	__u32 barrier;
	__be32 pad;
} __attribute__((packed));

struct wire_barrier_ack {
	__u32 barrier;
	__be32 set_size;
} __attribute__((packed));

struct wire_confirm_stable {
	__u64 oldest_block_id;
	__u64 youngest_block_id;
	__be32 set_size;
	__be32 pad;
} __attribute__((packed));

struct wire_dagtag {
	__be64 dagtag;
} __attribute__((packed));

struct wire_peer_ack {
	__be64 node_mask;
	__be64 dagtag;
} __attribute__((packed));

struct wire_peer_dagtag {
	__be64 dagtag;
	__be32 node_id;
} __attribute__((packed));

/* P_FLUSH_REQUESTS */
struct wire_flush_requests {
	__be64 sequence;
} __attribute__((packed));

/* P_FLUSH_FORWARD: node_id of the initiator; P_FLUSH_REQUESTS_ACK: of the Primary */
struct wire_flush_node {
	__be64 sequence;
	__be32 node_id;
} __attribute__((packed));

/* P_ENABLE_REPLICATION_NEXT, P_ENABLE_REPLICATION */
struct wire_enable_replication {
	__u8 enable;
	__u8 pad[3];
} __attribute__((packed));

/* P_SYNC_UUID, protocol < 110 */
struct wire_uuid {
	__be64 uuid;
} __attribute__((packed));

/* P_DELAY_PROBE */
struct wire_delay_probe {
	__be32 seq_num;
	__be32 offset;		/* microseconds */
} __attribute__((packed));

/* ---------------------------------------------------------- handshake */

struct wire_features {
	__be32 protocol_min;
	__be32 feature_flags;
	__be32 protocol_max;
	__be32 sender_node_id;
	__be32 receiver_node_id;
	__be32 pad0;
	__u8 pad[48];
} __attribute__((packed));

/* connection flags of P_PROTOCOL */
#define CF_DISCARD_MY_DATA	1U
#define CF_DRY_RUN		2U

/* P_PROTOCOL, P_PROTOCOL_UPDATE; the name of the integrity algorithm follows */
struct wire_protocol {
	__be32 protocol;	/* 1 A, 2 B, 3 C */
	__be32 after_sb_0p;
	__be32 after_sb_1p;
	__be32 after_sb_2p;
	__be32 conn_flags;
	__be32 two_primaries;
} __attribute__((packed));

/* P_SYNC_PARAM (first member, from version 88 on with a name), P_SYNC_PARAM89 */
struct wire_sync_param {
	__be32 resync_rate;	/* KiB/s */
	char verify_alg[DRBD_WIRE_ALG_NAME_LEN];
	char csums_alg[DRBD_WIRE_ALG_NAME_LEN];
	/* from protocol 95 on */
	__be32 c_plan_ahead;	/* 0.1 s */
	__be32 c_delay_target;	/* 0.1 s */
	__be32 c_fill_target;	/* sectors */
	__be32 c_max_rate;	/* KiB/s */
} __attribute__((packed));

#define DRBD_SYNC_PARAM89_OLD_SIZE	132	/* 89 to 94 */

/* dds_flags of P_SIZES and P_TWOPC_PREP_RSZ */
#define DDS_FORCED	1U	/* assume that unconnected peers have the space */
#define DDS_NO_RESYNC	2U	/* do not resync the new space */

struct wire_queue_limits {
	__be32 physical_block_size;
	__be32 logical_block_size;
	__be32 alignment_offset;
	__be32 io_min;
	__be32 io_opt;
	__u8 discard_enabled;
	__u8 discard_zeroes_data;
	__u8 write_same_capable;
	__u8 bm_block_shift_minus_12;
} __attribute__((packed));

struct wire_sizes {
	__be64 d_size;		/* sectors, as the next two */
	__be64 u_size;
	__be64 c_size;
	__be32 max_bio_size;	/* bytes */
	__be16 queue_order_type;
	__be16 dds_flags;
	/* DRBD_FF_WSAME: */
	struct wire_queue_limits limits;
} __attribute__((packed));

#define DRBD_SIZES_OLD_SIZE	32

/* P_UUIDS, protocol < 110 */
struct wire_uuids {
	__be64 current_uuid;
	__be64 bitmap_uuid;
	__be64 history_uuids[2];
	__be64 dirty_bits;
	__be64 uuid_flags;
} __attribute__((packed));

/* uuid_flags */
#define UUID_FLAG_DISCARD_MY_DATA	0x0001ULL
#define UUID_FLAG_CRASHED_PRIMARY	0x0002ULL
#define UUID_FLAG_INCONSISTENT		0x0004ULL
#define UUID_FLAG_SKIP_INITIAL_SYNC	0x0008ULL
#define UUID_FLAG_NEW_DATAGEN		0x0010ULL
#define UUID_FLAG_STABLE		0x0020ULL
#define UUID_FLAG_GOT_STABLE		0x0040ULL
#define UUID_FLAG_RESYNC		0x0080ULL
#define UUID_FLAG_RECONNECT		0x0100ULL
#define UUID_FLAG_DISKLESS_PRIMARY	0x0200ULL
#define UUID_FLAG_PRIMARY_LOST_QUORUM	0x0400ULL
#define UUID_FLAG_SYNC_TARGET		0x0800ULL
#define UUID_FLAG_HAS_UNALLOC		0x1000ULL
/* with HAS_UNALLOC: node id of the unallocated slot that was sent */
#define UUID_FLAG_UNALLOC_SHIFT		56
#define UUID_FLAG_UNALLOC_MASK		(0xffULL << UUID_FLAG_UNALLOC_SHIFT)

/* P_UUIDS110; bitmap UUIDs in order of node ids and history UUIDs follow */
struct wire_uuids110 {
	__be64 current_uuid;
	__be64 dirty_bits;
	__be64 uuid_flags;
	__be64 node_mask;
	__be64 bitmap_uuids_mask;
} __attribute__((packed));

struct wire_current_uuid {
	__be64 uuid;
	__be64 weak_nodes;
} __attribute__((packed));

/* ------------------------------------------------------ state changes */

/*
 * The state word (P_STATE, mask and val of requests).  The values in its
 * fields are those of enum drbd_role, drbd_conn_state / drbd_repl_state and
 * drbd_disk_state; protocols < 110 number disk states above 2 one lower.
 */
#define STATE_WORD_ROLE_SHIFT		0
#define STATE_WORD_PEER_SHIFT		2
#define STATE_WORD_CONN_SHIFT		4
#define STATE_WORD_DISK_SHIFT		9
#define STATE_WORD_PDSK_SHIFT		13
#define STATE_WORD_ROLE			0x00000003U
#define STATE_WORD_PEER			0x0000000cU
#define STATE_WORD_CONN			0x000001f0U
#define STATE_WORD_DISK			0x00001e00U
#define STATE_WORD_PDSK			0x0001e000U
#define STATE_WORD_SUSP			0x00020000U
#define STATE_WORD_AFTR_ISP		0x00040000U
#define STATE_WORD_PEER_ISP		0x00080000U
#define STATE_WORD_USER_ISP		0x00100000U
#define STATE_WORD_SUSP_NOD		0x00200000U
#define STATE_WORD_SUSP_FEN		0x00400000U
#define STATE_WORD_QUORUM		0x00800000U

struct wire_state {
	__be32 state;
} __attribute__((packed));

/* P_STATE_CHG_REQ, P_CONN_ST_CHG_REQ */
struct wire_state_request {
	__be32 mask;
	__be32 val;
} __attribute__((packed));

/* P_STATE_CHG_REPLY, P_CONN_ST_CHG_REPLY */
struct wire_state_reply {
	__be32 retcode;		/* enum drbd_state_rv, signed */
} __attribute__((packed));

#define TWOPC_FLAG_V2			0x80000000U	/* always set */
#define TWOPC_FLAG_HAS_REACHABLE	0x40000000U
#define TWOPC_FLAG_PRIMARY_NO_DATA	0x20000000U

/* P_TWOPC_PREPARE, P_TWOPC_PREP_RSZ, P_TWOPC_ABORT, P_TWOPC_COMMIT */
struct wire_twopc_request {
	__be32 tid;
	union {
		struct {			/* DRBD_FF_2PC_V2 */
			__be32 flags;
			__be16 pad;
			__s8 initiator_node_id;
			__s8 target_node_id;	/* -1: all */
		} __attribute__((packed)) v2;
		struct {
			__be32 initiator_node_id;
			__be32 target_node_id;	/* 0xffffffff: all */
		} __attribute__((packed)) v1;
	} __attribute__((packed)) u;
	__be64 nodes_to_reach;
	union {
		struct {			/* PREPARE */
			__be64 pad;
			__be32 mask;
			__be32 val;
		} __attribute__((packed)) prepare;
		struct {			/* COMMIT of a state change, V2 */
			__be64 primary_nodes;
			__be64 reachable_nodes;
		} __attribute__((packed)) commit;
		struct {			/* COMMIT of a state change, V1 */
			__be64 primary_nodes;
			__be32 mask;
			__be32 val;
		} __attribute__((packed)) commit_v1;
		struct {			/* PREP_RSZ */
			__be64 user_size;	/* sectors */
			__be16 dds_flags;
			__u8 pad[6];
		} __attribute__((packed)) prepare_resize;
		struct {			/* COMMIT of a resize */
			__be64 diskful_primary_nodes;
			__be64 new_size;	/* sectors */
		} __attribute__((packed)) commit_resize;
	} __attribute__((packed)) body;
} __attribute__((packed));

/* P_TWOPC_YES, P_TWOPC_NO, P_TWOPC_RETRY */
struct wire_twopc_reply {
	__be32 tid;
	__be32 initiator_node_id;
	__be64 reachable_nodes;
	union {
		struct {
			__be64 primary_nodes;
			__be64 weak_nodes;
		} __attribute__((packed)) state;
		struct {
			__be64 diskful_primary_nodes;
			__be64 max_possible_size;	/* sectors */
		} __attribute__((packed)) resize;
	} __attribute__((packed)) u;
} __attribute__((packed));

/* What a diskless node reports as max_possible_size: 1 PiB in sectors. */
#define DRBD_TWOPC_NO_SIZE_LIMIT	(1ULL << 41)

/* ------------------------------------------------------ bitmap exchange */

/* One bit of a transferred bitmap stands for this many bytes, always. */
#define DRBD_WIRE_BM_BLOCK_SHIFT	12

/* First byte of P_COMPRESSED_BITMAP */
#define DRBD_BM_CODE_MASK		0x0f
#define DRBD_BM_CODE_RLE_VLI		2
#define DRBD_BM_PAD_BITS_SHIFT		4
#define DRBD_BM_PAD_BITS_MASK		0x70
#define DRBD_BM_FIRST_RUN_SET		0x80

#endif /* DRBD_PROTOCOL_H */
