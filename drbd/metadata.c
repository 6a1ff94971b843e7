// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mempool.h>
#include "metadata.h"
#include "activity_log.h"
#include "backing.h"
#include "netlink.h"
#include "compat/compat.h"

#define MD_WRITE_DELAY (5 * HZ)
#define MD_RESERVE 32

/*
 * Two parties hold a request: whoever submitted it and the I/O itself.  The bio
 * is the last member and comes from the bio set, which allocates all of it.
 */
struct drbd_md_io {
	atomic_t refs;
	struct drbd_device *device;
	unsigned int n_pages;
	bool submitted;
	bool done;
	int error;
	struct page *pages[DRBD_MD_IO_PAGES];
	struct bio bio;
};

static struct bio_set md_bio_set;
static mempool_t md_page_pool;

int drbd_md_init_module(void)
{
	int err;

	err = bioset_init(&md_bio_set, MD_RESERVE, offsetof(struct drbd_md_io, bio),
			  BIOSET_NEED_BVECS);
	if (err)
		return err;
	err = mempool_init_page_pool(&md_page_pool, MD_RESERVE, 0);
	if (err)
		bioset_exit(&md_bio_set);
	return err;
}

void drbd_md_exit_module(void)
{
	mempool_exit(&md_page_pool);
	bioset_exit(&md_bio_set);
}

/* ------------------------------------------------------------------- I/O */

void drbd_md_io_put(struct drbd_md_io *io)
{
	unsigned int i;

	if (!atomic_dec_and_test(&io->refs))
		return;
	for (i = 0; i < io->n_pages; i++)
		mempool_free(io->pages[i], &md_page_pool);
	bio_put(&io->bio);
}

static void md_io_add(struct drbd_md_io *io, struct page *page)
{
	io->pages[io->n_pages++] = page;
	__bio_add_page(&io->bio, page, DRBD_MD_IO_BYTES, 0);
}

static struct drbd_md_io *md_io_alloc_empty(struct drbd_device *device,
					    struct drbd_backing_dev *ldev, sector_t sector,
					    blk_opf_t opf, gfp_t gfp)
{
	struct bio *bio = bio_alloc_bioset(ldev->md_bdev, DRBD_MD_IO_PAGES,
					   opf | REQ_META | REQ_SYNC, gfp, &md_bio_set);
	struct drbd_md_io *io;

	if (!bio)
		return NULL;
	io = container_of(bio, struct drbd_md_io, bio);
	bio->bi_iter.bi_sector = sector;
	io->device = device;
	io->n_pages = 0;
	io->submitted = false;
	io->done = false;
	io->error = 0;
	atomic_set(&io->refs, 1);
	return io;
}

struct drbd_md_io *drbd_md_io_alloc(struct drbd_device *device, struct drbd_backing_dev *ldev,
				    sector_t sector, blk_opf_t opf)
{
	/* Sleeps rather than fail: GFP_NOIO with a reserve. */
	struct drbd_md_io *io = md_io_alloc_empty(device, ldev, sector, opf, GFP_NOIO);

	md_io_add(io, mempool_alloc(&md_page_pool, GFP_NOIO));
	return io;
}

struct drbd_md_io *drbd_md_io_try_alloc(struct drbd_device *device,
					struct drbd_backing_dev *ldev, sector_t sector,
					blk_opf_t opf)
{
	struct drbd_md_io *io;
	struct page *page;

	/* Not from the reserve, as in drbd_md_io_add_page(). */
	page = alloc_page(GFP_NOWAIT | __GFP_NOWARN);
	if (!page)
		return NULL;
	io = md_io_alloc_empty(device, ldev, sector, opf, GFP_NOWAIT | __GFP_NOWARN);
	if (io)
		md_io_add(io, page);
	else
		__free_page(page);
	return io;
}

void *drbd_md_io_data(struct drbd_md_io *io, unsigned int page)
{
	return page_address(io->pages[page]);
}

unsigned int drbd_md_io_pages(const struct drbd_md_io *io)
{
	return io->n_pages;
}

void *drbd_md_io_add_page(struct drbd_md_io *io)
{
	struct page *page;

	if (io->n_pages == DRBD_MD_IO_PAGES)
		return NULL;
	/* Not from the reserve: everybody may hold one page of that, or all wait. */
	page = alloc_page(GFP_NOWAIT | __GFP_NOWARN);
	if (!page)
		return NULL;
	md_io_add(io, page);
	return page_address(page);
}

static void md_io_end(struct bio *bio)
{
	struct drbd_md_io *io = container_of(bio, struct drbd_md_io, bio);
	struct drbd_device *device = io->device;

	io->error = blk_status_to_errno(bio->bi_status);
	/* Pairs with the acquire in md_io_over(). */
	smp_store_release(&io->done, true);
	wake_up(&device->misc_wait);
	drbd_md_io_put(io);
	drbd_ldev_put(device);
}

void drbd_md_io_submit(struct drbd_md_io *io)
{
	/* The caller has a reference; this one is the request's own. */
	atomic_inc(&io->device->ldev_refs);
	atomic_inc(&io->refs);
	io->submitted = true;
	io->bio.bi_end_io = md_io_end;
	submit_bio(&io->bio);
}

