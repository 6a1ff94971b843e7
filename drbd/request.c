// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/sched/signal.h>
#include "request.h"
#include "interval.h"
#include "backing.h"
#include "block.h"
#include "bitmap.h"
#include "generation.h"
#include "sender.h"
#include "peer_request.h"
#include "state_change.h"
#include "netlink.h"

#define MIN_REQUESTS 128
#define MIN_VECS 16
/* How much, and for how long, may stay without a barrier: see epoch_may_stay_open(). */
#define OPEN_EPOCH_WRITES 256
#define OPEN_EPOCH_JIFFIES (HZ / 10)

static struct kmem_cache *request_cache;
static mempool_t request_pool;
static mempool_t vecs_pool;

static void request_activated(struct drbd_request *req, int err, bool direct);
static void request_al_granted(struct drbd_al_user *user, int err);
static void request_interval_released(struct drbd_interval *i);
static void request_register(struct drbd_request *req, bool direct)
	__releases(&req->device->resource->req_lock);
static void request_check_done(struct drbd_resource *resource);

static inline u32 bit(int node_id)
{
	return 1u << node_id;
}

/* --------------------------------------------------------------- the gate */

/* A lost peer knows the generation of today: nothing more may be written in it. */
static bool generation_due(struct drbd_device *device)
{
	return test_bit(DEV_NEW_CUR_UUID, &device->flags) ||
		test_bit(DEV_WRITING_NEW_CUR_UUID, &device->flags);
}

static bool gate_open(struct drbd_device *device)
{
	struct drbd_resource *resource = device->resource;

	if (READ_ONCE(device->fail_io_cached))
		return true;	/* let it in, it fails at once */
	if (READ_ONCE(resource->suspended_cached))
		return false;
	if (atomic_read(&device->suspend_cnt))
		return false;
	if (READ_ONCE(device->unstable_cached))
		return false;
	return !generation_due(device);
}

static bool room_for(struct drbd_device *device, int rw)
{
	return atomic_read(&device->ap_bio_cnt[rw]) < READ_ONCE(device->resource->res_opts.nr_requests);
}

static void leave_gate(struct drbd_device *device, int rw)
{
	int n = atomic_dec_return(&device->ap_bio_cnt[rw]);

	if (n == 0 || (waitqueue_active(&device->misc_wait) && room_for(device, rw)))
		wake_up_all(&device->misc_wait);
}

static bool try_enter(struct drbd_device *device, int rw)
{
	int n;

	/* The increment is visible before the check: a freeze that raises its
	 * counter first and reads this one afterwards cannot miss us. */
	n = atomic_inc_return(&device->ap_bio_cnt[rw]);
	smp_mb__after_atomic();
	if (likely(gate_open(device) && n <= READ_ONCE(device->resource->res_opts.nr_requests)))
		return true;
	leave_gate(device, rw);
	return false;
}

static void trigger_new_uuid(struct drbd_device *device)
{
	if (test_bit(DEV_NEW_CUR_UUID, &device->flags) &&
	    !READ_ONCE(device->resource->suspended_cached))
		queue_work(device->resource->worker, &device->new_uuid_work);
}

static void enter_gate(struct drbd_device *device, int rw)
{
	while (!try_enter(device, rw)) {
		DEFINE_WAIT(wait);

		/* A failed attempt to enter wakes everybody: none without a prospect. */
		for (;;) {
			prepare_to_wait(&device->misc_wait, &wait, TASK_UNINTERRUPTIBLE);
			/* Not before: it may be turned down, and the reason end, ahead of our wait. */
			trigger_new_uuid(device);
			if (gate_open(device) && room_for(device, rw))
				break;
			io_schedule();
		}
		finish_wait(&device->misc_wait, &wait);
	}
}

int drbd_freeze_io(struct drbd_device *device, bool reads, bool interruptible)
{
	int err = 0;

#define DRAINED (READ_ONCE(device->resource->suspended_cached) || \
		 (!atomic_read(&device->ap_bio_cnt[WRITE]) && \
		  (!reads || !atomic_read(&device->ap_bio_cnt[READ]))))
	atomic_inc(&device->suspend_cnt);
	smp_mb__after_atomic();
	if (interruptible)
		err = wait_event_interruptible(device->misc_wait, DRAINED);
	else
		wait_event(device->misc_wait, DRAINED);
#undef DRAINED
	if (err) {
		drbd_thaw_io(device);
		return -EINTR;
	}
	return 0;
}

bool drbd_freeze_writes(struct drbd_device *device, struct drbd_connection *receiver)
{
	if (!receiver) {
		drbd_freeze_io(device, false, false);
		return true;
	}
	atomic_inc(&device->suspend_cnt);
	smp_mb__after_atomic();
	wait_event(device->misc_wait, READ_ONCE(device->resource->suspended_cached) ||
		   !atomic_read(&device->ap_bio_cnt[WRITE]) ||
		   READ_ONCE(receiver->cstate) < C_CONNECTING);
	if (READ_ONCE(receiver->cstate) >= C_CONNECTING)
		return true;
	drbd_thaw_io(device);
	return false;
}

void drbd_thaw_io(struct drbd_device *device)
{
	if (atomic_dec_and_test(&device->suspend_cnt))
		wake_up_all(&device->misc_wait);
}

/* -------------------------------------------------------------- allocation */

static int bio_dir(struct bio *bio)
{
	return op_is_write(bio_op(bio)) ? WRITE : READ;
}

static struct drbd_request *request_alloc(struct drbd_device *device, struct bio *bio)
{
	struct drbd_request *req = mempool_alloc(&request_pool, GFP_NOIO);

	memset(req, 0, sizeof(*req));
	/* One that has been completed may outlive the volume's last opener. */
	drbd_device_get(device);
	req->device = device;
	req->master_bio = bio;
	req->opf = bio->bi_opf;
	req->start_jif = bio_start_io_acct(bio);
	req->i.sector = bio->bi_iter.bi_sector;
	req->i.size = bio->bi_iter.bi_size;
	req->i.type = op_is_write(bio_op(bio)) ? INTERVAL_LOCAL_WRITE : INTERVAL_LOCAL_READ;
	req->i.released = request_interval_released;
	req->al.sector = req->i.sector;
	req->al.size = req->i.size;
	req->al.granted = request_al_granted;
	INIT_LIST_HEAD(&req->tl);
	INIT_LIST_HEAD(&req->list);
	INIT_LIST_HEAD(&req->al.list);
	if (op_is_write(bio_op(bio)))
		req->flags |= REQ_WRITE;
	if (bio_op(bio) == REQ_OP_DISCARD || bio_op(bio) == REQ_OP_WRITE_ZEROES)
		req->flags |= REQ_DISCARD_OR_ZERO;
	return req;
}

/* The private bio of a write is no longer needed. */
static void private_bio_over(struct drbd_request *req)
{
	struct bio_vec *vecs = req->private_bio.bi_io_vec;

	if (!(req->flags & REQ_BIO_READY))
		return;
	req->flags &= ~REQ_BIO_READY;
	if (vecs != req->inline_vecs)
		mempool_free(vecs, &vecs_pool);
	bio_uninit(&req->private_bio);
}

/* req_lock held if it was ever registered: the disk may still have it. */
static void request_free(struct drbd_request *req)
{
	struct drbd_device *device = req->device;

	if (req->flags & REQ_LOCAL_PENDING) {
		req->flags |= REQ_ORPHAN;
		return;
	}
	private_bio_over(req);
	mempool_free(req, &request_pool);
	drbd_device_put(device);
}

u32 drbd_request_dp_flags(const struct drbd_request *req)
{
	blk_opf_t opf = req->opf;
	u32 dp = 0;

	if (opf & REQ_SYNC)
		dp |= DP_RW_SYNC;
	if (opf & REQ_FUA)
		dp |= DP_FUA;
	if (opf & REQ_PREFLUSH)
		dp |= DP_FLUSH;
	switch (opf & REQ_OP_MASK) {
	case REQ_OP_DISCARD:
		dp |= DP_DISCARD;
		break;
	case REQ_OP_WRITE_ZEROES:
		dp |= DP_ZEROES;
		if (!(opf & REQ_NOUNMAP))
			dp |= DP_DISCARD;
		break;
	}
	return dp;
}

/* ------------------------------------------------- completion of a request */

static void finish_bio(struct drbd_request *req, blk_status_t status, struct bio_list *done)
{
	struct bio *bio = req->master_bio;

	/* An earlier error of a split parent is never overwritten. */
	if (status && !bio->bi_status)
		bio->bi_status = status;
	bio_end_io_acct(bio, req->start_jif);
	bio_list_add(done, bio);
	req->flags |= REQ_COMPLETED;
}

void drbd_complete_bios(struct bio_list *done)
{
	struct bio *bio;

	while ((bio = bio_list_pop(done))) {
		struct drbd_device *device = bio->bi_bdev->bd_disk->private_data;

		leave_gate(device, bio_dir(bio));
		bio_endio(bio);
	}
}

static void put_ldev_of(struct drbd_request *req)
{
	if (req->flags & REQ_HAS_LDEV) {
		req->flags &= ~REQ_HAS_LDEV;
		drbd_ldev_put(req->device);
	}
}

static void al_put_of(struct drbd_request *req)
{
	if (!(req->flags & REQ_IN_AL))
		return;
	req->flags &= ~REQ_IN_AL;
	if (drbd_al_end(req->device, req->i.sector, req->i.size))
		req->device->resource->peer_ack_due = true;
}

