// SPDX-License-Identifier: GPL-2.0-only
/* What a state change owes: at commit, and afterwards (states.md 6, 8.5, 14.1). */
#include "state_internal.h"

#define BECAME(o, f, v)	((o)->f[DRBD_OLD] != (v) && (o)->f[DRBD_NEW] == (v))
#define CHANGED(o, f)	((o)->f[DRBD_OLD] != (o)->f[DRBD_NEW])

/* Protocol 100 cannot end a verify by a state packet. */
#define PROTO_VERIFY_END	97
#define PROTO_VERIFY_END_NOT	100

static bool promoting(const struct core_resource *r)
{
	return r->role[DRBD_OLD] != R_PRIMARY && r->role[DRBD_NEW] == R_PRIMARY;
}

static bool demoting(const struct core_resource *r)
{
	return r->role[DRBD_OLD] == R_PRIMARY && r->role[DRBD_NEW] == R_SECONDARY;
}

static bool resyncs(u8 repl)
{
	return drbd_is_sync_source(repl) || drbd_is_sync_target(repl);
}

static bool lost_connection(const struct core_connection *c)
{
	return c->cstate[DRBD_OLD] >= C_CONNECTED && c->cstate[DRBD_NEW] < C_CONNECTED;
}

static bool got_connection(const struct core_connection *c)
{
	return c->cstate[DRBD_OLD] < C_CONNECTED && c->cstate[DRBD_NEW] >= C_CONNECTED;
}

/* ----------------------------------------------------------------- summaries */

static bool is_unstable(const struct core_resource *r, const struct core_device *dev)
{
	u32 c;

	if (dev->disk_state[DRBD_NEW] == D_ATTACHING || dev->disk_state[DRBD_NEW] == D_NEGOTIATING)
		return true;
	for_each_conn(c, r) {
		u8 repl = dev->pd[c].repl_state[DRBD_NEW];

		if (repl == L_WF_BITMAP_T || repl == L_WF_SYNC_UUID)
			return true;
		if (repl == L_WF_BITMAP_S && r->conn[c].protocol_version < 96)
			return true;
		/*
		 * It attaches: not missed any more, not written to yet, and nobody notes
		 * what it misses until it says how it ends.
		 */
		if (repl == L_ESTABLISHED && dev->pd[c].disk_state[DRBD_NEW] == D_NEGOTIATING &&
		    drbd_data_accessible(r, dev, DRBD_NEW))
			return true;
	}
	return false;
}

void drbd_state_summarise(struct core_resource *r)
{
	u32 c, d;

	r->suspended = drbd_suspended(r, DRBD_NEW);
	r->all_quorate = 1;
	r->min_protocol_version = 0;
	for_each_conn(c, r) {
		const struct core_connection *conn = &r->conn[c];

		if (conn->cstate[DRBD_NEW] < C_CONNECTED)
			continue;
		if (!r->min_protocol_version ||
		    conn->protocol_version < r->min_protocol_version)
			r->min_protocol_version = conn->protocol_version;
	}
	for_each_dev(d, r) {
		struct core_device *dev = &r->dev[d];

		if (!dev->quorum[DRBD_NEW])
			r->all_quorate = 0;
		dev->fail_io = r->fail_io[DRBD_NEW] ||
			       (r->on_no_quorum == ONQ_IO_ERROR && !dev->quorum[DRBD_NEW]) ||
			       (r->on_no_data == OND_IO_ERROR &&
				!drbd_data_accessible(r, dev, DRBD_NEW));
		dev->unstable = is_unstable(r, dev);
	}
}

/* ------------------------------------------------------------- metadata flags */

static u32 flag_if(u32 flags, u32 flag, bool set)
{
	return set ? flags | flag : flags & ~flag;
}

static bool primary_anywhere(const struct core_resource *r, int w)
{
	return r->role[w] == R_PRIMARY || drbd_connected_primaries(r, w);
}

static bool peer_up_to_date(const struct core_resource *r, const struct core_device *dev, int w)
{
	u32 c;

	for_each_conn(c, r)
		if (dev->pd[c].disk_state[w] == D_UP_TO_DATE)
			return true;
	return false;
}

static void update_md_flags(struct core_resource *r, struct core_device *dev)
{
	u8 disk = dev->disk_state[DRBD_NEW];
	bool graceful = (dev->flags & CORE_DEV_GRACEFUL_DETACH) && disk <= D_DETACHING;
	bool primary = primary_anywhere(r, DRBD_NEW);
	u32 f = dev->md_flags;

	if (disk < D_DETACHING || disk == D_NEGOTIATING)
		return;

	if (disk >= D_INCONSISTENT) {
		f = flag_if(f, DRBD_MDF_CONSISTENT, disk > D_INCONSISTENT);
		f = flag_if(f, DRBD_MDF_WAS_UP_TO_DATE, disk > D_OUTDATED);
	} else if (primary && peer_up_to_date(r, dev, DRBD_NEW)) {
		/* Others go on writing without this disk. */
		f &= ~DRBD_MDF_WAS_UP_TO_DATE;
	}

	if (primary && !graceful)
		f |= DRBD_MDF_PRIMARY_IND;
	else if (!(dev->flags & CORE_DEV_PEER_REQS) && (graceful || disk >= D_INCONSISTENT))
		f &= ~DRBD_MDF_PRIMARY_IND;

	f = flag_if(f, DRBD_MDF_CRASHED_PRIMARY,
		    (dev->flags & CORE_DEV_CRASHED_PRIMARY) ||
		    (r->role[DRBD_NEW] == R_PRIMARY && !graceful));
	f &= ~DRBD_MDF_AL_CLEAN;
	f = flag_if(f, DRBD_MDF_AL_DISABLED, dev->flags & CORE_DEV_AL_DISABLED);
	f = flag_if(f, DRBD_MDF_PRIMARY_LOST_QUORUM, dev->flags & CORE_DEV_PRIMARY_LOST_QUORUM);
	f = flag_if(f, DRBD_MDF_HAVE_QUORUM, dev->quorum[DRBD_NEW]);
	if (f != dev->md_flags) {
		dev->md_flags = f;
		dev->commit |= CORE_DEV_MD_DIRTY;
	}
}

