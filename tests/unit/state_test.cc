// SPDX-License-Identifier: GPL-2.0-only
/* Derivation, validity, actions owed, state word, log lines. */
#include <gtest/gtest.h>

#include <string>

#include "model.h"

namespace {

/* ------------------------------------------------------------ derivation */

TEST(Derive, NothingToDo)
{
	Model m;

	m.begin();
	EXPECT_EQ(m.check(), SS_NOTHING_TO_DO);
	EXPECT_EQ(m.check(CORE_FORCE_RECALC), SS_SUCCESS);
}

TEST(Derive, LostConnectionHidesThePeer)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_NETWORK_FAILURE);
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.conn().peer_role), R_UNKNOWN);
	EXPECT_EQ(NEW(m.pd().repl_state), L_OFF);
	EXPECT_EQ(NEW(m.pd().disk_state), D_UNKNOWN);	/* P1 */
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);
}

TEST(Derive, AbsentPeerStaysOutdatedOrInconsistent)
{
	for (unsigned pdsk : {D_INCONSISTENT, D_OUTDATED}) {
		Model m;

		m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, pdsk);
		m.begin();
		drbd_state_set_cstate(&m.r, 0, C_NETWORK_FAILURE);
		ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
		EXPECT_EQ(NEW(m.pd().disk_state), pdsk);
	}
}

TEST(Derive, LostPrimaryMakesUpToDateConsistent)	/* K2, B3 */
{
	for (unsigned cstate : {C_TIMEOUT, C_BROKEN_PIPE, C_NETWORK_FAILURE, C_PROTOCOL_ERROR,
				C_DISCONNECTING}) {
		Model m;

		m.disk(D_UP_TO_DATE).connected(0, R_PRIMARY);
		m.begin();
		drbd_state_set_cstate(&m.r, 0, static_cast<u8>(cstate));
		ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
		EXPECT_EQ(NEW(m.dev().disk_state), D_CONSISTENT);
		EXPECT_TRUE(m.r.after & CORE_RES_EMPTY_2PC);
		EXPECT_TRUE(m.dev().flags & CORE_DEV_TRY_UP_TO_DATE);
		m.publish();
		EXPECT_TRUE(drbd_promotion_must_wait(&m.r));
	}
}

TEST(Derive, NegotiatedTearDownIsNoLostPrimary)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_PRIMARY);
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_TEAR_DOWN);
	ASSERT_EQ(m.commit(CORE_PREPARED), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);
	EXPECT_FALSE(m.r.after & CORE_RES_EMPTY_2PC);
}

TEST(Derive, LostPrimaryWithoutDataLeavesMeTheAuthority)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_PRIMARY, D_DISKLESS);
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_NETWORK_FAILURE);
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);
}

TEST(Derive, AnotherPrimaryStillConnectedKeepsUpToDate)
{
	Model m(2);

	m.disk(D_UP_TO_DATE).connected(0, R_PRIMARY).connected(1, R_PRIMARY);
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_NETWORK_FAILURE);
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);
}

TEST(Derive, DetachOfDiskless)			/* A1 */
{
	Model m;

	m.begin();
	NEW(m.dev().disk_state) = D_DETACHING;
	EXPECT_EQ(m.check(), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_DISKLESS);
}

TEST(Derive, OutdateFailureIgnored)		/* A2 */
{
	Model m;

	m.disk(D_INCONSISTENT);
	m.begin();
	NEW(m.dev().disk_state) = D_OUTDATED;
	EXPECT_EQ(m.check(), SS_LOWER_THAN_OUTDATED);
	m.begin();
	NEW(m.dev().disk_state) = D_OUTDATED;
	EXPECT_EQ(m.check(CORE_IGNORE_OUTDATE_FAILURE), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_INCONSISTENT);
}

struct Clamp {
	unsigned repl, disk, pdsk, new_disk, new_pdsk;
};

class ClampTable : public testing::TestWithParam<Clamp> {};

TEST_P(ClampTable, DisksFollowReplication)	/* P10 */
{
	const Clamp &t = GetParam();
	Model m;

	m.disk(t.disk).connected(0, R_SECONDARY, t.pdsk);
	m.begin();
	NEW(m.pd().repl_state) = static_cast<u8>(t.repl);
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), t.new_disk);
	EXPECT_EQ(NEW(m.pd().disk_state), t.new_pdsk);
}

INSTANTIATE_TEST_SUITE_P(P10, ClampTable, testing::Values(
	Clamp{L_WF_BITMAP_T, D_UP_TO_DATE, D_UP_TO_DATE, D_OUTDATED, D_UP_TO_DATE},
	Clamp{L_WF_BITMAP_T, D_INCONSISTENT, D_UP_TO_DATE, D_INCONSISTENT, D_UP_TO_DATE},
	Clamp{L_WF_BITMAP_S, D_UP_TO_DATE, D_UP_TO_DATE, D_UP_TO_DATE, D_CONSISTENT},
	Clamp{L_STARTING_SYNC_S, D_UP_TO_DATE, D_UP_TO_DATE, D_UP_TO_DATE, D_CONSISTENT},
	Clamp{L_STARTING_SYNC_T, D_UP_TO_DATE, D_UP_TO_DATE, D_INCONSISTENT, D_UP_TO_DATE},
	Clamp{L_SYNC_SOURCE, D_UP_TO_DATE, D_UP_TO_DATE, D_UP_TO_DATE, D_INCONSISTENT},
	Clamp{L_SYNC_TARGET, D_OUTDATED, D_UP_TO_DATE, D_INCONSISTENT, D_UP_TO_DATE},
	Clamp{L_PAUSED_SYNC_T, D_OUTDATED, D_UP_TO_DATE, D_INCONSISTENT, D_UP_TO_DATE},
	Clamp{L_AHEAD, D_UP_TO_DATE, D_UP_TO_DATE, D_UP_TO_DATE, D_CONSISTENT},
	Clamp{L_BEHIND, D_UP_TO_DATE, D_UP_TO_DATE, D_OUTDATED, D_UP_TO_DATE}));

TEST(Derive, ResyncEndsWithTheDisk)		/* P4 */
{
	for (bool mine : {true, false}) {
		Model m;

		m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_INCONSISTENT, L_SYNC_SOURCE);
		m.begin();
		if (mine)
			NEW(m.dev().disk_state) = D_FAILED;
		else
			NEW(m.pd().disk_state) = D_FAILED;
		ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
		EXPECT_EQ(NEW(m.pd().repl_state), L_ESTABLISHED);
	}
}

TEST(Derive, StonithFreezesIo)			/* P5 */
{
	Model m;

	m.disk(D_UP_TO_DATE).role(R_PRIMARY).connected();
	m.conn().fencing = FP_STONITH;
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_TIMEOUT);
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(NEW(m.conn().susp_fen));
	EXPECT_TRUE(m.r.suspended);
	EXPECT_TRUE(m.conn().after & CORE_CONN_CHECK_FENCING);
}

TEST(Derive, PauseReasons)			/* P7 */
{
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_INCONSISTENT, L_SYNC_SOURCE);
	m.begin();
	NEW(m.pd().resync_susp_user) = 1;
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd().repl_state), L_PAUSED_SYNC_S);
	EXPECT_TRUE(m.pd().after & CORE_PD_SEND_STATE);
	EXPECT_TRUE(m.pd().after & CORE_PD_PAUSE_DEPENDENT);
	m.publish();
	m.begin();
	NEW(m.pd().resync_susp_user) = 0;
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd().repl_state), L_SYNC_SOURCE);
	EXPECT_TRUE(m.pd().after & CORE_PD_RESUME_DEPENDENT);
}

TEST(Derive, InconsistentSourcePauses)
{
	Model m;

	m.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_INCONSISTENT, L_WF_BITMAP_S);
	m.begin();
	NEW(m.pd().repl_state) = L_SYNC_SOURCE;
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd().repl_state), L_PAUSED_SYNC_S);
	EXPECT_TRUE(drbd_resync_susp_dependency(&m.dev(), &m.pd(), DRBD_NEW));
}

TEST(Derive, OneSourceAtATime)
{
	Model m(2);

	m.disk(D_OUTDATED).connected(0, R_SECONDARY, D_UP_TO_DATE, L_WF_BITMAP_T)
		.connected(1, R_SECONDARY, D_UP_TO_DATE, L_WF_BITMAP_T);
	m.pd(0).bits = 5000;
	m.pd(1).bits = 1000;
	m.begin();
	NEW(m.pd(0).repl_state) = L_SYNC_TARGET;
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(0).repl_state), L_SYNC_TARGET);
	EXPECT_TRUE(NEW(m.pd(0).resync_active));
	m.publish();

	/* A better source waits until the active one's requests are in. */
	m.begin();
	NEW(m.pd(1).repl_state) = L_SYNC_TARGET;
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(0).repl_state), L_PAUSED_SYNC_T);
	EXPECT_EQ(NEW(m.pd(1).repl_state), L_PAUSED_SYNC_T);
	m.publish();
	m.begin();
	NEW(m.pd(0).resync_active) = 0;
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(0).repl_state), L_PAUSED_SYNC_T);
	EXPECT_TRUE(NEW(m.pd(0).resync_susp_other_c));
	EXPECT_EQ(NEW(m.pd(1).repl_state), L_SYNC_TARGET);
	EXPECT_FALSE(NEW(m.pd(1).resync_susp_other_c));
}

TEST(Derive, ASlightlyBetterSourceIsNotWorthASwitch)
{
	Model m(2);

	m.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_UP_TO_DATE, L_SYNC_TARGET)
		.connected(1, R_SECONDARY, D_UP_TO_DATE, L_WF_BITMAP_T);
	Model::both(m.pd(0).resync_active, 1);
	m.pd(0).bits = 1255;
	m.pd(1).bits = 1000;
	m.begin();
	NEW(m.pd(1).repl_state) = L_SYNC_TARGET;
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(0).repl_state), L_SYNC_TARGET);
	EXPECT_EQ(NEW(m.pd(1).repl_state), L_PAUSED_SYNC_T);
}

