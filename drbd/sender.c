// SPDX-License-Identifier: GPL-2.0-only
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>
#include <crypto/hash.h>
#include "sender.h"
#include "request.h"
#include "state_change.h"
#include "bitmap.h"
#include "peer_request.h"
#include "netlink.h"

/* More takes longer than waking a thread that does it meanwhile. */
#define DIRECT_SEND_MAX (16 << 10)

/* ---------------------------------------------------------------- streams */

void drbd_stream_lock(struct drbd_connection *connection, enum drbd_stream stream)
{
	mutex_lock(&connection->send[stream].mutex);
}

void drbd_stream_unlock(struct drbd_connection *connection, enum drbd_stream stream)
{
	mutex_unlock(&connection->send[stream].mutex);
}

static int stream_failed(struct drbd_connection *connection, enum drbd_stream stream, int err)
{
	/* A packet may be out in part: nobody else's may follow it. */
	if (test_and_clear_bit(CONN_STREAMS_UP, &connection->flags)) {
		pr_info_ratelimited("drbd %s %s: sending on the %s stream failed: %d\n",
				    connection->resource->name, connection->name,
				    stream == DATA_STREAM ? "data" : "control", err);
		drbd_change_cstate_async(connection, C_NETWORK_FAILURE);
	}
	return err < 0 ? err : -EIO;
}

int drbd_send_bytes(struct drbd_connection *connection, enum drbd_stream stream, const void *buf,
		    unsigned int len, bool more)
{
	struct drbd_transport *transport = &connection->transport;
	int rv;

	lockdep_assert_held(&connection->send[stream].mutex);
	if (!test_bit(CONN_STREAMS_UP, &connection->flags))
		return -ENOTCONN;
	rv = transport->class->ops->send(transport, stream, buf, len, more ? DRBD_SEND_MORE : 0);
	if (rv != len)
		return stream_failed(connection, stream, rv);
	return 0;
}

int drbd_send_head(struct drbd_connection *connection, enum drbd_stream stream, u16 cmd, int vnr,
		   const void *payload, unsigned int len, unsigned int total, bool more)
{
	struct wire_header100 *h = connection->send[stream].buffer;

	if (WARN_ON_ONCE(sizeof(*h) + len > DRBD_PACKET_BUFFER_SIZE))
		return -EINVAL;
	h->magic = cpu_to_be32(DRBD_MAGIC_H100);
	h->volume = cpu_to_be16(vnr < 0 ? DRBD_NO_VOLUME : vnr);
	h->command = cpu_to_be16(cmd);
	h->length = cpu_to_be32(total);
	h->pad = 0;
	if (len)
		memcpy(h + 1, payload, len);
	return drbd_send_bytes(connection, stream, h, sizeof(*h) + len, more || total > len);
}

int drbd_send_packet(struct drbd_connection *connection, enum drbd_stream stream, u16 cmd,
		     int vnr, const void *payload, unsigned int len)
{
	int err;

	if (!test_bit(CONN_STREAMS_UP, &connection->flags))
		return -ENOTCONN;
	drbd_stream_lock(connection, stream);
	err = drbd_send_head(connection, stream, cmd, vnr, payload, len, len, false);
	drbd_stream_unlock(connection, stream);
	return err;
}

int drbd_send_bio_pages(struct drbd_connection *connection, struct bio *bio, bool by_reference,
			bool more)
{
	struct drbd_transport *transport = &connection->transport;
	unsigned int flags = more ? DRBD_SEND_MORE : 0;
	struct bvec_iter bi;
	struct bio_vec bv;
	struct iov_iter iter;
	unsigned int n = 0;
	ssize_t rv;

	if (!test_bit(CONN_STREAMS_UP, &connection->flags))
		return -ENOTCONN;
	if (by_reference && !drbd_disable_sendpage)
		flags |= DRBD_SEND_BY_REFERENCE;
	bio_for_each_bvec(bv, bio, bi)
		n++;
	iov_iter_bvec(&iter, ITER_SOURCE, __bvec_iter_bvec(bio->bi_io_vec, bio->bi_iter), n,
		      bio->bi_iter.bi_size);
	iter.iov_offset = bio->bi_iter.bi_bvec_done;
	rv = transport->class->ops->send_iter(transport, DATA_STREAM, &iter, flags);
	if (rv != bio->bi_iter.bi_size)
		return stream_failed(connection, DATA_STREAM, rv);
	return 0;
}

