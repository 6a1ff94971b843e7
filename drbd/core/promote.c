// SPDX-License-Identifier: GPL-2.0-only
#include "promote.h"
#include "state_internal.h"

#define MAX_TRIES 4

static enum drbd_role_step again(struct drbd_role_attempt *a)
{
	return a->tries < MAX_TRIES ? ROLE_AGAIN : ROLE_DONE;
}

enum drbd_role_step drbd_role_next(struct drbd_role_attempt *a, int rv)
{
	if (rv >= SS_SUCCESS)
		return ROLE_DONE;
	if (rv == SS_TIMEOUT || rv == SS_CONCURRENT_ST_CHG)
		return ROLE_RESTART;
	a->tries++;

	switch (rv) {
	case SS_CW_FAILED_BY_PEER:
		if (!a->fenced || !a->force_up_to_date)
			return ROLE_DONE;
		a->force_up_to_date = false;
		return again(a);
	case SS_NO_UP_TO_DATE_DISK:
		if (a->demote)
			return ROLE_DONE;
		if (a->force && !a->force_up_to_date) {
			a->force_up_to_date = true;
			return again(a);
		}
		if (a->fenced || a->tries >= MAX_TRIES)
			return ROLE_DONE;
		return ROLE_WAIT_DATA;
	case SS_DEVICE_IN_USE:
		if (!a->demote || !a->force || a->ignore_openers)
			return ROLE_DONE;
		a->ignore_openers = true;
		return again(a);
	case SS_PRIMARY_NOP:
		if (a->force && a->force_up_to_date && !a->force_outdate) {
			a->force_outdate = true;
			return again(a);
		}
		if (a->fenced_nop || a->demote)
			return ROLE_DONE;
		return ROLE_FENCE_ALL;
	case SS_NO_QUORUM:
		if (!a->force || a->force_outdate || a->demote)
			return ROLE_DONE;
		a->force_outdate = true;
		return again(a);
	case SS_TWO_PRIMARIES:
		if (a->waited_two_primaries)
			return ROLE_DONE;
		a->waited_two_primaries = true;
		return ROLE_WAIT_PING;
	default:
		return ROLE_DONE;
	}
}

u64 drbd_role_fence_candidates(const struct core_resource *r)
{
	bool consistent = false;
	u64 mask = 0;
	u32 c, d;

	for_each_dev(d, r)
		consistent |= r->dev[d].disk_state[DRBD_OLD] == D_CONSISTENT;
	if (!consistent)
		return 0;
	for_each_conn(c, r)
		if (drbd_conn_highest_pdsk(r, c, DRBD_OLD) == D_UNKNOWN)
			mask |= BIT_ULL(c);
	return mask;
}

enum drbd_role_step drbd_role_fenced(struct drbd_role_attempt *a, unsigned int called,
				     unsigned int succeeded, enum drbd_role_step after)
{
	if (after == ROLE_WAIT_DATA) {
		a->fenced = true;
		if (!called || succeeded < called)
			return ROLE_DONE;
		a->force_up_to_date = true;
		return ROLE_AGAIN;
	}
	a->fenced_nop = true;
	if (succeeded < called && a->force)
		a->force_up_to_date = true;	/* into a split brain, knowingly */
	return ROLE_AGAIN;
}

static bool peer_up_to_date(const struct core_resource *r, const struct core_device *dev)
{
	u32 c;

	for_each_conn(c, r)
		if (dev->pd[c].disk_state[DRBD_NEW] == D_UP_TO_DATE)
			return true;
	return false;
}

bool drbd_role_forced(const struct core_device *dev, const struct drbd_role_attempt *a)
{
	return !a->demote && a->force_up_to_date && dev->disk_state[DRBD_OLD] < D_UP_TO_DATE &&
	       dev->disk_state[DRBD_NEW] == D_UP_TO_DATE;
}

static void force_device(struct core_resource *r, struct core_device *dev)
{
	u8 *disk = &dev->disk_state[DRBD_NEW];
	u32 c;

	if (*disk < D_INCONSISTENT || *disk > D_CONSISTENT || peer_up_to_date(r, dev))
		return;
	*disk = D_UP_TO_DATE;
	for_each_conn(c, r) {
		struct core_peer_device *pd = &dev->pd[c];

		/* What comes from there would overwrite the data chosen now. */
		if (repl_is_target_side(pd->repl_state[DRBD_NEW]) &&
		    r->conn[c].cstate[DRBD_NEW] >= C_CONNECTED)
			drbd_state_set_cstate(r, c, C_TEAR_DOWN);
		else if (pd->repl_state[DRBD_NEW] == L_ESTABLISHED &&
			 pd->disk_state[DRBD_NEW] == D_INCONSISTENT &&
			 dev->disk_state[DRBD_OLD] == D_INCONSISTENT)
			pd->flags |= CORE_PD_CONSIDER_RESYNC;
	}
}

