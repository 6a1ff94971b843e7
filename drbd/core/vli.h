/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bitmap on the wire (resync chapter, section 7): a stream of bits at
 * 4 KiB granularity, in packets that are either plain bytes or run lengths in a
 * variable-length code.  All functions are pure; any context.
 *
 * The receiving half trusts nothing: every length is checked, a run never
 * passes the end of the bitmap, and each error is final for the connection.
 */
#ifndef DRBD_CORE_VLI_H
#define DRBD_CORE_VLI_H

#include "port.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DRBD_VLI_MAX_BITS	64			/* longest code */
#define DRBD_VLI_MAX_VALUE	0x100000400202130ULL	/* largest run */

/* ---- single codes ---- */

/*
 * Code of @value (1 .. DRBD_VLI_MAX_VALUE), first bit of the stream in bit 0
 * of *@code.  Returns the number of bits, or -ERANGE.
 */
int drbd_vli_encode(u64 value, u64 *code);

/*
 * Decode what starts in bit 0 of @code, of which @available (<= 64) bits are
 * valid.  Returns the number of bits used, or -ENODATA if the code is longer.
 */
int drbd_vli_decode(u64 code, unsigned int available, u64 *value);

/* ---- run-length packets ---- */

/*
 * Where the encoder gets its bits: the first position >= @from and < the
 * number of bits whose bit is @value; the number of bits if there is none.
 */
typedef u64 (*drbd_rle_find_fn)(void *ctx, u64 from, bool value);

/* Room a payload needs to take any run: encoding byte and the longest code. */
#define DRBD_RLE_MIN_PAYLOAD	9

/*
 * Encode runs from bit *@pos on into @payload (encoding byte and code bytes,
 * at most @max, at least DRBD_RLE_MIN_PAYLOAD).  @bits: number of bits in the
 * whole bitmap, *@pos < @bits.  Returns the payload length and advances *@pos;
 * returns 0, *@pos unchanged, if plain bits would be shorter: then send a plain
 * packet.  @always: never return 0, for nodes whose own bits are coarser than
 * 4 KiB (existing receivers do not take plain packets of such nodes reliably).
 * -EINVAL for bad arguments or a @find that contradicts itself.
 */
int drbd_rle_encode(u8 *payload, size_t max, u64 bits, u64 *pos, bool always,
		    drbd_rle_find_fn find, void *ctx);

struct drbd_rle_reader {
	const u8 *code;
	size_t bit;		/* next bit of the code */
	size_t end;		/* bits of code, without padding */
	u64 pos;		/* next bit of the bitmap */
	u64 bits;		/* bits of the bitmap */
	bool value;		/* of the next run */
};

struct drbd_rle_run {
	u64 first;
	u64 count;
	bool value;
};

/*
 * Start on a received payload.  -EINVAL: too short, unknown encoding, or
 * @pos > @bits.
 */
int drbd_rle_open(struct drbd_rle_reader *r, const void *payload, size_t len, u64 pos, u64 bits);

/*
 * The next run: 1 and *@run; 0 at the end of the packet (r->pos is where the
 * next packet starts).  -EINVAL: code cut off; -ERANGE: run passes the end.
 */
int drbd_rle_next(struct drbd_rle_reader *r, struct drbd_rle_run *run);

/* ---- position within an exchange, for sender and receiver alike ---- */

struct drbd_bm_stream {
	u64 bits;		/* of the whole bitmap at 4 KiB granularity */
	u64 pos;		/* next bit */
	bool complete;
};

void drbd_bm_stream_init(struct drbd_bm_stream *s, u64 bits);

/*
 * Bytes that the next plain packet carries, given the room in a packet
 * (4096 - header size); 0 is the end marker.  A plain packet starts at
 * drbd_bm_stream_plain_pos(), a multiple of 64.
 */
size_t drbd_bm_stream_plain_len(const struct drbd_bm_stream *s, size_t room);

static inline u64 drbd_bm_stream_plain_pos(const struct drbd_bm_stream *s)
{
	return s->pos & ~63ULL;
}

/*
 * A plain packet of @len bytes was sent or received.  -EINVAL if that is not
 * what drbd_bm_stream_plain_len() says, or the exchange is over.
 */
int drbd_bm_stream_plain(struct drbd_bm_stream *s, size_t len, size_t room);

/*
 * A run-length packet that ended at @pos was sent or received.  -EINVAL if the
 * exchange is over, or @pos does not advance or passes the end.
 */
int drbd_bm_stream_rle(struct drbd_bm_stream *s, u64 pos);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_VLI_H */
