/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data generations of an attached volume: when UUIDs change, and that they are
 * on disk before anything depends on it.  The rules are core/uuid.h's.
 * Spec: resync.md 2, 11, states.md 14.
 */
#ifndef DRBD_GENERATION_H
#define DRBD_GENERATION_H

#include "objects.h"

/* Own UUIDs of a volume out of and into the superblock; md_lock inside; any context. */
void drbd_uuid_set_load(struct drbd_device *device, struct drbd_uuid_set *set);
void drbd_uuid_set_store(struct drbd_device *device, const struct drbd_uuid_set *set);

/* While held no UUID of the volume changes; whoever must change one waits. */
void drbd_uuid_freeze(struct drbd_connection *connection);		/* all volumes */
void drbd_uuid_freeze_release(struct drbd_connection *connection);	/* req_lock held */
void drbd_uuid_wait_unfrozen(struct drbd_device *device);

/*
 * A new current UUID now, on stable storage when this returns, announced to the
 * peers (not with @forced).  Process context.  0, or -EIO.
 */
int drbd_generation_new(struct drbd_device *device, bool forced);
/* The same without telling anybody (new-current-uuid). */
int drbd_generation_new_quiet(struct drbd_device *device);
/* If one is due: ping the peers, create it, open the gate. */
void drbd_generation_create_pending(struct drbd_device *device);
void drbd_new_uuid_work(struct work_struct *work);

/* "No resync, equal UUIDs": bitmap UUID := 0, slot cleared and written. */
void drbd_generation_in_sync_with(struct drbd_peer_device *pd);
/* The same for a peer met without resync, later: only if that still holds. Worker. */
void drbd_generation_met_in_sync(struct drbd_peer_device *pd);
/* Primary bit of the current UUID follows the role. */
void drbd_generation_set_primary(struct drbd_device *device, bool primary);

/* A P_UUIDS110 arrived and was absorbed: NEW_DATAGEN, SKIP_INITIAL_SYNC, finished resyncs. */
void drbd_generation_peer_uuids(struct drbd_peer_device *pd);

/* P_CURRENT_UUID from a connected Primary. */
void drbd_generation_peer_current(struct drbd_peer_device *pd, u64 uuid, u64 weak_nodes);

/* Start and end of a resync as target (resync.md 8.2, 11.2). */
void drbd_generation_target_before_start(struct drbd_peer_device *pd);
void drbd_generation_target_started(struct drbd_peer_device *pd);
/* False: the connection is no longer the one of @session, and nothing was done. */
bool drbd_generation_target_finished(struct drbd_peer_device *pd, u32 session);

#endif
