// SPDX-License-Identifier: GPL-2.0-only
// The options of each section: a view of the schema for the configuration language.
//
// Kernel options come from the schema; only what never reaches the kernel (startup, handlers,
// proxy, global) is described in options.cc itself.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model.h"

namespace drbd::adm {

enum class OptionSet { resource, net, disk, peer_device, device, startup, handlers, proxy };

enum class ValueKind { boolean, number, enumeration, enum_or_number, string, key };

struct OptionRule {
	std::string name;
	ValueKind kind = ValueKind::string;
	// number, enum_or_number: in units of the stored integer
	unsigned long long min = 0, max = 0, default_number = 0;
	char scale = '1';    // unit letter of a number without one: 1, k, s, M …
	bool clamp = false;  // out of range is corrected, not refused
	bool any_case = false;
	struct Word {
		std::string text;
		int value;
	};
	std::vector<Word> words;   // enumeration, enum_or_number, in the order of messages
	std::string default_text;  // string
	size_t max_len = 0;              // string; 0: no limit
	bool default_bool = false;
	bool immutable = false;  // only with new-peer
	bool in_config = true;   // false: only a command line option
	bool listed = true;      // in help and in messages; false for what tools 9.22 do not know
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

// "10M" with default unit `scale` to the stored integer, rounding up; false if `text` is no
// number or does not fit.
bool parse_number(const std::string &text, char scale, unsigned long long *out,
		  bool *overflow = nullptr);

}  // namespace drbd::adm
