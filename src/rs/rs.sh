
# Above: this server, its address family, the addresses of its dr services, the gateway of its nat
# services (empty without any), and all addresses that the directors share.

set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
state=${LBD_RS_STATE:-/run/lbd-rs}
bits=32
[ "$family" = 4 ] || bits=128
wrong=0

say()
{
	echo "lbd-rs $server: $*"
}

complain()
{
	say "wrong: $*"
	wrong=1
}

die()
{
	say "$*" >&2
	exit 1
}

# ---- What was changed, and for whom: a server may have several addresses, each with a script.  A thing
# is a folder; its users/ has a file for each script that wants it, and beside that stands what will be
# needed to undo it.

# True for the first claim.
claim()
{
	if [ -d "$state/$1" ]; then
		: >"$state/$1/users/$server"
		return 1
	fi
	mkdir -p "$state/$1/users" || die "cannot write to $state"
	: >"$state/$1/users/$server"
}

# True when nobody wants it any more.
release()
{
	rm -f "$state/$1/users/$server"
	rmdir "$state/$1/users" 2>/dev/null
}

forget()
{
	rm -rf "${state:?}/$1"
}

# The things of a kind that this script has claimed.
claimed()
{
	for user in "$state/$1"/*/users/"$server"; do
		[ -e "$user" ] || continue
		thing=${user%/users/*}
		echo "${thing##*/}"
	done
}

# ---- Settings

proc()
{
	echo "/proc/sys/net/ipv4/conf/$1/$2"
}

# setting INTERFACE NAME: what holds; the kernel takes the larger one of it and `all`.
setting()
{
	one=$(cat "$(proc "$1" "$2")" 2>/dev/null || echo 0)
	all=$(cat "$(proc all "$2")")
	if [ "$one" -gt "$all" ]; then echo "$one"; else echo "$all"; fi
}

# set_value INTERFACE NAME VALUE
set_value()
{
	file=$(proc "$1" "$2")
	if claim "sysctl/$1:$2"; then
		cat "$file" >"$state/sysctl/$1:$2/was"
	fi
	echo "$3" >"$state/sysctl/$1:$2/is"
	echo "$3" >"$file" || die "cannot write $file"
}

# Not if somebody else has changed it since, or the interface is gone.
restore_value()
{
	release "sysctl/$1" || return 0
	file=$(proc "${1%:*}" "${1##*:}")
	if [ -e "$file" ] && [ "$(cat "$file")" = "$(cat "$state/sysctl/$1/is")" ]; then
		cat "$state/sysctl/$1/was" >"$file"
	fi
	forget "sysctl/$1"
}

# ---- Addresses on lo

has_vip()
{
	[ -n "$(ip -o "-$family" address show dev lo to "$1/$bits")" ]
}

add_vip()
{
	if claim "vip/$1" && ! has_vip "$1"; then
		: >"$state/vip/$1/ours"
	fi
	if [ "$family" = 4 ]; then
		has_vip "$1" || ip -4 address add "$1/32" dev lo label "lo:lbd$2" || die "cannot add $1"
		ip -4 route replace "$1/32" dev lo || die "cannot add the route to $1"
	else
		has_vip "$1" || ip -6 address add "$1/128" dev lo nodad preferred_lft 0 ||
			die "cannot add $1"
	fi
}

remove_vip()
{
	release "vip/$1" || return 0
	if [ -e "$state/vip/$1/ours" ]; then
		[ "$family" = 6 ] || ip -4 route del "$1/32" dev lo 2>/dev/null
		! has_vip "$1" || ip "-$family" address del "$1/$bits" dev lo
	fi
	forget "vip/$1"
}

# ---- The default route of nat.  It must win over others: of IPv4 the metric 0 that none is better than, so
# that what has it gives way; of IPv6 the metric 1.

default_routes()
{
	if [ "$family" = 4 ]; then
		ip -o -4 route show default | grep -v ' metric '
	else
		ip -o -6 route show default | grep ' metric 1 '
	fi | tr -d '\134' | sed 's/ linkdown//g; s/ dead//g; s/ expires [^ ]*//' # 134: backslash
}

# route replace|del ROUTER INTERFACE
route()
{
	if [ "$family" = 4 ]; then
		ip -4 route "$1" default via "$2" dev "$3"
	else
		ip -6 route "$1" default via "$2" dev "$3" metric 1
	fi
}

add_gateway()
{
	if claim "gateway/$gateway"; then
		default_routes >"$state/gateway/$gateway/was"
		echo "$device" >"$state/gateway/$gateway/device"
	fi
	route replace "$gateway" "$device" || die "cannot make $gateway the default route"
}

remove_gateway()
{
	release "gateway/$1" || return 0
	route del "$1" "$(cat "$state/gateway/$1/device")" 2>/dev/null
	while read -r line; do
		# shellcheck disable=SC2086 # the words of a route
		ip "-$family" route add $line || say "cannot restore the route: $line"
	done <"$state/gateway/$1/was"
	forget "gateway/$1"
}

