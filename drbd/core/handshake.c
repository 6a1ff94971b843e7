// SPDX-License-Identifier: GPL-2.0-only
/* From a comparison of generations to what both nodes do (resync.md 5.5 to 5.16). */
#include "handshake.h"
#include "state_internal.h"

#define PROTO_QUORUM_TIE_BREAK	113
#define PROTO_DISK_STATE_RULE	119
#define PROTO_DISCARD_REVERSES	121
#define PROTO_ZERO_BITS		124

bool drbd_strategy_is_target(enum drbd_sync_strategy s)
{
	return s == STRATEGY_TARGET_IF_BOTH_FAILED || s == STRATEGY_TARGET_USE_BITMAP ||
	       s == STRATEGY_TARGET_CLEAR_BITMAP || s == STRATEGY_TARGET_SET_BITMAP;
}

bool drbd_strategy_is_source(enum drbd_sync_strategy s)
{
	return s == STRATEGY_SOURCE_IF_BOTH_FAILED || s == STRATEGY_SOURCE_USE_BITMAP ||
	       s == STRATEGY_SOURCE_COPY_OTHER_BITMAP || s == STRATEGY_SOURCE_SET_BITMAP;
}

bool drbd_strategy_is_full_sync(enum drbd_sync_strategy s)
{
	return s == STRATEGY_TARGET_SET_BITMAP || s == STRATEGY_SOURCE_SET_BITMAP;
}

static bool is_split_brain(enum drbd_sync_strategy s)
{
	return s == STRATEGY_SPLIT_BRAIN_AUTO_RECOVER || s == STRATEGY_SPLIT_BRAIN_DISCONNECT;
}

static bool is_if_both_failed(enum drbd_sync_strategy s)
{
	return s == STRATEGY_TARGET_IF_BOTH_FAILED || s == STRATEGY_SOURCE_IF_BOTH_FAILED;
}

/* The same resync seen from the other end; UNDETERMINED where there is none. */
static enum drbd_sync_strategy reversed(enum drbd_sync_strategy s)
{
	switch (s) {
	case STRATEGY_TARGET_IF_BOTH_FAILED:	return STRATEGY_SOURCE_IF_BOTH_FAILED;
	case STRATEGY_SOURCE_IF_BOTH_FAILED:	return STRATEGY_TARGET_IF_BOTH_FAILED;
	case STRATEGY_TARGET_USE_BITMAP:	return STRATEGY_SOURCE_USE_BITMAP;
	case STRATEGY_SOURCE_USE_BITMAP:	return STRATEGY_TARGET_USE_BITMAP;
	case STRATEGY_TARGET_SET_BITMAP:	return STRATEGY_SOURCE_SET_BITMAP;
	case STRATEGY_SOURCE_SET_BITMAP:	return STRATEGY_TARGET_SET_BITMAP;
	default:				return STRATEGY_UNDETERMINED;
	}
}

static enum drbd_sync_strategy full_sync_of(enum drbd_sync_strategy s)
{
	switch (s) {
	case STRATEGY_TARGET_USE_BITMAP:	return STRATEGY_TARGET_SET_BITMAP;
	case STRATEGY_SOURCE_USE_BITMAP:	return STRATEGY_SOURCE_SET_BITMAP;
	default:				return STRATEGY_UNDETERMINED;
	}
}

static u8 self_disk(const struct drbd_handshake_in *in)
{
	return in->self_disk == D_NEGOTIATING ? in->self_md_disk : in->self_disk;
}

static u8 peer_disk(const struct drbd_handshake_in *in)
{
	if (in->peer_disk != D_NEGOTIATING)
		return in->peer_disk;
	return in->uuid.peer->flags & DRBD_UUID_F_INCONSISTENT ? D_INCONSISTENT : D_CONSISTENT;
}

static bool self_discards(const struct drbd_handshake_in *in)
{
	return in->uuid.self_flags & DRBD_UUID_F_DISCARD_MY_DATA;
}

static bool peer_discards(const struct drbd_handshake_in *in)
{
	return in->uuid.peer->flags & DRBD_UUID_F_DISCARD_MY_DATA;
}

