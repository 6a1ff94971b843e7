// SPDX-License-Identifier: GPL-2.0-only
/* Data generations of one volume: events, packets (resync.md 2, 3, 11). */
#include "state_internal.h"

static u64 strip(u64 v)
{
	return v & ~DRBD_UUID_PRIMARY;
}

/* ---------------------------------------------------------- basic operations */

void drbd_uuid_push(struct drbd_uuid_set *u, u64 v)
{
	unsigned int i;

	v = strip(v);
	if (!v || v == DRBD_UUID_JUST_CREATED || drbd_uuid_eq(v, u->cur))
		return;
	/* The first entry is stored unconditionally: it may be the day-0 UUID,
	 * which some bitmap UUID is bound to hold as well. */
	if (u->history[0]) {
		for (i = 0; i < DRBD_UUID_NODES; i++)
			if (i != u->my_node_id && drbd_uuid_eq(u->bitmap[i], v))
				return;
		for (i = 0; i < DRBD_UUID_HISTORY; i++)
			if (drbd_uuid_eq(u->history[i], v))
				return;
		memmove(&u->history[1], &u->history[0],
			sizeof(u->history[0]) * (DRBD_UUID_HISTORY - 1));
	}
	u->history[0] = v;
}

void drbd_uuid_set_bitmap(struct drbd_uuid_set *u, u8 node, u64 v, u64 dagtag)
{
	u64 old = u->bitmap[node];

	u->bitmap[node] = v;
	u->bitmap_dagtag[node] = dagtag;
	if (old && old != v)
		drbd_uuid_push(u, old);
}

bool drbd_uuid_set_primary(struct drbd_uuid_set *u, bool primary)
{
	u64 old = u->cur;

	if (strip(u->cur) == DRBD_UUID_JUST_CREATED || !u->cur)
		return false;
	u->cur = primary ? u->cur | DRBD_UUID_PRIMARY : strip(u->cur);
	return u->cur != old;
}

bool drbd_uuid_day0(const struct drbd_uuid_set *u)
{
	unsigned int i;

	if (strip(u->cur) == 0 || strip(u->cur) == DRBD_UUID_JUST_CREATED)
		return false;
	for (i = 0; i < DRBD_UUID_NODES; i++)
		if (u->bitmap[i])
			return false;
	for (i = 0; i < DRBD_UUID_HISTORY; i++)
		if (u->history[i])
			return false;
	return true;
}

/* Random values that are no UUID of special meaning. */
static u64 fresh(u64 rnd)
{
	rnd = strip(rnd);
	/* 0 and "just created" mean something; any other pattern is as good. */
	if (rnd == 0 || rnd == DRBD_UUID_JUST_CREATED || rnd == strip(DRBD_UUID_UNKNOWN))
		rnd = 0x5eedULL << 32;
	return rnd;
}

/* --------------------------------------------------------- new generations */

void drbd_uuid_peers_init(struct drbd_uuid_peers *p, const struct core_resource *r,
			  const struct core_device *dev)
{
	u32 c;

	memset(p, 0, sizeof(*p));
	for_each_conn(c, r) {
		u8 node = r->conn[c].peer_node_id;
		const struct core_peer_device *pd = &dev->pd[c];

		p->configured |= 1u << node;
		p->disk_state[node] = pd->disk_state[DRBD_OLD];
		if (pd_up(pd, DRBD_OLD) && pd->disk_state[DRBD_OLD] == D_DISKLESS)
			p->connected_diskless |= 1u << node;
		if (pd->flags & CORE_PD_MAYBE_FINISHED)
			p->maybe_finished |= 1u << node;
	}
}

/* The peer does not (or shall be taken not to) see this node's writes. */
static bool absent(const struct drbd_uuid_peers *p, unsigned int node, u64 weak)
{
	u8 disk = p->disk_state[node];

	return (disk <= D_UNKNOWN && disk != D_NEGOTIATING) || (weak & BIT_ULL(node));
}

