// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resources, devices, connections, peer devices: create, look up, unlink, free.
 *
 * An object is reachable (linked) until the command that deletes it unlinks
 * it; it is freed, by a work item one RCU grace period later, when the last
 * reference is gone.  Between the two, whoever still holds a reference finds
 * all it points to alive: a peer device keeps its device and its connection,
 * these keep their resource, and the resource keeps the module.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/cpumask.h>
#include <net/net_namespace.h>
#include "objects.h"
#include "netlink.h"
#include "state_change.h"
#include "connection.h"
#include "request.h"
#include "backing.h"
#include "block.h"

DEFINE_MUTEX(drbd_objects_mutex);
LIST_HEAD(drbd_resources);
static DEFINE_IDR(drbd_minors);		/* changed under drbd_objects_mutex, read under RCU */
static u64 drbd_next_serial = 1;	/* drbd_objects_mutex */
static struct workqueue_struct *drbd_reaper;
struct workqueue_struct *drbd_io_wq;

int drbd_objects_init(void)
{
	drbd_reaper = alloc_workqueue("drbd_reaper", WQ_UNBOUND, 0);
	drbd_io_wq = alloc_workqueue("drbd_io", WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	if (drbd_reaper && drbd_io_wq)
		return 0;
	if (drbd_reaper)
		destroy_workqueue(drbd_reaper);
	if (drbd_io_wq)
		destroy_workqueue(drbd_io_wq);
	return -ENOMEM;
}

void drbd_objects_exit(void)
{
	/* A freed object queues the next one up; the resource is the last. */
	rcu_barrier();
	flush_workqueue(drbd_reaper);
	rcu_barrier();
	destroy_workqueue(drbd_reaper);
	destroy_workqueue(drbd_io_wq);
	idr_destroy(&drbd_minors);
}

/* ---------------------------------------------------------------- resource */

int drbd_parse_cpu_mask(const char *text, struct cpumask *mask)
{
	int err;

	if (!*text) {
		cpumask_copy(mask, cpu_possible_mask);
		return 0;
	}
	err = bitmap_parse(text, strlen(text), cpumask_bits(mask), nr_cpumask_bits);
	/* More bits than this machine has CPUs is what one mask for all machines looks like. */
	if (err == -EOVERFLOW) {
		cpumask_copy(mask, cpu_possible_mask);
		return 0;
	}
	if (err)
		return err;
	if (!cpumask_intersects(mask, cpu_online_mask))
		cpumask_copy(mask, cpu_possible_mask);
	return 0;
}

static void resource_free(struct work_struct *work)
{
	struct drbd_resource *resource =
		container_of(to_rcu_work(work), struct drbd_resource, free_work);

	drbd_request_free_resource(resource);
	drbd_state_free_resource(resource);
	destroy_workqueue(resource->worker);
	idr_destroy(&resource->devices);
	free_cpumask_var(resource->cpu_mask);
	kfree(resource);
	module_put(THIS_MODULE);
}

struct drbd_resource *drbd_resource_create(const char *name, const struct res_opts *opts, int *err)
{
	struct drbd_resource *resource;

	if (!try_module_get(THIS_MODULE)) {
		*err = -ESHUTDOWN;
		return NULL;
	}
	*err = -ENOMEM;
	resource = kzalloc(sizeof(*resource), GFP_KERNEL);
	if (!resource)
		goto out_module;
	kref_init(&resource->kref);
	INIT_RCU_WORK(&resource->free_work, resource_free);
	INIT_LIST_HEAD(&resource->resources);
	strscpy(resource->name, name, sizeof(resource->name));
	mutex_init(&resource->adm_mutex);
	mutex_init(&resource->open_mutex);
	mutex_init(&resource->serialize);
	mutex_init(&resource->conf_mutex);
	spin_lock_init(&resource->req_lock);
	resource->res_opts = *opts;
	idr_init(&resource->devices);
	INIT_LIST_HEAD(&resource->connections);
	resource->role = R_SECONDARY;
	resource->members = NODE_MASK(opts->node_id);
	resource->removed = true;
	init_waitqueue_head(&resource->state_wait);
	init_waitqueue_head(&resource->twopc_wait);
	INIT_LIST_HEAD(&resource->transfer_log);
	INIT_LIST_HEAD(&resource->peer_acks);
	INIT_LIST_HEAD(&resource->retry);

	if (!zalloc_cpumask_var(&resource->cpu_mask, GFP_KERNEL))
		goto out_free;
	*err = drbd_parse_cpu_mask(opts->cpu_mask, resource->cpu_mask);
	if (*err)
		goto out_cpu_mask;
	*err = -ENOMEM;
	resource->worker = alloc_ordered_workqueue("drbd_w_%s", WQ_MEM_RECLAIM, name);
	if (!resource->worker)
		goto out_cpu_mask;
	*err = drbd_state_init_resource(resource);
	if (*err)
		goto out_worker;
	*err = drbd_request_init_resource(resource);
	if (*err)
		goto out_state;
	return resource;

out_state:
	drbd_state_free_resource(resource);
out_worker:
	destroy_workqueue(resource->worker);
out_cpu_mask:
	free_cpumask_var(resource->cpu_mask);
out_free:
	kfree(resource);
out_module:
	module_put(THIS_MODULE);
	return NULL;
}

static void resource_release(struct kref *kref)
{
	struct drbd_resource *resource = container_of(kref, struct drbd_resource, kref);

	queue_rcu_work(drbd_reaper, &resource->free_work);
}

void drbd_resource_get(struct drbd_resource *resource)
{
	kref_get(&resource->kref);
}

void drbd_resource_put(struct drbd_resource *resource)
{
	if (resource)
		kref_put(&resource->kref, resource_release);
}

void drbd_resource_link(struct drbd_resource *resource)
{
	lockdep_assert_held(&drbd_objects_mutex);
	resource->serial = drbd_next_serial++;
	resource->removed = false;
	kref_get(&resource->kref);
	list_add_tail_rcu(&resource->resources, &drbd_resources);
}

void drbd_resource_unlink(struct drbd_resource *resource)
{
	lockdep_assert_held(&drbd_objects_mutex);
	resource->removed = true;
	list_del_rcu(&resource->resources);
	drbd_resource_put(resource);
}

struct drbd_resource *drbd_resource_find(const char *name)
{
	struct drbd_resource *resource;

	rcu_read_lock();
	list_for_each_entry_rcu(resource, &drbd_resources, resources) {
		if (!strcmp(resource->name, name) && kref_get_unless_zero(&resource->kref))
			goto out;
	}
	resource = NULL;
out:
	rcu_read_unlock();
	return resource;
}

struct drbd_resource *drbd_resource_next(u64 serial)
{
	struct drbd_resource *resource;

	rcu_read_lock();
	list_for_each_entry_rcu(resource, &drbd_resources, resources) {
		if (resource->serial > serial && kref_get_unless_zero(&resource->kref))
			goto out;
	}
	resource = NULL;
out:
	rcu_read_unlock();
	return resource;
}

/* ------------------------------------------------------------- peer device */

static void peer_device_free(struct work_struct *work)
{
	struct drbd_peer_device *peer_device =
		container_of(to_rcu_work(work), struct drbd_peer_device, free_work);

	drbd_peer_device_fini(peer_device);
	kfree(rcu_dereference_protected(peer_device->conf, true));
	drbd_device_put(peer_device->device);
	drbd_connection_put(peer_device->connection);
	kfree(peer_device);
}

static void peer_device_release(struct kref *kref)
{
	struct drbd_peer_device *peer_device =
		container_of(kref, struct drbd_peer_device, kref);

	queue_rcu_work(drbd_reaper, &peer_device->free_work);
}

void drbd_peer_device_get(struct drbd_peer_device *peer_device)
{
	kref_get(&peer_device->kref);
}

void drbd_peer_device_put(struct drbd_peer_device *peer_device)
{
	if (peer_device)
		kref_put(&peer_device->kref, peer_device_release);
}

static struct drbd_peer_device *peer_device_create(struct drbd_device *device,
						   struct drbd_connection *connection)
{
	struct drbd_peer_device *peer_device;
	struct peer_device_conf *conf;

	peer_device = kzalloc(sizeof(*peer_device), GFP_KERNEL);
	conf = kzalloc(sizeof(*conf), GFP_KERNEL);
	if (!peer_device || !conf)
		goto fail;
	peer_device_conf_init(conf);
	RCU_INIT_POINTER(peer_device->conf, conf);
	kref_init(&peer_device->kref);
	INIT_RCU_WORK(&peer_device->free_work, peer_device_free);
	INIT_LIST_HEAD(&peer_device->device_list);
	INIT_LIST_HEAD(&peer_device->parked);
	peer_device->device = device;
	peer_device->connection = connection;
	peer_device->repl_state = L_OFF;
	peer_device->negotiation_result = L_OFF;
	peer_device->disk_state = D_UNKNOWN;
	peer_device->replication = true;
	peer_device->peer_replication = true;
	peer_device->bitmap_index = -1;
	memset(peer_device->uuids.bitmap, 0xff, sizeof(peer_device->uuids.bitmap));
	INIT_LIST_HEAD(&peer_device->rs.requests);
	if (drbd_peer_device_init(peer_device))
		goto fail;
	drbd_device_get(device);
	drbd_connection_get(connection);
	return peer_device;

fail:
	kfree(conf);
	kfree(peer_device);
	return NULL;
}

/* ------------------------------------------------------------------ device */

static void device_free(struct work_struct *work)
{
	struct drbd_device *device =
		container_of(to_rcu_work(work), struct drbd_device, free_work);
	struct drbd_resource *resource = device->resource;

	WARN_ON(device->ldev);
	drbd_block_free(device);
	drbd_request_free_device(device);
	drbd_backing_free_device(device);
	kfree(device);
	drbd_resource_put(resource);
}

static void device_release(struct kref *kref)
{
	struct drbd_device *device = container_of(kref, struct drbd_device, kref);

	queue_rcu_work(drbd_reaper, &device->free_work);
}

void drbd_device_get(struct drbd_device *device)
{
	kref_get(&device->kref);
}

void drbd_device_put(struct drbd_device *device)
{
	if (device)
		kref_put(&device->kref, device_release);
}

struct drbd_device *drbd_device_create(struct drbd_resource *resource, unsigned int minor,
				       int vnr, const struct device_conf *conf, int *err)
{
	struct drbd_device *device;

	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device) {
		*err = -ENOMEM;
		return NULL;
	}
	kref_init(&device->kref);
	INIT_RCU_WORK(&device->free_work, device_free);
	INIT_LIST_HEAD(&device->peer_devices);
	device->resource = resource;
	device->vnr = vnr;
	device->minor = minor;
	device->device_conf = *conf;
	device->intentional_diskless = conf->intentional_diskless;
	device->disk_state = D_DISKLESS;
	device->have_quorum = resource->res_opts.quorum == 0;
	INIT_LIST_HEAD(&device->openers);
	spin_lock_init(&device->openers_lock);
	init_waitqueue_head(&device->misc_wait);
	init_waitqueue_head(&device->attach_wait);
	device->writes = RB_ROOT_CACHED;
	device->reads = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&device->held_intervals);
	INIT_LIST_HEAD(&device->submit_queue);

	drbd_backing_init_device(device);
	*err = drbd_request_init_device(device);
	if (*err)
		goto out_free;
	*err = drbd_block_create(device);
	if (*err)
		goto out_request;
	drbd_resource_get(resource);
	return device;

