// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <set>
#include <string>

#include "core/bitmap_geometry.h"
#include "core/metadata.h"

namespace {

using Block = std::array<unsigned char, 4096>;

drbd_md_placement placement(int index, u64 bytes, u32 peers, u32 bpb = 4096, u32 stripes = 1,
			    u32 stripe4k = 8)
{
	return {index, bytes / 512, peers, bpb, stripes, stripe4k};
}

drbd_md_layout place(const drbd_md_placement &p)
{
	drbd_md_layout l;

	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_OK);
	return l;
}

/* The table of the metadata chapter, 3.3, verified there with existing drbdmeta. */
struct Row {
	u64 device;
	u32 peers, stripes, stripe4k;
	u32 md_size;
	u64 sb, al, bm;
};

const Row rows[] = {
	{69632, 1, 1, 8, 80, 65536, 32768, 28672},
	{69632, 31, 1, 8, 80, 65536, 32768, 28672},
	{1048576, 1, 1, 8, 80, 1044480, 1011712, 1007616},
	{1048576, 31, 1, 8, 80, 1044480, 1011712, 1007616},
	{16780800, 3, 1, 8, 80, 16773120, 16740352, 16736256},
	{16780800, 31, 1, 8, 104, 16773120, 16740352, 16723968},
	{134217728, 1, 1, 8, 80, 134213632, 134180864, 134176768},
	{134217728, 3, 1, 8, 96, 134213632, 134180864, 134168576},
	{134217728, 7, 1, 8, 128, 134213632, 134180864, 134152192},
	{134217728, 31, 1, 8, 320, 134213632, 134180864, 134053888},
	{1073741824, 1, 1, 8, 136, 1073737728, 1073704960, 1073672192},
	{1073741824, 3, 1, 8, 264, 1073737728, 1073704960, 1073606656},
	{1073741824, 7, 1, 8, 520, 1073737728, 1073704960, 1073475584},
	{1073741824, 31, 1, 8, 2056, 1073737728, 1073704960, 1072689152},
	{10737418240, 1, 1, 8, 712, 10737414144, 10737381376, 10737053696},
	{10737418240, 3, 1, 8, 1992, 10737414144, 10737381376, 10736398336},
	{10737418240, 7, 1, 8, 4552, 10737414144, 10737381376, 10735087616},
	{10737418240, 31, 1, 8, 19912, 10737414144, 10737381376, 10727223296},
	{68158976, 3, 4, 4, 152, 68153344, 68087808, 68079616},
};

TEST(Placement, InternalTable)
{
	for (const Row &r : rows) {
		drbd_md_layout l = place(placement(DRBD_MD_INDEX_FLEX_INT, r.device, r.peers, 4096,
						   r.stripes, r.stripe4k));

		EXPECT_EQ(l.md_size_sect, r.md_size) << r.device << ' ' << r.peers;
		EXPECT_EQ(l.sb * 512, r.sb);
		EXPECT_EQ(l.al * 512, r.al);
		EXPECT_EQ(l.bm * 512, r.bm);
		EXPECT_EQ(l.max_size * 512, r.bm);
		EXPECT_EQ((s64)l.sb + l.al_offset, (s64)l.al);
		EXPECT_EQ((s64)l.sb + l.bm_offset, (s64)l.bm);
	}
	EXPECT_EQ(place(placement(-3, 10737418240, 3, 65536)).md_size_sect, 192u);
	EXPECT_EQ(place(placement(-3, 10737418240, 3, 1 << 20)).md_size_sect, 80u);
}

TEST(Placement, External)
{
	drbd_md_layout l = place(placement(DRBD_MD_INDEX_FLEX_EXT, 1 << 20, 1));

	EXPECT_EQ(l.md_size_sect, 0x800u);
	EXPECT_EQ(l.al_offset, 8);
	EXPECT_EQ(l.bm_offset, 0x48);
	EXPECT_EQ(l.sb, 0u);
	/* 1976 sectors of bitmap, one slot: all their bits, 8 sectors each. */
	EXPECT_EQ(l.max_size, 1976ULL * 4096 * 8);

	l = place(placement(1, 256 << 20, 1));
	EXPECT_EQ(l.md_size_sect, 0x40000u);
	EXPECT_EQ(l.sb, 262144u);
	EXPECT_EQ(l.bm_offset, 72);
}

