/* SPDX-License-Identifier: GPL-2.0-only */
/* Between backing.c, backing_size.c and backing_io.c. */
#ifndef DRBD_BACKING_INTERNAL_H
#define DRBD_BACKING_INTERNAL_H

#include "objects.h"

/* Sectors of data the backing device can hold with its metadata (resync.md 18.1). */
sector_t drbd_ldev_limit(struct drbd_backing_dev *ldev);

#endif
