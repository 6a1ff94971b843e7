/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data generations (resync.md 2, 3, 5, 11): what happens to the generation
 * UUIDs of one volume, and what two nodes conclude from theirs.
 *
 * Pure; any context; the caller holds whatever guards the sets it passes.
 * "bm" is a bitmap UUID, "slot" an on-disk bitmap.  Comparisons ignore bit 0
 * unless a comment says "exactly".
 */
#ifndef DRBD_CORE_UUID_H
#define DRBD_CORE_UUID_H

#include "port.h"
#include "../../include/linux/drbd.h"
#include "../../include/linux/drbd_metadata.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DRBD_UUID_NODES		32
#define DRBD_UUID_HISTORY	32
#define DRBD_UUID_UNKNOWN	(~0ULL)	/* a bitmap UUID the peer did not list */
#define DRBD_UUID_OFFSET	0x0001000000000000ULL /* P_SYNC_UUID, protocol < 110 */

enum drbd_uuid_wire_flag {
	DRBD_UUID_F_DISCARD_MY_DATA	= 1u << 0,
	DRBD_UUID_F_CRASHED_PRIMARY	= 1u << 1,
	DRBD_UUID_F_INCONSISTENT	= 1u << 2,
	DRBD_UUID_F_SKIP_INITIAL_SYNC	= 1u << 3,
	DRBD_UUID_F_NEW_DATAGEN		= 1u << 4,
	DRBD_UUID_F_STABLE		= 1u << 5,
	DRBD_UUID_F_GOT_STABLE		= 1u << 6,
	DRBD_UUID_F_RESYNC		= 1u << 7,
	DRBD_UUID_F_RECONNECT		= 1u << 8,
	DRBD_UUID_F_DISKLESS_PRIMARY	= 1u << 9,
	DRBD_UUID_F_PRIMARY_LOST_QUORUM	= 1u << 10,
	DRBD_UUID_F_SYNC_TARGET		= 1u << 11,
	DRBD_UUID_F_HAS_UNALLOC		= 1u << 12, /* node id in bits 56 .. 63 of the flags word */
};

#define DRBD_UUID_F_LOCAL_ONLY_MASK	0xfu	/* what protocol < 110 knows */
#define DRBD_UUID_UNALLOC_SHIFT		56

/* Own generations of one volume.  Copied from and to struct drbd_md. */
struct drbd_uuid_set {
	u64 cur;
	u64 bitmap[DRBD_UUID_NODES];	/* by node id; own entry 0 */
	u64 bitmap_dagtag[DRBD_UUID_NODES];
	u64 history[DRBD_UUID_HISTORY];	/* youngest first */
	u8 my_node_id;
	u8 max_peers;			/* number of slots */
	u32 slot_mask;			/* node ids that have a slot */
	u32 exists_mask;		/* node ids with DRBD_MDF_NODE_EXISTS */
};

/* What a peer last reported, zeroed = nothing. */
struct drbd_peer_uuids {
	bool received;			/* on the present connection */
	u64 cur;
	u64 dirty_bits;			/* in the slot for me, in the peer's granularity */
	u64 flags;			/* DRBD_UUID_F_*, bits 56 .. 63 with HAS_UNALLOC */
	u64 node_mask;
	u64 bitmap_mask;		/* node ids that were listed */
	u64 bitmap[DRBD_UUID_NODES];	/* DRBD_UUID_UNKNOWN where not listed */
	u64 history[DRBD_UUID_HISTORY];
};

static inline bool drbd_uuid_eq(u64 a, u64 b)
{
	return ((a ^ b) & ~DRBD_UUID_PRIMARY) == 0;
}

/* ---------------------------------------------------------- basic operations */

/* History push (2.2). */
void drbd_uuid_push(struct drbd_uuid_set *u, u64 v);

/* bm[node] := v; a previous non-zero value is pushed. */
void drbd_uuid_set_bitmap(struct drbd_uuid_set *u, u8 node, u64 v, u64 dagtag);

