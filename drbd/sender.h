/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sending: packets onto the two streams, and the thread that walks the transfer
 * log for one peer.  Spec: wire.md 2, io-path.md 7, 16.
 */
#ifndef DRBD_SENDER_H
#define DRBD_SENDER_H

#include "objects.h"

/*
 * Sends one packet: header in the agreed format, then @len bytes of @payload.
 * Process context; waits for the stream's mutex and for buffer space.  0, or
 * -ENOTCONN while the streams are down; after another error the connection is on
 * its way to NetworkFailure.  @len <= DRBD_PACKET_BUFFER_SIZE - 16.
 */
int drbd_send_packet(struct drbd_connection *connection, enum drbd_stream stream, u16 cmd,
		     int vnr, const void *payload, unsigned int len);

/*
 * The same in pieces, for packets with bulk data: take the stream's mutex, send,
 * release.  @total: announced length; @more: something follows at once.
 */
void drbd_stream_lock(struct drbd_connection *connection, enum drbd_stream stream);
void drbd_stream_unlock(struct drbd_connection *connection, enum drbd_stream stream);
int drbd_send_head(struct drbd_connection *connection, enum drbd_stream stream, u16 cmd, int vnr,
		   const void *payload, unsigned int len, unsigned int total, bool more);
/* Payload of a bio behind a head; by reference where allowed. */
int drbd_send_bio_pages(struct drbd_connection *connection, struct bio *bio, bool by_reference,
			bool more);
int drbd_send_bytes(struct drbd_connection *connection, enum drbd_stream stream,
		    const void *buf, unsigned int len, bool more);

/* P_PING now / the ack to one; any process context. */
int drbd_send_ping(struct drbd_connection *connection);

/* Queues work for the sender thread (any context); runs it or cancels it. */
void drbd_queue_sender_work(struct drbd_connection *connection, struct drbd_sender_work *w);

/*
 * The right to walk the transfer log for this peer, which the thread needs as well.
 * drbd_sender_claim(): true if nobody has it and no queued work comes first;
 * req_lock held.  drbd_sender_walk(): sends a request of @size bytes if
 * that needs no waiting for buffer space, gives the right back and leaves the rest to
 * the thread; process context.
 */
bool drbd_sender_claim(struct drbd_connection *connection);
void drbd_sender_walk(struct drbd_connection *connection, unsigned int size);

/* The thread: started when the receiver starts, stopped after it. */
int drbd_sender_start(struct drbd_connection *connection);
void drbd_sender_stop(struct drbd_connection *connection);
/* Connection lost: waits until the sender holds no request, cancels queued work. */
void drbd_sender_quiesce(struct drbd_connection *connection);
/* A new connection: forget what the peer knew.  Before Connected is published. */
void drbd_sender_reset(struct drbd_connection *connection);

#endif
