// SPDX-License-Identifier: GPL-2.0-only
#include "metadata.h"
#include "bitmap_geometry.h"

_Static_assert(sizeof(struct drbd_md_sb_v09) == DRBD_MD_SB_BYTES, "v09 superblock");
_Static_assert(sizeof(struct drbd_md_sb_v08) == DRBD_MD_SB_BYTES, "v08 superblock");
_Static_assert(sizeof(struct drbd_md_sb_v07) == DRBD_MD_SB_BYTES, "v07 superblock");
_Static_assert(offsetof(struct drbd_md_sb_v09, magic) == 0x3c, "v09 magic");
_Static_assert(offsetof(struct drbd_md_sb_v09, peers) == 0x70, "v09 peers");
_Static_assert(offsetof(struct drbd_md_sb_v09, history_uuids) == 0x470, "v09 history");
_Static_assert(offsetof(struct drbd_md_sb_v08, magic) == 0x3c, "v08 magic");
_Static_assert(offsetof(struct drbd_md_sb_v07, magic) == 0x1c, "v07 magic");

#define V08_PEER_FLAGS (DRBD_MDF_V08_CONNECTED_IND | DRBD_MDF_V08_FULL_SYNC | \
			DRBD_MDF_V08_PEER_OUTDATED)

/* The device flags of v08 that became peer flags of v09. */
static const struct {
	u32 device;
	u32 peer;
} v08_flag_map[] = {
	{ DRBD_MDF_V08_CONNECTED_IND, DRBD_MDF_PEER_CONNECTED },
	{ DRBD_MDF_V08_FULL_SYNC, DRBD_MDF_PEER_FULL_SYNC },
	{ DRBD_MDF_V08_PEER_OUTDATED, DRBD_MDF_PEER_OUTDATED },
};

enum drbd_md_result drbd_md_sb_sector(int index, u64 capacity, u64 *sector)
{
	u64 sb = 0;

	if (index < DRBD_MD_INDEX_FLEX_INT)
		return DRBD_MD_BAD_INDEX;
	if (capacity < DRBD_MD_SB_SECTORS)
		return DRBD_MD_DEVICE_TOO_SMALL;
	if (drbd_md_is_internal(index))
		sb = (capacity & ~7ULL) - DRBD_MD_SB_SECTORS;
	else if (index >= 0)
		sb = (u64)index * DRBD_MD_INDEXED_SECTORS;
	if (sb > capacity - DRBD_MD_SB_SECTORS)
		return DRBD_MD_DEVICE_TOO_SMALL;
	*sector = sb;
	return DRBD_MD_OK;
}

u32 drbd_md_al_blocks(u32 stripes, u32 stripe_size_4k, u32 max_blocks)
{
	u64 blocks = (u64)stripes * stripe_size_4k;

	if (blocks < DRBD_AL_BLOCKS_MIN || blocks > max_blocks)
		return 0;
	return (u32)blocks;
}

/*
 * Sectors of data that @bm_sectors of bitmap area can describe: whole 4 KiB
 * pieces of the area, divided into 64-bit words per slot.
 */
static u64 describable(u64 bm_sectors, u32 max_peers, u32 shift)
{
	u64 words64 = div_u64((bm_sectors & ~7ULL) * 64, max_peers);

	/* No overflow: the area has less than 2^32 sectors. */
	words64 = (words64 * 64) << (shift - 9);
	return words64 < DRBD_MD_MAX_SECTORS ? words64 : DRBD_MD_MAX_SECTORS;
}

enum drbd_md_result drbd_md_place(const struct drbd_md_placement *p,
				  struct drbd_md_layout *layout)
{
	struct drbd_md_layout l = { 0 };
	enum drbd_md_result result;
	int shift = drbd_bm_shift(p->bytes_per_bit);
	u32 al_sect;

