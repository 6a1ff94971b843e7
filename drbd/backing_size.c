// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sizes of the backing device, of its metadata and of the volume; bitmap slots.
 * What size is right is decided in core/size.c.
 */
#include <linux/blkdev.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "backing.h"
#include "backing_internal.h"
#include "activity_log.h"
#include "bitmap.h"
#include "block.h"
#include "handshake.h"
#include "metadata.h"
#include "netlink.h"
#include "request.h"
#include "resync.h"
#include "sender.h"
#include "state_change.h"
#include "compat/compat.h"
#include "core/size.h"

/* ------------------------------------------------------------- questions */

/* What the metadata is to become. */
struct new_metadata {
	bool moved;			/* layout differs from the present one */
	struct drbd_md_layout layout;
	u32 al_stripes, al_stripe_size_4k;
	bool persist;			/* effective size becomes @size */
	u64 size;
};

/* The layout for the present size of the metadata device and this AL geometry. */
static bool plan_layout(struct drbd_backing_dev *ldev, u32 al_stripes, u32 al_stripe_size_4k,
			struct new_metadata *n)
{
	struct drbd_md_placement p = {
		.index = ldev->md_index,
		.capacity = bdev_nr_sectors(ldev->md_bdev),
		.max_peers = ldev->md.max_peers,
		.bytes_per_bit = ldev->md.bytes_per_bit,
		.al_stripes = al_stripes,
		.al_stripe_size_4k = al_stripe_size_4k,
	};

	n->al_stripes = al_stripes;
	n->al_stripe_size_4k = al_stripe_size_4k;
	if (drbd_md_place(&p, &n->layout) != DRBD_MD_OK)
		return false;
	n->moved = n->layout.sb != ldev->layout.sb || n->layout.al != ldev->layout.al ||
		   n->layout.bm != ldev->layout.bm ||
		   n->layout.al_blocks != ldev->layout.al_blocks;
	return true;
}

/* Internal metadata lives at the end: it moves when the device changes its size. */
static bool must_move(struct drbd_backing_dev *ldev)
{
	return drbd_md_is_internal(ldev->md_index) &&
	       bdev_nr_sectors(ldev->backing_bdev) != ldev->known_size;
}

sector_t drbd_ldev_limit(struct drbd_backing_dev *ldev)
{
	u64 backing = bdev_nr_sectors(ldev->backing_bdev);
	struct drbd_md_layout layout = ldev->layout;
	struct new_metadata n = { 0 };

	if (must_move(ldev) && plan_layout(ldev, ldev->md.al_stripes, ldev->md.al_stripe_size_4k,
					   &n))
		layout = n.layout;
	if (drbd_md_is_internal(ldev->md_index))
		backing = min(backing, layout.start);
	return drbd_size_own_limit(backing, layout.max_size);
}

sector_t drbd_backing_capacity(struct drbd_device *device)
{
	sector_t limit;

	if (!drbd_ldev_get(device, D_ATTACHING))
		return 0;
	limit = drbd_ldev_limit(device->ldev);
	drbd_ldev_put(device);
	return limit;
}

static u64 configured_size(struct drbd_backing_dev *ldev)
{
	struct disk_conf *conf;
	u64 size = 0;

	rcu_read_lock();
	conf = rcu_dereference(ldev->disk_conf);
	if (conf)
		size = conf->disk_size;
	rcu_read_unlock();
	return size;
}

/* @reached: nodes that tell their limit themselves; what is remembered of them is old. */
static void view_fill(struct drbd_device *device, u64 reached, struct drbd_size_view *view)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_peer_device *pd;
	u64 visible = reached;
	int i;

	memset(view, 0, sizeof(*view));
	view->capacity = drbd_block_capacity(device);
	spin_lock_irq(&resource->req_lock);
	view->primary = resource->role == R_PRIMARY;
	view->outdated_or_better = device->disk_state >= D_OUTDATED;
	for_each_peer_device(pd, device) {
		if (reached & NODE_MASK(pd->connection->peer_node_id))
			continue;
		view->peers_min = drbd_size_min_known(view->peers_min, pd->max_size);
		if (!test_bit(PD_HAVE_SIZES, &pd->flags))
			continue;
		view->visible_min = drbd_size_min_known(view->visible_min, pd->max_size);
		visible |= NODE_MASK(pd->connection->peer_node_id);
	}
	spin_unlock_irq(&resource->req_lock);

	if (!drbd_ldev_get(device, D_ATTACHING))
		return;
	view->own_limit = drbd_ldev_limit(device->ldev);
	view->u_size = configured_size(device->ldev);
	spin_lock_irq(&device->ldev->md_lock);
	view->last_agreed = device->ldev->md.effective_size;
	for (i = 0; i < DRBD_MD_NODES; i++)
		if ((device->ldev->md.peers[i].flags & DRBD_MDF_PEER_DEVICE_SEEN) &&
		    i != device->ldev->md.node_id && !(visible & NODE_MASK(i)))
			view->invisible_disk = true;
	spin_unlock_irq(&device->ldev->md_lock);
	drbd_ldev_put(device);
}

