// SPDX-License-Identifier: GPL-2.0-only
/* The two-phase commit machine, event by event, and what transactions do to the state. */
#include <gtest/gtest.h>

#include <initializer_list>

#include "model.h"

namespace {

constexpr u64 bit(unsigned n) { return 1ull << n; }

drbd_twopc_env env_of(unsigned me, u64 connected)
{
	drbd_twopc_env e{};

	e.my_node_id = static_cast<u8>(me);
	e.connected = connected;
	e.timeout_ms = 30000;
	e.ping_timeout_ms = 500;
	e.max_possible_size = DRBD_TWOPC_SIZE_DISKLESS;
	return e;
}

drbd_twopc_request request(unsigned initiator, int target, u32 mask, u32 val, int vnr = -1)
{
	drbd_twopc_request q{};

	q.tid = 77;
	q.initiator = static_cast<s8>(initiator);
	q.target = static_cast<s8>(target);
	q.vnr = vnr;
	q.mask = mask;
	q.val = val;
	q.flags = DRBD_TWOPC_HAS_FLAGS | DRBD_TWOPC_HAS_REACHABLE;
	return q;
}

drbd_twopc_request promotion(unsigned initiator) { return request(initiator, -1, 3, 1); }
drbd_twopc_request connect(unsigned initiator, int target)
{
	return request(initiator, target, 0x1f3, 9 << 4 | 2);
}
drbd_twopc_request disconnect(unsigned initiator, int target)
{
	return request(initiator, target, 0x1f0, 1 << 4);
}

drbd_twopc_reply reply(u32 tid, unsigned initiator, u64 reach = 0, u64 primary = 0, u64 weak = 0)
{
	drbd_twopc_reply r{};

	r.tid = tid;
	r.initiator = static_cast<s8>(initiator);
	r.reachable_nodes = reach;
	r.primary_nodes = primary;
	r.weak_nodes = weak;
	return r;
}

struct Slot {
	drbd_twopc t{};
	drbd_twopc_out out{};
	drbd_twopc_env env;

	Slot(unsigned me, u64 connected) : env(env_of(me, connected)) {}
	int start(const drbd_twopc_request &q, bool connecting = false, u32 tid = 77)
	{
		return drbd_twopc_start(&t, &env, &q, tid, connecting, &out);
	}
	void receive(drbd_twopc_phase phase, unsigned from, const drbd_twopc_request &q,
		     bool waited = false)
	{
		drbd_twopc_receive(&t, &env, phase, static_cast<u8>(from), &q, waited, &out);
	}
	void verdict(int rv) { drbd_twopc_local_verdict(&t, &env, rv, &out); }
	void answered(unsigned from, drbd_twopc_answer a, const drbd_twopc_reply &r)
	{
		drbd_twopc_answered(&t, &env, static_cast<u8>(from), a, &r, &out);
	}
	void lost(unsigned node)
	{
		env.connected &= ~bit(node);
		drbd_twopc_peer_lost(&t, &env, static_cast<u8>(node), &out);
	}
	int decision(const core_resource *r = nullptr) { return drbd_twopc_verdict(&t, &env, r); }
};

TEST(Initiator, AllYes)
{
	Slot s(0, bit(1) | bit(2));

	ASSERT_EQ(s.start(promotion(0)), SS_SUCCESS);
	EXPECT_EQ(s.out.prepare_to, bit(1) | bit(2));
	EXPECT_EQ(s.out.req.nodes_to_reach, ~(bit(0) | bit(1) | bit(2)));
	EXPECT_EQ(s.out.req.primary_nodes, 0u);
	EXPECT_EQ(s.out.timer_ms, 30000u);
	EXPECT_EQ(s.decision(), 0);
	s.answered(1, TWOPC_YES, reply(77, 0, bit(0) | bit(1)));
	EXPECT_TRUE(s.out.todo & TWOPC_WAKE);
	EXPECT_EQ(s.decision(), 0);
	s.answered(2, TWOPC_YES, reply(77, 0, bit(0) | bit(2) | bit(5)));
	EXPECT_EQ(s.decision(), SS_SUCCESS);

	Model m(2);
	m.disk(D_UP_TO_DATE).connected(0).connected(1);
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	drbd_twopc_merge(&s.t, &s.env, &m.r);
	drbd_twopc_end(&s.t, &s.env, true, 0, &s.out);
	EXPECT_EQ(s.out.commit_to, bit(1) | bit(2));
	EXPECT_EQ(s.out.req.primary_nodes, bit(0));
	EXPECT_EQ(s.out.req.reachable_nodes, bit(0) | bit(1) | bit(2) | bit(5));
	EXPECT_FALSE(s.out.req.flags & DRBD_TWOPC_PRI_INCAPABLE);
	EXPECT_TRUE(s.out.todo & TWOPC_FREED);
	EXPECT_EQ(s.t.owner, TWOPC_FREE);
}

TEST(Initiator, PrimaryWithoutDataIsIncapable)
{
	Slot s(0, bit(1));
	Model m;

	m.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_INCONSISTENT);
	ASSERT_EQ(s.start(promotion(0)), SS_SUCCESS);
	s.answered(1, TWOPC_YES, reply(77, 0, bit(0) | bit(1)));
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	drbd_twopc_merge(&s.t, &s.env, &m.r);
	drbd_twopc_end(&s.t, &s.env, true, 0, &s.out);
	EXPECT_TRUE(s.out.req.flags & DRBD_TWOPC_PRI_INCAPABLE);
}

