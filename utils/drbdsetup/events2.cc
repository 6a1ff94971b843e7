// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lines of events2: the present state, then every change (drbdsetup.md 10).
 *
 * Messages are collected until one without the "continues" bit comes; then the
 * difference between what was shown last and what is now is printed.
 */
#include "events2.h"

#include <sys/time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <set>

#include <linux/drbd.h>
#include "statistics.h"

namespace drbdsetup {

using drbd::Palette;
using drbd::Side;

namespace {

/* The peer's data generation is settled; its flag in peer_dev_uuid_flags. */
constexpr uint64_t uuid_stable = 0x20;

/* An object: as it is now, as it was shown last (nothing: never), or gone. */
template <class T> struct Tracked {
	T now;
	std::optional<T> shown;
	bool gone = false;
};

struct PathNode : Tracked<Path> {};
struct PeerDeviceNode : Tracked<PeerDevice> {};
struct DeviceNode : Tracked<Device> {};

struct ConnectionNode : Tracked<Connection> {
	std::list<PeerDeviceNode> peer_devices;
	std::list<PathNode> paths;
};

struct Promotion {
	bool may_promote = false;
	unsigned int score = 0;
	bool operator==(const Promotion &) const = default;
};

struct ResourceNode : Tracked<Resource> {
	std::list<ConnectionNode> connections;
	std::list<DeviceNode> devices;
	std::optional<Promotion> promotion_shown;
};

/* drbdsetup.md 10.5; looks at what is known now. */
Promotion promotion_of(const ResourceNode &r)
{
	Promotion p;
	unsigned int local_up_to_date = 0, replicas = UINT32_MAX;
	bool usable_disks = true, may = r.now.info.v.res_role != R_PRIMARY;
	bool any_device = false;

	for (const auto &c : r.connections)
		if (!c.gone && c.now.info.v.conn_role == R_PRIMARY)
			may = false;
	for (const auto &d : r.devices) {
		if (d.gone)
			continue;
		any_device = true;
		unsigned int disk = d.now.info.v.dev_disk_state;
		unsigned int up_to_date = disk == D_UP_TO_DATE;
		bool good = disk == D_UP_TO_DATE;

		if (!d.now.info.v.dev_has_quorum)
			return {};
		local_up_to_date += disk == D_UP_TO_DATE;
		if (disk != D_UP_TO_DATE && disk != D_CONSISTENT && disk != D_INCONSISTENT)
			usable_disks = false;
		for (const auto &c : r.connections) {
			for (const auto &pd : c.peer_devices) {
				if (c.gone || pd.gone || pd.now.volume != d.now.volume ||
				    pd.now.info.v.peer_disk_state != D_UP_TO_DATE)
					continue;
				up_to_date++;
				if (is_known(pd.now.statistics.v.peer_dev_uuid_flags) &&
				    pd.now.statistics.v.peer_dev_uuid_flags & uuid_stable)
					good = true;
			}
		}
		if (!up_to_date)
			return {};
		if (!good)
			may = false;
		replicas = std::min(replicas, up_to_date);
	}
	if (!any_device)
		return {};
	p.may_promote = may;
	p.score = (usable_disks ? 10000 : 0) + 100 * std::min(local_up_to_date, 99u) +
		  std::min(replicas, 99u);
	return p;
}

/* ----------------------------------------------------------------- printing */

/* Collects the text of one line's groups. */
class Line {
public:
	Line(const EventOptions &options, bool is_new) : options(options), is_new(is_new) {}

	void plain(const char *key, const std::string &value)
	{
		text += std::string(" ") + key + ":" + value;
	}
	/* In --diff mode always "OLD->NEW"; @old is only looked at if the object is not new. */
	void arrow(const char *key, const std::string &old, const std::string &value,
		   const char *unknown = "UNKNOWN")
	{
		if (options.diff)
			plain(key, (is_new ? unknown : old) + "->" + value);
		else
			plain(key, value);
	}
	/* In --diff mode an arrow only if the value changed. */
	void arrow_if_changed(const char *key, const std::string &old, const std::string &value)
	{
		if (options.diff && (is_new || old != value))
			arrow(key, old, value);
		else
			plain(key, value);
	}
	void append(const std::string &items) { text += items; }

