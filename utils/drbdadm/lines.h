// SPDX-License-Identifier: GPL-2.0-only
// Command lines of drbdsetup and drbdmeta for configured objects (drbdadm.md 9.1).
#pragma once

#include "exec.h"
#include "model.h"

namespace drbd::adm {

// Configured options as `--name=value` words, without those that `cli` sets, then `cli`.
Words option_words(const Options &options, const Words &cli,
		   const std::vector<std::string> &left_out = {});

namespace lines {

HelperCommand setup(const Resource &r, Words args, TimeLimit limit = TimeLimit::brief);
// drbdmeta MINOR v09 MD INDEX [--node-id=N] command…
HelperCommand meta(const Resource &r, const Volume &v, Words args, int node_id = -1);

HelperCommand new_resource(const Resource &r, const Words &cli = {});
HelperCommand resource_options(const Resource &r);  // with --set-defaults
HelperCommand new_minor(const Resource &r, const Volume &v);
HelperCommand del_minor(const Resource &r, unsigned minor);
std::vector<HelperCommand> attach(const Resource &r, const Volume &v, const Words &cli = {});
HelperCommand detach(const Resource &r, unsigned minor, const Words &flags);
HelperCommand disk_options(const Resource &r, const Volume &v, bool set_defaults,
			   const Words &cli = {});
HelperCommand resize(const Resource &r, const Volume &v, const Words &cli = {});
HelperCommand new_peer(const Resource &r, const Connection &c, const Words &cli = {});
HelperCommand net_options(const Resource &r, const Connection &c, bool set_defaults,
			  const Words &cli = {});
HelperCommand path(const char *command, const Resource &r, const Connection &c,
		   const Address &local, const Address &remote, const Words &cli = {});
HelperCommand peer_device_options(const Resource &r, const Connection &c, const PeerDevice &pd,
				  bool set_defaults, const Words &cli = {});
// COMMAND RES PEER-ID cli
HelperCommand to_peer(const char *command, const Resource &r, const Connection &c,
		      const Words &cli = {}, TimeLimit limit = TimeLimit::brief);

}  // namespace lines
}  // namespace drbd::adm
