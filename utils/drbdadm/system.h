// SPDX-License-Identifier: GPL-2.0-only
// What drbdadm asks the machine it runs on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>

namespace drbd::adm {

class FileDescriptor {
public:
	explicit FileDescriptor(int fd = -1) : fd_(fd) {}
	~FileDescriptor() { reset(); }
	FileDescriptor(FileDescriptor &&other) noexcept : fd_(other.release()) {}
	FileDescriptor &operator=(FileDescriptor &&other) noexcept
	{
		reset(other.release());
		return *this;
	}

	int get() const { return fd_; }
	explicit operator bool() const { return fd_ >= 0; }
	int release()
	{
		int fd = fd_;
		fd_ = -1;
		return fd;
	}
	void reset(int fd = -1)
	{
		if (fd_ >= 0)
			close(fd_);
		fd_ = fd;
	}

private:
	int fd_;
};

struct Version {
	unsigned major = 0, minor = 0, patch = 0;

	static std::optional<Version> parse(std::string_view text);
	unsigned code() const { return major << 16 | minor << 8 | patch; }
	std::string text() const;
};

// DRBD_DRIVER_VERSION_OVERRIDE, /proc/drbd, or modinfo; nothing if unknown.  Asked once.
std::optional<Version> driver_version();

// __DRBD_NODE__ or the host name (drbdadm.md 1.4).
std::string local_node_name();
// The value of __DRBD_NODE__ if it is set and not empty.
std::optional<std::string> pretended_node_name();

// Whether the address is configured on an interface that is up.  Families other than ipv4 and
// ipv6 are always taken to be.
bool have_address(const std::string &family, const std::string &addr);

// For comparisons: the binary form of an ipv4 or ipv6 address, else the text itself.
std::string canonical_address(const std::string &family, const std::string &addr);
bool is_loopback(const std::string &family, const std::string &addr);

// Size of a block device by its name below /sys/block, in sectors; nothing if unknown.
std::optional<unsigned long long> block_device_sectors(const std::string &name);

}  // namespace drbd::adm
