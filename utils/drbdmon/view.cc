// SPDX-License-Identifier: GPL-2.0-only
#include "view.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <cwchar>

#include <linux/drbd.h>

namespace drbd::mon {

namespace {

constexpr int top_lines = 2, bottom_lines = 2;
constexpr Size smallest{6, 30};

// The next character of @text: its bytes (or a '?' instead) and its columns.
std::string next_character(std::string_view &text, int &columns)
{
	std::mbstate_t state{};
	wchar_t wide;
	size_t n = std::mbrtowc(&wide, text.data(), text.size(), &state);

	if (n == 0 || n > text.size()) {
		text.remove_prefix(1);
		columns = 1;
		return "?";
	}
	columns = wcwidth(wide);
	std::string bytes(text.substr(0, n));
	text.remove_prefix(n);
	if (columns < 0) {
		columns = 1;
		return "?";
	}
	return bytes;
}

const Style plain_style{};
const Style bold_style{Tone::normal, true, false};
const Style title_style{Tone::normal, true, true};

Style tone_style(Tone tone)
{
	return {tone, tone != Tone::normal && tone != Tone::good, false};
}

char severity_mark(Severity s)
{
	switch (s) {
	case Severity::alarm: return '!';
	case Severity::warning: return '*';
	case Severity::busy: return '~';
	case Severity::fine: break;
	}
	return ' ';
}

Tone severity_tone(Severity s)
{
	return s >= Severity::warning ? Tone::bad :
	       s == Severity::busy ? Tone::transitional : Tone::good;
}

Tone tone_of(const State &role) { return role_tone(role.nr.value_or(R_UNKNOWN)); }

Tone tone_of(const Connection &c)
{
	return c.state.nr ? connection_tone(*c.state.nr) : Tone::transitional;
}

Tone tone_of_disk(const State &disk, bool client)
{
	return disk.nr ? disk_tone(*disk.nr, client) : Tone::transitional;
}

std::string rate(double kib_per_second) { return amount(kib_per_second) + "/s"; }

// Widths of the columns of the list.
struct Columns {
	int name, role = 13, disk = 14, peers = 5, rest;

	explicit Columns(int width)
	{
		int fixed = 2 + role + disk + peers;
		name = std::clamp((width - fixed) * 2 / 5, 14, 40);
		rest = std::max(width - fixed - name, 0);
	}
};

// Builds a line cell by cell and never exceeds the width.
class LineBuilder {
public:
	explicit LineBuilder(int width, bool reverse = false) : left(width), reverse(reverse) {}

	void add(std::string_view text, int width, Style style = plain_style)
	{
		width = std::min(width, left);
		if (width <= 0)
			return;
		if (reverse)
			style.reverse = true;
		line.push_back({fit(text, width), style});
		left -= width;
	}
	// As wide as it is.
	void add(std::string_view text, Style style = plain_style)
	{
		add(text, columns_of(text), style);
	}
	// What remains.
	Line finish(std::string_view text = "", Style style = plain_style)
	{
		add(text, left, style);
		return std::move(line);
	}
	int room() const { return left; }

private:
	Line line;
	int left;
	bool reverse;
};

// "[####....]  50.0% 14.2 MiB/s 0:18", as much of it as fits.
std::string progress_text(double done, std::optional<double> mib_per_second,
			  std::optional<double> eta, int width)
{
	char percent[16];
	snprintf(percent, sizeof(percent), "%5.1f%%", std::clamp(done, 0.0, 100.0));
	std::string tail = percent;
	if (mib_per_second && width >= 24)
		tail += " " + rate(*mib_per_second * 1024);
	if (eta && width >= 32)
		tail += " " + duration(*eta);
	int room = width - static_cast<int>(tail.size()) - 1;
	return room >= 5 ? bar(done, std::min(room, 32)) + " " + tail : tail;
}

// All resyncs and verifies of a resource in one bar: the one that is furthest behind.
const PeerDevice *slowest(const Resource &r)
{
	const PeerDevice *found = nullptr;

	for (const auto &[id, c] : r.connections)
		for (const auto &[volume, pd] : c.peer_devices)
			if (pd.done && pd.syncing() && (!found || *pd.done < *found->done))
				found = &pd;
	return found;
}

std::string io_text(double read, double written)
{
	if (read < 1 && written < 1)
		return "";
	return "r " + rate(read) + " w " + rate(written);
}

class ListView {
public:
	ListView(const Model &model, const Ui &ui, Size size)
		: model(model), ui(ui), columns(size.columns), width(size.columns) {}

