// SPDX-License-Identifier: GPL-2.0-only
#include <linux/interval_tree_generic.h>
#include "interval.h"

#define START(i) ((i)->sector)
#define LAST(i) ((i)->sector + ((i)->size >> 9) - 1)

INTERVAL_TREE_DEFINE(struct drbd_interval, rb, sector_t, __subtree_last, START, LAST,
		     static __maybe_unused, drbd_itree)

static bool is_write(const struct drbd_interval *i)
{
	return i->type == INTERVAL_LOCAL_WRITE || i->type == INTERVAL_PEER_WRITE;
}

static bool is_verify(const struct drbd_interval *i)
{
	return i->type == INTERVAL_VERIFY_SOURCE || i->type == INTERVAL_VERIFY_TARGET;
}

/* Must @i, which arrives or is looked at again, wait for @o?  The table of io-path.md 9.1. */
static bool must_wait_for(const struct drbd_interval *i, const struct drbd_interval *o)
{
	bool submitted = test_bit(INTERVAL_SUBMITTED, &o->flags);

	if (is_verify(o) || test_bit(INTERVAL_COMPLETED, &o->flags))
		return false;

	switch (i->type) {
	case INTERVAL_LOCAL_WRITE:
		switch (o->type) {
		case INTERVAL_LOCAL_WRITE:
		case INTERVAL_PEER_WRITE:
			return submitted;
		case INTERVAL_RESYNC_TARGET:
		case INTERVAL_RESYNC_SOURCE:
			return true;
		default:
			return false;
		}
	case INTERVAL_PEER_WRITE:
		switch (o->type) {
		case INTERVAL_LOCAL_WRITE:
			return submitted && !test_bit(INTERVAL_BACKING_DONE, &o->flags);
		case INTERVAL_PEER_WRITE:
			return submitted;
		case INTERVAL_RESYNC_TARGET:
			return test_bit(INTERVAL_RECEIVED, &o->flags) ||
				o->node_id != i->node_id;
		case INTERVAL_RESYNC_SOURCE:
			return submitted;
		default:
			return false;
		}
	case INTERVAL_RESYNC_TARGET:
		if (test_bit(INTERVAL_RECEIVED, &i->flags))
			return is_write(o) && submitted;
		switch (o->type) {
		case INTERVAL_LOCAL_WRITE:
			return submitted;
		case INTERVAL_PEER_WRITE:
			return submitted && o->node_id != i->node_id;
		case INTERVAL_RESYNC_TARGET:
			return submitted;
		case INTERVAL_RESYNC_SOURCE:
			return submitted && o->node_id != i->node_id;
		default:
			return false;
		}
	case INTERVAL_RESYNC_SOURCE:
		/*
		 * The target asked for it behind its own write that is held here: the
		 * write is over at its end, and must not be overwritten with what was
		 * read before it.  That write waits for older requests only.
		 */
		return is_write(o) && (submitted || (o->type == INTERVAL_PEER_WRITE &&
						     o->node_id == i->node_id));
	default:
		return false;
	}
}

static bool conflicts(struct drbd_device *device, const struct drbd_interval *i)
{
	struct drbd_interval *o;

	for_each_overlap(o, &device->writes, i->sector, i->size) {
		if (o != i && must_wait_for(i, o))
			return true;
	}
	return false;
}

static void mark_verify_conflicts(struct drbd_device *device, struct drbd_interval *i)
{
	struct drbd_interval *o;

	for_each_overlap(o, &device->writes, i->sector, i->size) {
		if (o == i)
			continue;
		if (is_verify(o) && is_write(i))
			set_bit(INTERVAL_CONFLICT, &o->flags);
		if (is_verify(i) && is_write(o) && !test_bit(INTERVAL_COMPLETED, &o->flags))
			set_bit(INTERVAL_CONFLICT, &i->flags);
	}
}

static void kick(struct drbd_device *device)
{
	if (!list_empty(&device->held_intervals))
		queue_work(drbd_io_wq, &device->release_work);
}

bool drbd_interval_enter(struct drbd_device *device, struct drbd_interval *i)
{
	lockdep_assert_held(&device->resource->req_lock);
	INIT_LIST_HEAD(&i->wait_list);
	drbd_itree_insert(i, &device->writes);
	set_bit(INTERVAL_LINKED, &i->flags);
	mark_verify_conflicts(device, i);
	if (conflicts(device, i)) {
		list_add_tail(&i->wait_list, &device->held_intervals);
		return false;
	}
	set_bit(INTERVAL_SUBMITTED, &i->flags);
	return true;
}

bool drbd_interval_reenter(struct drbd_device *device, struct drbd_interval *i)
{
	lockdep_assert_held(&device->resource->req_lock);
	set_bit(INTERVAL_RECEIVED, &i->flags);
	if (conflicts(device, i)) {
		clear_bit(INTERVAL_SUBMITTED, &i->flags);
		list_add_tail(&i->wait_list, &device->held_intervals);
		return false;
	}
	return true;
}

void drbd_interval_progress(struct drbd_device *device, struct drbd_interval *i, int flag)
{
	set_bit(flag, &i->flags);
	kick(device);
}

void drbd_interval_leave(struct drbd_device *device, struct drbd_interval *i)
{
	lockdep_assert_held(&device->resource->req_lock);
	if (!test_and_clear_bit(INTERVAL_LINKED, &i->flags))
		return;
	drbd_itree_remove(i, &device->writes);
	list_del_init(&i->wait_list);
	kick(device);
}

struct drbd_interval *drbd_interval_first(struct rb_root_cached *root, sector_t sector,
					  unsigned int size)
{
	if (!size)
		return NULL;
	return drbd_itree_iter_first(root, sector, sector + (size >> 9) - 1);
}

struct drbd_interval *drbd_interval_next(struct drbd_interval *i, sector_t sector,
					 unsigned int size)
{
	return drbd_itree_iter_next(i, sector, sector + (size >> 9) - 1);
}

void drbd_interval_link(struct rb_root_cached *root, struct drbd_interval *i)
{
	INIT_LIST_HEAD(&i->wait_list);
	drbd_itree_insert(i, root);
	set_bit(INTERVAL_LINKED, &i->flags);
}

void drbd_interval_unlink(struct rb_root_cached *root, struct drbd_interval *i)
{
	if (test_and_clear_bit(INTERVAL_LINKED, &i->flags))
		drbd_itree_remove(i, root);
}

/* Looks at the held intervals again, oldest first; one at a time, because
 * whatever is let go may hold back the next. */
void drbd_interval_release_work(struct work_struct *work)
{
	struct drbd_device *device = container_of(work, struct drbd_device, release_work);
	struct drbd_interval *i, *go;

	do {
		go = NULL;
		spin_lock_irq(&device->resource->req_lock);
		list_for_each_entry(i, &device->held_intervals, wait_list) {
			if (!conflicts(device, i)) {
				list_del_init(&i->wait_list);
				set_bit(INTERVAL_SUBMITTED, &i->flags);
				go = i;
				break;
			}
		}
		spin_unlock_irq(&device->resource->req_lock);
		if (go)
			go->released(go);
		cond_resched();
	} while (go);
}