bool drbd_uuid_rotate(struct drbd_uuid_set *u, const struct drbd_uuid_peers *p, u64 weak,
		      u64 dagtag, u64 old, u64 *changed)
{
	u32 free_slots = u->max_peers;
	unsigned int n;
	bool counts = false;

	*changed = 0;
	/* Slots in use; node ids without one share those that are left. */
	if (free_slots > hweight32(u->slot_mask))
		free_slots -= hweight32(u->slot_mask);
	else
		free_slots = 0;

	for (n = 0; n < DRBD_UUID_NODES; n++) {
		bool slot = u->slot_mask & (1u << n);

		if (n == u->my_node_id || !(p->configured & (1u << n)))
			continue;
		if (u->bitmap[n] && u->bitmap[n] != old) {
			/* Its bitmap UUID stays, for it may just as well not have
			 * finished; but it must not take new writes for known. */
			if (slot && (p->maybe_finished & (1u << n)))
				counts = true;
			continue;
		}
		if ((p->connected_diskless & (1u << n)) && !slot)
			continue;
		if (!absent(p, n, weak))
			continue;
		/* Setting it to what it is already is no news. */
		if (u->bitmap[n] != old)
			*changed |= BIT_ULL(n);
		drbd_uuid_set_bitmap(u, (u8)n, old, dagtag);
		if (slot || free_slots)
			counts = true;
	}

	for (n = 0; n < DRBD_UUID_NODES; n++) {
		bool slot = u->slot_mask & (1u << n);

		if (n == u->my_node_id || (p->configured & (1u << n)))
			continue;
		if (u->bitmap[n] && u->bitmap[n] != old)
			continue;
		if (u->bitmap[n] != old)
			*changed |= BIT_ULL(n);
		drbd_uuid_set_bitmap(u, (u8)n, old, dagtag);
		if (slot) {
			counts = true;
		} else if (free_slots) {
			counts = true;
			free_slots--;
		}
	}
	return counts;
}

bool drbd_uuid_new_generation(struct drbd_uuid_set *u, const struct drbd_uuid_peers *p, u64 weak,
			      u64 dagtag, bool primary, const u64 rnd[2])
{
	bool day0 = drbd_uuid_day0(u);
	u64 changed, old = u->cur;
	unsigned int n;

	if (strip(old) == DRBD_UUID_JUST_CREATED || !old)
		old = fresh(rnd[0]);
	if (!drbd_uuid_rotate(u, p, weak, dagtag, old, &changed) && !day0)
		return false;
	u->cur = fresh(rnd[1]) | (primary ? DRBD_UUID_PRIMARY : 0);
	/* Either somebody's bitmap UUID or the history remembers where this came from. */
	for (n = 0; n < DRBD_UUID_NODES; n++)
		if (u->bitmap[n] == old)
			break;
	if (day0 || n == DRBD_UUID_NODES)
		drbd_uuid_push(u, old);
	return true;
}

void drbd_uuid_adopt_generation(struct drbd_uuid_set *u, const struct drbd_uuid_peers *p,
				u64 new_current, u64 weak, u64 dagtag, bool up_to_date,
				bool primary, u64 *changed)
{
	u64 old = u->cur;
	unsigned int n;

	*changed = 0;
	if (up_to_date && strip(old) != DRBD_UUID_JUST_CREATED)
		drbd_uuid_rotate(u, p, weak, dagtag, old, changed);
	for (n = 0; n < DRBD_UUID_NODES; n++) {
		if (n == u->my_node_id || (weak & BIT_ULL(n)) || !(u->slot_mask & (1u << n)) ||
		    !u->bitmap[n])
			continue;
		drbd_uuid_set_bitmap(u, (u8)n, strip(new_current), dagtag);
		*changed |= BIT_ULL(n);
	}
	u->cur = primary ? new_current | DRBD_UUID_PRIMARY : strip(new_current);
	drbd_uuid_push(u, old);
}

