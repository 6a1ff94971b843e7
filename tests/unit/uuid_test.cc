// SPDX-License-Identifier: GPL-2.0-only
/* Data generations: basic operations, packets, and the worked examples of resync.md 22. */
#include <gtest/gtest.h>

#include "model.h"

namespace {

constexpr u64 R = 0xaaaa0000, G1 = 0x11110000, G2 = 0x22220000, G3 = 0x33330000, G4 = 0x44440000;
constexpr u64 JUST_CREATED = 4, P = 1;

drbd_uuid_set fresh(u8 node, u8 max_peers = 1)
{
	drbd_uuid_set u{};

	u.cur = JUST_CREATED;
	u.my_node_id = node;
	u.max_peers = max_peers;
	u.slot_mask = 1u << (1 - node);
	return u;
}

drbd_uuid_peers one_peer(u8 node, u8 disk)
{
	drbd_uuid_peers p{};

	p.configured = 1u << node;
	p.disk_state[node] = disk;
	return p;
}

bool generation(drbd_uuid_set &u, u8 peer, u8 disk, u64 next, u64 weak = 0, u64 rnd = R)
{
	auto p = one_peer(peer, disk);
	const u64 random[2] = {rnd, next};

	return drbd_uuid_new_generation(&u, &p, weak, 0, true, random);
}

TEST(Push, Rules)
{
	drbd_uuid_set u{};

	u.cur = G1;
	drbd_uuid_push(&u, 0);
	drbd_uuid_push(&u, JUST_CREATED);
	drbd_uuid_push(&u, G1 | P);
	EXPECT_EQ(u.history[0], 0u);
	u.bitmap[3] = R;
	drbd_uuid_push(&u, R | P);	/* first entry: even a bitmap UUID */
	EXPECT_EQ(u.history[0], R);
	u.bitmap[3] = G2;
	drbd_uuid_push(&u, G2);		/* ... but not later */
	drbd_uuid_push(&u, R);		/* nor twice */
	EXPECT_EQ(u.history[1], 0u);
	drbd_uuid_push(&u, G3);
	EXPECT_EQ(u.history[0], G3);
	EXPECT_EQ(u.history[1], R);
	for (u64 i = 0; i < 40; i++)
		drbd_uuid_push(&u, 0x100000 + i * 16);
	EXPECT_EQ(u.history[0], 0x100000u + 39 * 16);
	EXPECT_EQ(u.history[31], 0x100000u + 8 * 16);
}

TEST(Basics, PrimaryBit)
{
	auto u = fresh(0);

	EXPECT_FALSE(drbd_uuid_set_primary(&u, true));
	EXPECT_EQ(u.cur, JUST_CREATED);
	u.cur = G1;
	EXPECT_TRUE(drbd_uuid_set_primary(&u, true));
	EXPECT_EQ(u.cur, G1 | P);
	EXPECT_FALSE(drbd_uuid_set_primary(&u, true));
	EXPECT_TRUE(drbd_uuid_set_primary(&u, false));
	EXPECT_EQ(u.cur, G1);
	EXPECT_TRUE(drbd_uuid_eq(G1 | P, G1));
}

TEST(Generation, NothingToDoWhenEverybodyIsHere)
{
	auto u = fresh(0);

	u.cur = G1;
	u.history[0] = R;
	for (unsigned n = 2; n < 32; n++)
		u.bitmap[n] = R;
	EXPECT_FALSE(generation(u, 1, D_UP_TO_DATE, G2));
	EXPECT_EQ(u.cur, G1);
	EXPECT_EQ(u.bitmap[1], 0u);
	EXPECT_TRUE(generation(u, 1, D_UNKNOWN, G2));
	EXPECT_EQ(u.cur, G2 | P);
	EXPECT_EQ(u.bitmap[1], G1);
}

TEST(Generation, NotAgainForThePeerThatIsAlreadyBehind)
{
	auto u = fresh(0);

	u.cur = G2;
	u.bitmap[1] = G1;
	u.history[0] = R;
	for (unsigned n = 2; n < 32; n++)
		u.bitmap[n] = R;
	EXPECT_FALSE(generation(u, 1, D_UNKNOWN, G3));
	EXPECT_EQ(u.cur, G2);
}

TEST(Generation, Negotiating)
{
	auto u = fresh(0);

	u.cur = G1;
	u.history[0] = R;
	for (unsigned n = 2; n < 32; n++)
		u.bitmap[n] = R;
	EXPECT_FALSE(generation(u, 1, D_NEGOTIATING, G2));
	EXPECT_TRUE(generation(u, 1, D_NEGOTIATING, G2, 1 << 1));	/* weak */
}

TEST(Generation, DayZero)
{
	auto u = fresh(0);

	u.cur = G3;
	EXPECT_TRUE(drbd_uuid_day0(&u));
	EXPECT_TRUE(generation(u, 1, D_UP_TO_DATE, G1));
	EXPECT_EQ(u.cur, G1 | P);
	EXPECT_EQ(u.history[0], G3);
	EXPECT_EQ(u.bitmap[1], 0u);
	EXPECT_EQ(u.bitmap[2], G3);
	EXPECT_EQ(u.bitmap[31], G3);
}

TEST(Generation, IntentionallyDisklessPeerIsSkipped)
{
	auto u = fresh(0);
	auto p = one_peer(1, D_DISKLESS);
	const u64 random[2] = {R, G2};

	u.cur = G1;
	u.history[0] = R;
	u.slot_mask = 0;
	u.max_peers = 0;
	p.connected_diskless = 2;
	for (unsigned n = 2; n < 32; n++)
		u.bitmap[n] = R;
	EXPECT_FALSE(drbd_uuid_new_generation(&u, &p, 0, 0, true, random));
	EXPECT_EQ(u.bitmap[1], 0u);
}

TEST(Generation, RandomIsNeverSpecial)
{
	auto u = fresh(0);
	auto p = one_peer(1, D_UNKNOWN);
	const u64 random[2] = {4, 5};

	ASSERT_TRUE(drbd_uuid_new_generation(&u, &p, 0, 0, false, random));
	EXPECT_NE(u.cur & ~P, 4u);
	EXPECT_NE(u.bitmap[1], 4u);
	EXPECT_NE(u.bitmap[1], 0u);
}

/* -------------------------------------------------- two nodes, as in 22 */

struct Pair {
	drbd_uuid_set a = fresh(0), b = fresh(1);
	drbd_peer_uuids a_of_b{}, b_of_a{};	/* what A knows of B, B of A */
	u64 a_flags = 0, b_flags = 0, a_bits = 0, b_bits = 0;

