// SPDX-License-Identifier: GPL-2.0-only
/*
 * Status dumps and the initial state for listeners.  Spec: netlink.md 9.
 *
 * One object per call of the callback, which is one per datagram; the call that
 * finds nothing more puts nothing, so that NLMSG_DONE travels alone.  Between
 * calls only a cursor is kept: creation numbers and volume or minor numbers,
 * which grow monotonically and need no object to be alive.
 */
#include <linux/slab.h>
#include "netlink_internal.h"
#include "backing.h"

struct initial_path {
	struct drbd_connection *connection;
	struct drbd_path *path;
};

/* One resource of the initial state. */
struct initial_resource {
	struct list_head list;
	struct drbd_snapshot *snapshot;
	unsigned int n_paths;
	unsigned int n_messages;
	struct initial_path *paths;
};

struct dump {
	u8 cmd;
	bool done;
	bool show_secrets;
	bool filtered;
	bool unknown;			/* the named resource does not exist */
	struct drbd_resource *resource;	/* named, or where the cursor is; referenced */
	u64 resource_serial;		/* 0: before the first */
	int id;				/* next minor or volume number */
	u64 connection_serial;
	unsigned int path_index;

	/* initial state */
	struct list_head initial;
	unsigned int message;		/* of the first in the list, next to be sent */
};

/* --------------------------------------------------------- the configuration */

static void *dump_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd, u32 minor,
			int ret_code)
{
	return drbd_msg_begin(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI,
			      cmd, minor, ret_code);
}

static int dump_end(struct sk_buff *skb, void *header, int err)
{
	if (err) {
		genlmsg_cancel(skb, header);
		return err;
	}
	genlmsg_end(skb, header);
	return skb->len;
}

static int dump_one_resource(struct sk_buff *skb, struct netlink_callback *cb,
			struct drbd_resource *resource)
{
	void *header = dump_begin(skb, cb, DRBD_CMD_GET_RESOURCES, DRBD_MINOR_NONE, NO_ERROR);
	struct resource_info info;
	struct res_opts *opts;
	int err;

	if (!header)
		return -EMSGSIZE;
	mutex_lock(&resource->conf_mutex);
	opts = kmemdup(&resource->res_opts, sizeof(*opts), GFP_KERNEL);
	mutex_unlock(&resource->conf_mutex);
	if (!opts)
		return dump_end(skb, header, -ENOMEM);
	drbd_get_resource_info(resource, &info);
	err = drbd_put_context(skb, resource, NULL, NULL, NULL) ?:
	      res_opts_to_skb(skb, opts, 0, false) ?:
	      resource_info_to_skb(skb, &info, 0, false) ?:
	      drbd_put_resource_statistics(skb, resource);
	kfree(opts);
	return dump_end(skb, header, err);
}

static int put_disk_conf(struct sk_buff *skb, struct drbd_device *device)
{
	int err;

	if (!drbd_ldev_get(device, D_FAILED))
		return 0;
	rcu_read_lock();
	err = disk_conf_to_skb(skb, rcu_dereference(device->ldev->disk_conf), 0, false);
	rcu_read_unlock();
	drbd_ldev_put(device);
	return err;
}

static int dump_one_device(struct sk_buff *skb, struct netlink_callback *cb,
		      struct drbd_device *device)
{
	void *header = dump_begin(skb, cb, DRBD_CMD_GET_DEVICES, device->minor, NO_ERROR);
	struct device_conf conf = device->device_conf;
	struct device_info info;
	int err;

	if (!header)
		return -EMSGSIZE;
	conf.intentional_diskless = device->intentional_diskless;
	drbd_get_device_info(device, &info);
	err = drbd_put_context(skb, device->resource, device, NULL, NULL) ?:
	      put_disk_conf(skb, device) ?:
	      device_conf_to_skb(skb, &conf, 0, false) ?:
	      device_info_to_skb(skb, &info, 0, false) ?:
	      drbd_put_device_statistics(skb, device);
	return dump_end(skb, header, err);
}

static int dump_one_connection(struct sk_buff *skb, struct netlink_callback *cb,
			  struct drbd_connection *connection, bool show_secrets)
{
	void *header = dump_begin(skb, cb, DRBD_CMD_GET_CONNECTIONS, DRBD_MINOR_NONE, NO_ERROR);
	struct drbd_resource *resource = connection->resource;
	struct connection_info info;
	int err;

