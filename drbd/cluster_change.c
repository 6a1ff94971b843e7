// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two-phase commit on its way through the cluster: core/twopc.h says what
 * to send and when; here it is sent, waited for, and carried out.
 */
#include <linux/random.h>
#include <linux/sched/signal.h>
#include "txn.h"
#include "backing.h"
#include "bitmap.h"
#include "connection.h"
#include "handshake.h"
#include "netlink.h"
#include "resync.h"
#include "sender.h"
#include "core/size.h"

static u32 random_tid(void)
{
	u32 tid;

	do {
		tid = get_random_u32();
	} while (!tid);
	return tid;
}

/* @req: the resize this is about, NULL: none. */
static void fill_env(struct drbd_txn *t, const struct drbd_twopc_request *req,
		     struct drbd_twopc_env *env)
{
	struct drbd_resource *resource = t->resource;
	struct drbd_connection *connection;

	drbd_twopc_env_init(env, &t->core);
	env->timeout_ms = resource->res_opts.twopc_timeout * 100;
	env->ping_timeout_ms = 500;
	for_each_connection(connection, resource) {
		struct net_conf *nc = rcu_dereference_check(connection->net_conf, true);

		if (nc && nc->ping_timeo * 100 > env->ping_timeout_ms)
			env->ping_timeout_ms = nc->ping_timeo * 100;
	}
	if (req && req->type == TWOPC_TYPE_RESIZE) {
		int d = drbd_txn_dev_by_vnr(t, req->vnr);

		if (d >= 0 && t->devices[d]->disk_state >= D_INCONSISTENT) {
			env->diskful = true;
			env->max_possible_size = drbd_backing_capacity(t->devices[d]);
		}
	}
}

void drbd_twopc_fill_env(struct drbd_txn *t, struct drbd_twopc_env *env)
{
	fill_env(t, t->resource->twopc.owner == TWOPC_FREE ? NULL : &t->resource->twopc.req, env);
}

/* ------------------------------------------------------------ carrying it out */

static u8 other_end(const struct drbd_twopc_request *req, u8 me)
{
	return req->initiator == me ? req->target : req->initiator;
}

static void set_disconnect_expected(struct drbd_resource *resource,
				    const struct drbd_twopc_request *req, bool on)
{
	struct drbd_connection *connection;

	connection = drbd_connection_find(resource, other_end(req, drbd_node_id(resource)));
	if (!connection)
		return;
	if (on)
		set_bit(CONN_GRACEFUL_DISCONNECT, &connection->flags);
	else
		clear_bit(CONN_GRACEFUL_DISCONNECT, &connection->flags);
	drbd_connection_put(connection);
}

/* Before the PREPARE is out: the target's introduction may come at once. */
static void begin_handshake_with(struct drbd_resource *resource, u8 node, u32 tid)
{
	struct drbd_connection *connection = drbd_connection_find(resource, node);

	if (!connection)
		return;
	drbd_handshake_begin(connection);
	spin_lock_irq(&resource->req_lock);
	connection->connect_tid = tid;
	set_bit(CONN_INTRODUCTION_DUE, &connection->flags);
	spin_unlock_irq(&resource->req_lock);
	drbd_connection_put(connection);
}

static void prepare_failed(struct drbd_resource *resource, u8 node)
{
	struct drbd_txn *t = drbd_txn_begin(resource, "twopc");
	struct drbd_twopc_env env;
	struct drbd_twopc_out out;

	drbd_twopc_fill_env(t, &env);
	drbd_twopc_send_failed(&resource->twopc, &env, node, &out);
	drbd_txn_abort(t);
	drbd_twopc_perform(resource, &out, node);
}

static void send_phase(struct drbd_resource *resource, u64 nodes, enum drbd_twopc_phase phase,
		       const struct drbd_twopc_request *req)
{
	unsigned int node;

	for (node = 0; node < DRBD_MAX_NODES; node++) {
		struct drbd_connection *connection;
		int err;

		if (!(nodes & NODE_MASK(node)))
			continue;
		connection = drbd_connection_find(resource, node);
		err = connection ? drbd_send_twopc(connection, phase, req) : -ENOTCONN;
		if (!err && phase == TWOPC_PREPARE)
			drbd_send_ping(connection);
		if (connection)
			drbd_connection_put(connection);
		if (err && phase == TWOPC_PREPARE)
			prepare_failed(resource, node);
	}
}

