#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Installs what is missing, builds in ./build, and runs the tests.
#
#   sudo ./test.sh [--long] [GROUP...]
#
#     lint      format, cppcheck, shellcheck, pyflakes, manual pages
#     unit      C units, fuzz corpora, order of includes
#     conf      configuration files and what lbd says of them
#     packet    the BPF programs, fed with packets
#     sanitize  all of these with AddressSanitizer and UndefinedBehaviorSanitizer
#     net       whole directors, clients and servers in network namespaces
#     vm        the BPF programs and whole directors in Debian's 6.1 kernel
#
# Without a group: all.  --long adds long stress runs, the scenarios with a sanitized lbd, and make distcheck.
# What a group printed is in build/logs/.
# shellcheck disable=SC2317 # the groups are called by name
set -uo pipefail
cd "$(dirname "$0")" || exit 2
all="lint unit conf packet sanitize net vm"
long=false groups=
for word; do
	case $word in
	--long) long=true ;;
	-h | --help) sed -n '3,16s/^# \{0,1\}//p' "$0"; exit 0 ;;
	*)
		[[ " $all distcheck " == *" $word "* ]] || { echo "$0: no group $word; there are: $all" >&2; exit 2; }
		groups+=" $word"
		;;
	esac
done
[ "$(id -u)" = 0 ] || { echo "$0: needs root: network namespaces and BPF" >&2; exit 2; }
[ -n "$groups" ] || { groups=$all; ! $long || groups+=" distcheck"; }
top=$PWD
logs=$top/build/logs
mkdir -p "$logs"
jobs=$(nproc)

# build_in FOLDER [CONFIGURE OPTION...]
build_in() {
	[ -x configure ] || autoreconf -fi || return
	mkdir -p "$1" && cd "$1" || return
	[ -f config.status ] || "$top/configure" -q "${@:2}" || return
	make -s -j"$jobs" all
}

# Prints what a command said only when it failed.
quietly() {
	"$@" >"$logs/quiet" 2>&1 && return
	cat "$logs/quiet"
	return 1
}

# The tests of the Makefile in this folder whose path matches an extended regular expression.
tests_like() {
	# shellcheck disable=SC2016 # make expands it
	printf 'include Makefile\nlist-tests:\n\t@echo $(TESTS)\n' | make -s -f - list-tests |
		tr ' ' '\n' | grep -E "$1" || true
}

# A runner's last word, or of cmocka's those of all its groups; automake adds a line of its own.
closing_line() {
	grep -E '^\[  PASSED  \]' "$1" | paste -sd ' ' | grep . && return
	grep -vE '^(PASS .*)?$' "$1" | tail -n 1 | cut -c1-80
}

# make check in FOLDER of the tests like PATTERN; each runner's closing line, and the whole log of a failure.
check_in() {
	local folder=$1 tests status=0 log
	cd "$folder" || return
	tests=$(tests_like "$2" | tr '\n' ' ')
	[ -n "$tests" ] || { echo "no tests like $2"; return 1; }
	make -s -j"$jobs" check TESTS="$tests" >"$logs/make-check" 2>&1 || status=$?
	for log in $tests; do
		log=${log%.test}.log
		[ -f "$log" ] || continue
		if grep -q '^:test-result: PASS' "${log%.log}.trs"; then
			printf '  %-34s %s\n' "${log%.log}" "$(closing_line "$log")"
		else
			sed "s,^,  ${log%.log}: ," "$log"
		fi
	done
	grep -E '^# (TOTAL|PASS|SKIP|FAIL|ERROR)' "$logs/make-check" | tr '\n' ' '
	echo
	if grep -q '^# SKIP: *[1-9]' "$logs/make-check"; then
		echo "skipped tests prove nothing: root has all privileges here, so this is a failure"
		status=1
	fi
	grep -q '^# TOTAL' "$logs/make-check" || { tail -n 40 "$logs/make-check"; status=1; }
	return "$status"
}

group_lint() {
	local status=0
	git ls-files -z | xargs -0 grep -lE '^#!.*[/ ](ba)?sh$' | xargs shellcheck || status=1
	git ls-files -z '*.py' | xargs -0 pyflakes3 || status=1
	git ls-files -z '*.c' '*.h' | xargs -0 clang-format --dry-run --Werror || status=1
	git ls-files -z 'src/*.c' ':!*.bpf.c' | xargs -0 cppcheck --quiet --error-exitcode=1 --inline-suppr \
		-Isrc -Ibuild/src --enable=warning,portability --suppress=missingIncludeSystem --suppress=unknownMacro || status=1
	find man build -maxdepth 2 -name '*.[1578]' | sort | xargs -r mandoc -Tlint -W warning || status=1
	return "$status"
}
group_unit() { check_in build '^tests/(unit/|fuzz/|check-)'; }
group_conf() { check_in build '^tests/conf/'; }
group_packet() {
	if $long; then export LBD_LIFE_OPS=10000000; fi
	check_in build '^tests/packet/'
}
group_sanitize() {
	(quietly build_in build/sanitized --enable-sanitizers) && cd "$top" && check_in build/sanitized .
}
group_net() {
	run_scenarios build || return
	! $long || LBD_BUILDDIR=$top/build/sanitized run_scenarios build/sanitized
}
run_scenarios() {
	local options=()
	! $long || options+=(--long)
	LBD_BUILDDIR=$top/$1 timeout 1500 /usr/bin/python3 -m pytest -q -ra -n "$jobs" --dist load \
		-p no:cacheprovider "${options[@]}" tests/net
}
group_vm() {
	quietly make -s -C build -j"$jobs" check TESTS= || return
	# cmocka says of each test that it runs and that it is well.
	tests/vm/run build | grep -vE '^\[( RUN  |       OK) ' || return
	tests/vm/scenarios build
}
group_distcheck() { quietly make -s -C build distcheck; }

summary=() failed=0
# run NAME COMMAND...: one group, its time, its log
run() {
	local name=$1 begun=$SECONDS result=ok
	shift
	echo "== $name"
	("$@") 2>&1 | tee "$logs/$name" || { result=FAILED; failed=1; }
	summary+=("$(printf '%-10s %-6s %4d s' "$name" "$result" $((SECONDS - begun)))")
	[ "$result" = ok ]
}

if run packages dist/install-packages build lab test && run build quietly build_in build --enable-werror; then
	for group in $groups; do run "$group" "group_$group"; done
fi
echo "== summary"
printf '%s\n' "${summary[@]}"
if [ "$failed" = 0 ]; then echo "all passed in $SECONDS s"; else echo "FAILED; see build/logs/"; fi
exit "$failed"
