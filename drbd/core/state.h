/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state engine: what follows from what, what is refused, what is owed.
 *
 * A transaction, as the caller runs it (states.md 3):
 *
 *	lock;
 *	fill a struct core_resource with the present state (index DRBD_OLD) and facts;
 *	drbd_state_begin(r);			every NEW := OLD, results cleared
 *	r->...[DRBD_NEW] = ...;			what is wanted
 *	rv = drbd_state_check(r, flags, &why);	derive, then validate
 *	if (rv < SS_SUCCESS)  give up;		nothing else to undo
 *	if (rv == SS_NOTHING_TO_DO) done;
 *	drbd_state_owed(r, flags);		fill in ->commit and ->after of every object
 *	carry out the ->commit actions;
 *	drbd_state_publish(r);			OLD := NEW
 *	copy the OLD values and the facts marked "kept by core" back into the objects;
 *	queue ->after to the worker;
 *	unlock;
 *
 * In prepare mode (the participant's or initiator's first phase of a two-phase
 * commit) stop after drbd_state_check() and drop the snapshot.
 *
 * The snapshot is plain values in arrays the caller provides.  Nothing here
 * allocates, sleeps, takes locks or looks at a clock: any context.  No function
 * uses more than a few hundred bytes of stack.
 *
 * Numbers and texts of states: include/linux/drbd.h.
 */
#ifndef DRBD_CORE_STATE_H
#define DRBD_CORE_STATE_H

#include "port.h"
#include "../../include/linux/drbd.h"
#include "../../include/linux/drbd_metadata.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DRBD_CORE_NODES 32	/* node ids 0 .. 31 */

/* Index of every state variable. */
#define DRBD_OLD 0
#define DRBD_NEW 1

struct drbd_uuid_set;		/* uuid.h: own generations of a volume */
struct drbd_peer_uuids;		/* uuid.h: what a peer said about its generations */

/* ------------------------------------------------------------ the snapshot */

/* core_peer_device.flags */
enum core_peer_device_flag {
	CORE_PD_UUIDS_RECEIVED		= 1u << 0, /* peer_uuids of this connection are valid */
	CORE_PD_INITIAL_STATE_SENT	= 1u << 1,
	CORE_PD_INITIAL_STATE_RECEIVED	= 1u << 2,
	CORE_PD_PEER_QUORATE		= 1u << 3, /* quorum bit of the peer's last P_STATE */
	CORE_PD_CONSIDER_RESYNC		= 1u << 4, /* kept by core: compare at the next P_STATE (9.3) */
	CORE_PD_UNSTABLE_RESYNC		= 1u << 5, /* kept by core: the end of this resync will not count */
	CORE_PD_GOT_STABLE		= 1u << 6, /* kept by core: peer sent UUID_FLAG_GOT_STABLE, not yet used */
	CORE_PD_BITMAP			= 1u << 7, /* configured `bitmap yes` for this peer */
	CORE_PD_NO_TIEBREAKER		= 1u << 8, /* configured `peer-tiebreaker no` */
	CORE_PD_UUIDS_CHANGED		= 1u << 9, /* own UUIDs differ from those last sent to this peer */
	CORE_PD_INCON_DEGR_CALLED	= 1u << 10,/* kept by core: helper pri-on-incon-degr was run */
	CORE_PD_REPLICATION_NEXT	= 1u << 11,/* peer announced replication=yes for its next resync */
	CORE_PD_PEER_REPLICATION_NEXT	= 1u << 12,/* we announced that */
	CORE_PD_RESYNC_WITHOUT_REPL	= 1u << 13,/* feature 128 agreed; else replication stays yes */
	CORE_PD_MAYBE_FINISHED		= 1u << 14,/* kept by core: lost as its source; it may have
						    * finished, and be on the present generation */
	CORE_PD_NEW_SPACE		= 1u << 15,/* kept by core: the device grew when this connection or
						    * a disk at one of its ends came; resynchronise that */
};

/* Those that core keeps from one transaction to the next. */
#define CORE_PD_KEPT	(CORE_PD_CONSIDER_RESYNC | CORE_PD_UNSTABLE_RESYNC | CORE_PD_GOT_STABLE | \
			 CORE_PD_INCON_DEGR_CALLED | CORE_PD_MAYBE_FINISHED | CORE_PD_NEW_SPACE)

