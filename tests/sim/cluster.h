// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cluster in one process: nodes made of the kernel's decision core, with the
 * thinnest glue in place of threads, sockets and disks.  One volume, a full mesh
 * of connections, protocol C.  Everything that happens is one of a list of
 * possible events, and a seeded generator picks the next: message deliveries
 * (in order per stream, streams independently), worker items, disk completions,
 * connection losses noticed late, crashes, cut links, commands.
 */
#pragma once

#include <array>
#include <bitset>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/handshake.h"
#include "core/promote.h"
#include "core/quorum.h"
#include "core/state.h"
#include "core/twopc.h"
#include "core/uuid.h"

namespace sim {

constexpr unsigned BLOCKS = 24;
using Bits = std::bitset<BLOCKS>;

struct Violation : std::runtime_error {
	using std::runtime_error::runtime_error;
};

struct Msg {
	enum Kind {
		TWOPC, ANSWER, UUIDS, STATE, ROLE, BITMAP, RS_REQUEST, RS_DATA, RS_CANCEL, RS_ACK,
		RS_DONE, RS_DONE_ACK, DATA, ACK, OUT_OF_SYNC, PEER_ACK, DISCONNECT,
	};

	explicit Msg(Kind k) : kind(k) {}

	Kind kind;
	u64 session = 0;
	drbd_twopc_phase phase{};
	drbd_twopc_request req{};
	drbd_twopc_answer answer{};
	drbd_twopc_reply reply{};
	drbd_uuid_packet uuids{};
	u32 word = 0;
	Bits bits;
	unsigned block = 0;
	u64 version = 0, id = 0;
};

/* What survives a power cut. */
struct Disk {
	std::array<u64, BLOCKS> data{};		/* version of each block */
	std::array<Bits, 32> slot;
	std::array<unsigned, BLOCKS> hot{};	/* references in the activity log */
	drbd_uuid_set uuid{};
	u32 md_flags = 0;
	u32 md_peer_flags[32]{};
	u64 members = 0;
};

class Cluster;

class Node {
public:
	Node(Cluster &c, unsigned id, unsigned nodes);

	void boot();
	void crash();
	bool alive() const { return alive_; }
	unsigned id() const { return id_; }
	Disk &disk() { return disk_; }
	const core_resource &r() const { return r_; }
	const core_connection &conn(unsigned c) const { return conn_[c]; }
	const core_peer_device &pd(unsigned c) const { return pd_[c]; }
	const core_device &dev() const { return dev_; }
	const drbd_twopc &slot() const { return slot_; }
	u64 session(unsigned c) const { return link_[c].session; }
	unsigned index_of(unsigned node) const { return node < id_ ? node : node - 1; }
	unsigned node_of(unsigned c) const { return c < id_ ? c : c + 1; }

	/* commands */
	void promote(bool force);
	void demote();
	void disconnect(unsigned c);
	void connect(unsigned c, bool discard);
	bool write(unsigned block);

	/* events */
	void session_up(unsigned c, u64 session);
	void lost(unsigned c, u8 cstate = C_NETWORK_FAILURE, bool cleanup_now = true);
	void deliver(unsigned from, Msg m);
	bool run_worker();
	bool local_completion(std::mt19937_64 &rng);
	bool resync_step(std::mt19937_64 &rng);
	bool op_step();
	bool timers();
	bool busy() const;
	bool parked(unsigned from) const;
	std::string text() const;

private:
	friend class Cluster;
	struct Link {
		u64 session = 0;
		u64 sent_cur = 0, sent_bitmap = 0, sent_flags = 0, sent_bits = 0;
		bool sent_sync_target = false;
		struct drbd_uuid_missed_end missed{};
		u8 peer_repl = 0;
		bool discard = false;
		bool finish_after_start = false;
		bool held_bitmap = false;
		Bits bitmap;
		std::set<unsigned> rs_pending;
		bool rs_started = false, rs_done_sent = false;
		u64 rs_start_uuid = 0;
		std::map<u64, unsigned> peer_writes;	/* not peer-acked: id -> block */
	};
	struct Write {
		unsigned block;
		u64 version;
		bool local_done;
		std::set<unsigned> pending;	/* connections that owe an ack */
		std::set<unsigned> sent;
		std::set<unsigned> held;	/* connection lost while suspended */
		std::set<unsigned> acked;
	};
	struct Op {
		enum Kind { CONNECT, PROMOTE, DEMOTE, DISCONNECT, EMPTY } kind;
		unsigned conn = 0;
		u64 session = 0;
		unsigned attempt = 0;
		u64 not_before = 0;
		bool started = false;
		u64 deadline = 0;
		drbd_role_attempt role{};
	};
	struct Work {
		core_resource r;
		core_device dev;
		std::vector<core_connection> conn;
		std::vector<core_peer_device> pd;
		std::vector<u64> sessions;
	};
	struct Parked {
		unsigned from;
		drbd_twopc_request req;
		u64 deadline;
		u64 session;
	};

