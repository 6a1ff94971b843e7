// SPDX-License-Identifier: GPL-2.0-only
#include "activity_log.h"

_Static_assert(sizeof(struct drbd_al_block) == DRBD_AL_BLOCK_BYTES, "activity log block");
_Static_assert(offsetof(struct drbd_al_block, update_slot) == 0x24, "update slots");
_Static_assert(offsetof(struct drbd_al_block, update_extent) == 0xa4, "update extents");
_Static_assert(offsetof(struct drbd_al_block, context) == 0x1a4, "context");

/* No slot: end of a list. */
#define NIL 0xffffffffu

/* ---- the ring on disk ---- */

u32 drbd_al_max_extents(u32 blocks)
{
	if (blocks < 2)
		return 0;
	if (blocks > 72)
		return DRBD_AL_EXTENTS_MAX;
	/* 71 * 919 = 65249 still fits the slot numbers. */
	return (blocks - 1) * DRBD_AL_CONTEXT;
}

u32 drbd_al_clamp_extents(u32 configured, u32 blocks)
{
	u32 max = drbd_al_max_extents(blocks);

	if (configured < DRBD_AL_EXTENTS_MIN)
		configured = DRBD_AL_EXTENTS_MIN;
	return configured < max ? configured : max;
}

u32 drbd_al_block_index(u32 number, u32 stripes, u32 stripe_size_4k)
{
	u32 t = number % (stripes * stripe_size_4k);

	return (t % stripes) * stripe_size_4k + t / stripes;
}

/* The checksum is taken with its own field zero. */
static u32 block_crc(const struct drbd_al_block *b)
{
	static const u8 zero[sizeof(b->crc32c)];
	const u8 *bytes = (const u8 *)b;
	size_t at = offsetof(struct drbd_al_block, crc32c);
	u32 crc;

	crc = crc32c(0, bytes, at);
	crc = crc32c(crc, zero, sizeof(zero));
	return crc32c(crc, bytes + at + sizeof(zero), sizeof(*b) - at - sizeof(zero));
}

void drbd_al_encode_initialized(struct drbd_al_block *b)
{
	memset(b, 0, sizeof(*b));
	b->magic = cpu_to_be32(DRBD_AL_MAGIC);
	b->type = cpu_to_be16(DRBD_AL_TYPE_INITIALIZED);
	b->crc32c = cpu_to_be32(block_crc(b));
}

/* Everything but context and checksum. */
static void encode_head(struct drbd_al_block *b, u32 number, u32 nr_slots, u32 context_start,
			const struct drbd_al_update *updates, u32 n_updates)
{
	u32 i;

	memset(b, 0, offsetof(struct drbd_al_block, update_slot));
	b->magic = cpu_to_be32(DRBD_AL_MAGIC);
	b->number = cpu_to_be32(number);
	b->type = cpu_to_be16(DRBD_AL_TYPE_UPDATE);
	b->n_updates = cpu_to_be16(n_updates);
	b->context_size = cpu_to_be16(nr_slots);
	b->context_start = cpu_to_be16(context_start);
	for (i = 0; i < DRBD_AL_UPDATES; i++) {
		bool used = i < n_updates;

		b->update_slot[i] = cpu_to_be16(used ? updates[i].slot : DRBD_AL_NO_SLOT);
		b->update_extent[i] = cpu_to_be32(used ? updates[i].extent : DRBD_AL_FREE);
	}
}

int drbd_al_encode(struct drbd_al_block *b, u32 number, const u32 *labels, u32 nr_slots,
		   u32 context_start, const struct drbd_al_update *updates, u32 n_updates)
{
	u32 i;

	if (nr_slots < 1 || nr_slots > DRBD_AL_EXTENTS_MAX || context_start >= nr_slots ||
	    n_updates > DRBD_AL_UPDATES)
		return -EINVAL;
	for (i = 0; i < n_updates; i++)
		if (updates[i].slot >= nr_slots)
			return -EINVAL;

	encode_head(b, number, nr_slots, context_start, updates, n_updates);
	for (i = 0; i < DRBD_AL_CONTEXT; i++) {
		u32 slot = context_start + i;

		b->context[i] = cpu_to_be32(slot < nr_slots ? labels[slot] : DRBD_AL_FREE);
	}
	b->crc32c = cpu_to_be32(block_crc(b));
	return 0;
}