int drbd_send_ping(struct drbd_connection *connection)
{
	set_bit(CONN_PING_PENDING, &connection->flags);
	return drbd_send_packet(connection, CONTROL_STREAM, P_PING, -1, NULL, 0);
}

/* wire.md 1.5: a stalled send. */
bool drbd_send_timed_out(struct drbd_transport *transport, enum drbd_stream stream)
{
	struct drbd_connection *connection =
		container_of(transport, struct drbd_connection, transport);

	if (stream == CONTROL_STREAM || connection->cstate < C_CONNECTED)
		return true;
	if (connection->ko_count > 0 && --connection->ko_count == 0)
		return true;
	queue_work(connection->ack_sender, &connection->send_ping_work);
	return false;
}

EXPORT_SYMBOL_GPL(drbd_send_timed_out);

static void reload_ko_count(struct drbd_connection *connection)
{
	struct net_conf *nc;

	rcu_read_lock();
	nc = rcu_dereference(connection->net_conf);
	connection->ko_count = nc && nc->ko_count ? nc->ko_count : -1;
	rcu_read_unlock();
}

/* ------------------------------------------------------------- the thread */

void drbd_queue_sender_work(struct drbd_connection *connection, struct drbd_sender_work *w)
{
	unsigned long flags;

	spin_lock_irqsave(&connection->work_lock, flags);
	list_add_tail(&w->list, &connection->sender_work);
	spin_unlock_irqrestore(&connection->work_lock, flags);
	wake_up(&connection->sender_wait);
}

static struct drbd_sender_work *next_work(struct drbd_connection *connection)
{
	struct drbd_sender_work *w;

	spin_lock_irq(&connection->work_lock);
	w = list_first_entry_or_null(&connection->sender_work, struct drbd_sender_work, list);
	if (w)
		list_del_init(&w->list);
	spin_unlock_irq(&connection->work_lock);
	return w;
}

static int send_barrier(struct drbd_connection *connection, bool more)
{
	struct wire_barrier p = { .barrier = (__force __u32)connection->send_epoch };
	int err;

	connection->send_epoch_writes = 0;
	connection->last_sent_barrier_jif = jiffies;
	drbd_stream_lock(connection, DATA_STREAM);
	err = drbd_send_head(connection, DATA_STREAM, P_BARRIER, -1, &p, sizeof(p), sizeof(p),
			     more);
	drbd_stream_unlock(connection, DATA_STREAM);
	return err;
}

static int send_dagtag(struct drbd_connection *connection, u64 dagtag, bool more)
{
	struct wire_dagtag p = { .dagtag = cpu_to_be64(dagtag) };
	int err;

	connection->send_dagtag = dagtag;
	connection->send_dagtag_valid = true;
	drbd_stream_lock(connection, DATA_STREAM);
	err = drbd_send_head(connection, DATA_STREAM, P_DAGTAG, -1, &p, sizeof(p), sizeof(p), more);
	drbd_stream_unlock(connection, DATA_STREAM);
	return err;
}

static u32 dp_flags_for(struct drbd_connection *connection, struct drbd_request *req,
			struct drbd_peer_device *pd)
{
	u32 b = 1u << connection->peer_node_id;
	u32 dp = drbd_request_dp_flags(req);
	enum drbd_repl_state rs = READ_ONCE(pd->repl_state);

	if (rs >= L_SYNC_SOURCE && rs <= L_PAUSED_SYNC_T)
		dp |= DP_MAY_SET_IN_SYNC | DP_SEND_WRITE_ACK;
	if (req->proto_b & b)
		dp |= DP_SEND_RECEIVE_ACK;
	else if (!(req->proto_a & b))
		dp |= DP_SEND_WRITE_ACK;
	return dp;
}

