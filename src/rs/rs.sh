
# Above: this server, its address family, the VIPs of its dr and of its tun services, whether it is in a
# network of the directors, the gateway of its nat services (empty without any), and all addresses that the
# directors share.  A VIP is an address, or a network with its length.

set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin
state=${LBD_RS_STATE:-/run/lbd-rs}
decap=${LBD_DECAP:-lbd-decap}
wrong=0
kept=

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

# ---- Words about addresses

family_of()
{
	case $1 in *:*) echo 6 ;; *) echo 4 ;; esac
}

# has_family FAMILY VIPS...
has_family()
{
	wanted_family=$1
	shift
	for one; do
		[ "$(family_of "$one")" != "$wanted_family" ] || return 0
	done
	return 1
}

# An address with the length that makes it a host's.
host()
{
	case $1 in *:*) echo "$1/128" ;; *) echo "$1/32" ;; esac
}

# As long as a VIP is a network, it is in a folder's name with _ instead of the slash.
slot()
{
	echo "$1" | tr / _
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
	kept="$kept $1:$2"
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

# Not those that this run wants.
restore_values()
{
	for value in $(claimed sysctl); do
		case "$kept " in
		*" $value "*) ;;
		*) restore_value "$value" ;;
		esac
	done
}

# ---- Addresses on lo

has_vip()
{
	case $1 in
	*/*) [ -n "$(ip -o "-$(family_of "$1")" route show table local exact "$1" dev lo)" ] ;;
	*) [ -n "$(ip -o "-$(family_of "$1")" address show dev lo to "$(host "$1")")" ] ;;
	esac
}

has_route()
{
	[ -n "$(ip -o -4 route show "$1/32" dev lo)" ]
}

# add_vip VIP NUMBER
add_vip()
{
	if claim "vip/$(slot "$1")"; then
		has_vip "$1" || : >"$state/vip/$(slot "$1")/ours"
		case $1 in */* | *:*) ;; *) has_route "$1" || : >"$state/vip/$1/route" ;; esac
	fi
	case $1 in
	*/*) ip "-$(family_of "$1")" route replace local "$1" dev lo || die "cannot add $1" ;;
	*:*) has_vip "$1" || ip -6 address add "$1/128" dev lo nodad preferred_lft 0 || die "cannot add $1" ;;
	*)
		has_vip "$1" || ip -4 address add "$1/32" dev lo label "lo:lbd$2" || die "cannot add $1"
		ip -4 route replace "$1/32" dev lo || die "cannot add the route to $1"
		;;
	esac
}

remove_vip()
{
	release "vip/$(slot "$1")" || return 0
	[ ! -e "$state/vip/$(slot "$1")/route" ] || ip -4 route del "$1/32" dev lo 2>/dev/null
	if [ -e "$state/vip/$(slot "$1")/ours" ] && has_vip "$1"; then
		case $1 in
		*/*) ip "-$(family_of "$1")" route del local "$1" dev lo ;;
		*) ip "-$(family_of "$1")" address del "$(host "$1")" dev lo ;;
		esac
	fi
	forget "vip/$(slot "$1")"
}

# ---- What takes the outer header off: devices of the kernel, or lbd-decap.

tunnel_kinds()
{
	for vip in $tun_vips; do
		case $family$(family_of "$vip") in
		44) echo ipip ;;
		46) echo sit ;;
		*) echo ip6tnl ;;
		esac
	done | sort -u
}

has_link()
{
	[ -n "$1" ] && [ -n "$(ip -o link show dev "$1" 2>/dev/null)" ]
}

# A name of its own for a new device.
free_link()
{
	n=0
	while has_link "lbdtun$n"; do n=$((n + 1)); done
	echo "lbdtun$n"
}

# Prints the device.
tunnel_of()
{
	cat "$state/tunnel/$1:$server/device" 2>/dev/null
}