/* Primary bit of the current UUID (2.7); not on a just-created one. Returns whether it changed. */
bool drbd_uuid_set_primary(struct drbd_uuid_set *u, bool primary);

/* cur not in {0,4}, all bm and hist 0 (2.4 step 2). */
bool drbd_uuid_day0(const struct drbd_uuid_set *u);

/* --------------------------------------------------------- new generations */

/* What is known of the other nodes when bitmap UUIDs are rotated. */
struct drbd_uuid_peers {
	u32 configured;			/* node ids with a connection object */
	u32 connected_diskless;		/* connected, Diskless */
	u32 maybe_finished;		/* CORE_PD_MAYBE_FINISHED: may be on the current UUID */
	u8 disk_state[DRBD_UUID_NODES];	/* D_*, of configured ones */
};

struct core_resource;
struct core_device;

void drbd_uuid_peers_init(struct drbd_uuid_peers *p, const struct core_resource *r,
			  const struct core_device *dev);

/*
 * 2.4 steps 1 to 3: rotate the current UUID into the bitmap UUIDs of absent
 * (and @weak) nodes and make a new one.  @rnd: two random values.  @dagtag:
 * position in the write stream.  False: no new generation was needed (nothing
 * changed but possibly bm).  @forced: peers Inconsistent and Established count
 * as weak already through @weak.  On true the caller writes the metadata
 * synchronously (restoring a copy on failure), closes the epoch, sends.
 */
bool drbd_uuid_new_generation(struct drbd_uuid_set *u, const struct drbd_uuid_peers *p, u64 weak,
			      u64 dagtag, bool primary, const u64 rnd[2]);

/* 2.4 step 1 alone.  Returns whether somebody counted; @changed: mask of nodes with a new bm. */
bool drbd_uuid_rotate(struct drbd_uuid_set *u, const struct drbd_uuid_peers *p, u64 weak,
		      u64 dagtag, u64 old, u64 *changed);

/*
 * 2.5: adopt a generation made by a Primary.  @up_to_date: own disk.  @changed:
 * nodes whose bm became new.  Not to be called while sync target or Behind
 * (then only the sources' recorded current UUID changes).
 */
void drbd_uuid_adopt_generation(struct drbd_uuid_set *u, const struct drbd_uuid_peers *p,
				u64 new_current, u64 weak, u64 dagtag, bool up_to_date,
				bool primary, u64 *changed);

/* 17.4: all bm := 0 (pushed), before drbd_uuid_new_generation(). */
void drbd_uuid_clear_all_bitmaps(struct drbd_uuid_set *u);

/* 17.5, 17.4 --clear-bitmap: take over the peer's current UUID, bm[peer] := 0. */
void drbd_uuid_skip_initial_sync(struct drbd_uuid_set *u, u8 peer, u64 cur, bool primary);

/* ----------------------------------------------------------------- a resync */

/* 8.2 step 2: target with cur == 4 takes peer.bm[me].  Returns whether it changed. */
bool drbd_uuid_target_before_start(struct drbd_uuid_set *u, const struct drbd_peer_uuids *peer);

/* 8.2 step 4: rotate into bm of absent peers; returns the resync start UUID. */
u64 drbd_uuid_target_started(struct drbd_uuid_set *u, const struct drbd_uuid_peers *p, u8 source,
			     u64 dagtag);

/*
 * 11.2: the resync from @source ended well.  @start_uuid from above.
 * @seen_current[n]: current UUID of node n if its disk is seen (>= Inconsistent,
 * not Unknown), else 0.  @newly: nodes that got a bm they did not have (they lack data).
 * Also makes @src (in-core view of the source) equal to the own UUIDs.
 */
void drbd_uuid_target_finished(struct drbd_uuid_set *u, struct drbd_peer_uuids *src, u8 source,
			       u64 start_uuid, const u64 seen_current[DRBD_UUID_NODES],
			       bool primary, u64 *newly);

