// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of the log are in core/activity_log.c; here are its lock, its queue
 * of waiting users, and the one worker that changes the set and writes
 * transactions.  So there is never more than one transaction in flight, and
 * whoever arrives while it is written is served by the next one.
 */
#include <linux/slab.h>
#include <linux/mm.h>
#include "activity_log.h"
#include "backing.h"
#include "bitmap.h"
#include "metadata.h"
#include "request.h"
#include "core/activity_log.h"

struct drbd_activity_log {
	struct drbd_device *device;
	spinlock_t lock;		/* set, waiting, flags below; irqs off */
	struct drbd_active_set set;
	struct drbd_aset_slot *slots;
	u32 *hash;
	struct list_head waiting;	/* drbd_al_user, in the order of arrival */
	bool starved;			/* the first of them waits for a slot */
	bool failed;			/* a transaction failed: nobody gets anything any more */
	bool marked;			/* what MDF_AL_DISABLED has to say */
	bool disabled;			/* no transactions; marked is durable */
	bool want_disabled;
	struct mutex io_mutex;		/* the ring on disk; taken before lock */
	struct drbd_al_block *scratch;	/* under io_mutex */
	struct workqueue_struct *wq;
	struct work_struct work;
};

static u32 first_extent(sector_t sector)
{
	return sector >> DRBD_AL_EXTENT_SECTOR_SHIFT;
}

static u32 nr_extents(sector_t sector, unsigned int size)
{
	sector_t last = sector + DIV_ROUND_UP(size, SECTOR_SIZE) - 1;

	return (last >> DRBD_AL_EXTENT_SECTOR_SHIFT) - first_extent(sector) + 1;
}

/* ---------------------------------------------------------------- users */

/* All extents or none; al->lock held. */
static bool get_all_hot(struct drbd_activity_log *al, struct drbd_al_user *user)
{
	u32 first = first_extent(user->sector);
	u32 n = nr_extents(user->sector, user->size);
	u32 i;

	for (i = 0; i < n; i++)
		if (!drbd_aset_get_hot(&al->set, first + i))
			break;
	if (i == n)
		return true;
	while (i--)
		drbd_aset_put(&al->set, first + i);
	return false;
}

bool drbd_al_begin(struct drbd_device *device, struct drbd_al_user *user)
{
	struct drbd_activity_log *al = device->al;
	unsigned long flags;
	bool hot;

	user->held = 0;
	user->pending = false;
	spin_lock_irqsave(&al->lock, flags);
	/* While it is being switched on nothing of it is on the disk yet. */
	hot = !al->failed && !(al->disabled && !al->want_disabled) && get_all_hot(al, user);
	if (!hot) {
		list_add_tail(&user->list, &al->waiting);
		if (!al->starved || al->failed)
			queue_work(al->wq, &al->work);
	}
	spin_unlock_irqrestore(&al->lock, flags);
	return hot;
}

bool drbd_al_end(struct drbd_device *device, sector_t sector, unsigned int size)
{
	struct drbd_activity_log *al = device->al;
	u32 first = first_extent(sector);
	u32 n = nr_extents(sector, size);
	bool woken = false;
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&al->lock, flags);
	for (i = 0; i < n; i++)
		woken |= drbd_aset_put(&al->set, first + i);
	woken = woken && al->starved;
	if (woken) {
		al->starved = false;
		queue_work(al->wq, &al->work);
	}
	spin_unlock_irqrestore(&al->lock, flags);
	return woken;
}

unsigned int drbd_al_active(struct drbd_device *device)
{
	return device->al ? READ_ONCE(device->al->set.nr_referenced) : 0;
}

unsigned int drbd_al_slots(struct drbd_device *device)
{
	return device->al ? READ_ONCE(device->al->set.nr_slots) : 0;
}

bool drbd_al_starving(struct drbd_device *device)
{
	const struct drbd_activity_log *al;
	bool starving;

	rcu_read_lock();
	al = READ_ONCE(device->al);
	starving = al && READ_ONCE(al->starved);
	rcu_read_unlock();
	return starving;
}

/* --------------------------------------------------------------- worker */

