// SPDX-License-Identifier: GPL-2.0-only
// drbdmon: a full-screen live view of resources, connections and synchronisation.
#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <getopt.h>
#include <iostream>
#include <memory>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/error.h"
#include "process.h"
#include "terminal.h"

namespace drbd::mon {

namespace {

constexpr Seconds retry_after = 5;
constexpr size_t max_output = 256 << 10;

struct Options {
	std::string file;
	std::string resource;
	double interval = 1;
	bool read_only = false;
	bool color = true;
};

Seconds now()
{
	return std::chrono::duration<double>(
		       std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string time_of_day()
{
	time_t t = time(nullptr);
	struct tm tm;
	char text[16] = "";

	if (localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	return text;
}

std::string host_name()
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	return name;
}

// Where lines come from: a child that is started again when it ends, or a file.
class Source {
public:
	Source(const Options &options, Model &model) : options(options), model(model)
	{
		if (!options.file.empty())
			file = open_file(options.file);
		else
			start();
	}

	int fd() const { return file ? file.get() : child ? child->out() : -1; }
	int err_fd() const { return child ? child->err() : -1; }
	const std::string &trouble() const { return why; }

	// Something may be there to read.  Returns whether the model may have changed.
	bool read()
	{
		std::string bytes;

		if (!options.file.empty()) {
			bytes = file ? read_some(file) : "";
			if (!file)
				why = "end of " + options.file;
		} else if (child) {
			bytes = child->read_out();
			complaints += child->read_err();
			if (complaints.size() > 1000)
				complaints.erase(0, complaints.size() - 1000);
		}
		if (bytes.empty())
			return false;
		if (child)
			why.clear();
		std::string time = time_of_day();
		splitter.add(bytes, [&](std::string_view line) { model.apply(line, time); });
		return true;
	}

	// Once an interval: ask for fresh statistics, notice an end, try again.
	void tick(Seconds t)
	{
		if (!options.file.empty())
			return;
		if (!child) {
			if (t >= retry_at)
				start();
			return;
		}
		if (child->out() >= 0 || child->err() >= 0) {
			child->write("n\n");
			return;
		}
		auto status = child->status();
		if (!status)
			return;
		while (!complaints.empty() && complaints.back() == '\n')
			complaints.pop_back();
		size_t last_line = complaints.rfind('\n');
		std::string reason = last_line == complaints.npos ? complaints :
								    complaints.substr(last_line + 1);
		failed("drbdsetup events2 ended (" +
		       (*status < 0 ? "signal " + std::to_string(-*status) :
				      "exit code " + std::to_string(*status)) +
		       ")" + (reason.empty() ? "" : ": " + reason));
	}

private:
	void start()
	{
		std::vector<std::string> argv = {"drbdsetup", "events2", "--full", "--statistics",
						 "--poll"};
		if (!options.resource.empty())
			argv.push_back(options.resource);
		splitter = LineSplitter();
		complaints.clear();
		model.restart();
		try {
			child = std::make_unique<Process>(argv, Process::Input::pipe);
		} catch (const Error &e) {
			failed(e.what());
		}
	}

	void failed(const std::string &reason)
	{
		child.reset();
		retry_at = now() + retry_after;
		why = "Not live since " + time_of_day() + ": " + reason;
	}

	const Options &options;
	Model &model;
	Fd file;
	std::unique_ptr<Process> child;
	LineSplitter splitter;
	std::string complaints, why;
	Seconds retry_at = 0;
};

// A command that the user asked for; one at a time.
class Command {
public:
	explicit Command(Ui &ui) : ui(ui) {}

	int fd() const { return child ? child->out() : -1; }
	int err_fd() const { return child ? child->err() : -1; }

	void run(const Request &r)
	{
		request = r;
		output.clear();
		ui.command_started(r.argv);
		try {
			child = std::make_unique<Process>(r.argv, Process::Input::none);
		} catch (const Error &e) {
			ui.command_ended(r.argv, 127, e.what(), false);
		}
	}

	// Returns whether it ended.
	bool read()
	{
		if (!child)
			return false;
		// Its own end counts, not that of what it may have left in the background.
		auto status = child->status();
		for (size_t before = output.size() + 1; before != output.size();) {
			before = output.size();
			output += child->read_out();
			output += child->read_err();
			if (output.size() > max_output)
				output.resize(max_output);
		}
		if (!status)
			return false;
		child.reset();
		ui.command_ended(request.argv, *status, output, request.show_output);
		return true;
	}

	// What was begun is brought to its end without us.
	~Command()
	{
		if (child)
			child->detach();
	}

private:
	Ui &ui;
	Request request;
	std::unique_ptr<Process> child;
	std::string output;
};

// Signals as something that can be waited for.
Fd signals()
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	for (int s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCHLD})
		sigaddset(&set, s);
	sigprocmask(SIG_BLOCK, &set, nullptr);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		throw Error(20, std::string("signalfd: ") + strerror(errno));
	return Fd(fd);
}

int watch(const Options &options)
{
	Fd signal_fd = signals();
	// First: without a terminal nothing is started.
	Terminal terminal(options.color);
	Model model;
	Ui ui(!options.file.empty() ? "this is a recording: there is nothing to act on" :
	      options.read_only	    ? "started with --read-only: no actions" : "");
	Source source(options, model);
	Command command(ui);
	Seconds next_tick = now() + options.interval;
	bool dirty = true;

	ui.host = options.file.empty() ? host_name() : options.file;
	for (;;) {
		if (dirty) {
			ui.clock = time_of_day();
			ui.source_trouble = source.trouble();
			terminal.draw(render(model, ui, terminal.size()));
			dirty = false;
		}
		pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {signal_fd.get(), POLLIN, 0},
				{source.fd(), POLLIN, 0}, {source.err_fd(), POLLIN, 0},
				{command.fd(), POLLIN, 0}, {command.err_fd(), POLLIN, 0}};
		int wait = static_cast<int>(std::max(0.0, (next_tick - now()) * 1000)) + 1;
		if (poll(fds, std::size(fds), wait) < 0 && errno != EINTR)
			throw Error(20, std::string("poll: ") + strerror(errno));

		signalfd_siginfo info;
		while (read(signal_fd.get(), &info, sizeof(info)) == sizeof(info)) {
			if (info.ssi_signo == SIGWINCH) {
				terminal.resized();
				dirty = true;
			} else if (info.ssi_signo != SIGCHLD) {
				return 0;
			}
		}
		if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
			return 0;
		while (auto key = terminal.key()) {
			Request r = ui.key(*key, model);
			dirty = true;
			if (r.what == Request::quit)
				return 0;
			if (r.what == Request::redraw)
				terminal.forget();
			if (r.what == Request::run)
				command.run(r);
			// The next key may depend on what this one changed.
			render(model, ui, terminal.size());
		}
		if (source.read())
			dirty = true;
		if (command.read())
			dirty = true;
		Seconds t = now();
		if (t >= next_tick) {
			source.tick(t);
			model.sample(t);
			next_tick = t + options.interval;
			dirty = true;
		}
	}
}

const char usage[] =
	"USAGE: drbdmon [options] [resource]\n\n"
	"Watch the DRBD resources of this node, or one of them: problems first, with\n"
	"synchronisation, rates and details, and act on them by key.  ? shows the keys.\n\n"
	"  -f, --file FILE         show events that 'drbdsetup events2 --full --statistics' wrote\n"
	"                          into a file or pipe, not those of this node\n"
	"  -i, --interval SECONDS  fetch statistics that often (0.1 ... 60; 1)\n"
	"  -r, --read-only         no actions\n"
	"  -n, --no-color          bold and reverse only; also with NO_COLOR in the environment\n"
	"  -h, --help\n"
	"  -V, --version\n\n"
	"Marks: ! no access to data, * no redundancy or about to be lost, ~ being worked on.\n";

int run(int argc, char **argv)
{
	static const option long_options[] = {
		{"file", required_argument, nullptr, 'f'},
		{"interval", required_argument, nullptr, 'i'},
		{"read-only", no_argument, nullptr, 'r'},
		{"no-color", no_argument, nullptr, 'n'},
		{"help", no_argument, nullptr, 'h'},
		{"version", no_argument, nullptr, 'V'},
		{},
	};
	Options options;
	const char *no_color = getenv("NO_COLOR");

	options.color = !no_color || !*no_color;
	for (int c; (c = getopt_long(argc, argv, "f:i:rnhV", long_options, nullptr)) != -1;) {
		switch (c) {
		case 'f':
			options.file = optarg;
			break;
		case 'i': {
			char *end;
			options.interval = strtod(optarg, &end);
			if (end == optarg || *end ||
			    !(options.interval >= 0.1 && options.interval <= 60))
				throw Error(20, std::string("drbdmon: --interval ") + optarg +
						": a number of seconds from 0.1 to 60 expected");
			break;
		}
		case 'r':
			options.read_only = true;
			break;
		case 'n':
			options.color = false;
			break;
		case 'h':
			std::cout << usage;
			return 0;
		case 'V':
			std::cout << "drbdmon " DRBD_UTILS_VERSION "\n";
			return 0;
		default:
			throw Error(20, "Try 'drbdmon --help'.");
		}
	}
	if (argc - optind > 1)
		throw Error(20, std::string("drbdmon: excess argument '") + argv[optind + 1] + "'");
	if (optind < argc)
		options.resource = argv[optind];
	if (!options.resource.empty() && !options.file.empty())
		throw Error(20, "drbdmon: a resource cannot be picked out of a file; filter with /");
	return watch(options);
}

}  // namespace

}  // namespace drbd::mon

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	try {
		return drbd::mon::run(argc, argv);
	} catch (const drbd::Error &e) {
		if (*e.what())
			std::cerr << e.what() << '\n';
		return e.exit_code();
	}
}
