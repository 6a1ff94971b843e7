/* SPDX-License-Identifier: GPL-2.0-only */
/* Promotion, demotion, open (states.md 10), promotion score.  Pure; any context. */
#ifndef DRBD_CORE_PROMOTE_H
#define DRBD_CORE_PROMOTE_H

#include "state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the promotion loop has used up so far.  Zero it before the first attempt. */
struct drbd_role_attempt {
	u8 tries;			/* attempts made, at most 4 count */
	bool demote;			/* target role Secondary */
	bool force;			/* --force */
	bool force_up_to_date;		/* own disk is made UpToDate */
	bool force_outdate;		/* DUnknown peer disks are made Outdated */
	bool ignore_openers;
	bool fenced;			/* fence-peer was tried for SS_NO_UP_TO_DATE_DISK */
	bool fenced_nop;		/* ... for SS_PRIMARY_NOP */
	bool waited_two_primaries;
};

/* What to do after an attempt returned @rv. */
enum drbd_role_step {
	ROLE_DONE,			/* return rv */
	ROLE_AGAIN,			/* at once, with the changed struct */
	ROLE_RESTART,			/* drop the serialise lock, random back-off, begin at step 1 */
	ROLE_WAIT_PING,			/* wait the largest ping-timeout, begin at step 1 */
	ROLE_WAIT_DATA,			/* drop the lock, flush work, wait as in step 1; more UpToDate
					 * volumes than before: again.  Else fence: drbd_role_fenced() */
	ROLE_FENCE_ALL,			/* fence-peer on every connection: drbd_role_fenced() */
};

enum drbd_role_step drbd_role_next(struct drbd_role_attempt *a, int rv);

/*
 * Connections on which fence-peer must be called after ROLE_WAIT_DATA brought
 * nothing: index mask; 0: give up with SS_NO_UP_TO_DATE_DISK.
 */
u64 drbd_role_fence_candidates(const struct core_resource *r);

/*
 * After ROLE_WAIT_DATA or ROLE_FENCE_ALL: @called handlers were run, @succeeded of
 * them reported success.  ROLE_AGAIN or ROLE_DONE.
 */
enum drbd_role_step drbd_role_fenced(struct drbd_role_attempt *a, unsigned int called,
				     unsigned int succeeded, enum drbd_role_step after);

/*
 * Put one attempt into NEW.  Returns the transaction flags.  Remembers
 * consider-resync for volumes that are forced.
 */
unsigned int drbd_role_prepare(struct core_resource *r, const struct drbd_role_attempt *a);

/*
 * Step 1 of a promotion: is something about a lost Primary still undecided?
 */
bool drbd_promotion_must_wait(const struct core_resource *r);

/* Number of volumes whose own disk is UpToDate. */
unsigned int drbd_up_to_date_volumes(const struct core_resource *r);

/* After success: volumes (by index) whose disk was forced UpToDate need a new UUID. */
bool drbd_role_forced(const struct core_device *dev, const struct drbd_role_attempt *a);

/* --------------------------------------------------------------- open, close */

struct drbd_open_request {
	bool write;
	bool nonblock;			/* O_NDELAY */
	bool udevd;			/* opener is systemd-udevd */
	bool allow_oos;			/* module parameter */
	bool auto_promote;
	bool first;			/* no other opener of this volume */
	bool device_read_only;		/* block device was set read-only by its user */
};

enum drbd_open_action {
	OPEN_OK,
	OPEN_FAIL,			/* with errno */
	OPEN_WAIT_TWOPC,		/* cluster-wide change running: wait, at most auto-promote-timeout */
	OPEN_PROMOTE,			/* promote, then decide again */
	OPEN_PING_PEERS,		/* once, then decide again */
	OPEN_WAIT,			/* for a state change, at most auto-promote-timeout; then errno */
};

/*
 * What to do with an open.  @err: positive errno for OPEN_FAIL, and for OPEN_WAIT
 * and OPEN_WAIT_TWOPC when the time is up.  @pinged: OPEN_PING_PEERS was done.
 * Call before the open is counted, and again after each action.
 */
enum drbd_open_action drbd_open_decide(const struct core_resource *r, const struct core_device *dev,
				       const struct drbd_open_request *q, bool pinged, int *err);

/* Auto-promotion failed with @rv: retry (>= 100 ms later), wait, or give up? */
enum drbd_promote_retry {
	PROMOTE_RETRY,			/* after 100 ms */
	PROMOTE_WAIT_DEMOTION,		/* of the peer, and an UpToDate disk */
	PROMOTE_WAIT_DISK,		/* an UpToDate disk */
	PROMOTE_GIVE_UP,
};

enum drbd_promote_retry drbd_auto_promote_retry(const struct core_resource *r, int rv,
						bool nonblock);

/* Last close of @dev: demote automatically? */
bool drbd_auto_demote(const struct core_resource *r, bool auto_promote);

/*
 * Promotion score as shown by events2 (drbdsetup), 0: promotion impossible.  One
 * resource; the smallest over its volumes.
 */
int drbd_promotion_score(const struct core_resource *r);
bool drbd_may_promote(const struct core_resource *r);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_PROMOTE_H */
