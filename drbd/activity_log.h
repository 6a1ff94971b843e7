/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The activity log of an attached volume: no write reaches the backing device,
 * or a peer, before its extents are durably in the log.  Spec: io-path.md 6.
 */
#ifndef DRBD_ACTIVITY_LOG_ROOM_H
#define DRBD_ACTIVITY_LOG_ROOM_H

#include "objects.h"

/*
 * Somebody who needs extents.  Embedded in requests and peer requests.
 * @granted is called exactly once if drbd_al_begin() returned false: from the
 * device's activity-log worker (process context, no locks held), @err 0 when
 * all extents are held, -EIO when the transaction failed (nothing is held; the
 * disk is on its way to Failed; the write must not be submitted locally).
 */
struct drbd_al_user {
	struct list_head list;
	sector_t sector;
	unsigned int size;		/* bytes, > 0; up to 128 MiB */
	unsigned int held;		/* private: how many extents are held already */
	bool pending;			/* private: some of them wait for the transaction */
	void (*granted)(struct drbd_al_user *user, int err);
};

int drbd_al_create(struct drbd_device *device, unsigned int al_extents);	/* 0, -ENOMEM */
void drbd_al_free(struct drbd_device *device);
/* Another number of extents; -EBUSY while extents are referenced, -ENOMEM. */
int drbd_al_resize(struct drbd_device *device, unsigned int al_extents);

/*
 * True: every extent of the range is hot, durable and now referenced (fast
 * path).  False: queued; user->granted() will be called.  Any context.  Caller
 * holds an ldev reference and keeps it until drbd_al_end().  io-path.md 6.3, 6.4.
 */
bool drbd_al_begin(struct drbd_device *device, struct drbd_al_user *user);
/*
 * Drops the references of the range.  Any context.  Returns true if an extent
 * became unreferenced while others wait for room (the caller then hurries peer acks).
 */
bool drbd_al_end(struct drbd_device *device, sector_t sector, unsigned int size);

/* Extents referenced / slots in total, for congestion and P_CONFIRM_STABLE; any context. */
unsigned int drbd_al_active(struct drbd_device *device);
unsigned int drbd_al_slots(struct drbd_device *device);
/* Users waiting because no slot could be freed. */
bool drbd_al_starving(struct drbd_device *device);

/*
 * Process context, 0 or an error that was reported.  drbd_al_flush() empties the
 * log, on disk too, after writing the bitmap; -EBUSY while extents are
 * referenced.  drbd_al_rewrite() writes the whole ring at its (new) place, hot
 * extents included; meanwhile the superblock must say that the log is disabled:
 * drbd_al_mark_disabled() makes the next superblock writes say so.
 */
int drbd_al_flush(struct drbd_device *device);
int drbd_al_rewrite(struct drbd_device *device);
void drbd_al_mark_disabled(struct drbd_device *device, bool mark);

/*
 * No transactions at present (io-path.md 6.6).  drbd_md_sync() makes
 * MDF_AL_DISABLED of the superblock say the same, whatever others put there, and
 * this room writes it before it changes over.  Any context.
 */
bool drbd_al_disabled(struct drbd_device *device);
/* Modes without transactions (io-path.md 6.6): re-evaluated after state changes. Any context. */
void drbd_al_update_mode(struct drbd_device *device);

#endif