static void update_md_peer_flags(const struct core_resource *r, struct core_device *dev, u32 ci)
{
	const struct core_peer_device *pd = &dev->pd[ci];
	unsigned int node = r->conn[ci].peer_node_id;
	u8 disk = dev->disk_state[DRBD_NEW], pdsk = pd->disk_state[DRBD_NEW];
	u32 f = dev->md_peer_flags[node];

	if (!(f & DRBD_MDF_HAVE_BITMAP) || disk < D_INCONSISTENT)
		return;
	f = flag_if(f, DRBD_MDF_PEER_CONNECTED, pd->repl_state[DRBD_NEW] > L_OFF);
	f = flag_if(f, DRBD_MDF_PEER_OUTDATED, pdsk == D_INCONSISTENT || pdsk == D_OUTDATED);
	f = flag_if(f, DRBD_MDF_PEER_FENCING, r->conn[ci].fencing != FP_DONT_CARE);
	if (pdsk >= D_INCONSISTENT && pdsk != D_UNKNOWN)
		f |= DRBD_MDF_PEER_DEVICE_SEEN;
	else if (pdsk == D_DISKLESS && !(pd->flags & CORE_PD_BITMAP))
		f &= ~DRBD_MDF_PEER_DEVICE_SEEN;
	if (f != dev->md_peer_flags[node]) {
		dev->md_peer_flags[node] = f;
		dev->commit |= CORE_DEV_MD_DIRTY;
	}
}

/* ------------------------------------------------------- new data generation */

/* 14.1, for one peer */
static bool peer_misses_writes(const struct core_resource *r, const struct core_device *dev, u32 ci)
{
	const struct core_peer_device *pd = &dev->pd[ci];
	const struct core_connection *c = &r->conn[ci];
	u8 old = pd->disk_state[DRBD_OLD], new = pd->disk_state[DRBD_NEW];
	bool primary = r->role[DRBD_NEW] == R_PRIMARY;

	if (BECAME(pd, repl_state, L_AHEAD))
		return true;
	/*
	 * Lost as the source of its resync.  If it had just finished it is UpToDate
	 * on the present generation, and free to be promoted: writes that it misses
	 * must not belong to that generation, or the next comparison would take
	 * this node for its ancestor.
	 */
	if (primary && drbd_is_sync_source(pd->repl_state[DRBD_OLD]) &&
	    pd->repl_state[DRBD_NEW] < L_ESTABLISHED)
		return true;

	/* An attach that failed: the mark of the detach may be used up. */
	if (primary && old == D_NEGOTIATING && new != D_NEGOTIATING &&
	    (new < D_INCONSISTENT || new == D_UNKNOWN) &&
	    drbd_data_accessible(r, dev, DRBD_NEW))
		return true;
	if ((old == D_INCONSISTENT || old == D_CONSISTENT || old == D_UP_TO_DATE) &&
	    (new < D_INCONSISTENT || new == D_OUTDATED || new == D_UNKNOWN)) {
		if (primary && (drbd_data_accessible(r, dev, DRBD_OLD) ||
				drbd_data_accessible(r, dev, DRBD_NEW)))
			return true;
		if (c->protocol_version && c->protocol_version < PROTO_MULTI_PEER &&
		    c->peer_role[DRBD_OLD] == R_PRIMARY &&
		    dev->disk_state[DRBD_NEW] == D_UP_TO_DATE)
			return true;
	}

	return old == D_UNKNOWN &&
	       (new == D_DISKLESS || new == D_FAILED || new == D_OUTDATED) && primary &&
	       dev->disk_state[DRBD_NEW] == D_UP_TO_DATE && dev->uuids &&
	       dev->uuids->bitmap[c->peer_node_id] == 0;
}

static bool generation_due(const struct core_resource *r, const struct core_device *dev)
{
	u8 old = dev->disk_state[DRBD_OLD], new = dev->disk_state[DRBD_NEW];
	u32 c;

	if (promoting(r))
		return true;
	for_each_conn(c, r)
		if (peer_misses_writes(r, dev, c))
			return true;
	return r->role[DRBD_NEW] == R_PRIMARY && drbd_data_accessible(r, dev, DRBD_NEW) &&
	       ((old > D_FAILED && new == D_FAILED) ||
		(old >= D_INCONSISTENT && new < D_INCONSISTENT));
}

