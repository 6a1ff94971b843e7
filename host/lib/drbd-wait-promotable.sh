#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# drbd-wait-promotable.sh INSTANCE: wait until the resource could become Primary, or is.
# How long is up to the caller.
set -u

[ -z "${DRBD_TEST_PATH:-}" ] || PATH=$DRBD_TEST_PATH:$PATH
[ $# = 1 ] || { echo "usage: drbd-wait-promotable.sh INSTANCE" >&2; exit 1; }
resource=$(printf '%b' "$1")

coproc drbdsetup events2 "$resource"
watcher=$!
rc=1
seen=
while read -r -u "${COPROC[0]}" event kind rest; do
	case "$event $kind" in
	"exists -") [ "$seen" ] || break ;;
	"destroy resource") break ;;
	*" resource")
		seen=yes
		case " $rest " in
		*" may_promote:yes "* | *" role:Primary "*) rc=0; break ;;
		esac ;;
	esac
done
kill "$watcher" 2>/dev/null
[ $rc = 0 ] || echo "drbd-wait-promotable: resource '$resource' is not configured, or no longer" >&2
exit $rc
