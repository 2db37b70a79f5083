/* SPDX-License-Identifier: BSD-2-Clause */
/* What a type of check fills in; sockets, TLS, deadlines, rise and fall, schedule and logging exist
 * once, elsewhere.
 *
 * A type is a talk: what to say, and what to make of what is heard.  It knows no socket, clock or
 * log, so every one of them can be tested and fuzzed with bytes alone. */
#ifndef LBD_CHECK_TYPE_H
#define LBD_CHECK_TYPE_H

#include <openssl/evp.h>
#include <sys/types.h>

#include "check/check.h"
#include "check/expect.h"
#include "check/http.h"
#include "lib/addr.h"

struct plan;

/* What the other end is to do next. */
enum talk_step {
	TALK_LISTEN,	/* wait for (more) input */
	TALK_SAY,	/* send what out says, then listen */
	TALK_RECONNECT, /* begin again on a new connection: the next of several requests */
	TALK_OVER,	/* result and detail say how it ended */
};

/* Of an http check. */
struct http_talk {
	struct http answer;
	EVP_MD_CTX *digest; /* of the body so far */
	size_t body;
};

enum smtp_state {
	SMTP_GREETING, /* nothing was said yet */
	SMTP_EHLO,
	SMTP_HELO,
	SMTP_QUIT,
};

/* Of an smtp check. */
struct smtp_talk {
	enum smtp_state state;
	size_t heard, len;
	char line[128]; /* the beginning of the line so far */
	char greeting[EXPECT_SEEN_LEN];
};

/* One attempt, as its type sees it. */
struct talk {
	const struct plan *plan;
	const struct addr *address; /* borrowed: whom we talk to */
	uint16_t port;		    /* host order */
	uint32_t nonce;		    /* random */
	unsigned request;	    /* how many connections were there before this one */
	const void *out;	    /* to send; belongs to the plan or to said */
	size_t out_len;
	const char *tls; /* the version of TLS, "TLSv1.3"; NULL: it is not spoken */
	char *said;	 /* out's memory, if it was made for this attempt */
	struct gather heard;
	size_t n_heard; /* bytes */
	union {		/* the type's own, zeroed at first */
		struct http_talk http;
		struct smtp_talk smtp;
	};
	enum check_result result;
	char detail[CHECK_DETAIL_LEN];
};

enum transport {
	TRANSPORT_NONE, /* nothing is asked, the server counts as up */
	TRANSPORT_TCP,
	TRANSPORT_UDP,
	TRANSPORT_ICMP,	   /* echo replies */
	TRANSPORT_PROCESS, /* none: a script is run; it has no talk */
};

struct check_type {
	enum transport transport;
	bool tls; /* over it */
	/* Makes what all attempts share.  0, or -errno with the reason in *why. */
	int (*prepare)(struct plan *plan, struct str *why);
	void (*release)(struct plan *plan); /* takes what prepare left half-done */
	void (*forget)(struct talk *t);	    /* frees what the talk holds; NULL: nothing */
	/* The connection stands (again).  NULL: that is all that is asked for. */
	enum talk_step (*begin)(struct talk *t);
	/* Bytes came (a whole datagram), or end: no more will. */
	enum talk_step (*hear)(struct talk *t, const uint8_t *data, size_t len, bool end);
	/* The time is over; LISTEN: that is a failure.  NULL: it always is. */
	enum talk_step (*silence)(struct talk *t);
};

/* By enum conf_check_type. */
const struct check_type *check_type(unsigned type);

extern const struct check_type check_type_none, check_type_tcp, check_type_http, check_type_https,
	check_type_tls, check_type_udp, check_type_dns, check_type_ping, check_type_smtp,
	check_type_script;

/* The script of a plan of that type.  0 or -errno; for process_end or process_kill. */
int script_start(const struct plan *p, const struct addr *address, uint16_t port, pid_t *ret_pid,
		 int *ret_pidfd);
/* status: of process_end. */
enum check_result script_judge(int status, char *detail, size_t size);

/* Ends a talk. */
enum talk_step talk_end(struct talk *t, enum check_result result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Gathers input until it holds what plan->expect wants, and then ends with L7OK. */
enum talk_step talk_expect(struct talk *t, const uint8_t *data, size_t len, bool end);
void talk_free(struct talk *t); /* takes NULL */

#endif
