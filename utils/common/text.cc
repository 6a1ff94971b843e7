// SPDX-License-Identifier: GPL-2.0-only
#include "common/text.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include <linux/drbd.h>
#include "common/schema.h"

namespace drbd {

unsigned int terminal_width()
{
	winsize size{};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return 80;
}

void Wrapper::item(unsigned int indent, std::string_view text)
{
	if (column && column + text.size() > width) {
		newline();
		auto first = text.find_first_not_of(' ');
		text.remove_prefix(first == text.npos ? text.size() : first);
	}
	if (!column) {
		out.append(indent, ' ');
		column = indent;
	}
	out += text;
	column += static_cast<unsigned int>(text.size());
}

void Wrapper::newline()
{
	out += '\n';
	column = 0;
}

/* ------------------------------------------------------------------ colours */

Tone role_tone(unsigned int role)
{
	return role == R_PRIMARY ? Tone::primary :
	       role == R_SECONDARY ? Tone::normal : Tone::transitional;
}

Tone connection_tone(unsigned int cstate)
{
	return cstate == C_STANDALONE || cstate == C_CONNECTING ? Tone::bad :
	       cstate == C_CONNECTED ? Tone::normal : Tone::transitional;
}

Tone disk_tone(unsigned int disk_state, bool intentional_diskless)
{
	switch (disk_state) {
	case D_UP_TO_DATE:
		return Tone::good;
	case D_DISKLESS:
		return intentional_diskless ? Tone::good : Tone::bad;
	case D_INCONSISTENT:
	case D_OUTDATED:
		return Tone::bad;
	}
	return Tone::transitional;
}

Tone replication_tone(unsigned int repl_state)
{
	switch (repl_state) {
	case L_SYNC_SOURCE:
	case L_SYNC_TARGET:
	case L_PAUSED_SYNC_T:
		return Tone::bad;
	case L_ESTABLISHED:
	case L_VERIFY_S:
	case L_VERIFY_T:
	case L_PAUSED_SYNC_S:
	case L_AHEAD:
		return Tone::normal;
	}
	return Tone::transitional;
}

std::string Palette::paint(Side side, Tone tone, std::string_view text) const
{
	const char *code = nullptr;

	switch (tone) {
	case Tone::normal: break;
	case Tone::good: code = side == Side::local ? "1;32" : "32"; break;
	case Tone::bad: code = side == Side::local ? "1;31" : "31"; break;
	case Tone::primary: code = side == Side::local ? "1;36" : "36"; break;
	case Tone::transitional: code = side == Side::local ? "1" : nullptr; break;
	}
	if (!on || !code)
		return std::string(text);
	std::string painted = "\033[";
	painted += code;
	painted += 'm';
	painted += text;
	painted += "\033[0m";
	return painted;
}

std::string Palette::role(Side side, unsigned int role) const
{
	return paint(side, role_tone(role), role_name(role));
}

std::string Palette::connection(unsigned int cstate) const
{
	return paint(Side::local, connection_tone(cstate), conn_name(cstate));
}

std::string Palette::disk(Side side, unsigned int disk_state, bool intentional_diskless) const
{
	return paint(side, disk_tone(disk_state, intentional_diskless), disk_name(disk_state));
}

std::string Palette::replication(unsigned int repl_state) const
{
	Side side = repl_state == L_SYNC_TARGET || repl_state == L_PAUSED_SYNC_T ||
		    repl_state == L_BEHIND ? Side::local : Side::peer;

	return paint(side, replication_tone(repl_state), repl_name(repl_state));
}

/* --------------------------------------------------------------------- JSON */

std::string json_quote(std::string_view text)
{
	return nlohmann::json(std::string(text)).dump(-1, ' ', false,
						      nlohmann::json::error_handler_t::replace);
}

/* ---------------------------------------------------------------- addresses */

namespace {

/* Without a registered family, "ssocks" has no number of its own to be told by. */
int registered_ssocks_family()
{
	for (const char *path : {"/proc/net/af_ssocks/family", "/proc/net/af_sci/family"}) {
		std::ifstream f(path);
		int family;
		if (f >> family)
			return family;
	}
	return -1;
}

unsigned int family_of(const std::string &addr)
{
	uint16_t family = 0;

	if (addr.size() >= sizeof(family))
		memcpy(&family, addr.data(), sizeof(family));
	return family;
}

constexpr unsigned int af_sdp = 27;

} // namespace

std::string_view address_family(const std::string &addr)
{
	unsigned int family = family_of(addr);

	if (family == AF_INET)
		return "ipv4";
	if (family == AF_INET6)
		return "ipv6";
	if (addr.size() >= 2 && static_cast<int>(family) == registered_ssocks_family())
		return "ssocks";
	if (family == af_sdp)
		return "sdp";
	return "unknown";
}

std::string address_host(const std::string &addr)
{
	char text[INET6_ADDRSTRLEN];

	if (family_of(addr) == AF_INET6) {
		sockaddr_in6 sa{};
		if (addr.size() < sizeof(sa))
			return "";
		memcpy(&sa, addr.data(), sizeof(sa));
		inet_ntop(AF_INET6, &sa.sin6_addr, text, sizeof(text));
		std::string host = text;
		if (sa.sin6_scope_id) {
			char name[IF_NAMESIZE];
			host += '%';
			host += if_indextoname(sa.sin6_scope_id, name) ?
				name : std::to_string(sa.sin6_scope_id);
		}
		return host;
	}
	sockaddr_in sa{};
	if (addr.size() < sizeof(sa))
		return "";
	memcpy(&sa, addr.data(), sizeof(sa));
	inet_ntop(AF_INET, &sa.sin_addr, text, sizeof(text));
	return text;
}

unsigned int address_port(const std::string &addr)
{
	uint16_t port = 0;	/* in the same place in either layout */

	if (addr.size() >= 4)
		memcpy(&port, addr.data() + 2, sizeof(port));
	return ntohs(port);
}

std::string address_text(const std::string &addr, char separator)
{
	std::string host = address_host(addr);

	if (family_of(addr) == AF_INET6)
		host = "[" + host + "]";
	return std::string(address_family(addr)) + separator + host + ':' +
	       std::to_string(address_port(addr));
}

} // namespace drbd