void drbd_uuid_clear_all_bitmaps(struct drbd_uuid_set *u)
{
	unsigned int n;

	for (n = 0; n < DRBD_UUID_NODES; n++)
		drbd_uuid_set_bitmap(u, (u8)n, 0, 0);
}

void drbd_uuid_skip_initial_sync(struct drbd_uuid_set *u, u8 peer, u64 cur, bool primary)
{
	u->cur = primary ? cur | DRBD_UUID_PRIMARY : strip(cur);
	drbd_uuid_set_bitmap(u, peer, 0, 0);
}

/* ----------------------------------------------------------------- a resync */

bool drbd_uuid_target_before_start(struct drbd_uuid_set *u, const struct drbd_peer_uuids *peer)
{
	u64 bm = peer->bitmap[u->my_node_id];

	if (strip(u->cur) != DRBD_UUID_JUST_CREATED || !bm || bm == DRBD_UUID_UNKNOWN)
		return false;
	u->cur = strip(bm);
	return true;
}

u64 drbd_uuid_target_started(struct drbd_uuid_set *u, const struct drbd_uuid_peers *p, u8 source,
			     u64 dagtag)
{
	struct drbd_uuid_peers others = *p;
	u64 changed;

	/* The source is here, whatever its disk is called meanwhile. */
	others.disk_state[source] = D_UP_TO_DATE;
	if (strip(u->cur) != DRBD_UUID_JUST_CREATED && u->cur)
		drbd_uuid_rotate(u, &others, 0, dagtag, u->cur, &changed);
	return u->cur;
}

void drbd_uuid_target_finished(struct drbd_uuid_set *u, struct drbd_peer_uuids *src, u8 source,
			       u64 start_uuid, const u64 seen_current[DRBD_UUID_NODES],
			       bool primary, u64 *newly)
{
	unsigned int n;
	int i;

	*newly = 0;
	for (i = DRBD_UUID_HISTORY - 1; i >= 0; i--)
		drbd_uuid_push(u, src->history[i]);
	for (n = 0; n < DRBD_UUID_NODES; n++)
		if ((src->bitmap_mask & BIT_ULL(n)) && src->bitmap[n] != DRBD_UUID_UNKNOWN)
			drbd_uuid_push(u, src->bitmap[n]);

	for (n = 0; n < DRBD_UUID_NODES; n++) {
		bool listed = (src->bitmap_mask & BIT_ULL(n)) && src->bitmap[n] &&
			      src->bitmap[n] != DRBD_UUID_UNKNOWN;
		bool seen = seen_current[n] && drbd_uuid_eq(seen_current[n], src->cur);

		if (n == u->my_node_id || !(u->slot_mask & (1u << n)))
			continue;
		if (n != source && listed && !seen) {
			if (!u->bitmap[n])
				*newly |= BIT_ULL(n);
			drbd_uuid_set_bitmap(u, (u8)n, strip(start_uuid), u->bitmap_dagtag[n]);
		} else {
			drbd_uuid_set_bitmap(u, (u8)n, 0, 0);
		}
	}
	u->cur = primary ? src->cur | DRBD_UUID_PRIMARY : strip(src->cur);

	src->cur = u->cur;
	memcpy(src->history, u->history, sizeof(src->history));
	for (n = 0; n < DRBD_UUID_NODES; n++)
		if (n != source)
			src->bitmap[n] = n == u->my_node_id ? 0 : u->bitmap[n];
	src->bitmap_mask |= BIT_ULL(u->my_node_id);
}

void drbd_uuid_in_sync_with(struct drbd_uuid_set *u, u8 peer)
{
	drbd_uuid_set_bitmap(u, peer, 0, 0);
}

void drbd_uuid_source_full_sync(struct drbd_uuid_set *u, u8 peer, u64 peer_current, u64 dagtag)
{
	drbd_uuid_set_bitmap(u, peer, strip(peer_current), dagtag);
}

/* Lists the peer a zero for node @n? */
static bool listed_zero(const struct drbd_peer_uuids *peer, unsigned int n)
{
	return (peer->bitmap_mask & BIT_ULL(n)) && peer->bitmap[n] == 0;
}

