// SPDX-License-Identifier: GPL-2.0-only
// All errors of a configuration are reported, not only the first.
#include <gtest/gtest.h>

#include <memory>

#include "drbdadm/builder.h"
#include "drbdadm/diagnostics.h"
#include "drbdadm/sources.h"

using namespace drbd::adm;

namespace {

// What is left out when a reader stumbles over the first occurrence of `token`.
std::string left_out(const std::string &text, const std::string &token)
{
	Region r = statement_at(text, text.find(token));
	EXPECT_LE(r.offset + r.length, text.size());
	return text.substr(r.offset, r.length);
}

TEST(Region, IsTheStatement)
{
	EXPECT_EQ(left_out("a; b c d; e;", "c"), " b c d;");
	EXPECT_EQ(left_out("a; b c d; e;", "a"), "a;");
	EXPECT_EQ(left_out("n { a 1; b 2; }", "b"), " b 2;");
	EXPECT_EQ(left_out("n { a 1; b 2; }", "2"), " b 2;");
	EXPECT_EQ(left_out("a; b", "b"), " b");
}

TEST(Region, HasTheBlockOfTheStatement)
{
	EXPECT_EQ(left_out("a; b { c; d { e; } } f;", "b"), " b { c; d { e; } }");
	EXPECT_EQ(left_out("a; b { c; d { e; } } f;", "d"), " d { e; }");
	EXPECT_EQ(left_out("a; b c { d; } f;", "{"), " b c { d; }");
}

TEST(Region, EndsBeforeTheEndOfTheBlockAround)
{
	EXPECT_EQ(left_out("n { timeout 60 } d;", "}"), " timeout 60 ");
	EXPECT_EQ(left_out("n { a; timeout 60 } d;", "60"), " timeout 60 ");
}

TEST(Region, IsTheBlockWhenItsEndIsTheTrouble)
{
	EXPECT_EQ(left_out("a; n { b; } d;", "}"), " n { b; }");
	EXPECT_EQ(left_out("a; n { } d;", "}"), " n { }");
}

TEST(Region, TakesNoSeparatorsFromCommentsAndStrings)
{
	EXPECT_EQ(left_out("a; b \"x;}\" c; # ; } {\nd;", "c"), " b \"x;}\" c;");
	EXPECT_EQ(left_out("a; # } ;\n b c; d;", "c"), " # } ;\n b c;");
	EXPECT_EQ(left_out("a \"q\\\"; {\"; b c;", "c"), " b c;");
	EXPECT_EQ(left_out("a { b \"open;\n } c;", "\"open"), " b \"open;\n ");
}

TEST(Region, IsEmptyWhenNobodyKnowsWhatIsInWhat)
{
	EXPECT_EQ(left_out("a { b; c;", "b"), "");
	EXPECT_EQ(left_out("a } b; c;", "b"), "");
	EXPECT_EQ(left_out("}", "}"), "");
	EXPECT_EQ(left_out("a } { b", "b"), "");
}

struct Read {
	explicit Read(const std::string &text)
	{
		Diagnostics diag;
		Sources sources;
		const std::string &held = sources.hold("t", text);

		diag.set_capture(&said);
		fine = read_all_errors(sources, diag, [&] {
			config = std::make_unique<Config>();
			ParseSession session(*config, diag, sources);
			session.local_node = "alpha";
			passes++;
			session.parse_text(held, "t", "/t");
		});
	}
	int count(const std::string &what) const
	{
		int n = 0;
		for (size_t at = 0; (at = said.find(what, at)) != std::string::npos; at++)
			n++;
		return n;
	}

	std::unique_ptr<Config> config;
	std::string said;
	bool fine = false;
	int passes = 0;
};

TEST(AllErrors, NothingWrongIsReadOnce)
{
	Read r("resource r0 { net { timeout 60; } }");
	EXPECT_TRUE(r.fine);
	EXPECT_TRUE(r.config->valid);
	EXPECT_EQ(r.passes, 1);
	EXPECT_EQ(r.said, "");
}

TEST(AllErrors, EachIsSaidOnceWithItsLine)
{
	Read r("resource r0 {\n"
	       " net { timeout abc;\n"
	       "  bogus 1;\n"
	       "  timeout 60 }\n"
	       " disk { frob; }\n"
	       " on alpha { adress 10.0.0.1:7000; node-id 99; }\n"
	       "}\n"
	       "resource r0 { }\n"
	       "frobnicate;\n");
	EXPECT_FALSE(r.fine);
	for (const char *what : {"t:2: Parse error: while parsing value ('abc')",
				 "t:3: Parse error: 'an option keyword' expected,\n\tbut got 'bogus'",
				 "t:4: Parse error: ';' expected,\n\tbut got '}'",
				 "but got 'frob'\n", "but got 'adress'", "t:6: node-id 99",
				 "t:8: conflicting use of resource section 'r0'",
				 "t:1: resource section 'r0' first used here.",
				 "but got 'frobnicate'"})
		EXPECT_EQ(r.count(what), 1) << what << "\n" << r.said;
	EXPECT_EQ(r.count("t:"), 9) << r.said;
}

TEST(AllErrors, WhatWasLeftOutIsNotMissed)
{
	Read r("resource r0 {\n"
	       " connection { hots alpha; host beta; }\n"
	       " connection { path { hots alpha; host beta; } }\n"
	       " connection { hots alpha; }\n"
	       " net { bogus; }\n"
	       "}\n");
	EXPECT_FALSE(r.fine);
	EXPECT_EQ(r.count("hots"), 3) << r.said;
	EXPECT_EQ(r.count("bogus"), 1) << r.said;
	EXPECT_EQ(r.count("t:"), 4) << r.said;
	// In a complete text it is missed.
	Read complete("resource r0 { connection { host beta; } }");
	EXPECT_FALSE(complete.config->valid);
	EXPECT_EQ(complete.count("connection needs to have two endpoints"), 1);
}

TEST(AllErrors, OnlyTheFirstWhenTheNestingIsUnknown)
{
	Read r("resource r0 { net { bogus 1; }\nfrob;\nresource r1 { net { bogus 2; } }\n");
	EXPECT_FALSE(r.fine);
	EXPECT_EQ(r.passes, 1);
	EXPECT_EQ(r.count("t:"), 1) << r.said;
}

TEST(AllErrors, NotMoreThanAnyoneReads)
{
	std::string text;
	for (int i = 0; i < 1000; i++)
		text += "frob" + std::to_string(i) + ";\n";
	Read r(text);
	EXPECT_FALSE(r.fine);
	EXPECT_LE(r.passes, 50);
	EXPECT_GE(r.count("t:"), 20);
}

TEST(AllErrors, OfABigTextOnlyTheFirst)
{
	Read r("frob;\nbrof;\n#" + std::string(5 << 20, '#') + "\n");
	EXPECT_FALSE(r.fine);
	EXPECT_EQ(r.passes, 1);
	EXPECT_EQ(r.count("t:"), 1);
}

}  // namespace