	Line header() const
	{
		LineBuilder b(width);
		b.add("", 2, bold_style);
		b.add("RESOURCE", columns.name, bold_style);
		b.add("ROLE", columns.role, bold_style);
		b.add("DISK", columns.disk, bold_style);
		b.add("PEERS", columns.peers, bold_style);
		return b.finish(" STATE", bold_style);
	}

	Line row(const Row &row, bool selected) const
	{
		LineBuilder b(width, selected);
		const Resource *r = model.find(row.object.resource);

		char mark[] = {severity_mark(row.severity), ' ', 0};
		if (row.object.level() == Level::resource && row.expandable)
			mark[1] = row.expanded ? '-' : '+';
		b.add(mark, 2, tone_style(severity_tone(row.severity)));
		if (!r)
			return b.finish(row.object.resource);
		switch (row.object.level()) {
		case Level::resource: resource(b, row, *r); break;
		case Level::device: device(b, row, r->devices.at(row.object.volume)); break;
		case Level::connection: connection(b, row, r->connections.at(row.object.peer)); break;
		case Level::peer_device:
			peer_device(b, row, r->connections.at(row.object.peer)
						    .peer_devices.at(row.object.volume));
		}
		return b.finish();
	}

private:
	void name(LineBuilder &b, const std::string &text, Style style = plain_style) const
	{
		b.add(text, columns.name - 1, style);
		b.add(" ", 1);
	}

	void rest(LineBuilder &b, const Row &row, const std::string &otherwise) const
	{
		b.add(" ", 1);
		if (row.severity >= Severity::warning)
			b.add(row.problem, columns.rest - 1, tone_style(severity_tone(row.severity)));
		else
			b.add(otherwise.empty() ? row.problem : otherwise, columns.rest - 1);
	}

	void resource(LineBuilder &b, const Row &row, const Resource &r) const
	{
		double read = 0, written = 0;
		const Device *worst = nullptr;
		int connected = 0;

		for (const auto &[volume, d] : r.devices) {
			read += d.read.rate;
			written += d.written.rate;
			if (!worst || d.disk.nr.value_or(D_UNKNOWN) < worst->disk.nr.value_or(D_UNKNOWN))
				worst = &d;
		}
		for (const auto &[id, c] : r.connections)
			connected += c.connected();

		name(b, r.name, bold_style);
		b.add(r.role.text, columns.role, tone_style(tone_of(r.role)));
		b.add(worst ? worst->disk.text : "-", columns.disk - 1,
		      worst ? tone_style(tone_of_disk(worst->disk, worst->client)) : plain_style);
		b.add(" ", 1);
		b.add(r.connections.empty() ? "-" : std::to_string(connected) + "/" +
							    std::to_string(r.connections.size()),
		      columns.peers,
		      connected < static_cast<int>(r.connections.size()) ? tone_style(Tone::bad) :
									   plain_style);
		const PeerDevice *sync = slowest(r);
		rest(b, row, sync ? progress_text(*sync->done, sync->rate, sync->eta, columns.rest - 1) :
				    row.problem.empty() ? io_text(read, written) : "");
	}

	void device(LineBuilder &b, const Row &row, const Device &d) const
	{
		name(b, "  volume " + std::to_string(row.object.volume));
		b.add("minor " + std::to_string(d.minor), columns.role);
		b.add(d.disk.text, columns.disk - 1, tone_style(tone_of_disk(d.disk, d.client)));
		b.add("", columns.peers + 1);
		std::string io = io_text(d.read.rate, d.written.rate);
		rest(b, row, row.problem.empty() ? io.empty() && d.size ? amount(*d.size) : io : "");
	}

