/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets: where the supported kernels differ.
 */
#ifndef DRBD_COMPAT_NET_H
#define DRBD_COMPAT_NET_H

#include <linux/version.h>
#include <linux/bvec.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <linux/uio.h>

/*
 * Sends from a bvec iterator by reference to its pages, as far as the pages allow it,
 * else by copying.  Advances @iter by what was sent and returns that, which may be less
 * than asked for, or -errno when nothing was sent.  @flags: MSG_*.  Process context.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)

static inline ssize_t drbd_sock_send_bvec(struct socket *sock, struct iov_iter *iter, int flags)
{
	struct msghdr msg = { .msg_flags = flags | MSG_SPLICE_PAGES };
	const struct bio_vec *bv = iter->bvec;
	size_t skip = iter->iov_offset;
	size_t left = iov_iter_count(iter);
	ssize_t ret;

	while (left) {
		size_t len = min_t(size_t, bv->bv_len - skip, left);

		if (len && !sendpages_ok(bv->bv_page, len, bv->bv_offset + skip)) {
			msg.msg_flags &= ~MSG_SPLICE_PAGES;
			break;
		}
		left -= len;
		skip = 0;
		bv++;
	}
	msg.msg_iter = *iter;
	ret = sock_sendmsg(sock, &msg);
	*iter = msg.msg_iter;
	return ret;
}

#else

static inline ssize_t drbd_sock_send_bvec(struct socket *sock, struct iov_iter *iter, int flags)
{
	ssize_t sent = 0;

	while (iov_iter_count(iter)) {
		const struct bio_vec *bv = iter->bvec;
		size_t skip = iter->iov_offset;
		size_t offset, len, rest;
		struct page *page;
		ssize_t ret;

		if (skip == bv->bv_len) {
			/* an empty element: iov_iter_advance() would not step over it */
			iter->bvec++;
			iter->nr_segs--;
			iter->iov_offset = 0;
			continue;
		}
		offset = bv->bv_offset + skip;
		page = nth_page(bv->bv_page, offset >> PAGE_SHIFT);
		offset &= PAGE_SIZE - 1;
		len = min_t(size_t, bv->bv_len - skip, PAGE_SIZE - offset);
		len = min_t(size_t, len, iov_iter_count(iter));
		rest = iov_iter_count(iter) - len;

		if (sendpage_ok(page)) {
			ret = kernel_sendpage(sock, page, offset, len, flags |
					      (rest ? MSG_MORE | MSG_SENDPAGE_NOTLAST : 0));
			if (ret > 0)
				iov_iter_advance(iter, ret);
		} else {
			struct msghdr msg = { .msg_flags = flags | (rest ? MSG_MORE : 0) };

			msg.msg_iter = *iter;
			iov_iter_truncate(&msg.msg_iter, len);
			ret = sock_sendmsg(sock, &msg);
			if (ret > 0)
				iov_iter_advance(iter, ret);
		}
		if (ret <= 0)
			return sent ?: ret;
		sent += ret;
		if ((size_t)ret < len)
			break;
	}
	return sent;
}

#endif

#endif /* DRBD_COMPAT_NET_H */