	/* Start a group: is it to be printed, and does it make the line worth printing? */
	bool group(bool changed)
	{
		worth |= changed || is_new;
		return changed || is_new || options.full;
	}
	bool worth_printing() const { return worth; }
	const std::string &str() const { return text; }

private:
	const EventOptions &options;
	bool is_new;
	bool worth = false;
	std::string text;
};

class Printer {
public:
	Printer(EventOptions options, Palette palette, std::ostream &out)
		: options(options), palette(palette), out(out) {}

	bool initial = true;	/* new objects "exist"; afterwards they are "created" */

	void take_timestamp()
	{
		if (!options.timestamps)
			return;
		timeval tv;
		tm local;
		gettimeofday(&tv, nullptr);
		localtime_r(&tv.tv_sec, &local);
		char date[64];
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &local);
		long offset = local.tm_gmtoff / 60;
		stamp = format("%s.%06ld%c%02ld:%02ld ", date, static_cast<long>(tv.tv_usec),
			       offset < 0 ? '-' : '+', labs(offset) / 60, labs(offset) % 60);
	}

	void write_line(const std::string &text) const { out << stamp << text << '\n'; }
	void flush() const { out.flush(); }

	void commit(ResourceNode &r);

private:
	template <class T> void changed(const Tracked<T> &object, const std::string &identity,
					const Line &line)
	{
		if (line.worth_printing())
			write_line(std::string(object.shown ? "change " : initial ? "exists " :
							     "create ") + identity + line.str());
	}

	void resource(ResourceNode &r);
	void connection(const ResourceNode &r, const ConnectionNode &c);
	void device(const ResourceNode &r, const DeviceNode &d);
	void peer_device(const ResourceNode &r, const ConnectionNode &c, const PeerDeviceNode &p);
	void path(const ResourceNode &r, const ConnectionNode &c, const PathNode &p);

