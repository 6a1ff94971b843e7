// SPDX-License-Identifier: GPL-2.0-only
#include <linux/slab.h>
#include <linux/sort.h>
#include <crypto/hash.h>
#include "txn.h"
#include "resync.h"
#include "backing.h"
#include "bitmap.h"
#include "block.h"
#include "connection.h"
#include "generation.h"
#include "handshake.h"
#include "interval.h"
#include "metadata.h"
#include "netlink.h"
#include "peer_request.h"
#include "receiver.h"
#include "request.h"
#include "sender.h"
#include "core/bitmap_geometry.h"
#include "core/packet.h"
#include "core/resync_rate.h"
#include "core/size.h"
#include "core/vli.h"

#define pd_info(pd, fmt, ...) \
	pr_info("drbd %s/%d drbd%u %s: " fmt, (pd)->connection->resource->name, \
		(pd)->device->vnr, (pd)->device->minor, (pd)->connection->name, ##__VA_ARGS__)
#define pd_err(pd, fmt, ...) \
	pr_err("drbd %s/%d drbd%u %s: " fmt, (pd)->connection->resource->name, \
	       (pd)->device->vnr, (pd)->device->minor, (pd)->connection->name, ##__VA_ARGS__)

#define MAX_REQUEST (1U << 20)
/* Pages that what a peer asked for may keep busy, per volume: the largest max-buffers. */
#define MAX_SERVED_PAGES 131072

/* Private part of a peer device; pd->rs.priv. */
struct drbd_resync_priv {
	struct drbd_peer_device *pd;
	struct drbd_rate rate;
	u64 free_ns;			/* when c-max-rate lets more be asked for */
	struct delayed_work tick;
	struct work_struct start;
	struct work_struct finish;
	struct work_struct ended;
	struct delayed_work late;
	bool left_over;			/* the late order: known at both ends, not just here */
	enum drbd_repl_state start_as, start_from;
	u32 start_session;
	bool helper_called;
	bool starting;
	struct drbd_bm_stream recv;
	bool receiving;
	bool whole;			/* nothing of it was dropped so far */
	struct drbd_sender_work send_bitmap;
	/* The exchange it is for, and whether it is queued: req_lock. */
	u32 send_session;
	enum drbd_repl_state send_state;
	bool send_queued;
	u64 next_id;
	atomic_t outstanding;		/* requests sent or held, replies being written */
	atomic_t served_pages;		/* of the peer's requests that are not over */
	u8 *page;
};

static struct drbd_resync_priv *priv(struct drbd_peer_device *pd)
{
	return pd->rs.controller;
}

static bool active_target(struct drbd_peer_device *pd)
{
	return READ_ONCE(pd->repl_state) == L_SYNC_TARGET;
}

static bool sync_target(struct drbd_peer_device *pd)
{
	enum drbd_repl_state rs = READ_ONCE(pd->repl_state);

	return rs == L_SYNC_TARGET || rs == L_PAUSED_SYNC_T;
}

static void kick_tick(struct drbd_peer_device *pd, unsigned long delay)
{
	mod_delayed_work(system_unbound_wq, &priv(pd)->tick, delay);
}

/* ---------------------------------------------------------------- progress */

static void decide_csums(struct drbd_peer_device *pd)
{
	struct net_conf *nc;

	clear_bit(PD_CSUMS_RESYNC, &pd->flags);
	rcu_read_lock();
	nc = rcu_dereference(pd->connection->net_conf);
	if (pd->connection->csums_tfm &&
	    (!nc->csums_after_crash_only || test_bit(DEV_CRASHED_PRIMARY, &pd->device->flags)))
		set_bit(PD_CSUMS_RESYNC, &pd->flags);
	rcu_read_unlock();
}

void drbd_resync_init_progress(struct drbd_peer_device *pd, u8 repl_state)
{
	u64 left = 0;
	int i;

	if (pd->device->bitmap && pd->bitmap_index >= 0)
		left = drbd_bm_weight(pd->device, pd->bitmap_index);
	if (repl_state == L_VERIFY_S || repl_state == L_VERIFY_T)
		left = pd->ov.left;
	/* There the first request tells where it starts. */
	if (repl_state == L_VERIFY_T)
		left = pd->ov.left = 0;
	pd->rs.total = left;
	pd->rs.failed = 0;
	pd->rs.same_csum = 0;
	pd->rs.pos = 0;
	pd->rs.pass_start_left = left;
	pd->rs.start_jif = jiffies;
	pd->rs.paused_jif = 0;
	pd->rs.finishing = false;
	pd->rs.last_mark = 0;
	for (i = 0; i < ARRAY_SIZE(pd->rs.mark_jif); i++) {
		pd->rs.mark_jif[i] = jiffies;
		pd->rs.mark_left[i] = left;
	}
	pd->rs.last_notify_jif = jiffies;
	atomic_set(&pd->rs.answered_sectors, 0);
	drbd_rate_init(&priv(pd)->rate);
	priv(pd)->free_ns = 0;
	if (drbd_is_sync_target(repl_state))
		decide_csums(pd);
}

static void advance_marks(struct drbd_peer_device *pd, u64 left)
{
	unsigned int next;

	if (time_before(jiffies, pd->rs.mark_jif[pd->rs.last_mark] + 3 * HZ))
		return;
	next = (pd->rs.last_mark + 1) % ARRAY_SIZE(pd->rs.mark_jif);
	pd->rs.mark_jif[next] = jiffies;
	pd->rs.mark_left[next] = left;
	pd->rs.last_mark = next;
	drbd_notify_peer_device(pd);
}

/* ---------------------------------------------------------- bitmap exchange */

static u64 find_bit_run(void *ctx, u64 from, bool value)
{
	struct drbd_peer_device *pd = ctx;
	u64 bits = drbd_bm_wire_bits(pd->device);

	while (from < bits) {
		bool v = false;
		u64 n = drbd_bm_run(pd->device, pd->bitmap_index, from, &v);

		if (!n)
			break;
		if (v == value)
			return from;
		from += n;
	}
	return bits;
}

/* The exchange that the bitmap was ordered for is still under way. */
static bool send_due(struct drbd_peer_device *pd, u32 session, enum drbd_repl_state state)
{
	bool due;

	spin_lock_irq(&pd->device->resource->req_lock);
	due = pd->connection->session == session && pd->repl_state == state;
	/* From here on an answer may come. */
	if (due)
		set_bit(PD_BITMAP_SENT, &pd->flags);
	/* What is in flight is neither in the bitmap nor announced otherwise. */
	if (due && state == L_WF_BITMAP_S) {
		drbd_tl_mark_unacked(pd);
		drbd_mark_unacked_peer_writes(pd->device->resource);
	}
	spin_unlock_irq(&pd->device->resource->req_lock);
	return due;
}

/* -ESTALE: not for an exchange that was given up. */
static int send_bitmap(struct drbd_peer_device *pd, u32 session, enum drbd_repl_state state)
{
	struct drbd_connection *connection = pd->connection;
	struct drbd_resync_priv *p = priv(pd);
	unsigned int room = DRBD_PACKET_BUFFER_SIZE -
		drbd_header_size(connection->agreed_pro_version);
	u64 bits = drbd_bm_wire_bits(pd->device);
	bool coarse = drbd_bm_block_shift(pd->device) > DRBD_WIRE_BM_BLOCK_SHIFT;
	struct drbd_bm_stream s;
	bool rle;
	int err = 0;

	rcu_read_lock();
	rle = rcu_dereference(connection->net_conf)->use_rle;
	rcu_read_unlock();
	drbd_bm_stream_init(&s, bits);
	drbd_stream_lock(connection, DATA_STREAM);
	if (!send_due(pd, session, state)) {
		drbd_stream_unlock(connection, DATA_STREAM);
		return -ESTALE;
	}
	while (!s.complete && !err) {
		u64 pos = s.pos;
		int len = 0;

		if ((rle || coarse) && pos < bits)
			len = drbd_rle_encode(p->page, room, bits, &pos, coarse, find_bit_run, pd);
		if (len > 0) {
			err = drbd_send_head(connection, DATA_STREAM, P_COMPRESSED_BITMAP,
					     pd->device->vnr, p->page, len, len, true);
			if (!err)
				err = drbd_bm_stream_rle(&s, pos);
		} else {
			size_t n = drbd_bm_stream_plain_len(&s, room);
			u64 word = drbd_bm_stream_plain_pos(&s) / 64;

			drbd_bm_get_words(pd->device, pd->bitmap_index, word, n / 8,
					  (__le64 *)p->page);
			err = drbd_send_head(connection, DATA_STREAM, P_BITMAP, pd->device->vnr,
					     p->page, n, n, n != 0);
			if (!err)
				err = drbd_bm_stream_plain(&s, n, room);
		}
	}
	connection->transport.class->ops->hint(&connection->transport, DATA_STREAM,
					       DRBD_HINT_PUSH);
	drbd_stream_unlock(connection, DATA_STREAM);
	return err;
}

static int send_bitmap_work(struct drbd_sender_work *w, bool cancel)
{
	struct drbd_resync_priv *p = container_of(w, struct drbd_resync_priv, send_bitmap);
	struct drbd_peer_device *pd = p->pd;
	struct drbd_resource *resource = pd->device->resource;
	enum drbd_repl_state state;
	int err = -ESTALE;
	u32 session;

	spin_lock_irq(&resource->req_lock);
	p->send_queued = false;
	session = p->send_session;
	state = p->send_state;
	spin_unlock_irq(&resource->req_lock);
	if (!cancel && drbd_ldev_get(pd->device, D_NEGOTIATING)) {
		if (drbd_md_test_peer_flag(pd->device, pd->connection->peer_node_id,
					   DRBD_MDF_PEER_FULL_SYNC)) {
			pd_info(pd, "setting the whole bitmap for a pending full sync\n");
			drbd_bm_set_slots(pd->device, drbd_slot_bit(pd));
			if (!drbd_bm_write_all(pd->device))
				drbd_md_clear_peer_flag(pd->device, pd->connection->peer_node_id,
							DRBD_MDF_PEER_FULL_SYNC);
		}
		err = send_bitmap(pd, session, state);
		drbd_ldev_put(pd->device);
		if (err && err != -ESTALE)
			pd_err(pd, "sending the bitmap failed: %d\n", err);
	}
	if (!err && state == L_WF_BITMAP_T)
		drbd_resync_start(pd, L_SYNC_TARGET, L_WF_BITMAP_T, session);
	drbd_peer_device_put(pd);
	return err == -ESTALE ? 0 : err;
}

/* For the exchange of now, whatever it was queued for before; req_lock held. */
static void queue_bitmap(struct drbd_peer_device *pd)
{
	struct drbd_resync_priv *p = priv(pd);

	lockdep_assert_held(&pd->device->resource->req_lock);
	p->send_session = pd->connection->session;
	p->send_state = pd->repl_state;
	if (p->send_queued)
		return;
	p->send_queued = true;
	drbd_peer_device_get(pd);
	drbd_queue_sender_work(pd->connection, &p->send_bitmap);
}

void drbd_queue_send_bitmap(struct drbd_peer_device *pd)
{
	struct drbd_resource *resource = pd->device->resource;

	spin_lock_irq(&resource->req_lock);
	/* Ordered for an exchange before this one, it may have come by already. */
	if (pd->repl_state == L_WF_BITMAP_S && !test_bit(PD_BITMAP_SENT, &pd->flags))
		queue_bitmap(pd);
	spin_unlock_irq(&resource->req_lock);
}

static bool both_have_disks(struct drbd_peer_device *pd)
{
	enum drbd_disk_state peer = READ_ONCE(pd->disk_state);

	return READ_ONCE(pd->device->disk_state) >= D_NEGOTIATING && peer >= D_NEGOTIATING &&
		peer != D_UNKNOWN;
}

/*
 * A bitmap has arrived to its end.  What is not the answer to this exchange, or is not
 * merged from its beginning, may be short of bits: then the two ends agree anew.
 */
static int bitmap_complete(struct drbd_peer_device *pd)
{
	struct drbd_resource *resource = pd->device->resource;
	u32 session = READ_ONCE(pd->connection->session);
	bool whole = priv(pd)->whole, start = false, odd = false;
	enum drbd_repl_state rs;

	spin_lock_irq(&resource->req_lock);
	rs = pd->repl_state;
	switch (rs) {
	case L_WF_BITMAP_T:
		odd = !whole;
		if (whole)
			queue_bitmap(pd);
		break;
	case L_WF_BITMAP_S:
		start = whole && test_bit(PD_BITMAP_SENT, &pd->flags);
		odd = !start;
		break;
	case L_SYNC_TARGET:
	case L_PAUSED_SYNC_T:
		odd = true;
		break;
	case L_ESTABLISHED:
	case L_VERIFY_S:
	case L_VERIFY_T:
		/* It would wait for ours for ever. */
		odd = both_have_disks(pd);
		break;
	default:
		break;
	}
	spin_unlock_irq(&resource->req_lock);
	if (odd) {
		pd_err(pd, "a bitmap of another exchange in state %s: connecting anew\n",
		       drbd_repl_text(rs));
		return -ECONNRESET;
	}
	if (start)
		drbd_resync_start(pd, L_SYNC_SOURCE, L_WF_BITMAP_S, session);
	else if (rs != L_WF_BITMAP_T)
		pd_info(pd, "unexpected bitmap in state %s, ignored\n", drbd_repl_text(rs));
	return 0;
}

static bool expects_bitmap(struct drbd_peer_device *pd)
{
	enum drbd_repl_state rs = READ_ONCE(pd->repl_state);

	return rs == L_WF_BITMAP_S || rs == L_WF_BITMAP_T;
}

/* Nothing will come that makes a bitmap expected. */
static bool expects_none(struct drbd_peer_device *pd)
{
	/* A resync whose end is announced before it has begun here is as good as over. */
	return !both_have_disks(pd) || READ_ONCE(pd->connection->cstate) < C_CONNECTED ||
		(READ_ONCE(pd->repl_state) > L_WF_BITMAP_T &&
		 !test_bit(PD_FINISH_AFTER_START, &pd->flags));
}

static int bitmap_begins(struct drbd_peer_device *pd)
{
	wait_queue_head_t *state_wait = &pd->device->resource->state_wait;
	struct drbd_resync_priv *p = priv(pd);
	long left;
	u64 bits;

	/* The peer may be faster than our own commit, or than the other peers of an attach. */
	do {
		left = wait_event_timeout(*state_wait, expects_bitmap(pd) || expects_none(pd),
					  5 * HZ);
	} while (!left && READ_ONCE(pd->device->disk_state) == D_NEGOTIATING);
	if (!left && READ_ONCE(pd->repl_state) == L_ESTABLISHED) {
		/* It would wait for ours for ever. */
		pd_err(pd, "a bitmap, but no resync was agreed on here: connecting anew\n");
		return -ECONNRESET;
	}
	/* Followed to its end even if nothing comes of it: what follows is another one. */
	bits = drbd_bm_bits(drbd_block_capacity(pd->device), DRBD_WIRE_BM_BLOCK_SHIFT);
	if (drbd_ldev_get(pd->device, D_NEGOTIATING)) {
		bits = drbd_bm_wire_bits(pd->device);
		drbd_ldev_put(pd->device);
	}
	drbd_bm_stream_init(&p->recv, bits);
	p->whole = true;
	p->receiving = true;
	return 0;
}

int drbd_receive_bitmap(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	unsigned int room = DRBD_PACKET_BUFFER_SIZE -
		drbd_header_size(connection->agreed_pro_version);
	struct drbd_peer_device *pd;
	struct drbd_resync_priv *p;
	bool disk, use;
	int err = 0;

	rcu_read_lock();
	pd = drbd_connection_peer_device(connection, pi->vnr);
	rcu_read_unlock();
	if (!pd)
		return -EPROTO;
	p = priv(pd);
	if (!p->receiving) {
		err = bitmap_begins(pd);
		if (err)
			return err;
	}
	/* The disk may have gone away while it was on its way. */
	disk = pd->bitmap_index >= 0 && drbd_ldev_get(pd->device, D_NEGOTIATING);
	use = disk && expects_bitmap(pd);
	p->whole &= use;
	if (pi->cmd == P_BITMAP) {
		u64 word = drbd_bm_stream_plain_pos(&p->recv) / 64;

		err = drbd_bm_stream_plain(&p->recv, pi->len, room);
		if (!err && use)
			drbd_bm_or_words(pd->device, pd->bitmap_index, word, pi->len / 8, pi->data);
	} else {
		struct drbd_rle_reader r;
		struct drbd_rle_run run;

		err = drbd_rle_open(&r, pi->data, pi->len, p->recv.pos, p->recv.bits);
		while (!err) {
			int rv = drbd_rle_next(&r, &run);

			if (rv < 0)
				err = rv;
			if (rv <= 0)
				break;
			if (run.value && use)
				drbd_bm_set_run(pd->device, pd->bitmap_index, run.first,
						run.count);
		}
		if (!err)
			err = drbd_bm_stream_rle(&p->recv, r.pos);
	}
	if (disk)
		drbd_ldev_put(pd->device);
	if (err) {
		pd_err(pd, "%s does not fit the bitmap: %d at bit %llu of %llu\n", pi->name, err,
		       p->recv.pos, p->recv.bits);
		p->receiving = false;
		/* Without a disk its length was a guess. */
		return p->whole ? -EPROTO : -ECONNRESET;
	}
	if (p->recv.complete) {
		p->receiving = false;
		return bitmap_complete(pd);
	}
	return 0;
}

/* --------------------------------------------------------------------- start */

void drbd_resync_start(struct drbd_peer_device *pd, enum drbd_repl_state side,
		       enum drbd_repl_state from, u32 session)
{
	struct drbd_resync_priv *p = priv(pd);
	bool current_one;

	spin_lock_irq(&pd->device->resource->req_lock);
	current_one = pd->connection->session == session && pd->repl_state == from;
	if (current_one) {
		p->start_as = side;
		p->start_from = from;
		p->start_session = session;
		p->helper_called = false;
		if (from == L_ESTABLISHED)
			set_bit(PD_RESYNC_TO_BEGIN, &pd->flags);
	} else if (from == L_ESTABLISHED && pd->connection->session == session) {
		clear_bit(PD_RESYNC_TO_BEGIN, &pd->flags);
	}
	spin_unlock_irq(&pd->device->resource->req_lock);
	if (!current_one)
		return;
	drbd_peer_device_get(pd);
	if (!queue_work(system_long_wq, &p->start))
		drbd_peer_device_put(pd);
}

/* What a later connection, or another command, comes to starts by itself. */
static bool may_start(struct drbd_peer_device *pd, enum drbd_repl_state from, u32 session)
{
	return READ_ONCE(pd->connection->session) == session &&
		READ_ONCE(pd->repl_state) == from &&
		(from != L_ESTABLISHED || test_bit(PD_RESYNC_TO_BEGIN, &pd->flags));
}

static void source_finished(struct drbd_peer_device *pd, u8 peer_disk, u32 session);

static void start_work(struct work_struct *work)
{
	struct drbd_resync_priv *p = container_of(work, struct drbd_resync_priv, start);
	struct drbd_peer_device *pd = p->pd;
	struct drbd_connection *connection = pd->connection;
	struct drbd_resource *resource = connection->resource;
	enum drbd_repl_state side, from;
	u32 session;
	int rv;

	spin_lock_irq(&resource->req_lock);
	side = p->start_as;
	from = p->start_from;
	session = p->start_session;
	spin_unlock_irq(&resource->req_lock);
	if (!may_start(pd, from, session))
		goto out;
	if (!p->helper_called) {
		p->helper_called = true;
		rv = drbd_helper(pd->device, connection, side == L_SYNC_TARGET ?
				 "before-resync-target" : "before-resync-source");
		if (!may_start(pd, from, session))
			goto out;
		if (rv > 0 && !(side == L_SYNC_SOURCE && rv == 3)) {
			pd_info(pd, "before-resync handler returned %d, dropping connection\n", rv);
			drbd_conn_disconnecting(connection, "before-resync");
			goto out;
		}
	}
	/*
	 * The bits that came from the source: should we crash, they are on disk here
	 * for everything that is not, whatever the source has crossed off by then.
	 */
	if (side == L_SYNC_TARGET && drbd_ldev_get(pd->device, D_NEGOTIATING)) {
		drbd_bm_write(pd->device);
		drbd_ldev_put(pd->device);
	}
	while (!mutex_trylock(&resource->serialize)) {
		if (!may_start(pd, from, session) || connection->cstate < C_CONNECTED)
			goto out;
		schedule_timeout_uninterruptible(HZ / 50 + 1);
	}
	if (side == L_SYNC_TARGET && may_start(pd, from, session))
		drbd_generation_target_before_start(pd);
	drbd_change_repl_state_from(pd, from, session, side, CHG_VERBOSE | CHG_LOCAL_ONLY, "resync");
	mutex_unlock(&resource->serialize);
	if (side == L_SYNC_SOURCE && READ_ONCE(connection->session) == session &&
	    test_and_clear_bit(PD_FINISH_AFTER_START, &pd->flags))
		source_finished(pd, pd->finish_peer_disk, session);
out:
	/* Of a resync that did not begin after all. */
	if (READ_ONCE(connection->session) == session) {
		if (side == L_SYNC_SOURCE)
			clear_bit(PD_FINISH_AFTER_START, &pd->flags);
		clear_bit(PD_RESYNC_TO_BEGIN, &pd->flags);
	}
	drbd_peer_device_put(pd);
}

/* Worker: StartingSync, the whole device by command. */
void drbd_start_full_sync(struct drbd_peer_device *pd, enum drbd_repl_state side)
{
	struct drbd_device *device = pd->device;
	u32 session = READ_ONCE(pd->connection->session);

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return;
	drbd_freeze_io(device, false, false);
	if (side == L_SYNC_TARGET)
		drbd_bm_set_slots(device, BM_ALL_SLOTS);
	else
		drbd_bm_set_slots(device, drbd_slot_bit(pd));
	drbd_bm_write_all(device);
	drbd_thaw_io(device);
	drbd_ldev_put(device);
	drbd_resync_start(pd, side, side == L_SYNC_TARGET ? L_STARTING_SYNC_T : L_STARTING_SYNC_S,
			  session);
}

/* The nearest lower or the nearest higher node id with a disk. */
static bool nearest_disk(struct drbd_peer_device *pd)
{
	int self = drbd_node_id(pd->device->resource), peer = pd->connection->peer_node_id;
	struct drbd_peer_device *other;
	bool nearest = true;

	spin_lock_irq(&pd->device->resource->req_lock);
	for_each_peer_device(other, pd->device) {
		int id = other->connection->peer_node_id;

		if (other->disk_state >= D_INCONSISTENT && other->disk_state != D_UNKNOWN &&
		    (peer < self ? peer < id && id < self : self < id && id < peer))
			nearest = false;
	}
	spin_unlock_irq(&pd->device->resource->req_lock);
	return nearest;
}

/* Of a resync whose direction no data generation tells: resync.md 18.7, traditional. */
static bool source_by_role(struct drbd_peer_device *pd)
{
	struct drbd_resource *resource = pd->device->resource;

	return drbd_size_grow_role_traditional(drbd_node_id(resource),
					       pd->connection->peer_node_id,
					       resource->role == R_PRIMARY,
					       pd->connection->peer_role == R_PRIMARY) ==
		DRBD_GROW_SOURCE;
}

void drbd_resync_new_space(struct drbd_peer_device *pd, u32 session)
{
	struct drbd_device *device = pd->device;
	u64 first, bits;

	if (!nearest_disk(pd) || !drbd_ldev_get(device, D_INCONSISTENT)) {
		clear_bit(PD_RESYNC_TO_BEGIN, &pd->flags);
		return;
	}
	/* Meeting without a resync may have cleared the slot. */
	first = pd->new_space >> (12 - 9);
	bits = drbd_bm_wire_bits(device);
	if (first < bits && pd->bitmap_index >= 0) {
		drbd_bm_set_run(device, pd->bitmap_index, first, bits - first);
		drbd_bm_write(device);
	}
	drbd_ldev_put(device);
	drbd_resync_start(pd, source_by_role(pd) ? L_SYNC_SOURCE : L_SYNC_TARGET, L_ESTABLISHED,
			  session);
}

bool drbd_resync_to_begin(struct drbd_peer_device *pd)
{
	return test_bit(PD_RESYNC_TO_BEGIN, &pd->flags) ||
	       test_bit(PD_ANSWER_STARTS_RESYNC, &pd->flags) ||
	       test_bit(DEV_RESIZING, &pd->device->flags) ||
	       (READ_ONCE(pd->core_flags) & CORE_PD_NEW_SPACE);
}

void drbd_resync_began(struct drbd_peer_device *pd)
{
	u64 bits = pd->rs.total;

	pd_info(pd, "Began resync as %s (will sync %llu KB [%llu bits set]).\n",
		drbd_repl_text(pd->repl_state), bits << (drbd_bm_block_shift(pd->device) - 10), bits);
	if (sync_target(pd))
		drbd_generation_target_started(pd);
}

void drbd_resync_start_requests(struct drbd_peer_device *pd)
{
	kick_tick(pd, 0);
}

static void order_late(struct drbd_peer_device *pd, unsigned long delay);
static void late_bits(struct drbd_peer_device *pd);
static bool differs_though_done(struct drbd_peer_device *pd);

void drbd_resync_bits_set(struct drbd_peer_device *pd, sector_t sector)
{
	if (sync_target(pd))
		kick_tick(pd, 1);
	else if (differs_though_done(pd))
		late_bits(pd);
}

/* ------------------------------------------------------------ target: asking */

/* For a request that was made without pages: borrows a bio that has some. */
void drbd_resync_give_pages(struct drbd_peer_request *pr)
{
	struct drbd_peer_request *fresh;

	fresh = drbd_pr_alloc(pr->peer_device, pr->i.sector, pr->i.size, true);
	pr->bio = fresh->bio;
	pr->bio->bi_private = pr;
	fresh->bio = NULL;
	drbd_pr_free(fresh);
}

/* The request is over, whatever became of it. */
static void request_over(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;
	struct drbd_resource *resource = pd->device->resource;
	unsigned long flags;

	spin_lock_irqsave(&resource->req_lock, flags);
	list_del_init(&pr->list);
	drbd_interval_leave(pd->device, &pr->i);
	spin_unlock_irqrestore(&resource->req_lock, flags);
	if (pr->flags & PR_READING) {
		pr->flags &= ~PR_READING;
		atomic_dec(&pd->rs_pending);
	}
	if (atomic_dec_and_test(&priv(pd)->outstanding))
		kick_tick(pd, 0);
	wake_up_all(&pd->connection->ee_wait);
	drbd_pr_free(pr);
}

/* Position of the write stream that the answer must not be older than (resync.md 9.4). */
static int depend_on(struct drbd_peer_device *pd, u64 *dagtag)
{
	struct drbd_resource *resource = pd->device->resource;
	struct drbd_connection *connection;
	int node = 0, primaries = 0;

	*dagtag = 0;
	spin_lock_irq(&resource->req_lock);
	if (resource->role == R_PRIMARY) {
		node = drbd_node_id(resource);
		*dagtag = resource->dagtag;
	} else {
		for_each_connection(connection, resource) {
			if (connection->peer_role != R_PRIMARY || !connection->last_dagtag_valid)
				continue;
			primaries++;
			node = connection->peer_node_id;
			*dagtag = connection->last_dagtag;
		}
	}
	spin_unlock_irq(&resource->req_lock);
	if (primaries > 1)
		return -1;
	return node;
}

static void send_resync_request(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;
	struct drbd_connection *connection = pd->connection;
	bool dagtag = connection->agreed_features & DRBD_FF_RESYNC_DAGTAG;
	struct {
		struct wire_dagtag_request r;
		u8 digest[DRBD_MAX_DIGEST_SIZE];
	} __packed p;
	unsigned int len;
	u64 position;
	u16 cmd;
	int node;

	memset(&p, 0, sizeof(p));
	p.r.sector = cpu_to_be64(pr->i.sector);
	p.r.block_id = pr->block_id;
	p.r.size = cpu_to_be32(pr->i.size);
	if (dagtag) {
		node = depend_on(pd, &position);
		if (node < 0) {
			pd_err(pd, "Refusing to resync due to multiple remote primaries\n");
			drbd_conn_disconnecting(connection, "resync");
			request_over(pr);
			return;
		}
		p.r.dagtag_node_id = cpu_to_be32(node);
		p.r.dagtag = cpu_to_be64(position);
		len = sizeof(p.r);
		cmd = pr->flags & PR_CSUM ? P_RS_CSUM_DAGTAG_REQ : P_RS_DAGTAG_REQ;
	} else {
		len = sizeof(struct wire_block_request);
		cmd = pr->flags & PR_CSUM ? P_CSUM_RS_REQUEST : P_RS_DATA_REQUEST;
	}
	if (pr->flags & PR_CSUM) {
		memcpy((u8 *)&p + len, pr->digest, pr->digest_size);
		len += pr->digest_size;
	}
	pr->flags |= PR_READING;
	atomic_inc(&pd->rs_pending);
	/* @pr may be answered and gone as soon as it is out. */
	if (drbd_send_packet(connection, DATA_STREAM, cmd, pd->device->vnr, &p, len))
		drbd_change_cstate_async(connection, C_NETWORK_FAILURE);
}

static void csum_read_done(struct drbd_peer_request *pr);

/* Sender thread: hash the own block and ask whether it is the same there. */
static int send_csum_request(struct drbd_sender_work *w, bool cancel)
{
	struct drbd_peer_request *pr = container_of(w, struct drbd_peer_request, sw);
	struct drbd_peer_device *pd = pr->peer_device;
	struct crypto_shash *tfm = pd->connection->csums_tfm;

	if (cancel) {
		request_over(pr);
		return 0;
	}
	if (!tfm || (pr->flags & PR_FAILED)) {
		pr->flags &= ~(PR_CSUM | PR_FAILED);
	} else {
		drbd_digest_pr(tfm, pr, pr->digest);
		pr->digest_size = crypto_shash_digestsize(tfm);
	}
	drbd_pr_free_pages(pr);
	send_resync_request(pr);
	return 0;
}

static void csum_read_done(struct drbd_peer_request *pr)
{
	drbd_queue_sender_work(pr->peer_device->connection, &pr->sw);
}

static void request_go(struct drbd_peer_request *pr)
{
	if (pr->flags & PR_CANCELED) {
		request_over(pr);
		return;
	}
	if (pr->flags & PR_CSUM)
		drbd_pr_submit(pr, REQ_OP_READ);
	else
		send_resync_request(pr);
}

static bool own_requests_overlap(struct drbd_device *device, sector_t sector, unsigned int size)
{
	struct drbd_interval *i;

	for_each_overlap(i, &device->writes, sector, size)
		if (i->type == INTERVAL_RESYNC_TARGET)
			return true;
	return false;
}

/*
 * The next range to ask for from pass position on: adjacent set blocks, at most
 * 1 MiB, aligned to its size.  False at the end of the pass.
 */
static bool next_range(struct drbd_peer_device *pd, unsigned int max_bits, sector_t *sector,
		       unsigned int *size)
{
	struct drbd_device *device = pd->device;
	unsigned int shift = drbd_bm_block_shift(device);
	u64 capacity = drbd_block_capacity(device);
	unsigned long bit, n = 1, limit;

	bit = drbd_bm_find_next(device, pd->bitmap_index, pd->rs.pos);
	if (bit == ULONG_MAX)
		return false;
	limit = min_t(unsigned long, MAX_REQUEST >> shift, max_t(unsigned int, max_bits, 1));
	if (bit)
		limit = min(limit, 1UL << __ffs(bit));
	while (n < limit && drbd_bm_test(device, pd->bitmap_index, bit + n))
		n++;
	/* The alignment rule wants a power of two. */
	n = rounddown_pow_of_two(n);
	*sector = (sector_t)bit << (shift - 9);
	if (*sector >= capacity)
		return false;
	*size = min_t(u64, (u64)n << shift, (capacity - *sector) << 9);
	pd->rs.pos = bit + n;
	return true;
}

/* Asks for up to @blocks 4-KiB blocks; returns how many. */
static unsigned int make_requests(struct drbd_peer_device *pd, unsigned int blocks)
{
	struct drbd_device *device = pd->device;
	struct drbd_resource *resource = device->resource;
	struct drbd_connection *connection = pd->connection;
	struct drbd_transport_stats st;
	unsigned int shift = drbd_bm_block_shift(device), done = 0, size;
	sector_t sector;

	while (done < blocks && active_target(pd)) {
		struct drbd_peer_request *pr;
		bool go, csum = test_bit(PD_CSUMS_RESYNC, &pd->flags);

		connection->transport.class->ops->stat(&connection->transport, &st);
		if (st.send_buffer_size && st.send_buffer_used > st.send_buffer_size / 2)
			break;
		if (!next_range(pd, (blocks - done) >> (shift - 12), &sector, &size))
			break;
		if (!drbd_ldev_get(device, D_INCONSISTENT))
			break;
		pr = drbd_pr_alloc(pd, sector, size, csum);
		pr->flags |= PR_HAS_LDEV | (csum ? PR_CSUM : 0);
		pr->i.type = INTERVAL_RESYNC_TARGET;
		pr->go = request_go;
		pr->completed = csum_read_done;
		pr->sw.fn = send_csum_request;
		pr->block_id = ++priv(pd)->next_id;
		atomic_inc(&priv(pd)->outstanding);
		spin_lock_irq(&resource->req_lock);
		if (own_requests_overlap(device, sector, size)) {
			spin_unlock_irq(&resource->req_lock);
			request_over(pr);
			continue;
		}
		list_add_tail(&pr->list, &pd->rs.requests);
		go = drbd_interval_enter(device, &pr->i);
		spin_unlock_irq(&resource->req_lock);
		done += DIV_ROUND_UP(size, 4096);
		drbd_rate_requested(&priv(pd)->rate, size >> 9);
		if (go)
			request_go(pr);
	}
	return done;
}

static void pass_complete(struct drbd_peer_device *pd);

/*
 * A tick comes early when all answers are there, and then asks for a whole tick's
 * amount: the limit (c-max-rate or resync-rate, KiB/s, 0: none) has to hold nevertheless.
 */
static void took(struct drbd_resync_priv *p, unsigned int blocks, u32 max_rate)
{
	u64 now = ktime_get_ns();

	if (!max_rate)
		return;
	p->free_ns = max(p->free_ns, now) + div_u64((u64)blocks * 4 * NSEC_PER_SEC, max_rate);
	/* Single blocks may be large, and the rate absurdly low; it may also be raised. */
	p->free_ns = min_t(u64, p->free_ns, now + NSEC_PER_SEC);
}

/* Jiffies until more may be asked for. */
static unsigned long hold(struct drbd_resync_priv *p)
{
	u64 now = ktime_get_ns();

	return p->free_ns > now ? nsecs_to_jiffies(p->free_ns - now) : 0;
}

/* Caller has an ldev reference. */
static void one_tick(struct drbd_resync_priv *p)
{
	struct drbd_peer_device *pd = p->pd;
	struct drbd_rate_limits limits = { .align_blocks = 1 };
	enum drbd_repl_state rs = READ_ONCE(pd->repl_state);
	struct drbd_rate_conf conf;
	struct peer_device_conf *pc;
	unsigned int want, done;
	unsigned long elapsed, delay;
	bool verify = rs == L_VERIFY_S;
	u64 left;

	if (!(active_target(pd) || verify) || pd->rs.finishing ||
	    pd->connection->cstate < C_CONNECTED)
		return;
	rcu_read_lock();
	pc = rcu_dereference(pd->conf);
	conf.resync_rate = pc->resync_rate;
	conf.c_plan_ahead = pc->c_plan_ahead;
	conf.c_delay_target = pc->c_delay_target;
	conf.c_fill_target = pc->c_fill_target;
	conf.c_max_rate = pc->c_max_rate;
	conf.c_min_rate = pc->c_min_rate;
	limits.max_buffers = rcu_dereference(pd->connection->net_conf)->max_buffers;
	rcu_read_unlock();
	limits.align_blocks = 1U << (drbd_bm_block_shift(pd->device) - 12);

	delay = hold(p);
	if (!delay) {
		elapsed = jiffies - pd->rs.last_tick_jif;
		pd->rs.last_tick_jif = jiffies;
		want = drbd_rate_tick(&p->rate, &conf, &limits,
				      atomic_xchg(&pd->rs.answered_sectors, 0),
				      jiffies_to_msecs(elapsed));
		/* Statistics: blocks of 4 KiB per tick to KiB/s. */
		if (elapsed)
			WRITE_ONCE(pd->rs.c_sync_rate, div_u64((u64)want * 4 * HZ, elapsed));
		if (verify)
			done = drbd_verify_tick(pd, want);
		else
			done = make_requests(pd, want);
		took(p, done, conf.c_plan_ahead ? conf.c_max_rate : conf.resync_rate);
		delay = max(msecs_to_jiffies(drbd_rate_next_tick_ms(done, want, false)), hold(p));
	}

	left = verify ? pd->ov.left : drbd_bm_weight(pd->device, pd->bitmap_index);
	advance_marks(pd, left);
	if (!verify && time_after(jiffies, pd->rs.last_bm_writeout_jif + 2 * HZ)) {
		pd->rs.last_bm_writeout_jif = jiffies;
		drbd_bm_write_lazy(pd->device);
	}
	if (!verify && !atomic_read(&p->outstanding) &&
	    (left == 0 || drbd_bm_find_next(pd->device, pd->bitmap_index, pd->rs.pos) ==
	     ULONG_MAX)) {
		pass_complete(pd);
		return;
	}
	queue_delayed_work(system_unbound_wq, &p->tick, delay ?: 1);
}

static void tick_work(struct work_struct *work)
{
	struct drbd_resync_priv *p = container_of(work, struct drbd_resync_priv, tick.work);

	/* Without a disk there is nothing to resynchronise: that state ends, too. */
	if (!drbd_ldev_get(p->pd->device, D_INCONSISTENT))
		return;
	one_tick(p);
	drbd_ldev_put(p->pd->device);
}

/* resync.md 9.3 */
static void pass_complete(struct drbd_peer_device *pd)
{
	u64 left = drbd_bm_weight(pd->device, pd->bitmap_index);

	if (left && !pd->rs.failed) {
		pd->rs.pos = 0;
		pd->rs.pass_start_left = left;
		kick_tick(pd, HZ / 10);
		return;
	}
	pd->rs.finishing = true;
	drbd_peer_device_get(pd);
	if (!queue_work(system_long_wq, &priv(pd)->finish))
		drbd_peer_device_put(pd);
}

/* ---------------------------------------------------------- target: the end */

struct finish_change {
	struct drbd_peer_device *pd;
	u32 session;
	u8 own_disk, peer_disk;
};

static unsigned int finish_change(struct drbd_txn *t, void *arg)
{
	struct finish_change *f = arg;
	struct core_peer_device *p = drbd_txn_pd(t, f->pd);
	int d = drbd_txn_dev(t, f->pd->device);

	if (!p || d < 0 || !drbd_is_sync_target(p->repl_state[DRBD_OLD]) ||
	    f->pd->connection->session != f->session)
		return 0;
	p->repl_state[DRBD_NEW] = L_ESTABLISHED;
	p->resync_active[DRBD_NEW] = 0;
	if (f->own_disk != D_MASK)
		t->core.dev[d].disk_state[DRBD_NEW] = f->own_disk;
	if (f->peer_disk != D_MASK)
		p->disk_state[DRBD_NEW] = f->peer_disk;
	return 0;
}

static void order_late(struct drbd_peer_device *pd, unsigned long delay)
{
	drbd_peer_device_get(pd);
	if (!queue_delayed_work(system_long_wq, &priv(pd)->late, delay))
		drbd_peer_device_put(pd);
}

/*
 * Marked when the resync was as good as over: the source's own write was still
 * under way when it sent us the bitmap, and its P_OUT_OF_SYNC is late.  Both
 * sides have the bit, both call themselves UpToDate: do it once more.
 */
static void late_bits(struct drbd_peer_device *pd)
{
	WRITE_ONCE(priv(pd)->left_over, false);
	order_late(pd, 1);
}

void drbd_resync_left_over(struct drbd_peer_device *pd)
{
	pd_info(pd, "marked out of sync at both ends\n");
	WRITE_ONCE(priv(pd)->left_over, true);
	/* One order is enough; the target's comes first if its module does as we do. */
	order_late(pd, source_by_role(pd) ? 3 * HZ : 1);
}

/* Connected, without a resync, both disks at least @disk_state: but there are marks. */
static bool differs(struct drbd_peer_device *pd, enum drbd_disk_state disk_state)
{
	bool yes = false;

	if (!drbd_ldev_get(pd->device, disk_state))
		return false;
	spin_lock_irq(&pd->device->resource->req_lock);
	if (pd->repl_state == L_ESTABLISHED && pd->connection->cstate == C_CONNECTED &&
	    pd->device->disk_state >= disk_state && pd->disk_state >= disk_state)
		yes = drbd_bm_weight(pd->device, pd->bitmap_index);
	spin_unlock_irq(&pd->device->resource->req_lock);
	drbd_ldev_put(pd->device);
	return yes;
}

static bool differs_though_done(struct drbd_peer_device *pd)
{
	return differs(pd, D_UP_TO_DATE);
}

static void late_work(struct work_struct *work)
{
	struct drbd_resync_priv *p = container_of(work, struct drbd_resync_priv, late.work);
	struct drbd_peer_device *pd = p->pd;
	struct drbd_resource *resource = pd->device->resource;
	u32 session = READ_ONCE(pd->connection->session);
	enum drbd_repl_state side;
	int rv = SS_INTERRUPTED;

	if (!differs_though_done(pd)) {
		/* They may have met as Consistent, and not be UpToDate yet. */
		if (READ_ONCE(p->left_over) && differs(pd, D_INCONSISTENT))
			order_late(pd, HZ);
		goto out;
	}
	/* New space is resynchronised without an exchange of bitmaps: after that. */
	if (test_bit(PD_RESYNC_TO_BEGIN, &pd->flags) ||
	    test_bit(DEV_RESIZING, &pd->device->flags)) {
		order_late(pd, HZ);
		goto out;
	}
	if (pd->connection->agreed_pro_version < 120) {
		pd_err(pd, "blocks were marked out of sync after the end of the resync; invalidate the disk\n");
		goto out;
	}
	/* Who has it may be waiting for us. */
	if (mutex_trylock(&resource->serialize)) {
		/* No promotion here meanwhile; one elsewhere takes turns with the order. */
		side = READ_ONCE(p->left_over) && source_by_role(pd) ? L_WF_BITMAP_S :
								       L_WF_BITMAP_T;
		rv = drbd_change_repl_state_from(pd, L_ESTABLISHED, session, side,
						 CHG_VERBOSE | CHG_CLUSTER_WIDE,
						 "late-out-of-sync");
		mutex_unlock(&resource->serialize);
	}
	if (rv < SS_SUCCESS)
		order_late(pd, HZ);
out:
	drbd_peer_device_put(pd);
}

/* Caller has an ldev reference. */
static void finish(struct drbd_peer_device *pd)
{
	struct drbd_device *device = pd->device;
	/* What follows takes its time; it must not end the resync of a later connection. */
	struct finish_change f = { .pd = pd, .session = READ_ONCE(pd->connection->session),
				   .own_disk = D_MASK, .peer_disk = D_MASK };
	unsigned long s;
	int err;

	if (!sync_target(pd) || !drbd_ping_peer(pd->connection)) {
		pd->rs.finishing = false;
		return;
	}
	if (drbd_bm_weight(device, pd->bitmap_index) && !pd->rs.failed) {
		/* Something became out of sync while we asked. */
		pd->rs.finishing = false;
		pd->rs.pos = 0;
		kick_tick(pd, 0);
		return;
	}
	/* Data first, then the bits, then the superblock that says all is well. */
	err = drbd_backing_flush(device);
	if (err && err != -EOPNOTSUPP) {
		drbd_io_error(device, DRBD_IO_ERR_WRITE);
		pd->rs.failed += pd->rs.total;
	}
	if (pd->rs.failed) {
		pd_err(pd, "Resync failed for %llu blocks\n", pd->rs.failed);
		f.own_disk = D_INCONSISTENT;
		f.peer_disk = D_UP_TO_DATE;
	} else if (!(pd->core_flags & CORE_PD_UNSTABLE_RESYNC)) {
		drbd_uuid_wait_unfrozen(device);
		drbd_bm_write(device);
		if (!drbd_generation_target_finished(pd, f.session))
			return;
		f.own_disk = pd->disk_state;
	}
	s = max(1UL, (jiffies - pd->rs.start_jif) / HZ);
	pd_info(pd, "Resync done (total %lu sec; %llu K/sec)\n", s,
		div64_u64(pd->rs.total << (drbd_bm_block_shift(device) - 10), s));
	drbd_change(device->resource, CHG_HARD, finish_change, &f, "resync-finished", NULL, NULL);
	/* What came before this change did not find the state that it looks for. */
	if (differs_though_done(pd))
		late_bits(pd);
}

static void finish_work(struct work_struct *work)
{
	struct drbd_resync_priv *p = container_of(work, struct drbd_resync_priv, finish);
	struct drbd_peer_device *pd = p->pd;

	if (drbd_ldev_get(pd->device, D_INCONSISTENT)) {
		finish(pd);
		drbd_ldev_put(pd->device);
	}
	drbd_peer_device_put(pd);
}

static void ended_work(struct work_struct *work)
{
	struct drbd_resync_priv *p = container_of(work, struct drbd_resync_priv, ended);

	drbd_helper(p->pd->device, p->pd->connection, "after-resync-target");
	drbd_peer_device_put(p->pd);
}

void drbd_resync_ended(struct drbd_peer_device *pd, u8 was_target)
{
	cancel_delayed_work(&priv(pd)->tick);
	pd->rs.total = 0;
	if (was_target) {
		drbd_peer_device_get(pd);
		if (!queue_work(system_long_wq, &priv(pd)->ended))
			drbd_peer_device_put(pd);
	}
}

/* ----------------------------------------------------------- target: writing */

static void resync_write_go(struct drbd_peer_request *pr);

static void resync_written(struct drbd_peer_request *pr);

static int send_resync_ack(struct drbd_sender_work *w, bool cancel)
{
	struct drbd_peer_request *pr = container_of(w, struct drbd_peer_request, sw);
	struct drbd_peer_device *pd = pr->peer_device;
	bool ids = pd->connection->agreed_pro_version >= 122;
	u16 cmd = P_RS_WRITE_ACK;

	if (pr->flags & PR_FAILED)
		cmd = ids ? P_RS_NEG_ACK : P_NEG_ACK;
	if (!cancel)
		drbd_send_block_ack(pd, cmd, pr->i.sector, pr->i.size,
				    ids ? pr->block_id : DRBD_ID_SYNCER, false);
	request_over(pr);
	return 0;
}

static void ack_work(struct work_struct *work)
{
	struct drbd_peer_request *pr = container_of(work, struct drbd_peer_request, work);

	send_resync_ack(&pr->sw, false);
}

/* Any context. */
static void resync_written(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;
	struct drbd_device *device = pd->device;

	if (pr->flags & PR_FAILED) {
		pd->rs.failed += drbd_bm_count(device, pd->bitmap_index, pr->i.sector, pr->i.size);
	} else {
		drbd_bm_data_volatile(device);
		drbd_bm_clear(device, drbd_slot_bit(pd), pr->i.sector, pr->i.size, NULL);
	}
	/* The control stream may make us wait: not here. */
	INIT_WORK(&pr->work, ack_work);
	queue_work(pd->connection->ack_sender, &pr->work);
}

static void resync_write_go(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;

	if (pr->flags & PR_CANCELED) {
		request_over(pr);
		return;
	}
	/* Other peers may differ from us now. */
	drbd_bm_set(pd->device, BM_ALL_SLOTS, pr->i.sector, pr->i.size, NULL);
	pr->completed = resync_written;
	drbd_pr_submit(pr, REQ_OP_WRITE);
}

/*
 * Our own outstanding request that an answer belongs to; it becomes the caller's.
 * Requests of a verify are among them only with @any.
 */
static struct drbd_peer_request *find_request(struct drbd_peer_device *pd, u64 sector, u32 size,
					      u64 block_id, bool by_id, bool any)
{
	struct drbd_resource *resource = pd->device->resource;
	struct drbd_peer_request *pr, *found = NULL;

	spin_lock_irq(&resource->req_lock);
	list_for_each_entry(pr, &pd->rs.requests, list) {
		if (pr->i.sector == sector && pr->i.size == size &&
		    (pr->flags & PR_READING) && (!by_id || pr->block_id == block_id) &&
		    (any || pr->i.type == INTERVAL_RESYNC_TARGET)) {
			found = pr;
			pr->flags &= ~PR_READING;
			break;
		}
	}
	spin_unlock_irq(&resource->req_lock);
	if (found) {
		atomic_dec(&pd->rs_pending);
		atomic_add(size >> 9, &pd->rs.answered_sectors);
	}
	return found;
}

int drbd_receive_rs_data_reply(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_data *p = pi->data;
	struct crypto_shash *tfm = connection->peer_integrity_tfm;
	unsigned int ds = tfm ? crypto_shash_digestsize(tfm) : 0;
	u8 digest[DRBD_MAX_DIGEST_SIZE], mine[DRBD_MAX_DIGEST_SIZE];
	u64 sector = be64_to_cpu(p->sector), block_id = p->block_id;
	struct drbd_peer_request *pr;
	struct drbd_peer_device *pd;
	u32 size = pi->bulk - ds;
	bool go;
	int err;

	rcu_read_lock();
	pd = drbd_connection_peer_device(connection, pi->vnr);
	rcu_read_unlock();
	if (!pd || pi->bulk < ds || !size || size > MAX_REQUEST || !IS_ALIGNED(size, 512))
		return -EPROTO;
	pr = find_request(pd, sector, size, block_id, connection->agreed_pro_version >= 122,
			  false);
	if (!pr) {
		pd_err(pd, "resync reply without a request: sector %llu, %u bytes\n", sector, size);
		return -EPROTO;
	}
	if (!pr->bio)
		drbd_resync_give_pages(pr);
	err = ds ? drbd_recv(connection, digest, ds) : 0;
	if (!err)
		err = drbd_pr_receive(pr);
	if (!err && ds) {
		drbd_digest_pr(tfm, pr, mine);
		pr->bio->bi_iter.bi_size = size;
		if (memcmp(mine, digest, ds))
			err = -EPROTO;
	}
	if (err) {
		request_over(pr);
		return err;
	}
	atomic64_add(size >> 9, &pd->recv_cnt);
	pr->go = resync_write_go;
	spin_lock_irq(&connection->resource->req_lock);
	go = drbd_interval_reenter(pd->device, &pr->i);
	spin_unlock_irq(&connection->resource->req_lock);
	if (go)
		resync_write_go(pr);
	return 0;
}

int drbd_receive_rs_deallocated(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	struct drbd_pkt_block_ack a = { };
	struct drbd_peer_request *pr;
	struct drbd_peer_device *pd;
	bool ids = pi->cmd == P_RS_DEALLOCATED_ID, go;

	rcu_read_lock();
	pd = drbd_connection_peer_device(connection, pi->vnr);
	rcu_read_unlock();
	if (!pd)
		return -EPROTO;
	if (ids) {
		if (drbd_decode_block_ack(pi->data, pi->len, &a))
			return -EPROTO;
	} else {
		struct drbd_pkt_range r;

		if (drbd_decode_range(pi->data, pi->len, &r))
			return -EPROTO;
		a.sector = r.sector;
		a.size = r.size;
	}
	pr = find_request(pd, a.sector, a.size, a.block_id, ids, false);
	if (!pr)
		return -EPROTO;
	drbd_pr_free_pages(pr);
	pr->flags |= PR_ZERO | PR_DISCARD;
	pr->go = resync_write_go;
	spin_lock_irq(&connection->resource->req_lock);
	go = drbd_interval_reenter(pd->device, &pr->i);
	spin_unlock_irq(&connection->resource->req_lock);
	if (go)
		resync_write_go(pr);
	return 0;
}

/* P_RS_IS_IN_SYNC, P_NEG_RS_DREPLY, P_RS_CANCEL(_AHEAD) */
int drbd_resync_answered(struct drbd_peer_device *pd, u16 cmd, const struct drbd_pkt_block_ack *a)
{
	struct drbd_device *device = pd->device;
	struct drbd_peer_request *pr;

	pr = find_request(pd, a->sector, a->size, a->block_id,
			  pd->connection->agreed_pro_version >= 122, cmd != P_RS_IS_IN_SYNC);
	if (!pr) {
		pd_err(pd, "%s without a request: sector %llu, %u bytes\n", drbd_packet_name(cmd),
		       a->sector, a->size);
		return -EPROTO;
	}
	if (pr->i.type == INTERVAL_VERIFY_SOURCE) {
		drbd_verify_canceled(pr);
		return 0;
	}
	switch (cmd) {
	case P_RS_IS_IN_SYNC:
		drbd_bm_clear(device, drbd_slot_bit(pd), a->sector, a->size, NULL);
		pd->rs.same_csum += DIV_ROUND_UP(a->size, 1 << drbd_bm_block_shift(device));
		break;
	case P_NEG_RS_DREPLY:
		pd->rs.failed += drbd_bm_count(device, pd->bitmap_index, a->sector, a->size);
		break;
	case P_RS_CANCEL:
	case P_RS_CANCEL_AHEAD:
		break;
	default:
		request_over(pr);
		return -EPROTO;
	}
	request_over(pr);
	return 0;
}

/* ------------------------------------------------------------ source: serving */

static unsigned int served_pages(const struct drbd_peer_request *pr)
{
	return DIV_ROUND_UP(pr->i.size, PAGE_SIZE);
}

void drbd_resync_serve_over(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;
	struct drbd_connection *connection = pd->connection;

	spin_lock_irq(&connection->resource->req_lock);
	list_del_init(&pr->list);
	drbd_interval_leave(pd->device, &pr->i);
	spin_unlock_irq(&connection->resource->req_lock);
	atomic_sub(served_pages(pr), &priv(pd)->served_pages);
	drbd_pr_free(pr);
	wake_up_all(&connection->ee_wait);
}

/* From here its ack may come, even before the send call has returned. */
static void expect_ack(struct drbd_peer_request *pr)
{
	atomic_inc(&pr->peer_device->rs_pending);
	pr->flags |= PR_ACKED;
}

/* The sender does not need it any more; the ack, or the cleanup, frees it. */
static void served(struct drbd_peer_request *pr)
{
	struct drbd_connection *connection = pr->peer_device->connection;
	bool acked;

	/* What is still on its way is the socket's. */
	drbd_pr_free_pages(pr);
	spin_lock_irq(&connection->resource->req_lock);
	pr->flags |= PR_CONFIRMED;
	acked = list_empty(&pr->list);
	spin_unlock_irq(&connection->resource->req_lock);
	if (acked)
		drbd_resync_serve_over(pr);
}

static int send_resync_reply(struct drbd_sender_work *w, bool cancel)
{
	struct drbd_peer_request *pr = container_of(w, struct drbd_peer_request, sw);
	struct drbd_peer_device *pd = pr->peer_device;
	struct drbd_connection *connection = pd->connection;
	struct drbd_device *device = pd->device;
	u16 refuse = 0;
	int err = 0;

	if (cancel) {
		drbd_resync_serve_over(pr);
		return 0;
	}
	if (pr->flags & PR_FAILED) {
		refuse = P_NEG_RS_DREPLY;
		pd->rs.failed += drbd_bm_count(device, pd->bitmap_index, pr->i.sector, pr->i.size);
	} else if ((pr->flags & PR_CANCELED) || pd->disk_state < D_INCONSISTENT) {
		refuse = P_RS_CANCEL;
	} else if (pr->flags & PR_CSUM) {
		struct crypto_shash *tfm = connection->csums_tfm;
		u8 digest[DRBD_MAX_DIGEST_SIZE];

		if (tfm && crypto_shash_digestsize(tfm) == pr->digest_size) {
			drbd_digest_pr(tfm, pr, digest);
			if (!memcmp(digest, pr->digest, pr->digest_size)) {
				drbd_bm_clear(device, drbd_slot_bit(pd), pr->i.sector, pr->i.size,
					      NULL);
				refuse = P_RS_IS_IN_SYNC;
			}
		}
	}
	if (!refuse && (pr->flags & PR_THIN) && drbd_pr_all_zero(pr)) {
		struct wire_block_ack p = {
			.sector = cpu_to_be64(pr->i.sector),
			.block_id = pr->block_id,
			.size = cpu_to_be32(pr->i.size),
		};
		struct wire_block_range r = {
			.sector = p.sector, .size = p.size,
		};

		expect_ack(pr);
		if (connection->agreed_pro_version >= 122)
			err = drbd_send_packet(connection, DATA_STREAM, P_RS_DEALLOCATED_ID,
					       device->vnr, &p, sizeof(p));
		else
			err = drbd_send_packet(connection, DATA_STREAM, P_RS_DEALLOCATED,
					       device->vnr, &r, sizeof(r));
		served(pr);
		return err;
	}
	if (refuse) {
		err = drbd_send_block_ack(pd, refuse, pr->i.sector, pr->i.size, pr->block_id,
					  false);
		drbd_resync_serve_over(pr);
		return err;
	}
	expect_ack(pr);
	err = drbd_send_data_reply(pr, P_RS_DATA_REPLY);
	served(pr);
	return err;
}

static void resync_read_done(struct drbd_peer_request *pr)
{
	drbd_queue_sender_work(pr->peer_device->connection, &pr->sw);
}

static void serve_go(struct drbd_peer_request *pr)
{
	if (pr->flags & PR_CANCELED) {
		drbd_resync_serve_over(pr);
		return;
	}
	drbd_resync_give_pages(pr);
	drbd_pr_submit(pr, REQ_OP_READ);
}

/* True while the data this read must not be older than has not arrived yet. */
static bool must_wait_for_dagtag(struct drbd_peer_request *pr)
{
	struct drbd_resource *resource = pr->peer_device->device->resource;
	struct drbd_connection *connection;

	if (!pr->depend_dagtag || pr->depend_node == drbd_node_id(resource))
		return false;
	for_each_connection(connection, resource) {
		if (connection->peer_node_id != pr->depend_node ||
		    connection->cstate != C_CONNECTED || connection == pr->peer_device->connection)
			continue;
		return (s64)(connection->last_dagtag - pr->depend_dagtag) < 0;
	}
	return false;
}

/* req_lock held; true: serve_go() is next. */
static bool serve_linked(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;

	list_move_tail(&pr->list, &pd->connection->resync_source);
	return drbd_interval_enter(pd->device, &pr->i);
}

static void serve_enter(struct drbd_peer_request *pr)
{
	struct drbd_resource *resource = pr->peer_device->device->resource;
	bool go = false;

	spin_lock_irq(&resource->req_lock);
	if (must_wait_for_dagtag(pr))
		list_add_tail(&pr->list, &resource->dagtag_waiters);
	else
		go = serve_linked(pr);
	spin_unlock_irq(&resource->req_lock);
	if (go)
		serve_go(pr);
}

/*
 * What these waited for will not come from @lost: the peer asks again, or somebody
 * else.  resync.md 9.4
 */
static void dagtag_source_lost(struct drbd_connection *lost)
{
	struct drbd_resource *resource = lost->resource;
	struct drbd_peer_request *pr, *next;

	spin_lock_irq(&resource->req_lock);
	list_for_each_entry_safe(pr, next, &resource->dagtag_waiters, list) {
		struct drbd_connection *connection = pr->peer_device->connection;

		if (connection == lost || pr->depend_node != lost->peer_node_id)
			continue;
		pr->flags |= PR_CANCELED;
		INIT_LIST_HEAD(&pr->i.wait_list);
		list_move_tail(&pr->list, &connection->resync_source);
		drbd_queue_sender_work(connection, &pr->sw);
	}
	spin_unlock_irq(&resource->req_lock);
}

void drbd_dagtag_advanced(struct drbd_resource *resource)
{
	struct drbd_peer_request *pr, *found;
	bool go;

	if (list_empty(&resource->dagtag_waiters))
		return;
	do {
		found = NULL;
		go = false;
		spin_lock_irq(&resource->req_lock);
		list_for_each_entry(pr, &resource->dagtag_waiters, list) {
			if (!must_wait_for_dagtag(pr)) {
				found = pr;
				/* Never in neither list: its connection may be lost just now. */
				go = serve_linked(pr);
				break;
			}
		}
		spin_unlock_irq(&resource->req_lock);
		if (go)
			serve_go(found);
	} while (found);
}

int drbd_receive_rs_request(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	bool verify = pi->cmd == P_OV_REQUEST || pi->cmd == P_OV_DAGTAG_REQ;
	struct drbd_pkt_request rq;
	struct drbd_peer_request *pr;
	struct drbd_peer_device *pd;
	enum drbd_repl_state rs;
	const char *why;
	u16 refuse = 0;

	rcu_read_lock();
	pd = drbd_connection_peer_device(connection, pi->vnr);
	rcu_read_unlock();
	why = drbd_decode_request(pi->cmd, pi->data, pi->len + pi->bulk,
				  connection->agreed_pro_version, &rq);
	if (!pd || why)
		goto bad;
	rs = READ_ONCE(pd->repl_state);
	/* Served too early, the target might be done before we have begun. */
	if (!verify && rs == L_ESTABLISHED && drbd_resync_to_begin(pd))
		refuse = P_RS_CANCEL;
	else
		why = drbd_check_range(rq.sector, rq.size, drbd_block_capacity(pd->device));
	if (why || rq.size > MAX_REQUEST || rq.digest_size > DRBD_MAX_DIGEST_SIZE)
		goto bad;

	if (refuse || rs == L_WF_BITMAP_S || rs == L_STARTING_SYNC_S)
		refuse = P_RS_CANCEL;
	else if (!drbd_ldev_get(pd->device, verify ? D_INCONSISTENT : D_OUTDATED))
		refuse = verify || rs == L_PAUSED_SYNC_S ? P_RS_CANCEL : P_NEG_RS_DREPLY;
	else if (rs == L_AHEAD) {
		drbd_ldev_put(pd->device);
		refuse = connection->agreed_pro_version >= 115 ? P_RS_CANCEL_AHEAD : P_RS_CANCEL;
	}
	if (refuse) {
		if (pi->bulk && drbd_recv_drain(connection, pi->bulk))
			return -ECONNRESET;
		drbd_send_block_ack(pd, refuse, rq.sector, rq.size, rq.block_id, false);
		return 0;
	}
	/*
	 * No peer asks for so much at a time.  One that does, and does not take what
	 * it asked for, gets no memory beyond that.
	 */
	wait_event_idle(connection->ee_wait,
			atomic_read(&priv(pd)->served_pages) < MAX_SERVED_PAGES ||
			connection->cstate < C_CONNECTED);
	/* Pages come when it is read. */
	pr = drbd_pr_alloc(pd, rq.sector, rq.size, false);
	pr->flags |= PR_HAS_LDEV | PR_UNACKED;
	atomic_inc(&pd->unacked);
	atomic_add(served_pages(pr), &priv(pd)->served_pages);
	pr->block_id = rq.block_id;
	pr->depend_node = rq.dagtag_node_id;
	pr->depend_dagtag = rq.dagtag;
	if (rq.digest_size) {
		const u8 *digest = (const u8 *)pi->data + pi->len - rq.digest_size;

		pr->flags |= PR_CSUM;
		pr->digest_size = rq.digest_size;
		if (pi->bulk) {
			if (pi->bulk != rq.digest_size ||
			    drbd_recv(connection, pr->digest, rq.digest_size)) {
				drbd_resync_serve_over(pr);
				return -EPROTO;
			}
		} else {
			memcpy(pr->digest, digest, rq.digest_size);
		}
	}
	if (pi->cmd == P_RS_THIN_REQ || pi->cmd == P_RS_THIN_DAGTAG_REQ)
		pr->flags |= PR_THIN;
	if (verify) {
		drbd_verify_serve(pd, pr);
		return 0;
	}
	pr->i.type = INTERVAL_RESYNC_SOURCE;
	pr->go = serve_go;
	pr->completed = resync_read_done;
	pr->sw.fn = send_resync_reply;
	if (rs == L_SYNC_SOURCE || rs == L_PAUSED_SYNC_S) {
		struct drbd_device *device = pd->device;

		advance_marks(pd, drbd_bm_weight(device, pd->bitmap_index));
	}
	serve_enter(pr);
	return 0;
bad:
	pr_err("drbd %s %s: %s: %s\n", connection->resource->name, connection->name, pi->name,
	       why ?: "bad request");
	return -EPROTO;
}

/* Control stream: the target has written a block, or could not. */
int drbd_resync_acked(struct drbd_peer_device *pd, u64 sector, u32 size, u64 block_id, bool ok)
{
	struct drbd_connection *connection = pd->connection;
	bool ids = connection->agreed_pro_version >= 122;
	struct drbd_peer_request *pr, *found = NULL;
	bool sent = false;

	spin_lock_irq(&connection->resource->req_lock);
	list_for_each_entry(pr, &connection->resync_source, list) {
		if (pr->peer_device == pd && (pr->flags & PR_ACKED) && pr->i.sector == sector &&
		    pr->i.size == size && (!ids || pr->block_id == block_id)) {
			found = pr;
			if (ok)
				drbd_bm_clear(pd->device, drbd_slot_bit(pd), sector, size, NULL);
			else
				pd->rs.failed += drbd_bm_count(pd->device, pd->bitmap_index,
							       sector, size);
			list_del_init(&pr->list);
			sent = pr->flags & PR_CONFIRMED;
			break;
		}
	}
	spin_unlock_irq(&connection->resource->req_lock);
	if (!found) {
		pd_err(pd, "resync ack without a reply: sector %llu, %u bytes\n", sector, size);
		return -EPROTO;
	}
	atomic_dec(&pd->rs_pending);
	if (sent)
		drbd_resync_serve_over(found);
	return 0;
}

struct source_finish {
	u32 session;
	struct drbd_peer_device *pd;
	u8 peer_disk;
};

static unsigned int source_finish(struct drbd_txn *t, void *arg)
{
	struct source_finish *f = arg;
	struct core_peer_device *p = drbd_txn_pd(t, f->pd);

	if (p && drbd_is_sync_source(p->repl_state[DRBD_OLD]) &&
	    f->pd->connection->session == f->session) {
		p->repl_state[DRBD_NEW] = L_ESTABLISHED;
		p->disk_state[DRBD_NEW] = f->peer_disk;
		p->resync_active[DRBD_NEW] = 0;
	}
	return 0;
}

static void source_finished(struct drbd_peer_device *pd, u8 peer_disk, u32 session)
{
	struct source_finish f = { session, pd, peer_disk };
	unsigned long s = max(1UL, (jiffies - pd->rs.start_jif) / HZ);

	pd_info(pd, "Resync done (total %lu sec; %llu K/sec)\n", s,
		div64_u64(pd->rs.total << (drbd_bm_block_shift(pd->device) - 10), s));
	drbd_change(pd->device->resource, CHG_HARD, source_finish, &f, "resync-finished", NULL,
		    NULL);
}

void drbd_resync_source_finished(struct drbd_peer_device *pd, u8 peer_disk)
{
	source_finished(pd, peer_disk, READ_ONCE(pd->connection->session));
}

int drbd_resync_peers_in_sync(struct drbd_peer_device *pd, const struct drbd_pkt_range *r)
{
	struct drbd_device *device = pd->device;
	struct drbd_peer_device *other;
	u32 slots = 0;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return 0;
	rcu_read_lock();
	for_each_peer_device(other, device) {
		if (r->node_mask & NODE_MASK(other->connection->peer_node_id))
			slots |= drbd_slot_bit(other);
	}
	rcu_read_unlock();
	if (slots && !drbd_check_range(r->sector, r->size, drbd_block_capacity(device)))
		drbd_bm_clear(device, slots, r->sector, r->size, NULL);
	drbd_ldev_put(device);
	return 0;
}

/* wire.md 8.6, with two nodes: our peer acks first, then the answer. */
int drbd_receive_flush_requests(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	struct drbd_resource *resource = connection->resource;
	u64 sequence;
	u8 buf[16];

	if (drbd_decode_flush_requests(pi->data, pi->len, &sequence))
		return -EPROTO;
	spin_lock_irq(&resource->req_lock);
	drbd_flush_peer_ack(resource);
	spin_unlock_irq(&resource->req_lock);
	flush_work(&connection->peer_ack_work);
	drbd_send_packet(connection, DATA_STREAM, P_FLUSH_REQUESTS_ACK, -1, buf,
			 drbd_encode_flush_node(buf, sequence, drbd_node_id(resource)));
	return 0;
}

/* ---------------------------------------------------------------- connection lost */

static void cancel_list(struct drbd_connection *connection, struct list_head *head,
			void (*over)(struct drbd_peer_request *pr), bool unanswered)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_request *pr, *found;

	do {
		found = NULL;
		spin_lock_irq(&resource->req_lock);
		list_for_each_entry(pr, head, list) {
			if (pr->peer_device->connection != connection)
				continue;
			if (!list_empty(&pr->i.wait_list)) {
				list_del_init(&pr->i.wait_list);
				found = pr;
				break;
			}
			if (unanswered && (pr->flags & PR_READING)) {
				pr->flags &= ~PR_READING;
				atomic_dec(&pr->peer_device->rs_pending);
				found = pr;
				break;
			}
			if (!unanswered && (pr->flags & PR_CONFIRMED)) {
				atomic_dec(&pr->peer_device->rs_pending);
				found = pr;
				break;
			}
		}
		spin_unlock_irq(&resource->req_lock);
		if (found && found->i.type == INTERVAL_VERIFY_SOURCE)
			drbd_verify_lost(found);
		else if (found)
			over(found);
	} while (found);
}

static bool nothing_left(struct drbd_connection *connection)
{
	struct drbd_peer_device *pd;
	bool none = true;
	int vnr;

	spin_lock_irq(&connection->resource->req_lock);
	idr_for_each_entry(&connection->peer_devices, pd, vnr)
		none &= list_empty(&pd->rs.requests) && !atomic_read(&priv(pd)->outstanding);
	none &= list_empty(&connection->resync_source);
	spin_unlock_irq(&connection->resource->req_lock);
	return none;
}

void drbd_resync_lost(struct drbd_connection *connection)
{
	struct drbd_peer_request *pr, *next;
	struct drbd_peer_device *pd;
	LIST_HEAD(list);
	int vnr;

	for_each_volume_of(pd, vnr, connection) {
		cancel_delayed_work_sync(&priv(pd)->tick);
		if (cancel_delayed_work(&priv(pd)->late))
			drbd_peer_device_put(pd);
		priv(pd)->receiving = false;
	}
	spin_lock_irq(&connection->resource->req_lock);
	list_for_each_entry_safe(pr, next, &connection->resource->dagtag_waiters, list)
		if (pr->peer_device->connection == connection)
			list_move(&pr->list, &list);
	spin_unlock_irq(&connection->resource->req_lock);
	list_for_each_entry_safe(pr, next, &list, list)
		drbd_resync_serve_over(pr);
	dagtag_source_lost(connection);
	do {
		for_each_volume_of(pd, vnr, connection)
			cancel_list(connection, &pd->rs.requests, request_over, true);
		cancel_list(connection, &connection->resync_source, drbd_resync_serve_over, false);
		/* What is at the backing device or with the sender comes by itself. */
		wait_event_timeout(connection->ee_wait, nothing_left(connection), HZ / 10);
	} while (!nothing_left(connection));
	for_each_volume_of(pd, vnr, connection) {
		cancel_delayed_work_sync(&priv(pd)->tick);
		pd->rs.finishing = false;
		clear_bit(PD_FINISH_AFTER_START, &pd->flags);
		clear_bit(PD_RESYNC_TO_BEGIN, &pd->flags);
	}
}

void drbd_resync_requested(struct drbd_peer_device *pd, unsigned int sectors)
{
	drbd_rate_requested(&priv(pd)->rate, sectors);
}

/* -------------------------------------------------------------------- set-up */

int drbd_resync_init(struct drbd_peer_device *pd)
{
	struct drbd_resync_priv *p = kzalloc(sizeof(*p), GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	p->page = (u8 *)__get_free_page(GFP_KERNEL);
	if (!p->page) {
		kfree(p);
		return -ENOMEM;
	}
	p->pd = pd;
	p->next_id = 1ULL << 32;
	INIT_DELAYED_WORK(&p->tick, tick_work);
	INIT_WORK(&p->start, start_work);
	INIT_WORK(&p->finish, finish_work);
	INIT_WORK(&p->ended, ended_work);
	INIT_DELAYED_WORK(&p->late, late_work);
	INIT_LIST_HEAD(&p->send_bitmap.list);
	p->send_bitmap.fn = send_bitmap_work;
	INIT_LIST_HEAD(&pd->rs.requests);
	drbd_rate_init(&p->rate);
	pd->rs.controller = p;
	return 0;
}

/* The last reference is gone: no work item can be pending but the tick. */
void drbd_resync_fini(struct drbd_peer_device *pd)
{
	struct drbd_resync_priv *p = priv(pd);

	if (!p)
		return;
	cancel_delayed_work_sync(&p->tick);
	free_page((unsigned long)p->page);
	kfree(p);
	pd->rs.controller = NULL;
}
