// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any text as a metadata dump to be restored: refused with the line named, or
 * complete, and then it fits into a superblock that says the same.
 */
#include <cstdlib>
#include <cstring>

#include "drbdmeta/dump.h"
#include "drbdmeta/fail.h"

using namespace drbd::meta;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void read_as(std::string_view text, drbd_md_format wanted)
{
	alignas(8) u8 block[DRBD_MD_SB_BYTES] = {};
	drbd_md back;

	try {
		Dump d = parse_dump(text, wanted);
		require(d.md.format == wanted && d.bitmaps.size() == d.md.max_peers);
		require(d.md.effective_size <= DRBD_MD_MAX_SECTORS);
		for (const auto &runs : d.bitmaps)
			for (const BitmapRun &r : runs)
				require(r.count);
		require(!drbd_md_encode(&d.md, block));
		require(drbd_md_decode(block, &back) == DRBD_MD_OK);
		require(back.current_uuid == d.md.current_uuid && back.node_id == d.md.node_id);
	} catch (const Failure &f) {
		require(f.exit_code() && *f.what());
	}
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view text(reinterpret_cast<const char *>(data), size);

	read_as(text, DRBD_MD_V09);
	read_as(text, DRBD_MD_V08);
	return 0;
}