# Which router packets of address $1 to clients elsewhere are given to; empty: none.
router_from()
{
	elsewhere=203.0.113.1
	[ "$family" = 4 ] || elsewhere=2001:db8:ffff:ffff::1
	ip "-$family" route get "$elsewhere" from "$1" 2>/dev/null | sed -n 's/.* via \([^ ]*\) .*/\1/p'
}

is_director()
{
	case " $directors " in
	*" $1 "*) [ -n "$1" ] ;;
	*) false ;;
	esac
}

# ---- start, stop, status

find_device()
{
	device=$(ip -o "-$family" address show to "$server/$bits" | while read -r _ name _; do
		[ "$name" = lo ] || { echo "${name%%@*}"; break; }
	done)
}

wants()
{
	case " $vips " in
	*" $1 "*) true ;;
	*) false ;;
	esac
}

# What an earlier configuration asked for, and this one does not.
drop_unwanted()
{
	for vip in $(claimed vip); do
		wants "$vip" || remove_vip "$vip"
	done
	for old in $(claimed gateway); do
		[ "$old" = "$gateway" ] || remove_gateway "$old"
	done
	for value in $(claimed sysctl); do
		case "$value" in
		"all:"* | "$device:"*) [ -n "$vips" ] || restore_value "$value" ;;
		*) restore_value "$value" ;;
		esac
	done
}

# First the settings, so that no request for a new address is answered.
start_dr()
{
	if [ "$family" = 4 ]; then
		for interface in all "$device"; do
			set_value "$interface" arp_ignore 1
			set_value "$interface" arp_announce 2
		done
		# Also when another script has made it loose, which must outlive that one's stop.
		if [ "$(setting "$device" rp_filter)" = 1 ] || [ -d "$state/sysctl/$device:rp_filter" ]; then
			set_value "$device" rp_filter 2
		fi
	fi
	ip link set lo up
	n=0
	for vip in $vips; do
		add_vip "$vip" "$n"
		n=$((n + 1))
	done
}

start()
{
	[ "$(id -u)" = 0 ] || die "start needs root"
	find_device
	[ -n "$device" ] || die "no interface has the address $server"
	drop_unwanted
	[ -z "$vips" ] || start_dr
	[ -z "$gateway" ] || add_gateway
}

stop()
{
	[ "$(id -u)" = 0 ] || die "stop needs root"
	for old in $(claimed gateway); do remove_gateway "$old"; done
	for vip in $(claimed vip); do remove_vip "$vip"; done
	for value in $(claimed sysctl); do restore_value "$value"; done
	rmdir "$state"/* "$state" 2>/dev/null
	return 0
}

status_arp()
{
	case $(setting "$device" arp_ignore) in
	1 | 2 | 8) ;;
	*) complain "arp_ignore of $device is $(setting "$device" arp_ignore), must be 1:" \
		"this server answers ARP for the addresses of the services" ;;
	esac
	[ "$(setting "$device" arp_announce)" = 2 ] ||
		complain "arp_announce of $device is $(setting "$device" arp_announce), must be 2:" \
			"this server tells the addresses of the services to its neighbours"
	[ "$(setting "$device" rp_filter)" != 1 ] ||
		complain "rp_filter of $device is 1, must be 2 or 0: requests may be dropped"
}

status_dr()
{
	[ "$family" = 6 ] || status_arp
	for vip in $vips; do
		if ! has_vip "$vip"; then
			complain "$vip is not on lo"
			continue
		fi
		[ "$family" = 4 ] || [ -n "$(ip -o -6 address show dev lo deprecated to "$vip")" ] ||
			complain "$vip is not deprecated (preferred_lft 0): own connections may come from it"
		router=$(router_from "$vip")
		is_director "$router" || continue
		if [ -n "$gateway" ]; then
			say "note: answers from $vip to other networks leave through the director $router:" \
				"they need a rule \"from $vip\" and another router, see lbd-rs(7)"
		else
			complain "answers from $vip leave through the director $router:" \
				"the default route must not lead there"
		fi
	done
}

status_nat()
{
	router=$(router_from "$server")
	[ "$router" = "$gateway" ] ||
		complain "answers leave through ${router:-no router}, must be $gateway:" \
			"they by-pass the director"
}

status()
{
	find_device
	if [ -z "$device" ]; then
		complain "no interface has the address $server"
	else
		[ -z "$vips" ] || status_dr
		[ -z "$gateway" ] || status_nat
	fi
	[ "$wrong" = 1 ] || say "ready"
	return "$wrong"
}

case ${1-} in
start | stop | status)
	"$1"
	;;
*)
	echo "usage: sh ${0##*/} start | stop | status" >&2
	exit 2
	;;
esac
