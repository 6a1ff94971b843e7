/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The disk: what DRBD keeps on the backing or metadata device.
 *
 * One 4 KiB superblock (v09 of DRBD 9, v08 of DRBD 8), the activity log (a ring
 * of 4 KiB transactions), and the bitmap.  This header holds numbers and
 * layouts only; drbd/core/metadata.h, activity_log.h and bitmap_geometry.h
 * hold the code that reads and writes them.
 *
 * Superblock and activity log are big endian; the bitmap is little-endian
 * 32-bit words, interleaved word by word over the bitmap slots.
 */
#ifndef LINUX_DRBD_METADATA_H
#define LINUX_DRBD_METADATA_H

#include <linux/types.h>

#define DRBD_MD_MAGIC_06		0x83740269u
#define DRBD_MD_MAGIC_07		0x8374026au
#define DRBD_MD_MAGIC_08		0x8374026bu
/* Written by a running 8.4 so that older software keeps off its activity log. */
#define DRBD_MD_MAGIC_84_UNCLEAN	0x8374026cu
#define DRBD_MD_MAGIC_09		0x8374026du

/* A cluster has node ids 0 .. 31; metadata has 1 .. 31 bitmap slots. */
#define DRBD_MD_NODES			32
#define DRBD_MD_MAX_PEERS		31
#define DRBD_MD_HISTORY			32
#define DRBD_MD_HISTORY_V08		2

/* The value of meta-disk's index where it is not the number of a 128 MiB piece. */
#define DRBD_MD_INDEX_INTERNAL_FIXED	(-1)	/* v07 only; otherwise the same as FLEX_INT */
#define DRBD_MD_INDEX_FLEX_EXT		(-2)
#define DRBD_MD_INDEX_FLEX_INT		(-3)

#define DRBD_MD_SB_BYTES		4096
#define DRBD_MD_SB_SECTORS		8
#define DRBD_MD_INDEXED_SECTORS		262144u	/* 128 MiB */
#define DRBD_MD_MIN_DEVICE_BYTES	69632	/* user space refuses less */
#define DRBD_MD_MIN_DEVICE_SECTORS	2048	/* the kernel refuses less */
#define DRBD_MD_MAX_SECTORS		(1ULL << 41)	/* 1 PiB */

#define DRBD_BM_BIT_BYTES_DEFAULT	4096u
#define DRBD_BM_BIT_SHIFT_MIN		12
#define DRBD_BM_BIT_SHIFT_MAX		20

/* Generation identifiers */
#define DRBD_UUID_PRIMARY		1ULL	/* bit 0 of the current UUID: node is Primary */
#define DRBD_UUID_JUST_CREATED		4ULL	/* current UUID of fresh metadata */

/* struct drbd_md_sb_v09.flags; v08 has the same bits where not noted */
#define DRBD_MDF_CONSISTENT		(1u << 0)
#define DRBD_MDF_PRIMARY_IND		(1u << 1)
#define DRBD_MDF_V08_CONNECTED_IND	(1u << 2)	/* v08 only, 0 in v09 */
#define DRBD_MDF_V08_FULL_SYNC		(1u << 3)	/* v08 only, 0 in v09 */
#define DRBD_MDF_WAS_UP_TO_DATE		(1u << 4)
#define DRBD_MDF_V08_PEER_OUTDATED	(1u << 5)	/* v08 only, 0 in v09 */
#define DRBD_MDF_CRASHED_PRIMARY	(1u << 6)
#define DRBD_MDF_AL_CLEAN		(1u << 7)
#define DRBD_MDF_AL_DISABLED		(1u << 8)
#define DRBD_MDF_PRIMARY_LOST_QUORUM	(1u << 9)
#define DRBD_MDF_HAVE_QUORUM		(1u << 10)

/* struct drbd_md_sb_peer.flags */
#define DRBD_MDF_PEER_CONNECTED		(1u << 0)
#define DRBD_MDF_PEER_OUTDATED		(1u << 1)
#define DRBD_MDF_PEER_FENCING		(1u << 2)
#define DRBD_MDF_PEER_FULL_SYNC		(1u << 3)
#define DRBD_MDF_PEER_DEVICE_SEEN	(1u << 4)
#define DRBD_MDF_NODE_EXISTS		(1u << 16)
#define DRBD_MDF_HAVE_BITMAP		(1u << 31)	/* in core only, never on disk */

