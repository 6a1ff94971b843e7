// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/packet.h"

namespace {

using Bytes = std::vector<u8>;

constexpr u32 ALL_FEATURES = 0x3ff;

Bytes hex(std::string_view text)
{
	Bytes out;
	int digits = 0, value = 0;

	for (char c : text) {
		if (!isxdigit((unsigned char)c))
			continue;
		value = value * 16 + (isdigit((unsigned char)c) ? c - '0' : tolower(c) - 'a' + 10);
		if (++digits % 2 == 0) {
			out.push_back((u8)value);
			value = 0;
		}
	}
	return out;
}

/* A copy in memory of exactly its size, so that the sanitizer sees a read beyond it. */
struct Exact {
	std::unique_ptr<u8[]> p;
	explicit Exact(const u8 *data, size_t n) : p(new u8[n]) { std::copy(data, data + n, p.get()); }
};

/*
 * Decodes a payload, encodes the result and returns that.  `why` set: refused.  Only
 * what comes before bulk data or a digest is encoded.
 */
Bytes reencode(u16 cmd, const u8 *payload, u32 len, int protocol, u32 features,
	       unsigned int digest_size, bool resize, const char **why)
{
	Exact exact(payload, len);
	const u8 *buf = exact.p.get();
	Bytes out(DRBD_PACKET_BUFFER_SIZE);
	unsigned int n = 0;
	u64 a, b;
	u32 c, d;
	s32 i;
	bool flag;

	*why = nullptr;
	switch (cmd) {
	case P_DATA: case P_DATA_REPLY: case P_RS_DATA_REPLY: {
		drbd_pkt_data p;
		if (!(*why = drbd_decode_data(buf, len, digest_size, protocol, &p)))
			n = drbd_encode_data(out.data(), &p);
		break;
	}
	case P_TRIM: case P_ZEROES: {
		drbd_pkt_data p;
		if (!(*why = drbd_decode_trim(buf, len, features, &p)))
			n = drbd_encode_trim(out.data(), &p);
		break;
	}
	case P_RECV_ACK: case P_WRITE_ACK: case P_RS_WRITE_ACK: case P_SUPERSEDED: case P_NEG_ACK:
	case P_NEG_DREPLY: case P_NEG_RS_DREPLY: case P_OV_RESULT: case P_RS_IS_IN_SYNC:
	case P_RS_CANCEL: case P_RS_CANCEL_AHEAD: case P_WRITE_ACK_IN_SYNC: case P_RS_NEG_ACK:
	case P_RS_DEALLOCATED_ID: case P_RETRY_WRITE: {
		drbd_pkt_block_ack p;
		if (!(*why = drbd_decode_block_ack(buf, len, &p)))
			n = drbd_encode_block_ack(out.data(), &p);
		break;
	}
	case P_OV_RESULT_ID: {
		drbd_pkt_block_ack p;
		if (!(*why = drbd_decode_ov_result(buf, len, &p)))
			n = drbd_encode_ov_result(out.data(), &p);
		break;
	}
	case P_DATA_REQUEST: case P_RS_DATA_REQUEST: case P_RS_THIN_REQ: case P_CSUM_RS_REQUEST:
	case P_OV_REQUEST: case P_OV_REPLY: case P_RS_DAGTAG_REQ: case P_RS_CSUM_DAGTAG_REQ:
	case P_RS_THIN_DAGTAG_REQ: case P_OV_DAGTAG_REQ: case P_OV_DAGTAG_REPLY: {
		drbd_pkt_request p;
		if (!(*why = drbd_decode_request(cmd, buf, len, protocol, &p))) {
			n = drbd_encode_request(cmd, out.data(), &p);
			EXPECT_EQ(n + p.digest_size, len);
		}
		break;
	}
	case P_OUT_OF_SYNC: case P_RS_DEALLOCATED: {
		drbd_pkt_range p;
		if (!(*why = drbd_decode_range(buf, len, &p)))
			n = drbd_encode_range(out.data(), &p);
		break;
	}
	case P_PEERS_IN_SYNC: {
		drbd_pkt_range p;
		if (!(*why = drbd_decode_peers_in_sync(buf, len, &p)))
			n = drbd_encode_peers_in_sync(out.data(), &p);
		break;
	}
	case P_BARRIER:
		if (!(*why = drbd_decode_barrier(buf, len, &c)))
			n = drbd_encode_barrier(out.data(), c);
		break;
	case P_BARRIER_ACK:
		if (!(*why = drbd_decode_barrier_ack(buf, len, &c, &d)))
			n = drbd_encode_barrier_ack(out.data(), c, d);
		break;
	case P_CONFIRM_STABLE: {
		drbd_pkt_confirm_stable p;
		if (!(*why = drbd_decode_confirm_stable(buf, len, &p)))
			n = drbd_encode_confirm_stable(out.data(), &p);
		break;
	}
	case P_DAGTAG:
		if (!(*why = drbd_decode_dagtag(buf, len, &a)))
			n = drbd_encode_dagtag(out.data(), a);
		break;
	case P_PEER_ACK:
		if (!(*why = drbd_decode_peer_ack(buf, len, &a, &b)))
			n = drbd_encode_peer_ack(out.data(), a, b);
		break;
	case P_PEER_DAGTAG:
		if (!(*why = drbd_decode_peer_dagtag(buf, len, &a, &c)))
			n = drbd_encode_peer_dagtag(out.data(), a, c);
		break;
	case P_FLUSH_REQUESTS:
		if (!(*why = drbd_decode_flush_requests(buf, len, &a)))
			n = drbd_encode_flush_requests(out.data(), a);
		break;
	case P_FLUSH_FORWARD: case P_FLUSH_REQUESTS_ACK:
		if (!(*why = drbd_decode_flush_node(buf, len, &a, &c)))
			n = drbd_encode_flush_node(out.data(), a, c);
		break;
	case P_ENABLE_REPLICATION: case P_ENABLE_REPLICATION_NEXT:
		if (!(*why = drbd_decode_enable_replication(buf, len, &flag)))
			n = drbd_encode_enable_replication(out.data(), flag);
		break;
	case P_CONNECTION_FEATURES: {
		drbd_pkt_features p;
		if (!(*why = drbd_decode_features(buf, len, &p)))
			n = drbd_encode_features(out.data(), &p);
		break;
	}
	case P_PROTOCOL: case P_PROTOCOL_UPDATE: {
		drbd_pkt_protocol p;
		if (!(*why = drbd_decode_protocol(buf, len, protocol, &p)))
			n = drbd_encode_protocol(out.data(), protocol, &p);
		break;
	}
	case P_SYNC_PARAM: case P_SYNC_PARAM89: {
		drbd_pkt_sync_param p;
		if (!(*why = drbd_decode_sync_param(buf, len, protocol, &p)))
			n = drbd_encode_sync_param(out.data(), protocol, &p);
		break;
	}
	case P_SIZES: {
		drbd_pkt_sizes p;
		if (!(*why = drbd_decode_sizes(buf, len, features, &p)))
			n = drbd_encode_sizes(out.data(), features, &p);
		break;
	}
	case P_UUIDS: {
		drbd_pkt_uuids p;
		if (!(*why = drbd_decode_uuids(buf, len, &p)))
			n = drbd_encode_uuids(out.data(), &p);
		break;
	}
	case P_UUIDS110: {
		drbd_pkt_uuids110 p;
		if (!(*why = drbd_decode_uuids110(buf, len, &p))) {
			n = drbd_encode_uuids110(out.data(), &p);
			EXPECT_EQ(n, drbd_uuids110_size(p.bitmap_uuids_mask));
		}
		break;
	}
	case P_CURRENT_UUID:
		if (!(*why = drbd_decode_current_uuid(buf, len, &a, &b)))
			n = drbd_encode_current_uuid(out.data(), a, b);
		break;
	case P_SYNC_UUID:
		if (!(*why = drbd_decode_sync_uuid(buf, len, &a)))
			n = drbd_encode_sync_uuid(out.data(), a);
		break;
	case P_STATE:
		if (!(*why = drbd_decode_state(buf, len, &c)))
			n = drbd_encode_state(out.data(), c);
		break;
	case P_STATE_CHG_REQ: case P_CONN_ST_CHG_REQ:
		if (!(*why = drbd_decode_state_request(buf, len, &c, &d)))
			n = drbd_encode_state_request(out.data(), c, d);
		break;
	case P_STATE_CHG_REPLY: case P_CONN_ST_CHG_REPLY:
		if (!(*why = drbd_decode_state_reply(buf, len, &i)))
			n = drbd_encode_state_reply(out.data(), i);
		break;
	case P_TWOPC_PREPARE: case P_TWOPC_PREP_RSZ: case P_TWOPC_ABORT: case P_TWOPC_COMMIT: {
		drbd_pkt_twopc_request p;
		s8 initiator;
		if (!(*why = drbd_decode_twopc_request(cmd, buf, len, features, resize, &p))) {
			n = drbd_encode_twopc_request(cmd, out.data(), features, resize, &p);
			EXPECT_EQ(drbd_decode_twopc_id(buf, len, features, &c, &initiator), nullptr);
			EXPECT_EQ(c, p.tid);
			EXPECT_EQ(initiator, p.initiator_node_id);
		}
		break;
	}
	case P_TWOPC_YES: case P_TWOPC_NO: case P_TWOPC_RETRY: {
		drbd_pkt_twopc_reply p;
		if (!(*why = drbd_decode_twopc_reply(buf, len, &p)))
			n = drbd_encode_twopc_reply(out.data(), &p);
		break;
	}
	/* nothing but bytes */
	case P_AUTH_CHALLENGE: case P_AUTH_RESPONSE: case P_BITMAP: case P_COMPRESSED_BITMAP:
	case P_PING: case P_PING_ACK: case P_UNPLUG_REMOTE: case P_DISCONNECT: case P_DELAY_PROBE:
	case P_INITIAL_DATA: case P_INITIAL_META:
		std::copy(buf, buf + len, out.begin());
		n = len;
		break;
	default:
		ADD_FAILURE() << "no decoder for " << drbd_packet_name(cmd) << " 0x" << std::hex << cmd;
	}
	out.resize(n);
	return out;
}

/* -------------------------------------------------------------------- captures */

struct Segment {
	u32 src, dst, seq;
	u16 sport, dport;
	u8 flags;
	Bytes data;
};

u32 le32(const u8 *p) { return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24; }

/* A capture with Ethernet frames, compressed by xz; whatever is not IPv4 and TCP is left out. */
std::vector<Segment> read_capture(const std::string &path)
{
	std::unique_ptr<FILE, int (*)(FILE *)> f(popen(("xz -dc " + path).c_str(), "r"), pclose);
	std::vector<Segment> out;
	Bytes all;
	std::array<u8, 65536> chunk;
	size_t n;

	while (f && (n = fread(chunk.data(), 1, chunk.size(), f.get())) > 0)
		all.insert(all.end(), chunk.data(), chunk.data() + n);
	if (all.size() < 24 || le32(all.data()) != 0xa1b2c3d4 || le32(&all[20]) != 1)
		return out;
	for (size_t at = 24; at + 16 <= all.size();) {
		size_t size = le32(&all[at + 8]);
		const u8 *frame = &all[at + 16];

		if (size != le32(&all[at + 12]) || at + 16 + size > all.size())
			return {};	/* cut */
		at += 16 + size;
		if (size < 54 || get_unaligned_be16(frame + 12) != 0x0800 || frame[23] != 6)
			continue;
		size_t tcp = 14 + 4 * (frame[14] & 15), end = 14 + get_unaligned_be16(frame + 16);
		size_t data = tcp + 4 * (frame[tcp + 12] >> 4);
		Segment s{get_unaligned_be32(frame + 26), get_unaligned_be32(frame + 30),
			  get_unaligned_be32(frame + tcp + 4), get_unaligned_be16(frame + tcp),
			  get_unaligned_be16(frame + tcp + 2), frame[tcp + 13], {}};
		s.data.assign(frame + data, frame + end);
		out.push_back(std::move(s));
	}
	return out;
}

/* What two nodes agreed on, for both of their streams. */
struct Session {
	std::map<u32, drbd_pkt_features> told;
	std::map<u32, unsigned int> digest_size;	/* of the data that a node sends */
	std::map<std::pair<u32, int>, bool> is_resize;	/* transaction -> kind */
	int protocol = 0;
	u32 features = 0;
	bool has[2] = {};
};

struct Direction {
	std::optional<u32> next;
	std::map<u32, Bytes> early;
	Bytes buf;
	u64 decoded = 0, received = 0;
};

struct Connection {
	u32 client = 0;
	int role = 0;			/* 0: not known yet, PACKET_ON_* */
	std::shared_ptr<Session> session;
	std::map<u32, Direction> from;
};

class Replay {
public:
	std::map<std::string, int> seen;
	u64 bytes = 0;
	/* Bytes of a packet that was under way when its node died. */
	u64 leftover = 0;