	EventOptions options;
	Palette palette;
	std::ostream &out;
	std::string stamp;
};

std::string identity(const ResourceNode &r)
{
	return "resource name:" + r.now.name;
}

std::string peer_identity(const char *kind, const ResourceNode &r, const ConnectionNode &c)
{
	return std::string(kind) + " name:" + r.now.name + " peer-node-id:" +
	       std::to_string(c.now.peer_node_id) + " conn-name:" + c.now.name;
}

std::string identity(const ResourceNode &r, const DeviceNode &d, bool with_minor)
{
	return "device name:" + r.now.name + " volume:" + std::to_string(d.now.volume) +
	       (with_minor ? " minor:" + std::to_string(d.now.minor) : "");
}

std::string identity(const ResourceNode &r, const ConnectionNode &c, const PeerDeviceNode &p)
{
	return peer_identity("peer-device", r, c) + " volume:" + std::to_string(p.now.volume);
}

std::string identity(const ResourceNode &r, const ConnectionNode &c, const PathNode &p)
{
	return peer_identity("path", r, c) + " local:" + drbd::address_text(p.now.my_addr) +
	       " peer:" + drbd::address_text(p.now.peer_addr);
}

void Printer::resource(ResourceNode &r)
{
	bool is_new = !r.shown;
	const Resource &now = r.now, &old = is_new ? r.now : *r.shown;
	Line line(options, is_new);

	if (line.group(now.info.v.res_role != old.info.v.res_role))
		line.arrow("role", palette.role(Side::local, old.info.v.res_role),
			   palette.role(Side::local, now.info.v.res_role));
	std::string suspended = suspended_text(now.info.v);
	std::string suspended_old = suspended_text(old.info.v);
	if (line.group(suspended != suspended_old))
		line.arrow("suspended", suspended_old, suspended);
	if (line.group(now.info.v.res_fail_io != old.info.v.res_fail_io))
		line.arrow("force-io-failures", yes_no(old.info.v.res_fail_io),
			   yes_no(now.info.v.res_fail_io));
	if (options.with_statistics()) {
		bool differs = !(now.statistics == old.statistics);
		if (line.group(differs))
			line.plain("write-ordering", std::string(drbd::write_ordering_name(
				now.statistics.v.res_stat_write_ordering)));
	}
	Promotion promotion = promotion_of(r);
	Promotion promotion_old = r.promotion_shown.value_or(Promotion{});
	if (line.group(promotion != promotion_old)) {
		line.arrow("may_promote", yes_no(promotion_old.may_promote),
			   yes_no(promotion.may_promote));
		line.arrow("promotion_score", std::to_string(promotion_old.score),
			   std::to_string(promotion.score), "0");
	}
	changed(r, identity(r), line);
	r.promotion_shown = promotion;
}

void Printer::connection(const ResourceNode &r, const ConnectionNode &c)
{
	bool is_new = !c.shown;
	const Connection &now = c.now, &old = is_new ? c.now : *c.shown;
	Line line(options, is_new);

	if (line.group(now.info.v.conn_connection_state != old.info.v.conn_connection_state))
		line.arrow("connection", palette.connection(old.info.v.conn_connection_state),
			   palette.connection(now.info.v.conn_connection_state));
	if (line.group(now.info.v.conn_role != old.info.v.conn_role))
		line.arrow("role", palette.role(Side::peer, old.info.v.conn_role),
			   palette.role(Side::peer, now.info.v.conn_role));
	if (options.with_statistics()) {
		const auto &s = now.statistics.v, &s_old = old.statistics.v;
		if (line.group(!(now.statistics == old.statistics))) {
			if (is_new || options.full || s.conn_congested != s_old.conn_congested)
				line.plain("congested", yes_no(s.conn_congested == 1));
			if (now.statistics.has(T_ap_in_flight)) {
				line.plain("ap-in-flight", std::to_string(s.ap_in_flight));
				line.plain("rs-in-flight", std::to_string(s.rs_in_flight));
			}
		}
	}
	changed(c, peer_identity("connection", r, c), line);
}

void Printer::device(const ResourceNode &r, const DeviceNode &d)
{
	bool is_new = !d.shown;
	const Device &now = d.now, &old = is_new ? d.now : *d.shown;
	const auto &info = now.info.v, &info_old = old.info.v;
	Line line(options, is_new);

	if (line.group(info.dev_disk_state != info_old.dev_disk_state ||
		       info.dev_has_quorum != info_old.dev_has_quorum)) {
		line.arrow_if_changed("backing_dev", old.backing_dev(), now.backing_dev());
		line.arrow("disk", palette.disk(Side::local, info_old.dev_disk_state,
						info_old.is_intentional_diskless == 1),
			   palette.disk(Side::local, info.dev_disk_state,
					info.is_intentional_diskless == 1));
		line.arrow_if_changed("client", yes_no_unknown(info_old.is_intentional_diskless),
				      yes_no_unknown(info.is_intentional_diskless));
		/* 9.22 leaves quorum out here, and so do we as long as we say what it says. */
		if (!(options.diff && is_new))
			line.arrow_if_changed("quorum", yes_no(info_old.dev_has_quorum),
					      yes_no(info.dev_has_quorum));
	}
	if (options.with_statistics() && is_known(now.statistics.v.dev_size)) {
		const auto &s = now.statistics.v, &s_old = old.statistics.v;
		if (line.group(!(now.statistics == old.statistics))) {
			bool with_al = is_new || options.full ||
				       s.dev_al_suspended != s_old.dev_al_suspended;
			for (const auto &item : device_items(s, options.verbose(), with_al))
				line.append(item);
			std::string blocked = blocked_text(s);
			if ((is_new || blocked != blocked_text(s_old)) &&
			    (options.verbose() || blocked != "no"))
				line.plain("blocked", blocked);
		}
	}
	changed(d, identity(r, d, true), line);
}

void Printer::peer_device(const ResourceNode &r, const ConnectionNode &c, const PeerDeviceNode &p)
{
	bool is_new = !p.shown;
	const PeerDevice &now = p.now, &old = is_new ? p.now : *p.shown;
	const auto &info = now.info.v, &info_old = old.info.v;
	Line line(options, is_new);
	bool disk_changed = info.peer_disk_state != info_old.peer_disk_state;
	bool client_changed = info.peer_is_intentional_diskless !=
			      info_old.peer_is_intentional_diskless;

	if (line.group(info.peer_repl_state != info_old.peer_repl_state))
		line.arrow("replication", palette.replication(info_old.peer_repl_state),
			   palette.replication(info.peer_repl_state));
	/* The client flag alone makes no line, but is shown in one that is printed. */
	if (line.group(disk_changed) || client_changed) {
		line.arrow("peer-disk", palette.disk(Side::peer, info_old.peer_disk_state,
						     info_old.peer_is_intentional_diskless == 1),
			   palette.disk(Side::peer, info.peer_disk_state,
					info.peer_is_intentional_diskless == 1));
		line.arrow_if_changed("peer-client",
				      yes_no_unknown(info_old.peer_is_intentional_diskless),
				      yes_no_unknown(info.peer_is_intentional_diskless));
	}
	std::string suspended = resync_suspended_text(info);
	std::string suspended_old = resync_suspended_text(info_old);
	if (line.group(suspended != suspended_old))
		line.arrow("resync-suspended", suspended_old, suspended);
	/* Progress is news even for those who did not ask for statistics. */
	if (line.group(!(now.statistics == old.statistics))) {
		Progress pg = progress(now, 0);
		if (pg.details)
			line.append(done_item(pg));
		if (options.with_statistics() && is_known(now.statistics.v.peer_dev_received))
			for (const auto &item : peer_device_items(now, pg, options.verbose()))
				line.append(item);
	}
	changed(p, identity(r, c, p), line);
}

void Printer::path(const ResourceNode &r, const ConnectionNode &c, const PathNode &p)
{
	bool is_new = !p.shown;
	bool old = is_new ? p.now.established : p.shown->established;
	Line line(options, is_new);

	if (line.group(old != p.now.established))
		line.arrow("established", yes_no(old), yes_no(p.now.established));
	changed(p, identity(r, c, p), line);
}

void Printer::commit(ResourceNode &r)
{
	if (!r.gone) {
		resource(r);
		for (const auto &c : r.connections)
			if (!c.gone)
				connection(r, c);
		for (const auto &d : r.devices)
			if (!d.gone)
				device(r, d);
	}
	for (auto &c : r.connections) {
		if (!c.gone && !r.gone) {
			for (const auto &p : c.peer_devices)
				if (!p.gone)
					peer_device(r, c, p);
			for (const auto &p : c.paths)
				if (!p.gone)
					path(r, c, p);
			/* What vanishes together with its connection is not mentioned. */
			for (const auto &p : c.paths)
				if (p.gone && p.shown)
					write_line("destroy " + identity(r, c, p));
			for (const auto &p : c.peer_devices)
				if (p.gone && p.shown)
					write_line("destroy " + identity(r, c, p));
		}
	}
	if (!r.gone)
		for (const auto &c : r.connections)
			if (c.gone && c.shown)
				write_line("destroy " + peer_identity("connection", r, c));
	for (const auto &d : r.devices)
		if (d.gone && d.shown && !r.gone)
			write_line("destroy " + identity(r, d, false));
	if (r.gone && r.shown)
		write_line("destroy " + identity(r));

	auto settle = [](auto &objects) {
		std::erase_if(objects, [](const auto &o) { return o.gone; });
		for (auto &o : objects)
			o.shown = o.now;
	};
	settle(r.connections);
	settle(r.devices);
	for (auto &c : r.connections) {
		settle(c.peer_devices);
		settle(c.paths);
	}
	if (!r.gone)
		r.shown = r.now;
}

/* ------------------------------------------------------------------- events */

} // namespace

