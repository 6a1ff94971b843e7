/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The backing device of a volume: attach, detach, references, errors.
 * Spec: states.md 8, netlink.md 7.3, io-path.md 13.
 */
#ifndef DRBD_BACKING_H
#define DRBD_BACKING_H

#include "objects.h"

struct drbd_reply;

int drbd_backing_init(void);		/* module: bio sets, workqueue; 0 or -ENOMEM */
void drbd_backing_exit(void);		/* waits for work that is still queued */
/* Object set-up, before anything below may be called: timers and work items. */
void drbd_backing_init_device(struct drbd_device *device);
/* The last reference is gone, the disk is Diskless: nothing may be pending any more. */
void drbd_backing_free_device(struct drbd_device *device);

/*
 * Takes a reference on device->ldev if the disk state is at least @min.  While
 * held, ldev, bitmap and activity log stay.  Any context.
 */
bool drbd_ldev_get(struct drbd_device *device, enum drbd_disk_state min);
/*
 * Last one out in state Failed or Detaching: the worker goes Diskless.  Hence
 * whoever sets one of these states must hold a reference across that.
 */
void drbd_ldev_put(struct drbd_device *device);

/* Front-door operations; caller holds adm_mutex.  ERR_ or SS_ codes, netlink.md 7.3. */
int drbd_do_attach(struct drbd_device *device, const struct disk_conf *disk_conf,
		   struct drbd_reply *reply);
int drbd_do_detach(struct drbd_device *device, bool force, bool intentional_diskless,
		   struct drbd_reply *reply);
int drbd_do_disk_options(struct drbd_device *device, const struct disk_conf *disk_conf,
			 struct drbd_reply *reply);
int drbd_do_resize(struct drbd_device *device, const struct resize_parms *parms,
		   struct drbd_reply *reply);

/*
 * After state Diskless was published: once the last reference is gone, ldev,
 * bitmap and activity log are freed by a work item of this room.  Does not wait,
 * may be called more than once and with references held; process context.
 * drbd_ldev_wait_gone() waits until that has happened: -ERESTARTSYS on a signal.
 */
void drbd_ldev_destroy(struct drbd_device *device);
int drbd_ldev_wait_gone(struct drbd_device *device);

enum drbd_io_error_kind {
	DRBD_IO_ERR_READ,	/* data read */
	DRBD_IO_ERR_WRITE,	/* data write */
	DRBD_IO_ERR_FLUSH,	/* any write since the last flush may be lost */
	DRBD_IO_ERR_META,	/* metadata, activity log, bitmap */
	DRBD_IO_ERR_FORCE,	/* force-detach, disk-timeout */
};
/*
 * Applies on-io-error (states.md 8.6).  Any context; the state change itself is
 * made by the worker when called in atomic context.
 */
void drbd_io_error(struct drbd_device *device, enum drbd_io_error_kind kind);

/*
 * Sizes, sectors.  drbd_determine_size(): resync.md 18.3-18.6: computes the new
 * agreed size from the inputs and carries it out (freezes I/O, bitmap,
 * capacity, metadata).  Process context; <0: errno-like refusal.
 */
enum drbd_size_change { DRBD_SIZE_SAME, DRBD_SIZE_GREW, DRBD_SIZE_SHRANK,
			DRBD_SIZE_GREW_FROM_0, DRBD_SIZE_ERROR };
sector_t drbd_backing_capacity(struct drbd_device *device);	/* usable, metadata deducted */
/* What this node knows when sizes are negotiated, for the decisions of core/size.h. */
struct drbd_size_view;
void drbd_size_view_fill(struct drbd_device *device, struct drbd_size_view *view);
enum drbd_size_change drbd_determine_size(struct drbd_device *device, u64 user_size,
					  unsigned int dds_flags, struct drbd_reply *reply);
/*
 * The same with a size that was agreed by others (resize transaction, core's
 * drbd_size_receive()); also remembers @user_size as the disk's size option.
 * An error if the own disk has no room for it.  Called by a connection's receiver
 * (@receiver, else NULL): waits for writes only while that connection lasts.
 */
