// SPDX-License-Identifier: GPL-2.0-only
// The options of each section: a view of the schema for the configuration language.
//
// Kernel options come from the schema; what never reaches the kernel (startup, handlers, proxy)
// is described in options.cc in the same form, so that one set of rules serves all.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/schema.h"

namespace drbd::adm {

enum class OptionSet { resource, net, disk, peer_device, device, startup, handlers, proxy };

struct OptionRule {
	explicit OptionRule(const drbd::Option &o) : option(o), name(o.name()) {}

	drbd::Option option;
	std::string name;
	bool in_config = true;   // false: only a command line option
	bool reference = false;  // names a resource: drbdadm replaces it by a minor

	// Only with new-peer; a change needs a new peer.
	bool immutable() const { return option.creation_only(); }
	// In help and in messages; not so for what tools 9.22 do not know.
	bool listed() const { return !option.is_new(); }
	bool is_bool() const
	{
		return option.kind() == Kind::boolean || option.kind() == Kind::flag;
	}
};

const std::vector<OptionRule> &option_rules(OptionSet set);
const OptionRule *find_rule(OptionSet set, std::string_view name);

// Names of a set as written in messages, joined by " | ".
std::string rule_names(OptionSet set);

// Checks a value of the configuration (drbdadm.md section 4).  Returns what is wrong, as in
// "too big", plus for enums and strings a second line; empty if the value is fine.
std::string value_problem(const OptionRule &rule, const std::string &value);

// Equality after unit conversion (drbdadm.md 11.3).
bool same_value(const OptionRule &rule, const std::string &a, const std::string &b);
bool is_default(const OptionRule &rule, const std::string &value);

}  // namespace drbd::adm
