// SPDX-License-Identifier: GPL-2.0-only
/*
 * User-mode helpers: "HELPER EVENT RESOURCE", its environment, and the two
 * notifications around it.  Spec: states.md 16.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/umh.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/sched/mm.h>
#include "netlink.h"
#include "netlink_internal.h"
#include "backing.h"
#include "metadata.h"

/* More volumes than this are not told one by one to a connection's helper. */
#define HELPER_MAX_ENV 512

#define AS_TEXT(nr, id, text) [nr] = text,
static const char * const conn_state_text[] = { DRBD_CONN_STATES(AS_TEXT) };

struct helper_env {
	unsigned int n;
	bool nomem;
	char *v[HELPER_MAX_ENV + 1];
};

static __printf(2, 3) void env_add(struct helper_env *env, const char *fmt, ...)
{
	va_list args;

	if (env->n == HELPER_MAX_ENV)
		return;
	va_start(args, fmt);
	env->v[env->n] = kvasprintf(GFP_NOIO, fmt, args);
	va_end(args);
	if (env->v[env->n])
		env->n++;
	else
		env->nomem = true;
}

static void env_free(struct helper_env *env)
{
	while (env->n--)
		kfree(env->v[env->n]);
	kfree(env);
}

static void env_add_address(struct helper_env *env, const char *who,
			    const struct sockaddr_storage *addr)
{
	switch (addr->ss_family) {
	case AF_INET6:
		env_add(env, "DRBD_%s_AF=ipv6", who);
		env_add(env, "DRBD_%s_ADDRESS=%pI6", who,
			&((const struct sockaddr_in6 *)addr)->sin6_addr);
		break;
	case AF_INET:
		env_add(env, "DRBD_%s_AF=ipv4", who);
		env_add(env, "DRBD_%s_ADDRESS=%pI4", who,
			&((const struct sockaddr_in *)addr)->sin_addr);
		break;
	default:
		env_add(env, "DRBD_%s_AF=ssocks", who);
		env_add(env, "DRBD_%s_ADDRESS=%pI4", who,
			&((const struct sockaddr_in *)addr)->sin_addr);
	}
}

static void env_add_connection(struct helper_env *env, struct drbd_connection *connection)
{
	enum drbd_conn_state cstate = READ_ONCE(connection->cstate);
	struct drbd_path *path = drbd_first_path(connection);

	if (path) {
		env_add_address(env, "MY", &path->my_addr);
		env_add_address(env, "PEER", &path->peer_addr);
		drbd_path_put(path);
	}
	env_add(env, "DRBD_PEER_NODE_ID=%d", connection->peer_node_id);
	env_add(env, "DRBD_CSTATE=%s",
		cstate < ARRAY_SIZE(conn_state_text) ? conn_state_text[cstate] : "?");
}

/* @suffix: "" or "_<volume>" */
static void env_add_backing_dev(struct helper_env *env, struct drbd_device *device,
				const char *suffix)
{
	char backing_dev[sizeof_field(struct disk_conf, backing_dev)];

	if (!drbd_ldev_get(device, D_INCONSISTENT))
		return;
	rcu_read_lock();
	strscpy(backing_dev, rcu_dereference(device->ldev->disk_conf)->backing_dev,
		sizeof(backing_dev));
	rcu_read_unlock();
	drbd_ldev_put(device);
	env_add(env, "DRBD_BACKING_DEV%s=%s", suffix, backing_dev);
}

static void env_add_volumes(struct helper_env *env, struct drbd_resource *resource)
{
	struct drbd_device *device;
	char suffix[16];
	int vnr;

	for (vnr = 0; (device = drbd_resource_device_next(resource, &vnr)) != NULL; vnr++) {
		env_add(env, "DRBD_MINOR_%d=%u", vnr, device->minor);
		snprintf(suffix, sizeof(suffix), "_%d", vnr);
		env_add_backing_dev(env, device, suffix);
		drbd_device_put(device);
	}
}

/* Nodes known to have the data of one attached volume; bit = node id. */
static u64 up_to_date_nodes_of(struct drbd_device *device, bool unfence)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_peer_device *peer_device;
	u64 mask = 0;
	int node_id;

	spin_lock_irq(&resource->req_lock);
	if (device->disk_state == D_UP_TO_DATE)
		mask |= NODE_MASK(drbd_node_id(resource));
	for_each_peer_device(peer_device, device) {
		if (peer_device->disk_state == D_UP_TO_DATE)
			mask |= NODE_MASK(peer_device->connection->peer_node_id);
	}
	if (unfence && resource->role == R_SECONDARY) {
		const struct drbd_md *md = &device->ldev->md;

		spin_lock(&device->ldev->md_lock);
		for (node_id = 0; node_id < DRBD_MAX_NODES; node_id++) {
			if ((md->peers[node_id].flags & DRBD_MDF_NODE_EXISTS) &&
			    !md->peers[node_id].bitmap_uuid)
				mask |= NODE_MASK(node_id);
		}
		spin_unlock(&device->ldev->md_lock);
	}
	spin_unlock_irq(&resource->req_lock);
	return mask;
}

