// SPDX-License-Identifier: GPL-2.0-only
/* A ring of an untrusted disk, its checksums made good so that replay goes deep. */
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/activity_log.h"

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	/* Few blocks: what takes time is their checksums. */
	static const u8 shapes[][2] = {{1, 4}, {2, 2}, {4, 1}, {3, 2}};
	static const size_t old_ring = 8;	/* blocks that the oldest format occupies */
	static u32 labels[DRBD_AL_EXTENTS_MAX];
	drbd_al_replay_stats stats;

	if (size < 2)
		return 0;
	const u8 *shape = shapes[data[0] % 4];
	u8 fix = data[1];
	size_t blocks = shape[0] * shape[1];
	std::vector<drbd_al_block> ring(old_ring);
	data += 2;
	size -= 2;
	/* Spread short inputs: each block gets a slice as its head. */
	size_t slice = size / blocks;
	for (size_t i = 0; i < blocks; i++) {
		memcpy(&ring[i], data + i * slice, slice < 4096 ? slice : 4096);
		if (fix >> (i % 8) & 1) {
			ring[i].magic = cpu_to_be32(DRBD_AL_MAGIC);
			ring[i].crc32c = 0;
			ring[i].crc32c = cpu_to_be32(crc32c(0, &ring[i], sizeof(ring[i])));
		}
	}
	drbd_al_replay_result r = drbd_al_replay(ring.data(), shape[0], shape[1], labels, &stats);
	if (stats.valid + stats.corrupt != blocks)
		abort();
	if (r == DRBD_AL_REPLAY_ACTIVE && !stats.replayed)
		abort();
	drbd_al_replay_83(ring.data(), fix * 16u, labels, &stats);
	return 0;
}
