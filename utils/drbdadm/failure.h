// SPDX-License-Identifier: GPL-2.0-only
// The one exception of drbdadm: this run ends with this message and this exit status.
#pragma once

#include <stdexcept>
#include <string>

namespace drbd::adm {

namespace exit_code {
inline constexpr int ok = 0;
inline constexpr int usage = 1;      // usage, unknown object, failed stage
inline constexpr int config = 10;    // invalid configuration
inline constexpr int exec = 20;      // cannot open or execute something
inline constexpr int internal = 42;  // our own bug
}  // namespace exit_code

class Failure : public std::runtime_error {
public:
	// message: complete text for stderr, without the final newline; may be empty
	// when everything has been said already.
	Failure(int status, const std::string &message)
	    : std::runtime_error(message), status_(status) {}

	int status() const { return status_; }

private:
	int status_;
};

}  // namespace drbd::adm