class EventWatcher::State {
public:
	State(EventOptions options, Palette palette, std::optional<std::string> filter,
	      std::ostream &out)
		: printer(options, palette, out), filter(std::move(filter)) {}

	void apply(const Message &message);

	Printer printer;
	std::list<ResourceNode> resources;

private:
	void update(const Message &message, unsigned int type);
	void helper(const Message &message, unsigned int type);
	void rename(const Message &message);
	void commit();

	ResourceNode *find(const std::string &name)
	{
		for (auto &r : resources)
			if (!r.gone && r.now.name == name)
				return &r;
		return nullptr;
	}
	static ConnectionNode *find(ResourceNode &r, const ObjectContext &ctx)
	{
		for (auto &c : r.connections)
			if (!c.gone && c.now.name == ctx.connection() &&
			    (!ctx.has(T_ctx_peer_node_id) ||
			     c.now.peer_node_id == ctx.v.ctx_peer_node_id))
				return &c;
		return nullptr;
	}

	/*
	 * Create, change or drop an object in its list.  New ones go to the front:
	 * the order in which existing tools list them.
	 */
	template <class Node, class Match, class Fill>
	void update_list(std::list<Node> &list, unsigned int type, Match match, Fill fill,
			 bool change_creates = false)
	{
		auto it = std::ranges::find_if(list, [&](const auto &n) {
			return !n.gone && match(n); });
		bool known = it != list.end();

		switch (type) {
		case NOTIFY_EXISTS:
			break;
		case NOTIFY_CREATE:
			if (known)
				return;
			break;
		case NOTIFY_CHANGE:
			if (!known && !change_creates)
				return;
			break;
		case NOTIFY_DESTROY:
			if (known)
				it->gone = true;
			return;
		default:
			return;
		}
		if (!known)
			it = list.emplace(list.begin());
		decltype(it->now) fresh;
		fill(fresh);
		it->now = std::move(fresh);
	}

