// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot handling, predicates, and the derivation rules (states.md 4). */
#include "state_internal.h"
#include "handshake.h"
#include "quorum.h"

/* ---------------------------------------------------------------- snapshot */

void drbd_state_begin(struct core_resource *r)
{
	u32 c, d;

	r->role[DRBD_NEW] = r->role[DRBD_OLD];
	r->susp_user[DRBD_NEW] = r->susp_user[DRBD_OLD];
	r->susp_nod[DRBD_NEW] = r->susp_nod[DRBD_OLD];
	r->susp_quorum[DRBD_NEW] = r->susp_quorum[DRBD_OLD];
	r->susp_uuid[DRBD_NEW] = r->susp_uuid[DRBD_OLD];
	r->fail_io[DRBD_NEW] = r->fail_io[DRBD_OLD];
	r->members[DRBD_NEW] = r->members[DRBD_OLD];
	r->notes = 0;
	r->commit = 0;
	r->after = 0;

	for_each_conn(c, r) {
		struct core_connection *conn = &r->conn[c];

		conn->cstate[DRBD_NEW] = conn->cstate[DRBD_OLD];
		conn->peer_role[DRBD_NEW] = conn->peer_role[DRBD_OLD];
		conn->susp_fen[DRBD_NEW] = conn->susp_fen[DRBD_OLD];
		conn->notes = 0;
		conn->commit = 0;
		conn->after = 0;
	}

	for_each_dev(d, r) {
		struct core_device *dev = &r->dev[d];

		dev->disk_state[DRBD_NEW] = dev->disk_state[DRBD_OLD];
		dev->quorum[DRBD_NEW] = dev->quorum[DRBD_OLD];
		dev->quorum_tracked[DRBD_NEW] = dev->quorum_tracked[DRBD_OLD];
		dev->flags &= ~CORE_DEV_TIEBREAKER_USED;
		dev->notes = 0;
		dev->commit = 0;
		dev->after = 0;

		for_each_conn(c, r) {
			struct core_peer_device *pd = &dev->pd[c];

			pd->repl_state[DRBD_NEW] = pd->repl_state[DRBD_OLD];
			pd->disk_state[DRBD_NEW] = pd->disk_state[DRBD_OLD];
			pd->resync_susp_user[DRBD_NEW] = pd->resync_susp_user[DRBD_OLD];
			pd->resync_susp_peer[DRBD_NEW] = pd->resync_susp_peer[DRBD_OLD];
			pd->resync_susp_dependency[DRBD_NEW] = pd->resync_susp_dependency[DRBD_OLD];
			pd->resync_susp_other_c[DRBD_NEW] = pd->resync_susp_other_c[DRBD_OLD];
			pd->resync_susp_max_parallel[DRBD_NEW] =
				pd->resync_susp_max_parallel[DRBD_OLD];
			pd->resync_active[DRBD_NEW] = pd->resync_active[DRBD_OLD];
			pd->replication[DRBD_NEW] = pd->replication[DRBD_OLD];
			pd->peer_replication[DRBD_NEW] = pd->peer_replication[DRBD_OLD];
			pd->notes = 0;
			pd->commit = 0;
			pd->after = 0;
		}
	}
}

void drbd_state_copy(struct core_resource *dst, const struct core_resource *src)
{
	struct core_connection *conn = dst->conn;
	struct core_device *dev = dst->dev;
	u32 d;

	*dst = *src;
	dst->conn = conn;
	dst->dev = dev;
	memcpy(conn, src->conn, sizeof(*conn) * src->nr_connections);
	for_each_dev(d, src) {
		struct core_peer_device *pd = dev[d].pd;

		dev[d] = src->dev[d];
		dev[d].pd = pd;
		memcpy(pd, src->dev[d].pd, sizeof(*pd) * src->nr_connections);
	}
}

#define CHANGED(o, f) ((o)->f[DRBD_OLD] != (o)->f[DRBD_NEW])

bool drbd_state_changed(const struct core_resource *r)
{
	u32 c, d;

	if (CHANGED(r, role) || CHANGED(r, susp_user) || CHANGED(r, susp_nod) ||
	    CHANGED(r, susp_quorum) || CHANGED(r, susp_uuid) || CHANGED(r, fail_io) ||
	    CHANGED(r, members))
		return true;

	for_each_conn(c, r) {
		const struct core_connection *conn = &r->conn[c];

		if (CHANGED(conn, cstate) || CHANGED(conn, peer_role) || CHANGED(conn, susp_fen))
			return true;
	}

	for_each_dev(d, r) {
		const struct core_device *dev = &r->dev[d];

		if (CHANGED(dev, disk_state) || CHANGED(dev, quorum) ||
		    CHANGED(dev, quorum_tracked))
			return true;
		for_each_conn(c, r) {
			const struct core_peer_device *pd = &dev->pd[c];

			if (CHANGED(pd, repl_state) || CHANGED(pd, disk_state) ||
			    CHANGED(pd, resync_susp_user) || CHANGED(pd, resync_susp_peer) ||
			    CHANGED(pd, resync_susp_dependency) ||
			    CHANGED(pd, resync_susp_other_c) ||
			    CHANGED(pd, resync_susp_max_parallel) || CHANGED(pd, resync_active) ||
			    CHANGED(pd, replication) || CHANGED(pd, peer_replication) ||
			    (pd->flags & CORE_PD_GOT_STABLE))
				return true;
		}
	}
	return false;
}

