// SPDX-License-Identifier: GPL-2.0-only
/* What a received P_STATE means (states.md 9.2). */
#include "state_internal.h"

static bool sync_source_side(u8 repl)
{
	return drbd_is_sync_source(repl) || repl == L_WF_BITMAP_S;
}

/* The peer said it was target: only then may its "Established" end a resync. */
static bool peer_was_target(const struct core_connection *c, u8 peer_repl_before)
{
	if (c->protocol_version < PROTO_MULTI_PEER)
		return true;
	return drbd_is_sync_target(peer_repl_before);
}

static void decide_established(const struct core_resource *r, const struct core_device *dev,
			       const struct core_peer_device *pd, const struct drbd_state_fields *f,
			       struct drbd_peer_state_decision *d)
{
	u8 repl = pd->repl_state[DRBD_OLD];
	/* Its own part may be over by the time it says so, with a resync that I do not know of. */
	bool attach = dev->disk_state[DRBD_OLD] == D_NEGOTIATING || f->disk == D_NEGOTIATING ||
		      (pd->disk_state[DRBD_OLD] == D_NEGOTIATING && f->conn > L_ESTABLISHED);

	(void)r;
	if (dev->disk_state[DRBD_OLD] < D_NEGOTIATING || f->disk < D_NEGOTIATING ||
	    f->disk == D_UNKNOWN || !(pd->flags & CORE_PD_UUIDS_RECEIVED))
		return;
	/* Who is already on the way to a resync stays on it: what the comparison saw
	 * then (discard-my-data, stability) may be gone from the UUIDs by now. */
	if (repl != L_ESTABLISHED)
		return;
	if (attach) {
		d->compare_attach = true;
		return;
	}
	/* It has begun one already, of new space: I will, too, and without any comparison. */
	if (drbd_is_sync_target(f->conn))
		return;
	if ((pd->flags & CORE_PD_CONSIDER_RESYNC) || f->conn == L_STARTING_SYNC_S ||
	    f->conn == L_STARTING_SYNC_T ||
	    (f->conn == L_WF_BITMAP_T && (peer_flags(pd) & DRBD_UUID_F_CRASHED_PRIMARY)))
		d->compare = true;
}

void drbd_peer_state_decide(const struct core_resource *r, u32 dev_i, u32 conn_i, u32 word,
			    u8 peer_repl_before, struct drbd_peer_state_decision *d)
{
	const struct core_device *dev = &r->dev[dev_i];
	const struct core_connection *c = &r->conn[conn_i];
	const struct core_peer_device *pd = &dev->pd[conn_i];
	u8 repl = pd->repl_state[DRBD_OLD], pdsk = pd->disk_state[DRBD_OLD];
	u8 disk = dev->disk_state[DRBD_OLD];
	struct drbd_state_fields f;

	drbd_state_unpack(word, &f);
	memset(d, 0, sizeof(*d));
	d->repl_state = repl;
	d->peer_disk = f.disk;
	d->reaction = PEER_STATE_APPLY;

	if (f.role > R_SECONDARY || f.disk > D_UP_TO_DATE || f.disk == D_UNKNOWN) {
		d->reaction = PEER_STATE_DISCONNECT;
		return;
	}
	if (c->cstate[DRBD_OLD] <= C_TEAR_DOWN) {
		d->reaction = PEER_STATE_DROP;
		return;
	}
	if (f.disk > D_DISKLESS && !(pd->flags & CORE_PD_BITMAP)) {
		d->reaction = PEER_STATE_DISCONNECT;
		return;
	}
	if (c->cstate[DRBD_OLD] < C_CONNECTED) {
		/* Left-overs of an aborted handshake look the same. */
		d->reaction = c->flags & CORE_CONN_HANDSHAKE ? PEER_STATE_RECORD :
							       PEER_STATE_IGNORE;
		if (d->peer_disk == D_NEGOTIATING)
			d->peer_disk = peer_flags(pd) & DRBD_UUID_F_INCONSISTENT ? D_INCONSISTENT :
										   D_CONSISTENT;
		return;
	}

	/*
	 * It attached thinking that I have no disk.  If so did I, neither has asked for a
	 * comparison, and both notice it by this; if not, I asked without counting it.
	 */
	if (repl == L_ESTABLISHED && disk >= D_NEGOTIATING && disk != D_UNKNOWN &&
	    (pdsk == D_DISKLESS || pdsk == D_ATTACHING) && f.disk > D_NEGOTIATING) {
		d->reaction = PEER_STATE_MEET_ANEW;
		return;
	}

	if (d->peer_disk == D_NEGOTIATING && repl > L_ESTABLISHED)
		d->peer_disk = peer_flags(pd) & DRBD_UUID_F_INCONSISTENT ? D_INCONSISTENT :
									   D_CONSISTENT;

	if (sync_source_side(repl) && disk >= D_INCONSISTENT &&
	    (pdsk == D_INCONSISTENT || pdsk == D_CONSISTENT) &&
	    peer_was_target(c, peer_repl_before)) {
		if (f.conn == L_ESTABLISHED) {
			d->reaction = repl == L_WF_BITMAP_S ? PEER_STATE_FINISH_AFTER_START :
							      PEER_STATE_RESYNC_FINISHED;
			return;
		}
		if (f.conn > L_ESTABLISHED && f.conn < L_SYNC_SOURCE)
			d->peer_disk = D_INCONSISTENT;
	}
	if (repl == L_VERIFY_T && disk == D_UP_TO_DATE && f.conn == L_ESTABLISHED &&
	    f.disk == D_UP_TO_DATE) {
		d->reaction = PEER_STATE_VERIFY_FINISHED;
		return;
	}
	/* The target of a resync that is about to begin; my own state follows. */
	if (repl == L_ESTABLISHED && pdsk == D_UP_TO_DATE && f.disk == D_INCONSISTENT &&
	    f.conn > L_SYNC_SOURCE && f.conn <= L_BEHIND)
		d->peer_disk = D_UP_TO_DATE;

	decide_established(r, dev, pd, &f, d);
	d->answer_resync = (d->compare || d->compare_attach) && f.conn <= L_ESTABLISHED;

	if (f.conn == L_OFF) {
		d->answer_intro = repl == L_OFF;
		d->answer_state = true;
	}
	if (repl == L_OFF)
		d->repl_state = L_ESTABLISHED;
	if (f.conn == L_AHEAD && repl >= L_ESTABLISHED)
		d->repl_state = L_BEHIND;
}

