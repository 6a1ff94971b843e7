// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include <linux/blkdev.h>
#include <linux/slab.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include "block.h"
#include "backing.h"
#include "connection.h"
#include "netlink.h"
#include "request.h"
#include "state_change.h"
#include "txn.h"
#include "compat/compat.h"

#define MAX_IO_BYTES (1U << 20)
#define MAX_DISCARD_BYTES (1U << 27)		/* 32 activity-log extents */
#define MAX_DISCARD_BYTES_OLD (1U << 22)	/* towards peers without WSAME */
#define DISCARD_GRANULARITY_UNSET 0xffffffffU
#define MAX_OPENERS_LISTED 100
#define MAX_OPENERS_REPORTED 10

/* ------------------------------------------------------------------ openers */

static void add_opener(struct drbd_device *device)
{
	struct drbd_opener *opener, *old;
	unsigned int n = 0;

	/* Only for messages: without memory there is one name less. */
	opener = kmalloc(sizeof(*opener), GFP_NOIO | __GFP_NOWARN);
	if (!opener)
		return;
	get_task_comm(opener->comm, current);
	opener->pid = task_tgid_nr(current);
	opener->opened = ktime_get_real();
	spin_lock(&device->openers_lock);
	list_for_each_entry(old, &device->openers, list)
		n++;
	if (n < MAX_OPENERS_LISTED) {
		list_add_tail(&opener->list, &device->openers);
		opener = NULL;
	}
	spin_unlock(&device->openers_lock);
	kfree(opener);
}

/* The one who closes need not be the one who opened; then any entry must do. */
static void remove_opener(struct drbd_device *device, bool last)
{
	struct drbd_opener *opener, *next, *found = NULL;
	pid_t pid = task_tgid_nr(current);
	LIST_HEAD(gone);

	spin_lock(&device->openers_lock);
	list_for_each_entry_safe(opener, next, &device->openers, list) {
		if (last)
			list_move(&opener->list, &gone);
		else if (opener->pid == pid)
			found = opener;
	}
	if (found)
		list_move(&found->list, &gone);
	spin_unlock(&device->openers_lock);
	list_for_each_entry_safe(opener, next, &gone, list)
		kfree(opener);
}

void drbd_block_report_openers(struct drbd_device *device, struct drbd_reply *reply)
{
	struct drbd_opener shown[MAX_OPENERS_REPORTED];
	struct drbd_opener *opener;
	unsigned int i, n = 0;

	drbd_reply_text(reply, "/dev/drbd%u open_cnt:%d, writable:%d; list of openers follows",
			device->minor, READ_ONCE(device->open_cnt), READ_ONCE(device->writable));
	spin_lock(&device->openers_lock);
	list_for_each_entry(opener, &device->openers, list) {
		if (n == MAX_OPENERS_REPORTED)
			break;
		shown[n++] = *opener;
	}
	spin_unlock(&device->openers_lock);
	for (i = 0; i < n; i++) {
		struct timespec64 ts = ktime_to_timespec64(shown[i].opened);
		struct tm tm;

		time64_to_tm(ts.tv_sec, -sys_tz.tz_minuteswest * 60, &tm);
		drbd_reply_text(reply, "drbd%u opened by %s (pid %d) at %04ld-%02d-%02d %02d:%02d:%02d.%03ld",
				device->minor, shown[i].comm, shown[i].pid, tm.tm_year + 1900,
				tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
				ts.tv_nsec / NSEC_PER_MSEC);
	}
}

/* --------------------------------------------------------------------- open */

/* One question to core; the snapshot lives no longer than that. */
static enum drbd_open_action decide(struct drbd_device *device, const struct drbd_open_request *q,
				    bool pinged, int *err)
{
	struct drbd_txn *t = drbd_txn_begin(device->resource, "open");
	enum drbd_open_action action = OPEN_FAIL;
	int d = drbd_txn_dev(t, device);

	*err = EAGAIN;
	if (d >= 0)
		action = drbd_open_decide(&t->core, &t->core.dev[d], q, pinged, err);
	drbd_txn_abort(t);
	return action;
}

static long time_left(unsigned long deadline)
{
	long left = deadline - jiffies;

	return max(left, 0L);
}

