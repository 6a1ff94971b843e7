// SPDX-License-Identifier: GPL-2.0-only
/*
 * What two nodes' generations say about each other (resync.md 5.2 to 5.4).  Both
 * nodes run this for themselves and must come to mirrored results: the order of
 * the rules is part of the interface.
 */
#include "uuid.h"

/* What drbd_uuid_compare_fixup() has to do (5.3). */
enum {
	FIXUP_NONE,
	FIXUP_CLEAR_OWN_BITMAP,
	FIXUP_PEER_FINISHED,		/* correct the view of the peer */
	FIXUP_PEER_UNDO_START,
	FIXUP_OWN_UNDO_START,
};

#define PROTO_FIXUPS		91
#define PROTO_SYNC_UUID_OFFSET	96
#define PROTO_MULTI_PEER	110
#define PROTO_UNALLOC_SLOT	116
#define PROTO_RECONNECT_FIRST	120
#define PROTO_CRASHED_PRIMARY	121

static u64 strip(u64 v)
{
	return v & ~DRBD_UUID_PRIMARY;
}

static bool result(struct drbd_compare_out *out, enum drbd_sync_strategy strategy,
		   enum drbd_sync_rule rule)
{
	out->strategy = strategy;
	out->rule = rule;
	return true;
}

static bool same_nonzero(u64 a, u64 b)
{
	return strip(a) && drbd_uuid_eq(a, b);
}

/* A bitmap UUID the peer listed for @n; unknown ones match nothing. */
static bool peer_bitmap_is(const struct drbd_peer_uuids *peer, unsigned int n, u64 v)
{
	return (peer->bitmap_mask & BIT_ULL(n)) && peer->bitmap[n] != DRBD_UUID_UNKNOWN &&
	       same_nonzero(peer->bitmap[n], v);
}

static bool in_history(const u64 *history, u64 v)
{
	unsigned int i;

	for (i = 0; i < DRBD_UUID_HISTORY; i++)
		if (same_nonzero(history[i], v))
			return true;
	return false;
}

/* ------------------------------------------------- protocol < 110 (5.3) */

static bool fixup_end_of_resync(const struct drbd_compare_in *in, struct drbd_compare_out *out)
{
	const struct drbd_uuid_set *self = in->self;
	const struct drbd_peer_uuids *peer = in->peer;
	u64 self_bm = self->bitmap[in->peer_node_id];
	u64 peer_bm = peer->bitmap[self->my_node_id];

	if (!strip(peer_bm) && strip(self_bm)) {
		if (in->protocol_version < PROTO_FIXUPS)
			return result(out, STRATEGY_REQUIRES_PROTO_91, RULE_NONE);
		if (drbd_uuid_eq(self_bm, peer->history[0]) &&
		    drbd_uuid_eq(self_bm, self->history[0])) {
			out->fixup = FIXUP_CLEAR_OWN_BITMAP;
			return result(out, STRATEGY_SOURCE_USE_BITMAP,
				      RULE_SYNC_SOURCE_MISSED_FINISH);
		}
		return result(out, STRATEGY_SOURCE_USE_BITMAP,
			      RULE_SYNC_SOURCE_PEER_MISSED_FINISH);
	}
	if (!strip(self_bm) && strip(peer_bm)) {
		if (in->protocol_version < PROTO_FIXUPS)
			return result(out, STRATEGY_REQUIRES_PROTO_91, RULE_NONE);
		if (drbd_uuid_eq(self->history[0], peer_bm) &&
		    drbd_uuid_eq(self->history[1], peer->history[0])) {
			out->fixup = FIXUP_PEER_FINISHED;
			return result(out, STRATEGY_TARGET_USE_BITMAP,
				      RULE_SYNC_TARGET_PEER_MISSED_FINISH);
		}
		return result(out, STRATEGY_TARGET_USE_BITMAP, RULE_SYNC_TARGET_MISSED_FINISH);
	}
	return false;
}

