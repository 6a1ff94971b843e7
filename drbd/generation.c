// SPDX-License-Identifier: GPL-2.0-only
#include <linux/random.h>
#include <linux/slab.h>
#include "txn.h"
#include "generation.h"
#include "backing.h"
#include "bitmap.h"
#include "connection.h"
#include "handshake.h"
#include "metadata.h"
#include "netlink.h"
#include "request.h"
#include "resync.h"

void drbd_uuid_set_load(struct drbd_device *device, struct drbd_uuid_set *set)
{
	struct drbd_backing_dev *ldev = device->ldev;
	unsigned long flags;
	unsigned int n;

	memset(set, 0, sizeof(*set));
	spin_lock_irqsave(&ldev->md_lock, flags);
	set->cur = ldev->md.current_uuid;
	for (n = 0; n < DRBD_UUID_NODES; n++) {
		set->bitmap[n] = ldev->md.peers[n].bitmap_uuid;
		set->bitmap_dagtag[n] = ldev->md.peers[n].bitmap_dagtag;
		if (ldev->md.peers[n].bitmap_index >= 0)
			set->slot_mask |= 1u << n;
		if (ldev->md.peers[n].flags & DRBD_MDF_NODE_EXISTS)
			set->exists_mask |= 1u << n;
	}
	for (n = 0; n < DRBD_UUID_HISTORY; n++)
		set->history[n] = ldev->md.history_uuids[n];
	set->my_node_id = drbd_node_id(device->resource);
	set->max_peers = ldev->md.max_peers;
	spin_unlock_irqrestore(&ldev->md_lock, flags);
}

void drbd_uuid_set_store(struct drbd_device *device, const struct drbd_uuid_set *set)
{
	struct drbd_backing_dev *ldev = device->ldev;
	unsigned long flags;
	unsigned int n;

	spin_lock_irqsave(&ldev->md_lock, flags);
	ldev->md.current_uuid = set->cur;
	for (n = 0; n < DRBD_UUID_NODES; n++) {
		ldev->md.peers[n].bitmap_uuid = set->bitmap[n];
		ldev->md.peers[n].bitmap_dagtag = set->bitmap_dagtag[n];
		if (set->exists_mask & (1u << n))
			ldev->md.peers[n].flags |= DRBD_MDF_NODE_EXISTS;
	}
	for (n = 0; n < DRBD_UUID_HISTORY; n++)
		ldev->md.history_uuids[n] = set->history[n];
	if (device->disk_state == D_UP_TO_DATE)
		device->exposed_data_uuid = set->cur;
	spin_unlock_irqrestore(&ldev->md_lock, flags);
	drbd_md_mark_dirty(device);
}

/* ------------------------------------------------------------------- freezing */

void drbd_uuid_freeze(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_device *pd;
	int vnr;

	spin_lock_irq(&resource->req_lock);
	set_bit(CONN_UUID_FROZEN, &connection->flags);
	idr_for_each_entry(&connection->peer_devices, pd, vnr)
		if (!test_and_set_bit(PD_UUID_FROZEN, &pd->flags))
			pd->device->uuid_freeze++;
	spin_unlock_irq(&resource->req_lock);
}

void drbd_uuid_freeze_release(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_device *pd;
	int vnr;

	lockdep_assert_held(&resource->req_lock);
	if (!test_and_clear_bit(CONN_UUID_FROZEN, &connection->flags))
		return;
	/* A volume that came meanwhile was not counted. */
	idr_for_each_entry(&connection->peer_devices, pd, vnr)
		if (test_and_clear_bit(PD_UUID_FROZEN, &pd->flags))
			pd->device->uuid_freeze--;
	wake_up_all(&resource->state_wait);
}

void drbd_uuid_wait_unfrozen(struct drbd_device *device)
{
	/* A handshake lasts at most twopc-timeout; more means that it is stuck. */
	wait_event_timeout(device->resource->state_wait, !READ_ONCE(device->uuid_freeze),
			   60 * HZ);
}

/*
 * A transaction at a moment when no handshake shows the present UUIDs to a peer; what
 * is stuck is not waited for for ever.
 */
