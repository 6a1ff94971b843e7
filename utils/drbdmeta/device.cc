// SPDX-License-Identifier: GPL-2.0-only
#include "device.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"

namespace drbd::meta {

namespace {
constexpr size_t kAlign = 4096;
constexpr u64 kZeroPiece = 1ULL << 30;
constexpr size_t kFillPiece = 4 << 20;

unsigned long long llu(u64 v)
{
	return v;
}
} // namespace

Buffer::Buffer(size_t bytes)
	: data_(static_cast<u8 *>(aligned_alloc(kAlign, (bytes + kAlign - 1) / kAlign * kAlign))),
	  size_(bytes)
{
	if (!data_)
		throw std::bad_alloc();
	memset(data_.get(), 0, (bytes + kAlign - 1) / kAlign * kAlign);
}

Device::Device(const std::string &path, Open mode, const Options &options, Console &console)
	: path_(path), dry_run_(options.dry_run), check_writes_(!options.ignore_sanity_checks),
	  verbose_(options.verbose)
{
	int flags = O_RDWR | O_CLOEXEC | O_DIRECT;
	const char *p = path.c_str();
	struct stat st = {};

	// Never block on a FIFO, never open a directory or a tape.
	if (stat(p, &st) == 0 && !S_ISBLK(st.st_mode) && !(S_ISREG(st.st_mode) && options.force))
		fail(kUsage, "'%s' is not a block device!", p);

	if (mode != Open::shared && S_ISBLK(st.st_mode) && !options.force)
		flags |= O_EXCL;
	fd_ = open(p, flags);
	if (fd_ < 0 && errno == EINVAL) {
		fprintf(stderr, "could not open with O_DIRECT, retrying without\n");
		flags &= ~O_DIRECT;
		fd_ = open(p, flags);
	}
	if (fd_ < 0 && errno == EBUSY && (flags & O_EXCL)) {
		fprintf(stderr, "open(%s) failed: %s\n", p, strerror(errno));
		if (mode == Open::exclusive_or_fail)
			throw Failure(kUsage, "");
		if (!console.confirm("Exclusive open failed. Do it anyways?")) {
			printf("Operation canceled.\n");
			throw Failure(kUsage, "");
		}
		flags &= ~O_EXCL;
		fd_ = open(p, flags);
	}
	if (fd_ < 0)
		fail(kUsage, "open(%s) failed: %s", p, strerror(errno));

	if (fstat(fd_, &st))
		fail(kUsage, "fstat(%s) failed: %s", p, strerror(errno));
	block_device_ = S_ISBLK(st.st_mode);
	if (block_device_) {
		uint64_t size;
		int logical;

		if (ioctl(fd_, BLKGETSIZE64, &size))
			fail(kUsage, "ioctl(%s, BLKGETSIZE64) failed: %s", p, strerror(errno));
		bytes_ = size;
		if (ioctl(fd_, BLKSSZGET, &logical))
			fprintf(stderr, "ioctl(md_fd, BLKSSZGET) returned -1, "
				"assuming hard_sect_size is 512 Byte\n");
		else if (logical > (int)kAlign)
			fail(kUsage, "%s has logical blocks of %d bytes; at most 4096 are supported",
			     p, logical);
	} else if (S_ISREG(st.st_mode)) {
		bytes_ = st.st_size;
		fprintf(stderr, "ioctl(md_fd, BLKSSZGET) returned -1, "
			"assuming hard_sect_size is 512 Byte\n");
	} else {
		fail(kUsage, "'%s' is not a block device!", p);
	}
	writable_end_ = bytes_;
}

Device::~Device()
{
	if (fd_ >= 0)
		close(fd_);
}

void Device::read(u64 offset, u8 *to, size_t bytes) const
{
	size_t done = 0;

	if (verbose_ > 1)
		fprintf(stderr, "pread(%s, %zu, %llu)\n", path_.c_str(), bytes, llu(offset));
	while (done < bytes) {
		ssize_t n = pread(fd_, to + done, bytes - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fail(kLimits, "pread(%s, ..., %zu, %llu) failed: %s", path_.c_str(),
			     bytes, llu(offset), strerror(errno));
		if (n == 0)
			fail(kLimits, "pread(%s, ..., %zu, %llu) failed: beyond the end of the device",
			     path_.c_str(), bytes, llu(offset));
		done += n;
	}
}

void Device::check_range(u64 offset, u64 bytes) const
{
	if (!check_writes_)
		return;
	if (offset >= writable_start_ && bytes <= writable_end_ && offset <= writable_end_ - bytes)
		return;
	fail(kLimits, "%s: offset+count (%llu+%llu) not in meta data area range [%llu; %llu], aborted",
	     path_.c_str(), llu(offset), llu(bytes), llu(writable_start_), llu(writable_end_));
}

void Device::write(u64 offset, const u8 *from, size_t bytes)
{
	size_t done = 0;

	check_range(offset, bytes);
	if (verbose_ > 1)
		fprintf(stderr, "pwrite(%s, %zu, %llu)%s\n", path_.c_str(), bytes, llu(offset),
			dry_run_ ? " (dry run)" : "");
	if (dry_run_)
		return;
	written_ = true;
	while (done < bytes) {
		ssize_t n = pwrite(fd_, from + done, bytes - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			fail(kLimits, "pwrite(%s, ..., %zu, %llu) failed: %s", path_.c_str(), bytes,
			     llu(offset), n ? strerror(errno) : "no space");
		done += n;
	}
}

bool Device::zero_out(u64 offset, u64 bytes)
{
	while (bytes) {
		u64 n = bytes < kZeroPiece ? bytes : kZeroPiece;
		uint64_t range[2] = {offset, n};

		if (block_device_) {
			if (ioctl(fd_, BLKZEROOUT, range)) {
				fprintf(stderr, "ioctl(%s, BLKZEROOUT, [%llu, %llu]) failed: %s\n",
					path_.c_str(), llu(offset), llu(n), strerror(errno));
				return false;
			}
		} else if (fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, n)) {
			return false;
		}
		offset += n;
		bytes -= n;
	}
	return true;
}

void Device::fill(u64 offset, u64 bytes, int byte)
{
	Buffer buffer(kFillPiece);

	memset(buffer.data(), byte, kFillPiece);
	while (bytes) {
		size_t n = bytes < kFillPiece ? bytes : kFillPiece;

		write(offset, buffer.data(), n);
		offset += n;
		bytes -= n;
	}
}

void Device::initialize_bitmap(u64 offset, u64 bytes, InitBitmap mode)
{
	std::string size = human_size(bytes / 1024);

	bytes = bytes / kAlign * kAlign;
	check_range(offset, bytes);
	if (mode == InitBitmap::skip) {
		fprintf(stderr, "SKIPPED initializing bitmap area\n");
		return;
	}
	if (mode == InitBitmap::set_all) {
		fprintf(stderr, "initializing bitmap (%s) to all set using pwrite\n", size.c_str());
		fill(offset, bytes, 0xff);
		return;
	}
	if (mode != InitBitmap::pwrite) {
		fprintf(stderr, "initializing bitmap (%s) to all zero\n", size.c_str());
		if (dry_run_)
			return;
		written_ = true;
		if (zero_out(offset, bytes))
			return;
		if (mode == InitBitmap::zeroout)
			fail(kLimits, "fast zero-out failed, fallback disabled");
	}
	fprintf(stderr, "initializing bitmap (%s) to all zero using pwrite\n", size.c_str());
	fill(offset, bytes, 0);
}

void Device::restrict_writes(u64 start, u64 end)
{
	writable_start_ = start;
	writable_end_ = end;
}

void Device::sync()
{
	if (!written_)
		return;
	if (fsync(fd_))
		fail(kLimits, "fsync(%s) failed: %s", path_.c_str(), strerror(errno));
	written_ = false;
}

} // namespace drbd::meta
