/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much to resynchronise (or verify) in the next tick.  Spec: resync.md 14.
 *
 * All functions are pure; the caller has the clock and the lock (one user of a
 * controller at a time), and sees to it that progress is made.
 */
#ifndef DRBD_CORE_RESYNC_RATE_H
#define DRBD_CORE_RESYNC_RATE_H

#include "port.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DRBD_RATE_TICK_MS	100	/* T: time from one tick to the next */
#define DRBD_RATE_MAX_SLOTS	300	/* largest c-plan-ahead */

struct drbd_rate_conf {		/* options of the peer device */
	u32 resync_rate;	/* KiB/s */
	u32 c_plan_ahead;	/* 0.1 s; 0: fixed rate */
	u32 c_delay_target;	/* 0.1 s */
	u32 c_fill_target;	/* sectors; 0: c_delay_target rules */
	u32 c_max_rate;		/* KiB/s; 0: unlimited */
	u32 c_min_rate;		/* KiB/s; 0: never throttle */
};

struct drbd_rate_limits {
	u32 max_buffers;	/* pages of 4 KiB that may be in flight */
	u32 align_blocks;	/* larger bitmap granularity of both nodes, in 4 KiB blocks, >= 1 */
	u32 min_blocks;		/* least amount worth asking for (thin resync), 0: none */
};

struct drbd_rate {
	s64 in_flight;		/* sectors asked for and not answered */
	s64 total;		/* sum of the slots */
	u32 slots;		/* in use: c_plan_ahead of the last tick */
	u32 current_slot;
	s32 slot[DRBD_RATE_MAX_SLOTS];	/* planned correction per tick, sectors */
};

/* At the start of a resync or verify. */
void drbd_rate_init(struct drbd_rate *r);

/*
 * One tick.  @answered: sectors answered since the last one; @elapsed_ms: time since the
 * last one (0 at the first).  Returns the number of 4 KiB blocks to ask for now,
 * a multiple of limits->align_blocks.
 */
u32 drbd_rate_tick(struct drbd_rate *r, const struct drbd_rate_conf *conf,
		   const struct drbd_rate_limits *limits, u64 answered, u32 elapsed_ms);

/* @sectors were asked for. */
static inline void drbd_rate_requested(struct drbd_rate *r, u64 sectors)
{
	r->in_flight += (s64)sectors;
}

/*
 * Milliseconds until the next tick after @done of the @wanted blocks of this one were
 * asked for.  @refused: something stood in the way.
 */
u32 drbd_rate_next_tick_ms(u32 done, u32 wanted, bool refused);

/*
 * Should resync I/O stand back for the application's?  @app_activity: local writes hold
 * activity-log extents, or the backing device's sectors other than ours grew by more
 * than DRBD_RATE_APP_SECTORS since the last check.  @recent_kib_s: rate between the
 * last two progress marks.  @progressed: the amount out of sync has shrunk since then.
 */
#define DRBD_RATE_APP_SECTORS 64
bool drbd_rate_throttle(const struct drbd_rate_conf *conf, bool app_activity,
			u32 recent_kib_s, bool progressed);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_RESYNC_RATE_H */
