// SPDX-License-Identifier: GPL-2.0-only
/*
 * In memory the bitmap has the layout of the disk: 4 KiB pages of little-endian
 * 32-bit words, the words of all slots interleaved.  So a page is written as it
 * is, a range of blocks touches the same pages for every slot, and growing the
 * device appends pages.
 *
 * Invariant: bits beyond the last block, and padding words, are 0 in memory.
 *
 * Write-out takes a copy of the page and clears its marks in one go under
 * bm->lock; whatever changes later marks it again.  bm->io_mutex makes sure that
 * an older copy never overtakes a newer one.
 */
#include <linux/slab.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include "bitmap.h"
#include "metadata.h"
#include "backing.h"
#include "core/bitmap_geometry.h"

#define BM_PAGE_BYTES 4096u
#define BM_PAGE_WORDS (BM_PAGE_BYTES / 4)
#define BM_PAGE_SECTORS (BM_PAGE_BYTES >> SECTOR_SHIFT)
/* Words of one slot handled per hold of the lock in operations on whole slots. */
#define BM_CHUNK_WORDS 2048u
/* Requests in flight per batch of a write-out. */
#define BM_BATCH 16

struct drbd_bitmap {
	spinlock_t lock;		/* everything below; irqs off */
	struct mutex io_mutex;		/* reads and writes of the area, resizing */
	struct drbd_bm_geometry g;
	unsigned long nr_pages;
	__le32 **pages;
	unsigned long *set_marks;	/* pages in which a bit was set since the last copy */
	unsigned long *clear_marks;	/* ... cleared */
	u64 weight[DRBD_MD_MAX_PEERS];
	unsigned long data_volatile;	/* bit 0: flush before a copy made from now on is written */
	u32 quiet;			/* slots: nothing was set since drbd_bm_watch() */
};

static u32 all_slots(const struct drbd_bitmap *bm)
{
	return (u32)((1ULL << bm->g.slots) - 1);
}

static __le32 *word_of(const struct drbd_bitmap *bm, u64 index)
{
	return bm->pages[index / BM_PAGE_WORDS] + index % BM_PAGE_WORDS;
}

/* ------------------------------------------------------ memory, geometry */

struct drbd_bitmap *drbd_bitmap_alloc(unsigned int max_peers, unsigned int bytes_per_bit)
{
	struct drbd_bitmap *bm;
	int shift = drbd_bm_shift(bytes_per_bit);

	if (shift < 0)
		return NULL;
	bm = kzalloc(sizeof(*bm), GFP_KERNEL);
	if (!bm)
		return NULL;
	if (drbd_bm_geometry_init(&bm->g, 0, max_peers, shift)) {
		kfree(bm);
		return NULL;
	}
	spin_lock_init(&bm->lock);
	mutex_init(&bm->io_mutex);
	return bm;
}

static void free_pages_from(__le32 **pages, unsigned long from, unsigned long to)
{
	while (to > from)
		free_page((unsigned long)pages[--to]);
}

void drbd_bitmap_free(struct drbd_bitmap *bm)
{
	if (!bm)
		return;
	free_pages_from(bm->pages, 0, bm->nr_pages);
	kvfree(bm->pages);
	kvfree(bm->set_marks);
	kvfree(bm->clear_marks);
	kfree(bm);
}

/* What a resize needs beforehand, and what is left over afterwards. */
struct bm_memory {
	__le32 **pages;
	unsigned long *set_marks, *clear_marks;
};

static void bm_memory_free(struct bm_memory *m)
{
	kvfree(m->pages);
	kvfree(m->set_marks);
	kvfree(m->clear_marks);
}

static int bm_memory_alloc(struct bm_memory *m, const struct drbd_bitmap *bm,
			   unsigned long nr_pages)
{
	unsigned long longs = BITS_TO_LONGS(nr_pages);
	unsigned long i;

	m->pages = kvcalloc(nr_pages + 1, sizeof(*m->pages), GFP_KERNEL);
	m->set_marks = kvcalloc(longs + 1, sizeof(long), GFP_KERNEL);
	m->clear_marks = kvcalloc(longs + 1, sizeof(long), GFP_KERNEL);
	if (!m->pages || !m->set_marks || !m->clear_marks)
		goto fail;
	for (i = bm->nr_pages; i < nr_pages; i++) {
		/* One page per bitmap page; on machines with larger pages the rest is lost. */
		m->pages[i] = (__le32 *)get_zeroed_page(GFP_KERNEL | __GFP_NOWARN);
		if (!m->pages[i]) {
			free_pages_from(m->pages, bm->nr_pages, i);
			goto fail;
		}
		if (!(i & 1023))
			cond_resched();
	}
	return 0;

fail:
	bm_memory_free(m);
	return -ENOMEM;
}

