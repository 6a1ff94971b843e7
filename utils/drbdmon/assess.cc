// SPDX-License-Identifier: GPL-2.0-only
#include "assess.h"

#include <algorithm>

#include <linux/drbd.h>

namespace drbd::mon {

namespace {

// Amounts are formatted by the view; here they are only compared with 0.

class Assessor {
public:
	explicit Assessor(const Resource &r) : r(r) {}

	std::vector<Problem> run()
	{
		resource();
		for (const auto &[volume, d] : r.devices)
			device(volume, d);
		for (const auto &[id, c] : r.connections)
			connection(id, c);
		std::stable_sort(problems.begin(), problems.end(),
				 [](const Problem &a, const Problem &b) { return a.severity > b.severity; });
		return std::move(problems);
	}

private:
	void add(Severity severity, int peer, int volume, std::string text)
	{
		problems.push_back({severity, peer, volume, std::move(text)});
	}

	void resource()
	{
		if (r.suspended != "no")
			add(Severity::alarm, -1, -1, "I/O is suspended: " + r.suspended);
		if (r.force_io_failures)
			add(Severity::alarm, -1, -1, "all I/O is failed on purpose");
		for (const auto &h : r.helpers)
			if (!h.status)
				add(Severity::busy, -1, -1, "handler " + h.name + " is running");
	}

	// Is a resync into this volume of ours running, or waiting for its turn?
	bool is_target(unsigned int volume) const
	{
		for (const auto &[id, c] : r.connections) {
			auto pd = c.peer_devices.find(volume);
			if (pd != c.peer_devices.end() &&
			    (pd->second.replication.is(L_SYNC_TARGET) ||
			     pd->second.replication.is(L_PAUSED_SYNC_T) ||
			     pd->second.replication.is(L_WF_BITMAP_T) ||
			     pd->second.replication.is(L_WF_SYNC_UUID)))
				return true;
		}
		return false;
	}

	void device(unsigned int volume, const Device &d)
	{
		bool good = r.has_good_data(volume);

		if (!d.quorum)
			add(Severity::alarm, -1, volume, "no quorum");
		if (r.role.is(R_PRIMARY) && !good)
			add(Severity::alarm, -1, volume, "no up-to-date data in reach");
		switch (d.disk.nr.value_or(D_UNKNOWN)) {
		case D_UP_TO_DATE:
			break;
		case D_FAILED:
			add(Severity::alarm, -1, volume, "the disk failed");
			break;
		case D_DISKLESS:
			if (!d.client)
				add(Severity::warning, -1, volume, "no disk attached");
			break;
		case D_INCONSISTENT:
			if (is_target(volume))
				add(Severity::busy, -1, volume, "Inconsistent, resync is on its way");
			else
				add(Severity::warning, -1, volume, "Inconsistent, and no resync runs");
			break;
		case D_OUTDATED:
			add(Severity::warning, -1, volume, "Outdated");
			break;
		default:
			add(Severity::busy, -1, volume, "disk is " + d.disk.text);
			break;
		}
	}

	void connection(unsigned int id, const Connection &c)
	{
		switch (c.state.nr.value_or(C_CONNECTED)) {
		case C_STANDALONE:
			add(Severity::warning, id, -1, "StandAlone: no attempt to connect");
			return;
		case C_CONNECTING:
			add(Severity::warning, id, -1, "Connecting: peer not reached");
			return;
		case C_CONNECTED:
			break;
		default:
			add(Severity::warning, id, -1, c.state.text);
			return;
		}
		if (c.congested)
			add(Severity::busy, id, -1, "congested");
		for (const auto &[volume, pd] : c.peer_devices)
			peer_device(id, volume, pd);
	}

	void peer_device(unsigned int id, unsigned int volume, const PeerDevice &pd)
	{
		unsigned int repl = pd.replication.nr.value_or(L_ESTABLISHED);

		if (repl == L_PAUSED_SYNC_S || repl == L_PAUSED_SYNC_T) {
			// Another resync goes first: its turn will come.
			bool waits = pd.resync_suspended.find("user") == std::string::npos &&
				     pd.resync_suspended.find("peer") == std::string::npos;
			add(waits ? Severity::busy : Severity::warning, id, volume,
			    "resync paused: " + pd.resync_suspended);
			return;
		}
		if (pd.stalled) {
			add(Severity::warning, id, volume, pd.replication.text + " makes no progress");
			return;
		}
		if (repl == L_OFF) {
			add(Severity::warning, id, volume, "not replicated, peer lacks the volume");
			return;
		}
		if (repl != L_ESTABLISHED) {
			add(Severity::busy, id, volume, pd.replication.text);
			return;
		}
		switch (pd.disk.nr.value_or(D_UNKNOWN)) {
		case D_UP_TO_DATE:
			if (pd.out_of_sync)
				add(Severity::warning, id, volume, "blocks differ, and no resync runs");
			break;
		case D_DISKLESS:
			if (!pd.client)
				add(Severity::warning, id, volume, "peer has no disk attached");
			break;
		case D_INCONSISTENT:
		case D_OUTDATED:
		case D_FAILED:
			add(Severity::warning, id, volume, "peer is " + pd.disk.text);
			break;
		default:
			break;
		}
	}

	const Resource &r;
	std::vector<Problem> problems;
};

}  // namespace

std::vector<Problem> assess(const Resource &r)
{
	return Assessor(r).run();
}

Severity worst(const std::vector<Problem> &problems)
{
	return problems.empty() ? Severity::fine : problems.front().severity;
}

std::string full_text(const Resource &r, const Problem &p)
{
	std::string where;

	if (p.peer >= 0) {
		auto c = r.connections.find(p.peer);
		where = c != r.connections.end() ? c->second.name : std::to_string(p.peer);
	}
	if (p.volume >= 0)
		where += (where.empty() ? "volume " : " volume ") + std::to_string(p.volume);
	return where.empty() ? p.text : where + ": " + p.text;
}

}  // namespace drbd::mon
