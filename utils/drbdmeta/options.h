// SPDX-License-Identifier: GPL-2.0-only
// The command line of drbdmeta: options, and what they mean.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/port.h"

namespace drbd::meta {

enum class InitBitmap { automatic, zeroout, pwrite, set_all, skip };
enum class OutputFormat { automatic, hex, binary, json };

struct Options {
	bool force = false;
	bool quiet = false;
	bool ignore_sanity_checks = false;
	bool dry_run = false;
	unsigned verbose = 0;
	std::optional<int> node_id;
	std::optional<u32> peer_max_bio_size;		// bytes
	std::optional<u64> al_stripes;
	std::optional<u64> al_stripe_size_4k;
	std::optional<InitBitmap> initialize_bitmap;
	std::optional<u64> effective_size;		// sectors
	std::optional<u32> diskful_peers;		// node mask
	std::optional<u64> bitmap_block_size;		// bytes
	std::optional<OutputFormat> output_format;
	std::optional<u64> initial_current_uuid;	// 0: generate
	bool consistent = false;
	bool uptodate = false;
	bool peers_outdated = false;
	bool rotate_uuids = false;
	std::string var_lib_drbd = "/var/lib/drbd";

	std::vector<std::string> positional;
};

// Parse.  Throws Failure; for an unknown option usage() is printed first.
Options parse_options(int argc, char **argv);

// "12", "12k", "3G", "100s": a number of units of @default_unit ('1', 'k', 's').
u64 parse_number(const std::string &text, char default_unit);

// Print what the tool can do on stdout.
void usage();

} // namespace drbd::meta
