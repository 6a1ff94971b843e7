// SPDX-License-Identifier: GPL-2.0-only
/* The sync handshake: both ends are run and must mirror each other. */
#include <gtest/gtest.h>

#include "model.h"

namespace {

constexpr u64 R = 0xaaaa0000, G1 = 0x11110000, G2 = 0x22220000, G3 = 0x33330000, G4 = 0x44440000;

/* Two ends of a handshake. */
struct Ends {
	drbd_uuid_set uuid[2]{};
	drbd_peer_uuids of_peer[2]{};
	drbd_handshake_in in[2]{};
	drbd_handshake_out out[2]{};

	Ends()
	{
		for (unsigned i = 0; i < 2; i++) {
			uuid[i].my_node_id = static_cast<u8>(i);
			uuid[i].max_peers = 1;
			uuid[i].slot_mask = 1u << !i;
			uuid[i].exists_mask = 1u << i;
			uuid[i].cur = G1;
			in[i].self_role = in[i].peer_role = R_SECONDARY;
			in[i].self_disk = in[i].self_md_disk = D_UP_TO_DATE;
			in[i].self_quorum = true;
			in[i].connecting = true;
			in[i].uuid.protocol_version = 124;
			in[i].uuid.wire_protocol = DRBD_PROT_C;
			in[i].uuid.resolver = i == 0;
			in[i].uuid.self_flags = DRBD_UUID_F_STABLE;
		}
	}
	template <class F> Ends &all(F f)
	{
		f(in[0]);
		f(in[1]);
		return *this;
	}
	void primary(unsigned i) { in[i].self_role = R_PRIMARY; }
	void flags(unsigned i, u64 f) { in[i].uuid.self_flags |= f; }
	void split_brain(bool a_was_primary = false, bool b_was_primary = false)
	{
		uuid[0].cur = G1;
		uuid[0].bitmap[1] = G3 | a_was_primary;
		uuid[1].cur = G2;
		uuid[1].bitmap[0] = G3 | b_was_primary;
		in[0].self_bits = in[1].self_bits = 10;
	}
	void run()
	{
		for (unsigned i = 0; i < 2; i++) {
			unsigned o = !i;
			auto &p = of_peer[i];

			p.received = true;
			p.cur = uuid[o].cur;
			p.flags = in[o].uuid.self_flags;
			p.dirty_bits = in[o].self_bits;
			for (unsigned n = 0; n < 32; n++) {
				bool listed = (uuid[o].slot_mask | uuid[o].exists_mask) >> n & 1;

				p.bitmap[n] = listed ? uuid[o].bitmap[n] : DRBD_UUID_UNKNOWN;
				p.bitmap_mask |= static_cast<u64>(listed) << n;
			}
			memcpy(p.history, uuid[o].history, sizeof(p.history));
			in[i].uuid.self = &uuid[i];
			in[i].uuid.peer = &p;
			in[i].uuid.self_current = uuid[i].cur;
			in[i].uuid.self_bitmap = uuid[i].bitmap[o];
			in[i].uuid.peer_node_id = static_cast<u8>(o);
			in[i].peer_role = in[o].self_role;
			in[i].peer_disk = in[o].self_disk;
			in[i].peer_quorum = in[o].self_quorum;
		}
		for (unsigned i = 0; i < 2; i++)
			drbd_handshake(&in[i], &out[i]);
	}
	void expect(unsigned a, unsigned b)
	{
		run();
		for (unsigned i = 0; i < 2; i++) {
			EXPECT_EQ(out[i].outcome, HANDSHAKE_OK)
				<< i << " " << drbd_strategy_text(out[i].strategy);
			EXPECT_EQ(out[i].repl_state, i ? b : a)
				<< i << " " << drbd_rule_text(out[i].rule) << " "
				<< drbd_strategy_text(out[i].strategy);
		}
	}
	void refused(u8 a, u8 b)
	{
		run();
		EXPECT_EQ(out[0].outcome, a) << drbd_strategy_text(out[0].strategy);
		EXPECT_EQ(out[1].outcome, b) << drbd_strategy_text(out[1].strategy);
	}
};

TEST(Handshake, EqualData)
{
	Ends e;

	e.expect(L_ESTABLISHED, L_ESTABLISHED);
	EXPECT_EQ(e.out[0].bitmap, BITMAP_NONE);
}

TEST(Handshake, BitmapResync)
{
	Ends e;

	e.uuid[0].cur = G2;
	e.uuid[0].bitmap[1] = G1;
	e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
}

TEST(Handshake, FullSyncs)
{
	Ends e;	/* fresh target */

	e.uuid[1].cur = 4;
	e.in[1].self_disk = D_INCONSISTENT;
	e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
	EXPECT_EQ(e.out[0].bitmap, BITMAP_SET_SLOT);
	EXPECT_FALSE(e.out[0].set_bitmap_uuid);
	EXPECT_EQ(e.out[1].bitmap, BITMAP_SET_ALL_SLOTS);

	Ends h;	/* by history */
	h.uuid[0].cur = G2;
	h.uuid[0].bitmap[1] = R;
	h.uuid[0].history[0] = G1;
	h.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
	EXPECT_EQ(h.out[0].bitmap, BITMAP_SET_SLOT);
	EXPECT_TRUE(h.out[0].set_bitmap_uuid);	/* so that it can be continued */
	EXPECT_EQ(h.out[1].bitmap, BITMAP_SET_SLOT);
}

TEST(Handshake, UnrelatedDataIsRefused)
{
	Ends e;

	e.uuid[1].cur = G2;
	e.refused(HANDSHAKE_DISCONNECT, HANDSHAKE_DISCONNECT);
	EXPECT_EQ(e.out[0].strategy, STRATEGY_UNRELATED_DATA);
}

TEST(Handshake, ChangedSinceSentIsRetried)
{
	Ends e;

	e.in[0].uuid.changed_since_sent = true;
	e.run();
	EXPECT_EQ(e.out[0].outcome, HANDSHAKE_RETRY);
}

/* A crashed Primary comes back, the survivor is Secondary or has taken over. */
TEST(Handshake, CrashedPrimaryReturns)
{
	Ends e;

	e.flags(0, DRBD_UUID_F_CRASHED_PRIMARY);
	e.flags(1, DRBD_UUID_F_RECONNECT);
	e.expect(L_WF_BITMAP_T, L_WF_BITMAP_S);
	EXPECT_EQ(e.out[0].strategy, STRATEGY_TARGET_IF_BOTH_FAILED);

	Ends p;
	p.flags(0, DRBD_UUID_F_CRASHED_PRIMARY);
	p.flags(1, DRBD_UUID_F_RECONNECT);
	p.primary(1);
	p.expect(L_WF_BITMAP_T, L_WF_BITMAP_S);
}

TEST(Handshake, IfBothFailedLooksAtRoles)	/* 5.11 */
{
	Ends e;	/* the label says target, but it is Primary again */

	e.flags(0, DRBD_UUID_F_CRASHED_PRIMARY);
	e.flags(1, DRBD_UUID_F_RECONNECT);
	e.primary(0);
	e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);

