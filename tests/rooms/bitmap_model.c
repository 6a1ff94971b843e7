// SPDX-License-Identifier: GPL-2.0-only
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "rooms_test.h"
#include "bitmap.h"
#include "core/bitmap_geometry.h"

#define MAX_BITS (6ULL << 10)
#define WORDS 8

struct model {
	struct drbd_device *device;
	struct drbd_bm_geometry g;
	u8 *bits[DRBD_MD_MAX_PEERS];
	struct rnd_state rnd;
	bool ok;
};

static u32 below(struct model *m, u32 n)
{
	return prandom_u32_state(&m->rnd) % n;
}

static unsigned int wire_shift(struct model *m)
{
	return m->g.shift - 12;
}

static void expect(struct model *m, bool fine, const char *what)
{
	if (!fine)
		pr_err("rooms_test: bitmap of %u slots, shift %u: %s\n", m->g.slots, m->g.shift,
		       what);
	m->ok &= fine;
}

/* The bits @r of the slots @mask become @value in the model. */
static u32 change(struct model *m, u32 mask, const struct drbd_bm_range *r, u8 value,
		  unsigned long *changed)
{
	u32 slots = 0;
	unsigned int s;
	u64 b;

	*changed = 0;
	for (s = 0; s < m->g.slots; s++) {
		if (!(mask & (1u << s)))
			continue;
		for (b = r->first; b < r->first + r->count; b++) {
			if (m->bits[s][b] == value)
				continue;
			m->bits[s][b] = value;
			slots |= 1u << s;
			++*changed;
		}
	}
	return slots;
}

static void set_or_clear(struct model *m, bool set, u64 sector, u32 size)
{
	u32 mask = below(m, 3) ? 1u << below(m, m->g.slots) : prandom_u32_state(&m->rnd);
	struct drbd_bm_range r = set ? drbd_bm_touched(&m->g, sector, size) :
				       drbd_bm_covered(&m->g, sector, size);
	unsigned long changed, wanted;
	u32 slots = change(m, mask, &r, set, &wanted);
	u32 got = set ? drbd_bm_set(m->device, mask, sector, size, &changed) :
			drbd_bm_clear(m->device, mask, sector, size, &changed);

	expect(m, got == slots && changed == wanted, set ? "set" : "clear");
}

static void resize(struct model *m)
{
	u64 sectors = 1 + below(m, (u32)MAX_BITS << (m->g.shift - 9));
	bool set = below(m, 2);
	u64 old = m->g.bits;
	unsigned int s;

	expect(m, !drbd_bm_resize(m->device, sectors, set), "resize");
	drbd_bm_geometry_init(&m->g, sectors, m->g.slots, m->g.shift);
	for (s = 0; s < m->g.slots; s++) {
		if (m->g.bits < old)
			memset(m->bits[s] + m->g.bits, 0, old - m->g.bits);
		else
			memset(m->bits[s] + old, set, m->g.bits - old);
	}
}

static void or_words(struct model *m)
{
	u64 word = below(m, drbd_bm_wire_bits(m->device) / 64 + 2);
	unsigned int n = 1 + below(m, WORDS);
	unsigned int s = below(m, m->g.slots);
	__le64 words[WORDS];
	unsigned int i;

	for (i = 0; i < n; i++) {
		u64 v = (u64)prandom_u32_state(&m->rnd) << 32 | prandom_u32_state(&m->rnd);

		words[i] = cpu_to_le64(below(m, 2) ? v & v << 7 & v >> 13 : 0);
	}
	drbd_bm_or_words(m->device, s, word, n, words);
	for (i = 0; i < n * 64; i++) {
		u64 bit = (word * 64 + i) >> wire_shift(m);

		if (bit < m->g.bits && le64_to_cpu(words[i / 64]) >> (i % 64) & 1)
			m->bits[s][bit] = 1;
	}
}

static void set_run(struct model *m)
{
	u64 wire = drbd_bm_wire_bits(m->device);
	u64 first = below(m, wire), n = 1 + below(m, 200), b;
	unsigned int s = below(m, m->g.slots);

	drbd_bm_set_run(m->device, s, first, n);
	for (b = first; b < min(first + n, wire); b++)
		m->bits[s][b >> wire_shift(m)] = 1;
}

