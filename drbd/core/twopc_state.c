// SPDX-License-Identifier: GPL-2.0-only
/* What cluster-wide transactions do to a node's state (states.md 11.4, 11.6, 11.7). */
#include "twopc.h"
#include "state_internal.h"

static int conn_of_node(const struct core_resource *r, s8 node)
{
	u32 c;

	for_each_conn(c, r)
		if (r->conn[c].peer_node_id == (u8)node)
			return (int)c;
	return -1;
}

static struct core_device *dev_of_vnr(const struct core_resource *r, s32 vnr)
{
	u32 d;

	for_each_dev(d, r)
		if (r->dev[d].vnr == vnr)
			return &r->dev[d];
	return NULL;
}

enum drbd_twopc_kind drbd_twopc_kind(const struct core_resource *r,
				     const struct drbd_twopc_request *req, u8 from)
{
	int ci = conn_of_node(r, req->initiator);

	if (req->target >= 0 && req->target != (s8)r->my_node_id)
		return TWOPC_KIND_FAR_AWAY;
	if (ci < 0)
		return TWOPC_KIND_FAR_AWAY;
	if (r->conn[ci].cstate[DRBD_OLD] < C_CONNECTED &&
	    !(drbd_twopc_is_connect(req) && from == (u8)req->initiator))
		return TWOPC_KIND_FAR_AWAY;
	return req->vnr >= 0 ? TWOPC_KIND_PEER_VOLUME : TWOPC_KIND_CONNECTION;
}

/* ------------------------------------------------------------- participant */

static void lower_to_outdated(u8 *disk)
{
	if (*disk > D_OUTDATED)
		*disk = D_OUTDATED;
}

static void apply_to_volume(struct core_device *dev, u32 ci, const struct drbd_state_fields *m,
			    const struct drbd_state_fields *v, bool whole_connection)
{
	struct core_peer_device *pd = &dev->pd[ci];

	if (m->disk) {
		if (whole_connection && v->disk == D_OUTDATED)
			lower_to_outdated(&dev->disk_state[DRBD_NEW]);
		else if (!whole_connection)
			dev->disk_state[DRBD_NEW] = v->disk;
	}
	if (!m->pdsk)
		return;
	if (!whole_connection) {
		pd->disk_state[DRBD_NEW] = v->pdsk;
	} else if (v->pdsk == D_OUTDATED) {
		if (pd->disk_state[DRBD_NEW] != D_UNKNOWN)
			lower_to_outdated(&pd->disk_state[DRBD_NEW]);
	} else if (v->pdsk == D_UP_TO_DATE && pd->disk_state[DRBD_NEW] >= D_INCONSISTENT &&
		   pd->disk_state[DRBD_NEW] != D_UNKNOWN) {
		/* Forced promotion: its disks, not the volumes it has none for. */
		pd->disk_state[DRBD_NEW] = D_UP_TO_DATE;
	}
}

static int apply_to_connection(struct core_resource *r, u32 ci, const struct drbd_state_fields *m,
			       const struct drbd_state_fields *v)
{
	u32 d;

	for_each_dev(d, r)
		apply_to_volume(&r->dev[d], ci, m, v, true);
	if (!m->conn)
		return SS_SUCCESS;
	switch (v->conn) {
	case C_TEAR_DOWN:
		drbd_state_set_cstate(r, ci, C_TEAR_DOWN);
		/* Outdating by agreement survives the loss of the connection. */
		for_each_dev(d, r)
			if (m->pdsk && v->pdsk == D_OUTDATED &&
			    r->dev[d].pd[ci].disk_state[DRBD_OLD] > D_OUTDATED)
				r->dev[d].pd[ci].disk_state[DRBD_NEW] = D_OUTDATED;
		return SS_SUCCESS;
	case C_CONNECTED:
		if (r->conn[ci].cstate[DRBD_OLD] < C_CONNECTING)
			return SS_NEED_CONNECTION;
		r->conn[ci].cstate[DRBD_NEW] = C_CONNECTED;
		return SS_SUCCESS;
	default:
		return SS_NOT_SUPPORTED;
	}
}