/* The slot may have passed on while we were sending: its timer is not touched then. */
static void set_timer(struct drbd_resource *resource, const struct drbd_twopc_out *out)
{
	u32 tid = out->req.tid;

	if (out->timer_ms == TWOPC_TIMER_KEEP)
		return;
	spin_lock_irq(&resource->req_lock);
	if (out->timer_ms == TWOPC_TIMER_STOP) {
		if (resource->twopc_timer_tid == tid) {
			resource->twopc_timer_tid = 0;
			cancel_delayed_work(&resource->twopc_timer);
		}
	} else if (resource->twopc.owner != TWOPC_FREE && resource->twopc.req.tid == tid) {
		resource->twopc_timer_tid = tid;
		mod_delayed_work(system_wq, &resource->twopc_timer,
				 msecs_to_jiffies(out->timer_ms));
	}
	spin_unlock_irq(&resource->req_lock);
}

void drbd_twopc_perform(struct drbd_resource *resource, const struct drbd_twopc_out *out,
			u8 from_node)
{
	struct drbd_connection *connection;
	unsigned int node;

	if (out->todo & TWOPC_WAKE)
		wake_up_all(&resource->twopc_wait);
	send_phase(resource, out->abort_to, TWOPC_ABORT, &out->req);
	send_phase(resource, out->prepare_to, TWOPC_PREPARE, &out->req);
	send_phase(resource, out->commit_to, TWOPC_COMMIT, &out->req);
	for (node = 0; node < DRBD_MAX_NODES; node++) {
		if (!(out->reply_to & NODE_MASK(node)))
			continue;
		connection = drbd_connection_find(resource, node);
		if (!connection)
			continue;
		drbd_send_twopc_reply(connection, out->answer, out->req.vnr, &out->reply);
		drbd_connection_put(connection);
	}
	if (!(out->todo & TWOPC_WAIT_SLOT))
		set_timer(resource, out);
	if (out->todo & (TWOPC_INTRODUCE | TWOPC_UNDO | TWOPC_PING_INITIATOR)) {
		u8 me = drbd_node_id(resource);

		/* Of the transaction that owes it: the slot may hold the next one already. */
		connection = drbd_connection_find(resource, other_end(&out->req, me));
		if (connection) {
			if (out->todo & TWOPC_INTRODUCE) {
				if (out->req.initiator != me)
					drbd_handshake_begin(connection);
				drbd_send_introduction(connection);
			}
			if (out->todo & TWOPC_UNDO) {
				clear_bit(CONN_GRACEFUL_DISCONNECT, &connection->flags);
				drbd_handshake_undo(connection);
			}
			if (out->todo & TWOPC_PING_INITIATOR)
				drbd_send_ping(connection);
			drbd_connection_put(connection);
		}
	}
	if (out->todo & TWOPC_FREED)
		wake_up_all(&resource->twopc_wait);
}

/* ------------------------------------------------------------------ initiator */

static bool twopc_decided(struct drbd_resource *resource)
{
	struct drbd_txn *t = drbd_txn_begin(resource, "twopc");
	struct drbd_twopc_env env;
	bool decided;

	drbd_twopc_fill_env(t, &env);
	decided = drbd_twopc_decided(&resource->twopc, &env);
	drbd_txn_abort(t);
	return decided;
}

static bool slot_free(struct drbd_resource *resource)
{
	return READ_ONCE(resource->twopc.owner) == TWOPC_FREE;
}

static bool target_connecting(struct drbd_txn *t, const struct drbd_twopc_request *req)
{
	unsigned int c;

	for (c = 0; c < t->core.nr_connections; c++)
		if (t->core.conn[c].peer_node_id == (u8)req->target)
			return t->core.conn[c].cstate[DRBD_OLD] == C_CONNECTING;
	return false;
}

/* Name the peer that said no, for the administrator. */
static void explain_no(struct drbd_resource *resource, u64 no, struct drbd_reply *reply)
{
	struct drbd_connection *connection;

	rcu_read_lock();
	for_each_connection(connection, resource) {
		if (no & NODE_MASK(connection->peer_node_id))
			drbd_reply_text(reply, "Declined by peer %s (id: %d), see the kernel log there",
					connection->name, connection->peer_node_id);
	}
	rcu_read_unlock();
}

