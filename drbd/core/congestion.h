/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a write does when a peer cannot keep up: wait, go Ahead of it, or drop it; and
 * when a node that is Ahead turns into a sync source.
 * Spec: io-path.md 12, resync.md 15.  All functions are pure.
 */
#ifndef DRBD_CORE_CONGESTION_H
#define DRBD_CORE_CONGESTION_H

#include "port.h"
#include <linux/drbd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The moment of a write towards one peer. */
struct drbd_congestion {
	u32 policy;			/* enum drbd_on_congestion */
	u32 fill;			/* congestion-fill, sectors; 0: off */
	u32 extents;			/* congestion-extents, activity-log extents */
	int protocol;			/* agreed version */
	bool connected;			/* connection is Connected */
	bool replicating;		/* this volume's writes go to the peer as data */
	bool local_up_to_date;
	u64 in_flight;			/* sectors to this peer, application and resync */
	u32 active_extents;		/* referenced activity-log slots of this volume */
};

enum drbd_congestion_answer {
	CONGESTION_NONE,		/* nothing to do */
	CONGESTION_GO_AHEAD,		/* this volume: Ahead */
	CONGESTION_DROP,		/* disconnect the connection */
};

enum drbd_congestion_answer drbd_congestion_decide(const struct drbd_congestion *c);

/*
 * The work item that carries the answer out runs later: is there still a reason?  A
 * connection that has caught up in the meantime is left alone.
 */
static inline bool drbd_congestion_still(u64 in_flight_now)
{
	return in_flight_now != 0;
}

/* Milliseconds from the moment nothing is in flight to the end of Ahead, and between tries. */
#define DRBD_AHEAD_DELAY_MS	1000
#define DRBD_AHEAD_RETRY_MS	100

/*
 * A volume is Ahead.  @app_in_flight: sectors of application writes on their way to the
 * peer; @resync_active: resync activity of that volume not finished; @unacked: requests
 * the peer has not acknowledged; @delay_passed: DRBD_AHEAD_DELAY_MS since in_flight
 * became 0.  True: all Ahead volumes of the connection become SyncSource now.
 */
static inline bool drbd_ahead_may_end(u64 app_in_flight, bool resync_active, u32 unacked,
				      bool delay_passed)
{
	return !app_in_flight && !resync_active && !unacked && delay_passed;
}

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_CONGESTION_H */
