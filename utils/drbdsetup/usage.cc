// SPDX-License-Identifier: GPL-2.0-only
#include "command.h"

#include <sstream>

#include "common/text.h"

namespace drbdsetup {

using drbd::Kind;
using drbd::Option;

namespace {

/* The context words as help writes them. */
std::vector<std::string> context_words(const Command &command)
{
	std::vector<std::string> words;

	if (command.context & ctx_resource)
		words.push_back(command.context & ctx_all ? "{ {resource} | all }" : "{resource}");
	if (command.context & ctx_peer)
		words.push_back("{peer_node_id}");
	if (command.context & ctx_minor)
		words.push_back("{minor}");
	if (command.context & ctx_volume)
		words.push_back("{volume}");
	for (const auto &argument : command.arguments)
		words.push_back(std::string("{") + argument.name + "}");
	return words;
}

std::string joined_words(const Option &option)
{
	std::string text;

	for (const auto &w : option.words()) {
		if (!text.empty())
			text += '|';
		text += w.word;
	}
	return text;
}

std::string option_item(const Option &option)
{
	std::string range = "(" + std::to_string(option.min()) + " ... " +
			    std::to_string(option.max()) + ")";
	std::string value;

	switch (option.kind()) {
	case Kind::boolean:
	case Kind::flag:
		value = "{yes|no}";
		break;
	case Kind::num:
		value = range;
		break;
	case Kind::enumeration:
	case Kind::enumeration_i:
		value = "{" + joined_words(option) + "}";
		break;
	case Kind::symnum:
		value = "{" + joined_words(option) + "}|" + range;
		break;
	case Kind::key:
		value = "<key-description>";
		break;
	case Kind::str:
	case Kind::none:
		value = "<str>";
		break;
	}
	return " [--" + std::string(option.name()) + "=" + value + "]";
}

std::vector<std::string> option_items(const Command &command)
{
	std::vector<std::string> items;

	if (command.has_set_defaults())
		items.push_back(" [--set-defaults]");
	for (const auto &option : command.options())
		if (!option.is_new())
			items.push_back(option_item(option));
	for (const auto &option : command.plain_options)
		if (option.listed)
			items.push_back(std::string(" [--") + option.name +
					(option.takes == PlainOption::nothing ? "]" : "=...]"));
	return items;
}

/*
 * The line break that a paragraph ends with counts as text of @length columns:
 * where it does not fit, a line of blanks appears.
 */
void paragraph_end(std::string &out, size_t line_start, size_t length, const char *text)
{
	if (out.size() - line_start + length > drbd::terminal_width())
		out += std::string("\n    ") + (text + 1) + (text[1] ? "" : "\n");
	else
		out += text;
}

} // namespace

std::string help_text(const std::string &program, const Command &command)
{
	drbd::Wrapper head;

	head.item(0, program + " " + command.name);
	head.item(4, std::string(" - ") + command.summary);
	std::string out = head.str();
	paragraph_end(out, out.rfind('\n') + 1, 2, "\n\n");

	drbd::Wrapper usage;
	usage.item(0, "USAGE: " + program + " " + command.name);
	for (const auto &word : context_words(command))
		usage.item(4, " " + word);
	auto items = option_items(command);
	if (items.empty()) {
		size_t start = out.size();
		out += usage.str();
		auto last = usage.str().rfind('\n');
		if (last != std::string::npos)
			start += last + 1;
		paragraph_end(out, start, 3, "\n");
		return out;
	}
	usage.newline();
	bool first = true;
	for (const auto &item : items) {
		usage.item(4, first ? item.substr(1) : item);
		first = false;
	}
	usage.newline();
	return out + usage.str();
}

std::string usage_text(const std::string &program)
{
	std::string out = "drbdsetup - Configure the DRBD kernel module.\n\nUSAGE: " + program +
			  " command {arguments} [options]\n\nCommands:\n";
	drbd::Wrapper list;

	for (const auto &command : commands()) {
		std::istringstream words(std::string("- ") + command.summary);
		std::string word;

		list.item(4, command.name);
		while (words >> word)
			list.item(8, " " + word);
		list.newline();
	}
	return out + list.str() +
	       "\nUse 'drbdsetup help command' for command-specific help.\n\n";
}

std::string xml_help_text(const Command &command)
{
	std::ostringstream out;

	out << "<command name=\"" << command.name << "\">\n"
	    << "\t<summary>" << command.summary << "</summary>\n";
	auto argument = [&](const char *indent, const char *name) {
		out << indent << "<argument>" << name << "</argument>\n";
	};
	if (command.context & ctx_all) {
		out << "\t<group>\n";
		argument("\t\t", "resource");
		argument("\t\t", "all");
		out << "\t</group>\n";
	} else if (command.context & ctx_resource) {
		argument("\t", "resource");
	}
	if (command.context & ctx_peer)
		argument("\t", "peer_node_id");
	if (command.context & ctx_minor)
		argument("\t", "minor");
	if (command.context & ctx_volume)
		argument("\t", "volume");
	for (const auto &own : command.arguments)
		argument("\t", own.name);

	auto open = [&](std::string_view name, const char *type) {
		out << "\t<option name=\"" << name << "\" type=\"" << type << "\">\n";
	};
	auto element = [&](const char *tag, const auto &value) {
		out << "\t\t<" << tag << ">" << value << "</" << tag << ">\n";
	};
	const char *close = "\t</option>\n";

	if (command.has_set_defaults()) {
		open("set-defaults", "flag");
		out << close;
	}
	for (const auto &option : command.options()) {
		if (option.is_new())
			continue;
		switch (option.kind()) {
		case Kind::boolean:
		case Kind::flag:
			open(option.name(), "boolean");
			element("default", option.default_text());
			break;
		case Kind::num:
			open(option.name(), "numeric");
			element("min", option.min());
			element("max", option.max());
			element("default", static_cast<int64_t>(option.default_value()));
			element("unit_prefix", option.scale());
			if (!option.unit().empty())
				element("unit", option.unit());
			break;
		case Kind::enumeration:
		case Kind::enumeration_i:
			open(option.name(), "handler");
			for (const auto &w : option.words())
				element("handler", w.word);
			break;
		case Kind::symnum:
			open(option.name(), "numeric-or-symbol");
			element("min", option.min());
			element("max", option.max());
			element("default", option.default_text());
			for (const auto &w : option.words())
				element("symbol", w.word);
			break;
		case Kind::str:
		case Kind::key:
		case Kind::none:
			open(option.name(), "string");
			break;
		}
		out << close;
	}
	for (const auto &option : command.plain_options) {
		if (!option.listed)
			continue;
		open(option.name, option.takes == PlainOption::nothing ? "flag" : "string");
		out << close;
	}
	out << "</command>\n";
	return out.str();
}

} // namespace drbdsetup