/*
 * Both give back their place in the count of admitted requests: a freeze waits until
 * that is 0, and what waits at the gate waits for the end of the freeze.
 */
static void queue_retry(struct drbd_request *req)
{
	struct drbd_resource *resource = req->device->resource;

	leave_gate(req->device, bio_dir(req->master_bio));
	list_add_tail(&req->list, &resource->retry);
	queue_work(resource->retry_wq, &resource->retry_work);
}

static void queue_retry_bio(struct drbd_device *device, struct bio *bio)
{
	leave_gate(device, bio_dir(bio));
	bio_list_add(&device->resource->retry_bios, bio);
	queue_work(device->resource->retry_wq, &device->resource->retry_work);
}

/* Undo everything and send the bio through the gate again; req_lock held. */
static void request_postpone(struct drbd_request *req)
{
	drbd_interval_leave(req->device, &req->i);
	al_put_of(req);
	put_ldev_of(req);
	queue_retry(req);
}

static void retry_work(struct work_struct *work)
{
	struct drbd_resource *resource = container_of(work, struct drbd_resource, retry_work);
	struct drbd_request *req, *tmp;
	struct bio_list bios;
	struct bio *again;
	LIST_HEAD(list);

	spin_lock_irq(&resource->req_lock);
	list_splice_init(&resource->retry, &list);
	bios = resource->retry_bios;
	bio_list_init(&resource->retry_bios);
	spin_unlock_irq(&resource->req_lock);

	while ((again = bio_list_pop(&bios))) {
		struct drbd_device *device = again->bi_bdev->bd_disk->private_data;

		enter_gate(device, bio_dir(again));
		drbd_request_again(device, again, 0, 0);
	}

	list_for_each_entry_safe(req, tmp, &list, list) {
		struct drbd_device *device = req->device;
		struct bio *bio = req->master_bio;
		u32 failed = req->read_failed, no_local = req->flags & REQ_NO_LOCAL;
		int rw = bio_dir(bio);

		list_del_init(&req->list);
		bio_end_io_acct(bio, req->start_jif);
		request_free(req);
		enter_gate(device, rw);
		drbd_request_again(device, bio, failed, no_local);
	}
}

/* The pieces of 4.4 that decide whether the submitter can be told. */
static bool may_complete(const struct drbd_request *req)
{
	if (req->flags & REQ_COMPLETED)
		return false;
	if ((req->flags & REQ_LOCAL_PENDING) && !(req->flags & REQ_LOCAL_ABORTED))
		return false;
	if (req->pending)
		return false;
	/* A sender may still be reading the payload. */
	return !(req->data & req->queued);
}

static void read_finished(struct drbd_request *req, struct bio_list *done);

/*
 * Whoever writes because this write completed must not overtake it on the peer's
 * disk.  Protocol C: it is on the peer's disk already, at most in its volatile cache,
 * and the cache is known: who needs an order says so by a flush, which closes the
 * epoch.  So most barriers, each a round trip and a flush over there, are spared.
 */
static bool epoch_may_stay_open(const struct drbd_request *req)
{
	struct drbd_resource *resource = req->device->resource;

	return !(req->data & (req->proto_a | req->proto_b)) &&
		resource->epoch_writes < OPEN_EPOCH_WRITES &&
		bdev_write_cache(req->device->vdisk->part0);
}

/* Is it where the next reader will look, or only where a resync will overwrite it? */
static bool on_good_disk(const struct drbd_request *req)
{
	struct drbd_device *device = req->device;
	struct drbd_peer_device *pd;

	if ((req->flags & REQ_LOCAL_OK) &&
	    ((req->flags & REQ_LOCAL_GOOD) || device->disk_state == D_UP_TO_DATE))
		return true;
	if (req->ok & req->good)
		return true;
	for_each_peer_device(pd, device)
		if ((req->ok & bit(pd->connection->peer_node_id)) &&
		    pd->disk_state == D_UP_TO_DATE)
			return true;
	return false;
}

/*
 * The bio starts anew, by the states of today; the request stays in the log for the
 * peers' sake, as one that has been completed.  req_lock held.
 */
static void resubmit(struct drbd_request *req)
{
	bio_end_io_acct(req->master_bio, req->start_jif);
	req->flags |= REQ_COMPLETED;
	drbd_interval_progress(req->device, &req->i, INTERVAL_COMPLETED);
	queue_retry_bio(req->device, req->master_bio);
}

static void write_completed(struct drbd_request *req, struct bio_list *done)
{
	struct drbd_resource *resource = req->device->resource;
	bool ok = (req->flags & REQ_LOCAL_OK) || (req->ok & req->data);

	if (req->epoch == resource->epoch) {
		if (!epoch_may_stay_open(req))
			drbd_close_epoch(resource);
		else if (!timer_pending(&resource->epoch_timer))
			mod_timer(&resource->epoch_timer, jiffies + OPEN_EPOCH_JIFFIES);
	}
	if (ok && unlikely(!on_good_disk(req))) {
		resubmit(req);
		return;
	}

	if (ok && unlikely(READ_ONCE(req->device->fail_io_cached)))
		ok = false;
	if (ok && unlikely(resource->any_without_quorum) &&
	    resource->res_opts.on_no_quorum == ONQ_IO_ERROR)
		ok = false;
	finish_bio(req, ok ? BLK_STS_OK : BLK_STS_IOERR, done);
	drbd_interval_progress(req->device, &req->i, INTERVAL_COMPLETED);
}

static void log_del(struct drbd_request *req)
{
	struct drbd_resource *resource = req->device->resource;
	struct drbd_connection *connection;

	for_each_connection(connection, resource) {
		if (connection->tl_next == req)
			connection->tl_next = drbd_tl_next_queued(resource, req,
								  connection->peer_node_id);
	}
	if (resource->tl_first_not_done == req)
		resource->tl_first_not_done = list_is_last(&req->tl, &resource->transfer_log) ?
			NULL : list_next_entry(req, tl);
	list_del_init(&req->tl);
	req->flags &= ~REQ_IN_LOG;
}

/* req_lock held. */
static void request_progress(struct drbd_request *req, struct bio_list *done)
{
	struct drbd_resource *resource = req->device->resource;
	bool in_log = req->flags & REQ_IN_LOG;

	if (may_complete(req)) {
		if (req->flags & REQ_WRITE)
			write_completed(req, done);
		else {
			read_finished(req, done);
			in_log = true;
		}
	}
	/* @req may be gone. */
	if (in_log)
		request_check_done(resource);
}

/* ------------------------------------------------------- done and forgotten */

/* Slots whose peers do not have this write (io-path.md 4.6). */
static void request_update_bits(struct drbd_request *req)
{
	struct drbd_device *device = req->device;
	struct drbd_peer_device *pd;
	u32 keep = 0, clear = 0;

	if (req->flags & REQ_LOCAL_FAILED) {
		/* The local block is stale whatever the peers have. */
		drbd_bm_set(device, BM_ALL_SLOTS, req->i.sector, req->i.size, NULL);
	} else {
		for_each_peer_device(pd, device) {
			u32 b = bit(pd->connection->peer_node_id);

			if (pd->bitmap_index < 0 || !(req->ok & b))
				continue;
			keep |= 1u << pd->bitmap_index;
			if (req->in_sync & b)
				clear |= 1u << pd->bitmap_index;
		}
		if (~keep)
			drbd_bm_set(device, ~keep, req->i.sector, req->i.size, NULL);
		if (clear)
			drbd_bm_clear(device, clear, req->i.sector, req->i.size, NULL);
	}
	req->oos_new = req->oos;
}

/* Takes the request over: the newest write of a group stands for the group. */
static void collect_peer_ack(struct drbd_resource *resource, struct drbd_request *req)
{
	struct drbd_peer_ack_group *g = &resource->peer_ack;
	u64 mask = req->ok, sent_to = req->sent & req->data;

	if (req->flags & REQ_LOCAL_OK)
		mask |= NODE_MASK(drbd_node_id(resource));
	/* Nobody is waiting for the ack of this one. */
	if (!sent_to) {
		drbd_flush_peer_ack(resource);
		request_free(req);
		return;
	}
	/* A write that was not sent to a peer cannot stand for those that were. */
	if (g->last && (g->mask != mask || g->sent_to != sent_to ||
	    req->dagtag - g->first_dagtag >= resource->res_opts.peer_ack_window))
		drbd_flush_peer_ack(resource);
	if (g->last) {
		request_free(g->last);
	} else {
		g->mask = mask;
		g->first_dagtag = req->dagtag - (req->i.size >> 9);
		mod_delayed_work(drbd_io_wq, &resource->peer_ack_work,
				 msecs_to_jiffies(resource->res_opts.peer_ack_delay));
	}
	g->last = req;
	g->sent_to = sent_to;
}

void drbd_flush_peer_ack(struct drbd_resource *resource)
{
	struct drbd_peer_ack_group *g = &resource->peer_ack;
	struct drbd_request *carrier = g->last;
	struct drbd_connection *connection;

	lockdep_assert_held(&resource->req_lock);
	if (!carrier)
		return;
	g->last = NULL;
	if (!g->sent_to) {
		request_free(carrier);
		return;
	}
	carrier->ok = g->mask;
	carrier->pending = g->sent_to;
	list_add_tail(&carrier->list, &resource->peer_acks);
	for_each_connection(connection, resource) {
		if (g->sent_to & NODE_MASK(connection->peer_node_id))
			queue_work(connection->ack_sender, &connection->peer_ack_work);
	}
}

