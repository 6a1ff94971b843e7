// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backing device: references, errors, attach, detach, options.  Sizes and
 * the I/O that is not a request's are in backing_size.c and backing_io.c.
 */
#include <linux/slab.h>
#include <linux/mm.h>
#include "backing.h"
#include "backing_internal.h"
#include "activity_log.h"
#include "bitmap.h"
#include "block.h"
#include "generation.h"
#include "metadata.h"
#include "netlink.h"
#include "request.h"
#include "state_change.h"
#include "compat/compat.h"
#include "core/activity_log.h"
#include "core/bitmap_geometry.h"
#include "core/size.h"

static struct workqueue_struct *backing_wq;
static char shared_md_holder[] = "DRBD meta data";

int drbd_backing_init(void)
{
	int err = drbd_md_init_module();

	if (err)
		return err;
	backing_wq = alloc_workqueue("drbd_backing", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!backing_wq) {
		drbd_md_exit_module();
		return -ENOMEM;
	}
	return 0;
}

void drbd_backing_exit(void)
{
	destroy_workqueue(backing_wq);
	drbd_md_exit_module();
}

/* ------------------------------------------------------------ references */

/*
 * get: count up, then look at the state; destroy: publish Diskless, then look at
 * the count.  At least one of the two sees what the other did.
 */
bool drbd_ldev_get(struct drbd_device *device, enum drbd_disk_state min)
{
	atomic_inc(&device->ldev_refs);
	smp_mb__after_atomic();
	if (READ_ONCE(device->disk_state) >= min)
		return true;
	drbd_ldev_put(device);
	return false;
}

static bool must_go_diskless(struct drbd_device *device)
{
	enum drbd_disk_state state = READ_ONCE(device->disk_state);

	return state == D_FAILED || state == D_DETACHING;
}

/* Work items of the device hold a reference on it. */
static void queue_device_work(struct drbd_device *device, struct workqueue_struct *wq,
			      struct work_struct *work)
{
	drbd_device_get(device);
	if (!queue_work(wq, work))
		drbd_device_put(device);
}

void drbd_ldev_put(struct drbd_device *device)
{
	if (!atomic_dec_and_test(&device->ldev_refs))
		return;
	if (must_go_diskless(device) && !test_and_set_bit(DEV_GO_DISKLESS, &device->flags))
		queue_device_work(device, device->resource->worker, &device->go_diskless_work);
	wake_up(&device->misc_wait);
}

static void go_diskless_work(struct work_struct *work)
{
	struct drbd_device *device = container_of(work, struct drbd_device, go_diskless_work);

	if (must_go_diskless(device)) {
		drbd_backing_last_chance_write(device);
		drbd_change_disk_state(device, D_DISKLESS, CHG_HARD, "go-diskless", NULL);
		drbd_ldev_destroy(device);
	}
	clear_bit(DEV_GO_DISKLESS, &device->flags);
	drbd_device_put(device);
}

static void free_ldev(struct drbd_device *device, struct drbd_backing_dev *ldev)
{
	if (ldev->md_linked)
		bd_unlink_disk_holder(ldev->md_bdev, device->vdisk);
	if (ldev->data_linked)
		bd_unlink_disk_holder(ldev->backing_bdev, device->vdisk);
	if (ldev->md_handle)
		drbd_compat_bdev_close(ldev->md_handle);
	if (ldev->backing_handle)
		drbd_compat_bdev_close(ldev->backing_handle);
	kfree(rcu_dereference_protected(ldev->disk_conf, true));
	kfree(ldev);
}

static void ldev_destroy_work(struct work_struct *work)
{
	struct drbd_device *device = container_of(work, struct drbd_device, ldev_destroy_work);
	struct drbd_resource *resource = device->resource;
	struct drbd_backing_dev *ldev;
	struct drbd_bitmap *bitmap;
	bool gone, mine;

	/* Queued more than once, it may find the disk of the next attach, in use already. */
	do {
		wait_event(device->misc_wait, !atomic_read(&device->ldev_refs) ||
			   READ_ONCE(device->disk_state) != D_DISKLESS);
		spin_lock_irq(&resource->req_lock);
		gone = !device->ldev || device->disk_state != D_DISKLESS;
		mine = !gone && !atomic_read(&device->ldev_refs);
		/* Gone is only what is closed, too: see drbd_ldev_wait_gone(). */
		if (mine)
			set_bit(DEV_DESTROYING_LDEV, &device->flags);
		spin_unlock_irq(&resource->req_lock);
		if (gone)
			goto out;
	} while (!mine);
	drbd_al_free(device);
	spin_lock_irq(&resource->req_lock);
	ldev = device->ldev;
	bitmap = device->bitmap;
	device->bitmap = NULL;
	smp_store_release(&device->ldev, NULL);
	spin_unlock_irq(&resource->req_lock);
	clear_bit(DEV_MD_DIRTY, &device->flags);
	del_timer_sync(&device->md_sync_timer);
	/* Options and metadata are looked at under RCU, too. */
	synchronize_rcu();
	drbd_bitmap_free(bitmap);
	free_ldev(device, ldev);

	atomic64_set(&device->read_cnt, 0);
	atomic64_set(&device->writ_cnt, 0);
	atomic_set(&device->al_writ_cnt, 0);
	atomic_set(&device->bm_writ_cnt, 0);
	clear_bit(DEV_FORCE_DETACH, &device->flags);
	clear_bit(DEV_GRACEFUL_DETACH, &device->flags);
	clear_bit(DEV_WAS_IO_ERROR, &device->flags);
	drbd_block_update_limits(device);
	clear_bit_unlock(DEV_DESTROYING_LDEV, &device->flags);
	wake_up_all(&device->misc_wait);
out:
	drbd_device_put(device);
}