TEST(Placement, ExternalOddSizeLosesThePartialPage)
{
	/* With three slots the words do not divide evenly either. */
	drbd_md_placement p = {DRBD_MD_INDEX_FLEX_EXT, 2048 + 5, 3, 4096, 1, 8};
	drbd_md_layout l = place(p);
	drbd_bm_geometry g;

	EXPECT_EQ(drbd_bm_geometry_init(&g, l.max_size, 3, 12), 0);
	EXPECT_LE(g.area_bytes, (2048u - 72) * 512);
	EXPECT_GT(drbd_bm_area_sectors(l.max_size + 64 * 8, 3, 12), 2048u - 72);
}

TEST(Placement, FlexibleExternalBeyond2TiBDoesNotWrap)
{
	drbd_md_layout l = place(placement(DRBD_MD_INDEX_FLEX_EXT, 3ULL << 40, 31));

	EXPECT_EQ(l.md_size_sect, 0xffffffffu);
}

TEST(Placement, CapsAtOnePebibyte)
{
	drbd_md_layout l = place(placement(DRBD_MD_INDEX_FLEX_EXT, 64ULL << 30, 1));

	EXPECT_EQ(l.max_size, DRBD_MD_MAX_SECTORS);
	drbd_md_placement big = {-3, DRBD_MD_MAX_SECTORS + 8, 1, 4096, 1, 8};
	EXPECT_EQ(drbd_md_place(&big, &l), DRBD_MD_DEVICE_TOO_BIG);
	big = {-3, DRBD_MD_MAX_SECTORS, 31, 4096, 1, DRBD_AL_BLOCKS_MAX};
	EXPECT_EQ(drbd_md_place(&big, &l), DRBD_MD_OK);
	EXPECT_LT(l.bm_offset, 0);
	EXPECT_EQ((s64)l.sb + l.bm_offset, (s64)l.bm);
}

TEST(Placement, Refusals)
{
	drbd_md_layout l;
	drbd_md_placement p;

	p = placement(-3, 70000, 1, 4096, 2, 8);	/* 64 KiB of log do not fit */
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_DEVICE_TOO_SMALL);
	p = placement(-3, 2048, 1);
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_DEVICE_TOO_SMALL);
	p = placement(1, 128 << 20, 1);
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_DEVICE_TOO_SMALL);
	p = placement(-2, 36864, 1);			/* superblock and log only */
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_DEVICE_TOO_SMALL);
	p = placement(-4, 1 << 20, 1);
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_BAD_INDEX);
	p = placement(-3, 1 << 20, 0);
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_BAD_MAX_PEERS);
	p = placement(-3, 1 << 20, 32);
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_BAD_MAX_PEERS);
	p = placement(-3, 1 << 20, 1, 5000);
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_BAD_BITS);
	p = placement(-3, 1 << 20, 1, 4096, 0, 8);
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_BAD_AL_GEOMETRY);
	p = placement(-3, 1 << 20, 1, 4096, 0x10000, 0x10000);	/* product overflows */
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_BAD_AL_GEOMETRY);
	p = placement(0, 256 << 20, 1, 4096, 2, 8);
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_BAD_AL_GEOMETRY);
	p = placement(0, 256 << 20, 1, 65536);
	EXPECT_EQ(drbd_md_place(&p, &l), DRBD_MD_BAD_BITS);
}

drbd_md fresh(const drbd_md_placement &p)
{
	drbd_md md;
	drbd_md_layout l = place(p);

	drbd_md_init(&md, &p, &l);
	return md;
}

