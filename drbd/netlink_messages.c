// SPDX-License-Identifier: GPL-2.0-only
/*
 * The nests that dumps, notifications and the initial state have in common.
 * Spec: netlink.md 4.7, 4.8, 9, 10.3.
 */
#include "netlink_internal.h"
#include "backing.h"
#include "bitmap.h"
#include "block.h"

void *drbd_msg_begin(struct sk_buff *skb, u32 portid, u32 seq, int flags, u8 cmd, u32 minor,
		     int ret_code)
{
	struct drbd_genlmsghdr *dh;

	dh = genlmsg_put(skb, portid, seq, &drbd_genl_family, flags, cmd);
	if (dh) {
		dh->minor = minor;
		dh->ret_code = ret_code;
	}
	return dh;
}

int drbd_put_context(struct sk_buff *skb, struct drbd_resource *resource,
		     struct drbd_device *device, struct drbd_connection *connection,
		     struct drbd_path *path)
{
	struct nlattr *nest = nla_nest_start_noflag(skb, DRBD_NLA_cfg_context);

	if (!nest)
		return -EMSGSIZE;
	if ((device && nla_put_u32(skb, T_ctx_volume, device->vnr)) ||
	    nla_put_string(skb, T_ctx_resource_name, resource->name))
		goto nospace;
	if (connection &&
	    (nla_put_u32(skb, T_ctx_peer_node_id, connection->peer_node_id) ||
	     nla_put_string(skb, T_ctx_conn_name, connection->name)))
		goto nospace;
	if (path &&
	    (nla_put(skb, T_ctx_my_addr, path->my_addr_len, &path->my_addr) ||
	     nla_put(skb, T_ctx_peer_addr, path->peer_addr_len, &path->peer_addr)))
		goto nospace;
	nla_nest_end(skb, nest);
	return 0;

nospace:
	nla_nest_cancel(skb, nest);
	return -EMSGSIZE;
}

int drbd_put_notification_header(struct sk_buff *skb, unsigned int type)
{
	struct notification_header nh = { .nh_type = type };

	return notification_header_to_skb(skb, &nh, 0, false);
}

/* A connection with more paths than fit shows the first of them. */
int drbd_put_paths(struct sk_buff *skb, struct drbd_connection *connection, bool empty)
{
	struct nlattr *list = drbd_path_list_start(skb);
	const unsigned int reserve = 256;	/* for what follows in the message */
	struct drbd_path *path;

	if (!list)
		return -EMSGSIZE;
	if (empty)
		goto out;
	rcu_read_lock();
	list_for_each_entry_rcu(path, &connection->transport.paths, list) {
		if (skb_tailroom(skb) < reserve + nla_total_size(path->my_addr_len) +
					nla_total_size(path->peer_addr_len))
			break;
		if (drbd_path_list_add(skb, &path->my_addr, path->my_addr_len,
				       &path->peer_addr, path->peer_addr_len))
			break;
	}
	rcu_read_unlock();
out:
	drbd_path_list_end(skb, list);
	return 0;
}

struct drbd_path *drbd_first_path(struct drbd_connection *connection)
{
	struct drbd_path *path;

	rcu_read_lock();
	path = list_first_or_null_rcu(&connection->transport.paths, struct drbd_path, list);
	if (path && !kref_get_unless_zero(&path->kref))
		path = NULL;
	rcu_read_unlock();
	return path;
}

/* ------------------------------------------------------------------- states */

void drbd_get_resource_info(struct drbd_resource *resource, struct resource_info *info)
{
	*info = (struct resource_info) {
		.res_role = resource->role,
		.res_susp = resource->susp_user,
		.res_susp_nod = resource->susp_nod,
		.res_susp_fen = drbd_susp_fen(resource),
		.res_susp_quorum = resource->susp_quorum || resource->susp_uuid,
		.res_fail_io = resource->fail_io,
	};
}

void drbd_snap_resource_info(const struct drbd_snap_resource *snap, int i,
			     struct resource_info *info)
{
	*info = (struct resource_info) {
		.res_role = snap->role[i],
		.res_susp = snap->susp_user[i],
		.res_susp_nod = snap->susp_nod[i],
		.res_susp_fen = snap->susp_fen[i],
		.res_susp_quorum = snap->susp_quorum[i] || snap->susp_uuid[i],
		.res_fail_io = snap->fail_io[i],
	};
}

