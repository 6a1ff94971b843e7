// SPDX-License-Identifier: GPL-2.0-only
#include "sources.h"

#include <algorithm>
#include <vector>

#include "files.h"

namespace drbd::adm {

namespace {

// About four times the configuration of 2,000 resources.
constexpr size_t most_text = 4 << 20;

// Walks over the characters that separate statements; comments and strings have none.
class Separators {
public:
	explicit Separators(const std::string &text) : text_(text) {}

	// The offset of the next ';', '{' or '}', or the end of the text.
	size_t next()
	{
		for (; at_ < text_.size(); at_++) {
			switch (text_[at_]) {
			case '#':
				skip_to_line_end();
				break;
			case '"':
				skip_string();
				break;
			case ';':
			case '{':
			case '}':
				return at_++;
			}
			if (at_ >= text_.size())
				break;
		}
		return text_.size();
	}

private:
	void skip_to_line_end() { at_ = std::min(text_.find('\n', at_), text_.size()); }
	// Strings do not go beyond their line.
	void skip_string()
	{
		for (at_++; at_ < text_.size(); at_++) {
			if (text_[at_] == '"' || text_[at_] == '\n')
				return;
			if (text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n')
				at_++;
		}
	}

	const std::string &text_;
	size_t at_ = 0;
};

bool balanced(const std::string &text)
{
	Separators separators(text);
	size_t depth = 0;

	for (size_t at; (at = separators.next()) < text.size();) {
		if (text[at] == '{')
			depth++;
		else if (text[at] == '}' && depth-- == 0)
			return false;
	}
	return depth == 0;
}

}  // namespace

Region statement_at(const std::string &text, size_t offset)
{
	Separators separators(text);
	std::vector<size_t> blocks;  // where the statements begin whose blocks are open
	size_t begin = 0;            // of the statement
	size_t at;

	if (!balanced(text))
		return {};
	while ((at = separators.next()) < offset) {
		if (text[at] == '{')
			blocks.push_back(begin);
		else if (text[at] == '}')
			blocks.pop_back();
		begin = at + 1;
	}
	if (at < text.size() && text[at] == '}') {
		// Something is missing before the end of a block, or the block as a whole is wrong.
		if (text.find_first_not_of(" \t\r\n", begin) < at)
			return {begin, at - begin};
		return {blocks.back(), at + 1 - blocks.back()};
	}
	for (size_t depth = 0; at < text.size(); at = separators.next()) {
		if (text[at] == '{')
			depth++;
		else if (text[at] == '}')
			depth--;
		if (depth == 0)
			return {begin, at + 1 - begin};
	}
	return {begin, text.size() - begin};
}

const std::string &Sources::read(const std::string &name, bool regular_only)
{
	auto known = texts_.find(name);
	if (known != texts_.end())
		return known->second;
	return texts_[name] = name == "-" ? read_stdin() : read_config_file(name, regular_only);
}

const std::string &Sources::hold(const std::string &name, const std::string &text)
{
	return texts_.emplace(name, text).first->second;
}

void Sources::stopped(const std::string &text, size_t offset)
{
	if (stopped_in_)
		return;
	stopped_in_ = &text;
	stopped_at_ = std::min(offset, text.size());
}

bool Sources::leave_out()
{
	size_t size = 0;
	std::string *text = nullptr;

	for (auto &[name, held] : texts_) {
		size += held.size();
		if (&held == stopped_in_)
			text = &held;
	}
	stopped_in_ = nullptr;
	if (!text || size > most_text)
		return false;
	Region wrong = statement_at(*text, stopped_at_);
	bool something = false;
	for (size_t i = wrong.offset; i < wrong.offset + wrong.length; i++) {
		char &c = (*text)[i];
		something |= c != ' ' && c != '\n';
		if (c != '\n')
			c = ' ';
	}
	incomplete_ |= something;
	return something;
}

}  // namespace drbd::adm