/* Takes what it can of the extents @user still lacks; al->lock held. */
static enum drbd_aset_get take(struct drbd_activity_log *al, struct drbd_al_user *user)
{
	u32 first = first_extent(user->sector);
	u32 n = nr_extents(user->sector, user->size);

	for (; user->held < n; user->held++) {
		enum drbd_aset_get got = drbd_aset_get(&al->set, first + user->held);

		if (got == DRBD_ASET_PENDING)
			user->pending = true;
		else if (got != DRBD_ASET_HOT)
			return got;
	}
	return user->pending ? DRBD_ASET_PENDING : DRBD_ASET_HOT;
}

/*
 * Serves the queue as far as one transaction goes.  Only the first user that
 * cannot be served may hold a part of its extents; those behind it get all or
 * nothing.  Otherwise two of them could wait for each other.
 */
static void collect(struct drbd_activity_log *al, struct list_head *granted,
		    struct list_head *committing)
{
	struct drbd_al_user *user, *next;
	bool blocked = false;

	spin_lock_irq(&al->lock);
	list_for_each_entry_safe(user, next, &al->waiting, list) {
		if (blocked) {
			if (get_all_hot(al, user))
				list_move_tail(&user->list, granted);
			continue;
		}
		switch (take(al, user)) {
		case DRBD_ASET_HOT:
			list_move_tail(&user->list, granted);
			break;
		case DRBD_ASET_PENDING:
			list_move_tail(&user->list, committing);
			break;
		case DRBD_ASET_STARVED:
			al->starved = true;
			blocked = true;
			break;
		case DRBD_ASET_COMMIT_FIRST:
			blocked = true;
			break;
		}
	}
	spin_unlock_irq(&al->lock);
}

static void deliver(struct list_head *users, int err)
{
	struct drbd_al_user *user, *next;

	list_for_each_entry_safe(user, next, users, list) {
		list_del_init(&user->list);
		user->granted(user, err);
	}
}

static sector_t block_sector(struct drbd_device *device, u32 number)
{
	const struct drbd_md *md = &device->ldev->md;

	return device->ldev->layout.al +
	       (sector_t)drbd_al_block_index(number, md->al_stripes, md->al_stripe_size_4k) *
	       DRBD_AL_BLOCK_SECTORS;
}

static int write_block(struct drbd_device *device, sector_t sector,
		       const struct drbd_al_block *block)
{
	struct drbd_backing_dev *ldev = device->ldev;
	struct drbd_md_io *io;
	int err;

	io = drbd_md_io_alloc(device, ldev, sector, REQ_OP_WRITE | drbd_md_durable(ldev));
	memcpy(drbd_md_io_data(io, 0), block, sizeof(*block));
	err = drbd_md_io_finish(io);
	if (err)
		drbd_io_error(device, DRBD_IO_ERR_META);
	return err;
}

/*
 * Writes the pending changes (perhaps none: then a block with labels only) and
 * makes them valid.  io_mutex held.  After an error the changes are still
 * pending: see give_up().
 */
static int commit(struct drbd_activity_log *al)
{
	struct drbd_device *device = al->device;
	u32 evicted[DRBD_AL_UPDATES];
	u32 n_evicted, number, context;
	int err;

	spin_lock_irq(&al->lock);
	number = al->set.number;
	context = al->set.context_start;
	err = drbd_aset_begin(&al->set, al->scratch, evicted, &n_evicted);
	spin_unlock_irq(&al->lock);
	if (WARN_ON_ONCE(err < 0))
		return -EIO;

	err = 0;
	if (!al->disabled) {
		/* What the log forgets is on disk, and what is not the bitmap there knows. */
		err = n_evicted ? drbd_md_settle_data(device) : 0;
		if (!err)
			err = drbd_bm_write_extents(device, evicted, n_evicted);
		if (!err)
			err = write_block(device, block_sector(device, number), al->scratch);
		if (err)
			return err;
		atomic_inc(&device->al_writ_cnt);
	}
	spin_lock_irq(&al->lock);
	drbd_aset_commit(&al->set);
	if (al->disabled) {
		/* The place in the ring is that of the last block really written. */
		al->set.number = number;
		al->set.context_start = context;
	}
	spin_unlock_irq(&al->lock);
	return 0;
}