void drbd_state_set_cstate(struct core_resource *r, u32 conn, u8 cstate)
{
	struct core_connection *c = &r->conn[conn];
	u32 d;

	c->cstate[DRBD_NEW] = cstate;
	if (cstate >= C_CONNECTED)
		return;
	c->peer_role[DRBD_NEW] = R_UNKNOWN;
	for_each_dev(d, r)
		r->dev[d].pd[conn].repl_state[DRBD_NEW] = L_OFF;
}

/* -------------------------------------------------------------- predicates */

bool drbd_data_accessible(const struct core_resource *r, const struct core_device *dev, int w)
{
	u32 c;

	if (dev->disk_state[w] == D_UP_TO_DATE)
		return true;
	for_each_conn(c, r)
		if (r->conn[c].allow_remote_read && dev->pd[c].disk_state[w] == D_UP_TO_DATE)
			return true;
	return false;
}

bool drbd_all_data_accessible(const struct core_resource *r, int w)
{
	u32 d;

	for_each_dev(d, r)
		if (!drbd_data_accessible(r, &r->dev[d], w))
			return false;
	return true;
}

bool drbd_any_data_accessible(const struct core_resource *r, int w)
{
	u32 d;

	for_each_dev(d, r)
		if (drbd_data_accessible(r, &r->dev[d], w))
			return true;
	return false;
}

bool drbd_suspended_fencing(const struct core_resource *r, int w)
{
	u32 c;

	for_each_conn(c, r)
		if (r->conn[c].susp_fen[w])
			return true;
	return false;
}

bool drbd_suspended(const struct core_resource *r, int w)
{
	return r->susp_user[w] || r->susp_nod[w] || r->susp_quorum[w] || r->susp_uuid[w] ||
	       drbd_suspended_fencing(r, w);
}

u64 drbd_connected_primaries(const struct core_resource *r, int w)
{
	u64 mask = 0;
	u32 c;

	for_each_conn(c, r)
		if (r->conn[c].cstate[w] >= C_CONNECTED && r->conn[c].peer_role[w] == R_PRIMARY)
			mask |= BIT_ULL(r->conn[c].peer_node_id);
	return mask;
}

u64 drbd_connected_nodes(const struct core_resource *r, int w)
{
	u64 mask = 0;
	u32 c;

	for_each_conn(c, r)
		if (r->conn[c].cstate[w] >= C_CONNECTED)
			mask |= BIT_ULL(r->conn[c].peer_node_id);
	return mask;
}

bool drbd_stable(const struct core_resource *r, int w)
{
	return r->role[w] == R_PRIMARY || !drbd_connected_primaries(r, w);
}

bool drbd_may_return_up_to_date(const struct core_resource *r, const struct core_device *dev,
				int w)
{
	u32 c;

	for_each_conn(c, r) {
		const struct core_peer_device *pd = &dev->pd[c];

		if (r->conn[c].cstate[w] < C_CONNECTED ||
		    r->conn[c].peer_role[w] != R_PRIMARY || pd->disk_state[w] != D_DISKLESS)
			continue;
		/* A diskless Primary that never saw data (0) objects to nothing. */
		if (!dev->uuids || !pd->uuids || !pd->uuids->cur)
			continue;
		if (!drbd_uuid_eq(dev->uuids->cur, pd->uuids->cur))
			return false;
	}
	return true;
}

static const struct core_peer_device *pd_by_node(const struct core_resource *r,
						 const struct core_device *dev, unsigned int node)
{
	u32 c;

	for_each_conn(c, r)
		if (r->conn[c].peer_node_id == node)
			return &dev->pd[c];
	return NULL;
}

/* Does what is known about @node forbid to call this node's data UpToDate (8.4)? */
static bool node_blocks_up_to_date(const struct core_resource *r, const struct core_device *dev,
				   unsigned int node, int w)
{
	u32 flags = dev->md_peer_flags[node];
	const struct core_peer_device *pd = pd_by_node(r, dev, node);
	u8 pdsk = pd ? pd->disk_state[w] : D_UNKNOWN;

	if (!(flags & (DRBD_MDF_HAVE_BITMAP | DRBD_MDF_NODE_EXISTS)) ||
	    !(flags & DRBD_MDF_PEER_FENCING))
		return false;
	if (pdsk == D_INCONSISTENT || pdsk == D_OUTDATED || pdsk >= D_CONSISTENT)
		return false;
	if (pdsk == D_DISKLESS && !(flags & DRBD_MDF_PEER_DEVICE_SEEN))
		return false;
	if (pd && !(pd->flags & CORE_PD_BITMAP))
		return false;
	return !(flags & DRBD_MDF_PEER_OUTDATED);
}

bool drbd_may_be_up_to_date(const struct core_resource *r, const struct core_device *dev, int w)
{
	unsigned int node;

	if (dev->flags & CORE_DEV_RECONCILING)
		return false;
	if (!drbd_may_return_up_to_date(r, dev, w))
		return false;
	for (node = 0; node < DRBD_CORE_NODES; node++)
		if (node != r->my_node_id && node_blocks_up_to_date(r, dev, node, w))
			return false;
	return true;
}

