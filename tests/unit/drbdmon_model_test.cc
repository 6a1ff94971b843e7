// SPDX-License-Identifier: GPL-2.0-only
// What drbdmon makes of recorded output of events2.
#include <gtest/gtest.h>

#include <fstream>

#include <linux/drbd.h>
#include "drbdmon/actions.h"
#include "drbdmon/assess.h"
#include "drbdmon/model.h"

using namespace drbd::mon;

namespace {

std::vector<std::string> recorded(const std::string &name)
{
	std::ifstream in(std::string(SOURCE_DIR "/tests/golden/") + name);
	std::vector<std::string> lines;

	for (std::string line; std::getline(in, line);)
		lines.push_back(line);
	EXPECT_FALSE(lines.empty()) << name;
	return lines;
}

const std::string observed = "drbdsetup/observed-9.22/events2/";

// Until (and with) the line that contains @last, or all of it.
Model told(const std::string &name, const std::string &last = "")
{
	Model m;

	for (const auto &line : recorded(name)) {
		m.apply(line, "10:00:00");
		if (!last.empty() && line.find(last) != line.npos)
			return m;
	}
	EXPECT_TRUE(last.empty()) << last;
	return m;
}

std::string problems(const Resource &r)
{
	std::string text;

	for (const auto &p : assess(r))
		text += "-~*!"[static_cast<int>(p.severity)] + full_text(r, p) + "\n";
	return text;
}

// A healthy pair; @changes are applied after it.
Model pair(std::initializer_list<const char *> changes)
{
	Model m;

	for (const char *line : {
		"exists resource name:r0 role:Primary suspended:no force-io-failures:no",
		"exists connection name:r0 peer-node-id:1 conn-name:b connection:Connected role:Secondary",
		"exists device name:r0 volume:0 minor:5 disk:UpToDate client:no quorum:yes",
		"exists peer-device name:r0 peer-node-id:1 conn-name:b volume:0 replication:Established "
		"peer-disk:UpToDate peer-client:no resync-suspended:no received:0 sent:0 out-of-sync:0",
		"exists -"})
		m.apply(line, "10:00:00");
	for (const char *line : changes)
		m.apply(line, "10:00:01");
	EXPECT_EQ(m.not_understood(), 0u);
	return m;
}

std::string pair_problems(std::initializer_list<const char *> changes)
{
	return problems(*pair(changes).find("r0"));
}

#define PD "change peer-device name:r0 peer-node-id:1 conn-name:b volume:0 "

}  // namespace

TEST(DrbdmonEvent, Parts)
{
	auto e = parse_event("2026-11-21T03:21:02.159221+00:00 create path name:r0 peer-node-id:1 "
			     "conn-name:n2 local:ipv6:[fd00::1]:7000 peer:ipv4:10.0.0.2:7788 established:no");
	ASSERT_TRUE(e);
	EXPECT_EQ(e->timestamp, "2026-11-21T03:21:02.159221+00:00");
	EXPECT_EQ(e->verb, "create");
	EXPECT_EQ(e->object, "path");
	EXPECT_EQ(e->get("local"), "ipv6:[fd00::1]:7000");
	EXPECT_EQ(e->number("peer-node-id"), 1u);
	EXPECT_EQ(e->find("nothing"), nullptr);

	e = parse_event("change resource name:my own resource role:Primary");
	ASSERT_TRUE(e);
	EXPECT_EQ(e->get("name"), "my own resource");
	EXPECT_EQ(e->get("role"), "Primary");
	EXPECT_TRUE(parse_event("exists -"));
	EXPECT_TRUE(parse_event("- skipped 3"));
}

TEST(DrbdmonEvent, WhatIsNone)
{
	for (const char *line : {"", " ", "hello", "exists", "exists nothing name:x", "create -", "- lost",
				 "exists  resource name:r0", "2026-11-21T03:21:02", "Exists resource name:r"})
		EXPECT_FALSE(parse_event(line)) << line;
}