/* ------------------------------------------------------- disk states (5.6) */

static bool disks_override(const struct drbd_handshake_in *in, enum drbd_sync_strategy strategy,
			   enum drbd_sync_rule rule)
{
	u8 self = self_disk(in), peer = peer_disk(in);
	bool one_inconsistent;

	if (self < D_INCONSISTENT || peer < D_INCONSISTENT || peer == D_UNKNOWN || self == peer)
		return false;
	one_inconsistent = (self == D_INCONSISTENT) != (peer == D_INCONSISTENT);
	if (in->uuid.protocol_version < PROTO_DISK_STATE_RULE)
		return one_inconsistent && (rule == RULE_BOTH_OFF || strategy == STRATEGY_NO_SYNC);
	if ((rule == RULE_RECONNECTED || rule == RULE_LOST_QUORUM || rule == RULE_BOTH_OFF) &&
	    is_if_both_failed(strategy))
		return true;
	return strategy == STRATEGY_NO_SYNC && one_inconsistent;
}

/* The peer is in the middle of a resync from somebody else: which slot covers it? */
static enum drbd_sync_strategy source_bitmap_choice(const struct drbd_handshake_in *in, u8 *other)
{
	const struct drbd_uuid_set *self = in->uuid.self;
	const struct drbd_peer_uuids *peer = in->uuid.peer;
	u64 b = peer->bitmap[self->my_node_id];
	unsigned int x;

	if (!(peer->flags & DRBD_UUID_F_SYNC_TARGET))
		return STRATEGY_SOURCE_USE_BITMAP;
	if (drbd_uuid_eq(b, peer->cur) && drbd_uuid_eq(b, in->uuid.self_current))
		return STRATEGY_SOURCE_USE_BITMAP;
	if (!b || b == DRBD_UUID_UNKNOWN)
		return STRATEGY_SOURCE_SET_BITMAP;
	if (drbd_uuid_eq(self->bitmap[in->uuid.peer_node_id], b))
		return STRATEGY_SOURCE_USE_BITMAP;
	for (x = 0; x < DRBD_UUID_NODES; x++) {
		if (x == self->my_node_id || !drbd_uuid_eq(self->bitmap[x], b))
			continue;
		*other = (u8)x;
		return STRATEGY_SOURCE_COPY_OTHER_BITMAP;
	}
	return STRATEGY_SOURCE_SET_BITMAP;
}

static enum drbd_sync_strategy target_bitmap_choice(const struct drbd_handshake_in *in, u8 *other)
{
	const struct drbd_uuid_set *self = in->uuid.self;
	const struct drbd_peer_uuids *peer = in->uuid.peer;
	u64 b = in->uuid.self_bitmap;
	unsigned int x;

	if (!(in->uuid.self_flags & DRBD_UUID_F_SYNC_TARGET))
		return STRATEGY_TARGET_USE_BITMAP;
	if (drbd_uuid_eq(b, peer->cur) && drbd_uuid_eq(b, in->uuid.self_current))
		return STRATEGY_TARGET_USE_BITMAP;
	if (!b)
		return STRATEGY_TARGET_SET_BITMAP;
	if ((peer->bitmap_mask & BIT_ULL(self->my_node_id)) &&
	    drbd_uuid_eq(peer->bitmap[self->my_node_id], b))
		return STRATEGY_TARGET_USE_BITMAP;
	for (x = 0; x < DRBD_UUID_NODES; x++) {
		if (!(peer->bitmap_mask & BIT_ULL(x)) || !drbd_uuid_eq(peer->bitmap[x], b))
			continue;
		*other = (u8)x;
		return STRATEGY_TARGET_CLEAR_BITMAP;
	}
	return STRATEGY_TARGET_SET_BITMAP;
}

static void apply_disk_states(const struct drbd_handshake_in *in, struct drbd_handshake_out *out)
{
	if (!disks_override(in, out->strategy, out->rule))
		return;
	if (self_disk(in) > peer_disk(in))
		out->strategy = source_bitmap_choice(in, &out->other_node);
	else
		out->strategy = target_bitmap_choice(in, &out->other_node);
}

