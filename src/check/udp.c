// SPDX-License-Identifier: BSD-2-Clause
/* type = "udp": a datagram is answered as expected, or at least not refused. */
#include "check/plan.h"
#include "check/type.h"

static enum talk_step begin(struct talk *t)
{
	t->out = t->plan->send;
	t->out_len = t->plan->send_len;
	return TALK_SAY;
}

/* One datagram is the whole answer. */
static enum talk_step hear(struct talk *t, const uint8_t *data, size_t len, bool)
{
	if (expect_is_any(&t->plan->expect))
		return talk_end(t, CHECK_L7OK, "%zu bytes came", len);
	return talk_expect(t, data, len, true);
}

/* No ICMP error either. */
static enum talk_step silence(struct talk *t)
{
	if (t->plan->conf.reply)
		return TALK_LISTEN;
	return talk_end(t, CHECK_L4OK, "not refused");
}

const struct check_type check_type_udp = {
	.transport = TRANSPORT_UDP,
	.begin = begin,
	.hear = hear,
	.silence = silence,
};
