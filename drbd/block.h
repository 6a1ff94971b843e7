/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The front door of the block layer: gendisk, open and close, queue limits,
 * the first checks of a bio.  Spec: io-path.md 2.
 */
#ifndef DRBD_BLOCK_H
#define DRBD_BLOCK_H

#include "objects.h"

struct drbd_reply;

/* Creates the disk (not yet visible) / makes it visible / takes it away (del-minor). */
int drbd_block_create(struct drbd_device *device);
int drbd_block_add(struct drbd_device *device);
void drbd_block_remove(struct drbd_device *device);
void drbd_block_free(struct drbd_device *device);

/* Capacity in sectors, with the uevent; process context. */
void drbd_block_set_capacity(struct drbd_device *device, sector_t capacity);
sector_t drbd_block_capacity(struct drbd_device *device);

/* Recomputes the queue limits (io-path.md 2.2) from device options, peers, backing device. */
void drbd_block_update_limits(struct drbd_device *device);

/* Adds the opener lines of netlink.md 7.4 to @reply. */
void drbd_block_report_openers(struct drbd_device *device, struct drbd_reply *reply);
void drbd_block_uevent_change(struct drbd_device *device);

int drbd_block_init(void);	/* register_blkdev */
void drbd_block_exit(void);

#endif
