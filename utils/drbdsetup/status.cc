// SPDX-License-Identifier: GPL-2.0-only
/* drbdsetup status, text and JSON (drbdsetup.md 9). */
#include "command.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <iostream>

#include <linux/drbd.h>
#include "common/text.h"
#include "model.h"
#include "statistics.h"
#include "status.h"

namespace drbdsetup {

using drbd::Palette;
using drbd::Side;
using drbd::Tone;
using drbd::Wrapper;

bool color_wanted(const Invocation &inv)
{
	const auto *value = inv.value("color");

	if (!value)
		return isatty(STDOUT_FILENO);
	std::string when = value->value_or("always");
	if (when == "always")
		return true;
	if (when == "auto")
		return isatty(STDOUT_FILENO);
	if (when == "never")
		return false;
	throw UsageError("unknown --color argument");
}

namespace {

class StatusText {
public:
	StatusText(unsigned int verbose, bool statistics, Palette palette)
		: verbose(verbose), statistics(statistics), palette(palette),
		  is_tty(isatty(STDOUT_FILENO)) {}

	std::string operator()(const Resource &r)
	{
		single_volume = r.devices.size() == 1 && r.devices.front().volume == 0;
		resource(r);
		for (const auto &d : r.devices)
			device(d);
		auto connections = sorted(r);
		for (const auto *c : connections)
			connection(r, *c);
		out.newline();
		return out.str();
	}

private:
	static std::vector<const Connection *> sorted(const Resource &r);

	void resource(const Resource &r)
	{
		const auto &info = r.info.v;
		std::string suspended = suspended_text(info);

		out.item(0, r.name);
		if (verbose)
			out.item(4, " node-id:" + std::to_string(r.opts.v.node_id));
		out.item(4, " role:" + palette.role(Side::local, info.res_role));
		if (verbose || suspended != "no")
			out.item(4, " suspended:" + suspended);
		if (verbose || info.res_fail_io)
			out.item(4, " force-io-failures:" +
				 palette.paint(Side::local, info.res_fail_io ? Tone::bad : Tone::good,
					       yes_no(info.res_fail_io)));
		if (verbose && statistics) {
			out.newline();
			out.item(4, "write-ordering:" + std::string(drbd::write_ordering_name(
				r.statistics.v.res_stat_write_ordering)));
		}
		out.newline();
	}

	bool volume_shown() const { return verbose || !single_volume; }

	/* Items of a line: the first one comes without its blank. */
	struct Line {
		Wrapper *out;
		unsigned int first_indent, indent;
		bool started = false;

		void operator()(std::string item)
		{
			out->item(started ? indent : first_indent, started ? item : item.substr(1));
			started = true;
		}
	};

	void device(const Device &d)
	{
		const auto &info = d.info.v;
		Line line{&out, 2, volume_shown() ? 6u : 2u};

		if (volume_shown())
			line(" volume:" + std::to_string(d.volume));
		if (verbose)
			line(" minor:" + std::to_string(d.minor));
		line(" disk:" + palette.disk(Side::local, info.dev_disk_state,
					     info.is_intentional_diskless == 1));
		if (info.dev_disk_state == D_DISKLESS && (verbose || !is_tty))
			line(std::string(" client:") + yes_no_unknown(info.is_intentional_diskless));
		if (verbose)
			line(" backing_dev:" + d.backing_dev());
		if (verbose || !info.dev_has_quorum)
			line(" quorum:" + palette.paint(Side::local, info.dev_has_quorum ?
							Tone::good : Tone::bad,
							yes_no(info.dev_has_quorum)));
		if (is_known(d.statistics.v.dev_size)) {
			if (statistics) {
				out.newline();
				line = Line{&out, 6, 6};
				for (const auto &item : device_items(d.statistics.v, verbose, true))
					line(item);
			}
			std::string blocked = blocked_text(d.statistics.v);
			if (verbose || blocked != "no")
				line(" blocked:" + blocked);
		}
		out.newline();
	}