TEST(Initiator, Verdicts)
{
	struct Case {
		drbd_twopc_answer a, b;
		int rv;
	};
	for (const Case &c : {Case{TWOPC_YES, TWOPC_NO, SS_CW_FAILED_BY_PEER},
			      Case{TWOPC_RETRY, TWOPC_NO_ANSWER, SS_CONCURRENT_ST_CHG},
			      Case{TWOPC_NO, TWOPC_RETRY, SS_CONCURRENT_ST_CHG}}) {
		Slot s(0, bit(1) | bit(2));

		s.start(promotion(0));
		s.answered(1, c.a, reply(77, 0));
		if (c.b)
			s.answered(2, c.b, reply(77, 0));
		EXPECT_EQ(s.decision(), c.rv);
		drbd_twopc_end(&s.t, &s.env, false, 0, &s.out);
		EXPECT_EQ(s.out.abort_to, bit(1) | bit(2));
		EXPECT_EQ(s.out.commit_to, 0u);
	}
	Slot s(0, bit(1));
	s.start(promotion(0));
	drbd_twopc_initiator_timeout(&s.t);
	EXPECT_EQ(s.decision(), SS_TIMEOUT);
	Slot i(0, bit(1));
	i.start(promotion(0));
	drbd_twopc_interrupt(&i.t);
	EXPECT_EQ(i.decision(), SS_INTERRUPTED);
	Slot z(0, bit(1));
	z.start(promotion(0));
	drbd_twopc_reject_sizes(&z.t);
	EXPECT_EQ(z.decision(), SS_HANDSHAKE_DISCONNECT);
}

TEST(Initiator, ForeignRepliesAreIgnored)
{
	Slot s(0, bit(1));

	s.start(promotion(0));
	s.answered(1, TWOPC_YES, reply(78, 0));
	s.answered(1, TWOPC_YES, reply(77, 3));
	s.answered(2, TWOPC_YES, reply(77, 0));	/* was not asked */
	EXPECT_EQ(s.decision(), 0);
}

TEST(Initiator, Start)
{
	Slot alone(0, 0);

	EXPECT_EQ(alone.start(promotion(0)), SS_CW_NO_NEED);
	EXPECT_EQ(alone.t.owner, TWOPC_FREE);
	EXPECT_EQ(alone.start(connect(0, 1), false), SS_NEED_CONNECTION);
	EXPECT_EQ(alone.start(connect(0, 1), true), SS_SUCCESS);
	EXPECT_TRUE(alone.out.todo & TWOPC_INTRODUCE);
	EXPECT_EQ(alone.start(promotion(0)), SS_CONCURRENT_ST_CHG);
	Slot s(0, bit(1));
	EXPECT_EQ(s.start(disconnect(0, 2)), SS_NEED_CONNECTION);
}

TEST(Initiator, ConnectWaitsForTheHandshake)
{
	for (auto [done, rv] : {std::pair{HANDSHAKE_OK, SS_SUCCESS},
				{HANDSHAKE_RETRY, SS_HANDSHAKE_RETRY},
				{HANDSHAKE_DISCONNECT, SS_HANDSHAKE_DISCONNECT}}) {
		Slot s(0, 0);

		s.start(connect(0, 1), true);
		s.answered(1, TWOPC_YES, reply(77, 0, 3));
		EXPECT_EQ(s.decision(), 0);
		drbd_twopc_handshake_done(&s.t, &s.env, done, &s.out);
		EXPECT_EQ(s.decision(), rv);
	}
	Slot n(0, 0);	/* RETRY counts at once */
	n.start(connect(0, 1), true);
	n.answered(1, TWOPC_RETRY, reply(77, 0));
	EXPECT_EQ(n.decision(), SS_CONCURRENT_ST_CHG);
}

TEST(Initiator, LostPeers)			/* 11.5 */
{
	Slot s(0, bit(1) | bit(2));

	s.start(promotion(0));
	drbd_twopc_send_failed(&s.t, &s.env, 2, &s.out);	/* just ignored */
	s.answered(1, TWOPC_YES, reply(77, 0));
	EXPECT_EQ(s.decision(), SS_SUCCESS);

	Slot l(0, bit(1) | bit(2));
	l.start(promotion(0));
	l.answered(1, TWOPC_YES, reply(77, 0));
	l.lost(2);
	EXPECT_EQ(l.decision(), SS_CONCURRENT_ST_CHG);

	Slot a(0, bit(1) | bit(2));	/* said yes before: goes on without */
	a.start(promotion(0));
	a.answered(1, TWOPC_YES, reply(77, 0));
	a.answered(2, TWOPC_YES, reply(77, 0));
	a.lost(2);
	EXPECT_EQ(a.decision(), SS_SUCCESS);

	Slot t(0, bit(1));	/* but not if it is the target */
	t.start(disconnect(0, 1));
	t.answered(1, TWOPC_YES, reply(77, 0));
	t.lost(1);
	EXPECT_EQ(t.decision(), SS_CONCURRENT_ST_CHG);

	Slot c(0, bit(2));	/* nor if it is lost in the middle of the handshake */
	c.start(connect(0, 1), true);
	c.answered(2, TWOPC_YES, reply(77, 0));
	EXPECT_EQ(c.decision(), 0);
	c.lost(1);
	EXPECT_TRUE(c.out.todo & TWOPC_WAKE);
	EXPECT_EQ(c.decision(), SS_CONCURRENT_ST_CHG);
}

