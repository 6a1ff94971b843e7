// SPDX-License-Identifier: GPL-2.0-only
#include "options.h"

#include <getopt.h>

#include <cctype>
#include <iterator>

#include "fail.h"

namespace drbd::meta {

namespace {

u64 unit_bytes(char unit)
{
	switch (tolower((unsigned char)unit)) {
	case '1': return 1;
	case 's': return 512;
	case 'k': return 1ULL << 10;
	case 'm': return 1ULL << 20;
	case 'g': return 1ULL << 30;
	}
	return 0;
}

template <typename T>
struct Named {
	const char *name;
	T value;
};

constexpr Named<InitBitmap> init_modes[] = {
	{"automatic", InitBitmap::automatic}, {"zeroout", InitBitmap::zeroout},
	{"pwrite", InitBitmap::pwrite},	      {"set-all", InitBitmap::set_all},
	{"skip", InitBitmap::skip},
};

constexpr Named<OutputFormat> output_formats[] = {
	{"auto", OutputFormat::automatic}, {"hex", OutputFormat::hex},
	{"bin", OutputFormat::binary},	   {"json", OutputFormat::json},
};

template <typename T, size_t N>
std::optional<T> by_name(const Named<T> (&table)[N], const std::string &name)
{
	for (const auto &entry : table)
		if (name == entry.name)
			return entry.value;
	return {};
}

// "0x25" or "0,2,5"
u32 parse_node_mask(const std::string &text)
{
	auto bad = [&]() { fail(kLimits, "invalid node list / mask value '%s'", text.c_str()); };
	u32 mask = 0;

	if (text.size() > 2 && text[0] == '0' && tolower((unsigned char)text[1]) == 'x') {
		for (char c : text.substr(2)) {
			if (!isxdigit((unsigned char)c) || mask >> 28)
				bad();
			mask = mask << 4 | (isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
		}
		return mask;
	}
	size_t at = 0;
	for (;;) {
		unsigned id = 0, digits = 0;

		for (; at < text.size() && isdigit((unsigned char)text[at]) && digits < 3; at++, digits++)
			id = id * 10 + (text[at] - '0');
		if (!digits || id > 31)
			bad();
		mask |= 1u << id;
		if (at == text.size())
			return mask;
		if (text[at++] != ',')
			bad();
	}
}

u64 parse_uuid_option(const std::string &text)
{
	if (text == "generate")
		return 0;
	size_t start = text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == 'x' ? 2 : 0;
	if (text.size() == start || text.size() - start > 16 ||
	    text.find_first_not_of("0123456789abcdefABCDEF", start) != std::string::npos)
		fail(kLimits, "--initial-current-uuid: expected 'generate' or a hex value, got '%s'",
		     text.c_str());
	u64 value = strtoull(text.c_str() + start, nullptr, 16) & ~1ULL;
	if (!value)
		fail(kLimits, "--initial-current-uuid: value must not be zero");
	return value;
}

struct Option {
	const char *name;
	char letter; // 0: none
	bool argument;
	void (*set)(Options &, const std::string &);
};

// Every option, once.
const Option table[] = {
	{"force", 'f', false, [](Options &o, const std::string &) { o.force = true; }},
	{"quiet", 'q', false, [](Options &o, const std::string &) { o.quiet = true; }},
	{"verbose", 'v', false, [](Options &o, const std::string &) { o.verbose++; }},
	{"ignore-sanity-checks", 0, false,
	 [](Options &o, const std::string &) { o.ignore_sanity_checks = true; }},
	{"dry-run", 0, false, [](Options &o, const std::string &) { o.dry_run = true; }},
	{"tentative", 0, false, [](Options &o, const std::string &) { o.dry_run = true; }},
	{"node-id", 'i', true, [](Options &o, const std::string &a) {
		 u64 id = parse_number(a, '1');
		 if (id > 31)
			 fail(kLimits, "node-id out of range (0...31)");
		 o.node_id = (int)id;
	 }},
	{"peer-max-bio-size", 'p', true, [](Options &o, const std::string &a) {
		 u64 size = parse_number(a, '1');
		 if (size > 1 << 20)
			 fail(kLimits, "peer-max-bio-size out of range (0...1M)");
		 o.peer_max_bio_size = (u32)size;
	 }},
	{"al-stripes", 's', true,
	 [](Options &o, const std::string &a) { o.al_stripes = parse_number(a, '1'); }},
	{"al-stripe-size-kB", 'z', true,
	 [](Options &o, const std::string &a) { o.al_stripe_size_4k = parse_number(a, 'k') / 4; }},
	{"initialize-bitmap", 'b', true, [](Options &o, const std::string &a) {
		 o.initialize_bitmap = by_name(init_modes, a);
		 if (!o.initialize_bitmap)
			 fail(kLimits, "invalid initialize-bitmap mode \"%s\", should be one of "
			      "automatic|zeroout|pwrite|set-all|skip", a.c_str());
	 }},
	{"effective-size", 'Z', true,
	 [](Options &o, const std::string &a) { o.effective_size = parse_number(a, 's'); }},
	{"diskful-peers", 'D', true,
	 [](Options &o, const std::string &a) { o.diskful_peers = parse_node_mask(a); }},
	{"bitmap-block-size", 'B', true,
	 [](Options &o, const std::string &a) { o.bitmap_block_size = parse_number(a, '1'); }},
	{"output-format", 'o', true, [](Options &o, const std::string &a) {
		 o.output_format = by_name(output_formats, a);
		 if (!o.output_format)
			 fail(kLimits, "Unknown output format '%s'", a.c_str());
	 }},
	{"initial-current-uuid", 0, true, [](Options &o, const std::string &a) {
		 o.initial_current_uuid = parse_uuid_option(a);
	 }},
	{"consistent", 0, false, [](Options &o, const std::string &) { o.consistent = true; }},
	{"uptodate", 0, false, [](Options &o, const std::string &) { o.uptodate = true; }},
	{"peers-outdated", 0, false,
	 [](Options &o, const std::string &) { o.peers_outdated = true; }},
	{"rotate-uuids", 0, false, [](Options &o, const std::string &) { o.rotate_uuids = true; }},
	{"var-lib-drbd", 0, true,
	 [](Options &o, const std::string &a) { o.var_lib_drbd = a; }},
};

} // namespace

u64 parse_number(const std::string &text, char default_unit)
{
	if (text.empty())
		fail(kNoNumber, "missing number argument");

	size_t digits = 0;
	u64 n = 0;
	for (; digits < text.size() && isdigit((unsigned char)text[digits]); digits++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (u64)(text[digits] - '0'), &n))
			fail(kUsage, "%s: out of range", text.c_str());
	if (!digits || text.size() > digits + 1)
		fail(kUsage, "%s is not a valid number", text.c_str());
	if (text.size() == digits)
		return n;

