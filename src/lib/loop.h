/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop: the only place that knows libev and its doubles.
 *
 * Watchers are embedded in their owner and found again with container_of.  Nothing that runs from
 * the loop may block; work is bounded to about 2 ms a callback, what is longer is cut into turns
 * (a timer that fires at once) or given to the worker thread. */
#ifndef LBD_LIB_LOOP_H
#define LBD_LIB_LOOP_H

#include <ev.h>
#include <pthread.h>
#include <stdbool.h>

#include "lib/usec.h"

struct loop;

/* Within one turn of the loop, what has the higher priority runs first. */
enum loop_priority {
	LOOP_IDLE = -2, /* sweeps, rebuilds */
	LOOP_NORMAL = 0,
	LOOP_VRRP = 2,
};

struct loop *loop_new(void); /* NULL when there is no memory */
void loop_free(struct loop *l);
/* Until loop_stop. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* CLOCK_MONOTONIC now. */
usec_t loop_now(void);
/* The longest that one turn of the loop has taken since the last call. */
usec_t loop_take_longest_turn(struct loop *l);

struct loop_timer {
	ev_timer ev;
	struct loop *loop;
	void (*fire)(struct loop_timer *t, usec_t now);
	usec_t at; /* when it was due, valid inside fire */
};

void loop_timer_init(struct loop_timer *t, struct loop *l, enum loop_priority priority,
		     void (*fire)(struct loop_timer *t, usec_t now));
/* Fires once at that time (at once if it is past); replaces an earlier setting. */
void loop_timer_at(struct loop_timer *t, usec_t at);
void loop_timer_in(struct loop_timer *t, usec_t span);
void loop_timer_stop(struct loop_timer *t); /* also when never started */
bool loop_timer_active(const struct loop_timer *t);

#define LOOP_READ  EV_READ
#define LOOP_WRITE EV_WRITE

struct loop_io {
	ev_io ev;
	struct loop *loop;
	void (*ready)(struct loop_io *io, int events);
};

void loop_io_init(struct loop_io *io, struct loop *l, enum loop_priority priority,
		  void (*ready)(struct loop_io *io, int events));
/* Starts watching fd, or changes what is watched; events 0 stops. */
void loop_io_watch(struct loop_io *io, int fd, int events);
void loop_io_stop(struct loop_io *io); /* before the fd is closed */

struct loop_signal {
	ev_signal ev;
	struct loop *loop;
	void (*caught)(struct loop_signal *s, int signum);
};

void loop_signal_start(struct loop_signal *s, struct loop *l, int signum,
		       void (*caught)(struct loop_signal *s, int signum));
void loop_signal_stop(struct loop_signal *s);

/* One job in a thread of its own, for what a library does not let us cut into turns.  `work` shares
 * no mutable state with the loop; `done` runs in the loop afterwards. */
struct loop_job {
	ev_async ev;
	struct loop *loop;
	void (*work)(struct loop_job *job);
	void (*done)(struct loop_job *job);
	pthread_t thread;
	bool running;
};

/* 0 or -errno; -EBUSY while it runs. */
int loop_job_start(struct loop_job *job, struct loop *l, void (*work)(struct loop_job *job),
		   void (*done)(struct loop_job *job));
/* Waits until work has returned; done is not called any more.  Nothing when it does not run. */
void loop_job_wait(struct loop_job *job);

#endif