/* What is to be undone is said with the order, not read from the slot later. */
TEST(Initiator, UndoNamesItsOwnTransaction)
{
	Slot s(1, bit(0));
	drbd_twopc_out undo;

	s.start(connect(1, 2), true);
	s.receive(TWOPC_PREPARE, 0, connect(0, 3));
	EXPECT_EQ(s.decision(), SS_CONCURRENT_ST_CHG);
	drbd_twopc_end(&s.t, &s.env, false, 0, &undo);
	s.receive(TWOPC_PREPARE, 0, connect(0, 1), true);	/* takes the slot */
	EXPECT_EQ(s.t.owner, TWOPC_PARTICIPANT);
	EXPECT_TRUE(undo.todo & TWOPC_UNDO);
	EXPECT_EQ(undo.req.initiator, 1);
	EXPECT_EQ(undo.req.target, 2);
	drbd_twopc_timer(&s.t, &s.env, &s.out);
	EXPECT_TRUE(s.out.todo & TWOPC_UNDO);
	EXPECT_EQ(s.out.req.initiator, 0);
	EXPECT_EQ(s.out.req.target, 1);
}

TEST(Initiator, RetryDelay)
{
	EXPECT_EQ(drbd_twopc_retry_delay(SS_TIMEOUT, 1, 1, 1), 200u);
	EXPECT_EQ(drbd_twopc_retry_delay(SS_CONCURRENT_ST_CHG, 2, 9, 1), 6400u);
	EXPECT_EQ(drbd_twopc_retry_delay(SS_CW_FAILED_BY_PEER, 1, 1, 1), 0u);
}

TEST(Initiator, TwoPrimaries)			/* 11.7 */
{
	Slot s(0, bit(1));
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	s.start(promotion(0));
	s.answered(1, TWOPC_YES, reply(77, 0, 7, bit(2), ~u64{6}));
	EXPECT_EQ(s.decision(&m.r), SS_TWO_PRIMARIES);
	m.conn().two_primaries = 1;
	EXPECT_EQ(s.decision(&m.r), SS_WEAKLY_CONNECTED);
}

TEST(Initiator, ReadersStopAConnectToAPrimary)
{
	Slot s(0, 0);
	Model m;

	m.disk(D_UP_TO_DATE);
	m.dev().flags |= CORE_DEV_OPEN;
	m.begin();
	s.start(connect(0, 1), true);
	drbd_twopc_handshake_done(&s.t, &s.env, HANDSHAKE_OK, &s.out);
	s.answered(1, TWOPC_YES, reply(77, 0, 3, bit(1), ~u64{3}));
	EXPECT_EQ(s.decision(&m.r), SS_PRIMARY_READER);
}

TEST(Initiator, ClusterSplits)
{
	Slot s(0, bit(1) | bit(2));
	Model m(2);

	m.disk(D_UP_TO_DATE).connected(0).connected(1);
	s.start(disconnect(0, 1));
	s.answered(1, TWOPC_YES, reply(77, 0, bit(1) | bit(3)));
	s.answered(2, TWOPC_YES, reply(77, 0, bit(0) | bit(2)));
	m.begin();
	drbd_state_set_cstate(&m.r, 0, C_DISCONNECTING);
	drbd_twopc_merge(&s.t, &s.env, &m.r);
	EXPECT_EQ(s.t.reachable_nodes, bit(0) | bit(2));
	drbd_twopc_end(&s.t, &s.env, true, 0, &s.out);
	EXPECT_EQ(s.out.req.reachable_nodes, bit(1) | bit(3));
}

/* ------------------------------------------------------------- participant */

TEST(Participant, YesAndCommit)
{
	Slot s(1, bit(0));

	s.receive(TWOPC_PREPARE, 0, promotion(0));
	EXPECT_EQ(s.out.todo, TWOPC_VALIDATE);
	EXPECT_EQ(s.out.timer_ms, 30000u);
	s.verdict(SS_SUCCESS);
	EXPECT_EQ(s.out.reply_to, bit(0));
	EXPECT_EQ(s.out.answer, TWOPC_YES);
	EXPECT_EQ(s.out.reply.tid, 77u);
	EXPECT_EQ(s.out.reply.initiator, 0);
	EXPECT_EQ(s.out.reply.reachable_nodes, 3u);
	EXPECT_EQ(s.out.reply.primary_nodes, 0u);
	auto q = promotion(0);
	q.primary_nodes = 1;
	q.reachable_nodes = 3;
	s.receive(TWOPC_COMMIT, 0, q);
	EXPECT_TRUE(s.out.todo & TWOPC_APPLY);
	EXPECT_EQ(s.t.req.primary_nodes, 1u);
	s.receive(TWOPC_COMMIT, 0, q);	/* only once */
	EXPECT_FALSE(s.out.todo & TWOPC_APPLY);
	drbd_twopc_applied(&s.t, &s.env, &s.out);
	EXPECT_TRUE(s.out.todo & TWOPC_FREED);
	s.receive(TWOPC_COMMIT, 0, q);	/* already done */
	EXPECT_EQ(s.out.todo, 0u);
}

TEST(Participant, ReplyFields)
{
	Slot p(1, bit(0) | bit(2));

	p.env.primary = true;
	p.env.data_accessible = true;
	p.receive(TWOPC_PREPARE, 0, promotion(0));
	p.t.req.nodes_to_reach = 0;
	p.verdict(SS_SUCCESS);
	EXPECT_EQ(p.out.reply.primary_nodes, bit(1));
	EXPECT_EQ(p.out.reply.weak_nodes, ~u64{7});

	Slot c(1, 0);	/* the initiator of a connect is reachable, of a disconnect not */
	c.receive(TWOPC_PREPARE, 0, connect(0, 1));
	EXPECT_TRUE(c.out.todo & TWOPC_INTRODUCE);
	EXPECT_EQ(c.t.reachable_nodes, 3u);
	Slot d(1, bit(0));
	d.receive(TWOPC_PREPARE, 0, disconnect(0, 1));
	EXPECT_EQ(d.t.reachable_nodes, bit(1));
}