/* The P_SYNC_UUID that would have made me a target got lost. */
static bool fixup_target_start(const struct drbd_compare_in *in, struct drbd_compare_out *out)
{
	const struct drbd_peer_uuids *peer = in->peer;
	bool match;

	if (!same_nonzero(in->self_current, peer->history[0]))
		return false;
	if (in->protocol_version >= PROTO_SYNC_UUID_OFFSET)
		match = drbd_uuid_eq(peer->history[0] + DRBD_UUID_OFFSET,
				     peer->bitmap[in->self->my_node_id]);
	else
		match = drbd_uuid_eq(in->self->history[0], peer->history[1]);
	if (!match)
		return false;
	if (in->protocol_version < PROTO_FIXUPS)
		return result(out, STRATEGY_REQUIRES_PROTO_91, RULE_NONE);
	out->fixup = FIXUP_PEER_UNDO_START;
	return result(out, STRATEGY_TARGET_USE_BITMAP, RULE_SYNC_TARGET_MISSED_START);
}

static bool fixup_source_start(const struct drbd_compare_in *in, struct drbd_compare_out *out)
{
	const struct drbd_uuid_set *self = in->self;
	bool match;

	if (!same_nonzero(self->history[0], in->peer->cur))
		return false;
	if (in->protocol_version >= PROTO_SYNC_UUID_OFFSET)
		match = drbd_uuid_eq(self->history[0] + DRBD_UUID_OFFSET,
				     self->bitmap[in->peer_node_id]);
	else
		match = drbd_uuid_eq(self->history[1], in->peer->history[0]);
	if (!match)
		return false;
	if (in->protocol_version < PROTO_FIXUPS)
		return result(out, STRATEGY_REQUIRES_PROTO_91, RULE_NONE);
	out->fixup = FIXUP_OWN_UNDO_START;
	return result(out, STRATEGY_SOURCE_USE_BITMAP, RULE_SYNC_SOURCE_MISSED_START);
}

void drbd_uuid_compare_fixup(const struct drbd_compare_out *out, struct drbd_uuid_set *self,
			     struct drbd_peer_uuids *peer, u8 peer_node_id)
{
	u64 first;

	switch (out->fixup) {
	case FIXUP_CLEAR_OWN_BITMAP:
		drbd_uuid_set_bitmap(self, peer_node_id, 0, 0);
		break;
	case FIXUP_PEER_FINISHED:
		peer->history[1] = peer->history[0];
		peer->history[0] = peer->bitmap[self->my_node_id];
		peer->bitmap[self->my_node_id] = 0;
		break;
	case FIXUP_PEER_UNDO_START:
		peer->bitmap[self->my_node_id] = peer->history[0];
		peer->history[0] = peer->history[1];
		peer->history[1] = 0;
		break;
	case FIXUP_OWN_UNDO_START:
		first = self->history[0];
		memmove(&self->history[0], &self->history[1],
			sizeof(first) * (DRBD_UUID_HISTORY - 1));
		self->history[DRBD_UUID_HISTORY - 1] = 0;
		self->bitmap[peer_node_id] = first;
		break;
	default:
		break;
	}
}

/* ------------------------------------------------------------------- 5.2 */

static bool compare_crashed_primary(const struct drbd_compare_in *in, bool self_crashed,
				    bool peer_crashed, struct drbd_compare_out *out)
{
	if (in->protocol_version < PROTO_CRASHED_PRIMARY || in->wire_protocol == DRBD_PROT_C ||
	    self_crashed == peer_crashed)
		return false;
	return result(out, self_crashed ? STRATEGY_SOURCE_USE_BITMAP : STRATEGY_TARGET_USE_BITMAP,
		      RULE_CRASHED_PRIMARY);
}

