// SPDX-License-Identifier: GPL-2.0-only
// The bitmap region of a device in pieces that fit into memory.
#pragma once

#include <cstring>

#include "session.h"

namespace drbd::meta {

/*
 * A piece holds whole rows (one word of each slot) and starts at a multiple of
 * 4096 bytes, so that it can be read and written directly.  The size is that in
 * which existing tools count runs, and dumps come out equal.
 */
class BitmapArea {
public:
	BitmapArea(Session &s, u64 area_bytes)
		: s_(s), bytes_(area_bytes), slots_(s.md.max_peers),
		  piece_words_((32ULL << 20) / (4096 * slots_) * 1024),
		  buffer_(std::min(piece_bytes(), area_bytes))
	{
	}

	// 32-bit words per slot in the whole region, counting a last, incomplete row.
	u64 words(u32 slot) const
	{
		u64 total = bytes_ / 4;

		return total > slot ? (total - slot - 1) / slots_ + 1 : 0;
	}
	u64 piece_words() const { return piece_words_; }
	u64 pieces() const { return bytes_ ? (bytes_ - 1) / piece_bytes() + 1 : 0; }

	// Number of the first word (of each slot) of a piece, and words it has of a slot.
	u64 first_word(u64 piece) const { return piece * piece_words_; }
	u64 words_in(u64 piece, u32 slot) const
	{
		u64 all = words(slot), first = first_word(piece);

		return all <= first ? 0 : std::min(all - first, piece_words_);
	}

	void load(u64 piece)
	{
		if (loaded_ == piece)
			return;
		s_.device().read(offset(piece), buffer_.data(), length(piece));
		loaded_ = piece;
	}
	void start_empty(u64 piece)
	{
		memset(buffer_.data(), 0, buffer_.size());
		loaded_ = piece;
	}
	void save(u64 piece) { s_.device().write(offset(piece), buffer_.data(), length(piece)); }

	// Within the loaded piece, which starts with word first_word().
	u32 get(u64 word, u32 slot) const { return le32_to_cpu(area()[word * slots_ + slot]); }
	void put(u64 word, u32 slot, u32 value)
	{
		area()[word * slots_ + slot] = cpu_to_le32(value);
	}
	__le32 *area() { return reinterpret_cast<__le32 *>(buffer_.data()); }
	const __le32 *area() const { return reinterpret_cast<const __le32 *>(buffer_.data()); }
	u64 length(u64 piece) const { return std::min(piece_bytes(), bytes_ - piece * piece_bytes()); }

private:
	u64 piece_bytes() const { return piece_words_ * 4 * slots_; }
	u64 offset(u64 piece) const { return s_.layout.bm * 512 + piece * piece_bytes(); }

	Session &s_;
	u64 bytes_;
	u32 slots_;
	u64 piece_words_;
	Buffer buffer_;
	u64 loaded_ = ~0ULL;
};

} // namespace drbd::meta
