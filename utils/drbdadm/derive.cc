// SPDX-License-Identifier: GPL-2.0-only
#include "derive.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <unistd.h>

#include "failure.h"
#include "system.h"

namespace drbd::adm {

namespace {

std::string at(const Pos &pos)
{
	return (pos.file ? *pos.file : std::string("?")) + ":" + std::to_string(pos.line) + ": ";
}

class Deriver {
public:
	explicit Deriver(ParseSession &session)
	    : session_(session), config_(session.config), diag_(session.diag)
	{
	}

	void run();

private:
	void error(const Pos &pos, const std::string &text)
	{
		diag_.say(at(pos) + text);
		config_.valid = false;
	}
	void host_error(const Resource &r, const HostSection &h, const std::string &text)
	{
		error(h.pos, "in resource " + r.name + ", on " + h.joined_names() +
				     " { ... }: " + text);
	}

	void resolve_lower(Resource &r);
	void stack_volumes(Resource &r);
	void check_volumes(Resource &r);
	void check_volume_sets(Resource &r);
	void resolve_refs(Resource &r, Connection &c);
	void resolve_ref(Resource &r, HostRef &ref);
	void expand_mesh(Resource &r, const Mesh &mesh);
	void implicit_connection(Resource &r);
	Connection &connect_hosts(Resource &r, HostSection &a, HostSection &b);
	void generate_node_ids(Resource &r);
	void find_me(Resource &r);
	bool is_me(const HostSection &h) const;
	void peer_devices(Resource &r, Connection &c);
	void check_addresses();
	void check_proxies(Resource &r);