/* -------------------------------------------------- setting and clearing */

static void mark_page(struct drbd_bitmap *bm, u64 index, bool set)
{
	__set_bit(index / BM_PAGE_WORDS, set ? bm->set_marks : bm->clear_marks);
}

/* One word of one slot; returns how many bits changed.  bm->lock held. */
static unsigned int change_word(struct drbd_bitmap *bm, u64 w, unsigned int slot, u32 mask,
				bool set)
{
	u64 index = w * bm->g.slots + slot;
	__le32 *p = word_of(bm, index);
	u32 old = le32_to_cpu(*p);
	u32 changed = mask & (set ? ~old : old);
	unsigned int n;

	if (set && mask)
		bm->quiet &= ~(1u << slot);
	if (!changed)
		return 0;
	*p = cpu_to_le32(old ^ changed);
	mark_page(bm, index, set);
	n = hweight32(changed);
	if (set)
		bm->weight[slot] += n;
	else
		bm->weight[slot] -= n;
	return n;
}

/* bm->lock held; @r within the geometry.  Returns the mask of slots that changed. */
static u32 change_range(struct drbd_bitmap *bm, u32 slots, const struct drbd_bm_range *r,
			bool set, unsigned long *changed_bits)
{
	u32 changed = 0;
	u64 w, last;

	slots &= all_slots(bm);
	if (!r->count || !slots)
		return 0;
	last = (r->first + r->count - 1) >> 5;
	for (w = r->first >> 5; w <= last; w++) {
		u32 mask = drbd_bm_word_mask(w, r);
		u32 todo = slots;

		while (todo) {
			unsigned int slot = __ffs(todo);
			unsigned int n = change_word(bm, w, slot, mask, set);

			todo &= todo - 1;
			if (!n)
				continue;
			changed |= 1u << slot;
			if (changed_bits)
				*changed_bits += n;
		}
	}
	return changed;
}

u32 drbd_bm_set(struct drbd_device *device, u32 slots, sector_t sector, unsigned int size,
		unsigned long *changed_bits)
{
	struct drbd_bitmap *bm = device->bitmap;
	struct drbd_bm_range r;
	unsigned long flags;
	u32 changed;

	if (changed_bits)
		*changed_bits = 0;
	if (!bm)
		return 0;
	spin_lock_irqsave(&bm->lock, flags);
	r = drbd_bm_touched(&bm->g, sector, size);
	changed = change_range(bm, slots, &r, true, changed_bits);
	spin_unlock_irqrestore(&bm->lock, flags);
	return changed;
}

u32 drbd_bm_clear(struct drbd_device *device, u32 slots, sector_t sector, unsigned int size,
		  unsigned long *changed_bits)
{
	struct drbd_bitmap *bm = device->bitmap;
	struct drbd_bm_range r;
	unsigned long flags;
	u32 changed;

	if (changed_bits)
		*changed_bits = 0;
	if (!bm)
		return 0;
	spin_lock_irqsave(&bm->lock, flags);
	r = drbd_bm_covered(&bm->g, sector, size);
	changed = change_range(bm, slots, &r, false, changed_bits);
	spin_unlock_irqrestore(&bm->lock, flags);
	return changed;
}

/*
 * The same for long ranges: lets go of the lock every now and then.  Bits that
 * others change meanwhile stay as they made them or become ours, as if they had
 * come before or after.
 */
static void change_long_range(struct drbd_bitmap *bm, u32 slots, u64 first, u64 end, bool set)
{
	unsigned long flags;

	while (first < end) {
		struct drbd_bm_range r = {
			.first = first,
			.count = min_t(u64, end - first, BM_CHUNK_WORDS * 32 - (first & 31)),
		};

		spin_lock_irqsave(&bm->lock, flags);
		if (r.first + r.count > bm->g.bits)
			r.count = r.first < bm->g.bits ? bm->g.bits - r.first : 0;
		change_range(bm, slots, &r, set, NULL);
		spin_unlock_irqrestore(&bm->lock, flags);
		if (!r.count)
			break;
		first += r.count;
	}
}