/* core_peer_device.negotiation: this peer's share in an attach negotiation (8.3);
 * otherwise L_ESTABLISHED, L_WF_BITMAP_S or L_WF_BITMAP_T */
#define CORE_NEG_PENDING	9
#define CORE_NEG_NO_RESULT	23

/* One volume as seen over one connection. */
struct core_peer_device {
	/* state, [DRBD_OLD] and [DRBD_NEW] */
	u8 repl_state[2];		/* L_* */
	u8 disk_state[2];		/* D_*, of the peer */
	u8 resync_susp_user[2];
	u8 resync_susp_peer[2];
	u8 resync_susp_dependency[2];	/* resync-after */
	u8 resync_susp_other_c[2];	/* another connection of the volume resyncs */
	u8 resync_susp_max_parallel[2];
	u8 resync_active[2];		/* requests may be in flight */
	u8 replication[2];		/* we replicate to the peer while it is Inconsistent */
	u8 peer_replication[2];		/* it does to us */

	/* facts */
	u8 negotiation;
	u32 flags;			/* enum core_peer_device_flag */
	u64 bits;			/* set in this peer's bitmap slot */
	const struct drbd_peer_uuids *uuids; /* NULL: none were ever received */

	/* outcome of the connect handshake for this volume (drbd_state_apply_handshake()) */
	struct {
		u8 valid;
		u8 repl_state;		/* L_ESTABLISHED, L_WF_BITMAP_S/T, ... */
		u8 disk_state;		/* the peer's */
		u8 resync_susp_peer;
		u8 my_disk_state;	/* D_MASK: leave alone */
	} hs;

	/* results */
	u8 notes;			/* private to core */
	u32 commit;			/* enum core_pd_commit */
	u64 after;			/* enum core_pd_after */
};

/* core_device.flags */
enum core_device_flag {
	CORE_DEV_CRASHED_PRIMARY	= 1u << 0, /* kept by core after attach set it */
	CORE_DEV_PRIMARY_LOST_QUORUM	= 1u << 1, /* kept by core after attach set it */
	CORE_DEV_NEW_UUID_PENDING	= 1u << 2, /* kept by core; cleared by whoever created the UUID */
	CORE_DEV_RESTORE_QUORUM		= 1u << 3, /* kept by core; armed at attach (12.4) */
	CORE_DEV_DISKLESS_INTENT	= 1u << 4, /* intentionally diskless here */
	CORE_DEV_OPEN			= 1u << 5, /* has openers */
	CORE_DEV_WRITER			= 1u << 6, /* a writer since first write open until last close */
	CORE_DEV_GRACEFUL_DETACH	= 1u << 7, /* D_DETACHING was agreed, not forced */
	CORE_DEV_FORCED_DETACH		= 1u << 8, /* by `detach --force` or disk-timeout */
	CORE_DEV_AL_DISABLED		= 1u << 9, /* no activity-log updates in effect */
	CORE_DEV_PEER_REQS		= 1u << 10,/* peer requests may be in flight at the backing device */
	CORE_DEV_DELETED		= 1u << 11,/* being deleted */
	CORE_DEV_CALL_LOCAL_IO_ERROR	= 1u << 12,/* on-io-error call-local-io-error */
	CORE_DEV_TRY_UP_TO_DATE		= 1u << 13,/* kept by core: Consistent, an empty 2PC will tell */
	CORE_DEV_RECONCILING		= 1u << 14,/* reconciliation owed: not yet UpToDate */
	CORE_DEV_TIEBREAKER_USED	= 1u << 16,/* result: quorum kept by the tie-breaker rule */
};

/* The metadata flags that follow from the states; all others are somebody else's. */
#define CORE_MD_FLAGS		(DRBD_MDF_CONSISTENT | DRBD_MDF_PRIMARY_IND | \
				 DRBD_MDF_WAS_UP_TO_DATE | DRBD_MDF_CRASHED_PRIMARY | \
				 DRBD_MDF_AL_CLEAN | DRBD_MDF_AL_DISABLED | \
				 DRBD_MDF_PRIMARY_LOST_QUORUM | DRBD_MDF_HAVE_QUORUM)
