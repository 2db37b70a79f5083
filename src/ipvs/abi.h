/* SPDX-License-Identifier: BSD-2-Clause */
/* Every struct and number that both the BPF programs and the daemon see.
 *
 * Built by clang -target bpf and by gcc; no holes, explicit `zero` members, a _Static_assert on
 * each size.  Maps marked "shared" are ARRAYs with BPF_F_MMAPABLE: the daemon writes their slots in
 * place, one aligned store for each word that matters, so a change costs no system call and no
 * copy; the kernel aligns each slot to 8 bytes, so their sizes are multiples of that. LBD_LAYOUT
 * changes whenever anything here changes its meaning or place: pins live under it.
 */
#ifndef LBD_IPVS_ABI_H
#define LBD_IPVS_ABI_H

#include <linux/types.h>

#include "lib/addr_type.h"

#define LBD_LAYOUT 2

/* ---- Sizes ------------------------------------------------------------------------------- */

#define SVC_MAX	      16384   /* slots of `svcs` */
#define SERVER_MAX    65536   /* slots of `servers`; slot 0 is never used */
#define GATE_MAX      4096    /* slots of `gates`; gate 0 is always open */
#define RING_CHUNK    16      /* server ids in one value of `rings` */
#define RING_CHUNKS   262144  /* values of `rings`: 4,194,304 ids in all */
#define RING_LEN_MAX  65536   /* ids that one service may use */
#define RECLAIM_BATCH 512     /* keys that one run of the reclaim program takes */
#define PORT_MAX      16384   /* slots of `ports` */
#define SERVICES_MAX  65536   /* entries of `services` */
#define GATE_KEYS_MAX 8192    /* entries of `gate_vrids`, and of `gate_addrs` */
#define WIDE_MAX      16384   /* entries of `wide` */
#define RANGE_MAX     65536   /* slots of `ranges` */
#define RANGES_MAX    64      /* ranges of one entry of `wide` */
#define LIP_MAX	      4096    /* slots of `lips` */
#define TEMPLATES_MAX 1048576 /* entries of `templates` */
#define FRAGMENTS_MAX 16384   /* entries of `fragments` */
#define HELD_MAX      256     /* entries of `held` */
#define HELD_LEN      2048    /* bytes of a frame that is held */
#define HELD_EACH     4	      /* fragments of one packet that are held */

/* ---- Services ---------------------------------------------------------------------------- */

/* `services`: HASH, svc_key -> svc_ref.  A service with several VIPs has several keys. */
struct svc_key {
	struct addr vip;
	__be16 port;
	__u8 proto; /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP */
	__u8 zero;
};
_Static_assert(sizeof(struct svc_key) == 20, "abi");

struct svc_ref {
	__u32 svc;  /* slot of `svcs` */
	__u32 gate; /* slot of `gates`: which instance owns the VIP; 0 when none does */
};
_Static_assert(sizeof(struct svc_ref) == 8, "abi");

/* `wide`: LPM_TRIE, wide_key -> wide_ref: services that `services` cannot hold, since they have
 * many ports or many addresses.  The entry of the longest prefix lists all ranges that hold for its
 * addresses, also those of shorter prefixes, the narrowest first. */
struct wide_key {
	__u32 bits;   /* of proto and vip: 32 + 96 + n for a.b.c.d/n, 32 + n for IPv6 */
	__be32 proto; /* IPPROTO_* */
	struct addr vip;
};
_Static_assert(sizeof(struct wide_key) == 24, "abi");

struct wide_ref {
	__u32 first; /* slot of `ranges` */
	__u32 count; /* up to RANGES_MAX */
};

/* `ranges`: shared. */
struct range {
	__u16 port, last; /* host order */
	__u32 zero;
	struct svc_ref ref;
};
_Static_assert(sizeof(struct range) == 16, "abi");

