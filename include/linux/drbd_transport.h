/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a transport class must offer to drbd.ko, and what drbd.ko offers to it.
 * A transport gives each connection two reliable, ordered byte streams that do
 * not block each other: DATA_STREAM (bulk) and CONTROL_STREAM (acks, pings).
 * It knows nothing of packets but the two that say which stream is which.
 * Spec: wire.md 1, io-path.md 17.
 *
 * Life of a transport instance, all calls from drbd.ko:
 *
 *   init                       once; process context
 *   add_path / remove_path     any time between init and free
 *   prepare_connect            clears an earlier abort; then
 *   connect                    blocks until two streams are up, a fatal error or abort
 *   finish_connect             nobody is waiting for our listeners any more
 *   send*, recv*, hint, ...    streams are up
 *   abort                      from anywhere: makes connect, send and recv return
 *   disconnect                 streams closed; then prepare_connect again or free
 *   free                       once; after disconnect, all paths removed
 *
 * Who may call what at the same time:
 *
 * - prepare_connect, connect, finish_connect and disconnect come from one
 *   thread, the receiver (disconnect and free may come from another one after
 *   it has ended).
 * - One sender per stream at a time: drbd.ko holds that stream's send mutex.  The
 *   two streams may be sent to in parallel, and from any process context, so a
 *   submitting task that gets the mutex may send directly.
 * - One receiver per stream at a time.  Sending and receiving are independent.
 * - A task that may have signals pending (any but a kernel thread) sends with
 *   DRBD_SEND_DONTWAIT only: a signal would end the send in the middle of a packet.
 * - abort, stat, stream_ok, net_conf_change, add_path, remove_path, debugfs_show: any
 *   process context at any time between init and free.
 * - Before disconnect drbd.ko makes sure that nobody is inside, or will enter, send*,
 *   recv*, hint, set_rcvtimeo, get_rcvtimeo or control_push (abort first, so that they
 *   come out).
 * - Every operation but those marked "atomic" may sleep.  None allocates memory
 *   in a way that waits for I/O.
 */
#ifndef DRBD_TRANSPORT_H
#define DRBD_TRANSPORT_H

#include <linux/types.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/socket.h>
#include <linux/uio.h>

struct module;
struct net;
struct seq_file;
struct drbd_transport;
struct drbd_path;
struct drbd_control_receiver;

/* Changes whenever a structure or the meaning of an operation here changes. */
#define DRBD_TRANSPORT_API_VERSION 1

enum drbd_stream {
	DATA_STREAM,
	CONTROL_STREAM,
	DRBD_STREAMS,
};

/* Flags of the send operations. */
#define DRBD_SEND_MORE		1u	/* more follows at once: do not push a short segment */
#define DRBD_SEND_DONTWAIT	2u	/* never wait for buffer space */
/*
 * send_iter only: the transport may keep references to the pages instead of
 * copying.  Until the peer is known to have got the bytes, or disconnect has
 * returned, the pages must keep their content.  A page that cannot be
 * referenced (slab) is copied.
 */
#define DRBD_SEND_BY_REFERENCE	4u

enum drbd_transport_hint {
	DRBD_HINT_CORK,		/* collect: full segments only */
	DRBD_HINT_UNCORK,	/* push what was collected; end of DRBD_HINT_CORK */
	DRBD_HINT_PUSH,		/* push what was collected, stay corked */
	DRBD_HINT_QUICKACK,	/* acknowledge received bytes now */
};

/* Options of the connection that matter to a transport; drbd.ko copies them. */
struct drbd_transport_conf {
	unsigned int connect_int;	/* s */
	unsigned int timeout;		/* 0.1 s; send timeout of both streams */
	unsigned int ping_timeout;	/* 0.1 s */
	unsigned int socket_check_timeout; /* 0.1 s; 0: ping_timeout */
	unsigned int sndbuf_size;	/* bytes; 0: the system's choice */
	unsigned int rcvbuf_size;
	bool tls;			/* not supported by tcp: -EOPNOTSUPP */
};

