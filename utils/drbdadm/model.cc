// SPDX-License-Identifier: GPL-2.0-only
#include "model.h"

#include <algorithm>
#include <cstring>
#include <strings.h>
#include <utility>

namespace drbd::adm {

void Options::append(std::string name, std::string value)
{
	Option o;
	o.name = std::move(name);
	o.value = std::move(value);
	o.has_value = true;
	list_.push_back(std::move(o));
}

const Option *Options::find(std::string_view name) const
{
	for (const auto &o : list_)
		if (o.name == name)
			return &o;
	return nullptr;
}

Option *Options::find(std::string_view name)
{
	return const_cast<Option *>(std::as_const(*this).find(name));
}

bool Options::remove(std::string_view name)
{
	auto it = std::find_if(list_.begin(), list_.end(),
			       [&](const Option &o) { return o.name == name; });
	if (it == list_.end())
		return false;
	list_.erase(it);
	return true;
}

std::string Address::addr_port() const
{
	if (family == "ipv6")
		return "[" + addr + "]:" + port;
	return addr + ":" + port;
}

std::string Address::for_drbdsetup() const
{
	return family + ":" + addr_port();
}

const Volume *find_volume(const Volumes &volumes, int vnr)
{
	for (const auto &v : volumes)
		if (v.vnr == vnr)
			return &v;
	return nullptr;
}

Volume *find_volume(Volumes &volumes, int vnr)
{
	return const_cast<Volume *>(find_volume(std::as_const(volumes), vnr));
}

void sort_by_number(Volumes &volumes)
{
	auto by_number = [](const Volume &a, const Volume &b) { return a.vnr < b.vnr; };
	// stable_sort copies volumes to and fro even if there is nothing to do, as nearly always.
	if (!std::is_sorted(volumes.begin(), volumes.end(), by_number))
		std::stable_sort(volumes.begin(), volumes.end(), by_number);
}

std::string join(const std::vector<std::string> &words, std::string_view separator)
{
	std::string out;
	for (const auto &w : words) {
		if (&w != &words.front())
			out += separator;
		out += w;
	}
	return out;
}

std::string HostSection::joined_names(const char *separator) const
{
	return join(names, separator);
}

std::string HostSection::heading() const
{
	return "on " + joined_names();
}

const PeerDevice *Connection::find_peer_device(int vnr) const
{
	for (const auto &pd : peer_devices)
		if (pd.vnr == vnr)
			return &pd;
	return nullptr;
}

PeerDevice *Connection::find_peer_device(int vnr)
{
	return const_cast<PeerDevice *>(std::as_const(*this).find_peer_device(vnr));
}

int Connection::peer_id() const
{
	if (peer_node_id)
		return *peer_node_id;
	return peer && peer->node_id ? *peer->node_id : -1;
}

bool same_host(std::string_view a, std::string_view b)
{
	auto dot_a = a.find('.'), dot_b = b.find('.');
	if (dot_a == std::string_view::npos || dot_b == std::string_view::npos) {
		a = a.substr(0, dot_a);
		b = b.substr(0, dot_b);
	}
	return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool any_same_host(const std::vector<std::string> &names, std::string_view name)
{
	return std::any_of(names.begin(), names.end(),
			   [&](const std::string &n) { return same_host(n, name); });
}

HostSection *Resource::find_host(std::string_view host)
{
	for (auto &h : hosts)
		for (const auto &n : h.names)
			if (n == host)
				return &h;
	for (auto &h : hosts)
		if (any_same_host(h.names, host))
			return &h;
	return nullptr;
}

const Volume *Resource::my_volume(int vnr) const
{
	return me ? find_volume(me->volumes, vnr) : nullptr;
}

Resource *Config::find(std::string_view name) const
{
	for (const auto &r : resources)
		if (r->name == name)
			return r.get();
	return nullptr;
}

const std::string *Config::intern(const std::string &file)
{
	for (auto it = files.rbegin(); it != files.rend(); ++it)
		if (*it == file)
			return &*it;
	return &files.emplace_back(file);
}

}  // namespace drbd::adm