u8 drbd_disk_state_from_md(const struct core_resource *r, const struct core_device *dev, int w)
{
	if (!(dev->md_flags & DRBD_MDF_CONSISTENT))
		return D_INCONSISTENT;
	if (!(dev->md_flags & DRBD_MDF_WAS_UP_TO_DATE))
		return D_OUTDATED;
	return drbd_may_be_up_to_date(r, dev, w) ? D_UP_TO_DATE : D_CONSISTENT;
}

bool drbd_replicates_to(const struct core_peer_device *pd, int w)
{
	u8 repl = pd->repl_state[w];

	if (pd->disk_state[w] == D_UP_TO_DATE)
		return true;
	return pd->disk_state[w] == D_INCONSISTENT && pd->replication[w] &&
	       (repl == L_ESTABLISHED || (repl >= L_WF_BITMAP_T && repl <= L_PAUSED_SYNC_T));
}

bool drbd_sends_out_of_sync(const struct core_peer_device *pd, int w)
{
	u8 repl = pd->repl_state[w];

	if (repl == L_AHEAD || repl == L_WF_BITMAP_S)
		return true;
	if (repl < L_ESTABLISHED)
		return false;
	return pd->disk_state[w] == D_OUTDATED ||
	       (pd->disk_state[w] == D_INCONSISTENT && !pd->replication[w]);
}

bool drbd_resync_susp_dependency(const struct core_device *dev, const struct core_peer_device *pd,
				 int w)
{
	return pd->resync_susp_dependency[w] || pd->resync_susp_other_c[w] ||
	       (drbd_is_sync_source(pd->repl_state[w]) && dev->disk_state[w] <= D_INCONSISTENT);
}

u8 drbd_conn_highest_disk(const struct core_resource *r, int w)
{
	u8 disk = D_DISKLESS;
	u32 d;

	for_each_dev(d, r)
		if (r->dev[d].disk_state[w] > disk)
			disk = r->dev[d].disk_state[w];
	return disk;
}

u8 drbd_conn_highest_pdsk(const struct core_resource *r, u32 conn, int w)
{
	u8 disk = D_DISKLESS;
	u32 d;

	for_each_dev(d, r)
		if (r->dev[d].pd[conn].disk_state[w] > disk)
			disk = r->dev[d].pd[conn].disk_state[w];
	return disk;
}

u64 drbd_weak_nodes(const struct core_resource *r, const struct core_device *dev, int w)
{
	u64 strong = 0;
	u32 c;

	if (dev->disk_state[w] == D_UP_TO_DATE)
		strong |= BIT_ULL(r->my_node_id);
	for_each_conn(c, r) {
		u8 pdsk = dev->pd[c].disk_state[w];

		if (pdsk > D_FAILED && pdsk != D_UNKNOWN && pdsk != D_OUTDATED)
			strong |= BIT_ULL(r->conn[c].peer_node_id);
	}
	return ~strong;
}

/* -------------------------------------------------------------- derivation */

struct disk_range {
	u8 min, max, pmin, pmax;
};

/* P10: what a replication state allows own and peer disk to be. */
static const struct disk_range disk_ranges[] = {
	[L_OFF]			= { 0, 9, 5, 7 },
	[L_ESTABLISHED]		= { 0, 9, 0, 9 },
	[L_STARTING_SYNC_S]	= { 5, 9, 5, 8 },
	/* Not Outdated: without this peer the order would be forgotten, and the disk be good. */
	[L_STARTING_SYNC_T]	= { 5, 5, 5, 9 },
	[L_WF_BITMAP_S]		= { 5, 9, 5, 8 },
	[L_WF_BITMAP_T]		= { 5, 6, 5, 9 },
	[L_WF_SYNC_UUID]	= { 5, 6, 5, 9 },
	[L_SYNC_SOURCE]		= { 5, 9, 5, 5 },
	[L_SYNC_TARGET]		= { 5, 5, 5, 9 },
	[L_VERIFY_S]		= { 5, 9, 5, 9 },
	[L_VERIFY_T]		= { 5, 9, 5, 9 },
	[L_PAUSED_SYNC_S]	= { 5, 9, 5, 8 },
	[L_PAUSED_SYNC_T]	= { 5, 5, 5, 9 },
	[L_AHEAD]		= { 5, 9, 5, 8 },
	[L_BEHIND]		= { 5, 6, 5, 9 },
};

