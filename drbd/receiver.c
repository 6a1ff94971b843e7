// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiver thread: connects, reads packet after packet from the data stream,
 * cleans up, connects again.  And its smaller sister for the control stream.
 */
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/delay.h>
#include <crypto/hash.h>
#include "txn.h"
#include "receiver.h"
#include "backing.h"
#include "bitmap.h"
#include "block.h"
#include "connection.h"
#include "generation.h"
#include "handshake.h"
#include "metadata.h"
#include "netlink.h"
#include "peer_request.h"
#include "request.h"
#include "resync.h"
#include "sender.h"
#include "core/packet.h"

#define conn_err(c, fmt, ...) \
	pr_err("drbd %s %s: " fmt, (c)->resource->name, (c)->name, ##__VA_ARGS__)
#define conn_info(c, fmt, ...) \
	pr_info("drbd %s %s: " fmt, (c)->resource->name, (c)->name, ##__VA_ARGS__)

void drbd_unplug(void)
{
	struct blk_plug *plug = current->plug;

	if (!plug)
		return;
	blk_finish_plug(plug);
	blk_start_plug(plug);
}

void drbd_recv_may_wait(struct drbd_connection *connection, unsigned int len)
{
	struct drbd_transport *transport = &connection->transport;

	if (current->plug &&
	    transport->class->ops->recv_pending(transport, DATA_STREAM) < len)
		drbd_unplug();
}

int drbd_recv(struct drbd_connection *connection, void *buf, unsigned int len)
{
	struct drbd_transport *transport = &connection->transport;
	int rv;

	drbd_recv_may_wait(connection, len);
	rv = transport->class->ops->recv(transport, DATA_STREAM, buf, len);
	if (rv == len)
		return 0;
	return rv < 0 ? rv : -ECONNRESET;
}

int drbd_recv_drain(struct drbd_connection *connection, unsigned int len)
{
	u8 buf[256];
	int err = 0;

	while (len && !err) {
		unsigned int n = min_t(unsigned int, len, sizeof(buf));

		err = drbd_recv(connection, buf, n);
		len -= n;
	}
	return err;
}

/* --------------------------------------------------------------- data stream */

static int ignore(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	return 0;
}

typedef int (*data_handler)(struct drbd_connection *connection, struct drbd_packet_in *pi);

static const data_handler data_handlers[] = {
	[P_DATA] = drbd_receive_data,
	[P_TRIM] = drbd_receive_data,
	[P_ZEROES] = drbd_receive_data,
	[P_DATA_REPLY] = drbd_receive_data_reply,
	[P_DATA_REQUEST] = drbd_receive_data_request,
	[P_BARRIER] = drbd_receive_barrier,
	[P_OUT_OF_SYNC] = drbd_receive_out_of_sync,
	[P_DAGTAG] = drbd_receive_dagtag,
	[P_UNPLUG_REMOTE] = ignore,
	[P_DELAY_PROBE] = ignore,
	[P_ENABLE_REPLICATION_NEXT] = ignore,
	[P_ENABLE_REPLICATION] = ignore,
	[P_PEER_DAGTAG] = ignore,
	[P_PROTOCOL] = drbd_receive_protocol,
	[P_PROTOCOL_UPDATE] = drbd_receive_protocol,
	[P_SYNC_PARAM89] = drbd_receive_sync_param,
	[P_SIZES] = drbd_receive_sizes,
	[P_UUIDS110] = drbd_receive_uuids110,
	[P_CURRENT_UUID] = drbd_receive_current_uuid,
	[P_STATE] = drbd_receive_state,
	[P_TWOPC_PREPARE] = drbd_receive_twopc,
	[P_TWOPC_PREP_RSZ] = drbd_receive_twopc,
	[P_TWOPC_COMMIT] = drbd_receive_twopc,
	[P_TWOPC_ABORT] = drbd_receive_twopc,
	[P_DISCONNECT] = drbd_receive_disconnect,
	[P_BITMAP] = drbd_receive_bitmap,
	[P_COMPRESSED_BITMAP] = drbd_receive_bitmap,
	[P_RS_DATA_REQUEST] = drbd_receive_rs_request,
	[P_RS_THIN_REQ] = drbd_receive_rs_request,
	[P_CSUM_RS_REQUEST] = drbd_receive_rs_request,
	[P_RS_DAGTAG_REQ] = drbd_receive_rs_request,
	[P_RS_THIN_DAGTAG_REQ] = drbd_receive_rs_request,
	[P_RS_CSUM_DAGTAG_REQ] = drbd_receive_rs_request,
	[P_OV_REQUEST] = drbd_receive_rs_request,
	[P_OV_DAGTAG_REQ] = drbd_receive_rs_request,
	[P_OV_REPLY] = drbd_receive_ov_reply,
	[P_OV_DAGTAG_REPLY] = drbd_receive_ov_reply,
	[P_RS_DATA_REPLY] = drbd_receive_rs_data_reply,
	[P_RS_DEALLOCATED] = drbd_receive_rs_deallocated,
	[P_RS_DEALLOCATED_ID] = drbd_receive_rs_deallocated,
	[P_FLUSH_REQUESTS] = drbd_receive_flush_requests,
	[P_FLUSH_REQUESTS_ACK] = ignore,
};

static int read_packet(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct drbd_packet_info *info;
	struct drbd_packet_header h;
	u8 *buf = connection->recv_buffer;
	const char *why;
	unsigned int want;
	int err;

	err = drbd_recv(connection, buf, drbd_header_size(connection->agreed_pro_version));
	if (err)
		return err;
	err = drbd_decode_header(buf, drbd_header_size(connection->agreed_pro_version),
				 drbd_data_header_formats(connection->agreed_pro_version), &h,
				 &why);
	if (err < 0) {
		conn_err(connection, "data stream: bad header: %s\n", why);
		return -EPROTO;
	}
	why = drbd_packet_check(&h, PACKET_ON_DATA, connection->agreed_pro_version,
				connection->agreed_features, &info);
	if (why) {
		conn_err(connection, "data stream: %s (0x%04x), %u bytes: %s\n",
			 drbd_packet_name(h.cmd), h.cmd, h.length, why);
		return -EPROTO;
	}
	pi->cmd = h.cmd;
	pi->name = info->name;
	pi->vnr = h.volume == DRBD_NO_VOLUME ? -1 : h.volume;
	want = info->fixed;
	if (!info->bulk)
		want = h.length;
	if (want > DRBD_PACKET_BUFFER_SIZE || want > h.length) {
		conn_err(connection, "data stream: %s with %u bytes\n", info->name, h.length);
		return -EPROTO;
	}
	if (want) {
		err = drbd_recv(connection, buf, want);
		if (err)
			return err;
	}
	pi->data = buf;
	pi->len = want;
	pi->bulk = h.length - want;
	return 0;
}

static void set_data_timeout(struct drbd_connection *connection, int ping_timeouts)
{
	struct drbd_transport *transport = &connection->transport;
	long timeout = MAX_SCHEDULE_TIMEOUT;

	rcu_read_lock();
	if (ping_timeouts)
		timeout = rcu_dereference(connection->net_conf)->ping_timeo *
			HZ / 10 * ping_timeouts;
	rcu_read_unlock();
	transport->class->ops->set_rcvtimeo(transport, DATA_STREAM, timeout);
}

/* Is the connect transaction with this peer agreed on, but not carried out here? */
static bool commit_pending(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_twopc *slot = &resource->twopc;
	bool pending;

	if (connection->cstate != C_CONNECTING)
		return false;
	spin_lock_irq(&resource->req_lock);
	pending = slot->owner == TWOPC_INITIATOR && slot->is_connect && slot->committing &&
		slot->req.target == connection->peer_node_id;
	spin_unlock_irq(&resource->req_lock);
	return pending;
}

static void receive_loop(struct drbd_connection *connection)
{
	enum drbd_conn_state lost = C_BROKEN_PIPE;
	struct drbd_packet_in pi;
	struct blk_plug plug;
	bool first = true;
	int err;

	/* Writes that arrived together go to the disk together. */
	blk_start_plug(&plug);
	for (;;) {
		if (connection->cstate < C_CONNECTING) {
			blk_finish_plug(&plug);
			return;
		}
		err = read_packet(connection, &pi);
		if (err)
			break;
		if (pi.cmd >= ARRAY_SIZE(data_handlers) || !data_handlers[pi.cmd]) {
			conn_err(connection, "data stream: %s is not supported\n", pi.name);
			err = -EPROTO;
			break;
		}
		if (first) {
			/* From here the control stream's pings watch over the peer. */
			set_data_timeout(connection, 0);
			first = false;
		}
		/*
		 * The COMMIT goes out before we follow it ourselves: the peer may be
		 * faster, and means what it sends now for an established connection.
		 */
		if (unlikely(connection->cstate == C_CONNECTING))
			wait_event(connection->resource->twopc_wait, !commit_pending(connection));
		/* All others may wait for what was received before them. */
		if (pi.cmd != P_DATA && pi.cmd != P_RS_DATA_REPLY)
			drbd_unplug();
		err = data_handlers[pi.cmd](connection, &pi);
		if (err) {
			if (err == -EPROTO)
				conn_err(connection, "error processing %s\n", pi.name);
			break;
		}
	}
	blk_finish_plug(&plug);
	if (err == -EPROTO)
		lost = C_PROTOCOL_ERROR;
	/* The peer may close at once after an agreed disconnect; the state is on its way. */
	if (test_bit(CONN_GRACEFUL_DISCONNECT, &connection->flags) && err != -EPROTO)
		wait_event_timeout(connection->resource->state_wait,
				   connection->cstate < C_CONNECTING, HZ);
	if (connection->cstate >= C_CONNECTING) {
		if (err != -EPROTO)
			conn_info(connection, "data stream lost: %d\n", err);
		drbd_change_cstate(connection, lost, CHG_HARD, "lost-peer", NULL);
	}
}

/* ------------------------------------------------------------- control stream */

/* Acks of a block: what they mean depends on whether it was a write or a resync. */
static int got_block_ack(struct drbd_connection *connection, u16 cmd, int vnr, const void *data,
			 unsigned int len)
{
	struct drbd_resource *resource = connection->resource;
	struct bio_list done = BIO_EMPTY_LIST;
	struct drbd_pkt_block_ack a;
	struct drbd_peer_device *pd;
	struct drbd_request *req;
	enum drbd_leg_event event;
	const char *why;

	why = drbd_decode_block_ack(data, len, &a);
	rcu_read_lock();
	pd = drbd_connection_peer_device(connection, vnr);
	rcu_read_unlock();
	if (why || !pd) {
		conn_err(connection, "%s: %s\n", drbd_packet_name(cmd), why ?: "unknown volume");
		return -EPROTO;
	}
	switch (cmd) {
	case P_RS_WRITE_ACK:
		if (connection->agreed_pro_version >= 122 || a.block_id == DRBD_ID_SYNCER)
			return drbd_resync_acked(pd, a.sector, a.size, a.block_id, true);
		event = LEG_WRITE_ACKED_IN_SYNC;
		break;
	case P_RS_NEG_ACK:
		return drbd_resync_acked(pd, a.sector, a.size, a.block_id, false);
	case P_NEG_ACK:
		if (connection->agreed_pro_version < 122 && a.block_id == DRBD_ID_SYNCER)
			return drbd_resync_acked(pd, a.sector, a.size, a.block_id, false);
		event = LEG_NEG_ACKED;
		break;
	case P_RECV_ACK:
		event = LEG_RECV_ACKED;
		break;
	case P_WRITE_ACK:
		event = LEG_WRITE_ACKED;
		break;
	case P_WRITE_ACK_IN_SYNC:
		event = LEG_WRITE_ACKED_IN_SYNC;
		break;
	case P_NEG_DREPLY:
		spin_lock_irq(&resource->req_lock);
		req = drbd_find_read(pd->device, a.sector, a.block_id);
		if (req)
			drbd_leg_event(req, connection->peer_node_id, LEG_READ_FAILED, &done);
		spin_unlock_irq(&resource->req_lock);
		drbd_complete_bios(&done);
		return req ? 0 : -EPROTO;
	default:
		return drbd_resync_answered(pd, cmd, &a);
	}
	spin_lock_irq(&resource->req_lock);
	req = drbd_find_write(pd->device, a.sector, a.block_id);
	/* Before anybody who waits for this write can read it there. */
	if (event == LEG_NEG_ACKED && pd->disk_state == D_UP_TO_DATE)
		set_bit(PD_NEG_ACKED_UPTODATE, &pd->flags);
	if (req) {
		drbd_leg_event(req, connection->peer_node_id, event, &done);
	} else if (event == LEG_NEG_ACKED) {
		/* Completed long ago under protocol A or B. */
		drbd_bm_set(pd->device, drbd_slot_bit(pd), a.sector, a.size, NULL);
	}
	spin_unlock_irq(&resource->req_lock);
	drbd_complete_bios(&done);
	if (!req && event != LEG_NEG_ACKED) {
		conn_err(connection, "%s for an unknown write: sector %llu, %u bytes\n",
			 drbd_packet_name(cmd), a.sector, a.size);
		return -EPROTO;
	}
	return 0;
}

static int control_packet(struct drbd_connection *connection, u16 cmd, int vnr, const void *data,
			  unsigned int len)
{
	struct drbd_pkt_confirm_stable cs;
	struct drbd_pkt_range range;
	struct drbd_peer_device *pd;
	u32 barrier, set_size;
	u64 mask, dagtag;

	switch (cmd) {
	case P_PING:
		drbd_send_packet(connection, CONTROL_STREAM, P_PING_ACK, -1, NULL, 0);
		return 0;
	case P_PING_ACK:
		clear_bit(CONN_PING_PENDING, &connection->flags);
		atomic_inc(&connection->ping_acks);
		wake_up_all(&connection->ping_wait);
		return 0;
	case P_BARRIER_ACK:
		drbd_decode_barrier_ack(data, len, &barrier, &set_size);
		return drbd_tl_barrier_ack(connection, barrier, set_size);
	case P_CONFIRM_STABLE:
		drbd_decode_confirm_stable(data, len, &cs);
		return drbd_tl_confirm_stable(connection, cs.oldest_block_id,
					      cs.youngest_block_id, cs.set_size);
	case P_PEER_ACK:
		drbd_decode_peer_ack(data, len, &mask, &dagtag);
		return drbd_process_peer_ack(connection, mask, dagtag);
	case P_PEERS_IN_SYNC:
		if (drbd_decode_peers_in_sync(data, len, &range))
			return -EPROTO;
		rcu_read_lock();
		pd = drbd_connection_peer_device(connection, vnr);
		rcu_read_unlock();
		return pd ? drbd_resync_peers_in_sync(pd, &range) : -EPROTO;
	case P_TWOPC_YES:
	case P_TWOPC_NO:
	case P_TWOPC_RETRY:
		return drbd_receive_twopc_reply(connection, cmd, vnr, data);
	case P_OV_RESULT:
	case P_OV_RESULT_ID:
		rcu_read_lock();
		pd = drbd_connection_peer_device(connection, vnr);
		rcu_read_unlock();
		return pd ? drbd_verify_result(pd, cmd, data, len) : -EPROTO;
	case P_DELAY_PROBE:
	case P_FLUSH_FORWARD:
		return 0;
	default:
		return got_block_ack(connection, cmd, vnr, data, len);
	}
}

static long ping_interval(struct drbd_connection *connection, bool waiting)
{
	struct net_conf *nc;
	long t;

	rcu_read_lock();
	nc = rcu_dereference(connection->net_conf);
	t = waiting ? nc->ping_timeo * HZ / 10 : nc->ping_int * HZ;
	rcu_read_unlock();
	return t;
}

static int recv_control(struct drbd_connection *connection, void *buf, unsigned int len)
{
	struct drbd_transport *transport = &connection->transport;
	bool pinged = false;
	int rv;

	for (;;) {
		bool waiting = test_bit(CONN_PING_PENDING, &connection->flags);

		transport->class->ops->set_rcvtimeo(transport, CONTROL_STREAM,
						    ping_interval(connection, waiting || pinged));
		rv = transport->class->ops->recv(transport, CONTROL_STREAM, buf, len);
		if (rv == len)
			return 0;
		if (rv != -EAGAIN)
			return rv < 0 ? rv : -ECONNRESET;
		if (!test_bit(CONN_STREAMS_UP, &connection->flags))
			return -ENOTCONN;
		if (waiting || pinged) {
			conn_info(connection, "no answer to a ping in time\n");
			return -ETIMEDOUT;
		}
		if (drbd_send_ping(connection))
			return -EIO;
		pinged = true;
	}
}

static int ack_receiver_thread(void *arg)
{
	struct drbd_connection *connection = arg;
	u8 buf[DRBD_MAX_HEADER_SIZE + 64];
	const struct drbd_packet_info *info;
	struct drbd_packet_header h;
	const char *why = NULL;
	int err;

	sched_set_fifo_low(current);
	for (;;) {
		err = recv_control(connection, buf, DRBD_MAX_HEADER_SIZE);
		if (err)
			break;
		err = drbd_decode_header(buf, DRBD_MAX_HEADER_SIZE, DRBD_HEADER_100, &h, &why);
		if (err < 0) {
			conn_err(connection, "control stream: bad header: %s\n", why);
			err = -EPROTO;
			break;
		}
		why = drbd_packet_check(&h, PACKET_ON_CONTROL, connection->agreed_pro_version,
					connection->agreed_features, &info);
		if (why || h.length > sizeof(buf)) {
			conn_err(connection, "control stream: %s (0x%04x), %u bytes: %s\n",
				 drbd_packet_name(h.cmd), h.cmd, h.length, why ?: "too long");
			err = -EPROTO;
			break;
		}
		if (h.length) {
			err = recv_control(connection, buf, h.length);
			if (err)
				break;
		}
		err = control_packet(connection, h.cmd,
				     h.volume == DRBD_NO_VOLUME ? -1 : h.volume, buf, h.length);
		if (err) {
			conn_err(connection, "error processing %s on the control stream\n",
				 info->name);
			break;
		}
	}
	if (test_bit(CONN_GRACEFUL_DISCONNECT, &connection->flags))
		wait_event_timeout(connection->resource->state_wait,
				   connection->cstate < C_CONNECTING, HZ);
	if (test_bit(CONN_STREAMS_UP, &connection->flags) && connection->cstate >= C_CONNECTING)
		drbd_change_cstate(connection,
				   err == -EPROTO ? C_PROTOCOL_ERROR : C_NETWORK_FAILURE,
				   CHG_HARD, "lost-peer", NULL);
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

/* -------------------------------------------------------------- pinging peers */

bool drbd_ping_peer(struct drbd_connection *connection)
{
	int before = atomic_read(&connection->ping_acks);
	u32 session = READ_ONCE(connection->session);

	if (connection->cstate != C_CONNECTED || drbd_send_ping(connection))
		return false;
	/* Several may be waiting. */
	if (wait_event_timeout(connection->ping_wait,
			       atomic_read(&connection->ping_acks) != before ||
			       connection->cstate < C_CONNECTED,
			       ping_interval(connection, true)))
		return atomic_read(&connection->ping_acks) != before &&
			READ_ONCE(connection->session) == session;
	if (connection->cstate == C_CONNECTED && READ_ONCE(connection->session) == session)
		drbd_change_cstate(connection, C_NETWORK_FAILURE, CHG_HARD, "ping", NULL);
	return false;
}

void drbd_ping_peers(struct drbd_resource *resource)
{
	int node;

	for (node = 0; node < DRBD_MAX_NODES; node++) {
		struct drbd_connection *connection = drbd_connection_find(resource, node);

		if (!connection)
			continue;
		if (connection->cstate == C_CONNECTED)
			drbd_ping_peer(connection);
		drbd_connection_put(connection);
	}
}

/* ------------------------------------------------------------ life of a connection */

static bool go_on(struct drbd_connection *connection)
{
	return !test_bit(CONN_STOP_RECEIVER, &connection->flags) &&
		connection->cstate >= C_UNCONNECTED;
}

static unsigned int to_unconnected(struct drbd_txn *t, void *arg)
{
	int c = drbd_txn_conn(t, arg);

	if (c >= 0 && t->core.conn[c].cstate[DRBD_OLD] > C_UNCONNECTED)
		drbd_state_set_cstate(&t->core, c, C_UNCONNECTED);
	return 0;
}

static unsigned int to_connecting(struct drbd_txn *t, void *arg)
{
	int c = drbd_txn_conn(t, arg);

	if (c >= 0 && t->core.conn[c].cstate[DRBD_OLD] == C_UNCONNECTED)
		t->core.conn[c].cstate[DRBD_NEW] = C_CONNECTING;
	return 0;
}

static int start_ack_receiver(struct drbd_connection *connection)
{
	struct task_struct *task;

	task = kthread_run(ack_receiver_thread, connection, "drbd_a_%s",
			   connection->resource->name);
	if (IS_ERR(task))
		return PTR_ERR(task);
	connection->ack_receiver.task = task;
	return 0;
}

/* 0: streams up and introduced to each other; else why not: -EAGAIN, or final. */
static int connect_once(struct drbd_connection *connection)
{
	struct drbd_transport *transport = &connection->transport;
	bool resolve = false;
	int err, rv;

	err = transport->class->ops->connect(transport, &resolve);
	if (err)
		return err;
	if (resolve)
		set_bit(CONN_RESOLVE_CONFLICTS, &connection->flags);
	else
		clear_bit(CONN_RESOLVE_CONFLICTS, &connection->flags);
	set_data_timeout(connection, 4);
	rv = drbd_handshake_streams(connection);
	if (rv <= 0) {
		transport->class->ops->disconnect(transport, false);
		return rv ? -EPERM : -EAGAIN;
	}
	return 0;
}

static void go_standalone(struct drbd_connection *connection)
{
	if (connection->cstate > C_DISCONNECTING)
		drbd_conn_disconnecting(connection, "connect-failed");
}

/*
 * Strict order (states.md 7.4): nobody sends any more, nobody waits in the
 * streams, peer I/O is over, a due generation is created, and only then are the
 * requests given up.
 */
static void cleanup(struct drbd_connection *connection)
{
	struct drbd_transport *transport = &connection->transport;
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_device *pd;
	bool linger = test_bit(CONN_GRACEFUL_DISCONNECT, &connection->flags) ||
		connection->cstate == C_DISCONNECTING;
	int vnr;

	if (connection->cstate >= C_CONNECTING)
		drbd_change_cstate(connection, C_NETWORK_FAILURE, CHG_HARD, "lost-peer", NULL);
	/*
	 * Before anything that waits for connect_work, which may wait for an answer of
	 * the lost peer.  The worker is told as well, but may be busy, perhaps even
	 * waiting for this very handshake.
	 */
	if (test_and_clear_bit(CONN_TWOPC_LOST, &connection->flags))
		drbd_twopc_node_lost(resource, connection->peer_node_id);
	cancel_delayed_work_sync(&connection->connect_work);

	/* Under the lock: whoever claimed the log before is waited for below. */
	spin_lock_irq(&resource->req_lock);
	connection->session++;
	clear_bit(CONN_STREAMS_UP, &connection->flags);
	spin_unlock_irq(&resource->req_lock);
	if (!linger)
		transport->class->ops->abort(transport);
	/* The ack receiver sits in recv: wake it in any case. */
	if (connection->ack_receiver.task) {
		if (linger)
			transport->class->ops->set_rcvtimeo(transport, CONTROL_STREAM, HZ / 20 + 1);
		else
			transport->class->ops->abort(transport);
	}
	if (connection->ack_receiver.task) {
		if (linger)
			msleep(100);
		transport->class->ops->abort(transport);
		kthread_stop(connection->ack_receiver.task);
		connection->ack_receiver.task = NULL;
	}
	drbd_stream_lock(connection, DATA_STREAM);
	drbd_stream_unlock(connection, DATA_STREAM);
	drbd_stream_lock(connection, CONTROL_STREAM);
	drbd_stream_unlock(connection, CONTROL_STREAM);
	drbd_sender_quiesce(connection);
	wait_event(connection->ee_wait, !READ_ONCE(connection->sending) &&
		   !test_bit(CONN_WALKING, &connection->flags));
	transport->class->ops->disconnect(transport, linger);
	drbd_handshake_undo(connection);
	clear_bit(CONN_INTRODUCTION_DUE, &connection->flags);

	drbd_resync_lost(connection);
	drbd_peer_requests_lost(connection);
	drbd_sender_quiesce(connection);

	for_each_volume_of(pd, vnr, connection) {
		struct drbd_device *device = pd->device;

		clear_bit(PD_HAVE_SIZES, &pd->flags);
		if (!resource->suspended_cached && !list_empty(&resource->transfer_log) &&
		    drbd_device_data_accessible(device) &&
		    !test_bit(DEV_PRIMARY_LOST_QUORUM, &device->flags))
			drbd_generation_create_pending(device);
		if (drbd_ldev_get(device, D_NEGOTIATING)) {
			drbd_md_sync_if_dirty(device);
			drbd_bm_write(device);
			drbd_ldev_put(device);
		}
	}
	drbd_tl_connection_lost(connection);
	cancel_work_sync(&connection->peer_ack_work);
	cancel_work_sync(&connection->send_acks_work);
	drbd_sender_reset(connection);
	clear_bit(CONN_PING_PENDING, &connection->flags);
	clear_bit(CONN_GRACEFUL_DISCONNECT, &connection->flags);
	for_each_volume_of(pd, vnr, connection) {
		drbd_block_update_limits(pd->device);
	}
	drbd_fence_after_disconnect(connection);
	drbd_helper_connection(connection, "disconnected");
}

static int receiver_thread(void *arg)
{
	struct drbd_connection *connection = arg;
	struct drbd_resource *resource = connection->resource;
	struct drbd_transport *transport = &connection->transport;
	int err;

	while (go_on(connection)) {
		cancel_work_sync(&connection->abort_work);
		/* Faults of the connection that is over. */
		cancel_work_sync(&connection->async_cstate_work);
		connection->async_cstates = 0;
		err = transport->class->ops->prepare_connect(transport);
		if (err) {
			go_standalone(connection);
			break;
		}
		if (drbd_change(resource, CHG_LOCAL_ONLY, to_connecting, connection, "connect",
				NULL, NULL) < SS_SUCCESS ||
		    connection->cstate != C_CONNECTING)
			break;
		do {
			err = connect_once(connection);
			if (err == -EAGAIN && go_on(connection)) {
				schedule_timeout_interruptible(HZ);
				if (signal_pending(current))
					flush_signals(current);
			}
		} while (err == -EAGAIN && connection->cstate == C_CONNECTING);
		transport->class->ops->finish_connect(transport);
		if (signal_pending(current))
			flush_signals(current);
		if (err) {
			if (err != -EINTR && err != -EAGAIN) {
				conn_err(connection, "connecting failed for good: %d\n", err);
				go_standalone(connection);
			}
			cleanup(connection);
		} else {
			drbd_sender_reset(connection);
			set_data_timeout(connection, 10);
			set_bit(CONN_STREAMS_UP, &connection->flags);
			if (!start_ack_receiver(connection) && !drbd_handshake_start(connection))
				receive_loop(connection);
			cleanup(connection);
		}
		drbd_change(resource, CHG_HARD, to_unconnected, connection, "reconnect", NULL,
			    NULL);
	}
	if (connection->cstate == C_DISCONNECTING)
		drbd_change_cstate(connection, C_STANDALONE, CHG_HARD, "disconnected", NULL);
	/* Whoever starts us again waits for this. */
	clear_bit(CONN_RECEIVER_RUNNING, &connection->flags);
	wake_up_all(&resource->state_wait);
	drbd_connection_put(connection);
	module_put_and_kthread_exit(0);
	return 0;
}

void drbd_receiver_start(struct drbd_connection *connection)
{
	struct task_struct *task;

	mutex_lock(&connection->receiver.mutex);
	/* The last one may still be on its way out. */
	wait_event(connection->resource->state_wait,
		   !test_bit(CONN_RECEIVER_RUNNING, &connection->flags));
	if (connection->cstate != C_UNCONNECTED) {
		/* Disconnected again before there was a thread that could see to it. */
		if (connection->cstate == C_DISCONNECTING)
			drbd_change_cstate(connection, C_STANDALONE, CHG_HARD, "disconnected",
					   NULL);
		goto out;
	}
	clear_bit(CONN_STOP_RECEIVER, &connection->flags);
	if (drbd_sender_start(connection))
		goto fail;
	set_bit(CONN_RECEIVER_RUNNING, &connection->flags);
	drbd_connection_get(connection);
	__module_get(THIS_MODULE);
	task = kthread_run(receiver_thread, connection, "drbd_r_%s", connection->resource->name);
	if (!IS_ERR(task))
		goto out;
	module_put(THIS_MODULE);
	drbd_connection_put(connection);
	clear_bit(CONN_RECEIVER_RUNNING, &connection->flags);
fail:
	conn_err(connection, "cannot start the connection's threads\n");
	drbd_conn_disconnecting(connection, "no-thread");
	drbd_change_cstate(connection, C_STANDALONE, CHG_HARD, "no-thread", NULL);
out:
	mutex_unlock(&connection->receiver.mutex);
}

static void abort_work(struct work_struct *work)
{
	struct drbd_connection *connection =
		container_of(work, struct drbd_connection, abort_work);
	struct drbd_transport *transport = &connection->transport;

	/* A COMMIT of a disconnect, or a P_DISCONNECT, is still to be flushed. */
	if (test_bit(CONN_GRACEFUL_DISCONNECT, &connection->flags) &&
	    test_bit(CONN_STREAMS_UP, &connection->flags)) {
		transport->class->ops->set_rcvtimeo(transport, DATA_STREAM, 1);
		msleep(20);
	}
	transport->class->ops->abort(transport);
}

void drbd_receiver_signal(struct drbd_connection *connection, bool stop)
{
	if (stop)
		set_bit(CONN_STOP_RECEIVER, &connection->flags);
	queue_work(drbd_io_wq, &connection->abort_work);
}

static void send_ping_work(struct work_struct *work)
{
	drbd_send_ping(container_of(work, struct drbd_connection, send_ping_work));
}

/* An algorithm that was replaced; somebody may still be computing with it. */
struct old_alg {
	struct list_head list;
	struct crypto_shash *tfm;
};

int drbd_connection_init(struct drbd_connection *connection)
{
	int i;

	spin_lock_init(&connection->work_lock);
	spin_lock_init(&connection->peer_reqs_lock);
	INIT_LIST_HEAD(&connection->sender_work);
	INIT_LIST_HEAD(&connection->peer_writes);
	INIT_LIST_HEAD(&connection->done_ee);
	INIT_LIST_HEAD(&connection->resync_source);
	INIT_LIST_HEAD(&connection->old_algs);
	init_waitqueue_head(&connection->sender_wait);
	init_waitqueue_head(&connection->ee_wait);
	init_waitqueue_head(&connection->ping_wait);
	mutex_init(&connection->receiver.mutex);
	INIT_WORK(&connection->send_acks_work, drbd_send_acks_work);
	INIT_WORK(&connection->peer_ack_work, drbd_peer_ack_work);
	INIT_WORK(&connection->send_ping_work, send_ping_work);
	INIT_WORK(&connection->abort_work, abort_work);
	INIT_WORK(&connection->async_cstate_work, drbd_async_cstate_work);
	INIT_WORK(&connection->fence_work, drbd_fence_work);
	INIT_DELAYED_WORK(&connection->connect_work, drbd_connect_work);
	drbd_confirm_stable_init(connection);
	for (i = 0; i < 2; i++) {
		mutex_init(&connection->send[i].mutex);
		connection->send[i].buffer = (void *)__get_free_page(GFP_KERNEL);
		if (!connection->send[i].buffer)
			goto fail;
	}
	connection->recv_buffer = (void *)__get_free_page(GFP_KERNEL);
	if (!connection->recv_buffer)
		goto fail;
	connection->ack_sender = alloc_ordered_workqueue("drbd_as_%s",
							 WQ_MEM_RECLAIM | WQ_HIGHPRI,
							 connection->resource->name);
	if (!connection->ack_sender)
		goto fail;
	return 0;
fail:
	drbd_connection_free_resources(connection);
	return -ENOMEM;
}

void drbd_connection_stop(struct drbd_connection *connection)
{
	set_bit(CONN_STOP_RECEIVER, &connection->flags);
	wait_event(connection->resource->state_wait,
		   !test_bit(CONN_RECEIVER_RUNNING, &connection->flags));
	drbd_sender_stop(connection);
	cancel_work_sync(&connection->abort_work);
	cancel_work_sync(&connection->async_cstate_work);
	cancel_delayed_work_sync(&connection->connect_work);
	if (cancel_work_sync(&connection->fence_work))
		drbd_connection_put(connection);	/* the reference of a run that is not to be */
	cancel_work_sync(&connection->send_ping_work);
	if (connection->ack_sender)
		flush_workqueue(connection->ack_sender);
}

void drbd_connection_free_resources(struct drbd_connection *connection)
{
	struct old_alg *old, *next;
	int i;

	/* The way to StandAlone after drbd_connection_stop() may have queued them again. */
	cancel_work_sync(&connection->abort_work);
	cancel_work_sync(&connection->async_cstate_work);
	if (connection->ack_sender)
		destroy_workqueue(connection->ack_sender);
	connection->ack_sender = NULL;
	for (i = 0; i < 2; i++) {
		free_page((unsigned long)connection->send[i].buffer);
		connection->send[i].buffer = NULL;
	}
	free_page((unsigned long)connection->recv_buffer);
	connection->recv_buffer = NULL;
	crypto_free_shash(connection->csums_tfm);
	crypto_free_shash(connection->verify_tfm);
	crypto_free_shash(connection->integrity_tfm);
	crypto_free_shash(connection->peer_integrity_tfm);
	crypto_free_shash(connection->cram_hmac_tfm);
	list_for_each_entry_safe(old, next, &connection->old_algs, list) {
		crypto_free_shash(old->tfm);
		kfree(old);
	}
}

/* --------------------------------------------------------------- algorithms */

/* A failure leaves *@slot alone.  netlink.md 7.5 */
static int set_alg(struct crypto_shash **slot, const char *name, const char *what, bool keyed,
		   struct drbd_reply *reply)
{
	struct crypto_shash *tfm = NULL;
	char full[80];

	if (*name) {
		snprintf(full, sizeof(full), keyed ? "hmac(%s)" : "%s", name);
		tfm = crypto_alloc_shash(full, 0, 0);
		if (IS_ERR(tfm)) {
			drbd_reply_text(reply, "failed to allocate %s for %s", full, what);
			return -ENOENT;
		}
		if (!keyed && (crypto_shash_get_flags(tfm) & CRYPTO_TFM_NEED_KEY)) {
			drbd_reply_text(reply, "may not use %s for %s. It requires an unkeyed algorithm",
					full, what);
			crypto_free_shash(tfm);
			return -EINVAL;
		}
		if (crypto_shash_digestsize(tfm) > DRBD_MAX_DIGEST_SIZE) {
			crypto_free_shash(tfm);
			return -EINVAL;
		}
	}
	*slot = tfm;
	return 0;
}

/*
 * Takes @tfm into use.  Threads of the connection read the slot at any time and
 * may be computing with what they found for as long as a send takes.
 */
static void replace_alg(struct drbd_connection *connection, struct crypto_shash **slot,
			struct crypto_shash *tfm)
{
	struct old_alg *old;

	if (*slot) {
		old = kmalloc(sizeof(*old), GFP_KERNEL | __GFP_NOFAIL);
		old->tfm = *slot;
		list_add(&old->list, &connection->old_algs);
	}
	WRITE_ONCE(*slot, tfm);
}

int drbd_connection_set_algorithms(struct drbd_connection *connection,
				   const struct net_conf *was, const struct net_conf *nc,
				   struct drbd_reply *reply)
{
	struct crypto_shash *csums = NULL, *verify = NULL, *integrity = NULL, *cram = NULL;
	bool new_csums = strcmp(was ? was->csums_alg : "", nc->csums_alg);
	bool new_verify = strcmp(was ? was->verify_alg : "", nc->verify_alg);
	bool new_integrity = strcmp(was ? was->integrity_alg : "", nc->integrity_alg);
	bool new_cram = strcmp(was ? was->cram_hmac_alg : "", nc->cram_hmac_alg);
	int rv = NO_ERROR;

	if (new_csums && set_alg(&csums, nc->csums_alg, "csums", false, reply))
		rv = ERR_CSUMS_ALG;
	else if (new_verify && set_alg(&verify, nc->verify_alg, "verify", false, reply))
		rv = ERR_VERIFY_ALG;
	else if (new_integrity && set_alg(&integrity, nc->integrity_alg, "integrity", false, reply))
		rv = ERR_INTEGRITY_ALG;
	else if (new_cram && set_alg(&cram, nc->cram_hmac_alg, "hmac", true, reply))
		rv = ERR_AUTH_ALG;
	if (rv != NO_ERROR) {
		crypto_free_shash(csums);
		crypto_free_shash(verify);
		crypto_free_shash(integrity);
		crypto_free_shash(cram);
		return rv;
	}
	if (new_csums)
		replace_alg(connection, &connection->csums_tfm, csums);
	if (new_verify)
		replace_alg(connection, &connection->verify_tfm, verify);
	if (new_cram)
		replace_alg(connection, &connection->cram_hmac_tfm, cram);
	if (new_integrity) {
		/* Between two packets, and the peer learns where. */
		drbd_stream_lock(connection, DATA_STREAM);
		replace_alg(connection, &connection->integrity_tfm, integrity);
		drbd_send_new_integrity(connection, nc);
		drbd_stream_unlock(connection, DATA_STREAM);
	}
	return NO_ERROR;
}

int drbd_peer_device_init(struct drbd_peer_device *pd)
{
	unsigned int n;

	pd->repl_state = L_OFF;
	pd->disk_state = D_UNKNOWN;
	pd->replication = true;
	pd->peer_replication = true;
	pd->negotiation_result = L_OFF;
	pd->bitmap_index = -1;
	pd->hs.my_disk_state = D_MASK;
	for (n = 0; n < DRBD_UUID_NODES; n++)
		pd->uuids.bitmap[n] = DRBD_UUID_UNKNOWN;
	return drbd_resync_init(pd);
}

void drbd_peer_device_fini(struct drbd_peer_device *pd)
{
	drbd_resync_fini(pd);
}