	static drbd_uuid_packet packet(const drbd_uuid_set &u, u64 flags, u64 bits)
	{
		drbd_uuid_packet p{};

		p.cur = u.cur;
		p.flags = flags | DRBD_UUID_F_STABLE;
		p.dirty_bits = bits;
		for (unsigned n = 0; n < 32; n++) {
			if (!((u.slot_mask | u.exists_mask) >> n & 1))
				continue;
			p.bitmap_mask |= 1ull << n;
			p.bitmap[n] = u.bitmap[n];
		}
		memcpy(p.history, u.history, sizeof(p.history));
		return p;
	}
	void exchange()
	{
		auto pa = packet(a, a_flags, a_bits), pb = packet(b, b_flags, b_bits);

		ASSERT_TRUE(drbd_uuid_packet_absorb(&a_of_b, &a, &pb));
		ASSERT_TRUE(drbd_uuid_packet_absorb(&b_of_a, &b, &pa));
	}
	drbd_compare_out compare(bool from_a)
	{
		drbd_compare_in in{};
		drbd_compare_out out;

		in.self = from_a ? &a : &b;
		in.peer = from_a ? &a_of_b : &b_of_a;
		in.self_current = in.self->cur;
		in.self_bitmap = in.self->bitmap[from_a ? 1 : 0];
		in.self_flags = (from_a ? a_flags : b_flags) | DRBD_UUID_F_STABLE;
		in.peer_node_id = from_a ? 1 : 0;
		in.wire_protocol = DRBD_PROT_C;
		in.protocol_version = 124;
		in.resolver = from_a;
		drbd_uuid_compare(&in, &out);
		return out;
	}
	void expect(const char *rule_a, const char *strategy_a, const char *rule_b,
		    const char *strategy_b)
	{
		exchange();
		auto ca = compare(true), cb = compare(false);

		EXPECT_STREQ(drbd_rule_text(ca.rule), rule_a);
		EXPECT_STREQ(drbd_strategy_text(ca.strategy), strategy_a);
		EXPECT_STREQ(drbd_rule_text(cb.rule), rule_b);
		EXPECT_STREQ(drbd_strategy_text(cb.strategy), strategy_b);
	}
	/* The resync A -> B from its start to the source's learning of its end. */
	u64 start_b()
	{
		auto p = one_peer(0, D_UP_TO_DATE);

		drbd_uuid_target_before_start(&b, &b_of_a);
		return drbd_uuid_target_started(&b, &p, 0, 0);
	}
	void finish_b(u64 start)
	{
		u64 seen[32] = {}, newly;
		drbd_uuid_detected det;

		seen[0] = b_of_a.cur;
		drbd_uuid_target_finished(&b, &b_of_a, 0, start, seen, false, &newly);
		auto p = packet(b, b_flags, 0);
		ASSERT_TRUE(drbd_uuid_packet_absorb(&a_of_b, &a, &p));
		drbd_uuid_detect_finished(&a, 1, &a_of_b, a.cur, false, 0, 2, &det);
		EXPECT_TRUE(det.changed);
	}
};

TEST(WorkedExample, LifeOfAPair)
{
	Pair s;

	/* create-md, connect */
	s.expect("just-created-both", "no-sync", "just-created-both", "no-sync");

	/* A: primary --force */
	ASSERT_TRUE(generation(s.a, 1, D_INCONSISTENT, G1));
	EXPECT_EQ(s.a.cur, G1 | P);
	EXPECT_EQ(s.a.bitmap[1], R);
	EXPECT_EQ(s.a.history[0], 0u);
	s.expect("just-created-peer", "source-set-bitmap", "just-created-self", "target-set-bitmap");

	/* B starts as target; a reconnect now continues with the bitmap */
	u64 start = s.start_b();
	EXPECT_EQ(s.b.cur, R);
	EXPECT_EQ(s.b.bitmap[0], 0u);
	s.expect("bitmap-self", "source-use-bitmap", "bitmap-peer", "target-use-bitmap");

	/* finished */
	s.finish_b(start);
	EXPECT_EQ(s.a.bitmap[1], 0u);
	EXPECT_EQ(s.a.history[0], R);
	EXPECT_EQ(s.b.cur, G1);
	EXPECT_EQ(s.b.bitmap[0], 0u);
	s.a_flags = s.b_flags = DRBD_UUID_F_RECONNECT;
	s.expect("reconnected", "no-sync", "reconnected", "no-sync");

	/* B lost, A writes */
	ASSERT_TRUE(generation(s.a, 1, D_UNKNOWN, G2));
	EXPECT_EQ(s.a.cur, G2 | P);
	EXPECT_EQ(s.a.bitmap[1], G1 | P);
	EXPECT_EQ(s.a.history[0], R);
	s.expect("bitmap-self", "source-use-bitmap", "bitmap-peer", "target-use-bitmap");

	/* resynced */
	start = s.start_b();
	EXPECT_EQ(s.b.cur, G1);
	s.finish_b(start);
	EXPECT_EQ(s.a.bitmap[1], 0u);
	EXPECT_EQ(s.a.history[0], G1);
	EXPECT_EQ(s.a.history[1], R);
	EXPECT_EQ(s.b.cur, G2);
	EXPECT_EQ(s.b.history[0], R);

	/* link cut, A writes, B is promoted and writes */
	ASSERT_TRUE(generation(s.a, 1, D_UNKNOWN, G3));
	drbd_uuid_set_primary(&s.b, true);
	s.b.cur &= ~P;	/* it was Secondary when the data diverged */
	ASSERT_TRUE(generation(s.b, 0, D_UNKNOWN, G4));
	EXPECT_EQ(s.a.bitmap[1], G2 | P);
	EXPECT_EQ(s.b.bitmap[0], G2);
	s.expect("bitmap-both", "split-brain-auto-recover", "bitmap-both", "split-brain-auto-recover");
}

TEST(WorkedExample, ThirdNodeWithTheDayZeroUuid)
{
	constexpr u64 D = 0xdddd0000;
	drbd_uuid_set a = fresh(0, 2);

	a.cur = D;
	ASSERT_TRUE(generation(a, 1, D_UP_TO_DATE, G1));
	EXPECT_EQ(a.history[0], D);
	EXPECT_EQ(a.bitmap[1], 0u);
	EXPECT_EQ(a.bitmap[2], D);
	EXPECT_EQ(a.bitmap[31], D);

	drbd_uuid_set c{};
	c.cur = D;
	c.my_node_id = 2;
	c.max_peers = 2;
	drbd_peer_uuids of_c{}, of_a{};
	auto pc = Pair::packet(c, 0, 0), pa = Pair::packet(a, 0, 0);
	pa.bitmap_mask |= 1 << 3;	/* the day-0 entry A announces */
	pa.bitmap[3] = D;
	pa.flags |= DRBD_UUID_F_HAS_UNALLOC | 3ull << DRBD_UUID_UNALLOC_SHIFT;
	ASSERT_TRUE(drbd_uuid_packet_absorb(&of_c, &a, &pc));
	ASSERT_TRUE(drbd_uuid_packet_absorb(&of_a, &c, &pa));
	EXPECT_FALSE(c.exists_mask & 1 << 3);	/* announced day-0 id: no such node */
	EXPECT_TRUE(c.exists_mask & 1 << 1);

	drbd_compare_in in{};
	drbd_compare_out out;
	in.self = &a;
	in.peer = &of_c;
	in.self_current = a.cur;
	in.self_bitmap = 0;		/* no bitmap UUID for C beyond day 0 */
	in.peer_node_id = 2;
	in.protocol_version = 124;
	in.wire_protocol = DRBD_PROT_C;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.rule, RULE_BITMAP_SELF_OTHER);
	EXPECT_EQ(out.strategy, STRATEGY_SOURCE_COPY_OTHER_BITMAP);
	EXPECT_EQ(out.other_node, 3);

