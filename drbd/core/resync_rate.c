// SPDX-License-Identifier: GPL-2.0-only
/* How much to resynchronise in the next tick.  See resync_rate.h. */
#include "resync_rate.h"

#define SECTORS_PER_BLOCK	8	/* 4 KiB */
/* No sensible amount of one tick is larger; keeps the arithmetic far from its ends. */
#define MAX_TICK_SECTORS	(1 << 24)

void drbd_rate_init(struct drbd_rate *r)
{
	memset(r, 0, sizeof(*r));
}

/* The plan has another length now: start it afresh. */
static void resize_plan(struct drbd_rate *r, u32 slots)
{
	if (r->slots == slots)
		return;
	memset(r->slot, 0, sizeof(r->slot));
	r->total = 0;
	r->current_slot = 0;
	r->slots = slots;
}

static s64 clamp_s64(s64 v, s64 lo, s64 hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* a / b for b > 0, truncating; the kernel has no plain 64-bit division everywhere. */
static s64 div_s64_trunc(s64 a, u32 b)
{
	return a < 0 ? -(s64)div_u64((u64)-a, b) : (s64)div_u64((u64)a, b);
}

/* Sectors to ask for in this tick by the controller. */
static s64 plan(struct drbd_rate *r, const struct drbd_rate_conf *conf, s64 in, u32 d_ms)
{
	s64 want, corr, now, step, req;
	u32 i;

	if (d_ms < DRBD_RATE_TICK_MS)
		in = div_s64_trunc(in * DRBD_RATE_TICK_MS, d_ms);

	if (r->in_flight + in == 0)
		/* resync_rate * 2 sectors/KiB * 0.1 s per slot */
		want = div_s64_trunc((s64)conf->resync_rate * 2 * r->slots, 10);
	else if (conf->c_fill_target)
		want = conf->c_fill_target;
	else
		want = div_s64_trunc(in * conf->c_delay_target * 100, d_ms);

	corr = clamp_s64(want - r->in_flight - r->total,
			 -(s64)MAX_TICK_SECTORS * r->slots, (s64)MAX_TICK_SECTORS * r->slots);
	step = div_s64_trunc(corr, r->slots);
	for (i = 0; i < r->slots; i++)
		r->slot[i] = (s32)clamp_s64(r->slot[i] + step, INT_MIN / 2, INT_MAX / 2);
	r->total += step * r->slots;

	now = r->slot[r->current_slot];
	r->slot[r->current_slot] = 0;
	r->current_slot = (r->current_slot + 1) % r->slots;
	r->total -= now;

	req = in + now;
	if (req < 0)
		req = 0;
	if (conf->c_max_rate) {
		s64 max = div_s64_trunc((s64)conf->c_max_rate * 2, 10);

		if (req > max)
			req = max;
	}
	return req;
}

u32 drbd_rate_tick(struct drbd_rate *r, const struct drbd_rate_conf *conf,
		   const struct drbd_rate_limits *limits, u64 answered, u32 elapsed_ms)
{
	u32 d_ms = elapsed_ms ? min_t(u32, elapsed_ms, 10 * DRBD_RATE_TICK_MS) :
				DRBD_RATE_TICK_MS;
	u32 align = limits->align_blocks ? limits->align_blocks : 1;
	s64 in = (s64)min_t(u64, answered, MAX_TICK_SECTORS);
	s64 blocks, room, in_flight_blocks;

	r->in_flight -= in;
	if (r->in_flight < 0)
		r->in_flight = 0;

	if (conf->c_plan_ahead == 0) {
		/* KiB/s, in tenths of a second, in blocks of 4 KiB */
		blocks = conf->resync_rate / 40;
	} else {
		resize_plan(r, min_t(u32, conf->c_plan_ahead, DRBD_RATE_MAX_SLOTS));
		blocks = div_s64_trunc(plan(r, conf, in, d_ms), SECTORS_PER_BLOCK);
	}
	blocks = clamp_s64(blocks, 0, MAX_TICK_SECTORS / SECTORS_PER_BLOCK);

	in_flight_blocks = div_s64_trunc(r->in_flight + SECTORS_PER_BLOCK - 1, SECTORS_PER_BLOCK);
	room = (s64)limits->max_buffers - in_flight_blocks;
	if (blocks > room)
		blocks = room > 0 ? room : 0;
	/* With nothing in flight nothing would ever come back to plan with. */
	if (!blocks && !r->in_flight)
		blocks = 1;
	if (!blocks)
		return 0;
	if (blocks < limits->min_blocks)
		blocks = limits->min_blocks;
	return (u32)DIV_ROUND_UP((u32)blocks, align) * align;
}

u32 drbd_rate_next_tick_ms(u32 done, u32 wanted, bool refused)
{
	u32 ms;

	if (refused || !done || !wanted)
		return DRBD_RATE_TICK_MS;
	ms = (u32)div_u64((u64)DRBD_RATE_TICK_MS * done, wanted);
	return ms < 1 ? 1 : ms > DRBD_RATE_TICK_MS ? DRBD_RATE_TICK_MS : ms;
}

bool drbd_rate_throttle(const struct drbd_rate_conf *conf, bool app_activity,
			u32 recent_kib_s, bool progressed)
{
	return conf->c_min_rate && app_activity && progressed &&
	       recent_kib_s > conf->c_min_rate;
}
