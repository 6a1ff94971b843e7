// SPDX-License-Identifier: GPL-2.0-only
/*
 * From nothing to a pair of sockets.  Both nodes run the same loop at the same time:
 * each listens and each connects.  The node that makes a TCP connection says in an
 * 8-byte packet which stream it shall be.  Spec: wire.md 1.2 to 1.4.
 *
 * The spec tells the loop as a sequence of blocking steps; here nothing blocks but
 * the one wait at its end, so an arriving socket is served while an own attempt is
 * under way, and a silent one keeps nobody waiting.
 */
#define pr_fmt(fmt) fmt

#include <linux/drbd_protocol.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "tcp.h"

/* So many sockets may wait for us to look at them. */
#define TCP_MAX_ARRIVALS 16

struct dtcp_attempt {
	struct dtcp_transport *t;
	struct dtcp_stream *held[DRBD_STREAMS];
	bool accepted[DRBD_STREAMS];	/* the peer made it */
	struct dtcp_stream *outgoing;	/* connect under way */
	struct list_head candidates;	/* accepted, first packet not complete yet */
	unsigned long next_listen;	/* jiffies, like all times here */
	unsigned long next_connect;
	unsigned long settled;		/* valid while both are held */
	bool settling;
	bool said_no_address;
	bool said_in_use;
};

static const char * const stream_names[DRBD_STREAMS] = { "data", "control" };

/* One period of trying, a seventh more or less: two nodes get out of step. */
static unsigned long retry_period(struct dtcp_transport *t)
{
	unsigned long period = t->transport.conf.connect_int * HZ;

	return get_random_u32() & 1 ? period + period / 7 : period - period / 7;
}

static bool is_established(struct dtcp_stream *s)
{
	return READ_ONCE(s->sock->sk->sk_state) == TCP_ESTABLISHED;
}

bool dtcp_arrival(struct dtcp_transport *t, struct dtcp_stream *stream)
{
	bool taken = false;

	stream->deadline = jiffies + 4 * t->transport.conf.ping_timeout * HZ / 10;
	spin_lock_bh(&t->lock);
	if (t->expecting && t->n_arrivals < TCP_MAX_ARRIVALS) {
		list_add_tail(&stream->list, &t->arrivals);
		t->n_arrivals++;
		taken = true;
	}
	spin_unlock_bh(&t->lock);
	if (taken)
		dtcp_wake(t);
	return taken;
}

/* ------------------------------------------------------------- what we hold */

static void drop_held(struct dtcp_attempt *a, enum drbd_stream which)
{
	dtcp_stream_free(a->held[which]);
	a->held[which] = NULL;
	a->settling = false;
}

static void hold(struct dtcp_attempt *a, struct dtcp_stream *s, enum drbd_stream which,
		 bool accepted)
{
	enum drbd_stream other = which == DATA_STREAM ? CONTROL_STREAM : DATA_STREAM;

	/* Both on one path: the newer socket tells which one works. */
	if (a->held[other] && a->held[other]->path != s->path)
		drop_held(a, other);
	if (a->held[which])
		drop_held(a, which);
	a->held[which] = s;
	a->accepted[which] = accepted;
	a->settling = false;
}

static void drop_dead(struct dtcp_attempt *a)
{
	int i;

	for (i = 0; i < DRBD_STREAMS; i++) {
		if (!a->held[i] || (is_established(a->held[i]) &&
				    !READ_ONCE(a->held[i]->path->removed)))
			continue;
		/* The peer took back what made the pair; it is about to try again, as we. */
		if (a->settling)
			a->next_connect = jiffies + get_random_u32() % HZ;
		drop_held(a, i);
	}
	if (a->outgoing && READ_ONCE(a->outgoing->path->removed)) {
		dtcp_stream_free(a->outgoing);
		a->outgoing = NULL;
		a->next_connect = jiffies;
	}
}

/* --------------------------------------------------------------- listening */

