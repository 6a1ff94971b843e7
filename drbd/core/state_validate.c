// SPDX-License-Identifier: GPL-2.0-only
/* Validity rules (states.md 5), and what must be agreed cluster-wide (11.2). */
#include "state_internal.h"
#include "twopc.h"

static int refuse(struct core_refusal *why, int code, s32 conn, s32 dev)
{
	if (why) {
		why->code = code;
		why->conn = conn;
		why->dev = dev;
	}
	return code;
}

/* ------------------------------------------------------------------- 5.1 */

static int hard_connection(u8 old, u8 new)
{
	if (old == new)
		return SS_SUCCESS;
	if (old == C_STANDALONE && new == C_DISCONNECTING)
		return SS_ALREADY_STANDALONE;
	if (old == C_STANDALONE && new != C_UNCONNECTED)
		return SS_NEED_CONNECTION;
	/* The first reason of a loss wins. */
	if (drbd_is_disconnect_or_lost(old) && new != C_UNCONNECTED && new != C_DISCONNECTING)
		return SS_IN_TRANSIENT_STATE;
	if (old == C_DISCONNECTING && new != C_STANDALONE)
		return SS_IN_TRANSIENT_STATE;
	return SS_SUCCESS;
}

static int validate_hard(const struct core_resource *r, struct core_refusal *why)
{
	u32 c, d;
	int rv;

	for_each_conn(c, r) {
		rv = hard_connection(r->conn[c].cstate[DRBD_OLD], r->conn[c].cstate[DRBD_NEW]);
		if (rv < SS_SUCCESS)
			return refuse(why, rv, (s32)c, -1);
	}
	for_each_dev(d, r) {
		u8 new = r->dev[d].disk_state[DRBD_NEW];

		if (r->dev[d].disk_state[DRBD_OLD] == D_DISKLESS &&
		    (new == D_FAILED || new == D_DETACHING))
			return refuse(why, SS_IS_DISKLESS, -1, (s32)d);
	}
	return SS_SUCCESS;
}

/* ------------------------------------------------------------------- 5.2 */

static bool in_handshake(const struct core_resource *r)
{
	u32 c;

	for_each_conn(c, r)
		if (r->conn[c].flags & CORE_CONN_HANDSHAKE)
			return true;
	return false;
}

static bool open_read_only(const struct core_device *dev)
{
	return (dev->flags & CORE_DEV_OPEN) && !(dev->flags & CORE_DEV_WRITER);
}

static bool any_open_read_only(const struct core_resource *r)
{
	u32 d;

	for_each_dev(d, r)
		if (open_read_only(&r->dev[d]))
			return true;
	return false;
}

static int soft_connection(const struct core_resource *r, const struct core_connection *c)
{
	u8 old = c->cstate[DRBD_OLD], new = c->cstate[DRBD_NEW];

	if (old == C_STANDALONE && new == C_DISCONNECTING)
		return SS_ALREADY_STANDALONE;
	if (old < C_UNCONNECTED && new == C_CONNECTING)
		return SS_NO_NET_CONFIG;
	if (old == C_UNCONNECTED && new == C_DISCONNECTING)
		return SS_IN_TRANSIENT_STATE;
	if (c->peer_role[DRBD_OLD] != R_PRIMARY && c->peer_role[DRBD_NEW] == R_PRIMARY &&
	    !c->two_primaries) {
		if (r->role[DRBD_NEW] == R_PRIMARY)
			return SS_TWO_PRIMARIES;
		if (!r->fail_io[DRBD_NEW] && any_open_read_only(r))
			return SS_PRIMARY_READER;
	}
	return SS_SUCCESS;
}

static int soft_resource(const struct core_resource *r, struct core_refusal *why)
{
	bool promoting = r->role[DRBD_OLD] != R_PRIMARY && r->role[DRBD_NEW] == R_PRIMARY;
	u32 c;
	int rv;

	if (promoting) {
		for_each_conn(c, r)
			if (r->conn[c].peer_role[DRBD_NEW] == R_PRIMARY &&
			    !r->conn[c].two_primaries)
				return refuse(why, SS_TWO_PRIMARIES, (s32)c, -1);
		if (in_handshake(r))
			return refuse(why, SS_IN_TRANSIENT_STATE, -1, -1);
		if (r->fail_io[DRBD_OLD])
			return refuse(why, SS_DEVICE_IN_USE, -1, -1);
	}
	for_each_conn(c, r) {
		rv = soft_connection(r, &r->conn[c]);
		if (rv < SS_SUCCESS)
			return refuse(why, rv, (s32)c, -1);
	}
	return SS_SUCCESS;
}