/* References taken in the failed transaction vanish with it; the others are returned. */
static void put_hot(struct drbd_activity_log *al, struct drbd_al_user *user)
{
	u32 first = first_extent(user->sector);

	while (user->held) {
		user->held--;
		if (drbd_aset_is_hot(&al->set, first + user->held))
			drbd_aset_put(&al->set, first + user->held);
	}
}

/* The log cannot be written: everybody who waits, or will wait, is told so. */
static void give_up(struct drbd_activity_log *al, struct list_head *committing)
{
	struct drbd_al_user *user;
	LIST_HEAD(failed);

	spin_lock_irq(&al->lock);
	al->failed = true;
	al->starved = false;
	list_splice_tail_init(committing, &failed);
	list_splice_tail_init(&al->waiting, &failed);
	list_for_each_entry(user, &failed, list)
		put_hot(al, user);
	drbd_aset_abort(&al->set);
	spin_unlock_irq(&al->lock);
	deliver(&failed, -EIO);
}

/*
 * Changes between the modes with and without transactions.  Without: the
 * superblock says so before the first write that relies on it.  With: all bits
 * and labels are on disk before the superblock says so.  io_mutex held.
 */
static int change_mode(struct drbd_activity_log *al, bool disable)
{
	struct drbd_device *device = al->device;
	u32 blocks;
	int err;

	if (disable) {
		WRITE_ONCE(al->marked, true);
		err = drbd_md_sync(device);
		if (err)
			return err;
		WRITE_ONCE(al->disabled, true);
		return 0;
	}
	WRITE_ONCE(al->disabled, false);
	/* What left the set without a transaction left its bits in memory only. */
	err = drbd_bm_write(device);
	if (err)
		return err;
	for (blocks = DIV_ROUND_UP(al->set.nr_slots, DRBD_AL_CONTEXT); blocks; blocks--) {
		err = commit(al);
		if (err)
			return err;
	}
	WRITE_ONCE(al->marked, false);
	drbd_md_mark_dirty(device);
	return 0;
}

/* True: there may be more to do.  Without @attached there is nobody to change the mode for. */
static bool work_once(struct drbd_activity_log *al, bool attached)
{
	LIST_HEAD(granted);
	LIST_HEAD(committing);
	bool more, pending;
	bool disable;
	int err = 0;

	mutex_lock(&al->io_mutex);
	spin_lock_irq(&al->lock);
	disable = attached ? al->want_disabled : al->disabled;
	err = al->failed ? -EIO : 0;
	spin_unlock_irq(&al->lock);
	if (!err && disable != al->disabled)
		err = change_mode(al, disable);
	if (!err) {
		collect(al, &granted, &committing);
		deliver(&granted, 0);
		/* Only this worker adds changes; others may still ask to be part of them. */
		pending = READ_ONCE(al->set.n_pending);
		if (pending) {
			collect(al, &granted, &committing);
			err = commit(al);
		}
	}
	mutex_unlock(&al->io_mutex);
	if (err) {
		deliver(&granted, 0);
		give_up(al, &committing);
		return false;
	}
	deliver(&granted, 0);
	deliver(&committing, 0);
	if (READ_ONCE(al->starved))
		drbd_al_pressure(al->device);

	spin_lock_irq(&al->lock);
	more = (!list_empty(&al->waiting) && !al->starved) ||
	       (attached && al->want_disabled != al->disabled);
	spin_unlock_irq(&al->lock);
	return more;
}

static void al_work(struct work_struct *work)
{
	struct drbd_activity_log *al = container_of(work, struct drbd_activity_log, work);

	/* ldev and al outlive this work item, drbd_al_free() sees to that. */
	bool attached = drbd_ldev_get(al->device, D_ATTACHING);

	while (work_once(al, attached))
		cond_resched();
	if (attached)
		drbd_ldev_put(al->device);
}

/* ------------------------------------------------------ create and empty */

