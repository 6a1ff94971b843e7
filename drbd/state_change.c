// SPDX-License-Identifier: GPL-2.0-only
#include <linux/slab.h>
#include <linux/sched/signal.h>
#include <linux/random.h>
#include "txn.h"
#include "activity_log.h"
#include "backing.h"
#include "bitmap.h"
#include "block.h"
#include "connection.h"
#include "generation.h"
#include "handshake.h"
#include "metadata.h"
#include "netlink.h"
#include "request.h"
#include "peer_request.h"
#include "receiver.h"
#include "resync.h"
#include "sender.h"

static void after_commit(struct work_struct *work);

/* ------------------------------------------------------------ the snapshot */

static void count_objects(struct drbd_resource *resource, unsigned int *n_conn,
			  unsigned int *n_dev)
{
	struct drbd_connection *connection;
	struct drbd_device *device;
	int vnr;

	*n_conn = 0;
	*n_dev = 0;
	for_each_connection(connection, resource)
		++*n_conn;
	idr_for_each_entry(&resource->devices, device, vnr)
		++*n_dev;
}

static struct drbd_txn *txn_alloc(unsigned int n_conn, unsigned int n_dev)
{
	size_t n_pd = (size_t)n_conn * n_dev;
	size_t size = sizeof(struct drbd_txn) +
		n_conn * (sizeof(struct drbd_connection *) + sizeof(struct core_connection) +
			  sizeof(struct drbd_snap_connection)) +
		n_dev * (sizeof(struct drbd_device *) + sizeof(struct core_device) +
			 sizeof(struct drbd_uuid_set) + sizeof(struct drbd_snap_device)) +
		n_pd * (sizeof(struct drbd_peer_device *) + sizeof(struct core_peer_device) +
			sizeof(struct drbd_snap_peer_device)) + 64;
	struct drbd_txn *t;
	unsigned int d;
	char *p;

	/* A state change is never lost for want of memory. */
	t = kvzalloc(size, GFP_NOIO | __GFP_NOFAIL);
	p = (char *)(t + 1);
#define CARVE(ptr, n) do { (ptr) = (void *)p; p += (n) * sizeof(*(ptr)); } while (0)
	CARVE(t->core.conn, n_conn);
	p = PTR_ALIGN(p, 8);
	CARVE(t->core.dev, n_dev);
	p = PTR_ALIGN(p, 8);
	CARVE(t->uuid_sets, n_dev);
	if (n_dev) {
		CARVE(t->core.dev[0].pd, n_pd);
		for (d = 1; d < n_dev; d++)
			t->core.dev[d].pd = t->core.dev[0].pd + d * n_conn;
	}
	p = PTR_ALIGN(p, 8);
	CARVE(t->connections, n_conn);
	CARVE(t->devices, n_dev);
	CARVE(t->peer_devices, n_pd);
	CARVE(t->snapshot.connections, n_conn);
	CARVE(t->snapshot.devices, n_dev);
	CARVE(t->snapshot.peer_devices, n_pd);
#undef CARVE
	t->max_connections = n_conn;
	t->max_devices = n_dev;
	INIT_WORK(&t->work, after_commit);
	return t;
}

static void txn_put_objects(struct drbd_txn *t)
{
	unsigned int i;

	for (i = 0; i < t->core.nr_devices * t->core.nr_connections; i++)
		drbd_peer_device_put(t->peer_devices[i]);
	for (i = 0; i < t->core.nr_connections; i++)
		drbd_connection_put(t->connections[i]);
	for (i = 0; i < t->core.nr_devices; i++)
		drbd_device_put(t->devices[i]);
	t->core.nr_connections = 0;
	t->core.nr_devices = 0;
}

static void txn_free(struct drbd_txn *t)
{
	struct drbd_resource *resource = t->resource;

	txn_put_objects(t);
	kvfree(t);
	drbd_resource_put(resource);
}

/* Bits of device->flags and what core calls them; "kept" ones come back changed. */
static const struct {
	int bit;
	u32 core;
	bool kept;
} device_flag_map[] = {
	{ DEV_CRASHED_PRIMARY, CORE_DEV_CRASHED_PRIMARY, true },
	{ DEV_PRIMARY_LOST_QUORUM, CORE_DEV_PRIMARY_LOST_QUORUM, true },
	{ DEV_RESTORE_QUORUM, CORE_DEV_RESTORE_QUORUM, true },
	{ DEV_TRY_BECOME_UP_TO_DATE, CORE_DEV_TRY_UP_TO_DATE, true },
	{ DEV_GRACEFUL_DETACH, CORE_DEV_GRACEFUL_DETACH, false },
	{ DEV_FORCE_DETACH, CORE_DEV_FORCED_DETACH, false },
	{ DEV_UNREGISTERED, CORE_DEV_DELETED, false },
};

#define CORE_CONN_KEPT (CORE_CONN_WAS_CONNECTED | CORE_CONN_LOST_PRIMARY)
#define CORE_RES_KEPT CORE_RES_RESUME_OWES_2PC

static bool peer_requests_possible(struct drbd_device *device)
{
	struct drbd_peer_device *pd;

	for_each_peer_device(pd, device) {
		if (atomic_read(&pd->connection->active_writes) ||
		    !list_empty(&pd->connection->peer_writes))
			return true;
	}
	return false;
}

static void fill_connection(struct core_connection *c, struct drbd_connection *connection)
{
	struct net_conf *nc = rcu_dereference_check(connection->net_conf, true);
	struct drbd_resource *resource = connection->resource;

	memset(c, 0, sizeof(*c));
	c->cstate[0] = connection->cstate;
	c->peer_role[0] = connection->peer_role;
	c->susp_fen[0] = connection->susp_fen;
	c->peer_node_id = connection->peer_node_id;
	c->protocol_version = connection->agreed_pro_version;
	c->features = connection->agreed_features;
	c->wire_protocol = nc->wire_protocol;
	c->fencing = nc->fencing_policy;
	c->two_primaries = nc->two_primaries;
	c->allow_remote_read = nc->allow_remote_read;
	c->has_verify_alg = connection->verify_tfm != NULL;
	c->flags = connection->core_flags & CORE_CONN_KEPT;
	if (test_bit(CONN_HANDSHAKE, &connection->flags))
		c->flags |= CORE_CONN_HANDSHAKE;
	if (resource->twopc.owner == TWOPC_INITIATOR &&
	    (resource->twopc.prepared & NODE_MASK(connection->peer_node_id)))
		c->flags |= CORE_CONN_TWOPC_PENDING;
	if (test_bit(CONN_GRACEFUL_DISCONNECT, &connection->flags))
		c->flags |= CORE_CONN_DISCONNECT_2PC;
	if (test_bit(CONN_DISCARD_MY_DATA, &connection->flags))
		c->flags |= CORE_CONN_DISCARD_MY_DATA;
}

