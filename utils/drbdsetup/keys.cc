// SPDX-License-Identifier: GPL-2.0-only
#include "keys.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

namespace drbdsetup {

std::optional<int32_t> find_key(const std::string &type, const std::string &description)
{
	long serial = syscall(SYS_request_key, type.c_str(), description.c_str(), "drbd",
			      KEY_SPEC_THREAD_KEYRING);

	if (serial < 0)
		return std::nullopt;
	return static_cast<int32_t>(serial);
}

std::string key_description(int32_t serial)
{
	if (!serial)
		return "";
	long size = syscall(SYS_keyctl, KEYCTL_DESCRIBE, serial, nullptr, 0L);
	if (size <= 0)
		return "";
	std::vector<char> buffer(static_cast<size_t>(size) + 1);
	if (syscall(SYS_keyctl, KEYCTL_DESCRIBE, serial, buffer.data(), buffer.size() - 1) <= 0)
		return "";
	/* "type;uid;gid;permissions;description" */
	std::string text = buffer.data();
	size_t at = 0;
	for (int i = 0; i < 4; i++) {
		at = text.find(';', at);
		if (at == text.npos)
			return "";
		at++;
	}
	return text.substr(at);
}

} // namespace drbdsetup
