// SPDX-License-Identifier: GPL-2.0-only
// What each command takes besides objects, and the help made from it.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "usage.h"

namespace drbd::adm {

namespace {

void add_rules(std::vector<BackendOption> &out, OptionSet set, bool only_mutable = false)
{
	for (const auto &rule : option_rules(set)) {
		if (only_mutable && rule.immutable())
			continue;
		out.push_back({rule.name, true, rule.is_bool(), rule.listed()});
	}
}

void add_nest(std::vector<BackendOption> &out, int nr)
{
	for (const auto &f : nest_fields(static_cast<unsigned>(nr)))
		if (f.option[0])
			out.push_back({f.option, true,
				       f.kind == DRBD_K_flag || f.kind == DRBD_K_boolean,
				       !(f.flags & DRBD_F_NEW)});
}

std::vector<BackendOption> make(Backend backend)
{
	std::vector<BackendOption> out;
	auto flags = [&](std::initializer_list<const char *> names) {
		for (const char *name : names)
			out.push_back({name, true, true, true});
	};

	switch (backend) {
	case Backend::none: break;
	case Backend::resource: add_rules(out, OptionSet::resource); break;
	case Backend::new_minor: add_rules(out, OptionSet::device); break;
	case Backend::disk: add_rules(out, OptionSet::disk); break;
	case Backend::new_peer: add_rules(out, OptionSet::net); break;
	case Backend::net: add_rules(out, OptionSet::net, true); break;
	case Backend::peer_device: add_rules(out, OptionSet::peer_device); break;
	case Backend::connect: add_nest(out, DRBD_NLA_connect_parms); break;
	case Backend::adjust:
		flags({"skip-disk", "skip-net"});
		add_nest(out, DRBD_NLA_connect_parms);
		break;
	case Backend::disconnect: add_nest(out, DRBD_NLA_disconnect_parms); break;
	case Backend::role: add_nest(out, DRBD_NLA_set_role_parms); break;
	case Backend::detach: add_nest(out, DRBD_NLA_detach_parms); break;
	case Backend::invalidate:
		flags({"force"});
		add_nest(out, DRBD_NLA_invalidate_parms);
		break;
	case Backend::invalidate_remote: add_nest(out, DRBD_NLA_inval_peer_parms); break;
	case Backend::verify: add_nest(out, DRBD_NLA_start_ov_parms); break;
	case Backend::resize: add_nest(out, DRBD_NLA_resize_parms); break;
	case Backend::create_md:
		for (const char *name : {"max-peers", "peer-max-bio-size", "al-stripes",
					 "al-stripe-size-kB"})
			out.push_back({name, true, false, true});
		flags({"force"});
		break;
	case Backend::drbdmeta: flags({"force"}); break;
	case Backend::new_current_uuid: add_nest(out, DRBD_NLA_new_c_uuid_parms); break;
	case Backend::set_gi: break;
	case Backend::explain: flags({"json"}); break;
	case Backend::status: flags({"statistics"}); out.back().listed = false; break;
	}
	return out;
}

constexpr int last_backend = static_cast<int>(Backend::explain);

// Names in two columns, filled column by column, the left one holding the extra name.
void print_columns(std::vector<std::string> names)
{
	std::sort(names.begin(), names.end());
	size_t left = (names.size() + 1) / 2;
	for (size_t i = 0; i < left; i++)
		printf(" %-35s %-35s\n", names[i].c_str(),
		       i + left < names.size() ? names[i + left].c_str() : "");
}

std::vector<std::string> commands_of_level(int level)
{
	std::vector<std::string> names;
	for (const auto &c : command_table())
		if (c.level == level)
			names.push_back(c.name);
	return names;
}

}  // namespace

const std::vector<BackendOption> &backend_options(Backend backend)
{
	static std::vector<std::vector<BackendOption>> lists = [] {
		std::vector<std::vector<BackendOption>> all;
		for (int i = 0; i <= last_backend; i++)
			all.push_back(make(static_cast<Backend>(i)));
		return all;
	}();
	return lists[static_cast<size_t>(backend)];
}

std::vector<BackendOption> all_backend_options()
{
	std::vector<BackendOption> all;
	std::set<std::string> seen;
	for (int i = 0; i <= last_backend; i++)
		for (const auto &o : backend_options(static_cast<Backend>(i)))
			if (seen.insert(o.name).second)
				all.push_back(o);
	return all;
}

Words filter_backend(const CommandSpec &command, const Words &words)
{
	Words passed;
	const auto &options = backend_options(command.backend);
	for (const auto &w : words) {
		if (command.backend == Backend::set_gi) {
			passed.push_back(w);
			continue;
		}
		std::string name = w.size() > 2 ? w.substr(2, w.find('=', 2) - 2) : "";
		if (std::any_of(options.begin(), options.end(), [&](const BackendOption &o) {
			    return o.name.compare(0, name.size(), name) == 0;
		    }))
			passed.push_back(w);
	}
	return passed;
}

void print_usage(const CommandSpec *command)
{
	printf("\nUSAGE: drbdadm %s [OPTION...] {all|RESOURCE...}\n\nGENERAL OPTIONS:\n",
	       command ? command->name : "COMMAND");
	for (const auto &o : general_options()) {
		if (o.has_value)
			printf("  --%s=..., -%c ...\n", o.name, o.letter);
		else
			printf("  --%s, -%c\n", o.name, o.letter);
	}
	if (command) {
		const auto &options = backend_options(command->backend);
		bool heading = false;
		for (const auto &o : options) {
			if (!o.listed)
				continue;
			if (!heading)
				printf("\nOPTIONS FOR %s:\n", command->name);
			heading = true;
			printf("  --%s%s\n", o.name.c_str(),
			       !o.has_value	? ""
			       : o.value_optional ? "[=...]"
						  : "=...");
		}
	} else {
		printf("\nCOMMANDS:\n");
		print_columns(commands_of_level(1));
	}
	printf("\nVersion: %s (api:2)\n%s\n", version_text, build_tag);
}

void print_hidden_commands()
{
	static constexpr struct {
		int level;
		const char *heading;
	} groups[] = {
		{2, "\nThese additional commands might be useful for writing\n"
		    "nifty shell scripts around drbdadm:\n"},
		{3, "\nThese commands are used by the kernel part of DRBD to\n"
		    "invoke user mode helper programs:\n"},
		{4, "\nThese commands ought to be used by experts and developers:\n"},
	};
	for (const auto &g : groups) {
		puts(g.heading);
		print_columns(commands_of_level(g.level));
	}
	putchar('\n');
}

void print_tables()
{
	using nlohmann::ordered_json;
	static constexpr const char *kinds[] = {"none", "boolean", "boolean", "number", "word",
						"word", "word-or-number", "string", "key"};
	static constexpr struct {
		const char *name;
		OptionSet set;
	} sets[] = {
		{"options", OptionSet::resource}, {"net", OptionSet::net},
		{"disk", OptionSet::disk},	  {"peer-device", OptionSet::peer_device},
		{"device", OptionSet::device},	  {"startup", OptionSet::startup},
		{"handlers", OptionSet::handlers}, {"proxy", OptionSet::proxy},
	};
	ordered_json tables;

	for (const auto &o : general_options())
		tables["general"].push_back(
			{{"name", o.name}, {"letter", std::string(1, o.letter)}, {"value", o.has_value}});
	for (const auto &c : command_table()) {
		if (c.level == 0)
			continue;
		ordered_json command = {{"name", c.name},
					{"level", c.level},
					{"objects", !(c.flags & flag::no_objects)},
					{"options", ordered_json::array()}};
		for (const auto &o : backend_options(c.backend))
			if (o.listed)
				command["options"].push_back(
					{{"name", o.name}, {"optional", o.value_optional}});
		tables["commands"].push_back(command);
	}
	for (const auto &s : sets) {
		for (const auto &rule : option_rules(s.set)) {
			if (!rule.in_config)
				continue;
			const drbd::Option &o = rule.option;
			ordered_json words = ordered_json::array();
			for (const auto &w : o.words())
				words.push_back(w.word);
			tables["sections"][s.name].push_back(
				{{"name", rule.name},
				 {"kind", kinds[static_cast<size_t>(o.kind())]},
				 {"min", o.min()},
				 {"max", o.max()},
				 {"default", o.default_text()},
				 {"scale", std::string(1, o.scale())},
				 {"unit", std::string(o.unit())},
				 {"words", words},
				 {"new", o.is_new()}});
		}
	}
	printf("%s\n", tables.dump(1, '\t').c_str());
}

}  // namespace drbd::adm
