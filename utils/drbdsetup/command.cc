// SPDX-License-Identifier: GPL-2.0-only
#define DRBD_GENL_OP_TABLE
#include "command.h"

#include <algorithm>

namespace drbdsetup {

namespace {

const drbd_genl_op &op_entry(unsigned int op)
{
	return *std::ranges::find_if(drbd_genl_ops, [op](const auto &o) { return o.nr == op; });
}

using A = OwnArgument;

const OwnArgument attach_arguments[] = {
	{"lower_dev", A::block_device, T_backing_dev},
	{"meta_data_dev", A::block_device, T_meta_dev},
	{"meta_data_index", A::meta_index, T_meta_dev_idx},
};
const OwnArgument path_arguments[] = {
	{"local-addr", A::address, T_my_addr},
	{"remote-addr", A::address, T_peer_addr},
};
const OwnArgument new_resource_arguments[] = {{"node_id", A::number, T_node_id}};
const OwnArgument forget_peer_arguments[] = {{"peer_node_id", A::number, T_forget_peer_node_id}};
const OwnArgument rename_arguments[] = {{"new_name", A::text, T_new_resource_name}};

using P = PlainOption;

const PlainOption show_options[] = {
	{"show-defaults", 'D', P::nothing},
	{"json", 'j', P::nothing},
};
const PlainOption status_options[] = {
	{"verbose", 'v', P::nothing},
	{"statistics", 's', P::nothing},
	{"color", 'c', P::optional_value},
	{"json", 'j', P::nothing},
};
const PlainOption events_options[] = {
	{"timestamps", 'T', P::nothing},
	{"statistics", 's', P::nothing},
	{"now", 'n', P::nothing},
	{"poll", 'p', P::nothing},
	{"full", 'f', P::nothing},
	{"color", 'c', P::optional_value},
	{"diff", 'i', P::optional_value},
	{"rcvbuf", 0, P::value, false},
};
const PlainOption wait_options[] = {
	{"wfc-timeout", 't', P::value},
	{"degr-wfc-timeout", 'd', P::value},
	{"outdated-wfc-timeout", 'o', P::value},
	{"wait-after-sb", 'w', P::optional_value},
};

constexpr unsigned int res = ctx_resource;
constexpr unsigned int res_or_all = ctx_resource | ctx_all;
constexpr unsigned int peer = ctx_resource | ctx_peer;
constexpr unsigned int pdev = ctx_resource | ctx_peer | ctx_volume;
constexpr unsigned int minor_only = ctx_minor;

const Command table[] = {
	{"primary", "Change the role of a node in a resource to primary.", res,
	 DRBD_CMD_PRIMARY, run_config, 0, {}, {}, "overwrite-data-of-peer", "force"},
	{"secondary", "Change the role of a node in a resource to secondary.", res,
	 DRBD_CMD_SECONDARY, run_config, silent_without_module},
	{"attach", "Attach a lower-level device to an existing replicated device.", minor_only,
	 DRBD_CMD_ATTACH, run_config, locks_minor, attach_arguments},
	{"disk-options", "Change the disk options of an attached lower-level device.", minor_only,
	 DRBD_CMD_CHG_DISK_OPTS, run_config, locks_minor},
	{"detach", "Detach the lower-level device of a replicated device.", minor_only,
	 DRBD_CMD_DETACH, run_config, locks_minor | silent_without_module},
	{"connect", "Attempt to (re)establish a replication link to a peer host.", peer,
	 DRBD_CMD_CONNECT, run_config, 0, {}, {}, "dry-run", "tentative"},
	{"new-peer", "Make a peer host known to a resource.", peer,
	 DRBD_CMD_NEW_PEER, run_config},
	{"del-peer", "Remove a connection to a peer host.", peer,
	 DRBD_CMD_DEL_PEER, run_config},
	{"new-path", "Add a path (endpoint address pair) where a peer host should be reachable.",
	 peer, DRBD_CMD_NEW_PATH, run_config, 0, path_arguments},
	{"del-path", "Remove a path (endpoint address pair) from a connection to a peer host.",
	 peer, DRBD_CMD_DEL_PATH, run_config, 0, path_arguments},
	{"net-options", "Change the network options of a connection.", peer,
	 DRBD_CMD_CHG_NET_OPTS, run_config},
	{"disconnect", "Unconnect from a peer host.", peer,
	 DRBD_CMD_DISCONNECT, run_config, silent_without_module},
	{"resize", "Reexamine the lower-level device sizes to resize a replicated device.",
	 minor_only, DRBD_CMD_RESIZE, run_config, locks_minor},
	{"resource-options", "Change the resource options of an existing resource.", res,
	 DRBD_CMD_RESOURCE_OPTS, run_config},
	{"peer-device-options", "Change peer-device options.", pdev,
	 DRBD_CMD_CHG_PEER_DEVICE_OPTS, run_config},
	{"new-current-uuid", "Generate a new current UUID.", minor_only,
	 DRBD_CMD_NEW_C_UUID, run_config, locks_minor},
	{"invalidate", "Replace the local data of a volume with that of a peer.", minor_only,
	 DRBD_CMD_INVALIDATE, run_config, locks_minor},
	{"invalidate-remote", "Replace a peer's data of a volume with the local data.", pdev,
	 DRBD_CMD_INVAL_PEER, run_config},
	{"pause-sync", "Stop resynchronizing between a local and a peer device.", pdev,
	 DRBD_CMD_PAUSE_SYNC, run_config},
	{"resume-sync", "Allow resynchronization to resume on a replicated device.", pdev,
	 DRBD_CMD_RESUME_SYNC, run_config},
	{"suspend-io", "Suspend I/O on a replicated device.", minor_only,
	 DRBD_CMD_SUSPEND_IO, run_config, locks_minor},
	{"resume-io", "Resume I/O on a replicated device.", minor_only,
	 DRBD_CMD_RESUME_IO, run_config, locks_minor},
	{"outdate", "Mark the data on a lower-level device as outdated.", minor_only,
	 DRBD_CMD_OUTDATE, run_config, locks_minor},
	{"verify", "Verify the data on a lower-level device against a peer device.", pdev,
	 DRBD_CMD_START_OV, run_config},
	{"down", "Take a resource down.", res_or_all, 0, run_down, tolerates_surplus | silent_without_module},
	{"role", "Show the current role of a resource.", res, 0, run_role, tolerates_surplus},
	{"cstate", "Show the current state of a connection.", peer, 0, run_cstate, tolerates_surplus},
	{"dstate", "Show the current disk state of a lower-level device.", minor_only, 0, run_dstate, tolerates_surplus},
	{"show-gi", "Show the data generation identifiers for a device on a particular connection, "
	 "with explanations.", pdev, 0, run_show_gi, tolerates_surplus},
	{"get-gi", "Show the data generation identifiers for a device on a particular connection.",
	 pdev, 0, run_get_gi, tolerates_surplus},
	{"show", "Show the current configuration of a resource, or of all resources.", res_or_all, 0,
	 run_show, tolerates_surplus, {}, show_options},
	{"status", "Show the state of a resource, or of all resources.", res_or_all, 0, run_status, tolerates_surplus,
	 {}, status_options},
	{"check-resize", "Remember the current size of a lower-level device.", minor_only, 0,
	 run_check_resize, tolerates_surplus},
	{"events2", "Show the current state and all state changes of a resource, or of all "
	 "resources.", res_or_all, 0, run_events2, 0, {}, events_options},
	{"wait-sync-volume", "Wait until resync finished on a volume.", pdev, 0, run_wait, 0,
	 {}, wait_options},
	{"wait-sync-connection", "Wait until resync finished on all volumes of a connection.", peer,
	 0, run_wait, 0, {}, wait_options},
	{"wait-sync-resource", "Wait until resync finished on all volumes.", res, 0, run_wait, 0,
	 {}, wait_options},
	{"wait-connect-volume", "Wait until a device on a peer is visible.", pdev, 0, run_wait, 0,
	 {}, wait_options},
	{"wait-connect-connection", "Wait until all peer volumes of connection are visible.", peer,
	 0, run_wait, 0, {}, wait_options},
	{"wait-connect-resource", "Wait until all connections are establised.", res, 0, run_wait, 0,
	 {}, wait_options},
	{"new-resource", "Create a new resource.", res, DRBD_CMD_NEW_RESOURCE, run_config, 0,
	 new_resource_arguments},
	{"new-minor", "Create a new replicated device within a resource.",
	 ctx_resource | ctx_minor | ctx_volume, DRBD_CMD_NEW_MINOR, run_new_minor, locks_minor},
	{"del-minor", "Remove a replicated device.", minor_only, DRBD_CMD_DEL_MINOR, run_del_minor, locks_minor},
	{"del-resource", "Remove a resource.", res, DRBD_CMD_DEL_RESOURCE, run_del_resource},
	{"forget-peer", "Completely remove any reference to a unconnected peer from meta-data.", res,
	 DRBD_CMD_FORGET_PEER, run_config, 0, forget_peer_arguments},
	{"rename-resource", "Rename a resource.", res, DRBD_CMD_RENAME_RESOURCE, run_config, 0,
	 rename_arguments},
};

/* Not in the list that help prints: newer than the tools we stand in for. */
const Command newer[] = {
	{"peer-role", "Show the current role of a peer.", peer, 0, run_peer_role, tolerates_surplus},
	{"udev", "Show the names for udev to link to a device.", minor_only, 0, run_udev, tolerates_surplus},
};

} // namespace

std::span<const Command> commands() { return table; }

const Command *find_command(std::string_view name)
{
	for (const auto &command : table)
		if (name == command.name)
			return &command;
	for (const auto &command : newer)
		if (name == command.name)
			return &command;
	return nullptr;
}

unsigned int Command::nest() const
{
	return op ? op_entry(op).nest : 0;
}

bool Command::has_set_defaults() const
{
	return op && op_entry(op).parse == DRBD_PARSE_change;
}

std::vector<drbd::Option> Command::options() const
{
	std::vector<drbd::Option> list;

	if (!nest())
		return list;
	for (const auto &field : drbd::nest_fields(nest())) {
		drbd::Option option(field);
		if (option.kind() == drbd::Kind::none)
			continue;
		if (has_set_defaults() && option.creation_only())
			continue;
		list.push_back(option);
	}
	return list;
}

unsigned int Invocation::count(std::string_view name) const
{
	return static_cast<unsigned int>(std::ranges::count_if(given, [&](const auto &g) {
		return g.plain && name == g.plain->name;
	}));
}

const std::optional<std::string> *Invocation::value(std::string_view name) const
{
	const std::optional<std::string> *last = nullptr;

	for (const auto &g : given)
		if (g.plain && name == g.plain->name)
			last = &g.value;
	return last;
}

} // namespace drbdsetup
