// SPDX-License-Identifier: BSD-2-Clause
/* The event loop over libev. */
#include "lib/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "lib/list.h"

struct loop {
	struct ev_loop *ev;
	ev_check woke;	   /* runs first after the poll */
	ev_prepare sleeps; /* runs last before it */
	usec_t turn_start;
	usec_t longest_turn;
};

usec_t loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return USEC((int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

static void on_woke(struct ev_loop *, ev_check *w, int)
{
	container_of(w, struct loop, woke)->turn_start = loop_now();
}

static void on_sleeps(struct ev_loop *, ev_prepare *w, int)
{
	struct loop *l = container_of(w, struct loop, sleeps);
	usec_t took = usec_sub(loop_now(), l->turn_start);

	if (l->turn_start.us && usec_before(l->longest_turn, took))
		l->longest_turn = took;
}

usec_t loop_take_longest_turn(struct loop *l)
{
	usec_t longest = l->longest_turn;

	l->longest_turn = USEC(0);
	return longest;
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV | EVFLAG_NOSIGMASK);
	if (!l->ev) {
		free(l);
		return NULL;
	}
	ev_check_init(&l->woke, on_woke);
	ev_set_priority(&l->woke, EV_MAXPRI);
	ev_check_start(l->ev, &l->woke);
	ev_prepare_init(&l->sleeps, on_sleeps);
	ev_set_priority(&l->sleeps, EV_MINPRI);
	ev_prepare_start(l->ev, &l->sleeps);
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	ev_loop_destroy(l->ev);
	free(l);
}

void loop_run(struct loop *l)
{
	ev_run(l->ev, 0);
}

void loop_stop(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ALL);
}

static void on_timer(struct ev_loop *, ev_timer *w, int)
{
	struct loop_timer *t = container_of(w, struct loop_timer, ev);
	usec_t now = loop_now();

	/* libev rounds; a timer is never early for its owner. */
	if (usec_before(now, t->at)) {
		loop_timer_at(t, t->at);
		return;
	}
	t->fire(t, now);
}

void loop_timer_init(struct loop_timer *t, struct loop *l, enum loop_priority priority,
		     void (*fire)(struct loop_timer *t, usec_t now))
{
	ev_timer_init(&t->ev, on_timer, 0, 0);
	ev_set_priority(&t->ev, priority);
	t->loop = l;
	t->fire = fire;
	t->at = USEC(0);
}

void loop_timer_at(struct loop_timer *t, usec_t at)
{
	int64_t left = usec_sub(at, loop_now()).us;

	ev_timer_stop(t->loop->ev, &t->ev);
	ev_now_update(t->loop->ev); /* the span counts from now, not from the start of the turn */
	ev_timer_set(&t->ev, left > 0 ? (double)left / 1e6 : 0., 0.);
	ev_timer_start(t->loop->ev, &t->ev);
	t->at = at;
}

void loop_timer_in(struct loop_timer *t, usec_t span)
{
	loop_timer_at(t, usec_add(loop_now(), span));
}

void loop_timer_stop(struct loop_timer *t)
{
	if (t->loop)
		ev_timer_stop(t->loop->ev, &t->ev);
}

bool loop_timer_active(const struct loop_timer *t)
{
	return ev_is_active(&t->ev);
}

static void on_io(struct ev_loop *, ev_io *w, int events)
{
	struct loop_io *io = container_of(w, struct loop_io, ev);

	io->ready(io, events);
}

void loop_io_init(struct loop_io *io, struct loop *l, enum loop_priority priority,
		  void (*ready)(struct loop_io *io, int events))
{
	ev_io_init(&io->ev, on_io, -1, 0);
	ev_set_priority(&io->ev, priority);
	io->loop = l;
	io->ready = ready;
}

void loop_io_watch(struct loop_io *io, int fd, int events)
{
	if (ev_is_active(&io->ev) && io->ev.fd == fd &&
	    (io->ev.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(io->loop->ev, &io->ev);
	if (!events)
		return;
	ev_io_set(&io->ev, fd, events);
	ev_io_start(io->loop->ev, &io->ev);
}

void loop_io_stop(struct loop_io *io)
{
	if (io->loop)
		ev_io_stop(io->loop->ev, &io->ev);
}

static void on_signal(struct ev_loop *, ev_signal *w, int)
{
	struct loop_signal *s = container_of(w, struct loop_signal, ev);

	s->caught(s, w->signum);
}

void loop_signal_start(struct loop_signal *s, struct loop *l, int signum,
		       void (*caught)(struct loop_signal *s, int signum))
{
	s->loop = l;
	s->caught = caught;
	ev_signal_init(&s->ev, on_signal, signum);
	ev_signal_start(l->ev, &s->ev);
}

void loop_signal_stop(struct loop_signal *s)
{
	if (s->loop)
		ev_signal_stop(s->loop->ev, &s->ev);
}

static void *run_job(void *arg)
{
	struct loop_job *job = arg;

	job->work(job);
	ev_async_send(job->loop->ev, &job->ev);
	return NULL;
}

void loop_job_wait(struct loop_job *job)
{
	if (!job->running)
		return;
	pthread_join(job->thread, NULL);
	ev_async_stop(job->loop->ev, &job->ev);
	job->running = false;
}

static void on_job_done(struct ev_loop *, ev_async *w, int)
{
	struct loop_job *job = container_of(w, struct loop_job, ev);

	loop_job_wait(job); /* it has sent its signal and is about to end */
	job->done(job);
}

int loop_job_start(struct loop_job *job, struct loop *l, void (*work)(struct loop_job *job),
		   void (*done)(struct loop_job *job))
{
	sigset_t all, old;
	int r;

	if (job->running)
		return -EBUSY;
	job->loop = l;
	job->work = work;
	job->done = done;
	ev_async_init(&job->ev, on_job_done);
	ev_async_start(l->ev, &job->ev);

	/* Signals belong to the loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&job->thread, NULL, run_job, job);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		ev_async_stop(l->ev, &job->ev);
		return -r;
	}
	job->running = true;
	return 0;
}