static struct drbd_txn *begin_unfrozen(struct drbd_device *device, const char *tag)
	__acquires(&device->resource->req_lock)
{
	struct drbd_txn *t = drbd_txn_begin(device->resource, tag);
	int tries;

	for (tries = 0; device->uuid_freeze && tries < 3; tries++) {
		drbd_txn_abort(t);
		drbd_uuid_wait_unfrozen(device);
		t = drbd_txn_begin(device->resource, tag);
	}
	return t;
}

/* ------------------------------------------------------------- new generations */

static void announce_to(struct drbd_device *device, u64 nodes, u64 flags, u64 node_mask)
{
	int node;

	for (node = 0; node < DRBD_MAX_NODES; node++) {
		struct drbd_connection *connection;
		struct drbd_peer_device *pd;

		if (!(nodes & NODE_MASK(node)))
			continue;
		connection = drbd_connection_find(device->resource, node);
		if (!connection)
			continue;
		rcu_read_lock();
		pd = drbd_connection_peer_device(connection, device->vnr);
		rcu_read_unlock();
		if (pd && pd->repl_state >= L_ESTABLISHED)
			drbd_send_uuids(pd, flags, node_mask);
		drbd_connection_put(connection);
	}
}

enum announcement { ANNOUNCE_NEW_DATAGEN, ANNOUNCE_PLAIN, ANNOUNCE_NOTHING };

/* @stable: not while a peer attaches, which is neither present nor missing: -EAGAIN. */
static int new_generation(struct drbd_device *device, bool forced, enum announcement how,
			  bool stable)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_uuid_peers *peers;
	struct drbd_uuid_set *set, *saved;
	struct drbd_txn *t;
	u64 weak = 0, rnd[2];
	int d, c, err = 0;
	bool changed;

	if (!drbd_ldev_get(device, D_INCONSISTENT))
		return -ENODEV;
	peers = kzalloc(sizeof(*peers) + 2 * sizeof(*set), GFP_NOIO | __GFP_NOFAIL);
	set = (struct drbd_uuid_set *)(peers + 1);
	saved = set + 1;
	get_random_bytes(rnd, sizeof(rnd));

	t = begin_unfrozen(device, "new-uuid");
	d = drbd_txn_dev(t, device);
	if (d < 0 || (stable && device->unstable_cached)) {
		drbd_txn_abort(t);
		err = d < 0 ? -ENODEV : -EAGAIN;
		goto out;
	}
	/* Those who are missing now are covered; who is lost from here on needs another one. */
	clear_bit(DEV_NEW_CUR_UUID, &device->flags);
	drbd_uuid_peers_init(peers, &t->core, &t->core.dev[d]);
	weak = drbd_weak_nodes(&t->core, &t->core.dev[d], DRBD_OLD);
	if (forced)
		for (c = 0; c < t->core.nr_connections; c++)
			if (t->core.dev[d].pd[c].disk_state[0] == D_INCONSISTENT)
				weak |= NODE_MASK(t->core.conn[c].peer_node_id);
	*set = t->uuid_sets[d];
	*saved = *set;
	changed = drbd_uuid_new_generation(set, peers, forced ? weak : 0, resource->dagtag,
					   t->core.role[0] == R_PRIMARY, rnd);
	drbd_uuid_set_store(device, set);
	drbd_txn_abort(t);

	err = drbd_md_sync(device);
	if (err) {
		spin_lock_irq(&resource->req_lock);
		drbd_uuid_set_store(device, saved);
		set_bit(DEV_NEW_CUR_UUID, &device->flags);
		spin_unlock_irq(&resource->req_lock);
		goto out;
	}
	if (changed) {
		pr_info("drbd %s/%d drbd%u: new current UUID: %016llX weak: %016llX\n",
			resource->name, device->vnr, device->minor, set->cur, weak);
		device->exposed_data_uuid = set->cur;
		spin_lock_irq(&resource->req_lock);
		drbd_close_epoch(resource);
		spin_unlock_irq(&resource->req_lock);
		if (how == ANNOUNCE_NEW_DATAGEN)
			announce_to(device, ~0ULL, DRBD_UUID_F_NEW_DATAGEN, weak);
		else if (how == ANNOUNCE_PLAIN)
			announce_to(device, ~0ULL, 0, 0);
	}
out:
	kfree(peers);
	drbd_ldev_put(device);
	return err;
}

int drbd_generation_new(struct drbd_device *device, bool forced)
{
	return new_generation(device, forced, forced ? ANNOUNCE_PLAIN : ANNOUNCE_NEW_DATAGEN,
			      false);
}

