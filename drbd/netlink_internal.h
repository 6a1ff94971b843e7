/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the netlink front door share: the family, the collection of
 * explanations, and the building of the nests that dumps and notifications
 * have in common.
 */
#ifndef DRBD_NETLINK_INTERNAL_H
#define DRBD_NETLINK_INTERNAL_H

#include <net/genetlink.h>
#include "netlink.h"
#include "genl_codec.h"

extern struct genl_family drbd_genl_family;

/* ------------------------------------------------------------ explanations */

/*
 * Texts for the administrator, collected while a command runs and sent in one
 * CFG_REPLY.  What does not fit is dropped; a command never fails for that.
 */
#define DRBD_REPLY_TEXT_MAX 255
struct drbd_reply {
	spinlock_t lock;
	unsigned int used;
	char texts[2560];		/* one after the other, each with its NUL */
};

/* ---------------------------------------------------------------- messages */

/*
 * Begins a message in @skb: genetlink header and family header.  Returns what
 * genlmsg_end() wants, NULL if there is no room.
 */
void *drbd_msg_begin(struct sk_buff *skb, u32 portid, u32 seq, int flags, u8 cmd, u32 minor,
		     int ret_code);

/* CFG_CONTEXT; what is NULL is left out.  0 or -EMSGSIZE, like all that follow. */
int drbd_put_context(struct sk_buff *skb, struct drbd_resource *resource,
		     struct drbd_device *device, struct drbd_connection *connection,
		     struct drbd_path *path);
int drbd_put_notification_header(struct sk_buff *skb, unsigned int type);
/* The list of paths in PATH_PARMS; none with @empty.  Takes RCU. */
int drbd_put_paths(struct sk_buff *skb, struct drbd_connection *connection, bool empty);

/* State as it is now. */
void drbd_get_resource_info(struct drbd_resource *resource, struct resource_info *info);
void drbd_get_device_info(struct drbd_device *device, struct device_info *info);
void drbd_get_connection_info(struct drbd_connection *connection, struct connection_info *info);
void drbd_get_peer_device_info(struct drbd_peer_device *peer_device,
			       struct peer_device_info *info);
/* The part of the state that belongs to index @i of the snapshot. */
void drbd_snap_resource_info(const struct drbd_snap_resource *snap, int i,
			     struct resource_info *info);
void drbd_snap_device_info(const struct drbd_snap_device *snap, int i, struct device_info *info);
void drbd_snap_connection_info(const struct drbd_snap_connection *snap, int i,
			       struct connection_info *info);
void drbd_snap_peer_device_info(const struct drbd_snap_peer_device *snap, int i,
				struct peer_device_info *info);

int drbd_put_resource_statistics(struct sk_buff *skb, struct drbd_resource *resource);
int drbd_put_device_statistics(struct sk_buff *skb, struct drbd_device *device);
int drbd_put_connection_statistics(struct sk_buff *skb, struct drbd_connection *connection);
int drbd_put_peer_device_statistics(struct sk_buff *skb, struct drbd_peer_device *peer_device);

/*
 * Bodies of the state messages (10.3): context, header, @info unless NULL,
 * statistics.  Also used for the initial state.
 */
int drbd_put_resource_state(struct sk_buff *skb, struct drbd_resource *resource,
			    const struct resource_info *info, unsigned int type);
int drbd_put_device_state(struct sk_buff *skb, struct drbd_device *device,
			  const struct device_info *info, unsigned int type);
int drbd_put_connection_state(struct sk_buff *skb, struct drbd_connection *connection,
			      const struct connection_info *info, unsigned int type);
int drbd_put_peer_device_state(struct sk_buff *skb, struct drbd_peer_device *peer_device,
			       const struct peer_device_info *info, unsigned int type);
int drbd_put_path_state(struct sk_buff *skb, struct drbd_connection *connection,
			struct drbd_path *path, unsigned int type);

/* A connection's first path, referenced, or NULL. */
struct drbd_path *drbd_first_path(struct drbd_connection *connection);

/* ----------------------------------------------------------- notifications */

/* CREATE and DESTROY of an object and what comes and goes with it: one group each. */
void drbd_notify_resource_created(struct drbd_resource *resource);
void drbd_notify_resource_destroyed(struct drbd_resource *resource);
void drbd_notify_resource_renamed(struct drbd_resource *resource, const char *new_name);
void drbd_notify_device_created(struct drbd_device *device);
void drbd_notify_device_destroyed(struct drbd_device *device);
void drbd_notify_connection_created(struct drbd_connection *connection);
void drbd_notify_connection_destroyed(struct drbd_connection *connection);
void drbd_notify_path_type(struct drbd_connection *connection, struct drbd_path *path,
			   enum drbd_notification_type type);
void drbd_notify_helper(enum drbd_notification_type type, struct drbd_resource *resource,
			struct drbd_device *device, struct drbd_connection *connection,
			const char *name, u32 status);

/* ------------------------------------------------------ handlers of the ops */

int drbd_genl_doit(struct sk_buff *skb, struct genl_info *info);

/* Dumps, netlink_dump.c: one triple serves them all, told apart by the command. */
int drbd_genl_dump_start(struct netlink_callback *cb);
int drbd_genl_dump(struct sk_buff *skb, struct netlink_callback *cb);
int drbd_genl_dump_done(struct netlink_callback *cb);

#endif
