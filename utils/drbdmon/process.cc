// SPDX-License-Identifier: GPL-2.0-only
#include "process.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"

extern char **environ;

namespace drbd::mon {

namespace {

// No line of events2 is near that.
constexpr size_t longest_line = 64 << 10;

struct Pipe {
	Fd read_end, write_end;

	Pipe()
	{
		int fds[2];
		if (pipe2(fds, O_CLOEXEC))
			throw Error(20, std::string("pipe: ") + strerror(errno));
		read_end = Fd(fds[0]);
		write_end = Fd(fds[1]);
	}
};

void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

}  // namespace

Fd &Fd::operator=(Fd &&other) noexcept
{
	if (this != &other) {
		reset();
		fd = other.release();
	}
	return *this;
}

void Fd::reset()
{
	if (fd >= 0)
		close(fd);
	fd = -1;
}

int Fd::release()
{
	int old = fd;

	fd = -1;
	return old;
}

void LineSplitter::add(std::string_view bytes, const std::function<void(std::string_view)> &line)
{
	while (!bytes.empty()) {
		size_t end = bytes.find('\n');
		std::string_view piece = bytes.substr(0, end);

		if (partial.size() < longest_line)
			partial.append(piece.substr(0, longest_line - partial.size()));
		if (end == bytes.npos)
			return;
		bytes.remove_prefix(end + 1);
		// A line that was cut is no event any more.
		line(partial.size() < longest_line ? std::string_view(partial) : "(too long)");
		partial.clear();
	}
}

Process::Process(const std::vector<std::string> &argv, Input wanted)
{
	Pipe out_pipe, err_pipe;
	std::optional<Pipe> in_pipe;
	std::vector<char *> args;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;

	for (const auto &arg : argv)
		args.push_back(const_cast<char *>(arg.c_str()));
	args.push_back(nullptr);
	if (wanted == Input::pipe)
		in_pipe.emplace();

	posix_spawn_file_actions_init(&files);
	if (in_pipe)
		posix_spawn_file_actions_adddup2(&files, in_pipe->read_end.get(), STDIN_FILENO);
	else
		posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out_pipe.write_end.get(), STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, err_pipe.write_end.get(), STDERR_FILENO);

	// Our signal mask is for us, and Ctrl-C on our terminal is not for the child.
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETPGROUP);
	int fault = posix_spawnp(&pid, args[0], &files, &attributes, args.data(), environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	if (fault) {
		pid = -1;
		throw Error(20, "cannot run " + argv[0] + ": " + strerror(fault));
	}
	output = std::move(out_pipe.read_end);
	errors = std::move(err_pipe.read_end);
	set_nonblocking(output.get());
	set_nonblocking(errors.get());
	if (in_pipe) {
		input = std::move(in_pipe->write_end);
		set_nonblocking(input.get());
	}
}

Process::~Process()
{
	if (pid < 0 || status())
		return;
	kill(pid, SIGTERM);
	// It holds nothing that would make it stay; a process that does is left to init.
	for (int i = 0; i < 100 && !status(); i++)
		usleep(10000);
}

std::string Process::read_from(Fd &fd) { return read_some(fd); }

void Process::write(std::string_view text)
{
	// Full or closed: its end, or the next request, will show.
	if (input && ::write(input.get(), text.data(), text.size()) < 0 && errno == EPIPE)
		input.reset();
}

std::optional<int> Process::status()
{
	int raw;

	if (!ended && pid >= 0 && waitpid(pid, &raw, WNOHANG) == pid)
		ended = WIFEXITED(raw) ? WEXITSTATUS(raw) : -WTERMSIG(raw);
	return ended;
}

Fd open_file(const std::string &path)
{
	struct stat st;

	if (stat(path.c_str(), &st))
		throw Error(20, path + ": " + strerror(errno));
	// A named pipe that nobody writes to yet, or for a while, is not at its end.
	int mode = S_ISFIFO(st.st_mode) && !access(path.c_str(), W_OK) ? O_RDWR : O_RDONLY;
	Fd fd(open(path.c_str(), mode | O_CLOEXEC | O_NONBLOCK));
	if (!fd)
		throw Error(20, path + ": " + strerror(errno));
	if (S_ISDIR(st.st_mode))
		throw Error(20, path + ": " + strerror(EISDIR));
	return fd;
}

std::string read_some(Fd &fd)
{
	char buffer[65536];
	ssize_t n;

	if (!fd)
		return "";
	do
		n = read(fd.get(), buffer, sizeof(buffer));
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return std::string(buffer, n);
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		fd.reset();
	return "";
}

}  // namespace drbd::mon