int drbd_generation_new_quiet(struct drbd_device *device)
{
	return new_generation(device, false, ANNOUNCE_NOTHING, false);
}

/*
 * A Primary without a disk of its own cannot store a generation, but its peers can.
 * resync.md 2.6
 */
static void new_diskless_generation(struct drbd_device *device, bool stable)
{
	struct drbd_resource *resource = device->resource;
	u64 uuid;

	do
		get_random_bytes(&uuid, sizeof(uuid));
	while ((uuid & ~DRBD_UUID_PRIMARY) == 0 || (uuid & ~DRBD_UUID_PRIMARY) ==
	       DRBD_UUID_JUST_CREATED);
	spin_lock_irq(&resource->req_lock);
	if (stable && device->unstable_cached) {
		spin_unlock_irq(&resource->req_lock);
		return;
	}
	clear_bit(DEV_NEW_CUR_UUID, &device->flags);
	device->exposed_data_uuid = uuid | DRBD_UUID_PRIMARY;
	drbd_close_epoch(resource);
	spin_unlock_irq(&resource->req_lock);
	pr_info("drbd %s/%d drbd%u: new current UUID for the peers: %016llX\n",
		resource->name, device->vnr, device->minor, uuid | DRBD_UUID_PRIMARY);
	/* Ahead of the first write of this generation: the gate is still closed. */
	announce_to(device, ~0ULL, 0, 0);
}

/* The gate is closed, by either bit, until the generation is stored. */
static void create_pending(struct drbd_device *device, bool stable)
{
	struct drbd_resource *resource = device->resource;

	for (;;) {
		if (!test_bit(DEV_NEW_CUR_UUID, &device->flags) &&
		    !test_bit(DEV_WRITING_NEW_CUR_UUID, &device->flags))
			return;
		if (!test_and_set_bit(DEV_WRITING_NEW_CUR_UUID, &device->flags))
			break;
		/* Who comes second may go on only with what the first one stores. */
		wait_event(device->misc_wait,
			   !test_bit(DEV_WRITING_NEW_CUR_UUID, &device->flags));
	}
	if (test_bit(DEV_NEW_CUR_UUID, &device->flags) && device->have_quorum &&
	    drbd_device_data_accessible(device)) {
		if (resource->role != R_PRIMARY)
			clear_bit(DEV_NEW_CUR_UUID, &device->flags);
		else if (new_generation(device, false, ANNOUNCE_NEW_DATAGEN, stable) == -ENODEV)
			new_diskless_generation(device, stable);
	}
	clear_bit(DEV_WRITING_NEW_CUR_UUID, &device->flags);
	smp_mb__after_atomic();
	drbd_gate_changed(device);
}

void drbd_generation_create_pending(struct drbd_device *device)
{
	create_pending(device, false);
}

/* The first application request after the mark: several losses make one generation. */
void drbd_new_uuid_work(struct work_struct *work)
{
	struct drbd_device *device = container_of(work, struct drbd_device, new_uuid_work);

	/* A peer that attaches right now counts neither as present nor as missing. */
	if (!test_bit(DEV_NEW_CUR_UUID, &device->flags) ||
	    READ_ONCE(device->resource->suspended_cached) || READ_ONCE(device->unstable_cached))
		return;
	drbd_ping_peers(device->resource);
	/* It may have begun to meanwhile; who waits asks again when that is over. */
	create_pending(device, true);
	drbd_gate_changed(device);
}

/*
 * One generation, but a resync that was agreed on and did not begin: both ends
 * have its bits, and nothing else tells of it (resync.md 18.7 with 5.7).  Among
 * more than two nodes such bits are also what a resync from a third one leaves.
 */
static bool left_over(struct drbd_peer_device *pd, const struct drbd_uuid_set *set)
{
	return pd->bitmap_index >= 0 && pd->uuids.dirty_bits &&
		pd->connection->agreed_pro_version >= 120 &&
		hweight32(set->slot_mask) == 1 &&
		drbd_bm_weight(pd->device, pd->bitmap_index);
}

