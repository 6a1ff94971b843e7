// SPDX-License-Identifier: GPL-2.0-only
// Values of options: what is accepted, what is equal, what is a default.
#include <gtest/gtest.h>

#include "drbdadm/options.h"

using namespace drbd::adm;

namespace {

std::string problem(OptionSet set, const char *name, const char *value)
{
	const OptionRule *rule = find_rule(set, name);
	return rule ? value_problem(*rule, value) : "no such option";
}

bool same(OptionSet set, const char *name, const char *a, const char *b)
{
	return same_value(*find_rule(set, name), a, b);
}

}  // namespace

TEST(Values, NumbersThatAreNone)
{
	for (const char *text : {"", "x", "5T", "5MM", "1.5", "M"})
		EXPECT_EQ(problem(OptionSet::net, "timeout", text), "not a number") << text;
	for (const char *text : {"100000000000000000000", "99999999999999999G"})
		EXPECT_EQ(problem(OptionSet::net, "timeout", text), "too big") << text;
}

TEST(Values, Ranges)
{
	EXPECT_EQ(problem(OptionSet::net, "timeout", "60"), "");
	EXPECT_EQ(problem(OptionSet::net, "timeout", "0"), "too small");
	EXPECT_EQ(problem(OptionSet::net, "timeout", "601"), "too big");
	EXPECT_EQ(problem(OptionSet::net, "timeout", "-1"), "too big");
	EXPECT_EQ(problem(OptionSet::net, "timeout", "many"), "not a number");
	EXPECT_EQ(problem(OptionSet::resource, "quorum", "33"), "too big");
	EXPECT_EQ(problem(OptionSet::resource, "quorum", "majority"), "");
	EXPECT_EQ(problem(OptionSet::resource, "quorum", "most"), "not valid");
}

TEST(Values, AlExtentsAreClamped)
{
	EXPECT_EQ(problem(OptionSet::disk, "al-extents", "7"), "");
	EXPECT_EQ(problem(OptionSet::disk, "al-extents", "100000000000000000000"), "");
	EXPECT_TRUE(same(OptionSet::disk, "al-extents", "7", "67"));
}

TEST(Values, Words)
{
	EXPECT_EQ(problem(OptionSet::net, "protocol", "a"), "");
	EXPECT_EQ(problem(OptionSet::net, "protocol", "D"),
		  "not valid\nAllowed values are: A | B | C");
	EXPECT_EQ(problem(OptionSet::disk, "on-io-error", "pass_on"), "");
	EXPECT_EQ(problem(OptionSet::disk, "on-io-error", "Detach").rfind("not valid\n", 0), 0u);
	EXPECT_EQ(problem(OptionSet::net, "tcp-cork", "Yes"), "not 'yes' or 'no'");
}

TEST(Values, Lengths)
{
	EXPECT_EQ(problem(OptionSet::net, "shared-secret", std::string(63, 'x').c_str()), "");
	EXPECT_EQ(problem(OptionSet::net, "shared-secret", std::string(64, 'x').c_str()),
		  "too long\nmax len: 63");
}

TEST(Values, EqualAfterConversion)
{
	EXPECT_TRUE(same(OptionSet::peer_device, "c-max-rate", "10M", "10240k"));
	EXPECT_TRUE(same(OptionSet::peer_device, "c-max-rate", "10240", "10M"));
	EXPECT_FALSE(same(OptionSet::peer_device, "c-max-rate", "10M", "10"));
	EXPECT_TRUE(same(OptionSet::net, "protocol", "a", "A"));
	EXPECT_TRUE(same(OptionSet::resource, "quorum", "2", "2"));
	EXPECT_FALSE(same(OptionSet::net, "verify-alg", "md5", "MD5"));
}

TEST(Values, Defaults)
{
	auto is = [](OptionSet set, const char *name, const char *value) {
		return is_default(*find_rule(set, name), value);
	};
	EXPECT_TRUE(is(OptionSet::net, "timeout", "60"));
	EXPECT_FALSE(is(OptionSet::net, "timeout", "61"));
	EXPECT_TRUE(is(OptionSet::net, "protocol", "c"));
	EXPECT_TRUE(is(OptionSet::net, "tcp-cork", "yes"));
	EXPECT_TRUE(is(OptionSet::net, "verify-alg", ""));
	EXPECT_TRUE(is(OptionSet::disk, "on-io-error", "detach"));
	EXPECT_TRUE(is(OptionSet::disk, "resync-after", "-1"));
	EXPECT_TRUE(is(OptionSet::resource, "quorum", "off"));
	EXPECT_FALSE(is(OptionSet::resource, "quorum", "all"));
	EXPECT_TRUE(is(OptionSet::peer_device, "c-max-rate", "100M"));
}