TEST(Derive, PausedTargetStaysSourceForNobody)	/* P6 */
{
	Model m(2);

	m.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_UP_TO_DATE, L_SYNC_TARGET)
		.connected(1, R_SECONDARY, D_INCONSISTENT, L_WF_BITMAP_S);
	m.begin();
	NEW(m.pd(1).repl_state) = L_SYNC_SOURCE;
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(1).repl_state), L_PAUSED_SYNC_S);
	EXPECT_TRUE(NEW(m.pd(1).resync_susp_other_c));
}

TEST(Derive, InvalidateFromOnePausesTheOthers)	/* P8 */
{
	Model m(2);

	m.disk(D_UP_TO_DATE).connected(0).connected(1);
	m.begin();
	NEW(m.pd(0).repl_state) = L_STARTING_SYNC_T;
	ASSERT_EQ(m.check(), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(1).repl_state), L_PAUSED_SYNC_T);
}

TEST(Derive, OutdatedRecoversFromEqualPeer)	/* P13 */
{
	Model m;

	m.disk(D_OUTDATED).connected(0, R_SECONDARY, D_UP_TO_DATE, L_OFF);
	m.begin();
	NEW(m.pd().repl_state) = L_ESTABLISHED;
	NEW(m.pd().disk_state) = D_UP_TO_DATE;
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);

	for (int variant = 0; variant < 3; variant++) {
		Model n;

		n.disk(D_OUTDATED).connected(0, R_SECONDARY, D_UP_TO_DATE, L_OFF);
		if (variant == 0)
			n.peer().flags = 0;			/* not stable */
		if (variant == 1)
			n.pd().flags &= ~CORE_PD_UUIDS_RECEIVED;
		if (variant == 2)
			n.peer().cur = 0x7770;			/* other data */
		n.begin();
		NEW(n.pd().repl_state) = L_ESTABLISHED;
		NEW(n.pd().disk_state) = D_UP_TO_DATE;
		ASSERT_EQ(n.check(CORE_HARD), SS_SUCCESS);
		EXPECT_EQ(NEW(n.dev().disk_state), D_OUTDATED) << variant;
	}
}

TEST(Derive, GotStableIsConsumed)		/* P13, P17 */
{
	Model m;

	m.disk(D_OUTDATED).connected();
	m.pd().flags |= CORE_PD_GOT_STABLE;
	m.begin();
	ASSERT_EQ(m.commit(), SS_SUCCESS);	/* not "nothing to do" */
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);
	m.publish();
	m.begin();
	EXPECT_EQ(m.check(), SS_NOTHING_TO_DO);
}

TEST(Derive, FailedResyncAttemptGivesUpToDateBack)	/* P14 */
{
	Model m(2);

	m.disk(D_OUTDATED).connected(0, R_SECONDARY, D_UP_TO_DATE, L_WF_BITMAP_T).connected(1);
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_NETWORK_FAILURE);
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);
}

TEST(Derive, ConsistentBecomesUpToDateWhenConnecting)	/* P15, P16 */
{
	Model m;

	m.disk(D_CONSISTENT).connected(0, R_SECONDARY, D_CONSISTENT, L_OFF);
	m.begin();
	NEW(m.pd().repl_state) = L_ESTABLISHED;
	NEW(m.pd().disk_state) = D_CONSISTENT;
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);

	Model n;

	n.disk(D_CONSISTENT).connected(0, R_SECONDARY, D_CONSISTENT);
	n.begin();
	NEW(n.pd().disk_state) = D_UP_TO_DATE;
	ASSERT_EQ(n.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(n.dev().disk_state), D_UP_TO_DATE);
}

TEST(Derive, DisklessPrimaryArrives)		/* P18 */
{
	for (bool same : {true, false}) {
		Model m;

		m.disk(same ? D_CONSISTENT : D_UP_TO_DATE).connected(0, R_UNKNOWN, D_UNKNOWN, L_OFF);
		m.peer().cur = same ? m.own().cur | 1 : 0x4440;
		m.begin();
		NEW(m.conn().peer_role) = R_PRIMARY;
		NEW(m.pd().repl_state) = L_ESTABLISHED;
		NEW(m.pd().disk_state) = D_DISKLESS;
		ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
		EXPECT_EQ(NEW(m.dev().disk_state), same ? D_UP_TO_DATE : D_CONSISTENT);
		EXPECT_EQ(!!(m.dev().after & CORE_DEV_FIND_SOURCE), !same);
	}
}

TEST(Derive, DisklessNodeChecksTheGeneration)	/* P19 */
{
	for (bool same : {true, false}) {
		Model m;

		m.disk(D_DISKLESS).connected(0, R_SECONDARY, D_UNKNOWN, L_OFF);
		m.conn().features = 0x40;
		m.dev().exposed_uuid = same ? m.peer().cur : 0x9990;
		m.begin();
		NEW(m.pd().repl_state) = L_ESTABLISHED;
		NEW(m.pd().disk_state) = D_UP_TO_DATE;
		ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
		EXPECT_EQ(NEW(m.pd().disk_state), same ? D_UP_TO_DATE : D_CONSISTENT);
	}
}

TEST(Derive, MayBeUpToDateUnderFencing)		/* 8.4 */
{
	Model m;

	m.dev().md_flags = DRBD_MDF_CONSISTENT | DRBD_MDF_WAS_UP_TO_DATE;
	EXPECT_EQ(drbd_disk_state_from_md(&m.r, &m.dev(), DRBD_OLD), D_UP_TO_DATE);
	m.dev().md_peer_flags[1] |= DRBD_MDF_PEER_FENCING;
	EXPECT_EQ(drbd_disk_state_from_md(&m.r, &m.dev(), DRBD_OLD), D_CONSISTENT);
	m.dev().md_peer_flags[1] |= DRBD_MDF_PEER_OUTDATED;
	EXPECT_EQ(drbd_disk_state_from_md(&m.r, &m.dev(), DRBD_OLD), D_UP_TO_DATE);
	m.dev().md_peer_flags[1] &= ~DRBD_MDF_PEER_OUTDATED;
	m.pd().flags &= ~CORE_PD_BITMAP;
	EXPECT_EQ(drbd_disk_state_from_md(&m.r, &m.dev(), DRBD_OLD), D_UP_TO_DATE);
	/* A node without a connection object blocks as well. */
	m.dev().md_peer_flags[7] = DRBD_MDF_NODE_EXISTS | DRBD_MDF_PEER_FENCING;
	EXPECT_EQ(drbd_disk_state_from_md(&m.r, &m.dev(), DRBD_OLD), D_CONSISTENT);
	m.dev().md_flags = DRBD_MDF_CONSISTENT;
	EXPECT_EQ(drbd_disk_state_from_md(&m.r, &m.dev(), DRBD_OLD), D_OUTDATED);
	m.dev().md_flags = DRBD_MDF_WAS_UP_TO_DATE;
	EXPECT_EQ(drbd_disk_state_from_md(&m.r, &m.dev(), DRBD_OLD), D_INCONSISTENT);
}

/* -------------------------------------------------- attach negotiation (8.3) */

struct Negotiation {
	unsigned a, b, pdsk, result;
};

class AttachTable : public testing::TestWithParam<Negotiation> {};

TEST_P(AttachTable, Result)
{
	const Negotiation &t = GetParam();
	Model m(2);

	m.disk(D_NEGOTIATING).connected(0, R_SECONDARY, t.pdsk).connected(1, R_SECONDARY, t.pdsk);
	m.dev().md_flags = DRBD_MDF_CONSISTENT;
	m.pd(0).negotiation = static_cast<u8>(t.a);
	m.pd(1).negotiation = static_cast<u8>(t.b);
	m.begin();
	ASSERT_EQ(m.check(CORE_FORCE_RECALC | CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), t.result);
}

INSTANTIATE_TEST_SUITE_P(Table83, AttachTable, testing::Values(
	Negotiation{CORE_NEG_PENDING, L_ESTABLISHED, D_UP_TO_DATE, D_NEGOTIATING},
	Negotiation{CORE_NEG_NO_RESULT, CORE_NEG_NO_RESULT, D_UP_TO_DATE, D_DETACHING},
	Negotiation{CORE_NEG_NO_RESULT, L_ESTABLISHED, D_UP_TO_DATE, D_UP_TO_DATE},
	Negotiation{L_WF_BITMAP_T, L_ESTABLISHED, D_UP_TO_DATE, D_INCONSISTENT},
	Negotiation{L_WF_BITMAP_S, L_ESTABLISHED, D_OUTDATED, D_OUTDATED},
	Negotiation{L_ESTABLISHED, L_ESTABLISHED, D_UP_TO_DATE, D_UP_TO_DATE}));

TEST(Attach, ReplicationFollowsTheResult)
{
	Model m;

	m.disk(D_NEGOTIATING).connected();
	m.pd().negotiation = L_WF_BITMAP_T;
	m.begin();
	ASSERT_EQ(m.commit(CORE_FORCE_RECALC | CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd().repl_state), L_WF_BITMAP_T);
	EXPECT_EQ(NEW(m.dev().disk_state), D_INCONSISTENT);
}

TEST(Attach, PeerLostWhileNegotiating)		/* B2 */
{
	Model m;

	m.disk(D_NEGOTIATING).connected();
	m.dev().md_flags = DRBD_MDF_CONSISTENT;
	m.pd().negotiation = CORE_NEG_PENDING;
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_BROKEN_PIPE);
	ASSERT_EQ(m.check(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_OUTDATED);
}