static void fill_peer_device(struct core_peer_device *p, struct drbd_peer_device *pd)
{
	struct drbd_device *device;
	struct peer_device_conf *conf;

	memset(p, 0, sizeof(*p));
	p->repl_state[0] = L_OFF;
	p->disk_state[0] = D_UNKNOWN;
	p->replication[0] = p->peer_replication[0] = 1;
	p->hs.my_disk_state = D_MASK;
	if (!pd)
		return;
	device = pd->device;
	p->repl_state[0] = pd->repl_state;
	p->disk_state[0] = pd->disk_state;
	p->resync_susp_user[0] = pd->resync_susp_user;
	p->resync_susp_peer[0] = pd->resync_susp_peer;
	p->resync_susp_dependency[0] = pd->resync_susp_dependency;
	p->resync_susp_other_c[0] = pd->resync_susp_other_c;
	p->resync_active[0] = pd->resync_active;
	p->replication[0] = pd->replication;
	p->peer_replication[0] = pd->peer_replication;
	p->negotiation = pd->negotiation_result;
	p->flags = pd->core_flags & CORE_PD_KEPT;
	if (pd->uuids.received)
		p->flags |= CORE_PD_UUIDS_RECEIVED;
	if (test_bit(PD_INITIAL_STATE_SENT, &pd->flags))
		p->flags |= CORE_PD_INITIAL_STATE_SENT;
	if (test_bit(PD_INITIAL_STATE_RECEIVED, &pd->flags))
		p->flags |= CORE_PD_INITIAL_STATE_RECEIVED;
	if (test_bit(PD_PEER_QUORATE, &pd->flags))
		p->flags |= CORE_PD_PEER_QUORATE;
	conf = rcu_dereference_check(pd->conf, true);
	if (!conf || conf->bitmap)
		p->flags |= CORE_PD_BITMAP;
	if (device->ldev && pd->repl_state > L_OFF && pd->comm_current_uuid &&
	    !drbd_uuid_eq(pd->comm_current_uuid, device->ldev->md.current_uuid))
		p->flags |= CORE_PD_UUIDS_CHANGED;
	p->flags |= CORE_PD_REPLICATION_NEXT | CORE_PD_PEER_REPLICATION_NEXT;
	if (pd->bitmap_index >= 0 && device->bitmap)
		p->bits = drbd_bm_weight(device, pd->bitmap_index);
	p->uuids = pd->uuids.cur || pd->uuids.received ? &pd->uuids : NULL;
	p->hs.valid = pd->hs.valid;
	p->hs.repl_state = pd->hs.repl_state;
	p->hs.disk_state = pd->hs.disk_state;
	p->hs.resync_susp_peer = pd->hs.resync_susp_peer;
	p->hs.my_disk_state = pd->hs.my_disk_state;
}

static void fill_device(struct core_device *d, struct drbd_device *device,
			struct drbd_uuid_set *set)
{
	struct core_peer_device *pd = d->pd;
	struct drbd_backing_dev *ldev = device->ldev;
	unsigned int i;

	memset(d, 0, sizeof(*d));
	d->pd = pd;
	d->disk_state[0] = device->disk_state;
	d->quorum[0] = device->have_quorum;
	d->quorum_tracked[0] = device->real_quorum;
	d->vnr = device->vnr;
	for (i = 0; i < ARRAY_SIZE(device_flag_map); i++)
		if (test_bit(device_flag_map[i].bit, &device->flags))
			d->flags |= device_flag_map[i].core;
	if (test_bit(DEV_NEW_CUR_UUID, &device->flags))
		d->flags |= CORE_DEV_NEW_UUID_PENDING;
	if (device->intentional_diskless)
		d->flags |= CORE_DEV_DISKLESS_INTENT;
	if (device->open_cnt)
		d->flags |= CORE_DEV_OPEN;
	if (device->open_cnt && device->writable)
		d->flags |= CORE_DEV_WRITER;
	if (peer_requests_possible(device))
		d->flags |= CORE_DEV_PEER_REQS;
	d->exposed_uuid = device->exposed_data_uuid;
	if (ldev && device->disk_state > D_DISKLESS) {
		struct disk_conf *dc = rcu_dereference_check(ldev->disk_conf, true);

		if (dc && !dc->al_updates)
			d->flags |= CORE_DEV_AL_DISABLED;
		if (dc && dc->on_io_error == EP_CALL_HELPER)
			d->flags |= CORE_DEV_CALL_LOCAL_IO_ERROR;
		spin_lock(&ldev->md_lock);
		d->md_flags = ldev->md.flags;
		for (i = 0; i < DRBD_CORE_NODES; i++) {
			d->md_peer_flags[i] = ldev->md.peers[i].flags;
			if (ldev->md.peers[i].bitmap_index >= 0)
				d->md_peer_flags[i] |= DRBD_MDF_HAVE_BITMAP;
		}
		spin_unlock(&ldev->md_lock);
		drbd_uuid_set_load(device, set);
		d->uuids = set;
	}
}