	if (!header)
		return -EMSGSIZE;
	drbd_get_connection_info(connection, &info);
	mutex_lock(&resource->conf_mutex);
	rcu_read_lock();
	err = drbd_put_context(skb, resource, NULL, connection, NULL) ?:
	      net_conf_to_skb(skb, rcu_dereference(connection->net_conf), 0, !show_secrets);
	rcu_read_unlock();
	err = err ?:
	      drbd_put_paths(skb, connection, false) ?:
	      connection_info_to_skb(skb, &info, 0, false) ?:
	      drbd_put_connection_statistics(skb, connection);
	mutex_unlock(&resource->conf_mutex);
	return dump_end(skb, header, err);
}

static int dump_one_peer_device(struct sk_buff *skb, struct netlink_callback *cb,
			   struct drbd_peer_device *peer_device)
{
	struct drbd_device *device = peer_device->device;
	void *header = dump_begin(skb, cb, DRBD_CMD_GET_PEER_DEVICES, device->minor, NO_ERROR);
	struct peer_device_conf conf;
	struct peer_device_info info;
	int err;

	if (!header)
		return -EMSGSIZE;
	rcu_read_lock();
	conf = *rcu_dereference(peer_device->conf);
	rcu_read_unlock();
	drbd_get_peer_device_info(peer_device, &info);
	err = drbd_put_context(skb, device->resource, device, peer_device->connection, NULL) ?:
	      peer_device_info_to_skb(skb, &info, 0, false) ?:
	      drbd_put_peer_device_statistics(skb, peer_device) ?:
	      peer_device_conf_to_skb(skb, &conf, 0, false);
	return dump_end(skb, header, err);
}

static int dump_one_path(struct sk_buff *skb, struct netlink_callback *cb,
		    struct drbd_connection *connection, struct drbd_path *path)
{
	void *header = dump_begin(skb, cb, DRBD_CMD_GET_PATHS, DRBD_MINOR_NONE, NO_ERROR);
	struct path_info info = { .path_established = READ_ONCE(path->established) };
	int err;

	if (!header)
		return -EMSGSIZE;
	err = drbd_put_context(skb, connection->resource, NULL, connection, path) ?:
	      path_info_to_skb(skb, &info, 0, false);
	return dump_end(skb, header, err);
}

/* ------------------------------------------------------------------- cursors */

/* Moves to the next resource; false: there is none. */
static bool next_resource(struct dump *dump)
{
	struct drbd_resource *next;

	if (dump->filtered)
		return false;
	next = drbd_resource_next(dump->resource_serial);
	drbd_resource_put(dump->resource);
	dump->resource = next;
	dump->connection_serial = 0;
	dump->path_index = 0;
	if (!next)
		return false;
	dump->resource_serial = next->serial;
	return true;
}

static int dump_resources(struct sk_buff *skb, struct netlink_callback *cb, struct dump *dump)
{
	return next_resource(dump) ? dump_one_resource(skb, cb, dump->resource) : 0;
}

/* The next device at or behind dump->id, referenced. */
static struct drbd_device *next_device(struct dump *dump)
{
	return dump->filtered ? drbd_resource_device_next(dump->resource, &dump->id) :
				drbd_device_next(&dump->id);
}

static int dump_devices(struct sk_buff *skb, struct netlink_callback *cb, struct dump *dump)
{
	struct drbd_device *device = next_device(dump);
	int ret;

	if (!device)
		return 0;
	dump->id++;
	ret = dump_one_device(skb, cb, device);
	drbd_device_put(device);
	return ret;
}

/* The connection at the cursor, referenced; moves over the ends of resources. */
static struct drbd_connection *cursor_connection(struct dump *dump)
{
	struct drbd_connection *connection;

	if (!dump->resource && !next_resource(dump))
		return NULL;
	do {
		connection = drbd_connection_next(dump->resource, dump->connection_serial);
	} while (!connection && next_resource(dump));
	return connection;
}

static int dump_connections(struct sk_buff *skb, struct netlink_callback *cb, struct dump *dump)
{
	struct drbd_connection *connection = cursor_connection(dump);
	int ret;

	if (!connection)
		return 0;
	dump->connection_serial = connection->serial;
	ret = dump_one_connection(skb, cb, connection, dump->show_secrets);
	drbd_connection_put(connection);
	return ret;
}