	ParseSession &session_;
	Config &config_;
	Diagnostics &diag_;
};

HostRef ref_to(HostSection &h)
{
	HostRef ref;
	if (h.kind != HostKind::stacked && !h.names.empty())
		ref.name = h.names.front();
	ref.pos = h.pos;
	ref.address = ref.given = h.address;
	ref.proxy = h.proxy;
	ref.host = &h;
	return ref;
}

// CRC-32C over the address text, with the start value all existing nodes use.
int32_t address_hash(const std::string &text)
{
	static constexpr auto table = [] {
		std::array<uint32_t, 256> t{};
		for (uint32_t c = 0; c < t.size(); c++) {
			t[c] = c;
			for (int i = 0; i < 8; i++)
				t[c] = t[c] >> 1 ^ (t[c] & 1 ? 0x82F63B78 : 0);
		}
		return t;
	}();
	uint32_t crc = 0x1A656F21;
	for (unsigned char c : text)
		crc = crc >> 8 ^ table[(crc ^ c) & 0xff];
	return static_cast<int32_t>(crc);
}

void Deriver::resolve_lower(Resource &r)
{
	for (auto &h : r.hosts) {
		if (h.kind != HostKind::stacked)
			continue;
		h.lower = config_.find(h.lower_name);
		if (!h.lower)
			throw Failure(exit_code::config,
				      at(r.pos) + "in resource " + r.name +
					      ", referenced resource '" + h.lower_name +
					      "' not defined.");
		h.names.clear();
		for (const auto &l : h.lower->hosts)
			if (l.kind == HostKind::on)
				h.names.insert(h.names.end(), l.names.begin(), l.names.end());
	}
}

// Volumes of a stacked section live on the devices of the lower resource.
void Deriver::stack_volumes(Resource &r)
{
	for (auto &h : r.hosts) {
		if (h.kind != HostKind::stacked || !h.lower)
			continue;
		const HostSection *l = nullptr;
		for (const auto &candidate : h.lower->hosts)
			if (candidate.kind == HostKind::on && (!l || is_me(candidate)))
				l = &candidate;
		if (!l)
			continue;
		for (auto &v : h.volumes) {
			const Volume *lv = find_volume(l->volumes, v.vnr);
			if (!lv) {
				error(r.pos, "in resource " + r.name + ", on " + h.joined_names() +
						     " { ... }: volume " + std::to_string(v.vnr) +
						     " not defined on " + l->joined_names());
				continue;
			}
			v.disk = lv->device.empty() && lv->minor
					 ? "/dev/drbd" + std::to_string(*lv->minor)
					 : lv->device;
			v.meta_disk = "internal";
			v.meta_index = static_cast<int>(MetaIndex::internal);
		}
		if (h.lower->hosts.size() < 2)
			continue;
		for (const auto &other : h.lower->hosts)
			for (const auto &lv : other.volumes)
				if (!find_volume(h.volumes, lv.vnr))
					error(r.pos, "in resource " + r.name + ", on " +
							     h.joined_names() + " { ... }: volume " +
							     std::to_string(lv.vnr) +
							     " missing (present on " +
							     other.joined_names() + ")");
	}
}

void Deriver::check_volumes(Resource &r)
{
	for (auto &h : r.hosts) {
		for (auto &v : h.volumes) {
			if (!v.minor)
				host_error(r, h, "'device' keyword missing.");
			if (h.kind == HostKind::stacked)
				continue;
			if (v.disk && *v.disk == "none")
				continue;
			if (!v.disk && !v.meta_disk)
				continue;
			if (!v.disk)
				host_error(r, h, "'disk' keyword missing.");
			if (!v.meta_disk) {
				v.meta_disk = "internal";
				v.meta_index = static_cast<int>(MetaIndex::internal);
			}
		}
	}
}

void Deriver::check_volume_sets(Resource &r)
{
	if (r.hosts.empty())
		return;
	const HostSection &first = r.hosts.front();
	for (const HostSection &other : r.hosts) {
		if (&other == &first)
			continue;
		for (const auto &v : first.volumes) {
			const Volume *o = find_volume(other.volumes, v.vnr);
			std::string n = std::to_string(v.vnr);
			if (!o)
				error(r.pos, "in resource " + r.name + ", on " +
						     first.joined_names() + " { ... }: volume " + n +
						     " not defined on " + other.joined_names());
			else if (o->implicit != v.implicit)
				error(r.pos, "in resource " + r.name + ", on " +
						     first.joined_names() + " resp. " +
						     other.joined_names() + ": volume " + n +
						     " must not be implicit on one but not the other");
		}
		for (const auto &o : other.volumes)
			if (!find_volume(first.volumes, o.vnr))
				error(r.pos, "in resource " + r.name + ", on " +
						     first.joined_names() + " { ... }: volume " +
						     std::to_string(o.vnr) + " missing (present on " +
						     other.joined_names() + ")");
	}
	bool implicit = false, other = false;
	for (const auto &v : first.volumes) {
		implicit |= v.implicit;
		other |= v.vnr != 0;
	}
	if (implicit && other)
		error(r.pos, "in resource " + r.name +
				     ": you must not mix implicit and explicit volumes");
}

void Deriver::resolve_ref(Resource &r, HostRef &ref)
{
	if (!ref.name.empty()) {
		ref.host = r.find_host(ref.name);
		if (!ref.host) {
			error(ref.pos, "in resource " + r.name + " a hostname (\"" + ref.name +
					       "\") is given\n"
					       "with a \"host\" keyword, has no \"address\" "
					       "keyword, and no matching\n"
					       "host section (\"on\" keyword)");
			return;
		}
	} else {
		for (auto &h : r.hosts)
			if (h.address.family == ref.address.family &&
			    h.address.addr == ref.address.addr &&
			    h.address.port == ref.address.port && !ref.host)
				ref.host = &h;
		if (!ref.host) {
			error(ref.pos, "in resource " + r.name + " the address " +
					       ref.address.for_drbdsetup() +
					       " matches no host section");
			return;
		}
	}
	const Address &own = ref.host->address;
	if (ref.address.addr.empty()) {
		ref.address.family = own.family;
		ref.address.addr = own.addr;
	}
	if (ref.address.port.empty())
		ref.address.port = own.port;
	if (!ref.proxy && ref.host->proxy && ref.given.empty())
		ref.proxy = ref.host->proxy;

	bool no_addr = ref.address.addr.empty(), no_port = ref.address.port.empty();
	if (no_addr || no_port)
		error(ref.pos, "Resource " + r.name + ", host " + ref.host->joined_names() +
				       ": cannot determine which " +
				       (!no_port ? "address" : no_addr ? "address and port" : "port") +
				       " to use");
}

void Deriver::resolve_refs(Resource &r, Connection &c)
{
	for (auto &p : c.paths)
		for (auto &ref : p.refs)
			resolve_ref(r, ref);
}

Connection &Deriver::connect_hosts(Resource &r, HostSection &a, HostSection &b)
{
	Connection &c = r.connections.emplace_back();
	c.pos = r.pos;
	c.implicit = true;
	Path &p = c.paths.emplace_back();
	p.pos = r.pos;
	p.refs.reserve(2);
	for (auto *h : {&a, &b})
		if (!h->address.empty())
			p.refs.push_back(ref_to(*h));
	return c;
}

void Deriver::expand_mesh(Resource &r, const Mesh &mesh)
{
	std::vector<HostSection *> hosts;
	for (const auto &name : mesh.hosts) {
		HostSection *h = r.find_host(name);
		if (!h) {
			error(r.pos, "in resource " + r.name +
					     ":\n\tThere is no 'on' section for hostname '" + name +
					     "' named in the connection-mesh");
			return;
		}
		if (h->address.empty()) {
			diag_.say("\"connection-mesh\" (for \"" + r.name +
				  "\") with a host (\"" + name +
				  "\") that has no \"address\" defined");
			config_.valid = false;
			return;
		}
		hosts.push_back(h);
	}
	for (size_t i = 0; i < hosts.size(); i++) {
		for (size_t j = i + 1; j < hosts.size(); j++) {
			if (hosts[i] == hosts[j])
				continue;
			Connection &c = connect_hosts(r, *hosts[i], *hosts[j]);
			c.from_mesh = true;
			// As if inherited from the mesh: in reverse order, and not to be
			// contradicted by the resource.
			for (Option o : mesh.net) {
				o.inherited = true;
				c.net.prepend(std::move(o));
			}
			c.has_net = mesh.has_net;
		}
	}
}

void Deriver::implicit_connection(Resource &r)
{
	if (r.hosts.size() == 2) {
		connect_hosts(r, r.hosts.front(), r.hosts.back());
	} else if (r.hosts.size() > 2) {
		diag_.say("Resource " + r.name + ":\n"
			  "\tUse explicit 'connection' sections (or a 'connection-mesh' section) "
			  "with more than two 'on' sections.");
	}
}

void Deriver::generate_node_ids(Resource &r)
{
	for (auto &c : r.connections) {
		if (!c.implicit || c.paths.front().refs.size() != 2)
			continue;
		HostSection *a = c.paths.front().refs[0].host, *b = c.paths.front().refs[1].host;
		if (a == b || a->node_id || b->node_id)
			continue;
		if (a->address.empty() || b->address.empty())
			continue;
		bool a_first = first_gets_id_zero(*a, *b);
		a->node_id = a_first ? 0 : 1;
		b->node_id = a_first ? 1 : 0;
	}
	for (auto &h : r.hosts)
		if (!h.node_id)
			host_error(r, h, "'node-id' keyword missing.");
}

bool Deriver::is_me(const HostSection &h) const
{
	switch (h.kind) {
	case HostKind::on: return any_same_host(h.names, session_.local_node);
	case HostKind::floating:
		if (auto pretended = pretended_node_name())
			return *pretended == h.address.addr ||
			       (h.address.family != "ipv4" && h.address.family != "ipv6") ||
			       have_address(h.address.family, h.address.addr);
		return have_address(h.address.family, h.address.addr);
	case HostKind::stacked: return h.lower && h.lower->me;
	}
	return false;
}

void Deriver::find_me(Resource &r)
{
	for (auto &h : r.hosts) {
		if (!is_me(h))
			continue;
		if (r.me)
			throw Failure(exit_code::config,
				      at(h.pos) + "in resource " + r.name + ", on " +
					      r.me->joined_names() + " { ... } ... on " +
					      h.joined_names() +
					      " { ... }:\n\tThere are multiple host sections for "
					      "this node.");
		r.me = &h;
	}
	r.ignored = !r.me;
}

void Deriver::peer_devices(Resource &r, Connection &c)
{
	if (c.paths.empty() || c.paths.front().refs.empty())
		return;
	const auto &refs = c.paths.front().refs;
	for (const auto &pd : c.peer_devices)
		for (const auto &ref : refs)
			if (ref.host && !find_volume(ref.host->volumes, pd.vnr))
				error(pd.pos, "Resource " + r.name +
						      ": There is a reference to a volume " +
						      std::to_string(pd.vnr) +
						      " that is not known in this resource on host " +
						      ref.host->joined_names());
	if (!refs.front().host)
		return;
	for (const auto &v : refs.front().host->volumes) {
		if (c.find_peer_device(v.vnr))
			continue;
		PeerDevice &pd = c.peer_devices.emplace_back();
		pd.vnr = v.vnr;
		pd.pos = c.pos;
	}
}

// One address and port serve one resource only, and one end of a path only.
void Deriver::check_addresses()
{
	struct Use {
		const Resource *resource;
		Pos pos;
	};
	std::map<std::string, Use> used;

	for (auto &r : config_.resources) {
		for (auto &c : r->connections) {
			for (auto &p : c.paths) {
				std::string first;
				for (auto &ref : p.refs) {
					const Address &a = ref.address;
					if (a.empty() || is_loopback(a.family, a.addr))
						continue;
					std::string key = a.family + '\0' + a.port + '\0' +
							  canonical_address(a.family, a.addr);
					if (key == first) {
						error(ref.pos, "in resource " + r->name + " " +
								       a.for_drbdsetup() +
								       " is used for both "
								       "endpoints");
						continue;
					}
					first = key;
					auto [it, inserted] =
						used.emplace(key, Use{r.get(), ref.pos});
					if (inserted || it->second.resource == r.get())
						continue;
					const Pos &other = it->second.pos;
					error(ref.pos, "in resource " + r->name + "\n    " +
							       a.for_drbdsetup() +
							       " is also used " + *other.file + ":" +
							       std::to_string(other.line) +
							       " (resource " +
							       it->second.resource->name + ")");
				}
			}
		}
		if (!r->stacked)
			continue;
		for (auto &h : r->hosts)
			if (!h.address.empty() && is_loopback(h.address.family, h.address.addr))
				for (const auto &n : h.names)
					session_.claim("IP",
						       n + ":" + h.address.addr + ":" +
							       h.address.port,
						       h.pos);
	}
}

void Deriver::check_proxies(Resource &r)
{
	size_t with = 0, on = 0;
	auto check = [&](const ProxySection &p) {
		for (auto [name, address] : {std::pair{"inside", &p.inside}, {"outside", &p.outside}})
			if (address->empty())
				error(p.pos, "in section: proxy on " + join(p.names, " ") +
						     " { ... } }: '" + name + "' keyword missing.");
	};
	for (const auto &h : r.hosts) {
		on++;
		with += h.proxy.has_value();
		if (h.proxy)
			check(*h.proxy);
	}
	if (with && with != on)
		error(r.pos, "in resource " + r.name +
				     ":\n\tEither all 'on' sections must contain a proxy "
				     "subsection, or none.");
	for (const auto &c : r.connections)
		for (const auto &p : c.paths) {
			size_t n = 0;
			for (const auto &ref : p.refs) {
				n += ref.proxy.has_value();
				if (ref.proxy && !(ref.host && ref.host->proxy))
					check(*ref.proxy);
			}
			if (n && n != p.refs.size())
				error(c.pos, "in connection in resource " + r.name +
						     ":\nEither all 'host' statements must have a "
						     "proxy subsection, or none.");
		}
}

void Deriver::run()
{
	for (auto &r : config_.resources)
		resolve_lower(*r);
	for (auto &r : config_.resources) {
		if (r->stacked) {
			complete_volumes(*r, session_, true);
			stack_volumes(*r);
		}
		check_volumes(*r);
		check_volume_sets(*r);
	}
	for (auto &r : config_.resources) {
		for (auto &c : r->connections)
			resolve_refs(*r, c);
		for (const auto &m : r->meshes)
			expand_mesh(*r, m);
		if (r->connections.empty())
			implicit_connection(*r);
		generate_node_ids(*r);
	}
	// Lower resources first: a stacked section is ours if the lower resource is.
	for (auto &r : config_.resources)
		if (!r->stacked)
			find_me(*r);
	for (auto &r : config_.resources)
		if (r->stacked)
			find_me(*r);
	for (auto &r : config_.resources) {
		for (auto &c : r->connections) {
			peer_devices(*r, c);
			for (auto &p : c.paths)
				for (auto &ref : p.refs)
					if (r->me && ref.host == r->me)
						c.involves_me = true;
		}
		check_proxies(*r);
	}
	check_addresses();
}

std::string meta_index_text(const Volume &v)
{
	return v.meta_index == static_cast<int>(MetaIndex::flexible) ? "flexible"
								     : std::to_string(v.meta_index);
}

}  // namespace

bool first_gets_id_zero(const HostSection &a, const HostSection &b)
{
	int32_t ha = address_hash(a.address.addr), hb = address_hash(b.address.addr);
	if (ha == hb && a.proxy && b.proxy) {
		ha = address_hash(a.proxy->outside.addr);
		hb = address_hash(b.proxy->outside.addr);
	}
	if (ha == hb)
		throw Failure(exit_code::exec, "BAD LUCK, equal hashes");
	return ha > hb;
}

void complete_volumes(Resource &r, ParseSession &session, bool stacked_hosts)
{
	if (r.is_common || session.show_mode)
		return;
	for (auto &h : r.hosts) {
		if ((h.kind == HostKind::stacked) != stacked_hosts)
			continue;
		for (const auto &rv : r.volumes) {
			Volume *v = find_volume(h.volumes, rv.vnr);
			if (!v) {
				v = &h.volumes.emplace_back();
				v->vnr = rv.vnr;
				v->implicit = rv.implicit;
			}
			if (!v->minor) {
				v->minor = rv.minor;
				v->device_pos = rv.device_pos;
				if (v->device.empty())
					v->device = rv.device;
			}
			if (!v->disk) {
				v->disk = rv.disk;
				v->disk_pos = rv.disk_pos;
			}
			if (!v->meta_disk) {
				v->meta_disk = rv.meta_disk;
				v->meta_index = rv.meta_index;
				v->meta_disk_pos = rv.meta_disk_pos;
			}
			if (!v->tiebreaker)
				v->tiebreaker = rv.tiebreaker;
		}
		sort_by_number(h.volumes);
		for (const auto &v : h.volumes) {
			const Volume *rv = find_volume(r.volumes, v.vnr);
			bool disk_inherited = rv && rv->disk && v.disk == rv->disk && !v.own_disk;
			for (const auto &name : h.names) {
				if (v.minor && v.device_pos.file) {
					session.claim("device-minor",
						      "device-minor:" + name + ":" +
							      std::to_string(*v.minor),
						      v.device_pos);
					if (!v.device.empty())
						session.claim("device",
							      "device:" + name + ":" + v.device,
							      v.device_pos);
				}
				if (disk_inherited && v.diskful() && v.disk_pos.file)
					session.claim("disk", "disk:" + name + ":" + *v.disk,
						      v.disk_pos);
				if (v.meta_disk && !v.internal_meta() && v.meta_disk_pos.file &&
				    (!v.disk || *v.disk != "none"))
					session.claim("meta-disk",
						      name + ":" + *v.meta_disk + "[" +
							      meta_index_text(v) + "]",
						      v.meta_disk_pos);
			}
		}
	}
}

void derive(ParseSession &session)
{
	Deriver(session).run();
}

/* ---- inheritance ---- */

namespace {

class Inheritance {
public:
	Inheritance(Config &config, Diagnostics &diag) : config_(config), diag_(diag) {}