static void get_backing_path(struct drbd_device *device, struct device_info *info)
{
	if (!drbd_ldev_get(device, D_FAILED))
		return;
	rcu_read_lock();
	strscpy(info->backing_dev_path, rcu_dereference(device->ldev->disk_conf)->backing_dev,
		sizeof(info->backing_dev_path));
	rcu_read_unlock();
	drbd_ldev_put(device);
}

static void get_device_info(struct drbd_device *device, enum drbd_disk_state disk_state,
			    bool have_quorum, struct device_info *info)
{
	*info = (struct device_info) {
		.dev_disk_state = disk_state,
		.is_intentional_diskless = device->intentional_diskless,
		.dev_has_quorum = have_quorum,
		.dev_is_open = READ_ONCE(device->open_cnt) != 0,
	};
	if (disk_state >= D_FAILED)
		get_backing_path(device, info);
}

void drbd_get_device_info(struct drbd_device *device, struct device_info *info)
{
	get_device_info(device, READ_ONCE(device->disk_state), device->have_quorum, info);
}

void drbd_snap_device_info(const struct drbd_snap_device *snap, int i, struct device_info *info)
{
	get_device_info(snap->device, snap->disk_state[i], snap->have_quorum[i], info);
}

void drbd_get_connection_info(struct drbd_connection *connection, struct connection_info *info)
{
	*info = (struct connection_info) {
		.conn_connection_state = READ_ONCE(connection->cstate),
		.conn_role = READ_ONCE(connection->peer_role),
	};
}

void drbd_snap_connection_info(const struct drbd_snap_connection *snap, int i,
			       struct connection_info *info)
{
	*info = (struct connection_info) {
		.conn_connection_state = snap->cstate[i],
		.conn_role = snap->peer_role[i],
	};
}

static bool peer_is_diskless(struct drbd_peer_device *peer_device)
{
	bool bitmap;

	rcu_read_lock();
	bitmap = rcu_dereference(peer_device->conf)->bitmap;
	rcu_read_unlock();
	return !bitmap;
}

void drbd_get_peer_device_info(struct drbd_peer_device *peer_device,
			       struct peer_device_info *info)
{
	*info = (struct peer_device_info) {
		.peer_repl_state = READ_ONCE(peer_device->repl_state),
		.peer_disk_state = READ_ONCE(peer_device->disk_state),
		.peer_resync_susp_user = peer_device->resync_susp_user,
		.peer_resync_susp_peer = peer_device->resync_susp_peer,
		.peer_resync_susp_dependency = drbd_pd_susp_dependency(peer_device),
		.peer_is_intentional_diskless = peer_is_diskless(peer_device),
	};
}

void drbd_snap_peer_device_info(const struct drbd_snap_peer_device *snap, int i,
				struct peer_device_info *info)
{
	*info = (struct peer_device_info) {
		.peer_repl_state = snap->repl_state[i],
		.peer_disk_state = snap->disk_state[i],
		.peer_resync_susp_user = snap->susp_user[i],
		.peer_resync_susp_peer = snap->susp_peer[i],
		.peer_resync_susp_dependency = snap->susp_dependency[i],
		.peer_is_intentional_diskless = peer_is_diskless(snap->peer_device),
	};
}

/* --------------------------------------------------------------- statistics */

int drbd_put_resource_statistics(struct sk_buff *skb, struct drbd_resource *resource)
{
	struct resource_statistics s = {
		.res_stat_write_ordering = resource->write_ordering,
	};

	return resource_statistics_to_skb(skb, &s, 0, false);
}