static void txn_fill(struct drbd_txn *t)
{
	struct drbd_resource *resource = t->resource;
	struct core_resource *r = &t->core;
	struct drbd_connection *connection;
	struct drbd_device *device;
	unsigned int c = 0, d = 0;
	int vnr;

	r->role[0] = resource->role;
	r->susp_user[0] = resource->susp_user;
	r->susp_nod[0] = resource->susp_nod;
	r->susp_quorum[0] = resource->susp_quorum;
	r->susp_uuid[0] = resource->susp_uuid;
	r->fail_io[0] = resource->fail_io;
	r->members[0] = resource->members | NODE_MASK(drbd_node_id(resource));
	r->my_node_id = drbd_node_id(resource);
	r->on_no_data = resource->res_opts.on_no_data;
	r->on_no_quorum = resource->res_opts.on_no_quorum;
	r->on_susp_primary_outdated = resource->res_opts.on_susp_primary_outdated;
	r->quorum = resource->res_opts.quorum;
	r->quorum_min_redundancy = resource->res_opts.quorum_min_redundancy;
	r->flags = resource->core_flags & CORE_RES_KEPT;
	if (resource->down_in_progress)
		r->flags |= CORE_RES_DOWN_IN_PROGRESS;
	if (resource->explicit_primary)
		r->flags |= CORE_RES_EXPLICIT_PRIMARY;
	if (resource->twopc.owner != TWOPC_FREE)
		r->flags |= CORE_RES_TWOPC_RUNNING;

	for_each_connection(connection, resource) {
		drbd_connection_get(connection);
		t->connections[c] = connection;
		fill_connection(&r->conn[c], connection);
		c++;
	}
	r->nr_connections = c;
	idr_for_each_entry(&resource->devices, device, vnr) {
		drbd_device_get(device);
		t->devices[d] = device;
		r->dev[d].pd = r->dev[0].pd + d * c;
		fill_device(&r->dev[d], device, &t->uuid_sets[d]);
		for (c = 0; c < r->nr_connections; c++) {
			struct drbd_peer_device *pd =
				drbd_connection_peer_device(t->connections[c], vnr);

			if (pd)
				drbd_peer_device_get(pd);
			t->peer_devices[d * r->nr_connections + c] = pd;
			fill_peer_device(&r->dev[d].pd[c], pd);
		}
		d++;
	}
	r->nr_devices = d;
	drbd_state_begin(r);
}

struct drbd_txn *drbd_txn_begin(struct drbd_resource *resource, const char *tag)
	__acquires(&resource->req_lock)
{
	unsigned int n_conn, n_dev;
	struct drbd_txn *t = NULL;

	for (;;) {
		spin_lock_irq(&resource->req_lock);
		count_objects(resource, &n_conn, &n_dev);
		if (t && n_conn <= t->max_connections && n_dev <= t->max_devices)
			break;
		spin_unlock_irq(&resource->req_lock);
		kvfree(t);
		t = txn_alloc(n_conn, n_dev);
	}
	drbd_resource_get(resource);
	t->resource = resource;
	t->tag = tag;
	txn_fill(t);
	return t;
}

void drbd_txn_abort(struct drbd_txn *t)
	__releases(&t->resource->req_lock)
{
	spin_unlock_irq(&t->resource->req_lock);
	txn_free(t);
}

int drbd_txn_conn(struct drbd_txn *t, struct drbd_connection *connection)
{
	unsigned int c;

	for (c = 0; c < t->core.nr_connections; c++)
		if (t->connections[c] == connection)
			return c;
	return -1;
}

int drbd_txn_dev(struct drbd_txn *t, struct drbd_device *device)
{
	unsigned int d;

	for (d = 0; d < t->core.nr_devices; d++)
		if (t->devices[d] == device)
			return d;
	return -1;
}

int drbd_txn_dev_by_vnr(struct drbd_txn *t, int vnr)
{
	unsigned int d;

	for (d = 0; d < t->core.nr_devices; d++)
		if (t->devices[d]->vnr == vnr)
			return d;
	return -1;
}

struct core_peer_device *drbd_txn_pd(struct drbd_txn *t, struct drbd_peer_device *peer_device)
{
	int d = drbd_txn_dev(t, peer_device->device);
	int c = drbd_txn_conn(t, peer_device->connection);

	return d < 0 || c < 0 ? NULL : &t->core.dev[d].pd[c];
}

/* ------------------------------------------------------------------ logging */

static void log_changes(struct drbd_txn *t, const char *prefix)
{
	struct core_resource *r = &t->core;
	const char *name = t->resource->name;
	unsigned int c, d;
	char buf[320];

	if (drbd_resource_diff(r, buf, sizeof(buf)))
		pr_info("drbd %s: %s%s [%s]\n", name, prefix, buf, t->tag);
	for (c = 0; c < r->nr_connections; c++)
		if (drbd_connection_diff(&r->conn[c], buf, sizeof(buf)))
			pr_info("drbd %s %s: %s%s [%s]\n", name, t->connections[c]->name,
				prefix, buf, t->tag);
	for (d = 0; d < r->nr_devices; d++) {
		struct drbd_device *device = t->devices[d];

		if (drbd_device_diff(&r->dev[d], buf, sizeof(buf)))
			pr_info("drbd %s/%d drbd%u: %s%s [%s]\n", name, device->vnr,
				device->minor, prefix, buf, t->tag);
		for (c = 0; c < r->nr_connections; c++)
			if (drbd_peer_device_diff(&r->dev[d], &r->dev[d].pd[c], buf, sizeof(buf)))
				pr_info("drbd %s/%d drbd%u %s: %s%s [%s]\n", name, device->vnr,
					device->minor, t->connections[c]->name, prefix, buf,
					t->tag);
	}
}

/* ------------------------------------------------------------------- commit */

static void fill_snapshot(struct drbd_txn *t)
{
	struct drbd_snapshot *s = &t->snapshot;
	struct core_resource *r = &t->core;
	unsigned int c, d, w;

	s->resource = t->resource;
	s->n_connections = r->nr_connections;
	s->n_devices = r->nr_devices;
	for (w = 0; w < 2; w++) {
		s->res.role[w] = r->role[w];
		s->res.susp_user[w] = r->susp_user[w];
		s->res.susp_nod[w] = r->susp_nod[w];
		s->res.susp_quorum[w] = r->susp_quorum[w];
		s->res.susp_fen[w] = drbd_suspended_fencing(r, w);
		s->res.susp_uuid[w] = r->susp_uuid[w];
		s->res.fail_io[w] = r->fail_io[w];
		for (c = 0; c < r->nr_connections; c++) {
			struct drbd_snap_connection *sc = &s->connections[c];

			sc->connection = t->connections[c];
			sc->cstate[w] = r->conn[c].cstate[w];
			sc->peer_role[w] = r->conn[c].peer_role[w];
			sc->susp_fen[w] = r->conn[c].susp_fen[w];
		}
		for (d = 0; d < r->nr_devices; d++) {
			struct drbd_snap_device *sd = &s->devices[d];

			sd->device = t->devices[d];
			sd->disk_state[w] = r->dev[d].disk_state[w];
			sd->have_quorum[w] = r->dev[d].quorum[w];
			for (c = 0; c < r->nr_connections; c++) {
				unsigned int i = d * r->nr_connections + c;
				struct drbd_snap_peer_device *sp = &s->peer_devices[i];
				struct core_peer_device *p = &r->dev[d].pd[c];

				sp->peer_device = t->peer_devices[i];
				sp->repl_state[w] = p->repl_state[w];
				sp->disk_state[w] = p->disk_state[w];
				sp->susp_user[w] = p->resync_susp_user[w];
				sp->susp_peer[w] = p->resync_susp_peer[w];
				sp->susp_dependency[w] =
					drbd_resync_susp_dependency(&r->dev[d], p, w);
			}
		}
	}
}

