// SPDX-License-Identifier: GPL-2.0-only
/* Promotion loop, open rules, score; fencing. */
#include <gtest/gtest.h>

#include "model.h"

namespace {

TEST(RoleLoop, Force)
{
	drbd_role_attempt a{};

	EXPECT_EQ(drbd_role_next(&a, SS_SUCCESS), ROLE_DONE);
	EXPECT_EQ(drbd_role_next(&a, SS_TIMEOUT), ROLE_RESTART);
	EXPECT_EQ(drbd_role_next(&a, SS_CONCURRENT_ST_CHG), ROLE_RESTART);
	a.force = true;
	EXPECT_EQ(drbd_role_next(&a, SS_NO_UP_TO_DATE_DISK), ROLE_AGAIN);
	EXPECT_TRUE(a.force_up_to_date);
	EXPECT_EQ(drbd_role_next(&a, SS_PRIMARY_NOP), ROLE_AGAIN);
	EXPECT_TRUE(a.force_outdate);
	EXPECT_EQ(drbd_role_next(&a, SS_PRIMARY_NOP), ROLE_FENCE_ALL);

	drbd_role_attempt q{};
	q.force = true;
	EXPECT_EQ(drbd_role_next(&q, SS_NO_QUORUM), ROLE_AGAIN);
	EXPECT_TRUE(q.force_outdate);
	EXPECT_EQ(drbd_role_next(&q, SS_NO_QUORUM), ROLE_DONE);
	EXPECT_EQ(drbd_role_next(&q, SS_DEVICE_IN_USE), ROLE_DONE);

	drbd_role_attempt d{};
	d.demote = d.force = true;
	EXPECT_EQ(drbd_role_next(&d, SS_DEVICE_IN_USE), ROLE_AGAIN);
	EXPECT_TRUE(d.ignore_openers);
	EXPECT_EQ(drbd_role_next(&d, SS_DEVICE_IN_USE), ROLE_DONE);
}

TEST(RoleLoop, Fencing)
{
	drbd_role_attempt a{};

	EXPECT_EQ(drbd_role_next(&a, SS_NO_UP_TO_DATE_DISK), ROLE_WAIT_DATA);
	EXPECT_EQ(drbd_role_fenced(&a, 1, 1, ROLE_WAIT_DATA), ROLE_AGAIN);
	EXPECT_TRUE(a.force_up_to_date);
	EXPECT_EQ(drbd_role_next(&a, SS_CW_FAILED_BY_PEER), ROLE_AGAIN);
	EXPECT_FALSE(a.force_up_to_date);
	EXPECT_EQ(drbd_role_next(&a, SS_NO_UP_TO_DATE_DISK), ROLE_DONE);

	drbd_role_attempt b{};
	drbd_role_next(&b, SS_NO_UP_TO_DATE_DISK);
	EXPECT_EQ(drbd_role_fenced(&b, 0, 0, ROLE_WAIT_DATA), ROLE_DONE);
	drbd_role_attempt c{};
	drbd_role_next(&c, SS_NO_UP_TO_DATE_DISK);
	EXPECT_EQ(drbd_role_fenced(&c, 2, 1, ROLE_WAIT_DATA), ROLE_DONE);

	drbd_role_attempt n{};
	EXPECT_EQ(drbd_role_next(&n, SS_PRIMARY_NOP), ROLE_FENCE_ALL);
	EXPECT_EQ(drbd_role_fenced(&n, 1, 0, ROLE_FENCE_ALL), ROLE_AGAIN);
	EXPECT_FALSE(n.force_up_to_date);
	EXPECT_EQ(drbd_role_next(&n, SS_PRIMARY_NOP), ROLE_DONE);
	drbd_role_attempt s{};
	s.force = true;
	drbd_role_next(&s, SS_PRIMARY_NOP);
	drbd_role_fenced(&s, 1, 0, ROLE_FENCE_ALL);
	EXPECT_TRUE(s.force_up_to_date);
}

TEST(RoleLoop, TwoPrimariesWaitsOnce)
{
	drbd_role_attempt a{};

	EXPECT_EQ(drbd_role_next(&a, SS_TWO_PRIMARIES), ROLE_WAIT_PING);
	EXPECT_EQ(drbd_role_next(&a, SS_TWO_PRIMARIES), ROLE_DONE);
}

TEST(RoleLoop, ComesToAnEnd)
{
	/* Whatever the sequence of results, at most a few attempts follow. */
	const int results[] = {SS_NO_UP_TO_DATE_DISK, SS_PRIMARY_NOP, SS_NO_QUORUM, SS_DEVICE_IN_USE,
			       SS_TWO_PRIMARIES, SS_CW_FAILED_BY_PEER};
	for (unsigned seed = 0; seed < 5000; seed++) {
		drbd_role_attempt a{};
		unsigned x = seed, steps = 0;

		a.force = seed & 1;
		a.demote = seed & 2;
		for (;;) {
			x = x * 1103515245 + 12345;
			auto s = drbd_role_next(&a, results[(x >> 16) % 6]);
			if (s == ROLE_WAIT_DATA || s == ROLE_FENCE_ALL)
				s = drbd_role_fenced(&a, 1, (x >> 8) & 1, s);
			if (s == ROLE_DONE)
				break;
			ASSERT_LT(++steps, 12u);
		}
	}
}

TEST(Role, Candidates)
{
	Model m(2);

	m.disk(D_CONSISTENT).connected(1, R_SECONDARY, D_CONSISTENT);
	EXPECT_EQ(drbd_role_fence_candidates(&m.r), 1u);
	m.disk(D_OUTDATED);
	EXPECT_EQ(drbd_role_fence_candidates(&m.r), 0u);
}

TEST(Role, MustWait)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	EXPECT_FALSE(drbd_promotion_must_wait(&m.r));
	Model::both(m.pd().disk_state, D_CONSISTENT);
	EXPECT_TRUE(drbd_promotion_must_wait(&m.r));
	m.disk(D_CONSISTENT);
	Model::both(m.pd().disk_state, D_UP_TO_DATE);
	EXPECT_TRUE(drbd_promotion_must_wait(&m.r));
}