	if (shift < 0)
		return DRBD_MD_BAD_BITS;
	if (p->max_peers < 1 || p->max_peers > DRBD_MD_MAX_PEERS)
		return DRBD_MD_BAD_MAX_PEERS;
	l.al_blocks = drbd_md_al_blocks(p->al_stripes, p->al_stripe_size_4k, DRBD_AL_BLOCKS_MAX);
	if (!l.al_blocks)
		return DRBD_MD_BAD_AL_GEOMETRY;
	al_sect = l.al_blocks * DRBD_AL_BLOCK_SECTORS;
	result = drbd_md_sb_sector(p->index, p->capacity, &l.sb);
	if (result)
		return result;

	if (drbd_md_is_internal(p->index)) {
		u64 md_size;

		if (p->capacity > DRBD_MD_MAX_SECTORS)
			return DRBD_MD_DEVICE_TOO_BIG;
		md_size = drbd_bm_area_sectors(p->capacity, p->max_peers, shift) +
			  DRBD_MD_SB_SECTORS + al_sect;
		/* 2^41 sectors, 31 slots and a 16 GiB log still fit 31 bits. */
		if (md_size > 0x7fffffffu)
			return DRBD_MD_DEVICE_TOO_BIG;
		if (md_size > l.sb)
			return DRBD_MD_DEVICE_TOO_SMALL;
		l.md_size_sect = (u32)md_size;
		l.al_offset = -(s32)al_sect;
		l.bm_offset = DRBD_MD_SB_SECTORS - (s32)md_size;
		l.al = l.sb - al_sect;
		l.bm = l.sb + DRBD_MD_SB_SECTORS - md_size;
		l.bm_sectors = l.al - l.bm;
		l.start = l.bm;
		l.end = l.sb + DRBD_MD_SB_SECTORS;
		l.max_size = describable(l.bm_sectors, p->max_peers, shift);
		if (l.max_size > l.start)
			l.max_size = l.start;
		*layout = l;
		return DRBD_MD_OK;
	}

	if (p->index >= 0) {
		/* The kernel accepts nothing else behind an index. */
		if (p->al_stripes != DRBD_AL_STRIPES_DEFAULT ||
		    p->al_stripe_size_4k != DRBD_AL_STRIPE_4K_DEFAULT)
			return DRBD_MD_BAD_AL_GEOMETRY;
		if (p->bytes_per_bit != DRBD_BM_BIT_BYTES_DEFAULT)
			return DRBD_MD_BAD_BITS;
		l.md_size_sect = DRBD_MD_INDEXED_SECTORS;
	} else {
		l.md_size_sect = p->capacity < 0xffffffffu ? (u32)p->capacity : 0xffffffffu;
	}
	l.al_offset = DRBD_MD_SB_SECTORS;
	l.bm_offset = DRBD_MD_SB_SECTORS + (s32)al_sect;
	if (l.md_size_sect < (u32)l.bm_offset + 8)
		return DRBD_MD_DEVICE_TOO_SMALL;
	l.al = l.sb + DRBD_MD_SB_SECTORS;
	l.bm = l.al + al_sect;
	l.bm_sectors = l.md_size_sect - (u32)l.bm_offset;
	l.start = l.sb;
	l.end = l.sb + l.md_size_sect;
	l.max_size = describable(l.bm_sectors, p->max_peers, shift);
	*layout = l;
	return DRBD_MD_OK;
}

enum drbd_md_result drbd_md_layout_of(const struct drbd_md *md, int index, u64 capacity,
				      struct drbd_md_layout *layout)
{
	struct drbd_md_layout l = { 0 };
	enum drbd_md_result result;
	int shift = drbd_bm_shift(md->bytes_per_bit);
	u32 al_sect;

	if (shift < 0)
		return DRBD_MD_BAD_BITS;
	if (md->max_peers < 1 || md->max_peers > DRBD_MD_MAX_PEERS)
		return DRBD_MD_BAD_MAX_PEERS;
	l.al_blocks = drbd_md_al_blocks(md->al_stripes, md->al_stripe_size_4k, DRBD_AL_BLOCKS_MAX);
	if (!l.al_blocks)
		return DRBD_MD_BAD_AL_GEOMETRY;
	al_sect = l.al_blocks * DRBD_AL_BLOCK_SECTORS;
	result = drbd_md_sb_sector(index, capacity, &l.sb);
	if (result)
		return result;