	std::optional<std::string> filter;
	std::set<std::string> touched;
};

void EventWatcher::State::apply(const Message &message)
{
	ObjectContext ctx(message);
	notification_header nh{};

	message.get(DRBD_NLA_notification_header, nh);
	unsigned int type = nh.nh_type & ~NOTIFY_CONTINUES;
	bool continues = nh.nh_type & NOTIFY_CONTINUES;
	bool selected = !filter || ctx.resource() == *filter;

	if (message.cmd() == DRBD_CMD_HELPER) {
		if (selected)
			helper(message, type);
		return;
	}
	if (selected) {
		if (message.cmd() == DRBD_CMD_RESOURCE_STATE && type == NOTIFY_RENAME)
			rename(message);
		else
			update(message, type);
	}
	if (!continues)
		commit();
}

void EventWatcher::State::update(const Message &message, unsigned int type)
{
	ObjectContext ctx(message);

	if (message.cmd() == DRBD_CMD_RESOURCE_STATE) {
		update_list(resources, type,
			    [&](const auto &r) { return r.now.name == ctx.resource(); },
			    [&](Resource &r) { r.name = ctx.resource(); r.read(message); });
		touched.insert(ctx.resource());
		return;
	}

	ResourceNode *r = find(ctx.resource());
	if (!r)
		return;
	touched.insert(ctx.resource());

	auto same_volume = [&](const auto &n) { return n.now.volume == ctx.v.ctx_volume; };
	switch (message.cmd()) {
	case DRBD_CMD_DEVICE_STATE:
		update_list(r->devices, type, same_volume, [&](Device &d) {
			d.volume = ctx.v.ctx_volume;
			d.read(message);
		});
		return;
	case DRBD_CMD_CONNECTION_STATE:
		update_list(r->connections, type,
			    [&](const auto &c) { return c.now.name == ctx.connection(); },
			    [&](Connection &c) {
			c.name = ctx.connection();
			c.peer_node_id = ctx.v.ctx_peer_node_id;
			c.read(message);
		});
		return;
	}

	ConnectionNode *c = find(*r, ctx);
	if (!c)
		return;
	switch (message.cmd()) {
	case DRBD_CMD_PEER_DEVICE_STATE:
		update_list(c->peer_devices, type, same_volume, [&](PeerDevice &p) {
			p.volume = ctx.v.ctx_volume;
			p.read(message);
		});
		return;
	case DRBD_CMD_PATH_STATE:
		update_list(c->paths, type, [&](const auto &p) {
			return p.now.my_addr == ctx.my_addr() && p.now.peer_addr == ctx.peer_addr();
		}, [&](Path &p) {
			path_info info{};
			message.get(DRBD_NLA_path_info, info);
			p.my_addr = ctx.my_addr();
			p.peer_addr = ctx.peer_addr();
			p.established = info.path_established;
		}, true);
		return;
	}
}

