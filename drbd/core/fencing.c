// SPDX-License-Identifier: GPL-2.0-only
#include "fencing.h"
#include "state_internal.h"

static bool all_diskless_by_intent(const struct core_resource *r)
{
	u32 d;

	for_each_dev(d, r)
		if (!(r->dev[d].flags & CORE_DEV_DISKLESS_INTENT))
			return false;
	return r->nr_devices > 0;
}

enum drbd_fence_start drbd_fence_start(struct core_resource *r, u32 conn, bool helper_disabled)
{
	struct core_connection *c = &r->conn[conn];

	if (c->cstate[DRBD_OLD] >= C_CONNECTED)
		return FENCE_SKIP_CONNECTED;
	if (drbd_conn_highest_disk(r, DRBD_OLD) < D_CONSISTENT && !all_diskless_by_intent(r)) {
		c->susp_fen[DRBD_NEW] = 0;
		return FENCE_SKIP_FAILED;
	}
	if (c->fencing == FP_DONT_CARE || helper_disabled)
		return FENCE_SKIP_SUCCESS;
	return FENCE_CALL;
}

bool drbd_fence_on_disconnect(const struct core_resource *r, u32 conn)
{
	return r->role[DRBD_OLD] == R_PRIMARY && r->conn[conn].fencing != FP_DONT_CARE &&
	       drbd_conn_highest_pdsk(r, conn, DRBD_OLD) >= D_UNKNOWN;
}

static bool lower_peer(struct core_resource *r, u32 conn, u8 disk)
{
	bool changed = false;
	u32 d;

	for_each_dev(d, r) {
		u8 *pdsk = &r->dev[d].pd[conn].disk_state[DRBD_NEW];

		if (*pdsk <= disk)
			continue;
		*pdsk = disk;
		changed = true;
	}
	return changed;
}

static bool lower_own(struct core_resource *r, u8 disk)
{
	bool changed = false;
	u32 d;

	for_each_dev(d, r) {
		u8 *own = &r->dev[d].disk_state[DRBD_NEW];

		if (*own <= disk)
			continue;
		*own = disk;
		changed = true;
	}
	return changed;
}

bool drbd_fence_result(struct core_resource *r, u32 conn, int exit_code, bool stale)
{
	const struct core_connection *c = &r->conn[conn];

	if (stale || c->cstate[DRBD_OLD] >= C_CONNECTED || (c->flags & CORE_CONN_HANDSHAKE))
		return false;
	switch (exit_code) {
	case FENCE_PEER_INCONSISTENT:
		return lower_peer(r, conn, D_INCONSISTENT);
	case FENCE_PEER_OUTDATED:
	case FENCE_PEER_FENCED:
		return lower_peer(r, conn, D_OUTDATED);
	case FENCE_PEER_DOWN:
		if (drbd_conn_highest_disk(r, DRBD_OLD) != D_UP_TO_DATE)
			return false;
		return lower_peer(r, conn, D_OUTDATED);
	case FENCE_PEER_PRIMARY:
		return lower_own(r, D_OUTDATED);
	default:
		return false;
	}
}

bool drbd_fence_succeeded(const struct core_resource *r, u32 conn)
{
	return drbd_conn_highest_pdsk(r, conn, DRBD_OLD) <= D_OUTDATED;
}

enum drbd_freeze_end drbd_fencing_freeze_end(struct core_resource *r, u32 conn)
{
	struct core_connection *c = &r->conn[conn];
	bool outdated = true, back = true;
	u32 d;

	if (!c->susp_fen[DRBD_OLD])
		return FREEZE_STAYS;
	for_each_dev(d, r) {
		const struct core_peer_device *pd = &r->dev[d].pd[conn];

		if (pd->disk_state[DRBD_OLD] > D_OUTDATED)
			outdated = false;
		if (pd->repl_state[DRBD_OLD] < L_ESTABLISHED)
			back = false;
	}
	if (!outdated && !back)
		return FREEZE_STAYS;
	c->susp_fen[DRBD_NEW] = 0;
	/* Peers that are back missed nothing: no request was completed meanwhile. */
	return back ? FREEZE_ENDS_DROP_UUID : FREEZE_ENDS_NEW_UUID;
}

u64 drbd_up_to_date_nodes(const struct core_resource *r, bool unfence)
{
	u64 result = ~0ULL;
	u32 c, d, n;

	for_each_dev(d, r) {
		const struct core_device *dev = &r->dev[d];
		u64 mask = 0;

		if (dev->disk_state[DRBD_OLD] < D_INCONSISTENT)
			continue;
		if (dev->disk_state[DRBD_OLD] == D_UP_TO_DATE)
			mask |= BIT_ULL(r->my_node_id);
		for_each_conn(c, r)
			if (dev->pd[c].disk_state[DRBD_OLD] == D_UP_TO_DATE)
				mask |= BIT_ULL(r->conn[c].peer_node_id);
		if (unfence && r->role[DRBD_OLD] == R_SECONDARY && dev->uuids)
			for (n = 0; n < DRBD_CORE_NODES; n++)
				if (n != r->my_node_id && !dev->uuids->bitmap[n] &&
				    (dev->md_peer_flags[n] &
				     (DRBD_MDF_NODE_EXISTS | DRBD_MDF_HAVE_BITMAP)))
					mask |= BIT_ULL(n);
		if (mask)
			result &= mask;
	}
	return result;
}