static bool compare_lost_quorum(const struct drbd_compare_in *in, struct drbd_compare_out *out)
{
	bool self = in->self_flags & DRBD_UUID_F_PRIMARY_LOST_QUORUM;
	bool peer = in->peer->flags & DRBD_UUID_F_PRIMARY_LOST_QUORUM;
	bool source = self && (!peer || in->resolver);

	if (!self && !peer)
		return false;
	return result(out, source ? STRATEGY_SOURCE_IF_BOTH_FAILED : STRATEGY_TARGET_IF_BOTH_FAILED,
		      RULE_LOST_QUORUM);
}

/* S = P: rules 4 to 11 */
static void compare_equal(const struct drbd_compare_in *in, struct drbd_compare_out *out)
{
	u64 pf = in->peer->flags, sf = in->self_flags;
	bool self_reconnect = sf & DRBD_UUID_F_RECONNECT, peer_reconnect = pf & DRBD_UUID_F_RECONNECT;
	bool self_crashed = sf & DRBD_UUID_F_CRASHED_PRIMARY;
	bool peer_crashed = pf & DRBD_UUID_F_CRASHED_PRIMARY;
	enum drbd_sync_rule rule10;

	if (in->protocol_version < PROTO_MULTI_PEER && fixup_end_of_resync(in, out))	/* 4 */
		return;
	if (in->source_missed_end) {							/* 5 */
		result(out, STRATEGY_SOURCE_USE_BITMAP, RULE_SYNC_SOURCE_MISSED_FINISH);
		return;
	}
	if (in->peer_missed_end) {							/* 6 */
		result(out, STRATEGY_TARGET_USE_BITMAP, RULE_SYNC_TARGET_PEER_MISSED_FINISH);
		return;
	}
	if (in->protocol_version >= PROTO_RECONNECT_FIRST &&				/* 7 */
	    self_reconnect && peer_reconnect) {
		result(out, STRATEGY_NO_SYNC, RULE_RECONNECTED);
		return;
	}
	if (compare_crashed_primary(in, self_crashed, peer_crashed, out))		/* 8 */
		return;
	if (compare_lost_quorum(in, out))						/* 9 */
		return;

	rule10 = in->protocol_version < PROTO_RECONNECT_FIRST ? RULE_RECONNECTED :	/* 10 */
								RULE_LOST_QUORUM;
	if (in->protocol_version < PROTO_RECONNECT_FIRST && self_reconnect && peer_reconnect) {
		result(out, STRATEGY_NO_SYNC, RULE_RECONNECTED);
		return;
	}
	if (peer_crashed && self_reconnect) {
		result(out, STRATEGY_SOURCE_IF_BOTH_FAILED, rule10);
		return;
	}
	if (self_crashed && peer_reconnect) {
		result(out, STRATEGY_TARGET_IF_BOTH_FAILED, rule10);
		return;
	}
	if (self_reconnect || peer_reconnect) {
		result(out, STRATEGY_NO_SYNC, rule10);
		return;
	}

	if (self_crashed)								/* 11 */
		result(out, peer_crashed && in->resolver ? STRATEGY_TARGET_IF_BOTH_FAILED :
							   STRATEGY_SOURCE_IF_BOTH_FAILED,
		       RULE_BOTH_OFF);
	else if (peer_crashed)
		result(out, STRATEGY_TARGET_IF_BOTH_FAILED, RULE_BOTH_OFF);
	else
		result(out, STRATEGY_NO_SYNC, RULE_BOTH_OFF);
}

/* Stop at the first zero of each list, for a zero is equal to any other. */
static bool common_history(const struct drbd_uuid_set *self, const struct drbd_peer_uuids *peer)
{
	unsigned int i, j;

	for (i = 0; i < DRBD_UUID_HISTORY && self->history[i]; i++)
		for (j = 0; j < DRBD_UUID_HISTORY && peer->history[j]; j++)
			if (same_nonzero(self->history[i], peer->history[j]))
				return true;
	return false;
}

/* S != P: rules 12 to 22 */
static void compare_different(const struct drbd_compare_in *in, u64 peer_current,
			      struct drbd_compare_out *out)
{
	const struct drbd_uuid_set *self = in->self;
	const struct drbd_peer_uuids *peer = in->peer;
	unsigned int me = self->my_node_id, p = in->peer_node_id;
	u64 s = in->self_current;
	bool s_in_peer, p_in_self;
	unsigned int x;

