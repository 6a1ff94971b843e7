/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a local bio: gate, activity log, overlap, registration in the
 * transfer log, local and peer legs, completed, done, forgotten.
 * Spec: io-path.md 1-6.
 */
#ifndef DRBD_REQUEST_H
#define DRBD_REQUEST_H

#include "objects.h"
#include "activity_log.h"

enum drbd_request_flag {
	REQ_WRITE = 1 << 0,		/* write, discard, write-zeroes */
	REQ_DISCARD_OR_ZERO = 1 << 1,	/* no payload; goes through the submitter */
	REQ_IN_AL = 1 << 2,		/* holds activity-log references */
	REQ_HAS_LDEV = 1 << 3,		/* holds an ldev reference */
	REQ_IN_LOG = 1 << 4,		/* linked in the transfer log */
	REQ_LOCAL_PENDING = 1 << 5,
	REQ_LOCAL_OK = 1 << 6,
	REQ_LOCAL_FAILED = 1 << 7,
	REQ_LOCAL_ABORTED = 1 << 8,	/* completed upward without waiting for the disk */
	REQ_COMPLETED = 1 << 9,		/* result given to the submitter */
	REQ_DONE = 1 << 10,		/* bits updated, AL reference dropped */
	REQ_SUBMITTED = 1 << 11,	/* was really started: counts for the bitmap */
	REQ_POSTPONED = 1 << 12,	/* back to the gate */
	REQ_NO_LOCAL = 1 << 13,		/* read: local copy failed already */
	REQ_AL_FAILED = 1 << 14,
	REQ_BIO_READY = 1 << 16,	/* write: private_bio is set up */
	REQ_LOCAL_FAILING = 1 << 17,	/* in device->failed_writes */
	REQ_ORPHAN = 1 << 18,		/* forgotten while the disk still had it: endio frees it */
	REQ_LOCAL_GOOD = 1 << 15,	/* own disk was UpToDate at registration */
};

#define DRBD_INLINE_VECS 2

/*
 * Legs are bit masks over node ids (bit n = node id n); what each means is in
 * io-path.md 1.  All under req_lock once the request is registered.
 */
struct drbd_request {
	struct drbd_device *device;
	struct bio *master_bio;
	struct drbd_interval i;
	struct drbd_al_user al;
	struct list_head tl;		/* resource->transfer_log */
	struct list_head list;		/* retry, submit queue */
	u64 block_id;
	u64 dagtag;			/* after this write */
	u32 epoch;
	u32 flags;			/* enum drbd_request_flag */
	unsigned long start_jif;

	u32 data;			/* gets the data (write) or is asked for it (read) */
	u32 oos;			/* gets P_OUT_OF_SYNC only */
	u32 oos_new;			/* of those: a bit was newly set, so it must be told */
	u32 pending;
	u32 queued;
	u32 sent;
	u32 ok;
	u32 in_sync;			/* peer cleared its bits */
	u32 net_done;
	u32 proto_a;			/* protocol A at the time the leg was created */
	u32 proto_b;
	u32 read_failed;		/* read: nodes that could not deliver */
	u32 good;			/* data legs to peers that were UpToDate then */
	blk_opf_t opf;			/* the bio's, also when that has been ended */
	unsigned long sent_jif;		/* last hand-over to a sender */

	/*
	 * For the backing device.  A write has its own table of pages: a forced detach ends
	 * the master bio, whose table is gone then, while a disk that hangs may still come to
	 * this one.
	 */
	struct bio_vec inline_vecs[DRBD_INLINE_VECS];
	struct bio private_bio;
};

/* dp_flags for the wire, without the ack bits. */
u32 drbd_request_dp_flags(const struct drbd_request *req);

/*
 * What happened to a request's leg.  req_lock held; bios that became complete
 * are added to @done: end them with drbd_complete_bios() after unlocking.
 */
enum drbd_leg_event {
	LEG_HANDED_OVER,		/* whole payload is in the transport */
	LEG_SEND_CANCELED,
	LEG_RECV_ACKED,
	LEG_WRITE_ACKED,
	LEG_WRITE_ACKED_IN_SYNC,
	LEG_NEG_ACKED,
	LEG_BARRIER_ACKED,
	LEG_LOST,			/* connection lost, give up */
	LEG_READ_DONE,
	LEG_READ_FAILED,
};
void drbd_leg_event(struct drbd_request *req, int node_id, enum drbd_leg_event event,
		    struct bio_list *done);
void drbd_complete_bios(struct bio_list *done);

/*
 * Outstanding write (read) with this id at @sector on the device, or NULL.
 * req_lock held.
 */
struct drbd_request *drbd_find_write(struct drbd_device *device, sector_t sector, u64 block_id);
struct drbd_request *drbd_find_read(struct drbd_device *device, sector_t sector, u64 block_id);

