/* SPDX-License-Identifier: GPL-2.0-only */
/* Quorum (states.md 12).  Pure; any context. */
#ifndef DRBD_CORE_QUORUM_H
#define DRBD_CORE_QUORUM_H

#include "state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How the nodes of one volume were counted, and the verdict. */
struct drbd_quorum_count {
	u8 up, present, diskless;
	u8 outdated, quorumless, unknown, missing_diskless;
	u8 quorate_peers;
	u8 voters;
	u8 quorum_at;			/* nodes needed to be visible */
	u8 min_redundancy_at;		/* nodes needed to be UpToDate */
	bool by_tiebreaker;
	bool quorate;
};

/* Nodes needed for option value @setting among @voters. */
unsigned int drbd_quorum_at(unsigned int setting, unsigned int voters);

/*
 * Count and decide for NEW.  "Had quorum" and members are taken from OLD, the
 * tracked quorum of OLD feeds the tie-breaker.
 */
void drbd_quorum_compute(const struct core_resource *r, const struct core_device *dev,
			 struct drbd_quorum_count *q);

/*
 * The text that explains SS_NO_QUORUM ("2 of 5 nodes visible, need 3 for
 * quorum").  Returns its length.
 */
size_t drbd_quorum_text(const struct drbd_quorum_count *q, char *buf, size_t len);

/* May quorum be restored after reboot without peers (12.4)?  At attach. */
bool drbd_quorum_restorable(u32 md_flags, u64 md_members, u8 my_node_id);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_QUORUM_H */