	explicit Replay(const std::string &path)
	{
		auto segments = read_capture(path);

		EXPECT_FALSE(segments.empty()) << path;
		for (auto &s : segments) {
			segment(s);
			if (testing::Test::HasFatalFailure())
				return;
		}
		for (auto &c : connections)
			account(*c.second);
		for (auto &c : old)
			account(*c);
	}

private:
	using Key = std::pair<std::pair<u32, u16>, std::pair<u32, u16>>;
	std::map<Key, std::shared_ptr<Connection>> connections;
	std::vector<std::shared_ptr<Connection>> old;
	std::map<std::pair<std::pair<u32, u32>, u16>, std::shared_ptr<Session>> sessions;

	void account(Connection &c)
	{
		for (auto &d : c.from) {
			EXPECT_EQ(d.second.decoded + d.second.buf.size(), d.second.received);
			bytes += d.second.decoded;
			leftover += d.second.buf.size();
		}
	}

	void segment(const Segment &s)
	{
		std::pair<u32, u16> a{s.src, s.sport}, b{s.dst, s.dport};
		auto &c = connections[a < b ? Key{a, b} : Key{b, a}];

		if ((s.flags & 0x12) == 0x02) {		/* SYN */
			if (c && c->from[s.src].next == s.seq + 1)
				return;
			if (c)
				old.push_back(c);
			c = std::make_shared<Connection>();
			c->client = s.src;
		}
		ASSERT_TRUE(c);
		auto &d = c->from[s.src];
		if (s.flags & 0x02) {
			d.next = s.seq + 1;
			return;
		}
		if (s.data.empty())
			return;
		ASSERT_TRUE(d.next);
		auto &early = d.early[s.seq];
		if (early.size() < s.data.size())
			early = s.data;
		for (bool progress = true; progress;) {
			progress = false;
			for (auto it = d.early.begin(); it != d.early.end(); ++it) {
				u32 skip = *d.next - it->first;
				if (skip >= 1u << 31)
					continue;
				if (skip < it->second.size()) {
					d.buf.insert(d.buf.end(), it->second.begin() + skip, it->second.end());
					d.received += it->second.size() - skip;
					*d.next = it->first + it->second.size();
				}
				d.early.erase(it);
				progress = true;
				break;
			}
		}
		size_t at = 0;
		while (packet(*c, s, d, at))
			if (testing::Test::HasFatalFailure())
				return;
		d.buf.erase(d.buf.begin(), d.buf.begin() + at);
		d.decoded += at;
	}

