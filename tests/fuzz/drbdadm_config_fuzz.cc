// SPDX-License-Identifier: GPL-2.0-only
// Any text as configuration: parsed, completed, expanded, checked, turned into command lines.
#include <string>

#include "drbdadm/builder.h"
#include "drbdadm/derive.h"
#include "drbdadm/diagnostics.h"
#include "drbdadm/failure.h"
#include "drbdadm/lines.h"

using namespace drbd::adm;

static void all_lines(Config &config, Diagnostics &diag)
{
	for (auto &r : config.resources) {
		set_peers(*r, diag);
		if (!r->me)
			continue;
		lines::new_resource(*r);
		for (const auto &v : r->me->volumes) {
			lines::new_minor(*r, v);
			if (v.diskful() && v.meta_disk)
				lines::attach(*r, v);
		}
		for (const auto &c : r->connections) {
			lines::new_peer(*r, c);
			for (const auto &pd : c.peer_devices)
				lines::peer_device_options(*r, c, pd, true);
		}
	}
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	Diagnostics diag;
	Sources sources;
	const std::string &text =
		sources.hold("fuzz", std::string(reinterpret_cast<const char *>(data), size));

	diag.set_quiet(true);
	setenv("DRBD_DRIVER_VERSION_OVERRIDE", "9.2.0", 1);
	setenv("__DRBD_NODE__", "alpha", 1);
	try {
		std::unique_ptr<Config> parsed;
		std::unique_ptr<ParseSession> session;
		if (!read_all_errors(sources, diag, [&] {
			    parsed = std::make_unique<Config>();
			    session = std::make_unique<ParseSession>(*parsed, diag, sources);
			    session->local_node = "alpha";
			    session->read_files = false;
			    session->parse_text(text, "fuzz", "/fuzz");
		    }))
			return 0;
		Config &config = *parsed;
		derive(*session);
		expand_options(config, diag);
		if (!config.valid)
			return 0;
		validate(config, diag);
		all_lines(config, diag);
	} catch (const Failure &) {
	}
	return 0;
}
