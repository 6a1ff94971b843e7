// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands: the generic-netlink family, what is common to all commands, and one
 * handler for each.  Spec: netlink.md 1, 7, 8.
 *
 * A handler finds the objects that its context names looked up and, if it asked
 * for it, the resource's admin mutex held.  It returns what goes into the reply's
 * ret_code: ERR_* or SS_*, never a negative errno.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <net/net_namespace.h>
#include "netlink_internal.h"
#include "connection.h"
#include "request.h"
#include "backing.h"
#include "bitmap.h"
#include "block.h"
#include "metadata.h"
#include "compat/compat.h"

struct drbd_cmd;

struct command {
	int (*fn)(struct drbd_cmd *cmd);
	u8 ctx;				/* DRBD_CTX_* */
	u8 nest;			/* DRBD_NLA_* of the parameters, 0: none */
	u8 parse;			/* enum drbd_genl_parse */
};

struct drbd_cmd {
	const struct command *command;
	struct genl_info *info;
	u32 minor;
	u32 flags;			/* DRBD_GENL_F_* */
	struct drbd_reply reply;
	struct sk_buff *skb;		/* of the reply, allocated before anything is done */

	/* what the context names; referenced, NULL where it does not or there is none */
	struct cfg_context context;
	u64 given;			/* of the context's members */
	struct drbd_resource *resource;
	struct drbd_device *device;
	struct drbd_connection *connection;
	struct drbd_peer_device *peer_device;

	struct drbd_parse_report report;	/* of the parameters */
	int timeout_type;		/* part of the reply if >= 0 */
	union {
		struct disk_conf disk_conf;
		struct res_opts res_opts;
		struct net_conf net_conf;
		struct device_conf device_conf;
		struct peer_device_conf peer_device_conf;
		struct set_role_parms set_role;
		struct resize_parms resize;
		struct start_ov_parms start_ov;
		struct new_c_uuid_parms new_c_uuid;
		struct disconnect_parms disconnect;
		struct detach_parms detach;
		struct invalidate_parms invalidate;
		struct inval_peer_parms inval_peer;
		struct forget_peer_parms forget_peer;
		struct path_parms path;
		struct connect_parms connect;
		struct rename_resource_parms rename;
		struct suspend_io_parms suspend_io;
	} p;
};

/* ------------------------------------------------------------ explanations */

void drbd_reply_text(struct drbd_reply *reply, const char *fmt, ...)
{
	char text[DRBD_REPLY_TEXT_MAX + 1];
	va_list args;
	size_t len;

	if (!reply)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	len = strlen(text) + 1;

	spin_lock(&reply->lock);
	if (reply->used + len <= sizeof(reply->texts)) {
		memcpy(reply->texts + reply->used, text, len);
		reply->used += len;
	}
	spin_unlock(&reply->lock);
}

static void report_openers(struct drbd_resource *resource, struct drbd_reply *reply)
{
	struct drbd_device *device;
	int vnr;

	for (vnr = 0; (device = drbd_resource_device_next(resource, &vnr)) != NULL; vnr++) {
		if (READ_ONCE(device->open_cnt))
			drbd_block_report_openers(device, reply);
		drbd_device_put(device);
	}
}

/*
 * Parses the command's parameters into cmd->p, which the caller has filled with
 * defaults or with what is configured now.  0 or what to answer.
 */
static int parse(struct drbd_cmd *cmd)
{
	int err = drbd_nest_from_attrs(cmd->command->nest, &cmd->p, cmd->info->attrs,
				       cmd->command->parse, &cmd->report);

	if (!err)
		return 0;
	drbd_reply_text(&cmd->reply, "%s", cmd->report.text);
	if (cmd->report.detail[0])
		drbd_reply_text(&cmd->reply, "%s", cmd->report.detail);
	return ERR_MANDATORY_TAG;
}

static int refuse(struct drbd_cmd *cmd, int ret_code, const char *text)
{
	drbd_reply_text(&cmd->reply, "%s", text);
	return ret_code;
}

/* Of operations that answer NO_ERROR, not the SS code, when all went well. */
static int no_error_if_success(int rv)
{
	return rv >= SS_SUCCESS && rv < NO_ERROR ? NO_ERROR : rv;
}

static bool failed(int rv)
{
	return rv != NO_ERROR && (rv < SS_SUCCESS || rv > NO_ERROR);
}

/* Also with a disk that is just being attached or detached there is one configured. */
static bool has_disk(struct drbd_device *device)
{
	if (!drbd_ldev_get(device, D_FAILED))
		return false;
	drbd_ldev_put(device);
	return true;
}

/* ---------------------------------------------------------------- resources */

/* Name rules (7.2) of resources and connections; 0 or what to answer. */
static int check_name(struct drbd_cmd *cmd, const char *name)
{
	const unsigned char *p;

	if (!name || !*name)
		return refuse(cmd, ERR_MANDATORY_TAG, "name missing");
	if (drbd_strict_names) {
		for (p = name; *p; p++) {
			if (!isascii(*p) || (!isalnum(*p) && !strchr("+._-", *p)))
				return refuse(cmd, ERR_INVALID_REQUEST,
					      "invalid name (strict_names=1 allows only [0-9A-Za-z+._-])");
		}
	}
	for (p = name; *p; p++) {
		if (*p <= 0x20 || *p == 0x7f || *p == '/')
			break;
	}
	if (*p || !strcmp(name, "all"))
		return refuse(cmd, ERR_INVALID_REQUEST,
			      "invalid name (disallowed: ascii control, space, slash)");
	return 0;
}

static int cmd_new_resource(struct drbd_cmd *cmd)
{
	const char *name = cmd->context.ctx_resource_name;
	struct drbd_resource *resource;
	int ret, err;

	res_opts_init(&cmd->p.res_opts);
	ret = parse(cmd);
	if (ret)
		return ret;
	if (cmd->resource)
		return NO_ERROR;
	ret = check_name(cmd, name);
	if (ret)
		return ret;
	if (cmd->p.res_opts.drbd8_compat_mode || cmd->p.res_opts.explicit_drbd8_compat)
		return refuse(cmd, ERR_INVALID_REQUEST, "CONFIG_DRBD_COMPAT_84 not enabled");
	if (cmd->p.res_opts.node_id >= DRBD_MAX_NODES)
		return ERR_INVALID_REQUEST;

	mutex_lock(&drbd_objects_mutex);
	resource = drbd_resource_find(name);
	if (resource) {			/* somebody was quicker */
		ret = NO_ERROR;
		goto out;
	}
	resource = drbd_resource_create(name, &cmd->p.res_opts, &err);
	if (!resource) {
		ret = err == -ESHUTDOWN ? ERR_INVALID_REQUEST : ERR_NOMEM;
		goto out;
	}
	drbd_resource_link(resource);
	drbd_notify_resource_created(resource);
	ret = NO_ERROR;
out:
	mutex_unlock(&drbd_objects_mutex);
	drbd_resource_put(resource);
	return ret;
}

/* Admin mutex held. */
static int delete_resource(struct drbd_resource *resource)
{
	int ret;

	/* What is still queued may tell about this resource: DESTROY is the last word. */
	flush_workqueue(resource->worker);

	mutex_lock(&drbd_objects_mutex);
	mutex_lock(&resource->conf_mutex);
	if (resource->removed)
		ret = ERR_RES_NOT_KNOWN;
	else if (!list_empty(&resource->connections))
		ret = ERR_NET_CONFIGURED;
	else if (!idr_is_empty(&resource->devices))
		ret = ERR_RES_IN_USE;
	else
		ret = NO_ERROR;
	mutex_unlock(&resource->conf_mutex);
	if (ret == NO_ERROR) {
		drbd_resource_unlink(resource);
		drbd_notify_resource_destroyed(resource);
	}
	mutex_unlock(&drbd_objects_mutex);
	return ret;
}

static int cmd_del_resource(struct drbd_cmd *cmd)
{
	return delete_resource(cmd->resource);
}