	Ends b;
	b.flags(0, DRBD_UUID_F_CRASHED_PRIMARY);
	b.flags(1, DRBD_UUID_F_RECONNECT);
	b.primary(0);
	b.primary(1);
	b.expect(L_ESTABLISHED, L_ESTABLISHED);
}

TEST(Handshake, DiskStatesOverride)		/* 5.6 */
{
	Ends e;	/* equal UUIDs, one Inconsistent */

	e.in[1].self_disk = D_INCONSISTENT;
	e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
	EXPECT_EQ(e.out[0].strategy, STRATEGY_SOURCE_USE_BITMAP);

	Ends o;	/* Outdated alone is no reason */
	o.in[1].self_disk = D_OUTDATED;
	o.expect(L_ESTABLISHED, L_ESTABLISHED);

	Ends f;	/* if-both-failed follows the better disk */
	f.flags(0, DRBD_UUID_F_CRASHED_PRIMARY);
	f.in[0].self_disk = D_OUTDATED;
	f.in[1].self_disk = D_CONSISTENT;
	f.expect(L_WF_BITMAP_T, L_WF_BITMAP_S);

	Ends n;	/* a negotiating peer counts by its INCONSISTENT flag */
	n.in[1].self_disk = D_NEGOTIATING;
	n.in[1].self_md_disk = D_INCONSISTENT;
	n.flags(1, DRBD_UUID_F_INCONSISTENT);
	n.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
}

