/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The superblock: decode, validate, encode; and where superblock, activity log
 * and bitmap are placed on a device.  See include/linux/drbd_metadata.h for the
 * bytes on disk.  All functions are pure; any context.  All sizes and positions
 * are in sectors of 512 bytes unless a name says otherwise.
 */
#ifndef DRBD_CORE_METADATA_H
#define DRBD_CORE_METADATA_H

#include "port.h"
#include "../../include/linux/drbd_metadata.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What was found wrong.  The order is no severity. */
enum drbd_md_result {
	DRBD_MD_OK = 0,
	DRBD_MD_NO_MAGIC,		/* no superblock of any known format */
	DRBD_MD_OLD_MAGIC,		/* v07, or v08 where v09 is needed */
	DRBD_MD_UNCLEAN,		/* activity log not applied */
	DRBD_MD_BAD_INDEX,		/* placement index below -3 */
	DRBD_MD_BAD_MAX_PEERS,		/* not 1 .. 31 */
	DRBD_MD_BAD_NODE_ID,		/* not -1 .. 31 */
	DRBD_MD_OTHER_NODE_ID,		/* belongs to another node */
	DRBD_MD_BAD_BITMAP_INDEX,	/* outside -1 .. max_peers-1, used twice, or own */
	DRBD_MD_BAD_BITS,		/* bytes per bit */
	DRBD_MD_BAD_AL_GEOMETRY,	/* stripes, stripe size */
	DRBD_MD_BAD_AL_OFFSET,
	DRBD_MD_BAD_BM_OFFSET,
	DRBD_MD_BAD_MD_SIZE,
	DRBD_MD_DEVICE_TOO_SMALL,	/* no room for metadata (and one block of data) */
	DRBD_MD_DEVICE_TOO_BIG,		/* beyond 1 PiB */
	DRBD_MD_OUTSIDE_DEVICE,		/* the area does not lie within the device */
	DRBD_MD_BITMAP_TOO_SMALL,	/* for the effective size */
};

enum drbd_md_format {
	DRBD_MD_FORMAT_NONE = 0,
	DRBD_MD_V07 = 7,
	DRBD_MD_V08 = 8,
	DRBD_MD_V09 = 9,
};

struct drbd_md_peer {
	u64 bitmap_uuid;
	u64 bitmap_dagtag;
	u32 flags;		/* DRBD_MDF_PEER_*, DRBD_MDF_NODE_EXISTS */
	s32 bitmap_index;	/* slot, -1: none */
};

/*
 * The superblock in CPU byte order.  A v08 superblock is presented as v09: its
 * peer is peers[0], and the three device flags that speak of the peer are found
 * in peers[0].flags; bitmap_index stays -1.
 */
struct drbd_md {
	enum drbd_md_format format;
	u32 magic;		/* as found; DRBD_MD_MAGIC_84_UNCLEAN is a v08 format */
	u64 effective_size;	/* sectors of data last agreed on; 0: never */
	u64 current_uuid;
	u64 members;		/* node mask */
	u64 device_uuid;
	u32 flags;		/* DRBD_MDF_* */
	u32 md_size_sect;
	s32 al_offset;		/* sectors from the superblock */
	s32 bm_offset;		/* sectors from the superblock */
	u32 al_nr_extents;
	u32 bytes_per_bit;
	u32 la_peer_max_bio_size; /* bytes */
	u32 max_peers;
	s32 node_id;		/* -1: not assigned */
	u32 al_stripes;
	u32 al_stripe_size_4k;
	struct drbd_md_peer peers[DRBD_MD_NODES];
	u64 history_uuids[DRBD_MD_HISTORY];
};

/* Where things are, absolute on the metadata device. */
struct drbd_md_layout {
	u64 sb;			/* the superblock */
	u64 al;			/* first sector of the activity log */
	u64 bm;			/* first sector of the bitmap area */
	u64 bm_sectors;		/* size of the bitmap area */
	u64 start;		/* first sector of the whole metadata area */
	u64 end;		/* first sector behind it */
	u64 max_size;		/* most sectors of data this metadata can describe; for */
				/* internal metadata also where the data ends */
	u32 al_blocks;		/* of 4 KiB */
	u32 md_size_sect;	/* the three as stored in the superblock */
	s32 al_offset;
	s32 bm_offset;
};

