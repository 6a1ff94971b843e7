#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
#
# First script of a virtual node.  The test host's root file system, read-only,
# below a tmpfs; the build directory writable at its usual place.
bb=/bin/busybox
$bb mount -t devtmpfs dev /dev
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
. /settings

fail()
{
	echo "node init: $*" >/dev/console
	$bb poweroff -f
}

for m in /modules/*.ko; do
	$bb insmod "$m" || fail "insmod $m"
done

$bb mkdir -p /lower /rw /root
opts=trans=virtio,version=9p2000.L,msize=262144
$bb mount -t 9p -o ro,cache=loose,$opts host /lower || fail "host root"
$bb mount -t tmpfs -o size=60%,mode=755 rw /rw
$bb mkdir /rw/upper /rw/work
$bb mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work root /root || fail overlay

r=/root
for d in run tmp mnt var/log root; do
	$bb mkdir -p $r/$d
	$bb mount -t tmpfs -o mode=755 $d $r/$d
done
$bb chmod 1777 $r/tmp
$bb mkdir -p $r/run/lock $r/run/drbd $r/var/lib/drbd $r/etc/drbd.d "$r$BUILD"
$bb mount --move /dev $r/dev
$bb mount --move /proc $r/proc
$bb mount --move /sys $r/sys
$bb mkdir -p $r/dev/pts $r/dev/shm
$bb mount -t devpts pts $r/dev/pts
$bb mount -t tmpfs shm $r/dev/shm
$bb ln -sf /proc/self/fd $r/dev/fd
$bb ln -sf /proc/self/fd/0 $r/dev/stdin
$bb ln -sf /proc/self/fd/1 $r/dev/stdout
$bb ln -sf /proc/self/fd/2 $r/dev/stderr

# Tools and modules may be rebuilt while the node runs: no caching here.
$bb mount -t 9p -o rw,cache=mmap,$opts build "$r$BUILD" || fail "build directory"
$bb mkdir -p $r/usr/lib/modules
$bb mount --bind "$r$MODULES" $r/usr/lib/modules
for t in drbdadm drbdsetup drbdmeta; do
	$bb rm -f $r/usr/sbin/$t
	$bb ln -s "$BUILD/bin/$t" $r/usr/sbin/$t
done

$bb hostname "$NAME"
echo "$NAME" >$r/etc/hostname
echo "127.0.0.1 localhost" >$r/etc/hosts
for h in $HOSTS; do
	echo "${h#*=} ${h%%=*}" >>$r/etc/hosts
done
$bb ip link set lo up
$bb ip link set eth0 up
$bb ip addr add "$ADDRESS/24" dev eth0
$bb ip link set eth1 up
$bb ip addr add "${AGENT% *}" peer 10.11.57.1 dev eth1

echo 1 >/root/proc/sys/kernel/sysrq
echo 15 >/root/proc/sys/kernel/watchdog_thresh
[ -e /root/proc/sys/kernel/hung_task_timeout_secs ] &&
	echo 90 >/root/proc/sys/kernel/hung_task_timeout_secs

$bb cp /agent $r/run/agent
export PATH="$BUILD/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root LANG=C.UTF-8
# shellcheck disable=SC2086
exec $bb switch_root $r /run/agent $AGENT <$r/dev/null >$r/dev/console 2>&1
