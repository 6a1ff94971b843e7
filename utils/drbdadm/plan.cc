// SPDX-License-Identifier: GPL-2.0-only
#include "plan.h"

#include <algorithm>
#include <cstdio>

namespace drbd::adm {

namespace {

struct StageInfo {
	const char *title;          // in the progress display
	bool failure_stops_resource;
};

constexpr StageInfo stages[] = {
	{"create res", true},           // create_resource
	{"adjust res", false},          // adjust_resource
	{"prepare disk", true},         // disk_down
	{"prepare disk", true},         // disk_up
	{"prepare net", false},         // disconnect
	{"prepare net", true},          // net_down
	{"prepare net", true},          // net_up
	{"prepare net", false},         // paths
	{"adjust net", false},          // net
	{"adjust peer_devices", false}, // peer_devices
	{"adjust disk", false},         // disk
	{"attempt to connect", false},  // connect
};

}  // namespace

void Plan::add(Step step)
{
	if (!step.once.empty() && !once_.insert(step.once).second)
		return;
	steps_.push_back(std::move(step));
}

void Plan::add(Stage stage, std::string name, const std::string &resource, HelperCommand command)
{
	// An initializer list would have the command copied.
	Step step{stage, std::move(name), resource, {}, ""};
	step.commands.push_back(std::move(command));
	add(std::move(step));
}

std::vector<std::string> Plan::resources() const
{
	std::vector<std::string> names;
	for (const auto &s : steps_)
		if (std::find(names.begin(), names.end(), s.resource) == names.end())
			names.push_back(s.resource);
	return names;
}

int Plan::execute(Executor &executor, Diagnostics &diag)
{
	Executor::Batch batch(executor);
	for (size_t stage = 0; stage < std::size(stages); stage++) {
		std::set<std::string> stopped;
		bool failed = false;
		for (const auto &s : steps_) {
			if (static_cast<size_t>(s.stage) != stage)
				continue;
			if (stopped.count(s.resource)) {
				diag.say("drbdadm: " + s.name + " " + s.resource +
					 ": skipped due to earlier error");
				continue;
			}
			if (executor.run_all(s.commands) == 0)
				continue;
			failed = true;
			if (stages[stage].failure_stops_resource)
				stopped.insert(s.resource);
		}
		if (failed)
			return 1;
	}
	return 0;
}

int Plan::execute_with_progress(Executor &executor)
{
	Executor::Batch batch(executor);
	std::set<std::string> stopped;
	bool failed = false;

	printf("[");
	for (size_t stage = 0; stage < std::size(stages); stage++) {
		std::string current;
		bool skipping = false, titled = false;
		for (auto &s : steps_) {
			if (static_cast<size_t>(s.stage) != stage)
				continue;
			if (!titled) {
				printf("\n%15s:", stages[stage].title);
				titled = true;
			}
			if (stopped.count(s.resource)) {
				if (!skipping || current != s.resource)
					printf(" [skipped:%s]", s.resource.c_str());
				skipping = true;
				current = s.resource;
				continue;
			}
			if (current != s.resource) {
				printf(" %s", s.resource.c_str());
				current = s.resource;
				skipping = false;
			}
			for (auto &c : s.commands)
				c.quiet = true;
			int status = executor.run_all(s.commands);
			if (status == 0)
				continue;
			failed = true;
			printf(":failed(%s:%d)", s.name.c_str(), status);
			if (stages[stage].failure_stops_resource)
				stopped.insert(s.resource);
			skipping = stopped.count(s.resource);
		}
	}
	printf("\n]\n");
	fflush(stdout);
	return failed ? 1 : 0;
}

}  // namespace drbd::adm
