/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The out-of-sync bitmap: one bit per block and slot, in memory while attached,
 * on disk in the metadata.  A slot belongs to one peer (peer_device->bitmap_index)
 * or to nobody yet: unassigned slots take part in every "set".
 * Spec: resync.md 6, 7, 19; metadata.md.
 */
#ifndef DRBD_BITMAP_ROOM_H
#define DRBD_BITMAP_ROOM_H

#include "objects.h"

#define BM_ALL_SLOTS (~0u)

struct drbd_bitmap *drbd_bitmap_alloc(unsigned int max_peers, unsigned int bytes_per_bit);
void drbd_bitmap_free(struct drbd_bitmap *bitmap);

/*
 * New size in sectors.  New bits are set in all slots (or cleared when
 * !@set_new).  Process context, application I/O frozen.  0, -ENOMEM.
 */
int drbd_bm_resize(struct drbd_device *device, sector_t capacity, bool set_new);

/* (drbd_bm_bits() and drbd_bm_shift() are the pure functions of core/bitmap_geometry.h) */
unsigned long drbd_bm_nr_bits(struct drbd_device *device);	/* bits per slot */
unsigned int drbd_bm_block_shift(struct drbd_device *device);	/* log2(bytes per bit) */
unsigned long drbd_bm_weight(struct drbd_device *device, int slot);	/* bits set; any context */

/*
 * Sets every block touched by the range / clears every block completely inside
 * it (the last partial block of the device counts as complete), in all slots of
 * @slots (bit mask of slot numbers).  Any context, irqs off included.  Clipped to
 * the device.  Returns the mask of slots in which at least one bit changed;
 * @changed_bits (may be NULL): number of changed bits summed over the slots.
 */
u32 drbd_bm_set(struct drbd_device *device, u32 slots, sector_t sector, unsigned int size,
		unsigned long *changed_bits);
u32 drbd_bm_clear(struct drbd_device *device, u32 slots, sector_t sector, unsigned int size,
		  unsigned long *changed_bits);
/* Number of bits set in the range; any context. */
unsigned long drbd_bm_count(struct drbd_device *device, int slot, sector_t sector,
			    unsigned int size);
bool drbd_bm_any_set(struct drbd_device *device, u32 slots, sector_t sector, unsigned int size);
/* First set bit >= @bit, or ULONG_MAX.  Any context. */
unsigned long drbd_bm_find_next(struct drbd_device *device, int slot, unsigned long bit);
bool drbd_bm_test(struct drbd_device *device, int slot, unsigned long bit);

/*
 * Bits are cleared, or about to be, because of data that may still be in the
 * backing device's cache: it is flushed before such a bit is written as 0.  Any context.
 */
void drbd_bm_data_volatile(struct drbd_device *device);

/* Whole slots; process context. */
void drbd_bm_set_slots(struct drbd_device *device, u32 slots);
void drbd_bm_clear_slots(struct drbd_device *device, u32 slots);

/*
 * A slot that is to be cleared later, if nothing is marked in it meanwhile:
 * drbd_bm_watch() begins (or, !@on, ends) that, drbd_bm_is_quiet() tells, and
 * drbd_bm_clear_quiet() clears; if it is too late for that it sets the whole slot.
 * The first two in any context.
 */
void drbd_bm_watch(struct drbd_device *device, u32 slots, bool on);
bool drbd_bm_is_quiet(struct drbd_device *device, int slot);
void drbd_bm_clear_quiet(struct drbd_device *device, int slot);
void drbd_bm_copy_slot(struct drbd_device *device, int from, int to);

/*
 * Words of a slot as the wire has it: 64-bit little-endian words of a string of
 * 1 bit per 4 KiB whatever the own granularity is.  drbd_bm_or_words() ORs
 * received words in, drbd_bm_get_words() copies out; @word, @n in 64-bit words,
 * clipped.  Also runs for the compressed form: drbd_bm_run() gives the length of
 * the run of equal bits that starts at 4-KiB bit @bit (value in @value), 0 at
 * the end; drbd_bm_set_run() sets bits [@bit, @bit + @n).  Any context.
 */
u64 drbd_bm_wire_bits(struct drbd_device *device);
void drbd_bm_or_words(struct drbd_device *device, int slot, u64 word, unsigned int n,
		      const __le64 *words);
void drbd_bm_get_words(struct drbd_device *device, int slot, u64 word, unsigned int n,
		       __le64 *words);
u64 drbd_bm_run(struct drbd_device *device, int slot, u64 bit, bool *value);
void drbd_bm_set_run(struct drbd_device *device, int slot, u64 bit, u64 n);

/*
 * Disk.  All: process context, ldev reference held, wait for completion, 0 or
 * -EIO/-ENOMEM; a failure has already been reported with drbd_io_error().
 */
int drbd_bm_read(struct drbd_device *device);
int drbd_bm_write(struct drbd_device *device);			/* pages that changed */
int drbd_bm_write_all(struct drbd_device *device);
/* Changed pages that cover activity-log extents @enr[0..n): before a transaction. */
int drbd_bm_write_extents(struct drbd_device *device, const unsigned int *enr, unsigned int n);
/* Only pages in which bits were cleared: during resync. */
int drbd_bm_write_lazy(struct drbd_device *device);

#endif