static struct drbd_txn *begin_again(struct drbd_resource *resource, const char *tag,
				    unsigned int cflags, drbd_txn_fn fn, void *arg)
	__acquires(&resource->req_lock)
{
	struct drbd_txn *t = drbd_txn_begin(resource, tag);

	t->core_flags = cflags | fn(t, arg);
	return t;
}

int drbd_twopc_change(struct drbd_txn *t, unsigned int chg_flags, drbd_txn_fn fn, void *arg,
		      const struct drbd_twopc_request *wanted, struct drbd_reply *reply)
	__releases(&t->resource->req_lock)
{
	struct drbd_resource *resource = t->resource;
	const char *tag = t->tag;
	/* What fn() adds is in there as well; adding it again does no harm. */
	unsigned int cflags = t->core_flags, attempt = 0;
	bool wait = chg_flags & CHG_WAIT;
	bool on_worker = drbd_on_worker();
	DECLARE_COMPLETION_ONSTACK(done);
	struct drbd_twopc_request req = *wanted;
	struct drbd_twopc *slot = &resource->twopc;
	struct drbd_twopc_env env;
	struct drbd_twopc_out out;
	u64 no_nodes;
	long left;
	int rv;

	drbd_resource_get(resource);
	for (;;) {
		u8 role_old = t->core.role[DRBD_OLD];
		unsigned int n_conn = t->core.nr_connections;

		drbd_twopc_fill_env(t, &env);
		rv = drbd_twopc_start(slot, &env, &req, random_tid(), target_connecting(t, &req),
				      &out);
		if (rv == SS_CW_NO_NEED) {
			if (drbd_twopc_is_empty(&req)) {
				/* Nobody to ask: what the replies would have said is empty. */
				t->core_flags |= CORE_NOBODY_TO_ASK;
				drbd_state_check(&t->core, t->core_flags, &t->why);
			}
			drbd_txn_commit(t, wait && !on_worker ? &done : NULL);
			rv = SS_SUCCESS;
			break;
		}
		if (rv == SS_CONCURRENT_ST_CHG) {
			drbd_txn_abort(t);
			if (on_worker || (chg_flags & CHG_DONT_WAIT_SLOT)) {
				wait = false;
				break;
			}
			if (wait_event_interruptible(resource->twopc_wait, slot_free(resource))) {
				rv = SS_INTERRUPTED;
				wait = false;
				break;
			}
			goto recheck;
		}
		if (rv != SS_SUCCESS) {
			drbd_report_refusal(t, rv, chg_flags, reply);
			drbd_txn_abort(t);
			wait = false;
			break;
		}
		req.tid = slot->req.tid;
		drbd_txn_abort(t);
		if (drbd_twopc_is_disconnect(&req))
			set_disconnect_expected(resource, &out.req, true);
		if (drbd_twopc_is_connect(&req))
			begin_handshake_with(resource, req.target, req.tid);
		drbd_twopc_perform(resource, &out, drbd_node_id(resource));

		left = wait_event_interruptible_timeout(resource->twopc_wait,
				twopc_decided(resource), msecs_to_jiffies(env.timeout_ms));

		t = begin_again(resource, tag, cflags, fn, arg);
		role_old = t->core.role[DRBD_OLD];
		drbd_twopc_fill_env(t, &env);
		if (left == 0)
			drbd_twopc_initiator_timeout(slot);
		else if (left < 0)
			drbd_twopc_interrupt(slot);
		drbd_state_sanitize(&t->core, t->core_flags);
		rv = drbd_twopc_verdict(slot, &env, &t->core);
		no_nodes = slot->no;
		if (!rv)
			rv = SS_TIMEOUT;
		if (rv == SS_SUCCESS) {
			int check;

			drbd_twopc_merge(slot, &env, &t->core);
			if (drbd_twopc_commit_first(&req, role_old)) {
				struct drbd_twopc copy;

				slot->committing = true;
				copy = *slot;
				drbd_twopc_end(&copy, &env, true, 0, &out);
				out.todo &= ~TWOPC_FREED;
				drbd_txn_abort(t);
				drbd_twopc_perform(resource, &out, drbd_node_id(resource));
				t = begin_again(resource, tag, cflags, fn, arg);
				drbd_twopc_fill_env(t, &env);
				drbd_twopc_commit_local(&t->core, slot, &t->core_flags);
				t->core_flags |= CORE_PREPARED;
				check = drbd_state_check(&t->core, t->core_flags, &t->why);
				drbd_twopc_end(slot, &env, true, 0, &out);
				out.commit_to = 0;
			} else {
				drbd_twopc_commit_local(&t->core, slot, &t->core_flags);
				t->core_flags |= CORE_PREPARED;
				check = drbd_state_check(&t->core, t->core_flags, &t->why);
				drbd_twopc_end(slot, &env, true, 0, &out);
			}
			if (check == SS_SUCCESS) {
				drbd_txn_commit(t, wait && !on_worker ? &done : NULL);
			} else {
				if (check != SS_NOTHING_TO_DO)
					pr_err("drbd %s: FATAL: local commit of an agreed change failed: %s (%d)\n",
					       resource->name, drbd_ss_text(check), check);
				if (check < SS_SUCCESS)
					rv = check;
				wait = false;
				drbd_txn_abort(t);
			}
			drbd_twopc_perform(resource, &out, drbd_node_id(resource));
			break;
		}

		drbd_twopc_end(slot, &env, false, 0, &out);
		left = drbd_twopc_retry_delay(rv, n_conn, ++attempt,
					      resource->res_opts.twopc_retry_timeout);
		if (!left || (chg_flags & CHG_DONT_RETRY))
			drbd_report_refusal(t, rv, chg_flags, reply);
		drbd_txn_abort(t);
		if (drbd_twopc_is_disconnect(&req))
			set_disconnect_expected(resource, &out.req, false);
		drbd_twopc_perform(resource, &out, drbd_node_id(resource));
		if (rv == SS_CW_FAILED_BY_PEER)
			explain_no(resource, no_nodes, reply);
		if (!left || (chg_flags & CHG_DONT_RETRY) || on_worker) {
			wait = false;
			break;
		}
		if (schedule_timeout_interruptible(msecs_to_jiffies(get_random_u32_below(left + 1)))
		    && signal_pending(current)) {
			rv = SS_INTERRUPTED;
			wait = false;
			break;
		}
recheck:
		t = begin_again(resource, tag, cflags, fn, arg);
		rv = drbd_state_check(&t->core, t->core_flags, &t->why);
		if (rv == SS_NOTHING_TO_DO && drbd_twopc_is_empty(&req))
			rv = SS_SUCCESS;
		if (rv != SS_SUCCESS) {
			if (rv < SS_SUCCESS)
				drbd_report_refusal(t, rv, chg_flags, reply);
			drbd_txn_abort(t);
			wait = false;
			break;
		}
	}
	if (wait && !on_worker)
		wait_for_completion(&done);
	drbd_resource_put(resource);
	return rv;
}

