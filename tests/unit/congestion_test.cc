// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "core/congestion.h"

namespace {

drbd_congestion congested()
{
	drbd_congestion c{};

	c.policy = OC_PULL_AHEAD;
	c.fill = 1000;
	c.extents = 1237;
	c.protocol = 124;
	c.connected = c.replicating = c.local_up_to_date = true;
	c.in_flight = 1000;
	return c;
}

TEST(Congestion, PolicyDecidesWhatIsDone)
{
	drbd_congestion c = congested();

	EXPECT_EQ(drbd_congestion_decide(&c), CONGESTION_GO_AHEAD);
	c.policy = OC_DISCONNECT;
	EXPECT_EQ(drbd_congestion_decide(&c), CONGESTION_DROP);
	c.policy = OC_BLOCK;
	EXPECT_EQ(drbd_congestion_decide(&c), CONGESTION_NONE);
	c.policy = 77;
	EXPECT_EQ(drbd_congestion_decide(&c), CONGESTION_NONE);
}

TEST(Congestion, Thresholds)
{
	drbd_congestion c = congested();

	c.in_flight = 999;
	EXPECT_EQ(drbd_congestion_decide(&c), CONGESTION_NONE);
	c.active_extents = 1236;
	EXPECT_EQ(drbd_congestion_decide(&c), CONGESTION_NONE);
	c.active_extents = 1237;
	EXPECT_EQ(drbd_congestion_decide(&c), CONGESTION_GO_AHEAD);
	c.active_extents = 0;
	c.fill = 0;			/* off, not always */
	c.in_flight = ~0ULL;
	EXPECT_EQ(drbd_congestion_decide(&c), CONGESTION_NONE);
}

TEST(Congestion, OnlyWhereTheWriteIsReplicated)
{
	for (auto clear : {+[](drbd_congestion &c) { c.connected = false; },
			   +[](drbd_congestion &c) { c.replicating = false; },
			   +[](drbd_congestion &c) { c.local_up_to_date = false; },
			   +[](drbd_congestion &c) { c.protocol = 95; }}) {
		drbd_congestion c = congested();
		clear(c);
		EXPECT_EQ(drbd_congestion_decide(&c), CONGESTION_NONE);
	}
}

TEST(Congestion, EndOfAhead)
{
	EXPECT_TRUE(drbd_ahead_may_end(0, false, 0, true));
	EXPECT_FALSE(drbd_ahead_may_end(8, false, 0, true));
	EXPECT_FALSE(drbd_ahead_may_end(0, true, 0, true));
	EXPECT_FALSE(drbd_ahead_may_end(0, false, 1, true));
	EXPECT_FALSE(drbd_ahead_may_end(0, false, 0, false));
	EXPECT_TRUE(drbd_congestion_still(1));
	EXPECT_FALSE(drbd_congestion_still(0));
}

} // namespace
