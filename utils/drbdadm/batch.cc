// SPDX-License-Identifier: GPL-2.0-only
#include "batch.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace drbd::adm {

namespace {

constexpr size_t max_answer = 16 << 20;

bool send_all(int fd, const std::string &text)
{
	size_t done = 0;
	while (done < text.size()) {
		ssize_t n = send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += static_cast<size_t>(n);
	}
	return true;
}

}  // namespace

bool BatchHelper::start(const std::string &program)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	FileDescriptor ours(fds[0]), theirs(fds[1]);
	fflush(stdout);
	pid_t parent = getpid();
	child_ = fork();
	if (child_ < 0)
		return false;
	if (child_ == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		dup2(theirs.get(), STDIN_FILENO);
		dup2(theirs.get(), STDOUT_FILENO);
		// Complaints about commands come in the answers; what else it says is about
		// not knowing --batch.
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (null >= 0)
			dup2(null, STDERR_FILENO);
		execlp(program.c_str(), program.c_str(), "--batch", static_cast<char *>(nullptr));
		_exit(1);
	}
	socket_ = std::move(ours);
	return true;
}

void BatchHelper::stop()
{
	socket_.reset();
	if (child_ <= 0)
		return;
	// End of input ends it; it must not keep us if it does not listen.
	for (int i = 0; i < 100; i++) {
		pid_t done = waitpid(child_, nullptr, WNOHANG);
		if (done == child_ || (done < 0 && errno != EINTR)) {
			child_ = -1;
			return;
		}
		poll(nullptr, 0, 10);
	}
	kill(child_, SIGKILL);
	waitpid(child_, nullptr, 0);
	child_ = -1;
}

BatchHelper::Result BatchHelper::run(const std::string &program,
				     const std::vector<std::string> &words, int seconds,
				     Answer *answer)
{
	using namespace std::chrono;
	using nlohmann::json;

	if (unsupported_ || (!socket_ && !start(program))) {
		unsupported_ = true;
		return Result::unsupported;
	}
	// After it has proven to understand, a program that goes away is a failed command.
	auto gone = [&] {
		stop();
		unsupported_ = true;
		if (!proven_)
			return Result::unsupported;
		*answer = {20, "", program + " --batch ended unexpectedly\n"};
		return Result::answered;
	};

	json request(words);
	if (!send_all(socket_.get(),
		      request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"))
		return gone();

	auto deadline = steady_clock::now() + std::chrono::seconds(seconds);
	size_t newline;
	while ((newline = received_.find('\n')) == std::string::npos) {
		int wait = -1;
		if (seconds) {
			auto left = duration_cast<milliseconds>(deadline - steady_clock::now());
			wait = static_cast<int>(std::max<long long>(0, left.count()));
		}
		struct pollfd p = {socket_.get(), POLLIN, 0};
		int ready = poll(&p, 1, wait);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0) {
			kill(child_, SIGKILL);
			return Result::timeout;
		}
		char buffer[4096];
		ssize_t n = recv(socket_.get(), buffer, sizeof(buffer), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || received_.size() > max_answer)
			return gone();
		received_.append(buffer, static_cast<size_t>(n));
	}
	json reply = json::parse(received_.substr(0, newline), nullptr, false);
	received_.erase(0, newline + 1);
	if (!reply.is_object() || !reply.contains("exit") || !reply["exit"].is_number_integer())
		return gone();
	proven_ = true;
	answer->status = reply["exit"].get<int>();
	for (auto [key, text] : {std::pair{"stdout", &answer->out}, {"stderr", &answer->err}})
		if (auto it = reply.find(key); it != reply.end() && it->is_string())
			*text = it->get<std::string>();
	return Result::answered;
}

}  // namespace drbd::adm
