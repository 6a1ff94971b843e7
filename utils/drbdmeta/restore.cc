// SPDX-License-Identifier: GPL-2.0-only
// The reader of dumps.  It must stand any input: see tests/fuzz/dump_fuzz.cc.
#include <cctype>

#include "dump.h"
#include "fail.h"

namespace drbd::meta {

namespace {

class Parser {
public:
	explicit Parser(std::string_view text) : text_(text) {}

	void keyword(std::string_view word)
	{
		next();
		if (token_ != word)
			expected("keyword '" + std::string(word) + "'");
	}
	bool accept(std::string_view word)
	{
		peek();
		if (token_ != word)
			return false;
		peeked_ = false;
		return true;
	}
	void symbol(char c)
	{
		next();
		if (token_ != std::string_view(&c, 1))
			expected(std::string("'") + c + "'");
	}
	std::string_view quoted()
	{
		next();
		if (token_.size() < 3 || token_.size() > 22 || token_.front() != '"' ||
		    token_.back() != '"')
			expected("string (1..20 characters)");
		return token_.substr(1, token_.size() - 2);
	}
	s64 number(s64 min, s64 max, const char *what)
	{
		s64 v = 0;

		next();
		bool negative = !token_.empty() && token_[0] == '-';
		std::string_view digits = token_.substr(negative);
		if (!is_number(digits))
			expected("number ([0-9], up to 19 digits)");
		for (char c : digits)
			if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, c - '0', &v))
				out_of_range(what);
		if (negative)
			v = -v;
		if (v < min || v > max)
			out_of_range(what);
		return v;
	}
	u64 hex(unsigned digits)
	{
		next();
		u64 v;
		if (!is_hex(token_, digits, &v))
			expected(format("%u bit hex number (0x and %u digits)", digits * 4, digits));
		return v;
	}

	// 'NAME' VALUE ';'
	s64 number_field(const char *name, s64 min, s64 max)
	{
		keyword(name);
		s64 v = number(min, max, name);
		symbol(';');
		return v;
	}
	u64 hex_field(const char *name, unsigned digits)
	{
		keyword(name);
		u64 v = hex(digits);
		symbol(';');
		return v;
	}

