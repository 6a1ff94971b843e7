// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module init and exit, module parameters, /proc/drbd.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/drbd_protocol.h>
#include "objects.h"
#include "netlink.h"
#include "peer_request.h"
#include "request.h"
#include "resync.h"
#include "backing.h"
#include "block.h"

#ifndef DRBD_GIT_HASH
#define DRBD_GIT_HASH "0000000000000000000000000000000000000000"
#endif

/* The numbers that user-space tools look for; what we are compatible with. */
#define DRBD_VERSION "9.3.3"
#define DRBD_API_VERSION 2
#define DRBD_TRANSPORT_API_SHOWN 22

/* -------------------------------------------------------------- parameters */

char drbd_usermode_helper[80] = "/sbin/drbdadm";
module_param_string(usermode_helper, drbd_usermode_helper, sizeof(drbd_usermode_helper), 0644);
MODULE_PARM_DESC(usermode_helper, "Program that runs handlers; \"disabled\" switches them off");

bool drbd_strict_names = true;
module_param_named(strict_names, drbd_strict_names, bool, 0644);
MODULE_PARM_DESC(strict_names, "Allow only [0-9A-Za-z+._-] in new names");

bool drbd_disable_sendpage;
module_param_named(disable_sendpage, drbd_disable_sendpage, bool, 0644);
MODULE_PARM_DESC(disable_sendpage, "Copy data instead of sending pages by reference");

bool drbd_allow_oos;
module_param_named(allow_oos, drbd_allow_oos, bool, 0);
MODULE_PARM_DESC(allow_oos, "Allow opening a Secondary's device: do not use");

unsigned int drbd_minor_count = 32;
module_param_named(minor_count, drbd_minor_count, uint, 0444);
MODULE_PARM_DESC(minor_count, "Expected number of volumes, 1-255: sizes memory pools, limits nothing");

unsigned int drbd_max_parallel_resyncs;
module_param_named(max_parallel_resyncs, drbd_max_parallel_resyncs, uint, 0644);
MODULE_PARM_DESC(max_parallel_resyncs, "Cap on volumes that resynchronise at the same time, 0: none");

unsigned int drbd_protocol_version_min = 86;

static int set_protocol_version_min(const char *val, const struct kernel_param *kp)
{
	unsigned int version;
	int err = kstrtouint(val, 0, &version);

	if (err)
		return err;
	if (version < 86 || version > DRBD_PROTOCOL_VERSION_MAX || (version > 101 && version < DRBD_PROTOCOL_VERSION_MIN))
		return -ERANGE;
	drbd_protocol_version_min = version;
	return 0;
}

static const struct kernel_param_ops protocol_version_min_ops = {
	.set = set_protocol_version_min,
	.get = param_get_uint,
};
module_param_cb(protocol_version_min, &protocol_version_min_ops, &drbd_protocol_version_min, 0644);
MODULE_PARM_DESC(protocol_version_min, "Refuse peers that speak only older protocols");

/* -------------------------------------------------------------- /proc/drbd */

/* Its existence tells the tools that netlink will answer, its first line the version. */
static int proc_show(struct seq_file *seq, void *v)
{
	seq_printf(seq, "version: " DRBD_VERSION " (api:%d/proto:%d-%d)\n", DRBD_API_VERSION,
		   DRBD_PROTOCOL_VERSION_MIN, DRBD_PROTOCOL_VERSION_MAX);
	seq_puts(seq, "GIT-hash: " DRBD_GIT_HASH "\n");
	seq_printf(seq, "Transports (api:%d):", DRBD_TRANSPORT_API_SHOWN);
	drbd_transport_show_classes(seq);
	seq_putc(seq, '\n');
	return 0;
}

/* ------------------------------------------------------------ init and exit */

static int __init drbd_init(void)
{
	int err;

	if (drbd_minor_count < 1 || drbd_minor_count > 255) {
		pr_err("drbd: minor_count must be 1 to 255, not %u\n", drbd_minor_count);
		return -EINVAL;
	}

	err = drbd_objects_init();
	if (err)
		return err;
	err = drbd_request_init();
	if (err)
		goto out_objects;
	err = drbd_peer_request_init();
	if (err)
		goto out_request;
	err = drbd_backing_init();
	if (err)
		goto out_peer_request;
	err = drbd_block_init();
	if (err)
		goto out_backing;
	err = drbd_netlink_init();
	if (err)
		goto out_block;
	if (!proc_create_single("drbd", 0444, NULL, proc_show)) {
		err = -ENOMEM;
		goto out_netlink;
	}

	pr_info("drbd: initialized. Version: " DRBD_VERSION " (api:%d/proto:%d-%d)\n",
		DRBD_API_VERSION, DRBD_PROTOCOL_VERSION_MIN, DRBD_PROTOCOL_VERSION_MAX);
	return 0;

out_netlink:
	drbd_netlink_exit();
out_block:
	drbd_block_exit();
out_backing:
	drbd_backing_exit();
out_peer_request:
	drbd_peer_request_exit();
out_request:
	drbd_request_exit();
out_objects:
	drbd_objects_exit();
	return err;
}

static void __exit drbd_exit(void)
{
	remove_proc_entry("drbd", NULL);
	drbd_netlink_exit();
	drbd_resync_after_flush();
	/* Objects that wait to be freed use what the rooms below them provide. */
	drbd_objects_exit();
	drbd_block_exit();
	drbd_backing_exit();
	drbd_peer_request_exit();
	drbd_request_exit();
	pr_info("drbd: module cleanup done.\n");
}

module_init(drbd_init);
module_exit(drbd_exit);

MODULE_DESCRIPTION("Distributed replicated block device, compatible with DRBD 9");
MODULE_VERSION(DRBD_VERSION);
MODULE_LICENSE("GPL");
MODULE_ALIAS_BLOCKDEV_MAJOR(DRBD_MAJOR);
