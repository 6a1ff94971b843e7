// SPDX-License-Identifier: GPL-2.0-only
/* drbdsetup show, text and JSON (drbdsetup.md 8). */
#include "command.h"

#include <algorithm>
#include <cstring>
#include <iostream>

#include <linux/drbd.h>
#include "common/text.h"
#include "keys.h"
#include "model.h"
#include "status.h"

namespace drbdsetup {

using drbd::Kind;
using drbd::Option;

namespace {

uint64_t number_of(const drbd_genl_field &field, const void *base)
{
	const char *member = static_cast<const char *>(base) + field.offset;

	switch (field.type) {
	case DRBD_T_flag:
		return *reinterpret_cast<const uint8_t *>(member);
	case DRBD_T_u64: {
		uint64_t v;
		memcpy(&v, member, sizeof(v));
		return v;
	}
	case DRBD_T_s32: {
		int32_t v;
		memcpy(&v, member, sizeof(v));
		return static_cast<uint64_t>(static_cast<int64_t>(v));
	}
	}
	uint32_t v;
	memcpy(&v, member, sizeof(v));
	return v;
}

/* One option with the value that the kernel reported. */
struct Field {
	std::string name;
	std::string value;	/* as text, not quoted */
	std::string unit;
	bool is_default;
	bool is_bool;
	bool is_string;
};

Field make_field(const Option &option, const void *base)
{
	const drbd_genl_field &f = option.field();
	Field field{std::string(option.name()), "", std::string(option.unit()), false, false, false};

	if (option.kind() == Kind::str) {
		field.value = static_cast<const char *>(base) + f.offset;
		field.is_string = true;
		field.is_default = field.value.empty();
		return field;
	}

	uint64_t v = number_of(f, base);
	field.is_default = v == option.default_value();
	switch (option.kind()) {
	case Kind::boolean:
		field.is_bool = true;
		[[fallthrough]];
	case Kind::flag:
		field.value = yes_no(v);
		break;
	case Kind::enumeration:
	case Kind::enumeration_i:
	case Kind::symnum:
		field.value = option.word(static_cast<int64_t>(v));
		if (field.value.empty())
			field.value = std::to_string(static_cast<int64_t>(v));
		break;
	case Kind::key:
		field.value = key_description(static_cast<int32_t>(v));
		field.is_string = true;
		break;
	default:
		field.value = f.type == DRBD_T_s32 ? std::to_string(static_cast<int64_t>(v)) :
						     std::to_string(v);
		if (option.scale() != '1')
			field.value += option.scale();
	}
	return field;
}

/*
 * The fields to show.  What the kernel did not report is left out, so that an
 * unprivileged caller does not see an empty secret.  Options that Debian's
 * parser of this output does not know appear only when they matter.
 */
template <class T>
std::vector<Field> fields_to_show(unsigned int tla, const Nest<T> &nest, bool show_defaults)
{
	std::vector<Field> fields;

	for (const auto &entry : drbd::nest_fields(tla)) {
		Option option(entry);
		if (option.kind() == Kind::none || !nest.has(entry.nr))
			continue;
		Field field = make_field(option, &nest.v);
		if (!field.is_default || (show_defaults && !option.is_new()))
			fields.push_back(std::move(field));
	}
	return fields;
}

std::string config_quote(std::string_view text)
{
	std::string quoted = "\"";

	for (char c : text) {
		if (c == '"' || c == '\\')
			quoted += '\\';
		quoted += c;
	}
	return quoted + '"';
}

/* --------------------------------------------------------------------- text */

class ShowText {
public:
	explicit ShowText(bool defaults) : defaults(defaults) {}

