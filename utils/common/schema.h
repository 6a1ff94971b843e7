/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The schema of include/linux/drbd_genl.h as values: which options there are,
 * what they accept, and what a given text means.  Everything here is a view of
 * static tables; copy freely.
 */
#ifndef DRBD_COMMON_SCHEMA_H
#define DRBD_COMMON_SCHEMA_H

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <linux/drbd_genl.h>

namespace drbd {

/* How a value is written. */
enum class Kind {
	none,		/* not an option: only transported */
	boolean,	/* yes | no, sent as 1 or 0 */
	flag,		/* yes | no, sent only when yes */
	num,		/* number with optional unit letter */
	enumeration,	/* one of words() */
	enumeration_i,	/* the same, case does not matter */
	symnum,		/* one of words(), or a number */
	str,
	key,		/* description of a kernel key, looked up by type words()[0] */
};

/* The lists of options, by where they are written and which nest they travel in. */
enum class Section {
	resource,	/* options { }: new-resource, resource-options */
	net,		/* net { }: new-peer, net-options */
	disk,		/* disk { } of a volume: attach, disk-options */
	peer_device,	/* disk { } of a connection: peer-device-options */
	device,		/* disk { } of a volume: new-minor */
};

/* ------------------------------------------------------------------ numbers */

enum class NumberFault { none, empty, not_a_number, bad_unit, overflow };

struct Number {
	NumberFault fault = NumberFault::none;
	uint64_t value = 0;	/* in units of the scale; negative input wraps */
};

/*
 * "[blanks][sign]digits[unit]", unit one of k K m M g G s (drbdsetup.md 2.5).
 * @scale: '1', 'k' or 's', the unit of the result and of a number without a
 * unit letter.  Converting to a larger unit rounds up.
 */
Number parse_number(std::string_view text, char scale);

/* ------------------------------------------------------------------- values */

enum class ValueFault {
	none,
	not_valid,	/* not one of the words */
	not_boolean,	/* not yes or no */
	not_a_number,
	too_small,
	too_big,
	too_long,
};

/* "not valid", "not 'yes' or 'no'", "too big", ...; "" for none. */
std::string_view fault_text(ValueFault fault);

struct Checked {
	ValueFault fault = ValueFault::none;
	/*
	 * What the text means: 0/1, index of the word, number in the scale of the
	 * option (negative ones as two's complement); unused for strings and keys.
	 */
	uint64_t value = 0;
	explicit operator bool() const { return fault == ValueFault::none; }
};

/* One field of a nest. */
class Option {
public:
	explicit constexpr Option(const drbd_genl_field &field) : f(&field) {}

	std::string_view name() const { return f->option; }	/* as written: "al-extents" */
	std::string_view member() const { return f->name; }	/* as in the structure: "al_extents" */
	Kind kind() const { return static_cast<Kind>(f->kind); }
	std::string_view unit() const { return f->unit; }	/* "1/10 seconds"; may be empty */
	char scale() const { return f->scale; }			/* '1', 'k', 's' */

	int64_t min() const { return f->min; }
	/* Largest number, or length of a string, that the tools offer. */
	uint64_t max() const { return f->offer; }
	std::span<const drbd_genl_word> words() const { return {f->words, f->nr_words}; }

	/* Number, 0/1 or index of the default; strings: always empty. */
	uint64_t default_value() const { return static_cast<uint64_t>(f->def); }
	/* The default as it would be written: "yes", "detach", "1237", "off", "". */
	std::string default_text() const;

	/* Can be given at creation only: transport, load-balance-paths, size, max-bio-size. */
	bool creation_only() const { return f->flags & DRBD_F_INVARIANT; }
	/* Tools 9.22 do not know it: accepted, but not advertised in lists of names. */
	bool is_new() const { return f->flags & DRBD_F_NEW; }
	bool sensitive() const { return f->flags & DRBD_F_SENSITIVE; }

	/*
	 * Is @text an acceptable value, and what does it mean?  Numbers are checked
	 * against min() and max(); al-extents is clamped instead.  (drbdsetup itself
	 * does not check ranges: meaning().)
	 */
	Checked check(std::string_view text) const;

	/* The same without a check of range or length; never too_small/big/long. */
	Checked meaning(std::string_view text) const;

	/* The word for an index, empty if there is none. */
	std::string_view word(int64_t value) const;

	/* "Allowed values are: a | b" or "max len: 31" for the faults that have one; else "". */
	std::string hint(ValueFault fault) const;

	const drbd_genl_field &field() const { return *f; }

private:
	const drbd_genl_field *f;
};

/* All options of a section in the order in which help and messages list them. */
std::span<const Option> options(Section section);

/* By name as written; nullopt if the section has no such option. */
std::optional<Option> find_option(Section section, std::string_view name);

/* Top-level attribute that carries a section. */
unsigned int section_nest(Section section);

/* Names of a section's options for "'a | b | c' expected"; without those that are new. */
std::string option_names(Section section);

/* -------------------------------------------------------------------- nests */

/* Description of a top-level attribute; throws std::out_of_range for an unknown number. */
const drbd_genl_nest &nest(unsigned int tla);
std::span<const drbd_genl_field> nest_fields(unsigned int tla);

/* Field of a nest by attribute number; nullptr if it has none with this number. */
const drbd_genl_field *find_field(unsigned int tla, unsigned int nr);

/* ------------------------------------------------------------------- states */

/* Texts of netlink.md 5.1; "?" out of range. */
std::string_view role_name(unsigned int role);
std::string_view conn_name(unsigned int cstate);
std::string_view repl_name(unsigned int repl_state);
std::string_view disk_name(unsigned int disk_state);
std::string_view write_ordering_name(unsigned int ordering);

/* The other way round, for readers of status and events2; nullopt for a word that is none. */
std::optional<unsigned int> role_number(std::string_view name);
std::optional<unsigned int> conn_number(std::string_view name);
std::optional<unsigned int> repl_number(std::string_view name);
std::optional<unsigned int> disk_number(std::string_view name);

/* Text of a netlink return code (ERR_* or SS_*); nullopt if it has none. */
std::optional<std::string_view> ret_code_text(int code);

} // namespace drbd

#endif
