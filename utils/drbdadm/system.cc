// SPDX-License-Identifier: GPL-2.0-only
#include "system.h"

#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <ifaddrs.h>
#include <memory>
#include <net/if.h>
#include <netinet/in.h>

namespace drbd::adm {

std::optional<Version> Version::parse(std::string_view text)
{
	Version v;
	std::string s(text);
	if (sscanf(s.c_str(), "%3u.%3u.%3u", &v.major, &v.minor, &v.patch) != 3)
		return std::nullopt;
	return v;
}

std::string Version::text() const
{
	return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

static std::optional<Version> find_driver_version()
{
	if (const char *text = getenv("DRBD_DRIVER_VERSION_OVERRIDE"); text && *text)
		return Version::parse(text);

	std::ifstream proc("/proc/drbd");
	for (std::string line; std::getline(proc, line);)
		if (line.rfind("version:", 0) == 0)
			return Version::parse(
				line.substr(std::min(line.size(), line.find_first_not_of(' ', 8))));

	std::unique_ptr<FILE, int (*)(FILE *)> modinfo(
		popen("modinfo -F version drbd 2>/dev/null", "re"), pclose);
	char line[64];
	if (modinfo && fgets(line, sizeof(line), modinfo.get()))
		return Version::parse(line);
	return std::nullopt;
}

std::optional<Version> driver_version()
{
	static const std::optional<Version> version = find_driver_version();
	return version;
}

std::optional<std::string> pretended_node_name()
{
	const char *name = getenv("__DRBD_NODE__");
	if (!name || !*name)
		return std::nullopt;
	return name;
}

std::string local_node_name()
{
	if (auto pretended = pretended_node_name())
		return *pretended;
	char name[256] = "";
	gethostname(name, sizeof(name) - 1);
	return name;
}

std::string canonical_address(const std::string &family, const std::string &addr)
{
	unsigned char binary[sizeof(in6_addr)];

	if (family == "ipv6") {
		auto percent = addr.find('%');
		if (inet_pton(AF_INET6, addr.substr(0, percent).c_str(), binary) == 1)
			return std::string(reinterpret_cast<char *>(binary), sizeof(in6_addr)) +
			       (percent == std::string::npos ? "" : addr.substr(percent));
	} else if (inet_pton(AF_INET, addr.c_str(), binary) == 1) {
		return std::string(reinterpret_cast<char *>(binary), sizeof(in_addr));
	}
	return addr;
}

bool is_loopback(const std::string &family, const std::string &addr)
{
	if (family == "ipv6") {
		in6_addr a;
		return inet_pton(AF_INET6, addr.c_str(), &a) == 1 && IN6_IS_ADDR_LOOPBACK(&a);
	}
	return addr.rfind("127.", 0) == 0;
}

bool have_address(const std::string &family, const std::string &addr)
{
	if (family != "ipv4" && family != "ipv6")
		return true;

	struct ifaddrs *list = nullptr;
	if (getifaddrs(&list) < 0)
		return true;
	std::unique_ptr<struct ifaddrs, void (*)(struct ifaddrs *)> guard(list, freeifaddrs);
	std::string wanted = addr.substr(0, addr.find('%'));

	for (auto *i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
			continue;
		if (family == "ipv4" && i->ifa_addr->sa_family == AF_INET) {
			in_addr a;
			auto *sin = reinterpret_cast<sockaddr_in *>(i->ifa_addr);
			if (inet_pton(AF_INET, wanted.c_str(), &a) == 1 &&
			    a.s_addr == sin->sin_addr.s_addr)
				return true;
		} else if (family == "ipv6" && i->ifa_addr->sa_family == AF_INET6) {
			in6_addr a;
			auto *sin6 = reinterpret_cast<sockaddr_in6 *>(i->ifa_addr);
			if (inet_pton(AF_INET6, wanted.c_str(), &a) == 1 &&
			    memcmp(&a, &sin6->sin6_addr, sizeof(a)) == 0)
				return true;
		}
	}
	return false;
}

std::optional<unsigned long long> block_device_sectors(const std::string &name)
{
	std::ifstream file("/sys/block/" + name + "/size");
	unsigned long long sectors;
	if (file >> sectors)
		return sectors;
	return std::nullopt;
}

}  // namespace drbd::adm