void drbd_size_view_fill(struct drbd_device *device, struct drbd_size_view *view)
{
	view_fill(device, 0, view);
}

int drbd_resize_verdict(struct drbd_device *device, u64 reached, u64 reached_limit, u64 user_size,
			unsigned int dds_flags, u64 *size, struct drbd_reply *reply)
{
	enum drbd_resize_verdict verdict;
	struct drbd_size_view view;
	bool too_big;

	view_fill(device, reached, &view);
	verdict = drbd_size_resize(&view, reached_limit, user_size, dds_flags, size, &too_big);
	if (too_big)
		pr_err("drbd %s/%d drbd%u: Requested disk size is too big (%llu > %llu)\n",
		       device->resource->name, device->vnr, device->minor,
		       (unsigned long long)user_size, (unsigned long long)*size);
	if (verdict == DRBD_RESIZE_SHRINKS)
		drbd_reply_text(reply, "the device would shrink to %llu sectors, name the size if that is meant",
				(unsigned long long)*size);
	return verdict;
}

/* Peer devices of the device, referenced; returns their number. */
static unsigned int hold_peers(struct drbd_device *device,
			       struct drbd_peer_device *peers[DRBD_MAX_NODES])
{
	struct drbd_peer_device *pd;
	unsigned int n = 0;

	spin_lock_irq(&device->resource->req_lock);
	for_each_peer_device(pd, device) {
		if (n == DRBD_MAX_NODES)
			break;
		drbd_peer_device_get(pd);
		peers[n++] = pd;
	}
	spin_unlock_irq(&device->resource->req_lock);
	return n;
}

/* ---------------------------------------------------------------- resize */

/* Marks on disk that all of the bitmap is to be taken as set, while it is rewritten. */
static u32 mark_full_sync(struct drbd_backing_dev *ldev)
{
	u32 marked = 0;
	int i;

	spin_lock_irq(&ldev->md_lock);
	for (i = 0; i < DRBD_MD_NODES; i++) {
		if (ldev->md.peers[i].flags & DRBD_MDF_PEER_FULL_SYNC)
			continue;
		ldev->md.peers[i].flags |= DRBD_MDF_PEER_FULL_SYNC;
		marked |= 1u << i;
	}
	spin_unlock_irq(&ldev->md_lock);
	return marked;
}

static void unmark_full_sync(struct drbd_backing_dev *ldev, u32 marked)
{
	int i;

	spin_lock_irq(&ldev->md_lock);
	for (i = 0; i < DRBD_MD_NODES; i++)
		if (marked & (1u << i))
			ldev->md.peers[i].flags &= ~DRBD_MDF_PEER_FULL_SYNC;
	spin_unlock_irq(&ldev->md_lock);
}

/*
 * metadata.md 4.5.  From the first write to the last the superblock says that
 * neither bitmap nor activity log can be relied upon, so a crash in between
 * costs a full resync and nothing else.  I/O is frozen.
 */
static int rewrite_metadata(struct drbd_device *device, const struct new_metadata *n)
{
	struct drbd_backing_dev *ldev = device->ldev;
	u32 marked;
	int err;

	drbd_al_mark_disabled(device, true);
	marked = mark_full_sync(ldev);
	mutex_lock(&ldev->md_io_mutex);
	spin_lock_irq(&ldev->md_lock);
	if (n->moved) {
		ldev->layout = n->layout;
		ldev->md.al_stripes = n->al_stripes;
		ldev->md.al_stripe_size_4k = n->al_stripe_size_4k;
		drbd_md_set_layout(&ldev->md, &n->layout);
	}
	if (n->persist)
		ldev->md.effective_size = n->size;
	spin_unlock_irq(&ldev->md_lock);
	mutex_unlock(&ldev->md_io_mutex);

	err = drbd_md_sync(device);
	if (!err && n->moved)
		err = drbd_al_rewrite(device);
	if (!err)
		err = n->moved ? drbd_bm_write_all(device) : drbd_bm_write(device);
	if (err)
		return err;
	unmark_full_sync(ldev, marked);
	drbd_al_mark_disabled(device, false);
	return drbd_md_sync(device);
}