bool drbd_peer_state_overtaken(const struct core_resource *r, u32 dev_i, u32 conn_i, u32 word,
			       u8 peer_repl_before, const struct drbd_peer_state_decision *then)
{
	struct drbd_peer_state_decision now;

	/* A result of a comparison is nothing to go by without a disk. */
	if ((then->compare || then->compare_attach) &&
	    r->dev[dev_i].disk_state[DRBD_OLD] < D_NEGOTIATING)
		return true;
	drbd_peer_state_decide(r, dev_i, conn_i, word, peer_repl_before, &now);
	return now.reaction != then->reaction || now.repl_state != then->repl_state ||
	       now.peer_disk != then->peer_disk;
}

unsigned int drbd_peer_state_apply(struct core_resource *r, u32 dev_i, u32 conn_i, u32 word,
				   const struct drbd_peer_state_decision *d, u8 hs_repl)
{
	struct core_device *dev = &r->dev[dev_i];
	struct core_connection *c = &r->conn[conn_i];
	struct core_peer_device *pd = &dev->pd[conn_i];
	struct drbd_state_fields f;
	unsigned int flags = 0;

	drbd_state_unpack(word, &f);
	pd->repl_state[DRBD_NEW] = d->repl_state;
	if (d->compare_attach) {
		/* The attaching node collects results; its peers act on theirs. */
		if (dev->disk_state[DRBD_OLD] == D_NEGOTIATING)
			pd->negotiation = hs_repl ? hs_repl : CORE_NEG_NO_RESULT;
		else if (hs_repl)
			pd->repl_state[DRBD_NEW] = hs_repl;
	} else if (hs_repl) {
		pd->repl_state[DRBD_NEW] = hs_repl;
		/* To be kept even if nothing else changes. */
		if (pd->flags & CORE_PD_CONSIDER_RESYNC)
			flags |= CORE_FORCE_RECALC;
		pd->flags &= ~CORE_PD_CONSIDER_RESYNC;
	}
	/* What the peer's own comparison goes by: ahead of the bitmap that it is about. */
	if (d->answer_resync && hs_repl > L_ESTABLISHED &&
	    pd->repl_state[DRBD_NEW] > L_ESTABLISHED)
		pd->after |= CORE_PD_SEND_UUIDS | CORE_PD_SEND_STATE;
	if (pd->repl_state[DRBD_OLD] < L_ESTABLISHED && pd->repl_state[DRBD_NEW] >= L_ESTABLISHED)
		flags |= CORE_HARD;
	if (dev->disk_state[DRBD_OLD] == D_NEGOTIATING)
		flags |= CORE_FORCE_RECALC;

	c->peer_role[DRBD_NEW] = f.role;
	pd->disk_state[DRBD_NEW] = d->peer_disk;
	pd->resync_susp_peer[DRBD_NEW] = f.aftr_isp || f.user_isp;
	if (f.quorum)
		pd->flags |= CORE_PD_PEER_QUORATE;
	else
		pd->flags &= ~CORE_PD_PEER_QUORATE;
	if ((f.quorum != 0) && dev->disk_state[DRBD_OLD] <= D_ATTACHING)
		flags |= CORE_FORCE_RECALC;
	return flags;
}