static void commit_before(struct drbd_txn *t)
{
	struct drbd_resource *resource = t->resource;
	struct core_resource *r = &t->core;
	unsigned int c, d;

	if (r->commit & CORE_RES_FLUSH_PEER_ACK)
		drbd_flush_peer_ack(resource);
	for (c = 0; c < r->nr_connections; c++) {
		struct drbd_connection *connection = t->connections[c];
		u32 todo = r->conn[c].commit;

		if (todo & CORE_CONN_TWOPC_LOST)
			set_bit(CONN_TWOPC_LOST, &connection->flags);
		if (todo & CORE_CONN_STOP_RECEIVER)
			drbd_receiver_signal(connection, true);
		if (todo & CORE_CONN_RESTART_RECEIVER)
			drbd_receiver_signal(connection, false);
	}
	for (d = 0; d < r->nr_devices; d++) {
		struct drbd_device *device = t->devices[d];
		u32 todo = r->dev[d].commit;

		if (todo & CORE_DEV_HOLD_LDEV)
			atomic_inc(&device->ldev_refs);
		if (todo & CORE_DEV_EXPOSE_UUID && device->ldev)
			device->exposed_data_uuid = device->ldev->md.current_uuid;
		for (c = 0; c < r->nr_connections; c++) {
			struct drbd_peer_device *pd = t->peer_devices[d * r->nr_connections + c];
			u32 pdo = r->dev[d].pd[c].commit;

			if (!pd)
				continue;
			if (todo & CORE_DEV_FORGET_SLOTS)
				pd->bitmap_index = -1;
			if (pdo & CORE_PD_NEW_EPOCH)
				drbd_close_epoch(resource);
			if (pdo & CORE_PD_SEND_DAGTAG)
				set_bit(CONN_SEND_DAGTAG, &pd->connection->flags);
			if (pdo & CORE_PD_MARK_UNACKED)
				drbd_tl_mark_unacked(pd);
			if (pdo & CORE_PD_OV_REMEMBER)
				pd->ov.start_sector = pd->ov.position;
			if (pdo & CORE_PD_INIT_PROGRESS)
				drbd_resync_init_progress(pd, r->dev[d].pd[c].repl_state[DRBD_NEW]);
			if (pdo & CORE_PD_FORGET_PEER_CRASHED)
				pd->uuids.flags &= ~(u64)DRBD_UUID_F_CRASHED_PRIMARY;
			if (pdo & CORE_PD_DROP_UUIDS)
				pd->uuids.received = false;
		}
	}
}

static void store_md_flags(struct drbd_txn *t, unsigned int d)
{
	struct drbd_device *device = t->devices[d];
	struct drbd_backing_dev *ldev = device->ldev;
	unsigned int i;

	if (!ldev)
		return;
	/* What others keep (a full sync to come, say) may be newer than the snapshot. */
	spin_lock(&ldev->md_lock);
	ldev->md.flags = (ldev->md.flags & ~CORE_MD_FLAGS) |
		(t->core.dev[d].md_flags & CORE_MD_FLAGS);
	ldev->md.members = t->core.members[DRBD_NEW];
	for (i = 0; i < DRBD_CORE_NODES; i++)
		ldev->md.peers[i].flags = (ldev->md.peers[i].flags & ~CORE_MD_PEER_FLAGS) |
			(t->core.dev[d].md_peer_flags[i] & CORE_MD_PEER_FLAGS);
	spin_unlock(&ldev->md_lock);
	drbd_md_mark_dirty(device);
}

/* Core's "old" (equal to "new" by now) into the objects. */
static void copy_back(struct drbd_txn *t)
{
	struct drbd_resource *resource = t->resource;
	struct core_resource *r = &t->core;
	unsigned int c, d, i;

	resource->role = r->role[0];
	/* However the role was lost: the next promotion may be an automatic one. */
	if (resource->role != R_PRIMARY)
		resource->explicit_primary = false;
	resource->susp_user = r->susp_user[0];
	resource->susp_nod = r->susp_nod[0];
	resource->susp_quorum = r->susp_quorum[0];
	resource->susp_uuid = r->susp_uuid[0];
	resource->fail_io = r->fail_io[0];
	resource->members = r->members[0];
	resource->core_flags = r->flags & CORE_RES_KEPT;
	WRITE_ONCE(resource->suspended_cached, r->suspended);
	WRITE_ONCE(resource->any_without_quorum, !r->all_quorate);

	for (c = 0; c < r->nr_connections; c++) {
		struct drbd_connection *connection = t->connections[c];

		connection->cstate = r->conn[c].cstate[0];
		connection->peer_role = r->conn[c].peer_role[0];
		connection->susp_fen = r->conn[c].susp_fen[0];
		connection->core_flags = r->conn[c].flags & CORE_CONN_KEPT;
	}
	for (d = 0; d < r->nr_devices; d++) {
		struct drbd_device *device = t->devices[d];
		struct core_device *cd = &r->dev[d];

		device->disk_state = cd->disk_state[0];
		device->have_quorum = cd->quorum[0];
		device->real_quorum = cd->quorum_tracked[0];
		WRITE_ONCE(device->fail_io_cached, cd->fail_io);
		WRITE_ONCE(device->unstable_cached, cd->unstable);
		for (i = 0; i < ARRAY_SIZE(device_flag_map); i++) {
			if (!device_flag_map[i].kept)
				continue;
			if (cd->flags & device_flag_map[i].core)
				set_bit(device_flag_map[i].bit, &device->flags);
			else
				clear_bit(device_flag_map[i].bit, &device->flags);
		}
		if (cd->commit & CORE_DEV_MD_DIRTY)
			store_md_flags(t, d);
		for (c = 0; c < r->nr_connections; c++) {
			struct drbd_peer_device *pd = t->peer_devices[d * r->nr_connections + c];
			struct core_peer_device *p = &cd->pd[c];

			if (!pd)
				continue;
			if (p->repl_state[0] == L_WF_BITMAP_S && pd->repl_state != L_WF_BITMAP_S)
				clear_bit(PD_BITMAP_SENT, &pd->flags);
			pd->repl_state = p->repl_state[0];
			if (pd->disk_state >= D_INCONSISTENT &&
			    (p->disk_state[0] == D_FAILED || p->disk_state[0] == D_DISKLESS))
				drbd_writer_lost_disk(pd);
			pd->disk_state = p->disk_state[0];
			if (pd->disk_state != D_UP_TO_DATE)
				clear_bit(PD_NEG_ACKED_UPTODATE, &pd->flags);
			/* The worker clears later, if it is still true then. */
			if (p->after & CORE_PD_CLEAR_BITMAP)
				drbd_bm_watch(device, drbd_slot_bit(pd), true);
			else if (pd->repl_state != L_ESTABLISHED)
				drbd_bm_watch(device, drbd_slot_bit(pd), false);
			/* From now on, not only when the worker comes to it. */
			if (p->after & CORE_PD_RESYNC_NEW_SPACE) {
				pd->new_space_session = t->connections[c]->session;
				set_bit(PD_RESYNC_TO_BEGIN, &pd->flags);
			}
			pd->resync_susp_user = p->resync_susp_user[0];
			pd->resync_susp_peer = p->resync_susp_peer[0];
			pd->resync_susp_dependency = p->resync_susp_dependency[0];
			pd->resync_susp_other_c = p->resync_susp_other_c[0];
			pd->resync_active = p->resync_active[0];
			pd->replication = p->replication[0];
			pd->peer_replication = p->peer_replication[0];
			pd->core_flags = p->flags & CORE_PD_KEPT;
		}
	}
}