int drbd_put_device_statistics(struct sk_buff *skb, struct drbd_device *device)
{
	struct device_statistics s = {
		.dev_size = drbd_block_capacity(device),
		.dev_read = atomic64_read(&device->read_cnt),
		.dev_write = atomic64_read(&device->writ_cnt),
		.dev_al_writes = atomic_read(&device->al_writ_cnt),
		.dev_bm_writes = atomic_read(&device->bm_writ_cnt),
		.dev_upper_pending = atomic_read(&device->ap_bio_cnt[READ]) +
				     atomic_read(&device->ap_bio_cnt[WRITE]),
		.dev_lower_pending = atomic_read(&device->ldev_refs),
		.dev_upper_blocked = drbd_resource_suspended(device->resource) ||
				     atomic_read(&device->suspend_cnt) > 0 ||
				     device->unstable_cached,
		.dev_al_suspended = test_bit(DEV_AL_SUSPENDED, &device->flags),
		.dev_exposed_data_uuid = device->exposed_data_uuid,
	};

	if (drbd_ldev_get(device, D_FAILED)) {
		struct drbd_backing_dev *ldev = device->ldev;

		BUILD_BUG_ON(sizeof(ldev->md.history_uuids) != sizeof(s.history_uuids));
		spin_lock_irq(&ldev->md_lock);
		s.dev_current_uuid = ldev->md.current_uuid;
		s.dev_disk_flags = ldev->md.flags;
		memcpy(s.history_uuids, ldev->md.history_uuids, sizeof(s.history_uuids));
		spin_unlock_irq(&ldev->md_lock);
		s.history_uuids_len = sizeof(s.history_uuids);
		drbd_ldev_put(device);
	}
	return device_statistics_to_skb(skb, &s, 0, false);
}

int drbd_put_connection_statistics(struct sk_buff *skb, struct drbd_connection *connection)
{
	struct connection_statistics s = {
		.conn_congested = READ_ONCE(connection->congested),
		.ap_in_flight = atomic_read(&connection->ap_in_flight),
		.rs_in_flight = atomic_read(&connection->rs_in_flight),
	};

	return connection_statistics_to_skb(skb, &s, 0, false);
}

static bool is_verify_state(enum drbd_repl_state state)
{
	return state == L_VERIFY_S || state == L_VERIFY_T;
}

static bool is_sync_state(enum drbd_repl_state state)
{
	return state == L_SYNC_SOURCE || state == L_SYNC_TARGET ||
	       state == L_PAUSED_SYNC_S || state == L_PAUSED_SYNC_T;
}

/*
 * The members of a running resync or verify.  Read without its lock: a torn
 * picture is a wrong estimate for once.
 */
static void get_progress(struct drbd_peer_device *peer_device, enum drbd_repl_state repl_state,
			 u64 left, unsigned int shift, struct peer_device_statistics *s)
{
	unsigned long now = jiffies;
	unsigned int last = peer_device->rs.last_mark & 7;
	unsigned int m0 = (last + 2) & 7, m1 = (last + 7) & 7;

	s->peer_dev_rs_total = peer_device->rs.total << shift;
	s->peer_dev_rs_dt_start_ms = jiffies_to_msecs(now - peer_device->rs.start_jif);
	s->peer_dev_rs_paused_ms = jiffies_to_msecs(peer_device->rs.paused_jif);
	s->peer_dev_rs_dt0_ms = jiffies_to_msecs(now - peer_device->rs.mark_jif[m0]);
	s->peer_dev_rs_db0_sectors = (peer_device->rs.mark_left[m0] - left) << shift;
	s->peer_dev_rs_dt1_ms = jiffies_to_msecs(now - peer_device->rs.mark_jif[m1]);
	s->peer_dev_rs_db1_sectors = (peer_device->rs.mark_left[m1] - left) << shift;
	if (repl_state == L_SYNC_TARGET || repl_state == L_VERIFY_S)
		s->peer_dev_rs_c_sync_rate = READ_ONCE(peer_device->rs.c_sync_rate);
}

static void get_disk_statistics(struct drbd_peer_device *peer_device,
				struct peer_device_statistics *s)
{
	struct drbd_device *device = peer_device->device;
	struct drbd_backing_dev *ldev = device->ldev;
	enum drbd_repl_state repl_state = READ_ONCE(peer_device->repl_state);
	int slot = READ_ONCE(peer_device->bitmap_index);
	u64 weight = 0, left = 0;
	const struct drbd_md_peer *peer_md;
	unsigned int shift;	/* bits to sectors */

	spin_lock_irq(&ldev->md_lock);
	peer_md = &ldev->md.peers[peer_device->connection->peer_node_id];
	s->peer_dev_bitmap_uuid = peer_md->bitmap_uuid;
	s->peer_dev_flags = peer_md->flags & ~DRBD_MDF_HAVE_BITMAP;
	spin_unlock_irq(&ldev->md_lock);
	if (slot >= 0)
		s->peer_dev_flags |= DRBD_MDF_HAVE_BITMAP;