TEST(Attach, WhereTo)
{
	Model m;

	m.disk(D_ATTACHING);
	m.dev().md_flags = DRBD_MDF_CONSISTENT | DRBD_MDF_WAS_UP_TO_DATE;
	EXPECT_EQ(drbd_attach_disk_state(&m.r, 0), D_UP_TO_DATE);
	m.connected(0, R_SECONDARY, D_DISKLESS);
	EXPECT_EQ(drbd_attach_disk_state(&m.r, 0), D_UP_TO_DATE);
	m.connected(0, R_SECONDARY, D_UP_TO_DATE);
	EXPECT_EQ(drbd_attach_disk_state(&m.r, 0), D_NEGOTIATING);
}

/* ---------------------------------------------------------------- suspension */

TEST(Suspend, NoData)				/* B1, R1 */
{
	for (unsigned policy : {OND_IO_ERROR, OND_SUSPEND_IO}) {
		Model m;

		m.role(R_PRIMARY).disk(D_UP_TO_DATE);
		m.r.on_no_data = static_cast<u8>(policy);
		m.begin();
		NEW(m.dev().disk_state) = D_FAILED;
		ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
		EXPECT_EQ(NEW(m.r.susp_nod), policy == OND_SUSPEND_IO);
		EXPECT_EQ(m.dev().fail_io, policy == OND_IO_ERROR);
		EXPECT_TRUE(m.pd().after & CORE_PD_HELPER_INCON_DEGR);
	}
}

TEST(Suspend, NoDataRegained)
{
	Model m;

	m.role(R_PRIMARY).disk(D_DISKLESS).connected(0, R_SECONDARY, D_UNKNOWN, L_OFF);
	Model::both(m.r.susp_nod, 1);
	m.r.on_no_data = OND_SUSPEND_IO;
	m.dev().exposed_uuid = m.peer().cur;
	m.begin();
	NEW(m.pd().repl_state) = L_ESTABLISHED;
	NEW(m.pd().disk_state) = D_UP_TO_DATE;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_FALSE(NEW(m.r.susp_nod));
	EXPECT_TRUE(m.r.commit & CORE_RES_RESUBMIT);
}

TEST(Suspend, NoDataHeldForUnreachableMembers)	/* 13.3 */
{
	Model m;

	m.role(R_PRIMARY).disk(D_DISKLESS).connected(0, R_SECONDARY, D_UNKNOWN, L_OFF);
	Model::both(m.r.susp_nod, 1);
	m.r.on_no_data = OND_SUSPEND_IO;
	m.dev().exposed_uuid = m.peer().cur;
	m.r.members[0] |= 1 << 5;
	m.begin();
	NEW(m.pd().repl_state) = L_ESTABLISHED;
	NEW(m.pd().disk_state) = D_UP_TO_DATE;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(NEW(m.r.susp_nod));
	EXPECT_TRUE(m.r.after & CORE_RES_RESUME_2PC);
	m.publish();
	m.begin();
	m.r.members[1] = 3;
	ASSERT_EQ(m.commit(CORE_PREPARED), SS_SUCCESS);
	EXPECT_FALSE(NEW(m.r.susp_nod));
}

/* Its own disk is back, the peer is not: nobody could be outdated first. */
TEST(Suspend, NoDataRegainedAlone)		/* 13.3 */
{
	for (bool uuid_pending : {false, true}) {
		Model m;

		m.role(R_PRIMARY).disk(D_FAILED);
		Model::both(m.r.susp_nod, 1);
		m.r.on_no_data = OND_SUSPEND_IO;
		m.r.members[0] |= 1 << 5;
		if (uuid_pending)
			m.dev().flags |= CORE_DEV_NEW_UUID_PENDING;
		m.begin();
		NEW(m.dev().disk_state) = D_UP_TO_DATE;
		ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
		EXPECT_TRUE(NEW(m.r.susp_nod));
		EXPECT_TRUE(m.r.after & CORE_RES_RESUME_2PC);
		m.publish();
		m.begin();	/* the empty transaction */
		ASSERT_EQ(m.commit(CORE_FORCE_RECALC | CORE_NOBODY_TO_ASK), SS_SUCCESS);
		EXPECT_FALSE(NEW(m.r.susp_nod));
		EXPECT_EQ(NEW(m.r.susp_uuid), uuid_pending);
	}
}

TEST(Suspend, NewUuidBeforeResuming)		/* R3 */
{
	Model m;

	m.role(R_PRIMARY).disk(D_UP_TO_DATE);
	Model::both(m.r.susp_user, 1);
	m.dev().flags |= CORE_DEV_NEW_UUID_PENDING;
	m.begin();
	NEW(m.r.susp_user) = 0;
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_TRUE(NEW(m.r.susp_uuid));
	EXPECT_TRUE(m.r.suspended);
	EXPECT_FALSE(m.r.commit & CORE_RES_RESUBMIT);
	EXPECT_TRUE(m.dev().after & CORE_DEV_NEW_UUID);
	EXPECT_TRUE(m.r.after & CORE_RES_CLEAR_SUSP_UUID);
	m.publish();
	m.begin();
	m.dev().flags &= ~CORE_DEV_NEW_UUID_PENDING;	/* created */
	NEW(m.r.susp_uuid) = 0;
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_FALSE(m.r.suspended);
	EXPECT_TRUE(m.r.commit & CORE_RES_RESUBMIT);
}

TEST(Suspend, ResendOrCancel)			/* hazard 6 */
{
	for (unsigned repl : {L_ESTABLISHED, L_WF_BITMAP_S}) {
		Model m;

		m.role(R_PRIMARY).disk(D_UP_TO_DATE).connected(0, R_UNKNOWN, D_UNKNOWN, L_OFF);
		Model::both(m.conn().cstate, C_CONNECTING);
		Model::both(m.r.susp_user, 1);
		m.pd().hs = {1, static_cast<u8>(repl), D_UP_TO_DATE, 0, D_MASK};
		m.begin();
		drbd_state_apply_handshake(&m.r, 0, R_SECONDARY);
		ASSERT_EQ(m.commit(CORE_PREPARED), SS_SUCCESS);
		EXPECT_EQ(m.pd().commit & (CORE_PD_RESEND_REQUESTS | CORE_PD_CANCEL_REQUESTS),
			  repl == L_ESTABLISHED ? CORE_PD_RESEND_REQUESTS :
						  CORE_PD_CANCEL_REQUESTS);
	}
	Model m;	/* resumed without the peer */

	m.role(R_PRIMARY).disk(D_UP_TO_DATE);
	Model::both(m.conn().cstate, C_CONNECTING);
	Model::both(m.r.susp_user, 1);
	m.begin();
	NEW(m.r.susp_user) = 0;
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_TRUE(m.pd().commit & CORE_PD_CANCEL_REQUESTS);
	EXPECT_TRUE(m.r.commit & CORE_RES_RESUBMIT);
}

TEST(Suspend, ForcedDemotionFailsIo)		/* R4 */
{
	Model m;

	m.role(R_PRIMARY).disk(D_UP_TO_DATE);
	m.dev().flags |= CORE_DEV_OPEN | CORE_DEV_WRITER;
	m.begin();
	NEW(m.r.role) = R_SECONDARY;
	EXPECT_EQ(m.check(), SS_DEVICE_IN_USE);
	m.begin();
	NEW(m.r.role) = R_SECONDARY;
	ASSERT_EQ(m.commit(CORE_IGNORE_OPENERS), SS_SUCCESS);
	EXPECT_TRUE(NEW(m.r.fail_io));
	EXPECT_TRUE(m.dev().fail_io);
	m.publish();
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	EXPECT_EQ(m.check(), SS_DEVICE_IN_USE);
	m.begin();
	ASSERT_EQ(m.commit(CORE_HARD | CORE_FORCE_RECALC), SS_SUCCESS);
	EXPECT_TRUE(NEW(m.r.fail_io));
	m.publish();
	m.dev().flags &= ~(CORE_DEV_OPEN | CORE_DEV_WRITER);	/* last close */
	m.begin();
	ASSERT_EQ(m.commit(CORE_HARD | CORE_FORCE_RECALC), SS_SUCCESS);
	EXPECT_FALSE(NEW(m.r.fail_io));
}

/* ------------------------------------------------------------------ validity */

struct Hop {
	unsigned from, to;
	int rv;
};

class HardConnection : public testing::TestWithParam<Hop> {};

TEST_P(HardConnection, Rule51)
{
	Model m;

	Model::both(m.conn().cstate, GetParam().from);
	m.begin();
	drbd_state_set_cstate(&m.r, 0, static_cast<u8>(GetParam().to));
	EXPECT_EQ(m.check(CORE_HARD), GetParam().rv);
}

INSTANTIATE_TEST_SUITE_P(Rules, HardConnection, testing::Values(
	Hop{C_STANDALONE, C_DISCONNECTING, SS_ALREADY_STANDALONE},
	Hop{C_STANDALONE, C_CONNECTING, SS_NEED_CONNECTION},
	Hop{C_STANDALONE, C_UNCONNECTED, SS_SUCCESS},
	Hop{C_TIMEOUT, C_BROKEN_PIPE, SS_IN_TRANSIENT_STATE},
	Hop{C_TEAR_DOWN, C_NETWORK_FAILURE, SS_IN_TRANSIENT_STATE},
	Hop{C_NETWORK_FAILURE, C_UNCONNECTED, SS_SUCCESS},
	Hop{C_NETWORK_FAILURE, C_DISCONNECTING, SS_SUCCESS},
	Hop{C_DISCONNECTING, C_NETWORK_FAILURE, SS_IN_TRANSIENT_STATE},
	Hop{C_DISCONNECTING, C_STANDALONE, SS_SUCCESS},
	Hop{C_CONNECTED, C_TIMEOUT, SS_SUCCESS}));

TEST(Validate, DisklessCannotFail)
{
	Model m;

	m.begin();
	NEW(m.dev().disk_state) = D_FAILED;
	EXPECT_EQ(m.check(CORE_HARD), SS_IS_DISKLESS);
	EXPECT_EQ(m.why.dev, 0);
}

