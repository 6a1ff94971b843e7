/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The objects of drbd.ko and how they hang together:
 *
 *   resource ──< device (volume)  ──< peer_device >── connection >── resource
 *
 * A peer_device is the crossing of one device and one connection.  Only data
 * lives here; what can be done with an object is in the header of the room
 * that does it (request.h, state_change.h, activity_log.h, ...).
 *
 * Locks, outermost first:
 *
 *   resource->adm_mutex      one administrative command at a time
 *   drbd_objects_mutex       list of resources, table of minors; create, delete, rename.
 *                            Nobody waits for a peer, a disk or user space under it
 *   resource->open_mutex     open and close of the resource's devices
 *   resource->serialize      one multi-step state transaction at a time
 *   resource->conf_mutex     option structures; membership of the lists below
 *   connection->send[s].mutex  one packet at a time per stream
 *   resource->req_lock       (spinlock, irq off) every "now" state, the transfer log,
 *                            request and peer-request life-cycle bits; list membership
 *                            is changed under conf_mutex AND req_lock, and read
 *                            under either, or under RCU
 *   bitmap->lock, al->lock   (spinlocks, irq off) leaf locks
 *
 * States may be read without a lock where a stale answer is harmless.
 */
#ifndef DRBD_OBJECTS_H
#define DRBD_OBJECTS_H

#include <linux/types.h>
#include <linux/cpumask.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/idr.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/rbtree.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/timer.h>
#include <linux/completion.h>
#include <linux/blkdev.h>
#include <linux/bio.h>
#include <linux/rcupdate.h>
#include <linux/drbd.h>
#include <linux/drbd_genl.h>
#include <linux/drbd_protocol.h>
#include <linux/drbd_metadata.h>
#include <linux/drbd_transport.h>
#include "core/port.h"
#include "core/metadata.h"
#include "core/uuid.h"
#include "core/twopc.h"

#define DRBD_MAX_NODES 32
#define DRBD_NAME_LEN 128
#define NODE_MASK(id) (1ULL << (id))

struct drbd_resource;
struct drbd_device;
struct drbd_connection;
struct drbd_peer_device;
struct drbd_request;
struct drbd_peer_request;
struct drbd_bitmap;
struct drbd_activity_log;
struct crypto_shash;

/*
 * A piece of work for a connection's sender thread.  Items run in the order in
 * which they were queued, between the packets of the transfer log.  @fn owns
 * the item; when @cancel is set the connection is going down and @fn must only
 * free what it holds.
 */
struct drbd_sender_work {
	struct list_head list;
	int (*fn)(struct drbd_sender_work *w, bool cancel);
};

/* ------------------------------------------------------------- intervals */

enum drbd_interval_type {
	INTERVAL_LOCAL_WRITE,
	INTERVAL_PEER_WRITE,
	INTERVAL_LOCAL_READ,
	INTERVAL_PEER_READ,
	INTERVAL_RESYNC_TARGET,		/* resync request we made, later its write */
	INTERVAL_RESYNC_SOURCE,		/* resync read we serve */
	INTERVAL_VERIFY_SOURCE,
	INTERVAL_VERIFY_TARGET,
};

/* A sector range with a place in its device's overlap structure (interval.h). */
struct drbd_interval {
	struct rb_node rb;
	sector_t sector;		/* start, 512 byte sectors */
	unsigned int size;		/* bytes */
	sector_t __subtree_last;
	enum drbd_interval_type type;
	u8 node_id;			/* of the peer it is for: peer and resync types */
	unsigned long flags;		/* INTERVAL_* in interval.h */
	struct list_head wait_list;	/* on device->held_intervals while it must wait */
	void (*released)(struct drbd_interval *i);
};

/* ---------------------------------------------------------- backing device */

/*
 * The lower device of a volume.  Lives from attach until the last reference
 * (drbd_ldev_get()) is gone in state Diskless.
 */
struct drbd_backing_dev {
	struct block_device *backing_bdev;
	struct block_device *md_bdev;
	void *backing_handle;			/* whatever compat's open returned */
	void *md_handle;
	struct disk_conf __rcu *disk_conf;
	int md_index;				/* placement, DRBD_MD_INDEX_* or >= 0 */
	bool data_linked, md_linked;		/* holder links in sysfs */
	struct drbd_md_layout layout;		/* where the pieces are on md_bdev */
	struct drbd_md md;			/* CPU-endian superblock; md_lock below */
	spinlock_t md_lock;			/* UUIDs, flags, slots in md (irq off) */
	struct mutex md_io_mutex;		/* one superblock write at a time */
	u32 flags_on_disk;			/* md.flags as last read or written; md_io_mutex */
	sector_t known_size;			/* last seen size of backing_bdev, sectors */
};

