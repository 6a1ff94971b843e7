// SPDX-License-Identifier: GPL-2.0-only
// create-md: new metadata, or the other format made of what is there.
#include "commands.h"
#include "core/activity_log.h"
#include "fail.h"
#include "foreign.h"

namespace drbd::meta {

namespace {

constexpr int kNotImplemented = 20;

const char *style(const Session &s)
{
	return s.internal() ? "flexible-size internal" : s.target.index >= 0 ? "fixed-size external"
									       : "flexible-size external";
}

u32 wanted_peers(const Session &s)
{
	if (s.target.format != DRBD_MD_V09)
		return 1;
	if (s.target.args.empty())
		fail(kUsage, "USAGE: drbdmeta MINOR v09 ... create-md MAX_PEERS\n\n"
		     "  MAX_PEERS argument missing");
	u64 n = parse_number(s.target.args[0], '1');
	if (n < 1 || n > DRBD_MD_MAX_PEERS)
		fail(kUsage, "MAX_PEERS argument not in allowed range 1 .. %d.", DRBD_MD_MAX_PEERS);
	return n;
}

struct Geometry {
	u32 stripes, stripe_4k;
};

Geometry wanted_geometry(const Session &s)
{
	return {(u32)s.options.al_stripes.value_or(DRBD_AL_STRIPES_DEFAULT),
		(u32)s.options.al_stripe_size_4k.value_or(DRBD_AL_STRIPE_4K_DEFAULT)};
}

// The options that put data generations into new metadata.
void preset(const Options &o, drbd_md &md)
{
	if (o.initial_current_uuid)
		md.current_uuid = *o.initial_current_uuid ? *o.initial_current_uuid : random_uuid();
	if (o.consistent || o.uptodate) {
		md.flags |= DRBD_MDF_CONSISTENT;
		if (o.uptodate)
			md.flags |= DRBD_MDF_WAS_UP_TO_DATE;
		if (md.current_uuid == DRBD_UUID_JUST_CREATED)
			md.current_uuid = random_uuid();
	}
	if (o.peers_outdated)
		for (auto &peer : md.peers)
			peer.flags |= DRBD_MDF_PEER_OUTDATED;
	if (o.rotate_uuids) {
		if (md.current_uuid == DRBD_UUID_JUST_CREATED)
			md.current_uuid = random_uuid();
		for (auto &peer : md.peers)
			peer.bitmap_uuid = md.current_uuid;
		md.history_uuids[0] = md.current_uuid;
		md.current_uuid = random_uuid();
	}
}

void initialize(Session &s, u32 max_peers)
{
	const Options &o = s.options;
	Geometry g = wanted_geometry(s);
	u32 bytes_per_bit = o.bitmap_block_size.value_or(DRBD_BM_BIT_BYTES_DEFAULT);
	drbd_md_layout l = s.place(max_peers, bytes_per_bit, g.stripes, g.stripe_4k);
	drbd_md_placement p = {s.target.index, s.device().sectors(), max_peers, bytes_per_bit,
			       g.stripes, g.stripe_4k};

	if (o.effective_size && *o.effective_size > l.max_size)
		fail(kLimits, "effective-size %llus is more than the %llus that fit on %s",
		     (unsigned long long)*o.effective_size, (unsigned long long)l.max_size,
		     s.target.md_device.c_str());

	drbd_md_init(&s.md, &p, &l);
	s.md.format = s.target.format;
	if (s.target.format == DRBD_MD_V08)
		s.md.magic = DRBD_MD_MAGIC_08;
	s.md.la_peer_max_bio_size = o.peer_max_bio_size.value_or(0);
	s.md.effective_size = o.effective_size.value_or(0);
	if (o.diskful_peers)
		for (int i = 0; i < DRBD_MD_NODES; i++)
			if (*o.diskful_peers >> i & 1)
				s.md.peers[i].flags |= DRBD_MDF_PEER_DEVICE_SEEN;
	preset(o, s.md);
	s.use_layout(l);
	check_existing_data(s);

	printf("initializing activity log\n");
	fflush(stdout);
	s.initialize_al();
	u64 bytes = l.bm_sectors * 512;
	/* A device that shrank below an index' 128 MiB has less of it. */
	if (l.bm * 512 + bytes > s.device().bytes())
		bytes = s.device().bytes() - l.bm * 512;
	s.device().initialize_bitmap(l.bm * 512, bytes,
				     o.initialize_bitmap.value_or(InitBitmap::automatic));
}

// s.md holds the other format; activity log and bitmap stay as they are.
void convert(Session &s, const drbd_md &old, const drbd_md_layout &l, u32 max_peers)
{
	if (old.format == DRBD_MD_V09 && old.max_peers > 1)
		fail(kLimits, "v09 meta-data with %u bitmap slots cannot be converted to v08, "
		     "which has one; to discard it, run wipe-md as v09 first", old.max_peers);
	s.md = old;
	s.md.format = s.target.format;
	if (s.target.format == DRBD_MD_V09) {
		if (max_peers != 1)
			printf("Warning: setting max_peers to 1 instead of %u\n\n", max_peers);
		s.md.magic = DRBD_MD_MAGIC_09;
		// There is no telling to which node id it belonged.
		s.md.peers[0].bitmap_uuid = 0;
	} else {
		s.md.magic = DRBD_MD_MAGIC_08;
	}
	s.use_layout(l);
	check_existing_data(s);
}

// Valid metadata of any format at the place of the superblock, or nothing.
bool existing(Session &s, drbd_md *md, drbd_md_layout *l)
{
	drbd_md_format wanted = s.target.format;
	bool valid = false;

	if (s.load(s.sb_offset(), md) == DRBD_MD_OK) {
		s.target.format = md->format;
		valid = s.validate(*md, s.device().bytes(), l, true);
		s.target.format = wanted;
	}
	return valid || md->format == DRBD_MD_V07;
}

[[noreturn]] void cancelled()
{
	printf("Operation cancelled.\n");
	throw Failure(kFailed, "");
}

// What to do about metadata that is already there: true to convert it.
bool ask_about_existing(Session &s, const drbd_md &old)
{
	int have = old.format, want = s.target.format;
	Console &c = s.console;

	if (s.internal())
		c.context(format("You want me to create a v%02d style %s meta data block.\n"
				 "There appears to be a v%02d %s meta data block\n"
				 "already in place on %s at byte offset %llu\n", want, style(s), have,
				 style(s), s.target.md_device.c_str(),
				 (unsigned long long)s.sb_offset()));
	if (have == want) {
		if (!c.confirm(s.internal() ? "Do you really want to overwrite the existing meta-data?"
					    : "Valid meta data seems to be in place.\n"
					      "Do you really want to overwrite?"))
			cancelled();
		return false;
	}
	if (have != DRBD_MD_V07 &&
	    c.confirm(format("Valid v%02d meta-data found, convert to v%02d?", have, want)))
		return true;
	if (!c.confirm(format("So you want me to replace the v%02d meta-data\n"
			      "with newly initialized v%02d meta-data?", have, want)))
		cancelled();
	return false;
}

} // namespace

int cmd_create_md(Session &s)
{
	u32 max_peers = wanted_peers(s);
	drbd_md_layout l;
	drbd_md old;

	open_for(s);
	if (s.find() == Session::Found::at_last_known) {
		Geometry g = wanted_geometry(s);

		if (s.md.al_stripes != g.stripes || s.md.al_stripe_size_4k != g.stripe_4k)
			fail(kNotImplemented, "Cannot move after offline resize and change "
			     "AL-striping at the same time, yet.");
		if (!s.options.force &&
		    s.console.confirm("Move internal meta data from last-known position?")) {
			move_internal(s);
			return kOk;
		}
	}
	if (existing(s, &old, &l) && ask_about_existing(s, old))
		convert(s, old, l, max_peers);
	else
		initialize(s, max_peers);

	printf("Writing meta data...\n");
	fflush(stdout);
	s.store();
	printf("New drbd meta data block successfully created.\n");
	return kOk;
}

} // namespace drbd::meta
