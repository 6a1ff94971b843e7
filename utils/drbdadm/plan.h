// SPDX-License-Identifier: GPL-2.0-only
// Deferred commands: what `up` and `adjust` found out, sorted into stages and carried out stage
// by stage over all resources (drbdadm.md 8.4).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "exec.h"

namespace drbd::adm {

enum class Stage {
	create_resource, adjust_resource, disk_down, disk_up, disconnect, net_down, net_up, paths,
	net, peer_devices, disk, connect,
};

struct Step {
	Stage stage;
	std::string name;      // command name, for messages
	std::string resource;
	std::vector<HelperCommand> commands;  // the first failure ends the step
	// Equal non-empty keys are queued once.
	std::string once;
};

class Plan {
public:
	void add(Step step);
	void add(Stage stage, std::string name, const std::string &resource, HelperCommand command);
	bool empty() const { return steps_.empty(); }

	// Returns 0, or 1 after the first stage in which something failed.
	int execute(Executor &executor, Diagnostics &diag);
	// Every stage is run, and the progress shown; 1 if anything failed.
	int execute_with_progress(Executor &executor);

	// Names of resources with steps, in the order of the first one queued.
	std::vector<std::string> resources() const;
	const std::vector<Step> &steps() const { return steps_; }

private:
	std::vector<Step> steps_;
	std::set<std::string> once_;
};

}  // namespace drbd::adm
