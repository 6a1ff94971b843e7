// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bitmap exchange with a hostile peer: packets of any content must not lead
 * beyond the bitmap, and must come to an end.
 */
#include <cstdlib>

#include "core/vli.h"

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	drbd_bm_stream s;

	if (size < 4)
		return 0;
	u64 bits = data[0] | data[1] << 8 | (u64)data[2] << (data[3] & 31);
	drbd_bm_stream_init(&s, bits);
	data += 4;
	size -= 4;
	/* Kind of packet, length of its payload, payload. */
	while (size > 2 && !s.complete) {
		size_t len = data[1] < size - 2 ? data[1] : size - 2;

		if (data[0] & 1) {
			drbd_rle_reader r;
			drbd_rle_run run;
			int rc;

			if (drbd_rle_open(&r, data + 2, len, s.pos, s.bits))
				return 0;
			while ((rc = drbd_rle_next(&r, &run)) > 0) {
				if (!run.count || run.first >= bits || run.count > bits - run.first)
					abort();
			}
			if (rc || drbd_bm_stream_rle(&s, r.pos))
				return 0;
		} else {
			size_t want = drbd_bm_stream_plain_len(&s, 4080);
			u64 before = s.pos;

			if (drbd_bm_stream_plain(&s, want, 4080))
				abort();
			if (want && s.pos <= before)
				abort();
		}
		if (s.pos > bits)
			abort();
		data += len + 2;
		size -= len + 2;
	}
	return 0;
}
