/* SPDX-License-Identifier: BSD-2-Clause */
/* Every struct and number that both the BPF programs and the daemon see.
 *
 * Built by clang -target bpf and by gcc; no holes, explicit `zero` members, a _Static_assert on
 * each size.  Maps marked "shared" are ARRAYs with BPF_F_MMAPABLE: the daemon writes their slots in
 * place, one aligned store for each word that matters, so a change costs no system call and no
 * copy. LBD_LAYOUT changes whenever anything here changes its meaning or place: pins live under it.
 */
#ifndef LBD_IPVS_ABI_H
#define LBD_IPVS_ABI_H

#include <linux/types.h>

#include "lib/addr_type.h"

#define LBD_LAYOUT 1

/* ---- Sizes ------------------------------------------------------------------------------- */

#define SVC_MAX	      16384 /* slots of `svcs` */
#define SERVER_MAX    65536 /* slots of `servers`; slot 0 is never used */
#define GATE_MAX      4096  /* slots of `gates`; gate 0 is always open */
#define RING_CHUNK    16    /* server ids in one value of `rings` */
#define RING_CHUNKS   65536 /* values of `rings`: 1,048,576 ids in all */
#define RING_LEN_MAX  65536 /* ids that one service may use */
#define RECLAIM_BATCH 512   /* keys that one run of the reclaim program takes */
#define PORT_MAX      16384 /* slots of `ports` */
#define SERVICES_MAX  65536 /* entries of `services` */
#define GATE_KEYS_MAX 8192  /* entries of `gate_vrids`, and of `gate_addrs` */

/* ---- Services ---------------------------------------------------------------------------- */

/* `services`: HASH, svc_key -> svc_ref.  A service with several VIPs has several keys. */
struct svc_key {
	struct addr vip;
	__be16 port;
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 zero;
};
_Static_assert(sizeof(struct svc_key) == 20, "abi");

struct svc_ref {
	__u32 svc;  /* slot of `svcs` */
	__u32 gate; /* slot of `gates`: which instance owns the VIP; 0 when none does */
};
_Static_assert(sizeof(struct svc_ref) == 8, "abi");

/* The states of IPVS's TCP table, in its order; UDP flows have one state of their own. */
enum flow_state {
	FLOW_NONE,
	FLOW_ESTABLISHED,
	FLOW_SYN_SENT,
	FLOW_SYN_RECV,
	FLOW_FIN_WAIT,
	FLOW_TIME_WAIT,
	FLOW_CLOSE,
	FLOW_CLOSE_WAIT,
	FLOW_LAST_ACK,
	FLOW_LISTEN,
	FLOW_SYNACK,
	FLOW_UDP,
	FLOW_STATES,
};

/* `svcs`: shared. */
struct svc {
	__u64 ring; /* first slot of `rings` << 32 | how many; one store changes both; 0: no server
		     */
	__u32 cursor;		    /* rr, wrr: ids handed out so far (atomic add) */
	__u32 flags;		    /* SVC_* */
	__u32 timeout[FLOW_STATES]; /* jiffies without a packet until a flow of that state ends */
};
_Static_assert(sizeof(struct svc) == 16 + 4 * FLOW_STATES, "abi");

#define SVC_RING(first, count) ((__u64)(first) << 32 | (__u32)(count))
#define SVC_RING_FIRST(ring)   ((__u32)((ring) >> 32))
#define SVC_RING_COUNT(ring)   ((__u32)(ring))

/* `rings`: shared; slot i is rings[i / RING_CHUNK].server[i % RING_CHUNK]. */
struct ring_chunk {
	__u32 server[RING_CHUNK]; /* slots of `servers` */
};

/* ---- Servers ----------------------------------------------------------------------------- */

/* What is done to a packet, in this order.  A method is a set of verbs for each direction. */
enum verb {
	VERB_DNAT = 1,
	VERB_SNAT = 2,
	VERB_ENCAP = 4,
	VERB_L2 = 8,
};

enum method {
	METHOD_NAT,
	METHOD_DR,
	METHOD_TUN,
	METHOD_FULLNAT,
	METHODS,
};

/* How to leave for a server.  `gateway` (the server itself when it is on the segment) serves the
 * case that its MAC is not known yet: TC then lets the stack resolve it. */
struct nexthop {
	__u32 ifindex; /* 0: there is no route */
	__u8 dmac[6];
	__u8 smac[6];
	__u16 mtu;
	__u16 resolved; /* dmac is valid */
	struct addr gateway;
};
_Static_assert(sizeof(struct nexthop) == 36, "abi");

/* `servers`: shared.  One slot for each server of each service; ids are stable and are used again
 * only when no flow refers to them. */
