// SPDX-License-Identifier: GPL-2.0-only
// What drbdmon shows of a model at a given size, and what its keys do.
#include <gtest/gtest.h>

#include <clocale>
#include <fstream>

#include "drbdmon/view.h"

using namespace drbd::mon;

namespace {

struct Screen {
	Model model;
	Ui ui;
	Size size{24, 80};

	explicit Screen(const std::string &recording = "mixed-now-stat.txt", std::string read_only = "")
		: ui(std::move(read_only))
	{
		setlocale(LC_ALL, "C.UTF-8");
		std::ifstream in(SOURCE_DIR "/tests/golden/drbdsetup/observed-9.22/events2/" + recording);
		for (std::string line; std::getline(in, line);)
			model.apply(line, "10:00:00");
		ui.clock = "12:00:00";
		draw();
	}

	std::vector<std::string> draw()
	{
		std::vector<std::string> lines;
		auto drawn = render(model, ui, size);
		EXPECT_LE(drawn.size(), static_cast<size_t>(size.rows));
		for (const auto &line : drawn) {
			lines.push_back(plain(line));
			EXPECT_LE(columns_of(lines.back()), size.columns) << lines.back();
		}
		return lines;
	}

	// Like the program: what a key did is followed before the next.
	Request press(int key)
	{
		Request r = ui.key(key, model);
		draw();
		return r;
	}
	void type(const std::string &text)
	{
		for (char c : text)
			press(c);
	}

	// The lines of the list, cut to mark and name.
	std::string names()
	{
		std::string text;
		auto lines = draw();
		for (size_t i = 2; i < 2 + ui.rows().size() && i + 2 < lines.size(); i++) {
			std::string name = lines[i].substr(0, 19);
			text += name.substr(0, name.find_last_not_of(' ') + 1) + "|";
		}
		return text;
	}
	std::string last(size_t n = 1)
	{
		auto lines = draw();
		std::string line = lines[lines.size() - n];
		return line.substr(0, line.find_last_not_of(' ') + 1);
	}
	bool shows(const std::string &text)
	{
		for (const auto &line : draw())
			if (line.find(text) != line.npos)
				return true;
		return false;
	}
	void select(const Object &o)
	{
		press('g');
		for (size_t i = 0; i < ui.rows().size() && ui.selection() != o; i++)
			press(key_down);
		ASSERT_EQ(ui.selection(), o);
	}
};

}  // namespace

TEST(DrbdmonText, Pieces)
{
	EXPECT_EQ(bar(0, 12), "[..........]");
	EXPECT_EQ(bar(50, 12), "[#####.....]");
	EXPECT_EQ(bar(99.99, 12), "[#########.]");
	EXPECT_EQ(bar(100, 12), "[##########]");
	EXPECT_EQ(bar(1000, 4), "[##]");
	EXPECT_EQ(amount(0), "0 KiB");
	EXPECT_EQ(amount(1023), "1023 KiB");
	EXPECT_EQ(amount(1024), "1.0 MiB");
	EXPECT_EQ(amount(1536 * 1024.0), "1.5 GiB");
	EXPECT_EQ(duration(18), "0:18");
	EXPECT_EQ(duration(3723), "1:02:03");
	EXPECT_EQ(duration(3 * 86400 + 4 * 3600), "3d 04h");
	EXPECT_EQ(duration(-1), "-");
	EXPECT_EQ(duration(0.0 / 0.0), "-");
}

TEST(DrbdmonText, Fit)
{
	setlocale(LC_ALL, "C.UTF-8");
	EXPECT_EQ(fit("abc", 5), "abc  ");
	EXPECT_EQ(fit("abcdef", 5), "abcd~");
	EXPECT_EQ(fit("abcde", 5), "abcde");
	EXPECT_EQ(fit("größer", 4), "grö~");
	EXPECT_EQ(fit("日本語", 4), "日~ ");
	EXPECT_EQ(fit("a\xff\x1b[m", 8), "a??[m   ");
	EXPECT_EQ(fit("abc", 0), "");
	EXPECT_EQ(fit("abc", 1), "~");
	EXPECT_EQ(columns_of("日本"), 4);
}

TEST(DrbdmonView, ProblemsFirst)
{
	Screen s;
	EXPECT_EQ(s.names(),
		  "!-alpha|    volume 0|    delta|      volume 0|    echo|      volume 0|"
		  "!-web|    volume 0|!   volume 1|~   bravo|~     volume 0|~     volume 1|*   charlie|"
		  "      volume 0|      volume 1|*-lone|*   volume 0|*   bravo|      volume 0|  empty|");
	auto lines = s.draw();
	EXPECT_EQ(lines[0], " drbdmon  4 resources, 2 alarms, 1 warning" + std::string(29, ' ') + "12:00:00 ");
	EXPECT_NE(lines[12].find("[###....]  50.0% 14.2 MiB/s"), std::string::npos) << lines[12];
	EXPECT_EQ(s.last(2), "alpha: all I/O is failed on purpose");
}

