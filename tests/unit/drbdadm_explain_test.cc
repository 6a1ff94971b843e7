// SPDX-License-Identifier: GPL-2.0-only
// What `drbdadm explain` makes of a status.
#include <gtest/gtest.h>

#include <algorithm>

#include "drbdadm/builder.h"
#include "drbdadm/derive.h"
#include "drbdadm/diagnostics.h"
#include "drbdadm/explain.h"

using namespace drbd::adm;
using nlohmann::json;

namespace {

struct Fixture {
	Fixture()
	{
		diag.set_quiet(true);
		session.local_node = "alpha";
		session.parse_text("resource r0 { device minor 1; disk /dev/a;"
				   " on alpha { node-id 0; address 10.0.0.1:7000; }"
				   " on beta { node-id 1; address 10.0.0.2:7000; } }",
				   "test.conf", "/test.conf");
		derive(session);
		expand_options(config, diag);
		set_peers(resource(), diag);
		status = json::parse(R"({"name": "r0", "node-id": 0, "role": "Primary",
			"devices": [{"volume": 0, "minor": 1, "disk-state": "UpToDate",
				     "quorum": true}],
			"connections": [{"peer-node-id": 1, "name": "beta",
				"connection-state": "Connected",
				"peer_devices": [{"volume": 0, "replication-state": "Established",
					"peer-disk-state": "UpToDate", "resync-suspended": "no",
					"out-of-sync": 0}]}]})");
	}

	Resource &resource() { return *config.resources.front(); }
	json &device() { return status["devices"][0]; }
	json &connection() { return status["connections"][0]; }
	json &peer_device() { return connection()["peer_devices"][0]; }

	std::string problems() const
	{
		std::string text;
		for (const auto &f : findings())
			text += (text.empty() ? "" : " ") + f.object + "=" + f.problem;
		return text;
	}
	std::vector<Finding> findings() const
	{
		return explain(*config.resources.front(), status, log);
	}

	Config config;
	Diagnostics diag;
	ParseSession session{config, diag};
	json status;
	KernelLog log;
};

}  // namespace

TEST(Explain, SaysNothingWhenAllIsWell)
{
	EXPECT_EQ(Fixture().problems(), "");
}

TEST(Explain, NotUp)
{
	Fixture f;
	f.status = json();
	EXPECT_EQ(f.problems(), "r0=not-up");
}

TEST(Explain, SplitBrainComesFromTheKernelLog)
{
	Fixture f;
	f.connection()["connection-state"] = "StandAlone";
	EXPECT_EQ(f.problems(), "r0:beta=standalone");
	f.log.add({"r0 gamma", "Split-Brain detected", "yesterday"});
	EXPECT_EQ(f.problems(), "r0:beta=standalone");
	f.log.add({"r0/0 drbd1 beta", "Split-Brain detected, dropping connection!", "today"});
	auto findings = f.findings();
	ASSERT_EQ(findings.size(), 1u);
	EXPECT_EQ(findings[0].problem, "split-brain");
	EXPECT_EQ(findings[0].since, "today: Split-Brain detected, dropping connection!");
	// Each choice says what it discards, and the commands are complete.
	ASSERT_EQ(findings[0].choices.size(), 2u);
	EXPECT_EQ(findings[0].choices[0].commands.back(),
		  "drbdadm connect --discard-my-data r0:beta");
	EXPECT_NE(findings[0].choices[0].effect.find("discarded"), std::string::npos);
}

TEST(Explain, SecretMismatch)
{
	Fixture f;
	f.connection()["connection-state"] = "StandAlone";
	f.log.add({"r0 beta", "Split-Brain detected", "earlier"});
	f.log.add({"r0 beta", "authentication of the peer failed: different shared secret", "now"});
	EXPECT_EQ(f.problems(), "r0:beta=secret-mismatch");
}

TEST(Explain, DiskStates)
{
	Fixture f;
	f.device()["disk-state"] = "Diskless";
	EXPECT_EQ(f.problems(), "r0/0=detached");
	f.device()["disk-state"] = "Outdated";
	EXPECT_EQ(f.problems(), "r0/0=outdated");
	f.device()["disk-state"] = "Inconsistent";
	EXPECT_EQ(f.problems(), "r0/0=inconsistent");
	f.peer_device()["replication-state"] = "SyncTarget";
	EXPECT_EQ(f.problems(), "r0:beta/0=resync");
}

TEST(Explain, Resync)
{
	Fixture f;
	f.peer_device()["replication-state"] = "SyncSource";
	f.peer_device()["out-of-sync"] = 2048;
	f.peer_device()["db1/dt1 [MiB/s]"] = 0.0;
	EXPECT_EQ(f.problems(), "r0:beta/0=resync-stalled");
	f.peer_device()["resync-suspended"] = "user,peer";
	auto findings = f.findings();
	ASSERT_EQ(findings.size(), 1u);
	EXPECT_EQ(findings[0].problem, "resync-paused");
	EXPECT_EQ(findings[0].choices.size(), 2u);
}

TEST(Explain, SuspendedForQuorum)
{
	Fixture f;
	f.status["suspended-quorum"] = true;
	f.device()["quorum"] = false;
	EXPECT_EQ(f.problems(), "r0=suspended-quorum");
}

TEST(Explain, WaitingForThePeerNamesItsAddress)
{
	Fixture f;
	f.connection()["connection-state"] = "Connecting";
	auto findings = f.findings();
	ASSERT_EQ(findings.size(), 1u);
	EXPECT_EQ(findings[0].problem, "waiting-for-peer");
	EXPECT_NE(findings[0].what.find("10.0.0.2:7000"), std::string::npos);
}

TEST(Explain, WhatTheKernelDoesNotHave)
{
	Fixture f;
	f.status["devices"] = json::array();
	f.status["connections"] = json::array();
	EXPECT_EQ(f.problems(), "r0/0=volume-missing r0:beta=peer-missing");
}

TEST(Explain, AnythingMayBeMissingOrOfAnotherType)
{
	Fixture f;
	for (const char *text : {"{}", "[]", "7", R"({"devices": 7, "connections": {"a": 1}})",
				 R"({"devices": [7, null, {"volume": "x", "disk-state": 3}],
				     "connections": [null, {"name": 5, "peer_devices": [1, "x"],
				     "connection-state": "Connected"}]})"}) {
		f.status = json::parse(text);
		f.problems();
	}
}

TEST(Explain, TextFitsAnEightyColumnTerminal)
{
	Fixture f;
	f.connection()["connection-state"] = "StandAlone";
	f.device()["disk-state"] = "Outdated";
	for (const auto &finding : f.findings()) {
		std::string text = as_text(finding);
		size_t start = 0;
		while (start < text.size()) {
			size_t end = std::min(text.find('\n', start), text.size());
			EXPECT_LE(end - start, 80u) << text.substr(start, end - start);
			start = end + 1;
		}
		EXPECT_EQ(as_json(finding)["problem"], finding.problem);
	}
}