#define CORE_MD_PEER_FLAGS	(DRBD_MDF_PEER_CONNECTED | DRBD_MDF_PEER_OUTDATED | \
				 DRBD_MDF_PEER_FENCING | DRBD_MDF_PEER_DEVICE_SEEN)

/* One volume. */
struct core_device {
	/* state */
	u8 disk_state[2];		/* D_*, never D_UNKNOWN */
	u8 quorum[2];			/* enforced */
	u8 quorum_tracked[2];		/* as computed */

	/* facts */
	s32 vnr;
	u32 flags;			/* enum core_device_flag */
	u32 md_flags;			/* DRBD_MDF_*; valid while a disk is attached. Kept by core:
					 * CORE_DEV_MD_DIRTY is owed when it or a peer's changed */
	u32 md_peer_flags[DRBD_CORE_NODES]; /* DRBD_MDF_PEER_*, _NODE_EXISTS and, when the node has
					 * a bitmap slot, DRBD_MDF_HAVE_BITMAP. Kept by core likewise */
	u64 exposed_uuid;
	const struct drbd_uuid_set *uuids; /* NULL without disk (metadata not read) */
	struct core_peer_device *pd;	/* core_resource.nr_connections entries, same order */

	/* results */
	u8 fail_io;			/* summary of NEW: requests are admitted and fail */
	u8 unstable;			/* summary of NEW: new application I/O waits (states.md 3) */
	u8 notes;			/* private to core */
	u32 commit;			/* enum core_dev_commit */
	u32 after;			/* enum core_dev_after */
};

/* core_connection.flags */
enum core_connection_flag {
	CORE_CONN_HANDSHAKE		= 1u << 0, /* between introduction sent and commit/abort */
	CORE_CONN_TWOPC_PENDING		= 1u << 1, /* a PREPARE of the running 2PC went there */
	CORE_CONN_DISCONNECT_2PC	= 1u << 2, /* its loss is the committed end of a disconnect 2PC */
	CORE_CONN_WAS_CONNECTED		= 1u << 3, /* kept by core: UUID_FLAG_RECONNECT next time */
	CORE_CONN_LOST_PRIMARY		= 1u << 4, /* kept by core: tell the others (7.4.9) */
	CORE_CONN_DISCARD_MY_DATA	= 1u << 5, /* connect --discard-my-data */
};

/* One connection. */
struct core_connection {
	/* state */
	u8 cstate[2];			/* C_* */
	u8 peer_role[2];		/* R_* */
	u8 susp_fen[2];

	/* facts */
	u8 peer_node_id;
	u16 protocol_version;		/* agreed; 0: never agreed */
	u32 features;			/* agreed */
	u8 wire_protocol;		/* 1 A, 2 B, 3 C */
	u8 fencing;			/* enum drbd_fencing_policy */
	u8 two_primaries;
	u8 allow_remote_read;
	u8 has_verify_alg;
	u32 flags;			/* enum core_connection_flag */

	/* results */
	u8 notes;			/* private to core */
	u32 commit;			/* enum core_conn_commit */
	u32 after;			/* enum core_conn_after */
};

/* core_resource.flags */
enum core_resource_flag {
	CORE_RES_DOWN_IN_PROGRESS	= 1u << 0,
	CORE_RES_EXPLICIT_PRIMARY	= 1u << 1,
	CORE_RES_TWOPC_RUNNING		= 1u << 2,
	CORE_RES_RESUME_OWES_2PC	= 1u << 3, /* kept by core: no-data suspension waits for a
						    * "primary-resume" transaction (13.3) */
};

struct core_resource {
	/* state */
	u8 role[2];			/* R_PRIMARY or R_SECONDARY */
	u8 susp_user[2];
	u8 susp_nod[2];
	u8 susp_quorum[2];
	u8 susp_uuid[2];
	u8 fail_io[2];			/* force-io-failures */
	u64 members[2];			/* node mask, contains the own bit */

	/* facts */
	u8 my_node_id;
	u8 on_no_data;			/* 0 io-error, 1 suspend-io */
	u8 on_no_quorum;		/* 0 io-error, 1 suspend-io */
	u8 on_susp_primary_outdated;	/* 0 disconnect, 1 force-secondary */
	u16 quorum;			/* 0 off, 1 .. 32, 1024 majority, 1025 all */
	u16 quorum_min_redundancy;	/* the same */
	u32 flags;			/* enum core_resource_flag */