	in.self = &c;
	in.peer = &of_a;
	in.self_current = c.cur;
	in.peer_node_id = 0;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.rule, RULE_BITMAP_PEER_OTHER);
	EXPECT_EQ(out.strategy, STRATEGY_TARGET_CLEAR_BITMAP);

	/* C with fresh metadata gets everything */
	c.cur = JUST_CREATED;
	in.self_current = c.cur;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.strategy, STRATEGY_TARGET_SET_BITMAP);
}

/* -------------------------------------------------------- the rule table 5.2 */

struct Row {
	const char *name;
	u64 a_cur, a_bm, a_h0, b_cur, b_bm, b_h0;
	u64 a_flags, b_flags;
	int version;
	u8 wire;
	drbd_sync_rule rule;
	drbd_sync_strategy a, b;
};

constexpr u64 CP = DRBD_UUID_F_CRASHED_PRIMARY, RC = DRBD_UUID_F_RECONNECT;
constexpr u64 LQ = DRBD_UUID_F_PRIMARY_LOST_QUORUM;

const Row rows[] = {
	{"1", 4, 0, 0, 4, 0, 0, 0, 0, 124, 3, RULE_JUST_CREATED_BOTH, STRATEGY_NO_SYNC, STRATEGY_NO_SYNC},
	{"2,3", 4, 0, 0, G1, 0, 0, 0, 0, 124, 3, RULE_NONE, STRATEGY_TARGET_SET_BITMAP, STRATEGY_SOURCE_SET_BITMAP},
	{"7", G1, 0, 0, G1, 0, 0, RC | CP, RC, 120, 3, RULE_RECONNECTED, STRATEGY_NO_SYNC, STRATEGY_NO_SYNC},
	{"8 A", G1, 0, 0, G1, 0, 0, CP, 0, 121, 1, RULE_CRASHED_PRIMARY, STRATEGY_SOURCE_USE_BITMAP, STRATEGY_TARGET_USE_BITMAP},
	{"8 B", G1, 0, 0, G1, 0, 0, 0, CP, 124, 2, RULE_CRASHED_PRIMARY, STRATEGY_TARGET_USE_BITMAP, STRATEGY_SOURCE_USE_BITMAP},
	{"8 not C", G1, 0, 0, G1, 0, 0, CP, 0, 124, 3, RULE_BOTH_OFF, STRATEGY_SOURCE_IF_BOTH_FAILED, STRATEGY_TARGET_IF_BOTH_FAILED},
	{"8 not 120", G1, 0, 0, G1, 0, 0, CP, 0, 120, 1, RULE_BOTH_OFF, STRATEGY_SOURCE_IF_BOTH_FAILED, STRATEGY_TARGET_IF_BOTH_FAILED},
	{"9 self", G1, 0, 0, G1, 0, 0, LQ, 0, 124, 3, RULE_LOST_QUORUM, STRATEGY_SOURCE_IF_BOTH_FAILED, STRATEGY_TARGET_IF_BOTH_FAILED},
	{"9 both", G1, 0, 0, G1, 0, 0, LQ, LQ, 124, 3, RULE_LOST_QUORUM, STRATEGY_SOURCE_IF_BOTH_FAILED, STRATEGY_TARGET_IF_BOTH_FAILED},
	{"10 crashed primary returns", G1, 0, 0, G1, 0, 0, CP, RC, 124, 3, RULE_LOST_QUORUM, STRATEGY_TARGET_IF_BOTH_FAILED, STRATEGY_SOURCE_IF_BOTH_FAILED},
	{"10 one reconnects", G1, 0, 0, G1, 0, 0, 0, RC, 124, 3, RULE_LOST_QUORUM, STRATEGY_NO_SYNC, STRATEGY_NO_SYNC},
	{"10 old label", G1, 0, 0, G1, 0, 0, 0, RC, 118, 3, RULE_RECONNECTED, STRATEGY_NO_SYNC, STRATEGY_NO_SYNC},
	{"10 old, both", G1, 0, 0, G1, 0, 0, RC, RC, 119, 3, RULE_RECONNECTED, STRATEGY_NO_SYNC, STRATEGY_NO_SYNC},
	{"11 both crashed", G1, 0, 0, G1, 0, 0, CP, CP, 124, 3, RULE_BOTH_OFF, STRATEGY_TARGET_IF_BOTH_FAILED, STRATEGY_SOURCE_IF_BOTH_FAILED},
	{"11 neither", G1, 0, 0, G1 | P, 0, 0, 0, 0, 124, 3, RULE_BOTH_OFF, STRATEGY_NO_SYNC, STRATEGY_NO_SYNC},
	{"12,15", G1, 0, 0, G2, G1 | P, 0, 0, 0, 124, 3, RULE_NONE, STRATEGY_TARGET_USE_BITMAP, STRATEGY_SOURCE_USE_BITMAP},
	{"18,19", G1, 0, 0, G2, G3, G1, 0, 0, 124, 3, RULE_NONE, STRATEGY_TARGET_SET_BITMAP, STRATEGY_SOURCE_SET_BITMAP},
	{"20", G1, G3, 0, G2, G3 | P, 0, 0, 0, 124, 3, RULE_BITMAP_BOTH, STRATEGY_SPLIT_BRAIN_AUTO_RECOVER, STRATEGY_SPLIT_BRAIN_AUTO_RECOVER},
	{"20 not for 0", G1, 0, 0, G2, 0, 0, 0, 0, 124, 3, RULE_HISTORY_BOTH, STRATEGY_UNRELATED_DATA, STRATEGY_UNRELATED_DATA},
	{"21", G1, G3, R, G2, G4, R, 0, 0, 124, 3, RULE_HISTORY_BOTH, STRATEGY_SPLIT_BRAIN_DISCONNECT, STRATEGY_SPLIT_BRAIN_DISCONNECT},
	{"22", G1, G3, R, G2, G4, 0x5550000, 0, 0, 124, 3, RULE_HISTORY_BOTH, STRATEGY_UNRELATED_DATA, STRATEGY_UNRELATED_DATA},
};

