// SPDX-License-Identifier: GPL-2.0-only
/* The small read-only commands (drbdsetup.md 6). */
#include "command.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include <linux/drbd.h>
#include "model.h"
#include "statistics.h"

namespace drbdsetup {

namespace {

[[noreturn]] void not_found(const Invocation &inv, const char *what)
{
	throw Error(10, inv.object_name + ": " + what);
}

Connection find_connection(Invocation &inv)
{
	std::optional<Connection> found;

	try {
		inv.socket->dump(DRBD_CMD_GET_CONNECTIONS, inv.resource, [&](const Message &message) {
			ObjectContext ctx(message);
			if (ctx.resource() != *inv.resource ||
			    ctx.v.ctx_peer_node_id != *inv.peer_node_id)
				return;
			found.emplace();
			found->read(message);
		});
	} catch (const drbd::genl::DumpRefused &refused) {
		/* What the kernel says comes first, then what that means here. */
		report_result(inv.object_name, refused.result);
	}
	if (!found)
		not_found(inv, "No such connection");
	return *found;
}

struct NamedDevice {
	std::string resource;
	Device device;
};

NamedDevice find_device(Invocation &inv)
{
	std::optional<NamedDevice> found;

	inv.socket->dump(DRBD_CMD_GET_DEVICES, {}, [&](const Message &message) {
		if (message.minor() != *inv.minor)
			return;
		ObjectContext ctx(message);
		found.emplace();
		found->resource = ctx.resource();
		found->device.volume = ctx.v.ctx_volume;
		found->device.read(message);
	});
	if (!found)
		not_found(inv, "No such device");
	return *found;
}

/* The generation identifiers and flags in the form that get-gi prints. */
std::string generation_line(const Device &d, const PeerDevice &p)
{
	static const uint32_t device_flags[] = {0x1, 0x10, 0x2, 0x40, 0x80, 0x100, 0x200};
	static const uint32_t peer_flags[] = {0x1, 0x2, 0x4, 0x8, 0x10};
	const auto &ds = d.statistics.v;
	const auto &ps = p.statistics.v;
	uint64_t history[2] = {};

	memcpy(history, ds.history_uuids,
	       std::min<size_t>(ds.history_uuids_len, sizeof(history)));
	std::string line = format("%016" PRIX64 ":%016" PRIX64 ":%016" PRIX64 ":%016" PRIX64,
				  static_cast<uint64_t>(ds.dev_current_uuid),
				  static_cast<uint64_t>(ps.peer_dev_bitmap_uuid),
				  history[0], history[1]);
	for (uint32_t bit : device_flags)
		line += ds.dev_disk_flags & bit ? ":1" : ":0";
	for (uint32_t bit : peer_flags)
		line += ps.peer_dev_flags & bit ? ":1" : ":0";
	return line;
}

std::string find_generation_line(Invocation &inv)
{
	std::optional<PeerDevice> peer_device;
	std::optional<Device> device;

	inv.socket->dump(DRBD_CMD_GET_PEER_DEVICES, {}, [&](const Message &message) {
		ObjectContext ctx(message);
		if (ctx.resource() != *inv.resource ||
		    ctx.v.ctx_peer_node_id != *inv.peer_node_id || ctx.v.ctx_volume != *inv.volume)
			return;
		peer_device.emplace();
		peer_device->read(message);
	});
	if (!peer_device)
		not_found(inv, "No such peer device");
	inv.socket->dump(DRBD_CMD_GET_DEVICES, inv.resource, [&](const Message &message) {
		if (ObjectContext(message).v.ctx_volume != *inv.volume)
			return;
		device.emplace();
		device->read(message);
	});
	if (!device)
		not_found(inv, "No such peer device");
	if (device->info.v.dev_disk_state == D_DISKLESS)
		throw Error(1, peer_device->info.v.peer_repl_state == L_OFF ?
			    "Device is unconfigured" : "Device has no disk");
	return generation_line(*device, *peer_device);
}

} // namespace

int run_role(Invocation &inv)
{
	std::optional<unsigned int> role;

	inv.socket->dump(DRBD_CMD_GET_RESOURCES, {}, [&](const Message &message) {
		if (ObjectContext(message).resource() != *inv.resource)
			return;
		Resource resource;
		resource.read(message);
		role = resource.info.v.res_role;
	});
	if (!role)
		not_found(inv, "Unknown resource");
	std::cout << drbd::role_name(*role) << '\n';
	return 0;
}

int run_cstate(Invocation &inv)
{
	std::cout << drbd::conn_name(find_connection(inv).info.v.conn_connection_state) << '\n';
	return 0;
}

int run_peer_role(Invocation &inv)
{
	std::cout << drbd::role_name(find_connection(inv).info.v.conn_role) << '\n';
	return 0;
}

int run_dstate(Invocation &inv)
{
	NamedDevice found = find_device(inv);

	std::string line(drbd::disk_name(found.device.info.v.dev_disk_state));
	inv.socket->dump(DRBD_CMD_GET_PEER_DEVICES, found.resource, [&](const Message &message) {
		if (ObjectContext(message).v.ctx_volume != found.device.volume)
			return;
		PeerDevice peer_device;
		peer_device.read(message);
		line += "/";
		line += drbd::disk_name(peer_device.info.v.peer_disk_state);
	});
	std::cout << line << '\n';
	return 0;
}

int run_get_gi(Invocation &inv)
{
	std::cout << find_generation_line(inv) << '\n';
	return 0;
}

int run_show_gi(Invocation &inv)
{
	struct Legend {
		unsigned int column;
		const char *text;
	};
	/* What stands above the identifiers, outermost first, and below the flags. */
	static const Legend above[] = {
		{7, "+--<  Current data generation UUID  >-"},
		{23, "+--<  Bitmap's base data generation UUID  >-"},
		{41, "+--<  younger history UUID  >-"},
		{51, "+-<  older history  >-"},
	};
	static const char *const below[] = {
		"-<  Data consistency flag  >--+",
		"-<  Data was/is currently up-to-date  >--+",
		"-<  Node was/is currently primary  >--+",
		"-<  This node was a crashed primary, and has not seen its peer since  >--+",
		"-<  The activity-log was applied, the disk can be attached  >--+",
		"-<  The activity-log was disabled, peer is completely out of sync  >--+",
		"-<  This node was primary when it lost quorum  >--+",
		"-<  Node was/is currently connected  >--+",
		"-<  The peer's disk was out-dated or inconsistent  >--+",
		"-<   A fence policy other the dont-care was used  >--+",
		"-<  Node was in the progress of marking all blocks as out of sync  >--+",
		"-<  At least once we saw this node with a backing device attached >--+",
	};
	constexpr size_t first_flag = 4 * 17, flags = std::size(below);
	std::string line = find_generation_line(inv);

	std::cout << '\n';
	for (size_t i = 0; i < std::size(above); i++) {
		std::string text;
		for (size_t j = 0; j < i; j++) {
			text.resize(above[j].column, ' ');
			text += '|';
		}
		text.resize(above[i].column, ' ');
		std::cout << text << above[i].text << '\n';
	}
	std::string arrows;
	for (const auto &legend : above) {
		arrows.resize(legend.column, ' ');
		arrows += 'V';
	}
	std::cout << arrows << '\n' << line << '\n';

	std::string carets(first_flag, ' ');
	for (size_t i = 0; i < flags; i++)
		carets += i + 1 < flags ? "^ " : "^";
	std::cout << carets << '\n';
	for (size_t i = 0; i < flags; i++) {
		std::string text(first_flag + 2 * i + 1 - strlen(below[i]), ' ');
		text += below[i];
		for (size_t j = i + 1; j < flags; j++)
			text += " |";
		std::cout << text << '\n';
	}
	std::cout << '\n';
	return 0;
}

int run_check_resize(Invocation &inv)
{
	Device device = find_device(inv).device;
	std::string path = "/var/lib/drbd/drbd-minor-" + std::to_string(*inv.minor) + ".lkbd";
	int index = device.disk.v.meta_dev_idx;

	if (!device.attached)
		return 0;
	/* Only internal metadata moves when the device grows. */
	if (index >= 0 || index == -2) {
		if (unlink(path.c_str()) < 0 && errno != ENOENT)
			std::cerr << "unlink(" << path << "): " << strerror(errno) << '\n';
		return 0;
	}

	std::string name = device.disk.v.backing_dev;
	int fd = open(name.c_str(), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		throw Error(1, "Could not open " + name + ": " + strerror(errno));
	uint64_t size = 0;
	int err = ioctl(fd, BLKGETSIZE64, &size) < 0 ? errno : 0;
	close(fd);
	if (err)
		throw Error(1, "Could not get the size of " + name + ": " + strerror(err));

	std::string wanted = std::to_string(size) + "\t" + name;
	std::string line;
	std::ifstream old(path);
	if (std::getline(old, line) && line == wanted)
		return 0;
	old.close();
	std::ofstream file(path, std::ios::trunc);
	file << wanted << '\n';
	if (!file.flush())
		throw Error(1, "Could not write " + path + ": " + strerror(errno));
	return 0;
}

int run_udev(Invocation &inv)
{
	NamedDevice found = find_device(inv);

	std::cout << "DEVICE=drbd" << *inv.minor << "\nSYMLINK_BY_RES=drbd/by-res/"
		  << found.resource << '/' << found.device.volume << '\n';
	std::string backing = found.device.attached ? found.device.disk.v.backing_dev : "";
	if (!backing.empty()) {
		if (backing.starts_with("/dev/"))
			backing.erase(0, 5);
		std::cout << "SYMLINK_BY_DISK=drbd/by-disk/" << backing << '\n';
	}
	return 0;
}

} // namespace drbdsetup