/* ----------------------------------------------------------------- participant */

/* A participant's own answer to a resize. */
static int check_resize(struct drbd_txn *t, int vnr)
{
	int d = drbd_txn_dev_by_vnr(t, vnr);
	unsigned int c;

	/* The previous one is agreed, and not yet carried out here. */
	if (d >= 0 && test_bit(DEV_RESIZING, &t->devices[d]->flags))
		return SS_IN_TRANSIENT_STATE;
	for (c = 0; c < t->core.nr_connections; c++)
		if (t->core.conn[c].cstate[DRBD_OLD] >= C_CONNECTED &&
		    t->core.conn[c].protocol_version < 112)
			return SS_NOT_SUPPORTED;
	return SS_SUCCESS;
}

/* A resync of the new space belongs to the connections that agreed on it; req_lock held. */
static void note_sessions(struct drbd_txn *t, struct drbd_agreed_size *a)
{
	unsigned int c;

	for (c = 0; c < t->core.nr_connections; c++)
		a->sessions[t->core.conn[c].peer_node_id] = t->connections[c]->session;
}

/* COMMIT of a resize: what is to be done, before the slot is free.  Is there such a volume? */
static bool resize_agreed(struct drbd_txn *t, const struct drbd_twopc *slot,
			  struct drbd_agreed_size *a)
{
	int d = drbd_txn_dev_by_vnr(t, slot->req.vnr);