unsigned int drbd_role_prepare(struct core_resource *r, const struct drbd_role_attempt *a)
{
	unsigned int flags = 0;
	u32 c, d;

	r->role[DRBD_NEW] = a->demote ? R_SECONDARY : R_PRIMARY;
	if (a->demote)
		return a->ignore_openers ? CORE_IGNORE_OPENERS : 0;

	for_each_dev(d, r) {
		struct core_device *dev = &r->dev[d];

		if (a->force_up_to_date)
			force_device(r, dev);
		if (!a->force_outdate)
			continue;
		for_each_conn(c, r)
			if (dev->pd[c].disk_state[DRBD_NEW] == D_UNKNOWN)
				dev->pd[c].disk_state[DRBD_NEW] = D_OUTDATED;
	}
	return flags;
}

bool drbd_promotion_must_wait(const struct core_resource *r)
{
	u32 c, d;

	for_each_dev(d, r) {
		const struct core_device *dev = &r->dev[d];
		u8 disk = dev->disk_state[DRBD_OLD];

		if (dev->flags & CORE_DEV_TRY_UP_TO_DATE)
			return true;
		if ((dev->flags & CORE_DEV_RECONCILING) &&
		    (disk == D_OUTDATED || disk == D_INCONSISTENT))
			return true;
		/* Only a connected peer's fate is about to be settled; what an absent
		 * one was last known as says nothing. */
		for_each_conn(c, r)
			if (dev->pd[c].disk_state[DRBD_OLD] == D_CONSISTENT)
				return true;
		if (disk == D_CONSISTENT)
			return true;
	}
	return false;
}

unsigned int drbd_up_to_date_volumes(const struct core_resource *r)
{
	unsigned int n = 0;
	u32 d;

	for_each_dev(d, r)
		n += r->dev[d].disk_state[DRBD_OLD] == D_UP_TO_DATE;
	return n;
}

/* --------------------------------------------------------------- open, close */

static bool foreign_primary(const struct core_resource *r)
{
	u32 c;

	for_each_conn(c, r)
		if (r->conn[c].cstate[DRBD_OLD] >= C_CONNECTED &&
		    r->conn[c].peer_role[DRBD_OLD] == R_PRIMARY && !r->conn[c].two_primaries)
			return true;
	return false;
}

static bool some_disk_up_to_date(const struct core_resource *r, const struct core_device *dev)
{
	u32 c;

	if (dev->disk_state[DRBD_OLD] == D_UP_TO_DATE)
		return true;
	for_each_conn(c, r)
		if (dev->pd[c].disk_state[DRBD_OLD] == D_UP_TO_DATE)
			return true;
	return false;
}

static bool connection_may_come(const struct core_resource *r)
{
	u32 c;

	for_each_conn(c, r)
		if (r->conn[c].cstate[DRBD_OLD] > C_DISCONNECTING &&
		    r->conn[c].cstate[DRBD_OLD] < C_CONNECTED)
			return true;
	return false;
}

/* The read-only condition (10.4): 0, an errno, or -1 for "maybe soon". */
static int read_only_condition(const struct core_resource *r, const struct core_device *dev,
			       bool allow_oos)
{
	if (!dev->quorum[DRBD_OLD])
		return ENODATA;
	if (r->role[DRBD_OLD] != R_PRIMARY && foreign_primary(r) && !allow_oos)
		return EMEDIUMTYPE;
	if (some_disk_up_to_date(r, dev))
		return 0;
	return connection_may_come(r) ? -1 : ENODATA;
}

static enum drbd_open_action fail_open(int *err, int code)
{
	*err = code;
	return OPEN_FAIL;
}

static enum drbd_open_action open_for_reading(const struct core_resource *r,
					      const struct core_device *dev,
					      const struct drbd_open_request *q, bool pinged,
					      int *err)
{
	int cond;

	if (!q->auto_promote && r->role[DRBD_OLD] != R_PRIMARY && !q->allow_oos)
		return fail_open(err, EMEDIUMTYPE);
	cond = read_only_condition(r, dev, q->allow_oos);
	if (!cond)
		return OPEN_OK;
	if (cond < 0) {
		if (q->nonblock)
			return fail_open(err, EAGAIN);
		*err = EMEDIUMTYPE;
		return q->auto_promote ? OPEN_WAIT : OPEN_FAIL;
	}
	/* The Primary may be dead already. */
	if (cond == EMEDIUMTYPE && q->auto_promote && !q->nonblock && !pinged)
		return OPEN_PING_PEERS;
	return fail_open(err, cond);
}