static void sanitize_connection(struct core_resource *r, u32 ci, unsigned int flags)
{
	struct core_connection *c = &r->conn[ci];
	u8 cstate = c->cstate[DRBD_NEW];
	u32 d;

	if (cstate < C_CONNECTED) {
		/* K1.  A volume cannot replicate without a connection; what a
		 * command asks for in vain is left for validation to refuse. */
		c->peer_role[DRBD_NEW] = R_UNKNOWN;
		for_each_dev(d, r)
			if (c->cstate[DRBD_OLD] >= C_CONNECTED || (flags & CORE_HARD) ||
			    r->dev[d].pd[ci].repl_state[DRBD_OLD] > L_OFF)
				r->dev[d].pd[ci].repl_state[DRBD_NEW] = L_OFF;
	}

	/* Not while a connect is only checked: what the peer brings is not known yet. */
	if (cstate >= C_CONNECTED)
		for_each_dev(d, r)
			if (r->dev[d].pd[ci].repl_state[DRBD_NEW] > L_OFF)
				r->members[DRBD_NEW] |= BIT_ULL(c->peer_node_id);

	/* K2.  TearDown does not count: it was negotiated. */
	if (c->cstate[DRBD_OLD] >= C_CONNECTED && c->peer_role[DRBD_OLD] == R_PRIMARY &&
	    ((cstate >= C_TIMEOUT && cstate <= C_PROTOCOL_ERROR) ||
	     (cstate == C_DISCONNECTING && (flags & CORE_HARD)))) {
		c->notes |= NOTE_CONN_LOST_PRIMARY;
		r->notes |= NOTE_LOST_PRIMARY;
	}
}

static void sanitize_attach(struct core_resource *r, struct core_device *dev)
{
	u8 result = drbd_attach_negotiated(r, dev, DRBD_NEW);
	u32 c;

	if (result == D_NEGOTIATING)
		return;
	dev->disk_state[DRBD_NEW] = result;
	for_each_conn(c, r) {
		struct core_peer_device *pd = &dev->pd[c];

		if (pd->repl_state[DRBD_NEW] != L_ESTABLISHED ||
		    pd->disk_state[DRBD_NEW] < D_NEGOTIATING)
			continue;
		if (pd->negotiation == CORE_NEG_NO_RESULT || pd->negotiation == CORE_NEG_PENDING)
			continue;
		if (result <= D_FAILED)
			continue;
		pd->repl_state[DRBD_NEW] = pd->negotiation;
		if (pd->negotiation == L_WF_BITMAP_S && result == D_INCONSISTENT)
			pd->repl_state[DRBD_NEW] = L_PAUSED_SYNC_S;
	}
}

/* A command asks for a resync or verify that a missing disk forbids: for validation. */
static bool asked_in_vain(const struct core_device *dev, const struct core_peer_device *pd,
			  unsigned int flags)
{
	return !(flags & (CORE_HARD | CORE_PREPARED)) &&
	       pd->repl_state[DRBD_OLD] <= L_ESTABLISHED &&
	       dev->disk_state[DRBD_OLD] == dev->disk_state[DRBD_NEW] &&
	       pd->disk_state[DRBD_OLD] == pd->disk_state[DRBD_NEW] &&
	       dev->disk_state[DRBD_OLD] != D_NEGOTIATING;
}

static void sanitize_peer_1(struct core_resource *r, struct core_device *dev, u32 ci,
			    unsigned int flags)
{
	struct core_peer_device *pd = &dev->pd[ci];
	struct core_connection *c = &r->conn[ci];
	u8 pdsk;

	if (pd->repl_state[DRBD_NEW] < L_ESTABLISHED) {			/* P1 */
		pd->resync_susp_peer[DRBD_NEW] = 0;
		pdsk = pd->disk_state[DRBD_NEW];
		if (pdsk != D_INCONSISTENT && pdsk != D_OUTDATED)
			pd->disk_state[DRBD_NEW] = D_UNKNOWN;
	}

	if (pd->repl_state[DRBD_OLD] >= L_ESTABLISHED &&		/* P2 */
	    pd->repl_state[DRBD_NEW] < L_ESTABLISHED) {
		pd->resync_active[DRBD_NEW] = 0;
		dev->notes |= NOTE_DEV_LOST_CONN;
	}

	if (c->cstate[DRBD_NEW] == C_STANDALONE &&			/* P3 */
	    dev->disk_state[DRBD_NEW] == D_DISKLESS && r->role[DRBD_NEW] == R_SECONDARY)
		pd->resync_susp_dependency[DRBD_NEW] = 0;

	if (pd->repl_state[DRBD_NEW] > L_ESTABLISHED &&			/* P4 */
	    (dev->disk_state[DRBD_NEW] <= D_FAILED || pd->disk_state[DRBD_NEW] <= D_FAILED) &&
	    !asked_in_vain(dev, pd, flags)) {
		pd->repl_state[DRBD_NEW] = L_ESTABLISHED;
		pd->resync_active[DRBD_NEW] = 0;
	}

	if (c->fencing == FP_STONITH && r->role[DRBD_NEW] == R_PRIMARY &&	/* P5 */
	    pd->repl_state[DRBD_NEW] < L_ESTABLISHED && pd->disk_state[DRBD_NEW] == D_UNKNOWN &&
	    (r->role[DRBD_OLD] != R_PRIMARY || pd->disk_state[DRBD_OLD] != D_UNKNOWN))
		c->susp_fen[DRBD_NEW] = 1;

	if (pd->repl_state[DRBD_NEW] <= L_ESTABLISHED)
		pd->resync_active[DRBD_NEW] = 0;
}

/* Bits an alternative source must have less to be worth a switch (1 MiB at 4 KiB). */
#define SOURCE_SWITCH_BITS 256

