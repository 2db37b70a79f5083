#!/bin/sh
# The script for a real server does what it says: run in a network namespace beside a neighbour, it is
# asked by status, by the kernel's own tables, and by packets; stop leaves no trace.  Needs root.
# shellcheck disable=SC2016,SC2317 # $ is for the inner shell; cleanup runs by trap
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
generate=$(pwd)/tests/unit/rs_script
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for tool in ip ping nsenter python3 tc; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done

server=lbdrs-$$-server
peer=lbdrs-$$-peer
work=$(mktemp -d) || exit 99
export LBD_RS_STATE="$work/state" LBD_DECAP_STATE="$work/decap" LBD_DECAP="$PWD/lbd-decap"
failed=0

cleanup()
{
	ip netns del "$server" 2>/dev/null
	ip netns del "$peer" 2>/dev/null
	umount "$work/decap" 2>/dev/null
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
	nsenter "--net=/run/netns/$where" "$@" # not `ip netns exec`: a mount must stay
}

# The scripts write to /proc/sys of their own namespace; all they may change is in this.
snapshot()
{
	on "$server" sh -c 'ip -o address; ip -4 route show table all; ip -6 route show table all
		ip -4 rule; ip -6 rule; ip -o link; tc filter show dev eth0 ingress
		grep -r . /proc/sys/net/ipv4/conf/*/arp_ignore /proc/sys/net/ipv4/conf/*/arp_announce \
			/proc/sys/net/ipv4/conf/*/rp_filter' |
		sed 's/valid_lft.*//; s/ expires [^ ]*//'
	find "$LBD_RS_STATE" "$LBD_DECAP_STATE" 2>/dev/null
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

# Silent, but for where tunnels end.
run()
{
	script "$1" "$2" || fail "$2: $said"
	case $said in
	"" | *": tunnels end in "*) ;;
	*) fail "$2 is not silent: $said" ;;
	esac
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
	undone 192.0.2.21
	on "$server" ip address del 192.0.2.10/32 dev lo
}

# The MSS that answers from $1 announce.
mss_from()
{
	elsewhere=203.0.113.7 way=-4
	case $1 in *:*) elsewhere=2001:db8:f::7 way=-6 ;; esac
	on "$server" ip -o $way route get "$elsewhere" from "$1" | sed -n 's/.* advmss \([0-9]*\).*/\1/p'
}

expect_mss()
{
	[ "$(mss_from "$1")" = "$2" ] || fail "answers from $1 announce \"$(mss_from "$1")\", not $2"
}

# How many tunnels have an end here, or what lbd-decap runs.
tunnel_ends()
{
	if [ -d "$LBD_DECAP_STATE" ]; then
		on "$server" "$LBD_DECAP" status | sed -n 's/^eth0: //p; s/^  to \([^ ]*\) for/\1/p' | tr '\n' ' '
	else
		on "$server" ip -o link | grep -c lbdtun
	fi
}

expect_ends()
{
	case $(tunnel_ends) in
	"$1" | "$2 ") ;;
	*) fail "there end \"$(tunnel_ends)\", not \"$1\" or \"$2\"" ;;
	esac
}

tun_takes_the_vip_out_of_a_tunnel()
{
	test="tun"
	configure "$(service w tun "\"198.51.100.10\", \"2001:db8:5::10\"" 192.0.2.21 2001:db8::21)"
	snapshot >"$work/before"
	expect_status 192.0.2.21 1 "wrong: 198.51.100.10 is not on lo"
	run 192.0.2.21 start
	case $said in *"tunnels end in "*) ;; *) fail "start does not say what it took" ;; esac
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 ready
	expect_ends 2 "xdp 192.0.2.21 198.51.100.10 2001:db8:5::10"
	expect_mss 198.51.100.10 1440
	expect_mss 2001:db8:5::10 1420
	[ -z "$(mss_from 192.0.2.21)" ] || fail "other answers announce a smaller MSS, too"
	run 2001:db8::21 start
	expect_status 2001:db8::21 0 ready
	expect_ends 3 "xdp 192.0.2.21 198.51.100.10 2001:db8:5::10 2001:db8::21 198.51.100.10 2001:db8:5::10"
	expect_mss 198.51.100.10 1420
	test="tun, two scripts"
	on "$server" ip route add 203.0.116.0/24 via 192.0.2.1
	run 192.0.2.21 start # its rules go first now
	expect_status 2001:db8::21 1 "announce an MSS of 1440, must be 1420"
	run 2001:db8::21 start
	expect_status 2001:db8::21 0 ready
	expect_status 192.0.2.21 0 ready
	on "$server" ip route del 203.0.116.0/24 via 192.0.2.1
	run 192.0.2.21 start
	run 2001:db8::21 start
	run 192.0.2.21 stop
	expect_status 2001:db8::21 0 ready
	expect_ends 1 "xdp 2001:db8::21 198.51.100.10 2001:db8:5::10"
	undone 2001:db8::21
}

