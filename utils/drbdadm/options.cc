// SPDX-License-Identifier: GPL-2.0-only
#define DRBD_GENL_TABLES
#include "linux/drbd_genl.h"

#include "options.h"

#include <algorithm>
#include <limits>
#include <strings.h>
#include <unordered_map>

namespace drbd::adm {

namespace {

OptionRule from_schema(const drbd_genl_field &f)
{
	OptionRule rule;
	rule.name = f.option;
	rule.min = static_cast<unsigned long long>(std::max<__s64>(f.min, 0));
	rule.max = f.offer;
	rule.default_number = static_cast<unsigned long long>(std::max<__s64>(f.def, 0));
	rule.scale = f.scale;
	rule.clamp = f.flags & DRBD_F_TCLAMP;
	rule.immutable = f.flags & DRBD_F_INVARIANT;
	rule.listed = !(f.flags & DRBD_F_NEW);
	for (int i = 0; i < f.nr_words; i++)
		rule.words.push_back({f.words[i].word, f.words[i].value});
	switch (f.kind) {
	case DRBD_K_boolean:
	case DRBD_K_flag:
		rule.kind = ValueKind::boolean;
		rule.default_bool = f.def != 0;
		break;
	case DRBD_K_num: rule.kind = ValueKind::number; break;
	case DRBD_K_enumi: rule.any_case = true; [[fallthrough]];
	case DRBD_K_enum: rule.kind = ValueKind::enumeration; break;
	case DRBD_K_symnum: rule.kind = ValueKind::enum_or_number; break;
	case DRBD_K_key: rule.kind = ValueKind::key; break;
	default:
		rule.kind = ValueKind::string;
		rule.max_len = f.offer;
		break;
	}
	// A resource in the file, a minor towards drbdsetup: nothing to check here.
	if (rule.name == "resync-after") {
		rule.kind = ValueKind::string;
		rule.max_len = 0;
		rule.default_text = "-1";
	}
	return rule;
}

std::vector<OptionRule> from_nest(int nr)
{
	std::vector<OptionRule> rules;
	for (const auto &nest : drbd_genl_nests) {
		if (nest.nr != nr)
			continue;
		for (int i = 0; i < nest.nr_fields; i++)
			if (nest.fields[i].option[0])
				rules.push_back(from_schema(nest.fields[i]));
	}
	return rules;
}

OptionRule number_rule(std::string name, unsigned long long max)
{
	OptionRule rule;
	rule.name = std::move(name);
	rule.kind = ValueKind::number;
	rule.max = max;
	return rule;
}

OptionRule text_rule(std::string name)
{
	OptionRule rule;
	rule.name = std::move(name);
	return rule;
}

std::vector<OptionRule> startup_rules()
{
	constexpr unsigned long long max_seconds = 300000;
	std::vector<OptionRule> rules = {
		number_rule("wfc-timeout", max_seconds),
		number_rule("degr-wfc-timeout", max_seconds),
		number_rule("outdated-wfc-timeout", max_seconds),
	};
	OptionRule after_sb;
	after_sb.name = "wait-after-sb";
	after_sb.kind = ValueKind::boolean;
	rules.push_back(after_sb);
	return rules;
}

std::vector<OptionRule> handler_rules()
{
	std::vector<OptionRule> rules;
	for (const char *name :
	     {"pri-on-incon-degr", "pri-lost-after-sb", "pri-lost", "initial-split-brain",
	      "split-brain", "outdate-peer", "fence-peer", "unfence-peer", "local-io-error",
	      "before-resync-target", "after-resync-target", "before-resync-source",
	      "out-of-sync", "quorum-lost", "disconnected"})
		rules.push_back(text_rule(name));
	return rules;
}

std::vector<OptionRule> proxy_rules()
{
	constexpr auto no_limit = std::numeric_limits<unsigned long long>::max();
	std::vector<OptionRule> rules;
	for (const char *name : {"memlimit", "read-loops", "compression", "bwlimit"})
		rules.push_back(number_rule(name, no_limit));
	for (const char *name : {"sndbuf-size", "rcvbuf-size", "ping-timeout"})
		rules.push_back(*find_rule(OptionSet::net, name));
	return rules;
}

std::vector<OptionRule> device_rules()
{
	auto rules = from_nest(DRBD_NLA_device_conf);
	// Tools 9.22 know these two on the command line only; drbdadm decides about diskless.
	for (auto &rule : rules)
		if (rule.name == "diskless")
			rule.in_config = false;
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
	static const Table resource(from_nest(DRBD_NLA_res_opts));
	static const Table net(from_nest(DRBD_NLA_net_conf));
	static const Table disk(from_nest(DRBD_NLA_disk_conf));
	static const Table peer_device(from_nest(DRBD_NLA_peer_device_conf));
	static const Table device(device_rules());
	static const Table startup(startup_rules());
	static const Table handlers(handler_rules());

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

// What a value means as stored integer; false if it is no value of this option.
bool stored_number(const OptionRule &rule, const std::string &value, unsigned long long *out)
{
	for (const auto &w : rule.words) {
		if (w.text == value) {
			*out = static_cast<unsigned long long>(w.value);
			return true;
		}
	}
	if (!parse_number(value, rule.scale, out))
		return false;
	if (rule.clamp)
		*out = std::clamp(*out, rule.min, rule.max);
	return true;
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
		if (!rule.listed)
			continue;
		if (!names.empty())
			names += " | ";
		names += rule.name;
	}
	return names;
}

bool parse_number(const std::string &text, char scale, unsigned long long *out, bool *overflow)
{
	constexpr auto most = std::numeric_limits<unsigned long long>::max();
	unsigned long long value = 0;
	bool too_big = false;
	size_t i = 0;
	bool negative = !text.empty() && text[0] == '-';

	if (negative)
		i++;
	size_t digits = i;
	for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; i++) {
		unsigned digit = static_cast<unsigned>(text[i] - '0');
		if (value > (most - digit) / 10)
			too_big = true;
		value = value * 10 + digit;
	}
	if (i == digits || text.size() - i > 1)
		return false;

