// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk rooms (superblock, bitmap, activity log, attach, detach, front door)
 * in a module of their own, with stand-ins for the rooms above.
 *
 *   insmod rooms_test.ko dev=/dev/vdb bitmap=20 log=300 seed=1
 *
 * What is on the device is overwritten.  The result is in the kernel log.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include "rooms_test.h"
#include "backing.h"
#include "block.h"

static char *dev = "";
module_param(dev, charp, 0444);
static unsigned int bitmap = 10;
module_param(bitmap, uint, 0444);
static unsigned int log = 300;
module_param(log, uint, 0444);
static bool trouble;
module_param(trouble, bool, 0444);
static bool with_force;
module_param(with_force, bool, 0444);
bool rooms_force;
module_param_named(force, rooms_force, bool, 0644);
MODULE_PARM_DESC(force, "Set it to have the disk detached by force, if loaded with with_force=1");
unsigned int rooms_seed = 1;
module_param_named(seed, rooms_seed, uint, 0444);

atomic_t rooms_passed = ATOMIC_INIT(0);
atomic_t rooms_failed = ATOMIC_INIT(0);

static struct drbd_resource resource;
static struct drbd_device device;

static void init_objects(void)
{
	kref_init(&resource.kref);
	kref_init(&device.kref);
	strscpy(resource.name, "rooms", sizeof(resource.name));
	mutex_init(&resource.adm_mutex);
	mutex_init(&resource.open_mutex);
	mutex_init(&resource.conf_mutex);
	spin_lock_init(&resource.req_lock);
	idr_init(&resource.devices);
	INIT_LIST_HEAD(&resource.connections);
	resource.role = R_SECONDARY;
	device.resource = &resource;
	INIT_LIST_HEAD(&device.peer_devices);
	INIT_LIST_HEAD(&device.openers);
	spin_lock_init(&device.openers_lock);
	init_waitqueue_head(&device.misc_wait);
	init_waitqueue_head(&device.attach_wait);
	device_conf_init(&device.device_conf);
	device.disk_state = D_DISKLESS;
	drbd_backing_init_device(&device);
}

static int __init rooms_init(void)
{
	int err;

	init_objects();
	resource.worker = alloc_ordered_workqueue("rooms_w", WQ_MEM_RECLAIM);
	if (!resource.worker)
		return -ENOMEM;
	err = drbd_backing_init();
	if (err)
		goto out_worker;
	err = drbd_block_init();
	if (err)
		goto out_backing;
	err = drbd_block_create(&device);
	if (err)
		goto out_block;
	err = drbd_block_add(&device);
	if (err)
		goto out_disk;

	rooms_test_bitmap(bitmap);
	if (*dev)
		rooms_test_disk(&device, dev, log, trouble, with_force);
	pr_info("rooms_test: %d passed, %d failed\n", atomic_read(&rooms_passed),
		atomic_read(&rooms_failed));
	return 0;

out_disk:
	drbd_block_free(&device);
out_block:
	drbd_block_exit();
out_backing:
	drbd_backing_exit();
out_worker:
	destroy_workqueue(resource.worker);
	return err;
}

static void __exit rooms_exit(void)
{
	drbd_block_remove(&device);
	drbd_backing_free_device(&device);
	drbd_block_free(&device);
	drbd_block_exit();
	drbd_backing_exit();
	destroy_workqueue(resource.worker);
	idr_destroy(&resource.devices);
}

module_init(rooms_init);
module_exit(rooms_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test of the rooms of drbd.ko that deal with the disk");