static bool is_source_candidate(const struct core_peer_device *pd)
{
	return drbd_is_sync_target(pd->repl_state[DRBD_NEW]) &&
	       !pd->resync_susp_dependency[DRBD_NEW] && !pd->resync_susp_peer[DRBD_NEW] &&
	       !pd->resync_susp_user[DRBD_NEW] && !pd->resync_susp_max_parallel[DRBD_NEW] &&
	       pd->disk_state[DRBD_NEW] >= D_OUTDATED;
}

/* At most one connection is the source this volume is synchronised from. */
static void choose_sync_source(struct core_resource *r, struct core_device *dev)
{
	struct core_peer_device *active = NULL, *best = NULL;
	bool any_target = false;
	u32 c;

	for_each_conn(c, r) {
		struct core_peer_device *pd = &dev->pd[c];

		if (!drbd_is_sync_target(pd->repl_state[DRBD_NEW]))
			continue;
		any_target = true;
		if (pd->resync_active[DRBD_NEW])
			active = pd;
		if (is_source_candidate(pd) && (!best || pd->bits < best->bits))
			best = pd;
	}

	if (active && is_source_candidate(active) && best != active &&
	    active->bits < best->bits + SOURCE_SWITCH_BITS)
		best = active;
	/* Requests to the previous source are still on their way. */
	if (active && best != active)
		best = NULL;

	for_each_conn(c, r) {
		struct core_peer_device *pd = &dev->pd[c];

		pd->resync_susp_other_c[DRBD_NEW] = any_target && best && pd != best;
		if (!drbd_is_sync_target(pd->repl_state[DRBD_NEW]))
			continue;
		if (pd == best) {
			pd->repl_state[DRBD_NEW] = L_SYNC_TARGET;
			pd->resync_active[DRBD_NEW] = 1;
		} else {
			pd->repl_state[DRBD_NEW] = L_PAUSED_SYNC_T;
		}
	}
}

static bool target_elsewhere(const struct core_resource *r, const struct core_device *dev,
			     const struct core_peer_device *but)
{
	u32 c;

	for_each_conn(c, r)
		if (&dev->pd[c] != but && drbd_is_sync_target(dev->pd[c].repl_state[DRBD_NEW]))
			return true;
	return false;
}

static void clamp_disks(struct core_device *dev, struct core_peer_device *pd)
{
	u8 repl = pd->repl_state[DRBD_NEW];
	const struct disk_range *range;
	u8 *disk = &dev->disk_state[DRBD_NEW];
	u8 *pdsk = &pd->disk_state[DRBD_NEW];

	if (repl < L_OFF || repl >= ARRAY_SIZE(disk_ranges))
		return;
	/* A missing disk is not made up; such a request is refused. */
	if (repl > L_ESTABLISHED && (*disk <= D_FAILED || *pdsk <= D_FAILED))
		return;
	range = &disk_ranges[repl];
	if (*disk < range->min)
		*disk = range->min;
	if (*disk > range->max)
		*disk = range->max;
	if (*pdsk < range->pmin)
		*pdsk = range->pmin;
	if (*pdsk > range->pmax)
		*pdsk = range->pmax;
}

/* P19: may a diskless node take this peer's word for being UpToDate? */
static bool peer_uuid_trusted(const struct core_resource *r, const struct core_device *dev, u32 ci)
{
	const struct core_peer_device *pd = &dev->pd[ci];
	u64 cur = pd->uuids ? pd->uuids->cur : 0;
	u32 c;

	if (drbd_uuid_eq(cur, dev->exposed_uuid))
		return true;
	if (!(r->conn[ci].features & 0x40))
		return !(pd->disk_state[DRBD_OLD] == D_UNKNOWN && r->role[DRBD_NEW] == R_PRIMARY &&
			 dev->exposed_uuid);
	if (pd->disk_state[DRBD_OLD] == D_UP_TO_DATE)
		return true;
	if (dev->exposed_uuid)
		return false;
	for_each_conn(c, r) {
		const struct core_peer_device *o = &dev->pd[c];

		if (c != ci && o->disk_state[DRBD_NEW] == D_UP_TO_DATE && o->uuids &&
		    drbd_uuid_eq(o->uuids->cur, dev->exposed_uuid))
			return false;
	}
	return true;
}

