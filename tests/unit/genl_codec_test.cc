// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's netlink (de)serialisers, in user space. */
#include <cerrno>

#include "genl_codec_shim.h"
#include "../../drbd/genl_codec.c"

#include <gtest/gtest.h>

#include <string>

#include <linux/drbd.h>

namespace {

std::string raw(int type, std::string data)
{
	nlattr head{static_cast<u16>(4 + data.size()), static_cast<u16>(type)};
	std::string bytes(reinterpret_cast<char *>(&head), sizeof(head));
	bytes += data;
	bytes.resize(static_cast<size_t>(NLA_ALIGN(static_cast<int>(bytes.size()))), '\0');
	return bytes;
}

std::string u32s(u32 v) { return {reinterpret_cast<char *>(&v), 4}; }
std::string str(const char *s) { return {s, strlen(s) + 1}; }

/* Parses one nest; the memory ends where the message ends, so that overruns show. */
template <class T>
int parse(unsigned int tla, T &dst, const std::string &members, drbd_genl_parse mode,
	  drbd_parse_report &report)
{
	std::string bytes = raw(static_cast<int>(tla), "");
	bytes += members;
	reinterpret_cast<nlattr *>(bytes.data())->nla_len = static_cast<u16>(bytes.size());
	std::vector<char> exact(bytes.begin(), bytes.end());
	nlattr *attrs[DRBD_NLA_MAX + 1] = {};
	attrs[tla] = reinterpret_cast<nlattr *>(exact.data());
	return drbd_nest_from_attrs(tla, &dst, attrs, mode, &report);
}

const std::string disk = raw(1, str("/dev/sda")) + raw(2, str("/dev/sda")) +
			 raw(3, u32s(static_cast<u32>(-3)));

} // namespace

TEST(GenlCodec, CreationNeedsTheNestAndItsRequiredMembers)
{
	drbd_parse_report report;
	disk_conf conf;
	nlattr *none[DRBD_NLA_MAX + 1] = {};

	disk_conf_init(&conf);
	EXPECT_EQ(disk_conf_from_attrs(&conf, none, DRBD_PARSE_create, &report), -ENOMSG);
	EXPECT_STREQ(report.text, "required attribute missing");
	EXPECT_EQ(disk_conf_from_attrs(&conf, none, DRBD_PARSE_change, &report), 0);
	EXPECT_EQ(parse(3, conf, raw(1, str("/dev/sda")), DRBD_PARSE_create, report), -ENOMSG);
	EXPECT_STREQ(report.detail, "meta_dev");
	EXPECT_EQ(parse(3, conf, disk, DRBD_PARSE_create, report), 0);
	EXPECT_STREQ(conf.backing_dev, "/dev/sda");
	EXPECT_EQ(conf.meta_dev_idx, -3);
	EXPECT_EQ(conf.al_extents, 1237u) << "default stays";
	EXPECT_TRUE(drbd_given(&report, T_backing_dev));
	EXPECT_FALSE(drbd_given(&report, T_al_extents));
}

TEST(GenlCodec, InvariantMembersCanNotBeChanged)
{
	drbd_parse_report report;
	disk_conf conf;

	disk_conf_init(&conf);
	EXPECT_EQ(parse(3, conf, raw(10, u32s(257)) + raw(1, str("/dev/x")), DRBD_PARSE_change,
			report), -EEXIST);
	EXPECT_STREQ(report.text, "can not change invariant setting");
	EXPECT_EQ(parse(3, conf, raw(10 | 0x4000, u32s(257)), DRBD_PARSE_change, report), 0);
	EXPECT_EQ(conf.al_extents, 257u) << "bit 14 is masked";
}

TEST(GenlCodec, UnknownMembers)
{
	drbd_parse_report report;
	net_conf conf;

	net_conf_init(&conf);
	EXPECT_EQ(parse(5, conf, raw(45, "x"), DRBD_PARSE_change, report), 0);
	EXPECT_EQ(parse(5, conf, raw(45 | 0x4000, "x"), DRBD_PARSE_change, report), -EOPNOTSUPP);
	EXPECT_STREQ(report.text, "unknown mandatory attribute");
	EXPECT_EQ(parse(5, conf, raw(14 | 0x4000, "x"), DRBD_PARSE_change, report), -EOPNOTSUPP)
		<< "a gap in the numbers";
	EXPECT_EQ(parse(5, conf, raw(0, ""), DRBD_PARSE_change, report), 0) << "padding";
}