bool drbd_next_peer_ack(struct drbd_connection *connection, u64 *mask, u64 *dagtag)
{
	struct drbd_resource *resource = connection->resource;
	u32 b = bit(connection->peer_node_id);
	struct drbd_request *carrier, *next;
	bool found = false;

	spin_lock_irq(&resource->req_lock);
	list_for_each_entry_safe(carrier, next, &resource->peer_acks, list) {
		if (!(carrier->pending & b))
			continue;
		*mask = carrier->ok;
		*dagtag = carrier->dagtag;
		found = true;
		carrier->pending &= ~b;
		if (!carrier->pending) {
			list_del(&carrier->list);
			request_free(carrier);
		}
		break;
	}
	spin_unlock_irq(&resource->req_lock);
	return found;
}

/* Acks that were collected for a connection die with it; req_lock held. */
static void drop_peer_acks(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	u32 b = bit(connection->peer_node_id);
	struct drbd_request *carrier, *next;

	resource->peer_ack.sent_to &= ~(u64)b;
	if (!resource->peer_ack.sent_to)
		drbd_flush_peer_ack(resource);
	list_for_each_entry_safe(carrier, next, &resource->peer_acks, list) {
		carrier->pending &= ~b;
		if (!carrier->pending) {
			list_del(&carrier->list);
			request_free(carrier);
		}
	}
}

static void peer_ack_work(struct work_struct *work)
{
	struct drbd_resource *resource =
		container_of(work, struct drbd_resource, peer_ack_work.work);

	spin_lock_irq(&resource->req_lock);
	drbd_flush_peer_ack(resource);
	spin_unlock_irq(&resource->req_lock);
}

static bool request_is_done(const struct drbd_request *req)
{
	if (!(req->flags & REQ_COMPLETED))
		return false;
	if ((req->flags & REQ_WRITE) && (req->data & ~req->net_done))
		return false;
	/* What a disk that hangs owns does not hold up the rest; see request_free(). */
	return !(req->flags & REQ_LOCAL_PENDING) || (req->flags & REQ_LOCAL_ABORTED);
}

static void wake_oos_senders(struct drbd_resource *resource, struct drbd_request *req)
{
	struct drbd_connection *connection;

	if (!(req->oos & req->queued))
		return;
	for_each_connection(connection, resource) {
		if (req->queued & bit(connection->peer_node_id))
			wake_up(&connection->sender_wait);
	}
}

/*
 * Moves finished writes on, strictly oldest first: to "done" (bits set, AL
 * reference dropped), and out of the log once no sender needs them.
 */
static void request_check_done(struct drbd_resource *resource)
{
	struct drbd_request *req, *next;

	lockdep_assert_held(&resource->req_lock);
	req = resource->tl_first_not_done;
	while (req && request_is_done(req)) {
		if (req->flags & REQ_WRITE) {
			if (req->flags & REQ_HAS_LDEV) {
				if (req->flags & REQ_SUBMITTED)
					request_update_bits(req);
				al_put_of(req);
			} else {
				req->oos_new = req->oos;
			}
			if (!(req->flags & REQ_LOCAL_PENDING))
				put_ldev_of(req);
			drbd_interval_leave(req->device, &req->i);
			wake_oos_senders(resource, req);
		}
		req->flags |= REQ_DONE;
		req = list_is_last(&req->tl, &resource->transfer_log) ?
			NULL : list_next_entry(req, tl);
		resource->tl_first_not_done = req;
	}

	list_for_each_entry_safe(req, next, &resource->transfer_log, tl) {
		if (!(req->flags & REQ_DONE) || req->queued)
			break;
		log_del(req);
		wake_up_all(&req->device->misc_wait);
		if (req->flags & REQ_WRITE)
			collect_peer_ack(resource, req);
		else
			request_free(req);
	}
	/* The peers are as short of extents as we are. */
	if (resource->peer_ack_due) {
		resource->peer_ack_due = false;
		drbd_flush_peer_ack(resource);
	}
}

/* -------------------------------------------------------------- leg events */

static struct drbd_peer_device *leg_peer_device(struct drbd_request *req, int node_id)
{
	struct drbd_peer_device *pd;

	for_each_peer_device(pd, req->device) {
		if (pd->connection->peer_node_id == node_id)
			return pd;
	}
	return NULL;
}

static void leg_not_pending(struct drbd_request *req, int node_id)
{
	struct drbd_peer_device *pd;

	if (!(req->pending & bit(node_id)))
		return;
	req->pending &= ~bit(node_id);
	pd = leg_peer_device(req, node_id);
	if (pd)
		atomic_dec(&pd->ap_pending);
}

static void leg_unaccount(struct drbd_request *req, int node_id)
{
	struct drbd_peer_device *pd = leg_peer_device(req, node_id);

	if (pd && (req->sent & bit(node_id)) && (req->flags & REQ_WRITE))
		atomic_sub(req->flags & REQ_DISCARD_OR_ZERO ? 1 : req->i.size >> 9,
			   &pd->connection->ap_in_flight);
}

static void leg_stable(struct drbd_request *req, int node_id)
{
	leg_unaccount(req, node_id);
	req->net_done |= bit(node_id);
	/* A flush may wait for just that. */
	if (waitqueue_active(&req->device->misc_wait))
		wake_up_all(&req->device->misc_wait);
}

void drbd_leg_event(struct drbd_request *req, int node_id, enum drbd_leg_event event,
		    struct bio_list *done)
{
	u32 b = bit(node_id);

	lockdep_assert_held(&req->device->resource->req_lock);
	switch (event) {
	case LEG_HANDED_OVER:
		req->queued &= ~b;
		if (req->data & ~req->net_done & b) {
			req->sent |= b;
			req->sent_jif = jiffies;
			if ((req->proto_a & b) && (req->pending & b)) {
				req->ok |= b;
				leg_not_pending(req, node_id);
			}
		}
		break;
	case LEG_SEND_CANCELED:
		req->queued &= ~b;
		break;
	case LEG_RECV_ACKED:
		if (req->proto_b & b) {
			if (req->pending & b)
				req->ok |= b;
			leg_not_pending(req, node_id);
		}
		break;
	case LEG_WRITE_ACKED_IN_SYNC:
		req->in_sync |= b;
		fallthrough;
	case LEG_WRITE_ACKED:
		if (req->pending & b)
			req->ok |= b;
		leg_not_pending(req, node_id);
		break;
	case LEG_NEG_ACKED:
		req->ok &= ~b;
		req->in_sync &= ~b;
		leg_not_pending(req, node_id);
		break;
	case LEG_BARRIER_ACKED:
		if (!(req->net_done & b))
			leg_unaccount(req, node_id);
		req->net_done |= b;
		break;
	case LEG_LOST:
		if (!(req->net_done & b))
			leg_unaccount(req, node_id);
		if ((req->flags & REQ_WRITE) && !(req->net_done & b)) {
			/* Acked or not: without its barrier ack it may be gone. */
			req->ok &= ~b;
			req->in_sync &= ~b;
		}
		req->sent &= ~b;
		req->queued &= ~b;
		leg_not_pending(req, node_id);
		req->net_done |= b;
		break;
	case LEG_READ_DONE:
		req->ok |= b;
		req->net_done |= b;
		leg_not_pending(req, node_id);
		break;
	case LEG_READ_FAILED:
		req->read_failed |= b;
		req->net_done |= b;
		leg_not_pending(req, node_id);
		break;
	}
	request_progress(req, done);
}

struct drbd_request *drbd_find_write(struct drbd_device *device, sector_t sector, u64 block_id)
{
	struct drbd_interval *i;

	for_each_overlap(i, &device->writes, sector, 512) {
		struct drbd_request *req;

		if (i->type != INTERVAL_LOCAL_WRITE || i->sector != sector)
			continue;
		req = container_of(i, struct drbd_request, i);
		if (req->block_id == block_id && (req->flags & REQ_IN_LOG))
			return req;
	}
	return NULL;
}

struct drbd_request *drbd_find_read(struct drbd_device *device, sector_t sector, u64 block_id)
{
	struct drbd_interval *i;

	for_each_overlap(i, &device->reads, sector, 512) {
		struct drbd_request *req = container_of(i, struct drbd_request, i);

		if (i->sector == sector && req->block_id == block_id)
			return req;
	}
	return NULL;
}

struct drbd_request *drbd_tl_next_queued(struct drbd_resource *resource,
					 struct drbd_request *req, int node_id)
{
	if (!req)
		req = list_entry(&resource->transfer_log, struct drbd_request, tl);
	list_for_each_entry_continue(req, &resource->transfer_log, tl) {
		if (req->queued & bit(node_id))
			return req;
	}
	return NULL;
}

/* -------------------------------------------------------------- epochs */

void drbd_close_epoch(struct drbd_resource *resource)
{
	struct drbd_connection *connection;

	lockdep_assert_held(&resource->req_lock);
	if (!resource->epoch_writes)
		return;
	resource->epoch++;
	resource->epoch_writes = 0;
	for_each_connection(connection, resource) {
		if (connection->cstate >= C_CONNECTED)
			wake_up(&connection->sender_wait);
	}
}

static void close_epoch(struct drbd_resource *resource)
{
	unsigned long flags;

	spin_lock_irqsave(&resource->req_lock, flags);
	drbd_close_epoch(resource);
	spin_unlock_irqrestore(&resource->req_lock, flags);
}

static void epoch_timer_fn(struct timer_list *t)
{
	close_epoch(container_of(t, struct drbd_resource, epoch_timer));
}

