// SPDX-License-Identifier: GPL-2.0-only
#include "quorum.h"
#include "state_internal.h"
#include "text.h"

unsigned int drbd_quorum_at(unsigned int setting, unsigned int voters)
{
	if (setting == QOU_MAJORITY)
		return voters / 2 + 1;
	if (setting == QOU_ALL)
		return voters;
	return setting;
}

/* Another node, configured (@pd not NULL) or known from the metadata only. */
static void count_node(const struct core_resource *r, const struct core_device *dev,
		       unsigned int node, u32 conn, const struct core_peer_device *pd,
		       bool with_disk, struct drbd_quorum_count *q)
{
	u32 md = with_disk ? dev->md_peer_flags[node] : 0;
	u8 pdsk = pd ? pd->disk_state[DRBD_NEW] : D_UNKNOWN;
	bool intent_diskless;

	if (pd) {
		intent_diskless = !(pd->flags & CORE_PD_BITMAP);
		if (!r->conn[conn].allow_remote_read)
			return;
		if (intent_diskless && (pd->flags & CORE_PD_NO_TIEBREAKER))
			return;
	} else {
		intent_diskless = !(md & DRBD_MDF_PEER_DEVICE_SEEN);
	}

	if (!pd || pd->repl_state[DRBD_NEW] <= L_OFF) {
		if (intent_diskless)
			q->missing_diskless++;
		else if (pdsk <= D_OUTDATED || (md & DRBD_MDF_PEER_OUTDATED))
			q->outdated++;
		else if (dev->quorum[DRBD_OLD] && !(r->members[DRBD_NEW] & BIT_ULL(node)))
			q->quorumless++;
		else
			q->unknown++;
		return;
	}

	if (pdsk == D_DISKLESS && (intent_diskless || !with_disk)) {
		q->diskless++;
	} else if (pdsk == D_UP_TO_DATE) {
		q->up++;
		if (!with_disk && (pd->flags & CORE_PD_PEER_QUORATE))
			q->quorate_peers++;
	} else {
		q->present++;
	}
}

static void count_nodes(const struct core_resource *r, const struct core_device *dev,
			struct drbd_quorum_count *q)
{
	u8 disk = dev->disk_state[DRBD_NEW];
	bool with_disk = disk > D_ATTACHING;
	u64 configured = 0;
	unsigned int node;
	u32 c;

	if (with_disk) {
		if (disk == D_UP_TO_DATE)
			q->up++;
		else
			q->present++;
	} else if (disk == D_DISKLESS) {
		if (dev->flags & CORE_DEV_DISKLESS_INTENT)
			q->diskless++;
		else
			q->unknown++;
	}

	for_each_conn(c, r) {
		node = r->conn[c].peer_node_id;
		configured |= BIT_ULL(node);
		/* A fresh intentionally diskless node does not exist yet. */
		if (with_disk &&
		    !(dev->md_peer_flags[node] & (DRBD_MDF_HAVE_BITMAP | DRBD_MDF_NODE_EXISTS |
						  DRBD_MDF_PEER_DEVICE_SEEN)))
			continue;
		count_node(r, dev, node, c, &dev->pd[c], with_disk, q);
	}
	if (!with_disk)
		return;
	for (node = 0; node < DRBD_CORE_NODES; node++) {
		if (node == r->my_node_id || (configured & BIT_ULL(node)))
			continue;
		if (dev->md_peer_flags[node] & (DRBD_MDF_HAVE_BITMAP | DRBD_MDF_NODE_EXISTS |
						DRBD_MDF_PEER_DEVICE_SEEN))
			count_node(r, dev, node, 0, NULL, true, q);
	}
}

void drbd_quorum_compute(const struct core_resource *r, const struct core_device *dev,
			 struct drbd_quorum_count *q)
{
	unsigned int visible, missing, all;
	u16 setting = r->quorum;

	memset(q, 0, sizeof(*q));
	count_nodes(r, dev, q);

	visible = q->up + q->present;
	missing = q->outdated + q->quorumless + q->unknown;
	all = missing + visible;

	/* The absent side might be quorate: then its nodes are not out of the game. */
	if (missing >= drbd_quorum_at(setting, all)) {
		q->unknown += q->quorumless;
		q->quorumless = 0;
	}
	/* Nobody unknown: those absent cannot promote, and have no vote. */
	q->voters = q->unknown ? all : visible;
	q->quorum_at = drbd_quorum_at(setting, q->voters);
	q->min_redundancy_at = drbd_quorum_at(r->quorum_min_redundancy, q->voters);

	q->quorate = q->quorate_peers > 0 ||
		     (visible >= q->quorum_at && q->up >= q->min_redundancy_at);

	if (!q->quorate && q->voters > 0 && q->voters % 2 == 0 &&
	    visible + 1 == q->quorum_at && q->up >= q->min_redundancy_at &&
	    q->diskless >= drbd_quorum_at(QOU_MAJORITY,
					  q->diskless + q->missing_diskless) &&
	    dev->quorum_tracked[DRBD_OLD]) {
		q->by_tiebreaker = true;
		q->quorate = true;
	}
}

size_t drbd_quorum_text(const struct drbd_quorum_count *q, char *buf, size_t len)
{
	unsigned int visible = q->up + q->present;
	struct text t;

	text_init(&t, buf, len);
	if (!q->voters) {
		text_add(&t, "no UpToDate peer with quorum");
	} else if (visible < q->quorum_at) {
		text_num(&t, visible);
		text_add(&t, " of ");
		text_num(&t, q->voters);
		text_add(&t, " nodes visible, need ");
		text_num(&t, q->quorum_at);
		text_add(&t, " for quorum");
	} else {
		text_num(&t, q->up);
		text_add(&t, " of ");
		text_num(&t, q->voters);
		text_add(&t, " nodes up_to_date, need ");
		text_num(&t, q->min_redundancy_at);
		text_add(&t, " for quorum-minimum-redundancy");
	}
	return text_len(&t);
}

bool drbd_quorum_restorable(u32 md_flags, u64 md_members, u8 my_node_id)
{
	return (md_flags & DRBD_MDF_HAVE_QUORUM) && (md_flags & DRBD_MDF_WAS_UP_TO_DATE) &&
	       md_members == BIT_ULL(my_node_id);
}