	u32 nr_connections;		/* <= 31 */
	u32 nr_devices;
	struct core_connection *conn;
	struct core_device *dev;

	/* results */
	u16 min_protocol_version;	/* summary: lowest agreed among connected; 0: none */
	u8 suspended;			/* summary: any suspend reason set in NEW */
	u8 all_quorate;			/* summary: all volumes have (enforced) quorum in NEW */
	u32 notes;			/* private to core */
	u32 commit;			/* enum core_res_commit */
	u32 after;			/* enum core_res_after */
};

/* What a sync handshake over all volumes of a connection came to (11.6). */
enum drbd_handshake_outcome {
	HANDSHAKE_PENDING,
	HANDSHAKE_OK,
	HANDSHAKE_RETRY,
	HANDSHAKE_DISCONNECT,
};

/* Attributes of a transaction. */
enum core_state_flag {
	CORE_HARD			= 1u << 0, /* imposed by the environment */
	CORE_FORCE_RECALC		= 1u << 1, /* derive even if nothing was changed */
	CORE_IGNORE_OUTDATE_FAILURE	= 1u << 2, /* < Outdated asked to be Outdated: keep */
	CORE_IGNORE_OPENERS		= 1u << 3, /* forced demotion */
	CORE_CLUSTER_WIDE		= 1u << 4, /* WFBitMapS/T asked for by an administrator */
	CORE_LOCAL_ONLY			= 1u << 5, /* never cluster-wide */
	CORE_PREPARED			= 1u << 6, /* COMMIT was sent or received: only hard rules apply,
						    * for everything was checked in phase one */
	CORE_NOBODY_TO_ASK		= 1u << 7, /* an empty transaction that finds no neighbour */
};

/* Where and why a transaction was refused. */
struct core_refusal {
	int code;			/* SS_* */
	s32 conn;			/* index, -1: not about one connection */
	s32 dev;			/* index, -1: not about one volume */
};

/* Copy now -> new for all objects, clear all results. */
void drbd_state_begin(struct core_resource *r);

/*
 * Copy the whole snapshot.  @dst has arrays of its own (conn, dev, dev[].pd) at
 * least as large as @src's counts; those pointers are kept.
 */
void drbd_state_copy(struct core_resource *dst, const struct core_resource *src);

/* Does any NEW value differ, or is UUID_FLAG_GOT_STABLE to be consumed? */
bool drbd_state_changed(const struct core_resource *r);

/* Change a connection's state together with what cannot outlive it: below
 * Connected the peer's role is Unknown and all its volumes are Off. */
void drbd_state_set_cstate(struct core_resource *r, u32 conn, u8 cstate);

/* Derivation rules (states.md 4), idempotent for a given OLD. */
void drbd_state_sanitize(struct core_resource *r, unsigned int flags);

/*
 * Validity rules (states.md 5): only the hard ones with CORE_HARD.  Returns
 * SS_SUCCESS or the (negative) SS_ code; @why may be NULL.
 */
int drbd_state_validate(const struct core_resource *r, unsigned int flags,
			struct core_refusal *why);

/*
 * changed? -> sanitize -> validate.  SS_NOTHING_TO_DO, SS_SUCCESS or a refusal.
 */
int drbd_state_check(struct core_resource *r, unsigned int flags, struct core_refusal *why);

/*
 * Whether the change must be agreed cluster-wide (11.2), and as what.  Call
 * after drbd_state_check() succeeded.  False: commit it locally.  @req: mask,
 * val, vnr, target are set, the rest is zero.  If the change asks for more than
 * one such thing, the first of the table counts.
 */
struct drbd_twopc_request;
bool drbd_state_cluster_wide(const struct core_resource *r, unsigned int flags,
			     struct drbd_twopc_request *req);

/*
 * Compute the actions owed for OLD -> NEW, see the enums below, and update the
 * facts that are "kept by core" and the summaries.  A copy of the snapshot taken
 * after this (drbd_state_copy()) is what log lines and after-work need.
 */
void drbd_state_owed(struct core_resource *r, unsigned int flags);

/* OLD := NEW. Actions and summaries stay. */
void drbd_state_publish(struct core_resource *r);

/* Recompute the summaries (fail_io, unstable, suspended, ...) from NEW. */
void drbd_state_summarise(struct core_resource *r);

