// SPDX-License-Identifier: GPL-2.0-only
// apply-al: after a crash, mark as out of sync what the activity log had active.
#include <algorithm>

#include "bitmap_area.h"
#include "commands.h"
#include "core/activity_log.h"
#include "fail.h"

namespace drbd::meta {

namespace {

// Update-in-place format for persistent memory: one extent per slot.
drbd_al_replay_result read_pmem(const u8 *area, u64 bytes, u32 nr_extents, std::vector<u32> &labels)
{
	std::fill(labels.begin(), labels.end(), DRBD_AL_FREE);
	for (u64 i = 0; i < nr_extents && i < labels.size() && 4 * i + 8 <= bytes; i++)
		labels[i] = get_unaligned_be32(area + 4 + 4 * i);
	return DRBD_AL_REPLAY_ACTIVE;
}

// v08 metadata last used by 8.3 or older has the log of those days.
bool is_83_log(const drbd_md &md, const Buffer &area)
{
	return md.format == DRBD_MD_V08 && md.magic == DRBD_MD_MAGIC_08 && md.al_stripes == 1 &&
	       md.al_stripe_size_4k == 8 && get_unaligned_be32(area.data()) != DRBD_AL_MAGIC &&
	       get_unaligned_be32(area.data() + DRBD_AL_BLOCK_BYTES) != DRBD_AL_MAGIC;
}

drbd_al_replay_result replay(Session &s, std::vector<u32> &labels)
{
	u64 bytes = (u64)s.layout.al_blocks * DRBD_AL_BLOCK_BYTES;
	drbd_al_replay_stats stats = {};
	drbd_al_replay_result result;
	Buffer area(bytes);

	for (u64 at = 0; at < bytes; at += 1 << 20)
		s.device().read(s.layout.al * 512 + at, area.data() + at,
				std::min<u64>(bytes - at, 1 << 20));
	if (is_83_log(s.md, area)) {
		result = drbd_al_replay_83(area.data(), s.md.al_nr_extents, labels.data(), &stats);
		if (!stats.valid)
			fprintf(stderr, "No usable activity log found.\n");
		return result;
	}
	if (get_unaligned_be32(area.data()) == DRBD_AL_PMEM_MAGIC)
		return read_pmem(area.data(), bytes, s.md.al_nr_extents, labels);

	result = drbd_al_replay(reinterpret_cast<const drbd_al_block *>(area.data()), s.md.al_stripes,
				s.md.al_stripe_size_4k, labels.data(), &stats);
	if (stats.bad_slots)
		fprintf(stderr, "%u activity log entries with impossible slot numbers ignored\n",
			stats.bad_slots);
	if (stats.unknown_types)
		fprintf(stderr, "%u AL transactions of unknown type applied\n", stats.unknown_types);
	switch (result) {
	case DRBD_AL_REPLAY_NO_DATA:
		fprintf(stderr, "No usable activity log found. Do you need to create-md?\n");
		break;
	case DRBD_AL_REPLAY_INVALID:
		fprintf(stderr, "%u corrupt AL transactions found\n", stats.corrupt);
		fprintf(stderr, "No valid AL update transaction found.\n");
		break;
	default:
		if (stats.corrupt)
			fprintf(stderr, "%u corrupt AL transactions found\n", stats.corrupt);
	}
	return result;
}

/*
 * Set the bits of the extents in all slots.  An extent that starts inside the
 * region is applied up to the region's end, surplus bits included: to skip it
 * would lose marks.
 */
u64 mark(Session &s, const std::vector<u32> &extents)
{
	u64 region = s.bitmap_bytes();
	BitmapArea area(s, region);
	u32 slots = s.md.max_peers, shift = s.bit_shift();
	u64 newly_set = 0;

	for (size_t i = 0; i < extents.size();) {
		drbd_bm_range bits = drbd_bm_extent_bits(extents[i], shift);
		u64 start = bits.first / 8 * slots;

		if (start >= region) {
			fprintf(stderr, "extent %u beyond end of bitmap! (%llu >= %llu)\n", extents[i],
				(unsigned long long)start, (unsigned long long)region);
			i++;
			continue;
		}
		/* All extents that touch this piece, then write it once. */
		u64 piece = bits.first / 32 / area.piece_words();
		u64 base = area.first_word(piece) * 32;
		u64 piece_bits = area.piece_words() * 32;
		bool dirty = false;
		area.load(piece);
		for (; i < extents.size(); i++) {
			drbd_bm_range r = drbd_bm_extent_bits(extents[i], shift);
			/* Pieces are multiples of 1024 bits: no extent crosses two. */
			if (r.first - base >= piece_bits || r.first / 8 * slots >= region)
				break;
			r.first -= base;
			for (u32 slot = 0; slot < slots; slot++)
				newly_set += drbd_bm_area_set(area.area(), area.length(piece) / 4, slots,
							      slot, &r);
			dirty = true;
		}
		if (dirty)
			area.save(piece);
	}
	return newly_set;
}

} // namespace

int cmd_apply_al(Session &s)
{
	std::vector<u32> labels(DRBD_AL_EXTENTS_MAX, DRBD_AL_FREE);
	bool rewrite_ring = false;

	s.open(s.target.index >= 0  ? Device::Open::shared
	       : s.options.force ? Device::Open::exclusive
				 : Device::Open::exclusive_or_fail);
	switch (s.find()) {
	case Session::Found::nothing:
		fail(kFailed, "No valid meta data found");
	case Session::Found::at_last_known:
		move_internal(s);
		break;
	case Session::Found::in_place:
		break;
	}

	bool needed = s.md.flags & DRBD_MDF_PRIMARY_IND;
	drbd_al_replay_result result = replay(s, labels);
	if (result == DRBD_AL_REPLAY_NO_DATA || result == DRBD_AL_REPLAY_INVALID) {
		if (needed)
			throw Failure(kFailed, "");
		fprintf(stderr, "Error ignored, no need to apply the AL\n");
		rewrite_ring = true;
	} else if (result == DRBD_AL_REPLAY_ACTIVE) {
		rewrite_ring = true;
		if (needed) {
			std::erase(labels, DRBD_AL_FREE);
			std::sort(labels.begin(), labels.end());
			if (labels.empty()) {
				fprintf(stderr, "Nothing to do.\n");
			} else {
				u64 bits = mark(s, labels);
				u64 kib = bits * (s.md.bytes_per_bit / 1024);
				fprintf(stderr, "Marked additional %s as out-of-sync based on AL.\n",
					human_size(kib).c_str());
			}
		}
	}
	/*
	 * The bits must be durable before the log forgets the extents, and the log
	 * before the superblock says that it is clean.
	 */
	s.device().sync();
	if (rewrite_ring || s.md.format == DRBD_MD_V08)
		s.initialize_al();
	s.device().sync();
	if (s.md.format != DRBD_MD_V08 || !drbd_md_is_clean(&s.md) || rewrite_ring) {
		s.md.flags |= DRBD_MDF_AL_CLEAN;
		if (s.md.format == DRBD_MD_V08)
			s.md.magic = DRBD_MD_MAGIC_08;
		s.store();
	}
	return kOk;
}

} // namespace drbd::meta