	if (!device->bitmap)
		return;
	shift = drbd_bm_block_shift(device) - SECTOR_SHIFT;
	if (slot >= 0)
		weight = drbd_bm_weight(device, slot);
	s->peer_dev_out_of_sync = weight << shift;

	if (is_verify_state(repl_state)) {
		s->peer_dev_ov_start_sector = peer_device->ov.start_sector;
		s->peer_dev_ov_stop_sector = peer_device->ov.stop_sector;
		s->peer_dev_ov_position = peer_device->ov.position;
		s->peer_dev_ov_left = peer_device->ov.left << shift;
		s->peer_dev_ov_skipped = peer_device->ov.skipped << shift;
		left = peer_device->ov.left;
	} else if (is_sync_state(repl_state)) {
		s->peer_dev_resync_failed = peer_device->rs.failed << shift;
		s->peer_dev_rs_same_csum = peer_device->rs.same_csum << shift;
		left = weight > peer_device->rs.failed ? weight - peer_device->rs.failed : 0;
	}
	if (left)
		get_progress(peer_device, repl_state, left, shift, s);
}

int drbd_put_peer_device_statistics(struct sk_buff *skb, struct drbd_peer_device *peer_device)
{
	struct drbd_device *device = peer_device->device;
	struct peer_device_statistics s = {
		.peer_dev_received = atomic64_read(&peer_device->recv_cnt),
		.peer_dev_sent = atomic64_read(&peer_device->send_cnt),
		.peer_dev_pending = atomic_read(&peer_device->ap_pending) +
				    atomic_read(&peer_device->rs_pending),
		.peer_dev_unacked = atomic_read(&peer_device->unacked),
		.peer_dev_uuid_flags = peer_device->uuids.flags,
	};

	if (drbd_ldev_get(device, D_FAILED)) {
		get_disk_statistics(peer_device, &s);
		drbd_ldev_put(device);
	}
	return peer_device_statistics_to_skb(skb, &s, 0, false);
}

/* ------------------------------------------------------------ state messages */

int drbd_put_resource_state(struct sk_buff *skb, struct drbd_resource *resource,
			    const struct resource_info *info, unsigned int type)
{
	return drbd_put_context(skb, resource, NULL, NULL, NULL) ?:
	       drbd_put_notification_header(skb, type) ?:
	       (info ? resource_info_to_skb(skb, info, 0, false) : 0) ?:
	       drbd_put_resource_statistics(skb, resource);
}

int drbd_put_device_state(struct sk_buff *skb, struct drbd_device *device,
			  const struct device_info *info, unsigned int type)
{
	return drbd_put_context(skb, device->resource, device, NULL, NULL) ?:
	       drbd_put_notification_header(skb, type) ?:
	       (info ? device_info_to_skb(skb, info, 0, false) : 0) ?:
	       drbd_put_device_statistics(skb, device);
}

int drbd_put_connection_state(struct sk_buff *skb, struct drbd_connection *connection,
			      const struct connection_info *info, unsigned int type)
{
	return drbd_put_context(skb, connection->resource, NULL, connection, NULL) ?:
	       drbd_put_notification_header(skb, type) ?:
	       (info ? connection_info_to_skb(skb, info, 0, false) : 0) ?:
	       drbd_put_paths(skb, connection, !info) ?:
	       drbd_put_connection_statistics(skb, connection);
}

int drbd_put_peer_device_state(struct sk_buff *skb, struct drbd_peer_device *peer_device,
			       const struct peer_device_info *info, unsigned int type)
{
	return drbd_put_context(skb, peer_device->device->resource, peer_device->device,
				peer_device->connection, NULL) ?:
	       drbd_put_notification_header(skb, type) ?:
	       (info ? peer_device_info_to_skb(skb, info, 0, false) : 0) ?:
	       drbd_put_peer_device_statistics(skb, peer_device);
}

int drbd_put_path_state(struct sk_buff *skb, struct drbd_connection *connection,
			struct drbd_path *path, unsigned int type)
{
	struct path_info info = { .path_established = READ_ONCE(path->established) };

	if (type == NOTIFY_DESTROY)
		info.path_established = false;
	return drbd_put_context(skb, connection->resource, NULL, connection, path) ?:
	       drbd_put_notification_header(skb, type) ?:
	       path_info_to_skb(skb, &info, 0, false);
}