static void free_set(struct drbd_activity_log *al)
{
	kvfree(al->slots);
	kvfree(al->hash);
}

int drbd_al_create(struct drbd_device *device, unsigned int al_extents)
{
	struct drbd_activity_log *al = kzalloc(sizeof(*al), GFP_KERNEL);

	if (!al)
		return -ENOMEM;
	al->device = device;
	spin_lock_init(&al->lock);
	mutex_init(&al->io_mutex);
	INIT_LIST_HEAD(&al->waiting);
	INIT_WORK(&al->work, al_work);
	al->slots = kvcalloc(al_extents, sizeof(*al->slots), GFP_KERNEL);
	al->hash = kvcalloc(drbd_aset_hash_size(al_extents), sizeof(*al->hash), GFP_KERNEL);
	al->scratch = kzalloc(sizeof(*al->scratch), GFP_KERNEL);
	if (!al->slots || !al->hash || !al->scratch)
		goto fail;
	if (drbd_aset_init(&al->set, al->slots, al->hash, al_extents, 0))
		goto fail;
	al->wq = alloc_ordered_workqueue("drbd%u_al", WQ_MEM_RECLAIM | WQ_HIGHPRI, device->minor);
	if (!al->wq)
		goto fail;
	device->al = al;
	return 0;

fail:
	kfree(al->scratch);
	free_set(al);
	kfree(al);
	return -ENOMEM;
}

void drbd_al_free(struct drbd_device *device)
{
	struct drbd_activity_log *al = device->al;

	if (!al)
		return;
	destroy_workqueue(al->wq);
	WARN_ON(!list_empty(&al->waiting));
	WRITE_ONCE(device->al, NULL);
	/* drbd_al_starving() has no reference. */
	synchronize_rcu();
	kfree(al->scratch);
	free_set(al);
	kfree(al);
}

/* From the last block of the ring to the first: io_mutex held. */
static int initialize_ring(struct drbd_activity_log *al)
{
	struct drbd_device *device = al->device;
	u32 block = device->ldev->layout.al_blocks;
	int err;

	/*
	 * In this order a crash in between leaves either valid transactions at the
	 * front of the ring, or just block 0 unreadable: replay understands both.
	 * The blocks may be large in number, but this is rare.
	 */
	drbd_al_encode_initialized(al->scratch);
	while (block--) {
		u32 at = drbd_al_block_index(block, device->ldev->md.al_stripes,
					     device->ldev->md.al_stripe_size_4k);

		err = write_block(device, device->ldev->layout.al +
				  (sector_t)at * DRBD_AL_BLOCK_SECTORS, al->scratch);
		if (err)
			return err;
	}
	return 0;
}

int drbd_al_rewrite(struct drbd_device *device)
{
	struct drbd_activity_log *al = device->al;
	u32 blocks;
	int err;

	mutex_lock(&al->io_mutex);
	err = initialize_ring(al);
	for (blocks = DIV_ROUND_UP(al->set.nr_slots, DRBD_AL_CONTEXT); blocks && !err; blocks--)
		if (al->set.nr_labelled)
			err = commit(al);
	if (err) {
		spin_lock_irq(&al->lock);
		al->failed = true;
		queue_work(al->wq, &al->work);
		spin_unlock_irq(&al->lock);
	}
	mutex_unlock(&al->io_mutex);
	return err;
}

void drbd_al_mark_disabled(struct drbd_device *device, bool mark)
{
	struct drbd_activity_log *al = device->al;

	mutex_lock(&al->io_mutex);
	WRITE_ONCE(al->marked, mark || al->disabled);
	mutex_unlock(&al->io_mutex);
}

/* io_mutex held.  Nobody may get a reference meanwhile: I/O is frozen. */
static int flush_locked(struct drbd_activity_log *al)
{
	int err;

	spin_lock_irq(&al->lock);
	err = al->set.nr_referenced || !list_empty(&al->waiting) ? -EBUSY : 0;
	spin_unlock_irq(&al->lock);
	if (err)
		return err;
	err = drbd_bm_write(al->device);
	if (!err)
		err = initialize_ring(al);
	if (err)
		return err;
	spin_lock_irq(&al->lock);
	err = drbd_aset_reset(&al->set, 0);
	spin_unlock_irq(&al->lock);
	return err;
}