static void owe_generation(struct core_resource *r, struct core_device *dev)
{
	if (demoting(r)) {
		if (dev->flags & CORE_DEV_NEW_UUID_PENDING)
			dev->commit |= CORE_DEV_UUID_PENDING_DROPPED;
		dev->flags &= ~CORE_DEV_NEW_UUID_PENDING;
		return;
	}
	if (dev->flags & CORE_DEV_NEW_UUID_PENDING)
		return;
	if (generation_due(r, dev)) {
		dev->flags |= CORE_DEV_NEW_UUID_PENDING;
		dev->commit |= CORE_DEV_UUID_PENDING_SET;
	}
}

/* ----------------------------------------------------------------- at commit */

/* A resync was agreed on but has not begun: the UUIDs do not tell of it yet. */
static bool resync_not_begun(const struct core_resource *r, u32 ci)
{
	u32 d;

	for_each_dev(d, r) {
		u8 repl = r->dev[d].pd[ci].repl_state[DRBD_OLD];

		if (repl == L_WF_BITMAP_S || repl == L_WF_BITMAP_T)
			return true;
	}
	return false;
}

static void owe_connection(struct core_resource *r, u32 ci)
{
	struct core_connection *c = &r->conn[ci];
	u8 old = c->cstate[DRBD_OLD], new = c->cstate[DRBD_NEW];

	if (lost_connection(c)) {
		/*
		 * "Reconnected" with equal UUIDs means that no resync is needed, and
		 * overrules the marks of a crash.  So it may not be said after a
		 * connection on which the resync for such a mark did not begin.
		 */
		if (resync_not_begun(r, ci))
			c->flags &= ~CORE_CONN_WAS_CONNECTED;
		else
			c->flags |= CORE_CONN_WAS_CONNECTED;
		if (c->peer_role[DRBD_OLD] == R_PRIMARY)
			c->flags |= CORE_CONN_LOST_PRIMARY;
	}
	/* In Connecting as well: the target of a connect transaction may be lost. */
	if (old >= C_CONNECTING && new < C_CONNECTING && (r->flags & CORE_RES_TWOPC_RUNNING))
		c->commit |= CORE_CONN_TWOPC_LOST;
	if (old != new && (new == C_DISCONNECTING || new == C_STANDALONE))
		c->commit |= CORE_CONN_STOP_RECEIVER;
	if (old >= C_CONNECTING && drbd_is_disconnect_or_lost(new))
		c->commit |= CORE_CONN_RESTART_RECEIVER;
	if (got_connection(c)) {
		c->commit |= CORE_CONN_RELEASE_UUID_FREEZE;
		c->flags &= ~CORE_CONN_LOST_PRIMARY;
	}
}

static bool source_side(u8 repl)
{
	return repl == L_WF_BITMAP_S || repl == L_STARTING_SYNC_S || drbd_is_sync_source(repl);
}

/* What happens to requests that were held while I/O was suspended (hazard 6). */
static void owe_requests(const struct core_resource *r, struct core_device *dev, u32 ci)
{
	struct core_peer_device *pd = &dev->pd[ci];
	const struct core_connection *c = &r->conn[ci];

	if (!drbd_suspended(r, DRBD_OLD))
		return;
	if (got_connection(c)) {
		if (pd->repl_state[DRBD_NEW] > L_ESTABLISHED)
			pd->commit |= CORE_PD_CANCEL_REQUESTS;
		else
			pd->commit |= CORE_PD_RESEND_REQUESTS;
	} else if (c->cstate[DRBD_NEW] < C_CONNECTED &&
		   (!drbd_suspended(r, DRBD_NEW) || dev->fail_io)) {
		pd->commit |= CORE_PD_CANCEL_REQUESTS;
	}
}

