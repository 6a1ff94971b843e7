// SPDX-License-Identifier: GPL-2.0-only
// The reader must stand any input: tests/fuzz/drbdmon_model_fuzz.cc.
#include "model.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include <linux/drbd.h>
#include "common/schema.h"

namespace drbd::mon {

namespace {

constexpr size_t max_log = 500, max_helpers = 20;
constexpr Seconds stall_after = 20;

template <class T> std::optional<T> to_number(std::string_view text)
{
	T v;
	auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), v);

	if (fault != std::errc() || end != text.data() + text.size())
		return std::nullopt;
	return v;
}

std::optional<double> to_real(std::string_view text)
{
	auto v = to_number<double>(text);

	return v && std::isfinite(*v) ? v : std::nullopt;
}

// Keys of an object that just have to be kept: one line each.
template <class T> struct Setter {
	const char *key;
	void (*set)(T &, const std::string &);
};

template <class T, auto member> void keep_text(T &object, const std::string &value)
{
	object.*member = value;
}

template <class T, auto member> void keep_yes(T &object, const std::string &value)
{
	object.*member = value == "yes";
}

template <class T, auto member> void keep_number(T &object, const std::string &value)
{
	if (auto v = to_number<std::remove_reference_t<decltype(object.*member)>>(value))
		object.*member = *v;
}

template <class T, auto member> void keep_counter(T &object, const std::string &value)
{
	if (auto v = to_number<uint64_t>(value))
		(object.*member).value = *v;
}

template <class T, auto member> void keep_real(T &object, const std::string &value)
{
	object.*member = to_real(value);
}

const Setter<Resource> resource_keys[] = {
	{"suspended", keep_text<Resource, &Resource::suspended>},
	{"force-io-failures", keep_yes<Resource, &Resource::force_io_failures>},
	{"write-ordering", keep_text<Resource, &Resource::write_ordering>},
	{"may_promote", keep_yes<Resource, &Resource::may_promote>},
	{"promotion_score", keep_number<Resource, &Resource::promotion_score>},
};

const Setter<Connection> connection_keys[] = {
	{"conn-name", keep_text<Connection, &Connection::name>},
	{"congested", keep_yes<Connection, &Connection::congested>},
	{"ap-in-flight", keep_number<Connection, &Connection::ap_in_flight>},
	{"rs-in-flight", keep_number<Connection, &Connection::rs_in_flight>},
};

const Setter<Device> device_keys[] = {
	{"minor", keep_number<Device, &Device::minor>},
	{"backing_dev", keep_text<Device, &Device::backing_dev>},
	{"client", keep_yes<Device, &Device::client>},
	{"open", keep_text<Device, &Device::open>},
	{"quorum", keep_yes<Device, &Device::quorum>},
	{"size", [](Device &d, const std::string &v) { d.size = to_number<uint64_t>(v); }},
	{"read", keep_counter<Device, &Device::read>},
	{"written", keep_counter<Device, &Device::written>},
	{"al-writes", keep_number<Device, &Device::al_writes>},
	{"bm-writes", keep_number<Device, &Device::bm_writes>},
	{"upper-pending", keep_number<Device, &Device::upper_pending>},
	{"lower-pending", keep_number<Device, &Device::lower_pending>},
	{"al-suspended", keep_yes<Device, &Device::al_suspended>},
	{"blocked", keep_text<Device, &Device::blocked>},
};

const Setter<PeerDevice> peer_device_keys[] = {
	{"peer-client", keep_yes<PeerDevice, &PeerDevice::client>},
	{"resync-suspended", keep_text<PeerDevice, &PeerDevice::resync_suspended>},
	{"done", keep_real<PeerDevice, &PeerDevice::done>},
	{"dbdt1", keep_real<PeerDevice, &PeerDevice::rate>},
	{"eta", keep_real<PeerDevice, &PeerDevice::eta>},
	{"received", keep_counter<PeerDevice, &PeerDevice::received>},
	{"sent", keep_counter<PeerDevice, &PeerDevice::sent>},
	{"out-of-sync", keep_number<PeerDevice, &PeerDevice::out_of_sync>},
	{"pending", keep_number<PeerDevice, &PeerDevice::pending>},
	{"unacked", keep_number<PeerDevice, &PeerDevice::unacked>},
};

template <class T, size_t n> void keep(const Setter<T> (&keys)[n], const Event &e, T &object)
{
	for (const auto &[key, value] : e.fields)
		for (const auto &k : keys)
			if (key == k.key)
				k.set(object, value);
}

bool is_destroy(const Event &e) { return e.verb == "destroy"; }

}  // namespace

// ---------------------------------------------------------------------- lines

const std::string *Event::find(std::string_view key) const
{
	for (const auto &field : fields)
		if (field.first == key)
			return &field.second;
	return nullptr;
}

std::string Event::get(std::string_view key) const
{
	const std::string *value = find(key);

	return value ? *value : "";
}

std::optional<unsigned int> Event::number(std::string_view key) const
{
	const std::string *value = find(key);

	return value ? to_number<unsigned int>(*value) : std::nullopt;
}