void EventWatcher::State::helper(const Message &message, unsigned int type)
{
	ObjectContext ctx(message);
	helper_info info{};

	if (!find(ctx.resource()) || (type != NOTIFY_CALL && type != NOTIFY_RESPONSE))
		return;
	message.get(DRBD_NLA_helper_info, info);
	std::string line = std::string(type == NOTIFY_CALL ? "call" : "response") +
			   " helper name:" + ctx.resource();
	if (ctx.has(T_ctx_peer_node_id))
		line += " peer-node-id:" + std::to_string(ctx.v.ctx_peer_node_id);
	if (ctx.has(T_ctx_conn_name))
		line += " conn-name:" + ctx.connection();
	if (ctx.has(T_ctx_my_addr))
		line += " local:" + drbd::address_text(ctx.my_addr());
	if (ctx.has(T_ctx_peer_addr))
		line += " peer:" + drbd::address_text(ctx.peer_addr());
	if (ctx.has(T_ctx_volume))
		line += " volume:" + std::to_string(ctx.v.ctx_volume);
	if (message.minor() != DRBD_MINOR_NONE)
		line += " minor:" + std::to_string(message.minor());
	line += std::string(" helper:") + info.helper_name;
	if (type == NOTIFY_RESPONSE)
		line += " status:" + std::to_string(info.helper_status);
	printer.take_timestamp();
	printer.write_line(line);
	printer.flush();
}

void EventWatcher::State::rename(const Message &message)
{
	std::string old_name = ObjectContext(message).resource();
	rename_resource_info info{};
	ResourceNode *r = find(old_name);

	if (!r || !message.get(DRBD_NLA_rename_resource_info, info))
		return;
	printer.take_timestamp();
	printer.write_line("rename resource name:" + old_name + " new_name:" + info.res_new_name);
	r->now.name = info.res_new_name;
	if (touched.erase(old_name))
		touched.insert(r->now.name);
	printer.flush();
}

void EventWatcher::State::commit()
{
	printer.take_timestamp();
	for (auto &r : resources)
		if (touched.contains(r.now.name))
			printer.commit(r);
	std::erase_if(resources, [](const auto &r) { return r.gone; });
	touched.clear();
	printer.flush();
}

EventWatcher::EventWatcher(EventOptions options, Palette palette,
			   std::optional<std::string> filter, std::ostream &out)
	: state(std::make_unique<State>(options, palette, std::move(filter), out)) {}

EventWatcher::~EventWatcher() = default;

void EventWatcher::apply(const Message &message) { state->apply(message); }

void EventWatcher::start_initial() { state->printer.initial = true; }

void EventWatcher::finish_initial()
{
	state->printer.take_timestamp();
	state->printer.write_line("exists -");
	state->printer.flush();
	state->printer.initial = false;
}

void EventWatcher::forget_all() { state->resources.clear(); }

} // namespace drbdsetup
