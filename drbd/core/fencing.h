/* SPDX-License-Identifier: GPL-2.0-only */
/* Fencing (states.md 15).  Pure; any context. */
#ifndef DRBD_CORE_FENCING_H
#define DRBD_CORE_FENCING_H

#include "state.h"

#ifdef __cplusplus
extern "C" {
#endif

enum drbd_fence_start {
	FENCE_CALL,			/* run the helper, then drbd_fence_result() */
	FENCE_SKIP_SUCCESS,		/* policy dont-care, or helpers disabled */
	FENCE_SKIP_FAILED,		/* susp_fen[NEW] was cleared where needed: commit that */
	FENCE_SKIP_CONNECTED,
};

/* May put susp_fen := no into NEW. */
enum drbd_fence_start drbd_fence_start(struct core_resource *r, u32 conn, bool helper_disabled);

/* Cleanup after connection loss (7.4.8): start fence-peer in a thread of its own? */
bool drbd_fence_on_disconnect(const struct core_resource *r, u32 conn);

/*
 * The helper's exit code into NEW.  @stale: the connection was established (and
 * perhaps lost again) since the helper was started.  Returns whether something
 * is to be committed (soft, verbose).
 */
bool drbd_fence_result(struct core_resource *r, u32 conn, int exit_code, bool stale);

/* After the result was committed: did fencing succeed (peer <= Outdated)? */
bool drbd_fence_succeeded(const struct core_resource *r, u32 conn);

enum drbd_freeze_end {
	FREEZE_STAYS,
	FREEZE_ENDS_NEW_UUID,		/* create pending UUIDs first, then commit */
	FREEZE_ENDS_DROP_UUID,		/* drop pending UUID marks, commit */
};

/* End of the fencing freeze (15.3).  Puts susp_fen := no into NEW if it ends. */
enum drbd_freeze_end drbd_fencing_freeze_end(struct core_resource *r, u32 conn);

/* What the fence helpers get as UP_TO_DATE_NODES (16). */
u64 drbd_up_to_date_nodes(const struct core_resource *r, bool unfence);

#ifdef __cplusplus
}
#endif

#endif /* DRBD_CORE_FENCING_H */