TEST(Superblock, FreshBytesAreThoseOfCreateMd)
{
	Block block, expect{};
	drbd_md md = fresh(placement(-3, 16777216, 1));
	auto put = [&](size_t at, u32 v) { put_unaligned_be32(v, &expect[at]); };

	ASSERT_EQ(drbd_md_encode(&md, block.data()), 0);
	put(0x0c, 4);
	put(0x38, 0x80);
	put(0x3c, 0x8374026d);
	put(0x40, 0x50);
	put(0x44, 0xffffffc0);
	put(0x48, 0x101);
	put(0x4c, 0xffffffb8);
	put(0x50, 0x1000);
	put(0x58, 1);
	put(0x5c, 0xffffffff);
	put(0x60, 1);
	put(0x64, 8);
	for (int i = 0; i < 32; i++)
		put(0x84 + 32 * i, 0xffffffff);
	EXPECT_EQ(block, expect);
}

TEST(Superblock, RoundTripsEveryField)
{
	std::mt19937_64 rng(3);

	for (int round = 0; round < 200; round++) {
		drbd_md md{}, back;
		Block a, b;

		md.format = DRBD_MD_V09;
		md.magic = DRBD_MD_MAGIC_09;
		md.effective_size = rng();
		md.current_uuid = rng();
		md.members = rng();
		md.device_uuid = rng();
		md.flags = rng();
		md.md_size_sect = rng();
		md.al_offset = rng();
		md.bm_offset = rng();
		md.al_nr_extents = rng();
		md.bytes_per_bit = rng();
		md.la_peer_max_bio_size = rng();
		md.max_peers = rng();
		md.node_id = rng();
		md.al_stripes = rng() | 1;
		md.al_stripe_size_4k = rng();
		for (auto &p : md.peers)
			p = {rng(), rng(), (u32)rng() & ~DRBD_MDF_HAVE_BITMAP, (s32)rng()};
		for (auto &h : md.history_uuids)
			h = rng();
		ASSERT_EQ(drbd_md_encode(&md, a.data()), 0);
		ASSERT_EQ(drbd_md_decode(a.data(), &back), DRBD_MD_OK);
		ASSERT_EQ(drbd_md_encode(&back, b.data()), 0);
		EXPECT_EQ(a, b);
		EXPECT_EQ(back.history_uuids[31], md.history_uuids[31]);
		EXPECT_EQ(back.peers[31].bitmap_index, md.peers[31].bitmap_index);
	}
}

TEST(Superblock, InCoreFlagNeverReachesTheDisk)
{
	drbd_md md = fresh(placement(-3, 1 << 20, 1)), back;
	Block b;

	md.peers[4].flags = DRBD_MDF_HAVE_BITMAP | DRBD_MDF_NODE_EXISTS;
	drbd_md_encode(&md, b.data());
	drbd_md_decode(b.data(), &back);
	EXPECT_EQ(back.peers[4].flags, DRBD_MDF_NODE_EXISTS);
}

TEST(Superblock, V08FlagsBelongToThePeerInCore)
{
	drbd_md md = fresh(placement(-3, 1 << 20, 1)), back;
	Block b, again;

	md.format = DRBD_MD_V08;
	md.flags = 0xd3;
	md.peers[0].flags = DRBD_MDF_PEER_CONNECTED | DRBD_MDF_PEER_FULL_SYNC |
			    DRBD_MDF_PEER_OUTDATED;
	md.peers[0].bitmap_uuid = 0x2222222222222222;
	md.history_uuids[1] = 77;
	ASSERT_EQ(drbd_md_encode(&md, b.data()), 0);
	EXPECT_EQ(get_unaligned_be32(&b[0x38]), 0xffu);
	EXPECT_EQ(get_unaligned_be32(&b[0x3c]), DRBD_MD_MAGIC_08);
	EXPECT_EQ(get_unaligned_be64(&b[0x10]), 0x2222222222222222u);
	EXPECT_EQ(drbd_md_decode(b.data(), &back), DRBD_MD_OK);
	EXPECT_EQ(back.format, DRBD_MD_V08);
	EXPECT_EQ(back.flags, 0xd3u);
	EXPECT_EQ(back.peers[0].flags, 0x0bu);
	EXPECT_EQ(back.max_peers, 1u);
	drbd_md_encode(&back, again.data());
	EXPECT_EQ(b, again);
	EXPECT_TRUE(drbd_md_is_clean(&back));
	back.magic = DRBD_MD_MAGIC_84_UNCLEAN;
	drbd_md_encode(&back, again.data());
	EXPECT_EQ(get_unaligned_be32(&again[0x3c]), DRBD_MD_MAGIC_84_UNCLEAN);
	drbd_md_decode(again.data(), &back);
	EXPECT_FALSE(drbd_md_is_clean(&back));
	EXPECT_EQ(back.format, DRBD_MD_V08);
}

