// SPDX-License-Identifier: GPL-2.0-only
#include "commands.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <unistd.h>

#include "adjust.h"
#include "derive.h"
#include "dump.h"
#include "explain.h"
#include "failure.h"
#include "files.h"
#include "lines.h"
#include "plan.h"
#include "system.h"

namespace drbd::adm {

namespace {

Words operator+(Words a, const Words &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

void print_line(const std::string &text)
{
	puts(text.c_str());
}

std::string minor_of(const Target &t)
{
	return std::to_string(*t.volume->minor);
}

void require_disk(const Run &run, const Volume &v)
{
	if (v.diskful() && v.meta_disk)
		return;
	throw Failure(exit_code::config, std::string("The ") + run.command.name +
						 " command requires a local disk, but the "
						 "configuration gives none.");
}

/* ---- one helper per step ---- */

int attach(Run &run, const Target &t)
{
	return run.executor.run_all(lines::attach(*t.resource, *t.volume, run.cli));
}

int disk_options(Run &run, const Target &t)
{
	return run.executor.run(lines::disk_options(*t.resource, *t.volume, false, run.cli));
}

int detach(Run &run, const Target &t)
{
	HelperCommand c = lines::detach(*t.resource, *t.volume->minor, {});
	c.args = c.args + run.cli;
	return run.executor.run(c);
}

int new_resource(Run &run, const Target &t)
{
	return run.executor.run(lines::new_resource(*t.resource, run.cli));
}

int new_minor(Run &run, const Target &t)
{
	return run.executor.run(lines::new_minor(*t.resource, *t.volume));
}

// drbdsetup COMMAND MINOR cli
int minor_command(Run &run, const Target &t)
{
	return run.executor.run(
		lines::setup(*t.resource, Words{run.command.name, minor_of(t)} + run.cli));
}

// drbdsetup COMMAND RES cli
int resource_command(Run &run, const Target &t)
{
	return run.executor.run(
		lines::setup(*t.resource, Words{run.command.name, t.resource->name} + run.cli));
}

int slow_resource_command(Run &run, const Target &t)
{
	return run.executor.run(lines::setup(*t.resource,
					     Words{run.command.name, t.resource->name} + run.cli,
					     TimeLimit::medium));
}

int new_peer(Run &run, const Target &t)
{
	return run.executor.run(lines::new_peer(*t.resource, *t.connection, run.cli));
}

int peer_command(Run &run, const Target &t)
{
	return run.executor.run(
		lines::to_peer(run.command.name, *t.resource, *t.connection, run.cli));
}

int net_options(Run &run, const Target &t)
{
	return run.executor.run(lines::net_options(*t.resource, *t.connection, false, run.cli));
}

int path_command(Run &run, const Target &t)
{
	for (const auto &p : t.connection->paths) {
		if (p.unused || !p.mine)
			continue;
		if (int status = run.executor.run(lines::path(run.command.name, *t.resource,
							      *t.connection, p.my_address,
							      p.connect_to, run.cli)))
			return status;
	}
	return 0;
}

int peer_device_options(Run &run, const Target &t)
{
	const PeerDevice *pd = t.connection->find_peer_device(t.volume->vnr);
	PeerDevice none;
	none.vnr = t.volume->vnr;
	return run.executor.run(lines::peer_device_options(*t.resource, *t.connection,
							   pd ? *pd : none, false, run.cli));
}

// drbdsetup COMMAND RES PEER VNR cli
int peer_device_command(Run &run, const Target &t)
{
	return run.executor.run(lines::setup(
		*t.resource, Words{run.command.name, t.resource->name,
				   std::to_string(t.connection->peer_id()),
				   std::to_string(t.volume->vnr)} +
				     run.cli));
}

int slow_peer_device_command(Run &run, const Target &t)
{
	return run.executor.run(lines::setup(
		*t.resource,
		Words{run.command.name, t.resource->name, std::to_string(t.connection->peer_id()),
		      std::to_string(t.volume->vnr)} +
			run.cli,
		TimeLimit::medium));
}

// drbdmeta … COMMAND cli
int meta_command(Run &run, const Target &t)
{
	return run.executor.run(
		lines::meta(*t.resource, *t.volume, Words{run.command.name} + run.cli));
}

/* ---- first the kernel, then the metadata ---- */

constexpr int status_conflict = 5;      // drbdmeta or kernel: would lose data
constexpr int status_no_minor = 11;
constexpr int status_primary = 17;

// A command that the kernel carries out on a running device, and drbdmeta otherwise.
// meta is empty if there is nothing to fall back to.
int kernel_or_meta(Run &run, const HelperCommand &kernel, const std::vector<HelperCommand> &meta,
		   bool explain_no_minor = true)
{
	std::string complaint;
	int status = run.executor.run(kernel, &complaint);

	if (!run.settings.dry_run()) {
		if (status == 0)
			return 0;
		if (status == status_no_minor || status == status_primary) {
			if (status == status_primary || explain_no_minor)
				fputs(complaint.c_str(), stderr);
			return status;
		}
	}
	if (meta.empty())
		return status;
	return run.executor.run_all(meta);
}

int invalidate(Run &run, const Target &t)
{
	Words args = Words{"invalidate", minor_of(t)} + run.cli;
	if (t.connection)
		args.push_back("--sync-from-peer-node-id=" +
			       std::to_string(t.connection->peer_id()));
	return kernel_or_meta(run, lines::setup(*t.resource, args),
			      {lines::meta(*t.resource, *t.volume, {"invalidate"})}, false);
}

int dstate(Run &run, const Target &t)
{
	std::vector<HelperCommand> meta;
	if (t.volume->diskful())
		meta.push_back(lines::meta(*t.resource, *t.volume, Words{"dstate"} + run.cli));
	return kernel_or_meta(run, lines::setup(*t.resource, {"dstate", minor_of(t)}), meta);
}

int generation_ids(Run &run, const Target &t)
{
	int peer = t.connection->peer_id();
	return kernel_or_meta(
		run,
		lines::setup(*t.resource, {run.command.name, t.resource->name,
					   std::to_string(peer), std::to_string(t.volume->vnr)}),
		{lines::meta(*t.resource, *t.volume, Words{run.command.name} + run.cli, peer)});
}

int forget_peer(Run &run, const Target &t)
{
	int peer = t.connection->peer_id();
	int status = kernel_or_meta(run, lines::to_peer("forget-peer", *t.resource, *t.connection),
				    {});
	if (!run.settings.dry_run() &&
	    (status == 0 || status == status_no_minor || status == status_primary))
		return status;
	for (const auto &v : t.resource->me->volumes) {
		require_disk(run, v);
		if (int meta = run.executor.run(lines::meta(*t.resource, v,
							    Words{"forget-peer"} + run.cli, peer)))
			return meta;
	}
	return 0;
}

int outdate(Run &run, const Target &t)
{
	HelperCommand kernel = lines::setup(*t.resource, {"outdate", minor_of(t)});
	kernel.quiet = true;
	int status = run.executor.run(kernel);
	if (!run.settings.dry_run() && (status == 0 || status == status_primary))
		return status;
	if (!t.volume->diskful())
		return status;
	int meta = run.executor.run(lines::meta(*t.resource, *t.volume, {"outdate"}));
	return status == status_conflict && meta ? status_conflict : meta;
}

int set_gi(Run &run, const Target &t)
{
	int id = t.connection ? t.connection->peer_id() : t.resource->me->node_id.value_or(0);
	return run.executor.run(
		lines::meta(*t.resource, *t.volume, Words{"set-gi"} + run.cli, id));
}

/* ---- resize ---- */

// The size that the words ask for, in sectors; 0 if they do not.
unsigned long long size_in_sectors(const Words &words)
{
	const OptionRule *rule = find_rule(OptionSet::disk, "size");
	unsigned long long sectors = 0;
	for (const auto &w : words)
		if (rule && w.rfind("--size=", 0) == 0)
			sectors = rule->option.meaning(w.substr(7)).value;
	return sectors;
}

int resize_volume(Run &run, const Target &t, bool wait, bool quiet)
{
	using namespace std::chrono;
	HelperCommand command = lines::resize(*t.resource, *t.volume, run.cli);
	command.quiet = quiet;
	std::string device = "drbd" + minor_of(t);
	auto wanted = size_in_sectors(command.args);
	auto before = block_device_sectors(device);

	int status = run.executor.run(command);
	if (status) {
		if (!wanted || before != wanted)
			return status;
		run.diag.say("Current size of " + device + " equals target size (" +
			     std::to_string(wanted * 512) + " byte), exit code " +
			     std::to_string(status) + " ignored.");
	}
	HelperCommand check = lines::setup(*t.resource, {"check-resize", minor_of(t)});
	check.quiet = quiet;
	int check_status = run.executor.run(check);
	if (!wait || run.settings.dry_run() || check_status || !before)
		return 0;

	// The kernel negotiates the size with the peers after the command has returned.
	auto deadline = steady_clock::now() + (wanted ? seconds(10) : seconds(3));
	for (;;) {
		auto now = block_device_sectors(device);
		if (!now || (wanted ? *now >= wanted : *now != *before))
			return 0;
		if (steady_clock::now() >= deadline)
			return 1;
		std::this_thread::sleep_for(milliseconds(100));
	}
}

int resize(Run &run, const Target &t)
{
	return resize_volume(run, t, true, false);
}

int check_resize(Run &run, const Target &t)
{
	int status = resize_volume(run, t, false, true);
	if (status && t.volume->diskful())
		return run.executor.run(lines::meta(*t.resource, *t.volume, {"check-resize"}));
	return status;
}

/* ---- metadata creation ---- */

int create_md(Run &run, const Target &t)
{
	Words cli;
	std::string max_peers;
	for (const auto &w : run.cli) {
		if (w.rfind("--max-peers=", 0) == 0)
			max_peers = w.substr(12);
		else
			cli.push_back(w);
	}
	if (max_peers.empty()) {
		int peers = 0;
		for (const auto &c : t.resource->connections)
			if (c.involves_me && !c.ignored && c.peer &&
			    std::any_of(c.peer->volumes.begin(), c.peer->volumes.end(),
					[](const Volume &v) { return v.diskful(); }))
				peers++;
		max_peers = std::to_string(std::max(peers, 1));
	}
	const Resource &r = *t.resource;
	HelperCommand create = lines::meta(r, *t.volume, Words{"create-md", max_peers} + cli);
	create.limit = TimeLimit::none;  // it may ask the user
	int status = run.executor.run(create);
	if (status || run.settings.dry_run())
		return status;

	// The device uuid lets the kernel recognise the disk when it comes back under another
	// name; one that is there already stays.
	HelperCommand read = lines::meta(r, *t.volume, {"read-dev-uuid"});
	std::string known = run.executor.stdout_of(read);
	if (known.find_first_not_of("0 \n") != std::string::npos)
		return 0;
	std::random_device random;
	unsigned long long uuid = static_cast<unsigned long long>(random()) << 32 | random();
	char text[17];
	snprintf(text, sizeof(text), "%016llX", uuid);
	HelperCommand write = lines::meta(r, *t.volume, {"write-dev-uuid", text});
	write.quiet = true;
	run.executor.run(write);
	return 0;
}

/* ---- waiting ---- */

HelperCommand wait_command(const Target &t, const std::string &what)
{
	const Resource &r = *t.resource;
	Words args;

	if (t.connection && t.volume)
		args = {what + "-volume", r.name, std::to_string(t.connection->peer_id()),
			std::to_string(t.volume->vnr)};
	else if (t.connection)
		args = {what + "-connection", r.name, std::to_string(t.connection->peer_id())};
	else
		args = {what + "-resource", r.name};
	if (r.me->kind == HostKind::stacked && !r.stacked_timeouts) {
		unsigned long long interval = 10;
		const OptionRule *rule = find_rule(OptionSet::net, "connect-int");
		if (const Option *o = r.net.find("connect-int"); o && rule)
			interval = rule->option.meaning(o->value).value;
		args = args + Words{"--wfc-timeout", std::to_string(2 * interval)};
	} else {
		args = args + option_words(r.startup, {});
	}
	return lines::setup(r, args, TimeLimit::none);
}

int wait_for(Run &run, const Target &t)
{
	return run.executor.run(wait_command(t, run.command.name));
}

int wait_con_int(Run &run)
{
	std::vector<HelperCommand> commands;
	for (auto &r : run.config.resources) {
		if (r->ignored || (r->me->kind == HostKind::stacked) != run.settings.stacked)
			continue;
		Target t;
		t.resource = r.get();
		HelperCommand c = wait_command(t, "wait-connect");
		commands.push_back(c);
	}
	run.executor.run_parallel(commands);
	return 0;
}

/* ---- whole configuration ---- */

// Connections of this run; one without a peer ends it.
std::vector<Connection *> connections_of(Resource &r)
{
	std::vector<Connection *> list;
	for (auto &c : r.connections) {
		if (!c.involves_me || c.ignored)
			continue;
		if (!c.peer)
			throw Failure(exit_code::config, "");
		list.push_back(&c);
	}
	return list;
}

void queue_up(Plan &plan, Resource &r)
{
	plan.add(Stage::create_resource, "new-resource", r.name, lines::new_resource(r));
	for (const auto &v : r.me->volumes) {
		plan.add(Stage::disk_up, "new-minor", r.name, lines::new_minor(r, v));
		if (v.diskful())
			plan.add({Stage::disk, "attach", r.name, lines::attach(r, v), ""});
	}
	for (const Connection *connection : connections_of(r)) {
		const Connection &c = *connection;
		plan.add(Stage::net_up, "new-peer", r.name, lines::new_peer(r, c));
		for (const auto &p : c.paths)
			if (p.mine && !p.unused)
				plan.add(Stage::paths, "new-path", r.name,
					 lines::path("new-path", r, c, p.my_address,
						     p.connect_to));
		for (const auto &pd : c.peer_devices)
			if (!pd.options.empty())
				plan.add(Stage::peer_devices, "peer-device-options", r.name,
					 lines::peer_device_options(r, c, pd, false));
		plan.add(Stage::connect, "connect", r.name, lines::to_peer("connect", r, c));
	}
}

int up(Run &run, std::vector<Target> &targets)
{
	Plan plan;
	for (auto &t : targets)
		queue_up(plan, *t.resource);
	return plan.execute(run.executor, run.diag);
}

Plan adjustment(Run &run, const std::vector<Target> &targets)
{
	AdjustOptions options;
	for (const auto &w : run.cli) {
		if (w == "--skip-disk")
			options.skip_disk = true;
		else if (w == "--skip-net")
			options.skip_net = true;
		else
			options.connect_flags.push_back(w);
	}
	std::string show;
	if (const char *fake = getenv("FAKE_DRBDSETUP_SHOW")) {
		try {
			show = read_config_file(fake);
		} catch (const CannotOpen &) {
			throw Failure(exit_code::usage,
				      std::string("Failed to open FAKE_DRBDSETUP_SHOW ") + fake);
		}
	} else {
		Words args = {"show"};
		if (targets.size() == 1)
			args.push_back(targets.front().resource->name);
		show = run.executor.output_of(args);
	}
	RunningState running(show, run.diag);
	Plan plan;
	for (const auto &t : targets) {
		options.only_volume = t.volume ? t.volume->vnr : -1;
		options.peer_named = t.object.find(':') != std::string::npos;
		options.verbose = run.settings.verbose();
		connections_of(*t.resource);
		queue_adjust(plan, *t.resource, running.find(t.resource->name), options, run.diag);
	}
	return plan;
}

int adjust(Run &run, std::vector<Target> &targets)
{
	return adjustment(run, targets).execute(run.executor, run.diag);
}

int adjust_with_progress(Run &run, std::vector<Target> &targets)
{
	Plan plan = adjustment(run, targets);
	if (run.settings.dry_run() || run.settings.verbose())
		return plan.execute(run.executor, run.diag);
	return plan.execute_with_progress(run.executor);
}

int status_of_all(Run &run)
{
	HelperCommand c;
	c.args = Words{"status"} + run.cli;
	return run.executor.run(c);
}

int status(Run &run, const Target &t)
{
	return run.executor.run(
		lines::setup(*t.resource, Words{"status", t.resource->name} + run.cli));
}

/* ---- dump ---- */

// Plain dumps show the file as it is.
bool expanded(const Run &run)
{
	return !(run.command.flags & flag::dump) || run.settings.dry_run() ||
	       run.settings.verbose();
}

int dump_all(Run &run)
{
	dump_text(run.config, run.settings.node, run.settings.dry_run(), run.settings.verbose());
	return 0;
}

int dump_one(Run &run, const Target &t)
{
	dump_resource(*t.resource, run.settings.node, run.settings.dry_run(),
		      run.settings.verbose());
	return 0;
}

int dump_xml_all(Run &run)
{
	dump_xml(run.config, expanded(run), run.settings.verbose());
	return 0;
}

int dump_xml_one(Run &run, const Target &t)
{
	dump_resource_xml(*t.resource, expanded(run), run.settings.verbose());
	return 0;
}

/* ---- explain ---- */

int explain_resources(Run &run, std::vector<Target> &targets)
{
	bool as_array = std::any_of(run.cli.begin(), run.cli.end(),
				    [](const std::string &w) { return w.rfind("--json", 0) == 0; });
	auto status = nlohmann::json::parse(run.executor.output_of({"status", "--json"}), nullptr,
					    false);
	bool loaded = status.is_array();
	if (!loaded && access("/proc/drbd", F_OK) == 0)
		throw Failure(exit_code::exec, "drbdsetup status --json gave no usable answer.");
	KernelLog log = KernelLog::read();
	nlohmann::json all = nlohmann::json::array();
	bool anything = false;
	auto report = [&](const std::vector<Finding> &findings, const Target &t) {
		anything |= !findings.empty();
		for (const auto &f : findings) {
			if (as_array)
				all.push_back(as_json(f));
			else
				print_line(as_text(f));
		}
		if (findings.empty() && !as_array)
			print_line(t.resource->name + ": everything is as it should be.\n");
	};

	for (const auto &t : targets) {
		auto element = std::find_if(status.begin(), status.end(), [&](const auto &s) {
			return s.is_object() && s.value("name", nlohmann::json()) == t.resource->name;
		});
		bool up = loaded && element != status.end();
		report(loaded ? explain(*t.resource, up ? *element : nlohmann::json(), log)
			      : std::vector{module_missing(*t.resource)},
		       t);
	}
	if (as_array)
		print_line(all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
	return anything ? 1 : 0;
}

/* ---- for scripts ---- */

std::string device_name(const Volume &v)
{
	return v.device.empty() ? "/dev/drbd" + std::to_string(*v.minor) : v.device;
}

int sh_nop(Run &run)
{
	return run.config.valid ? 0 : exit_code::config;
}

int sh_resources(Run &run)
{
	for (const auto &r : run.config.resources)
		if (!r->ignored && (r->me->kind == HostKind::stacked) == run.settings.stacked)
			print_line(r->name);
	return 0;
}

int sh_resource(Run &, const Target &t)
{
	print_line(t.resource->name);
	return 0;
}

int sh_dev(Run &, const Target &t)
{
	print_line(device_name(*t.volume));
	return 0;
}

int sh_minor(Run &, const Target &t)
{
	print_line(minor_of(t));
	return 0;
}

int sh_ll_dev(Run &, const Target &t)
{
	print_line(t.volume->disk.value_or("none"));
	return 0;
}

int sh_md_dev(Run &, const Target &t)
{
	const Volume &v = *t.volume;
	print_line(v.internal_meta() || !v.meta_disk ? v.disk.value_or("none") : *v.meta_disk);
	return 0;
}

int sh_md_idx(Run &, const Target &t)
{
	const Volume &v = *t.volume;
	print_line(v.internal_meta() ? "internal"
		   : v.meta_index == static_cast<int>(MetaIndex::flexible)
			   ? "flexible"
			   : std::to_string(v.meta_index));
	return 0;
}

int sh_ip(Run &, const Target &t)
{
	for (const auto &p : t.connection->paths)
		if (p.mine && !p.unused)
			print_line(p.my_address.addr);
	return 0;
}

int sh_lower_resource(Run &run, const Target &t)
{
	const HostSection &me = *t.resource->me;
	if (me.kind == HostKind::stacked) {
		print_line(me.lower->name);
		return 0;
	}
	if (t.resource->stacked)
		run.diag.say("'" + t.resource->name + "' is not stacked on this host (" +
			     run.settings.node + ")");
	else
		run.diag.say("sh-lower-resource only available in stacked mode");
	throw Failure(exit_code::usage, "");
}

int sh_mod_parms(Run &run)
{
	int count = run.config.global.minor_count;
	if (!count) {
		int minors = 0;
		for (const auto &r : run.config.resources)
			if (r->me)
				minors += static_cast<int>(r->me->volumes.size());
		count = std::clamp(minors + 3, 32, 255);
	}
	print_line("minor_count=" + std::to_string(count));
	return 0;
}

std::string without_dev(const std::string &path)
{
	return path.rfind("/dev/", 0) == 0 ? path.substr(5) : path;
}

int sh_udev(Run &run, const Target &t)
{
	const Volume &v = *t.volume;
	std::string by_res = "drbd/by-res/" + t.resource->name;
	if (!v.implicit || run.config.global.udev_always_use_vnr)
		by_res += "/" + std::to_string(v.vnr);
	print_line("DEVICE=" + without_dev(device_name(v)));
	print_line("SYMLINK=" + by_res);
	print_line("SYMLINK_BY_RES=" + by_res);
	if (v.diskful())
		print_line("SYMLINK_BY_DISK=drbd/by-disk/" + without_dev(*v.disk));
	return 0;
}

int sh_list_adjustable(Run &run, std::vector<Target> &targets)
{
	for (const auto &name : adjustment(run, targets).resources())
		print_line(name);
	return 0;
}

int sh_list_config_file(Run &, const Target &t)
{
	print_line(*t.resource->pos.file + ":" + std::to_string(t.resource->pos.line) + ":" +
		   t.resource->name);
	return 0;
}

/* ---- handlers ---- */

int handler(Run &run, const Target &t)
{
	const Resource &r = *t.resource;
	const Option *text = r.handlers.find(run.command.name);
	if (!text)
		return 0;
	HelperCommand c;
	c.helper = Helper::shell;
	c.args = {text->value};
	c.limit = TimeLimit::extended;
	c.resource = r.name;

	Words minors, numbers, disks;
	for (const auto &v : r.me->volumes) {
		minors.push_back(v.minor ? std::to_string(*v.minor) : "");
		numbers.push_back(std::to_string(v.vnr));
		disks.push_back(v.diskful() ? shell_escape(*v.disk) : "none");
	}
	c.environment = {
		{"DRBD_CONF", run.config.main_file},
		{"DRBD_RESOURCE", r.name},
		{"DRBD_MINOR", join(minors, " ")},
		{"DRBD_VOLUME", join(numbers, " ")},
		{"DRBD_LL_DISK", join(disks, " ")},
	};
	for (const auto &h : r.hosts)
		if (h.node_id)
			c.environment.emplace_back("DRBD_NODE_ID_" + std::to_string(*h.node_id),
						   h.joined_names());
	if (!getenv("DRBD_MY_NODE_ID") && r.me->node_id)
		c.environment.emplace_back("DRBD_MY_NODE_ID", std::to_string(*r.me->node_id));
	return run.executor.run(c);
}

/* ---- proxy ---- */

int proxy_command(Run &run, const Target &t)
{
	const Resource &r = *t.resource;
	Connection &c = *t.connection;
	Path &p = c.paths.front();
	bool named = t.object.find(':') != std::string::npos;

	if (!p.mine || !p.peer || !p.mine->proxy || !p.peer->proxy) {
		if (!named)
			return 0;
		throw Failure(exit_code::config,
			      *c.pos.file + ":" + std::to_string(c.pos.line) + ": In resource '" +
				      r.name + "', no proxy config for connection from '" +
				      r.me->joined_names() + "' to '" +
				      (p.peer && p.peer->host ? p.peer->host->joined_names() : "?") +
				      "'.");
	}
	const ProxySection &mine = *p.mine->proxy, &peer = *p.peer->proxy;
	std::string name = r.name + "-" + join(peer.names, "_") + "-" + join(mine.names, "_");
	auto ctl = [&](Words args) {
		HelperCommand command;
		command.helper = Helper::proxy_ctl;
		command.args = std::move(args);
		command.resource = r.name;
		return run.executor.run(command);
	};

	if (run.command.name == std::string_view("proxy-down"))
		return ctl({"-c", "del connection " + name});

	if (int status = ctl({"-c", "add connection " + name + " " + mine.inside.addr_port() + " " +
					    peer.outside.addr_port() + " " +
					    mine.outside.addr_port() + " " +
					    p.mine->address.addr_port()}))
		return status;
	Words args;
	for (const auto &o : mine.options)
		args = args + Words{"-c", "set " + o.name + " " + name + " " + o.value};
	int n = 0;
	for (const auto &plugin : mine.plugins)
		args = args + Words{"-c", "set plugin " + name + " " + std::to_string(n++) + " " +
						  plugin};
	if (n)
		args.push_back("set plugin " + name + " " + std::to_string(n) + " END");
	return args.empty() ? 0 : ctl(args);
}

/* ---- help ---- */

int hidden_commands(Run &)
{
	print_hidden_commands();
	return 0;
}

int tables(Run &)
{
	print_tables();
	return 0;
}

/* ---- the table ---- */

using namespace flag;

constexpr auto table = std::to_array<CommandSpec>({
	{"attach", 1, Backend::disk, volumes | needs_disk, attach},
	{"disk-options", 1, Backend::disk, volumes | needs_disk, disk_options},
	{"detach", 1, Backend::detach, volumes | needs_disk, detach},
	{"connect", 1, Backend::connect, connections | verify_ip, peer_command},
	{"net-options", 1, Backend::net, connections | verify_ip, net_options},
	{"disconnect", 1, Backend::disconnect, connections, peer_command},
	{"up", 1, Backend::none, verify_ip, nullptr, up},
	{"resource-options", 1, Backend::resource, 0, resource_command},
	{"peer-device-options", 1, Backend::peer_device, volumes | connections,
	 peer_device_options},
	{"down", 1, Backend::none, 0, slow_resource_command},
	{"primary", 1, Backend::role, 0, slow_resource_command},
	{"secondary", 1, Backend::role, 0, slow_resource_command},
	{"invalidate", 1, Backend::invalidate, volumes | needs_disk, invalidate},
	{"invalidate-remote", 1, Backend::invalidate_remote, volumes | connections,
	 slow_peer_device_command},
	{"outdate", 1, Backend::none, volumes, outdate},
	{"resize", 1, Backend::resize, volumes | needs_disk, resize},
	{"verify", 1, Backend::verify, volumes | connections, peer_device_command},
	{"pause-sync", 1, Backend::none, volumes | connections, peer_device_command},
	{"resume-sync", 1, Backend::none, volumes | connections, peer_device_command},
	{"adjust", 1, Backend::adjust, verify_ip | volume_ok, nullptr, adjust},
	{"adjust-with-progress", 1, Backend::none, verify_ip, nullptr, adjust_with_progress},
	{"new-peer", 1, Backend::new_peer, connections | verify_ip, new_peer},
	{"del-peer", 1, Backend::disconnect, connections | verify_ip, peer_command},
	{"new-path", 1, Backend::none, connections | verify_ip, path_command},
	{"del-path", 1, Backend::none, connections | verify_ip, path_command},
	{"wait-connect", 1, Backend::none, verify_ip | volume_ok, wait_for},
	{"wait-sync", 1, Backend::none, verify_ip | volume_ok, wait_for},
	{"wait-con-int", 1, Backend::none, verify_ip | no_objects, nullptr, nullptr, wait_con_int},
	{"role", 1, Backend::none, 0, resource_command},
	{"cstate", 1, Backend::none, connections, peer_command},
	{"dstate", 1, Backend::drbdmeta, volumes, dstate},
	{"status", 1, Backend::status, objects_optional | for_display, status, nullptr, status_of_all},
	{"dump", 1, Backend::none, verify_ip | objects_optional | flag::dump | test_ok, dump_one,
	 nullptr, dump_all},
	{"dump-xml", 1, Backend::none, verify_ip | objects_optional | flag::dump | test_ok,
	 dump_xml_one, nullptr, dump_xml_all},
	{"create-md", 1, Backend::create_md, volumes | needs_disk, create_md},
	{"show-gi", 1, Backend::drbdmeta, volumes | connections | needs_disk, generation_ids},
	{"get-gi", 1, Backend::drbdmeta, volumes | connections | needs_disk, generation_ids},
	{"dump-md", 1, Backend::drbdmeta, volumes | needs_disk, meta_command},
	{"wipe-md", 1, Backend::drbdmeta, volumes | needs_disk, meta_command},
	{"apply-al", 1, Backend::drbdmeta, volumes | needs_disk, meta_command},
	{"forget-peer", 1, Backend::drbdmeta, connections, forget_peer},
	{"explain", 1, Backend::explain, objects_optional, nullptr, explain_resources},
	{"hidden-commands", 1, Backend::none, no_objects | no_config, nullptr, nullptr,
	 hidden_commands},

	{"tables-json", 0, Backend::none, no_objects | no_config, nullptr, nullptr, tables},

	{"new-resource", 2, Backend::resource, 0, new_resource},
	{"sh-nop", 2, Backend::none, no_objects | test_ok, nullptr, nullptr, sh_nop},
	{"sh-resources", 2, Backend::none, no_objects, nullptr, nullptr, sh_resources},
	{"sh-resource", 2, Backend::none, volume_ok, sh_resource},
	{"sh-mod-parms", 2, Backend::none, no_objects, nullptr, nullptr, sh_mod_parms},
	{"sh-dev", 2, Backend::none, volumes, sh_dev},
	{"sh-udev", 2, Backend::none, one_volume | find_config, sh_udev},
	{"sh-minor", 2, Backend::none, volumes, sh_minor},
	{"sh-ll-dev", 2, Backend::none, volumes, sh_ll_dev},
	{"sh-md-dev", 2, Backend::none, volumes | needs_disk, sh_md_dev},
	{"sh-md-idx", 2, Backend::none, volumes | needs_disk, sh_md_idx},
	{"sh-ip", 2, Backend::none, volumes | connections, sh_ip},
	{"sh-lr-of", 2, Backend::none, volumes, sh_lower_resource},
	{"sh-list-config-file", 2, Backend::none, 0, sh_list_config_file},
	{"sh-list-adjustable", 2, Backend::none, verify_ip, nullptr, sh_list_adjustable},
	{"proxy-up", 2, Backend::none, connections | proxy, proxy_command},
	{"proxy-down", 2, Backend::none, connections | proxy, proxy_command},

	{"before-resync-target", 3, Backend::none, flag::handler | find_config, handler},
	{"after-resync-target", 3, Backend::none, flag::handler | find_config, handler},
	{"before-resync-source", 3, Backend::none, flag::handler | find_config, handler},
	{"pri-on-incon-degr", 3, Backend::none, flag::handler | find_config, handler},
	{"pri-lost-after-sb", 3, Backend::none, flag::handler | find_config, handler},
	{"fence-peer", 3, Backend::none, flag::handler | find_config, handler},
	{"local-io-error", 3, Backend::none, flag::handler | find_config, handler},
	{"pri-lost", 3, Backend::none, flag::handler | find_config, handler},
	{"initial-split-brain", 3, Backend::none, flag::handler | find_config, handler},
	{"split-brain", 3, Backend::none, flag::handler | find_config, handler},
	{"out-of-sync", 3, Backend::none, flag::handler | find_config, handler},
	{"unfence-peer", 3, Backend::none, flag::handler | find_config, handler},
	{"quorum-lost", 3, Backend::none, flag::handler | find_config, handler},
	{"disconnected", 3, Backend::none, flag::handler | find_config, handler},

	{"suspend-io", 4, Backend::none, volumes, minor_command},
	{"resume-io", 4, Backend::none, volumes, minor_command},
	{"set-gi", 4, Backend::set_gi, one_volume | volumes | connections | needs_disk, set_gi},
	{"new-current-uuid", 4, Backend::new_current_uuid, one_volume | volumes, minor_command},
	{"check-resize", 4, Backend::none, volumes, check_resize},
	{"new-minor", 4, Backend::new_minor, volumes, new_minor},
	{"del-minor", 4, Backend::none, volumes, minor_command},
});

}  // namespace

std::span<const CommandSpec> command_table()
{
	return table;
}

const CommandSpec *find_command(std::string_view name)
{
	for (const auto &c : table)
		if (c.name == name)
			return &c;
	return nullptr;
}

std::string_view current_spelling(std::string_view name)
{
	if (name == "state")
		return "role";
	if (name == "outdate-peer")
		return "fence-peer";
	return name;
}

/* ---- objects ---- */

namespace {

class Selection {
public:
	explicit Selection(Run &run) : run_(run), config_(run.config), command_(run.command) {}

	// Targets of the named objects; notes a status for those that do not exist.
	std::vector<Target> resolve(const std::vector<std::string> &objects);
	int status() const { return status_; }

private:
	bool is_mine(const Resource &r) const { return !r.ignored && r.me; }
	std::vector<Target> all();
	std::optional<Target> one(const std::string &object);
	void select_peer(Resource &r, const std::string &peer, const std::string &object,
			 Target &target);
	void enable(Target &t, bool by_peer);
	void check_volume(Target &t);
	[[noreturn]] void usage(const std::string &message)
	{
		throw Failure(exit_code::usage, message);
	}

	Run &run_;
	Config &config_;
	const CommandSpec &command_;
	std::set<std::string> enabled_;
	std::set<const Resource *> restricted_;
	int status_ = 0;
};

std::vector<Target> Selection::all()
{
	std::vector<Target> targets;
	bool stacked = run_.settings.stacked;

	for (auto &r : config_.resources) {
		if (!is_mine(*r) || (r->me->kind == HostKind::stacked) != stacked)
			continue;
		Target t;
		t.resource = r.get();
		t.object = r->name;
		t.of_all = true;
		targets.push_back(t);
	}
	if (!targets.empty())
		return targets;
	std::string node = run_.settings.node;
	if (stacked) {
		usage("WARN: nothing stacked for this host (" + node +
		      "), nothing to do in stacked mode!");
	}
	bool all_ignored = std::all_of(config_.resources.begin(), config_.resources.end(),
				       [&](const auto &r) { return !is_mine(*r); });
	usage("WARN: no normal resources defined for this host (" + node + ")!?" +
	      (all_ignored
		       ? "\nMisspelled name of the local machine with the 'on' keyword ?"
		       : ""));
}

void Selection::check_volume(Target &t)
{
	bool takes = command_.flags & (volumes | one_volume | volume_ok);
	if (t.volume && !takes) {
		if (!t.volume->implicit)
			usage(std::string(command_.name) +
			      " operates on whole resources, but you specified a specific "
			      "volume!");
		t.volume = nullptr;
	}
	if (!t.volume && (command_.flags & one_volume)) {
		const auto &mine = t.resource->me->volumes;
		if (mine.size() != 1 || !mine.front().implicit)
			usage(std::string(command_.name) +
			      " requires a specific volume id, but none is specified.\nTry '" +
			      command_.name + " minor-<minor_number>' or '" + command_.name + " " +
			      t.object + "/<vnr>'");
		t.volume = &mine.front();
	}
}

void Selection::select_peer(Resource &r, const std::string &peer, const std::string &object,
			    Target &target)
{
	HostSection *host = r.find_host(peer);
	if (!host) {
		// Newer tools write floating names with underscores.
		for (auto &h : r.hosts)
			if (h.kind == HostKind::floating) {
				std::string name = h.names.front();
				for (char &c : name)
					if (!isalnum(static_cast<unsigned char>(c)) &&
					    !strchr("+-._", c))
						c = '_';
				if (name == peer)
					host = &h;
			}
	}
	if (host && host == r.me)
		usage("Host name '" + peer + "' (from '" + object +
		      "') is not a peer, but the local node");
	for (auto &c : r.connections) {
		if (!c.involves_me)
			continue;
		const Option *name = c.net.find("_name");
		bool match = host ? c.peer == host : name && name->value == peer;
		if (match && !target.connection)
			target.connection = &c;
	}
	if (!target.connection)
		usage("Not a valid connection (" + object + ") for this host");
}

// Giving peers narrows the resource down to them.
void Selection::enable(Target &t, bool by_peer)
{
	Resource &r = *t.resource;
	std::string volume = t.volume ? "/" + std::to_string(t.volume->vnr) : "";
	if (by_peer) {
		if (restricted_.insert(&r).second)
			for (auto &c : r.connections)
				c.ignored = true;
		t.connection->ignored = false;
		if (!enabled_.insert(r.name + "/" + std::to_string(t.connection->peer_id()) + volume)
			     .second)
			usage("USAGE_BUG: " + t.object +
			      " would enable an already enabled connection");
		return;
	}
	if (!enabled_.insert(r.name + volume).second || restricted_.count(&r))
		usage("USAGE_BUG: " + t.object + " would enable an already enabled connection");
}

std::optional<Target> Selection::one(const std::string &object)
{
	Target t;
	t.object = object;
	if (object.empty())
		usage("Resource name is empty.");
	for (unsigned char c : object)
		if (c < 0x20 || c == 0x7f)
			usage("Resource name is invalid - please don't use control characters.");

	if (object.rfind("minor-", 0) == 0) {
		std::string digits = object.substr(6);
		if (!digits.empty() && digits.size() <= 9 &&
		    digits.find_first_not_of("0123456789") == std::string::npos) {
			unsigned minor = static_cast<unsigned>(std::stoul(digits));
			for (auto &r : config_.resources) {
				if (!is_mine(*r))
					continue;
				for (const auto &v : r->me->volumes)
					if (v.minor == minor && !t.resource) {
						t.resource = r.get();
						t.volume = &v;
					}
			}
		}
	}
	std::string peer, vnr;
	bool has_peer = false, has_vnr = false;
	if (!t.resource) {
		std::string name = object;
		if (auto slash = name.rfind('/'); slash != std::string::npos) {
			has_vnr = true;
			vnr = name.substr(slash + 1);
			name.resize(slash);
		}
		if (auto colon = name.find(':'); colon != std::string::npos) {
			has_peer = true;
			peer = name.substr(colon + 1);
			name.resize(colon);
		}
		t.resource = config_.find(name);
	}
	if (t.resource && t.resource->ignored)
		t.resource = nullptr;
	if (!t.resource) {
		run_.diag.say("'" + object + "' not defined in your config (for this host).");
		status_ = std::max(status_, exit_code::usage);
		return std::nullopt;
	}
	if (t.resource->me && !(t.volume && (command_.flags & flag::dump)))
		set_peers(*t.resource, run_.diag, expanded(run_));
	if (has_peer)
		select_peer(*t.resource, peer, object, t);
	if (has_vnr) {
		bool number = !vnr.empty() && vnr.size() <= 9 &&
			      vnr.find_first_not_of("0123456789") == std::string::npos;
		if (number && t.resource->me)
			t.volume = find_volume(t.resource->me->volumes, std::stoi(vnr));
		if (!t.volume)
			usage("Resource '" + t.resource->name + "' has no volume " + vnr);
	}
	if (t.resource->me)
		check_volume(t);
	enable(t, has_peer);
	if (!(command_.flags & flag::dump))
		connections_of(*t.resource);
	return t;
}

std::vector<Target> Selection::resolve(const std::vector<std::string> &objects)
{
	if (objects.front() == "all") {
		auto targets = all();
		for (auto &t : targets) {
			set_peers(*t.resource, run_.diag, expanded(run_));
			if ((command_.flags & one_volume) && !(command_.flags & volumes)) {
				run_.diag.say("volume not specified");
				status_ = exit_code::usage;
			}
		}
		if (status_)
			targets.clear();
		return targets;
	}
	std::vector<Target> targets;
	for (const auto &o : objects) {
		auto t = one(o);
		if (!t)
			continue;
		// Several peers of one resource: it is worked on once, with all of them.
		bool again = t->connection && std::any_of(targets.begin(), targets.end(),
							  [&](const Target &other) {
								  return other.resource == t->resource;
							  });
		if (!again)
			targets.push_back(*t);
	}
	return targets;
}

/* ---- iteration ---- */

int iterate(Run &run, const Target &object)
{
	unsigned flags = run.command.flags;
	std::vector<const Volume *> vs;
	std::vector<Connection *> cs;

	if (object.volume || !(flags & volumes))
		vs.push_back(object.volume);
	else
		for (const auto &v : object.resource->me->volumes)
			vs.push_back(&v);
	if (object.connection || !(flags & connections)) {
		cs.push_back(object.connection);
	} else {
		cs = connections_of(*object.resource);
		// The metadata of a lone host has its own slot only.
		if (object.resource->hosts.size() == 1 && run.command.action == set_gi &&
		    !object.of_all)
			cs.push_back(nullptr);
	}
	for (const Volume *v : vs) {
		Target t = object;
		t.volume = v;
		if ((flags & needs_disk) && v)
			require_disk(run, *v);
		for (Connection *c : cs) {
			t.connection = c;
			if (int status = run.command.action(run, t))
				return status;
		}
	}
	return 0;
}

// Says it if not.
bool ip_present(Run &run, const Resource &r)
{
	const Address &a = r.me->address;
	if (a.empty() || have_address(a.family, a.addr))
		return true;
	run.diag.say(*r.pos.file + ": in resource " + r.name + ", on " + r.me->joined_names() +
		     ":\n\tIP " + a.addr + " not found on this host.");
	return false;
}

bool should_verify_ips(const Run &run)
{
	if (!(run.command.flags & verify_ip) || run.config.global.disable_ip_verification)
		return false;
	if (std::find(run.cli.begin(), run.cli.end(), "--skip-net") != run.cli.end())
		return false;
	return !run.settings.dry_run() || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
}

void verify_ips(Run &run, const std::vector<Target> &targets, bool fatal)
{
	bool good = true;

	if (!should_verify_ips(run))
		return;
	for (const auto &t : targets) {
		if (!t.resource->me)
			continue;
		if (t.resource->me->kind == HostKind::stacked && !run.settings.stacked)
			continue;
		good = ip_present(run, *t.resource) && good;
	}
	if (!good && fatal)
		throw Failure(exit_code::config, "");
}

int run_plain(Run &run, const std::vector<std::string> &objects)
{
	const CommandSpec &command = run.command;

	if ((command.flags & flag::dump) && !run.config.valid)
		throw Failure(exit_code::config, "");
	if (command.flags & flag::dump) {
		if (run.config.resources.empty())
			return command.plain(run);
		validate(run.config, run.diag, expanded(run));
		if (!run.config.valid)
			throw Failure(exit_code::config, "");
	}
	if ((command.flags & no_objects) && !objects.empty()) {
		run.diag.say("This command will ignore resource names!");
		if (run.config.resources.empty())
			throw Failure(exit_code::usage, "no resources defined!");
		if (run.config.valid) {
			Selection selection(run);
			selection.resolve(objects);
			if (selection.status())
				return selection.status();
		}
	}
	if (should_verify_ips(run)) {
		bool good = true;
		for (auto &r : run.config.resources)
			if (!r->ignored && r->me->kind != HostKind::stacked)
				good = ip_present(run, *r) && good;
		if (!good)
			throw Failure(exit_code::config, "");
	}
	int status = command.plain(run);
	if (status >= 10)
		run.diag.say(std::string("command ") + command.name + " exited with code " +
			     std::to_string(status));
	return status;
}

}  // namespace

int run_command(Run &run, const std::vector<std::string> &objects)
{
	const CommandSpec &command = run.command;
	bool all = !objects.empty() && objects.front() == "all";

	if ((command.flags & no_objects) || (command.plain && objects.empty()) ||
	    ((command.flags & flag::dump) && all))
		return run_plain(run, command.flags & flag::dump ? std::vector<std::string>{}
								 : objects);

	if (run.config.resources.empty())
		throw Failure(exit_code::usage, "no resources defined!");
	if (!run.config.valid)
		throw Failure(exit_code::config, "");
	validate(run.config, run.diag, expanded(run));

	Selection selection(run);
	if (command.group) {
		auto targets = selection.resolve(objects);
		verify_ips(run, targets, true);
		int status = targets.empty() ? 0 : command.group(run, targets);
		return std::max(selection.status(), status);
	}
	// Objects are looked up and handled one by one.
	int result = 0;
	std::vector<std::vector<std::string>> portions;
	if (all)
		portions.push_back(objects);
	else
		for (const auto &o : objects)
			portions.push_back({o});
	std::optional<Executor::Batch> batch;
	if ((all || objects.size() > 1) && !(command.flags & for_display))
		batch.emplace(run.executor);
	for (const auto &portion : portions) {
		auto targets = selection.resolve(portion);
		verify_ips(run, targets, !(command.flags & flag::dump));
		for (const auto &t : targets) {
			int status = iterate(run, t);
			if (status >= 20)
				return status;
			result = std::max(result, status);
		}
	}
	return std::max(result, selection.status());
}

}  // namespace drbd::adm