out_request:
	drbd_request_free_device(device);
out_free:
	drbd_backing_free_device(device);
	kfree(device);
	return NULL;
}

/* Drops the peer devices that drbd_device_link() made and could not link. */
static void drop_unlinked(struct drbd_peer_device **peer_devices, unsigned int n)
{
	while (n--)
		drbd_peer_device_put(peer_devices[n]);
}

int drbd_device_link(struct drbd_device *device)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_peer_device *peer_devices[DRBD_MAX_NODES];
	struct drbd_connection *connection;
	unsigned int n = 0, linked = 0;
	int id;

	lockdep_assert_held(&drbd_objects_mutex);
	lockdep_assert_held(&resource->conf_mutex);

	for_each_connection(connection, resource) {
		peer_devices[n] = peer_device_create(device, connection);
		if (!peer_devices[n]) {
			drop_unlinked(peer_devices, n);
			return -ENOMEM;
		}
		n++;
	}

	id = idr_alloc(&drbd_minors, device, device->minor, device->minor + 1, GFP_KERNEL);
	if (id < 0) {
		drop_unlinked(peer_devices, n);
		return id == -ENOSPC ? -EEXIST : id;
	}

	idr_preload(GFP_KERNEL);
	spin_lock_irq(&resource->req_lock);
	id = idr_alloc(&resource->devices, device, device->vnr, device->vnr + 1, GFP_NOWAIT);
	for (linked = 0; id >= 0 && linked < n; linked++) {
		connection = peer_devices[linked]->connection;
		id = idr_alloc(&connection->peer_devices, peer_devices[linked], device->vnr,
			       device->vnr + 1, GFP_NOWAIT);
		if (id < 0)
			break;
		list_add_tail_rcu(&peer_devices[linked]->device_list, &device->peer_devices);
	}
	if (id < 0) {
		while (linked--) {
			idr_remove(&peer_devices[linked]->connection->peer_devices, device->vnr);
			list_del_rcu(&peer_devices[linked]->device_list);
		}
		if (idr_find(&resource->devices, device->vnr) == device)
			idr_remove(&resource->devices, device->vnr);
	}
	spin_unlock_irq(&resource->req_lock);
	idr_preload_end();

	if (id < 0) {
		idr_remove(&drbd_minors, device->minor);
		drop_unlinked(peer_devices, n);
		return id == -ENOSPC ? -EEXIST : id;
	}
	drbd_device_get(device);
	return 0;
}

