/* SPDX-License-Identifier: GPL-2.0-only */
/* Notifications in, lines of changes out (drbdsetup.md 10). */
#ifndef DRBDSETUP_EVENTS2_H
#define DRBDSETUP_EVENTS2_H

#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "command.h"
#include "common/text.h"
#include "model.h"

namespace drbdsetup {

struct EventOptions {
	bool timestamps = false, statistics = false, now = false, poll = false, full = false,
	     diff = false;
	unsigned int verbose() const { return statistics + full; }
	bool with_statistics() const { return statistics || full; }
};

/*
 * Knows what was shown last.  Between start_initial() and finish_initial() new
 * objects "exist", later they are "created".
 */
class EventWatcher {
public:
	/* @filter: name of the only resource of interest. */
	EventWatcher(EventOptions options, drbd::Palette palette,
		     std::optional<std::string> filter, std::ostream &out);
	~EventWatcher();

	/* One notification; prints what changed if it ends a group. */
	void apply(const Message &message);

	void start_initial();
	void finish_initial();	/* prints "exists -" */
	void forget_all();

private:
	class State;
	std::unique_ptr<State> state;
};

} // namespace drbdsetup

#endif
