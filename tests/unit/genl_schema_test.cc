// SPDX-License-Identifier: GPL-2.0-only
/* The schema's tables, and what option texts mean. */
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/schema.h"
#include <linux/drbd.h>

using namespace drbd;

namespace {

ValueFault fault(Section s, const char *name, const char *text)
{
	return find_option(s, name).value().check(text).fault;
}

uint64_t value(Section s, const char *name, const char *text)
{
	auto c = find_option(s, name).value().check(text);
	EXPECT_TRUE(static_cast<bool>(c)) << name << " " << text;
	return c.value;
}

} // namespace

TEST(Schema, AttributeNumbersAndOptionNamesAreUniqueInTheirNest)
{
	for (unsigned int tla = 1; tla <= DRBD_NLA_MAX; tla++) {
		if (tla == 8) {
			EXPECT_THROW(nest(tla), std::out_of_range);
			continue;
		}
		std::set<int> numbers;
		std::set<std::string> names;
		for (const auto &f : nest_fields(tla)) {
			EXPECT_TRUE(numbers.insert(f.nr).second) << f.name;
			EXPECT_LT(f.nr, 64) << f.name;
			EXPECT_LE(f.offset + (f.type >= DRBD_T_str ? f.len : 1), nest(tla).size);
			if (f.option[0]) {
				EXPECT_TRUE(names.insert(f.option).second) << f.option;
			}
		}
	}
}

TEST(Schema, DefaultsAreAcceptable)
{
	for (Section s : {Section::resource, Section::net, Section::disk, Section::peer_device,
			  Section::device})
		for (const auto &o : options(s)) {
			if (o.name() == "discard-granularity")
				continue;	/* its default means "not configured" */
			auto text = o.default_text();
			auto c = o.check(text);
			EXPECT_TRUE(static_cast<bool>(c)) << o.name() << " " << text;
			if (o.kind() != Kind::str && o.kind() != Kind::key) {
				EXPECT_EQ(c.value, o.default_value()) << o.name();
			}
		}
}

TEST(Schema, InitAndResetSetDefaults)
{
	net_conf n;

	net_conf_init(&n);
	EXPECT_EQ(n.timeout, 60u);
	EXPECT_EQ(n.wire_protocol, 3u);
	EXPECT_STREQ(n.transport_name, "");
	n.timeout = 1;
	strcpy(n.transport_name, "rdma");
	strcpy(n.shared_secret, "secret");
	net_conf_reset(&n);
	EXPECT_EQ(n.timeout, 60u);
	EXPECT_STREQ(n.shared_secret, "");
	EXPECT_STREQ(n.transport_name, "rdma") << "invariant settings survive";
	disk_conf d;
	disk_conf_init(&d);
	EXPECT_EQ(d.al_extents, 1237u);
	EXPECT_EQ(d.resync_after, -1);
	d.disk_size = 7;
	disk_conf_reset(&d);
	EXPECT_EQ(d.disk_size, 7u);
}

TEST(Schema, NumbersHaveUnits)
{
	auto n = [](const char *t, char scale) { return parse_number(t, scale); };

	EXPECT_EQ(n("1k", 's').value, 2u);
	EXPECT_EQ(n("1M", 's').value, 2048u);
	EXPECT_EQ(n("513k", 's').value, 1026u);
	EXPECT_EQ(n("3s", 'k').value, 2u) << "rounds up";
	EXPECT_EQ(n("10M", 'k').value, 10240u);
	EXPECT_EQ(n("1M", '1').value, 1048576u);
	EXPECT_EQ(n(" -1", '1').value, UINT64_MAX);
	EXPECT_EQ(n("18446744073709551615s", 'k').value, 1ULL << 63);
	EXPECT_EQ(n("", '1').fault, NumberFault::empty);
	EXPECT_EQ(n("x", '1').fault, NumberFault::not_a_number);
	EXPECT_EQ(n("-", '1').fault, NumberFault::not_a_number);
	EXPECT_EQ(n("5T", '1').fault, NumberFault::bad_unit);
	EXPECT_EQ(n("5kk", '1').fault, NumberFault::bad_unit);
	EXPECT_EQ(n("17179869184G", '1').fault, NumberFault::overflow);
	EXPECT_EQ(n("100000000000000000000", '1').fault, NumberFault::overflow);
}

