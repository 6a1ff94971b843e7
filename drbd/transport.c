// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry of transport classes, and what all of them need of drbd.ko.
 */
#define pr_fmt(fmt) "drbd: " fmt

#include <linux/drbd_transport.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

static LIST_HEAD(transport_classes);
static DEFINE_MUTEX(transport_classes_mutex);

static struct drbd_transport_class *find_class(const char *name)
{
	struct drbd_transport_class *class;

	list_for_each_entry(class, &transport_classes, list)
		if (!strcmp(class->name, name))
			return class;
	return NULL;
}

int drbd_transport_class_register(struct drbd_transport_class *class, int version,
				  size_t transport_size)
{
	int err = 0;

	if (version != DRBD_TRANSPORT_API_VERSION ||
	    transport_size != sizeof(struct drbd_transport) ||
	    class->instance_size < transport_size ||
	    class->path_instance_size < sizeof(struct drbd_path)) {
		pr_err("transport %s does not fit: it was built for interface %d, this is %d\n",
		       class->name, version, DRBD_TRANSPORT_API_VERSION);
		return -EINVAL;
	}
	mutex_lock(&transport_classes_mutex);
	if (find_class(class->name)) {
		pr_err("transport %s is registered already\n", class->name);
		err = -EEXIST;
	} else {
		list_add(&class->list, &transport_classes);
	}
	mutex_unlock(&transport_classes_mutex);
	return err;
}
EXPORT_SYMBOL_GPL(drbd_transport_class_register);

void drbd_transport_class_unregister(struct drbd_transport_class *class)
{
	mutex_lock(&transport_classes_mutex);
	list_del(&class->list);
	mutex_unlock(&transport_classes_mutex);
	/* Paths are freed by drbd.ko, but after a grace period only. */
	rcu_barrier();
}
EXPORT_SYMBOL_GPL(drbd_transport_class_unregister);

static struct drbd_transport_class *get_registered(const char *name)
{
	struct drbd_transport_class *class;

	mutex_lock(&transport_classes_mutex);
	class = find_class(name);
	if (class && !try_module_get(class->module))
		class = NULL;	/* on its way out */
	mutex_unlock(&transport_classes_mutex);
	return class;
}

struct drbd_transport_class *drbd_transport_class_get(const char *name)
{
	struct drbd_transport_class *class = get_registered(name);

	if (class)
		return class;
	request_module("drbd_transport_%s", name);
	return get_registered(name);
}

void drbd_transport_class_put(struct drbd_transport_class *class)
{
	module_put(class->module);
}

void drbd_transport_show_classes(struct seq_file *seq)
{
	struct drbd_transport_class *class;

	mutex_lock(&transport_classes_mutex);
	list_for_each_entry(class, &transport_classes, list)
		seq_printf(seq, " %s (%s)", class->name, class->module->version ?: "?");
	mutex_unlock(&transport_classes_mutex);
}

void drbd_transport_init_generic(struct drbd_transport *transport,
				 struct drbd_transport_class *class)
{
	transport->class = class;
	mutex_init(&transport->paths_mutex);
	INIT_LIST_HEAD(&transport->paths);
}

void drbd_path_init(struct drbd_path *path, struct drbd_transport *transport)
{
	kref_init(&path->kref);
	INIT_LIST_HEAD(&path->list);
	path->transport = transport;
}
EXPORT_SYMBOL_GPL(drbd_path_init);

void drbd_path_get(struct drbd_path *path)
{
	kref_get(&path->kref);
}
EXPORT_SYMBOL_GPL(drbd_path_get);

static void path_release(struct kref *kref)
{
	struct drbd_path *path = container_of(kref, struct drbd_path, kref);

	kfree_rcu(path, rcu);
}

void drbd_path_put(struct drbd_path *path)
{
	kref_put(&path->kref, path_release);
}
EXPORT_SYMBOL_GPL(drbd_path_put);
