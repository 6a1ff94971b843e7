// SPDX-License-Identifier: GPL-2.0-only
#include "session.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "command.h"
#include "files.h"

namespace drbdsetup {

using namespace std::chrono_literals;

namespace {

constexpr const char *proc_drbd = "/proc/drbd";

/* Load the module if it is not there; returns the exit code if that fails. */
std::optional<int> ensure_module(const std::string &command_word)
{
	struct stat st;

	if (stat(proc_drbd, &st) == 0)
		return std::nullopt;

	const Command *command = find_command(command_word);
	int failure = command && (command->flags & silent_without_module) ? 0 : 20;

	if (errno == ENOENT) {
		std::cout.flush();
		int status = system("/sbin/modprobe drbd");
		if (status != 0) {
			std::cerr << "Failed to modprobe drbd (" << strerror(ENOENT) << ")\n";
			return failure;
		}
		/* /proc/drbd appears when the family is registered, a moment later. */
		for (int i = 0; i < 10; i++) {
			if (stat(proc_drbd, &st) == 0)
				return std::nullopt;
			std::this_thread::sleep_for(1ms);
		}
		if (stat(proc_drbd, &st) == 0)
			return std::nullopt;
	}
	std::cerr << "Could not stat " << proc_drbd << ": " << strerror(errno)
		  << "\nMake sure that the DRBD kernel module is installed and can be loaded!\n";
	return failure;
}

/* "8.4.11" from the override or /proc/drbd; empty if unknown. */
std::string driver_version()
{
	if (const char *v = getenv("DRBD_DRIVER_VERSION_OVERRIDE"))
		return v;
	char buffer[256];
	int fd = open(proc_drbd, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer));
	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return "";
	std::istringstream proc(std::string(buffer, static_cast<size_t>(len)));
	std::string word;
	while (proc >> word)
		if (word == "version:" && proc >> word)
			return word;
	return "";
}

size_t receive_buffer_size(const Invocation &inv)
{
	constexpr uint64_t smallest = 100 << 10, largest = 100 << 20;
	uint64_t size = 1 << 20;

	if (const auto *value = inv.value("rcvbuf"))
		size = number_argument(value->value_or(""), '1');
	else if (const char *env = getenv("DRBD_GENL_RCVBUF_SZ"))
		size = number_argument(env, '1');
	return std::clamp(size, smallest, largest);
}

int help(const std::string &program, int argc, char **argv, bool xml)
{
	if (argc < 3) {
		std::cout << usage_text(program);
		return 20;
	}
	const Command *command = find_command(argv[2]);
	if (!command)
		throw UsageError("unknown command");
	std::cout << (xml ? xml_help_text(*command) : help_text(program, *command));
	return 0;
}

} // namespace

int Session::run(int argc, char **argv)
{
	/* CMD --help means --help CMD; NAME COMMAND means COMMAND NAME. */
	if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h")))
		std::swap(argv[1], argv[2]);

	if (argc < 2)
		throw UsageError("");
	std::string word = argv[1];
	if (word == "help" || word == "--help" || word == "-h" || word == "xml-help")
		return help(program, argc, argv, word == "xml-help");

	if (!find_command(word) && argc > 2 && find_command(argv[2])) {
		std::swap(argv[1], argv[2]);
		word = argv[1];
	}

	if (auto rc = ensure_module(word))
		return *rc;
	std::string version = driver_version();
	if (version.starts_with("8."))
		throw Error(20, "The loaded drbd kernel module has version " + version +
			    "; this drbdsetup needs version 9. Unload it, or use the tools that "
			    "came with it.");

	const Command *command = find_command(word);
	if (!command)
		throw UsageError("invalid command");

	Invocation inv = scan_arguments(*command, argc - 1, argv + 1);
	/* One that joined the multicast group must not be asked anything else later. */
	bool listens = command->run == run_events2 || command->run == run_wait;
	std::unique_ptr<drbd::genl::Socket> own;
	std::unique_ptr<drbd::genl::Socket> &socket = listens ? own : shared;
	if (!socket)
		socket = std::make_unique<drbd::genl::Socket>(receive_buffer_size(inv));
	inv.socket = socket.get();
	parse_context(inv);
	std::unique_ptr<MinorLock> lock;
	if (command->flags & locks_minor)
		lock = std::make_unique<MinorLock>(*inv.minor);
	try {
		return command->run(inv);
	} catch (const drbd::genl::DumpRefused &refused) {
		/* The rest of the dump may still be on its way. */
		shared.reset();
		return report_result(inv.object_name, refused.result);
	} catch (const drbd::genl::FamilyGone &) {
		/* events2 and the wait commands end with the module; 9.22 says nothing. */
		return 0;
	} catch (const drbd::genl::SocketError &e) {
		shared.reset();
		throw Error(e.exit_code(), std::string(e.what()).starts_with("error desciption") ?
			    e.what() : inv.object_name + ": " + e.what());
	}
}

int Session::execute(int argc, char **argv)
{
	try {
		return run(argc, argv);
	} catch (const CommandUsageError &e) {
		std::cerr << e.what() << '\n';
		std::cout << help_text(program, e.command);
		return e.exit_code();
	} catch (const UsageError &e) {
		std::cout << usage_text(program);
		if (*e.what())
			std::cout << '\n' << e.what() << '\n';
		return e.exit_code();
	} catch (const Error &e) {
		if (*e.what()) {
			std::cout.flush();
			std::cerr << e.what() << '\n';
		}
		return e.exit_code();
	} catch (const std::exception &e) {
		std::cerr << program << ": " << e.what() << '\n';
		return 20;
	}
}

namespace {

/* Collects what is written to a stream while it lives. */
class Capture {
public:
	explicit Capture(std::ostream &stream) : stream(stream), old(stream.rdbuf(text.rdbuf())) {}
	~Capture() { stream.rdbuf(old); }
	Capture(const Capture &) = delete;
	Capture &operator=(const Capture &) = delete;
	std::string str() const { return text.str(); }

private:
	std::ostream &stream;
	std::ostringstream text;
	std::streambuf *old;
};

} // namespace

int run_batch(const std::string &program, std::istream &in, std::ostream &out)
{
	using nlohmann::json;
	Session session(program);
	std::string line;

	while (std::getline(in, line)) {
		if (line.empty())
			continue;
		json words = json::parse(line, nullptr, false);
		bool valid = words.is_array() && !words.empty() &&
			     std::ranges::all_of(words, [](const json &w) { return w.is_string(); });
		if (!valid) {
			std::cerr << program << ": batch: not an array of strings: " << line << '\n';
			return 20;
		}

		std::vector<std::string> args = {program};
		for (const auto &w : words)
			args.push_back(w.get<std::string>());
		std::vector<char *> argv;
		for (auto &arg : args)
			argv.push_back(arg.data());
		argv.push_back(nullptr);

		json answer;
		{
			Capture captured_out(std::cout), captured_err(std::cerr);
			answer["exit"] = session.execute(static_cast<int>(args.size()), argv.data());
			answer["stdout"] = captured_out.str();
			answer["stderr"] = captured_err.str();
		}
		out << answer.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
		if (!out)
			return 20;
	}
	return 0;
}

} // namespace drbdsetup
