/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets between wire and CPU order, with every check that needs nothing but the
 * packet itself and what was agreed on.  Layouts: include/linux/drbd_protocol.h.
 * Spec: wire.md 2, 6, 7, 8.
 *
 * Receiving, in this order:
 *   drbd_decode_header()   8 or 16 bytes; what comes and how much of it
 *   drbd_packet_check()    is it known, allowed here, and of a legal length?
 *   drbd_decode_*()        the fixed part, or all of it where there is no bulk data
 *
 * A function that returns const char * says what is wrong with the packet, in words
 * for the log; NULL: nothing.  A packet that was found wrong ends the connection,
 * and the contents of the result are undefined.
 *
 * Lengths: @len is always the length in the header, that of the whole payload; the
 * buffer holds at least min(@len, the fixed part) bytes, and all of it for packets
 * with a variable part that is not bulk data.
 *
 * All functions are pure; any context.
 */
#ifndef DRBD_CORE_PACKET_H
#define DRBD_CORE_PACKET_H

#include "port.h"
#include <linux/drbd_protocol.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ----------------------------------------------------------------- headers */

struct drbd_packet_header {
	u16 cmd;		/* enum drbd_packet, if it is one */
	u16 volume;		/* DRBD_NO_VOLUME; 0 in the old formats */
	u32 length;		/* of the payload, bytes */
};

#define DRBD_HEADER_80	1u
#define DRBD_HEADER_95	2u
#define DRBD_HEADER_100	4u
#define DRBD_HEADER_ANY	7u

/* Header bytes of a packet that we send or expect; @protocol 0: not agreed yet. */
static inline unsigned int drbd_header_size(int protocol)
{
	return protocol >= 100 ? sizeof(struct wire_header100) : sizeof(struct wire_header80);
}

/* Which header formats to accept on the data stream; on control it is DRBD_HEADER_ANY. */
unsigned int drbd_data_header_formats(int protocol);

/* Writes the header that @protocol asks for.  Returns its size. */
unsigned int drbd_encode_header(void *buf, int protocol, u16 volume, u16 cmd, u32 length);

/*
 * Reads a header of one of @formats from @have bytes.  Returns its size; 0: more bytes
 * are needed; -EPROTO: no such header, with *@why.
 */
int drbd_decode_header(const void *buf, size_t have, unsigned int formats,
		       struct drbd_packet_header *h, const char **why);

/* ------------------------------------------------------------------- table */

enum drbd_packet_volume {
	PACKET_VOLUME,		/* about a volume */
	PACKET_NO_VOLUME,	/* about the connection; protocols < 110 may say volume 0 */
	PACKET_ANY_VOLUME,	/* either */
};

#define PACKET_ON_DATA		1u
#define PACKET_ON_CONTROL	2u

struct drbd_packet_info {
	u16 cmd;
	u8 streams;		/* PACKET_ON_* */
	u8 volume;		/* enum drbd_packet_volume */
	u8 min_protocol;	/* first and last version that has it */
	u8 max_protocol;
	bool bulk;		/* data blocks follow the fixed part: do not read them into a buffer */
	u16 fixed;		/* bytes every packet of this kind has; without limits for P_SIZES */
	u32 max;		/* largest length */
	u32 features;		/* must be agreed on */
	const char *name;	/* "P_DATA" */
};

/* NULL: not a packet of this version.  @protocol 0: of the time before one is agreed on. */
const struct drbd_packet_info *drbd_packet_info(u16 cmd, int protocol);

/* Name for logs, of any version; "P_unknown" if there is none. */
const char *drbd_packet_name(u16 cmd);

/*
 * May this packet come now?  Checks command, @stream (PACKET_ON_*), features, volume
 * and length.  On success *@info is set.
 */
const char *drbd_packet_check(const struct drbd_packet_header *h, unsigned int stream,
			      int protocol, u32 features, const struct drbd_packet_info **info);

/* Largest data part of one packet, bytes. */
u32 drbd_max_data_size(int protocol);
/* Largest P_TRIM or P_ZEROES, bytes. */
u32 drbd_max_discard_size(u32 features);

/*
 * Does @size bytes from @sector lie within a device of @capacity sectors, in whole
 * sectors and not empty?
 */
const char *drbd_check_range(u64 sector, u32 size, u64 capacity);

/* ---------------------------------------------------------- application I/O */

/* block_id and barrier stay the raw bytes of the wire: echo them. */

