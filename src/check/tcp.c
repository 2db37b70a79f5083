// SPDX-License-Identifier: BSD-2-Clause
/* type = "tcp" and "tls": a connection that is accepted (TLS: and a handshake completed), and
 * answers as expected if that is asked for. */
#include "check/plan.h"
#include "check/type.h"

static enum talk_step begin(struct talk *t)
{
	if (expect_is_any(&t->plan->expect))
		return t->tls ? talk_end(t, CHECK_L6OK, "%s handshake", t->tls)
			      : talk_end(t, CHECK_L4OK, "connection accepted");
	t->out = t->plan->send;
	t->out_len = t->plan->send_len;
	return t->out_len ? TALK_SAY : TALK_LISTEN;
}

const struct check_type check_type_tcp = {
	.transport = TRANSPORT_TCP,
	.begin = begin,
	.hear = talk_expect,
};

const struct check_type check_type_tls = {
	.transport = TRANSPORT_TCP,
	.tls = true,
	.begin = begin,
	.hear = talk_expect,
};