/* open_mutex held; let go of while waiting, so that others can close.  0 or -errno. */
static int may_open(struct drbd_device *device, bool write, bool nonblock)
{
	struct drbd_resource *resource = device->resource;
	unsigned long deadline = jiffies + resource->res_opts.auto_promote_timeout * HZ / 10;
	struct drbd_open_request q = {
		.write = write,
		.nonblock = nonblock,
		.udevd = !strcmp(current->comm, "systemd-udevd"),
		.allow_oos = drbd_allow_oos,
		.auto_promote = resource->res_opts.auto_promote,
		.device_read_only = get_disk_ro(device->vdisk),
	};
	bool pinged = false, tried = false;
	int err, interrupted;

	for (;;) {
		q.first = !device->open_cnt;
		switch (decide(device, &q, pinged, &err)) {
		case OPEN_OK:
			return 0;
		case OPEN_FAIL:
			return -err;
		case OPEN_PROMOTE:
			if (tried)
				return -EROFS;
			tried = true;
			drbd_auto_promote(device, nonblock ? 0 : time_left(deadline));
			if (READ_ONCE(resource->role) != R_PRIMARY)
				return signal_pending(current) ? -ERESTARTSYS : -EROFS;
			break;
		case OPEN_PING_PEERS:
			mutex_unlock(&resource->open_mutex);
			drbd_ping_peers(resource);
			mutex_lock(&resource->open_mutex);
			pinged = true;
			break;
		case OPEN_WAIT:
		case OPEN_WAIT_TWOPC:
			if (!time_left(deadline))
				return -err;
			mutex_unlock(&resource->open_mutex);
			interrupted = drbd_wait_state_event(resource);
			mutex_lock(&resource->open_mutex);
			if (interrupted)
				return -ERESTARTSYS;
			break;
		}
	}
}

static DRBD_COMPAT_OPEN(drbd_open, where, mode)
{
	struct drbd_device *device = DRBD_COMPAT_OPEN_DISK(where)->private_data;
	struct drbd_resource *resource = device->resource;
	bool write = drbd_compat_open_write(mode);
	bool first = false;
	int err;

	if (mutex_lock_interruptible(&resource->open_mutex))
		return -ERESTARTSYS;
	err = may_open(device, write, drbd_compat_open_nonblock(mode));
	if (!err) {
		/* As long as it is open the device exists, even without its minor. */
		drbd_device_get(device);
		first = !device->open_cnt++;
		if (write)
			WRITE_ONCE(device->writable, true);
		add_opener(device);
	}
	mutex_unlock(&resource->open_mutex);
	if (first)
		drbd_notify_device(device);
	return err;
}

static bool any_opener(struct drbd_resource *resource)
{
	struct drbd_device *device;
	bool any = false;
	int vnr;

	rcu_read_lock();
	idr_for_each_entry(&resource->devices, device, vnr)
		any |= READ_ONCE(device->open_cnt) != 0;
	rcu_read_unlock();
	return any;
}

static DRBD_COMPAT_RELEASE(drbd_release, disk)
{
	struct drbd_device *device = disk->private_data;
	struct drbd_resource *resource = device->resource;
	bool last, writer;

	mutex_lock(&resource->open_mutex);
	last = device->open_cnt == 1;
	writer = device->writable;
	/* What was written is on all peers before the device counts as closed. */
	if (last && writer)
		drbd_wait_writes_stable(device);
	device->open_cnt--;
	remove_opener(device, last);
	if (last) {
		WRITE_ONCE(device->writable, false);
		if (writer)
			drbd_try_auto_demote(resource);
		if (READ_ONCE(resource->fail_io) && !any_opener(resource))
			drbd_state_recalculate(resource, "last-close");
	}
	mutex_unlock(&resource->open_mutex);
	if (last)
		drbd_notify_device(device);
	drbd_device_put(device);
}

/* ------------------------------------------------------------------- submit */

static bool may_write(struct drbd_device *device, struct bio *bio)
{
	if (likely(READ_ONCE(device->resource->role) == R_PRIMARY)) {
		/* mount -o ro, then remount,rw: a reader has become a writer. */
		if (unlikely(!READ_ONCE(device->writable)) && bio_sectors(bio))
			WRITE_ONCE(device->writable, true);
		return true;
	}
	/* fsync on a read-only descriptor is no mistake worth a message. */
	if (bio_sectors(bio))
		pr_err_ratelimited("drbd %s/%d drbd%u: write from %s refused: role is Secondary\n",
				   device->resource->name, device->vnr, device->minor,
				   current->comm);
	return false;
}

