// SPDX-License-Identifier: GPL-2.0-only
#include "dump.h"

#include <cstdio>

namespace drbd::adm {

namespace {

constexpr size_t longest_unquoted = 80;
constexpr int step = 4;
constexpr int value_column = 24;

// Indented lines on stdout.
class Writer {
public:
	Writer(int verbose) : verbose(verbose) {}

	template <typename... Args> void line(const char *format, Args... args)
	{
		printf("%*s", level_ * step, "");
		if constexpr (sizeof...(args) == 0)
			fputs(format, stdout);
		else
			printf(format, args...);
		putchar('\n');
	}
	void open(const std::string &heading)
	{
		line("%s {", heading.c_str());
		level_++;
	}
	// For a block whose heading is printed already.
	void open_continued() { level_++; }
	void close()
	{
		level_--;
		line("}");
	}
	void option(const Option &o)
	{
		if (!o.has_value) {
			line("%s;", o.name.c_str());
			return;
		}
		option(o.name, quote_if_needed(o.value));
	}
	void option(const std::string &name, const std::string &value)
	{
		line("%-*s %3s;", value_column - level_ * step, name.c_str(), value.c_str());
	}
	void options(const char *heading, const Options &list)
	{
		if (list.empty())
			return;
		open(heading);
		for (const auto &o : list)
			option(o);
		close();
	}
	void address(const char *name, const Address &a, const char *end)
	{
		line("%-16s %s %s%s", name, a.family.c_str(), a.addr_port().c_str(), end);
	}
	int level() const { return level_; }