static bool some_resync_ends(const struct core_resource *r, const struct core_device *dev)
{
	u32 c;

	for_each_conn(c, r)
		if (dev->pd[c].repl_state[DRBD_OLD] == L_SYNC_TARGET &&
		    dev->pd[c].repl_state[DRBD_NEW] == L_ESTABLISHED)
			return true;
	return false;
}

static int soft_device(const struct core_resource *r, const struct core_device *dev,
		       unsigned int flags)
{
	u8 old = dev->disk_state[DRBD_OLD], new = dev->disk_state[DRBD_NEW];
	u8 role_old = r->role[DRBD_OLD], role = r->role[DRBD_NEW];
	bool acc_old = drbd_data_accessible(r, dev, DRBD_OLD);
	bool acc = drbd_data_accessible(r, dev, DRBD_NEW);

	if (in_handshake(r) &&
	    ((old == D_DISKLESS && new == D_ATTACHING) ||
	     (old > D_DETACHING && new == D_DETACHING)))
		return SS_IN_TRANSIENT_STATE;
	if (role_old == R_PRIMARY && role == R_SECONDARY && (dev->flags & CORE_DEV_WRITER) &&
	    !(flags & CORE_IGNORE_OPENERS))
		return SS_DEVICE_IN_USE;
	if (old == D_DISKLESS && new > D_ATTACHING)
		return SS_IS_DISKLESS;
	if (new == D_OUTDATED && old < D_OUTDATED && old != D_ATTACHING && old != D_NEGOTIATING &&
	    !some_resync_ends(r, dev))
		return SS_LOWER_THAN_OUTDATED;
	if (role == R_PRIMARY && !acc && (role_old != R_PRIMARY || acc_old))
		return SS_NO_UP_TO_DATE_DISK;
	if (open_read_only(dev) && acc_old && !acc)
		return SS_NO_UP_TO_DATE_DISK;
	if (role == R_PRIMARY && !dev->quorum[DRBD_NEW] &&
	    (role_old != R_PRIMARY || dev->quorum[DRBD_OLD]))
		return SS_NO_QUORUM;
	return SS_SUCCESS;
}

static unsigned int negotiating(const struct core_resource *r, const struct core_device *dev, int w)
{
	unsigned int n = dev->disk_state[w] == D_NEGOTIATING;
	u32 c;

	for_each_conn(c, r)
		n += dev->pd[c].disk_state[w] == D_NEGOTIATING;
	return n;
}

static bool outdating_permitted(const struct core_resource *r, const struct core_device *dev)
{
	bool primary_near = false;
	u32 c;

	if (r->role[DRBD_NEW] == R_PRIMARY) {
		for_each_conn(c, r)
			if (dev->pd[c].disk_state[DRBD_NEW] == D_UP_TO_DATE &&
			    dev->pd[c].repl_state[DRBD_NEW] == L_WF_BITMAP_T)
				return true;
		return false;
	}

	for_each_conn(c, r) {
		const struct core_peer_device *pd = &dev->pd[c];

		if (repl_is_target_side(pd->repl_state[DRBD_NEW]))
			return true;
		if (!pd_up(pd, DRBD_NEW) || r->conn[c].peer_role[DRBD_NEW] != R_PRIMARY)
			continue;
		if (pd->repl_state[DRBD_OLD] == L_OFF && pd->disk_state[DRBD_NEW] == D_DISKLESS)
			continue;
		primary_near = true;
	}
	return !primary_near;
}

static bool primary_unfenced(const struct core_resource *r, const struct core_connection *c,
			     const struct core_peer_device *pd, int w)
{
	return c->fencing >= FP_RESOURCE && r->role[w] == R_PRIMARY &&
	       pd->repl_state[w] < L_ESTABLISHED && pd->disk_state[w] > D_OUTDATED;
}

static bool is_starting_sync(u8 repl)
{
	return repl == L_STARTING_SYNC_S || repl == L_STARTING_SYNC_T;
}