static bool some_disk_up_to_date(struct drbd_device *device)
{
	struct drbd_peer_device *pd;
	bool found;

	spin_lock_irq(&device->resource->req_lock);
	found = device->disk_state == D_UP_TO_DATE;
	for_each_peer_device(pd, device)
		found |= pd->disk_state == D_UP_TO_DATE;
	spin_unlock_irq(&device->resource->req_lock);
	return found;
}

/* size_mutex held, I/O frozen, ldev reference held. */
static enum drbd_size_change change_size(struct drbd_device *device, sector_t size,
					 unsigned int dds_flags, struct new_metadata *n,
					 struct drbd_reply *reply)
{
	struct drbd_backing_dev *ldev = device->ldev;
	sector_t old = drbd_block_capacity(device);
	u64 last_agreed = ldev->md.effective_size;

	n->size = size;
	n->persist = size != last_agreed && (last_agreed || some_disk_up_to_date(device));
	if (n->moved && size > n->layout.max_size) {
		drbd_reply_text(reply, "metadata for the new size does not fit");
		return DRBD_SIZE_ERROR;
	}
	if (device->bitmap && drbd_bm_resize(device, size, !(dds_flags & DRBD_DDS_NO_RESYNC))) {
		drbd_reply_text(reply, "no memory for a bitmap of %llu sectors",
				(unsigned long long)size);
		pr_err("drbd %s/%d drbd%u: no memory for a bitmap of %llu sectors\n",
		       device->resource->name, device->vnr, device->minor,
		       (unsigned long long)size);
		return DRBD_SIZE_ERROR;
	}
	/* Of the last block only a part was there, and is compared from now on as a whole. */
	if (device->bitmap && size > old && !(dds_flags & DRBD_DDS_NO_RESYNC) && last_agreed &&
	    !IS_ALIGNED(old, 1U << (drbd_bm_block_shift(device) - 9)))
		drbd_bm_set(device, BM_ALL_SLOTS, old, 512, NULL);
	if ((n->persist && last_agreed) || n->moved) {
		if (rewrite_metadata(device, n))
			return DRBD_SIZE_ERROR;
	} else if (n->persist) {
		/* First time: the bits are on disk before the size that makes them count. */
		if (drbd_bm_write_all(device))
			return DRBD_SIZE_ERROR;
		spin_lock_irq(&ldev->md_lock);
		ldev->md.effective_size = size;
		spin_unlock_irq(&ldev->md_lock);
		if (drbd_md_sync(device))
			return DRBD_SIZE_ERROR;
	}
	ldev->known_size = bdev_nr_sectors(ldev->backing_bdev);
	if (size == old)
		return DRBD_SIZE_SAME;
	drbd_block_set_capacity(device, size);
	pr_info("drbd %s/%d drbd%u: size = %llu KiB\n", device->resource->name, device->vnr,
		device->minor, (unsigned long long)size / 2);
	if (!old)
		return DRBD_SIZE_GREW_FROM_0;
	return size > old ? DRBD_SIZE_GREW : DRBD_SIZE_SHRANK;
}

static void set_configured_size(struct drbd_device *device, u64 size)
{
	struct drbd_resource *resource = device->resource;
	struct disk_conf *old, *conf;

	if (configured_size(device->ldev) == size)
		return;
	conf = kmalloc(sizeof(*conf), GFP_NOIO | __GFP_NOFAIL);
	mutex_lock(&resource->conf_mutex);
	old = rcu_dereference_protected(device->ldev->disk_conf,
					lockdep_is_held(&resource->conf_mutex));
	*conf = *old;
	conf->disk_size = size;
	rcu_assign_pointer(device->ldev->disk_conf, conf);
	mutex_unlock(&resource->conf_mutex);
	synchronize_rcu();
	kfree(old);
}

