// SPDX-License-Identifier: BSD-2-Clause
/* type = "ping": an ICMP or ICMPv6 echo request is answered. */
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>

#include "check/type.h"
#include "lib/csum.h"

#define PAYLOAD 32

/* The header is the same in both families. */
struct echo {
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint8_t payload[PAYLOAD];
};

static enum talk_step begin(struct talk *t)
{
	struct echo *e = calloc(1, sizeof(*e));
	bool v4 = addr_is_v4(t->address);

	if (!e)
		return talk_end(t, CHECK_LOCAL, "no memory");
	e->type = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	e->id = (uint16_t)t->nonce;
	e->sequence = (uint16_t)(t->nonce >> 16);
	memset(e->payload, 'l', sizeof(e->payload));
	memcpy(e->payload, &t->nonce, sizeof(t->nonce));
	if (v4) /* of ICMPv6 the kernel does it */
		e->checksum = csum_fold(csum_add(0, e, sizeof(*e)));
	free(t->said);
	t->said = (char *)e;
	t->out = e;
	t->out_len = sizeof(*e);
	return TALK_SAY;
}

/* Everybody's ICMP from that address comes here; ours is what repeats what we sent. */
static bool is_ours(const struct talk *t, const uint8_t *data, size_t len)
{
	const struct echo *sent = (const struct echo *)t->said;
	bool v4 = addr_is_v4(t->address);
	struct echo got;
	size_t header = 0;

	if (v4) { /* raw IPv4 sockets give the header, too */
		if (len < sizeof(struct iphdr))
			return false;
		header = (size_t)(data[0] & 15) * 4;
	}
	if (len < header + sizeof(got))
		return false;
	memcpy(&got, data + header, sizeof(got));
	return got.type == (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) && got.id == sent->id &&
	       got.sequence == sent->sequence &&
	       !memcmp(got.payload, sent->payload, sizeof(got.payload));
}

static enum talk_step hear(struct talk *t, const uint8_t *data, size_t len, bool)
{
	return is_ours(t, data, len) ? talk_end(t, CHECK_L4OK, "answered") : TALK_LISTEN;
}

const struct check_type check_type_ping = {
	.transport = TRANSPORT_ICMP,
	.begin = begin,
	.hear = hear,
};
