// SPDX-License-Identifier: GPL-2.0-only
/* The two-phase commit machine (states.md 11). */
#include "twopc.h"
#include "state_internal.h"

#define ALL_NODES (~0ULL)

void drbd_twopc_env_init(struct drbd_twopc_env *env, const struct core_resource *r)
{
	memset(env, 0, sizeof(*env));
	env->my_node_id = r->my_node_id;
	env->connected = drbd_connected_nodes(r, DRBD_OLD);
	env->primary = r->role[DRBD_OLD] == R_PRIMARY;
	env->data_accessible = drbd_any_data_accessible(r, DRBD_OLD);
	env->max_possible_size = DRBD_TWOPC_SIZE_DISKLESS;
}

static void out_init(struct drbd_twopc_out *out, const struct drbd_twopc *t)
{
	memset(out, 0, sizeof(*out));
	out->req = t->req;
}

static u64 me(const struct drbd_twopc_env *env)
{
	return BIT_ULL(env->my_node_id);
}

static u64 node_bit(s8 node)
{
	return node >= 0 && node < DRBD_CORE_NODES ? BIT_ULL(node) : 0;
}

/* ------------------------------------------------------------ kinds of requests */

static u8 req_conn(const struct drbd_twopc_request *req)
{
	struct drbd_state_fields m, v;

	drbd_state_unpack(req->mask, &m);
	drbd_state_unpack(req->val, &v);
	return m.conn == C_MASK ? v.conn : 0;
}

bool drbd_twopc_is_connect(const struct drbd_twopc_request *req)
{
	return req->type == TWOPC_TYPE_STATE && req->vnr < 0 && req->target >= 0 &&
	       req_conn(req) == C_CONNECTED;
}

bool drbd_twopc_is_disconnect(const struct drbd_twopc_request *req)
{
	return req->type == TWOPC_TYPE_STATE && req->vnr < 0 && req->target >= 0 &&
	       req_conn(req) == C_DISCONNECTING;
}

bool drbd_twopc_is_empty(const struct drbd_twopc_request *req)
{
	return req->type == TWOPC_TYPE_STATE && !req->mask;
}

bool drbd_twopc_commit_first(const struct drbd_twopc_request *req, u8 role_old)
{
	struct drbd_state_fields m, v;

	if (req->type == TWOPC_TYPE_RESIZE)
		return true;
	drbd_state_unpack(req->mask, &m);
	drbd_state_unpack(req->val, &v);
	if (!req->mask)
		/* "primary-resume" is empty as well: its initiator is Primary. */
		return role_old == R_PRIMARY;
	if (req->vnr < 0)
		return !(m.role && !m.conn && v.role == R_PRIMARY);
	if (m.conn)
		return v.conn == L_VERIFY_S || v.conn == L_WF_BITMAP_S;
	return true;	/* attach, detach */
}

/* -------------------------------------------------------------- initiator */

static void slot_free(struct drbd_twopc *t, struct drbd_twopc_out *out)
{
	memset(t, 0, sizeof(*t));
	out->timer_ms = TWOPC_TIMER_STOP;
	out->todo |= TWOPC_FREED;
}

int drbd_twopc_start(struct drbd_twopc *t, const struct drbd_twopc_env *env,
		     const struct drbd_twopc_request *req, u32 tid, bool target_connecting,
		     struct drbd_twopc_out *out)
{
	bool connect = drbd_twopc_is_connect(req);
	u64 target = node_bit(req->target);
	u64 reach = env->connected;

	memset(out, 0, sizeof(*out));
	if (t->owner != TWOPC_FREE)
		return SS_CONCURRENT_ST_CHG;
	if (target && !(reach & target)) {
		if (!connect || !target_connecting)
			return SS_NEED_CONNECTION;
		reach |= target;
	}
	if (!reach)
		return SS_CW_NO_NEED;

