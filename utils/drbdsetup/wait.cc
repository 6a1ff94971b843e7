// SPDX-License-Identifier: GPL-2.0-only
/* wait-connect-* and wait-sync-* (drbdsetup.md 11). */
#include "command.h"

#include <algorithm>
#include <chrono>
#include <iostream>

#include <linux/drbd.h>
#include "model.h"

namespace drbdsetup {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr int exit_timed_out = 5;

struct Timeouts {
	/* Seconds; 0: for ever. */
	uint64_t connect = 0, degraded = 0, outdated = 0;
};

uint64_t timeout_option(const Invocation &inv, const char *option, const char *label)
{
	constexpr uint64_t max = 300000;
	const auto *value = inv.value(option);

	if (!value)
		return 0;
	uint64_t n = number_argument(value->value_or(""), '1');
	if (n > max)
		throw Error(20, std::string(label) + " => " + **value + " out of range [0.." +
			    std::to_string(max) + "]");
	return n;
}

/* A node that was degraded must not wait longer than one that was not, and so on. */
void couple(uint64_t &shorter, uint64_t longer, const char *shorter_name, const char *longer_name)
{
	if (longer == 0 || (shorter != 0 && shorter <= longer))
		return;
	shorter = longer;
	std::cerr << shorter_name << " has to be shorter than " << longer_name << '\n'
		  << shorter_name << " implicitly set to " << longer_name << " (" << longer
		  << "s)\n";
}

class Waiter {
public:
	explicit Waiter(Invocation &inv)
		: inv(inv), socket(*inv.socket),
		  for_sync(std::string_view(inv.command.name).starts_with("wait-sync")),
		  one_volume(inv.command.context & ctx_volume)
	{
		timeouts.connect = timeout_option(inv, "wfc-timeout", "wfc_timeout");
		timeouts.degraded = timeout_option(inv, "degr-wfc-timeout", "degr_wfc_timeout");
		timeouts.outdated = timeout_option(inv, "outdated-wfc-timeout",
						   "outdated_wfc_timeout");
		if (const auto *value = inv.value("wait-after-sb")) {
			std::string text = value->value_or("yes");
			if (text != "yes" && text != "no")
				throw Error(20, "Option --wait-after-sb: invalid argument '" + text +
					    "'");
			wait_after_sb = text == "yes";
		}
	}

	int run()
	{
		socket.subscribe();
		if (!list_peer_devices())
			return 0;
		couple(timeouts.degraded, timeouts.connect, "degr-wfc-timeout", "wfc-timeout");
		couple(timeouts.outdated, timeouts.degraded, "outdated-wfc-timeout",
		       "degr-wfc-timeout");
		for (auto &w : waits)
			ask_timeout(w);

		auto handler = [&](const Message &m) { apply(m); };
		socket.dump(DRBD_CMD_GET_INITIAL_STATE, inv.resource, handler, handler);
		while (!result) {
			auto left = time_left();
			if (left && *left <= clock::duration::zero())
				return exit_timed_out;
			std::optional<std::chrono::milliseconds> ms;
			if (left)
				ms = std::chrono::ceil<std::chrono::milliseconds>(*left);
			if (socket.receive(handler, ms) == drbd::genl::Socket::Got::timeout)
				return exit_timed_out;
		}
		return *result;
	}

private:
	struct Wait {
		uint32_t peer_node_id, volume;
		bool selected;		/* wait for this one; the others only have timeouts */
		uint64_t timeout = 0;
		bool reached = false;
	};

	bool selected(const ObjectContext &ctx) const
	{
		return ctx.resource() == *inv.resource &&
		       (!inv.peer_node_id || ctx.v.ctx_peer_node_id == *inv.peer_node_id) &&
		       (!inv.volume || !ctx.has(T_ctx_volume) || ctx.v.ctx_volume == *inv.volume);
	}

	/* False if there is nothing to wait for. */
	bool list_peer_devices()
	{
		try {
			socket.dump(DRBD_CMD_GET_PEER_DEVICES, inv.resource, [&](const Message &m) {
				ObjectContext ctx(m);
				waits.push_back({ctx.v.ctx_peer_node_id, ctx.v.ctx_volume,
						 selected(ctx)});
			});
		} catch (const drbd::genl::DumpRefused &refused) {
			report_result(inv.object_name, refused.result);
			return false;
		}
		return !waits.empty();
	}

