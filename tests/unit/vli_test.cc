// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "core/vli.h"

namespace {

TEST(Vli, TableOfTheChapter)
{
	struct {
		u64 value;
		int bits;
		u64 code;
	} expect[] = {
		{1, 2, 0x0}, {2, 2, 0x2}, {3, 3, 0x1}, {4, 3, 0x5}, {5, 5, 0x3}, {8, 5, 0x1b},
		{9, 7, 0x07}, {0x10, 7, 0x77}, {0x11, 10, 0x0f}, {0x30, 10, 0x3ef}, {0x31, 14, 0x1f},
		{0x130, 14, 0x3fdf}, {0x131, 21, 0x3f}, {0x2130, 21, 0x1fff3f}, {0x2131, 29, 0x7f},
		{0x202130, 29, 0x1fffff7f}, {0x202131, 42, 0xbf},
		{0x400202130, 42, 0x3ffffffffbf}, {0x400202131, 64, 0xff},
		{0x100000400202130, 64, ~0ULL},
	};

	for (auto &e : expect) {
		u64 code, back;

		EXPECT_EQ(drbd_vli_encode(e.value, &code), e.bits) << e.value;
		EXPECT_EQ(code, e.code) << e.value;
		EXPECT_EQ(drbd_vli_decode(code, e.bits, &back), e.bits);
		EXPECT_EQ(back, e.value);
		/* one bit less must be noticed */
		EXPECT_EQ(drbd_vli_decode(code, e.bits - 1, &back), -ENODATA);
	}
}

TEST(Vli, RefusesWhatHasNoCode)
{
	u64 code;

	EXPECT_EQ(drbd_vli_encode(0, &code), -ERANGE);
	EXPECT_EQ(drbd_vli_encode(DRBD_VLI_MAX_VALUE + 1, &code), -ERANGE);
}

TEST(Vli, EveryBitPatternDecodesOrIsTooShort)
{
	std::mt19937_64 rng(5);

	for (int i = 0; i < 100000; i++) {
		u64 pattern = rng(), value, code;
		int n = drbd_vli_decode(pattern, 64, &value);

		ASSERT_GT(n, 0);
		ASSERT_EQ(drbd_vli_encode(value, &code), n);
		ASSERT_EQ(code, n == 64 ? pattern : pattern & ((1ULL << n) - 1));
	}
	u64 value;
	EXPECT_EQ(drbd_vli_decode(0, 0, &value), -ENODATA);
}

struct Bits {
	std::vector<bool> v;

