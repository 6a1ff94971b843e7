// SPDX-License-Identifier: GPL-2.0-only
/*
 * A socket in use.  Spec: wire.md 1.4 to 1.6, io-path.md 17.
 */
#define pr_fmt(fmt) fmt

#include <linux/pkt_sched.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/tcp.h>
#include "compat/net.h"
#include "tcp.h"

/* ---------------------------------------------------- events of the socket */

/* Hands a piece of the control stream to drbd.ko.  Bottom halves are off. */
static void push_bytes(struct dtcp_stream *s, const void *data, size_t size)
{
	struct dtcp_transport *t = s->owner;

	spin_lock(&t->push_lock);
	if (t->receiver && !s->closed_reported) {
		t->last_received = jiffies;
		if (t->silence_timeout != MAX_SCHEDULE_TIMEOUT &&
		    !timer_pending(&t->silence_timer))
			mod_timer(&t->silence_timer, jiffies + t->silence_timeout);
		/* Garbage: the receiver has said why; nothing more is of interest. */
		if (t->receiver->data(&t->transport, data, size))
			s->closed_reported = true;
	}
	spin_unlock(&t->push_lock);
}

static int push_skb(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset, size_t len)
{
	struct dtcp_stream *s = desc->arg.data;
	struct skb_seq_state state;
	unsigned int done = 0;

	skb_prepare_seq_read(skb, offset, offset + len, &state);
	while (done < len) {
		const u8 *data;
		unsigned int n = skb_seq_read(done, &data, &state);

		if (!n)
			break;
		n = min_t(unsigned int, n, len - done);
		push_bytes(s, data, n);
		done += n;
	}
	skb_abort_seq_read(&state);
	return len;
}

/* Socket locked or in a soft interrupt for it, bottom halves off. */
static void push_received(struct dtcp_stream *s)
{
	read_descriptor_t desc = { .arg.data = s, .count = 1 };

	tcp_read_sock(s->sock->sk, &desc, push_skb);
}

static void push_closed(struct dtcp_stream *s)
{
	struct dtcp_transport *t = s->owner;

	spin_lock(&t->push_lock);
	if (t->receiver && !s->closed_reported) {
		s->closed_reported = true;
		t->receiver->event(&t->transport, DRBD_CONTROL_CLOSED);
	}
	spin_unlock(&t->push_lock);
}

