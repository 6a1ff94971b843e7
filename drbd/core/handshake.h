/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sync handshake (resync.md 5.5 to 5.15): from a comparison of UUIDs to the
 * replication state both ends enter, and what must be done to UUIDs and bitmap
 * before.  Pure; any context.
 */
#ifndef DRBD_CORE_HANDSHAKE_H
#define DRBD_CORE_HANDSHAKE_H

#include "state.h"
#include "uuid.h"

#ifdef __cplusplus
extern "C" {
#endif

struct drbd_handshake_in {
	struct drbd_compare_in uuid;

	u8 self_role, peer_role;	/* R_* */
	u8 self_disk;			/* as last sent; D_NEGOTIATING: see self_md_disk */
	u8 peer_disk;			/* as its P_STATE says, may be D_NEGOTIATING */
	u8 self_md_disk;		/* state from metadata (used while Negotiating) */
	u64 self_bits;			/* dirty_bits as last sent */
	bool self_quorum, peer_quorum;	/* P_STATE quorum bits */
	bool quorum_enabled;		/* option quorum is not off */

	u8 after_sb_0p, after_sb_1p, after_sb_2p, rr_conflict; /* option values */
	bool always_asbp;
	bool tentative;
	bool attach;			/* attach procedure (5.14) */
	bool connecting;		/* connect phase (allows retry/disconnect results) */

	bool suspended;			/* I/O is suspended here */
	bool on_no_data_io_error;
	bool force_secondary;		/* on-suspended-primary-outdated */

	/* Whether demoting this Primary (call-pri-lost-after-sb) worked; asked for by
	 * need_demotion in a first pass.  self_role stays what it was before. */
	bool demotion_tried, demotion_ok;
};

enum drbd_handshake_helper {
	HELPER_INITIAL_SPLIT_BRAIN	= 1u << 0,
	HELPER_SPLIT_BRAIN		= 1u << 1,
	HELPER_PRI_LOST			= 1u << 2,
	HELPER_PRI_LOST_AFTER_SB	= 1u << 3,
};

enum drbd_bitmap_work {
	BITMAP_NONE,
	BITMAP_COPY_SLOT,		/* slot of other_node (or an unallocated one, or all ones) */
	BITMAP_CLEAR_SLOT,
	BITMAP_SET_ALL_SLOTS,		/* all allocated slots */
	BITMAP_SET_SLOT,		/* this peer's; MDF_PEER_FULL_SYNC first, cleared afterwards */
};

struct drbd_handshake_out {
	struct drbd_compare_out compare;	/* as compared */
	enum drbd_sync_strategy strategy;	/* final */
	enum drbd_sync_rule rule;
	u8 outcome;			/* enum drbd_handshake_outcome: OK, RETRY, DISCONNECT */
	u8 repl_state;			/* OK: L_ESTABLISHED, L_WF_BITMAP_S, L_WF_BITMAP_T */
	u8 other_node;
	u32 helpers;			/* to be called, in ascending order of the bits */
	bool need_demotion;		/* try to demote, then call again with the result */
	bool would_be_target;		/* refused, but I would have become target (outdate) */
	bool split_brain;		/* detected (perhaps solved) */
	bool clear_bitmap_uuid;		/* bm[peer] := 0 (push): 5.5 step 12 */
	bool set_bitmap_uuid;		/* drbd_uuid_source_full_sync() */
	bool log_discard_ignored;	/* discard-my-data could not be honoured */
	enum drbd_bitmap_work bitmap;	/* before the exchange; I/O of the volume is held */
};

/* Full pipeline (5.5), or the attach variant (5.14). */
void drbd_handshake(const struct drbd_handshake_in *in, struct drbd_handshake_out *out);

/* Later comparisons for the sake of stability (5.16). Outcome OK always; Established: nothing. */
void drbd_handshake_stability(const struct drbd_handshake_in *in, bool diskless_primary,
			      struct drbd_handshake_out *out);

/* After-split-brain policies (5.8).  STRATEGY_UNDETERMINED: unresolved. */
enum drbd_sync_strategy drbd_after_sb(const struct drbd_handshake_in *in,
				      struct drbd_handshake_out *out);

bool drbd_strategy_is_target(enum drbd_sync_strategy s);
bool drbd_strategy_is_source(enum drbd_sync_strategy s);
bool drbd_strategy_is_full_sync(enum drbd_sync_strategy s);

/* Diskless node meets a diskful peer that claims UpToDate, at connect (5.15). */
enum drbd_diskless_result {
	DISKLESS_EQUAL,			/* fine */
	DISKLESS_ADOPT,			/* exposed := peer's current; tell other peers */
	DISKLESS_ACCEPT_OUTDATED,	/* connect, peer counts as Outdated */
	DISKLESS_RETRY,			/* peer has newer data than a Primary: retry (force-secondary) */
	DISKLESS_DISCONNECT,
};

enum drbd_diskless_result drbd_handshake_diskless(const struct core_resource *r, u32 dev, u32 conn,
						  u16 protocol_version);

/* Result of an attach negotiation (8.3) from the peers' results; D_NEGOTIATING: still running. */
u8 drbd_attach_negotiated(const struct core_resource *r, const struct core_device *dev, int w);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_HANDSHAKE_H */
