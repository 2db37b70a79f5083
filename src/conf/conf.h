/* SPDX-License-Identifier: BSD-2-Clause */
/* What the operator wrote: one immutable struct conf, replaced as a whole, never modified.
 *
 * Defaults, pools, includes and the node's overlay are already resolved: a service holds its
 * effective servers and checks.  Everything lives in one arena; pointers into it are borrowed by
 * whoever holds the conf.  Arrays are in the order of the file. */
#ifndef LBD_CONF_CONF_H
#define LBD_CONF_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/log.h"
#include "lib/str.h"
#include "lib/usec.h"

/* Where something was said, for messages that come later than the parser's. */
struct conf_where {
	const char *file;
	unsigned line;
	const char *path; /* "services.www.servers.web2" */
};

enum conf_engine {
	CONF_ENGINE_EBPF,
	CONF_ENGINE_NONE, /* VRRP, checks and scripts alone */
};

enum conf_attach {
	CONF_ATTACH_AUTO,
	CONF_ATTACH_TC,
	CONF_ATTACH_XDP,
};

enum conf_sysctls {
	CONF_SYSCTLS_SET,
	CONF_SYSCTLS_CHECK,
};

/* attach = "tc" for all interfaces, or a group with a value for each. */
struct conf_attach_one {
	const char *interface;
	unsigned attach; /* enum conf_attach */
};

struct conf_director {
	struct conf_where where;
	const char *router_id;	 /* default: the node's name, else the host name */
	unsigned engine;	 /* enum conf_engine */
	const char **interfaces; /* where packets come in; empty: worked out */
	unsigned n_interfaces;
	struct conf_where interfaces_where;
	unsigned attach; /* enum conf_attach */
	struct conf_attach_one *attach_by_interface;
	unsigned n_attach_by_interface;
	uint32_t flows;	 /* entries of the IPv4 flow table; a nat flow takes two */
	uint32_t flows6; /* the same for IPv6 */
	const char *control;
	const char *script_user;    /* who scripts run as */
	unsigned sysctls;	    /* enum conf_sysctls */
	unsigned log_target;	    /* enum log_target */
	unsigned log_level;	    /* enum log_level */
	uint32_t checks_at_once;    /* attempts under way; 0: 512 */
	uint32_t checks_per_second; /* attempts begun; 0: as many as are due */
};

/* "192.0.2.10/24" or "10.0.0.1/24 dev eth1" */
struct conf_vip {
	struct prefix prefix;
	const char *interface; /* the instance's own when not said; NULL in local_addresses */
};

/* What the IPv4 checksum of a VRRPv3 advert that we send covers; both are understood. */
enum conf_checksum {
	CONF_CHECKSUM_PSEUDO, /* a pseudo header too, as nearly all who speak it have it */
	CONF_CHECKSUM_MESSAGE,
};

/* What is tracked. */
enum conf_track_kind {
	CONF_TRACK_NONE, /* nothing, or several things: an error */
	CONF_TRACK_INTERFACE,
	CONF_TRACK_ADDRESS,
	CONF_TRACK_ROUTE,
	CONF_TRACK_SCRIPT,
	CONF_TRACK_FILE,
	CONF_TRACK_PROCESS,
	CONF_TRACK_INSTANCE,
	CONF_TRACK_SERVICE,
	CONF_TRACK_KINDS,
};

/* One of the things beside its peers that an instance depends on.  What its kind does not look at
 * is 0. */
struct conf_track {
	struct conf_where where;
	const char *name;
	enum conf_track_kind kind;
	const char *interface;
	struct conf_where interface_where;
	bool has_address;
	struct addr address;
	bool has_route;
	struct addr route;
	const char **script; /* its path and arguments */
	unsigned n_script;
	const char *file;
	const char *process;
	const char *instance;
	const char *service;
	int32_t weight; /* of the priority; 0: failing is a fault */
	bool reverse;
	usec_t interval, timeout;
	uint32_t rise, fall;
	uint32_t below; /* percent */
	usec_t delay;
};