struct drbd_pkt_data {
	u64 sector;
	u64 block_id;
	u32 seq_num;
	u32 dp_flags;
	u32 size;		/* data bytes; of P_TRIM, P_ZEROES: of the range */
};

/* P_DATA, P_DATA_REPLY, P_RS_DATA_REPLY; @digest_size bytes come before the data. */
const char *drbd_decode_data(const void *buf, u32 len, unsigned int digest_size, int protocol,
			     struct drbd_pkt_data *p);
unsigned int drbd_encode_data(void *buf, const struct drbd_pkt_data *p);
/* P_TRIM, P_ZEROES */
const char *drbd_decode_trim(const void *buf, u32 len, u32 features, struct drbd_pkt_data *p);
unsigned int drbd_encode_trim(void *buf, const struct drbd_pkt_data *p);

struct drbd_pkt_block_ack {
	u64 sector;
	u64 block_id;
	u32 size;
	u32 seq_num;
	u32 ov_result;		/* P_OV_RESULT_ID: enum drbd_ov_result */
};

/* every ack of a block but P_OV_RESULT_ID; P_RS_DEALLOCATED_ID */
const char *drbd_decode_block_ack(const void *buf, u32 len, struct drbd_pkt_block_ack *p);
unsigned int drbd_encode_block_ack(void *buf, const struct drbd_pkt_block_ack *p);
/* P_OV_RESULT_ID; unknown results become OV_RESULT_SKIP */
const char *drbd_decode_ov_result(const void *buf, u32 len, struct drbd_pkt_block_ack *p);
unsigned int drbd_encode_ov_result(void *buf, const struct drbd_pkt_block_ack *p);
/* P_OV_RESULT (protocol < 122): result and block_id are one */
enum drbd_ov_result drbd_ov_result_of_id(u64 block_id);
u64 drbd_ov_result_to_id(enum drbd_ov_result result);

struct drbd_pkt_request {
	u64 sector;
	u64 block_id;
	u32 size;
	u32 digest_size;	/* bytes of digest that follow; set by decode */
	u32 dagtag_node_id;	/* *_DAGTAG_*, else 0 */
	u64 dagtag;		/* *_DAGTAG_*, else 0 */
};

/* Is this one of the *_DAGTAG_* requests (struct wire_dagtag_request)? */
bool drbd_packet_has_dagtag(u16 cmd);
/* all block requests, P_OV_REPLY and P_OV_DAGTAG_REPLY */
const char *drbd_decode_request(u16 cmd, const void *buf, u32 len, int protocol,
				struct drbd_pkt_request *p);
unsigned int drbd_encode_request(u16 cmd, void *buf, const struct drbd_pkt_request *p);

/* P_OUT_OF_SYNC, P_RS_DEALLOCATED (node_mask 0), P_PEERS_IN_SYNC */
struct drbd_pkt_range {
	u64 sector;
	u64 node_mask;
	u32 size;
};

const char *drbd_decode_range(const void *buf, u32 len, struct drbd_pkt_range *p);
unsigned int drbd_encode_range(void *buf, const struct drbd_pkt_range *p);
const char *drbd_decode_peers_in_sync(const void *buf, u32 len, struct drbd_pkt_range *p);
unsigned int drbd_encode_peers_in_sync(void *buf, const struct drbd_pkt_range *p);

const char *drbd_decode_barrier(const void *buf, u32 len, u32 *barrier);
unsigned int drbd_encode_barrier(void *buf, u32 barrier);
const char *drbd_decode_barrier_ack(const void *buf, u32 len, u32 *barrier, u32 *set_size);
unsigned int drbd_encode_barrier_ack(void *buf, u32 barrier, u32 set_size);

struct drbd_pkt_confirm_stable {
	u64 oldest_block_id;
	u64 youngest_block_id;
	u32 set_size;
};

const char *drbd_decode_confirm_stable(const void *buf, u32 len,
				       struct drbd_pkt_confirm_stable *p);
unsigned int drbd_encode_confirm_stable(void *buf, const struct drbd_pkt_confirm_stable *p);

