// SPDX-License-Identifier: GPL-2.0-only
// dump-md, restore-md, verify-dump, dump-superblock.
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bitmap_area.h"
#include "commands.h"
#include "dump.h"
#include "fail.h"
#include "foreign.h"

namespace drbd::meta {

namespace {

// More than any dump of a device that this tool accepts needs, and yet a bound.
constexpr size_t kMaxDump = 4ULL << 30;
// A dump says what it is before that.
constexpr size_t kMaxPreamble = 1 << 20;
// A FIFO that nobody writes to must not block for ever; a dump may come from another host.
constexpr int kPipeTimeoutMs = 30'000;

std::string read_file(const std::string &path)
{
	struct Fd {
		int fd;
		~Fd()
		{
			if (fd > STDERR_FILENO)
				close(fd);
		}
	} in{path.empty() ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
	struct stat st;
	std::string text;
	char buffer[65536];

	if (in.fd < 0 || fstat(in.fd, &st) || S_ISDIR(st.st_mode))
		fail(kUsage, "open of '%s' failed.", path.c_str());
	for (;;) {
		struct pollfd p = {in.fd, POLLIN, 0};
		int ready = poll(&p, 1, path.empty() ? -1 : kPipeTimeoutMs);

		if (!ready)
			fail(kUsage, "reading '%s' failed: no data for %d seconds", path.c_str(),
			     kPipeTimeoutMs / 1000);
		ssize_t n = ready < 0 ? ready : read(in.fd, buffer, sizeof(buffer));

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			fail(kUsage, "reading '%s' failed: %s", path.c_str(), strerror(errno));
		if (!n)
			return text;
		text.append(buffer, n);
		// Not a text at all: nothing is gained by reading all of it.
		if (memchr(buffer, 0, n) || (text.size() >= kMaxPreamble &&
		    text.find("version") == std::string::npos))
			return text;
		if (text.size() > kMaxDump)
			fail(kLimits, "'%s' is too big", path.c_str());
	}
}

std::string dump_argument(const Session &s)
{
	return s.target.args.empty() ? "" : s.target.args[0];
}

// Fill the region from the lists; every slot has its own.
void write_bitmaps(Session &s, const Dump &dump)
{
	struct Cursor {
		const std::vector<BitmapRun> *runs;
		size_t run = 0;
		u64 used = 0;	// of the current run
		bool next(u64 *value)
		{
			if (run == runs->size())
				return false;
			*value = (*runs)[run].value;
			if (++used == (*runs)[run].count) {
				run++;
				used = 0;
			}
			return true;
		}
	};
	BitmapArea area(s, s.bitmap_bytes());
	std::vector<Cursor> cursors;
	bool truncated = false;

	for (const auto &runs : dump.bitmaps)
		cursors.push_back({&runs});
	for (u64 piece = 0; piece < area.pieces(); piece++) {
		area.start_empty(piece);
		for (u32 slot = 0; slot < cursors.size(); slot++) {
			u64 n = area.words_in(piece, slot), value;

			for (u64 i = 0; i < n && cursors[slot].next(&value); i += 2) {
				area.put(i, slot, (u32)value);
				if (i + 1 < n)
					area.put(i + 1, slot, (u32)(value >> 32));
			}
		}
		area.save(piece);
	}
	for (Cursor &c : cursors) {
		u64 value;
		truncated |= c.next(&value);
	}
	if (truncated)
		fprintf(stderr, "Bitmap info too large, truncated!\n");
}

void check_lists(const Dump &dump)
{
	u64 need = drbd_bm_words(drbd_bm_bits(dump.md.effective_size,
					      drbd_bm_shift(dump.md.bytes_per_bit))) / 2;

	for (size_t slot = 0; slot < dump.bitmaps.size(); slot++) {
		u64 have = 0;

		for (const BitmapRun &r : dump.bitmaps[slot])
			if (__builtin_add_overflow(have, r.count, &have))
				have = ~0ULL;
		if (have < need)
			fail(kLimits, "bitmap[%zu] has %llu values; la-size-sect %llu needs %llu", slot,
			     (unsigned long long)have, (unsigned long long)dump.md.effective_size,
			     (unsigned long long)need);
	}
}

Dump read_dump(const Session &s)
{
	Dump dump = parse_dump(read_file(dump_argument(s)), s.target.format);

	check_lists(dump);
	return dump;
}

const char *looks_like(const drbd_md &md)
{
	return md.format == DRBD_MD_V08 ? "v08" : md.format == DRBD_MD_V09 ? "v09" : "UNKNOWN";
}

std::string hex64(__be64 v)
{
	return format("0x%016llX", (unsigned long long)be64_to_cpu(v));
}

std::string hex32(__be32 v)
{
	return format("0x%08X", be32_to_cpu(v));
}

s32 signed32(__be32 v)
{
	return (s32)be32_to_cpu(v);
}

void hexdump(const u8 *block, u64 offset)
{
	bool starred = false;

	for (size_t i = 0; i < DRBD_MD_SB_BYTES; i += 16) {
		bool repeat = i && i + 16 < DRBD_MD_SB_BYTES && !memcmp(block + i, block + i - 16, 16);

		if (repeat) {
			if (!starred)
				printf("*\n");
			starred = true;
			continue;
		}
		starred = false;
		printf("%08llx ", (unsigned long long)(offset + i));
		for (size_t j = 0; j < 16; j++)
			printf("%s%02x", j % 8 ? " " : "  ", block[i + j]);
		printf("  |");
		for (size_t j = 0; j < 16; j++)
			putchar(block[i + j] >= 0x20 && block[i + j] < 0x7f ? block[i + j] : '.');
		printf("|\n");
	}
	printf("%08llx\n", (unsigned long long)(offset + DRBD_MD_SB_BYTES));
}

using Json = nlohmann::ordered_json;

template <typename T>
void json_common(Json &j, const T &sb)
{
	j["effective_size"] = be64_to_cpu(sb.effective_size);
	j["current_uuid"] = hex64(sb.current_uuid);
	j["device_uuid"] = hex64(sb.device_uuid);
	j["flags"] = hex32(sb.flags);
	j["magic"] = hex32(sb.magic);
	j["md_size_sect"] = be32_to_cpu(sb.md_size_sect);
	j["al_offset"] = signed32(sb.al_offset);
	j["al_nr_extents"] = be32_to_cpu(sb.al_nr_extents);
	j["bm_offset"] = signed32(sb.bm_offset);
	j["bm_bytes_per_bit"] = be32_to_cpu(sb.bm_bytes_per_bit);
	j["la_peer_max_bio_size"] = be32_to_cpu(sb.la_peer_max_bio_size);
	j["al_stripes"] = be32_to_cpu(sb.al_stripes);
	j["al_stripe_size_4k"] = be32_to_cpu(sb.al_stripe_size_4k);
}

Json superblock_json(const Session &s, const u8 *block, Session::Found found, const drbd_md &md)
{
	Json j, peers = Json::array(), history = Json::array(), nonzero = Json::object();
	size_t padding;

	if (s.target.format == DRBD_MD_V09) {
		drbd_md_sb_v09 sb;

		memcpy(&sb, block, sizeof(sb));
		padding = offsetof(drbd_md_sb_v09, padding);
		json_common(j, sb);
		for (const drbd_md_sb_peer &p : sb.peers) {
			Json e;

			e["bitmap_uuid"] = hex64(p.bitmap_uuid);
			e["bitmap_dagtag"] = be64_to_cpu(p.bitmap_dagtag);
			e["flags"] = hex32(p.flags);
			e["bitmap_index"] = signed32(p.bitmap_index);
			e["reserved_u32"] = {be32_to_cpu(p.reserved[0]), be32_to_cpu(p.reserved[1])};
			peers.push_back(e);
		}
		j["peers"] = peers;
		j["bm_max_peers"] = be32_to_cpu(sb.max_peers);
		j["node_id"] = signed32(sb.node_id);
		j["members"] = hex64(sb.members);
		j["reserved_u64"] = {be64_to_cpu(sb.reserved_u64[0]), be64_to_cpu(sb.reserved_u64[1]),
				     be64_to_cpu(sb.reserved_u64[2])};
		j["reserved_u32"] = {be32_to_cpu(sb.reserved_u32[0]), be32_to_cpu(sb.reserved_u32[1])};
		for (__be64 uuid : sb.history_uuids)
			history.push_back(hex64(uuid));
	} else {
		drbd_md_sb_v08 sb;

		memcpy(&sb, block, sizeof(sb));
		padding = offsetof(drbd_md_sb_v08, padding);
		json_common(j, sb);
		peers.push_back({{"bitmap_uuid", hex64(sb.bitmap_uuid)}});
		j["peers"] = peers;
		for (__be64 uuid : sb.history_uuids)
			history.push_back(hex64(uuid));
	}
	j["history_uuids"] = history;
	for (size_t i = padding; i < DRBD_MD_SB_BYTES; i++)
		if (block[i])
			nonzero[format("%zu", i)] = format("0x%02X", block[i]);
	j["padding"] = {{"start", padding}, {"end", DRBD_MD_SB_BYTES}, {"non-zero", nonzero}};

	time_t now = time(nullptr);
	struct utsname host = {};
	char date[64] = "";
	struct tm tm;
	if (gmtime_r(&now, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%SZ", &tm);
	uname(&host);
	Json meta;
	meta["dump_time_utc"] = date;
	meta["dump_host"] = host.nodename;
	meta["md_device_name"] = s.target.md_device;
	meta["dump_offset"] = s.sb_offset();
	meta["bd_size"] = const_cast<Session &>(s).device().bytes();
	meta["dumped_as"] = s.target.format == DRBD_MD_V09 ? "v09" : "v08";
	meta["looks_like"] = looks_like(md);
	meta["valid"] = found == Session::Found::in_place	 ? "VALID_MD_FOUND"
			: found == Session::Found::at_last_known ? "VALID_MD_FOUND_AT_LAST_KNOWN_LOCATION"
								 : "NO_VALID_MD_FOUND";
	j["#meta"] = meta;
	return j;
}

int dump_superblock(Session &s, OutputFormat output)
{
	Buffer block(DRBD_MD_SB_BYTES);
	drbd_md md;

	s.options.force = true;
	s.open(Device::Open::shared);
	u64 expected = s.sb_offset();
	Session::Found found = s.find();
	s.device().read(expected, block.data(), block.size());
	drbd_md_decode(block.data(), &md);
	if (output == OutputFormat::automatic)
		output = isatty(STDOUT_FILENO) ? OutputFormat::hex : OutputFormat::binary;
	if (output == OutputFormat::json) {
		printf("%s\n", superblock_json(s, block.data(), found, md).dump(2).c_str());
	} else if (output == OutputFormat::hex) {
		hexdump(block.data(), expected);
	} else if (fwrite(block.data(), block.size(), 1, stdout) != 1) {
		fail(kLimits, "writing the superblock failed");
	}
	return found == Session::Found::in_place ? 0 : found == Session::Found::at_last_known ? 2 : 3;
}

} // namespace

int cmd_dump_md(Session &s)
{
	open_for(s);
	Session::Found found = s.find();

	if (found == Session::Found::nothing)
		fail(kFailed, "No valid meta data found");
	bool unclean = !drbd_md_is_clean(&s.md);
	if (unclean) {
		fflush(stdout);
		fprintf(stderr, "Found meta data is \"unclean\", please apply-al first\n");
		if (!s.options.force)
			return kFailed;
	}
	print_dump(s, unclean, found == Session::Found::at_last_known);
	return kOk;
}

int cmd_verify_dump(Session &s)
{
	read_dump(s);
	printf("input file parsed ok\n");
	return kOk;
}

int cmd_restore_md(Session &s)
{
	Dump dump = read_dump(s);

	open_for(s);
	drbd_md old;
	drbd_md_layout l;
	bool valid = !s.load(s.sb_offset(), &old) && s.validate(old, s.device().bytes(), &l, true);
	if (valid && !s.console.confirm("Valid meta-data in place, overwrite?"))
		throw Failure(kFailed, "");

	drbd_md &md = dump.md;
	if (s.options.al_stripes || s.options.al_stripe_size_4k) {
		fprintf(stderr, "override activity log striping from commandline\n");
		md.al_stripes = s.options.al_stripes.value_or(md.al_stripes);
		md.al_stripe_size_4k = s.options.al_stripe_size_4k.value_or(md.al_stripe_size_4k);
	}
	l = s.place(md.max_peers, md.bytes_per_bit, md.al_stripes, md.al_stripe_size_4k);
	if (valid && !s.internal() && md.max_peers > old.max_peers)
		printf("Meta data needs more space now, since max_peers\n"
		       "is bigger than in existing meta_data. (%u -> %u)\n", old.max_peers,
		       md.max_peers);
	if (md.effective_size > l.max_size) {
		if (s.internal() && !s.options.ignore_sanity_checks)
			fail(kLimits, "%s: the dump describes %llu sectors of data, but only %llu are "
			     "left beside its meta data", s.target.md_device.c_str(),
			     (unsigned long long)md.effective_size, (unsigned long long)l.max_size);
		printf("# la-size-sect was too big (%llu), truncated (%llu)!\n",
		       (unsigned long long)md.effective_size, (unsigned long long)l.max_size);
		md.effective_size = l.max_size;
	}
	s.md = md;
	s.use_layout(l);
	fflush(stdout);
	fprintf(stderr, "reinitializing\n");
	check_existing_data(s);

	/* A log of other times must never be applied to this bitmap. */
	s.initialize_al();
	write_bitmaps(s, dump);
	s.device().sync();
	s.store();
	printf("Successfully restored meta data\n");
	return kOk;
}

int cmd_dump_superblock(Session &s)
{
	return dump_superblock(s, s.options.output_format.value_or(OutputFormat::automatic));
}

int cmd_hexdump_superblock(Session &s)
{
	return dump_superblock(s, OutputFormat::hex);
}

} // namespace drbd::meta