void drbd_bm_set_slots(struct drbd_device *device, u32 slots)
{
	if (device->bitmap)
		change_long_range(device->bitmap, slots, 0, device->bitmap->g.bits, true);
}

void drbd_bm_clear_slots(struct drbd_device *device, u32 slots)
{
	if (device->bitmap)
		change_long_range(device->bitmap, slots, 0, device->bitmap->g.bits, false);
}

void drbd_bm_watch(struct drbd_device *device, u32 slots, bool on)
{
	struct drbd_bitmap *bm = device->bitmap;
	unsigned long flags;

	if (!bm)
		return;
	spin_lock_irqsave(&bm->lock, flags);
	if (on)
		bm->quiet |= slots;
	else
		bm->quiet &= ~slots;
	spin_unlock_irqrestore(&bm->lock, flags);
}

bool drbd_bm_is_quiet(struct drbd_device *device, int slot)
{
	return device->bitmap && slot >= 0 && (READ_ONCE(device->bitmap->quiet) & (1u << slot));
}

void drbd_bm_clear_quiet(struct drbd_device *device, int slot)
{
	struct drbd_bitmap *bm = device->bitmap;
	u64 first = 0, end;
	bool quiet = true;
	unsigned long flags;

	if (!bm || slot < 0 || (u32)slot >= bm->g.slots)
		return;
	while (quiet) {
		spin_lock_irqsave(&bm->lock, flags);
		quiet = bm->quiet & (1u << slot);
		end = min_t(u64, first + BM_CHUNK_WORDS * 32, bm->g.bits);
		if (quiet && first < end) {
			struct drbd_bm_range r = { .first = first, .count = end - first };

			change_range(bm, 1u << slot, &r, false, NULL);
		}
		spin_unlock_irqrestore(&bm->lock, flags);
		if (first >= end)
			break;
		first = end;
	}
	/* What was marked meanwhile may be among what is gone: rather too much than too little. */
	if (!quiet)
		drbd_bm_set_slots(device, 1u << slot);
}

void drbd_bm_copy_slot(struct drbd_device *device, int from, int to)
{
	struct drbd_bitmap *bm = device->bitmap;
	unsigned long flags;
	u64 w, end;

	if (!bm || from == to || from < 0 || to < 0 ||
	    (u32)from >= bm->g.slots || (u32)to >= bm->g.slots)
		return;
	for (w = 0; w < bm->g.words; w = end) {
		spin_lock_irqsave(&bm->lock, flags);
		end = min_t(u64, w + BM_CHUNK_WORDS, bm->g.words);
		for (; w < end; w++) {
			u32 src = le32_to_cpu(*word_of(bm, w * bm->g.slots + from));

			change_word(bm, w, to, src, true);
			change_word(bm, w, to, ~src, false);
		}
		spin_unlock_irqrestore(&bm->lock, flags);
		cond_resched();
	}
}

void drbd_bm_data_volatile(struct drbd_device *device)
{
	if (device->bitmap)
		set_bit(0, &device->bitmap->data_volatile);
}

/* --------------------------------------------------------------- looking */

unsigned long drbd_bm_nr_bits(struct drbd_device *device)
{
	return device->bitmap ? device->bitmap->g.bits : 0;
}

unsigned int drbd_bm_block_shift(struct drbd_device *device)
{
	return device->bitmap ? device->bitmap->g.shift : DRBD_BM_BIT_SHIFT_MIN;
}

unsigned long drbd_bm_weight(struct drbd_device *device, int slot)
{
	struct drbd_bitmap *bm = device->bitmap;

	if (!bm || slot < 0 || (u32)slot >= bm->g.slots)
		return 0;
	return READ_ONCE(bm->weight[slot]);
}

unsigned long drbd_bm_count(struct drbd_device *device, int slot, sector_t sector,
			    unsigned int size)
{
	struct drbd_bitmap *bm = device->bitmap;
	struct drbd_bm_range r;
	unsigned long flags, n = 0;
	u64 w;

	if (!bm || slot < 0 || (u32)slot >= bm->g.slots)
		return 0;
	spin_lock_irqsave(&bm->lock, flags);
	r = drbd_bm_touched(&bm->g, sector, size);
	if (r.count && bm->weight[slot])
		for (w = r.first >> 5; w <= (r.first + r.count - 1) >> 5; w++)
			n += hweight32(le32_to_cpu(*word_of(bm, w * bm->g.slots + slot)) &
				       drbd_bm_word_mask(w, &r));
	spin_unlock_irqrestore(&bm->lock, flags);
	return n;
}

