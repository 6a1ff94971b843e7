/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * I/O done for a peer: replicated writes, remote reads, and the bricks that
 * resync and verify are built of.  Spec: io-path.md 8, resync.md 6.3.
 */
#ifndef DRBD_PEER_REQUEST_H
#define DRBD_PEER_REQUEST_H

#include "objects.h"
#include "activity_log.h"

enum drbd_peer_request_flag {
	PR_IN_AL = 1 << 0,
	PR_HAS_LDEV = 1 << 1,
	PR_FAILED = 1 << 2,		/* the backing device, or the digest */
	PR_COMPLETED = 1 << 3,		/* done on the backing device */
	PR_ACKED = 1 << 4,		/* block ack sent, or none owed */
	PR_DISCARD = 1 << 5,		/* backing: discard; with PR_ZERO: may unmap */
	PR_ZERO = 1 << 6,
	PR_NO_DISK = 1 << 7,		/* refused: recorded for the peer ack only */
	PR_CONFIRMED = 1 << 8,		/* covered by a P_CONFIRM_STABLE */
	PR_MAY_SET_IN_SYNC = 1 << 9,
	PR_ON_EPOCH = 1 << 10,
	PR_CSUM = 1 << 11,		/* resync request with a digest */
	PR_THIN = 1 << 12,
	PR_CANCELED = 1 << 13,
	PR_READING = 1 << 14,
	PR_IN_INTERVALS = 1 << 15,
	PR_UNACKED = 1 << 16,		/* counted in peer_device->unacked */
};

struct drbd_peer_request {
	struct list_head list;
	struct list_head recv_order;		/* connection->peer_writes */
	struct drbd_peer_device *peer_device;	/* referenced */
	struct drbd_interval i;
	struct drbd_al_user al;
	struct work_struct work;
	struct drbd_sender_work sw;
	void (*completed)(struct drbd_peer_request *pr);	/* from endio: any context */
	void (*go)(struct drbd_peer_request *pr);	/* interval free: process context */
	u64 block_id;				/* raw, as received */
	u64 dagtag;
	u32 dp_flags;
	u32 flags;
	unsigned int epoch_nr;
	u64 depend_dagtag;			/* resync: data this must not be older than */
	int depend_node;
	unsigned long sent_jif;
	bool writer_marked;			/* req_lock, or not submitted yet: the sender's slot
						 * has the bits, it misses its own write */
	unsigned int digest_size;
	u8 digest[DRBD_MAX_DIGEST_SIZE];
	struct bio *bio;			/* payload; NULL for discards */
};

int drbd_peer_request_init(void);
void drbd_peer_request_exit(void);

/*
 * Allocates a request of @size bytes at @sector, with pages if @pages.  Process
 * context, GFP_NOIO, may wait; never fails.  Takes a peer_device reference.
 */
struct drbd_peer_request *drbd_pr_alloc(struct drbd_peer_device *peer_device, sector_t sector,
					unsigned int size, bool pages);
/* Frees pages early / everything.  Any context. */
void drbd_pr_free_pages(struct drbd_peer_request *pr);
void drbd_pr_free(struct drbd_peer_request *pr);

/* Reads the payload from the data stream into the pages; 0 or -errno. */
int drbd_pr_receive(struct drbd_peer_request *pr);

/*
 * Submits to the backing device; pr->completed() is called at the end.  Takes
 * REQ_OP_ and flags in @opf; PR_DISCARD/PR_ZERO requests go to the device's
 * submitter.  Caller holds an ldev reference through PR_HAS_LDEV.
 */
void drbd_pr_submit(struct drbd_peer_request *pr, blk_opf_t opf);

/* Digest of the pages / of a bio with @tfm; process context. */
void drbd_digest_pr(struct crypto_shash *tfm, struct drbd_peer_request *pr, u8 *digest);
void drbd_digest_bio(struct crypto_shash *tfm, struct bio *bio, u8 *digest);
bool drbd_pr_all_zero(struct drbd_peer_request *pr);

/* Sends the payload pages behind a head; stream mutex held. */
int drbd_pr_send_pages(struct drbd_peer_request *pr);

/* Packet handlers of the data stream; receiver thread.  @size: bytes behind the header. */
struct drbd_packet_in;
int drbd_receive_data(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_data_request(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_data_reply(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_barrier(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_out_of_sync(struct drbd_connection *connection, struct drbd_packet_in *pi);
int drbd_receive_dagtag(struct drbd_connection *connection, struct drbd_packet_in *pi);

/* P_PEER_ACK.  0 or -EPROTO. */
int drbd_process_peer_ack(struct drbd_connection *connection, u64 mask, u64 dagtag);

/* Cleanup after a connection loss, in the receiver (states.md 7.4.4, 7.4.7). */
void drbd_peer_requests_lost(struct drbd_connection *connection);
/*
 * The sender's disk failed: what it wrote last may not be there, and its own metadata may not
 * know.  req_lock held.
 */
void drbd_writer_lost_disk(struct drbd_peer_device *peer_device);
/* req_lock held: its own bits for unacked writes, before a bitmap goes out (6.1). */
void drbd_mark_unacked_peer_writes(struct drbd_resource *resource);

/* Block acks: LA layout on the control stream. */
int drbd_send_block_ack(struct drbd_peer_device *peer_device, u16 cmd, sector_t sector,
			unsigned int size, u64 block_id, bool more);
void drbd_send_acks_work(struct work_struct *work);
void drbd_peer_ack_work(struct work_struct *work);

/* P_DATA_REPLY, P_RS_DATA_REPLY; the sender thread. */
int drbd_send_data_reply(struct drbd_peer_request *pr, u16 cmd);
/* P_CONFIRM_STABLE for what is done, from a work item. */
void drbd_confirm_stable(struct drbd_connection *connection);
void drbd_confirm_stable_init(struct drbd_connection *connection);

/* Slot bit mask of a peer, 0: none. */
static inline u32 drbd_slot_bit(const struct drbd_peer_device *pd)
{
	return pd->bitmap_index < 0 ? 0 : 1u << pd->bitmap_index;
}

#endif