	std::string operator()(const Resource &r)
	{
		open("resource \"" + r.name + "\"");
		section("options", fields_to_show(DRBD_NLA_res_opts, r.opts, defaults));
		open("_this_host");
		line("node-id\t\t\t" + std::to_string(r.opts.v.node_id) + ";");
		for (const auto &d : r.devices)
			device(d);
		close();
		for (const auto *c : connections_by_name(r))
			connection(r, *c);
		close();
		return out + "\n";
	}

private:
	void line(const std::string &text)
	{
		out.append(level * 4, ' ');
		out += text + "\n";
	}
	void open(const std::string &head)
	{
		line(head + " {");
		level++;
	}
	void close()
	{
		level--;
		line("}");
	}

	void section(const char *name, const std::vector<Field> &fields)
	{
		if (fields.empty())
			return;
		open(name);
		for (const auto &f : fields) {
			std::string text = f.name;
			if (text.size() < 16)
				text.resize(16, ' ');
			text += "\t" + (f.is_string ? config_quote(f.value) : f.value) + ";";
			std::string notes = f.unit;
			if (f.is_default)
				notes += notes.empty() ? "default" : ", default";
			if (!notes.empty())
				text += " # " + notes;
			line(text);
		}
		close();
	}

	void device(const Device &d)
	{
		open("volume " + std::to_string(d.volume));
		line("device\t\t\tminor " + std::to_string(d.minor) + ";");
		if (d.attached) {
			line("disk\t\t\t" + config_quote(d.disk.v.backing_dev) + ";");
			int index = d.disk.v.meta_dev_idx;
			std::string meta = config_quote(d.disk.v.meta_dev);
			if (index == -1 || index == -3)
				meta = "internal";
			else if (index >= 0)
				meta += " [ " + std::to_string(index) + " ]";
			line("meta-disk\t\t\t" + meta + ";");
		} else if (d.info.v.is_intentional_diskless == 1) {
			line("disk\t\t\tnone;");
		}
		section("disk", fields_to_show(DRBD_NLA_disk_conf, d.disk, defaults));
		close();
	}

	void connection(const Resource &r, const Connection &c)
	{
		open("connection");
		line("_peer_node_id " + std::to_string(c.peer_node_id) + ";");
		for (const auto &path : c.path_list) {
			open("path");
			line("_this_host " + drbd::address_text(path.my_addr, ' ') + ";");
			line("_remote_host " + drbd::address_text(path.peer_addr, ' ') + ";");
			close();
		}
		if (c.info.v.conn_connection_state == C_STANDALONE)
			line("_is_standalone;");
		section("net", fields_to_show(DRBD_NLA_net_conf, c.conf, defaults));
		if (!r.devices.empty())
			for (const auto &p : c.peer_devices)
				peer_device(p);
		close();
	}

	void peer_device(const PeerDevice &p)
	{
		auto fields = fields_to_show(DRBD_NLA_peer_device_conf, p.conf, defaults);

		if (fields.empty())
			return;
		open("volume " + std::to_string(p.volume));
		section("disk", fields);
		close();
	}

	bool defaults;
	unsigned int level = 0;
	std::string out;
};

/* --------------------------------------------------------------------- JSON */

/* Members are collected as text and joined, so that no comma is left over. */
class Json {
public:
	explicit Json(unsigned int level) : level(level) {}

	void raw(const std::string &key, const std::string &value)
	{
		member(drbd::json_quote(key) + ": " + value);
	}
	void member(const std::string &text)
	{
		if (!body.empty())
			body += ",\n";
		body.append((level + 1) * 4, ' ');
		body += text;
	}
	void string(const std::string &key, std::string_view value)
	{
		raw(key, drbd::json_quote(value));
	}
	void number(const std::string &key, int64_t value) { raw(key, std::to_string(value)); }

	std::string wrapped(char open, char close) const
	{
		return std::string(1, open) + "\n" + body + (body.empty() ? "" : "\n") +
		       std::string(level * 4, ' ') + close;
	}
	std::string object() const { return wrapped('{', '}'); }
	std::string array() const { return wrapped('[', ']'); }

private:
	unsigned int level;
	std::string body;
};

class ShowJson {
public:
	explicit ShowJson(bool defaults) : defaults(defaults) {}

