// SPDX-License-Identifier: GPL-2.0-only
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "session.h"

int main(int argc, char **argv)
{
	if (chdir("/") < 0)
		std::cerr << "chdir(\"/\"): " << strerror(errno) << '\n';
	std::string program = argc > 0 ? argv[0] : "drbdsetup";
	program = program.substr(program.rfind('/') + 1);

	if (argc == 2 && !strcmp(argv[1], "--batch")) {
		std::ostream out(std::cout.rdbuf());	/* std::cout itself is captured meanwhile */
		return drbdsetup::run_batch(program, std::cin, out);
	}

	int rc = drbdsetup::Session(program).execute(argc, argv);
	std::cout.flush();
	return rc;
}
