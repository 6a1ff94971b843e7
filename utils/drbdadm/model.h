// SPDX-License-Identifier: GPL-2.0-only
// What a configuration says, and (below "derived") what follows from it.
//
// The parser fills the model, derive.cc completes it, everything else reads it.  The same
// structures hold what `drbdsetup show` printed, so that adjust compares like with like.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drbd::adm {

// A place in a configuration file.  `file` is the name as the user gave it, or the absolute
// name; the strings live in Config::files.
struct Pos {
	const std::string *file = nullptr;
	int line = 0;
};

struct Option {
	std::string name;
	std::string value;
	bool has_value = false;  // `name;` stores no value and prints none in dumps
	bool inherited = false;  // came from an outer section
	bool unknown = false;    // `_unknown NAME;` of drbdsetup show
};

// An ordered option list.  The order is observable on command lines.
class Options {
public:
	void append(Option option) { list_.push_back(std::move(option)); }
	void append(std::string name, std::string value);
	void prepend(Option option) { list_.insert(list_.begin(), std::move(option)); }
	const Option *find(std::string_view name) const;
	Option *find(std::string_view name);
	// Removes the first option of that name; false if there is none.
	bool remove(std::string_view name);
	bool empty() const { return list_.empty(); }
	size_t size() const { return list_.size(); }
	auto begin() const { return list_.begin(); }
	auto end() const { return list_.end(); }
	auto begin() { return list_.begin(); }
	auto end() { return list_.end(); }

private:
	std::vector<Option> list_;
};

struct Address {
	std::string family;  // ipv4, ipv6, ssocks, sdp; empty: no address
	std::string addr;    // without brackets
	std::string port;    // text as written

	bool empty() const { return addr.empty(); }
	// `ipv4:10.0.0.1:7000`, `ipv6:[fd00::1]:7000`
	std::string for_drbdsetup() const;
	// `10.0.0.1:7000`, `[fd00::1]:7000`
	std::string addr_port() const;
};

enum class MetaIndex { internal = -1, flexible = -2 };

struct Volume {
	int vnr = 0;
	bool implicit = false;

	std::optional<unsigned> minor;
	std::string device;            // "/dev/drbd…"; empty: not named
	std::optional<std::string> disk;
	std::optional<std::string> meta_disk;  // "internal" or a path
	int meta_index = static_cast<int>(MetaIndex::internal);
	std::optional<bool> tiebreaker;

	Options disk_options;
	Options peer_device_options;
	Options device_options;

	// Written in this very section; decides what a plain dump shows.
	bool own_device = false;
	bool own_disk = false;
	bool own_meta_disk = false;
	Pos device_pos, disk_pos, meta_disk_pos;

	bool diskful() const { return disk && *disk != "none"; }
	bool has_meta_disk() const { return meta_disk.has_value(); }
	bool internal_meta() const { return meta_index == static_cast<int>(MetaIndex::internal); }
};

using Volumes = std::vector<Volume>;
Volume *find_volume(Volumes &volumes, int vnr);
const Volume *find_volume(const Volumes &volumes, int vnr);
void sort_by_number(Volumes &volumes);

struct Resource;

struct ProxySection {
	Pos pos;
	std::vector<std::string> names;
	Address inside, outside;
	Options options;
	std::vector<std::string> plugins;
};

enum class HostKind { on, floating, stacked };

struct HostSection {
	Pos pos;
	HostKind kind = HostKind::on;
	std::vector<std::string> names;
	Address address;
	std::optional<int> node_id;
	Volumes volumes;
	Options resource_options;  // parsed and dumped, no effect
	std::optional<ProxySection> proxy;
	std::string lower_name;  // stacked-on-top-of

	// derived
	Resource *lower = nullptr;

	// names joined with `separator`
	std::string joined_names(const char *separator = " ") const;
	// `on alpha`, `stacked-on-top-of low`, `floating ipv4 …` as used in messages
	std::string heading() const;
};

struct HostRef {
	std::string name;     // empty: `address …`
	Address address;      // as far as given; complete after derive
	Address given;        // as written, for dump
	Address outside;      // via outside-address
	std::optional<ProxySection> proxy;
	Pos pos;

	// derived
	HostSection *host = nullptr;
};

struct Path {
	Pos pos;
	bool implicit = true;  // not written as `path { }`
	std::vector<HostRef> refs;

	// `_this_host`, `_remote_host` of drbdsetup show
	// derived
	HostRef *mine = nullptr;
	HostRef *peer = nullptr;
	Address my_address;
	Address connect_to;
	bool unused = false;
};

struct PeerDevice {
	int vnr = 0;
	bool implicit = true;
	Pos pos;
	Options options;
};

// States as far as adjust needs their order; see drbdadm.md section 11.1.
enum class ConnState {
	standalone, disconnecting, unconnected, timeout, broken_pipe, network_failure,
	protocol_error, teardown, connecting, connected, unknown,
};

struct Connection {
	Pos pos;
	bool implicit = false;
	bool from_mesh = false;
	std::list<Path> paths;
	std::vector<PeerDevice> peer_devices;
	Options net;
	bool has_net = false;
	Options peer_device_options;

	// from drbdsetup show
	std::optional<int> peer_node_id;
	ConnState state = ConnState::unknown;

	// derived
	HostSection *peer = nullptr;
	bool involves_me = false;
	bool ignored = false;  // not addressed in this run

	const PeerDevice *find_peer_device(int vnr) const;
	PeerDevice *find_peer_device(int vnr);
	int peer_id() const;
};

struct Mesh {
	Pos pos;
	std::vector<std::string> hosts;
	Options net;
	bool has_net = false;
};

struct Resource {
	std::string name;
	Pos pos;             // absolute file name, line of `resource NAME {`
	Pos parsed_pos;      // the same with the name as given
	bool is_common = false;

	Volumes volumes;
	std::list<HostSection> hosts;
	std::list<Connection> connections;
	std::vector<Mesh> meshes;
	std::string template_file;  // absolute
	std::shared_ptr<Resource> template_common;

	Options net, disk, peer_device, device, startup, handlers, options, proxy;
	std::vector<std::string> proxy_plugins;
	bool stacked_timeouts = false;
	bool uses_9_features = false;

	// derived
	HostSection *me = nullptr;
	bool ignored = false;
	bool stacked = false;
	bool peers_set = false;

	HostSection *find_host(std::string_view name);
	const Volume *my_volume(int vnr) const;
};

struct Global {
	bool present = false;
	bool disable_ip_verification = false;
	bool udev_always_use_vnr = false;
	int minor_count = 0;
	int dialog_refresh = 1;
	int cmd_timeout_short = 5;
	int cmd_timeout_medium = 121;
	int cmd_timeout_long = 600;
	std::string usage_count = "ask";
};

struct Config {
	Global global;
	std::unique_ptr<Resource> common;
	std::vector<std::unique_ptr<Resource>> resources;
	std::deque<std::string> files;  // keeps the names that Pos points to
	std::string main_file;          // absolute, or STDIN
	bool valid = true;

	Resource *find(std::string_view name) const;
	const std::string *intern(const std::string &file);
};

// Host names compare without case; unless both are qualified only the part before the first
// dot counts (drbdadm.md 6.3).
bool same_host(std::string_view a, std::string_view b);
bool any_same_host(const std::vector<std::string> &names, std::string_view name);

std::string join(const std::vector<std::string> &words, std::string_view separator);

}  // namespace drbd::adm