/* Of the device's peer devices the one whose connection comes next after @serial. */
static struct drbd_peer_device *next_peer_device(struct drbd_device *device, u64 serial)
{
	struct drbd_peer_device *peer_device, *next = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(peer_device, &device->peer_devices, device_list) {
		if (peer_device->connection->serial > serial &&
		    (!next || peer_device->connection->serial < next->connection->serial))
			next = peer_device;
	}
	if (next && !kref_get_unless_zero(&next->kref))
		next = NULL;
	rcu_read_unlock();
	return next;
}

static int dump_peer_devices(struct sk_buff *skb, struct netlink_callback *cb, struct dump *dump)
{
	struct drbd_peer_device *peer_device = NULL;
	struct drbd_device *device;
	int id, ret;

	for (;;) {
		id = dump->id;
		device = next_device(dump);
		if (!device)
			return 0;
		if (dump->id != id)	/* it moved on to another device */
			dump->connection_serial = 0;
		peer_device = next_peer_device(device, dump->connection_serial);
		drbd_device_put(device);
		if (peer_device)
			break;
		dump->id++;
		dump->connection_serial = 0;
	}

	dump->connection_serial = peer_device->connection->serial;
	ret = dump_one_peer_device(skb, cb, peer_device);
	drbd_peer_device_put(peer_device);
	return ret;
}

/* The @index-th path, referenced. */
static struct drbd_path *nth_path(struct drbd_connection *connection, unsigned int index)
{
	struct drbd_path *path;

	rcu_read_lock();
	list_for_each_entry_rcu(path, &connection->transport.paths, list) {
		if (!index--) {
			if (!kref_get_unless_zero(&path->kref))
				break;
			rcu_read_unlock();
			return path;
		}
	}
	rcu_read_unlock();
	return NULL;
}

static int dump_paths(struct sk_buff *skb, struct netlink_callback *cb, struct dump *dump)
{
	struct drbd_connection *connection;
	struct drbd_path *path;
	int ret;

	while ((connection = cursor_connection(dump)) != NULL) {
		path = nth_path(connection, dump->path_index++);
		if (path) {
			ret = dump_one_path(skb, cb, connection, path);
			drbd_path_put(path);
			drbd_connection_put(connection);
			return ret;
		}
		dump->connection_serial = connection->serial;
		dump->path_index = 0;
		drbd_connection_put(connection);
	}
	return 0;
}

/* ------------------------------------------------------------- initial state */

static void free_initial(struct initial_resource *ir)
{
	unsigned int i;

	for (i = 0; i < ir->n_paths; i++)
		drbd_path_put(ir->paths[i].path);
	kvfree(ir->paths);
	drbd_snapshot_free(ir->snapshot);
	kfree(ir);
}

static int collect_paths(struct initial_resource *ir)
{
	struct drbd_snapshot *s = ir->snapshot;
	unsigned int i, max = 0;
	struct drbd_path *path;

	for (i = 0; i < s->n_connections; i++) {
		rcu_read_lock();
		list_for_each_entry_rcu(path, &s->connections[i].connection->transport.paths, list)
			max++;
		rcu_read_unlock();
	}
	ir->paths = kvcalloc(max, sizeof(*ir->paths), GFP_KERNEL);
	if (!ir->paths)
		return max ? -ENOMEM : 0;
	for (i = 0; i < s->n_connections; i++) {
		struct drbd_connection *connection = s->connections[i].connection;

		rcu_read_lock();
		list_for_each_entry_rcu(path, &connection->transport.paths, list) {
			if (ir->n_paths == max || !kref_get_unless_zero(&path->kref))
				break;
			ir->paths[ir->n_paths++] = (struct initial_path) { connection, path };
		}
		rcu_read_unlock();
	}
	return 0;
}

static int collect_initial(struct drbd_resource *resource, struct list_head *list)
{
	struct initial_resource *ir = kzalloc(sizeof(*ir), GFP_KERNEL);
	struct drbd_snapshot *s;
	unsigned int i;

	if (!ir)
		return -ENOMEM;
	s = drbd_snapshot_now(resource);
	if (!s) {
		kfree(ir);
		return -ENOMEM;
	}
	ir->snapshot = s;
	if (collect_paths(ir)) {
		free_initial(ir);
		return -ENOMEM;
	}
	ir->n_messages = 1 + s->n_connections + ir->n_paths + s->n_devices;
	for (i = 0; i < s->n_devices * s->n_connections; i++)
		ir->n_messages += s->peer_devices[i].peer_device != NULL;
	list_add_tail(&ir->list, list);
	return 0;
}