/* ---------------------------------------------------- after split brain (5.8) */

static enum drbd_sync_strategy zero_changes(u64 self_bits, u64 peer_bits, bool resolver)
{
	if (!self_bits && !peer_bits)
		return resolver ? STRATEGY_TARGET_USE_BITMAP : STRATEGY_SOURCE_USE_BITMAP;
	if (!peer_bits)
		return STRATEGY_SOURCE_USE_BITMAP;
	if (!self_bits)
		return STRATEGY_TARGET_USE_BITMAP;
	return STRATEGY_UNDETERMINED;
}

static enum drbd_sync_strategy least_changes(u64 self_bits, u64 peer_bits, bool resolver)
{
	if (self_bits < peer_bits)
		return STRATEGY_TARGET_USE_BITMAP;
	if (self_bits > peer_bits)
		return STRATEGY_SOURCE_USE_BITMAP;
	return resolver ? STRATEGY_TARGET_USE_BITMAP : STRATEGY_SOURCE_USE_BITMAP;
}

static enum drbd_sync_strategy after_sb_0p(const struct drbd_handshake_in *in)
{
	u64 self_bits = in->self_bits, peer_bits = in->uuid.peer->dirty_bits;
	bool resolver = in->uuid.resolver;
	/* Was it Primary when the data diverged? */
	bool self_pri = in->uuid.self_bitmap & DRBD_UUID_PRIMARY;
	bool peer_pri = in->uuid.peer->bitmap[in->uuid.self->my_node_id] & DRBD_UUID_PRIMARY;
	enum drbd_sync_strategy s;

	switch (in->after_sb_0p) {
	case ASB_DISCARD_YOUNGER_PRI:
		if (self_pri != peer_pri)
			return peer_pri ? STRATEGY_TARGET_USE_BITMAP : STRATEGY_SOURCE_USE_BITMAP;
		break;
	case ASB_DISCARD_OLDER_PRI:
		if (self_pri != peer_pri)
			return peer_pri ? STRATEGY_SOURCE_USE_BITMAP : STRATEGY_TARGET_USE_BITMAP;
		break;
	case ASB_DISCARD_ZERO_CHG:
		return zero_changes(self_bits, peer_bits, resolver);
	case ASB_DISCARD_LEAST_CHG:
		return least_changes(self_bits, peer_bits, resolver);
	case ASB_DISCARD_LOCAL:
		return STRATEGY_TARGET_USE_BITMAP;
	case ASB_DISCARD_REMOTE:
		return STRATEGY_SOURCE_USE_BITMAP;
	default:
		return STRATEGY_UNDETERMINED;
	}
	s = zero_changes(self_bits, peer_bits, resolver);
	return s == STRATEGY_UNDETERMINED ? least_changes(self_bits, peer_bits, resolver) : s;
}

/* A Primary is to lose its data: only if it can be demoted. */
static enum drbd_sync_strategy lose_or_demote(const struct drbd_handshake_in *in,
					      enum drbd_sync_strategy s,
					      struct drbd_handshake_out *out)
{
	if (!drbd_strategy_is_target(s) || in->self_role != R_PRIMARY)
		return s;
	if (!in->demotion_tried) {
		out->need_demotion = true;
		return STRATEGY_UNDETERMINED;
	}
	if (in->demotion_ok)
		return s;
	out->helpers |= HELPER_PRI_LOST_AFTER_SB;
	return STRATEGY_UNDETERMINED;
}

static enum drbd_sync_strategy after_sb_1p(const struct drbd_handshake_in *in,
					   struct drbd_handshake_out *out)
{
	bool primary = in->self_role == R_PRIMARY;
	enum drbd_sync_strategy s;

	switch (in->after_sb_1p) {
	case ASB_CONSENSUS:
		s = after_sb_0p(in);
		if ((drbd_strategy_is_target(s) && !primary) ||
		    (drbd_strategy_is_source(s) && primary))
			return s;
		return STRATEGY_UNDETERMINED;
	case ASB_DISCARD_SECONDARY:
		return primary ? STRATEGY_SOURCE_USE_BITMAP : STRATEGY_TARGET_USE_BITMAP;
	case ASB_CALL_HELPER:
		return lose_or_demote(in, after_sb_0p(in), out);
	case ASB_VIOLENTLY:
		return after_sb_0p(in);
	default:
		return STRATEGY_UNDETERMINED;
	}
}