int drbd_tl_barrier_ack(struct drbd_connection *connection, u32 epoch, u32 set_size)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_request *req, *next;
	int node_id = connection->peer_node_id;
	struct bio_list done = BIO_EMPTY_LIST;
	bool found = false;
	u32 expect = 0, n = 0;

	spin_lock_irq(&resource->req_lock);
	list_for_each_entry(req, &resource->transfer_log, tl) {
		if (!(req->flags & REQ_WRITE) || !(req->data & ~req->net_done & bit(node_id)))
			continue;
		if (!found) {
			found = true;
			expect = req->epoch;
			if (expect != epoch)
				break;
		}
		if (req->epoch != epoch)
			break;
		/* Block acks come first (io-path.md 7.4). */
		if (!(req->sent & bit(node_id)) || (req->pending & bit(node_id)))
			break;
		n++;
	}
	/* All of the epoch has been confirmed before. */
	if (!set_size && !(found && expect == epoch)) {
		spin_unlock_irq(&resource->req_lock);
		return 0;
	}
	if (!found || expect != epoch || n != set_size) {
		spin_unlock_irq(&resource->req_lock);
		pr_err("drbd %s %s: bad barrier ack: got epoch %u of %u writes, expected %s%u of %u\n",
		       resource->name, connection->name, epoch, set_size,
		       found ? "" : "none, ", expect, n);
		return -EPROTO;
	}
	list_for_each_entry_safe(req, next, &resource->transfer_log, tl) {
		if (!n)
			break;
		if (!(req->flags & REQ_WRITE) || !(req->data & ~req->net_done & bit(node_id)))
			continue;
		n--;
		/* Only the leg is finished here; a request that thereby leaves the
		 * log must not pull its neighbours out from under this loop. */
		leg_stable(req, node_id);
	}
	request_check_done(resource);
	spin_unlock_irq(&resource->req_lock);
	drbd_complete_bios(&done);
	wake_up_all(&resource->state_wait);
	return 0;
}

int drbd_tl_confirm_stable(struct drbd_connection *connection, u64 oldest, u64 youngest,
			   u32 set_size)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_request *req, *first = NULL, *last = NULL;
	u32 b = bit(connection->peer_node_id);
	u32 n = 0;

	spin_lock_irq(&resource->req_lock);
	list_for_each_entry(req, &resource->transfer_log, tl) {
		if (!(req->flags & REQ_WRITE) || !(req->data & ~req->net_done & b))
			continue;
		if (!first) {
			if (req->block_id != oldest)
				break;
			first = req;
		}
		if (req->epoch != first->epoch || !(req->sent & b) || (req->pending & b))
			break;
		n++;
		if (req->block_id == youngest) {
			last = req;
			break;
		}
	}
	if (!last || n != set_size) {
		spin_unlock_irq(&resource->req_lock);
		pr_err("drbd %s %s: bad confirm-stable: %u writes, expected %u\n",
		       resource->name, connection->name, set_size, n);
		return -EPROTO;
	}
	list_for_each_entry(req, &resource->transfer_log, tl) {
		if ((req->flags & REQ_WRITE) && (req->data & ~req->net_done & b)) {
			leg_stable(req, connection->peer_node_id);
		}
		if (req == last)
			break;
	}
	request_check_done(resource);
	drbd_flush_peer_ack(resource);
	spin_unlock_irq(&resource->req_lock);
	return 0;
}

/* ---------------------------------------------------- losing and regaining */

/*
 * @device: only writes of this one; NULL: all requests.  Reads are given up by the
 * receiver alone, at its end: it may be filling their pages.
 */
static void tl_give_up(struct drbd_connection *connection, struct drbd_device *device,
		       bool keep_pending, struct bio_list *done)
{
	struct drbd_resource *resource = connection->resource;
	int node_id = connection->peer_node_id;
	struct drbd_request *req, *next;
	u32 b = bit(node_id);

	list_for_each_entry_safe(req, next, &resource->transfer_log, tl) {
		if (!((req->data | req->oos) & b))
			continue;
		if (device && (req->device != device || !(req->flags & REQ_WRITE)))
			continue;
		if (req->oos & b) {
			if (connection->sending != req)
				req->queued &= ~b;
			continue;
		}
		if (req->net_done & b) {
			/* Nothing of it goes out on a later connection, a peer ack included. */
			req->sent &= ~b;
			if (connection->sending != req)
				req->queued &= ~b;
			continue;
		}
		if (keep_pending && (req->flags & REQ_WRITE) && !(req->proto_a & b)) {
			/* Held for a resend; not on its way to anybody now. */
			leg_unaccount(req, node_id);
			req->sent &= ~b;
			if (connection->sending != req)
				req->queued &= ~b;
			continue;
		}
		leg_unaccount(req, node_id);
		if (req->flags & REQ_WRITE) {
			req->ok &= ~b;
			req->in_sync &= ~b;
		}
		req->sent &= ~b;
		/* Who is sending it right now still needs it, and takes the mark away himself. */
		if (connection->sending != req)
			req->queued &= ~b;
		leg_not_pending(req, node_id);
		req->net_done |= b;
	}
	connection->tl_next = device ? drbd_tl_next_queued(resource, NULL, node_id) : NULL;
	drbd_tl_recheck(resource, done);
}

void drbd_tl_connection_lost(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct bio_list done = BIO_EMPTY_LIST;

	spin_lock_irq(&resource->req_lock);
	tl_give_up(connection, NULL, resource->suspended_cached, &done);
	drop_peer_acks(connection);
	spin_unlock_irq(&resource->req_lock);
	drbd_complete_bios(&done);
}

void drbd_tl_cancel(struct drbd_peer_device *pd, struct bio_list *done)
{
	tl_give_up(pd->connection, pd->device, false, done);
}

void drbd_tl_resend(struct drbd_peer_device *pd, struct bio_list *done)
{
	struct drbd_connection *connection = pd->connection;
	struct drbd_resource *resource = connection->resource;
	struct drbd_request *req;
	u32 b = bit(connection->peer_node_id);

	list_for_each_entry(req, &resource->transfer_log, tl) {
		if (!(req->flags & REQ_WRITE) || req->device != pd->device ||
		    !(req->data & b) || (req->net_done & b))
			continue;
		if (req->pending & b) {
			req->queued |= b;
		} else {
			/* Acked before, and the handshake proved that the peer did not
			 * restart: as good as barrier-acked. */
			req->net_done |= b;
		}
	}
	connection->tl_next = drbd_tl_next_queued(resource, NULL, connection->peer_node_id);
	drbd_tl_recheck(resource, done);
	wake_up(&connection->sender_wait);
}

/* What was held for a peer that has been removed since: nobody will resend it. */
static void forget_removed_peers(struct drbd_resource *resource)
{
	struct drbd_connection *connection;
	struct drbd_request *req;
	u32 linked = 0;

	for_each_connection(connection, resource)
		linked |= bit(connection->peer_node_id);
	list_for_each_entry(req, &resource->transfer_log, tl) {
		u32 gone = req->data & ~req->net_done & ~linked;

		/* While suspended, what the submitter waits for is held all the same. */
		if (!gone || !(req->flags & REQ_WRITE) ||
		    (resource->suspended_cached && !(req->flags & REQ_COMPLETED)))
			continue;
		req->ok &= ~gone;
		req->in_sync &= ~gone;
		req->pending &= ~gone;
		req->queued &= ~gone;
		req->sent &= ~gone;
		req->net_done |= gone;
	}
}

void drbd_tl_recheck(struct drbd_resource *resource, struct bio_list *done)
{
	struct drbd_request *req, *next;
	struct drbd_device *device;
	int vnr;

	forget_removed_peers(resource);
	list_for_each_entry_safe(req, next, &resource->transfer_log, tl) {
		if (!may_complete(req))
			continue;
		if (req->flags & REQ_WRITE)
			write_completed(req, done);
		else
			read_finished(req, done);
	}
	request_check_done(resource);
	/* Legs have ended that a flush may wait for. */
	idr_for_each_entry(&resource->devices, device, vnr)
		wake_up_all(&device->misc_wait);
}

void drbd_al_pressure(struct drbd_device *device)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_connection *connection;
	unsigned long flags;

	spin_lock_irqsave(&resource->req_lock, flags);
	/* Writes hold their extents until their barrier is acked, peers until our peer ack. */
	drbd_close_epoch(resource);
	drbd_flush_peer_ack(resource);
	for_each_connection(connection, resource)
		if (connection->cstate == C_CONNECTED && !list_empty(&connection->peer_writes))
			drbd_confirm_stable(connection);
	spin_unlock_irqrestore(&resource->req_lock, flags);
}

void drbd_tl_mark_unacked(struct drbd_peer_device *peer_device)
{
	struct drbd_resource *resource = peer_device->connection->resource;
	u32 b = bit(peer_device->connection->peer_node_id);
	struct drbd_request *req;

	lockdep_assert_held(&resource->req_lock);
	if (peer_device->bitmap_index < 0)
		return;
	list_for_each_entry(req, &resource->transfer_log, tl) {
		if (req->device == peer_device->device && (req->flags & REQ_WRITE) &&
		    (req->flags & REQ_HAS_LDEV) && !(req->ok & b))
			drbd_bm_set(req->device, 1u << peer_device->bitmap_index,
				    req->i.sector, req->i.size, NULL);
	}
}

