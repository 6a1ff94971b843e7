// SPDX-License-Identifier: GPL-2.0-only
// From text to tokens.  One Scanner per file; the flex rules are in lexer.l.
#pragma once

#include <deque>
#include <string>
#include <string_view>

typedef void *yyscan_t;

namespace drbd::adm {

// The value of every symbol of the grammar: the text of the token (quotes removed) and where
// it began.  The text is valid as long as the Scanner; the parser copies and moves tokens on its
// stack all the time, so that they must not own it.
struct Token {
	std::string_view text;
	int line = 0;

	std::string str() const { return std::string(text); }
};

// What flex actions work on.
struct ScannerState {
	const std::string *file = nullptr;
	int line = 1;
	size_t begin = 0, end = 0;  // of the token, in the text
	std::string_view value;  // text of a quoted string without quotes and escapes
	bool has_value = false;
	std::deque<std::string> unescaped;  // where it differs from what is in the file

	int word(std::string_view text);    // keyword or WORD; throws Failure if too long
	int quoted(std::string_view text);  // WORD; throws Failure if too long
	[[noreturn]] void unterminated(std::string_view text);
};

int punctuation_token(char c);

class Scanner {
public:
	// text: the whole file.  file: its name for messages, must outlive the scanner.
	Scanner(std::string_view text, const std::string *file);
	~Scanner();
	Scanner(const Scanner &) = delete;
	Scanner &operator=(const Scanner &) = delete;

	// The next token; END_OF_FILE once at the end, then 0.  Throws Failure on a token
	// that is no token.
	int next(Token *token);

	// Swallows everything through the end of the first balanced { } block.
	// Returns false if the file ends before.
	bool skip_block();

	// Line of the last token read.
	int line() const { return state_.line; }
	// Where it begins in the text.
	size_t offset() const { return state_.begin; }

private:
	yyscan_t flex_ = nullptr;
	ScannerState state_;
	bool at_end_ = false;
};

}  // namespace drbd::adm