/* ----------------------------------------------------------------- actions */

/*
 * ->commit: under the lock, before drbd_state_publish(), in ascending order of
 * the bits within an object; resource first, then connections, volumes, and
 * peer volumes.  Those marked [after publication] are done under the same lock
 * but after it.
 */
enum core_res_commit {
	CORE_RES_FLUSH_PEER_ACK		= 1u << 0, /* Primary -> Secondary */
	CORE_RES_RESUBMIT		= 1u << 1, /* [after publication, last] resubmit parked requests,
						    * complete held ones */
};

enum core_conn_commit {
	CORE_CONN_TWOPC_LOST		= 1u << 0, /* event TWOPC_EV_PEER_LOST for this peer */
	CORE_CONN_STOP_RECEIVER		= 1u << 3, /* signal, do not wait */
	CORE_CONN_RESTART_RECEIVER	= 1u << 4, /* signal */
	CORE_CONN_RELEASE_UUID_FREEZE	= 1u << 5, /* [after publication] all volumes */
};

enum core_dev_commit {
	CORE_DEV_HOLD_LDEV		= 1u << 0, /* take a backing-device reference for the after-work */
	CORE_DEV_FORGET_SLOTS		= 1u << 1, /* peers' bitmap slot assignment */
	CORE_DEV_EXPOSE_UUID		= 1u << 2, /* exposed UUID := own current */
	CORE_DEV_MD_DIRTY		= 1u << 3, /* md_flags, md_peer_flags, members are new: mark dirty */
	CORE_DEV_UUID_PENDING_SET	= 1u << 4, /* [after publication] hold new I/O until the UUID exists */
	CORE_DEV_UUID_PENDING_DROPPED	= 1u << 5, /* the mark was taken back (demotion) */
	CORE_DEV_COMPLETE_LOCAL		= 1u << 6, /* [after publication] forced detach: complete writes
						    * that wait for the disk. Follow-up work may wait
						    * for that disk as well */
};

enum core_pd_commit {
	CORE_PD_NEW_EPOCH		= 1u << 0, /* replicated yes <-> no: new write epoch */
	CORE_PD_SEND_DAGTAG		= 1u << 1, /* switched on: P_DAGTAG before the first data */
	CORE_PD_MARK_UNACKED		= 1u << 2, /* its un-acked writes become out of sync */
	CORE_PD_OV_REMEMBER		= 1u << 3, /* keep the verify position */
	CORE_PD_INIT_PROGRESS		= 1u << 4, /* (re)initialise progress counters */
	CORE_PD_FORGET_PEER_CRASHED	= 1u << 5, /* clear CRASHED_PRIMARY in the peer's recorded flags */
	CORE_PD_DROP_UUIDS		= 1u << 6, /* connection lost: received UUIDs are of the past */
	CORE_PD_CANCEL_REQUESTS		= 1u << 7, /* suspended requests of this volume: the peer's part
						    * is void (bits become out of sync). A write that
						    * no UpToDate disk holds then must not complete:
						    * submit it again */
	CORE_PD_RESEND_REQUESTS		= 1u << 8, /* outstanding ones are sent to the peer again */
};

/*
 * ->after: by the worker, in commit order of the transactions, each object's
 * bits ascending.  For each volume: all its peer volumes with the bits up to
 * CORE_PD_AFTER_LOOP1, then all with the rest, then the volume itself.  Then the
 * resource's bits below CORE_RES_AFTER_CONNECTIONS, the connections, the rest of
 * the resource.  Notifications (states.md 6.3) come before everything.
 */