TEST(Superblock, UnknownMagicAndV07)
{
	Block b{};
	drbd_md md;

	EXPECT_EQ(drbd_md_decode(b.data(), &md), DRBD_MD_NO_MAGIC);
	EXPECT_EQ(md.format, DRBD_MD_FORMAT_NONE);
	put_unaligned_be32(DRBD_MD_MAGIC_07, &b[0x1c]);
	EXPECT_EQ(drbd_md_decode(b.data(), &md), DRBD_MD_OLD_MAGIC);
	EXPECT_EQ(md.format, DRBD_MD_V07);
	EXPECT_EQ(drbd_md_encode(&md, b.data()), -EINVAL);
}

class Attach : public ::testing::Test {
protected:
	drbd_md_placement p = placement(DRBD_MD_INDEX_FLEX_INT, 64 << 20, 3);
	drbd_md md = fresh(p);
	drbd_md_layout l;

	drbd_md_result check(int node = 0, u64 cap = (64 << 20) / 512, int index = -3)
	{
		return drbd_md_check_attach(&md, index, cap, node, &l);
	}
};

TEST_F(Attach, FreshMetadataIsAccepted)
{
	drbd_md_layout created = place(p);

	EXPECT_EQ(check(), DRBD_MD_OK);
	EXPECT_EQ(l.max_size, created.max_size);
	EXPECT_EQ(l.bm, created.bm);
	EXPECT_EQ(l.start, created.start);
	EXPECT_EQ(check(31), DRBD_MD_OK);
	EXPECT_EQ(check(0, (64 << 20) / 512, -1), DRBD_MD_OK);
}

TEST_F(Attach, OrderOfErrors)
{
	md.flags = 0;
	md.max_peers = 77;
	EXPECT_EQ(check(), DRBD_MD_UNCLEAN);
	md.format = DRBD_MD_V08;
	EXPECT_EQ(check(), DRBD_MD_UNCLEAN);
	md.flags = DRBD_MDF_AL_CLEAN;
	EXPECT_EQ(check(), DRBD_MD_OLD_MAGIC);
	md.magic = DRBD_MD_MAGIC_84_UNCLEAN;
	EXPECT_EQ(check(), DRBD_MD_UNCLEAN);
	md.format = DRBD_MD_V07;
	EXPECT_EQ(check(), DRBD_MD_OLD_MAGIC);
	md.format = DRBD_MD_FORMAT_NONE;
	EXPECT_EQ(check(), DRBD_MD_NO_MAGIC);
	md.format = DRBD_MD_V09;
	md.magic = DRBD_MD_MAGIC_09;
	EXPECT_EQ(check(), DRBD_MD_BAD_MAX_PEERS);
}

