// SPDX-License-Identifier: BSD-2-Clause
/* Plays the other end of a check's talk. */
#include "talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct play {
	struct talk *talk;
	const struct scene *scene;
	size_t at;    /* in what the scene's server says */
	size_t piece; /* of how many bytes each */
	bool closed;
};

static void client_speaks(struct play *p, bool first)
{
	struct talk *t = p->talk;

	if (!first)
		p->scene++;
	p->at = 0;
	p->closed = false;
	if (!t->out_len)
		return;
	if (!p->scene->wants)
		fail_msg("nobody asked for \"%.*s\"", (int)t->out_len, (const char *)t->out);
	if (!memmem(t->out, t->out_len, p->scene->wants, strlen(p->scene->wants)))
		fail_msg("wanted \"%s\", said \"%.*s\"", p->scene->wants, (int)t->out_len,
			 (const char *)t->out);
	t->out_len = 0;
}

static bool is_datagram(const struct check_type *type)
{
	return type->transport != TRANSPORT_TCP;
}

static enum talk_step server_speaks(struct play *p)
{
	const struct check_type *type = p->talk->plan->type;
	size_t len = p->scene->len ? p->scene->len : p->scene->says ? strlen(p->scene->says) : 0;
	size_t n = len - p->at < p->piece ? len - p->at : p->piece;
	uint8_t *bytes;
	enum talk_step step;

	if (!n && (p->closed || !p->scene->closes))
		fail_msg("it waits for more after \"%s\"", p->scene->says ? p->scene->says : "");
	if (!n && is_datagram(type)) {
		step = type->silence ? type->silence(p->talk) : TALK_LISTEN;
		return step == TALK_LISTEN ? talk_end(p->talk, CHECK_L7TOUT, "silence") : step;
	}
	if (!n) {
		p->closed = true;
		step = type->hear(p->talk, NULL, 0, true);
		return step == TALK_LISTEN ? talk_end(p->talk, CHECK_L7RSP, "closed") : step;
	}
	bytes = malloc(n); /* of this size, so that a sanitizer sees who reads behind it */
	memcpy(bytes, p->scene->says + p->at, n);
	p->at += n;
	p->talk->n_heard += n;
	step = type->hear(p->talk, bytes, n, false);
	free(bytes);
	return step;
}

static void play(const struct plan *plan, const struct scene *scenes, size_t piece,
		 const struct addr *address, struct talk *t)
{
	struct play p = { .talk = t, .scene = scenes, .piece = piece };
	enum talk_step step;

	t->plan = plan;
	t->address = address;
	t->port = 8080;
	step = plan->type->begin(t);
	if (step == TALK_SAY)
		client_speaks(&p, true);
	while (step != TALK_OVER) {
		if (step == TALK_RECONNECT) {
			t->request++;
			step = plan->type->begin(t);
			client_speaks(&p, false);
			continue;
		}
		step = server_speaks(&p);
		if (step == TALK_SAY)
			client_speaks(&p, false);
	}
}

void assert_play(const struct conf_check *check, const struct scene *scenes,
		 enum check_result result, const char *detail)
{
	static const size_t pieces[] = { SIZE_MAX, 1, 2, 3, 7, 100 };
	struct plan *plan = plan_new(check, "", NULL);
	struct addr address;
	size_t i;

	assert_non_null(plan);
	assert_string_equal(plan->trouble, "");
	addr_parse("192.0.2.7", &address);
	for (i = 0; i < (is_datagram(plan->type) ? 1 : sizeof(pieces) / sizeof(*pieces)); i++) {
		struct talk *t = calloc(1, sizeof(*t));

		play(plan, scenes, pieces[i], &address, t);
		if (t->result != result || (detail && strcmp(t->detail, detail)))
			fail_msg("in pieces of %zu: %s: %s", pieces[i],
				 check_result_code(t->result), t->detail);
		talk_free(t);
	}
	plan_free(plan);
}