void drbd_tl_abort_local(struct drbd_device *device, struct bio_list *done)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_request *req, *next;

	list_for_each_entry_safe(req, next, &resource->transfer_log, tl) {
		if (req->device != device || !(req->flags & REQ_LOCAL_PENDING))
			continue;
		/* A read into the submitter's pages cannot be taken back. */
		if (!(req->flags & REQ_WRITE) || (req->flags & REQ_LOCAL_FAILING))
			continue;
		req->flags |= REQ_LOCAL_ABORTED | REQ_LOCAL_FAILED;
		/* Behind one that hangs, and not begun: nothing will be heard of it. */
		if ((req->flags & REQ_DISCARD_OR_ZERO) && !list_empty(&req->list)) {
			list_del_init(&req->list);
			req->flags &= ~REQ_LOCAL_PENDING;
			drbd_interval_progress(device, &req->i, INTERVAL_BACKING_DONE);
		}
		if (may_complete(req))
			write_completed(req, done);
	}
	list_for_each_entry(req, &device->flushes, list) {
		struct bio *bio = req->master_bio;

		if (!bio)
			continue;
		/* Anew: it is up to the peers now, if there are any. */
		bio_end_io_acct(bio, req->start_jif);
		req->master_bio = NULL;
		queue_retry_bio(device, bio);
	}
	request_check_done(resource);
}

/* ------------------------------------------------------------------- local */

/*
 * The leg ends when the disk state says what happened: until then the disk would be
 * read as if it had the new data.  Any context.
 */
static bool local_write_failed(struct drbd_request *req)
{
	struct drbd_device *device = req->device;
	unsigned long flags;
	bool aborted;

	spin_lock_irqsave(&device->resource->req_lock, flags);
	/* First the reason: whoever finds the request in the list finds that as well. */
	drbd_io_error(device, DRBD_IO_ERR_WRITE);
	/* Aborted: all of that has been said, and the list entry may have another use. */
	aborted = req->flags & REQ_LOCAL_ABORTED;
	if (!aborted) {
		drbd_bm_set(device, BM_ALL_SLOTS, req->i.sector, req->i.size, NULL);
		req->flags |= REQ_LOCAL_FAILING;
		list_add_tail(&req->list, &device->failed_writes);
	}
	spin_unlock_irqrestore(&device->resource->req_lock, flags);
	return !aborted;
}

void drbd_take_failed_writes(struct drbd_device *device, struct list_head *failed)
{
	spin_lock_irq(&device->resource->req_lock);
	list_splice_tail_init(&device->failed_writes, failed);
	spin_unlock_irq(&device->resource->req_lock);
}

bool drbd_unlogged_writes(const struct list_head *failed)
{
	struct drbd_request *req;

	list_for_each_entry(req, failed, list)
		if (req->flags & REQ_AL_FAILED)
			return true;
	return false;
}

void drbd_finish_failed_writes(struct drbd_device *device, struct list_head *failed)
{
	struct drbd_resource *resource = device->resource;
	struct bio_list done = BIO_EMPTY_LIST;
	struct drbd_request *req, *next;

	spin_lock_irq(&resource->req_lock);
	list_for_each_entry_safe(req, next, failed, list) {
		list_del_init(&req->list);
		req->flags &= ~(REQ_LOCAL_PENDING | REQ_LOCAL_FAILING);
		req->flags |= REQ_LOCAL_FAILED;
		private_bio_over(req);
		drbd_interval_progress(device, &req->i, INTERVAL_BACKING_DONE);
		request_progress(req, &done);
	}
	spin_unlock_irq(&resource->req_lock);
	drbd_complete_bios(&done);
}

/* The disk has no more to do with it.  True: aborted, and nobody has waited for it. */
static bool local_leg_over(struct drbd_request *req)
{
	req->flags &= ~REQ_LOCAL_PENDING;
	private_bio_over(req);
	if (likely(!(req->flags & REQ_DONE)))
		return false;
	put_ldev_of(req);
	if (req->flags & REQ_ORPHAN)
		request_free(req);
	return true;
}

static void local_endio(struct bio *bio)
{
	struct drbd_request *req = container_of(bio, struct drbd_request, private_bio);
	struct drbd_device *device = req->device;
	struct drbd_resource *resource = device->resource;
	struct bio_list done = BIO_EMPTY_LIST;
	blk_status_t status = bio->bi_status;
	unsigned long flags;

	if (!op_is_write(req->opf))
		bio_uninit(bio);
	if (unlikely(status) && op_is_write(req->opf)) {
		if (local_write_failed(req))
			return;
	} else if (unlikely(status) && !(req->opf & REQ_RAHEAD)) {
		drbd_io_error(device, DRBD_IO_ERR_READ);
	}
	spin_lock_irqsave(&resource->req_lock, flags);
	if (local_leg_over(req)) {
		spin_unlock_irqrestore(&resource->req_lock, flags);
		return;
	}
	if (likely(!status)) {
		if (!(req->flags & REQ_LOCAL_ABORTED))
			req->flags |= REQ_LOCAL_OK;
		if (req->flags & REQ_WRITE)
			atomic64_add(req->i.size >> 9, &device->writ_cnt);
		else
			atomic64_add(req->i.size >> 9, &device->read_cnt);
	} else {
		/* Bad here: fetch it from a peer, now and at the next resync. */
		req->flags |= REQ_LOCAL_FAILED;
		drbd_bm_set(device, BM_ALL_SLOTS, req->i.sector, req->i.size, NULL);
	}
	if (req->flags & REQ_WRITE)
		drbd_interval_progress(device, &req->i, INTERVAL_BACKING_DONE);
	request_progress(req, &done);
	spin_unlock_irqrestore(&resource->req_lock, flags);
	drbd_complete_bios(&done);
}

/* The queue's limit is BIO_MAX_VECS segments. */
static void init_write_bio(struct drbd_request *req)
{
	struct bio *master = req->master_bio, *bio = &req->private_bio;
	struct bio_vec *vecs = req->inline_vecs;
	unsigned int n = 0;
	struct bvec_iter iter;
	struct bio_vec bv;

	bio_for_each_bvec(bv, master, iter)
		n++;
	if (n > DRBD_INLINE_VECS)
		vecs = mempool_alloc(&vecs_pool, GFP_NOIO);
	bio_init(bio, req->device->ldev->backing_bdev, vecs,
		 n > DRBD_INLINE_VECS ? BIO_MAX_VECS : DRBD_INLINE_VECS, master->bi_opf);
	bio->bi_ioprio = master->bi_ioprio;
	bio_clone_blkg_association(bio, master);
	bio->bi_iter.bi_sector = master->bi_iter.bi_sector;
	bio->bi_iter.bi_size = master->bi_iter.bi_size;
	bio->bi_vcnt = min_t(unsigned int, n, BIO_MAX_VECS);
	req->flags |= REQ_BIO_READY;
	n = 0;
	bio_for_each_bvec(bv, master, iter) {
		if (WARN_ON_ONCE(n == BIO_MAX_VECS))
			break;
		vecs[n++] = bv;
	}
}

static void local_submit(struct drbd_request *req)
{
	struct drbd_device *device = req->device;
	struct bio *bio = &req->private_bio;

	if (!(req->flags & REQ_WRITE))
		bio_init_clone(device->ldev->backing_bdev, bio, req->master_bio, GFP_NOIO);
	bio->bi_end_io = local_endio;
	bio->bi_private = req;
	submit_bio_noacct(bio);
}

/* Discards and zeroes: in the submitter's context, one after the other. */
static void local_discard(struct drbd_request *req)
{
	struct drbd_device *device = req->device;
	struct drbd_resource *resource = device->resource;
	struct bio_list done = BIO_EMPTY_LIST;
	blk_opf_t opf = req->opf;
	bool report = false;
	unsigned int how;
	int err = 0;

	if ((opf & REQ_OP_MASK) == REQ_OP_DISCARD) {
		how = DRBD_BACKING_DISCARD;
	} else {
		how = DRBD_BACKING_ZEROOUT | (opf & REQ_NOUNMAP ? DRBD_BACKING_NOUNMAP : 0);
		report = true;
	}
	if (!(READ_ONCE(req->flags) & REQ_LOCAL_ABORTED))
		err = drbd_backing_discard_or_zero(device, req->i.sector, req->i.size, how);
	/* A failed discard leaves old data that may be read; failed zeroes are a failed write. */
	if (err && report && err != -EOPNOTSUPP && local_write_failed(req))
		return;

	spin_lock_irq(&resource->req_lock);
	if (local_leg_over(req)) {
		spin_unlock_irq(&resource->req_lock);
		return;
	}
	if (err) {
		req->flags |= REQ_LOCAL_FAILED;
	} else {
		if (!(req->flags & REQ_LOCAL_ABORTED))
			req->flags |= REQ_LOCAL_OK;
		atomic64_add(req->i.size >> 9, &device->writ_cnt);
	}
	drbd_interval_progress(device, &req->i, INTERVAL_BACKING_DONE);
	request_progress(req, &done);
	spin_unlock_irq(&resource->req_lock);
	drbd_complete_bios(&done);
}

static void submit_work(struct work_struct *work)
{
	struct drbd_device *device = container_of(work, struct drbd_device, submit_work);
	struct drbd_resource *resource = device->resource;
	struct drbd_request *req;

	for (;;) {
		spin_lock_irq(&resource->req_lock);
		req = list_first_entry_or_null(&device->submit_queue, struct drbd_request, list);
		if (req)
			list_del_init(&req->list);
		spin_unlock_irq(&resource->req_lock);
		if (!req)
			return;
		local_discard(req);
	}
}

/* ------------------------------------------------------------------ writes */

static void request_al_granted(struct drbd_al_user *user, int err)
{
	request_activated(container_of(user, struct drbd_request, al), err, false);
}

static void request_interval_released(struct drbd_interval *i)
{
	struct drbd_request *req = container_of(i, struct drbd_request, i);

	spin_lock_irq(&req->device->resource->req_lock);
	request_register(req, false);
}