/* @met: without resync, and noticed later: only if all of that still holds. */
static void in_sync_with(struct drbd_peer_device *pd, bool met)
{
	struct drbd_device *device = pd->device;
	int slot = pd->bitmap_index;
	struct drbd_uuid_set *set;
	bool ok, keep;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return;
	set = kzalloc(sizeof(*set), GFP_NOIO | __GFP_NOFAIL);
	spin_lock_irq(&device->resource->req_lock);
	drbd_uuid_set_load(device, set);
	ok = !met || (pd->repl_state == L_ESTABLISHED && device->disk_state >= D_OUTDATED &&
		      pd->connection->cstate == C_CONNECTED && pd->uuids.received &&
		      drbd_uuid_eq(pd->uuids.cur, set->cur) &&
		      (slot < 0 || drbd_bm_is_quiet(device, slot)));
	keep = met && ok && left_over(pd, set);
	ok &= !keep;
	if (ok) {
		drbd_uuid_in_sync_with(set, pd->connection->peer_node_id);
		drbd_uuid_set_store(device, set);
		pd->comm_bitmap_uuid = 0;
	}
	spin_unlock_irq(&device->resource->req_lock);
	kfree(set);
	if (ok && slot >= 0 && drbd_bm_weight(device, slot)) {
		if (met)
			drbd_bm_clear_quiet(device, slot);
		else
			drbd_bm_clear_slots(device, 1u << slot);
		drbd_bm_write(device);
	}
	if (ok)
		drbd_md_sync_if_dirty(device);
	if (keep)
		drbd_resync_left_over(pd);
	drbd_ldev_put(device);
}

void drbd_generation_in_sync_with(struct drbd_peer_device *pd)
{
	in_sync_with(pd, false);
}

void drbd_generation_met_in_sync(struct drbd_peer_device *pd)
{
	in_sync_with(pd, true);
}

void drbd_generation_set_primary(struct drbd_device *device, bool primary)
{
	struct drbd_uuid_set *set;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return;
	set = kzalloc(sizeof(*set), GFP_NOIO | __GFP_NOFAIL);
	spin_lock_irq(&device->resource->req_lock);
	drbd_uuid_set_load(device, set);
	if (drbd_uuid_set_primary(set, primary))
		drbd_uuid_set_store(device, set);
	spin_unlock_irq(&device->resource->req_lock);
	kfree(set);
	drbd_ldev_put(device);
}

/* ------------------------------------------------------------- what peers tell */

static void adopt(struct drbd_peer_device *pd, u64 cur, u64 weak)
{
	struct drbd_device *device = pd->device;
	struct drbd_resource *resource = device->resource;
	struct drbd_uuid_peers *peers;
	struct drbd_uuid_set *set;
	struct drbd_txn *t;
	bool target = false;
	u64 changed = 0;
	int c, d;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return;
	peers = kzalloc(sizeof(*peers) + sizeof(*set), GFP_NOIO | __GFP_NOFAIL);
	set = (struct drbd_uuid_set *)(peers + 1);
	t = drbd_txn_begin(resource, "adopt-uuid");
	d = drbd_txn_dev(t, device);
	for (c = 0; d >= 0 && c < t->core.nr_connections; c++) {
		struct drbd_peer_device *source = t->peer_devices[d * t->core.nr_connections + c];
		u8 rs = t->core.dev[d].pd[c].repl_state[0];

		if (drbd_is_sync_target(rs) || rs == L_BEHIND) {
			/* The end of that resync brings us there. */
			target = true;
			if (source)
				source->uuids.cur = cur;
		}
	}
	if (d >= 0 && !target) {
		drbd_uuid_peers_init(peers, &t->core, &t->core.dev[d]);
		*set = t->uuid_sets[d];
		drbd_uuid_adopt_generation(set, peers, cur, weak, pd->connection->last_dagtag,
					   device->disk_state == D_UP_TO_DATE,
					   resource->role == R_PRIMARY, &changed);
		drbd_uuid_set_store(device, set);
	}
	drbd_txn_abort(t);
	if (!target) {
		drbd_md_sync(device);
		announce_to(device, ~0ULL, 0, 0);
	}
	kfree(peers);
	drbd_ldev_put(device);
}

static unsigned int both_up_to_date(struct drbd_txn *t, void *arg)
{
	struct drbd_peer_device *pd = arg;
	int d = drbd_txn_dev(t, pd->device);
	struct core_peer_device *p = drbd_txn_pd(t, pd);

	if (d >= 0 && p) {
		t->core.dev[d].disk_state[DRBD_NEW] = D_UP_TO_DATE;
		p->disk_state[DRBD_NEW] = D_UP_TO_DATE;
	}
	return 0;
}