static void owe_peer_device(struct core_resource *r, struct core_device *dev, u32 ci)
{
	struct core_peer_device *pd = &dev->pd[ci];
	const struct core_connection *c = &r->conn[ci];
	u8 old = pd->repl_state[DRBD_OLD], new = pd->repl_state[DRBD_NEW];
	bool repl_old = drbd_replicates_to(pd, DRBD_OLD);
	bool repl_new = drbd_replicates_to(pd, DRBD_NEW);
	bool uncertain;

	if (repl_old != repl_new) {
		pd->commit |= CORE_PD_NEW_EPOCH;
		if (repl_new)
			pd->commit |= CORE_PD_SEND_DAGTAG;
	}
	if (!source_side(old) && source_side(new) && drbd_connected_primaries(r, DRBD_NEW))
		pd->commit |= CORE_PD_MARK_UNACKED;
	if (drbd_is_verify(old) && !drbd_is_verify(new))
		pd->commit |= CORE_PD_OV_REMEMBER;
	if (old != new && (resyncs(new) || drbd_is_verify(new)))
		pd->commit |= CORE_PD_INIT_PROGRESS;
	if (dev->disk_state[DRBD_NEW] == D_UP_TO_DATE &&
	    pd->disk_state[DRBD_NEW] == D_UP_TO_DATE &&
	    (CHANGED(dev, disk_state) || CHANGED(pd, disk_state))) {
		dev->flags &= ~CORE_DEV_CRASHED_PRIMARY;
		pd->commit |= CORE_PD_FORGET_PEER_CRASHED;
	}
	if (c->cstate[DRBD_OLD] >= C_CONNECTING && c->cstate[DRBD_NEW] < C_CONNECTING) {
		pd->commit |= CORE_PD_DROP_UUIDS;
		pd->flags &= ~(CORE_PD_UUIDS_RECEIVED | CORE_PD_INITIAL_STATE_SENT |
			       CORE_PD_INITIAL_STATE_RECEIVED | CORE_PD_PEER_QUORATE |
			       CORE_PD_CONSIDER_RESYNC);
	}
	owe_requests(r, dev, ci);

	/* A resync from a source that does not see the Primary's writes, while this
	 * node does not see that Primary either: its end will not count. */
	uncertain = (pd->flags & CORE_PD_UUIDS_RECEIVED) &&
		    !(peer_flags(pd) & DRBD_UUID_F_STABLE) &&
		    !(pd->uuids->node_mask &
		      (drbd_connected_nodes(r, DRBD_NEW) | BIT_ULL(r->my_node_id)));
	if (!repl_is_target_side(old) && repl_is_target_side(new)) {
		if (uncertain)
			pd->flags |= CORE_PD_UNSTABLE_RESYNC;
		else
			pd->flags &= ~CORE_PD_UNSTABLE_RESYNC;
	} else if (drbd_is_sync_target(new) && (r->notes & NOTE_LOST_PRIMARY) && uncertain) {
		pd->flags |= CORE_PD_UNSTABLE_RESYNC;
	}

	/* 9.3: two Inconsistent nodes, the other one was declared UpToDate by force.
	 * Both ends note it; this is the one that will be target. */
	if (pd->disk_state[DRBD_OLD] == D_INCONSISTENT &&
	    pd->disk_state[DRBD_NEW] == D_UP_TO_DATE && new == L_ESTABLISHED &&
	    c->peer_role[DRBD_OLD] == R_SECONDARY && c->peer_role[DRBD_NEW] == R_PRIMARY &&
	    dev->disk_state[DRBD_NEW] == D_INCONSISTENT)
		pd->flags |= CORE_PD_CONSIDER_RESYNC;
	/* After a restart nobody knows any more whether a resync was running. */
	if (drbd_is_sync_source(old) && new < L_ESTABLISHED)
		pd->flags |= CORE_PD_MAYBE_FINISHED;
	else if (new >= L_ESTABLISHED)
		pd->flags &= ~CORE_PD_MAYBE_FINISHED;
	else if (dev->disk_state[DRBD_OLD] <= D_ATTACHING &&
		 dev->disk_state[DRBD_NEW] > D_ATTACHING && dev->uuids &&
		 dev->uuids->bitmap[c->peer_node_id])
		pd->flags |= CORE_PD_MAYBE_FINISHED;
	pd->flags &= ~CORE_PD_GOT_STABLE;				/* P17 */
}

static void owe_device(struct core_resource *r, struct core_device *dev)
{
	u8 old = dev->disk_state[DRBD_OLD], new = dev->disk_state[DRBD_NEW];
	u32 c;

	if (old != new && old > D_DISKLESS &&
	    (new == D_FAILED || new == D_DETACHING || new == D_DISKLESS)) {
		dev->commit |= CORE_DEV_HOLD_LDEV;
		dev->after |= CORE_DEV_DROP_LDEV;
	}
	if (old != D_DISKLESS && new == D_DISKLESS)
		dev->commit |= CORE_DEV_FORGET_SLOTS;
	if (old < D_CONSISTENT && new >= D_CONSISTENT)
		dev->commit |= CORE_DEV_EXPOSE_UUID;

	if (dev->quorum[DRBD_NEW])
		dev->flags &= ~CORE_DEV_PRIMARY_LOST_QUORUM;
	else if (r->role[DRBD_NEW] == R_PRIMARY)
		dev->flags |= CORE_DEV_PRIMARY_LOST_QUORUM;
	if (dev->quorum_tracked[DRBD_NEW] ||
	    (new < D_UP_TO_DATE && new != D_ATTACHING && new != D_NEGOTIATING))
		dev->flags &= ~CORE_DEV_RESTORE_QUORUM;

	if (old == D_UP_TO_DATE && new == D_CONSISTENT &&
	    drbd_may_return_up_to_date(r, dev, DRBD_NEW)) {
		dev->flags |= CORE_DEV_TRY_UP_TO_DATE;
		dev->after |= CORE_DEV_SCHEDULE_EMPTY_2PC;
		r->after |= CORE_RES_EMPTY_2PC;
	} else if (new != D_CONSISTENT) {
		dev->flags &= ~CORE_DEV_TRY_UP_TO_DATE;
	}

	for_each_conn(c, r)
		owe_peer_device(r, dev, c);
	owe_generation(r, dev);
	update_md_flags(r, dev);
	for_each_conn(c, r)
		update_md_peer_flags(r, dev, c);
	if (CHANGED(r, members) && new >= D_DETACHING)
		dev->commit |= CORE_DEV_MD_DIRTY;
	if (dev->commit & CORE_DEV_MD_DIRTY)
		dev->after |= CORE_DEV_WRITE_MD;
}

