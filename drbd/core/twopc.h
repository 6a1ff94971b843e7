/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cluster-wide two-phase commit (states.md 11) as a machine: event in,
 * messages, timers and duties out.  One struct drbd_twopc per resource is the
 * slot that one transaction at a time may occupy, as initiator or participant.
 *
 * All drbd_twopc_*() functions that take a struct drbd_twopc run under the
 * lock that guards it (the resource's state lock); they only compute.  Every one
 * of them fills @out completely, out->req with the transaction it is about (the
 * slot may be free or taken again by then); carry out what it says in this order: todo
 * WAKE, abort_to, prepare_to, commit_to, reply_to, timer, rest of todo.
 *
 * Initiator:                               Participant:
 *	check the change in prepare mode        drbd_twopc_receive(PREPARE)
 *	drbd_twopc_start()                        -> VALIDATE: drbd_twopc_prepare_remote(),
 *	wait until drbd_twopc_verdict() != 0         drbd_state_check(), drbd_twopc_local_verdict()
 *	success: local change and                 -> connect target: introduction, then
 *	  drbd_twopc_end(true), in the order         drbd_twopc_handshake_done()
 *	  of drbd_twopc_commit_first()          drbd_twopc_receive(COMMIT)
 *	failure: drbd_twopc_end(false),           -> APPLY: drbd_twopc_commit_remote(), check,
 *	  retry as drbd_twopc_retry_delay()          publish, then drbd_twopc_applied()
 */
#ifndef DRBD_CORE_TWOPC_H
#define DRBD_CORE_TWOPC_H

#include "state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* flags on the wire */
#define DRBD_TWOPC_HAS_FLAGS		0x80000000u
#define DRBD_TWOPC_HAS_REACHABLE	0x40000000u
#define DRBD_TWOPC_PRI_INCAPABLE	0x20000000u

#define DRBD_TWOPC_SIZE_DISKLESS	(1ULL << 41)	/* sectors: max_possible_size of a diskless node */

enum drbd_twopc_type {
	TWOPC_TYPE_STATE,		/* P_TWOPC_PREPARE */
	TWOPC_TYPE_RESIZE,		/* P_TWOPC_PREP_RSZ */
};

enum drbd_twopc_phase {
	TWOPC_PREPARE,
	TWOPC_COMMIT,
	TWOPC_ABORT,
};

enum drbd_twopc_answer {
	TWOPC_NO_ANSWER,
	TWOPC_YES,
	TWOPC_NO,
	TWOPC_RETRY,
};

/* A request in CPU byte order; which fields are on the wire depends on phase and type (11.1). */
struct drbd_twopc_request {
	u32 tid;			/* never 0 */
	s8 initiator;			/* node id */
	s8 target;			/* node id, -1: all */
	u8 type;			/* enum drbd_twopc_type */
	s32 vnr;			/* -1: no volume */
	u64 nodes_to_reach;
	u32 flags;			/* DRBD_TWOPC_* */
	u32 mask, val;			/* PREPARE (and COMMIT/ABORT of protocol < 2PC_V2) */
	u64 primary_nodes;		/* COMMIT */
	u64 reachable_nodes;		/* COMMIT */
	/* resize */
	u64 user_size;			/* sectors */
	u16 dds_flags;
	u64 diskful_primary_nodes;	/* COMMIT */
	u64 exposed_size;		/* COMMIT, sectors */
};

struct drbd_twopc_reply {
	u32 tid;
	s8 initiator;
	u64 reachable_nodes;
	u64 primary_nodes;
	u64 weak_nodes;
	u64 diskful_primary_nodes;	/* resize */
	u64 max_possible_size;		/* resize, sectors */
};

/* What the machine must know of its node, true at the time of the event. */
struct drbd_twopc_env {
	u8 my_node_id;
	u64 connected;			/* nodes of connections >= Connected */
	bool primary;
	bool data_accessible;		/* on any volume */
	u32 timeout_ms;			/* twopc-timeout */
	u32 ping_timeout_ms;		/* largest of the connections */
	/* resize only */
	bool diskful;			/* has a disk for that volume */
	u64 max_possible_size;		/* of this node, sectors; DRBD_TWOPC_SIZE_DISKLESS */
};

void drbd_twopc_env_init(struct drbd_twopc_env *env, const struct core_resource *r);

enum drbd_twopc_owner {
	TWOPC_FREE,
	TWOPC_INITIATOR,
	TWOPC_PARTICIPANT,
};

/* The slot.  Zeroed memory is a free slot. */
struct drbd_twopc {
	u8 owner;			/* enum drbd_twopc_owner */
	bool is_connect, is_disconnect;
	bool far_away;			/* participant: only 11.7 concerns me */
	bool committing;		/* COMMIT received or to be sent: cannot be undone */
	bool replied;
	bool preempted;			/* initiator: a lower node id came; give up */
	bool interrupted;
	bool timed_out;
	bool sizes_rejected;
	u8 handshake;			/* enum drbd_handshake_outcome; OK when none is needed */
	u8 answer;			/* participant: what was replied */
	s32 local_rv;			/* participant: own check, 0: not known yet */
	struct drbd_twopc_request req;	/* as prepared; nodes_to_reach as to be forwarded */
	u64 prepared;			/* children a PREPARE was sent to (and not failed) */
	u64 yes, no, retry;		/* of these */
	u64 parents;			/* participant: who waits for my reply */
	u8 first_parent;		/* participant: whose PREPARE came first */
	/* merged from the replies, and mine */
	u64 reachable_nodes;
	u64 target_reachable_nodes;	/* disconnect: the other side */
	u64 primary_nodes;
	u64 weak_nodes;
	u64 diskful_primary_nodes;
	u64 max_possible_size;
	struct drbd_twopc_reply my_reply;
};

enum drbd_twopc_todo {
	TWOPC_WAKE		= 1u << 0, /* the local initiator: a verdict may be there */
	TWOPC_VALIDATE		= 1u << 1, /* participant: see above */
	TWOPC_INTRODUCE		= 1u << 2, /* connect: send my introduction to the other end now, also
					    * if my own check will fail: it waits for it (11.3.6) */
	TWOPC_APPLY		= 1u << 3, /* participant: commit */
	TWOPC_UNDO		= 1u << 4, /* drop handshake preparations, release the UUID freeze */
	TWOPC_FREED		= 1u << 5, /* slot became free: wake those who wait for it */
	TWOPC_WAIT_SLOT		= 1u << 6, /* wait up to timer_ms for the slot, then call
					    * drbd_twopc_receive() again with @waited */
	TWOPC_PING_INITIATOR	= 1u << 7, /* came indirectly though we have a connection: ping it */
};

#define TWOPC_TIMER_KEEP	0
#define TWOPC_TIMER_STOP	(~0u)

struct drbd_twopc_out {
	u64 abort_to;			/* node masks */
	u64 prepare_to;			/* each with a P_PING; tell drbd_twopc_send_failed() of failures */
	u64 commit_to;
	u64 reply_to;
	struct drbd_twopc_request req;	/* what goes to abort_to, prepare_to, commit_to */
	u8 answer;			/* enum drbd_twopc_answer for reply_to */
	struct drbd_twopc_reply reply;
	u32 timer_ms;			/* (re)start; TWOPC_TIMER_KEEP, TWOPC_TIMER_STOP */
	u32 todo;			/* enum drbd_twopc_todo */
};

/* Must the COMMIT leave before the local change (11.2)? */
bool drbd_twopc_commit_first(const struct drbd_twopc_request *req, u8 role_old);

bool drbd_twopc_is_connect(const struct drbd_twopc_request *req);
bool drbd_twopc_is_disconnect(const struct drbd_twopc_request *req);
bool drbd_twopc_is_empty(const struct drbd_twopc_request *req);

/* -------------------------------------------------------------- initiator */

/*
 * Occupy the slot.  @req: type, vnr, target, mask, val, sizes; @tid random, not
 * 0; @target_connecting: the target's connection is in Connecting (connect only).
 * SS_SUCCESS: started.  SS_CW_NO_NEED: nobody to ask, commit locally, slot
 * untouched.  SS_NEED_CONNECTION: target not reachable.  SS_CONCURRENT_ST_CHG:
 * slot occupied (wait for FREED; from the worker: give up).
 */
int drbd_twopc_start(struct drbd_twopc *t, const struct drbd_twopc_env *env,
		     const struct drbd_twopc_request *req, u32 tid, bool target_connecting,
		     struct drbd_twopc_out *out);

/* A PREPARE could not be sent to @node. */
void drbd_twopc_send_failed(struct drbd_twopc *t, const struct drbd_twopc_env *env, u8 node,
			    struct drbd_twopc_out *out);

/*
 * 0: keep waiting.  SS_SUCCESS, or the reason to abort (11.3 step 7).  Includes
 * the checks of 11.7; @r: snapshot with the change in NEW, NULL for resize.
 */
int drbd_twopc_verdict(const struct drbd_twopc *t, const struct drbd_twopc_env *env,
		       const struct core_resource *r);

/* Only the verdict without the checks that need state; for wait conditions. */
bool drbd_twopc_decided(const struct drbd_twopc *t, const struct drbd_twopc_env *env);

/* twopc-timeout passed / a signal arrived / negotiated sizes do not fit. */
void drbd_twopc_initiator_timeout(struct drbd_twopc *t);
void drbd_twopc_interrupt(struct drbd_twopc *t);
void drbd_twopc_reject_sizes(struct drbd_twopc *t);

/*
 * Merge the YES data; call after a verdict of SS_SUCCESS and before the local
 * change.  @r with the change in NEW: I become or stay Primary, my reach.
 */
void drbd_twopc_merge(struct drbd_twopc *t, const struct drbd_twopc_env *env,
		      const struct core_resource *r);

/*
 * Send the verdict and free the slot.  @new_size: resize only.  Call once, for
 * every successful drbd_twopc_start().
 */
void drbd_twopc_end(struct drbd_twopc *t, const struct drbd_twopc_env *env, bool commit,
		    u64 new_size, struct drbd_twopc_out *out);

/* Retry this verdict with a new tid?  Upper bound in ms of the random delay, 0: do not retry. */
u32 drbd_twopc_retry_delay(int verdict, u32 nr_connections, u32 attempt, u32 retry_timeout_ds);

/* ---------------------------------------------------------- both / participant */

/*
 * PREPARE, COMMIT or ABORT arrived from neighbour @from.  @waited: second try
 * after TWOPC_WAIT_SLOT.
 */
void drbd_twopc_receive(struct drbd_twopc *t, const struct drbd_twopc_env *env,
			enum drbd_twopc_phase phase, u8 from,
			const struct drbd_twopc_request *req, bool waited,
			struct drbd_twopc_out *out);

/* Result of the participant's own check (SS_*). Forwards the PREPARE, may answer. */
void drbd_twopc_local_verdict(struct drbd_twopc *t, const struct drbd_twopc_env *env, int rv,
			      struct drbd_twopc_out *out);

/* The connect handshake with the other end is complete (both ends call this). */
void drbd_twopc_handshake_done(struct drbd_twopc *t, const struct drbd_twopc_env *env,
			       enum drbd_handshake_outcome outcome, struct drbd_twopc_out *out);

/* YES, NO, RETRY arrived from neighbour @from. */
void drbd_twopc_answered(struct drbd_twopc *t, const struct drbd_twopc_env *env, u8 from,
			 enum drbd_twopc_answer answer, const struct drbd_twopc_reply *reply,
			 struct drbd_twopc_out *out);

/* The connection to @node is no longer Connected (env->connected lacks it). */
void drbd_twopc_peer_lost(struct drbd_twopc *t, const struct drbd_twopc_env *env, u8 node,
			  struct drbd_twopc_out *out);

/* The participant's timer fired. */
void drbd_twopc_timer(struct drbd_twopc *t, const struct drbd_twopc_env *env,
		      struct drbd_twopc_out *out);

/* The participant applied the COMMIT: forward it, free the slot. */
void drbd_twopc_applied(struct drbd_twopc *t, const struct drbd_twopc_env *env,
			struct drbd_twopc_out *out);

/* ------------------------------------------ what a transaction does to the state */

enum drbd_twopc_kind {
	TWOPC_KIND_PEER_VOLUME,		/* changes one peer volume here */
	TWOPC_KIND_CONNECTION,		/* changes one connection and its peer volumes here */
	TWOPC_KIND_FAR_AWAY,		/* only the rules of 11.7 */
};

enum drbd_twopc_kind drbd_twopc_kind(const struct core_resource *r,
				     const struct drbd_twopc_request *req, u8 from);

/*
 * Participant, PREPARE: put the (mirrored) request into NEW.  SS_SUCCESS: go on
 * with drbd_state_check(r, *flags); a result of SS_NOTHING_TO_DO is a yes.
 * Otherwise that is the local verdict.
 */
int drbd_twopc_prepare_remote(struct core_resource *r, const struct drbd_twopc_request *req,
			      u8 from, unsigned int *flags);

/*
 * Participant, COMMIT: put the request and what follows from primary_nodes and
 * reachable_nodes (11.7) into NEW.  @commit: COMMIT packet; @prepared: slot.
 * Then drbd_state_check(r, *flags | CORE_PREPARED).
 */
void drbd_twopc_commit_remote(struct core_resource *r, const struct drbd_twopc *prepared,
			      const struct drbd_twopc_request *commit, u8 from,
			      unsigned int *flags);

/*
 * Initiator: what the merged replies add to NEW (after the caller put its own
 * change there again): 10.2 (DUnknown but reachable peers are Outdated), 11.7
 * self-outdating, members, empty transaction: Consistent -> UpToDate; connect:
 * the handshake's results.
 */
void drbd_twopc_commit_local(struct core_resource *r, const struct drbd_twopc *t,
			     unsigned int *flags);

/* Lost-peer transaction: tentatively Consistent -> UpToDate in NEW. */
void drbd_twopc_prepare_empty(struct core_resource *r);

/* ------------------------------------------------------- single transactions (11.6) */

/* What the initiator of a connect does with a verdict other than success. */
enum drbd_connect_followup {
	CONNECT_AGAIN_50MS,
	CONNECT_AGAIN_1S,		/* after drbd_state_outdate_after_refusal() */
	CONNECT_WAIT_READERS,		/* up to auto-promote-timeout, then again */
	CONNECT_REFUSE,			/* outdate, send P_DISCONNECT, hard Disconnecting */
	CONNECT_NETWORK_FAILURE,
};

enum drbd_connect_followup drbd_connect_followup(const struct core_resource *r, int verdict,
						 bool rr_retry_connect);

/*
 * Graceful disconnect: Disconnecting plus the outdating that 11.6 asks for, into
 * NEW.  Returns the transaction flags.  With @force: hard.
 */
unsigned int drbd_disconnect_prepare(struct core_resource *r, u32 conn, bool force);

enum drbd_disconnect_followup {
	DISCONNECT_DONE,
	DISCONNECT_AGAIN,
	DISCONNECT_AGAIN_HARD,
	DISCONNECT_WAIT_READERS,	/* up to 1 s for read-only openers, once, then again */
	DISCONNECT_FAIL,
};

enum drbd_disconnect_followup drbd_disconnect_followup(const struct core_resource *r, u32 conn,
						       int rv);

/* Where an attach goes once metadata and bitmap are read (8.1): D_NEGOTIATING or final. */
u8 drbd_attach_disk_state(const struct core_resource *r, u32 dev);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_TWOPC_H */