TEST(Handshake, SplitBrainUnresolved)
{
	Ends e;

	e.split_brain();
	e.refused(HANDSHAKE_DISCONNECT, HANDSHAKE_DISCONNECT);
	EXPECT_TRUE(e.out[0].split_brain);
	EXPECT_EQ(e.out[0].helpers, HELPER_INITIAL_SPLIT_BRAIN | HELPER_SPLIT_BRAIN);
}

TEST(Handshake, SplitBrainWaitsForThePrimary)
{
	Ends e;

	e.split_brain();
	e.in[1].uuid.self_flags = 0;	/* not stable */
	e.expect(L_ESTABLISHED, L_ESTABLISHED);
}

TEST(Handshake, AfterSb0pri)
{
	struct Case {
		u8 policy;
		bool a_pri, b_pri;
		u64 a_bits, b_bits;
		unsigned a;	/* replication state of A; 0: unresolved */
	};
	const unsigned S = L_WF_BITMAP_S, T = L_WF_BITMAP_T;
	for (const Case &t : {Case{ASB_DISCONNECT, false, true, 1, 2, 0},
			      Case{ASB_DISCARD_YOUNGER_PRI, false, true, 1, 2, T},
			      Case{ASB_DISCARD_YOUNGER_PRI, true, false, 1, 2, S},
			      Case{ASB_DISCARD_YOUNGER_PRI, true, true, 1, 2, T},
			      Case{ASB_DISCARD_YOUNGER_PRI, false, false, 3, 0, S},
			      Case{ASB_DISCARD_OLDER_PRI, false, true, 1, 2, S},
			      Case{ASB_DISCARD_OLDER_PRI, true, false, 1, 2, T},
			      Case{ASB_DISCARD_OLDER_PRI, false, false, 2, 2, T},
			      Case{ASB_DISCARD_ZERO_CHG, false, false, 0, 0, T},
			      Case{ASB_DISCARD_ZERO_CHG, false, false, 0, 3, T},
			      Case{ASB_DISCARD_ZERO_CHG, false, false, 3, 0, S},
			      Case{ASB_DISCARD_ZERO_CHG, false, false, 3, 3, 0},
			      Case{ASB_DISCARD_LEAST_CHG, false, false, 3, 4, T},
			      Case{ASB_DISCARD_LEAST_CHG, false, false, 4, 3, S},
			      Case{ASB_DISCARD_LEAST_CHG, false, false, 4, 4, T}}) {
		Ends e;

		e.split_brain(t.a_pri, t.b_pri);
		e.in[0].self_bits = t.a_bits;
		e.in[1].self_bits = t.b_bits;
		e.all([&](auto &in) { in.after_sb_0p = t.policy; });
		if (t.a)
			e.expect(t.a, t.a == S ? T : S);
		else
			e.refused(HANDSHAKE_DISCONNECT, HANDSHAKE_DISCONNECT);
	}
	Ends l;	/* local and remote are swapped between the ends */

	l.split_brain();
	l.in[0].after_sb_0p = ASB_DISCARD_LOCAL;
	l.in[1].after_sb_0p = ASB_DISCARD_REMOTE;
	l.expect(L_WF_BITMAP_T, L_WF_BITMAP_S);
}

