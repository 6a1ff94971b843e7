// SPDX-License-Identifier: GPL-2.0-only
#define DRBD_GENL_TABLES
#include "common/schema.h"

#include <array>
#include <cctype>
#include <limits>
#include <stdexcept>
#include <vector>

#include <linux/drbd.h>

namespace drbd {

/* ------------------------------------------------------------------ numbers */

namespace {

int unit_shift(char c)
{
	switch (c) {
	case 'k': case 'K': return 10;
	case 'm': case 'M': return 20;
	case 'g': case 'G': return 30;
	case 's': return 9;
	}
	return -1;
}

int scale_shift(char scale)
{
	return scale == 'k' ? 10 : scale == 's' ? 9 : 0;
}

bool iequal(std::string_view a, std::string_view b)
{
	if (a.size() != b.size())
		return false;
	for (size_t i = 0; i < a.size(); i++)
		if (std::tolower(static_cast<unsigned char>(a[i])) !=
		    std::tolower(static_cast<unsigned char>(b[i])))
			return false;
	return true;
}

} // namespace

Number parse_number(std::string_view text, char scale)
{
	Number result;
	size_t i = 0;
	bool negative = false;

	if (text.empty())
		return {NumberFault::empty, 0};
	while (i < text.size() && std::isspace(static_cast<unsigned char>(text[i])))
		i++;
	if (i < text.size() && (text[i] == '-' || text[i] == '+'))
		negative = text[i++] == '-';
	size_t first = i;
	uint64_t value = 0;
	bool overflow = false;
	for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; i++) {
		unsigned int digit = text[i] - '0';

		if (value > (std::numeric_limits<uint64_t>::max() - digit) / 10)
			overflow = true;
		value = value * 10 + digit;
	}
	if (i == first)
		return {NumberFault::not_a_number, 0};
	if (negative)
		value = -value;

	int shift = 0;
	if (i < text.size()) {
		int unit = unit_shift(text[i]);

		if (unit < 0 || i + 1 != text.size())
			return {NumberFault::bad_unit, 0};
		shift = unit - scale_shift(scale);
	}
	if (overflow)
		return {NumberFault::overflow, 0};
	if (shift > 0) {
		if (value > std::numeric_limits<uint64_t>::max() >> shift)
			return {NumberFault::overflow, 0};
		value <<= shift;
	} else if (shift < 0) {
		uint64_t unit = 1ULL << -shift;

		value = value / unit + (value % unit != 0);
	}
	result.value = value;
	return result;
}

/* ------------------------------------------------------------------- values */

std::string_view fault_text(ValueFault fault)
{
	switch (fault) {
	case ValueFault::none: return "";
	case ValueFault::not_valid: return "not valid";
	case ValueFault::not_boolean: return "not 'yes' or 'no'";
	case ValueFault::not_a_number: return "not a number";
	case ValueFault::too_small: return "too small";
	case ValueFault::too_big: return "too big";
	case ValueFault::too_long: return "too long";
	}
	return "";
}

std::string_view Option::word(int64_t value) const
{
	for (const auto &w : words())
		if (w.value == value)
			return w.word;
	return {};
}

std::string Option::default_text() const
{
	switch (kind()) {
	case Kind::boolean:
	case Kind::flag:
		return f->def ? "yes" : "no";
	case Kind::num:
		return std::to_string(f->def);
	case Kind::enumeration:
	case Kind::enumeration_i:
	case Kind::symnum: {
		std::string_view w = word(f->def);
		return w.empty() ? std::to_string(f->def) : std::string(w);
	}
	case Kind::none:
	case Kind::str:
	case Kind::key:
		break;
	}
	return "";
}

Checked Option::meaning(std::string_view text) const
{
	switch (kind()) {
	case Kind::boolean:
	case Kind::flag:
		if (text == "yes")
			return {ValueFault::none, 1};
		if (text == "no")
			return {ValueFault::none, 0};
		return {ValueFault::not_boolean, 0};
	case Kind::enumeration:
	case Kind::enumeration_i:
	case Kind::symnum:
		for (const auto &w : words())
			if (text == w.word || (kind() == Kind::enumeration_i && iequal(text, w.word)))
				return {ValueFault::none, static_cast<uint64_t>(w.value)};
		if (kind() != Kind::symnum)
			return {ValueFault::not_valid, 0};
		[[fallthrough]];
	case Kind::num: {
		Number n = parse_number(text, f->scale);

		switch (n.fault) {
		case NumberFault::none:
			return {ValueFault::none, n.value};
		case NumberFault::overflow:
			return {ValueFault::too_big, 0};
		default:
			return {kind() == Kind::symnum ? ValueFault::not_valid :
				ValueFault::not_a_number, 0};
		}
	}
	case Kind::none:
	case Kind::str:
	case Kind::key:
		break;
	}
	return {};
}

Checked Option::check(std::string_view text) const
{
	Checked c = meaning(text);

	if (!c) {
		if (c.fault == ValueFault::too_big && (f->flags & DRBD_F_TCLAMP))
			return {ValueFault::none, f->offer};
		return c;
	}
	if (kind() == Kind::str && text.size() > f->offer)
		return {ValueFault::too_long, 0};
	if (kind() != Kind::num && kind() != Kind::symnum)
		return c;
	if (kind() == Kind::symnum)
		for (const auto &w : words())
			if (text == w.word)
				return c;

	bool is_signed = f->type == DRBD_T_s32 && f->min < 0;
	auto value = static_cast<int64_t>(c.value);
	if (is_signed && value < 0) {
		if (value >= f->min)
			return c;
		return {ValueFault::too_small, 0};
	}
	if (c.value > f->offer) {
		if (f->flags & DRBD_F_TCLAMP)
			return {ValueFault::none, f->offer};
		return {ValueFault::too_big, 0};
	}
	if (f->min > 0 && c.value < static_cast<uint64_t>(f->min)) {
		if (f->flags & DRBD_F_TCLAMP)
			return {ValueFault::none, static_cast<uint64_t>(f->min)};
		return {ValueFault::too_small, 0};
	}
	return c;
}