	memset(t, 0, sizeof(*t));
	t->owner = TWOPC_INITIATOR;
	t->is_connect = connect;
	t->is_disconnect = drbd_twopc_is_disconnect(req);
	t->handshake = connect ? HANDSHAKE_PENDING : HANDSHAKE_OK;
	t->req = *req;
	t->req.tid = tid ? tid : 1;
	t->req.initiator = (s8)env->my_node_id;
	t->req.flags = DRBD_TWOPC_HAS_FLAGS;
	if (req->type == TWOPC_TYPE_STATE)
		t->req.flags |= DRBD_TWOPC_HAS_REACHABLE;
	t->req.nodes_to_reach = ~(reach | me(env));
	t->req.primary_nodes = 0;
	t->req.reachable_nodes = 0;
	t->prepared = reach;
	t->reachable_nodes = env->connected | me(env) | (connect ? target : 0);
	if (t->is_disconnect)
		t->reachable_nodes &= ~target;
	t->max_possible_size = env->max_possible_size;
	if (env->diskful && env->primary)
		t->diskful_primary_nodes = me(env);

	out->req = t->req;
	out->prepare_to = reach;
	out->timer_ms = env->timeout_ms;
	if (connect)
		out->todo |= TWOPC_INTRODUCE;
	return SS_SUCCESS;
}

bool drbd_twopc_decided(const struct drbd_twopc *t, const struct drbd_twopc_env *env)
{
	(void)env;
	if (t->preempted || t->interrupted || t->timed_out || t->retry || t->sizes_rejected)
		return true;
	if (t->handshake == HANDSHAKE_PENDING)
		return false;
	if (t->no)
		return true;
	return !(t->prepared & ~(t->yes | t->no | t->retry));
}

/* SS_TWO_PRIMARIES, SS_WEAKLY_CONNECTED (11.7), for promotion and connect. */
static int check_primaries(const struct drbd_twopc *t, const struct core_resource *r)
{
	u64 primaries = t->primary_nodes, strong, weak;
	bool two_primaries = false;
	u64 my_reach = drbd_connected_nodes(r, DRBD_NEW) | BIT_ULL(r->my_node_id);
	u32 c;

	if (r->role[DRBD_NEW] == R_PRIMARY)
		primaries |= BIT_ULL(r->my_node_id);
	weak = t->weak_nodes;
	if (r->role[DRBD_NEW] == R_PRIMARY && drbd_any_data_accessible(r, DRBD_NEW))
		weak |= ~my_reach;

	if (hweight64(primaries) > 1) {
		for_each_conn(c, r)
			two_primaries |= r->conn[c].two_primaries;
		if (!two_primaries)
			return SS_TWO_PRIMARIES;
	} else {
		return SS_SUCCESS;
	}
	if (!(primaries & weak))
		return SS_SUCCESS;
	strong = (t->reachable_nodes | my_reach) & ~weak;
	if (!strong)
		return SS_WEAKLY_CONNECTED;
	/* A common server: only a diskless live migration may pass. */
	if (primaries & BIT_ULL(r->my_node_id) && drbd_conn_highest_disk(r, DRBD_NEW) > D_DISKLESS)
		return SS_WEAKLY_CONNECTED;
	for_each_conn(c, r)
		if ((strong & BIT_ULL(r->conn[c].peer_node_id)) && !r->conn[c].two_primaries)
			return SS_TWO_PRIMARIES;
	return SS_SUCCESS;
}

/* Read-only openers here, and a Primary comes into the cluster by this connect. */
static int check_readers(const struct drbd_twopc *t, const struct core_resource *r)
{
	u32 c, d;

	for_each_dev(d, r) {
		if (!(r->dev[d].flags & CORE_DEV_OPEN) || (r->dev[d].flags & CORE_DEV_WRITER))
			continue;
		for_each_conn(c, r)
			if ((t->primary_nodes & BIT_ULL(r->conn[c].peer_node_id)) &&
			    !r->conn[c].two_primaries)
				return SS_PRIMARY_READER;
	}
	return SS_SUCCESS;
}

int drbd_twopc_verdict(const struct drbd_twopc *t, const struct drbd_twopc_env *env,
		       const struct core_resource *r)
{
	struct drbd_state_fields m, v;
	bool promotion;
	int rv;

	if (!drbd_twopc_decided(t, env))
		return 0;
	if (t->preempted || t->retry)
		return SS_CONCURRENT_ST_CHG;
	if (t->handshake == HANDSHAKE_RETRY)
		return SS_HANDSHAKE_RETRY;
	if (t->handshake == HANDSHAKE_DISCONNECT)
		return SS_HANDSHAKE_DISCONNECT;
	if (t->no)
		return SS_CW_FAILED_BY_PEER;
	if (t->sizes_rejected)
		return SS_HANDSHAKE_DISCONNECT;
	if (t->timed_out)
		return SS_TIMEOUT;
	if (t->interrupted)
		return SS_INTERRUPTED;
	if (!r || t->req.type != TWOPC_TYPE_STATE)
		return SS_SUCCESS;

	drbd_state_unpack(t->req.mask, &m);
	drbd_state_unpack(t->req.val, &v);
	promotion = m.role && !m.conn && v.role == R_PRIMARY;
	if (promotion || t->is_connect) {
		rv = check_primaries(t, r);
		if (rv < SS_SUCCESS)
			return rv;
	}
	return t->is_connect ? check_readers(t, r) : SS_SUCCESS;
}

