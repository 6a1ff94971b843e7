/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The activity log: which 4 MiB extents may have writes in flight.
 *
 * On disk it is a ring of 4 KiB transactions (metadata chapter, section 5); in
 * memory a set of slots, each labelled with an extent and reference counted
 * (io-path chapter, section 6).  This file has both as pure code: encode,
 * decode and replay of the ring, and the *active set* with its rules about what
 * may enter and leave and what a transaction must contain.  Memory, locks,
 * waiting and I/O are the caller's.
 */
#ifndef DRBD_CORE_ACTIVITY_LOG_H
#define DRBD_CORE_ACTIVITY_LOG_H

#include "port.h"
#include "../../include/linux/drbd_metadata.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the ring on disk ---------------------------------------------------- */

/* One change of a slot; extent DRBD_AL_FREE frees it. */
struct drbd_al_update {
	u32 extent;
	u16 slot;
};

/*
 * Largest usable number of slots with a ring of @blocks, so that blocks - 1
 * transactions always hold every slot's label.  0 for @blocks < 2.
 */
u32 drbd_al_max_extents(u32 blocks);

/* The configured al-extents, clamped to 67 .. drbd_al_max_extents(blocks). */
u32 drbd_al_clamp_extents(u32 configured, u32 blocks);

/*
 * Block of the area that holds transaction @number, 0 .. blocks - 1.
 * @stripes and @stripe_size_4k must have been checked (drbd_md_al_blocks()).
 */
u32 drbd_al_block_index(u32 number, u32 stripes, u32 stripe_size_4k);

/* Fill 4096 bytes with the block that create-md and apply-al write. */
void drbd_al_encode_initialized(struct drbd_al_block *b);

/*
 * Encode a transaction.  @labels: the label of each of the @nr_slots slots as
 * they are *before* @updates; @context_start: first slot of the repeated
 * window; @n_updates <= 64.  -EINVAL if an argument is out of range, also a
 * slot number; then @b is not touched.
 */
int drbd_al_encode(struct drbd_al_block *b, u32 number, const u32 *labels, u32 nr_slots,
		   u32 context_start, const struct drbd_al_update *updates, u32 n_updates);

/* Start of the context window of the transaction after one that had @start. */
u32 drbd_al_next_context(u32 start, u32 nr_slots);

enum drbd_al_block_kind {
	DRBD_AL_BLOCK_INVALID = 0,	/* wrong magic or checksum */
	DRBD_AL_BLOCK_INITIALIZED,
	DRBD_AL_BLOCK_UPDATE,
};

/* Check magic and checksum.  An unknown type counts as update. */
enum drbd_al_block_kind drbd_al_check(const struct drbd_al_block *b);

/* ---- replay -------------------------------------------------------------- */

enum drbd_al_replay_result {
	DRBD_AL_REPLAY_CLEAN = 0,	/* nothing was active: nothing to do */
	DRBD_AL_REPLAY_ACTIVE,		/* transactions replayed; labels[] is valid */
	DRBD_AL_REPLAY_NO_DATA,		/* not one valid block */
	DRBD_AL_REPLAY_INVALID,		/* blocks, but no usable transaction */
};

struct drbd_al_replay_stats {
	u32 valid;		/* blocks with good magic and checksum */
	u32 corrupt;		/* others */
	u32 replayed;		/* transactions applied */
	u32 bad_slots;		/* entries ignored for an impossible slot number */
	u32 unknown_types;	/* transactions of unknown type (applied) */
	u32 oldest;		/* numbers of the oldest and the newest transaction; */
	u32 newest;		/* meaningful if replayed != 0 */
};

/*
 * Replay a ring.  @ring: the whole area in disk order, stripes *
 * stripe_size_4k blocks.  @labels: DRBD_AL_EXTENTS_MAX entries, all of which
 * are written; after ACTIVE those that are not DRBD_AL_FREE name the active
 * extents, possibly more than once.  @stats may not be NULL.
 */
enum drbd_al_replay_result drbd_al_replay(const struct drbd_al_block *ring, u32 stripes,
					  u32 stripe_size_4k, u32 *labels,
					  struct drbd_al_replay_stats *stats);

/*
 * Replay the log format of 8.3 and older: 64 sectors of 512 bytes, of which
 * 1 + ceil(@nr_extents / 61) are in use.  Result and @labels as above, except
 * that no valid sector is CLEAN.
 */
enum drbd_al_replay_result drbd_al_replay_83(const void *area, u32 nr_extents, u32 *labels,
					     struct drbd_al_replay_stats *stats);

/* ---- the active set in memory -------------------------------------------- */