bool drbd_bm_any_set(struct drbd_device *device, u32 slots, sector_t sector, unsigned int size)
{
	struct drbd_bitmap *bm = device->bitmap;
	struct drbd_bm_range r;
	unsigned long flags;
	bool any = false;
	u64 w;

	if (!bm)
		return false;
	spin_lock_irqsave(&bm->lock, flags);
	slots &= all_slots(bm);
	r = drbd_bm_touched(&bm->g, sector, size);
	for (w = r.first >> 5; r.count && !any && w <= (r.first + r.count - 1) >> 5; w++) {
		u32 mask = drbd_bm_word_mask(w, &r);
		u32 todo = slots;

		for (; todo && !any; todo &= todo - 1)
			any = le32_to_cpu(*word_of(bm, w * bm->g.slots + __ffs(todo))) & mask;
	}
	spin_unlock_irqrestore(&bm->lock, flags);
	return any;
}

/* First bit >= @from with @value, or g.bits.  Any context; bounded holds of the lock. */
static u64 bm_find(struct drbd_bitmap *bm, unsigned int slot, u64 from, bool value)
{
	u32 flip = value ? 0 : ~0u;
	u32 first_mask = ~0u << (from & 31);
	u64 w = from >> 5;
	unsigned long flags;
	u64 found = U64_MAX;

	while (found == U64_MAX) {
		u64 end;

		spin_lock_irqsave(&bm->lock, flags);
		end = min_t(u64, w + BM_CHUNK_WORDS, bm->g.words);
		if (w >= end)
			found = bm->g.bits;
		for (; w < end; w++) {
			u32 v = le32_to_cpu(*word_of(bm, w * bm->g.slots + slot)) ^ flip;

			v &= first_mask;
			first_mask = ~0u;
			if (v) {
				/* Surplus bits are 0: a search for 0 may end behind the last. */
				found = min_t(u64, w * 32 + __ffs(v), bm->g.bits);
				break;
			}
		}
		spin_unlock_irqrestore(&bm->lock, flags);
	}
	return found;
}

unsigned long drbd_bm_find_next(struct drbd_device *device, int slot, unsigned long bit)
{
	struct drbd_bitmap *bm = device->bitmap;
	u64 found;

	if (!bm || slot < 0 || (u32)slot >= bm->g.slots || !READ_ONCE(bm->weight[slot]))
		return ULONG_MAX;
	found = bm_find(bm, slot, bit, true);
	return found < bm->g.bits ? found : ULONG_MAX;
}

bool drbd_bm_test(struct drbd_device *device, int slot, unsigned long bit)
{
	struct drbd_bitmap *bm = device->bitmap;
	unsigned long flags;
	bool set = false;

	if (!bm || slot < 0 || (u32)slot >= bm->g.slots)
		return false;
	spin_lock_irqsave(&bm->lock, flags);
	if (bit < bm->g.bits)
		set = le32_to_cpu(*word_of(bm, (bit >> 5) * bm->g.slots + slot)) &
		      (1u << (bit & 31));
	spin_unlock_irqrestore(&bm->lock, flags);
	return set;
}

/* -------------------------------------------------------- the wire's view */

/* log2 of the number of wire bits (4 KiB each) that one of our bits stands for */
static unsigned int wire_shift(const struct drbd_bitmap *bm)
{
	return bm->g.shift - DRBD_BM_BIT_SHIFT_MIN;
}

static u64 wire_bits(const struct drbd_bitmap *bm)
{
	return drbd_bm_bits(bm->g.sectors, DRBD_BM_BIT_SHIFT_MIN);
}

u64 drbd_bm_wire_bits(struct drbd_device *device)
{
	return device->bitmap ? wire_bits(device->bitmap) : 0;
}