static int send_write(struct drbd_connection *connection, struct drbd_request *req,
		      struct drbd_peer_device *pd, bool more)
{
	struct wire_trim p = {
		.data.sector = cpu_to_be64(req->i.sector),
		.data.block_id = req->block_id,
		.data.seq_num = cpu_to_be32(atomic_inc_return(&pd->packet_seq)),
		.size = cpu_to_be32(req->i.size),
	};
	u32 b = 1u << connection->peer_node_id;
	u32 dp = dp_flags_for(connection, req, pd);
	u64 start = req->dagtag - (req->i.size >> 9);
	int vnr = req->device->vnr, err;

	if (!connection->send_dagtag_valid || connection->send_dagtag != start) {
		err = send_dagtag(connection, start, true);
		if (err)
			return err;
	}
	connection->send_dagtag = req->dagtag;
	connection->send_epoch_writes++;
	atomic_add(req->flags & REQ_DISCARD_OR_ZERO ? 1 : req->i.size >> 9,
		   &connection->ap_in_flight);
	p.data.dp_flags = cpu_to_be32(dp);

	drbd_stream_lock(connection, DATA_STREAM);
	if (req->flags & REQ_DISCARD_OR_ZERO) {
		bool zeroes = dp & DP_ZEROES;

		if (zeroes && !(connection->agreed_features & DRBD_FF_WZEROES)) {
			zeroes = false;
			p.data.dp_flags = cpu_to_be32((dp & ~DP_ZEROES) | DP_DISCARD);
		}
		err = drbd_send_head(connection, DATA_STREAM, zeroes ? P_ZEROES : P_TRIM, vnr, &p,
				     sizeof(p), sizeof(p), more);
	} else {
		struct crypto_shash *tfm = connection->integrity_tfm;
		unsigned int ds = tfm ? crypto_shash_digestsize(tfm) : 0;
		u8 head[sizeof(struct wire_data) + DRBD_MAX_DIGEST_SIZE];

		memcpy(head, &p.data, sizeof(p.data));
		if (ds)
			drbd_digest_bio(tfm, req->master_bio, head + sizeof(p.data));
		err = drbd_send_head(connection, DATA_STREAM, P_DATA, vnr, head,
				     sizeof(p.data) + ds, sizeof(p.data) + ds + req->i.size, true);
		if (!err)
			err = drbd_send_bio_pages(connection, req->master_bio,
						  !(req->proto_a & b) && !ds, more);
		atomic64_add(req->i.size >> 9, &pd->send_cnt);
	}
	drbd_stream_unlock(connection, DATA_STREAM);
	return err;
}

static int send_read_request(struct drbd_connection *connection, struct drbd_request *req)
{
	struct wire_block_request p = {
		.sector = cpu_to_be64(req->i.sector),
		.block_id = req->block_id,
		.size = cpu_to_be32(req->i.size),
	};

	return drbd_send_packet(connection, DATA_STREAM, P_DATA_REQUEST, req->device->vnr, &p,
				sizeof(p));
}

static int send_out_of_sync(struct drbd_connection *connection, struct drbd_request *req)
{
	struct wire_block_range p = {
		.sector = cpu_to_be64(req->i.sector),
		.size = cpu_to_be32(req->i.size),
	};

	return drbd_send_packet(connection, DATA_STREAM, P_OUT_OF_SYNC, req->device->vnr, &p,
				sizeof(p));
}

static int send_one(struct drbd_connection *connection, struct drbd_request *req, bool more)
{
	struct drbd_peer_device *pd = drbd_connection_peer_device(connection, req->device->vnr);
	u32 b = 1u << connection->peer_node_id;
	int err = 0;

	if (!pd)
		return -ENODEV;
	reload_ko_count(connection);
	if (connection->send_epoch_writes && connection->send_epoch != req->epoch) {
		err = send_barrier(connection, true);
		if (err)
			return err;
	}
	connection->send_epoch = req->epoch;
	if (!(req->flags & REQ_WRITE))
		return send_read_request(connection, req);
	if (req->data & b)
		return send_write(connection, req, pd, more);
	if (req->oos_new & b)
		err = send_out_of_sync(connection, req);
	return err;
}

