/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From two connected streams to Established: features, authentication, protocol,
 * the introduction of every volume, the judgement on each, and the packets that
 * repeat parts of that later.  Spec: wire.md 3, 8; states.md 9.2, 11.6.
 */
#ifndef DRBD_HANDSHAKE_H
#define DRBD_HANDSHAKE_H

#include "objects.h"
#include "core/handshake.h"

struct drbd_packet_in;

/*
 * Features and authentication; receiver thread, streams are up but not published.
 * 1: go on.  0: close and try again in a second.  -1: StandAlone.
 */
int drbd_handshake_streams(struct drbd_connection *connection);
/* P_PROTOCOL, and the connect transaction if that is ours to start. */
int drbd_handshake_start(struct drbd_connection *connection);

/*
 * P_PROTOCOL_UPDATE with @nc, which is not in place yet, if connected.  Caller holds
 * the data stream: what follows is protected by the new data-integrity-alg.
 */
void drbd_send_new_integrity(struct drbd_connection *connection, const struct net_conf *nc);

/*
 * Compares again while Established (resync.md 5.16), and prepares UUID and bitmap for
 * the result.  Receiver thread.  WFBitMapS, WFBitMapT, or Established: nothing to do.
 */
u8 drbd_judge_stability(struct drbd_peer_device *pd, bool diskless_primary);

/* Connect transaction. */
void drbd_connect_work(struct work_struct *work);
/*
 * Forgets what an earlier attempt left and freezes the UUIDs: the initiator before
 * its PREPARE leaves, the target before its introduction.  Process context.
 */
void drbd_handshake_begin(struct drbd_connection *connection);
/* All volumes; between _begin() and _undo() or _committed(). */
void drbd_send_introduction(struct drbd_connection *connection);
void drbd_handshake_undo(struct drbd_connection *connection);

/* Both ends, after the COMMIT. */
void drbd_handshake_committed(struct drbd_connection *connection);
/* Calls @fn for each peer device, referenced, no lock held. */
void drbd_each_peer_device(struct drbd_device *device, void (*fn)(struct drbd_peer_device *pd));

/* Sending; process context; 0 or -errno. */
int drbd_send_state(struct drbd_peer_device *pd);
void drbd_send_state_all(struct drbd_device *device);
void drbd_send_role(struct drbd_resource *resource);
int drbd_send_sizes(struct drbd_peer_device *pd, u64 u_size, u32 dds_flags);
/*
 * P_UUIDS110, or P_CURRENT_UUID without a disk; @flags: DRBD_UUID_F_*.  Takes the stream
 * mutex: of two calls the later one sends the newer UUIDs.
 */
int drbd_send_uuids(struct drbd_peer_device *pd, u64 flags, u64 node_mask);
int drbd_send_twopc(struct drbd_connection *connection, enum drbd_twopc_phase phase,
		    const struct drbd_twopc_request *req);
int drbd_send_twopc_reply(struct drbd_connection *connection, enum drbd_twopc_answer answer,
			  int vnr, const struct drbd_twopc_reply *reply);

/* Packet handlers, receiver thread.  0 or -errno (the connection ends). */
int drbd_receive_protocol(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_sync_param(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_sizes(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_uuids110(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_current_uuid(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_state(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_twopc(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_twopc_reply(struct drbd_connection *connection, u16 cmd, int vnr,
			     const void *data);
int drbd_receive_disconnect(struct drbd_connection *connection, struct drbd_packet_in *pi);

/* Hard Disconnecting. */
void drbd_conn_disconnecting(struct drbd_connection *connection, const char *tag);

#endif