void drbd_ldev_destroy(struct drbd_device *device)
{
	queue_device_work(device, backing_wq, &device->ldev_destroy_work);
}

static bool ldev_gone(struct drbd_device *device)
{
	/* In this order: the bit is set before ldev becomes NULL. */
	return !smp_load_acquire(&device->ldev) &&
	       !test_bit(DEV_DESTROYING_LDEV, &device->flags);
}

int drbd_ldev_wait_gone(struct drbd_device *device)
{
	return wait_event_interruptible(device->misc_wait, ldev_gone(device));
}

/* ---------------------------------------------------------------- errors */

static enum drbd_on_io_error io_error_policy(struct drbd_device *device)
{
	struct disk_conf *conf;
	enum drbd_on_io_error policy = EP_DETACH;

	rcu_read_lock();
	conf = rcu_dereference(device->ldev->disk_conf);
	if (conf)
		policy = conf->on_io_error;
	rcu_read_unlock();
	return policy;
}

/* A last second for the disk, for everything that is accessing metadata together. */
static void no_more_waiting(struct drbd_device *device)
{
	device->force_detach_jif = jiffies + HZ;
	set_bit(DEV_FORCE_DETACH, &device->flags);
	wake_up_all(&device->misc_wait);
}

static void abort_local(struct drbd_device *device)
{
	struct bio_list done = BIO_EMPTY_LIST;

	/* Under the lock that Diskless is committed under: the mark must not outlive the disk. */
	spin_lock_irq(&device->resource->req_lock);
	if (must_go_diskless(device)) {
		if (!test_bit(DEV_FORCE_DETACH, &device->flags))
			no_more_waiting(device);
		drbd_tl_abort_local(device, &done);
	}
	spin_unlock_irq(&device->resource->req_lock);
	drbd_complete_bios(&done);
}

/*
 * Not on the resource's worker, which may be waiting for the very device that
 * is in trouble.
 */
static void io_error_work(struct work_struct *work)
{
	struct drbd_device *device = container_of(work, struct drbd_device, io_error_work);
	unsigned long kinds;
	LIST_HEAD(failed);
	bool data_only;

	/* In this order: the reason is noted before a write joins the list. */
	drbd_take_failed_writes(device, &failed);
	kinds = xchg(&device->io_error_kinds, 0);
	/* Which blocks a flush would have been about is not known: no bits could tell. */
	data_only = !(kinds & (BIT(DRBD_IO_ERR_FLUSH) | BIT(DRBD_IO_ERR_META) |
			       BIT(DRBD_IO_ERR_FORCE)));

	/* While Attaching the attach itself fails; later it has happened already. */
	if (!kinds || !drbd_ldev_get(device, D_NEGOTIATING))
		goto out;
	if (kinds & BIT(DRBD_IO_ERR_FORCE))
		no_more_waiting(device);
	if (data_only && io_error_policy(device) == EP_PASS_ON) {
		if (READ_ONCE(device->disk_state) > D_INCONSISTENT)
			drbd_change_disk_state(device, D_INCONSISTENT, CHG_HARD, "local-io-error",
					       NULL);
	} else {
		set_bit(DEV_WAS_IO_ERROR, &device->flags);
		drbd_change_disk_state(device, D_FAILED, CHG_HARD, "local-io-error", NULL);
	}
	drbd_ldev_put(device);
out:
	/* It may have failed before, with writes that are stuck and write no more errors. */
	if (kinds & BIT(DRBD_IO_ERR_FORCE))
		abort_local(device);
	if (drbd_unlogged_writes(&failed)) {
		spin_lock_irq(&device->resource->req_lock);
		list_splice_tail_init(&failed, &device->unlogged_writes);
		spin_unlock_irq(&device->resource->req_lock);
		queue_device_work(device, backing_wq, &device->unlogged_work);
	}
	drbd_finish_failed_writes(device, &failed);
	drbd_device_put(device);
}

/*
 * Writes that no log tells of: should we crash, the new generation does.  By itself: who
 * makes one may be waiting for a disk that io_error_work() has to give up.
 */
