// SPDX-License-Identifier: GPL-2.0-only
#include "vli.h"

#define ENCODING_RLE_VLI 2

/* A class of codes: prefix, then data bits holding value - base. */
static const struct {
	u8 prefix;
	u8 prefix_bits;
	u8 data_bits;
	u64 base;
} classes[] = {
	{ 0x00, 1, 1, 0x1 },
	{ 0x01, 2, 1, 0x3 },
	{ 0x03, 3, 2, 0x5 },
	{ 0x07, 4, 3, 0x9 },
	{ 0x0f, 5, 5, 0x11 },
	{ 0x1f, 6, 8, 0x31 },
	{ 0x3f, 8, 13, 0x131 },
	{ 0x7f, 8, 21, 0x2131 },
	{ 0xbf, 8, 34, 0x202131 },
	{ 0xff, 8, 56, 0x400202131ULL },
};

int drbd_vli_encode(u64 value, u64 *code)
{
	size_t i;

	if (!value || value > DRBD_VLI_MAX_VALUE)
		return -ERANGE;
	for (i = ARRAY_SIZE(classes) - 1; value < classes[i].base; i--)
		;
	*code = classes[i].prefix | (value - classes[i].base) << classes[i].prefix_bits;
	return classes[i].prefix_bits + classes[i].data_bits;
}

int drbd_vli_decode(u64 code, unsigned int available, u64 *value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(classes); i++) {
		u64 prefix_mask = (1ULL << classes[i].prefix_bits) - 1;
		u64 data_mask = (1ULL << classes[i].data_bits) - 1;
		unsigned int bits = classes[i].prefix_bits + classes[i].data_bits;

		if ((code & prefix_mask) != classes[i].prefix)
			continue;
		if (bits > available)
			return -ENODATA;
		*value = classes[i].base + ((code >> classes[i].prefix_bits) & data_mask);
		return (int)bits;
	}
	return -ENODATA;	/* not reached: the prefixes cover everything */
}

/* Append @n bits; the caller has checked the room and zeroed the buffer. */
static void put_bits(u8 *buf, size_t bit, u64 code, unsigned int n)
{
	while (n) {
		unsigned int shift = bit & 7;
		unsigned int take = 8 - shift < n ? 8 - shift : n;

		buf[bit >> 3] |= (u8)((code & ((1u << take) - 1)) << shift);
		code >>= take;
		bit += take;
		n -= take;
	}
}

/* Up to 64 bits from @bit on, not reading past @end (in bits). */
static u64 get_bits(const u8 *buf, size_t bit, size_t end)
{
	unsigned int have = 0;
	u64 code = 0;

	while (have < 64 && bit < end) {
		unsigned int shift = bit & 7;

		code |= (u64)(buf[bit >> 3] >> shift) << have;
		have += 8 - shift;
		bit += 8 - shift;
	}
	return code;
}

int drbd_rle_encode(u8 *payload, size_t max, u64 bits, u64 *pos, bool always,
		    drbd_rle_find_fn find, void *ctx)
{
	size_t room, used = 0, bytes;
	u64 at = *pos;
	bool value, first;

	if (max < DRBD_RLE_MIN_PAYLOAD || *pos >= bits)
		return -EINVAL;
	room = (max - 1) * 8;
	memset(payload, 0, max);
	first = find(ctx, at, true) == at;
	value = first;

	while (at < bits) {
		u64 stop = find(ctx, at, !value);
		u64 code;
		int n;

		if (stop <= at || stop > bits)
			return -EINVAL;
		n = drbd_vli_encode(stop - at, &code);
		if (n < 0)
			return -EINVAL;
		if ((size_t)n > room - used)
			break;
		put_bits(payload + 1, used, code, (unsigned int)n);
		used += (size_t)n;
		at = stop;
		value = !value;
	}
	bytes = (used + 7) / 8;
	if (!always && bytes + 1 > (((at + 63) >> 6) - (*pos >> 6)) * 8)
		return 0;
	payload[0] = (u8)(ENCODING_RLE_VLI | (bytes * 8 - used) << 4 | (first ? 0x80 : 0));
	*pos = at;
	return (int)(bytes + 1);
}

int drbd_rle_open(struct drbd_rle_reader *r, const void *payload, size_t len, u64 pos, u64 bits)
{
	const u8 *p = payload;

	if (len < 2 || pos > bits || (p[0] & 0x0f) != ENCODING_RLE_VLI)
		return -EINVAL;
	r->code = p + 1;
	r->bit = 0;
	r->end = (len - 1) * 8 - ((p[0] >> 4) & 7);
	r->pos = pos;
	r->bits = bits;
	r->value = p[0] >> 7;
	return 0;
}

int drbd_rle_next(struct drbd_rle_reader *r, struct drbd_rle_run *run)
{
	size_t left = r->end - r->bit;
	u64 count;
	int n;

	if (!left)
		return 0;
	n = drbd_vli_decode(get_bits(r->code, r->bit, r->end),
			    left < 64 ? (unsigned int)left : 64, &count);
	if (n < 0)
		return -EINVAL;
	if (count > r->bits - r->pos)
		return -ERANGE;
	run->first = r->pos;
	run->count = count;
	run->value = r->value;
	r->bit += (size_t)n;
	r->pos += count;
	r->value = !r->value;
	return 1;
}

void drbd_bm_stream_init(struct drbd_bm_stream *s, u64 bits)
{
	s->bits = bits;
	s->pos = 0;
	s->complete = false;
}

size_t drbd_bm_stream_plain_len(const struct drbd_bm_stream *s, size_t room)
{
	u64 total = ((s->bits + 63) >> 6) * 8;
	u64 left;

	/* Behind the last bit only the end marker can follow. */
	if (s->pos >= s->bits)
		return 0;
	left = total - (s->pos >> 6) * 8;
	room &= ~(size_t)7;
	return left < room ? (size_t)left : room;
}

int drbd_bm_stream_plain(struct drbd_bm_stream *s, size_t len, size_t room)
{
	if (s->complete || len != drbd_bm_stream_plain_len(s, room))
		return -EINVAL;
	if (!len) {
		s->complete = true;
		return 0;
	}
	s->pos = drbd_bm_stream_plain_pos(s) + (u64)len * 8;
	if (s->pos > s->bits)
		s->pos = s->bits;
	return 0;
}

int drbd_bm_stream_rle(struct drbd_bm_stream *s, u64 pos)
{
	if (s->complete || pos <= s->pos || pos > s->bits)
		return -EINVAL;
	s->pos = pos;
	s->complete = pos == s->bits;
	return 0;
}
