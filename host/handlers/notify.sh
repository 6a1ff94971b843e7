#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# notify.sh [RECIPIENT]: tell by mail and in the log that something happened to a resource.
#
# A handler of DRBD; what happened is in the name by which it is called:
#   notify-EVENT.sh              tell, e.g. notify-split-brain.sh
#   notify-emergency-reboot.sh   tell, then restart this host at once
#   notify-emergency-shutdown.sh tell, then switch this host off at once
set -u

name=${0##*/}
event=${name#notify-}
event=${event%.sh}
recipient=${1:-root}
host=$(uname -n)
resource=${DRBD_RESOURCE:-unknown}
peer_names=DRBD_NODE_ID_${DRBD_PEER_NODE_ID:-none}
peer=${!peer_names:-${DRBD_PEER:-${DRBD_PEER_ADDRESS:-}}}

case $event in
split-brain)
	what="split brain"
	advice="The data on the two nodes has diverged, and the connection was dropped.
Decide whose changes are to be lost. 'drbdadm explain $resource' shows both sides; on that node run
    drbdadm disconnect $resource
    drbdadm secondary $resource
    drbdadm connect --discard-my-data $resource
and on the other one, if it is StandAlone
    drbdadm connect $resource" ;;
out-of-sync)
	what="verification found differences"
	advice="Blocks differ between the nodes. They are marked; to copy them from this node or its
peer, whichever is Primary, run
    drbdadm disconnect $resource
    drbdadm connect $resource" ;;
io-error | local-io-error)
	what="I/O error on the local disk"
	advice="Look at the kernel log and replace the disk ${DRBD_BACKING_DEV:-${DRBD_LL_DISK:-}}." ;;
pri-on-incon-degr)
	what="Primary without good data"
	advice="This node is Primary and has lost its last access to good data." ;;
pri-lost)
	what="Primary must be synchronised"
	advice="This node is Primary, but the peer has the data that is to be kept." ;;
pri-lost-after-sb)
	what="Primary lost a split brain"
	advice="The changes of this Primary are to be discarded, and it could not be demoted." ;;
quorum-lost)
	what="quorum lost"
	advice="This Primary is cut off from the majority of its peers." ;;
emergency-reboot)
	what="emergency: this host restarts now"
	advice= ;;
emergency-shutdown)
	what="emergency: this host is switched off now"
	advice= ;;
*)
	what=$event
	advice= ;;
esac

where="resource $resource${DRBD_VOLUME:+ volume $DRBD_VOLUME}${peer:+, peer $peer}"
logger -t "drbd-notify" -p daemon.warning "$what: $where on $host" 2>/dev/null

message="$what

$where, on $host, at $(date)

$advice

State:
$(timeout 5 drbdsetup status --verbose "$resource" 2>&1)"

# The state of the mail system must not hold up the driver, which waits for handlers.
subject="DRBD $what: $resource on $host"
if command -v mail >/dev/null; then
	timeout 30 mail -s "$subject" "$recipient" <<<"$message"
elif command -v sendmail >/dev/null; then
	printf 'To: %s\nSubject: %s\n\n%s\n' "$recipient" "$subject" "$message" |
		timeout 30 sendmail -t
fi

trigger=${DRBD_SYSRQ_TRIGGER:-/proc/sysrq-trigger}
case $event in
# Neither syncs nor unmounts: the point is to write nothing more.
emergency-reboot) echo b >"$trigger" ;;
emergency-shutdown) echo o >"$trigger" ;;
esac
exit 0
