/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel keys that options refer to by description (drbdsetup.md 2.4, kind "key"). */
#ifndef DRBDSETUP_KEYS_H
#define DRBDSETUP_KEYS_H

#include <cstdint>
#include <optional>
#include <string>

namespace drbdsetup {

/* Serial of the key; nullopt: not found. */
std::optional<int32_t> find_key(const std::string &type, const std::string &description);

/* Description of a key; empty for serial 0 and for keys that may not be read. */
std::string key_description(int32_t serial);

} // namespace drbdsetup

#endif