	l.md_size_sect = md->md_size_sect;
	l.al_offset = md->al_offset;
	l.bm_offset = md->bm_offset;
	if (drbd_md_is_internal(index)) {
		if ((s64)md->al_offset != -(s64)al_sect || al_sect > l.sb)
			return DRBD_MD_BAD_AL_OFFSET;
		if (md->bm_offset >= md->al_offset || (md->bm_offset & 7) ||
		    (u64)-(s64)md->bm_offset >= l.sb)
			return DRBD_MD_BAD_BM_OFFSET;
		l.al = l.sb - al_sect;
		l.bm = l.sb - (u64)-(s64)md->bm_offset;
		l.bm_sectors = l.al - l.bm;
		if (md->md_size_sect < l.sb + DRBD_MD_SB_SECTORS - l.bm)
			return DRBD_MD_BAD_MD_SIZE;
		l.start = l.bm;
		l.end = l.sb + DRBD_MD_SB_SECTORS;
	} else {
		if (md->al_offset != DRBD_MD_SB_SECTORS)
			return DRBD_MD_BAD_AL_OFFSET;
		if ((s64)md->bm_offset != (s64)DRBD_MD_SB_SECTORS + al_sect)
			return DRBD_MD_BAD_BM_OFFSET;
		if (index >= 0 && (md->al_stripes != DRBD_AL_STRIPES_DEFAULT ||
				   md->al_stripe_size_4k != DRBD_AL_STRIPE_4K_DEFAULT))
			return DRBD_MD_BAD_AL_GEOMETRY;
		if (index >= 0 && md->bytes_per_bit != DRBD_BM_BIT_BYTES_DEFAULT)
			return DRBD_MD_BAD_BITS;
		if (index >= 0 && md->md_size_sect != DRBD_MD_INDEXED_SECTORS)
			return DRBD_MD_BAD_MD_SIZE;
		if (md->md_size_sect <= (u32)md->bm_offset)
			return DRBD_MD_BAD_MD_SIZE;
		l.al = l.sb + DRBD_MD_SB_SECTORS;
		l.bm = l.al + al_sect;
		l.bm_sectors = md->md_size_sect - (u32)md->bm_offset;
		l.start = l.sb;
		l.end = l.sb + md->md_size_sect;
	}
	if (capacity < md->md_size_sect || capacity - md->md_size_sect < l.start)
		return DRBD_MD_OUTSIDE_DEVICE;
	l.max_size = describable(l.bm_sectors, md->max_peers, shift);
	if (drbd_md_is_internal(index) && l.max_size > l.start)
		l.max_size = l.start;
	if (drbd_bm_area_sectors(md->effective_size, md->max_peers, shift) > l.bm_sectors)
		return DRBD_MD_BITMAP_TOO_SMALL;
	*layout = l;
	return DRBD_MD_OK;
}

void drbd_md_set_layout(struct drbd_md *md, const struct drbd_md_layout *layout)
{
	md->md_size_sect = layout->md_size_sect;
	md->al_offset = layout->al_offset;
	md->bm_offset = layout->bm_offset;
}

/* 8.3 and older did not know of stripes and left both fields zero. */
static void default_al_geometry(struct drbd_md *md)
{
	if (md->al_stripes || md->al_stripe_size_4k)
		return;
	md->al_stripes = DRBD_AL_STRIPES_DEFAULT;
	md->al_stripe_size_4k = DRBD_AL_STRIPE_4K_DEFAULT;
}

static void init_peers(struct drbd_md *md)
{
	int i;

	for (i = 0; i < DRBD_MD_NODES; i++)
		md->peers[i].bitmap_index = -1;
}

