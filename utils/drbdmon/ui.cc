// SPDX-License-Identifier: GPL-2.0-only
#include "ui.h"

#include <algorithm>
#include <cstring>
#include <sstream>

namespace drbd::mon {

namespace {

std::string lower(std::string text)
{
	for (char &c : text)
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
	return text;
}

void remove_last_character(std::string &text)
{
	while (!text.empty() && (text.back() & 0xc0) == 0x80)
		text.pop_back();
	if (!text.empty())
		text.pop_back();
}

constexpr size_t max_input = 100;

}  // namespace

void append_utf8(std::string &text, int c)
{
	if (c < 0x80) {
		text += static_cast<char>(c);
	} else if (c < 0x800) {
		text += static_cast<char>(0xc0 | c >> 6);
		text += static_cast<char>(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		text += static_cast<char>(0xe0 | c >> 12);
		text += static_cast<char>(0x80 | (c >> 6 & 0x3f));
		text += static_cast<char>(0x80 | (c & 0x3f));
	} else {
		text += static_cast<char>(0xf0 | c >> 18);
		text += static_cast<char>(0x80 | (c >> 12 & 0x3f));
		text += static_cast<char>(0x80 | (c >> 6 & 0x3f));
		text += static_cast<char>(0x80 | (c & 0x3f));
	}
}

std::string joined(const std::vector<std::string> &argv)
{
	std::string text;

	for (const auto &word : argv) {
		if (!text.empty())
			text += ' ';
		bool plain = !word.empty() &&
			word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					       "0123456789-_./:=@%+,") == word.npos;
		text += plain ? word : "'" + word + "'";
	}
	return text;
}

std::optional<Object> Ui::selection() const
{
	if (selected < 0 || selected >= static_cast<int>(list.size()))
		return std::nullopt;
	return list[selected].object;
}

// ----------------------------------------------------------------------- rows

// Each word of the filter occurs in a name or a state of the resource.
bool Ui::matches(const Resource &r, const std::vector<Problem> &problems) const
{
	if (pattern.empty())
		return true;
	std::string all = r.name + " " + r.role.text;
	for (const auto &[volume, d] : r.devices)
		all += " " + d.disk.text + " " + d.backing_dev;
	for (const auto &[id, c] : r.connections) {
		all += " " + c.name + " " + c.state.text;
		for (const auto &[volume, pd] : c.peer_devices)
			all += " " + pd.replication.text + " " + pd.disk.text;
	}
	for (const auto &p : problems)
		all += " " + p.text;
	all = lower(all);
	std::istringstream words(lower(pattern));
	for (std::string word; words >> word;)
		if (all.find(word) == all.npos)
			return false;
	return true;
}

void Ui::build(const Model &model)
{
	struct Entry {
		const Resource *r;
		std::vector<Problem> problems;
	};
	std::vector<Entry> entries;

	for (const auto &[name, r] : model.resources()) {
		Entry e{&r, assess(r)};
		if (matches(r, e.problems) && !(only_problems && e.problems.empty()))
			entries.push_back(std::move(e));
	}
	// Problems first; the map has them by name.
	std::stable_sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
		return worst(a.problems) > worst(b.problems);
	});

	list.clear();
	for (const auto &[r, problems] : entries) {
		// Of the problems of an object, the worst; they are in that order.
		auto add = [&, r = r, &problems = problems](int peer, int volume) -> Row & {
			Row row{{r->name, peer, volume}, Severity::fine, "", false, false};
			for (const auto &p : problems)
				if (p.peer == peer && p.volume == volume) {
					row.severity = p.severity;
					row.problem = p.text;
					break;
				}
			list.push_back(row);
			return list.back();
		};
		auto wish = expanded.find(r->name);
		bool open = wish != expanded.end() ? wish->second :
			    worst(problems) >= Severity::warning;
		Row &head = add(-1, -1);
		head.expandable = !r->devices.empty() || !r->connections.empty();
		head.expanded = open;
		head.severity = worst(problems);
		if (!problems.empty())
			head.problem = full_text(*r, problems.front());
		if (!open)
			continue;
		for (const auto &[volume, d] : r->devices)
			add(-1, volume);
		for (const auto &[id, c] : r->connections) {
			add(id, -1);
			for (const auto &[volume, pd] : c.peer_devices)
				add(id, volume);
		}
	}
}