static void detect_copy(struct drbd_uuid_set *u, u8 from, u8 to, struct drbd_uuid_detected *out)
{
	drbd_uuid_set_bitmap(u, to, u->bitmap[from], u->bitmap_dagtag[from]);
	if ((u->slot_mask & (1u << from)) && (u->slot_mask & (1u << to)) &&
	    out->nr_copies < ARRAY_SIZE(out->copy)) {
		out->copy[out->nr_copies].from = from;
		out->copy[out->nr_copies].to = to;
		out->nr_copies++;
	}
	out->changed = true;
}

/* Two nodes on the same generation, as the sender knows: so are they here. */
static void detect_equal_bitmaps(struct drbd_uuid_set *u, u8 from,
				 const struct drbd_peer_uuids *peer, u64 connected,
				 struct drbd_uuid_detected *out)
{
	u32 cand = u->slot_mask & (u32)~connected & ~(1u << u->my_node_id) & ~(1u << from);
	unsigned int a, b;

	for (a = 0; a < DRBD_UUID_NODES; a++) {
		if (!(cand & (1u << a)) || !(peer->bitmap_mask & BIT_ULL(a)) || !peer->bitmap[a] ||
		    peer->bitmap[a] == DRBD_UUID_UNKNOWN ||
		    !drbd_uuid_eq(u->bitmap[a], peer->bitmap[a]))
			continue;
		for (b = 0; b < DRBD_UUID_NODES; b++) {
			if (b == a || !(cand & (1u << b)) ||
			    !(peer->bitmap_mask & BIT_ULL(b)) ||
			    !drbd_uuid_eq(peer->bitmap[a], peer->bitmap[b]) ||
			    drbd_uuid_eq(u->bitmap[b], u->bitmap[a]))
				continue;
			detect_copy(u, (u8)a, (u8)b, out);
		}
	}
}

void drbd_uuid_detect_finished(struct drbd_uuid_set *u, u8 from, const struct drbd_peer_uuids *peer,
			       u64 self_resolved_current, bool self_sync_target, u64 busy,
			       u64 connected, struct drbd_uuid_detected *out)
{
	bool same = drbd_uuid_eq(peer->cur, self_resolved_current) && !self_sync_target &&
		    !(peer->flags & DRBD_UUID_F_SYNC_TARGET);
	unsigned int x, f;

	memset(out, 0, sizeof(*out));
	for (x = 0; x < DRBD_UUID_NODES; x++) {
		int best = -1;

		if (x == u->my_node_id || !((u->slot_mask | u->exists_mask) & (1u << x)))
			continue;
		if (x != from && (busy & BIT_ULL(x)))
			continue;
		/* What the sender says of itself is in its own entry (value 0). */
		if (!listed_zero(peer, x) || !u->bitmap[x])
			continue;
		if (same) {
			drbd_uuid_set_bitmap(u, (u8)x, 0, 0);
			if (x != from)
				out->clear_slots |= BIT_ULL(x);
			out->changed = true;
			continue;
		}
		for (f = 0; f < DRBD_UUID_NODES; f++) {
			if (f == x || f == u->my_node_id || !u->bitmap[f] ||
			    !drbd_uuid_eq(u->bitmap[f], peer->cur) ||
			    (s64)(u->bitmap_dagtag[f] - u->bitmap_dagtag[x]) <= 0)
				continue;
			if (best < 0 ||
			    (!(u->slot_mask & (1u << best)) && (u->slot_mask & (1u << f))))
				best = (int)f;
		}
		if (best >= 0) {
			detect_copy(u, (u8)best, (u8)x, out);
			out->tell_sender = true;
		}
	}
	detect_equal_bitmaps(u, from, peer, connected, out);
}

/* ------------------------------------------------------------- UUID packets */

