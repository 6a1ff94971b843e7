// SPDX-License-Identifier: GPL-2.0-only
// The metadata device: aligned direct I/O on a block device or, with --force, a file.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "console.h"
#include "options.h"

namespace drbd::meta {

// Memory fit for direct I/O, zeroed.
class Buffer {
public:
	explicit Buffer(size_t bytes);
	u8 *data() { return data_.get(); }
	const u8 *data() const { return data_.get(); }
	size_t size() const { return size_; }

private:
	struct Free {
		void operator()(u8 *p) const { free(p); }
	};
	std::unique_ptr<u8, Free> data_;
	size_t size_;
};

class Device {
public:
	enum class Open {
		exclusive,	// ask before sharing
		exclusive_or_fail,
		shared,
	};
	Device(const std::string &path, Open mode, const Options &options, Console &console);
	~Device();
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;

	const std::string &path() const { return path_; }
	u64 bytes() const { return bytes_; }
	u64 sectors() const { return bytes_ / 512; }

	// Offset and length are multiples of 4096, memory is a Buffer's.
	void read(u64 offset, u8 *to, size_t bytes) const;
	// As read(); refuses what lies outside the writable range.
	void write(u64 offset, const u8 *from, size_t bytes);
	// Zero a range the way @mode says (set_all writes ones); announces it on stderr.
	void initialize_bitmap(u64 offset, u64 bytes, InitBitmap mode);
	// Writes outside [start, end) are refused from now on (unless --ignore-sanity-checks).
	void restrict_writes(u64 start, u64 end);
	void sync();

private:
	bool zero_out(u64 offset, u64 bytes);
	void fill(u64 offset, u64 bytes, int byte);
	void check_range(u64 offset, u64 bytes) const;

	std::string path_;
	int fd_ = -1;
	u64 bytes_ = 0;
	bool block_device_ = false;
	bool dry_run_;
	bool check_writes_;
	unsigned verbose_;
	u64 writable_start_ = 0, writable_end_ = 0;
	bool written_ = false;
};

} // namespace drbd::meta
