// SPDX-License-Identifier: GPL-2.0-only
#include "common/genl.h"

#include <poll.h>
#include <sys/socket.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/socket.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <thread>

#include <linux/drbd.h>
#include "common/schema.h"

namespace drbd::genl {

using namespace std::chrono_literals;

namespace {

constexpr auto reply_timeout = 120s;
constexpr auto lookup_timeout = 3s;

[[noreturn]] void no_memory()
{
	throw Error(20, "Out of memory");
}

void check_put(int err)
{
	if (err < 0)
		throw Error(20, std::string("Building a netlink message failed: ") + strerror(-err));
}

} // namespace

/* ------------------------------------------------------------------ Request */

void Request::Free::operator()(nl_msg *m) const { nlmsg_free(m); }

Request::Request(const Family &family, unsigned int cmd, unsigned int minor,
		 unsigned int header_flags, unsigned int flags)
	: msg(nlmsg_alloc_size(16384))
{
	if (!msg)
		no_memory();
	auto *header = static_cast<drbd_genlmsghdr *>(
		genlmsg_put(msg.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family.id,
			    sizeof(drbd_genlmsghdr), NLM_F_REQUEST | flags, cmd, family.version));
	if (!header)
		no_memory();
	header->minor = minor;
	header->flags = header_flags;
}

void Request::begin(unsigned int t)
{
	tla = t;
	nest = nla_nest_start(msg.get(), tla | NLA_F_NESTED);
	if (!nest)
		no_memory();
}

void Request::end()
{
	/* nla_nest_end() drops empty nests, but an empty one means something here. */
	nest->nla_len = static_cast<char *>(nlmsg_tail(nlmsg_hdr(msg.get()))) -
			reinterpret_cast<char *>(nest);
	nest = nullptr;
}

namespace {

/* Tools of 9.22 mark these; old kernels insist on being able to refuse what they do not know. */
int wire_type(const drbd_genl_field &field)
{
	return field.nr | (field.flags & DRBD_F_MANDATORY ? DRBD_NLA_MANDATORY : 0);
}

} // namespace

void Request::put_number(const drbd_genl_field &field, uint64_t value)
{
	int type = wire_type(field);

	switch (field.type) {
	case DRBD_T_flag:
		check_put(nla_put_u8(msg.get(), type, value != 0));
		break;
	case DRBD_T_u64:
		check_put(nla_put_u64(msg.get(), type, value));
		break;
	default:
		check_put(nla_put_u32(msg.get(), type, static_cast<uint32_t>(value)));
	}
}

void Request::put_string(const drbd_genl_field &field, const std::string &value)
{
	check_put(nla_put_string(msg.get(), wire_type(field), value.c_str()));
}

void Request::put_binary(const drbd_genl_field &field, const void *data, size_t len)
{
	check_put(nla_put(msg.get(), wire_type(field), static_cast<int>(len), data));
}

void Request::context(const std::optional<std::string> &resource,
		      const std::optional<uint32_t> &peer_node_id,
		      const std::optional<uint32_t> &volume)
{
	if (!resource && !peer_node_id && !volume)
		return;
	begin(DRBD_NLA_cfg_context);
	if (resource)
		put_string(*find_field(DRBD_NLA_cfg_context, T_ctx_resource_name), *resource);
	if (peer_node_id)
		put_number(*find_field(DRBD_NLA_cfg_context, T_ctx_peer_node_id), *peer_node_id);
	if (volume)
		put_number(*find_field(DRBD_NLA_cfg_context, T_ctx_volume), *volume);
	end();
}

/* ------------------------------------------------------------------ Message */

namespace {

/* Calls fn(raw type, number, attribute) for each well-formed attribute of a stream. */
template <class F> void for_each_attr(const void *data, int len, F fn)
{
	auto *nla = static_cast<const nlattr *>(data);

	while (nla_ok(nla, len)) {
		fn(nla->nla_type, nla->nla_type & DRBD_NLA_NR_MASK, nla);
		nla = nla_next(nla, &len);
	}
}

template <class F> void for_each_attr(const nlattr *nest, F fn)
{
	for_each_attr(nla_data(nest), nla_len(nest), fn);
}

std::string text_of(const nlattr *nla)
{
	auto *p = static_cast<const char *>(nla_data(nla));

	return {p, strnlen(p, static_cast<size_t>(nla_len(nla)))};
}

std::string bytes_of(const nlattr *nla)
{
	return {static_cast<const char *>(nla_data(nla)), static_cast<size_t>(nla_len(nla))};
}

} // namespace

Message::Message(const nlmsghdr *h) : hdr(h)
{
	constexpr int headers = GENL_HDRLEN + DRBD_GENL_HDRLEN;
	int len = nlmsg_datalen(hdr);

	if (len < headers)
		return;
	auto *data = static_cast<const char *>(nlmsg_data(hdr));
	command = reinterpret_cast<const genlmsghdr *>(data)->cmd;
	memcpy(&header, data + GENL_HDRLEN, sizeof(header));
	for_each_attr(data + headers, len - headers, [&](int, unsigned int nr, const nlattr *nla) {
		if (nr <= DRBD_NLA_MAX && !tlas[nr])
			tlas[nr] = nla;
	});
	valid = true;
}

uint32_t Message::seq() const { return hdr->nlmsg_seq; }

uint64_t Message::decode(unsigned int tla, void *dst, size_t size) const
{
	const nlattr *nest_attr = tlas.at(tla);
	uint64_t given = 0;

	if (!nest_attr)
		return 0;
	if (nest(tla).size != size)
		throw std::logic_error("structure does not belong to the attribute");

	for_each_attr(nest_attr, [&](int, unsigned int nr, const nlattr *nla) {
		const drbd_genl_field *field = find_field(tla, nr);

		if (!field)
			return;
		char *member = static_cast<char *>(dst) + field->offset;
		int len = nla_len(nla);
		switch (field->type) {
		case DRBD_T_flag:
			if (len < 1)
				return;
			*member = *static_cast<const char *>(nla_data(nla));
			break;
		case DRBD_T_u32:
		case DRBD_T_s32:
			if (len < 4)
				return;
			memcpy(member, nla_data(nla), 4);
			break;
		case DRBD_T_u64:
			if (len < 8)
				return;
			memcpy(member, nla_data(nla), 8);
			break;
		case DRBD_T_str: {
			std::string s = text_of(nla).substr(0, field->len - 1);
			memset(member, 0, field->len);
			memcpy(member, s.data(), s.size());
			break;
		}
		case DRBD_T_bin: {
			uint32_t n = std::min<uint32_t>(static_cast<uint32_t>(len), field->len);
			memcpy(static_cast<char *>(dst) + field->len_offset, &n, sizeof(n));
			memcpy(member, nla_data(nla), n);
			break;
		}
		}
		given |= 1ULL << nr;
	});
	return given;
}

std::vector<std::string> Message::info_texts() const
{
	std::vector<std::string> texts;

	if (!valid)
		return texts;
	auto *data = static_cast<const char *>(nlmsg_data(hdr));
	constexpr int headers = GENL_HDRLEN + DRBD_GENL_HDRLEN;
	/* A reply may have several of these; tlas has only the first. */
	for_each_attr(data + headers, nlmsg_datalen(hdr) - headers,
		      [&](int, unsigned int nr, const nlattr *nla) {
		if (nr != DRBD_NLA_cfg_reply)
			return;
		for_each_attr(nla, [&](int, unsigned int n, const nlattr *text) {
			if (n == T_info_text)
				texts.push_back(text_of(text));
		});
	});
	return texts;
}

std::vector<Message::PathPair> Message::path_list() const
{
	std::vector<PathPair> paths;
	std::string my_addr;

	if (!tlas[DRBD_NLA_path_parms])
		return paths;
	for_each_attr(tlas[DRBD_NLA_path_parms], [&](int, unsigned int nr, const nlattr *nla) {
		if (nr == T_my_addr)
			my_addr = bytes_of(nla);
		else if (nr == T_peer_addr)
			paths.push_back({my_addr, bytes_of(nla)});
	});
	return paths;
}

std::vector<char> Message::copy() const
{
	auto *p = reinterpret_cast<const char *>(hdr);

	return {p, p + hdr->nlmsg_len};
}

void Message::with_copy(const std::vector<char> &bytes,
			const std::function<void(const Message &)> &fn)
{
	/* A vector's memory is aligned for any type. */
	fn(Message(reinterpret_cast<const nlmsghdr *>(bytes.data())));
}

/* ------------------------------------------------------------------- Socket */

void Socket::Free::operator()(nl_sock *s) const { nl_socket_free(s); }

Socket::Socket(size_t receive_buffer) : next_seq(static_cast<uint32_t>(time(nullptr)))
{
	static const char no_family[] = "Could not connect to 'drbd' generic netlink family";

	sock.reset(nl_socket_alloc());
	if (!sock)
		no_memory();
	nl_socket_disable_auto_ack(sock.get());
	if (nl_connect(sock.get(), NETLINK_GENERIC) < 0)
		throw Error(20, no_family);

	/* Beyond net.core.rmem_max only with CAP_NET_ADMIN; best effort. */
	int size = static_cast<int>(receive_buffer);
	if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	int send_size = 128 << 10;
	(void)setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &send_size, sizeof(send_size));

