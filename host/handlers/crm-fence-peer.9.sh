#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# crm-fence-peer.9.sh    handler for fence-peer
# crm-unfence-peer.9.sh  handler for unfence-peer (or after-resync-target)
#
# The first puts a constraint into Pacemaker's configuration that forbids to promote the resource
# on all nodes but those whose data is up to date; the second takes it away.  With that, a peer
# that is not connected cannot become Primary with old data, even while this node is down.
#
#   -r, --resource NAME      instead of $DRBD_RESOURCE
#   --timeout SECONDS        how long to wait for a lost peer to be fenced or declared dead (90)
#   --dc-timeout SECONDS     how long to wait for Pacemaker to answer (20)
#   --fence-id ID            id of the constraint (drbd-fence-by-handler-RESOURCE-CLONE)
#   --flock-timeout SECONDS  how long to wait for a second call for this resource (30)
#   --flock-required         fail if that does not end in time
#   --unfence-only-if-owner-match  unfence only what allows this node to be Primary
#   --quiet                  write nothing to standard error, only to the log
# Further arguments may come in $OCF_RESKEY_unfence_extra_args for unfencing.
#
# Status of fencing, as the driver understands it: 4 the peer is outdated (it is a member of the
# cluster and may not be promoted), 5 it is unreachable and left the cluster cleanly, or this
# partition has quorum and there is no fencing, 7 it was fenced, 1 nothing was achieved.
set -u

me=${0##*/}
resource=${DRBD_RESOURCE:-} timeout=90 dc_timeout=20 fence_id=''
flock_timeout=30 flock_required='' only_if_owner='' quiet=''

log()
{
	logger -t "$me" "${resource:+$resource: }$*" 2>/dev/null
	[ -n "$quiet" ] || echo "$me: ${resource:+$resource: }$*" >&2
}

die() { log "$*"; exit 1; }

parse_arguments()
{
	local name value
	while [ $# -gt 0 ]; do
		name=$1 value=''
		shift
		case $name in
		--quiet) quiet=yes; continue ;;
		--flock-required) flock_required=yes; continue ;;
		--unfence-only-if-owner-match) only_if_owner=yes; continue ;;
		--*=*) value=${name#*=}; name=${name%%=*} ;;
		*)
			[ $# -gt 0 ] || die "argument '$name' is not known, or its value is missing"
			value=$1
			shift ;;
		esac
		case $name in
		--timeout | --dc-timeout | --flock-timeout)
			case $value in '' | *[!0-9]*) die "$name needs a number, not '$value'" ;; esac ;;
		esac
		case $name in
		-r | --resource) resource=$value ;;
		--timeout) timeout=$value ;;
		--dc-timeout) dc_timeout=$value ;;
		--fence-id) fence_id=$value ;;
		--flock-timeout) flock_timeout=$value ;;
		*) die "argument '$name' is not known" ;;
		esac
	done
}

# ---------------------------------------------------------------- Pacemaker

# What matches an XPath, as XML.  Status 1: there is nothing; 2: Pacemaker does not answer.
query()
{
	local out rc
	out=$(cibadmin --query --xpath "$1" ${2:+"$2"} 2>/dev/null)
	rc=$?
	case $rc in
	0) printf '%s\n' "$out" ;;
	# "No such device or address": old and new versions.
	6 | 105) return 1 ;;
	*) return 2 ;;
	esac
}

# Value of an attribute of the first element in XML on standard input.
attribute() { sed -n "s/.*[[:space:]]$1=\"\\([^\"]*\\)\".*/\\1/p" | head -n 1; }

# Waits until Pacemaker answers.
wait_for_dc()
{
	local end=$((SECONDS + dc_timeout))
	while :; do
		query "//cib" --no-children >/dev/null && return 0
		[ $SECONDS -lt $end ] || return 1
		sleep 1
	done
}

