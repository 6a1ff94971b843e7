// SPDX-License-Identifier: GPL-2.0-only
// What must be unique in a configuration, and where it was said first.
//
// A big configuration has tens of thousands of such keys, each looked up once.  They lie one
// behind the other in one string and are found through an open hash table that keeps the whole
// hash: a look-up touches one slot, and growing moves slots only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model.h"

namespace drbd::adm {

class Claims {
public:
	// Room for that many keys without growing.
	void reserve(size_t keys);

	// Notes where the key is used; returns nullptr, or the place where it was used first.
	// The pointer is good until the next call.
	const Pos *add(std::string_view key, Pos pos);

	size_t size() const { return claims_.size(); }

private:
	struct Slot {
		size_t hash;
		uint32_t claim;  // index + 1; 0: free
	};
	struct Claim {
		uint32_t offset, length;  // in keys_
		Pos pos;
	};

	void grow(size_t slots);

	std::vector<Slot> slots_;  // a power of two, at most half full
	std::vector<Claim> claims_;
	std::string keys_;
};

}  // namespace drbd::adm
