// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the disk rooms need of the rooms above them, as little as will do: state
 * changes always succeed, nobody freezes, nothing is notified.
 */
#include <linux/slab.h>
#include "rooms_test.h"
#include "activity_log.h"
#include "backing.h"
#include "connection.h"
#include "generation.h"
#include "handshake.h"
#include "netlink.h"
#include "request.h"
#include "resync.h"
#include "state_change.h"
#include "txn.h"

bool drbd_allow_oos;

void drbd_reply_text(struct drbd_reply *reply, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list ap;

	va_start(ap, fmt);
	vaf.va = &ap;
	pr_info("rooms_test: reply: %pV\n", &vaf);
	va_end(ap);
}

int drbd_change_disk_state(struct drbd_device *device, enum drbd_disk_state state,
			   unsigned int flags, const char *tag, struct drbd_reply *reply)
{
	bool hold = state == D_FAILED || state == D_DETACHING;

	pr_info("rooms_test: disk state %d -> %d (%s)\n", device->disk_state, state, tag);
	if (device->disk_state == state)
		return SS_NOTHING_TO_DO;
	if (hold)
		atomic_inc(&device->ldev_refs);
	spin_lock_irq(&device->resource->req_lock);
	WRITE_ONCE(device->disk_state, state);
	spin_unlock_irq(&device->resource->req_lock);
	wake_up_all(&device->attach_wait);
	if (hold)
		drbd_ldev_put(device);
	return SS_SUCCESS;
}

int drbd_attach_negotiate(struct drbd_device *device, struct drbd_reply *reply)
{
	return drbd_change_disk_state(device, D_UP_TO_DATE, 0, "negotiated", reply);
}

int drbd_freeze_io(struct drbd_device *device, bool reads, bool interruptible)
{
	return 0;
}

void drbd_thaw_io(struct drbd_device *device)
{
}

struct drbd_device *drbd_device_find(unsigned int minor)
{
	return NULL;
}

void drbd_device_get(struct drbd_device *device)
{
	kref_get(&device->kref);
}

static void never(struct kref *kref)
{
	WARN(1, "rooms_test: one reference too many was dropped\n");
}

void drbd_device_put(struct drbd_device *device)
{
	kref_put(&device->kref, never);
}

void drbd_resync_after_changed(void)
{
}

void drbd_state_recalculate(struct drbd_resource *resource, const char *tag)
{
}

int drbd_auto_promote(struct drbd_device *device, unsigned long timeout)
{
	return SS_SUCCESS;
}

void drbd_try_auto_demote(struct drbd_resource *resource)
{
}

void drbd_notify_device(struct drbd_device *device)
{
}

void drbd_ping_peers(struct drbd_resource *resource)
{
}

void drbd_request_submit(struct drbd_device *device, struct bio *bio)
{
	bio_io_error(bio);
}

void drbd_wait_writes_stable(struct drbd_device *device)
{
}

int drbd_wait_state_event(struct drbd_resource *resource)
{
	return 0;
}

struct drbd_txn *drbd_txn_begin(struct drbd_resource *resource, const char *tag)
{
	return kzalloc(sizeof(struct drbd_txn), GFP_KERNEL | __GFP_NOFAIL);
}

void drbd_txn_abort(struct drbd_txn *t)
{
	kfree(t);
}

int drbd_txn_dev(struct drbd_txn *t, struct drbd_device *device)
{
	return 0;
}

enum drbd_open_action drbd_open_decide(const struct core_resource *r,
				       const struct core_device *dev,
				       const struct drbd_open_request *q, bool pinged, int *err)
{
	return OPEN_OK;
}

int drbd_twopc_resize(struct drbd_device *device, u64 user_size, unsigned int dds_flags,
		      enum drbd_size_change *change, struct drbd_reply *reply)
{
	return SS_TIMEOUT;
}

/* No requests of its own, so none that failed or are held. */

bool drbd_freeze_writes(struct drbd_device *device, struct drbd_connection *receiver)
{
	return true;
}

bool drbd_writes_settled(struct drbd_device *device)
{
	return true;
}

void drbd_take_failed_writes(struct drbd_device *device, struct list_head *failed)
{
}

bool drbd_unlogged_writes(const struct list_head *failed)
{
	return false;
}

void drbd_finish_failed_writes(struct drbd_device *device, struct list_head *failed)
{
}

void drbd_generation_create_pending(struct drbd_device *device)
{
}

void drbd_tl_abort_local(struct drbd_device *device, struct bio_list *done)
{
}

void drbd_complete_bios(struct bio_list *done)
{
}

void drbd_al_pressure(struct drbd_device *device)
{
}

/* No peers. */

void drbd_peer_device_get(struct drbd_peer_device *pd)
{
}

void drbd_peer_device_put(struct drbd_peer_device *pd)
{
}

int drbd_change_cstate(struct drbd_connection *connection, enum drbd_conn_state cstate,
		       unsigned int flags, const char *tag, struct drbd_reply *reply)
{
	return SS_SUCCESS;
}

int drbd_send_sizes(struct drbd_peer_device *pd, u64 u_size, u32 dds_flags)
{
	return 0;
}

int drbd_send_uuids(struct drbd_peer_device *pd, u64 flags, u64 node_mask)
{
	return 0;
}

void drbd_resync_start(struct drbd_peer_device *pd, enum drbd_repl_state side,
		       enum drbd_repl_state from, u32 session)
{
}

void drbd_resync_new_space(struct drbd_peer_device *pd, u32 session)
{
}