void drbd_bm_or_words(struct drbd_device *device, int slot, u64 word, unsigned int n,
		      const __le64 *words)
{
	struct drbd_bitmap *bm = device->bitmap;
	unsigned long flags;
	unsigned int k, i, bit;

	if (!bm || slot < 0 || (u32)slot >= bm->g.slots)
		return;
	spin_lock_irqsave(&bm->lock, flags);
	k = wire_shift(bm);
	for (i = 0; i < n; i++) {
		u64 v = le64_to_cpu(words[i]);
		u64 own = (word + i) << 6 >> k;
		struct drbd_bm_range valid = { .first = 0, .count = bm->g.bits };

		if (!v)
			continue;
		if (!k) {
			u64 w = (word + i) * 2;

			/* word_mask() is 0 beyond the end, and there are no such words. */
			if (w < bm->g.words) {
				change_word(bm, w, slot,
					    (u32)v & drbd_bm_word_mask(w, &valid), true);
				change_word(bm, w + 1, slot,
					    (u32)(v >> 32) & drbd_bm_word_mask(w + 1, &valid),
					    true);
			}
			continue;
		}
		for (bit = 0; bit < 64; bit += 1u << min(k, 6u), own++) {
			u64 mask = k >= 6 ? ~0ULL : ((1ULL << (1u << k)) - 1) << bit;

			if ((v & mask) && own < bm->g.bits)
				change_word(bm, own >> 5, slot, 1u << (own & 31), true);
		}
	}
	spin_unlock_irqrestore(&bm->lock, flags);
}

void drbd_bm_get_words(struct drbd_device *device, int slot, u64 word, unsigned int n,
		       __le64 *words)
{
	struct drbd_bitmap *bm = device->bitmap;
	unsigned long flags;
	unsigned int k, i, bit;

	memset(words, 0, n * sizeof(*words));
	if (!bm || slot < 0 || (u32)slot >= bm->g.slots)
		return;
	spin_lock_irqsave(&bm->lock, flags);
	k = wire_shift(bm);
	for (i = 0; i < n; i++) {
		u64 end = wire_bits(bm);
		u64 start = (word + i) << 6;
		u64 v = 0;

		if (start >= end)
			break;
		if (!k) {
			u64 index = (word + i) * 2 * bm->g.slots + slot;

			v = le32_to_cpu(*word_of(bm, index));
			v |= (u64)le32_to_cpu(*word_of(bm, index + bm->g.slots)) << 32;
		} else {
			for (bit = 0; bit < 64; bit++) {
				u64 own = (start + bit) >> k;

				if (start + bit >= end)
					break;
				if (le32_to_cpu(*word_of(bm, (own >> 5) * bm->g.slots + slot)) &
				    (1u << (own & 31)))
					v |= 1ULL << bit;
			}
		}
		words[i] = cpu_to_le64(v);
	}
	spin_unlock_irqrestore(&bm->lock, flags);
}

u64 drbd_bm_run(struct drbd_device *device, int slot, u64 bit, bool *value)
{
	struct drbd_bitmap *bm = device->bitmap;
	unsigned int k;
	u64 end;

	*value = false;
	if (!bm || slot < 0 || (u32)slot >= bm->g.slots || bit >= wire_bits(bm))
		return 0;
	k = wire_shift(bm);
	*value = drbd_bm_test(device, slot, bit >> k);
	end = bm_find(bm, slot, (bit >> k) + 1, !*value) << k;
	/* The last of our bits may stand for fewer wire bits than the others. */
	return min_t(u64, end, wire_bits(bm)) - bit;
}

void drbd_bm_set_run(struct drbd_device *device, int slot, u64 bit, u64 n)
{
	struct drbd_bitmap *bm = device->bitmap;
	u64 bits;
	unsigned int k;

	if (!bm || slot < 0 || (u32)slot >= bm->g.slots)
		return;
	bits = wire_bits(bm);
	if (!n || bit >= bits)
		return;
	n = min_t(u64, n, bits - bit);
	k = wire_shift(bm);
	change_long_range(bm, 1u << slot, bit >> k, ((bit + n - 1) >> k) + 1, true);
}

/* ---------------------------------------------------------------- resize */

/* Slot of a page's first word. */
static unsigned int first_slot(const struct drbd_bitmap *bm, unsigned long page)
{
	u64 index = (u64)page * BM_PAGE_WORDS;

	return do_div(index, bm->g.slots);
}

/*
 * Clears what lies beyond the geometry's bits, from page @page on; bm->lock held.
 * @removed (may be NULL): how many bits that were, added up per slot.
 */
static void clear_surplus(struct drbd_bitmap *bm, unsigned long page, u64 *removed)
{
	unsigned int slot = first_slot(bm, page);
	struct drbd_bm_range valid = { .first = 0, .count = bm->g.bits };
	u64 end = (u64)bm->nr_pages * BM_PAGE_WORDS;
	u64 index;

	for (index = (u64)page * BM_PAGE_WORDS; index < end; index++) {
		u64 w = div64_u64(index, bm->g.slots);
		u32 mask = drbd_bm_word_mask(w, &valid);
		__le32 *p = word_of(bm, index);

		if (removed)
			removed[slot] += hweight32(le32_to_cpu(*p) & ~mask);
		*p &= cpu_to_le32(mask);
		if (++slot == bm->g.slots)
			slot = 0;
	}
}

