// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <stdexcept>

#include "cluster.h"

namespace sim {

Cluster::Cluster(u64 seed, const Options &o) : opt(o), rng(seed)
{
	for (unsigned i = 0; i < opt.nodes; i++)
		nodes_.push_back(std::make_unique<Node>(*this, i, opt.nodes));
	for (auto &row : up_)
		for (bool &l : row)
			l = true;
}

void Cluster::note(unsigned node, const std::string &text)
{
	log.push_back(std::to_string(now) + " node " + std::to_string(node) + ": " + text);
}

std::string Cluster::dump() const
{
	std::ostringstream s;

	for (size_t i = log.size() > 400 ? log.size() - 400 : 0; i < log.size(); i++)
		s << log[i] << "\n";
	for (auto &n : nodes_)
		s << "node " << n->id() << (n->alive() ? ": " : " (down): ") << n->text() << "\n";
	return s.str();
}

void Cluster::post(unsigned from, unsigned to, Msg m)
{
	bool control = m.kind == Msg::ANSWER || m.kind == Msg::ACK || m.kind == Msg::RS_ACK ||
		       m.kind == Msg::PEER_ACK;

	if (up_[from][to])
		queue_[from][to][control].push_back(std::move(m));
}

/* One event.  False: nothing could happen. */
bool Cluster::step(bool chaos)
{
	now++;
	for (auto &n : nodes_)
		if (n->alive())
			n->timers();
	if (chaos && rnd(25) == 0)
		command();
	if (chaos && opt.writes && rnd(4) == 0)
		for (auto &n : nodes_)
			n->write(rnd(BLOCKS));

	for (unsigned tries = 0; tries < 40; tries++) {
		Node &n = *nodes_[rnd(opt.nodes)];
		unsigned peer = rnd(opt.nodes), stream = rnd(2);

		if (!n.alive())
			continue;
		switch (rnd(8)) {
		case 0:
		case 1:
		case 2: {
			if (peer == n.id())
				break;
			auto &q = queue_[peer][n.id()][stream];
			/* A receiver that waits for the slot reads nothing else meanwhile. */
			if (q.empty() || !up_[peer][n.id()] || (stream == 0 && n.parked(peer)))
				break;
			Msg m = std::move(q.front());
			q.pop_front();
			n.deliver(peer, std::move(m));
			return true;
		}
		case 3:
			if (n.run_worker())
				return true;
			break;
		case 4:
			if (n.op_step())
				return true;
			break;
		case 5:
			if (n.local_completion(rng))
				return true;
			break;
		case 6:
			if (n.resync_step(rng))
				return true;
			break;
		case 7: {
			if (peer == n.id())
				break;
			Node &p = *nodes_[peer];
			unsigned a = n.index_of(peer), b = p.index_of(n.id());
			u64 s = n.session(a);

			/* A dead connection is noticed, sooner or later; but the end of a
			 * stream comes after what was sent before. */
			if (s && (!p.alive() || !up_[n.id()][peer] || p.session(b) != s)) {
				if (up_[peer][n.id()] && p.alive() && !queue_[peer][n.id()][0].empty() &&
				    queue_[peer][n.id()][0].front().session == s)
					break;
				n.lost(a, rnd(2) ? C_NETWORK_FAILURE : C_BROKEN_PIPE);
				return true;
			}
			if (!s && p.alive() && !p.session(b) && up_[n.id()][peer] &&
			    n.conn(a).cstate[0] == C_CONNECTING && p.conn(b).cstate[0] == C_CONNECTING) {
				for (auto *q : {queue_[n.id()][peer], queue_[peer][n.id()]}) {
					q[0].clear();
					q[1].clear();
				}
				n.session_up(a, next_session);
				p.session_up(b, next_session++);
				return true;
			}
			break;
		}
		}
	}
	return false;
}

void Cluster::command()
{
	unsigned i = rnd(opt.nodes), j = rnd(opt.nodes);
	Node &n = *nodes_[i];

	switch (rnd(10)) {
	case 0:
	case 1:
		if (!opt.cuts || i == j)
			return;
		up_[i][j] = up_[j][i] = !up_[i][j];
		note(i, std::string(up_[i][j] ? "link healed to " : "link cut to ") + std::to_string(j));
		if (!up_[i][j])
			for (unsigned s = 0; s < 2; s++) {
				queue_[i][j][s].clear();
				queue_[j][i][s].clear();
			}
		return;
	case 2:
		if (!opt.crashes)
			return;
		if (n.alive()) {
			if (rnd(3))
				return;
			n.crash();
			for (unsigned p = 0; p < opt.nodes; p++)
				for (unsigned s = 0; s < 2; s++)
					queue_[p][i][s].clear();
		} else {
			n.boot();
		}
		return;
	case 3:
	case 4:
	case 5:
		/* New generations of a Primary without good data of its own (resync.md
		 * 2.6) are not part of this model; among two nodes there are none. */
		if (n.alive() && n.r().role[0] != R_PRIMARY &&
		    (opt.nodes == 2 || n.dev().disk_state[0] == D_UP_TO_DATE))
			n.promote(false);
		return;
	case 6:
		if (n.alive() && n.r().role[0] == R_PRIMARY)
			n.demote();
		return;
	case 7:
		if (opt.graceful && n.alive() && i != j && rnd(4) == 0)
			n.disconnect(n.index_of(j));
		return;
	case 8:
	case 9:
		if (n.alive() && i != j)
			n.connect(n.index_of(j), false);
		return;
	}
}

void Cluster::heal()
{
	for (auto &row : up_)
		for (bool &l : row)
			l = true;
	for (auto &n : nodes_)
		if (!n->alive())
			n->boot();
}

/* Let everything happen that is under way. */
void Cluster::settle()
{
	unsigned idle = 0;

	for (unsigned i = 0; i < 60000; i++) {
		if (step(false)) {
			idle = 0;
			continue;
		}
		bool busy = false;
		for (auto &n : nodes_)
			busy |= n->busy();
		idle++;
		if (!busy && idle > 60)
			return;
	}
	throw Violation("the cluster does not come to rest");
}

/* What each node believes of the others is what they are. */
void Cluster::check_states()
{
	for (auto &n : nodes_) {
		unsigned primaries = n->r().role[0] == R_PRIMARY;

		if (n->slot().owner != TWOPC_FREE)
			throw Violation("a transaction slot is stuck");
		for (unsigned c = 0; c + 1 < opt.nodes; c++) {
			Node &p = *nodes_[n->node_of(c)];
			unsigned b = p.index_of(n->id());
			const auto &mine = n->conn(c);
			std::string at = "nodes " + std::to_string(n->id()) + " and " +
					 std::to_string(p.id()) + ": ";

			if ((mine.cstate[0] == C_CONNECTED) != (p.conn(b).cstate[0] == C_CONNECTED))
				throw Violation(at + "one is connected, the other is not");
			if (mine.cstate[0] != C_CONNECTED)
				continue;
			primaries += mine.peer_role[0] == R_PRIMARY;
			if (mine.peer_role[0] != p.r().role[0])
				throw Violation(at + "role");
			if (n->pd(c).disk_state[0] != p.dev().disk_state[0])
				throw Violation(at + "disk state " + drbd_disk_text(n->pd(c).disk_state[0]) +
						" is " + drbd_disk_text(p.dev().disk_state[0]));
			u8 x = n->pd(c).repl_state[0], y = p.pd(b).repl_state[0];
			bool fits = (x == L_ESTABLISHED && y == L_ESTABLISHED) ||
				    (drbd_is_sync_source(x) && drbd_is_sync_target(y)) ||
				    (drbd_is_sync_target(x) && drbd_is_sync_source(y));
			if (!fits)
				throw Violation(at + drbd_repl_text(x) + " against " + drbd_repl_text(y));
		}
		if (primaries > 1)
			throw Violation("two connected Primaries");
	}
}

/* Connected UpToDate nodes have the same data, bit for bit, and all that was reported done. */
void Cluster::check_data()
{
	for (auto &n : nodes_) {
		for (unsigned c = 0; c + 1 < opt.nodes; c++) {
			Node &p = *nodes_[n->node_of(c)];

			if (n->conn(c).cstate[0] != C_CONNECTED ||
			    n->dev().disk_state[0] != D_UP_TO_DATE || p.dev().disk_state[0] != D_UP_TO_DATE)
				continue;
			for (unsigned k = 0; k < BLOCKS; k++)
				if (n->disk().data[k] != p.disk().data[k])
					throw Violation("nodes " + std::to_string(n->id()) + " and " +
							std::to_string(p.id()) +
							" are UpToDate, connected and different in block " +
							std::to_string(k) + ": " +
							std::to_string(n->disk().data[k]) + ", " +
							std::to_string(p.disk().data[k]));
			if ((n->disk().uuid.cur ^ p.disk().uuid.cur) & ~1ull)
				throw Violation("nodes " + std::to_string(n->id()) + " and " +
						std::to_string(p.id()) +
						" are UpToDate and of different generations");
		}
		if (split_brains || n->dev().disk_state[0] != D_UP_TO_DATE)
			continue;
		for (unsigned b = 0; b < BLOCKS; b++)
			if (n->disk().data[b] < last_completed[b])
				throw Violation("node " + std::to_string(n->id()) + " lost the write " +
						std::to_string(last_completed[b]) + " to block " +
						std::to_string(b));
	}
}

void Cluster::run()
{
	for (auto &n : nodes_)
		n->boot();
	settle();
	nodes_[0]->promote(true);
	settle();
	check_states();
	for (auto &n : nodes_)
		if (n->dev().disk_state[0] != D_UP_TO_DATE)
			throw Violation("the initial synchronisation did not bring node " +
					std::to_string(n->id()) + " up to date");
	log.clear();

	for (unsigned i = 0; i < opt.steps; i++)
		step(true);
	note(0, "--- end of faults");
	heal();
	settle();
	/* Those that were disconnected by command come back; a split brain stays apart. */
	for (unsigned round = 0; round < 3; round++) {
		for (auto &n : nodes_)
			for (unsigned c = 0; c + 1 < opt.nodes; c++)
				n->connect(c, false);
		settle();
	}
	/* A Primary that lost its data and was overtaken has to go first. */
	Node &a = *nodes_[0], &b = *nodes_[1];
	if (opt.nodes == 2 && !split_brains && a.conn(0).cstate[0] != C_CONNECTED &&
	    a.r().role[0] == R_PRIMARY && b.r().role[0] == R_PRIMARY &&
	    (a.dev().disk_state[0] != D_UP_TO_DATE || b.dev().disk_state[0] != D_UP_TO_DATE)) {
		Node &n = a.dev().disk_state[0] != D_UP_TO_DATE ? a : b;

		n.crash();
		settle();
		n.boot();
		a.connect(0, false);
		b.connect(0, false);
		settle();
	}
	check_states();
	if (opt.nodes == 2)
		check_data();
	unsigned primaries = 0;	/* more than one: they keep each other out, and say so */
	for (auto &n : nodes_)
		primaries += n->r().role[0] == R_PRIMARY;
	if (!split_brains && primaries < 2)
		for (auto &n : nodes_)
			for (unsigned c = 0; c + 1 < opt.nodes; c++)
				if (n->conn(c).cstate[0] != C_CONNECTED)
					throw Violation("node " + std::to_string(n->id()) +
							" stays away though nothing was reported");
	if (opt.quorum != QOU_OFF && split_brains)
		throw Violation("split brain in spite of quorum");
	if (!split_brains || opt.nodes != 2)
		return;

	/* The operator gives up one side. */
	Node &victim = *nodes_[rnd(2)], &other = *nodes_[!victim.id()];
	if (victim.conn(0).cstate[0] == C_CONNECTED)
		return;
	if (victim.r().role[0] == R_PRIMARY)
		victim.demote();
	settle();
	victim.connect(0, true);
	other.connect(0, false);
	settle();
	check_states();
	if (victim.conn(0).cstate[0] != C_CONNECTED)
		throw Violation("discard-my-data does not help");
	if (victim.disk().data != other.disk().data)
		throw Violation("different after discard-my-data");
}

} // namespace sim