	void connection(LineBuilder &b, const Row &row, const Connection &c) const
	{
		name(b, "  " + c.name);
		b.add(c.role.text, columns.role, tone_style(tone_of(c.role)));
		b.add(c.state.text, columns.disk - 1, tone_style(tone_of(c)));
		b.add("", columns.peers + 1);
		rest(b, row, "");
	}

	void peer_device(LineBuilder &b, const Row &row, const PeerDevice &pd) const
	{
		name(b, "    volume " + std::to_string(row.object.volume));
		b.add(pd.replication.text, columns.role - 1,
		      tone_style(pd.replication.nr ? replication_tone(*pd.replication.nr) :
						     Tone::transitional));
		b.add(" ", 1);
		b.add(pd.disk.text, columns.disk - 1, tone_style(tone_of_disk(pd.disk, pd.client)));
		b.add("", columns.peers + 1);
		std::string state;
		if (pd.done)
			state = progress_text(*pd.done, pd.rate, pd.eta, columns.rest - 1);
		else if (pd.out_of_sync)
			state = amount(pd.out_of_sync) + " out of sync";
		else if (pd.sent.rate >= 1 || pd.received.rate >= 1)
			state = "in " + rate(pd.received.rate) + " out " + rate(pd.sent.rate);
		rest(b, row, state);
	}

	const Model &model;
	const Ui &ui;
	Columns columns;
	int width;
};

// ------------------------------------------------------------- the other screens

class Page {
public:
	void head(const std::string &text) { add(text, bold_style); }
	void add(const std::string &text, Style style = plain_style)
	{
		lines.push_back({{text, style}});
	}
	void blank() { lines.push_back({}); }

