// SPDX-License-Identifier: GPL-2.0-only
// Helper command lines as data, and the one place that prints and runs them.
//
// Whoever decides what has to happen makes HelperCommands; the Executor carries them out, each
// in a process of its own or, while a Batch is alive, through one drbdsetup for all.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "batch.h"
#include "diagnostics.h"
#include "model.h"

namespace drbd::adm {

using Words = std::vector<std::string>;

enum class Helper { drbdsetup, drbdmeta, proxy_ctl, shell };
enum class TimeLimit { none, brief, medium, extended };

struct HelperCommand {
	Helper helper = Helper::drbdsetup;
	Words args;  // without the program
	TimeLimit limit = TimeLimit::brief;
	bool quiet = false;          // discard its stderr, do not comment on its status
	bool ignore_status = false;  // counts as successful
	std::string resource;        // DRBD_RESOURCE of the child
	std::vector<std::pair<std::string, std::string>> environment;
	// "minor-1" or "resource-r0": remember the configuration file for it when it worked
	std::string register_as;
};

struct ExecSettings {
	bool dry_run = false;
	int verbose = 0;
	std::string sh_varname;
	std::string programs[3];  // drbdsetup, drbdmeta, drbd-proxy-ctl
	int limits[4] = {0, 5, 121, 600};  // seconds by TimeLimit, 0: none
	std::string config_file;  // absolute; empty: do not register
};

class Executor {
public:
	Executor(const ExecSettings &settings, Diagnostics &diag) : settings_(settings), diag_(diag)
	{
	}

	// Prints with -d or -v, runs without -d.  Returns the exit status (0 with -d).
	// captured_stderr: collect the helper's stderr there instead of showing it.
	// Throws Failure (20) on timeout.
	int run(const HelperCommand &command, std::string *captured_stderr = nullptr);

	// Runs in sequence up to the first that fails.
	int run_all(const std::vector<HelperCommand> &commands);

	// Starts all, waits for all; statuses are not interesting.
	void run_parallel(const std::vector<HelperCommand> &commands);

	// stdout of a drbdsetup command, even with -d; stderr and status are ignored.
	std::string output_of(const Words &args);
	// The same for any command.
	std::string stdout_of(const HelperCommand &command);

	// While it lives, drbdsetup commands go through one process if drbdsetup can do that.
	class Batch {
	public:
		explicit Batch(Executor &executor) : executor_(executor)
		{
			executor_.batch_mode_ = true;
		}
		~Batch()
		{
			executor_.batch_mode_ = false;
			executor_.batch_.stop();
		}
		Batch(const Batch &) = delete;
		Batch &operator=(const Batch &) = delete;

	private:
		Executor &executor_;
	};

	bool dry_run() const { return settings_.dry_run; }
	int verbose() const { return settings_.verbose; }

private:
	Words command_line(const HelperCommand &command) const;
	Words prefix(const HelperCommand &command) const;
	void print(const HelperCommand &command);
	void register_config(const std::string &name);
	int finished(const HelperCommand &command, const Words &words, int status, bool silent);
	bool run_in_batch(const HelperCommand &command, const Words &words, int *status);

	const ExecSettings &settings_;
	Diagnostics &diag_;
	BatchHelper batch_;
	bool batch_mode_ = false;
};

// Backslash before everything a shell might care about.
std::string shell_escape(const std::string &text);

// "../sbin/drbdadm" and "drbdsetup": "../sbin/drbdsetup" if that can be executed.
std::string find_helper(const std::string &argv0, const std::string &name);

// Where the registration link of "minor-1" or "resource-r0" is.
std::string registration_link(const std::string &name);

}  // namespace drbd::adm