static void decode_v09(const struct drbd_md_sb_v09 *sb, struct drbd_md *md)
{
	int i;

	md->format = DRBD_MD_V09;
	md->effective_size = be64_to_cpu(sb->effective_size);
	md->current_uuid = be64_to_cpu(sb->current_uuid);
	md->members = be64_to_cpu(sb->members);
	md->device_uuid = be64_to_cpu(sb->device_uuid);
	md->flags = be32_to_cpu(sb->flags);
	md->md_size_sect = be32_to_cpu(sb->md_size_sect);
	md->al_offset = (s32)be32_to_cpu(sb->al_offset);
	md->bm_offset = (s32)be32_to_cpu(sb->bm_offset);
	md->al_nr_extents = be32_to_cpu(sb->al_nr_extents);
	md->bytes_per_bit = be32_to_cpu(sb->bm_bytes_per_bit);
	md->la_peer_max_bio_size = be32_to_cpu(sb->la_peer_max_bio_size);
	md->max_peers = be32_to_cpu(sb->max_peers);
	md->node_id = (s32)be32_to_cpu(sb->node_id);
	md->al_stripes = be32_to_cpu(sb->al_stripes);
	md->al_stripe_size_4k = be32_to_cpu(sb->al_stripe_size_4k);
	for (i = 0; i < DRBD_MD_NODES; i++) {
		md->peers[i].bitmap_uuid = be64_to_cpu(sb->peers[i].bitmap_uuid);
		md->peers[i].bitmap_dagtag = be64_to_cpu(sb->peers[i].bitmap_dagtag);
		md->peers[i].flags = be32_to_cpu(sb->peers[i].flags);
		md->peers[i].bitmap_index = (s32)be32_to_cpu(sb->peers[i].bitmap_index);
	}
	for (i = 0; i < DRBD_MD_HISTORY; i++)
		md->history_uuids[i] = be64_to_cpu(sb->history_uuids[i]);
	default_al_geometry(md);
}

static void decode_v08(const struct drbd_md_sb_v08 *sb, struct drbd_md *md)
{
	u32 flags = be32_to_cpu(sb->flags);
	size_t i;

	md->format = DRBD_MD_V08;
	md->effective_size = be64_to_cpu(sb->effective_size);
	md->current_uuid = be64_to_cpu(sb->current_uuid);
	md->device_uuid = be64_to_cpu(sb->device_uuid);
	md->flags = flags & ~V08_PEER_FLAGS;
	md->md_size_sect = be32_to_cpu(sb->md_size_sect);
	md->al_offset = (s32)be32_to_cpu(sb->al_offset);
	md->bm_offset = (s32)be32_to_cpu(sb->bm_offset);
	md->al_nr_extents = be32_to_cpu(sb->al_nr_extents);
	md->bytes_per_bit = be32_to_cpu(sb->bm_bytes_per_bit);
	md->la_peer_max_bio_size = be32_to_cpu(sb->la_peer_max_bio_size);
	md->max_peers = 1;
	md->node_id = -1;
	md->al_stripes = be32_to_cpu(sb->al_stripes);
	md->al_stripe_size_4k = be32_to_cpu(sb->al_stripe_size_4k);
	init_peers(md);
	md->peers[0].bitmap_uuid = be64_to_cpu(sb->bitmap_uuid);
	for (i = 0; i < ARRAY_SIZE(v08_flag_map); i++)
		if (flags & v08_flag_map[i].device)
			md->peers[0].flags |= v08_flag_map[i].peer;
	for (i = 0; i < DRBD_MD_HISTORY_V08; i++)
		md->history_uuids[i] = be64_to_cpu(sb->history_uuids[i]);
	default_al_geometry(md);
}

static void decode_v07(const struct drbd_md_sb_v07 *sb, struct drbd_md *md)
{
	md->format = DRBD_MD_V07;
	md->effective_size = be64_to_cpu(sb->effective_size_kib) * 2;
	md->al_nr_extents = be32_to_cpu(sb->al_nr_extents);
	md->al_offset = (s32)be32_to_cpu(sb->al_offset);
	md->bm_offset = (s32)be32_to_cpu(sb->bm_offset);
	md->max_peers = 1;
	md->node_id = -1;
	md->bytes_per_bit = DRBD_BM_BIT_BYTES_DEFAULT;
	init_peers(md);
	default_al_geometry(md);
}

