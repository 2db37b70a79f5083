#!/bin/sh
# The script for a real server does what it says: run in a network namespace beside a neighbour, it is
# asked by status, by the kernel's own tables, and by packets; stop leaves no trace.  Needs root.
# shellcheck disable=SC2016,SC2317 # $ is for the inner shell; cleanup runs by trap
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
generate=$(pwd)/tests/unit/rs_script
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for tool in ip ping unshare; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done

server=lbdrs-$$-server
peer=lbdrs-$$-peer
work=$(mktemp -d) || exit 99
export LBD_RS_STATE="$work/state"
failed=0

cleanup()
{
	ip netns del "$server" 2>/dev/null
	ip netns del "$peer" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail()
{
	echo "FAIL: $test: $*" >&2
	failed=1
}

on()
{
	where=$1
	shift
	ip netns exec "$where" "$@"
}

# The scripts write to /proc/sys of their own namespace; all they may change is in this.
snapshot()
{
	on "$server" sh -c 'ip -o address; ip -4 route show table all; ip -6 route show table all
		grep -r . /proc/sys/net/ipv4/conf/*/arp_ignore /proc/sys/net/ipv4/conf/*/arp_announce \
			/proc/sys/net/ipv4/conf/*/rp_filter' |
		sed 's/valid_lft.*//; s/ expires [^ ]*//'
	find "$LBD_RS_STATE" 2>/dev/null
}

lab()
{
	ip netns add "$server" || { echo "no network namespaces"; exit 77; }
	ip netns add "$peer"
	ip link add eth0 netns "$server" address 02:00:00:00:00:21 type veth peer name eth0 netns "$peer"
	for ns in "$server" "$peer"; do
		on "$ns" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
		on "$ns" ip link set lo up
		on "$ns" ip link set eth0 up
	done
	on "$server" ip address add 192.0.2.21/24 dev eth0
	on "$server" ip address add 192.0.2.22/24 dev eth0
	on "$server" ip address add 2001:db8::21/64 dev eth0 nodad
	on "$peer" ip address add 192.0.2.1/24 dev eth0
	on "$peer" ip address add 2001:db8::1/64 dev eth0 nodad
	# rp_filter as strict as some systems have it.
	on "$server" sh -c 'echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter'
	on "$server" ip route add default via 192.0.2.254
	on "$server" ip route add default via 192.0.2.253 metric 100
	on "$server" ip -6 route add default via 2001:db8::fe
	on "$server" ping -c 1 -W 2 192.0.2.1 >/dev/null || { echo "the lab does not work"; exit 99; }
}

# service NAME METHOD VIPS SERVERS...
service()
{
	printf '%s: { port = 80; method = "%s"; vip = [ %s ]; servers: {' "$1" "$2" "$3"
	shift 3
	n=0
	for address; do
		n=$((n + 1))
		printf ' s%d: { address = "%s"; };' "$n" "$address"
	done
	echo ' }; };'
}

# configure SERVICES: writes the directors' configuration.
configure()
{
	cat >"$work/lbd.conf" <<-EOF
	vrrp: {
	    v4: { interface = "eth0"; vrid = 1; addresses = [ "192.0.2.10/24", "192.0.2.9/24" ]; };
	    v6: { interface = "eth0"; vrid = 1; addresses = [ "2001:db8::10/64", "2001:db8::9/64" ]; };
	};
	services: { $1 };
	EOF
}

# script ADDRESS ACTION: what it prints is in $said.
script()
{
	"$generate" "$work/lbd.conf" "$1" >"$work/$1.sh" 2>"$work/why" ||
		fail "no script for $1: $(grep -v warning: "$work/why")"
	said=$(on "$server" sh "$work/$1.sh" "$2" 2>&1)
}

expect_status()
{
	script "$1" status
	status=$?
	[ "$status" = "$2" ] || fail "status exits with $status, not $2: $said"
	case $said in
	*"$3"*) ;;
	*) fail "status says \"$said\", not \"$3\"" ;;
	esac
}

run()
{
	script "$1" "$2" || fail "$2: $said"
	[ -z "$said" ] || fail "$2 is not silent: $said"
}

reaches()
{
	on "$peer" ping -n -c 1 -W 1 "$1" >/dev/null 2>&1
}

