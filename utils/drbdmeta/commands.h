// SPDX-License-Identifier: GPL-2.0-only
// The commands of drbdmeta.  Each returns the exit code or throws Failure.
#pragma once

#include <span>

#include "session.h"

namespace drbd::meta {

enum class NodeId { unused, required };

struct Command {
	const char *name;
	const char *arguments;	// for the usage text; NULL: not shown
	bool modifies;		// refused while the minor has its disk attached
	NodeId node_id;
	unsigned max_args;
	int (*run)(Session &);
};

std::span<const Command> all_commands();

// create.cc
int cmd_create_md(Session &);
// apply_al.cc
int cmd_apply_al(Session &);
// resize.cc
int cmd_check_resize(Session &);
int cmd_repair_md(Session &);
// Move internal metadata found at the last known location to where it belongs.
void move_internal(Session &);
// text.cc
int cmd_dump_md(Session &);
int cmd_restore_md(Session &);
int cmd_verify_dump(Session &);
int cmd_dump_superblock(Session &);
int cmd_hexdump_superblock(Session &);
// identifiers.cc
int cmd_get_gi(Session &);
int cmd_show_gi(Session &);
int cmd_set_gi(Session &);
int cmd_dstate(Session &);
int cmd_outdate(Session &);
int cmd_invalidate(Session &);
int cmd_read_dev_uuid(Session &);
int cmd_write_dev_uuid(Session &);
int cmd_wipe_md(Session &);
int cmd_forget_peer(Session &);

// Open exclusively unless the index says that the device is shared between minors.
void open_for(Session &);

} // namespace drbd::meta
