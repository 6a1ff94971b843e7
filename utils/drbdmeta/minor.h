// SPDX-License-Identifier: GPL-2.0-only
// The DRBD minor that belongs to the metadata: one tool at a time, and not while in use.
#pragma once

#include <string>
#include <vector>

namespace drbd::meta {

// "-": -1.  Digits, /dev/drbdDIGITS or a block device node of DRBD: its minor.
int parse_minor(const std::string &device);

// Holds the lock that drbdsetup and drbdmeta share, for the life of the object.
class MinorLock {
public:
	explicit MinorLock(int minor);
	~MinorLock();
	MinorLock(const MinorLock &) = delete;
	MinorLock &operator=(const MinorLock &) = delete;

private:
	void take(const std::string &path);
	std::vector<int> fds_;
};

// Does the kernel have a disk attached to this minor?
bool minor_is_attached(int minor);

} // namespace drbd::meta
