// SPDX-License-Identifier: BSD-2-Clause
/* One check of one target: when it is due, its attempts, its verdict.
 *
 * idle (timer) -> due (in the set's queue) -> under way (conn) -> idle: so there is never more than
 * one attempt at a time. */
#include "check/probe.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/schedule.h"

static const struct check_type *const types[] = {
	[CONF_CHECK_NONE] = &check_type_none,
	[CONF_CHECK_TCP] = &check_type_tcp,
};

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int probe_key_compare_what(const struct probe_key *a, const struct probe_key *b)
{
	int r = compare_numbers(a->type, b->type);

	if (!r)
		r = addr_cmp(&a->address, &b->address);
	return r ? r : compare_numbers(a->port, b->port);
}

int probe_key_compare(const struct probe_key *a, const struct probe_key *b)
{
	int r = probe_key_compare_what(a, b);

	if (!r)
		r = compare_numbers(a->interval.us, b->interval.us);
	if (!r)
		r = compare_numbers(a->timeout.us, b->timeout.us);
	if (!r)
		r = compare_numbers(a->rise, b->rise);
	return r ? r : compare_numbers(a->fall, b->fall);
}

const char *probe_name(const struct probe *p, char *buf)
{
	bool v4 = addr_is_v4(&p->key.address);
	char text[ADDR_STRLEN];

	snprintf(buf, PROBE_NAME_LEN, v4 ? "check %s:%u %s" : "check [%s]:%u %s",
		 addr_str(&p->key.address, text), p->key.port, p->type->name);
	return buf;
}

static void describe(struct probe *p, struct conn_end end)
{
	if (end.error)
		snprintf(p->detail, sizeof(p->detail), "%s", strerror(end.error));
	else if (end.result == CHECK_TIMEOUT)
		snprintf(p->detail, sizeof(p->detail), "no answer within %lld ms",
			 (long long)p->key.timeout.us / 1000);
	else
		snprintf(p->detail, sizeof(p->detail), "connection accepted");
	p->detail[0] = (char)tolower((unsigned char)p->detail[0]);
}

static void log_change(const struct probe *p, const struct health *before)
{
	uint32_t of = p->health.up ? p->key.rise : p->key.fall;
	char name[PROBE_NAME_LEN];

	probe_name(p, name);
	if (before->checked)
		log_info(name, "%s -> %s: %s, %u of %u", before->up ? "up" : "down",
			 p->health.up ? "up" : "down", p->detail, p->health.run, of);
	else
		log_info(name, "unchecked -> %s: %s", p->health.up ? "up" : "down", p->detail);
}

static bool judge(struct probe *p, usec_t now)
{
	struct health before = p->health;

	if (p->last == CHECK_LOCAL) {
		p->local++;
		return false;
	}
	if (p->last != CHECK_UP)
		p->failures++;
	if (!health_judge(&p->health, p->last == CHECK_UP, p->key.rise, p->key.fall))
		return false;
	p->since = now;
	log_change(p, &before);
	return true;
}

/* xorshift32: only to spread. */
static uint32_t next_random(struct probe *p)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 17;
	p->random ^= p->random << 5;
	return p->random;
}

/* Silence, or a word of our own kernel's, says nothing of the server when our link is down. */
static bool is_answer(struct conn_end end)
{
	return end.result == CHECK_UP || end.error == ECONNREFUSED;
}

static void on_done(struct conn *c, struct conn_end end)
{
	struct probe *p = container_of(c, struct probe, conn);
	usec_t now = loop_now();

	if (end.result != CHECK_LOCAL && !is_answer(end) && !p->ops->path_up(p))
		end = (struct conn_end){ CHECK_LOCAL, ENETDOWN };

	p->attempts++;
	p->last = end.result;
	p->latency = usec_sub(now, p->started);
	describe(p, end);
	probe_due_at(p, schedule_next(p->due, now, p->key.interval, next_random(p)));
	p->ops->done(p, judge(p, now));
}

static void on_timer(struct loop_timer *t, usec_t)
{
	struct probe *p = container_of(t, struct probe, timer);

	p->ops->due(p);
}

bool probe_is_active(const struct probe *p)
{
	return p->type->start;
}

void probe_due_at(struct probe *p, usec_t at)
{
	p->due = at;
	loop_timer_at(&p->timer, at);
}

void probe_start(struct probe *p)
{
	p->started = loop_now();
	p->type->start(&p->conn, &p->key.address, p->key.port, p->key.timeout);
}

static void take_over(struct probe *p, const struct probe *before)
{
	p->health = before->health;
	p->last = before->last;
	memcpy(p->detail, before->detail, sizeof(p->detail));
	p->latency = before->latency;
	p->since = before->since;
	p->attempts = before->attempts;
	p->failures = before->failures;
	p->local = before->local;
}

struct probe *probe_new(struct loop *loop, const struct probe_key *key, const struct probe *before,
			const struct probe_ops *ops)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->key = *key;
	p->type = types[key->type];
	p->ops = ops;
	p->since = loop_now();
	p->random = (uint32_t)p->since.us ^ (uint32_t)((uintptr_t)p >> 4) ^ 0x9e3779b9;
	p->random |= 1; /* never 0, where xorshift stays */
	p->health.up = !probe_is_active(p);
	list_init(&p->node);
	list_init(&p->queue);
	list_init(&p->uses);
	conn_init(&p->conn, loop, on_done);
	loop_timer_init(&p->timer, loop, LOOP_NORMAL, on_timer);
	if (before)
		take_over(p, before);
	return p;
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	loop_timer_stop(&p->timer);
	conn_stop(&p->conn);
	list_del(&p->node);
	list_del(&p->queue);
	free(p);
}