void drbd_twopc_initiator_timeout(struct drbd_twopc *t)
{
	t->timed_out = true;
}

void drbd_twopc_interrupt(struct drbd_twopc *t)
{
	t->interrupted = true;
}

void drbd_twopc_reject_sizes(struct drbd_twopc *t)
{
	t->sizes_rejected = true;
}

void drbd_twopc_merge(struct drbd_twopc *t, const struct drbd_twopc_env *env,
		      const struct core_resource *r)
{
	u64 reach = drbd_connected_nodes(r, DRBD_NEW) | me(env);

	t->committing = true;
	t->reachable_nodes |= reach;
	if (t->is_disconnect)
		t->reachable_nodes &= ~node_bit(t->req.target) |
				      (t->target_reachable_nodes & t->reachable_nodes ?
				       node_bit(t->req.target) : 0);
	if (r->role[DRBD_NEW] == R_PRIMARY) {
		t->primary_nodes |= me(env);
		if (drbd_any_data_accessible(r, DRBD_NEW))
			t->weak_nodes |= ~reach;
	}
}

void drbd_twopc_end(struct drbd_twopc *t, const struct drbd_twopc_env *env, bool commit,
		    u64 new_size, struct drbd_twopc_out *out)
{
	u64 reach = env->connected | (t->is_connect ? node_bit(t->req.target) : 0);

	out_init(out, t);
	if (commit) {
		out->req.nodes_to_reach = ~(reach | t->prepared | me(env));
		if (t->req.type == TWOPC_TYPE_STATE) {
			out->req.primary_nodes = t->primary_nodes;
			out->req.reachable_nodes = t->reachable_nodes;
			if (t->primary_nodes && !t->weak_nodes)
				out->req.flags |= DRBD_TWOPC_PRI_INCAPABLE;
			/* The side that is split off goes by its own members. */
			if (t->is_disconnect && !(t->target_reachable_nodes & t->reachable_nodes))
				out->req.reachable_nodes = t->target_reachable_nodes;
		} else {
			out->req.diskful_primary_nodes = t->diskful_primary_nodes;
			out->req.exposed_size = new_size;
		}
		/* Where a local change went first the connection may be gone by now. */
		out->commit_to = t->prepared;
	} else {
		out->req.nodes_to_reach = ~(t->prepared | me(env));
		out->abort_to = t->prepared;
		if (t->is_connect)
			out->todo |= TWOPC_UNDO;
	}
	slot_free(t, out);
}

void drbd_twopc_send_failed(struct drbd_twopc *t, const struct drbd_twopc_env *env, u8 node,
			    struct drbd_twopc_out *out)
{
	u64 bit = BIT_ULL(node);

	out_init(out, t);
	if (t->owner == TWOPC_FREE || !(t->prepared & bit))
		return;
	t->prepared &= ~bit;
	if (t->owner == TWOPC_INITIATOR) {
		if (node_bit(t->req.target) == bit)
			t->retry |= bit;
		out->todo |= TWOPC_WAKE;
		return;
	}
	/* A child that cannot be asked is a child that need not be asked. */
	t->reachable_nodes &= ~bit;
	drbd_twopc_local_verdict(t, env, t->local_rv, out);
}

/* Upper bound: twopc-retry-timeout * number of connections * 2^min(attempt, 5). */
u32 drbd_twopc_retry_delay(int verdict, u32 nr_connections, u32 attempt, u32 retry_timeout_ds)
{
	if (verdict != SS_TIMEOUT && verdict != SS_CONCURRENT_ST_CHG)
		return 0;
	if (!nr_connections)
		nr_connections = 1;
	return retry_timeout_ds * 100 * nr_connections << (attempt < 5 ? attempt : 5);
}

/* ------------------------------------------------------------- participant */