u32 drbd_al_next_context(u32 start, u32 nr_slots)
{
	return start + DRBD_AL_CONTEXT < nr_slots ? start + DRBD_AL_CONTEXT : 0;
}

enum drbd_al_block_kind drbd_al_check(const struct drbd_al_block *b)
{
	if (be32_to_cpu(b->magic) != DRBD_AL_MAGIC || be32_to_cpu(b->crc32c) != block_crc(b))
		return DRBD_AL_BLOCK_INVALID;
	if (be16_to_cpu(b->type) == DRBD_AL_TYPE_INITIALIZED)
		return DRBD_AL_BLOCK_INITIALIZED;
	return DRBD_AL_BLOCK_UPDATE;
}

/* ---- replay ---- */

/* The valid transactions seen so far, by number; numbers wrap at 2^32. */
struct span {
	u32 oldest, newest;
	u32 oldest_at, newest_at;	/* positions in the ring */
	u32 count;
};

static void span_add(struct span *s, u32 number, u32 at)
{
	if (!s->count || (s32)(number - s->oldest) < 0) {
		s->oldest = number;
		s->oldest_at = at;
	}
	if (!s->count || (s32)(number - s->newest) > 0) {
		s->newest = number;
		s->newest_at = at;
	}
	s->count++;
}

static void free_all_labels(u32 *labels)
{
	u32 i;

	for (i = 0; i < DRBD_AL_EXTENTS_MAX; i++)
		labels[i] = DRBD_AL_FREE;
}

static void replay_one(const struct drbd_al_block *b, u32 *labels, struct drbd_al_replay_stats *stats)
{
	u32 n_updates = be16_to_cpu(b->n_updates);
	u32 size = be16_to_cpu(b->context_size);
	u32 start = be16_to_cpu(b->context_start);
	u32 i;

	for (i = 0; i < DRBD_AL_CONTEXT; i++) {
		u32 extent = be32_to_cpu(b->context[i]);
		u32 slot = start + i;

		if (extent == DRBD_AL_FREE && slot >= size)
			continue;
		if (slot >= DRBD_AL_EXTENTS_MAX)
			stats->bad_slots++;
		else
			labels[slot] = extent;
	}
	for (i = 0; i < DRBD_AL_UPDATES; i++) {
		u32 slot = be16_to_cpu(b->update_slot[i]);

		if (i >= n_updates && slot == DRBD_AL_NO_SLOT)
			continue;
		if (slot >= DRBD_AL_EXTENTS_MAX)
			stats->bad_slots++;
		else
			labels[slot] = be32_to_cpu(b->update_extent[i]);
	}
	if (be16_to_cpu(b->type) != DRBD_AL_TYPE_UPDATE)
		stats->unknown_types++;
	stats->replayed++;
}

enum drbd_al_replay_result drbd_al_replay(const struct drbd_al_block *ring, u32 stripes,
					  u32 stripe_size_4k, u32 *labels,
					  struct drbd_al_replay_stats *stats)
{
	u32 n = stripes * stripe_size_4k;
	bool first_invalid = false;
	struct span span = { 0 };
	u32 t, last;

	memset(stats, 0, sizeof(*stats));
	free_all_labels(labels);

	for (t = 0; t < n; t++) {
		const struct drbd_al_block *b;

		b = &ring[drbd_al_block_index(t, stripes, stripe_size_4k)];
		switch (drbd_al_check(b)) {
		case DRBD_AL_BLOCK_INVALID:
			stats->corrupt++;
			if (t == 0)
				first_invalid = true;
			break;
		case DRBD_AL_BLOCK_INITIALIZED:
			stats->valid++;
			break;
		case DRBD_AL_BLOCK_UPDATE:
			stats->valid++;
			span_add(&span, be32_to_cpu(b->number), t);
			break;
		}
	}
	if (!stats->valid)
		return DRBD_AL_REPLAY_NO_DATA;
	if (!span.count) {
		if (!stats->corrupt || (stats->corrupt == 1 && first_invalid))
			return DRBD_AL_REPLAY_CLEAN;
		return DRBD_AL_REPLAY_INVALID;
	}