TEST(Role, ForcedOutOfAResync)
{
	drbd_role_attempt a{};
	Model m;

	m.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_OUTDATED, L_SYNC_TARGET);
	a.force = a.force_up_to_date = true;
	m.begin();
	unsigned flags = drbd_role_prepare(&m.r, &a);
	EXPECT_EQ(m.check(flags), SS_SUCCESS);
	EXPECT_EQ(NEW(m.conn().cstate), C_TEAR_DOWN);
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);

	Model n;	/* not while somebody has good data */
	n.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_UP_TO_DATE, L_SYNC_TARGET);
	n.begin();
	drbd_role_prepare(&n.r, &a);
	EXPECT_EQ(NEW(n.dev().disk_state), D_INCONSISTENT);
	EXPECT_EQ(NEW(n.r.role), R_PRIMARY);
}

TEST(Role, ForceOutdate)
{
	drbd_role_attempt a{};
	Model m;

	m.disk(D_UP_TO_DATE);
	m.conn().fencing = FP_RESOURCE;
	a.force_outdate = true;
	m.begin();
	drbd_role_prepare(&m.r, &a);
	EXPECT_EQ(m.check(), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd().disk_state), D_OUTDATED);
}

/* ------------------------------------------------------------------- open */

struct Opening : Model {
	drbd_open_request q{};
	int err = 0;

	Opening() : Model(1)
	{
		q.auto_promote = true;
		q.first = true;
	}
	drbd_open_action open(bool pinged = false)
	{
		return drbd_open_decide(&r, &dev(), &q, pinged, &err);
	}
};

