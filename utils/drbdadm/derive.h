// SPDX-License-Identifier: GPL-2.0-only
// Everything that follows from a configuration without being written in it (drbdadm.md
// section 6): volumes of hosts, connections, node ids, who we are, paths, inherited options.
#pragma once

#include "builder.h"
#include "diagnostics.h"
#include "model.h"

namespace drbd::adm {

// Copies resource level volumes into the host sections and claims minors, devices, disks and
// meta-disks.  The builder calls it for each resource; hosts of stacked sections come later.
void complete_volumes(Resource &resource, ParseSession &session, bool stacked_hosts);

// Sections 6.1 to 6.6 for the whole configuration.  What is wrong is said and clears
// config.valid; Failure for what cannot be gone on with.
void derive(ParseSession &session);

// Section 6.7, inheritance of options.  Ambiguities are said and clear config.valid.
void expand_options(Config &config, Diagnostics &diag);

// Section 6.5: peer, `_name`, addresses and usable paths of the connections of this host, and
// (if options are expanded) `bitmap no` towards diskless peers.  A connection whose peer cannot
// be determined is reported and left without one.  Does nothing the second time.
void set_peers(Resource &resource, Diagnostics &diag, bool expanded = true);

// Section 6.9.  Throws Failure (10) at the first resource that is not usable.
// resync-after towards unknown resources is removed; `replace`: the others become minors.
void validate(Config &config, Diagnostics &diag, bool replace = true);

// For the proxy commands: "me" is the host section whose proxy runs on this node.
void set_proxy_identity(Config &config, const std::string &node);

// The id order of two hosts without node-id: true if `a` gets id 0.  Throws Failure (20) if the
// texts do not decide.
bool first_gets_id_zero(const HostSection &a, const HostSection &b);

}  // namespace drbd::adm
