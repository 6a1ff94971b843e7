/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text for humans and scripts: lines wrapped at blanks, colours, JSON strings,
 * socket addresses.  Spec: drbdsetup.md 9.2, 9.3.
 */
#ifndef DRBD_COMMON_TEXT_H
#define DRBD_COMMON_TEXT_H

#include <string>
#include <string_view>

namespace drbd {

/* Columns of stdout: of the terminal, else 80. */
unsigned int terminal_width();

/*
 * Collects items into lines.  An item that does not fit on the line any more
 * starts a new one, indented, without its leading blanks.
 */
class Wrapper {
public:
	explicit Wrapper(unsigned int width = terminal_width()) : width(width) {}

	/* @text may have leading blanks, but no newline; a continuation line is indented by @indent. */
	void item(unsigned int indent, std::string_view text);

	/* End the line. */
	void newline();

	/* As in item(), but the line break is where a line ends anyway (see help). */
	bool line_is_full() const { return column >= width; }

	const std::string &str() const { return out; }
	void clear() { out.clear(); }

private:
	unsigned int width;
	unsigned int column = 0;
	std::string out;
};

/* Colour classes of a value; local: about this node, peer: about another one. */
enum class Tone { normal, good, bad, primary, transitional };
enum class Side { local, peer };

Tone role_tone(unsigned int role);
Tone connection_tone(unsigned int cstate);
Tone disk_tone(unsigned int disk_state, bool intentional_diskless);
Tone replication_tone(unsigned int repl_state);

class Palette {
public:
	explicit Palette(bool on) : on(on) {}

	bool enabled() const { return on; }
	std::string paint(Side side, Tone tone, std::string_view text) const;

	std::string role(Side side, unsigned int role) const;
	std::string connection(unsigned int cstate) const;
	std::string disk(Side side, unsigned int disk_state, bool intentional_diskless) const;
	std::string replication(unsigned int repl_state) const;

private:
	bool on;
};

/* A JSON string literal with quotes; bytes that are not UTF-8 are replaced. */
std::string json_quote(std::string_view text);

/* "ipv4", "ipv6", "ssocks", "sdp" or "unknown" of a binary socket address. */
std::string_view address_family(const std::string &addr);
/* "10.0.0.1", "fd00::1", with "%scope" if there is one; "" if malformed. */
std::string address_host(const std::string &addr);
unsigned int address_port(const std::string &addr);
/* "ipv4:10.0.0.1:7788", "ipv6:[fd00::1]:7788"; @separator between family and the rest. */
std::string address_text(const std::string &addr, char separator = ':');

} // namespace drbd

#endif