	try {
		fam = lookup();
	} catch (const Error &) {
		throw Error(20, no_family);
	}
	if (fam.version != DRBD_GENL_VERSION || fam.header_size != DRBD_GENL_HDRLEN)
		throw Error(20, "API mismatch!\n\tAPI version drbdsetup: " +
			    std::to_string(DRBD_GENL_VERSION) + " kernel: " +
			    std::to_string(fam.version) + "\n\theader size drbdsetup: " +
			    std::to_string(DRBD_GENL_HDRLEN) + " kernel: " +
			    std::to_string(fam.header_size));
}

Socket::~Socket() = default;

int Socket::fd() const { return nl_socket_get_fd(sock.get()); }

uint32_t Socket::send(const Request &request)
{
	nlmsghdr *hdr = nlmsg_hdr(request.get());

	hdr->nlmsg_seq = ++next_seq;
	hdr->nlmsg_pid = nl_socket_get_local_port(sock.get());
	if (nl_sendto(sock.get(), hdr, hdr->nlmsg_len) < 0)
		throw SocketError(20, "error sending config command");
	return hdr->nlmsg_seq;
}

std::vector<char> Socket::receive_datagram(std::optional<std::chrono::milliseconds> timeout,
					   bool &timed_out)
{
	using clock = std::chrono::steady_clock;
	auto deadline = clock::now() + timeout.value_or(0ms);

	timed_out = false;
	for (;;) {
		pollfd p = {fd(), POLLIN, 0};
		int wait = -1;

		if (timeout) {
			auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline -
										 clock::now());
			wait = static_cast<int>(std::max<long long>(0, left.count()));
		}
		int n = poll(&p, 1, wait);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			throw SocketError(20, std::string("poll: ") + strerror(errno));
		}
		if (n == 0) {
			timed_out = true;
			return {};
		}

		/* How much is there?  Only the kernel's own messages count. */
		sockaddr_nl from{};
		iovec iov{};
		msghdr m{};
		m.msg_name = &from;
		m.msg_namelen = sizeof(from);
		m.msg_iov = &iov;
		m.msg_iovlen = 1;
		std::vector<char> buffer(8192);
		iov = {buffer.data(), buffer.size()};
		ssize_t len = recvmsg(fd(), &m, MSG_PEEK | MSG_TRUNC);
		if (len > static_cast<ssize_t>(buffer.size())) {
			buffer.resize(static_cast<size_t>(len));
			iov = {buffer.data(), buffer.size()};
		}
		if (len >= 0) {
			m.msg_name = &from;
			m.msg_namelen = sizeof(from);
			len = recvmsg(fd(), &m, 0);
		}
		if (len < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			if (errno == ENOBUFS)
				throw SocketError(20, "error desciption: packets droped, "
						      "socket receive buffer overrun");
			throw SocketError(20, std::string("error receiving: ") + strerror(errno));
		}
		if (len == 0)
			throw SocketError(20, "netlink connection closed");
		if (from.nl_pid != 0)
			continue;
		buffer.resize(static_cast<size_t>(len));
		return buffer;
	}
}