TEST(Handshake, AfterSb1pri)
{
	struct Case {
		u8 one, zero;
		u64 a_bits, b_bits;
		bool resolved;
	};
	/* A is Primary. */
	for (const Case &t : {Case{ASB_DISCONNECT, ASB_DISCARD_LEAST_CHG, 5, 1, false},
			      Case{ASB_CONSENSUS, ASB_DISCARD_LEAST_CHG, 5, 1, true},
			      Case{ASB_CONSENSUS, ASB_DISCARD_LEAST_CHG, 1, 5, false},
			      Case{ASB_DISCARD_SECONDARY, ASB_DISCONNECT, 1, 5, true},
			      Case{ASB_VIOLENTLY, ASB_DISCARD_LEAST_CHG, 5, 1, true},
			      Case{ASB_CALL_HELPER, ASB_DISCARD_LEAST_CHG, 5, 1, true}}) {
		Ends e;

		e.split_brain();
		e.primary(0);
		e.in[0].self_bits = t.a_bits;
		e.in[1].self_bits = t.b_bits;
		e.all([&](auto &in) {
			in.after_sb_1p = t.one;
			in.after_sb_0p = t.zero;
		});
		if (t.resolved)
			e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
		else
			e.refused(HANDSHAKE_DISCONNECT, HANDSHAKE_DISCONNECT);
	}
}

TEST(Handshake, CallPriLostAfterSb)
{
	Ends e;

	e.split_brain();
	e.primary(0);
	e.in[0].self_bits = 1;
	e.in[1].self_bits = 5;
	e.all([](auto &in) {
		in.after_sb_1p = ASB_CALL_HELPER;
		in.after_sb_0p = ASB_DISCARD_LEAST_CHG;
	});
	e.run();
	EXPECT_TRUE(e.out[0].need_demotion);
	EXPECT_FALSE(e.out[1].need_demotion);
	EXPECT_EQ(e.out[1].repl_state, L_WF_BITMAP_S);
	e.in[0].demotion_tried = e.in[0].demotion_ok = true;
	e.run();
	EXPECT_EQ(e.out[0].outcome, HANDSHAKE_OK);
	EXPECT_EQ(e.out[0].repl_state, L_WF_BITMAP_T);
	/* Whose policy it was does not change by the demotion, nor is a Secondary in the way. */
	e.primary(1);
	e.all([](auto &in) {
		in.after_sb_1p = ASB_DISCONNECT;
		in.after_sb_2p = ASB_CALL_HELPER;
		in.rr_conflict = ASB_DISCONNECT;
	});
	e.run();
	EXPECT_EQ(e.out[0].outcome, HANDSHAKE_OK);
	EXPECT_EQ(e.out[0].repl_state, L_WF_BITMAP_T);
	EXPECT_EQ(e.out[1].outcome, HANDSHAKE_OK);
	EXPECT_EQ(e.out[1].repl_state, L_WF_BITMAP_S);
	e.in[0].demotion_ok = false;
	e.run();
	EXPECT_EQ(e.out[0].outcome, HANDSHAKE_DISCONNECT);
	EXPECT_TRUE(e.out[0].helpers & HELPER_PRI_LOST_AFTER_SB);
}

TEST(Handshake, AfterSb2pri)
{
	Ends e;

	e.split_brain();
	e.primary(0);
	e.primary(1);
	e.in[1].self_bits = 3;
	e.all([](auto &in) {
		in.after_sb_2p = ASB_VIOLENTLY;
		in.after_sb_0p = ASB_DISCARD_LEAST_CHG;
		in.rr_conflict = ASB_VIOLENTLY;
	});
	e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
	e.all([](auto &in) { in.after_sb_2p = ASB_DISCONNECT; });
	e.refused(HANDSHAKE_DISCONNECT, HANDSHAKE_DISCONNECT);
}