static int soft_peer_device(const struct core_resource *r, const struct core_device *dev, u32 ci)
{
	const struct core_peer_device *pd = &dev->pd[ci];
	const struct core_connection *c = &r->conn[ci];
	u8 old = pd->repl_state[DRBD_OLD], new = pd->repl_state[DRBD_NEW];
	u8 disk_old = dev->disk_state[DRBD_OLD], disk = dev->disk_state[DRBD_NEW];
	u8 pdsk_old = pd->disk_state[DRBD_OLD], pdsk = pd->disk_state[DRBD_NEW];

	if (primary_unfenced(r, c, pd, DRBD_NEW) && !primary_unfenced(r, c, pd, DRBD_OLD))
		return SS_PRIMARY_NOP;
	if (new > L_OFF && c->cstate[DRBD_NEW] < C_CONNECTED)
		return SS_NEED_CONNECTION;
	if (new > L_ESTABLISHED && disk < D_INCONSISTENT &&
	    !(old > L_ESTABLISHED && disk_old < D_INCONSISTENT))
		return SS_NO_LOCAL_DISK;
	if (new > L_ESTABLISHED && pdsk < D_INCONSISTENT &&
	    !(old > L_ESTABLISHED && pdsk_old < D_INCONSISTENT))
		return SS_NO_REMOTE_DISK;
	if (drbd_is_verify(new) && new != old) {
		if (!c->has_verify_alg)
			return SS_NO_VERIFY_ALG;
		if (c->protocol_version < 88)
			return SS_NOT_SUPPORTED;
	}
	if ((drbd_is_sync_source(old) && new == L_WF_BITMAP_S) ||
	    (drbd_is_sync_target(old) && new == L_WF_BITMAP_T))
		return SS_RESYNC_RUNNING;
	if (is_starting_sync(new) && new != old && old > L_ESTABLISHED)
		return SS_RESYNC_RUNNING;
	if (drbd_is_verify(new) && new != old) {
		if (old < L_ESTABLISHED)
			return SS_NEED_CONNECTION;
		if (old > L_ESTABLISHED)
			return SS_RESYNC_RUNNING;
	}
	if (is_starting_sync(new) && old < L_ESTABLISHED)
		return SS_NEED_CONNECTION;
	if (pdsk_old == D_DISKLESS && pdsk > D_DISKLESS && new > L_OFF &&
	    !(pd->flags & CORE_PD_BITMAP))
		return SS_ATTACH_NO_BITMAP;
	return SS_SUCCESS;
}

static int validate_soft(const struct core_resource *r, unsigned int flags,
			 struct core_refusal *why)
{
	u32 c, d;
	int rv;

	rv = soft_resource(r, why);
	if (rv < SS_SUCCESS)
		return rv;
	for_each_dev(d, r) {
		const struct core_device *dev = &r->dev[d];

		rv = soft_device(r, dev, flags);
		if (rv < SS_SUCCESS)
			return refuse(why, rv, -1, (s32)d);
		if (negotiating(r, dev, DRBD_NEW) > 1 &&
		    negotiating(r, dev, DRBD_NEW) > negotiating(r, dev, DRBD_OLD))
			return refuse(why, SS_IN_TRANSIENT_STATE, -1, (s32)d);
		if (dev->disk_state[DRBD_OLD] > D_OUTDATED &&
		    dev->disk_state[DRBD_NEW] == D_OUTDATED && !outdating_permitted(r, dev))
			return refuse(why, SS_CONNECTED_OUTDATES, -1, (s32)d);
		for_each_conn(c, r) {
			rv = soft_peer_device(r, dev, c);
			if (rv < SS_SUCCESS)
				return refuse(why, rv, (s32)c, (s32)d);
		}
	}
	return SS_SUCCESS;
}

int drbd_state_validate(const struct core_resource *r, unsigned int flags,
			struct core_refusal *why)
{
	int rv;

	rv = validate_hard(r, why);
	if (rv < SS_SUCCESS || (flags & (CORE_HARD | CORE_PREPARED)))
		return rv;
	return validate_soft(r, flags, why);
}

/* ------------------------------------------------------------------ 11.2 */

static void ask_repl(struct drbd_twopc_request *req, const struct core_device *dev, u8 target,
		     u8 repl)
{
	struct drbd_state_fields f = { .conn = repl };

	req->vnr = dev->vnr;
	req->target = (s8)target;
	req->mask = C_MASK << 4;
	req->val = drbd_state_pack(&f);
}

static void ask_disk(struct drbd_twopc_request *req, const struct core_device *dev, u8 disk)
{
	struct drbd_state_fields f = { .disk = disk };

	req->vnr = dev->vnr;
	req->mask = D_MASK << 9;
	req->val = drbd_state_pack(&f);
}

