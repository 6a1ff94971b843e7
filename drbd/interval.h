/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who must wait for whom when sector ranges overlap.  All application writes,
 * resync requests and verify requests of a volume live in one structure.
 * Spec: io-path.md 9.1, resync.md 9.4.
 *
 * Everything here runs under resource->req_lock.  A waiter always waits for
 * something that came before it or that has already been submitted, so there
 * are no cycles.
 */
#ifndef DRBD_INTERVAL_H
#define DRBD_INTERVAL_H

#include "objects.h"

enum {
	INTERVAL_LINKED,	/* in the structure */
	INTERVAL_SUBMITTED,	/* may proceed: not held (any more) */
	INTERVAL_BACKING_DONE,	/* local write: backing device completed it */
	INTERVAL_COMPLETED,	/* local write: completed upward; blocks nobody, stays findable */
	INTERVAL_RECEIVED,	/* resync request: the reply arrived */
	INTERVAL_CONFLICT,	/* verify: a write overlapped, the result is void */
	INTERVAL_CANCELED,
};

/*
 * Links the interval.  True: it may proceed.  False: it is held; i->released()
 * will be called from the device's release work (process context, no locks)
 * once nothing it must wait for overlaps any more.
 */
bool drbd_interval_enter(struct drbd_device *device, struct drbd_interval *i);

/*
 * Resync target: the reply arrived and shall now be written; waits for submitted
 * overlapping writes.  Same contract as drbd_interval_enter().
 */
bool drbd_interval_reenter(struct drbd_device *device, struct drbd_interval *i);

/* Sets a flag that may let others go. */
void drbd_interval_progress(struct drbd_device *device, struct drbd_interval *i, int flag);

/* Unlinks it (also while held: then released() is not called any more). */
void drbd_interval_leave(struct drbd_device *device, struct drbd_interval *i);

/* First linked interval that overlaps the range, or the next one after @i. */
struct drbd_interval *drbd_interval_first(struct rb_root_cached *root, sector_t sector,
					  unsigned int size);
struct drbd_interval *drbd_interval_next(struct drbd_interval *i, sector_t sector,
					 unsigned int size);
#define for_each_overlap(i, root, sector, size) \
	for (i = drbd_interval_first(root, sector, size); i; \
	     i = drbd_interval_next(i, sector, size))

/* Plain linking without any waiting, for the tree of reads. */
void drbd_interval_link(struct rb_root_cached *root, struct drbd_interval *i);
void drbd_interval_unlink(struct rb_root_cached *root, struct drbd_interval *i);

void drbd_interval_release_work(struct work_struct *work);

static inline bool drbd_interval_empty(const struct drbd_interval *i)
{
	return !test_bit(INTERVAL_LINKED, &i->flags);
}

#endif