/* What a layout is computed from. */
struct drbd_md_placement {
	int index;		/* DRBD_MD_INDEX_*, or 0 .. for indexed */
	u64 capacity;		/* sectors of the device that carries the metadata */
	u32 max_peers;
	u32 bytes_per_bit;
	u32 al_stripes;
	u32 al_stripe_size_4k;
};

static inline bool drbd_md_is_internal(int index)
{
	return index == DRBD_MD_INDEX_FLEX_INT || index == DRBD_MD_INDEX_INTERNAL_FIXED;
}

/* A clean superblock has its activity log applied; only such may be attached. */
static inline bool drbd_md_is_clean(const struct drbd_md *md)
{
	return md->magic != DRBD_MD_MAGIC_84_UNCLEAN && (md->flags & DRBD_MDF_AL_CLEAN);
}

/*
 * Sector of the superblock on a device of @capacity sectors.  DEVICE_TOO_SMALL
 * if there is no room for it, BAD_INDEX for index < -3.
 */
enum drbd_md_result drbd_md_sb_sector(int index, u64 capacity, u64 *sector);

/*
 * Check an activity-log geometry against @max_blocks
 * (DRBD_AL_BLOCKS_MAX in the kernel, DRBD_AL_BLOCKS_MAX_TOOL when creating) and
 * return the number of blocks, or 0 if it is not acceptable.
 */
u32 drbd_md_al_blocks(u32 stripes, u32 stripe_size_4k, u32 max_blocks);

/*
 * Layout of metadata to be created (metadata chapter 3.1 to 3.4).  @layout is
 * filled in only on OK.  Beyond the formulas it requires at least one 4 KiB
 * block of data to remain describable.
 */
enum drbd_md_result drbd_md_place(const struct drbd_md_placement *p,
				  struct drbd_md_layout *layout);

/*
 * Layout of existing metadata as its superblock describes it, found at the
 * place that @index and @capacity give; checks that all of it lies inside the
 * device and that the bitmap area suffices for the effective size.
 */
enum drbd_md_result drbd_md_layout_of(const struct drbd_md *md, int index, u64 capacity,
				      struct drbd_md_layout *layout);

/* Store the offsets of @layout in @md. */
void drbd_md_set_layout(struct drbd_md *md, const struct drbd_md_layout *layout);

/*
 * Decode 4096 bytes.  OK: v08 or v09, @md is complete but not validated.
 * OLD_MAGIC: v07, @md->format and offsets only.  NO_MAGIC: @md->format NONE.
 * max_peers and bitmap indexes are as found: validate before using them.
 */
enum drbd_md_result drbd_md_decode(const void *block, struct drbd_md *md);

/*
 * Encode into 4096 bytes as md->format says (v08 or v09; -EINVAL otherwise).
 * Everything that has no field here becomes zero.  A v08 superblock gets
 * md->magic if that is DRBD_MD_MAGIC_84_UNCLEAN.
 */
int drbd_md_encode(const struct drbd_md *md, void *block);

/*
 * Ranges of single fields, v09: max_peers, node id, bitmap indexes, bytes per
 * bit, activity-log geometry.  No placement.
 */
enum drbd_md_result drbd_md_check_fields(const struct drbd_md *md);

/*
 * All that attach must check about a decoded superblock (metadata chapter 3.5,
 * 4.1 steps 3 to 5), in the order that decides which error is reported.
 * @node_id: configured id.  @layout is filled in only on OK.
 */
enum drbd_md_result drbd_md_check_attach(const struct drbd_md *md, int index, u64 capacity,
					 int node_id, struct drbd_md_layout *layout);

/* One line for people; never NULL. */
const char *drbd_md_result_text(enum drbd_md_result result);

/* Fresh v09 metadata with this layout, as create-md leaves it. */
void drbd_md_init(struct drbd_md *md, const struct drbd_md_placement *p,
		  const struct drbd_md_layout *layout);

/* Lowest bitmap slot that no peer entry names; -1 if all are taken. */
int drbd_md_free_slot(const struct drbd_md *md);

/* How many bitmap slots no peer entry names. */
u32 drbd_md_free_slots(const struct drbd_md *md);

/*
 * The reference for "day 0" bitmap UUIDs: lowest node id other than @except
 * and than the own one that has no slot and no flags; -1 if there is none.
 */
int drbd_md_day0_peer(const struct drbd_md *md, int except);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_METADATA_H */