TEST(Handshake, QuorumDecidesFirst)
{
	Ends e;

	e.split_brain();
	e.all([](auto &in) {
		in.quorum_enabled = true;
		in.after_sb_0p = ASB_DISCARD_LEAST_CHG;
	});
	e.in[0].self_quorum = false;
	e.in[0].self_bits = 100;
	e.expect(L_WF_BITMAP_T, L_WF_BITMAP_S);
}

TEST(Handshake, DiscardMyData)
{
	Ends e;

	e.split_brain();
	e.flags(1, DRBD_UUID_F_DISCARD_MY_DATA);
	e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);

	Ends h;	/* no common bitmap UUID: the whole disk */
	h.split_brain();
	h.uuid[1].bitmap[0] = G4;
	h.uuid[0].history[0] = h.uuid[1].history[0] = R;
	h.refused(HANDSHAKE_DISCONNECT, HANDSHAKE_DISCONNECT);
	EXPECT_EQ(h.out[0].compare.strategy, STRATEGY_SPLIT_BRAIN_DISCONNECT);
	h.flags(1, DRBD_UUID_F_DISCARD_MY_DATA);
	h.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
	EXPECT_EQ(h.out[0].strategy, STRATEGY_SOURCE_SET_BITMAP);

	Ends r;	/* reverses another direction, unless that would spread bad data */
	r.uuid[0].cur = G2;
	r.uuid[0].bitmap[1] = G1;
	r.flags(0, DRBD_UUID_F_DISCARD_MY_DATA);
	r.expect(L_WF_BITMAP_T, L_WF_BITMAP_S);
	r.in[1].self_disk = D_INCONSISTENT;
	r.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
	EXPECT_TRUE(r.out[0].log_discard_ignored);
}

TEST(Handshake, AlwaysAsbp)
{
	Ends e;

	e.split_brain();
	e.uuid[1].bitmap[0] = G4;
	e.uuid[0].history[0] = e.uuid[1].history[0] = R;
	e.in[0].self_bits = 50;
	e.all([](auto &in) {
		in.always_asbp = true;
		in.after_sb_0p = ASB_DISCARD_LEAST_CHG;
	});
	e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
	EXPECT_EQ(e.out[0].strategy, STRATEGY_SOURCE_SET_BITMAP);
	EXPECT_EQ(e.out[1].strategy, STRATEGY_TARGET_SET_BITMAP);
}

TEST(Handshake, RrConflict)			/* 5.10 */
{
	for (u8 policy : {ASB_DISCONNECT, ASB_RETRY_CONNECT, ASB_CALL_HELPER, ASB_VIOLENTLY,
			  ASB_AUTO_DISCARD}) {
		Ends e;

		e.uuid[0].cur = G2;
		e.uuid[0].bitmap[1] = G1;
		e.in[0].self_bits = 5;
		e.primary(1);		/* it is behind, and Primary */
		e.all([&](auto &in) { in.rr_conflict = policy; });
		e.run();
		EXPECT_EQ(e.out[0].outcome, HANDSHAKE_OK);
		bool goes = policy == ASB_VIOLENTLY || policy == ASB_AUTO_DISCARD;
		EXPECT_EQ(e.out[1].outcome, goes ? HANDSHAKE_OK :
			  policy == ASB_RETRY_CONNECT ? HANDSHAKE_RETRY : HANDSHAKE_DISCONNECT);
		EXPECT_EQ(e.out[1].would_be_target, !goes);
		EXPECT_EQ(!!(e.out[1].helpers & HELPER_PRI_LOST), policy == ASB_CALL_HELPER);
		/* A Primary that attaches its old disk has shown the peer's data all the time. */
		e.in[1].attach = e.in[0].attach = true;
		e.in[1].self_disk = e.in[0].peer_disk = D_NEGOTIATING;
		e.in[1].self_md_disk = D_UP_TO_DATE;
		e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
		e.in[1].attach = e.in[0].attach = false;
		e.in[1].self_disk = e.in[0].peer_disk = D_UP_TO_DATE;
		e.in[0].self_bits = 0;	/* nothing would be lost */
		e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
	}
}

