// SPDX-License-Identifier: BSD-2-Clause
/* One VRRP instance (RFC 9568 6, RFC 3768 6).
 *
 * Three things happen to it: a datagram comes (on_datagram), its timer runs out (on_timer),
 * something about its interface or configuration changes (vrrp_instance_check, _update).  Guards
 * here turn each into an event of fsm.h; the table says which state follows and which actions;
 * handle() performs them, always in the same order, and is the only writer of `state`.
 *
 * There is one timer, whose meaning follows from the state: in MASTER the next advert, in BACKUP
 * the patience with the master.  A second one, the beat, shows the data plane once an interval that
 * this daemon lives, if the first has not.  Whichever fires, the socket is read before: what waits
 * there was sent before the timer ran out, and may say otherwise. */
#include "vrrp/instance.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "vrrp/fsm.h"
#include "vrrp/notify.h"
#include "vrrp/sync.h"
#include "vrrp/track.h"

#define RUBBISH_TOLD SEC(60)

/* Of the last valid advert. */
struct heard {
	struct addr from;
	uint8_t priority;
	usec_t interval;
	usec_t at;
};

struct vrrp_instance {
	const struct vrrp_env *env;
	const struct conf_vrrp *c;
	char subject[64]; /* "vrrp web", for the log */

	enum vrrp_state state;
	char reason[VRRP_REASON_LEN];
	usec_t since;
	bool stopped;
	struct sync_group *group; /* borrowed; NULL: it moves alone */
	bool able;		  /* BACKUP, but for its group */
	bool heir;    /* new, and addresses of it are ours, by an instance that gives them up */
	bool closing; /* the gate is to be closed as soon as the addresses are gone */

	struct tracks *tracks;
	int own_weight, weight; /* what tracks say, of the whole group */
	uint8_t priority;	/* in force */

	/* Its link as it is, since when, and as it counts: see settled(). */
	bool looked, link_up, link_counts;
	usec_t link_since;
	usec_t check_at; /* when to look again although nobody told of a change; 0: no need */

	/* Where it speaks, while it is not in INITIALIZE. */
	unsigned ifindex;
	struct addr source;
	unsigned room; /* addresses that fit an advert */
	struct vrrp_listener listener;

	struct addr *owned; /* in the order of the wire */
	unsigned n_owned;   /* without those that adverts do not name */
	unsigned n_extra;
	struct vip_claim claim;

	struct loop_timer timer;
	struct loop_timer beat;
	usec_t master_interval; /* Active_Adver_Interval */
	bool resigned;		/* the timer waits out a master that handed over */
	bool spared;		/* a late down timer has been given its second chance */
	usec_t hold;		/* a lower master is respected until then; 0: none was heard */

	struct heard heard;
	usec_t conflict;   /* the last advert that lost against us as MASTER */
	uint64_t answered; /* turn in which a losing advert was answered */
	bool mismatch_told, interval_told, owner_told;
	struct log_limit rubbish, send_failure;
	struct vrrp_counters counters;
};

__attribute__((format(printf, 2, 3))) static void set_reason(struct vrrp_instance *v,
							     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->reason, sizeof(v->reason), fmt, ap);
	va_end(ap);
}

/* ---- How it speaks and reckons ---- */

static struct vrrp_dialect dialect(const struct vrrp_instance *v)
{
	return (struct vrrp_dialect){
		.version = (uint8_t)v->c->version,
		.interval = v->c->advert_interval,
		.password = v->c->password,
		.message_only = v->c->checksum == CONF_CHECKSUM_MESSAGE,
	};
}

static usec_t skew(const struct vrrp_instance *v, usec_t interval)
{
	return vrrp_skew(v->c->version, v->priority, interval);
}

static usec_t down(const struct vrrp_instance *v, usec_t interval)
{
	return vrrp_down(v->c->version, v->priority, interval, v->c->dead_after);
}

/* ---- Speaking ---- */

static void send_to(struct vrrp_instance *v, const struct addr *dst, uint8_t priority)
{
	unsigned n = v->n_owned < v->room ? v->n_owned : v->room;
	struct vrrp_dialect how = dialect(v);
	uint8_t packet[VRRP_PACKET_MAX];
	char text[ADDR_STRLEN];
	uint64_t held_back;
	size_t len;
	int r;

	len = vrrp_packet_build(packet, &how, (uint8_t)v->c->vrid, priority, v->owned, n,
				&v->source, dst);
	r = vrrp_send(&v->listener, &v->source, dst, packet, len);
	if (!r) {
		v->counters.adverts_sent++;
		v->counters.priority_zero_sent += !priority;
		return;
	}
	v->counters.send_errors++;
	if (log_allowed(&v->send_failure, loop_now(), RUBBISH_TOLD, &held_back))
		log_warn(v->subject, "cannot send an advert to %s: %s (%" PRIu64 " more held back)",
			 addr_str(dst, text), strerror(-r), held_back);
}

