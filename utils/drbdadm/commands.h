// SPDX-License-Identifier: GPL-2.0-only
// The commands of drbdadm: one table, and what each entry does.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diagnostics.h"
#include "exec.h"
#include "model.h"
#include "options.h"

namespace drbd::adm {

// What a command works on in one step of its iteration.
struct Target {
	Resource *resource = nullptr;
	const Volume *volume = nullptr;
	Connection *connection = nullptr;
	std::string object;  // as the user named it
	bool of_all = false;  // not named, one of `all`
};

// Command line and environment of this run.
struct Settings {
	bool stacked = false;
	ExecSettings exec;
	std::string config_file;  // -c
	std::vector<std::string> test_files, excluded_files;
	std::string node;
	Words backend;  // unfiltered backend words in order of insertion

	bool dry_run() const { return exec.dry_run; }
	int verbose() const { return exec.verbose; }
};

struct CommandSpec;

struct Run {
	Settings &settings;
	Config &config;
	Diagnostics &diag;
	Executor &executor;
	const CommandSpec &command;
	Words cli;  // backend words that this command takes
};

// How a backend option of a command looks.
struct BackendOption {
	std::string name;
	bool has_value = false;
	bool value_optional = false;
	bool listed = true;  // in help
};

enum class Backend {
	none, resource, new_minor, disk, new_peer, net, peer_device, connect, adjust, disconnect,
	role, detach, invalidate, invalidate_remote, verify, resize, create_md, drbdmeta,
	new_current_uuid, set_gi, status, explain,
};

const std::vector<BackendOption> &backend_options(Backend backend);
// All of them, for getopt.
std::vector<BackendOption> all_backend_options();

using Action = int (*)(Run &run, const Target &target);
using GroupAction = int (*)(Run &run, std::vector<Target> &targets);
using PlainAction = int (*)(Run &run);

struct CommandSpec {
	const char *name;
	int level;  // 1: help; 2, 3, 4: hidden-commands; 0: nowhere
	Backend backend = Backend::none;
	unsigned flags = 0;
	Action action = nullptr;       // per volume, connection or resource
	GroupAction group = nullptr;   // once, with all objects
	PlainAction plain = nullptr;   // without objects
};

namespace flag {
inline constexpr unsigned volumes = 1;        // iterates volumes
inline constexpr unsigned connections = 2;    // iterates connections
inline constexpr unsigned needs_disk = 4;
inline constexpr unsigned verify_ip = 8;
inline constexpr unsigned one_volume = 16;    // requires a volume
inline constexpr unsigned volume_ok = 32;     // takes, but does not need one
inline constexpr unsigned no_objects = 64;    // may stand alone, ignores objects
inline constexpr unsigned objects_optional = 128;  // works with or without
inline constexpr unsigned proxy = 256;        // "me" is where the proxy runs
inline constexpr unsigned handler = 512;
inline constexpr unsigned no_config = 1024;   // does not read the configuration
inline constexpr unsigned dump = 2048;
inline constexpr unsigned test_ok = 4096;     // allowed with -t
inline constexpr unsigned find_config = 8192; // may be called by kernel or udev
inline constexpr unsigned for_display = 16384; // its helper looks at the terminal
}  // namespace flag

std::span<const CommandSpec> command_table();
const CommandSpec *find_command(std::string_view name);

// Deprecated spellings: "state" -> "role".
std::string_view current_spelling(std::string_view name);

// Words of Settings::backend that the command lets pass (drbdadm.md 1.3).
Words filter_backend(const CommandSpec &command, const Words &words);

// Runs the command over its objects; the exit status of drbdadm.
int run_command(Run &run, const std::vector<std::string> &objects);

void print_hidden_commands();

// Commands, their options and the options of each section as JSON, for the generators of manual
// pages and completions.
void print_tables();

}  // namespace drbd::adm
