// SPDX-License-Identifier: GPL-2.0-only
#include "bitmap_geometry.h"

int drbd_bm_shift(u32 bytes_per_bit)
{
	int shift;

	for (shift = DRBD_BM_BIT_SHIFT_MIN; shift <= DRBD_BM_BIT_SHIFT_MAX; shift++)
		if (bytes_per_bit == 1u << shift)
			return shift;
	return -EINVAL;
}

u64 drbd_bm_area_sectors(u64 sectors, u32 slots, u32 shift)
{
	u64 bytes = drbd_bm_words(drbd_bm_bits(sectors, shift)) * 4 * slots;

	return ((bytes + 4095) >> 12) << 3;
}

int drbd_bm_geometry_init(struct drbd_bm_geometry *g, u64 sectors, u32 slots, u32 shift)
{
	if (slots < 1 || slots > DRBD_MD_MAX_PEERS)
		return -EINVAL;
	if (shift < DRBD_BM_BIT_SHIFT_MIN || shift > DRBD_BM_BIT_SHIFT_MAX)
		return -EINVAL;
	if (sectors > DRBD_MD_MAX_SECTORS)
		return -EINVAL;
	g->sectors = sectors;
	g->slots = slots;
	g->shift = shift;
	g->bits = drbd_bm_bits(sectors, shift);
	g->words = drbd_bm_words(g->bits);
	g->area_bytes = drbd_bm_area_sectors(sectors, slots, shift) << 9;
	return 0;
}

u32 drbd_bm_word_mask(u64 word, const struct drbd_bm_range *r)
{
	u64 low = word * 32;
	u64 end = r->first + r->count;
	u32 mask = 0xffffffffu;

	if (!r->count || end <= low || r->first >= low + 32)
		return 0;
	if (r->first > low)
		mask &= 0xffffffffu << (r->first - low);
	if (end < low + 32)
		mask &= 0xffffffffu >> (low + 32 - end);
	return mask;
}

/* End of a byte range in sectors, rounded up, without overflow. */
static u64 range_end(u64 sector, u64 bytes, u64 limit)
{
	u64 count = (bytes >> 9) + ((bytes & 511) != 0);

	if (sector >= limit)
		return limit;
	return count > limit - sector ? limit : sector + count;
}

struct drbd_bm_range drbd_bm_touched(const struct drbd_bm_geometry *g, u64 sector, u64 bytes)
{
	struct drbd_bm_range r = { 0, 0 };
	u64 end;

	if (!bytes || sector >= g->sectors)
		return r;
	end = range_end(sector, bytes, g->sectors);
	r.first = drbd_bm_sector_to_bit(sector, g->shift);
	r.count = drbd_bm_bits(end, g->shift) - r.first;
	return r;
}

struct drbd_bm_range drbd_bm_covered(const struct drbd_bm_geometry *g, u64 sector, u64 bytes)
{
	struct drbd_bm_range r = { 0, 0 };
	u64 end, first, stop;

	if (!bytes || sector >= g->sectors)
		return r;
	/* A partial sector at the end covers nothing. */
	end = range_end(sector, bytes & ~511ULL, g->sectors);
	first = drbd_bm_bits(sector, g->shift);
	stop = end == g->sectors ? g->bits : drbd_bm_sector_to_bit(end, g->shift);
	if (stop <= first)
		return r;
	r.first = first;
	r.count = stop - first;
	return r;
}

void drbd_bm_area_span(const struct drbd_bm_geometry *g, const struct drbd_bm_range *r,
		       u64 *start, u64 *end)
{
	u64 row = (u64)g->slots * 4;
	u64 s, e;

	*start = 0;
	*end = 0;
	if (!r->count)
		return;
	s = (r->first >> 5) * row;
	e = (((r->first + r->count - 1) >> 5) + 1) * row;
	if (s >= g->area_bytes)
		return;
	*start = s;
	*end = e > g->area_bytes ? g->area_bytes : e;
}

u64 drbd_bm_area_set(__le32 *area, u64 words32, u32 slots, u32 slot,
		     const struct drbd_bm_range *r)
{
	u64 changed = 0;
	u64 w, last;

	if (!r->count)
		return 0;
	last = (r->first + r->count - 1) >> 5;
	for (w = r->first >> 5; w <= last; w++) {
		u64 i = w * slots + slot;
		u32 mask = drbd_bm_word_mask(w, r);
		u32 old;

		if (i >= words32)
			break;
		old = le32_to_cpu(area[i]);
		changed += hweight32(mask & ~old);
		area[i] = cpu_to_le32(old | mask);
	}
	return changed;
}

u64 drbd_bm_area_clear(__le32 *area, u64 words32, u32 slots, u32 slot,
		       const struct drbd_bm_range *r)
{
	u64 changed = 0;
	u64 w, last;

	if (!r->count)
		return 0;
	last = (r->first + r->count - 1) >> 5;
	for (w = r->first >> 5; w <= last; w++) {
		u64 i = w * slots + slot;
		u32 mask = drbd_bm_word_mask(w, r);
		u32 old;

		if (i >= words32)
			break;
		old = le32_to_cpu(area[i]);
		changed += hweight32(mask & old);
		area[i] = cpu_to_le32(old & ~mask);
	}
	return changed;
}

u64 drbd_bm_area_count(const __le32 *area, u64 words32, u32 slots, u32 slot,
		       const struct drbd_bm_range *r)
{
	u64 count = 0;
	u64 w, last;

	if (!r->count)
		return 0;
	last = (r->first + r->count - 1) >> 5;
	for (w = r->first >> 5; w <= last; w++) {
		u64 i = w * slots + slot;

		if (i >= words32)
			break;
		count += hweight32(le32_to_cpu(area[i]) & drbd_bm_word_mask(w, r));
	}
	return count;
}

u64 drbd_bm_area_find(const __le32 *area, u64 words32, u32 slots, u32 slot,
		      u64 from, u64 bits, bool value)
{
	u64 w;

	if (from >= bits)
		return bits;
	for (w = from >> 5; w * 32 < bits; w++) {
		u64 i = w * slots + slot;
		u32 word, bit;

		if (i >= words32)
			break;
		word = le32_to_cpu(area[i]);
		if (!value)
			word = ~word;
		if (w == from >> 5)
			word &= 0xffffffffu << (from & 31);
		if (!word)
			continue;
		bit = __ffs64(word);
		return w * 32 + bit < bits ? w * 32 + bit : bits;
	}
	return bits;
}