	/* One packet at d.buf[at]; false: not complete, or wrong (then a failure was added). */
	bool packet(Connection &c, const Segment &s, Direction &d, size_t &at)
	{
		size_t have = d.buf.size() - at;
		if (!have)
			return false;
		Exact head(&d.buf[at], std::min<size_t>(have, 16));
		bool first = !c.role, early = first ||
			(c.role == PACKET_ON_DATA && !c.session->told.count(s.src));
		int protocol = early ? 0 : c.session->protocol;
		u32 features = early ? 0 : c.session->features;
		unsigned int formats = c.role == PACKET_ON_CONTROL ? DRBD_HEADER_ANY :
				       drbd_data_header_formats(protocol);
		drbd_packet_header h;
		const struct drbd_packet_info *info = nullptr;
		const char *why = nullptr;
		int hdr = drbd_decode_header(head.p.get(), std::min<size_t>(have, 16), formats, &h, &why);

		if (hdr < 0) {
			fail(why, "header", d, at);
			return false;
		}
		if (!hdr || have < hdr + h.length)
			return false;
		if (first)
			attach(c, s, h.cmd);
		if (!c.role)
			return false;
		why = drbd_packet_check(&h, c.role, protocol, features, &info);
		if (why) {
			fail(why, drbd_packet_name(h.cmd), d, at);
			return false;
		}
		const u8 *payload = d.buf.data() + at + hdr;
		unsigned int digest = c.session->digest_size[s.src];
		bool resize = false;
		if (h.cmd == P_TWOPC_PREPARE || h.cmd == P_TWOPC_PREP_RSZ ||
		    h.cmd == P_TWOPC_COMMIT || h.cmd == P_TWOPC_ABORT) {
			u32 tid;
			s8 initiator;
			why = drbd_decode_twopc_id(payload, h.length, features, &tid, &initiator);
			if (!why && (h.cmd == P_TWOPC_PREPARE || h.cmd == P_TWOPC_PREP_RSZ))
				c.session->is_resize[{tid, initiator}] = h.cmd == P_TWOPC_PREP_RSZ;
			resize = c.session->is_resize[{tid, initiator}];
		}
		Bytes again = reencode(h.cmd, payload, h.length, protocol, features, digest, resize, &why);
		if (why) {
			fail(why, info->name, d, at);
			return false;
		}
		Bytes expect(payload, payload + again.size());
		/* Padding that the spec says may hold anything. */
		if (h.cmd == P_OUT_OF_SYNC || h.cmd == P_RS_DEALLOCATED)
			std::fill(expect.begin() + 12, expect.end(), 0);
		if (h.cmd == P_TWOPC_PREP_RSZ)
			std::fill(expect.begin() + 30, expect.end(), 0);
		if (h.cmd == P_TWOPC_ABORT)
			std::fill(expect.begin() + 20, expect.end(), 0);
		EXPECT_EQ(again, expect) << info->name;
		if (!info->bulk && h.cmd != P_CSUM_RS_REQUEST && h.cmd != P_OV_REPLY &&
		    h.cmd != P_RS_CSUM_DAGTAG_REQ && h.cmd != P_OV_DAGTAG_REPLY) {
			EXPECT_EQ(again.size(), h.length) << info->name;
		}

		u8 header[16];
		EXPECT_EQ(drbd_encode_header(header, protocol, h.volume, h.cmd, h.length), (unsigned)hdr);
		EXPECT_TRUE(std::equal(header, header + hdr, &d.buf[at])) << info->name;
		learn(c, s, h.cmd, payload, h.length, protocol);
		seen[info->name]++;
		at += hdr + h.length;
		return true;
	}