enum core_pd_after {
	CORE_PD_CLEAR_BITMAP		= 1ull << 0, /* no resync, equal UUIDs: bm[peer] := 0 (push),
						      * clear its slot, write */
#define CORE_PD_AFTER_LOOP1 CORE_PD_CLEAR_BITMAP
	CORE_PD_SEND_SIZES		= 1ull << 1,
	CORE_PD_SEND_UUIDS		= 1ull << 2, /* P_UUIDS110 (P_CURRENT_UUID if diskless) */
	CORE_PD_SEND_UUIDS_GOT_STABLE	= 1ull << 3, /* with UUID_FLAG_GOT_STABLE */
	CORE_PD_HELPER_INCON_DEGR	= 1ull << 4, /* pri-on-incon-degr */
	CORE_PD_SEND_SYNC_UUID		= 1ull << 5, /* protocol 96 .. 109 */
	CORE_PD_SEND_BITMAP		= 1ull << 6, /* if still WFBitMapS: mark in-flight writes, queue */
	CORE_PD_SEND_STATE		= 1ull << 7, /* P_STATE to this peer */
	CORE_PD_PAUSE_DEPENDENT		= 1ull << 8,
	CORE_PD_START_SYNC_T		= 1ull << 9, /* set all bits of all slots, write, -> SyncTarget */
	CORE_PD_START_SYNC_S		= 1ull << 10,/* set all bits of the slot, write, -> SyncSource */
	CORE_PD_RESYNC_NEW_SPACE	= 1ull << 11,/* 18.5, 18.7: what CORE_PD_NEW_SPACE announced */
	CORE_PD_RESUME_DEPENDENT	= 1ull << 12,
	CORE_PD_SEND_STATE_ALL		= 1ull << 13,/* P_STATE of this volume to all peers */
	CORE_PD_WRITE_BITMAP		= 1ull << 14,/* queue bitmap write-out */
	CORE_PD_NEW_UUID_NOW		= 1ull << 15,/* create the pending generation */
	CORE_PD_START_REQUESTS		= 1ull << 16,/* SyncTarget or VerifyS: start the generator. Never
						      * before the P_STATE that says so was sent: the
						      * source takes the end only from a known target */
	CORE_PD_BEGAN_RESYNC		= 1ull << 17,/* log it; as target: exposed UUID, checksums, start UUID */
	CORE_PD_RESYNC_ENDED		= 1ull << 18,/* left Sync*, Paused*: helper after-resync-target etc. */
	CORE_PD_SEND_ENABLE_REPL	= 1ull << 19,/* P_ENABLE_REPLICATION(1) */
	CORE_PD_NOTIFY			= 1ull << 63,/* state changed: notification owed */
};

enum core_dev_after {
	CORE_DEV_WRITE_BITMAP		= 1u << 0,
	CORE_DEV_PERSIST_SIZE		= 1u << 1, /* effective size, if it changed */
	CORE_DEV_HELPER_IO_ERROR	= 1u << 2, /* local-io-error */
	CORE_DEV_SEND_STATE_ALL		= 1u << 4, /* P_STATE to all peers */
	CORE_DEV_LAST_CHANCE_WRITE	= 1u << 5, /* bitmap and metadata, errors do not matter */
	CORE_DEV_STOP_MD_TIMER		= 1u << 6,
	CORE_DEV_DROP_LDEV		= 1u << 7, /* the reference of CORE_DEV_HOLD_LDEV */
	CORE_DEV_SCHEDULE_EMPTY_2PC	= 1u << 8, /* see CORE_RES_EMPTY_2PC, which is set as well */
	CORE_DEV_FIND_SOURCE		= 1u << 9, /* P18: look for a resync source (10.5) */
	CORE_DEV_WRITE_MD		= 1u << 10,
	CORE_DEV_HELPER_QUORUM_LOST	= 1u << 11,
	CORE_DEV_NEW_UUID		= 1u << 12,/* create the pending generation */
	CORE_DEV_NOTIFY			= 1u << 31,
};

enum core_conn_after {
	CORE_CONN_START_RECEIVER	= 1u << 0,
	CORE_CONN_CHECK_FENCING		= 1u << 1, /* drbd_fencing_freeze_end(), fencing.h */
	CORE_CONN_HELPER_UNFENCE	= 1u << 2,
	CORE_CONN_NOTIFY		= 1u << 31,
};

enum core_res_after {
	CORE_RES_SEND_ROLE		= 1u << 0, /* Primary -> Secondary: P_STATE with volume -1 */
#define CORE_RES_AFTER_CONNECTIONS (1u << 1)
	CORE_RES_CLEAR_SUSP_UUID	= 1u << 1, /* transaction: susp_uuid := no */
	CORE_RES_EMPTY_2PC		= 1u << 2, /* schedule the lost-peer transaction */
	CORE_RES_RESUME_2PC		= 1u << 3, /* schedule the primary-resume transaction */
	CORE_RES_EXPIRE_2PC		= 1u << 4, /* nobody connected: let a participant's timer fire now */
	CORE_RES_NOTIFY			= 1u << 31,
};