static void advertise(struct vrrp_instance *v, uint8_t priority)
{
	struct addr group = vrrp_group(v->c->family);
	unsigned i;

	if (!v->c->n_unicast_peers)
		send_to(v, &group, priority);
	for (i = 0; i < v->c->n_unicast_peers; i++)
		send_to(v, &v->c->unicast_peers[i], priority);
}

/* Losing ends here, perhaps some turns after it began: while an address still stands on an
 * interface the kernel would answer for it, and closing would lift a fence that may keep it from
 * doing so. */
void vrrp_instance_close(struct vrrp_instance *v)
{
	if (!v->closing || vip_claim_stands(v->env->vips, &v->claim))
		return;
	v->closing = false;
	v->env->ops->gate(v->env->ctx, v->c->name, false);
}

static void arm_beat(struct vrrp_instance *v)
{
	usec_t at = usec_add(loop_now(), v->c->advert_interval);

	if (v->check_at.us && usec_before(v->check_at, at))
		at = v->check_at;
	loop_timer_at(&v->beat, at);
}

/* Shows that the daemon lives and has decided on all it could know; not before it has acted
 * accordingly, for a beat lifts the fence, too.  The data plane fences us when the last beat is
 * older than a peer would wait for our adverts, and goes on when the peer has been silent for as
 * long as we would wait for its.  Whoever beats puts the beat timer off, so that it fires only in
 * an interval in which nothing else did. */
static void beat(struct vrrp_instance *v)
{
	usec_t own = v->c->advert_interval, slower = own;

	arm_beat(v);
	vrrp_instance_close(v);
	if (v->closing)
		return;
	if (usec_before(slower, v->heard.interval))
		slower = v->heard.interval;
	v->env->ops->beat(v->env->ctx, v->c->name, down(v, own), down(v, slower));
}

/* ---- Actions: one each, performed in the order of fsm.h ---- */

static void arm(struct vrrp_instance *v, usec_t span)
{
	loop_timer_at(&v->timer, usec_add(loop_now(), span));
}

static void do_cancel(struct vrrp_instance *v)
{
	loop_timer_stop(&v->timer);
}

static void do_own_interval(struct vrrp_instance *v)
{
	v->master_interval = v->c->advert_interval;
}

static void do_adopt(struct vrrp_instance *v)
{
	v->master_interval = v->heard.interval;
}

/* The beat comes first: next to an open gate one of a dead predecessor would set the fence. */
static void do_open(struct vrrp_instance *v)
{
	v->closing = false;
	beat(v);
	v->env->ops->gate(v->env->ctx, v->c->name, true);
}

static void do_send(struct vrrp_instance *v)
{
	advertise(v, v->priority);
}

static void do_send_zero(struct vrrp_instance *v)
{
	advertise(v, 0);
}

static void do_claim(struct vrrp_instance *v)
{
	vip_claim_activate(&v->claim, true);
	vips_apply(v->env->vips);
}

static void do_announce(struct vrrp_instance *v)
{
	vip_claim_announce(v->env->vips, &v->claim);
}

static void do_release(struct vrrp_instance *v)
{
	vip_claim_activate(&v->claim, false);
	vips_apply(v->env->vips);
}

static void do_close(struct vrrp_instance *v)
{
	v->closing = true;
	vrrp_instance_close(v);
}

/* Periodic from when the last one was due, so that late turns do not add up; but adverts that a
 * stall has swallowed are not made up for. */
static void do_arm_next(struct vrrp_instance *v)
{
	usec_t due = usec_add(v->timer.at, v->c->advert_interval);

	if (usec_before(loop_now(), due))
		loop_timer_at(&v->timer, due);
	else
		arm(v, v->c->advert_interval);
}

static void do_arm_advert(struct vrrp_instance *v)
{
	arm(v, v->c->advert_interval);
}

static void do_arm_skew(struct vrrp_instance *v)
{
	v->resigned = true;
	v->spared = false;
	arm(v, skew(v, v->master_interval));
}

static void do_arm_down(struct vrrp_instance *v)
{
	v->resigned = false;
	v->spared = false;
	arm(v, down(v, v->master_interval));
}

static void (*const perform[VRRP_ACTION_N])(struct vrrp_instance *v) = {
	[VRRP_BIT_CANCEL] = do_cancel,
	[VRRP_BIT_OWN_INTERVAL] = do_own_interval,
	[VRRP_BIT_ADOPT] = do_adopt,
	[VRRP_BIT_OPEN] = do_open,
	[VRRP_BIT_SEND] = do_send,
	[VRRP_BIT_SEND_ZERO] = do_send_zero,
	[VRRP_BIT_CLAIM] = do_claim,
	[VRRP_BIT_ANNOUNCE] = do_announce,
	[VRRP_BIT_RELEASE] = do_release,
	[VRRP_BIT_CLOSE] = do_close,
	[VRRP_BIT_ARM_ADVERT] = do_arm_advert,
	[VRRP_BIT_ARM_NEXT] = do_arm_next,
	[VRRP_BIT_ARM_SKEW] = do_arm_skew,
	[VRRP_BIT_ARM_DOWN] = do_arm_down,
};