static int cmd_rename_resource(struct drbd_cmd *cmd)
{
	struct drbd_resource *resource = cmd->resource, *other;
	const char *name = cmd->p.rename.new_resource_name;
	struct drbd_connection *connection;
	struct drbd_device *device;
	int ret, vnr;

	memset(&cmd->p.rename, 0, sizeof(cmd->p.rename));
	ret = parse(cmd) ?: check_name(cmd, name);
	if (ret)
		return ret;

	mutex_lock(&drbd_objects_mutex);
	other = drbd_resource_find(name);
	if (other) {
		mutex_unlock(&drbd_objects_mutex);
		drbd_reply_text(&cmd->reply,
				"Cannot rename to %s: a resource with that name already exists",
				name);
		drbd_resource_put(other);
		return ERR_ALREADY_EXISTS;
	}
	drbd_notify_resource_renamed(resource, name);
	mutex_lock(&resource->conf_mutex);
	strscpy(resource->name, name, sizeof(resource->name));
	for_each_connection(connection, resource)
		drbd_connection_update_log_prefix(connection);
	mutex_unlock(&resource->conf_mutex);
	mutex_unlock(&drbd_objects_mutex);

	for (vnr = 0; (device = drbd_resource_device_next(resource, &vnr)) != NULL; vnr++) {
		drbd_block_uevent_change(device);
		drbd_device_put(device);
	}
	return NO_ERROR;
}

static int cmd_resource_opts(struct drbd_cmd *cmd)
{
	struct drbd_resource *resource = cmd->resource;
	struct res_opts *opts = &cmd->p.res_opts;
	bool recalculate;
	int ret;

	*opts = resource->res_opts;
	if (cmd->flags & DRBD_GENL_F_SET_DEFAULTS)
		res_opts_reset(opts);
	ret = parse(cmd);
	if (ret)
		return ret;
	if (opts->explicit_drbd8_compat)
		return refuse(cmd, ERR_INVALID_REQUEST, "CONFIG_DRBD_COMPAT_84 not enabled");

	mutex_lock(&resource->conf_mutex);
	if (drbd_parse_cpu_mask(opts->cpu_mask, resource->cpu_mask)) {
		drbd_parse_cpu_mask(resource->res_opts.cpu_mask, resource->cpu_mask);
		mutex_unlock(&resource->conf_mutex);
		return refuse(cmd, ERR_INVALID_REQUEST, "cpu-mask: not a hexadecimal mask");
	}
	recalculate = opts->quorum != resource->res_opts.quorum ||
		      opts->quorum_min_redundancy != resource->res_opts.quorum_min_redundancy ||
		      opts->on_no_quorum != resource->res_opts.on_no_quorum;
	resource->res_opts = *opts;
	mutex_unlock(&resource->conf_mutex);

	if (recalculate)
		drbd_state_recalculate(resource, "resource-options");
	return NO_ERROR;
}

/* ------------------------------------------------------------------ devices */

/* Another try in 100 ms while memory is short.  False: a signal came. */
static bool wait_for_memory(void)
{
	return !schedule_timeout_interruptible(HZ / 10);
}

/* A connection that is up already gets to know the new volume. */
static void introduce_to_peers(struct drbd_device *device)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_connection *connection;
	struct drbd_peer_device *peer_device;
	u64 serial = 0;

	while ((connection = drbd_connection_next(resource, serial)) != NULL) {
		serial = connection->serial;
		rcu_read_lock();
		peer_device = drbd_connection_peer_device(connection, device->vnr);
		if (peer_device && !kref_get_unless_zero(&peer_device->kref))
			peer_device = NULL;
		rcu_read_unlock();
		if (peer_device) {
			if (READ_ONCE(connection->cstate) >= C_CONNECTED)
				drbd_peer_device_added(peer_device);
			drbd_peer_device_put(peer_device);
		}
		drbd_connection_put(connection);
	}
}

/*
 * Takes a device away from everybody but its openers.  Admin mutex held, disk
 * state Diskless.
 */
static void delete_device(struct drbd_device *device)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_peer_device *peer_device;
	struct drbd_connection *connection;
	u64 serial = 0;

	while ((connection = drbd_connection_next(resource, serial)) != NULL) {
		serial = connection->serial;
		rcu_read_lock();
		peer_device = drbd_connection_peer_device(connection, device->vnr);
		if (peer_device && !kref_get_unless_zero(&peer_device->kref))
			peer_device = NULL;
		rcu_read_unlock();
		if (peer_device) {
			/* The peers need not agree; those that do not answer are no obstacle. */
			if (READ_ONCE(peer_device->repl_state) > L_OFF &&
			    drbd_change_repl_state(peer_device, L_OFF,
						   CHG_WAIT | CHG_SERIALIZE | CHG_CLUSTER_WIDE,
						   "del-minor", NULL) < SS_SUCCESS)
				drbd_change_repl_state(peer_device, L_OFF, CHG_WAIT | CHG_HARD,
						       "del-minor", NULL);
			drbd_peer_device_put(peer_device);
		}
		drbd_connection_put(connection);
	}

	mutex_lock(&drbd_objects_mutex);
	mutex_lock(&resource->conf_mutex);
	drbd_device_unlink(device);
	mutex_unlock(&resource->conf_mutex);
	mutex_unlock(&drbd_objects_mutex);

	/* Before the reply: new-minor looks whether sysfs still knows the number. */
	drbd_block_remove(device);
	flush_workqueue(resource->worker);

	mutex_lock(&resource->conf_mutex);
	drbd_notify_device_destroyed(device);
	drbd_device_drop(device);
	mutex_unlock(&resource->conf_mutex);
}

static int create_device(struct drbd_cmd *cmd, struct drbd_device **created)
{
	struct drbd_resource *resource = cmd->resource;
	struct drbd_device *device;
	int err = 0;

	device = drbd_device_create(resource, cmd->minor, cmd->context.ctx_volume,
				    &cmd->p.device_conf, &err);
	if (!device)
		return err;
	mutex_lock(&drbd_objects_mutex);
	mutex_lock(&resource->conf_mutex);
	err = resource->removed ? -ENOENT : drbd_device_link(device);
	if (!err)
		drbd_notify_device_created(device);
	mutex_unlock(&resource->conf_mutex);
	mutex_unlock(&drbd_objects_mutex);
	if (err) {
		drbd_device_put(device);
		return err;
	}

	err = drbd_block_add(device);
	if (err) {
		delete_device(device);
		drbd_device_put(device);
		return err;
	}
	*created = device;
	return 0;
}

static int cmd_new_minor(struct drbd_cmd *cmd)
{
	struct device_conf *conf = &cmd->p.device_conf;
	struct drbd_device *device;
	int ret, err;

	device_conf_init(conf);
	ret = parse(cmd);
	if (ret)
		return ret;
	if (cmd->minor > DRBD_MAX_MINOR)
		return refuse(cmd, ERR_INVALID_REQUEST, "requested minor out of range");
	if (!(cmd->given & DRBD_MEMBER(ctx_volume)) || cmd->context.ctx_volume > DRBD_MAX_VOLUME)
		return refuse(cmd, ERR_INVALID_REQUEST, "requested volume id out of range");
	if (conf->block_size != 512 && conf->block_size != 1024 && conf->block_size != 2048 &&
	    conf->block_size != 4096)
		return refuse(cmd, ERR_INVALID_REQUEST,
			      "block_size not 512, 1024, 2048, or 4096");
	if (conf->discard_granularity != 0xffffffff &&
	    conf->discard_granularity % conf->block_size)
		return refuse(cmd, ERR_INVALID_REQUEST,
			      "discard_granularity must be 0 or a multiple of block_size");
	if (cmd->device)		/* the same one: what differs was refused before */
		return NO_ERROR;

	while ((err = create_device(cmd, &device)) == -ENOMEM && wait_for_memory())
		;
	switch (err) {
	case 0:
		break;
	case -EEXIST:
		return ERR_MINOR_OR_VOLUME_EXISTS;
	case -ENOENT:
		return ERR_RES_NOT_KNOWN;
	case -ENOMEM:
		return ERR_NOMEM;
	default:
		drbd_reply_text(&cmd->reply, "creating the block device failed: %d", err);
		return ERR_NOMEM;
	}
	introduce_to_peers(device);
	drbd_device_put(device);
	return NO_ERROR;
}

static int cmd_del_minor(struct drbd_cmd *cmd)
{
	if (READ_ONCE(cmd->device->disk_state) != D_DISKLESS)
		return ERR_MINOR_CONFIGURED;
	delete_device(cmd->device);
	return NO_ERROR;
}

/* -------------------------------------------------------------------- disks */