static int start_initial(struct dump *dump)
{
	struct drbd_resource *resource;
	u64 serial = 0;
	int err = 0;

	while (!err && (resource = drbd_resource_next(serial)) != NULL) {
		serial = resource->serial;
		err = collect_initial(resource, &dump->initial);
		drbd_resource_put(resource);
	}
	return err;
}

/* What message number @n of the resource is about decides the command. */
static int put_initial(struct sk_buff *skb, struct netlink_callback *cb,
		       struct initial_resource *ir, unsigned int n)
{
	unsigned int type = NOTIFY_EXISTS | (n + 1 < ir->n_messages ? NOTIFY_CONTINUES : 0);
	struct drbd_snapshot *s = ir->snapshot;
	struct drbd_snap_peer_device *p = NULL;
	u32 minor = DRBD_MINOR_NONE, seq = cb->nlh->nlmsg_seq;
	union {
		struct resource_info resource;
		struct device_info device;
		struct connection_info connection;
		struct peer_device_info peer_device;
	} info;
	unsigned int i;
	void *header;
	u8 cmd;
	int err;

	if (n == 0) {
		cmd = DRBD_CMD_RESOURCE_STATE;
	} else if ((n -= 1) < s->n_connections) {
		cmd = DRBD_CMD_CONNECTION_STATE;
	} else if ((n -= s->n_connections) < ir->n_paths) {
		cmd = DRBD_CMD_PATH_STATE;
	} else if ((n -= ir->n_paths) < s->n_devices) {
		cmd = DRBD_CMD_DEVICE_STATE;
		minor = s->devices[n].device->minor;
	} else {
		cmd = DRBD_CMD_PEER_DEVICE_STATE;
		n -= s->n_devices;
		for (i = 0; i < s->n_devices * s->n_connections; i++) {
			if (s->peer_devices[i].peer_device && !n--) {
				p = &s->peer_devices[i];
				break;
			}
		}
		if (WARN_ON_ONCE(!p))
			return 0;
	}

	header = drbd_msg_begin(skb, 0, seq, 0, cmd, minor, NO_ERROR);
	if (!header)
		return -EMSGSIZE;
	switch (cmd) {
	case DRBD_CMD_RESOURCE_STATE:
		drbd_snap_resource_info(&s->res, DRBD_NEW, &info.resource);
		err = drbd_put_resource_state(skb, s->resource, &info.resource, type);
		break;
	case DRBD_CMD_CONNECTION_STATE:
		drbd_snap_connection_info(&s->connections[n], DRBD_NEW, &info.connection);
		err = drbd_put_connection_state(skb, s->connections[n].connection,
						&info.connection, type);
		break;
	case DRBD_CMD_PATH_STATE:
		err = drbd_put_path_state(skb, ir->paths[n].connection, ir->paths[n].path, type);
		break;
	case DRBD_CMD_DEVICE_STATE:
		drbd_snap_device_info(&s->devices[n], DRBD_NEW, &info.device);
		err = drbd_put_device_state(skb, s->devices[n].device, &info.device, type);
		break;
	default:
		drbd_snap_peer_device_info(p, DRBD_NEW, &info.peer_device);
		err = drbd_put_peer_device_state(skb, p->peer_device, &info.peer_device, type);
	}
	return dump_end(skb, header, err);
}

static int dump_initial(struct sk_buff *skb, struct netlink_callback *cb, struct dump *dump)
{
	struct initial_resource *ir;
	void *header;
	int ret;

	ir = list_first_entry_or_null(&dump->initial, struct initial_resource, list);
	if (ir) {
		ret = put_initial(skb, cb, ir, dump->message);
		if (ret > 0 && ++dump->message == ir->n_messages) {
			dump->message = 0;
			list_del(&ir->list);
			free_initial(ir);
		}
		return ret;
	}

	dump->done = true;
	header = drbd_msg_begin(skb, 0, cb->nlh->nlmsg_seq, 0, DRBD_CMD_INITIAL_STATE_DONE,
				DRBD_MINOR_NONE, NO_ERROR);
	if (!header)
		return -EMSGSIZE;
	return dump_end(skb, header, drbd_put_notification_header(skb, NOTIFY_EXISTS));
}