/* Why a transition happens, for whoever asks later.  The reason of a fault, or of a group
 * that yields, is set by who found it. */
static void explain(struct vrrp_instance *v, enum vrrp_event e)
{
	char text[ADDR_STRLEN];

	if (e == VRRP_EV_TIMER)
		set_reason(v, v->resigned ? "the master handed over" : "master timer expired");
	else if (e == VRRP_EV_ADVERT_BETTER)
		set_reason(v, "%s advertises priority %u, ours is %u",
			   addr_str(&v->heard.from, text), v->heard.priority, v->priority);
	else if (e != VRRP_EV_FAULT && e != VRRP_EV_WITHDRAW && e != VRRP_EV_GROUP_YIELDS)
		set_reason(v, "%s", vrrp_event_text(e));
}

static void notify(const struct vrrp_instance *v, const char *event, enum vrrp_state from)
{
	const struct notify_event e = {
		.c = v->c,
		.event = event,
		.from = from,
		.to = v->state,
		.reason = v->reason,
		.priority = v->priority,
	};

	notify_tell(v->env->notify, &e);
}

static void handle(struct vrrp_instance *v, enum vrrp_event e)
{
	struct vrrp_step step = vrrp_fsm(v->state, e);
	enum vrrp_state from = v->state;
	usec_t now = loop_now();
	unsigned i;

	if (!step.next)
		return;
	if (step.next != from)
		explain(v, e);
	v->state = step.next;
	if (e == VRRP_EV_ADVERT_BETTER || step.next != from)
		v->able = false;
	for (i = 0; i < VRRP_ACTION_N; i++)
		if (step.actions & 1U << i)
			perform[i](v);
	if (step.next == from)
		return;

	v->since = now;
	v->hold = USEC(0);
	v->counters.became_master += v->state == VRRP_MASTER;
	if (v->state == VRRP_INITIALIZE)
		vrrp_unlisten(&v->listener);
	log_info(v->subject, "%s -> %s: %s", vrrp_state_name(from), vrrp_state_name(v->state),
		 v->reason);
	v->env->ops->state_changed(v->env->ctx, v->c->name, from, v->state);
	notify(v, "transition", from);
	if (from == VRRP_INITIALIZE || v->state == VRRP_INITIALIZE)
		v->env->started(v->env->set);
	if (v->group && v->state != VRRP_MASTER)
		sync_group_settle(v->group);
}

/* ---- Priority ---- */

/* 255 says that the addresses are its own, which nothing changes. */
static uint8_t priority_with(const struct vrrp_instance *v, int weight)
{
	int sum = (int)v->c->priority + weight;

	if (v->c->priority == 255)
		return 255;
	return (uint8_t)(sum < 1 ? 1 : sum > 254 ? 254 : sum);
}

int vrrp_instance_weight(const struct vrrp_instance *v)
{
	return v->own_weight;
}

void vrrp_instance_weigh(struct vrrp_instance *v, int weight)
{
	uint8_t priority = priority_with(v, weight);

	v->weight = weight;
	if (priority == v->priority)
		return;
	log_info(v->subject, "priority %u -> %u: %d by what is tracked", v->priority, priority,
		 weight);
	v->priority = priority;
	handle(v, VRRP_EV_CHANGED);
}

void vrrp_instance_weigh_alone(struct vrrp_instance *v)
{
	if (!v->group)
		vrrp_instance_weigh(v, v->own_weight);
}

/* Takes over what the tracks say. */
static void weigh(struct vrrp_instance *v)
{
	v->own_weight = tracks_weight(v->tracks);
	if (v->env->forming)
		return;
	vrrp_instance_weigh_alone(v);
	if (v->group)
		sync_group_weigh(v->group);
}

void vrrp_instance_service_changed(struct vrrp_instance *v, const char *service)
{
	tracks_service(v->tracks, service);
}

void vrrp_instance_each_track(const struct vrrp_instance *v, vrrp_track_fn each, void *ctx)
{
	tracks_each(v->tracks, v->c->name, each, ctx);
}

/* ---- In a group ---- */

void vrrp_instance_join(struct vrrp_instance *v, struct sync_group *g)
{
	v->group = g;
}

const char *vrrp_instance_name(const struct vrrp_instance *v)
{
	return v->c->name;
}

enum vrrp_state vrrp_instance_state(const struct vrrp_instance *v)
{
	return v->state;
}

bool vrrp_instance_is_able(const struct vrrp_instance *v)
{
	return v->state == VRRP_MASTER || v->able;
}

void vrrp_instance_take(struct vrrp_instance *v)
{
	handle(v, VRRP_EV_GROUP_TAKES);
}

void vrrp_instance_yield(struct vrrp_instance *v, const char *why)
{
	set_reason(v, "%s", why);
	handle(v, VRRP_EV_GROUP_YIELDS);
}