/* What the sender can do now, without sleeping; req_lock held. */
enum todo { TODO_NOTHING, TODO_REQUEST, TODO_BARRIER, TODO_DAGTAG };

static enum todo what_next(struct drbd_connection *connection, struct drbd_request **preq)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_request *req = connection->tl_next;
	u32 b = 1u << connection->peer_node_id;

	if (connection->cstate < C_CONNECTED || !test_bit(CONN_STREAMS_UP, &connection->flags))
		return TODO_NOTHING;
	if (test_bit(CONN_SEND_DAGTAG, &connection->flags))
		return TODO_DAGTAG;
	if (req && (!(req->oos & b) || (req->flags & REQ_DONE))) {
		*preq = req;
		return TODO_REQUEST;
	}
	/* Idle, or waiting for a request whose progress may depend on this barrier. */
	if (connection->send_epoch_writes && connection->send_epoch != resource->epoch)
		return TODO_BARRIER;
	return TODO_NOTHING;
}

static bool have_work(struct drbd_connection *connection)
{
	struct drbd_request *req;
	bool yes;

	/* Who walks looks again afterwards. */
	if (test_bit(CONN_WALKING, &connection->flags))
		return false;
	if (!list_empty(&connection->sender_work))
		return true;
	spin_lock_irq(&connection->resource->req_lock);
	yes = what_next(connection, &req) != TODO_NOTHING;
	spin_unlock_irq(&connection->resource->req_lock);
	return yes;
}

/* One step along the transfer log.  False: nothing to do. */
static bool sender_step(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	int node_id = connection->peer_node_id;
	struct bio_list done = BIO_EMPTY_LIST;
	struct drbd_request *req = NULL, *next;
	bool more = false;
	enum todo todo;
	u64 dagtag;
	int err;

	spin_lock_irq(&resource->req_lock);
	todo = what_next(connection, &req);
	switch (todo) {
	case TODO_NOTHING:
		spin_unlock_irq(&resource->req_lock);
		return false;
	case TODO_BARRIER:
		spin_unlock_irq(&resource->req_lock);
		send_barrier(connection, false);
		return true;
	case TODO_DAGTAG:
		clear_bit(CONN_SEND_DAGTAG, &connection->flags);
		dagtag = connection->tl_next ? connection->tl_next->dagtag -
			(connection->tl_next->i.size >> 9) : resource->dagtag;
		if (connection->tl_next && !(connection->tl_next->flags & REQ_WRITE))
			dagtag = resource->dagtag;
		spin_unlock_irq(&resource->req_lock);
		send_dagtag(connection, dagtag, false);
		return true;
	case TODO_REQUEST:
		break;
	}
	connection->sending = req;
	next = drbd_tl_next_queued(resource, req, node_id);
	/* A notice that is not due yet must not hold back what is ahead of it. */
	more = next && (!(next->oos & (1u << node_id)) || (next->flags & REQ_DONE));
	spin_unlock_irq(&resource->req_lock);

	err = send_one(connection, req, more);

	spin_lock_irq(&resource->req_lock);
	if (connection->tl_next == req)
		connection->tl_next = drbd_tl_next_queued(resource, req, node_id);
	connection->sending = NULL;
	/* After an error the queued bit stays: cleaning up takes care of the leg. */
	if (!err)
		drbd_leg_event(req, node_id, LEG_HANDED_OVER, &done);
	else
		connection->tl_next = NULL;
	spin_unlock_irq(&resource->req_lock);
	drbd_complete_bios(&done);
	if (err)
		wake_up_all(&connection->ee_wait);
	return !err;
}

static bool start_walking(struct drbd_connection *connection)
{
	return !test_and_set_bit_lock(CONN_WALKING, &connection->flags);
}

static void stop_walking(struct drbd_connection *connection)
{
	clear_bit_unlock(CONN_WALKING, &connection->flags);
	smp_mb__after_atomic();
	if (waitqueue_active(&connection->ee_wait))
		wake_up_all(&connection->ee_wait);
}

