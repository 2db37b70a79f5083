// SPDX-License-Identifier: BSD-2-Clause
/* Whatever a server answers, an attempt ends with a result and a printable reason, the same however
 * the bytes were cut into pieces, and keeps no more than it may.
 *
 * Byte 0 chooses the check, byte 1 the length of the pieces; the rest is what the server says, then
 * it closes.  It says all of that again on each new connection.  A datagram comes as a whole, and
 * then nothing. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *paths[] = { "/a", "/b" };

static const struct conf_check checks[] = {
	{ .type = CONF_CHECK_TCP, .expect = "+PONG" },
	{ .type = CONF_CHECK_TCP, .expect_hex = "16 .. 03" },
	{ .type = CONF_CHECK_TCP, .expect_regex = "a(bc)*d" },
	{ .type = CONF_CHECK_HTTP, .http_version = 1 },
	{ .type = CONF_CHECK_HTTP, .http_version = 1, .body = "ok", .paths = paths, .n_paths = 2 },
	{ .type = CONF_CHECK_HTTP,
	  .body_sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ .type = CONF_CHECK_HTTP, .method = CONF_HTTP_HEAD },
	{ .type = CONF_CHECK_SMTP, .helo = "lb1" },
	{ .type = CONF_CHECK_UDP, .send = "x", .expect = "y", .reply = true },
	{ .type = CONF_CHECK_DNS, .dns_name = "a.example", .record = 1, .answer = "192.0.2.1" },
	{ .type = CONF_CHECK_DNS, .dns_name = "a.example", .record = 15, .answer = "10 b.example" },
	{ .type = CONF_CHECK_DNS, .dns_name = ".", .record = 6 },
	{ .type = CONF_CHECK_DNS, .dns_name = "a.example", .record = 16, .answer = "text" },
	{ .type = CONF_CHECK_PING },
};

#define CHECKS (sizeof(checks) / sizeof(*checks))

static void must(bool condition)
{
	if (!condition)
		abort();
}

#define DATAGRAM SIZE_MAX /* a piece of this size: all at once */

struct server {
	const uint8_t *says;
	size_t len, at, piece;
};

static enum talk_step server_speaks(struct server *s, struct talk *t)
{
	size_t n = s->len - s->at < s->piece ? s->len - s->at : s->piece;
	enum talk_step step;
	uint8_t *bytes;

	if (!n && s->piece == DATAGRAM)
		return talk_end(t, CHECK_L7TOUT, "silence");
	if (!n) {
		step = t->plan->type->hear(t, NULL, 0, true);
		return step == TALK_LISTEN ? talk_end(t, CHECK_L7RSP, "closed") : step;
	}
	bytes = malloc(n);
	memcpy(bytes, s->says + s->at, n);
	s->at += n;
	step = t->plan->type->hear(t, bytes, n, false);
	free(bytes);
	return step;
}

static struct talk *play(const struct plan *plan, struct server s, const struct addr *address)
{
	struct talk *t = calloc(1, sizeof(*t));
	enum talk_step step;

	t->plan = plan;
	t->address = address;
	t->port = 80;
	step = plan->type->begin(t);
	while (step != TALK_OVER) {
		if (step == TALK_RECONNECT) {
			t->request++;
			s.at = 0;
			step = plan->type->begin(t);
			must(step == TALK_SAY);
		}
		t->out_len = 0; /* sent */
		step = server_speaks(&s, t);
	}
	return t;
}

static void is_printable(const char *text)
{
	must(memchr(text, '\0', CHECK_DETAIL_LEN));
	for (; *text; text++)
		must(isprint((unsigned char)*text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct plan *plans[CHECKS];
	struct talk *whole, *cut;
	struct addr address;
	bool stream;
	size_t n;

	if (size < 2)
		return 0;
	n = data[0] % CHECKS;
	if (!plans[n])
		plans[n] = plan_new(&checks[n], "", NULL);
	must(plans[n] && !plans[n]->trouble[0]);
	addr_parse("192.0.2.1", &address);
	stream = plans[n]->type->transport == TRANSPORT_TCP;
	whole = play(plans[n],
		     (struct server){ data + 2, size - 2, 0, stream ? SIZE_MAX - 1 : DATAGRAM },
		     &address);
	cut = play(plans[n],
		   (struct server){ data + 2, size - 2, 0, stream ? data[1] % 64 + 1U : DATAGRAM },
		   &address);
	must(whole->result == cut->result && whole->result > CHECK_LOCAL);
	is_printable(whole->detail);
	is_printable(cut->detail);
	talk_free(whole);
	talk_free(cut);
	return 0;
}
