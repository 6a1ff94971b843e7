/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands of drbdsetup: one table says what each is called, what it takes,
 * what it sends, and who runs it.  Spec: drbdsetup.md 2, 4.
 */
#ifndef DRBDSETUP_COMMAND_H
#define DRBDSETUP_COMMAND_H

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/genl.h"
#include "common/schema.h"

namespace drbdsetup {

using drbd::Error;

/* The words that name the object, in this order. */
enum Context : unsigned int {
	ctx_resource = 1,
	ctx_all = 2,		/* "all", or nothing, instead of a resource */
	ctx_peer = 4,
	ctx_minor = 8,
	ctx_volume = 16,
};

/* A positional argument of one command, sent in the command's nest. */
struct OwnArgument {
	enum Type { block_device, meta_index, number, address, text };

	const char *name;
	Type type;
	unsigned int attr;	/* attribute number in the nest */
};

/* An option that is not a field of the schema. */
struct PlainOption {
	const char *name;
	char short_name;
	enum Takes { nothing, value, optional_value } takes;
	bool listed = true;	/* in help and xml-help */
};

enum CommandFlag : unsigned int {
	tolerates_surplus = 1,		/* words beyond the positional ones are ignored */
	locks_minor = 2,		/* for its whole run */
	silent_without_module = 4,	/* exit 0 when there is no module */
};

struct Invocation;

struct Command {
	const char *name;
	const char *summary;
	unsigned int context;
	unsigned int op;		/* genl command that is sent; 0: read-only command */
	int (*run)(Invocation &);
	unsigned int flags = 0;		/* CommandFlag */
	std::span<const OwnArgument> arguments = {};
	std::span<const PlainOption> plain_options = {};
	/* Another spelling of an option, for old scripts; not listed. */
	const char *alias = nullptr;
	const char *alias_for = nullptr;

	/* Nest for options and own arguments; 0: none. */
	unsigned int nest() const;
	bool has_set_defaults() const;
	/* The schema options it takes. */
	std::vector<drbd::Option> options() const;
};

std::span<const Command> commands();
const Command *find_command(std::string_view name);

/* One given option: its position in the table of the command, and its value. */
struct GivenOption {
	std::optional<drbd::Option> option;	/* field of the schema, or ... */
	const PlainOption *plain = nullptr;	/* ... one of the command's own, or set-defaults */
	std::optional<std::string> value;
};

/* One run of one command. */
struct Invocation {
	explicit Invocation(const Command &command) : command(command) {}

	const Command &command;
	std::vector<GivenOption> given;
	std::vector<std::string> words;		/* all positional words */
	size_t option_words = 0;		/* for "Missing argument n" */

	/* from the context words */
	std::string object_name = "??";		/* prefix of messages */
	std::optional<std::string> resource;	/* not set: all */
	std::optional<uint32_t> peer_node_id;
	std::optional<uint32_t> volume;
	std::optional<unsigned int> minor;
	std::vector<std::string> arguments;	/* words after the context */

	bool set_defaults = false;
	drbd::genl::Socket *socket = nullptr;

	/* Was the plain option given; how often? */
	unsigned int count(std::string_view name) const;
	/* Its last value; nullptr if not given, empty optional if given without a value. */
	const std::optional<std::string> *value(std::string_view name) const;
};

/* Wrong usage: the full usage on stdout, then @reason; exit 20. */
class UsageError : public Error {
public:
	explicit UsageError(const std::string &reason) : Error(20, reason) {}
};

/* Help of one command on stdout, @reason on stderr; exit 20. */
class CommandUsageError : public Error {
public:
	CommandUsageError(const Command &command, const std::string &reason)
		: Error(20, reason), command(command) {}
	const Command &command;
};

/* ------------------------------------------------------ usage.cc */

/* Texts of drbdsetup.md 7; @program: basename of argv[0]. */
std::string usage_text(const std::string &program);
std::string help_text(const std::string &program, const Command &command);
std::string xml_help_text(const Command &command);

/* ------------------------------------------------------ arguments.cc */

/* Split argv of the command (argv[0]: its name) into options and words. */
Invocation scan_arguments(const Command &command, int argc, char **argv);
/* Interpret the context words; fills the fields of the invocation. */
void parse_context(Invocation &inv);

/* Number of an option or argument in its scale; throws Error with the texts of 2.5. */
uint64_t number_argument(const std::string &text, char scale);
/* Binary socket address (netlink.md 11). */
std::string address_argument(const std::string &text);
/* minor of "4711", "/dev/drbd4711" or a device node. */
unsigned int minor_argument(const std::string &text);
/* Throws "Excess arguments: ..." if there are more than @max words after the context. */
void no_more_arguments(const Invocation &inv, size_t max);
/* The same for events2 and the wait commands, which do not mention the first one. */
void no_surplus_words(const Invocation &inv);

/* ------------------------------------------------------ report.cc */

/* Result of a request as text on stderr; returns the exit code (drbdsetup.md 3.2). */
int report_result(const std::string &object_name, const drbd::genl::Result &result);

/* ------------------------------------------------------ what runs them */

int run_config(Invocation &inv);
int run_down(Invocation &inv);
int run_new_minor(Invocation &inv);
int run_del_minor(Invocation &inv);
int run_del_resource(Invocation &inv);
int run_role(Invocation &inv);
int run_cstate(Invocation &inv);
int run_peer_role(Invocation &inv);
int run_dstate(Invocation &inv);
int run_get_gi(Invocation &inv);
int run_show_gi(Invocation &inv);
int run_show(Invocation &inv);
int run_status(Invocation &inv);
int run_check_resize(Invocation &inv);
int run_events2(Invocation &inv);
int run_wait(Invocation &inv);
int run_udev(Invocation &inv);

} // namespace drbdsetup

#endif