void Ui::follow(const Model &model, int body)
{
	build(model);
	page = std::max(body, 1);
	int rows = static_cast<int>(list.size());

	// The selected object stays selected wherever it moved to; if it is gone or folded away,
	// its resource, else what is at its place.  Until the first key, the top is selected.
	if (has_current && moved) {
		auto same = [&](const Object &o) {
			return std::find_if(list.begin(), list.end(),
					    [&](const Row &row) { return row.object == o; });
		};
		auto at = same(current);
		if (at == list.end())
			at = same({current.resource, -1, -1});
		if (at != list.end())
			selected = static_cast<int>(at - list.begin());
	}
	selected = std::clamp(selected, 0, std::max(rows - 1, 0));
	has_current = rows > 0;
	if (has_current)
		current = list[selected].object;

	if (selected < top)
		top = selected;
	if (selected >= top + page)
		top = selected - page + 1;
	top = std::clamp(top, 0, std::max(rows - page, 0));
}

void Ui::limit_first_line(int lines, int body)
{
	page_top = std::clamp(page_top, 0, std::max(lines - body, 0));
}

// ----------------------------------------------------------------------- keys

Request Ui::key(int k, const Model &model)
{
	if (k == key_redraw)
		return {Request::redraw, {}, false};
	if (asking != Prompt::none)
		return prompt_key(k, model);
	if (!running)
		text.clear();
	if (k == '?' || k == key_f1) {
		open(Screen::help);
		return {};
	}
	return shown == Screen::list ? list_key(k, model) : page_key(k);
}

Request Ui::list_key(int k, const Model &model)
{
	int last = static_cast<int>(list.size()) - 1;
	auto move = [&](int to) {
		selected = std::clamp(to, 0, std::max(last, 0));
		moved = true;
		if (last >= 0)
			current = list[selected].object;
	};
	auto fold = [&](bool open) {
		if (last < 0)
			return;
		expanded[current.resource] = open;
		if (!open)
			current = {current.resource, -1, -1};
		moved = true;
	};

	switch (k) {
	case 'q':
		return {Request::quit, {}, false};
	case key_up: case 'k':
		move(selected - 1);
		break;
	case key_down: case 'j':
		move(selected + 1);
		break;
	case key_page_up:
		move(selected - page);
		break;
	case key_page_down:
		move(selected + page);
		break;
	case key_home: case 'g':
		move(0);
		break;
	case key_end: case 'G':
		move(last);
		break;
	case ' ':
		if (last >= 0) {
			auto head = std::find_if(list.begin(), list.end(), [&](const Row &row) {
				return row.object == Object{current.resource, -1, -1};
			});
			fold(head == list.end() || !head->expanded);
		}
		break;
	case key_right: case '+':
		fold(true);
		break;
	case key_left: case '-':
		fold(false);
		break;
	case key_enter: case 'd':
		if (last >= 0) {
			moved = true;
			open(Screen::details);
		}
		break;
	case 'l':
		open(Screen::log);
		break;
	case 'p':
		only_problems = !only_problems;
		break;
	case '/':
		asking = Prompt::filter;
		pattern_before = typed = pattern;
		break;
	case key_escape:
		pattern.clear();
		break;
	default:
		if (const Action *action = find_action(k))
			return act(*action, model);
		if (k > ' ' && k < 0x7f)
			say(std::string("key '") + static_cast<char>(k) + "' has no meaning; ? for help", true);
	}
	return {};
}