struct conf_vrrp {
	struct conf_where where;
	const char *name;
	const char *group; /* of vrrp_groups; NULL: it moves alone */
	const char *interface;
	struct conf_where interface_where;
	bool wait_for_interface; /* its interfaces may be missing at the start */
	uint32_t vrid;
	uint32_t version;	/* 2 (IPv4 only) or 3 */
	uint32_t priority;	/* 1-254; 255: owner */
	usec_t advert_interval; /* v3: whole centiseconds, 10 ms - 40.95 s; v2: whole seconds */
	uint32_t dead_after;	/* missing adverts, and the master counts as dead */
	unsigned checksum;	/* enum conf_checksum */
	const char *password;	/* v2, at most 8 characters; NULL: no authentication */
	bool preempt;
	usec_t preempt_delay;		     /* a living master is left alone for as long */
	usec_t startup_delay;		     /* after the boot of the machine */
	usec_t link_down_delay;		     /* the link may be down for as long */
	usec_t link_up_delay;		     /* and must be up again for as long */
	usec_t announce_refresh;	     /* 0: announced after a change only */
	int family;			     /* of the addresses: AF_INET or AF_INET6 */
	struct conf_vip *advertised, *extra; /* as written; both together are addresses */
	unsigned n_advertised, n_extra;
	struct conf_vip *addresses; /* all that move, the extra ones last */
	unsigned n_addresses;
	struct conf_where addresses_where;
	struct conf_vip *local_addresses; /* of fullnat services: they move along, unadvertised */
	unsigned n_local_addresses;
	bool has_source;
	struct addr source;	    /* of the adverts; else the interface's own */
	struct addr *unicast_peers; /* none: multicast */
	unsigned n_unicast_peers;
	struct conf_track *tracks;
	unsigned n_tracks;
	const char **notify; /* a program and its arguments */
	unsigned n_notify;
	usec_t notify_timeout; /* 0 without a program */
};

/* Instances that are MASTER together or not at all. */
struct conf_vrrp_group {
	struct conf_where where;
	const char *name;
	const char **members;
	unsigned n_members;
};

enum conf_scheduler {
	CONF_SCHED_RR,
	CONF_SCHED_WRR,
	CONF_SCHED_LC,
	CONF_SCHED_WLC,
	CONF_SCHED_SH,
	CONF_SCHED_MH,
};

enum conf_method {
	CONF_METHOD_NAT,
	CONF_METHOD_DR,
	CONF_METHOD_TUN,
	CONF_METHOD_FULLNAT,
};

/* What happens to the flows of a server that fails or is taken away. */
enum conf_server_down {
	CONF_DOWN_KEEP,
	CONF_DOWN_DROP,
	CONF_DOWN_RESET,
};

/* What happens to a TCP packet that neither belongs to a flow nor may begin one. */
enum conf_no_flow {
	CONF_NO_FLOW_RESET,
	CONF_NO_FLOW_DROP,
	CONF_NO_FLOW_SCHEDULE, /* sh and mh: its server is known without a flow */
};

enum conf_owner {
	CONF_OWNER_VRRP,
	CONF_OWNER_ALWAYS, /* every director serves the VIPs at all times */
};

/* How long a flow of each state lives without a packet. */
struct conf_timeouts {
	usec_t established, syn_sent, syn_recv, fin_wait, time_wait, close, close_wait, last_ack;
	usec_t udp;
	usec_t sctp_init, sctp_established, sctp_shutdown, sctp_closed;
};

/* Clients come back to the same server. */
struct conf_persistence {
	usec_t timeout;		   /* 0: off */
	uint32_t prefix4, prefix6; /* clients of one prefix are one client */
	bool expire_quiescent;	   /* a server of weight 0 gets its clients no more */
};

enum conf_check_type {
	CONF_CHECK_NONE, /* explicitly unchecked: always up */
	CONF_CHECK_TCP,
	CONF_CHECK_HTTP,
	CONF_CHECK_HTTPS,
	CONF_CHECK_TLS,
	CONF_CHECK_UDP,
	CONF_CHECK_DNS,
	CONF_CHECK_PING,
	CONF_CHECK_SMTP,
	CONF_CHECK_SCRIPT,
};

