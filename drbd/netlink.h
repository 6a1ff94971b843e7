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

/* ------------------------------------------------------ objects, objects.c */

/*
 * All return referenced objects; NULL: not there / no memory.  Creation also
 * links them (conf_mutex held by the caller for devices and connections) but
 * sends no notification: the netlink handlers do.
 */
struct drbd_resource *drbd_resource_create(const char *name, const struct res_opts *opts);
struct drbd_resource *drbd_resource_find(const char *name);
void drbd_resource_get(struct drbd_resource *resource);
void drbd_resource_put(struct drbd_resource *resource);
void drbd_resource_unlink(struct drbd_resource *resource);

struct drbd_device *drbd_device_create(struct drbd_resource *resource, unsigned int minor,
				       int vnr, const struct device_conf *conf, int *err);
struct drbd_device *drbd_device_find(unsigned int minor);
void drbd_device_get(struct drbd_device *device);
void drbd_device_put(struct drbd_device *device);
void drbd_device_unlink(struct drbd_device *device);
/* Calls fn for every device of the module, referenced, no lock held. */
void drbd_for_each_device(void (*fn)(struct drbd_device *device, void *arg), void *arg);

struct drbd_connection *drbd_connection_create(struct drbd_resource *resource, int peer_node_id,
					       const struct net_conf *net_conf,
					       struct drbd_transport_class *tc, int *err);
struct drbd_connection *drbd_connection_find(struct drbd_resource *resource, int peer_node_id);
void drbd_connection_get(struct drbd_connection *connection);
void drbd_connection_put(struct drbd_connection *connection);
void drbd_connection_unlink(struct drbd_connection *connection);

void drbd_peer_device_get(struct drbd_peer_device *peer_device);
void drbd_peer_device_put(struct drbd_peer_device *peer_device);

#endif