std::optional<Event> parse_event(std::string_view line)
{
	static const char *const verbs[] = {"exists", "create", "change", "destroy", "call",
					    "response", "rename", "-"};
	static const char *const objects[] = {"resource", "connection", "device", "peer-device",
					      "path", "helper"};
	auto known = [](const auto &words, std::string_view word) {
		return std::any_of(std::begin(words), std::end(words),
				   [&](const char *w) { return word == w; });
	};
	auto next = [&] {
		size_t end = std::min(line.find(' '), line.size());
		std::string_view word = line.substr(0, end);

		line.remove_prefix(std::min(end + 1, line.size()));
		return word;
	};
	Event e;

	std::string_view word = next();
	// 2026-11-21T03:21:01.554482+00:00
	if (word.size() >= 19 && word[4] == '-' && word[10] == 'T') {
		e.timestamp = word;
		word = next();
	}
	e.verb = word;
	e.object = next();
	if (!known(verbs, e.verb))
		return std::nullopt;
	if (e.verb == "-" ? e.object != "skipped" :
	    !known(objects, e.object) && !(e.verb == "exists" && e.object == "-"))
		return std::nullopt;
	while (!line.empty()) {
		word = next();
		size_t colon = word.find(':');
		if (colon != word.npos)
			e.fields.emplace_back(word.substr(0, colon), word.substr(colon + 1));
		else if (!e.fields.empty())
			// A name with a blank in it.
			e.fields.back().second.append(" ").append(word);
		else
			e.fields.emplace_back("", word);
	}
	return e;
}

// --------------------------------------------------------------------- values

void Counter::sample(Seconds now)
{
	if (at && now > *at)
		rate = value > before ? (value - before) / (now - *at) : 0;
	if (at && now <= *at)
		return;
	at = now;
	before = value;
}

bool PeerDevice::verifying() const { return replication.between(L_VERIFY_S, L_VERIFY_T); }

bool PeerDevice::syncing() const
{
	return verifying() || replication.between(L_SYNC_SOURCE, L_SYNC_TARGET);
}

void PeerDevice::sample(Seconds now)
{
	received.sample(now);
	sent.sample(now);
	double progress = done.value_or(0);
	if (!syncing() || progress != last_done) {
		last_done = syncing() ? progress : -1;
		progress_at = now;
	}
	stalled = syncing() && now - progress_at >= stall_after;
}

bool Connection::connected() const { return state.is(C_CONNECTED); }

std::string Helper::result() const
{
	if (!status)
		return "running";
	// A negative error number instead of a wait status.
	if (*status > 0xffff)
		return std::string("failed: ") + strerror(static_cast<int>(0u - *status));
	if (*status & 0x7f)
		return "killed by signal " + std::to_string(*status & 0x7f);
	return "exit code " + std::to_string(*status >> 8);
}

bool Resource::has_good_data(unsigned int volume) const
{
	auto device = devices.find(volume);

	if (device != devices.end() && device->second.disk.is(D_UP_TO_DATE))
		return true;
	for (const auto &[id, c] : connections) {
		auto pd = c.peer_devices.find(volume);
		if (c.connected() && pd != c.peer_devices.end() &&
		    pd->second.disk.is(D_UP_TO_DATE))
			return true;
	}
	return false;
}

// ---------------------------------------------------------------------- model

const Resource *Model::find(const std::string &name) const
{
	auto r = all.find(name);

	return r == all.end() ? nullptr : &r->second;
}

void Model::restart()
{
	restarted = true;
}

void Model::sample(Seconds now)
{
	for (auto &[name, r] : all) {
		for (auto &[volume, d] : r.devices) {
			d.read.sample(now);
			d.written.sample(now);
		}
		for (auto &[id, c] : r.connections)
			for (auto &[volume, pd] : c.peer_devices)
				pd.sample(now);
	}
}

void Model::note(const Event &e, const std::string &object, const std::string &text)
{
	if (!initial_done)
		return;
	// Time of day of the timestamp, or of the arrival.
	changes.push_back({e.timestamp.empty() ? now_text : e.timestamp.substr(11, 8),
			   e.get("name"), object, text});
	if (changes.size() > max_log)
		changes.pop_front();
}

void Model::set(const Event &e, const std::string &object, const char *key, State &state,
		std::optional<unsigned int> (*number)(std::string_view))
{
	const std::string *value = e.find(key);

	if (!value || *value == state.text)
		return;
	note(e, object, std::string(key) + ": " + (state.text.empty() ? "" : state.text + " -> ") +
	     *value);
	state = {*value, number(*value)};
}

void Model::apply(std::string_view line, const std::string &time)
{
	using Apply = void (Model::*)(const Event &);
	static const struct {
		const char *object;
		Apply apply;
	} objects[] = {
		{"resource", &Model::apply_resource},
		{"connection", &Model::apply_connection},
		{"device", &Model::apply_device},
		{"peer-device", &Model::apply_peer_device},
		{"path", &Model::apply_path},
		{"helper", &Model::apply_helper},
	};
	auto e = parse_event(line);

	if (!e) {
		strange++;
		return;
	}
	if (restarted) {
		all.clear();
		initial_done = restarted = false;
	}
	now_text = time;
	if (e->verb == "-") {
		missed++;
		return;
	}
	if (e->object == "-") {
		initial_done = true;
		return;
	}
	if (!e->has("name")) {
		strange++;
		return;
	}
	for (const auto &o : objects)
		if (e->object == o.object)
			(this->*o.apply)(*e);
}

