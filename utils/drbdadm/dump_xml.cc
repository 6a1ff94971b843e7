// SPDX-License-Identifier: GPL-2.0-only
#include <cstdio>

#include "dump.h"

namespace drbd::adm {

namespace {

std::string escape(const std::string &text)
{
	std::string out;
	for (char c : text) {
		switch (c) {
		case '\'': out += "&apos;"; break;
		case '"': out += "&quot;"; break;
		case '<': out += "&lt;"; break;
		case '>': out += "&gt;"; break;
		case '&': out += "&amp;"; break;
		default: out += c;
		}
	}
	return out;
}

class XmlWriter {
public:
	explicit XmlWriter(int level) : level_(level) {}

	void line(const std::string &text) { printf("%*s%s\n", level_ * 4, "", text.c_str()); }
	// `tag`: element name and attributes
	void open(const std::string &tag)
	{
		line("<" + tag + ">");
		level_++;
	}
	void close(const std::string &name)
	{
		level_--;
		line("</" + name + ">");
	}
	void options(const Options &list)
	{
		for (const auto &o : list)
			line("<option name=\"" + escape(o.name) + "\"" +
			     (o.has_value ? " value=\"" + escape(o.value) + "\"" : "") + "/>");
	}
	void section(const char *name, std::initializer_list<const Options *> lists)
	{
		bool any = false;
		for (const auto *list : lists)
			any |= !list->empty();
		if (!any)
			return;
		open(std::string("section name=\"") + name + "\"");
		for (const auto *list : lists)
			options(*list);
		close("section");
	}
	void plugins(const std::vector<std::string> &lines)
	{
		if (lines.empty())
			return;
		open("section name=\"plugin\"");
		for (const auto &l : lines)
			line("<option name=\"" + escape(l) + "\"/>");
		close("section");
	}
	void proxy_section(const char *name, const Options &list,
			   const std::vector<std::string> &lines)
	{
		if (list.empty() && lines.empty())
			return;
		open(std::string("section name=\"") + name + "\"");
		options(list);
		plugins(lines);
		close("section");
	}

private:
	int level_;
};

std::string address(const char *element, const Address &a)
{
	std::string name = element;
	return "<" + name + " family=\"" + escape(a.family) + "\" port=\"" + escape(a.port) +
	       "\">" + escape(a.addr) + "</" + name + ">";
}

// with_disk: false for what would lie on a resource of other hosts
void volume(XmlWriter &w, const Volume &v, bool expanded, bool with_disk)
{
	w.open("volume vnr=\"" + std::to_string(v.vnr) + "\"");
	w.section("disk", {&v.device_options, &v.disk_options, &v.peer_device_options});
	std::string device = v.device;
	if (device.empty() && expanded && v.minor)
		device = "/dev/drbd" + std::to_string(*v.minor);
	w.line("<device minor=\"" + std::to_string(v.minor.value_or(0)) + "\">" + escape(device) +
	       "</device>");
	w.line("<disk>" + escape(with_disk ? v.disk.value_or("") : "") + "</disk>");
	if (v.meta_disk && with_disk) {
		if (v.internal_meta())
			w.line("<meta-disk>internal</meta-disk>");
		else if (v.meta_index == static_cast<int>(MetaIndex::flexible))
			w.line("<meta-disk>" + escape(*v.meta_disk) + "</meta-disk>");
		else
			w.line("<meta-disk index=\"" + std::to_string(v.meta_index) + "\">" +
			       escape(*v.meta_disk) + "</meta-disk>");
	}
	w.close("volume");
}

void host(XmlWriter &w, const Resource &r, const HostSection &h, bool expanded)
{
	w.open(h.kind == HostKind::floating
		       ? "host floating=\"1\""
		       : "host name=\"" + escape(h.joined_names()) + "\"");
	w.section("options", {&h.resource_options});
	for (const auto &v : h.volumes)
		volume(w, v, expanded, !(r.ignored && h.kind == HostKind::stacked));
	if (!h.address.empty())
		w.line(address("address", h.address));
	w.close("host");
}

void host_ref(XmlWriter &w, const HostRef &ref)
{
	std::string name = ref.host ? ref.host->joined_names("_") : ref.name;
	if (ref.host && !ref.name.empty() && ref.host->kind == HostKind::on)
		name = ref.name;
	std::string tag = "host name=\"" + escape(name) + "\"";
	if (!ref.proxy) {
		w.line("<" + tag + ">" + address("address", ref.address) + "</host>");
		return;
	}
	const ProxySection &p = *ref.proxy;
	w.open(tag);
	w.line(address("address", ref.address));
	w.open("proxy hostname=\"" + escape(join(p.names, " ")) + "\"");
	w.line(address("inside", p.inside));
	w.line(address("outside", p.outside));
	w.proxy_section("options", p.options, p.plugins);
	w.close("proxy");
	w.close("host");
}

void connection(XmlWriter &w, const Connection &c, bool verbose)
{
	w.open("connection");
	for (const auto &p : c.paths) {
		if (!p.implicit || verbose)
			w.open("path");
		for (const auto &ref : p.refs)
			host_ref(w, ref);
		if (!p.implicit || verbose)
			w.close("path");
	}
	w.section("net", {&c.net});
	w.section("disk", {&c.peer_device_options});
	for (const auto &pd : c.peer_devices) {
		if (pd.implicit && !verbose)
			continue;
		w.open("volume vnr=\"" + std::to_string(pd.vnr) + "\"");
		w.section("disk", {&pd.options});
		w.close("volume");
	}
	w.close("connection");
}

void sections(XmlWriter &w, const Resource &r)
{
	w.section("options", {&r.options});
	w.section("net", {&r.net});
	w.section("disk", {&r.device, &r.disk, &r.peer_device});
	if (!r.startup.empty() || r.stacked_timeouts) {
		w.open("section name=\"startup\"");
		w.options(r.startup);
		if (r.stacked_timeouts)
			w.line("<option name=\"stacked-timeouts\"/>");
		w.close("section");
	}
	w.proxy_section("proxy", r.proxy, r.proxy_plugins);
	w.section("handlers", {&r.handlers});
}

void resource(XmlWriter &w, const Resource &r, bool expanded, bool verbose)
{
	w.open("resource name=\"" + escape(r.name) + "\" conf-file-line=\"" +
	       escape(*r.pos.file) + ":" + std::to_string(r.pos.line) + "\"");
	if (!r.template_file.empty())
		w.line("<template file=\"" + escape(r.template_file) + "\"/>");
	for (const auto &h : r.hosts)
		host(w, r, h, expanded);
	for (const auto &c : r.connections)
		connection(w, c, verbose);
	sections(w, r);
	w.close("resource");
}

}  // namespace

void dump_resource_xml(const Resource &r, bool expanded, bool verbose)
{
	XmlWriter w(0);
	resource(w, r, expanded, verbose);
}

void dump_xml(const Config &config, bool expanded, bool verbose)
{
	XmlWriter w(0);
	const Global &g = config.global;

	w.open("config file=\"" + escape(config.main_file) + "\"");
	if (g.disable_ip_verification || g.minor_count || g.dialog_refresh != 1) {
		w.open("global");
		if (g.disable_ip_verification)
			w.line("<disable-ip-verification/>");
		if (g.minor_count)
			w.line("<minor-count count=\"" + std::to_string(g.minor_count) + "\"/>");
		if (g.dialog_refresh != 1)
			w.line("<dialog-refresh refresh=\"" + std::to_string(g.dialog_refresh) +
			       "\"/>");
		w.close("global");
	}
	if (config.common) {
		w.open("common");
		sections(w, *config.common);
		w.close("common");
	}
	for (const auto &r : config.resources)
		resource(w, *r, expanded, verbose);
	w.close("config");
}

}  // namespace drbd::adm