const char *drbd_decode_dagtag(const void *buf, u32 len, u64 *dagtag);
unsigned int drbd_encode_dagtag(void *buf, u64 dagtag);
const char *drbd_decode_peer_ack(const void *buf, u32 len, u64 *node_mask, u64 *dagtag);
unsigned int drbd_encode_peer_ack(void *buf, u64 node_mask, u64 dagtag);
/* @node_id is checked to be one. */
const char *drbd_decode_peer_dagtag(const void *buf, u32 len, u64 *dagtag, u32 *node_id);
unsigned int drbd_encode_peer_dagtag(void *buf, u64 dagtag, u32 node_id);
const char *drbd_decode_flush_requests(const void *buf, u32 len, u64 *sequence);
unsigned int drbd_encode_flush_requests(void *buf, u64 sequence);
/* P_FLUSH_FORWARD (initiator), P_FLUSH_REQUESTS_ACK (primary) */
const char *drbd_decode_flush_node(const void *buf, u32 len, u64 *sequence, u32 *node_id);
unsigned int drbd_encode_flush_node(void *buf, u64 sequence, u32 node_id);
/* P_ENABLE_REPLICATION, P_ENABLE_REPLICATION_NEXT */
const char *drbd_decode_enable_replication(const void *buf, u32 len, bool *enable);
unsigned int drbd_encode_enable_replication(void *buf, bool enable);

/* --------------------------------------------------------------- handshake */

struct drbd_pkt_features {
	u32 protocol_min;
	u32 protocol_max;	/* never 0: decode puts protocol_min there */
	u32 feature_flags;
	u32 sender_node_id;
	u32 receiver_node_id;
};

const char *drbd_decode_features(const void *buf, u32 len, struct drbd_pkt_features *p);
unsigned int drbd_encode_features(void *buf, const struct drbd_pkt_features *p);

struct drbd_pkt_protocol {
	u32 protocol;		/* 1 A, 2 B, 3 C; checked */
	u32 after_sb_0p;
	u32 after_sb_1p;
	u32 after_sb_2p;
	u32 conn_flags;		/* CF_* */
	u32 two_primaries;
	char integrity_alg[DRBD_WIRE_ALG_NAME_LEN];
};

/* P_PROTOCOL, P_PROTOCOL_UPDATE.  encode: @buf has room for 24 + 64 bytes. */
const char *drbd_decode_protocol(const void *buf, u32 len, int protocol,
				 struct drbd_pkt_protocol *p);
unsigned int drbd_encode_protocol(void *buf, int protocol, const struct drbd_pkt_protocol *p);

struct drbd_pkt_sync_param {
	u32 resync_rate;	/* KiB/s */
	u32 c_plan_ahead;	/* 0.1 s */
	u32 c_delay_target;	/* 0.1 s */
	u32 c_fill_target;	/* sectors */
	u32 c_max_rate;		/* KiB/s */
	char verify_alg[DRBD_WIRE_ALG_NAME_LEN];
	char csums_alg[DRBD_WIRE_ALG_NAME_LEN];
};

/* P_SYNC_PARAM or P_SYNC_PARAM89, as @protocol has it.  What is not sent is 0 or "". */
const char *drbd_decode_sync_param(const void *buf, u32 len, int protocol,
				   struct drbd_pkt_sync_param *p);
unsigned int drbd_encode_sync_param(void *buf, int protocol,
				    const struct drbd_pkt_sync_param *p);

struct drbd_pkt_sizes {
	u64 d_size;		/* sectors */
	u64 u_size;
	u64 c_size;
	u32 max_bio_size;	/* bytes */
	u16 queue_order_type;
	u16 dds_flags;
	/* with DRBD_FF_WSAME: */
	bool has_limits;
	u32 physical_block_size;
	u32 logical_block_size;
	u32 alignment_offset;
	u32 io_min;
	u32 io_opt;
	bool discard_enabled;
	bool discard_zeroes_data;
	bool write_same_capable;
	u8 bm_block_shift;	/* of the peer's bitmap block, log2 of bytes: 12 to 20 */
};

/*
 * Checks: sizes that fit a sector_t, max_bio_size, and in the limits block powers of two
 * of at least 512 with logical <= physical.  What the sizes mean for each other is
 * not looked at here.
 */
const char *drbd_decode_sizes(const void *buf, u32 len, u32 features,
			      struct drbd_pkt_sizes *p);
unsigned int drbd_encode_sizes(void *buf, u32 features, const struct drbd_pkt_sizes *p);

struct drbd_pkt_uuids {		/* P_UUIDS, protocol < 110 */
	u64 current_uuid;
	u64 bitmap_uuid;
	u64 history_uuids[2];
	u64 dirty_bits;
	u64 uuid_flags;
};

const char *drbd_decode_uuids(const void *buf, u32 len, struct drbd_pkt_uuids *p);
unsigned int drbd_encode_uuids(void *buf, const struct drbd_pkt_uuids *p);