static void sanitize_own_from_peer(struct core_resource *r, struct core_device *dev, u32 ci)
{
	struct core_peer_device *pd = &dev->pd[ci];
	struct core_connection *c = &r->conn[ci];
	u8 *disk = &dev->disk_state[DRBD_NEW];
	u8 repl_old = pd->repl_state[DRBD_OLD], repl = pd->repl_state[DRBD_NEW];
	u8 pdsk_old = pd->disk_state[DRBD_OLD], pdsk = pd->disk_state[DRBD_NEW];
	bool peer_is_stable = peer_flags(pd) & DRBD_UUID_F_STABLE;
	u32 o;

	/* P13.  The generations must agree: a peer that was brought up to date by
	 * somebody else says nothing about this node's data. */
	if (repl == L_ESTABLISHED && *disk == D_OUTDATED && pdsk >= D_CONSISTENT &&
	    (pd->flags & CORE_PD_UUIDS_RECEIVED) && peer_is_stable && same_current(dev, pd) &&
	    (repl_old < L_ESTABLISHED || (pd->flags & CORE_PD_GOT_STABLE) ||
	     pdsk_old == D_OUTDATED))
		*disk = pdsk;

	/* P14.  The resync attempt that outdated this node will not take place. */
	if (repl_old == L_WF_BITMAP_T && repl == L_OFF && *disk == D_OUTDATED) {
		for_each_conn(o, r) {
			const struct core_peer_device *op = &dev->pd[o];

			if (o != ci && op->disk_state[DRBD_NEW] == D_UP_TO_DATE &&
			    (peer_flags(op) & DRBD_UUID_F_STABLE) && same_current(dev, op) &&
			    drbd_may_be_up_to_date(r, dev, DRBD_NEW)) {
				*disk = D_UP_TO_DATE;
				break;
			}
		}
	}

	/* P15 */
	if (repl_old < L_ESTABLISHED && repl >= L_ESTABLISHED && *disk == D_CONSISTENT &&
	    drbd_may_be_up_to_date(r, dev, DRBD_NEW))
		*disk = D_UP_TO_DATE;

	/* P16 */
	if (*disk == D_CONSISTENT && pdsk_old == D_CONSISTENT && pdsk == D_UP_TO_DATE &&
	    peer_is_stable)
		*disk = D_UP_TO_DATE;

	/* P18.  An Inconsistent disk stays what it is, whatever its UUID. */
	if (c->peer_role[DRBD_OLD] == R_UNKNOWN && c->peer_role[DRBD_NEW] == R_PRIMARY &&
	    pdsk == D_DISKLESS && *disk >= D_NEGOTIATING) {
		if (same_current(dev, pd) && !target_elsewhere(r, dev, pd)) {
			if (*disk == D_OUTDATED || *disk == D_CONSISTENT)
				*disk = D_UP_TO_DATE;
		} else if (*disk == D_UP_TO_DATE && pd->uuids && pd->uuids->cur) {
			*disk = D_CONSISTENT;
			dev->notes |= NOTE_DEV_FIND_SOURCE;
		}
	}
}

static void sanitize_replication_flags(struct core_resource *r, struct core_device *dev, u32 ci)
{
	struct core_peer_device *pd = &dev->pd[ci];
	u8 repl_old = pd->repl_state[DRBD_OLD], repl = pd->repl_state[DRBD_NEW];
	u8 disk_old = dev->disk_state[DRBD_OLD], disk = dev->disk_state[DRBD_NEW];
	u8 pdsk_old = pd->disk_state[DRBD_OLD], pdsk = pd->disk_state[DRBD_NEW];
	bool agreed = pd->flags & CORE_PD_RESYNC_WITHOUT_REPL;

	if (r->conn[ci].cstate[DRBD_NEW] < C_CONNECTED)
		return;
	/* P20 */
	if ((disk_old != D_INCONSISTENT && disk == D_INCONSISTENT) ||
	    (!drbd_is_sync_target(repl_old) && drbd_is_sync_target(repl)))
		pd->peer_replication[DRBD_NEW] =
			!agreed || (pd->flags & CORE_PD_PEER_REPLICATION_NEXT);
	/* P21 */
	if ((pdsk_old != D_INCONSISTENT && pdsk == D_INCONSISTENT) ||
	    (!drbd_is_sync_source(repl_old) && drbd_is_sync_source(repl)))
		pd->replication[DRBD_NEW] = !agreed || (pd->flags & CORE_PD_REPLICATION_NEXT);
	else if (pdsk_old == D_INCONSISTENT && pdsk != D_INCONSISTENT)
		pd->replication[DRBD_NEW] = 1;
}

static void sanitize_peer_2(struct core_resource *r, struct core_device *dev, u32 ci)
{
	struct core_peer_device *pd = &dev->pd[ci];
	bool paused;
	u32 o;

	if (!drbd_is_sync_source(pd->repl_state[DRBD_OLD]) &&		/* P6 */
	    drbd_is_sync_source(pd->repl_state[DRBD_NEW]) && target_elsewhere(r, dev, pd))
		pd->resync_susp_other_c[DRBD_NEW] = 1;

	if (drbd_is_sync_source(pd->repl_state[DRBD_NEW])) {		/* P7 */
		paused = pd->resync_susp_user[DRBD_NEW] || pd->resync_susp_peer[DRBD_NEW] ||
			 pd->resync_susp_dependency[DRBD_NEW] ||
			 pd->resync_susp_other_c[DRBD_NEW] ||
			 pd->resync_susp_max_parallel[DRBD_NEW] ||
			 dev->disk_state[DRBD_NEW] <= D_INCONSISTENT;
		pd->repl_state[DRBD_NEW] = paused ? L_PAUSED_SYNC_S : L_SYNC_SOURCE;
	}

	if (pd->repl_state[DRBD_OLD] != L_STARTING_SYNC_T &&		/* P8 */
	    pd->repl_state[DRBD_NEW] == L_STARTING_SYNC_T) {
		for_each_conn(o, r) {
			struct core_peer_device *op = &dev->pd[o];

			if (o != ci && op->repl_state[DRBD_NEW] == L_ESTABLISHED &&
			    op->disk_state[DRBD_NEW] >= D_INCONSISTENT)
				op->repl_state[DRBD_NEW] = L_PAUSED_SYNC_T;
		}
	}

	if (r->conn[ci].protocol_version && r->conn[ci].protocol_version < PROTO_MULTI_PEER &&
	    pd->repl_state[DRBD_NEW] >= L_ESTABLISHED &&		/* P9 */
	    pd->repl_state[DRBD_NEW] <= L_PAUSED_SYNC_T) {
		if (dev->disk_state[DRBD_NEW] == D_CONSISTENT)
			dev->disk_state[DRBD_NEW] = D_UP_TO_DATE;
		if (pd->disk_state[DRBD_NEW] == D_CONSISTENT)
			pd->disk_state[DRBD_NEW] = D_UP_TO_DATE;
	}

	clamp_disks(dev, pd);						/* P10 */

	if (pd->disk_state[DRBD_OLD] == D_DISKLESS &&			/* P11 */
	    (pd->disk_state[DRBD_NEW] == D_FAILED || pd->disk_state[DRBD_NEW] == D_DETACHING))
		pd->disk_state[DRBD_NEW] = D_DISKLESS;

	sanitize_own_from_peer(r, dev, ci);				/* P13 to P18 */

	if (dev->disk_state[DRBD_NEW] == D_DISKLESS &&			/* P19 */
	    pd->disk_state[DRBD_NEW] == D_UP_TO_DATE && !peer_uuid_trusted(r, dev, ci))
		pd->disk_state[DRBD_NEW] = D_CONSISTENT;

	sanitize_replication_flags(r, dev, ci);				/* P20, P21 */
}