	// '{' *( U64 ';' | NUM 'times' U64 ';' ) '}'
	std::vector<BitmapRun> bitmap()
	{
		std::vector<BitmapRun> runs;

		symbol('{');
		while (!accept("}")) {
			u64 value, count = 1;

			if (!is_hex(token_, 16, &value)) {
				if (!is_number(token_))
					expected_peeked("number or '}'");
				count = number(0, INT64_MAX, "times");
				keyword("times");
				value = hex(16);
			} else {
				peeked_ = false;
			}
			symbol(';');
			if (!count)
				continue;
			if (!runs.empty() && runs.back().value == value &&
			    !__builtin_add_overflow(runs.back().count, count, &count))
				runs.back().count = count;
			else
				runs.push_back({count, value});
		}
		return runs;
	}
	void end()
	{
		next();
		if (!token_.empty())
			expected("end of file");
	}
	[[noreturn]] void error(const std::string &what)
	{
		fail(kLimits, "Parse error in line %u: %s", line_, what.c_str());
	}
	[[noreturn]] void out_of_range(const char *what)
	{
		error(std::string(what) + ": value '" + printable(token_) + "' out of range");
	}

private:
	static bool is_number(std::string_view t)
	{
		if (t.empty() || t.size() > 19)
			return false;
		for (char c : t)
			if (!isdigit((unsigned char)c))
				return false;
		return true;
	}
	static bool is_hex(std::string_view t, unsigned digits, u64 *v)
	{
		if (t.size() != digits + 2 || t[0] != '0' || t[1] != 'x')
			return false;
		*v = 0;
		for (char c : t.substr(2)) {
			if (!isxdigit((unsigned char)c))
				return false;
			*v = *v << 4 | (isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
		}
		return true;
	}
	static std::string printable(std::string_view t)
	{
		std::string s;

		for (char c : t.substr(0, 60))
			s += isprint((unsigned char)c) ? std::string(1, c)
						       : format("\\x%02x", (unsigned char)c);
		return s;
	}
	[[noreturn]] void expected(const std::string &what)
	{
		if (token_.empty())
			error(what + " expected, but end of file encountered");
		error(what + " expected, not '" + printable(token_) + "'");
	}
	[[noreturn]] void expected_peeked(const std::string &what)
	{
		next();
		expected(what);
	}
	void peek()
	{
		if (!peeked_)
			scan();
		peeked_ = true;
	}
	void next()
	{
		if (!peeked_)
			scan();
		peeked_ = false;
	}
	// A token is a string, one of {};[], or what stands between those and space.
	void scan()
	{
		for (; at_ < text_.size(); at_++) {
			char c = text_[at_];

			if (c == '\n')
				line_++;
			else if (c == '#')
				while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n')
					at_++;
			else if (!isspace((unsigned char)c))
				break;
		}
		size_t start = at_;
		if (at_ == text_.size()) {
			token_ = {};
			return;
		}
		if (text_[at_] == '"') {
			for (at_++; at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n';)
				at_++;
			if (at_ < text_.size() && text_[at_] == '"')
				at_++;
		} else if (is_symbol(text_[at_])) {
			at_++;
		} else {
			while (at_ < text_.size() && !is_symbol(text_[at_]) && text_[at_] != '"' &&
			       text_[at_] != '#' && !isspace((unsigned char)text_[at_]))
				at_++;
		}
		token_ = text_.substr(start, at_ - start);
	}
	static bool is_symbol(char c) { return c && strchr("{};[]", c); }

	std::string_view text_, token_;
	size_t at_ = 0;
	unsigned line_ = 1;
	bool peeked_ = false;
};

void parse_sizes(Parser &p, drbd_md &md)
{
	md.effective_size = p.number_field("la-size-sect", 0, DRBD_MD_MAX_SECTORS);
	md.bytes_per_bit = p.number_field("bm-byte-per-bit", 1, UINT32_MAX);
	if (drbd_bm_shift(md.bytes_per_bit) < 0 ||
	    (md.format == DRBD_MD_V08 && md.bytes_per_bit != DRBD_BM_BIT_BYTES_DEFAULT))
		p.out_of_range("bm-byte-per-bit");
	md.device_uuid = p.hex_field("device-uuid", 16);
	md.la_peer_max_bio_size = p.number_field("la-peer-max-bio-size", 0, UINT32_MAX);
	md.al_stripes = p.number_field("al-stripes", 1, DRBD_AL_BLOCKS_MAX);
	md.al_stripe_size_4k = p.number_field("al-stripe-size-4k", 1, DRBD_AL_BLOCKS_MAX);
	if (!drbd_md_al_blocks(md.al_stripes, md.al_stripe_size_4k, DRBD_AL_BLOCKS_MAX))
		p.out_of_range("al-stripe-size-4k");
}

void parse_peers(Parser &p, drbd_md &md)
{
	u32 seen = 0, slots = 0;

	for (int i = 0; i < DRBD_MD_NODES; i++) {
		p.keyword("peer");
		p.symbol('[');
		s64 id = p.number(INT32_MIN, INT32_MAX, "peer");
		if (id < 0 || id >= DRBD_MD_NODES)
			p.error(format("Slot %lld out of range", (long long)id));
		if (seen >> id & 1)
			p.error(format("Peer slot %lld defined multiple times", (long long)id));
		seen |= 1u << id;
		p.symbol(']');
		p.symbol('{');
		drbd_md_peer &peer = md.peers[id];
		peer.bitmap_index = p.number_field("bitmap-index", -1, md.max_peers - 1);
		if (peer.bitmap_index >= 0 && slots >> peer.bitmap_index & 1)
			p.error(format("bitmap-index %d used twice", peer.bitmap_index));
		if (peer.bitmap_index >= 0)
			slots |= 1u << peer.bitmap_index;
		peer.bitmap_uuid = p.hex_field("bitmap-uuid", 16);
		peer.bitmap_dagtag = p.hex_field("bitmap-dagtag", 16);
		peer.flags = p.hex_field("flags", 8);
		p.symbol('}');
	}
}

Dump parse_v09(Parser &p)
{
	Dump d;
	drbd_md &md = d.md;

	md.format = DRBD_MD_V09;
	md.magic = DRBD_MD_MAGIC_09;
	md.max_peers = p.number_field("max-peers", 1, DRBD_MD_MAX_PEERS);
	md.node_id = p.number_field("node-id", -1, DRBD_MD_NODES - 1);
	md.current_uuid = p.hex_field("current-uuid", 16);
	md.flags = p.hex_field("flags", 8);
	if (p.accept("members")) {
		md.members = p.hex(16);
		p.symbol(';');
	}
	parse_peers(p, md);
	p.keyword("history-uuids");
	p.symbol('{');
	for (u64 &uuid : md.history_uuids) {
		uuid = p.hex(16);
		p.symbol(';');
	}
	p.symbol('}');
	parse_sizes(p, md);
	for (u32 slot = 0; slot < md.max_peers; slot++) {
		p.keyword("bitmap");
		p.symbol('[');
		p.number(slot, slot, "bitmap");
		p.symbol(']');
		d.bitmaps.push_back(p.bitmap());
	}
	return d;
}

Dump parse_v08(Parser &p)
{
	Dump d;
	drbd_md &md = d.md;
	drbd_md_sb_v08 block = {};

	// The device flags are sorted out by the one place that knows how.
	p.keyword("uuid");
	p.symbol('{');
	u64 uuids[4];
	for (u64 &uuid : uuids) {
		uuid = p.hex(16);
		p.symbol(';');
	}
	block.magic = cpu_to_be32(DRBD_MD_MAGIC_08);
	block.flags = cpu_to_be32((u32)p.hex_field("flags", 8));
	p.symbol('}');
	drbd_md_decode(&block, &md);
	md.current_uuid = uuids[0];
	md.peers[0].bitmap_uuid = uuids[1];
	md.history_uuids[0] = uuids[2];
	md.history_uuids[1] = uuids[3];
	parse_sizes(p, md);
	p.keyword("bm");
	d.bitmaps.push_back(p.bitmap());
	return d;
}

} // namespace

Dump parse_dump(std::string_view text, drbd_md_format wanted)
{
	Parser p(text);

	p.keyword("version");
	std::string version(p.quoted());
	if (version != "v08" && version != "v09" && version != "v07")
		p.error("version '" + version + "' is not known");
	if (version != format("v%02d", (int)wanted))
		fail(kLimits, "dump is '%s' you requested 'v%02d'.", version.c_str(), (int)wanted);
	p.symbol(';');
	Dump d = wanted == DRBD_MD_V09 ? parse_v09(p) : parse_v08(p);
	p.end();
	d.md.al_nr_extents = DRBD_AL_NR_EXTENTS_CREATED;
	return d;
}

} // namespace drbd::meta
