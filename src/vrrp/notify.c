// SPDX-License-Identifier: BSD-2-Clause
/* Runs the operator's programs when an instance has changed.
 *
 * What such a program does outside (moving a cloud's address, say) must end as the instance ended:
 * so of one instance they run one after the other, and one that waits is replaced by a newer one.
 * Starting a program takes its time, and hundreds of instances may change at once: therefore one a
 * turn of the loop, and some at a time. */
#include "vrrp/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/list.h"
#include "lib/log.h"
#include "lib/str.h"

enum {
	AT_A_TIME = 16,
	TEXTS_MAX = 80, /* arguments and environment */
};

#define RETRY SEC(1)

/* A program with its arguments and environment, everything in one block. */
struct task {
	usec_t timeout;
	const char *texts[TEXTS_MAX + 2]; /* argv, NULL, environment, NULL */
	const char *const *env;
	char bytes[];
};

/* Of one instance. */
struct queue {
	struct list node;
	struct notify *owner;
	char name[64];
	struct proc *proc; /* that runs */
	usec_t timeout;	   /* of it */
	struct task *next; /* that waits */
};

struct notify {
	struct loop *loop;
	const struct proc_user *const *user; /* borrowed */
	struct list queues;
	unsigned running;
	struct loop_timer starter;
};

/* ---- Tasks ---- */

static void add_env(struct str *s, const char *name, const char *value)
{
	str_addf(s, "LBD_%s=%s", name, value ? value : "");
	str_add(s, "", 1);
}

static void add_number(struct str *s, const char *name, unsigned value)
{
	str_addf(s, "LBD_%s=%u", name, value);
	str_add(s, "", 1);
}

static void add_addresses(struct str *s, const struct conf_vrrp *c)
{
	char text[PREFIX_STRLEN];
	unsigned i;

	str_addf(s, "LBD_ADDRESSES=");
	for (i = 0; i < c->n_addresses; i++)
		str_addf(s, "%s%s", i ? " " : "", prefix_str(&c->addresses[i].prefix, text));
	str_add(s, "", 1);
}

