#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# ocf.ra.wrapper.sh run|stop: an OCF resource agent as a service of systemd.
#
# $AGENT is the agent, $OCF_RESKEY_* its parameters.  `run` starts the resource, tells systemd,
# and then monitors it every $monitor_interval seconds; it ends when the monitor fails.
set -u

agent=${AGENT:-}
[ -x "$agent" ] || { echo "ocf.ra.wrapper: AGENT='$agent' is not a program" >&2; exit 5; }
export OCF_ROOT=${OCF_ROOT:-/usr/lib/ocf} OCF_RA_VERSION_MAJOR=1 OCF_RA_VERSION_MINOR=0
export OCF_RESOURCE_TYPE=${OCF_RESOURCE_TYPE:-${agent##*/}}
interval=${monitor_interval:-30}
case $interval in '' | *[!0-9]*) echo "ocf.ra.wrapper: bad monitor_interval '$interval'" >&2; exit 6 ;; esac

run()
{
	local rc
	"$agent" start || { rc=$?; echo "ocf.ra.wrapper: start of $agent failed ($rc)" >&2; return $rc; }
	systemd-notify --ready --status="started"
	trap 'kill $! 2>/dev/null; exit 0' TERM
	while :; do
		# In the background, so that a signal is handled at once.
		sleep "$interval" &
		wait $!
		"$agent" monitor
		rc=$?
		# 0 running, 8 running as Primary, 190 and 191 the same but degraded.
		case $rc in 0 | 8 | 190 | 191) continue ;; esac
		echo "ocf.ra.wrapper: monitor of $agent: $rc" >&2
		return 1
	done
}

case ${1:-} in
run) run ;;
stop) "$agent" stop ;;
*) echo "usage: ocf.ra.wrapper.sh run|stop" >&2; exit 2 ;;
esac