static bool same_transaction(const struct drbd_twopc *t, const struct drbd_twopc_request *req)
{
	return t->owner != TWOPC_FREE && t->req.initiator == req->initiator &&
	       t->req.tid == req->tid;
}

static void fill_reply(struct drbd_twopc *t, const struct drbd_twopc_env *env)
{
	struct drbd_twopc_reply *r = &t->my_reply;

	memset(r, 0, sizeof(*r));
	r->tid = t->req.tid;
	r->initiator = t->req.initiator;
	r->reachable_nodes = t->reachable_nodes;
	if (t->req.type == TWOPC_TYPE_RESIZE) {
		r->diskful_primary_nodes = t->diskful_primary_nodes;
		r->max_possible_size = t->max_possible_size;
	} else {
		r->primary_nodes = t->primary_nodes;
		r->weak_nodes = t->weak_nodes;
	}
	(void)env;
}

/* Answer all parents once everything is known (or at once with RETRY). */
static void maybe_answer(struct drbd_twopc *t, const struct drbd_twopc_env *env,
			 struct drbd_twopc_out *out)
{
	bool target = t->is_connect && !t->far_away;
	u8 answer;

	if (t->replied || !t->local_rv)
		return;
	if (t->local_rv == SS_IN_TRANSIENT_STATE || t->retry ||
	    (target && t->handshake == HANDSHAKE_RETRY)) {
		answer = TWOPC_RETRY;
	} else {
		if (t->prepared & ~(t->yes | t->no))
			return;
		if (t->local_rv < SS_SUCCESS || t->no)
			answer = TWOPC_NO;
		else if (target && t->handshake == HANDSHAKE_PENDING)
			return;
		else if (target && t->handshake == HANDSHAKE_DISCONNECT)
			answer = TWOPC_NO;
		else
			answer = TWOPC_YES;
	}
	fill_reply(t, env);
	t->replied = true;
	t->answer = answer;
	out->reply_to = t->parents;
	out->answer = answer;
	out->reply = t->my_reply;
}

static void accept_prepare(struct drbd_twopc *t, const struct drbd_twopc_env *env, u8 from,
			   const struct drbd_twopc_request *req, struct drbd_twopc_out *out)
{
	u64 mine;

	memset(t, 0, sizeof(*t));
	t->owner = TWOPC_PARTICIPANT;
	t->req = *req;
	t->parents = BIT_ULL(from);
	t->first_parent = from;
	t->is_connect = drbd_twopc_is_connect(req);
	t->is_disconnect = drbd_twopc_is_disconnect(req);
	t->far_away = !((req->target < 0 || req->target == (s8)env->my_node_id) &&
			(from == (u8)req->initiator ||
			 (env->connected & node_bit(req->initiator))));
	t->handshake = t->is_connect && !t->far_away ? HANDSHAKE_PENDING : HANDSHAKE_OK;

	mine = env->connected | me(env);
	if (t->is_connect)
		mine |= node_bit(req->initiator);
	if (t->is_disconnect && !t->far_away)
		mine &= ~node_bit(req->initiator);
	t->reachable_nodes = mine;
	if (env->primary) {
		t->primary_nodes = me(env);
		if (env->data_accessible)
			t->weak_nodes = ~mine;
	}
	t->max_possible_size = env->max_possible_size;
	if (env->primary && env->diskful)
		t->diskful_primary_nodes = me(env);

	out->req = t->req;
	out->timer_ms = env->timeout_ms;
	out->todo |= TWOPC_VALIDATE;
	if (t->is_connect && !t->far_away)
		out->todo |= TWOPC_INTRODUCE;
	if (from != (u8)req->initiator && (env->connected & node_bit(req->initiator)))
		out->todo |= TWOPC_PING_INITIATOR;
}

static void answer_retry(u8 from, const struct drbd_twopc_request *req, struct drbd_twopc_out *out)
{
	out->reply_to = BIT_ULL(from);
	out->answer = TWOPC_RETRY;
	out->reply.tid = req->tid;
	out->reply.initiator = req->initiator;
}