TEST_F(Attach, EachBadFieldHasItsOwnError)
{
	const drbd_md good = md;
	auto with = [&](auto &&change) {
		md = good;
		change(md);
		return check();
	};

	EXPECT_EQ(with([](drbd_md &m) { m.bytes_per_bit = 0; }), DRBD_MD_BAD_BITS);
	EXPECT_EQ(with([](drbd_md &m) { m.bytes_per_bit = 512; }), DRBD_MD_BAD_BITS);
	EXPECT_EQ(with([](drbd_md &m) { m.max_peers = 0; }), DRBD_MD_BAD_MAX_PEERS);
	EXPECT_EQ(with([](drbd_md &m) { m.max_peers = 32; }), DRBD_MD_BAD_MAX_PEERS);
	EXPECT_EQ(with([](drbd_md &m) { m.node_id = 32; }), DRBD_MD_BAD_NODE_ID);
	EXPECT_EQ(with([](drbd_md &m) { m.node_id = -2; }), DRBD_MD_BAD_NODE_ID);
	EXPECT_EQ(with([](drbd_md &m) { m.node_id = 1; }), DRBD_MD_OTHER_NODE_ID);
	EXPECT_EQ(with([](drbd_md &m) { m.node_id = 0; }), DRBD_MD_OK);
	EXPECT_EQ(with([](drbd_md &m) { m.peers[31].bitmap_index = 3; }), DRBD_MD_BAD_BITMAP_INDEX);
	EXPECT_EQ(with([](drbd_md &m) { m.peers[3].bitmap_index = -2; }), DRBD_MD_BAD_BITMAP_INDEX);
	EXPECT_EQ(with([](drbd_md &m) { m.peers[0].bitmap_index = 0; }), DRBD_MD_BAD_BITMAP_INDEX);
	EXPECT_EQ(with([](drbd_md &m) {
		m.peers[4].bitmap_index = 2;
		m.peers[7].bitmap_index = 2;
	}), DRBD_MD_BAD_BITMAP_INDEX);
	EXPECT_EQ(with([](drbd_md &m) { m.al_stripes = 0; }), DRBD_MD_BAD_AL_GEOMETRY);
	EXPECT_EQ(with([](drbd_md &m) {
		m.al_stripes = 0x80000001;
		m.al_stripe_size_4k = 8;
	}), DRBD_MD_BAD_AL_GEOMETRY);
	EXPECT_EQ(with([](drbd_md &m) { m.al_offset = 8; }), DRBD_MD_BAD_AL_OFFSET);
	EXPECT_EQ(with([](drbd_md &m) { m.al_offset = (s32)0x80000000; }), DRBD_MD_BAD_AL_OFFSET);
	EXPECT_EQ(with([](drbd_md &m) { m.bm_offset = -64; }), DRBD_MD_BAD_BM_OFFSET);
	EXPECT_EQ(with([](drbd_md &m) { m.bm_offset -= 4; }), DRBD_MD_BAD_BM_OFFSET);
	EXPECT_EQ(with([](drbd_md &m) { m.bm_offset = (s32)0x80000000; }), DRBD_MD_BAD_BM_OFFSET);
	EXPECT_EQ(with([](drbd_md &m) { m.md_size_sect = 8; }), DRBD_MD_BAD_MD_SIZE);
	EXPECT_EQ(with([](drbd_md &m) { m.md_size_sect = 0xffffffff; }), DRBD_MD_OUTSIDE_DEVICE);
	EXPECT_EQ(with([](drbd_md &m) { m.effective_size = 1ULL << 40; }), DRBD_MD_BITMAP_TOO_SMALL);
	EXPECT_EQ(with([](drbd_md &m) { m.effective_size = ~0ULL; }), DRBD_MD_BITMAP_TOO_SMALL);
	EXPECT_EQ(check(-1), DRBD_MD_BAD_NODE_ID);
	md = good;
	EXPECT_EQ(check(32), DRBD_MD_BAD_NODE_ID);
	EXPECT_EQ(check(0, 1000), DRBD_MD_DEVICE_TOO_SMALL);
	EXPECT_EQ(check(0, 131072, -2), DRBD_MD_BAD_AL_OFFSET);
}