TEST(RuleTable, MirroredResults)
{
	for (const Row &t : rows) {
		Pair s;

		s.a.cur = t.a_cur;
		s.a.bitmap[1] = t.a_bm;
		s.a.history[0] = t.a_h0;
		s.b.cur = t.b_cur;
		s.b.bitmap[0] = t.b_bm;
		s.b.history[0] = t.b_h0;
		s.a_flags = t.a_flags;
		s.b_flags = t.b_flags;
		s.exchange();
		for (bool from_a : {true, false}) {
			drbd_compare_in in{};
			drbd_compare_out out;

			in.self = from_a ? &s.a : &s.b;
			in.peer = from_a ? &s.a_of_b : &s.b_of_a;
			in.self_current = in.self->cur;
			in.self_bitmap = in.self->bitmap[from_a];
			in.self_flags = from_a ? t.a_flags : t.b_flags;
			in.peer_node_id = from_a;
			in.wire_protocol = t.wire;
			in.protocol_version = static_cast<u16>(t.version);
			in.resolver = from_a;
			drbd_uuid_compare(&in, &out);
			EXPECT_EQ(out.strategy, from_a ? t.a : t.b)
				<< t.name << (from_a ? " A " : " B ") << drbd_strategy_text(out.strategy);
			if (t.rule != RULE_NONE) {
				EXPECT_EQ(out.rule, t.rule) << t.name << " " << drbd_rule_text(out.rule);
			}
		}
	}
}