	stats->oldest = span.oldest;
	stats->newest = span.newest;
	last = span.newest_at;
	if (last < span.oldest_at)
		last += n;
	for (t = span.oldest_at; t <= last; t++) {
		const struct drbd_al_block *b;

		b = &ring[drbd_al_block_index(t % n, stripes, stripe_size_4k)];
		if (drbd_al_check(b) == DRBD_AL_BLOCK_UPDATE)
			replay_one(b, labels, stats);
	}
	return DRBD_AL_REPLAY_ACTIVE;
}

/* ---- replay of the format of 8.3 ---- */

#define OLD_SECTORS 64
#define OLD_ENTRIES 62		/* one update and 61 of context */

struct old_sector {
	__be32 magic;
	__be32 number;
	struct {
		__be32 slot;
		__be32 extent;
	} entry[OLD_ENTRIES];
	__be32 xor_sum;
	__be32 pad;
};

_Static_assert(sizeof(struct old_sector) == 512, "8.3 activity log sector");

static bool old_sector_valid(const struct old_sector *s)
{
	u32 xor_sum = 0;
	int i;

	if (be32_to_cpu(s->magic) != DRBD_AL_83_MAGIC)
		return false;
	for (i = 0; i < OLD_ENTRIES; i++)
		xor_sum ^= be32_to_cpu(s->entry[i].extent);
	return xor_sum == be32_to_cpu(s->xor_sum);
}

enum drbd_al_replay_result drbd_al_replay_83(const void *area, u32 nr_extents, u32 *labels,
					     struct drbd_al_replay_stats *stats)
{
	const struct old_sector *sectors = area;
	u32 n = OLD_SECTORS;
	struct span span = { 0 };
	u32 t, last;

	memset(stats, 0, sizeof(*stats));
	free_all_labels(labels);
	if (nr_extents <= (OLD_SECTORS - 1) * (OLD_ENTRIES - 1))
		n = 1 + DIV_ROUND_UP(nr_extents, OLD_ENTRIES - 1);

	for (t = 0; t < n; t++) {
		if (!old_sector_valid(&sectors[t])) {
			stats->corrupt++;
			continue;
		}
		stats->valid++;
		span_add(&span, be32_to_cpu(sectors[t].number), t);
	}
	if (!span.count)
		return DRBD_AL_REPLAY_CLEAN;

	stats->oldest = span.oldest;
	stats->newest = span.newest;
	last = span.newest_at;
	if (last < span.oldest_at)
		last += n;
	for (t = span.oldest_at; t <= last; t++) {
		const struct old_sector *s = &sectors[t % n];
		int i;

		if (!old_sector_valid(s))
			continue;
		/* The update is entry 0 and must win over the context. */
		for (i = OLD_ENTRIES - 1; i >= 0; i--) {
			u32 slot = be32_to_cpu(s->entry[i].slot);
			u32 extent = be32_to_cpu(s->entry[i].extent);

			if (extent == DRBD_AL_FREE)
				continue;
			if (slot >= DRBD_AL_EXTENTS_MAX)
				stats->bad_slots++;
			else
				labels[slot] = extent;
		}
		stats->replayed++;
	}
	return DRBD_AL_REPLAY_ACTIVE;
}

/* ---- the active set in memory ---- */

u32 drbd_aset_hash_size(u32 nr_slots)
{
	u32 size = 64;

	while (size < nr_slots && size < 65536)
		size <<= 1;
	return size;
}

static u32 *hash_head(struct drbd_active_set *set, u32 extent)
{
	/* Neighbouring extents are the common case; spread the rest a little. */
	return &set->hash[(extent ^ (extent >> 12)) & set->hash_mask];
}

static u32 lookup(const struct drbd_active_set *set, u32 extent)
{
	u32 i = set->hash[(extent ^ (extent >> 12)) & set->hash_mask];

	while (i != NIL && set->slots[i].next_extent != extent)
		i = set->slots[i].hash_next;
	return i;
}

