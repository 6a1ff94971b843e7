/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a local bio: gate, activity log, overlap, registration in the
 * transfer log, local and peer legs, completed, done, forgotten.
 * Spec: io-path.md 1-6.
 */
#ifndef DRBD_REQUEST_H
#define DRBD_REQUEST_H

#include "objects.h"
#include "activity_log.h"

/*
 * A bio that block.c has checked (role, alignment, size) and split to the queue
 * limits.  Owns it; ends it exactly once.  May sleep at the gate.
 */
void drbd_request_submit(struct drbd_device *device, struct bio *bio);

/*
 * Internal freeze (io-path.md 3.4): no request is admitted until thawed; returns
 * when the admitted ones are through (writes only, or all with @reads).  Returns
 * early while the resource is suspended.  -EINTR if a signal came; nothing is frozen then.
 */
int drbd_freeze_io(struct drbd_device *device, bool reads, bool interruptible);
void drbd_thaw_io(struct drbd_device *device);

/* Last close / demotion: all writes done, epoch closed, barrier-acked, peer acks out. */
void drbd_wait_writes_stable(struct drbd_device *device);

int drbd_request_init(void);		/* mempools, slabs */
void drbd_request_exit(void);
int drbd_request_init_resource(struct drbd_resource *resource);
void drbd_request_free_resource(struct drbd_resource *resource);
int drbd_request_init_device(struct drbd_device *device);
void drbd_request_free_device(struct drbd_device *device);

#endif