	std::vector<Line> lines;
};

std::string yes_no(bool b) { return b ? "yes" : "no"; }

void device_details(Page &page, unsigned int volume, const Device &d)
{
	page.add("  volume " + std::to_string(volume) + ": /dev/drbd" + std::to_string(d.minor) + " on " +
		 (d.backing_dev.empty() ? "?" : d.backing_dev) + ", " + d.disk.text +
		 (d.client ? " (on purpose)" : "") + ", quorum " + yes_no(d.quorum) +
		 (d.open.empty() ? "" : ", open " + d.open));
	page.add("    size " + (d.size ? amount(*d.size) : "unknown") + ", read " + amount(d.read.value) +
		 " (" + rate(d.read.rate) + "), written " + amount(d.written.value) + " (" +
		 rate(d.written.rate) + ")");
	page.add("    activity log writes " + std::to_string(d.al_writes) + (d.al_suspended ? " (suspended)" : "") +
		 ", bitmap writes " + std::to_string(d.bm_writes) + ", pending " +
		 std::to_string(d.upper_pending) + " above " + std::to_string(d.lower_pending) +
		 " below, blocked " + d.blocked);
}

void connection_details(Page &page, const Connection &c)
{
	page.add("  " + c.name + " (node " + std::to_string(c.peer_node_id) + "): " + c.state.text + ", " +
		 c.role.text + ", congested " + yes_no(c.congested) + ", in flight " +
		 amount(c.ap_in_flight / 2.0) + " application " + amount(c.rs_in_flight / 2.0) + " resync");
	for (const auto &p : c.paths)
		page.add("    path " + p.local + " -> " + p.peer +
			 (p.established ? "" : ", not established"));
	for (const auto &[volume, pd] : c.peer_devices) {
		page.add("    volume " + std::to_string(volume) + ": " + pd.replication.text + ", peer " +
			 pd.disk.text + (pd.client ? " (on purpose)" : "") + ", out of sync " +
			 amount(pd.out_of_sync) +
			 (pd.resync_suspended == "no" ? "" : ", resync suspended: " + pd.resync_suspended));
		if (pd.done)
			page.add("      " + progress_text(*pd.done, pd.rate, pd.eta, 60));
		page.add("      received " + amount(pd.received.value) + " (" + rate(pd.received.rate) +
			 "), sent " + amount(pd.sent.value) + " (" + rate(pd.sent.rate) + "), pending " +
			 std::to_string(pd.pending) + ", unacked " + std::to_string(pd.unacked));
	}
}

void log_lines(Page &page, const Model &model, const std::string &resource)
{
	size_t before = page.lines.size();

	for (auto c = model.log().rbegin(); c != model.log().rend(); ++c)
		if (resource.empty() || c->resource == resource)
			page.add("  " + c->time + " " + (resource.empty() ? c->resource + " " : "") +
				 (c->object.empty() ? "" : c->object + " ") + c->text);
	if (page.lines.size() == before)
		page.add("  nothing changed since the start");
}

Page details(const Model &model, const Ui &ui)
{
	Page page;
	auto selected = ui.selection();
	const Resource *r = selected ? model.find(selected->resource) : nullptr;

	if (!r) {
		page.add("The resource is gone.");
		return page;
	}
	page.head(r->name);
	page.add("  role " + r->role.text + ", suspended " + r->suspended + ", force-io-failures " +
		 yes_no(r->force_io_failures) +
		 (r->write_ordering.empty() ? "" : ", write ordering " + r->write_ordering));
	page.add("  may promote " + yes_no(r->may_promote) + ", promotion score " +
		 std::to_string(r->promotion_score));
	auto problems = assess(*r);
	if (!problems.empty()) {
		page.blank();
		page.head("Problems");
		for (const auto &p : problems)
			page.add(std::string("  ") + severity_mark(p.severity) + " " + full_text(*r, p),
				 tone_style(severity_tone(p.severity)));
		page.add("  E explains what happened and what can be done");
	}
	if (!r->devices.empty()) {
		page.blank();
		page.head("Volumes");
		for (const auto &[volume, d] : r->devices)
			device_details(page, volume, d);
	}
	if (!r->connections.empty()) {
		page.blank();
		page.head("Peers");
		for (const auto &[id, c] : r->connections)
			connection_details(page, c);
	}
	if (!r->helpers.empty()) {
		page.blank();
		page.head("Handlers, newest first");
		for (auto h = r->helpers.rbegin(); h != r->helpers.rend(); ++h)
			page.add("  " + h->name + (h->object.empty() ? "" : " " + h->object) + ": " +
				 h->result());
	}
	page.blank();
	page.head("Changes, newest first");
	log_lines(page, model, r->name);
	return page;
}

Page log_page(const Model &model)
{
	Page page;

	page.head("Changes, newest first");
	log_lines(page, model, "");
	return page;
}

Page help_page()
{
	static const char *const keys[][2] = {
		{"arrows, j k, PgUp PgDn, g G", "move"},
		{"space, + -", "show or hide what is in a resource"},
		{"Enter, d", "details"},
		{"/", "filter by words in names and states; Esc clears it"},
		{"p", "only resources with problems, or all"},
		{"l", "log of changes"},
		{"Ctrl-L", "draw the screen anew"},
		{"q, Esc", "back; q in the list ends the program"},
	};
	Page page;
	char line[160];

	page.head("Marks");
	page.add("  ! no access to data   * no redundancy, or about to be lost   ~ being worked on");
	page.blank();
	page.head("Keys");
	for (const auto &[key, what] : keys) {
		snprintf(line, sizeof(line), "  %-28s %s", key, what);
		page.add(line);
	}
	page.blank();
	page.head("Actions on what is selected; each but E asks first");
	for (const auto &a : all_actions()) {
		snprintf(line, sizeof(line), "  %c  %-20s %s", a.key, a.name, a.effect);
		page.add(line);
	}
	return page;
}

Page output_page(const Ui &ui)
{
	Page page;

	page.head(ui.output_title());
	for (const auto &line : ui.output()) {
		// Tabs to where a terminal would have them.
		std::string text;
		for (char c : line)
			if (c == '\t')
				text.append(8 - text.size() % 8, ' ');
			else
				text += c;
		page.add(text);
	}
	return page;
}

// Lines that are too long go on in the next one, indented.
std::vector<Line> wrapped(const std::vector<Line> &lines, int width)
{
	std::vector<Line> out;

	for (const auto &line : lines) {
		if (line.empty()) {
			out.push_back({});
			continue;
		}
		std::string_view text = line[0].text;
		size_t indent = std::min(text.find_first_not_of(' '), text.size());
		std::string lead(std::min<size_t>(indent + 2, width / 2), ' ');
		std::string piece;
		int used = 0;
		size_t last_blank = 0;	// in piece; 0: none where it could be cut
		while (!text.empty()) {
			int columns;
			std::string c = next_character(text, columns);
			if (used + columns > width) {
				std::string next = lead;
				if (last_blank > lead.size()) {
					next += piece.substr(last_blank + 1);
					piece.resize(last_blank);
				}
				out.push_back({{piece, line[0].style}});
				piece = next;
				used = columns_of(piece);
				last_blank = 0;
			}
			if (c == " ")
				last_blank = piece.size();
			piece += c;
			used += columns;
		}
		out.push_back({{piece, line[0].style}});
	}
	return out;
}

// ------------------------------------------------------------------- frame

Line title_line(const Model &model, const Ui &ui, int width)
{
	int count[4] = {};
	std::string text = " drbdmon";

	for (const auto &[name, r] : model.resources())
		count[static_cast<int>(worst(assess(r)))]++;
	if (!ui.host.empty())
		text += " " + ui.host;
	size_t n = model.resources().size();
	text += "  " + std::to_string(n) + (n == 1 ? " resource" : " resources");
	static const char *const words[][2] = {{"", ""}, {"busy", "busy"}, {"warning", "warnings"}, {"alarm", "alarms"}};
	for (int s = 3; s > 0; s--)
		if (count[s])
			text += ", " + std::to_string(count[s]) + " " + words[s][count[s] > 1];
	if (!ui.filter().empty())
		text += "  /" + ui.filter();
	if (ui.problems_only())
		text += "  problems only";
	LineBuilder b(width, true);
	int clock = static_cast<int>(ui.clock.size()) + 1;
	b.add(text, std::max(width - clock - 1, 0), bold_style);
	return b.finish(" " + ui.clock, bold_style);
}

// In full what the selected row has no room for.
std::string selected_problem(const Model &model, const Ui &ui)
{
	auto selected = ui.selection();
	const Resource *r = selected ? model.find(selected->resource) : nullptr;

	if (!r || ui.screen() != Ui::Screen::list)
		return "";
	for (const auto &p : assess(*r))
		if (selected->level() == Level::resource ||
		    (p.peer == selected->peer && p.volume == selected->volume))
			return r->name + ": " + full_text(*r, p);
	return "";
}

// The two lines at the bottom: what to say, and which keys there are.
void bottom(std::vector<Line> &lines, const Model &model, const Ui &ui, int width)
{
	auto put = [&](const std::string &text, Style style = plain_style) {
		lines.push_back(LineBuilder(width).finish(text, style));
	};

	switch (ui.prompt()) {
	case Ui::Prompt::filter:
		put("Words that the resources must have in a name or state; Enter keeps, Esc drops");
		put("/" + ui.input() + "_", bold_style);
		return;
	case Ui::Prompt::yes_or_no:
		put(ui.pending_action()->effect);
		put("Run '" + joined(ui.pending_command()) + "'? [y/N]", bold_style);
		return;
	case Ui::Prompt::the_word_yes:
		put(ui.pending_action()->effect, tone_style(Tone::bad));
		put("'" + joined(ui.pending_command()) + "': type yes and Enter: " + ui.input() + "_",
		    bold_style);
		return;
	case Ui::Prompt::none:
		break;
	}

	if (!ui.message().empty())
		put(ui.message(), ui.message_is_bad() ? tone_style(Tone::bad) : bold_style);
	else if (!ui.source_trouble.empty())
		put(ui.source_trouble, tone_style(Tone::bad));
	else if (std::string problem = selected_problem(model, ui); !problem.empty())
		put(problem);
	else if (model.lost())
		put(std::to_string(model.lost()) + " gaps in the notifications; the state is fetched anew");
	else if (model.not_understood())
		put(std::to_string(model.not_understood()) + " lines of events2 were not understood",
		    tone_style(Tone::bad));
	else
		put("");
	put(ui.screen() == Ui::Screen::list ?
	    "? help  Enter details  space expand  / filter  p problems  l log  E explain  q quit" :
	    "arrows scroll  q back  ? help", title_style);
}

}  // namespace

// ------------------------------------------------------------------ pieces

int columns_of(std::string_view text)
{
	int sum = 0, columns;

	while (!text.empty()) {
		next_character(text, columns);
		sum += columns;
	}
	return sum;
}

std::string fit(std::string_view text, int width)
{
	std::string out;
	int used = 0, columns;
	size_t before_last = 0;
	int used_before_last = 0;

	while (!text.empty()) {
		std::string c = next_character(text, columns);
		if (used + columns > width) {
			// Put the mark in place of the last character.
			if (width <= 0)
				return "";
			if (used >= width) {
				out.resize(before_last);
				used = used_before_last;
			}
			out += '~';
			used++;
			break;
		}
		if (columns) {
			before_last = out.size();
			used_before_last = used;
		}
		out += c;
		used += columns;
	}
	if (used < width)
		out.append(width - used, ' ');
	return out;
}

std::string bar(double percent, int width)
{
	int inside = std::max(width - 2, 0);
	// Full only when it is.
	int full = static_cast<int>(std::floor(std::clamp(percent, 0.0, 100.0) / 100 * inside));

	return "[" + std::string(full, '#') + std::string(inside - full, '.') + "]";
}

std::string amount(double kib)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;
	char text[32];