	auto factor = [](char unit) -> unsigned long long {
		switch (unit) {
		case '1': return 1;
		case 's': return 512;
		case 'k':
		case 'K': return 1ULL << 10;
		case 'm':
		case 'M': return 1ULL << 20;
		case 'g':
		case 'G': return 1ULL << 30;
		default: return 0;
		}
	};
	unsigned long long from = factor(i < text.size() ? text[i] : scale), to = factor(scale);
	if (!from || (i < text.size() && text[i] == '1'))
		return false;
	if (negative && value)
		too_big = true;  // as an unsigned number it is huge
	if (from >= to) {
		if (value > most / (from / to))
			too_big = true;
		value *= from / to;
	} else {
		value = value / (to / from) + (value % (to / from) != 0);
	}
	if (too_big) {
		if (overflow)
			*overflow = true;
		return false;
	}
	*out = value;
	return true;
}

std::string value_problem(const OptionRule &rule, const std::string &value)
{
	auto allowed = [&] {
		std::string text = "not valid\nAllowed values are: ";
		for (const auto &w : rule.words)
			text += (&w == &rule.words.front() ? "" : " | ") + w.text;
		return text;
	};

	switch (rule.kind) {
	case ValueKind::boolean:
		return value == "yes" || value == "no" ? "" : "not 'yes' or 'no'";
	case ValueKind::enumeration:
		for (const auto &w : rule.words)
			if (rule.any_case ? !strcasecmp(w.text.c_str(), value.c_str())
					  : w.text == value)
				return "";
		return allowed();
	case ValueKind::enum_or_number:
		for (const auto &w : rule.words)
			if (w.text == value)
				return "";
		[[fallthrough]];
	case ValueKind::number: {
		unsigned long long number;
		bool overflow = false;
		if (!parse_number(value, rule.scale, &number, &overflow)) {
			if (overflow)
				return rule.clamp ? "" : "too big";
			return rule.kind == ValueKind::number ? "not a number" : "not valid";
		}
		if (rule.clamp)
			return "";
		return number < rule.min ? "too small" : number > rule.max ? "too big" : "";
	}
	case ValueKind::string:
		if (rule.max_len && value.size() > rule.max_len)
			return "too long\nmax len: " + std::to_string(rule.max_len);
		return "";
	case ValueKind::key: return "";
	}
	return "";
}

bool same_value(const OptionRule &rule, const std::string &a, const std::string &b)
{
	switch (rule.kind) {
	case ValueKind::number:
	case ValueKind::enum_or_number: {
		unsigned long long na, nb;
		if (stored_number(rule, a, &na) && stored_number(rule, b, &nb))
			return na == nb;
		return a == b;
	}
	case ValueKind::enumeration:
		if (rule.any_case)
			return strcasecmp(a.c_str(), b.c_str()) == 0;
		return a == b;
	default: return a == b;
	}
}

bool is_default(const OptionRule &rule, const std::string &value)
{
	switch (rule.kind) {
	case ValueKind::boolean: return value == (rule.default_bool ? "yes" : "no");
	case ValueKind::number:
	case ValueKind::enum_or_number: {
		unsigned long long number;
		return stored_number(rule, value, &number) && number == rule.default_number;
	}
	case ValueKind::enumeration:
		for (const auto &w : rule.words)
			if (static_cast<unsigned long long>(w.value) == rule.default_number)
				return same_value(rule, w.text, value);
		return false;
	case ValueKind::string: return value == rule.default_text;
	case ValueKind::key: return value.empty() || value == "0";
	}
	return false;
}

}  // namespace drbd::adm