# Id of the clone that runs the DRBD resource, by way of its parameter drbd_resource.
find_clone()
{
	local path paths
	paths=$(query "//primitive[@type='drbd']/instance_attributes/nvpair[@name='drbd_resource' and @value='$resource']" \
		--node-path | grep -o '/cib[^ ]*')
	[ -n "$paths" ] || die "no resource of Pacemaker has drbd_resource=$resource"
	[ "$(grep -c . <<<"$paths")" = 1 ] ||
		die "several resources of Pacemaker have drbd_resource=$resource"
	path=$(grep -oE "/(master|clone)\[@id='[^']*'\]" <<<"$paths" | head -n 1)
	path=${path#*@id=\'}
	clone=${path%\'\]}
	[ -n "$clone" ] || die "the resource of Pacemaker with drbd_resource=$resource is not promotable"
	fence_id=${fence_id:-drbd-fence-by-handler-$resource-$clone}
}

# Pacemaker calls the role Promoted since 2.1, and understands Master still.
role=Master

# The constraint that lets only these nodes be Primary.
constraint()
{
	local node
	printf '<rsc_location rsc="%s" id="%s"><rule role="%s" score="-INFINITY" id="%s-rule">' \
		"$clone" "$fence_id" "$role" "$fence_id"
	for node; do
		printf '<expression attribute="#uname" operation="ne" value="%s" id="%s-expr-%s"/>' \
			"$node" "$fence_id" "$node"
	done
	printf '</rule></rsc_location>'
}

# Nodes that the constraint in force allows, one a line; 1: there is none, 2: no answer.
allowed_nodes()
{
	local out
	out=$(query "//constraints/rsc_location[@id='$fence_id']") || return
	grep -o '<expression[^>]*>' <<<"$out" | grep 'attribute="#uname"' |
		sed -n 's/.*value="\([^"]*\)".*/\1/p'
}

# Allows exactly these nodes.
set_constraint()
{
	if cibadmin --create --scope constraints --xml-text "$(constraint "$@")" >/dev/null 2>&1; then
		return 0
	fi
	cibadmin --replace --scope constraints --xml-text "$(constraint "$@")" >/dev/null
}

cluster_property()
{
	crm_attribute --type crm_config --name "$1" --query --quiet --default "$2" 2>/dev/null || echo "$2"
}

# What the cluster thinks of a node: online, clean (left or was fenced), unclean, or unknown.
# Since Pacemaker 2.1.7 in_ccm and crmd tell since when, 0 meaning not.
node_health()
{
	local state in_ccm crmd join expected
	state=$(query "//node_state[@uname='$1']" --no-children) || { echo unknown; return; }
	in_ccm=$(attribute in_ccm <<<"$state")
	crmd=$(attribute crmd <<<"$state")
	join=$(attribute join <<<"$state")
	expected=$(attribute expected <<<"$state")
	case $in_ccm in
	true | [1-9]*)
		case $crmd-$join in
		online-member | [1-9]*-member) echo online ;;
		*) echo unclean ;;
		esac ;;
	*)
		case $join-$expected in
		down-down) echo clean ;;
		*) echo unclean ;;
		esac ;;
	esac
}

# Whether Pacemaker runs, or may run, the resource as Primary on this node.
promoted_on()
{
	local out
	out=$(crm_resource --resource "$clone" --locate 2>&1)
	grep -Eq "running on: $1 (Master|Promoted)" <<<"$out" && return 0
	# Without a word about where it runs nothing is known.
	! grep -Eq "running on:|NOT running" <<<"$out"
}

# ---------------------------------------------------------------- DRBD's view

# First host name of a node id.
node_name()
{
	local names=DRBD_NODE_ID_$1
	names=${!names:-}
	echo "${names%% *}"
}

node_ids() { compgen -v DRBD_NODE_ID_ | sed 's/^DRBD_NODE_ID_//' | sort -n; }

# The name of a node in the cluster: of this one as Pacemaker has it.
cluster_name()
{
	if [ "$1" = "${DRBD_MY_NODE_ID:-}" ]; then
		echo "$self"
	else
		node_name "$1"
	fi
}

# Ids of nodes that have no disk on purpose.  They have no data that could be outdated.
clients()
{
	drbdsetup events2 --now "$resource" 2>/dev/null |
		sed -n 's/^exists peer-device .* peer-node-id:\([0-9]*\) .*peer-client:yes.*/\1/p' | sort -u
}

# Cluster names of all nodes whose bit is set in $UP_TO_DATE_NODES; of this one and of clients
# always, of the peer in $1 never.
up_to_date_nodes()
{
	local id mask=${UP_TO_DATE_NODES:-0} without_disk
	case $mask in 0[xX]*) ;; *) mask=0x0 ;; esac
	without_disk=$(clients)
	for id in $(node_ids); do
		[ "$id" = "${1:-}" ] && continue
		if [ "$id" = "${DRBD_MY_NODE_ID:-}" ] || (((mask >> id) & 1)) ||
				grep -qxF "$id" <<<"$without_disk"; then
			cluster_name "$id"
		fi
	done | sort -u
}

# ---------------------------------------------------------------- the two handlers

