/* SPDX-License-Identifier: BSD-2-Clause */
/* What packets do to a flow's state: TCP by IPVS's table, cell by cell; SCTP by a small one. */
#ifndef LBD_IPVS_STATE_BPF_H
#define LBD_IPVS_STATE_BPF_H

#include "ipvs/pkt.bpf.h"

/* The first four are TCP's, and SCTP's of the same meaning. */
enum event {
	EVENT_SYN, /* INIT */
	EVENT_FIN, /* SHUTDOWN */
	EVENT_ACK, /* DATA, and all else that belongs to an association that is set up */
	EVENT_RST, /* ABORT */
	TCP_EVENTS,
	EVENT_COOKIE = TCP_EVENTS, /* COOKIE ECHO, COOKIE ACK */
	EVENT_SHUTDOWN_ACK,
	EVENT_SHUTDOWN_LAST, /* SHUTDOWN ACK, and its answer will not be heard */
	EVENT_SHUTDOWN_COMPLETE,
	EVENTS, /* also: none of them */
};

enum tcp_table {
	TABLE_INPUT,	  /* from the client */
	TABLE_OUTPUT,	  /* from the server */
	TABLE_INPUT_ONLY, /* from the client, while the server has not been heard (WORD_NOOUTPUT) */
	TABLES,
};

#define TCP_STATES  FLOW_UDP
#define SCTP_STATES (FLOW_STATES - FLOW_SCTP_INIT)

#define NO FLOW_NONE
#define ES FLOW_ESTABLISHED
#define SS FLOW_SYN_SENT
#define SR FLOW_SYN_RECV
#define FW FLOW_FIN_WAIT
#define TW FLOW_TIME_WAIT
#define CL FLOW_CLOSE
#define CW FLOW_CLOSE_WAIT
#define LA FLOW_LAST_ACK
#define LI FLOW_LISTEN
#define SA FLOW_SYNACK

