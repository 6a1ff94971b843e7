/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel says there is, as values: resources with their devices,
 * connections, peer devices and paths.  Filled from dumps (status, show, ...) or
 * from notifications (events2).
 */
#ifndef DRBDSETUP_MODEL_H
#define DRBDSETUP_MODEL_H

#include <cstdint>
#include <cstring>
#include <list>
#include <string>
#include <vector>

#include "common/genl.h"

namespace drbdsetup {

using drbd::genl::Message;

/*
 * A nest and which of its members the kernel sent (bit per attribute number).
 * Members that it did not send are 0, or for the statistics all ones, which
 * means unknown; the flags that older kernels do not send are 3.
 */
template <class T> struct Nest {
	T v;
	uint64_t given = 0;

	Nest() { memset(&v, 0, sizeof(v)); }
	void unknown() { memset(&v, 0xff, sizeof(v)); }
	bool read(const Message &message, unsigned int tla)
	{
		given = message.get(tla, v);
		return message.has(tla);
	}
	bool has(unsigned int attr) const { return given >> attr & 1; }
	bool operator==(const Nest &other) const { return memcmp(&v, &other.v, sizeof(v)) == 0; }
};

constexpr uint8_t flag_unknown = 3;

struct ObjectContext : Nest<cfg_context> {
	explicit ObjectContext(const Message &message) { read(message, DRBD_NLA_cfg_context); }
	std::string resource() const { return v.ctx_resource_name; }
	std::string connection() const { return v.ctx_conn_name; }
	std::string my_addr() const
	{
		return {reinterpret_cast<const char *>(v.ctx_my_addr), v.ctx_my_addr_len};
	}
	std::string peer_addr() const
	{
		return {reinterpret_cast<const char *>(v.ctx_peer_addr), v.ctx_peer_addr_len};
	}
};

struct PeerDevice {
	unsigned int volume = 0;
	Nest<peer_device_info> info;
	Nest<peer_device_statistics> statistics;
	Nest<peer_device_conf> conf;

	void read(const Message &message);
};

struct Path {
	std::string my_addr;
	std::string peer_addr;
	bool established = false;
};

struct Connection {
	std::string name;
	unsigned int peer_node_id = 0;
	Nest<connection_info> info;
	Nest<connection_statistics> statistics;
	Nest<net_conf> conf;
	std::vector<Message::PathPair> path_list;	/* of the connection's dump */
	std::list<PeerDevice> peer_devices;
	std::list<Path> paths;				/* of path notifications */

	void read(const Message &message);
};

struct Device {
	unsigned int minor = 0;
	unsigned int volume = 0;
	bool attached = false;		/* the kernel sent the disk's configuration */
	Nest<device_info> info;
	Nest<device_statistics> statistics;
	Nest<disk_conf> disk;
	Nest<device_conf> conf;

	void read(const Message &message);
	std::string backing_dev() const;	/* "none" without */
};

struct Resource {
	std::string name;
	Nest<resource_info> info;
	Nest<resource_statistics> statistics;
	Nest<res_opts> opts;
	std::list<Device> devices;
	std::list<Connection> connections;

	void read(const Message &message);
};

/* All resources as GET_RESOURCES lists them, without what is in them. */
std::list<Resource> dump_resources(drbd::genl::Socket &socket);

/*
 * Add devices, connections and peer devices of one resource; a resource that
 * vanished in the meantime stays empty.
 */
void dump_contents(drbd::genl::Socket &socket, Resource &resource);

/* ------------------------------------------------------------ derived values */

bool is_known(uint64_t value);		/* not all ones */

/* "no", or a list of "user,no-data,fencing,quorum". */
std::string suspended_text(const resource_info &info);
/* "no", or a list of "user,peer,dependency,max-parallel". */
std::string resync_suspended_text(const peer_device_info &info);
/* "yes", "no", "unknown" */
const char *yes_no_unknown(uint8_t flag);
inline const char *yes_no(bool b) { return b ? "yes" : "no"; }

/* Progress of a resync or verify (drbdsetup.md 9.1). */
struct Progress {
	bool details = false;		/* the kernel sent numbers for it */
	bool verify = false;
	bool has_done = false;
	double done = 0;		/* percent */
	uint64_t to_go = 0;		/* sectors */
	double rate = 0;		/* MiB/s since the start */
	double rate0 = 0;		/* over the long window */
	double rate1 = 0;		/* over the short one */
	bool has_eta = false;
	double eta = 0;			/* seconds */
};

/* @dev_size: sectors; 0 if unknown. */
Progress progress(const PeerDevice &peer_device, uint64_t dev_size);

} // namespace drbdsetup

#endif
