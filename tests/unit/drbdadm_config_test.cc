// SPDX-License-Identifier: GPL-2.0-only
// The configuration language of drbdadm: tokens, derivation, files that are no configuration.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "drbdadm/builder.h"
#include "drbdadm/derive.h"
#include "drbdadm/diagnostics.h"
#include "drbdadm/failure.h"
#include "drbdadm/files.h"
#include "drbdadm/lines.h"

using namespace drbd::adm;

namespace {

// One configuration, read as node alpha.
struct Reader {
	Reader()
	{
		diag.set_capture(&messages);
		session.local_node = "alpha";
	}

	void read(const std::string &text)
	{
		session.parse_text(text, "test.conf", "/test.conf");
		derive(session);
		expand_options(config, diag);
	}

	// Message and status of the Failure that reading ends with.
	std::pair<int, std::string> failure_of(const std::string &text)
	{
		try {
			read(text);
		} catch (const Failure &f) {
			return {f.status(), f.what()};
		}
		return {0, messages};
	}

	Config config;
	Diagnostics diag;
	ParseSession session{config, diag};
	std::string messages;
};

std::string two_hosts(const std::string &alpha, const std::string &beta,
		      const std::string &more = "")
{
	return "resource r0 { device minor 1; disk /dev/a; " + more + " on alpha { " + alpha +
	       " } on beta { " + beta + " } }";
}

int node_id(const std::string &mine, const std::string &peer)
{
	Reader r;
	r.read(two_hosts("address " + mine + ":7000;", "address " + peer + ":7000;"));
	return r.config.resources.front()->me->node_id.value_or(-1);
}

class TemporaryDirectory {
public:
	TemporaryDirectory() { EXPECT_NE(mkdtemp(path_), nullptr); }
	~TemporaryDirectory()
	{
		std::string command = std::string("rm -rf ") + path_;
		EXPECT_EQ(system(command.c_str()), 0);
	}
	std::string operator/(const std::string &name) const { return std::string(path_) + "/" + name; }

private:
	char path_[32] = "/tmp/drbdadm-test-XXXXXX";
};

}  // namespace

TEST(NodeIds, FollowFromTheAddressTexts)
{
	EXPECT_EQ(node_id("10.0.0.1", "10.0.0.2"), 0);
	EXPECT_EQ(node_id("10.0.0.2", "10.0.0.1"), 1);
	EXPECT_EQ(node_id("10.0.0.1", "10.0.0.3"), 1);
	EXPECT_EQ(node_id("192.168.47.1", "192.168.47.2"), 0);
	EXPECT_EQ(node_id("10.0.0.3", "192.168.47.2"), 1);
}

TEST(NodeIds, EqualTextsAreRefused)
{
	Reader r;
	auto [status, message] =
		r.failure_of(two_hosts("address 127.0.0.1:1;", "address 127.0.0.1:2;"));
	EXPECT_EQ(status, 20);
	EXPECT_EQ(message, "BAD LUCK, equal hashes");
}

TEST(Inheritance, PrependsAndKeepsSpelling)
{
	Reader r;
	r.read("common { net { timeout 61; ping-int 11; max-buffers 3000; verify-alg crc32c; } }"
	       "resource r0 { net { ping-int 12; ko-count 5; connect-int 3; }"
	       " device minor 1; disk /dev/a;"
	       " on alpha { node-id 0; address 10.0.0.1:7000; }"
	       " on beta { node-id 1; address 10.0.0.2:7000; }"
	       " connection { host alpha; host beta; net { sndbuf-size 1M; ping-int 13; } } }");
	Resource &resource = *r.config.resources.front();
	set_peers(resource, r.diag);
	Words words = option_words(resource.connections.front().net, {});
	EXPECT_EQ(join(words, " "),
		  "--_name=beta --connect-int=3 --ko-count=5 --timeout=61 --max-buffers=3000 "
		  "--verify-alg=crc32c --sndbuf-size=1M --ping-int=13");
}

TEST(Inheritance, ContradictionsAreFoundByValue)
{
	const char *format = "resource r0 { net { max-buffers 4k; } device minor 1; disk /dev/a;"
			     " on alpha { node-id 0; address 10.0.0.1:7000; }"
			     " on beta { node-id 1; address 10.0.0.2:7000; }"
			     " connection-mesh { hosts alpha beta; net { max-buffers %s; } } }";
	char text[512];

	Reader same;
	snprintf(text, sizeof(text), format, "4096");
	same.read(text);
	EXPECT_TRUE(same.config.valid) << same.messages;

	Reader different;
	snprintf(text, sizeof(text), format, "4097");
	different.read(text);
	EXPECT_FALSE(different.config.valid);
	EXPECT_NE(different.messages.find("ambiguous inheritance for option \"max-buffers\""),
		  std::string::npos);
}

TEST(HostNames, CompareShortWithoutCase)
{
	EXPECT_TRUE(same_host("alpha", "ALPHA"));
	EXPECT_TRUE(same_host("alpha", "alpha.example.com"));
	EXPECT_FALSE(same_host("alpha.a", "alpha.b"));
	EXPECT_FALSE(same_host("alpha", "alphab"));
	EXPECT_FALSE(same_host("", "alpha"));
}

TEST(Diskless, VolumeWithoutDiskAndMetaDisk)
{
	Reader r;
	r.read("resource r0 { on alpha { node-id 0; address 10.0.0.1:1; device minor 1; }"
	       " on beta { node-id 1; address 10.0.0.2:1; device minor 1; disk /dev/b; } }");
	ASSERT_TRUE(r.config.valid) << r.messages;
	const Resource &resource = *r.config.resources.front();
	EXPECT_EQ(join(lines::new_minor(resource, resource.me->volumes.front()).args, " "),
		  "new-minor r0 1 0 --diskless");
}