/* 0, or -EDESTADDRREQ without any path; a listener that fails is tried again later. */
static int listen_on_paths(struct dtcp_attempt *a)
{
	struct dtcp_transport *t = a->t;
	struct drbd_path *path;
	bool failed = false;
	int err, ret = 0;

	mutex_lock(&t->transport.paths_mutex);
	if (list_empty(&t->transport.paths))
		ret = -EDESTADDRREQ;
	list_for_each_entry(path, &t->transport.paths, list) {
		err = dtcp_listen(t, to_tcp_path(path));
		if (!err)
			continue;
		failed = true;
		if (err == -EADDRNOTAVAIL && !a->said_no_address) {
			tcp_log(warn, t, "local address %pISpc is missing, waiting for it\n",
				&path->my_addr);
			a->said_no_address = true;
		} else if (err != -EADDRNOTAVAIL && !a->said_in_use) {
			tcp_log(warn, t, "cannot listen on %pISpc (%d), trying again\n",
				&path->my_addr, err);
			a->said_in_use = true;
		}
	}
	mutex_unlock(&t->transport.paths_mutex);
	a->next_listen = jiffies + (failed ? t->transport.conf.connect_int * HZ : 3600UL * HZ);
	return ret;
}

/* -------------------------------------------------------------- connecting */

/* The path for the next attempt, referenced: the one in use, else each in its turn. */
static struct dtcp_path *choose_path(struct dtcp_attempt *a)
{
	struct dtcp_transport *t = a->t;
	struct dtcp_path *chosen = NULL;
	struct drbd_path *path;
	unsigned int n = 0, i;
	int which;

	for (which = 0; which < DRBD_STREAMS; which++)
		if (a->held[which])
			chosen = a->held[which]->path;
	mutex_lock(&t->transport.paths_mutex);
	if (!chosen) {
		list_for_each_entry(path, &t->transport.paths, list)
			n++;
		i = n ? t->attempts++ % n : 0;
		list_for_each_entry(path, &t->transport.paths, list)
			if (i-- == 0)
				chosen = to_tcp_path(path);
	}
	if (chosen)
		drbd_path_get(&chosen->path);
	mutex_unlock(&t->transport.paths_mutex);
	return chosen;
}

/*
 * Nobody there, no way to get there, or no local address yet.  All but a few errors
 * are of this kind: they pass, and a connection that gave up would have to be
 * restarted by hand.
 */
static int connect_failed(struct dtcp_attempt *a, struct dtcp_path *path, int err)
{
	struct dtcp_transport *t = a->t;

	a->next_connect = jiffies + retry_period(t);
	switch (err) {
	case -EAFNOSUPPORT:
	case -EPROTONOSUPPORT:
	case -ESOCKTNOSUPPORT:
		tcp_log(err, t, "%pISpc: address family is not supported by this kernel\n",
			&path->path.my_addr);
		return err;
	case -EADDRNOTAVAIL:
	case -EINVAL:
		if (!a->said_no_address)
			tcp_log(warn, t, "local address %pISpc is missing, waiting for it\n",
				&path->path.my_addr);
		a->said_no_address = true;
		return 0;
	case -ETIMEDOUT:
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -ENETUNREACH:
	case -EHOSTUNREACH:
	case -EHOSTDOWN:
	case -EINTR:
	case -ERESTARTSYS:
		return 0;
	}
	tcp_log_ratelimited(warn, t, "connecting to %pISpc failed (%d)\n",
			    &path->path.peer_addr, err);
	return 0;
}

static void set_port0(struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET)
		((struct sockaddr_in *)addr)->sin_port = 0;
	else
		((struct sockaddr_in6 *)addr)->sin6_port = 0;
}