/* There is no master, or none that is to be respected: the group decides, if there is one. */
static void become_able(struct vrrp_instance *v)
{
	v->able = true;
	sync_group_settle(v->group);
	if (v->state == VRRP_BACKUP && !loop_timer_active(&v->timer))
		handle(v, VRRP_EV_HELD);
}

/* ---- Datagrams ---- */

static const size_t drop_counter[VRRP_VERDICTS] = {
#define COUNTER(member) offsetof(struct vrrp_counters, member)
	[VRRP_BAD_SHORT] = COUNTER(drop_short),
	[VRRP_BAD_TTL] = COUNTER(drop_ttl),
	[VRRP_BAD_VERSION] = COUNTER(drop_version),
	[VRRP_BAD_TYPE] = COUNTER(drop_type),
	[VRRP_BAD_CHECKSUM] = COUNTER(drop_checksum),
	[VRRP_BAD_AUTH] = COUNTER(drop_auth),
	[VRRP_BAD_COUNT] = COUNTER(drop_count),
	[VRRP_BAD_LINK_LOCAL] = COUNTER(drop_link_local),
	[VRRP_BAD_INTERVAL] = COUNTER(drop_interval),
	[VRRP_BAD_OTHER_INTERVAL] = COUNTER(drop_other_interval),
#undef COUNTER
};

static void drop(struct vrrp_instance *v, uint64_t *counter, const struct vrrp_datagram *d,
		 const char *why)
{
	char text[ADDR_STRLEN];
	uint64_t held_back;

	++*counter;
	if (log_allowed(&v->rubbish, loop_now(), RUBBISH_TOLD, &held_back))
		log_warn(v->subject, "ignoring a packet from %s: %s (%" PRIu64 " more held back)",
			 addr_str(&d->src, text), why, held_back);
}

static bool is_peer(const struct vrrp_instance *v, const struct addr *a)
{
	unsigned i;

	for (i = 0; i < v->c->n_unicast_peers; i++)
		if (addr_equal(&v->c->unicast_peers[i], a))
			return true;
	return false;
}

static bool is_addressed_to(const struct vrrp_instance *v, const struct vrrp_datagram *d)
{
	struct addr group = vrrp_group(v->c->family);

	if (!v->c->n_unicast_peers)
		return addr_equal(&d->dst, &group);
	return addr_equal(&d->dst, &v->source) && is_peer(v, &d->src);
}

static bool has(const struct addr *list, unsigned n, const struct addr *wanted)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (addr_equal(&list[i], wanted))
			return true;
	return false;
}

/* Whether the advert has the addresses that ours have, in whatever order; if not, *ret is one that
 * only one of the two has, *ret_theirs whether they do. */
static bool same_addresses(const struct vrrp_instance *v, const struct vrrp_advert *a,
			   struct addr *ret, bool *ret_theirs)
{
	unsigned n = v->n_owned < v->room ? v->n_owned : v->room, i;
	struct addr theirs[VRRP_MAX_ADDRESSES];

	for (i = 0; i < a->n_addresses; i++) {
		theirs[i] = vrrp_advert_address(a, i);
		*ret = theirs[i];
		*ret_theirs = true;
		if (!(i < n && addr_equal(&theirs[i], &v->owned[i])) && !has(v->owned, n, ret))
			return false;
	}
	for (i = 0; i < n; i++) {
		*ret = v->owned[i];
		*ret_theirs = false;
		if (!(i < a->n_addresses && addr_equal(&theirs[i], ret)) &&
		    !has(theirs, a->n_addresses, ret))
			return false;
	}
	return a->n_addresses == n;
}

/* Never a reason to drop: while a change is rolled through the pair the two differ, and a peer that
 * is not believed is a second master. */
static void compare_addresses(struct vrrp_instance *v, const struct vrrp_advert *a,
			      const struct addr *from)
{
	char sender[ADDR_STRLEN], text[ADDR_STRLEN];
	bool theirs = false, same;
	struct addr one = *from;

	same = same_addresses(v, a, &one, &theirs);
	v->counters.address_mismatch += !same;
	if (!same && !v->mismatch_told)
		log_warn(v->subject,
			 "%s advertises other addresses than we do, ignoring that: %s is only %s",
			 addr_str(from, sender), addr_str(&one, text), theirs ? "theirs" : "ours");
	else if (same && v->mismatch_told)
		log_info(v->subject, "%s advertises the same addresses as we do again",
			 addr_str(from, sender));
	v->mismatch_told = !same;
}

/* RFC 9568 7.1 and 8.3.2: neither is a reason to drop, both are mistakes that somebody must hear
 * of, once until they are corrected. */