/* Next request behind @req (or the oldest, NULL) queued to @node_id; req_lock held. */
struct drbd_request *drbd_tl_next_queued(struct drbd_resource *resource,
					 struct drbd_request *req, int node_id);

/* P_BARRIER_ACK / P_CONFIRM_STABLE arrived.  0, or -EPROTO with a log line. */
int drbd_tl_barrier_ack(struct drbd_connection *connection, u32 epoch, u32 set_size);
int drbd_tl_confirm_stable(struct drbd_connection *connection, u64 oldest, u64 youngest,
			   u32 set_size);

/* The connection is gone: gives up its legs, or keeps the pending ones while suspended. */
void drbd_tl_connection_lost(struct drbd_connection *connection);
/*
 * req_lock held.  Suspended I/O: give this peer's legs of writes up / send them again
 * (states.md 13.2).  Reads end with the connection.
 */
void drbd_tl_cancel(struct drbd_peer_device *peer_device, struct bio_list *done);
void drbd_tl_resend(struct drbd_peer_device *peer_device, struct bio_list *done);
/* req_lock held: suspension ended or requests shall fail: look at everything again. */
void drbd_tl_recheck(struct drbd_resource *resource, struct bio_list *done);
/* req_lock held: set the peer's bits for all writes it has not acked (before the bitmap is sent). */
void drbd_tl_mark_unacked(struct drbd_peer_device *peer_device);
/*
 * Local writes that failed wait until the disk state shows it, so that nobody reads
 * what the disk still has: take them, change the state, finish them.  Process context.
 */
void drbd_take_failed_writes(struct drbd_device *device, struct list_head *failed);
/* Is any among them that the activity log does not tell of?  The list is the caller's. */
bool drbd_unlogged_writes(const struct list_head *failed);
void drbd_finish_failed_writes(struct drbd_device *device, struct list_head *failed);
/* The activity log has no room: peers and we ourselves shall let go of extents. Any context. */
void drbd_al_pressure(struct drbd_device *device);

/* Force-detach: local legs end now. req_lock held. */
void drbd_tl_abort_local(struct drbd_device *device, struct bio_list *done);

/* req_lock held. Closes the current epoch if it has writes; wakes the senders. */
void drbd_close_epoch(struct drbd_resource *resource);

/*
 * The next peer ack owed to this connection, in order of dagtags; false: none.
 * Takes req_lock.
 */
bool drbd_next_peer_ack(struct drbd_connection *connection, u64 *mask, u64 *dagtag);

/* A bio that is admitted already; @failed: nodes that could not serve the read. */
void drbd_request_again(struct drbd_device *device, struct bio *bio, u32 failed, u32 no_local);

/* Sends the collected peer-ack group now / req_lock held. */
void drbd_flush_peer_ack(struct drbd_resource *resource);

/* The admission gate may have opened. */
static inline void drbd_gate_changed(struct drbd_device *device)
{
	wake_up_all(&device->misc_wait);
}

/*
 * A bio that block.c has checked (role, alignment, size) and split to the queue
 * limits.  Owns it; ends it exactly once.  May sleep at the gate.
 */
void drbd_request_submit(struct drbd_device *device, struct bio *bio);

/*
 * While no new ones come: waits, ten seconds at most, until all writes are forgotten, that is
 * stable on all peers and known to the bitmap where they are not.  False: some are not (the
 * resource is suspended, a peer does not answer, a signal came).
 */
bool drbd_writes_settled(struct drbd_device *device);

/*
 * Internal freeze (io-path.md 3.4): no request is admitted until thawed; returns
 * when the admitted ones are through (writes only, or all with @reads).  Returns
 * early while the resource is suspended.  -EINTR if a signal came; nothing is frozen then.
 */
int drbd_freeze_io(struct drbd_device *device, bool reads, bool interruptible);
/*
 * The same for writes, by a receiver (or NULL): that must not wait any longer once its
 * connection is lost, for completing the writes that miss an answer is its own duty.
 * False: that happened, and nothing is frozen.
 */
bool drbd_freeze_writes(struct drbd_device *device, struct drbd_connection *receiver);
void drbd_thaw_io(struct drbd_device *device);

/* Last close / demotion: all writes done, epoch closed, barrier-acked, peer acks out. */
void drbd_wait_writes_stable(struct drbd_device *device);

int drbd_request_init(void);		/* mempools, slabs */
void drbd_request_exit(void);
int drbd_request_init_resource(struct drbd_resource *resource);
void drbd_request_free_resource(struct drbd_resource *resource);
int drbd_request_init_device(struct drbd_device *device);
void drbd_request_free_device(struct drbd_device *device);

#endif
