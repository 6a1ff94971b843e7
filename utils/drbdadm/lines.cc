// SPDX-License-Identifier: GPL-2.0-only
#include "lines.h"

#include <algorithm>

#include "options.h"

namespace drbd::adm {

namespace {

std::string option_name(const std::string &word)
{
	if (word.rfind("--", 0) != 0)
		return "";
	return word.substr(2, word.find('=') - 2);
}

Words operator+(Words a, const Words &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

const std::string &meta_device(const Volume &v)
{
	return v.internal_meta() || !v.meta_disk ? *v.disk : *v.meta_disk;
}

std::string meta_index(const Volume &v, const char *flexible)
{
	if (v.internal_meta())
		return "internal";
	if (v.meta_index == static_cast<int>(MetaIndex::flexible))
		return flexible;
	return std::to_string(v.meta_index);
}

std::string id(const Connection &c)
{
	return std::to_string(c.peer_id());
}

}  // namespace

Words option_words(const Options &options, const Words &cli,
		   const std::vector<std::string> &left_out)
{
	Words words;
	for (const auto &o : options) {
		if (std::find(left_out.begin(), left_out.end(), o.name) != left_out.end())
			continue;
		if (std::any_of(cli.begin(), cli.end(),
				[&](const std::string &w) { return option_name(w) == o.name; }))
			continue;
		words.push_back("--" + o.name + (o.has_value ? "=" + o.value : ""));
	}
	words.insert(words.end(), cli.begin(), cli.end());
	return words;
}

namespace lines {

HelperCommand setup(const Resource &r, Words args, TimeLimit limit)
{
	HelperCommand c;
	c.args = std::move(args);
	c.limit = limit;
	c.resource = r.name;
	return c;
}

HelperCommand meta(const Resource &r, const Volume &v, Words args, int node_id)
{
	HelperCommand c;
	c.helper = Helper::drbdmeta;
	c.limit = TimeLimit::extended;
	c.resource = r.name;
	c.args = {std::to_string(*v.minor), "v09", meta_device(v), meta_index(v, "flex-external")};
	if (node_id >= 0)
		c.args.push_back("--node-id=" + std::to_string(node_id));
	c.args.insert(c.args.end(), args.begin(), args.end());
	return c;
}

HelperCommand new_resource(const Resource &r, const Words &cli)
{
	HelperCommand c = setup(r, Words{"new-resource", r.name, std::to_string(*r.me->node_id)} +
					   option_words(r.options, cli));
	c.register_as = "resource-" + r.name;
	return c;
}

HelperCommand resource_options(const Resource &r)
{
	return setup(r, Words{"resource-options", r.name, "--set-defaults"} +
				option_words(r.options, {}));
}

HelperCommand new_minor(const Resource &r, const Volume &v)
{
	HelperCommand c = setup(r, {"new-minor", r.name, std::to_string(*v.minor),
				    std::to_string(v.vnr)});
	if (!v.diskful())
		c.args.push_back("--diskless");
	c.args = c.args + option_words(v.device_options, {});
	c.register_as = "minor-" + std::to_string(*v.minor);
	return c;
}

HelperCommand del_minor(const Resource &r, unsigned minor)
{
	return setup(r, {"del-minor", std::to_string(minor)});
}

std::vector<HelperCommand> attach(const Resource &r, const Volume &v, const Words &cli)
{
	HelperCommand attach =
		setup(r, Words{"attach", std::to_string(*v.minor), *v.disk, meta_device(v),
			       meta_index(v, "flexible")} +
				 option_words(v.disk_options, cli),
		      TimeLimit::medium);
	std::vector<HelperCommand> commands;
	commands.push_back(meta(r, v, {"apply-al"}));
	commands.push_back(std::move(attach));
	return commands;
}

HelperCommand detach(const Resource &r, unsigned minor, const Words &flags)
{
	return setup(r, Words{"detach"} + flags + Words{std::to_string(minor)}, TimeLimit::medium);
}

HelperCommand disk_options(const Resource &r, const Volume &v, bool set_defaults, const Words &cli)
{
	Words args = {"disk-options", std::to_string(*v.minor)};
	if (set_defaults)
		args.push_back("--set-defaults");
	return setup(r, args + option_words(v.disk_options, cli, {"size"}), TimeLimit::medium);
}

HelperCommand resize(const Resource &r, const Volume &v, const Words &cli)
{
	Options size;
	if (const Option *o = v.disk_options.find("size"))
		size.append(*o);
	return setup(r, Words{"resize", std::to_string(*v.minor)} + option_words(size, cli),
		     TimeLimit::medium);
}

HelperCommand new_peer(const Resource &r, const Connection &c, const Words &cli)
{
	return setup(r, Words{"new-peer", r.name, id(c)} + option_words(c.net, cli));
}

HelperCommand net_options(const Resource &r, const Connection &c, bool set_defaults,
			  const Words &cli)
{
	std::vector<std::string> immutable;
	for (const auto &rule : option_rules(OptionSet::net))
		if (rule.immutable())
			immutable.push_back(rule.name);
	Words args = {"net-options", r.name, id(c)};
	if (set_defaults)
		args.push_back("--set-defaults");
	return setup(r, args + option_words(c.net, cli, immutable));
}

HelperCommand path(const char *command, const Resource &r, const Connection &c,
		   const Address &local, const Address &remote, const Words &cli)
{
	return setup(r, Words{command, r.name, id(c), local.for_drbdsetup(),
			      remote.for_drbdsetup()} +
				cli);
}

HelperCommand peer_device_options(const Resource &r, const Connection &c, const PeerDevice &pd,
				  bool set_defaults, const Words &cli)
{
	Words args = {"peer-device-options", r.name, id(c), std::to_string(pd.vnr)};
	if (set_defaults)
		args.push_back("--set-defaults");
	return setup(r, args + option_words(pd.options, cli));
}

HelperCommand to_peer(const char *command, const Resource &r, const Connection &c,
		      const Words &cli, TimeLimit limit)
{
	return setup(r, Words{command, r.name, id(c)} + cli, limit);
}

}  // namespace lines
}  // namespace drbd::adm
