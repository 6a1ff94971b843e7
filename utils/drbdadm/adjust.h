// SPDX-License-Identifier: GPL-2.0-only
// Making the running state equal to the configuration with as little disturbance as possible
// (drbdadm.md section 11).
#pragma once

#include <string>

#include "diagnostics.h"
#include "model.h"
#include "plan.h"

namespace drbd::adm {

struct AdjustOptions {
	bool skip_disk = false;
	bool skip_net = false;
	Words connect_flags;      // --tentative, --discard-my-data
	int only_volume = -1;     // RES/VNR: disk actions of this volume only
	bool peer_named = false;  // RES:PEER: leave unknown peers alone
	int verbose = 0;          // 3: differences, 4: all comparisons
};

// The output of `drbdsetup show`.
class RunningState {
public:
	// Throws Failure when the text is no such output.
	RunningState(const std::string &text, Diagnostics &diag);

	const Resource *find(const std::string &name) const { return config_.find(name); }

private:
	Config config_;
};

// Queues what makes `running` (null: nothing is up) like `configured`, whose peers are set.
void queue_adjust(Plan &plan, const Resource &configured, const Resource *running,
		  const AdjustOptions &options, Diagnostics &diag);

}  // namespace drbd::adm
