/* SPDX-License-Identifier: GPL-2.0-only */
/* Where get_unaligned_be32() and its family live: they moved in 6.12. */
#ifndef DRBD_COMPAT_UNALIGNED_H
#define DRBD_COMPAT_UNALIGNED_H

#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#endif /* DRBD_COMPAT_UNALIGNED_H */