void drbd_device_unlink(struct drbd_device *device)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_peer_device *peer_device;

	lockdep_assert_held(&drbd_objects_mutex);
	lockdep_assert_held(&resource->conf_mutex);

	idr_remove(&drbd_minors, device->minor);
	spin_lock_irq(&resource->req_lock);
	set_bit(DEV_UNREGISTERED, &device->flags);
	idr_remove(&resource->devices, device->vnr);
	for_each_peer_device(peer_device, device)
		idr_remove(&peer_device->connection->peer_devices, device->vnr);
	spin_unlock_irq(&resource->req_lock);
}

void drbd_device_drop(struct drbd_device *device)
{
	struct drbd_resource *resource = device->resource;
	struct drbd_peer_device *peer_device, *next;

	lockdep_assert_held(&resource->conf_mutex);
	list_for_each_entry_safe(peer_device, next, &device->peer_devices, device_list) {
		spin_lock_irq(&resource->req_lock);
		list_del_rcu(&peer_device->device_list);
		spin_unlock_irq(&resource->req_lock);
		/*
		 * The connection's threads use what they found by volume number
		 * without a reference: it stays until they are known to be gone.
		 */
		if (READ_ONCE(peer_device->connection->cstate) == C_STANDALONE &&
		    !test_bit(CONN_RECEIVER_RUNNING, &peer_device->connection->flags))
			drbd_peer_device_put(peer_device);
		else
			list_add(&peer_device->parked, &peer_device->connection->parked);
	}
	drbd_device_put(device);
}

