// SPDX-License-Identifier: GPL-2.0-only
// Is there something on the device that metadata would destroy?
#pragma once

#include "session.h"

namespace drbd::meta {

/*
 * Before writing metadata (create-md, restore-md): look for data of others on the
 * metadata device, describe it on stdout, and refuse or ask as the placement
 * demands (metadata chapter, 7.5).  Throws Failure when nothing may be written.
 */
void check_existing_data(Session &s);

} // namespace drbd::meta
