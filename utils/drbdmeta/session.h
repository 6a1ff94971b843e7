// SPDX-License-Identifier: GPL-2.0-only
// One run of the tool on one metadata device: where things are, what was found.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "console.h"
#include "core/bitmap_geometry.h"
#include "core/metadata.h"
#include "device.h"
#include "options.h"

namespace drbd::meta {

// What the command line names.
struct Target {
	int minor = -1;			// -1: "-", no minor
	std::string device;		// as given
	drbd_md_format format = DRBD_MD_V09;
	std::string md_device;
	int index = DRBD_MD_INDEX_FLEX_INT;
	std::string command;
	std::vector<std::string> args;
	std::string command_line;	// for the header of a dump
};

class Session {
public:
	Session(Options options, Target target);

	Options options;
	Target target;
	Console console;

	bool internal() const { return drbd_md_is_internal(target.index); }

	// ---- the device and what is on it ----
	void open(Device::Open mode);
	Device &device() { return *device_; }
	u64 sb_offset() const { return sb_offset_; }

	enum class Found { nothing, in_place, at_last_known };
	// Look for valid metadata of the requested format.
	Found find();
	// find(), and without metadata in place the command fails with @message.
	void require(const char *message);

	drbd_md md{};			// what find() found, or what is to be written
	drbd_md_layout layout{};	// for md; absolute sectors

	// Is this superblock valid for a device of that size?  Says why not if @report.
	bool validate(drbd_md &candidate, u64 device_bytes, drbd_md_layout *l, bool report) const;

	// Read and decode the block at byte @offset.
	drbd_md_result load(u64 offset, drbd_md *candidate) const;

	// Layout of new metadata; a failure names the limit that was hit.
	drbd_md_layout place(u32 max_peers, u32 bytes_per_bit, u32 stripes, u32 stripe_4k) const;

	// Use this layout; writes are confined to it.
	void use_layout(const drbd_md_layout &l);
	// Write the superblock, make everything durable, note the device's size.
	void store();
	// Write the whole activity log as "nothing active".
	void initialize_al();

	u32 bit_shift() const { return drbd_bm_shift(md.bytes_per_bit); }
	// Bytes of the bitmap region in use.
	u64 bitmap_bytes() const
	{
		return drbd_bm_area_sectors(md.effective_size, md.max_peers, bit_shift()) * 512;
	}

	// ---- the last-known-size file (metadata chapter, 7.4) ----
	void update_last_known();
	void forget_last_known();

private:
	struct LastKnown {
		u64 bytes = 0;
		std::string device;
		u64 uuid = 0;
	};
	std::optional<LastKnown> last_known() const;
	std::string last_known_path() const;

	std::unique_ptr<Device> device_;
	u64 sb_offset_ = 0;
};

// A random generation identifier: never 0, never "just created", not Primary.
u64 random_uuid();

} // namespace drbd::meta
