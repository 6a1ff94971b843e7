// SPDX-License-Identifier: GPL-2.0-only
#include "size.h"

u64 drbd_size_own_limit(u64 backing, u64 md_limit)
{
	u64 limit = backing < md_limit ? backing : md_limit;

	return limit < DRBD_MD_MAX_SECTORS ? limit : DRBD_MD_MAX_SECTORS;
}

u64 drbd_size_agree(const struct drbd_size_view *view, u64 u_size, u32 dds_flags,
		    bool *cap_too_big)
{
	bool assume = dds_flags & DRBD_DDS_ASSUME_PEER_HAS_SPACE;
	u64 size = drbd_size_min_known(view->own_limit,
				       assume ? view->visible_min : view->peers_min);

	if (cap_too_big)
		*cap_too_big = false;
	if (!size)
		return 0;
	/* A disk out of sight may be just as big as it was agreed, and no bigger. */
	if (view->invisible_disk && !assume)
		size = drbd_size_min_known(size, view->last_agreed);
	if (!u_size)
		return size;
	if (u_size <= size)
		return u_size;
	if (cap_too_big)
		*cap_too_big = true;
	return size;
}

enum drbd_resize_verdict drbd_size_resize(const struct drbd_size_view *view, u64 reached_limit,
					  u64 user_size, u32 dds_flags, u64 *size,
					  bool *cap_too_big)
{
	struct drbd_size_view v = *view;

	v.peers_min = drbd_size_min_known(v.peers_min, reached_limit);
	v.visible_min = drbd_size_min_known(v.visible_min, reached_limit);
	*size = drbd_size_agree(&v, user_size, dds_flags, cap_too_big);
	/* A device that has no agreed size yet can lose what it shows, and no more. */
	if (*size != user_size && *size < v.last_agreed)
		return DRBD_RESIZE_SHRINKS;
	return *size == v.capacity ? DRBD_RESIZE_UNCHANGED : DRBD_RESIZE_CHANGED;
}

u64 drbd_size_new_space(u64 self, u64 peer, u64 agreed)
{
	u64 common = self < peer ? self : peer;

	/* A device that never had a size has no data either: all of it is compared. */
	return common && common < agreed ? common : agreed;
}

u64 drbd_size_d_size(const struct drbd_size_view *view)
{
	return drbd_size_min_known(view->own_limit, view->visible_min);
}

static void refuse(struct drbd_size_decision *d, const struct drbd_size_view *view,
		   enum drbd_size_verdict verdict)
{
	d->verdict = verdict;
	d->size = view->capacity;
	d->u_size = view->u_size;
	d->peer_max = 0;
}

static void receive_diskless(const struct drbd_size_view *view,
			     const struct drbd_size_offer *offer, struct drbd_size_decision *d)
{
	u64 size = drbd_size_min_known(drbd_size_min_known(offer->c_size, offer->u_size),
				       offer->d_size);

	if (!size || size == view->capacity || (view->capacity && offer->peer_diskless) ||
	    offer->smaller_visible)
		return;
	if (view->primary && size < view->capacity) {
		refuse(d, view, DRBD_SIZE_PEER_DEVICE_TOO_SMALL);
		return;
	}
	d->size = size;
	d->verdict = DRBD_SIZE_CHANGED;
}

void drbd_size_receive(const struct drbd_size_view *view, const struct drbd_size_offer *offer,
		       struct drbd_size_decision *d)
{
	u64 size;

	memset(d, 0, sizeof(*d));
	d->verdict = DRBD_SIZE_UNCHANGED;
	d->size = view->capacity;
	d->u_size = view->u_size;

	if ((offer->d_size && offer->c_size > offer->d_size) ||
	    (offer->u_size && offer->c_size > offer->u_size)) {
		refuse(d, view, DRBD_SIZE_BOGUS);
		return;
	}
	d->peer_max = offer->d_size;
	if (!view->own_limit) {
		receive_diskless(view, offer, d);
		return;
	}

	if (offer->handshake)
		d->u_size = drbd_size_min_known(view->u_size, offer->u_size);
	else if (offer->u_size || !offer->peer_diskless)
		d->u_size = offer->u_size;
	size = drbd_size_agree(view, d->u_size, offer->dds_flags, &d->cap_too_big);
	if (size < view->capacity && view->outdated_or_better &&
	    (offer->handshake || offer->peer_diskless)) {
		refuse(d, view, DRBD_SIZE_PEER_TOO_SMALL);
		return;
	}
	if (!offer->handshake && view->own_limit < offer->c_size) {
		refuse(d, view, DRBD_SIZE_OWN_TOO_SMALL);
		return;
	}
	d->no_resync = (offer->dds_flags & DRBD_DDS_NO_RESYNC) || !view->last_agreed;
	d->size = size;
	if (size != view->capacity)
		d->verdict = DRBD_SIZE_CHANGED;
}

enum drbd_size_attach drbd_size_check_attach(const struct drbd_size_view *view, bool consistent,
					     u64 *size)
{
	u64 agreed;

	if (view->own_limit < view->u_size || view->own_limit < view->capacity)
		return DRBD_SIZE_ATTACH_TOO_SMALL;
	agreed = drbd_size_agree(view, view->u_size, 0, NULL);
	if (consistent && agreed < view->last_agreed && agreed != view->u_size)
		return DRBD_SIZE_ATTACH_SHRINK;
	if (size)
		*size = agreed;
	return DRBD_SIZE_ATTACH_OK;
}

bool drbd_size_new_space_is_clean(bool zeroes_guaranteed, u64 current_uuid, bool was_up_to_date,
				  bool rs_discard, bool uuids_zero)
{
	if (!zeroes_guaranteed || current_uuid == DRBD_UUID_JUST_CREATED)
		return false;
	return was_up_to_date || (rs_discard && uuids_zero);
}

enum drbd_grow_role drbd_size_grow_role(int self, int peer, u64 diskful_primaries,
					     int prepare_from, u64 prepare_to)
{
	bool self_primary = diskful_primaries >> self & 1;
	bool peer_primary = diskful_primaries >> peer & 1;

	if (diskful_primaries) {
		if (self_primary && peer_primary)
			return self < peer ? DRBD_GROW_SOURCE : DRBD_GROW_TARGET;
		if (self_primary)
			return DRBD_GROW_SOURCE;
		return peer_primary ? DRBD_GROW_TARGET : DRBD_GROW_NONE;
	}
	if (peer == prepare_from)
		return DRBD_GROW_TARGET;
	return prepare_to >> peer & 1 ? DRBD_GROW_SOURCE : DRBD_GROW_NONE;
}

enum drbd_grow_role drbd_size_grow_role_traditional(int self, int peer, bool self_primary,
							 bool peer_primary)
{
	if (self_primary != peer_primary)
		return self_primary ? DRBD_GROW_SOURCE : DRBD_GROW_TARGET;
	return self < peer ? DRBD_GROW_SOURCE : DRBD_GROW_TARGET;
}
