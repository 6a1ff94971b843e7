// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an administrator, an opener or a lost peer sets in motion: roles,
 * connecting and disconnecting, full syncs, generations, fencing, attach
 * negotiation.  The steps are core's, here is the waiting in between.
 */
#include <linux/sched/signal.h>
#include <linux/random.h>
#include "txn.h"
#include "backing.h"
#include "bitmap.h"
#include "block.h"
#include "connection.h"
#include "generation.h"
#include "handshake.h"
#include "metadata.h"
#include "netlink.h"
#include "peer_request.h"
#include "receiver.h"
#include "request.h"
#include "resync.h"
#include "sender.h"

/* -------------------------------------------------------------------- roles */

static unsigned long largest_ping_timeout(struct drbd_resource *resource)
{
	struct drbd_connection *connection;
	unsigned long t = HZ / 10;

	rcu_read_lock();
	for_each_connection(connection, resource)
		t = max(t, rcu_dereference(connection->net_conf)->ping_timeo * (unsigned long)HZ / 10);
	rcu_read_unlock();
	return t;
}

static bool promotion_undecided(struct drbd_resource *resource)
{
	struct drbd_txn *t = drbd_txn_begin(resource, "role");
	bool wait = drbd_promotion_must_wait(&t->core);

	drbd_txn_abort(t);
	return wait;
}

static unsigned int count_up_to_date(struct drbd_resource *resource)
{
	struct drbd_txn *t = drbd_txn_begin(resource, "role");
	unsigned int n = drbd_up_to_date_volumes(&t->core);

	drbd_txn_abort(t);
	return n;
}

/* 0, -EINTR */
static int wait_until_decided(struct drbd_resource *resource)
{
	unsigned long t = resource->res_opts.auto_promote_timeout * HZ / 10 +
		largest_ping_timeout(resource);
	long rv;

	rv = wait_event_interruptible_timeout(resource->state_wait,
					      !promotion_undecided(resource), t);
	return rv < 0 ? -EINTR : 0;
}

struct role_change {
	struct drbd_role_attempt attempt;
};

static unsigned int role_change(struct drbd_txn *t, void *arg)
{
	struct role_change *c = arg;
	unsigned int flags = drbd_role_prepare(&t->core, &c->attempt);
	unsigned int d, i;

	for (d = 0; d < t->core.nr_devices; d++) {
		if (drbd_role_forced(&t->core.dev[d], &c->attempt))
			set_bit(DEV_FORCED_UP_TO_DATE, &t->devices[d]->flags);
		else
			clear_bit(DEV_FORCED_UP_TO_DATE, &t->devices[d]->flags);
		/*
		 * To be noted only when the new generation is there to be compared; but a
		 * note of before, that has not been answered yet, stays.
		 */
		for (i = 0; i < t->core.nr_connections; i++) {
			struct drbd_peer_device *pd =
				t->peer_devices[d * t->core.nr_connections + i];

			if (pd && !(pd->core_flags & CORE_PD_CONSIDER_RESYNC))
				t->core.dev[d].pd[i].flags &= ~CORE_PD_CONSIDER_RESYNC;
		}
	}
	return flags;
}

/* fence-peer on the connections of @mask (indices at the time); sets counts. */
static void fence_connections(struct drbd_resource *resource, u64 nodes, unsigned int *called,
			      unsigned int *succeeded)
{
	int node;

	for (node = 0; node < DRBD_MAX_NODES; node++) {
		struct drbd_connection *connection;

		if (!(nodes & NODE_MASK(node)))
			continue;
		connection = drbd_connection_find(resource, node);
		if (!connection)
			continue;
		++*called;
		if (drbd_fence_peer(connection))
			++*succeeded;
		drbd_connection_put(connection);
	}
}

static u64 fence_candidates(struct drbd_resource *resource, bool all)
{
	struct drbd_txn *t = drbd_txn_begin(resource, "role");
	u64 index = drbd_role_fence_candidates(&t->core), nodes = 0;
	unsigned int c;

	for (c = 0; c < t->core.nr_connections; c++)
		if (all || (index & (1ULL << c)))
			nodes |= NODE_MASK(t->core.conn[c].peer_node_id);
	drbd_txn_abort(t);
	return nodes;
}

static void consider_resync(struct drbd_peer_device *pd)
{
	spin_lock_irq(&pd->device->resource->req_lock);
	pd->core_flags |= CORE_PD_CONSIDER_RESYNC;
	spin_unlock_irq(&pd->device->resource->req_lock);
}

