// SPDX-License-Identifier: GPL-2.0-only
#define NCURSES_WIDECHAR 1
#include "terminal.h"

#include <cstdio>
#include <cstdlib>
#include <ncurses.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/error.h"

namespace drbd::mon {

namespace {

enum Pair : short { pair_good = 1, pair_bad, pair_primary };

attr_t attributes(const Style &style, bool colors)
{
	attr_t a = A_NORMAL;

	if (style.bold)
		a |= A_BOLD;
	if (style.reverse)
		a |= A_REVERSE;
	if (!colors)
		return a;
	switch (style.tone) {
	case Tone::good: return a | COLOR_PAIR(pair_good);
	case Tone::bad: return a | COLOR_PAIR(pair_bad);
	case Tone::primary: return a | COLOR_PAIR(pair_primary);
	case Tone::normal: case Tone::transitional: break;
	}
	return a;
}

}  // namespace

Terminal::Terminal(bool color)
{
	const char *type = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		throw Error(20, "drbdmon: standard input and output must be a terminal; "
				"for scripts there is drbdsetup status --json");
	SCREEN *screen = newterm(nullptr, stdout, stdin);
	// What cannot move its cursor is known to ncurses, but of no use.
	if (screen && !tigetstr("cup")) {
		endwin();
		delscreen(screen);
		screen = nullptr;
	}
	if (!screen)
		throw Error(20, std::string("drbdmon: terminal type '") + (type ? type : "") +
				"' is not known, or cannot show a full screen; set TERM");
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	if (color && has_colors() && start_color() == OK) {
		use_default_colors();
		init_pair(pair_good, COLOR_GREEN, -1);
		init_pair(pair_bad, COLOR_RED, -1);
		init_pair(pair_primary, COLOR_CYAN, -1);
		colors = true;
	}
	resized();
}

Terminal::~Terminal()
{
	// A terminal without a second screen is left empty, not with half of ours.
	erase();
	refresh();
	curs_set(1);
	endwin();
}

Size Terminal::size() const { return {getmaxy(stdscr), getmaxx(stdscr)}; }

void Terminal::resized()
{
	winsize w{};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row && w.ws_col)
		resizeterm(w.ws_row, w.ws_col);
}

void Terminal::forget() { clearok(curscr, TRUE); }

void Terminal::draw(const std::vector<Line> &lines)
{
	erase();
	for (size_t y = 0; y < lines.size(); y++) {
		move(static_cast<int>(y), 0);
		for (const auto &span : lines[y]) {
			attrset(attributes(span.style, colors));
			addstr(span.text.c_str());
		}
	}
	attrset(A_NORMAL);
	refresh();
}

std::optional<int> Terminal::key()
{
	static const struct {
		wint_t curses;
		int key;
	} keys[] = {
		{KEY_UP, key_up}, {KEY_DOWN, key_down}, {KEY_LEFT, key_left}, {KEY_RIGHT, key_right},
		{KEY_PPAGE, key_page_up}, {KEY_NPAGE, key_page_down}, {KEY_HOME, key_home},
		{KEY_END, key_end}, {KEY_ENTER, key_enter}, {KEY_BACKSPACE, key_backspace},
		{KEY_F(1), key_f1},
	};
	wint_t c;

	switch (get_wch(&c)) {
	case KEY_CODE_YES:
		for (const auto &k : keys)
			if (k.curses == c)
				return k.key;
		return key();	// one that means nothing to us
	case OK:
		break;
	default:
		return std::nullopt;
	}
	switch (c) {
	case '\r': case '\n': return key_enter;
	case 27: return key_escape;
	case 8: case 127: return key_backspace;
	case 12: return key_redraw;
	}
	return static_cast<int>(c);
}

}  // namespace drbd::mon
