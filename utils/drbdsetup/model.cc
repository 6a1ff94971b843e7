// SPDX-License-Identifier: GPL-2.0-only
#include "model.h"

#include <algorithm>

#include <linux/drbd.h>

namespace drbdsetup {

void Resource::read(const Message &message)
{
	info.read(message, DRBD_NLA_resource_info);
	if (!message.has(DRBD_NLA_resource_statistics))
		statistics.unknown();
	statistics.read(message, DRBD_NLA_resource_statistics);
	opts.read(message, DRBD_NLA_res_opts);
}

void Device::read(const Message &message)
{
	minor = message.minor();
	info.v.is_intentional_diskless = flag_unknown;
	info.v.dev_is_open = flag_unknown;
	info.read(message, DRBD_NLA_device_info);
	if (!message.has(DRBD_NLA_device_statistics))
		statistics.unknown();
	statistics.read(message, DRBD_NLA_device_statistics);
	attached = disk.read(message, DRBD_NLA_disk_conf);
	conf.read(message, DRBD_NLA_device_conf);
}

std::string Device::backing_dev() const
{
	return info.v.backing_dev_path[0] ? info.v.backing_dev_path : "none";
}

void Connection::read(const Message &message)
{
	info.read(message, DRBD_NLA_connection_info);
	if (!message.has(DRBD_NLA_connection_statistics))
		statistics.unknown();
	statistics.read(message, DRBD_NLA_connection_statistics);
	conf.read(message, DRBD_NLA_net_conf);
	path_list = message.path_list();
}

void PeerDevice::read(const Message &message)
{
	info.v.peer_is_intentional_diskless = flag_unknown;
	info.read(message, DRBD_NLA_peer_device_info);
	if (!message.has(DRBD_NLA_peer_device_statistics))
		statistics.unknown();
	statistics.read(message, DRBD_NLA_peer_device_statistics);
	conf.read(message, DRBD_NLA_peer_device_conf);
}

std::list<Resource> dump_resources(drbd::genl::Socket &socket)
{
	std::list<Resource> resources;

	socket.dump(DRBD_CMD_GET_RESOURCES, {}, [&](const Message &message) {
		auto &resource = resources.emplace_back();
		resource.name = ObjectContext(message).resource();
		resource.read(message);
	});
	return resources;
}

void dump_contents(drbd::genl::Socket &socket, Resource &resource)
{
	auto of_resource = [&](const Message &message) {
		return ObjectContext(message).resource() == resource.name;
	};

	try {
		socket.dump(DRBD_CMD_GET_DEVICES, resource.name, [&](const Message &message) {
			if (!of_resource(message))
				return;
			auto &device = resource.devices.emplace_back();
			device.volume = ObjectContext(message).v.ctx_volume;
			device.read(message);
		});
		socket.dump(DRBD_CMD_GET_CONNECTIONS, resource.name, [&](const Message &message) {
			if (!of_resource(message))
				return;
			ObjectContext ctx(message);
			auto &connection = resource.connections.emplace_back();
			connection.name = ctx.connection();
			connection.peer_node_id = ctx.v.ctx_peer_node_id;
			connection.read(message);
		});
		if (resource.devices.empty() || resource.connections.empty())
			return;
		socket.dump(DRBD_CMD_GET_PEER_DEVICES, resource.name, [&](const Message &message) {
			if (!of_resource(message))
				return;
			ObjectContext ctx(message);
			for (auto &connection : resource.connections) {
				if (connection.peer_node_id != ctx.v.ctx_peer_node_id)
					continue;
				auto &peer_device = connection.peer_devices.emplace_back();
				peer_device.volume = ctx.v.ctx_volume;
				peer_device.read(message);
				break;
			}
		});
	} catch (const drbd::genl::DumpRefused &refused) {
		if (refused.result.ret_code != ERR_RES_NOT_KNOWN)
			throw;
	}
}

/* ------------------------------------------------------------ derived values */

bool is_known(uint64_t value)
{
	return value != UINT64_MAX;
}

namespace {

void add_reason(std::string &list, bool present, const char *name)
{
	if (!present)
		return;
	if (!list.empty())
		list += ',';
	list += name;
}

} // namespace

std::string suspended_text(const resource_info &info)
{
	std::string list;

	add_reason(list, info.res_susp, "user");
	add_reason(list, info.res_susp_nod, "no-data");
	add_reason(list, info.res_susp_fen, "fencing");
	add_reason(list, info.res_susp_quorum, "quorum");
	return list.empty() ? "no" : list;
}

std::string resync_suspended_text(const peer_device_info &info)
{
	std::string list;

	add_reason(list, info.peer_resync_susp_user, "user");
	add_reason(list, info.peer_resync_susp_peer, "peer");
	add_reason(list, info.peer_resync_susp_dependency, "dependency");
	add_reason(list, info.peer_resync_susp_max_parallel, "max-parallel");
	return list.empty() ? "no" : list;
}

const char *yes_no_unknown(uint8_t flag)
{
	return flag == flag_unknown ? "unknown" : flag ? "yes" : "no";
}

Progress progress(const PeerDevice &peer_device, uint64_t dev_size)
{
	const auto &s = peer_device.statistics.v;
	Progress p;

	p.details = s.peer_dev_rs_total != 0 && is_known(s.peer_dev_rs_total);
	if (!p.details) {
		unsigned int repl = peer_device.info.v.peer_repl_state;
		bool syncing = repl == L_SYNC_SOURCE || repl == L_SYNC_TARGET ||
			       repl == L_PAUSED_SYNC_S || repl == L_PAUSED_SYNC_T;

		if (syncing && !is_known(s.peer_dev_rs_total) && dev_size) {
			p.has_done = true;
			p.done = 100.0 * (1 - static_cast<double>(s.peer_dev_out_of_sync) /
					  static_cast<double>(dev_size));
		}
		return p;
	}

	p.verify = s.peer_dev_ov_left != 0;
	if (p.verify)
		p.to_go = s.peer_dev_ov_left;
	else
		p.to_go = s.peer_dev_out_of_sync - std::min(s.peer_dev_out_of_sync,
							    s.peer_dev_resync_failed);

	uint64_t finished = s.peer_dev_rs_total - std::min<uint64_t>(s.peer_dev_rs_total, p.to_go);
	p.has_done = true;
	p.done = 100.0 * static_cast<double>(finished) / static_cast<double>(s.peer_dev_rs_total);

	auto rate = [](double sectors, double ms) {
		return sectors / (ms ? ms : 1) * 1000 / 2048;
	};
	auto db0 = static_cast<int64_t>(s.peer_dev_rs_db0_sectors);
	auto db1 = static_cast<int64_t>(s.peer_dev_rs_db1_sectors);
	auto elapsed = static_cast<int64_t>(s.peer_dev_rs_dt_start_ms - s.peer_dev_rs_paused_ms);
	p.rate = rate(static_cast<double>(finished), static_cast<double>(elapsed));
	p.rate0 = rate(static_cast<double>(db0), static_cast<double>(s.peer_dev_rs_dt0_ms));
	p.rate1 = rate(static_cast<double>(db1), static_cast<double>(s.peer_dev_rs_dt1_ms));
	if (db1 > 0) {
		p.has_eta = true;
		p.eta = static_cast<double>(s.peer_dev_rs_dt1_ms) / 1000 *
			static_cast<double>(p.to_go) / static_cast<double>(db1);
	}
	return p;
}

} // namespace drbdsetup