	const int verbose;

private:
	int level_ = 0;
};

void dump_global(const Global &g, int verbose)
{
	Writer w(verbose);
	bool shown = g.disable_ip_verification || g.minor_count || g.dialog_refresh != 1 ||
		     g.usage_count != "ask";
	if (!shown && !verbose)
		return;
	w.open("global");
	if (g.disable_ip_verification)
		w.line("disable-ip-verification;");
	if (g.minor_count)
		w.line("minor-count %d;", g.minor_count);
	if (g.dialog_refresh != 1)
		w.line("dialog-refresh %d;", g.dialog_refresh);
	if (g.usage_count != "ask")
		w.line("usage-count %s;", g.usage_count.c_str());
	w.close();
	putchar('\n');
}

void dump_plugins(Writer &w, const std::vector<std::string> &plugins)
{
	if (plugins.empty())
		return;
	w.open("plugin");
	for (const auto &p : plugins)
		w.line("%s;", p.c_str());
	w.close();
}

void dump_proxy_options(Writer &w, const char *heading, const Options &options,
			const std::vector<std::string> &plugins)
{
	if (options.empty() && plugins.empty())
		return;
	w.open(heading);
	for (const auto &o : options)
		w.option(o);
	dump_plugins(w, plugins);
	w.close();
}

// The option sections of a resource or of common.
void dump_sections(Writer &w, const Resource &r)
{
	w.options("options", r.options);
	w.options("net", r.net);
	if (!r.device.empty() || !r.disk.empty() || !r.peer_device.empty()) {
		w.open("disk");
		for (const auto *list : {&r.device, &r.disk, &r.peer_device})
			for (const auto &o : *list)
				w.option(o);
		w.close();
	}
	if (!r.startup.empty() || r.stacked_timeouts) {
		w.open("startup");
		for (const auto &o : r.startup)
			w.option(o);
		if (r.stacked_timeouts)
			w.line("stacked-timeouts;");
		w.close();
	}
	dump_proxy_options(w, "proxy", r.proxy, r.proxy_plugins);
	w.options("handlers", r.handlers);
}

void dump_volume_body(Writer &w, const Volume &v, bool device, bool disk, bool meta_disk,
		      bool disk_options)
{
	if (disk_options &&
	    (!v.device_options.empty() || !v.disk_options.empty() ||
	     !v.peer_device_options.empty())) {
		w.open("disk");
		for (const auto *list : {&v.device_options, &v.disk_options, &v.peer_device_options})
			for (const auto &o : *list)
				w.option(o);
		w.close();
	}
	if (device && v.minor) {
		std::string name = v.device.empty() ? "" : quote_if_needed(v.device) + " ";
		w.line("device%*s%sminor %u;", 19 - w.level() * step, "", name.c_str(), *v.minor);
	}
	if (disk) {
		w.option("disk", v.disk ? quote_if_needed(*v.disk) : "none");
	}
	if (meta_disk && v.meta_disk) {
		if (v.internal_meta())
			w.option("meta-disk", "internal");
		else if (v.meta_index == static_cast<int>(MetaIndex::flexible))
			w.line("%-16s %s;", "meta-disk", quote_if_needed(*v.meta_disk).c_str());
		else
			w.line("%-16s %s [%d];", "meta-disk", quote_if_needed(*v.meta_disk).c_str(),
			       v.meta_index);
	}
	if (v.tiebreaker && !*v.tiebreaker)
		w.option("tiebreaker", "no");
}

void dump_volume(Writer &w, const Volume &v, bool own_only, bool stacked)
{
	bool all = !own_only || w.verbose;
	bool device = all || v.own_device, disk = all || v.own_disk, meta = all || v.own_meta_disk;
	if (stacked)
		disk = meta = false;
	if (!device && !disk && !meta)
		return;
	if (!v.implicit)
		w.open("volume " + std::to_string(v.vnr));
	dump_volume_body(w, v, device, disk, meta, true);
	if (!v.implicit)
		w.close();
}

void dump_proxy(Writer &w, const std::string &heading, const ProxySection &p)
{
	w.open(heading);
	w.address("inside", p.inside, ";");
	w.address("outside", p.outside, ";");
	dump_proxy_options(w, "options", p.options, p.plugins);
	w.close();
}

void dump_host(Writer &w, const HostSection &h)
{
	switch (h.kind) {
	case HostKind::on: w.open("on " + h.joined_names()); break;
	case HostKind::floating: {
		char heading[64];
		snprintf(heading, sizeof(heading), "%-16s ", "floating");
		w.open(heading + h.address.family + " " + h.address.addr_port());
		break;
	}
	case HostKind::stacked:
		w.open("stacked-on-top-of " + quote_if_needed(h.lower_name));
		w.line("# on %s ", h.joined_names().c_str());
		break;
	}
	if (h.node_id)
		w.line("node-id %d;", *h.node_id);
	w.options("options", h.resource_options);
	for (const auto &v : h.volumes)
		if (h.kind != HostKind::stacked || w.verbose)
			dump_volume(w, v, true, h.kind == HostKind::stacked);
	if (h.kind != HostKind::floating && !h.address.empty())
		w.address("address", h.address, ";");
	if (h.proxy && !w.verbose)
		dump_proxy(w, "proxy on " + join(h.proxy->names, " "), *h.proxy);
	w.close();
}

void dump_ref(Writer &w, const HostRef &ref, bool verbose)
{
	const Address &a = verbose ? ref.address : ref.given;
	std::string indent(static_cast<size_t>(w.level() * step), ' ');

	printf("%shost %s", indent.c_str(), ref.name.c_str());
	if (!a.addr.empty())
		printf(" %s%-15s %s %s", indent.c_str(), "address", a.family.c_str(),
		       a.addr_port().c_str());
	else if (!a.port.empty())
		printf(" port %s", a.port.c_str());
}

void dump_refs(Writer &w, const Path &p, bool verbose)
{
	for (const auto &ref : p.refs) {
		std::string indent(static_cast<size_t>(w.level() * step), ' ');
		if (ref.name.empty()) {
			printf("%s%-16s %s %s; # on %s\n;\n", indent.c_str(), "address",
			       ref.address.family.c_str(), ref.address.addr_port().c_str(),
			       ref.host ? ref.host->joined_names("_").c_str() : "?");
			continue;
		}
		dump_ref(w, ref, verbose);
		bool proxy = ref.proxy && (verbose || !(ref.host && ref.host->proxy));
		if (!ref.outside.empty())
			printf(" via outside-address %s %s", ref.outside.family.c_str(),
			       ref.outside.addr_port().c_str());
		if (proxy) {
			printf(" %svia ", indent.c_str());
			// The heading continues the line.
			const ProxySection &s = *ref.proxy;
			printf("proxy on %s {\n", join(s.names, " ").c_str());
			w.open_continued();
			w.address("inside", s.inside, ";");
			w.address("outside", s.outside, ";");
			dump_proxy_options(w, "options", s.options, s.plugins);
			w.close();
			continue;
		}
		printf(";\n");
	}
}

void dump_connection(Writer &w, const Connection &c)
{
	if (c.implicit && !w.verbose)
		return;
	w.open("connection");
	for (const auto &p : c.paths) {
		if (!p.implicit || w.verbose) {
			w.open("path");
			dump_refs(w, p, w.verbose);
			w.close();
		} else {
			dump_refs(w, p, false);
		}
	}
	w.options("net", c.net);
	w.options("disk", c.peer_device_options);
	for (const auto &pd : c.peer_devices) {
		if (pd.implicit && !w.verbose)
			continue;
		w.open("volume " + std::to_string(pd.vnr));
		w.options("disk", pd.options);
		w.close();
	}
	w.close();
}

}  // namespace

std::string quote_if_needed(const std::string &value)
{
	static constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyz"
						  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
	if (!value.empty() && value.size() <= longest_unquoted &&
	    value.find_first_not_of(plain) == std::string::npos)
		return value;
	std::string quoted = "\"";
	for (char c : value) {
		if (c == '"' || c == '\\')
			quoted += '\\';
		quoted += c;
	}
	return quoted + "\"";
}

void dump_resource(const Resource &r, const std::string &node, bool dry_run, int verbose)
{
	(void)dry_run;
	Writer w(verbose);
	printf("# resource %s on %s: %s, %s\n", quote_if_needed(r.name).c_str(), node.c_str(),
	       r.ignored ? "ignored" : "not ignored",
	       r.me && r.me->kind == HostKind::stacked ? "stacked" : "not stacked");
	printf("# defined at %s:%d\n", r.pos.file->c_str(), r.pos.line);
	w.open("resource " + quote_if_needed(r.name));
	if (!r.template_file.empty())
		w.line("template-file %s;", quote_if_needed(r.template_file).c_str());
	if (!verbose)
		for (const auto &v : r.volumes) {
			if (!v.implicit)
				w.open("volume " + std::to_string(v.vnr));
			dump_volume_body(w, v, true, v.disk.has_value(), true, true);
			if (!v.implicit)
				w.close();
		}
	for (const auto &h : r.hosts)
		dump_host(w, h);
	for (const auto &c : r.connections)
		dump_connection(w, c);
	if (!verbose)
		for (const auto &m : r.meshes) {
			w.open("connection-mesh");
			w.line("hosts %s;", join(m.hosts, " ").c_str());
			w.options("net", m.net);
			w.close();
		}
	dump_sections(w, r);
	w.close();
	putchar('\n');
}

void dump_text(const Config &config, const std::string &node, bool dry_run, int verbose)
{
	printf("# %s\n", config.main_file.c_str());
	dump_global(config.global, verbose);
	if (config.common) {
		Writer w(verbose);
		w.open("common");
		dump_sections(w, *config.common);
		w.close();
		putchar('\n');
	}
	for (const auto &r : config.resources)
		dump_resource(*r, node, dry_run, verbose);
}

}  // namespace drbd::adm