/* Has its extents (or will do without the local disk): on to the overlap check. */
static void request_activated(struct drbd_request *req, int err, bool direct)
{
	struct drbd_resource *resource = req->device->resource;

	if (req->flags & REQ_HAS_LDEV) {
		if (err)
			req->flags |= REQ_AL_FAILED;
		else
			req->flags |= REQ_IN_AL;
	}
	spin_lock_irq(&resource->req_lock);
	if (drbd_interval_enter(req->device, &req->i))
		request_register(req, direct);
	else
		spin_unlock_irq(&resource->req_lock);
}

/* Which peers get the data and which only a notice (io-path.md 4.2); req_lock held. */
static void choose_legs(struct drbd_request *req)
{
	struct drbd_peer_device *pd;

	for_each_peer_device(pd, req->device) {
		struct drbd_connection *connection = pd->connection;
		enum drbd_repl_state rs = pd->repl_state;
		u32 b = bit(connection->peer_node_id);
		bool data = false, oos = false;
		struct net_conf *nc;

		if (connection->cstate < C_CONNECTED || rs < L_ESTABLISHED)
			continue;
		switch (pd->disk_state) {
		case D_UP_TO_DATE:
			data = rs != L_AHEAD && rs != L_WF_BITMAP_S;
			oos = !data;
			break;
		case D_INCONSISTENT:
			if (rs == L_AHEAD || rs == L_WF_BITMAP_S)
				oos = true;
			else if (!pd->replication)
				oos = true;
			else
				data = rs == L_ESTABLISHED ||
					(rs >= L_WF_BITMAP_T && rs < L_AHEAD);
			break;
		case D_OUTDATED:
			oos = true;
			break;
		default:
			oos = rs == L_AHEAD || rs == L_WF_BITMAP_S;
			break;
		}
		if (data) {
			nc = rcu_dereference_check(connection->net_conf, true);
			req->data |= b;
			if (pd->disk_state == D_UP_TO_DATE)
				req->good |= b;
			if (nc->wire_protocol == DRBD_PROT_A)
				req->proto_a |= b;
			else if (nc->wire_protocol == DRBD_PROT_B)
				req->proto_b |= b;
			atomic_inc(&pd->ap_pending);
			if (req->device->resource->epoch_writes >= nc->max_epoch_size)
				drbd_close_epoch(req->device->resource);
		} else if (oos && connection->agreed_pro_version >= 96) {
			req->oos |= b;
		}
	}
	req->pending = req->data;
	req->queued = req->data | req->oos;
	req->net_done = req->oos;
}

static bool good_data_for_write(struct drbd_request *req)
{
	struct drbd_peer_device *pd;

	if (req->device->disk_state == D_UP_TO_DATE && (req->flags & REQ_HAS_LDEV) &&
	    !(req->flags & REQ_AL_FAILED))
		return true;
	for_each_peer_device(pd, req->device) {
		if (pd->disk_state == D_UP_TO_DATE && pd->repl_state >= L_ESTABLISHED)
			return true;
	}
	return false;
}

/*
 * Tells the senders.  @direct: where to leave a connection that has nothing else to
 * do and whose log the caller is to walk by itself: to hand over to a thread would
 * cost more than to send.
 */
static void wake_senders(struct drbd_request *req, struct drbd_connection **direct)
{
	struct drbd_peer_device *pd;

	for_each_peer_device(pd, req->device) {
		struct drbd_connection *connection = pd->connection;

		if (!(req->queued & bit(connection->peer_node_id)))
			continue;
		if (!connection->tl_next) {
			connection->tl_next = req;
			if (direct && !*direct && (req->data & bit(connection->peer_node_id)) &&
			    atomic_read(&pd->ap_pending) == 1 && drbd_sender_claim(connection)) {
				*direct = connection;
				continue;
			}
		}
		wake_up(&connection->sender_wait);
	}
}

static void fail_unregistered(struct drbd_request *req)
	__releases(&req->device->resource->req_lock)
{
	struct bio_list done = BIO_EMPTY_LIST;

	drbd_interval_leave(req->device, &req->i);
	al_put_of(req);
	put_ldev_of(req);
	finish_bio(req, BLK_STS_IOERR, &done);
	spin_unlock_irq(&req->device->resource->req_lock);
	drbd_complete_bios(&done);
	request_free(req);
}

/* One critical section, against state changes (io-path.md 4.1 "register"). */
static void request_register(struct drbd_request *req, bool direct)
	__releases(&req->device->resource->req_lock)
{
	struct drbd_device *device = req->device;
	struct drbd_resource *resource = device->resource;
	struct drbd_connection *walk = NULL;
	struct bio_list done = BIO_EMPTY_LIST;
	unsigned int size = req->i.size;
	bool local, failing, fallen;

	if (!device->fail_io_cached && (resource->suspended_cached || device->unstable_cached ||
					generation_due(device))) {
		request_postpone(req);
		spin_unlock_irq(&resource->req_lock);
		return;
	}
	if (device->fail_io_cached || resource->role != R_PRIMARY) {
		fail_unregistered(req);
		return;
	}
	if (!good_data_for_write(req)) {
		sector_t sector = req->i.sector;

		/* Whether that is an error or waited for is known when the disk has fallen. */
		if ((req->flags & REQ_AL_FAILED) && device->disk_state >= D_INCONSISTENT) {
			drbd_io_error(device, DRBD_IO_ERR_META);
			request_postpone(req);
			spin_unlock_irq(&resource->req_lock);
			return;
		}

		/* Not suspended: the administrator, or on-no-data-accessible, wants an error. */
		fail_unregistered(req);
		pr_err_ratelimited("drbd %s/%d drbd%u: write without access to good data, sector %llus+%u\n",
				   resource->name, device->vnr, device->minor,
				   (unsigned long long)sector, size);
		return;
	}
	/* What completed before this flush is in a closed epoch. */
	if (req->opf & REQ_PREFLUSH)
		drbd_close_epoch(resource);
	req->block_id = ++resource->next_block_id;
	choose_legs(req);
	req->epoch = resource->epoch;
	resource->epoch_writes++;
	resource->dagtag += req->i.size >> 9;
	req->dagtag = resource->dagtag;
	req->flags |= REQ_IN_LOG | REQ_SUBMITTED;
	list_add_tail(&req->tl, &resource->transfer_log);
	if (!resource->tl_first_not_done)
		resource->tl_first_not_done = req;

	/* What was held while the disk was given up is not for that disk any more. */
	fallen = device->disk_state < D_INCONSISTENT;
	local = (req->flags & REQ_HAS_LDEV) && !(req->flags & REQ_AL_FAILED) && !fallen;
	if (local && device->disk_state == D_UP_TO_DATE)
		req->flags |= REQ_LOCAL_GOOD;
	/* Without an entry in the log: not before the disk counts as failed, as if it had failed. */
	failing = (req->flags & REQ_AL_FAILED) && !fallen;
	if (failing) {
		drbd_io_error(device, DRBD_IO_ERR_META);
		req->flags |= REQ_LOCAL_PENDING | REQ_LOCAL_FAILING;
		list_add_tail(&req->list, &device->failed_writes);
		drbd_bm_set(device, BM_ALL_SLOTS, req->i.sector, size, NULL);
	} else if (!local && (req->flags & REQ_HAS_LDEV)) {
		req->flags |= REQ_LOCAL_FAILED;
	}
	if (local) {
		req->flags |= REQ_LOCAL_PENDING;
		if (req->flags & REQ_DISCARD_OR_ZERO) {
			list_add_tail(&req->list, &device->submit_queue);
			queue_work(device->submitter, &device->submit_work);
		}
	} else if (!failing) {
		set_bit(INTERVAL_BACKING_DONE, &req->i.flags);
	}
	wake_senders(req, direct ? &walk : NULL);
	/* From here the request may complete and vanish unless the local leg is ours. */
	if (!local && !failing)
		request_progress(req, &done);
	spin_unlock_irq(&resource->req_lock);


	if (local && !(req->flags & REQ_DISCARD_OR_ZERO))
		local_submit(req);
	drbd_complete_bios(&done);
	if (walk)
		drbd_sender_walk(walk, size);
}

static void submit_write(struct drbd_device *device, struct bio *bio)
{
	struct drbd_request *req = request_alloc(device, bio);

	if (drbd_ldev_get(device, D_INCONSISTENT)) {
		req->flags |= REQ_HAS_LDEV;
		/* Later the master bio may have been ended by a forced detach. */
		if (!(req->flags & REQ_DISCARD_OR_ZERO))
			init_write_bio(req);
	}
	if (!(req->flags & REQ_HAS_LDEV) || drbd_al_begin(device, &req->al))
		request_activated(req, 0, true);
}

/* ------------------------------------------------------------------- flush */

static bool peer_up_to_date(struct drbd_device *device)
{
	struct drbd_peer_device *pd;
	bool yes = false;

	rcu_read_lock();
	for_each_peer_device(pd, device)
		yes |= pd->disk_state == D_UP_TO_DATE && pd->repl_state >= L_ESTABLISHED;
	rcu_read_unlock();
	return yes;
}

static bool unstable_writes(struct drbd_device *device, u32 epoch)
{
	struct drbd_request *req;
	bool found = false;

	spin_lock_irq(&device->resource->req_lock);
	list_for_each_entry(req, &device->resource->transfer_log, tl) {
		if (req->device == device && (req->data & ~req->net_done) &&
		    (s32)(req->epoch - epoch) <= 0) {
			found = true;
			break;
		}
	}
	spin_unlock_irq(&device->resource->req_lock);
	return found;
}

