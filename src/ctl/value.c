// SPDX-License-Identifier: BSD-2-Clause
/* Exported values.  Counters that have a list beside their struct come from that list. */
#include "ctl/value.h"

#include "check/check.h"
#include "ipvs/ipvs.h"
#include "lib/loop.h"
#include "net/net.h"
#include "vrrp/vrrp.h"
#include "xmit/attach.h"

#define S struct attach_status
const struct value values_attach_status[] = {
	VALUE(S, interface, "name", "the interface"),
	VALUE(S, driver, "driver", "its driver"),
	VALUE(S, mode, "mode", "what takes packets there: tc, or xdp and tc"),
	VALUE(S, reason, "reason", "why in that mode"),
	VALUE(S, attached, "attached", "whether the programs hang there"),
	VALUE(S, repaired, "repaired", "programs that somebody had removed, put back"),
	{ 0 },
};
#undef S

#define S struct check_status
const struct value values_check_status[] = {
	VALUE(S, check, "name", "the check"),
	VALUE(S, up, "up", "its verdict"),
	VALUE(S, detail, "detail", "of the last attempt: what was expected, what was seen"),
	VALUE(S, warning, "warning", "what is not wrong yet: a certificate about to expire"),
	VALUE(S, run, "run", "results of one kind in a row"),
	VALUE(S, latency, "latency_s", "of the last attempt"),
	VALUE_AGO(S, since, "since_s", "since when the verdict holds"),
	VALUE(S, attempts, "attempts", "attempts made"),
	VALUE(S, failures, "failures", "attempts that spoke against the server"),
	VALUE(S, local, "local", "attempts that failed by lbd's own trouble"),
	{ 0 },
};
#undef S

#define S struct ipvs_flow_stats
const struct value values_flow_stats[] = {
	VALUE(S, flows, "flows", "connections in the tables at the last sweep"),
	VALUE(S, entries4, "entries4", "entries used in the IPv4 table"),
	VALUE(S, entries6, "entries6", "entries used in the IPv6 table"),
	VALUE(S, reclaimed, "reclaimed", "flows ended by the sweep"),
	VALUE(S, orphans, "orphans", "reply halves without a twin removed"),
	VALUE(S, corrected, "corrected", "connection counters of servers set right"),
	VALUE(S, templates, "templates", "clients that persistence remembers"),
	VALUE(S, forgotten, "forgotten", "of these, ended by the sweep"),
	VALUE(S, lost, "lost",
	      "of the reclaimed: flows of servers that had failed or were removed"),
	VALUE(S, resets, "resets", "TCP resets made for these"),
	VALUE(S, resets_unknown, "resets_unknown",
	      "resets not made: the receiver had acknowledged nothing yet"),
	VALUE(S, sweep_took, "sweep_s", "how long the last sweep took"),
	VALUE(S, sweep_cpu, "sweep_cpu_s", "CPU time that it took"),
	{ 0 },
};
#undef S

#define S struct net_reset_stats
const struct value values_reset_stats[] = {
	VALUE(S, sent, "resets_sent", "TCP resets sent to ends of flows of lost servers"),
	VALUE(S, failed, "resets_failed", "TCP resets that the kernel did not take"),
	{ 0 },
};
#undef S

#define S struct net_stats
const struct value values_net_stats[] = {
	VALUE(S, messages, "messages", "netlink messages received"),
	VALUE(S, resyncs, "resyncs", "times that messages were lost and all was read again"),
	VALUE(S, malformed, "malformed", "messages that made no sense"),
	{ 0 },
};
#undef S

#define S struct server_stats
const struct value values_server_stats[] = {
	VALUE(S, conns, "conns", "connections begun"),
	VALUE(S, in_packets, "in_packets", "packets to the server"),
	VALUE(S, in_bytes, "in_bytes", "IP bytes to the server"),
	VALUE(S, out_packets, "out_packets", "packets from the server; 0 for dr"),
	VALUE(S, out_bytes, "out_bytes", "IP bytes from the server; 0 for dr"),
	{ 0 },
};
#undef S