static void unlogged_work(struct work_struct *work)
{
	struct drbd_device *device = container_of(work, struct drbd_device, unlogged_work);
	LIST_HEAD(unlogged);

	spin_lock_irq(&device->resource->req_lock);
	list_splice_tail_init(&device->unlogged_writes, &unlogged);
	spin_unlock_irq(&device->resource->req_lock);
	drbd_generation_create_pending(device);
	drbd_finish_failed_writes(device, &unlogged);
	drbd_device_put(device);
}

void drbd_io_error(struct drbd_device *device, enum drbd_io_error_kind kind)
{
	static const char * const what[] = {
		[DRBD_IO_ERR_READ] = "reading data",
		[DRBD_IO_ERR_WRITE] = "writing data",
		[DRBD_IO_ERR_FLUSH] = "flushing data",
		[DRBD_IO_ERR_META] = "accessing metadata",
		[DRBD_IO_ERR_FORCE] = "waiting for the disk",
	};

	if (READ_ONCE(device->disk_state) >= D_NEGOTIATING && kind != DRBD_IO_ERR_FORCE)
		pr_err_ratelimited("drbd %s/%d drbd%u: local I/O error when %s\n",
				   device->resource->name, device->vnr, device->minor, what[kind]);
	set_bit(kind, &device->io_error_kinds);
	queue_device_work(device, backing_wq, &device->io_error_work);
}

void drbd_backing_last_chance_write(struct drbd_device *device)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_peer_device *pd;

	if (!drbd_ldev_get(device, D_DETACHING))
		return;
	if (device->bitmap && drbd_bm_write(device) &&
	    test_bit(DEV_CRASHED_PRIMARY, &device->flags)) {
		/* Nobody will know what the bitmap knew: everything may be different. */
		mutex_lock(&resource->conf_mutex);
		for_each_peer_device(pd, device)
			drbd_md_set_peer_flag(device, pd->connection->peer_node_id,
					      DRBD_MDF_PEER_FULL_SYNC);
		mutex_unlock(&resource->conf_mutex);
	}
	drbd_md_sync_if_dirty(device);
	drbd_ldev_put(device);
}

/* ---------------------------------------------------------------- device */

void drbd_backing_init_device(struct drbd_device *device)
{
	mutex_init(&device->size_mutex);
	INIT_WORK(&device->go_diskless_work, go_diskless_work);
	INIT_WORK(&device->io_error_work, io_error_work);
	INIT_WORK(&device->unlogged_work, unlogged_work);
	INIT_WORK(&device->ldev_destroy_work, ldev_destroy_work);
	drbd_md_init_device(device);
}

void drbd_backing_free_device(struct drbd_device *device)
{
	/* The other work items hold references, so they are over. */
	drbd_md_free_device(device);
}

/* ---------------------------------------------------------------- attach */


/* Follows the chain of attached minors that starts at @after. */
static int check_resync_after(struct drbd_device *device, int after)
{
	unsigned int steps = 0;

	if (after < -1)
		return ERR_RESYNC_AFTER;
	while (after != -1) {
		struct drbd_device *other;
		int next = -1;

		if ((unsigned int)after == device->minor)
			return ERR_RESYNC_AFTER_CYCLE;
		/* A loop that does not include this device was refused when it was made. */
		if (++steps > DRBD_MAX_MINOR)
			return ERR_RESYNC_AFTER_CYCLE;
		other = drbd_device_find(after);
		if (!other)
			break;
		if (drbd_ldev_get(other, D_NEGOTIATING)) {
			struct disk_conf *conf;

			rcu_read_lock();
			conf = rcu_dereference(other->ldev->disk_conf);
			if (conf)
				next = conf->resync_after;
			rcu_read_unlock();
			drbd_ldev_put(other);
		}
		drbd_device_put(other);
		after = next;
	}
	return NO_ERROR;
}

static int open_devices(struct drbd_device *device, struct drbd_backing_dev *ldev,
			const struct disk_conf *conf, struct drbd_reply *reply)
{
	void *handle;

	handle = drbd_compat_bdev_open(conf->backing_dev, device);
	if (IS_ERR(handle)) {
		drbd_reply_text(reply, "open(\"%s\") failed with %ld", conf->backing_dev,
				PTR_ERR(handle));
		return ERR_OPEN_DISK;
	}
	ldev->backing_handle = handle;
	ldev->backing_bdev = drbd_compat_bdev(handle);

	/* Indexed metadata devices are shared by several volumes. */
	handle = drbd_compat_bdev_open(conf->meta_dev, conf->meta_dev_idx < 0 ?
				       (void *)device : (void *)shared_md_holder);
	if (IS_ERR(handle)) {
		drbd_reply_text(reply, "open(\"%s\") failed with %ld", conf->meta_dev,
				PTR_ERR(handle));
		return ERR_OPEN_MD_DISK;
	}
	ldev->md_handle = handle;
	ldev->md_bdev = drbd_compat_bdev(handle);

	if ((ldev->backing_bdev == ldev->md_bdev) != drbd_md_is_internal(conf->meta_dev_idx))
		return ERR_MD_IDX_INVALID;
	ldev->md_index = conf->meta_dev_idx;
	return NO_ERROR;
}

