// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <getopt.h>
#include <unistd.h>

#include "builder.h"
#include "commands.h"
#include "derive.h"
#include "failure.h"
#include "files.h"
#include "run.h"
#include "system.h"
#include "usage.h"

namespace drbd::adm {

namespace {

constexpr auto options_in_usage = std::to_array<GeneralOption>({
	{"stacked", 'S', false},
	{"dry-run", 'd', false},
	{"verbose", 'v', false},
	{"config-file", 'c', true},
	{"config-to-test", 't', true},
	{"config-to-exclude", 'E', true},
	{"drbdsetup", 's', true},
	{"drbdmeta", 'm', true},
	{"drbd-proxy-ctl", 'p', true},
	{"sh-varname", 'n', true},
	{"version", 'V', false},
	{"setup-option", 'W', true},
	{"help", 'h', false},
});

constexpr int first_backend_option = 256;

void announce_pretended_name()
{
	if (auto name = pretended_node_name())
		fprintf(stderr,
			"\n   found __DRBD_NODE__ in environment\n"
			"   PRETENDING that I am >>%s<<\n\n",
			name->c_str());
}

void print_version()
{
	auto driver = driver_version();
	printf("DRBDADM_BUILDTAG=%s\n", shell_escape(build_tag).c_str());
	printf("DRBDADM_API_VERSION=2\n");
	printf("DRBD_KERNEL_VERSION_CODE=0x%06x\n", driver ? driver->code() : 0);
	printf("DRBD_KERNEL_VERSION=%s\n", driver ? driver->text().c_str() : "0");
	printf("DRBDADM_VERSION_CODE=0x%06x\n", version_code);
	printf("DRBDADM_VERSION=%s\n", version_text);
}

// What the command line says.
struct Arguments {
	Settings settings;
	std::string command;
	std::vector<std::string> objects;
	std::vector<std::string> backend_options;  // names of long backend options given
	bool help = false, version = false;
};

[[noreturn]] void bad_usage(const std::string &message, const std::string &command)
{
	std::string text = message;
	if (!text.empty())
		text += '\n';
	throw Failure(exit_code::usage,
		      text + "try 'drbdadm help" + (command.empty() ? "" : " " + command) + "'");
}

std::string executable(const std::string &path)
{
	if (access(path.c_str(), X_OK) != 0)
		throw Failure(exit_code::exec, "Can not find command (drbdsetup/drbdmeta)");
	return path;
}

bool is_command_word(const std::string &word)
{
	return word == "help" || find_command(current_spelling(word));
}

// The first command among the words; used when option parsing fails before it is reached.
std::string command_in(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (argv[i] != std::string_view("help") && is_command_word(argv[i]))
			return argv[i];
	return "";
}

Arguments parse_arguments(int argc, char **argv, Diagnostics &diag)
{
	Arguments args;
	Settings &s = args.settings;
	auto backend = all_backend_options();
	std::vector<option> longopts;
	std::string shortopts;
	std::string argv0 = argc > 0 ? argv[0] : "drbdadm";
	static char program[] = "drbdadm";

	if (argc > 0)
		argv[0] = program;  // getopt's messages
	s.exec.programs[0] = find_helper(argv0, "drbdsetup");
	s.exec.programs[1] = find_helper(argv0, "drbdmeta");
	s.exec.programs[2] = find_helper(argv0, "drbd-proxy-ctl");

	for (const auto &o : options_in_usage) {
		longopts.push_back({o.name, o.has_value, nullptr, o.letter});
		shortopts += o.letter;
		if (o.has_value)
			shortopts += ':';
	}
	for (size_t i = 0; i < backend.size(); i++)
		longopts.push_back({backend[i].name.c_str(),
				    backend[i].value_optional ? optional_argument
							      : required_argument,
				    nullptr, first_backend_option + static_cast<int>(i)});
	longopts.push_back({nullptr, 0, nullptr, 0});

	int c;
	while ((c = getopt_long(argc, argv, shortopts.c_str(), longopts.data(), nullptr)) != -1) {
		switch (c) {
		case 'S': s.stacked = true; break;
		case 'd': s.exec.dry_run = true; break;
		case 'v': s.exec.verbose++; break;
		case 'c': s.config_file = optarg; break;
		case 't': s.test_files.push_back(optarg); break;
		case 'E': s.excluded_files.push_back(optarg); break;
		case 's': s.exec.programs[0] = executable(optarg); break;
		case 'm': s.exec.programs[1] = executable(optarg); break;
		case 'p': s.exec.programs[2] = executable(optarg); break;
		case 'n': {
			std::string name = optarg;
			bool fine = !name.empty() &&
				    std::all_of(name.begin(), name.end(), [](unsigned char ch) {
					    return isalnum(ch) || ch == '_';
				    });
			if (fine)
				s.exec.sh_varname = name;
			else
				diag.say("ignored --sh-varname=" + name +
					 ": contains other characters than a-z, A-Z, 0-9 "
					 "and _");
			break;
		}
		case 'V': args.version = true; break;
		case 'W': s.backend.push_back(optarg); break;
		case 'h': args.help = true; break;
		case '?': bad_usage("", command_in(argc, argv));
		default: {
			const auto &o = backend[static_cast<size_t>(c - first_backend_option)];
			s.backend.push_back("--" + o.name +
					    (optarg ? "=" + std::string(optarg) : ""));
			args.backend_options.push_back(o.name);
		}
		}
	}
	for (; optind < argc; optind++) {
		std::string word = argv[optind];
		if (!args.command.empty())
			args.objects.push_back(word);
		else if (word == "help" && !args.help)
			args.help = true;
		else if (is_command_word(word))
			args.command = word;
		else
			s.backend.push_back(word);
	}
	if (args.command.empty() && !s.backend.empty() && !args.help && !args.version)
		for (const auto &w : s.backend) {
			bool is_option = std::any_of(
				args.backend_options.begin(), args.backend_options.end(),
				[&](const std::string &n) { return w.rfind("--" + n, 0) == 0; });
			if (!is_option)
				throw Failure(exit_code::usage,
					      "drbdadm: Unknown command '" + w + "'");
		}
	return args;
}

// The configuration file of this run: -c, the file the object was set up from, or the first of
// the usual places.
std::string choose_config_file(const Arguments &args, const CommandSpec &command,
			       Diagnostics &diag)
{
	if (!args.settings.config_file.empty())
		return args.settings.config_file;
	if ((command.flags & flag::find_config) && !args.objects.empty()) {
		const std::string &object = args.objects.front();
		bool minor = object.rfind("minor-", 0) == 0;
		std::string name = object.substr(0, object.find_first_of(":/"));
		std::string link = registration_link(minor ? object : "resource-" + name);
		if (access(link.c_str(), R_OK) == 0)
			return real_path(link);
		diag.say("Don't know which config file belongs to " +
			 (minor ? "minor " + object.substr(6) : "resource " + name) +
			 ", trying default ones...");
	}
	for (const char *file : {"/etc/drbd-90.conf", "/etc/drbd-84.conf", "/etc/drbd-83.conf",
				 "/etc/drbd-82.conf", "/etc/drbd-08.conf", "/etc/drbd.conf"})
		if (access(file, R_OK) == 0)
			return file;
	throw Failure(exit_code::config,
		      "Can not open '/etc/drbd.conf': No such file or directory");
}

void refuse_old_driver()
{
	std::ifstream proc("/proc/drbd");
	std::string line;
	if (getenv("DRBD_DRIVER_VERSION_OVERRIDE"))
		return;
	if (std::getline(proc, line) && line.rfind("version: 8", 0) == 0)
		throw Failure(exit_code::exec,
			      "The loaded drbd driver is " + line.substr(9, 6) +
				      ", these tools need version 9.");
}

}  // namespace

int run(int argc, char **argv, Diagnostics &diag)
{
	announce_pretended_name();
	Arguments args = parse_arguments(argc, argv, diag);
	Settings &settings = args.settings;

	if (args.version) {
		print_version();
		return 0;
	}
	std::string_view name = current_spelling(args.command);
	const CommandSpec *command = find_command(name);
	if (args.help) {
		if (!command && !args.objects.empty())
			throw Failure(exit_code::usage,
				      "drbdadm: Unknown command '" + args.objects.front() + "'");
		print_usage(command);
		return command ? 0 : exit_code::usage;
	}
	if (!command) {
		print_usage(nullptr);
		printf("\nNo command specified\n");
		return exit_code::usage;
	}
	if (name != args.command)
		diag.say("'drbdadm " + args.command + "' is deprecated, use 'drbdadm " +
			 std::string(name) + "' instead.");
	const auto &own = backend_options(command->backend);
	for (const auto &given : args.backend_options)
		if (std::none_of(own.begin(), own.end(),
				 [&](const BackendOption &o) { return o.name == given; }))
			bad_usage("drbdadm: unrecognized option '--" + given + "'", args.command);
	if (command->flags & flag::no_config) {
		Config none;
		Executor executor(settings.exec, diag);
		Run nothing{settings, none, diag, executor, *command, {}};
		return command->plain(nothing);
	}
	if (args.objects.empty() && command->group && (command->flags & flag::objects_optional))
		args.objects = {"all"};
	bool alone = command->flags & (flag::no_objects | flag::objects_optional);
	if (args.objects.empty() && !alone) {
		print_usage(command);
		printf("\nNo resource names specified\n");
		return exit_code::usage;
	}
	if (!settings.test_files.empty() && !(command->flags & flag::test_ok))
		throw Failure(exit_code::usage,
			      "The --config-to-test (-t) option is only allowed with the dump and "
			      "sh-nop commands");
	refuse_old_driver();

	// Neither is ever freed: taking a big configuration apart piece by piece just before the
	// process ends takes as long as a good part of reading it.
	static Sources &sources = *new Sources;
	static Config *parsed;
	static ParseSession *last;
	settings.node = local_node_name();
	std::string file = choose_config_file(args, *command, diag);
	bool fine = read_all_errors(sources, diag, [&] {
		parsed = new Config;
		last = new ParseSession(*parsed, diag, sources);
		last->verbose = settings.verbose();
		last->local_node = settings.node;
		parsed->main_file = file == "-" ? "STDIN" : absolute_path(file);
		for (const auto &excluded : settings.excluded_files)
			last->exclude(excluded);
		last->parse_main(file);
		for (const auto &test : settings.test_files)
			last->parse_main(test);
	});
	if (!fine || !parsed->valid)
		return exit_code::config;
	Config &config = *parsed;
	ParseSession &session = *last;
	derive(session);
	if (command->flags & flag::proxy)
		set_proxy_identity(config, settings.node);
	bool plain_dump =
		(command->flags & flag::dump) && !settings.dry_run() && !settings.verbose();
	if (!plain_dump)
		expand_options(config, diag);

	settings.exec.limits[static_cast<int>(TimeLimit::brief)] = config.global.cmd_timeout_short;
	settings.exec.limits[static_cast<int>(TimeLimit::medium)] =
		config.global.cmd_timeout_medium;
	settings.exec.limits[static_cast<int>(TimeLimit::extended)] =
		config.global.cmd_timeout_long;
	if (file != "-")
		settings.exec.config_file = config.main_file;

	Executor executor(settings.exec, diag);
	Run this_run{settings, config, diag, executor, *command,
		     filter_backend(*command, settings.backend)};
	return run_command(this_run, args.objects);
}

std::span<const GeneralOption> general_options()
{
	return options_in_usage;
}

}  // namespace drbd::adm
