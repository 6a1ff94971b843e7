// SPDX-License-Identifier: GPL-2.0-only
/* drbdsetup events2: where notifications come from, and when it ends (drbdsetup.md 10.3). */
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>

#include <linux/drbd.h>
#include "events2.h"
#include "status.h"

namespace drbdsetup {

using drbd::Palette;

namespace {

/* Is something waiting on stdin, is the reader of stdout gone? */
enum class Wake { socket, input, output_closed };

Wake wait_for_something(int socket, bool poll_input)
{
	for (;;) {
		pollfd fds[] = {
			{STDOUT_FILENO, 0, 0},
			{socket, POLLIN, 0},
			{poll_input ? STDIN_FILENO : -1, POLLIN, 0},
		};

		if (poll(fds, std::size(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			throw Error(20, std::string("poll: ") + strerror(errno));
		}
		if (fds[0].revents & (POLLHUP | POLLERR))
			return Wake::output_closed;
		if (fds[1].revents)
			return Wake::socket;
		if (fds[2].revents)
			return Wake::input;
	}
}

class EventsCommand {
public:
	explicit EventsCommand(Invocation &inv)
		: options{inv.count("timestamps") > 0, inv.count("statistics") > 0,
			  inv.count("now") > 0, inv.count("poll") > 0, inv.count("full") > 0,
			  inv.count("diff") > 0},
		  socket(*inv.socket), name(inv.resource),
		  watcher(options, Palette(color_wanted(inv)), inv.resource, std::cout) {}

	int run()
	{
		if (!options.now)
			socket.subscribe();
		initial_dump();
		while (!options.now || options.poll) {
			switch (wait_for_something(socket.fd(), options.poll)) {
			case Wake::output_closed:
				return 0;
			case Wake::socket:
				socket.receive([&](const Message &m) { multicast(m); },
					       std::chrono::milliseconds(0));
				break;
			case Wake::input: {
				char c;
				ssize_t n = read(STDIN_FILENO, &c, 1);
				if (n < 0)
					throw Error(20, std::string("read: ") + strerror(errno));
				if (n == 0)
					return 0;
				if (c == '\n')
					break;
				if (c != 'n')
					return 0;
				fetch_again();
				break;
			}
			}
			if (!std::cout)
				return 0;
		}
		return 0;
	}

private:
	/* Multicasts are numbered one after another; a gap means that some were lost. */
	void multicast(const Message &message)
	{
		if (last_seq && message.seq() != *last_seq + 1)
			std::cout << "- skipped "
				  << static_cast<int32_t>(message.seq() - *last_seq - 1) << '\n';
		last_seq = message.seq();
		watcher.apply(message);
	}

	void dump(const drbd::genl::Socket::Handler &handler)
	{
		std::vector<std::vector<char>> queue;

		socket.dump(DRBD_CMD_GET_INITIAL_STATE, name, handler, [&](const Message &m) {
			queue.push_back(m.copy());
		});
		for (const auto &bytes : queue)
			Message::with_copy(bytes, [&](const Message &m) { multicast(m); });
	}

	void initial_dump()
	{
		watcher.start_initial();
		dump([&](const Message &message) {
			if (message.cmd() == DRBD_CMD_INITIAL_STATE_DONE)
				watcher.finish_initial();
			else
				watcher.apply(message);
		});
	}

	void fetch_again()
	{
		if (options.now) {
			watcher.forget_all();
			initial_dump();
			return;
		}
		dump([&](const Message &message) {
			if (message.cmd() != DRBD_CMD_INITIAL_STATE_DONE)
				watcher.apply(message);
		});
	}

	EventOptions options;
	drbd::genl::Socket &socket;
	std::optional<std::string> name;
	EventWatcher watcher;
	std::optional<uint32_t> last_seq;
};

} // namespace

int run_events2(Invocation &inv)
{
	no_surplus_words(inv);
	/* When the reader goes away, that is the end, not a failure. */
	signal(SIGPIPE, SIG_IGN);
	return EventsCommand(inv).run();
}

} // namespace drbdsetup