/* ------------------------------------------------------------------ afterwards */

static bool pause_bits_changed(const struct core_device *dev, const struct core_peer_device *pd)
{
	return CHANGED(pd, resync_susp_user) || CHANGED(pd, resync_susp_peer) ||
	       drbd_resync_susp_dependency(dev, pd, DRBD_OLD) !=
	       drbd_resync_susp_dependency(dev, pd, DRBD_NEW);
}

static bool paused_by_any(const struct core_peer_device *pd, int w)
{
	return pd->resync_susp_user[w] || pd->resync_susp_peer[w] || pd->resync_susp_dependency[w];
}

static bool target_resync_ended(const struct core_peer_device *pd)
{
	return drbd_is_sync_target(pd->repl_state[DRBD_OLD]) &&
	       pd->repl_state[DRBD_NEW] == L_ESTABLISHED;
}

static bool any_target_resync_ended(const struct core_resource *r, const struct core_device *dev)
{
	u32 c;

	for_each_conn(c, r)
		if (target_resync_ended(&dev->pd[c]))
			return true;
	return false;
}

static bool knows_peer_disk(u8 pdsk)
{
	return pdsk >= D_OUTDATED && pdsk != D_UNKNOWN;
}

/* Connected, or attached at either end, without a resync (resync.md 5.13, last row). */
static bool met_in_sync(const struct core_device *dev, const struct core_peer_device *pd)
{
	u8 pdsk_old = pd->disk_state[DRBD_OLD];
	/* On its way to Diskless it does not come back: that was a word of before. */
	bool peer_came = (pdsk_old <= D_NEGOTIATING && pdsk_old != D_DETACHING &&
			  pdsk_old != D_FAILED) || pdsk_old == D_UNKNOWN;
	bool i_came = dev->disk_state[DRBD_OLD] == D_NEGOTIATING &&
		      pd->negotiation == L_ESTABLISHED;

	return pd->repl_state[DRBD_NEW] == L_ESTABLISHED && (peer_came || i_came) &&
	       knows_peer_disk(pd->disk_state[DRBD_NEW]) &&
	       dev->disk_state[DRBD_NEW] >= D_OUTDATED &&
	       (pd->flags & CORE_PD_UUIDS_RECEIVED) && same_current(dev, pd) &&
	       !(peer_flags(pd) & DRBD_UUID_F_SYNC_TARGET);
}

static bool state_packet_due(const struct core_resource *r, const struct core_device *dev,
			     const struct core_peer_device *pd)
{
	u8 old = pd->repl_state[DRBD_OLD], new = pd->repl_state[DRBD_NEW];
	u8 disk = dev->disk_state[DRBD_NEW];

	if (new < L_ESTABLISHED)
		return false;
	/* Existing sources take a second P_STATE with WFBitMapT from a crashed
	 * Primary for a request to start over (resync.md 4). */
	if (old == L_WF_BITMAP_T && new == L_WF_BITMAP_T &&
	    (dev->flags & CORE_DEV_CRASHED_PRIMARY))
		return false;
	if (old != new && new >= L_SYNC_SOURCE && new <= L_PAUSED_SYNC_T)
		return true;
	if (pause_bits_changed(dev, pd))
		return true;
	if (target_resync_ended(pd) || old < L_ESTABLISHED || BECAME(pd, repl_state, L_AHEAD))
		return true;
	/* Whoever promotes sends it behind the new generation. */
	return disk >= D_INCONSISTENT && !promoting(r) &&
		(CHANGED(dev, disk_state) || CHANGED(dev, quorum));
}

static void after_uuids(const struct core_resource *r, struct core_device *dev, u32 ci)
{
	struct core_peer_device *pd = &dev->pd[ci];
	const struct core_connection *c = &r->conn[ci];
	bool stable_old = drbd_stable(r, DRBD_OLD), stable = drbd_stable(r, DRBD_NEW);
	bool target_ended = any_target_resync_ended(r, dev);
	bool send = false;

	if (!pd_up(pd, DRBD_NEW) || dev->disk_state[DRBD_NEW] < D_NEGOTIATING)
		return;
	if (target_ended)
		send = true;
	if (got_connection(c) && (pd->flags & CORE_PD_UUIDS_CHANGED))
		send = true;
	if (stable_old != stable)
		send = true;

	if (((!stable_old && stable) || (target_ended && stable)) && !target_resync_ended(pd) &&
	    c->peer_role[DRBD_OLD] != R_PRIMARY && pd_up(pd, DRBD_OLD) &&
	    dev->disk_state[DRBD_NEW] >= D_OUTDATED)
		pd->after |= CORE_PD_SEND_UUIDS_GOT_STABLE;
	else if (send)
		pd->after |= CORE_PD_SEND_UUIDS;
}

/* The device has grown (18.5, 18.7): a resync that begins anyway takes the new space along. */
static void new_space(const struct core_connection *c, const struct core_device *dev,
		      struct core_peer_device *pd)
{
	u8 repl = pd->repl_state[DRBD_NEW];
	u8 disk = dev->disk_state[DRBD_NEW], pdsk = pd->disk_state[DRBD_NEW];

