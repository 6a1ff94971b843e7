// SPDX-License-Identifier: GPL-2.0-only
/* What a write does when a peer cannot keep up.  See congestion.h. */
#include "congestion.h"

enum drbd_congestion_answer drbd_congestion_decide(const struct drbd_congestion *c)
{
	bool full;

	if (c->policy != OC_PULL_AHEAD && c->policy != OC_DISCONNECT)
		return CONGESTION_NONE;
	/* Before 96 a peer does not know P_OUT_OF_SYNC. */
	if (c->protocol < 96 || !c->connected || !c->replicating || !c->local_up_to_date)
		return CONGESTION_NONE;

	full = (c->fill && c->in_flight >= c->fill) || c->active_extents >= c->extents;
	if (!full)
		return CONGESTION_NONE;
	return c->policy == OC_PULL_AHEAD ? CONGESTION_GO_AHEAD : CONGESTION_DROP;
}