static bool md_io_over(struct drbd_md_io *io)
{
	return smp_load_acquire(&io->done) || test_bit(DEV_FORCE_DETACH, &io->device->flags);
}

/* Jiffies; the option's 0 is "never".  A disk that is not attached yet has none. */
static long disk_timeout(struct drbd_device *device)
{
	struct drbd_backing_dev *ldev = READ_ONCE(device->ldev);
	struct disk_conf *conf;
	long timeout = 0;

	rcu_read_lock();
	conf = ldev ? rcu_dereference(ldev->disk_conf) : NULL;
	if (conf)
		timeout = (long)conf->disk_timeout * HZ / 10;
	rcu_read_unlock();
	return timeout ?: MAX_SCHEDULE_TIMEOUT;
}

int drbd_md_io_wait(struct drbd_md_io *io)
{
	struct drbd_device *device = io->device;

	/* A disk that hangs here keeps writes from coming that disk-timeout could see. */
	if (!wait_event_timeout(device->misc_wait, md_io_over(io), disk_timeout(device))) {
		drbd_io_error(device, DRBD_IO_ERR_FORCE);
		wait_event(device->misc_wait, md_io_over(io));
	}
	/* A forced detach gives the device a last second, for everything together. */
	while (!smp_load_acquire(&io->done)) {
		long left = READ_ONCE(device->force_detach_jif) - jiffies;

		if (left <= 0)
			return -EIO;
		wait_event_timeout(device->misc_wait, smp_load_acquire(&io->done), left);
	}
	return io->error ? -EIO : 0;
}

int drbd_md_io_finish(struct drbd_md_io *io)
{
	int err;

	drbd_md_io_submit(io);
	err = drbd_md_io_wait(io);
	drbd_md_io_put(io);
	return err;
}

int drbd_md_io(struct drbd_device *device, struct drbd_backing_dev *ldev, sector_t sector,
	       struct page *page, unsigned int len, blk_opf_t opf)
{
	struct drbd_md_io *io;
	int err;

	if (!len || len > DRBD_MD_IO_BYTES || len & 511)
		return -EINVAL;
	io = drbd_md_io_alloc(device, ldev, sector, opf);
	io->bio.bi_io_vec[0].bv_len = len;
	io->bio.bi_iter.bi_size = len;
	if (op_is_write(opf))
		memcpy(drbd_md_io_data(io, 0), page_address(page), len);
	drbd_md_io_submit(io);
	err = drbd_md_io_wait(io);
	if (!err && !op_is_write(opf))
		memcpy(page_address(page), drbd_md_io_data(io, 0), len);
	drbd_md_io_put(io);
	return err;
}

static bool md_flushes(struct drbd_backing_dev *ldev)
{
	struct disk_conf *conf;
	bool flushes = true;

	rcu_read_lock();
	conf = rcu_dereference(ldev->disk_conf);
	if (conf)
		flushes = conf->md_flushes;
	rcu_read_unlock();
	return flushes;
}

blk_opf_t drbd_md_durable(struct drbd_backing_dev *ldev)
{
	return md_flushes(ldev) ? REQ_PREFLUSH | REQ_FUA : 0;
}

int drbd_md_flush(struct drbd_device *device, struct drbd_backing_dev *ldev)
{
	if (!md_flushes(ldev))
		return 0;
	return drbd_md_io_finish(md_io_alloc_empty(device, ldev, 0,
						   REQ_OP_WRITE | REQ_PREFLUSH, GFP_NOIO));
}

int drbd_md_settle_data(struct drbd_device *device)
{
	struct drbd_backing_dev *ldev = device->ldev;
	struct drbd_md_io *io;
	int err;

	if (ldev->md_bdev == ldev->backing_bdev ||
	    READ_ONCE(device->resource->write_ordering) < WO_BDEV_FLUSH)
		return 0;
	io = md_io_alloc_empty(device, ldev, 0, REQ_OP_WRITE | REQ_PREFLUSH, GFP_NOIO);
	bio_set_dev(&io->bio, ldev->backing_bdev);
	err = drbd_md_io_finish(io);
	/* It is the metadata that cannot be written for it. */
	if (err)
		drbd_io_error(device, DRBD_IO_ERR_META);
	return err;
}

/* ------------------------------------------------------------ superblock */

void drbd_md_mark_dirty(struct drbd_device *device)
{
	if (!test_and_set_bit(DEV_MD_DIRTY, &device->flags))
		mod_timer(&device->md_sync_timer, jiffies + MD_WRITE_DELAY);
}

#define PRIMARY_MARKS	(DRBD_MDF_PRIMARY_IND | DRBD_MDF_CRASHED_PRIMARY)