struct server {
	struct addr addr; /* RIP */
	__be16 port;	  /* nat; equals the service's otherwise */
	__u8 method;	  /* enum method */
	__u8 zero;
	__u32 svc;		/* slot of `svcs` */
	__u32 available;	/* read on each new flow: 0 takes it out at once */
	__u32 active, inactive; /* flows: ESTABLISHED, and all others (atomic) */
	__u32 hop; /* low bit: which of hops[] holds now.  The daemon fills the other, then
		    * increments: a reader that sees it unchanged has a whole one. */
	struct nexthop hops[2];
	__u32 zero2[4];
};
_Static_assert(sizeof(struct server) == 128, "abi");

/* `server_stats`: PERCPU_ARRAY beside `servers`.  Bytes are IP bytes, as IPVS counts them. */
struct server_stats {
	__u64 conns;
	__u64 in_packets, in_bytes;   /* towards the server */
	__u64 out_packets, out_bytes; /* its answers; 0 for dr and tun */
};

/* ---- Flows ------------------------------------------------------------------------------- */

/* A packet's own tuple, one struct a family: IPv4 flows are most of them, and theirs are small. */
struct tuple4 {
	__be32 src, dst;
	__be16 sport, dport;
};

struct tuple6 {
	struct addr src, dst;
	__be16 sport, dport;
};

struct flow4_key {
	struct tuple4 t;
	__u8 proto;
	__u8 zero[3];
};
_Static_assert(sizeof(struct flow4_key) == 16, "abi");

struct flow6_key {
	struct tuple6 t;
	__u8 proto;
	__u8 zero[3];
};
_Static_assert(sizeof(struct flow6_key) == 40, "abi");

/* The one word that a flow's life hangs on: changed by compare-and-swap only, and whoever wins does
 * what the change asks for (counters, deletion), once.
 *
 *   bits  0-1   life: LIFE_LIVE or LIFE_CLAIMED
 *   bits  2-7   flags that change: WORD_NOOUTPUT, WORD_SETTLED
 *   bits  8-15  enum flow_state, in the request half
 *   bits 16-31  generation: another one for each flow that an entry holds
 *
 * An entry is inserted as CLAIMED and becomes LIVE when all of its flow is in place.  LIVE ->
 * CLAIMED by the reclaim program, or by a SYN that finds the flow over and begins the next one in
 * its place; whoever claimed it deletes it, and nobody else.  A reader copies what it needs, then
 * looks whether word and tag still are what they were. */
#define LIFE_LIVE	   1u
#define LIFE_CLAIMED	   2u
#define WORD_LIFE(w)	   ((w)&3u)
#define WORD_NOOUTPUT	   4u /* request half: no answer seen yet (IPVS); dr and tun for ever */
#define WORD_SETTLED	   8u /* reply half: the server's bare ACKs change no state now */
#define WORD_STATE(w)	   (((w) >> 8) & 0xffu)
#define WORD_GENERATION(w) ((w) >> 16)
#define WORD(life, flags, state, generation)                                                       \
	((__u32)(life) | (__u32)(flags) | (__u32)(state) << 8 | (__u32)(generation) << 16)

/* flow.flags, set once */
#define FLOW_REPLY 1u /* the half that the server's answers find (nat, fullnat) */

/* nat and fullnat flows have two entries, dr and tun one.  `to` is what the packet's tuple becomes;
 * turned round it is the twin's key.  Reply half inserted first and deleted first. */
struct flow {
	__u32 word;
	__u32 tag;  /* mix of the key: the entry is still this key's (preallocated entries are used
		     * again at once after a delete) */
	__u32 seen; /* low 32 bits of jiffies64 at this half's last packet */
	__u32 server; /* slot of `servers` */
	__u16 gate;
	__u8 verbs; /* enum verb */
	__u8 flags;
	__u32 ack;	 /* this direction's last acknowledgement: exact resets need it */
	__u32 extension; /* 0; room for sequence deltas and options */
};
_Static_assert(sizeof(struct flow) == 28, "abi");

/* `flows4`, `flows6`: preallocated HASH, never LRU. */
struct flow4 {
	struct flow f;
	struct tuple4 to;
};
_Static_assert(sizeof(struct flow4) == 40, "abi");

struct flow6 {
	struct flow f;
	struct tuple6 to;
};
_Static_assert(sizeof(struct flow6) == 64, "abi");

/* `reclaim`: shared ARRAY with one value; the daemon lists keys of request halves (and of reply
 * halves without a twin) that look expired, runs the SYSCALL program, reads the outcome. */
struct reclaim {
	/* in */
	__u32 n4, n6;
	struct flow4_key keys4[RECLAIM_BATCH];
	struct flow6_key keys6[RECLAIM_BATCH];
	/* out */
	__u64 jiffies;	 /* now, in the unit of flow.seen; also when both n are 0 */
	__u32 reclaimed; /* flows ended (a pair counts once) */
	__u32 orphans;	 /* reply halves without a twin removed */
	__u32 kept;	 /* they were alive after all */
	__u32 zero;
};