static void receive_prepare(struct drbd_twopc *t, const struct drbd_twopc_env *env, u8 from,
			    const struct drbd_twopc_request *req, bool waited,
			    struct drbd_twopc_out *out)
{
	if (!req->tid || req->initiator < 0 || req->initiator >= DRBD_CORE_NODES ||
	    req->initiator == (s8)env->my_node_id) {
		answer_retry(from, req, out);
		return;
	}
	if (t->owner == TWOPC_FREE) {
		accept_prepare(t, env, from, req, out);
		return;
	}
	if (same_transaction(t, req)) {
		t->parents |= BIT_ULL(from);
		if (t->replied) {
			out->reply_to = BIT_ULL(from);
			out->answer = t->answer;
			out->reply = t->my_reply;
		} else if (t->prepared & BIT_ULL(from)) {
			/* We asked each other: that is its consent. */
			t->yes |= BIT_ULL(from);
			maybe_answer(t, env, out);
		}
		return;
	}
	if (t->owner == TWOPC_INITIATOR && req->initiator < t->req.initiator && !t->committing) {
		if (waited) {
			answer_retry(from, req, out);
			return;
		}
		t->preempted = true;
		out->todo |= TWOPC_WAKE | TWOPC_WAIT_SLOT;
		out->timer_ms = env->ping_timeout_ms + env->ping_timeout_ms / 2;
		return;
	}
	if (t->owner == TWOPC_PARTICIPANT && req->initiator == t->req.initiator && !waited &&
	    (t->parents & ~BIT_ULL(from))) {
		/* The outcome of the old one is on its way along another path. */
		out->todo |= TWOPC_WAIT_SLOT;
		out->timer_ms = env->timeout_ms / 20;
		return;
	}
	answer_retry(from, req, out);
}

/* Neighbours that are to hear of a forwarded packet, and what remains to be reached. */
static u64 forward_mask(const struct drbd_twopc_env *env, u64 *nodes_to_reach)
{
	u64 to = env->connected & *nodes_to_reach;

	*nodes_to_reach &= ~(to | me(env));
	return to;
}

static void forward_abort(const struct drbd_twopc_env *env, const struct drbd_twopc_request *req,
			  u8 from, struct drbd_twopc_out *out)
{
	out->req = *req;
	out->abort_to = forward_mask(env, &out->req.nodes_to_reach) & ~BIT_ULL(from);
}

static void receive_verdict(struct drbd_twopc *t, const struct drbd_twopc_env *env,
			    enum drbd_twopc_phase phase, u8 from,
			    const struct drbd_twopc_request *req, struct drbd_twopc_out *out)
{
	bool mine = t->owner == TWOPC_PARTICIPANT && same_transaction(t, req);

	if (phase == TWOPC_ABORT) {
		forward_abort(env, req, from, out);
		if (!mine || t->committing)
			return;
		/* Those I asked must hear of it even if the mask does not name them. */
		out->abort_to |= t->prepared & env->connected;
		out->todo |= TWOPC_UNDO;
		slot_free(t, out);
		return;
	}
	if (!mine || t->committing || !t->replied || t->answer != TWOPC_YES)
		return;
	t->committing = true;
	t->req.nodes_to_reach = req->nodes_to_reach;
	t->req.flags = req->flags;
	if (t->req.type == TWOPC_TYPE_RESIZE) {
		t->req.diskful_primary_nodes = req->diskful_primary_nodes;
		t->req.exposed_size = req->exposed_size;
	} else {
		t->req.primary_nodes = req->primary_nodes;
		t->req.reachable_nodes = req->reachable_nodes;
	}
	out->req = t->req;
	out->todo |= TWOPC_APPLY;
	out->timer_ms = TWOPC_TIMER_STOP;
}

void drbd_twopc_receive(struct drbd_twopc *t, const struct drbd_twopc_env *env,
			enum drbd_twopc_phase phase, u8 from,
			const struct drbd_twopc_request *req, bool waited,
			struct drbd_twopc_out *out)
{
	memset(out, 0, sizeof(*out));
	out->req = *req;
	if (phase == TWOPC_PREPARE)
		receive_prepare(t, env, from, req, waited, out);
	else
		receive_verdict(t, env, phase, from, req, out);
}

void drbd_twopc_local_verdict(struct drbd_twopc *t, const struct drbd_twopc_env *env, int rv,
			      struct drbd_twopc_out *out)
{
	bool first = !t->local_rv;

	out_init(out, t);
	if (t->owner != TWOPC_PARTICIPANT || !rv)
		return;
	t->local_rv = rv;
	if (first && rv != SS_IN_TRANSIENT_STATE) {
		u64 rest = t->req.nodes_to_reach;

		out->prepare_to = forward_mask(env, &rest) & ~t->parents;
		t->req.nodes_to_reach = rest;
		t->prepared = out->prepare_to;
		out->req = t->req;
	}
	maybe_answer(t, env, out);
}