TEST(Participant, NoAndRetry)
{
	Slot n(1, bit(0));

	n.receive(TWOPC_PREPARE, 0, promotion(0));
	n.verdict(SS_TWO_PRIMARIES);
	EXPECT_EQ(n.out.answer, TWOPC_NO);
	auto q = promotion(0);
	n.receive(TWOPC_COMMIT, 0, q);	/* we did not agree to it */
	EXPECT_FALSE(n.out.todo & TWOPC_APPLY);
	n.receive(TWOPC_ABORT, 0, q);
	EXPECT_TRUE(n.out.todo & TWOPC_FREED);

	Slot r(1, bit(0) | bit(2));
	q.nodes_to_reach = bit(2);
	r.receive(TWOPC_PREPARE, 0, q);
	r.verdict(SS_IN_TRANSIENT_STATE);
	EXPECT_EQ(r.out.answer, TWOPC_RETRY);
	EXPECT_EQ(r.out.prepare_to, 0u);	/* not forwarded */
	EXPECT_EQ(r.t.owner, TWOPC_PARTICIPANT);	/* until ABORT or timeout */
	drbd_twopc_timer(&r.t, &r.env, &r.out);
	EXPECT_EQ(r.t.owner, TWOPC_FREE);
}

TEST(Participant, ConnectTargetAnswersAfterTheHandshake)
{
	for (auto [done, answer] : {std::pair{HANDSHAKE_OK, TWOPC_YES}, {HANDSHAKE_RETRY, TWOPC_RETRY},
				    {HANDSHAKE_DISCONNECT, TWOPC_NO}}) {
		Slot s(1, 0);

		s.receive(TWOPC_PREPARE, 0, connect(0, 1));
		s.verdict(SS_SUCCESS);
		EXPECT_EQ(s.out.reply_to, 0u);
		drbd_twopc_handshake_done(&s.t, &s.env, done, &s.out);
		EXPECT_EQ(s.out.reply_to, bit(0));
		EXPECT_EQ(s.out.answer, answer);
	}
	Slot e(1, 0);	/* handshake first, own check later */
	e.receive(TWOPC_PREPARE, 0, connect(0, 1));
	drbd_twopc_handshake_done(&e.t, &e.env, HANDSHAKE_OK, &e.out);
	EXPECT_EQ(e.out.reply_to, 0u);
	e.verdict(SS_SUCCESS);
	EXPECT_EQ(e.out.answer, TWOPC_YES);
}

TEST(Participant, Forwarding)
{
	Slot s(1, bit(0) | bit(2) | bit(3));
	auto q = promotion(0);

	q.nodes_to_reach = ~u64{3};
	s.receive(TWOPC_PREPARE, 0, q);
	s.verdict(SS_SUCCESS);
	EXPECT_EQ(s.out.prepare_to, bit(2) | bit(3));
	EXPECT_EQ(s.out.req.nodes_to_reach, ~u64{0xf});
	EXPECT_EQ(s.out.reply_to, 0u);
	s.answered(2, TWOPC_YES, reply(77, 0, bit(1) | bit(2) | bit(4), bit(4), 0x80));
	EXPECT_EQ(s.out.reply_to, 0u);
	s.answered(3, TWOPC_YES, reply(77, 0, bit(1) | bit(3)));
	EXPECT_EQ(s.out.answer, TWOPC_YES);
	EXPECT_EQ(s.out.reply.reachable_nodes, 0x1fu);
	EXPECT_EQ(s.out.reply.primary_nodes, bit(4));
	EXPECT_EQ(s.out.reply.weak_nodes, 0x80u);

	q.nodes_to_reach = ~u64{3};
	s.receive(TWOPC_COMMIT, 0, q);
	drbd_twopc_applied(&s.t, &s.env, &s.out);
	EXPECT_EQ(s.out.commit_to, bit(2) | bit(3));
	EXPECT_EQ(s.out.req.nodes_to_reach, ~u64{0xf});
}

TEST(Participant, ChildrenDecideToo)
{
	Slot s(1, bit(0) | bit(2));
	auto q = promotion(0);

	q.nodes_to_reach = bit(2);
	s.receive(TWOPC_PREPARE, 0, q);
	s.verdict(SS_SUCCESS);
	s.answered(2, TWOPC_NO, reply(77, 0));
	EXPECT_EQ(s.out.answer, TWOPC_NO);

	Slot l(1, bit(0) | bit(2));
	l.receive(TWOPC_PREPARE, 0, q);
	l.verdict(SS_SUCCESS);
	l.lost(2);
	EXPECT_EQ(l.out.answer, TWOPC_RETRY);
	l.receive(TWOPC_ABORT, 0, q);
	EXPECT_TRUE(l.out.todo & TWOPC_FREED);
}

TEST(Participant, ParentLost)
{
	Slot s(1, bit(0) | bit(2));

	s.receive(TWOPC_PREPARE, 0, promotion(0));
	s.t.req.nodes_to_reach = 0;
	s.verdict(SS_SUCCESS);
	s.lost(0);
	EXPECT_EQ(s.t.owner, TWOPC_FREE);
	EXPECT_EQ(s.out.abort_to, bit(2));
	EXPECT_TRUE(s.out.todo & TWOPC_UNDO);

	Slot t(1, bit(0) | bit(2));	/* another parent is left */
	auto q = promotion(0);
	t.receive(TWOPC_PREPARE, 0, q);
	t.verdict(SS_SUCCESS);
	t.receive(TWOPC_PREPARE, 2, q);
	EXPECT_EQ(t.out.reply_to, bit(2));	/* the same answer */
	EXPECT_EQ(t.out.answer, TWOPC_YES);
	t.lost(0);
	EXPECT_EQ(t.t.owner, TWOPC_PARTICIPANT);
}

