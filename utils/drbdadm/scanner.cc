// SPDX-License-Identifier: GPL-2.0-only
#include "scanner.h"

#include <algorithm>
#include <array>

#include "failure.h"
#include "parser.hh"

struct yy_buffer_state;
int drbdcfg_lex_init(yyscan_t *scanner);
int drbdcfg_lex_destroy(yyscan_t scanner);
yy_buffer_state *drbdcfg__scan_bytes(const char *bytes, int len, yyscan_t scanner);
char *drbdcfg_get_text(yyscan_t scanner);
int drbdcfg_get_leng(yyscan_t scanner);
int drbdcfg_scan_token(yyscan_t scanner, drbd::adm::ScannerState *st);

namespace drbd::adm {

namespace {

using T = Parser::token::token_kind_type;

constexpr size_t max_word = 128;
constexpr size_t max_string_items = 255;

struct Keyword {
	std::string_view text;
	int token;
};

// Sorted by text for binary search; checked at compile time below.
constexpr auto keywords = std::to_array<Keyword>({
	{"_cstate", T::U_CSTATE},
	{"_is_standalone", T::U_IS_STANDALONE},
	{"_peer_node_id", T::U_PEER_NODE_ID},
	{"_remote_host", T::U_REMOTE_HOST},
	{"_this_host", T::U_THIS_HOST},
	{"_unknown", T::U_UNKNOWN},
	{"address", T::ADDRESS},
	{"ask", T::ASK},
	{"cmd-timeout-long", T::CMD_TIMEOUT_LONG},
	{"cmd-timeout-medium", T::CMD_TIMEOUT_MEDIUM},
	{"cmd-timeout-short", T::CMD_TIMEOUT_SHORT},
	{"common", T::COMMON},
	{"connection", T::CONNECTION},
	{"connection-mesh", T::CONNECTION_MESH},
	{"device", T::DEVICE},
	{"dialog-refresh", T::DIALOG_REFRESH},
	{"disable-ip-verification", T::DISABLE_IP_VERIFICATION},
	{"disk", T::DISK},
	{"flexible-meta-disk", T::FLEXIBLE_META_DISK},
	{"floating", T::FLOATING},
	{"global", T::GLOBAL},
	{"handlers", T::HANDLERS},
	{"host", T::HOST},
	{"hosts", T::HOSTS},
	{"include", T::INCLUDE},
	{"inside", T::INSIDE},
	{"ipv4", T::AF_IPV4},
	{"ipv6", T::AF_IPV6},
	{"meta-disk", T::META_DISK},
	{"minor", T::MINOR},
	{"minor-count", T::MINOR_COUNT},
	{"net", T::NET},
	{"no", T::NO},
	{"node-id", T::NODE_ID},
	{"on", T::ON},
	{"options", T::OPTIONS},
	{"outside", T::OUTSIDE},
	{"outside-address", T::OUTSIDE_ADDRESS},
	{"path", T::PATH},
	{"port", T::PORT},
	{"protocol", T::PROTOCOL},
	{"proxy", T::PROXY},
	{"require-drbd-module-version-eq", T::REQUIRE_EQ},
	{"require-drbd-module-version-ge", T::REQUIRE_GE},
	{"require-drbd-module-version-gt", T::REQUIRE_GT},
	{"require-drbd-module-version-le", T::REQUIRE_LE},
	{"require-drbd-module-version-lt", T::REQUIRE_LT},
	{"require-drbd-module-version-ne", T::REQUIRE_NE},
	{"resource", T::RESOURCE},
	{"sci", T::AF_SCI},
	{"sdp", T::AF_SDP},
	{"skip", T::SKIP},
	{"ssocks", T::AF_SSOCKS},
	{"stacked-on-top-of", T::STACKED_ON_TOP_OF},
	{"startup", T::STARTUP},
	{"syncer", T::SYNCER},
	{"template-file", T::TEMPLATE_FILE},
	{"tiebreaker", T::TIEBREAKER},
	{"udev-always-use-vnr", T::UDEV_ALWAYS_USE_VNR},
	{"usage-count", T::USAGE_COUNT},
	{"via", T::VIA},
	{"volume", T::VOLUME},
	{"yes", T::YES},
});

constexpr bool by_text(const Keyword &a, const Keyword &b)
{
	return a.text < b.text;
}
static_assert(std::is_sorted(keywords.begin(), keywords.end(), by_text));

// first_of[c]: index of the first keyword that begins with c or a later character.
constexpr auto first_of = [] {
	std::array<unsigned char, 257> index{};
	static_assert(keywords.size() < 256);
	size_t k = 0;
	for (size_t c = 0; c < index.size(); c++) {
		while (k < keywords.size() && static_cast<unsigned char>(keywords[k].text[0]) < c)
			k++;
		index[c] = static_cast<unsigned char>(k);
	}
	return index;
}();

std::string excerpt(std::string_view text)
{
	return " >>>" + std::string(text.substr(0, 20)) + "...<<<";
}

}  // namespace

int punctuation_token(char c)
{
	switch (c) {
	case '{': return T::LBRACE;
	case '}': return T::RBRACE;
	case ';': return T::SEMICOLON;
	case '[': return T::LBRACKET;
	case ']': return T::RBRACKET;
	default: return T::COLON;
	}
}

int ScannerState::word(std::string_view text)
{
	if (text.size() > max_word)
		throw Failure(exit_code::config, *file + ":" + std::to_string(line) +
							 ": Token too long" + excerpt(text));
	auto c = static_cast<unsigned char>(text[0]);
	for (size_t k = first_of[c]; k < first_of[c + 1]; k++)
		if (keywords[k].text == text)
			return keywords[k].token;
	return T::WORD;
}

int ScannerState::quoted(std::string_view text)
{
	value = text.substr(1, text.size() - 2);
	size_t items = value.size();
	if (value.find('\\') != std::string_view::npos) {
		std::string &plain = unescaped.emplace_back();
		for (size_t i = 0; i < value.size(); i++) {
			if (value[i] == '\\')
				i++;
			plain += value[i];
		}
		items = plain.size();
		value = plain;
	}
	if (items > max_string_items)
		throw Failure(exit_code::config,
			      *file + ":" + std::to_string(line) +
				      ": Double quoted string too long" + excerpt(text));
	has_value = true;
	return T::WORD;
}

void ScannerState::unterminated(std::string_view text)
{
	throw Failure(exit_code::config, *file + ":" + std::to_string(line) +
						 ": Unterminated double quoted string\n"
						 "  we don't allow embedded newlines\n " +
						 excerpt(text));
}

Scanner::Scanner(std::string_view text, const std::string *file)
{
	if (drbdcfg_lex_init(&flex_) != 0)
		throw Failure(exit_code::internal, "out of memory");
	drbdcfg__scan_bytes(text.data(), static_cast<int>(text.size()), flex_);
	state_.file = file;
}

Scanner::~Scanner()
{
	drbdcfg_lex_destroy(flex_);
}

int Scanner::next(Token *token)
{
	if (at_end_)
		return 0;
	state_.has_value = false;
	int kind = drbdcfg_scan_token(flex_, &state_);
	token->line = state_.line;
	if (kind == T::END_OF_FILE) {
		at_end_ = true;
		token->text = "end of file";
	} else if (state_.has_value) {
		token->text = state_.value;
	} else {
		token->text = {drbdcfg_get_text(flex_),
			       static_cast<size_t>(drbdcfg_get_leng(flex_))};
	}
	return kind;
}

bool Scanner::skip_block()
{
	Token token;
	unsigned long depth = 0;
	for (;;) {
		int kind = next(&token);
		if (kind == 0 || kind == T::END_OF_FILE)
			return false;
		if (kind == T::LBRACE)
			depth++;
		else if (kind == T::RBRACE && depth > 0 && --depth == 0)
			return true;
	}
}

}  // namespace drbd::adm