	if (d < 0)
		return false;
	drbd_device_get(t->devices[d]);
	set_bit(DEV_RESIZING, &t->devices[d]->flags);
	a->device = t->devices[d];
	a->size = slot->req.exposed_size;
	a->user_size = slot->req.user_size;
	a->dds_flags = slot->req.dds_flags;
	a->diskful_primaries = slot->req.diskful_primary_nodes;
	a->prepare_from = slot->first_parent;
	a->prepare_to = slot->prepared;
	note_sessions(t, a);
	return true;
}

static void request_received(struct drbd_connection *connection, enum drbd_twopc_phase phase,
			     const struct drbd_twopc_request *req, bool waited)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_twopc *slot = &resource->twopc;
	struct drbd_agreed_size *agreed = NULL;
	u8 from = connection->peer_node_id;
	struct drbd_twopc_out out, more;
	struct drbd_twopc_env env;
	struct drbd_txn *t;
	bool resize = false;
	int rv;

	/* Whether it is about a resize is known under the lock only. */
	if (phase == TWOPC_COMMIT)
		agreed = kzalloc(sizeof(*agreed), GFP_NOIO | __GFP_NOFAIL);
	t = drbd_txn_begin(resource, "remote");
	/* A parent that is gone would hold the slot until the timeout. */
	if (phase == TWOPC_PREPARE && connection->cstate < C_CONNECTING) {
		drbd_txn_abort(t);
		return;
	}
	memset(&more, 0, sizeof(more));
	fill_env(t, req, &env);
	drbd_twopc_receive(slot, &env, phase, from, req, waited, &out);
	if (out.todo & TWOPC_WAIT_SLOT) {
		drbd_txn_abort(t);
		drbd_twopc_perform(resource, &out, from);
		/* Here, in the receiver: what follows on this stream builds upon this packet.
		 * Whoever has the slot does not need this thread to give it back. */
		wait_event_timeout(resource->twopc_wait, slot_free(resource),
				   msecs_to_jiffies(out.timer_ms));
		request_received(connection, phase, req, true);
		return;
	}
	if (out.todo & TWOPC_VALIDATE) {
		unsigned int cf = 0;

		if (req->type == TWOPC_TYPE_RESIZE) {
			rv = check_resize(t, req->vnr);
		} else {
			rv = drbd_twopc_prepare_remote(&t->core, &slot->req, from, &cf);
			if (rv == SS_SUCCESS)
				rv = drbd_state_check(&t->core, cf, &t->why);
			if (rv == SS_NOTHING_TO_DO)
				rv = SS_SUCCESS;
			if (rv < SS_SUCCESS)
				drbd_report_refusal(t, rv, CHG_VERBOSE, NULL);
		}
		if (slot->is_disconnect && slot->req.target == env.my_node_id && rv == SS_SUCCESS)
			set_bit(CONN_GRACEFUL_DISCONNECT, &connection->flags);
		drbd_twopc_local_verdict(slot, &env, rv, &more);
		drbd_txn_abort(t);
		drbd_twopc_perform(resource, &out, from);
		drbd_twopc_perform(resource, &more, from);
		return;
	}
	if (out.todo & TWOPC_APPLY) {
		unsigned int cf = 0;

		if (slot->req.type == TWOPC_TYPE_RESIZE) {
			resize = resize_agreed(t, slot, agreed);
			drbd_twopc_applied(slot, &env, &more);
			drbd_txn_abort(t);
		} else {
			if (slot->is_disconnect)
				clear_bit(CONN_WAS_CONNECTED, &connection->flags);
			drbd_twopc_commit_remote(&t->core, slot, req, from, &cf);
			t->core_flags = cf | CORE_PREPARED;
			rv = drbd_state_check(&t->core, t->core_flags, &t->why);
			drbd_twopc_applied(slot, &env, &more);
			if (rv == SS_SUCCESS) {
				drbd_txn_commit(t, NULL);
			} else {
				if (rv != SS_NOTHING_TO_DO)
					pr_err("drbd %s: FATAL: commit of an agreed change failed: %s (%d)\n",
					       resource->name, drbd_ss_text(rv), rv);
				drbd_txn_abort(t);
			}
		}
		drbd_twopc_perform(resource, &out, from);
		drbd_twopc_perform(resource, &more, from);
		if (resize)
			drbd_resize_carry_out_later(agreed);
		else
			kfree(agreed);
		return;
	}
	drbd_txn_abort(t);
	kfree(agreed);
	drbd_twopc_perform(resource, &out, from);
}