Request Ui::page_key(int k)
{
	switch (k) {
	case 'q': case key_escape: case key_enter: case key_left:
		open(Screen::list);
		break;
	case key_up: case 'k':
		page_top--;
		break;
	case key_down: case 'j':
		page_top++;
		break;
	case key_page_up:
		page_top -= page;
		break;
	case key_page_down: case ' ':
		page_top += page;
		break;
	case key_home: case 'g':
		page_top = 0;
		break;
	case key_end: case 'G':
		page_top = 1 << 20;	// limit_first_line() knows how far that is
		break;
	}
	return {};
}

Request Ui::act(const Action &action, const Model &model)
{
	if (!read_only.empty()) {
		say(read_only, true);
		return {};
	}
	if (running) {
		say("another command is still running", true);
		return {};
	}
	if (list.empty())
		return {};
	moved = true;
	auto on = targets(action, current, model);
	const char *kind = action.level == Level::device ? "volume" :
			   action.level == Level::connection ? "peer" : "volume of a peer";
	if (on.empty()) {
		say(std::string(action.name) + ": " + object_name(current, model) + " has no " + kind,
		    true);
		return {};
	}
	if (on.size() > 1) {
		expanded[current.resource] = true;
		say(std::string(action.name) + ": there are " + std::to_string(on.size()) +
		    " of them in " + object_name(current, model) + ", select one (a " + kind + ")", true);
		return {};
	}
	pending = &action;
	pending_argv = command_line(action, on.front(), model);
	typed.clear();
	if (action.ask == Action::nothing)
		return submit();
	asking = action.ask == Action::yes_or_no ? Prompt::yes_or_no : Prompt::the_word_yes;
	return {};
}

Request Ui::submit()
{
	Request r{Request::run, pending_argv, pending->show_output};

	asking = Prompt::none;
	pending = nullptr;
	return r;
}

Request Ui::prompt_key(int k, const Model &)
{
	auto cancel = [&] {
		asking = Prompt::none;
		pending = nullptr;
		say("nothing done");
		return Request{};
	};

	if (asking == Prompt::yes_or_no)
		return k == 'y' || k == 'Y' ? submit() : cancel();
	if (k == key_backspace) {
		remove_last_character(typed);
	} else if (k >= ' ' && k != 0x7f && k < key_up && typed.size() < max_input) {
		append_utf8(typed, k);
	} else if (k == key_escape) {
		if (asking == Prompt::the_word_yes)
			return cancel();
		asking = Prompt::none;
		pattern = pattern_before;
		return {};
	} else if (k == key_enter) {
		if (asking == Prompt::the_word_yes)
			return typed == "yes" ? submit() : cancel();
		asking = Prompt::none;
	}
	if (asking == Prompt::filter || (k == key_enter && asking == Prompt::none))
		pattern = typed;
	return {};
}

// ------------------------------------------------------------------- commands

void Ui::command_started(const std::vector<std::string> &argv)
{
	running = true;
	say("running: " + joined(argv));
}

void Ui::command_ended(const std::vector<std::string> &argv, int status,
		       const std::string &output, bool show_output)
{
	std::string command = joined(argv);

	running = false;
	output_lines.clear();
	std::istringstream lines(output);
	for (std::string line; std::getline(lines, line);)
		output_lines.push_back(line);
	while (!output_lines.empty() && output_lines.back().empty())
		output_lines.pop_back();
	if (!status && !show_output) {
		say("done: " + command);
		return;
	}
	std::string result = status > 0 ? "exit code " + std::to_string(status) :
			     status < 0 ? "killed by signal " + std::to_string(-status) : "";
	// What does not fit into the line at the bottom gets a screen.
	if (output_lines.size() > 1 || show_output) {
		title = command + (result.empty() ? "" : ": " + result);
		if (output_lines.empty())
			output_lines.push_back("(no output)");
		asking = Prompt::none;
		pending = nullptr;
		text.clear();
		open(Screen::output);
		return;
	}
	say(command + ": " + (output_lines.empty() ? result : output_lines[0] + " (" + result + ")"),
	    true);
}

}  // namespace drbd::mon