static int cmd_attach(struct drbd_cmd *cmd)
{
	int ret;

	disk_conf_init(&cmd->p.disk_conf);
	ret = parse(cmd);
	if (ret)
		return ret;
	if (cmd->p.disk_conf.meta_dev_idx < DRBD_MD_INDEX_FLEX_INT)
		return ERR_MD_IDX_INVALID;
	ret = drbd_do_attach(cmd->device, &cmd->p.disk_conf, &cmd->reply);
	if (!failed(ret))
		drbd_block_uevent_change(cmd->device);
	return no_error_if_success(ret);
}

static int do_detach(struct drbd_device *device, bool force, bool intentional_diskless,
		     struct drbd_reply *reply)
{
	int ret = drbd_do_detach(device, force, intentional_diskless, reply);

	if (ret == SS_NO_UP_TO_DATE_DISK && READ_ONCE(device->open_cnt))
		drbd_block_report_openers(device, reply);
	return ret;
}

static int cmd_detach(struct drbd_cmd *cmd)
{
	int ret;

	detach_parms_init(&cmd->p.detach);
	ret = parse(cmd);
	if (ret)
		return ret;
	return do_detach(cmd->device, cmd->p.detach.force_detach,
			 cmd->p.detach.intentional_diskless_detach, &cmd->reply);
}

static int cmd_chg_disk_opts(struct drbd_cmd *cmd)
{
	struct drbd_device *device = cmd->device;
	int ret;

	if (!drbd_ldev_get(device, D_FAILED))
		return ERR_NO_DISK;
	rcu_read_lock();
	cmd->p.disk_conf = *rcu_dereference(device->ldev->disk_conf);
	rcu_read_unlock();
	if (cmd->flags & DRBD_GENL_F_SET_DEFAULTS)
		disk_conf_reset(&cmd->p.disk_conf);
	ret = parse(cmd);
	if (!ret)
		ret = drbd_do_disk_options(device, &cmd->p.disk_conf, &cmd->reply);
	drbd_ldev_put(device);
	return no_error_if_success(ret);
}

static int cmd_resize(struct drbd_cmd *cmd)
{
	struct resize_parms *parms = &cmd->p.resize;
	struct drbd_device *device = cmd->device;
	int ret;

	if (!drbd_ldev_get(device, D_FAILED))
		return ERR_NO_DISK;
	memset(parms, 0, sizeof(*parms));
	spin_lock_irq(&device->ldev->md_lock);
	parms->al_stripes = device->ldev->md.al_stripes;
	parms->al_stripe_size = device->ldev->md.al_stripe_size_4k * 4;
	spin_unlock_irq(&device->ldev->md_lock);
	ret = parse(cmd);
	if (!ret)
		ret = drbd_do_resize(device, parms, &cmd->reply);
	drbd_ldev_put(device);
	return no_error_if_success(ret);
}

static int cmd_outdate(struct drbd_cmd *cmd)
{
	return drbd_do_outdate(cmd->device, &cmd->reply);
}

static int cmd_invalidate(struct drbd_cmd *cmd)
{
	struct invalidate_parms *parms = &cmd->p.invalidate;
	struct drbd_connection *connection;
	int ret;

	if (!has_disk(cmd->device))
		return ERR_NO_DISK;
	invalidate_parms_init(parms);
	ret = parse(cmd);
	if (ret)
		return ret;
	/* Without any peer there is nobody to get the data from: they stay as they are. */
	if (list_empty(&cmd->resource->connections))
		return refuse(cmd, SS_NEED_CONNECTION, "no peer is configured");
	if (parms->sync_from_peer_node_id != -1) {
		connection = drbd_connection_find(cmd->resource, parms->sync_from_peer_node_id);
		if (!connection)
			return refuse(cmd, ERR_INVALID_REQUEST,
				      "sync-from-peer-node-id: no connection to that node");
		drbd_connection_put(connection);
	}
	return drbd_do_invalidate(cmd->device, parms->sync_from_peer_node_id, parms->reset_bitmap,
				  &cmd->reply);
}

static int cmd_inval_peer(struct drbd_cmd *cmd)
{
	int ret;

	if (!has_disk(cmd->peer_device->device))
		return ERR_NO_DISK;
	inval_peer_parms_init(&cmd->p.inval_peer);
	ret = parse(cmd);
	if (ret)
		return ret;
	return drbd_do_invalidate_peer(cmd->peer_device, cmd->p.inval_peer.p_reset_bitmap,
				       &cmd->reply);
}

static int cmd_new_c_uuid(struct drbd_cmd *cmd)
{
	int ret;

	memset(&cmd->p.new_c_uuid, 0, sizeof(cmd->p.new_c_uuid));
	ret = parse(cmd);
	if (ret)
		return ret;
	if (!has_disk(cmd->device))
		return ERR_NO_DISK;
	return no_error_if_success(drbd_do_new_current_uuid(cmd->device,
							    cmd->p.new_c_uuid.clear_bm,
							    cmd->p.new_c_uuid.force_resync,
							    &cmd->reply));
}

static int cmd_start_ov(struct drbd_cmd *cmd)
{
	struct drbd_peer_device *peer_device = cmd->peer_device;
	struct start_ov_parms *parms = &cmd->p.start_ov;
	int ret;

	parms->ov_start_sector = peer_device->ov.start_sector;
	parms->ov_stop_sector = ~0ULL;
	ret = parse(cmd);
	if (ret)
		return ret;
	if (!has_disk(peer_device->device))
		return ERR_NO_DISK;
	return drbd_do_verify(peer_device, parms->ov_start_sector, parms->ov_stop_sector,
			      &cmd->reply);
}

static int cmd_pause_sync(struct drbd_cmd *cmd)
{
	return no_error_if_success(drbd_do_pause_sync(cmd->peer_device, &cmd->reply));
}

static int cmd_resume_sync(struct drbd_cmd *cmd)
{
	return no_error_if_success(drbd_do_resume_sync(cmd->peer_device, &cmd->reply));
}

/* ---------------------------------------------------------------- suspension */

static void thaw_file_systems(struct drbd_resource *resource)
{
	struct drbd_device *device;
	int vnr;

	for (vnr = 0; (device = drbd_resource_device_next(resource, &vnr)) != NULL; vnr++) {
		while (device->bdev_freezes) {
			device->bdev_freezes--;
			drbd_compat_bdev_thaw(device->vdisk->part0);
		}
		drbd_device_put(device);
	}
}

/* 0, or -errno and nothing is frozen by us. */
static int freeze_file_systems(struct drbd_resource *resource)
{
	struct drbd_device *device;
	int vnr, err = 0;

	for (vnr = 0; !err && (device = drbd_resource_device_next(resource, &vnr)) != NULL; vnr++) {
		err = drbd_compat_bdev_freeze(device->vdisk->part0);
		if (!err)
			device->bdev_freezes++;
		drbd_device_put(device);
	}
	if (err)
		thaw_file_systems(resource);
	return err;
}

static int cmd_suspend_io(struct drbd_cmd *cmd)
{
	struct drbd_resource *resource = cmd->resource;
	int ret, err;

	suspend_io_parms_init(&cmd->p.suspend_io);
	ret = parse(cmd);
	if (ret)
		return ret;
	/* What is suspended already cannot be written back: freezing would wait for ever. */
	if (cmd->p.suspend_io.bdev_freeze && !drbd_resource_suspended(resource)) {
		err = freeze_file_systems(resource);
		if (err) {
			drbd_reply_text(&cmd->reply, "freezing a file system failed: %d", err);
			return ERR_INVALID_REQUEST;
		}
	}
	ret = drbd_do_suspend_io(resource, &cmd->reply);
	if (failed(ret))
		thaw_file_systems(resource);
	return ret;
}

static int cmd_resume_io(struct drbd_cmd *cmd)
{
	int ret = drbd_do_resume_io(cmd->device, &cmd->reply);

	if (!failed(ret))
		thaw_file_systems(cmd->resource);
	return ret;
}

/* -------------------------------------------------------------------- roles */

static int set_role(struct drbd_cmd *cmd, enum drbd_role role, const char *tag)
{
	struct drbd_resource *resource = cmd->resource;
	struct drbd_device *device;
	int ret, vnr;

	memset(&cmd->p.set_role, 0, sizeof(cmd->p.set_role));
	ret = parse(cmd);
	if (ret)
		return ret;
	ret = drbd_set_role(resource, role, cmd->p.set_role.force, tag, &cmd->reply);
	if (ret == SS_DEVICE_IN_USE)
		report_openers(resource, &cmd->reply);
	if (failed(ret) || role != R_PRIMARY)
		return ret;

	resource->explicit_primary = true;
	if (!resource->res_opts.auto_promote) {
		for (vnr = 0; (device = drbd_resource_device_next(resource, &vnr)) != NULL; vnr++) {
			drbd_block_uevent_change(device);
			drbd_device_put(device);
		}
	}
	return ret;
}