static enum drbd_sync_strategy after_sb_2p(const struct drbd_handshake_in *in,
					   struct drbd_handshake_out *out)
{
	switch (in->after_sb_2p) {
	case ASB_CALL_HELPER:
		return lose_or_demote(in, after_sb_0p(in), out);
	case ASB_VIOLENTLY:
		return after_sb_0p(in);
	default:
		return STRATEGY_UNDETERMINED;
	}
}

enum drbd_sync_strategy drbd_after_sb(const struct drbd_handshake_in *in,
				      struct drbd_handshake_out *out)
{
	/* The role on the wire is what counted when the handshake began; a Primary
	 * that was demoted for this meanwhile still counts as one. */
	unsigned int primaries = (in->self_role == R_PRIMARY) + (in->peer_role == R_PRIMARY);

	if (primaries == 0)
		return after_sb_0p(in);
	if (primaries == 1)
		return after_sb_1p(in, out);
	return after_sb_2p(in, out);
}

static enum drbd_sync_strategy solve_split_brain(const struct drbd_handshake_in *in,
						 struct drbd_handshake_out *out)
{
	bool unrelated_bitmaps = out->strategy == STRATEGY_SPLIT_BRAIN_DISCONNECT;
	enum drbd_sync_strategy s = STRATEGY_UNDETERMINED;

	if (!unrelated_bitmaps || in->always_asbp) {				/* 6 */
		if (!in->attach && in->quorum_enabled &&
		    in->uuid.protocol_version >= PROTO_QUORUM_TIE_BREAK &&
		    in->self_quorum != in->peer_quorum)
			s = in->self_quorum ? STRATEGY_SOURCE_USE_BITMAP :
					      STRATEGY_TARGET_USE_BITMAP;
		if (s == STRATEGY_UNDETERMINED)
			s = drbd_after_sb(in, out);
		if (out->need_demotion)
			return STRATEGY_UNDETERMINED;
		if (s != STRATEGY_UNDETERMINED)
			return unrelated_bitmaps ? full_sync_of(s) : s;
	}
	if (!in->attach && self_discards(in) != peer_discards(in)) {		/* 7 */
		s = self_discards(in) ? STRATEGY_TARGET_USE_BITMAP : STRATEGY_SOURCE_USE_BITMAP;
		return unrelated_bitmaps ? full_sync_of(s) : s;
	}
	return STRATEGY_UNDETERMINED;
}

/* ---------------------------------------------------------------- the pipeline */

static bool has_bits(const struct drbd_handshake_in *in, enum drbd_sync_strategy s)
{
	return in->self_bits || in->uuid.peer->dirty_bits || drbd_strategy_is_full_sync(s);
}

static void refuse(const struct drbd_handshake_in *in, struct drbd_handshake_out *out, u8 outcome)
{
	out->outcome = outcome;
	out->repl_state = L_ESTABLISHED;
	out->would_be_target = drbd_strategy_is_target(out->strategy) && in->connecting;
	out->bitmap = BITMAP_NONE;
	out->set_bitmap_uuid = false;
}

static void apply_discard_my_data(const struct drbd_handshake_in *in,
				  struct drbd_handshake_out *out)
{
	enum drbd_sync_strategy r = reversed(out->strategy);
	bool self = self_discards(in);
	u8 new_source_disk;

	if (in->attach || in->uuid.protocol_version < PROTO_DISCARD_REVERSES ||
	    out->strategy == STRATEGY_NO_SYNC || self == peer_discards(in))
		return;
	if (drbd_strategy_is_target(out->strategy) == self)
		return;
	new_source_disk = self ? peer_disk(in) : self_disk(in);
	if (r == STRATEGY_UNDETERMINED || new_source_disk <= D_INCONSISTENT)
		out->log_discard_ignored = true;
	else
		out->strategy = r;
}

