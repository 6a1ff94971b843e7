// SPDX-License-Identifier: GPL-2.0-only
#include "command.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>

#include <linux/drbd.h>

namespace drbdsetup {

namespace {

const PlainOption set_defaults_option = {"set-defaults", 0, PlainOption::nothing};

/* What one entry of getopt_long()'s table stands for. */
struct Entry {
	std::optional<drbd::Option> option;
	const PlainOption *plain;
};

int has_arg(const drbd::Option &option)
{
	return option.kind() == drbd::Kind::boolean || option.kind() == drbd::Kind::flag ?
	       optional_argument : required_argument;
}

int has_arg(const PlainOption &option)
{
	switch (option.takes) {
	case PlainOption::nothing: return no_argument;
	case PlainOption::value: return required_argument;
	case PlainOption::optional_value: return optional_argument;
	}
	return no_argument;
}

} // namespace

Invocation scan_arguments(const Command &command, int argc, char **argv)
{
	std::vector<Entry> entries;
	std::vector<struct option> longopts;
	std::string shortopts;
	/* Long options are told by values above those of characters. */
	constexpr int first_long = 256;

	auto add = [&](const char *name, int arg, Entry entry) {
		longopts.push_back({name, arg, nullptr,
				    first_long + static_cast<int>(entries.size())});
		entries.push_back(entry);
	};

	if (command.has_set_defaults())
		add(set_defaults_option.name, no_argument, {{}, &set_defaults_option});
	for (const auto &option : command.options()) {
		add(option.name().data(), has_arg(option), {option, nullptr});
		if (command.alias && option.name() == command.alias_for)
			add(command.alias, has_arg(option), {option, nullptr});
	}
	for (const auto &option : command.plain_options) {
		add(option.name, has_arg(option), {{}, &option});
		if (option.short_name) {
			shortopts += option.short_name;
			shortopts.append(static_cast<size_t>(has_arg(option)), ':');
		}
	}
	longopts.push_back({});

	Invocation inv(command);
	optind = 0;
	for (;;) {
		int c = getopt_long(argc, argv, shortopts.c_str(), longopts.data(), nullptr);
		if (c == -1)
			break;
		if (c == '?' || c == ':')
			throw UsageError("");
		Entry entry{};
		if (c >= first_long)
			entry = entries[static_cast<size_t>(c - first_long)];
		else
			for (const auto &option : command.plain_options)
				if (option.short_name == c)
					entry.plain = &option;
		if (entry.plain == &set_defaults_option) {
			inv.set_defaults = true;
			continue;
		}
		std::optional<std::string> value;
		if (optarg)
			value = optarg;
		inv.given.push_back({entry.option, entry.plain, value});
	}
	/* getopt_long() has put the words behind the options. */
	inv.option_words = static_cast<size_t>(optind) - 1;
	inv.words.assign(argv + optind, argv + argc);
	if (!inv.words.empty())
		inv.object_name = inv.words[0];
	else if (command.context & ctx_all)
		inv.object_name = "all";
	return inv;
}

void parse_context(Invocation &inv)
{
	const Command &command = inv.command;
	size_t next = 0;

	auto word = [&]() -> const std::string & {
		if (next >= inv.words.size())
			throw CommandUsageError(command, "Missing argument " +
						std::to_string(inv.option_words + next + 1) +
						" to command");
		return inv.words[next++];
	};

	if (command.context & ctx_resource) {
		bool may_be_all = command.context & ctx_all;

		if (may_be_all && inv.words.empty())
			return;
		const std::string &name = word();
		if (name == "all") {
			if (!may_be_all)
				throw UsageError("command does not accept argument 'all'");
		} else {
			if (name.empty())
				throw Error(1, "Resource name is empty.");
			if (std::ranges::any_of(name, [](unsigned char c) {
				    return c < 0x20 || c == 0x7f; }))
				throw Error(1, "Resource name is invalid - please don't use control "
					       "characters.");
			if (name.size() >= 128)
				throw Error(1, "Resource name is too long.");
			inv.resource = name;
		}
	}
	if (command.context & ctx_peer)
		inv.peer_node_id = static_cast<uint32_t>(number_argument(word(), '1'));
	if (command.context & ctx_minor)
		inv.minor = minor_argument(word());
	if (command.context & ctx_volume)
		inv.volume = static_cast<uint32_t>(number_argument(word(), '1'));
	inv.arguments.assign(inv.words.begin() + static_cast<ptrdiff_t>(next), inv.words.end());
	if (inv.arguments.size() < command.arguments.size())
		throw CommandUsageError(command, std::string("Missing argument '") +
					command.arguments[inv.arguments.size()].name + "'");
	if (!(command.flags & tolerates_surplus) && command.op)
		no_more_arguments(inv, command.arguments.size());
}

void no_more_arguments(const Invocation &inv, size_t max)
{
	if (inv.arguments.size() <= max)
		return;
	std::string text = "Excess arguments:";
	for (size_t i = max; i < inv.arguments.size(); i++)
		text += " " + inv.arguments[i];
	std::cout << '\n';
	throw Error(20, text);
}

void no_surplus_words(const Invocation &inv)
{
	no_more_arguments(inv, 1);
	if (!inv.arguments.empty()) {
		std::cout << '\n';
		throw Error(20, "Excess arguments:");
	}
}

uint64_t number_argument(const std::string &text, char scale)
{
	drbd::Number number = drbd::parse_number(text, scale);

	switch (number.fault) {
	case drbd::NumberFault::none:
		return number.value;
	case drbd::NumberFault::empty:
		throw Error(100, "missing number argument");
	case drbd::NumberFault::not_a_number:
	case drbd::NumberFault::bad_unit:
		throw Error(20, text + " is not a valid number");
	case drbd::NumberFault::overflow:
		break;
	}
	throw Error(20, text + ": out of range");
}

unsigned int minor_argument(const std::string &text)
{
	static const std::string prefix = "/dev/drbd";
	std::string digits = text.starts_with(prefix) ? text.substr(prefix.size()) : text;
	struct stat st;

	if (!digits.empty() && digits.size() <= 10 &&
	    std::ranges::all_of(digits, [](unsigned char c) { return c >= '0' && c <= '9'; })) {
		uint64_t minor = std::stoull(digits);
		if (minor < DRBD_MINOR_NONE)
			return static_cast<unsigned int>(minor);
	} else if (text.starts_with('/') && stat(text.c_str(), &st) == 0 && S_ISBLK(st.st_mode) &&
		   major(st.st_rdev) == DRBD_MAJOR) {
		return minor(st.st_rdev);
	}
	throw Error(20, "Cannot determine minor device number of device '" + text + "'");
}

/* ---------------------------------------------------------------- addresses */

namespace {

uint16_t port_argument(const std::string &text)
{
	return htons(static_cast<uint16_t>(number_argument(text, '1')));
}

std::string ipv6_address(const std::string &text)
{
	std::string host, port;

	if (text.starts_with('[')) {
		size_t close = text.find(']');
		if (close == text.npos)
			throw Error(20, "unexpected ipv6 format: " + text);
		host = text.substr(1, close - 1);
		port = text.substr(close + 1);
		if (!port.empty()) {
			if (port[0] != ':')
				throw Error(20, "unexpected ipv6 format: " + text);
			port.erase(0, 1);
		}
	} else {
		size_t colon = text.rfind(':');
		if (colon == text.npos || text.find(':') == colon)
			throw Error(20, "unexpected ipv6 format: " + text);
		host = text.substr(0, colon);
		port = text.substr(colon + 1);
		std::cerr << "interpreting ipv6:" << text << " as ipv6:[" << host << "]:" << port
			  << '\n';
	}

	addrinfo hints{};
	addrinfo *list = nullptr;
	hints.ai_family = AF_INET6;
	hints.ai_socktype = SOCK_STREAM;
	int err = getaddrinfo(host.c_str(), nullptr, &hints, &list);
	if (err)
		throw Error(20, "getaddrinfo " + host + ": " + gai_strerror(err));
	sockaddr_in6 sa{};
	memcpy(&sa, list->ai_addr, sizeof(sa));
	freeaddrinfo(list);
	sa.sin6_port = port.empty() ? htons(DRBD_DEFAULT_PORT) : port_argument(port);
	return {reinterpret_cast<char *>(&sa), sizeof(sa)};
}

uint16_t find_ssocks_family()
{
	for (const char *path : {"/proc/net/af_ssocks/family", "/proc/net/af_sci/family"}) {
		std::ifstream file(path);
		uint16_t family;
		if (file >> family)
			return family;
	}
	std::cerr << "open(/proc/net/af_ssocks/family) failed: No such file or directory\n"
		     " WARNING: assuming AF_SSOCKS = 27. Socket creation may fail.\n";
	return 27;
}

/* Asked for once, so that the warning comes once. */
uint16_t ssocks_family()
{
	static const uint16_t family = find_ssocks_family();

	return family;
}

std::string ipv4_address(const std::string &text, uint16_t family)
{
	size_t colon = text.find(':');
	std::string host = text.substr(0, colon);
	sockaddr_in sa{};

	sa.sin_family = family;
	sa.sin_port = htons(DRBD_DEFAULT_PORT);
	if (colon != text.npos)
		sa.sin_port = port_argument(text.substr(colon + 1));
	if (inet_pton(AF_INET, host.c_str(), &sa.sin_addr) != 1) {
		hostent *entry = gethostbyname(host.c_str());
		if (!entry || entry->h_addrtype != AF_INET)
			throw Error(20, "can not resolve the hostname: gethostbyname(" + host +
				    "): " + hstrerror(h_errno));
		memcpy(&sa.sin_addr, entry->h_addr_list[0], sizeof(sa.sin_addr));
	}
	return {reinterpret_cast<char *>(&sa), sizeof(sa)};
}

} // namespace

std::string address_argument(const std::string &text)
{
	std::string rest = text;

	auto strip = [&](const char *prefix) {
		if (!rest.starts_with(prefix))
			return false;
		rest.erase(0, strlen(prefix));
		return true;
	};

	if (!strip("local:"))
		strip("peer:");
	if (strip("ipv6:"))
		return ipv6_address(rest);
	if (strip("sdp:"))
		return ipv4_address(rest, 27);
	if (strip("ssocks:"))
		return ipv4_address(rest, ssocks_family());
	strip("ipv4:");
	return ipv4_address(rest, AF_INET);
}

} // namespace drbdsetup