# add_tunnel KIND; false when the kernel has none.
add_tunnel()
{
	claim "tunnel/$1:$server" || :
	tunnel=$(tunnel_of "$1")
	if ! has_link "$tunnel"; then
		tunnel=$(free_link)
		mode=
		[ "$1" != ip6tnl ] || mode="mode any"
		# shellcheck disable=SC2086 # two words or none
		ip link add "$tunnel" type "$1" $mode local "$server" remote any 2>/dev/null || return 1
		echo "$tunnel" >"$state/tunnel/$1:$server/device"
	fi
	# Clients are elsewhere: a strict filter would drop them, and a loose one does on a device without an
	# address.  192.0.0.8 is nobody's (RFC 7600).  The kernel takes the larger of this and `all`.
	ip -4 address replace 192.0.0.8/32 dev "$tunnel" scope host || return 1
	echo $(($(cat "$(proc all rp_filter)") ? 2 : 0)) >"$(proc "$tunnel" rp_filter)"
	if [ "$1" != ipip ]; then
		echo 0 >"/proc/sys/net/ipv6/conf/$tunnel/disable_ipv6" || return 1
		ip link set "$tunnel" addrgenmode none 2>/dev/null
	fi
	ip link set "$tunnel" up || return 1
	ip -6 address flush dev "$tunnel" 2>/dev/null # sit makes one of the server's
	return 0
}

# remove_tunnel KIND:SERVER
remove_tunnel()
{
	tunnel=$(tunnel_of "${1%%:*}")
	release "tunnel/$1" || return 0
	! has_link "$tunnel" || ip link del "$tunnel"
	forget "tunnel/$1"
}

# All that the scripts of an interface's addresses want, for it is one program.
load_decap()
{
	interface=$1
	set -- start "$interface"
	for user in "$state/decap/$interface/users"/*; do
		set -- "$@" --to "${user##*/}"
		read -r brings <"$user"
		for vip in $brings; do set -- "$@" --vip "$vip"; done
	done
	"$decap" "$@"
}

add_decap()
{
	command -v "$decap" >/dev/null ||
		die "this kernel has no tunnels ($(echo "$kinds" | tr '\n' ' ')), and there is no lbd-decap:" \
			"one of them is needed"
	claim "decap/$device" || :
	echo "$tun_vips" >"$state/decap/$device/users/$server"
	if ! load_decap "$device"; then
		remove_decap "$device"
		die "lbd-decap does not start"
	fi
	# shellcheck disable=SC2086 # a list
	! has_family 4 $tun_vips || loosen
}

remove_decap()
{
	if release "decap/$1"; then
		forget "decap/$1"
		"$decap" stop "$1" 2>/dev/null
	else
		load_decap "$1"
	fi
}

start_tunnels()
{
	kinds=$(tunnel_kinds)
	devices=
	for kind in $kinds; do
		if ! add_tunnel "$kind"; then
			for old in $(claimed tunnel); do remove_tunnel "$old"; done
			add_decap
			say "tunnels end in lbd-decap on $device: this kernel has no $kind"
			return
		fi
		devices="$devices $tunnel ($kind)"
	done
	for old in $(claimed decap); do remove_decap "$old"; done
	say "tunnels end in the kernel's$devices"
}

# ---- Answers of tun announce a smaller MSS, so that what clients send has room for the outer header.
# That is a metric of routes, so packets from the VIPs get copies of the tables that they use otherwise,
# and rules to look there first.

# The MSS for VIPs of a family.
mss_of()
{
	mtu=$(ip -o link show dev "$device" | sed -n 's/.* mtu \([0-9]*\) .*/\1/p')
	outer=20
	[ "$family" = 4 ] || outer=40
	inner=40
	[ "$1" = 4 ] || inner=60
	echo $((mtu - outer - inner))
}