static void skip_initial_sync(struct drbd_peer_device *pd)
{
	struct drbd_device *device = pd->device;
	struct drbd_uuid_set *set;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return;
	set = kzalloc(sizeof(*set), GFP_NOIO | __GFP_NOFAIL);
	drbd_bm_clear_slots(device, BM_ALL_SLOTS);
	drbd_bm_write_all(device);
	spin_lock_irq(&device->resource->req_lock);
	drbd_uuid_set_load(device, set);
	drbd_uuid_skip_initial_sync(set, pd->connection->peer_node_id, pd->uuids.cur,
				    device->resource->role == R_PRIMARY);
	drbd_uuid_set_store(device, set);
	spin_unlock_irq(&device->resource->req_lock);
	kfree(set);
	drbd_md_sync(device);
	drbd_change(device->resource, CHG_HARD, both_up_to_date, pd, "skip-initial-sync", NULL,
		    NULL);
	drbd_ldev_put(device);
}

static void detect_finished(struct drbd_peer_device *pd)
{
	struct drbd_device *device = pd->device;
	struct drbd_connection *connection = pd->connection;
	struct drbd_uuid_detected out;
	struct drbd_uuid_set *set;
	struct drbd_txn *t;
	bool sync_target = false;
	u64 resolved, busy = 0, connected;
	int c, d, i;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return;
	t = drbd_txn_begin(device->resource, "uuids");
	d = drbd_txn_dev(t, device);
	c = drbd_txn_conn(t, connection);
	if (c < 0 || d < 0 || !t->core.dev[d].uuids) {
		drbd_txn_abort(t);
		goto out;
	}
	set = &t->uuid_sets[d];
	resolved = drbd_uuid_resolved_current(&t->core, d, c, &sync_target);
	for (i = 0; i < t->core.nr_connections; i++)
		if (i != c && t->core.dev[d].pd[i].repl_state[0] > L_ESTABLISHED)
			busy |= NODE_MASK(t->core.conn[i].peer_node_id);
	connected = drbd_connected_nodes(&t->core, DRBD_OLD);
	drbd_uuid_detect_finished(set, connection->peer_node_id, &pd->uuids, resolved, sync_target,
				  busy, connected, &out);
	if (out.changed)
		drbd_uuid_set_store(device, set);
	drbd_txn_abort(t);
	if (out.changed) {
		for (i = 0; i < out.nr_copies; i++) {
			int from = drbd_md_slot(device, out.copy[i].from);
			int to = drbd_md_slot(device, out.copy[i].to);

			if (from >= 0 && to >= 0)
				drbd_bm_copy_slot(device, from, to);
		}
		for (i = 0; i < DRBD_MAX_NODES; i++) {
			int slot = drbd_md_slot(device, i);

			if ((out.clear_slots & NODE_MASK(i)) && slot >= 0)
				drbd_bm_clear_slots(device, 1u << slot);
		}
		if (out.nr_copies || out.clear_slots)
			drbd_bm_write(device);
		drbd_md_sync_if_dirty(device);
		announce_to(device, out.tell_sender ? ~0ULL :
			    ~NODE_MASK(connection->peer_node_id), 0, 0);
	}
out:
	drbd_ldev_put(device);
}

void drbd_generation_peer_uuids(struct drbd_peer_device *pd)
{
	struct drbd_device *device = pd->device;
	u64 flags = pd->uuids.flags;
	bool skip;

	if (device->disk_state < D_NEGOTIATING) {
		if (pd->disk_state == D_UP_TO_DATE && device->resource->role == R_SECONDARY)
			device->exposed_data_uuid = pd->uuids.cur;
		return;
	}
	if ((flags & DRBD_UUID_F_SKIP_INITIAL_SYNC) && pd->repl_state == L_ESTABLISHED &&
	    drbd_ldev_get(device, D_NEGOTIATING)) {
		skip = device->ldev->md.current_uuid == DRBD_UUID_JUST_CREATED;
		drbd_ldev_put(device);
		if (skip) {
			skip_initial_sync(pd);
			return;
		}
	}
	if (flags & DRBD_UUID_F_NEW_DATAGEN) {
		pr_info("drbd %s/%d drbd%u %s: new current UUID of the peer: %016llX\n",
			device->resource->name, device->vnr, device->minor,
			pd->connection->name, pd->uuids.cur);
		adopt(pd, pd->uuids.cur, pd->uuids.node_mask);
		return;
	}
	detect_finished(pd);
	if ((flags & (DRBD_UUID_F_GOT_STABLE | DRBD_UUID_F_RESYNC)) &&
	    pd->repl_state == L_ESTABLISHED)
		drbd_compare_again(pd, flags);
}

