/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The receiver thread of a connection: it connects, dispatches the data stream,
 * and cleans up when the connection is lost.  And the thread that reads the
 * control stream.  Spec: wire.md 2, states.md 7.
 */
#ifndef DRBD_RECEIVER_H
#define DRBD_RECEIVER_H

#include "objects.h"

/* A packet whose header and fixed part have been read. */
struct drbd_packet_in {
	u16 cmd;
	int vnr;			/* -1: none */
	const char *name;
	void *data;			/* fixed part (and the rest, where it is not bulk) */
	unsigned int len;		/* bytes at @data */
	unsigned int bulk;		/* bytes still in the stream, for the handler to read */
};

/* Exactly @len bytes of the data stream; 0 or -errno. */
int drbd_recv(struct drbd_connection *connection, void *buf, unsigned int len);
/*
 * The receiver collects what it submits in a plug (struct blk_plug), so that writes that
 * arrived together go to the disk together: fewer requests and interrupts, and acks that
 * leave together.  drbd_unplug() submits what was collected.  drbd_recv_may_wait() does so
 * if @len bytes are not there yet: nothing is held back by waiting for the peer.
 * Receiver thread; elsewhere without effect.
 */
void drbd_unplug(void);
void drbd_recv_may_wait(struct drbd_connection *connection, unsigned int len);
/* Reads and drops. */
int drbd_recv_drain(struct drbd_connection *connection, unsigned int len);

/* Worker: the connection left StandAlone. */
void drbd_receiver_start(struct drbd_connection *connection);
/* Any context: make it come out of whatever it waits in; @stop: for good. */
void drbd_receiver_signal(struct drbd_connection *connection, bool stop);

/* The peer's (or own) write stream moved on: resync reads may be waiting for it. */
void drbd_dagtag_advanced(struct drbd_resource *resource);

#endif
