// SPDX-License-Identifier: GPL-2.0-only
#include "actions.h"

#include <sstream>

namespace drbd::mon {

namespace {

using L = Level;
using A = Action;

/*
 * drbdsetup where the kernel alone decides: that works without configuration
 * files.  drbdadm where they are what it is about.
 */
const Action actions[] = {
	{'E', L::resource, "explain", "drbdadm explain {res}",
	 "what is not as it should be, and what can be done", A::nothing, true},
	{'P', L::resource, "primary", "drbdsetup primary {res}",
	 "Make this node Primary", A::yes_or_no, false},
	{'S', L::resource, "secondary", "drbdsetup secondary {res}",
	 "Make this node Secondary; fails while a device is in use", A::yes_or_no, false},
	{'F', L::resource, "force primary", "drbdsetup primary {res} --force",
	 "Use the local data even if a peer has newer", A::the_word_yes, false},
	{'J', L::resource, "adjust", "drbdadm adjust {res}",
	 "Bring the resource in line with its configuration", A::yes_or_no, false},
	{'U', L::resource, "up", "drbdadm up {res}",
	 "Attach and connect as configured", A::yes_or_no, false},
	{'O', L::resource, "down", "drbdsetup down {res}",
	 "Disconnect, detach and remove the resource on this node", A::the_word_yes, false},
	{'C', L::connection, "connect", "drbdsetup connect {res} {peer}",
	 "Try to reach the peer again", A::yes_or_no, false},
	{'D', L::connection, "disconnect", "drbdsetup disconnect {res} {peer}",
	 "Stop replication to this peer until it is connected again", A::yes_or_no, false},
	{'X', L::connection, "discard and connect",
	 "drbdsetup connect {res} {peer} --discard-my-data",
	 "After a split brain: LOSE what was written here and take the peer's data", A::the_word_yes,
	 false},
	{'V', L::peer_device, "verify", "drbdsetup verify {res} {peer} {vol}",
	 "Compare this volume with the peer's, block by block", A::yes_or_no, false},
	{'Z', L::peer_device, "pause resync", "drbdsetup pause-sync {res} {peer} {vol}",
	 "Hold this resync", A::yes_or_no, false},
	{'R', L::peer_device, "resume resync", "drbdsetup resume-sync {res} {peer} {vol}",
	 "Let this resync go on", A::yes_or_no, false},
	{'A', L::device, "attach", "drbdadm attach {res}/{vol}",
	 "Attach the configured disk", A::yes_or_no, false},
	{'T', L::device, "detach", "drbdsetup detach {minor}",
	 "Give up the local disk of this volume", A::the_word_yes, false},
	{'I', L::device, "invalidate", "drbdsetup invalidate {minor}",
	 "LOSE the local data of this volume and copy all of a peer's", A::the_word_yes, false},
	{'M', L::device, "resume I/O", "drbdsetup resume-io {minor}",
	 "Let suspended I/O go on, with whatever result", A::the_word_yes, false},
};

}  // namespace

Level Object::level() const
{
	return peer < 0 ? volume < 0 ? Level::resource : Level::device :
	       volume < 0 ? Level::connection : Level::peer_device;
}

std::span<const Action> all_actions() { return actions; }

const Action *find_action(int key)
{
	for (const auto &a : actions)
		if (a.key == key)
			return &a;
	return nullptr;
}

std::vector<Object> targets(const Action &action, const Object &selected, const Model &model)
{
	const Resource *r = model.find(selected.resource);
	std::vector<Object> found;
	auto wanted = [](int of_selected, unsigned int candidate) {
		return of_selected < 0 || of_selected == static_cast<int>(candidate);
	};
	auto add = [&](int peer, int volume) {
		found.push_back({selected.resource, peer, volume});
	};

	if (!r)
		return found;
	switch (action.level) {
	case Level::resource:
		add(-1, -1);
		break;
	case Level::device:
		// A connection is not part of a device, nor the other way round.
		if (selected.level() == Level::connection)
			break;
		for (const auto &[volume, d] : r->devices)
			if (wanted(selected.volume, volume))
				add(-1, volume);
		break;
	case Level::connection:
		if (selected.level() == Level::device)
			break;
		for (const auto &[id, c] : r->connections)
			if (wanted(selected.peer, id))
				add(id, -1);
		break;
	case Level::peer_device:
		for (const auto &[id, c] : r->connections)
			for (const auto &[volume, pd] : c.peer_devices)
				if (wanted(selected.peer, id) && wanted(selected.volume, volume))
					add(id, volume);
		break;
	}
	return found;
}

std::vector<std::string> command_line(const Action &action, const Object &target,
				      const Model &model)
{
	const Resource *r = model.find(target.resource);
	std::istringstream words(action.command);
	std::vector<std::string> argv;
	auto fill = [](std::string &word, std::string_view name, const std::string &value) {
		size_t at = word.find(name);
		if (at != word.npos)
			word.replace(at, name.size(), value);
	};

	for (std::string word; words >> word;) {
		unsigned int minor = 0;
		if (r && target.volume >= 0) {
			auto d = r->devices.find(target.volume);
			minor = d != r->devices.end() ? d->second.minor : 0;
		}
		// The name last: it may look like anything.
		fill(word, "{peer}", std::to_string(target.peer));
		fill(word, "{vol}", std::to_string(target.volume));
		fill(word, "{minor}", std::to_string(minor));
		fill(word, "{res}", target.resource);
		argv.push_back(word);
	}
	return argv;
}

std::string object_name(const Object &object, const Model &model)
{
	const Resource *r = model.find(object.resource);
	std::string name = object.resource;

	if (object.peer >= 0) {
		std::string peer = std::to_string(object.peer);
		if (r && r->connections.count(object.peer))
			peer = r->connections.at(object.peer).name;
		name += ":" + peer;
	}
	if (object.volume >= 0)
		name += "/" + std::to_string(object.volume);
	return name;
}

}  // namespace drbd::mon