TEST(Participant, WeAskedEachOther)
{
	Slot s(1, bit(0) | bit(2));
	auto q = promotion(0);

	q.nodes_to_reach = bit(2);
	s.receive(TWOPC_PREPARE, 0, q);
	s.verdict(SS_SUCCESS);
	EXPECT_EQ(s.out.prepare_to, bit(2));
	s.receive(TWOPC_PREPARE, 2, q);
	EXPECT_EQ(s.out.reply_to, bit(0) | bit(2));
	EXPECT_EQ(s.out.answer, TWOPC_YES);
}

/* ------------------------------------------------------------ two at once */

TEST(Concurrent, LowestNodeIdWins)
{
	Slot s(2, bit(0) | bit(1) | bit(3));

	s.start(promotion(2), false, 5);
	s.receive(TWOPC_PREPARE, 3, promotion(3));
	EXPECT_EQ(s.out.answer, TWOPC_RETRY);
	EXPECT_EQ(s.out.reply_to, bit(3));
	EXPECT_EQ(s.decision(), 0);

	s.receive(TWOPC_PREPARE, 0, promotion(0));
	EXPECT_TRUE(s.out.todo & TWOPC_WAIT_SLOT);
	EXPECT_TRUE(s.out.todo & TWOPC_WAKE);
	EXPECT_EQ(s.out.timer_ms, 750u);
	EXPECT_EQ(s.decision(), SS_CONCURRENT_ST_CHG);
	drbd_twopc_end(&s.t, &s.env, false, 0, &s.out);
	s.receive(TWOPC_PREPARE, 0, promotion(0), true);
	EXPECT_TRUE(s.out.todo & TWOPC_VALIDATE);
	EXPECT_EQ(s.t.req.initiator, 0);

	s.receive(TWOPC_PREPARE, 1, promotion(1));	/* prepared ones are not preempted */
	EXPECT_EQ(s.out.answer, TWOPC_RETRY);
}

TEST(Concurrent, CommittingIsNotPreempted)
{
	Slot s(2, bit(0));
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	m.begin();
	s.start(promotion(2), false, 5);
	s.answered(0, TWOPC_YES, reply(5, 2));
	drbd_twopc_merge(&s.t, &s.env, &m.r);
	s.receive(TWOPC_PREPARE, 0, promotion(0));
	EXPECT_EQ(s.out.answer, TWOPC_RETRY);
}

TEST(Concurrent, NewTransactionOfTheSameInitiator)
{
	Slot s(2, bit(0) | bit(1));
	auto a = promotion(0), b = promotion(0);

	b.tid = 78;
	s.receive(TWOPC_PREPARE, 1, a);		/* came along another path */
	s.receive(TWOPC_PREPARE, 0, b);
	EXPECT_TRUE(s.out.todo & TWOPC_WAIT_SLOT);
	EXPECT_EQ(s.out.timer_ms, 1500u);
	s.receive(TWOPC_PREPARE, 0, b, true);
	EXPECT_EQ(s.out.answer, TWOPC_RETRY);
}

TEST(Concurrent, UnknownVerdicts)
{
	Slot s(1, bit(0) | bit(2));
	auto q = promotion(0);

	q.nodes_to_reach = bit(2);
	s.receive(TWOPC_COMMIT, 0, q);
	EXPECT_EQ(s.out.todo, 0u);
	EXPECT_EQ(s.out.commit_to, 0u);
	s.receive(TWOPC_ABORT, 0, q);		/* forwarded only */
	EXPECT_EQ(s.out.abort_to, bit(2));
	EXPECT_EQ(s.out.req.nodes_to_reach, 0u);

	q.tid = 0;				/* nonsense */
	s.receive(TWOPC_PREPARE, 0, q);
	EXPECT_EQ(s.t.owner, TWOPC_FREE);
	EXPECT_EQ(s.out.answer, TWOPC_RETRY);
	q.tid = 5;
	q.initiator = 1;			/* my own */
	s.receive(TWOPC_PREPARE, 0, q);
	EXPECT_EQ(s.t.owner, TWOPC_FREE);
}

TEST(Resize, MergesSizes)
{
	Slot s(0, bit(1) | bit(2));
	drbd_twopc_request q = request(0, -1, 0, 0, 0);

	q.type = TWOPC_TYPE_RESIZE;
	s.env.max_possible_size = 5000;
	ASSERT_EQ(s.start(q), SS_SUCCESS);
	EXPECT_FALSE(s.out.req.flags & DRBD_TWOPC_HAS_REACHABLE);
	auto r = reply(77, 0);
	r.max_possible_size = 4000;
	r.diskful_primary_nodes = bit(1);
	s.answered(1, TWOPC_YES, r);
	r.max_possible_size = DRBD_TWOPC_SIZE_DISKLESS;
	r.diskful_primary_nodes = 0;
	s.answered(2, TWOPC_YES, r);
	EXPECT_EQ(s.decision(), SS_SUCCESS);
	EXPECT_EQ(s.t.max_possible_size, 4000u);
	drbd_twopc_end(&s.t, &s.env, true, 4000, &s.out);
	EXPECT_EQ(s.out.req.exposed_size, 4000u);
	EXPECT_EQ(s.out.req.diskful_primary_nodes, bit(1));
}

