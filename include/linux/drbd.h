/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Enumerations that cross a seam: states, roles, option words and return codes.
 * The numbers are ABI (netlink, wire state word, metadata rules), and so is the
 * order of the states: code and tools compare them with < and >.
 *
 * Everything that has a name for humans is a list macro LIST(X) that calls
 * X(number, ENUMERATOR, "text"); the enum is made from it here, and whoever
 * needs the texts makes a table from the same list:
 *
 *	#define AS_TEXT(nr, id, text) [nr] = text,		(C)
 *	static const char * const role_text[] = { DRBD_ROLES(AS_TEXT) };
 *
 * Usable from kernel C, user-space C and C++.
 */
#ifndef LINUX_DRBD_H
#define LINUX_DRBD_H

#define DRBD_MAJOR		147
#define DRBD_MAX_MINOR		1048575	/* 20 bits */
#define DRBD_MAX_VOLUME		65534
#define DRBD_MAX_NODE_ID	31
#define DRBD_DEFAULT_PORT	7788

#define DRBD_ENUMERATOR(nr, id, text) id = (nr),

/* ------------------------------------------------------------------ states */

#define DRBD_ROLES(X)				\
	X(0, R_UNKNOWN, "Unknown")		\
	X(1, R_PRIMARY, "Primary")		\
	X(2, R_SECONDARY, "Secondary")

enum drbd_role {
	DRBD_ROLES(DRBD_ENUMERATOR)
	R_MASK = 3,
};

#define DRBD_CONN_STATES(X)			\
	X(0, C_STANDALONE, "StandAlone")	\
	X(1, C_DISCONNECTING, "Disconnecting")	\
	X(2, C_UNCONNECTED, "Unconnected")	\
	X(3, C_TIMEOUT, "Timeout")		\
	X(4, C_BROKEN_PIPE, "BrokenPipe")	\
	X(5, C_NETWORK_FAILURE, "NetworkFailure") \
	X(6, C_PROTOCOL_ERROR, "ProtocolError")	\
	X(7, C_TEAR_DOWN, "TearDown")		\
	X(8, C_CONNECTING, "Connecting")	\
	X(9, C_CONNECTED, "Connected")

enum drbd_conn_state {
	DRBD_CONN_STATES(DRBD_ENUMERATOR)
	C_MASK = 31,
};

/* Continues the number line of the connection states: Off means Connected. */
#define DRBD_REPL_STATES(X)			\
	X(9, L_OFF, "Off")			\
	X(10, L_ESTABLISHED, "Established")	\
	X(11, L_STARTING_SYNC_S, "StartingSyncS") \
	X(12, L_STARTING_SYNC_T, "StartingSyncT") \
	X(13, L_WF_BITMAP_S, "WFBitMapS")	\
	X(14, L_WF_BITMAP_T, "WFBitMapT")	\
	X(15, L_WF_SYNC_UUID, "WFSyncUUID")	\
	X(16, L_SYNC_SOURCE, "SyncSource")	\
	X(17, L_SYNC_TARGET, "SyncTarget")	\
	X(18, L_VERIFY_S, "VerifyS")		\
	X(19, L_VERIFY_T, "VerifyT")		\
	X(20, L_PAUSED_SYNC_S, "PausedSyncS")	\
	X(21, L_PAUSED_SYNC_T, "PausedSyncT")	\
	X(22, L_AHEAD, "Ahead")			\
	X(23, L_BEHIND, "Behind")

enum drbd_repl_state {
	DRBD_REPL_STATES(DRBD_ENUMERATOR)
};

#define DRBD_DISK_STATES(X)			\
	X(0, D_DISKLESS, "Diskless")		\
	X(1, D_ATTACHING, "Attaching")		\
	X(2, D_DETACHING, "Detaching")		\
	X(3, D_FAILED, "Failed")		\
	X(4, D_NEGOTIATING, "Negotiating")	\
	X(5, D_INCONSISTENT, "Inconsistent")	\
	X(6, D_OUTDATED, "Outdated")		\
	X(7, D_UNKNOWN, "DUnknown")		\
	X(8, D_CONSISTENT, "Consistent")	\
	X(9, D_UP_TO_DATE, "UpToDate")