static int start_connect(struct dtcp_attempt *a)
{
	struct dtcp_transport *t = a->t;
	struct sockaddr_storage from;
	struct dtcp_stream *s = NULL;
	struct socket *sock;
	struct dtcp_path *path;
	int err;

	path = choose_path(a);
	if (!path)
		return -EDESTADDRREQ;
	err = sock_create_kern(t->transport.net, path->path.my_addr.ss_family, SOCK_STREAM,
			       IPPROTO_TCP, &sock);
	if (err)
		goto failed;
	s = dtcp_stream_new(sock);
	if (!s) {
		err = -ENOMEM;
		goto failed;
	}
	dtcp_stream_attach(s, t, path);
	dtcp_set_buffers(sock->sk, t->transport.conf.sndbuf_size, t->transport.conf.rcvbuf_size);
	/* From the configured address, but never from the configured port. */
	from = path->path.my_addr;
	set_port0(&from);
	err = kernel_bind(sock, (struct sockaddr *)&from, path->path.my_addr_len);
	if (err)
		goto failed;
	err = kernel_connect(sock, (struct sockaddr *)&path->path.peer_addr,
			     path->path.peer_addr_len, O_NONBLOCK);
	if (err && err != -EINPROGRESS)
		goto failed;
	s->deadline = jiffies + t->transport.conf.connect_int * HZ;
	a->outgoing = s;
	drbd_path_put(&path->path);
	return 0;

failed:
	dtcp_stream_free(s);
	err = connect_failed(a, path, err);
	drbd_path_put(&path->path);
	return err;
}

static int send_first_packet(struct dtcp_stream *s, enum drbd_stream which)
{
	struct wire_header80 first = {
		.magic = cpu_to_be32(DRBD_MAGIC_H80),
		.command = cpu_to_be16(which == DATA_STREAM ? P_INITIAL_DATA : P_INITIAL_META),
	};
	struct kvec vec = { .iov_base = &first, .iov_len = sizeof(first) };
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	int ret;

	/* A new socket has room for it. */
	ret = kernel_sendmsg(s->sock, &msg, &vec, 1, sizeof(first));
	return ret == sizeof(first) ? 0 : ret < 0 ? ret : -EIO;
}

static enum drbd_stream choose_stream(struct dtcp_attempt *a, struct dtcp_path *path)
{
	const struct drbd_path *p = &path->path;
	size_t len;

	if (a->held[DATA_STREAM])
		return CONTROL_STREAM;
	if (a->held[CONTROL_STREAM])
		return DATA_STREAM;
	len = min(p->my_addr_len, p->peer_addr_len);
	return memcmp(&p->my_addr, &p->peer_addr, len) > 0 ? DATA_STREAM : CONTROL_STREAM;
}

/* Looks after the connect that is under way. */
static int continue_connect(struct dtcp_attempt *a)
{
	struct dtcp_stream *s = a->outgoing;
	enum drbd_stream which;
	int state, err;

	if (!s)
		return 0;
	state = READ_ONCE(s->sock->sk->sk_state);
	if ((state == TCP_SYN_SENT || state == TCP_SYN_RECV) && time_before(jiffies, s->deadline))
		return 0;

	a->outgoing = NULL;
	if (state != TCP_ESTABLISHED) {
		/* Refused, reset, timed out; or set up and closed again. */
		err = sock_error(s->sock->sk);
		err = connect_failed(a, s->path, err ?: -ETIMEDOUT);
		dtcp_stream_free(s);
		return err;
	}
	a->next_connect = jiffies + retry_period(a->t);
	if (a->held[DATA_STREAM] && a->held[CONTROL_STREAM]) {
		dtcp_stream_free(s);	/* the peer was faster, twice */
		return 0;
	}
	which = choose_stream(a, s->path);
	if (send_first_packet(s, which))
		dtcp_stream_free(s);
	else
		hold(a, s, which, false);
	return 0;
}

/* --------------------------------------------------------------- accepting */

static void take_arrivals(struct dtcp_attempt *a)
{
	struct dtcp_transport *t = a->t;
	struct dtcp_stream *s, *n;
	LIST_HEAD(arrived);

	spin_lock_bh(&t->lock);
	list_splice_init(&t->arrivals, &arrived);
	spin_unlock_bh(&t->lock);
	list_for_each_entry_safe(s, n, &arrived, list)
		list_move_tail(&s->list, &a->candidates);
}

static void drop_candidate(struct dtcp_transport *t, struct dtcp_stream *s)
{
	list_del(&s->list);
	spin_lock_bh(&t->lock);
	t->n_arrivals--;
	spin_unlock_bh(&t->lock);
}

/*
 * The stream that the first packet names; -EAGAIN: not complete yet; other -errno: no
 * such packet, already logged.
 */