void drbd_twopc_request_received(struct drbd_connection *connection, enum drbd_twopc_phase phase,
				 const struct drbd_twopc_request *req)
{
	request_received(connection, phase, req, false);
}

void drbd_twopc_reply_received(struct drbd_connection *connection, enum drbd_twopc_answer answer,
			       const struct drbd_twopc_reply *reply)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_txn *t = drbd_txn_begin(resource, "twopc");
	struct drbd_twopc_env env;
	struct drbd_twopc_out out;

	drbd_twopc_fill_env(t, &env);
	drbd_twopc_answered(&resource->twopc, &env, connection->peer_node_id, answer, reply, &out);
	drbd_txn_abort(t);
	drbd_twopc_perform(resource, &out, connection->peer_node_id);
	wake_up_all(&resource->twopc_wait);
}

void drbd_twopc_handshake_result(struct drbd_connection *connection,
				 enum drbd_handshake_outcome outcome)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_txn *t = drbd_txn_begin(resource, "twopc");
	struct drbd_twopc_env env;
	struct drbd_twopc_out out;

	drbd_twopc_fill_env(t, &env);
	drbd_twopc_handshake_done(&resource->twopc, &env, outcome, &out);
	drbd_txn_abort(t);
	drbd_twopc_perform(resource, &out, connection->peer_node_id);
	wake_up_all(&resource->twopc_wait);
}

void drbd_twopc_node_lost(struct drbd_resource *resource, u8 node)
{
	struct drbd_txn *t = drbd_txn_begin(resource, "twopc");
	struct drbd_twopc_env env;
	struct drbd_twopc_out out;

	drbd_twopc_fill_env(t, &env);
	drbd_twopc_peer_lost(&resource->twopc, &env, node, &out);
	drbd_txn_abort(t);
	drbd_twopc_perform(resource, &out, node);
	wake_up_all(&resource->twopc_wait);
}

void drbd_twopc_timer_work(struct work_struct *work)
{
	struct drbd_resource *resource =
		container_of(work, struct drbd_resource, twopc_timer.work);
	struct drbd_txn *t = drbd_txn_begin(resource, "twopc");
	struct drbd_twopc_env env;
	struct drbd_twopc_out out;

	/* Of a transaction that has come to its end meanwhile. */
	if (resource->twopc.owner == TWOPC_FREE ||
	    resource->twopc.req.tid != resource->twopc_timer_tid) {
		drbd_txn_abort(t);
		return;
	}
	drbd_twopc_fill_env(t, &env);
	drbd_twopc_timer(&resource->twopc, &env, &out);
	drbd_txn_abort(t);
	drbd_twopc_perform(resource, &out, drbd_node_id(resource));
	wake_up_all(&resource->twopc_wait);
}

/* ------------------------------------------------- the lost-peer transaction */

static unsigned int empty_change(struct drbd_txn *t, void *arg)
{
	drbd_twopc_prepare_empty(&t->core);
	return CORE_FORCE_RECALC;
}

void drbd_empty_twopc_work(struct work_struct *work)
{
	struct drbd_resource *resource =
		container_of(work, struct drbd_resource, empty_twopc_work);
	struct drbd_twopc_request req = {
		.type = TWOPC_TYPE_STATE, .vnr = -1, .target = -1,
		.initiator = drbd_node_id(resource),
	};
	int rv, tries;

	for (tries = 0; tries < 10; tries++) {
		rv = drbd_change(resource, CHG_SERIALIZE, empty_change, NULL, "lost-peer", &req,
				 NULL);
		if (rv != SS_TIMEOUT && rv != SS_CONCURRENT_ST_CHG)
			break;
	}
	drbd_resource_put(resource);
}

void drbd_schedule_empty_twopc(struct drbd_resource *resource)
{
	drbd_resource_get(resource);
	if (!queue_work(system_long_wq, &resource->empty_twopc_work))
		drbd_resource_put(resource);
}

/* ------------------------------------------------------------------- resize */