/* Who has it may wait for writes that only @receiver, after its connection's end, gives up. */
static bool lock_size(struct drbd_device *device, struct drbd_connection *receiver)
{
	if (!receiver) {
		mutex_lock(&device->size_mutex);
		return true;
	}
	while (!mutex_trylock(&device->size_mutex)) {
		if (READ_ONCE(receiver->cstate) < C_CONNECTING)
			return false;
		schedule_timeout_uninterruptible(HZ / 50 + 1);
	}
	return true;
}

enum drbd_size_change drbd_set_size(struct drbd_device *device, sector_t size, u64 user_size,
				    unsigned int dds_flags, struct drbd_connection *receiver,
				    struct drbd_reply *reply)
{
	struct new_metadata n = { 0 };
	enum drbd_size_change change;
	sector_t old;

	if (!drbd_ldev_get(device, D_ATTACHING)) {
		/* Diskless: only the front door changes. */
		old = drbd_block_capacity(device);
		if (size == old)
			return DRBD_SIZE_SAME;
		drbd_block_set_capacity(device, size);
		return !old ? DRBD_SIZE_GREW_FROM_0 :
		       size > old ? DRBD_SIZE_GREW : DRBD_SIZE_SHRANK;
	}
	if (!lock_size(device, receiver)) {
		drbd_ldev_put(device);
		return DRBD_SIZE_ERROR;
	}
	/* A receiver may wait for writes; reads may need that very receiver. */
	if (!drbd_freeze_writes(device, receiver)) {
		mutex_unlock(&device->size_mutex);
		drbd_ldev_put(device);
		return DRBD_SIZE_ERROR;
	}
	if (size > drbd_ldev_limit(device->ldev)) {
		drbd_reply_text(reply, "the disk has no room for %llu sectors",
				(unsigned long long)size);
		pr_err("drbd %s/%d drbd%u: the disk has no room for %llu sectors\n",
		       device->resource->name, device->vnr, device->minor,
		       (unsigned long long)size);
		change = DRBD_SIZE_ERROR;
	} else if (must_move(device->ldev) && !plan_layout(device->ldev, device->ldev->md.al_stripes,
						    device->ldev->md.al_stripe_size_4k, &n)) {
		drbd_reply_text(reply, "the backing device has no room for metadata any more");
		change = DRBD_SIZE_ERROR;
	} else {
		change = change_size(device, size, dds_flags, &n, reply);
		if (change != DRBD_SIZE_ERROR)
			set_configured_size(device, user_size);
	}
	drbd_thaw_io(device);
	mutex_unlock(&device->size_mutex);
	drbd_ldev_put(device);
	return change;
}

enum drbd_size_change drbd_determine_size(struct drbd_device *device, u64 user_size,
					  unsigned int dds_flags, struct drbd_reply *reply)
{
	struct drbd_size_view view;
	bool too_big;
	u64 size;

	drbd_size_view_fill(device, &view);
	size = drbd_size_agree(&view, user_size, dds_flags, &too_big);
	if (too_big)
		pr_err("drbd %s/%d drbd%u: Requested disk size is too big (%llu > %llu)\n",
		       device->resource->name, device->vnr, device->minor,
		       (unsigned long long)user_size, (unsigned long long)size);
	return drbd_set_size(device, size, user_size, dds_flags, NULL, reply);
}

void drbd_persist_size(struct drbd_device *device)
{
	sector_t size = drbd_block_capacity(device);
	bool differs;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return;
	/* A resize under way stores what it comes to; it may wait for a disk that hangs. */
	if (!mutex_trylock(&device->size_mutex)) {
		drbd_ldev_put(device);
		return;
	}
	spin_lock_irq(&device->ldev->md_lock);
	differs = device->ldev->md.effective_size != size;
	spin_unlock_irq(&device->ldev->md_lock);
	/* An error has been reported, and a disk that fails needs no size. */
	if (differs && size && !drbd_bm_write_all(device)) {
		spin_lock_irq(&device->ldev->md_lock);
		device->ldev->md.effective_size = size;
		spin_unlock_irq(&device->ldev->md_lock);
		drbd_md_mark_dirty(device);
	}
	mutex_unlock(&device->size_mutex);
	drbd_ldev_put(device);
}

/* ------------------------------------------------------------- new space */

static bool has_disk(enum drbd_disk_state state)
{
	return state >= D_INCONSISTENT && state != D_UNKNOWN;
}

static bool attaching(enum drbd_disk_state state)
{
	return state == D_ATTACHING || state == D_NEGOTIATING;
}

