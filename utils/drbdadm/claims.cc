// SPDX-License-Identifier: GPL-2.0-only
#include "claims.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

#include "failure.h"

namespace drbd::adm {

namespace {

constexpr size_t smallest_table = 256;
constexpr size_t typical_key = 20;

}  // namespace

void Claims::grow(size_t slots)
{
	std::vector<Slot> old(slots, Slot{});
	old.swap(slots_);
	size_t mask = slots_.size() - 1;
	for (const Slot &s : old) {
		if (!s.claim)
			continue;
		size_t i = s.hash & mask;
		while (slots_[i].claim)
			i = (i + 1) & mask;
		slots_[i] = s;
	}
}

void Claims::reserve(size_t keys)
{
	size_t slots = std::bit_ceil(keys * 2);
	if (slots <= slots_.size() || slots < smallest_table)
		return;
	claims_.reserve(keys);
	keys_.reserve(keys * typical_key);
	grow(slots);
}

const Pos *Claims::add(std::string_view key, Pos pos)
{
	if (claims_.size() * 2 >= slots_.size())
		grow(std::max(smallest_table, slots_.size() * 2));
	// What files may contain is bounded; this says so where it is relied upon.
	if (keys_.size() + key.size() > std::numeric_limits<uint32_t>::max())
		throw Failure(exit_code::config, "the configuration is too big");

	size_t hash = std::hash<std::string_view>()(key);
	size_t mask = slots_.size() - 1;
	size_t i = hash & mask;
	for (; slots_[i].claim; i = (i + 1) & mask) {
		if (slots_[i].hash != hash)
			continue;
		const Claim &c = claims_[slots_[i].claim - 1];
		if (std::string_view(keys_).substr(c.offset, c.length) == key)
			return &c.pos;
	}
	claims_.push_back({static_cast<uint32_t>(keys_.size()), static_cast<uint32_t>(key.size()),
			   pos});
	keys_ += key;
	slots_[i] = {hash, static_cast<uint32_t>(claims_.size())};
	return nullptr;
}

}  // namespace drbd::adm