static void commit_after(struct drbd_txn *t, struct bio_list *done)
{
	struct drbd_resource *resource = t->resource;
	struct core_resource *r = &t->core;
	unsigned int c, d;

	for (c = 0; c < r->nr_connections; c++) {
		struct drbd_connection *connection = t->connections[c];
		u32 todo = r->conn[c].commit;

		if (todo & CORE_CONN_RELEASE_UUID_FREEZE)
			drbd_uuid_freeze_release(connection);
		wake_up(&connection->sender_wait);
		wake_up_all(&connection->ee_wait);
	}
	for (d = 0; d < r->nr_devices; d++) {
		struct drbd_device *device = t->devices[d];
		u32 todo = r->dev[d].commit;

		for (c = 0; c < r->nr_connections; c++) {
			struct drbd_peer_device *pd = t->peer_devices[d * r->nr_connections + c];
			u32 pdo = r->dev[d].pd[c].commit;

			/* By the new states: held writes may have to fail now. */
			if (pd && (pdo & CORE_PD_CANCEL_REQUESTS))
				drbd_tl_cancel(pd, done);
			if (pd && (pdo & CORE_PD_RESEND_REQUESTS))
				drbd_tl_resend(pd, done);
		}
		if (todo & CORE_DEV_UUID_PENDING_SET)
			set_bit(DEV_NEW_CUR_UUID, &device->flags);
		if (todo & CORE_DEV_UUID_PENDING_DROPPED)
			clear_bit(DEV_NEW_CUR_UUID, &device->flags);
		if (todo & CORE_DEV_COMPLETE_LOCAL)
			drbd_tl_abort_local(device, done);
		drbd_al_update_mode(device);
		drbd_gate_changed(device);
		wake_up_all(&device->attach_wait);
	}
	if (r->commit & CORE_RES_RESUBMIT)
		drbd_tl_recheck(resource, done);
	wake_up_all(&resource->state_wait);
	wake_up_all(&resource->twopc_wait);
}

void drbd_txn_commit_locked(struct drbd_txn *t, struct completion *done)
{
	struct drbd_resource *resource = t->resource;
	struct bio_list bios = BIO_EMPTY_LIST;

	drbd_state_owed(&t->core, t->core_flags);
	drbd_state_summarise(&t->core);
	fill_snapshot(t);
	log_changes(t, "");
	commit_before(t);
	drbd_state_publish(&t->core);
	copy_back(t);
	commit_after(t, &bios);
	t->done = done;
	queue_work(resource->worker, &t->work);
	if (!bio_list_empty(&bios)) {
		/* Ending bios may come back to us; not under the lock. */
		spin_unlock_irq(&resource->req_lock);
		drbd_complete_bios(&bios);
		spin_lock_irq(&resource->req_lock);
	}
}

void drbd_txn_commit(struct drbd_txn *t, struct completion *done)
	__releases(&t->resource->req_lock)
{
	struct drbd_resource *resource = t->resource;

	drbd_resource_get(resource);
	drbd_txn_commit_locked(t, done);
	spin_unlock_irq(&resource->req_lock);
	drbd_resource_put(resource);
}

/* ------------------------------------------------------------ the worker's part */

static void after_peer_device(struct drbd_txn *t, unsigned int d, unsigned int c, bool first_loop)
{
	struct drbd_peer_device *pd = t->peer_devices[d * t->core.nr_connections + c];
	struct drbd_device *device = t->devices[d];
	struct drbd_snap_peer_device *sp =
		&t->snapshot.peer_devices[d * t->core.nr_connections + c];
	u64 todo = t->core.dev[d].pd[c].after;

	if (!pd)
		return;
	if (first_loop) {
		if (todo & CORE_PD_CLEAR_BITMAP)
			drbd_generation_met_in_sync(pd);
		return;
	}
	if (todo & CORE_PD_SEND_SIZES)
		drbd_send_sizes(pd, 0, 0);
	if (todo & CORE_PD_SEND_UUIDS)
		drbd_send_uuids(pd, 0, 0);
	if (todo & CORE_PD_SEND_UUIDS_GOT_STABLE)
		drbd_send_uuids(pd, DRBD_UUID_F_GOT_STABLE, 0);
	if (todo & CORE_PD_HELPER_INCON_DEGR)
		drbd_helper(device, pd->connection, "pri-on-incon-degr");
	if (todo & CORE_PD_SEND_STATE)
		drbd_send_state(pd);
	if (todo & CORE_PD_SEND_BITMAP)
		drbd_queue_send_bitmap(pd);
	if (todo & (CORE_PD_PAUSE_DEPENDENT | CORE_PD_RESUME_DEPENDENT))
		drbd_resync_after_changed_async();
	if (todo & CORE_PD_START_SYNC_T)
		drbd_start_full_sync(pd, L_SYNC_TARGET);
	if (todo & CORE_PD_START_SYNC_S)
		drbd_start_full_sync(pd, L_SYNC_SOURCE);
	if (todo & CORE_PD_RESYNC_NEW_SPACE)
		drbd_resync_new_space(pd, pd->new_space_session);
	if (todo & CORE_PD_SEND_STATE_ALL)
		drbd_send_state_all(device);
	if ((todo & CORE_PD_WRITE_BITMAP) && drbd_ldev_get(device, D_NEGOTIATING)) {
		drbd_bm_write(device);
		drbd_ldev_put(device);
	}
	if (todo & CORE_PD_NEW_UUID_NOW)
		drbd_generation_create_pending(device);
	if (todo & CORE_PD_START_REQUESTS) {
		/* The disk says Inconsistent before it has a block of the peer's. */
		if (drbd_ldev_get(device, D_NEGOTIATING)) {
			drbd_md_sync_if_dirty(device);
			drbd_ldev_put(device);
		}
		drbd_resync_start_requests(pd);
	}
	if (todo & CORE_PD_BEGAN_RESYNC)
		drbd_resync_began(pd);
	if (todo & CORE_PD_RESYNC_ENDED)
		drbd_resync_ended(pd, drbd_is_sync_target(sp->repl_state[DRBD_OLD]));
}