/* -------------------------------------------------------------- predicates */

/* @w is DRBD_OLD or DRBD_NEW throughout. */

/* Own disk UpToDate, or a peer's over a connection with allow-remote-read. */
bool drbd_data_accessible(const struct core_resource *r, const struct core_device *dev, int w);

/* Data accessible on every (any) volume; true (false) without volumes. */
bool drbd_all_data_accessible(const struct core_resource *r, int w);
bool drbd_any_data_accessible(const struct core_resource *r, int w);

/* Any suspend reason. */
bool drbd_suspended(const struct core_resource *r, int w);
bool drbd_suspended_fencing(const struct core_resource *r, int w);

/* I am Primary, or no directly connected peer is (14.3). */
bool drbd_stable(const struct core_resource *r, int w);

/* Mask of directly connected Primaries (the "authoritative" nodes). */
u64 drbd_connected_primaries(const struct core_resource *r, int w);

/* Nodes of connections >= Connected; without me. */
u64 drbd_connected_nodes(const struct core_resource *r, int w);

/* No connected Diskless Primary with another current UUID (8.4). */
bool drbd_may_return_up_to_date(const struct core_resource *r, const struct core_device *dev,
				int w);
bool drbd_may_be_up_to_date(const struct core_resource *r, const struct core_device *dev, int w);

/* Disk state that the metadata flags speak for (8.4). */
u8 drbd_disk_state_from_md(const struct core_resource *r, const struct core_device *dev, int w);

/* Are writes sent to this peer; are out-of-sync notices (11.7, last note)? */
bool drbd_replicates_to(const struct core_peer_device *pd, int w);
bool drbd_sends_out_of_sync(const struct core_peer_device *pd, int w);

/* "Dependency" as shown to users and sent as aftr_isp (1.2). */
bool drbd_resync_susp_dependency(const struct core_device *dev, const struct core_peer_device *pd,
				 int w);

/* Highest own/peer disk over all volumes of a connection; 0 without volumes. */
u8 drbd_conn_highest_disk(const struct core_resource *r, int w);
u8 drbd_conn_highest_pdsk(const struct core_resource *r, u32 conn, int w);

/* Mask of the nodes that do not see my writes (resync.md 2.4). */
u64 drbd_weak_nodes(const struct core_resource *r, const struct core_device *dev, int w);

static inline bool drbd_is_sync_target(u8 repl_state)
{
	return repl_state == L_SYNC_TARGET || repl_state == L_PAUSED_SYNC_T;
}

static inline bool drbd_is_sync_source(u8 repl_state)
{
	return repl_state == L_SYNC_SOURCE || repl_state == L_PAUSED_SYNC_S;
}

static inline bool drbd_is_verify(u8 repl_state)
{
	return repl_state == L_VERIFY_S || repl_state == L_VERIFY_T;
}

static inline bool drbd_is_disconnect_or_lost(u8 cstate)
{
	return cstate >= C_TIMEOUT && cstate <= C_TEAR_DOWN;
}

/* -------------------------------------------------- applying what was agreed */

/*
 * NEW := what the connect handshake recorded: connection Connected, peer role
 * @peer_role, per volume hs.* (valid ones).  Used by both ends at COMMIT.
 */
void drbd_state_apply_handshake(struct core_resource *r, u32 conn, u8 peer_role);

/*
 * Outdate as after a failed connect (11.6 "outdate as below"): volumes whose
 * handshake said target become Outdated if this node may; force-secondary
 * demotes as well.  Returns whether anything in NEW was changed; commit it with
 * CORE_HARD (| CORE_IGNORE_OPENERS).
 */
bool drbd_state_outdate_after_refusal(struct core_resource *r, u32 conn);

/* --------------------------------------------------- the state word (1.3) */

struct drbd_state_fields {
	u8 role, peer, conn, disk, pdsk;
	u8 susp, aftr_isp, peer_isp, user_isp, susp_nod, susp_fen, quorum;
};

u32 drbd_state_pack(const struct drbd_state_fields *f);
void drbd_state_unpack(u32 word, struct drbd_state_fields *f);

