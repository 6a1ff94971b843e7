/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Resynchronisation: exchange of bitmaps, the target that pulls blocks, the
 * source that answers, how it ends.  Spec: resync.md 7-14.
 */
#ifndef DRBD_RESYNC_H
#define DRBD_RESYNC_H

#include "objects.h"

struct drbd_packet_in;
struct drbd_peer_request;
struct drbd_pkt_block_ack;
struct drbd_pkt_range;

int drbd_resync_init(struct drbd_peer_device *pd);	/* 0, -ENOMEM */
void drbd_resync_fini(struct drbd_peer_device *pd);

/* req_lock held: the state becomes @repl_state. */
void drbd_resync_init_progress(struct drbd_peer_device *pd, u8 repl_state);

/* Worker, after a commit of WFBitMapS: for that exchange only (resync.md 7). */
void drbd_queue_send_bitmap(struct drbd_peer_device *pd);
void drbd_start_full_sync(struct drbd_peer_device *pd, enum drbd_repl_state side);
/*
 * The device has grown from pd->new_space sectors on, by P_SIZES and not by a
 * two-phase commit (resync.md 18.7): resynchronise that, if this is the nearest
 * lower or higher node id with a disk, in the connection of @session.  Process
 * context.
 */
void drbd_resync_new_space(struct drbd_peer_device *pd, u32 session);
/*
 * Two UpToDate nodes met without a resync, with bits for one another at both
 * ends: of new space, say, whose resync did not begin before they were parted.
 * One of them orders a resync by bitmap, cluster-wide.  Process context.
 */
void drbd_resync_left_over(struct drbd_peer_device *pd);
/* Is a resync of ours to begin that the peer may have begun already? */
bool drbd_resync_to_begin(struct drbd_peer_device *pd);
void drbd_resync_start_requests(struct drbd_peer_device *pd);
void drbd_resync_began(struct drbd_peer_device *pd);
void drbd_resync_ended(struct drbd_peer_device *pd, u8 old_repl_state);
/* resync-after dependencies may have changed; any process context. */
void drbd_resync_after_changed_async(void);

/* Receiver. */
int drbd_receive_bitmap(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_rs_request(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_rs_data_reply(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_rs_deallocated(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_flush_requests(struct drbd_connection *connection, struct drbd_packet_in *pi);
/* The target says it is done. */
void drbd_resync_source_finished(struct drbd_peer_device *pd, u8 peer_disk);
/* Connection lost: everything outstanding is canceled or finished when this returns. */
void drbd_resync_lost(struct drbd_connection *connection);
/* P_OUT_OF_SYNC set bits: they must be visited. */
void drbd_resync_bits_set(struct drbd_peer_device *pd, sector_t sector);

/* Control stream. */
int drbd_resync_acked(struct drbd_peer_device *pd, u64 sector, u32 size, u64 block_id, bool ok);
int drbd_resync_answered(struct drbd_peer_device *pd, u16 cmd, const struct drbd_pkt_block_ack *a);
int drbd_resync_peers_in_sync(struct drbd_peer_device *pd, const struct drbd_pkt_range *r);

/*
 * Starts a resync that both sides know of, as @side (L_SYNC_SOURCE or L_SYNC_TARGET);
 * asynchronously, from any process context.  It comes to nothing when the connection
 * is no longer the one of @session, or the replication state no longer @from.
 */
void drbd_resync_start(struct drbd_peer_device *pd, enum drbd_repl_state side,
		       enum drbd_repl_state from, u32 session);

/* verify.c */
int drbd_receive_ov_reply(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_verify_result(struct drbd_peer_device *pd, u16 cmd, const void *data, unsigned int len);
void drbd_verify_peer_finished(struct drbd_peer_device *pd);
/* A verify request we made is over: the peer will not answer / the connection is lost. */
void drbd_verify_canceled(struct drbd_peer_request *pr);
void drbd_verify_lost(struct drbd_peer_request *pr);
/* Is it a verify that runs?  Makes its requests for one tick; returns 4 KiB blocks asked for. */
unsigned int drbd_verify_tick(struct drbd_peer_device *pd, unsigned int blocks);
void drbd_verify_serve(struct drbd_peer_device *pd, struct drbd_peer_request *pr);
/* Brings pages to a request without any; may wait. */
void drbd_resync_give_pages(struct drbd_peer_request *pr);
/* A request of the peer is over: unlinks and frees it. */
void drbd_resync_serve_over(struct drbd_peer_request *pr);
/* Tells the rate controller. */
void drbd_resync_requested(struct drbd_peer_device *pd, unsigned int sectors);

/* admin.c */
void drbd_compare_again(struct drbd_peer_device *pd, u64 flags);
bool drbd_attach_result(struct drbd_peer_device *pd, int outcome, u8 repl_state);
void drbd_resync_after_update(struct drbd_device *device);
void drbd_resync_after_flush(void);		/* module exit */
/* Runs fence-peer and applies its result; true: the peer is Outdated or worse. */
bool drbd_fence_peer(struct drbd_connection *connection);
void drbd_check_fencing_freeze(struct drbd_connection *connection);
void drbd_fence_after_disconnect(struct drbd_connection *connection);
void drbd_fence_work(struct work_struct *work);

#endif
