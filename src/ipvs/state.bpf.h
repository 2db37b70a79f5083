/* SPDX-License-Identifier: BSD-2-Clause */
/* The TCP state table: IPVS's, cell by cell. */
#ifndef LBD_IPVS_STATE_BPF_H
#define LBD_IPVS_STATE_BPF_H

#include "ipvs/pkt.bpf.h"

enum tcp_event {
	EVENT_SYN,
	EVENT_FIN,
	EVENT_ACK,
	EVENT_RST,
	EVENTS, /* also: none of them */
};

enum tcp_table {
	TABLE_INPUT,	  /* from the client */
	TABLE_OUTPUT,	  /* from the server */
	TABLE_INPUT_ONLY, /* from the client, while the server has not been heard (WORD_NOOUTPUT) */
	TABLES,
};

#define TCP_STATES FLOW_UDP

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
static const __u8 tcp_next[TABLES][EVENTS][TCP_STATES] = {
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

static __always_inline enum tcp_event tcp_event(const struct pkt *p)
{
	if (p->l4_proto != IPPROTO_TCP)
		return EVENTS;
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

/* A packet that may begin a flow: any UDP, and a TCP SYN that is nothing else. */
static __always_inline bool pkt_begins(const struct pkt *p)
{
	if (pkt_is_later(p))
		return false;
	return p->l4_proto == IPPROTO_UDP ||
	       (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

/* A packet of a connection that has been: it may go on where a hash finds its server again. */
static __always_inline bool pkt_goes_on(const struct pkt *p)
{
	return p->l4_proto == IPPROTO_TCP &&
	       (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK;
}

/* The word of a request half after an event; output: the server sent it. */
static __always_inline __u32 word_after(__u32 word, enum tcp_event event, bool output)
{
	__u32 state = WORD_STATE(word);
	enum tcp_table table = TABLE_INPUT;

	if (output)
		table = TABLE_OUTPUT;
	else if (word & WORD_NOOUTPUT)
		table = TABLE_INPUT_ONLY;
	if (event < EVENTS && state < TCP_STATES)
		state = tcp_next[table][event][state];
	if (output)
		word &= ~WORD_NOOUTPUT;
	return (word & ~WORD(0, 0, 0xff, 0)) | WORD(0, 0, state, 0);
}

/* The flow is over and a SYN begins another one with the same tuple (IPVS: conn_reuse_mode). */
static __always_inline bool word_is_over(__u32 word)
{
	switch (WORD_STATE(word)) {
	case FLOW_TIME_WAIT:
	case FLOW_CLOSE:
		return true;
	case FLOW_FIN_WAIT:
		return word & WORD_NOOUTPUT;
	default:
		return false;
	}
}

#endif
