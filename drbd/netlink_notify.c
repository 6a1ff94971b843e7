// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifications to the multicast group.  Number and order must agree, without
 * gaps, for every listener: so a number is drawn and its message sent under one
 * global mutex, and only when there is a message to send.  Spec: netlink.md 10.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include "netlink_internal.h"

static DEFINE_MUTEX(notify_mutex);
static u32 notify_seq = DRBD_FIRST_NOTIFY_SEQ;		/* notify_mutex */

struct note {
	struct sk_buff *skb;
	void *header;
};

/* False: no memory; said in the log, no number used up. */
static bool note_begin(struct note *note, enum drbd_genl_cmd cmd, u32 minor)
{
	lockdep_assert_held(&notify_mutex);
	note->skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_NOIO);
	note->header = note->skb ?
		drbd_msg_begin(note->skb, 0, notify_seq, 0, cmd, minor, NO_ERROR) : NULL;
	if (note->header)
		return true;
	nlmsg_free(note->skb);
	pr_err_ratelimited("drbd: no memory for a notification\n");
	return false;
}

/* @err: of putting the attributes; then the message is useless and is dropped. */
static void note_end(struct note *note, int err)
{
	if (WARN_ON_ONCE(err)) {
		nlmsg_free(note->skb);
		return;
	}
	genlmsg_end(note->skb, note->header);
	notify_seq++;
	rcu_read_lock();
	err = genlmsg_multicast_allns(&drbd_genl_family, note->skb, 0, 0);
	rcu_read_unlock();
	if (err && err != -ESRCH)
		pr_err_ratelimited("drbd: sending a notification failed: %d\n", err);
}

static void note_resource(struct drbd_resource *resource, const struct resource_info *info,
			  unsigned int type)
{
	struct note note;

	if (note_begin(&note, DRBD_CMD_RESOURCE_STATE, DRBD_MINOR_NONE))
		note_end(&note, drbd_put_resource_state(note.skb, resource, info, type));
}

static void note_device(struct drbd_device *device, const struct device_info *info,
			unsigned int type)
{
	struct note note;

	if (note_begin(&note, DRBD_CMD_DEVICE_STATE, device->minor))
		note_end(&note, drbd_put_device_state(note.skb, device, info, type));
}

static void note_connection(struct drbd_connection *connection,
			    const struct connection_info *info, unsigned int type)
{
	struct note note;

	if (note_begin(&note, DRBD_CMD_CONNECTION_STATE, DRBD_MINOR_NONE))
		note_end(&note, drbd_put_connection_state(note.skb, connection, info, type));
}

static void note_peer_device(struct drbd_peer_device *peer_device,
			     const struct peer_device_info *info, unsigned int type)
{
	struct note note;

	if (note_begin(&note, DRBD_CMD_PEER_DEVICE_STATE, DRBD_MINOR_NONE))
		note_end(&note, drbd_put_peer_device_state(note.skb, peer_device, info, type));
}

/* ------------------------------------------------------ changes of the state */

/* Compared as reported: two reasons share one flag. */
static bool resource_changed(const struct drbd_snap_resource *res)
{
	struct resource_info old, new;

	drbd_snap_resource_info(res, DRBD_OLD, &old);
	drbd_snap_resource_info(res, DRBD_NEW, &new);
	return old.res_role != new.res_role || old.res_susp != new.res_susp ||
	       old.res_susp_nod != new.res_susp_nod || old.res_susp_fen != new.res_susp_fen ||
	       old.res_susp_quorum != new.res_susp_quorum || old.res_fail_io != new.res_fail_io;
}

static bool connection_changed(const struct drbd_snap_connection *c)
{
	return c->cstate[DRBD_OLD] != c->cstate[DRBD_NEW] ||
	       c->peer_role[DRBD_OLD] != c->peer_role[DRBD_NEW];
}

static bool device_changed(const struct drbd_snap_device *d)
{
	return d->disk_state[DRBD_OLD] != d->disk_state[DRBD_NEW] ||
	       d->have_quorum[DRBD_OLD] != d->have_quorum[DRBD_NEW];
}

