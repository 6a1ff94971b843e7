// SPDX-License-Identifier: GPL-2.0-only
// What can be done to an object by a key: one table.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "model.h"

namespace drbd::mon {

enum class Level { resource, device, connection, peer_device };

// A thing on the screen.  -1: not of that kind.
struct Object {
	std::string resource;
	int peer = -1;		// node id
	int volume = -1;

	Level level() const;
	bool operator==(const Object &) const = default;
};

struct Action {
	char key;
	Level level;		// of what it is done to
	const char *name;	// "disconnect"
	const char *command;	// {res} {peer} {vol} {minor} are filled in
	const char *effect;	// one line, for the question
	enum Ask { nothing, yes_or_no, the_word_yes } ask;
	bool show_output;	// its output is what it is called for
};

std::span<const Action> all_actions();
const Action *find_action(int key);

// The objects of @action's level that @selected contains or is part of.
std::vector<Object> targets(const Action &action, const Object &selected, const Model &model);

// The command with everything filled in, one word per element.
std::vector<std::string> command_line(const Action &action, const Object &target,
				      const Model &model);

// "r0", "r0/0", "r0:bravo", "r0:bravo/0"
std::string object_name(const Object &object, const Model &model);

}  // namespace drbd::mon