/* The states of IPVS's TCP table, in its order; UDP flows have one state of their own, SCTP
 * associations those of RFC 9260 that differ in how long they may be idle. */
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
	FLOW_SCTP_INIT,
	FLOW_SCTP_ESTABLISHED,
	FLOW_SCTP_SHUTDOWN,
	FLOW_SCTP_CLOSED,
	FLOW_STATES,
};

/* Flows of these states are a server's active ones. */
#define FLOW_IS_ACTIVE(state) ((state) == FLOW_ESTABLISHED || (state) == FLOW_SCTP_ESTABLISHED)

/* How a server is found in the ring. */
enum pick {
	PICK_NEXT, /* the next slot: rr, wrr */
	PICK_LC,   /* the one with the fewest connections; the ring is a list */
	PICK_WLC,  /* the fewest for its weight; the ring is a list */
	PICK_HASH, /* the slot that the client's address gives: sh, mh */
};

/* What a TCP or SCTP packet meets that neither belongs to a flow nor may begin one. */
enum no_flow {
	NO_FLOW_RESET, /* of SCTP: dropped */
	NO_FLOW_DROP,
	NO_FLOW_SCHEDULE, /* PICK_HASH only: it begins a flow with the server that it had */
};

#define SVC_ONE_PACKET	     1u /* UDP: each packet is scheduled for itself */
#define SVC_HASH_PORT	     2u /* PICK_HASH: the client's port counts too */
#define SVC_EXPIRE_QUIESCENT 4u /* a server that takes no new flows loses its templates */

/* Slot 0 of `svcs` is no service: its flags tell what there is among all of them. */
#define SVC_ANY_WIDE 128u /* `wide` has entries, and is asked when `services` knows nothing */

/* `svcs`: shared. */
struct svc {
	__u64 ring;	   /* SPAN of `rings`; 0: no server */
	__u32 cursor;	   /* ids handed out so far, by any rule (atomic add) */
	__u32 sorry;	   /* slot of `servers` that is taken when no other can be; 0: none */
	__u8 pick;	   /* enum pick */
	__u8 no_flow;	   /* enum no_flow */
	__u8 flags;	   /* SVC_* */
	__u8 persist_bits; /* how many of a client's 128 address bits tell it apart */
	__u32 persist;	   /* jiffies that a template outlives its last flow; 0: none */
	__u16 mss;	   /* the largest that a SYN may announce; 0: as it comes */
	__u16 zero;
	__u32 timeout[FLOW_STATES]; /* jiffies without a packet until a flow of that state ends */
	__u32 zero2;
};
_Static_assert(sizeof(struct svc) == 32 + 4 * FLOW_STATES, "abi");

/* A run of slots of a shared array: one store changes all of it. */
#define SPAN(first, count) ((__u64)(first) << 32 | (__u32)(count))
#define SPAN_FIRST(span)   ((__u32)((span) >> 32))
#define SPAN_COUNT(span)   ((__u32)(span))

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
	__u16 flags; /* HOP_* */
	struct addr gateway;
	struct addr source; /* our own address on that way: of tunnels' outer headers */
};
_Static_assert(sizeof(struct nexthop) == 52, "abi");

#define HOP_RESOLVED 1u /* dmac is valid */
#define HOP_LOCAL    2u /* the server is this host: packets are left to its stack as they are */

/* `servers`: shared.  One slot for each server of each service; ids are stable and are used again
 * only when no flow refers to them. */
struct server {
	struct addr addr; /* RIP */
	__be16 port;	  /* nat, fullnat: 0 leaves the packet's; else equal to the service's */
	__u8 method;	  /* enum method */
	__u8 zero;
	__u32 svc;		/* slot of `svcs` */
	__u64 lips;		/* fullnat: SPAN of `lips` */
	__u32 status;		/* SERVER_*: read on each new flow, in force at once */
	__u32 active, inactive; /* flows: ESTABLISHED, and all others (atomic) */
	__u32 overloaded;	/* the programs: more than `upper`, and not yet below `lower` */
	__u32 upper, lower;	/* thresholds of active + inactive; upper 0: none */
	__u32 weight;		/* PICK_WLC */
	__u32 hop; /* low bit: which of hops[] holds now.  The daemon fills the other, then
		    * increments: a reader that sees it unchanged has a whole one. */
	struct nexthop hops[2];
	__u32 zero2[6];
};
_Static_assert(sizeof(struct server) == 192, "abi");