static void note_new_space(struct drbd_peer_device *pd, sector_t old)
{
	spin_lock_irq(&pd->device->resource->req_lock);
	pd->new_space = old;
	pd->core_flags |= CORE_PD_NEW_SPACE;
	spin_unlock_irq(&pd->device->resource->req_lock);
}

void drbd_device_grew(struct drbd_device *device, sector_t old)
{
	struct drbd_peer_device *peers[DRBD_MAX_NODES];
	unsigned int i, n = hold_peers(device, peers);
	sector_t now = drbd_block_capacity(device);

	for (i = 0; i < n; i++) {
		struct drbd_peer_device *pd = peers[i];

		if (READ_ONCE(pd->repl_state) == L_ESTABLISHED) {
			enum drbd_disk_state self = READ_ONCE(device->disk_state);
			enum drbd_disk_state peer = READ_ONCE(pd->disk_state);
			u32 session = READ_ONCE(pd->connection->session);

			if ((attaching(self) && (has_disk(peer) || attaching(peer))) ||
			    (attaching(peer) && has_disk(self))) {
				note_new_space(pd, old);
			} else if (has_disk(self) && has_disk(peer)) {
				pd->new_space = old;
				if (pd->c_size == now)
					drbd_resync_new_space(pd, session);
				else
					set_bit(PD_ANSWER_STARTS_RESYNC, &pd->flags);
			}
		}
		drbd_peer_device_put(pd);
	}
}

/* ------------------------------------------------- outcome of a transaction */

/* Both ends start by themselves; each knows which end it is. */
static void resync_grown(struct drbd_agreed_size *a, struct drbd_peer_device *pd)
{
	int self = drbd_node_id(a->device->resource);
	int peer = pd->connection->peer_node_id;
	u32 session;

	if (READ_ONCE(pd->repl_state) != L_ESTABLISHED ||
	    !has_disk(READ_ONCE(a->device->disk_state)) || !has_disk(READ_ONCE(pd->disk_state)))
		return;
	session = a->sessions[peer];
	switch (drbd_size_grow_role(self, peer, a->diskful_primaries, a->prepare_from,
				    a->prepare_to)) {
	case DRBD_GROW_SOURCE:
		drbd_resync_start(pd, L_SYNC_SOURCE, L_ESTABLISHED, session);
		break;
	case DRBD_GROW_TARGET:
		drbd_resync_start(pd, L_SYNC_TARGET, L_ESTABLISHED, session);
		break;
	case DRBD_GROW_NONE:
		break;
	}
}

enum drbd_size_change drbd_resize_carry_out(struct drbd_agreed_size *a, struct drbd_reply *reply)
{
	struct drbd_peer_device *peers[DRBD_MAX_NODES];
	struct drbd_device *device = a->device;
	enum drbd_size_change change;
	unsigned int i, n;

	change = drbd_set_size(device, a->size, a->user_size, a->dds_flags, NULL, reply);
	n = hold_peers(device, peers);
	for (i = 0; i < n; i++) {
		struct drbd_peer_device *pd = peers[i];

		if (READ_ONCE(pd->connection->cstate) == C_CONNECTED) {
			if (change == DRBD_SIZE_ERROR) {
				drbd_change_cstate(pd->connection, C_NETWORK_FAILURE, CHG_HARD,
						   "resize", NULL);
			} else {
				/* It has room for that, who knows for how much more. */
				if (pd->max_size && pd->max_size < a->size)
					pd->max_size = a->size;
				pd->c_size = a->size;
				if (change == DRBD_SIZE_GREW &&
				    !(a->dds_flags & DRBD_DDS_NO_RESYNC))
					resync_grown(a, pd);
			}
		}
		drbd_peer_device_put(pd);
	}
	clear_bit(DEV_RESIZING, &device->flags);
	wake_up_all(&device->misc_wait);
	return change;
}

static void carry_out_work(struct work_struct *work)
{
	struct drbd_agreed_size *a = container_of(work, struct drbd_agreed_size, work);

	drbd_resize_carry_out(a, NULL);
	drbd_device_put(a->device);
	kfree(a);
}

void drbd_resize_carry_out_later(struct drbd_agreed_size *a)
{
	INIT_WORK(&a->work, carry_out_work);
	queue_work(system_long_wq, &a->work);
}

/* --------------------------------------------------------- resize command */

