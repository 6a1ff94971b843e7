/* SPDX-License-Identifier: GPL-2.0-only */
/* Bounded text building without a C library. */
#ifndef DRBD_CORE_TEXT_H
#define DRBD_CORE_TEXT_H

#include "port.h"

struct text {
	char *buf;
	size_t size;	/* of buf, with the terminating 0 */
	size_t used;
};

static inline void text_init(struct text *t, char *buf, size_t size)
{
	t->buf = buf;
	t->size = size;
	t->used = 0;
	if (size)
		buf[0] = 0;
}

/* Appends what fits. */
static inline void text_add(struct text *t, const char *s)
{
	while (*s && t->used + 1 < t->size)
		t->buf[t->used++] = *s++;
	if (t->size)
		t->buf[t->used] = 0;
}

static inline void text_num(struct text *t, unsigned int n)
{
	char digits[12];
	int i = sizeof(digits) - 1;

	digits[i] = 0;
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	text_add(t, digits + i);
}

static inline size_t text_len(const struct text *t)
{
	return t->used;
}

#endif /* DRBD_CORE_TEXT_H */
