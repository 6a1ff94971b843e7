// SPDX-License-Identifier: GPL-2.0-only
#include "dump.h"

#include <cinttypes>
#include <ctime>
#include <sys/utsname.h>

#include "bitmap_area.h"
#include "core/activity_log.h"
#include "fail.h"

namespace drbd::meta {

namespace {

struct FlagName {
	u32 flag;
	const char *name;
};

const FlagName peer_flags[] = {
	{DRBD_MDF_PEER_CONNECTED, "connected"}, {DRBD_MDF_PEER_OUTDATED, "<=outdated"},
	{DRBD_MDF_PEER_FENCING, "fencing"},	{DRBD_MDF_PEER_FULL_SYNC, "full-sync"},
	{DRBD_MDF_PEER_DEVICE_SEEN, "seen"},	{DRBD_MDF_NODE_EXISTS, "exists"},
};

void print_header(const Session &s)
{
	time_t now = time(nullptr);
	struct utsname host = {};
	char date[64] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %z", &tm);
	uname(&host);
	printf("# DRBD meta data dump\n# %s [%lld]\n# %s> %s\n#\n\n", date, (long long)now,
	       host.nodename, s.target.command_line.c_str());
}

void print_offsets(const Session &s)
{
	printf("# md_size_sect %u\n", s.md.md_size_sect);
	printf("# md_offset %" PRIu64 "\n", s.layout.sb * 512);
	printf("# al_offset %" PRIu64 "\n", s.layout.al * 512);
	printf("# bm_offset %" PRIu64 "\n\n", s.layout.bm * 512);
}

void print_uuid_lines(const u64 *uuids, int n)
{
	for (int i = 0; i < n; i += 4) {
		printf("       ");
		for (int j = i; j < i + 4; j++)
			printf(" 0x%016" PRIX64 ";", uuids[j]);
		putchar('\n');
	}
}

// One slot; see the chapter for what exactly existing tools print.
void print_bitmap(BitmapArea &area, u32 slots, u32 slot)
{
	u64 bits_set = 0;

	for (u64 piece = 0; piece < area.pieces(); piece++) {
		u64 n = area.words_in(piece, slot), base = area.first_word(piece), i = 0;

		area.load(piece);
		while (i < n) {
			u32 first = area.get(i, slot);
			u64 run = 1;

			if ((base + i) * slots % 64 == 0)
				printf("   # at %" PRIu64 "kB\n", 128 * (base + i) * slots);
			while (i + run < n && area.get(i + run, slot) == first)
				run++;
			run &= ~7ULL;
			if (run >= 16) {
				printf("    %" PRIu64 " times 0x%08X%08X;\n", run / 2, first, first);
				bits_set += run * hweight32(first);
				i += run;
				continue;
			}
			printf("   ");
			for (int k = 0; k < 4 && i < n; k++, i += 2) {
				u32 low = area.get(i, slot);

				bits_set += hweight32(low);
				// A single padding word at the end is counted, not printed.
				if (i + 1 == n)
					continue;
				u32 high = area.get(i + 1, slot);
				bits_set += hweight32(high);
				printf(" 0x%08X%08X;", high, low);
			}
			putchar('\n');
		}
	}
	printf("}\n");
	if (slot + 1 == slots)
		printf("# bits-set %" PRIu64 ";\n", bits_set);
}

void print_v09(Session &s)
{
	const drbd_md &md = s.md;

	printf("max-peers %u;\n", md.max_peers);
	print_offsets(s);
	printf("node-id %d;\ncurrent-uuid 0x%016" PRIX64 ";\nflags 0x%08X;\n", md.node_id,
	       md.current_uuid, md.flags);
	// Older tools do not know the word, and do not need it while it is 0.
	if (md.members)
		printf("members 0x%016" PRIX64 ";\n", md.members);
	for (int i = 0; i < DRBD_MD_NODES; i++) {
		const drbd_md_peer &p = md.peers[i];
		std::string flags = peer_flag_text(p.flags);

		printf("peer[%d] {\n    bitmap-index %d;\n    bitmap-uuid 0x%016" PRIX64 ";\n"
		       "    bitmap-dagtag 0x%016" PRIX64 ";\n    flags 0x%08X;%s%s\n}\n",
		       i, p.bitmap_index, p.bitmap_uuid, p.bitmap_dagtag, p.flags,
		       flags.empty() ? "" : " # ", flags.c_str());
	}
	printf("history-uuids {\n");
	print_uuid_lines(md.history_uuids, DRBD_MD_HISTORY);
	printf("}\n");
}

void print_v08(Session &s)
{
	const drbd_md &md = s.md;
	Buffer block(DRBD_MD_SB_BYTES);
	u64 uuids[4] = {md.current_uuid, md.peers[0].bitmap_uuid, md.history_uuids[0],
			md.history_uuids[1]};

	// The flags as they are on disk, those of the peer among them.
	drbd_md_encode(&md, block.data());
	u32 flags = be32_to_cpu(reinterpret_cast<drbd_md_sb_v08 *>(block.data())->flags);

	print_offsets(s);
	printf("uuid {\n    0x%016" PRIX64 "; 0x%016" PRIX64 "; 0x%016" PRIX64 "; 0x%016" PRIX64 ";\n"
	       "    flags 0x%08X;\n}\n", uuids[0], uuids[1], uuids[2], uuids[3], flags);
}

// For the curious (ten times -v): the activity log as comments.
void print_al(Session &s)
{
	Buffer buffer(DRBD_AL_BLOCK_BYTES);
	auto *b = reinterpret_cast<drbd_al_block *>(buffer.data());

	for (u32 i = 0; i < s.layout.al_blocks; i++) {
		static const char *kinds[] = {"invalid", "initialized", "update"};

		s.device().read((s.layout.al + 8ULL * i) * 512, buffer.data(), buffer.size());
		printf("# al block %u: %s, transaction 0x%08x, %u updates\n", i,
		       kinds[drbd_al_check(b)], be32_to_cpu(b->number), be16_to_cpu(b->n_updates));
	}
}

} // namespace

std::string peer_flag_text(u32 flags)
{
	std::string text;

	for (u32 bit = 0; bit < 32; bit++) {
		u32 mask = 1u << bit;
		if (!(flags & mask))
			continue;
		if (!text.empty())
			text += " | ";
		std::string name = format("0x%x=?", mask);
		for (const FlagName &f : peer_flags)
			if (f.flag == mask)
				name = f.name;
		text += name;
	}
	return text;
}

void print_dump(Session &s, bool unclean_marker, bool at_last_known)
{
	const drbd_md &md = s.md;
	bool v09 = md.format == DRBD_MD_V09;

	print_header(s);
	if (at_last_known)
		printf("### Found at the last known location, which is not where a device of this\n"
		       "### size has its meta data: it was resized offline, see check-resize.\n\n");
	printf("version \"v%02d\";\n\n", (int)md.format);
	if (unclean_marker)
		printf("This_is_an_unclean_meta_data_dump._Don't_trust_the_bitmap.\n"
		       "# You should \"apply-al\" first, if you plan to restore this.\n\n");
	if (v09)
		print_v09(s);
	else
		print_v08(s);

	u64 bytes = s.bitmap_bytes();
	printf("# al-extents %u;\nla-size-sect %" PRIu64 ";\nbm-byte-per-bit %u;\n"
	       "device-uuid 0x%016" PRIX64 ";\nla-peer-max-bio-size %u;\nal-stripes %u;\n"
	       "al-stripe-size-4k %u;\n# bm-bytes %" PRIu64 ";\n", md.al_nr_extents,
	       md.effective_size, md.bytes_per_bit, md.device_uuid, md.la_peer_max_bio_size,
	       md.al_stripes, md.al_stripe_size_4k, bytes);
	BitmapArea area(s, bytes);
	for (u32 slot = 0; slot < md.max_peers; slot++) {
		if (v09)
			printf("bitmap[%u] {\n", slot);
		else
			printf("bm {\n");
		print_bitmap(area, md.max_peers, slot);
	}
	if (s.options.verbose >= 10)
		print_al(s);
	if (fflush(stdout) || ferror(stdout))
		fail(kLimits, "writing the dump failed");
}

} // namespace drbd::meta
