// SPDX-License-Identifier: GPL-2.0-only
/* Packets between wire and CPU order.  See packet.h. */
#include "packet.h"

/* Everything but bulk data fits a buffer together with the largest header. */
#define MAX_BUFFERED (DRBD_PACKET_BUFFER_SIZE - (u32)sizeof(struct wire_header100))
#define MAX_DATA ((u32)sizeof(struct wire_data) + DRBD_MAX_DIGEST_SIZE + DRBD_MAX_BIO_SIZE)

/* ----------------------------------------------------------------- headers */

unsigned int drbd_data_header_formats(int protocol)
{
	if (protocol >= 100)
		return DRBD_HEADER_100;
	if (protocol >= 95)
		return DRBD_HEADER_80 | DRBD_HEADER_95;
	if (protocol > 0)
		return DRBD_HEADER_80;
	/* A node with a high own minimum sends its features with the new header. */
	return DRBD_HEADER_80 | DRBD_HEADER_100;
}

unsigned int drbd_encode_header(void *buf, int protocol, u16 volume, u16 cmd, u32 length)
{
	if (protocol >= 100) {
		struct wire_header100 *h = (struct wire_header100 *)buf;

		h->magic = cpu_to_be32(DRBD_MAGIC_H100);
		h->volume = cpu_to_be16(volume);
		h->command = cpu_to_be16(cmd);
		h->length = cpu_to_be32(length);
		h->pad = 0;
		return sizeof(*h);
	}
	if (protocol >= 95 && length > DRBD_H80_MAX_PACKET - sizeof(struct wire_header80)) {
		struct wire_header95 *h = (struct wire_header95 *)buf;

		h->magic = cpu_to_be16(DRBD_MAGIC_H95);
		h->command = cpu_to_be16(cmd);
		h->length = cpu_to_be32(length);
		return sizeof(*h);
	} else {
		struct wire_header80 *h = (struct wire_header80 *)buf;

		h->magic = cpu_to_be32(DRBD_MAGIC_H80);
		h->command = cpu_to_be16(cmd);
		h->length = cpu_to_be16(length);
		return sizeof(*h);
	}
}

int drbd_decode_header(const void *buf, size_t have, unsigned int formats,
		       struct drbd_packet_header *h, const char **why)
{
	/* Magic numbers differ in their first two bytes, so those tell the size. */
	const struct wire_header100 *h100 = (const struct wire_header100 *)buf;
	const struct wire_header95 *h95 = (const struct wire_header95 *)buf;
	const struct wire_header80 *h80 = (const struct wire_header80 *)buf;

	if (have < sizeof(*h80))
		return 0;
	if ((formats & DRBD_HEADER_100) && h100->magic == cpu_to_be32(DRBD_MAGIC_H100)) {
		if (have < sizeof(*h100))
			return 0;
		if (h100->pad) {
			*why = "padding of the header is not zero";
			return -EPROTO;
		}
		h->volume = be16_to_cpu(h100->volume);
		h->cmd = be16_to_cpu(h100->command);
		h->length = be32_to_cpu(h100->length);
		return sizeof(*h100);
	}
	if ((formats & DRBD_HEADER_80) && h80->magic == cpu_to_be32(DRBD_MAGIC_H80)) {
		h->volume = 0;
		h->cmd = be16_to_cpu(h80->command);
		h->length = be16_to_cpu(h80->length);
		return sizeof(*h80);
	}
	if ((formats & DRBD_HEADER_95) && h95->magic == cpu_to_be16(DRBD_MAGIC_H95)) {
		h->volume = 0;
		h->cmd = be16_to_cpu(h95->command);
		h->length = be32_to_cpu(h95->length);
		return sizeof(*h95);
	}
	*why = "wrong magic number";
	return -EPROTO;
}

/* ------------------------------------------------------------------- table */

#define D PACKET_ON_DATA
#define C PACKET_ON_CONTROL
#define V PACKET_VOLUME
#define N PACKET_NO_VOLUME
#define A PACKET_ANY_VOLUME

#define FIRST DRBD_PROTOCOL_VERSION_OLDEST
#define LAST 255