/* Throws for an NLMSG_ERROR that is not an acknowledgement. */
void Socket::check_error(const nlmsghdr *hdr) const
{
	if (nlmsg_datalen(hdr) < static_cast<int>(sizeof(int)))
		throw SocketError(20, "truncated netlink error");
	int err;
	memcpy(&err, nlmsg_data(hdr), sizeof(err));
	if (err)
		throw SocketError(20, strerror(-err));
}

Family Socket::lookup()
{
	Family family;
	std::unique_ptr<nl_msg, decltype(&nlmsg_free)> msg(nlmsg_alloc(), nlmsg_free);

	if (!msg || !genlmsg_put(msg.get(), NL_AUTO_PORT, NL_AUTO_SEQ, GENL_ID_CTRL, 0,
				 NLM_F_REQUEST, CTRL_CMD_GETFAMILY, 1))
		no_memory();
	check_put(nla_put_string(msg.get(), CTRL_ATTR_FAMILY_NAME, DRBD_GENL_NAME));
	nlmsghdr *request = nlmsg_hdr(msg.get());
	request->nlmsg_seq = ++next_seq;
	request->nlmsg_pid = nl_socket_get_local_port(sock.get());
	if (nl_sendto(sock.get(), request, request->nlmsg_len) < 0)
		throw SocketError(20, "send");

	for (;;) {
		bool timed_out;
		auto buffer = receive_datagram(lookup_timeout, timed_out);
		if (timed_out)
			throw SocketError(20, "timeout");
		int len = static_cast<int>(buffer.size());
		for (auto *hdr = reinterpret_cast<nlmsghdr *>(buffer.data()); nlmsg_ok(hdr, len);
		     hdr = nlmsg_next(hdr, &len)) {
			if (hdr->nlmsg_seq != request->nlmsg_seq)
				continue;
			if (hdr->nlmsg_type == NLMSG_ERROR)
				check_error(hdr);
			if (hdr->nlmsg_type != GENL_ID_CTRL || nlmsg_datalen(hdr) < int{GENL_HDRLEN})
				continue;
			auto *data = static_cast<const char *>(nlmsg_data(hdr)) + GENL_HDRLEN;
			for_each_attr(data, nlmsg_datalen(hdr) - GENL_HDRLEN,
				      [&](int, unsigned int nr, const nlattr *nla) {
				switch (nr) {
				case CTRL_ATTR_FAMILY_ID:
					if (nla_len(nla) >= 2)
						family.id = nla_get_u16(nla);
					break;
				case CTRL_ATTR_VERSION:
					if (nla_len(nla) >= 4)
						family.version = nla_get_u32(nla);
					break;
				case CTRL_ATTR_HDRSIZE:
					if (nla_len(nla) >= 4)
						family.header_size = nla_get_u32(nla);
					break;
				case CTRL_ATTR_OPS:
					for_each_attr(nla, [&](int, unsigned int, const nlattr *op) {
						for_each_attr(op, [&](int, unsigned int n,
								      const nlattr *id) {
							if (n == CTRL_ATTR_OP_ID && nla_len(id) >= 4)
								family.ops.insert(nla_get_u32(id));
						});
					});
					break;
				case CTRL_ATTR_MCAST_GROUPS:
					for_each_attr(nla, [&](int, unsigned int, const nlattr *grp) {
						std::string name;
						unsigned int id = 0;
						for_each_attr(grp, [&](int, unsigned int n,
								       const nlattr *a) {
							if (n == CTRL_ATTR_MCAST_GRP_NAME)
								name = text_of(a);
							else if (n == CTRL_ATTR_MCAST_GRP_ID &&
								 nla_len(a) >= 4)
								id = nla_get_u32(a);
						});
						if (name == DRBD_GENL_GROUP)
							family.events_group = id;
					});
					break;
				}
			});
			return family;
		}
	}
}