/* Page of the first word that is not completely in use. */
static unsigned long first_surplus_page(const struct drbd_bitmap *bm)
{
	return (bm->g.bits >> 5) * bm->g.slots / BM_PAGE_WORDS;
}

/* Bits per slot in pages that nobody else changes. */
static void count_pages(const struct drbd_bitmap *bm, __le32 **pages, unsigned long from,
			unsigned long to, u64 *weight)
{
	unsigned int slot = first_slot(bm, from);
	unsigned long p;
	unsigned int i;

	for (p = from; p < to; p++) {
		for (i = 0; i < BM_PAGE_WORDS; i++) {
			weight[slot] += hweight32(le32_to_cpu(pages[p][i]));
			if (++slot == bm->g.slots)
				slot = 0;
		}
		if (!(p & 255))
			cond_resched();
	}
}

int drbd_bm_resize(struct drbd_device *device, sector_t capacity, bool set_new)
{
	struct drbd_bitmap *bm = device->bitmap;
	struct drbd_bm_geometry g;
	struct bm_memory m;
	unsigned long nr_pages, kept, old_nr_pages;
	u64 removed[DRBD_MD_MAX_PEERS] = { 0 };
	unsigned int slot;
	u64 old_bits;
	unsigned int noio;
	int err;

	if (!bm)
		return 0;
	err = drbd_bm_geometry_init(&g, capacity, bm->g.slots, bm->g.shift);
	if (err)
		return -ENOMEM;
	nr_pages = g.area_bytes / BM_PAGE_BYTES;

	mutex_lock(&bm->io_mutex);
	/* Application I/O of this very device is frozen: it must not be waited for. */
	noio = memalloc_noio_save();
	err = bm_memory_alloc(&m, bm, nr_pages);
	memalloc_noio_restore(noio);
	if (err) {
		mutex_unlock(&bm->io_mutex);
		return err;
	}

	spin_lock_irq(&bm->lock);
	old_bits = bm->g.bits;
	old_nr_pages = bm->nr_pages;
	kept = min(nr_pages, old_nr_pages);
	if (kept)
		memcpy(m.pages, bm->pages, kept * sizeof(*m.pages));
	bitmap_copy(m.set_marks, bm->set_marks ?: m.set_marks, kept);
	bitmap_copy(m.clear_marks, bm->clear_marks ?: m.clear_marks, kept);
	swap(bm->pages, m.pages);
	swap(bm->set_marks, m.set_marks);
	swap(bm->clear_marks, m.clear_marks);
	bm->nr_pages = nr_pages;
	bm->g = g;
	if (g.bits < old_bits && nr_pages)
		clear_surplus(bm, first_surplus_page(bm), removed);
	spin_unlock_irq(&bm->lock);

	if (g.bits < old_bits) {
		/* Others go on with the bits that are left. */
		count_pages(bm, m.pages, nr_pages, old_nr_pages, removed);
		free_pages_from(m.pages, nr_pages, old_nr_pages);
		spin_lock_irq(&bm->lock);
		for (slot = 0; slot < g.slots; slot++)
			bm->weight[slot] -= removed[slot];
		spin_unlock_irq(&bm->lock);
	} else if (set_new) {
		change_long_range(bm, BM_ALL_SLOTS, old_bits, g.bits, true);
	}
	mutex_unlock(&bm->io_mutex);
	bm_memory_free(&m);
	return 0;
}

/* ------------------------------------------------------------------ disk */

static sector_t page_sector(struct drbd_device *device, unsigned long page)
{
	return device->ldev->layout.bm + (sector_t)page * BM_PAGE_SECTORS;
}

/* Requests in flight, and the first page of each. */
struct bm_batch {
	unsigned int n;
	struct drbd_md_io *io[BM_BATCH];
	unsigned long page[BM_BATCH];
	int err;
};

/* NULL: what the batch has so far has to come to its end first. */
static struct drbd_md_io *batch_io(struct drbd_device *device, const struct bm_batch *batch,
				   unsigned long page, blk_opf_t opf)
{
	sector_t sector = page_sector(device, page);

	return batch->n ? drbd_md_io_try_alloc(device, device->ldev, sector, opf) :
			  drbd_md_io_alloc(device, device->ldev, sector, opf);
}