is_copy()
{
	cat "$state"/answers/*/tables 2>/dev/null | grep -qx "$1"
}

# covers NETWORK VIP, which is on lo.
covers()
{
	[ "$1" != all ] || return 0
	ip -o "-$(family_of "$2")" route show table local root "$1" dev lo | grep -qF "local $2 "
}

# The tables that rules have for packets from a VIP, in their order.
tables_of()
{
	ip "-$(family_of "$1")" rule show | while read -r _ from source rest; do
		case "$from $rest" in "from lookup "*) ;; *) continue ;; esac
		table=${rest#lookup }
		case $table in
		local | *" suppress_"*) continue ;;
		esac
		table=${table%% *}
		is_copy "$table" || ! covers "$source" "$1" || echo "$table"
	done
}

# with_mss MSS: routes as `ip route show` has them become such as `ip route add` takes.
with_mss()
{
	tr -d '\134' | awk -v mss="$1" '
	/ dev lo( |$)/ || /^(local|broadcast|multicast|anycast) / { next }
	{
		route = ""; hops = ""; limit = mss
		for (i = 1; i <= NF; i++) {
			if ($i ~ /^(linkdown|dead|offload|trap|rt_offload|rt_trap)$/) continue
			if ($i == "expires" || $i == "nhid") { i++; continue }
			if ($i == "advmss") { i++; if ($i < limit) limit = $i; continue }
			if ($i == "nexthop" || hops != "") hops = hops " " $i
			else route = route " " $i
		}
		print route " advmss " limit hops
	}'
}

# What is to be, of a family: lines "from VIP TABLE..." and, behind each "table TABLE", its routes.
plan()
{
	mss=$(mss_of "$1")
	lookups=$(for vip in $tun_vips; do
		[ "$(family_of "$vip")" = "$1" ] || continue
		echo "from $vip $(tables_of "$vip" | tr '\n' ' ')"
	done)
	echo "$lookups"
	echo "$lookups" | sed 's/^from [^ ]* //' | tr ' ' '\n' | sort -u | while read -r table; do
		[ -n "$table" ] || continue
		echo "table $table"
		ip -o "-$1" route show table "$table" 2>/dev/null | with_mss "$mss"
	done
}

# free_table FAMILY
free_table()
{
	id=7601
	while [ -n "$(ip "-$1" route show table "$id" 2>/dev/null)" ] ||
		ip "-$1" rule show | grep -qE " lookup $id( |$)"; do
		id=$((id + 1))
	done
	echo "$id"
}

# drop_tables FAMILY TABLES...
drop_tables()
{
	f=$1
	shift
	for id; do
		while ip "-$f" rule del lookup "$id" 2>/dev/null; do :; done
		ip "-$f" route flush table "$id" 2>/dev/null
	done
}

# copy_table FAMILY TABLE PLAN: prints the copy's number, or nothing when the table is empty.
copy_table()
{
	id=$(free_table "$1")
	sed -n "/^table $2\$/,/^table /{/^table /d;p;}" "$3" | while read -r line; do
		# shellcheck disable=SC2086 # the words of a route
		ip "-$1" route add table "$id" $line || say "cannot copy the route: $line" >&2
	done
	[ -z "$(ip "-$1" route show table "$id" 2>/dev/null)" ] || echo "$id"
}

# add_rules FAMILY PLAN COPIES: each rule goes before all that are there, hence from the last to the first.
add_rules()
{
	sed -n 's/^from //p' "$2" | while read -r vip tables; do
		backwards=
		for table in $tables; do backwards="$table $backwards"; done
		for table in $backwards; do
			id=$(sed -n "s/^$table //p" "$3")
			[ -z "$id" ] || ip "-$1" rule add from "$vip" lookup "$id" || say "cannot add a rule for $vip" >&2
		done
	done
}

# The new copies are used before the old ones go.
add_answers()
{
	place=$state/answers/$1:$server
	claim "answers/$1:$server" || :
	plan "$1" >"$place/new"
	if cmp -s "$place/new" "$place/plan" && rules_stand "$1" && mss_holds "$1"; then
		rm -f "$place/new"
		return
	fi
	old=$(cat "$place/tables" 2>/dev/null)
	: >"$place/copies"
	sed -n 's/^table //p' "$place/new" | while read -r table; do
		echo "$table $(copy_table "$1" "$table" "$place/new")"
	done >"$place/copies"
	add_rules "$1" "$place/new" "$place/copies"
	sed 's/^[^ ]* *//; /^$/d' "$place/copies" >"$place/tables"
	ip "-$1" rule show | sed 's/.* lookup \([^ ]*\).*/\1/' | grep -cxFf "$place/tables" >"$place/n_rules"
	mv "$place/new" "$place/plan"
	rm -f "$place/copies"
	# shellcheck disable=SC2086 # a list
	drop_tables "$1" $old
}