	void run(Resource &r);

private:
	void inherit(const Resource &r, OptionSet set, const Options &from, Options &to);
	void inherit_proxy(const Resource &r, ProxySection &to)
	{
		inherit(r, OptionSet::proxy, r.proxy, to.options);
		if (to.plugins.empty())
			to.plugins = r.proxy_plugins;
	}

	Config &config_;
	Diagnostics &diag_;
};

// "10M" and "10240k" do not contradict each other.
bool same(OptionSet set, const Option &a, const Option &b)
{
	const OptionRule *rule = find_rule(set, a.name);
	return rule ? same_value(*rule, a.value, b.value) : a.value == b.value;
}

void Inheritance::inherit(const Resource &r, OptionSet set, const Options &from, Options &to)
{
	if (&from == &to)
		return;
	for (const auto &o : from) {
		Option *present = to.find(o.name);
		if (!present) {
			Option copy = o;
			copy.inherited = true;
			to.prepend(std::move(copy));
		} else if (present->inherited && !same(set, *present, o)) {
			diag_.say(at(r.pos) + "in resource " + r.name +
				  ", ambiguous inheritance for option \"" + o.name +
				  "\".\nshould be \"" + present->value + "\" and \"" + o.value +
				  "\" at the same time.");
			config_.valid = false;
		}
	}
}

void Inheritance::run(Resource &r)
{
	const Resource *outer =
		r.template_common ? r.template_common.get() : config_.common.get();

	for (auto &h : r.hosts)
		for (auto &v : h.volumes) {
			if (v.disk && !v.diskful()) {
				v.disk.reset();
				v.meta_disk.reset();
			}
			if (v.device.empty() && v.minor)
				v.device = "/dev/drbd" + std::to_string(*v.minor);
		}
	if (outer) {
		inherit(r, OptionSet::net, outer->net, r.net);
		inherit(r, OptionSet::device, outer->device, r.device);
		inherit(r, OptionSet::disk, outer->disk, r.disk);
		inherit(r, OptionSet::peer_device, outer->peer_device, r.peer_device);
		inherit(r, OptionSet::startup, outer->startup, r.startup);
		inherit(r, OptionSet::proxy, outer->proxy, r.proxy);
		inherit(r, OptionSet::handlers, outer->handlers, r.handlers);
		inherit(r, OptionSet::resource, outer->options, r.options);
		r.stacked_timeouts |= outer->stacked_timeouts;
		if (r.proxy_plugins.empty())
			r.proxy_plugins = outer->proxy_plugins;
	}
	for (auto &h : r.hosts)
		for (auto &v : h.volumes) {
			inherit(r, OptionSet::device, r.device, v.device_options);
			inherit(r, OptionSet::disk, r.disk, v.disk_options);
			inherit(r, OptionSet::peer_device, r.peer_device, v.peer_device_options);
		}
	for (const auto &rv : r.volumes)
		for (auto &h : r.hosts)
			for (auto &v : h.volumes) {
				if (v.vnr != rv.vnr)
					continue;
				inherit(r, OptionSet::device, rv.device_options, v.device_options);
				inherit(r, OptionSet::disk, rv.disk_options, v.disk_options);
				inherit(r, OptionSet::peer_device, rv.peer_device_options, v.peer_device_options);
			}
	for (auto &h : r.hosts)
		if (h.proxy)
			inherit_proxy(r, *h.proxy);
	for (auto &c : r.connections) {
		inherit(r, OptionSet::net, r.net, c.net);
		for (auto &p : c.paths)
			for (auto &ref : p.refs)
				if (ref.proxy)
					inherit_proxy(r, *ref.proxy);
		for (auto &pd : c.peer_devices)
			inherit(r, OptionSet::peer_device, c.peer_device_options, pd.options);
		if (c.paths.empty())
			continue;
		for (auto &ref : c.paths.front().refs)
			for (auto &pd : c.peer_devices)
				if (const Volume *v = ref.host ? find_volume(ref.host->volumes, pd.vnr)
							       : nullptr)
					inherit(r, OptionSet::peer_device, v->peer_device_options, pd.options);
	}
}

}  // namespace

void expand_options(Config &config, Diagnostics &diag)
{
	Inheritance inheritance(config, diag);
	for (auto &r : config.resources)
		inheritance.run(*r);
}

/* ---- peers ---- */

static void set_peer_of_connection(Resource &r, Connection &c, HostSection *me, Diagnostics &diag)
{
	c.peer = nullptr;
	for (auto &p : c.paths) {
		p.mine = p.peer = nullptr;
		for (auto &ref : p.refs) {
			if (ref.host == me && !p.mine)
				p.mine = &ref;
			else
				p.peer = &ref;
		}
		if (!p.mine)
			continue;
		if (!p.peer || p.peer->address.empty()) {
			diag.say(at(c.pos) + "in connection in resource " + r.name +
				 ":\n\tMissing statement 'host <PEER> '.");
			p.mine = nullptr;
			continue;
		}
		if (!c.peer)
			c.peer = p.peer->host;
		p.my_address = p.mine->address;
		p.connect_to = p.peer->outside.empty() ? p.peer->address : p.peer->outside;
		if (p.mine->proxy && !p.mine->proxy->inside.empty())
			p.connect_to = p.mine->proxy->inside;
		p.unused = me->kind == HostKind::stacked && me->lower && me->lower->me &&
			   !p.mine->name.empty() && !c.implicit &&
			   !any_same_host(me->lower->me->names, p.mine->name);
	}
}

void set_peers(Resource &r, Diagnostics &diag, bool expanded)
{
	if (!r.me || r.peers_set)
		return;
	r.peers_set = true;
	for (auto &c : r.connections) {
		if (!c.involves_me)
			continue;
		set_peer_of_connection(r, c, r.me, diag);
		if (!c.peer)
			continue;
		if (!c.net.find("_name")) {
			Option o;
			o.name = "_name";
			o.value = c.peer->joined_names("_");
			o.has_value = true;
			c.net.prepend(std::move(o));
		}
		for (auto &pd : c.peer_devices) {
			const Volume *v = find_volume(c.peer->volumes, pd.vnr);
			if (!v || !expanded)
				continue;
			if (!v->diskful())
				pd.options.append("bitmap", "no");
			if (v->tiebreaker && !*v->tiebreaker &&
			    find_rule(OptionSet::peer_device, "peer-tiebreaker") &&
			    !pd.options.find("peer-tiebreaker"))
				pd.options.append("peer-tiebreaker", "no");
		}
	}
}

void set_proxy_identity(Config &config, const std::string &node)
{
	for (auto &r : config.resources) {
		r->me = nullptr;
		for (auto &c : r->connections) {
			c.involves_me = false;
			for (auto &p : c.paths)
				for (auto &ref : p.refs)
					if (ref.proxy && any_same_host(ref.proxy->names, node)) {
						r->me = ref.host;
						c.involves_me = true;
					}
		}
		if (r->me)
			for (auto &c : r->connections)
				for (auto &p : c.paths)
					for (auto &ref : p.refs)
						if (ref.host == r->me)
							c.involves_me = true;
		r->ignored = !r->me;
	}
}

/* ---- validation ---- */

namespace {

// Replaces resource names in resync-after by minors of this host.
class ResyncAfter {
public:
	ResyncAfter(Config &config, Diagnostics &diag, bool replace)
	    : config_(config), diag_(diag), replace_(replace)
	{
	}

