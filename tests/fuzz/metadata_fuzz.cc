// SPDX-License-Identifier: GPL-2.0-only
/*
 * A superblock from an untrusted disk: whatever decodes and is accepted must
 * describe places inside the device, and encode to itself.
 */
#include <cstdlib>
#include <cstring>

#include "core/bitmap_geometry.h"
#include "core/metadata.h"

static void require(bool ok)
{
	if (!ok)
		abort();
}

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const int indexes[] = {-4, -3, -2, -1, 0, 1, 255};
	alignas(8) u8 block[4096] = {}, again[4096];
	drbd_md md, back;
	drbd_md_layout l;
	u64 capacity;

	if (size < 9)
		return 0;
	int index = indexes[data[0] % 7];
	memcpy(&capacity, data + 1, 8);
	capacity >>= data[0] >> 3;
	memcpy(block, data + 9, size - 9 < 4096 ? size - 9 : 4096);

	drbd_md_result r = drbd_md_decode(block, &md);
	require((r == DRBD_MD_OK) == (md.format == DRBD_MD_V08 || md.format == DRBD_MD_V09));
	drbd_md_check_fields(&md);
	drbd_md_free_slot(&md);
	require(drbd_md_free_slots(&md) <= DRBD_MD_MAX_PEERS);
	drbd_md_day0_peer(&md, 3);
	if (r == DRBD_MD_OK) {
		require(!drbd_md_encode(&md, again));
		require(drbd_md_decode(again, &back) == DRBD_MD_OK);
		/* Only the flag that never reaches the disk may differ. */
		for (auto &p : md.peers)
			p.flags &= ~DRBD_MDF_HAVE_BITMAP;
		require(!memcmp(&md, &back, sizeof(md)));
	}
	for (int node = -1; node <= 32; node += 11) {
		if (drbd_md_check_attach(&md, index, capacity, node, &l) != DRBD_MD_OK)
			continue;
		require(l.end <= capacity && l.start < l.end);
		require(l.sb + 8 <= l.end && l.start <= l.sb);
		require(l.al >= l.start && l.al + l.al_blocks * 8ULL <= l.end);
		require(l.bm >= l.start && l.bm + l.bm_sectors <= l.end);
		require(drbd_bm_area_sectors(l.max_size, md.max_peers,
					     drbd_bm_shift(md.bytes_per_bit)) <= l.bm_sectors);
		if (drbd_md_is_internal(index))
			require(l.max_size <= l.start);
	}

	drbd_md_placement p = {index, capacity, md.max_peers, md.bytes_per_bit, md.al_stripes,
			       md.al_stripe_size_4k};
	if (drbd_md_place(&p, &l) == DRBD_MD_OK) {
		require(l.sb + 8 <= capacity);
		if (index < 0)
			require(l.end <= capacity);
		require(l.max_size > 0 || drbd_md_is_internal(index));
		drbd_md_init(&md, &p, &l);
		require(drbd_md_check_fields(&md) == DRBD_MD_OK);
	}
	return 0;
}