	if (peer_bitmap_is(peer, me, s)) {						/* 12 */
		result(out, STRATEGY_TARGET_USE_BITMAP, RULE_BITMAP_PEER);
		return;
	}
	for (x = 0; x < DRBD_UUID_NODES; x++) {						/* 13 */
		if (!peer_bitmap_is(peer, x, s))
			continue;
		out->other_node = (u8)x;
		result(out, STRATEGY_TARGET_CLEAR_BITMAP, RULE_BITMAP_PEER_OTHER);
		return;
	}
	if (in->protocol_version < PROTO_MULTI_PEER && fixup_target_start(in, out))	/* 14 */
		return;
	if (same_nonzero(in->self_bitmap, peer_current)) {				/* 15 */
		result(out, STRATEGY_SOURCE_USE_BITMAP, RULE_BITMAP_SELF);
		return;
	}
	for (x = 0; x < DRBD_UUID_NODES; x++) {						/* 16 */
		if (x == me || x == p || !same_nonzero(self->bitmap[x], peer_current))
			continue;
		if (in->protocol_version < PROTO_UNALLOC_SLOT && !(self->slot_mask & (1u << x)))
			continue;
		out->other_node = (u8)x;
		result(out, STRATEGY_SOURCE_COPY_OTHER_BITMAP, RULE_BITMAP_SELF_OTHER);
		return;
	}
	if (in->protocol_version < PROTO_MULTI_PEER && fixup_source_start(in, out))	/* 17 */
		return;

	s_in_peer = in_history(peer->history, s);
	p_in_self = in_history(self->history, peer_current);
	if (s_in_peer && !p_in_self) {							/* 18 */
		result(out, STRATEGY_TARGET_SET_BITMAP, RULE_HISTORY_PEER);
		return;
	}
	if (p_in_self && !s_in_peer) {							/* 19 */
		result(out, STRATEGY_SOURCE_SET_BITMAP, RULE_HISTORY_SELF);
		return;
	}
	if (strip(in->self_bitmap) && peer_bitmap_is(peer, me, in->self_bitmap)) {	/* 20 */
		result(out, STRATEGY_SPLIT_BRAIN_AUTO_RECOVER, RULE_BITMAP_BOTH);
		return;
	}
	result(out, common_history(self, peer) ? STRATEGY_SPLIT_BRAIN_DISCONNECT :	/* 21 */
						 STRATEGY_UNRELATED_DATA,		/* 22 */
	       RULE_HISTORY_BOTH);
}

void drbd_uuid_compare(const struct drbd_compare_in *in, struct drbd_compare_out *out)
{
	u64 peer_current = in->peer->cur ? in->peer->cur : DRBD_UUID_JUST_CREATED;
	bool self_new = drbd_uuid_eq(in->self_current, DRBD_UUID_JUST_CREATED);
	bool peer_new = drbd_uuid_eq(peer_current, DRBD_UUID_JUST_CREATED);

	memset(out, 0, sizeof(*out));
	if (in->changed_since_sent)
		result(out, STRATEGY_RETRY_CONNECT, RULE_INITIAL_HANDSHAKE_CHANGED);
	else if (self_new && peer_new)
		result(out, STRATEGY_NO_SYNC, RULE_JUST_CREATED_BOTH);
	else if (self_new)
		result(out, STRATEGY_TARGET_SET_BITMAP, RULE_JUST_CREATED_SELF);
	else if (peer_new)
		result(out, STRATEGY_SOURCE_SET_BITMAP, RULE_JUST_CREATED_PEER);
	else if (drbd_uuid_eq(in->self_current, peer_current))
		compare_equal(in, out);
	else
		compare_different(in, peer_current, out);
}