static void drbd_submit_bio(struct bio *bio)
{
	struct drbd_device *device = bio->bi_bdev->bd_disk->private_data;
	unsigned int block;

	if (op_is_write(bio_op(bio)) && !may_write(device, bio)) {
		bio_io_error(bio);
		return;
	}
	switch (bio_op(bio)) {
	case REQ_OP_READ:
	case REQ_OP_WRITE:
	case REQ_OP_DISCARD:
	case REQ_OP_WRITE_ZEROES:
		break;
	default:
		bio->bi_status = BLK_STS_NOTSUPP;
		bio_endio(bio);
		return;
	}
	bio = bio_split_to_limits(bio);
	if (!bio)
		return;
	block = bdev_logical_block_size(bio->bi_bdev);
	if (READ_ONCE(device->fail_io_cached) || bio->bi_iter.bi_size > MAX_DISCARD_BYTES ||
	    bio->bi_iter.bi_size & (block - 1) ||
	    bio->bi_iter.bi_sector & ((block >> SECTOR_SHIFT) - 1)) {
		bio_io_error(bio);
		return;
	}
	if (!bio->bi_iter.bi_size && !op_is_write(bio_op(bio))) {
		bio_endio(bio);
		return;
	}
	drbd_request_submit(device, bio);
}

static const struct block_device_operations drbd_ops = {
	.owner = THIS_MODULE,
	.submit_bio = drbd_submit_bio,
	.open = drbd_open,
	.release = drbd_release,
};

/* ------------------------------------------------------------------- limits */

/* A bigger bio would be split by the peer's protocol; 0 stands for "not agreed yet". */
static unsigned int max_bio_of_protocol(unsigned int version)
{
	if (version && version < 95)
		return 1U << 15;
	if (version && version < 100)
		return 1U << 17;
	return MAX_IO_BYTES;
}

static unsigned int io_sectors(unsigned int bytes)
{
	/* Less than a page is nothing the block layer can work with. */
	return max_t(unsigned int, bytes, PAGE_SIZE) >> SECTOR_SHIFT;
}

struct peers_limits {
	bool trim, wsame, wzeroes;	/* all connected peers have it */
};

static void stack_peer(struct queue_limits *lim, struct drbd_peer_device *pd,
		       struct peers_limits *all)
{
	struct drbd_connection *connection = pd->connection;
	u32 features = connection->agreed_features;
	unsigned int max_bio = max_bio_of_protocol(connection->agreed_pro_version);
	struct queue_limits peer;

	blk_set_stacking_limits(&peer);
	if (pd->q_limits.max_bio_size)
		max_bio = min(max_bio, pd->q_limits.max_bio_size);
	peer.max_hw_sectors = io_sectors(max_bio);
	peer.max_sectors = peer.max_hw_sectors;
	peer.logical_block_size = SECTOR_SIZE;
	peer.physical_block_size = SECTOR_SIZE;
	peer.io_min = SECTOR_SIZE;
	peer.io_opt = PAGE_SIZE;
	if ((features & DRBD_FF_WSAME) && pd->q_limits.logical_block_size) {
		peer.logical_block_size = pd->q_limits.logical_block_size;
		peer.physical_block_size = max(pd->q_limits.physical_block_size,
					       peer.logical_block_size);
		peer.alignment_offset = pd->q_limits.alignment_offset;
		peer.io_min = max(pd->q_limits.io_min, peer.logical_block_size);
		peer.io_opt = pd->q_limits.io_opt;
	}
	blk_stack_limits(lim, &peer, 0);
	all->trim &= !!(features & DRBD_FF_TRIM);
	all->wsame &= !!(features & DRBD_FF_WSAME);
	all->wzeroes &= !!(features & DRBD_FF_WZEROES);
}

static void stack_backing(struct queue_limits *lim, struct block_device *bdev)
{
	const struct queue_limits *lower = drbd_compat_bdev_limits(bdev);
	struct queue_limits b;

	/*
	 * Segments are no concern of ours: what we submit to the lower device is
	 * split there.  Taking its limits over would only split what goes to peers.
	 */
	blk_set_stacking_limits(&b);
	b.logical_block_size = lower->logical_block_size;
	b.physical_block_size = lower->physical_block_size;
	b.alignment_offset = lower->alignment_offset;
	b.io_min = lower->io_min;
	b.io_opt = lower->io_opt;
	b.max_hw_sectors = max_t(unsigned int, lower->max_hw_sectors, PAGE_SIZE >> SECTOR_SHIFT);
	b.max_sectors = b.max_hw_sectors;
	blk_stack_limits(lim, &b, 0);
}

