// SPDX-License-Identifier: GPL-2.0-only
/*
 * The class "tcp": module, instances, paths, options.  Spec: wire.md 1.
 */
#define pr_fmt(fmt) fmt

#include <linux/inet.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include "tcp.h"

unsigned int dtcp_keepidle = 23;
module_param_named(keepidle, dtcp_keepidle, uint, 0664);
MODULE_PARM_DESC(keepidle, "data stream: idle seconds before the first keepalive probe");

unsigned int dtcp_keepintvl = 23;
module_param_named(keepintvl, dtcp_keepintvl, uint, 0664);
MODULE_PARM_DESC(keepintvl, "data stream: seconds between keepalive probes");

unsigned int dtcp_keepcnt = 9;
module_param_named(keepcnt, dtcp_keepcnt, uint, 0664);
MODULE_PARM_DESC(keepcnt, "data stream: unanswered keepalive probes before it is given up");

DEFINE_MUTEX(dtcp_mutex);
LIST_HEAD(dtcp_paths);

/* 128 MiB, the largest sndbuf-size and rcvbuf-size. */
#define TCP_MAX_BUFFER (128u << 20)

bool dtcp_same_ip(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET) {
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	} else {
		const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)a;
		const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)b;

		if (!ipv6_addr_equal(&a6->sin6_addr, &b6->sin6_addr))
			return false;
		return !(ipv6_addr_type(&a6->sin6_addr) & IPV6_ADDR_LINKLOCAL) ||
		       a6->sin6_scope_id == b6->sin6_scope_id;
	}
}

static __be16 dtcp_port(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? ((const struct sockaddr_in *)a)->sin_port :
					 ((const struct sockaddr_in6 *)a)->sin6_port;
}

bool dtcp_same_addr(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return dtcp_same_ip(a, b) && dtcp_port(a) == dtcp_port(b);
}

void dtcp_wake(struct dtcp_transport *t)
{
	WRITE_ONCE(t->event, true);
	wake_up(&t->wait);
}

static int dtcp_check_conf(const struct drbd_transport_conf *conf)
{
	if (conf->tls)
		return -EOPNOTSUPP;
	if (conf->sndbuf_size > TCP_MAX_BUFFER || conf->rcvbuf_size > TCP_MAX_BUFFER)
		return -EINVAL;
	return 0;
}

static int dtcp_init(struct drbd_transport *transport)
{
	struct dtcp_transport *t = to_tcp(transport);
	int err;

	err = dtcp_check_conf(&transport->conf);
	if (err)
		return err;
	mutex_init(&t->sock_mutex);
	spin_lock_init(&t->lock);
	spin_lock_init(&t->push_lock);
	init_waitqueue_head(&t->wait);
	INIT_LIST_HEAD(&t->arrivals);
	timer_setup(&t->silence_timer, dtcp_silence, 0);
	t->silence_timeout = MAX_SCHEDULE_TIMEOUT;
	return 0;
}

static void dtcp_free(struct drbd_transport *transport)
{
	struct dtcp_transport *t = to_tcp(transport);

	WARN_ON(!list_empty(&transport->paths));
	WARN_ON(t->stream[DATA_STREAM] || t->stream[CONTROL_STREAM]);
}

static int dtcp_check_endpoint(const struct sockaddr_storage *addr, int len)
{
	switch (addr->ss_family) {
	case AF_INET:
		if (len < (int)sizeof(struct sockaddr_in))
			return -EINVAL;
		break;
	case AF_INET6:
		if (len < (int)sizeof(struct sockaddr_in6))
			return -EINVAL;
		break;
	default:	/* also SDP and SuperSockets */
		return -EAFNOSUPPORT;
	}
	return dtcp_port(addr) ? 0 : -EINVAL;
}

