#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# stonith_admin-fence-peer.sh: handler for fence-peer; asks Pacemaker to switch the peer off.
# Status 7, peer was fenced, or 1.  For fencing resource-and-stonith.
set -u

names=DRBD_NODE_ID_${DRBD_PEER_NODE_ID:-none}
peer=${!names:-}
peer=${peer%% *}
log() { logger -s -t "${0##*/}" "${DRBD_RESOURCE:-}: $*"; }

if [ -z "$peer" ]; then
	log "do not know the name of the peer, node id '${DRBD_PEER_NODE_ID:-}'"
	exit 1
fi
# Several resources lose the same peer at a time: once is enough.
if stonith_admin --fence "$peer" --tolerance 15s --tag drbd; then
	log "$peer was fenced"
	exit 7
fi
log "$peer could not be fenced"
exit 1