	void connection(const Resource &r, const Connection &c)
	{
		const auto &info = c.info.v;
		bool connected = info.conn_connection_state == C_CONNECTED;
		Line line{&out, 2, 6};

		if (!c.name.empty())
			line(" " + c.name);
		if (verbose || c.name.empty())
			line(" node-id:" + std::to_string(c.peer_node_id));
		if (verbose || !connected)
			line(" connection:" + palette.connection(info.conn_connection_state));
		if (verbose || connected)
			line(" role:" + palette.role(Side::peer, info.conn_role));
		const auto &s = c.statistics.v;
		bool congested = s.conn_congested == 1;
		if (verbose || congested) {
			line(std::string(" congested:") + yes_no(congested));
			if (c.statistics.has(T_ap_in_flight)) {
				line(" ap-in-flight:" + std::to_string(s.ap_in_flight));
				line(" rs-in-flight:" + std::to_string(s.rs_in_flight));
			}
		}
		out.newline();
		if (verbose || statistics || connected)
			for (const auto &p : c.peer_devices)
				peer_device(r, p);
	}

	void peer_device(const Resource &r, const PeerDevice &p)
	{
		const auto &info = p.info.v;
		Line line{&out, 4, 8};

		if (volume_shown())
			line(" volume:" + std::to_string(p.volume));
		if (verbose || info.peer_repl_state > L_ESTABLISHED)
			line(" replication:" + palette.replication(info.peer_repl_state));
		if (verbose || statistics || info.peer_repl_state != L_OFF ||
		    info.peer_disk_state != D_UNKNOWN) {
			line(" peer-disk:" + palette.disk(Side::peer, info.peer_disk_state,
							  info.peer_is_intentional_diskless == 1));
			if (info.peer_disk_state == D_DISKLESS && (verbose || !is_tty))
				line(std::string(" peer-client:") +
				     yes_no_unknown(info.peer_is_intentional_diskless));
			Progress progress_of = progress(p, device_size(r, p.volume));
			if (progress_of.has_done)
				line(done_item(progress_of));
			std::string suspended = resync_suspended_text(info);
			if (verbose || suspended != "no")
				line(" resync-suspended:" + suspended);
			if (statistics && is_known(p.statistics.v.peer_dev_received)) {
				out.newline();
				line = Line{&out, 8, 8};
				for (const auto &item : peer_device_items(p, progress_of, verbose))
					line(item);
			}
		}
		if (line.started)
			out.newline();
	}

	unsigned int verbose;
	bool statistics;
	Palette palette;
	bool is_tty;
	bool single_volume = false;
	Wrapper out;
};

std::vector<const Connection *> StatusText::sorted(const Resource &r)
{
	return connections_by_name(r);
}

/* --------------------------------------------------------------------- JSON */

/*
 * The layout is part of the interface as much as the content: it is what
 * existing tools print, to the blank.
 */
class StatusJson {
public:
	std::string operator()(const Resource &r)
	{
		const auto &info = r.info.v;

		out = "{\n";
		string(1, "name", r.name);
		number(1, "node-id", r.opts.v.node_id);
		string(1, "role", drbd::role_name(info.res_role));
		boolean(1, "suspended", suspended_text(info) != "no");
		boolean(1, "suspended-user", info.res_susp);
		boolean(1, "suspended-no-data", info.res_susp_nod);
		boolean(1, "suspended-fencing", info.res_susp_fen);
		boolean(1, "suspended-quorum", info.res_susp_quorum);
		boolean(1, "force-io-failures", info.res_fail_io);
		string(1, "write-ordering", drbd::write_ordering_name(
			r.statistics.v.res_stat_write_ordering));
		list(1, "devices", r.devices, [&](const Device &d) { device(d); });
		out += ",\n";
		auto connections = connections_by_name(r);
		list(1, "connections", connections,
		     [&](const Connection *c) { connection(r, *c); });
		out += "\n}\n";
		return out;
	}

private:
	void key(unsigned int level, const char *name)
	{
		out.append(level * 2, ' ');
		out += '"';
		out += name;
		out += "\": ";
	}
	void raw(unsigned int level, const char *name, const std::string &text)
	{
		key(level, name);
		out += text;
		out += ",\n";
	}
	void string(unsigned int level, const char *name, std::string_view text)
	{
		raw(level, name, drbd::json_quote(text));
	}
	void number(unsigned int level, const char *name, uint64_t n)
	{
		raw(level, name, std::to_string(n));
	}
	void signed_number(unsigned int level, const char *name, uint64_t n)
	{
		raw(level, name, std::to_string(static_cast<int64_t>(n)));
	}
	void real(unsigned int level, const char *name, double d)
	{
		raw(level, name, format("%.2f", d));
	}
	void boolean(unsigned int level, const char *name, bool b)
	{
		raw(level, name, b ? "true" : "false");
	}
	/* The comma behind the last member of an object must go. */
	void drop_comma()
	{
		out.erase(out.size() - 2);
		out += '\n';
	}
	template <class List, class F>
	void list(unsigned int level, const char *name, const List &items, F print)
	{
		key(level, name);
		out += "[\n";
		std::string indent(level * 2 + 2, ' ');
		bool first = true;
		for (const auto &item : items) {
			if (!first)
				out += ",\n";
			first = false;
			out += indent + "{\n";
			print(item);
			drop_comma();
			out += indent + "}";
		}
		out += " ]";
	}