static void look_for_mistakes(struct vrrp_instance *v, const struct vrrp_advert *a,
			      const struct addr *from)
{
	bool differs = a->interval.us != v->c->advert_interval.us;
	bool second = a->priority == 255 && v->c->priority == 255;
	char text[ADDR_STRLEN];

	v->counters.interval_mismatch += differs;
	if (differs && !v->interval_told)
		log_warn(v->subject, "%s advertises each %g s, we each %g s: ignoring that",
			 addr_str(from, text), (double)a->interval.us / 1e6,
			 (double)v->c->advert_interval.us / 1e6);
	v->interval_told = differs;
	v->counters.second_owner += second;
	if (second && !v->owner_told)
		log_warn(v->subject,
			 "%s has priority 255, too: only one can own the addresses, the greater "
			 "address of the two goes on",
			 addr_str(from, text));
	v->owner_told = second || (v->owner_told && a->priority == 0);
}

/* preempt_delay: whether a master with a lower priority is left alone, as without preemption.  It
 * counts from when that one was first heard. */
static bool holds_back(struct vrrp_instance *v, const struct addr *from)
{
	char text[ADDR_STRLEN];

	if (!v->c->preempt_delay.us)
		return false;
	if (!v->hold.us) {
		v->hold = usec_add(loop_now(), v->c->preempt_delay);
		log_info(v->subject,
			 "%s is master with a lower priority: it is left alone for %g s",
			 addr_str(from, text), (double)v->c->preempt_delay.us / 1e6);
	}
	return usec_before(loop_now(), v->hold);
}

/* RFC 9568 6.4.2 and 6.4.3: what an advert means depends on who hears it. */
static enum vrrp_event meaning(struct vrrp_instance *v, const struct vrrp_advert *a,
			       const struct addr *from)
{
	bool better = a->priority > v->priority;

	if (!a->priority) {
		v->hold = USEC(0);
		return VRRP_EV_ADVERT_ZERO;
	}
	if (better)
		v->hold = USEC(0);
	/* A backup respects its equal, and without preemption every living master. */
	if (v->state == VRRP_BACKUP)
		better = better || a->priority == v->priority || !v->c->preempt ||
			 holds_back(v, from);
	/* Of two equal masters the greater address stays. */
	if (v->state == VRRP_MASTER && a->priority == v->priority)
		better = addr_cmp(from, &v->source) > 0;
	return better ? VRRP_EV_ADVERT_BETTER : VRRP_EV_ADVERT_WORSE;
}

/* Somebody else has called itself master and loses against us.  What a program does outside, it may
 * have undone: so that one runs again, once for each such time. */
static void conflict(struct vrrp_instance *v)
{
	usec_t now = loop_now();

	if (!v->conflict.us || usec_before(usec_add(v->conflict, down(v, v->master_interval)), now))
		notify(v, "conflict", v->state);
	v->conflict = now;
}

static void on_datagram(struct vrrp_listener *l, const struct vrrp_datagram *d, uint64_t turn)
{
	struct vrrp_instance *v = container_of(l, struct vrrp_instance, listener);
	struct vrrp_dialect how = dialect(v);
	enum vrrp_verdict verdict;
	struct vrrp_advert a;
	enum vrrp_event e;

	if (addr_equal(&d->src, &v->source)) {
		drop(v, &v->counters.drop_own, d, "it is from our own address");
		return;
	}
	verdict = vrrp_packet_parse(d, &how, &a);
	if (verdict != VRRP_VALID) {
		drop(v, (uint64_t *)((char *)&v->counters + drop_counter[verdict]), d,
		     vrrp_verdict_text(verdict));
		return;
	}
	if (!is_addressed_to(v, d)) {
		drop(v, &v->counters.drop_peer, d,
		     "not sent to us, or unicast and not from a configured peer");
		return;
	}

	v->counters.adverts_received++;
	v->counters.priority_zero_received += !a.priority;
	v->counters.trailing += a.trailing;
	v->counters.checksum_pseudo += a.pseudo;
	v->counters.checksum_rfc9568 += how.version == 3 && !a.pseudo;
	v->heard = (struct heard){ d->src, a.priority, a.interval, loop_now() };
	compare_addresses(v, &a, &d->src);
	look_for_mistakes(v, &a, &d->src);

	/* After a stall hundreds that lose may have piled up: one answer does for all. */
	e = meaning(v, &a, &d->src);
	if (e == VRRP_EV_ADVERT_WORSE && v->answered == turn)
		return;
	v->answered = e == VRRP_EV_ADVERT_WORSE ? turn : 0;
	if (v->state == VRRP_MASTER && e != VRRP_EV_ADVERT_BETTER)
		conflict(v);
	handle(v, e);
}

/* ---- Timers ---- */

/* A down timer that fires late by more than half an interval tells that this machine stood still,
 * not that the master is dead.  If the whole machine did, nothing was received meanwhile: the
 * master gets one more interval to be heard.  True when it was granted. */
static bool spare(struct vrrp_instance *v, usec_t now)
{
	usec_t interval = v->state == VRRP_MASTER ? v->c->advert_interval : v->master_interval;

	if (usec_sub(now, v->timer.at).us <= interval.us / 2)
		return false;
	v->counters.late_timer++;
	if (v->state != VRRP_BACKUP || v->spared)
		return false;
	v->spared = true;
	arm(v, usec_add(interval, skew(v, interval)));
	return true;
}