TEST(DrbdmonModel, InitialState)
{
	Model m = told(observed + "mixed-now-stat.txt");

	EXPECT_TRUE(m.complete());
	EXPECT_EQ(m.not_understood(), 0u);
	EXPECT_EQ(m.resources().size(), 4u);
	EXPECT_TRUE(m.log().empty());
	const Resource &web = *m.find("web");
	EXPECT_TRUE(web.role.is(R_PRIMARY));
	EXPECT_EQ(web.suspended, "user,quorum");
	EXPECT_EQ(web.devices.at(1).minor, 11u);
	EXPECT_FALSE(web.devices.at(1).quorum);
	EXPECT_EQ(web.devices.at(0).size, 1048576u);
	EXPECT_EQ(web.devices.at(0).blocked, "upper");
	const Connection &bravo = web.connections.at(1);
	EXPECT_EQ(bravo.name, "bravo");
	EXPECT_TRUE(bravo.congested);
	EXPECT_EQ(bravo.paths.size(), 2u);
	const PeerDevice &pd = bravo.peer_devices.at(0);
	EXPECT_TRUE(pd.replication.is(L_SYNC_SOURCE));
	EXPECT_DOUBLE_EQ(*pd.done, 50);
	EXPECT_DOUBLE_EQ(*pd.rate, 14.22);
	EXPECT_DOUBLE_EQ(*pd.eta, 18);
	// "eta:nan" is no time.
	EXPECT_FALSE(bravo.peer_devices.at(1).eta);
	EXPECT_TRUE(bravo.peer_devices.at(1).verifying());
}

TEST(DrbdmonModel, ProgressEndsWithTheResync)
{
	for (const char *kind : {"changes-full.txt", "changes-statistics.txt", "changes.txt"}) {
		Model m = told(observed + kind, "done:60.00");
		EXPECT_DOUBLE_EQ(*m.find("r0")->connections.at(1).peer_devices.at(0).done, 60) << kind;
		m = told(observed + kind, "volume:0 replication:Established");
		EXPECT_FALSE(m.find("r0")->connections.at(1).peer_devices.at(0).done) << kind;
	}
}

TEST(DrbdmonModel, RenameAndDestroy)
{
	Model m = told(observed + "changes.txt", "rename");
	EXPECT_EQ(m.find("r0"), nullptr);
	ASSERT_NE(m.find("r0new"), nullptr);
	EXPECT_EQ(m.find("r0new")->connections.size(), 1u);
	m = told(observed + "changes.txt", "destroy connection");
	EXPECT_TRUE(m.find("r0new")->connections.empty());
	m = told(observed + "changes.txt", "destroy resource");
	EXPECT_TRUE(m.resources().empty());
	EXPECT_EQ(told(observed + "changes.txt").find("x")->devices.at(3).minor, 7u);
}

TEST(DrbdmonModel, HandlersAndTheirResults)
{
	Model m = told(observed + "changes.txt", "call helper name:r0 peer-node-id:1 conn-name:bravo helper:fence-peer");
	const auto &helpers = m.find("r0")->helpers;
	ASSERT_EQ(helpers.size(), 3u);
	EXPECT_EQ(helpers[1].result(), "exit code 1");
	EXPECT_EQ(helpers[2].name, "fence-peer");
	EXPECT_EQ(helpers[2].object, "bravo");
	EXPECT_EQ(helpers[2].result(), "running");
	m = told(observed + "changes.txt", "helper:fence-peer status");
	EXPECT_EQ(m.find("r0")->helpers[2].result(), "exit code 7");
	EXPECT_EQ((Helper{"x", "", 9}).result(), "killed by signal 9");
	EXPECT_EQ((Helper{"x", "", 0xfffffffe}).result(), "failed: No such file or directory");
}