	u64 unit = isdigit((unsigned char)text[digits]) ? 0 : unit_bytes(text[digits]);
	u64 base = unit_bytes(default_unit);
	if (!unit)
		fail(kUsage, "%s is not a valid number", text.c_str());
	if (unit >= base) {
		if (__builtin_mul_overflow(n, unit / base, &n))
			fail(kUsage, "%s: out of range", text.c_str());
		return n;
	}
	u64 per = base / unit;
	return n / per + (n % per != 0);
}

Options parse_options(int argc, char **argv)
{
	std::vector<struct option> longs;
	std::string shorts;
	Options options;

	for (const Option &o : table) {
		longs.push_back({o.name, o.argument ? required_argument : no_argument, nullptr,
				 256 + (int)(&o - table)});
		if (o.letter) {
			shorts += o.letter;
			if (o.argument)
				shorts += ':';
		}
	}
	longs.push_back({});

	optind = 0;
	for (;;) {
		int c = getopt_long(argc, argv, shorts.c_str(), longs.data(), nullptr);
		const Option *found = nullptr;

		if (c == -1)
			break;
		if (c >= 256)
			found = &table[c - 256];
		for (const Option &o : table)
			if (o.letter && o.letter == c)
				found = &o;
		if (!found) {
			usage();
			throw Failure(kUsage, "");
		}
		found->set(options, found->argument ? optarg : "");
	}
	for (int i = optind; i < argc; i++)
		options.positional.emplace_back(argv[i]);
	return options;
}

} // namespace drbd::meta