	if (repl == L_ESTABLISHED && (disk == D_ATTACHING || disk == D_NEGOTIATING ||
				      pdsk == D_ATTACHING || pdsk == D_NEGOTIATING))
		return;
	if (repl == L_OFF && c->cstate[DRBD_NEW] >= C_CONNECTING)
		return;
	if (repl == L_ESTABLISHED && disk > D_NEGOTIATING && pdsk > D_NEGOTIATING &&
	    pdsk != D_UNKNOWN)
		pd->after |= CORE_PD_RESYNC_NEW_SPACE;
	pd->flags &= ~CORE_PD_NEW_SPACE;
}

static void after_peer_device(struct core_resource *r, struct core_device *dev, u32 ci)
{
	struct core_peer_device *pd = &dev->pd[ci];
	const struct core_connection *c = &r->conn[ci];
	u8 old = pd->repl_state[DRBD_OLD], new = pd->repl_state[DRBD_NEW];
	u8 disk_old = dev->disk_state[DRBD_OLD], disk = dev->disk_state[DRBD_NEW];
	u8 pdsk_old = pd->disk_state[DRBD_OLD], pdsk = pd->disk_state[DRBD_NEW];
	bool alive = c->cstate[DRBD_NEW] >= C_CONNECTED;

	if (met_in_sync(dev, pd))
		pd->after |= CORE_PD_CLEAR_BITMAP;

	after_uuids(r, dev, ci);

	if ((dev->notes & NOTE_DEV_LOST_ACCESS) && !(dev->flags & CORE_DEV_DELETED) &&
	    !(pd->flags & CORE_PD_INCON_DEGR_CALLED)) {
		pd->after |= CORE_PD_HELPER_INCON_DEGR;
		pd->flags |= CORE_PD_INCON_DEGR_CALLED;
	} else if (!(dev->notes & NOTE_DEV_NO_ACCESS)) {
		pd->flags &= ~CORE_PD_INCON_DEGR_CALLED;
	}

	if (!drbd_is_sync_source(old) && drbd_is_sync_source(new) &&
	    c->protocol_version >= 96 && c->protocol_version < PROTO_MULTI_PEER)
		pd->after |= CORE_PD_SEND_SYNC_UUID;

	if (alive && pdsk_old < D_NEGOTIATING && pdsk == D_NEGOTIATING &&
	    disk >= D_NEGOTIATING)
		pd->after |= CORE_PD_SEND_UUIDS | CORE_PD_SEND_STATE;
	if (alive && disk_old == D_ATTACHING && disk >= D_NEGOTIATING)
		pd->after |= CORE_PD_SEND_SIZES | CORE_PD_SEND_UUIDS | CORE_PD_SEND_STATE;
	if (alive && state_packet_due(r, dev, pd))
		pd->after |= CORE_PD_SEND_STATE;

	if (BECAME(pd, repl_state, L_WF_BITMAP_S))
		pd->after |= CORE_PD_SEND_BITMAP;
	if (BECAME(pd, repl_state, L_STARTING_SYNC_T))
		pd->after |= CORE_PD_START_SYNC_T;
	if (BECAME(pd, repl_state, L_STARTING_SYNC_S))
		pd->after |= CORE_PD_START_SYNC_S;

	if ((!paused_by_any(pd, DRBD_OLD) && paused_by_any(pd, DRBD_NEW)) ||
	    (!resyncs(old) && resyncs(new)))
		pd->after |= CORE_PD_PAUSE_DEPENDENT;
	if ((old > L_ESTABLISHED && new <= L_ESTABLISHED) ||
	    (pd->resync_susp_user[DRBD_OLD] && !pd->resync_susp_user[DRBD_NEW]) ||
	    (pd->resync_susp_peer[DRBD_OLD] && !pd->resync_susp_peer[DRBD_NEW]))
		pd->after |= CORE_PD_RESUME_DEPENDENT;

	if (pd->flags & CORE_PD_NEW_SPACE)
		new_space(c, dev, pd);

	if (target_resync_ended(pd) && disk_old < D_UP_TO_DATE)
		pd->after |= CORE_PD_SEND_STATE_ALL;
	if (alive && ((resyncs(old) && !resyncs(new)) || BECAME(pd, repl_state, L_AHEAD) ||
		      BECAME(pd, repl_state, L_BEHIND)))
		pd->after |= CORE_PD_WRITE_BITMAP;
	if (old == L_VERIFY_S && new == L_ESTABLISHED &&
	    c->protocol_version >= PROTO_VERIFY_END && c->protocol_version != PROTO_VERIFY_END_NOT)
		pd->after |= CORE_PD_SEND_STATE_ALL;

	if ((dev->flags & CORE_DEV_NEW_UUID_PENDING) && r->role[DRBD_NEW] == R_PRIMARY &&
	    ((pdsk_old == D_UP_TO_DATE && (pdsk == D_FAILED || pdsk == D_INCONSISTENT)) ||
	     BECAME(dev, disk_state, D_FAILED)))
		pd->after |= CORE_PD_NEW_UUID_NOW;

	if (BECAME(pd, repl_state, L_SYNC_TARGET) || BECAME(pd, repl_state, L_VERIFY_S))
		pd->after |= CORE_PD_START_REQUESTS;
	if (!resyncs(old) && resyncs(new))
		pd->after |= CORE_PD_BEGAN_RESYNC;
	if (resyncs(old) && !resyncs(new))
		pd->after |= CORE_PD_RESYNC_ENDED;
	if (!pd->peer_replication[DRBD_OLD] && pd->peer_replication[DRBD_NEW] && alive)
		pd->after |= CORE_PD_SEND_ENABLE_REPL;

	if (old != new || pdsk_old != pdsk || pause_bits_changed(dev, pd) ||
	    CHANGED(pd, resync_susp_max_parallel))
		pd->after |= CORE_PD_NOTIFY;
}