static void set_discard_limits(struct queue_limits *lim, const struct device_conf *conf,
			       const struct peers_limits *all, struct block_device *bdev)
{
	unsigned int max = all->wsame ? MAX_DISCARD_BYTES : MAX_DISCARD_BYTES_OLD;
	unsigned int granularity = conf->discard_granularity;
	bool offer;

	if (granularity == DISCARD_GRANULARITY_UNSET) {
		granularity = SECTOR_SIZE;
		offer = (!bdev || bdev_max_discard_sectors(bdev)) && all->trim;
		if (bdev)
			granularity = max(granularity, bdev_discard_granularity(bdev));
	} else {
		offer = granularity != 0;
	}
	granularity = max(granularity, lim->logical_block_size);
	if (!offer || granularity > max) {
		max = 0;
		granularity = 0;
	}
	lim->max_discard_sectors = max >> SECTOR_SHIFT;
	lim->max_hw_discard_sectors = max >> SECTOR_SHIFT;
	lim->discard_granularity = granularity;
	lim->discard_alignment = 0;
	lim->max_write_zeroes_sectors = all->wzeroes ? MAX_DISCARD_BYTES >> SECTOR_SHIFT : 0;
}

void drbd_block_update_limits(struct drbd_device *device)
{
	static DEFINE_MUTEX(limits_mutex);
	const struct device_conf *conf = &device->device_conf;
	struct drbd_compat_features features = {
		.write_cache = true, .fua = true, .rotational = true,
	};
	struct peers_limits all = { .trim = true, .wsame = true, .wzeroes = true };
	struct block_device *bdev = NULL;
	struct drbd_peer_device *pd;
	struct queue_limits lim;
	int err;

	mutex_lock(&limits_mutex);
	blk_set_stacking_limits(&lim);
	lim.max_hw_sectors = io_sectors(min(conf->max_bio_size, MAX_IO_BYTES));
	lim.max_sectors = lim.max_hw_sectors;
	/* A write's table of pages is copied. */
	lim.max_segments = BIO_MAX_VECS;
	lim.logical_block_size = conf->block_size;
	lim.physical_block_size = conf->block_size;
	lim.io_min = conf->block_size;

	rcu_read_lock();
	list_for_each_entry_rcu(pd, &device->peer_devices, device_list)
		if (test_bit(PD_HAVE_SIZES, &pd->flags) ||
		    READ_ONCE(pd->repl_state) >= L_ESTABLISHED)
			stack_peer(&lim, pd, &all);
	rcu_read_unlock();

	if (drbd_ldev_get(device, D_ATTACHING)) {
		bdev = device->ldev->backing_bdev;
		stack_backing(&lim, bdev);
		drbd_compat_bdev_features(bdev, &features);
	}
	set_discard_limits(&lim, conf, &all, bdev);
	err = drbd_compat_set_limits(device->vdisk, &lim, &features);
	if (bdev)
		drbd_ldev_put(device);
	mutex_unlock(&limits_mutex);
	if (err)
		pr_err("drbd %s/%d drbd%u: the block layer refused the queue limits: %d\n",
		       device->resource->name, device->vnr, device->minor, err);
}

/* ----------------------------------------------------------------- capacity */

void drbd_block_set_capacity(struct drbd_device *device, sector_t capacity)
{
	/* Called with I/O of this device frozen: memory must not be won by writing to it. */
	unsigned int noio = memalloc_noio_save();

	set_capacity_and_notify(device->vdisk, capacity);
	memalloc_noio_restore(noio);
}

sector_t drbd_block_capacity(struct drbd_device *device)
{
	return get_capacity(device->vdisk);
}

void drbd_block_uevent_change(struct drbd_device *device)
{
	kobject_uevent(&disk_to_dev(device->vdisk)->kobj, KOBJ_CHANGE);
}

/* --------------------------------------------------------------------- disk */

int drbd_block_create(struct drbd_device *device)
{
	struct gendisk *disk = drbd_compat_alloc_disk();

	if (IS_ERR(disk))
		return PTR_ERR(disk);
	disk->major = DRBD_MAJOR;
	disk->first_minor = device->minor;
	disk->minors = 1;
	disk->flags |= GENHD_FL_NO_PART;
	disk->fops = &drbd_ops;
	disk->private_data = device;
	snprintf(disk->disk_name, sizeof(disk->disk_name), "drbd%u", device->minor);
	device->vdisk = disk;
	drbd_block_update_limits(device);
	return 0;
}

int drbd_block_add(struct drbd_device *device)
{
	return add_disk(device->vdisk);
}

void drbd_block_remove(struct drbd_device *device)
{
	del_gendisk(device->vdisk);
}

void drbd_block_free(struct drbd_device *device)
{
	remove_opener(device, true);
	put_disk(device->vdisk);
}

int drbd_block_init(void)
{
	return register_blkdev(DRBD_MAJOR, "drbd");
}

void drbd_block_exit(void)
{
	unregister_blkdev(DRBD_MAJOR, "drbd");
}