/* Holder links in sysfs.  Nice to have: a failure is reported and no obstacle. */
static void link_holders(struct drbd_device *device, struct drbd_backing_dev *ldev)
{
	int err = bd_link_disk_holder(ldev->backing_bdev, device->vdisk);

	ldev->data_linked = !err;
	if (!err && ldev->md_bdev != ldev->backing_bdev) {
		err = bd_link_disk_holder(ldev->md_bdev, device->vdisk);
		ldev->md_linked = !err;
	}
	if (err)
		pr_warn("drbd %s/%d drbd%u: no holder link in sysfs: %d\n",
			device->resource->name, device->vnr, device->minor, err);
}

static int describe_md_error(struct drbd_device *device, struct drbd_backing_dev *ldev,
			     enum drbd_md_result result, struct drbd_reply *reply)
{
	const struct drbd_md *md = &ldev->md;
	int me = drbd_node_id(device->resource);
	int i;

	switch (result) {
	case DRBD_MD_OK:
		return NO_ERROR;
	case DRBD_MD_UNCLEAN:
		drbd_reply_text(reply, "%s", drbd_md_result_text(result));
		return ERR_MD_UNCLEAN;
	case DRBD_MD_NO_MAGIC:
	case DRBD_MD_OLD_MAGIC:
		drbd_reply_text(reply, "%s\n", drbd_md_result_text(result));
		return ERR_MD_INVALID;
	case DRBD_MD_BAD_BITS:
		drbd_reply_text(reply, "unexpected bm_bytes_per_bit: %u", md->bytes_per_bit);
		return ERR_MD_INVALID;
	case DRBD_MD_OTHER_NODE_ID:
		drbd_reply_text(reply, "ambiguous node id: meta-data: %d, config: %d",
				md->node_id, me);
		return ERR_MD_INVALID;
	case DRBD_MD_BAD_BITMAP_INDEX:
		if (md->peers[me].bitmap_index != -1)
			drbd_reply_text(reply,
					"my own node id (%d) should not have a bitmap index (%d)",
					me, md->peers[me].bitmap_index);
		for (i = 0; i < DRBD_MD_NODES; i++) {
			s32 slot = md->peers[i].bitmap_index;

			if (i == me || (slot >= -1 && slot < (s32)md->max_peers))
				continue;
			drbd_reply_text(reply, "peer node id %d: bitmap index (%d) exceeds allocated bitmap slots (%u)",
					i, slot, md->max_peers);
		}
		return ERR_MD_INVALID;
	case DRBD_MD_BAD_INDEX:
		return ERR_MD_IDX_INVALID;
	case DRBD_MD_DEVICE_TOO_SMALL:
		return ERR_MD_DISK_TOO_SMALL;
	default:
		drbd_reply_text(reply, "%s", drbd_md_result_text(result));
		return ERR_MD_INVALID;
	}
}

static int read_superblock(struct drbd_device *device, struct drbd_backing_dev *ldev,
			   struct drbd_reply *reply)
{
	sector_t capacity = bdev_nr_sectors(ldev->md_bdev);
	enum drbd_md_result result;
	struct page *page;
	u64 sector;
	int rv = NO_ERROR;

	result = drbd_md_sb_sector(ldev->md_index, capacity, &sector);
	if (result != DRBD_MD_OK)
		return describe_md_error(device, ldev, result, reply);
	page = alloc_page(GFP_KERNEL);
	if (!page)
		return ERR_NOMEM;
	if (drbd_md_io(device, ldev, sector, page, DRBD_MD_SB_BYTES, REQ_OP_READ)) {
		drbd_reply_text(reply, "Error while reading metadata.");
		rv = ERR_IO_MD_DISK;
	} else {
		result = drbd_md_decode(page_address(page), &ldev->md);
		if (result == DRBD_MD_OK)
			result = drbd_md_check_attach(&ldev->md, ldev->md_index, capacity,
						      drbd_node_id(device->resource),
						      &ldev->layout);
		rv = describe_md_error(device, ldev, result, reply);
	}
	ldev->flags_on_disk = ldev->md.flags;
	__free_page(page);
	return rv;
}

/* rs-discard-granularity as the backing device can do it; 0: not. */
static void sanitize_disk_conf(struct drbd_backing_dev *ldev, struct disk_conf *conf)
{
	unsigned int granularity = bdev_discard_granularity(ldev->backing_bdev);
	unsigned int max = min_t(u64, (u64)bdev_max_discard_sectors(ldev->backing_bdev) <<
				 SECTOR_SHIFT, 1U << 20);

	conf->al_extents = drbd_al_clamp_extents(conf->al_extents, ldev->layout.al_blocks);
	if (!conf->rs_discard_granularity)
		return;
	if (!granularity || granularity > max) {
		conf->rs_discard_granularity = 0;
		return;
	}
	conf->rs_discard_granularity = roundup(conf->rs_discard_granularity, granularity);
	if (conf->rs_discard_granularity > max)
		conf->rs_discard_granularity = rounddown(max, granularity);
}

