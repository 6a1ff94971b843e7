/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels we build for (6.1 and 6.12), and nothing
 * else: the only place with tests for the kernel version.  Written against the
 * newer interface; what 6.1 lacks is provided here in its shape.
 */
#ifndef DRBD_COMPAT_H
#define DRBD_COMPAT_H

#include <linux/version.h>
#include <linux/blkdev.h>
#include <linux/bio.h>
#include <linux/err.h>
#include <linux/file.h>
#include "unaligned.h"

#define DRBD_KERNEL_6_12 (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0))

/* ------------------------------------------------- opening block devices */

/*
 * A lower device opened for reading and writing, exclusively for @holder (the
 * same holder may open it again).  The handle is opaque.
 */
#if DRBD_KERNEL_6_12

static inline void *drbd_compat_bdev_open(const char *path, void *holder)
{
	return bdev_file_open_by_path(path, BLK_OPEN_READ | BLK_OPEN_WRITE, holder, NULL);
}

static inline struct block_device *drbd_compat_bdev(void *handle)
{
	return file_bdev(handle);
}

static inline void drbd_compat_bdev_close(void *handle)
{
	bdev_fput(handle);
}

#else

static inline void *drbd_compat_bdev_open(const char *path, void *holder)
{
	return blkdev_get_by_path(path, FMODE_READ | FMODE_WRITE | FMODE_EXCL, holder);
}

static inline struct block_device *drbd_compat_bdev(void *handle)
{
	return handle;
}

static inline void drbd_compat_bdev_close(void *handle)
{
	blkdev_put(handle, FMODE_READ | FMODE_WRITE | FMODE_EXCL);
}

#endif

/* ------------------------------------------------------- gendisk and opening */

#if DRBD_KERNEL_6_12

#define DRBD_COMPAT_OPEN(name, disk_name, mode_name) \
	int name(struct gendisk *disk_name, blk_mode_t mode_name)
#define DRBD_COMPAT_OPEN_DISK(arg) (arg)
#define DRBD_COMPAT_RELEASE(name, disk_name) void name(struct gendisk *disk_name)

static inline bool drbd_compat_open_write(blk_mode_t mode)
{
	return mode & BLK_OPEN_WRITE;
}

static inline bool drbd_compat_open_nonblock(blk_mode_t mode)
{
	return mode & BLK_OPEN_NDELAY;
}

#else

#define DRBD_COMPAT_OPEN(name, disk_name, mode_name) \
	int name(struct block_device *disk_name, fmode_t mode_name)
#define DRBD_COMPAT_OPEN_DISK(arg) ((arg)->bd_disk)
#define DRBD_COMPAT_RELEASE(name, disk_name) \
	void name(struct gendisk *disk_name, fmode_t __maybe_unused mode)

static inline bool drbd_compat_open_write(fmode_t mode)
{
	return mode & FMODE_WRITE;
}

static inline bool drbd_compat_open_nonblock(fmode_t mode)
{
	return mode & FMODE_NDELAY;
}

#endif

/* A disk for bio-based I/O with default limits for stacking; ERR_PTR on failure. */
static inline struct gendisk *drbd_compat_alloc_disk(void)
{
#if DRBD_KERNEL_6_12
	struct queue_limits lim;

	blk_set_stacking_limits(&lim);
	/* Nothing is stacked yet, but the default for stacking is a zoned device's. */
	lim.max_zone_append_sectors = 0;
	lim.features = BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA | BLK_FEAT_STABLE_WRITES |
		       BLK_FEAT_ROTATIONAL | BLK_FEAT_IO_STAT;
	return blk_alloc_disk(&lim, NUMA_NO_NODE);
#else
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);

	if (!disk)
		return ERR_PTR(-ENOMEM);
	blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, disk->queue);
	blk_queue_write_cache(disk->queue, true, true);
	return disk;
#endif
}

/* ------------------------------------------------------------ queue limits */

/*
 * What of the backing device's queue shows through (6.1: always the maximum, as
 * drivers there set it once).
 */
struct drbd_compat_features {
	bool write_cache;
	bool fua;
	bool rotational;
};

static inline void drbd_compat_bdev_features(struct block_device *bdev,
					     struct drbd_compat_features *f)
{
#if DRBD_KERNEL_6_12
	f->write_cache = bdev_write_cache(bdev);
	f->fua = bdev_fua(bdev);
	f->rotational = !bdev_nonrot(bdev);
#else
	f->write_cache = true;
	f->fua = true;
	f->rotational = true;
#endif
}

static inline const struct queue_limits *drbd_compat_bdev_limits(struct block_device *bdev)
{
	return &bdev_get_queue(bdev)->limits;
}

/*
 * Makes @lim (made with blk_set_stacking_limits() and blk_stack_limits()) the
 * limits of @disk.  0 or -errno when the block layer finds them contradictory.
 */
static inline int drbd_compat_set_limits(struct gendisk *disk, struct queue_limits *lim,
					 const struct drbd_compat_features *f)
{
#if DRBD_KERNEL_6_12
	struct queue_limits new = queue_limits_start_update(disk->queue);

	new.features &= ~(BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA | BLK_FEAT_ROTATIONAL);
	new.features |= BLK_FEAT_STABLE_WRITES | BLK_FEAT_IO_STAT;
	if (f->write_cache)
		new.features |= BLK_FEAT_WRITE_CACHE;
	if (f->fua)
		new.features |= BLK_FEAT_FUA;
	if (f->rotational)
		new.features |= BLK_FEAT_ROTATIONAL;
	new.max_hw_sectors = lim->max_hw_sectors;
	new.physical_block_size = lim->physical_block_size;
	new.logical_block_size = lim->logical_block_size;
	new.alignment_offset = lim->alignment_offset;
	new.io_min = lim->io_min;
	new.io_opt = lim->io_opt;
	new.max_hw_discard_sectors = lim->max_hw_discard_sectors;
	new.discard_granularity = lim->discard_granularity;
	new.discard_alignment = lim->discard_alignment;
	new.max_write_zeroes_sectors = lim->max_write_zeroes_sectors;
	new.max_secure_erase_sectors = 0;
	return queue_limits_commit_update(disk->queue, &new);
#else
	struct request_queue *q = disk->queue;

	lim->max_sectors = lim->max_hw_sectors;
	lim->max_discard_sectors = lim->max_hw_discard_sectors;
	lim->max_secure_erase_sectors = 0;
	lim->max_zone_append_sectors = 0;
	q->limits = *lim;
	disk_update_readahead(disk);
	return 0;
#endif
}

/* ---------------------------------------------------- freezing file systems */

/* Freezes the file system on @bdev, if there is one.  0 or -errno.  Nests. */
static inline int drbd_compat_bdev_freeze(struct block_device *bdev)
{
#if DRBD_KERNEL_6_12
	return bdev_freeze(bdev);
#else
	return freeze_bdev(bdev);
#endif
}

static inline void drbd_compat_bdev_thaw(struct block_device *bdev)
{
#if DRBD_KERNEL_6_12
	bdev_thaw(bdev);
#else
	thaw_bdev(bdev);
#endif
}

#endif /* DRBD_COMPAT_H */