/* ---------------------------------------------------------------- resource */

struct drbd_peer_ack_group {
	u64 mask;		/* nodes that have all writes of the group */
	u64 sent_to;		/* nodes the group's last write was sent to as data */
	u64 first_dagtag;
	struct drbd_request *last;	/* newest write of the group; NULL: no group */
};

struct drbd_resource {
	struct kref kref;
	struct rcu_work free_work;		/* objects.c */
	struct list_head resources;		/* drbd_resources */
	char name[DRBD_NAME_LEN];
	struct dentry *debugfs_dir;

	struct mutex adm_mutex;
	struct mutex open_mutex;
	struct mutex serialize;
	struct mutex conf_mutex;
	spinlock_t req_lock;

	struct res_opts res_opts;		/* conf_mutex to change; scalars are read freely */
	struct idr devices;			/* volume number -> drbd_device */
	struct list_head connections;		/* drbd_connection.connections, creation order */
	bool removed;				/* no longer in drbd_resources */

	/* now-state */
	enum drbd_role role;
	bool susp_user;
	bool susp_nod;
	bool susp_quorum;
	bool susp_uuid;
	bool fail_io;
	u64 members;

	bool explicit_primary;			/* made Primary by command: no auto-demote */
	bool down_in_progress;
	bool suspended_cached;			/* any suspend reason (incl. fencing) */
	bool any_without_quorum;

	wait_queue_head_t state_wait;		/* every state commit */
	wait_queue_head_t twopc_wait;		/* the two-phase slot was freed or got an answer */
	struct drbd_twopc twopc;		/* the slot; core/twopc.h, req_lock */
	struct delayed_work twopc_timer;
	u32 twopc_timer_tid;			/* transaction it watches, 0: none; req_lock */
	u32 core_flags;				/* kept by core: enum core_resource_flag; req_lock */

	/* transfer log, request.c; all under req_lock */
	struct list_head transfer_log;		/* drbd_request.tl, oldest first */
	struct drbd_request *tl_first_not_done;
	u64 dagtag;				/* sectors written here, ever */
	u64 next_block_id;
	u32 epoch;				/* number of the current epoch */
	u32 epoch_writes;			/* non-empty writes registered in it */
	struct drbd_peer_ack_group peer_ack;
	struct delayed_work peer_ack_work;
	struct list_head peer_acks;		/* finished groups on their way to peers; req_lock */

	struct list_head dagtag_waiters;	/* resync reads that wait for newer data; req_lock */

	/* requests that go through the gate again */
	struct list_head retry;			/* drbd_request.list */
	struct bio_list retry_bios;		/* to be written again, their requests are done */
	struct workqueue_struct *retry_wq;
	bool peer_ack_due;			/* req_lock */
	struct work_struct retry_work;

	struct workqueue_struct *worker;	/* ordered: state follow-ups, metadata, resync scheduling */
	enum drbd_write_ordering write_ordering;
	struct timer_list request_timer;
	struct timer_list epoch_timer;		/* ends an epoch that was left open */
	struct work_struct empty_twopc_work;
	unsigned long flags;			/* RESOURCE_* bits, state_change.h */
	u64 lost_primary_mask;

	/* objects.c */
	u64 serial;				/* place in creation order: cursor of dumps */
	u64 last_connection_serial;
	cpumask_var_t cpu_mask;			/* conf_mutex; where threads and workers may run */
};

/* -------------------------------------------------------------- connection */

