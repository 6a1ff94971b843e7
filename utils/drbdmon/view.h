// SPDX-License-Identifier: GPL-2.0-only
// From model and user interface to lines of a given size.  Knows no terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/text.h"
#include "ui.h"

namespace drbd::mon {

// How to write a piece of text.  Nothing may depend on colour alone.
struct Style {
	Tone tone = Tone::normal;
	bool bold = false, reverse = false;
	bool operator==(const Style &) const = default;
};

struct Span {
	std::string text;
	Style style;
};

using Line = std::vector<Span>;

struct Size {
	int rows, columns;
};

// Lines between title and bottom lines, for Ui::follow().
int body_lines(Size size);

// At most size.rows lines of at most size.columns columns.
std::vector<Line> render(const Model &model, Ui &ui, Size size);

// Text of a line without styles.
std::string plain(const Line &line);

// Columns on the terminal, in the locale of the process; what cannot be shown counts as '?'.
int columns_of(std::string_view text);
// Cut or filled to exactly @width columns; a cut is marked by '~'.
std::string fit(std::string_view text, int width);

std::string bar(double percent, int width);	// "[####....]"
std::string amount(double kib);			// "1.2 MiB"
std::string duration(double seconds);		// "0:18", "1:02:03", "3d 04h"

}  // namespace drbd::mon