TEST(Validate, Promotion)
{
	Model m;

	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	EXPECT_EQ(m.check(), SS_NO_UP_TO_DATE_DISK);

	Model n;

	n.disk(D_UP_TO_DATE).connected(0, R_PRIMARY);
	n.begin();
	NEW(n.r.role) = R_PRIMARY;
	EXPECT_EQ(n.check(), SS_TWO_PRIMARIES);
	n.conn().two_primaries = 1;
	n.begin();
	NEW(n.r.role) = R_PRIMARY;
	EXPECT_EQ(n.check(), SS_SUCCESS);
	n.conn().flags |= CORE_CONN_HANDSHAKE;
	n.begin();
	NEW(n.r.role) = R_PRIMARY;
	EXPECT_EQ(n.check(), SS_IN_TRANSIENT_STATE);

	Model k;	/* data of the peer will do */

	k.connected();
	k.begin();
	NEW(k.r.role) = R_PRIMARY;
	EXPECT_EQ(k.check(), SS_SUCCESS);
	k.conn().allow_remote_read = 0;
	k.begin();
	NEW(k.r.role) = R_PRIMARY;
	EXPECT_EQ(k.check(), SS_NO_UP_TO_DATE_DISK);
}

TEST(Validate, PromotionUnderFencing)
{
	Model m;

	m.disk(D_UP_TO_DATE);
	m.conn().fencing = FP_RESOURCE;
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	EXPECT_EQ(m.check(), SS_PRIMARY_NOP);
	Model::both(m.pd().disk_state, D_OUTDATED);
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	EXPECT_EQ(m.check(), SS_SUCCESS);
}

TEST(Validate, ReadersBlockThePeersPromotion)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.dev().flags |= CORE_DEV_OPEN;
	m.begin();
	NEW(m.conn().peer_role) = R_PRIMARY;
	EXPECT_EQ(m.check(), SS_PRIMARY_READER);
	m.dev().flags |= CORE_DEV_WRITER;	/* then it is a Primary's business */
	m.begin();
	NEW(m.conn().peer_role) = R_PRIMARY;
	EXPECT_EQ(m.check(), SS_SUCCESS);
}

TEST(Validate, PrimaryKeepsItsData)
{
	Model m;

	m.role(R_PRIMARY).disk(D_UP_TO_DATE);
	m.begin();
	NEW(m.dev().disk_state) = D_DETACHING;
	EXPECT_EQ(m.check(), SS_NO_UP_TO_DATE_DISK);
	m.connected();
	m.begin();
	NEW(m.dev().disk_state) = D_DETACHING;
	EXPECT_EQ(m.check(), SS_SUCCESS);

	Model n;

	n.role(R_PRIMARY).disk(D_DISKLESS).connected();
	n.begin();
	EXPECT_EQ(drbd_disconnect_prepare(&n.r, 0, false), (unsigned)CORE_IGNORE_OUTDATE_FAILURE);
	EXPECT_EQ(n.check(CORE_IGNORE_OUTDATE_FAILURE), SS_NO_UP_TO_DATE_DISK);
}

TEST(Validate, Outdating)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_PRIMARY);
	m.begin();
	NEW(m.dev().disk_state) = D_OUTDATED;
	EXPECT_EQ(m.check(), SS_CONNECTED_OUTDATES);
	m.begin();
	NEW(m.dev().disk_state) = D_OUTDATED;
	NEW(m.pd().repl_state) = L_WF_BITMAP_T;		/* becoming target */
	EXPECT_EQ(m.check(), SS_SUCCESS);

	Model n;

	n.disk(D_UP_TO_DATE);
	n.begin();
	NEW(n.dev().disk_state) = D_OUTDATED;
	EXPECT_EQ(n.check(), SS_SUCCESS);

	Model p;

	p.role(R_PRIMARY).disk(D_UP_TO_DATE).connected();
	p.begin();
	NEW(p.dev().disk_state) = D_OUTDATED;
	EXPECT_EQ(p.check(), SS_CONNECTED_OUTDATES);
	p.begin();
	NEW(p.pd().repl_state) = L_WF_BITMAP_T;
	EXPECT_EQ(p.check(), SS_SUCCESS);
	EXPECT_EQ(NEW(p.dev().disk_state), D_OUTDATED);
}

struct ReplHop {
	unsigned disk, pdsk, from, to;
	int rv;
};

class SoftReplication : public testing::TestWithParam<ReplHop> {};

TEST_P(SoftReplication, Rule52)
{
	const ReplHop &t = GetParam();
	Model m;

	m.disk(t.disk).connected(0, R_SECONDARY, t.pdsk, t.from);
	m.begin();
	NEW(m.pd().repl_state) = static_cast<u8>(t.to);
	EXPECT_EQ(m.check(), t.rv);
}

INSTANTIATE_TEST_SUITE_P(Rules, SoftReplication, testing::Values(
	ReplHop{D_DISKLESS, D_UP_TO_DATE, L_ESTABLISHED, L_STARTING_SYNC_T, SS_NO_LOCAL_DISK},
	ReplHop{D_UP_TO_DATE, D_DISKLESS, L_ESTABLISHED, L_STARTING_SYNC_S, SS_NO_REMOTE_DISK},
	ReplHop{D_UP_TO_DATE, D_UP_TO_DATE, L_ESTABLISHED, L_STARTING_SYNC_S, SS_SUCCESS},
	ReplHop{D_UP_TO_DATE, D_UP_TO_DATE, L_ESTABLISHED, L_STARTING_SYNC_T, SS_SUCCESS},
	ReplHop{D_UP_TO_DATE, D_INCONSISTENT, L_SYNC_SOURCE, L_WF_BITMAP_S, SS_RESYNC_RUNNING},
	ReplHop{D_INCONSISTENT, D_UP_TO_DATE, L_SYNC_TARGET, L_WF_BITMAP_T, SS_RESYNC_RUNNING},
	ReplHop{D_UP_TO_DATE, D_INCONSISTENT, L_SYNC_SOURCE, L_STARTING_SYNC_S, SS_RESYNC_RUNNING},
	ReplHop{D_UP_TO_DATE, D_UP_TO_DATE, L_OFF, L_VERIFY_S, SS_NEED_CONNECTION},
	ReplHop{D_UP_TO_DATE, D_INCONSISTENT, L_SYNC_SOURCE, L_VERIFY_S, SS_RESYNC_RUNNING},
	ReplHop{D_UP_TO_DATE, D_UP_TO_DATE, L_ESTABLISHED, L_VERIFY_S, SS_SUCCESS},
	ReplHop{D_UP_TO_DATE, D_UP_TO_DATE, L_OFF, L_STARTING_SYNC_S, SS_NEED_CONNECTION}));

TEST(Validate, VerifyNeedsAnAlgorithm)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.conn().has_verify_alg = 0;
	m.begin();
	NEW(m.pd().repl_state) = L_VERIFY_S;
	EXPECT_EQ(m.check(), SS_NO_VERIFY_ALG);
	m.conn().has_verify_alg = 1;
	m.conn().protocol_version = 87;
	m.begin();
	NEW(m.pd().repl_state) = L_VERIFY_S;
	EXPECT_EQ(m.check(), SS_NOT_SUPPORTED);
}

TEST(Validate, ResyncWithoutConnection)
{
	Model m;

	m.disk(D_UP_TO_DATE);
	m.begin();
	NEW(m.pd().repl_state) = L_STARTING_SYNC_S;
	EXPECT_EQ(m.check(), SS_NEED_CONNECTION);
}

TEST(Validate, OneNegotiationAtATime)
{
	Model m;

	m.disk(D_NEGOTIATING).connected();
	m.pd().negotiation = CORE_NEG_PENDING;
	m.begin();
	NEW(m.pd().disk_state) = D_NEGOTIATING;
	EXPECT_EQ(m.check(), SS_IN_TRANSIENT_STATE);
}

TEST(Validate, NoDiskForABitmapNoPeer)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_DISKLESS);
	m.pd().flags &= ~CORE_PD_BITMAP;
	m.begin();
	NEW(m.pd().disk_state) = D_NEGOTIATING;
	EXPECT_EQ(m.check(), SS_ATTACH_NO_BITMAP);
}

TEST(Validate, AttachAndDetachDuringAHandshake)
{
	Model m;

	m.conn().flags |= CORE_CONN_HANDSHAKE;
	m.begin();
	NEW(m.dev().disk_state) = D_ATTACHING;
	EXPECT_EQ(m.check(), SS_IN_TRANSIENT_STATE);
	m.disk(D_UP_TO_DATE);
	m.begin();
	NEW(m.dev().disk_state) = D_DETACHING;
	EXPECT_EQ(m.check(), SS_IN_TRANSIENT_STATE);
}

TEST(Validate, DisconnectRules)
{
	Model m;

	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_DISCONNECTING);
	EXPECT_EQ(m.check(), SS_ALREADY_STANDALONE);
	Model::both(m.conn().cstate, C_UNCONNECTED);
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_DISCONNECTING);
	EXPECT_EQ(m.check(), SS_IN_TRANSIENT_STATE);
	Model::both(m.conn().cstate, C_DISCONNECTING);
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_CONNECTING);
	EXPECT_EQ(m.check(), SS_IN_TRANSIENT_STATE);	/* hard rules come first */
}

/* ------------------------------------------------------------ cluster-wide? */

