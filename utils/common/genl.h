/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client of the "drbd" generic-netlink family: requests out, messages in,
 * nests to the structures of the schema.  Spec: netlink.md 1-3, 8-10, 13.
 */
#ifndef DRBD_COMMON_GENL_H
#define DRBD_COMMON_GENL_H

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <linux/drbd_genl.h>
#include "common/error.h"

struct nl_msg;
struct nl_sock;
struct nlattr;
struct nlmsghdr;

namespace drbd::genl {

/* The kernel (or the socket) refused: errno style, or a whole text. */
class SocketError : public Error {
public:
	using Error::Error;
};

/* The family was unregistered while we listened. */
class FamilyGone : public Error {
public:
	FamilyGone() : Error(0, "") {}
};

struct Family {
	unsigned int id = 0;
	unsigned int version = 0;
	unsigned int header_size = 0;
	unsigned int events_group = 0;
	std::set<unsigned int> ops;
};

/* A request under construction. */
class Request {
public:
	/* @flags: netlink flags besides NLM_F_REQUEST; @header_flags: DRBD_GENL_F_*. */
	Request(const Family &family, unsigned int cmd, unsigned int minor = DRBD_MINOR_NONE,
		unsigned int header_flags = 0, unsigned int flags = 0);

	/* Start and end a top-level attribute; an empty one is sent as such. */
	void begin(unsigned int tla);
	void end();

	/* A field of the nest that was begun, by its schema entry. */
	void put_number(const drbd_genl_field &field, uint64_t value);
	void put_string(const drbd_genl_field &field, const std::string &value);
	void put_binary(const drbd_genl_field &field, const void *data, size_t len);

	/* CFG_CONTEXT with what is given; nothing is sent if nothing is. */
	void context(const std::optional<std::string> &resource,
		     const std::optional<uint32_t> &peer_node_id = std::nullopt,
		     const std::optional<uint32_t> &volume = std::nullopt);

	nl_msg *get() const { return msg.get(); }

private:
	struct Free { void operator()(nl_msg *m) const; };
	std::unique_ptr<nl_msg, Free> msg;
	unsigned int tla = 0;
	nlattr *nest = nullptr;
};

/* One message from the kernel; valid only during the callback that gets it. */
class Message {
public:
	explicit Message(const nlmsghdr *hdr);

	uint32_t seq() const;
	bool truncated() const { return !valid; }	/* too short for our headers */
	unsigned int cmd() const { return command; }
	uint32_t minor() const { return header.minor; }
	int ret_code() const { return header.ret_code; }

	bool has(unsigned int tla) const { return tlas.at(tla) != nullptr; }

	/*
	 * Fill @dst from a nest; members that are missing or malformed stay as they
	 * are.  Returns a bit per attribute number that was found; 0 without the nest.
	 */
	template <class T> uint64_t get(unsigned int tla, T &dst) const
	{
		static_assert(std::is_trivially_copyable_v<T>);
		return decode(tla, &dst, sizeof(T));
	}

	/* Every info_text of every CFG_REPLY, in order. */
	std::vector<std::string> info_texts() const;

	struct PathPair { std::string my_addr, peer_addr; };	/* binary socket addresses */

	/* The pairs in a connection's PATH_PARMS. */
	std::vector<PathPair> path_list() const;

	/* The message as bytes, to be looked at later. */
	std::vector<char> copy() const;
	static void with_copy(const std::vector<char> &bytes,
			      const std::function<void(const Message &)> &fn);

private:
	uint64_t decode(unsigned int tla, void *dst, size_t size) const;

	const nlmsghdr *hdr;
	bool valid = false;
	unsigned int command = 0;
	drbd_genlmsghdr header{};
	std::array<const nlattr *, DRBD_NLA_MAX + 1> tlas{};
};

/* What came back from a configuration command. */
struct Result {
	int ret_code = 0;
	std::vector<std::string> info_texts;
	std::optional<uint32_t> timeout_type;	/* of GET_TIMEOUT_TYPE */
};

/* A dump ended with a ret_code other than 101. */
class DumpRefused : public Error {
public:
	explicit DumpRefused(Result r) : Error(20, ""), result(std::move(r)) {}
	Result result;
};

class Socket {
public:
	/*
	 * Connect and look the family up.  Throws Error (exit 20) with the texts of
	 * drbdsetup.md 2.1 when it is not there or speaks another version.
	 */
	explicit Socket(size_t receive_buffer = 1 << 20);
	~Socket();
	Socket(const Socket &) = delete;
	Socket &operator=(const Socket &) = delete;

	const Family &family() const { return fam; }
	int fd() const;

	/* Send a request; returns its sequence number. */
	uint32_t send(const Request &request);

	/*
	 * Send and wait for the reply, up to 120 s per datagram.  -18 (in transient
	 * state) is retried with pauses from 62.5 ms doubling to 10 s.
	 */
	Result request(const Request &request);

	using Handler = std::function<void(const Message &)>;

	/*
	 * Run a dump of @cmd, of one resource if @name is given; @handler gets each
	 * object's message, @other (if any) what else arrives meanwhile.
	 */
	void dump(unsigned int cmd, const std::optional<std::string> &name, const Handler &handler,
		  const Handler &other = {});

	/* Join the multicast group "events", and notice when the family goes away. */
	void subscribe();

	enum class Got { message, done, timeout };

	/*
	 * Wait for one datagram, at most @timeout (nullopt: for ever); hand its
	 * messages to @handler.  Got::done if it held the end of a dump.
	 * Throws FamilyGone, or SocketError.
	 */
	Got receive(const Handler &handler, std::optional<std::chrono::milliseconds> timeout);

private:
	Family lookup();
	std::vector<char> receive_datagram(std::optional<std::chrono::milliseconds> timeout,
					   bool &timed_out);
	void check_error(const nlmsghdr *hdr) const;

	struct Free { void operator()(nl_sock *s) const; };
	std::unique_ptr<nl_sock, Free> sock;
	uint32_t next_seq;
	Family fam;
	bool subscribed = false;
};

} // namespace drbd::genl

#endif