TEST(Resize, TheParticipantAnswersForItself)
{
	Slot s(1, bit(0) | bit(2));
	drbd_twopc_request q = request(0, -1, 0, 0, 0);

	q.type = TWOPC_TYPE_RESIZE;
	q.tid = 9;
	q.nodes_to_reach = bit(2);
	s.env.primary = true;
	s.env.diskful = true;
	s.env.max_possible_size = 3000;
	s.receive(TWOPC_PREPARE, 0, q);
	ASSERT_EQ(s.t.owner, TWOPC_PARTICIPANT);
	EXPECT_EQ(s.t.first_parent, 0);
	drbd_twopc_local_verdict(&s.t, &s.env, SS_SUCCESS, &s.out);
	EXPECT_EQ(s.out.prepare_to, bit(2));
	auto r = reply(9, 0);
	r.max_possible_size = 5000;
	r.diskful_primary_nodes = bit(2);
	s.answered(2, TWOPC_YES, r);
	ASSERT_EQ(s.out.reply_to, bit(0));
	EXPECT_EQ(s.out.answer, TWOPC_YES);
	EXPECT_EQ(s.out.reply.max_possible_size, 3000u);
	EXPECT_EQ(s.out.reply.diskful_primary_nodes, bit(1) | bit(2));
}

/* ----------------------------------------------------- effects on the state */

/* Model is node 0; let node 1 be the initiator. */
int participate(Model &m, const drbd_twopc_request &q)
{
	unsigned flags;

	m.begin();
	int rv = drbd_twopc_prepare_remote(&m.r, &q, 1, &flags);
	return rv < SS_SUCCESS ? rv : m.check(flags);
}

int committed(Model &m, const drbd_twopc_request &q, u64 primaries, u64 reachable = 3, u32 flags = 0)
{
	drbd_twopc slot{};
	auto c = q;
	unsigned tf;

	slot.req = q;
	slot.is_connect = drbd_twopc_is_connect(&q);
	c.primary_nodes = primaries;
	c.reachable_nodes = reachable;
	c.flags |= flags;
	m.begin();
	drbd_twopc_commit_remote(&m.r, &slot, &c, 1, &tf);
	return m.commit(tf);
}

TEST(Effect, PeersPromotion)
{
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	EXPECT_EQ(participate(m, promotion(1)), SS_SUCCESS);
	EXPECT_EQ(NEW(m.conn().peer_role), R_PRIMARY);
	m.dev().flags |= CORE_DEV_OPEN;
	EXPECT_EQ(participate(m, promotion(1)), SS_PRIMARY_READER);
	m.role(R_PRIMARY);
	EXPECT_EQ(participate(m, promotion(1)), SS_TWO_PRIMARIES);
	m.role(R_SECONDARY);
	m.dev().flags = 0;
	EXPECT_EQ(committed(m, promotion(1), bit(1)), SS_SUCCESS);
	EXPECT_EQ(NEW(m.conn().peer_role), R_PRIMARY);
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);
}

TEST(Effect, ForcedPromotionOfThePeer)
{
	Model m;
	auto q = request(1, -1, 0x1e03, 9 << 9 | 1);

	m.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_INCONSISTENT);
	EXPECT_EQ(committed(m, q, bit(1), 3, DRBD_TWOPC_PRI_INCAPABLE), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd().disk_state), D_UP_TO_DATE);
	EXPECT_TRUE(m.pd().flags & CORE_PD_CONSIDER_RESYNC);
	/* A volume for which it has no disk does not get one. */
	Model n;
	n.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_DISKLESS);
	committed(n, q, bit(1));
	EXPECT_EQ(NEW(n.pd().disk_state), D_DISKLESS);
}

TEST(Effect, FarAwayPromotionOutdatesMe)	/* 11.7, hazard 2 */
{
	Model m;

	m.disk(D_UP_TO_DATE).connected();
	auto q = promotion(5);		/* reaches me through node 1 */
	EXPECT_EQ(drbd_twopc_kind(&m.r, &q, 1), TWOPC_KIND_FAR_AWAY);
	EXPECT_EQ(participate(m, q), SS_NOTHING_TO_DO);
	EXPECT_EQ(committed(m, q, bit(5), bit(5) | 3), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_OUTDATED);
	EXPECT_EQ(NEW(m.r.members), bit(5) | 3u);
	/* not for a Primary that cannot write */
	committed(m, q, bit(5), bit(5) | 3, DRBD_TWOPC_PRI_INCAPABLE);
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);
	/* and a Primary objects */
	m.role(R_PRIMARY);
	EXPECT_EQ(participate(m, q), SS_TWO_PRIMARIES);
	m.conn().two_primaries = 1;
	EXPECT_EQ(participate(m, q), SS_WEAKLY_CONNECTED);
	m.disk(D_DISKLESS);
	EXPECT_EQ(participate(m, q), SS_NOTHING_TO_DO);
}

TEST(Effect, EmptyTransactionOutdatesItsInitiatorAtAFarPrimary)
{
	Model m(2);

	m.role(R_PRIMARY).disk(D_UP_TO_DATE).connected(0);
	auto q = request(2, -1, 0, 0);		/* node 2 lost me, node 1 forwards */
	committed(m, q, bit(0), 7);
	EXPECT_EQ(NEW(m.pd(1).disk_state), D_OUTDATED);
}

TEST(Effect, ConnectCommit)
{
	Model m;
	auto q = request(1, 0, 0x1f3, 9 << 4 | 1);	/* from a Primary */

	m.disk(D_UP_TO_DATE);
	Model::both(m.conn().cstate, C_CONNECTING);
	EXPECT_EQ(participate(m, q), SS_SUCCESS);
	m.pd().hs = {1, L_WF_BITMAP_T, D_UP_TO_DATE, 1, D_MASK};
	m.peer().cur = 0x5550;
	EXPECT_EQ(committed(m, q, bit(1)), SS_SUCCESS);
	EXPECT_EQ(NEW(m.conn().cstate), C_CONNECTED);
	EXPECT_EQ(NEW(m.conn().peer_role), R_PRIMARY);
	EXPECT_EQ(NEW(m.pd().repl_state), L_WF_BITMAP_T);
	EXPECT_EQ(NEW(m.dev().disk_state), D_OUTDATED);
	EXPECT_TRUE(NEW(m.pd().resync_susp_peer));
	EXPECT_EQ(NEW(m.r.members), 3u);
	/* with read-only openers: no */
	m.dev().flags |= CORE_DEV_OPEN;
	EXPECT_EQ(participate(m, q), SS_PRIMARY_READER);
}