/* Texts one behind the other, each with its NUL. */
static void write_env(struct str *s, const struct notify_event *e)
{
	const struct conf_vrrp *c = e->c;

	str_addf(s, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	str_add(s, "", 1);
	add_env(s, "EVENT", e->event);
	add_env(s, "INSTANCE", c->name);
	add_env(s, "GROUP", c->group);
	add_env(s, "INTERFACE", c->interface);
	add_number(s, "VRID", c->vrid);
	add_env(s, "FAMILY", c->family == AF_INET6 ? "ipv6" : "ipv4");
	add_env(s, "STATE", vrrp_state_name(e->to));
	add_env(s, "PREVIOUS", vrrp_state_name(e->from));
	add_env(s, "REASON", e->reason);
	add_number(s, "PRIORITY", e->priority);
	add_addresses(s, c);
}

static struct task *task_new(const struct notify_event *e)
{
	struct str s = { 0 };
	struct task *t;
	const char *p;
	unsigned i, n = 0;

	for (i = 0; i < e->c->n_notify; i++)
		str_add(&s, e->c->notify[i], strlen(e->c->notify[i]) + 1);
	write_env(&s, e);
	t = calloc(1, sizeof(*t) + s.len);
	if (!t) {
		str_free(&s);
		return NULL;
	}
	memcpy(t->bytes, s.text, s.len);
	for (p = t->bytes; p < t->bytes + s.len; p += strlen(p) + 1) {
		if (n == e->c->n_notify)
			t->env = &t->texts[++n];
		t->texts[n++] = p;
	}
	t->timeout = e->c->notify_timeout;
	str_free(&s);
	return t;
}

/* ---- Queues ---- */

static struct queue *queue_of(struct notify *n, const char *name)
{
	struct queue *q;

	list_for_each(q, &n->queues, node)
		if (!strcmp(q->name, name))
			return q;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->owner = n;
	snprintf(q->name, sizeof(q->name), "%s", name);
	list_add_tail(&n->queues, &q->node);
	return q;
}

static void queue_free(struct queue *q)
{
	proc_abandon(q->proc);
	free(q->next);
	list_del(&q->node);
	free(q);
}

static void told(const struct queue *q, const char *what)
{
	char subject[80];

	snprintf(subject, sizeof(subject), "vrrp %s", q->name);
	log_warn(subject, "notify: %s", what);
}

static void start_soon(struct notify *n)
{
	if (!loop_timer_active(&n->starter))
		loop_timer_in(&n->starter, USEC(0));
}

static void ended(struct queue *q, const struct proc_end *end)
{
	char text[64];

	q->proc = NULL;
	q->owner->running--;
	proc_end_text(end, q->timeout, text, sizeof(text));
	if (end->timed_out || end->signal || end->status)
		told(q, text);
}

static void on_ended(void *ctx, const struct proc_end *end)
{
	struct queue *q = ctx;

	ended(q, end);
	start_soon(q->owner);
}

/* 0, or -EAGAIN: the task waits for another time. */
static int start(struct queue *q)
{
	struct task *t = q->next;
	struct proc_job job = {
		.loop = q->owner->loop,
		.argv = t->texts,
		.env = t->env,
		.user = *q->owner->user,
		.timeout = t->timeout,
		.ended = on_ended,
		.ctx = q,
	};
	char why[160];
	int r = proc_start(&job, &q->proc);

	if (r == -EAGAIN || r == -ENOMEM)
		return -EAGAIN;
	if (r < 0) {
		snprintf(why, sizeof(why), "cannot run %.100s: %s", t->texts[0], strerror(-r));
		told(q, why);
	} else {
		q->owner->running++;
		q->timeout = t->timeout;
	}
	free(t);
	q->next = NULL;
	return 0;
}

static void on_starter(struct loop_timer *timer, usec_t)
{
	struct notify *n = container_of(timer, struct notify, starter);
	struct queue *q, *tmp;

	list_for_each_safe(q, tmp, &n->queues, node) {
		if (!q->proc && !q->next) {
			queue_free(q);
			continue;
		}
		if (q->proc || n->running == AT_A_TIME)
			continue;
		loop_timer_in(timer, start(q) ? RETRY : USEC(0));
		return;
	}
}

void notify_tell(struct notify *n, const struct notify_event *e)
{
	struct queue *q = e->c->n_notify ? queue_of(n, e->c->name) : NULL;
	struct task *t = q ? task_new(e) : NULL;

	if (!t) {
		if (e->c->n_notify)
			log_err("vrrp", "no memory to notify of %s", e->c->name);
		return;
	}
	free(q->next);
	q->next = t;
	start_soon(n);
}

/* ---- The end ---- */

static void wait_for(struct queue *q, usec_t until)
{
	struct proc_end end;

	if (!q->proc)
		return;
	proc_wait(q->proc, until, &end);
	ended(q, &end);
}

void notify_finish(struct notify *n, usec_t at_most)
{
	usec_t until = usec_add(loop_now(), at_most);
	struct queue *q;

	list_for_each(q, &n->queues, node) {
		wait_for(q, until);
		if (q->next)
			start(q);
	}
	list_for_each(q, &n->queues, node)
		wait_for(q, until);
}

int notify_new(struct loop *loop, const struct proc_user *const *user, struct notify **ret)
{
	struct notify *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->loop = loop;
	n->user = user;
	list_init(&n->queues);
	loop_timer_init(&n->starter, loop, LOOP_NORMAL, on_starter);
	*ret = n;
	return 0;
}

void notify_free(struct notify *n)
{
	struct queue *q, *tmp;

	if (!n)
		return;
	list_for_each_safe(q, tmp, &n->queues, node)
		queue_free(q);
	loop_timer_stop(&n->starter);
	free(n);
}
