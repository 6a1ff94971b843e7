// SPDX-License-Identifier: GPL-2.0-only
// What the user looks at, and what keys do to it.  Knows no terminal.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actions.h"
#include "assess.h"
#include "model.h"

namespace drbd::mon {

// Keys that are no characters.
enum Key : int {
	key_up = 0x110000, key_down, key_left, key_right, key_page_up, key_page_down, key_home,
	key_end, key_enter, key_escape, key_backspace, key_redraw, key_f1,
};

// A line of the list.
struct Row {
	Object object;
	Severity severity = Severity::fine;
	std::string problem;	// the worst one of this object, or empty
	bool expanded = false, expandable = false;
};

// What a key asks of the program around.
struct Request {
	enum What { none, quit, redraw, run } what = none;
	std::vector<std::string> argv;	// run
	bool show_output = false;
};

class Ui {
public:
	enum class Screen { list, details, log, help, output };
	enum class Prompt { none, filter, yes_or_no, the_word_yes };

	// @read_only: why no action is possible, empty if they are.
	explicit Ui(std::string read_only = "") : read_only(std::move(read_only)) {}

	// @codepoint_or_key: a character or a Key.
	Request key(int codepoint_or_key, const Model &model);

	// A command ended: the line at the bottom, or a screen of its own.
	void command_started(const std::vector<std::string> &argv);
	void command_ended(const std::vector<std::string> &argv, int status,
			   const std::string &output, bool show_output);

	// Follow what changed in the model or the size: @body lines are there for the list.
	void follow(const Model &model, int body);

	// ---- what to show ----
	Screen screen() const { return shown; }
	Prompt prompt() const { return asking; }
	const std::vector<Row> &rows() const { return list; }
	int selected_row() const { return selected; }
	std::optional<Object> selection() const;
	int first_row() const { return top; }
	int first_line() const { return page_top; }	// of the other screens
	void limit_first_line(int lines, int body);	// they have so many lines
	const std::string &filter() const { return pattern; }
	const std::string &input() const { return typed; }
	bool problems_only() const { return only_problems; }
	const std::string &message() const { return text; }
	bool message_is_bad() const { return text_is_bad; }
	const Action *pending_action() const { return pending; }
	const std::vector<std::string> &pending_command() const { return pending_argv; }
	const std::vector<std::string> &output() const { return output_lines; }
	const std::string &output_title() const { return title; }

	// ---- set by the program around, and shown ----
	std::string host, clock;
	std::string source_trouble;	// why nothing comes any more; empty if it does

private:
	Request list_key(int k, const Model &model);
	Request page_key(int k);
	Request prompt_key(int k, const Model &model);
	Request act(const Action &action, const Model &model);
	void build(const Model &model);
	bool matches(const Resource &r, const std::vector<Problem> &problems) const;
	void say(const std::string &what, bool bad = false) { text = what; text_is_bad = bad; }
	void open(Screen s) { shown = s; page_top = 0; }
	Request submit();

	std::string read_only;
	Screen shown = Screen::list;
	Prompt asking = Prompt::none;
	std::vector<Row> list;
	std::map<std::string, bool> expanded;	// as the user wants it
	Object current;
	bool has_current = false, moved = false;
	int selected = 0, top = 0, page = 10, page_top = 0;
	bool only_problems = false;
	std::string pattern, pattern_before, typed, text;
	bool text_is_bad = false, running = false;
	const Action *pending = nullptr;
	std::vector<std::string> pending_argv;
	std::vector<std::string> output_lines;
	std::string title;
};

// Append a character as UTF-8.
void append_utf8(std::string &text, int codepoint);
// "drbdsetup primary r0", with quotes where a shell would need them.
std::string joined(const std::vector<std::string> &argv);

}  // namespace drbd::mon