enum drbd_md_result drbd_md_decode(const void *block, struct drbd_md *md)
{
	const struct drbd_md_sb_v09 *v09 = block;
	const struct drbd_md_sb_v07 *v07 = block;

	memset(md, 0, sizeof(*md));
	/* v08 and v09 have the magic number at the same place. */
	md->magic = be32_to_cpu(v09->magic);
	switch (md->magic) {
	case DRBD_MD_MAGIC_09:
		decode_v09(v09, md);
		return DRBD_MD_OK;
	case DRBD_MD_MAGIC_08:
	case DRBD_MD_MAGIC_84_UNCLEAN:
		decode_v08(block, md);
		return DRBD_MD_OK;
	}
	md->magic = be32_to_cpu(v07->magic);
	if (md->magic == DRBD_MD_MAGIC_07) {
		decode_v07(v07, md);
		return DRBD_MD_OLD_MAGIC;
	}
	md->magic = 0;
	return DRBD_MD_NO_MAGIC;
}

static void encode_v09(const struct drbd_md *md, struct drbd_md_sb_v09 *sb)
{
	int i;

	sb->effective_size = cpu_to_be64(md->effective_size);
	sb->current_uuid = cpu_to_be64(md->current_uuid);
	sb->members = cpu_to_be64(md->members);
	sb->device_uuid = cpu_to_be64(md->device_uuid);
	sb->flags = cpu_to_be32(md->flags);
	sb->magic = cpu_to_be32(DRBD_MD_MAGIC_09);
	sb->md_size_sect = cpu_to_be32(md->md_size_sect);
	sb->al_offset = cpu_to_be32((u32)md->al_offset);
	sb->al_nr_extents = cpu_to_be32(md->al_nr_extents);
	sb->bm_offset = cpu_to_be32((u32)md->bm_offset);
	sb->bm_bytes_per_bit = cpu_to_be32(md->bytes_per_bit);
	sb->la_peer_max_bio_size = cpu_to_be32(md->la_peer_max_bio_size);
	sb->max_peers = cpu_to_be32(md->max_peers);
	sb->node_id = cpu_to_be32((u32)md->node_id);
	sb->al_stripes = cpu_to_be32(md->al_stripes);
	sb->al_stripe_size_4k = cpu_to_be32(md->al_stripe_size_4k);
	for (i = 0; i < DRBD_MD_NODES; i++) {
		u32 flags = md->peers[i].flags & ~DRBD_MDF_HAVE_BITMAP;

		sb->peers[i].bitmap_uuid = cpu_to_be64(md->peers[i].bitmap_uuid);
		sb->peers[i].bitmap_dagtag = cpu_to_be64(md->peers[i].bitmap_dagtag);
		sb->peers[i].flags = cpu_to_be32(flags);
		sb->peers[i].bitmap_index = cpu_to_be32((u32)md->peers[i].bitmap_index);
	}
	for (i = 0; i < DRBD_MD_HISTORY; i++)
		sb->history_uuids[i] = cpu_to_be64(md->history_uuids[i]);
}

