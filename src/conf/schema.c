// SPDX-License-Identifier: BSD-2-Clause
/* Every option of lbd.conf, once.  docs are mdoc text without macros. */
#include "conf/schema.h"

#include <netinet/in.h>
#include <string.h>

/* The offset of a member, provided that it has that type. */
#define FIELD(s, m, ctype) _Generic(((s *)NULL)->m, ctype : offsetof(s, m))

/* Tables read better as they are. */
// clang-format off
#define U32(s, m)	.type = OPT_U32, .at = FIELD(s, m, uint32_t)
#define U16(s, m)	.type = OPT_U16, .at = FIELD(s, m, uint16_t)
#define S32(s, m)	.type = OPT_S32, .at = FIELD(s, m, int32_t)
#define PERCENT(s, m)	.type = OPT_PERCENT, .at = FIELD(s, m, uint32_t)
#define PORTS(s, m)	.type = OPT_PORTS, .at = FIELD(s, m, uint16_t)
#define BOOL(s, m)	.type = OPT_BOOL, .at = FIELD(s, m, bool)
#define STRING(s, m)	.type = OPT_STRING, .at = FIELD(s, m, const char *)
#define INTERFACE(s, m) .type = OPT_INTERFACE, .at = FIELD(s, m, const char *)
#define BYTES(s, m)	.type = OPT_BYTES, .at = FIELD(s, m, const char *)
#define HEX(s, m)	.type = OPT_HEX, .at = FIELD(s, m, const char *)
#define REGEX(s, m)	.type = OPT_REGEX, .at = FIELD(s, m, const char *)
#define PATH(s, m)	.type = OPT_PATH, .at = FIELD(s, m, const char *)
#define ENUM(s, m)	.type = OPT_ENUM, .at = FIELD(s, m, unsigned)
#define ENUM8(s, m)	.type = OPT_ENUM8, .at = FIELD(s, m, uint8_t)
#define DURATION(s, m)	.type = OPT_DURATION, .at = FIELD(s, m, usec_t)
#define ADDR(s, m)	.type = OPT_ADDR, .at = FIELD(s, m, struct addr)
/* An address that may be absent. */
#define MAYBE_ADDR(s, m) ADDR(s, m), .n_at = FIELD(s, has_##m, bool)
#define LIST(s, m, e, ctype)                                                                       \
	.type = OPT_LIST, .elem = e, .at = FIELD(s, m, ctype *), .n_at = FIELD(s, n_##m, unsigned)
#define GROUP(s, m, ctype) .type = OPT_GROUP, .at = FIELD(s, m, ctype)
#define NAMED(s, m, ctype)                                                                         \
	.type = OPT_NAMED, .at = FIELD(s, m, ctype *), .n_at = FIELD(s, n_##m, unsigned)
/* resolve.c makes something of it. */
#define NO_MEMBER(t)	.type = t, .flags = OPT_NO_MEMBER
#define WHERE(s, m)	.where_at = FIELD(s, m, struct conf_where)
#define EACH(s, m, n)                                                                              \
	.each_at = FIELD(s, m, struct conf_attach_one *), .n_each_at = FIELD(s, n, unsigned)

#define OBJECT(s)                                                                                  \
	_Static_assert(offsetof(s, where) == offsetof(struct conf_object, where) &&                \
			       offsetof(s, name) == offsetof(struct conf_object, name),            \
		       "starts like struct conf_object")
OBJECT(struct conf_vrrp);
OBJECT(struct conf_vrrp_group);
OBJECT(struct conf_track);
OBJECT(struct conf_service);
OBJECT(struct conf_server);
OBJECT(struct conf_check);

#define BOTH_ENDS(s, m)                                                                            \
	_Static_assert(offsetof(s, m##_last) == offsetof(s, m) + sizeof(uint16_t),                 \
		       "what PORTS fills")
BOTH_ENDS(struct conf_service, port);
BOTH_ENDS(struct conf_service, local_port);

/* Durations are counted in microseconds. */
#define MS 1000ull
#define S  (1000 * MS)
#define H  (3600 * S)

static const struct opt_word engines[] = {
	{ "ebpf", CONF_ENGINE_EBPF }, { "none", CONF_ENGINE_NONE }, { 0 }
};
static const struct opt_word attaches[] = {
	{ "auto", CONF_ATTACH_AUTO }, { "tc", CONF_ATTACH_TC }, { "xdp", CONF_ATTACH_XDP }, { 0 }
};
static const struct opt_word sysctls[] = {
	{ "set", CONF_SYSCTLS_SET }, { "check", CONF_SYSCTLS_CHECK }, { 0 }
};
static const struct opt_word log_targets[] = {
	{ "stderr", LOG_TO_STDERR }, { "syslog", LOG_TO_SYSLOG }, { 0 }
};
static const struct opt_word log_levels[] = {
	{ "err", LEVEL_ERR }, { "warn", LEVEL_WARN }, { "info", LEVEL_INFO },
	{ "debug", LEVEL_DEBUG }, { 0 }
};
static const struct opt_word checksums[] = {
	{ "pseudo", CONF_CHECKSUM_PSEUDO }, { "rfc9568", CONF_CHECKSUM_MESSAGE }, { 0 }
};
static const struct opt_word protocols[] = {
	{ "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "sctp", IPPROTO_SCTP }, { 0 }
};
static const struct opt_word methods[] = {
	{ "nat", CONF_METHOD_NAT }, { "dr", CONF_METHOD_DR }, { "tun", CONF_METHOD_TUN },
	{ "fullnat", CONF_METHOD_FULLNAT }, { 0 }
};
static const struct opt_word schedulers[] = {
	{ "rr", CONF_SCHED_RR }, { "wrr", CONF_SCHED_WRR }, { "lc", CONF_SCHED_LC },
	{ "wlc", CONF_SCHED_WLC }, { "sh", CONF_SCHED_SH }, { "mh", CONF_SCHED_MH }, { 0 }
};
static const struct opt_word owners[] = {
	{ "vrrp", CONF_OWNER_VRRP }, { "always", CONF_OWNER_ALWAYS }, { 0 }
};
static const struct opt_word server_downs[] = {
	{ "keep", CONF_DOWN_KEEP }, { "drop", CONF_DOWN_DROP }, { "reset", CONF_DOWN_RESET }, { 0 }
};
static const struct opt_word no_flows[] = {
	{ "reset", CONF_NO_FLOW_RESET }, { "drop", CONF_NO_FLOW_DROP },
	{ "schedule", CONF_NO_FLOW_SCHEDULE }, { 0 }
};
static const struct opt_word check_types[] = {
	{ "tcp", CONF_CHECK_TCP }, { "http", CONF_CHECK_HTTP },
	{ "https", CONF_CHECK_HTTPS }, { "tls", CONF_CHECK_TLS },
	{ "udp", CONF_CHECK_UDP }, { "dns", CONF_CHECK_DNS }, { "ping", CONF_CHECK_PING },
	{ "smtp", CONF_CHECK_SMTP }, { "script", CONF_CHECK_SCRIPT }, { "none", CONF_CHECK_NONE }, { 0 }
};

static const struct opt_word initials[] = {
	{ "down", CONF_INITIAL_DOWN }, { "up", CONF_INITIAL_UP }, { 0 }
};
static const struct opt_word needs[] = {
	{ "all", CONF_NEED_ALL }, { "any", CONF_NEED_ANY }, { 0 }
};
static const struct opt_word http_methods[] = {
	{ "GET", CONF_HTTP_GET }, { "HEAD", CONF_HTTP_HEAD }, { "OPTIONS", CONF_HTTP_OPTIONS },
	{ 0 }
};
static const struct opt_word http_versions[] = { { "1.0", 0 }, { "1.1", 1 }, { 0 } };

/* RFC 1035 3.2.2, 3596, 2782. */
static const struct opt_word dns_records[] = {
	{ "A", 1 }, { "AAAA", 28 }, { "CNAME", 5 }, { "MX", 15 }, { "NS", 2 }, { "PTR", 12 },
	{ "SOA", 6 }, { "SRV", 33 }, { "TXT", 16 }, { 0 }
};
static const struct opt_word dns_rcodes[] = {
	{ "noerror", 0 }, { "servfail", 2 }, { "nxdomain", 3 }, { "notimp", 4 }, { "refused", 5 },
	{ 0 }
};
static const struct opt_word tls_versions[] = {
	{ "1.2", CONF_TLS_1_2 }, { "1.3", CONF_TLS_1_3 }, { 0 }
};

static const struct opt director_opts[] = {
	{ .name = "router_id", STRING(struct conf_director, router_id), .min = 1, .max = 255,
	  .def_doc = "the name of the node, else the host name",
	  .doc = "What this director calls itself in logs and status." },
	{ .name = "engine", ENUM(struct conf_director, engine), .words = engines, .def = "ebpf",
	  .flags = OPT_RESTART,
	  .doc = "What forwards packets: programs in the kernel, or nothing at all: VRRP and checks "
		 "then run alone." },
	{ .name = "interfaces", LIST(struct conf_director, interfaces, OPT_INTERFACE, const char *),
	  WHERE(struct conf_director, interfaces_where), .max = 256,
	  .def_doc = "those that carry addresses of vrrp or reach servers",
	  .doc = "Where packets of services and answers of servers come in." },
	{ .name = "attach", ENUM(struct conf_director, attach),
	  EACH(struct conf_director, attach_by_interface, n_attach_by_interface),
	  .words = attaches, .def = "auto",
	  .doc = "How the programs are attached.  tc can do everything on any interface; xdp is "
		 "faster on network cards that have it in their driver; auto takes xdp where it is "
		 "known to work.  A group gives each interface its own: "
		 "attach: { eth0 = \"xdp\"; }; then those not named have auto." },
	{ .name = "flows", U32(struct conf_director, flows), .min = 1024, .max = 16777216,
	  .def = "1000000", .flags = OPT_RESTART,
	  .doc = "Entries of the IPv4 flow table, whose memory is taken at the start.  A dr flow "
		 "takes one, a nat flow two." },
	{ .name = "flows6", U32(struct conf_director, flows6), .min = 1024, .max = 16777216,
	  .def = "262144", .flags = OPT_RESTART, .doc = "The same for IPv6." },
	{ .name = "control", PATH(struct conf_director, control), .max = 107,
	  .def = "/run/lbd/lbd.sock", .flags = OPT_RESTART,
	  .doc = "The socket that lbctl talks to." },
	{ .name = "script_user", STRING(struct conf_director, script_user), .min = 1, .max = 32,
	  .def = "nobody",
	  .doc = "The user that scripts run as." },
	{ .name = "director_sysctls", ENUM(struct conf_director, sysctls), .words = sysctls,
	  .def = "set",
	  .doc = "Whether lbd sets what forwarding needs (net.ipv4.ip_forward, send_redirects, "
		 "rp_filter and their IPv6 kin) and restores it at its end, or only says what is "
		 "wrong." },
	{ .name = "log", ENUM(struct conf_director, log_target), .words = log_targets,
	  .def = "stderr", .doc = "Where messages go.  systemd takes stderr into the journal." },
	{ .name = "log_level", ENUM(struct conf_director, log_level), .words = log_levels,
	  .def = "info", .doc = "The least important messages that are written." },
	{ .name = "checks_at_once", U32(struct conf_director, checks_at_once), .min = 1,
	  .max = 65536, .def_doc = "512",
	  .doc = "How many checks may be under way.  What is due beyond that waits for a place." },
	{ .name = "checks_per_second", U32(struct conf_director, checks_per_second), .min = 1,
	  .max = 100000, .def_doc = "as many as are due",
	  .doc = "How many checks may be begun in a second, of all together." },
	{ 0 },
};

const struct opt_group schema_director = {
	.title = "director", .opts = director_opts, .has_where = true,
	.size = sizeof(struct conf_director),
	.doc = "What holds for this machine as a whole.",
};

static const struct opt track_opts[] = {
	{ .name = "interface", INTERFACE(struct conf_track, interface),
	  WHERE(struct conf_track, interface_where), .def_doc = "none",
	  .doc = "An interface, which must be up." },
	{ .name = "address", MAYBE_ADDR(struct conf_track, address),
	  .doc = "An address, which must be on an interface of this machine." },
	{ .name = "route", MAYBE_ADDR(struct conf_track, route),
	  .doc = "An address that there must be a route to." },
	{ .name = "script", LIST(struct conf_track, script, OPT_STRING, const char *),
	  .min = 1, .max = 64, .def_doc = "none",
	  .doc = "A program with its arguments, which must end with status 0.  No shell is "
		 "involved; it runs as script_user, with LBD_INSTANCE and LBD_TRACK in its "
		 "environment." },
	{ .name = "file", PATH(struct conf_track, file), .max = 4095, .def_doc = "none",
	  .doc = "A file, which must exist." },
	{ .name = "process", STRING(struct conf_track, process), .min = 1, .max = 15,
	  .def_doc = "none",
	  .doc = "The name of a process, which must run: as in /proc/PID/comm, which holds 15 "
		 "characters of it." },
	{ .name = "instance", STRING(struct conf_track, instance), .min = 1, .max = 63,
	  .def_doc = "none",
	  .doc = "Another instance, which must be BACKUP or MASTER: neither its interface nor what "
		 "it tracks may have failed." },
	{ .name = "service", STRING(struct conf_track, service), .min = 1, .max = 63,
	  .def_doc = "none",
	  .doc = "A service, of whose servers enough must be healthy: see below." },
	{ .name = "weight", S32(struct conf_track, weight), .max = 253, .def = "0",
	  .doc = "A negative one is added to the priority (of all instances of a group) while what "
		 "is tracked has failed, a positive one while it is good.  0: the instance cannot "
		 "run while it has failed." },
	{ .name = "reverse", BOOL(struct conf_track, reverse), .def = "false",
	  .doc = "Turns it round: what must be must not be." },
	{ .name = "interval", DURATION(struct conf_track, interval), .min = 100 * MS, .max = H,
	  .def_doc = "2s", .doc = "Of script, file and process: time from one look to the next." },
	{ .name = "timeout", DURATION(struct conf_track, timeout), .min = 100 * MS, .max = H,
	  .def_doc = "the interval",
	  .doc = "Of script: for how long it may run.  Then it has failed, and is ended with its "
		 "process group." },
	{ .name = "rise", U32(struct conf_track, rise), .min = 1, .max = 1000, .def_doc = "1",
	  .doc = "Of script, file and process: so many looks in a row must be good before one "
		 "that had failed counts as good." },
	{ .name = "fall", U32(struct conf_track, fall), .min = 1, .max = 1000, .def_doc = "1",
	  .doc = "So many must be bad before one that was good counts as failed." },
	{ .name = "below", PERCENT(struct conf_track, below), .def_doc = "1%",
	  .doc = "Of service: it has failed while a smaller share of its servers is healthy." },
	{ .name = "delay", DURATION(struct conf_track, delay), .max = H, .min = 10 * MS,
	  .def_doc = "5s",
	  .doc = "Of service: a master bears its failure for as long, and a standby waits as long "
		 "before it trusts its recovery.  So what fails for both directors moves nothing: "
		 "the standby gives up first, and the master recovers first." },
	{ 0 },
};

const struct opt_group schema_track = {
	.title = "something tracked", .opts = track_opts, .has_where = true,
	.size = sizeof(struct conf_track),
	.doc = "What an instance depends on, beside its interface.  Each says one of interface, "
	       "address, route, script, file, process, instance and service.",
};

static const struct opt vrrp_opts[] = {
	{ .name = "interface", INTERFACE(struct conf_vrrp, interface), .flags = OPT_REQUIRED,
	  WHERE(struct conf_vrrp, interface_where),
	  .doc = "Where adverts are sent and received." },
	{ .name = "wait_for_interface", BOOL(struct conf_vrrp, wait_for_interface),
	  .def = "false",
	  .doc = "Whether lbd starts although an interface of this instance does not exist; the "
		 "instance starts when it has come." },
	{ .name = "vrid", U32(struct conf_vrrp, vrid), .min = 1, .max = 255, .flags = OPT_REQUIRED,
	  .doc = "The virtual router's number: the same on all its directors, and of no other "
		 "virtual router on that network.  IPv4 and IPv6 count apart." },
	{ .name = "priority", U32(struct conf_vrrp, priority), .min = 1, .max = 255, .def = "100",
	  .doc = "The director with the highest becomes master; give each node its own.  255 says "
		 "that it owns the addresses at all times." },
	{ .name = "version", U32(struct conf_vrrp, version), .min = 2, .max = 3, .def = "3",
	  .doc = "Of the protocol.  2 is for IPv4 peers that know no better: whole seconds only, "
		 "and the same interval on all directors." },
	{ .name = "advert_interval", DURATION(struct conf_vrrp, advert_interval), .min = 10 * MS,
	  .max = 255 * S, .step = 10 * MS, .def = "1s",
	  .doc = "Time between two adverts.  The standby takes over after three of them (and a "
		 "little, by its priority) are missing: 100ms is a safe choice on a LAN.  Version 3 "
		 "has up to 40950ms, version 2 whole seconds." },
	{ .name = "dead_after", U32(struct conf_vrrp, dead_after), .min = 1, .max = 100,
	  .def = "3",
	  .doc = "How many adverts must be missing before the master counts as dead.  The RFCs "
		 "have 3; give all directors the same." },
	{ .name = "checksum", ENUM(struct conf_vrrp, checksum), .words = checksums,
	  .def = "pseudo",
	  .doc = "What the checksum of IPv4 adverts of version 3 covers: pseudo also a pseudo "
		 "header, as most others have it; rfc9568 the message alone.  Both are understood." },
	{ .name = "password", STRING(struct conf_vrrp, password), .min = 1, .max = 8,
	  .def_doc = "none",
	  .doc = "Simple authentication of version 2.  It travels readably in each advert: it keeps "
		 "directors apart that met by mistake, nobody else." },
	{ .name = "preempt", BOOL(struct conf_vrrp, preempt), .def = "true",
	  .doc = "Whether a director that comes back takes the addresses from one with a lower "
		 "priority." },
	{ .name = "preempt_delay", DURATION(struct conf_vrrp, preempt_delay), .max = H,
	  .def = "0s",
	  .doc = "For how long it leaves them to that one before.  A master that dies or hands "
		 "over meanwhile is followed without delay." },
	{ .name = "startup_delay", DURATION(struct conf_vrrp, startup_delay), .max = H,
	  .def = "0s",
	  .doc = "How long after the boot of the machine the instance may start: for networks that "
		 "need their time.  A restart of lbd alone is not delayed." },
	{ .name = "link_down_delay", DURATION(struct conf_vrrp, link_down_delay), .max = H,
	  .def = "0s",
	  .doc = "For how long the interface may be down before the instance gives up.  Must be "
		 "shorter than the peers' patience." },
	{ .name = "link_up_delay", DURATION(struct conf_vrrp, link_up_delay), .max = H,
	  .def = "0s",
	  .doc = "How long an interface that was down must be up again before the instance starts: "
		 "one that flaps moves the addresses once, not each time." },
	{ .name = "announce_refresh", DURATION(struct conf_vrrp, announce_refresh), .max = H,
	  .def = "60s",
	  .doc = "How often the master tells the network again where each address lives, with one "
		 "packet; 0s: only when it has become master, or heard another." },
	{ .name = "addresses", LIST(struct conf_vrrp, advertised, OPT_VIP, struct conf_vip),
	  WHERE(struct conf_vrrp, addresses_where),
	  .min = 1, .max = 255, .flags = OPT_REQUIRED | OPT_LINK_LOCAL,
	  .doc = "The addresses that move, with their prefix length; all of one family.  "
		 "\"10.0.0.1/24 dev eth1\" is on another interface than the adverts: so the gateway "
		 "of the servers moves together with the addresses of the services.  If no address of "
		 "an IPv6 instance is link-local, lbd adds one that is made from the virtual MAC "
		 "address: adverts need it." },
	{ .name = "extra_addresses", LIST(struct conf_vrrp, extra, OPT_VIP, struct conf_vip),
	  .min = 1, .max = 4096, .flags = OPT_LINK_LOCAL, .def_doc = "none",
	  .doc = "More addresses that move, of either family, which adverts do not name: an advert "
		 "has room for 255 of IPv4 and 90 of IPv6, and some peers want it short." },
	{ .name = "source", MAYBE_ADDR(struct conf_vrrp, source), .flags = OPT_LINK_LOCAL,
	  .def_doc = "the interface's own (IPv6: its link-local one)",
	  .doc = "The address that adverts come from." },
	{ .name = "unicast_peers",
	  LIST(struct conf_vrrp, unicast_peers, OPT_ADDR, struct addr), .min = 1, .max = 64,
	  .flags = OPT_LINK_LOCAL, .def_doc = "none: adverts are multicast",
	  .doc = "The other directors' addresses, where the network does not carry multicast." },
	{ .name = "track", NAMED(struct conf_vrrp, tracks, struct conf_track),
	  .group = &schema_track, .max = 64, .def_doc = "nothing",
	  .doc = "What lowers its priority, or keeps it from running." },
	{ .name = "notify", LIST(struct conf_vrrp, notify, OPT_STRING, const char *), .min = 1,
	  .max = 64, .def_doc = "none",
	  .doc = "A program with its arguments that runs after each change of the instance's state, "
		 "and after another master had to give way; as script_user and without a shell.  Of "
		 "one instance they run one after the other, and of those that wait the newest "
		 "alone.  Its environment has LBD_EVENT (transition, or conflict), LBD_INSTANCE, "
		 "LBD_GROUP, LBD_INTERFACE, LBD_VRID, LBD_FAMILY (ipv4, ipv6), LBD_STATE "
		 "(INITIALIZE, BACKUP, MASTER), LBD_PREVIOUS, LBD_REASON, LBD_PRIORITY and "
		 "LBD_ADDRESSES." },
	{ .name = "notify_timeout", DURATION(struct conf_vrrp, notify_timeout), .min = 100 * MS,
	  .max = H, .def_doc = "30s",
	  .doc = "For how long it may run; then it is ended with its process group." },
	{ 0 },
};

const struct opt_group schema_vrrp = {
	.title = "a VRRP instance", .opts = vrrp_opts, .has_where = true,
	.size = sizeof(struct conf_vrrp),
	.doc = "A virtual router: addresses of one family that one director holds at a time.",
};

static const struct opt vrrp_group_opts[] = {
	{ .name = "members", LIST(struct conf_vrrp_group, members, OPT_STRING, const char *),
	  .min = 2, .max = 4095, .flags = OPT_REQUIRED,
	  .doc = "Names of instances." },
	{ 0 },
};

const struct opt_group schema_vrrp_group = {
	.title = "a group of instances", .opts = vrrp_group_opts, .has_where = true,
	.size = sizeof(struct conf_vrrp_group), .brief = "members",
	.doc = "Instances that move as one: they are MASTER when all of them can be, and none is "
	       "when one has a better master, or cannot run.  shop = [ \"shop4\", \"shop6\" ]; is "
	       "short for shop: { members = [ \"shop4\", \"shop6\" ]; };.",
};
/* The types of check that have an option. */
#define OF(type) (1U << CONF_CHECK_##type)
#define TALKS	 (OF(TCP) | OF(TLS) | OF(UDP))
#define WEB	 (OF(HTTP) | OF(HTTPS))
#define SECURE	 (OF(TLS) | OF(HTTPS))
#define HAS_PORT (~OF(PING))
#define REMOTE	 (~(OF(NONE) | OF(SCRIPT)))

static const struct opt check_opts[] = {
	{ .name = "type", ENUM(struct conf_check, type), .words = check_types, .def = "tcp",
	  .doc = "tcp: a connection is accepted within the timeout, and says what is expected, if "
		 "anything is.  http: requests are answered with a status, and a body if that is asked "
		 "for, as expected.  https: the same over TLS.  tls: a TLS handshake is completed; "
		 "then as tcp.  udp: a datagram is answered, or not refused.  dns: a question over UDP is "
		 "answered.  ping: an ICMP echo request is answered.  smtp: a mail server greets and "
		 "takes EHLO or HELO.  script: a program ends with status 0.  none: the server always counts as up." },
	{ .name = "interval", DURATION(struct conf_check, interval), .flags = OPT_TIMING, .min = 10 * MS, .max = H,
	  .def = "2s",
	  .doc = "Time from the start of one attempt to the next, give or take a sixteenth." },
	{ .name = "fast_interval", DURATION(struct conf_check, fast_interval), .flags = OPT_TIMING,
	  .min = 10 * MS, .max = H, .def_doc = "interval",
	  .doc = "The same while the last results speak against the state: the server is up, but "
		 "fall is not reached, or down, but rise is not." },
	{ .name = "down_interval", DURATION(struct conf_check, down_interval), .flags = OPT_TIMING,
	  .min = 10 * MS, .max = H, .def_doc = "interval",
	  .doc = "The same while the server is down." },
	{ .name = "timeout", DURATION(struct conf_check, timeout), .flags = OPT_TIMING, .min = 10 * MS, .max = H,
	  .def = "2s", .doc = "How long a whole attempt may take." },
	{ .name = "rise", U32(struct conf_check, rise), .flags = OPT_TIMING, .min = 1, .max = 1000, .def = "2",
	  .doc = "Attempts in a row that must succeed before a server that was down is up." },
	{ .name = "fall", U32(struct conf_check, fall), .flags = OPT_TIMING, .min = 1, .max = 1000, .def = "3",
	  .doc = "Attempts in a row that must fail before a server that was up is down." },
	{ .name = "initial", ENUM(struct conf_check, initial), .flags = OPT_TIMING,
	  .words = initials, .def_doc = "\"down\"",
	  .doc = "What a server counts as before its first attempt.  down: that one then decides at "
		 "once.  up: it takes fall attempts to bring it down.  A reload begins only what it "
		 "changes anew." },
	{ .name = "port", U16(struct conf_check, port), .min = 1, .max = 65535, .checks = HAS_PORT,
	  .def_doc = "the server's", .doc = "The port that is checked." },
	{ .name = "address", MAYBE_ADDR(struct conf_check, address), .flags = OPT_LINK_LOCAL,
	  .checks = REMOTE, .def_doc = "the server's",
	  .doc = "The address that is checked in place of each server's own." },
	{ .name = "source", LIST(struct conf_check, sources, OPT_ADDR, struct addr), .min = 1,
	  .max = 2, .checks = REMOTE, .def_doc = "as the routes say",
	  .doc = "Our address in checks; one of each family where servers have both." },
	{ .name = "interface", INTERFACE(struct conf_check, interface), .checks = REMOTE,
	  .def_doc = "as the routes say", .doc = "Where checks leave and answers are taken." },
	{ .name = "send", BYTES(struct conf_check, send), .min = 1, .max = 1024, .checks = TALKS,
	  .def_doc = "nothing",
	  .doc = "What is sent first.  Line ends are written \\er\\en." },
	{ .name = "send_hex", HEX(struct conf_check, send_hex), .max = 2048, .checks = TALKS,
	  .def_doc = "nothing", .doc = "The same as bytes in hexadecimal." },
	{ .name = "expect", BYTES(struct conf_check, expect), .min = 1, .max = 256,
	  .checks = TALKS, .def_doc = "nothing",
	  .doc = "What must be somewhere in the first 8 KiB of the answer." },
	{ .name = "expect_hex", HEX(struct conf_check, expect_hex), .max = 512, .flags = OPT_WILD,
	  .checks = TALKS, .def_doc = "nothing",
	  .doc = "The same as bytes in hexadecimal; \"..\" stands for any byte." },
	{ .name = "expect_regex", REGEX(struct conf_check, expect_regex), .min = 1, .max = 1024,
	  .checks = TALKS, .def_doc = "nothing",
	  .doc = "The same as a regular expression (PCRE2)." },
	{ .name = "method", ENUM(struct conf_check, method), .words = http_methods, .def = "GET",
	  .checks = WEB, .doc = "What is asked for." },
	{ .name = "path", LIST(struct conf_check, paths, OPT_STRING, const char *), .min = 1,
	  .max = 16, .checks = WEB, .def_doc = "\"/\"",
	  .doc = "What is requested; of several one after the other, each on a connection of its own, "
		 "and all within the timeout." },
	{ .name = "host", STRING(struct conf_check, host), .min = 1, .max = 255, .checks = WEB,
	  .def_doc = "the server's address and port", .doc = "The value of the Host header." },
	{ .name = "headers", LIST(struct conf_check, headers, OPT_STRING, const char *), .min = 1,
	  .max = 32, .checks = WEB, .def_doc = "none",
	  .doc = "More headers, like \"X-Health: yes\"." },
	{ .name = "http_version", ENUM(struct conf_check, http_version), .words = http_versions,
	  .def = "1.1", .checks = WEB, .doc = "The version of HTTP that is spoken." },
	{ .name = "status", LIST(struct conf_check, status, OPT_STATUS, struct conf_range),
	  .min = 1, .max = 64, .checks = WEB, .def_doc = "\"200-399\"",
	  .doc = "The statuses that are accepted, single ones or ranges." },
	{ .name = "body", BYTES(struct conf_check, body), .min = 1, .max = 256, .checks = WEB,
	  .def_doc = "none: the body is not looked at",
	  .doc = "What must be somewhere in the first 8 KiB of the body." },
	{ .name = "body_regex", REGEX(struct conf_check, body_regex), .min = 1, .max = 1024,
	  .checks = WEB, .def_doc = "none",
	  .doc = "The same as a regular expression (PCRE2)." },
	{ .name = "body_sha256", HEX(struct conf_check, body_sha256), .min = 64, .max = 64,
	  .checks = WEB, .def_doc = "none",
	  .doc = "The SHA-256 digest of the whole body, of at most 1 MiB." },
	{ .name = "sni", STRING(struct conf_check, sni), .min = 1, .max = 253, .checks = SECURE,
	  .def_doc = "host, if that is a name; else nothing",
	  .doc = "The name that the server is told (SNI), and that its certificate must have if it "
		 "is verified.  Without any name the certificate must have the server's address." },
	{ .name = "verify", BOOL(struct conf_check, verify), .def = "false", .checks = SECURE,
	  .doc = "Whether the server's certificate must be valid, trusted, and its own." },
	{ .name = "ca_file", PATH(struct conf_check, ca_file), .min = 1, .max = 1023,
	  .checks = SECURE, .def_doc = "/etc/ssl/certs/ca-certificates.crt",
	  .doc = "The certificates to trust, in PEM.  Files of a check are read at the start and at "
		 "each reload." },
	{ .name = "certificate", PATH(struct conf_check, certificate), .min = 1, .max = 1023,
	  .checks = SECURE, .def_doc = "none",
	  .doc = "The certificate to show to the server, with its chain, in PEM." },
	{ .name = "key", PATH(struct conf_check, key), .min = 1, .max = 1023, .checks = SECURE,
	  .def_doc = "in the same file", .doc = "Its key, in PEM and not encrypted." },
	{ .name = "tls_min", ENUM(struct conf_check, tls_min), .words = tls_versions, .def = "1.2",
	  .checks = SECURE, .doc = "The lowest version of TLS that is good enough." },
	{ .name = "alpn", LIST(struct conf_check, alpn, OPT_STRING, const char *), .min = 1,
	  .max = CONF_ALPN_MAX, .checks = SECURE, .def_doc = "none",
	  .doc = "Protocols to offer, of which the server must take one." },
	{ .name = "expiry_days", U32(struct conf_check, expiry_days), .max = 3650, .def = "14",
	  .checks = SECURE,
	  .doc = "A warning is logged, once a day, when the certificate has fewer days left.  0: "
		 "never." },
	{ .name = "reply", BOOL(struct conf_check, reply), .def = "true", .checks = OF(UDP),
	  .doc = "Whether a datagram must come back.  false: it is enough that no ICMP error does "
		 "within the timeout; then the check does not see a host that is gone, which a ping "
		 "beside it does." },
	{ .name = "name", STRING(struct conf_check, dns_name), .min = 1, .max = 254,
	  .checks = OF(DNS), .def_doc = "none: it must be given", .doc = "The name that is asked for." },
	{ .name = "record", ENUM(struct conf_check, record), .words = dns_records, .def = "A",
	  .checks = OF(DNS), .doc = "The type of record that is asked for." },
	{ .name = "rcode", ENUM(struct conf_check, rcode), .words = dns_rcodes, .def = "noerror",
	  .checks = OF(DNS),
	  .doc = "The code that the answer must have; with noerror, also a record of that type." },
	{ .name = "answer", STRING(struct conf_check, answer), .min = 1, .max = 255,
	  .checks = OF(DNS), .def_doc = "any",
	  .doc = "What one of the records must say: an address, a name, or as \"10 mail.example\" "
		 "for MX, \"0 5 5060 sip.example\" for SRV; of SOA its first name." },
	{ .name = "script", PATH(struct conf_check, script), .min = 1, .max = 1023,
	  .checks = OF(SCRIPT), .def_doc = "none: it must be given",
	  .doc = "The program to run, without a shell and as lbd's own user.  Nobody but root and "
		 "that user may be able to change it, or a folder on the way to it.  In its "
		 "environment LBD_ADDRESS and LBD_PORT say what is checked.  After the timeout it is "
		 "killed with all that it has started." },
	{ .name = "args", LIST(struct conf_check, args, OPT_STRING, const char *), .min = 1,
	  .max = 32, .checks = OF(SCRIPT), .def_doc = "none", .doc = "What it is given." },
	{ .name = "helo", STRING(struct conf_check, helo), .min = 1, .max = 255, .checks = OF(SMTP),
	  .def_doc = "the host name", .doc = "What we call ourselves." },
	{ 0 },
};

const struct opt_group schema_check = {
	.title = "a check", .opts = check_opts, .has_where = true,
	.size = sizeof(struct conf_check),
	.doc = "How to find out whether a server can do its work.",
};

static const struct opt server_opts[] = {
	{ .name = "address", ADDR(struct conf_server, address), .flags = OPT_REQUIRED,
	  .doc = "The real server's address.  A service's packets go to servers of the family of "
		 "the address that they were sent to." },
	{ .name = "port", U16(struct conf_server, port), .min = 1, .max = 65535,
	  .def_doc = "the service's",
	  .doc = "The port that the server listens on.  Only nat and fullnat can change it; of a "
		 "service with a range of ports each packet keeps its own." },
	{ .name = "method", ENUM(struct conf_server, method), .words = methods,
	  .def_doc = "the service's", .doc = "How packets reach this server; see METHODS." },
	{ .name = "weight", U32(struct conf_server, weight), .min = 0, .max = 65535, .def = "1",
	  .in = IN_SERVER,
	  .doc = "Its share of new flows, for all schedulers but rr and lc.  0: no new flows; those "
		 "that it has go on." },
	{ .name = "max_connections", U32(struct conf_server, max_connections), .min = 0,
	  .max = UINT32_MAX, .def = "0", .in = IN_SERVER,
	  .doc = "A server that has as many flows gets no new ones until it is below "
		 "min_connections.  0: no limit." },
	{ .name = "min_connections", U32(struct conf_server, min_connections), .min = 0,
	  .max = UINT32_MAX, .def = "0", .in = IN_SERVER,
	  .doc = "Where a server that was full begins to get flows again.  0: below three quarters "
		 "of max_connections." },
	{ 0 },
};

const struct opt_group schema_server = {
	.title = "a server", .opts = server_opts, .view = IN_SERVER, .has_where = true,
	.size = sizeof(struct conf_server),
	.doc = "A real server of a service.",
};

const struct opt_group schema_sorry = {
	.title = "a sorry server", .opts = server_opts, .view = IN_SORRY, .has_where = true,
	.size = sizeof(struct conf_server),
	.doc = "The server that new flows go to while no other can take them.",
};

#define TIMEOUT(m, t)                                                                              \
	.name = #m, DURATION(struct conf_timeouts, m), .min = S, .max = 24 * H, .def = t
static const struct opt timeout_opts[] = {
	{ TIMEOUT(established, "15m"), .doc = "TCP: both sides may send." },
	{ TIMEOUT(syn_sent, "2m"), .doc = "TCP: a server's SYN awaits its answer." },
	{ TIMEOUT(syn_recv, "60s"), .doc = "TCP: the handshake is not complete." },
	{ TIMEOUT(fin_wait, "2m"), .doc = "TCP: one side has closed." },
	{ TIMEOUT(time_wait, "2m"), .doc = "TCP: both sides have closed.  With fullnat no less than 60 "
						"s, as long as servers remember a connection." },
	{ TIMEOUT(close, "10s"), .doc = "TCP: a reset was seen." },
	{ TIMEOUT(close_wait, "60s"), .doc = "TCP: the client has closed, the server has not." },
	{ TIMEOUT(last_ack, "30s"), .doc = "TCP: the last acknowledgement is missing." },
	{ TIMEOUT(udp, "5m"), .doc = "UDP: from one packet to the next." },
	{ TIMEOUT(sctp_init, "60s"), .doc = "SCTP: the association is being set up." },
	{ TIMEOUT(sctp_established, "15m"), .doc = "SCTP: both sides may send." },
	{ TIMEOUT(sctp_shutdown, "60s"), .doc = "SCTP: the association is being shut down." },
	{ TIMEOUT(sctp_closed, "10s"), .doc = "SCTP: it was shut down or aborted." },
	{ 0 },
};

const struct opt_group schema_timeouts = {
	.title = "timeouts", .opts = timeout_opts, .size = sizeof(struct conf_timeouts),
	.doc = "How long a flow lives without a packet, by its state; the states are those of IPVS.  "
	       "A change acts on flows that are there already.",
};

static const struct opt persistence_opts[] = {
	{ .name = "timeout", DURATION(struct conf_persistence, timeout), .min = 0, .max = 24 * H,
	  .step = S, .def = "5m",
	  .doc = "How long after its last flow a client still comes back to the same server.  0s: "
		 "no persistence, where defaults have it." },
	{ .name = "prefix4", U32(struct conf_persistence, prefix4), .min = 1, .max = 32,
	  .def = "32", .doc = "IPv4 clients of one network of this prefix length are one client." },
	{ .name = "prefix6", U32(struct conf_persistence, prefix6), .min = 1, .max = 128,
	  .def = "128", .doc = "The same for IPv6." },
	{ .name = "expire_quiescent", BOOL(struct conf_persistence, expire_quiescent),
	  .def = "false",
	  .doc = "Whether the clients of a server whose weight becomes 0 are sent to others with "
		 "their next flow, instead of coming back to it." },
	{ 0 },
};

const struct opt_group schema_persistence = {
	.title = "persistence", .opts = persistence_opts, .size = sizeof(struct conf_persistence),
	.doc = "Flows of one client go to one server.",
};

/* Also the tables of `defaults` and of a pool: what they can give to services. */
static const struct opt service_opts[] = {
	{ .name = "vip", LIST(struct conf_service, vips, OPT_NET, struct prefix), .min = 1,
	  .max = 1024, .flags = OPT_REQUIRED, .in = IN_SERVICE,
	  .doc = "The address or addresses that clients use, of both families if need be.  A "
		 "network, like \"198.51.100.0/24\", stands for all addresses of it; routers send "
		 "its packets to the director.  Of two services the one with the longer prefix "
		 "gets the packet." },
	{ .name = "port", PORTS(struct conf_service, port), .min = 1, .max = 65535,
	  .flags = OPT_REQUIRED, .in = IN_SERVICE,
	  .doc = "The port that clients use, or the first and the last of a range of them, or any.  "
		 "Of two services on one address the narrower gets the packet." },
	{ .name = "protocol", ENUM8(struct conf_service, protocol), .words = protocols,
	  .def = "tcp", .in = IN_SERVICE, .doc = "The protocol that clients use." },
	{ .name = "owner", ENUM(struct conf_service, owner), .words = owners, .def = "vrrp",
	  .in = IN_SERVICE | IN_DEFAULTS,
	  .doc = "Who serves the vip.  vrrp: the director that is master of the instance it is in.  "
		 "always: each director at all times, because routers decide which of them gets a "
		 "packet; then no instance has the vip." },
	{ .name = "method", ENUM(struct conf_service, method), .words = methods, .def = "nat",
	  .in = IN_SERVICE | IN_DEFAULTS,
	  .doc = "How packets reach the servers that do not say otherwise; see METHODS." },
	{ .name = "local_addresses",
	  LIST(struct conf_service, local_addresses, OPT_VIP, struct conf_vip),
	  WHERE(struct conf_service, local_addresses_where), .max = 255,
	  .flags = OPT_BARE, .in = IN_SERVICE | IN_DEFAULTS,
	  .def_doc = "the director's own, and flows end when the other one takes over",
	  .doc = "The addresses that fullnat servers see as source.  They move with the instance "
		 "that holds the vip.  Without dev they are on the interface of that instance's "
		 "address whose network they are in, else on the instance's own." },
	{ .name = "local_ports", PORTS(struct conf_service, local_port), .min = 1024, .max = 65535,
	  .in = IN_SERVICE | IN_DEFAULTS, .def_doc = "1024-65535; of the director's own address, those that the host does not use itself",
	  .doc = "The source ports of fullnat, for each local address and server." },
	{ .name = "scheduler", ENUM(struct conf_service, scheduler), .words = schedulers,
	  .def = "rr", .in = IN_SERVICE | IN_DEFAULTS,
	  .doc = "Who gets the next flow.  rr: each server in turn.  wrr: in turn, as often as its "
		 "weight says.  lc: the one with the fewest flows.  wlc: the one with the fewest for "
		 "its weight.  sh: the one that a hash of the client's address says.  mh: the same by "
		 "Maglev's table, in which nearly all clients keep their server when another comes "
		 "or goes." },
	{ .name = "hash_port", BOOL(struct conf_service, hash_port), .def = "false",
	  .in = IN_SERVICE | IN_DEFAULTS,
	  .doc = "sh and mh: whether the client's port counts too, which spreads the flows of one "
		 "client." },
	{ .name = "mh_size", U32(struct conf_service, mh_size), .min = 251, .max = 65521,
	  .def = "65521", .in = IN_SERVICE | IN_DEFAULTS,
	  .doc = "mh: slots of the table, a prime number; a hundred for each server spread well." },
	{ .name = "persistence", GROUP(struct conf_service, persistence, struct conf_persistence),
	  .group = &schema_persistence, .flags = OPT_ABSENT, .in = IN_SERVICE | IN_DEFAULTS,
	  .def_doc = "none",
	  .doc = "Flows of one client go to one server.  What it does not say comes from "
		 "persistence in defaults." },
	{ .name = "one_packet", BOOL(struct conf_service, one_packet), .def = "false",
	  .in = IN_SERVICE,
	  .doc = "udp: each packet goes to the server that the scheduler says, and is no flow." },
	{ .name = "timeouts", GROUP(struct conf_service, timeouts, struct conf_timeouts),
	  .group = &schema_timeouts, .in = IN_SERVICE | IN_DEFAULTS,
	  .doc = "How long a flow lives without a packet.  What it does not say comes from timeouts "
		 "in defaults." },
	{ .name = "on_server_down", ENUM(struct conf_service, on_server_down),
	  .words = server_downs, .def = "keep", .in = IN_SERVICE | IN_DEFAULTS,
	  .doc = "What becomes of the flows of a server that fails or is taken away.  keep: they go "
		 "on to it.  drop: their packets are dropped.  reset: both sides of a TCP connection "
		 "are told at once, with dr and tun the client only.  New flows go to other servers "
		 "in any case." },
	{ .name = "no_flow", ENUM(struct conf_service, no_flow), .words = no_flows, .def = "reset",
	  .in = IN_SERVICE | IN_DEFAULTS,
	  .doc = "What becomes of a TCP packet that belongs to no flow and is no SYN.  reset: its "
		 "sender is told.  drop: it vanishes.  schedule: sh and mh find the server it was "
		 "for." },
	{ .name = "mss", U32(struct conf_service, mss), .min = 0, .max = 65495, .def = "0",
	  .in = IN_SERVICE | IN_DEFAULTS,
	  .doc = "The largest segment size that a SYN through the director may announce; larger "
		 "ones are lowered.  88 to 65495, or 0: as they come." },
	{ .name = "pool", NO_MEMBER(OPT_STRING), .min = 1, .max = 63, .in = IN_SERVICE,
	  .def_doc = "none: the service has servers of its own",
	  .doc = "The pool that its servers, and its checks if it has none itself, come from." },
	{ .name = "servers", NAMED(struct conf_service, servers, struct conf_server),
	  .group = &schema_server, .min = 1, .max = 65535, .flags = OPT_REQUIRED,
	  .in = IN_SERVICE | IN_POOL, .doc = "The real servers, each under a name of its own." },
	{ .name = "sorry", GROUP(struct conf_service, sorry, struct conf_server),
	  .n_at = FIELD(struct conf_service, has_sorry, bool), .group = &schema_sorry,
	  .flags = OPT_ABSENT, .in = IN_SERVICE, .def_doc = "none",
	  .doc = "A server that gets new flows while no other can take them.  It is not checked." },
	{ .name = "checks", NAMED(struct conf_service, checks, struct conf_check),
	  .group = &schema_check, .single = "check", .min = 1, .max = 64,
	  .in = IN_SERVICE | IN_POOL | IN_DEFAULTS,
	  .def_doc = "of tcp services with one port a tcp check, of all others none",
	  .doc = "What is asked of each server.  A single one "
		 "may be written as check: { ... } without a name.  The checks of a service "
		 "replace those of its pool, and these the ones in defaults, as a whole." },
	{ .name = "checks_need", ENUM(struct conf_service, checks_need), .words = needs,
	  .in = IN_SERVICE | IN_POOL | IN_DEFAULTS, .def_doc = "\"all\"",
	  .doc = "How many of its checks must be up for a server to be up." },
	{ 0 },
};

const struct opt_group schema_defaults = {
	.title = "defaults", .opts = service_opts, .view = IN_DEFAULTS,
	.size = sizeof(struct conf_service),
	.doc = "What holds for every service (and pool) that does not say otherwise.",
};

const struct opt_group schema_pool = {
	.title = "a pool", .opts = service_opts, .view = IN_POOL, .has_where = true,
	.size = sizeof(struct conf_service),
	.doc = "Servers that several services share.",
};

const struct opt_group schema_service = {
	.title = "a service", .opts = service_opts, .view = IN_SERVICE, .has_where = true,
	.size = sizeof(struct conf_service),
	.doc = "What clients connect to: addresses, a port, and the servers behind them.",
};

static const struct opt file_opts[] = {
	{ .name = "host", NO_MEMBER(OPT_STRING), .min = 1, .max = 255, .in = IN_NODE,
	  .def_doc = "the node's name",
	  .doc = "The machine's host name, short or in full, by which it finds its own node." },
	{ .name = "director", GROUP(struct conf, director, struct conf_director),
	  .group = &schema_director, .doc = "What holds for this machine as a whole." },
	{ .name = "vrrp", NAMED(struct conf, vrrp, struct conf_vrrp), .group = &schema_vrrp,
	  .max = 4095, .doc = "The virtual routers, which hold the addresses." },
	{ .name = "vrrp_groups", NAMED(struct conf, vrrp_groups, struct conf_vrrp_group),
	  .group = &schema_vrrp_group, .max = 4095, .doc = "Those of them that move together." },
	{ .name = "defaults", NO_MEMBER(OPT_GROUP), .group = &schema_defaults,
	  .doc = "What holds for every service that does not say otherwise." },
	{ .name = "pools", NO_MEMBER(OPT_NAMED), .group = &schema_pool, .max = 16384,
	  .doc = "Servers that several services share." },
	{ .name = "services", NAMED(struct conf, services, struct conf_service),
	  .group = &schema_service, .max = 16384, .doc = "What clients connect to." },
	{ .name = "nodes", NO_MEMBER(OPT_NAMED), .group = &schema_node, .min = 1,
	  .max = CONF_NODES_MAX, .in = IN_FILE,
	  .doc = "The directors that share this file, and what is different on each." },
	{ .name = "include", NO_MEMBER(OPT_LIST), .elem = OPT_STRING, .min = 1, .max = 1000,
	  .in = IN_FILE, .def_doc = "none",
	  .doc = "More files, as patterns relative to the folder of this one." },
	{ 0 },
};

const struct opt_group schema_node = {
	.title = "a node", .opts = file_opts, .view = IN_NODE,
	.doc = "One director: its sections are laid over those of the file.  Groups are merged name "
	       "by name; values and lists are replaced.",
};

const struct opt_group schema_file = {
	.title = "the file", .opts = file_opts, .view = IN_FILE, .size = sizeof(struct conf),
	.doc = "The sections of the file.",
};

// clang-format on

bool opt_in_group(const struct opt *o, const struct opt_group *g)
{
	return !o->in || !g->view || (o->in & g->view);
}

const struct opt *schema_find(const struct opt_group *g, const char *name)
{
	const struct opt *o;

	if (!name)
		return NULL;
	for_each_opt(o, g)
		if (!strcmp(o->name, name) || (o->single && !strcmp(o->single, name)))
			return o;
	return NULL;
}

/* A typing slip (two from five letters on, three from ten), or an abbreviation. */
void nearest_try(struct nearest *n, const char *candidate)
{
	size_t len = strlen(n->wanted), other = strlen(candidate);
	size_t common = len < other ? len : other;
	unsigned distance = str_distance(n->wanted, candidate);

	if (common >= 3 && !strncmp(n->wanted, candidate, common))
		distance = distance ? 1 : 0;
	if (distance > 1 + common / 5)
		return;
	if (n->best && distance >= n->distance)
		return;
	n->best = candidate;
	n->distance = distance;
}

const char *schema_nearest(const struct opt_group *g, const char *name)
{
	struct nearest nearest = { .wanted = name };
	const struct opt *o;

	for_each_opt(o, g) {
		nearest_try(&nearest, o->name);
		if (o->single)
			nearest_try(&nearest, o->single);
	}
	return nearest.best;
}