static int read_first_packet(struct dtcp_transport *t, struct dtcp_stream *s)
{
	struct wire_header80 *first = (struct wire_header80 *)s->ahead;
	struct kvec vec;
	int ret;

	BUILD_BUG_ON(sizeof(*first) > sizeof(s->ahead));
	while (s->ahead_end < sizeof(*first)) {
		struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };

		vec.iov_base = s->ahead + s->ahead_end;
		vec.iov_len = sizeof(*first) - s->ahead_end;
		ret = kernel_recvmsg(s->sock, &msg, &vec, 1, vec.iov_len, msg.msg_flags);
		if (ret == -EAGAIN && time_before(jiffies, s->deadline) &&
		    !READ_ONCE(s->path->removed))
			return -EAGAIN;
		if (ret <= 0) {
			tcp_log_ratelimited(info, t,
					    "connection from %pISc %s before its first packet\n",
					    &s->path->path.peer_addr,
					    ret == -EAGAIN ? "was silent" : "closed");
			return -EPIPE;
		}
		s->ahead_end += ret;
	}
	s->ahead_end = 0;
	if (first->magic == cpu_to_be32(DRBD_MAGIC_H80)) {
		if (first->command == cpu_to_be16(P_INITIAL_DATA))
			return DATA_STREAM;
		if (first->command == cpu_to_be16(P_INITIAL_META))
			return CONTROL_STREAM;
	}
	tcp_log_ratelimited(warn, t, "connection from %pISc does not speak DRBD (%8ph), closed\n",
			    &s->path->path.peer_addr, first);
	return -EPROTO;
}

static void check_candidates(struct dtcp_attempt *a)
{
	struct dtcp_transport *t = a->t;
	struct dtcp_stream *s, *n;
	bool crossed;
	int which;

	list_for_each_entry_safe(s, n, &a->candidates, list) {
		which = read_first_packet(t, s);
		if (which == -EAGAIN)
			continue;
		drop_candidate(t, s);
		if (which < 0) {
			/* Of no consequence for when we try: strangers could drive us. */
			dtcp_stream_free(s);
			continue;
		}
		crossed = a->held[which];
		if (crossed)
			tcp_log(info, t, "%s stream arrived twice\n", stream_names[which]);
		hold(a, s, which, true);
		/*
		 * Our turn to connect.  When both sides made the same stream at the same
		 * time they would do so for ever: then a coin says who waits.
		 */
		if (!crossed || (get_random_u32() & 1))
			a->next_connect = jiffies;
		else
			a->next_connect = jiffies + retry_period(t);
	}
}

static void drop_arrivals(struct dtcp_transport *t, struct list_head *streams)
{
	struct dtcp_stream *s, *n;

	list_for_each_entry_safe(s, n, streams, list) {
		drop_candidate(t, s);
		dtcp_stream_free(s);
	}
}

/* ---------------------------------------------------------------- the loop */

/* Both are there: time for each side to notice if they are not the peer's choice. */
static bool check_pair(struct dtcp_attempt *a)
{
	const struct drbd_transport_conf *conf = &a->t->transport.conf;
	unsigned int wait = conf->socket_check_timeout ?: conf->ping_timeout;

	if (!a->held[DATA_STREAM] || !a->held[CONTROL_STREAM])
		return false;
	if (!a->settling) {
		a->settling = true;
		a->settled = jiffies + wait * HZ / 10;
	}
	/* drop_dead() has just looked at them. */
	return time_after_eq(jiffies, a->settled);
}

static unsigned long next_event(struct dtcp_attempt *a)
{
	unsigned long next = a->next_listen;
	struct dtcp_stream *s;

	if (a->settling) {
		if (time_before(a->settled, next))
			next = a->settled;
	} else if (a->outgoing) {
		if (time_before(a->outgoing->deadline, next))
			next = a->outgoing->deadline;
	} else if (time_before(a->next_connect, next)) {
		next = a->next_connect;
	}
	list_for_each_entry(s, &a->candidates, list)
		if (time_before(s->deadline, next))
			next = s->deadline;
	return next;
}