/* The request from my point of view into NEW. */
static int apply_remote(struct core_resource *r, const struct drbd_twopc_request *req, u32 ci,
			unsigned int *flags)
{
	struct drbd_state_fields m, v;
	struct core_device *dev;
	u32 mask, val;
	int rv;

	rv = drbd_state_mirror(req->mask, req->val, &mask, &val);
	if (rv < SS_SUCCESS)
		return rv;
	drbd_state_unpack(mask, &m);
	drbd_state_unpack(val, &v);

	if (m.conn && v.conn == C_TEAR_DOWN)
		*flags |= CORE_IGNORE_OUTDATE_FAILURE;

	if (req->vnr < 0) {
		rv = apply_to_connection(r, ci, &m, &v);
		if (rv < SS_SUCCESS)
			return rv;
		if (m.peer && !(m.conn && v.conn == C_TEAR_DOWN))
			r->conn[ci].peer_role[DRBD_NEW] = v.peer;
		return SS_SUCCESS;
	}

	dev = dev_of_vnr(r, req->vnr);
	if (!dev)
		return SS_SUCCESS;	/* configured there only */
	apply_to_volume(dev, ci, &m, &v, false);
	if (m.conn) {
		if (v.conn < L_OFF)
			return SS_NOT_SUPPORTED;
		/* Another exchange of bitmaps than the one that is under way here. */
		if ((v.conn == L_WF_BITMAP_S || v.conn == L_WF_BITMAP_T) &&
		    dev->pd[ci].repl_state[DRBD_OLD] == v.conn)
			return SS_RESYNC_RUNNING;
		dev->pd[ci].repl_state[DRBD_NEW] = v.conn;
		*flags |= CORE_CLUSTER_WIDE;
	}
	return SS_SUCCESS;
}

static bool is_promotion(const struct drbd_twopc_request *req)
{
	struct drbd_state_fields m, v;

	drbd_state_unpack(req->mask, &m);
	drbd_state_unpack(req->val, &v);
	return m.role && !m.conn && v.role == R_PRIMARY;
}

static int check_far_away(const struct core_resource *r, const struct drbd_twopc_request *req,
			  u8 from)
{
	int ci = conn_of_node(r, (s8)from);

	if (!is_promotion(req) || r->role[DRBD_OLD] != R_PRIMARY)
		return SS_SUCCESS;
	if (ci < 0 || !r->conn[ci].two_primaries)
		return SS_TWO_PRIMARIES;
	if (drbd_conn_highest_disk(r, DRBD_OLD) > D_DISKLESS)
		return SS_WEAKLY_CONNECTED;
	return SS_SUCCESS;
}

int drbd_twopc_prepare_remote(struct core_resource *r, const struct drbd_twopc_request *req,
			      u8 from, unsigned int *flags)
{
	u32 c;

	*flags = CORE_LOCAL_ONLY;
	if (req->type == TWOPC_TYPE_RESIZE) {
		for_each_conn(c, r)
			if (r->conn[c].cstate[DRBD_OLD] >= C_CONNECTED &&
			    r->conn[c].protocol_version < 112)
				return SS_NOT_SUPPORTED;
		return SS_SUCCESS;
	}
	if (drbd_twopc_kind(r, req, from) == TWOPC_KIND_FAR_AWAY)
		return check_far_away(r, req, from);
	return apply_remote(r, req, (u32)conn_of_node(r, req->initiator), flags);
}

/* A Primary that writes, and whose writes do not come here (11.7, hazard 2). */
static bool uncovered_primary(const struct core_resource *r, u64 primary_nodes)
{
	u64 covered = drbd_connected_nodes(r, DRBD_NEW) | BIT_ULL(r->my_node_id);

	return primary_nodes & ~covered;
}

