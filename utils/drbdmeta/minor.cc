// SPDX-License-Identifier: GPL-2.0-only
#include "minor.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"

namespace drbd::meta {

namespace {

constexpr unsigned kDrbdMajor = 147;
// drbd-utils up to 9.24 and later ones disagree where the lock is; we hold both, and so
// does our drbdsetup.
constexpr char kOldLockDir[] = "/var/lock";
constexpr char kNewLockDir[] = "/run/drbd/lock";
constexpr int kMaxMinor = (1 << 20) - 1;

// -1 if @text is not a plain minor number.
int digits(const std::string &text)
{
	if (text.empty() || text.size() > 7 ||
	    text.find_first_not_of("0123456789") != std::string::npos)
		return -1;
	int minor = atoi(text.c_str());
	return minor <= kMaxMinor ? minor : -1;
}

// Our own drbdsetup stands beside us; else take what PATH has.
std::string drbdsetup_path()
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		std::string path(self, n);
		path = path.substr(0, path.rfind('/') + 1) + "drbdsetup";
		if (access(path.c_str(), X_OK) == 0)
			return path;
	}
	return "drbdsetup";
}

} // namespace

int parse_minor(const std::string &device)
{
	struct stat st;
	int minor;

	if (device == "-")
		return -1;
	if ((minor = digits(device)) >= 0)
		return minor;
	if (device.compare(0, 9, "/dev/drbd") == 0 && (minor = digits(device.substr(9))) >= 0)
		return minor;
	if (stat(device.c_str(), &st) == 0 && S_ISBLK(st.st_mode) && major(st.st_rdev) == kDrbdMajor)
		return ::minor(st.st_rdev);
	fail(kUsage, "Cannot determine minor device number of drbd device '%s'", device.c_str());
}

MinorLock::MinorLock(int minor)
{
	if (minor < 0)
		return;
	std::string name = format("/drbd-%u-%d", kDrbdMajor, minor);

	take(kOldLockDir + name);
	if (geteuid() == 0) {
		mkdir("/run/drbd", 0700);
		mkdir(kNewLockDir, 0700);
	}
	if (access(kNewLockDir, F_OK) == 0)
		take(kNewLockDir + name);
}

MinorLock::~MinorLock()
{
	for (int fd : fds_)
		close(fd);
}

void MinorLock::take(const std::string &path)
{
	int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct flock lock = {};

	if (fd < 0)
		fail(kUsage, "open(%s): %s", path.c_str(), strerror(errno));
	fds_.push_back(fd);
	// There is no way to wait for a record lock with a limit but a signal.
	for (int tries = 0; tries < 20; tries++) {
		lock.l_type = F_WRLCK;
		lock.l_whence = SEEK_SET;
		if (!fcntl(fd, F_SETLK, &lock))
			return;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			fail(kUsage, "lock on %s failed: %s", path.c_str(), strerror(errno));
		struct timespec nap = {0, 50 * 1000 * 1000};
		nanosleep(&nap, nullptr);
	}
	if (fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK)
		fail(kUsage, "lock on %s currently held", path.c_str());
	fail(kUsage, "lock on %s currently held by pid:%d", path.c_str(), (int)lock.l_pid);
}

bool minor_is_attached(int minor)
{
	if (minor < 0)
		return false;
	std::string program = drbdsetup_path(), number = std::to_string(minor);
	char name[] = "drbdsetup", command[] = "dstate";
	char *argv[] = {name, command, number.data(), nullptr};
	posix_spawn_file_actions_t actions;
	int pipe_fd[2];
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC))
		fail(kUsage, "pipe failed: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipe_fd[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	int rc = posix_spawnp(&pid, program.c_str(), &actions, nullptr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fd[1]);
	if (rc) {
		// No drbdsetup, nothing configured by it.
		close(pipe_fd[0]);
		return false;
	}
	std::string output;
	char buffer[256];
	ssize_t n;
	while ((n = read(pipe_fd[0], buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && output.size() < 4096)
			output.append(buffer, n);
	close(pipe_fd[0]);
	int status;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 10 || WEXITSTATUS(status) == 20 ||
	    WEXITSTATUS(status) == 127)
		return false;
	std::string state = output.substr(0, output.find_first_of("/\n"));
	// Every known state but "no disk" means that the kernel owns the metadata.
	return !state.empty() && state != "Diskless" && state != "Unconfigured" && state != "DUnknown";
}

} // namespace drbd::meta