static void hash_add(struct drbd_active_set *set, u32 i)
{
	u32 *head;

	if (set->slots[i].next_extent == DRBD_AL_FREE)
		return;
	head = hash_head(set, set->slots[i].next_extent);
	set->slots[i].hash_next = *head;
	*head = i;
}

static void hash_del(struct drbd_active_set *set, u32 i)
{
	u32 *p;

	if (set->slots[i].next_extent == DRBD_AL_FREE)
		return;
	p = hash_head(set, set->slots[i].next_extent);
	while (*p != NIL && *p != i)
		p = &set->slots[*p].hash_next;
	if (*p == i)
		*p = set->slots[i].hash_next;
}

static void lru_add_tail(struct drbd_active_set *set, u32 i)
{
	struct drbd_aset_slot *s = &set->slots[i];

	s->lru_next = NIL;
	s->lru_prev = set->lru_tail;
	if (set->lru_tail != NIL)
		set->slots[set->lru_tail].lru_next = i;
	else
		set->lru_head = i;
	set->lru_tail = i;
}

static void lru_add_head(struct drbd_active_set *set, u32 i)
{
	struct drbd_aset_slot *s = &set->slots[i];

	s->lru_prev = NIL;
	s->lru_next = set->lru_head;
	if (set->lru_head != NIL)
		set->slots[set->lru_head].lru_prev = i;
	else
		set->lru_tail = i;
	set->lru_head = i;
}

static void lru_del(struct drbd_active_set *set, u32 i)
{
	struct drbd_aset_slot *s = &set->slots[i];

	if (s->lru_prev != NIL)
		set->slots[s->lru_prev].lru_next = s->lru_next;
	else
		set->lru_head = s->lru_next;
	if (s->lru_next != NIL)
		set->slots[s->lru_next].lru_prev = s->lru_prev;
	else
		set->lru_tail = s->lru_prev;
	s->lru_prev = NIL;
	s->lru_next = NIL;
}

static bool slot_pending(const struct drbd_aset_slot *s)
{
	return s->extent != s->next_extent;
}

static void take_ref(struct drbd_active_set *set, u32 i)
{
	if (set->slots[i].refs++)
		return;
	set->nr_referenced++;
	/* A slot with a pending change is on no list. */
	if (!slot_pending(&set->slots[i]))
		lru_del(set, i);
}

int drbd_aset_init(struct drbd_active_set *set, struct drbd_aset_slot *slots, u32 *hash,
		   u32 nr_slots, u32 number)
{
	if (nr_slots < 1 || nr_slots > DRBD_AL_EXTENTS_MAX)
		return -EINVAL;
	memset(set, 0, sizeof(*set));
	set->slots = slots;
	set->hash = hash;
	set->nr_slots = nr_slots;
	set->hash_mask = drbd_aset_hash_size(nr_slots) - 1;
	return drbd_aset_reset(set, number);
}

int drbd_aset_reset(struct drbd_active_set *set, u32 number)
{
	u32 i;

	if (set->nr_referenced || set->n_pending || set->writing)
		return -EBUSY;
	for (i = 0; i <= set->hash_mask; i++)
		set->hash[i] = NIL;
	set->lru_head = NIL;
	set->lru_tail = NIL;
	for (i = 0; i < set->nr_slots; i++) {
		struct drbd_aset_slot *s = &set->slots[i];

		s->extent = DRBD_AL_FREE;
		s->next_extent = DRBD_AL_FREE;
		s->refs = 0;
		s->hash_next = NIL;
		lru_add_tail(set, i);
	}
	set->nr_labelled = 0;
	set->number = number;
	set->context_start = 0;
	set->starving = false;
	return 0;
}

bool drbd_aset_get_hot(struct drbd_active_set *set, u32 extent)
{
	u32 i;

	if (set->starving || extent == DRBD_AL_FREE)
		return false;
	i = lookup(set, extent);
	if (i == NIL || slot_pending(&set->slots[i]))
		return false;
	take_ref(set, i);
	return true;
}

enum drbd_aset_get drbd_aset_get(struct drbd_active_set *set, u32 extent)
{
	struct drbd_aset_slot *s;
	u32 i = lookup(set, extent);