static int check_resize_peers(struct drbd_device *device, const struct resize_parms *parms)
{
	struct drbd_resource *resource = device->resource;
	bool old_peer = false, primary = resource->role == R_PRIMARY;
	struct drbd_peer_device *pd;
	int rv = NO_ERROR;

	spin_lock_irq(&resource->req_lock);
	for_each_peer_device(pd, device) {
		struct drbd_connection *connection = pd->connection;

		if (pd->repl_state > L_ESTABLISHED)
			rv = ERR_RESIZE_RESYNC;
		if (connection->cstate < C_CONNECTED)
			continue;
		primary |= connection->peer_role == R_PRIMARY && pd->disk_state == D_UP_TO_DATE;
		old_peer |= connection->agreed_pro_version < 111;
		if (parms->no_resync && connection->agreed_pro_version < 93 && rv == NO_ERROR)
			rv = ERR_NEED_APV_93;
	}
	spin_unlock_irq(&resource->req_lock);
	if (rv == NO_ERROR && old_peer && !primary)
		rv = ERR_NO_PRIMARY;
	return rv;
}

/* The activity log gets another place or size: same size of data, metadata moves. */
static int change_al_layout(struct drbd_device *device, u32 stripes, u32 stripe_size_4k,
			    struct drbd_reply *reply)
{
	struct drbd_backing_dev *ldev = device->ldev;
	struct new_metadata n = { 0 };
	sector_t size = drbd_block_capacity(device);
	int rv = NO_ERROR;

	mutex_lock(&device->size_mutex);
	if (drbd_freeze_io(device, true, true)) {
		rv = ERR_INTR;
		goto out;
	}
	if (!plan_layout(ldev, stripes, stripe_size_4k, &n) || size > n.layout.max_size)
		rv = ERR_MD_LAYOUT_NO_FIT;
	else if (change_size(device, size, 0, &n, reply) == DRBD_SIZE_ERROR)
		rv = ERR_IO_MD_DISK;
	drbd_thaw_io(device);
out:
	mutex_unlock(&device->size_mutex);
	return rv;
}

static bool any_connected(struct drbd_device *device)
{
	struct drbd_peer_device *pd;
	bool any = false;

	spin_lock_irq(&device->resource->req_lock);
	for_each_peer_device(pd, device)
		any |= pd->connection->cstate == C_CONNECTED;
	spin_unlock_irq(&device->resource->req_lock);
	return any;
}

/* Some node speaks no two-phase resize: everybody follows our P_SIZES (18.7). */
static void tell_sizes(struct drbd_device *device, u64 user_size, unsigned int dds_flags)
{
	struct drbd_peer_device *peers[DRBD_MAX_NODES];
	unsigned int i, n = hold_peers(device, peers);

	for (i = 0; i < n; i++) {
		if (READ_ONCE(peers[i]->repl_state) >= L_ESTABLISHED) {
			drbd_send_uuids(peers[i], 0, 0);
			drbd_send_sizes(peers[i], user_size, dds_flags);
		}
		drbd_peer_device_put(peers[i]);
	}
}

/* On our own: nobody is connected (@tell false), or they are told afterwards. */
static int resize_alone(struct drbd_device *device, u64 user_size, unsigned int dds_flags,
			bool tell, enum drbd_size_change *change, struct drbd_reply *reply)
{
	sector_t old = drbd_block_capacity(device);
	u64 size;

	if (drbd_resize_verdict(device, 0, 0, user_size, dds_flags, &size, reply) ==
	    DRBD_RESIZE_SHRINKS)
		return ERR_IMPLICIT_SHRINK;
	*change = drbd_set_size(device, size, user_size, dds_flags, NULL, reply);
	if (!tell || *change == DRBD_SIZE_ERROR)
		return NO_ERROR;
	if (*change == DRBD_SIZE_GREW && !(dds_flags & DRBD_DDS_NO_RESYNC))
		drbd_device_grew(device, old);
	tell_sizes(device, user_size, dds_flags);
	return NO_ERROR;
}

static int do_resize(struct drbd_device *device, const struct resize_parms *parms,
		     struct drbd_reply *reply)
{
	struct drbd_backing_dev *ldev = device->ldev;
	sector_t limit = drbd_ldev_limit(ldev);
	u32 stripes = ldev->md.al_stripes, stripe_4k = ldev->md.al_stripe_size_4k;
	enum drbd_size_change change = DRBD_SIZE_SAME;
	unsigned int dds_flags = 0;
	int rv;