/* Checks of sizes that need no knowledge of peers. */
static int check_capacity(struct drbd_device *device, struct drbd_backing_dev *ldev,
			  const struct disk_conf *conf, struct drbd_reply *reply)
{
	sector_t limit = drbd_ldev_limit(ldev);
	sector_t current_size = drbd_block_capacity(device);

	if (conf->disk_size > limit) {
		drbd_reply_text(reply, "configured size %llu sectors exceeds what the disk can hold (%llu)",
				(unsigned long long)conf->disk_size, (unsigned long long)limit);
		return ERR_DISK_TOO_SMALL;
	}
	if (limit < current_size) {
		drbd_reply_text(reply, "Current (diskless) capacity %llu, cannot attach smaller (%llu) disk",
				(unsigned long long)current_size, (unsigned long long)limit);
		return ERR_DISK_TOO_SMALL;
	}
	return NO_ERROR;
}

static bool up_to_date_peer(struct drbd_device *device)
{
	struct drbd_peer_device *pd;
	bool found = false;

	spin_lock_irq(&device->resource->req_lock);
	for_each_peer_device(pd, device)
		found |= pd->disk_state == D_UP_TO_DATE;
	spin_unlock_irq(&device->resource->req_lock);
	return found;
}

/*
 * What the bitmap in memory is before the size is determined: the part of the
 * disk's that describes data both old and new.
 */
static int load_bitmap(struct drbd_device *device, struct drbd_reply *reply)
{
	struct drbd_backing_dev *ldev = device->ldev;
	u64 sectors;

	if (!device->bitmap)
		return NO_ERROR;
	sectors = drbd_size_min_known(ldev->md.effective_size, drbd_block_capacity(device));
	/* Fresh metadata: the bits on disk mean nothing, all blocks differ. */
	if (!ldev->md.effective_size || ldev->md.current_uuid == DRBD_UUID_JUST_CREATED) {
		if (drbd_bm_resize(device, ldev->md.effective_size ? sectors : 0, true))
			return ERR_NOMEM_BITMAP;
		return NO_ERROR;
	}
	if (drbd_bm_resize(device, sectors, false))
		return ERR_NOMEM_BITMAP;
	if (drbd_bm_read(device)) {
		drbd_reply_text(reply, "Error while reading the bitmap.");
		return ERR_IO_MD_DISK;
	}
	return NO_ERROR;
}

/* metadata.md 4.2: what the flags left behind mean now. */
static int apply_flags(struct drbd_device *device)
{
	struct drbd_backing_dev *ldev = device->ldev;
	struct drbd_resource *resource = device->resource;
	u32 flags = ldev->md.flags;
	bool crashed, primary;
	struct drbd_peer_device *pd;
	u32 full_sync = 0;
	u64 full_sync_nodes = 0;

	spin_lock_irq(&resource->req_lock);
	primary = resource->role == R_PRIMARY;
	crashed = (flags & DRBD_MDF_CRASHED_PRIMARY) && !(primary && resource->susp_nod) &&
		  !device->exposed_data_uuid && !test_bit(DEV_NEW_CUR_UUID, &device->flags);
	assign_bit(DEV_CRASHED_PRIMARY, &device->flags, crashed);
	assign_bit(DEV_PRIMARY_LOST_QUORUM, &device->flags,
		   (flags & DRBD_MDF_PRIMARY_LOST_QUORUM) && !device->have_quorum);
	assign_bit(DEV_RESTORE_QUORUM, &device->flags,
		   (flags & DRBD_MDF_HAVE_QUORUM) && (flags & DRBD_MDF_WAS_UP_TO_DATE) &&
		   ldev->md.members == NODE_MASK(drbd_node_id(resource)));
	for_each_peer_device(pd, device) {
		int id = pd->connection->peer_node_id;
		u32 peer_flags = ldev->md.peers[id].flags;

		assign_bit(PD_USE_DEGR_WFC_T, &pd->flags,
			   !primary && (flags & DRBD_MDF_PRIMARY_IND) &&
			   !(peer_flags & DRBD_MDF_PEER_CONNECTED));
		if ((peer_flags & DRBD_MDF_PEER_FULL_SYNC) && pd->bitmap_index >= 0) {
			full_sync |= 1u << pd->bitmap_index;
			full_sync_nodes |= NODE_MASK(id);
		}
	}
	spin_unlock_irq(&resource->req_lock);

	/* Nothing at all was logged: any block may differ from anybody's. */
	if (crashed && (flags & DRBD_MDF_PRIMARY_IND) && (flags & DRBD_MDF_AL_DISABLED)) {
		pr_info("drbd %s/%d drbd%u: crashed without activity log, all blocks are out of sync\n",
			resource->name, device->vnr, device->minor);
		full_sync = BM_ALL_SLOTS;
	}
	if (full_sync && device->bitmap) {
		int id;

		drbd_bm_set_slots(device, full_sync);
		if (drbd_bm_write(device))
			return ERR_IO_MD_DISK;
		for (id = 0; id < DRBD_MD_NODES; id++)
			if (full_sync_nodes & NODE_MASK(id))
				drbd_md_clear_peer_flag(device, id, DRBD_MDF_PEER_FULL_SYNC);
	}

	spin_lock_irq(&ldev->md_lock);
	if (ldev->md.current_uuid != DRBD_UUID_JUST_CREATED) {
		if (primary)
			ldev->md.current_uuid |= DRBD_UUID_PRIMARY;
		else
			ldev->md.current_uuid &= ~DRBD_UUID_PRIMARY;
	}
	/* Writes may start any time now, and only apply-al makes it clean again. */
	ldev->md.flags &= ~DRBD_MDF_AL_CLEAN;
	spin_unlock_irq(&ldev->md_lock);
	drbd_md_mark_dirty(device);
	return NO_ERROR;
}

