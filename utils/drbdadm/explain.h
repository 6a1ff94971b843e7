// SPDX-License-Identifier: GPL-2.0-only
// `drbdadm explain`: what is not as it should be, and what can be done about it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model.h"

namespace drbd::adm {

struct Choice {
	std::string where;    // "here", or the peer's name
	std::vector<std::string> commands;
	std::string effect;   // what it does, and what it discards
};

struct Finding {
	std::string object;   // "r0", "r0/0", "r0:beta", "r0:beta/0"
	std::string problem;  // for programs: "split-brain", "waiting-for-peer", …
	std::string what;     // what happened
	std::string since;    // with the last kernel message about it; empty if unknown
	std::string safe;     // what is not at risk, or is
	std::vector<Choice> choices;
};

// Messages of the kernel about connections and devices, oldest first.
class KernelLog {
public:
	struct Line {
		std::string subject;  // "r0 beta", "r0/0 drbd1 beta", "r0"
		std::string text;
		std::string time;     // local time
	};

	// What /dev/kmsg holds now; empty if it cannot be read.
	static KernelLog read();

	void add(Line line) { lines_.push_back(std::move(line)); }
	// The last message about the resource (and, if given, the peer) that contains one of
	// the words, case ignored; null if there is none.
	const Line *last(const std::string &resource, const std::string &peer,
			 std::initializer_list<std::string_view> words) const;

private:
	std::vector<Line> lines_;
};

// Findings about one resource of this host.  `status`: its element of `drbdsetup status
// --json`, null if the resource is not up.  Peers of `r` must be set.
std::vector<Finding> explain(const Resource &r, const nlohmann::json &status,
			     const KernelLog &log);

// What to say when there is no driver that could be asked.
Finding module_missing(const Resource &r);

// For people (wrapped to 78 columns) and for programs.
std::string as_text(const Finding &finding);
nlohmann::json as_json(const Finding &finding);

}  // namespace drbd::adm
