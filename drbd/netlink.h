/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic-netlink front door: replies, dumps, notifications, and the
 * user-mode helpers whose calls are notified.  Spec: netlink.md, states.md 16.
 */
#ifndef DRBD_NETLINK_H
#define DRBD_NETLINK_H

#include "objects.h"
#include "state_change.h"

/* Explanations for the administrator, sent as info_text.  @reply may be NULL. */
struct drbd_reply;
__printf(2, 3) void drbd_reply_text(struct drbd_reply *reply, const char *fmt, ...);

int drbd_netlink_init(void);
void drbd_netlink_exit(void);

/*
 * Notifications (netlink.md 10).  Process context, sleep (one global mutex
 * orders number and sending); no other lock of ours may be needed by the reader.
 * drbd_notify_change(): one group for everything that differs between OLD and
 * NEW in the snapshot; nothing if nothing differs.
 */
void drbd_notify_change(struct drbd_snapshot *snapshot);
void drbd_notify_device(struct drbd_device *device);		/* CHANGE: first open, last close */
void drbd_notify_peer_device(struct drbd_peer_device *peer_device);	/* CHANGE: UUIDs, progress */
void drbd_notify_path(struct drbd_connection *connection, struct drbd_path *path);	/* CHANGE */

/*
 * Runs the user-mode helper with the environment of states.md 16 and waits.
 * Returns its exit code (0: none configured, could not be spawned, disabled).
 * Process context; caller must not hold adm_mutex (a helper may call drbdsetup)
 * nor any lock of objects.h.  @peer_device may be NULL in the first form.
 */
int drbd_helper(struct drbd_device *device, struct drbd_connection *connection, const char *event);
int drbd_helper_connection(struct drbd_connection *connection, const char *event);
bool drbd_helper_disabled(void);

/* module parameters, main.c */
extern char drbd_usermode_helper[80];
extern bool drbd_strict_names;
extern bool drbd_disable_sendpage;
extern bool drbd_allow_oos;
extern unsigned int drbd_protocol_version_min;
extern unsigned int drbd_minor_count;
extern unsigned int drbd_max_parallel_resyncs;	/* 0: no limit */

/* ------------------------------------------------------ objects, objects.c */

/*
 * Life: create (referenced, reachable by nobody) - link (reachable, with the peer
 * devices that go with it) - unlink (not found any more; its own list of peer
 * devices is still there, for the DESTROY messages) - drop (the list's references)
 * - free, one RCU grace period after the last put, which may come from any context.
 * None of these sends a notification: the netlink handlers do.
 *
 * link and unlink: process context, drbd_objects_mutex (resources, devices) and
 * conf_mutex (devices, connections) held; drop: conf_mutex held.
 * find and next return a reference, NULL if there is none, and take no lock.
 */
int drbd_objects_init(void);
void drbd_objects_exit(void);

/* *@err: -EINVAL bad cpu mask, -ENOMEM, -ESHUTDOWN module is on its way out. */
struct drbd_resource *drbd_resource_create(const char *name, const struct res_opts *opts, int *err);
void drbd_resource_link(struct drbd_resource *resource);
void drbd_resource_unlink(struct drbd_resource *resource);
struct drbd_resource *drbd_resource_find(const char *name);
/* The first one created after that with @serial (0: the first of all). */
struct drbd_resource *drbd_resource_next(u64 serial);
void drbd_resource_get(struct drbd_resource *resource);
void drbd_resource_put(struct drbd_resource *resource);
/* cpu-mask option to @mask; "" or a mask without an online CPU: all. 0, -EINVAL, -ERANGE ... */
int drbd_parse_cpu_mask(const char *text, struct cpumask *mask);

struct drbd_device *drbd_device_create(struct drbd_resource *resource, unsigned int minor,
				       int vnr, const struct device_conf *conf, int *err);
/* 0, -EEXIST: minor or volume number taken, -ENOMEM. */
int drbd_device_link(struct drbd_device *device);
void drbd_device_unlink(struct drbd_device *device);
void drbd_device_drop(struct drbd_device *device);
struct drbd_device *drbd_device_find(unsigned int minor);
/* The one with the lowest minor (volume) number >= *@minor, which is set to it. */
struct drbd_device *drbd_device_next(int *minor);
struct drbd_device *drbd_resource_device_next(struct drbd_resource *resource, int *vnr);
void drbd_device_get(struct drbd_device *device);
void drbd_device_put(struct drbd_device *device);
/* Calls fn for every device of the module, referenced, no lock held. */
void drbd_for_each_device(void (*fn)(struct drbd_device *device, void *arg), void *arg);

/*
 * On success owns the caller's reference of @class.  *@err: -ENOMEM, or what the
 * transport's init returned.
 */
struct drbd_connection *drbd_connection_create(struct drbd_resource *resource, int peer_node_id,
					       const struct net_conf *net_conf,
					       struct drbd_transport_class *class,
					       struct net *net, int *err);
int drbd_connection_link(struct drbd_connection *connection);	/* 0, -ENOMEM */
void drbd_connection_unlink(struct drbd_connection *connection);
void drbd_connection_drop(struct drbd_connection *connection);
struct drbd_connection *drbd_connection_find(struct drbd_resource *resource, int peer_node_id);
struct drbd_connection *drbd_connection_next(struct drbd_resource *resource, u64 serial);
void drbd_connection_get(struct drbd_connection *connection);
void drbd_connection_put(struct drbd_connection *connection);
void drbd_connection_update_log_prefix(struct drbd_connection *connection);
void drbd_transport_conf_from(const struct net_conf *net_conf, struct drbd_transport_conf *conf);

void drbd_peer_device_get(struct drbd_peer_device *peer_device);
void drbd_peer_device_put(struct drbd_peer_device *peer_device);

#endif