# Without the neighbour's table nobody finds the address; a director, who knows the MAC, does.
held_quietly()
{
	on "$peer" ip neigh flush dev eth0
	! reaches "$1" || fail "the server answers neighbours that ask for $1"
	on "$peer" ip neigh replace "$1" lladdr 02:00:00:00:00:21 dev eth0 nud permanent
	reaches "$1" || fail "the server does not accept packets to $1"
	on "$peer" ip neigh del "$1" dev eth0
}

undone()
{
	run "$1" stop
	snapshot >"$work/after"
	diff -u "$work/before" "$work/after" >&2 || fail "stop leaves traces"
	run "$1" stop # once more: nothing to do
}

dr_holds_the_vip_quietly()
{
	configure "$(service w dr "\"192.0.2.10\", \"2001:db8::10\"" 192.0.2.21 2001:db8::21)"
	for pair in 192.0.2.21=192.0.2.10 2001:db8::21=2001:db8::10; do
		test="dr $pair"
		snapshot >"$work/before"
		expect_status "${pair%=*}" 1 "wrong: ${pair#*=} is not on lo"
		run "${pair%=*}" start
		run "${pair%=*}" start
		expect_status "${pair%=*}" 0 ready
		held_quietly "${pair#*=}"
		undone "${pair%=*}"
	done
	test="dr host route" # of IPv6 the kernel has one of its own
	run 192.0.2.21 start
	[ -n "$(on "$server" ip -4 route show 192.0.2.10/32 dev lo)" ] || fail "there is none"
	run 192.0.2.21 stop
	test="dr source"
	run 2001:db8::21 start
	on "$server" ip -6 address change 2001:db8::10/128 dev lo preferred_lft forever
	expect_status 2001:db8::21 1 "2001:db8::10 is not deprecated"
	run 2001:db8::21 stop
}

dr_takes_no_director_as_gateway()
{
	test="director as gateway of dr"
	configure "$(service w dr "\"192.0.2.10\"" 192.0.2.21)"
	run 192.0.2.21 start
	on "$server" ip route replace default via 192.0.2.9
	expect_status 192.0.2.21 1 "leave through the director 192.0.2.9"
	on "$server" ip route replace default via 192.0.2.254
	run 192.0.2.21 stop
}

status_tells_what_somebody_changed()
{
	test="changed by somebody"
	configure "$(service w dr "\"192.0.2.10\"" 192.0.2.21)"
	run 192.0.2.21 start
	on "$server" sh -c 'for i in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$i/arp_ignore; done'
	expect_status 192.0.2.21 1 "arp_ignore of eth0 is 0, must be 1"
	on "$server" sh -c 'for i in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$i/arp_announce; done'
	expect_status 192.0.2.21 1 "arp_announce of eth0 is 0, must be 2"
	on "$server" sh -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter'
	expect_status 192.0.2.21 1 "rp_filter of eth0 is 1"
	on "$server" ip address del 192.0.2.10/32 dev lo
	expect_status 192.0.2.21 1 "192.0.2.10 is not on lo"
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 ready
	on "$server" sh -c 'echo 2 >/proc/sys/net/ipv4/conf/eth0/arp_ignore'
	run 192.0.2.21 stop
	[ "$(on "$server" cat /proc/sys/net/ipv4/conf/eth0/arp_ignore)" = 2 ] ||
		fail "stop puts back a value that somebody has changed since"
	on "$server" sh -c 'for f in arp_ignore arp_announce rp_filter; do
		echo 0 >/proc/sys/net/ipv4/conf/eth0/$f; done'
}

nat_answers_by_the_gateway()
{
	configure "$(service w nat "\"192.0.2.10\", \"2001:db8::10\"" 192.0.2.21 2001:db8::21)"
	for pair in 192.0.2.21=192.0.2.9=203.0.113.7 2001:db8::21=2001:db8::9=2001:db8:f::7; do
		address=${pair%%=*} rest=${pair#*=}
		test="nat $address"
		snapshot >"$work/before"
		expect_status "$address" 1 "must be ${rest%=*}"
		run "$address" start
		run "$address" start
		expect_status "$address" 0 ready
		case $(on "$server" ip route get "${rest#*=}") in
		*" via ${rest%=*} "*) ;;
		*) fail "the route to a client is $(on "$server" ip route get "${rest#*=}")" ;;
		esac
		undone "$address"
	done
}