TEST(RuleTable, GuardAndMarks)
{
	Pair s;
	drbd_compare_in in{};
	drbd_compare_out out;

	s.a.cur = s.b.cur = G1;
	s.exchange();
	in.self = &s.a;
	in.peer = &s.a_of_b;
	in.self_current = G1;
	in.peer_node_id = 1;
	in.protocol_version = 124;
	in.wire_protocol = DRBD_PROT_C;
	in.source_missed_end = true;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.rule, RULE_SYNC_SOURCE_MISSED_FINISH);
	EXPECT_EQ(out.strategy, STRATEGY_SOURCE_USE_BITMAP);
	in.source_missed_end = false;
	in.peer_missed_end = true;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.rule, RULE_SYNC_TARGET_PEER_MISSED_FINISH);
	EXPECT_EQ(out.strategy, STRATEGY_TARGET_USE_BITMAP);
	in.changed_since_sent = true;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.strategy, STRATEGY_RETRY_CONNECT);
}

TEST(RuleTable, UnlistedSlotsMatchNothing)
{
	Pair s;
	drbd_compare_in in{};
	drbd_compare_out out;

	s.a.cur = DRBD_UUID_UNKNOWN & ~P;	/* would equal "unknown" */
	s.a.slot_mask = 0;
	s.b.cur = G2;
	s.b.slot_mask = 0;
	s.exchange();
	EXPECT_EQ(s.a_of_b.bitmap[0], DRBD_UUID_UNKNOWN);
	in.self = &s.a;
	in.peer = &s.a_of_b;
	in.self_current = s.a.cur;
	in.peer_node_id = 1;
	in.protocol_version = 124;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.strategy, STRATEGY_UNRELATED_DATA);
}