static bool becomes_target(const struct core_resource *r, const struct core_device *dev)
{
	u32 c;

	for_each_conn(c, r)
		if (repl_is_target_side(dev->pd[c].repl_state[DRBD_NEW]))
			return true;
	return false;
}

static bool some_primary_demoted(const struct core_resource *r)
{
	u32 c;

	if (demoting(r))
		return true;
	for_each_conn(c, r)
		if (r->conn[c].peer_role[DRBD_OLD] == R_PRIMARY &&
		    r->conn[c].peer_role[DRBD_NEW] == R_SECONDARY)
			return true;
	return false;
}

static void after_device(struct core_resource *r, struct core_device *dev)
{
	u8 old = dev->disk_state[DRBD_OLD], new = dev->disk_state[DRBD_NEW];
	u32 c;

	for_each_conn(c, r)
		after_peer_device(r, dev, c);

	if (some_primary_demoted(r) && new >= D_INCONSISTENT)
		dev->after |= CORE_DEV_WRITE_BITMAP;
	if (new == D_UP_TO_DATE || (new >= D_INCONSISTENT && peer_up_to_date(r, dev, DRBD_NEW)))
		dev->after |= CORE_DEV_PERSIST_SIZE;
	if (old != new && (new == D_FAILED || new == D_DETACHING)) {
		if (new == D_FAILED && (dev->flags & CORE_DEV_CALL_LOCAL_IO_ERROR))
			dev->after |= CORE_DEV_HELPER_IO_ERROR;
		if (dev->flags & CORE_DEV_FORCED_DETACH)
			dev->commit |= CORE_DEV_COMPLETE_LOCAL;
		dev->after |= CORE_DEV_SEND_STATE_ALL | CORE_DEV_LAST_CHANCE_WRITE;
	}
	if (old != new && new == D_DISKLESS)
		dev->after |= CORE_DEV_STOP_MD_TIMER | CORE_DEV_SEND_STATE_ALL;
	if (old == D_UP_TO_DATE && new == D_INCONSISTENT && !becomes_target(r, dev))
		dev->after |= CORE_DEV_SEND_STATE_ALL;
	if (dev->notes & NOTE_DEV_FIND_SOURCE)
		dev->after |= CORE_DEV_FIND_SOURCE;
	if (r->role[DRBD_NEW] == R_PRIMARY && dev->quorum[DRBD_OLD] && !dev->quorum[DRBD_NEW])
		dev->after |= CORE_DEV_HELPER_QUORUM_LOST;
	if (!r->susp_uuid[DRBD_OLD] && r->susp_uuid[DRBD_NEW] &&
	    (dev->flags & CORE_DEV_NEW_UUID_PENDING))
		dev->after |= CORE_DEV_NEW_UUID;
	if (old != new || CHANGED(dev, quorum))
		dev->after |= CORE_DEV_NOTIFY;
}

static bool all_up_to_date(const struct core_resource *r, u32 ci, int w)
{
	u32 d;

	for_each_dev(d, r)
		if (r->dev[d].disk_state[w] != D_UP_TO_DATE ||
		    r->dev[d].pd[ci].disk_state[w] != D_UP_TO_DATE)
			return false;
	return true;
}

static void after_connection(struct core_resource *r, u32 ci)
{
	struct core_connection *c = &r->conn[ci];

	if (c->cstate[DRBD_OLD] == C_STANDALONE && c->cstate[DRBD_NEW] == C_UNCONNECTED)
		c->after |= CORE_CONN_START_RECEIVER;
	if (c->susp_fen[DRBD_NEW])
		c->after |= CORE_CONN_CHECK_FENCING;
	if (c->fencing != FP_DONT_CARE && r->nr_devices && all_up_to_date(r, ci, DRBD_NEW) &&
	    !all_up_to_date(r, ci, DRBD_OLD))
		c->after |= CORE_CONN_HELPER_UNFENCE;
	if (CHANGED(c, cstate) || CHANGED(c, peer_role))
		c->after |= CORE_CONN_NOTIFY;
}

/* A member went without having said good-bye: find out who is left. */
static bool lost_member(const struct core_resource *r, const struct core_connection *c,
			unsigned int flags)
{
	u8 new = c->cstate[DRBD_NEW];

	if (!lost_connection(c) || (c->flags & CORE_CONN_DISCONNECT_2PC) || new == C_TEAR_DOWN)
		return false;
	if (new == C_DISCONNECTING && !(flags & CORE_HARD))
		return false;
	return c->protocol_version >= PROTO_MULTI_PEER &&
	       (r->members[DRBD_OLD] & BIT_ULL(c->peer_node_id));
}

