/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS messages (RFC 1035): a question, and what an answer to it says. */
#ifndef LBD_CHECK_DNS_H
#define LBD_CHECK_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_QUERY_MAX 300 /* header, the longest name, type and class */
#define DNS_TEXT_LEN  256 /* of a record's content, with its NUL */

struct dns_question {
	uint16_t id;
	uint16_t type;
	size_t len; /* of wire: name, type and class */
	uint8_t wire[DNS_QUERY_MAX - 12];
};

enum dns_verdict {
	DNS_STRAY, /* no answer to this question: to be passed over */
	DNS_BAD,   /* an answer to it, but malformed */
	DNS_ANSWER,
};

struct dns_answer {
	unsigned rcode;
	unsigned n_records;	  /* of the type that was asked for */
	bool found;		  /* one of them is what was wanted */
	char first[DNS_TEXT_LEN]; /* the first of them, printable; "" */
};

/* name: "shop.example", with or without the last dot; "." is the root.  0, or -EINVAL: it is none.
 */
int dns_question(struct dns_question *q, uint16_t id, const char *name, uint16_t type);
/* Writes the query; out: DNS_QUERY_MAX bytes.  Returns its length. */
size_t dns_query(const struct dns_question *q, uint8_t *out);
/* wanted: a record as text ("192.0.2.1", "10 mail.example"; names in any case, without the last
 * dot); NULL: any. */
enum dns_verdict dns_read(const uint8_t *msg, size_t len, const struct dns_question *q,
			  const char *wanted, struct dns_answer *ret);

#endif