# After the constraint: what can be said of the peer?
judge_peer()
{
	local end=$((SECONDS + timeout)) health fencing
	fencing=$(cluster_property stonith-enabled true)
	while :; do
		health=$(node_health "$peer")
		case $health-$fencing in
		online-*)
			# With the constraint Pacemaker demotes it; until then it may write.
			if ! promoted_on "$peer"; then
				log "$peer is in the cluster and may not be promoted now: counts as outdated"
				return 4
			fi
			health="still Primary" ;;
		clean-true)
			log "$peer was fenced, or had left the cluster: counts as fenced"
			return 7 ;;
		clean-*)
			log "$peer has left the cluster"
			return 5 ;;
		*-true) ;;
		*)
			# Nobody will switch it off.  Without quorum the peer may think the same of us.
			if [ "$(crm_node --quorum 2>/dev/null)" = 1 ]; then
				log "$peer is not reachable, the cluster has no fencing, but this side has quorum"
				return 5
			fi ;;
		esac
		if [ $SECONDS -ge $end ]; then
			log "$peer is $health after $timeout s"
			return 1
		fi
		sleep 1
	done
}

fence()
{
	local allowed node rc
	mapfile -t wanted < <(up_to_date_nodes "$DRBD_PEER_NODE_ID")
	[ ${#wanted[@]} -gt 0 ] || die "this node is in no DRBD_NODE_ID_n"
	allowed=$(allowed_nodes)
	rc=$?
	case $rc in
	0)
		grep -qxF "$self" <<<"$allowed" ||
			die "the constraint in force does not allow this node to be Primary, only" "${allowed//$'\n'/ }"
		# Never allow again what another call has forbidden.
		for node in "${!wanted[@]}"; do
			grep -qxF "${wanted[node]}" <<<"$allowed" || unset "wanted[node]"
		done
		if [ "$(printf '%s\n' "${wanted[@]}" | sort)" = "$(sort <<<"$allowed")" ]; then
			log "the constraint $fence_id is in force already"
		else
			set_constraint "${wanted[@]}" || die "cannot change the constraint $fence_id"
		fi ;;
	1)
		cibadmin --create --scope constraints --xml-text "$(constraint "${wanted[@]}")" >/dev/null ||
			die "cannot create the constraint $fence_id" ;;
	*) die "Pacemaker does not answer" ;;
	esac
	log "only" "${wanted[@]}" "may be Primary from now on"
	judge_peer
}

unfence()
{
	local allowed rc missing=''
	allowed=$(allowed_nodes)
	rc=$?
	case $rc in
	0) ;;
	1) return 0 ;;
	*) die "Pacemaker does not answer" ;;
	esac
	if [ -n "$only_if_owner" ] && ! grep -qxF "$self" <<<"$allowed"; then
		log "the constraint $fence_id is not that of this node: it stays"
		return 0
	fi
	# Only for peers that are up to date; without that knowledge the caller's word counts.
	if [ -n "${UP_TO_DATE_NODES:-}" ] && [ -n "${DRBD_MY_NODE_ID:-}" ]; then
		mapfile -t wanted < <({ up_to_date_nodes; printf '%s\n' "$allowed"; } | sort -u)
		for id in $(node_ids); do
			printf '%s\n' "${wanted[@]}" | grep -qxF "$(cluster_name "$id")" || missing=yes
		done
		if [ -n "$missing" ]; then
			[ "${#wanted[@]}" = "$(grep -c . <<<"$allowed")" ] && return 0
			set_constraint "${wanted[@]}" || die "cannot change the constraint $fence_id"
			log "only" "${wanted[@]}" "may be Primary from now on"
			return 0
		fi
	fi
	cibadmin --delete --scope constraints --xml-text "<rsc_location rsc=\"$clone\" id=\"$fence_id\"/>" \
		>/dev/null || die "cannot remove the constraint $fence_id"
	log "removed the constraint $fence_id"
}

case $me in
crm-unfence-peer*) action=unfence ;;
*) action=fence ;;
esac

parse_arguments "$@"
if [ $action = unfence ] && [ -n "${OCF_RESKEY_unfence_extra_args:-}" ]; then
	# shellcheck disable=SC2086  # several words
	parse_arguments $OCF_RESKEY_unfence_extra_args
fi
[ -n "$resource" ] || die "no resource: it is called as a handler, or with --resource"
# The name goes into XPath and XML.
case $resource in *[!-a-zA-Z0-9+._]*) die "'$resource' is no name of a resource" ;; esac

if [ $action = fence ]; then
	: "${DRBD_PEER_NODE_ID:?is set by the driver}"
	peer=$(node_name "$DRBD_PEER_NODE_ID")
	[ -n "$peer" ] || die "do not know the name of node $DRBD_PEER_NODE_ID"
fi

lock_dir=${DRBD_LOCK_DIR:-/run/lock}
exec 9>"$lock_dir/drbd-crm-fence-$resource" || die "cannot lock"
if ! flock -w "$flock_timeout" 9; then
	[ -z "$flock_required" ] || die "another call takes longer than $flock_timeout s"
	log "another call takes longer than $flock_timeout s: going on all the same"
fi

wait_for_dc || die "Pacemaker did not answer within $dc_timeout s"
self=$(crm_node --name 2>/dev/null) || self=$(uname -n)
find_clone
$action