/* "No resync" with equal UUIDs (5.13 last row): bm[peer] := 0, pushed. */
void drbd_uuid_in_sync_with(struct drbd_uuid_set *u, u8 peer);

/* 5.13: as source of a full sync neither of whose ends is just created. */
void drbd_uuid_source_full_sync(struct drbd_uuid_set *u, u8 peer, u64 peer_current, u64 dagtag);

/* What drbd_uuid_detect_finished() wants done to the slots. */
struct drbd_uuid_detected {
	u64 clear_slots;		/* node mask: clear these slots */
	u8 nr_copies;
	struct { u8 from, to; } copy[DRBD_UUID_NODES]; /* slot copies, in this order */
	bool changed;			/* write bitmap, metadata; send UUIDs to the others */
	bool tell_sender;		/* ... to the sender as well */
};

/*
 * 11.4, on any P_UUIDS110 from @from while connected.  @busy: nodes whose
 * replication state is > Established (not @from). @connected: node mask.
 * @self_sync_target: my own packet would carry SYNC_TARGET.
 */
void drbd_uuid_detect_finished(struct drbd_uuid_set *u, u8 from, const struct drbd_peer_uuids *peer,
			       u64 self_resolved_current, bool self_sync_target, u64 busy,
			       u64 connected, struct drbd_uuid_detected *out);

/* ------------------------------------------------------------- UUID packets */

/* Content of P_UUIDS110 in CPU byte order (packing: packet room). */
struct drbd_uuid_packet {
	u64 cur;
	u64 dirty_bits;
	u64 flags;
	u64 node_mask;
	u64 bitmap_mask;
	u64 bitmap[DRBD_UUID_NODES];	/* by node id, valid where bitmap_mask has the bit */
	u64 history[DRBD_UUID_HISTORY];
};

/*
 * What I tell the peer of connection index @conn about volume @dev.  @flags:
 * extra flags (SKIP_INITIAL_SYNC, NEW_DATAGEN, GOT_STABLE, RESYNC,
 * DISKLESS_PRIMARY); @node_mask: mask argument for a stable sender.
 * @peer_bitmap_of: DRBD_UUID_UNKNOWN rule, uses the peer devices' recorded UUIDs.
 */
void drbd_uuid_packet_build(const struct core_resource *r, u32 dev, u32 conn, u64 flags,
			    u64 node_mask, struct drbd_uuid_packet *pkt);

/* The current UUID I present to that peer, with SYNC_TARGET resolution; 0 without disk. */
u64 drbd_uuid_resolved_current(const struct core_resource *r, u32 dev, u32 conn,
			       bool *sync_target);

/*
 * Take over a received packet.  @own: for NODE_EXISTS (exists_mask grows) and
 * "(a)" of 3.1.  False: protocol error (bitmap_mask has bits >= 32).
 */
bool drbd_uuid_packet_absorb(struct drbd_peer_uuids *peer, struct drbd_uuid_set *own,
			     const struct drbd_uuid_packet *pkt);

/* P_UUIDS (protocol < 110). */
void drbd_uuid_packet84_absorb(struct drbd_peer_uuids *peer, u8 my_node_id, u64 cur, u64 bitmap,
			       u64 hist0, u64 hist1, u64 dirty_bits, u64 flags);

/* Marks of a missed end of resync (5.4). */
struct drbd_uuid_missed_end {
	bool source_missed;		/* I was source and missed the end */
	bool peer_missed;		/* the peer was source and missed it */
	bool clear_bitmap_uuid;		/* bm[peer] := 0 (push), treat as sent = 0 */
};

void drbd_uuid_missed_end(const struct drbd_uuid_set *own, u8 peer_node_id,
			  const struct drbd_peer_uuids *peer, u64 sent_bitmap_uuid,
			  u64 self_resolved_current, bool self_sync_target, u64 sent_dirty_bits,
			  unsigned int protocol_version, struct drbd_uuid_missed_end *out);

/* ------------------------------------------------------------- comparison */