static bool new_space_is_clean(struct drbd_device *device, const struct disk_conf *conf)
{
	struct drbd_backing_dev *ldev = device->ldev;
	const struct drbd_md *md = &ldev->md;
	u64 any = 0;
	int i;

	for (i = 0; i < DRBD_MD_NODES; i++)
		any |= md->peers[i].bitmap_uuid;
	for (i = 0; i < DRBD_MD_HISTORY; i++)
		any |= md->history_uuids[i];
	return drbd_size_new_space_is_clean(conf->discard_zeroes_if_aligned &&
					    bdev_max_discard_sectors(ldev->backing_bdev),
					    md->current_uuid, md->flags & DRBD_MDF_WAS_UP_TO_DATE,
					    conf->rs_discard_granularity, !any);
}

/* State is Attaching, we hold a reference. */
static int attach_inner(struct drbd_device *device, const struct disk_conf *conf,
			struct drbd_reply *reply)
{
	struct drbd_backing_dev *ldev = device->ldev;
	struct drbd_resource *resource = device->resource;
	struct drbd_size_view view;
	bool clean;
	u64 size;
	int rv;

	if (ldev->md.node_id == -1) {
		ldev->md.node_id = drbd_node_id(resource);
		drbd_md_mark_dirty(device);
	}
	mutex_lock(&resource->conf_mutex);
	rv = drbd_bitmap_slots_assign(device, reply);
	mutex_unlock(&resource->conf_mutex);
	if (rv)
		return ERR_INVALID_REQUEST;

	if (resource->role == R_PRIMARY && device->exposed_data_uuid &&
	    (device->exposed_data_uuid & ~DRBD_UUID_PRIMARY) !=
	    (ldev->md.current_uuid & ~DRBD_UUID_PRIMARY) && !up_to_date_peer(device)) {
		drbd_reply_text(reply, "Can only attach to data with current UUID=%016llX",
				(unsigned long long)device->exposed_data_uuid);
		return ERR_DATA_NOT_CURRENT;
	}

	rv = check_resync_after(device, conf->resync_after);
	if (rv != NO_ERROR)
		return rv;

	drbd_size_view_fill(device, &view);
	switch (drbd_size_check_attach(&view, ldev->md.flags & DRBD_MDF_CONSISTENT, &size)) {
	case DRBD_SIZE_ATTACH_OK:
		break;
	case DRBD_SIZE_ATTACH_TOO_SMALL:
		return ERR_DISK_TOO_SMALL;
	case DRBD_SIZE_ATTACH_SHRINK:
		drbd_reply_text(reply, "the disk would shrink from %llu to less sectors",
				(unsigned long long)ldev->md.effective_size);
		return ERR_IMPLICIT_SHRINK;
	}

	rv = load_bitmap(device, reply);
	if (rv != NO_ERROR)
		return rv;
	drbd_block_update_limits(device);
	clean = new_space_is_clean(device, conf);
	switch (drbd_determine_size(device, conf->disk_size, clean ? DRBD_DDS_NO_RESYNC : 0,
				    reply)) {
	case DRBD_SIZE_ERROR:
		return ERR_NOMEM_BITMAP;
	case DRBD_SIZE_GREW:
		if (!clean)
			drbd_device_grew(device, view.capacity);
		break;
	default:
		break;
	}
	rv = apply_flags(device);
	if (rv != NO_ERROR)
		return rv;
	drbd_al_update_mode(device);
	mutex_lock(&resource->conf_mutex);
	drbd_bump_write_ordering(resource, WO_BIO_BARRIER);
	mutex_unlock(&resource->conf_mutex);
	if (drbd_md_sync(device)) {
		drbd_reply_text(reply, "Error while writing metadata.");
		return ERR_IO_MD_DISK;
	}
	return drbd_attach_negotiate(device, reply);
}

