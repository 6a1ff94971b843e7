/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files of the state engine only. */
#ifndef DRBD_CORE_STATE_INTERNAL_H
#define DRBD_CORE_STATE_INTERNAL_H

#include "state.h"
#include "uuid.h"

/* core_resource.notes */
#define NOTE_LOST_PRIMARY	(1u << 0)	/* K2: a Primary was lost, not negotiated */
#define NOTE_SANITIZED		(1u << 1)
/* core_connection.notes */
#define NOTE_CONN_LOST_PRIMARY	(1u << 0)
/* core_device.notes */
#define NOTE_DEV_LOST_CONN	(1u << 0)	/* P2 */
#define NOTE_DEV_NO_ACCESS	(1u << 1)	/* B1 */
#define NOTE_DEV_LOST_ACCESS	(1u << 2)	/* B1, newly */
#define NOTE_DEV_FIND_SOURCE	(1u << 3)	/* P18 mismatch */
#define NOTE_DEV_PEND_UUID	(1u << 4)	/* 14.1 */
#define NOTE_DEV_DROP_UUID	(1u << 5)
#define NOTE_DEV_ARM_UPTODATE	(1u << 6)
/* core_peer_device.notes */
#define NOTE_PD_UNSTABLE	(1u << 0)
#define NOTE_PD_CONSIDER	(1u << 1)
#define NOTE_PD_INCON_DEGR	(1u << 2)

/* Protocol versions at which behaviour changes. */
#define PROTO_MULTI_PEER	110

#define for_each_conn(i, r)	for ((i) = 0; (i) < (r)->nr_connections; (i)++)
#define for_each_dev(i, r)	for ((i) = 0; (i) < (r)->nr_devices; (i)++)

/* The peer volume's connection counts as up. */
static inline bool pd_up(const struct core_peer_device *pd, int w)
{
	return pd->repl_state[w] > L_OFF;
}

/* States in which this node's data is (about to be) overwritten by the peer's. */
static inline bool repl_is_target_side(u8 s)
{
	return s == L_WF_BITMAP_T || s == L_STARTING_SYNC_T || s == L_WF_SYNC_UUID ||
	       s == L_SYNC_TARGET || s == L_PAUSED_SYNC_T || s == L_BEHIND;
}

static inline u64 peer_flags(const struct core_peer_device *pd)
{
	return pd->uuids ? pd->uuids->flags : 0;
}

/* Unknown generations (0) are never equal to anything. */
static inline bool same_current(const struct core_device *dev, const struct core_peer_device *pd)
{
	return dev->uuids && pd->uuids && pd->uuids->cur &&
	       drbd_uuid_eq(dev->uuids->cur, pd->uuids->cur);
}

#endif /* DRBD_CORE_STATE_INTERNAL_H */