enum drbd_disk_state {
	DRBD_DISK_STATES(DRBD_ENUMERATOR)
	D_MASK = 15,
};

/* ------------------------------------------------------------ option words */

/* The words of option enumerations are in drbd_genl.h, by option. */

enum drbd_wire_protocol {
	DRBD_PROT_A = 1,
	DRBD_PROT_B = 2,
	DRBD_PROT_C = 3,
};

enum drbd_on_io_error {
	EP_PASS_ON = 0,
	EP_CALL_HELPER = 1,
	EP_DETACH = 2,
};

enum drbd_fencing_policy {
	FP_DONT_CARE = 0,
	FP_RESOURCE = 1,
	FP_STONITH = 2,
};

/* after-sb-*pri and rr-conflict share one numbering; each allows a part of it. */
enum drbd_after_sb {
	ASB_DISCONNECT = 0,
	ASB_DISCARD_YOUNGER_PRI = 1,
	ASB_DISCARD_OLDER_PRI = 2,
	ASB_DISCARD_ZERO_CHG = 3,
	ASB_DISCARD_LEAST_CHG = 4,
	ASB_DISCARD_LOCAL = 5,
	ASB_DISCARD_REMOTE = 6,
	ASB_CONSENSUS = 7,
	ASB_DISCARD_SECONDARY = 8,
	ASB_CALL_HELPER = 9,
	ASB_VIOLENTLY = 10,
	ASB_RETRY_CONNECT = 11,
	ASB_AUTO_DISCARD = 12,
};

enum drbd_on_no_data {
	OND_IO_ERROR = 0,
	OND_SUSPEND_IO = 1,
};

enum drbd_on_no_quorum {
	ONQ_IO_ERROR = 0,
	ONQ_SUSPEND_IO = 1,
};

enum drbd_on_susp_primary_outdated {
	SPO_DISCONNECT = 0,
	SPO_FORCE_SECONDARY = 1,
};

enum drbd_on_congestion {
	OC_BLOCK = 0,
	OC_PULL_AHEAD = 1,
	OC_DISCONNECT = 2,
};

enum drbd_read_balancing {
	RB_PREFER_LOCAL = 0,
	RB_PREFER_REMOTE = 1,
	RB_ROUND_ROBIN = 2,
	RB_LEAST_PENDING = 3,
	RB_CONGESTED_REMOTE = 4,
	RB_32K_STRIPING = 5,
	RB_64K_STRIPING = 6,
	RB_128K_STRIPING = 7,
	RB_256K_STRIPING = 8,
	RB_512K_STRIPING = 9,
	RB_1M_STRIPING = 10,
};

/* quorum, quorum-minimum-redundancy: one of these, or a count 1 ... 32 */
enum drbd_quorum {
	QOU_OFF = 0,
	QOU_MAJORITY = 1024,
	QOU_ALL = 1025,
};

#define DRBD_WRITE_ORDERINGS(X)			\
	X(0, WO_NONE, "none")			\
	X(1, WO_DRAIN_IO, "drain")		\
	X(2, WO_BDEV_FLUSH, "flush")		\
	X(3, WO_BIO_BARRIER, "barrier")

enum drbd_write_ordering {
	DRBD_WRITE_ORDERINGS(DRBD_ENUMERATOR)
};

/* GET_TIMEOUT_TYPE: which of the startup timeouts applies */
enum drbd_timeout_type {
	UT_DEFAULT = 0,
	UT_DEGRADED = 1,
	UT_PEER_OUTDATED = 2,
};

/* Exit codes of the fence-peer helper */
enum drbd_fence_result {
	FENCE_PEER_INCONSISTENT = 3,
	FENCE_PEER_OUTDATED = 4,
	FENCE_PEER_DOWN = 5,
	FENCE_PEER_PRIMARY = 6,
	FENCE_PEER_FENCED = 7,		/* the peer was shot */
};

/* ------------------------------------------------------------ notifications */