	void fail(const char *why, const char *what, Direction &d, size_t at)
	{
		char text[3 * 48 + 1] = "";
		for (size_t i = 0; i < 48 && at + i < d.buf.size(); i++)
			snprintf(text + 3 * i, 4, "%02x ", d.buf[at + i]);
		FAIL() << what << ": " << why << " at byte " << d.decoded + at << ": " << text;
	}

	void attach(Connection &c, const Segment &s, u16 cmd)
	{
		ASSERT_TRUE(cmd == P_INITIAL_DATA || cmd == P_INITIAL_META);
		ASSERT_EQ(s.src, c.client);
		c.role = cmd == P_INITIAL_DATA ? PACKET_ON_DATA : PACKET_ON_CONTROL;
		auto &session = sessions[{std::minmax(s.src, s.dst), s.dport}];
		if (!session || (session->has[c.role - 1] && session->protocol))
			session = std::make_shared<Session>();
		session->has[c.role - 1] = true;
		c.session = session;
	}

	void learn(Connection &c, const Segment &s, u16 cmd, const u8 *payload, u32 len, int protocol)
	{
		Session &session = *c.session;

		if (cmd == P_CONNECTION_FEATURES) {
			drbd_decode_features(payload, len, &session.told[s.src]);
			if (session.told.size() == 2) {
				auto &a = session.told.begin()->second, &b = session.told.rbegin()->second;
				session.protocol = std::min(a.protocol_max, b.protocol_max);
				session.features = a.feature_flags & b.feature_flags;
			}
		} else if (cmd == P_PROTOCOL || cmd == P_PROTOCOL_UPDATE) {
			static const std::map<std::string, unsigned int> sizes = {
				{"", 0}, {"crc32c", 4}, {"md5", 16}, {"sha1", 20}, {"sha256", 32}};
			drbd_pkt_protocol p;
			drbd_decode_protocol(payload, len, protocol, &p);
			ASSERT_TRUE(sizes.count(p.integrity_alg)) << p.integrity_alg;
			session.digest_size[s.src] = sizes.at(p.integrity_alg);
		}
	}
};

std::string golden(const char *name)
{
	return std::string("tests/golden/wire/") + name + ".pcap.xz";
}

TEST(PacketGolden, TwoNodes)
{
	Replay r(golden("two-node-9.3.3"));

	EXPECT_GT(r.bytes, 100000u);
	EXPECT_EQ(r.leftover, 0u);
	for (auto name : {"P_AUTH_RESPONSE", "P_UUIDS110", "P_TRIM", "P_ZEROES", "P_RS_CSUM_DAGTAG_REQ",
			  "P_COMPRESSED_BITMAP", "P_OV_DAGTAG_REPLY", "P_PEER_ACK", "P_TWOPC_COMMIT"})
		EXPECT_GT(r.seen[name], 0) << name;
}

TEST(PacketGolden, ThreeNodes)
{
	Replay r(golden("three-node-9.3.3"));

	EXPECT_GT(r.bytes, 100000u);
	/* One of them loses power in the middle of a burst. */
	for (auto name : {"P_PEER_DAGTAG", "P_PEERS_IN_SYNC", "P_FLUSH_REQUESTS", "P_CURRENT_UUID",
			  "P_ENABLE_REPLICATION"})
		EXPECT_GT(r.seen[name], 0) << name;
}

TEST(PacketGolden, TwoNodesOf84)
{
	Replay r(golden("two-node-8.4"));

	EXPECT_GT(r.bytes, 100000u);
	EXPECT_EQ(r.leftover, 0u);
	for (auto name : {"P_UUIDS", "P_SYNC_UUID", "P_STATE_CHG_REQ", "P_CSUM_RS_REQUEST", "P_OV_RESULT"})
		EXPECT_GT(r.seen[name], 0) << name;
}

TEST(PacketGolden, OldAndNew)
{
	Replay r(golden("n1-8.4-n2-9.3.3"));

	EXPECT_GT(r.bytes, 100000u);
	EXPECT_EQ(r.leftover, 0u);
}

/* --------------------------------------------------------------------- headers */

TEST(PacketHeader, WorkedExamples)
{
	drbd_packet_header h;
	const char *why;
	Bytes b = hex("83 74 02 67 ff f2 00 00");

	ASSERT_EQ(drbd_decode_header(b.data(), b.size(), DRBD_HEADER_80, &h, &why), 8);
	EXPECT_EQ(h.cmd, P_INITIAL_DATA);
	EXPECT_EQ(h.length, 0u);

	b = hex("86 20 ec 20 ff ff 00 0b 00 00 00 19 00 00 00 00");
	ASSERT_EQ(drbd_decode_header(b.data(), b.size(), DRBD_HEADER_ANY, &h, &why), 16);
	EXPECT_EQ(h.cmd, P_PROTOCOL);
	EXPECT_EQ(h.volume, DRBD_NO_VOLUME);
	EXPECT_EQ(h.length, 25u);
	EXPECT_EQ(drbd_decode_header(b.data(), 15, DRBD_HEADER_ANY, &h, &why), 0);
	EXPECT_EQ(drbd_decode_header(b.data(), 7, DRBD_HEADER_ANY, &h, &why), 0);

	/* a format that was not agreed on */
	EXPECT_EQ(drbd_decode_header(b.data(), 16, DRBD_HEADER_80 | DRBD_HEADER_95, &h, &why), -EPROTO);
	b[15] = 1;
	EXPECT_EQ(drbd_decode_header(b.data(), 16, DRBD_HEADER_100, &h, &why), -EPROTO);
	b = hex("47 45 54 20 2f 20 48 54 54 50");
	EXPECT_EQ(drbd_decode_header(b.data(), b.size(), DRBD_HEADER_ANY, &h, &why), -EPROTO);
	EXPECT_STREQ(why, "wrong magic number");
}

TEST(PacketHeader, FormatFollowsVersion)
{
	u8 buf[16];
	drbd_packet_header h;
	const char *why;

	struct { int protocol; u32 length; unsigned int size, format; } cases[] = {
		{0, 72, 8, DRBD_HEADER_80}, {94, 65535, 8, DRBD_HEADER_80}, {95, 32760, 8, DRBD_HEADER_80},
		{95, 32761, 8, DRBD_HEADER_95}, {99, 131096, 8, DRBD_HEADER_95}, {100, 0, 16, DRBD_HEADER_100},
		{124, 1 << 20, 16, DRBD_HEADER_100},
	};
	for (auto &c : cases) {
		ASSERT_EQ(drbd_encode_header(buf, c.protocol, 7, P_DATA, c.length), c.size);
		ASSERT_EQ(drbd_decode_header(buf, 16, c.format, &h, &why), (int)c.size);
		EXPECT_EQ(drbd_decode_header(buf, 16, DRBD_HEADER_ANY & ~c.format, &h, &why), -EPROTO);
		ASSERT_TRUE(drbd_data_header_formats(c.protocol) & c.format);
		drbd_decode_header(buf, 16, c.format, &h, &why);
		EXPECT_EQ(h.cmd, P_DATA);
		EXPECT_EQ(h.length, c.length);
		EXPECT_EQ(h.volume, c.size == 16 ? 7 : 0);
	}
}

/* ----------------------------------------------------------------------- table */

TEST(PacketTable, EveryCommandIsFoundUnderItsName)
{
	int known = 0;

	for (unsigned int cmd = 0; cmd <= 0xffff; cmd++) {
		const struct drbd_packet_info *at_some = nullptr;
		for (int protocol : {0, 86, 88, 97, 101, 110, 118, 121, 124})
			if (auto info = drbd_packet_info(cmd, protocol)) {
				EXPECT_EQ(info->cmd, cmd);
				EXPECT_LE(info->fixed, info->max);
				at_some = info;
			}
		if (at_some) {
			EXPECT_STREQ(drbd_packet_name(cmd), at_some->name);
			known++;
		} else {
			EXPECT_STREQ(drbd_packet_name(cmd), "P_unknown") << cmd;
		}
	}
	/* 0x00..0x36 without 0x05 0x06 0x25 0x26 0x34; 0x40..0x59; three early ones */
	EXPECT_EQ(known, 50 + 26 + 3);
	EXPECT_EQ(drbd_packet_info(P_WSAME, 124), nullptr);
	EXPECT_EQ(drbd_packet_info(P_INITIAL_DATA, 124), nullptr);
	EXPECT_EQ(drbd_packet_info(P_DATA, 0), nullptr);
}

struct CheckCase {
	u16 cmd, volume;
	u32 length;
	unsigned int stream;
	int protocol;
	u32 features;
	const char *why;
};

TEST(PacketTable, Check)
{
	const CheckCase cases[] = {
		{P_DATA, 0, 24 + 4096, PACKET_ON_DATA, 124, 0, nullptr},
		{P_DATA, 0, 23, PACKET_ON_DATA, 124, 0, "too short"},
		{P_DATA, 0, 24 + 64 + (1 << 20) + 1, PACKET_ON_DATA, 124, 0, "too long"},
		{P_DATA, 0, 0xffffffff, PACKET_ON_DATA, 124, 0, "too long"},
		{P_DATA, 0, 4120, PACKET_ON_CONTROL, 124, 0, "on the wrong stream"},
		{P_DATA, 0xffff, 4120, PACKET_ON_DATA, 124, 0, "names no volume"},
		{P_PING, 0xffff, 0, PACKET_ON_CONTROL, 124, 0, nullptr},
		{P_PING, 0xffff, 1, PACKET_ON_CONTROL, 124, 0, "too long"},
		{P_PING, 0, 0, PACKET_ON_CONTROL, 124, 0, "names a volume"},
		{P_PING, 0, 0, PACKET_ON_CONTROL, 101, 0, nullptr},
		{P_TRIM, 0, 28, PACKET_ON_DATA, 124, 0, "needs a feature that was not agreed on"},
		{P_TRIM, 0, 28, PACKET_ON_DATA, 124, 1, nullptr},
		{P_SIZES, 0, 32, PACKET_ON_DATA, 124, 0, nullptr},
		{P_SIZES, 0, 56, PACKET_ON_DATA, 124, 0, "too long"},
		{P_SIZES, 0, 56, PACKET_ON_DATA, 124, 4, nullptr},
		{P_SIZES, 0, 32, PACKET_ON_DATA, 124, 4, "too short"},
		{P_SYNC_PARAM89, 0, 132, PACKET_ON_DATA, 94, 0, nullptr},
		{P_SYNC_PARAM89, 0, 132, PACKET_ON_DATA, 124, 0, "too short"},
		{P_SYNC_PARAM89, 0, 148, PACKET_ON_DATA, 124, 0, nullptr},
		{P_SYNC_PARAM, 0, 4, PACKET_ON_DATA, 87, 0, nullptr},
		{P_SYNC_PARAM, 0, 5, PACKET_ON_DATA, 87, 0, "too long"},
		{P_SYNC_PARAM, 0, 4, PACKET_ON_DATA, 124, 0, "not a packet of the agreed protocol version"},
		{P_PROTOCOL, 0xffff, 24, PACKET_ON_DATA, 124, 0, "too short"},
		{P_PROTOCOL, 0xffff, 25, PACKET_ON_DATA, 124, 0, nullptr},
		{P_PROTOCOL, 0xffff, 89, PACKET_ON_DATA, 124, 0, "too long"},
		{P_UUIDS110, 0, 4080, PACKET_ON_DATA, 124, 0, nullptr},
		{P_UUIDS110, 0, 4081, PACKET_ON_DATA, 124, 0, "too long"},
		{P_BITMAP, 0, 0, PACKET_ON_DATA, 124, 0, nullptr},
		{P_BITMAP, 0, 4080, PACKET_ON_DATA, 124, 0, nullptr},
		{P_BITMAP, 0, 4088, PACKET_ON_DATA, 124, 0, "too long"},
		{P_BITMAP, 0, 4088, PACKET_ON_DATA, 97, 0, nullptr},
		{P_COMPRESSED_BITMAP, 0, 1, PACKET_ON_DATA, 124, 0, "too short"},
		{P_OV_RESULT, 0, 24, PACKET_ON_CONTROL, 124, 0, "not a packet of the agreed protocol version"},
		{P_OV_RESULT, 0, 24, PACKET_ON_CONTROL, 121, 0, nullptr},
		{P_AUTH_CHALLENGE, 0xffff, 63, PACKET_ON_DATA, 124, 0, "too short"},
		{P_CONNECTION_FEATURES, 0, 72, PACKET_ON_DATA, 0, 0, nullptr},
		{P_CONNECTION_FEATURES, 0, 72, PACKET_ON_DATA, 124, 0, "not a packet of the agreed protocol version"},
		{0x25, 0, 0, PACKET_ON_DATA, 124, 0, "unknown packet"},
		{0x1234, 0, 0, PACKET_ON_DATA, 124, 0, "unknown packet"},
	};

	for (auto &c : cases) {
		drbd_packet_header h{c.cmd, c.volume, c.length};
		const struct drbd_packet_info *info = nullptr;
		const char *why = drbd_packet_check(&h, c.stream, c.protocol, c.features, &info);
		EXPECT_STREQ(why, c.why) << drbd_packet_name(c.cmd) << " length " << c.length;
		if (!why) {
			EXPECT_NE(info, nullptr);
		}
	}
}

/* --------------------------------------------------------------------- payloads */

TEST(Packet, WorkedExampleOfAWrite)
{
	Bytes b = hex("00 00 00 00 00 00 08 00  40 19 a2 b3 1a 89 ff ff  00 00 00 01  00 00 01 02");
	drbd_pkt_data p;

	ASSERT_EQ(drbd_decode_data(b.data(), 24 + 4096, 0, 124, &p), nullptr);
	EXPECT_EQ(p.sector, 2048u);
	EXPECT_EQ(p.seq_num, 1u);
	EXPECT_EQ(p.dp_flags, DP_SEND_WRITE_ACK | DP_RW_SYNC);
	EXPECT_EQ(p.size, 4096u);
	/* the id is bytes, not a number */
	EXPECT_EQ(memcmp(&p.block_id, &b[8], 8), 0);

	EXPECT_EQ(drbd_decode_data(b.data(), 24 + 4 + 4096, 4, 124, &p), nullptr);
	EXPECT_EQ(p.size, 4096u);
	EXPECT_STREQ(drbd_decode_data(b.data(), 24 + 4096, 4, 124, &p), "size is not a multiple of 512");
	EXPECT_STREQ(drbd_decode_data(b.data(), 24, 0, 124, &p), "size is zero");
	EXPECT_STREQ(drbd_decode_data(b.data(), 24 + 4, 20, 124, &p), "too short");
	EXPECT_STREQ(drbd_decode_data(b.data(), 24 + (1 << 20) + 512, 0, 124, &p), "size is too large");
	EXPECT_STREQ(drbd_decode_data(b.data(), 24 + (1 << 17) + 512, 0, 97, &p), "size is too large");
	b[0] = 0x80;
	EXPECT_STREQ(drbd_decode_data(b.data(), 24 + 4096, 0, 124, &p), "sector is out of range");
	b[0] = 0;
	b[22] = 0x02;
	EXPECT_NE(drbd_decode_data(b.data(), 24 + 4096, 0, 124, &p), nullptr);
}

TEST(Packet, RangeWithinDevice)
{
	EXPECT_EQ(drbd_check_range(0, 4096, 8), nullptr);
	EXPECT_NE(drbd_check_range(1, 4096, 8), nullptr);
	EXPECT_NE(drbd_check_range(9, 512, 8), nullptr);
	EXPECT_NE(drbd_check_range(8, 512, 8), nullptr);
	EXPECT_NE(drbd_check_range(0, 0, 8), nullptr);
	EXPECT_NE(drbd_check_range(0, 513, 8), nullptr);
	EXPECT_NE(drbd_check_range(~0ULL, 512, 8), nullptr);
	EXPECT_NE(drbd_check_range(~0ULL - 7, 4096, ~0ULL), nullptr);
}

TEST(Packet, SizesOfTheWorkedExample)
{
	Bytes b = hex("00 00 00 00 00 1f ff 78 00 00 00 00 00 00 00 00 00 00 00 00 00 1f ff 78 00 10 00 00 00 00 00 00"
		      "00 00 02 00 00 00 02 00 00 00 00 00 00 00 02 00 00 00 00 00 01 00 00 00");
	drbd_pkt_sizes p;

	ASSERT_EQ(drbd_decode_sizes(b.data(), 56, ALL_FEATURES, &p), nullptr);
	EXPECT_EQ(p.d_size, 2097016u);
	EXPECT_EQ(p.c_size, 2097016u);
	EXPECT_EQ(p.max_bio_size, 1u << 20);
	EXPECT_TRUE(p.discard_enabled);
	EXPECT_EQ(p.bm_block_shift, 12);
	EXPECT_EQ(p.io_min, 512u);

	auto with = [&](size_t at, u8 value) {
		Bytes changed = b;
		changed[at] = value;
		return drbd_decode_sizes(changed.data(), 56, ALL_FEATURES, &p);
	};
	EXPECT_EQ(with(55, 8), nullptr);
	EXPECT_EQ(p.bm_block_shift, 20);
	EXPECT_STREQ(with(55, 9), "bitmap granularity is out of range");
	EXPECT_NE(with(38, 3), nullptr);	/* logical 768 */
	EXPECT_NE(with(38, 4), nullptr);	/* logical 1024 > physical 512 */
	EXPECT_NE(with(38, 0), nullptr);	/* logical 0 */
	EXPECT_NE(with(34, 0), nullptr);	/* physical 0 */
	EXPECT_STREQ(with(0, 1), "size of the device is out of range");
	EXPECT_STREQ(with(8, 0xff), "size of the device is out of range");
	EXPECT_EQ(with(24, 0xff), nullptr);
	EXPECT_EQ(p.max_bio_size, 1u << 20);
	EXPECT_STREQ(with(25, 0), "max_bio_size is too small");
	/* the shift means nothing when not agreed on */
	b[55] = 77;
	ASSERT_EQ(drbd_decode_sizes(b.data(), 56, DRBD_FF_WSAME, &p), nullptr);
	EXPECT_EQ(p.bm_block_shift, 12);
	ASSERT_EQ(drbd_decode_sizes(b.data(), 32, 0, &p), nullptr);
	EXPECT_FALSE(p.has_limits);
}

TEST(Packet, Uuids110)
{
	drbd_pkt_uuids110 in{}, out;
	Bytes b(DRBD_PACKET_BUFFER_SIZE);

	in.current_uuid = 0x4f2ac96d1b7e8832;
	in.uuid_flags = UUID_FLAG_STABLE;
	in.bitmap_uuids_mask = 1u << 31 | 1u << 3 | 1;
	in.bitmap_uuids[0] = 1;
	in.bitmap_uuids[3] = 2;
	in.bitmap_uuids[31] = 3;
	in.history_uuids[0] = 4;
	in.history_uuids[31] = 5;
	unsigned int n = drbd_encode_uuids110(b.data(), &in);
	EXPECT_EQ(n, 40u + 8 * 35);
	ASSERT_EQ(drbd_decode_uuids110(b.data(), n, &out), nullptr);
	EXPECT_EQ(out.bitmap_uuids[0], 1u);
	EXPECT_EQ(out.bitmap_uuids[1], ~0ULL);
	EXPECT_EQ(out.bitmap_uuids[3], 2u);
	EXPECT_EQ(out.bitmap_uuids[31], 3u);
	EXPECT_EQ(out.history_uuids[0], 4u);
	EXPECT_EQ(out.history_uuids[31], 5u);

	/* fewer history UUIDs read as 0, more are ignored */
	ASSERT_EQ(drbd_decode_uuids110(b.data(), n - 8, &out), nullptr);
	EXPECT_EQ(out.history_uuids[31], 0u);
	ASSERT_EQ(drbd_decode_uuids110(b.data(), 40 + 24, &out), nullptr);
	EXPECT_EQ(out.history_uuids[0], 0u);
	ASSERT_EQ(drbd_decode_uuids110(b.data(), 4080, &out), nullptr);

	EXPECT_STREQ(drbd_decode_uuids110(b.data(), 40 + 16, &out), "has fewer bitmap UUIDs than it says");
	EXPECT_STREQ(drbd_decode_uuids110(b.data(), n - 1, &out), "does not hold whole UUIDs");
	EXPECT_STREQ(drbd_decode_uuids110(b.data(), 39, &out), "too short");
	b[35] = 1;	/* node id 32 */
	EXPECT_STREQ(drbd_decode_uuids110(b.data(), n, &out), "has bitmap UUIDs of impossible node ids");
}

TEST(Packet, TwopcOfTheWorkedExample)
{
	Bytes b = hex("3f a9 1c 05  c0 00 00 00  00 00 00 01  ff ff ff ff ff ff ff fc  00 00 00 00 00 00 00 00  00 00 01 f3  00 00 00 92");
	drbd_pkt_twopc_request p;

	ASSERT_EQ(drbd_decode_twopc_request(P_TWOPC_PREPARE, b.data(), 36, ALL_FEATURES, false, &p), nullptr);
	EXPECT_EQ(p.tid, 0x3fa91c05u);
	EXPECT_EQ(p.flags, TWOPC_FLAG_V2 | TWOPC_FLAG_HAS_REACHABLE);
	EXPECT_EQ(p.initiator_node_id, 0);
	EXPECT_EQ(p.target_node_id, 1);
	EXPECT_EQ(p.nodes_to_reach, ~3ULL);
	EXPECT_EQ(p.mask, 0x1f3u);
	EXPECT_EQ(p.val, 0x92u);

	b[11] = 0xff;
	ASSERT_EQ(drbd_decode_twopc_request(P_TWOPC_PREPARE, b.data(), 36, ALL_FEATURES, false, &p), nullptr);
	EXPECT_EQ(p.target_node_id, -1);
	b[11] = 32;
	EXPECT_NE(drbd_decode_twopc_request(P_TWOPC_PREPARE, b.data(), 36, ALL_FEATURES, false, &p), nullptr);
	b[11] = 0xfe;
	EXPECT_NE(drbd_decode_twopc_request(P_TWOPC_PREPARE, b.data(), 36, ALL_FEATURES, false, &p), nullptr);
	b[11] = 1;
	b[10] = 0xff;
	EXPECT_NE(drbd_decode_twopc_request(P_TWOPC_PREPARE, b.data(), 36, ALL_FEATURES, false, &p), nullptr);
	b[10] = 0;
	b[4] = 0;
	EXPECT_STREQ(drbd_decode_twopc_request(P_TWOPC_PREPARE, b.data(), 36, ALL_FEATURES, false, &p),
		     "is not in the agreed layout");
	/* the same bytes read as V1: initiator 0, target 1 */
	ASSERT_EQ(drbd_decode_twopc_request(P_TWOPC_PREPARE, b.data(), 36, 0, false, &p), nullptr);
	EXPECT_EQ(p.flags, 0u);
}

TEST(Packet, TwopcBothLayoutsAndKindsSurviveTheWire)
{
	for (u32 features : {0u, ALL_FEATURES})
		for (bool resize : {false, true})
			for (u16 cmd : {P_TWOPC_PREPARE, P_TWOPC_PREP_RSZ, P_TWOPC_COMMIT, P_TWOPC_ABORT})
				for (int target : {-1, 0, 31}) {
					drbd_pkt_twopc_request in{}, out;
					u8 buf[36];
					in.tid = 77;
					in.initiator_node_id = 31;
					in.target_node_id = target;
					in.nodes_to_reach = ~5ULL;
					in.mask = 3;
					in.val = 1;
					in.primary_nodes = 6;
					in.reachable_nodes = 7;
					in.user_size = 1ULL << 40;
					in.dds_flags = DDS_NO_RESYNC;
					in.new_size = 1ULL << 41;
					ASSERT_EQ(drbd_encode_twopc_request(cmd, buf, features, resize, &in), 36u);
					ASSERT_EQ(drbd_decode_twopc_request(cmd, buf, 36, features, resize, &out), nullptr);
					EXPECT_EQ(out.tid, 77u);
					EXPECT_EQ(out.initiator_node_id, 31);
					EXPECT_EQ(out.target_node_id, target);
					EXPECT_EQ(out.nodes_to_reach, ~5ULL);
					if (cmd == P_TWOPC_PREPARE) {
						EXPECT_EQ(out.mask, 3u);
						EXPECT_EQ(out.val, 1u);
					} else if (cmd == P_TWOPC_PREP_RSZ) {
						EXPECT_EQ(out.user_size, 1ULL << 40);
						EXPECT_EQ(out.dds_flags, DDS_NO_RESYNC);
					} else if (cmd == P_TWOPC_COMMIT) {
						EXPECT_EQ(out.primary_nodes, 6u);
						EXPECT_EQ(out.new_size, resize ? 1ULL << 41 : 0);
						EXPECT_EQ(out.reachable_nodes, !resize && features ? 7u : 0);
					}
				}
}

TEST(Packet, AlgorithmNames)
{
	drbd_pkt_protocol in{}, out;
	u8 buf[24 + 64 + 1] = {};

	in.protocol = 3;
	strcpy(in.integrity_alg, "crc32c");
	unsigned int n = drbd_encode_protocol(buf, 124, &in);
	EXPECT_EQ(n, 24u + 7);
	ASSERT_EQ(drbd_decode_protocol(buf, n, 124, &out), nullptr);
	EXPECT_STREQ(out.integrity_alg, "crc32c");
	EXPECT_STREQ(drbd_decode_protocol(buf, n - 1, 124, &out), "algorithm name does not end");
	buf[25] = '\n';
	EXPECT_STREQ(drbd_decode_protocol(buf, n, 124, &out), "algorithm name has unprintable characters");
	memset(buf + 24, 'a', 65);
	EXPECT_STREQ(drbd_decode_protocol(buf, 24 + 64, 124, &out), "algorithm name does not end");
	EXPECT_STREQ(drbd_decode_protocol(buf, 24 + 65, 124, &out), "algorithm name is too long");
	buf[3] = 4;
	EXPECT_STREQ(drbd_decode_protocol(buf, n, 124, &out), "replication protocol is none of A, B, C");

	/* the longest name fits, and encode never writes past it */
	memset(in.integrity_alg, 'b', sizeof(in.integrity_alg));
	EXPECT_EQ(drbd_encode_protocol(buf, 124, &in), 24u + 64);
	EXPECT_EQ(buf[24 + 63], 0);
}

TEST(Packet, SyncParamOfEveryVersion)
{
	drbd_pkt_sync_param in{}, out;
	u8 buf[148];

	in.resync_rate = 250;
	in.c_plan_ahead = 20;
	in.c_max_rate = 102400;
	strcpy(in.verify_alg, "sha1");
	strcpy(in.csums_alg, "md5");
	struct { int protocol; unsigned int size; } sizes[] = {{86, 4}, {88, 9}, {89, 132}, {94, 132}, {95, 148}, {124, 148}};
	for (auto &s : sizes) {
		memset(buf, 0xee, sizeof(buf));
		ASSERT_EQ(drbd_encode_sync_param(buf, s.protocol, &in), s.size);
		ASSERT_EQ(drbd_decode_sync_param(buf, s.size, s.protocol, &out), nullptr);
		EXPECT_EQ(out.resync_rate, 250u);
		EXPECT_STREQ(out.verify_alg, s.protocol >= 88 ? "sha1" : "");
		EXPECT_STREQ(out.csums_alg, s.protocol >= 89 ? "md5" : "");
		EXPECT_EQ(out.c_max_rate, s.protocol >= 95 ? 102400u : 0);
		EXPECT_NE(drbd_decode_sync_param(buf, s.size - 1, s.protocol, &out), nullptr);
	}
	memset(buf + 4, 'x', 64);	/* no NUL in its field */
	EXPECT_STREQ(drbd_decode_sync_param(buf, 148, 124, &out), "algorithm name does not end");
}

TEST(Packet, VerifyResultInTheId)
{
	u8 raw[8];
	u64 id = drbd_ov_result_to_id(OV_RESULT_OUT_OF_SYNC);

	memcpy(raw, &id, 8);
	EXPECT_EQ(get_unaligned_be64(raw), 4712u);
	for (auto r : {OV_RESULT_SKIP, OV_RESULT_IN_SYNC, OV_RESULT_OUT_OF_SYNC})
		EXPECT_EQ(drbd_ov_result_of_id(drbd_ov_result_to_id(r)), r);
	EXPECT_EQ(drbd_ov_result_of_id(12345), OV_RESULT_IN_SYNC);
}

TEST(Packet, FeaturesMinimumStandsForMaximum)
{
	u8 buf[72];
	drbd_pkt_features in{101, 0, 0xf, 0, 0}, out;

	ASSERT_EQ(drbd_encode_features(buf, &in), 72u);
	ASSERT_EQ(drbd_decode_features(buf, 72, &out), nullptr);
	EXPECT_EQ(out.protocol_max, 101u);
	EXPECT_NE(drbd_decode_features(buf, 71, &out), nullptr);
	in.protocol_max = 100;
	drbd_encode_features(buf, &in);
	EXPECT_STREQ(drbd_decode_features(buf, 72, &out), "offers no protocol version");
}

/* Every packet, cut at every length: refused or decoded, never read beyond its end. */
TEST(Packet, TruncationIsNoticed)
{
	std::mt19937 rng(1);

	for (unsigned int cmd = 0; cmd < 0x60; cmd++) {
		auto info = drbd_packet_info(cmd, 124);
		if (!info)
			info = drbd_packet_info(cmd, 101);
		if (!info)
			continue;
		Bytes b(std::min<u32>(info->max, 512));
		for (auto &byte : b)
			byte = rng();
		for (u32 len = 0; len < std::min<u32>(info->fixed, b.size()); len++) {
			const char *why;
			/* a length of less than the fixed part never gets past both */
			drbd_packet_header h{(u16)cmd, 0, len};
			const struct drbd_packet_info *i;
			if (!drbd_packet_check(&h, info->streams, 124, ALL_FEATURES, &i))
				ADD_FAILURE() << info->name << " of " << len;
			if (info->fixed == info->max && cmd != P_AUTH_CHALLENGE && cmd != P_DELAY_PROBE) {
				reencode(cmd, b.data(), len, 124, ALL_FEATURES, 0, false, &why);
				EXPECT_NE(why, nullptr) << info->name << " of " << len;
			}
		}
	}
}

} // namespace