void drbd_generation_peer_current(struct drbd_peer_device *pd, u64 uuid, u64 weak_nodes)
{
	struct drbd_device *device = pd->device;

	if (drbd_ldev_get(device, D_UP_TO_DATE)) {
		if (uuid && device->ldev->md.current_uuid != uuid)
			adopt(pd, uuid, weak_nodes);
		drbd_ldev_put(device);
	} else if (device->disk_state == D_DISKLESS && device->resource->role == R_PRIMARY) {
		device->exposed_data_uuid = uuid;
	}
}

/* --------------------------------------------------------- resync as target */

void drbd_generation_target_before_start(struct drbd_peer_device *pd)
{
	struct drbd_device *device = pd->device;
	struct drbd_uuid_set *set;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return;
	set = kzalloc(sizeof(*set), GFP_NOIO | __GFP_NOFAIL);
	spin_lock_irq(&device->resource->req_lock);
	drbd_uuid_set_load(device, set);
	if (drbd_uuid_target_before_start(set, &pd->uuids))
		drbd_uuid_set_store(device, set);
	spin_unlock_irq(&device->resource->req_lock);
	kfree(set);
	drbd_md_sync_if_dirty(device);
	drbd_ldev_put(device);
}

void drbd_generation_target_started(struct drbd_peer_device *pd)
{
	struct drbd_device *device = pd->device;
	struct drbd_uuid_peers *peers;
	struct drbd_uuid_set *set;
	struct drbd_txn *t;
	int d;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return;
	peers = kzalloc(sizeof(*peers) + sizeof(*set), GFP_NOIO | __GFP_NOFAIL);
	set = (struct drbd_uuid_set *)(peers + 1);
	t = drbd_txn_begin(device->resource, "resync");
	d = drbd_txn_dev(t, device);
	if (d >= 0) {
		drbd_uuid_peers_init(peers, &t->core, &t->core.dev[d]);
		*set = t->uuid_sets[d];
		pd->rs.start_uuid = drbd_uuid_target_started(set, peers,
					pd->connection->peer_node_id, pd->connection->last_dagtag);
		drbd_uuid_set_store(device, set);
		device->exposed_data_uuid = pd->uuids.cur;
	}
	drbd_txn_abort(t);
	kfree(peers);
	drbd_md_sync_if_dirty(device);
	drbd_ldev_put(device);
}

bool drbd_generation_target_finished(struct drbd_peer_device *pd, u32 session)
{
	struct drbd_device *device = pd->device;
	u64 *seen, newly = 0;
	struct drbd_txn *t;
	bool current_one;
	int d, c;

	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return false;
	seen = kcalloc(DRBD_UUID_NODES, sizeof(*seen), GFP_NOIO | __GFP_NOFAIL);
	t = begin_unfrozen(device, "resync-finished");
	d = drbd_txn_dev(t, device);
	current_one = pd->connection->session == session;
	if (d >= 0 && current_one) {
		for (c = 0; c < t->core.nr_connections; c++) {
			struct drbd_peer_device *o =
				t->peer_devices[d * t->core.nr_connections + c];
			u8 ds = t->core.dev[d].pd[c].disk_state[0];

			if (o && ds >= D_INCONSISTENT && ds != D_UNKNOWN)
				seen[t->core.conn[c].peer_node_id] = o->uuids.cur;
		}
		drbd_uuid_target_finished(&t->uuid_sets[d], &pd->uuids,
					  pd->connection->peer_node_id, pd->rs.start_uuid, seen,
					  t->core.role[0] == R_PRIMARY, &newly);
		drbd_uuid_set_store(device, &t->uuid_sets[d]);
	}
	drbd_txn_abort(t);
	kfree(seen);
	if (current_one)
		drbd_md_sync(device);
	drbd_ldev_put(device);
	return current_one;
}