	void device(const Device &d)
	{
		const auto &info = d.info.v;

		number(3, "volume", d.volume);
		number(3, "minor", d.minor);
		string(3, "disk-state", drbd::disk_name(info.dev_disk_state));
		boolean(3, "client", info.is_intentional_diskless == 1);
		boolean(3, "quorum", info.dev_has_quorum);
		const auto &s = d.statistics.v;
		if (!is_known(s.dev_size))
			return;
		number(3, "size", s.dev_size / 2);
		number(3, "read", s.dev_read / 2);
		number(3, "written", s.dev_write / 2);
		number(3, "al-writes", s.dev_al_writes);
		number(3, "bm-writes", s.dev_bm_writes);
		number(3, "upper-pending", s.dev_upper_pending);
		number(3, "lower-pending", s.dev_lower_pending);
	}

	void connection(const Resource &r, const Connection &c)
	{
		const auto &info = c.info.v;

		number(3, "peer-node-id", c.peer_node_id);
		string(3, "name", c.name);
		key(3, "connection-state");
		out += drbd::json_quote(drbd::conn_name(info.conn_connection_state)) + ", \n";
		boolean(3, "congested", c.statistics.v.conn_congested == 1);
		string(3, "peer-role", drbd::role_name(info.conn_role));
		if (c.statistics.has(T_ap_in_flight)) {
			number(3, "ap-in-flight", c.statistics.v.ap_in_flight);
			number(3, "rs-in-flight", c.statistics.v.rs_in_flight);
		}
		list(3, "peer_devices", c.peer_devices,
		     [&](const PeerDevice &p) { peer_device(r, p); });
		out += ",\n";
	}