	if (i != NIL) {
		take_ref(set, i);
		return slot_pending(&set->slots[i]) ? DRBD_ASET_PENDING : DRBD_ASET_HOT;
	}
	if (set->writing || set->n_pending == DRBD_AL_UPDATES)
		return DRBD_ASET_COMMIT_FIRST;
	i = set->lru_head;
	if (i == NIL) {
		/* Those who wait for the pending changes may free slots later. */
		if (set->n_pending)
			return DRBD_ASET_COMMIT_FIRST;
		set->starving = true;
		return DRBD_ASET_STARVED;
	}
	s = &set->slots[i];
	lru_del(set, i);
	hash_del(set, i);
	s->next_extent = extent;
	hash_add(set, i);
	s->refs = 1;
	set->nr_referenced++;
	set->pending[set->n_pending++] = (u16)i;
	return DRBD_ASET_PENDING;
}

bool drbd_aset_put(struct drbd_active_set *set, u32 extent)
{
	u32 i = lookup(set, extent);
	struct drbd_aset_slot *s;

	if (i == NIL || !set->slots[i].refs)
		return false;
	s = &set->slots[i];
	if (--s->refs)
		return false;
	set->nr_referenced--;
	if (!slot_pending(s))
		lru_add_tail(set, i);
	set->starving = false;
	return true;
}

u32 drbd_aset_refs(const struct drbd_active_set *set, u32 extent)
{
	u32 i = lookup(set, extent);

	return i == NIL ? 0 : set->slots[i].refs;
}

bool drbd_aset_is_hot(const struct drbd_active_set *set, u32 extent)
{
	u32 i = lookup(set, extent);

	return i != NIL && !slot_pending(&set->slots[i]);
}

int drbd_aset_begin(struct drbd_active_set *set, struct drbd_al_block *b, u32 *evicted,
		    u32 *n_evicted)
{
	struct drbd_al_update updates[DRBD_AL_UPDATES];
	u32 i;

	if (set->writing)
		return -EBUSY;
	*n_evicted = 0;
	for (i = 0; i < set->n_pending; i++) {
		const struct drbd_aset_slot *s = &set->slots[set->pending[i]];

		updates[i].slot = set->pending[i];
		updates[i].extent = s->next_extent;
		if (s->extent != DRBD_AL_FREE)
			evicted[(*n_evicted)++] = s->extent;
	}
	encode_head(b, set->number, set->nr_slots, set->context_start, updates, set->n_pending);
	for (i = 0; i < DRBD_AL_CONTEXT; i++) {
		u32 slot = set->context_start + i;
		u32 extent = slot < set->nr_slots ? set->slots[slot].extent : DRBD_AL_FREE;

		b->context[i] = cpu_to_be32(extent);
	}
	b->crc32c = cpu_to_be32(block_crc(b));
	set->writing = true;
	return (int)set->n_pending;
}

void drbd_aset_commit(struct drbd_active_set *set)
{
	u32 i;

	if (!set->writing)
		return;
	for (i = 0; i < set->n_pending; i++) {
		u32 at = set->pending[i];
		struct drbd_aset_slot *s = &set->slots[at];

		if (s->extent == DRBD_AL_FREE)
			set->nr_labelled++;
		s->extent = s->next_extent;
		if (!s->refs)
			lru_add_tail(set, at);
	}
	set->n_pending = 0;
	set->number++;
	set->context_start = drbd_al_next_context(set->context_start, set->nr_slots);
	set->writing = false;
}

void drbd_aset_abort(struct drbd_active_set *set)
{
	u32 i;

	for (i = 0; i < set->n_pending; i++) {
		u32 at = set->pending[i];
		struct drbd_aset_slot *s = &set->slots[at];

		hash_del(set, at);
		s->next_extent = s->extent;
		if (s->refs)
			set->nr_referenced--;
		s->refs = 0;
		/*
		 * The extent that was to leave may have been asked for again
		 * and sit in another pending slot; both are undone here.
		 */
		hash_add(set, at);
		lru_add_head(set, at);
	}
	if (set->n_pending)
		set->starving = false;
	set->n_pending = 0;
	set->writing = false;
}