enum drbd_connection_flag {
	CONN_RESOLVE_CONFLICTS,		/* we accepted the control stream */
	CONN_WAS_CONNECTED,		/* -> UUID_FLAG_RECONNECT in the next connection */
	CONN_DISCARD_MY_DATA,
	CONN_TENTATIVE,
	CONN_PEER_TENTATIVE,
	CONN_GRACEFUL_DISCONNECT,	/* EOF is expected */
	CONN_PING_PENDING,		/* P_PING sent, no P_PING_ACK yet */
	CONN_CONTROL_USABLE,		/* features done: control stream may be written */
	CONN_RESTART_RECEIVER,
	CONN_STOP_RECEIVER,
	CONN_CONNECT_TWOPC_WANTED,
	CONN_DISCONNECT_EXPECTED,
	CONN_UNREGISTERED,
	CONN_STREAMS_UP,		/* packets may be sent; cleared before the streams are closed */
	CONN_HANDSHAKE,			/* between introduction sent and commit/abort */
	CONN_TWOPC_LOST,		/* a PREPARE was sent there, and then it was lost */
	CONN_SEND_DAGTAG,		/* tell the peer our position before the first write */
	CONN_RECEIVER_RUNNING,
	CONN_UUID_FROZEN,		/* this handshake holds uuid_freeze of volumes: PD_UUID_FROZEN */
	CONN_WALKING,			/* somebody is sending what the transfer log holds */
	CONN_INTRODUCTION_DUE,		/* a PREPARE(connect) is out, the answer to it has not come in */
	CONN_JUDGING,			/* the receiver is at an introduction of the peer */
};

struct drbd_stream_state {
	struct mutex mutex;
	void *buffer;			/* one page to build packets in */
	unsigned int used;		/* bytes collected and not sent yet (cork) */
	bool corked;
};

struct drbd_epoch {
	u32 barrier;			/* opaque, as received */
	unsigned int size;		/* writes received since the last barrier */
	atomic_t active;		/* of those, not yet completed on disk */
};

struct drbd_thread {
	struct task_struct *task;
	struct mutex mutex;		/* start against stop */
	bool stop;
};

struct drbd_connection {
	struct kref kref;
	struct rcu_work free_work;		/* objects.c */
	struct drbd_resource *resource;
	struct list_head connections;		/* resource->connections */
	struct idr peer_devices;		/* volume number -> drbd_peer_device */
	struct list_head parked;		/* drbd_peer_device.parked, conf_mutex; objects.c */
	int peer_node_id;
	u32 session;				/* connections lost so far; changed under req_lock */
	char name[DRBD_NAME_LEN];		/* net_conf.name, fixed at new-peer */
	char log_prefix[2 * DRBD_NAME_LEN + 8];	/* "drbd RESOURCE NAME" */
	u64 serial;				/* place in creation order: cursor of dumps */
	struct dentry *debugfs_dir;
	struct net *net;			/* of the creating process; put when freed */

	struct net_conf __rcu *net_conf;
	struct crypto_shash *csums_tfm;		/* replaced under adm_mutex; old ones live on: */
	struct crypto_shash *verify_tfm;
	struct crypto_shash *integrity_tfm;	/* ours, for sending */
	struct crypto_shash *peer_integrity_tfm;/* the peer's, for receiving */
	struct crypto_shash *cram_hmac_tfm;
	struct list_head old_algs;		/* until the connection is freed; receiver.c, adm_mutex */

	/* now-state */
	enum drbd_conn_state cstate;
	enum drbd_role peer_role;
	bool susp_fen;

	unsigned long flags;			/* enum drbd_connection_flag */
	u32 core_flags;				/* kept by core: enum core_connection_flag; req_lock */
	unsigned long async_cstates;		/* bits: enum drbd_conn_state wanted from atomic context */
	struct work_struct async_cstate_work;
	struct work_struct abort_work;		/* wakes whoever waits in the streams */
	void *recv_buffer;			/* one page, receiver thread */

	/* agreed in the handshake; valid while the streams are up */
	int agreed_pro_version;
	u32 agreed_features;

	struct drbd_stream_state send[2];	/* DATA_STREAM, CONTROL_STREAM */
	struct drbd_thread receiver;
	struct drbd_thread sender;
	struct drbd_thread ack_receiver;
	struct workqueue_struct *ack_sender;	/* ordered, high priority */
	struct work_struct send_acks_work;
	struct work_struct send_ping_work;
	struct work_struct peer_ack_work;
	struct delayed_work connect_work;	/* start (again) the connect transaction */
	wait_queue_head_t ping_wait;
	atomic_t ping_acks;			/* received so far */

	/* sender */
	wait_queue_head_t sender_wait;
	spinlock_t work_lock;			/* sender_work */
	struct list_head sender_work;		/* drbd_sender_work */
	struct drbd_request *tl_next;		/* oldest request queued to this peer; req_lock */
	struct drbd_request *sending;		/* the sender is at it right now; req_lock */
	bool send_epoch_valid;			/* sender only: */
	u32 send_epoch;
	unsigned int send_epoch_writes;
	u64 send_dagtag;			/* what the peer's running dagtag is now */
	bool send_dagtag_valid;
	unsigned long last_sent_barrier_jif;
	unsigned long last_reconnect_jif;
	int ko_count;