TEST(DrbdmonModel, LogOfChanges)
{
	Model m = told("netlink/life.events2");
	ASSERT_FALSE(m.log().empty());
	EXPECT_EQ(m.log().front().time, "03:21:01");	// of the event, not of its arrival
	bool connected = false;
	for (const auto &c : m.log())
		connected |= c.text == "connection: Connecting -> Connected" && c.object == "n2";
	EXPECT_TRUE(connected);
}

TEST(DrbdmonModel, EveryRecordingIsUnderstood)
{
	for (const char *name : {"netlink/commands.events2", "netlink/life.events2", "netlink/life2.events2"}) {
		Model m = told(name);
		EXPECT_EQ(m.not_understood(), 0u) << name;
	}
	for (const char *name : {"stats-full.txt", "stats-statistics.txt", "promotion-now.txt", "early.txt",
				 "mixed-now-timestamps.txt"})
		EXPECT_EQ(told(observed + name).not_understood(), 0u) << name;
	EXPECT_EQ(told(observed + "seqgap.txt").lost(), 2u);
}

TEST(DrbdmonModel, NewStreamReplacesTheOld)
{
	Model m = pair({});
	m.restart();
	EXPECT_NE(m.find("r0"), nullptr);	// until there is something newer
	m.apply("exists resource name:s role:Secondary", "10:00:02");
	EXPECT_EQ(m.find("r0"), nullptr);
	EXPECT_FALSE(m.complete());
}

TEST(DrbdmonModel, Rates)
{
	Model m = pair({});
	m.sample(100);
	m.apply("change device name:r0 volume:0 minor:5 read:2048 written:512", "");
	m.sample(102);
	const Device &d = m.find("r0")->devices.at(0);
	EXPECT_DOUBLE_EQ(d.read.rate, 1024);
	EXPECT_DOUBLE_EQ(d.written.rate, 256);
	m.sample(103);		// nothing came since
	EXPECT_DOUBLE_EQ(d.read.rate, 0);
	m.apply("change device name:r0 volume:0 minor:5 read:0 written:0", "");
	m.sample(104);		// counters began anew
	EXPECT_DOUBLE_EQ(d.written.rate, 0);
}

TEST(DrbdmonAssess, Healthy)
{
	EXPECT_EQ(pair_problems({}), "");
	EXPECT_EQ(problems(*told(observed + "mixed-now-stat.txt").find("empty")), "");
}

TEST(DrbdmonAssess, OneThingWrong)
{
	EXPECT_EQ(pair_problems({"change resource name:r0 suspended:quorum"}), "!I/O is suspended: quorum\n");
	EXPECT_EQ(pair_problems({"change device name:r0 volume:0 minor:5 quorum:no"}), "!volume 0: no quorum\n");
	EXPECT_EQ(pair_problems({"change device name:r0 volume:0 minor:5 disk:Diskless"}),
		  "*volume 0: no disk attached\n");
	EXPECT_EQ(pair_problems({"change device name:r0 volume:0 minor:5 disk:Diskless client:yes"}), "");
	EXPECT_EQ(pair_problems({"change connection name:r0 peer-node-id:1 conn-name:b connection:StandAlone"}),
		  "*b: StandAlone: no attempt to connect\n");
	EXPECT_EQ(pair_problems({PD "replication:PausedSyncS resync-suspended:user"}),
		  "*b volume 0: resync paused: user\n");
	EXPECT_EQ(pair_problems({PD "replication:PausedSyncS resync-suspended:dependency"}),
		  "~b volume 0: resync paused: dependency\n");
	EXPECT_EQ(pair_problems({PD "out-of-sync:8"}), "*b volume 0: blocks differ, and no resync runs\n");
	EXPECT_EQ(pair_problems({PD "replication:SyncSource peer-disk:Inconsistent done:5.00"}),
		  "~b volume 0: SyncSource\n");
	EXPECT_EQ(pair_problems({PD "peer-disk:Outdated"}), "*b volume 0: peer is Outdated\n");
	EXPECT_EQ(pair_problems({PD "replication:Off peer-disk:DUnknown"}),
		  "*b volume 0: not replicated, peer lacks the volume\n");
	EXPECT_EQ(pair_problems({"call helper name:r0 helper:quorum-lost"}), "~handler quorum-lost is running\n");
}