static const char * const strategy_texts[] = {
	[STRATEGY_UNDETERMINED]			= "undetermined",
	[STRATEGY_NO_SYNC]			= "no-sync",
	[STRATEGY_TARGET_IF_BOTH_FAILED]	= "target-if-both-failed",
	[STRATEGY_SOURCE_IF_BOTH_FAILED]	= "source-if-both-failed",
	[STRATEGY_TARGET_USE_BITMAP]		= "target-use-bitmap",
	[STRATEGY_SOURCE_USE_BITMAP]		= "source-use-bitmap",
	[STRATEGY_TARGET_CLEAR_BITMAP]		= "target-clear-bitmap",
	[STRATEGY_SOURCE_COPY_OTHER_BITMAP]	= "source-copy-other-bitmap",
	[STRATEGY_TARGET_SET_BITMAP]		= "target-set-bitmap",
	[STRATEGY_SOURCE_SET_BITMAP]		= "source-set-bitmap",
	[STRATEGY_SPLIT_BRAIN_AUTO_RECOVER]	= "split-brain-auto-recover",
	[STRATEGY_SPLIT_BRAIN_DISCONNECT]	= "split-brain-disconnect",
	[STRATEGY_UNRELATED_DATA]		= "unrelated-data",
	[STRATEGY_RETRY_CONNECT]		= "retry-connect",
	[STRATEGY_REQUIRES_PROTO_91]		= "requires-proto-91",
	[STRATEGY_REQUIRES_PROTO_124]		= "requires-proto-124",
	[STRATEGY_DISCONNECT]			= "disconnect",
};

static const char * const rule_texts[] = {
	[RULE_NONE]				= "none",
	[RULE_JUST_CREATED_BOTH]		= "just-created-both",
	[RULE_JUST_CREATED_SELF]		= "just-created-self",
	[RULE_JUST_CREATED_PEER]		= "just-created-peer",
	[RULE_SYNC_SOURCE_MISSED_FINISH]	= "sync-source-missed-finish",
	[RULE_SYNC_SOURCE_PEER_MISSED_FINISH]	= "sync-source-peer-missed-finish",
	[RULE_SYNC_TARGET_MISSED_FINISH]	= "sync-target-missed-finish",
	[RULE_SYNC_TARGET_PEER_MISSED_FINISH]	= "sync-target-peer-missed-finish",
	[RULE_SYNC_TARGET_MISSED_START]		= "sync-target-missed-start",
	[RULE_SYNC_SOURCE_MISSED_START]		= "sync-source-missed-start",
	[RULE_RECONNECTED]			= "reconnected",
	[RULE_CRASHED_PRIMARY]			= "crashed-primary",
	[RULE_LOST_QUORUM]			= "lost-quorum",
	[RULE_BOTH_OFF]				= "both-off",
	[RULE_BITMAP_PEER]			= "bitmap-peer",
	[RULE_BITMAP_PEER_OTHER]		= "bitmap-peer-other",
	[RULE_BITMAP_SELF]			= "bitmap-self",
	[RULE_BITMAP_SELF_OTHER]		= "bitmap-self-other",
	[RULE_HISTORY_PEER]			= "history-peer",
	[RULE_HISTORY_SELF]			= "history-self",
	[RULE_BITMAP_BOTH]			= "bitmap-both",
	[RULE_HISTORY_BOTH]			= "history-both",
	[RULE_INITIAL_HANDSHAKE_CHANGED]	= "initial-handshake-changed",
	[RULE_RECONCILE_BITMAP]			= "reconcile-bitmap",
	[RULE_RECONCILE_DAGTAG]			= "reconcile-dagtag",
};

const char *drbd_strategy_text(enum drbd_sync_strategy s)
{
	return (unsigned int)s < ARRAY_SIZE(strategy_texts) ? strategy_texts[s] : "?";
}

const char *drbd_rule_text(enum drbd_sync_rule rule)
{
	return (unsigned int)rule < ARRAY_SIZE(rule_texts) ? rule_texts[rule] : "?";
}
