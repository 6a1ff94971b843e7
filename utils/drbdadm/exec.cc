// SPDX-License-Identifier: GPL-2.0-only
#include "exec.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failure.h"
#include "files.h"
#include "system.h"

namespace drbd::adm {

namespace {

constexpr const char *run_dir = "/var/run/drbd";
constexpr size_t max_show_output = 256 << 20;
constexpr size_t max_captured = 1 << 20;

struct Redirect {
	int out = -1, err = -1;  // descriptors for the child, -1: inherit
};

[[noreturn]] void exec_helper(const Words &words)
{
	std::vector<char *> argv;
	for (const auto &w : words)
		argv.push_back(const_cast<char *>(w.c_str()));
	argv.push_back(nullptr);
	execvp(argv[0], argv.data());
	if (errno == ENOENT && !strchr(argv[0], '/')) {
		for (const char *dir : {"/usr/sbin/", "/sbin/"}) {
			std::string path = dir + words[0];
			execv(path.c_str(), argv.data());
		}
	}
	fprintf(stderr, "Can not exec %s: %s\n", argv[0], strerror(errno));
	_exit(exit_code::exec);
}

pid_t start(const Words &words, const HelperCommand &command, const Redirect &redirect)
{
	fflush(stdout);
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0)
		throw Failure(exit_code::exec, std::string("Can not fork: ") + strerror(errno));
	if (pid > 0)
		return pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(exit_code::exec);
	if (!command.resource.empty())
		setenv("DRBD_RESOURCE", command.resource.c_str(), 1);
	for (const auto &[name, value] : command.environment)
		setenv(name.c_str(), value.c_str(), 1);
	if (redirect.out >= 0)
		dup2(redirect.out, STDOUT_FILENO);
	if (redirect.err >= 0)
		dup2(redirect.err, STDERR_FILENO);
	exec_helper(words);
}

// Waits for the child; false if it did not end within `seconds` (0: wait for ever).
bool wait_for(pid_t pid, int seconds, int *status)
{
	int wstatus = 0;

	if (seconds > 0) {
		FileDescriptor fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
		if (fd) {
			struct pollfd p = {fd.get(), POLLIN, 0};
			int ready;
			do {
				ready = poll(&p, 1, seconds * 1000);
			} while (ready < 0 && errno == EINTR);
			if (ready == 0)
				return false;
		}
	}
	while (waitpid(pid, &wstatus, 0) < 0 && errno == EINTR)
		;
	*status = WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : exit_code::exec;
	return true;
}

FileDescriptor dev_null()
{
	return FileDescriptor(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

}  // namespace

static void append_escaped(std::string &out, std::string_view text)
{
	static constexpr auto plain = [] {
		std::array<bool, 256> table{};
		for (unsigned char c : std::string_view("%+-./0123456789:=@_"
							"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
							"abcdefghijklmnopqrstuvwxyz"))
			table[c] = true;
		return table;
	}();
	for (char c : text) {
		if (!plain[static_cast<unsigned char>(c)])
			out += '\\';
		out += c;
	}
}

std::string shell_escape(const std::string &text)
{
	std::string out;
	append_escaped(out, text);
	return out;
}

std::string find_helper(const std::string &argv0, const std::string &name)
{
	auto slash = argv0.rfind('/');
	if (slash == std::string::npos)
		return name;
	std::string path = argv0.substr(0, slash + 1) + name;
	return access(path.c_str(), X_OK) == 0 ? path : name;
}

std::string registration_link(const std::string &name)
{
	std::string safe = name;
	std::replace(safe.begin(), safe.end(), '/', '_');
	return std::string(run_dir) + "/drbd-" + safe + ".conf";
}

// What is to be executed, without the command's own arguments.
Words Executor::prefix(const HelperCommand &command) const
{
	if (command.helper == Helper::shell)
		return {"/bin/sh", "-c"};
	return {settings_.programs[static_cast<int>(command.helper)]};
}

Words Executor::command_line(const HelperCommand &command) const
{
	Words words = prefix(command);
	words.insert(words.end(), command.args.begin(), command.args.end());
	return words;
}

void Executor::print(const HelperCommand &command)
{
	std::string line;
	if (!settings_.sh_varname.empty() && !command.resource.empty())
		line = settings_.sh_varname + "=" + shell_escape(command.resource) + "\n";
	auto add = [&line](const Words &words) {
		for (const auto &w : words) {
			append_escaped(line, w);
			line += ' ';
		}
	};
	add(prefix(command));
	add(command.args);
	line.back() = '\n';
	fwrite(line.data(), 1, line.size(), stdout);
	// Before what the helper says; a dry run starts none.
	if (!settings_.dry_run)
		fflush(stdout);
}

int Executor::run(const HelperCommand &command, std::string *captured)
{
	if (settings_.dry_run || settings_.verbose)
		print(command);
	if (settings_.dry_run)
		return 0;

	Words words = command_line(command);
	int batch_status;
	if (batch_mode_ && !captured && run_in_batch(command, words, &batch_status))
		return finished(command, words, batch_status, command.quiet);

	Redirect redirect;
	FileDescriptor null, reader, writer;
	if (command.quiet) {
		null = dev_null();
		redirect.err = null.get();
	} else if (captured) {
		int fds[2];
		if (pipe2(fds, O_CLOEXEC) < 0)
			throw Failure(exit_code::exec,
				      std::string("Can not create a pipe: ") + strerror(errno));
		reader.reset(fds[0]);
		writer.reset(fds[1]);
		redirect.err = writer.get();
	}
	pid_t pid = start(words, command, redirect);
	int limit = settings_.limits[static_cast<int>(command.limit)];
	if (captured && reader) {
		writer.reset();
		try {
			*captured = read_all(reader.get(), words[0], max_captured,
					     limit ? limit * 1000 : -1);
		} catch (const Failure &) {
			// The wait below says what is wrong, if it still is.
		}
	}
	int status;
	if (!wait_for(pid, limit, &status))
		throw Failure(exit_code::exec, "Command '" + join(words, " ") +
						       "' did not terminate within " +
						       std::to_string(limit) + " seconds");
	return finished(command, words, status, command.quiet || captured);
}

// What follows from a helper's exit status.
int Executor::finished(const HelperCommand &command, const Words &words, int status, bool silent)
{
	if (status >= 10 && !silent && !command.ignore_status)
		diag_.say("Command '" + join(words, " ") + "' terminated with exit code " +
			  std::to_string(status));
	if (status == 0 && !command.register_as.empty())
		register_config(command.register_as);
	return command.ignore_status ? 0 : status;
}

// False if the command has to run in a process of its own.
bool Executor::run_in_batch(const HelperCommand &command, const Words &words, int *status)
{
	if (command.helper != Helper::drbdsetup || command.limit == TimeLimit::none)
		return false;
	int limit = settings_.limits[static_cast<int>(command.limit)];
	BatchHelper::Answer answer;
	switch (batch_.run(words[0], command.args, limit, &answer)) {
	case BatchHelper::Result::unsupported: return false;
	case BatchHelper::Result::timeout:
		throw Failure(exit_code::exec, "Command '" + join(words, " ") +
						       "' did not terminate within " +
						       std::to_string(limit) + " seconds");
	case BatchHelper::Result::answered: break;
	}
	fputs(answer.out.c_str(), stdout);
	fflush(stdout);
	if (!command.quiet)
		fputs(answer.err.c_str(), stderr);
	*status = answer.status;
	return true;
}

int Executor::run_all(const std::vector<HelperCommand> &commands)
{
	for (const auto &c : commands)
		if (int status = run(c))
			return status;
	return 0;
}

void Executor::run_parallel(const std::vector<HelperCommand> &commands)
{
	std::vector<pid_t> children;
	for (const auto &c : commands) {
		if (settings_.dry_run || settings_.verbose)
			print(c);
		if (!settings_.dry_run)
			children.push_back(start(command_line(c), c, {}));
	}
	for (pid_t pid : children) {
		int status;
		wait_for(pid, 0, &status);
	}
}

std::string Executor::output_of(const Words &args)
{
	HelperCommand command;
	command.args = args;
	return stdout_of(command);
}

std::string Executor::stdout_of(const HelperCommand &command)
{
	Words words = command_line(command);
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		throw Failure(exit_code::exec,
			      std::string("Can not create a pipe: ") + strerror(errno));
	FileDescriptor reader(fds[0]), writer(fds[1]), null = dev_null();
	pid_t pid = start(words, command, {writer.get(), null.get()});
	writer.reset();
	std::string text = read_all(reader.get(), words[0], max_show_output, -1);
	int status;
	wait_for(pid, 0, &status);
	return text;
}

// A link from the minor or resource to its configuration, so that handlers and udev rules which
// only know the object find the file it was set up from.
void Executor::register_config(const std::string &name)
{
	const std::string &file = settings_.config_file;
	if (file.empty() || file.rfind(std::string(run_dir) + "/", 0) == 0)
		return;
	std::string link = registration_link(name);
	char present[PATH_MAX];
	ssize_t n = readlink(link.c_str(), present, sizeof(present));
	if (n > 0 && file == std::string(present, static_cast<size_t>(n)))
		return;
	if (mkdir(run_dir, 0700) < 0 && errno != EEXIST) {
		diag_.say(std::string("mkdir(") + run_dir + "): " + strerror(errno));
		return;
	}
	unlink(link.c_str());
	if (symlink(file.c_str(), link.c_str()) < 0)
		diag_.say("symlink(" + file + ", " + link + "): " + strerror(errno));
}

}  // namespace drbd::adm