	std::string resource(const Resource &r, unsigned int level)
	{
		Json json(level);

		json.string("resource", r.name);
		section(json, "options", level + 1,
			fields_to_show(DRBD_NLA_res_opts, r.opts, defaults));

		Json host(level + 1);
		host.number("node-id", r.opts.v.node_id);
		Json volumes(level + 2);
		for (const auto &d : r.devices)
			volumes.member(device(d, level + 3));
		host.raw("volumes", volumes.array());
		json.raw("_this_host", host.object());

		if (!r.connections.empty()) {
			Json connections(level + 1);
			for (const auto *c : connections_by_name(r))
				connections.member(connection(r, *c, level + 2));
			json.raw("connections", connections.array());
		}
		return json.object();
	}

private:
	void section(Json &json, const char *name, unsigned int level,
		     const std::vector<Field> &fields)
	{
		if (fields.empty())
			return;
		Json object(level);
		for (const auto &f : fields)
			if (f.is_bool)
				object.raw(f.name, f.value == "yes" ? "true" : "false");
			else
				object.string(f.name, f.value);
		json.raw(name, object.object());
	}

	std::string device(const Device &d, unsigned int level)
	{
		Json json(level);

		json.number("volume_nr", d.volume);
		json.number("device_minor", d.minor);
		if (d.attached) {
			int index = d.disk.v.meta_dev_idx;
			json.string("backing-disk", d.disk.v.backing_dev);
			if (index == -1 || index == -3)
				json.string("meta-disk", "internal");
			else if (index < 0)
				json.string("meta-disk", d.disk.v.meta_dev);
			else	/* the device's name as the key: so it is in 9.22 */
				json.member(drbd::json_quote(d.disk.v.meta_dev) + " : " +
					    std::to_string(index));
		} else if (d.info.v.is_intentional_diskless == 1) {
			json.string("disk", "none");
		}
		section(json, "disk", level + 1,
			fields_to_show(DRBD_NLA_disk_conf, d.disk, defaults));
		return json.object();
	}

	std::string connection(const Resource &r, const Connection &c, unsigned int level)
	{
		Json json(level);

		for (const auto &path : c.path_list) {
			Json object(level + 1);
			object.string("_this_host", drbd::address_text(path.my_addr, ' '));
			object.string("_remote_host", drbd::address_text(path.peer_addr, ' '));
			json.raw("path", object.object());
		}
		if (c.info.v.conn_connection_state == C_STANDALONE)
			json.raw("_is_standalone", "true");
		section(json, "net", level + 1,
			fields_to_show(DRBD_NLA_net_conf, c.conf, defaults));

		Json volumes(level + 1);
		bool any = false;
		for (const auto &p : c.peer_devices) {
			auto fields = fields_to_show(DRBD_NLA_peer_device_conf, p.conf, defaults);
			if (fields.empty() || r.devices.empty())
				continue;
			Json volume(level + 2);
			volume.number("volume_nr", p.volume);
			section(volume, "disk", level + 3, fields);
			volumes.member(volume.object());
			any = true;
		}
		if (any)
			json.raw("volumes", volumes.array());
		json.number("_peer_node_id", c.peer_node_id);
		return json.object();
	}

	bool defaults;
};

} // namespace

int run_show(Invocation &inv)
{
	bool defaults = inv.count("show-defaults");
	bool json = inv.count("json");
	auto resources = dump_resources(*inv.socket);
	Json list(0);

	resources.sort([](const auto &a, const auto &b) { return a.name < b.name; });
	if (resources.empty() && !json)
		std::cout << "# No currently configured DRBD found.\n";
	for (auto &resource : resources) {
		if (inv.resource && *inv.resource != resource.name)
			continue;
		dump_contents(*inv.socket, resource);
		if (json)
			list.member(ShowJson(defaults).resource(resource, 1));
		else
			std::cout << ShowText(defaults)(resource);
	}
	if (json)
		std::cout << list.array() << "\n";
	return 0;
}

} // namespace drbdsetup
