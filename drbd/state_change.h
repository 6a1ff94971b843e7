/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State changes of a resource and everything they entail: local transactions,
 * the cluster-wide two-phase commit, the work owed afterwards.  core/state.h
 * decides; this room gathers its inputs and carries out its answers.
 * Spec: states.md.
 */
#ifndef DRBD_STATE_CHANGE_H
#define DRBD_STATE_CHANGE_H

#include "objects.h"
#include "core/state.h"

struct drbd_reply;

enum drbd_chg_flags {
	CHG_HARD = 1 << 0,		/* imposed by the environment: only hard rules, never cluster-wide */
	CHG_VERBOSE = 1 << 1,		/* log refusals */
	CHG_WAIT = 1 << 2,		/* sleep until the follow-up work ran; never from the worker */
	CHG_LOCAL_ONLY = 1 << 3,	/* do not ask the cluster */
	CHG_SERIALIZE = 1 << 4,		/* take resource->serialize around it */
	CHG_IGNORE_OUTDATE_FAILURE = 1 << 5,
	CHG_FORCE_LOCAL_UP_TO_DATE = 1 << 6,
	CHG_FORCE_OUTDATE_PEERS = 1 << 7,
	CHG_IGNORE_OPENERS = 1 << 8,
	CHG_FORCE_RECALC = 1 << 9,
	CHG_CLUSTER_WIDE = 1 << 10,	/* make a normally local replication change cluster-wide */
	CHG_DONT_RETRY = 1 << 11,
	CHG_ALREADY_SERIALIZED = 1 << 12,
	CHG_DONT_WAIT_SLOT = 1 << 13,	/* fail at once while another two-phase commit runs */
	CHG_DRY_RUN = 1 << 14,		/* only what this node would say to it: SS_SUCCESS or refusal */
};

/*
 * One-variable transactions.  Each returns an SS_ code (> 0: done).  Process
 * context, may sleep (also with CHG_HARD, unless stated otherwise).  @tag is
 * the reason word of the kernel log line ("attach", "lost-peer", ...).  @reply
 * may be NULL; explanations for the administrator are added to it.
 */
int drbd_change_role(struct drbd_resource *resource, enum drbd_role role,
		     unsigned int flags, const char *tag, struct drbd_reply *reply);
int drbd_change_disk_state(struct drbd_device *device, enum drbd_disk_state disk_state,
			   unsigned int flags, const char *tag, struct drbd_reply *reply);
int drbd_change_cstate(struct drbd_connection *connection, enum drbd_conn_state cstate,
		       unsigned int flags, const char *tag, struct drbd_reply *reply);
int drbd_change_repl_state(struct drbd_peer_device *peer_device, enum drbd_repl_state repl_state,
			   unsigned int flags, const char *tag, struct drbd_reply *reply);
/* As above, but nothing changes unless it is @from, in the connection of @session. */
int drbd_change_repl_state_from(struct drbd_peer_device *peer_device, enum drbd_repl_state from,
				u32 session, enum drbd_repl_state to, unsigned int flags,
				const char *tag);
int drbd_change_susp_user(struct drbd_resource *resource, bool value, unsigned int flags);
int drbd_change_resync_susp_user(struct drbd_peer_device *peer_device, bool value,
				 unsigned int flags);
/* resync-after: re-evaluates the dependency pauses of all devices. */
void drbd_resync_after_changed(void);

/*
 * May be called from any context, irqs off included: the hard change is carried
 * out by the resource's worker.  For I/O completions and timers.
 */
void drbd_change_cstate_async(struct drbd_connection *connection, enum drbd_conn_state cstate);

/* Derives everything again after an option changed (quorum, on-no-quorum, ...). */
void drbd_state_recalculate(struct drbd_resource *resource, const char *tag);

/*
 * Whole operations of the administrator.  Caller holds resource->adm_mutex.
 * They return an SS_ code or, where netlink.md 7 says so, an ERR_ code.
 */
int drbd_set_role(struct drbd_resource *resource, enum drbd_role role, bool force,
		  const char *tag, struct drbd_reply *reply);