	void run(Resource &r);

private:
	void resolve(Resource &r, Options &options);

	Config &config_;
	Diagnostics &diag_;
	const bool replace_;
};

void ResyncAfter::resolve(Resource &r, Options &options)
{
	Option *o = options.find("resync-after");
	if (!o)
		return;
	std::string name = o->value;
	int vnr = -1;
	Resource *target = config_.find(name);
	if (auto slash = name.rfind('/'); !target && slash != std::string::npos) {
		target = config_.find(name.substr(0, slash));
		std::string digits = name.substr(slash + 1);
		if (digits.empty() || digits.size() > 9 ||
		    digits.find_first_not_of("0123456789") != std::string::npos)
			target = nullptr;
		else
			vnr = std::stoi(digits);
	}
	const Volume *v = nullptr;
	if (target && target->me) {
		if (vnr < 0) {
			if (target->me->volumes.size() > 1)
				throw Failure(exit_code::config,
					      at(r.pos) + "in resource " + r.name +
						      ":\n\tresync-after contains '" + name +
						      "', which is ambiguous, since it contains " +
						      std::to_string(target->me->volumes.size()) +
						      " volumes");
			if (!target->me->volumes.empty())
				v = &target->me->volumes.front();
		} else {
			v = find_volume(target->me->volumes, vnr);
		}
	}
	if (v && v->minor) {
		if (replace_)
			o->value = std::to_string(*v->minor);
		return;
	}
	std::string text = at(r.pos) + "in resource " + r.name + ":\n\tresource '" + name +
			   "' mentioned in 'resync-after' option is not known" +
			   (target ? " on this host" : "") + ".";
	// A person is told to correct the file; a cluster manager must not be stopped by it.
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		throw Failure(exit_code::config, text);
	diag_.say_once(text);
	options.remove("resync-after");
}

void ResyncAfter::run(Resource &r)
{
	resolve(r, r.disk);
	for (auto &h : r.hosts)
		for (auto &v : h.volumes)
			resolve(r, v.disk_options);
}

}  // namespace

void validate(Config &config, Diagnostics &diag, bool replace)
{
	ResyncAfter resync_after(config, diag, replace);
	for (auto &r : config.resources) {
		if (r->hosts.empty())
			throw Failure(exit_code::config,
				      at(r->pos) + "in resource " + r->name +
					      ":\n\ta host sections ('on " + local_node_name() +
					      " { ... }') is missing.");
		resync_after.run(*r);
	}
}

}  // namespace drbd::adm
