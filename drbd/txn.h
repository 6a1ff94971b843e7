/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A state transaction as the rooms that make composite changes see it: a
 * snapshot of the resource in core's form, filled under req_lock, changed by a
 * callback, checked and committed.  states.md 3.
 */
#ifndef DRBD_TXN_H
#define DRBD_TXN_H

#include "objects.h"
#include "state_change.h"
#include "core/state.h"
#include "core/twopc.h"
#include "core/promote.h"
#include "core/quorum.h"
#include "core/fencing.h"
#include "core/handshake.h"

struct drbd_txn {
	struct drbd_resource *resource;
	struct core_resource core;
	struct drbd_connection **connections;	/* referenced, [core.nr_connections] */
	struct drbd_device **devices;		/* referenced, [core.nr_devices] */
	struct drbd_peer_device **peer_devices;	/* referenced, [d * nr_connections + c], may be NULL */
	struct drbd_uuid_set *uuid_sets;	/* [core.nr_devices] */
	unsigned int core_flags;		/* of the change made last */
	const char *tag;
	struct core_refusal why;
	struct drbd_snapshot snapshot;		/* OLD and NEW, for the follow-up work */
	struct work_struct work;
	struct completion *done;
	unsigned int max_connections, max_devices;
};

/*
 * Puts the wanted change into t->core (index DRBD_NEW) and returns extra CORE_
 * flags.  Runs under req_lock, possibly several times for one change.
 */
typedef unsigned int (*drbd_txn_fn)(struct drbd_txn *t, void *arg);

/*
 * Allocates, takes req_lock (irq saved in nothing: process context), fills the
 * snapshot.  Never fails.  Ends with drbd_txn_abort() or drbd_txn_commit().
 */
struct drbd_txn *drbd_txn_begin(struct drbd_resource *resource, const char *tag)
	__acquires(&resource->req_lock);
/* Drops req_lock and everything else. */
void drbd_txn_abort(struct drbd_txn *t) __releases(&t->resource->req_lock);
/*
 * Commits what drbd_state_check() accepted, drops req_lock, queues the follow-up
 * work.  @done, if not NULL, is completed when that ran.
 */
void drbd_txn_commit(struct drbd_txn *t, struct completion *done)
	__releases(&t->resource->req_lock);
/* Like commit, but keeps req_lock and @t unusable afterwards. */
void drbd_txn_commit_locked(struct drbd_txn *t, struct completion *done);

/* Index of an object in the snapshot, -1: not there (any more). */
int drbd_txn_conn(struct drbd_txn *t, struct drbd_connection *connection);
int drbd_txn_dev(struct drbd_txn *t, struct drbd_device *device);
int drbd_txn_dev_by_vnr(struct drbd_txn *t, int vnr);
struct core_peer_device *drbd_txn_pd(struct drbd_txn *t, struct drbd_peer_device *peer_device);

/*
 * The whole way of a change: local check, cluster-wide agreement where needed,
 * commit, waiting.  @req: explicit two-phase request (empty transaction), or NULL.
 * Returns an SS_ code.  Process context; no lock of objects.h held but adm_mutex,
 * open_mutex or serialize (with CHG_ALREADY_SERIALIZED).
 */
int drbd_change(struct drbd_resource *resource, unsigned int chg_flags, drbd_txn_fn fn, void *arg,
		const char *tag, const struct drbd_twopc_request *req, struct drbd_reply *reply);

/* cluster_change.c: carries out what the machine wants sent; no lock held. */
struct drbd_twopc_out;
void drbd_twopc_perform(struct drbd_resource *resource, const struct drbd_twopc_out *out,
			u8 from_node);
void drbd_twopc_fill_env(struct drbd_txn *t, struct drbd_twopc_env *env);
int drbd_twopc_change(struct drbd_txn *t, unsigned int chg_flags, drbd_txn_fn fn, void *arg,
		      const struct drbd_twopc_request *req, struct drbd_reply *reply)
	__releases(&t->resource->req_lock);
void drbd_twopc_timer_work(struct work_struct *work);
void drbd_twopc_node_lost(struct drbd_resource *resource, u8 node);

void drbd_empty_twopc_work(struct work_struct *work);
void drbd_schedule_empty_twopc(struct drbd_resource *resource);
/* From the receiver and the control stream. */
void drbd_twopc_request_received(struct drbd_connection *connection,
				 enum drbd_twopc_phase phase,
				 const struct drbd_twopc_request *req);
void drbd_twopc_reply_received(struct drbd_connection *connection,
			       enum drbd_twopc_answer answer,
			       const struct drbd_twopc_reply *reply);
/* The peer's introduction is complete and was judged. */
void drbd_twopc_handshake_result(struct drbd_connection *connection,
				 enum drbd_handshake_outcome outcome);

/* state_change.c */
void drbd_report_refusal(struct drbd_txn *t, int rv, unsigned int chg_flags,
			 struct drbd_reply *reply);
/* Waits for some state change, at most 200 ms.  0, -EINTR. */
int drbd_wait_state_event(struct drbd_resource *resource);
bool drbd_on_worker(void);
void drbd_async_cstate_work(struct work_struct *work);

/* generation.c: own UUIDs of a volume out of and into the superblock; md_lock inside. */
void drbd_uuid_set_load(struct drbd_device *device, struct drbd_uuid_set *set);
void drbd_uuid_set_store(struct drbd_device *device, const struct drbd_uuid_set *set);

#endif