int drbd_bm_read(struct drbd_device *device)
{
	struct drbd_bitmap *bm = device->bitmap;
	u64 weight[DRBD_MD_MAX_PEERS] = { 0 };
	unsigned long page = 0;
	unsigned int i, j;
	int err = 0;

	if (!bm)
		return 0;
	mutex_lock(&bm->io_mutex);
	while (page < bm->nr_pages && !err) {
		struct bm_batch batch = { 0 };

		while (batch.n < BM_BATCH && page < bm->nr_pages) {
			struct drbd_md_io *io;

			io = batch_io(device, &batch, page, REQ_OP_READ);
			if (!io)
				break;
			batch.io[batch.n] = io;
			batch.page[batch.n++] = page++;
			while (page < bm->nr_pages && drbd_md_io_add_page(io))
				page++;
			drbd_md_io_submit(io);
		}
		for (i = 0; i < batch.n; i++) {
			struct drbd_md_io *io = batch.io[i];

			if (drbd_md_io_wait(io))
				err = -EIO;
			for (j = 0; !err && j < drbd_md_io_pages(io); j++)
				memcpy(bm->pages[batch.page[i] + j], drbd_md_io_data(io, j),
				       BM_PAGE_BYTES);
			drbd_md_io_put(io);
		}
	}
	if (!err && bm->nr_pages) {
		spin_lock_irq(&bm->lock);
		clear_surplus(bm, first_surplus_page(bm), NULL);
		bitmap_zero(bm->set_marks, bm->nr_pages);
		bitmap_zero(bm->clear_marks, bm->nr_pages);
		spin_unlock_irq(&bm->lock);
		/* The disk is not attached yet: they are still ours. */
		count_pages(bm, bm->pages, 0, bm->nr_pages, weight);
		memcpy(bm->weight, weight, sizeof(weight));
	}
	mutex_unlock(&bm->io_mutex);
	if (err)
		drbd_io_error(device, DRBD_IO_ERR_META);
	return err;
}

enum bm_select {
	BM_ALL,
	BM_CHANGED,
	BM_SET,			/* pages in which bits were set */
	BM_CLEARED,		/* pages in which bits were cleared */
};

/* First page >= @from that is to be written, or nr_pages. */
static unsigned long next_page(struct drbd_bitmap *bm, enum bm_select select, unsigned long from)
{
	unsigned long end = bm->nr_pages;

	if (from >= end || select == BM_ALL)
		return min(from, end);
	switch (select) {
	case BM_SET:
		return find_next_bit(bm->set_marks, end, from);
	case BM_CLEARED:
		return find_next_bit(bm->clear_marks, end, from);
	default:
		return min(find_next_bit(bm->set_marks, end, from),
			   find_next_bit(bm->clear_marks, end, from));
	}
}

/* What is in @copy from now on need not be written again. */
static void copy_page_out(struct drbd_bitmap *bm, unsigned long page, void *copy)
{
	spin_lock_irq(&bm->lock);
	__clear_bit(page, bm->set_marks);
	__clear_bit(page, bm->clear_marks);
	memcpy(copy, bm->pages[page], BM_PAGE_BYTES);
	spin_unlock_irq(&bm->lock);
}

/*
 * A bit that a resync write cleared stands for data that may have come no further
 * than the device's cache.  Data first: called with the copies made, which is
 * where later clearing does not show any more.
 */
static int flush_data(struct drbd_device *device)
{
	struct drbd_bitmap *bm = device->bitmap;
	int err;

	if (!test_and_clear_bit(0, &bm->data_volatile) ||
	    READ_ONCE(device->resource->write_ordering) < WO_BDEV_FLUSH)
		return 0;
	/* A device that is left behind because it hangs is not waited for. */
	err = test_bit(DEV_FORCE_DETACH, &device->flags) ? -EIO : drbd_backing_flush(device);
	if (!err || err == -EOPNOTSUPP)
		return 0;
	set_bit(0, &bm->data_volatile);
	drbd_io_error(device, DRBD_IO_ERR_FLUSH);
	return -EIO;
}

static void mark_again(struct drbd_bitmap *bm, unsigned long page, unsigned int n)
{
	spin_lock_irq(&bm->lock);
	bitmap_set(bm->set_marks, page, n);
	spin_unlock_irq(&bm->lock);
}