enum drbd_size_change drbd_set_size(struct drbd_device *device, sector_t size, u64 user_size,
				    unsigned int dds_flags, struct drbd_connection *receiver,
				    struct drbd_reply *reply);

/* Outcome of a resize transaction (resync.md 18.7), as one node is to carry it out. */
struct drbd_agreed_size {
	struct work_struct work;
	struct drbd_device *device;	/* referenced */
	u64 size, user_size;		/* sectors */
	unsigned int dds_flags;
	u64 diskful_primaries;		/* node mask of the commit */
	int prepare_from;		/* node whose prepare came first; -1: initiator */
	u64 prepare_to;			/* node mask */
	u32 sessions[DRBD_MAX_NODES];	/* of the connections at the commit; see note_sessions() */
};

/*
 * DEV_RESIZING is set before any other node can act upon the commit, and cleared
 * when the new size is in effect and a resync of the new space is under way.
 * Now (initiator; @agreed stays the caller's) or later (participant, in its
 * receiver: writes may wait for that very receiver; takes @agreed and its
 * reference over).  If it fails the connections are dropped: the sizes are
 * negotiated when they come back.
 */
enum drbd_size_change drbd_resize_carry_out(struct drbd_agreed_size *agreed,
					    struct drbd_reply *reply);
void drbd_resize_carry_out_later(struct drbd_agreed_size *agreed);

/*
 * A resize by two-phase commit (resync.md 18.7), carried out here too: @change
 * gets an enum drbd_size_change.  SS_ or ERR_ code; SS_CW_NO_NEED: nobody to ask,
 * SS_CW_FAILED_BY_PEER: somebody cannot, nothing was done.
 */
int drbd_twopc_resize(struct drbd_device *device, u64 user_size, unsigned int dds_flags,
		      enum drbd_size_change *change, struct drbd_reply *reply);
/*
 * The device grew from @old sectors by something else than a resize transaction:
 * now, when the peer's P_SIZES says that it has followed, or when an attach is
 * over, the new space is resynchronised.  Process context.
 */
void drbd_device_grew(struct drbd_device *device, sector_t old);
/*
 * The answer of the initiator's question what a resize comes to; see core/size.h.  A
 * refusal to shrink is explained in @reply.
 */
int drbd_resize_verdict(struct drbd_device *device, u64 reached, u64 reached_limit, u64 user_size,
			unsigned int dds_flags, u64 *size, struct drbd_reply *reply);
/* Makes the present size the last agreed one in the superblock, if a disk is UpToDate. */
void drbd_persist_size(struct drbd_device *device);
/* Bitmap and superblock, once more, of a disk that fails or is detached. Process context. */
void drbd_backing_last_chance_write(struct drbd_device *device);

/*
 * Discards or zeroes @sector..@size (bytes) on the backing device and waits
 * (io-path.md 2.6).  @flags: DRBD_EE_DISCARD (discard aligned middle, zero the
 * rest), DRBD_EE_ZEROOUT, DRBD_EE_NOUNMAP.  Process context.  0 or -errno.
 */
#define DRBD_BACKING_DISCARD 1
#define DRBD_BACKING_ZEROOUT 2
#define DRBD_BACKING_NOUNMAP 4
int drbd_backing_discard_or_zero(struct drbd_device *device, sector_t sector, unsigned int size,
				 unsigned int flags);
/* Issues a flush and waits; 0 or -errno.  Process context, ldev reference held. */
int drbd_backing_flush(struct drbd_device *device);
/* Highest write ordering all attached volumes allow (io-path.md 7.6).  Does not sleep. */
void drbd_bump_write_ordering(struct drbd_resource *resource, enum drbd_write_ordering max);

/* Slots (resync.md 19): assigns a slot to every peer that wants one.  0 or -ENOSPC. */
int drbd_bitmap_slots_assign(struct drbd_device *device, struct drbd_reply *reply);
/* Slot number of a node or -1. */
int drbd_md_slot(struct drbd_device *device, int node_id);

#endif