struct drbd_transport_stats {
	unsigned int unread_received;	/* data stream, bytes */
	unsigned int unacked_send;
	unsigned int send_buffer_size;
	unsigned int send_buffer_used;
};

/* ------------------------------------------------------------------- paths */

/*
 * One pair of endpoints.  drbd.ko allocates it with class->path_instance_size,
 * zeroed, calls drbd_path_init() and gives it to add_path(); the class' own data
 * follows in the same allocation.  Addresses never change.
 */
struct drbd_path {
	struct kref kref;
	struct rcu_head rcu;
	struct list_head list;		/* transport->paths: paths_mutex to change, RCU to read */
	struct drbd_transport *transport;
	struct sockaddr_storage my_addr;
	struct sockaddr_storage peer_addr;
	int my_addr_len;
	int peer_addr_len;
	bool established;		/* written by the transport, then drbd_path_event() */
};

/* --------------------------------------------------------------- transport */

/*
 * Embedded as last member in the connection, which is allocated so that
 * class->instance_size bytes start here; the class' own data follows.
 * drbd.ko fills class, net, node ids, log_prefix, conf and the list head before init.
 */
struct drbd_transport {
	struct drbd_transport_class *class;
	struct net *net;		/* drbd.ko keeps it alive until free */
	const char *log_prefix;		/* "drbd r0 peer-name"; lives as long as the instance */
	int my_node_id;
	int peer_node_id;
	struct drbd_transport_conf conf; /* net_conf_change to change; scalars are read freely */
	struct mutex paths_mutex;	/* membership of paths */
	struct list_head paths;		/* drbd_path.list */
};

struct drbd_transport_ops {
	/* @transport is zeroed but for the generic part.  0 or -errno: no free() then. */
	int (*init)(struct drbd_transport *transport);

	/* Gives back what init took.  Streams are closed, no path is left. */
	void (*free)(struct drbd_transport *transport);

	/*
	 * Links a path to transport->paths; a connect in progress uses it from then on.
	 * -EAFNOSUPPORT, -EINVAL: addresses the class cannot use (mixed families, port 0).
	 * -ENOTUNIQ: another path of this transport, or of any transport of the same
	 * resource that the class knows of, has the same local address and peer IP.
	 * The path is referenced until it is removed.
	 */
	int (*add_path)(struct drbd_transport *transport, struct drbd_path *path);

	/*
	 * Unlinks it.  -EBUSY: established, nothing changed.  After 0 no socket will come
	 * from it; the class drops its references at once or, while connect runs, soon.
	 */
	int (*remove_path)(struct drbd_transport *transport, struct drbd_path *path);

	/*
	 * 0; -EDESTADDRREQ: no path at all.  Forgets an earlier abort(), so drbd.ko
	 * calls it before it publishes the state Connecting, under the lock that also
	 * covers the decision to abort.
	 */
	int (*prepare_connect)(struct drbd_transport *transport);

	/*
	 * Blocks until both streams are up and checked.
	 *   0             streams are up; *@resolve_conflicts tells whether this node
	 *                 accepted the control stream
	 *   -EINTR        abort() was called, or a signal is pending
	 *   -EAGAIN       failed for a reason that may pass: sleep 1 s, try again
	 *   -EDESTADDRREQ no path left
	 *   other         will not get better: go StandAlone
	 * A peer that is not there, a local address that is missing or in use: waits inside,
	 * trying again every connect_int seconds.
	 */
	int (*connect)(struct drbd_transport *transport, bool *resolve_conflicts);

	/* The listeners are no longer needed by this transport.  Streams stay. */
	void (*finish_connect)(struct drbd_transport *transport);

