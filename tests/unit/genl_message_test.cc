// SPDX-License-Identifier: GPL-2.0-only
/* Messages from the kernel to structures, and what is wrong with some of them. */
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <linux/drbd.h>
#include "common/genl.h"
#include "common/text.h"

using namespace drbd;
using genl::Message;

namespace {

std::string attr(int type, std::string data)
{
	uint16_t head[2] = {static_cast<uint16_t>(4 + data.size()), static_cast<uint16_t>(type)};
	std::string bytes(reinterpret_cast<char *>(head), 4);
	bytes += data;
	bytes.resize((bytes.size() + 3) & ~3u, '\0');
	return bytes;
}

std::string u32(uint32_t v) { return {reinterpret_cast<char *>(&v), 4}; }
std::string u64(uint64_t v) { return {reinterpret_cast<char *>(&v), 8}; }

/* A whole message with family header and these top-level attributes. */
std::vector<char> message(int cmd, uint32_t minor, int ret_code, const std::string &attrs)
{
	genlmsghdr genl = {static_cast<uint8_t>(cmd), 2, 0};
	drbd_genlmsghdr header{};
	header.minor = minor;
	header.ret_code = ret_code;
	std::string body(reinterpret_cast<char *>(&genl), sizeof(genl));
	body.append(reinterpret_cast<char *>(&header), sizeof(header));
	body += attrs;
	nlmsghdr nl{};
	nl.nlmsg_len = static_cast<uint32_t>(NLMSG_HDRLEN + body.size());
	nl.nlmsg_seq = 7;
	std::vector<char> bytes(nl.nlmsg_len);
	memcpy(bytes.data(), &nl, sizeof(nl));
	memcpy(bytes.data() + NLMSG_HDRLEN, body.data(), body.size());
	return bytes;
}

} // namespace

TEST(GenlMessage, HeaderAndMembers)
{
	auto bytes = message(DRBD_CMD_DEVICE_STATE, 5, NO_ERROR,
			     attr(DRBD_NLA_cfg_context, attr(1, u32(3)) + attr(2, std::string("r0\0", 3))) +
			     attr(DRBD_NLA_device_statistics | 0x8000,
				  attr(1, u64(1ULL << 40)) + attr(8, "\1")));
	Message::with_copy(bytes, [](const Message &m) {
		EXPECT_FALSE(m.truncated());
		EXPECT_EQ(m.cmd(), static_cast<unsigned int>(DRBD_CMD_DEVICE_STATE));
		EXPECT_EQ(m.minor(), 5u);
		EXPECT_EQ(m.ret_code(), NO_ERROR);
		EXPECT_EQ(m.seq(), 7u);
		cfg_context ctx{};
		EXPECT_EQ(m.get(DRBD_NLA_cfg_context, ctx), 1ULL << 1 | 1ULL << 2);
		EXPECT_EQ(ctx.ctx_volume, 3u);
		EXPECT_STREQ(ctx.ctx_resource_name, "r0");
		device_statistics s{};
		EXPECT_EQ(m.get(DRBD_NLA_device_statistics, s), 1ULL << 1 | 1ULL << 8);
		EXPECT_EQ(s.dev_size, 1ULL << 40);
		EXPECT_EQ(s.dev_upper_blocked, 1);
		net_conf n{};
		EXPECT_EQ(m.get(DRBD_NLA_net_conf, n), 0u);
		EXPECT_FALSE(m.has(DRBD_NLA_net_conf));
	});
}

TEST(GenlMessage, TooShortForTheHeaders)
{
	auto bytes = message(1, 0, 0, "");
	bytes.resize(NLMSG_HDRLEN + 5);
	nlmsghdr nl{};
	nl.nlmsg_len = static_cast<uint32_t>(bytes.size());
	memcpy(bytes.data(), &nl, sizeof(nl));
	Message::with_copy(bytes, [](const Message &m) {
		EXPECT_TRUE(m.truncated());
		EXPECT_TRUE(m.info_texts().empty());
	});
}

