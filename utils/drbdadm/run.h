// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "diagnostics.h"

namespace drbd::adm {

// One run of drbdadm: command line, configuration, command.  Returns the exit status; throws
// Failure for what ends the run at once.  Changes argv (option permutation).
int run(int argc, char **argv, Diagnostics &diag);

}  // namespace drbd::adm