TEST(Effect, DisconnectFromThePeer)
{
	for (bool outdate : {false, true}) {
		Model m;	/* Primary; the Secondary leaves */
		auto q = outdate ? request(1, 0, 0x1ff0, 6 << 9 | 1 << 4) : disconnect(1, 0);

		m.role(R_PRIMARY).disk(D_UP_TO_DATE).connected();
		EXPECT_EQ(participate(m, q), SS_SUCCESS);
		EXPECT_EQ(committed(m, q, bit(0), bit(0)), SS_SUCCESS);
		EXPECT_EQ(NEW(m.conn().cstate), C_TEAR_DOWN);
		EXPECT_EQ(NEW(m.pd().disk_state), outdate ? D_OUTDATED : D_UNKNOWN);
		EXPECT_FALSE(m.r.after & CORE_RES_EMPTY_2PC);
		EXPECT_TRUE(m.dev().flags & CORE_DEV_NEW_UUID_PENDING);
	}
	Model s;	/* Secondary is told to outdate itself by a leaving Primary */
	auto q = request(1, 0, 0x1e1f0, 6 << 13 | 1 << 4);

	s.disk(D_UP_TO_DATE).connected(0, R_PRIMARY);
	EXPECT_EQ(participate(s, q), SS_SUCCESS);
	EXPECT_EQ(NEW(s.dev().disk_state), D_OUTDATED);
	s.disk(D_INCONSISTENT);	/* not lower than it is */
	EXPECT_EQ(participate(s, q), SS_SUCCESS);
	EXPECT_EQ(NEW(s.dev().disk_state), D_INCONSISTENT);
	Model g;	/* the Primary's data is all I have */
	g.role(R_PRIMARY).disk(D_DISKLESS).connected();
	EXPECT_EQ(participate(g, disconnect(1, 0)), SS_NO_UP_TO_DATE_DISK);
}

TEST(Effect, OneExchangeOfBitmapsAtATime)
{
	Model m;
	auto q = request(1, 0, 0x1f0, L_WF_BITMAP_T << 4, 0);

	m.disk(D_UP_TO_DATE).connected();
	EXPECT_EQ(participate(m, q), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd().repl_state), L_WF_BITMAP_S);
	/* It would wait for a bitmap that I have sent already. */
	Model::both(m.pd().repl_state, L_WF_BITMAP_S);
	EXPECT_EQ(participate(m, q), SS_RESYNC_RUNNING);
}

TEST(Effect, PeerVolumes)
{
	Model m(1, 2);

	m.disk(D_UP_TO_DATE, 0).disk(D_UP_TO_DATE, 1).connected();
	EXPECT_EQ(participate(m, request(1, 0, 0x1f0, 12 << 4, 1)), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(0, 1).repl_state), L_STARTING_SYNC_S);
	EXPECT_EQ(NEW(m.pd(0, 0).repl_state), L_ESTABLISHED);
	EXPECT_EQ(participate(m, request(1, -1, 0x1e00, 2 << 9, 0)), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(0, 0).disk_state), D_DETACHING);
	EXPECT_EQ(participate(m, request(1, 0, 0x1f0, 18 << 4, 0)), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(0, 0).repl_state), L_VERIFY_T);
	EXPECT_EQ(participate(m, request(1, 0, 0x1f0, 9 << 4, 0)), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(0, 0).repl_state), L_OFF);
	EXPECT_EQ(participate(m, request(1, 0, 0x1f0, 12 << 4, 7)), SS_NOTHING_TO_DO); /* not here */
	EXPECT_EQ(participate(m, request(1, 0, 0xc, 4)), SS_NOT_SUPPORTED);
}

TEST(Effect, LostPeerTransaction)		/* acceptance 3 */
{
	Slot s(0, bit(1));
	Model m;
	unsigned flags;
	auto q = request(0, -1, 0, 0);

	m.disk(D_CONSISTENT).connected();
	Model::both(m.pd().disk_state, D_CONSISTENT);
	s.start(q);
	s.answered(1, TWOPC_YES, reply(77, 0, 3));
	m.begin();
	drbd_twopc_merge(&s.t, &s.env, &m.r);
	drbd_twopc_commit_local(&m.r, &s.t, &flags);
	ASSERT_EQ(m.commit(flags), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_UP_TO_DATE);
	EXPECT_FALSE(m.dev().flags & CORE_DEV_TRY_UP_TO_DATE);

	/* Somebody still sees the Primary: then I am outdated. */
	Slot o(0, bit(1));
	o.start(q);
	o.answered(1, TWOPC_YES, reply(77, 0, 7, bit(2), ~u64{6}));
	m.begin();
	drbd_twopc_merge(&o.t, &o.env, &m.r);
	drbd_twopc_commit_local(&m.r, &o.t, &flags);
	ASSERT_EQ(m.check(flags), SS_SUCCESS);
	EXPECT_EQ(NEW(m.dev().disk_state), D_OUTDATED);
}

TEST(Effect, PromotionKnowsWhoIsBehindSomebody)	/* 10.2 */
{
	Slot s(0, bit(1));
	Model m(2);
	unsigned flags;

	m.disk(D_UP_TO_DATE).connected(0);
	s.start(promotion(0));
	s.answered(1, TWOPC_YES, reply(77, 0, 7));	/* node 2 only through node 1 */
	m.begin();
	NEW(m.r.role) = R_PRIMARY;
	drbd_twopc_merge(&s.t, &s.env, &m.r);
	drbd_twopc_commit_local(&m.r, &s.t, &flags);
	ASSERT_EQ(m.check(flags), SS_SUCCESS);
	EXPECT_EQ(NEW(m.pd(1).disk_state), D_OUTDATED);
	EXPECT_EQ(NEW(m.r.members), 7u);
}

