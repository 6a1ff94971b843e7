// SPDX-License-Identifier: GPL-2.0-only
// The screen: all there is of ncurses.
#pragma once

#include <optional>
#include <vector>

#include "view.h"

namespace drbd::mon {

// The terminal is in full-screen mode as long as the object lives.
class Terminal {
public:
	// Throws Error (exit 20) if standard input and output are no terminal, or of a kind
	// that cannot show a full screen.
	explicit Terminal(bool color);
	~Terminal();
	Terminal(const Terminal &) = delete;
	Terminal &operator=(const Terminal &) = delete;

	Size size() const;
	// The window has another size now.
	void resized();
	void draw(const std::vector<Line> &lines);
	// Whatever is there may be damaged: draw all of it next time.
	void forget();
	// A character or a Key; nothing if no key was pressed.
	std::optional<int> key();

private:
	bool colors = false;
};

}  // namespace drbd::mon