Result Socket::request(const Request &request)
{
	auto pause = 62500us;

	for (;;) {
		uint32_t seq = send(request);
		std::optional<Result> result;

		while (!result) {
			bool timed_out;
			auto buffer = receive_datagram(reply_timeout, timed_out);
			if (timed_out)
				throw SocketError(20, "timed out waiting for reply");
			int len = static_cast<int>(buffer.size());
			for (auto *hdr = reinterpret_cast<nlmsghdr *>(buffer.data());
			     nlmsg_ok(hdr, len); hdr = nlmsg_next(hdr, &len)) {
				if (hdr->nlmsg_seq != seq)
					continue;
				if (hdr->nlmsg_type == NLMSG_ERROR) {
					check_error(hdr);
					continue;
				}
				if (hdr->nlmsg_type != fam.id)
					continue;
				Message message(hdr);
				if (message.truncated())
					throw SocketError(20, "truncated reply from the kernel");
				Result r;
				r.ret_code = message.ret_code();
				r.info_texts = message.info_texts();
				timeout_parms parms{};
				if (message.get(DRBD_NLA_timeout_parms, parms))
					r.timeout_type = parms.timeout_type;
				result = std::move(r);
			}
		}
		if (result->ret_code != SS_IN_TRANSIENT_STATE)
			return *result;
		std::this_thread::sleep_for(pause);
		pause = std::min<std::chrono::microseconds>(pause * 2, 10s);
	}
}