TEST(Open, Reading)
{
	Opening m;

	EXPECT_EQ(m.open(), OPEN_FAIL);
	EXPECT_EQ(m.err, ENODATA);
	Model::both(m.conn().cstate, C_CONNECTING);
	EXPECT_EQ(m.open(), OPEN_WAIT);
	EXPECT_EQ(m.err, EMEDIUMTYPE);
	m.q.nonblock = true;
	EXPECT_EQ(m.open(), OPEN_FAIL);
	EXPECT_EQ(m.err, EAGAIN);
	m.q.nonblock = false;
	m.disk(D_UP_TO_DATE);
	EXPECT_EQ(m.open(), OPEN_OK);
	Model::both(m.dev().quorum, 0);
	EXPECT_EQ(m.open(), OPEN_FAIL);
	EXPECT_EQ(m.err, ENODATA);
	Model::both(m.dev().quorum, 1);
	m.connected(0, R_PRIMARY);
	EXPECT_EQ(m.open(), OPEN_PING_PEERS);
	EXPECT_EQ(m.open(true), OPEN_FAIL);
	EXPECT_EQ(m.err, EMEDIUMTYPE);
	m.q.allow_oos = true;
	EXPECT_EQ(m.open(), OPEN_OK);
	m.q.allow_oos = false;
	m.conn().two_primaries = 1;
	EXPECT_EQ(m.open(), OPEN_OK);
	m.q.auto_promote = false;
	EXPECT_EQ(m.open(), OPEN_FAIL);
	EXPECT_EQ(m.err, EMEDIUMTYPE);
	m.role(R_PRIMARY);
	EXPECT_EQ(m.open(), OPEN_OK);
}

TEST(Open, Writing)
{
	Opening m;

	m.disk(D_UP_TO_DATE);
	m.q.write = true;
	EXPECT_EQ(m.open(), OPEN_PROMOTE);
	m.q.auto_promote = false;
	EXPECT_EQ(m.open(), OPEN_FAIL);
	EXPECT_EQ(m.err, EROFS);
	m.role(R_PRIMARY);
	EXPECT_EQ(m.open(), OPEN_OK);
	m.q.device_read_only = true;
	EXPECT_EQ(m.open(), OPEN_FAIL);
	EXPECT_EQ(m.err, EACCES);
}

TEST(Open, Refusals)
{
	Opening m;

	m.disk(D_UP_TO_DATE);
	m.q.udevd = true;
	EXPECT_EQ(m.open(), OPEN_FAIL);
	EXPECT_EQ(m.err, EACCES);
	m.q.udevd = false;
	m.r.flags = CORE_RES_DOWN_IN_PROGRESS;
	EXPECT_EQ(m.open(), OPEN_FAIL);
	EXPECT_EQ(m.err, EAGAIN);
	m.r.flags = CORE_RES_TWOPC_RUNNING;
	EXPECT_EQ(m.open(), OPEN_WAIT_TWOPC);
	m.q.first = false;
	EXPECT_EQ(m.open(), OPEN_OK);
	m.r.flags = 0;
	Model::both(m.r.fail_io, 1);
	EXPECT_EQ(m.open(), OPEN_FAIL);
	EXPECT_EQ(m.err, ENOTRECOVERABLE);
}

TEST(Open, AutoPromoteRetries)
{
	Model m;

	EXPECT_EQ(drbd_auto_promote_retry(&m.r, SS_CW_FAILED_BY_PEER, false), PROMOTE_RETRY);
	EXPECT_EQ(drbd_auto_promote_retry(&m.r, SS_CW_FAILED_BY_PEER, true), PROMOTE_GIVE_UP);
	EXPECT_EQ(drbd_auto_promote_retry(&m.r, SS_IN_TRANSIENT_STATE, false), PROMOTE_RETRY);
	EXPECT_EQ(drbd_auto_promote_retry(&m.r, SS_TWO_PRIMARIES, false), PROMOTE_WAIT_DEMOTION);
	EXPECT_EQ(drbd_auto_promote_retry(&m.r, SS_NO_UP_TO_DATE_DISK, false), PROMOTE_GIVE_UP);
	Model::both(m.conn().cstate, C_CONNECTING);
	EXPECT_EQ(drbd_auto_promote_retry(&m.r, SS_NO_UP_TO_DATE_DISK, false), PROMOTE_WAIT_DISK);
	EXPECT_EQ(drbd_auto_promote_retry(&m.r, SS_NO_QUORUM, false), PROMOTE_GIVE_UP);
}