TEST(DrbdmonView, EverySizeHolds)
{
	for (auto screen : {Ui::Screen::list, Ui::Screen::details, Ui::Screen::log, Ui::Screen::help}) {
		Screen s;
		s.press(screen == Ui::Screen::details ? int(key_enter) : screen == Ui::Screen::log ? 'l' :
			screen == Ui::Screen::help ? '?' : int(key_down));
		EXPECT_EQ(s.ui.screen(), screen);
		for (int rows = 0; rows <= 60; rows += 3)
			for (int columns = 0; columns <= 210; columns += 7) {
				s.size = {rows, columns};
				s.draw();	// has its expectations
			}
	}
}

TEST(DrbdmonView, SmallWindowFollowsTheSelection)
{
	Screen s;
	s.size = {8, 80};
	s.press(key_end);
	EXPECT_EQ(s.ui.selection(), Object{"empty"});
	EXPECT_TRUE(s.shows("  empty "));
	s.press(key_home);
	EXPECT_TRUE(s.shows("!-alpha"));
	EXPECT_FALSE(s.shows("  empty "));
	s.press(key_page_down);
	EXPECT_EQ(s.ui.selected_row(), 4);
}

TEST(DrbdmonView, NothingThere)
{
	Screen s("empty-now-stat.txt");
	EXPECT_TRUE(s.shows("No resource is up."));
	Screen early("nothing recorded under this name");
	EXPECT_TRUE(early.shows("Waiting for drbdsetup"));
	early.ui.source_trouble = "drbdsetup events2 ended (exit code 20)";
	EXPECT_EQ(early.last(2), "drbdsetup events2 ended (exit code 20)");
}

TEST(DrbdmonView, Details)
{
	Screen s;
	s.size = {60, 100};
	s.select({"web"});
	s.press(key_enter);
	EXPECT_TRUE(s.shows("! I/O is suspended: user,quorum"));
	EXPECT_TRUE(s.shows("volume 1: /dev/drbd11 on /dev/vg/web1, Inconsistent, quorum no"));
	EXPECT_TRUE(s.shows("path ipv4:192.168.7.1:7788 -> ipv4:192.168.7.2:7788, not established"));
	EXPECT_TRUE(s.shows("14.2 MiB/s 0:18"));
	s.press('q');
	EXPECT_EQ(s.ui.screen(), Ui::Screen::list);
}

TEST(DrbdmonView, LongPagesScroll)
{
	Screen s;
	s.press('?');
	EXPECT_TRUE(s.shows("Marks"));
	s.press('G');
	EXPECT_FALSE(s.shows("Marks"));
	EXPECT_TRUE(s.shows("resume I/O"));
	s.press(key_down);
	EXPECT_TRUE(s.shows("resume I/O"));
	s.press('g');
	EXPECT_TRUE(s.shows("Marks"));
}

TEST(DrbdmonUi, FoldingAndSelection)
{
	Screen s;
	s.select({"web", 1, 0});
	s.press(' ');		// folded away: its resource is selected
	EXPECT_EQ(s.ui.selection(), Object{"web"});
	EXPECT_TRUE(s.shows("!+web"));
	// It moves up or down the list with its problems, and stays selected.
	for (const char *line : {"change resource name:web suspended:no",
				 "change device name:web volume:1 minor:11 disk:UpToDate quorum:yes",
				 "destroy connection name:web peer-node-id:1 conn-name:bravo",
				 "destroy connection name:web peer-node-id:2 conn-name:charlie"})
		s.model.apply(line, "10:00:00");
	s.draw();
	EXPECT_EQ(s.ui.selection(), Object{"web"});
	EXPECT_GT(s.ui.selected_row(), 8);
	s.press('+');
	s.select({"web", -1, 1});
	s.model.apply("destroy device name:web volume:1", "10:00:00");
	s.draw();
	EXPECT_EQ(s.ui.selection(), Object{"web"});
	s.model.apply("destroy resource name:web", "10:00:00");
	s.draw();
	EXPECT_TRUE(s.ui.selection());
}