TEST(Handshake, AutoDiscardReversesACrashedPrimary)
{
	Ends e;

	e.all([](auto &in) {
		in.uuid.wire_protocol = DRBD_PROT_A;
		in.rr_conflict = ASB_AUTO_DISCARD;
		in.self_bits = 3;
	});
	e.flags(0, DRBD_UUID_F_CRASHED_PRIMARY);
	e.primary(1);
	e.expect(L_WF_BITMAP_T, L_WF_BITMAP_S);
}

TEST(Handshake, MissedFinish)			/* 5.5 steps 2 and 12 */
{
	Ends e;

	e.in[0].self_bits = 4;
	e.in[0].uuid.source_missed_end = true;
	e.in[1].uuid.peer_missed_end = true;
	e.expect(L_WF_BITMAP_S, L_WF_BITMAP_T);
	e.in[0].self_disk = D_OUTDATED;	/* its data is not worth it */
	e.expect(L_ESTABLISHED, L_ESTABLISHED);
	EXPECT_TRUE(e.out[1].clear_bitmap_uuid);

	Ends z;
	z.all([](auto &in) { in.uuid.protocol_version = 123; });
	z.in[0].uuid.source_missed_end = true;
	z.in[1].uuid.peer_missed_end = true;
	z.primary(1);
	z.refused(HANDSHAKE_RETRY, HANDSHAKE_DISCONNECT);
}

TEST(Handshake, Tentative)
{
	Ends e;

	e.uuid[0].cur = G2;
	e.uuid[0].bitmap[1] = G1;
	e.in[1].tentative = true;
	e.run();
	EXPECT_EQ(e.out[1].outcome, HANDSHAKE_DISCONNECT);
	EXPECT_EQ(e.out[1].strategy, STRATEGY_TARGET_USE_BITMAP);
	EXPECT_FALSE(e.out[1].would_be_target);
}

/* Whatever the inputs: if both agree to connect, they agree how. */
TEST(Handshake, RandomInputsMirror)
{
	u64 x = 88172645463325252ull;
	auto rnd = [&](unsigned n) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		return static_cast<unsigned>(x % n);
	};
	/* Oldest first: what a node remembers is older than what it has. */
	const u64 pool[] = {R, G1, G2, G3, G4};
	unsigned agreed = 0;

	for (int round = 0; round < 200000; round++) {
		Ends e;
		u8 p0 = static_cast<u8>(rnd(5)), p1 = static_cast<u8>(rnd(3) ? ASB_DISCARD_SECONDARY : ASB_CONSENSUS);
		u8 rr = rnd(2) ? ASB_VIOLENTLY : ASB_AUTO_DISCARD;
		u16 version = static_cast<u16>(118 + rnd(7));
		u8 wire = static_cast<u8>(1 + rnd(3));

		for (unsigned i = 0; i < 2; i++) {
			unsigned age = rnd(6);
			auto older = [&](unsigned than) { return rnd(2) && than ? pool[rnd(than)] : 0; };

			e.uuid[i].cur = age == 5 ? 4 : pool[age];
			if (age < 5) {
				e.uuid[i].bitmap[!i] = older(age);
				e.uuid[i].history[0] = older(age);
				e.uuid[i].history[1] = e.uuid[i].history[0] ? older(age) : 0;
			}
			e.in[i].self_bits = rnd(3);
			if (rnd(4) == 0)
				e.flags(i, DRBD_UUID_F_CRASHED_PRIMARY);
			if (rnd(3) == 0)
				e.flags(i, DRBD_UUID_F_RECONNECT);
			if (rnd(6) == 0)
				e.flags(i, DRBD_UUID_F_PRIMARY_LOST_QUORUM);
			if (rnd(5) == 0)
				e.primary(i);
			const u8 disks[] = {D_INCONSISTENT, D_OUTDATED, D_CONSISTENT, D_UP_TO_DATE};
			e.in[i].self_disk = disks[rnd(4)];
		}
		if (rnd(8) == 0)
			e.flags(rnd(2), DRBD_UUID_F_DISCARD_MY_DATA);
		e.all([&](auto &in) {
			in.after_sb_0p = p0;
			in.after_sb_1p = p1;
			in.after_sb_2p = ASB_VIOLENTLY;
			in.rr_conflict = rr;
			in.uuid.protocol_version = version;
			in.uuid.wire_protocol = wire;
		});
		e.run();
		if (e.out[0].outcome != HANDSHAKE_OK || e.out[1].outcome != HANDSHAKE_OK)
			continue;
		agreed++;
		unsigned a = e.out[0].repl_state, b = e.out[1].repl_state;
		bool mirrored = (a == L_ESTABLISHED && b == L_ESTABLISHED) ||
				(a == L_WF_BITMAP_S && b == L_WF_BITMAP_T) ||
				(a == L_WF_BITMAP_T && b == L_WF_BITMAP_S);
		ASSERT_TRUE(mirrored)
			<< "round " << round << " v" << version << ": " << drbd_rule_text(e.out[0].rule) << " "
			<< drbd_strategy_text(e.out[0].strategy) << " / " << drbd_rule_text(e.out[1].rule)
			<< " " << drbd_strategy_text(e.out[1].strategy) << " disks " << +e.in[0].self_disk
			<< " " << +e.in[1].self_disk << " roles " << +e.in[0].self_role << +e.in[1].self_role
			<< std::hex << " cur " << e.uuid[0].cur << " " << e.uuid[1].cur << " bm "
			<< e.uuid[0].bitmap[1] << " " << e.uuid[1].bitmap[0] << " h " << e.uuid[0].history[0]
			<< "," << e.uuid[0].history[1] << " " << e.uuid[1].history[0] << ","
			<< e.uuid[1].history[1];
	}
	EXPECT_GT(agreed, 10000u);
}