struct drbd_device *drbd_device_find(unsigned int minor)
{
	struct drbd_device *device;

	rcu_read_lock();
	device = idr_find(&drbd_minors, minor);
	if (device && !kref_get_unless_zero(&device->kref))
		device = NULL;
	rcu_read_unlock();
	return device;
}

struct drbd_device *drbd_device_next(int *minor)
{
	struct drbd_device *device;

	rcu_read_lock();
	do {
		device = idr_get_next(&drbd_minors, minor);
		if (device && kref_get_unless_zero(&device->kref))
			break;
		(*minor)++;
	} while (device);
	rcu_read_unlock();
	return device;
}

struct drbd_device *drbd_resource_device_next(struct drbd_resource *resource, int *vnr)
{
	struct drbd_device *device;

	rcu_read_lock();
	do {
		device = idr_get_next(&resource->devices, vnr);
		if (device && kref_get_unless_zero(&device->kref))
			break;
		(*vnr)++;
	} while (device);
	rcu_read_unlock();
	return device;
}

void drbd_for_each_device(void (*fn)(struct drbd_device *device, void *arg), void *arg)
{
	struct drbd_device *device;
	int minor;

	for (minor = 0; (device = drbd_device_next(&minor)) != NULL; minor++) {
		fn(device, arg);
		drbd_device_put(device);
	}
}

