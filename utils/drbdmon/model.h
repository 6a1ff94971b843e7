// SPDX-License-Identifier: GPL-2.0-only
// What `drbdsetup events2` has told so far (drbdsetup.md 10), as values.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drbd::mon {

// Seconds of a clock that only goes forward.
using Seconds = double;

// A line of events2.
struct Event {
	std::string timestamp;	// empty without --timestamps
	std::string verb;	// "exists", ..., "-"
	std::string object;	// "resource", ...; with the verb "exists" also "-"
	std::vector<std::pair<std::string, std::string>> fields;

	// The value of a key, null if the line does not have it.
	const std::string *find(std::string_view key) const;
	bool has(std::string_view key) const { return find(key); }
	std::string get(std::string_view key) const;	// empty if it does not have it
	std::optional<unsigned int> number(std::string_view key) const;
};

// nullopt: not a line of events2.  Values may contain blanks.
std::optional<Event> parse_event(std::string_view line);

// A state: its word, and its number if it is one that we know.
struct State {
	std::string text;
	std::optional<unsigned int> nr;

	bool is(unsigned int n) const { return nr == n; }
	bool between(unsigned int first, unsigned int last) const
	{
		return nr && *nr >= first && *nr <= last;
	}
};

// A counter of KiB, and how fast it grows.
struct Counter {
	uint64_t value = 0;
	double rate = 0;	// KiB/s

	void sample(Seconds now);
private:
	std::optional<Seconds> at;
	uint64_t before = 0;
};

struct PeerDevice {
	State replication, disk;
	bool client = false;			// diskless on purpose
	std::string resync_suspended = "no";
	std::optional<double> done;		// percent of a running resync or verify
	std::optional<double> rate;		// of that, MiB/s
	std::optional<double> eta;		// of that, seconds
	Counter received, sent;
	uint64_t out_of_sync = 0;		// KiB
	uint64_t pending = 0, unacked = 0;
	bool stalled = false;			// it runs, and does not get on

	bool syncing() const;			// resync or verify, not paused
	bool verifying() const;
	void sample(Seconds now);
private:
	double last_done = -1;
	Seconds progress_at = 0;
};

struct Path {
	std::string local, peer;
	bool established = false;
};

struct Connection {
	std::string name;
	unsigned int peer_node_id = 0;
	State state, role;
	bool congested = false;
	uint64_t ap_in_flight = 0, rs_in_flight = 0;	// sectors
	std::map<unsigned int, PeerDevice> peer_devices;	// by volume
	std::vector<Path> paths;

	bool connected() const;
};

struct Device {
	unsigned int minor = 0;
	State disk;
	bool client = false, quorum = true;
	std::string backing_dev, open;
	std::optional<uint64_t> size;		// KiB
	Counter read, written;
	uint64_t al_writes = 0, bm_writes = 0, upper_pending = 0, lower_pending = 0;
	bool al_suspended = false;
	std::string blocked = "no";
};

// A handler that the kernel called.
struct Helper {
	std::string name;			// "fence-peer"
	std::string object;			// "bravo/0"; empty: the resource
	std::optional<uint32_t> status;		// raw wait status; nothing: still running

	std::string result() const;		// "running", "exit code 7", ...
};

struct Resource {
	std::string name;
	State role;
	std::string suspended = "no";
	bool force_io_failures = false, may_promote = false;
	unsigned int promotion_score = 0;
	std::string write_ordering;
	std::map<unsigned int, Device> devices;		// by volume
	std::map<unsigned int, Connection> connections;	// by node id
	std::deque<Helper> helpers;			// newest last

	// Is the volume UpToDate here or at a connected peer?
	bool has_good_data(unsigned int volume) const;
};

// Something that changed: for the log.
struct Change {
	std::string time;	// of the event or of its arrival, "12:01:33"
	std::string resource, object;
	std::string text;	// "connection: Connected -> Connecting"
};

class Model {
public:
	const std::map<std::string, Resource> &resources() const { return all; }
	const Resource *find(const std::string &name) const;

	// The present state has been told completely.
	bool complete() const { return initial_done; }
	// Lines that were no events; notifications that drbdsetup says it missed.
	unsigned int not_understood() const { return strange; }
	unsigned int lost() const { return missed; }
	const std::deque<Change> &log() const { return changes; }

	// One line without its newline.  @time: of arrival, for the log.
	void apply(std::string_view line, const std::string &time);
	// Compute rates and see what stands still; about once a second.
	void sample(Seconds now);
	// A new stream begins: what is known stays until its first line.
	void restart();

private:
	void apply_resource(const Event &e);
	void apply_device(const Event &e);
	void apply_connection(const Event &e);
	void apply_peer_device(const Event &e);
	void apply_path(const Event &e);
	void apply_helper(const Event &e);
	void rename(const Event &e);
	void note(const Event &e, const std::string &object, const std::string &text);
	// A state of an object that @e is about; a change of one goes to the log.
	void set(const Event &e, const std::string &object, const char *key, State &state,
		 std::optional<unsigned int> (*number)(std::string_view));

	std::map<std::string, Resource> all;
	std::deque<Change> changes;
	std::string now_text;
	bool initial_done = false, restarted = false;
	unsigned int strange = 0, missed = 0;
};

}  // namespace drbd::mon