TEST(RuleTable, OldProtocolFixups)		/* 5.3 */
{
	Pair s;
	drbd_compare_in in{};
	drbd_compare_out out;

	s.a.cur = s.b.cur = G2;
	s.a.bitmap[1] = G1;
	s.exchange();
	in.self = &s.a;
	in.peer = &s.a_of_b;
	in.self_current = G2;
	in.self_bitmap = G1;
	in.peer_node_id = 1;
	in.wire_protocol = DRBD_PROT_C;
	in.protocol_version = 90;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.strategy, STRATEGY_REQUIRES_PROTO_91);
	in.protocol_version = 101;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.rule, RULE_SYNC_SOURCE_PEER_MISSED_FINISH);
	s.a_of_b.history[0] = s.a.history[0] = G1;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.rule, RULE_SYNC_SOURCE_MISSED_FINISH);
	drbd_uuid_compare_fixup(&out, &s.a, &s.a_of_b, 1);
	EXPECT_EQ(s.a.bitmap[1], 0u);

	/* lost P_SYNC_UUID: the target's view */
	Pair t;
	t.a.cur = G1;
	t.exchange();
	t.a_of_b.cur = G2;
	t.a_of_b.history[0] = G1;
	t.a_of_b.bitmap[0] = G1 + DRBD_UUID_OFFSET;
	in.self = &t.a;
	in.peer = &t.a_of_b;
	in.self_current = G1;
	in.self_bitmap = 0;
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.rule, RULE_SYNC_TARGET_MISSED_START);
	drbd_uuid_compare_fixup(&out, &t.a, &t.a_of_b, 1);
	EXPECT_EQ(t.a_of_b.bitmap[0], G1);
	EXPECT_EQ(t.a_of_b.history[0], 0u);

	/* ... and the source's */
	Pair v;
	v.a.cur = G2;
	v.exchange();
	v.a.history[0] = G1;
	v.a.bitmap[1] = G1 + DRBD_UUID_OFFSET;
	v.a_of_b.cur = G1;
	in.self = &v.a;
	in.peer = &v.a_of_b;
	in.self_current = G2;
	in.self_bitmap = v.a.bitmap[1];
	drbd_uuid_compare(&in, &out);
	EXPECT_EQ(out.rule, RULE_SYNC_SOURCE_MISSED_START);
	drbd_uuid_compare_fixup(&out, &v.a, &v.a_of_b, 1);
	EXPECT_EQ(v.a.bitmap[1], G1);
	EXPECT_EQ(v.a.history[0], 0u);
}

/* --------------------------------------------------------- missed ends (5.4) */

TEST(MissedEnd, Marks)
{
	struct Case {
		u64 self_bm, peer_bm, self_bits, peer_bits;
		unsigned version;
		bool source, peer, clear;
	};
	for (const Case &t : {Case{0, G1, 0, 5, 124, false, true, false},
			      Case{0, G1, 0, 0, 124, false, false, false},
			      Case{0, G1, 0, 0, 123, false, true, false},
			      Case{G1, 0, 5, 0, 124, true, false, false},
			      Case{G1, 0, 0, 0, 124, false, false, true},
			      Case{G1, 0, 0, 0, 123, true, false, true},
			      Case{G2, 0, 5, 0, 124, false, false, false},	/* = cur */
			      Case{0, G2, 0, 5, 124, false, false, false},
			      Case{G1, G1, 5, 5, 124, false, false, false}}) {
		auto a = fresh(0);
		drbd_peer_uuids p{};
		struct drbd_uuid_missed_end m;

		a.cur = G2;
		a.bitmap[1] = t.self_bm;
		p.cur = G2;
		p.bitmap[0] = t.peer_bm;
		p.bitmap_mask = 1;
		p.dirty_bits = t.peer_bits;
		drbd_uuid_missed_end(&a, 1, &p, t.self_bm, G2, false, t.self_bits, t.version, &m);
		EXPECT_EQ(m.source_missed, t.source);
		EXPECT_EQ(m.peer_missed, t.peer);
		EXPECT_EQ(m.clear_bitmap_uuid, t.clear);
		p.flags = DRBD_UUID_F_SYNC_TARGET;
		drbd_uuid_missed_end(&a, 1, &p, t.self_bm, G2, false, t.self_bits, t.version, &m);
		EXPECT_FALSE(m.source_missed || m.peer_missed || m.clear_bitmap_uuid);
	}
}