static bool attach_settled(struct drbd_device *device)
{
	enum drbd_disk_state state = READ_ONCE(device->disk_state);

	return state != D_ATTACHING && state != D_NEGOTIATING && state != D_DETACHING;
}

/* 9.3: the answer is given when it is known what has become of the disk. */
static int wait_negotiated(struct drbd_device *device, struct drbd_reply *reply)
{
	enum drbd_disk_state state;

	/* An interrupted wait does not undo the attach. */
	if (wait_event_interruptible(device->attach_wait, attach_settled(device)))
		return NO_ERROR;
	state = READ_ONCE(device->disk_state);
	if (state > D_FAILED)
		return NO_ERROR;
	drbd_reply_text(reply, "attach negotiation ended in unexpected state %s",
			state == D_FAILED ? "Failed" : "Diskless");
	return state == D_FAILED ? ERR_IO_MD_DISK : ERR_DATA_NOT_CURRENT;
}

int drbd_do_attach(struct drbd_device *device, const struct disk_conf *new_conf,
		   struct drbd_reply *reply)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_backing_dev *ldev = NULL;
	struct drbd_bitmap *bitmap = NULL;
	struct disk_conf *conf = NULL;
	bool diskless_before;
	int rv;

	if (new_conf->meta_dev_idx < DRBD_MD_INDEX_FLEX_INT)
		return ERR_MD_IDX_INVALID;
	rv = check_resync_after(device, new_conf->resync_after);
	if (rv != NO_ERROR)
		return rv;
	/* A detach that is not over yet: its disk may still be in use. */
	if (READ_ONCE(device->disk_state) == D_DISKLESS && drbd_ldev_wait_gone(device))
		return ERR_INTR;

	ldev = kzalloc(sizeof(*ldev), GFP_KERNEL);
	conf = kmemdup(new_conf, sizeof(*new_conf), GFP_KERNEL);
	if (!ldev || !conf) {
		kfree(conf);
		kfree(ldev);
		return ERR_NOMEM;
	}
	spin_lock_init(&ldev->md_lock);
	mutex_init(&ldev->md_io_mutex);
	RCU_INIT_POINTER(ldev->disk_conf, conf);

	rv = open_devices(device, ldev, conf, reply);
	if (rv != NO_ERROR)
		goto fail;
	if (READ_ONCE(device->disk_state) > D_DISKLESS || device->ldev) {
		rv = ERR_DISK_CONFIGURED;
		goto fail;
	}
	rv = read_superblock(device, ldev, reply);
	if (rv != NO_ERROR)
		goto fail;
	sanitize_disk_conf(ldev, conf);
	if (!conf->d_bitmap && !list_empty(&device->peer_devices)) {
		drbd_reply_text(reply, "a disk without bitmap needs a resource without peers");
		rv = ERR_INVALID_REQUEST;
		goto fail;
	}
	rv = check_capacity(device, ldev, conf, reply);
	if (rv != NO_ERROR)
		goto fail;
	if (conf->d_bitmap) {
		bitmap = drbd_bitmap_alloc(ldev->md.max_peers, ldev->md.bytes_per_bit);
		if (!bitmap) {
			rv = ERR_NOMEM_BITMAP;
			goto fail;
		}
	}
	ldev->known_size = bdev_nr_sectors(ldev->backing_bdev);
	if (drbd_al_create(device, conf->al_extents)) {
		rv = ERR_NOMEM;
		goto fail;
	}

	/* Requests of the diskless device must be through before they see a disk. */
	if (drbd_freeze_io(device, true, true)) {
		rv = ERR_INTR;
		goto fail_al;
	}
	link_holders(device, ldev);
	diskless_before = device->intentional_diskless;
	clear_bit(DEV_FORCE_DETACH, &device->flags);
	clear_bit(DEV_GRACEFUL_DETACH, &device->flags);
	clear_bit(DEV_WAS_IO_ERROR, &device->flags);
	/*
	 * Stands for the attach itself; must exist before the disk can be seen, by
	 * the end of an earlier one for example, and before the state can be left again.
	 */
	atomic_inc(&device->ldev_refs);
	spin_lock_irq(&resource->req_lock);
	device->ldev = ldev;
	device->bitmap = bitmap;
	device->intentional_diskless = false;
	spin_unlock_irq(&resource->req_lock);

	rv = drbd_change_disk_state(device, D_ATTACHING, CHG_VERBOSE | CHG_WAIT | CHG_SERIALIZE,
				    "attach", reply);
	drbd_thaw_io(device);
	if (rv < SS_SUCCESS)
		goto fail_attached;
	rv = attach_inner(device, conf, reply);
	if (rv < SS_SUCCESS || (rv > NO_ERROR && rv < AFTER_LAST_ERR_CODE))
		goto fail_attached;
	rv = wait_negotiated(device, reply);
	drbd_ldev_put(device);
	return rv;