bool drbd_sender_claim(struct drbd_connection *connection)
{
	lockdep_assert_held(&connection->resource->req_lock);
	if (connection->cstate < C_CONNECTED ||
	    !test_bit(CONN_STREAMS_UP, &connection->flags) ||
	    !list_empty(&connection->sender_work) || !start_walking(connection))
		return false;
	drbd_connection_get(connection);
	return true;
}

/* The caller may be needed elsewhere: never waits for buffer space. */
static bool fits(struct drbd_connection *connection, unsigned int size)
{
	struct drbd_transport_stats st;

	if (size > DIRECT_SEND_MAX || mutex_is_locked(&connection->send[DATA_STREAM].mutex))
		return false;
	connection->transport.class->ops->stat(&connection->transport, &st);
	/* The kernel accounts more than the bytes themselves. */
	return st.send_buffer_used + 2 * size + 16384 < st.send_buffer_size;
}

void drbd_sender_walk(struct drbd_connection *connection, unsigned int size)
{
	/* Short of memory TCP waits all the same, and a signal would end that, with an error. */
	if (fits(connection, size) && !signal_pending(current))
		sender_step(connection);
	stop_walking(connection);
	if (have_work(connection))
		wake_up(&connection->sender_wait);
	drbd_connection_put(connection);
}

static int sender_thread(void *arg)
{
	struct drbd_connection *connection = arg;

	while (!kthread_should_stop()) {
		struct drbd_sender_work *w;
		int burst;

		wait_event_interruptible(connection->sender_wait,
					 have_work(connection) || kthread_should_stop());
		if (signal_pending(current))
			flush_signals(current);
		if (!start_walking(connection))
			continue;
		while ((w = next_work(connection))) {
			w->fn(w, !test_bit(CONN_STREAMS_UP, &connection->flags));
			/* Bulk work must not starve application writes. */
			for (burst = 0; burst < 16 && sender_step(connection); burst++)
				;
			wake_up_all(&connection->ee_wait);
		}
		while (list_empty(&connection->sender_work) && sender_step(connection))
			;
		stop_walking(connection);
	}
	return 0;
}

int drbd_sender_start(struct drbd_connection *connection)
{
	struct task_struct *task;

	if (connection->sender.task)
		return 0;
	task = kthread_run(sender_thread, connection, "drbd_s_%s", connection->resource->name);
	if (IS_ERR(task))
		return PTR_ERR(task);
	connection->sender.task = task;
	return 0;
}

static void cancel_work_items(struct drbd_connection *connection)
{
	struct drbd_sender_work *w;

	while ((w = next_work(connection)))
		w->fn(w, true);
}

void drbd_sender_stop(struct drbd_connection *connection)
{
	if (connection->sender.task) {
		kthread_stop(connection->sender.task);
		connection->sender.task = NULL;
	}
	cancel_work_items(connection);
}

struct quiesce {
	struct drbd_sender_work w;
	struct completion done;
};

static int quiesce_fn(struct drbd_sender_work *w, bool cancel)
{
	struct quiesce *q = container_of(w, struct quiesce, w);

	complete(&q->done);
	return 0;
}

void drbd_sender_quiesce(struct drbd_connection *connection)
{
	struct quiesce q = { .w.fn = quiesce_fn };

	if (!connection->sender.task) {
		cancel_work_items(connection);
		return;
	}
	/* The sender comes by when it has finished, and canceled, all before. */
	init_completion(&q.done);
	drbd_queue_sender_work(connection, &q.w);
	wait_for_completion(&q.done);
}

void drbd_sender_reset(struct drbd_connection *connection)
{
	connection->send_epoch_writes = 0;
	connection->send_epoch = connection->resource->epoch;
	connection->send_dagtag_valid = false;
	connection->last_reconnect_jif = jiffies;
	clear_bit(CONN_SEND_DAGTAG, &connection->flags);
	atomic_set(&connection->ap_in_flight, 0);
	atomic_set(&connection->rs_in_flight, 0);
}