/*
 * A Primary keeps its data: two Primaries that part are a split brain, which the
 * next handshake reports; both giving up would be the loss of the service.
 */
static void outdate_myself(struct core_resource *r)
{
	u32 d;

	if (r->role[DRBD_NEW] == R_PRIMARY)
		return;
	for_each_dev(d, r)
		lower_to_outdated(&r->dev[d].disk_state[DRBD_NEW]);
}

static bool quorate_side(const struct core_resource *r)
{
	bool all = true;
	u32 c, d;

	for_each_dev(d, r)
		all &= r->dev[d].quorum[DRBD_OLD];
	if (all)
		return true;
	for_each_conn(c, r) {
		all = r->conn[c].cstate[DRBD_OLD] >= C_CONNECTED;
		for_each_dev(d, r)
			all &= !!(r->dev[d].pd[c].flags & CORE_PD_PEER_QUORATE);
		if (all)
			return true;
	}
	return false;
}

/*
 * A disconnect that splits the cluster in halves.  Each half would see the other
 * as gone by agreement and keep quorum alone, so one of them must not forget the
 * other: the half that has the Primaries goes on, else that of the target (it is
 * the initiator's half that leaves).
 */
static bool half_goes_on(u64 mine, u64 other, u64 primary_nodes, bool initiator)
{
	bool primary_here = primary_nodes & mine, primary_there = primary_nodes & other;

	if (hweight64(mine) != hweight64(other))
		return true;	/* counting settles it */
	if (primary_here != primary_there)
		return primary_here;
	return !initiator;
}

static void adopt_members(struct core_resource *r, const struct drbd_twopc *prepared,
			  const struct drbd_twopc_request *commit, unsigned int *flags)
{
	u64 reachable = commit->reachable_nodes, self = BIT_ULL(r->my_node_id);
	u64 old = r->members[DRBD_OLD];
	u32 d;

	/* Existing nodes may send an empty mask (11.7). */
	if (!(commit->flags & DRBD_TWOPC_HAS_REACHABLE) || !reachable || !quorate_side(r))
		return;
	if (prepared->is_disconnect && !(reachable & BIT_ULL(prepared->req.initiator))) {
		/* It is the target's half that is named, to both halves. */
		bool target_half = reachable & self;
		u64 mine = target_half ? reachable : old & ~reachable;

		if (!half_goes_on(mine, old & ~mine, commit->primary_nodes, !target_half))
			return;
		reachable = mine;
	}
	r->members[DRBD_NEW] = reachable | self;
	for_each_dev(d, r)
		if (!r->dev[d].quorum[DRBD_OLD])
			*flags |= CORE_FORCE_RECALC;
}

/* An empty transaction told a Primary that its initiator does not see it. */
static void record_initiator_outdated(struct core_resource *r, s8 initiator)
{
	int ci = conn_of_node(r, initiator);
	u32 d;

	for_each_dev(d, r) {
		struct core_device *dev = &r->dev[d];

		if (ci >= 0) {
			lower_to_outdated(&dev->pd[ci].disk_state[DRBD_NEW]);
		} else if (dev->md_peer_flags[initiator] & DRBD_MDF_HAVE_BITMAP) {
			dev->md_peer_flags[initiator] |= DRBD_MDF_PEER_OUTDATED;
			dev->commit |= CORE_DEV_MD_DIRTY;
		}
	}
}

