/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How big is the device?  The agreement on a size between nodes with different
 * disks (resync chapter, section 18).  Sizes are in sectors; 0 means "unknown",
 * "none" or "diskless" as the chapter has it.  All functions are pure; any
 * context.
 */
#ifndef DRBD_CORE_SIZE_H
#define DRBD_CORE_SIZE_H

#include "port.h"
#include "../../include/linux/drbd_metadata.h"

#ifdef __cplusplus
extern "C" {
#endif

/* dds_flags of P_SIZES and of the resize transaction */
#define DRBD_DDS_ASSUME_PEER_HAS_SPACE	1
#define DRBD_DDS_NO_RESYNC		2

/* What one node knows when sizes are negotiated. */
struct drbd_size_view {
	u64 own_limit;		/* min of usable backing size, metadata limit, 1 PiB; */
				/* 0: diskless */
	u64 last_agreed;	/* effective size in the metadata */
	u64 u_size;		/* configured size, 0: none */
	u64 capacity;		/* current size of the DRBD device */
	u64 peers_min;		/* smallest known, non-zero max size of all peers; 0: none */
				/* known (drbd_size_min_known()) */
	u64 visible_min;	/* the same of those that told it on the present connection */
	bool invisible_disk;	/* some node whose disk was seen before is not visible now */
	bool outdated_or_better; /* own disk state >= Outdated */
	bool primary;
};

/* min, where 0 means "no limit known" */
static inline u64 drbd_size_min_known(u64 a, u64 b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

/*
 * Own limit.  @backing: sectors usable for data (internal metadata: up to its
 * start); @md_limit: drbd_md_layout.max_size.
 */
u64 drbd_size_own_limit(u64 backing, u64 md_limit);

/*
 * The size on which this view agrees (18.3).  @u_size: the cap to apply (not
 * necessarily view->u_size).  @cap_too_big, may be NULL: set if the cap had to
 * be ignored because the size is smaller ("Requested disk size is too big").
 */
u64 drbd_size_agree(const struct drbd_size_view *view, u64 u_size, u32 dds_flags,
		    bool *cap_too_big);

/* ---- the resize command (18.7) ---- */

enum drbd_resize_verdict {
	DRBD_RESIZE_CHANGED = 0,	/* everybody gets the new size */
	DRBD_RESIZE_UNCHANGED,		/* nothing to tell the others */
	DRBD_RESIZE_SHRINKS,		/* ERR_IMPLICIT_SHRINK (170) */
};

/*
 * What a resize comes to.  In @view, peers_min and invisible_disk are about the
 * nodes that were not reached; @reached_limit: smallest disk of those that were,
 * 0: none asked, or all of them diskless.  @user_size: as demanded, 0: what fits.
 * @size gets the agreed size.
 */
enum drbd_resize_verdict drbd_size_resize(const struct drbd_size_view *view, u64 reached_limit,
					  u64 user_size, u32 dds_flags, u64 *size,
					  bool *cap_too_big);

/*
 * First sector of the space that two nodes which meet (handshake) have not in
 * common: their devices had @self and @peer sectors, the agreed size is @agreed.
 * @agreed: there is none.
 */
u64 drbd_size_new_space(u64 self, u64 peer, u64 agreed);

/* d_size for P_SIZES, protocol >= 112: smallest known disk of all; 0 if none. */
u64 drbd_size_d_size(const struct drbd_size_view *view);

/* ---- a P_SIZES packet arrives (18.4) ---- */

struct drbd_size_offer {
	u64 d_size;
	u64 u_size;
	u64 c_size;
	u32 dds_flags;
	bool handshake;		/* before the connection is established */
	bool peer_diskless;
	bool smaller_visible;	/* another visible peer's disk is smaller than the offer */
};

enum drbd_size_verdict {
	DRBD_SIZE_UNCHANGED = 0,
	DRBD_SIZE_CHANGED,		/* to .size: resize */
	DRBD_SIZE_BOGUS,		/* contradicts itself: disconnect */
	DRBD_SIZE_PEER_TOO_SMALL,	/* peer's disk is too small: disconnect */
	DRBD_SIZE_OWN_TOO_SMALL,	/* own disk cannot follow: disconnect */
	DRBD_SIZE_PEER_DEVICE_TOO_SMALL, /* diskless Primary would shrink: disconnect */
};

struct drbd_size_decision {
	enum drbd_size_verdict verdict;
	u64 size;		/* of the device from now on */
	u64 u_size;		/* to be configured from now on */
	u64 peer_max;		/* to be remembered of the peer; 0: keep what is known */
	bool cap_too_big;	/* to be logged */
	bool no_resync;		/* new space needs no resync: clear its bits */
};

/*
 * Decide.  view->peers_min must take the offer's d_size for this peer into
 * account already.  On a refusal the peer's remembered size is to be forgotten
 * and nothing else changes.
 */
void drbd_size_receive(const struct drbd_size_view *view, const struct drbd_size_offer *offer,
		       struct drbd_size_decision *d);

/* ---- attach (18.5) ---- */

enum drbd_size_attach {
	DRBD_SIZE_ATTACH_OK = 0,
	DRBD_SIZE_ATTACH_TOO_SMALL,	/* ERR_DISK_TOO_SMALL (111) */
	DRBD_SIZE_ATTACH_SHRINK,	/* ERR_IMPLICIT_SHRINK (170) */
};

/*
 * May a disk with this view be attached?  @consistent: metadata flag; @size:
 * what drbd_size_agree() says, may be NULL.
 */
enum drbd_size_attach drbd_size_check_attach(const struct drbd_size_view *view, bool consistent,
					     u64 *size);

/*
 * Attach, 4.2/18.5: may the bits for space beyond the effective size be
 * cleared instead of set?  @zeroes_guaranteed: the backing device returns zeroes
 * for it and discard-zeroes-if-aligned is on; @rs_discard: rs-discard-granularity
 * is set; @uuids_zero: all bitmap and history UUIDs are 0.
 */
bool drbd_size_new_space_is_clean(bool zeroes_guaranteed, u64 current_uuid, bool was_up_to_date,
				  bool rs_discard, bool uuids_zero);

/* ---- who resynchronises new space to whom (18.7) ---- */

enum drbd_grow_role {
	DRBD_GROW_NONE = 0,
	DRBD_GROW_SOURCE,
	DRBD_GROW_TARGET,
};

/*
 * After a cluster-wide resize.  @diskful_primaries: node mask of the commit;
 * @prepare_from: node id that sent us the prepare, -1 on the initiator;
 * @prepare_to: node mask the prepare was sent on to.
 */
enum drbd_grow_role drbd_size_grow_role(int self, int peer, u64 diskful_primaries,
					     int prepare_from, u64 prepare_to);

/*
 * After growth noticed in P_SIZES, towards the nearest lower and the nearest
 * higher node id with a disk only (the caller selects them).
 */
enum drbd_grow_role drbd_size_grow_role_traditional(int self, int peer, bool self_primary,
							 bool peer_primary);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_SIZE_H */