/* ------------------------------------------------------------ adopting (2.5) */

TEST(Adopt, FromThePrimary)
{
	drbd_uuid_set b{};
	u64 changed;
	drbd_uuid_peers p{};

	b.my_node_id = 1;
	b.max_peers = 2;
	b.slot_mask = 1 << 0 | 1 << 2;
	b.cur = G1;
	b.history[0] = R;
	p.configured = b.slot_mask;
	p.disk_state[0] = D_UP_TO_DATE;
	p.disk_state[2] = D_UNKNOWN;	/* the node that was lost */
	drbd_uuid_adopt_generation(&b, &p, G2 | P, ~(1ull << 0 | 1ull << 1), 77, true, false, &changed);
	EXPECT_EQ(b.cur, G2);
	EXPECT_EQ(b.bitmap[2], G1);
	EXPECT_EQ(b.bitmap_dagtag[2], 77u);
	EXPECT_EQ(b.bitmap[0], 0u);
	EXPECT_TRUE(changed & 1 << 2);

	/* A node that is not weak and is behind moves along with the cluster. */
	drbd_uuid_set c{};
	c.my_node_id = 1;
	c.max_peers = 2;
	c.slot_mask = 1 << 0 | 1 << 2;
	c.cur = G1;
	c.bitmap[2] = R;
	drbd_uuid_adopt_generation(&c, &p, G2, 0, 0, false, false, &changed);
	EXPECT_EQ(c.bitmap[2], G2);
	EXPECT_EQ(c.cur, G2);
}

TEST(Target, ThirdNodeThatTheSourceMisses)	/* 11.2 step 2 */
{
	drbd_uuid_set b{};
	drbd_peer_uuids src{};
	u64 seen[32] = {}, newly;

	b.my_node_id = 1;
	b.max_peers = 2;
	b.slot_mask = 1 << 0 | 1 << 2;
	b.cur = G1;
	src.cur = G3;
	src.bitmap_mask = 1 << 1 | 1 << 2;
	src.bitmap[1] = G1;
	src.bitmap[2] = G2;
	drbd_uuid_target_finished(&b, &src, 0, G1, seen, false, &newly);
	EXPECT_EQ(b.cur, G3);
	EXPECT_EQ(b.bitmap[2], G1);	/* what was lost since the resync began */
	EXPECT_EQ(newly, 1u << 2);
	EXPECT_EQ(b.bitmap[0], 0u);
	EXPECT_EQ(b.history[0], G2);

	/* the third node is here and has it all */
	b.bitmap[2] = 0;
	b.cur = G1;
	src.cur = G3;
	src.bitmap[2] = G2;
	seen[2] = G3 | P;
	drbd_uuid_target_finished(&b, &src, 0, G1, seen, false, &newly);
	EXPECT_EQ(b.bitmap[2], 0u);
	EXPECT_EQ(newly, 0u);
}

TEST(Detect, CopiesWhatSomebodyElseSyncedTo)	/* 11.4 b */
{
	drbd_uuid_set u{};
	drbd_peer_uuids p{};
	drbd_uuid_detected det;

	u.my_node_id = 0;
	u.max_peers = 3;
	u.slot_mask = 0xe;
	u.cur = G3;
	u.bitmap[1] = G1;
	u.bitmap_dagtag[1] = 10;
	u.bitmap[2] = G2;
	u.bitmap_dagtag[2] = 20;
	p.cur = G2;			/* node 1 was synced from node 2 */
	p.bitmap_mask = 1 << 1;
	drbd_uuid_detect_finished(&u, 1, &p, u.cur, false, 0, 1 << 1, &det);
	EXPECT_EQ(u.bitmap[1], G2);
	ASSERT_EQ(det.nr_copies, 1);
	EXPECT_EQ(det.copy[0].from, 2);
	EXPECT_EQ(det.copy[0].to, 1);
	EXPECT_TRUE(det.tell_sender);
	/* An older position is not taken over. */
	u.bitmap[1] = G1;
	u.bitmap_dagtag[1] = 30;
	drbd_uuid_detect_finished(&u, 1, &p, u.cur, false, 0, 1 << 1, &det);
	EXPECT_FALSE(det.changed);
}