static int cmd_primary(struct drbd_cmd *cmd)
{
	return set_role(cmd, R_PRIMARY, "primary");
}

static int cmd_secondary(struct drbd_cmd *cmd)
{
	return set_role(cmd, R_SECONDARY, "secondary");
}

/* -------------------------------------------------------------- connections */

/* Combinations of options (7.5); @connection is NULL when one is created. */
static int check_net_options(struct drbd_resource *resource, struct drbd_connection *connection,
			     const struct net_conf *conf)
{
	if (!conf->two_primaries && connection && resource->role == R_PRIMARY &&
	    connection->peer_role == R_PRIMARY)
		return ERR_NEED_ALLOW_TWO_PRI;
	if (conf->two_primaries && conf->wire_protocol != DRBD_PROT_C)
		return ERR_NOT_PROTO_C;
	if (conf->wire_protocol == DRBD_PROT_A && conf->fencing_policy == FP_STONITH)
		return ERR_STONITH_AND_PROT_A;
	if (conf->on_congestion != OC_BLOCK && conf->wire_protocol != DRBD_PROT_A)
		return ERR_CONG_NOT_PROTO_A;
	return 0;
}

/* Is there a disk that was attached without a bitmap, which a peer would need? */
static bool disk_without_bitmap(struct drbd_resource *resource)
{
	struct drbd_device *device;
	bool found = false;
	int vnr;

	for (vnr = 0; !found && (device = drbd_resource_device_next(resource, &vnr)) != NULL;
	     vnr++) {
		if (drbd_ldev_get(device, D_ATTACHING)) {
			rcu_read_lock();
			found = !rcu_dereference(device->ldev->disk_conf)->d_bitmap;
			rcu_read_unlock();
			drbd_ldev_put(device);
		}
		drbd_device_put(device);
	}
	return found;
}

static bool connection_name_taken(struct drbd_resource *resource, const char *name)
{
	struct drbd_connection *connection;
	bool taken = false;

	rcu_read_lock();
	list_for_each_entry_rcu(connection, &resource->connections, connections)
		taken |= !strcmp(connection->name, name);
	rcu_read_unlock();
	return taken;
}

/* Disks that are attached already may know the peer: show its bitmap. */
static void find_bitmap_slots(struct drbd_connection *connection)
{
	struct drbd_peer_device *peer_device;
	int vnr;

	idr_for_each_entry(&connection->peer_devices, peer_device, vnr) {
		if (!drbd_ldev_get(peer_device->device, D_NEGOTIATING))
			continue;
		peer_device->bitmap_index = drbd_md_slot(peer_device->device,
							 connection->peer_node_id);
		drbd_ldev_put(peer_device->device);
	}
}

static const char *transport_name(const struct net_conf *conf)
{
	if (conf->transport_name[0])
		return conf->transport_name;
	return conf->load_balance_paths ? "lb-tcp" : "tcp";
}

static int cmd_new_peer(struct drbd_cmd *cmd)
{
	struct drbd_resource *resource = cmd->resource;
	struct net_conf *conf = &cmd->p.net_conf;
	struct drbd_transport_class *class;
	struct drbd_transport_conf transport_conf;
	struct drbd_connection *connection;
	int ret, err;

	if (disk_without_bitmap(resource))
		return refuse(cmd, ERR_INVALID_REQUEST,
			      "a disk is attached without bitmap, there can be no peers");
	if (cmd->connection) {
		drbd_reply_text(&cmd->reply, "Connection for peer node id %u already exists",
				cmd->context.ctx_peer_node_id);
		return ERR_INVALID_REQUEST;
	}
	net_conf_init(conf);
	ret = parse(cmd) ?: check_name(cmd, conf->name);
	if (ret)
		return ret;
	if (connection_name_taken(resource, conf->name))
		return refuse(cmd, ERR_ALREADY_EXISTS, "name already exists");

	class = drbd_transport_class_get(transport_name(conf));
	if (!class)
		return ERR_CREATE_TRANSPORT;
	ret = check_net_options(resource, NULL, conf);
	if (ret)
		goto out_class;
	drbd_transport_conf_from(conf, &transport_conf);
	err = class->ops->net_conf_change(NULL, &transport_conf);
	if (err) {
		drbd_reply_text(&cmd->reply, "transport net_conf_change failed: %d", err);
		ret = ERR_INVALID_REQUEST;
		goto out_class;
	}

	connection = drbd_connection_create(resource, cmd->context.ctx_peer_node_id, conf, class,
					    genl_info_net(cmd->info), &err);
	if (!connection) {
		ret = err == -ENOMEM ? ERR_NOMEM : ERR_CREATE_TRANSPORT;
		goto out_class;
	}
	/* The class belongs to the connection now. */
	ret = drbd_connection_set_algorithms(connection, NULL, conf, &cmd->reply);
	if (ret == NO_ERROR) {
		mutex_lock(&resource->conf_mutex);
		if (drbd_connection_link(connection)) {
			ret = ERR_NOMEM;
		} else {
			find_bitmap_slots(connection);
			drbd_notify_connection_created(connection);
		}
		mutex_unlock(&resource->conf_mutex);
	}
	drbd_connection_put(connection);
	return ret;

out_class:
	drbd_transport_class_put(class);
	return ret;
}

/* An address of a path command: complete, and of the length its family has. */
static bool address_ok(const void *addr, unsigned int len)
{
	sa_family_t family;

	if (len < sizeof(family))
		return false;
	memcpy(&family, addr, sizeof(family));
	return len == (family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					    sizeof(struct sockaddr_in));
}

static bool same_address(const struct sockaddr_storage *a, int a_len, const void *b,
			 unsigned int b_len)
{
	return a_len == b_len && !memcmp(a, b, b_len);
}

