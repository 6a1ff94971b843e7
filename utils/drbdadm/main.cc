// SPDX-License-Identifier: GPL-2.0-only
// drbdadm: from a configuration file and a command to the helper commands that carry it out.
#include <cstdio>
#include <fcntl.h>

#include "failure.h"
#include "run.h"

int main(int argc, char **argv)
{
	using namespace drbd::adm;
	Diagnostics diag;

	// Descriptors 0 to 2 must not be handed out for files we open.
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return exit_code::exec;
	try {
		int status = run(argc, argv, diag);
		fflush(stdout);
		return status;
	} catch (const Failure &failure) {
		if (*failure.what())
			diag.say(failure.what());
		fflush(stdout);
		return failure.status();
	} catch (const std::exception &e) {
		diag.say(std::string("drbdadm: internal error: ") + e.what());
		return exit_code::internal;
	}
}