TEST(ClusterWide, Table112)
{
	drbd_twopc_request q;
	Model m;

	m.disk(D_UP_TO_DATE).connected();

	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	ASSERT_EQ(m.check(), SS_SUCCESS);
	ASSERT_TRUE(drbd_state_cluster_wide(&m.r, 0, &q));
	EXPECT_EQ(q.vnr, -1);
	EXPECT_EQ(q.target, -1);
	EXPECT_EQ(q.mask, 3u);
	EXPECT_EQ(q.val, 1u);
	EXPECT_FALSE(drbd_twopc_commit_first(&q, R_SECONDARY));
	EXPECT_FALSE(drbd_state_cluster_wide(&m.r, CORE_LOCAL_ONLY, &q));
	EXPECT_FALSE(drbd_state_cluster_wide(&m.r, CORE_HARD, &q));

	m.role(R_PRIMARY);
	m.begin();
	NEW(m.r.role) = R_SECONDARY;
	ASSERT_TRUE(drbd_state_cluster_wide(&m.r, 0, &q));
	EXPECT_EQ(q.val, 2u);
	EXPECT_TRUE(drbd_twopc_commit_first(&q, R_PRIMARY));
	m.role(R_SECONDARY);

	m.begin();
	NEW(m.dev().disk_state) = D_DETACHING;
	ASSERT_TRUE(drbd_state_cluster_wide(&m.r, 0, &q));
	EXPECT_EQ(q.vnr, 0);
	EXPECT_EQ(q.target, -1);
	EXPECT_EQ(q.mask, 0x1e00u);
	EXPECT_EQ(q.val, 2u << 9);

	m.begin();
	drbd_disconnect_prepare(&m.r, 0, false);
	ASSERT_TRUE(drbd_state_cluster_wide(&m.r, 0, &q));
	EXPECT_EQ(q.target, 1);
	EXPECT_EQ(q.mask, 0x1f0u);
	EXPECT_EQ(q.val, 1u << 4);
	EXPECT_TRUE(drbd_twopc_is_disconnect(&q));

	m.begin();
	NEW(m.pd().repl_state) = L_STARTING_SYNC_T;
	ASSERT_TRUE(drbd_state_cluster_wide(&m.r, 0, &q));
	EXPECT_EQ(q.val, 12u << 4);
	EXPECT_EQ(q.target, 1);
	EXPECT_EQ(q.vnr, 0);
	EXPECT_FALSE(drbd_twopc_commit_first(&q, R_SECONDARY));

	m.begin();
	NEW(m.pd().repl_state) = L_VERIFY_S;
	ASSERT_TRUE(drbd_state_cluster_wide(&m.r, 0, &q));
	EXPECT_TRUE(drbd_twopc_commit_first(&q, R_SECONDARY));

	m.begin();
	NEW(m.pd().repl_state) = L_WF_BITMAP_S;
	EXPECT_FALSE(drbd_state_cluster_wide(&m.r, 0, &q));
	EXPECT_TRUE(drbd_state_cluster_wide(&m.r, CORE_CLUSTER_WIDE, &q));

	m.begin();
	NEW(m.pd().repl_state) = L_OFF;
	ASSERT_TRUE(drbd_state_cluster_wide(&m.r, 0, &q));
	EXPECT_EQ(q.val, 9u << 4);

	m.begin();
	NEW(m.r.susp_user) = 1;
	EXPECT_FALSE(drbd_state_cluster_wide(&m.r, 0, &q));
}

TEST(ClusterWide, Connect)
{
	drbd_twopc_request q;
	Model m;

	Model::both(m.conn().cstate, C_CONNECTING);
	m.begin();
	NEW(m.conn().cstate) = C_CONNECTED;
	ASSERT_TRUE(drbd_state_cluster_wide(&m.r, 0, &q));
	EXPECT_EQ(q.mask, 0x1f3u);
	EXPECT_EQ(q.val, 9u << 4 | 2);
	EXPECT_TRUE(drbd_twopc_is_connect(&q));
	EXPECT_TRUE(drbd_twopc_commit_first(&q, R_SECONDARY));
}

TEST(ClusterWide, ForcedPromotionTellsTheDisk)
{
	drbd_role_attempt a{};
	drbd_twopc_request q;
	Model m;

	m.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_INCONSISTENT);
	a.force = a.force_up_to_date = true;
	m.begin();
	unsigned flags = drbd_role_prepare(&m.r, &a);
	ASSERT_EQ(m.check(flags), SS_SUCCESS);
	ASSERT_TRUE(drbd_state_cluster_wide(&m.r, flags, &q));
	EXPECT_EQ(q.mask, 0x1e03u);
	EXPECT_EQ(q.val, 9u << 9 | 1);
	EXPECT_TRUE(m.pd().flags & CORE_PD_CONSIDER_RESYNC);
	EXPECT_TRUE(drbd_role_forced(&m.dev(), &a));
}

TEST(ClusterWide, AloneIsLocal)
{
	drbd_twopc_request q;
	Model m;

	m.disk(D_UP_TO_DATE);
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	EXPECT_FALSE(drbd_state_cluster_wide(&m.r, 0, &q));
}

/* --------------------------------------------------------------- actions owed */

TEST(Owed, NewGenerationTriggers)		/* 14.1 */
{
	Model m;	/* promotion */

	m.disk(D_UP_TO_DATE).connected();
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_TRUE(m.dev().flags & CORE_DEV_NEW_UUID_PENDING);
	EXPECT_TRUE(m.dev().commit & CORE_DEV_UUID_PENDING_SET);
	m.publish();
	m.begin();	/* demotion */
	NEW(m.r.role) = R_SECONDARY;
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_FALSE(m.dev().flags & CORE_DEV_NEW_UUID_PENDING);
	EXPECT_TRUE(m.dev().commit & CORE_DEV_UUID_PENDING_DROPPED);
	EXPECT_TRUE(m.r.after & CORE_RES_SEND_ROLE);
	EXPECT_TRUE(m.r.commit & CORE_RES_FLUSH_PEER_ACK);
	EXPECT_TRUE(m.dev().after & CORE_DEV_WRITE_BITMAP);

	struct Case {
		unsigned from, to;
		bool due;
	};
	for (const Case &t : {Case{D_UP_TO_DATE, D_UNKNOWN, true}, {D_CONSISTENT, D_FAILED, true},
			      {D_INCONSISTENT, D_UNKNOWN, true}, {D_UP_TO_DATE, D_OUTDATED, true},
			      {D_UP_TO_DATE, D_DISKLESS, true}, {D_OUTDATED, D_FAILED, false},
			      {D_UP_TO_DATE, D_INCONSISTENT, false}}) {
		Model k;

		k.role(R_PRIMARY).disk(D_UP_TO_DATE).connected(0, R_SECONDARY, t.from);
		k.begin();
		if (t.to == D_UNKNOWN)
			drbd_state_set_cstate(&k.r, 0, C_TIMEOUT);
		else
			NEW(k.pd().disk_state) = static_cast<u8>(t.to);
		/* An Inconsistent peer stays Inconsistent when it goes. */
		bool due = t.due && !(t.from == D_INCONSISTENT && t.to == D_UNKNOWN);
		ASSERT_EQ(k.commit(CORE_HARD), SS_SUCCESS);
		EXPECT_EQ(!!(k.dev().flags & CORE_DEV_NEW_UUID_PENDING), due) << t.from << " " << t.to;
	}

	Model s;	/* a Secondary does not care */

	s.disk(D_UP_TO_DATE).connected();
	s.begin();
	drbd_state_set_cstate(&s.r, 0, C_TIMEOUT);
	ASSERT_EQ(s.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_FALSE(s.dev().flags & CORE_DEV_NEW_UUID_PENDING);

	for (u64 bm : {u64{0}, u64{0x5550}}) {	/* DUnknown -> Diskless */
		Model k;

		k.role(R_PRIMARY).disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_UNKNOWN, L_OFF);
		k.own().bitmap[1] = bm;
		k.begin();
		NEW(k.pd().repl_state) = L_ESTABLISHED;
		NEW(k.pd().disk_state) = D_DISKLESS;
		ASSERT_EQ(k.commit(CORE_HARD), SS_SUCCESS);
		EXPECT_EQ(!!(k.dev().flags & CORE_DEV_NEW_UUID_PENDING), bm == 0);
	}

	for (unsigned to : {D_FAILED, D_DETACHING}) {	/* own disk */
		Model k;

		k.role(R_PRIMARY).disk(D_UP_TO_DATE).connected();
		k.begin();
		NEW(k.dev().disk_state) = static_cast<u8>(to);
		ASSERT_EQ(k.commit(CORE_HARD), SS_SUCCESS);
		EXPECT_TRUE(k.dev().flags & CORE_DEV_NEW_UUID_PENDING);
		EXPECT_EQ(!!(k.pd().after & CORE_PD_NEW_UUID_NOW), to == D_FAILED);
	}
}

TEST(Owed, ConnectWithoutResync)
{
	Model m;

	m.disk(D_UP_TO_DATE);
	m.connected(0, R_UNKNOWN, D_UNKNOWN, L_OFF);
	Model::both(m.conn().cstate, C_CONNECTING);
	m.pd().hs = {1, L_ESTABLISHED, D_UP_TO_DATE, 0, D_MASK};
	m.begin();
	drbd_state_apply_handshake(&m.r, 0, R_SECONDARY);
	ASSERT_EQ(m.commit(CORE_PREPARED), SS_SUCCESS);
	EXPECT_EQ(NEW(m.r.members), 3u);
	EXPECT_TRUE(m.pd().after & CORE_PD_CLEAR_BITMAP);
	EXPECT_TRUE(m.pd().after & CORE_PD_SEND_STATE);
	EXPECT_FALSE(m.pd().after & CORE_PD_SEND_UUIDS);
	EXPECT_TRUE(m.pd().commit & CORE_PD_NEW_EPOCH);
	EXPECT_TRUE(m.pd().commit & CORE_PD_SEND_DAGTAG);
	EXPECT_TRUE(m.conn().commit & CORE_CONN_RELEASE_UUID_FREEZE);
	EXPECT_TRUE(m.conn().after & CORE_CONN_NOTIFY);
	EXPECT_TRUE(m.pd().after & CORE_PD_NOTIFY);
	EXPECT_TRUE(m.dev().md_peer_flags[1] & DRBD_MDF_PEER_CONNECTED);
	EXPECT_TRUE(m.dev().commit & CORE_DEV_MD_DIRTY);
}