/* -------------------------------------------------------------- connection */

static void connection_free(struct work_struct *work)
{
	struct drbd_connection *connection =
		container_of(to_rcu_work(work), struct drbd_connection, free_work);
	struct drbd_transport_class *class = connection->transport.class;
	struct drbd_resource *resource = connection->resource;

	drbd_connection_free_resources(connection);
	class->ops->free(&connection->transport);
	drbd_transport_class_put(class);
	kfree_sensitive(rcu_dereference_protected(connection->net_conf, true));
	idr_destroy(&connection->peer_devices);
	put_net(connection->net);
	kfree(connection);
	drbd_resource_put(resource);
}

static void connection_release(struct kref *kref)
{
	struct drbd_connection *connection = container_of(kref, struct drbd_connection, kref);

	queue_rcu_work(drbd_reaper, &connection->free_work);
}

void drbd_connection_get(struct drbd_connection *connection)
{
	kref_get(&connection->kref);
}

void drbd_connection_put(struct drbd_connection *connection)
{
	if (connection)
		kref_put(&connection->kref, connection_release);
}

void drbd_transport_conf_from(const struct net_conf *net_conf, struct drbd_transport_conf *conf)
{
	*conf = (struct drbd_transport_conf) {
		.connect_int = net_conf->connect_int,
		.timeout = net_conf->timeout,
		.ping_timeout = net_conf->ping_timeo,
		.socket_check_timeout = net_conf->sock_check_timeo,
		.sndbuf_size = net_conf->sndbuf_size,
		.rcvbuf_size = net_conf->rcvbuf_size,
		.tls = net_conf->tls,
	};
}

void drbd_connection_update_log_prefix(struct drbd_connection *connection)
{
	snprintf(connection->log_prefix, sizeof(connection->log_prefix), "drbd %s %s",
		 connection->resource->name, connection->name);
}

struct drbd_connection *drbd_connection_create(struct drbd_resource *resource, int peer_node_id,
					       const struct net_conf *net_conf,
					       struct drbd_transport_class *class,
					       struct net *net, int *err)
{
	struct drbd_connection *connection;
	struct drbd_transport *transport;
	struct net_conf *conf;
	size_t size;

	size = max(sizeof(*connection),
		   offsetof(struct drbd_connection, transport) + class->instance_size);
	*err = -ENOMEM;
	connection = kzalloc(size, GFP_KERNEL);
	conf = kmemdup(net_conf, sizeof(*net_conf), GFP_KERNEL);
	if (!connection || !conf)
		goto out_free;
	kref_init(&connection->kref);
	INIT_RCU_WORK(&connection->free_work, connection_free);
	INIT_LIST_HEAD(&connection->connections);
	INIT_LIST_HEAD(&connection->parked);
	connection->resource = resource;
	idr_init(&connection->peer_devices);
	connection->peer_node_id = peer_node_id;
	strscpy(connection->name, net_conf->name, sizeof(connection->name));
	drbd_connection_update_log_prefix(connection);
	connection->net = get_net(net);
	RCU_INIT_POINTER(connection->net_conf, conf);
	connection->fencing_policy = net_conf->fencing_policy;
	connection->cstate = C_STANDALONE;
	connection->peer_role = R_UNKNOWN;

	transport = &connection->transport;
	drbd_transport_init_generic(transport, class);
	transport->net = net;
	transport->log_prefix = connection->log_prefix;
	transport->my_node_id = drbd_node_id(resource);
	transport->peer_node_id = peer_node_id;
	drbd_transport_conf_from(net_conf, &transport->conf);
	*err = class->ops->init(transport);
	if (*err)
		goto out_net;

