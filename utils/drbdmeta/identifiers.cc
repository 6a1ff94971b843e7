// SPDX-License-Identifier: GPL-2.0-only
// Commands that read or change generation identifiers, flags and single fields.
#include <algorithm>
#include <cinttypes>

#include "bitmap_area.h"
#include "commands.h"
#include "fail.h"

namespace drbd::meta {

namespace {

// The flags of a GI line, in order; either of the device or of the peer.
struct GiFlag {
	u32 device;
	u32 peer;
};

const GiFlag gi_v09[] = {
	{DRBD_MDF_CONSISTENT, 0},	   {DRBD_MDF_WAS_UP_TO_DATE, 0},
	{DRBD_MDF_PRIMARY_IND, 0},	   {DRBD_MDF_CRASHED_PRIMARY, 0},
	{DRBD_MDF_AL_CLEAN, 0},		   {DRBD_MDF_AL_DISABLED, 0},
	{DRBD_MDF_PRIMARY_LOST_QUORUM, 0}, {0, DRBD_MDF_PEER_CONNECTED},
	{0, DRBD_MDF_PEER_OUTDATED},	   {0, DRBD_MDF_PEER_FENCING},
	{0, DRBD_MDF_PEER_FULL_SYNC},	   {0, DRBD_MDF_PEER_DEVICE_SEEN},
};

const GiFlag gi_v08[] = {
	{DRBD_MDF_CONSISTENT, 0},      {DRBD_MDF_WAS_UP_TO_DATE, 0}, {DRBD_MDF_PRIMARY_IND, 0},
	{0, DRBD_MDF_PEER_CONNECTED},  {0, DRBD_MDF_PEER_FULL_SYNC}, {0, DRBD_MDF_PEER_OUTDATED},
	{DRBD_MDF_CRASHED_PRIMARY, 0},
};

std::span<const GiFlag> gi_flags(const drbd_md &md)
{
	if (md.format == DRBD_MD_V09)
		return gi_v09;
	return gi_v08;
}

// v08 has one peer, whatever node id was asked for.
int gi_node(Session &s)
{
	return s.md.format == DRBD_MD_V09 ? s.options.node_id.value_or(0) : 0;
}

std::string gi_line(const drbd_md &md, int node)
{
	const drbd_md_peer &peer = md.peers[node];
	std::string line = format("%016" PRIX64 ":%016" PRIX64 ":%016" PRIX64 ":%016" PRIX64,
				  md.current_uuid, peer.bitmap_uuid, md.history_uuids[0],
				  md.history_uuids[1]);

	for (const GiFlag &f : gi_flags(md))
		line += (md.flags & f.device) || (peer.flags & f.peer) ? ":1" : ":0";
	return line;
}

// An empty field, or one that is missing at the end, leaves its value.
void apply_gi(drbd_md &md, int node, const std::string &gi)
{
	drbd_md_peer &peer = md.peers[node];
	std::vector<std::string> fields{""};

	for (char c : gi) {
		if (c == ':')
			fields.emplace_back();
		else
			fields.back() += c;
	}
	std::span<const GiFlag> flags = gi_flags(md);
	u64 *uuids[] = {&md.current_uuid, &peer.bitmap_uuid, &md.history_uuids[0],
			&md.history_uuids[1]};
	if (fields.size() > std::size(uuids) + flags.size())
		fail(kLimits, "'%s' has more than %zu fields.", gi.c_str(),
		     std::size(uuids) + flags.size());
	for (size_t i = 0; i < fields.size(); i++) {
		const char *text = fields[i].c_str();
		char *end;

		if (!*text)
			continue;
		unsigned long long value = strtoull(text, &end, i < 4 ? 16 : 10);
		if (*end || end == text || !isxdigit((unsigned char)*text) || fields[i].size() > 18)
			fail(kLimits, "'%s' is not a number.", text);
		if (i < 4) {
			*uuids[i] = value;
			continue;
		}
		if (value > 1)
			fail(kLimits, "'%s' is not 0 or 1.", text);
		const GiFlag &f = flags[i - 4];
		md.flags = value ? md.flags | f.device : md.flags & ~f.device;
		peer.flags = value ? peer.flags | f.peer : peer.flags & ~f.peer;
	}
}

const char gi_head[] =
	"\n"
	"       +--<  Current data generation UUID  >-\n"
	"       |               +--<  Bitmap's base data generation UUID  >-\n"
	"       |               |                 +--<  younger history UUID  >-\n"
	"       |               |                 |         +-<  older history  >-\n"
	"       V               V                 V         V\n";

const char gi_legend_v09[] =
	"                                                                    ^ ^ ^ ^ ^ ^ ^ ^ ^ ^ ^ ^\n"
	"                                      -<  Data consistency flag  >--+ | | | | | | | | | | |\n"
	"                             -<  Data was/is currently up-to-date  >--+ | | | | | | | | | |\n"
	"                                  -<  Node was/is currently primary  >--+ | | | | | | | | |\n"
	" -<  This node was a crashed primary, and has not seen its peer since  >--+ | | | | | | | |\n"
	"             -<  The activity-log was applied, the disk can be attached  >--+ | | | | | | |\n"
	"        -<  The activity-log was disabled, peer is completely out of sync  >--+ | | | | | |\n"
	"                              -<  This node was primary when it lost quorum  >--+ | | | | |\n"
	"                                          -<  Node was/is currently connected  >--+ | | | |\n"
	"                              -<  The peer's disk was out-dated or inconsistent  >--+ | | |\n"
	"                                 -<   A fence policy other the dont-care was used  >--+ | |\n"
	"                  -<  Node was in the progress of marking all blocks as out of sync  >--+ |\n"
	"                     -<  At least once we saw this node with a backing device attached >--+\n"
	"\n";

const char gi_legend_v08[] =
	"                                                                    ^ ^ ^ ^ ^ ^ ^\n"
	"                                      -<  Data consistency flag  >--+ | | | | | |\n"
	"                             -<  Data was/is currently up-to-date  >--+ | | | | |\n"
	"                                  -<  Node was/is currently primary  >--+ | | | |\n"
	"                                  -<  Node was/is currently connected  >--+ | | |\n"
	"         -<  Node was in the progress of setting all bits in the bitmap  >--+ | |\n"
	"                        -<  The peer's disk was out-dated or inconsistent  >--+ |\n"
	"      -<  This node was a crashed primary, and has not seen its peer since   >--+\n"
	"\n";

void print_state_v08(const drbd_md &md)
{
	u32 device = md.flags, peer = md.peers[0].flags;

	printf("flags:%s %s, %s, %s%s%s\n", device & DRBD_MDF_CRASHED_PRIMARY ? " crashed" : "",
	       device & DRBD_MDF_PRIMARY_IND ? "Primary" : "Secondary",
	       peer & DRBD_MDF_PEER_CONNECTED ? "Connected" : "StandAlone",
	       !(device & DRBD_MDF_CONSISTENT)	     ? "Inconsistent"
	       : device & DRBD_MDF_WAS_UP_TO_DATE ? "UpToDate"
						     : "Outdated",
	       peer & DRBD_MDF_PEER_FULL_SYNC ? ", need full sync" : "",
	       peer & DRBD_MDF_PEER_OUTDATED ? ", peer Outdated" : "");
	printf("meta-data: %s\n", drbd_md_is_clean(&md) ? "clean" : "need apply-al");
}

const std::string &needed_argument(const Session &s)
{
	if (s.target.args.empty())
		fail(kLimits, "Required Argument missing");
	return s.target.args[0];
}

} // namespace

int cmd_get_gi(Session &s)
{
	open_for(s);
	s.require("");
	printf("%s\n", gi_line(s.md, gi_node(s)).c_str());
	return kOk;
}

int cmd_show_gi(Session &s)
{
	open_for(s);
	s.require("");

	const drbd_md &md = s.md;
	bool v09 = md.format == DRBD_MD_V09;
	printf("%s%s\n%s", gi_head, gi_line(md, gi_node(s)).c_str(), v09 ? gi_legend_v09 : gi_legend_v08);
	if (!v09)
		print_state_v08(md);
	if (md.effective_size) {
		printf("last agreed size: %s (%" PRIu64 " sectors)\n",
		       human_size(md.effective_size / 2).c_str(), md.effective_size);
		printf("last agreed max bio size: %u Byte\n", md.la_peer_max_bio_size);
	} else {
		printf("zero size device -- never seen peer yet?\n");
	}
	return kOk;
}

int cmd_set_gi(Session &s)
{
	const std::string &gi = needed_argument(s);

	open_for(s);
	s.require("");
	drbd_md changed = s.md;
	int node = gi_node(s);
	apply_gi(changed, node, gi);
	printf("previously %s\n", gi_line(s.md, node).c_str());
	printf("set GI to  %s\n", gi_line(changed, node).c_str());
	if (!s.console.confirm("Write new GI to disk?")) {
		printf("Operation canceled.\n");
		return kOk;
	}
	s.md = changed;
	s.store();
	return kOk;
}

int cmd_dstate(Session &s)
{
	open_for(s);
	s.require("No valid meta data found");

	const drbd_md &md = s.md;
	const char *state = "Consistent";
	if (!(md.flags & DRBD_MDF_CONSISTENT))
		state = "Inconsistent";
	else if (!(md.flags & DRBD_MDF_WAS_UP_TO_DATE))
		state = "Outdated";
	else if (md.format == DRBD_MD_V08 && md.peers[0].flags & DRBD_MDF_PEER_OUTDATED)
		state = "UpToDate";
	printf("%s\n", state);
	return kOk;
}

int cmd_outdate(Session &s)
{
	open_for(s);
	s.require("");
	if (!(s.md.flags & DRBD_MDF_CONSISTENT))
		fail(kInconsistent, "Device is inconsistent.");
	s.md.flags &= ~DRBD_MDF_WAS_UP_TO_DATE;
	s.store();
	return kOk;
}

int cmd_invalidate(Session &s)
{
	open_for(s);
	s.require("");
	s.md.flags &= ~(DRBD_MDF_CONSISTENT | DRBD_MDF_WAS_UP_TO_DATE);
	if (s.md.format == DRBD_MD_V09)
		for (auto &peer : s.md.peers)
			peer.flags |= DRBD_MDF_PEER_FULL_SYNC;
	else
		s.md.peers[0].flags |= DRBD_MDF_PEER_FULL_SYNC;
	s.store();
	return kOk;
}

int cmd_read_dev_uuid(Session &s)
{
	open_for(s);
	s.require("");
	printf("%016" PRIX64 "\n", s.md.device_uuid);
	return kOk;
}

int cmd_write_dev_uuid(Session &s)
{
	const std::string &text = needed_argument(s);
	size_t start = text.compare(0, 2, "0x") == 0 ? 2 : 0;

	if (text.size() == start || text.size() - start > 16 ||
	    text.find_first_not_of("0123456789abcdefABCDEF", start) != std::string::npos)
		fail(kLimits, "'%s' is not a hex number of up to 16 digits.", text.c_str());
	open_for(s);
	s.require("");
	s.md.device_uuid = strtoull(text.c_str() + start, nullptr, 16);
	s.store();
	return kOk;
}

int cmd_wipe_md(Session &s)
{
	open_for(s);
	if (s.find() != Session::Found::in_place) {
		fprintf(stderr, "There appears to be no drbd meta data to wipe out?\n");
		return kOk;
	}
	if (!s.console.confirm("Do you really want to wipe out the DRBD meta data?")) {
		printf("Operation cancelled.\n");
		return kFailed;
	}
	printf("Wiping meta data...\n");
	fflush(stdout);
	Buffer zeroes(DRBD_MD_SB_BYTES);
	s.device().write(s.sb_offset(), zeroes.data(), zeroes.size());
	s.device().sync();
	s.forget_last_known();
	printf("DRBD meta data block successfully wiped out.\n");
	return kOk;
}

/*
 * The freed slot becomes an unassigned one, and those remember every write since
 * day 0: take over the content of another, or if there is none, set all bits.
 */
int cmd_forget_peer(Session &s)
{
	open_for(s);
	s.require("");
	if (s.md.format != DRBD_MD_V09)
		fail(kLimits, "forget-peer needs v09 meta data");

	int node = *s.options.node_id, reference = -1;
	drbd_md_peer &peer = s.md.peers[node];
	s32 freed = peer.bitmap_index;
	if (freed >= (s32)s.md.max_peers)
		fail(kLimits, "peer[%d]: bitmap-index %d is out of range", node, freed);
	if (freed >= 0) {
		int copy = drbd_md_free_slot(&s.md);
		BitmapArea area(s, s.bitmap_bytes());

		for (u64 piece = 0; piece < area.pieces(); piece++) {
			u64 n = area.words_in(piece, freed);

			area.load(piece);
			for (u64 i = 0; i < n; i++)
				area.put(i, freed, copy >= 0 && i < area.words_in(piece, copy)
							   ? area.get(i, copy) : ~0u);
			area.save(piece);
		}
		s.device().sync();
		if (copy >= 0)
			fprintf(stderr, "Copied bitmap slot %d to %d\n", copy, freed);
		else
			fprintf(stderr, "Set all bits in slot %d\n", freed);
	}
	for (int i = 0; i < DRBD_MD_NODES; i++)
		if (i != node && i != s.md.node_id && s.md.peers[i].bitmap_index == -1 &&
		    !s.md.peers[i].flags)
			reference = i;
	peer = {};
	peer.bitmap_index = -1;
	if (reference >= 0) {
		peer.bitmap_uuid = s.md.peers[reference].bitmap_uuid;
		peer.bitmap_dagtag = s.md.peers[reference].bitmap_dagtag;
	}
	s.store();
	return kOk;
}

} // namespace drbd::meta