#define SERVER_ALIVE 1u /* may have packets: persistent clients come also with weight 0 */
#define SERVER_TAKES 2u /* may have new flows */
#define SERVER_LOST                                                                                \
	4u /* its flows are over: the service does not keep those of a server that left */
#define SERVER_RESET 8u /* with SERVER_LOST: the daemon resets those of TCP */

/* `lips`: shared.  An address that fullnat sends from, and its ports. */
struct lip {
	struct addr addr;
	__u16 port, last; /* host order */
	__u32 zero;
};
_Static_assert(sizeof(struct lip) == 24, "abi");

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
#define FLOW_REPLY	1u /* the half that the server's answers find (nat, fullnat) */
#define FLOW_ONE_PACKET 2u /* a reply half that has no request half: SVC_ONE_PACKET */
#define FLOW_TEMPLATE	4u /* a request half that its client's template counts */

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

/* ---- Persistence --------------------------------------------------------------------------- */

/* `templates`: HASH, as IPVS's: a client's next flows go where its last one went. */
struct template_key {
	struct addr client; /* masked by svc.persist_bits */
	__u32 svc;
};
_Static_assert(sizeof(struct template_key) == 20, "abi");

struct template
{
	__u32 server; /* 0: it is being removed */
	__u32 seen;   /* jiffies when its last flow began or ended */
	__u32 flows;  /* that it counts (atomic): it does not end before them */
	__u32 tag;    /* mix of the key: the entry is still this client's */
};
_Static_assert(sizeof(struct template) == 16, "abi");

/* ---- Fragments ----------------------------------------------------------------------------- */

/* `fragments`: LRU_HASH: the ports of a packet whose first fragment was seen. */
struct fragment_key {
	struct addr src, dst;
	__be32 id;
	__u8 proto; /* IPv6: 0, the id alone tells packets apart (RFC 8200 4.5) */
	__u8 zero[3];
};
_Static_assert(sizeof(struct fragment_key) == 40, "abi");

struct fragment {
	__be16 sport, dport; /* 0 when `proto` has none that we know */
	__u32 seen;	     /* jiffies */
	__u8 proto;	     /* what follows all extension headers */
	__u8 zero[3];
};
_Static_assert(sizeof(struct fragment) == 12, "abi");

/* `held`: LRU_HASH: a later fragment that came before its packet's first, until that comes.
 * `number` tells apart those of one packet, HELD_EACH at most. */
struct held_key {
	struct fragment_key packet;
	__u32 number;
};
_Static_assert(sizeof(struct held_key) == 44, "abi");

struct held {
	__u32 seen; /* jiffies */
	__u32 len;
	__u8 frame[HELD_LEN];
};

/* ---- Reclaim ------------------------------------------------------------------------------- */

/* `reclaim`: shared ARRAY with one value; the daemon lists keys of request halves (and of reply
 * halves without a twin) that look expired, or whose server is SERVER_LOST, runs the SYSCALL
 * program, reads the outcome. */