TEST(Schema, ValuesAreCheckedAsTheToolsDo)
{
	EXPECT_EQ(fault(Section::net, "timeout", "0"), ValueFault::too_small);
	EXPECT_EQ(fault(Section::net, "timeout", "601"), ValueFault::too_big);
	EXPECT_EQ(fault(Section::net, "timeout", "-1"), ValueFault::too_big);
	EXPECT_EQ(fault(Section::net, "timeout", "many"), ValueFault::not_a_number);
	EXPECT_EQ(fault(Section::net, "max-buffers", "100000000000000000000"), ValueFault::too_big);
	EXPECT_EQ(value(Section::net, "max-buffers", "3k"), 3072u);
	EXPECT_EQ(value(Section::net, "sndbuf-size", "10M"), 10485760u);
	EXPECT_EQ(fault(Section::net, "sndbuf-size", "11M"), ValueFault::too_big);
	EXPECT_EQ(fault(Section::net, "tcp-cork", "Yes"), ValueFault::not_boolean);
	EXPECT_EQ(value(Section::net, "protocol", "a"), 1u);
	EXPECT_EQ(fault(Section::net, "protocol", "D"), ValueFault::not_valid);
	EXPECT_EQ(fault(Section::net, "after-sb-0pri", "Disconnect"), ValueFault::not_valid);
	EXPECT_EQ(value(Section::net, "after-sb-1pri", "consensus"), 7u);
	EXPECT_EQ(fault(Section::net, "after-sb-2pri", "consensus"), ValueFault::not_valid);
	EXPECT_EQ(value(Section::resource, "quorum", "majority"), 1024u);
	EXPECT_EQ(value(Section::resource, "quorum", "1"), 1u);
	EXPECT_EQ(fault(Section::resource, "quorum", "0"), ValueFault::too_small);
	EXPECT_EQ(fault(Section::resource, "quorum", "33"), ValueFault::too_big);
	EXPECT_EQ(fault(Section::resource, "quorum", "most"), ValueFault::not_valid);
	EXPECT_EQ(fault(Section::resource, "cpu-mask", "123456789012345678901234567890123"),
		  ValueFault::too_long);
	EXPECT_EQ(fault(Section::resource, "cpu-mask", "1234567890123456789012345678901"),
		  ValueFault::none);
	EXPECT_EQ(value(Section::disk, "al-extents", "7"), 67u) << "clamped";
	EXPECT_EQ(value(Section::disk, "al-extents", "100000"), 65534u);
	EXPECT_EQ(value(Section::disk, "size", "10K"), 20u);
	EXPECT_EQ(fault(Section::disk, "rs-discard-granularity", "2M"), ValueFault::too_big);
	EXPECT_EQ(static_cast<int64_t>(value(Section::disk, "resync-after", "-1")), -1);
	EXPECT_EQ(fault(Section::disk, "resync-after", "-2"), ValueFault::too_small);
	EXPECT_EQ(fault(Section::peer_device, "c-max-rate", "5G"), ValueFault::too_big);
	EXPECT_EQ(fault(Section::peer_device, "resync-rate", "0"), ValueFault::too_small);
}

TEST(Schema, HintsSayWhatIsAllowed)
{
	EXPECT_EQ(find_option(Section::disk, "on-io-error")->hint(ValueFault::not_valid),
		  "Allowed values are: pass_on | call-local-io-error | detach");
	EXPECT_EQ(find_option(Section::resource, "cpu-mask")->hint(ValueFault::too_long),
		  "max len: 31");
	EXPECT_EQ(find_option(Section::net, "shared-secret")->hint(ValueFault::too_long),
		  "max len: 63");
	EXPECT_EQ(find_option(Section::net, "timeout")->hint(ValueFault::too_big), "");
	EXPECT_EQ(option_names(Section::peer_device), "resync-rate | c-plan-ahead | "
		  "c-delay-target | c-fill-target | c-max-rate | c-min-rate | bitmap");
}

TEST(Schema, Texts)
{
	EXPECT_EQ(repl_name(9), "Off");
	EXPECT_EQ(repl_name(8), "?");
	EXPECT_EQ(disk_name(D_UP_TO_DATE), "UpToDate");
	EXPECT_EQ(ret_code_text(158), "Unknown resource");
	EXPECT_EQ(ret_code_text(-3), std::nullopt);
	EXPECT_EQ(ret_code_text(-12), "Device is held open by someone");
}