TEST(Effect, GracefulDisconnectOutdates)	/* 11.6, acceptance 2 */
{
	for (int with : {0, 1, 2}) {
		Model m;
		drbd_twopc_request q;

		if (with == 1)
			m.conn().fencing = FP_RESOURCE;
		if (with == 2)
			m.r.quorum = QOU_MAJORITY;
		m.disk(D_UP_TO_DATE).connected(0, R_PRIMARY);
		m.begin();
		unsigned flags = drbd_disconnect_prepare(&m.r, 0, false);
		ASSERT_EQ(m.check(flags), SS_SUCCESS);
		ASSERT_TRUE(drbd_state_cluster_wide(&m.r, flags, &q));
		EXPECT_EQ(q.mask, with ? 0x1ff0u : 0x1f0u);
		EXPECT_EQ(q.val, with ? 6u << 9 | 1u << 4 : 1u << 4);
	}
	Model p;	/* the Primary leaves: the peer is asked to outdate itself */
	drbd_twopc_request q;

	p.conn().fencing = FP_RESOURCE;
	p.role(R_PRIMARY).disk(D_UP_TO_DATE).connected();
	p.begin();
	unsigned flags = drbd_disconnect_prepare(&p.r, 0, false);
	ASSERT_EQ(p.check(flags), SS_SUCCESS);
	ASSERT_TRUE(drbd_state_cluster_wide(&p.r, flags, &q));
	EXPECT_EQ(q.val, 6u << 13 | 1u << 4);
	EXPECT_EQ(drbd_disconnect_prepare(&p.r, 0, true), (unsigned)CORE_HARD);
}

TEST(Followup, Tables)
{
	Model m;

	EXPECT_EQ(drbd_connect_followup(&m.r, SS_TIMEOUT, false), CONNECT_AGAIN_50MS);
	EXPECT_EQ(drbd_connect_followup(&m.r, SS_CONCURRENT_ST_CHG, false), CONNECT_AGAIN_50MS);
	EXPECT_EQ(drbd_connect_followup(&m.r, SS_HANDSHAKE_RETRY, false), CONNECT_AGAIN_1S);
	EXPECT_EQ(drbd_connect_followup(&m.r, SS_CW_FAILED_BY_PEER, false), CONNECT_REFUSE);
	EXPECT_EQ(drbd_connect_followup(&m.r, SS_CW_FAILED_BY_PEER, true), CONNECT_AGAIN_1S);
	EXPECT_EQ(drbd_connect_followup(&m.r, SS_TWO_PRIMARIES, false), CONNECT_REFUSE);
	EXPECT_EQ(drbd_connect_followup(&m.r, SS_HANDSHAKE_DISCONNECT, true), CONNECT_REFUSE);
	EXPECT_EQ(drbd_connect_followup(&m.r, SS_PRIMARY_READER, false), CONNECT_WAIT_READERS);
	EXPECT_EQ(drbd_connect_followup(&m.r, SS_INTERRUPTED, false), CONNECT_NETWORK_FAILURE);

	EXPECT_EQ(drbd_disconnect_followup(&m.r, 0, SS_SUCCESS), DISCONNECT_DONE);
	EXPECT_EQ(drbd_disconnect_followup(&m.r, 0, SS_ALREADY_STANDALONE), DISCONNECT_DONE);
	EXPECT_EQ(drbd_disconnect_followup(&m.r, 0, SS_CW_FAILED_BY_PEER), DISCONNECT_AGAIN);
	EXPECT_EQ(drbd_disconnect_followup(&m.r, 0, SS_LOWER_THAN_OUTDATED), DISCONNECT_AGAIN_HARD);
	EXPECT_EQ(drbd_disconnect_followup(&m.r, 0, SS_NO_UP_TO_DATE_DISK), DISCONNECT_WAIT_READERS);
	m.connected();
	EXPECT_EQ(drbd_disconnect_followup(&m.r, 0, SS_CW_FAILED_BY_PEER), DISCONNECT_FAIL);
	m.role(R_PRIMARY);
	EXPECT_EQ(drbd_disconnect_followup(&m.r, 0, SS_NO_UP_TO_DATE_DISK), DISCONNECT_FAIL);
	EXPECT_EQ(drbd_disconnect_followup(&m.r, 0, SS_NO_QUORUM), DISCONNECT_FAIL);
}

TEST(Followup, OutdateAfterRefusal)
{
	Model m;

	m.disk(D_UP_TO_DATE);
	m.pd().hs = {1, L_WF_BITMAP_T, D_UP_TO_DATE, 0, D_MASK};
	m.begin();
	EXPECT_TRUE(drbd_state_outdate_after_refusal(&m.r, 0));
	EXPECT_EQ(NEW(m.dev().disk_state), D_OUTDATED);
	m.role(R_PRIMARY);
	m.begin();
	EXPECT_FALSE(drbd_state_outdate_after_refusal(&m.r, 0));
	m.r.on_susp_primary_outdated = SPO_FORCE_SECONDARY;
	m.r.on_no_data = OND_SUSPEND_IO;
	Model::both(m.r.susp_user, 1);
	m.begin();
	EXPECT_TRUE(drbd_state_outdate_after_refusal(&m.r, 0));
	EXPECT_EQ(NEW(m.r.role), R_SECONDARY);
}

} // namespace
