#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# build.sh KVER OUT: makes OUT/rooms_test.ko, test and rooms in one module.
set -e
cd "$(dirname "$0")/../.."
kver=$1 out=$2 farm=$2/rooms
mkdir -p "$farm"
for d in drbd include; do
	find $d -type d -printf "$farm/%p\n" | xargs mkdir -p
	find $d -type f -name '*.[ch]' | while read -r f; do ln -sfn "$PWD/$f" "$farm/$f"; done
done
mkdir -p "$farm/drbd/rooms"
for f in tests/rooms/*.[ch]; do ln -sfn "$PWD/$f" "$farm/drbd/rooms/"; done
ln -sfn "$PWD/tests/rooms/Kbuild" "$farm/drbd/Kbuild"
echo 'obj-m += drbd/' > "$farm/Kbuild"
find "$farm" -xtype l -delete
make --no-print-directory -C "/lib/modules/$kver/build" M="$farm" W=1 modules
cp "$farm/drbd/rooms_test.ko" "$out/"