TEST(GenlCodec, RangesAndWords)
{
	drbd_parse_report report;
	net_conf net;
	res_opts res;
	peer_device_conf pd;

	net_conf_init(&net);
	EXPECT_EQ(parse(5, net, raw(8, u32s(601)), DRBD_PARSE_change, report), -EINVAL);
	EXPECT_STREQ(report.text, "invalid attribute value");
	EXPECT_STREQ(report.detail, "timeout: 601 is not in 1 ... 600");
	EXPECT_EQ(net.timeout, 60u);
	EXPECT_EQ(parse(5, net, raw(18, u32s(1)), DRBD_PARSE_change, report), -EINVAL)
		<< "a word of after-sb-0pri only";
	EXPECT_EQ(parse(5, net, raw(18, u32s(7)), DRBD_PARSE_change, report), 0);
	EXPECT_EQ(parse(5, net, raw(6, u32s(0)), DRBD_PARSE_change, report), -EINVAL);
	EXPECT_EQ(parse(5, net, raw(11, u32s(128 << 20)), DRBD_PARSE_change, report), 0)
		<< "more than 9.22 offers";
	EXPECT_EQ(parse(5, net, raw(24, "\5"), DRBD_PARSE_change, report), 0);
	EXPECT_EQ(net.two_primaries, 1);

	res_opts_init(&res);
	for (u32 q : {0u, 1u, 32u, 1024u, 1025u})
		EXPECT_EQ(parse(4, res, raw(11, u32s(q)), DRBD_PARSE_change, report), 0) << q;
	for (u32 q : {33u, 1023u, 1026u, 0xffffffffu})
		EXPECT_EQ(parse(4, res, raw(11, u32s(q)), DRBD_PARSE_change, report), -EINVAL) << q;

	peer_device_conf_init(&pd);
	EXPECT_EQ(parse(27, pd, raw(1, u32s(0)) + raw(2, u32s(1000)), DRBD_PARSE_change, report), 0);
	EXPECT_EQ(pd.resync_rate, 1u) << "clamped";
	EXPECT_EQ(pd.c_plan_ahead, 300u);
	disk_conf d;
	disk_conf_init(&d);
	EXPECT_EQ(parse(3, d, raw(10, u32s(3)), DRBD_PARSE_change, report), 0);
	EXPECT_EQ(d.al_extents, 67u);
	EXPECT_EQ(parse(3, d, raw(9, u32s(static_cast<u32>(-2))), DRBD_PARSE_change, report), -EINVAL);
}

TEST(GenlCodec, LengthsAreChecked)
{
	drbd_parse_report report;
	net_conf net;

	net_conf_init(&net);
	EXPECT_EQ(parse(5, net, raw(8, "abc"), DRBD_PARSE_change, report), -EINVAL);
	EXPECT_EQ(parse(5, net, raw(8, u32s(100) + "more"), DRBD_PARSE_change, report), 0);
	EXPECT_EQ(parse(5, net, raw(1, "no end"), DRBD_PARSE_change, report), -EINVAL);
	EXPECT_EQ(parse(5, net, raw(1, ""), DRBD_PARSE_change, report), -EINVAL);
	EXPECT_EQ(parse(5, net, raw(1, std::string(64, 'x')), DRBD_PARSE_change, report), -EINVAL);
	EXPECT_EQ(parse(5, net, raw(1, "x" + std::string(64, '\0')), DRBD_PARSE_change, report),
		  -ERANGE);
	EXPECT_EQ(parse(5, net, raw(1, std::string(63, 'x') + '\0'), DRBD_PARSE_change, report), 0);
	EXPECT_EQ(strlen(net.shared_secret), 63u);
	EXPECT_EQ(parse(5, net, raw(1, str("")), DRBD_PARSE_change, report), 0);
	EXPECT_STREQ(net.shared_secret, "");
	EXPECT_EQ(parse(5, net, "\x02", DRBD_PARSE_change, report), -EINVAL) << "left over";
	std::string beyond = raw(8, u32s(5));
	beyond[0] = 100;
	EXPECT_EQ(parse(5, net, beyond, DRBD_PARSE_change, report), -EINVAL);

	path_parms path{};
	EXPECT_EQ(parse(28, path, raw(1, std::string(129, 'a')), DRBD_PARSE_create, report), -ERANGE);
	EXPECT_EQ(parse(28, path, raw(1, "ab"), DRBD_PARSE_create, report), 0);
	EXPECT_EQ(path.my_addr_len, 2u);
	EXPECT_FALSE(drbd_given(&report, T_peer_addr));
}