void drbd_twopc_commit_remote(struct core_resource *r, const struct drbd_twopc *prepared,
			      const struct drbd_twopc_request *commit, u8 from,
			      unsigned int *flags)
{
	const struct drbd_twopc_request *req = &prepared->req;
	bool far_away = drbd_twopc_kind(r, req, from) == TWOPC_KIND_FAR_AWAY;
	struct drbd_state_fields v;
	u32 ci;

	*flags = CORE_LOCAL_ONLY | CORE_PREPARED;
	if (req->type == TWOPC_TYPE_RESIZE)
		return;
	if (!far_away) {
		ci = (u32)conn_of_node(r, req->initiator);
		apply_remote(r, req, ci, flags);
		if (prepared->is_connect) {
			drbd_state_unpack(req->val, &v);
			drbd_state_apply_handshake(r, ci, v.role);
		}
	}
	adopt_members(r, prepared, commit, flags);
	if (uncovered_primary(r, commit->primary_nodes) &&
	    !(far_away && (commit->flags & DRBD_TWOPC_PRI_INCAPABLE)))
		outdate_myself(r);
	if (far_away && drbd_twopc_is_empty(req) && r->role[DRBD_NEW] == R_PRIMARY)
		record_initiator_outdated(r, req->initiator);
}

/* ------------------------------------------------------------- initiator */

static void promoted_outdates(struct core_resource *r, const struct drbd_twopc *t)
{
	u32 c, d;

	for_each_dev(d, r)
		for_each_conn(c, r) {
			struct core_peer_device *pd = &r->dev[d].pd[c];

			if ((t->reachable_nodes & BIT_ULL(r->conn[c].peer_node_id)) &&
			    (pd->flags & CORE_PD_BITMAP) &&
			    pd->disk_state[DRBD_NEW] == D_UNKNOWN)
				pd->disk_state[DRBD_NEW] = D_OUTDATED;
		}
}

void drbd_twopc_prepare_empty(struct core_resource *r)
{
	u32 d;

	for_each_dev(d, r) {
		struct core_device *dev = &r->dev[d];

		if (dev->disk_state[DRBD_OLD] == D_CONSISTENT &&
		    !(dev->flags & CORE_DEV_RECONCILING) &&
		    drbd_may_return_up_to_date(r, dev, DRBD_NEW))
			dev->disk_state[DRBD_NEW] = D_UP_TO_DATE;
	}
}

void drbd_twopc_commit_local(struct core_resource *r, const struct drbd_twopc *t,
			     unsigned int *flags)
{
	bool empty = drbd_twopc_is_empty(&t->req);
	bool incapable = t->primary_nodes && !t->weak_nodes;
	int ci = conn_of_node(r, t->req.target);

	*flags = CORE_LOCAL_ONLY;
	if (drbd_twopc_commit_first(&t->req, r->role[DRBD_OLD]))
		*flags |= CORE_PREPARED;
	if (t->req.type == TWOPC_TYPE_RESIZE)
		return;

	if (t->is_connect && ci >= 0)
		drbd_state_apply_handshake(r, (u32)ci, t->primary_nodes & BIT_ULL(t->req.target) ?
						       R_PRIMARY : R_SECONDARY);
	if (is_promotion(&t->req))
		promoted_outdates(r, t);
	if (t->is_disconnect && ci >= 0)
		*flags |= CORE_IGNORE_OUTDATE_FAILURE;

	if (!t->is_disconnect || (t->target_reachable_nodes & t->reachable_nodes) ||
	    half_goes_on(t->reachable_nodes, t->target_reachable_nodes, t->primary_nodes, true))
		r->members[DRBD_NEW] = t->reachable_nodes | BIT_ULL(r->my_node_id);
	*flags |= CORE_FORCE_RECALC;

	if (uncovered_primary(r, t->primary_nodes) && !(empty && incapable))
		outdate_myself(r);
	else if (empty)
		drbd_twopc_prepare_empty(r);
}

/* ------------------------------------------------------- single transactions */