	/* receiver */
	struct drbd_epoch cur_epoch;
	struct mutex epoch_mutex;		/* cur_epoch.size against P_CONFIRM_STABLE */
	struct work_struct confirm_work;
	wait_queue_head_t ee_wait;		/* a peer request made progress */
	atomic_t active_writes;			/* peer writes received, not completed */
	atomic_t backing_requests;		/* peer I/O of any kind at the backing device */
	u64 last_dagtag;			/* of the stream received; kept across reconnects */
	bool last_dagtag_valid;			/* a P_DAGTAG/write came in on this connection */
	spinlock_t peer_reqs_lock;		/* the lists below; irq off */
	struct list_head peer_writes;		/* recv order, until peer-acked */
	struct list_head done_ee;		/* completed, ack to be sent */
	struct list_head resync_source;		/* reads served, waiting for the write ack */
	atomic_t pages_in_use;

	/* handshake */
	struct work_struct fence_work;
	enum drbd_fencing_policy fencing_policy;/* copy of net_conf's */
	u64 reachable_nodes;			/* as the peer reported in its last 2PC reply */
	int handshake_retries;
	u32 connect_tid;			/* initiator: of the last attempt to connect; req_lock */
	unsigned long connect_jif;		/* when the last sign of that attempt was seen */
	u8 peer_hmac_challenge[64];

	atomic_t ap_in_flight;			/* sectors, io-path.md 12 */
	atomic_t rs_in_flight;

	bool congested;				/* a send waits, its buffer was over 80 % full */

	struct drbd_transport transport;	/* last member: class instance data follows it */
};

/* ------------------------------------------------------------------ device */

struct drbd_opener {
	struct list_head list;
	char comm[TASK_COMM_LEN];
	pid_t pid;
	ktime_t opened;
};

enum drbd_device_flag {
	DEV_NEW_CUR_UUID,		/* a new data generation is due (states.md 14) */
	DEV_WRITING_NEW_CUR_UUID,
	DEV_CRASHED_PRIMARY,
	DEV_PRIMARY_LOST_QUORUM,
	DEV_MD_DIRTY,
	DEV_GO_DISKLESS,
	DEV_WAS_IO_ERROR,
	DEV_FORCE_DETACH,
	DEV_GRACEFUL_DETACH,
	DEV_UNREGISTERED,
	DEV_TRY_BECOME_UP_TO_DATE,
	DEV_RESTORE_QUORUM,
	DEV_AL_SUSPENDED,
	DEV_DESTROYING_LDEV,
	DEV_RESYNC_AFTER_PAUSED,
	DEV_FORCED_UP_TO_DATE,		/* by the promotion in progress: needs a new generation */
	DEV_RESIZING,			/* a new size is agreed, not carried out yet; misc_wait */
};

struct drbd_device {
	struct kref kref;
	struct rcu_work free_work;		/* objects.c */
	struct drbd_resource *resource;
	struct list_head peer_devices;		/* drbd_peer_device.device_list */
	int vnr;
	unsigned int minor;
	struct device_conf device_conf;
	struct gendisk *vdisk;
	struct dentry *debugfs_dir;

	/* now-state */
	enum drbd_disk_state disk_state;
	bool have_quorum;			/* enforced */
	bool real_quorum;			/* tracked, states.md 12.3 */
	bool fail_io_cached;			/* requests fail at once */
	bool unstable_cached;			/* handshake in a state that blocks new I/O */

	unsigned long flags;			/* enum drbd_device_flag */
	u32 core_flags;				/* kept by core: enum core_device_flag; req_lock */
	bool intentional_diskless;
	unsigned int bdev_freezes;		/* adm_mutex: file system freezes by suspend-io */

	struct drbd_backing_dev *ldev;		/* drbd_ldev_get() before use */
	atomic_t ldev_refs;
	struct drbd_bitmap *bitmap;		/* NULL without disk */
	struct drbd_activity_log *al;		/* NULL without disk */
	u64 exposed_data_uuid;

	/* front door */
	int open_cnt;				/* resource->open_mutex */
	bool writable;				/* had a write opener since it was last closed */
	struct list_head openers;
	spinlock_t openers_lock;
	atomic_t ap_bio_cnt[2];			/* admitted requests: READ, WRITE */
	atomic_t suspend_cnt;			/* internal freeze */
	atomic_t ap_actlog_cnt;			/* waiting for the activity log */
	wait_queue_head_t misc_wait;
	struct work_struct new_uuid_work;

