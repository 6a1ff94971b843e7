// SPDX-License-Identifier: GPL-2.0-only
#include "files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <thread>

#include <linux/drbd.h>
#include "common/error.h"

namespace drbdsetup {

using drbd::Error;
using namespace std::chrono_literals;

namespace {

constexpr const char *new_lock_directory = "/run/drbd/lock";

void make_directory(const std::string &path)
{
	if (mkdir(path.c_str(), 0700) < 0 && errno != EEXIST)
		throw Error(20, "mkdir(" + path + "): " + strerror(errno));
}

void unlink_link(const std::string &path)
{
	if (unlink(path.c_str()) < 0 && errno != ENOENT)
		std::cerr << "unlink(" << path << "): " << strerror(errno) << '\n';
}

} // namespace

MinorLock::MinorLock(unsigned int minor)
{
	std::string name = "/drbd-" + std::to_string(DRBD_MAJOR) + "-" + std::to_string(minor);

	take("/var/lock" + name);
	if (geteuid() == 0) {
		make_directory("/run/drbd");
		make_directory(new_lock_directory);
	}
	if (access(new_lock_directory, F_OK) == 0)
		take(new_lock_directory + name);
}

MinorLock::~MinorLock()
{
	for (int fd : fds)
		close(fd);
}

void MinorLock::take(const std::string &path)
{
	int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		int err = errno;
		std::string text = "open(" + path + "): " + strerror(err);
		if (err == EACCES || err == EPERM)
			text += "\nTry again with 'sudo' or as root?";
		throw Error(20, text);
	}
	fds.push_back(fd);

	auto deadline = std::chrono::steady_clock::now() + 1s;
	for (;;) {
		struct flock lock = {};
		lock.l_type = F_WRLCK;
		lock.l_whence = SEEK_SET;
		if (fcntl(fd, F_SETLK, &lock) == 0)
			return;
		if (errno != EACCES && errno != EAGAIN && errno != EINTR)
			throw Error(20, "fcntl(" + path + ", F_SETLK): " + strerror(errno));
		if (std::chrono::steady_clock::now() >= deadline) {
			if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
				throw Error(20, "lock on " + path + " currently held by pid:" +
					    std::to_string(lock.l_pid));
			throw Error(20, "lock on " + path + " currently held");
		}
		/* There is no way to wait for a record lock with a limit but a signal. */
		std::this_thread::sleep_for(20ms);
	}
}

void unregister_minor(unsigned int minor)
{
	unlink_link("/run/drbd/drbd-minor-" + std::to_string(minor) + ".conf");
}

void unregister_resource(const std::string &name)
{
	/* A name may contain a slash only on a kernel that is not strict; keep it in its directory. */
	if (name.find('/') == name.npos)
		unlink_link("/run/drbd/drbd-resource-" + name + ".conf");
}

} // namespace drbdsetup