static int find_pair(struct dtcp_attempt *a)
{
	struct dtcp_transport *t = a->t;
	unsigned long next;
	int err;

	for (;;) {
		WRITE_ONCE(t->event, false);
		smp_mb();	/* the event is seen, or its cause */
		if (READ_ONCE(t->aborted) || signal_pending(current))
			return -EINTR;
		/* Also when a path came or went. */
		err = listen_on_paths(a);
		if (err)
			return err;
		drop_dead(a);
		take_arrivals(a);
		check_candidates(a);
		err = continue_connect(a);
		if (err)
			return err;
		if (check_pair(a))
			return 0;
		if (!a->settling && !a->outgoing && time_after_eq(jiffies, a->next_connect)) {
			err = start_connect(a);
			if (err)
				return err;
		}

		next = next_event(a);
		if (time_after(next, jiffies))
			wait_event_interruptible_timeout(t->wait, READ_ONCE(t->event),
							 next - jiffies);
		cond_resched();
	}
}

/* The pair becomes the transport's. */
static int use_pair(struct dtcp_attempt *a)
{
	struct dtcp_transport *t = a->t;
	struct dtcp_path *path = a->held[DATA_STREAM]->path;
	int i;

	mutex_lock(&t->transport.paths_mutex);
	if (path->removed) {
		mutex_unlock(&t->transport.paths_mutex);
		return -EAGAIN;
	}
	mutex_lock(&t->sock_mutex);
	if (t->aborted) {
		mutex_unlock(&t->sock_mutex);
		mutex_unlock(&t->transport.paths_mutex);
		return -EINTR;
	}
	for (i = 0; i < DRBD_STREAMS; i++) {
		dtcp_stream_use(a->held[i], i);
		a->held[i] = NULL;
	}
	mutex_unlock(&t->sock_mutex);
	path->path.established = true;
	drbd_path_get(&path->path);
	t->path = path;
	mutex_unlock(&t->transport.paths_mutex);
	drbd_path_event(&t->transport, &path->path);
	return 0;
}

int dtcp_prepare_connect(struct drbd_transport *transport)
{
	struct dtcp_transport *t = to_tcp(transport);
	bool no_path;

	mutex_lock(&transport->paths_mutex);
	no_path = list_empty(&transport->paths);
	mutex_unlock(&transport->paths_mutex);
	if (no_path)
		return -EDESTADDRREQ;

	mutex_lock(&t->sock_mutex);
	WRITE_ONCE(t->aborted, false);
	mutex_unlock(&t->sock_mutex);
	return 0;
}

int dtcp_connect(struct drbd_transport *transport, bool *resolve_conflicts)
{
	struct dtcp_transport *t = to_tcp(transport);
	struct dtcp_attempt a = {
		.t = t,
		.candidates = LIST_HEAD_INIT(a.candidates),
		.next_listen = jiffies,
		.next_connect = jiffies,
	};
	unsigned int noio = memalloc_noio_save();
	int err, i;

	spin_lock_bh(&t->lock);
	t->expecting = true;
	spin_unlock_bh(&t->lock);

	err = find_pair(&a);
	if (!err) {
		*resolve_conflicts = a.accepted[CONTROL_STREAM];
		err = use_pair(&a);
	}
	for (i = 0; i < DRBD_STREAMS; i++)
		dtcp_stream_free(a.held[i]);
	dtcp_stream_free(a.outgoing);
	drop_arrivals(t, &a.candidates);
	if (err)
		dtcp_finish_connect(transport);
	memalloc_noio_restore(noio);
	return err;
}

void dtcp_finish_connect(struct drbd_transport *transport)
{
	struct dtcp_transport *t = to_tcp(transport);
	struct drbd_path *path;
	LIST_HEAD(arrived);

	mutex_lock(&transport->paths_mutex);
	list_for_each_entry(path, &transport->paths, list)
		dtcp_unlisten(to_tcp_path(path));
	mutex_unlock(&transport->paths_mutex);

	spin_lock_bh(&t->lock);
	t->expecting = false;
	list_splice_init(&t->arrivals, &arrived);
	spin_unlock_bh(&t->lock);
	drop_arrivals(t, &arrived);
}