static void after_promotion(struct drbd_resource *resource, const struct role_change *c)
{
	struct drbd_device *device;
	int vnr = -1;

	for (;;) {
		bool forced = false;
		struct drbd_txn *t;
		int d;

		vnr++;
		spin_lock_irq(&resource->req_lock);
		device = idr_get_next(&resource->devices, &vnr);
		if (device)
			drbd_device_get(device);
		spin_unlock_irq(&resource->req_lock);
		if (!device)
			break;
		drbd_generation_set_primary(device, true);
		if (c->attempt.force_up_to_date) {
			t = drbd_txn_begin(resource, "primary");
			d = drbd_txn_dev(t, device);
			forced = d >= 0 &&
				test_and_clear_bit(DEV_FORCED_UP_TO_DATE, &device->flags);
			drbd_txn_abort(t);
		}
		if (forced) {
			drbd_generation_new(device, true);
			drbd_each_peer_device(device, consider_resync);
			drbd_gate_changed(device);
		}
		drbd_send_state_all(device);
		if (drbd_ldev_get(device, D_NEGOTIATING)) {
			drbd_md_sync_if_dirty(device);
			drbd_ldev_put(device);
		}
		if (!resource->res_opts.auto_promote)
			drbd_block_uevent_change(device);
		drbd_device_put(device);
	}
}

static void after_demotion(struct drbd_resource *resource)
{
	struct drbd_device *device;
	int vnr = -1;

	for (;;) {
		vnr++;
		spin_lock_irq(&resource->req_lock);
		device = idr_get_next(&resource->devices, &vnr);
		if (device)
			drbd_device_get(device);
		spin_unlock_irq(&resource->req_lock);
		if (!device)
			break;
		drbd_generation_set_primary(device, false);
		if (drbd_ldev_get(device, D_NEGOTIATING)) {
			drbd_bm_write(device);
			drbd_md_sync_if_dirty(device);
			drbd_ldev_put(device);
		}
		drbd_device_put(device);
	}
}

/* Before the role falls: everything written is on all connected peers. */
static void settle_writes(struct drbd_resource *resource)
{
	struct drbd_device *device;
	int vnr = -1;

	for (;;) {
		vnr++;
		spin_lock_irq(&resource->req_lock);
		device = idr_get_next(&resource->devices, &vnr);
		if (device)
			drbd_device_get(device);
		spin_unlock_irq(&resource->req_lock);
		if (!device)
			break;
		drbd_wait_writes_stable(device);
		drbd_device_put(device);
	}
}

int drbd_set_role(struct drbd_resource *resource, enum drbd_role role, bool force,
		  const char *tag, struct drbd_reply *reply)
{
	struct role_change c;
	unsigned int before, called, succeeded;
	unsigned int retries = 0;
	int rv;

	memset(&c, 0, sizeof(c));
	c.attempt.demote = role == R_SECONDARY;
	c.attempt.force = force;
	if (role == R_SECONDARY && resource->role == R_PRIMARY && !force)
		settle_writes(resource);
restart:
	if (role == R_PRIMARY) {
		drbd_ping_peers(resource);
		if (wait_until_decided(resource))
			return SS_INTERRUPTED;
	}
	if (mutex_lock_interruptible(&resource->serialize))
		return SS_INTERRUPTED;
	for (;;) {
		enum drbd_role_step step;

		before = count_up_to_date(resource);
		rv = drbd_change(resource, CHG_DONT_RETRY | CHG_WAIT | CHG_ALREADY_SERIALIZED |
				 (c.attempt.tries >= 2 ? CHG_VERBOSE : 0), role_change, &c, tag,
				 NULL, reply);
		step = drbd_role_next(&c.attempt, rv);
		switch (step) {
		case ROLE_AGAIN:
			continue;
		case ROLE_DONE:
			mutex_unlock(&resource->serialize);
			goto done;
		case ROLE_RESTART:
			mutex_unlock(&resource->serialize);
			if (++retries > 100)
				return rv;
			schedule_timeout_interruptible(1 + get_random_u32_below(
				(HZ / 10) << min(retries, 5u)));
			if (signal_pending(current))
				return SS_INTERRUPTED;
			goto restart;
		case ROLE_WAIT_PING:
			mutex_unlock(&resource->serialize);
			schedule_timeout_interruptible(largest_ping_timeout(resource));
			if (signal_pending(current))
				return SS_INTERRUPTED;
			goto restart;
		case ROLE_WAIT_DATA:
		case ROLE_FENCE_ALL:
			mutex_unlock(&resource->serialize);
			called = succeeded = 0;
			if (step == ROLE_WAIT_DATA) {
				flush_workqueue(resource->worker);
				if (wait_until_decided(resource))
					return SS_INTERRUPTED;
				if (count_up_to_date(resource) > before) {
					mutex_lock(&resource->serialize);
					continue;
				}
			}
			fence_connections(resource,
					  fence_candidates(resource, step == ROLE_FENCE_ALL),
					  &called, &succeeded);
			if (step == ROLE_WAIT_DATA && !called)
				goto done;
			if (drbd_role_fenced(&c.attempt, called, succeeded, step) == ROLE_DONE)
				goto done;
			if (mutex_lock_interruptible(&resource->serialize))
				return SS_INTERRUPTED;
			continue;
		}
	}
done:
	if (rv >= SS_SUCCESS && rv != SS_NOTHING_TO_DO) {
		if (role == R_PRIMARY)
			after_promotion(resource, &c);
		else
			after_demotion(resource);
	}
	return rv;
}