	void peer_device(const Resource &r, const PeerDevice &pd)
	{
		const auto &info = pd.info.v;
		const auto &s = pd.statistics.v;
		uint64_t dev_size = device_size(r, pd.volume);
		Progress p = progress(pd, dev_size);

		number(5, "volume", pd.volume);
		string(5, "replication-state", drbd::repl_name(info.peer_repl_state));
		string(5, "peer-disk-state", drbd::disk_name(info.peer_disk_state));
		boolean(5, "peer-client", info.peer_is_intentional_diskless == 1);
		string(5, "resync-suspended", resync_suspended_text(info));
		if (is_known(s.peer_dev_received)) {
			number(5, "received", s.peer_dev_received / 2);
			number(5, "sent", s.peer_dev_sent / 2);
			number(5, "out-of-sync", s.peer_dev_out_of_sync / 2);
			number(5, "pending", s.peer_dev_pending);
			number(5, "unacked", s.peer_dev_unacked);
		}
		boolean(5, "has-sync-details", p.details);
		boolean(5, "has-online-verify-details", p.details && p.verify);
		double in_sync = 0;
		if (dev_size && is_known(s.peer_dev_out_of_sync))
			in_sync = 100.0 * (1 - static_cast<double>(s.peer_dev_out_of_sync) /
					   static_cast<double>(dev_size));
		real(5, "percent-in-sync", in_sync);
		if (!p.details) {
			if (p.has_done)
				real(5, "percent-resync-done", p.done);
			return;
		}
		number(5, "rs-total", s.peer_dev_rs_total);
		number(5, "rs-dt-start-ms", s.peer_dev_rs_dt_start_ms);
		number(5, "rs-paused-ms", s.peer_dev_rs_paused_ms);
		number(5, "rs-dt0-ms", s.peer_dev_rs_dt0_ms);
		signed_number(5, "rs-db0-sectors", s.peer_dev_rs_db0_sectors);
		number(5, "rs-dt1-ms", s.peer_dev_rs_dt1_ms);
		signed_number(5, "rs-db1-sectors", s.peer_dev_rs_db1_sectors);
		if (p.verify) {
			number(5, "ov-start-sector", s.peer_dev_ov_start_sector);
			signed_number(5, "ov-stop-sector", s.peer_dev_ov_stop_sector);
			number(5, "ov-position", s.peer_dev_ov_position);
			number(5, "ov-left", s.peer_dev_ov_left);
			number(5, "ov-skipped", s.peer_dev_ov_skipped);
		} else {
			number(5, "rs-failed", s.peer_dev_resync_failed);
			number(5, "rs-same-csum", s.peer_dev_rs_same_csum);
		}
		real(5, "want", s.peer_dev_rs_c_sync_rate / 1024.0);
		real(5, "db0/dt0 [MiB/s]", p.rate0);
		real(5, "db1/dt1 [MiB/s]", p.rate1);
		raw(5, "estimated-seconds-to-finish",
		    p.has_eta ? format("%.0f", p.eta) : "987654321");
		real(5, "db/dt [MiB/s]", p.rate);
		real(5, "percent-resync-done", p.done);
	}

	std::string out;
};

/* Leave the terminal as it was when killed in the middle of a coloured word. */
void restore_color_and_die(int sig)
{
	static const char reset[] = "\033[0m";

	if (write(STDOUT_FILENO, reset, sizeof(reset) - 1) < 0) {
		/* nothing that could be done about it */
	}
	raise(sig);
}

} // namespace

uint64_t device_size(const Resource &r, unsigned int volume)
{
	for (const auto &d : r.devices)
		if (d.volume == volume)
			return is_known(d.statistics.v.dev_size) ? d.statistics.v.dev_size : 0;
	return 0;
}

std::vector<const Connection *> connections_by_name(const Resource &r)
{
	std::vector<const Connection *> list;

	for (const auto &c : r.connections)
		list.push_back(&c);
	std::ranges::stable_sort(list, {}, [](const Connection *c) { return c->name; });
	return list;
}

int run_status(Invocation &inv)
{
	bool json = inv.count("json");
	Palette palette(color_wanted(inv));
	bool found = false;

	if (palette.enabled()) {
		struct sigaction action = {};
		action.sa_handler = restore_color_and_die;
		action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
		for (int sig : {SIGHUP, SIGINT, SIGPIPE, SIGTERM})
			sigaction(sig, &action, nullptr);
	}

	auto resources = dump_resources(*inv.socket);
	resources.sort([](const auto &a, const auto &b) { return a.name < b.name; });
	if (json)
		std::cout << "[\n";
	else if (resources.empty())
		std::cout << "# No currently configured DRBD found.\n";
	for (auto &resource : resources) {
		if (inv.resource && *inv.resource != resource.name)
			continue;
		dump_contents(*inv.socket, resource);
		if (json)
			std::cout << (found ? ",\n" : "") << StatusJson()(resource);
		else
			std::cout << StatusText(inv.count("verbose"), inv.count("statistics"),
						palette)(resource);
		found = true;
	}
	if (json)
		std::cout << "]\n\n";
	if (inv.resource && !found) {
		std::cout.flush();
		throw Error(10, inv.object_name + ": No such resource");
	}
	return 0;
}

} // namespace drbdsetup