enum drbd_connect_followup drbd_connect_followup(const struct core_resource *r, int verdict,
						 bool rr_retry_connect)
{
	bool force_secondary = r->role[DRBD_OLD] == R_PRIMARY &&
			       r->on_susp_primary_outdated == SPO_FORCE_SECONDARY;

	switch (verdict) {
	case SS_TIMEOUT:
	case SS_CONCURRENT_ST_CHG:
	case SS_IN_TRANSIENT_STATE:
		return CONNECT_AGAIN_50MS;
	case SS_PRIMARY_READER:
		return CONNECT_WAIT_READERS;
	case SS_HANDSHAKE_RETRY:
		return CONNECT_AGAIN_1S;
	case SS_CW_FAILED_BY_PEER:
	case SS_TWO_PRIMARIES:
		return rr_retry_connect || force_secondary ? CONNECT_AGAIN_1S : CONNECT_REFUSE;
	case SS_HANDSHAKE_DISCONNECT:
		return CONNECT_REFUSE;
	default:
		return CONNECT_NETWORK_FAILURE;
	}
}

unsigned int drbd_disconnect_prepare(struct core_resource *r, u32 conn, bool force)
{
	struct core_connection *c = &r->conn[conn];
	bool primary = r->role[DRBD_OLD] == R_PRIMARY;
	bool peer_primary = c->peer_role[DRBD_OLD] == R_PRIMARY;
	bool outdate = !force && c->cstate[DRBD_OLD] >= C_CONNECTED && primary != peer_primary &&
		       (c->fencing >= FP_RESOURCE || r->quorum != QOU_OFF);
	u32 d;

	drbd_state_set_cstate(r, conn, C_DISCONNECTING);
	if (force)
		return CORE_HARD;
	for_each_dev(d, r) {
		struct core_device *dev = &r->dev[d];
		struct core_peer_device *pd = &dev->pd[conn];

		if (outdate && primary && pd->disk_state[DRBD_OLD] > D_OUTDATED &&
		    pd->disk_state[DRBD_OLD] != D_UNKNOWN)
			pd->disk_state[DRBD_NEW] = D_OUTDATED;
		if (outdate && peer_primary)
			lower_to_outdated(&dev->disk_state[DRBD_NEW]);
	}
	return CORE_IGNORE_OUTDATE_FAILURE;
}

enum drbd_disconnect_followup drbd_disconnect_followup(const struct core_resource *r, u32 conn,
						       int rv)
{
	if (rv >= SS_SUCCESS)
		return DISCONNECT_DONE;
	switch (rv) {
	case SS_CW_FAILED_BY_PEER:
	case SS_NEED_CONNECTION:
		return r->conn[conn].cstate[DRBD_OLD] < C_CONNECTED ? DISCONNECT_AGAIN :
								      DISCONNECT_FAIL;
	case SS_NO_UP_TO_DATE_DISK:
		return r->role[DRBD_OLD] == R_PRIMARY ? DISCONNECT_FAIL : DISCONNECT_WAIT_READERS;
	case SS_ALREADY_STANDALONE:
		return DISCONNECT_DONE;
	case SS_IS_DISKLESS:
	case SS_LOWER_THAN_OUTDATED:
		return DISCONNECT_AGAIN_HARD;
	default:
		return DISCONNECT_FAIL;
	}
}

u8 drbd_attach_disk_state(const struct core_resource *r, u32 dev_i)
{
	const struct core_device *dev = &r->dev[dev_i];
	bool ask = false;
	u32 c;

	for_each_conn(c, r) {
		u8 pdsk = dev->pd[c].disk_state[DRBD_OLD];

		if (r->conn[c].cstate[DRBD_OLD] < C_CONNECTED ||
		    dev->pd[c].repl_state[DRBD_OLD] <= L_OFF)
			continue;
		if (r->conn[c].protocol_version < PROTO_MULTI_PEER)
			return drbd_disk_state_from_md(r, dev, DRBD_OLD);
		ask |= pdsk > D_DISKLESS && pdsk != D_UNKNOWN;
	}
	return ask ? D_NEGOTIATING : drbd_disk_state_from_md(r, dev, DRBD_OLD);
}