	rv = check_resize_peers(device, parms);
	if (rv != NO_ERROR)
		return rv;
	if (parms->resize_size > limit) {
		drbd_reply_text(reply, "%llu sectors do not fit, the disk has room for %llu",
				(unsigned long long)parms->resize_size, (unsigned long long)limit);
		return ERR_DISK_TOO_SMALL;
	}
	if (parms->al_stripes && parms->al_stripe_size) {
		u64 kib = (u64)parms->al_stripes * parms->al_stripe_size;

		if (kib > 16ULL << 20)
			return ERR_MD_LAYOUT_TOO_BIG;
		if (kib < 32)
			return ERR_MD_LAYOUT_TOO_SMALL;
		stripes = parms->al_stripes;
		stripe_4k = parms->al_stripe_size / 4;
	}
	if (parms->resize_force)
		dds_flags |= DRBD_DDS_ASSUME_PEER_HAS_SPACE;
	if (parms->no_resync)
		dds_flags |= DRBD_DDS_NO_RESYNC;

	if (stripes != ldev->md.al_stripes || stripe_4k != ldev->md.al_stripe_size_4k) {
		rv = change_al_layout(device, stripes, stripe_4k, reply);
		if (rv != NO_ERROR)
			return rv;
	}
	rv = any_connected(device) ?
		drbd_twopc_resize(device, parms->resize_size, dds_flags, &change, reply) :
		SS_CW_NO_NEED;
	if (rv == SS_CW_NO_NEED || rv == SS_CW_FAILED_BY_PEER)
		rv = resize_alone(device, parms->resize_size, dds_flags,
				  rv == SS_CW_FAILED_BY_PEER, &change, reply);
	if (rv != NO_ERROR && rv != SS_SUCCESS)
		return rv;
	if (change == DRBD_SIZE_ERROR)
		return READ_ONCE(device->disk_state) <= D_FAILED ? ERR_IO_MD_DISK :
								   ERR_NOMEM_BITMAP;
	return NO_ERROR;
}

int drbd_do_resize(struct drbd_device *device, const struct resize_parms *parms,
		   struct drbd_reply *reply)
{
	int rv;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return ERR_NO_DISK;
	rv = do_resize(device, parms, reply);
	drbd_ldev_put(device);
	return rv;
}

/* ----------------------------------------------------------- bitmap slots */

int drbd_md_slot(struct drbd_device *device, int node_id)
{
	return device->ldev->md.peers[node_id].bitmap_index;
}

static bool wants_bitmap(struct drbd_peer_device *pd)
{
	struct peer_device_conf *conf;
	bool wants;

	rcu_read_lock();
	conf = rcu_dereference(pd->conf);
	wants = !conf || conf->bitmap;
	rcu_read_unlock();
	return wants;
}

int drbd_bitmap_slots_assign(struct drbd_device *device, struct drbd_reply *reply)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_backing_dev *ldev;
	struct drbd_peer_device *pd;
	u32 needed = 0, available;
	int err = 0;

	lockdep_assert_held(&resource->conf_mutex);
	if (!drbd_ldev_get(device, D_ATTACHING))
		return 0;
	ldev = device->ldev;
	if (!device->bitmap)
		goto out;
	for_each_peer_device(pd, device)
		if (wants_bitmap(pd) && drbd_md_slot(device, pd->connection->peer_node_id) < 0)
			needed++;
	available = drbd_md_free_slots(&ldev->md);
	if (needed > available) {
		drbd_reply_text(reply, "Not enough free bitmap slots (available=%u, needed=%u)",
				available, needed);
		err = -ENOSPC;
		goto out;
	}

	spin_lock_irq(&resource->req_lock);
	for_each_peer_device(pd, device) {
		int id = pd->connection->peer_node_id;

		if (!wants_bitmap(pd)) {
			pd->bitmap_index = -1;
			continue;
		}
		spin_lock(&ldev->md_lock);
		if (ldev->md.peers[id].bitmap_index < 0)
			ldev->md.peers[id].bitmap_index = drbd_md_free_slot(&ldev->md);
		pd->bitmap_index = ldev->md.peers[id].bitmap_index;
		spin_unlock(&ldev->md_lock);
	}
	spin_unlock_irq(&resource->req_lock);
	if (needed)
		drbd_md_mark_dirty(device);
out:
	drbd_ldev_put(device);
	return err;
}