static void encode_v08(const struct drbd_md *md, struct drbd_md_sb_v08 *sb)
{
	u32 flags = md->flags & ~V08_PEER_FLAGS;
	u32 magic = DRBD_MD_MAGIC_08;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(v08_flag_map); i++)
		if (md->peers[0].flags & v08_flag_map[i].peer)
			flags |= v08_flag_map[i].device;
	if (md->magic == DRBD_MD_MAGIC_84_UNCLEAN)
		magic = DRBD_MD_MAGIC_84_UNCLEAN;
	sb->effective_size = cpu_to_be64(md->effective_size);
	sb->current_uuid = cpu_to_be64(md->current_uuid);
	sb->bitmap_uuid = cpu_to_be64(md->peers[0].bitmap_uuid);
	for (i = 0; i < DRBD_MD_HISTORY_V08; i++)
		sb->history_uuids[i] = cpu_to_be64(md->history_uuids[i]);
	sb->device_uuid = cpu_to_be64(md->device_uuid);
	sb->flags = cpu_to_be32(flags);
	sb->magic = cpu_to_be32(magic);
	sb->md_size_sect = cpu_to_be32(md->md_size_sect);
	sb->al_offset = cpu_to_be32((u32)md->al_offset);
	sb->al_nr_extents = cpu_to_be32(md->al_nr_extents);
	sb->bm_offset = cpu_to_be32((u32)md->bm_offset);
	sb->bm_bytes_per_bit = cpu_to_be32(md->bytes_per_bit);
	sb->la_peer_max_bio_size = cpu_to_be32(md->la_peer_max_bio_size);
	sb->al_stripes = cpu_to_be32(md->al_stripes);
	sb->al_stripe_size_4k = cpu_to_be32(md->al_stripe_size_4k);
}

int drbd_md_encode(const struct drbd_md *md, void *block)
{
	memset(block, 0, DRBD_MD_SB_BYTES);
	switch (md->format) {
	case DRBD_MD_V09:
		encode_v09(md, block);
		return 0;
	case DRBD_MD_V08:
		encode_v08(md, block);
		return 0;
	default:
		return -EINVAL;
	}
}

enum drbd_md_result drbd_md_check_fields(const struct drbd_md *md)
{
	u32 used = 0;
	int i;

	if (drbd_bm_shift(md->bytes_per_bit) < 0)
		return DRBD_MD_BAD_BITS;
	if (!drbd_md_al_blocks(md->al_stripes, md->al_stripe_size_4k, DRBD_AL_BLOCKS_MAX))
		return DRBD_MD_BAD_AL_GEOMETRY;
	if (md->max_peers < 1 || md->max_peers > DRBD_MD_MAX_PEERS)
		return DRBD_MD_BAD_MAX_PEERS;
	if (md->node_id < -1 || md->node_id >= DRBD_MD_NODES)
		return DRBD_MD_BAD_NODE_ID;
	for (i = 0; i < DRBD_MD_NODES; i++) {
		s32 slot = md->peers[i].bitmap_index;

		if (slot == -1)
			continue;
		if (slot < 0 || (u32)slot >= md->max_peers || (used & (1u << slot)))
			return DRBD_MD_BAD_BITMAP_INDEX;
		used |= 1u << slot;
	}
	return DRBD_MD_OK;
}

enum drbd_md_result drbd_md_check_attach(const struct drbd_md *md, int index, u64 capacity,
					 int node_id, struct drbd_md_layout *layout)
{
	enum drbd_md_result result;

	switch (md->format) {
	case DRBD_MD_V09:
	case DRBD_MD_V08:
		if (!drbd_md_is_clean(md))
			return DRBD_MD_UNCLEAN;
		break;
	case DRBD_MD_V07:
		return DRBD_MD_OLD_MAGIC;
	default:
		return DRBD_MD_NO_MAGIC;
	}
	if (md->format == DRBD_MD_V08)
		return DRBD_MD_OLD_MAGIC;

	result = drbd_md_check_fields(md);
	if (result)
		return result;
	if (node_id < 0 || node_id >= DRBD_MD_NODES)
		return DRBD_MD_BAD_NODE_ID;
	if (md->node_id != -1 && md->node_id != node_id)
		return DRBD_MD_OTHER_NODE_ID;
	if (md->peers[node_id].bitmap_index != -1)
		return DRBD_MD_BAD_BITMAP_INDEX;
	if (capacity < DRBD_MD_MIN_DEVICE_SECTORS ||
	    (index >= 0 && capacity < (u64)DRBD_MD_INDEXED_SECTORS * ((u64)index + 1)))
		return DRBD_MD_DEVICE_TOO_SMALL;
	return drbd_md_layout_of(md, index, capacity, layout);
}

