// SPDX-License-Identifier: GPL-2.0-only
#include "explain.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include "exec.h"
#include "system.h"

namespace drbd::adm {

using nlohmann::json;

/* ---- the kernel's messages ---- */

namespace {

bool contains(const std::string &text, std::string_view word)
{
	auto it = std::search(text.begin(), text.end(), word.begin(), word.end(),
			      [](unsigned char a, unsigned char b) {
				      return tolower(a) == tolower(b);
			      });
	return it != text.end();
}

std::string wall_clock(unsigned long long monotonic_us)
{
	struct timespec mono, real;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	time_t when = real.tv_sec - mono.tv_sec + static_cast<time_t>(monotonic_us / 1000000);
	struct tm tm;
	char text[32];
	localtime_r(&when, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	return text;
}

}  // namespace

KernelLog KernelLog::read()
{
	constexpr size_t max_record = 8192;
	KernelLog log;
	FileDescriptor fd(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	char record[max_record];

	while (fd) {
		// One record per read: "level,sequence,microseconds,-;drbd r0 beta: text\n"
		ssize_t n = ::read(fd.get(), record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE)
			continue;  // overwritten while we were reading
		if (n <= 0)
			break;
		std::string line(record, static_cast<size_t>(n));
		unsigned level;
		unsigned long long sequence, us;
		auto semicolon = line.find(';');
		if (semicolon == std::string::npos ||
		    sscanf(line.c_str(), "%u,%llu,%llu", &level, &sequence, &us) != 3)
			continue;
		std::string text = line.substr(semicolon + 1);
		text.resize(std::min(text.find('\n'), text.size()));
		auto colon = text.find(": ");
		if (text.rfind("drbd ", 0) != 0 || colon == std::string::npos)
			continue;
		log.add({text.substr(5, colon - 5), text.substr(colon + 2), wall_clock(us)});
	}
	return log;
}

const KernelLog::Line *KernelLog::last(const std::string &resource, const std::string &peer,
				       std::initializer_list<std::string_view> words) const
{
	for (auto it = lines_.rbegin(); it != lines_.rend(); ++it) {
		const std::string &s = it->subject;
		bool of_resource = s.rfind(resource, 0) == 0 &&
				   (s.size() == resource.size() || s[resource.size()] == ' ' ||
				    s[resource.size()] == '/');
		bool of_peer = peer.empty() ||
			       (s.size() > peer.size() &&
				s.compare(s.size() - peer.size() - 1, std::string::npos,
					  " " + peer) == 0);
		if (!of_resource || !of_peer)
			continue;
		if (std::any_of(words.begin(), words.end(),
				[&](std::string_view w) { return contains(it->text, w); }))
			return &*it;
	}
	return nullptr;
}

/* ---- what is wrong ---- */

namespace {

template <typename T> T get(const json &object, const char *key, T otherwise)
{
	auto it = object.find(key);
	if (it == object.end())
		return otherwise;
	try {
		return it->get<T>();
	} catch (const json::exception &) {
		return otherwise;
	}
}

const json &list(const json &object, const char *key)
{
	static const json none = json::array();
	auto it = object.find(key);
	return it != object.end() && it->is_array() ? *it : none;
}

std::string amount(double kib)
{
	static constexpr const char *units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;
	while (kib >= 1024 && unit + 1 < std::size(units)) {
		kib /= 1024;
		unit++;
	}
	char text[32];
	snprintf(text, sizeof(text), unit ? "%.1f %s" : "%.0f %s", kib, units[unit]);
	return text;
}

std::string duration(long long seconds)
{
	char text[32];
	if (seconds >= 86400)
		snprintf(text, sizeof(text), "%lld days", seconds / 86400);
	else
		snprintf(text, sizeof(text), "%lld:%02lld:%02lld h", seconds / 3600,
			 seconds / 60 % 60, seconds % 60);
	return text;
}

class Explainer {
public:
	Explainer(const Resource &r, const json &status, const KernelLog &log)
	    : r_(r), status_(status), log_(log), name_(shell_escape(r.name))
	{
	}

	std::vector<Finding> run();

private:
	void resource();
	void device(const json &d);
	void connection(const json &c);
	void standalone(const std::string &peer, Finding f);
	void peer_device(const json &c, const json &pd);

	Finding &add(const std::string &object, const char *problem, const std::string &what)
	{
		findings_.push_back({object, problem, what, "", "", {}});
		return findings_.back();
	}
	void date(Finding &f, const std::string &peer,
		  std::initializer_list<std::string_view> words)
	{
		if (const auto *line = log_.last(r_.name, peer, words))
			f.since = line->time + ": " + line->text;
	}
	bool resyncing() const;
	bool peer_up_to_date(int vnr, std::string *who = nullptr) const;
	std::string cmd(const std::string &command, const std::string &object) const
	{
		return "drbdadm " + command + " " + object;
	}
	const Connection *configured(const json &c) const;

	const Resource &r_;
	const json &status_;
	const KernelLog &log_;
	const std::string name_;
	std::vector<Finding> findings_;
};

const Connection *Explainer::configured(const json &c) const
{
	for (const auto &candidate : r_.connections)
		if (candidate.involves_me && candidate.peer_id() == get(c, "peer-node-id", -2))
			return &candidate;
	return nullptr;
}

bool Explainer::resyncing() const
{
	for (const auto &c : list(status_, "connections"))
		for (const auto &pd : list(c, "peer_devices")) {
			std::string state = get<std::string>(pd, "replication-state", "");
			if (state == "SyncTarget" || state == "PausedSyncT")
				return true;
		}
	return false;
}

bool Explainer::peer_up_to_date(int vnr, std::string *who) const
{
	for (const auto &c : list(status_, "connections"))
		for (const auto &pd : list(c, "peer_devices"))
			if (get(pd, "volume", -1) == vnr &&
			    get<std::string>(pd, "peer-disk-state", "") == "UpToDate") {
				if (who)
					*who = get<std::string>(c, "name", "");
				return true;
			}
	return false;
}

void Explainer::resource()
{
	auto suspended = [&](const char *key) { return get(status_, key, false); };

	if (suspended("suspended-quorum")) {
		Finding &f = add(r_.name, "suspended-quorum",
				 "I/O is suspended: this node has lost quorum, it does not see enough "
				 "of the other nodes to be sure that no one else writes.");
		date(f, "", {"quorum"});
		f.safe = "Data that was reported as written is safe. Applications wait and go on by "
			 "themselves when quorum returns.";
		f.choices.push_back({"here", {cmd("status", name_)},
				     "See which peers are missing and bring them or the network back: "
				     "nothing is lost."});
		f.choices.push_back({"here", {cmd("secondary --force", name_)},
				     "Give up here: waiting and further writes get I/O errors, so that the "
				     "service can be started on a node that has quorum. Writes that wait "
				     "now are discarded."});
	}
	if (suspended("suspended-no-data")) {
		Finding &f = add(r_.name, "suspended-no-data",
				 "I/O is suspended: neither a local nor a connected peer's disk has "
				 "up-to-date data.");
		date(f, "", {"no-data", "disk(", "susp"});
		f.safe = "Applications wait; what was reported as written is on the disks that are "
			 "missing.";
		f.choices.push_back({"here", {cmd("attach", name_), cmd("connect", name_)},
				     "Bring back the disk or a peer with up-to-date data: I/O goes on, "
				     "nothing is lost."});
		f.choices.push_back({"here", {cmd("resume-io", name_)},
				     "Let waiting requests fail with I/O errors."});
	}
	if (suspended("suspended-fencing")) {
		Finding &f = add(r_.name, "suspended-fencing",
				 "I/O is suspended: a peer was lost and the fence-peer handler has not "
				 "(yet) reported that it is fenced.");
		date(f, "", {"fence", "fencing"});
		f.safe = "As long as I/O is suspended, both sides cannot diverge.";
		f.choices.push_back({"here", {cmd("resume-io", name_)},
				     "Go on. Only if you know that the peer is down or has outdated its "
				     "data; otherwise both nodes write and one side's changes have to be "
				     "thrown away later."});
	}
	if (suspended("suspended-user")) {
		Finding &f = add(r_.name, "suspended-user",
				 "I/O is suspended because someone asked for it (suspend-io), perhaps "
				 "for a snapshot.");
		f.choices.push_back({"here", {cmd("resume-io", name_)}, "I/O goes on."});
	}
	if (get(status_, "force-io-failures", false)) {
		Finding &f = add(r_.name, "io-failures-forced",
				 "The resource was demoted by force while it was in use: all I/O fails "
				 "until the last user has closed the devices.");
		f.choices.push_back({"here", {"fuser -vm /dev/drbd/by-res/" + name_ + "*"},
				     "See who still has the devices open; unmount, or end them."});
	}
}

void Explainer::device(const json &d)
{
	int vnr = get(d, "volume", 0);
	std::string object = r_.name + "/" + std::to_string(vnr);
	std::string escaped = name_ + "/" + std::to_string(vnr);
	std::string state = get<std::string>(d, "disk-state", "");
	const Volume *v = r_.my_volume(vnr);
	bool should_have_disk = v && v->diskful();
	std::string source;
	bool has_source = peer_up_to_date(vnr, &source);

	if (state == "Diskless" && should_have_disk) {
		Finding &f = add(object, "detached",
				 "The local disk " + v->disk.value_or("") +
					 " is not attached: it failed, was detached, or attaching it "
					 "was refused.");
		date(f, "", {"disk(", "detach", "IO error", "I/O error", "attach"});
		f.safe = has_source ? "The data is up to date on " + source +
					      "; reads and writes go there."
				    : "No connected peer has up-to-date data.";
		f.choices.push_back({"here", {cmd("attach", escaped)},
				     "The disk is fine (again): attach it, only what changed meanwhile is "
				     "copied."});
		f.choices.push_back({"here",
				     {cmd("create-md", escaped), cmd("attach", escaped)},
				     "The disk was replaced by an empty one: new metadata, then everything "
				     "is copied from a peer. Whatever is on this disk is discarded."});
	} else if (state == "Failed" || state == "Detaching") {
		Finding &f = add(object, "disk-failed",
				 "The local disk has reported an error and is being detached.");
		date(f, "", {"disk(", "error"});
		f.safe = has_source ? "The data is up to date on " + source + "." : "";
	} else if (state == "Inconsistent" && !resyncing()) {
		Finding &f = add(object, "inconsistent",
				 "The data on the local disk is not usable by itself: it is new, or a "
				 "synchronisation to it was interrupted, and none is running now.");
		date(f, "", {"disk("});
		if (has_source) {
			f.safe = "The data is up to date on " + source + ".";
		} else {
			f.safe = "No connected peer has up-to-date data now.";
			f.choices.push_back({"here", {cmd("connect", name_)},
					     "Connect to a node that has the data."});
			f.choices.push_back(
				{"here", {cmd("primary --force", name_)},
				 "Declare what is on this disk to be the data. Right for a brand new "
				 "resource; otherwise files may be damaged, and what other nodes have "
				 "is overwritten when they connect."});
		}
	} else if (state == "Outdated") {
		Finding &f = add(object, "outdated",
				 "The data on the local disk is consistent, but another node has gone on "
				 "without this one and has newer data.");
		date(f, "", {"disk("});
		bool primary = get<std::string>(status_, "role", "") == "Primary";
		if (has_source)
			f.safe = "The newer data is on " + source + ".";
		else if (!primary)
			f.safe = "This node refuses to become Primary, so that nothing old is served.";
		f.choices.push_back({"here", {cmd("connect", name_)},
				     "Connect to the node with the newer data and catch up: nothing is "
				     "lost."});
		if (!primary)
			f.choices.push_back(
				{"here", {cmd("primary --force", name_)},
				 "The other node is gone for good: use the old data. Everything written "
				 "there since is discarded; if it comes back, the two have split brain."});
	} else if (state == "Consistent") {
		Finding &f = add(object, "consistent",
				 "The local data is consistent, but without a peer it is not known whether "
				 "it is the newest.");
		f.safe = "Once a peer is connected this is decided by itself.";
		f.choices.push_back({"here", {cmd("primary --force", name_)},
				     "Use it without asking the peers. What they may have written since is "
				     "discarded."});
	}
	if (!get(d, "quorum", true) && !get(status_, "suspended-quorum", false))
		add(object, "no-quorum",
		    "This volume has no quorum: too few of the other nodes are reachable. "
		    "It cannot be promoted until they are.");
}

void Explainer::standalone(const std::string &peer, Finding f)
{
	struct Cause {
		const char *problem;
		std::initializer_list<std::string_view> words;
		const char *what;
		const char *remedy;
	};
	static const Cause causes[] = {
		{"secret-mismatch", {"shared secret", "authentication", "cram-hmac"},
		 "The two nodes could not prove their identity to each other: their shared-secret or "
		 "cram-hmac-alg differs.",
		 "Make shared-secret and cram-hmac-alg equal in both configurations, then:"},
		{"incompatible-versions", {"incompatible protocol", "features packet"},
		 "The two nodes speak no common protocol version.",
		 "Bring both nodes to versions that have a protocol in common, then:"},
		{"incompatible-settings", {"incompatible setting", "incompatible"},
		 "The two configurations contradict each other in a setting that must be equal.",
		 "Make the setting named above equal on both nodes, then:"},
		{"unrelated-data", {"unrelated data"},
		 "The disks of the two nodes have never had anything to do with each other.",
		 "Decide which side is to be kept; on the other: create-md. Then:"},
	};
	std::string target = name_ + ":" + shell_escape(peer);
	const auto *split = log_.last(r_.name, peer, {"split-brain", "split brain"});

	for (const auto &cause : causes) {
		const auto *line = log_.last(r_.name, peer, cause.words);
		if (!line || (split && split > line))
			continue;
		f.problem = cause.problem;
		f.what = cause.what;
		f.since = line->time + ": " + line->text;
		f.safe = "Nothing was changed on either side.";
		f.choices.push_back({"here", {cmd("adjust", target)}, cause.remedy});
		findings_.push_back(std::move(f));
		return;
	}
	if (split) {
		f.problem = "split-brain";
		f.what = "Split brain: both nodes have changed data while they did not see each other. "
			 "They stopped replicating to " + peer + ", because one side's changes have to "
			 "go.";
		f.since = split->time + ": " + split->text;
	} else {
		f.problem = "standalone";
		f.what = "This node does not try to connect to " + peer +
			 ": someone disconnected it, or the nodes refused each other (split brain is "
			 "the most frequent reason; the kernel log of both nodes tells).";
		date(f, peer, {"standalone", "conn("});
	}
	f.safe = "Both sides keep their data as it is until you decide.";
	if (!split) {
		f.choices.push_back({"here", {cmd("connect", target)},
				     "It was merely disconnected: connect again, nothing is discarded."});
		f.choices.push_back({peer, {"drbdadm connect " + name_},
				     "The same there, if it does not try either."});
	}
	f.choices.push_back({"here",
			     {cmd("disconnect", target), cmd("secondary", name_),
			      cmd("connect --discard-my-data", target)},
			     "Keep " + peer + "'s data. Everything that was written HERE since the nodes "
			     "lost each other is discarded. Then on " + peer + ": drbdadm connect " +
			     name_});
	f.choices.push_back({peer,
			     {"drbdadm disconnect " + name_, "drbdadm secondary " + name_,
			      "drbdadm connect --discard-my-data " + name_},
			     "Keep this node's data. Everything that was written ON " + peer +
			     " since the nodes lost each other is discarded. Then here: " +
			     cmd("connect", target)});
	findings_.push_back(std::move(f));
}

void Explainer::connection(const json &c)
{
	std::string state = get<std::string>(c, "connection-state", "");
	std::string peer = get<std::string>(c, "name", "");
	if (peer.empty())
		peer = std::to_string(get(c, "peer-node-id", -1));
	std::string object = r_.name + ":" + peer;
	std::string target = name_ + ":" + shell_escape(peer);

	if (state == "StandAlone") {
		standalone(peer, {object, "", "", "", "", {}});
	} else if (state == "Connecting") {
		std::string where;
		std::vector<std::string> checks;
		if (const Connection *configured_connection = configured(c))
			for (const auto &p : configured_connection->paths)
				if (p.mine) {
					where += (where.empty() ? " at " : ", ") +
						 p.connect_to.addr_port();
					checks.push_back("ping " + p.connect_to.addr);
				}
		checks.push_back(cmd("sh-ip", target));
		Finding &f = add(object, "waiting-for-peer",
				 "Waiting for " + peer + where +
					 ": it is not up, does not answer, or refuses us.");
		date(f, peer, {"conn(", "secret", "incompatible", "features", "refuse", "timed out"});
		f.safe = "This node goes on alone and remembers what it changes; when the peer comes, "
			 "only that is copied.";
		f.choices.push_back({peer, {"drbdadm up " + name_, "drbdadm adjust " + name_},
				     "If the resource is not up there."});
		f.choices.push_back({"here", checks,
				     "Check the network, firewall, and that the addresses above are "
				     "right in both configurations."});
	} else if (state != "Connected" && !state.empty()) {
		Finding &f = add(object, "reconnecting",
				 "The connection was lost (" + state + ") and is being set up again.");
		date(f, peer, {"conn(", "PingAck", "sock", "peer( "});
		f.safe = "It is tried again by itself.";
	}
	if (get(c, "congested", false))
		add(object, "congested",
		    "The network to " + peer + " does not keep up with the writes.");
	if (state == "Connected")
		for (const auto &pd : list(c, "peer_devices"))
			peer_device(c, pd);
}

void Explainer::peer_device(const json &c, const json &pd)
{
	std::string peer = get<std::string>(c, "name", "");
	int vnr = get(pd, "volume", 0);
	std::string object = r_.name + ":" + peer + "/" + std::to_string(vnr);
	std::string target = name_ + ":" + shell_escape(peer) + "/" + std::to_string(vnr);
	std::string state = get<std::string>(pd, "replication-state", "");
	std::string disk = get<std::string>(pd, "peer-disk-state", "");
	std::string paused = get<std::string>(pd, "resync-suspended", "no");
	double out_of_sync = get(pd, "out-of-sync", 0.0);
	bool target_side = state == "SyncTarget" || state == "PausedSyncT";
	bool source_side = state == "SyncSource" || state == "PausedSyncS";

	if (target_side || source_side) {
		std::string way = target_side ? "from " + peer + " to this node"
					      : "from this node to " + peer;
		char percent[16];
		snprintf(percent, sizeof(percent), "%.2f",
			 get(pd, "percent-resync-done", get(pd, "percent-in-sync", 0.0)));
		std::string left = amount(out_of_sync) + " left, " + percent + "% done";
		if (paused != "no") {
			Finding &f = add(object, "resync-paused",
					 "Synchronisation " + way + " is paused (" + left + "): " +
						 (contains(paused, "dependency")
							  ? "it waits for another resource, see "
							    "resync-after."
						  : contains(paused, "peer") ? "the peer asked for it."
									     : "someone asked for it "
									       "here."));
			if (contains(paused, "user"))
				f.choices.push_back(
					{"here", {cmd("resume-sync", target)}, "It goes on."});
			if (contains(paused, "peer"))
				f.choices.push_back({peer, {"drbdadm resume-sync " + name_},
						     "It goes on, if it was paused there."});
			f.safe = "Until it is finished the target's data is not usable by itself.";
			return;
		}
		double rate = get(pd, "db1/dt1 [MiB/s]", -1.0);
		long long eta = get(pd, "estimated-seconds-to-finish", 0LL);
		constexpr long long never = 987654321;
		if (rate == 0.0 || eta >= never) {
			Finding &f = add(object, "resync-stalled",
					 "Synchronisation " + way + " makes no progress (" + left + ").");
			date(f, peer, {"error", "timed out", "stall"});
			f.choices.push_back(
				{"here",
				 {cmd("disconnect", name_ + ":" + shell_escape(peer)),
				  cmd("connect", name_ + ":" + shell_escape(peer))},
				 "Start it again; it goes on where it was."});
			f.choices.push_back(
				{"here", {cmd("peer-device-options --c-min-rate=10M", target)},
				 "If applications leave it no room: give it at least that rate."});
			return;
		}
		Finding &f = add(object, "resync",
				 "Synchronisation " + way + " is running: " + left +
					 (eta > 0 ? ", about " + duration(eta) + " to go" : "") + ".");
		f.safe = target_side ? "Until it is finished this node's data is not usable by itself; "
				       "reads go to the peer where needed."
				     : "This node's data is complete.";
		return;
	}
	if (state == "VerifyS" || state == "VerifyT") {
		add(object, "verify", "An online verification with " + peer + " is running.");
		return;
	}
	if (state == "Established" && out_of_sync > 0 && disk == "UpToDate") {
		Finding &f = add(object, "out-of-sync",
				 amount(out_of_sync) + " are known to differ between this node and " +
					 peer + ", found by an online verification.");
		f.safe = "Both sides serve what they have; nobody knows which is right.";
		f.choices.push_back({"here", {cmd("invalidate-remote", target)},
				     "Take this node's data. All data of that volume on " + peer +
					     " is replaced."});
		f.choices.push_back({"here", {cmd("invalidate", target)},
				     "Take " + peer + "'s data. All data of that volume here is "
				     "replaced."});
		return;
	}
	if (disk == "Diskless" && !get(pd, "peer-client", false)) {
		const Connection *k = configured(c);
		const Volume *v = k && k->peer ? find_volume(k->peer->volumes, vnr) : nullptr;
		if (!v || v->diskful()) {
			Finding &f = add(object, "peer-detached",
					 peer + " works without its disk: it failed or was detached.");
			date(f, peer, {"pdsk(", "disk("});
			f.choices.push_back({peer, {"drbdadm explain " + name_}, "Look there."});
		}
	} else if (disk == "Inconsistent" || disk == "Outdated" || disk == "Failed") {
		Finding &f = add(object, "peer-not-up-to-date",
				 "The data of " + peer + " is " + disk +
					 ": it cannot take over as it is.");
		date(f, peer, {"pdsk(", "disk("});
		f.choices.push_back({peer, {"drbdadm explain " + name_}, "Look there."});
	}
}

std::vector<Finding> Explainer::run()
{
	if (status_.is_null()) {
		Finding &f = add(r_.name, "not-up", "The resource is configured, but not up.");
		f.safe = "Nothing serves its data here now.";
		f.choices.push_back({"here", {cmd("up", name_)}, "Bring it up."});
		return std::move(findings_);
	}
	resource();
	for (const auto &d : list(status_, "devices"))
		device(d);
	for (const auto &c : list(status_, "connections"))
		connection(c);

	for (const auto &v : r_.me->volumes) {
		const auto &devices = list(status_, "devices");
		bool there = std::any_of(devices.begin(), devices.end(), [&](const json &d) {
			return get(d, "volume", -1) == v.vnr;
		});
		if (!there) {
			Finding &f = add(r_.name + "/" + std::to_string(v.vnr), "volume-missing",
					 "The volume is configured, but does not exist in the kernel.");
			f.choices.push_back({"here", {cmd("adjust", name_)}, "Create it."});
		}
	}
	for (const auto &k : r_.connections) {
		if (!k.involves_me || !k.peer)
			continue;
		const auto &connections = list(status_, "connections");
		bool there = std::any_of(connections.begin(), connections.end(), [&](const json &c) {
			return get(c, "peer-node-id", -2) == k.peer_id();
		});
		if (!there) {
			Finding &f = add(r_.name + ":" + k.peer->joined_names("_"), "peer-missing",
					 "The peer is configured, but the kernel does not know it.");
			f.choices.push_back({"here", {cmd("adjust", name_)}, "Add it."});
		}
	}
	return std::move(findings_);
}

// Words wrapped to lines that begin with `indent` blanks.
std::string wrapped(const std::string &text, size_t indent)
{
	constexpr size_t width = 78;
	std::string out(indent, ' ');
	size_t column = indent, start = 0;

	while (start < text.size()) {
		size_t end = std::min(text.find(' ', start), text.size());
		size_t length = end - start;
		if (column > indent && column + 1 + length > width) {
			out += '\n';
			out.append(indent, ' ');
			column = indent;
		} else if (column > indent) {
			out += ' ';
			column++;
		}
		out.append(text, start, length);
		column += length;
		start = end + 1;
	}
	return out + '\n';
}

}  // namespace

std::vector<Finding> explain(const Resource &r, const json &status, const KernelLog &log)
{
	return Explainer(r, status, log).run();
}

Finding module_missing(const Resource &r)
{
	Finding f;
	f.object = r.name;
	f.problem = "module-not-loaded";
	f.what = "The kernel module drbd is not loaded, so the resource cannot be up.";
	f.safe = "Nothing serves its data here now.";
	f.choices.push_back({"here", {"modprobe drbd", "drbdadm up " + r.name},
			     "Load the module, and bring the resource up."});
	return f;
}

std::string as_text(const Finding &f)
{
	std::string text = f.object + ":\n" + wrapped(f.what, 2);
	if (!f.since.empty())
		text += wrapped("Last kernel message: " + f.since, 2);
	if (!f.safe.empty())
		text += wrapped(f.safe, 2);
	for (const auto &c : f.choices) {
		text += wrapped("- " + (c.where == "here" ? "" : "On " + c.where + ": ") + c.effect,
				4);
		for (const auto &command : c.commands)
			text += "        " + command + "\n";
	}
	return text;
}

json as_json(const Finding &f)
{
	json choices = json::array();
	for (const auto &c : f.choices)
		choices.push_back(
			{{"where", c.where}, {"commands", c.commands}, {"effect", c.effect}});
	return {{"object", f.object}, {"problem", f.problem}, {"what", f.what},
		{"since", f.since},   {"safe", f.safe},	      {"choices", choices}};
}

}  // namespace drbd::adm
