// SPDX-License-Identifier: GPL-2.0-only
/*
 * A resource snapshot for the tests of the state engine: node 0 is "me", the
 * connections go to nodes 1, 2, ...
 */
#pragma once

#include <initializer_list>
#include <memory>
#include <vector>

#include "core/fencing.h"
#include "core/handshake.h"
#include "core/promote.h"
#include "core/quorum.h"
#include "core/state.h"
#include "core/twopc.h"
#include "core/uuid.h"

class Model {
public:
	explicit Model(unsigned connections = 1, unsigned volumes = 1)
		: conns_(connections), devs_(volumes), pds_(volumes), own_(volumes), peers_(volumes)
	{
		r.nr_connections = connections;
		r.nr_devices = volumes;
		r.conn = conns_.data();
		r.dev = devs_.data();
		both(r.role, R_SECONDARY);
		r.members[0] = r.members[1] = 1;
		r.on_no_quorum = ONQ_SUSPEND_IO;
		for (unsigned c = 0; c < connections; c++) {
			auto &k = conns_[c];

			k.peer_node_id = static_cast<u8>(c + 1);
			k.protocol_version = 124;
			k.wire_protocol = DRBD_PROT_C;
			k.allow_remote_read = 1;
			k.has_verify_alg = 1;
		}
		for (unsigned d = 0; d < volumes; d++) {
			auto &v = devs_[d];

			pds_[d].resize(connections);
			peers_[d].resize(connections);
			v.vnr = static_cast<s32>(d);
			v.pd = pds_[d].data();
			v.uuids = &own_[d];
			both(v.quorum, 1);
			both(v.quorum_tracked, 1);
			own_[d].cur = 0x1000;
			own_[d].max_peers = 31;
			for (unsigned c = 0; c < connections; c++) {
				auto &p = pds_[d][c];

				both(p.repl_state, L_OFF);
				both(p.disk_state, D_UNKNOWN);
				both(p.replication, 1);
				both(p.peer_replication, 1);
				p.flags = CORE_PD_BITMAP;
				p.uuids = &peers_[d][c];
				v.md_peer_flags[c + 1] = DRBD_MDF_HAVE_BITMAP;
				own_[d].slot_mask |= 1u << (c + 1);
			}
		}
	}
	Model(const Model &) = delete;

	static void both(u8 (&f)[2], unsigned v) { f[0] = f[1] = static_cast<u8>(v); }

	core_device &dev(unsigned d = 0) { return devs_[d]; }
	core_connection &conn(unsigned c = 0) { return conns_[c]; }
	core_peer_device &pd(unsigned c = 0, unsigned d = 0) { return pds_[d][c]; }
	drbd_uuid_set &own(unsigned d = 0) { return own_[d]; }
	drbd_peer_uuids &peer(unsigned c = 0, unsigned d = 0) { return peers_[d][c]; }

	Model &role(unsigned v) { both(r.role, v); return *this; }
	Model &disk(unsigned v, unsigned d = 0) { both(devs_[d].disk_state, v); return *this; }

	/* Connection @c up with the same UUIDs and a stable peer. */
	Model &connected(unsigned c = 0, unsigned peer_role = R_SECONDARY,
			 unsigned pdsk = D_UP_TO_DATE, unsigned repl = L_ESTABLISHED)
	{
		both(conns_[c].cstate, C_CONNECTED);
		both(conns_[c].peer_role, peer_role);
		r.members[0] |= 1ull << (c + 1);
		r.members[1] |= 1ull << (c + 1);
		for (unsigned d = 0; d < r.nr_devices; d++) {
			auto &p = pds_[d][c];

			both(p.repl_state, repl);
			both(p.disk_state, pdsk);
			p.flags |= CORE_PD_UUIDS_RECEIVED | CORE_PD_PEER_QUORATE;
			peers_[d][c].received = true;
			peers_[d][c].cur = own_[d].cur;
			peers_[d][c].flags = DRBD_UUID_F_STABLE;
		}
		return *this;
	}

	void begin() { drbd_state_begin(&r); }
	int check(unsigned flags = 0)
	{
		why = {};
		return drbd_state_check(&r, flags, &why);
	}
	/* check, owed: the actions and NEW values stay to be looked at */
	int commit(unsigned flags = 0)
	{
		int rv = check(flags);

		if (rv >= SS_SUCCESS && rv != SS_NOTHING_TO_DO)
			drbd_state_owed(&r, flags);
		return rv;
	}
	void publish() { drbd_state_publish(&r); }

	core_resource r{};
	core_refusal why{};

private:
	std::vector<core_connection> conns_;
	std::vector<core_device> devs_;
	std::vector<std::vector<core_peer_device>> pds_;
	std::vector<drbd_uuid_set> own_;
	std::vector<std::vector<drbd_peer_uuids>> peers_;
};

/* New value of a state variable. */
#define NEW(x) ((x)[DRBD_NEW])
