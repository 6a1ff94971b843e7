/* SPDX-License-Identifier: GPL-2.0-only */
/* One command after another, over one netlink socket. */
#ifndef DRBDSETUP_SESSION_H
#define DRBDSETUP_SESSION_H

#include <istream>
#include <memory>
#include <ostream>
#include <string>

#include "common/genl.h"

namespace drbdsetup {

class Session {
public:
	/* @program: name in messages and help. */
	explicit Session(std::string program) : program(std::move(program)) {}

	/*
	 * Run the command argv[1...] (argv[0] is ignored, the array may be permuted).
	 * Text goes to std::cout and std::cerr; returns the exit code; throws nothing.
	 */
	int execute(int argc, char **argv);

private:
	int run(int argc, char **argv);

	std::string program;
	std::unique_ptr<drbd::genl::Socket> shared;
};

/*
 * Batch mode: each line of @in is a JSON array of strings, a command without the
 * program's name.  For each, one line goes to @out:
 *	{"exit": 0, "stderr": "...", "stdout": "..."}
 * A line that is something else ends it with 20; the end of input with 0.
 */
int run_batch(const std::string &program, std::istream &in, std::ostream &out);

} // namespace drbdsetup

#endif