static void on_timer(struct loop_timer *t, usec_t now)
{
	struct vrrp_instance *v = container_of(t, struct vrrp_instance, timer);

	vrrp_serve(&v->listener);
	/* Armed again: what had been waiting has changed the prospect. */
	if (loop_timer_active(&v->timer) || spare(v, now))
		;
	else if (v->state == VRRP_BACKUP && v->group)
		become_able(v);
	else
		handle(v, VRRP_EV_TIMER);
	beat(v);
}

static void on_beat(struct loop_timer *t, usec_t now)
{
	struct vrrp_instance *v = container_of(t, struct vrrp_instance, beat);

	/* Changes of the interface are told; this finds what could not be helped when they were. */
	if (v->state == VRRP_INITIALIZE || (v->check_at.us && !usec_before(now, v->check_at)))
		vrrp_instance_check(v);
	vrrp_serve(&v->listener);
	beat(v);
}

/* ---- Interface and configuration ---- */

static bool is_vip(void *ctx, const struct addr *a)
{
	const struct vrrp_instance *v = ctx;

	return addr_is_multicast(a) || vips_known(v->env->vips, a);
}

/* Where to speak from.  False with the reason in *why (of the size of v->reason). */
static bool find_source(struct vrrp_instance *v, const struct net_link *link, struct addr *ret,
			char *why, size_t size)
{
	bool owner = v->c->priority == 255; /* the addresses are its own: any will do */
	char text[ADDR_STRLEN];

	if (v->c->has_source) {
		*ret = v->c->source;
		snprintf(why, size, "%s is not on %s", addr_str(ret, text), link->name);
		return net_addr_present(v->env->net, link->ifindex, ret);
	}
	snprintf(why, size, "%s has no address to send adverts from", link->name);
	return !net_addr_source(v->env->net, link->ifindex, v->c->family, owner ? NULL : is_vip, v,
				ret);
}

static void check_again_at(struct vrrp_instance *v, usec_t at)
{
	if (v->stopped)
		return;
	if (!v->check_at.us || usec_before(at, v->check_at))
		v->check_at = at;
	if (usec_before(at, v->beat.at))
		loop_timer_at(&v->beat, at);
}

static void on_tracks_changed(void *ctx)
{
	check_again_at(ctx, loop_now());
}

/* Whether the link counts as up: a change of it must have lasted for its delay, but for one that is
 * gone altogether, and for how it was found first. */
static bool settled(struct vrrp_instance *v, const struct net_link *link)
{
	usec_t now = loop_now(), delay;
	bool up = link && link->up;

	if (up != v->link_up) {
		v->link_since = now;
		/* It was down for a while, which nobody was told. */
		if (up && v->link_counts)
			handle(v, VRRP_EV_RELINKED);
	}
	v->link_up = up;
	delay = up ? v->c->link_up_delay : v->c->link_down_delay;
	if (!v->looked || !link || !usec_before(now, usec_add(v->link_since, delay)))
		v->link_counts = up;
	v->looked = true;
	if (up != v->link_counts)
		check_again_at(v, usec_add(v->link_since, delay));
	return v->link_counts;
}

static const struct net_link *find_link(struct vrrp_instance *v, char *why, size_t size)
{
	const struct net_link *link = net_link_by_name(v->env->net, v->c->interface);

	if (settled(v, link))
		return link;
	snprintf(why, size, "interface %s %s", v->c->interface,
		 !link	    ? "does not exist"
		 : link->up ? "is not up for long enough"
			    : "is down");
	return NULL;
}

/* startup_delay: CLOCK_MONOTONIC counts from the boot. */
static bool may_start(struct vrrp_instance *v, char *why, size_t size)
{
	if (v->state != VRRP_INITIALIZE || !usec_before(loop_now(), v->c->startup_delay))
		return true;
	check_again_at(v, v->c->startup_delay);
	snprintf(why, size, "waits until %g s after the boot",
		 (double)v->c->startup_delay.us / 1e6);
	return false;
}

static void fault(struct vrrp_instance *v, enum vrrp_event e, const char *why)
{
	bool told = v->state == VRRP_INITIALIZE && !strcmp(v->reason, why);

	set_reason(v, "%s", why);
	if (v->state != VRRP_INITIALIZE)
		handle(v, e);
	else if (!told)
		log_warn(v->subject, "INITIALIZE: %s (%s:%u)", why, v->c->where.file,
			 v->c->where.line);
	vrrp_unlisten(&v->listener);
}

static int listen_on(struct vrrp_instance *v, const struct net_link *link)
{
	bool multicast = !v->c->n_unicast_peers;

	v->listener.vrid = (uint8_t)v->c->vrid;
	return vrrp_listen(v->env->sockets, &v->listener, v->c->family, link->ifindex, multicast);
}