static bool peer_device_changed(const struct drbd_snap_peer_device *p)
{
	return p->peer_device &&
	       (p->repl_state[DRBD_OLD] != p->repl_state[DRBD_NEW] ||
		p->disk_state[DRBD_OLD] != p->disk_state[DRBD_NEW] ||
		p->susp_user[DRBD_OLD] != p->susp_user[DRBD_NEW] ||
		p->susp_peer[DRBD_OLD] != p->susp_peer[DRBD_NEW] ||
		p->susp_dependency[DRBD_OLD] != p->susp_dependency[DRBD_NEW]);
}

static unsigned int count_changes(const struct drbd_snapshot *s)
{
	unsigned int i, n = resource_changed(&s->res);

	for (i = 0; i < s->n_connections; i++)
		n += connection_changed(&s->connections[i]);
	for (i = 0; i < s->n_devices; i++)
		n += device_changed(&s->devices[i]);
	for (i = 0; i < s->n_devices * s->n_connections; i++)
		n += peer_device_changed(&s->peer_devices[i]);
	return n;
}

static unsigned int change_type(unsigned int *left)
{
	return NOTIFY_CHANGE | (--*left ? NOTIFY_CONTINUES : 0);
}

void drbd_notify_change(struct drbd_snapshot *s)
{
	unsigned int i, left = count_changes(s);

	if (!left)
		return;

	mutex_lock(&notify_mutex);
	if (resource_changed(&s->res)) {
		struct resource_info info;

		drbd_snap_resource_info(&s->res, DRBD_NEW, &info);
		note_resource(s->resource, &info, change_type(&left));
	}
	for (i = 0; i < s->n_connections; i++) {
		struct connection_info info;

		if (!connection_changed(&s->connections[i]))
			continue;
		drbd_snap_connection_info(&s->connections[i], DRBD_NEW, &info);
		note_connection(s->connections[i].connection, &info, change_type(&left));
	}
	for (i = 0; i < s->n_devices; i++) {
		struct device_info info;

		if (!device_changed(&s->devices[i]))
			continue;
		drbd_snap_device_info(&s->devices[i], DRBD_NEW, &info);
		note_device(s->devices[i].device, &info, change_type(&left));
	}
	for (i = 0; i < s->n_devices * s->n_connections; i++) {
		struct peer_device_info info;

		if (!peer_device_changed(&s->peer_devices[i]))
			continue;
		drbd_snap_peer_device_info(&s->peer_devices[i], DRBD_NEW, &info);
		note_peer_device(s->peer_devices[i].peer_device, &info, change_type(&left));
	}
	mutex_unlock(&notify_mutex);
}

void drbd_notify_device(struct drbd_device *device)
{
	struct device_info info;

	mutex_lock(&notify_mutex);
	drbd_get_device_info(device, &info);
	note_device(device, &info, NOTIFY_CHANGE);
	mutex_unlock(&notify_mutex);
}

void drbd_notify_peer_device(struct drbd_peer_device *peer_device)
{
	struct peer_device_info info;

	mutex_lock(&notify_mutex);
	drbd_get_peer_device_info(peer_device, &info);
	note_peer_device(peer_device, &info, NOTIFY_CHANGE);
	mutex_unlock(&notify_mutex);
}

/* ---------------------------------------------------- objects come and go */

void drbd_notify_resource_created(struct drbd_resource *resource)
{
	struct resource_info info;

	mutex_lock(&notify_mutex);
	drbd_get_resource_info(resource, &info);
	note_resource(resource, &info, NOTIFY_CREATE);
	mutex_unlock(&notify_mutex);
}

void drbd_notify_resource_destroyed(struct drbd_resource *resource)
{
	mutex_lock(&notify_mutex);
	note_resource(resource, NULL, NOTIFY_DESTROY);
	mutex_unlock(&notify_mutex);
}

void drbd_notify_resource_renamed(struct drbd_resource *resource, const char *new_name)
{
	struct rename_resource_info *info;
	struct note note;

	info = kzalloc(sizeof(*info), GFP_NOIO);
	if (!info) {
		pr_err_ratelimited("drbd: no memory for a notification\n");
		return;
	}
	strscpy(info->res_new_name, new_name, sizeof(info->res_new_name));
	mutex_lock(&notify_mutex);
	if (note_begin(&note, DRBD_CMD_RESOURCE_STATE, DRBD_MINOR_NONE))
		note_end(&note,
			 drbd_put_resource_state(note.skb, resource, NULL, NOTIFY_RENAME) ?:
			 rename_resource_info_to_skb(note.skb, info, 0, false));
	mutex_unlock(&notify_mutex);
	kfree(info);
}