/* auto-promote on open: @timeout in jiffies, 0: a single attempt. */
int drbd_auto_promote(struct drbd_device *device, unsigned long timeout);
void drbd_try_auto_demote(struct drbd_resource *resource);	/* decides by core's drbd_auto_demote() */
int drbd_do_connect(struct drbd_connection *connection, bool discard_my_data, bool tentative,
		    struct drbd_reply *reply);
int drbd_do_disconnect(struct drbd_connection *connection, bool force, struct drbd_reply *reply);
int drbd_do_outdate(struct drbd_device *device, struct drbd_reply *reply);
int drbd_do_invalidate(struct drbd_device *device, int sync_from_node_id, bool reset_bitmap,
		       struct drbd_reply *reply);
int drbd_do_invalidate_peer(struct drbd_peer_device *peer_device, bool reset_bitmap,
			    struct drbd_reply *reply);
int drbd_do_new_current_uuid(struct drbd_device *device, bool clear_bitmap, bool force_resync,
			     struct drbd_reply *reply);
int drbd_do_verify(struct drbd_peer_device *peer_device, u64 start_sector, u64 stop_sector,
		   struct drbd_reply *reply);
int drbd_do_pause_sync(struct drbd_peer_device *peer_device, struct drbd_reply *reply);
int drbd_do_resume_sync(struct drbd_peer_device *peer_device, struct drbd_reply *reply);
int drbd_do_suspend_io(struct drbd_resource *resource, struct drbd_reply *reply);
int drbd_do_resume_io(struct drbd_device *device, struct drbd_reply *reply);

/*
 * Attach, second half (states.md 8.1-8.3): from Attaching to Negotiating and on,
 * or straight to the state the metadata says.  Returns an SS_ or ERR_ code.
 */
int drbd_attach_negotiate(struct drbd_device *device, struct drbd_reply *reply);

/* ------------------------------------------------- snapshot of one commit */

/* In all of these [DRBD_OLD] is before, [DRBD_NEW] after the change (core/state.h). */

struct drbd_snap_resource {
	enum drbd_role role[2];
	bool susp_user[2], susp_nod[2], susp_quorum[2], susp_fen[2], susp_uuid[2], fail_io[2];
};

struct drbd_snap_connection {
	struct drbd_connection *connection;
	enum drbd_conn_state cstate[2];
	enum drbd_role peer_role[2];
	bool susp_fen[2];
};

struct drbd_snap_device {
	struct drbd_device *device;
	enum drbd_disk_state disk_state[2];
	bool have_quorum[2];
};

struct drbd_snap_peer_device {
	struct drbd_peer_device *peer_device;
	enum drbd_repl_state repl_state[2];
	enum drbd_disk_state disk_state[2];
	bool susp_user[2], susp_peer[2], susp_dependency[2];	/* as reported to user space */
};

/* Objects are referenced.  peer_devices is device-major: [d * n_connections + c],
 * .peer_device NULL where a connection lacks the volume. */
struct drbd_snapshot {
	struct drbd_resource *resource;
	unsigned int n_connections, n_devices;
	struct drbd_snap_resource res;
	struct drbd_snap_connection *connections;
	struct drbd_snap_device *devices;
	struct drbd_snap_peer_device *peer_devices;
};

/*
 * A snapshot with OLD == NEW == now, for GET_INITIAL_STATE.  Takes req_lock;
 * may sleep.  NULL: out of memory.  Free with drbd_snapshot_free().
 */
struct drbd_snapshot *drbd_snapshot_now(struct drbd_resource *resource);
void drbd_snapshot_free(struct drbd_snapshot *snapshot);

/* Life cycle hooks, called by the rooms that create and free the objects. */
int drbd_state_init_resource(struct drbd_resource *resource);
void drbd_state_free_resource(struct drbd_resource *resource);

/* Read-only questions; any context. */
bool drbd_device_data_accessible(struct drbd_device *device);
bool drbd_resource_suspended(struct drbd_resource *resource);
bool drbd_susp_fen(struct drbd_resource *resource);
enum drbd_disk_state drbd_device_state_from_md(struct drbd_device *device);
bool drbd_pd_susp_dependency(struct drbd_peer_device *peer_device);

#endif /* DRBD_STATE_CHANGE_H */