std::string Option::hint(ValueFault fault) const
{
	if (fault == ValueFault::too_long)
		return "max len: " + std::to_string(f->offer);
	if (fault != ValueFault::not_valid || kind() == Kind::symnum)
		return "";
	std::string text = "Allowed values are: ";
	bool first = true;
	for (const auto &w : words()) {
		if (!first)
			text += " | ";
		text += w.word;
		first = false;
	}
	return text;
}

/* ----------------------------------------------------------------- sections */

unsigned int section_nest(Section section)
{
	switch (section) {
	case Section::resource: return DRBD_NLA_res_opts;
	case Section::net: return DRBD_NLA_net_conf;
	case Section::disk: return DRBD_NLA_disk_conf;
	case Section::peer_device: return DRBD_NLA_peer_device_conf;
	case Section::device: return DRBD_NLA_device_conf;
	}
	throw std::out_of_range("no such section");
}

namespace {

std::vector<Option> collect(Section section)
{
	std::vector<Option> list;

	for (const auto &field : nest_fields(section_nest(section)))
		if (field.option[0])
			list.emplace_back(field);
	return list;
}

} // namespace

std::span<const Option> options(Section section)
{
	static const std::array<std::vector<Option>, 5> lists = {
		collect(Section::resource), collect(Section::net), collect(Section::disk),
		collect(Section::peer_device), collect(Section::device),
	};

	return lists.at(static_cast<size_t>(section));
}

std::optional<Option> find_option(Section section, std::string_view name)
{
	for (const auto &option : options(section))
		if (option.name() == name)
			return option;
	return std::nullopt;
}

std::string option_names(Section section)
{
	std::string names;

	for (const auto &option : options(section)) {
		if (option.is_new())
			continue;
		if (!names.empty())
			names += " | ";
		names += option.name();
	}
	return names;
}

/* -------------------------------------------------------------------- nests */

const drbd_genl_nest &nest(unsigned int tla)
{
	for (const auto &n : drbd_genl_nests)
		if (n.nr == tla)
			return n;
	throw std::out_of_range("no such top-level attribute");
}

std::span<const drbd_genl_field> nest_fields(unsigned int tla)
{
	const auto &n = nest(tla);

	return {n.fields, n.nr_fields};
}

const drbd_genl_field *find_field(unsigned int tla, unsigned int nr)
{
	for (const auto &field : nest_fields(tla))
		if (field.nr == nr)
			return &field;
	return nullptr;
}

/* -------------------------------------------------------------------- texts */

namespace {

struct Text {
	int nr;
	std::string_view text;
};

#define AS_TEXT(nr, id, text) Text{nr, text},
constexpr Text roles[] = {DRBD_ROLES(AS_TEXT)};
constexpr Text conn_states[] = {DRBD_CONN_STATES(AS_TEXT)};
constexpr Text repl_states[] = {DRBD_REPL_STATES(AS_TEXT)};
constexpr Text disk_states[] = {DRBD_DISK_STATES(AS_TEXT)};
constexpr Text write_orderings[] = {DRBD_WRITE_ORDERINGS(AS_TEXT)};
constexpr Text ret_codes[] = {DRBD_ERR_CODES(AS_TEXT) DRBD_SS_CODES(AS_TEXT)};
#undef AS_TEXT

std::optional<std::string_view> lookup(std::span<const Text> table, int nr)
{
	for (const auto &entry : table)
		if (entry.nr == nr)
			return entry.text;
	return std::nullopt;
}

std::string_view name_of(std::span<const Text> table, unsigned int nr)
{
	return lookup(table, static_cast<int>(nr)).value_or("?");
}

std::optional<unsigned int> number_of(std::span<const Text> table, std::string_view name)
{
	for (const auto &entry : table)
		if (entry.text == name)
			return static_cast<unsigned int>(entry.nr);
	return std::nullopt;
}

} // namespace

std::string_view role_name(unsigned int role) { return name_of(roles, role); }
std::string_view conn_name(unsigned int cstate) { return name_of(conn_states, cstate); }
std::string_view repl_name(unsigned int repl_state) { return name_of(repl_states, repl_state); }
std::string_view disk_name(unsigned int disk_state) { return name_of(disk_states, disk_state); }

std::string_view write_ordering_name(unsigned int ordering)
{
	return name_of(write_orderings, ordering);
}

std::optional<unsigned int> role_number(std::string_view name) { return number_of(roles, name); }

std::optional<unsigned int> conn_number(std::string_view name)
{
	return number_of(conn_states, name);
}

std::optional<unsigned int> repl_number(std::string_view name)
{
	return number_of(repl_states, name);
}

std::optional<unsigned int> disk_number(std::string_view name)
{
	return number_of(disk_states, name);
}

std::optional<std::string_view> ret_code_text(int code) { return lookup(ret_codes, code); }

} // namespace drbd
