// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <deque>

#include "core/resync_rate.h"

namespace {

const drbd_rate_conf DEFAULTS = {250, 20, 10, 100, 102400, 250};
const drbd_rate_limits WIDE = {1 << 20, 1, 0};

TEST(ResyncRate, FixedRate)
{
	drbd_rate r;
	drbd_rate_conf conf = DEFAULTS;

	drbd_rate_init(&r);
	conf.c_plan_ahead = 0;
	conf.resync_rate = 4000;	/* KiB/s: 100 blocks of 4 KiB in 0.1 s */
	for (int i = 0; i < 10; i++) {
		u32 n = drbd_rate_tick(&r, &conf, &WIDE, 800, 100);
		EXPECT_EQ(n, 100u);
		drbd_rate_requested(&r, n * 8);
	}
}

TEST(ResyncRate, FirstTickOfTheController)
{
	drbd_rate r;
	drbd_rate_conf conf = DEFAULTS;

	/* want = 250 * 2 * 0.1 * 20 = 1000 sectors, a twentieth of it now: 50 sectors, 6 blocks */
	drbd_rate_init(&r);
	EXPECT_EQ(drbd_rate_tick(&r, &conf, &WIDE, 0, 0), 6u);
	EXPECT_EQ(r.total, 950);
}

/* A peer that answers everything after a fixed delay. */
struct Outcome {
	u64 answered;		/* sectors in all */
	u64 in_flight;		/* sectors, mean of the ticks after the first 60 */
};

Outcome simulate(const drbd_rate_conf &conf, unsigned int delay_ticks, unsigned int ticks)
{
	drbd_rate r;
	std::deque<u64> pipe(delay_ticks, 0);
	u64 answered = 0, sum = 0;

	drbd_rate_init(&r);
	for (unsigned int i = 0; i < ticks; i++) {
		u64 back = pipe.front();
		pipe.pop_front();
		u64 sectors = (u64)drbd_rate_tick(&r, &conf, &WIDE, back, 100) * 8;
		drbd_rate_requested(&r, sectors);
		pipe.push_back(sectors);
		answered += back;
		if (i >= 60)
			sum += r.in_flight - sectors;	/* as the controller saw it */
	}
	return {answered, sum / (ticks - 60)};
}

TEST(ResyncRate, FillTargetIsReached)
{
	drbd_rate_conf conf = DEFAULTS;

	conf.c_fill_target = 10000;
	Outcome o = simulate(conf, 3, 160);
	EXPECT_GT(o.in_flight, 9000u);
	EXPECT_LT(o.in_flight, 11000u);
}

TEST(ResyncRate, NeverAboveMaximum)
{
	drbd_rate_conf conf = DEFAULTS;

	conf.c_fill_target = 1 << 20;
	conf.c_max_rate = 1000;		/* KiB/s: 200 sectors per tick */
	Outcome o = simulate(conf, 2, 100);
	EXPECT_LE(o.answered, 100u * 200);
	EXPECT_GE(o.answered, 80u * 200);
}

TEST(ResyncRate, BuffersAndGranularity)
{
	drbd_rate r;
	drbd_rate_conf conf = DEFAULTS;
	drbd_rate_limits limits = {64, 4, 0};

	drbd_rate_init(&r);
	conf.c_plan_ahead = 0;
	conf.resync_rate = 1 << 20;
	u32 n = drbd_rate_tick(&r, &conf, &limits, 0, 0);
	EXPECT_EQ(n, 64u);
	drbd_rate_requested(&r, n * 8);
	EXPECT_EQ(drbd_rate_tick(&r, &conf, &limits, 0, 100), 0u);	/* all buffers are out */
	EXPECT_EQ(drbd_rate_tick(&r, &conf, &limits, 8, 100), 4u);	/* one is back: rounded up */
	limits.min_blocks = 16;
	EXPECT_EQ(drbd_rate_tick(&r, &conf, &limits, 8, 100), 16u);
}

TEST(ResyncRate, NeverStopsForGood)
{
	drbd_rate r;
	drbd_rate_conf conf = {1, 1, 1, 0, 1, 1};

	drbd_rate_init(&r);
	for (int i = 0; i < 100; i++) {
		u32 n = drbd_rate_tick(&r, &conf, &WIDE, 0, 100);
		EXPECT_GT(n, 0u);	/* nothing in flight: something must be */
	}
}

TEST(ResyncRate, ExtremesStayInRange)
{
	drbd_rate r;

	for (u32 plan : {1u, 300u, ~0u})
		for (u32 fill : {0u, 1048576u, ~0u})
			for (u32 elapsed : {0u, 1u, 100u, 100000u}) {
				drbd_rate_conf conf = {8388608, plan, 100, fill, 0, 0};
				drbd_rate_init(&r);
				for (int i = 0; i < 1000; i++) {
					u32 n = drbd_rate_tick(&r, &conf, &WIDE, i % 7 ? ~0ULL : 0, elapsed);
					EXPECT_LE(n, 1u << 21);
					drbd_rate_requested(&r, (u64)n * 8);
				}
			}
}

TEST(ResyncRate, NextTick)
{
	EXPECT_EQ(drbd_rate_next_tick_ms(10, 10, false), 100u);
	EXPECT_EQ(drbd_rate_next_tick_ms(5, 10, false), 50u);
	EXPECT_EQ(drbd_rate_next_tick_ms(5, 10, true), 100u);
	EXPECT_EQ(drbd_rate_next_tick_ms(0, 10, false), 100u);
	EXPECT_EQ(drbd_rate_next_tick_ms(1, 100000, false), 1u);
}

TEST(ResyncRate, Throttle)
{
	drbd_rate_conf conf = DEFAULTS;

	EXPECT_TRUE(drbd_rate_throttle(&conf, true, 251, true));
	EXPECT_FALSE(drbd_rate_throttle(&conf, true, 250, true));
	EXPECT_FALSE(drbd_rate_throttle(&conf, false, 251, true));
	EXPECT_FALSE(drbd_rate_throttle(&conf, true, 251, false));
	conf.c_min_rate = 0;
	EXPECT_FALSE(drbd_rate_throttle(&conf, true, 251, true));
}

} // namespace
