/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The TCP transport: what its files share.
 *
 *   listener.c  listening sockets, shared by local address; who is an arriving socket for
 *   connect.c   the loop that ends with a pair of sockets
 *   stream.c    a socket in use: send, receive, push
 *   main.c      the class, paths, options
 *
 * Locks, outermost first:
 *   transport->paths_mutex    the transport's list of paths, path->established
 *   dtcp_mutex                 all listeners and all paths of the module
 *   dtcp_transport->sock_mutex streams are installed, removed, shut down
 *   listener->lock            (spinlock, bottom halves off) paths waiting at a listener
 *   dtcp_transport->lock       (spinlock, bottom halves off) arrivals; streams for stat
 */
#ifndef DRBD_TCP_H
#define DRBD_TCP_H

#include <linux/drbd_transport.h>
#include <linux/net.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/sock.h>

struct dtcp_transport;
struct dtcp_listener;

struct dtcp_path {
	struct drbd_path path;
	struct list_head all;		/* dtcp_paths: dtcp_mutex */
	struct dtcp_listener *listener;	/* dtcp_mutex */
	struct list_head waiting;	/* listener->paths: listener->lock */
	bool removed;			/* paths_mutex */
};

/* Data stream: a header with the fixed part of a write.  Control: several acks. */
#define TCP_AHEAD_DATA		40
#define TCP_AHEAD_CONTROL	256

/* A socket from the moment we have it to its release. */
struct dtcp_stream {
	struct socket *sock;
	struct dtcp_transport *owner;
	struct dtcp_path *path;		/* referenced */
	void (*saved_data_ready)(struct sock *sk);
	void (*saved_state_change)(struct sock *sk);

	/* while it is a candidate: connect.c */
	struct list_head list;
	unsigned long deadline;		/* jiffies */
	bool watched;			/* wake owner->wait on every event */

	/* once it is in use: stream.c */
	bool push;			/* received bytes go to owner->receiver */
	bool closed_reported;		/* push_lock */
	unsigned int ahead_max;
	unsigned int ahead_pos;		/* next byte to give out */
	unsigned int ahead_end;
	u8 ahead[TCP_AHEAD_CONTROL];
};

struct dtcp_transport {
	struct drbd_transport transport;

	struct mutex sock_mutex;
	spinlock_t lock;
	struct dtcp_stream *stream[DRBD_STREAMS]; /* change: sock_mutex and lock */
	struct dtcp_path *path;		/* of the streams; receiver thread */
	bool aborted;			/* sock_mutex to change */

	/* connect */
	wait_queue_head_t wait;
	bool event;			/* something happened since the loop last looked */
	bool expecting;			/* arrivals are welcome: lock */
	struct list_head arrivals;	/* dtcp_stream.list: lock */
	unsigned int n_arrivals;	/* lock */
	unsigned int attempts;

	/* pushed control stream */
	const struct drbd_control_receiver *receiver;
	spinlock_t push_lock;		/* one upcall at a time */
	struct timer_list silence_timer;
	long silence_timeout;		/* jiffies */
	unsigned long last_received;	/* jiffies */
};

static inline struct dtcp_transport *to_tcp(struct drbd_transport *transport)
{
	return container_of(transport, struct dtcp_transport, transport);
}

static inline struct dtcp_path *to_tcp_path(struct drbd_path *path)
{
	return container_of(path, struct dtcp_path, path);
}

#define tcp_log(level, t, fmt, ...) \
	pr_ ## level("%s tcp: " fmt, (t)->transport.log_prefix, ##__VA_ARGS__)
#define tcp_log_ratelimited(level, t, fmt, ...) \
	pr_ ## level ## _ratelimited("%s tcp: " fmt, (t)->transport.log_prefix, ##__VA_ARGS__)

/* main.c */
extern unsigned int dtcp_keepidle, dtcp_keepintvl, dtcp_keepcnt;
extern struct mutex dtcp_mutex;
extern struct list_head dtcp_paths;
bool dtcp_same_ip(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
bool dtcp_same_addr(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
void dtcp_wake(struct dtcp_transport *t);

/* listener.c */

/*
 * Sockets from the path's peer to its local address are given to dtcp_arrival() from now
 * on; nothing happens if that is so already.  0 or -errno of bind and listen.
 */
int dtcp_listen(struct dtcp_transport *t, struct dtcp_path *path);
/* Ends it; no dtcp_arrival() for this path after return. */
void dtcp_unlisten(struct dtcp_path *path);

/* connect.c */

/* Takes @sock, or closes it if it is not wanted. Called under listener->lock. */
bool dtcp_arrival(struct dtcp_transport *t, struct dtcp_stream *stream);
int dtcp_prepare_connect(struct drbd_transport *transport);
int dtcp_connect(struct drbd_transport *transport, bool *resolve_conflicts);
void dtcp_finish_connect(struct drbd_transport *transport);

/* stream.c */

/* A new socket, prepared for memory-reclaim-safe use; NULL: no memory, @sock released. */
struct dtcp_stream *dtcp_stream_new(struct socket *sock);
/* Binds a stream to its transport and path; events wake the connect loop from now on. */
void dtcp_stream_attach(struct dtcp_stream *s, struct dtcp_transport *t, struct dtcp_path *path);
/* Closes the socket and frees everything; NULL is fine. */
void dtcp_stream_free(struct dtcp_stream *s);
/* Buffer sizes as configured; 0 leaves them alone. */
void dtcp_set_buffers(struct sock *sk, unsigned int sndbuf, unsigned int rcvbuf);
/* A candidate becomes the transport's @which. */
void dtcp_stream_use(struct dtcp_stream *s, enum drbd_stream which);

int dtcp_send(struct drbd_transport *transport, enum drbd_stream stream,
	      const void *buf, size_t size, unsigned int flags);
ssize_t dtcp_send_iter(struct drbd_transport *transport, enum drbd_stream stream,
		       struct iov_iter *iter, unsigned int flags);
int dtcp_recv(struct drbd_transport *transport, enum drbd_stream stream, void *buf, size_t size);
ssize_t dtcp_recv_iter(struct drbd_transport *transport, enum drbd_stream stream,
		       struct iov_iter *iter);
unsigned int dtcp_recv_pending(struct drbd_transport *transport, enum drbd_stream stream);
int dtcp_control_push(struct drbd_transport *transport,
		      const struct drbd_control_receiver *receiver);
void dtcp_set_rcvtimeo(struct drbd_transport *transport, enum drbd_stream stream, long timeout);
long dtcp_get_rcvtimeo(struct drbd_transport *transport, enum drbd_stream stream);
bool dtcp_stream_ok(struct drbd_transport *transport, enum drbd_stream stream);
void dtcp_hint(struct drbd_transport *transport, enum drbd_stream stream,
	       enum drbd_transport_hint hint);
void dtcp_abort(struct drbd_transport *transport);
void dtcp_disconnect(struct drbd_transport *transport, bool linger);
void dtcp_stat(struct drbd_transport *transport, struct drbd_transport_stats *stats);
void dtcp_debugfs_show(struct drbd_transport *transport, struct seq_file *m);
void dtcp_silence(struct timer_list *timer);

#endif /* DRBD_TCP_H */
