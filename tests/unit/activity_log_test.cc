// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "core/activity_log.h"

namespace {

std::set<u32> active(const std::vector<u32> &labels)
{
	std::set<u32> s;

	for (u32 e : labels)
		if (e != DRBD_AL_FREE)
			s.insert(e);
	return s;
}

struct Ring {
	u32 stripes, size4k;
	std::vector<drbd_al_block> blocks;
	std::vector<u32> labels = std::vector<u32>(DRBD_AL_EXTENTS_MAX);
	drbd_al_replay_stats stats;

	Ring(u32 stripes, u32 size4k) : stripes(stripes), size4k(size4k), blocks(stripes * size4k)
	{
		for (auto &b : blocks)
			drbd_al_encode_initialized(&b);
	}
	drbd_al_block &at(u32 number)
	{
		return blocks[drbd_al_block_index(number, stripes, size4k)];
	}
	drbd_al_replay_result replay()
	{
		return drbd_al_replay(blocks.data(), stripes, size4k, labels.data(), &stats);
	}
	std::set<u32> active() const { return ::active(labels); }
};

void corrupt(drbd_al_block &b)
{
	reinterpret_cast<unsigned char *>(&b)[1000] ^= 0x40;
}

TEST(ActivityLogBlock, InitializedBlockHasTheDocumentedBytes)
{
	drbd_al_block b;

	drbd_al_encode_initialized(&b);
	EXPECT_EQ(be32_to_cpu(b.magic), 0x69cb65a2u);
	EXPECT_EQ(be32_to_cpu(b.crc32c), 0x709cc651u);
	EXPECT_EQ(be16_to_cpu(b.type), 0xffff);
	EXPECT_EQ(drbd_al_check(&b), DRBD_AL_BLOCK_INITIALIZED);
	corrupt(b);
	EXPECT_EQ(drbd_al_check(&b), DRBD_AL_BLOCK_INVALID);
}

TEST(ActivityLogBlock, GoldenTransaction)
{
	/* Metadata chapter 10.4: number 0xfffffffc of the synthetic log, 1237 slots. */
	std::vector<u32> labels(1237, DRBD_AL_FREE);
	for (u32 step = 0; step < 6; step++) {
		labels[(step * 3) % 20] = step * 7;
		labels[1000 + step % 5] = 300 + step;
	}
	drbd_al_update up[] = {{42, 18}, {306, 1001}};
	drbd_al_block b;

	ASSERT_EQ(drbd_al_encode(&b, 0xfffffffc, labels.data(), 1237, 0, up, 2), 0);
	EXPECT_EQ(be32_to_cpu(b.crc32c), 0x0345ea4du);
	EXPECT_EQ(be16_to_cpu(b.context_size), 0x04d5);
	EXPECT_EQ(drbd_al_check(&b), DRBD_AL_BLOCK_UPDATE);
}

TEST(ActivityLogBlock, EncodeRefusesBadArguments)
{
	std::vector<u32> labels(100, DRBD_AL_FREE);
	drbd_al_update up = {1, 100};
	drbd_al_block b;

	EXPECT_EQ(drbd_al_encode(&b, 0, labels.data(), 100, 0, &up, 1), -EINVAL);
	EXPECT_EQ(drbd_al_encode(&b, 0, labels.data(), 100, 100, nullptr, 0), -EINVAL);
	EXPECT_EQ(drbd_al_encode(&b, 0, labels.data(), 100, 0, &up, 65), -EINVAL);
	EXPECT_EQ(drbd_al_encode(&b, 0, labels.data(), 0, 0, nullptr, 0), -EINVAL);
	EXPECT_EQ(drbd_al_encode(&b, 0, labels.data(), 65535, 0, nullptr, 0), -EINVAL);
}

TEST(ActivityLogRing, Limits)
{
	EXPECT_EQ(drbd_al_max_extents(0), 0u);
	EXPECT_EQ(drbd_al_max_extents(1), 0u);
	EXPECT_EQ(drbd_al_max_extents(8), 6433u);
	EXPECT_EQ(drbd_al_max_extents(72), 65249u);
	EXPECT_EQ(drbd_al_max_extents(73), 65534u);
	EXPECT_EQ(drbd_al_clamp_extents(1, 8), 67u);
	EXPECT_EQ(drbd_al_clamp_extents(1237, 8), 1237u);
	EXPECT_EQ(drbd_al_clamp_extents(65534, 8), 6433u);
}

TEST(ActivityLogRing, StripingExampleOfTheChapter)
{
	const u32 expect[] = {0, 4, 1, 5, 2, 6, 3, 7};

	for (u32 t = 0; t < 8; t++) {
		EXPECT_EQ(drbd_al_block_index(t, 2, 4), expect[t]);
		EXPECT_EQ(drbd_al_block_index(t + 8 * 1000, 2, 4), expect[t]);
	}
	for (u32 t = 0; t < 20; t++)
		EXPECT_EQ(drbd_al_block_index(t, 1, 20), t);
}

TEST(ActivityLogRing, ContextWindowWrapsAtTheLastSlot)
{
	EXPECT_EQ(drbd_al_next_context(0, 1237), 919u);
	EXPECT_EQ(drbd_al_next_context(919, 1237), 0u);
	EXPECT_EQ(drbd_al_next_context(0, 919), 0u);
	EXPECT_EQ(drbd_al_next_context(0, 920), 919u);
}

TEST(Replay, CleanInvalidAndNoData)
{
	Ring r(1, 8);

	EXPECT_EQ(r.replay(), DRBD_AL_REPLAY_CLEAN);
	EXPECT_TRUE(r.active().empty());
	corrupt(r.blocks[0]);	/* an interrupted very first transaction */
	EXPECT_EQ(r.replay(), DRBD_AL_REPLAY_CLEAN);
	EXPECT_EQ(r.stats.corrupt, 1u);
	corrupt(r.blocks[3]);
	EXPECT_EQ(r.replay(), DRBD_AL_REPLAY_INVALID);
	corrupt(r.blocks[0]);	/* whole again */
	EXPECT_EQ(r.replay(), DRBD_AL_REPLAY_INVALID);
	std::fill(r.blocks.begin(), r.blocks.end(), drbd_al_block{});
	EXPECT_EQ(r.replay(), DRBD_AL_REPLAY_NO_DATA);
}

TEST(Replay, NumbersAreComparedModulo32Bit)
{
	/* Both wraps: the second one is where existing tools fail. */
	for (u32 base : {0xfffffffau, 0x7ffffffau, 0u, 1000u}) {
		Ring r(1, 8);
		std::vector<u32> labels(67, DRBD_AL_FREE);

		for (u32 i = 0; i < 12; i++) {
			drbd_al_update up = {500 + i, 3};
			drbd_al_encode(&r.at(base + i), base + i, labels.data(), 67, 0, &up, 1);
			labels[3] = 500 + i;
		}
		ASSERT_EQ(r.replay(), DRBD_AL_REPLAY_ACTIVE);
		EXPECT_EQ(r.active(), std::set<u32>{511}) << std::hex << base;
		EXPECT_EQ(r.stats.newest, base + 11);
		EXPECT_EQ(r.stats.oldest, base + 4);
	}
}

TEST(Replay, AnUpdateMayFreeASlot)
{
	Ring r(1, 8);
	std::vector<u32> labels(67, DRBD_AL_FREE);
	drbd_al_update up = {9, 5};

	drbd_al_encode(&r.at(0), 0, labels.data(), 67, 0, &up, 1);
	labels[5] = 9;
	up.extent = DRBD_AL_FREE;
	drbd_al_encode(&r.at(1), 1, labels.data(), 67, 0, &up, 1);
	EXPECT_EQ(r.replay(), DRBD_AL_REPLAY_ACTIVE);
	EXPECT_TRUE(r.active().empty());
}

TEST(Replay, ImpossibleSlotsAreCountedAndIgnored)
{
	Ring r(1, 8);
	std::vector<u32> labels(67, DRBD_AL_FREE);
	drbd_al_update up = {9, 5};

	drbd_al_encode(&r.at(0), 0, labels.data(), 67, 0, &up, 1);
	drbd_al_block &b = r.at(0);
	b.n_updates = cpu_to_be16(1000);
	b.update_slot[7] = cpu_to_be16(65534);
	b.update_extent[7] = cpu_to_be32(77);
	b.context_start = cpu_to_be16(65530);
	b.context[0] = cpu_to_be32(44);
	b.context[4] = cpu_to_be32(45);
	b.type = cpu_to_be16(5);
	b.crc32c = 0;
	b.crc32c = cpu_to_be32(crc32c(0, &b, sizeof(b)));
	EXPECT_EQ(r.replay(), DRBD_AL_REPLAY_ACTIVE);
	EXPECT_EQ(r.active(), (std::set<u32>{9, 44}));
	/* 56 unused update slots 0xffff within "1000 updates", slots 65534 and 65534. */
	EXPECT_EQ(r.stats.bad_slots, 62u + 1 + 1);
	EXPECT_EQ(r.stats.unknown_types, 1u);
}

TEST(Replay83, OldFormat)
{
	std::vector<u32> area(64 * 128), labels(DRBD_AL_EXTENTS_MAX);
	drbd_al_replay_stats stats;
	auto put = [&](u32 sector, u32 number, std::map<u32, std::pair<u32, u32>> entries) {
		u32 *s = &area[sector * 128], xor_sum = 0;

		s[0] = htobe32(DRBD_AL_83_MAGIC);
		s[1] = htobe32(number);
		for (u32 i = 0; i < 62; i++) {
			auto e = entries.count(i) ? entries[i] : std::pair<u32, u32>{0, DRBD_AL_FREE};
			s[2 + 2 * i] = htobe32(e.first);
			s[3 + 2 * i] = htobe32(e.second);
			xor_sum ^= e.second;
		}
		s[126] = htobe32(xor_sum);
	};

	EXPECT_EQ(drbd_al_replay_83(area.data(), 257, labels.data(), &stats), DRBD_AL_REPLAY_CLEAN);
	put(4, 6, {{0, {1, 50}}, {1, {1, 40}}, {2, {2, 41}}});
	put(0, 7, {{0, {3, 60}}, {5, {70000, 1}}});
	EXPECT_EQ(drbd_al_replay_83(area.data(), 257, labels.data(), &stats), DRBD_AL_REPLAY_ACTIVE);
	EXPECT_EQ(active(labels), (std::set<u32>{50, 41, 60}));
	EXPECT_EQ(stats.bad_slots, 1u);
	EXPECT_EQ(stats.corrupt, 4u);
	/* Sector 6 is beyond the six used ones with 257 extents. */
	put(6, 8, {{0, {9, 99}}});
	drbd_al_replay_83(area.data(), 257, labels.data(), &stats);
	EXPECT_EQ(active(labels).count(99), 0u);
	drbd_al_replay_83(area.data(), 0xffffffff, labels.data(), &stats);
	EXPECT_EQ(active(labels).count(99), 1u);
}

class ActiveSet : public ::testing::Test {
protected:
	std::vector<drbd_aset_slot> slots;
	std::vector<u32> hash;
	drbd_active_set set;