TEST_F(Attach, External)
{
	p = placement(DRBD_MD_INDEX_FLEX_EXT, 1 << 20, 2);
	md = fresh(p);
	EXPECT_EQ(check(0, 2048, -2), DRBD_MD_OK);
	EXPECT_EQ(check(0, 4096, -2), DRBD_MD_OK);	/* grew later: fine */
	md.md_size_sect = 4096;
	EXPECT_EQ(check(0, 2048, -2), DRBD_MD_OUTSIDE_DEVICE);
	md.md_size_sect = 72;
	EXPECT_EQ(check(0, 2048, -2), DRBD_MD_BAD_MD_SIZE);
	md.md_size_sect = 0;
	EXPECT_EQ(check(0, 2048, -2), DRBD_MD_BAD_MD_SIZE);
	md = fresh(p);
	md.bm_offset = 80;
	EXPECT_EQ(check(0, 2048, -2), DRBD_MD_BAD_BM_OFFSET);

	p = placement(1, 256 << 20, 2);
	md = fresh(p);
	EXPECT_EQ(check(0, (256 << 20) / 512, 1), DRBD_MD_OK);
	EXPECT_EQ(check(0, (256 << 20) / 512 - 8, 1), DRBD_MD_DEVICE_TOO_SMALL);
	md.md_size_sect--;
	EXPECT_EQ(check(0, (256 << 20) / 512, 1), DRBD_MD_BAD_MD_SIZE);
}

TEST_F(Attach, WhateverIsAcceptedLiesInsideTheDevice)
{
	std::mt19937_64 rng(11);
	int accepted = 0;

	for (int round = 0; round < 200000; round++) {
		md = fresh(p);
		u64 cap = 131072;
		switch (rng() % 6) {
		case 0: md.bm_offset = (s32)rng(); break;
		case 1: md.bm_offset = -64 - 8 * (s32)(rng() % 20000); break;
		case 2: md.md_size_sect = (u32)rng(); break;
		case 3: cap = rng() % 140000; break;
		case 4: md.effective_size = rng() >> (rng() % 64); break;
		case 5: md.bm_offset -= 8; md.md_size_sect += 8 * (rng() % 3); break;
		}
		if (check(0, cap))
			continue;
		accepted++;
		ASSERT_LE(l.end, cap);
		ASSERT_LT(l.bm, l.al);
		ASSERT_LE(l.al, l.sb);
		ASSERT_LE(l.start, l.bm);
		ASSERT_LE(l.max_size, l.start);
		ASSERT_LE(drbd_bm_area_sectors(l.max_size, md.max_peers, 12), l.bm_sectors);
	}
	EXPECT_GT(accepted, 1000);
}

TEST(Slots, LowestFreeFirst)
{
	drbd_md md = fresh(placement(-3, 1 << 20, 3));

	EXPECT_EQ(drbd_md_free_slot(&md), 0);
	EXPECT_EQ(drbd_md_free_slots(&md), 3u);
	md.peers[9].bitmap_index = 0;
	md.peers[2].bitmap_index = 2;
	EXPECT_EQ(drbd_md_free_slot(&md), 1);
	EXPECT_EQ(drbd_md_free_slots(&md), 1u);
	md.peers[3].bitmap_index = 1;
	EXPECT_EQ(drbd_md_free_slot(&md), -1);
	EXPECT_EQ(drbd_md_free_slots(&md), 0u);
	md = fresh(placement(-3, 1 << 20, 31));
	EXPECT_EQ(drbd_md_free_slots(&md), 31u);
}

TEST(Slots, Day0PeerHasNeitherSlotNorFlags)
{
	drbd_md md = fresh(placement(-3, 1 << 20, 3));

	md.node_id = 0;
	md.peers[1].flags = DRBD_MDF_NODE_EXISTS;
	md.peers[2].bitmap_index = 0;
	EXPECT_EQ(drbd_md_day0_peer(&md, -1), 3);
	EXPECT_EQ(drbd_md_day0_peer(&md, 3), 4);
	for (auto &p : md.peers)
		p.flags = DRBD_MDF_NODE_EXISTS;
	EXPECT_EQ(drbd_md_day0_peer(&md, -1), -1);
}

TEST(ResultTexts, AreAllDifferent)
{
	std::set<std::string> seen;

	for (int r = DRBD_MD_OK; r <= DRBD_MD_BITMAP_TOO_SMALL; r++)
		EXPECT_TRUE(seen.insert(drbd_md_result_text((drbd_md_result)r)).second) << r;
}

} // namespace
