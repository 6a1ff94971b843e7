/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection's threads and streams: receiver (connect, data stream), sender,
 * acks; sending packets.  Spec: wire.md, states.md 7.
 */
#ifndef DRBD_CONNECTION_H
#define DRBD_CONNECTION_H

#include "objects.h"

/*
 * Set-up and tear-down, called by objects.c.  drbd_connection_init() is called
 * once the struct is allocated and linked nowhere; threads are started by the
 * state change to Unconnected.  drbd_connection_stop() (process context, after
 * StandAlone) waits until every thread and work item has ended.
 */
int drbd_connection_init(struct drbd_connection *connection);
void drbd_connection_stop(struct drbd_connection *connection);
void drbd_connection_free_resources(struct drbd_connection *connection);
/* A volume was added to a possibly established connection (wire.md 3.8). */
void drbd_peer_device_added(struct drbd_peer_device *peer_device);
/*
 * The first peer device with a volume number >= *@vnr, referenced; *@vnr becomes its
 * number.  NULL: none.  No lock needed: volumes may come and go between two steps.
 */
struct drbd_peer_device *drbd_connection_pd_next(struct drbd_connection *connection, int *vnr);
/* For bodies that sleep; leaving the loop early keeps the reference of @pd. */
#define for_each_volume_of(pd, vnr, c) \
	for (vnr = 0; (pd = drbd_connection_pd_next(c, &(vnr))); \
	     (vnr)++, drbd_peer_device_put(pd))
int drbd_peer_device_init(struct drbd_peer_device *peer_device);
void drbd_peer_device_fini(struct drbd_peer_device *peer_device);

/*
 * Algorithms by name; those that differ from @was (NULL: new connection) are
 * installed in the connection.  adm_mutex.  ERR_ code, netlink.md 7.5.
 */
struct drbd_reply;
int drbd_connection_set_algorithms(struct drbd_connection *connection,
				   const struct net_conf *was, const struct net_conf *net_conf,
				   struct drbd_reply *reply);
/* net-options changed while connected: P_PROTOCOL_UPDATE and P_SYNC_PARAM89. */
void drbd_send_protocol_update(struct drbd_connection *connection);
void drbd_send_sync_param(struct drbd_peer_device *peer_device);

/* Pings every connected peer of the resource; those that stay silent are dropped. */
void drbd_ping_peers(struct drbd_resource *resource);
bool drbd_ping_peer(struct drbd_connection *connection);

#endif