fail_attached:
	device->intentional_diskless = diskless_before;
	if (READ_ONCE(device->disk_state) != D_DISKLESS)
		drbd_change_disk_state(device, D_DISKLESS, CHG_HARD, "attach-failed", NULL);
	drbd_ldev_put(device);
	drbd_ldev_destroy(device);
	drbd_ldev_wait_gone(device);
	return rv;

fail_al:
	drbd_al_free(device);
fail:
	drbd_bitmap_free(bitmap);
	free_ldev(device, ldev);
	return rv;
}

/* ---------------------------------------------------------------- detach */

static int force_detach(struct drbd_device *device)
{
	if (!drbd_ldev_get(device, D_ATTACHING))
		return SS_NOTHING_TO_DO;
	no_more_waiting(device);
	drbd_change_disk_state(device, D_DETACHING, CHG_HARD, "detach-force", NULL);
	/* If it was on its way already, the change did not do it. */
	abort_local(device);
	drbd_ldev_put(device);
	return SS_SUCCESS;
}

int drbd_do_detach(struct drbd_device *device, bool force, bool intentional_diskless,
		   struct drbd_reply *reply)
{
	bool diskless_before = device->intentional_diskless;
	int rv;

	if (force) {
		if (intentional_diskless)
			device->intentional_diskless = true;
		return force_detach(device);
	}
	if (READ_ONCE(device->disk_state) == D_DISKLESS) {
		if (intentional_diskless)
			device->intentional_diskless = true;
		return SS_NOTHING_TO_DO;
	}
	if (drbd_freeze_io(device, true, true))
		return ERR_INTR;
	if (intentional_diskless)
		device->intentional_diskless = true;
	/* While suspended nobody waits for them: then it is like a crash. */
	if (drbd_writes_settled(device))
		set_bit(DEV_GRACEFUL_DETACH, &device->flags);
	rv = drbd_change_disk_state(device, D_DETACHING, CHG_VERBOSE | CHG_WAIT | CHG_SERIALIZE,
				    "detach", reply);
	drbd_thaw_io(device);
	if (rv == SS_IS_DISKLESS)
		rv = SS_NOTHING_TO_DO;
	if (rv < SS_SUCCESS) {
		clear_bit(DEV_GRACEFUL_DETACH, &device->flags);
		device->intentional_diskless = diskless_before;
		return rv;
	}
	if (rv == SS_NOTHING_TO_DO)
		return rv;
	/* From here it happens anyhow; a signal only ends the waiting. */
	if (drbd_ldev_wait_gone(device))
		return ERR_INTR;
	return SS_SUCCESS;
}

/* --------------------------------------------------------------- options */

static int resize_al(struct drbd_device *device, unsigned int al_extents, struct drbd_reply *reply)
{
	int err;

	if (al_extents == drbd_al_slots(device))
		return NO_ERROR;
	err = drbd_freeze_io(device, false, true);
	if (err)
		return ERR_INTR;
	err = drbd_al_resize(device, al_extents);
	drbd_thaw_io(device);
	if (!err)
		return NO_ERROR;
	drbd_reply_text(reply, "Try again without changing current al-extents setting");
	return ERR_NOMEM;
}

int drbd_do_disk_options(struct drbd_device *device, const struct disk_conf *new_conf,
			 struct drbd_reply *reply)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_backing_dev *ldev;
	struct disk_conf *conf, *old;
	int rv;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return ERR_NO_DISK;
	ldev = device->ldev;
	conf = kmemdup(new_conf, sizeof(*new_conf), GFP_KERNEL);
	if (!conf) {
		rv = ERR_NOMEM;
		goto out;
	}
	sanitize_disk_conf(ldev, conf);
	rv = ERR_INVALID_REQUEST;
	if (!conf->d_bitmap && device->bitmap) {
		drbd_reply_text(reply, "Online freeing of the bitmap not supported");
		goto out_free;
	}
	if (conf->d_bitmap && !device->bitmap) {
		drbd_reply_text(reply, "Adding a bitmap online is not supported: detach first");
		goto out_free;
	}
	rv = check_resync_after(device, conf->resync_after);
	if (rv != NO_ERROR)
		goto out_free;
	rv = resize_al(device, conf->al_extents, reply);
	if (rv != NO_ERROR)
		goto out_free;

	mutex_lock(&resource->conf_mutex);
	old = rcu_dereference_protected(ldev->disk_conf, lockdep_is_held(&resource->conf_mutex));
	rcu_assign_pointer(ldev->disk_conf, conf);
	drbd_bump_write_ordering(resource, WO_BIO_BARRIER);
	mutex_unlock(&resource->conf_mutex);
	synchronize_rcu();
	kfree(old);

	drbd_al_update_mode(device);
	drbd_block_update_limits(device);
	drbd_resync_after_changed();
	drbd_state_recalculate(resource, "disk-options");
	/* al-extents is in the superblock, too; an error is the disk's, not the command's. */
	drbd_md_sync(device);
	drbd_ldev_put(device);
	return NO_ERROR;

out_free:
	kfree(conf);
out:
	drbd_ldev_put(device);
	return rv;
}