static void after_device(struct drbd_txn *t, unsigned int d)
{
	struct drbd_device *device = t->devices[d];
	u32 todo = t->core.dev[d].after;

	if ((todo & CORE_DEV_WRITE_BITMAP) && drbd_ldev_get(device, D_NEGOTIATING)) {
		drbd_bm_write(device);
		drbd_ldev_put(device);
	}
	if (todo & CORE_DEV_PERSIST_SIZE)
		drbd_persist_size(device);
	if (todo & CORE_DEV_HELPER_IO_ERROR)
		drbd_helper(device, NULL, "local-io-error");
	if (todo & CORE_DEV_SEND_STATE_ALL)
		drbd_send_state_all(device);
	if (todo & CORE_DEV_LAST_CHANCE_WRITE)
		drbd_backing_last_chance_write(device);
	if (todo & CORE_DEV_STOP_MD_TIMER)
		timer_delete_sync(&device->md_sync_timer);
	if (todo & CORE_DEV_FIND_SOURCE)
		pr_info("drbd %s/%d drbd%u: waiting for a resync source\n",
			t->resource->name, device->vnr, device->minor);
	if ((todo & CORE_DEV_WRITE_MD) && drbd_ldev_get(device, D_DETACHING)) {
		drbd_md_sync_if_dirty(device);
		drbd_ldev_put(device);
	}
	if (todo & CORE_DEV_HELPER_QUORUM_LOST)
		drbd_helper(device, NULL, "quorum-lost");
	if (todo & CORE_DEV_NEW_UUID)
		drbd_generation_create_pending(device);
	if (todo & CORE_DEV_DROP_LDEV)
		drbd_ldev_put(device);
	if (t->snapshot.devices[d].disk_state[DRBD_OLD] > D_DISKLESS &&
	    t->snapshot.devices[d].disk_state[DRBD_NEW] == D_DISKLESS)
		drbd_ldev_destroy(device);
}

/* Not while another peer was lost meanwhile: what is held missed that one as well. */
static unsigned int clear_susp_uuid(struct drbd_txn *t, void *arg)
{
	bool *again = arg;
	unsigned int d;

	*again = false;
	for (d = 0; d < t->core.nr_devices; d++) {
		const struct core_device *dev = &t->core.dev[d];

		/* Without quorum or data there is none to be made, nor anything to be written. */
		*again |= test_bit(DEV_NEW_CUR_UUID, &t->devices[d]->flags) &&
			dev->quorum[DRBD_NEW] && drbd_data_accessible(&t->core, dev, DRBD_NEW);
	}
	if (!*again)
		t->core.susp_uuid[DRBD_NEW] = 0;
	return 0;
}

static void end_susp_uuid(struct drbd_txn *t)
{
	bool again = true;
	unsigned int d, tries;

	for (tries = 0; again && tries < 10; tries++) {
		for (d = 0; d < t->core.nr_devices; d++)
			drbd_generation_create_pending(t->devices[d]);
		drbd_change(t->resource, CHG_HARD, clear_susp_uuid, &again, "susp-uuid", NULL,
			    NULL);
	}
	if (again)
		pr_err("drbd %s: no new generation after all; I/O remains suspended\n",
		       t->resource->name);
}

static void after_commit(struct work_struct *work)
{
	struct drbd_txn *t = container_of(work, struct drbd_txn, work);
	struct drbd_resource *resource = t->resource;
	struct core_resource *r = &t->core;
	unsigned int c, d;

	drbd_notify_change(&t->snapshot);

	for (c = 0; c < r->nr_connections; c++) {
		if (test_and_clear_bit(CONN_TWOPC_LOST, &t->connections[c]->flags))
			drbd_twopc_node_lost(resource, t->connections[c]->peer_node_id);
	}
	for (d = 0; d < r->nr_devices; d++) {
		for (c = 0; c < r->nr_connections; c++)
			after_peer_device(t, d, c, true);
		for (c = 0; c < r->nr_connections; c++)
			after_peer_device(t, d, c, false);
		after_device(t, d);
	}
	if (r->after & CORE_RES_SEND_ROLE)
		drbd_send_role(resource);
	for (c = 0; c < r->nr_connections; c++) {
		struct drbd_connection *connection = t->connections[c];
		u32 todo = r->conn[c].after;

		if (todo & CORE_CONN_START_RECEIVER)
			drbd_receiver_start(connection);
		if (todo & CORE_CONN_CHECK_FENCING)
			drbd_check_fencing_freeze(connection);
		if (todo & CORE_CONN_HELPER_UNFENCE)
			drbd_helper_connection(connection, "unfence-peer");
	}
	if (r->after & CORE_RES_CLEAR_SUSP_UUID)
		end_susp_uuid(t);
	if (r->after & (CORE_RES_EMPTY_2PC | CORE_RES_RESUME_2PC))
		drbd_schedule_empty_twopc(resource);
	if (r->after & CORE_RES_EXPIRE_2PC)
		mod_delayed_work(system_wq, &resource->twopc_timer, 0);
	if (t->done)
		complete(t->done);
	txn_free(t);
}

/* --------------------------------------------------------------- snapshot now */

struct drbd_snapshot *drbd_snapshot_now(struct drbd_resource *resource)
{
	struct drbd_txn *t = drbd_txn_begin(resource, "snapshot");

	fill_snapshot(t);
	spin_unlock_irq(&resource->req_lock);
	return &t->snapshot;
}

