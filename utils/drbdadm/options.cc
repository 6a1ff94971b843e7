// SPDX-License-Identifier: GPL-2.0-only
#include "options.h"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>

namespace drbd::adm {

namespace {

constexpr unsigned long long no_limit = std::numeric_limits<unsigned long long>::max();

constexpr drbd_genl_field number_field(const char *name, unsigned long long max)
{
	drbd_genl_field f = {};
	f.name = f.option = name;
	f.unit = "";
	f.type = DRBD_T_u64;
	f.kind = DRBD_K_num;
	f.scale = '1';
	f.max = f.offer = max;
	return f;
}

constexpr drbd_genl_field boolean_field(const char *name)
{
	drbd_genl_field f = number_field(name, 1);
	f.type = DRBD_T_flag;
	f.kind = DRBD_K_boolean;
	return f;
}

constexpr drbd_genl_field text_field(const char *name)
{
	drbd_genl_field f = number_field(name, no_limit);
	f.type = DRBD_T_str;
	f.kind = DRBD_K_str;
	return f;
}

constexpr unsigned long long max_wait_seconds = 300000;

constexpr auto startup_fields = std::to_array<drbd_genl_field>({
	number_field("wfc-timeout", max_wait_seconds),
	number_field("degr-wfc-timeout", max_wait_seconds),
	number_field("outdated-wfc-timeout", max_wait_seconds),
	boolean_field("wait-after-sb"),
});

constexpr auto handler_fields = std::to_array<drbd_genl_field>({
	text_field("pri-on-incon-degr"), text_field("pri-lost-after-sb"), text_field("pri-lost"),
	text_field("initial-split-brain"), text_field("split-brain"), text_field("outdate-peer"),
	text_field("fence-peer"), text_field("unfence-peer"), text_field("local-io-error"),
	text_field("before-resync-target"), text_field("after-resync-target"),
	text_field("before-resync-source"), text_field("out-of-sync"), text_field("quorum-lost"),
	text_field("disconnected"),
});

constexpr auto proxy_fields = std::to_array<drbd_genl_field>({
	number_field("memlimit", no_limit),
	number_field("read-loops", no_limit),
	number_field("compression", no_limit),
	number_field("bwlimit", no_limit),
});

std::vector<OptionRule> rules_of(Section section)
{
	std::vector<OptionRule> rules;
	for (const auto &o : options(section)) {
		OptionRule &rule = rules.emplace_back(o);
		rule.reference = rule.name == "resync-after";
		// Whether a device has a disk is said by its disk statement.
		rule.in_config = rule.name != "diskless";
	}
	return rules;
}

template <size_t N> std::vector<OptionRule> rules_of(const std::array<drbd_genl_field, N> &fields)
{
	std::vector<OptionRule> rules;
	for (const auto &f : fields)
		rules.emplace_back(drbd::Option(f));
	return rules;
}

std::vector<OptionRule> proxy_rules()
{
	auto rules = rules_of(proxy_fields);
	for (const char *name : {"sndbuf-size", "rcvbuf-size", "ping-timeout"})
		rules.push_back(*find_rule(OptionSet::net, name));
	return rules;
}

struct Table {
	explicit Table(std::vector<OptionRule> r) : rules(std::move(r))
	{
		for (const auto &rule : rules)
			by_name.emplace(rule.name, &rule);
	}

	std::vector<OptionRule> rules;
	std::unordered_map<std::string_view, const OptionRule *> by_name;
};

const Table &table(OptionSet set)
{
	static const Table resource(rules_of(Section::resource));
	static const Table net(rules_of(Section::net));
	static const Table disk(rules_of(Section::disk));
	static const Table peer_device(rules_of(Section::peer_device));
	static const Table device(rules_of(Section::device));
	static const Table startup(rules_of(startup_fields));
	static const Table handlers(rules_of(handler_fields));

	switch (set) {
	case OptionSet::resource: return resource;
	case OptionSet::net: return net;
	case OptionSet::disk: return disk;
	case OptionSet::peer_device: return peer_device;
	case OptionSet::device: return device;
	case OptionSet::startup: return startup;
	case OptionSet::handlers: return handlers;
	case OptionSet::proxy: break;
	}
	static const Table proxy(proxy_rules());
	return proxy;
}

// What the kernel would store; out of range is no obstacle, but what is clamped is clamped.
Checked stored(const OptionRule &rule, const std::string &value)
{
	Checked checked = rule.option.check(value);
	return checked ? checked : rule.option.meaning(value);
}

bool compares_as_text(const OptionRule &rule)
{
	Kind kind = rule.option.kind();
	return rule.reference || kind == Kind::str || kind == Kind::key || kind == Kind::none;
}

}  // namespace

const std::vector<OptionRule> &option_rules(OptionSet set)
{
	return table(set).rules;
}

const OptionRule *find_rule(OptionSet set, std::string_view name)
{
	const auto &by_name = table(set).by_name;
	auto it = by_name.find(name);
	return it == by_name.end() ? nullptr : it->second;
}

std::string rule_names(OptionSet set)
{
	std::string names;
	for (const auto &rule : option_rules(set)) {
		if (!rule.listed())
			continue;
		if (!names.empty())
			names += " | ";
		names += rule.name;
	}
	return names;
}

std::string value_problem(const OptionRule &rule, const std::string &value)
{
	if (rule.reference)
		return "";
	Checked checked = rule.option.check(value);
	if (checked)
		return "";
	std::string text(fault_text(checked.fault));
	std::string hint = rule.option.hint(checked.fault);
	return hint.empty() ? text : text + "\n" + hint;
}

bool same_value(const OptionRule &rule, const std::string &a, const std::string &b)
{
	if (a == b || compares_as_text(rule))
		return a == b;
	Checked ca = stored(rule, a), cb = stored(rule, b);
	return ca && cb && ca.value == cb.value;
}

bool is_default(const OptionRule &rule, const std::string &value)
{
	if (rule.reference)
		return value == rule.option.default_text();
	if (compares_as_text(rule))
		return value.empty();
	Checked checked = stored(rule, value);
	return checked && checked.value == rule.option.default_value();
}

}  // namespace drbd::adm
