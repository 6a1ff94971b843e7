// SPDX-License-Identifier: GPL-2.0-only
// Stages: what still runs after a failure, and what a helper's end means.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

#include "drbdadm/failure.h"
#include "drbdadm/plan.h"

using namespace drbd::adm;

namespace {

// A drbdsetup that writes down its arguments and fails when told to.
class FakeHelper {
public:
	FakeHelper()
	{
		EXPECT_NE(mkdtemp(dir_), nullptr);
		std::ofstream(script()) << "#!/bin/sh\n"
					   "[ \"$1\" = --batch ] || echo \"$@\" >> "
					<< log()
					<< "\n"
					   "[ \"$1\" = --batch ] && { echo usage; exit 20; }\n"
					   "case \" $FAIL \" in *\" $1=\"*) "
					   "s=\" $FAIL\"; s=${s##* $1=}; exit ${s%% *};; esac\n"
					   "[ \"$1\" = hang ] && exec sleep 60\n"
					   "exit 0\n";
		chmod(script().c_str(), 0700);
		settings.programs[0] = script();
		diag.set_capture(&messages);
	}
	~FakeHelper()
	{
		std::string command = std::string("rm -rf ") + dir_;
		EXPECT_EQ(system(command.c_str()), 0);
		unsetenv("FAIL");
	}

	void add(Stage stage, const std::string &resource, const std::string &name)
	{
		HelperCommand c;
		c.args = {name};
		plan.add({stage, name, resource, {c}, ""});
	}
	std::string executed() const
	{
		std::ifstream file(log());
		std::stringstream text;
		text << file.rdbuf();
		return text.str();
	}
	std::string script() const { return std::string(dir_) + "/drbdsetup"; }
	std::string log() const { return std::string(dir_) + "/log"; }

	ExecSettings settings;
	Diagnostics diag;
	std::string messages;
	Executor executor{settings, diag};
	Plan plan;

private:
	char dir_[32] = "/tmp/drbdadm-test-XXXXXX";
};

}  // namespace

TEST(Plan, RunsStagesInOrderOverAllResources)
{
	FakeHelper f;
	f.add(Stage::connect, "a", "connect-a");
	f.add(Stage::create_resource, "a", "create-a");
	f.add(Stage::create_resource, "b", "create-b");
	f.add(Stage::disk, "b", "attach-b");
	EXPECT_EQ(f.plan.execute(f.executor, f.diag), 0);
	EXPECT_EQ(f.executed(), "create-a\ncreate-b\nattach-b\nconnect-a\n");
}

TEST(Plan, FinishesTheStageOfAFailureAndNothingAfterIt)
{
	FakeHelper f;
	setenv("FAIL", "minor-a=10", 1);
	f.add(Stage::disk_up, "a", "minor-a");
	f.add(Stage::disk_up, "a", "minor-a2");
	f.add(Stage::disk_up, "b", "minor-b");
	f.add(Stage::connect, "b", "connect-b");
	EXPECT_EQ(f.plan.execute(f.executor, f.diag), 1);
	EXPECT_EQ(f.executed(), "minor-a\nminor-b\n");
	EXPECT_NE(f.messages.find("drbdadm: minor-a2 a: skipped due to earlier error"),
		  std::string::npos);
	EXPECT_NE(f.messages.find("terminated with exit code 10"), std::string::npos);
}

TEST(Plan, SomeStagesDoNotStopAResource)
{
	FakeHelper f;
	setenv("FAIL", "path-1=11", 1);
	f.add(Stage::paths, "a", "path-1");
	f.add(Stage::paths, "a", "path-2");
	EXPECT_EQ(f.plan.execute(f.executor, f.diag), 1);
	EXPECT_EQ(f.executed(), "path-1\npath-2\n");
}

TEST(Plan, TheFirstFailureEndsAStep)
{
	FakeHelper f;
	setenv("FAIL", "apply-al=20", 1);
	HelperCommand apply, attach;
	apply.args = {"apply-al"};
	attach.args = {"attach"};
	f.plan.add({Stage::disk, "attach", "a", {apply, attach}, ""});
	EXPECT_EQ(f.plan.execute(f.executor, f.diag), 1);
	EXPECT_EQ(f.executed(), "apply-al\n");
}