void drbd_snapshot_free(struct drbd_snapshot *snapshot)
{
	if (snapshot)
		txn_free(container_of(snapshot, struct drbd_txn, snapshot));
}

/* -------------------------------------------------------------- doing a change */

static unsigned int core_flags_of(unsigned int chg)
{
	unsigned int f = 0;

	if (chg & CHG_HARD)
		f |= CORE_HARD;
	if (chg & CHG_FORCE_RECALC)
		f |= CORE_FORCE_RECALC;
	if (chg & CHG_IGNORE_OUTDATE_FAILURE)
		f |= CORE_IGNORE_OUTDATE_FAILURE;
	if (chg & CHG_IGNORE_OPENERS)
		f |= CORE_IGNORE_OPENERS;
	if (chg & CHG_CLUSTER_WIDE)
		f |= CORE_CLUSTER_WIDE;
	if (chg & CHG_LOCAL_ONLY)
		f |= CORE_LOCAL_ONLY;
	return f;
}

void drbd_report_refusal(struct drbd_txn *t, int rv, unsigned int chg_flags,
			 struct drbd_reply *reply)
{
	struct core_resource *r = &t->core;

	if (rv == SS_NO_QUORUM && t->why.dev >= 0) {
		struct drbd_quorum_count q;
		char buf[160];

		drbd_quorum_compute(r, &r->dev[t->why.dev], &q);
		if (drbd_quorum_text(&q, buf, sizeof(buf)))
			drbd_reply_text(reply, "%s", buf);
	}
	if (rv == SS_DEVICE_IN_USE && t->why.dev >= 0)
		drbd_block_report_openers(t->devices[t->why.dev], reply);
	if ((chg_flags & CHG_VERBOSE) && rv < SS_SUCCESS) {
		pr_info("drbd %s: State change failed: %s (%d)\n", t->resource->name,
			drbd_ss_text(rv), rv);
		log_changes(t, "Failed: ");
	}
}

/* Are we the follow-up work of a commit, which must not wait for another one's? */
bool drbd_on_worker(void)
{
	return current_work() && current_work()->func == after_commit;
}

int drbd_change(struct drbd_resource *resource, unsigned int chg_flags, drbd_txn_fn fn, void *arg,
		const char *tag, const struct drbd_twopc_request *req, struct drbd_reply *reply)
{
	unsigned int cflags = core_flags_of(chg_flags);
	DECLARE_COMPLETION_ONSTACK(done);
	bool wait = (chg_flags & CHG_WAIT) && !drbd_on_worker();
	bool locked = false;
	struct drbd_txn *t;
	int rv;

	if (chg_flags & CHG_SERIALIZE) {
		if (mutex_lock_interruptible(&resource->serialize))
			return SS_INTERRUPTED;
		locked = true;
	}
again:
	t = drbd_txn_begin(resource, tag);
	t->core_flags = cflags | fn(t, arg);
	rv = drbd_state_check(&t->core, t->core_flags, &t->why);
	if (rv == SS_NOTHING_TO_DO && req)
		rv = SS_SUCCESS;
	if (rv != SS_SUCCESS) {
		spin_unlock_irq(&resource->req_lock);
		/* The end of the transient state is worth waiting for. */
		if (rv == SS_IN_TRANSIENT_STATE && !(chg_flags & (CHG_HARD | CHG_DONT_RETRY)) &&
		    !drbd_on_worker() && (current->flags & PF_KTHREAD) == 0) {
			txn_free(t);
			if (drbd_wait_state_event(resource)) {
				rv = SS_INTERRUPTED;
				goto out;
			}
			goto again;
		}
		if (rv < SS_SUCCESS)
			drbd_report_refusal(t, rv, chg_flags, reply);
		txn_free(t);
		goto out;
	}
	if (chg_flags & CHG_DRY_RUN) {
		drbd_txn_abort(t);
		goto out;
	}
	if (!(chg_flags & (CHG_HARD | CHG_LOCAL_ONLY))) {
		struct drbd_twopc_request wide;

		if (req || drbd_state_cluster_wide(&t->core, t->core_flags, &wide)) {
			rv = drbd_twopc_change(t, chg_flags, fn, arg, req ?: &wide, reply);
			goto out;
		}
	}
	drbd_txn_commit(t, wait ? &done : NULL);
	if (wait)
		wait_for_completion(&done);
out:
	if (locked)
		mutex_unlock(&resource->serialize);
	return rv;
}

int drbd_wait_state_event(struct drbd_resource *resource)
{
	DEFINE_WAIT(wait);
	int err = 0;

	prepare_to_wait(&resource->state_wait, &wait, TASK_INTERRUPTIBLE);
	/* Bounded, because the event may have come before we looked. */
	schedule_timeout(HZ / 5);
	if (signal_pending(current))
		err = -EINTR;
	finish_wait(&resource->state_wait, &wait);
	return err;
}

/* ------------------------------------------------------- one-variable changes */

struct one_change {
	void *object;
	int value;
};

static unsigned int set_disk_state(struct drbd_txn *t, void *arg)
{
	struct one_change *c = arg;
	int d = drbd_txn_dev(t, c->object);

	if (d >= 0)
		t->core.dev[d].disk_state[DRBD_NEW] = c->value;
	return 0;
}

int drbd_change_disk_state(struct drbd_device *device, enum drbd_disk_state disk_state,
			   unsigned int flags, const char *tag, struct drbd_reply *reply)
{
	struct one_change c = { device, disk_state };

	return drbd_change(device->resource, flags, set_disk_state, &c, tag, NULL, reply);
}

static unsigned int set_cstate(struct drbd_txn *t, void *arg)
{
	struct one_change *c = arg;
	int i = drbd_txn_conn(t, c->object);

	if (i < 0)
		return 0;
	/* Unless it is our own doing, an error says nothing once another one did. */
	if (drbd_is_disconnect_or_lost(c->value) &&
	    (t->core.conn[i].cstate[DRBD_OLD] < C_CONNECTING))
		return 0;
	drbd_state_set_cstate(&t->core, i, c->value);
	return 0;
}

int drbd_change_cstate(struct drbd_connection *connection, enum drbd_conn_state cstate,
		       unsigned int flags, const char *tag, struct drbd_reply *reply)
{
	struct one_change c = { connection, cstate };

	return drbd_change(connection->resource, flags, set_cstate, &c, tag, NULL, reply);
}