	*err = drbd_connection_init(connection);
	if (*err)
		goto out_transport;
	drbd_resource_get(resource);
	return connection;

out_transport:
	class->ops->free(transport);
out_net:
	put_net(connection->net);
	idr_destroy(&connection->peer_devices);
out_free:
	kfree_sensitive(conf);
	kfree(connection);
	return NULL;
}

int drbd_connection_link(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_device *peer_device;
	struct drbd_device *device;
	int vnr, err = 0;

	lockdep_assert_held(&resource->conf_mutex);

	/* Nobody can see the connection yet, so nobody its idr either. */
	idr_for_each_entry(&resource->devices, device, vnr) {
		peer_device = peer_device_create(device, connection);
		if (!peer_device) {
			err = -ENOMEM;
			break;
		}
		err = idr_alloc(&connection->peer_devices, peer_device, vnr, vnr + 1, GFP_KERNEL);
		if (err < 0) {
			drbd_peer_device_put(peer_device);
			break;
		}
	}
	if (err < 0) {
		idr_for_each_entry(&connection->peer_devices, peer_device, vnr) {
			idr_remove(&connection->peer_devices, vnr);
			drbd_peer_device_put(peer_device);
		}
		return err;
	}

	drbd_connection_get(connection);
	spin_lock_irq(&resource->req_lock);
	connection->serial = ++resource->last_connection_serial;
	list_add_tail_rcu(&connection->connections, &resource->connections);
	idr_for_each_entry(&connection->peer_devices, peer_device, vnr)
		list_add_tail_rcu(&peer_device->device_list, &peer_device->device->peer_devices);
	spin_unlock_irq(&resource->req_lock);
	return 0;
}

void drbd_connection_unlink(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct bio_list done = BIO_EMPTY_LIST;
	struct drbd_peer_device *peer_device;
	int vnr;

	lockdep_assert_held(&resource->conf_mutex);
	spin_lock_irq(&resource->req_lock);
	set_bit(CONN_UNREGISTERED, &connection->flags);
	list_del_rcu(&connection->connections);
	idr_for_each_entry(&connection->peer_devices, peer_device, vnr)
		list_del_rcu(&peer_device->device_list);
	/* What waits for it need not any more. */
	drbd_tl_recheck(resource, &done);
	spin_unlock_irq(&resource->req_lock);
	drbd_complete_bios(&done);
}

void drbd_connection_drop(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_device *peer_device, *next;
	int vnr;

	lockdep_assert_held(&resource->conf_mutex);
	idr_for_each_entry(&connection->peer_devices, peer_device, vnr) {
		spin_lock_irq(&resource->req_lock);
		idr_remove(&connection->peer_devices, vnr);
		spin_unlock_irq(&resource->req_lock);
		drbd_peer_device_put(peer_device);
	}
	list_for_each_entry_safe(peer_device, next, &connection->parked, parked) {
		list_del(&peer_device->parked);
		drbd_peer_device_put(peer_device);
	}
	drbd_connection_put(connection);
}

struct drbd_connection *drbd_connection_find(struct drbd_resource *resource, int peer_node_id)
{
	struct drbd_connection *connection;

	rcu_read_lock();
	list_for_each_entry_rcu(connection, &resource->connections, connections) {
		if (connection->peer_node_id == peer_node_id &&
		    kref_get_unless_zero(&connection->kref))
			goto out;
	}
	connection = NULL;
out:
	rcu_read_unlock();
	return connection;
}

struct drbd_peer_device *drbd_connection_pd_next(struct drbd_connection *connection, int *vnr)
{
	struct drbd_peer_device *pd;

	rcu_read_lock();
	do {
		pd = idr_get_next(&connection->peer_devices, vnr);
		if (pd && kref_get_unless_zero(&pd->kref))
			break;
		(*vnr)++;
	} while (pd);
	rcu_read_unlock();
	return pd;
}

struct drbd_connection *drbd_connection_next(struct drbd_resource *resource, u64 serial)
{
	struct drbd_connection *connection;

	rcu_read_lock();
	list_for_each_entry_rcu(connection, &resource->connections, connections) {
		if (connection->serial > serial && kref_get_unless_zero(&connection->kref))
			goto out;
	}
	connection = NULL;
out:
	rcu_read_unlock();
	return connection;
}