/* What a P_STATE about volume @dev to connection @conn says. */
u32 drbd_state_word(const struct core_resource *r, u32 dev, u32 conn, int w);

/* Between 9's and 8.4's disk numbering, in disk and pdsk (protocol < 110). */
u32 drbd_state_word_to_84(u32 word);
u32 drbd_state_word_from_84(u32 word);

/*
 * Turn a request's mask and val into the receiver's point of view (11.4).
 * SS_SUCCESS, or SS_NOT_SUPPORTED when the mask covers what a request may not
 * set or covers a field partly.
 */
int drbd_state_mirror(u32 mask, u32 val, u32 *my_mask, u32 *my_val);

/* ------------------------------------------------------ received P_STATE (9.2) */

enum drbd_peer_state_reaction {
	PEER_STATE_DROP,		/* connection is going down: drop it */
	PEER_STATE_IGNORE,
	PEER_STATE_MEET_ANEW,		/* two disks that nobody has compared: reconnect */
	PEER_STATE_DISCONNECT,		/* hard Disconnecting: disk from a `bitmap no` peer */
	PEER_STATE_RECORD,		/* connect handshake: run it, record, mark received */
	PEER_STATE_RESYNC_FINISHED,	/* I was source: finish now */
	PEER_STATE_FINISH_AFTER_START,	/* the same, still WFBitMapS: right after starting */
	PEER_STATE_VERIFY_FINISHED,
	PEER_STATE_APPLY,		/* drbd_peer_state_apply() and commit */
};

struct drbd_peer_state_decision {
	enum drbd_peer_state_reaction reaction;
	bool compare;			/* APPLY: run the full handshake first */
	bool compare_attach;		/* APPLY: run the attach handshake first */
	bool answer_intro;		/* hot-added volume: send ENABLE_REPLICATION_NEXT, sizes, UUIDs */
	bool answer_state;		/* ... and the state afterwards */
	bool answer_resync;		/* if the comparison wants a resync: _apply() orders UUIDs and state */
	u8 peer_disk;			/* as to be believed */
	u8 repl_state;			/* L_* without a comparison's result */
};

/*
 * What to do with P_STATE @word (already in 9's numbering) for volume @dev from
 * connection @conn.  @peer_repl_before: conn field of the peer's previous
 * P_STATE for this volume, 0 if none.
 */
void drbd_peer_state_decide(const struct core_resource *r, u32 dev, u32 conn, u32 word,
			    u8 peer_repl_before, struct drbd_peer_state_decision *d);

/*
 * Has the state changed since the decision @then, so that it would put back
 * what is over?  To be asked under the lock that drbd_peer_state_apply() is
 * called with; decide anew if so.
 */
bool drbd_peer_state_overtaken(const struct core_resource *r, u32 dev, u32 conn, u32 word,
			       u8 peer_repl_before, const struct drbd_peer_state_decision *then);

/*
 * Put the decision into NEW.  @hs_repl: result of the comparison (L_ESTABLISHED,
 * L_WF_BITMAP_S/T), or 0 if none was made.  Returns the transaction flags to use
 * (CORE_HARD, CORE_FORCE_RECALC).
 */
unsigned int drbd_peer_state_apply(struct core_resource *r, u32 dev, u32 conn, u32 word,
				   const struct drbd_peer_state_decision *d, u8 hs_repl);

/* -------------------------------------------------------------------- text */

/* Names as tools and logs print them; "?" out of range. */
const char *drbd_role_text(unsigned int role);
const char *drbd_conn_text(unsigned int cstate);
const char *drbd_repl_text(unsigned int repl_state);
const char *drbd_disk_text(unsigned int disk_state);
const char *drbd_ss_text(int code);

/*
 * "role( Secondary -> Primary )" and so on for one object; the caller adds the
 * object's name and " [tag]".  Returns the length written (cut at @len - 1), 0
 * if nothing changed.  128 bytes suffice for all but peer volumes, 320 for those.
 */
size_t drbd_resource_diff(const struct core_resource *r, char *buf, size_t len);
size_t drbd_connection_diff(const struct core_connection *c, char *buf, size_t len);
size_t drbd_device_diff(const struct core_device *d, char *buf, size_t len);
size_t drbd_peer_device_diff(const struct core_device *d, const struct core_peer_device *pd,
			     char *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_STATE_H */