	static u64 find(void *ctx, u64 from, bool value)
	{
		auto &v = static_cast<Bits *>(ctx)->v;

		while (from < v.size() && v[from] != value)
			from++;
		return from;
	}
};

Bits random_bits(std::mt19937 &rng, size_t n)
{
	Bits b;
	bool value = rng() & 1;

	b.v.resize(n);
	size_t i = 0;
	unsigned scale = 1u << rng() % 14;
	while (i < n) {
		size_t run = 1 + rng() % scale;
		for (; run-- && i < n; i++)
			b.v[i] = value;
		value = !value;
	}
	return b;
}

/* Both halves of an exchange; returns the bitmap as received. */
std::vector<bool> exchange(Bits &src, size_t room, bool always, bool use_rle, int *plain, int *rle)
{
	drbd_bm_stream tx, rx;
	std::vector<bool> out(src.v.size());
	std::vector<u8> packet(room);
	int guard = 0;

	drbd_bm_stream_init(&tx, src.v.size());
	drbd_bm_stream_init(&rx, src.v.size());
	while (!tx.complete) {
		u64 pos = tx.pos;
		int len = 0;

		if (++guard > 1000000)
			throw std::runtime_error("no progress");
		if (use_rle && tx.pos < tx.bits)
			len = drbd_rle_encode(packet.data(), room, tx.bits, &pos, always, Bits::find, &src);
		if (len > 0) {
			drbd_rle_reader r;
			drbd_rle_run run;
			int rc;

			EXPECT_EQ(drbd_bm_stream_rle(&tx, pos), 0);
			EXPECT_EQ(drbd_rle_open(&r, packet.data(), len, rx.pos, rx.bits), 0);
			while ((rc = drbd_rle_next(&r, &run)) > 0)
				for (u64 i = 0; i < run.count; i++)
					out[run.first + i] = out[run.first + i] | run.value;
			EXPECT_EQ(rc, 0);
			EXPECT_EQ(drbd_bm_stream_rle(&rx, r.pos), 0);
			++*rle;
		} else {
			size_t n = drbd_bm_stream_plain_len(&tx, room);
			u64 at = drbd_bm_stream_plain_pos(&rx);

			EXPECT_EQ(n, drbd_bm_stream_plain_len(&rx, room));
			for (u64 i = 0; i < n * 8 && at + i < out.size(); i++)
				out[at + i] = out[at + i] | src.v[at + i];
			EXPECT_EQ(drbd_bm_stream_plain(&tx, n, room), 0);
			EXPECT_EQ(drbd_bm_stream_plain(&rx, n, room), 0);
			++*plain;
		}
	}
	EXPECT_TRUE(rx.complete);
	return out;
}

TEST(BitmapExchange, AnyBitmapArrivesWhateverTheMixOfPackets)
{
	std::mt19937 rng(9);
	int plain = 0, rle = 0;

	for (int round = 0; round < 1500; round++) {
		Bits src = random_bits(rng, rng() % 4 ? rng() % 3000 : 64 * (rng() % 50));
		size_t room = round % 5 ? 16 + rng() % 200 : 4080;

		ASSERT_EQ(exchange(src, room, rng() % 3 == 0, rng() % 8, &plain, &rle), src.v);
	}
	EXPECT_GT(plain, 1000);
	EXPECT_GT(rle, 1000);
}

TEST(BitmapExchange, PlainPacketsAndTheEndMarker)
{
	drbd_bm_stream s;

	drbd_bm_stream_init(&s, 4080 * 8 * 2 + 1);
	EXPECT_EQ(drbd_bm_stream_plain_len(&s, 4080), 4080u);
	EXPECT_EQ(drbd_bm_stream_plain_len(&s, 4088), 4088u);
	EXPECT_EQ(drbd_bm_stream_plain_len(&s, 4083), 4080u);
	EXPECT_EQ(drbd_bm_stream_plain(&s, 4072, 4080), -EINVAL);
	EXPECT_EQ(drbd_bm_stream_plain(&s, 0, 4080), -EINVAL);
	EXPECT_EQ(drbd_bm_stream_plain(&s, 4080, 4080), 0);
	EXPECT_EQ(drbd_bm_stream_plain(&s, 4080, 4080), 0);
	EXPECT_EQ(drbd_bm_stream_plain_len(&s, 4080), 8u);
	EXPECT_EQ(drbd_bm_stream_plain(&s, 8, 4080), 0);
	EXPECT_FALSE(s.complete);
	EXPECT_EQ(drbd_bm_stream_plain(&s, 0, 4080), 0);
	EXPECT_TRUE(s.complete);
	EXPECT_EQ(drbd_bm_stream_plain(&s, 0, 4080), -EINVAL);
	EXPECT_EQ(drbd_bm_stream_rle(&s, s.bits), -EINVAL);

	drbd_bm_stream_init(&s, 0);
	EXPECT_EQ(drbd_bm_stream_plain_len(&s, 4080), 0u);
	EXPECT_EQ(drbd_bm_stream_plain(&s, 0, 4080), 0);
	EXPECT_TRUE(s.complete);
}

TEST(BitmapExchange, PlainAfterCompressedRestartsAtTheWord)
{
	drbd_bm_stream s;

	drbd_bm_stream_init(&s, 1000);
	EXPECT_EQ(drbd_bm_stream_rle(&s, 100), 0);
	EXPECT_EQ(drbd_bm_stream_plain_pos(&s), 64u);
	EXPECT_EQ(drbd_bm_stream_plain_len(&s, 4080), 120u);
	EXPECT_EQ(drbd_bm_stream_rle(&s, 100), -EINVAL);
	EXPECT_EQ(drbd_bm_stream_rle(&s, 1001), -EINVAL);
	EXPECT_EQ(drbd_bm_stream_rle(&s, 1000), 0);
	EXPECT_TRUE(s.complete);
}

TEST(Rle, DenseBitmapsAreBetterPlain)
{
	Bits b;
	u8 payload[4080];
	u64 pos = 0;

	for (int i = 0; i < 64000; i++)
		b.v.push_back(i & 1);
	EXPECT_EQ(drbd_rle_encode(payload, sizeof(payload), b.v.size(), &pos, false, Bits::find, &b), 0);
	EXPECT_EQ(pos, 0u);
	EXPECT_EQ(drbd_rle_encode(payload, sizeof(payload), b.v.size(), &pos, true, Bits::find, &b), 4080);
	EXPECT_GT(pos, 0u);
}

TEST(Rle, RefusesBrokenPackets)
{
	drbd_rle_reader r;
	drbd_rle_run run;
	u8 p[] = {0x02, 0x00, 0xff};

	EXPECT_EQ(drbd_rle_open(&r, p, 0, 0, 100), -EINVAL);
	EXPECT_EQ(drbd_rle_open(&r, p, 1, 0, 100), -EINVAL);
	EXPECT_EQ(drbd_rle_open(&r, p, 3, 101, 100), -EINVAL);
	p[0] = 0x03;
	EXPECT_EQ(drbd_rle_open(&r, p, 3, 0, 100), -EINVAL);
	p[0] = 0x82;
	ASSERT_EQ(drbd_rle_open(&r, p, 3, 0, 100), 0);
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(drbd_rle_next(&r, &run), 1);
		EXPECT_EQ(run.first, (u64)i);
		EXPECT_EQ(run.count, 1u);
		EXPECT_EQ(run.value, i % 2 == 0);
	}
	EXPECT_EQ(drbd_rle_next(&r, &run), -EINVAL);	/* 0xff: cut off */
	ASSERT_EQ(drbd_rle_open(&r, p, 3, 97, 100), 0);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(drbd_rle_next(&r, &run), 1);
	EXPECT_EQ(drbd_rle_next(&r, &run), -ERANGE);
}

} // namespace