	/*
	 * Sends all of @size bytes of @buf, which is copied.
	 * Returns @size.  With DRBD_SEND_DONTWAIT: the bytes that were taken (0 to @size);
	 * the caller then owes the rest before anything else on this stream.
	 * -EAGAIN: conf.timeout passed and drbd_send_timed_out() said to give up.
	 * Other -errno: the stream is dead.  After an error the stream is not usable.
	 */
	int (*send)(struct drbd_transport *transport, enum drbd_stream stream,
		    const void *buf, size_t size, unsigned int flags);

	/*
	 * The same for what @iter describes (ITER_SOURCE, kvec or bvec); it is advanced
	 * by what was sent.  Returns the number of bytes, as send.
	 */
	ssize_t (*send_iter)(struct drbd_transport *transport, enum drbd_stream stream,
			     struct iov_iter *iter, unsigned int flags);

	/*
	 * Receives exactly @size bytes.  Returns @size; 0: closed by the peer before the
	 * first byte; -ECONNRESET: closed in the middle; -EAGAIN: receive timeout;
	 * -EINTR: signal or abort; other -errno.  For @size <= DRBD_RECV_SMALL, -EAGAIN
	 * and -EINTR lose nothing: the call can be repeated.  Headers and fixed parts are
	 * cheap to get in two calls: the transport reads ahead a little.
	 */
	int (*recv)(struct drbd_transport *transport, enum drbd_stream stream,
		    void *buf, size_t size);

	/*
	 * Receives exactly iov_iter_count(@iter) bytes into @iter (ITER_DEST, kvec or bvec).
	 * Returns their number or as recv.
	 */
	ssize_t (*recv_iter)(struct drbd_transport *transport, enum drbd_stream stream,
			     struct iov_iter *iter);

	/* Atomic.  Bytes that a recv would return without waiting; 0 if none. */
	unsigned int (*recv_pending)(struct drbd_transport *transport, enum drbd_stream stream);

	/*
	 * From now on, instead of recv on CONTROL_STREAM, received bytes are given to @fn
	 * as they arrive, in arbitrary pieces (see struct drbd_control_receiver).  Bytes
	 * that came before are delivered before this returns, or from a soft interrupt
	 * while it runs.  Ends with disconnect.
	 */
	int (*control_push)(struct drbd_transport *transport,
			    const struct drbd_control_receiver *receiver);

	/*
	 * Receive timeout in jiffies, MAX_SCHEDULE_TIMEOUT: none.  After control_push, for
	 * CONTROL_STREAM: an inactivity timer, restarted by this call and by any byte.
	 * set: atomic, callable from a drbd_control_receiver.
	 */
	void (*set_rcvtimeo)(struct drbd_transport *transport, enum drbd_stream stream,
			     long timeout);
	long (*get_rcvtimeo)(struct drbd_transport *transport, enum drbd_stream stream);

	/* Atomic.  Are the streams up and not known to be broken? */
	bool (*stream_ok)(struct drbd_transport *transport, enum drbd_stream stream);

	/* Unknown hints are ignored.  Not to be called from a drbd_control_receiver. */
	void (*hint)(struct drbd_transport *transport, enum drbd_stream stream,
		     enum drbd_transport_hint hint);

	/*
	 * Makes a running connect, send or recv, and those to come, return with an error
	 * (-EINTR from connect, -EINTR, -ESHUTDOWN or 0 otherwise); bytes already handed
	 * over may still leave.  Lasts until prepare_connect.
	 */
	void (*abort)(struct drbd_transport *transport);

	/*
	 * Closes what is open; pages sent by reference are no longer used.  @linger: first
	 * waits, up to conf.ping_timeout, until the peer has got all that was sent, so
	 * that a closing P_DISCONNECT or P_TWOPC_COMMIT is not lost.
	 */
	void (*disconnect)(struct drbd_transport *transport, bool linger);

