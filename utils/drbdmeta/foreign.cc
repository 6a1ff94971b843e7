// SPDX-License-Identifier: GPL-2.0-only
#include "foreign.h"

#include <blkid/blkid.h>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

#include "fail.h"

namespace drbd::meta {

namespace {

constexpr size_t kHead = 69632;

struct Signature {
	std::string description;
	std::optional<u64> kib;		// of the device it uses, if known
	bool partition_table = false;
};

u64 le(const u8 *p, int bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

u64 be(const u8 *p, int bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

// How much of the device a file system claims; libblkid of Debian 12 does not say.
struct SizeOf {
	const char *type;
	u64 (*bytes)(const u8 *head);
};

u64 ext_bytes(const u8 *h)
{
	u64 blocks = le(h + 0x404, 4);

	if (le(h + 0x460, 4) & 0x80)
		blocks |= le(h + 0x550, 4) << 32;
	u64 shift = le(h + 0x418, 4);
	return shift > 6 ? 0 : blocks << (10 + shift);
}

u64 lvm_bytes(const u8 *h)
{
	for (size_t label = 0; label < 4 * 512; label += 512) {
		if (memcmp(h + label, "LABELONE", 8))
			continue;
		u64 header = label + le(h + label + 20, 4);
		return header + 40 <= kHead ? le(h + header + 32, 8) : 0;
	}
	return 0;
}

const SizeOf sizes[] = {
	{"ext2", ext_bytes},
	{"ext3", ext_bytes},
	{"ext4", ext_bytes},
	{"jbd", ext_bytes},
	{"xfs", [](const u8 *h) { return be(h + 4, 4) * be(h + 8, 8); }},
	{"jfs", [](const u8 *h) { return le(h + 0x8008, 8) * le(h + 0x8018, 4); }},
	{"reiserfs", [](const u8 *h) { return le(h + 0x10000, 4) * le(h + 0x1002c, 2); }},
	{"btrfs", [](const u8 *h) { return le(h + 0x10070, 8); }},
	{"LVM2_member", lvm_bytes},
};

std::string describe(const std::string &type, const std::string &usage)
{
	if (type == "swap" || type == "swsuspend")
		return "swap space signature";
	if (type == "LVM2_member")
		return "LVM2 physical volume signature";
	if (type == "reiserfs")
		return "reiser filesystem";
	if (type == "jfs")
		return "JFS filesystem";
	if (usage == "filesystem")
		return type + " filesystem";
	return type + " signature";
}

std::string value_of(blkid_probe probe, const char *name)
{
	const char *data = nullptr;

	return blkid_probe_lookup_value(probe, name, &data, nullptr) || !data ? "" : data;
}

std::optional<Signature> probe_signature(const std::string &path, const u8 *head)
{
	struct Probe {
		blkid_probe p = blkid_new_probe();
		int fd = -1;
		~Probe()
		{
			blkid_free_probe(p);
			if (fd >= 0)
				close(fd);
		}
	} probe;
	std::optional<Signature> found;

	probe.fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
	if (!probe.p || probe.fd < 0 || blkid_probe_set_device(probe.p, probe.fd, 0, 0))
		fail(kUsage, "cannot look for existing data on %s", path.c_str());
	blkid_probe_enable_superblocks(probe.p, 1);
	blkid_probe_set_superblocks_flags(probe.p, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE);
	blkid_probe_enable_partitions(probe.p, 1);
	int rc;
	while ((rc = blkid_do_probe(probe.p)) == 0) {
		std::string type = value_of(probe.p, "TYPE"), usage = value_of(probe.p, "USAGE");
		std::string table = value_of(probe.p, "PTTYPE");

		// Our own metadata is asked about separately.
		if (type == "drbd" || type == "drbdproxy_datalog")
			continue;
		if (type.empty() && table.empty())
			continue;
		Signature s;
		if (type.empty()) {
			s.description = table + " partition table";
			s.partition_table = true;
		} else {
			s.description = describe(type, usage);
			for (const SizeOf &z : sizes)
				if (type == z.type)
					if (u64 bytes = z.bytes(head))
						s.kib = bytes / 1024;
		}
		// The one that claims most decides; one of unknown size claims all.
		if (!found || found->partition_table ||
		    (found->kib && !s.partition_table && (!s.kib || *s.kib > *found->kib)))
			found = s;
	}
	if (rc < 0)
		fail(kUsage, "cannot look for existing data on %s", path.c_str());
	return found;
}

[[noreturn]] void refuse()
{
	printf("Operation refused.\n\n");
	throw Failure(kExistingData, "");
}

void refuse_unless_ignored(const Session &s)
{
	if (!s.options.ignore_sanity_checks) {
		printf("If you want me to do this, you need to zero out the first part\n"
		       "of the device (destroy the content).\n"
		       "You should be very sure that you mean it.\n");
		refuse();
	}
	printf("\nIgnoring sanity check on user request.\n\n");
}

} // namespace

void check_existing_data(Session &s)
{
	Buffer head(kHead);
	u64 usable_kib = s.layout.max_size / 2;

	s.device().read(0, head.data(), head.size());
	auto signature = probe_signature(s.target.md_device, head.data());
	bool zero = true;
	for (size_t i = 0; zero && i < kHead; i++)
		zero = !head.data()[i];
	if (zero && !signature)
		return;

	printf("md_offset %llu\nal_offset %llu\nbm_offset %llu\n\n",
	       (unsigned long long)s.layout.sb * 512, (unsigned long long)s.layout.al * 512,
	       (unsigned long long)s.layout.bm * 512);
	printf("Found %s\n", signature ? signature->description.c_str() : "some data");

	if (!signature || (signature->partition_table && s.internal())) {
		printf("\n ==> This might destroy existing data! <==\n");
	} else if (!s.internal()) {
		printf("\nThis would corrupt existing data.\n");
		refuse_unless_ignored(s);
		return;
	} else if (!signature->kib) {
		printf("%12llu kB left usable by current configuration\n",
		       (unsigned long long)usable_kib);
		printf("Device size would be truncated, which\n"
		       "would corrupt data and result in\n"
		       "'access beyond end of device' errors.\n");
		refuse_unless_ignored(s);
		return;
	} else {
		printf("%12llu kB data area apparently used\n", (unsigned long long)*signature->kib);
		printf("%12llu kB left usable by current configuration\n",
		       (unsigned long long)usable_kib);
		if (*signature->kib > usable_kib) {
			printf("\nDevice size would be truncated, which\n"
			       "would corrupt data and result in\n"
			       "'access beyond end of device' errors.\n"
			       "You need to either\n"
			       "   * use external meta data (recommended)\n"
			       "   * shrink that filesystem first\n"
			       "   * zero out the device (destroy the filesystem)\n");
			refuse();
		}
		printf("\nEven though it looks like this would place the new meta data into\n"
		       "unused space, you still need to confirm, as this is only a guess.\n");
	}
	if (!s.console.confirm("Do you want to proceed?")) {
		printf("Operation canceled.\n");
		throw Failure(kFailed, "");
	}
}

} // namespace drbd::meta
