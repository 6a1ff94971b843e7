// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "core/bitmap_geometry.h"

namespace {

drbd_bm_geometry geometry(u64 sectors, u32 slots, u32 shift = 12)
{
	drbd_bm_geometry g;

	EXPECT_EQ(drbd_bm_geometry_init(&g, sectors, slots, shift), 0);
	return g;
}

TEST(BitmapGeometry, BytesPerBitMustBeAPowerOfTwoInRange)
{
	EXPECT_EQ(drbd_bm_shift(4096), 12);
	EXPECT_EQ(drbd_bm_shift(65536), 16);
	EXPECT_EQ(drbd_bm_shift(1 << 20), 20);
	for (u32 bad : {0u, 1u, 2048u, 4095u, 4097u, 12288u, 1u << 21, 1u << 31})
		EXPECT_LT(drbd_bm_shift(bad), 0) << bad;
}

TEST(BitmapGeometry, RejectsImpossibleArguments)
{
	drbd_bm_geometry g;

	EXPECT_EQ(drbd_bm_geometry_init(&g, 8, 0, 12), -EINVAL);
	EXPECT_EQ(drbd_bm_geometry_init(&g, 8, 32, 12), -EINVAL);
	EXPECT_EQ(drbd_bm_geometry_init(&g, 8, 1, 11), -EINVAL);
	EXPECT_EQ(drbd_bm_geometry_init(&g, 8, 1, 21), -EINVAL);
	EXPECT_EQ(drbd_bm_geometry_init(&g, DRBD_MD_MAX_SECTORS + 1, 1, 12), -EINVAL);
	EXPECT_EQ(drbd_bm_geometry_init(&g, DRBD_MD_MAX_SECTORS, 31, 12), 0);
}

TEST(BitmapGeometry, SizesOfTheGoldenImages)
{
	drbd_bm_geometry g = geometry(132968, 3);

	EXPECT_EQ(g.bits, 16621u);
	EXPECT_EQ(g.words, 520u);
	EXPECT_EQ(g.area_bytes, 8192u);
	EXPECT_EQ(geometry(3000000, 2).area_bytes, 94208u);
	EXPECT_EQ(geometry(4000000, 2).area_bytes, 126976u);
	EXPECT_EQ(geometry(0, 1).area_bytes, 0u);
	EXPECT_EQ(geometry(1, 1).bits, 1u);
	EXPECT_EQ(geometry(1, 1, 20).bits, 1u);
	EXPECT_EQ(geometry(2049, 1, 20).bits, 2u);
}

TEST(BitmapGeometry, AddressesInterleaveTheSlots)
{
	/* Metadata chapter 10.3: slot 0 bit 127 is byte 0x27, slot 1 bit 256 is 0x64. */
	EXPECT_EQ(drbd_bm_byte_offset(127, 0, 3) + (127 % 32) / 8, 0x27u);
	EXPECT_EQ(drbd_bm_byte_offset(256, 1, 3), 0x64u);
	EXPECT_EQ(drbd_bm_word_index(31, 0, 1), 0u);
	EXPECT_EQ(drbd_bm_word_index(32, 0, 1), 1u);
}

TEST(BitmapGeometry, TouchedAndCoveredAgainstASlowModel)
{
	std::mt19937 rng(1);

	for (u32 shift : {12u, 13u, 16u, 20u}) {
		for (int round = 0; round < 2000; round++) {
			u64 sectors = 1 + rng() % 9000;
			drbd_bm_geometry g = geometry(sectors, 2, shift);
			u64 sector = rng() % 9200;
			u64 bytes = rng() % 4 ? (rng() % 6000) * 512 : rng() % 5000;
			u64 spb = 1u << (shift - 9);
			drbd_bm_range t = drbd_bm_touched(&g, sector, bytes);
			drbd_bm_range c = drbd_bm_covered(&g, sector, bytes);

			for (u64 bit = 0; bit < g.bits; bit++) {
				u64 from = bit * spb * 512;
				u64 to = std::min((bit + 1) * spb, sectors) * 512;
				u64 s = sector * 512, e = s + bytes;
				bool touched = bytes && s < to && e > from;
				bool covered = bytes && s <= from && e >= to;

				ASSERT_EQ(touched, bit >= t.first && bit < t.first + t.count)
					<< sectors << ' ' << sector << ' ' << bytes << ' ' << bit;
				ASSERT_EQ(covered, bit >= c.first && bit < c.first + c.count)
					<< sectors << ' ' << sector << ' ' << bytes << ' ' << bit;
			}
		}
	}
}

TEST(BitmapGeometry, HugeRangesAreClippedWithoutOverflow)
{
	drbd_bm_geometry g = geometry(1000, 1);
	drbd_bm_range r = drbd_bm_touched(&g, 8, ~0ULL);

	EXPECT_EQ(r.first, 1u);
	EXPECT_EQ(r.count, g.bits - 1);
	EXPECT_EQ(drbd_bm_touched(&g, ~0ULL, 4096).count, 0u);
	EXPECT_EQ(drbd_bm_covered(&g, ~0ULL - 7, ~0ULL).count, 0u);
	EXPECT_EQ(drbd_bm_covered(&g, 8, ~0ULL).count, g.bits - 1);
}

TEST(BitmapGeometry, ExtentsCover4MiBWhateverTheBlockSize)
{
	drbd_bm_range r = drbd_bm_extent_bits(3, 12);

	EXPECT_EQ(r.first, 3072u);
	EXPECT_EQ(r.count, 1024u);
	EXPECT_EQ(drbd_bm_extent_bits(3, 20).first, 12u);
	EXPECT_EQ(drbd_bm_extent_bits(3, 20).count, 4u);
	EXPECT_EQ(drbd_bm_extent_bits(0xfffffffe, 12).first, 0xfffffffeULL * 1024);
}

TEST(BitmapGeometry, SpanCoversTheWordsOfAllSlots)
{
	drbd_bm_geometry g = geometry(132968, 3);
	u64 start, end;
	drbd_bm_range r = drbd_bm_extent_bits(1, 12);

	drbd_bm_area_span(&g, &r, &start, &end);
	EXPECT_EQ(start, 32u * 12);
	EXPECT_EQ(end, 64u * 12);
	r = {33, 1};
	drbd_bm_area_span(&g, &r, &start, &end);
	EXPECT_EQ(start, 12u);
	EXPECT_EQ(end, 24u);
	r = drbd_bm_extent_bits(1000, 12);
	drbd_bm_area_span(&g, &r, &start, &end);
	EXPECT_EQ(start, end);
	r = {0, 0};
	drbd_bm_area_span(&g, &r, &start, &end);
	EXPECT_EQ(start, end);
	r = {16384, 1024};
	drbd_bm_area_span(&g, &r, &start, &end);
	EXPECT_EQ(end, 16384u / 32 * 12 + 32 * 12);
	r = {21000, 4000};
	drbd_bm_area_span(&g, &r, &start, &end);
	EXPECT_EQ(end, g.area_bytes);
}

TEST(BitmapGeometry, AreaOperationsAgainstASlowModel)
{
	std::mt19937 rng(7);
	const u32 slots = 3;
	const u64 words_per_slot = 20, bits = words_per_slot * 32;
	std::vector<__le32> area(words_per_slot * slots);
	std::vector<std::vector<bool>> model(slots, std::vector<bool>(bits));

	for (int round = 0; round < 3000; round++) {
		u32 slot = rng() % slots;
		drbd_bm_range r = {rng() % bits, rng() % (bits + 10)};
		bool value = rng() & 1;
		u64 expect_changed = 0, set = 0;

		for (u64 b = r.first; b < bits && b < r.first + r.count; b++) {
			expect_changed += model[slot][b] != value;
			model[slot][b] = value;
		}
		u64 changed = value ? drbd_bm_area_set(area.data(), area.size(), slots, slot, &r)
				    : drbd_bm_area_clear(area.data(), area.size(), slots, slot, &r);
		ASSERT_EQ(changed, expect_changed);
		drbd_bm_range part = {rng() % bits, rng() % bits};
		for (u64 b = part.first; b < bits && b < part.first + part.count; b++)
			set += model[slot][b];
		ASSERT_EQ(drbd_bm_area_count(area.data(), area.size(), slots, slot, &part), set);
		u64 from = rng() % (bits + 5), limit = bits - rng() % 3;
		for (bool want : {false, true}) {
			u64 expect = from;
			while (expect < limit && model[slot][expect] != want)
				expect++;
			ASSERT_EQ(drbd_bm_area_find(area.data(), area.size(), slots, slot, from,
						    limit, want), from < limit ? expect : limit);
		}
	}
}

} // namespace