TEST(Owed, BitmapIsKeptWhileThePeerIsATargetElsewhere)
{
	Model m;

	m.disk(D_UP_TO_DATE);
	m.connected(0, R_UNKNOWN, D_UNKNOWN, L_OFF);
	m.peer().flags |= DRBD_UUID_F_SYNC_TARGET;
	m.begin();
	NEW(m.pd().repl_state) = L_ESTABLISHED;
	NEW(m.pd().disk_state) = D_OUTDATED;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_FALSE(m.pd().after & CORE_PD_CLEAR_BITMAP);
}

TEST(Owed, BecomingNeighbourOfAPrimaryMakesUnstable)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.begin();
	NEW(m.conn().peer_role) = R_PRIMARY;
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_TRUE(m.pd().after & CORE_PD_SEND_UUIDS);
	EXPECT_TRUE(m.dev().md_flags & DRBD_MDF_PRIMARY_IND);
	m.publish();
	m.begin();
	NEW(m.conn().peer_role) = R_SECONDARY;
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	/* Stable again, but not offered to the one that was Primary. */
	EXPECT_TRUE(m.pd().after & CORE_PD_SEND_UUIDS);
	EXPECT_FALSE(m.pd().after & CORE_PD_SEND_UUIDS_GOT_STABLE);
	EXPECT_TRUE(m.dev().after & CORE_DEV_WRITE_BITMAP);
	EXPECT_FALSE(m.dev().md_flags & DRBD_MDF_PRIMARY_IND);
}

TEST(Owed, PrimaryIndicatorStaysWhilePeerWritesAreInFlight)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_PRIMARY);
	m.dev().md_flags = DRBD_MDF_PRIMARY_IND | DRBD_MDF_CONSISTENT;
	m.dev().flags |= CORE_DEV_PEER_REQS;
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_TIMEOUT);
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(m.dev().md_flags & DRBD_MDF_PRIMARY_IND);
	m.publish();
	m.dev().flags &= ~CORE_DEV_PEER_REQS;
	m.begin();
	ASSERT_EQ(m.commit(CORE_FORCE_RECALC), SS_SUCCESS);
	EXPECT_FALSE(m.dev().md_flags & DRBD_MDF_PRIMARY_IND);
}

TEST(Owed, MetadataFlags)			/* 8.5 */
{
	Model m;

	m.role(R_PRIMARY).disk(D_UP_TO_DATE).connected();
	m.dev().md_flags = DRBD_MDF_AL_CLEAN;
	m.begin();
	ASSERT_EQ(m.commit(CORE_FORCE_RECALC), SS_SUCCESS);
	EXPECT_EQ(m.dev().md_flags, DRBD_MDF_CONSISTENT | DRBD_MDF_WAS_UP_TO_DATE |
		  DRBD_MDF_PRIMARY_IND | DRBD_MDF_CRASHED_PRIMARY | DRBD_MDF_HAVE_QUORUM);
	EXPECT_EQ(m.dev().md_peer_flags[1], DRBD_MDF_HAVE_BITMAP | DRBD_MDF_PEER_CONNECTED |
		  DRBD_MDF_PEER_DEVICE_SEEN);
	EXPECT_TRUE(m.dev().after & CORE_DEV_WRITE_MD);
	m.publish();

	m.dev().flags |= CORE_DEV_GRACEFUL_DETACH;	/* others go on: not up to date any more */
	m.begin();
	NEW(m.dev().disk_state) = D_DETACHING;
	ASSERT_EQ(m.commit(CORE_PREPARED), SS_SUCCESS);
	EXPECT_EQ(m.dev().md_flags, DRBD_MDF_CONSISTENT | DRBD_MDF_HAVE_QUORUM);
}

TEST(Owed, CrashedPrimaryIsForgottenWhenBothAreUpToDate)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_INCONSISTENT, L_SYNC_SOURCE);
	m.dev().flags |= CORE_DEV_CRASHED_PRIMARY;
	m.begin();
	NEW(m.pd().repl_state) = L_ESTABLISHED;
	NEW(m.pd().disk_state) = D_UP_TO_DATE;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_FALSE(m.dev().flags & CORE_DEV_CRASHED_PRIMARY);
	EXPECT_FALSE(m.dev().md_flags & DRBD_MDF_CRASHED_PRIMARY);
	EXPECT_TRUE(m.pd().commit & CORE_PD_FORGET_PEER_CRASHED);
}

TEST(Owed, CrashedTargetDoesNotRepeatItself)
{
	Model m;

	m.disk(D_OUTDATED).connected(0, R_PRIMARY, D_UP_TO_DATE, L_WF_BITMAP_T);
	m.dev().flags |= CORE_DEV_CRASHED_PRIMARY;
	m.begin();
	NEW(m.pd().resync_susp_user) = 1;
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_FALSE(m.pd().after & CORE_PD_SEND_STATE);
	m.publish();
	m.begin();
	NEW(m.pd().repl_state) = L_SYNC_TARGET;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(m.pd().after & CORE_PD_SEND_STATE);
}

TEST(Owed, ResyncStartAndEnd)
{
	Model m;

	m.disk(D_OUTDATED).connected(0, R_PRIMARY, D_UP_TO_DATE, L_WF_BITMAP_T);
	m.begin();
	NEW(m.pd().repl_state) = L_SYNC_TARGET;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(m.pd().after & CORE_PD_BEGAN_RESYNC);
	EXPECT_TRUE(m.pd().after & CORE_PD_START_REQUESTS);
	EXPECT_TRUE(m.pd().commit & CORE_PD_INIT_PROGRESS);
	m.publish();
	m.begin();
	NEW(m.pd().repl_state) = L_ESTABLISHED;
	NEW(m.dev().disk_state) = D_UP_TO_DATE;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(m.pd().after & CORE_PD_SEND_UUIDS);
	EXPECT_TRUE(m.pd().after & CORE_PD_SEND_STATE_ALL);
	EXPECT_TRUE(m.pd().after & CORE_PD_WRITE_BITMAP);
	EXPECT_TRUE(m.pd().after & CORE_PD_RESYNC_ENDED);
	EXPECT_TRUE(m.dev().commit & CORE_DEV_EXPOSE_UUID);
	EXPECT_LT(CORE_PD_SEND_UUIDS, CORE_PD_SEND_STATE);	/* the order of the bits */
	EXPECT_LT(CORE_PD_SEND_UUIDS, CORE_PD_SEND_STATE_ALL);
}

TEST(Owed, SourceMarksWritesInFlight)
{
	Model m;

	m.role(R_PRIMARY).disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_OUTDATED, L_ESTABLISHED);
	m.begin();
	NEW(m.pd().repl_state) = L_WF_BITMAP_S;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(m.pd().after & CORE_PD_SEND_BITMAP);
	/* I am the Primary: no writes of others on their way to it. */
	EXPECT_FALSE(m.pd().commit & CORE_PD_MARK_UNACKED);
}

TEST(Owed, DiskFailure)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.dev().flags |= CORE_DEV_CALL_LOCAL_IO_ERROR;
	m.begin();
	NEW(m.dev().disk_state) = D_FAILED;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(m.dev().commit & CORE_DEV_HOLD_LDEV);
	EXPECT_TRUE(m.dev().after & CORE_DEV_HELPER_IO_ERROR);
	EXPECT_TRUE(m.dev().after & CORE_DEV_SEND_STATE_ALL);
	EXPECT_TRUE(m.dev().after & CORE_DEV_LAST_CHANCE_WRITE);
	EXPECT_TRUE(m.dev().after & CORE_DEV_DROP_LDEV);
	EXPECT_LT(CORE_DEV_HELPER_IO_ERROR, CORE_DEV_SEND_STATE_ALL);
	EXPECT_LT(CORE_DEV_SEND_STATE_ALL, CORE_DEV_LAST_CHANCE_WRITE);
	m.publish();
	m.begin();
	NEW(m.dev().disk_state) = D_DISKLESS;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(m.dev().commit & CORE_DEV_FORGET_SLOTS);
	EXPECT_TRUE(m.dev().after & CORE_DEV_STOP_MD_TIMER);
}

TEST(Owed, ReceiverAndTwopcOnConnectionLoss)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_PRIMARY);
	m.r.flags |= CORE_RES_TWOPC_RUNNING;
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_BROKEN_PIPE);
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(m.conn().commit & CORE_CONN_RESTART_RECEIVER);
	EXPECT_TRUE(m.conn().commit & CORE_CONN_TWOPC_LOST);
	EXPECT_TRUE(m.conn().flags & CORE_CONN_WAS_CONNECTED);
	EXPECT_TRUE(m.conn().flags & CORE_CONN_LOST_PRIMARY);
	EXPECT_TRUE(m.r.after & CORE_RES_EXPIRE_2PC);
	EXPECT_TRUE(m.pd().commit & CORE_PD_DROP_UUIDS);
	EXPECT_FALSE(m.pd().flags & CORE_PD_UUIDS_RECEIVED);
	m.publish();
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_UNCONNECTED);
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	m.publish();
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_CONNECTING);
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	m.publish();
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_DISCONNECTING);
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_TRUE(m.conn().commit & CORE_CONN_STOP_RECEIVER);
	m.publish();
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_STANDALONE);
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	m.publish();
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_UNCONNECTED);
	ASSERT_EQ(m.commit(), SS_SUCCESS);
	EXPECT_TRUE(m.conn().after & CORE_CONN_START_RECEIVER);
}

/* The target of a connect transaction is not Connected yet when it is lost. */
TEST(Owed, TwopcLearnsOfALossWhileConnecting)
{
	for (bool running : {true, false}) {
		Model m;

		m.disk(D_UP_TO_DATE);
		m.conn().cstate[DRBD_OLD] = C_CONNECTING;
		if (running)
			m.r.flags |= CORE_RES_TWOPC_RUNNING;
		m.begin();
		drbd_state_set_cstate(&m.r, 0, C_NETWORK_FAILURE);
		ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
		EXPECT_EQ(!!(m.conn().commit & CORE_CONN_TWOPC_LOST), running);
		m.publish();
		m.begin();
		drbd_state_set_cstate(&m.r, 0, C_UNCONNECTED);
		ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
		EXPECT_FALSE(m.conn().commit & CORE_CONN_TWOPC_LOST);
	}
}