void Socket::dump(unsigned int cmd, const std::optional<std::string> &name, const Handler &handler,
		  const Handler &other)
{
	Request request(fam, cmd, DRBD_MINOR_NONE, 0, NLM_F_DUMP);

	request.context(name);
	uint32_t seq = send(request);
	bool done = false;
	while (!done) {
		auto got = receive([&](const Message &message) {
			if (message.seq() != seq) {
				if (other)
					other(message);
				return;
			}
			if (message.ret_code() != NO_ERROR)
				throw DumpRefused({message.ret_code(), message.info_texts(), {}});
			handler(message);
		}, reply_timeout);
		if (got == Got::timeout)
			throw SocketError(20, "timed out waiting for reply");
		done = got == Got::done;
	}
}

void Socket::subscribe()
{
	int group = static_cast<int>(fam.events_group);
	int ctrl_group = GENL_ID_CTRL;

	if (!group || setsockopt(fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		throw SocketError(20, std::string("Could not join the multicast group: ") +
				  strerror(errno));
	if (setsockopt(fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &ctrl_group, sizeof(ctrl_group)))
		throw SocketError(20, std::string("Could not join the control group: ") +
				  strerror(errno));
	subscribed = true;
}

Socket::Got Socket::receive(const Handler &handler,
			    std::optional<std::chrono::milliseconds> timeout)
{
	bool timed_out;
	auto buffer = receive_datagram(timeout, timed_out);
	Got got = Got::message;

	if (timed_out)
		return Got::timeout;
	int len = static_cast<int>(buffer.size());
	for (auto *hdr = reinterpret_cast<nlmsghdr *>(buffer.data()); nlmsg_ok(hdr, len);
	     hdr = nlmsg_next(hdr, &len)) {
		if (hdr->nlmsg_type == NLMSG_ERROR) {
			check_error(hdr);
		} else if (hdr->nlmsg_type == NLMSG_DONE) {
			int err = 0;
			if (nlmsg_datalen(hdr) >= static_cast<int>(sizeof(err)))
				memcpy(&err, nlmsg_data(hdr), sizeof(err));
			if (err)
				throw SocketError(20, std::string("received netlink error reply: ") +
						  strerror(-err));
			got = Got::done;
		} else if (hdr->nlmsg_type == GENL_ID_CTRL && subscribed) {
			if (nlmsg_datalen(hdr) < int{GENL_HDRLEN})
				continue;
			auto *data = static_cast<const char *>(nlmsg_data(hdr));
			auto cmd = reinterpret_cast<const genlmsghdr *>(data)->cmd;
			unsigned int id = 0;
			for_each_attr(data + GENL_HDRLEN, nlmsg_datalen(hdr) - GENL_HDRLEN,
				      [&](int, unsigned int nr, const nlattr *nla) {
				if (nr == CTRL_ATTR_FAMILY_ID && nla_len(nla) >= 2)
					id = nla_get_u16(nla);
			});
			if (id == fam.id && (cmd == CTRL_CMD_DELFAMILY || cmd == CTRL_CMD_DELMCAST_GRP))
				throw FamilyGone();
		} else if (hdr->nlmsg_type == fam.id) {
			Message message(hdr);
			if (!message.truncated())
				handler(message);
		}
	}
	return got;
}

} // namespace drbd::genl