const char *drbd_md_result_text(enum drbd_md_result result)
{
	switch (result) {
	case DRBD_MD_OK:
		return "metadata is valid";
	case DRBD_MD_NO_MAGIC:
		return "Meta data magic not found. Did you \"drbdadm create-md\"?";
	case DRBD_MD_OLD_MAGIC:
		return "Found old meta data magic. Did you \"drbdadm create-md\"?";
	case DRBD_MD_UNCLEAN:
		return "Found unclean meta data. Did you \"drbdadm apply-al\"?";
	case DRBD_MD_BAD_INDEX:
		return "meta data index out of range";
	case DRBD_MD_BAD_MAX_PEERS:
		return "meta data: number of peers out of range";
	case DRBD_MD_BAD_NODE_ID:
		return "meta data: node id out of range";
	case DRBD_MD_OTHER_NODE_ID:
		return "meta data belongs to another node id";
	case DRBD_MD_BAD_BITMAP_INDEX:
		return "meta data: bitmap index out of range, used twice, or of the own node";
	case DRBD_MD_BAD_BITS:
		return "meta data: unexpected bytes per bitmap bit";
	case DRBD_MD_BAD_AL_GEOMETRY:
		return "meta data: unexpected activity log stripes";
	case DRBD_MD_BAD_AL_OFFSET:
		return "meta data: unexpected activity log offset";
	case DRBD_MD_BAD_BM_OFFSET:
		return "meta data: unexpected bitmap offset";
	case DRBD_MD_BAD_MD_SIZE:
		return "meta data: unexpected meta data size";
	case DRBD_MD_DEVICE_TOO_SMALL:
		return "device too small for meta data";
	case DRBD_MD_DEVICE_TOO_BIG:
		return "device too big for meta data";
	case DRBD_MD_OUTSIDE_DEVICE:
		return "meta data area exceeds the device";
	case DRBD_MD_BITMAP_TOO_SMALL:
		return "meta data: bitmap area too small for the effective size";
	}
	return "unknown meta data error";
}

void drbd_md_init(struct drbd_md *md, const struct drbd_md_placement *p,
		  const struct drbd_md_layout *layout)
{
	memset(md, 0, sizeof(*md));
	md->format = DRBD_MD_V09;
	md->magic = DRBD_MD_MAGIC_09;
	md->current_uuid = DRBD_UUID_JUST_CREATED;
	md->flags = DRBD_MDF_AL_CLEAN;
	md->al_nr_extents = DRBD_AL_NR_EXTENTS_CREATED;
	md->bytes_per_bit = p->bytes_per_bit;
	md->max_peers = p->max_peers;
	md->node_id = -1;
	md->al_stripes = p->al_stripes;
	md->al_stripe_size_4k = p->al_stripe_size_4k;
	init_peers(md);
	drbd_md_set_layout(md, layout);
}

/* Slots in use, as a mask. */
static u32 used_slots(const struct drbd_md *md)
{
	u32 used = 0;
	int i;

	for (i = 0; i < DRBD_MD_NODES; i++) {
		s32 slot = md->peers[i].bitmap_index;

		if (slot >= 0 && slot < DRBD_MD_MAX_PEERS)
			used |= 1u << slot;
	}
	return used;
}

int drbd_md_free_slot(const struct drbd_md *md)
{
	u32 used = used_slots(md);
	u32 slot;

	for (slot = 0; slot < md->max_peers && slot < DRBD_MD_MAX_PEERS; slot++)
		if (!(used & (1u << slot)))
			return (int)slot;
	return -1;
}

u32 drbd_md_free_slots(const struct drbd_md *md)
{
	u32 slots = md->max_peers > DRBD_MD_MAX_PEERS ? DRBD_MD_MAX_PEERS : md->max_peers;
	u32 mask = (1u << slots) - 1;

	return slots - hweight32(used_slots(md) & mask);
}

int drbd_md_day0_peer(const struct drbd_md *md, int except)
{
	int i;

	for (i = 0; i < DRBD_MD_NODES; i++) {
		if (i == except || i == md->node_id)
			continue;
		if (md->peers[i].bitmap_index == -1 && !md->peers[i].flags)
			return i;
	}
	return -1;
}