TEST(GenlCodec, SecretsAreLeftOut)
{
	net_conf conf;
	sk_buff with, without;

	net_conf_init(&conf);
	strcpy(conf.shared_secret, "sesame");
	EXPECT_EQ(net_conf_to_skb(&with, &conf, 0, false), 0);
	EXPECT_EQ(net_conf_to_skb(&without, &conf, 0, true), 0);
	auto has = [](const sk_buff &skb) {
		return std::string(skb.data.begin(), skb.data.end()).find("sesame") !=
		       std::string::npos;
	};
	EXPECT_TRUE(has(with));
	EXPECT_FALSE(has(without));
}

TEST(GenlCodec, WhatIsSentParsesBack)
{
	net_conf conf, back;
	drbd_parse_report report;
	sk_buff skb;

	net_conf_init(&conf);
	strcpy(conf.name, "bravo");
	conf.timeout = 99;
	conf.tcp_cork = 0;
	ASSERT_EQ(net_conf_to_skb(&skb, &conf, 0, false), 0);
	nlattr *attrs[DRBD_NLA_MAX + 1] = {};
	attrs[DRBD_NLA_net_conf] = reinterpret_cast<nlattr *>(skb.data.data());
	EXPECT_EQ(attrs[DRBD_NLA_net_conf]->nla_type, DRBD_NLA_net_conf | 0x8000);
	memset(&back, 0, sizeof(back));
	ASSERT_EQ(net_conf_from_attrs(&back, attrs, DRBD_PARSE_create, &report), 0)
		<< report.detail;
	EXPECT_STREQ(back.name, "bravo");
	EXPECT_EQ(back.timeout, 99u);
	EXPECT_EQ(back.tcp_cork, 0);
	EXPECT_EQ(back.after_sb_2p, conf.after_sb_2p);
	EXPECT_EQ(back.rdma_ctrl_sndbuf_size, conf.rdma_ctrl_sndbuf_size);
}

TEST(GenlCodec, OptionsTravelInTheOrderOfTheirNumbers)
{
	disk_conf conf;
	sk_buff skb;
	std::vector<int> order;
	const nlattr *nla;
	int rem;

	disk_conf_init(&conf);
	ASSERT_EQ(disk_conf_to_skb(&skb, &conf, 0, false), 0);
	nla_for_each_nested(nla, reinterpret_cast<nlattr *>(skb.data.data()), rem)
		order.push_back(nla->nla_type);
	EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 6, 9, 10, 16, 17, 18, 19, 20, 21, 22, 25, 23,
					   24, 26, 27}));
}

TEST(GenlCodec, ChosenMembersAndNoRoom)
{
	cfg_context ctx{};
	sk_buff skb, small(10);

	ctx.ctx_volume = 7;
	strcpy(ctx.ctx_resource_name, "r0");
	ASSERT_EQ(cfg_context_to_skb(&skb, &ctx, DRBD_MEMBER(ctx_volume) |
				     DRBD_MEMBER(ctx_resource_name), false), 0);
	EXPECT_EQ(std::string(skb.data.begin(), skb.data.end()),
		  std::string("\x14\0\x02\0", 4) + raw(1, u32s(7)) + raw(2, str("r0")));
	EXPECT_EQ(cfg_context_to_skb(&small, &ctx, 0, false), -EMSGSIZE);
	EXPECT_TRUE(small.data.empty());
}

TEST(GenlCodec, PathListsCarryBit14AndInfoTextsMayBeDropped)
{
	sk_buff skb;
	nlattr *list = drbd_path_list_start(&skb);

	EXPECT_EQ(drbd_path_list_add(&skb, "a", 1, "bc", 2), 0);
	drbd_path_list_end(&skb, list);
	EXPECT_EQ(std::string(skb.data.begin(), skb.data.end()),
		  std::string("\x14\0\x1c\0", 4) + raw(0x4001, "a") + raw(0x4002, "bc"));

	sk_buff small(24);
	nlattr *info = drbd_info_start(&small);
	drbd_info_add(&small, "a text that does not fit");
	drbd_info_add(&small, "fits");
	drbd_info_end(&small, info);
	EXPECT_EQ(std::string(small.data.begin(), small.data.end()),
		  std::string("\x10\0\x01\0", 4) + raw(1, str("fits")));
}