#define CONF_ALPN_MAX 8 /* protocols that a check offers */

enum conf_tls_version {
	CONF_TLS_1_2,
	CONF_TLS_1_3,
};

enum conf_http_method {
	CONF_HTTP_GET,
	CONF_HTTP_HEAD,
	CONF_HTTP_OPTIONS,
};

/* Numbers from first to last. */
struct conf_range {
	uint16_t first, last;
};

enum conf_initial {
	CONF_INITIAL_DOWN, /* until the first result */
	CONF_INITIAL_UP,   /* until `fall` results say otherwise */
};

struct conf_check {
	struct conf_where where;
	const char *name; /* "check" when the service has a single unnamed one */
	unsigned type;	  /* enum conf_check_type */
	usec_t interval;
	usec_t fast_interval, down_interval; /* while its results change, while down; 0: interval */
	usec_t timeout;			     /* of the whole attempt */
	unsigned initial;		     /* enum conf_initial */
	uint32_t rise, fall;
	uint16_t port; /* host order; 0: the server's */
	bool has_address;
	struct addr address;  /* asked in the server's stead */
	struct addr *sources; /* ours, one of a family at most; none: as the routes say */
	unsigned n_sources;
	const char *interface; /* packets leave there; NULL: as the routes say */
	/* tcp: what is said once connected, and what must come back; NULL: nothing */
	const char *send, *send_hex;
	const char *expect, *expect_hex, *expect_regex;
	/* http */
	unsigned method;    /* enum conf_http_method */
	const char **paths; /* asked for in turn; none: "/" */
	unsigned n_paths;
	unsigned http_version; /* 0: 1.0, 1: 1.1 */
	const char *host;      /* NULL: the server's address */
	const char **headers;  /* "Name: value" */
	unsigned n_headers;
	struct conf_range *status; /* accepted; none: 200-399 */
	unsigned n_status;
	const char *body, *body_regex, *body_sha256;
	/* tls, https */
	const char *sni; /* NULL: host, when that is a name */
	bool verify;
	const char *ca_file;	       /* NULL: the system's */
	const char *certificate, *key; /* ours, PEM; key NULL: in the same file */
	unsigned tls_min;	       /* enum conf_tls_version */
	const char **alpn;
	unsigned n_alpn;
	uint32_t expiry_days; /* warn when the certificate has fewer left; 0: never */
	bool reply;	      /* udp: whether there must be one */
	/* dns */
	const char *dns_name;
	unsigned record;    /* the type as on the wire */
	unsigned rcode;	    /* likewise */
	const char *answer; /* NULL: any */
	const char *script; /* script: the program */
	const char **args;
	unsigned n_args;
	const char *helo; /* smtp; NULL: the host name */
};

struct conf_server {
	struct conf_where where;
	const char *name;
	struct addr address;
	uint16_t port;	 /* host order; the service's when not said; 0: each packet keeps its own */
	uint32_t weight; /* 0-65535; 0: no new flows.  Of a sorry server 1 */
	unsigned method; /* enum conf_method; the service's when not said */
	uint32_t max_connections, min_connections; /* IPVS's thresholds; 0: none */
};

enum conf_need {
	CONF_NEED_ALL,
	CONF_NEED_ANY,
};

