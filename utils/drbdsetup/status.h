/* SPDX-License-Identifier: GPL-2.0-only */
/* What status shares with show and events2. */
#ifndef DRBDSETUP_STATUS_H
#define DRBDSETUP_STATUS_H

#include <vector>

#include "command.h"
#include "model.h"

namespace drbdsetup {

/* --color: yes, no, or by the terminal; throws UsageError for anything else. */
bool color_wanted(const Invocation &inv);

/* Sectors; 0 if not known. */
uint64_t device_size(const Resource &r, unsigned int volume);

std::vector<const Connection *> connections_by_name(const Resource &r);

} // namespace drbdsetup

#endif