/* conf_mutex held by the callers of the next four: the lists of peer devices stand still. */
void drbd_notify_device_created(struct drbd_device *device)
{
	struct drbd_peer_device *peer_device;
	struct peer_device_info peer_info;
	struct device_info info;
	unsigned int left = 1;

	for_each_peer_device(peer_device, device)
		left++;

	mutex_lock(&notify_mutex);
	drbd_get_device_info(device, &info);
	note_device(device, &info, NOTIFY_CREATE | (--left ? NOTIFY_CONTINUES : 0));
	for_each_peer_device(peer_device, device) {
		drbd_get_peer_device_info(peer_device, &peer_info);
		note_peer_device(peer_device, &peer_info,
				 NOTIFY_CREATE | (--left ? NOTIFY_CONTINUES : 0));
	}
	mutex_unlock(&notify_mutex);
}

void drbd_notify_device_destroyed(struct drbd_device *device)
{
	struct drbd_peer_device *peer_device;

	mutex_lock(&notify_mutex);
	for_each_peer_device(peer_device, device)
		note_peer_device(peer_device, NULL, NOTIFY_DESTROY | NOTIFY_CONTINUES);
	note_device(device, NULL, NOTIFY_DESTROY);
	mutex_unlock(&notify_mutex);
}

void drbd_notify_connection_created(struct drbd_connection *connection)
{
	struct drbd_peer_device *peer_device;
	struct peer_device_info peer_info;
	struct connection_info info;
	unsigned int left = 1;
	int vnr;

	idr_for_each_entry(&connection->peer_devices, peer_device, vnr)
		left++;

	mutex_lock(&notify_mutex);
	drbd_get_connection_info(connection, &info);
	note_connection(connection, &info, NOTIFY_CREATE | (--left ? NOTIFY_CONTINUES : 0));
	idr_for_each_entry(&connection->peer_devices, peer_device, vnr) {
		drbd_get_peer_device_info(peer_device, &peer_info);
		note_peer_device(peer_device, &peer_info,
				 NOTIFY_CREATE | (--left ? NOTIFY_CONTINUES : 0));
	}
	mutex_unlock(&notify_mutex);
}

void drbd_notify_connection_destroyed(struct drbd_connection *connection)
{
	struct drbd_peer_device *peer_device;
	int vnr;

	mutex_lock(&notify_mutex);
	idr_for_each_entry(&connection->peer_devices, peer_device, vnr)
		note_peer_device(peer_device, NULL, NOTIFY_DESTROY | NOTIFY_CONTINUES);
	note_connection(connection, NULL, NOTIFY_DESTROY);
	mutex_unlock(&notify_mutex);
}

void drbd_notify_path_type(struct drbd_connection *connection, struct drbd_path *path,
			   enum drbd_notification_type type)
{
	struct note note;

	mutex_lock(&notify_mutex);
	if (note_begin(&note, DRBD_CMD_PATH_STATE, DRBD_MINOR_NONE))
		note_end(&note, drbd_put_path_state(note.skb, connection, path, type));
	mutex_unlock(&notify_mutex);
}

void drbd_notify_path(struct drbd_connection *connection, struct drbd_path *path)
{
	drbd_notify_path_type(connection, path, NOTIFY_CHANGE);
}

void drbd_path_event(struct drbd_transport *transport, struct drbd_path *path)
{
	drbd_notify_path(container_of(transport, struct drbd_connection, transport), path);
}
EXPORT_SYMBOL_GPL(drbd_path_event);

void drbd_notify_helper(enum drbd_notification_type type, struct drbd_resource *resource,
			struct drbd_device *device, struct drbd_connection *connection,
			const char *name, u32 status)
{
	struct helper_info info = { .helper_status = status };
	struct note note;

	strscpy(info.helper_name, name, sizeof(info.helper_name));
	mutex_lock(&notify_mutex);
	if (note_begin(&note, DRBD_CMD_HELPER, device ? device->minor : DRBD_MINOR_NONE))
		note_end(&note,
			 drbd_put_context(note.skb, resource, device, connection, NULL) ?:
			 drbd_put_notification_header(note.skb, type) ?:
			 helper_info_to_skb(note.skb, &info, 0, false));
	mutex_unlock(&notify_mutex);
}