enum drbd_sync_strategy {
	STRATEGY_UNDETERMINED,		/* never of a comparison */
	STRATEGY_NO_SYNC,
	STRATEGY_TARGET_IF_BOTH_FAILED,
	STRATEGY_SOURCE_IF_BOTH_FAILED,
	STRATEGY_TARGET_USE_BITMAP,
	STRATEGY_SOURCE_USE_BITMAP,
	STRATEGY_TARGET_CLEAR_BITMAP,
	STRATEGY_SOURCE_COPY_OTHER_BITMAP,
	STRATEGY_TARGET_SET_BITMAP,
	STRATEGY_SOURCE_SET_BITMAP,
	STRATEGY_SPLIT_BRAIN_AUTO_RECOVER,
	STRATEGY_SPLIT_BRAIN_DISCONNECT,
	STRATEGY_UNRELATED_DATA,
	STRATEGY_RETRY_CONNECT,
	STRATEGY_REQUIRES_PROTO_91,
	STRATEGY_REQUIRES_PROTO_124,
	STRATEGY_DISCONNECT,
};

enum drbd_sync_rule {
	RULE_NONE,
	RULE_JUST_CREATED_BOTH,
	RULE_JUST_CREATED_SELF,
	RULE_JUST_CREATED_PEER,
	RULE_SYNC_SOURCE_MISSED_FINISH,
	RULE_SYNC_SOURCE_PEER_MISSED_FINISH,
	RULE_SYNC_TARGET_MISSED_FINISH,
	RULE_SYNC_TARGET_PEER_MISSED_FINISH,
	RULE_SYNC_TARGET_MISSED_START,
	RULE_SYNC_SOURCE_MISSED_START,
	RULE_RECONNECTED,
	RULE_CRASHED_PRIMARY,
	RULE_LOST_QUORUM,
	RULE_BOTH_OFF,
	RULE_BITMAP_PEER,
	RULE_BITMAP_PEER_OTHER,
	RULE_BITMAP_SELF,
	RULE_BITMAP_SELF_OTHER,
	RULE_HISTORY_PEER,
	RULE_HISTORY_SELF,
	RULE_BITMAP_BOTH,
	RULE_HISTORY_BOTH,
	RULE_INITIAL_HANDSHAKE_CHANGED,
	RULE_RECONCILE_BITMAP,
	RULE_RECONCILE_DAGTAG,
};

/* Names as existing DRBD logs them. */
const char *drbd_strategy_text(enum drbd_sync_strategy s);
const char *drbd_rule_text(enum drbd_sync_rule rule);

struct drbd_compare_in {
	const struct drbd_uuid_set *self;
	const struct drbd_peer_uuids *peer;
	u64 self_current;		/* resolved, as sent */
	u64 self_bitmap;		/* bm[peer] as sent */
	u64 self_flags;			/* uuid_flags as sent */
	u8 peer_node_id;
	u8 wire_protocol;		/* 1 A, 2 B, 3 C */
	u16 protocol_version;
	bool resolver;			/* I accepted the control socket */
	bool source_missed_end;		/* marks of 5.4 */
	bool peer_missed_end;
	bool changed_since_sent;	/* guard 5.1: initial handshake changed */
};

/* What the comparison of one volume gave. */
struct drbd_compare_out {
	enum drbd_sync_strategy strategy;
	enum drbd_sync_rule rule;
	u8 other_node;			/* COPY_OTHER_BITMAP, CLEAR_BITMAP: that node id */
	/* protocol < 110 fixups (5.3): applied by drbd_compare_fixup() */
	u8 fixup;
};

/* Rules 5.2 (and 5.3).  Both ends reach mirrored results. */
void drbd_uuid_compare(const struct drbd_compare_in *in, struct drbd_compare_out *out);

/* Carry out the fixup of a protocol < 110 comparison, if any. */
void drbd_uuid_compare_fixup(const struct drbd_compare_out *out, struct drbd_uuid_set *self,
			     struct drbd_peer_uuids *peer, u8 peer_node_id);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_UUID_H */