/* 5.10.  False: refused, out is complete. */
static bool apply_rr_conflict(const struct drbd_handshake_in *in, struct drbd_handshake_out *out)
{
	bool auto_discard = in->rr_conflict == ASB_AUTO_DISCARD && !in->attach;
	bool crashed = out->rule == RULE_CRASHED_PRIMARY;
	/* A disk that is being attached is not what the applications see: no conflict. */
	bool i_conflict = in->self_role == R_PRIMARY && !in->demotion_ok &&
			  in->self_disk >= D_CONSISTENT;
	bool peer_conflicts = in->peer_role == R_PRIMARY && peer_disk(in) >= D_CONSISTENT;

	if (!has_bits(in, out->strategy))
		return true;

	if (auto_discard && crashed && out->strategy == STRATEGY_SOURCE_USE_BITMAP &&
	    peer_conflicts) {
		out->strategy = STRATEGY_TARGET_USE_BITMAP;
		return true;
	}
	if (!drbd_strategy_is_target(out->strategy) ||
	    out->strategy == STRATEGY_TARGET_IF_BOTH_FAILED || !i_conflict)
		return true;

	switch (in->rr_conflict) {
	case ASB_VIOLENTLY:
		return true;
	case ASB_AUTO_DISCARD:
		if (!auto_discard)
			break;
		if (crashed && out->strategy == STRATEGY_TARGET_USE_BITMAP)
			out->strategy = STRATEGY_SOURCE_USE_BITMAP;
		return true;
	case ASB_RETRY_CONNECT:
		refuse(in, out, HANDSHAKE_RETRY);
		return false;
	case ASB_CALL_HELPER:
		out->helpers |= HELPER_PRI_LOST;
		break;
	default:
		break;
	}
	refuse(in, out, HANDSHAKE_DISCONNECT);
	return false;
}

/* 5.5 step 12: a missed end counts only if the data it speaks of is good. */
static void check_missed_finish(const struct drbd_handshake_in *in, struct drbd_handshake_out *out)
{
	if (out->rule != RULE_SYNC_SOURCE_MISSED_FINISH &&
	    out->rule != RULE_SYNC_TARGET_PEER_MISSED_FINISH)
		return;
	if (out->strategy == STRATEGY_SOURCE_USE_BITMAP && self_disk(in) != D_UP_TO_DATE) {
		out->strategy = STRATEGY_NO_SYNC;
	} else if (out->strategy == STRATEGY_TARGET_USE_BITMAP && peer_disk(in) != D_UP_TO_DATE) {
		out->clear_bitmap_uuid = true;
		out->strategy = STRATEGY_NO_SYNC;
	}
}

/* 5.11 */
static u8 strategy_repl_state(const struct drbd_handshake_in *in, enum drbd_sync_strategy s)
{
	if (is_if_both_failed(s) && (in->self_role == R_PRIMARY || in->peer_role == R_PRIMARY)) {
		if (in->peer_role != R_PRIMARY)
			return L_WF_BITMAP_S;
		if (in->self_role != R_PRIMARY)
			return L_WF_BITMAP_T;
		return L_ESTABLISHED;
	}
	if (drbd_strategy_is_source(s))
		return L_WF_BITMAP_S;
	if (drbd_strategy_is_target(s))
		return L_WF_BITMAP_T;
	return L_ESTABLISHED;
}

/* 5.13 */
static void plan_bitmap(const struct drbd_handshake_in *in, struct drbd_handshake_out *out)
{
	bool self_new = drbd_uuid_eq(in->uuid.self->cur, DRBD_UUID_JUST_CREATED);
	u64 peer_current = in->uuid.peer->cur;
	bool peer_new = !peer_current || drbd_uuid_eq(peer_current, DRBD_UUID_JUST_CREATED);

	switch (out->strategy) {
	case STRATEGY_SOURCE_COPY_OTHER_BITMAP:
		out->bitmap = BITMAP_COPY_SLOT;
		break;
	case STRATEGY_TARGET_CLEAR_BITMAP:
		out->bitmap = BITMAP_CLEAR_SLOT;
		break;
	case STRATEGY_TARGET_SET_BITMAP:
		/* A running resync from another source knows better what is missing. */
		if (!self_new)
			out->bitmap = BITMAP_SET_SLOT;
		else if (!(in->uuid.self_flags & DRBD_UUID_F_SYNC_TARGET))
			out->bitmap = BITMAP_SET_ALL_SLOTS;
		break;
	case STRATEGY_SOURCE_SET_BITMAP:
		out->bitmap = self_new ? BITMAP_SET_ALL_SLOTS : BITMAP_SET_SLOT;
		out->set_bitmap_uuid = !self_new && !peer_new;
		break;
	default:
		break;
	}
}