#define ENTRY(c, s, v, lo, hi, b, fix, most, ff) \
	{ .cmd = c, .streams = s, .volume = v, .min_protocol = lo, .max_protocol = hi, \
	  .bulk = b, .fixed = fix, .max = most, .features = ff, .name = #c }
/* exactly one length */
#define FIXED(c, s, v, lo, hi, size) ENTRY(c, s, v, lo, hi, false, size, size, 0)
#define GATED(c, s, v, lo, hi, size, ff) ENTRY(c, s, v, lo, hi, false, size, size, ff)
/* a variable part that fits a buffer */
#define UPTO(c, s, v, lo, hi, least, most) ENTRY(c, s, v, lo, hi, false, least, most, 0)

#define S(t) sizeof(struct wire_ ## t)

/*
 * Where existing nodes are known to send a packet outside its gate and it does no
 * harm, the gate is not written here.
 */
static const struct drbd_packet_info packets[] = {
	ENTRY(P_DATA, D, V, FIRST, LAST, true, S(data), MAX_DATA, 0),
	ENTRY(P_DATA_REPLY, D, V, FIRST, LAST, true, S(data), MAX_DATA, 0),
	ENTRY(P_RS_DATA_REPLY, D, V, FIRST, LAST, true, S(data), MAX_DATA, 0),
	FIXED(P_BARRIER, D, N, FIRST, LAST, S(barrier)),
	UPTO(P_BITMAP, D, V, FIRST, LAST, 0, MAX_BUFFERED + 8),
	FIXED(P_UNPLUG_REMOTE, D, N, FIRST, LAST, 0),
	FIXED(P_DATA_REQUEST, D, V, FIRST, LAST, S(block_request)),
	FIXED(P_RS_DATA_REQUEST, D, V, FIRST, LAST, S(block_request)),
	UPTO(P_SYNC_PARAM, D, V, FIRST, 88, 4, 4 + DRBD_WIRE_ALG_NAME_LEN),
	UPTO(P_PROTOCOL, D, N, FIRST, LAST, S(protocol), S(protocol) + DRBD_WIRE_ALG_NAME_LEN),
	FIXED(P_UUIDS, D, V, FIRST, 109, S(uuids)),
	UPTO(P_SIZES, D, V, FIRST, LAST, DRBD_SIZES_OLD_SIZE, S(sizes)),
	FIXED(P_STATE, D, A, FIRST, LAST, S(state)),
	FIXED(P_SYNC_UUID, D, V, FIRST, 109, S(uuid)),
	FIXED(P_AUTH_CHALLENGE, D, N, FIRST, LAST, DRBD_CHALLENGE_LEN),
	UPTO(P_AUTH_RESPONSE, D, N, FIRST, LAST, 1, DRBD_MAX_DIGEST_SIZE),
	FIXED(P_STATE_CHG_REQ, D, V, FIRST, 109, S(state_request)),

	FIXED(P_PING, C, N, FIRST, LAST, 0),
	FIXED(P_PING_ACK, C, N, FIRST, LAST, 0),
	FIXED(P_RECV_ACK, C, V, FIRST, LAST, S(block_ack)),
	FIXED(P_WRITE_ACK, C, V, FIRST, LAST, S(block_ack)),
	FIXED(P_RS_WRITE_ACK, C, V, FIRST, LAST, S(block_ack)),
	FIXED(P_SUPERSEDED, C, V, FIRST, LAST, S(block_ack)),
	FIXED(P_NEG_ACK, C, V, FIRST, LAST, S(block_ack)),
	FIXED(P_NEG_DREPLY, C, V, FIRST, LAST, S(block_ack)),
	FIXED(P_NEG_RS_DREPLY, C, V, FIRST, LAST, S(block_ack)),
	FIXED(P_BARRIER_ACK, C, N, FIRST, LAST, S(barrier_ack)),
	FIXED(P_STATE_CHG_REPLY, C, V, FIRST, 109, S(state_reply)),

	FIXED(P_OV_REQUEST, D, V, 88, LAST, S(block_request)),
	UPTO(P_OV_REPLY, D, V, 88, LAST, S(block_request) + 1,
	     S(block_request) + DRBD_MAX_DIGEST_SIZE),
	FIXED(P_OV_RESULT, C, V, 88, 121, S(block_ack)),
	UPTO(P_CSUM_RS_REQUEST, D, V, 89, LAST, S(block_request) + 1,
	     S(block_request) + DRBD_MAX_DIGEST_SIZE),
	FIXED(P_RS_IS_IN_SYNC, C, V, 89, LAST, S(block_ack)),
	UPTO(P_SYNC_PARAM89, D, V, 89, LAST, DRBD_SYNC_PARAM89_OLD_SIZE, S(sync_param)),
	UPTO(P_COMPRESSED_BITMAP, D, V, 90, LAST, 2, MAX_BUFFERED + 8),
	FIXED(P_DELAY_PROBE, D | C, A, FIRST, LAST, S(delay_probe)),
	FIXED(P_OUT_OF_SYNC, D, V, 96, LAST, S(block_range)),
	FIXED(P_RS_CANCEL, C, V, 96, LAST, S(block_ack)),
	FIXED(P_CONN_ST_CHG_REQ, D, N, 100, 109, S(state_request)),
	FIXED(P_CONN_ST_CHG_REPLY, C, N, 100, 109, S(state_reply)),
	FIXED(P_RETRY_WRITE, C, V, 100, LAST, S(block_ack)),
	UPTO(P_PROTOCOL_UPDATE, D, N, 100, LAST, S(protocol),
	     S(protocol) + DRBD_WIRE_ALG_NAME_LEN),
	FIXED(P_TWOPC_PREPARE, D, A, 110, LAST, S(twopc_request)),
	FIXED(P_TWOPC_ABORT, D, A, 110, LAST, S(twopc_request)),
	FIXED(P_DAGTAG, D, N, 110, LAST, S(dagtag)),
	GATED(P_TRIM, D, V, FIRST, LAST, S(trim), DRBD_FF_TRIM),
	GATED(P_RS_THIN_REQ, D, V, FIRST, LAST, S(block_request), DRBD_FF_THIN_RESYNC),
	GATED(P_RS_DEALLOCATED, D, V, FIRST, LAST, S(block_range), DRBD_FF_THIN_RESYNC),
	FIXED(P_TWOPC_PREP_RSZ, D, V, 112, LAST, S(twopc_request)),
	GATED(P_ZEROES, D, V, FIRST, LAST, S(trim), DRBD_FF_WZEROES),

	FIXED(P_PEER_ACK, C, N, 110, LAST, S(peer_ack)),
	FIXED(P_PEERS_IN_SYNC, C, V, 110, LAST, S(peers_in_sync)),
	UPTO(P_UUIDS110, D, V, 110, LAST, S(uuids110), MAX_BUFFERED),
	FIXED(P_PEER_DAGTAG, D, N, 110, LAST, S(peer_dagtag)),
	FIXED(P_CURRENT_UUID, D, V, 110, LAST, S(current_uuid)),
	FIXED(P_TWOPC_YES, C, A, 110, LAST, S(twopc_reply)),
	FIXED(P_TWOPC_NO, C, A, 110, LAST, S(twopc_reply)),
	FIXED(P_TWOPC_COMMIT, D, A, 110, LAST, S(twopc_request)),
	FIXED(P_TWOPC_RETRY, C, A, 110, LAST, S(twopc_reply)),
	FIXED(P_CONFIRM_STABLE, C, N, 114, LAST, S(confirm_stable)),
	FIXED(P_RS_CANCEL_AHEAD, C, V, 115, LAST, S(block_ack)),
	FIXED(P_DISCONNECT, D, N, 118, LAST, 0),
	GATED(P_RS_DAGTAG_REQ, D, V, 110, LAST, S(dagtag_request), DRBD_FF_RESYNC_DAGTAG),
	ENTRY(P_RS_CSUM_DAGTAG_REQ, D, V, 110, LAST, false, S(dagtag_request) + 1,
	      S(dagtag_request) + DRBD_MAX_DIGEST_SIZE, DRBD_FF_RESYNC_DAGTAG),
	GATED(P_RS_THIN_DAGTAG_REQ, D, V, 110, LAST, S(dagtag_request),
	      DRBD_FF_RESYNC_DAGTAG | DRBD_FF_THIN_RESYNC),
	GATED(P_OV_DAGTAG_REQ, D, V, 110, LAST, S(dagtag_request), DRBD_FF_RESYNC_DAGTAG),
	ENTRY(P_OV_DAGTAG_REPLY, D, V, 110, LAST, false, S(dagtag_request) + 1,
	      S(dagtag_request) + DRBD_MAX_DIGEST_SIZE, DRBD_FF_RESYNC_DAGTAG),
	FIXED(P_WRITE_ACK_IN_SYNC, C, V, 122, LAST, S(block_ack)),
	FIXED(P_RS_NEG_ACK, C, V, 122, LAST, S(block_ack)),
	FIXED(P_OV_RESULT_ID, C, V, 122, LAST, S(ov_result)),
	GATED(P_RS_DEALLOCATED_ID, D, V, 122, LAST, S(block_ack), DRBD_FF_THIN_RESYNC),
	FIXED(P_FLUSH_REQUESTS, D, N, 123, LAST, S(flush_requests)),
	FIXED(P_FLUSH_FORWARD, C, N, 123, LAST, S(flush_node)),
	FIXED(P_FLUSH_REQUESTS_ACK, D, N, 123, LAST, S(flush_node)),
	FIXED(P_ENABLE_REPLICATION_NEXT, D, V, 100, LAST, S(enable_replication)),
	/* 9.3.3 sends it to an 8.4 once: wire.md 7.2 */
	FIXED(P_ENABLE_REPLICATION, D, V, 100, LAST, S(enable_replication)),

	/* before there is a version */
	FIXED(P_INITIAL_META, C, A, 0, 0, 0),
	FIXED(P_INITIAL_DATA, D, A, 0, 0, 0),
	FIXED(P_CONNECTION_FEATURES, D, A, 0, 0, S(features)),
};

static const struct drbd_packet_info *find_packet(u16 cmd)
{
	unsigned int lo = 0, hi = ARRAY_SIZE(packets);

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (packets[mid].cmd == cmd)
			return &packets[mid];
		if (packets[mid].cmd < cmd)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct drbd_packet_info *drbd_packet_info(u16 cmd, int protocol)
{
	const struct drbd_packet_info *info = find_packet(cmd);

	if (!info || protocol < info->min_protocol || protocol > info->max_protocol)
		return NULL;
	return info;
}

const char *drbd_packet_name(u16 cmd)
{
	const struct drbd_packet_info *info = find_packet(cmd);

	return info ? info->name : "P_unknown";
}

static u32 header_overhead(int protocol)
{
	return DRBD_PACKET_BUFFER_SIZE - drbd_header_size(protocol);
}

const char *drbd_packet_check(const struct drbd_packet_header *h, unsigned int stream,
			      int protocol, u32 features, const struct drbd_packet_info **result)
{
	const struct drbd_packet_info *info = drbd_packet_info(h->cmd, protocol);
	u32 least, most;

	if (!info)
		return find_packet(h->cmd) ? "not a packet of the agreed protocol version" :
					     "unknown packet";
	if (!(info->streams & stream))
		return "on the wrong stream";
	if ((info->features & features) != info->features)
		return "needs a feature that was not agreed on";
	if (info->volume == PACKET_VOLUME && h->volume == DRBD_NO_VOLUME)
		return "names no volume";
	if (info->volume == PACKET_NO_VOLUME && h->volume != DRBD_NO_VOLUME && protocol >= 110)
		return "names a volume";

	least = info->fixed;
	most = info->max;
	switch (h->cmd) {
	case P_SIZES:
		least = most = features & DRBD_FF_WSAME ? sizeof(struct wire_sizes) :
							  DRBD_SIZES_OLD_SIZE;
		break;
	case P_SYNC_PARAM89:
		least = most = protocol >= 95 ? sizeof(struct wire_sync_param) :
						DRBD_SYNC_PARAM89_OLD_SIZE;
		break;
	case P_SYNC_PARAM:
		if (protocol < 88)
			most = 4;
		else
			least = 4 + 1;
		break;
	case P_PROTOCOL:
		if (protocol < 87)
			most = sizeof(struct wire_protocol);
		else
			least = sizeof(struct wire_protocol) + 1;
		break;
	case P_PROTOCOL_UPDATE:
		least = sizeof(struct wire_protocol) + 1;
		break;
	case P_BITMAP:
	case P_COMPRESSED_BITMAP:
		most = header_overhead(protocol);
		break;
	}
	if (h->length < least)
		return "too short";
	if (h->length > most)
		return "too long";
	*result = info;
	return NULL;
}

u32 drbd_max_data_size(int protocol)
{
	return protocol >= 100 ? DRBD_MAX_BIO_SIZE :
	       protocol >= 95 ? DRBD_MAX_BIO_SIZE_P95 : DRBD_MAX_BIO_SIZE_P94;
}

u32 drbd_max_discard_size(u32 features)
{
	return features & DRBD_FF_WSAME ? DRBD_MAX_DISCARD_SIZE : DRBD_MAX_DISCARD_SIZE_OLD;
}

/* No device is larger: sectors in a signed 64 bit byte count. */
#define MAX_SECTOR (1ULL << 54)

static const char *check_size(u64 sector, u32 size, u32 max)
{
	if (!size)
		return "size is zero";
	if (size % 512)
		return "size is not a multiple of 512";
	if (size > max)
		return "size is too large";
	if (sector > MAX_SECTOR)
		return "sector is out of range";
	return NULL;
}

const char *drbd_check_range(u64 sector, u32 size, u64 capacity)
{
	const char *why = check_size(sector, size, ~0U);

	if (why)
		return why;
	if (sector > capacity || size / 512 > capacity - sector)
		return "reaches beyond the end of the device";
	return NULL;
}

/* ---------------------------------------------------------- application I/O */

static const char too_short[] = "too short";

const char *drbd_decode_data(const void *buf, u32 len, unsigned int digest_size, int protocol,
			     struct drbd_pkt_data *p)
{
	const struct wire_data *w = (const struct wire_data *)buf;

	if (digest_size > DRBD_MAX_DIGEST_SIZE || len < sizeof(*w) + digest_size)
		return too_short;
	p->sector = be64_to_cpu(w->sector);
	p->block_id = w->block_id;
	p->seq_num = be32_to_cpu(w->seq_num);
	p->dp_flags = be32_to_cpu(w->dp_flags);
	p->size = len - sizeof(*w) - digest_size;
	if (p->dp_flags & DP_WSAME)
		return "uses the write-same flag, which no longer exists";
	return check_size(p->sector, p->size, drbd_max_data_size(protocol));
}

unsigned int drbd_encode_data(void *buf, const struct drbd_pkt_data *p)
{
	struct wire_data *w = (struct wire_data *)buf;

	w->sector = cpu_to_be64(p->sector);
	w->block_id = p->block_id;
	w->seq_num = cpu_to_be32(p->seq_num);
	w->dp_flags = cpu_to_be32(p->dp_flags);
	return sizeof(*w);
}

const char *drbd_decode_trim(const void *buf, u32 len, u32 features, struct drbd_pkt_data *p)
{
	const struct wire_trim *w = (const struct wire_trim *)buf;

	if (len < sizeof(*w))
		return too_short;
	p->sector = be64_to_cpu(w->data.sector);
	p->block_id = w->data.block_id;
	p->seq_num = be32_to_cpu(w->data.seq_num);
	p->dp_flags = be32_to_cpu(w->data.dp_flags);
	p->size = be32_to_cpu(w->size);
	return check_size(p->sector, p->size, drbd_max_discard_size(features));
}

unsigned int drbd_encode_trim(void *buf, const struct drbd_pkt_data *p)
{
	struct wire_trim *w = (struct wire_trim *)buf;

	drbd_encode_data(&w->data, p);
	w->size = cpu_to_be32(p->size);
	return sizeof(*w);
}

static void block_ack_from_wire(struct drbd_pkt_block_ack *p, const struct wire_block_ack *w)
{
	p->sector = be64_to_cpu(w->sector);
	p->block_id = w->block_id;
	p->size = be32_to_cpu(w->size);
	p->seq_num = be32_to_cpu(w->seq_num);
	p->ov_result = OV_RESULT_SKIP;
}

const char *drbd_decode_block_ack(const void *buf, u32 len, struct drbd_pkt_block_ack *p)
{
	const struct wire_block_ack *w = (const struct wire_block_ack *)buf;

	if (len < sizeof(*w))
		return too_short;
	block_ack_from_wire(p, w);
	/* Of a request that we made, or a discard; whose is found by looking it up. */
	return check_size(p->sector, p->size, DRBD_MAX_DISCARD_SIZE);
}

unsigned int drbd_encode_block_ack(void *buf, const struct drbd_pkt_block_ack *p)
{
	struct wire_block_ack *w = (struct wire_block_ack *)buf;

	w->sector = cpu_to_be64(p->sector);
	w->block_id = p->block_id;
	w->size = cpu_to_be32(p->size);
	w->seq_num = cpu_to_be32(p->seq_num);
	return sizeof(*w);
}

const char *drbd_decode_ov_result(const void *buf, u32 len, struct drbd_pkt_block_ack *p)
{
	const struct wire_ov_result *w = (const struct wire_ov_result *)buf;

	if (len < sizeof(*w))
		return too_short;
	block_ack_from_wire(p, &w->ack);
	p->ov_result = be32_to_cpu(w->result);
	if (p->ov_result > OV_RESULT_OUT_OF_SYNC)
		p->ov_result = OV_RESULT_SKIP;
	return check_size(p->sector, p->size, DRBD_MAX_BIO_SIZE);
}

unsigned int drbd_encode_ov_result(void *buf, const struct drbd_pkt_block_ack *p)
{
	struct wire_ov_result *w = (struct wire_ov_result *)buf;

	drbd_encode_block_ack(&w->ack, p);
	w->result = cpu_to_be32(p->ov_result);
	w->pad = 0;
	return sizeof(*w);
}

enum drbd_ov_result drbd_ov_result_of_id(u64 block_id)
{
	/* The one block_id that is a number, so it has an order of bytes. */
	switch (get_unaligned_be64(&block_id)) {
	case DRBD_OV_ID_OUT_OF_SYNC:
		return OV_RESULT_OUT_OF_SYNC;
	case DRBD_OV_ID_SKIPPED:
		return OV_RESULT_SKIP;
	}
	return OV_RESULT_IN_SYNC;
}

u64 drbd_ov_result_to_id(enum drbd_ov_result result)
{
	u64 id;

	put_unaligned_be64(result == OV_RESULT_IN_SYNC ? DRBD_OV_ID_IN_SYNC :
			   result == OV_RESULT_OUT_OF_SYNC ? DRBD_OV_ID_OUT_OF_SYNC :
			   DRBD_OV_ID_SKIPPED, &id);
	return id;
}

bool drbd_packet_has_dagtag(u16 cmd)
{
	switch (cmd) {
	case P_RS_DAGTAG_REQ:
	case P_RS_CSUM_DAGTAG_REQ:
	case P_RS_THIN_DAGTAG_REQ:
	case P_OV_DAGTAG_REQ:
	case P_OV_DAGTAG_REPLY:
		return true;
	}
	return false;
}

const char *drbd_decode_request(u16 cmd, const void *buf, u32 len, int protocol,
				struct drbd_pkt_request *p)
{
	/* The two layouts begin alike. */
	const struct wire_dagtag_request *w = (const struct wire_dagtag_request *)buf;
	bool has_dagtag = drbd_packet_has_dagtag(cmd);
	u32 fixed = has_dagtag ? sizeof(*w) : sizeof(struct wire_block_request);

	if (len < fixed)
		return too_short;
	p->sector = be64_to_cpu(w->sector);
	p->block_id = w->block_id;
	p->size = be32_to_cpu(w->size);
	p->digest_size = len - fixed;
	p->dagtag_node_id = has_dagtag ? be32_to_cpu(w->dagtag_node_id) : 0;
	p->dagtag = has_dagtag ? be64_to_cpu(w->dagtag) : 0;
	if (p->digest_size > DRBD_MAX_DIGEST_SIZE)
		return "digest is too long";
	if (p->dagtag && p->dagtag_node_id >= DRBD_PKT_NODES)
		return "node id is out of range";
	return check_size(p->sector, p->size, drbd_max_data_size(protocol));
}

unsigned int drbd_encode_request(u16 cmd, void *buf, const struct drbd_pkt_request *p)
{
	struct wire_dagtag_request *w = (struct wire_dagtag_request *)buf;

	w->sector = cpu_to_be64(p->sector);
	w->block_id = p->block_id;
	w->size = cpu_to_be32(p->size);
	w->dagtag_node_id = 0;	/* the padding of the short layout */
	if (!drbd_packet_has_dagtag(cmd))
		return sizeof(struct wire_block_request);
	w->dagtag_node_id = cpu_to_be32(p->dagtag_node_id);
	w->dagtag = cpu_to_be64(p->dagtag);
	return sizeof(*w);
}

const char *drbd_decode_range(const void *buf, u32 len, struct drbd_pkt_range *p)
{
	const struct wire_block_range *w = (const struct wire_block_range *)buf;

	if (len < sizeof(*w))
		return too_short;
	p->sector = be64_to_cpu(w->sector);
	p->size = be32_to_cpu(w->size);
	p->node_mask = 0;
	return check_size(p->sector, p->size, ~0U);
}

unsigned int drbd_encode_range(void *buf, const struct drbd_pkt_range *p)
{
	struct wire_block_range *w = (struct wire_block_range *)buf;

	w->sector = cpu_to_be64(p->sector);
	w->size = cpu_to_be32(p->size);
	w->pad = 0;
	return sizeof(*w);
}

const char *drbd_decode_peers_in_sync(const void *buf, u32 len, struct drbd_pkt_range *p)
{
	const struct wire_peers_in_sync *w = (const struct wire_peers_in_sync *)buf;

	if (len < sizeof(*w))
		return too_short;
	p->sector = be64_to_cpu(w->sector);
	p->size = be32_to_cpu(w->size);
	p->node_mask = be64_to_cpu(w->node_mask);
	return check_size(p->sector, p->size, ~0U);
}

unsigned int drbd_encode_peers_in_sync(void *buf, const struct drbd_pkt_range *p)
{
	struct wire_peers_in_sync *w = (struct wire_peers_in_sync *)buf;

	w->sector = cpu_to_be64(p->sector);
	w->node_mask = cpu_to_be64(p->node_mask);
	w->size = cpu_to_be32(p->size);
	w->pad = 0;
	return sizeof(*w);
}

const char *drbd_decode_barrier(const void *buf, u32 len, u32 *barrier)
{
	const struct wire_barrier *w = (const struct wire_barrier *)buf;

	if (len < sizeof(*w))
		return too_short;
	*barrier = w->barrier;
	return NULL;
}

unsigned int drbd_encode_barrier(void *buf, u32 barrier)
{
	struct wire_barrier *w = (struct wire_barrier *)buf;

	w->barrier = barrier;
	w->pad = 0;
	return sizeof(*w);
}

const char *drbd_decode_barrier_ack(const void *buf, u32 len, u32 *barrier, u32 *set_size)
{
	const struct wire_barrier_ack *w = (const struct wire_barrier_ack *)buf;

	if (len < sizeof(*w))
		return too_short;
	*barrier = w->barrier;
	*set_size = be32_to_cpu(w->set_size);
	return NULL;
}

unsigned int drbd_encode_barrier_ack(void *buf, u32 barrier, u32 set_size)
{
	struct wire_barrier_ack *w = (struct wire_barrier_ack *)buf;

	w->barrier = barrier;
	w->set_size = cpu_to_be32(set_size);
	return sizeof(*w);
}

const char *drbd_decode_confirm_stable(const void *buf, u32 len,
				       struct drbd_pkt_confirm_stable *p)
{
	const struct wire_confirm_stable *w = (const struct wire_confirm_stable *)buf;

	if (len < sizeof(*w))
		return too_short;
	p->oldest_block_id = w->oldest_block_id;
	p->youngest_block_id = w->youngest_block_id;
	p->set_size = be32_to_cpu(w->set_size);
	return NULL;
}

unsigned int drbd_encode_confirm_stable(void *buf, const struct drbd_pkt_confirm_stable *p)
{
	struct wire_confirm_stable *w = (struct wire_confirm_stable *)buf;

	w->oldest_block_id = p->oldest_block_id;
	w->youngest_block_id = p->youngest_block_id;
	w->set_size = cpu_to_be32(p->set_size);
	w->pad = 0;
	return sizeof(*w);
}

const char *drbd_decode_dagtag(const void *buf, u32 len, u64 *dagtag)
{
	if (len < sizeof(struct wire_dagtag))
		return too_short;
	*dagtag = be64_to_cpu(((const struct wire_dagtag *)buf)->dagtag);
	return NULL;
}

unsigned int drbd_encode_dagtag(void *buf, u64 dagtag)
{
	((struct wire_dagtag *)buf)->dagtag = cpu_to_be64(dagtag);
	return sizeof(struct wire_dagtag);
}

const char *drbd_decode_peer_ack(const void *buf, u32 len, u64 *node_mask, u64 *dagtag)
{
	const struct wire_peer_ack *w = (const struct wire_peer_ack *)buf;

	if (len < sizeof(*w))
		return too_short;
	*node_mask = be64_to_cpu(w->node_mask);
	*dagtag = be64_to_cpu(w->dagtag);
	return NULL;
}

unsigned int drbd_encode_peer_ack(void *buf, u64 node_mask, u64 dagtag)
{
	struct wire_peer_ack *w = (struct wire_peer_ack *)buf;

	w->node_mask = cpu_to_be64(node_mask);
	w->dagtag = cpu_to_be64(dagtag);
	return sizeof(*w);
}

static const char *check_node_id(u32 node_id)
{
	return node_id < DRBD_PKT_NODES ? NULL : "node id is out of range";
}

const char *drbd_decode_peer_dagtag(const void *buf, u32 len, u64 *dagtag, u32 *node_id)
{
	const struct wire_peer_dagtag *w = (const struct wire_peer_dagtag *)buf;

	if (len < sizeof(*w))
		return too_short;
	*dagtag = be64_to_cpu(w->dagtag);
	*node_id = be32_to_cpu(w->node_id);
	return check_node_id(*node_id);
}

unsigned int drbd_encode_peer_dagtag(void *buf, u64 dagtag, u32 node_id)
{
	struct wire_peer_dagtag *w = (struct wire_peer_dagtag *)buf;

	w->dagtag = cpu_to_be64(dagtag);
	w->node_id = cpu_to_be32(node_id);
	return sizeof(*w);
}

const char *drbd_decode_flush_requests(const void *buf, u32 len, u64 *sequence)
{
	if (len < sizeof(struct wire_flush_requests))
		return too_short;
	*sequence = be64_to_cpu(((const struct wire_flush_requests *)buf)->sequence);
	return NULL;
}

unsigned int drbd_encode_flush_requests(void *buf, u64 sequence)
{
	((struct wire_flush_requests *)buf)->sequence = cpu_to_be64(sequence);
	return sizeof(struct wire_flush_requests);
}

const char *drbd_decode_flush_node(const void *buf, u32 len, u64 *sequence, u32 *node_id)
{
	const struct wire_flush_node *w = (const struct wire_flush_node *)buf;

	if (len < sizeof(*w))
		return too_short;
	*sequence = be64_to_cpu(w->sequence);
	*node_id = be32_to_cpu(w->node_id);
	return check_node_id(*node_id);
}

unsigned int drbd_encode_flush_node(void *buf, u64 sequence, u32 node_id)
{
	struct wire_flush_node *w = (struct wire_flush_node *)buf;

	w->sequence = cpu_to_be64(sequence);
	w->node_id = cpu_to_be32(node_id);
	return sizeof(*w);
}

const char *drbd_decode_enable_replication(const void *buf, u32 len, bool *enable)
{
	if (len < sizeof(struct wire_enable_replication))
		return too_short;
	*enable = ((const struct wire_enable_replication *)buf)->enable;
	return NULL;
}

unsigned int drbd_encode_enable_replication(void *buf, bool enable)
{
	struct wire_enable_replication *w = (struct wire_enable_replication *)buf;

	memset(w, 0, sizeof(*w));
	w->enable = enable;
	return sizeof(*w);
}

/* --------------------------------------------------------------- handshake */

const char *drbd_decode_features(const void *buf, u32 len, struct drbd_pkt_features *p)
{
	const struct wire_features *w = (const struct wire_features *)buf;

	if (len != sizeof(*w))
		return "has the wrong length";
	p->protocol_min = be32_to_cpu(w->protocol_min);
	p->protocol_max = be32_to_cpu(w->protocol_max);
	p->feature_flags = be32_to_cpu(w->feature_flags);
	p->sender_node_id = be32_to_cpu(w->sender_node_id);
	p->receiver_node_id = be32_to_cpu(w->receiver_node_id);
	if (!p->protocol_max)
		p->protocol_max = p->protocol_min;
	if (p->protocol_min > p->protocol_max)
		return "offers no protocol version";
	return NULL;
}

unsigned int drbd_encode_features(void *buf, const struct drbd_pkt_features *p)
{
	struct wire_features *w = (struct wire_features *)buf;

	memset(w, 0, sizeof(*w));
	w->protocol_min = cpu_to_be32(p->protocol_min);
	w->protocol_max = cpu_to_be32(p->protocol_max);
	w->feature_flags = cpu_to_be32(p->feature_flags);
	w->sender_node_id = cpu_to_be32(p->sender_node_id);
	w->receiver_node_id = cpu_to_be32(p->receiver_node_id);
	return sizeof(*w);
}

/* A name of @len bytes including the NUL that must be there; rest of @name zeroed. */
static const char *decode_name(char *name, const char *wire, u32 len)
{
	u32 n = 0;

	memset(name, 0, DRBD_WIRE_ALG_NAME_LEN);
	if (len > DRBD_WIRE_ALG_NAME_LEN)
		return "algorithm name is too long";
	while (n < len && wire[n]) {
		/* It is going to be a module's name, and to be logged. */
		if (wire[n] <= ' ' || wire[n] > '~')
			return "algorithm name has unprintable characters";
		n++;
	}
	if (n == len)
		return "algorithm name does not end";
	memcpy(name, wire, n);
	return NULL;
}

/* Returns bytes with the NUL. */
static unsigned int encode_name(char *wire, const char *name)
{
	unsigned int n = 0;

	while (n < DRBD_WIRE_ALG_NAME_LEN - 1 && name[n])
		n++;
	memcpy(wire, name, n);
	wire[n] = 0;
	return n + 1;
}

const char *drbd_decode_protocol(const void *buf, u32 len, int protocol,
				 struct drbd_pkt_protocol *p)
{
	const struct wire_protocol *w = (const struct wire_protocol *)buf;

	if (len < sizeof(*w))
		return too_short;
	p->protocol = be32_to_cpu(w->protocol);
	p->after_sb_0p = be32_to_cpu(w->after_sb_0p);
	p->after_sb_1p = be32_to_cpu(w->after_sb_1p);
	p->after_sb_2p = be32_to_cpu(w->after_sb_2p);
	p->conn_flags = be32_to_cpu(w->conn_flags);
	p->two_primaries = be32_to_cpu(w->two_primaries);
	memset(p->integrity_alg, 0, sizeof(p->integrity_alg));
	if (p->protocol < 1 || p->protocol > 3)
		return "replication protocol is none of A, B, C";
	if (protocol < 87)
		return NULL;
	return decode_name(p->integrity_alg, (const char *)(w + 1), len - sizeof(*w));
}

unsigned int drbd_encode_protocol(void *buf, int protocol, const struct drbd_pkt_protocol *p)
{
	struct wire_protocol *w = (struct wire_protocol *)buf;

	w->protocol = cpu_to_be32(p->protocol);
	w->after_sb_0p = cpu_to_be32(p->after_sb_0p);
	w->after_sb_1p = cpu_to_be32(p->after_sb_1p);
	w->after_sb_2p = cpu_to_be32(p->after_sb_2p);
	w->conn_flags = cpu_to_be32(p->conn_flags);
	w->two_primaries = cpu_to_be32(p->two_primaries);
	if (protocol < 87)
		return sizeof(*w);
	return sizeof(*w) + encode_name((char *)(w + 1), p->integrity_alg);
}

const char *drbd_decode_sync_param(const void *buf, u32 len, int protocol,
				   struct drbd_pkt_sync_param *p)
{
	const struct wire_sync_param *w = (const struct wire_sync_param *)buf;
	const char *why;

	memset(p, 0, sizeof(*p));
	if (len < sizeof(w->resync_rate))
		return too_short;
	p->resync_rate = be32_to_cpu(w->resync_rate);
	if (protocol < 88)
		return NULL;
	if (protocol < 89)
		return decode_name(p->verify_alg, w->verify_alg, len - sizeof(w->resync_rate));

	if (len < DRBD_SYNC_PARAM89_OLD_SIZE)
		return too_short;
	why = decode_name(p->verify_alg, w->verify_alg, sizeof(w->verify_alg));
	if (!why)
		why = decode_name(p->csums_alg, w->csums_alg, sizeof(w->csums_alg));
	if (why || protocol < 95)
		return why;

	if (len < sizeof(*w))
		return too_short;
	p->c_plan_ahead = be32_to_cpu(w->c_plan_ahead);
	p->c_delay_target = be32_to_cpu(w->c_delay_target);
	p->c_fill_target = be32_to_cpu(w->c_fill_target);
	p->c_max_rate = be32_to_cpu(w->c_max_rate);
	return NULL;
}

unsigned int drbd_encode_sync_param(void *buf, int protocol, const struct drbd_pkt_sync_param *p)
{
	struct wire_sync_param *w = (struct wire_sync_param *)buf;

	w->resync_rate = cpu_to_be32(p->resync_rate);
	if (protocol < 88)
		return sizeof(w->resync_rate);
	if (protocol < 89)
		return sizeof(w->resync_rate) + encode_name(w->verify_alg, p->verify_alg);

	memset(w->verify_alg, 0, sizeof(w->verify_alg));
	memset(w->csums_alg, 0, sizeof(w->csums_alg));
	encode_name(w->verify_alg, p->verify_alg);
	encode_name(w->csums_alg, p->csums_alg);
	if (protocol < 95)
		return DRBD_SYNC_PARAM89_OLD_SIZE;
	w->c_plan_ahead = cpu_to_be32(p->c_plan_ahead);
	w->c_delay_target = cpu_to_be32(p->c_delay_target);
	w->c_fill_target = cpu_to_be32(p->c_fill_target);
	w->c_max_rate = cpu_to_be32(p->c_max_rate);
	return sizeof(*w);
}

static bool is_block_size(u32 n)
{
	return n >= 512 && !(n & (n - 1));
}

const char *drbd_decode_sizes(const void *buf, u32 len, u32 features, struct drbd_pkt_sizes *p)
{
	const struct wire_sizes *w = (const struct wire_sizes *)buf;
	const struct wire_queue_limits *l = &w->limits;

	memset(p, 0, sizeof(*p));
	p->bm_block_shift = DRBD_WIRE_BM_BLOCK_SHIFT;
	if (len < DRBD_SIZES_OLD_SIZE)
		return too_short;
	p->d_size = be64_to_cpu(w->d_size);
	p->u_size = be64_to_cpu(w->u_size);
	p->c_size = be64_to_cpu(w->c_size);
	p->max_bio_size = be32_to_cpu(w->max_bio_size);
	p->queue_order_type = be16_to_cpu(w->queue_order_type);
	p->dds_flags = be16_to_cpu(w->dds_flags);
	if (p->d_size > MAX_SECTOR || p->u_size > MAX_SECTOR || p->c_size > MAX_SECTOR)
		return "size of the device is out of range";
	if (p->max_bio_size < 512)
		return "max_bio_size is too small";
	/* More than any version knows is no harm: we never send more than our own limit. */
	if (p->max_bio_size > DRBD_MAX_BIO_SIZE)
		p->max_bio_size = DRBD_MAX_BIO_SIZE;
	if (!(features & DRBD_FF_WSAME))
		return NULL;

	if (len < sizeof(*w))
		return too_short;
	p->has_limits = true;
	p->physical_block_size = be32_to_cpu(l->physical_block_size);
	p->logical_block_size = be32_to_cpu(l->logical_block_size);
	p->alignment_offset = be32_to_cpu(l->alignment_offset);
	p->io_min = be32_to_cpu(l->io_min);
	p->io_opt = be32_to_cpu(l->io_opt);
	p->discard_enabled = l->discard_enabled;
	p->discard_zeroes_data = l->discard_zeroes_data;
	p->write_same_capable = l->write_same_capable;
	if (!is_block_size(p->logical_block_size))
		return "logical block size is not a power of two of at least 512";
	if (!is_block_size(p->physical_block_size))
		return "physical block size is not a power of two of at least 512";
	if (p->logical_block_size > p->physical_block_size)
		return "logical block size exceeds the physical one";
	if (p->logical_block_size > DRBD_MAX_BIO_SIZE)
		return "logical block size is too large";
	if (features & DRBD_FF_BM_BLOCK_SHIFT) {
		if (l->bm_block_shift_minus_12 > 8)
			return "bitmap granularity is out of range";
		p->bm_block_shift += l->bm_block_shift_minus_12;
	}
	return NULL;
}

unsigned int drbd_encode_sizes(void *buf, u32 features, const struct drbd_pkt_sizes *p)
{
	struct wire_sizes *w = (struct wire_sizes *)buf;
	struct wire_queue_limits *l = &w->limits;

	w->d_size = cpu_to_be64(p->d_size);
	w->u_size = cpu_to_be64(p->u_size);
	w->c_size = cpu_to_be64(p->c_size);
	w->max_bio_size = cpu_to_be32(p->max_bio_size);
	w->queue_order_type = cpu_to_be16(p->queue_order_type);
	w->dds_flags = cpu_to_be16(p->dds_flags);
	if (!(features & DRBD_FF_WSAME))
		return DRBD_SIZES_OLD_SIZE;
	l->physical_block_size = cpu_to_be32(p->physical_block_size);
	l->logical_block_size = cpu_to_be32(p->logical_block_size);
	l->alignment_offset = cpu_to_be32(p->alignment_offset);
	l->io_min = cpu_to_be32(p->io_min);
	l->io_opt = cpu_to_be32(p->io_opt);
	l->discard_enabled = p->discard_enabled;
	l->discard_zeroes_data = p->discard_zeroes_data;
	l->write_same_capable = p->write_same_capable;
	l->bm_block_shift_minus_12 = features & DRBD_FF_BM_BLOCK_SHIFT ?
				     p->bm_block_shift - DRBD_WIRE_BM_BLOCK_SHIFT : 0;
	return sizeof(*w);
}

const char *drbd_decode_uuids(const void *buf, u32 len, struct drbd_pkt_uuids *p)
{
	const struct wire_uuids *w = (const struct wire_uuids *)buf;

	if (len < sizeof(*w))
		return too_short;
	p->current_uuid = be64_to_cpu(w->current_uuid);
	p->bitmap_uuid = be64_to_cpu(w->bitmap_uuid);
	p->history_uuids[0] = be64_to_cpu(w->history_uuids[0]);
	p->history_uuids[1] = be64_to_cpu(w->history_uuids[1]);
	p->dirty_bits = be64_to_cpu(w->dirty_bits);
	p->uuid_flags = be64_to_cpu(w->uuid_flags);
	return NULL;
}

unsigned int drbd_encode_uuids(void *buf, const struct drbd_pkt_uuids *p)
{
	struct wire_uuids *w = (struct wire_uuids *)buf;

	w->current_uuid = cpu_to_be64(p->current_uuid);
	w->bitmap_uuid = cpu_to_be64(p->bitmap_uuid);
	w->history_uuids[0] = cpu_to_be64(p->history_uuids[0]);
	w->history_uuids[1] = cpu_to_be64(p->history_uuids[1]);
	w->dirty_bits = cpu_to_be64(p->dirty_bits);
	w->uuid_flags = cpu_to_be64(p->uuid_flags);
	return sizeof(*w);
}

const char *drbd_decode_uuids110(const void *buf, u32 len, struct drbd_pkt_uuids110 *p)
{
	const struct wire_uuids110 *w = (const struct wire_uuids110 *)buf;
	const u8 *uuid = (const u8 *)(w + 1);
	u32 left = len, i;
	u64 mask;

	if (len < sizeof(*w))
		return too_short;
	left -= sizeof(*w);
	if (left % 8)
		return "does not hold whole UUIDs";
	p->current_uuid = be64_to_cpu(w->current_uuid);
	p->dirty_bits = be64_to_cpu(w->dirty_bits);
	p->uuid_flags = be64_to_cpu(w->uuid_flags);
	p->node_mask = be64_to_cpu(w->node_mask);
	mask = be64_to_cpu(w->bitmap_uuids_mask);
	if (mask >> DRBD_PKT_NODES)
		return "has bitmap UUIDs of impossible node ids";
	if (left < 8 * hweight64(mask))
		return "has fewer bitmap UUIDs than it says";
	p->bitmap_uuids_mask = (u32)mask;

	for (i = 0; i < DRBD_PKT_NODES; i++) {
		p->bitmap_uuids[i] = ~0ULL;
		if (!(mask & BIT_ULL(i)))
			continue;
		p->bitmap_uuids[i] = get_unaligned_be64(uuid);
		uuid += 8;
		left -= 8;
	}
	for (i = 0; i < DRBD_WIRE_HISTORY_UUIDS; i++) {
		p->history_uuids[i] = 0;
		if (!left)
			continue;
		p->history_uuids[i] = get_unaligned_be64(uuid);
		uuid += 8;
		left -= 8;
	}
	return NULL;
}

unsigned int drbd_encode_uuids110(void *buf, const struct drbd_pkt_uuids110 *p)
{
	struct wire_uuids110 *w = (struct wire_uuids110 *)buf;
	u8 *uuid = (u8 *)(w + 1);
	unsigned int i;

	w->current_uuid = cpu_to_be64(p->current_uuid);
	w->dirty_bits = cpu_to_be64(p->dirty_bits);
	w->uuid_flags = cpu_to_be64(p->uuid_flags);
	w->node_mask = cpu_to_be64(p->node_mask);
	w->bitmap_uuids_mask = cpu_to_be64((u64)p->bitmap_uuids_mask);
	for (i = 0; i < DRBD_PKT_NODES; i++) {
		if (!(p->bitmap_uuids_mask & BIT_ULL(i)))
			continue;
		put_unaligned_be64(p->bitmap_uuids[i], uuid);
		uuid += 8;
	}
	for (i = 0; i < DRBD_WIRE_HISTORY_UUIDS; i++) {
		put_unaligned_be64(p->history_uuids[i], uuid);
		uuid += 8;
	}
	return (unsigned int)(uuid - (u8 *)buf);
}

const char *drbd_decode_current_uuid(const void *buf, u32 len, u64 *uuid, u64 *weak_nodes)
{
	const struct wire_current_uuid *w = (const struct wire_current_uuid *)buf;

	if (len < sizeof(*w))
		return too_short;
	*uuid = be64_to_cpu(w->uuid);
	*weak_nodes = be64_to_cpu(w->weak_nodes);
	return NULL;
}

unsigned int drbd_encode_current_uuid(void *buf, u64 uuid, u64 weak_nodes)
{
	struct wire_current_uuid *w = (struct wire_current_uuid *)buf;

	w->uuid = cpu_to_be64(uuid);
	w->weak_nodes = cpu_to_be64(weak_nodes);
	return sizeof(*w);
}

const char *drbd_decode_sync_uuid(const void *buf, u32 len, u64 *uuid)
{
	if (len < sizeof(struct wire_uuid))
		return too_short;
	*uuid = be64_to_cpu(((const struct wire_uuid *)buf)->uuid);
	return NULL;
}

unsigned int drbd_encode_sync_uuid(void *buf, u64 uuid)
{
	((struct wire_uuid *)buf)->uuid = cpu_to_be64(uuid);
	return sizeof(struct wire_uuid);
}

/* ----------------------------------------------------------- state changes */

const char *drbd_decode_state(const void *buf, u32 len, u32 *state)
{
	if (len < sizeof(struct wire_state))
		return too_short;
	*state = be32_to_cpu(((const struct wire_state *)buf)->state);
	return NULL;
}

unsigned int drbd_encode_state(void *buf, u32 state)
{
	((struct wire_state *)buf)->state = cpu_to_be32(state);
	return sizeof(struct wire_state);
}

const char *drbd_decode_state_request(const void *buf, u32 len, u32 *mask, u32 *val)
{
	const struct wire_state_request *w = (const struct wire_state_request *)buf;

	if (len < sizeof(*w))
		return too_short;
	*mask = be32_to_cpu(w->mask);
	*val = be32_to_cpu(w->val);
	return NULL;
}

unsigned int drbd_encode_state_request(void *buf, u32 mask, u32 val)
{
	struct wire_state_request *w = (struct wire_state_request *)buf;

	w->mask = cpu_to_be32(mask);
	w->val = cpu_to_be32(val);
	return sizeof(*w);
}

const char *drbd_decode_state_reply(const void *buf, u32 len, s32 *retcode)
{
	if (len < sizeof(struct wire_state_reply))
		return too_short;
	*retcode = (s32)be32_to_cpu(((const struct wire_state_reply *)buf)->retcode);
	return NULL;
}

unsigned int drbd_encode_state_reply(void *buf, s32 retcode)
{
	((struct wire_state_reply *)buf)->retcode = cpu_to_be32((u32)retcode);
	return sizeof(struct wire_state_reply);
}

static const char *twopc_ids(const struct wire_twopc_request *w, u32 features, u32 *flags,
			     s8 *initiator, s8 *target)
{
	s64 from, to;

	if (features & DRBD_FF_2PC_V2) {
		*flags = be32_to_cpu(w->u.v2.flags);
		if (!(*flags & TWOPC_FLAG_V2))
			return "is not in the agreed layout";
		from = w->u.v2.initiator_node_id;
		to = w->u.v2.target_node_id;
	} else {
		*flags = 0;
		from = (s32)be32_to_cpu(w->u.v1.initiator_node_id);
		to = (s32)be32_to_cpu(w->u.v1.target_node_id);
	}
	if (from < 0 || from >= DRBD_PKT_NODES)
		return "node id of the initiator is out of range";
	if (to < -1 || to >= DRBD_PKT_NODES)
		return "node id of the target is out of range";
	*initiator = (s8)from;
	*target = (s8)to;
	return NULL;
}

const char *drbd_decode_twopc_id(const void *buf, u32 len, u32 features, u32 *tid,
				 s8 *initiator_node_id)
{
	const struct wire_twopc_request *w = (const struct wire_twopc_request *)buf;
	u32 flags;
	s8 target;

	if (len < sizeof(*w))
		return too_short;
	*tid = be32_to_cpu(w->tid);
	return twopc_ids(w, features, &flags, initiator_node_id, &target);
}

const char *drbd_decode_twopc_request(u16 cmd, const void *buf, u32 len, u32 features,
				      bool resize, struct drbd_pkt_twopc_request *p)
{
	const struct wire_twopc_request *w = (const struct wire_twopc_request *)buf;
	const char *why;

	memset(p, 0, sizeof(*p));
	if (len < sizeof(*w))
		return too_short;
	p->tid = be32_to_cpu(w->tid);
	p->nodes_to_reach = be64_to_cpu(w->nodes_to_reach);
	why = twopc_ids(w, features, &p->flags, &p->initiator_node_id, &p->target_node_id);
	if (why)
		return why;

	switch (cmd) {
	case P_TWOPC_PREPARE:
		p->mask = be32_to_cpu(w->body.prepare.mask);
		p->val = be32_to_cpu(w->body.prepare.val);
		break;
	case P_TWOPC_PREP_RSZ:
		p->user_size = be64_to_cpu(w->body.prepare_resize.user_size);
		p->dds_flags = be16_to_cpu(w->body.prepare_resize.dds_flags);
		if (p->user_size > MAX_SECTOR)
			return "size of the device is out of range";
		break;
	case P_TWOPC_COMMIT:
		if (resize) {
			p->primary_nodes =
				be64_to_cpu(w->body.commit_resize.diskful_primary_nodes);
			p->new_size = be64_to_cpu(w->body.commit_resize.new_size);
			if (p->new_size > MAX_SECTOR)
				return "size of the device is out of range";
		} else if (features & DRBD_FF_2PC_V2) {
			p->primary_nodes = be64_to_cpu(w->body.commit.primary_nodes);
			p->reachable_nodes = be64_to_cpu(w->body.commit.reachable_nodes);
		} else {
			p->primary_nodes = be64_to_cpu(w->body.commit_v1.primary_nodes);
			p->mask = be32_to_cpu(w->body.commit_v1.mask);
			p->val = be32_to_cpu(w->body.commit_v1.val);
		}
		break;
	}
	return NULL;
}

unsigned int drbd_encode_twopc_request(u16 cmd, void *buf, u32 features, bool resize,
				       const struct drbd_pkt_twopc_request *p)
{
	struct wire_twopc_request *w = (struct wire_twopc_request *)buf;

	memset(w, 0, sizeof(*w));
	w->tid = cpu_to_be32(p->tid);
	w->nodes_to_reach = cpu_to_be64(p->nodes_to_reach);
	if (features & DRBD_FF_2PC_V2) {
		w->u.v2.flags = cpu_to_be32(p->flags | TWOPC_FLAG_V2);
		w->u.v2.initiator_node_id = p->initiator_node_id;
		w->u.v2.target_node_id = p->target_node_id;
	} else {
		w->u.v1.initiator_node_id = cpu_to_be32((u32)(s32)p->initiator_node_id);
		w->u.v1.target_node_id = cpu_to_be32((u32)(s32)p->target_node_id);
	}

	switch (cmd) {
	case P_TWOPC_PREPARE:
		w->body.prepare.mask = cpu_to_be32(p->mask);
		w->body.prepare.val = cpu_to_be32(p->val);
		break;
	case P_TWOPC_PREP_RSZ:
		w->body.prepare_resize.user_size = cpu_to_be64(p->user_size);
		w->body.prepare_resize.dds_flags = cpu_to_be16(p->dds_flags);
		break;
	case P_TWOPC_COMMIT:
		if (resize) {
			w->body.commit_resize.diskful_primary_nodes =
				cpu_to_be64(p->primary_nodes);
			w->body.commit_resize.new_size = cpu_to_be64(p->new_size);
		} else if (features & DRBD_FF_2PC_V2) {
			w->body.commit.primary_nodes = cpu_to_be64(p->primary_nodes);
			w->body.commit.reachable_nodes = cpu_to_be64(p->reachable_nodes);
		} else {
			w->body.commit_v1.primary_nodes = cpu_to_be64(p->primary_nodes);
			w->body.commit_v1.mask = cpu_to_be32(p->mask);
			w->body.commit_v1.val = cpu_to_be32(p->val);
		}
		break;
	}
	return sizeof(*w);
}

const char *drbd_decode_twopc_reply(const void *buf, u32 len, struct drbd_pkt_twopc_reply *p)
{
	const struct wire_twopc_reply *w = (const struct wire_twopc_reply *)buf;
	u32 initiator;

	if (len < sizeof(*w))
		return too_short;
	p->tid = be32_to_cpu(w->tid);
	initiator = be32_to_cpu(w->initiator_node_id);
	p->reachable_nodes = be64_to_cpu(w->reachable_nodes);
	p->primary_nodes = be64_to_cpu(w->u.state.primary_nodes);
	p->weak_nodes = be64_to_cpu(w->u.state.weak_nodes);
	if (initiator >= DRBD_PKT_NODES)
		return "node id of the initiator is out of range";
	p->initiator_node_id = (s8)initiator;
	return NULL;
}

unsigned int drbd_encode_twopc_reply(void *buf, const struct drbd_pkt_twopc_reply *p)
{
	struct wire_twopc_reply *w = (struct wire_twopc_reply *)buf;

	w->tid = cpu_to_be32(p->tid);
	w->initiator_node_id = cpu_to_be32((u32)p->initiator_node_id);
	w->reachable_nodes = cpu_to_be64(p->reachable_nodes);
	w->u.state.primary_nodes = cpu_to_be64(p->primary_nodes);
	w->u.state.weak_nodes = cpu_to_be64(p->weak_nodes);
	return sizeof(*w);
}
