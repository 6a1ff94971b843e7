#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# snapshot-resync-target-lvm.sh [-p PERCENT] [-a KIB] [-n] [-v] [-- LVCREATE-OPTION...]
# unsnapshot-resync-target-lvm.sh
#
# Handlers for before-resync-target and after-resync-target.  While a node is synchronised its
# data is not consistent: the first makes a snapshot of each logical volume below the resource,
# the second removes it.
#
#   -p PERCENT  size of the snapshot in percent of the volume (default 15)
#   -a KIB      and so much more (default 10240)
#   -n          a snapshot that cannot be made stops the synchronisation
#   -v          tell what is done
set -u

percent=15 additional=10240 strict='' verbose=''

usage()
{
	echo "usage: ${0##*/} [-p PERCENT] [-a KIB] [-n] [-v] [-- LVCREATE-OPTION...]" >&2
	exit 1
}

number() { case $1 in '' | *[!0-9]*) usage ;; esac; }

while [ $# -gt 0 ]; do
	case $1 in
	-p | --percent) number "${2-}"; percent=$2; shift 2 ;;
	-a | --additional) number "${2-}"; additional=$2; shift 2 ;;
	-n | --disconnect-on-error) strict=yes; shift ;;
	-v | --verbose) verbose=yes; shift ;;
	--) shift; break ;;
	*) usage ;;
	esac
done

: "${DRBD_RESOURCE:?is set by drbdadm}" "${DRBD_LL_DISK:?is set by drbdadm}"

say() { [ -z "$verbose" ] || echo "$*"; logger -t "${0##*/}" "$DRBD_RESOURCE: $*" 2>/dev/null; }

# "VG LV SIZE-IN-KIB" of a device, nothing if it is no logical volume.
describe()
{
	lvs --noheadings --nosuffix --units k -o vg_name,lv_name,lv_size "$1" 2>/dev/null |
		awk 'NF == 3 { printf "%s %s %d\n", $1, $2, $3 }'
}

rc=0
for disk in $DRBD_LL_DISK; do
	[ "$disk" = none ] && continue
	read -r group volume size <<<"$(describe "$disk")"
	if [ -z "${size:-}" ]; then
		say "$disk is no logical volume: no snapshot"
		[ "${0##*/}" = unsnapshot-resync-target-lvm.sh ] || rc=1
		continue
	fi
	snapshot=$group/$volume-before-resync
	exists=
	lvs "$snapshot" >/dev/null 2>&1 && exists=yes
	case ${0##*/} in
	unsnapshot-*)
		[ "$exists" ] || continue
		lvremove -f "$snapshot" || rc=1
		say "removed $snapshot" ;;
	*)
		# One from a synchronisation that was broken off holds the last consistent data.
		if [ "$exists" ]; then
			say "$snapshot is there already: kept"
			continue
		fi
		if lvcreate -s -n "$volume-before-resync" -L "$((size * percent / 100 + additional))k" \
				"$@" "$group/$volume"; then
			say "made $snapshot"
		else
			say "cannot make $snapshot"
			rc=1
		fi ;;
	esac
done
[ "$strict" ] || exit 0
exit $rc
