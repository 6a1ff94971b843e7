// SPDX-License-Identifier: GPL-2.0-only
#include "adjust.h"

#include <algorithm>
#include <set>

#include "builder.h"
#include "lines.h"
#include "system.h"

namespace drbd::adm {

namespace {

bool same_address(const Address &a, const Address &b)
{
	return a.family == b.family && a.port == b.port &&
	       canonical_address(a.family, a.addr) == canonical_address(b.family, b.addr);
}

// An empty transport name means tcp.
std::string effective(const OptionRule &rule, const std::string &value)
{
	return rule.name == "transport" && value.empty() ? "tcp" : value;
}

std::vector<const PeerDevice *> by_number(const Connection &c)
{
	std::vector<const PeerDevice *> list;
	for (const auto &pd : c.peer_devices)
		list.push_back(&pd);
	std::stable_sort(list.begin(), list.end(), [](const PeerDevice *a, const PeerDevice *b) {
		return a->vnr < b->vnr;
	});
	return list;
}

class Adjustment {
public:
	Adjustment(Plan &plan, const Resource &configured, const Resource *running,
		   const AdjustOptions &options, Diagnostics &diag)
	    : plan_(plan), r_(configured), running_(running), options_(options), diag_(diag)
	{
	}

	void run();

private:
	struct VolumeChange {
		const Volume *configured = nullptr, *running = nullptr;
		bool detach = false, del_minor = false, new_minor = false, attach = false;
		bool disk_options = false, resize = false;
	};

	void add(Stage stage, const char *name, std::vector<HelperCommand> commands,
		 std::string once = "");
	void add(Stage stage, const char *name, HelperCommand command, std::string once = "")
	{
		std::vector<HelperCommand> commands;
		commands.push_back(std::move(command));
		add(stage, name, std::move(commands), std::move(once));
	}

	bool differ(OptionSet set, const Options &configured, const Options &running,
		    std::vector<std::string> *names = nullptr);
	bool differs(const OptionRule &rule, const std::string &running,
		     const std::string &configured, bool equal);
	void report(const Volume &v, const char *what, bool equal, const std::string &running,
		    const std::string &configured);

	VolumeChange compare_volume(int vnr);
	void queue_volume(const VolumeChange &change);
	void queue_connection(const Connection &c);
	void queue_new_peer(const Connection &c);
	void queue_peer_device(const Connection &c, const PeerDevice &pd);
	void queue_paths(const Connection &c, const Connection &running, bool *disconnect);
	void queue_connect(const Connection &c);
	const Connection *running_connection(int peer_id) const;