	int txn(const std::function<void()> &change, unsigned flags);
	void refresh();
	void env(drbd_twopc_env &e) { drbd_twopc_env_init(&e, &r_); e.timeout_ms = 30000; e.ping_timeout_ms = 500; }
	void perform(const drbd_twopc_out &out);
	void send(unsigned node, Msg m);
	void send_uuids(unsigned c, u64 flags, u64 mask);
	void send_state(unsigned c);
	void introduce(unsigned c);
	void undo_handshake(unsigned c);
	void receive_twopc(unsigned from, const Msg &m, bool waited);
	void receive_uuids(unsigned c, const Msg &m);
	void receive_state(unsigned c, const Msg &m);
	u8 compare(unsigned c, u32 word, bool connecting);
	void record(unsigned c, u32 word, const drbd_peer_state_decision &d);
	void receive_bitmap(unsigned c);
	void start_target(unsigned c);
	void finish_target(unsigned c);
	void finish_source(unsigned c, u32 word);
	void cleanup(unsigned c);
	bool make_generation(bool forced);
	void complete_writes();
	void try_parked();
	unsigned op_change(Op &op);
	void op_verdict(Op &op, int rv);
	bool frozen() const;
	void schedule(Op op) { ops_.push_back(op); }
	void twopc_lost(unsigned node);

	Cluster &sim_;
	unsigned id_;
	bool alive_ = false;
	Disk disk_;
	core_resource r_{};
	core_device dev_{};
	std::vector<core_connection> conn_;
	std::vector<core_peer_device> pd_;
	std::vector<drbd_peer_uuids> peer_;
	std::vector<Link> link_;
	drbd_twopc slot_{};
	u64 slot_timer_ = 0;
	unsigned connecting_to_ = 0;
	std::deque<Work> worker_;
	std::deque<Op> ops_;
	std::deque<Parked> parked_;
	std::map<u64, Write> writes_;
	std::deque<unsigned> again_;	/* blocks to be written again */
};

struct Options {
	unsigned nodes = 2;
	unsigned quorum = QOU_OFF;
	unsigned steps = 4000;
	bool crashes = true;
	bool cuts = true;
	bool graceful = true;
	bool writes = true;
};

class Cluster {
public:
	Cluster(u64 seed, const Options &opt);
	void run();		/* throws Violation */

	Options opt;
	std::mt19937_64 rng;
	u64 now = 0;
	u64 next_version = 1, next_session = 1, next_id = 1;
	unsigned split_brains = 0;		/* reported */
	unsigned completed = 0, resyncs = 0, promotions = 0;
	std::array<u64, BLOCKS> last_completed{};
	std::vector<std::string> log;

	unsigned rnd(unsigned n) { return static_cast<unsigned>(rng() % n); }
	void post(unsigned from, unsigned to, Msg m);
	void note(unsigned node, const std::string &text);
	std::string dump() const;

private:
	friend class Node;
	bool step(bool chaos);
	void command();
	void settle();
	void check_states();
	void check_data();
	void heal();

	std::vector<std::unique_ptr<Node>> nodes_;
	bool up_[6][6]{};
	std::deque<Msg> queue_[6][6][2];
};

} // namespace sim