TEST(Errors, NameFileAndLineAndWhatWasExpected)
{
	Reader r;
	auto [status, message] = r.failure_of("global {\n\tusage-count no;\n}\nresource r0 {\n"
					      "\tbogus;\n}\n");
	EXPECT_EQ(status, 10);
	EXPECT_EQ(message.rfind("test.conf:5: Parse error: 'protocol | on | disk", 0), 0u) << message;
	EXPECT_NE(message.find("but got 'bogus'"), std::string::npos);
}

TEST(Errors, SeveralBadValuesAreAllReported)
{
	Reader r;
	r.read(two_hosts("node-id 0; address 10.0.0.1:1;", "node-id 1; address 10.0.0.2:1;",
			 "net { timeout 601; ping-int 0; tcp-cork maybe; }"));
	EXPECT_FALSE(r.config.valid);
	EXPECT_NE(r.messages.find("for timeout. Value is too big."), std::string::npos);
	EXPECT_NE(r.messages.find("for ping-int. Value is too small."), std::string::npos);
	EXPECT_NE(r.messages.find("for tcp-cork. Value is not 'yes' or 'no'."), std::string::npos);
}

TEST(Errors, BinaryText)
{
	Reader r;
	std::string junk("\x7f"
			 "ELF\0\1\2resource",
			 14);
	EXPECT_EQ(r.failure_of(junk).first, 10);
}

TEST(Errors, DeepNestingInSkippedBlocks)
{
	Reader r;
	std::string deep(1000000, '{');
	EXPECT_EQ(r.failure_of("skip " + deep).first, 10);
	Reader closed;
	EXPECT_EQ(closed.failure_of("skip " + deep + std::string(deep.size(), '}')).first, 0);
}

TEST(Errors, NumbersTooBigForAnything)
{
	Reader r;
	EXPECT_EQ(r.failure_of(two_hosts("node-id 99999999G;", "node-id 1;")).first, 10);
}

TEST(Errors, TheSameMinorTwice)
{
	Reader r;
	auto [status, message] = r.failure_of(
		"resource a { device minor 1; on alpha { node-id 0; } }\n"
		"resource b { device minor 1; on alpha { node-id 0; } }\n");
	EXPECT_EQ(status, 10);
	EXPECT_EQ(message,
		  "test.conf:2: conflicting use of device-minor 'device-minor:alpha:1' ...\n"
		  "test.conf:1: device-minor 'device-minor:alpha:1' first used here.");
}

TEST(Files, DirectoryIsRefused)
{
	try {
		read_config_file("/tmp");
		FAIL();
	} catch (const Failure &f) {
		EXPECT_EQ(f.status(), 20);
		EXPECT_STREQ(f.what(), "Cannot parse directory '/tmp' as config file.");
	}
}

TEST(Files, EndlessDeviceIsRefused)
{
	EXPECT_THROW(read_config_file("/dev/zero"), Failure);
	EXPECT_EQ(read_config_file("/dev/null"), "");
}

TEST(Files, IncludedFifoIsRefusedWithoutWaiting)
{
	TemporaryDirectory dir;
	ASSERT_EQ(mkfifo((dir / "fifo.res").c_str(), 0600), 0);
	std::ofstream(dir / "main.conf") << "include \"*.res\";\n";
	Reader r;
	r.session.parse_main(dir / "main.conf");
	EXPECT_NE(r.messages.find("Failed to open include file"), std::string::npos);
	EXPECT_NE(r.messages.find("is not a regular file"), std::string::npos) << r.messages;
}

TEST(Files, IncludeLoopsEnd)
{
	TemporaryDirectory dir;
	std::ofstream(dir / "a.conf") << "include \"b.conf\"; include \"a.conf\";\n";
	std::ofstream(dir / "b.conf") << "include \"a.conf\"; include \"./b.conf\";\n";
	Reader r;
	r.session.parse_main(dir / "a.conf");
	EXPECT_TRUE(r.config.valid) << r.messages;
}

TEST(Files, LongIncludeChainsEnd)
{
	TemporaryDirectory dir;
	for (int i = 0; i < 200; i++)
		std::ofstream(dir / (std::to_string(i) + ".conf"))
			<< "include \"" << i + 1 << ".conf\";\n";
	std::ofstream(dir / "200.conf") << "\n";
	Reader r;
	EXPECT_THROW(r.session.parse_main(dir / "0.conf"), Failure);
}

TEST(Files, ATemplateIncludingItselfEnds)
{
	TemporaryDirectory dir;
	std::ofstream(dir / "t") << "common { template-file \"t\"; net { timeout 7; } }\n";
	std::ofstream(dir / "main.conf") << "resource r0 { template-file \"t\"; }\n";
	Reader r;
	EXPECT_THROW(r.session.parse_main(dir / "main.conf"), Failure);
}

TEST(Files, IncludesAreRelativeToTheIncludingFile)
{
	TemporaryDirectory dir;
	ASSERT_EQ(mkdir((dir / "sub").c_str(), 0700), 0);
	std::ofstream(dir / "main.conf") << "include \"sub/a.inc\";\n";
	std::ofstream(dir / "sub/a.inc") << "include \"b.inc\";\n";
	std::ofstream(dir / "sub/b.inc") << two_hosts("node-id 0; address 10.0.0.1:1;",
						       "node-id 1; address 10.0.0.2:1;");
	Reader r;
	r.session.parse_main(dir / "main.conf");
	ASSERT_EQ(r.config.resources.size(), 1u);
	EXPECT_EQ(*r.config.resources.front()->pos.file, dir / "sub/b.inc");
}