/* One attempt.  SS_ or ERR_ code; @agreed is complete if @commit. */
static int try_resize(struct drbd_device *device, struct drbd_twopc_request *req,
		      struct drbd_agreed_size *agreed, bool *commit, struct drbd_reply *reply)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_twopc *slot = &resource->twopc;
	u64 reached = 0, limit = 0;
	struct drbd_twopc_env env;
	struct drbd_twopc_out out;
	struct drbd_txn *t;
	long left;
	int rv;

	*commit = false;
	for (;;) {
		t = drbd_txn_begin(resource, "resize");
		fill_env(t, req, &env);
		rv = drbd_twopc_start(slot, &env, req, random_tid(), false, &out);
		drbd_txn_abort(t);
		if (rv != SS_CONCURRENT_ST_CHG)
			break;
		if (wait_event_interruptible(resource->twopc_wait, slot_free(resource)))
			return SS_INTERRUPTED;
	}
	if (rv != SS_SUCCESS)
		return rv;
	drbd_twopc_perform(resource, &out, drbd_node_id(resource));
	left = wait_event_interruptible_timeout(resource->twopc_wait, twopc_decided(resource),
						msecs_to_jiffies(env.timeout_ms));
	t = drbd_txn_begin(resource, "resize");
	fill_env(t, req, &env);
	if (left == 0)
		drbd_twopc_initiator_timeout(slot);
	else if (left < 0)
		drbd_twopc_interrupt(slot);
	rv = drbd_twopc_verdict(slot, &env, NULL);
	if (!rv)
		rv = SS_TIMEOUT;
	if (rv == SS_SUCCESS) {
		/* Nobody takes the slot from us while we think about the answers. */
		slot->committing = true;
		reached = slot->reachable_nodes;
		limit = slot->max_possible_size;
		if (limit >= DRBD_TWOPC_SIZE_DISKLESS)
			limit = 0;
		agreed->diskful_primaries = slot->diskful_primary_nodes;
		agreed->prepare_to = slot->prepared;
		note_sessions(t, agreed);
	}
	drbd_txn_abort(t);

	if (rv == SS_SUCCESS) {
		switch (drbd_resize_verdict(device, reached, limit, req->user_size,
					    req->dds_flags, &agreed->size, reply)) {
		case DRBD_RESIZE_CHANGED:
			*commit = true;
			set_bit(DEV_RESIZING, &device->flags);
			break;
		case DRBD_RESIZE_UNCHANGED:
			break;
		case DRBD_RESIZE_SHRINKS:
			rv = ERR_IMPLICIT_SHRINK;
			break;
		}
	}
	t = drbd_txn_begin(resource, "resize");
	fill_env(t, req, &env);
	drbd_twopc_end(slot, &env, *commit, agreed->size, &out);
	drbd_txn_abort(t);
	drbd_twopc_perform(resource, &out, drbd_node_id(resource));
	return rv;
}

int drbd_twopc_resize(struct drbd_device *device, u64 user_size, unsigned int dds_flags,
		      enum drbd_size_change *change, struct drbd_reply *reply)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_twopc_request req = {
		.type = TWOPC_TYPE_RESIZE, .vnr = device->vnr, .target = -1,
		.initiator = drbd_node_id(resource),
		.user_size = user_size, .dds_flags = dds_flags,
	};
	struct drbd_agreed_size agreed = {
		.device = device, .user_size = user_size, .dds_flags = dds_flags,
		.prepare_from = -1,
	};
	unsigned int attempt = 0;
	bool commit;
	u32 delay;
	int rv;

	if (test_bit(DEV_RESIZING, &device->flags) &&
	    wait_event_interruptible(device->misc_wait, !test_bit(DEV_RESIZING, &device->flags)))
		return SS_INTERRUPTED;
	if (mutex_lock_interruptible(&resource->serialize))
		return SS_INTERRUPTED;
	for (;;) {
		rv = try_resize(device, &req, &agreed, &commit, reply);
		delay = drbd_twopc_retry_delay(rv, 1, ++attempt,
					       resource->res_opts.twopc_retry_timeout);
		if (!delay || attempt == 10)
			break;
		if (schedule_timeout_interruptible(msecs_to_jiffies(get_random_u32_below(delay + 1)))
		    && signal_pending(current)) {
			rv = SS_INTERRUPTED;
			break;
		}
	}
	/* An unchanged size as well: internal metadata moves with the end of the disk. */
	if (commit)
		*change = drbd_resize_carry_out(&agreed, reply);
	else if (rv == SS_SUCCESS)
		*change = drbd_set_size(device, agreed.size, user_size, dds_flags, NULL, reply);
	mutex_unlock(&resource->serialize);
	return rv;
}