	void init(u32 n, u32 number = 0)
	{
		slots.assign(n, {});
		hash.assign(drbd_aset_hash_size(n), 0);
		ASSERT_EQ(drbd_aset_init(&set, slots.data(), hash.data(), n, number), 0);
	}
	void SetUp() override { init(67); }

	/* Write the pending changes to nowhere; returns what was evicted. */
	std::vector<u32> commit()
	{
		drbd_al_block b;
		std::vector<u32> evicted(64);
		u32 n;

		EXPECT_GE(drbd_aset_begin(&set, &b, evicted.data(), &n), 0);
		drbd_aset_commit(&set);
		evicted.resize(n);
		return evicted;
	}
};

TEST_F(ActiveSet, ColdExtentNeedsATransaction)
{
	EXPECT_FALSE(drbd_aset_get_hot(&set, 5));
	EXPECT_EQ(drbd_aset_get(&set, 5), DRBD_ASET_PENDING);
	EXPECT_FALSE(drbd_aset_get_hot(&set, 5));
	EXPECT_FALSE(drbd_aset_is_hot(&set, 5));
	EXPECT_EQ(drbd_aset_get(&set, 5), DRBD_ASET_PENDING);
	EXPECT_TRUE(commit().empty());
	EXPECT_TRUE(drbd_aset_is_hot(&set, 5));
	EXPECT_TRUE(drbd_aset_get_hot(&set, 5));
	EXPECT_EQ(drbd_aset_refs(&set, 5), 3u);
	EXPECT_FALSE(drbd_aset_put(&set, 5));
	EXPECT_FALSE(drbd_aset_put(&set, 5));
	EXPECT_TRUE(drbd_aset_put(&set, 5));
	EXPECT_FALSE(drbd_aset_put(&set, 5));
	EXPECT_EQ(set.number, 1u);
	EXPECT_EQ(set.nr_labelled, 1u);
	EXPECT_EQ(set.nr_referenced, 0u);
}

TEST_F(ActiveSet, TheLeastRecentlyUsedLeaves)
{
	for (u32 e = 0; e < 67; e++) {
		if (drbd_aset_get(&set, e) == DRBD_ASET_COMMIT_FIRST) {
			commit();
			ASSERT_EQ(drbd_aset_get(&set, e), DRBD_ASET_PENDING);
		}
	}
	commit();
	for (u32 e = 0; e < 67; e++)
		drbd_aset_put(&set, e);
	EXPECT_TRUE(drbd_aset_get_hot(&set, 0));	/* now 1 is the coldest */
	drbd_aset_put(&set, 0);
	EXPECT_EQ(drbd_aset_get(&set, 1000), DRBD_ASET_PENDING);
	EXPECT_EQ(commit(), std::vector<u32>{1});
	EXPECT_FALSE(drbd_aset_is_hot(&set, 1));
	EXPECT_TRUE(drbd_aset_is_hot(&set, 0));
}

TEST_F(ActiveSet, ReferencedExtentsStayAndStarvationHoldsUpTheFastPath)
{
	for (u32 e = 0; e < 64; e++)
		ASSERT_EQ(drbd_aset_get(&set, e), DRBD_ASET_PENDING);
	EXPECT_EQ(drbd_aset_get(&set, 64), DRBD_ASET_COMMIT_FIRST);
	commit();
	for (u32 e = 64; e < 67; e++)
		ASSERT_EQ(drbd_aset_get(&set, e), DRBD_ASET_PENDING);
	EXPECT_EQ(drbd_aset_get(&set, 67), DRBD_ASET_COMMIT_FIRST);
	commit();
	EXPECT_EQ(drbd_aset_get(&set, 67), DRBD_ASET_STARVED);
	EXPECT_FALSE(drbd_aset_get_hot(&set, 3));
	EXPECT_TRUE(drbd_aset_put(&set, 9));
	EXPECT_TRUE(drbd_aset_get_hot(&set, 3));
	EXPECT_EQ(drbd_aset_get(&set, 67), DRBD_ASET_PENDING);
	EXPECT_EQ(commit(), std::vector<u32>{9});
}

TEST_F(ActiveSet, NothingNewEntersWhileATransactionIsWritten)
{
	drbd_al_block b;
	u32 evicted[64], n;

	drbd_aset_get(&set, 1);
	commit();
	drbd_aset_get(&set, 2);
	ASSERT_EQ(drbd_aset_begin(&set, &b, evicted, &n), 1);
	EXPECT_EQ(drbd_aset_begin(&set, &b, evicted, &n), -EBUSY);
	EXPECT_EQ(drbd_aset_get(&set, 3), DRBD_ASET_COMMIT_FIRST);
	EXPECT_TRUE(drbd_aset_get_hot(&set, 1));
	EXPECT_EQ(drbd_aset_get(&set, 2), DRBD_ASET_PENDING);
	drbd_aset_commit(&set);
	EXPECT_TRUE(drbd_aset_get_hot(&set, 2));
}

TEST_F(ActiveSet, AbortRestoresTheOldLabels)
{
	drbd_al_block b;
	u32 evicted[64], n;

	init(2, 40);
	drbd_aset_get(&set, 1);
	drbd_aset_get(&set, 2);
	commit();
	drbd_aset_put(&set, 1);
	drbd_aset_put(&set, 2);
	ASSERT_EQ(drbd_aset_get(&set, 3), DRBD_ASET_PENDING);	/* 1 is to leave */
	ASSERT_EQ(drbd_aset_get(&set, 1), DRBD_ASET_PENDING);	/* and to come back instead of 2 */
	ASSERT_EQ(drbd_aset_begin(&set, &b, evicted, &n), 2);
	ASSERT_EQ(n, 2u);
	drbd_aset_abort(&set);
	EXPECT_EQ(set.number, 41u);
	EXPECT_EQ(set.nr_referenced, 0u);
	EXPECT_TRUE(drbd_aset_is_hot(&set, 1));
	EXPECT_TRUE(drbd_aset_is_hot(&set, 2));
	EXPECT_FALSE(drbd_aset_is_hot(&set, 3));
	EXPECT_EQ(drbd_aset_reset(&set, 0), 0);
	EXPECT_FALSE(drbd_aset_is_hot(&set, 1));
}

TEST_F(ActiveSet, ResetIsRefusedWhileInUse)
{
	drbd_aset_get(&set, 1);
	EXPECT_EQ(drbd_aset_reset(&set, 0), -EBUSY);
	commit();
	EXPECT_EQ(drbd_aset_reset(&set, 0), -EBUSY);
	drbd_aset_put(&set, 1);
	EXPECT_EQ(drbd_aset_reset(&set, 0), 0);
}

TEST_F(ActiveSet, RefusesImpossibleSizes)
{
	EXPECT_EQ(drbd_aset_init(&set, slots.data(), hash.data(), 0, 0), -EINVAL);
	EXPECT_EQ(drbd_aset_init(&set, slots.data(), hash.data(), 65535, 0), -EINVAL);
}

/*
 * The purpose of it all: at any crash, with the newest block torn or not, replay
 * finds every extent that may have writes in flight.
 */
TEST(ActivityLog, ReplayFindsEveryExtentThatWasInUseAtTheCrash)
{
	for (u32 seed = 0; seed < 24; seed++) {
		std::mt19937 rng(seed);
		/*
		 * Only a ring of 2^n blocks keeps its order when the number wraps at
		 * 2^32; counting starts at 0 with each attach, so none gets there.
		 */
		const bool wraps = seed % 4 == 1;
		const u32 stripes = 1 + rng() % (wraps ? 2 : 3), size4k = 8;
		Ring ring(stripes, size4k);
		u32 max = drbd_al_max_extents(stripes * size4k);
		u32 n = seed % 3 == 0 ? max : 67 + rng() % 1500;
		std::vector<drbd_aset_slot> slots(n);
		std::vector<u32> hash(drbd_aset_hash_size(n));
		drbd_active_set set;
		std::map<u32, u32> refs;
		u32 start = wraps ? 0xffffffc0u : seed % 4 == 2 ? 0x7fffffc0u : rng() % 100;

		ASSERT_EQ(drbd_aset_init(&set, slots.data(), hash.data(), n, start), 0);
		for (u32 step = 0; step < 150; step++) {
			std::vector<u32> entering;
			drbd_al_block b;
			u32 evicted[64], n_evicted;

			while (true) {
				u32 e = rng() % (n + n / 4);
				auto got = drbd_aset_get(&set, e);

				if (got == DRBD_ASET_COMMIT_FIRST || got == DRBD_ASET_STARVED)
					break;
				if (got == DRBD_ASET_HOT)
					refs[e]++;
				else
					entering.push_back(e);
				if (rng() % 40 == 0)
					break;
			}
			ASSERT_GE(drbd_aset_begin(&set, &b, evicted, &n_evicted), 0);
			for (u32 i = 0; i < n_evicted; i++)
				ASSERT_FALSE(refs.count(evicted[i])) << "evicted while in use";
			ring.at(set.number) = b;
			if (rng() % 8 == 0) {
				/* Crash in the write: nothing that was to enter was used. */
				corrupt(ring.at(set.number));
				ASSERT_NE(ring.replay(), DRBD_AL_REPLAY_NO_DATA);
				auto found = ring.active();
				for (auto &[e, count] : refs)
					ASSERT_TRUE(found.count(e)) << "seed " << seed << " extent " << e;
				drbd_aset_abort(&set);
				continue;
			}
			drbd_aset_commit(&set);
			for (u32 e : entering)
				refs[e]++;
			if (rng() % 4 == 0) {
				ASSERT_EQ(ring.replay(), DRBD_AL_REPLAY_ACTIVE);
				auto found = ring.active();
				for (auto &[e, count] : refs)
					ASSERT_TRUE(found.count(e)) << "seed " << seed << " extent " << e;
				/* and not more than the set has */
				for (u32 e : found)
					ASSERT_TRUE(drbd_aset_is_hot(&set, e));
			}
			u32 drop = rng() % (refs.size() + 1);
			while (drop--) {
				auto it = refs.begin();
				std::advance(it, rng() % refs.size());
				bool last = it->second == 1;
				ASSERT_EQ(drbd_aset_put(&set, it->first), last);
				if (last)
					refs.erase(it);
				else
					it->second--;
			}
		}
	}
}

} // namespace
