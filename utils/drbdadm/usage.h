// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <span>

#include "commands.h"

namespace drbd::adm {

// Version that scripts compare: the interface of the tools 9.22.
inline constexpr const char *version_text = "9.22.0";
inline constexpr unsigned version_code = 0x091600;
inline constexpr const char *build_tag = "GIT-hash: independent implementation";

struct GeneralOption {
	const char *name;
	char letter;
	bool has_value;
};
std::span<const GeneralOption> general_options();

// Usage of a command, or of drbdadm itself (null).
void print_usage(const CommandSpec *command);

}  // namespace drbd::adm