static void finish(const struct drbd_handshake_in *in, struct drbd_handshake_out *out)
{
	if (in->tentative) {
		/* Only asked for: the answer goes to the log, and nothing happens. */
		out->outcome = HANDSHAKE_DISCONNECT;
		out->repl_state = L_ESTABLISHED;
		return;
	}
	out->outcome = HANDSHAKE_OK;
	out->repl_state = strategy_repl_state(in, out->strategy);
	plan_bitmap(in, out);
}

static bool no_bits(const struct drbd_handshake_in *in)
{
	return !in->self_bits && !in->uuid.peer->dirty_bits;
}

void drbd_handshake(const struct drbd_handshake_in *in, struct drbd_handshake_out *out)
{
	bool stable = (in->uuid.self_flags & in->uuid.peer->flags) & DRBD_UUID_F_STABLE;
	enum drbd_sync_strategy s;

	memset(out, 0, sizeof(*out));
	drbd_uuid_compare(&in->uuid, &out->compare);
	out->strategy = out->compare.strategy;
	out->rule = out->compare.rule;
	out->other_node = out->compare.other_node;

	if (!in->attach && in->uuid.protocol_version < PROTO_ZERO_BITS && no_bits(in)) {	/* 2 */
		if (out->rule == RULE_SYNC_SOURCE_MISSED_FINISH &&
		    out->strategy == STRATEGY_SOURCE_USE_BITMAP)
			out->strategy = STRATEGY_RETRY_CONNECT;
		else if (out->rule == RULE_SYNC_TARGET_PEER_MISSED_FINISH &&
			 out->strategy == STRATEGY_TARGET_USE_BITMAP &&
			 in->self_role == R_PRIMARY)
			out->strategy = STRATEGY_REQUIRES_PROTO_124;
	}

	switch (out->strategy) {						/* 1 */
	case STRATEGY_RETRY_CONNECT:
		refuse(in, out, HANDSHAKE_RETRY);
		return;
	case STRATEGY_UNRELATED_DATA:
	case STRATEGY_REQUIRES_PROTO_91:
	case STRATEGY_REQUIRES_PROTO_124:
		refuse(in, out, HANDSHAKE_DISCONNECT);
		return;
	default:
		break;
	}

	apply_disk_states(in, out);						/* 3 */

	if (out->strategy == STRATEGY_SPLIT_BRAIN_AUTO_RECOVER && !stable)	/* 4 */
		out->strategy = STRATEGY_NO_SYNC;

	if (is_split_brain(out->strategy)) {					/* 5 to 9 */
		out->split_brain = true;
		if (!in->demotion_tried)
			out->helpers |= HELPER_INITIAL_SPLIT_BRAIN;
		s = solve_split_brain(in, out);
		if (out->need_demotion)
			return;
		if (s == STRATEGY_UNDETERMINED) {
			out->helpers |= HELPER_SPLIT_BRAIN;
			refuse(in, out, HANDSHAKE_DISCONNECT);
			return;
		}
		out->strategy = s;
	}

	apply_discard_my_data(in, out);						/* 10 */
	/* A Primary that just was demoted for this does not conflict any more. */
	if (!(in->demotion_tried && in->demotion_ok) && !apply_rr_conflict(in, out))	/* 11 */
		return;
	check_missed_finish(in, out);						/* 12 */
	finish(in, out);							/* 13, 14 */
}

