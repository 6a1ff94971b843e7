// SPDX-License-Identifier: GPL-2.0-only
#include "session.h"

#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <fstream>
#include <sys/random.h>
#include <unistd.h>

#include "core/activity_log.h"
#include "fail.h"

namespace drbd::meta {

Session::Session(Options o, Target t)
	: options(std::move(o)), target(std::move(t)), console(options.force, options.quiet)
{
}

void Session::open(Device::Open mode)
{
	const char *path = target.md_device.c_str();
	u64 sector;

	device_ = std::make_unique<Device>(target.md_device, mode, options, console);
	if (device_->bytes() < DRBD_MD_MIN_DEVICE_BYTES)
		fail(kLimits, "%s is only %llu bytes. That's not enough.", path,
		     (unsigned long long)device_->bytes());
	if (target.index >= 0)
		sector = (u64)target.index * DRBD_MD_INDEXED_SECTORS;
	else if (drbd_md_sb_sector(target.index, device_->sectors(), &sector))
		fail(kLimits, "%s is too small for meta data", path);
	sb_offset_ = sector * 512;
	if (sb_offset_ + DRBD_MD_SB_BYTES > device_->bytes())
		fail(kLimits, "Device too small: expecting meta data block at\n"
		     "byte offset %llu, but %s is only %llu bytes.",
		     (unsigned long long)sb_offset_, path, (unsigned long long)device_->bytes());
	if (options.verbose > 1)
		fprintf(stderr, "%s: %llu bytes, superblock at %llu\n", path,
			(unsigned long long)device_->bytes(), (unsigned long long)sb_offset_);
}

drbd_md_result Session::load(u64 offset, drbd_md *candidate) const
{
	Buffer block(DRBD_MD_SB_BYTES);

	device_->read(offset, block.data(), block.size());
	return drbd_md_decode(block.data(), candidate);
}

bool Session::validate(drbd_md &m, u64 device_bytes, drbd_md_layout *l, bool report) const
{
	bool valid = true;
	auto complain = [&](const char *what, long long found, long long expected) {
		valid = false;
		if (report)
			fprintf(stderr, "strange %s %lld (expected: %lld)\n", what, found, expected);
	};

	if (m.format != target.format) {
		if (report && options.verbose)
			fprintf(stderr, "v%02d Magic number not found\n", (int)target.format);
		return false;
	}
	if (m.max_peers > DRBD_MD_MAX_PEERS)
		m.max_peers = DRBD_MD_MAX_PEERS;
	if (m.format == DRBD_MD_V08 && m.bytes_per_bit != DRBD_BM_BIT_BYTES_DEFAULT)
		complain("bm_bytes_per_bit", m.bytes_per_bit, DRBD_BM_BIT_BYTES_DEFAULT);
	if (m.max_peers < 1)
		complain("max_peers", m.max_peers, 1);
	if (m.node_id < -1 || m.node_id >= DRBD_MD_NODES)
		complain("node_id", m.node_id, -1);
	for (u32 i = 0; i < m.max_peers; i++)
		if (m.peers[i].bitmap_index < -1 || m.peers[i].bitmap_index > DRBD_MD_MAX_PEERS)
			complain("bitmap_index", m.peers[i].bitmap_index, -1);
	if (drbd_bm_shift(m.bytes_per_bit) < 0)
		complain("bm_bytes_per_bit", m.bytes_per_bit, DRBD_BM_BIT_BYTES_DEFAULT);
	if (!drbd_md_al_blocks(m.al_stripes, m.al_stripe_size_4k, DRBD_AL_BLOCKS_MAX)) {
		if (report)
			fprintf(stderr, "invalid al_stripes/al_stripe_size_4k: %u/%u\n", m.al_stripes,
				m.al_stripe_size_4k);
		valid = false;
	}
	if (!valid)
		return false;

	// External metadata keeps the size it was made with.
	drbd_md_placement p = {target.index, device_bytes / 512, m.max_peers, m.bytes_per_bit,
			       m.al_stripes, m.al_stripe_size_4k};
	if (target.index == DRBD_MD_INDEX_FLEX_EXT)
		p.capacity = m.md_size_sect;
	if (drbd_md_result r = drbd_md_place(&p, l)) {
		if (report)
			fprintf(stderr, "%s\n", drbd_md_result_text(r));
		return false;
	}
	if (m.al_offset != l->al_offset) {
		valid = false;
		if (report)
			fprintf(stderr, "v%02d Magic number (al_offset) not found: expected %d, found %d\n",
				(int)m.format, l->al_offset, m.al_offset);
	}
	if (m.bm_offset != l->bm_offset)
		complain("bm_offset", m.bm_offset, l->bm_offset);
	if (m.md_size_sect != l->md_size_sect)
		complain("md_size_sect", m.md_size_sect, l->md_size_sect);
	return valid;
}

void Session::use_layout(const drbd_md_layout &l)
{
	layout = l;
	sb_offset_ = l.sb * 512;
	device_->restrict_writes(l.start * 512, l.end * 512);
}

Session::Found Session::find()
{
	drbd_md candidate;
	drbd_md_layout l;
	Found found = Found::nothing;

	load(sb_offset_, &candidate);
	if (validate(candidate, device_->bytes(), &l, true)) {
		found = Found::in_place;
	} else if (auto known = last_known(); known && known->bytes != device_->bytes()) {
		u64 at;

		if (known->bytes > device_->bytes() ||
		    drbd_md_sb_sector(target.index, known->bytes / 512, &at))
			return Found::nothing;
		if (options.verbose)
			fprintf(stderr, "checking last known location at %llu\n",
				(unsigned long long)at * 512);
		load(at * 512, &candidate);
		if (!validate(candidate, known->bytes, &l, options.verbose > 0))
			return Found::nothing;
		if (candidate.device_uuid != known->uuid && !options.force) {
			fprintf(stderr, "Last known and offline found device uuids don't match: "
				"%016" PRIX64 " != %016" PRIX64 "\n", known->uuid,
				candidate.device_uuid);
			return Found::nothing;
		}
		found = Found::at_last_known;
	}
	if (found == Found::nothing)
		return found;

	md = candidate;
	use_layout(l);
	if (md.effective_size > l.max_size) {
		printf("# la-size-sect was too big (%llu), truncated (%llu)!\n",
		       (unsigned long long)md.effective_size, (unsigned long long)l.max_size);
		md.effective_size = l.max_size;
	}
	return found;
}

void Session::require(const char *message)
{
	if (find() != Found::in_place)
		throw Failure(kFailed, message);
}

drbd_md_layout Session::place(u32 max_peers, u32 bytes_per_bit, u32 stripes, u32 stripe_4k) const
{
	drbd_md_placement p = {target.index, device_->sectors(), max_peers, bytes_per_bit, stripes,
			       stripe_4k};
	const char *path = target.md_device.c_str();
	drbd_md_layout l;
	drbd_md_result r = drbd_md_place(&p, &l);

	switch (r) {
	case DRBD_MD_OK:
		break;
	case DRBD_MD_DEVICE_TOO_SMALL:
		fail(kLimits, "%s is only %llu bytes. That's not enough.", path,
		     (unsigned long long)device_->bytes());
	case DRBD_MD_DEVICE_TOO_BIG:
		fail(kLimits, "Bitmap for that device got too large.");
	case DRBD_MD_BAD_AL_GEOMETRY:
		fail(kLimits, target.index >= 0 ?
		     "meta-disk with an index needs the default activity log (1 stripe of 32 KiB)" :
		     "invalid al-stripe* settings");
	case DRBD_MD_BAD_BITS:
		fail(kLimits, target.index >= 0 ?
		     "meta-disk with an index needs the default bitmap-block-size (4k)" :
		     "invalid bitmap-block-size");
	default:
		fail(kLimits, "%s: %s", path, drbd_md_result_text(r));
	}
	if (!internal() && l.bm >= device_->sectors())
		fail(kLimits, "%s is only %llu bytes. That's not enough.", path,
		     (unsigned long long)device_->bytes());
	return l;
}

void Session::store()
{
	Buffer block(DRBD_MD_SB_BYTES);

	drbd_md_set_layout(&md, &layout);
	if (drbd_md_encode(&md, block.data()))
		fail(111, "internal error: metadata format %d cannot be written", (int)md.format);
	device_->write(sb_offset_, block.data(), block.size());
	device_->sync();
	update_last_known();
}

void Session::initialize_al()
{
	constexpr u64 kPiece = 1024;
	u64 blocks = layout.al_blocks;
	Buffer buffer(DRBD_AL_BLOCK_BYTES * std::min(blocks, kPiece));
	auto *block = reinterpret_cast<drbd_al_block *>(buffer.data());

	for (u64 i = 0; i < std::min(blocks, kPiece); i++)
		drbd_al_encode_initialized(&block[i]);
	for (u64 done = 0; done < blocks; done += kPiece)
		device_->write(layout.al * 512 + done * DRBD_AL_BLOCK_BYTES, buffer.data(),
			       std::min(blocks - done, kPiece) * DRBD_AL_BLOCK_BYTES);
}

// ---- the last-known-size file ----

std::string Session::last_known_path() const
{
	return options.var_lib_drbd + format("/drbd-minor-%d.lkbd", target.minor);
}

std::optional<Session::LastKnown> Session::last_known() const
{
	if (target.minor < 0 || !internal())
		return {};
	std::ifstream in(last_known_path());
	LastKnown known;
	std::string line;

	if (!(in >> known.bytes) || in.get() != '\t' || !std::getline(in, known.device))
		return {};
	if (std::getline(in, line) && line.compare(0, 6, "uuid:\t") == 0)
		known.uuid = strtoull(line.c_str() + 6, nullptr, 16);
	return known;
}

void Session::update_last_known()
{
	if (target.minor < 0 || options.dry_run)
		return;
	if (!internal()) {
		forget_last_known();
		return;
	}
	std::string path = last_known_path(), temporary = path + ".new";
	FILE *f = fopen(temporary.c_str(), "we");

	if (!f) {
		// Not fatal: only an offline resize would need the file.
		fprintf(stderr, "Could not write %s: %s\n", path.c_str(), strerror(errno));
		return;
	}
	fprintf(f, "%llu\t%s\n", (unsigned long long)device_->bytes(), target.md_device.c_str());
	if (md.device_uuid)
		fprintf(f, "uuid:\t%016" PRIX64 "\n", md.device_uuid);
	bool bad = fflush(f) || fsync(fileno(f));
	bad |= fclose(f) != 0;
	if (bad || rename(temporary.c_str(), path.c_str())) {
		fprintf(stderr, "Could not write %s: %s\n", path.c_str(), strerror(errno));
		unlink(temporary.c_str());
	}
}

void Session::forget_last_known()
{
	if (target.minor >= 0 && !options.dry_run)
		unlink(last_known_path().c_str());
}

u64 random_uuid()
{
	u64 value;

	do {
		if (getrandom(&value, sizeof(value), 0) != sizeof(value))
			fail(kUsage, "getrandom failed: %s", strerror(errno));
		value &= ~DRBD_UUID_PRIMARY;
	} while (!value || value == DRBD_UUID_JUST_CREATED);
	return value;
}

} // namespace drbd::meta