TEST(Close, AutoDemote)
{
	Model m;

	m.role(R_PRIMARY);
	EXPECT_TRUE(drbd_auto_demote(&m.r, true));
	EXPECT_FALSE(drbd_auto_demote(&m.r, false));
	m.r.flags = CORE_RES_EXPLICIT_PRIMARY;
	EXPECT_FALSE(drbd_auto_demote(&m.r, true));
	m.r.flags = 0;
	m.dev().flags = CORE_DEV_WRITER;
	EXPECT_FALSE(drbd_auto_demote(&m.r, true));
}

TEST(Score, WorkedCases)
{
	Model m(2);

	EXPECT_EQ(drbd_promotion_score(&m.r), 0);
	m.disk(D_UP_TO_DATE);
	EXPECT_EQ(drbd_promotion_score(&m.r), 10101);
	EXPECT_TRUE(drbd_may_promote(&m.r));
	m.connected(0).connected(1);
	EXPECT_EQ(drbd_promotion_score(&m.r), 10103);
	m.disk(D_INCONSISTENT);
	Model::both(m.pd(1).disk_state, D_OUTDATED);
	EXPECT_EQ(drbd_promotion_score(&m.r), 10001);
	m.disk(D_DISKLESS);
	EXPECT_EQ(drbd_promotion_score(&m.r), 1);
	EXPECT_TRUE(drbd_may_promote(&m.r));
	m.peer(0).flags = 0;
	EXPECT_FALSE(drbd_may_promote(&m.r));
	Model v(1, 2);
	v.disk(D_UP_TO_DATE, 0).disk(D_UP_TO_DATE, 1).connected();
	Model::both(v.pd(0, 1).disk_state, D_DISKLESS);
	EXPECT_EQ(drbd_promotion_score(&v.r), 10201);
	Model::both(v.conn().peer_role, R_PRIMARY);
	EXPECT_FALSE(drbd_may_promote(&v.r));
}

/* ---------------------------------------------------------------- fencing */

TEST(Fencing, WhenToCall)
{
	Model m;

	m.disk(D_UP_TO_DATE).role(R_PRIMARY);
	EXPECT_EQ(drbd_fence_start(&m.r, 0, false), FENCE_SKIP_SUCCESS);
	EXPECT_FALSE(drbd_fence_on_disconnect(&m.r, 0));
	m.conn().fencing = FP_STONITH;
	EXPECT_EQ(drbd_fence_start(&m.r, 0, false), FENCE_CALL);
	EXPECT_EQ(drbd_fence_start(&m.r, 0, true), FENCE_SKIP_SUCCESS);
	EXPECT_TRUE(drbd_fence_on_disconnect(&m.r, 0));
	Model::both(m.pd().disk_state, D_OUTDATED);
	EXPECT_FALSE(drbd_fence_on_disconnect(&m.r, 0));
	Model::both(m.conn().susp_fen, 1);
	m.disk(D_OUTDATED);
	m.begin();
	EXPECT_EQ(drbd_fence_start(&m.r, 0, false), FENCE_SKIP_FAILED);
	EXPECT_FALSE(NEW(m.conn().susp_fen));
	m.connected();
	EXPECT_EQ(drbd_fence_start(&m.r, 0, false), FENCE_SKIP_CONNECTED);
}