/* The copies that count are the peers': flushed is what they say is stable. */
static void flush_peers(struct drbd_device *device, u32 epoch)
{
	wait_event(device->misc_wait, !unstable_writes(device, epoch) ||
		   READ_ONCE(device->fail_io_cached));
}

/* @good: the own disk counted as UpToDate when the flush was sent there. */
static void end_flush(struct drbd_device *device, struct bio *bio, blk_status_t status, bool good)
{
	struct bio_list done = BIO_EMPTY_LIST;
	unsigned long flags;

	if (READ_ONCE(device->fail_io_cached)) {
		status = BLK_STS_IOERR;
	} else if (status && (READ_ONCE(device->resource->suspended_cached) ||
			      (good && peer_up_to_date(device)))) {
		/*
		 * The last peer was lost since: that is waited for, not failed.  Or a
		 * good disk refused: by then it has fallen, and the peers are asked first.
		 */
		spin_lock_irqsave(&device->resource->req_lock, flags);
		queue_retry_bio(device, bio);
		spin_unlock_irqrestore(&device->resource->req_lock, flags);
		return;
	} else if (status && peer_up_to_date(device)) {
		status = BLK_STS_OK;
	}
	if (status)
		bio->bi_status = status;
	bio_list_add(&done, bio);
	drbd_complete_bios(&done);
}

static void flush_endio(struct bio *bio)
{
	struct drbd_request *req = container_of(bio, struct drbd_request, private_bio);
	struct drbd_device *device = req->device;
	blk_status_t status = bio->bi_status;
	unsigned long flags;
	struct bio *master;
	bool good;

	bio_uninit(bio);
	if (status)
		drbd_io_error(device, DRBD_IO_ERR_FLUSH);
	spin_lock_irqsave(&device->resource->req_lock, flags);
	list_del_init(&req->list);
	/* Or NULL: a forced detach took it. */
	master = req->master_bio;
	spin_unlock_irqrestore(&device->resource->req_lock, flags);
	if (master)
		bio_end_io_acct(master, req->start_jif);
	good = req->flags & REQ_LOCAL_GOOD;
	request_free(req);
	if (master)
		end_flush(device, master, status, good);
	drbd_ldev_put(device);
}

/*
 * Not sent to peers: closing the epoch makes them flush what completed before, ahead
 * of whatever is written because this flush completed (io-path.md 4.9).
 */
static void submit_flush(struct drbd_device *device, struct bio *bio)
{
	u32 epoch = READ_ONCE(device->resource->epoch);
	struct drbd_request *req;
	bool behind, fallen;

	close_epoch(device->resource);

	/* An own disk that is behind will be overwritten with what the peer has. */
	behind = READ_ONCE(device->disk_state) < D_UP_TO_DATE;
	if (behind)
		flush_peers(device, epoch);
	if (READ_ONCE(device->fail_io_cached) || !drbd_ldev_get(device, D_INCONSISTENT)) {
		end_flush(device, bio, BLK_STS_IOERR, !behind);
		return;
	}
	req = request_alloc(device, bio);
	bio_init(&req->private_bio, device->ldev->backing_bdev, NULL, 0,
		 REQ_OP_WRITE | REQ_PREFLUSH);
	req->private_bio.bi_end_io = flush_endio;
	if (!behind)
		req->flags |= REQ_LOCAL_GOOD;
	spin_lock_irq(&device->resource->req_lock);
	/* Nobody would take it back from a disk that hangs and was given up just now. */
	fallen = device->disk_state < D_INCONSISTENT;
	if (!fallen)
		list_add_tail(&req->list, &device->flushes);
	spin_unlock_irq(&device->resource->req_lock);
	if (fallen) {
		bio_uninit(&req->private_bio);
		bio_end_io_acct(bio, req->start_jif);
		request_free(req);
		end_flush(device, bio, BLK_STS_IOERR, !behind);
		drbd_ldev_put(device);
		return;
	}
	submit_bio_noacct(&req->private_bio);
}

/* ------------------------------------------------------------------- reads */

static bool may_read_locally(struct drbd_request *req)
{
	struct drbd_device *device = req->device;

	if (req->flags & REQ_NO_LOCAL)
		return false;
	if (device->disk_state == D_UP_TO_DATE)
		return true;
	if (device->disk_state != D_INCONSISTENT)
		return false;
	return !drbd_bm_any_set(device, BM_ALL_SLOTS, req->i.sector, req->i.size);
}

/* The peers a read could go to; only the best protocol class counts (io-path.md 5.1). */
static u32 read_candidates(struct drbd_request *req)
{
	struct drbd_peer_device *pd;
	u32 class[4] = { 0 };

	for_each_peer_device(pd, req->device) {
		u32 b = bit(pd->connection->peer_node_id);
		struct net_conf *nc;

		if (pd->disk_state != D_UP_TO_DATE || pd->repl_state < L_ESTABLISHED ||
		    (req->read_failed & b))
			continue;
		/* It has refused a write, and will say soon what became of its disk. */
		if (test_bit(PD_NEG_ACKED_UPTODATE, &pd->flags) &&
		    req->device->disk_state == D_UP_TO_DATE)
			continue;
		nc = rcu_dereference_check(pd->connection->net_conf, true);
		if (!nc->allow_remote_read)
			continue;
		class[nc->wire_protocol & 3] |= b;
	}
	return class[DRBD_PROT_C] ?: class[DRBD_PROT_B] ?: class[DRBD_PROT_A];
}

static int next_read_node(struct drbd_device *device, u32 candidates)
{
	int node;

	if (!candidates)
		return -1;
	if (!(device->read_nodes & candidates))
		device->read_nodes = candidates;
	node = __ffs(device->read_nodes & candidates);
	device->read_nodes &= ~(u64)bit(node);
	return node;
}

static bool balance_to_remote(struct drbd_request *req, u32 candidates)
{
	struct drbd_device *device = req->device;
	struct drbd_peer_device *pd;
	struct disk_conf *dc = rcu_dereference_check(device->ldev->disk_conf, true);
	unsigned int policy = dc->read_balancing;
	bool remote = false;

	if (!candidates)
		return false;
	switch (policy) {
	case RB_PREFER_REMOTE:
		return true;
	case RB_ROUND_ROBIN:
		return device->local_reads++ & 1;
	case RB_LEAST_PENDING:
		for_each_peer_device(pd, device) {
			if (bit(pd->connection->peer_node_id) & candidates)
				remote |= atomic_read(&device->ldev_refs) >
					atomic_read(&pd->ap_pending) + atomic_read(&pd->rs_pending);
		}
		return remote;
	case RB_32K_STRIPING ... RB_1M_STRIPING:
		return (req->i.sector >> (6 + policy - RB_32K_STRIPING)) & 1;
	default:
		return false;
	}
}

static void submit_read(struct drbd_device *device, struct bio *bio, u32 failed, u32 no_local)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_request *req = request_alloc(device, bio);
	struct bio_list done = BIO_EMPTY_LIST;
	bool local = false;
	u32 candidates;
	int node = -1;

	req->read_failed = failed;
	req->flags |= no_local;
	if (drbd_ldev_get(device, D_INCONSISTENT))
		req->flags |= REQ_HAS_LDEV;

	spin_lock_irq(&resource->req_lock);
	if (device->fail_io_cached)
		goto fail;
	candidates = read_candidates(req);
	if (req->flags & REQ_HAS_LDEV)
		local = may_read_locally(req);
	if (!local || balance_to_remote(req, candidates))
		node = next_read_node(device, candidates);
	if (node >= 0)
		local = false;
	if (!local && node < 0) {
		if (resource->suspended_cached) {
			request_postpone(req);
			spin_unlock_irq(&resource->req_lock);
			return;
		}
		goto fail;
	}
	if (local) {
		req->flags |= REQ_LOCAL_PENDING;
		spin_unlock_irq(&resource->req_lock);
		local_submit(req);
		return;
	}
	put_ldev_of(req);
	req->block_id = ++resource->next_block_id;
	req->data = req->pending = req->queued = bit(node);
	drbd_interval_link(&device->reads, &req->i);
	req->flags |= REQ_IN_LOG;
	req->epoch = resource->epoch;
	list_add_tail(&req->tl, &resource->transfer_log);
	if (!resource->tl_first_not_done)
		resource->tl_first_not_done = req;
	{
		struct drbd_peer_device *pd = leg_peer_device(req, node);

		if (pd)
			atomic_inc(&pd->ap_pending);
	}
	wake_senders(req, NULL);
	spin_unlock_irq(&resource->req_lock);
	return;
fail:
	put_ldev_of(req);
	finish_bio(req, BLK_STS_IOERR, &done);
	spin_unlock_irq(&resource->req_lock);
	drbd_complete_bios(&done);
	request_free(req);
}

/* Neither leg is outstanding; req_lock held. Frees the request or tries another copy. */
static void read_finished(struct drbd_request *req, struct bio_list *done)
{
	bool ok = (req->flags & REQ_LOCAL_OK) || req->ok;

	drbd_interval_unlink(&req->device->reads, &req->i);
	if (req->flags & REQ_IN_LOG)
		log_del(req);
	put_ldev_of(req);
	if (ok || (req->opf & REQ_RAHEAD) ||
	    (READ_ONCE(req->device->fail_io_cached))) {
		if (READ_ONCE(req->device->fail_io_cached))
			ok = false;
		finish_bio(req, ok ? BLK_STS_OK : BLK_STS_IOERR, done);
		request_free(req);
		return;
	}
	if (req->flags & REQ_LOCAL_FAILED)
		req->flags |= REQ_NO_LOCAL;
	queue_retry(req);
}

