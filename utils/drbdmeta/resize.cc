// SPDX-License-Identifier: GPL-2.0-only
// After an offline resize internal metadata is not where it is expected.
#include <algorithm>

#include "commands.h"
#include "core/activity_log.h"
#include "fail.h"

namespace drbd::meta {

namespace {

constexpr u64 kPiece = 1 << 20;

// As memmove, on the device; offsets and length in bytes, multiples of 4096.
void move_range(Device &d, u64 from, u64 to, u64 bytes)
{
	Buffer buffer(kPiece);

	if (from == to)
		return;
	for (u64 done = 0; done < bytes;) {
		u64 n = std::min(kPiece, bytes - done);
		u64 at = to > from ? bytes - done - n : done;

		d.read(from + at, buffer.data(), n);
		d.write(to + at, buffer.data(), n);
		done += n;
	}
}

void zero_range(Device &d, u64 start, u64 end)
{
	Buffer zeroes(kPiece);

	for (; start < end; start += kPiece)
		d.write(start, zeroes.data(), std::min(kPiece, end - start));
}

} // namespace

void move_internal(Session &s)
{
	drbd_md_layout from = s.layout;
	drbd_md_layout to = s.place(s.md.max_peers, s.md.bytes_per_bit, s.md.al_stripes,
				    s.md.al_stripe_size_4k);
	Device &d = s.device();

	if (s.md.effective_size > to.max_size)
		fail(kLimits, "%s: %llu sectors of data leave no room for the meta data",
		     s.target.md_device.c_str(), (unsigned long long)s.md.effective_size);
	fprintf(stderr, "Moving the internal meta data to its proper location\n");
	d.restrict_writes(std::min(from.start, to.start) * 512, std::max(from.end, to.end) * 512);

	/*
	 * [bitmap][log][superblock] moves as one block; towards the end of the
	 * device the log must go first, towards its start the bitmap.
	 */
	u64 al_bytes = (u64)to.al_blocks * DRBD_AL_BLOCK_BYTES;
	u64 bm_bytes = std::min(from.bm_sectors, to.bm_sectors) * 512;
	bool upwards = to.al > from.al;
	if (upwards)
		move_range(d, from.al * 512, to.al * 512, al_bytes);
	move_range(d, from.bm * 512, to.bm * 512, bm_bytes);
	if (!upwards)
		move_range(d, from.al * 512, to.al * 512, al_bytes);
	if (to.bm_sectors * 512 > bm_bytes)
		d.initialize_bitmap(to.bm * 512 + bm_bytes, to.bm_sectors * 512 - bm_bytes,
				    s.options.initialize_bitmap.value_or(InitBitmap::automatic));

	s.use_layout(to);
	d.restrict_writes(std::min(from.start, to.start) * 512, std::max(from.end, to.end) * 512);
	d.sync();
	s.store();
	printf("Internal drbd meta data successfully moved.\n");

	/* What is left of the old area must not be found or mistaken for data. */
	u64 end = std::min(from.end, to.start);
	if (from.start < end) {
		zero_range(d, from.start * 512, end * 512);
		d.sync();
		printf("Old meta data region zeroed.\n");
	}
	s.use_layout(to);
}

int cmd_check_resize(Session &s)
{
	open_for(s);
	switch (s.find()) {
	case Session::Found::in_place:
		s.update_last_known();
		return kOk;
	case Session::Found::at_last_known:
		move_internal(s);
		return kOk;
	case Session::Found::nothing:
		break;
	}
	if (!s.internal())
		fail(kFailed, "Operation only supported for >= v8 internal meta data");
	fail(kFailed, "no suitable meta data found :(");
}

int cmd_repair_md(Session &s)
{
	int reference = -1;
	bool repaired = false;

	open_for(s);
	switch (s.find()) {
	case Session::Found::nothing:
		fail(kFailed, "No valid meta data found");
	case Session::Found::at_last_known:
		if (s.options.dry_run)
			fail(kFailed, "Meta data needs to be moved to its proper location");
		move_internal(s);
		break;
	case Session::Found::in_place:
		break;
	}
	if (s.md.format != DRBD_MD_V09)
		return kOk;

	/* All entries that were never used hold the same bitmap UUID. */
	auto day0 = [&](int i) {
		return i != s.md.node_id && s.md.peers[i].bitmap_index == -1 && !s.md.peers[i].flags;
	};
	for (int i = 0; i < DRBD_MD_NODES; i++)
		if (day0(i))
			reference = i;
	for (int i = 0; i < DRBD_MD_NODES; i++) {
		if (!day0(i) || s.md.peers[i].bitmap_uuid == s.md.peers[reference].bitmap_uuid)
			continue;
		fprintf(stderr, "Peer slot %d has \"day0\" UUID 0x%016llX, expected 0x%016llX\n", i,
			(unsigned long long)s.md.peers[i].bitmap_uuid,
			(unsigned long long)s.md.peers[reference].bitmap_uuid);
		s.md.peers[i].bitmap_uuid = s.md.peers[reference].bitmap_uuid;
		repaired = true;
	}
	if (!repaired)
		return kOk;
	if (s.options.dry_run)
		return kFailed;
	fprintf(stderr, "Repairing metadata\n");
	s.store();
	return kOk;
}

} // namespace drbd::meta