static void env_add_up_to_date_nodes(struct helper_env *env, struct drbd_resource *resource,
				     bool unfence)
{
	struct drbd_device *device;
	u64 mask = ~0ULL, of_device;
	int vnr;

	for (vnr = 0; (device = drbd_resource_device_next(resource, &vnr)) != NULL; vnr++) {
		if (drbd_ldev_get(device, D_FAILED)) {
			of_device = up_to_date_nodes_of(device, unfence);
			if (of_device)
				mask &= of_device;
			drbd_ldev_put(device);
		}
		drbd_device_put(device);
	}
	env_add(env, "UP_TO_DATE_NODES=0x%08llX", mask);
}

/* A helper may look at the metadata, or reset this machine. */
static void write_metadata(struct drbd_resource *resource, struct drbd_device *only)
{
	struct drbd_device *device;
	int vnr;

	for (vnr = 0; (device = drbd_resource_device_next(resource, &vnr)) != NULL; vnr++) {
		if ((!only || device == only) && drbd_ldev_get(device, D_FAILED)) {
			drbd_md_sync_if_dirty(device);
			drbd_ldev_put(device);
		}
		drbd_device_put(device);
	}
}

bool drbd_helper_disabled(void)
{
	return !strcmp(drbd_usermode_helper, "disabled");
}

static int run_helper(struct drbd_resource *resource, struct drbd_device *device,
		      struct drbd_connection *connection, const char *event)
{
	char program[sizeof(drbd_usermode_helper)];
	char *argv[] = { program, (char *)event, resource->name, NULL };
	struct helper_env *env;
	unsigned int noio_flags;
	int status;

	strscpy(program, drbd_usermode_helper, sizeof(program));
	if (!strcmp(program, "disabled"))
		return 0;

	/* I/O may be frozen until this helper has told that it can go on. */
	noio_flags = memalloc_noio_save();
	env = kzalloc(sizeof(*env), GFP_NOIO);
	if (!env) {
		memalloc_noio_restore(noio_flags);
		pr_err("drbd %s: no memory to run helper %s\n", resource->name, event);
		return 0;
	}

	env_add(env, "HOME=/");
	env_add(env, "TERM=linux");
	env_add(env, "PATH=/sbin:/usr/sbin:/bin:/usr/bin");
	if (device) {
		env_add(env, "DRBD_MINOR=%u", device->minor);
		env_add(env, "DRBD_VOLUME=%d", device->vnr);
		env_add_backing_dev(env, device, "");
	}
	if (connection)
		env_add_connection(env, connection);
	if (strstr(event, "fence"))
		env_add_up_to_date_nodes(env, resource, !strcmp(event, "unfence-peer"));
	if (!device)
		env_add_volumes(env, resource);
	if (env->nomem)
		pr_warn("drbd %s: helper %s: environment is incomplete, no memory\n",
			resource->name, event);

	write_metadata(resource, device);

	pr_info("drbd %s: helper command: %s %s\n", resource->name, program, event);
	drbd_notify_helper(NOTIFY_CALL, resource, device, connection, event, 0);
	status = call_usermodehelper(program, argv, env->v, UMH_WAIT_PROC | UMH_KILLABLE);
	if (status < 0)
		pr_warn("drbd %s: helper command: %s %s could not be run: %d\n", resource->name,
			program, event, status);
	else
		pr_info("drbd %s: helper command: %s %s exit code %d\n", resource->name, program,
			event, (status >> 8) & 0xff);
	drbd_notify_helper(NOTIFY_RESPONSE, resource, device, connection, event, status);

	env_free(env);
	memalloc_noio_restore(noio_flags);
	return status < 0 ? 0 : (status >> 8) & 0xff;
}

int drbd_helper(struct drbd_device *device, struct drbd_connection *connection, const char *event)
{
	return run_helper(device->resource, device, connection, event);
}

int drbd_helper_connection(struct drbd_connection *connection, const char *event)
{
	return run_helper(connection->resource, NULL, connection, event);
}