tun_is_loose_with_what_comes_out()
{
	test="tun rp_filter"
	configure "$(service w tun "\"198.51.100.10\"" 192.0.2.21)"
	snapshot >"$work/before"
	run 192.0.2.21 start
	expect_ends 1 "tc 192.0.2.21 198.51.100.10"
	way_in=eth0
	[ -d "$LBD_DECAP_STATE" ] || way_in=lbdtun0
	[ "$(on "$server" cat "/proc/sys/net/ipv4/conf/$way_in/rp_filter")" = 2 ] || fail "rp_filter is strict"
	on "$server" sh -c "echo 1 >/proc/sys/net/ipv4/conf/$way_in/rp_filter"
	expect_status 192.0.2.21 1 "rp_filter of $way_in is 1"
	on "$server" sh -c "echo 2 >/proc/sys/net/ipv4/conf/$way_in/rp_filter"
	undone 192.0.2.21
}

# Its network is not connected here, or it is: by configuration, or by an interface that the directors know
# nothing of.
tun_is_quiet_where_neighbours_may_ask()
{
	test="tun arp"
	ignore=/proc/sys/net/ipv4/conf/all/arp_ignore
	printf 'services: { %s };' "$(service w tun "\"198.51.100.10\"" 192.0.2.21)" >"$work/lbd.conf"
	run 192.0.2.21 start
	[ "$(on "$server" cat $ignore)" = 0 ] || fail "arp_ignore is set without need"
	run 192.0.2.21 stop
	on "$server" ip route add 198.51.100.0/24 dev eth0 table 100
	run 192.0.2.21 start
	[ "$(on "$server" cat $ignore)" = 1 ] || fail "arp_ignore is not set though the network is connected"
	on "$server" sh -c 'for i in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$i/arp_ignore; done'
	expect_status 192.0.2.21 1 "arp_ignore of eth0 is 0, must be 1"
	run 192.0.2.21 stop
	on "$server" ip route flush table 100
	configure "$(service w tun "\"192.0.2.10\"" 192.0.2.21)"
	snapshot >"$work/before"
	run 192.0.2.21 start
	on "$peer" ip neigh flush dev eth0
	! reaches 192.0.2.10 || fail "the server answers neighbours that ask for 192.0.2.10"
	undone 192.0.2.21
}

tun_answers_take_the_ways_that_there_are()
{
	test="tun routes"
	configure "$(service w tun "\"198.51.100.10\"" 192.0.2.21)"
	# A rule of the operator's with a table of its own, and routes that are hard to copy.
	on "$server" ip rule add from 198.51.100.0/24 lookup 100
	on "$server" ip route add default via 192.0.2.250 dev eth0 table 100
	on "$server" ip route add 203.0.114.0/24 table 100 nexthop via 192.0.2.1 nexthop via 192.0.2.2
	on "$server" ip route add 203.0.115.0/24 via 192.0.2.1 advmss 1000 table 100
	snapshot >"$work/before"
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 ready
	expect_mss 198.51.100.10 1440
	for way in 203.0.113.7=192.0.2.250.*1440 203.0.114.7=192.0.2.[12].*1440 203.0.115.7=192.0.2.1.*1000; do
		on "$server" ip -o route get "${way%%=*}" from 198.51.100.10 | grep -q "via ${way#*=}" ||
			fail "the way is $(on "$server" ip -o route get "${way%%=*}" from 198.51.100.10)"
	done
	test="tun routes change"
	on "$server" ip route replace default via 192.0.2.251 dev eth0 table 100
	expect_status 192.0.2.21 1 "routes or rules have changed"
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 ready
	on "$server" ip -o route get 203.0.113.7 from 198.51.100.10 | grep -q "via 192.0.2.251 .*advmss 1440" ||
		fail "start does not follow the change"
	test="tun rule lost"
	while on "$server" ip rule del from 198.51.100.10 2>/dev/null; do :; done
	expect_status 192.0.2.21 1 "announce an MSS of the whole MTU, must be 1440"
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 ready
	on "$server" ip route replace default via 192.0.2.250 dev eth0 table 100
	undone 192.0.2.21
	on "$server" ip rule del from 198.51.100.0/24 lookup 100
	on "$server" ip route flush table 100
}

tun_takes_networks()
{
	test="tun network"
	configure "$(service w tun "\"198.51.100.16/28\", \"2001:db8:5::/64\"" 192.0.2.21)"
	snapshot >"$work/before"
	expect_status 192.0.2.21 1 "198.51.100.16/28 is not on lo"
	run 192.0.2.21 start
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 ready
	expect_mss 198.51.100.16 1440
	expect_mss 2001:db8:5:: 1420
	on "$peer" ip route add 198.51.100.16/28 via 192.0.2.21
	reaches 198.51.100.30 || fail "the server does not accept packets to 198.51.100.30"
	on "$peer" ip route del 198.51.100.16/28
	undone 192.0.2.21
}