	/* overlap structure, interval.c: req_lock */
	struct rb_root_cached writes;		/* and resync, verify */
	struct rb_root_cached reads;
	struct list_head held_intervals;
	struct work_struct release_work;
	unsigned int local_reads;		/* round-robin */
	u64 read_nodes;				/* rotation, io-path.md 5.1 */

	/* request life, request.c */
	struct workqueue_struct *submitter;	/* ordered */
	struct work_struct submit_work;
	struct list_head submit_queue;		/* discards and friends; req_lock */
	struct list_head flushes;		/* at the backing device; req_lock */
	struct list_head failed_writes;		/* their disk state is about to fall; req_lock */
	struct list_head unlogged_writes;	/* it has; they wait for a new generation; req_lock */

	struct timer_list md_sync_timer;
	struct work_struct md_sync_work;
	struct work_struct go_diskless_work;
	struct work_struct io_error_work;	/* backing.c */
	struct work_struct unlogged_work;
	unsigned long io_error_kinds;		/* bits: enum drbd_io_error_kind */
	struct work_struct ldev_destroy_work;
	unsigned long force_detach_jif;		/* metadata I/O is not waited for beyond this */
	struct mutex size_mutex;		/* one change of size at a time */

	/* statistics, io-path.md 15; sectors or counts */
	atomic64_t read_cnt;
	atomic64_t writ_cnt;
	atomic_t al_writ_cnt;
	atomic_t bm_writ_cnt;
	atomic_t rs_sect_ev;

	/* negotiation of attach, states.md 8.3 */
	wait_queue_head_t attach_wait;
	int uuid_freeze;			/* >0: connect handshakes that must see stable UUIDs; req_lock */
};

/* ------------------------------------------------------------- peer_device */

enum drbd_peer_device_flag {
	PD_UUIDS_RECEIVED,
	PD_INITIAL_STATE_SENT,
	PD_INITIAL_STATE_RECEIVED,
	PD_CONSIDER_RESYNC,
	PD_UNSTABLE_RESYNC,
	PD_RESYNC_ACTIVE,
	PD_HAVE_SIZES,
	PD_PEER_QUORATE,
	PD_SYNC_SRC_CRASHED_PRI,
	PD_MISSED_END_SELF,		/* resync.md 5.4: I, the source, missed the end */
	PD_MISSED_END_PEER,
	PD_FINISH_AFTER_START,		/* peer finished while we were WFBitMapS */
	PD_HANDSHAKE_RETRY,
	PD_HANDSHAKE_DISCONNECT,
	PD_HOLD_RESYNC_REQUESTS,
	PD_CSUMS_RESYNC,
	PD_NEG_ACKED_UPTODATE,
	PD_USE_DEGR_WFC_T,
	PD_REPLICATION_NEXT_OFF,
	PD_AFTER_START_COMPARE,		/* repeat the comparison when the running resync ended */
	PD_GOT_STABLE,
	PD_BITMAP_SENDING,
	PD_IN_HANDSHAKE,		/* was there when the (last) connect handshake began */
	PD_UUID_FROZEN,			/* this handshake holds device->uuid_freeze; req_lock */
	PD_RESYNC_TO_BEGIN,		/* ordered while Established: the peer may be faster */
	PD_BITMAP_SENT,			/* WFBitMapS: what comes is the answer to ours */
	PD_ANSWER_STARTS_RESYNC,	/* its P_SIZES with the new size begins that of the new space */
};

struct drbd_peer_device {
	struct list_head device_list;		/* device->peer_devices */
	struct list_head parked;		/* connection->parked */
	struct drbd_device *device;		/* holds a reference */
	struct drbd_connection *connection;	/* holds a reference */
	struct rcu_work free_work;		/* objects.c */
	struct kref kref;
	struct peer_device_conf __rcu *conf;
	struct dentry *debugfs_dir;

	/* now-state */
	enum drbd_repl_state repl_state;
	enum drbd_disk_state disk_state;	/* of the peer */
	bool resync_susp_user;
	bool resync_susp_peer;
	bool resync_susp_dependency;
	bool resync_susp_other_c;
	bool resync_active;
	bool replication;			/* we send writes to an Inconsistent peer */
	bool peer_replication;
	enum drbd_repl_state negotiation_result;

	unsigned long flags;			/* enum drbd_peer_device_flag */
	int bitmap_index;			/* slot; -1: none */

