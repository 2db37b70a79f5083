// SPDX-License-Identifier: BSD-2-Clause
/* type = "dns": a question over UDP is answered, with the code and the record expected. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/dns.h"
#include "check/plan.h"
#include "check/type.h"

#define RCODES 16

/* RFC 1035 4.1.1, RFC 2136 2.2. */
static const char *const rcodes[RCODES] = { "noerror", "formerr", "servfail", "nxdomain",
					    "notimp",  "refused", "yxdomain", "yxrrset",
					    "nxrrset", "notauth", "notzone" };

static const char *rcode_name(unsigned rcode, char *buf, size_t size)
{
	if (rcode < RCODES && rcodes[rcode])
		return rcodes[rcode];
	snprintf(buf, size, "code %u", rcode);
	return buf;
}

static int ask(const struct talk *t, struct dns_question *q)
{
	const struct conf_check *c = &t->plan->conf;

	return dns_question(q, (uint16_t)t->nonce, c->dns_name, (uint16_t)c->record);
}

static int prepare(struct plan *p, struct str *why)
{
	struct dns_question q;

	if (!dns_question(&q, 0, p->conf.dns_name ? p->conf.dns_name : "..",
			  (uint16_t)p->conf.record))
		return 0;
	str_addf(why, "name is no name of the DNS");
	return -EINVAL;
}

static enum talk_step begin(struct talk *t)
{
	struct dns_question q;

	free(t->said);
	t->said = malloc(DNS_QUERY_MAX);
	if (!t->said || ask(t, &q))
		return talk_end(t, CHECK_LOCAL, "no memory");
	t->out = t->said;
	t->out_len = dns_query(&q, (uint8_t *)t->said);
	return TALK_SAY;
}

static enum talk_step judge(struct talk *t, const struct dns_answer *a)
{
	const struct conf_check *c = &t->plan->conf;
	char want[16], got[16], first[EXPECT_SEEN_LEN], wanted[EXPECT_SHOWN_LEN];

	if (a->rcode != c->rcode)
		return talk_end(t, CHECK_L7STS, "%s, expected %s",
				rcode_name(a->rcode, got, sizeof(got)),
				rcode_name(c->rcode, want, sizeof(want)));
	if (c->rcode)
		return talk_end(t, CHECK_L7OK, "%s", rcode_name(a->rcode, got, sizeof(got)));
	if (!a->n_records)
		return talk_end(t, CHECK_L7RSP, "noerror, but no such record");
	quote_seen(a->first, strlen(a->first), first, sizeof(first));
	if (a->found)
		return talk_end(t, CHECK_L7OK, "%s%s", first, a->n_records > 1 ? " and more" : "");
	return talk_end(t, CHECK_L7RSP, "expected %s, got %s%s",
			quote_seen(c->answer, strlen(c->answer), wanted, sizeof(wanted)), first,
			a->n_records > 1 ? " and more" : "");
}

static enum talk_step hear(struct talk *t, const uint8_t *data, size_t len, bool)
{
	struct dns_answer answer;
	struct dns_question q;

	if (ask(t, &q))
		return talk_end(t, CHECK_LOCAL, "no name");
	switch (dns_read(data, len, &q, t->plan->conf.answer, &answer)) {
	case DNS_STRAY:
		return TALK_LISTEN;
	case DNS_BAD:
		return talk_end(t, CHECK_L7RSP, "a malformed answer");
	case DNS_ANSWER:
		break;
	}
	return judge(t, &answer);
}

const struct check_type check_type_dns = {
	.transport = TRANSPORT_UDP,
	.prepare = prepare,
	.begin = begin,
	.hear = hear,
};