/* -------------------------------------------------------------- packets (3.1) */

TEST(Packet, SendersOwnEntry)
{
	Pair s;

	s.exchange();
	EXPECT_TRUE(s.b.exists_mask & 1 << 1);	/* A lists B: B learns that B exists */
	s.exchange();
	EXPECT_TRUE(s.a_of_b.bitmap_mask & 1 << 1);
	EXPECT_EQ(s.a_of_b.bitmap[1], 0u);
	EXPECT_EQ(s.a_of_b.bitmap[5], DRBD_UUID_UNKNOWN);
}

TEST(Packet, TooManyNodes)
{
	drbd_peer_uuids p{};
	drbd_uuid_packet pkt{};

	pkt.bitmap_mask = 1ull << 32;
	EXPECT_FALSE(drbd_uuid_packet_absorb(&p, nullptr, &pkt));
	EXPECT_FALSE(p.received);
}

TEST(Packet, Built)
{
	drbd_uuid_packet pkt;
	Model m(2);

	m.disk(D_UP_TO_DATE).connected(0, R_PRIMARY).connected(1);
	m.dev().md_flags = DRBD_MDF_CONSISTENT;
	m.own().bitmap[2] = G1;
	m.own().exists_mask = 1;
	m.own().bitmap[9] = R;
	m.pd(1).bits = 17;
	m.conn(1).flags |= CORE_CONN_WAS_CONNECTED;
	drbd_uuid_packet_build(&m.r, 0, 1, DRBD_UUID_F_NEW_DATAGEN, 0xf0, &pkt);
	EXPECT_EQ(pkt.cur, m.own().cur);
	EXPECT_EQ(pkt.dirty_bits, 17u);
	EXPECT_EQ(pkt.flags, DRBD_UUID_F_RECONNECT | DRBD_UUID_F_NEW_DATAGEN |
		  DRBD_UUID_F_HAS_UNALLOC | 9ull << 56);
	EXPECT_EQ(pkt.node_mask, 1u << 1);	/* not stable: the Primary I see */
	EXPECT_EQ(pkt.bitmap_mask, 0x7u | 1u << 9);
	EXPECT_EQ(pkt.bitmap[2], G1);
	EXPECT_EQ(pkt.bitmap[0], 0u);

	m.role(R_PRIMARY);
	drbd_uuid_packet_build(&m.r, 0, 1, 0, 0xf0, &pkt);
	EXPECT_TRUE(pkt.flags & DRBD_UUID_F_STABLE);
	EXPECT_EQ(pkt.node_mask, 0xf0u);
}

TEST(Packet, TargetOfAThirdNodeShowsItsSource)
{
	drbd_uuid_packet pkt;
	Model m(2);

	m.disk(D_INCONSISTENT).connected(0, R_SECONDARY, D_UP_TO_DATE, L_SYNC_TARGET).connected(1);
	m.peer(0).cur = G4;
	drbd_uuid_packet_build(&m.r, 0, 1, 0, 0, &pkt);
	EXPECT_EQ(pkt.cur, G4);
	EXPECT_TRUE(pkt.flags & DRBD_UUID_F_SYNC_TARGET);
	EXPECT_TRUE(pkt.flags & DRBD_UUID_F_INCONSISTENT);
	EXPECT_EQ(pkt.bitmap[1], DRBD_UUID_UNKNOWN);	/* not in sync with the source yet */
	drbd_uuid_packet_build(&m.r, 0, 0, 0, 0, &pkt);
	EXPECT_EQ(pkt.cur, m.own().cur);
	EXPECT_FALSE(pkt.flags & DRBD_UUID_F_SYNC_TARGET);
}

TEST(Skip, InitialSync)				/* 17.4, 17.5 */
{
	auto a = fresh(0), b = fresh(1);
	const u64 random[2] = {R, G1};
	auto p = one_peer(1, D_INCONSISTENT);

	drbd_uuid_clear_all_bitmaps(&a);
	ASSERT_TRUE(drbd_uuid_new_generation(&a, &p, 0, 0, false, random));
	drbd_uuid_in_sync_with(&a, 1);
	drbd_uuid_skip_initial_sync(&b, 0, a.cur, false);
	EXPECT_EQ(a.cur, b.cur);
	EXPECT_EQ(a.bitmap[1], 0u);
	EXPECT_EQ(b.bitmap[0], 0u);
}

} // namespace