void drbd_twopc_handshake_done(struct drbd_twopc *t, const struct drbd_twopc_env *env,
			       enum drbd_handshake_outcome outcome, struct drbd_twopc_out *out)
{
	out_init(out, t);
	if (!t->is_connect || t->far_away || t->owner == TWOPC_FREE)
		return;
	t->handshake = (u8)outcome;
	if (t->owner == TWOPC_INITIATOR)
		out->todo |= TWOPC_WAKE;
	else
		maybe_answer(t, env, out);
}

void drbd_twopc_answered(struct drbd_twopc *t, const struct drbd_twopc_env *env, u8 from,
			 enum drbd_twopc_answer answer, const struct drbd_twopc_reply *reply,
			 struct drbd_twopc_out *out)
{
	u64 bit = BIT_ULL(from);

	out_init(out, t);
	if (t->owner == TWOPC_FREE || t->committing || reply->tid != t->req.tid ||
	    reply->initiator != t->req.initiator || !(t->prepared & bit))
		return;
	switch (answer) {
	case TWOPC_YES:
		t->yes |= bit;
		if (t->is_disconnect && t->owner == TWOPC_INITIATOR &&
		    bit == node_bit(t->req.target))
			t->target_reachable_nodes |= reply->reachable_nodes;
		else
			t->reachable_nodes |= reply->reachable_nodes;
		if (t->req.type == TWOPC_TYPE_RESIZE) {
			t->diskful_primary_nodes |= reply->diskful_primary_nodes;
			if (reply->max_possible_size < t->max_possible_size)
				t->max_possible_size = reply->max_possible_size;
		} else {
			t->primary_nodes |= reply->primary_nodes;
			t->weak_nodes |= reply->weak_nodes;
		}
		break;
	case TWOPC_NO:
		t->no |= bit;
		break;
	case TWOPC_RETRY:
		t->retry |= bit;
		break;
	default:
		return;
	}
	if (t->owner == TWOPC_INITIATOR)
		out->todo |= TWOPC_WAKE;
	else
		maybe_answer(t, env, out);
}

void drbd_twopc_peer_lost(struct drbd_twopc *t, const struct drbd_twopc_env *env, u8 node,
			  struct drbd_twopc_out *out)
{
	u64 bit = BIT_ULL(node);

	out_init(out, t);
	if (t->owner == TWOPC_FREE || t->committing)
		return;
	if (t->owner == TWOPC_INITIATOR) {
		if ((t->prepared & bit) && !((t->yes | t->no | t->retry) & bit))
			t->retry |= bit;
		/* Its consent is worth nothing if it is the one this is about. */
		if (bit == node_bit(t->req.target))
			t->retry |= bit;
		out->todo |= TWOPC_WAKE;
		return;
	}
	if (t->parents & bit) {
		t->parents &= ~bit;
		if (!t->parents) {
			out->req.nodes_to_reach = ALL_NODES & ~me(env);
			out->abort_to = env->connected & ~bit;
			out->req.nodes_to_reach &= ~out->abort_to;
			out->todo |= TWOPC_UNDO;
			slot_free(t, out);
			return;
		}
	}
	if ((t->prepared & bit) && !((t->yes | t->no | t->retry) & bit)) {
		t->retry |= bit;
		maybe_answer(t, env, out);
	}
}

void drbd_twopc_timer(struct drbd_twopc *t, const struct drbd_twopc_env *env,
		      struct drbd_twopc_out *out)
{
	(void)env;
	out_init(out, t);
	if (t->owner == TWOPC_INITIATOR) {
		t->timed_out = true;
		out->todo |= TWOPC_WAKE;
		return;
	}
	if (t->owner != TWOPC_PARTICIPANT || t->committing)
		return;
	out->todo |= TWOPC_UNDO;
	slot_free(t, out);
}

void drbd_twopc_applied(struct drbd_twopc *t, const struct drbd_twopc_env *env,
			struct drbd_twopc_out *out)
{
	out_init(out, t);
	if (t->owner != TWOPC_PARTICIPANT)
		return;
	out->commit_to = forward_mask(env, &out->req.nodes_to_reach);
	slot_free(t, out);
}