#define DRBD_PKT_NODES 32

struct drbd_pkt_uuids110 {
	u64 current_uuid;
	u64 dirty_bits;
	u64 uuid_flags;
	u64 node_mask;
	u32 bitmap_uuids_mask;			/* bit n: of node id n is in the packet */
	u64 bitmap_uuids[DRBD_PKT_NODES];	/* by node id; decode: all ones if not sent */
	u64 history_uuids[DRBD_WIRE_HISTORY_UUIDS]; /* decode: 0 if not sent */
};

/* Size on the wire of what drbd_encode_uuids110() makes of @bitmap_uuids_mask. */
static inline unsigned int drbd_uuids110_size(u32 bitmap_uuids_mask)
{
	return sizeof(struct wire_uuids110) +
	       8 * (hweight32(bitmap_uuids_mask) + DRBD_WIRE_HISTORY_UUIDS);
}

const char *drbd_decode_uuids110(const void *buf, u32 len, struct drbd_pkt_uuids110 *p);
unsigned int drbd_encode_uuids110(void *buf, const struct drbd_pkt_uuids110 *p);

const char *drbd_decode_current_uuid(const void *buf, u32 len, u64 *uuid, u64 *weak_nodes);
unsigned int drbd_encode_current_uuid(void *buf, u64 uuid, u64 weak_nodes);
/* P_SYNC_UUID */
const char *drbd_decode_sync_uuid(const void *buf, u32 len, u64 *uuid);
unsigned int drbd_encode_sync_uuid(void *buf, u64 uuid);

/* ----------------------------------------------------------- state changes */

/* State words stay words: what is in them is for core/state to say. */
const char *drbd_decode_state(const void *buf, u32 len, u32 *state);
unsigned int drbd_encode_state(void *buf, u32 state);
/* P_STATE_CHG_REQ, P_CONN_ST_CHG_REQ */
const char *drbd_decode_state_request(const void *buf, u32 len, u32 *mask, u32 *val);
unsigned int drbd_encode_state_request(void *buf, u32 mask, u32 val);
/* P_STATE_CHG_REPLY, P_CONN_ST_CHG_REPLY */
const char *drbd_decode_state_reply(const void *buf, u32 len, s32 *retcode);
unsigned int drbd_encode_state_reply(void *buf, s32 retcode);

struct drbd_pkt_twopc_request {
	u32 tid;
	u32 flags;		/* TWOPC_FLAG_*; 0 without DRBD_FF_2PC_V2 */
	s8 initiator_node_id;
	s8 target_node_id;	/* -1: all */
	u64 nodes_to_reach;
	/* P_TWOPC_PREPARE; P_TWOPC_COMMIT of a state change without V2 */
	u32 mask;
	u32 val;
	/* P_TWOPC_COMMIT of a state change; of a resize: diskful primaries */
	u64 primary_nodes;
	u64 reachable_nodes;	/* V2 */
	/* P_TWOPC_PREP_RSZ */
	u64 user_size;		/* sectors */
	u16 dds_flags;
	/* P_TWOPC_COMMIT of a resize */
	u64 new_size;		/* sectors */
};

/*
 * The four requests.  @resize: the transaction began with P_TWOPC_PREP_RSZ (ignored
 * for the PREPAREs); to find it, look the transaction up with drbd_decode_twopc_id().
 * Node ids are checked to be 0 to 31, the target's or -1.
 */
const char *drbd_decode_twopc_request(u16 cmd, const void *buf, u32 len, u32 features,
				      bool resize, struct drbd_pkt_twopc_request *p);
unsigned int drbd_encode_twopc_request(u16 cmd, void *buf, u32 features, bool resize,
				       const struct drbd_pkt_twopc_request *p);
const char *drbd_decode_twopc_id(const void *buf, u32 len, u32 features, u32 *tid,
				 s8 *initiator_node_id);

struct drbd_pkt_twopc_reply {
	u32 tid;
	s8 initiator_node_id;
	u64 reachable_nodes;
	u64 primary_nodes;	/* resize: diskful primaries */
	u64 weak_nodes;		/* resize: max_possible_size, sectors */
};

const char *drbd_decode_twopc_reply(const void *buf, u32 len, struct drbd_pkt_twopc_reply *p);
unsigned int drbd_encode_twopc_reply(void *buf, const struct drbd_pkt_twopc_reply *p);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_PACKET_H */
