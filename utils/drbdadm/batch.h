// SPDX-License-Identifier: GPL-2.0-only
// One drbdsetup for many commands: `drbdsetup --batch` reads a JSON array of words per line and
// answers each with a line {"exit": …, "stdout": …, "stderr": …}.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "system.h"

namespace drbd::adm {

class BatchHelper {
public:
	struct Answer {
		int status = 0;
		std::string out, err;
	};
	enum class Result { answered, unsupported, timeout };

	BatchHelper() = default;
	~BatchHelper() { stop(); }
	BatchHelper(const BatchHelper &) = delete;
	BatchHelper &operator=(const BatchHelper &) = delete;

	// Runs one command (words without the program), waiting `seconds` for it, 0: for ever.
	// The first call starts the program.  unsupported: the program does not know batch mode,
	// the command has not been run; this and every further call answers so.
	Result run(const std::string &program, const std::vector<std::string> &words, int seconds,
		   Answer *answer);
	void stop();

private:
	bool start(const std::string &program);

	FileDescriptor socket_;
	pid_t child_ = -1;
	bool unsupported_ = false;
	bool proven_ = false;   // it has answered once
	std::string received_;  // beyond the last line
};

}  // namespace drbd::adm