	void ask_timeout(Wait &w)
	{
		drbd::genl::Request request(socket.family(), DRBD_CMD_GET_TIMEOUT_TYPE);

		request.context(inv.resource, w.peer_node_id, w.volume);
		auto answer = socket.request(request);
		if (answer.ret_code != NO_ERROR || !answer.timeout_type)
			throw Error(20, "error determining which timeout to use: " +
				    std::string(drbd::ret_code_text(answer.ret_code)
						.value_or("no answer")));
		switch (*answer.timeout_type) {
		case UT_DEGRADED: w.timeout = timeouts.degraded; break;
		case UT_PEER_OUTDATED: w.timeout = timeouts.outdated; break;
		default: w.timeout = timeouts.connect;
		}
	}

	bool expired(const Wait &w) const
	{
		return w.timeout && clock::now() >= start + seconds(w.timeout);
	}

	/* Until the next timeout that has not passed; negative: all have; nothing: for ever. */
	std::optional<clock::duration> time_left() const
	{
		std::optional<clock::time_point> next;
		bool all_expired = true;
		bool any_selected = std::ranges::any_of(waits, &Wait::selected);

		for (const auto &w : waits) {
			/* Nothing that could come: whatever limit there is, is the limit. */
			if (any_selected && !w.selected)
				continue;
			if (expired(w))
				continue;
			all_expired = false;
			if (!w.timeout)
				continue;
			auto at = start + seconds(w.timeout);
			if (!next || at < *next)
				next = at;
		}
		if (waits.empty())
			return std::nullopt;
		if (all_expired)
			return clock::duration(-1);
		if (next)
			return *next - clock::now();
		return std::nullopt;
	}

	void apply(const Message &m)
	{
		ObjectContext ctx(m);
		notification_header nh{};

		if (result || !selected(ctx))
			return;
		m.get(DRBD_NLA_notification_header, nh);
		unsigned int type = nh.nh_type & ~NOTIFY_CONTINUES;
		if (m.cmd() == DRBD_CMD_CONNECTION_STATE && !one_volume)
			connection(m, ctx, type);
		else if (m.cmd() == DRBD_CMD_PEER_DEVICE_STATE)
			peer_device(m, ctx, type);
	}

	/* A connection that was given up will not come without help. */
	void connection(const Message &m, const ObjectContext &ctx, unsigned int type)
	{
		connection_info info{};

		if (type == NOTIFY_CREATE || type == NOTIFY_DESTROY ||
		    !m.get(DRBD_NLA_connection_info, info) ||
		    info.conn_connection_state > C_DISCONNECTING)
			return;
		if (!wait_after_sb) {
			result = 0;
			return;
		}
		std::cerr << "\ndrbd " << ctx.resource() << " connection to peer-id "
			  << ctx.v.ctx_peer_node_id << " ('" << ctx.connection() << "') is "
			  << drbd::conn_name(info.conn_connection_state)
			  << ", but I'm configured to wait anways (--wait-after-sb)\n";
	}

	void peer_device(const Message &m, const ObjectContext &ctx, unsigned int type)
	{
		auto it = std::ranges::find_if(waits, [&](const Wait &w) {
			return w.peer_node_id == ctx.v.ctx_peer_node_id &&
			       w.volume == ctx.v.ctx_volume;
		});

		if (type == NOTIFY_DESTROY) {
			if (it != waits.end())
				waits.erase(it);
		} else if (it != waits.end()) {
			peer_device_info info{};
			m.get(DRBD_NLA_peer_device_info, info);
			it->reached = for_sync ? info.peer_repl_state == L_ESTABLISHED :
				      info.peer_repl_state >= L_ESTABLISHED;
		}
		if (std::ranges::all_of(waits, [&](const Wait &w) {
			    return !w.selected || w.reached || expired(w); }))
			result = 0;
	}

	Invocation &inv;
	drbd::genl::Socket &socket;
	bool for_sync, one_volume;
	bool wait_after_sb = false;
	Timeouts timeouts;
	std::vector<Wait> waits;
	clock::time_point start = clock::now();
	std::optional<int> result;
};

} // namespace

int run_wait(Invocation &inv)
{
	no_surplus_words(inv);
	return Waiter(inv).run();
}

} // namespace drbdsetup