/* B3's exception: the lost Primaries had no good data, and nobody left has. */
static bool only_authority(const struct core_resource *r, const struct core_device *dev)
{
	u32 c;

	for_each_conn(c, r) {
		const struct core_peer_device *pd = &dev->pd[c];

		if (r->conn[c].notes & NOTE_CONN_LOST_PRIMARY) {
			if (pd->disk_state[DRBD_OLD] > D_OUTDATED)
				return false;
		} else if (pd_up(pd, DRBD_NEW) && pd->disk_state[DRBD_NEW] >= D_CONSISTENT) {
			return false;
		}
	}
	return true;
}

static void sanitize_quorum(struct core_resource *r, struct core_device *dev)
{
	struct drbd_quorum_count q;

	drbd_quorum_compute(r, dev, &q);				/* Q1 */
	dev->quorum_tracked[DRBD_NEW] = q.quorate;
	dev->quorum[DRBD_NEW] = r->quorum == QOU_OFF || q.quorate;
	if (q.by_tiebreaker)
		dev->flags |= CORE_DEV_TIEBREAKER_USED;
	if (!dev->quorum[DRBD_NEW] && dev->disk_state[DRBD_NEW] == D_UP_TO_DATE &&	/* Q2 */
	    (dev->flags & CORE_DEV_RESTORE_QUORUM))
		dev->quorum[DRBD_NEW] = 1;
}

static void sanitize_device(struct core_resource *r, struct core_device *dev, unsigned int flags)
{
	u8 *disk = &dev->disk_state[DRBD_NEW];
	u8 old = dev->disk_state[DRBD_OLD];
	u32 c;

	if (old == D_DISKLESS && *disk == D_DETACHING)			/* A1 */
		*disk = D_DISKLESS;
	if ((flags & CORE_IGNORE_OUTDATE_FAILURE) && old < D_OUTDATED && *disk == D_OUTDATED)
		*disk = old;						/* A2 */
	if (*disk == D_NEGOTIATING)					/* A3 */
		sanitize_attach(r, dev);

	for_each_conn(c, r)
		sanitize_peer_1(r, dev, c, flags);
	choose_sync_source(r, dev);
	for_each_conn(c, r)
		sanitize_peer_2(r, dev, c);

	sanitize_quorum(r, dev);

	if (!drbd_data_accessible(r, dev, DRBD_NEW)) {			/* B1 */
		if (r->role[DRBD_NEW] == R_PRIMARY) {
			dev->notes |= NOTE_DEV_NO_ACCESS;
			if (r->role[DRBD_OLD] != R_PRIMARY ||
			    drbd_data_accessible(r, dev, DRBD_OLD))
				dev->notes |= NOTE_DEV_LOST_ACCESS;
		}
	}

	/* B2 is part of A3: a peer that is gone no longer counts there, and as
	 * long as another one has not answered the outcome stays open. */

	if ((r->notes & NOTE_LOST_PRIMARY) && !drbd_connected_primaries(r, DRBD_NEW) &&	/* B3 */
	    *disk == D_UP_TO_DATE && r->role[DRBD_NEW] == R_SECONDARY && !only_authority(r, dev))
		*disk = D_CONSISTENT;
}

/* A pending generation that can be created as soon as I/O may go on. */
static bool uuid_wanted(const struct core_resource *r)
{
	u32 d;

	for_each_dev(d, r) {
		const struct core_device *dev = &r->dev[d];

		if ((dev->flags & CORE_DEV_NEW_UUID_PENDING) && dev->quorum[DRBD_NEW] &&
		    drbd_data_accessible(r, dev, DRBD_NEW))
			return true;
	}
	return false;
}