/* clang-format off */
static const __u8 tcp_next[TABLES][TCP_EVENTS][TCP_STATES] = {
	[TABLE_INPUT] = {
		/*              NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
		[EVENT_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[EVENT_FIN] = { CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW },
		[EVENT_ACK] = { CL, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[EVENT_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR },
	},
	[TABLE_OUTPUT] = {
		[EVENT_SYN] = { SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR },
		[EVENT_FIN] = { TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
		[EVENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
		[EVENT_RST] = { CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	},
	[TABLE_INPUT_ONLY] = {
		[EVENT_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[EVENT_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
		[EVENT_ACK] = { CL, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[EVENT_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
};
/* clang-format on */

#undef NO
#undef ES
#undef SS
#undef SR
#undef FW
#undef TW
#undef CL
#undef CW
#undef LA
#undef LI
#undef SA

/* RFC 9260 4, as far as states differ in how long an association may be idle.  COOKIE in SHUTDOWN:
 * the two have begun anew (5.2.4).  (volatile: clang puts small constants where libbpf loses them.)
 */
#define IN FLOW_SCTP_INIT
#define ES FLOW_SCTP_ESTABLISHED
#define SH FLOW_SCTP_SHUTDOWN
#define CL FLOW_SCTP_CLOSED

/* clang-format off */
static const volatile __u8 sctp_next[EVENTS][SCTP_STATES] = {
	/*                            IN  ES  SH  CL */
	[EVENT_SYN] =               { IN, ES, SH, CL },
	[EVENT_FIN] =               { IN, SH, SH, CL },
	[EVENT_ACK] =               { ES, ES, SH, CL },
	[EVENT_RST] =               { CL, CL, CL, CL },
	[EVENT_COOKIE] =            { ES, ES, ES, CL },
	[EVENT_SHUTDOWN_ACK] =      { IN, SH, SH, CL },
	[EVENT_SHUTDOWN_LAST] =     { IN, CL, CL, CL },
	[EVENT_SHUTDOWN_COMPLETE] = { CL, ES, CL, CL },
};
/* clang-format on */

#undef IN
#undef ES
#undef SH
#undef CL

static const volatile __u8 sctp_events[SCTP_CHUNKS] = {
	[SCTP_DATA] = EVENT_ACK,
	[SCTP_INIT] = EVENT_SYN,
	[SCTP_INIT_ACK] = EVENTS,
	[SCTP_SACK] = EVENT_ACK,
	[SCTP_HEARTBEAT] = EVENT_ACK,
	[SCTP_HEARTBEAT_ACK] = EVENT_ACK,
	[SCTP_ABORT] = EVENT_RST,
	[SCTP_SHUTDOWN] = EVENT_FIN,
	[SCTP_SHUTDOWN_ACK] = EVENT_SHUTDOWN_ACK,
	[SCTP_ERROR] = EVENTS,
	[SCTP_COOKIE_ECHO] = EVENT_COOKIE,
	[SCTP_COOKIE_ACK] = EVENT_COOKIE,
	[SCTP_ECNE] = EVENT_ACK,
	[SCTP_CWR] = EVENT_ACK,
	[SCTP_SHUTDOWN_COMPLETE] = EVENT_SHUTDOWN_COMPLETE,
	[SCTP_AUTH] = EVENT_ACK,
};

static __always_inline enum event tcp_event(const struct pkt *p)
{
	if (p->tcp_flags & TCP_RST)
		return EVENT_RST;
	if (p->tcp_flags & TCP_SYN)
		return EVENT_SYN;
	if (p->tcp_flags & TCP_FIN)
		return EVENT_FIN;
	if (p->tcp_flags & TCP_ACK)
		return EVENT_ACK;
	return EVENTS;
}

static __always_inline enum event sctp_event(const struct pkt *p)
{
	return p->chunk < SCTP_CHUNKS ? sctp_events[p->chunk] : EVENT_ACK;
}

static __always_inline enum event pkt_event(const struct pkt *p)
{
	if (pkt_is_later(p))
		return EVENTS;
	switch (p->l4_proto) {
	case IPPROTO_TCP:
		return tcp_event(p);
	case IPPROTO_SCTP:
		return sctp_event(p);
	default:
		return EVENTS;
	}
}

/* A packet that may begin a flow: any UDP, a TCP SYN that is nothing else, an SCTP INIT. */
static __always_inline bool pkt_begins(const struct pkt *p)
{
	if (pkt_is_later(p))
		return false;
	if (p->l4_proto == IPPROTO_SCTP)
		return p->chunk == SCTP_INIT;
	return p->l4_proto == IPPROTO_UDP ||
	       (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

/* A packet of a connection that has been: it may go on where a hash finds its server again. */
static __always_inline bool pkt_goes_on(const struct pkt *p)
{
	if (pkt_is_later(p))
		return false;
	if (p->l4_proto == IPPROTO_SCTP)
		return sctp_event(p) == EVENT_ACK || sctp_event(p) == EVENT_COOKIE;
	return p->l4_proto == IPPROTO_TCP &&
	       (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK;
}

/* The cell of a table, or `state` when it has no such cell.  The number of the cell itself is
 * checked: Linux 6.1 forgets what it knew of its parts when they are kept on the stack. */
static __always_inline __u32 state_cell(const volatile __u8 *table, __u32 cells, __u32 cell,
					__u32 state)
{
	barrier_var(cell);
	return cell < cells ? table[cell] : state;
}

static __always_inline __u32 tcp_state_after(__u32 word, enum event event, bool output)
{
	__u32 state = WORD_STATE(word);
	enum tcp_table table = TABLE_INPUT;

	if (output)
		table = TABLE_OUTPUT;
	else if (word & WORD_NOOUTPUT)
		table = TABLE_INPUT_ONLY;
	if (event >= TCP_EVENTS || state >= TCP_STATES)
		return state;
	return state_cell(&tcp_next[0][0][0], sizeof(tcp_next),
			  (table * TCP_EVENTS + event) * TCP_STATES + state, state);
}

static __always_inline __u32 sctp_state_after(__u32 word, enum event event, bool output)
{
	__u32 state = WORD_STATE(word), from = state - FLOW_SCTP_INIT;

	if (event == EVENT_SHUTDOWN_ACK && !output && word & WORD_NOOUTPUT)
		event = EVENT_SHUTDOWN_LAST;
	if (event >= EVENTS || from >= SCTP_STATES)
		return state;
	return state_cell(&sctp_next[0][0], sizeof(sctp_next), event * SCTP_STATES + from, state);
}

/* The word of a request half after an event; output: the server sent it. */
static __always_inline __u32 word_after(__u32 word, enum event event, bool output)
{
	__u32 state = WORD_STATE(word) < FLOW_SCTP_INIT ? tcp_state_after(word, event, output)
							: sctp_state_after(word, event, output);

	if (output)
		word &= ~WORD_NOOUTPUT;
	return (word & ~WORD(0, 0, 0xff, 0)) | WORD(0, 0, state, 0);
}

/* The flow is over and a SYN (SCTP: INIT) begins another one with the same tuple (IPVS:
 * conn_reuse_mode). */
static __always_inline bool word_is_over(__u32 word)
{
	switch (WORD_STATE(word)) {
	case FLOW_TIME_WAIT:
	case FLOW_CLOSE:
	case FLOW_SCTP_CLOSED:
		return true;
	case FLOW_FIN_WAIT:
		return word & WORD_NOOUTPUT;
	default:
		return false;
	}
}

#endif
