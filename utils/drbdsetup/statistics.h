/* SPDX-License-Identifier: GPL-2.0-only */
/* Statistics items that status and events2 share (drbdsetup.md 9.1, 10.1). */
#ifndef DRBDSETUP_STATISTICS_H
#define DRBDSETUP_STATISTICS_H

#include <string>
#include <vector>

#include "model.h"

namespace drbdsetup {

/* " done:50.00", or empty. */
std::string done_item(const Progress &p);

/*
 * " size:N", " read:N", ... up to " al-suspended:..", by the level of verbosity;
 * without al-suspended if @with_al is false.
 */
std::vector<std::string> device_items(const device_statistics &s, unsigned int verbose,
				      bool with_al);
/* "no", "upper", "lower", "upper,lower" */
std::string blocked_text(const device_statistics &s);

/* " received:N", ... and with verbosity the details of a running resync or verify. */
std::vector<std::string> peer_device_items(const PeerDevice &peer_device, const Progress &p,
					   unsigned int verbose);

std::string format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

} // namespace drbdsetup

#endif