static int md_write(struct drbd_device *device, bool only_if_dirty)
{
	struct drbd_backing_dev *ldev = device->ldev;
	struct drbd_md_io *io;
	unsigned long flags;
	u32 md_flags, unmarks;
	int err;

	mutex_lock(&ldev->md_io_mutex);
	/* Whoever dirties it after this bit is cleared causes another write. */
	if (!test_and_clear_bit(DEV_MD_DIRTY, &device->flags) && only_if_dirty) {
		mutex_unlock(&ldev->md_io_mutex);
		return 0;
	}
	del_timer(&device->md_sync_timer);

again:
	/* Without the marks of a Primary the log is not replayed: the data must be there. */
	unmarks = ldev->flags_on_disk & ~READ_ONCE(ldev->md.flags) & PRIMARY_MARKS;
	if (unmarks && drbd_md_settle_data(device)) {
		set_bit(DEV_MD_DIRTY, &device->flags);
		mutex_unlock(&ldev->md_io_mutex);
		return -EIO;
	}
	io = drbd_md_io_alloc(device, ldev, ldev->layout.sb,
			      REQ_OP_WRITE | drbd_md_durable(ldev));
	spin_lock_irqsave(&ldev->md_lock, flags);
	if (ldev->flags_on_disk & ~ldev->md.flags & ~unmarks & PRIMARY_MARKS) {
		spin_unlock_irqrestore(&ldev->md_lock, flags);
		drbd_md_io_put(io);
		goto again;
	}
	if (device->al) {
		ldev->md.al_nr_extents = drbd_al_slots(device);
		ldev->md.flags &= ~DRBD_MDF_AL_DISABLED;
		if (drbd_al_disabled(device))
			ldev->md.flags |= DRBD_MDF_AL_DISABLED;
	}
	if (device->vdisk)
		ldev->md.la_peer_max_bio_size =
			queue_max_hw_sectors(device->vdisk->queue) << SECTOR_SHIFT;
	err = drbd_md_encode(&ldev->md, drbd_md_io_data(io, 0));
	md_flags = ldev->md.flags;
	spin_unlock_irqrestore(&ldev->md_lock, flags);
	if (WARN_ON_ONCE(err)) {
		drbd_md_io_put(io);
		mutex_unlock(&ldev->md_io_mutex);
		return -EIO;
	}
	err = drbd_md_io_finish(io);
	if (err)
		set_bit(DEV_MD_DIRTY, &device->flags);
	else
		ldev->flags_on_disk = md_flags;
	mutex_unlock(&ldev->md_io_mutex);

	if (err)
		drbd_io_error(device, DRBD_IO_ERR_META);
	return err;
}

int drbd_md_sync(struct drbd_device *device)
{
	return md_write(device, false);
}

int drbd_md_sync_if_dirty(struct drbd_device *device)
{
	return md_write(device, true);
}

static void md_sync_work(struct work_struct *work)
{
	struct drbd_device *device = container_of(work, struct drbd_device, md_sync_work);

	if (!drbd_ldev_get(device, D_DETACHING))
		return;
	drbd_md_sync_if_dirty(device);
	drbd_ldev_put(device);
}

static void md_sync_timeout(struct timer_list *timer)
{
	struct drbd_device *device = container_of(timer, struct drbd_device, md_sync_timer);

	queue_work(device->resource->worker, &device->md_sync_work);
}

void drbd_md_init_device(struct drbd_device *device)
{
	timer_setup(&device->md_sync_timer, md_sync_timeout, 0);
	INIT_WORK(&device->md_sync_work, md_sync_work);
}

void drbd_md_free_device(struct drbd_device *device)
{
	del_timer_sync(&device->md_sync_timer);
	cancel_work_sync(&device->md_sync_work);
}

/* ----------------------------------------------------------------- flags */

static void md_change(struct drbd_device *device, u32 *word, u32 clear, u32 set)
{
	struct drbd_backing_dev *ldev = device->ldev;
	unsigned long flags;
	bool changed;
	u32 new;

	spin_lock_irqsave(&ldev->md_lock, flags);
	new = (*word & ~clear) | set;
	changed = new != *word;
	*word = new;
	spin_unlock_irqrestore(&ldev->md_lock, flags);
	if (changed)
		drbd_md_mark_dirty(device);
}

void drbd_md_set_flag(struct drbd_device *device, u32 flag)
{
	md_change(device, &device->ldev->md.flags, 0, flag);
}

void drbd_md_clear_flag(struct drbd_device *device, u32 flag)
{
	md_change(device, &device->ldev->md.flags, flag, 0);
}

bool drbd_md_test_flag(struct drbd_device *device, u32 flag)
{
	return READ_ONCE(device->ldev->md.flags) & flag;
}

void drbd_md_set_peer_flag(struct drbd_device *device, int node_id, u32 flag)
{
	md_change(device, &device->ldev->md.peers[node_id].flags, 0, flag);
}

void drbd_md_clear_peer_flag(struct drbd_device *device, int node_id, u32 flag)
{
	md_change(device, &device->ldev->md.peers[node_id].flags, flag, 0);
}

bool drbd_md_test_peer_flag(struct drbd_device *device, int node_id, u32 flag)
{
	return READ_ONCE(device->ldev->md.peers[node_id].flags) & flag;
}