	/* what the peer last told us about its generations; req_lock */
	struct drbd_peer_uuids uuids;
	u64 comm_current_uuid;			/* what we last told the peer */
	u64 comm_bitmap_uuid;
	u64 comm_uuid_flags;
	u64 comm_dirty_bits;
	enum drbd_disk_state comm_state_disk;	/* own disk state last sent */
	u8 finish_peer_disk;			/* what goes with PD_FINISH_AFTER_START */
	u8 peer_repl_last;			/* conn field of its last P_STATE; 0: none yet */
	u32 core_flags;				/* kept by core: enum core_peer_device_flag; req_lock */
	bool missed_end_self;			/* resync.md 5.4: we were source and missed the end */
	bool missed_end_peer;

	/* sizes, sectors; limits as in P_SIZES */
	u64 max_size;				/* 0: unknown or diskless */
	u32 new_space_session;			/* of the connection that found it at its beginning */
	u64 new_space;				/* first sector of what CORE_PD_NEW_SPACE is about */
	char peer_verify_alg[DRBD_WIRE_ALG_NAME_LEN];
	u64 d_size, u_size, c_size;
	struct {
		u32 max_bio_size;
		u32 physical_block_size;
		u32 logical_block_size;
		u32 alignment_offset;
		u32 io_min;
		u32 io_opt;
		bool discard_enabled;
		u8 bm_shift;			/* of the peer's bitmap block, minus 12 */
	} q_limits;

	/* result of the handshake, applied when the connect transaction commits */
	struct {
		bool valid;
		u8 repl_state;
		u8 disk_state;			/* the peer's */
		u8 resync_susp_peer;
		u8 my_disk_state;		/* D_MASK: leave alone */
		bool would_be_target;
	} hs;

	atomic_t packet_seq;			/* ours */
	u32 peer_seq;

	/* counters, io-path.md 15 */
	atomic64_t recv_cnt;			/* sectors */
	atomic64_t send_cnt;
	atomic_t ap_pending;
	atomic_t rs_pending;
	atomic_t unacked;

	/* resync and verify, resync.c; device->resource->req_lock unless noted */
	struct {
		u64 total;			/* bitmap bits */
		u64 failed;
		u64 same_csum;
		u64 paused_jif;
		unsigned long start_jif;
		unsigned long mark_jif[8];
		u64 mark_left[8];
		int last_mark;
		u64 pos;			/* next bit to look at */
		u64 pass_start_left;
		u64 start_uuid;			/* own current UUID when it began */
		u64 source_uuid;
		u64 dagtag;
		int in_flight_sectors;
		atomic_t answered_sectors;	/* since the last tick */
		struct list_head requests;	/* outstanding requests made by us */
		struct timer_list timer;
		unsigned long last_tick_jif;
		unsigned long last_bm_writeout_jif;
		unsigned long last_notify_jif;
		u32 c_sync_rate;		/* KiB/s wanted, for statistics */
		void *controller;		/* core/resync_rate.h state, embedded by resync.c */
		u64 in_sync_step;		/* P_PEERS_IN_SYNC progress, sectors */
		bool finishing;
	} rs;
	struct {
		u64 start_sector;
		u64 stop_sector;
		u64 position;			/* sectors */
		u64 left;			/* bits */
		u64 skipped;
		u64 last_oos_start, last_oos_size;
	} ov;
};

/* ------------------------------------------------------------------ lookup */

/*
 * What application writes may wait for and no other thread does.  It has a rescuer: writing
 * out may be what memory for a new worker waits for.
 */
extern struct workqueue_struct *drbd_io_wq;

extern struct mutex drbd_objects_mutex;
extern struct list_head drbd_resources;

/* Iterate under RCU, req_lock or conf_mutex. */
#define for_each_connection(c, r) \
	list_for_each_entry_rcu(c, &(r)->connections, connections, \
		lockdep_is_held(&(r)->conf_mutex) || lockdep_is_held(&(r)->req_lock))
#define for_each_peer_device(pd, d) \
	list_for_each_entry_rcu(pd, &(d)->peer_devices, device_list, \
		lockdep_is_held(&(d)->resource->conf_mutex) || \
		lockdep_is_held(&(d)->resource->req_lock))

static inline struct drbd_peer_device *
drbd_connection_peer_device(struct drbd_connection *connection, int vnr)
{
	return idr_find(&connection->peer_devices, vnr);
}

static inline int drbd_node_id(const struct drbd_resource *resource)
{
	return resource->res_opts.node_id;
}

#endif /* DRBD_OBJECTS_H */
