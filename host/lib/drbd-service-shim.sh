#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# drbd-service-shim.sh VERB [WORD] INSTANCE: what the units of a resource run.
#
# INSTANCE is the instance of the unit as it is written in its name.  Names of resources may
# have hyphens but no slashes, so a hyphen stays one; what systemd-escape(1) wrote as \xNN is
# the character of that code.
set -u

PATH=/sbin:/usr/sbin:/bin:/usr/bin
[ -z "${DRBD_TEST_PATH:-}" ] || PATH=$DRBD_TEST_PATH:$PATH

usage()
{
	echo "usage: drbd-service-shim.sh adjust|down|primary|secondary|secondary-or-fail|lvs-activate|lvs-deactivate INSTANCE" >&2
	echo "       drbd-service-shim.sh on-loss suspend-io|io-error INSTANCE" >&2
	exit 1
}

configured() { drbdsetup role "$1" >/dev/null 2>&1; }

# Backing and metadata devices of the resource that are logical volumes.
logical_volumes()
{
	local device
	{ drbdadm sh-ll-dev "$1"; drbdadm sh-md-dev "$1"; } | sort -u | while read -r device; do
		[ "$device" != none ] && lvs --noheadings -o lv_name "$device" >/dev/null 2>&1 &&
			echo "$device"
	done
}

change_volumes()
{
	local device rc=0
	for device in $(logical_volumes "$2"); do
		lvchange "$1" "$device" || rc=1
	done
	return $rc
}

[ $# -ge 2 ] || usage
resource=$(printf '%b' "${!#}")

case $1-$# in
adjust-2) exec drbdadm adjust "$resource" ;;
down-2) exec drbdsetup down "$resource" ;;
primary-2) exec drbdadm primary "$resource" ;;
secondary-2)
	configured "$resource" || exit 0
	exec drbdadm secondary "$resource" ;;
secondary-or-fail-2)
	configured "$resource" || exit 0
	drbdsetup secondary "$resource" && exit 0
	# Requests that wait for quorum or data keep the device open: let them fail.
	if drbdsetup status "$resource" | grep -q 'suspended:[^n]'; then
		exec drbdsetup secondary --force "$resource"
	fi
	exit 1 ;;
on-loss-3)
	case $2 in suspend-io | io-error) ;; *) usage ;; esac
	configured "$resource" || exit 0
	exec drbdsetup resource-options "$resource" --on-no-quorum="$2" --on-no-data-accessible="$2" ;;
lvs-activate-2) change_volumes -ay "$resource" ;;
lvs-deactivate-2) change_volumes -an "$resource" ;;
*) usage ;;
esac
