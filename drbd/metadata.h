/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The superblock of an attached volume: reading, writing, when it must be
 * written; and the I/O that all rooms with metadata on disk share.  Layout and
 * checks are core/metadata.h's.  Spec: metadata.md.
 */
#ifndef DRBD_METADATA_ROOM_H
#define DRBD_METADATA_ROOM_H

#include "objects.h"

/*
 * Reads or writes @len bytes (multiple of 512, at most 4096) at @sector of the
 * metadata device and waits.  @opf: REQ_OP_READ / REQ_OP_WRITE plus flags
 * (REQ_PREFLUSH|REQ_FUA).  Process context, GFP_NOIO.  0 or -EIO.  A failure is a
 * metadata error; the caller reports it with drbd_io_error().
 */
int drbd_md_io(struct drbd_device *device, struct drbd_backing_dev *ldev, sector_t sector,
	       struct page *page, unsigned int len, blk_opf_t opf);

/*
 * The pieces of that for those who want several requests in flight.  A request
 * owns its pages, so nobody has to wait for a lower device that hangs: after a
 * forced detach drbd_md_io_wait() gives up with -EIO, and the request keeps its
 * own reference on ldev until it really ends.
 *
 *   alloc (with one page) -> fill drbd_md_io_data() -> [add_page] -> submit ->
 *   wait -> look at the data of a read -> put
 *
 * Process context.  Never fails for want of memory: bio and first page come from
 * reserves; drbd_md_io_add_page() returns NULL when there are no more pages or
 * the request is full.
 */
#define DRBD_MD_IO_PAGES 16
#define DRBD_MD_IO_BYTES 4096		/* of a page, whatever the machine's page size is */
struct drbd_md_io;
struct drbd_md_io *drbd_md_io_alloc(struct drbd_device *device, struct drbd_backing_dev *ldev,
				    sector_t sector, blk_opf_t opf);
/* For those who hold others already: NULL instead of a wait for what they may hold. */
struct drbd_md_io *drbd_md_io_try_alloc(struct drbd_device *device,
					struct drbd_backing_dev *ldev, sector_t sector,
					blk_opf_t opf);
void *drbd_md_io_data(struct drbd_md_io *io, unsigned int page);
unsigned int drbd_md_io_pages(const struct drbd_md_io *io);
void *drbd_md_io_add_page(struct drbd_md_io *io);
void drbd_md_io_submit(struct drbd_md_io *io);
int drbd_md_io_wait(struct drbd_md_io *io);
void drbd_md_io_put(struct drbd_md_io *io);
/* submit, wait and put of one that is alone and brings nothing back; 0 or -EIO. */
int drbd_md_io_finish(struct drbd_md_io *io);

/*
 * Before external metadata say that data is there (extents leave the log, Primary no more):
 * flushes the data disk.  Internal metadata flush the same disk when they are written.
 * 0 or -EIO, which has been reported.  Process context, ldev reference held.
 */
int drbd_md_settle_data(struct drbd_device *device);
/* Flushes the metadata device's cache (nothing with md-flushes no); 0 or -EIO. */
int drbd_md_flush(struct drbd_device *device, struct drbd_backing_dev *ldev);
/* REQ_PREFLUSH | REQ_FUA, or nothing with md-flushes no. */
blk_opf_t drbd_md_durable(struct drbd_backing_dev *ldev);

int drbd_md_init_module(void);		/* called by drbd_backing_init() */
void drbd_md_exit_module(void);

/* Marks the superblock dirty; written within seconds or by drbd_md_sync().  Any context. */
void drbd_md_mark_dirty(struct drbd_device *device);
/*
 * Writes the superblock if dirty / always and waits until it is stable.  Process
 * context, caller holds an ldev reference.  0, or -EIO (the disk is then Failed).
 */
int drbd_md_sync_if_dirty(struct drbd_device *device);
int drbd_md_sync(struct drbd_device *device);

/*
 * Volume flags DRBD_MDF_*, peer flags DRBD_MDF_PEER_* of the superblock.  Any
 * context, caller holds an ldev reference; the superblock becomes dirty when
 * they change.
 */
void drbd_md_set_flag(struct drbd_device *device, u32 flag);
void drbd_md_clear_flag(struct drbd_device *device, u32 flag);
bool drbd_md_test_flag(struct drbd_device *device, u32 flag);
void drbd_md_set_peer_flag(struct drbd_device *device, int node_id, u32 flag);
void drbd_md_clear_peer_flag(struct drbd_device *device, int node_id, u32 flag);
bool drbd_md_test_peer_flag(struct drbd_device *device, int node_id, u32 flag);

/* Timer and work of the delayed write, for drbd_backing_init_device() / _free_device(). */
void drbd_md_init_device(struct drbd_device *device);
void drbd_md_free_device(struct drbd_device *device);

#endif