/* How many addresses go into an advert depends on the MTU; the operator hears of those that do not.
 */
static void measure(struct vrrp_instance *v, const struct net_link *link)
{
	unsigned room = vrrp_packet_room((uint8_t)v->c->version, v->c->family, link->mtu);

	if (room != v->room && room < v->n_owned)
		log_warn(
			v->subject,
			"%u of %u addresses do not fit an advert (MTU %u), ignoring that: they move "
			"all the same; extra_addresses may hold them",
			v->n_owned - room, v->n_owned, link->mtu);
	v->room = room;
}

/* An address that moves to a new instance would be nobody's for a master down interval, were that
 * instance to wait as the RFC has it, and the group that an instance joins would have to wait with
 * it.  Should there be a better master elsewhere, that one answers our first advert. */
static void startup(struct vrrp_instance *v, bool heir)
{
	bool owner = v->c->priority == 255;

	if (heir || (v->group && sync_group_is_master(v->group)))
		handle(v, VRRP_EV_STARTUP_HEIR);
	else if (owner && !v->group)
		handle(v, VRRP_EV_STARTUP_OWNER);
	else
		handle(v, VRRP_EV_STARTUP);
	if (v->state == VRRP_BACKUP && owner && v->group)
		become_able(v);
}

void vrrp_instance_check(struct vrrp_instance *v)
{
	const struct net_link *link;
	char why[sizeof(v->reason)];
	bool heir = v->heir;
	struct addr source;
	int r;

	v->heir = false;
	v->check_at = USEC(0);
	vrrp_instance_close(v);
	if (v->stopped)
		return;
	tracks_look(v->tracks, v->state == VRRP_MASTER);
	weigh(v);
	if (!heir && !may_start(v, why, sizeof(why))) {
		fault(v, VRRP_EV_FAULT, why);
		return;
	}
	link = find_link(v, why, sizeof(why));
	if (!link || !find_source(v, link, &source, why, sizeof(why))) {
		fault(v, VRRP_EV_FAULT, why);
		return;
	}
	if (tracks_forbid(v->tracks, v->state == VRRP_INITIALIZE && !heir, why, sizeof(why))) {
		fault(v, VRRP_EV_WITHDRAW, why);
		return;
	}
	/* Made anew under its old name: so must the socket be. */
	if (v->state != VRRP_INITIALIZE && v->ifindex != link->ifindex)
		fault(v, VRRP_EV_FAULT, "its interface was replaced");
	v->source = source;
	v->ifindex = link->ifindex;
	measure(v, link);
	if (v->state != VRRP_INITIALIZE)
		return;
	r = listen_on(v, link);
	if (r < 0) {
		snprintf(why, sizeof(why), "cannot open a socket on %s: %s", link->name,
			 strerror(-r));
		fault(v, VRRP_EV_FAULT, why);
		return;
	}
	vrrp_serve(&v->listener); /* who becomes master beats at once */
	startup(v, heir);
}

/* Takes over which addresses c has.  0 or -ENOMEM, all as it was. */
static int own(struct vrrp_instance *v, const struct conf_vrrp *c)
{
	struct conf_vip *list = calloc(c->n_addresses + 1 + c->n_local_addresses, sizeof(*list));
	struct addr *owned = calloc(c->n_addresses + 1, sizeof(*owned));
	unsigned n, i;
	int r = -ENOMEM;

	if (!list || !owned)
		goto err;
	n = conf_vrrp_owned(c, list);
	for (i = 0; i < n; i++)
		owned[i] = list[i].prefix.addr;
	r = vip_claim_set(v->env->vips, &v->claim, list, conf_vrrp_held(c, list),
			  c->announce_refresh);
	if (r < 0)
		goto err;
	free(list);
	free(v->owned);
	v->owned = owned;
	v->n_owned = n - c->n_extra;
	v->n_extra = c->n_extra;
	return 0;

err:
	free(owned);
	free(list);
	return r;
}