TEST(Fencing, ExitCodes)
{
	struct Case {
		int code;
		unsigned disk, pdsk, own;
	};
	for (const Case &t : {Case{3, D_UP_TO_DATE, D_INCONSISTENT, D_UP_TO_DATE},
			      Case{4, D_UP_TO_DATE, D_OUTDATED, D_UP_TO_DATE},
			      Case{5, D_UP_TO_DATE, D_OUTDATED, D_UP_TO_DATE},
			      Case{5, D_CONSISTENT, D_UNKNOWN, D_CONSISTENT},
			      Case{6, D_UP_TO_DATE, D_UNKNOWN, D_OUTDATED},
			      Case{7, D_CONSISTENT, D_OUTDATED, D_CONSISTENT},
			      Case{0, D_UP_TO_DATE, D_UNKNOWN, D_UP_TO_DATE},
			      Case{20, D_UP_TO_DATE, D_UNKNOWN, D_UP_TO_DATE}}) {
		Model m;

		m.disk(t.disk);
		m.begin();
		bool changed = drbd_fence_result(&m.r, 0, t.code, false);
		EXPECT_EQ(changed, t.pdsk != D_UNKNOWN || t.own != t.disk) << t.code;
		EXPECT_EQ(NEW(m.pd().disk_state), t.pdsk) << t.code;
		EXPECT_EQ(NEW(m.dev().disk_state), t.own) << t.code;
		m.begin();
		EXPECT_FALSE(drbd_fence_result(&m.r, 0, t.code, true));
	}
}

/* A soft change is refused to a Primary, so it must be a hard one. */
TEST(Fencing, ThePeerIsPrimaryToo)		/* 15.2, exit code 6 */
{
	Model m;

	m.role(R_PRIMARY).disk(D_UP_TO_DATE);
	m.begin();
	EXPECT_TRUE(drbd_fence_result(&m.r, 0, 6, false));
	EXPECT_LT(m.commit(CORE_LOCAL_ONLY), SS_SUCCESS);
	m.begin();
	EXPECT_TRUE(drbd_fence_result(&m.r, 0, 6, false));
	EXPECT_EQ(m.commit(CORE_HARD), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_OUTDATED);
}

TEST(Fencing, EndOfTheFreeze)			/* 15.3 */
{
	Model m;

	m.role(R_PRIMARY).disk(D_UP_TO_DATE);
	Model::both(m.conn().susp_fen, 1);
	m.begin();
	EXPECT_EQ(drbd_fencing_freeze_end(&m.r, 0), FREEZE_STAYS);
	Model::both(m.pd().disk_state, D_OUTDATED);
	m.begin();
	EXPECT_EQ(drbd_fencing_freeze_end(&m.r, 0), FREEZE_ENDS_NEW_UUID);
	EXPECT_FALSE(NEW(m.conn().susp_fen));
	EXPECT_TRUE(drbd_fence_succeeded(&m.r, 0));
	m.connected();
	m.begin();
	EXPECT_EQ(drbd_fencing_freeze_end(&m.r, 0), FREEZE_ENDS_DROP_UUID);
}

TEST(Fencing, UpToDateNodes)
{
	Model m(2, 2);

	m.disk(D_UP_TO_DATE, 0).disk(D_UP_TO_DATE, 1).connected(0);
	EXPECT_EQ(drbd_up_to_date_nodes(&m.r, false), 3u);
	Model::both(m.pd(0, 1).disk_state, D_INCONSISTENT);
	EXPECT_EQ(drbd_up_to_date_nodes(&m.r, false), 1u);
	EXPECT_EQ(drbd_up_to_date_nodes(&m.r, true), 7u);
	m.disk(D_DISKLESS, 0).disk(D_DISKLESS, 1);
	EXPECT_EQ(drbd_up_to_date_nodes(&m.r, false), ~u64{0});
}

} // namespace