TEST(Owed, UnfenceWhenEverythingIsUpToDate)
{
	Model m(1, 2);

	m.disk(D_UP_TO_DATE, 0).disk(D_UP_TO_DATE, 1).connected();
	m.conn().fencing = FP_RESOURCE;
	Model::both(m.pd(0, 1).disk_state, D_INCONSISTENT);
	m.begin();
	NEW(m.pd(0, 1).disk_state) = D_UP_TO_DATE;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(m.conn().after & CORE_CONN_HELPER_UNFENCE);
}

TEST(Owed, UnstableResync)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.peer().flags = 0;			/* the source has a Primary neighbour ... */
	m.peer().node_mask = 1ull << 4;		/* ... which I do not see */
	m.begin();
	NEW(m.pd().repl_state) = L_WF_BITMAP_T;
	ASSERT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_TRUE(m.pd().flags & CORE_PD_UNSTABLE_RESYNC);
}

TEST(Owed, Summaries)
{
	Model m;

	m.disk(D_OUTDATED).connected(0, R_SECONDARY, D_UP_TO_DATE, L_WF_BITMAP_T);
	drbd_state_summarise(&m.r);
	EXPECT_TRUE(m.dev().unstable);
	EXPECT_EQ(m.r.min_protocol_version, 124);
	EXPECT_TRUE(m.r.all_quorate);
	m.conn().protocol_version = 101;
	Model::both(m.pd().repl_state, L_WF_BITMAP_S);
	drbd_state_summarise(&m.r);
	EXPECT_FALSE(m.dev().unstable);
	m.conn().protocol_version = 95;
	drbd_state_summarise(&m.r);
	EXPECT_TRUE(m.dev().unstable);
}

/* ------------------------------------------------------------- state word, text */

TEST(Word, Examples)				/* wire chapter, 5.1 */
{
	Model m;

	m.disk(D_UP_TO_DATE);
	Model::both(m.conn().cstate, C_CONNECTING);
	EXPECT_EQ(drbd_state_word(&m.r, 0, 0, DRBD_OLD), 0x0080f282u);
	m.connected();
	EXPECT_EQ(drbd_state_word(&m.r, 0, 0, DRBD_OLD), 0x008132aau);
}

TEST(Word, RoundTrip)
{
	for (u32 bit = 0; bit < 24; bit++) {
		drbd_state_fields f;

		drbd_state_unpack(1u << bit, &f);
		EXPECT_EQ(drbd_state_pack(&f), 1u << bit);
	}
}

TEST(Word, Renumbering)
{
	drbd_state_fields f{};

	f.disk = D_UP_TO_DATE;
	f.pdsk = D_FAILED;
	u32 old = drbd_state_word_to_84(drbd_state_pack(&f));
	drbd_state_fields g;

	drbd_state_unpack(old, &g);
	EXPECT_EQ(g.disk, 8);
	EXPECT_EQ(g.pdsk, 2);
	EXPECT_EQ(drbd_state_word_from_84(old), drbd_state_pack(&f));
}

TEST(Word, Mirror)
{
	struct Case {
		u32 from, to;
	};
	for (const Case &t : {Case{1, 7}, {8, 8}, {9, 9}, {10, 10}, {11, 12}, {12, 11}, {13, 14},
			      {14, 13}, {18, 19}}) {
		u32 mask, val;

		ASSERT_EQ(drbd_state_mirror(0x1f0, t.from << 4, &mask, &val), SS_SUCCESS);
		EXPECT_EQ(mask, 0x1f0u);
		EXPECT_EQ(val, t.to << 4);
	}
	u32 mask, val;

	ASSERT_EQ(drbd_state_mirror(0x1e03, 9u << 9 | 1, &mask, &val), SS_SUCCESS);
	EXPECT_EQ(mask, 0x1e00cu << 0 | 0u);
	EXPECT_EQ(val, 9u << 13 | 1u << 2);
	/* What may not be set, and fields covered partly. */
	for (u32 bad : {0xcu, 0x20000u, 0x40000u, 0x100000u, 0x800000u, 0x01000000u, 0x1u, 0x10u,
			0x200u})
		EXPECT_EQ(drbd_state_mirror(bad, 0, &mask, &val), SS_NOT_SUPPORTED) << bad;
	EXPECT_EQ(drbd_state_mirror(0x1f0, 17u << 4, &mask, &val), SS_NOT_SUPPORTED);
	EXPECT_EQ(drbd_state_mirror(0x1e00, 12u << 9, &mask, &val), SS_NOT_SUPPORTED);
}

TEST(Text, Diffs)
{
	char buf[320];
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.begin();
	EXPECT_EQ(drbd_connection_diff(&m.conn(), buf, sizeof(buf)), 0u);
	drbd_state_set_cstate(&m.r, 0, C_NETWORK_FAILURE);
	NEW(m.r.role) = R_PRIMARY;
	NEW(m.r.susp_user) = NEW(m.r.susp_quorum) = 1;
	NEW(m.dev().quorum) = 0;
	NEW(m.pd().disk_state) = D_UNKNOWN;
	NEW(m.pd().resync_susp_dependency) = 1;
	drbd_connection_diff(&m.conn(), buf, sizeof(buf));
	EXPECT_STREQ(buf, "conn( Connected -> NetworkFailure ) peer( Secondary -> Unknown )");
	drbd_resource_diff(&m.r, buf, sizeof(buf));
	EXPECT_STREQ(buf, "role( Secondary -> Primary ) susp-io( no -> user,quorum )");
	drbd_device_diff(&m.dev(), buf, sizeof(buf));
	EXPECT_STREQ(buf, "quorum( yes -> no )");
	drbd_peer_device_diff(&m.dev(), &m.pd(), buf, sizeof(buf));
	EXPECT_STREQ(buf, "pdsk( UpToDate -> DUnknown ) repl( Established -> Off ) "
			  "resync-susp( no -> after dependency )");
	EXPECT_EQ(drbd_peer_device_diff(&m.dev(), &m.pd(), buf, 8), 7u);
	EXPECT_STREQ(buf, "pdsk( U");
	EXPECT_STREQ(drbd_disk_text(10), "?");
	EXPECT_STREQ(drbd_ss_text(-25), "No quorum");
}

/* ------------------------------------------------------------ received P_STATE */

u32 word(unsigned role, unsigned conn, unsigned disk, unsigned pdsk, bool isp = false)
{
	drbd_state_fields f{};

	f.role = static_cast<u8>(role);
	f.conn = static_cast<u8>(conn);
	f.disk = static_cast<u8>(disk);
	f.pdsk = static_cast<u8>(pdsk);
	f.user_isp = isp;
	f.quorum = 1;
	return drbd_state_pack(&f);
}

TEST(PeerState, Reactions)
{
	drbd_peer_state_decision d;
	Model m;

	m.disk(D_UP_TO_DATE);
	u32 w = word(R_SECONDARY, C_CONNECTING, D_UP_TO_DATE, D_UNKNOWN);

	Model::both(m.conn().cstate, C_TEAR_DOWN);
	drbd_peer_state_decide(&m.r, 0, 0, w, 0, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_DROP);
	Model::both(m.conn().cstate, C_CONNECTING);
	drbd_peer_state_decide(&m.r, 0, 0, w, 0, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_IGNORE);
	m.conn().flags |= CORE_CONN_HANDSHAKE;
	drbd_peer_state_decide(&m.r, 0, 0, w, 0, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_RECORD);
	m.pd().flags &= ~CORE_PD_BITMAP;
	drbd_peer_state_decide(&m.r, 0, 0, w, 0, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_DISCONNECT);
	m.pd().flags |= CORE_PD_BITMAP;
	drbd_peer_state_decide(&m.r, 0, 0, word(R_SECONDARY, 10, 12, 9), 0, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_DISCONNECT);	/* invalid */
}

/* Each thought the other had no disk: both notice, whoever was a little earlier. */
TEST(PeerState, TwoThatAttachInTheSameMomentMeetAnew)
{
	drbd_peer_state_decision d;
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_DISKLESS);
	u32 w = word(R_SECONDARY, L_ESTABLISHED, D_UP_TO_DATE, D_DISKLESS);
	for (u8 seen : {D_DISKLESS, D_ATTACHING}) {
		Model::both(m.pd().disk_state, seen);
		drbd_peer_state_decide(&m.r, 0, 0, w, L_ESTABLISHED, &d);
		EXPECT_EQ(d.reaction, PEER_STATE_MEET_ANEW);
		/* Asked was somebody else. */
		Model::both(m.dev().disk_state, D_NEGOTIATING);
		drbd_peer_state_decide(&m.r, 0, 0, w, L_ESTABLISHED, &d);
		EXPECT_EQ(d.reaction, PEER_STATE_MEET_ANEW);
		Model::both(m.dev().disk_state, D_UP_TO_DATE);
	}
	/* Who asks for a comparison gets one; so does who attaches alone. */
	drbd_peer_state_decide(&m.r, 0, 0, word(R_SECONDARY, L_ESTABLISHED, D_NEGOTIATING,
						D_UP_TO_DATE), L_ESTABLISHED, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_APPLY);
	for (u8 own : {D_DISKLESS, D_ATTACHING}) {
		Model::both(m.dev().disk_state, own);
		drbd_peer_state_decide(&m.r, 0, 0, w, L_ESTABLISHED, &d);
		EXPECT_EQ(d.reaction, PEER_STATE_APPLY);
	}
}

