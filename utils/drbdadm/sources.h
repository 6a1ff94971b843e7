// SPDX-License-Identifier: GPL-2.0-only
// The texts of one configuration, so that all errors in them can be reported: what is wrong is
// left out of its text, and everything is read once more.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "diagnostics.h"
#include "failure.h"

namespace drbd::adm {

// What of `text` a reader that stumbled over the token at `offset` must do without: the statement
// that token is in, with the block that belongs to it.  `length` is 0 when there is no such
// statement, or when `text` is not balanced, so that nobody knows what is in what.
struct Region {
	size_t offset = 0, length = 0;
};
Region statement_at(const std::string &text, size_t offset);

class Sources {
public:
	// The text of a file: read when it is asked for first (see read_config_file(); "-" is
	// standard input), since then with what is wrong left out.
	const std::string &read(const std::string &name, bool regular_only = false);
	// A text that comes from elsewhere; like a file that was read.
	const std::string &hold(const std::string &name, const std::string &text);

	// A reader stopped at this offset of the text.  Only the innermost reader's word counts,
	// which is the first.
	void stopped(const std::string &text, size_t offset);

	// Leaves out the statement in which the reader stopped; line numbers stay.  Returns false
	// if that cannot be done, or if there is too much text for reading it again and again.
	bool leave_out();

	// Whether anything was left out: that something is missing then says nothing.
	bool incomplete() const { return incomplete_; }

private:
	std::map<std::string, std::string> texts_;
	const std::string *stopped_in_ = nullptr;
	size_t stopped_at_ = 0;
	bool incomplete_ = false;
};

// Calls `pass` (void()), which reads everything into something new, until nothing is wrong any
// more; each thing that is wrong is said once.  Returns whether the first call found nothing.
// A Failure of the first call that is not about the configuration goes through.
template <typename Pass>
bool read_all_errors(Sources &sources, Diagnostics &diag, Pass pass)
{
	constexpr int most_errors = 25;

	for (int errors = 0; errors < most_errors; errors++) {
		try {
			pass();
			return errors == 0;
		} catch (const Failure &failure) {
			if (failure.status() != exit_code::config && errors == 0)
				throw;
			if (*failure.what())
				diag.say(failure.what());
		}
		diag.say_only_new();
		if (!sources.leave_out())
			return false;
	}
	diag.say("more errors may follow");
	return false;
}

}  // namespace drbd::adm