TEST(GenlMessage, MalformedMembersAreAsIfMissing)
{
	std::string unterminated(200, 'x');
	auto bytes = message(DRBD_CMD_DEVICE_STATE, 0, NO_ERROR,
			     attr(DRBD_NLA_cfg_context, attr(1, "ab") + attr(2, unterminated) +
				  attr(63, u32(1)) + attr(3, std::string(300, 'y'))));
	Message::with_copy(bytes, [](const Message &m) {
		cfg_context ctx{};
		ctx.ctx_volume = 77;
		uint64_t given = m.get(DRBD_NLA_cfg_context, ctx);
		EXPECT_EQ(given, 1ULL << 2 | 1ULL << 3);
		EXPECT_EQ(ctx.ctx_volume, 77u) << "too short: left alone";
		EXPECT_EQ(strlen(ctx.ctx_resource_name), 127u) << "cut and terminated";
		EXPECT_EQ(ctx.ctx_my_addr_len, 128u);
	});
	/* A nest whose length says more than there is. */
	std::string bad = attr(DRBD_NLA_cfg_context, attr(1, u32(3)));
	bad[4] = 100;
	bytes = message(DRBD_CMD_DEVICE_STATE, 0, NO_ERROR, bad);
	Message::with_copy(bytes, [](const Message &m) {
		cfg_context ctx{};
		EXPECT_EQ(m.get(DRBD_NLA_cfg_context, ctx), 0u);
	});
}

TEST(GenlMessage, AllInfoTextsOfAllReplies)
{
	auto text = [](const char *t) { return attr(1, std::string(t, strlen(t) + 1)); };
	auto bytes = message(DRBD_CMD_PRIMARY, 0, SS_NO_QUORUM,
			     attr(DRBD_NLA_cfg_reply, text("one") + text("two")) +
			     attr(DRBD_NLA_cfg_reply, text("three") + attr(1, "no end")));
	Message::with_copy(bytes, [](const Message &m) {
		EXPECT_EQ(m.info_texts(),
			  (std::vector<std::string>{"one", "two", "three", "no end"}));
	});
}

TEST(GenlMessage, PathListWithAndWithoutBit14)
{
	auto bytes = message(DRBD_CMD_GET_CONNECTIONS, 0, NO_ERROR,
			     attr(DRBD_NLA_path_parms, attr(0x4001, "a") + attr(0x4002, "b") +
				  attr(1, "c") + attr(2, "d")));
	Message::with_copy(bytes, [](const Message &m) {
		auto paths = m.path_list();
		ASSERT_EQ(paths.size(), 2u);
		EXPECT_EQ(paths[0].my_addr, "a");
		EXPECT_EQ(paths[0].peer_addr, "b");
		EXPECT_EQ(paths[1].my_addr, "c");
		EXPECT_EQ(paths[1].peer_addr, "d");
	});
}

TEST(Text, LinesAreWrapped)
{
	Wrapper w(20);

	w.item(4, "12345678901234567890");
	w.item(4, " next");
	w.item(4, " one");
	w.newline();
	w.item(2, "end");
	w.newline();
	EXPECT_EQ(w.str(), "    12345678901234567890\n    next one\n  end\n");
}

TEST(Text, JsonStrings)
{
	EXPECT_EQ(json_quote("a\"b\\c\n"), "\"a\\\"b\\\\c\\n\"");
	EXPECT_EQ(json_quote("\xff"), "\"\xef\xbf\xbd\"");
}

TEST(Text, Addresses)
{
	std::string v4("\x02\x00\x1e\x6c\x0a\x00\x00\x01\0\0\0\0\0\0\0\0", 16);
	EXPECT_EQ(address_text(v4), "ipv4:10.0.0.1:7788");
	EXPECT_EQ(address_text(v4, ' '), "ipv4 10.0.0.1:7788");
	std::string v6("\x0a\x00\x1e\x6c\0\0\0\0\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0", 28);
	EXPECT_EQ(address_text(v6), "ipv6:[fd00::1]:7788");
	v4[0] = 27;
	EXPECT_EQ(address_text(v4), "sdp:10.0.0.1:7788");
	EXPECT_EQ(address_text(v4.substr(0, 7)), "sdp::7788") << "cut off: no address, no crash";
	EXPECT_EQ(address_family(""), "unknown");
}
