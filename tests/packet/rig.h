/* SPDX-License-Identifier: BSD-2-Clause */
/* A director's data plane without its daemon: a network namespace with two interfaces, the
 * programs, and the maps, filled by hand. */
#ifndef LBD_TESTS_PACKET_RIG_H
#define LBD_TESTS_PACKET_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "ipvs/abi.h"
#include "xmit/lbd.skel.h"

#define RIG_FLOWS 4096
#define RIG_PORTS 64  /* of interfaces, likewise */
#define RIG_SLOTS 160 /* of each shared map: what rig_reset() clears */

/* Flag of a run: BPF_F_TEST_SKB_CHECKSUM_COMPLETE, younger than the headers. */
#define RIG_SUM_KNOWN 4

/* Slots that rig_service() and rig_server() use. */
#define SVC	 1
#define SVC2	 2
#define GATE	 1
#define SERVER1	 1 /* WEB1, ... */
#define LIP_SLOT 1

struct rig {
	struct lbd_bpf *skel;
	bool v6;
	enum hook hook;
	unsigned front, back; /* ifindexes */
	/* the shared maps */
	struct svc *svcs;
	struct server *servers;
	struct ring_chunk *rings;
	struct range *ranges;
	struct lip *lips;
	struct gate *gates;
	struct reclaim *reclaim;
	struct port *ports;
};

struct outcome {
	int action;
	size_t len;
	uint8_t frame[FRAME_MAX];
};

/* The context that a test may set besides the frame. */
struct context {
	unsigned ifindex; /* 0: by the frame's destination MAC */
	uint32_t gso_size, gso_segs;
	uint32_t len;	/* the frame is cut to this length; 0: whole */
	bool sum_known; /* TC: as if the card had summed the frame up (CHECKSUM_COMPLETE) */
};

/* Ends the program with status 77 when the machine cannot load BPF programs.  flows: size of each
 * table, and of the templates'. */
struct rig *rig_open(unsigned flows);
void rig_close(struct rig *rig);

/* Empties all maps and chooses what the next calls are about. */
void rig_reset(struct rig *rig, bool v6, enum hook hook);

/* A service at vip:80 with n servers, WEB1 on, that are reached directly; gate 0. */
void rig_service(struct rig *rig, uint32_t slot, enum who vip, uint8_t proto, enum method method,
		 unsigned n);
void rig_service_key(struct rig *rig, uint32_t slot, enum who vip, uint8_t proto, uint32_t gate);
void rig_service_remove(struct rig *rig, enum who vip, uint8_t proto);
/* Gate 1, open, around whoever's address; its daemon is alive. */
void rig_gate(struct rig *rig, enum who who, uint8_t vrid);
uint64_t now_ns(void);

/* Runs the program of rig->hook; returns what it did. */
void rig_run_bytes(struct rig *rig, const void *frame, size_t len, const struct context *c,
		   struct outcome *ret);
void rig_run(struct rig *rig, const struct frame *f, const struct context *c, struct outcome *ret);

/* True when the kernel can run a program on a frame whose sum the card knows (Linux 6.16). */
bool rig_sum_known_works(struct rig *rig);

uint64_t rig_count(struct rig *rig, enum hook hook, enum counter what);
/* Is a packet counted there in the end?  seen = the sum of these. */
bool counter_is_end(enum counter what);
/* Every packet that a program saw was counted where it ended.  rig_reset() and rig_close() ask this
 * of what was before. */
void rig_books_balance(struct rig *rig);
void rig_port_stats(struct rig *rig, unsigned ifindex, struct port_stats *ret);
void rig_stats(struct rig *rig, uint32_t server, struct server_stats *ret);
size_t rig_flows(struct rig *rig);

/* Entries by the tuple of a frame, seen from the side given. */
bool rig_flow(struct rig *rig, const struct frame *f, struct flow *ret);
void rig_flow_set(struct rig *rig, const struct frame *f, const struct flow *to);
void rig_flow_delete(struct rig *rig, const struct frame *f);

/* Runs the reclaim program over the keys in rig->reclaim, or over every flow and template; 0 or
 * -errno. */
int rig_reclaim_listed(struct rig *rig);
int rig_reclaim(struct rig *rig);
/* Lets all flows look as if their last packet had been so many jiffies ago. */
void rig_age(struct rig *rig, uint32_t jiffies);

int action_pass(enum hook hook);
int action_drop(enum hook hook);
int action_redirect(enum hook hook);

#endif