u64 drbd_uuid_resolved_current(const struct core_resource *r, u32 dev, u32 conn,
			       bool *sync_target)
{
	const struct core_device *d = &r->dev[dev];
	u32 c;

	*sync_target = false;
	if (!d->uuids)
		return 0;
	for_each_conn(c, r) {
		const struct core_peer_device *pd = &d->pd[c];

		if (c == conn || pd->repl_state[DRBD_OLD] != L_SYNC_TARGET || !pd->uuids)
			continue;
		*sync_target = true;
		return strip(pd->uuids->cur) |
		       (r->role[DRBD_OLD] == R_PRIMARY ? DRBD_UUID_PRIMARY : 0);
	}
	return d->uuids->cur;
}

static u64 local_uuid_flags(const struct core_resource *r, const struct core_device *dev,
			    const struct core_connection *c, bool sync_target)
{
	u64 flags = 0;

	if (c->flags & CORE_CONN_DISCARD_MY_DATA)
		flags |= DRBD_UUID_F_DISCARD_MY_DATA;
	if (dev->flags & CORE_DEV_CRASHED_PRIMARY)
		flags |= DRBD_UUID_F_CRASHED_PRIMARY;
	if (!(dev->md_flags & DRBD_MDF_CONSISTENT))
		flags |= DRBD_UUID_F_INCONSISTENT;
	if (drbd_stable(r, DRBD_OLD))
		flags |= DRBD_UUID_F_STABLE;
	if (c->flags & CORE_CONN_WAS_CONNECTED)
		flags |= DRBD_UUID_F_RECONNECT;
	if (dev->flags & CORE_DEV_PRIMARY_LOST_QUORUM)
		flags |= DRBD_UUID_F_PRIMARY_LOST_QUORUM;
	if (sync_target)
		flags |= DRBD_UUID_F_SYNC_TARGET;
	return flags;
}

/* The bitmap UUID to report for node @n. */
static u64 reported_bitmap(const struct core_resource *r, const struct core_device *dev,
			   unsigned int n)
{
	u64 bm = dev->uuids->bitmap[n];
	u32 c;

	if (bm)
		return bm;
	for_each_conn(c, r) {
		const struct core_peer_device *pd = &dev->pd[c];

		if (r->conn[c].peer_node_id == n && drbd_is_sync_target(pd->repl_state[DRBD_OLD]) &&
		    pd->uuids && pd->uuids->cur &&
		    !drbd_uuid_eq(pd->uuids->cur, dev->uuids->cur))
			return DRBD_UUID_UNKNOWN;
	}
	return 0;
}

void drbd_uuid_packet_build(const struct core_resource *r, u32 dev, u32 conn, u64 flags,
			    u64 node_mask, struct drbd_uuid_packet *pkt)
{
	const struct core_device *d = &r->dev[dev];
	const struct core_connection *c = &r->conn[conn];
	const struct drbd_uuid_set *u = d->uuids;
	bool sync_target;
	unsigned int n;
	u32 listed;

	memset(pkt, 0, sizeof(*pkt));
	if (!u)
		return;
	pkt->cur = drbd_uuid_resolved_current(r, dev, conn, &sync_target);
	pkt->dirty_bits = d->pd[conn].bits;
	pkt->flags = local_uuid_flags(r, d, c, sync_target) | flags;
	pkt->node_mask = pkt->flags & DRBD_UUID_F_STABLE ? node_mask :
			 drbd_connected_primaries(r, DRBD_OLD);

	listed = u->slot_mask | u->exists_mask;
	for (n = 0; n < DRBD_UUID_NODES; n++) {
		if (!(listed & (1u << n)))
			continue;
		pkt->bitmap_mask |= BIT_ULL(n);
		pkt->bitmap[n] = reported_bitmap(r, d, n);
	}
	/* The first day-0 entry, if there is a slot that records for it. */
	if (c->protocol_version >= 116 && hweight32(u->slot_mask) < u->max_peers) {
		for (n = 0; n < DRBD_UUID_NODES; n++) {
			if (n == u->my_node_id || n == c->peer_node_id ||
			    (listed & (1u << n)) || !u->bitmap[n])
				continue;
			pkt->bitmap_mask |= BIT_ULL(n);
			pkt->bitmap[n] = u->bitmap[n];
			pkt->flags |= DRBD_UUID_F_HAS_UNALLOC |
				      (u64)n << DRBD_UUID_UNALLOC_SHIFT;
			break;
		}
	}
	memcpy(pkt->history, u->history, sizeof(pkt->history));
}

