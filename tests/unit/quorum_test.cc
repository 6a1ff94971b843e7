// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "model.h"

namespace {

void lose(Model &m, unsigned c, unsigned cstate = C_NETWORK_FAILURE)
{
	m.begin();
	drbd_state_set_cstate(&m.r, c, static_cast<u8>(cstate));
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	m.publish();
}

/* A peer says good-bye: Outdated by agreement. */
int leave(Model &m, unsigned c)
{
	m.begin();
	drbd_state_set_cstate(&m.r, c, C_TEAR_DOWN);
	NEW(m.pd(c).disk_state) = D_OUTDATED;
	int rv = m.commit(0);
	if (rv >= SS_SUCCESS)
		m.publish();
	return rv;
}

/* What an empty transaction does to the members of this side. */
void empty(Model &m)
{
	m.begin();
	NEW(m.r.members) = drbd_connected_nodes(&m.r, DRBD_OLD) | 1;
	m.commit(CORE_FORCE_RECALC | CORE_LOCAL_ONLY | CORE_PREPARED);
	m.publish();
}

struct Cluster : Model {
	explicit Cluster(unsigned peers, unsigned quorum = QOU_MAJORITY) : Model(peers)
	{
		r.quorum = static_cast<u16>(quorum);
		role(R_PRIMARY).disk(D_UP_TO_DATE);
		for (unsigned c = 0; c < peers; c++)
			connected(c);
	}
	bool quorate() { return dev().quorum[DRBD_OLD]; }
	void diskless_witness(unsigned c)
	{
		both(pd(c).disk_state, D_DISKLESS);
		pd(c).flags &= ~CORE_PD_BITMAP;
		own().slot_mask &= ~(1u << (c + 1));
		dev().md_peer_flags[c + 1] = DRBD_MDF_NODE_EXISTS;
	}
};

TEST(Quorum, At)
{
	EXPECT_EQ(drbd_quorum_at(QOU_OFF, 5), 0u);
	EXPECT_EQ(drbd_quorum_at(QOU_MAJORITY, 5), 3u);
	EXPECT_EQ(drbd_quorum_at(QOU_MAJORITY, 4), 3u);
	EXPECT_EQ(drbd_quorum_at(QOU_ALL, 4), 4u);
	EXPECT_EQ(drbd_quorum_at(2, 4), 2u);
}

/* The examples of states.md 12.3. */
TEST(Quorum, ThreeDiskfulOneAfterTheOther)
{
	Cluster m(2);

	lose(m, 1);
	EXPECT_TRUE(m.quorate());
	empty(m);
	EXPECT_TRUE(m.quorate());
	lose(m, 0);
	EXPECT_FALSE(m.quorate());
	EXPECT_TRUE(m.r.susp_quorum[DRBD_OLD]);
	EXPECT_TRUE(m.dev().flags & CORE_DEV_PRIMARY_LOST_QUORUM);
	EXPECT_TRUE(m.dev().after & CORE_DEV_HELPER_QUORUM_LOST);
}

TEST(Quorum, LastManStanding)
{
	Cluster m(2);

	EXPECT_EQ(leave(m, 0), SS_SUCCESS);
	EXPECT_EQ(leave(m, 1), SS_SUCCESS);
	EXPECT_TRUE(m.quorate());
}

TEST(Quorum, OneLeavesOneCrashes)
{
	Cluster m(2);

	EXPECT_EQ(leave(m, 1), SS_SUCCESS);
	lose(m, 0);
	EXPECT_FALSE(m.quorate());
}

TEST(Quorum, GracefulLeaveRefusedWhenItWouldLoseQuorum)
{
	Cluster m(2);

	lose(m, 1);
	empty(m);
	EXPECT_EQ(leave(m, 0), SS_NO_QUORUM);
}

TEST(Quorum, TieBreaker)
{
	Cluster m(2);

	m.diskless_witness(1);
	lose(m, 0);
	EXPECT_TRUE(m.quorate());
	EXPECT_TRUE(m.dev().flags & CORE_DEV_TIEBREAKER_USED);
	empty(m);
	EXPECT_TRUE(m.quorate());
	EXPECT_FALSE(m.dev().flags & CORE_DEV_TIEBREAKER_USED);
}

TEST(Quorum, TieBreakerLostTogether)
{
	Cluster m(2);

	m.diskless_witness(1);
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_NETWORK_FAILURE);
	drbd_state_set_cstate(&m.r, 1, C_NETWORK_FAILURE);
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	m.publish();
	EXPECT_FALSE(m.quorate());
}

TEST(Quorum, TieBreakerNeverGains)
{
	Cluster m(2);

	m.diskless_witness(1);
	Model::both(m.dev().quorum, 0);
	Model::both(m.dev().quorum_tracked, 0);
	lose(m, 0);
	EXPECT_FALSE(m.quorate());
}

TEST(Quorum, PeerTiebreakerNo)
{
	Cluster m(2);

	m.diskless_witness(1);
	m.pd(1).flags |= CORE_PD_NO_TIEBREAKER;
	lose(m, 0);
	EXPECT_FALSE(m.quorate());
}