# Whether somebody removed a rule or the routes.
rules_stand()
{
	while read -r id; do
		[ -n "$(ip "-$1" route show table "$id" 2>/dev/null)" ] || return 1
	done <"$state/answers/$1:$server/tables"
	n_rules=$(ip "-$1" rule show | sed 's/.* lookup \([^ ]*\).*/\1/' |
		grep -cxFf "$state/answers/$1:$server/tables")
	[ "$n_rules" = "$(cat "$state/answers/$1:$server/n_rules")" ]
}

# told_mss VIP: what clients are told, in fact; 65535 without a limit, 0 when there is no way to them.
told_mss()
{
	way=$(way_from "$1")
	[ -n "$way" ] || { echo 0; return; }
	told=$(echo "$way" | sed -n 's/.* advmss \([0-9]*\).*/\1/p')
	echo "${told:-65535}"
}

# Whether other rules have not come before ours.
mss_holds()
{
	for vip in $tun_vips; do
		[ "$(family_of "$vip")" = "$1" ] || continue
		[ "$(told_mss "$vip")" -le "$(mss_of "$1")" ] || return 1
	done
}

# remove_answers FAMILY:SERVER
remove_answers()
{
	old=$(cat "$state/answers/$1/tables" 2>/dev/null)
	release "answers/$1" || return 0
	# shellcheck disable=SC2086 # a list
	drop_tables "${1%%:*}" $old
	forget "answers/$1"
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

elsewhere()
{
	case $1 in *:*) echo 2001:db8:ffff:ffff::1 ;; *) echo 203.0.113.1 ;; esac
}

# How packets of an address of ours get to clients elsewhere.
way_from()
{
	ip -o "-$(family_of "$1")" route get "$(elsewhere "$1")" from "${1%/*}" 2>/dev/null
}

# The router among it; empty: none.
router_from()
{
	way_from "$1" | sed -n 's/.* via \([^ ]*\) .*/\1/p'
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
	device=$(ip -o "-$family" address show to "$(host "$server")" | while read -r _ name _; do
		[ "$name" = lo ] || { echo "${name%%@*}"; break; }
	done)
}

wants()
{
	case " $dr_vips $tun_vips " in
	*" $1 "*) true ;;
	*) false ;;
	esac
}

# What an earlier configuration asked for, and this one does not.
drop_unwanted()
{
	for family_used in 4 6; do
		# shellcheck disable=SC2086 # a list
		has_family "$family_used" $tun_vips || remove_answers "$family_used:$server"
	done
	for kind in $(claimed tunnel); do
		tunnel_kinds | grep -qx "${kind%%:*}" || remove_tunnel "$kind"
	done
	for old in $(claimed decap); do
		if [ -z "$tun_vips" ] || [ "$old" != "$device" ]; then remove_decap "$old"; fi
	done
	for vip in $(claimed vip | tr _ /); do
		wants "$vip" || remove_vip "$vip"
	done
	for old in $(claimed gateway); do
		[ "$old" = "$gateway" ] || remove_gateway "$old"
	done
}

# Whether neighbours may ask for a VIP: always those of dr, and those of tun where the VIP's network or the
# directors' is connected here.
needs_quiet()
{
	# shellcheck disable=SC2086 # lists
	! has_family 4 $dr_vips || return 0
	for vip in $tun_vips; do
		[ "$(family_of "$vip")" = 4 ] || continue
		[ -z "$shares_segment" ] || return 0
		! ip -o -4 route show table all match "$vip" scope link |
			grep -qvE '^(default|local|broadcast) | dev lo( |$)' || return 0
	done
	return 1
}

loosen()
{
	# Also when another script has made it loose, which must outlive that one's stop.
	if [ "$(setting "$device" rp_filter)" = 1 ] || [ -d "$state/sysctl/$device:rp_filter" ]; then
		set_value "$device" rp_filter 2
	fi
}

# First the settings, so that no request for a new address is answered.
start_vips()
{
	if needs_quiet; then
		for interface in all "$device"; do
			set_value "$interface" arp_ignore 1
			set_value "$interface" arp_announce 2
		done
	fi
	# shellcheck disable=SC2086 # a list
	! has_family 4 $dr_vips || loosen
	ip link set lo up
	n=0
	for vip in $dr_vips $tun_vips; do
		add_vip "$vip" "$n"
		n=$((n + 1))
	done
}