/* Same host, whatever the port. */
static bool same_host(const struct sockaddr_storage *a, const void *b)
{
	const struct sockaddr_storage *other = b;

	if (a->ss_family != other->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
			       &((const struct sockaddr_in6 *)b)->sin6_addr,
			       sizeof(struct in6_addr));
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
	       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

/* Worst finding of one existing path against the new one: what to answer, or 0. */
static int compare_path(const struct drbd_path *path, const struct path_parms *new,
			bool same_connection, bool same_resource)
{
	bool my = same_address(&path->my_addr, path->my_addr_len, new->my_addr, new->my_addr_len);
	bool peer = same_address(&path->peer_addr, path->peer_addr_len, new->peer_addr,
				 new->peer_addr_len);

	if (my && peer)
		return ERR_LOCAL_AND_PEER_ADDR;
	if (!same_resource)
		return my ? ERR_LOCAL_ADDR : peer ? ERR_PEER_ADDR : 0;
	if (!same_connection && my && same_host(&path->peer_addr, new->peer_addr))
		return ERR_PATH_COLLISION;
	return 0;
}

/* drbd_objects_mutex held: no path is added meanwhile. */
static int find_path_conflict(struct drbd_connection *connection, const struct path_parms *new)
{
	struct drbd_resource *resource;
	struct drbd_connection *other;
	struct drbd_path *path;
	int ret = 0, found;

	rcu_read_lock();
	list_for_each_entry_rcu(resource, &drbd_resources, resources) {
		list_for_each_entry_rcu(other, &resource->connections, connections) {
			list_for_each_entry_rcu(path, &other->transport.paths, list) {
				found = compare_path(path, new, other == connection,
						     resource == connection->resource);
				if (found == ERR_LOCAL_AND_PEER_ADDR || !ret)
					ret = found;
				if (ret == ERR_LOCAL_AND_PEER_ADDR)
					goto out;
			}
		}
	}
out:
	rcu_read_unlock();
	return ret;
}

static bool wrong_netns(struct drbd_cmd *cmd)
{
	return !net_eq(genl_info_net(cmd->info), cmd->connection->net);
}

static int parse_path(struct drbd_cmd *cmd)
{
	struct path_parms *parms = &cmd->p.path;
	int ret;

	memset(parms, 0, sizeof(*parms));
	ret = parse(cmd);
	if (ret)
		return ret;
	if (!address_ok(parms->my_addr, parms->my_addr_len) ||
	    !address_ok(parms->peer_addr, parms->peer_addr_len))
		return refuse(cmd, ERR_INVALID_REQUEST, "connection endpoint(s) missing");
	return 0;
}

static int cmd_new_path(struct drbd_cmd *cmd)
{
	struct drbd_connection *connection = cmd->connection;
	struct drbd_transport *transport = &connection->transport;
	struct path_parms *parms = &cmd->p.path;
	struct drbd_path *path;
	int ret, err;

	/* Until it has a path, a connection is not tied to the namespace it was made in. */
	if (wrong_netns(cmd) && !list_empty(&transport->paths))
		return refuse(cmd, ERR_INVALID_REQUEST,
			      "connection already assigned to a different network namespace");
	ret = parse_path(cmd);
	if (ret)
		return ret;
	if (wrong_netns(cmd)) {
		put_net(connection->net);
		connection->net = get_net(genl_info_net(cmd->info));
		transport->net = connection->net;
	}

	path = kzalloc(max(sizeof(*path), transport->class->path_instance_size), GFP_KERNEL);
	if (!path)
		return ERR_NOMEM;
	drbd_path_init(path, transport);
	path->my_addr_len = parms->my_addr_len;
	path->peer_addr_len = parms->peer_addr_len;
	memcpy(&path->my_addr, parms->my_addr, parms->my_addr_len);
	memcpy(&path->peer_addr, parms->peer_addr, parms->peer_addr_len);

	mutex_lock(&drbd_objects_mutex);
	ret = find_path_conflict(connection, parms);
	err = ret ? 0 : transport->class->ops->add_path(transport, path);
	mutex_unlock(&drbd_objects_mutex);
	if (ret == ERR_PATH_COLLISION || err == -ENOTUNIQ) {
		ret = refuse(cmd, ERR_PATH_COLLISION,
			     "path indistinguishable from path in another connection");
	} else if (err) {
		ret = refuse(cmd, ERR_INVALID_REQUEST, "add_path on transport failed");
	} else if (!ret) {
		drbd_notify_path_type(connection, path, NOTIFY_CREATE);
		ret = NO_ERROR;
	}
	drbd_path_put(path);
	return ret;
}

/* The path with exactly these addresses, referenced; @n: how many there are at all. */
static struct drbd_path *find_path(struct drbd_connection *connection,
				   const struct path_parms *parms, unsigned int *n)
{
	struct drbd_path *path, *found = NULL;

	*n = 0;
	rcu_read_lock();
	list_for_each_entry_rcu(path, &connection->transport.paths, list) {
		++*n;
		if (!found &&
		    same_address(&path->my_addr, path->my_addr_len, parms->my_addr,
				 parms->my_addr_len) &&
		    same_address(&path->peer_addr, path->peer_addr_len, parms->peer_addr,
				 parms->peer_addr_len) &&
		    kref_get_unless_zero(&path->kref))
			found = path;
	}
	rcu_read_unlock();
	return found;
}

static int cmd_del_path(struct drbd_cmd *cmd)
{
	struct drbd_connection *connection = cmd->connection;
	struct drbd_transport *transport = &connection->transport;
	struct drbd_path *path;
	unsigned int n;
	int ret;

	if (wrong_netns(cmd))
		return refuse(cmd, ERR_INVALID_REQUEST,
			      "connection assigned to a different network namespace");
	ret = parse_path(cmd);
	if (ret)
		return ret;

	path = find_path(connection, &cmd->p.path, &n);
	if (n <= 1 && READ_ONCE(connection->cstate) >= C_CONNECTING) {
		ret = refuse(cmd, ERR_INVALID_REQUEST,
			     "Can not delete last path, use disconnect first!");
	} else if (!path) {
		ret = refuse(cmd, ERR_INVALID_REQUEST, "no such path");
	} else if (transport->class->ops->remove_path(transport, path)) {
		ret = refuse(cmd, ERR_INVALID_REQUEST, "del_path on transport failed");
	} else {
		drbd_notify_path_type(connection, path, NOTIFY_DESTROY);
		ret = NO_ERROR;
	}
	if (path)
		drbd_path_put(path);
	return ret;
}

/* Every volume with a disk needs a bitmap slot for a peer that may have one.  0 or -ENOSPC. */
static int assign_bitmap_slots(struct drbd_resource *resource, struct drbd_reply *reply)
{
	struct drbd_device *device;
	int vnr, err = 0;

	for (vnr = 0; !err && (device = drbd_resource_device_next(resource, &vnr)) != NULL; vnr++) {
		if (drbd_ldev_get(device, D_NEGOTIATING)) {
			mutex_lock(&resource->conf_mutex);
			err = drbd_bitmap_slots_assign(device, reply);
			mutex_unlock(&resource->conf_mutex);
			drbd_ldev_put(device);
		}
		drbd_device_put(device);
	}
	return err;
}

static int cmd_connect(struct drbd_cmd *cmd)
{
	struct drbd_connection *connection = cmd->connection;
	struct connect_parms *parms = &cmd->p.connect;
	int ret;

	if (READ_ONCE(connection->cstate) != C_STANDALONE)
		return ERR_NET_CONFIGURED;
	if (list_empty(&connection->transport.paths))
		return refuse(cmd, ERR_INVALID_REQUEST, "connection endpoint(s) missing");
	if (wrong_netns(cmd))
		return refuse(cmd, ERR_INVALID_REQUEST,
			      "connection assigned to a different network namespace");
	memset(parms, 0, sizeof(*parms));
	ret = parse(cmd);
	if (ret)
		return ret;
	if (parms->discard_my_data && cmd->resource->role == R_PRIMARY)
		return ERR_DISCARD_IMPOSSIBLE;
	if (assign_bitmap_slots(cmd->resource, &cmd->reply))
		return ERR_INVALID_REQUEST;
	return drbd_do_connect(connection, parms->discard_my_data, parms->tentative, &cmd->reply);
}

static int cmd_disconnect(struct drbd_cmd *cmd)
{
	int ret;

	memset(&cmd->p.disconnect, 0, sizeof(cmd->p.disconnect));
	ret = parse(cmd);
	if (ret)
		return ret;
	if (wrong_netns(cmd))
		return refuse(cmd, ERR_INVALID_REQUEST,
			      "connection assigned to a different network namespace");
	return no_error_if_success(drbd_do_disconnect(cmd->connection,
						      cmd->p.disconnect.force_disconnect,
						      &cmd->reply));
}

/* All paths of a connection that is StandAlone and has no threads any more. */
static void remove_paths(struct drbd_connection *connection)
{
	struct drbd_transport *transport = &connection->transport;
	struct drbd_path *path;
	int err;

	while ((path = drbd_first_path(connection)) != NULL) {
		err = transport->class->ops->remove_path(transport, path);
		if (WARN_ON_ONCE(err)) {
			drbd_path_put(path);
			return;
		}
		drbd_notify_path_type(connection, path, NOTIFY_DESTROY);
		drbd_path_put(path);
	}
}

/* Disconnects and removes.  Admin mutex held.  An SS code; > 0: gone. */
static int delete_connection(struct drbd_connection *connection, bool force,
			     struct drbd_reply *reply)
{
	struct drbd_resource *resource = connection->resource;
	int ret;

	ret = drbd_do_disconnect(connection, force, reply);
	if (failed(ret))
		return ret;
	drbd_connection_stop(connection);
	if (READ_ONCE(connection->cstate) != C_STANDALONE)
		drbd_change_cstate(connection, C_STANDALONE, CHG_HARD | CHG_WAIT, "del-peer",
				   NULL);

	mutex_lock(&resource->conf_mutex);
	drbd_connection_unlink(connection);
	mutex_unlock(&resource->conf_mutex);
	/* Events of what happened to it, before those that say that it is gone. */
	flush_workqueue(resource->worker);
	remove_paths(connection);
	mutex_lock(&resource->conf_mutex);
	drbd_notify_connection_destroyed(connection);
	drbd_connection_drop(connection);
	mutex_unlock(&resource->conf_mutex);
	return SS_SUCCESS;
}

static int cmd_del_peer(struct drbd_cmd *cmd)
{
	int ret;

	memset(&cmd->p.disconnect, 0, sizeof(cmd->p.disconnect));
	ret = parse(cmd);
	if (ret)
		return ret;
	if (wrong_netns(cmd))
		return refuse(cmd, ERR_INVALID_REQUEST,
			      "connection assigned to a different network namespace");
	return no_error_if_success(delete_connection(cmd->connection,
						     cmd->p.disconnect.force_disconnect,
						     &cmd->reply));
}

static bool any_peer_device_state(struct drbd_connection *connection,
				  bool (*is)(enum drbd_repl_state state))
{
	struct drbd_peer_device *peer_device;
	bool found = false;
	int vnr;

	rcu_read_lock();
	idr_for_each_entry(&connection->peer_devices, peer_device, vnr)
		found |= is(READ_ONCE(peer_device->repl_state));
	rcu_read_unlock();
	return found;
}

static bool is_resync(enum drbd_repl_state state)
{
	return state == L_SYNC_SOURCE || state == L_SYNC_TARGET || state == L_PAUSED_SYNC_S ||
	       state == L_PAUSED_SYNC_T;
}

static bool is_verify(enum drbd_repl_state state)
{
	return state == L_VERIFY_S || state == L_VERIFY_T;
}

/* What the peer's P_PROTOCOL_UPDATE changed since @was, and the command does not. */
static void keep_peers_changes(struct net_conf *new, const struct net_conf *was,
			       const struct net_conf *now)
{
#define KEEP(field) do { if (new->field == was->field) new->field = now->field; } while (0)
	KEEP(wire_protocol);
	KEEP(after_sb_0p);
	KEEP(after_sb_1p);
	KEEP(after_sb_2p);
	KEEP(two_primaries);
#undef KEEP
}

/*
 * Takes @new over into transport, algorithms and configuration, or changes nothing.
 * @was: what it was made of.
 */
static int apply_net_options(struct drbd_cmd *cmd, struct net_conf *new,
			     const struct net_conf *was)
{
	struct drbd_connection *connection = cmd->connection;
	struct drbd_transport *transport = &connection->transport;
	struct drbd_transport_conf old_tc = transport->conf, new_tc;
	struct net_conf *old;
	int ret, err;

	drbd_transport_conf_from(new, &new_tc);
	err = transport->class->ops->net_conf_change(transport, &new_tc);
	if (err) {
		drbd_reply_text(&cmd->reply, "transport net_conf_change failed: %d", err);
		return ERR_INVALID_REQUEST;
	}
	transport->conf = new_tc;
	ret = drbd_connection_set_algorithms(connection, was, new, &cmd->reply);
	if (ret != NO_ERROR) {
		transport->class->ops->net_conf_change(transport, &old_tc);
		transport->conf = old_tc;
		return ret;
	}

	mutex_lock(&connection->resource->conf_mutex);
	old = rcu_dereference_protected(connection->net_conf,
					lockdep_is_held(&connection->resource->conf_mutex));
	keep_peers_changes(new, was, old);
	old = rcu_replace_pointer(connection->net_conf, new,
				  lockdep_is_held(&connection->resource->conf_mutex));
	connection->fencing_policy = new->fencing_policy;
	mutex_unlock(&connection->resource->conf_mutex);
	synchronize_rcu();
	kfree_sensitive(old);
	return NO_ERROR;
}

static int cmd_chg_net_opts(struct drbd_cmd *cmd)
{
	struct drbd_connection *connection = cmd->connection;
	struct drbd_peer_device *peer_device;
	struct net_conf *old, *new;
	int ret, vnr;

	new = kzalloc(sizeof(*new), GFP_KERNEL);
	old = kzalloc(sizeof(*old), GFP_KERNEL);
	if (!new || !old) {
		ret = ERR_NOMEM;
		goto fail;
	}
	/* A copy: the receiver replaces it when the peer changed its options. */
	rcu_read_lock();
	*old = *rcu_dereference(connection->net_conf);
	rcu_read_unlock();
	cmd->p.net_conf = *old;
	if (cmd->flags & DRBD_GENL_F_SET_DEFAULTS)
		net_conf_reset(&cmd->p.net_conf);
	ret = parse(cmd) ?: check_net_options(cmd->resource, connection, &cmd->p.net_conf);
	if (ret)
		goto fail;
	ret = ERR_CSUMS_RESYNC_RUNNING;
	if (strcmp(old->csums_alg, cmd->p.net_conf.csums_alg) &&
	    any_peer_device_state(connection, is_resync))
		goto fail;
	ret = ERR_VERIFY_RUNNING;
	if (strcmp(old->verify_alg, cmd->p.net_conf.verify_alg) &&
	    any_peer_device_state(connection, is_verify))
		goto fail;
	*new = cmd->p.net_conf;
	ret = apply_net_options(cmd, new, old);
	if (ret != NO_ERROR)
		goto fail;
	kfree_sensitive(old);

	if (READ_ONCE(connection->cstate) >= C_CONNECTED) {
		drbd_send_protocol_update(connection);
		idr_for_each_entry(&connection->peer_devices, peer_device, vnr)
			drbd_send_sync_param(peer_device);
	}
	return NO_ERROR;

fail:
	kfree_sensitive(old);
	kfree_sensitive(new);
	return ret;
}

/* ------------------------------------------------------------- peer devices */

/*
 * Makes the slot of a node that needs it no longer an unassigned one: it must
 * then hold whatever may have changed since "day 0".  metadata.md 4.6.  Caller
 * holds an ldev reference.  @keep: flags that stay.  0 or -EIO.
 */
static int free_bitmap_slot(struct drbd_device *device, int node_id, u32 keep)
{
	struct drbd_md *md = &device->ldev->md;
	struct drbd_md_peer *peer_md = &md->peers[node_id];
	int slot, unassigned, day0, err = 0;

	spin_lock_irq(&device->ldev->md_lock);
	slot = peer_md->bitmap_index;
	unassigned = drbd_md_free_slot(md);
	day0 = drbd_md_day0_peer(md, node_id);
	spin_unlock_irq(&device->ldev->md_lock);

	if (slot >= 0 && device->bitmap) {
		if (unassigned >= 0)
			drbd_bm_copy_slot(device, unassigned, slot);
		else
			drbd_bm_set_slots(device, 1U << slot);
		err = drbd_bm_write(device);
		if (err)
			return err;
	}

	spin_lock_irq(&device->ldev->md_lock);
	peer_md->bitmap_index = -1;
	peer_md->flags &= keep;
	if (!peer_md->flags) {
		peer_md->bitmap_uuid = day0 >= 0 ? md->peers[day0].bitmap_uuid : 0;
		peer_md->bitmap_dagtag = day0 >= 0 ? md->peers[day0].bitmap_dagtag : 0;
	}
	spin_unlock_irq(&device->ldev->md_lock);
	return drbd_md_sync(device);
}

/* The option "bitmap" is about to change.  0 or what to answer. */
static int change_bitmap_option(struct drbd_cmd *cmd, bool on)
{
	struct drbd_peer_device *peer_device = cmd->peer_device;
	struct drbd_device *device = peer_device->device;
	struct peer_device_conf *conf;
	int err = 0;

	if (!on && READ_ONCE(device->disk_state) != D_DISKLESS &&
	    READ_ONCE(peer_device->disk_state) >= D_NEGOTIATING &&
	    READ_ONCE(peer_device->disk_state) != D_UNKNOWN)
		return refuse(cmd, ERR_INVALID_REQUEST,
			      "Can not drop the bitmap when both sides have a disk");
	if (!drbd_ldev_get(device, D_NEGOTIATING))
		return 0;

	/* Slots are assigned by the configuration; show them what it will be. */
	conf = rcu_dereference_protected(peer_device->conf,
					 lockdep_is_held(&cmd->resource->adm_mutex));
	WRITE_ONCE(conf->bitmap, on);
	if (on) {
		mutex_lock(&cmd->resource->conf_mutex);
		err = drbd_bitmap_slots_assign(device, NULL);
		mutex_unlock(&cmd->resource->conf_mutex);
		if (err) {
			WRITE_ONCE(conf->bitmap, !on);
			drbd_reply_text(&cmd->reply, "No bitmap slot available in meta-data");
		}
	} else {
		peer_device->bitmap_index = -1;
		err = free_bitmap_slot(device, peer_device->connection->peer_node_id,
				       DRBD_MDF_NODE_EXISTS);
	}
	drbd_ldev_put(device);
	return err ? (on ? ERR_INVALID_REQUEST : ERR_IO_MD_DISK) : 0;
}

static int cmd_chg_peer_device_opts(struct drbd_cmd *cmd)
{
	struct drbd_peer_device *peer_device = cmd->peer_device;
	struct peer_device_conf *old, *new;
	bool bitmap_changed;
	int ret;

	new = kzalloc(sizeof(*new), GFP_KERNEL);
	if (!new)
		return ERR_NOMEM;
	old = rcu_dereference_protected(peer_device->conf,
					lockdep_is_held(&cmd->resource->adm_mutex));
	cmd->p.peer_device_conf = *old;
	if (cmd->flags & DRBD_GENL_F_SET_DEFAULTS)
		peer_device_conf_reset(&cmd->p.peer_device_conf);
	ret = parse(cmd);
	bitmap_changed = !ret && cmd->p.peer_device_conf.bitmap != old->bitmap;
	if (bitmap_changed)
		ret = change_bitmap_option(cmd, cmd->p.peer_device_conf.bitmap);
	if (ret) {
		kfree(new);
		return ret;
	}

	*new = cmd->p.peer_device_conf;
	mutex_lock(&cmd->resource->conf_mutex);
	rcu_assign_pointer(peer_device->conf, new);
	mutex_unlock(&cmd->resource->conf_mutex);
	synchronize_rcu();
	kfree(old);

	if (READ_ONCE(peer_device->connection->cstate) >= C_CONNECTED)
		drbd_send_sync_param(peer_device);
	if (bitmap_changed)
		drbd_notify_peer_device(peer_device);
	return NO_ERROR;
}

static int cmd_forget_peer(struct drbd_cmd *cmd)
{
	struct drbd_resource *resource = cmd->resource;
	struct drbd_connection *connection;
	struct drbd_device *device;
	int ret, vnr, node_id, err = 0;

	memset(&cmd->p.forget_peer, 0, sizeof(cmd->p.forget_peer));
	ret = parse(cmd);
	if (ret)
		return ret;
	node_id = cmd->p.forget_peer.forget_peer_node_id;
	connection = drbd_connection_find(resource, node_id);
	if (connection) {
		drbd_connection_put(connection);
		return ERR_NET_CONFIGURED;
	}
	if (node_id < 0 || node_id >= DRBD_MAX_NODES)
		return ERR_INVALID_PEER_NODE_ID;

	for (vnr = 0; !err && (device = drbd_resource_device_next(resource, &vnr)) != NULL; vnr++) {
		if (drbd_ldev_get(device, D_FAILED)) {
			err = free_bitmap_slot(device, node_id, 0);
			drbd_ldev_put(device);
		}
		drbd_device_put(device);
	}
	return err ? ERR_IO_MD_DISK : NO_ERROR;
}

static int cmd_get_timeout_type(struct drbd_cmd *cmd)
{
	struct drbd_peer_device *peer_device = cmd->peer_device;

	if (READ_ONCE(peer_device->disk_state) == D_OUTDATED)
		cmd->timeout_type = UT_PEER_OUTDATED;
	else if (test_bit(PD_USE_DEGR_WFC_T, &peer_device->flags))
		cmd->timeout_type = UT_DEGRADED;
	else
		cmd->timeout_type = UT_DEFAULT;
	return NO_ERROR;
}

/* --------------------------------------------------------------------- down */

static int down_connections(struct drbd_cmd *cmd)
{
	struct drbd_connection *connection;
	int ret;

	while ((connection = drbd_connection_next(cmd->resource, 0)) != NULL) {
		ret = delete_connection(connection, false, &cmd->reply);
		drbd_connection_put(connection);
		if (failed(ret))
			return ret;
	}
	return NO_ERROR;
}

static int down_devices(struct drbd_cmd *cmd)
{
	struct drbd_device *device;
	int ret, vnr;

	for (vnr = 0; (device = drbd_resource_device_next(cmd->resource, &vnr)) != NULL; vnr++) {
		ret = do_detach(device, false, false, &cmd->reply);
		if (failed(ret)) {
			drbd_reply_text(&cmd->reply, "failed to detach");
			report_openers(cmd->resource, &cmd->reply);
		} else if (READ_ONCE(device->disk_state) != D_DISKLESS) {
			drbd_reply_text(&cmd->reply, "failed to delete volume");
			ret = ERR_MINOR_CONFIGURED;
		} else {
			delete_device(device);
		}
		drbd_device_put(device);
		if (failed(ret))
			return ret;
	}
	return NO_ERROR;
}

static int cmd_down(struct drbd_cmd *cmd)
{
	struct drbd_resource *resource = cmd->resource;
	int ret;

	WRITE_ONCE(resource->down_in_progress, true);	/* no new openers */
	ret = drbd_set_role(resource, R_SECONDARY, false, "down", &cmd->reply);
	if (failed(ret)) {
		drbd_reply_text(&cmd->reply, "failed to demote");
		if (ret == SS_DEVICE_IN_USE)
			report_openers(resource, &cmd->reply);
	} else {
		ret = down_connections(cmd);
	}
	if (!failed(ret))
		ret = down_devices(cmd);
	if (!failed(ret))
		ret = delete_resource(resource);
	if (failed(ret))
		WRITE_ONCE(resource->down_in_progress, false);
	return ret;
}

/* -------------------------------------------------- common to all commands */

#define COMMAND_doit(nr, name, context, nest_nr, parse_mode) \
	[nr] = { cmd_##name, (context), nest_nr, DRBD_PARSE_##parse_mode },
#define COMMAND_dump(nr, name, context, nest_nr, parse_mode)
#define COMMAND_note(nr, name, context, nest_nr, parse_mode)
#define COMMAND(nr, NAME, name, kind, context, nest_nr, parse_mode) \
	COMMAND_##kind(nr, name, context, nest_nr, parse_mode)

static const struct command commands[DRBD_CMD_MAX + 1] = {
	DRBD_OPS(COMMAND)
};

/* CFG_CONTEXT; faults are answered with the errno alone (3.4). */
static int parse_context(struct drbd_cmd *cmd)
{
	int err = cfg_context_from_attrs(&cmd->context, cmd->info->attrs, DRBD_PARSE_optional,
					 &cmd->report);

	cmd->given = err ? 0 : cmd->report.given;
	return err;
}

/* Finds what the context names, 7.1 step 4.  0 or what to answer. */
static int look_up(struct drbd_cmd *cmd)
{
	const struct cfg_context *context = &cmd->context;
	bool name_given = cmd->given & DRBD_MEMBER(ctx_resource_name);
	bool volume_given = cmd->given & DRBD_MEMBER(ctx_volume);
	bool peer_given = cmd->given & DRBD_MEMBER(ctx_peer_node_id);
	u8 ctx = cmd->command->ctx;

	if (cmd->minor != DRBD_MINOR_NONE)
		cmd->device = drbd_device_find(cmd->minor);
	if ((ctx & DRBD_CTX_MINOR) && !cmd->device)
		return refuse(cmd, ERR_MINOR_INVALID, "unknown minor");

	if (name_given) {
		cmd->resource = drbd_resource_find(context->ctx_resource_name);
	} else if (cmd->device) {
		cmd->resource = cmd->device->resource;
		drbd_resource_get(cmd->resource);
	}
	if ((ctx & DRBD_CTX_RESOURCE) && !cmd->resource)
		return refuse(cmd, name_given ? ERR_RES_NOT_KNOWN : ERR_INVALID_REQUEST,
			      "unknown resource");

	if (peer_given) {
		if (context->ctx_peer_node_id >= DRBD_MAX_NODES)
			return refuse(cmd, ERR_INVALID_REQUEST, "peer node id out of range");
		if (!cmd->resource)
			return refuse(cmd, ERR_INVALID_REQUEST,
				      "peer node id given without a resource");
		if (context->ctx_peer_node_id == drbd_node_id(cmd->resource))
			return refuse(cmd, ERR_INVALID_REQUEST,
				      "peer node id cannot be my own node id");
		cmd->connection = drbd_connection_find(cmd->resource, context->ctx_peer_node_id);
	}
	if ((ctx & DRBD_CTX_PEER_ID) && !peer_given)
		return refuse(cmd, ERR_INVALID_REQUEST, "peer node id missing");
	if ((ctx & DRBD_CTX_CONNECTION) && !cmd->connection)
		return refuse(cmd, ERR_INVALID_REQUEST, "unknown connection");

	if (cmd->connection && volume_given && context->ctx_volume <= DRBD_MAX_VOLUME) {
		rcu_read_lock();
		cmd->peer_device = drbd_connection_peer_device(cmd->connection,
							       context->ctx_volume);
		if (cmd->peer_device && !kref_get_unless_zero(&cmd->peer_device->kref))
			cmd->peer_device = NULL;
		rcu_read_unlock();
	}
	if ((ctx & DRBD_CTX_PEER_DEVICE) && !cmd->peer_device)
		return refuse(cmd, ERR_INVALID_REQUEST, "unknown volume");

	if (cmd->device && cmd->resource && cmd->device->resource != cmd->resource)
		return refuse(cmd, ERR_INVALID_REQUEST, "minor exists in different resource");
	if (cmd->device && volume_given && cmd->device->vnr != context->ctx_volume)
		return refuse(cmd, ERR_INVALID_REQUEST, "minor exists as different volume");
	if (cmd->device && cmd->peer_device && cmd->peer_device->device != cmd->device)
		return refuse(cmd, ERR_INVALID_REQUEST, "peer_device->device != device");
	return 0;
}

/* What was found may have been deleted while we waited for the admin mutex. */
static int still_there(struct drbd_cmd *cmd)
{
	u8 ctx = cmd->command->ctx;

	if (cmd->resource->removed)
		return refuse(cmd, ERR_RES_NOT_KNOWN, "unknown resource");
	if ((ctx & DRBD_CTX_MINOR) && test_bit(DEV_UNREGISTERED, &cmd->device->flags))
		return refuse(cmd, ERR_MINOR_INVALID, "unknown minor");
	if ((ctx & DRBD_CTX_CONNECTION) && test_bit(CONN_UNREGISTERED, &cmd->connection->flags))
		return refuse(cmd, ERR_INVALID_REQUEST, "unknown connection");
	if ((ctx & DRBD_CTX_PEER_DEVICE) &&
	    test_bit(DEV_UNREGISTERED, &cmd->peer_device->device->flags))
		return refuse(cmd, ERR_INVALID_REQUEST, "unknown volume");
	if (cmd->command->fn == cmd_new_peer || cmd->command->fn == cmd_new_minor) {
		/* These two depend on what is not there: look again. */
		if (!cmd->connection && (ctx & DRBD_CTX_PEER_ID))
			cmd->connection = drbd_connection_find(cmd->resource,
							       cmd->context.ctx_peer_node_id);
		if (cmd->connection && test_bit(CONN_UNREGISTERED, &cmd->connection->flags)) {
			drbd_connection_put(cmd->connection);
			cmd->connection = NULL;
		}
		if (cmd->device && test_bit(DEV_UNREGISTERED, &cmd->device->flags)) {
			drbd_device_put(cmd->device);
			cmd->device = NULL;
		}
	}
	return 0;
}

/* Runs under the admin mutex of its resource: all but the one that only asks. */
static bool needs_adm_mutex(const struct drbd_cmd *cmd)
{
	return cmd->resource && cmd->command->fn != cmd_get_timeout_type &&
	       cmd->command->fn != cmd_new_resource;
}

static int run(struct drbd_cmd *cmd)
{
	bool locked = false;
	int ret;

	ret = look_up(cmd);
	if (ret)
		return ret;
	if (needs_adm_mutex(cmd)) {
		if (mutex_lock_interruptible(&cmd->resource->adm_mutex))
			return ERR_INTR;
		locked = true;
		ret = still_there(cmd);
	}
	if (!ret)
		ret = cmd->command->fn(cmd);
	if (locked)
		mutex_unlock(&cmd->resource->adm_mutex);
	return ret;
}

/* Consumes cmd->skb. */
static void send_reply(struct drbd_cmd *cmd, int ret_code)
{
	struct nlattr *context = cmd->info->attrs ? cmd->info->attrs[DRBD_NLA_cfg_context] : NULL;
	struct genl_info *info = cmd->info;
	struct drbd_reply *reply = &cmd->reply;
	struct nlattr *texts;
	unsigned int pos;
	void *header;

	header = drbd_msg_begin(cmd->skb, info->snd_portid, info->snd_seq, 0, info->genlhdr->cmd,
				cmd->minor, ret_code);
	if (WARN_ON_ONCE(!header)) {
		nlmsg_free(cmd->skb);
		return;
	}
	/* The skb was made large enough for these two. */
	if (context)
		WARN_ON_ONCE(drbd_copy_attr(cmd->skb, context));
	if (cmd->timeout_type >= 0) {
		struct timeout_parms timeout = { .timeout_type = cmd->timeout_type };

		WARN_ON_ONCE(timeout_parms_to_skb(cmd->skb, &timeout, 0, false));
	}
	if (reply->used) {
		texts = drbd_info_start(cmd->skb);
		for (pos = 0; texts && pos < reply->used; pos += strlen(reply->texts + pos) + 1)
			drbd_info_add(cmd->skb, reply->texts + pos);
		drbd_info_end(cmd->skb, texts);
	}
	genlmsg_end(cmd->skb, header);
	/* Nobody is left to be told if this fails. */
	genlmsg_reply(cmd->skb, info);
}

int drbd_genl_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct drbd_genlmsghdr *dh = (void *)info->genlhdr + GENL_HDRLEN;
	const struct command *command = &commands[info->genlhdr->cmd];
	struct nlattr *context = info->attrs ? info->attrs[DRBD_NLA_cfg_context] : NULL;
	struct drbd_cmd *cmd;
	int err;

	if (!netlink_capable(skb, CAP_SYS_ADMIN))
		return -EPERM;
	if (info->genlhdr->version != DRBD_GENL_VERSION && !(command->ctx & DRBD_CTX_ANY_VERSION))
		return -EINVAL;

	cmd = kzalloc(sizeof(*cmd), GFP_KERNEL);
	if (!cmd)
		return -ENOMEM;
	cmd->command = command;
	cmd->info = info;
	cmd->minor = dh->minor;
	cmd->flags = dh->flags;
	cmd->timeout_type = -1;
	spin_lock_init(&cmd->reply.lock);

	err = parse_context(cmd);
	if (err)
		goto out;
	cmd->skb = nlmsg_new(NLMSG_GOODSIZE + (context ? nla_total_size(nla_len(context)) : 0),
			     GFP_KERNEL);
	if (!cmd->skb) {
		err = -ENOMEM;
		goto out;
	}

	send_reply(cmd, run(cmd));

	drbd_peer_device_put(cmd->peer_device);
	drbd_connection_put(cmd->connection);
	drbd_device_put(cmd->device);
	drbd_resource_put(cmd->resource);
out:
	kfree_sensitive(cmd);		/* the shared secret went through it */
	return err;
}

/* ------------------------------------------------------------------ family */

#define GENL_OP_doit(nr) \
	{ .cmd = (nr), .flags = GENL_ADMIN_PERM, .doit = drbd_genl_doit },
#define GENL_OP_dump(nr) \
	{ .cmd = (nr), .start = drbd_genl_dump_start, .dumpit = drbd_genl_dump, \
	  .done = drbd_genl_dump_done },
#define GENL_OP_note(nr)
#define GENL_OP(nr, NAME, name, kind, context, nest_nr, parse_mode) GENL_OP_##kind(nr)

static const struct genl_ops genl_ops[] = {
	DRBD_OPS(GENL_OP)
};

static const struct genl_multicast_group genl_groups[] = {
	{ .name = DRBD_GENL_GROUP },
};

struct genl_family drbd_genl_family __ro_after_init = {
	.name = DRBD_GENL_NAME,
	.version = DRBD_GENL_VERSION,
	.hdrsize = DRBD_GENL_HDRLEN,
	.maxattr = DRBD_NLA_MAX,
	.policy = drbd_tla_policy,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = genl_ops,
	.n_ops = ARRAY_SIZE(genl_ops),
	.mcgrps = genl_groups,
	.n_mcgrps = ARRAY_SIZE(genl_groups),
};

int __init drbd_netlink_init(void)
{
	BUILD_BUG_ON(sizeof(struct drbd_genlmsghdr) != DRBD_GENL_HDRLEN);
	return genl_register_family(&drbd_genl_family);
}

void drbd_netlink_exit(void)
{
	genl_unregister_family(&drbd_genl_family);
}
