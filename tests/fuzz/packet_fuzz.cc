// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stream of packets as a hostile peer could send it.  The first bytes choose what was
 * agreed on; then header after header is decoded, checked and its payload decoded
 * from a buffer of exactly the bytes that the receiver would have read.
 */
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/packet.h"

namespace {

void expect(bool ok)
{
	if (!ok)
		abort();
}

/* What a successful decode promises. */
void payload(u16 cmd, const u8 *buf, u32 len, int protocol, u32 features, unsigned int digest,
	     bool resize)
{
	static u8 out[DRBD_PACKET_BUFFER_SIZE];
	u64 a, b;
	u32 c, d;
	s32 i;
	s8 node;
	bool flag;

	switch (cmd) {
	case P_DATA: case P_DATA_REPLY: case P_RS_DATA_REPLY: {
		drbd_pkt_data p;
		if (!drbd_decode_data(buf, len, digest, protocol, &p)) {
			expect(p.size && p.size % 512 == 0 && p.size <= drbd_max_data_size(protocol));
			expect(p.size + digest + drbd_encode_data(out, &p) == len);
		}
		break;
	}
	case P_TRIM: case P_ZEROES: {
		drbd_pkt_data p;
		if (!drbd_decode_trim(buf, len, features, &p)) {
			expect(p.size && p.size % 512 == 0 && p.size <= DRBD_MAX_DISCARD_SIZE);
			expect(drbd_encode_trim(out, &p) == len && !memcmp(out, buf, len));
		}
		break;
	}
	case P_OV_RESULT_ID: {
		drbd_pkt_block_ack p;
		if (!drbd_decode_ov_result(buf, len, &p))
			expect(p.ov_result <= OV_RESULT_OUT_OF_SYNC);
		break;
	}
	case P_RECV_ACK: case P_WRITE_ACK: case P_RS_WRITE_ACK: case P_SUPERSEDED: case P_NEG_ACK:
	case P_NEG_DREPLY: case P_NEG_RS_DREPLY: case P_OV_RESULT: case P_RS_IS_IN_SYNC:
	case P_RS_CANCEL: case P_RS_CANCEL_AHEAD: case P_WRITE_ACK_IN_SYNC: case P_RS_NEG_ACK:
	case P_RS_DEALLOCATED_ID: case P_RETRY_WRITE: {
		drbd_pkt_block_ack p;
		if (!drbd_decode_block_ack(buf, len, &p)) {
			expect(drbd_encode_block_ack(out, &p) == len && !memcmp(out, buf, len));
			drbd_ov_result_of_id(p.block_id);
		}
		break;
	}
	case P_DATA_REQUEST: case P_RS_DATA_REQUEST: case P_RS_THIN_REQ: case P_CSUM_RS_REQUEST:
	case P_OV_REQUEST: case P_OV_REPLY: case P_RS_DAGTAG_REQ: case P_RS_CSUM_DAGTAG_REQ:
	case P_RS_THIN_DAGTAG_REQ: case P_OV_DAGTAG_REQ: case P_OV_DAGTAG_REPLY: {
		drbd_pkt_request p;
		if (!drbd_decode_request(cmd, buf, len, protocol, &p)) {
			expect(p.digest_size <= DRBD_MAX_DIGEST_SIZE);
			expect(drbd_encode_request(cmd, out, &p) + p.digest_size == len);
			drbd_check_range(p.sector, p.size, 1 << 20);
		}
		break;
	}
	case P_OUT_OF_SYNC: case P_RS_DEALLOCATED: {
		drbd_pkt_range p;
		if (!drbd_decode_range(buf, len, &p) && !drbd_check_range(p.sector, p.size, 1 << 20))
			expect(p.sector + p.size / 512 <= 1 << 20);
		break;
	}
	case P_PEERS_IN_SYNC: {
		drbd_pkt_range p;
		drbd_decode_peers_in_sync(buf, len, &p);
		break;
	}
	case P_BARRIER: drbd_decode_barrier(buf, len, &c); break;
	case P_BARRIER_ACK: drbd_decode_barrier_ack(buf, len, &c, &d); break;
	case P_CONFIRM_STABLE: {
		drbd_pkt_confirm_stable p;
		drbd_decode_confirm_stable(buf, len, &p);
		break;
	}
	case P_DAGTAG: drbd_decode_dagtag(buf, len, &a); break;
	case P_PEER_ACK: drbd_decode_peer_ack(buf, len, &a, &b); break;
	case P_PEER_DAGTAG:
		if (!drbd_decode_peer_dagtag(buf, len, &a, &c))
			expect(c < DRBD_PKT_NODES);
		break;
	case P_FLUSH_REQUESTS: drbd_decode_flush_requests(buf, len, &a); break;
	case P_FLUSH_FORWARD: case P_FLUSH_REQUESTS_ACK:
		if (!drbd_decode_flush_node(buf, len, &a, &c))
			expect(c < DRBD_PKT_NODES);
		break;
	case P_ENABLE_REPLICATION: case P_ENABLE_REPLICATION_NEXT:
		drbd_decode_enable_replication(buf, len, &flag);
		break;
	case P_CONNECTION_FEATURES: {
		drbd_pkt_features p;
		if (!drbd_decode_features(buf, len, &p))
			expect(p.protocol_min <= p.protocol_max);
		break;
	}
	case P_PROTOCOL: case P_PROTOCOL_UPDATE: {
		drbd_pkt_protocol p;
		if (!drbd_decode_protocol(buf, len, protocol, &p)) {
			expect(p.protocol >= 1 && p.protocol <= 3);
			expect(memchr(p.integrity_alg, 0, sizeof(p.integrity_alg)));
			drbd_encode_protocol(out, protocol, &p);
		}
		break;
	}
	case P_SYNC_PARAM: case P_SYNC_PARAM89: {
		drbd_pkt_sync_param p;
		if (!drbd_decode_sync_param(buf, len, protocol, &p)) {
			expect(memchr(p.verify_alg, 0, sizeof(p.verify_alg)));
			expect(memchr(p.csums_alg, 0, sizeof(p.csums_alg)));
			drbd_encode_sync_param(out, protocol, &p);
		}
		break;
	}
	case P_SIZES: {
		drbd_pkt_sizes p;
		if (!drbd_decode_sizes(buf, len, features, &p)) {
			expect(p.bm_block_shift >= 12 && p.bm_block_shift <= 20);
			expect(!p.has_limits || (p.logical_block_size >= 512 &&
						 p.logical_block_size <= p.physical_block_size));
			expect(drbd_encode_sizes(out, features, &p) == len);
		}
		break;
	}
	case P_UUIDS: {
		drbd_pkt_uuids p;
		drbd_decode_uuids(buf, len, &p);
		break;
	}
	case P_UUIDS110: {
		drbd_pkt_uuids110 p;
		if (!drbd_decode_uuids110(buf, len, &p))
			expect(drbd_encode_uuids110(out, &p) == drbd_uuids110_size(p.bitmap_uuids_mask));
		break;
	}
	case P_CURRENT_UUID: drbd_decode_current_uuid(buf, len, &a, &b); break;
	case P_SYNC_UUID: drbd_decode_sync_uuid(buf, len, &a); break;
	case P_STATE: drbd_decode_state(buf, len, &c); break;
	case P_STATE_CHG_REQ: case P_CONN_ST_CHG_REQ: drbd_decode_state_request(buf, len, &c, &d); break;
	case P_STATE_CHG_REPLY: case P_CONN_ST_CHG_REPLY: drbd_decode_state_reply(buf, len, &i); break;
	case P_TWOPC_PREPARE: case P_TWOPC_PREP_RSZ: case P_TWOPC_ABORT: case P_TWOPC_COMMIT: {
		drbd_pkt_twopc_request p;
		drbd_decode_twopc_id(buf, len, features, &c, &node);
		if (!drbd_decode_twopc_request(cmd, buf, len, features, resize, &p)) {
			expect(p.initiator_node_id >= 0 && p.initiator_node_id < DRBD_PKT_NODES);
			expect(p.target_node_id >= -1 && p.target_node_id < DRBD_PKT_NODES);
			expect(drbd_encode_twopc_request(cmd, out, features, resize, &p) == len);
		}
		break;
	}
	case P_TWOPC_YES: case P_TWOPC_NO: case P_TWOPC_RETRY: {
		drbd_pkt_twopc_reply p;
		if (!drbd_decode_twopc_reply(buf, len, &p))
			expect(p.initiator_node_id >= 0 && p.initiator_node_id < DRBD_PKT_NODES);
		break;
	}
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const int versions[] = {0, 86, 87, 88, 89, 94, 95, 97, 100, 101, 118, 121, 122, 124};

	if (size < 4)
		return 0;
	int protocol = versions[data[0] % (sizeof(versions) / sizeof(versions[0]))];
	unsigned int stream = data[1] & 1 ? PACKET_ON_CONTROL : PACKET_ON_DATA;
	bool resize = data[1] & 2;
	unsigned int digest = data[1] & 4 ? 20 : 0;
	u32 features = (data[2] | (u32)data[3] << 8) & 0x3ff;

	data += 4;
	size -= 4;
	for (;;) {
		size_t have = size < DRBD_MAX_HEADER_SIZE ? size : DRBD_MAX_HEADER_SIZE;
		std::unique_ptr<u8[]> head(new u8[have]);
		drbd_packet_header h;
		const struct drbd_packet_info *info;
		const char *why = nullptr;

		memcpy(head.get(), data, have);
		int n = drbd_decode_header(head.get(), have, stream == PACKET_ON_CONTROL ?
					   DRBD_HEADER_ANY : drbd_data_header_formats(protocol),
					   &h, &why);
		if (n <= 0) {
			expect(n == 0 || why);
			return 0;
		}
		data += n;
		size -= n;
		if (drbd_packet_check(&h, stream, protocol, features, &info))
			return 0;
		expect(h.length >= info->fixed && h.length <= info->max);

		/* Bulk data is not read before the fixed part was found good. */
		u32 read = info->bulk ? info->fixed : h.length;
		expect(n + read <= DRBD_PACKET_BUFFER_SIZE);
		if (size < read)
			return 0;
		std::unique_ptr<u8[]> exact(new u8[read]);
		memcpy(exact.get(), data, read);
		payload(h.cmd, exact.get(), h.length, protocol, features, digest, resize);
		data += read;
		size -= read;
	}
}
