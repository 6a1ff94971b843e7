// SPDX-License-Identifier: GPL-2.0-only
// Which of what is known is not as it should be, and how bad that is.
#pragma once

#include <string>
#include <vector>

#include "model.h"

namespace drbd::mon {

enum class Severity {
	fine,
	busy,		// it is being worked on
	warning,	// redundancy is missing
	alarm,		// somebody cannot reach data, or is about to
};

struct Problem {
	Severity severity;
	int peer = -1;		// node id; -1: not about a connection
	int volume = -1;
	std::string text;	// "no quorum", without the object
};

// Worst first.
std::vector<Problem> assess(const Resource &r);
Severity worst(const std::vector<Problem> &problems);
// "bravo volume 0: ..."
std::string full_text(const Resource &r, const Problem &p);

}  // namespace drbd::mon
