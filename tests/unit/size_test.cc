// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "core/size.h"

namespace {

drbd_size_view view(u64 own, u64 peers = 0, u64 agreed = 0)
{
	drbd_size_view v{};

	v.own_limit = own;
	v.peers_min = peers;
	v.last_agreed = agreed;
	v.capacity = agreed;
	v.outdated_or_better = agreed;
	return v;
}

drbd_size_decision receive(const drbd_size_view &v, const drbd_size_offer &o)
{
	drbd_size_decision d;

	drbd_size_receive(&v, &o, &d);
	return d;
}

TEST(Size, OwnLimit)
{
	EXPECT_EQ(drbd_size_own_limit(1000, 2000), 1000u);
	EXPECT_EQ(drbd_size_own_limit(3000, 2000), 2000u);
	EXPECT_EQ(drbd_size_own_limit(~0ULL, ~0ULL), 1ULL << 41);
}

TEST(Size, TheSmallestKnownDiskWins)
{
	drbd_size_view v = view(1000, 800);
	bool too_big;

	EXPECT_EQ(drbd_size_agree(&v, 0, 0, &too_big), 800u);
	v = view(1000, 0);
	EXPECT_EQ(drbd_size_agree(&v, 0, 0, nullptr), 1000u);
	v = view(0, 0, 500);
	EXPECT_EQ(drbd_size_agree(&v, 400, 0, nullptr), 0u) << "all diskless";
	v = view(0, 700);
	EXPECT_EQ(drbd_size_agree(&v, 0, 0, nullptr), 700u);
}

TEST(Size, AnInvisibleDiskHoldsTheLastAgreedSize)
{
	drbd_size_view v = view(1000, 900, 600);

	EXPECT_EQ(drbd_size_agree(&v, 0, 0, nullptr), 900u);
	v.invisible_disk = true;
	EXPECT_EQ(drbd_size_agree(&v, 0, 0, nullptr), 600u);
	EXPECT_EQ(drbd_size_agree(&v, 0, DRBD_DDS_ASSUME_PEER_HAS_SPACE, nullptr), 1000u)
		<< "what it said before it left is part of what is not to count";
	v.visible_min = 900;
	EXPECT_EQ(drbd_size_agree(&v, 0, DRBD_DDS_ASSUME_PEER_HAS_SPACE, nullptr), 900u);
	v.last_agreed = 0;
	EXPECT_EQ(drbd_size_agree(&v, 0, 0, nullptr), 900u);
}

TEST(Size, TheConfiguredSizeOnlyShrinks)
{
	drbd_size_view v = view(1000);
	bool too_big;

	EXPECT_EQ(drbd_size_agree(&v, 500, 0, &too_big), 500u);
	EXPECT_FALSE(too_big);
	EXPECT_EQ(drbd_size_agree(&v, 1000, 0, &too_big), 1000u);
	EXPECT_FALSE(too_big);
	EXPECT_EQ(drbd_size_agree(&v, 1001, 0, &too_big), 1000u);
	EXPECT_TRUE(too_big);
}

TEST(Receive, FirstHandshakeAgreesAndNeedsNoBitsForTheSpace)
{
	drbd_size_view v = view(1000, 800);
	auto d = receive(v, {.d_size = 800, .u_size = 0, .c_size = 0, .dds_flags = 0,
			     .handshake = true, .peer_diskless = false, .smaller_visible = false});

	EXPECT_EQ(d.verdict, DRBD_SIZE_CHANGED);
	EXPECT_EQ(d.size, 800u);
	EXPECT_EQ(d.peer_max, 800u);
	EXPECT_TRUE(d.no_resync);
}

TEST(Receive, BogusOffers)
{
	drbd_size_view v = view(1000, 500, 500);

	EXPECT_EQ(receive(v, {500, 0, 501, 0, true, false, false}).verdict, DRBD_SIZE_BOGUS);
	EXPECT_EQ(receive(v, {0, 400, 401, 0, true, true, false}).verdict, DRBD_SIZE_BOGUS);
	EXPECT_EQ(receive(v, {500, 0, 500, 0, true, false, false}).verdict, DRBD_SIZE_UNCHANGED);
}

TEST(Receive, APeerThatIsTooSmallIsRefusedAndForgotten)
{
	drbd_size_view v = view(1000, 300, 500);
	auto d = receive(v, {300, 0, 0, 0, true, false, false});

	EXPECT_EQ(d.verdict, DRBD_SIZE_PEER_TOO_SMALL);
	EXPECT_EQ(d.peer_max, 0u);
	EXPECT_EQ(d.size, 500u);
	v.outdated_or_better = false;
	EXPECT_EQ(receive(v, {300, 0, 0, 0, true, false, false}).verdict, DRBD_SIZE_CHANGED);
}

TEST(Receive, AnEstablishedPeerCannotGrowBeyondOurDisk)
{
	drbd_size_view v = view(1000, 2000, 1000);

	EXPECT_EQ(receive(v, {2000, 0, 2000, 0, false, false, false}).verdict, DRBD_SIZE_OWN_TOO_SMALL);
}

TEST(Receive, ConfiguredSizes)
{
	drbd_size_view v = view(1000, 900, 900);
	drbd_size_decision d;

	v.u_size = 900;
	/* Established: the peer's setting is taken, also its removal ... */
	d = receive(v, {1000, 0, 900, 0, false, false, false});
	EXPECT_EQ(d.u_size, 0u);
	/* ... but not from a diskless one. */
	d = receive(v, {0, 0, 900, 0, false, true, false});
	EXPECT_EQ(d.u_size, 900u);
	/* Handshake: the smaller of the two that are set. */
	v.u_size = 0;
	d = receive(v, {1000, 950, 900, 0, true, false, false});
	EXPECT_EQ(d.u_size, 950u);
}

TEST(Receive, GrowthCarriesNoResyncOnlyWhenAsked)
{
	drbd_size_view v = view(2000, 1500, 1000);
	auto d = receive(v, {1500, 0, 1500, 0, false, false, false});

	EXPECT_EQ(d.verdict, DRBD_SIZE_CHANGED);
	EXPECT_EQ(d.size, 1500u);
	EXPECT_FALSE(d.no_resync);
	EXPECT_TRUE(receive(v, {1500, 0, 1500, DRBD_DDS_NO_RESYNC, false, false, false}).no_resync);
}

TEST(Receive, DisklessNodeFollows)
{
	drbd_size_view v = view(0);
	auto d = receive(v, {1000, 0, 900, 0, true, false, false});

	EXPECT_EQ(d.verdict, DRBD_SIZE_CHANGED);
	EXPECT_EQ(d.size, 900u);
	v.capacity = 900;
	EXPECT_EQ(receive(v, {1000, 0, 900, 0, true, false, false}).verdict, DRBD_SIZE_UNCHANGED);
	EXPECT_EQ(receive(v, {0, 0, 800, 0, true, true, false}).verdict, DRBD_SIZE_UNCHANGED);
	EXPECT_EQ(receive(v, {1000, 0, 1000, 0, true, false, true}).verdict, DRBD_SIZE_UNCHANGED);
	v.primary = true;
	EXPECT_EQ(receive(v, {800, 0, 800, 0, true, false, false}).verdict,
		  DRBD_SIZE_PEER_DEVICE_TOO_SMALL);
	EXPECT_EQ(receive(v, {1000, 0, 1000, 0, true, false, false}).size, 1000u);
	EXPECT_EQ(receive(view(0), {0, 0, 0, 0, true, true, false}).verdict, DRBD_SIZE_UNCHANGED);
}

TEST(Attach, Refusals)
{
	drbd_size_view v = view(1000);
	u64 size;

	EXPECT_EQ(drbd_size_check_attach(&v, false, &size), DRBD_SIZE_ATTACH_OK);
	EXPECT_EQ(size, 1000u);
	v.u_size = 1001;
	EXPECT_EQ(drbd_size_check_attach(&v, false, &size), DRBD_SIZE_ATTACH_TOO_SMALL);
	v = view(1000);
	v.capacity = 1001;
	EXPECT_EQ(drbd_size_check_attach(&v, false, &size), DRBD_SIZE_ATTACH_TOO_SMALL);
	v = view(1000, 0, 1200);
	v.capacity = 0;
	EXPECT_EQ(drbd_size_check_attach(&v, true, &size), DRBD_SIZE_ATTACH_SHRINK);
	EXPECT_EQ(drbd_size_check_attach(&v, false, &size), DRBD_SIZE_ATTACH_OK);
	v.u_size = 900;
	EXPECT_EQ(drbd_size_check_attach(&v, true, &size), DRBD_SIZE_ATTACH_OK);
	EXPECT_EQ(size, 900u);
}

TEST(Attach, NewSpaceIsAssumedCleanOnlyWithGuaranteedZeroes)
{
	EXPECT_FALSE(drbd_size_new_space_is_clean(false, 99, true, true, true));
	EXPECT_FALSE(drbd_size_new_space_is_clean(true, DRBD_UUID_JUST_CREATED, true, true, true));
	EXPECT_TRUE(drbd_size_new_space_is_clean(true, 99, true, false, false));
	EXPECT_TRUE(drbd_size_new_space_is_clean(true, 99, false, true, true));
	EXPECT_FALSE(drbd_size_new_space_is_clean(true, 99, false, true, false));
	EXPECT_FALSE(drbd_size_new_space_is_clean(true, 99, false, false, true));
}

TEST(Size, RelaysWhatIsInSightNotWhatWasOnceKnown)
{
	drbd_size_view v = view(2000, 1000);

	EXPECT_EQ(drbd_size_d_size(&v), 2000u);
	v.visible_min = 1500;
	EXPECT_EQ(drbd_size_d_size(&v), 1500u);
	v.own_limit = 0;
	EXPECT_EQ(drbd_size_d_size(&v), 1500u);
}

struct Resize {
	drbd_resize_verdict verdict;
	u64 size;
	bool too_big;
};

Resize resize(const drbd_size_view &v, u64 reached, u64 user = 0, u32 flags = 0)
{
	Resize r{};

	r.verdict = drbd_size_resize(&v, reached, user, flags, &r.size, &r.too_big);
	return r;
}

TEST(ResizeCommand, TheSmallestOfThoseReachedDecides)
{
	drbd_size_view v = view(2000, 0, 1000);
	auto r = resize(v, 1500);

	EXPECT_EQ(r.verdict, DRBD_RESIZE_CHANGED);
	EXPECT_EQ(r.size, 1500u);
	EXPECT_EQ(resize(v, 1000).verdict, DRBD_RESIZE_UNCHANGED);
	EXPECT_EQ(resize(v, 0).size, 2000u) << "all others diskless";
	EXPECT_EQ(resize(v, 1500, 1200).size, 1200u);
}

TEST(ResizeCommand, WhoWasNotReachedHoldsTheSize)
{
	drbd_size_view v = view(2000, 0, 1000);

	v.invisible_disk = true;
	EXPECT_EQ(resize(v, 1500).verdict, DRBD_RESIZE_UNCHANGED);
	auto r = resize(v, 1500, 0, DRBD_DDS_ASSUME_PEER_HAS_SPACE);
	EXPECT_EQ(r.verdict, DRBD_RESIZE_CHANGED);
	EXPECT_EQ(r.size, 1500u);
	v.peers_min = 1200;	/* what it once said is assumed to be no longer true */
	EXPECT_EQ(resize(v, 1500, 0, DRBD_DDS_ASSUME_PEER_HAS_SPACE).size, 1500u);
	v.visible_min = 1200;
	EXPECT_EQ(resize(v, 1500, 0, DRBD_DDS_ASSUME_PEER_HAS_SPACE).size, 1200u);
}

TEST(ResizeCommand, ShrinksOnlyToTheSizeThatIsNamed)
{
	drbd_size_view v = view(2000, 0, 1000);

	EXPECT_EQ(resize(v, 900).verdict, DRBD_RESIZE_SHRINKS);
	EXPECT_EQ(resize(v, 900, 950).verdict, DRBD_RESIZE_SHRINKS) << "not what was named";
	auto r = resize(v, 900, 900);
	EXPECT_EQ(r.verdict, DRBD_RESIZE_CHANGED);
	EXPECT_EQ(r.size, 900u);
	EXPECT_FALSE(r.too_big);
	EXPECT_EQ(resize(v, 2000, 500).size, 500u);
	r = resize(v, 1000, 1800);
	EXPECT_EQ(r.verdict, DRBD_RESIZE_UNCHANGED);
	EXPECT_TRUE(r.too_big);
	v.last_agreed = 0;
	EXPECT_EQ(resize(v, 900).verdict, DRBD_RESIZE_CHANGED);
}

TEST(NewSpace, BothEndsNameTheSame)
{
	EXPECT_EQ(drbd_size_new_space(1000, 1000, 1500), 1000u);
	EXPECT_EQ(drbd_size_new_space(1500, 1000, 1500), 1000u);
	EXPECT_EQ(drbd_size_new_space(1000, 1500, 1500), 1000u);
	EXPECT_EQ(drbd_size_new_space(1500, 1500, 1500), 1500u) << "nothing new";
	EXPECT_EQ(drbd_size_new_space(2000, 1500, 1500), 1500u);
	EXPECT_EQ(drbd_size_new_space(0, 1500, 1500), 1500u) << "first of all";
	EXPECT_EQ(drbd_size_new_space(1500, 0, 1500), 1500u);
}

TEST(Grow, BothSidesAlwaysAgreeWhoIsSource)
{
	auto opposite = [](drbd_grow_role a, drbd_grow_role b) {
		return (a == DRBD_GROW_NONE && b == DRBD_GROW_NONE) ||
		       (a == DRBD_GROW_SOURCE && b == DRBD_GROW_TARGET) ||
		       (a == DRBD_GROW_TARGET && b == DRBD_GROW_SOURCE);
	};

	for (u64 primaries = 1; primaries < 8; primaries++)
		for (int a = 0; a < 3; a++)
			for (int b = 0; b < 3; b++) {
				if (a == b)
					continue;
				EXPECT_TRUE(opposite(drbd_size_grow_role(a, b, primaries, -1, 7),
						     drbd_size_grow_role(b, a, primaries, a, 0)));
			}
	/* Nobody is Primary: 0 started, told 1, which told 2. */
	EXPECT_TRUE(opposite(drbd_size_grow_role(0, 1, 0, -1, 2), drbd_size_grow_role(1, 0, 0, 0, 4)));
	EXPECT_TRUE(opposite(drbd_size_grow_role(1, 2, 0, 0, 4), drbd_size_grow_role(2, 1, 0, 1, 0)));
	EXPECT_EQ(drbd_size_grow_role(0, 2, 0, -1, 2), DRBD_GROW_NONE);
	for (int p = 0; p < 4; p++)
		EXPECT_TRUE(opposite(drbd_size_grow_role_traditional(3, 5, p & 1, p & 2),
				     drbd_size_grow_role_traditional(5, 3, p & 2, p & 1)));
	EXPECT_EQ(drbd_size_grow_role_traditional(3, 5, false, true), DRBD_GROW_TARGET);
}

} // namespace