enum drbd_notification_type {
	NOTIFY_EXISTS = 0,		/* initial state only */
	NOTIFY_CREATE = 1,
	NOTIFY_CHANGE = 2,
	NOTIFY_DESTROY = 3,
	NOTIFY_CALL = 4,		/* a helper is about to run */
	NOTIFY_RESPONSE = 5,		/* ... has finished */
	NOTIFY_RENAME = 6,

	NOTIFY_CONTINUES = 0x8000,	/* flag: more of the same change follows */
};

/* ------------------------------------------------------------ return codes */

/*
 * ret_code of a netlink reply is either one of these or an SS_* below, never a
 * negative errno.  X(number, NAME, "text"): the text is what drbdsetup prints
 * after "NAME: Failure: (number) "; newlines inside and at the end belong to it.
 * Codes without a name of their own are history; they are kept for their texts.
 */
#define DRBD_ERR_CODES(X) \
	X(101, NO_ERROR, "Success") \
	X(102, ERR_LOCAL_ADDR, "Local address(port) already in use.") \
	X(103, ERR_PEER_ADDR, "Remote address(port) already in use.") \
	X(104, ERR_OPEN_DISK, "Can not open backing device.") \
	X(105, ERR_OPEN_MD_DISK, "Can not open meta device.") \
	X(106, ERR_OLD_106, "Lower device already in use.") \
	X(107, ERR_DISK_NOT_BDEV, "Lower device is not a block device.") \
	X(108, ERR_MD_NOT_BDEV, "Meta device is not a block device.") \
	X(109, ERR_OLD_109, "Open of lower device failed.") \
	X(110, ERR_OLD_110, "Open of meta device failed.") \
	X(111, ERR_DISK_TOO_SMALL, "Low.dev. smaller than requested DRBD-dev. size.") \
	X(112, ERR_MD_DISK_TOO_SMALL, "Meta device too small.") \
	X(113, ERR_OLD_113, "You have to use the disk command first.") \
	X(114, ERR_BDCLAIM_DISK, \
	  "Lower device is already claimed. This usually means it is mounted.") \
	X(115, ERR_BDCLAIM_MD_DISK, \
	  "Meta device is already claimed. This usually means it is mounted.") \
	X(116, ERR_MD_IDX_INVALID, "Lower device / meta device / index combination invalid.") \
	X(117, ERR_OLD_117, "Currently we only support devices up to 3.998TB.\n" \
	  "(up to 2TB in case you do not have CONFIG_LBD set)\n" \
	  "Contact office@linbit.com, if you need more.") \
	X(118, ERR_IO_MD_DISK, "IO error(s) occurred during initial access to meta-data.\n") \
	X(119, ERR_MD_INVALID, "No valid meta-data signature found.\n\n" \
	  "\t==> Use 'drbdadm create-md res' to initialize meta-data area. <==\n") \
	X(120, ERR_AUTH_ALG, "The 'cram-hmac-alg' you specified is not known in the kernel. " \
	  "(Maybe you need to modprobe it, or modprobe hmac?)") \
	X(121, ERR_AUTH_ALG_ND, "The 'cram-hmac-alg' you specified is not a digest.") \
	X(122, ERR_NOMEM, "kmalloc() failed. Out of memory?") \
	X(123, ERR_DISCARD_IMPOSSIBLE, "--discard-my-data not allowed when primary.") \
	X(124, ERR_DISK_CONFIGURED, "Device is attached to a disk (use detach first)") \
	X(125, ERR_NET_CONFIGURED, "Device has a net-config (use disconnect first)") \
	X(126, ERR_MANDATORY_TAG, "UnknownMandatoryTag") \
	X(127, ERR_MINOR_INVALID, "Device minor not allocated") \
	X(128, ERR_OLD_128, "Resulting device state would be invalid") \
	X(129, ERR_INTR, "Interrupted by Signal") \
	X(130, ERR_RESIZE_RESYNC, "Resize not allowed during resync.") \
	X(131, ERR_NO_PRIMARY, "Need one Primary node to resize.") \
	X(132, ERR_RESYNC_AFTER, "The resync-after minor number is invalid") \
	X(133, ERR_RESYNC_AFTER_CYCLE, "This would cause a resync-after dependency cycle") \
	X(134, ERR_PAUSE_IS_SET, "Sync-pause flag is already set") \
	X(135, ERR_PAUSE_IS_CLEAR, "Sync-pause flag is already cleared") \
	X(136, ERR_OLD_136, "Disk state is lower than outdated") \
	X(137, ERR_PACKET_NR, "Kernel does not know how to handle your request.\n" \
	  "Maybe API_VERSION mismatch?") \
	X(138, ERR_NO_DISK, "Device does not have a disk-config") \
	X(139, ERR_NOT_PROTO_C, "Protocol C required") \
	X(140, ERR_NOMEM_BITMAP, "vmalloc() failed. Out of memory?") \
	X(141, ERR_INTEGRITY_ALG, "The 'data-integrity-alg' you specified is not known in " \
	  "the kernel. (Maybe you need to modprobe it, or modprobe hmac?)") \
	X(142, ERR_INTEGRITY_ALG_ND, "The 'data-integrity-alg' you specified is not a digest.") \
	X(143, ERR_CPU_MASK_PARSE, "Invalid cpu-mask.") \
	X(144, ERR_CSUMS_ALG, "CSUMSAlgNotAvail") \
	X(145, ERR_CSUMS_ALG_ND, "CSUMSAlgNotDigest") \
	X(146, ERR_VERIFY_ALG, "VERIFYAlgNotAvail") \
	X(147, ERR_VERIFY_ALG_ND, "VERIFYAlgNotDigest") \
	X(148, ERR_CSUMS_RESYNC_RUNNING, "Can not change csums-alg while resync is in progress") \
	X(149, ERR_VERIFY_RUNNING, "Can not change verify-alg while online verify runs") \
	X(150, ERR_DATA_NOT_CURRENT, "Can only attach to the data we lost last (see kernel log).") \
	X(151, ERR_CONNECTED, "Need to be StandAlone") \
	X(152, ERR_PERM, "Permission denied. CAP_SYS_ADMIN necessary") \
	X(153, ERR_NEED_APV_93, "Protocol version 93 required to use --assume-clean") \
	X(154, ERR_STONITH_AND_PROT_A, \
	  "Fencing policy resource-and-stonith only with prot B or C allowed") \
	X(155, ERR_CONG_NOT_PROTO_A, \
	  "on-congestion policy pull-ahead only with prot A allowed") \
	X(156, ERR_PIC_AFTER_DEP, "Sync-pause flag is already cleared.\n" \
	  "Note: Resync pause caused by a local resync-after dependency.") \
	X(157, ERR_PIC_PEER_DEP, "Sync-pause flag is already cleared.\n" \
	  "Note: Resync pause caused by the peer node.") \
	X(158, ERR_RES_NOT_KNOWN, "Unknown resource") \
	X(159, ERR_RES_IN_USE, "Resource still in use (delete all minors first)") \
	X(160, ERR_MINOR_CONFIGURED, "Minor still configured (down it first)") \
	X(161, ERR_MINOR_OR_VOLUME_EXISTS, "Minor or volume exists already (delete it first)") \
	X(162, ERR_INVALID_REQUEST, "Invalid configuration request") \
	X(163, ERR_NEED_APV_100, "Prot version 100 required in order to change\n" \
	  "these network options while connected") \
	X(164, ERR_NEED_ALLOW_TWO_PRI, "Can not clear allow_two_primaries as long as\n" \
	  "there a primaries on both sides") \
	X(165, ERR_MD_UNCLEAN, "Unclean meta-data found.\n" \
	  "You need to 'drbdadm apply-al res'\n") \
	X(166, ERR_MD_LAYOUT_CONNECTED, \
	  "DRBD need to be connected for online MD layout change\n") \
	X(167, ERR_MD_LAYOUT_TOO_BIG, "Resulting AL area too big\n") \
	X(168, ERR_MD_LAYOUT_TOO_SMALL, "Resulting AL are too small\n") \
	X(169, ERR_MD_LAYOUT_NO_FIT, \
	  "Resulting AL does not fit into available meta data space\n") \
	X(170, ERR_IMPLICIT_SHRINK, \
	  "Implicit device shrinking not allowed. See kernel log.\n") \
	X(171, ERR_INVALID_PEER_NODE_ID, "Invalid peer-node-id\n") \
	X(172, ERR_CREATE_TRANSPORT, \
	  "Failed to create transport (drbd_transport_xxx module missing?)\n") \
	X(173, ERR_LOCAL_AND_PEER_ADDR, "Combination of local address(port) and remote " \
	  "address(port) already in use\n") \
	X(174, ERR_ALREADY_EXISTS, "Already exists\n") \
	X(175, ERR_APV_TOO_LOW, \
	  "A higher DRBD protocol level is required for this operation\n") \
	X(176, ERR_PATH_COLLISION, "Path collides with existing path\n")