static bool ask_for_peer_device(const struct core_resource *r, const struct core_device *dev,
				u32 ci, unsigned int flags, struct drbd_twopc_request *req)
{
	const struct core_peer_device *pd = &dev->pd[ci];
	const struct core_connection *c = &r->conn[ci];
	u8 old = pd->repl_state[DRBD_OLD], new = pd->repl_state[DRBD_NEW];

	if (old == new || old < L_ESTABLISHED || c->cstate[DRBD_NEW] < C_CONNECTED)
		return false;
	if (!is_starting_sync(new) && !(new == L_VERIFY_S && old == L_ESTABLISHED) &&
	    !((new == L_WF_BITMAP_S || new == L_WF_BITMAP_T) && (flags & CORE_CLUSTER_WIDE)) &&
	    new != L_OFF)
		return false;
	ask_repl(req, dev, c->peer_node_id, new);
	return true;
}

static bool ask_for_device(const struct core_resource *r, const struct core_device *dev,
			   unsigned int flags, struct drbd_twopc_request *req)
{
	u8 old = dev->disk_state[DRBD_OLD], new = dev->disk_state[DRBD_NEW];
	u32 c;

	if (old != D_NEGOTIATING && new == D_NEGOTIATING) {
		ask_disk(req, dev, D_NEGOTIATING);
		return true;
	}
	if (old >= D_INCONSISTENT && new == D_DETACHING) {
		for_each_conn(c, r) {
			if (dev->pd[c].repl_state[DRBD_OLD] < L_ESTABLISHED)
				continue;
			ask_disk(req, dev, D_DETACHING);
			return true;
		}
	}
	for_each_conn(c, r)
		if (ask_for_peer_device(r, dev, c, flags, req))
			return true;
	return false;
}

static bool ask_for_connection(const struct core_resource *r, u32 ci,
			       struct drbd_twopc_request *req)
{
	const struct core_connection *c = &r->conn[ci];
	struct drbd_state_fields mask = { .conn = C_MASK }, val = { 0 };
	u32 d;

	if (c->cstate[DRBD_OLD] == C_CONNECTING && c->cstate[DRBD_NEW] == C_CONNECTED) {
		mask.role = R_MASK;
		val.role = r->role[DRBD_NEW];
		val.conn = C_CONNECTED;
	} else if (c->cstate[DRBD_OLD] == C_CONNECTED && c->cstate[DRBD_NEW] == C_DISCONNECTING) {
		val.conn = C_DISCONNECTING;
		for_each_dev(d, r) {
			const struct core_device *dev = &r->dev[d];
			const struct core_peer_device *pd = &dev->pd[ci];

			if (dev->disk_state[DRBD_OLD] > D_OUTDATED &&
			    dev->disk_state[DRBD_NEW] == D_OUTDATED) {
				mask.disk = D_MASK;
				val.disk = D_OUTDATED;
			}
			if (pd->disk_state[DRBD_OLD] > D_OUTDATED &&
			    pd->disk_state[DRBD_NEW] == D_OUTDATED) {
				mask.pdsk = D_MASK;
				val.pdsk = D_OUTDATED;
			}
		}
	} else {
		return false;
	}
	req->target = (s8)c->peer_node_id;
	req->mask = drbd_state_pack(&mask);
	req->val = drbd_state_pack(&val);
	return true;
}

/* A forced promotion tells that the disk becomes UpToDate as well. */
static void ask_for_role(const struct core_resource *r, struct drbd_twopc_request *req)
{
	struct drbd_state_fields mask = { .role = R_MASK }, val = { .role = r->role[DRBD_NEW] };
	u32 d;

	for_each_dev(d, r) {
		if (r->role[DRBD_NEW] != R_PRIMARY ||
		    r->dev[d].disk_state[DRBD_OLD] >= D_UP_TO_DATE ||
		    r->dev[d].disk_state[DRBD_NEW] != D_UP_TO_DATE)
			continue;
		mask.disk = D_MASK;
		val.disk = D_UP_TO_DATE;
	}
	req->mask = drbd_state_pack(&mask);
	req->val = drbd_state_pack(&val);
}

bool drbd_state_cluster_wide(const struct core_resource *r, unsigned int flags,
			     struct drbd_twopc_request *req)
{
	bool reachable = drbd_connected_nodes(r, DRBD_OLD) != 0;
	u32 c, d;

	memset(req, 0, sizeof(*req));
	req->target = -1;
	req->vnr = -1;
	req->initiator = (s8)r->my_node_id;

	if (flags & (CORE_HARD | CORE_LOCAL_ONLY | CORE_PREPARED))
		return false;

	if (r->role[DRBD_OLD] != r->role[DRBD_NEW]) {
		ask_for_role(r, req);
		return reachable;
	}
	for_each_conn(c, r)
		if (ask_for_connection(r, c, req))
			return true;
	for_each_dev(d, r)
		if (ask_for_device(r, &r->dev[d], flags, req))
			return reachable;
	return false;
}