static unsigned int set_repl_state(struct drbd_txn *t, void *arg)
{
	struct one_change *c = arg;
	struct core_peer_device *pd = drbd_txn_pd(t, c->object);

	if (pd)
		pd->repl_state[DRBD_NEW] = c->value;
	return 0;
}

int drbd_change_repl_state(struct drbd_peer_device *peer_device, enum drbd_repl_state repl_state,
			   unsigned int flags, const char *tag, struct drbd_reply *reply)
{
	struct one_change c = { peer_device, repl_state };

	return drbd_change(peer_device->device->resource, flags, set_repl_state, &c, tag, NULL,
			   reply);
}

struct repl_change {
	struct drbd_peer_device *pd;
	enum drbd_repl_state from, to;
	u32 session;
};

static unsigned int set_repl_state_from(struct drbd_txn *t, void *arg)
{
	struct repl_change *c = arg;
	struct core_peer_device *pd = drbd_txn_pd(t, c->pd);

	if (pd && pd->repl_state[DRBD_OLD] == c->from && c->pd->connection->session == c->session)
		pd->repl_state[DRBD_NEW] = c->to;
	return 0;
}

int drbd_change_repl_state_from(struct drbd_peer_device *peer_device, enum drbd_repl_state from,
				u32 session, enum drbd_repl_state to, unsigned int flags,
				const char *tag)
{
	struct repl_change c = { peer_device, from, to, session };

	return drbd_change(peer_device->device->resource, flags, set_repl_state_from, &c, tag, NULL,
			   NULL);
}

static unsigned int set_susp_user(struct drbd_txn *t, void *arg)
{
	t->core.susp_user[DRBD_NEW] = *(bool *)arg;
	return 0;
}

int drbd_change_susp_user(struct drbd_resource *resource, bool value, unsigned int flags)
{
	return drbd_change(resource, flags, set_susp_user, &value, "suspend-io", NULL, NULL);
}

static unsigned int set_resync_susp_user(struct drbd_txn *t, void *arg)
{
	struct one_change *c = arg;
	struct core_peer_device *pd = drbd_txn_pd(t, c->object);

	if (pd)
		pd->resync_susp_user[DRBD_NEW] = c->value;
	return 0;
}

int drbd_change_resync_susp_user(struct drbd_peer_device *peer_device, bool value,
				 unsigned int flags)
{
	struct one_change c = { peer_device, value };

	return drbd_change(peer_device->device->resource, flags, set_resync_susp_user, &c,
			   "pause-sync", NULL, NULL);
}

static unsigned int nothing(struct drbd_txn *t, void *arg)
{
	return CORE_FORCE_RECALC;
}

void drbd_state_recalculate(struct drbd_resource *resource, const char *tag)
{
	drbd_change(resource, CHG_HARD | CHG_FORCE_RECALC, nothing, NULL, tag, NULL, NULL);
}

/* ------------------------------------------------------------ from atomic context */

struct async_cstate {
	struct work_struct work;
	struct drbd_connection *connection;
	enum drbd_conn_state cstate;
};

void drbd_async_cstate_work(struct work_struct *work)
{
	struct drbd_connection *connection =
		container_of(work, struct drbd_connection, async_cstate_work);
	static const enum drbd_conn_state order[] = {
		C_TIMEOUT, C_BROKEN_PIPE, C_NETWORK_FAILURE, C_PROTOCOL_ERROR,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		if (test_and_clear_bit(order[i], &connection->async_cstates))
			drbd_change_cstate(connection, order[i], CHG_HARD, "lost-peer", NULL);
	}
}

void drbd_change_cstate_async(struct drbd_connection *connection, enum drbd_conn_state cstate)
{
	set_bit(cstate, &connection->async_cstates);
	queue_work(drbd_io_wq, &connection->async_cstate_work);
}

/* ---------------------------------------------------------------- questions */

bool drbd_device_data_accessible(struct drbd_device *device)
{
	struct drbd_peer_device *pd;
	bool ok = device->disk_state == D_UP_TO_DATE;

	rcu_read_lock();
	for_each_peer_device(pd, device) {
		struct net_conf *nc = rcu_dereference(pd->connection->net_conf);

		if (pd->disk_state == D_UP_TO_DATE && pd->repl_state >= L_ESTABLISHED &&
		    nc && nc->allow_remote_read)
			ok = true;
	}
	rcu_read_unlock();
	return ok;
}

bool drbd_resource_suspended(struct drbd_resource *resource)
{
	return READ_ONCE(resource->suspended_cached);
}

bool drbd_susp_fen(struct drbd_resource *resource)
{
	struct drbd_connection *connection;
	bool susp = false;

	rcu_read_lock();
	for_each_connection(connection, resource)
		susp |= connection->susp_fen;
	rcu_read_unlock();
	return susp;
}

enum drbd_disk_state drbd_device_state_from_md(struct drbd_device *device)
{
	struct drbd_txn *t = drbd_txn_begin(device->resource, "md");
	int d = drbd_txn_dev(t, device);
	enum drbd_disk_state ds = D_DISKLESS;

	if (d >= 0)
		ds = drbd_disk_state_from_md(&t->core, &t->core.dev[d], DRBD_OLD);
	drbd_txn_abort(t);
	return ds;
}

bool drbd_pd_susp_dependency(struct drbd_peer_device *pd)
{
	enum drbd_repl_state rs = READ_ONCE(pd->repl_state);

	return pd->resync_susp_dependency || pd->resync_susp_other_c ||
		((rs == L_SYNC_SOURCE || rs == L_PAUSED_SYNC_S) &&
		 READ_ONCE(pd->device->disk_state) <= D_INCONSISTENT);
}

/* --------------------------------------------------------------- set-up */

int drbd_state_init_resource(struct drbd_resource *resource)
{
	spin_lock_init(&resource->req_lock);
	mutex_init(&resource->serialize);
	INIT_LIST_HEAD(&resource->dagtag_waiters);
	init_waitqueue_head(&resource->state_wait);
	init_waitqueue_head(&resource->twopc_wait);
	INIT_DELAYED_WORK(&resource->twopc_timer, drbd_twopc_timer_work);
	INIT_WORK(&resource->empty_twopc_work, drbd_empty_twopc_work);
	resource->role = R_SECONDARY;
	resource->members = NODE_MASK(drbd_node_id(resource));
	return 0;
}

void drbd_state_free_resource(struct drbd_resource *resource)
{
	cancel_delayed_work_sync(&resource->twopc_timer);
	cancel_work_sync(&resource->empty_twopc_work);
}