/*
 * io_mutex held: submits one request that starts at @page; returns the page after it,
 * or @page if the batch has to be waited for before there is memory for another one.
 */
static unsigned long submit_pages(struct drbd_device *device, struct bm_batch *batch,
				  enum bm_select select, unsigned long page, unsigned long end)
{
	struct drbd_bitmap *bm = device->bitmap;
	unsigned long first = page;
	struct drbd_md_io *io;
	void *data;

	io = batch_io(device, batch, page, REQ_OP_WRITE);
	if (!io)
		return page;
	copy_page_out(bm, page++, drbd_md_io_data(io, 0));
	while (page < end && next_page(bm, select, page) == page) {
		data = drbd_md_io_add_page(io);
		if (!data)
			break;
		copy_page_out(bm, page++, data);
	}
	if (flush_data(device)) {
		mark_again(bm, first, drbd_md_io_pages(io));
		drbd_md_io_put(io);
		batch->err = -EIO;
		return page;
	}
	batch->io[batch->n] = io;
	batch->page[batch->n++] = first;
	atomic_add(drbd_md_io_pages(io), &device->bm_writ_cnt);
	drbd_md_io_submit(io);
	return page;
}

static int wait_batch(struct drbd_device *device, struct bm_batch *batch)
{
	int err = batch->err;
	unsigned int i;

	for (i = 0; i < batch->n; i++) {
		struct drbd_md_io *io = batch->io[i];

		if (drbd_md_io_wait(io)) {
			err = -EIO;
			mark_again(device->bitmap, batch->page[i], drbd_md_io_pages(io));
		}
		drbd_md_io_put(io);
	}
	batch->n = 0;
	return err;
}

/*
 * The mutex is held per batch, so that the activity log, which needs a page or
 * two at once, does not wait for the write-out of a whole bitmap.
 */
static int write_selected(struct drbd_device *device, enum bm_select select)
{
	struct drbd_bitmap *bm = device->bitmap;
	struct bm_batch batch = { 0 };
	unsigned long page = 0, next;
	bool any = false, more = true;
	int err = 0;

	if (!bm)
		return 0;
	while (more && !err) {
		mutex_lock(&bm->io_mutex);
		while (batch.n < BM_BATCH && !batch.err) {
			page = next_page(bm, select, page);
			more = page < bm->nr_pages;
			if (!more)
				break;
			next = submit_pages(device, &batch, select, page, bm->nr_pages);
			if (next == page)
				break;
			page = next;
			any = true;
		}
		err = wait_batch(device, &batch);
		mutex_unlock(&bm->io_mutex);
	}
	if (any && !err && select != BM_CLEARED)
		err = drbd_md_flush(device, device->ldev);
	if (err)
		drbd_io_error(device, DRBD_IO_ERR_META);
	return err;
}

int drbd_bm_write(struct drbd_device *device)
{
	return write_selected(device, BM_CHANGED);
}

int drbd_bm_write_all(struct drbd_device *device)
{
	return write_selected(device, BM_ALL);
}

int drbd_bm_write_lazy(struct drbd_device *device)
{
	return write_selected(device, BM_CLEARED);
}

int drbd_bm_write_extents(struct drbd_device *device, const unsigned int *enr, unsigned int n)
{
	struct drbd_bitmap *bm = device->bitmap;
	struct bm_batch batch = { 0 };
	unsigned int i;
	int err = 0;

	if (!bm || !n)
		return 0;
	mutex_lock(&bm->io_mutex);
	for (i = 0; i < n; i++) {
		struct drbd_bm_range r = drbd_bm_extent_bits(enr[i], bm->g.shift);
		unsigned long page, last;
		u64 start, end;

		drbd_bm_area_span(&bm->g, &r, &start, &end);
		if (start >= end)
			continue;
		last = (end - 1) / BM_PAGE_BYTES;
		page = next_page(bm, BM_SET, start / BM_PAGE_BYTES);
		while (page <= last && page < bm->nr_pages) {
			unsigned long next = submit_pages(device, &batch, BM_SET, page, last + 1);

			if ((next == page || batch.n == BM_BATCH) && wait_batch(device, &batch))
				err = -EIO;
			page = next_page(bm, BM_SET, next);
		}
	}
	if (wait_batch(device, &batch))
		err = -EIO;
	mutex_unlock(&bm->io_mutex);
	if (err)
		drbd_io_error(device, DRBD_IO_ERR_META);
	return err;
}