struct conf_service {
	struct conf_where where;
	const char *name;
	struct prefix *vips; /* whole addresses, but for services of a prefix */
	unsigned n_vips;
	uint16_t port, port_last; /* host order; first and last of a range; 1-65535: any */
	uint8_t protocol;	  /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP */
	unsigned owner;		  /* enum conf_owner */
	unsigned method;	  /* enum method of ipvs/abi.h: same order as CONF_METHOD_* */
	unsigned scheduler;	  /* enum conf_scheduler */
	bool hash_port;		  /* sh, mh: the client's port counts too */
	uint32_t mh_size;	  /* slots of the mh table: a prime */
	struct conf_persistence persistence;
	bool one_packet; /* udp: each packet is scheduled for itself */
	struct conf_timeouts timeouts;
	unsigned on_server_down;	  /* enum conf_server_down */
	unsigned no_flow;		  /* enum conf_no_flow */
	uint32_t mss;			  /* the largest that SYNs may announce; 0: as it comes */
	struct conf_vip *local_addresses; /* fullnat: the LIPs; none: the DIP */
	unsigned n_local_addresses;
	struct conf_where local_addresses_where;
	uint16_t local_port, local_port_last; /* of the LIPs; 0: not said */
	bool has_sorry;
	struct conf_server sorry; /* gets the flows when no other server can */
	struct conf_server *servers;
	unsigned n_servers;
	struct conf_check *checks;
	unsigned n_checks;
	unsigned checks_need; /* enum conf_need: how many must be up */
};

struct conf {
	const char *file; /* as given */
	const char *node; /* whose overlay was laid on; NULL when the file has no nodes */
	struct conf_director director;
	struct conf_vrrp *vrrp;
	unsigned n_vrrp;
	struct conf_vrrp_group *vrrp_groups;
	unsigned n_vrrp_groups;
	struct conf_service *services;
	unsigned n_services;
	struct arena *arena;
};

/* Reads, checks, resolves.  node: NULL finds it by the host name.  All problems of the file are
 * appended to *problems, a line each: "file:line: path: what is wrong, what is allowed"; warnings
 * have "warning: " after the line number.  Returns 0 and the configuration (also with warnings), or
 * -EINVAL when there is an error.  Opens only the named files; touches no network. */
int conf_load(const char *file, const char *node, struct str *problems, struct conf **ret_conf);
void conf_free(struct conf *c); /* takes NULL */

/* The effective configuration as text that conf_load reads back to the same. */
void conf_print(const struct conf *c, struct str *out);

/* What a change from one to the other does, a line each: "+ services.api", "~ vrrp.shop4.priority:
 * 100 -> 150". Only for the operator: nothing is decided by it. */
void conf_diff(const struct conf *old, const struct conf *new, struct str *out);

/* The addresses that an instance owns while it is MASTER, in the order of its adverts, which do not
 * have the last n_extra.  Of IPv6 the
 * first is link-local: one of c, else one made from the virtual MAC (RFC 9568 5.2.9), which is an
 * address like the others.  ret has room for c->n_addresses + 1; returns how many there are. */
unsigned conf_vrrp_owned(const struct conf_vrrp *c, struct conf_vip *ret);

/* A copy that lives as long as the arena; it has neither name nor place. */
void conf_check_copy(const struct conf_check *c, struct arena *arena, struct conf_check *ret);
/* Appends what is checked, as options: the same text, the same check, whatever its timing. */
void conf_check_text(const struct conf_check *c, struct str *out);
/* "tcp"; NULL: there is no such type. */
const char *conf_check_type_name(unsigned type);

/* The local addresses of fullnat that move with instance v: those of the services whose VIPs of v's
 * family it holds, each once, in the order of addresses.  The interface is always filled in: where
 * none was given, that of v's address whose network the local address is in, else v's own.  *ret is
 * for free(), NULL when there is none; the names of interfaces are borrowed from c.  Returns how
 * many there are. */
unsigned conf_vrrp_local(const struct conf *c, const struct conf_vrrp *v, struct conf_vip **ret);

/* The same, and behind them the local addresses that move along: all that is set and taken away.
 * ret has room for c->n_addresses + 1 + c->n_local_addresses. */
unsigned conf_vrrp_held(const struct conf_vrrp *c, struct conf_vip *ret);

/* Calls back for each place that names an interface of this machine; required: without it lbd does
 * not start. */
void conf_each_interface(const struct conf *c,
			 void (*each)(void *ctx, const char *name, const struct conf_where *where,
				      bool required),
			 void *ctx);

/* The instance that owns address a, or NULL. */
const struct conf_vrrp *conf_vrrp_of(const struct conf *c, const struct addr *a);

#endif
