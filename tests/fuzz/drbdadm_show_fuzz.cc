// SPDX-License-Identifier: GPL-2.0-only
// Any text as output of `drbdsetup show`, compared with a fixed configuration by adjust.
#include <string>

#include "drbdadm/adjust.h"
#include "drbdadm/builder.h"
#include "drbdadm/derive.h"
#include "drbdadm/diagnostics.h"
#include "drbdadm/failure.h"
#include "drbdadm/plan.h"

using namespace drbd::adm;

static const char *const text = R"(
resource r0 {
	net { ping-int 12; }
	disk { al-extents 300; c-max-rate 10M; }
	volume 0 { device minor 1; disk /dev/a0; meta-disk internal; }
	volume 1 { device minor 2; disk /dev/a1; meta-disk /dev/m1; disk { size 1G; } }
	on alpha { node-id 0; address 10.0.0.1:7000; }
	on beta { node-id 1; address 10.0.0.2:7000; }
	on gamma { node-id 2; address 10.0.0.3:7000; volume 0 { disk none; } }
	connection-mesh { hosts alpha beta gamma; }
}
)";

struct Configured {
	Configured()
	{
		setenv("__DRBD_NODE__", "alpha", 1);
		diag.set_quiet(true);
		session.local_node = "alpha";
		session.read_files = false;
		session.parse_text(text, "fixed", "/fixed");
		derive(session);
		expand_options(config, diag);
		set_peers(*config.resources.front(), diag);
	}

	Config config;
	Diagnostics diag;
	ParseSession session{config, diag};
};

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static Configured configured;
	Resource &r = *configured.config.resources.front();
	Plan plan;

	try {
		RunningState running(std::string(reinterpret_cast<const char *>(data), size),
				     configured.diag);
		queue_adjust(plan, r, running.find("r0"), AdjustOptions(), configured.diag);
	} catch (const Failure &) {
	}
	return 0;
}