static void stream_data_ready(struct sock *sk)
{
	struct dtcp_stream *s;

	read_lock_bh(&sk->sk_callback_lock);
	s = sk->sk_user_data;
	if (s) {
		if (s->push) {
			push_received(s);
			if (sk->sk_state != TCP_ESTABLISHED)
				push_closed(s);
		} else {
			s->saved_data_ready(sk);
		}
		if (READ_ONCE(s->watched))
			dtcp_wake(s->owner);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

static void stream_state_change(struct sock *sk)
{
	struct dtcp_stream *s;

	read_lock_bh(&sk->sk_callback_lock);
	s = sk->sk_user_data;
	if (s) {
		s->saved_state_change(sk);
		/* The last bytes come before the end: then stream_data_ready() follows. */
		if (s->push && sk->sk_state != TCP_ESTABLISHED &&
		    (sk->sk_state == TCP_CLOSE || skb_queue_empty(&sk->sk_receive_queue)))
			push_closed(s);
		if (READ_ONCE(s->watched))
			dtcp_wake(s->owner);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

void dtcp_silence(struct timer_list *timer)
{
	struct dtcp_transport *t = from_timer(t, timer, silence_timer);
	unsigned long end;

	spin_lock(&t->push_lock);
	if (t->receiver && t->silence_timeout != MAX_SCHEDULE_TIMEOUT) {
		/* Bytes do not touch the timer, they only leave their time. */
		end = t->last_received + t->silence_timeout;
		if (time_before(jiffies, end))
			mod_timer(&t->silence_timer, end);
		else
			t->receiver->event(&t->transport, DRBD_CONTROL_TIMEOUT);
	}
	spin_unlock(&t->push_lock);
}

/* ---------------------------------------------------------------- sockets */

void dtcp_set_buffers(struct sock *sk, unsigned int sndbuf, unsigned int rcvbuf)
{
	/* Raw values: not doubled and not limited as those of an application would be. */
	lock_sock(sk);
	if (sndbuf) {
		WRITE_ONCE(sk->sk_sndbuf, max_t(unsigned int, sndbuf, SOCK_MIN_SNDBUF));
		sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	} else {
		sk->sk_userlocks &= ~SOCK_SNDBUF_LOCK;
	}
	if (rcvbuf) {
		WRITE_ONCE(sk->sk_rcvbuf, max_t(unsigned int, rcvbuf, SOCK_MIN_RCVBUF));
		sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	} else {
		sk->sk_userlocks &= ~SOCK_RCVBUF_LOCK;
	}
	sk->sk_write_space(sk);
	release_sock(sk);
}

struct dtcp_stream *dtcp_stream_new(struct socket *sock)
{
	struct dtcp_stream *s = kzalloc(sizeof(*s), GFP_NOIO);
	struct sock *sk = sock->sk;

	if (!s) {
		sock_release(sock);
		return NULL;
	}
	s->sock = sock;
	INIT_LIST_HEAD(&s->list);
	/* We are in the way of write-out: no waiting for it. */
	lock_sock(sk);
	sk->sk_allocation = GFP_NOIO;
	sk->sk_use_task_frag = false;
	release_sock(sk);
	tcp_sock_set_nodelay(sk);
	return s;
}

void dtcp_stream_attach(struct dtcp_stream *s, struct dtcp_transport *t, struct dtcp_path *path)
{
	struct sock *sk = s->sock->sk;

	drbd_path_get(&path->path);
	s->owner = t;
	s->path = path;
	s->watched = true;
	write_lock_bh(&sk->sk_callback_lock);
	s->saved_data_ready = sk->sk_data_ready;
	s->saved_state_change = sk->sk_state_change;
	sk->sk_data_ready = stream_data_ready;
	sk->sk_state_change = stream_state_change;
	sk->sk_user_data = s;
	write_unlock_bh(&sk->sk_callback_lock);
}

void dtcp_stream_free(struct dtcp_stream *s)
{
	struct sock *sk;

	if (!s)
		return;
	sk = s->sock->sk;
	if (s->owner) {
		write_lock_bh(&sk->sk_callback_lock);
		sk->sk_data_ready = s->saved_data_ready;
		sk->sk_state_change = s->saved_state_change;
		sk->sk_user_data = NULL;
		write_unlock_bh(&sk->sk_callback_lock);
	}
	/*
	 * What is still queued may refer to pages that are about to be used for
	 * something else: an orphaned socket must not go on sending them.
	 */
	lock_sock(sk);
	if (!tcp_write_queue_empty(sk) || !tcp_rtx_queue_empty(sk)) {
		WRITE_ONCE(sk->sk_lingertime, 0);
		sock_set_flag(sk, SOCK_LINGER);
	}
	if (sock_flag(sk, SOCK_MEMALLOC))
		sk_clear_memalloc(sk);
	release_sock(sk);
	sock_release(s->sock);
	if (s->path)
		drbd_path_put(&s->path->path);
	kfree(s);
}

void dtcp_stream_use(struct dtcp_stream *s, enum drbd_stream which)
{
	struct dtcp_transport *t = s->owner;
	struct sock *sk = s->sock->sk;

	dtcp_set_buffers(sk, t->transport.conf.sndbuf_size, t->transport.conf.rcvbuf_size);
	sock_set_priority(sk, which == DATA_STREAM ? TC_PRIO_INTERACTIVE_BULK :
						     TC_PRIO_INTERACTIVE);
	WRITE_ONCE(sk->sk_sndtimeo, t->transport.conf.timeout * HZ / 10);
	WRITE_ONCE(sk->sk_rcvtimeo, MAX_SCHEDULE_TIMEOUT);
	if (which == DATA_STREAM) {
		sock_set_keepalive(sk);
		/* A module parameter out of range leaves the system's default. */
		tcp_sock_set_keepidle(sk, READ_ONCE(dtcp_keepidle));
		tcp_sock_set_keepintvl(sk, READ_ONCE(dtcp_keepintvl));
		tcp_sock_set_keepcnt(sk, READ_ONCE(dtcp_keepcnt));
	}
	/* The reserves for write-out are for us, too: their use frees memory. */
	sk_set_memalloc(sk);
	s->ahead_max = which == DATA_STREAM ? TCP_AHEAD_DATA : TCP_AHEAD_CONTROL;
	WRITE_ONCE(s->watched, false);
	spin_lock_bh(&t->lock);
	t->stream[which] = s;
	spin_unlock_bh(&t->lock);
}

/* ------------------------------------------------------------------- send */

ssize_t dtcp_send_iter(struct drbd_transport *transport, enum drbd_stream stream,
		       struct iov_iter *iter, unsigned int flags)
{
	struct dtcp_transport *t = to_tcp(transport);
	struct dtcp_stream *s = t->stream[stream];
	size_t size = iov_iter_count(iter);
	int msg_flags = MSG_NOSIGNAL;

	if (!s)
		return -ENOTCONN;
	if (flags & DRBD_SEND_MORE)
		msg_flags |= MSG_MORE;
	if (flags & DRBD_SEND_DONTWAIT)
		msg_flags |= MSG_DONTWAIT;

	while (iov_iter_count(iter)) {
		ssize_t ret;

		if ((flags & DRBD_SEND_BY_REFERENCE) && iov_iter_is_bvec(iter)) {
			ret = drbd_sock_send_bvec(s->sock, iter, msg_flags);
		} else {
			struct msghdr msg = { .msg_flags = msg_flags };

			msg.msg_iter = *iter;
			ret = sock_sendmsg(s->sock, &msg);
			*iter = msg.msg_iter;
		}
		if (ret > 0)
			continue;
		if (ret == -EAGAIN) {
			if (flags & DRBD_SEND_DONTWAIT)
				break;
			if (READ_ONCE(t->aborted))
				return -ESHUTDOWN;
			if (drbd_send_timed_out(transport, stream))
				return -EAGAIN;
			continue;
		}
		if (ret == -ERESTARTSYS)
			return -EINTR;
		return ret ?: -EIO;
	}
	return size - iov_iter_count(iter);
}

int dtcp_send(struct drbd_transport *transport, enum drbd_stream stream,
	      const void *buf, size_t size, unsigned int flags)
{
	struct kvec vec = { .iov_base = (void *)buf, .iov_len = size };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, size);
	return dtcp_send_iter(transport, stream, &iter, flags & ~DRBD_SEND_BY_REFERENCE);
}

void dtcp_hint(struct drbd_transport *transport, enum drbd_stream stream,
	       enum drbd_transport_hint hint)
{
	struct dtcp_stream *s = to_tcp(transport)->stream[stream];
	struct sock *sk;

	if (!s)
		return;
	sk = s->sock->sk;
	switch (hint) {
	case DRBD_HINT_CORK:
		tcp_sock_set_cork(sk, true);
		break;
	case DRBD_HINT_UNCORK:
		tcp_sock_set_cork(sk, false);
		break;
	case DRBD_HINT_PUSH:
		tcp_sock_set_nodelay(sk);
		break;
	case DRBD_HINT_QUICKACK:
		/* 2: now, but without leaving interactive mode for good */
		tcp_sock_set_quickack(sk, 2);
		break;
	}
}

/* ---------------------------------------------------------------- receive */

static ssize_t stream_read(struct dtcp_stream *s, struct iov_iter *iter, int flags)
{
	struct msghdr msg = { .msg_flags = flags | MSG_NOSIGNAL };
	ssize_t ret;

	msg.msg_iter = *iter;
	ret = sock_recvmsg(s->sock, &msg, msg.msg_flags);
	*iter = msg.msg_iter;
	return ret == -ERESTARTSYS ? -EINTR : ret;
}

/* Takes up to @size bytes of what was read ahead. */
static unsigned int ahead_take(struct dtcp_stream *s, size_t size)
{
	unsigned int n = min_t(size_t, size, s->ahead_end - s->ahead_pos);

	s->ahead_pos += n;
	if (s->ahead_pos == s->ahead_end)
		s->ahead_pos = s->ahead_end = 0;
	return n;
}

ssize_t dtcp_recv_iter(struct drbd_transport *transport, enum drbd_stream stream,
		       struct iov_iter *iter)
{
	struct dtcp_stream *s = to_tcp(transport)->stream[stream];
	size_t size = iov_iter_count(iter);
	const u8 *ahead;
	unsigned int n;

	if (!s)
		return -ENOTCONN;
	ahead = s->ahead + s->ahead_pos;
	n = ahead_take(s, size);
	if (n && copy_to_iter(ahead, n, iter) != n)
		return -EFAULT;

	while (iov_iter_count(iter)) {
		ssize_t ret = stream_read(s, iter, MSG_WAITALL);

		if (ret == 0)
			return iov_iter_count(iter) == size ? 0 : -ECONNRESET;
		if (ret < 0)
			return ret;
	}
	return size;
}

int dtcp_recv(struct drbd_transport *transport, enum drbd_stream stream, void *buf, size_t size)
{
	struct dtcp_stream *s = to_tcp(transport)->stream[stream];
	struct iov_iter iter;
	struct kvec vec;
	const u8 *ahead;

	if (!s)
		return -ENOTCONN;
	if (size > DRBD_RECV_SMALL) {
		vec.iov_base = buf;
		vec.iov_len = size;
		iov_iter_kvec(&iter, ITER_DEST, &vec, 1, size);
		return dtcp_recv_iter(transport, stream, &iter);
	}

	while (s->ahead_end - s->ahead_pos < size) {
		unsigned int have = s->ahead_end - s->ahead_pos;
		ssize_t ret;

		if (s->ahead_pos) {
			memmove(s->ahead, s->ahead + s->ahead_pos, have);
			s->ahead_pos = 0;
			s->ahead_end = have;
		}
		vec.iov_base = s->ahead + have;
		vec.iov_len = max_t(size_t, size, s->ahead_max) - have;
		iov_iter_kvec(&iter, ITER_DEST, &vec, 1, vec.iov_len);
		ret = stream_read(s, &iter, 0);
		if (ret == 0)
			return have ? -ECONNRESET : 0;
		if (ret < 0)
			return ret;
		s->ahead_end += ret;
	}
	ahead = s->ahead + s->ahead_pos;
	memcpy(buf, ahead, size);
	ahead_take(s, size);
	return size;
}

static unsigned int stream_unread(const struct dtcp_stream *s)
{
	const struct tcp_sock *tp = tcp_sk(s->sock->sk);

	return READ_ONCE(tp->rcv_nxt) - READ_ONCE(tp->copied_seq);
}

unsigned int dtcp_recv_pending(struct drbd_transport *transport, enum drbd_stream stream)
{
	struct dtcp_stream *s = to_tcp(transport)->stream[stream];

	return s ? s->ahead_end - s->ahead_pos + stream_unread(s) : 0;
}

int dtcp_control_push(struct drbd_transport *transport,
		      const struct drbd_control_receiver *receiver)
{
	struct dtcp_transport *t = to_tcp(transport);
	struct dtcp_stream *s = t->stream[CONTROL_STREAM];
	struct sock *sk;
	const u8 *ahead;
	unsigned int n;

	if (!s)
		return -ENOTCONN;
	sk = s->sock->sk;

	/* With the socket owned, what arrives waits until it is released. */
	lock_sock(sk);
	local_bh_disable();
	spin_lock(&t->push_lock);
	t->receiver = receiver;
	t->silence_timeout = sk->sk_rcvtimeo;
	t->last_received = jiffies;
	if (t->silence_timeout != MAX_SCHEDULE_TIMEOUT)
		mod_timer(&t->silence_timer, jiffies + t->silence_timeout);
	spin_unlock(&t->push_lock);

	ahead = s->ahead + s->ahead_pos;
	n = ahead_take(s, sizeof(s->ahead));
	if (n)
		push_bytes(s, ahead, n);
	write_lock(&sk->sk_callback_lock);
	s->push = true;
	write_unlock(&sk->sk_callback_lock);
	push_received(s);
	if (sk->sk_state != TCP_ESTABLISHED)
		push_closed(s);
	local_bh_enable();
	release_sock(sk);
	return 0;
}

void dtcp_set_rcvtimeo(struct drbd_transport *transport, enum drbd_stream stream, long timeout)
{
	struct dtcp_transport *t = to_tcp(transport);
	struct dtcp_stream *s;
	bool push = false;

	/* Also called while another thread disconnects. */
	spin_lock_bh(&t->lock);
	s = t->stream[stream];
	if (s) {
		WRITE_ONCE(s->sock->sk->sk_rcvtimeo, timeout);
		push = s->push;
	}
	spin_unlock_bh(&t->lock);
	if (!push)
		return;
	/* Not with push_lock: also called from the receiver, which has it. */
	WRITE_ONCE(t->last_received, jiffies);
	WRITE_ONCE(t->silence_timeout, timeout);
	if (timeout != MAX_SCHEDULE_TIMEOUT)
		mod_timer(&t->silence_timer, jiffies + timeout);
}

long dtcp_get_rcvtimeo(struct drbd_transport *transport, enum drbd_stream stream)
{
	struct dtcp_stream *s = to_tcp(transport)->stream[stream];

	return s ? READ_ONCE(s->sock->sk->sk_rcvtimeo) : MAX_SCHEDULE_TIMEOUT;
}

/* ------------------------------------------------------- state and the end */

bool dtcp_stream_ok(struct drbd_transport *transport, enum drbd_stream stream)
{
	struct dtcp_transport *t = to_tcp(transport);
	struct dtcp_stream *s;
	bool ok = false;

	spin_lock_bh(&t->lock);
	s = t->stream[stream];
	if (s)
		ok = READ_ONCE(s->sock->sk->sk_state) == TCP_ESTABLISHED &&
		     !READ_ONCE(s->sock->sk->sk_err);
	spin_unlock_bh(&t->lock);
	return ok && !READ_ONCE(t->aborted);
}

void dtcp_stat(struct drbd_transport *transport, struct drbd_transport_stats *stats)
{
	struct dtcp_transport *t = to_tcp(transport);
	struct dtcp_stream *s;

	memset(stats, 0, sizeof(*stats));
	spin_lock_bh(&t->lock);
	s = t->stream[DATA_STREAM];
	if (s) {
		struct sock *sk = s->sock->sk;

		stats->unread_received = stream_unread(s);
		stats->unacked_send = READ_ONCE(tcp_sk(sk)->write_seq) -
				      READ_ONCE(tcp_sk(sk)->snd_una);
		stats->send_buffer_size = READ_ONCE(sk->sk_sndbuf);
		stats->send_buffer_used = READ_ONCE(sk->sk_wmem_queued);
	}
	spin_unlock_bh(&t->lock);
}

void dtcp_debugfs_show(struct drbd_transport *transport, struct seq_file *m)
{
	static const char * const names[DRBD_STREAMS] = { "data", "control" };
	struct dtcp_transport *t = to_tcp(transport);
	int i;

	mutex_lock(&t->sock_mutex);
	for (i = 0; i < DRBD_STREAMS; i++) {
		struct dtcp_stream *s = t->stream[i];
		struct tcp_sock *tp;
		struct sock *sk;

		if (!s) {
			seq_printf(m, "%s: not connected\n", names[i]);
			continue;
		}
		sk = s->sock->sk;
		tp = tcp_sk(sk);
		seq_printf(m, "%s: %pISpc - %pISpc state %d\n", names[i],
			   &s->path->path.my_addr, &s->path->path.peer_addr, sk->sk_state);
		seq_printf(m, "  unread %u unsent %u unacked %u sndbuf %d rcvbuf %d queued %d\n",
			   stream_unread(s), READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_nxt),
			   READ_ONCE(tp->snd_nxt) - READ_ONCE(tp->snd_una),
			   READ_ONCE(sk->sk_sndbuf), READ_ONCE(sk->sk_rcvbuf),
			   READ_ONCE(sk->sk_wmem_queued));
	}
	mutex_unlock(&t->sock_mutex);
}

void dtcp_abort(struct drbd_transport *transport)
{
	struct dtcp_transport *t = to_tcp(transport);
	int i;

	mutex_lock(&t->sock_mutex);
	WRITE_ONCE(t->aborted, true);
	for (i = 0; i < DRBD_STREAMS; i++)
		if (t->stream[i])
			kernel_sock_shutdown(t->stream[i]->sock, SHUT_RDWR);
	mutex_unlock(&t->sock_mutex);
	dtcp_wake(t);
}

/* Throws away what was received: closing a socket with unread bytes would reset it. */
static void stream_drain(struct dtcp_stream *s)
{
	struct iov_iter iter;

	if (s->push)
		return;
	do
		iov_iter_discard(&iter, ITER_DEST, 1 << 20);
	while (stream_read(s, &iter, MSG_DONTWAIT | MSG_TRUNC) > 0);
}

/* Has the peer acknowledged the end of our stream, and so all before it? */
static bool stream_flushed(struct dtcp_stream *s)
{
	int state = READ_ONCE(s->sock->sk->sk_state);

	return state == TCP_CLOSE || state == TCP_FIN_WAIT2 || state == TCP_TIME_WAIT;
}

static void streams_linger(struct dtcp_transport *t, struct dtcp_stream **stream)
{
	unsigned long end = jiffies + t->transport.conf.ping_timeout * HZ / 10;
	bool flushed;
	int i;

	for (i = 0; i < DRBD_STREAMS; i++) {
		if (!stream[i])
			continue;
		WRITE_ONCE(stream[i]->watched, true);
		tcp_sock_set_cork(stream[i]->sock->sk, false);
		kernel_sock_shutdown(stream[i]->sock, SHUT_WR);
	}
	for (;;) {
		WRITE_ONCE(t->event, false);
		smp_mb();	/* the event is seen, or its cause */
		flushed = true;
		for (i = 0; i < DRBD_STREAMS; i++) {
			if (!stream[i])
				continue;
			stream_drain(stream[i]);
			flushed = flushed && stream_flushed(stream[i]);
		}
		if (flushed || time_after_eq(jiffies, end))
			break;
		wait_event_timeout(t->wait, READ_ONCE(t->event), end - jiffies);
	}
}

void dtcp_disconnect(struct drbd_transport *transport, bool linger)
{
	struct dtcp_transport *t = to_tcp(transport);
	struct dtcp_stream *stream[DRBD_STREAMS];
	struct dtcp_path *path;
	int i;

	mutex_lock(&t->sock_mutex);
	WRITE_ONCE(t->aborted, true);
	spin_lock_bh(&t->lock);
	memcpy(stream, t->stream, sizeof(stream));
	memset(t->stream, 0, sizeof(t->stream));
	spin_unlock_bh(&t->lock);
	mutex_unlock(&t->sock_mutex);

	dtcp_finish_connect(transport);
	if (linger)
		streams_linger(t, stream);

	spin_lock_bh(&t->push_lock);
	t->receiver = NULL;
	t->silence_timeout = MAX_SCHEDULE_TIMEOUT;
	spin_unlock_bh(&t->push_lock);
	del_timer_sync(&t->silence_timer);

	for (i = 0; i < DRBD_STREAMS; i++)
		dtcp_stream_free(stream[i]);

	path = t->path;
	if (path) {
		t->path = NULL;
		mutex_lock(&transport->paths_mutex);
		path->path.established = false;
		mutex_unlock(&transport->paths_mutex);
		drbd_path_event(transport, &path->path);
		drbd_path_put(&path->path);
	}
}