void drbd_handshake_stability(const struct drbd_handshake_in *in, bool diskless_primary,
			      struct drbd_handshake_out *out)
{
	memset(out, 0, sizeof(*out));
	drbd_uuid_compare(&in->uuid, &out->compare);
	out->strategy = out->compare.strategy;
	out->rule = out->compare.rule;
	out->other_node = out->compare.other_node;
	out->outcome = HANDSHAKE_OK;
	out->repl_state = L_ESTABLISHED;

	if (diskless_primary)
		apply_disk_states(in, out);
	else if (out->strategy == STRATEGY_SPLIT_BRAIN_AUTO_RECOVER)
		out->strategy = in->peer_disk == D_UP_TO_DATE ? STRATEGY_TARGET_USE_BITMAP :
				in->self_disk == D_UP_TO_DATE ? STRATEGY_SOURCE_USE_BITMAP :
								STRATEGY_UNDETERMINED;
	if (!drbd_strategy_is_target(out->strategy) && !drbd_strategy_is_source(out->strategy)) {
		if (out->strategy != STRATEGY_NO_SYNC)
			out->strategy = STRATEGY_UNDETERMINED;
		return;
	}
	out->repl_state = strategy_repl_state(in, out->strategy);
	plan_bitmap(in, out);
}

/* ------------------------------------------------------- diskless nodes (5.15) */

static bool listed_in(const struct drbd_peer_uuids *p, u64 uuid)
{
	unsigned int i;

	for (i = 0; i < DRBD_UUID_NODES; i++)
		if ((p->bitmap_mask & BIT_ULL(i)) && p->bitmap[i] &&
		    p->bitmap[i] != DRBD_UUID_UNKNOWN && drbd_uuid_eq(p->bitmap[i], uuid))
			return true;
	for (i = 0; i < DRBD_UUID_HISTORY; i++)
		if (p->history[i] && drbd_uuid_eq(p->history[i], uuid))
			return true;
	return false;
}

enum drbd_diskless_result drbd_handshake_diskless(const struct core_resource *r, u32 dev, u32 conn,
						  u16 protocol_version)
{
	const struct core_device *d = &r->dev[dev];
	const struct drbd_peer_uuids *peer = d->pd[conn].uuids;
	bool primary = r->role[DRBD_OLD] == R_PRIMARY;
	u32 c;

	if (!peer || !peer->cur)
		return DISKLESS_DISCONNECT;
	if (!d->exposed_uuid)
		return DISKLESS_ADOPT;
	if (drbd_uuid_eq(d->exposed_uuid, peer->cur))
		return DISKLESS_EQUAL;
	if (protocol_version < PROTO_MULTI_PEER && primary)
		return DISKLESS_DISCONNECT;
	if (listed_in(peer, d->exposed_uuid))
		return primary ? DISKLESS_RETRY : DISKLESS_ADOPT;
	for_each_conn(c, r)
		if (c != conn && d->pd[c].uuids && listed_in(d->pd[c].uuids, peer->cur))
			return DISKLESS_ACCEPT_OUTDATED;
	return DISKLESS_DISCONNECT;
}

/* ------------------------------------------------------ attach negotiation (8.3) */

u8 drbd_attach_negotiated(const struct core_resource *r, const struct core_device *dev, int w)
{
	bool any = false, usable = false, target = false, up_to_date = false;
	u32 c;

	for_each_conn(c, r) {
		const struct core_peer_device *pd = &dev->pd[c];

		if (pd->repl_state[w] <= L_OFF || pd->disk_state[w] < D_NEGOTIATING ||
		    pd->disk_state[w] == D_UNKNOWN)
			continue;
		if (pd->negotiation == CORE_NEG_PENDING)
			return D_NEGOTIATING;
		any = true;
		if (pd->negotiation == CORE_NEG_NO_RESULT)
			continue;
		usable = true;
		target |= pd->negotiation == L_WF_BITMAP_T;
		up_to_date |= pd->disk_state[w] == D_UP_TO_DATE;
	}
	if (any && !usable)
		return D_DETACHING;
	if (target)
		return D_INCONSISTENT;
	if (up_to_date)
		return D_UP_TO_DATE;
	return drbd_disk_state_from_md(r, dev, w);
}