tun_lost_is_told()
{
	test="tun lost"
	configure "$(service w tun "\"198.51.100.10\"" 192.0.2.21)"
	snapshot >"$work/before"
	run 192.0.2.21 start
	if [ -d "$LBD_DECAP_STATE" ]; then
		on "$server" tc filter del dev eth0 ingress pref 50
		expect_status 192.0.2.21 1 "lbd-decap does not work on eth0"
	else
		on "$server" ip link del lbdtun0
		expect_status 192.0.2.21 1 "there is no tunnel of kind ipip"
	fi
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 ready
	undone 192.0.2.21
}

all_methods_on_one_server()
{
	test="all methods"
	configure "$(service a nat "\"192.0.2.9\"" 192.0.2.21)$(service b dr "\"192.0.2.10\"" 192.0.2.21
		)$(service d tun "\"198.51.100.10\"" 192.0.2.21)$(service e fullnat "\"192.0.2.9\"" 192.0.2.21 |
		sed 's/port = 80/port = 81/')"
	snapshot >"$work/before"
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 "note: answers from 198.51.100.10 to other networks leave through the director"
	expect_mss 198.51.100.10 1440
	[ -z "$(mss_from 192.0.2.10)" ] || fail "dr announces a smaller MSS"
	configure "$(service a nat "\"192.0.2.9\"" 192.0.2.21)"
	run 192.0.2.21 start
	expect_status 192.0.2.21 0 ready
	undone 192.0.2.21
}

fullnat_needs_nothing()
{
	test="fullnat"
	configure "$(service w fullnat "\"192.0.2.10\"" 192.0.2.21)"
	snapshot >"$work/before"
	script 192.0.2.21 start
	case $said in *"nothing is needed here"*) ;; *) fail "start says \"$said\"" ;; esac
	expect_status 192.0.2.21 0 ready
	undone 192.0.2.21
}

decap_is_what_it_was_told()
{
	test="lbd-decap"
	decap="on $server $LBD_DECAP"
	snapshot >"$work/before"
	for wrong in "" "begin" "start eth0" "start eth0 --vip 192.0.2.1" "start eth0 --to 192.0.2.21" \
		"start eth0 --to 192.0.2.300 --vip 192.0.2.1" "start eth0 --to 192.0.2.21 --vip 192.0.2.1/33" \
		"start --to 192.0.2.21 --vip 192.0.2.1" "start eth0 eth1 --to 192.0.2.21 --vip 192.0.2.1" \
		"start ../eth0 --to 192.0.2.21 --vip 192.0.2.1" "stop --json" "status --unknown"; do
		# shellcheck disable=SC2086 # words
		$decap $wrong >"$work/said" 2>&1
		[ $? = 2 ] || fail "\"$wrong\" is no wrong call: $(cat "$work/said")"
	done
	$decap start nosuch --to 192.0.2.21 --vip 192.0.2.1 2>/dev/null && fail "starts on no interface"
	$decap stop eth0 2>/dev/null && fail "stops what was not started"
	$decap status eth0 2>/dev/null && fail "shows what was not started"
	$decap start eth0 --to 192.0.2.21 --vip 198.51.100.10 --vip 198.51.100.16/28 || fail "does not start"
	$decap status --json | python3 -c 'import json, sys; s, = json.load(sys.stdin); assert (
		s["interface"], s["program"], s["tunnels"][0]["to"], sorted(s["tunnels"][0]["vips"])) == (
		"eth0", "tc", "192.0.2.21", ["198.51.100.10/32", "198.51.100.16/28"]), s; assert (
		"decap_4in4" in s["counters"])' || fail "JSON: $($decap status --json)"
	$decap start eth0 --to 192.0.2.21 --vip 2001:db8:5::10 || fail "does not start with another family"
	[ -z "$(on "$server" tc filter show dev eth0 ingress)" ] || fail "the tc filter stays beside xdp"
	$decap status | grep -q '^eth0: xdp$' || fail "xdp is not attached: $($decap status)"
	$decap start eth0 --to 192.0.2.21 --vip 198.51.100.10 || fail "does not start with one family again"
	on "$server" ip -o link show dev eth0 | grep -q xdp && fail "xdp stays beside tc"
	$decap stop || fail "does not stop"
	snapshot >"$work/after"
	diff -u "$work/before" "$work/after" >&2 || fail "stop leaves traces"
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
tun_takes_the_vip_out_of_a_tunnel
tun_is_loose_with_what_comes_out
tun_is_quiet_where_neighbours_may_ask
tun_answers_take_the_ways_that_there_are
tun_takes_networks
tun_lost_is_told
all_methods_on_one_server
fullnat_needs_nothing
decap_is_what_it_was_told
wrong_calls_are_refused
the_script_is_clean
[ $failed = 0 ] && echo "rs-script: does what it should"
exit $failed
