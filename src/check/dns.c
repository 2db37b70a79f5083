// SPDX-License-Identifier: BSD-2-Clause
/* DNS messages: a question, and what an answer to it says. */
#include "check/dns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/str.h"

#define HEADER_LEN 12
#define CLASS_IN   1
#define JUMPS_MAX  32 /* of compression in one name */

enum {
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
};

/* ---- The question ---- */

static void put16(uint8_t *at, unsigned n)
{
	at[0] = (uint8_t)(n >> 8);
	at[1] = (uint8_t)n;
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* Returns the length on the wire, or 0. */
static size_t name_to_wire(const char *name, uint8_t *out)
{
	size_t at = 0, label;

	if (!strcmp(name, "."))
		name = "";
	while (*name) {
		label = strcspn(name, ".");
		if (!label || label > 63 || at + label + 2 > 255)
			return 0;
		out[at++] = (uint8_t)label;
		memcpy(out + at, name, label);
		at += label;
		name += label;
		name += *name == '.';
	}
	out[at++] = 0;
	return at;
}

int dns_question(struct dns_question *q, uint16_t id, const char *name, uint16_t type)
{
	size_t n = name_to_wire(name, q->wire);

	if (!n)
		return -EINVAL;
	q->id = id;
	q->type = type;
	put16(q->wire + n, type);
	put16(q->wire + n + 2, CLASS_IN);
	q->len = n + 4;
	return 0;
}

size_t dns_query(const struct dns_question *q, uint8_t *out)
{
	memset(out, 0, HEADER_LEN);
	put16(out, q->id);
	out[2] = 1; /* RD: a resolver is to resolve */
	put16(out + 4, 1);
	memcpy(out + HEADER_LEN, q->wire, q->len);
	return HEADER_LEN + q->len;
}

/* ---- Names in a message ---- */

/* The place behind the name at `at`, or 0. */
static size_t skip_name(const uint8_t *msg, size_t len, size_t at)
{
	while (at < len) {
		if ((msg[at] & 0xc0) == 0xc0)
			return at + 2 <= len ? at + 2 : 0;
		if (msg[at] & 0xc0)
			return 0;
		if (!msg[at])
			return at + 1;
		at += msg[at] + 1U;
	}
	return 0;
}

/* The name as text without its last dot; what is not printable as "?".  False: it is malformed. */
static bool name_text(const uint8_t *msg, size_t len, size_t at, char *out, size_t size)
{
	size_t n = 0, label, i;
	unsigned jumps = 0;

	while (at < len && msg[at]) {
		if ((msg[at] & 0xc0) == 0xc0) {
			if (at + 2 > len || ++jumps > JUMPS_MAX)
				return false;
			at = get16(msg + at) & 0x3fff;
			continue;
		}
		label = msg[at++];
		if (label > 63 || at + label > len || n + label + 2 > size)
			return false;
		if (n)
			out[n++] = '.';
		for (i = 0; i < label; i++, at++)
			out[n++] = isgraph(msg[at]) ? (char)msg[at] : '?';
	}
	if (at >= len)
		return false;
	if (!n)
		out[n++] = '.';
	out[n] = '\0';
	return true;
}

/* ---- Records ---- */

struct record {
	const uint8_t *msg; /* as far as this record's end */
	size_t at, len;	    /* of its data; len counts from the message's beginning */
};

static bool address_text(const struct record *r, int family, size_t n, char *out)
{
	return r->len - r->at == n && inet_ntop(family, r->msg + r->at, out, DNS_TEXT_LEN);
}

/* Numbers of 16 bits, and a name. */
static bool numbers_and_name(const struct record *r, unsigned numbers, char *out)
{
	size_t n = 0, at = r->at;

	if (r->len - r->at < numbers * 2)
		return false;
	for (; numbers; numbers--, at += 2)
		n += (size_t)snprintf(out + n, DNS_TEXT_LEN - n, "%u ", get16(r->msg + at));
	return name_text(r->msg, r->len, at, out + n, DNS_TEXT_LEN - n);
}

/* The strings of a TXT record belong together. */
static bool strings_text(const struct record *r, char *out)
{
	size_t at = r->at, n = 0, i;

	while (at < r->len) {
		size_t len = r->msg[at++];

		if (at + len > r->len)
			return false;
		for (i = 0; i < len && n < DNS_TEXT_LEN - 1; i++)
			out[n++] = isprint(r->msg[at + i]) ? (char)r->msg[at + i] : '?';
		at += len;
	}
	out[n] = '\0';
	return true;
}

/* False: it is malformed. */
static bool record_text(const struct record *r, unsigned type, char *out)
{
	switch (type) {
	case TYPE_A:
		return address_text(r, AF_INET, 4, out);
	case TYPE_AAAA:
		return address_text(r, AF_INET6, 16, out);
	case TYPE_MX:
		return numbers_and_name(r, 1, out);
	case TYPE_SRV:
		return numbers_and_name(r, 3, out);
	case TYPE_TXT:
		return strings_text(r, out);
	default: /* CNAME, NS, PTR; of SOA the first name */
		return numbers_and_name(r, 0, out);
	}
}

static bool is_wanted(const char *text, unsigned type, const char *wanted)
{
	size_t n = strlen(wanted);

	if (type == TYPE_TXT)
		return !strcmp(text, wanted);
	if (n > 1 && wanted[n - 1] == '.')
		n--;
	return strlen(text) == n && !strncasecmp(text, wanted, n);
}

/* Whether all records could be read. */
static bool read_records(const uint8_t *msg, size_t len, size_t at, unsigned n,
			 const struct dns_question *q, const char *wanted, struct dns_answer *ret)
{
	char text[DNS_TEXT_LEN];

	for (; n; n--) {
		struct record r = { .msg = msg };
		unsigned type;

		at = skip_name(msg, len, at);
		if (!at || at + 10 > len)
			return false;
		type = get16(msg + at);
		r.at = at + 10;
		r.len = r.at + get16(msg + at + 8);
		if (r.len > len)
			return false;
		at = r.len;
		if (type != q->type)
			continue; /* a CNAME on the way, a signature */
		if (!record_text(&r, type, text))
			return false;
		if (!ret->n_records++)
			memcpy(ret->first, text, sizeof(text));
		ret->found = ret->found || !wanted || is_wanted(text, type, wanted);
	}
	return true;
}

/* ---- The answer ---- */

static bool same_question(const uint8_t *wire, const struct dns_question *q)
{
	size_t i;

	for (i = 0; i < q->len; i++)
		if (tolower(wire[i]) != tolower(q->wire[i]))
			return false;
	return true;
}

enum dns_verdict dns_read(const uint8_t *msg, size_t len, const struct dns_question *q,
			  const char *wanted, struct dns_answer *ret)
{
	unsigned questions;

	*ret = (struct dns_answer){ 0 };
	if (len < HEADER_LEN || get16(msg) != q->id || !(msg[2] & 0x80) || msg[2] & 0x78)
		return DNS_STRAY;
	questions = get16(msg + 4);
	ret->rcode = msg[3] & 15;
	if (!questions && ret->rcode)
		return DNS_ANSWER; /* who does not understand us need not repeat it */
	if (questions != 1 || len < HEADER_LEN + q->len || !same_question(msg + HEADER_LEN, q))
		return DNS_STRAY;
	if (!read_records(msg, len, HEADER_LEN + q->len, get16(msg + 6), q, wanted, ret) &&
	    !(msg[2] & 2)) /* TC: cut off, what came before holds */
		return DNS_BAD;
	return DNS_ANSWER;
}