void Model::apply_resource(const Event &e)
{
	std::string name = e.get("name");

	if (is_destroy(e)) {
		note(e, "", "removed");
		all.erase(name);
		return;
	}
	if (e.verb == "rename") {
		rename(e);
		return;
	}
	Resource &r = all[name];
	r.name = name;
	std::string suspended = r.suspended;
	set(e, "", "role", r.role, role_number);
	keep(resource_keys, e, r);
	if (r.suspended != suspended)
		note(e, "", "suspended: " + suspended + " -> " + r.suspended);
}

void Model::rename(const Event &e)
{
	auto node = all.extract(e.get("name"));
	std::string name = e.get("new_name");

	if (node.empty() || name.empty())
		return;
	note(e, "", "renamed to " + name);
	node.key() = name;
	node.mapped().name = name;
	all.erase(name);
	all.insert(std::move(node));
}

void Model::apply_device(const Event &e)
{
	auto volume = e.number("volume");

	if (!volume) {
		strange++;
		return;
	}
	Resource &r = all[e.get("name")];
	r.name = e.get("name");
	std::string object = std::to_string(*volume);
	if (is_destroy(e)) {
		note(e, object, "removed");
		r.devices.erase(*volume);
		return;
	}
	Device &d = r.devices[*volume];
	bool quorum = d.quorum;
	set(e, object, "disk", d.disk, disk_number);
	keep(device_keys, e, d);
	if (d.quorum != quorum)
		note(e, object, d.quorum ? "has quorum again" : "lost quorum");
}

void Model::apply_connection(const Event &e)
{
	auto id = e.number("peer-node-id");

	if (!id) {
		strange++;
		return;
	}
	Resource &r = all[e.get("name")];
	r.name = e.get("name");
	std::string object = e.get("conn-name");
	if (is_destroy(e)) {
		note(e, object, "removed");
		r.connections.erase(*id);
		return;
	}
	Connection &c = r.connections[*id];
	c.peer_node_id = *id;
	set(e, object, "connection", c.state, conn_number);
	set(e, object, "role", c.role, role_number);
	keep(connection_keys, e, c);
}

void Model::apply_peer_device(const Event &e)
{
	auto id = e.number("peer-node-id"), volume = e.number("volume");

	if (!id || !volume) {
		strange++;
		return;
	}
	Resource &r = all[e.get("name")];
	r.name = e.get("name");
	Connection &c = r.connections[*id];
	c.peer_node_id = *id;
	if (c.name.empty())
		c.name = e.get("conn-name");
	if (is_destroy(e)) {
		c.peer_devices.erase(*volume);
		return;
	}
	PeerDevice &pd = c.peer_devices[*volume];
	std::string object = e.get("conn-name") + "/" + std::to_string(*volume);
	// Progress is in each line that tells the state or the counters, as long as there is one.
	if (e.has("replication") || e.has("received"))
		pd.done = pd.rate = pd.eta = std::nullopt;
	set(e, object, "replication", pd.replication, repl_number);
	set(e, object, "peer-disk", pd.disk, disk_number);
	keep(peer_device_keys, e, pd);
}

void Model::apply_path(const Event &e)
{
	auto id = e.number("peer-node-id");

	if (!id) {
		strange++;
		return;
	}
	Resource &r = all[e.get("name")];
	r.name = e.get("name");
	Connection &c = r.connections[*id];
	c.peer_node_id = *id;
	if (c.name.empty())
		c.name = e.get("conn-name");
	std::string local = e.get("local"), peer = e.get("peer");
	auto path = std::find_if(c.paths.begin(), c.paths.end(), [&](const Path &p) {
		return p.local == local && p.peer == peer;
	});
	if (is_destroy(e)) {
		if (path != c.paths.end())
			c.paths.erase(path);
		return;
	}
	if (path == c.paths.end())
		path = c.paths.insert(path, Path{local, peer});
	path->established = e.get("established") == "yes";
}

void Model::apply_helper(const Event &e)
{
	auto r = all.find(e.get("name"));

	if (r == all.end())
		return;
	Helper h{e.get("helper"), e.get("conn-name"), std::nullopt};
	if (e.has("volume"))
		h.object += (h.object.empty() ? "" : "/") + e.get("volume");
	auto &list = r->second.helpers;
	if (e.verb == "call") {
		list.push_back(h);
		if (list.size() > max_helpers)
			list.pop_front();
		note(e, h.object, "handler " + h.name + " called");
		return;
	}
	h.status = to_number<uint32_t>(e.get("status")).value_or(0);
	note(e, h.object, "handler " + h.name + ": " + h.result());
	for (auto &known : list)
		if (known.name == h.name && known.object == h.object && !known.status) {
			known.status = h.status;
			return;
		}
}

}  // namespace drbd::mon
