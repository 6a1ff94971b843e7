// SPDX-License-Identifier: GPL-2.0-only
// How a command ends early: a message for stderr (may be empty) and an exit code.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include "common/error.h"

namespace drbd::meta {

// Exit codes that scripts know (metadata chapter, 7.8).
enum Exit {
	kOk = 0,
	kFailed = 1,
	kInconsistent = 5,
	kLimits = 10,
	kUsage = 20,
	kExistingData = 40,
	kNoNumber = 100,
};

using Failure = drbd::Error;

__attribute__((format(printf, 1, 2))) inline std::string format(const char *fmt, ...)
{
	va_list ap;
	char *text = nullptr;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		throw std::bad_alloc();
	std::string s(text, n);
	free(text);
	return s;
}

template <typename... Args>
[[noreturn]] void fail(int exit_code, const char *fmt, Args... args)
{
	if constexpr (sizeof...(args) == 0)
		throw Failure(exit_code, fmt);
	else
		throw Failure(exit_code, format(fmt, args...));
}

} // namespace drbd::meta