TEST(Handshake, Stability)			/* 5.16 */
{
	Ends e;

	e.split_brain();
	e.run();
	drbd_handshake_out o;
	e.in[0].self_disk = D_OUTDATED;
	drbd_handshake_stability(&e.in[0], false, &o);
	EXPECT_EQ(o.repl_state, L_WF_BITMAP_T);	/* the peer is UpToDate */
	e.in[0].self_disk = D_UP_TO_DATE;
	e.in[0].peer_disk = D_OUTDATED;
	drbd_handshake_stability(&e.in[0], false, &o);
	EXPECT_EQ(o.repl_state, L_WF_BITMAP_S);
	e.in[0].self_disk = D_OUTDATED;
	drbd_handshake_stability(&e.in[0], false, &o);
	EXPECT_EQ(o.repl_state, L_ESTABLISHED);
	EXPECT_EQ(o.strategy, STRATEGY_UNDETERMINED);
}

TEST(Handshake, Diskless)			/* 5.15 */
{
	Model m;

	m.connected();
	m.peer().cur = G2;
	EXPECT_EQ(drbd_handshake_diskless(&m.r, 0, 0, 124), DISKLESS_ADOPT);
	m.dev().exposed_uuid = G2 | 1;
	EXPECT_EQ(drbd_handshake_diskless(&m.r, 0, 0, 124), DISKLESS_EQUAL);
	m.dev().exposed_uuid = G1;
	EXPECT_EQ(drbd_handshake_diskless(&m.r, 0, 0, 124), DISKLESS_DISCONNECT);
	m.peer().history[0] = G1;
	EXPECT_EQ(drbd_handshake_diskless(&m.r, 0, 0, 124), DISKLESS_ADOPT);
	m.role(R_PRIMARY);
	EXPECT_EQ(drbd_handshake_diskless(&m.r, 0, 0, 124), DISKLESS_RETRY);
	EXPECT_EQ(drbd_handshake_diskless(&m.r, 0, 0, 101), DISKLESS_DISCONNECT);
}

} // namespace