static int dtcp_add_path(struct drbd_transport *transport, struct drbd_path *drbd_path)
{
	struct dtcp_transport *t = to_tcp(transport);
	struct dtcp_path *path = to_tcp_path(drbd_path);
	struct dtcp_path *other;
	int err;

	err = dtcp_check_endpoint(&drbd_path->my_addr, drbd_path->my_addr_len);
	if (!err)
		err = dtcp_check_endpoint(&drbd_path->peer_addr, drbd_path->peer_addr_len);
	if (!err && drbd_path->my_addr.ss_family != drbd_path->peer_addr.ss_family)
		err = -EINVAL;
	if (err)
		return err;

	INIT_LIST_HEAD(&path->waiting);
	mutex_lock(&transport->paths_mutex);
	mutex_lock(&dtcp_mutex);
	/*
	 * An arriving socket says nothing but where it comes from, so that must be
	 * enough to tell whose it is, whatever resource it is for.
	 */
	list_for_each_entry(other, &dtcp_paths, all) {
		if (net_eq(other->path.transport->net, transport->net) &&
		    dtcp_same_addr(&other->path.my_addr, &drbd_path->my_addr) &&
		    dtcp_same_ip(&other->path.peer_addr, &drbd_path->peer_addr)) {
			err = -ENOTUNIQ;
			break;
		}
	}
	if (!err)
		list_add_tail(&path->all, &dtcp_paths);
	mutex_unlock(&dtcp_mutex);
	if (!err) {
		drbd_path_get(drbd_path);
		list_add_tail_rcu(&drbd_path->list, &transport->paths);
	}
	mutex_unlock(&transport->paths_mutex);
	if (!err)
		dtcp_wake(t);
	return err;
}

static int dtcp_remove_path(struct drbd_transport *transport, struct drbd_path *drbd_path)
{
	struct dtcp_path *path = to_tcp_path(drbd_path);

	mutex_lock(&transport->paths_mutex);
	if (drbd_path->established) {
		mutex_unlock(&transport->paths_mutex);
		return -EBUSY;
	}
	path->removed = true;
	list_del_rcu(&drbd_path->list);
	dtcp_unlisten(path);
	mutex_lock(&dtcp_mutex);
	list_del(&path->all);
	mutex_unlock(&dtcp_mutex);
	mutex_unlock(&transport->paths_mutex);
	dtcp_wake(to_tcp(transport));
	drbd_path_put(drbd_path);
	return 0;
}

static int dtcp_net_conf_change(struct drbd_transport *transport,
				const struct drbd_transport_conf *new)
{
	struct dtcp_transport *t;
	int err, i;

	err = dtcp_check_conf(new);
	if (err || !transport)
		return err;

	t = to_tcp(transport);
	mutex_lock(&t->sock_mutex);
	transport->conf = *new;
	for (i = 0; i < DRBD_STREAMS; i++) {
		if (!t->stream[i])
			continue;
		dtcp_set_buffers(t->stream[i]->sock->sk, new->sndbuf_size, new->rcvbuf_size);
		WRITE_ONCE(t->stream[i]->sock->sk->sk_sndtimeo, new->timeout * HZ / 10);
	}
	mutex_unlock(&t->sock_mutex);
	return 0;
}

static const struct drbd_transport_ops dtcp_ops = {
	.init = dtcp_init,
	.free = dtcp_free,
	.add_path = dtcp_add_path,
	.remove_path = dtcp_remove_path,
	.prepare_connect = dtcp_prepare_connect,
	.connect = dtcp_connect,
	.finish_connect = dtcp_finish_connect,
	.send = dtcp_send,
	.send_iter = dtcp_send_iter,
	.recv = dtcp_recv,
	.recv_iter = dtcp_recv_iter,
	.recv_pending = dtcp_recv_pending,
	.control_push = dtcp_control_push,
	.set_rcvtimeo = dtcp_set_rcvtimeo,
	.get_rcvtimeo = dtcp_get_rcvtimeo,
	.stream_ok = dtcp_stream_ok,
	.hint = dtcp_hint,
	.abort = dtcp_abort,
	.disconnect = dtcp_disconnect,
	.net_conf_change = dtcp_net_conf_change,
	.stat = dtcp_stat,
	.debugfs_show = dtcp_debugfs_show,
};

static struct drbd_transport_class dtcp_class = {
	.name = "tcp",
	.instance_size = sizeof(struct dtcp_transport),
	.path_instance_size = sizeof(struct dtcp_path),
	.module = THIS_MODULE,
	.ops = &dtcp_ops,
};

static int __init dtcp_module_init(void)
{
	BUILD_BUG_ON(offsetof(struct dtcp_transport, transport));
	BUILD_BUG_ON(offsetof(struct dtcp_path, path));
	return drbd_register_transport(&dtcp_class);
}

static void __exit dtcp_module_exit(void)
{
	drbd_transport_class_unregister(&dtcp_class);
}

module_init(dtcp_module_init);
module_exit(dtcp_module_exit);

MODULE_DESCRIPTION("DRBD replication over TCP");
MODULE_LICENSE("GPL");
