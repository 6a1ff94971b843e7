// SPDX-License-Identifier: GPL-2.0-only
// Questions to the operator, and how sizes are shown to him.
#pragma once

#include <string>

#include "core/port.h"

namespace drbd::meta {

class Console {
public:
	Console(bool force, bool quiet) : force_(force), quiet_(force && quiet) {}

	// Context line(s) before a question; nothing if questions are suppressed.
	void context(const std::string &text) const;
	// Ask on stderr.  --force means yes, no terminal means no, else 'yes' is needed.
	bool confirm(const std::string &question);
	// With --force --quiet: say how many questions nobody saw.
	void report_suppressed() const;

private:
	bool force_;
	bool quiet_;
	unsigned suppressed_ = 0;
};

// "65 MB": @kib in the largest unit that leaves less than five digits.
std::string human_size(u64 kib);

} // namespace drbd::meta
