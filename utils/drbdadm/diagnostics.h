// SPDX-License-Identifier: GPL-2.0-only
// Messages for the user: stderr, or syslog when nobody listens there.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace drbd::adm {

class Diagnostics {
public:
	Diagnostics();

	// A message without final newline.
	void say(std::string_view message);
	// The same text is said once per run.
	void say_once(const std::string &message);

	// From now on what has been said before is not said again.
	void say_only_new() { only_new_ = true; }

	// Quiet diagnostics are for fuzzing and tests.
	void set_quiet(bool quiet) { quiet_ = quiet; }
	void set_capture(std::string *capture) { capture_ = capture; }

private:
	bool to_syslog_ = false;
	bool quiet_ = false;
	std::string *capture_ = nullptr;
	bool only_new_ = false;
	std::set<std::string> said_, said_once_;
};

}  // namespace drbd::adm