int drbd_auto_promote(struct drbd_device *device, unsigned long timeout)
{
	struct drbd_resource *resource = device->resource;
	unsigned long end = jiffies + timeout;
	enum drbd_promote_retry retry;
	struct drbd_txn *t;
	int rv;

	for (;;) {
		rv = drbd_set_role(resource, R_PRIMARY, false, "auto-promote", NULL);
		if (rv >= SS_SUCCESS || !timeout || rv == SS_INTERRUPTED)
			return rv;
		t = drbd_txn_begin(resource, "auto-promote");
		retry = drbd_auto_promote_retry(&t->core, rv, false);
		drbd_txn_abort(t);
		if (retry == PROMOTE_GIVE_UP || time_after(jiffies, end))
			return rv;
		if (schedule_timeout_interruptible(HZ / 10) && signal_pending(current))
			return SS_INTERRUPTED;
	}
}

void drbd_try_auto_demote(struct drbd_resource *resource)
{
	struct drbd_txn *t = drbd_txn_begin(resource, "auto-promote");
	bool demote = drbd_auto_demote(&t->core, resource->res_opts.auto_promote);
	sigset_t all, old;
	int rv;

	drbd_txn_abort(t);
	if (!demote)
		return;

	/* A signal to the closing process must not leave us Primary. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	rv = drbd_set_role(resource, R_SECONDARY, false, "auto-promote", NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (rv < SS_SUCCESS)
		pr_warn("drbd %s: auto-demote failed: %s (%d)\n", resource->name,
			drbd_ss_text(rv), rv);
}

static unsigned int role_only(struct drbd_txn *t, void *arg)
{
	t->core.role[DRBD_NEW] = *(enum drbd_role *)arg;
	return 0;
}

int drbd_change_role(struct drbd_resource *resource, enum drbd_role role, unsigned int flags,
		     const char *tag, struct drbd_reply *reply)
{
	return drbd_change(resource, flags, role_only, &role, tag, NULL, reply);
}

/* ------------------------------------------------------- connect, disconnect */

static unsigned int start_connecting(struct drbd_txn *t, void *arg)
{
	int c = drbd_txn_conn(t, arg);

	if (c >= 0)
		t->core.conn[c].cstate[DRBD_NEW] = C_UNCONNECTED;
	return 0;
}

int drbd_do_connect(struct drbd_connection *connection, bool discard_my_data, bool tentative,
		    struct drbd_reply *reply)
{
	if (discard_my_data)
		set_bit(CONN_DISCARD_MY_DATA, &connection->flags);
	else
		clear_bit(CONN_DISCARD_MY_DATA, &connection->flags);
	if (tentative)
		set_bit(CONN_TENTATIVE, &connection->flags);
	else
		clear_bit(CONN_TENTATIVE, &connection->flags);
	clear_bit(CONN_PEER_TENTATIVE, &connection->flags);
	return drbd_change(connection->resource, CHG_VERBOSE, start_connecting, connection,
			   "connect", NULL, reply);
}

struct disconnect {
	struct drbd_connection *connection;
	bool force;
};

static unsigned int disconnect_change(struct drbd_txn *t, void *arg)
{
	struct disconnect *d = arg;
	int c = drbd_txn_conn(t, d->connection);

	return c < 0 ? 0 : drbd_disconnect_prepare(&t->core, c, d->force);
}

static bool readers_left(struct drbd_resource *resource)
{
	struct drbd_device *device;
	bool none = true;
	int vnr;

	rcu_read_lock();
	idr_for_each_entry(&resource->devices, device, vnr)
		none &= !device->open_cnt;
	rcu_read_unlock();
	return none;
}

int drbd_do_disconnect(struct drbd_connection *connection, bool force, struct drbd_reply *reply)
{
	struct drbd_resource *resource = connection->resource;
	struct disconnect d = { connection, force };
	bool waited = false;
	int rv, tries;

	for (tries = 0; tries < 10; tries++) {
		enum drbd_disconnect_followup next;
		struct drbd_txn *t;

		/* Soft first; the core says with which flags, hard when forced. */
		rv = drbd_change(resource, CHG_VERBOSE | (d.force ? CHG_HARD : CHG_SERIALIZE),
				 disconnect_change, &d, "disconnect", NULL, reply);
		if (rv == SS_INTERRUPTED)
			return rv;
		t = drbd_txn_begin(resource, "disconnect");
		next = drbd_disconnect_followup(&t->core, drbd_txn_conn(t, connection), rv);
		drbd_txn_abort(t);
		switch (next) {
		case DISCONNECT_DONE:
			goto standalone;
		case DISCONNECT_AGAIN:
			continue;
		case DISCONNECT_AGAIN_HARD:
			d.force = true;
			continue;
		case DISCONNECT_WAIT_READERS:
			if (waited)
				return rv;
			waited = true;
			wait_event_interruptible_timeout(resource->state_wait,
							 readers_left(resource), HZ);
			continue;
		case DISCONNECT_FAIL:
			return rv;
		}
	}
	return rv;
standalone:
	/* The reply says 101 in any case: bounded. */
	wait_event_interruptible_timeout(resource->state_wait,
					 connection->cstate == C_STANDALONE &&
					 !test_bit(CONN_RECEIVER_RUNNING, &connection->flags),
					 5 * HZ);
	return SS_SUCCESS;
}

/* ---------------------------------------------------------------- disk and data */

int drbd_do_outdate(struct drbd_device *device, struct drbd_reply *reply)
{
	return drbd_change_disk_state(device, D_OUTDATED, CHG_VERBOSE | CHG_WAIT | CHG_SERIALIZE,
				      "outdate", reply);
}

static struct drbd_peer_device *peer_device_of_node(struct drbd_device *device, int node)
{
	struct drbd_peer_device *pd, *found = NULL;

	rcu_read_lock();
	for_each_peer_device(pd, device) {
		if (pd->connection->peer_node_id == node) {
			drbd_peer_device_get(pd);
			found = pd;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

/* @pd's or, without it, the own disk becomes Inconsistent by what is marked here alone. */
struct lone_invalidate {
	struct drbd_device *device;
	struct drbd_peer_device *pd;
	bool met;
	unsigned int tries;
};

static unsigned int lone_invalidate(struct drbd_txn *t, void *arg)
{
	struct lone_invalidate *l = arg;
	int d = drbd_txn_dev(t, l->device);
	struct core_peer_device *p = l->pd ? drbd_txn_pd(t, l->pd) : NULL;
	unsigned int c;

	/* Whoever meets us meanwhile compares without what is being marked. */
	l->met = false;
	for (c = 0; c < t->core.nr_connections; c++)
		if (d >= 0 && (!l->pd || t->connections[c] == l->pd->connection))
			l->met |= t->core.dev[d].pd[c].repl_state[DRBD_OLD] > L_OFF ||
				  (t->core.conn[c].flags & CORE_CONN_HANDSHAKE);
	if (l->met || d < 0)
		return 0;
	if (p)
		p->disk_state[DRBD_NEW] = D_INCONSISTENT;
	else if (!l->pd)
		t->core.dev[d].disk_state[DRBD_NEW] = D_INCONSISTENT;
	return 0;
}

/*
 * Not connected: what is marked here makes it.  SS_NOTHING_TO_DO with l->met: it is
 * connected after all, or about to be.
 */
static int invalidate_alone(struct lone_invalidate *l, const char *tag, struct drbd_reply *reply)
{
	const unsigned int flags = CHG_VERBOSE | CHG_LOCAL_ONLY;
	struct drbd_device *device = l->device;
	int rv;

	if (!drbd_ldev_get(device, D_INCONSISTENT))
		return SS_IS_DISKLESS;
	/* The bits come before the state, but not when it is going to be refused. */
	rv = drbd_change(device->resource, flags | CHG_DRY_RUN, lone_invalidate, l, tag, NULL, reply);
	if (rv < SS_SUCCESS || l->met)
		goto out;
	drbd_freeze_io(device, false, false);
	drbd_bm_set_slots(device, l->pd ? drbd_slot_bit(l->pd) : BM_ALL_SLOTS);
	if (drbd_bm_write_all(device))
		rv = ERR_IO_MD_DISK;
	else
		rv = drbd_change(device->resource, flags, lone_invalidate, l, tag, NULL, reply);
	drbd_thaw_io(device);
	/* What it entails may wait for writes, of a handler for example. */
	flush_workqueue(device->resource->worker);
out:
	drbd_ldev_put(device);
	return rv;
}

/*
 * Alone, unless we are not: true if the cluster-wide change is to be tried (again),
 * when the handshakes are over, which takes them twopc-timeout at most.
 */
static bool invalidate_met(struct lone_invalidate *l, const char *tag, struct drbd_reply *reply,
			   int *rv)
{
	struct drbd_resource *resource = l->device->resource;
	struct drbd_connection *connection;
	bool busy;

	*rv = invalidate_alone(l, tag, reply);
	if (*rv < SS_SUCCESS || !l->met)
		return false;
	do {
		busy = false;
		rcu_read_lock();
		for_each_connection(connection, resource)
			busy |= test_bit(CONN_HANDSHAKE, &connection->flags);
		rcu_read_unlock();
		if (busy && schedule_timeout_interruptible(HZ / 20)) {
			*rv = SS_INTERRUPTED;
			return false;
		}
	} while (busy);
	*rv = SS_NEED_CONNECTION;
	return ++l->tries < 5;
}

int drbd_do_invalidate(struct drbd_device *device, int sync_from, bool reset_bitmap,
		       struct drbd_reply *reply)
{
	enum drbd_repl_state rs = reset_bitmap ? L_STARTING_SYNC_T : L_WF_BITMAP_T;
	struct lone_invalidate alone = { .device = device };
	int rv, node, refusal;
	bool any;

again:
	rv = SS_NEED_CONNECTION;
	any = false;
	for (node = 0; node < DRBD_MAX_NODES; node++) {
		struct drbd_peer_device *pd;

		if (sync_from >= 0 && node != sync_from)
			continue;
		pd = peer_device_of_node(device, node);
		if (!pd)
			continue;
		any = true;
		if (!reset_bitmap && pd->connection->cstate == C_CONNECTED &&
		    pd->connection->agreed_pro_version < 120) {
			drbd_reply_text(reply, "Need protocol level 120 to initiate bitmap based resync");
			drbd_peer_device_put(pd);
			return ERR_APV_TOO_LOW;
		}
		refusal = drbd_change_repl_state(pd, rs, CHG_VERBOSE | CHG_CLUSTER_WIDE | CHG_WAIT |
						 CHG_SERIALIZE, "invalidate", reply);
		drbd_peer_device_put(pd);
		if (refusal >= SS_SUCCESS)
			return refusal;
		/* Those who are not there say nothing about those who are. */
		if (refusal != SS_NEED_CONNECTION)
			rv = refusal;
	}
	if (sync_from >= 0 && !any)
		return ERR_INVALID_REQUEST;
	if (rv == SS_NEED_CONNECTION && reset_bitmap &&
	    invalidate_met(&alone, "invalidate", reply, &rv))
		goto again;
	return rv;
}

int drbd_do_invalidate_peer(struct drbd_peer_device *pd, bool reset_bitmap,
			    struct drbd_reply *reply)
{
	enum drbd_repl_state rs = reset_bitmap ? L_STARTING_SYNC_S : L_WF_BITMAP_S;
	struct drbd_device *device = pd->device;
	struct lone_invalidate alone = { .device = device, .pd = pd };
	int rv;

again:
	if (!reset_bitmap && pd->connection->cstate == C_CONNECTED &&
	    pd->connection->agreed_pro_version < 120) {
		drbd_reply_text(reply, "Need protocol level 120 to initiate bitmap based resync");
		return ERR_APV_TOO_LOW;
	}
	rv = drbd_change_repl_state(pd, rs, CHG_VERBOSE | CHG_CLUSTER_WIDE | CHG_WAIT |
				    CHG_SERIALIZE, "invalidate-remote", reply);
	if (rv == SS_NEED_CONNECTION && device->resource->role == R_PRIMARY &&
	    invalidate_met(&alone, "invalidate-remote", reply, &rv))
		goto again;
	return rv;
}

/* ------------------------------------------------------------ new-current-uuid */

struct new_uuid {
	struct drbd_device *device;
	bool clear_bitmap;
};

static unsigned int skip_sync_change(struct drbd_txn *t, void *arg)
{
	struct new_uuid *n = arg;
	int d = drbd_txn_dev(t, n->device), c;

	if (d < 0)
		return 0;
	t->core.dev[d].disk_state[DRBD_NEW] = D_UP_TO_DATE;
	for (c = 0; n->clear_bitmap && c < t->core.nr_connections; c++) {
		struct core_peer_device *p = &t->core.dev[d].pd[c];

		if (p->repl_state[DRBD_OLD] == L_ESTABLISHED &&
		    p->disk_state[DRBD_OLD] >= D_INCONSISTENT)
			p->disk_state[DRBD_NEW] = D_UP_TO_DATE;
	}
	return 0;
}

static void send_skip_initial_sync(struct drbd_peer_device *pd)
{
	if (pd->repl_state == L_ESTABLISHED && pd->disk_state >= D_INCONSISTENT) {
		drbd_generation_in_sync_with(pd);
		drbd_send_uuids(pd, DRBD_UUID_F_SKIP_INITIAL_SYNC, 0);
		spin_lock_irq(&pd->device->resource->req_lock);
		pd->uuids.cur = pd->device->ldev->md.current_uuid;
		spin_unlock_irq(&pd->device->resource->req_lock);
	}
}

static void send_force_resync(struct drbd_peer_device *pd)
{
	if (pd->repl_state != L_ESTABLISHED)
		return;
	pd->core_flags |= CORE_PD_CONSIDER_RESYNC;
	drbd_send_uuids(pd, pd->disk_state >= D_INCONSISTENT ? DRBD_UUID_F_RESYNC : 0, 0);
	drbd_send_state(pd);
}

int drbd_do_new_current_uuid(struct drbd_device *device, bool clear_bitmap, bool force_resync,
			     struct drbd_reply *reply)
{
	struct new_uuid n = { device, clear_bitmap };
	struct drbd_peer_device *pd;
	struct drbd_uuid_set *set;
	bool refused = false, just_created;
	int rv = NO_ERROR;

	if (!drbd_ldev_get(device, D_INCONSISTENT))
		return ERR_NO_DISK;
	just_created = device->ldev->md.current_uuid == DRBD_UUID_JUST_CREATED;
	rcu_read_lock();
	for_each_peer_device(pd, device) {
		if (pd->repl_state == L_OFF)
			continue;
		if ((clear_bitmap || force_resync) && just_created &&
		    pd->repl_state == L_ESTABLISHED)
			continue;
		refused = true;
	}
	rcu_read_unlock();
	if (refused) {
		rv = ERR_CONNECTED;
		goto out;
	}
	set = kzalloc(sizeof(*set), GFP_KERNEL);
	if (!set) {
		rv = ERR_NOMEM;
		goto out;
	}
	spin_lock_irq(&device->resource->req_lock);
	drbd_uuid_set_load(device, set);
	drbd_uuid_clear_all_bitmaps(set);
	drbd_uuid_set_store(device, set);
	spin_unlock_irq(&device->resource->req_lock);
	kfree(set);
	if (drbd_generation_new_quiet(device)) {
		rv = ERR_IO_MD_DISK;
		goto out;
	}
	if (clear_bitmap) {
		drbd_bm_clear_slots(device, BM_ALL_SLOTS);
		if (drbd_bm_write_all(device)) {
			rv = ERR_IO_MD_DISK;
			goto out;
		}
		drbd_each_peer_device(device, send_skip_initial_sync);
	}
	if (clear_bitmap || force_resync)
		drbd_change(device->resource, CHG_VERBOSE | CHG_LOCAL_ONLY | CHG_WAIT | CHG_HARD,
			    skip_sync_change, &n, "new-c-uuid", NULL, reply);
	if (force_resync)
		drbd_each_peer_device(device, send_force_resync);
	drbd_md_sync_if_dirty(device);
out:
	drbd_ldev_put(device);
	return rv;
}

/* --------------------------------------------------------------- pausing, I/O */

int drbd_do_pause_sync(struct drbd_peer_device *pd, struct drbd_reply *reply)
{
	if (drbd_change_resync_susp_user(pd, true, CHG_VERBOSE | CHG_WAIT) == SS_NOTHING_TO_DO)
		return ERR_PAUSE_IS_SET;
	return NO_ERROR;
}

int drbd_do_resume_sync(struct drbd_peer_device *pd, struct drbd_reply *reply)
{
	if (drbd_change_resync_susp_user(pd, false, CHG_VERBOSE | CHG_WAIT) != SS_NOTHING_TO_DO)
		return NO_ERROR;
	if (pd->repl_state == L_PAUSED_SYNC_S || pd->repl_state == L_PAUSED_SYNC_T) {
		if (pd->resync_susp_dependency)
			return ERR_PIC_AFTER_DEP;
		if (pd->resync_susp_peer)
			return ERR_PIC_PEER_DEP;
	}
	return ERR_PAUSE_IS_CLEAR;
}

int drbd_do_suspend_io(struct drbd_resource *resource, struct drbd_reply *reply)
{
	struct drbd_device *device;
	int rv, vnr = -1;

	rv = drbd_change_susp_user(resource, true, CHG_VERBOSE | CHG_WAIT | CHG_SERIALIZE);
	if (rv < SS_SUCCESS)
		return rv;
	for (;;) {
		vnr++;
		spin_lock_irq(&resource->req_lock);
		device = idr_get_next(&resource->devices, &vnr);
		if (device)
			drbd_device_get(device);
		spin_unlock_irq(&resource->req_lock);
		if (!device)
			break;
		/* Nothing is outstanding, or only what is held for an absent peer. */
		wait_event_interruptible_timeout(device->misc_wait,
			!atomic_read(&device->ap_bio_cnt[WRITE]) &&
			!atomic_read(&device->ap_bio_cnt[READ]), 10 * HZ);
		drbd_device_put(device);
	}
	return rv;
}

static unsigned int resume_change(struct drbd_txn *t, void *arg)
{
	unsigned int c;

	t->core.susp_user[DRBD_NEW] = 0;
	t->core.susp_nod[DRBD_NEW] = 0;
	t->core.susp_quorum[DRBD_NEW] = 0;
	for (c = 0; c < t->core.nr_connections; c++)
		t->core.conn[c].susp_fen[DRBD_NEW] = 0;
	return 0;
}

int drbd_do_resume_io(struct drbd_device *device, struct drbd_reply *reply)
{
	drbd_generation_create_pending(device);
	return drbd_change(device->resource, CHG_VERBOSE | CHG_WAIT | CHG_SERIALIZE, resume_change,
			   NULL, "resume-io", NULL, reply);
}

/* -------------------------------------------------------------------- attach */

struct attach_change {
	struct drbd_device *device;
	u8 disk_state;
};

static unsigned int attach_change(struct drbd_txn *t, void *arg)
{
	struct attach_change *a = arg;
	int d = drbd_txn_dev(t, a->device);

	if (d < 0)
		return 0;
	a->disk_state = drbd_attach_disk_state(&t->core, d);
	t->core.dev[d].disk_state[DRBD_NEW] = a->disk_state;
	return 0;
}

static bool negotiating(struct drbd_device *device)
{
	enum drbd_disk_state ds = READ_ONCE(device->disk_state);

	return ds == D_ATTACHING || ds == D_NEGOTIATING;
}

int drbd_attach_negotiate(struct drbd_device *device, struct drbd_reply *reply)
{
	struct attach_change a = { device, 0 };
	struct drbd_peer_device *pd;
	int rv;

	spin_lock_irq(&device->resource->req_lock);
	for_each_peer_device(pd, device)
		pd->negotiation_result = CORE_NEG_PENDING;
	spin_unlock_irq(&device->resource->req_lock);
	rv = drbd_change(device->resource, CHG_VERBOSE | CHG_WAIT | CHG_SERIALIZE, attach_change,
			 &a, "attach", NULL, reply);
	if (rv < SS_SUCCESS) {
		if (rv == SS_CW_FAILED_BY_PEER)
			drbd_reply_text(reply, "Probably this node is marked as intentional diskless on a peer");
		return rv;
	}
	if (a.disk_state == D_NEGOTIATING) {
		rv = wait_event_interruptible(device->resource->state_wait, !negotiating(device));
		if (rv)
			return SS_INTERRUPTED;
		switch (READ_ONCE(device->disk_state)) {
		case D_DISKLESS:
		case D_DETACHING:
			return ERR_DATA_NOT_CURRENT;
		case D_FAILED:
			return ERR_IO_MD_DISK;
		default:
			break;
		}
	}
	return SS_SUCCESS;
}

/*
 * A peer's part of our attach negotiation.  True: recorded, the state follows
 * when all have answered; nothing else is to be done with the packet.
 */
bool drbd_attach_result(struct drbd_peer_device *pd, int outcome, u8 repl_state)
{
	struct drbd_device *device = pd->device;
	bool waiting;

	/* Whoever stops waiting does so under this lock, too. */
	spin_lock_irq(&device->resource->req_lock);
	waiting = device->disk_state == D_NEGOTIATING;
	if (waiting)
		pd->negotiation_result = outcome == HANDSHAKE_OK ? repl_state : CORE_NEG_NO_RESULT;
	spin_unlock_irq(&device->resource->req_lock);
	if (!waiting)
		return outcome != HANDSHAKE_OK;
	drbd_state_recalculate(device->resource, "attach");
	return true;
}

/* ------------------------------------------------------ later comparisons */

void drbd_compare_again(struct drbd_peer_device *pd, u64 flags)
{
	u32 session = READ_ONCE(pd->connection->session);
	u8 repl;

	if ((flags & DRBD_UUID_F_GOT_STABLE) && !(flags & DRBD_UUID_F_RESYNC))
		drbd_send_uuids(pd, DRBD_UUID_F_RESYNC, 0);
	repl = drbd_judge_stability(pd, flags & DRBD_UUID_F_DISKLESS_PRIMARY);
	if (repl == L_WF_BITMAP_S || repl == L_WF_BITMAP_T)
		drbd_change_repl_state_from(pd, L_ESTABLISHED, session, repl,
					    CHG_VERBOSE | CHG_LOCAL_ONLY, "stability");
}

/* --------------------------------------------------------------- resync-after */

static void reconsider_dependencies(struct drbd_device *device, void *arg)
{
	drbd_resync_after_update(device);
}

static int pausing(struct drbd_device *device)
{
	struct drbd_peer_device *pd;
	bool yes = false;

	rcu_read_lock();
	for_each_peer_device(pd, device)
		yes |= (pd->repl_state >= L_SYNC_SOURCE && pd->repl_state <= L_PAUSED_SYNC_T) ||
			pd->resync_susp_user || pd->resync_susp_peer ||
			pd->resync_susp_dependency;
	rcu_read_unlock();
	return yes;
}

static int resync_after_of(struct drbd_device *device)
{
	int minor = -1;

	if (drbd_ldev_get(device, D_NEGOTIATING)) {
		rcu_read_lock();
		minor = rcu_dereference(device->ldev->disk_conf)->resync_after;
		rcu_read_unlock();
		drbd_ldev_put(device);
	}
	return minor;
}

struct dependency {
	struct drbd_device *device;
	bool paused;
};

static unsigned int dependency_change(struct drbd_txn *t, void *arg)
{
	struct dependency *dep = arg;
	int d = drbd_txn_dev(t, dep->device), c;

	for (c = 0; d >= 0 && c < t->core.nr_connections; c++)
		t->core.dev[d].pd[c].resync_susp_dependency[DRBD_NEW] = dep->paused;
	return 0;
}

void drbd_resync_after_update(struct drbd_device *device)
{
	struct dependency dep = { device, false };
	int minor = resync_after_of(device), steps;

	if (minor < 0 && !test_bit(DEV_RESYNC_AFTER_PAUSED, &device->flags))
		return;
	for (steps = 0; minor >= 0 && !dep.paused && steps < 1000; steps++) {
		struct drbd_device *up = drbd_device_find(minor);

		if (!up)
			break;
		dep.paused = pausing(up);
		minor = resync_after_of(up);
		drbd_device_put(up);
	}
	if (dep.paused)
		set_bit(DEV_RESYNC_AFTER_PAUSED, &device->flags);
	else
		clear_bit(DEV_RESYNC_AFTER_PAUSED, &device->flags);
	drbd_change(device->resource, CHG_HARD, dependency_change, &dep, "resync-after", NULL,
		    NULL);
}

void drbd_resync_after_changed(void)
{
	drbd_for_each_device(reconsider_dependencies, NULL);
}

static void resync_after_work_fn(struct work_struct *work)
{
	drbd_resync_after_changed();
}
static DECLARE_WORK(resync_after_work, resync_after_work_fn);

void drbd_resync_after_changed_async(void)
{
	queue_work(system_long_wq, &resync_after_work);
}

void drbd_resync_after_flush(void)
{
	cancel_work_sync(&resync_after_work);
}

/* -------------------------------------------------------------------- fencing */

static unsigned int fence_skip(struct drbd_txn *t, void *arg)
{
	int c = drbd_txn_conn(t, arg);

	if (c >= 0)
		drbd_fence_start(&t->core, c, drbd_helper_disabled());
	return 0;
}

struct fence_result {
	struct drbd_connection *connection;
	int exit_code;
	bool stale;
};

static unsigned int fence_result(struct drbd_txn *t, void *arg)
{
	struct fence_result *f = arg;
	int c = drbd_txn_conn(t, f->connection);

	if (c >= 0)
		drbd_fence_result(&t->core, c, f->exit_code, f->stale);
	return 0;
}

bool drbd_fence_peer(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct fence_result f = { connection };
	unsigned long before = connection->last_reconnect_jif;
	enum drbd_fence_start start = FENCE_SKIP_FAILED;
	struct drbd_txn *t;
	bool ok = false;
	int c;

	t = drbd_txn_begin(resource, "fence-peer");
	c = drbd_txn_conn(t, connection);
	if (c >= 0)
		start = drbd_fence_start(&t->core, c, drbd_helper_disabled());
	drbd_txn_abort(t);
	switch (start) {
	case FENCE_SKIP_SUCCESS:
		return true;
	case FENCE_SKIP_CONNECTED:
		return false;
	case FENCE_SKIP_FAILED:
		drbd_change(resource, CHG_HARD, fence_skip, connection, "fence-peer", NULL, NULL);
		return false;
	case FENCE_CALL:
		break;
	}
	f.exit_code = drbd_helper_connection(connection, "fence-peer");
	f.stale = connection->last_reconnect_jif != before;
	pr_info("drbd %s %s: fence-peer helper returned %d\n", resource->name, connection->name,
		f.exit_code);
	/* That the peer is Primary is a fact: what a Primary may ask for is no question then. */
	drbd_change(resource, CHG_VERBOSE | (f.exit_code == FENCE_PEER_PRIMARY ? CHG_HARD :
										 CHG_LOCAL_ONLY),
		    fence_result, &f, "fence-peer", NULL, NULL);
	t = drbd_txn_begin(resource, "fence-peer");
	c = drbd_txn_conn(t, connection);
	if (c >= 0)
		ok = drbd_fence_succeeded(&t->core, c);
	drbd_txn_abort(t);
	return ok;
}

void drbd_fence_work(struct work_struct *work)
{
	struct drbd_connection *connection =
		container_of(work, struct drbd_connection, fence_work);

	drbd_fence_peer(connection);
	drbd_connection_put(connection);
}

void drbd_fence_after_disconnect(struct drbd_connection *connection)
{
	struct drbd_txn *t = drbd_txn_begin(connection->resource, "fence-peer");
	int c = drbd_txn_conn(t, connection);
	bool fence = c >= 0 && drbd_fence_on_disconnect(&t->core, c);

	drbd_txn_abort(t);
	if (!fence)
		return;
	drbd_connection_get(connection);
	if (!queue_work(system_long_wq, &connection->fence_work))
		drbd_connection_put(connection);
}

struct freeze_end {
	struct drbd_connection *connection;
	enum drbd_freeze_end end;
};

static unsigned int freeze_end(struct drbd_txn *t, void *arg)
{
	struct freeze_end *f = arg;
	int c = drbd_txn_conn(t, f->connection);

	f->end = c >= 0 ? drbd_fencing_freeze_end(&t->core, c) : FREEZE_STAYS;
	return 0;
}

void drbd_check_fencing_freeze(struct drbd_connection *connection)
{
	struct freeze_end f = { connection };
	struct drbd_txn *t = drbd_txn_begin(connection->resource, "fencing");
	struct drbd_peer_device *pd;
	int vnr;

	freeze_end(t, &f);
	drbd_txn_abort(t);
	if (f.end == FREEZE_STAYS)
		return;
	for_each_volume_of(pd, vnr, connection) {
		if (f.end == FREEZE_ENDS_NEW_UUID)
			drbd_generation_create_pending(pd->device);
		else
			clear_bit(DEV_NEW_CUR_UUID, &pd->device->flags);
	}
	drbd_change(connection->resource, CHG_HARD, freeze_end, &f, "fencing", NULL, NULL);
}