TEST(Quorum, TwoDiskfulNodesNeedEachOther)
{
	Cluster m(1);

	lose(m, 0);
	EXPECT_FALSE(m.quorate());
	EXPECT_TRUE(m.r.suspended);
	/* It comes back: resumes, with the pending generation written first. */
	Model::both(m.conn().cstate, C_CONNECTING);
	m.pd().hs = {1, L_ESTABLISHED, D_UP_TO_DATE, 0, D_MASK};
	m.peer().received = true;
	m.pd().flags |= CORE_PD_UUIDS_RECEIVED;
	m.begin();
	drbd_state_apply_handshake(&m.r, 0, R_SECONDARY);
	ASSERT_EQ(m.commit(CORE_PREPARED), SS_SUCCESS);
	EXPECT_TRUE(NEW(m.dev().quorum));
	EXPECT_FALSE(NEW(m.r.susp_quorum));
	EXPECT_TRUE(m.pd().commit & CORE_PD_RESEND_REQUESTS);
	EXPECT_FALSE(m.dev().flags & CORE_DEV_PRIMARY_LOST_QUORUM);
}

TEST(Quorum, OffNeverSuspends)
{
	Cluster m(1, QOU_OFF);

	lose(m, 0);
	EXPECT_TRUE(m.quorate());
	EXPECT_FALSE(m.r.suspended);
}

TEST(Quorum, OnNoQuorumIoError)
{
	Cluster m(1);

	m.r.on_no_quorum = ONQ_IO_ERROR;
	lose(m, 0);
	EXPECT_FALSE(m.r.suspended);
	EXPECT_TRUE(m.dev().fail_io);
}

TEST(Quorum, MinimumRedundancy)
{
	Cluster m(2);
	char text[120];
	drbd_quorum_count q;

	m.r.quorum_min_redundancy = 2;
	m.begin();
	NEW(m.pd(0).disk_state) = D_INCONSISTENT;
	NEW(m.pd(1).disk_state) = D_INCONSISTENT;
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_FALSE(NEW(m.dev().quorum));
	drbd_quorum_compute(&m.r, &m.dev(), &q);
	drbd_quorum_text(&q, text, sizeof(text));
	EXPECT_STREQ(text, "1 of 3 nodes up_to_date, need 2 for quorum-minimum-redundancy");
}

TEST(Quorum, Texts)
{
	char text[120];
	drbd_quorum_count q{};

	q.up = 2;
	q.voters = 5;
	q.quorum_at = 3;
	drbd_quorum_text(&q, text, sizeof(text));
	EXPECT_STREQ(text, "2 of 5 nodes visible, need 3 for quorum");
	q = {};
	drbd_quorum_text(&q, text, sizeof(text));
	EXPECT_STREQ(text, "no UpToDate peer with quorum");
}

TEST(Quorum, DisklessNodeFollowsAQuoratePeer)
{
	Cluster m(2);

	m.role(R_SECONDARY).disk(D_DISKLESS);
	lose(m, 1);
	EXPECT_TRUE(m.quorate());
	m.begin();
	m.pd(0).flags &= ~CORE_PD_PEER_QUORATE;
	ASSERT_EQ(m.commit(CORE_FORCE_RECALC | CORE_HARD), SS_SUCCESS);
	m.publish();
	EXPECT_FALSE(m.quorate());
}

TEST(Quorum, AFreshDisklessPeerDoesNotExistYet)
{
	Cluster m(2);

	m.diskless_witness(1);
	m.dev().md_peer_flags[2] = 0;
	drbd_quorum_count q;
	drbd_state_begin(&m.r);
	drbd_quorum_compute(&m.r, &m.dev(), &q);
	EXPECT_EQ(q.diskless, 0);
	EXPECT_EQ(q.up, 2);
}

TEST(Quorum, UnconfiguredNodesCount)
{
	Cluster m(1);
	drbd_quorum_count q;

	m.dev().md_peer_flags[9] = DRBD_MDF_NODE_EXISTS | DRBD_MDF_PEER_DEVICE_SEEN;
	m.r.members[0] |= 1 << 9;
	drbd_state_begin(&m.r);
	drbd_quorum_compute(&m.r, &m.dev(), &q);
	EXPECT_EQ(q.unknown, 1);
	EXPECT_EQ(q.voters, 3);
}

TEST(Quorum, PromotionNeedsIt)
{
	Model m;

	m.r.quorum = QOU_MAJORITY;
	m.disk(D_UP_TO_DATE);
	m.r.members[0] = 3;
	Model::both(m.dev().quorum, 0);
	Model::both(m.dev().quorum_tracked, 0);
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	EXPECT_EQ(m.check(), SS_NO_QUORUM);
	/* Restored after a reboot of the only member (12.4). */
	m.dev().flags |= CORE_DEV_RESTORE_QUORUM;
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	EXPECT_EQ(m.check(), SS_SUCCESS);
	EXPECT_TRUE(drbd_quorum_restorable(DRBD_MDF_HAVE_QUORUM | DRBD_MDF_WAS_UP_TO_DATE, 1, 0));
	EXPECT_FALSE(drbd_quorum_restorable(DRBD_MDF_HAVE_QUORUM | DRBD_MDF_WAS_UP_TO_DATE, 3, 0));
	EXPECT_FALSE(drbd_quorum_restorable(DRBD_MDF_HAVE_QUORUM, 1, 0));
}

} // namespace
