// SPDX-License-Identifier: GPL-2.0-only
// The configuration as text or XML (drbdadm.md section 12).  Scripts parse both.
#pragma once

#include <string>

#include "model.h"

namespace drbd::adm {

// expanded: -d or -v, show inherited values; verbose: show everything implicit, too.
void dump_text(const Config &config, const std::string &node, bool dry_run, int verbose);
void dump_resource(const Resource &r, const std::string &node, bool dry_run, int verbose);
void dump_xml(const Config &config, bool expanded, bool verbose);
void dump_resource_xml(const Resource &r, bool expanded, bool verbose);

// Quoted if the configuration language requires it.
std::string quote_if_needed(const std::string &value);

}  // namespace drbd::adm