enum drbd_ret_code {
	DRBD_ERR_CODES(DRBD_ENUMERATOR)
	AFTER_LAST_ERR_CODE
};

/* Results of state changes; the text follows "NAME: State change failed: (number) ". */
#define DRBD_SS_CODES(X) \
	X(4, SS_CW_NO_NEED, "Cluster wide state change: nothing to do") \
	X(3, SS_CW_SUCCESS, "Cluster wide state change: success") \
	X(2, SS_NOTHING_TO_DO, "State change: nothing to do") \
	X(1, SS_SUCCESS, "Success") \
	X(0, SS_UNKNOWN_ERROR, "unknown error.") \
	X(-1, SS_TWO_PRIMARIES, "Multiple primaries not allowed by config") \
	X(-2, SS_NO_UP_TO_DATE_DISK, "Need access to UpToDate data") \
	X(-4, SS_NO_LOCAL_DISK, "Can not resync without local disk") \
	X(-5, SS_NO_REMOTE_DISK, "Can not resync without remote disk") \
	X(-6, SS_CONNECTED_OUTDATES, "Refusing to be Outdated while Connected") \
	X(-7, SS_PRIMARY_NOP, "Refusing to be Primary while peer is not outdated") \
	X(-8, SS_RESYNC_RUNNING, "Can not start OV/resync since it is already active") \
	X(-9, SS_ALREADY_STANDALONE, "Can not disconnect a StandAlone device") \
	X(-10, SS_CW_FAILED_BY_PEER, "State change was refused by peer node") \
	X(-11, SS_IS_DISKLESS, "Device is diskless, the requested operation requires a disk") \
	X(-12, SS_DEVICE_IN_USE, "Device is held open by someone") \
	X(-13, SS_NO_NET_CONFIG, "Have no net/connection configuration") \
	X(-14, SS_NO_VERIFY_ALG, "Need a verify algorithm to start online verify") \
	X(-15, SS_NEED_CONNECTION, "Need a connection to start verify or resync") \
	X(-16, SS_LOWER_THAN_OUTDATED, "Disk state is lower than outdated") \
	X(-17, SS_NOT_SUPPORTED, "Peer does not support protocol") \
	X(-18, SS_IN_TRANSIENT_STATE, "In transient state, retry after next state change") \
	X(-19, SS_CONCURRENT_ST_CHG, "Concurrent state changes detected and aborted") \
	X(-20, SS_O_VOL_PEER_PRI, "Other vol primary on peer not allowed by config") \
	X(-21, SS_INTERRUPTED, "Interrupted state change") \
	X(-22, SS_PRIMARY_READER, "Peer may not become primary while device is opened read-only") \
	X(-23, SS_TIMEOUT, "Timeout in operation") \
	X(-24, SS_WEAKLY_CONNECTED, "Primary nodes must be strongly connected among each other") \
	X(-25, SS_NO_QUORUM, "No quorum") \
	X(-26, SS_ATTACH_NO_BITMAP, "Intentional diskless peer may not attach a disk") \
	X(-27, SS_HANDSHAKE_DISCONNECT, "Disconnect chosen in handshake") \
	X(-28, SS_HANDSHAKE_RETRY, "Retry chosen in handshake")

#define SS_LOWEST (-28)

enum drbd_state_rv {
	DRBD_SS_CODES(DRBD_ENUMERATOR)
};

#endif /* LINUX_DRBD_H */
