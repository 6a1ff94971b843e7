// SPDX-License-Identifier: GPL-2.0-only
// The text form of metadata (metadata chapter, 9.2 and 9.3): writer and reader.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "session.h"

namespace drbd::meta {

// A bitmap as it stands in a dump: 64-bit words with repeat counts.
struct BitmapRun {
	u64 count;
	u64 value;
};

struct Dump {
	drbd_md md{};	// no offsets: those follow from the device
	std::vector<std::vector<BitmapRun>> bitmaps;
};

// Parse a whole dump.  Throws Failure naming the line; touches nothing.
Dump parse_dump(std::string_view text, drbd_md_format wanted);

// Write the dump of what @s found to stdout.  @marker: say that it is unclean.
void print_dump(Session &s, bool unclean_marker, bool at_last_known);

// "connected | seen", or "" if no flag is set
std::string peer_flag_text(u32 flags);

} // namespace drbd::meta
