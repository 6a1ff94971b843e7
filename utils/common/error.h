/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one exception of the tools: "this command fails with this message and
 * this exit code".
 */
#ifndef DRBD_COMMON_ERROR_H
#define DRBD_COMMON_ERROR_H

#include <stdexcept>
#include <string>

namespace drbd {

class Error : public std::runtime_error {
public:
	/* @message goes to stderr with a newline; an empty one prints nothing. */
	Error(int exit_code, const std::string &message)
		: std::runtime_error(message), code(exit_code) {}

	int exit_code() const { return code; }

private:
	int code;
};

} // namespace drbd

#endif