/* ---------------------------------------------------------------- mechanics */

/* The resource name of a dump request; NULL: none given; ERR_PTR(-EINVAL). */
static const char *filter_name(const struct nlmsghdr *nlh)
{
	const struct nlattr *context, *nla;
	const char *name = NULL;
	int rem;

	context = nla_find(nlmsg_attrdata(nlh, GENL_HDRLEN + DRBD_GENL_HDRLEN),
			   nlmsg_attrlen(nlh, GENL_HDRLEN + DRBD_GENL_HDRLEN),
			   DRBD_NLA_cfg_context);
	if (!context)
		return NULL;
	nla_for_each_nested(nla, context, rem) {
		if ((nla->nla_type & DRBD_NLA_NR_MASK) != T_ctx_resource_name)
			continue;
		name = nla_data(nla);
		if (strnlen(name, min_t(int, nla_len(nla), DRBD_NAME_LEN)) ==
		    min_t(int, nla_len(nla), DRBD_NAME_LEN))
			return ERR_PTR(-EINVAL);
	}
	return name;
}

int drbd_genl_dump_start(struct netlink_callback *cb)
{
	const struct genlmsghdr *gh = nlmsg_data(cb->nlh);
	const char *name;
	struct dump *dump;
	int err = 0;

	dump = kzalloc(sizeof(*dump), GFP_KERNEL);
	if (!dump)
		return -ENOMEM;
	dump->cmd = gh->cmd;
	dump->show_secrets = netlink_capable(cb->skb, CAP_SYS_ADMIN);
	INIT_LIST_HEAD(&dump->initial);

	switch (dump->cmd) {
	case DRBD_CMD_GET_RESOURCES:
		break;
	case DRBD_CMD_GET_INITIAL_STATE:
		err = start_initial(dump);
		break;
	default:
		name = filter_name(cb->nlh);
		if (IS_ERR(name)) {
			err = PTR_ERR(name);
		} else if (name) {
			dump->filtered = true;
			dump->resource = drbd_resource_find(name);
			dump->unknown = !dump->resource;
		}
	}

	cb->args[0] = (long)dump;
	if (err) {
		/* The core does not call done for a dump that did not start. */
		drbd_genl_dump_done(cb);
		return err;
	}
	/* A connection with many paths is the largest object. */
	cb->min_dump_alloc = 16384 - 512;
	return 0;
}

int drbd_genl_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump *dump = (struct dump *)cb->args[0];
	void *header;
	int ret;

	if (dump->done)
		return 0;
	if (dump->unknown) {
		dump->done = true;
		header = dump_begin(skb, cb, dump->cmd, DRBD_MINOR_NONE, ERR_RES_NOT_KNOWN);
		return header ? dump_end(skb, header, 0) : -EMSGSIZE;
	}

	switch (dump->cmd) {
	case DRBD_CMD_GET_RESOURCES:
		ret = dump_resources(skb, cb, dump);
		break;
	case DRBD_CMD_GET_DEVICES:
		ret = dump_devices(skb, cb, dump);
		break;
	case DRBD_CMD_GET_CONNECTIONS:
		ret = dump_connections(skb, cb, dump);
		break;
	case DRBD_CMD_GET_PEER_DEVICES:
		ret = dump_peer_devices(skb, cb, dump);
		break;
	case DRBD_CMD_GET_PATHS:
		ret = dump_paths(skb, cb, dump);
		break;
	case DRBD_CMD_GET_INITIAL_STATE:
		ret = dump_initial(skb, cb, dump);
		break;
	default:
		ret = -EOPNOTSUPP;
	}
	if (ret == 0)
		dump->done = true;
	return ret;
}

int drbd_genl_dump_done(struct netlink_callback *cb)
{
	struct dump *dump = (struct dump *)cb->args[0];
	struct initial_resource *ir, *next;

	if (!dump)
		return 0;
	list_for_each_entry_safe(ir, next, &dump->initial, list)
		free_initial(ir);
	drbd_resource_put(dump->resource);
	kfree(dump);
	cb->args[0] = 0;
	return 0;
}