bool drbd_uuid_packet_absorb(struct drbd_peer_uuids *peer, struct drbd_uuid_set *own,
			     const struct drbd_uuid_packet *pkt)
{
	bool unalloc = pkt->flags & DRBD_UUID_F_HAS_UNALLOC;
	unsigned int day0 = (unsigned int)(pkt->flags >> DRBD_UUID_UNALLOC_SHIFT);
	unsigned int n;

	if (pkt->bitmap_mask >> DRBD_UUID_NODES)
		return false;

	peer->received = true;
	peer->cur = pkt->cur;
	peer->dirty_bits = pkt->dirty_bits;
	peer->flags = pkt->flags;
	peer->node_mask = pkt->node_mask;
	peer->bitmap_mask = pkt->bitmap_mask;
	memcpy(peer->history, pkt->history, sizeof(peer->history));
	for (n = 0; n < DRBD_UUID_NODES; n++) {
		bool listed = pkt->bitmap_mask & BIT_ULL(n);

		peer->bitmap[n] = listed ? pkt->bitmap[n] : DRBD_UUID_UNKNOWN;
		if (own && listed && !(own->slot_mask & (1u << n)) && !(unalloc && n == day0))
			own->exists_mask |= 1u << n;
	}
	return true;
}

void drbd_uuid_packet84_absorb(struct drbd_peer_uuids *peer, u8 my_node_id, u64 cur, u64 bitmap,
			       u64 hist0, u64 hist1, u64 dirty_bits, u64 flags)
{
	unsigned int n;

	memset(peer, 0, sizeof(*peer));
	peer->received = true;
	peer->cur = cur;
	peer->dirty_bits = dirty_bits;
	peer->flags = (flags & DRBD_UUID_F_LOCAL_ONLY_MASK) | DRBD_UUID_F_STABLE;
	for (n = 0; n < DRBD_UUID_NODES; n++)
		peer->bitmap[n] = DRBD_UUID_UNKNOWN;
	peer->bitmap[my_node_id] = bitmap;
	peer->bitmap_mask = BIT_ULL(my_node_id);
	peer->history[0] = hist0;
	peer->history[1] = hist1;
}

void drbd_uuid_missed_end(const struct drbd_uuid_set *own, u8 peer_node_id,
			  const struct drbd_peer_uuids *peer, u64 sent_bitmap_uuid,
			  u64 self_resolved_current, bool self_sync_target, u64 sent_dirty_bits,
			  unsigned int protocol_version, struct drbd_uuid_missed_end *out)
{
	u64 peer_bm = peer->bitmap[own->my_node_id];
	bool no_bits = !sent_dirty_bits && !peer->dirty_bits;

	(void)peer_node_id;
	memset(out, 0, sizeof(*out));
	if (!drbd_uuid_eq(peer->cur, self_resolved_current) || self_sync_target ||
	    (peer->flags & DRBD_UUID_F_SYNC_TARGET))
		return;
	/* An entry that was not listed says nothing. */
	if (peer_bm == DRBD_UUID_UNKNOWN)
		return;

	if (strip(peer_bm) && !strip(sent_bitmap_uuid) &&
	    !drbd_uuid_eq(peer_bm, self_resolved_current)) {
		if (!no_bits || protocol_version < 124)
			out->peer_missed = true;
	} else if (!strip(peer_bm) && strip(sent_bitmap_uuid) &&
		   !drbd_uuid_eq(sent_bitmap_uuid, self_resolved_current)) {
		if (no_bits)
			out->clear_bitmap_uuid = true;
		if (!no_bits || protocol_version < 124)
			out->source_missed = true;
	}
}