	while (kib >= 1023.5 && unit + 1 < std::size(units)) {
		kib /= 1024;
		unit++;
	}
	snprintf(text, sizeof(text), unit && kib < 99.95 ? "%.1f %s" : "%.0f %s", kib, units[unit]);
	return text;
}

std::string duration(double seconds)
{
	char text[32];

	if (!(seconds >= 0) || seconds > 1e9)
		return "-";
	long s = std::lround(seconds);
	if (s < 3600)
		snprintf(text, sizeof(text), "%ld:%02ld", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, sizeof(text), "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(text, sizeof(text), "%ldd %02ldh", s / 86400, s / 3600 % 24);
	return text;
}

std::string plain(const Line &line)
{
	std::string text;

	for (const auto &span : line)
		text += span.text;
	return text;
}

int body_lines(Size size) { return std::max(size.rows - top_lines - bottom_lines, 1); }

std::vector<Line> render(const Model &model, Ui &ui, Size size)
{
	std::vector<Line> lines;

	if (size.rows < smallest.rows || size.columns < smallest.columns) {
		if (size.rows > 0 && size.columns > 0)
			lines.push_back(LineBuilder(size.columns).finish("too small"));
		return lines;
	}
	int body = body_lines(size);

	ui.follow(model, body);
	lines.push_back(title_line(model, ui, size.columns));
	if (ui.screen() == Ui::Screen::list) {
		ListView view(model, ui, size);
		lines.push_back(view.header());
		for (int i = 0; i < body && ui.first_row() + i < static_cast<int>(ui.rows().size()); i++) {
			int at = ui.first_row() + i;
			lines.push_back(view.row(ui.rows()[at], at == ui.selected_row()));
		}
		if (ui.rows().empty() && model.complete())
			lines.push_back(LineBuilder(size.columns).finish(
				model.resources().empty() ? "  No resource is up." : "  Nothing matches."));
		else if (ui.rows().empty())
			lines.push_back(LineBuilder(size.columns).finish("  Waiting for drbdsetup ..."));
	} else {
		Page page = ui.screen() == Ui::Screen::details ? details(model, ui) :
			    ui.screen() == Ui::Screen::log ? log_page(model) :
			    ui.screen() == Ui::Screen::output ? output_page(ui) : help_page();
		auto all = wrapped(page.lines, size.columns);
		// Without a header line there is one more.
		ui.limit_first_line(static_cast<int>(all.size()), body + 1);
		for (int i = 0; i < body + 1 && ui.first_line() + i < static_cast<int>(all.size()); i++) {
			const Line &line = all[ui.first_line() + i];
			LineBuilder b(size.columns);
			lines.push_back(line.empty() ? b.finish() :
						       b.finish(line[0].text, line[0].style));
		}
	}
	while (static_cast<int>(lines.size()) < size.rows - bottom_lines)
		lines.push_back({});
	bottom(lines, model, ui, size.columns);
	return lines;
}

}  // namespace drbd::mon
