#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds lbd and shows what a pair of directors does, in network namespaces of this host.
#
#   sudo ./demo.sh [--keep]       --keep: leave the lab up, and say how to look around
set -euo pipefail
cd "$(dirname "$0")"
case ${1:-} in
"" | --keep) ;;
*) sed -n '3,5s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "$0: needs root: network namespaces and BPF" >&2; exit 2; }
dist/install-packages build lab
echo "building lbd in ./build ..."
[ -x configure ] || autoreconf -fi >/dev/null 2>&1
mkdir -p build
(
	cd build
	[ -f config.status ] || ../configure -q
	make -s -j"$(nproc)"
) >build/demo.log 2>&1 || { cat build/demo.log; exit 1; }
exec /usr/bin/python3 lab/demo.py "$@"
