// SPDX-License-Identifier: GPL-2.0-only
#include "files.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system.h"

namespace drbd::adm {

namespace {

// Far above any sane configuration (2,000 resources need about 1 MiB).
constexpr size_t max_file_size = 64 << 20;
constexpr int pipe_timeout_ms = 10'000;

}  // namespace

std::string read_all(int fd, const std::string &name, size_t limit, int timeout_ms)
{
	std::string text;
	std::string buffer(64 << 10, '\0');

	for (;;) {
		struct pollfd p = {fd, POLLIN, 0};
		int ready = poll(&p, 1, timeout_ms);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			throw CannotOpen(exit_code::exec, "Can not read '" + name +
								  "': no data for " +
								  std::to_string(timeout_ms / 1000) +
								  " seconds.");
		ssize_t n = read(fd, buffer.data(), buffer.size());
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			throw CannotOpen(exit_code::exec,
					 "Can not read '" + name + "': " + strerror(errno));
		if (n == 0)
			return text;
		if (text.size() + static_cast<size_t>(n) > limit)
			throw Failure(exit_code::exec, "'" + name + "' is too big for a "
								    "configuration file.");
		text.append(buffer.data(), static_cast<size_t>(n));
	}
}

std::string read_config_file(const std::string &name, bool regular_only)
{
	// O_NONBLOCK: a FIFO without writer must not block the open.
	FileDescriptor fd(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
	struct stat st;

	if (!fd || fstat(fd.get(), &st) < 0)
		throw CannotOpen(exit_code::exec, "Can not open '" + name + "'.");
	if (S_ISDIR(st.st_mode))
		throw CannotOpen(exit_code::exec,
				 "Cannot parse directory '" + name + "' as config file.");
	if (regular_only && !S_ISREG(st.st_mode))
		throw CannotOpen(exit_code::exec, "'" + name + "' is not a regular file.");
	if (S_ISREG(st.st_mode) && static_cast<size_t>(st.st_size) > max_file_size)
		throw Failure(exit_code::exec,
			      "'" + name + "' is too big for a configuration file.");
	return read_all(fd.get(), name, max_file_size, pipe_timeout_ms);
}

std::string read_stdin()
{
	return read_all(STDIN_FILENO, "STDIN", max_file_size, -1);
}

std::string absolute_path(const std::string &name)
{
	if (!name.empty() && name[0] == '/')
		return name;
	// The directory is resolved, the file keeps its name.
	auto slash = name.rfind('/');
	std::string dir = slash == std::string::npos ? "." : name.substr(0, slash);
	std::string base = slash == std::string::npos ? name : name.substr(slash + 1);
	char resolved[PATH_MAX];
	if (!realpath(dir.c_str(), resolved))
		return name;
	return std::string(resolved) + "/" + base;
}

std::string real_path(const std::string &name)
{
	char resolved[PATH_MAX];
	return realpath(name.c_str(), resolved) ? resolved : name;
}

}  // namespace drbd::adm