nat_keeps_a_route_that_was_right_already()
{
	test="route was there"
	configure "$(service w nat "\"192.0.2.10\"" 192.0.2.21)"
	on "$server" ip route replace default via 192.0.2.9 dev eth0
	snapshot >"$work/before"
	run 192.0.2.21 start
	undone 192.0.2.21
	on "$server" ip route replace default via 192.0.2.254
}

both_methods_side_by_side()
{
	test="both methods"
	configure "$(service a nat "\"192.0.2.9\"" 192.0.2.21)$(service b dr "\"192.0.2.10\"" 192.0.2.21)"
	snapshot >"$work/before"
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 "note: answers from 192.0.2.10 to other networks leave through the director"
	on "$server" ip rule add from 192.0.2.10 lookup 100
	on "$server" ip route add default via 192.0.2.254 dev eth0 table 100
	script 192.0.2.21 status
	case $said in *note*) fail "the note stays: $said" ;; esac
	on "$server" ip rule del from 192.0.2.10 lookup 100
	on "$server" ip route flush table 100
	undone 192.0.2.21
}

two_addresses_share_what_both_need()
{
	test="two addresses"
	configure "$(service w dr "\"192.0.2.10\"" 192.0.2.21 192.0.2.22)"
	snapshot >"$work/before"
	run 192.0.2.21 start
	run 192.0.2.22 start
	run 192.0.2.21 stop
	expect_status 192.0.2.22 0 ready
	held_quietly 192.0.2.10
	undone 192.0.2.22
}

a_newer_script_undoes_what_is_unwanted()
{
	test="newer script"
	configure "$(service w dr "\"192.0.2.10\"" 192.0.2.21)"
	snapshot >"$work/before"
	run 192.0.2.21 start
	configure "$(service w dr "\"192.0.2.11\"" 192.0.2.21)"
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 ready
	[ -z "$(on "$server" ip -o address show dev lo to 192.0.2.10)" ] || fail "the old address stays"
	configure "$(service w nat "\"192.0.2.10\"" 192.0.2.21)"
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 ready
	[ "$(on "$server" cat /proc/sys/net/ipv4/conf/all/arp_ignore)" = 0 ] || fail "arp_ignore stays"
	configure "$(service w dr "\"192.0.2.10\"" 192.0.2.21)"
	undone 192.0.2.21
}

an_address_that_was_there_stays()
{
	test="address was there"
	configure "$(service w dr "\"192.0.2.10\"" 192.0.2.21)"
	on "$server" ip address add 192.0.2.10/32 dev lo
	snapshot >"$work/before"
	run 192.0.2.21 start
	run 192.0.2.21 stop
	[ -n "$(on "$server" ip -o address show dev lo to 192.0.2.10)" ] || fail "stop takes it away"
	on "$server" ip address del 192.0.2.10/32 dev lo
}

wrong_calls_are_refused()
{
	test="wrong calls"
	configure "$(service w dr "\"192.0.2.10\"" 192.0.2.21 192.0.2.99)"
	script 192.0.2.21 restart && fail "takes an unknown word"
	case $said in usage:*) ;; *) fail "no usage: $said" ;; esac
	script 192.0.2.99 start && fail "starts without the server's address"
	case $said in *"no interface has the address 192.0.2.99"*) ;; *) fail "says $said" ;; esac
}

the_script_is_clean()
{
	test=shellcheck
	command -v shellcheck >/dev/null || return 0
	shellcheck -s sh "$work"/*.sh || fail "shellcheck complains"
	shellcheck "$0" || fail "shellcheck complains of this test"
}

lab
dr_holds_the_vip_quietly
dr_takes_no_director_as_gateway
status_tells_what_somebody_changed
nat_answers_by_the_gateway
nat_keeps_a_route_that_was_right_already
both_methods_side_by_side
two_addresses_share_what_both_need
a_newer_script_undoes_what_is_unwanted
an_address_that_was_there_stays
wrong_calls_are_refused
the_script_is_clean
[ $failed = 0 ] && echo "rs-script: does what it should"
exit $failed
