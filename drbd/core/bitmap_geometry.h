/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the bit of a block lives: sizes of the bitmap, bit <-> sector, bit <->
 * 32-bit word in the area that all bitmap slots share, activity-log extent <->
 * bits.  Nothing here touches a bitmap except the drbd_bm_area_*() functions,
 * which work on a plain buffer holding (a piece of) the on-disk area.
 *
 * Terms: a *slot* is one peer's bitmap; a *bit* covers 1 << shift bytes (shift
 * 12 .. 20, 12 by default); a *word* is a 32-bit little-endian word.  Words
 * are interleaved: word w of slot s is word w * slots + s of the area.
 *
 * All functions are pure; any context.
 */
#ifndef DRBD_CORE_BITMAP_GEOMETRY_H
#define DRBD_CORE_BITMAP_GEOMETRY_H

#include "port.h"
#include "../../include/linux/drbd_metadata.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sizes that follow from capacity, number of slots and block size. */
struct drbd_bm_geometry {
	u64 sectors;		/* capacity described */
	u64 bits;		/* valid bits per slot: ceil(sectors / sectors per bit) */
	u64 words;		/* 32-bit words a slot owns: bits rounded up to 64, / 32 */
	u64 area_bytes;		/* used region of the area, multiple of 4096 */
	u32 slots;		/* 1 .. 31 */
	u32 shift;		/* log2 of bytes per bit */
};

/* A run of bits: first .. first + count - 1; count 0 is the empty run. */
struct drbd_bm_range {
	u64 first;
	u64 count;
};

/*
 * log2 of bytes-per-bit; -EINVAL unless it is a power of two in 4096 ..
 * 1048576.
 */
int drbd_bm_shift(u32 bytes_per_bit);

/* Bits needed for @sectors: ceil(sectors / (1 << (shift - 9))). */
static inline u64 drbd_bm_bits(u64 sectors, u32 shift)
{
	u64 spb = 1ULL << (shift - 9);

	return (sectors >> (shift - 9)) + ((sectors & (spb - 1)) != 0);
}

/* 32-bit words that one slot owns for @bits bits (multiple of 2). */
static inline u64 drbd_bm_words(u64 bits)
{
	return ((bits + 63) >> 6) * 2;
}

/*
 * Sectors of the region that @slots bitmaps for @sectors of data use, a
 * multiple of 8 ("bm_sect" of the metadata chapter, 3.3).
 */
u64 drbd_bm_area_sectors(u64 sectors, u32 slots, u32 shift);

/*
 * Fill in @g.  -EINVAL: slots not 1 .. 31, shift not 12 .. 20, or more than
 * DRBD_MD_MAX_SECTORS.
 */
int drbd_bm_geometry_init(struct drbd_bm_geometry *g, u64 sectors, u32 slots, u32 shift);

/* Index in the area of the 32-bit word that holds @bit of @slot. */
static inline u64 drbd_bm_word_index(u64 bit, u32 slot, u32 slots)
{
	return (bit >> 5) * slots + slot;
}

/* Byte offset in the area of the word that holds @bit of @slot. */
static inline u64 drbd_bm_byte_offset(u64 bit, u32 slot, u32 slots)
{
	return drbd_bm_word_index(bit, slot, slots) * 4;
}

/*
 * The part of 32-bit word @word (counted within one slot) that lies in @r, as
 * a mask in CPU order; 0 if none.
 */
u32 drbd_bm_word_mask(u64 word, const struct drbd_bm_range *r);

/*
 * Bits touched by @bytes at @sector: what a write must set (resync 6.1).
 * Clipped to the capacity.
 */
struct drbd_bm_range drbd_bm_touched(const struct drbd_bm_geometry *g, u64 sector, u64 bytes);

/*
 * Bits completely covered by @bytes at @sector: what an acknowledged write or
 * resync may clear.  The last, short block counts as covered when the range
 * reaches the end of the device.
 */
struct drbd_bm_range drbd_bm_covered(const struct drbd_bm_geometry *g, u64 sector, u64 bytes);

/* Bits per 4 MiB activity-log extent: 1024 (shift 12) .. 4 (shift 20). */
static inline u32 drbd_bm_bits_per_extent(u32 shift)
{
	return 1u << (DRBD_AL_EXTENT_SHIFT - shift);
}

/* All bits of an extent, not clipped. */
static inline struct drbd_bm_range drbd_bm_extent_bits(u32 extent, u32 shift)
{
	struct drbd_bm_range r;

	r.count = drbd_bm_bits_per_extent(shift);
	r.first = (u64)extent * r.count;
	return r;
}

/*
 * The bytes of the area that hold the bits @r of *all* slots:
 * [*start, *end), whole interleaved rows of words, clipped to g->area_bytes.
 * Used to find the pages that must be durable before an extent leaves the
 * activity log.  Empty (start == end) if @r is empty or outside.
 */
void drbd_bm_area_span(const struct drbd_bm_geometry *g, const struct drbd_bm_range *r,
		       u64 *start, u64 *end);

/* Bit number to first sector. */
static inline u64 drbd_bm_bit_to_sector(u64 bit, u32 shift)
{
	return bit << (shift - 9);
}

/* Sector to the bit that covers it. */
static inline u64 drbd_bm_sector_to_bit(u64 sector, u32 shift)
{
	return sector >> (shift - 9);
}

/*
 * On a buffer that holds the whole area (or its first @words32 words): set the
 * bits @r of @slot; bits whose words lie outside are skipped.  Returns the
 * number of bits that were 0 before.
 */
u64 drbd_bm_area_set(__le32 *area, u64 words32, u32 slots, u32 slot,
		     const struct drbd_bm_range *r);

/* As drbd_bm_area_set(), but clears; returns the number of bits that were 1. */
u64 drbd_bm_area_clear(__le32 *area, u64 words32, u32 slots, u32 slot,
		       const struct drbd_bm_range *r);

/* Number of set bits of @slot within @r. */
u64 drbd_bm_area_count(const __le32 *area, u64 words32, u32 slots, u32 slot,
		       const struct drbd_bm_range *r);

/*
 * Number of the first bit >= @from and < @bits of @slot that has @value
 * (0 or 1); @bits if there is none.
 */
u64 drbd_bm_area_find(const __le32 *area, u64 words32, u32 slots, u32 slot,
		      u64 from, u64 bits, bool value);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_BITMAP_GEOMETRY_H */