int drbd_al_flush(struct drbd_device *device)
{
	struct drbd_activity_log *al = device->al;
	int err;

	mutex_lock(&al->io_mutex);
	err = flush_locked(al);
	mutex_unlock(&al->io_mutex);
	return err;
}

int drbd_al_resize(struct drbd_device *device, unsigned int al_extents)
{
	struct drbd_activity_log *al = device->al;
	struct drbd_aset_slot *slots;
	u32 *hash;
	int err = -ENOMEM;

	slots = kvcalloc(al_extents, sizeof(*slots), GFP_KERNEL);
	hash = kvcalloc(drbd_aset_hash_size(al_extents), sizeof(*hash), GFP_KERNEL);
	if (!slots || !hash)
		goto out;
	mutex_lock(&al->io_mutex);
	err = flush_locked(al);
	if (!err) {
		spin_lock_irq(&al->lock);
		if (al->set.nr_referenced || !list_empty(&al->waiting))
			err = -EBUSY;
		if (!err)
			err = drbd_aset_init(&al->set, slots, hash, al_extents, 0);
		if (!err) {
			swap(al->slots, slots);
			swap(al->hash, hash);
		}
		spin_unlock_irq(&al->lock);
	}
	mutex_unlock(&al->io_mutex);
	if (!err)
		atomic_set(&device->al_writ_cnt, 0);
out:
	kvfree(slots);
	kvfree(hash);
	return err;
}

/* ---------------------------------------------------------------- modes */

bool drbd_al_disabled(struct drbd_device *device)
{
	return device->al && READ_ONCE(device->al->marked);
}

/*
 * io-path.md 6.6 b: one slot, one peer that ever had a disk, and that peer is
 * Primary with a disk and connected while we are Secondary: its log does for both.
 */
static bool peers_log_suffices(struct drbd_device *device)
{
	struct drbd_backing_dev *ldev = device->ldev;
	struct drbd_peer_device *pd;
	bool suffices = false;
	int i, seen = 0;

	if (ldev->md.max_peers != 1 || READ_ONCE(device->resource->role) != R_SECONDARY)
		return false;
	for (i = 0; i < DRBD_MD_NODES; i++)
		if (READ_ONCE(ldev->md.peers[i].flags) & DRBD_MDF_PEER_DEVICE_SEEN)
			seen++;
	if (seen != 1)
		return false;
	rcu_read_lock();
	list_for_each_entry_rcu(pd, &device->peer_devices, device_list) {
		if (!(READ_ONCE(ldev->md.peers[pd->connection->peer_node_id].flags) &
		      DRBD_MDF_PEER_DEVICE_SEEN))
			continue;
		suffices = READ_ONCE(pd->repl_state) >= L_ESTABLISHED &&
			   READ_ONCE(pd->disk_state) >= D_INCONSISTENT &&
			   READ_ONCE(pd->disk_state) != D_UNKNOWN &&
			   READ_ONCE(pd->connection->peer_role) == R_PRIMARY;
	}
	rcu_read_unlock();
	return suffices;
}

void drbd_al_update_mode(struct drbd_device *device)
{
	struct drbd_activity_log *al;
	struct disk_conf *conf;
	unsigned long flags;
	bool disable;

	if (!drbd_ldev_get(device, D_ATTACHING))
		return;
	al = device->al;
	if (!al)
		goto out;
	rcu_read_lock();
	conf = rcu_dereference(device->ldev->disk_conf);
	disable = (conf && !conf->al_updates) || !device->bitmap;
	rcu_read_unlock();
	disable = disable || peers_log_suffices(device);

	spin_lock_irqsave(&al->lock, flags);
	al->want_disabled = disable;
	if (disable != al->disabled && !al->failed)
		queue_work(al->wq, &al->work);
	spin_unlock_irqrestore(&al->lock, flags);
out:
	drbd_ldev_put(device);
}