struct reclaim {
	/* in */
	__u32 n4, n6, n_templates;
	__u32 zero;
	struct flow4_key keys4[RECLAIM_BATCH];
	struct flow6_key keys6[RECLAIM_BATCH];
	struct template_key templates[RECLAIM_BATCH];
	/* out */
	__u64 jiffies;	 /* now, in the unit of flow.seen; also when both n are 0 */
	__u32 reclaimed; /* flows ended (a pair counts once), and reply halves of ONE_PACKET */
	__u32 orphans;	 /* reply halves without a twin removed */
	__u32 kept;	 /* they were alive after all */
	__u32 forgotten; /* templates ended */
	__u8 ended4[RECLAIM_BATCH], ended6[RECLAIM_BATCH]; /* 1: this key's flow was ended now */
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

/* `port_stats`: PERCPU_ARRAY, by ifindex: what was forwarded.  Bytes are IP bytes. */
struct port_stats {
	__u64 in_packets, in_bytes;   /* came in there */
	__u64 out_packets, out_bytes; /* left there */
};

/* ---- Counters ------------------------------------------------------------------------------ */

/* Which program counted. */
enum hook {
	HOOK_XDP,
	HOOK_INGRESS,
	HOOK_EGRESS,
	HOOKS,
};

/* seen = redirected + passed + held + drop_* in each program; made_* are counted apart.
 * X(enum name, exported name, help) */
#define LBD_COUNTERS(X)                                                                            \
	X(SEEN, "seen", "packets the program looked at")                                           \
	X(REDIRECTED, "redirected", "packets forwarded to a server or to a client")                \
	X(PASSED, "passed", "packets left to the stack (xdp: to the tc program)")                  \
	X(PASSED_LOCAL, "passed_local", "of the passed: to a server that is this host")            \
	X(PASSED_FRAGMENT, "passed_fragment",                                                      \
	  "of the passed: IP fragments that belong to no flow")                                    \
	X(HELD, "held",                                                                            \
	  "fragments that wait for their packet's first one, and packets that come again: the "    \
	  "first one then, and what is split")                                                     \
	X(ICMP_TRANSLATED, "icmp_translated",                                                      \
	  "of the redirected: ICMP errors about packets of flows")                                 \
	X(DROP_GATE, "drop_gate", "to an address that this director does not own now")             \
	X(DROP_FENCED, "drop_fenced",                                                              \
	  "to or from an address whose daemon is dead while a peer is alive")                      \
	X(DROP_TABLE_FULL, "drop_table_full", "new flow, but the flow table is full")              \
	X(DROP_NO_PORT, "drop_no_port", "new flow, but no local address has a free port for it")   \
	X(DROP_NO_FLOW, "drop_no_flow",                                                            \
	  "to a service, but neither of a known flow nor beginning one")                           \
	X(DROP_SERVER_GONE, "drop_server_gone",                                                    \
	  "of a flow whose server has failed or was removed")                                      \
	X(DROP_FRAGMENT, "drop_fragment", "fragments that cannot be forwarded")                    \
	X(DROP_CLASH, "drop_clash",                                                                \
	  "new flow, but its answers would look like those of another flow")                       \
	X(DROP_NO_SERVER, "drop_no_server", "new flow, no server available: answered by a reject") \
	X(DROP_NO_ROUTE, "drop_no_route", "no route to the server or to the client")               \
	X(DROP_TTL, "drop_ttl", "time to live ran out")                                            \
	X(DROP_TOO_BIG, "drop_too_big", "larger than the next hop's MTU")                          \
	X(DROP_ICMP, "drop_icmp", "ICMP errors about tunnels that do not concern the client")      \
	X(DROP_RACE, "drop_race", "the flow ended or changed while the packet was looked at")      \
	X(DROP_ERROR, "drop_error", "a kernel helper refused")                                     \
	X(MADE_RESET, "made_reset", "TCP resets sent")                                             \
	X(MADE_UNREACHABLE, "made_unreachable", "ICMP unreachables sent")                          \
	X(MADE_TIME_EXCEEDED, "made_time_exceeded", "ICMP time exceeded sent")                     \
	X(MADE_TOO_BIG, "made_too_big", "ICMP fragmentation needed and packet too big sent")       \
	X(MADE_FRAGMENT, "made_fragment",                                                          \
	  "fragments made of packets too big for the way to the server or client; seen again")     \
	X(MADE_REPLAY, "made_replay",                                                              \
	  "fragments put in order, the first one and those that had waited; seen again")           \
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