TEST(DrbdmonUi, Filter)
{
	Screen s;
	s.press('/');
	s.type("lon");
	EXPECT_EQ(s.last(), "/lon_");
	EXPECT_EQ(s.ui.rows().front().object, Object{"lone"});
	s.press(key_enter);
	EXPECT_EQ(s.ui.prompt(), Ui::Prompt::none);
	EXPECT_TRUE(s.shows("/lon"));
	s.press(key_escape);
	EXPECT_GT(s.ui.rows().size(), 5u);
	s.press('/');
	s.type("VERIFYS  web");		// of its states, and its name, in any case
	EXPECT_EQ(s.ui.rows().front().object, Object{"web"});
	s.press(key_escape);		// drops what was typed
	EXPECT_EQ(s.ui.filter(), "");
	s.press('/');
	s.type("xx");
	s.press(key_backspace);
	s.press(key_backspace);
	s.type("nowhere");
	s.press(key_enter);
	EXPECT_TRUE(s.shows("Nothing matches."));
	s.press('P');			// nothing is selected
	EXPECT_EQ(s.ui.prompt(), Ui::Prompt::none);
}

TEST(DrbdmonUi, OnlyProblems)
{
	Screen s;
	s.press('p');
	EXPECT_FALSE(s.shows("  empty "));
	EXPECT_TRUE(s.shows("problems only"));
	s.press('p');
	EXPECT_TRUE(s.shows("  empty "));
}

TEST(DrbdmonUi, ActionAsksFirst)
{
	Screen s;
	s.select({"web"});
	EXPECT_EQ(s.press('S').what, Request::none);
	EXPECT_EQ(s.last(), "Run 'drbdsetup secondary web'? [y/N]");
	EXPECT_EQ(s.press('n').what, Request::none);
	EXPECT_EQ(s.last(2), "nothing done");
	s.press('S');
	Request r = s.press('y');
	EXPECT_EQ(r.what, Request::run);
	EXPECT_EQ(joined(r.argv), "drbdsetup secondary web");
	EXPECT_EQ(s.ui.prompt(), Ui::Prompt::none);
}

TEST(DrbdmonUi, DangerousActionWantsTheWord)
{
	Screen s;
	s.select({"web", -1, 1});
	s.press('I');
	EXPECT_EQ(s.press('y').what, Request::none);
	EXPECT_EQ(s.press(key_enter).what, Request::none);
	EXPECT_EQ(s.last(2), "nothing done");
	s.press('I');
	s.type("yes");
	EXPECT_EQ(s.last(), "'drbdsetup invalidate 11': type yes and Enter: yes_");
	EXPECT_EQ(joined(s.press(key_enter).argv), "drbdsetup invalidate 11");
	s.press('I');
	s.type("yes");
	EXPECT_EQ(s.press(key_escape).what, Request::none);
	EXPECT_EQ(s.ui.prompt(), Ui::Prompt::none);
}

TEST(DrbdmonUi, ActionNeedsOneObject)
{
	Screen s;
	s.select({"web"});
	s.press('D');
	EXPECT_EQ(s.last(2), "disconnect: there are 2 of them in web, select one (a peer)");
	s.select({"web", -1, 0});
	s.press('D');
	EXPECT_EQ(s.last(2), "disconnect: web/0 has no peer");
	s.select({"lone"});
	s.press('D');
	EXPECT_EQ(s.last(), "Run 'drbdsetup disconnect lone 0'? [y/N]");
	s.press('n');
	s.press('@');
	EXPECT_EQ(s.last(2), "key '@' has no meaning; ? for help");
}

TEST(DrbdmonUi, ReadOnly)
{
	Screen s("mixed-now-stat.txt", "started with --read-only: no actions");
	EXPECT_EQ(s.press('E').what, Request::none);
	EXPECT_EQ(s.last(2), "started with --read-only: no actions");
}

TEST(DrbdmonUi, ResultsOfCommands)
{
	Screen s;
	std::vector<std::string> argv = {"drbdsetup", "primary", "web"};
	s.ui.command_started(argv);
	EXPECT_EQ(s.last(2), "running: drbdsetup primary web");
	s.press('P');
	EXPECT_EQ(s.last(2), "another command is still running");
	s.ui.command_ended(argv, 0, "", false);
	EXPECT_EQ(s.last(2), "done: drbdsetup primary web");
	s.ui.command_ended(argv, 17, "web: State change failed: (-2) Need access\n", false);
	EXPECT_EQ(s.last(2), "drbdsetup primary web: web: State change failed: (-2) Need access (exit code 17)");
	s.ui.command_ended(argv, -9, "", false);
	EXPECT_EQ(s.last(2), "drbdsetup primary web: killed by signal 9");
	s.ui.command_ended(argv, 11, "one\n\ttwo\n", false);
	EXPECT_EQ(s.ui.screen(), Ui::Screen::output);
	EXPECT_TRUE(s.shows("drbdsetup primary web: exit code 11"));
	EXPECT_TRUE(s.shows("        two"));
}

TEST(DrbdmonUi, Quit)
{
	Screen s;
	EXPECT_EQ(s.press('?').what, Request::none);
	EXPECT_EQ(s.press('q').what, Request::none);
	EXPECT_EQ(s.press('q').what, Request::quit);
	EXPECT_EQ(s.press(key_redraw).what, Request::redraw);
}