TEST(Plan, QueuesEqualKeysOnce)
{
	FakeHelper f;
	for (int i = 0; i < 3; i++)
		f.plan.add({Stage::peer_devices, "x", "a", {}, "r\n1\n0"});
	EXPECT_EQ(f.plan.steps().size(), 1u);
}

namespace {

// A drbdsetup that knows batch mode: logs each request, answers with what `reply` prints.
void speak_batch(const FakeHelper &f, const std::string &reply)
{
	std::ofstream(f.script()) << "#!/bin/sh\n"
				     "[ \"$1\" = --batch ] || { echo single \"$@\" >> "
				  << f.log()
				  << "; exit 0; }\n"
				     "while read -r line; do echo \"$line\" >> "
				  << f.log() << "\n"
				  << reply << "\ndone\n";
}

}  // namespace

TEST(Batch, OneProcessForAllCommands)
{
	FakeHelper f;
	speak_batch(f, "echo '{\"exit\": 0, \"stdout\": \"\", \"stderr\": \"\"}'");
	f.add(Stage::create_resource, "a", "create");
	f.add(Stage::connect, "a", "connect");
	EXPECT_EQ(f.plan.execute(f.executor, f.diag), 0);
	EXPECT_EQ(f.executed(), "[\"create\"]\n[\"connect\"]\n");
}

TEST(Batch, AFailedCommandIsAFailedCommand)
{
	FakeHelper f;
	speak_batch(f, "echo '{\"exit\": 10, \"stdout\": \"\", \"stderr\": \"\"}'");
	f.add(Stage::create_resource, "a", "create");
	f.add(Stage::connect, "a", "connect");
	EXPECT_EQ(f.plan.execute(f.executor, f.diag), 1);
	EXPECT_EQ(f.executed(), "[\"create\"]\n");
	EXPECT_NE(f.messages.find("create' terminated with exit code 10"), std::string::npos);
}

TEST(Batch, AProgramThatDiesHalfWayIsAFailure)
{
	FakeHelper f;
	speak_batch(f, "case $line in *create*) "
		       "echo '{\"exit\": 0, \"stdout\": \"\", \"stderr\": \"\"}';; *) exit;; esac");
	f.add(Stage::create_resource, "a", "create");
	f.add(Stage::connect, "a", "connect");
	EXPECT_EQ(f.plan.execute(f.executor, f.diag), 1);
	EXPECT_EQ(f.executed(), "[\"create\"]\n[\"connect\"]\n");
}

TEST(Batch, TimeLimitsHold)
{
	FakeHelper f;
	f.settings.limits[static_cast<int>(TimeLimit::brief)] = 1;
	speak_batch(f, "exec sleep 60");
	f.add(Stage::create_resource, "a", "create");
	EXPECT_THROW(f.plan.execute(f.executor, f.diag), Failure);
}

TEST(Executor, EndsAHelperThatHangs)
{
	FakeHelper f;
	f.settings.limits[static_cast<int>(TimeLimit::brief)] = 1;
	HelperCommand c;
	c.args = {"hang"};
	try {
		f.executor.run(c);
		FAIL();
	} catch (const Failure &failure) {
		EXPECT_EQ(failure.status(), 20);
		EXPECT_NE(std::string(failure.what()).find("did not terminate within 1 seconds"),
			  std::string::npos);
	}
}

TEST(Executor, HelperThatIsNotThere)
{
	FakeHelper f;
	f.settings.programs[0] = "/nonexistent/drbdsetup";
	HelperCommand c;
	c.args = {"down"};
	c.quiet = true;
	EXPECT_EQ(f.executor.run(c), 20);
}

TEST(Executor, DryRunRunsNothing)
{
	FakeHelper f;
	f.settings.dry_run = true;
	HelperCommand c;
	c.args = {"down", "a b"};
	testing::internal::CaptureStdout();
	EXPECT_EQ(f.executor.run(c), 0);
	EXPECT_EQ(testing::internal::GetCapturedStdout(), f.script() + " down a\\ b\n");
	EXPECT_EQ(f.executed(), "");
}

TEST(Shell, Escapes)
{
	EXPECT_EQ(shell_escape("ipv6:[fd00::1]:7"), "ipv6:\\[fd00::1\\]:7");
	EXPECT_EQ(shell_escape("a,b'c\"d"), "a\\,b\\'c\\\"d");
	EXPECT_EQ(shell_escape(""), "");
}
