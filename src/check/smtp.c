// SPDX-License-Identifier: BSD-2-Clause
/* type = "smtp": a mail server greets us, takes our EHLO or HELO, and lets us go (RFC 5321). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/plan.h"
#include "check/type.h"
#include "lib/arena.h"

#define HEARD_MAX 16384 /* bytes of the whole conversation */
#define SAID_MAX  1024	/* EHLO, HELO and QUIT with names of at most 255 */

/* What was said last, what the reply to it must be, and what is said then. */
static const struct {
	const char *command;
	bool names_us;
	unsigned code;
	enum smtp_state refused; /* goes here after 5xx; the same: that is the end */
	enum smtp_state next;
} states[] = {
	[SMTP_GREETING] = { NULL, false, 220, SMTP_GREETING, SMTP_EHLO },
	[SMTP_EHLO] = { "EHLO ", true, 250, SMTP_HELO, SMTP_QUIT },
	[SMTP_HELO] = { "HELO ", true, 250, SMTP_HELO, SMTP_QUIT },
	[SMTP_QUIT] = { "QUIT", false, 221, SMTP_QUIT, SMTP_QUIT },
};

static int prepare(struct plan *p, struct str *)
{
	char name[256] = "";

	if (p->conf.helo)
		return 0;
	if (gethostname(name, sizeof(name) - 1) || !*name || strpbrk(name, " \r\n"))
		strcpy(name, "localhost");
	p->conf.helo = arena_strdup(p->arena, name);
	return 0;
}

static enum talk_step begin(struct talk *t)
{
	free(t->said);
	t->said = malloc(SAID_MAX);
	t->out = t->said;
	t->smtp = (struct smtp_talk){ 0 };
	return t->said ? TALK_LISTEN : talk_end(t, CHECK_LOCAL, "no memory");
}

/* Behind what is to be sent already: a server may say everything at once, before it was asked. */
static enum talk_step say(struct talk *t, enum smtp_state next)
{
	t->smtp.state = next;
	t->out_len += (size_t)snprintf(t->said + t->out_len, SAID_MAX - t->out_len, "%s%s\r\n",
				       states[next].command,
				       states[next].names_us ? t->plan->conf.helo : "");
	return TALK_LISTEN;
}

static enum talk_step good_end(struct talk *t)
{
	return talk_end(t, CHECK_L7OK, "%s", t->smtp.greeting);
}

/* A whole reply: its last line is in line. */
static enum talk_step reply(struct talk *t, unsigned code)
{
	enum smtp_state state = t->smtp.state;
	char seen[EXPECT_SEEN_LEN];

	quote_seen(t->smtp.line, t->smtp.len, seen, sizeof(seen));
	if (code != states[state].code && code / 100 == 5 && states[state].refused != state)
		return say(t, states[state].refused);
	if (state == SMTP_QUIT)
		return good_end(t); /* who is polite enough to answer need not choose the code */
	if (code != states[state].code)
		return talk_end(t, CHECK_L7STS, "expected %u, got %s", states[state].code, seen);
	if (state == SMTP_GREETING)
		memcpy(t->smtp.greeting, seen, sizeof(seen));
	return say(t, states[state].next);
}

static enum talk_step line(struct talk *t)
{
	struct smtp_talk *s = &t->smtp;
	char seen[EXPECT_SEEN_LEN];

	if (s->len && s->line[s->len - 1] == '\r')
		s->len--;
	s->line[s->len] = '\0';
	if (s->len < 3 || !isdigit((unsigned char)s->line[0]) ||
	    !isdigit((unsigned char)s->line[1]) || !isdigit((unsigned char)s->line[2]) ||
	    (s->line[3] && s->line[3] != ' ' && s->line[3] != '-'))
		return talk_end(t, CHECK_L7RSP, "expected an SMTP reply, got %s",
				quote_seen(s->line, s->len, seen, sizeof(seen)));
	if (s->line[3] == '-')
		return TALK_LISTEN;
	return reply(t, (unsigned)atoi(s->line));
}

static enum talk_step hear(struct talk *t, const uint8_t *data, size_t len, bool end)
{
	struct smtp_talk *s = &t->smtp;
	enum talk_step step = TALK_LISTEN;
	size_t i;

	if (end && s->state == SMTP_QUIT)
		return good_end(t);
	for (i = 0; i < len && step == TALK_LISTEN; i++) {
		if (++s->heard > HEARD_MAX)
			return talk_end(t, CHECK_L7RSP, "more than 16 KiB of replies");
		if (data[i] != '\n') {
			if (s->len < sizeof(s->line) - 1)
				s->line[s->len++] = (char)data[i];
			continue;
		}
		step = line(t);
		s->len = 0;
	}
	return step == TALK_LISTEN && t->out_len ? TALK_SAY : step;
}

const struct check_type check_type_smtp = {
	.transport = TRANSPORT_TCP,
	.prepare = prepare,
	.begin = begin,
	.hear = hear,
};
