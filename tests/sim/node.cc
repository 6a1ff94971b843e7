// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <stdexcept>

#include "cluster.h"

namespace sim {

namespace {

void both(u8 (&f)[2], unsigned v)
{
	f[0] = f[1] = static_cast<u8>(v);
}

u64 bit(unsigned n)
{
	return 1ull << n;
}

} // namespace

Node::Node(Cluster &c, unsigned id, unsigned nodes)
	: sim_(c), id_(id), conn_(nodes - 1), pd_(nodes - 1), peer_(nodes - 1), link_(nodes - 1)
{
	disk_.uuid.cur = DRBD_UUID_JUST_CREATED;
	disk_.uuid.my_node_id = static_cast<u8>(id);
	disk_.uuid.max_peers = static_cast<u8>(nodes - 1);
	disk_.members = bit(id);
	for (unsigned n = 0; n < nodes; n++) {
		if (n == id)
			continue;
		disk_.uuid.slot_mask |= 1u << n;
		disk_.md_peer_flags[n] = DRBD_MDF_HAVE_BITMAP;
	}
}

/* drbdadm apply-al; up */
void Node::boot()
{
	r_ = {};
	dev_ = {};
	std::fill(conn_.begin(), conn_.end(), core_connection{});
	std::fill(pd_.begin(), pd_.end(), core_peer_device{});
	std::fill(peer_.begin(), peer_.end(), drbd_peer_uuids{});
	for (auto &l : link_)
		l = {};
	slot_ = {};
	worker_.clear();
	ops_.clear();
	parked_.clear();
	writes_.clear();
	again_.clear();
	alive_ = true;

	r_.nr_connections = static_cast<u32>(conn_.size());
	r_.nr_devices = 1;
	r_.conn = conn_.data();
	r_.dev = &dev_;
	dev_.pd = pd_.data();
	r_.my_node_id = static_cast<u8>(id_);
	both(r_.role, R_SECONDARY);
	r_.quorum = static_cast<u16>(sim_.opt.quorum);
	r_.on_no_quorum = ONQ_SUSPEND_IO;
	r_.members[0] = r_.members[1] = disk_.members | bit(id_);
	both(dev_.quorum, sim_.opt.quorum == QOU_OFF);
	both(dev_.quorum_tracked, sim_.opt.quorum == QOU_OFF);
	dev_.uuids = &disk_.uuid;
	for (unsigned c = 0; c < conn_.size(); c++) {
		conn_[c].peer_node_id = static_cast<u8>(node_of(c));
		conn_[c].protocol_version = 0;
		conn_[c].wire_protocol = DRBD_PROT_C;
		conn_[c].allow_remote_read = 1;
		conn_[c].has_verify_alg = 1;
		both(conn_[c].cstate, C_CONNECTING);
		both(pd_[c].repl_state, L_OFF);
		both(pd_[c].disk_state, D_UNKNOWN);
		both(pd_[c].replication, 1);
		both(pd_[c].peer_replication, 1);
		pd_[c].flags = CORE_PD_BITMAP;
		pd_[c].uuids = &peer_[c];
	}

	/* What was hot when the power went may differ from any other node. */
	if (disk_.md_flags & DRBD_MDF_PRIMARY_IND)
		for (unsigned b = 0; b < BLOCKS; b++)
			if (disk_.hot[b])
				for (unsigned n = 0; n < 32; n++)
					if (disk_.uuid.slot_mask >> n & 1)
						disk_.slot[n][b] = true;
	disk_.hot.fill(0);

	dev_.md_flags = disk_.md_flags;
	std::copy(std::begin(disk_.md_peer_flags), std::end(disk_.md_peer_flags),
		  std::begin(dev_.md_peer_flags));
	drbd_uuid_set_primary(&disk_.uuid, false);
	if (dev_.md_flags & DRBD_MDF_CRASHED_PRIMARY)
		dev_.flags |= CORE_DEV_CRASHED_PRIMARY;
	if (dev_.md_flags & DRBD_MDF_PRIMARY_LOST_QUORUM)
		dev_.flags |= CORE_DEV_PRIMARY_LOST_QUORUM;
	if (drbd_quorum_restorable(dev_.md_flags, disk_.members, static_cast<u8>(id_)))
		dev_.flags |= CORE_DEV_RESTORE_QUORUM;
	txn([&] { dev_.disk_state[DRBD_NEW] = D_ATTACHING; }, 0);
	txn([&] { dev_.disk_state[DRBD_NEW] = drbd_attach_disk_state(&r_, 0); }, CORE_FORCE_RECALC);
	sim_.note(id_, "boot: " + text());
}

void Node::crash()
{
	alive_ = false;
	sim_.note(id_, "crash: " + text());
}

std::string Node::text() const
{
	std::ostringstream s;

	s << drbd_role_text(r_.role[0]) << " " << drbd_disk_text(dev_.disk_state[0]);
	if (drbd_suspended(&r_, DRBD_OLD))
		s << " suspended";
	s << std::hex << " cur " << disk_.uuid.cur << " members " << r_.members[0] << std::dec;
	for (unsigned c = 0; c < conn_.size(); c++)
		s << " | " << node_of(c) << ":" << drbd_conn_text(conn_[c].cstate[0]) << "/"
		  << drbd_repl_text(pd_[c].repl_state[0]) << "/" << drbd_role_text(conn_[c].peer_role[0])
		  << "/" << drbd_disk_text(pd_[c].disk_state[0]) << " bm " << std::hex
		  << disk_.uuid.bitmap[node_of(c)] << std::dec << " bits "
		  << disk_.slot[node_of(c)].count();
	return s.str();
}

/* -------------------------------------------------------------- transactions */

void Node::refresh()
{
	bool peer_writes = false;

	for (unsigned c = 0; c < conn_.size(); c++) {
		u64 bm = disk_.uuid.bitmap[node_of(c)];

		pd_[c].bits = disk_.slot[node_of(c)].count();
		peer_writes |= !link_[c].peer_writes.empty();
		if (link_[c].sent_cur != disk_.uuid.cur || link_[c].sent_bitmap != bm)
			pd_[c].flags |= CORE_PD_UUIDS_CHANGED;
		else
			pd_[c].flags &= ~CORE_PD_UUIDS_CHANGED;
	}
	if (peer_writes)
		dev_.flags |= CORE_DEV_PEER_REQS;
	else
		dev_.flags &= ~CORE_DEV_PEER_REQS;
	if (slot_.owner != TWOPC_FREE)
		r_.flags |= CORE_RES_TWOPC_RUNNING;
	else
		r_.flags &= ~CORE_RES_TWOPC_RUNNING;
}

int Node::txn(const std::function<void()> &change, unsigned flags)
{
	core_refusal why;
	u8 role = r_.role[DRBD_OLD];

	refresh();
	drbd_state_begin(&r_);
	change();
	int rv = drbd_state_check(&r_, flags, &why);
	if (rv < SS_SUCCESS || rv == SS_NOTHING_TO_DO) {
		drbd_state_begin(&r_);
		return rv;
	}
	drbd_state_owed(&r_, flags);

	char buf[400];
	if (drbd_resource_diff(&r_, buf, sizeof(buf)))
		sim_.note(id_, buf);
	if (drbd_device_diff(&dev_, buf, sizeof(buf)))
		sim_.note(id_, buf);
	for (unsigned c = 0; c < conn_.size(); c++) {
		std::string at = "-> " + std::to_string(node_of(c)) + " ";

		if (drbd_connection_diff(&conn_[c], buf, sizeof(buf)))
			sim_.note(id_, at + buf);
		if (drbd_peer_device_diff(&dev_, &pd_[c], buf, sizeof(buf)))
			sim_.note(id_, at + buf);
	}

	disk_.md_flags = dev_.md_flags;
	std::copy(std::begin(dev_.md_peer_flags), std::end(dev_.md_peer_flags),
		  std::begin(disk_.md_peer_flags));
	disk_.members = r_.members[DRBD_NEW];

	Work w;
	w.r = r_;
	w.dev = dev_;
	w.conn = conn_;
	w.pd = pd_;
	for (auto &l : link_)
		w.sessions.push_back(l.session);
	worker_.push_back(std::move(w));

	std::vector<unsigned> lost_nodes;
	for (unsigned c = 0; c < conn_.size(); c++) {
		if (conn_[c].commit & CORE_CONN_TWOPC_LOST)
			lost_nodes.push_back(node_of(c));
		if (pd_[c].commit & CORE_PD_DROP_UUIDS)
			peer_[c].received = false;
		if (pd_[c].commit & CORE_PD_FORGET_PEER_CRASHED)
			peer_[c].flags &= ~static_cast<u64>(DRBD_UUID_F_CRASHED_PRIMARY);
		for (auto &[id, wr] : writes_) {
			if (!wr.held.count(c))
				continue;
			if (pd_[c].commit & CORE_PD_CANCEL_REQUESTS) {
				wr.held.erase(c);
				disk_.slot[node_of(c)][wr.block] = true;
			} else if (pd_[c].commit & CORE_PD_RESEND_REQUESTS) {
				wr.held.erase(c);
				wr.pending.insert(c);
			}
		}
	}
	auto commits = pd_;
	drbd_state_publish(&r_);
	if (role != r_.role[DRBD_OLD])
		drbd_uuid_set_primary(&disk_.uuid, r_.role[DRBD_OLD] == R_PRIMARY);
	for (unsigned node : lost_nodes)
		twopc_lost(node);
	for (unsigned c = 0; c < conn_.size(); c++) {
		if (!(commits[c].commit & CORE_PD_RESEND_REQUESTS))
			continue;
		for (auto &[id, wr] : writes_) {
			if (!wr.pending.count(c))
				continue;
			Msg m{Msg::DATA};
			m.block = wr.block;
			m.version = wr.version;
			m.id = id;
			send(node_of(c), m);
		}
	}
	complete_writes();
	return rv;
}

void Node::twopc_lost(unsigned node)
{
	drbd_twopc_env e;
	drbd_twopc_out out;

	env(e);
	drbd_twopc_peer_lost(&slot_, &e, static_cast<u8>(node), &out);
	perform(out);
}

bool Node::frozen() const
{
	for (auto &c : conn_)
		if (c.flags & CORE_CONN_HANDSHAKE)
			return true;
	return false;
}

/* False: must be tried again, a handshake relies on the present UUIDs. */
bool Node::make_generation(bool forced)
{
	drbd_uuid_peers p;
	u64 weak = drbd_weak_nodes(&r_, &dev_, DRBD_OLD);
	const u64 rnd[2] = {sim_.rng(), sim_.rng()};

	if (frozen())
		return false;
	drbd_uuid_peers_init(&p, &r_, &dev_);
	dev_.flags &= ~CORE_DEV_NEW_UUID_PENDING;
	if (!drbd_uuid_new_generation(&disk_.uuid, &p, 0, 0, r_.role[DRBD_OLD] == R_PRIMARY, rnd))
		return true;
	std::ostringstream s;
	s << "new generation " << std::hex << disk_.uuid.cur << (forced ? " forced" : "");
	sim_.note(id_, s.str());
	for (unsigned c = 0; c < conn_.size(); c++)
		if (pd_[c].repl_state[0] >= L_ESTABLISHED)
			send_uuids(c, forced ? 0 : DRBD_UUID_F_NEW_DATAGEN, weak);
	return true;
}

/* ------------------------------------------------------------------- sending */

void Node::send(unsigned node, Msg m)
{
	m.session = link_[index_of(node)].session;
	if (m.session)
		sim_.post(id_, node, std::move(m));
}

void Node::send_uuids(unsigned c, u64 flags, u64 mask)
{
	Msg m{Msg::UUIDS};

	refresh();
	drbd_uuid_packet_build(&r_, 0, c, flags, mask, &m.uuids);
	link_[c].sent_cur = m.uuids.cur;
	link_[c].sent_bitmap = disk_.uuid.bitmap[node_of(c)];
	link_[c].sent_flags = m.uuids.flags;
	link_[c].sent_bits = m.uuids.dirty_bits;
	link_[c].sent_sync_target = m.uuids.flags & DRBD_UUID_F_SYNC_TARGET;
	send(node_of(c), m);
}

void Node::send_state(unsigned c)
{
	Msg m{Msg::STATE};

	m.word = drbd_state_word(&r_, 0, c, DRBD_OLD);
	send(node_of(c), m);
}

void Node::introduce(unsigned c)
{
	conn_[c].flags |= CORE_CONN_HANDSHAKE;
	if (link_[c].discard)
		conn_[c].flags |= CORE_CONN_DISCARD_MY_DATA;
	else
		conn_[c].flags &= ~CORE_CONN_DISCARD_MY_DATA;
	pd_[c].hs.valid = 0;
	pd_[c].flags |= CORE_PD_INITIAL_STATE_SENT;
	pd_[c].flags &= ~(CORE_PD_INITIAL_STATE_RECEIVED | CORE_PD_UUIDS_RECEIVED);
	send_uuids(c, 0, 0);
	send_state(c);
}

void Node::undo_handshake(unsigned c)
{
	conn_[c].flags &= ~CORE_CONN_HANDSHAKE;
	pd_[c].hs.valid = 0;
}

/* Carry out what the machine said. */
void Node::perform(const drbd_twopc_out &out)
{
	struct {
		u64 to;
		drbd_twopc_phase phase;
	} packets[] = {{out.abort_to, TWOPC_ABORT}, {out.prepare_to, TWOPC_PREPARE},
		       {out.commit_to, TWOPC_COMMIT}};

	for (auto &p : packets) {
		for (unsigned n = 0; n < 32; n++) {
			if (!(p.to >> n & 1))
				continue;
			Msg m{Msg::TWOPC};
			m.phase = p.phase;
			m.req = out.req;
			send(n, m);
		}
	}
	for (unsigned n = 0; n < 32; n++) {
		if (!(out.reply_to >> n & 1))
			continue;
		Msg m{Msg::ANSWER};
		m.answer = static_cast<drbd_twopc_answer>(out.answer);
		m.reply = out.reply;
		send(n, m);
	}
	if (out.timer_ms == TWOPC_TIMER_STOP)
		slot_timer_ = 0;
	else if (out.timer_ms && !(out.todo & TWOPC_WAIT_SLOT))
		slot_timer_ = sim_.now + 4000;
	if (out.todo & TWOPC_UNDO) {
		for (unsigned c = 0; c < conn_.size(); c++)
			if (conn_[c].cstate[0] < C_CONNECTED)
				undo_handshake(c);
	}
}

/* ------------------------------------------------------------- two-phase commit */

void Node::receive_twopc(unsigned from, const Msg &m, bool waited)
{
	drbd_twopc_env e;
	drbd_twopc_out out;
	unsigned flags;
	int rv;

	env(e);
	drbd_twopc_receive(&slot_, &e, m.phase, static_cast<u8>(from), &m.req, waited, &out);
	if (out.todo & TWOPC_WAIT_SLOT) {
		parked_.push_back({from, m.req, sim_.now + 200, m.session});
		perform(out);
		return;
	}
	perform(out);

	if (out.todo & TWOPC_VALIDATE) {
		/* Also when the answer will be no: the other end waits for it. */
		bool introduce_now = out.todo & TWOPC_INTRODUCE;

		refresh();
		drbd_state_begin(&r_);
		rv = drbd_twopc_prepare_remote(&r_, &slot_.req, static_cast<u8>(from), &flags);
		if (rv >= SS_SUCCESS)
			rv = drbd_state_check(&r_, flags, nullptr);
		drbd_state_begin(&r_);
		if (introduce_now)
			introduce(index_of(from));
		env(e);
		drbd_twopc_local_verdict(&slot_, &e, rv, &out);
		perform(out);
		return;
	}
	if (!(out.todo & TWOPC_APPLY))
		return;

	drbd_twopc copy = slot_;
	rv = txn([&] { drbd_twopc_commit_remote(&r_, &copy, &slot_.req, static_cast<u8>(from), &flags); },
		 CORE_PREPARED | CORE_LOCAL_ONLY | CORE_FORCE_RECALC | CORE_IGNORE_OUTDATE_FAILURE);
	if (rv < SS_SUCCESS)
		throw Violation("node " + std::to_string(id_) + " cannot apply a COMMIT: " +
				drbd_ss_text(rv));
	if (copy.is_connect && !copy.far_away) {
		undo_handshake(index_of(from));
		link_[index_of(from)].discard = false;
	}
	env(e);
	drbd_twopc_applied(&slot_, &e, &out);
	perform(out);
	if (copy.is_disconnect && !copy.far_away)
		cleanup(index_of(from));
}

void Node::try_parked()
{
	for (size_t i = 0; i < parked_.size(); i++) {
		Parked p = parked_[i];

		if (slot_.owner != TWOPC_FREE && sim_.now < p.deadline)
			continue;
		parked_.erase(parked_.begin() + static_cast<long>(i));
		if (link_[index_of(p.from)].session != p.session)
			return;
		Msg m{Msg::TWOPC};
		m.phase = TWOPC_PREPARE;
		m.req = p.req;
		m.session = p.session;
		receive_twopc(p.from, m, true);
		return;
	}
}

/* Put the command's own change into NEW. */
unsigned Node::op_change(Op &op)
{
	switch (op.kind) {
	case Op::CONNECT:
		conn_[op.conn].cstate[DRBD_NEW] = C_CONNECTED;
		return 0;
	case Op::PROMOTE:
	case Op::DEMOTE:
		return drbd_role_prepare(&r_, &op.role);
	case Op::DISCONNECT:
		return drbd_disconnect_prepare(&r_, op.conn, false);
	case Op::EMPTY:
		drbd_twopc_prepare_empty(&r_);
		return 0;
	}
	return 0;
}

void Node::op_verdict(Op &op, int rv)
{
	bool again = rv == SS_TIMEOUT || rv == SS_CONCURRENT_ST_CHG;

	op.started = false;
	switch (op.kind) {
	case Op::CONNECT:
		undo_handshake(op.conn);
		if (conn_[op.conn].cstate[0] != C_CONNECTING || link_[op.conn].session != op.session)
			break;
		switch (drbd_connect_followup(&r_, rv, false)) {
		case CONNECT_AGAIN_50MS:
			op.not_before = sim_.now + 20 + sim_.rnd(60);
			schedule(op);
			break;
		case CONNECT_AGAIN_1S:
		case CONNECT_WAIT_READERS:
			op.not_before = sim_.now + 150;
			schedule(op);
			break;
		case CONNECT_REFUSE: {
			Msg m{Msg::DISCONNECT};

			sim_.note(id_, std::string("connect refused: ") + drbd_ss_text(rv));
			send(node_of(op.conn), m);
			lost(op.conn, C_DISCONNECTING);
			break;
		}
		case CONNECT_NETWORK_FAILURE:
			sim_.note(id_, std::string("connect failed: ") + drbd_ss_text(rv));
			lost(op.conn);
			break;
		}
		break;
	case Op::DISCONNECT:
		if (again || drbd_disconnect_followup(&r_, op.conn, rv) == DISCONNECT_AGAIN) {
			op.not_before = sim_.now + 1 + sim_.rnd(100);
			if (++op.attempt < 20)
				schedule(op);
		}
		break;
	case Op::EMPTY:
		if (again) {
			op.not_before = sim_.now + 1 + sim_.rnd(100);
			op.attempt++;
			schedule(op);
		}
		break;
	default:
		if (again && ++op.attempt < 10) {
			op.not_before = sim_.now + 1 + sim_.rnd(100);
			schedule(op);
		} else if (!again && drbd_role_next(&op.role, rv) == ROLE_AGAIN) {
			schedule(op);
		} else {
			sim_.note(id_, std::string("role change refused: ") + drbd_ss_text(rv));
		}
	}
}

bool Node::op_step()
{
	drbd_twopc_env e;
	drbd_twopc_out out;
	drbd_twopc_request req{};
	unsigned flags = 0;
	int rv;

	if (ops_.empty())
		return false;
	Op op = ops_.front();
	if (!op.started && sim_.now < op.not_before) {
		if (ops_.size() > 1) {
			ops_.pop_front();
			ops_.push_back(op);
		}
		return false;
	}
	if (op.kind == Op::CONNECT &&
	    (conn_[op.conn].cstate[0] != C_CONNECTING || link_[op.conn].session != op.session) &&
	    !op.started) {
		ops_.pop_front();
		return true;
	}
	if (op.kind == Op::PROMOTE && !op.started &&
	    (drbd_promotion_must_wait(&r_) && ++op.attempt < 200)) {
		op.not_before = sim_.now + 10;
		ops_.pop_front();
		ops_.push_back(op);
		return true;
	}
	if (op.kind == Op::DEMOTE && !writes_.empty() && !op.started) {
		op.not_before = sim_.now + 5;
		ops_.pop_front();
		if (++op.attempt < 200)
			ops_.push_back(op);
		return true;
	}

	refresh();
	if (!op.started) {
		ops_.pop_front();
		drbd_state_begin(&r_);
		flags = op_change(op);
		rv = drbd_state_check(&r_, flags, nullptr);
		bool wide = rv >= SS_SUCCESS && drbd_state_cluster_wide(&r_, flags, &req);
		drbd_state_begin(&r_);
		if (op.kind == Op::EMPTY) {
			req = {};
			req.target = -1;
			req.vnr = -1;
			wide = true;
		} else if (rv < SS_SUCCESS) {
			op_verdict(op, rv);
			return true;
		} else if (rv == SS_NOTHING_TO_DO) {
			return true;
		}
		env(e);
		rv = wide ? drbd_twopc_start(&slot_, &e, &req, static_cast<u32>(sim_.rng() | 1),
					     op.kind == Op::CONNECT, &out)
			  : static_cast<int>(SS_CW_NO_NEED);
		if (rv == SS_CONCURRENT_ST_CHG) {
			op.not_before = sim_.now + 10;
			ops_.push_back(op);
			return true;
		}
		if (rv == SS_CW_NO_NEED) {
			drbd_twopc alone{};

			alone.req = req;
			alone.reachable_nodes = bit(id_);
			if (r_.role[0] == R_PRIMARY)
				alone.primary_nodes = bit(id_);
			unsigned extra;
			rv = txn([&] {
				flags = op_change(op);
				if (op.kind == Op::EMPTY)
					drbd_twopc_commit_local(&r_, &alone, &extra);
			}, flags | CORE_LOCAL_ONLY | (op.kind == Op::EMPTY ? CORE_FORCE_RECALC : 0));
			if (rv < SS_SUCCESS)
				op_verdict(op, rv);
			else if (op.kind == Op::DISCONNECT)
				cleanup(op.conn);
			else if (op.kind == Op::PROMOTE)
				sim_.promotions++;
			if (rv >= SS_SUCCESS && op.kind == Op::PROMOTE && op.role.force_up_to_date)
				make_generation(true);
			return true;
		}
		if (rv < SS_SUCCESS) {
			op_verdict(op, rv);
			return true;
		}
		op.started = true;
		op.deadline = sim_.now + 3000;
		slot_timer_ = 0;
		ops_.push_front(op);
		perform(out);
		slot_timer_ = 0;
		if (out.todo & TWOPC_INTRODUCE)
			introduce(op.conn);
		return true;
	}

	if (slot_.owner != TWOPC_INITIATOR)
		throw Violation("initiator without its slot");
	if (sim_.now > op.deadline)
		drbd_twopc_initiator_timeout(&slot_);
	env(e);
	if (!drbd_twopc_decided(&slot_, &e))
		return false;
	ops_.pop_front();
	drbd_state_begin(&r_);
	flags = op_change(op);
	drbd_state_check(&r_, flags, nullptr);
	rv = drbd_twopc_verdict(&slot_, &e, &r_);
	if (rv == SS_SUCCESS)
		drbd_twopc_merge(&slot_, &e, &r_);
	drbd_state_begin(&r_);
	if (rv < SS_SUCCESS) {
		drbd_twopc_end(&slot_, &e, false, 0, &out);
		perform(out);
		op_verdict(op, rv);
		return true;
	}

	bool commit_first = drbd_twopc_commit_first(&slot_.req, r_.role[0]);
	drbd_twopc copy = slot_;
	if (commit_first) {
		drbd_twopc_end(&slot_, &e, true, 0, &out);
		perform(out);
	}
	unsigned cflags = 0;
	bool forced = false;
	rv = txn([&] {
		flags = op_change(op);
		forced = op.kind == Op::PROMOTE && drbd_role_forced(&dev_, &op.role);
		drbd_twopc_commit_local(&r_, &copy, &cflags);
	}, CORE_LOCAL_ONLY | CORE_FORCE_RECALC | CORE_IGNORE_OUTDATE_FAILURE |
	   (commit_first ? CORE_PREPARED : 0));
	if (rv < SS_SUCCESS && commit_first)
		throw Violation("node " + std::to_string(id_) +
				" cannot commit what it committed cluster-wide: " + drbd_ss_text(rv));
	if (!commit_first) {
		env(e);
		drbd_twopc_end(&slot_, &e, rv >= SS_SUCCESS, 0, &out);
		perform(out);
		if (rv < SS_SUCCESS) {
			op_verdict(op, rv);
			return true;
		}
	}
	if (op.kind == Op::CONNECT) {
		undo_handshake(op.conn);
		link_[op.conn].discard = false;
	} else if (op.kind == Op::DISCONNECT) {
		cleanup(op.conn);
	} else if (op.kind == Op::PROMOTE) {
		sim_.promotions++;
		if (forced) {
			make_generation(true);
			for (unsigned c = 0; c < conn_.size(); c++)
				if (conn_[c].cstate[0] >= C_CONNECTED)
					send_state(c);
		}
	}
	return true;
}

/* ---------------------------------------------------------------- connections */

void Node::session_up(unsigned c, u64 session)
{
	bool discard = link_[c].discard;

	link_[c] = {};
	link_[c].discard = discard;
	link_[c].session = session;
	conn_[c].protocol_version = 124;
	conn_[c].features = 0x7f;
	if (id_ < node_of(c)) {
		Op op{Op::CONNECT};

		op.conn = c;
		op.session = session;
		schedule(op);
	}
}

void Node::lost(unsigned c, u8 cstate, bool cleanup_now)
{
	txn([&] { drbd_state_set_cstate(&r_, c, cstate); }, CORE_HARD);
	/* A handshake that was under way is a lost peer as well. */
	if (slot_.owner != TWOPC_FREE && slot_.is_connect)
		twopc_lost(node_of(c));
	if (cleanup_now)
		cleanup(c);
}

/* states.md 7.4 */
void Node::cleanup(unsigned c)
{
	Link &l = link_[c];
	u8 cstate = conn_[c].cstate[0];

	if (cstate >= C_CONNECTING)
		throw Violation("cleanup of a live connection");
	undo_handshake(c);
	bool suspended = drbd_suspended(&r_, DRBD_OLD);
	bool busy_log = !writes_.empty();
	if (busy_log && !suspended && (dev_.flags & CORE_DEV_NEW_UUID_PENDING) &&
	    drbd_data_accessible(&r_, &dev_, DRBD_OLD) &&
	    !(dev_.flags & CORE_DEV_PRIMARY_LOST_QUORUM))
		make_generation(false);
	for (auto &[id, w] : writes_) {
		if (!w.pending.count(c))
			continue;
		w.pending.erase(c);
		if (suspended)
			w.held.insert(c);
		else
			disk_.slot[node_of(c)][w.block] = true;
	}
	/* A write that was acked, but whose group was not peer-acked, may not be on
	 * stable storage there. */
	for (auto &[id, w] : writes_)
		if (w.sent.count(c))
			disk_.slot[node_of(c)][w.block] = true;
	for (auto &[id, block] : l.peer_writes) {
		for (unsigned n = 0; n < 32; n++)
			if (disk_.uuid.slot_mask >> n & 1)
				disk_.slot[n][block] = true;
		disk_.hot[block]--;
	}
	u64 old = l.session;
	bool discard = l.discard;
	l = {};
	l.discard = discard;
	(void)old;
	complete_writes();
	if (cstate == C_DISCONNECTING) {
		txn([&] { drbd_state_set_cstate(&r_, c, C_STANDALONE); }, CORE_HARD);
	} else {
		txn([&] { drbd_state_set_cstate(&r_, c, C_UNCONNECTED); }, CORE_HARD);
		txn([&] { drbd_state_set_cstate(&r_, c, C_CONNECTING); }, CORE_HARD);
	}
}

void Node::promote(bool force)
{
	Op op{Op::PROMOTE};

	op.role.force = force;
	schedule(op);
}

void Node::demote()
{
	Op op{Op::DEMOTE};

	op.role.demote = true;
	schedule(op);
}

void Node::disconnect(unsigned c)
{
	if (conn_[c].cstate[0] == C_CONNECTED) {
		Op op{Op::DISCONNECT};

		op.conn = c;
		schedule(op);
	} else if (conn_[c].cstate[0] == C_CONNECTING && !link_[c].session) {
		lost(c, C_DISCONNECTING);
	}
}

void Node::connect(unsigned c, bool discard)
{
	if (conn_[c].cstate[0] != C_STANDALONE)
		return;
	link_[c].discard = discard;
	txn([&] { drbd_state_set_cstate(&r_, c, C_UNCONNECTED); }, 0);
	txn([&] { drbd_state_set_cstate(&r_, c, C_CONNECTING); }, CORE_HARD);
}

/* ------------------------------------------------------------------ handshake */

/* Returns the replication state for an established connection, 0: refused. */
u8 Node::compare(unsigned c, u32 word, bool connecting)
{
	drbd_handshake_in in{};
	drbd_handshake_out out;
	drbd_state_fields f;
	unsigned p = node_of(c);

	refresh();
	drbd_state_unpack(word, &f);
	in.uuid.self = &disk_.uuid;
	in.uuid.peer = &peer_[c];
	in.uuid.self_current = link_[c].sent_cur;
	in.uuid.self_bitmap = link_[c].sent_bitmap;
	in.uuid.self_flags = link_[c].sent_flags;
	in.uuid.peer_node_id = static_cast<u8>(p);
	in.uuid.wire_protocol = DRBD_PROT_C;
	in.uuid.protocol_version = 124;
	in.uuid.resolver = id_ > p;
	in.uuid.source_missed_end = link_[c].missed.source_missed;
	in.uuid.peer_missed_end = link_[c].missed.peer_missed;
	if (connecting) {
		bool st;
		u64 cur = drbd_uuid_resolved_current(&r_, 0, c, &st);

		in.uuid.changed_since_sent = cur != link_[c].sent_cur ||
			disk_.uuid.bitmap[p] != link_[c].sent_bitmap;
	}
	in.self_role = r_.role[0];
	in.peer_role = f.role;
	in.self_disk = dev_.disk_state[0];
	in.self_md_disk = drbd_disk_state_from_md(&r_, &dev_, DRBD_OLD);
	in.peer_disk = f.disk;
	in.self_bits = link_[c].sent_bits;
	in.self_quorum = dev_.quorum[0];
	in.peer_quorum = f.quorum;
	in.quorum_enabled = r_.quorum != QOU_OFF;
	in.connecting = connecting;
	drbd_handshake(&in, &out);
	sim_.note(id_, "-> " + std::to_string(p) + " " + drbd_strategy_text(out.strategy) + " by rule " +
		  drbd_rule_text(out.rule));
	if (out.split_brain && out.outcome == HANDSHAKE_DISCONNECT)
		sim_.split_brains++;
	pd_[c].hs.valid = 0;
	if (out.outcome != HANDSHAKE_OK) {
		if (connecting) {
			drbd_twopc_env e;
			drbd_twopc_out o;

			env(e);
			drbd_twopc_handshake_done(&slot_, &e,
						  static_cast<drbd_handshake_outcome>(out.outcome), &o);
			perform(o);
		}
		return 0;
	}
	if (out.clear_bitmap_uuid)
		drbd_uuid_in_sync_with(&disk_.uuid, static_cast<u8>(p));
	if (out.set_bitmap_uuid)
		drbd_uuid_source_full_sync(&disk_.uuid, static_cast<u8>(p), peer_[c].cur, 0);
	switch (out.bitmap) {
	case BITMAP_SET_ALL_SLOTS:
		for (unsigned n = 0; n < 32; n++)
			if (disk_.uuid.slot_mask >> n & 1)
				disk_.slot[n].set();
		break;
	case BITMAP_SET_SLOT:
		disk_.slot[p].set();
		break;
	case BITMAP_COPY_SLOT:
		disk_.slot[p] = disk_.slot[out.other_node];
		break;
	case BITMAP_CLEAR_SLOT:
		disk_.slot[p].reset();
		break;
	case BITMAP_NONE:
		break;
	}
	return out.repl_state;
}

void Node::record(unsigned c, u32 word, const drbd_peer_state_decision &d)
{
	drbd_state_fields f;
	drbd_twopc_env e;
	drbd_twopc_out out;

	if (!(pd_[c].flags & CORE_PD_UUIDS_RECEIVED))
		return;		/* left over from an attempt that was given up */
	u8 repl = compare(c, word, true);
	if (!repl)
		return;
	drbd_state_unpack(word, &f);
	if (f.quorum)
		pd_[c].flags |= CORE_PD_PEER_QUORATE;
	pd_[c].hs = {1, repl, d.peer_disk, static_cast<u8>(f.aftr_isp || f.user_isp), D_MASK};
	pd_[c].flags |= CORE_PD_INITIAL_STATE_RECEIVED;
	env(e);
	drbd_twopc_handshake_done(&slot_, &e, HANDSHAKE_OK, &out);
	perform(out);
}

void Node::receive_uuids(unsigned c, const Msg &m)
{
	unsigned p = node_of(c);
	bool connected = conn_[c].cstate[0] >= C_CONNECTED;
	bool st;

	drbd_uuid_packet_absorb(&peer_[c], &disk_.uuid, &m.uuids);
	pd_[c].flags |= CORE_PD_UUIDS_RECEIVED;
	u64 cur = drbd_uuid_resolved_current(&r_, 0, c, &st);
	if (!connected) {
		drbd_uuid_missed_end(&disk_.uuid, static_cast<u8>(p), &peer_[c], link_[c].sent_bitmap, cur,
				     st, link_[c].sent_bits, 124, &link_[c].missed);
		if (link_[c].missed.clear_bitmap_uuid) {
			drbd_uuid_in_sync_with(&disk_.uuid, static_cast<u8>(p));
			link_[c].sent_bitmap = 0;
		}
		return;
	}

	if (m.uuids.flags & DRBD_UUID_F_NEW_DATAGEN) {
		bool target = false;

		for (auto &q : pd_)
			target |= drbd_is_sync_target(q.repl_state[0]);
		if (!target && dev_.disk_state[0] >= D_INCONSISTENT) {
			drbd_uuid_peers peers;
			u64 changed;

			drbd_uuid_peers_init(&peers, &r_, &dev_);
			drbd_uuid_adopt_generation(&disk_.uuid, &peers, m.uuids.cur, m.uuids.node_mask, 0,
						   dev_.disk_state[0] == D_UP_TO_DATE,
						   r_.role[0] == R_PRIMARY, &changed);
			for (unsigned o = 0; o < conn_.size(); o++)
				if (o != c && pd_[o].repl_state[0] >= L_ESTABLISHED)
					send_uuids(o, 0, 0);
		}
	}
	drbd_uuid_detected det;
	u64 busy = 0;
	for (unsigned o = 0; o < conn_.size(); o++)
		if (pd_[o].repl_state[0] > L_ESTABLISHED)
			busy |= bit(node_of(o));
	cur = drbd_uuid_resolved_current(&r_, 0, c, &st);
	drbd_uuid_detect_finished(&disk_.uuid, static_cast<u8>(p), &peer_[c], cur, st, busy,
				  drbd_connected_nodes(&r_, DRBD_OLD), &det);
	for (unsigned n = 0; n < 32; n++)
		if (det.clear_slots >> n & 1)
			disk_.slot[n].reset();
	for (unsigned i = 0; i < det.nr_copies; i++)
		disk_.slot[det.copy[i].to] = disk_.slot[det.copy[i].from];
	if (m.uuids.flags & DRBD_UUID_F_GOT_STABLE) {
		pd_[c].flags |= CORE_PD_GOT_STABLE;
		txn([] {}, 0);
	}
}

void Node::receive_state(unsigned c, const Msg &m)
{
	drbd_peer_state_decision d;
	drbd_state_fields f;
	u8 before = link_[c].peer_repl;
	u8 hs = 0;
	unsigned flags = 0;

	refresh();
	drbd_state_unpack(m.word, &f);
	drbd_peer_state_decide(&r_, 0, c, m.word, before, &d);
	link_[c].peer_repl = f.conn;
	switch (d.reaction) {
	case PEER_STATE_DROP:
	case PEER_STATE_IGNORE:
		return;
	case PEER_STATE_MEET_ANEW:
		lost(c, C_NETWORK_FAILURE);
		return;
	case PEER_STATE_DISCONNECT:
		throw Violation("invalid state packet");
	case PEER_STATE_RECORD:
		record(c, m.word, d);
		return;
	case PEER_STATE_RESYNC_FINISHED:
		finish_source(c, m.word);
		return;
	case PEER_STATE_FINISH_AFTER_START:
		link_[c].finish_after_start = true;
		return;
	case PEER_STATE_VERIFY_FINISHED:
		return;
	case PEER_STATE_APPLY:
		break;
	}
	if (d.compare || d.compare_attach) {
		link_[c].sent_cur = disk_.uuid.cur;
		link_[c].sent_bitmap = disk_.uuid.bitmap[node_of(c)];
		hs = compare(c, m.word, false);
	}
	int rv = txn([&] { flags = drbd_peer_state_apply(&r_, 0, c, m.word, &d, hs); },
		     pd_[c].repl_state[0] < L_ESTABLISHED ? CORE_HARD : 0);
	if (rv < SS_SUCCESS) {
		sim_.note(id_, std::string("state of peer refused: ") + drbd_ss_text(rv));
		lost(c, C_DISCONNECTING);
		return;
	}
	if (hs && pd_[c].repl_state[0] == L_WF_BITMAP_T && link_[c].held_bitmap)
		receive_bitmap(c);
}

/* ------------------------------------------------------------------------ resync */

void Node::receive_bitmap(unsigned c)
{
	unsigned p = node_of(c);

	if (pd_[c].repl_state[0] == L_WF_BITMAP_T) {
		link_[c].held_bitmap = false;
		disk_.slot[p] |= link_[c].bitmap;
		Msg m{Msg::BITMAP};
		m.bits = disk_.slot[p];
		send(p, m);
		start_target(c);
	} else if (pd_[c].repl_state[0] == L_WF_BITMAP_S) {
		link_[c].held_bitmap = false;
		disk_.slot[p] |= link_[c].bitmap;
		txn([&] { pd_[c].repl_state[DRBD_NEW] = L_SYNC_SOURCE; }, CORE_HARD);
		if (link_[c].finish_after_start)
			finish_source(c, 0);
	}
}

void Node::start_target(unsigned c)
{
	drbd_uuid_peers peers;

	if (frozen()) {
		/* Its UUIDs may not change now; the glue of the kernel waits. */
	}
	drbd_uuid_target_before_start(&disk_.uuid, &peer_[c]);
	drbd_uuid_peers_init(&peers, &r_, &dev_);
	txn([&] { pd_[c].repl_state[DRBD_NEW] = L_SYNC_TARGET; }, CORE_HARD);
	link_[c].rs_start_uuid = drbd_uuid_target_started(&disk_.uuid, &peers,
							  static_cast<u8>(node_of(c)), 0);
	link_[c].rs_pending.clear();
	link_[c].rs_done_sent = false;
	/* Not before the source was told: it learns of the end only from one that
	 * it knows to be its target. */
	link_[c].rs_started = false;
}

bool Node::resync_step(std::mt19937_64 &rng)
{
	for (unsigned c = 0; c < conn_.size(); c++) {
		Link &l = link_[c];
		unsigned p = node_of(c);

		if (pd_[c].repl_state[0] != L_SYNC_TARGET || !l.session || !l.rs_started ||
		    l.rs_done_sent)
			continue;
		if (disk_.slot[p].none()) {
			if (!l.rs_pending.empty())
				continue;
			l.rs_done_sent = true;
			send(p, Msg{Msg::RS_DONE});
			return true;
		}
		unsigned start = static_cast<unsigned>(rng() % BLOCKS);
		for (unsigned i = 0; i < BLOCKS; i++) {
			unsigned b = (start + i) % BLOCKS;
			bool writing = false;

			for (auto &[id, w] : writes_)
				writing |= w.block == b;
			if (!disk_.slot[p][b] || l.rs_pending.count(b) || writing)
				continue;
			l.rs_pending.insert(b);
			Msg m{Msg::RS_REQUEST};
			m.block = b;
			send(p, m);
			return true;
		}
	}
	return false;
}

void Node::finish_target(unsigned c)
{
	Link &l = link_[c];
	unsigned p = node_of(c);

	if (pd_[c].repl_state[0] != L_SYNC_TARGET)
		return;
	if (disk_.slot[p].any()) {	/* marked meanwhile */
		l.rs_done_sent = false;
		return;
	}
	if (frozen()) {
		l.rs_done_sent = false;	/* UUIDs are frozen: ask again */
		return;
	}
	bool unstable = pd_[c].flags & CORE_PD_UNSTABLE_RESYNC;
	sim_.resyncs++;
	if (!unstable) {
		u64 seen[32] = {}, newly;

		for (unsigned o = 0; o < conn_.size(); o++)
			if (pd_[o].disk_state[0] >= D_INCONSISTENT && pd_[o].disk_state[0] != D_UNKNOWN)
				seen[node_of(o)] = peer_[o].cur;
		drbd_uuid_target_finished(&disk_.uuid, &peer_[c], static_cast<u8>(p), l.rs_start_uuid, seen,
					  r_.role[0] == R_PRIMARY, &newly);
	}
	int rv = txn([&] {
		pd_[c].repl_state[DRBD_NEW] = L_ESTABLISHED;
		if (!unstable)
			dev_.disk_state[DRBD_NEW] = pd_[c].disk_state[0];
	}, CORE_HARD);
	if (rv < SS_SUCCESS)
		throw Violation("cannot finish a resync");
}

void Node::finish_source(unsigned c, u32 word)
{
	drbd_state_fields f;

	drbd_state_unpack(word, &f);
	link_[c].finish_after_start = false;
	txn([&] {
		pd_[c].repl_state[DRBD_NEW] = L_ESTABLISHED;
		if (word)
			pd_[c].disk_state[DRBD_NEW] = f.disk;
	}, CORE_HARD);
}

/* ---------------------------------------------------------------- application */

bool Node::write(unsigned block)
{
	if (!again_.empty()) {
		block = again_.front();
		again_.pop_front();
	}
	if (!alive_ || r_.role[0] != R_PRIMARY || drbd_suspended(&r_, DRBD_OLD) || dev_.unstable ||
	    dev_.fail_io || !dev_.quorum[0] || !drbd_data_accessible(&r_, &dev_, DRBD_OLD) ||
	    dev_.disk_state[0] < D_INCONSISTENT)
		return false;
	for (auto &op : ops_)
		if (op.kind == Op::DEMOTE && op.started)
			return false;	/* nobody has it open any more */
	for (auto &[id, w] : writes_)
		if (w.block == block)
			return false;	/* the file system waits for the first one */
	for (auto &l : link_)
		if (l.rs_pending.count(block))
			return false;
	if ((dev_.flags & CORE_DEV_NEW_UUID_PENDING) && !make_generation(false))
		return false;
	/* Overwriting a block that waits for resync is left to the resync here. */
	if (dev_.disk_state[0] < D_UP_TO_DATE)
		for (unsigned c = 0; c < conn_.size(); c++)
			if (pd_[c].repl_state[0] > L_ESTABLISHED && disk_.slot[node_of(c)][block])
				return false;

	u64 id = sim_.next_id++;
	Write w{block, sim_.next_version++, false, {}, {}, {}, {}};

	disk_.hot[block]++;
	for (unsigned c = 0; c < conn_.size(); c++) {
		Msg m{Msg::DATA};

		m.block = block;
		m.version = w.version;
		m.id = id;
		if (drbd_replicates_to(&pd_[c], DRBD_OLD)) {
			w.pending.insert(c);
			w.sent.insert(c);
			send(node_of(c), m);
		} else {
			disk_.slot[node_of(c)][block] = true;
			if (drbd_sends_out_of_sync(&pd_[c], DRBD_OLD)) {
				m.kind = Msg::OUT_OF_SYNC;
				send(node_of(c), m);
			}
		}
	}
	writes_.emplace(id, std::move(w));
	return true;
}

bool Node::local_completion(std::mt19937_64 &rng)
{
	std::vector<u64> open;

	for (auto &[id, w] : writes_)
		if (!w.local_done)
			open.push_back(id);
	if (open.empty())
		return false;
	Write &w = writes_.at(open[rng() % open.size()]);
	w.local_done = true;
	disk_.data[w.block] = w.version;
	complete_writes();
	return true;
}

void Node::complete_writes()
{
	for (auto it = writes_.begin(); it != writes_.end();) {
		Write &w = it->second;

		if (!w.local_done || !w.pending.empty() || !w.held.empty() ||
		    drbd_suspended(&r_, DRBD_OLD)) {
			++it;
			continue;
		}
		/* Done only if a good replica holds it (io-path.md I10). */
		bool good = dev_.disk_state[0] == D_UP_TO_DATE;
		for (unsigned c : w.acked)
			good |= pd_[c].disk_state[0] == D_UP_TO_DATE;
		if (good) {
			sim_.last_completed[w.block] = std::max(sim_.last_completed[w.block], w.version);
			sim_.completed++;
		} else if (drbd_data_accessible(&r_, &dev_, DRBD_OLD)) {
			again_.push_back(w.block);
		}
		disk_.hot[w.block]--;
		for (unsigned c : w.sent) {
			Msg m{Msg::PEER_ACK};

			m.id = it->first;
			send(node_of(c), m);
		}
		it = writes_.erase(it);
	}
}

/* ------------------------------------------------------------------ receiving */

void Node::deliver(unsigned from, Msg m)
{
	unsigned c = index_of(from);
	Link &l = link_[c];

	if (!alive_ || !l.session || l.session != m.session)
		return;
	switch (m.kind) {
	case Msg::TWOPC:
		receive_twopc(from, m, false);
		break;
	case Msg::ANSWER: {
		drbd_twopc_env e;
		drbd_twopc_out out;

		env(e);
		drbd_twopc_answered(&slot_, &e, static_cast<u8>(from), m.answer, &m.reply, &out);
		perform(out);
		break;
	}
	case Msg::UUIDS:
		receive_uuids(c, m);
		break;
	case Msg::STATE:
		receive_state(c, m);
		break;
	case Msg::ROLE:
		txn([&] { conn_[c].peer_role[DRBD_NEW] = R_SECONDARY; }, CORE_HARD);
		break;
	case Msg::BITMAP:
		l.bitmap = m.bits;
		l.held_bitmap = true;
		receive_bitmap(c);
		break;
	case Msg::RS_REQUEST: {
		bool busy = pd_[c].repl_state[0] != L_SYNC_SOURCE;

		for (auto &[id, w] : writes_)
			busy |= w.block == m.block && !w.local_done;
		m.kind = busy ? Msg::RS_CANCEL : Msg::RS_DATA;
		m.version = disk_.data[m.block];
		send(from, m);
		break;
	}
	case Msg::RS_CANCEL:
		l.rs_pending.erase(m.block);
		break;
	case Msg::RS_DATA:
		if (!l.rs_pending.erase(m.block) || pd_[c].repl_state[0] < L_SYNC_SOURCE)
			break;
		disk_.data[m.block] = m.version;
		disk_.slot[from][m.block] = false;
		m.kind = Msg::RS_ACK;
		send(from, m);
		break;
	case Msg::RS_ACK: {
		/* Newer writes went out as data behind what was acknowledged. */
		disk_.slot[from][m.block] = false;
		break;
	}
	case Msg::RS_DONE:
		m.kind = Msg::RS_DONE_ACK;
		send(from, m);
		break;
	case Msg::RS_DONE_ACK:
		finish_target(c);
		break;
	case Msg::DATA:
		if (dev_.disk_state[0] >= D_INCONSISTENT) {
			disk_.hot[m.block]++;
			l.peer_writes[m.id] = m.block;
			disk_.data[m.block] = m.version;
		}
		m.kind = Msg::ACK;
		send(from, m);
		break;
	case Msg::ACK: {
		auto it = writes_.find(m.id);

		if (it != writes_.end()) {
			if (it->second.pending.erase(c))
				it->second.acked.insert(c);
			complete_writes();
		}
		break;
	}
	case Msg::PEER_ACK: {
		auto it = l.peer_writes.find(m.id);

		if (it != l.peer_writes.end()) {
			disk_.hot[it->second]--;
			l.peer_writes.erase(it);
			if (l.peer_writes.empty())
				txn([] {}, CORE_FORCE_RECALC);
		}
		break;
	}
	case Msg::OUT_OF_SYNC:
		disk_.slot[from][m.block] = true;
		break;
	case Msg::DISCONNECT:
		lost(c, C_DISCONNECTING);
		break;
	}
}

/* ---------------------------------------------------------------------- worker */

bool Node::run_worker()
{
	if (worker_.empty())
		return false;
	Work w = std::move(worker_.front());
	worker_.pop_front();

	for (unsigned c = 0; c < conn_.size(); c++) {
		bool same = link_[c].session == w.sessions[c];

		if ((w.pd[c].after & CORE_PD_CLEAR_BITMAP) && same &&
		    pd_[c].repl_state[0] == L_ESTABLISHED && pd_[c].disk_state[0] >= D_OUTDATED &&
		    peer_[c].cur && drbd_uuid_eq(peer_[c].cur, disk_.uuid.cur)) {
			drbd_uuid_in_sync_with(&disk_.uuid, static_cast<u8>(node_of(c)));
			disk_.slot[node_of(c)].reset();
		}
	}
	for (unsigned c = 0; c < conn_.size(); c++) {
		u64 a = w.pd[c].after;

		if (link_[c].session != w.sessions[c])
			a &= CORE_PD_NEW_UUID_NOW;
		if (a & CORE_PD_SEND_UUIDS)
			send_uuids(c, 0, 0);
		if (a & CORE_PD_SEND_UUIDS_GOT_STABLE)
			send_uuids(c, DRBD_UUID_F_GOT_STABLE, 0);
		if (a & (CORE_PD_SEND_STATE | CORE_PD_SEND_STATE_ALL))
			send_state(c);
		if ((a & CORE_PD_SEND_BITMAP) && pd_[c].repl_state[0] == L_WF_BITMAP_S) {
			for (auto &[id, wr] : writes_)
				if (!wr.sent.count(c))
					disk_.slot[node_of(c)][wr.block] = true;
			Msg m{Msg::BITMAP};
			m.bits = disk_.slot[node_of(c)];
			send(node_of(c), m);
		}
		if (a & CORE_PD_SEND_STATE_ALL)
			for (unsigned o = 0; o < conn_.size(); o++)
				if (o != c && conn_[o].cstate[0] >= C_CONNECTED)
					send_state(o);
		if ((a & CORE_PD_START_REQUESTS) && pd_[c].repl_state[0] == L_SYNC_TARGET)
			link_[c].rs_started = true;
		if ((a & CORE_PD_NEW_UUID_NOW) && (dev_.flags & CORE_DEV_NEW_UUID_PENDING))
			make_generation(false);
	}
	if ((w.dev.after & CORE_DEV_NEW_UUID) && (dev_.flags & CORE_DEV_NEW_UUID_PENDING) &&
	    !make_generation(false)) {
		worker_.push_front(std::move(w));	/* wait for the freeze to end */
		return false;
	}
	if (w.dev.after & CORE_DEV_SEND_STATE_ALL)
		for (unsigned c = 0; c < conn_.size(); c++)
			if (conn_[c].cstate[0] >= C_CONNECTED)
				send_state(c);
	if (w.r.after & CORE_RES_SEND_ROLE)
		for (unsigned c = 0; c < conn_.size(); c++)
			if (conn_[c].cstate[0] >= C_CONNECTED)
				send(node_of(c), Msg{Msg::ROLE});
	if (w.r.after & CORE_RES_CLEAR_SUSP_UUID)
		txn([&] { r_.susp_uuid[DRBD_NEW] = 0; }, 0);
	if (w.r.after & CORE_RES_EMPTY_2PC)
		schedule(Op{Op::EMPTY});
	if ((w.r.after & CORE_RES_EXPIRE_2PC) && slot_timer_)
		slot_timer_ = sim_.now;
	return true;
}

bool Node::timers()
{
	drbd_twopc_env e;
	drbd_twopc_out out;

	try_parked();
	if (!slot_timer_ || sim_.now < slot_timer_ || slot_.owner != TWOPC_PARTICIPANT)
		return false;
	slot_timer_ = 0;
	env(e);
	drbd_twopc_timer(&slot_, &e, &out);
	perform(out);
	return true;
}

bool Node::parked(unsigned from) const
{
	for (auto &p : parked_)
		if (p.from == from)
			return true;
	return false;
}

bool Node::busy() const
{
	if (!alive_)
		return false;
	if (!worker_.empty() || !ops_.empty() || !parked_.empty() || slot_.owner != TWOPC_FREE)
		return true;
	if (!writes_.empty() && !drbd_suspended(&r_, DRBD_OLD))
		return true;
	for (unsigned c = 0; c < conn_.size(); c++) {
		const Node &p = *sim_.nodes_[node_of(c)];

		if (conn_[c].cstate[0] != C_CONNECTED && conn_[c].cstate[0] != C_STANDALONE &&
		    p.conn(p.index_of(id_)).cstate[0] != C_STANDALONE)
			return true;
		if (pd_[c].repl_state[0] > L_ESTABLISHED && pd_[c].repl_state[0] != L_PAUSED_SYNC_S &&
		    pd_[c].repl_state[0] != L_PAUSED_SYNC_T)
			return true;
	}
	return false;
}

} // namespace sim
