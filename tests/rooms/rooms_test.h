/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ROOMS_TEST_H
#define ROOMS_TEST_H

#include "objects.h"

extern atomic_t rooms_passed, rooms_failed;
extern unsigned int rooms_seed;
extern bool rooms_force;

#define CHECK(condition)							\
	do {									\
		if (condition) {						\
			atomic_inc(&rooms_passed);				\
		} else {							\
			atomic_inc(&rooms_failed);				\
			pr_err("rooms_test: FAILED %s:%d: %s\n", __FILE__,	\
			       __LINE__, #condition);				\
		}								\
	} while (0)

/* Random operations against a model with one byte per bit. */
void rooms_test_bitmap(unsigned int rounds);
/*
 * Attach, stress of the activity log, options, detach.  @trouble: the caller
 * makes the device fail or hang meanwhile; the disk must end up Diskless.
 * @force: detached by force when rooms_force is set; then nobody may wait.
 */
void rooms_test_disk(struct drbd_device *device, const char *path, unsigned int rounds,
		     bool trouble, bool force);

#endif