enum drbd_open_action drbd_open_decide(const struct core_resource *r, const struct core_device *dev,
				       const struct drbd_open_request *q, bool pinged, int *err)
{
	bool primary = r->role[DRBD_OLD] == R_PRIMARY;

	*err = 0;
	if (q->udevd && !q->write && !q->allow_oos)
		return fail_open(err, EACCES);
	if (q->write && q->device_read_only)
		return fail_open(err, EACCES);
	if (r->fail_io[DRBD_OLD])
		return fail_open(err, ENOTRECOVERABLE);
	if ((r->flags & CORE_RES_DOWN_IN_PROGRESS) || (dev->flags & CORE_DEV_DELETED))
		return fail_open(err, EAGAIN);
	if ((r->flags & CORE_RES_TWOPC_RUNNING) && !primary && (q->first || q->write)) {
		*err = EAGAIN;
		return q->nonblock ? OPEN_FAIL : OPEN_WAIT_TWOPC;
	}
	if (!q->write)
		return open_for_reading(r, dev, q, pinged, err);
	if (primary)
		return OPEN_OK;
	if (q->auto_promote)
		return OPEN_PROMOTE;
	return fail_open(err, EROFS);
}

enum drbd_promote_retry drbd_auto_promote_retry(const struct core_resource *r, int rv,
						bool nonblock)
{
	if (nonblock)
		return PROMOTE_GIVE_UP;
	switch (rv) {
	case SS_CW_FAILED_BY_PEER:
	case SS_IN_TRANSIENT_STATE:	/* a connect handshake: it ends soon */
		return PROMOTE_RETRY;
	case SS_TWO_PRIMARIES:
		return PROMOTE_WAIT_DEMOTION;
	case SS_NO_UP_TO_DATE_DISK:
		return connection_may_come(r) ? PROMOTE_WAIT_DISK : PROMOTE_GIVE_UP;
	default:
		return PROMOTE_GIVE_UP;
	}
}

bool drbd_auto_demote(const struct core_resource *r, bool auto_promote)
{
	u32 d;

	if (!auto_promote || r->role[DRBD_OLD] != R_PRIMARY ||
	    (r->flags & CORE_RES_EXPLICIT_PRIMARY))
		return false;
	for_each_dev(d, r)
		if (r->dev[d].flags & CORE_DEV_WRITER)
			return false;
	return true;
}

/* --------------------------------------------------------------------- score */

static unsigned int replicas(const struct core_resource *r, const struct core_device *dev)
{
	unsigned int n = dev->disk_state[DRBD_OLD] == D_UP_TO_DATE;
	u32 c;

	for_each_conn(c, r)
		n += dev->pd[c].disk_state[DRBD_OLD] == D_UP_TO_DATE;
	return n;
}

/* 10000 * (own disks count) + 100 * (own UpToDate volumes) + (fewest UpToDate replicas) */
int drbd_promotion_score(const struct core_resource *r)
{
	unsigned int local = drbd_up_to_date_volumes(r), fewest = 99;
	bool disks = true;
	u32 d;

	if (!r->nr_devices || r->fail_io[DRBD_OLD])
		return 0;
	for_each_dev(d, r) {
		const struct core_device *dev = &r->dev[d];
		u8 disk = dev->disk_state[DRBD_OLD];
		unsigned int n = replicas(r, dev);

		if (!dev->quorum[DRBD_OLD] || !n)
			return 0;
		if (disk != D_UP_TO_DATE && disk != D_CONSISTENT && disk != D_INCONSISTENT)
			disks = false;
		if (n < fewest)
			fewest = n;
	}
	return (int)((disks ? 10000 : 0) + 100 * (local < 99 ? local : 99) + fewest);
}

bool drbd_may_promote(const struct core_resource *r)
{
	u32 c, d;

	if (r->role[DRBD_OLD] == R_PRIMARY || drbd_connected_primaries(r, DRBD_OLD) ||
	    !drbd_promotion_score(r))
		return false;
	for_each_dev(d, r) {
		const struct core_device *dev = &r->dev[d];
		bool good = dev->disk_state[DRBD_OLD] == D_UP_TO_DATE;

		for_each_conn(c, r)
			good |= dev->pd[c].disk_state[DRBD_OLD] == D_UP_TO_DATE &&
				(peer_flags(&dev->pd[c]) & DRBD_UUID_F_STABLE);
		if (!good)
			return false;
	}
	return true;
}