static void after_resource(struct core_resource *r, unsigned int flags)
{
	bool resumed, fails = false, regained = false, reachable = false;
	u32 c, d;

	if (demoting(r))
		r->after |= CORE_RES_SEND_ROLE;
	if (r->susp_uuid[DRBD_NEW])
		r->after |= CORE_RES_CLEAR_SUSP_UUID;

	for_each_conn(c, r) {
		if (lost_member(r, &r->conn[c], flags))
			r->after |= CORE_RES_EMPTY_2PC;
		if (r->conn[c].cstate[DRBD_NEW] >= C_CONNECTING)
			reachable = true;
	}
	for_each_dev(d, r) {
		const struct core_device *dev = &r->dev[d];

		fails |= dev->fail_io;
		if (r->role[DRBD_OLD] == R_PRIMARY && r->role[DRBD_NEW] == R_PRIMARY &&
		    !drbd_data_accessible(r, dev, DRBD_OLD) &&
		    drbd_data_accessible(r, dev, DRBD_NEW))
			regained = true;
	}
	if (regained)
		r->after |= CORE_RES_EMPTY_2PC;
	if (regained && r->susp_nod[DRBD_NEW]) {
		r->after |= CORE_RES_RESUME_2PC;
		r->flags |= CORE_RES_RESUME_OWES_2PC;
	} else if (!r->susp_nod[DRBD_NEW]) {
		r->flags &= ~CORE_RES_RESUME_OWES_2PC;
	}
	if (!reachable && (r->flags & CORE_RES_TWOPC_RUNNING))
		r->after |= CORE_RES_EXPIRE_2PC;

	resumed = drbd_suspended(r, DRBD_OLD) && !drbd_suspended(r, DRBD_NEW);
	if (resumed || fails)
		r->commit |= CORE_RES_RESUBMIT;
	if (demoting(r))
		r->commit |= CORE_RES_FLUSH_PEER_ACK;

	if (CHANGED(r, role) || CHANGED(r, susp_user) || CHANGED(r, susp_nod) ||
	    CHANGED(r, susp_quorum) || CHANGED(r, susp_uuid) || CHANGED(r, fail_io) ||
	    drbd_suspended_fencing(r, DRBD_OLD) != drbd_suspended_fencing(r, DRBD_NEW))
		r->after |= CORE_RES_NOTIFY;
}

void drbd_state_owed(struct core_resource *r, unsigned int flags)
{
	u32 c, d;

	drbd_state_summarise(r);
	for_each_conn(c, r)
		owe_connection(r, c);
	for_each_dev(d, r)
		owe_device(r, &r->dev[d]);
	for_each_dev(d, r)
		after_device(r, &r->dev[d]);
	for_each_conn(c, r)
		after_connection(r, c);
	after_resource(r, flags);
}

void drbd_state_publish(struct core_resource *r)
{
	u32 c, d;

	r->role[DRBD_OLD] = r->role[DRBD_NEW];
	r->susp_user[DRBD_OLD] = r->susp_user[DRBD_NEW];
	r->susp_nod[DRBD_OLD] = r->susp_nod[DRBD_NEW];
	r->susp_quorum[DRBD_OLD] = r->susp_quorum[DRBD_NEW];
	r->susp_uuid[DRBD_OLD] = r->susp_uuid[DRBD_NEW];
	r->fail_io[DRBD_OLD] = r->fail_io[DRBD_NEW];
	r->members[DRBD_OLD] = r->members[DRBD_NEW];

	for_each_conn(c, r) {
		struct core_connection *conn = &r->conn[c];

		conn->cstate[DRBD_OLD] = conn->cstate[DRBD_NEW];
		conn->peer_role[DRBD_OLD] = conn->peer_role[DRBD_NEW];
		conn->susp_fen[DRBD_OLD] = conn->susp_fen[DRBD_NEW];
	}

	for_each_dev(d, r) {
		struct core_device *dev = &r->dev[d];

		dev->disk_state[DRBD_OLD] = dev->disk_state[DRBD_NEW];
		dev->quorum[DRBD_OLD] = dev->quorum[DRBD_NEW];
		dev->quorum_tracked[DRBD_OLD] = dev->quorum_tracked[DRBD_NEW];
		for_each_conn(c, r) {
			struct core_peer_device *pd = &dev->pd[c];

			pd->repl_state[DRBD_OLD] = pd->repl_state[DRBD_NEW];
			pd->disk_state[DRBD_OLD] = pd->disk_state[DRBD_NEW];
			pd->resync_susp_user[DRBD_OLD] = pd->resync_susp_user[DRBD_NEW];
			pd->resync_susp_peer[DRBD_OLD] = pd->resync_susp_peer[DRBD_NEW];
			pd->resync_susp_dependency[DRBD_OLD] = pd->resync_susp_dependency[DRBD_NEW];
			pd->resync_susp_other_c[DRBD_OLD] = pd->resync_susp_other_c[DRBD_NEW];
			pd->resync_susp_max_parallel[DRBD_OLD] =
				pd->resync_susp_max_parallel[DRBD_NEW];
			pd->resync_active[DRBD_OLD] = pd->resync_active[DRBD_NEW];
			pd->replication[DRBD_OLD] = pd->replication[DRBD_NEW];
			pd->peer_replication[DRBD_OLD] = pd->peer_replication[DRBD_NEW];
		}
	}
}
