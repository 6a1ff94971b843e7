// SPDX-License-Identifier: GPL-2.0-only
// drbdmeta: create, show, repair and change DRBD's metadata while it is not in use.
#include <cstring>
#include <getopt.h>

#include "commands.h"
#include "fail.h"
#include "minor.h"

namespace drbd::meta {

namespace {

constexpr NodeId kNone = NodeId::unused, kNode = NodeId::required;

// In the order of the usage text.
const Command commands[] = {
	{"get-gi", "--node-id {val}", false, kNode, 0, cmd_get_gi},
	{"show-gi", "--node-id {val}", false, kNode, 0, cmd_show_gi},
	{"dump-md", "", false, kNone, 0, cmd_dump_md},
	{"restore-md", "file", true, kNone, 1, cmd_restore_md},
	{"verify-dump", "file", false, kNone, 1, cmd_verify_dump},
	{"apply-al", "", true, kNone, 0, cmd_apply_al},
	{"wipe-md", "", true, kNone, 0, cmd_wipe_md},
	{"outdate", "", true, kNone, 0, cmd_outdate},
	{"invalidate", "", true, kNone, 0, cmd_invalidate},
	{"dstate", "", false, kNone, 0, cmd_dstate},
	{"read-dev-uuid", nullptr, false, kNone, 0, cmd_read_dev_uuid},
	{"write-dev-uuid", nullptr, true, kNone, 1, cmd_write_dev_uuid},
	{"set-gi", nullptr, true, kNode, 1, cmd_set_gi},
	{"check-resize", "", true, kNone, 0, cmd_check_resize},
	{"create-md",
	 "[--peer-max-bio-size {val}] [--al-stripes {val}] [--al-stripe-size-kB {val}] "
	 "[--initialize-bitmap {val}] [--effective-size {val}] [--diskful-peers {val}] "
	 "[--bitmap-block-size {val}] {max_peers}",
	 true, kNone, 1, cmd_create_md},
	{"forget-peer", "--node-id {val}", true, kNode, 0, cmd_forget_peer},
	{"repair-md", "[--tentative]", true, kNone, 0, cmd_repair_md},
	{"dump-superblock", "[--output-format {auto|hex|bin|json}]", false, kNone, 0,
	 cmd_dump_superblock},
	{"hexdump-superblock", nullptr, false, kNone, 0, cmd_hexdump_superblock},
};

const Command *find_command(const std::string &name)
{
	for (const Command &c : commands)
		if (name == c.name)
			return &c;
	return nullptr;
}

struct FormatName {
	const char *name;
	drbd_md_format format;
};

const FormatName formats[] = {{"v08", DRBD_MD_V08}, {"v09", DRBD_MD_V09}};

struct IndexName {
	const char *name;
	int index;
};

const IndexName indexes[] = {
	{"internal", DRBD_MD_INDEX_FLEX_INT},
	{"flex-internal", DRBD_MD_INDEX_FLEX_INT},
	{"flex-external", DRBD_MD_INDEX_FLEX_EXT},
};

drbd_md_format parse_format(const std::string &name)
{
	for (const FormatName &f : formats)
		if (name == f.name)
			return f.format;
	if (name == "v06" || name == "v07")
		fail(kUsage, "Format '%s' (DRBD 0.6 and 0.7) is not supported by this drbdmeta.",
		     name.c_str());
	fail(kUsage, "Unknown format '%s'.", name.c_str());
}

int parse_index(const std::string &text)
{
	for (const IndexName &i : indexes)
		if (text == i.name)
			return i.index;
	char *end;
	unsigned long n = strtoul(text.c_str(), &end, 0);
	if (!isdigit((unsigned char)text[0]) || *end || n > 255)
		fail(kUsage, "'%s' is not a valid index number.", text.c_str());
	return (int)n;
}

Target parse_target(int argc, char **argv, const Options &o)
{
	const auto &words = o.positional;
	Target t;

	if (words.size() < 2) {
		usage();
		throw Failure(kUsage, "");
	}
	t.device = words[0];
	t.minor = parse_minor(words[0]);
	t.format = parse_format(words[1]);
	if (words.size() < 4)
		fail(kUsage, "Too few arguments for format");
	t.md_device = words[2];
	t.index = parse_index(words[3]);
	if (words.size() < 5)
		fail(kUsage, "command missing");
	t.command = words[4];
	t.args.assign(words.begin() + 5, words.end());
	const char *name = strrchr(argv[0], '/');
	t.command_line = name ? name + 1 : argv[0];
	for (int i = 1; i < argc; i++)
		t.command_line += std::string(" ") + argv[i];
	return t;
}

/*
 * Which option goes with which command, in the order in which existing scripts
 * see the complaints.
 */
void check_options(const Command &c, const Options &o, drbd_md_format format)
{
	std::string_view name = c.name;
	bool create = name == "create-md", v09 = format == DRBD_MD_V09;
	auto only_with_create = [&](bool given, const char *option) {
		if (given && !create)
			fail(kLimits, "The %s option is only allowed with create-md", option);
	};

	if (o.output_format && name != "dump-superblock")
		fail(kLimits, "The -o|--output-format option is only allowed with dump-superblock");
	only_with_create(o.peer_max_bio_size.has_value(), "--peer-max-bio-size");
	only_with_create(o.bitmap_block_size.has_value(), "--bitmap-block-size");
	if (o.bitmap_block_size && !v09)
		fail(kLimits, "bitmap-block-size not supported with 'v08'");
	if (o.bitmap_block_size && (*o.bitmap_block_size > UINT32_MAX ||
				    drbd_bm_shift((u32)*o.bitmap_block_size) < 0))
		fail(kLimits, "bitmap-block-size must be a power of 2 within [4k .. 1M], not '%llu'",
		     (unsigned long long)*o.bitmap_block_size);
	if ((o.al_stripes || o.al_stripe_size_4k) && !create && name != "restore-md")
		fail(kLimits, "The --al-stripe* options are only allowed with create-md and restore-md");
	only_with_create(o.effective_size.has_value(), "-Z|--effective-size");
	only_with_create(o.diskful_peers.has_value(), "-D|--diskful-peers");

	const struct {
		bool given;
		const char *option;
	} presets[] = {
		{o.initial_current_uuid.has_value(), "--initial-current-uuid"},
		{o.consistent, "--consistent"},
		{o.uptodate, "--uptodate"},
		{o.peers_outdated, "--peers-outdated"},
		{o.rotate_uuids, "--rotate-uuids"},
	};
	for (auto &p : presets) {
		only_with_create(p.given, p.option);
		if (p.given && !v09)
			fail(kLimits, "%s is not supported with 'v08'", p.option);
	}

	if (o.al_stripes || o.al_stripe_size_4k) {
		u64 stripes = o.al_stripes.value_or(DRBD_AL_STRIPES_DEFAULT), blocks;
		u64 size = o.al_stripe_size_4k.value_or(DRBD_AL_STRIPE_4K_DEFAULT);

		if (__builtin_mul_overflow(stripes, size, &blocks) || blocks > DRBD_AL_BLOCKS_MAX_TOOL)
			fail(kLimits, "invalid (too large) al-stripe* settings");
		if (blocks < DRBD_AL_BLOCKS_MIN)
			fail(kLimits, "invalid (too small) al-stripe* settings");
	}
	if (o.node_id && c.node_id == NodeId::unused)
		fail(kLimits, "The %s command does not accept the --node-id option", c.name);
	if (c.node_id == NodeId::required && v09 && !o.node_id)
		fail(kLimits, "The %s command requires the --node-id option", c.name);
	if (c.node_id == NodeId::required && !v09 && o.node_id && *o.node_id)
		fprintf(stderr, "Not v09, implicitly set --node-id = 0\n");
}

int run(int argc, char **argv)
{
	if (argc < 4) {
		usage();
		return kUsage;
	}
	Options options = parse_options(argc, argv);
	Target target = parse_target(argc, argv, options);
	const Command *command = find_command(target.command);
	if (!command)
		fail(kUsage, "Unknown command '%s'.", target.command.c_str());
	unsigned max_args = command->max_args;
	if (target.command == "create-md" && target.format != DRBD_MD_V09)
		max_args = 0;
	if (target.args.size() > max_args)
		fprintf(stderr, "Ignoring additional arguments\n");

	MinorLock lock(target.minor);
	bool attached = minor_is_attached(target.minor);
	bool modifies = command->modifies &&
			!(command->run == cmd_repair_md && options.dry_run);
	if (attached && modifies)
		fail(kUsage, "Device '%s' is configured!", target.device.c_str());
	check_options(*command, options, target.format);

	Session session(std::move(options), std::move(target));
	int rc = command->run(session);
	fflush(stdout);
	if (attached)
		fprintf(stderr, "# Output might be stale, since minor %d is attached\n",
			session.target.minor);
	session.console.report_suppressed();
	return rc;
}

} // namespace

std::span<const Command> all_commands()
{
	return commands;
}

void open_for(Session &s)
{
	s.open(s.target.index >= 0 ? Device::Open::shared : Device::Open::exclusive);
}

void usage()
{
	printf("\nUSAGE: drbdmeta [--force] DEVICE FORMAT [FORMAT ARGS...] COMMAND [CMD ARGS...]\n"
	       "\nFORMATS:\n");
	for (const FormatName &f : formats)
		printf("  %s device index\n", f.name);
	printf("\nCOMMANDS:\n");
	for (const Command &c : commands)
		if (c.arguments)
			printf("  %s %s\n", c.name, c.arguments);
}

} // namespace drbd::meta

int main(int argc, char **argv)
{
	using namespace drbd::meta;

	opterr = 0;
	try {
		int rc = run(argc, argv);

		if (fflush(stdout) || ferror(stdout)) {
			fprintf(stderr, "drbdmeta: writing to standard output failed\n");
			return kUsage;
		}
		return rc;
	} catch (const Failure &f) {
		fflush(stdout);
		if (*f.what())
			fprintf(stderr, "%s\n", f.what());
		return f.exit_code();
	} catch (const std::bad_alloc &) {
		fprintf(stderr, "drbdmeta: out of memory\n");
		return kUsage;
	}
}