static bool same_list(const struct addr *a, unsigned n, const struct addr *b, unsigned m)
{
	return n == m && (!n || !memcmp(a, b, n * sizeof(*a)));
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Whether peers would notice the difference. */
static bool same_adverts(const struct conf_vrrp *a, const struct conf_vrrp *b)
{
	return a->vrid == b->vrid && a->version == b->version && a->checksum == b->checksum &&
	       same_text(a->password, b->password) && a->priority == b->priority &&
	       a->advert_interval.us == b->advert_interval.us &&
	       same_list(a->unicast_peers, a->n_unicast_peers, b->unicast_peers,
			 b->n_unicast_peers);
}

static void track(struct vrrp_instance *v)
{
	if (tracks_reconcile(v->tracks, v->c) < 0)
		log_err(v->subject, "no memory for all that it tracks: ignoring the rest");
}

static void listen_anew(struct vrrp_instance *v)
{
	const struct net_link *link = net_link_by_index(v->env->net, v->ifindex);

	/* Without a link, or when this fails, the check that follows finds it out. */
	vrrp_unlisten(&v->listener);
	if (!link || listen_on(v, link) < 0)
		fault(v, VRRP_EV_FAULT, "cannot listen for the new configuration");
}

void vrrp_instance_update(struct vrrp_instance *v, const struct conf_vrrp *c)
{
	const struct conf_vrrp *old = v->c;
	bool moved = old->vrid != c->vrid || !old->n_unicast_peers != !c->n_unicast_peers;
	bool same = same_adverts(old, c);
	struct addr *before = v->owned;
	unsigned n_before = v->n_owned;

	v->c = c;
	v->priority = priority_with(v, v->weight);
	track(v);
	v->owned = NULL;
	if (own(v, c) < 0) {
		log_err(v->subject, "no memory for its new addresses: the old ones stay");
		v->owned = before;
		before = NULL;
	} else {
		same = same && same_list(before, n_before, v->owned, v->n_owned);
	}
	free(before);
	v->room = 0; /* to be measured, and told, anew */
	if (moved && v->state != VRRP_INITIALIZE)
		listen_anew(v);
	vrrp_instance_check(v);
	if (same)
		return;
	handle(v, VRRP_EV_CHANGED);
	loop_timer_in(&v->beat, USEC(0)); /* with the new interval */
}

bool vrrp_instance_is(const struct vrrp_instance *v, const struct conf_vrrp *c)
{
	return !strcmp(v->c->name, c->name) && !strcmp(v->c->interface, c->interface) &&
	       v->c->family == c->family;
}

bool vrrp_instance_is_in(const struct vrrp_instance *v, const struct conf_vrrp_group *c)
{
	return v->c->group && !strcmp(v->c->group, c->name);
}

bool vrrp_instance_has_name_of(const struct vrrp_instance *v, const struct vrrp_instance *other)
{
	return !strcmp(v->c->name, other->c->name);
}

void vrrp_instance_leave_gate(struct vrrp_instance *v)
{
	v->closing = false;
}

void vrrp_instance_stop(struct vrrp_instance *v)
{
	v->stopped = true;
	handle(v, VRRP_EV_SHUTDOWN);
	loop_timer_stop(&v->beat);
}

void vrrp_instance_status(const struct vrrp_instance *v, struct vrrp_status *ret)
{
	*ret = (struct vrrp_status){
		.name = v->c->name,
		.group = v->group ? sync_group_name(v->group) : NULL,
		.interface = v->c->interface,
		.vrid = (uint8_t)v->c->vrid,
		.version = (uint8_t)v->c->version,
		.family = v->c->family,
		.state = v->state,
		.reason = v->reason,
		.since = v->since,
		.priority = v->priority,
		.priority_base = (uint8_t)v->c->priority,
		.advert_interval = v->c->advert_interval,
		.master_interval = v->master_interval,
		.master = v->heard.from,
		.master_priority = v->heard.priority,
		.last_advert = v->heard.at,
		.n_addresses = v->n_owned + v->n_extra,
		.addresses_differ = v->mismatch_told,
		.counters = v->counters,
	};
}

static void on_repaired(struct vip_claim *claim)
{
	container_of(claim, struct vrrp_instance, claim)->counters.address_repaired++;
}

int vrrp_instance_new(const struct vrrp_env *env, const struct conf_vrrp *c,
		      struct vrrp_instance **ret)
{
	struct vrrp_instance *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->env = env;
	v->c = c;
	v->state = VRRP_INITIALIZE;
	v->since = loop_now();
	v->master_interval = c->advert_interval;
	v->listener.received = on_datagram;
	v->claim.repaired = on_repaired;
	v->priority = (uint8_t)c->priority;
	snprintf(v->subject, sizeof(v->subject), "vrrp %s", c->name);
	if (tracks_new(env, on_tracks_changed, v, &v->tracks) < 0 || own(v, c) < 0) {
		tracks_free(v->tracks);
		free(v);
		return -ENOMEM;
	}
	track(v);
	loop_timer_init(&v->timer, env->loop, LOOP_VRRP, on_timer);
	loop_timer_init(&v->beat, env->loop, LOOP_VRRP, on_beat);
	v->heir = vip_claim_ours(&v->claim);
	/* A daemon that crashed while it was MASTER has left its gate open, and addresses. */
	v->closing = true;
	loop_timer_in(&v->beat, c->advert_interval);
	*ret = v;
	return 0;
}

void vrrp_instance_free(struct vrrp_instance *v)
{
	if (!v)
		return;
	/* Many addresses are still on their way out; it will not be there to see the last one go.
	 */
	if (v->stopped && v->closing)
		v->env->ops->gate(v->env->ctx, v->c->name, false);
	loop_timer_stop(&v->timer);
	loop_timer_stop(&v->beat);
	vrrp_unlisten(&v->listener);
	tracks_free(v->tracks);
	vip_claim_drop(v->env->vips, &v->claim);
	free(v->owned);
	free(v);
}
