/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The superblock of an attached volume: reading, writing, when it must be
 * written.  Layout and checks are core/metadata.h's.  Spec: metadata.md.
 */
#ifndef DRBD_METADATA_ROOM_H
#define DRBD_METADATA_ROOM_H

#include "objects.h"

/*
 * Reads or writes @len bytes (multiple of 512) at @sector of the metadata device
 * and waits.  @opf: REQ_OP_READ / REQ_OP_WRITE plus flags (REQ_PREFLUSH|REQ_FUA).
 * Process context, GFP_NOIO.  0 or -EIO.  A failure is a metadata error; the
 * caller reports it with drbd_io_error().
 */
int drbd_md_io(struct drbd_device *device, struct drbd_backing_dev *ldev, sector_t sector,
	       struct page *page, unsigned int len, blk_opf_t opf);

/* Marks the superblock dirty; written within seconds or by drbd_md_sync().  Any context. */
void drbd_md_mark_dirty(struct drbd_device *device);
/*
 * Writes the superblock if dirty / always and waits until it is stable.  Process
 * context, caller holds an ldev reference.  0, or -EIO (the disk is then Failed).
 */
int drbd_md_sync_if_dirty(struct drbd_device *device);
int drbd_md_sync(struct drbd_device *device);

/* Volume flags MDF_*, peer flags MDF_PEER_* of the superblock.  Any context; mark dirty when they change. */
void drbd_md_set_flag(struct drbd_device *device, u32 flag);
void drbd_md_clear_flag(struct drbd_device *device, u32 flag);
bool drbd_md_test_flag(struct drbd_device *device, u32 flag);
void drbd_md_set_peer_flag(struct drbd_device *device, int node_id, u32 flag);
void drbd_md_clear_peer_flag(struct drbd_device *device, int node_id, u32 flag);
bool drbd_md_test_peer_flag(struct drbd_device *device, int node_id, u32 flag);

#endif