start_tun()
{
	start_tunnels
	for family_used in 4 6; do
		# shellcheck disable=SC2086 # a list
		! has_family "$family_used" $tun_vips || add_answers "$family_used"
	done
}

start()
{
	[ "$(id -u)" = 0 ] || die "start needs root"
	find_device
	[ -n "$device" ] || die "no interface has the address $server"
	drop_unwanted
	[ -z "$dr_vips$tun_vips" ] || start_vips
	[ -z "$gateway" ] || add_gateway
	[ -z "$tun_vips" ] || start_tun
	restore_values
	[ -n "$dr_vips$tun_vips$gateway" ] || say "fullnat: nothing is needed here"
}

stop()
{
	[ "$(id -u)" = 0 ] || die "stop needs root"
	for old in $(claimed answers); do remove_answers "$old"; done
	for old in $(claimed gateway); do remove_gateway "$old"; done
	for old in $(claimed tunnel); do remove_tunnel "$old"; done
	for old in $(claimed decap); do remove_decap "$old"; done
	for vip in $(claimed vip | tr _ /); do remove_vip "$vip"; done
	restore_values
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
}

# status_filter INTERFACE: clients are elsewhere.
status_filter()
{
	[ "$(setting "$1" rp_filter)" != 1 ] ||
		complain "rp_filter of $1 is 1, must be 2 or 0: requests may be dropped"
}

status_vips()
{
	! needs_quiet || status_arp
	# shellcheck disable=SC2086 # a list
	! has_family 4 $dr_vips || status_filter "$device"
	for vip in $(echo "$dr_vips $tun_vips" | tr ' ' '\n' | awk '!seen[$0]++'); do
		if ! has_vip "$vip"; then
			complain "$vip is not on lo"
			continue
		fi
		case $vip in
		*/*) ;;
		*:*)
			[ -n "$(ip -o -6 address show dev lo deprecated to "$vip")" ] ||
				complain "$vip is not deprecated (preferred_lft 0): own connections may come from it"
			;;
		esac
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

# Prints nothing when all tunnels are the kernel's.
status_tunnels()
{
	for kind in $(tunnel_kinds); do
		tunnel=$(tunnel_of "$kind")
		if ! has_link "$tunnel" || [ -z "$(ip -o link show dev "$tunnel" up)" ]; then
			complain "there is no tunnel of kind $kind that ends here: requests are not taken out"
			continue
		fi
		# shellcheck disable=SC2086 # a list
		! has_family 4 $tun_vips || status_filter "$tunnel"
	done
}

status_decap()
{
	# shellcheck disable=SC2086 # a list
	! has_family 4 $tun_vips || status_filter "$device"
	if [ "$(id -u)" != 0 ]; then
		say "note: only root can see whether lbd-decap works"
	elif ! "$decap" status "$device" >/dev/null; then
		complain "lbd-decap does not work on $device: requests are not taken out of the tunnel"
	fi
}

status_mss()
{
	for vip in $tun_vips; do
		has_vip "$vip" || continue
		told=$(told_mss "$vip")
		most=$(mss_of "$(family_of "$vip")")
		[ "$told" != 65535 ] || told="the whole MTU"
		[ "$(told_mss "$vip")" -le "$most" ] ||
			complain "answers from $vip announce an MSS of $told, must be $most:" \
				"full packets of clients do not fit into the tunnel; run start again"
	done
}

status_tun()
{
	if [ -e "$state/decap/$device/users/$server" ]; then status_decap; else status_tunnels; fi
	status_mss
	for family_used in 4 6; do
		[ -e "$state/answers/$family_used:$server/plan" ] || continue
		plan "$family_used" | cmp -s - "$state/answers/$family_used:$server/plan" ||
			complain "routes or rules have changed: IPv$family_used answers leave by those of before;" \
				"run start again"
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
		[ -z "$dr_vips$tun_vips" ] || status_vips
		[ -z "$tun_vips" ] || status_tun
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