/* ---- Gates: who owns an address (VRRP), and the fence -------------------------------------- */

/* `gates`: shared; one for each VRRP instance.  Gate 0 is always open, and its `fenced` says that
 * some gate may be fenced: the programs look addresses up in `gate_addrs` only then.  They set it
 * with any latch; the daemon clears it when it has cleared the last. */
struct gate {
	__u32 open;	/* daemon: we own the addresses */
	__u32 fenced;	/* latch: the programs set it, only the daemon clears it */
	__u64 beat_ns;	/* daemon: CLOCK_MONOTONIC when the VRRP sockets had last been served */
	__u64 stale_ns; /* daemon: a beat older than this means that it is dead (master-down) */
	__u64 fresh_ns; /* daemon: for how long an advert shows that the peer lives */
	__u64 heard_ns; /* programs: last advert of somebody else for this VRID, priority > 0, TTL
			   255 */
};
_Static_assert(sizeof(struct gate) == 40, "abi");

/* `gate_vrids`: HASH -> __u32 gate. */
struct vrid_key {
	__u32 ifindex;
	__u8 vrid;
	__u8 v6;
	__u16 zero;
};
_Static_assert(sizeof(struct vrid_key) == 8, "abi");

/* `gate_addrs`: HASH -> __u32 gate: every address of every instance (VIPs, inside gateways). */
struct gate_addr {
	struct addr addr;
	__u32 ifindex; /* 0, but for link-local addresses */
};
_Static_assert(sizeof(struct gate_addr) == 20, "abi");

/* ---- Interfaces ---------------------------------------------------------------------------- */

/* `ports`: shared, by ifindex.  An interface whose index is PORT_MAX or more has TC only. */
struct port {
	__u8 mac[6];
	__u16 flags; /* PORT_*; one aligned 8-byte store changes all */
};
_Static_assert(sizeof(struct port) == 8, "abi");

#define PORT_MAC 1u /* mac is known: xdp takes frames to it, others are left to TC */
#define PORT_XDP 2u /* frames may be redirected to it from xdp */

/* ---- Counters ------------------------------------------------------------------------------ */

/* Which program counted. */
enum hook {
	HOOK_XDP,
	HOOK_INGRESS,
	HOOK_EGRESS,
	HOOKS,
};

/* seen = redirected + passed + drop_* in each program; made_* are counted apart.
 * X(enum name, exported name, help) */
#define LBD_COUNTERS(X)                                                                            \
	X(SEEN, "seen", "packets the program looked at")                                           \
	X(REDIRECTED, "redirected", "packets forwarded to a server or to a client")                \
	X(PASSED, "passed", "packets left to the stack (xdp: to the tc program)")                  \
	X(PASSED_NO_FLOW, "passed_no_flow",                                                        \
	  "of the passed: to a service, but neither of a known flow nor beginning one")            \
	X(PASSED_FRAGMENT, "passed_fragment", "of the passed: IP fragments")                       \
	X(DROP_GATE, "drop_gate", "to an address that this director does not own now")             \
	X(DROP_FENCED, "drop_fenced",                                                              \
	  "to or from an address whose daemon is dead while a peer is alive")                      \
	X(DROP_TABLE_FULL, "drop_table_full", "new flow, but the flow table is full")              \
	X(DROP_CLASH, "drop_clash",                                                                \
	  "new flow, but its answers would look like those of another flow")                       \
	X(DROP_NO_SERVER, "drop_no_server", "new flow, no server available: answered by a reject") \
	X(DROP_NO_ROUTE, "drop_no_route", "no route to the server or to the client")               \
	X(DROP_TTL, "drop_ttl", "time to live ran out")                                            \
	X(DROP_TOO_BIG, "drop_too_big", "larger than the next hop's MTU")                          \
	X(DROP_RACE, "drop_race", "the flow ended or changed while the packet was looked at")      \
	X(DROP_ERROR, "drop_error", "a kernel helper refused")                                     \
	X(MADE_RESET, "made_reset", "TCP resets sent")                                             \
	X(MADE_UNREACHABLE, "made_unreachable", "ICMP unreachables sent")                          \
	X(MADE_LIMITED, "made_limited", "answers not sent because of the rate limit")              \
	X(ADVERT_HEARD, "advert_heard", "VRRP adverts of peers seen")                              \
	X(FENCE_SET, "fence_set", "times that a fence was set")

enum counter {
#define X(name, text, help) COUNT_##name,
	LBD_COUNTERS(X)
#undef X
		COUNTERS,
};

/* `counters`: PERCPU_ARRAY, [hook * COUNTERS + counter] -> __u64. */

#endif
