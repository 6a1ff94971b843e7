// SPDX-License-Identifier: GPL-2.0-only
// Reading configuration files without trusting them: no endless read, no blocking open.
#pragma once

#include <string>

#include "failure.h"

namespace drbd::adm {

// The file could not be opened (as opposed to: opened, but unusable).
class CannotOpen : public Failure {
public:
	using Failure::Failure;
};

// The whole file.  `regular_only` is for files that nobody named explicitly (includes).
// Throws CannotOpen, or Failure for directories, oversized files and readers that never end.
std::string read_config_file(const std::string &name, bool regular_only = false);
std::string read_stdin();

// Everything up to end of file from an open descriptor, at most `limit` bytes, waiting at most
// `timeout_ms` for each piece (-1: for ever).
std::string read_all(int fd, const std::string &name, size_t limit, int timeout_ms);

// Absolute, without resolving links in the last component; special files as they are.
std::string absolute_path(const std::string &name);
// Identity of a file: real path, or the name itself if there is no such file.
std::string real_path(const std::string &name);

}  // namespace drbd::adm