	/*
	 * Checks and takes over new options, applying them to open streams.  -EOPNOTSUPP,
	 * -EINVAL: refused, nothing changed.  Also called by drbd.ko before init is
	 * called with @new as the only options to check: then @transport is NULL.
	 */
	int (*net_conf_change)(struct drbd_transport *transport,
			       const struct drbd_transport_conf *new);

	/* Atomic.  All zero while not connected. */
	void (*stat)(struct drbd_transport *transport, struct drbd_transport_stats *stats);

	/* Human-readable state of the sockets for debugfs.  May sleep. */
	void (*debugfs_show)(struct drbd_transport *transport, struct seq_file *m);
};

/* recv of at most this many bytes can be repeated after -EAGAIN and -EINTR. */
#define DRBD_RECV_SMALL 64

enum drbd_control_event {
	DRBD_CONTROL_CLOSED,	/* by the peer, or broken */
	DRBD_CONTROL_TIMEOUT,	/* set_rcvtimeo() passed without a byte; once until the next byte */
};

/*
 * Where a pushed control stream goes.  Both run with bottom halves off, mostly in
 * a soft interrupt, the control socket locked: no sleeping, no sending on either stream,
 * no hint.  One at a time per transport; not after abort + disconnect returned.
 */
struct drbd_control_receiver {
	/* All of @data is taken.  Non-zero: stop delivering (the stream is garbage). */
	int (*data)(struct drbd_transport *transport, const void *data, size_t size);
	void (*event)(struct drbd_transport *transport, enum drbd_control_event event);
};

struct drbd_transport_class {
	const char *name;		/* "tcp"; the module is drbd_transport_<name> */
	size_t instance_size;		/* of the structure that begins with drbd_transport */
	size_t path_instance_size;	/* of the structure that begins with drbd_path */
	struct module *module;
	const struct drbd_transport_ops *ops;
	struct list_head list;		/* drbd.ko's */
};

/* ------------------------------------------------- offered by drbd.ko to transports */

/*
 * Makes @class known under its name.  -EINVAL: @version or @transport_size are not
 * those drbd.ko was built with; -EEXIST: name taken.  Process context.
 */
int drbd_transport_class_register(struct drbd_transport_class *class, int version,
				  size_t transport_size);
/* Module exit; drbd.ko's references have kept the module loaded until there are none. */
void drbd_transport_class_unregister(struct drbd_transport_class *class);

#define drbd_register_transport(class) \
	drbd_transport_class_register(class, DRBD_TRANSPORT_API_VERSION, \
				      sizeof(struct drbd_transport))

/*
 * path->established changed.  Process context; called without locks of the transport
 * but possibly inside connect or disconnect.
 */
void drbd_path_event(struct drbd_transport *transport, struct drbd_path *path);

/*
 * Nothing could be sent on @stream for conf.timeout.  True: give up.  Called in the
 * context of the send, so it must not send on the same stream.  wire.md 1.5.
 */
bool drbd_send_timed_out(struct drbd_transport *transport, enum drbd_stream stream);

void drbd_path_init(struct drbd_path *path, struct drbd_transport *transport);
void drbd_path_get(struct drbd_path *path);
void drbd_path_put(struct drbd_path *path);	/* freed after a grace period */

/* ------------------------------------------------------------ inside drbd.ko only */

/*
 * Class by name, its module loaded if need be and referenced; NULL: there is none.
 * Process context, may run modprobe: no lock that a module's init could want.
 */
struct drbd_transport_class *drbd_transport_class_get(const char *name);
void drbd_transport_class_put(struct drbd_transport_class *class);

/* " NAME (VERSION)" of each class.  Process context. */
void drbd_transport_show_classes(struct seq_file *seq);

/* Fills the generic part (list, mutex); the caller has zeroed class->instance_size bytes. */
void drbd_transport_init_generic(struct drbd_transport *transport,
				 struct drbd_transport_class *class);

#endif /* DRBD_TRANSPORT_H */