/* -------------------------------------------------------------------- entry */

void drbd_request_again(struct drbd_device *device, struct bio *bio, u32 failed, u32 no_local)
{
	if (op_is_flush(bio->bi_opf) && !bio->bi_iter.bi_size)
		submit_flush(device, bio);
	else if (op_is_write(bio_op(bio)))
		submit_write(device, bio);
	else
		submit_read(device, bio, failed, no_local);
}

void drbd_request_submit(struct drbd_device *device, struct bio *bio)
{
	enter_gate(device, bio_dir(bio));
	drbd_request_again(device, bio, 0, 0);
}

static bool has_writes_in_log(struct drbd_device *device)
{
	struct drbd_request *req;
	bool found = false;

	spin_lock_irq(&device->resource->req_lock);
	list_for_each_entry(req, &device->resource->transfer_log, tl) {
		if (req->device == device && (req->flags & REQ_WRITE)) {
			found = true;
			break;
		}
	}
	spin_unlock_irq(&device->resource->req_lock);
	return found;
}

bool drbd_writes_settled(struct drbd_device *device)
{
	close_epoch(device->resource);
	wait_event_interruptible_timeout(device->misc_wait, !has_writes_in_log(device) ||
					 READ_ONCE(device->resource->suspended_cached), 10 * HZ);
	return !has_writes_in_log(device);
}

/* A peer refused a write, and its disk still counts as UpToDate here. */
static bool refused_and_up_to_date(struct drbd_device *device)
{
	struct drbd_peer_device *pd;
	bool found = false;

	spin_lock_irq(&device->resource->req_lock);
	for_each_peer_device(pd, device)
		found |= test_bit(PD_NEG_ACKED_UPTODATE, &pd->flags);
	spin_unlock_irq(&device->resource->req_lock);
	return found;
}

/* The news of its disk are on their way; a peer that never sends them is not waited for. */
#define REFUSED_WAIT	(10 * HZ)

void drbd_wait_writes_stable(struct drbd_device *device)
{
	struct drbd_resource *resource = device->resource;

	wait_event(device->misc_wait, !atomic_read(&device->ap_bio_cnt[WRITE]) ||
		   READ_ONCE(resource->suspended_cached));
	close_epoch(resource);
	/* Barrier acks of every connected peer, or the loss of the connection. */
	wait_event(device->misc_wait, !has_writes_in_log(device) ||
		   READ_ONCE(resource->suspended_cached));
	if (!wait_event_timeout(device->misc_wait, !refused_and_up_to_date(device) ||
				READ_ONCE(resource->suspended_cached), REFUSED_WAIT)) {
		struct drbd_peer_device *pd;

		pr_warn("drbd %s/%d drbd%u: a peer refused a write and stays UpToDate\n",
			resource->name, device->vnr, device->minor);
		/* Once is enough; its bits tell. */
		rcu_read_lock();
		for_each_peer_device(pd, device)
			clear_bit(PD_NEG_ACKED_UPTODATE, &pd->flags);
		rcu_read_unlock();
	}
	spin_lock_irq(&resource->req_lock);
	drbd_flush_peer_ack(resource);
	spin_unlock_irq(&resource->req_lock);
}

/* ------------------------------------------------------- timeouts of requests */

/*
 * ko-count x timeout and disk-timeout (io-path.md 11): looked at once a second
 * while there is anything in the log.
 */
static bool disk_too_slow(const struct drbd_request *req)
{
	struct disk_conf *dc = rcu_dereference_check(req->device->ldev->disk_conf, true);

	return dc->disk_timeout &&
		time_after(jiffies, req->start_jif + dc->disk_timeout * HZ / 10);
}

/* A volume whose disk lets a write or a flush wait for longer than disk-timeout. */
static struct drbd_device *hanging_disk(struct drbd_resource *resource)
{
	struct drbd_device *device;
	struct drbd_request *req;
	int vnr;

	list_for_each_entry(req, &resource->transfer_log, tl) {
		if ((req->flags & REQ_LOCAL_PENDING) && !(req->flags & REQ_LOCAL_ABORTED) &&
		    disk_too_slow(req))
			return req->device;
	}
	idr_for_each_entry(&resource->devices, device, vnr) {
		list_for_each_entry(req, &device->flushes, list) {
			if (req->master_bio && disk_too_slow(req))
				return device;
		}
	}
	return NULL;
}

static void request_timer_fn(struct timer_list *t)
{
	struct drbd_resource *resource = container_of(t, struct drbd_resource, request_timer);
	struct drbd_connection *connection;
	struct drbd_device *device;
	struct drbd_request *req;
	unsigned long flags;

	spin_lock_irqsave(&resource->req_lock, flags);
	for_each_connection(connection, resource) {
		struct net_conf *nc = rcu_dereference_check(connection->net_conf, true);
		unsigned long limit;
		u32 b = bit(connection->peer_node_id);

		if (connection->cstate != C_CONNECTED || !nc || !nc->ko_count || !nc->timeout)
			continue;
		limit = (unsigned long)nc->ko_count * nc->timeout * HZ / 10;
		if (time_before(jiffies, connection->last_reconnect_jif + limit))
			continue;
		list_for_each_entry(req, &resource->transfer_log, tl) {
			if (!(req->pending & req->sent & b))
				continue;
			if (time_after(jiffies, req->sent_jif + limit)) {
				pr_warn("drbd %s %s: a request is unanswered for %u ms\n",
					resource->name, connection->name,
					jiffies_to_msecs(jiffies - req->sent_jif));
				drbd_change_cstate_async(connection, C_TIMEOUT);
			}
			break;
		}
	}
	device = hanging_disk(resource);
	if (device)
		drbd_device_get(device);
	spin_unlock_irqrestore(&resource->req_lock, flags);
	if (device) {
		drbd_io_error(device, DRBD_IO_ERR_FORCE);
		drbd_device_put(device);
	}
	mod_timer(&resource->request_timer, jiffies + HZ);
}

/* -------------------------------------------------------------------- set-up */

int drbd_request_init_resource(struct drbd_resource *resource)
{
	INIT_LIST_HEAD(&resource->transfer_log);
	INIT_LIST_HEAD(&resource->retry);
	bio_list_init(&resource->retry_bios);
	resource->retry_wq = alloc_workqueue("drbd_retry_%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0,
					     resource->name);
	if (!resource->retry_wq)
		return -ENOMEM;
	INIT_LIST_HEAD(&resource->peer_acks);
	INIT_WORK(&resource->retry_work, retry_work);
	INIT_DELAYED_WORK(&resource->peer_ack_work, peer_ack_work);
	timer_setup(&resource->request_timer, request_timer_fn, 0);
	timer_setup(&resource->epoch_timer, epoch_timer_fn, 0);
	mod_timer(&resource->request_timer, jiffies + HZ);
	/* Not from zero: block ids of an earlier life must not match. */
	resource->next_block_id = (u64)get_random_u32() << 24;
	return 0;
}

void drbd_request_free_resource(struct drbd_resource *resource)
{
	timer_shutdown_sync(&resource->request_timer);
	timer_shutdown_sync(&resource->epoch_timer);
	cancel_delayed_work_sync(&resource->peer_ack_work);
	cancel_work_sync(&resource->retry_work);
	if (resource->retry_wq)
		destroy_workqueue(resource->retry_wq);
	resource->retry_wq = NULL;
	if (resource->peer_ack.last)
		request_free(resource->peer_ack.last);
	resource->peer_ack.last = NULL;
}

int drbd_request_init_device(struct drbd_device *device)
{
	init_waitqueue_head(&device->misc_wait);
	device->writes = RB_ROOT_CACHED;
	device->reads = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&device->held_intervals);
	INIT_LIST_HEAD(&device->submit_queue);
	INIT_LIST_HEAD(&device->failed_writes);
	INIT_LIST_HEAD(&device->unlogged_writes);
	INIT_LIST_HEAD(&device->flushes);
	INIT_WORK(&device->release_work, drbd_interval_release_work);
	INIT_WORK(&device->submit_work, submit_work);
	INIT_WORK(&device->new_uuid_work, drbd_new_uuid_work);
	device->submitter = alloc_ordered_workqueue("drbd%u_submit", WQ_MEM_RECLAIM,
						    device->minor);
	return device->submitter ? 0 : -ENOMEM;
}

void drbd_request_free_device(struct drbd_device *device)
{
	if (!device->submitter)
		return;
	cancel_work_sync(&device->release_work);
	cancel_work_sync(&device->new_uuid_work);
	destroy_workqueue(device->submitter);
	device->submitter = NULL;
}

int drbd_request_init(void)
{
	int err;

	request_cache = KMEM_CACHE(drbd_request, 0);
	if (!request_cache)
		return -ENOMEM;
	err = mempool_init_slab_pool(&request_pool, MIN_REQUESTS, request_cache);
	if (err)
		goto out_cache;
	err = mempool_init_kmalloc_pool(&vecs_pool, MIN_VECS, BIO_MAX_VECS * sizeof(struct bio_vec));
	if (err)
		goto out_pool;
	return 0;

out_pool:
	mempool_exit(&request_pool);
out_cache:
	kmem_cache_destroy(request_cache);
	return err;
}

void drbd_request_exit(void)
{
	mempool_exit(&vecs_pool);
	mempool_exit(&request_pool);
	kmem_cache_destroy(request_cache);
}