static void whole_slot(struct model *m)
{
	unsigned int s = below(m, m->g.slots), other = below(m, m->g.slots);

	switch (below(m, 3)) {
	case 0:
		drbd_bm_copy_slot(m->device, s, other);
		memmove(m->bits[other], m->bits[s], MAX_BITS);
		break;
	case 1:
		drbd_bm_set_slots(m->device, 1u << s);
		memset(m->bits[s], 1, m->g.bits);
		break;
	default:
		drbd_bm_clear_slots(m->device, 1u << s);
		memset(m->bits[s], 0, m->g.bits);
	}
}

static void look_at_weights(struct model *m)
{
	unsigned int s;
	u64 b;

	for (s = 0; s < m->g.slots; s++) {
		u64 weight = 0;

		for (b = 0; b < m->g.bits; b++)
			weight += m->bits[s][b];
		expect(m, drbd_bm_weight(m->device, s) == weight, "weight");
	}
}

static void look_at_range(struct model *m, u64 sector, u32 size)
{
	struct drbd_bm_range r = drbd_bm_touched(&m->g, sector, size);
	unsigned int s = below(m, m->g.slots);
	unsigned long n = 0;
	u64 b;

	for (b = r.first; b < r.first + r.count; b++)
		n += m->bits[s][b];
	expect(m, drbd_bm_count(m->device, s, sector, size) == n, "count");
	expect(m, drbd_bm_any_set(m->device, 1u << s, sector, size) == (n > 0), "any set");

	for (b = r.first; b < m->g.bits && !m->bits[s][b]; b++)
		;
	expect(m, drbd_bm_find_next(m->device, s, r.first) == (b < m->g.bits ? b : ULONG_MAX),
	       "find next");
	if (r.count)
		expect(m, drbd_bm_test(m->device, s, r.first) == m->bits[s][r.first], "test");
}

static void look_at_wire(struct model *m)
{
	u64 wire = drbd_bm_wire_bits(m->device);
	u64 first = below(m, wire), word = below(m, wire / 64 + 1), end;
	unsigned int k = wire_shift(m), s = below(m, m->g.slots), i;
	const u8 *bits = m->bits[s];
	__le64 words[WORDS];
	bool value;
	u64 run = drbd_bm_run(m->device, s, first, &value);

	for (end = first; end < wire && bits[end >> k] == bits[first >> k]; end++)
		;
	expect(m, run == end - first && value == bits[first >> k], "run");

	drbd_bm_get_words(m->device, s, word, WORDS, words);
	for (i = 0; i < WORDS * 64; i++) {
		u64 bit = word * 64 + i;
		bool got = le64_to_cpu(words[i / 64]) >> (i % 64) & 1;

		expect(m, got == (bit < wire && bits[bit >> k]), "words");
	}
}

static void one_round(unsigned int seed)
{
	struct model *m = kzalloc(sizeof(*m), GFP_KERNEL | __GFP_NOFAIL);
	unsigned int slots, shift, op, s;

	m->device = kzalloc(sizeof(*m->device), GFP_KERNEL | __GFP_NOFAIL);
	m->ok = true;
	prandom_seed_state(&m->rnd, seed);
	slots = below(m, 3) ? 1 + below(m, DRBD_MD_MAX_PEERS) : 1;
	shift = below(m, 2) ? 12 : 12 + below(m, 9);
	m->device->bitmap = drbd_bitmap_alloc(slots, 1u << shift);
	CHECK(m->device->bitmap);
	drbd_bm_geometry_init(&m->g, 0, slots, shift);
	for (s = 0; s < slots; s++)
		m->bits[s] = vzalloc(MAX_BITS);
	resize(m);
	for (op = 0; op < 300 && m->ok; op++) {
		u64 sector = below(m, m->g.sectors + 64);
		u32 size = 1 + below(m, below(m, 4) ? 1u << 15 : 1u << (shift + 6));

		switch (below(m, 8)) {
		case 0:
		case 1:
		case 2:
			set_or_clear(m, true, sector, size);
			break;
		case 3:
		case 4:
			set_or_clear(m, false, sector, size);
			break;
		case 5:
			resize(m);
			break;
		case 6:
			or_words(m);
			break;
		default:
			if (below(m, 2))
				set_run(m);
			else
				whole_slot(m);
		}
		look_at_weights(m);
		look_at_range(m, sector, size);
		look_at_wire(m);
		cond_resched();
	}
	CHECK(m->ok);
	for (s = 0; s < slots; s++)
		vfree(m->bits[s]);
	drbd_bitmap_free(m->device->bitmap);
	kfree(m->device);
	kfree(m);
}

void rooms_test_bitmap(unsigned int rounds)
{
	unsigned int i;

	for (i = 0; i < rounds; i++)
		one_round(rooms_seed * 1000 + i);
}