#define S struct ipvs_server_status
const struct value values_server_status[] = {
	VALUE(S, name, "name", "the server"),
	VALUE(S, addr, "address", "its address"),
	VALUE(S, port, "port", "its port"),
	VALUE(S, method, "method", "how packets reach it"),
	VALUE(S, sorry, "sorry", "it serves when no other can"),
	VALUE(S, weight, "weight", "its weight; 0: no new connections"),
	VALUE(S, up, "up", "whether its checks say that it works"),
	VALUE(S, next_hop, "next_hop", "ok, or what is wrong with the way there"),
	VALUE(S, active, "active", "established connections"),
	VALUE(S, inactive, "inactive", "all others"),
	VALUE(S, ports_used, "ports_used", "fullnat: local ports in use"),
	VALUE(S, ports_total, "ports_total", "fullnat: local ports there are"),
	{ 0 },
};
#undef S

#define S struct ipvs_service_status
const struct value values_service_status[] = {
	VALUE(S, name, "name", "the service"),
	VALUE(S, port, "port", "its port, or the first of a range"),
	VALUE(S, port_last, "port_last", "the last of a range; else the same"),
	VALUE(S, method, "method", "how packets reach the servers"),
	VALUE(S, scheduler, "scheduler", "who gets the next connection"),
	VALUE(S, n_available, "available", "servers that get new connections"),
	VALUE(S, active, "active", "established connections"),
	VALUE(S, inactive, "inactive", "all others"),
	{ 0 },
};
#undef S

const struct value values_vrrp_counters[] = {
#define X(member, name, help) VALUE(struct vrrp_counters, member, name, help),
	VRRP_COUNTERS(X)
#undef X
		{ 0 },
};

#define S struct vrrp_track_status
const struct value values_track_status[] = {
	VALUE(S, name, "name", "what is tracked"),
	VALUE(S, detail, "detail", "what was seen last"),
	VALUE(S, weight, "weight", "of the priority; 0: failing is a fault"),
	VALUE_AGO(S, since, "since_s", "since when the verdict holds"),
	{ 0 },
};
#undef S

#define S struct vrrp_status
const struct value values_vrrp_status[] = {
	VALUE(S, name, "name", "the instance"),
	VALUE(S, group, "group", "that it moves with; null: none"),
	VALUE(S, interface, "interface", "where its adverts go"),
	VALUE(S, vrid, "vrid", "its virtual router id"),
	VALUE(S, version, "version", "of the protocol"),
	VALUE(S, reason, "reason", "why it is in its state"),
	VALUE_AGO(S, since, "since_s", "since when"),
	VALUE(S, priority, "priority", "ours, in force"),
	VALUE(S, priority_base, "priority_base", "ours, before what is tracked is added"),
	VALUE(S, advert_interval, "advert_interval_s", "ours"),
	VALUE(S, master_interval, "master_interval_s", "the master's"),
	VALUE(S, master, "master", "who sent the last advert; null: nobody yet"),
	VALUE(S, master_priority, "master_priority", "the priority in it"),
	VALUE_AGO(S, last_advert, "last_advert_s", "when it came"),
	VALUE(S, n_addresses, "addresses", "how many the instance owns as MASTER"),
	VALUE(S, addresses_differ, "addresses_differ",
	      "whether the last advert had others than ours"),
	{ 0 },
};
#undef S

static json_t *seconds(usec_t span)
{
	return json_real((double)span.us / 1e6);
}

static json_t *text(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *address(const struct addr *a)
{
	char buf[ADDR_STRLEN];

	return addr_is_any(a) ? json_null() : json_string(addr_str(a, buf));
}

static json_t *ago(usec_t when)
{
	return when.us ? seconds(usec_sub(loop_now(), when)) : json_null();
}

static json_t *to_json(enum value_type type, const void *p)
{
	switch (type) {
	case VALUE_U8:
		return json_integer(*(const uint8_t *)p);
	case VALUE_U16:
		return json_integer(*(const uint16_t *)p);
	case VALUE_U32:
		return json_integer(*(const uint32_t *)p);
	case VALUE_INT:
		return json_integer(*(const int *)p);
	case VALUE_U64:
		return json_integer((json_int_t) * (const uint64_t *)p);
	case VALUE_BOOL:
		return json_boolean(*(const bool *)p);
	case VALUE_TEXT:
		return text(*(const char *const *)p);
	case VALUE_ADDR:
		return address(p);
	case VALUE_SPAN:
		return seconds(*(const usec_t *)p);
	case VALUE_SINCE:
		return ago(*(const usec_t *)p);
	}
	return json_null();
}

json_t *values_add(json_t *object, const struct value *table, const void *status)
{
	for (; table->name; table++)
		json_object_set_new(object, table->name,
				    to_json(table->type, (const char *)status + table->at));
	return object;
}