/* Caller-provided storage, one per slot. */
struct drbd_aset_slot {
	u32 extent;		/* label durable on disk, DRBD_AL_FREE if none */
	u32 next_extent;	/* label after the pending transaction, else == extent */
	u32 refs;
	u32 hash_next;		/* chain of slots by next_extent */
	u32 lru_prev, lru_next;	/* list of unreferenced slots, coldest first */
};

/*
 * The active set of one device.  Not locked: callers serialise with one short
 * spinlock.  Sequence for a cold extent, in the submitter:
 *
 *   drbd_aset_get()  -> DRBD_ASET_PENDING      reference taken
 *   ... more of them, up to 64 changes ...
 *   drbd_aset_begin()                          changes frozen, block encoded
 *   write bitmap pages of evicted[], then the block (preflush, FUA)
 *   drbd_aset_commit() or drbd_aset_abort()
 *
 * Meanwhile drbd_aset_get_hot() and drbd_aset_put() are allowed from any
 * context that may take the caller's lock.
 */
struct drbd_active_set {
	struct drbd_aset_slot *slots;
	u32 *hash;
	u32 nr_slots;
	u32 hash_mask;
	u32 lru_head, lru_tail;
	u32 nr_labelled;	/* slots with a durable label */
	u32 nr_referenced;	/* slots with references */
	u32 n_pending;
	u16 pending[DRBD_AL_UPDATES];
	u32 number;		/* of the next transaction */
	u32 context_start;
	bool writing;		/* between begin and commit/abort */
	bool starving;		/* somebody found no free slot: no new references */
};

enum drbd_aset_get {
	DRBD_ASET_HOT = 0,	/* reference taken, extent is durable */
	DRBD_ASET_PENDING,	/* reference taken, wait for the commit */
	DRBD_ASET_COMMIT_FIRST,	/* transaction full or being written: retry after it */
	DRBD_ASET_STARVED,	/* every slot is referenced: retry after a put */
};

/* Number of hash heads (u32) to provide for @nr_slots: a power of two. */
u32 drbd_aset_hash_size(u32 nr_slots);

/*
 * All slots free.  @slots: nr_slots entries; @hash: drbd_aset_hash_size().
 * @number: first transaction number, 0 at attach (metadata chapter 5.4).
 * -EINVAL unless 1 <= nr_slots <= DRBD_AL_EXTENTS_MAX.
 */
int drbd_aset_init(struct drbd_active_set *set, struct drbd_aset_slot *slots, u32 *hash,
		   u32 nr_slots, u32 number);

/*
 * Fast path: take a reference if @extent is durable and nobody starves.  True
 * if taken.
 */
bool drbd_aset_get_hot(struct drbd_active_set *set, u32 extent);

/*
 * Slow path, submitter only: take a reference, making room if need be.  An
 * extent that is hot is granted even while starving, because only the
 * submitter's own order decides who is served next.
 */
enum drbd_aset_get drbd_aset_get(struct drbd_active_set *set, u32 extent);

/*
 * Drop a reference.  Returns true if the extent became unreferenced: waiters
 * for a slot, and everybody held up by starvation, must be woken.  Dropping
 * what is not held changes nothing and returns false (a bug of the caller:
 * see drbd_aset_refs()).
 */
bool drbd_aset_put(struct drbd_active_set *set, u32 extent);

/* References held on @extent (0 if it is not in the set). */
u32 drbd_aset_refs(const struct drbd_active_set *set, u32 extent);

/* True if @extent is durable in the log on disk (referenced or not). */
bool drbd_aset_is_hot(const struct drbd_active_set *set, u32 extent);

/*
 * Freeze the pending changes and encode the transaction into @b.  @evicted:
 * room for 64 extents, filled with the labels that are given up; all bitmap
 * pages of all slots covering these that have unwritten changes must be durable
 * before @b is written.  Returns the number of changes (0 is allowed: a
 * context-only block, used to rewrite the ring), -EBUSY if a transaction is
 * being written.
 */
int drbd_aset_begin(struct drbd_active_set *set, struct drbd_al_block *b, u32 *evicted,
		    u32 *n_evicted);

/* The block is durable: pending extents are hot now; the number advances. */
void drbd_aset_commit(struct drbd_active_set *set);

/*
 * The block may not have reached the disk.  All pending changes are undone and
 * the references on the extents that were to enter are gone: their holders
 * must be told so, and must not put them.  The slots keep their old labels.
 */
void drbd_aset_abort(struct drbd_active_set *set);

/*
 * Forget the labels of all unreferenced slots without a transaction (legal
 * only when the whole ring has been re-initialised, or a new one starts).
 * -EBUSY if there are references or pending changes.
 */
int drbd_aset_reset(struct drbd_active_set *set, u32 number);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_ACTIVITY_LOG_H */