TEST(DrbdmonAssess, PrimaryWithoutData)
{
	EXPECT_EQ(pair_problems({"change device name:r0 volume:0 minor:5 disk:Failed",
				 "change connection name:r0 peer-node-id:1 conn-name:b connection:Connecting"}),
		  "!volume 0: no up-to-date data in reach\n!volume 0: the disk failed\n"
		  "*b: Connecting: peer not reached\n");
}

TEST(DrbdmonAssess, InconsistentWithAndWithoutResync)
{
	EXPECT_EQ(pair_problems({"change device name:r0 volume:0 minor:5 disk:Inconsistent"}),
		  "*volume 0: Inconsistent, and no resync runs\n");
	EXPECT_EQ(pair_problems({"change device name:r0 volume:0 minor:5 disk:Inconsistent",
				 PD "replication:SyncTarget done:1.00"}),
		  "~volume 0: Inconsistent, resync is on its way\n~b volume 0: SyncTarget\n");
}

TEST(DrbdmonAssess, StalledResync)
{
	Model m = pair({PD "replication:SyncSource peer-disk:Inconsistent done:5.00"});
	for (int t = 0; t <= 19; t++)
		m.sample(t);
	EXPECT_EQ(problems(*m.find("r0")), "~b volume 0: SyncSource\n");
	m.sample(20);
	EXPECT_EQ(problems(*m.find("r0")), "*b volume 0: SyncSource makes no progress\n");
	m.apply(PD "replication:SyncSource done:5.01", "");
	m.sample(21);
	EXPECT_EQ(problems(*m.find("r0")), "~b volume 0: SyncSource\n");
}

TEST(DrbdmonActions, CommandLines)
{
	Model m = told(observed + "mixed-now-stat.txt");
	auto line = [&](char key, Object selected) {
		std::string text;
		for (const auto &o : targets(*find_action(key), selected, m)) {
			for (const auto &word : command_line(*find_action(key), o, m))
				text += word + " ";
			text.back() = ';';
		}
		return text;
	};
	EXPECT_EQ(line('P', {"web"}), "drbdsetup primary web;");
	EXPECT_EQ(line('P', {"web", 1, 0}), "drbdsetup primary web;");
	EXPECT_EQ(line('D', {"web", 2}), "drbdsetup disconnect web 2;");
	EXPECT_EQ(line('D', {"web", 2, 1}), "drbdsetup disconnect web 2;");
	EXPECT_EQ(line('D', {"web"}), "drbdsetup disconnect web 1;drbdsetup disconnect web 2;");
	EXPECT_EQ(line('D', {"web", -1, 0}), "");
	EXPECT_EQ(line('V', {"web", 1}), "drbdsetup verify web 1 0;drbdsetup verify web 1 1;");
	EXPECT_EQ(line('I', {"web", -1, 1}), "drbdsetup invalidate 11;");
	EXPECT_EQ(line('A', {"web", 1, 1}), "drbdadm attach web/1;");
	EXPECT_EQ(line('X', {"lone"}), "drbdsetup connect lone 0 --discard-my-data;");
	EXPECT_EQ(line('P', {"gone"}), "");
	EXPECT_EQ(object_name({"web", 2, 1}, m), "web:charlie/1");
}

TEST(DrbdmonActions, KeysAreUnique)
{
	std::string keys;
	for (const auto &a : all_actions())
		keys += a.key;
	for (char k : keys)
		EXPECT_EQ(std::count(keys.begin(), keys.end(), k), 1) << k;
}