struct drbd_md_sb_peer {
	__be64 bitmap_uuid;
	__be64 bitmap_dagtag;
	__be32 flags;			/* DRBD_MDF_PEER_*, DRBD_MDF_NODE_EXISTS */
	__be32 bitmap_index;		/* signed; -1: no bitmap slot */
	__be32 reserved[2];
};

struct drbd_md_sb_v09 {
	__be64 effective_size;		/* sectors; 0: never agreed */
	__be64 current_uuid;
	__be64 members;			/* node mask of the quorum members */
	__be64 reserved_u64[3];
	__be64 device_uuid;
	__be32 flags;			/* DRBD_MDF_* */
	__be32 magic;
	__be32 md_size_sect;
	__be32 al_offset;		/* signed, sectors from the superblock */
	__be32 al_nr_extents;
	__be32 bm_offset;		/* signed, sectors from the superblock */
	__be32 bm_bytes_per_bit;
	__be32 la_peer_max_bio_size;	/* bytes */
	__be32 max_peers;		/* number of bitmap slots */
	__be32 node_id;			/* signed; -1: not yet assigned */
	__be32 al_stripes;
	__be32 al_stripe_size_4k;
	__be32 reserved_u32[2];
	struct drbd_md_sb_peer peers[DRBD_MD_NODES];	/* by node id */
	__be64 history_uuids[DRBD_MD_HISTORY];		/* youngest first */
	__u8 padding[2704];
};

struct drbd_md_sb_v08 {
	__be64 effective_size;
	__be64 current_uuid;
	__be64 bitmap_uuid;
	__be64 history_uuids[DRBD_MD_HISTORY_V08];
	__be64 device_uuid;
	__be64 reserved_u64;
	__be32 flags;
	__be32 magic;
	__be32 md_size_sect;
	__be32 al_offset;
	__be32 al_nr_extents;
	__be32 bm_offset;
	__be32 bm_bytes_per_bit;
	__be32 la_peer_max_bio_size;
	__be32 al_stripes;		/* both 0 (8.3 and older): 1 and 8 */
	__be32 al_stripe_size_4k;
	__u8 padding[4000];
};

/* v07: seen by user space only, to convert it.  Sizes in KiB. */
struct drbd_md_sb_v07 {
	__be64 effective_size_kib;
	__be32 generation[5];		/* flags, human, timeout, connected, arbitrary */
	__be32 magic;
	__be32 md_size_kib;
	__be32 al_offset;
	__be32 al_nr_extents;
	__be32 bm_offset;
	__u8 padding[4048];
};

#define DRBD_AL_MAGIC			0x69cb65a2u
#define DRBD_AL_PMEM_MAGIC		0x6aa667a6u
#define DRBD_AL_83_MAGIC		0x83740267u
#define DRBD_AL_BLOCK_BYTES		4096
#define DRBD_AL_BLOCK_SECTORS		8
#define DRBD_AL_UPDATES			64
#define DRBD_AL_CONTEXT			919
#define DRBD_AL_FREE			0xffffffffu
#define DRBD_AL_NO_SLOT			0xffffu
#define DRBD_AL_TYPE_UPDATE		0
#define DRBD_AL_TYPE_INITIALIZED	0xffff
#define DRBD_AL_EXTENT_SHIFT		22	/* 4 MiB */
#define DRBD_AL_EXTENT_SECTOR_SHIFT	13
#define DRBD_AL_EXTENTS_MIN		67
#define DRBD_AL_EXTENTS_DEFAULT		1237
#define DRBD_AL_EXTENTS_MAX		65534
#define DRBD_AL_NR_EXTENTS_CREATED	257	/* what create-md stores */
#define DRBD_AL_STRIPES_DEFAULT		1
#define DRBD_AL_STRIPE_4K_DEFAULT	8
#define DRBD_AL_BLOCKS_MIN		8
#define DRBD_AL_BLOCKS_MAX_TOOL		8192	/* 32 MiB, what user space creates */
#define DRBD_AL_BLOCKS_MAX		4194304	/* 16 GiB, what the kernel accepts */

/* One activity-log transaction. */
struct drbd_al_block {
	__be32 magic;
	__be32 number;
	__be32 crc32c;			/* seed 0, not inverted, this field 0 */
	__be16 type;
	__be16 n_updates;
	__be16 context_size;		/* number of activity-log slots */
	__be16 context_start;
	__be32 reserved[4];
	__be16 update_slot[DRBD_AL_UPDATES];
	__be32 update_extent[DRBD_AL_UPDATES];
	__be32 context[DRBD_AL_CONTEXT];
};

#endif /* LINUX_DRBD_METADATA_H */