TEST(PeerState, EndOfResyncAtTheSource)
{
	drbd_peer_state_decision d;
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_INCONSISTENT, L_SYNC_SOURCE);
	u32 w = word(R_SECONDARY, L_ESTABLISHED, D_UP_TO_DATE, D_UP_TO_DATE);

	drbd_peer_state_decide(&m.r, 0, 0, w, L_SYNC_TARGET, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_RESYNC_FINISHED);
	/* It never said it was target: a packet from before. */
	drbd_peer_state_decide(&m.r, 0, 0, w, L_WF_BITMAP_T, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_APPLY);
	Model::both(m.pd().repl_state, L_WF_BITMAP_S);
	drbd_peer_state_decide(&m.r, 0, 0, w, L_SYNC_TARGET, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_FINISH_AFTER_START);
}

TEST(PeerState, InitialFullSync)		/* 9.3 */
{
	drbd_peer_state_decision d;
	Model m;

	m.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_INCONSISTENT);
	m.begin();	/* the promotion's COMMIT */
	NEW(m.conn().peer_role) = R_PRIMARY;
	NEW(m.pd().disk_state) = D_UP_TO_DATE;
	ASSERT_EQ(m.commit(CORE_PREPARED), SS_SUCCESS);
	EXPECT_TRUE(m.pd().flags & CORE_PD_CONSIDER_RESYNC);
	m.publish();
	u32 w = word(R_PRIMARY, L_ESTABLISHED, D_UP_TO_DATE, D_INCONSISTENT);
	drbd_peer_state_decide(&m.r, 0, 0, w, L_ESTABLISHED, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_APPLY);
	EXPECT_TRUE(d.compare);
	EXPECT_TRUE(d.answer_resync);
	m.begin();
	unsigned flags = drbd_peer_state_apply(&m.r, 0, 0, w, &d, L_WF_BITMAP_T);
	ASSERT_EQ(m.commit(flags), SS_SUCCESS);
	EXPECT_EQ(m.pd().after & (CORE_PD_SEND_UUIDS | CORE_PD_SEND_STATE),
		  CORE_PD_SEND_UUIDS | CORE_PD_SEND_STATE);
	EXPECT_EQ(NEW(m.pd().repl_state), L_WF_BITMAP_T);
	EXPECT_FALSE(m.pd().flags & CORE_PD_CONSIDER_RESYNC);
}

TEST(PeerState, AComparisonIsMadeOnce)
{
	drbd_peer_state_decision d;
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.pd().flags |= CORE_PD_CONSIDER_RESYNC;
	u32 w = word(R_SECONDARY, L_ESTABLISHED, D_UP_TO_DATE, D_UP_TO_DATE);
	drbd_peer_state_decide(&m.r, 0, 0, w, L_ESTABLISHED, &d);
	EXPECT_TRUE(d.compare);
	m.begin();
	/* No resync, and nothing else is new: it has to be remembered all the same. */
	EXPECT_EQ(m.commit(drbd_peer_state_apply(&m.r, 0, 0, w, &d, L_ESTABLISHED)), SS_SUCCESS);
	EXPECT_FALSE(m.pd().flags & CORE_PD_CONSIDER_RESYNC);
}

TEST(PeerState, TheTargetOfNewSpaceIsNotCompared)
{
	drbd_peer_state_decision d;
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.pd().flags |= CORE_PD_CONSIDER_RESYNC;
	u32 w = word(R_SECONDARY, L_SYNC_TARGET, D_INCONSISTENT, D_UP_TO_DATE);
	drbd_peer_state_decide(&m.r, 0, 0, w, L_ESTABLISHED, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_APPLY);
	EXPECT_FALSE(d.compare);
	EXPECT_EQ(d.peer_disk, D_UP_TO_DATE);
}

TEST(PeerState, AnAttachThatIsOverForThePeer)
{
	drbd_peer_state_decision d;
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_NEGOTIATING);
	m.pd().flags |= CORE_PD_UUIDS_RECEIVED;
	u32 w = word(R_SECONDARY, L_WF_BITMAP_T, D_INCONSISTENT, D_UP_TO_DATE);
	drbd_peer_state_decide(&m.r, 0, 0, w, L_ESTABLISHED, &d);
	EXPECT_TRUE(d.compare_attach) << "its \"Negotiating\" has been skipped";
	w = word(R_SECONDARY, L_ESTABLISHED, D_UP_TO_DATE, D_UP_TO_DATE);
	drbd_peer_state_decide(&m.r, 0, 0, w, L_ESTABLISHED, &d);
	EXPECT_FALSE(d.compare_attach) << "no resync: nothing left to compare";
}

TEST(PeerState, AWriteWaitsForAPeerThatAttaches)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_NEGOTIATING);
	drbd_state_summarise(&m.r);
	EXPECT_TRUE(m.dev().unstable);
	Model::both(m.pd().disk_state, D_UP_TO_DATE);
	drbd_state_summarise(&m.r);
	EXPECT_FALSE(m.dev().unstable);
}

TEST(PeerState, HotAddedVolume)
{
	drbd_peer_state_decision d;
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_UNKNOWN, L_OFF);
	u32 w = word(R_SECONDARY, L_OFF, D_UP_TO_DATE, D_UNKNOWN);
	drbd_peer_state_decide(&m.r, 0, 0, w, 0, &d);
	EXPECT_TRUE(d.answer_intro);
	EXPECT_TRUE(d.answer_state);
	m.begin();
	EXPECT_TRUE(drbd_peer_state_apply(&m.r, 0, 0, w, &d, 0) & CORE_HARD);
	EXPECT_EQ(NEW(m.pd().repl_state), L_ESTABLISHED);
}

TEST(PeerState, PauseAndRole)
{
	drbd_peer_state_decision d;
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_INCONSISTENT, L_SYNC_SOURCE);
	u32 w = word(R_SECONDARY, L_PAUSED_SYNC_T, D_INCONSISTENT, D_UP_TO_DATE, true);
	drbd_peer_state_decide(&m.r, 0, 0, w, L_SYNC_TARGET, &d);
	m.begin();
	drbd_peer_state_apply(&m.r, 0, 0, w, &d, 0);
	ASSERT_EQ(m.check(), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd().repl_state), L_PAUSED_SYNC_S);
	EXPECT_TRUE(NEW(m.pd().resync_susp_peer));
}

TEST(PeerState, NoticesThatTheResyncHasStartedMeanwhile)
{
	drbd_peer_state_decision d;
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_PRIMARY, D_CONSISTENT, L_WF_BITMAP_S);
	u32 w = word(R_PRIMARY, L_WF_BITMAP_T, D_OUTDATED, D_UP_TO_DATE);
	drbd_peer_state_decide(&m.r, 0, 0, w, L_ESTABLISHED, &d);
	EXPECT_EQ(d.reaction, PEER_STATE_APPLY);
	EXPECT_FALSE(drbd_peer_state_overtaken(&m.r, 0, 0, w, L_ESTABLISHED, &d));

	m.connected(0, R_PRIMARY, D_INCONSISTENT, L_SYNC_SOURCE);
	EXPECT_TRUE(drbd_peer_state_overtaken(&m.r, 0, 0, w, L_ESTABLISHED, &d));
	drbd_peer_state_decide(&m.r, 0, 0, w, L_ESTABLISHED, &d);
	m.begin();
	drbd_peer_state_apply(&m.r, 0, 0, w, &d, 0);
	EXPECT_GE(m.check(), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd().repl_state), L_SYNC_SOURCE);
}

/* ------------------------------------------------------------- new space */

TEST(NewSpace, WaitsForTheConnection)
{
	Model m;

	m.disk(D_UP_TO_DATE);
	Model::both(m.conn().cstate, C_CONNECTING);
	m.pd().flags |= CORE_PD_NEW_SPACE;
	m.begin();
	ASSERT_EQ(m.commit(CORE_FORCE_RECALC), SS_SUCCESS);
	EXPECT_TRUE(m.pd().flags & CORE_PD_NEW_SPACE);
	EXPECT_FALSE(m.pd().after & CORE_PD_RESYNC_NEW_SPACE);

	m.connected();
	m.begin();
	ASSERT_EQ(m.commit(CORE_FORCE_RECALC), SS_SUCCESS);
	EXPECT_FALSE(m.pd().flags & CORE_PD_NEW_SPACE);
	EXPECT_TRUE(m.pd().after & CORE_PD_RESYNC_NEW_SPACE);
}

TEST(NewSpace, WaitsForTheAttachAtEitherEnd)
{
	for (bool mine : {true, false}) {
		Model m;

		m.disk(mine ? D_NEGOTIATING : D_UP_TO_DATE);
		m.connected(0, R_SECONDARY, mine ? D_UP_TO_DATE : D_NEGOTIATING);
		m.pd().negotiation = CORE_NEG_PENDING;
		m.pd().flags |= CORE_PD_NEW_SPACE;
		m.begin();
		ASSERT_EQ(m.commit(CORE_FORCE_RECALC), SS_SUCCESS);
		EXPECT_EQ(m.pd().after & CORE_PD_RESYNC_NEW_SPACE, 0u);
		EXPECT_TRUE(m.pd().flags & CORE_PD_NEW_SPACE);
	}
}

TEST(NewSpace, ComesAlongWithAResyncAndDoesNotOutliveTheConnection)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_INCONSISTENT, L_WF_BITMAP_S);
	m.pd().flags |= CORE_PD_NEW_SPACE;
	m.begin();
	ASSERT_EQ(m.commit(CORE_FORCE_RECALC), SS_SUCCESS);
	EXPECT_FALSE(m.pd().flags & CORE_PD_NEW_SPACE);
	EXPECT_FALSE(m.pd().after & CORE_PD_RESYNC_NEW_SPACE);

	Model n;

	n.disk(D_UP_TO_DATE).connected(0, R_SECONDARY, D_NEGOTIATING);
	n.pd().flags |= CORE_PD_NEW_SPACE;
	n.begin();
	drbd_state_set_cstate(&n.r, 0, C_NETWORK_FAILURE);
	ASSERT_EQ(n.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_FALSE(n.pd().flags & CORE_PD_NEW_SPACE);
	EXPECT_FALSE(n.pd().after & CORE_PD_RESYNC_NEW_SPACE);
}

} // namespace
