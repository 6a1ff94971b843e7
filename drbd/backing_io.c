// SPDX-License-Identifier: GPL-2.0-only
/* I/O at the backing device that is not one request's: discards, flushes; write ordering. */
#include <linux/blkdev.h>
#include "backing.h"
#include "compat/compat.h"

/* Longest single discard, io-path.md 2.6. */
#define MAX_DISCARD_SECTORS (1U << 22)

static int zero_range(struct block_device *bdev, sector_t sector, sector_t count, bool may_unmap)
{
	if (!count)
		return 0;
	return blkdev_issue_zeroout(bdev, sector, count, GFP_NOIO,
				    may_unmap ? 0 : BLKDEV_ZERO_NOUNMAP);
}

/* Distance of @sector from the granule boundary below it. */
static sector_t into_granule(sector_t sector, sector_t offset, u32 granularity)
{
	u64 quotient = sector + granularity - offset;

	return do_div(quotient, granularity);
}

static int discard_aligned(struct block_device *bdev, sector_t sector, sector_t count,
			   u32 granularity)
{
	u32 chunk = rounddown(min(bdev_max_discard_sectors(bdev), MAX_DISCARD_SECTORS),
			      granularity);
	int err = 0;

	while (count && !err) {
		sector_t n = min_t(sector_t, count, chunk);

		err = blkdev_issue_discard(bdev, sector, n, GFP_NOIO);
		sector += n;
		count -= n;
	}
	return err;
}

/*
 * Replicas must read the same afterwards, whatever their devices do with the
 * unaligned ends of a discard: so those are zeroed.
 */
static int discard_or_zero(struct block_device *bdev, sector_t sector, sector_t count)
{
	u32 granularity = max(bdev_discard_granularity(bdev) >> SECTOR_SHIFT, 1U);
	u32 offset = (bdev_discard_alignment(bdev) >> SECTOR_SHIFT) % granularity;
	sector_t head, tail;
	int err, err2;

	/* Without a discard of its size there is no whole granule, either. */
	if (min(bdev_max_discard_sectors(bdev), MAX_DISCARD_SECTORS) < granularity)
		return zero_range(bdev, sector, count, true);
	head = into_granule(sector, offset, granularity);
	if (head)
		head = granularity - head;
	tail = into_granule(sector + count, offset, granularity);
	/* No whole granule inside. */
	if (head + tail >= count)
		return zero_range(bdev, sector, count, true);

	err = zero_range(bdev, sector, head, true);
	err2 = discard_aligned(bdev, sector + head, count - head - tail, granularity);
	err = err ?: err2;
	err2 = zero_range(bdev, sector + count - tail, tail, true);
	return err ?: err2;
}

static bool discards_zero(struct drbd_device *device)
{
	struct disk_conf *conf;
	bool yes = true;

	rcu_read_lock();
	conf = rcu_dereference(device->ldev->disk_conf);
	if (conf)
		yes = conf->discard_zeroes_if_aligned;
	rcu_read_unlock();
	return yes;
}

int drbd_backing_discard_or_zero(struct drbd_device *device, sector_t sector, unsigned int size,
				 unsigned int flags)
{
	struct block_device *bdev = device->ldev->backing_bdev;
	sector_t count = size >> SECTOR_SHIFT;

	if (flags & DRBD_BACKING_ZEROOUT)
		return zero_range(bdev, sector, count, !(flags & DRBD_BACKING_NOUNMAP));
	/* discard-zeroes-if-aligned no: what a discard leaves behind may differ between nodes. */
	if (!discards_zero(device))
		return zero_range(bdev, sector, count, true);
	return discard_or_zero(bdev, sector, count);
}

int drbd_backing_flush(struct drbd_device *device)
{
	return blkdev_issue_flush(device->ldev->backing_bdev);
}

static enum drbd_write_ordering disk_allows(struct drbd_device *device)
{
	enum drbd_write_ordering allows = WO_BDEV_FLUSH;
	struct disk_conf *conf;

	if (!drbd_ldev_get(device, D_ATTACHING))
		return allows;
	rcu_read_lock();
	conf = rcu_dereference(device->ldev->disk_conf);
	if (conf && !conf->disk_flushes)
		allows = conf->disk_drain ? WO_DRAIN_IO : WO_NONE;
	rcu_read_unlock();
	drbd_ldev_put(device);
	return allows;
}

/*
 * disk-barrier asks for the first write of an epoch to carry preflush and FUA;
 * that does not order writes that are still in flight, so it is done as flush.
 */
void drbd_bump_write_ordering(struct drbd_resource *resource, enum drbd_write_ordering max)
{
	enum drbd_write_ordering method = min(max, WO_BDEV_FLUSH);
	struct drbd_device *device;
	int vnr;

	rcu_read_lock();
	idr_for_each_entry(&resource->devices, device, vnr)
		method = min(method, disk_allows(device));
	rcu_read_unlock();
	if (resource->write_ordering != method)
		pr_info("drbd %s: method to ensure write ordering: %s\n", resource->name,
			method == WO_BDEV_FLUSH ? "flush" : method == WO_DRAIN_IO ? "drain" : "none");
	WRITE_ONCE(resource->write_ordering, method);
}