	Plan &plan_;
	const Resource &r_;
	const Resource *running_;
	const AdjustOptions &options_;
	Diagnostics &diag_;
};

void Adjustment::add(Stage stage, const char *name, std::vector<HelperCommand> commands,
		     std::string once)
{
	plan_.add({stage, name, r_.name, std::move(commands), std::move(once)});
}

bool Adjustment::differs(const OptionRule &rule, const std::string &running,
			 const std::string &configured, bool equal)
{
	if (options_.verbose >= (equal ? 4 : 3))
		diag_.say("Value of '" + rule.name + "' " + (equal ? "equal" : "differs") +
			  ": r=" + running + " c=" + configured);
	return !equal;
}

// Whether the running options are not what is configured; `names`: which.
bool Adjustment::differ(OptionSet set, const Options &configured, const Options &running,
			std::vector<std::string> *names)
{
	bool any = false;
	std::set<std::string> seen;
	auto note = [&](const OptionRule &rule) {
		any = true;
		if (names)
			names->push_back(rule.name);
	};

	for (const auto &o : running) {
		const OptionRule *rule = find_rule(set, o.name);
		if (!rule || o.name == "size")
			continue;
		seen.insert(o.name);
		if (o.unknown)
			continue;
		const Option *c = configured.find(o.name);
		std::string want = c ? effective(*rule, c->value) : "";
		std::string have = effective(*rule, o.value);
		bool equal = c ? same_value(*rule, have, want)
			       : is_default(*rule, o.value) || have != o.value ||
					 (rule->name == "transport" && have == "tcp");
		if (differs(*rule, o.value, c ? c->value : "(default)", equal))
			note(*rule);
	}
	for (const auto &o : configured) {
		const OptionRule *rule = find_rule(set, o.name);
		if (!rule || o.name == "size" || seen.count(o.name))
			continue;
		bool equal = is_default(*rule, o.value) ||
			     (rule->name == "transport" && effective(*rule, o.value) == "tcp");
		if (differs(*rule, "(default)", o.value, equal))
			note(*rule);
	}
	return any;
}

/* ---- volumes ---- */

void Adjustment::report(const Volume &v, const char *what, bool equal, const std::string &running,
			const std::string &configured)
{
	if (options_.verbose >= (equal ? 4 : 3))
		diag_.say(std::string(" [") + (equal ? "eq" : "ne") + "] minor " +
			  std::to_string(v.minor.value_or(0)) + " (vol:" + std::to_string(v.vnr) +
			  ") " + what + ": r=" + running + " c=" + configured);
}

Adjustment::VolumeChange Adjustment::compare_volume(int vnr)
{
	VolumeChange change;
	change.configured = find_volume(r_.me->volumes, vnr);
	if (running_ && running_->me)
		change.running = find_volume(running_->me->volumes, vnr);
	const Volume *c = change.configured, *r = change.running;

	if (c && !r) {
		change.new_minor = true;
		change.attach = c->diskful();
		return change;
	}
	if (!c) {
		change.detach = r->diskful();
		change.del_minor = true;
		return change;
	}
	if (c->minor != r->minor) {
		change.detach = r->diskful();
		change.del_minor = change.new_minor = true;
		change.attach = c->diskful();
		return change;
	}
	if (!c->diskful() || !r->diskful()) {
		change.attach = c->diskful();
		change.detach = r->diskful();
		return change;
	}
	bool same_disk = c->disk == r->disk;
	report(*c, "disk", same_disk, *r->disk, *c->disk);
	bool same_meta = c->internal_meta() == r->internal_meta() &&
			 (c->internal_meta() || c->meta_disk == r->meta_disk);
	report(*c, "meta-disk", same_meta, r->meta_disk.value_or("-"), c->meta_disk.value_or("-"));
	if (!same_disk || !same_meta) {
		change.detach = change.attach = true;
		return change;
	}
	const OptionRule *size = find_rule(OptionSet::disk, "size");
	const Option *have = r->disk_options.find("size"), *want = c->disk_options.find("size");
	bool same_size = !size || same_value(*size, have ? have->value : "0",
					     want ? want->value : "0");
	report(*c, "size", same_size, have ? have->value : "-", want ? want->value : "-");
	change.resize = !same_size;
	change.disk_options = differ(OptionSet::disk, c->disk_options, r->disk_options);
	return change;
}

void Adjustment::queue_volume(const VolumeChange &change)
{
	const Volume *c = change.configured, *r = change.running;
	bool skip_disk = options_.skip_disk;

	if (options_.only_volume >= 0 && options_.only_volume != (c ? c : r)->vnr)
		return;
	if (!skip_disk && change.detach)
		add(Stage::disk_down, "detach", lines::detach(r_, *r->minor, {"--diskless"}));
	if (!skip_disk && change.del_minor)
		add(Stage::disk_down, "del-minor", lines::del_minor(r_, *r->minor));
	if (change.new_minor) {
		add(Stage::disk_up, "new-minor", lines::new_minor(r_, *c));
		if (!options_.skip_net && !skip_disk)
			for (const auto &connection : r_.connections) {
				if (!connection.involves_me || connection.ignored)
					continue;
				const PeerDevice *pd = connection.find_peer_device(c->vnr);
				if (pd && !pd->options.empty())
					queue_peer_device(connection, *pd);
			}
	}
	if (skip_disk)
		return;
	if (change.attach)
		add(Stage::disk, "attach", lines::attach(r_, *c));
	if (change.disk_options)
		add(Stage::disk, "disk-options", lines::disk_options(r_, *c, true));
	if (change.resize)
		add(Stage::disk, "resize",
		    {lines::resize(r_, *c),
		     lines::setup(r_, {"check-resize", std::to_string(*c->minor)})});
}

/* ---- connections ---- */

const Connection *Adjustment::running_connection(int peer_id) const
{
	if (running_)
		for (const auto &c : running_->connections)
			if (c.peer_node_id == peer_id)
				return &c;
	return nullptr;
}

void Adjustment::queue_peer_device(const Connection &c, const PeerDevice &pd)
{
	add(Stage::peer_devices, "peer-device-options",
	    lines::peer_device_options(r_, c, pd, true),
	    r_.name + '\n' + std::to_string(c.peer_id()) + '\n' + std::to_string(pd.vnr));
}

void Adjustment::queue_connect(const Connection &c)
{
	add(Stage::connect, "connect", lines::to_peer("connect", r_, c, options_.connect_flags));
}

void Adjustment::queue_new_peer(const Connection &c)
{
	add(Stage::net_up, "new-peer", lines::new_peer(r_, c));
	for (const auto &p : c.paths)
		if (p.mine && !p.unused)
			add(Stage::paths, "new-path",
			    lines::path("new-path", r_, c, p.my_address, p.connect_to));
	for (const PeerDevice *pd : by_number(c))
		if (!pd->options.empty())
			queue_peer_device(c, *pd);
	queue_connect(c);
}

void Adjustment::queue_paths(const Connection &c, const Connection &running, bool *reconnect)
{
	auto configured = [&](const Path &rp) {
		return std::any_of(c.paths.begin(), c.paths.end(), [&](const Path &p) {
			return p.mine && !p.unused &&
			       same_address(p.my_address, rp.refs[0].address) &&
			       same_address(p.connect_to, rp.refs[1].address);
		});
	};
	auto present = [&](const Path &p) {
		return std::any_of(running.paths.begin(), running.paths.end(), [&](const Path &rp) {
			return rp.refs.size() == 2 &&
			       same_address(p.my_address, rp.refs[0].address) &&
			       same_address(p.connect_to, rp.refs[1].address);
		});
	};

	for (const auto &rp : running.paths) {
		if (rp.refs.size() != 2 || configured(rp))
			continue;
		if (running.paths.size() == 1) {
			if (running.state != ConnState::standalone)
				add(Stage::disconnect, "disconnect",
				    lines::to_peer("disconnect", r_, c));
			*reconnect = true;
		}
		add(Stage::net_down, "del-path",
		    lines::path("del-path", r_, c, rp.refs[0].address, rp.refs[1].address));
	}
	for (const auto &p : c.paths)
		if (p.mine && !p.unused && !present(p))
			add(Stage::paths, "new-path",
			    lines::path("new-path", r_, c, p.my_address, p.connect_to));
}

void Adjustment::queue_connection(const Connection &c)
{
	const Connection *running = running_connection(c.peer_id());
	std::vector<std::string> changed;

	if (!running) {
		queue_new_peer(c);
		return;
	}
	bool net_differs = differ(OptionSet::net, c.net, running->net, &changed);
	bool recreate = std::any_of(changed.begin(), changed.end(), [](const std::string &name) {
		const OptionRule *rule = find_rule(OptionSet::net, name);
		return rule && rule->immutable();
	});
	if (recreate) {
		add(Stage::net_down, "del-peer", lines::to_peer("del-peer", r_, c));
		queue_new_peer(c);
		return;
	}
	if (net_differs)
		add(Stage::net, "net-options", lines::net_options(r_, c, true));

	bool reconnect = running->state == ConnState::standalone;
	queue_paths(c, *running, &reconnect);
	for (const PeerDevice *peer_device : by_number(c)) {
		const PeerDevice &pd = *peer_device;
		const PeerDevice *rpd = running->find_peer_device(pd.vnr);
		// `show` leaves out peer devices whose options all have their defaults.
		if (running_->me && find_volume(running_->me->volumes, pd.vnr)) {
			static const Options defaults;
			if (differ(OptionSet::peer_device, pd.options,
				   rpd ? rpd->options : defaults))
				queue_peer_device(c, pd);
			continue;
		}
		// A volume that this run does not create has no peer device to set up.
		if (options_.only_volume < 0 || options_.only_volume == pd.vnr)
			queue_peer_device(c, pd);
	}
	if (reconnect)
		queue_connect(c);
}

void Adjustment::run()
{
	std::set<int> numbers;
	for (const auto &v : r_.me->volumes)
		numbers.insert(v.vnr);
	if (running_ && running_->me)
		for (const auto &v : running_->me->volumes)
			numbers.insert(v.vnr);

	std::vector<VolumeChange> changes;
	for (int vnr : numbers)
		changes.push_back(compare_volume(vnr));

	if (!running_)
		add(Stage::create_resource, "new-resource", lines::new_resource(r_));
	else if (differ(OptionSet::resource, r_.options, running_->options))
		add(Stage::adjust_resource, "resource-options", lines::resource_options(r_));

	if (!options_.skip_net) {
		for (const auto &c : r_.connections)
			if (c.involves_me && !c.ignored)
				queue_connection(c);
		if (running_ && !options_.peer_named)
			for (const auto &rc : running_->connections) {
				bool known = std::any_of(
					r_.connections.begin(), r_.connections.end(),
					[&](const Connection &c) {
						return c.involves_me &&
						       c.peer_id() == rc.peer_id();
					});
				if (!known)
					add(Stage::net_down, "del-peer",
					    lines::to_peer("del-peer", r_, rc));
			}
	}
	for (const auto &change : changes)
		queue_volume(change);
}

}  // namespace

RunningState::RunningState(const std::string &text, Diagnostics &diag)
{
	ParseSession session(config_, diag);
	session.show_mode = true;
	session.parse_text(text, "drbdsetup show", "drbdsetup show");
}

void queue_adjust(Plan &plan, const Resource &configured, const Resource *running,
		  const AdjustOptions &options, Diagnostics &diag)
{
	Adjustment(plan, configured, running, options, diag).run();
}

}  // namespace drbd::adm
