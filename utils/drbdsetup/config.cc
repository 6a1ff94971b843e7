// SPDX-License-Identifier: GPL-2.0-only
/* The commands that change something: one request each, and down. */
#include "command.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include <linux/drbd.h>
#include "files.h"
#include "keys.h"

namespace drbdsetup {

using drbd::Kind;
using drbd::genl::Request;
using drbd::genl::Result;

namespace {

void put_option(Request &request, const drbd::Option &option,
		const std::optional<std::string> &given)
{
	const std::string text = given.value_or("yes");

	auto invalid = [&]() {
		return Error(20, "Option --" + std::string(option.name()) + ": invalid argument '" +
			     text + "'");
	};

	switch (option.kind()) {
	case Kind::num:
		request.put_number(option.field(), number_argument(text, option.scale()));
		return;
	case Kind::str:
		request.put_string(option.field(), text);
		return;
	case Kind::key: {
		auto serial = find_key(std::string(option.words()[0].word), text);
		if (!serial)
			throw invalid();
		request.put_number(option.field(), static_cast<uint32_t>(*serial));
		return;
	}
	default:
		break;
	}

	drbd::Checked c = option.meaning(text);
	if (!c)
		throw invalid();
	/* Mentioning a flag, whatever its value, must not set it. */
	if (option.kind() == Kind::flag && !c.value)
		return;
	request.put_number(option.field(), c.value);
}

void check_block_device(const std::string &path)
{
	struct stat st;
	int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);

	if (fd < 0)
		throw Error(20, "Can not open device '" + path + "': " + strerror(errno));
	int err = fstat(fd, &st) < 0 ? errno : 0;
	close(fd);
	if (err)
		throw Error(20, "fstat(" + path + "): " + strerror(err));
	if (!S_ISBLK(st.st_mode))
		throw Error(20, path + " is not a block device!");
}

void put_argument(Request &request, unsigned int nest, const OwnArgument &argument,
		  const std::string &text)
{
	const drbd_genl_field &field = *drbd::find_field(nest, argument.attr);

	switch (argument.type) {
	case OwnArgument::block_device:
		check_block_device(text);
		request.put_string(field, text);
		break;
	case OwnArgument::meta_index:
		if (text == "internal")
			request.put_number(field, static_cast<uint64_t>(-3));
		else if (text == "flexible")
			request.put_number(field, static_cast<uint64_t>(-2));
		else
			request.put_number(field, number_argument(text, '1'));
		break;
	case OwnArgument::number:
		request.put_number(field, number_argument(text, '1'));
		break;
	case OwnArgument::address: {
		std::string address = address_argument(text);
		request.put_binary(field, address.data(), address.size());
		break;
	}
	case OwnArgument::text:
		request.put_string(field, text);
		break;
	}
}

Result send_config(Invocation &inv)
{
	const Command &command = inv.command;
	Request request(inv.socket->family(), command.op, inv.minor.value_or(DRBD_MINOR_NONE),
			inv.set_defaults ? DRBD_GENL_F_SET_DEFAULTS : 0);

	request.context(inv.resource, inv.peer_node_id, inv.volume);
	if (command.nest() && (!inv.given.empty() || !command.arguments.empty())) {
		request.begin(command.nest());
		for (const auto &given : inv.given)
			put_option(request, *given.option, given.value);
		for (size_t i = 0; i < command.arguments.size(); i++)
			put_argument(request, command.nest(), command.arguments[i],
				     inv.arguments[i]);
		request.end();
	}
	return inv.socket->request(request);
}

} // namespace

int run_config(Invocation &inv)
{
	return report_result(inv.object_name, send_config(inv));
}

int run_new_minor(Invocation &inv)
{
	std::string n = std::to_string(*inv.minor);

	/* A device that is still being torn down would make the kernel's sysfs code complain. */
	for (const std::string &path : {"/sys/devices/virtual/block/drbd" + n,
					"/sys/devices/virtual/bdi/" + std::to_string(DRBD_MAJOR) +
					":" + n, "/sys/block/drbd" + n}) {
		struct stat st;
		if (lstat(path.c_str(), &st) < 0)
			continue;
		std::string text = "new-minor " + *inv.resource + " " + n + " " +
				   std::to_string(*inv.volume) + ": sysfs node '" + path +
				   "' (already? still?) exists";
		syslog(LOG_ERR, "%s", text.c_str());
		std::cerr << text << '\n';
		return report_result(inv.object_name, {ERR_MINOR_OR_VOLUME_EXISTS, {}, {}});
	}
	return run_config(inv);
}

int run_del_minor(Invocation &inv)
{
	int rc = run_config(inv);

	if (rc == 0)
		unregister_minor(*inv.minor);
	return rc;
}

int run_del_resource(Invocation &inv)
{
	int rc = run_config(inv);

	if (rc == 0)
		unregister_resource(*inv.resource);
	return rc;
}

int run_down(Invocation &inv)
{
	std::vector<std::string> names;
	int exit_code = 0;

	inv.socket->dump(DRBD_CMD_GET_RESOURCES, {}, [&](const auto &message) {
		cfg_context ctx{};
		message.get(DRBD_NLA_cfg_context, ctx);
		if (!inv.resource || *inv.resource == ctx.ctx_resource_name)
			names.emplace_back(ctx.ctx_resource_name);
	});

	for (const auto &name : names) {
		std::vector<unsigned int> minors;
		try {
			inv.socket->dump(DRBD_CMD_GET_DEVICES, name, [&](const auto &message) {
				minors.push_back(message.minor());
			});
		} catch (const drbd::genl::DumpRefused &refused) {
			/* Gone in the meantime is what was wanted. */
			if (refused.result.ret_code != ERR_RES_NOT_KNOWN)
				throw;
			continue;
		}

		Request request(inv.socket->family(), DRBD_CMD_DOWN);
		request.context(name);
		Result result = inv.socket->request(request);
		int rc = 0;
		if (result.ret_code != ERR_RES_NOT_KNOWN)
			rc = report_result(inv.resource ? inv.object_name : name, result);
		if (rc == 0) {
			for (unsigned int minor : minors)
				unregister_minor(minor);
			unregister_resource(name);
		} else if (exit_code == 0) {
			exit_code = rc;
		}
	}
	return exit_code;
}

} // namespace drbdsetup