static bool suspended_but_uuid(const struct core_resource *r, int w)
{
	return r->susp_user[w] || r->susp_nod[w] || r->susp_quorum[w] ||
	       drbd_suspended_fencing(r, w);
}

static void sanitize_resource(struct core_resource *r, unsigned int flags)
{
	bool no_access = false, lost_access = false, no_quorum = false, writer = false;
	bool open = false;
	u64 reach = drbd_connected_nodes(r, DRBD_NEW) | BIT_ULL(r->my_node_id);
	u32 d;

	for_each_dev(d, r) {
		const struct core_device *dev = &r->dev[d];

		no_access |= !!(dev->notes & NOTE_DEV_NO_ACCESS);
		lost_access |= !!(dev->notes & NOTE_DEV_LOST_ACCESS);
		no_quorum |= !dev->quorum[DRBD_NEW];
		writer |= !!(dev->flags & CORE_DEV_WRITER);
		open |= !!(dev->flags & CORE_DEV_OPEN);
	}

	/* R1, 13.3.  Members out of sight must outdate themselves first, if any can be asked. */
	if (!no_access) {
		if (r->role[DRBD_NEW] != R_PRIMARY || !r->susp_nod[DRBD_OLD] ||
		    !(r->members[DRBD_NEW] & ~reach) || (flags & CORE_NOBODY_TO_ASK))
			r->susp_nod[DRBD_NEW] = 0;
	} else if (lost_access && r->on_no_data == OND_SUSPEND_IO) {
		r->susp_nod[DRBD_NEW] = 1;
	}

	r->susp_quorum[DRBD_NEW] = r->on_no_quorum == ONQ_SUSPEND_IO && no_quorum;	/* R2 */

	/* R3.  I/O stays frozen until the generation is on stable storage. */
	if (suspended_but_uuid(r, DRBD_OLD) && !suspended_but_uuid(r, DRBD_NEW) &&
	    !r->susp_uuid[DRBD_OLD] && r->role[DRBD_NEW] == R_PRIMARY && uuid_wanted(r))
		r->susp_uuid[DRBD_NEW] = 1;

	if (!open)
		r->fail_io[DRBD_NEW] = 0;
	if (r->role[DRBD_OLD] == R_PRIMARY && r->role[DRBD_NEW] == R_SECONDARY &&	/* R4 */
	    (flags & CORE_IGNORE_OPENERS) && writer)
		r->fail_io[DRBD_NEW] = 1;
}

void drbd_state_sanitize(struct core_resource *r, unsigned int flags)
{
	u32 c, d;

	for_each_conn(c, r)
		sanitize_connection(r, c, flags);
	for_each_dev(d, r)
		sanitize_device(r, &r->dev[d], flags);
	sanitize_resource(r, flags);
	r->notes |= NOTE_SANITIZED;
}

int drbd_state_check(struct core_resource *r, unsigned int flags, struct core_refusal *why)
{
	if (!drbd_state_changed(r) && !(flags & CORE_FORCE_RECALC))
		return SS_NOTHING_TO_DO;
	drbd_state_sanitize(r, flags);
	return drbd_state_validate(r, flags, why);
}

/* ---------------------------------------------------- applying what was agreed */

void drbd_state_apply_handshake(struct core_resource *r, u32 conn, u8 peer_role)
{
	u32 d;

	r->conn[conn].cstate[DRBD_NEW] = C_CONNECTED;
	r->conn[conn].peer_role[DRBD_NEW] = peer_role;
	r->members[DRBD_NEW] |= BIT_ULL(r->my_node_id) | BIT_ULL(r->conn[conn].peer_node_id);
	for_each_dev(d, r) {
		struct core_device *dev = &r->dev[d];
		struct core_peer_device *pd = &dev->pd[conn];

		if (!pd->hs.valid)
			continue;
		pd->repl_state[DRBD_NEW] = pd->hs.repl_state;
		pd->disk_state[DRBD_NEW] = pd->hs.disk_state;
		pd->resync_susp_peer[DRBD_NEW] = pd->hs.resync_susp_peer;
		if (pd->hs.my_disk_state != D_MASK)
			dev->disk_state[DRBD_NEW] = pd->hs.my_disk_state;
	}
}

bool drbd_state_outdate_after_refusal(struct core_resource *r, u32 conn)
{
	bool suspended = drbd_suspended(r, DRBD_OLD);
	bool force = r->on_susp_primary_outdated == SPO_FORCE_SECONDARY;
	bool changed = false;
	u32 d;

	if (r->role[DRBD_OLD] == R_PRIMARY &&
	    !(suspended && (r->on_no_data == OND_IO_ERROR || force)))
		return false;

	for_each_dev(d, r) {
		struct core_device *dev = &r->dev[d];
		struct core_peer_device *pd = &dev->pd[conn];

		if (!pd->hs.valid || pd->hs.repl_state != L_WF_BITMAP_T ||
		    dev->disk_state[DRBD_NEW] <= D_OUTDATED)
			continue;
		dev->disk_state[DRBD_NEW] = D_OUTDATED;
		changed = true;
	}
	if (changed && force && r->role[DRBD_NEW] == R_PRIMARY)
		r->role[DRBD_NEW] = R_SECONDARY;
	return changed;
}
