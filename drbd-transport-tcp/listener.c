// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listening sockets.  One serves all paths with the same local address and port,
 * of whatever resource; it exists while one of them wants to be connected to.
 * An arriving socket belongs to the path whose peer has the IP address it comes
 * from.  Spec: wire.md 1.1.
 */
#define pr_fmt(fmt) "drbd tcp: " fmt

#include <linux/inet.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "tcp.h"

#define TCP_BACKLOG 64

struct dtcp_listener {
	struct list_head list;		/* listeners: dtcp_mutex */
	unsigned int users;		/* paths; dtcp_mutex */
	struct net *net;
	struct sockaddr_storage addr;
	struct socket *sock;
	spinlock_t lock;
	struct list_head paths;		/* dtcp_path.waiting */
	struct work_struct work;
	void (*saved_data_ready)(struct sock *sk);
};

static LIST_HEAD(listeners);

/*
 * Runs in a soft interrupt.  Sockets that nobody has accepted yet have inherited this
 * function from the listening one: their data waits.
 */
static void listener_data_ready(struct sock *sk)
{
	struct dtcp_listener *listener;

	read_lock_bh(&sk->sk_callback_lock);
	listener = sk->sk_user_data;
	if (listener && sk->sk_state == TCP_LISTEN)
		queue_work(system_unbound_wq, &listener->work);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void listener_dispatch(struct dtcp_listener *listener, struct socket *sock)
{
	struct sockaddr_storage peer = {};
	struct dtcp_stream *stream;
	struct dtcp_path *path;
	bool known = false, taken = false;

	write_lock_bh(&sock->sk->sk_callback_lock);
	sock->sk->sk_data_ready = listener->saved_data_ready;
	sock->sk->sk_user_data = NULL;
	write_unlock_bh(&sock->sk->sk_callback_lock);

	if (kernel_getpeername(sock, (struct sockaddr *)&peer) < 0) {
		sock_release(sock);	/* gone again */
		return;
	}
	stream = dtcp_stream_new(sock);
	if (!stream)
		return;

	spin_lock_bh(&listener->lock);
	list_for_each_entry(path, &listener->paths, waiting) {
		if (dtcp_same_ip(&path->path.peer_addr, &peer)) {
			struct dtcp_transport *t = to_tcp(path->path.transport);

			known = true;
			dtcp_stream_attach(stream, t, path);
			taken = dtcp_arrival(t, stream);
			break;
		}
	}
	spin_unlock_bh(&listener->lock);
	if (taken)
		return;

	dtcp_stream_free(stream);
	if (known)
		pr_warn_ratelimited("too many connections from %pISpc at %pISpc\n",
				    &peer, &listener->addr);
	else
		pr_warn_ratelimited("unexpected connection from %pISpc at %pISpc closed\n",
				    &peer, &listener->addr);
}

static void listener_work(struct work_struct *work)
{
	struct dtcp_listener *listener = container_of(work, struct dtcp_listener, work);
	unsigned int noio = memalloc_noio_save();
	struct socket *sock;

	while (!kernel_accept(listener->sock, &sock, O_NONBLOCK)) {
		listener_dispatch(listener, sock);
		cond_resched();
	}
	memalloc_noio_restore(noio);
}

static void listener_free(struct dtcp_listener *listener)
{
	struct sock *sk = listener->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	sk->sk_data_ready = listener->saved_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	cancel_work_sync(&listener->work);
	sock_release(listener->sock);
	kfree(listener);
}

/* Bound, but not listening yet. */
static struct dtcp_listener *listener_create(struct dtcp_transport *t, struct dtcp_path *path)
{
	struct drbd_path *p = &path->path;
	struct dtcp_listener *listener;
	struct sock *sk;
	int err;

	listener = kzalloc(sizeof(*listener), GFP_KERNEL);
	if (!listener)
		return ERR_PTR(-ENOMEM);
	err = sock_create_kern(t->transport.net, p->my_addr.ss_family, SOCK_STREAM, IPPROTO_TCP,
			       &listener->sock);
	if (err) {
		kfree(listener);
		return ERR_PTR(err);
	}
	listener->net = t->transport.net;
	listener->addr = p->my_addr;
	spin_lock_init(&listener->lock);
	INIT_LIST_HEAD(&listener->paths);
	INIT_WORK(&listener->work, listener_work);

	sk = listener->sock->sk;
	sock_set_reuseaddr(sk);
	/* Arriving sockets inherit it, and the window is agreed on before we see them. */
	dtcp_set_buffers(sk, t->transport.conf.sndbuf_size, t->transport.conf.rcvbuf_size);
	err = kernel_bind(listener->sock, (struct sockaddr *)&p->my_addr, p->my_addr_len);
	if (err) {
		sock_release(listener->sock);
		kfree(listener);
		return ERR_PTR(err);
	}
	write_lock_bh(&sk->sk_callback_lock);
	listener->saved_data_ready = sk->sk_data_ready;
	sk->sk_data_ready = listener_data_ready;
	sk->sk_user_data = listener;
	write_unlock_bh(&sk->sk_callback_lock);
	return listener;
}

int dtcp_listen(struct dtcp_transport *t, struct dtcp_path *path)
{
	struct dtcp_listener *listener;
	bool created = false;
	int err = 0;

	mutex_lock(&dtcp_mutex);
	if (path->listener)
		goto out;
	list_for_each_entry(listener, &listeners, list) {
		if (net_eq(listener->net, t->transport.net) &&
		    dtcp_same_addr(&listener->addr, &path->path.my_addr))
			goto found;
	}
	listener = listener_create(t, path);
	if (IS_ERR(listener)) {
		err = PTR_ERR(listener);
		goto out;
	}
	created = true;
	list_add(&listener->list, &listeners);
found:
	listener->users++;
	path->listener = listener;
	spin_lock_bh(&listener->lock);
	list_add_tail(&path->waiting, &listener->paths);
	spin_unlock_bh(&listener->lock);

	/* Last, so that the first to arrive finds its path. */
	if (created)
		err = kernel_listen(listener->sock, TCP_BACKLOG);
	if (err) {
		list_del(&path->waiting);
		path->listener = NULL;
		list_del(&listener->list);
		listener_free(listener);
	}
out:
	mutex_unlock(&dtcp_mutex);
	return err;
}

void dtcp_unlisten(struct dtcp_path *path)
{
	struct dtcp_listener *listener;

	mutex_lock(&dtcp_mutex);
	listener = path->listener;
	if (listener) {
		path->listener = NULL;
		spin_lock_bh(&listener->lock);
		list_del_init(&path->waiting);
		spin_unlock_bh(&listener->lock);
		if (!--listener->users) {
			list_del(&listener->list);
			listener_free(listener);
		}
	}
	mutex_unlock(&dtcp_mutex);
}
