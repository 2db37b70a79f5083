// SPDX-License-Identifier: BSD-2-Clause
/* The VRRP state machine (RFC 9568 6.4) as a table, and its arithmetic. */
#include "vrrp/fsm.h"

static const char *const state_name[] = {
	[VRRP_INITIALIZE] = "INITIALIZE",
	[VRRP_BACKUP] = "BACKUP",
	[VRRP_MASTER] = "MASTER",
};

static const char *const event_text[VRRP_EV_N] = {
#define X(name, text) [VRRP_EV_##name] = text,
	VRRP_EVENTS(X)
#undef X
};

#define DO(name) VRRP_DO_##name
#define BECOME_MASTER                                                                              \
	{                                                                                          \
		VRRP_MASTER, DO(OPEN) | DO(SEND) | DO(CLAIM) | DO(ANNOUNCE) | DO(ARM_ADVERT)       \
	}

/* A cell that is not here is an event that means nothing in that state.  Of these one deserves a
 * word: a BACKUP that hears a worse master lets its timer run on, and that is preemption. */
static const struct vrrp_step table[][VRRP_EV_N] = {
	[VRRP_INITIALIZE] = {
		[VRRP_EV_STARTUP] = { VRRP_BACKUP, DO(OWN_INTERVAL) | DO(ARM_DOWN) },
		[VRRP_EV_STARTUP_OWNER] = BECOME_MASTER,
		[VRRP_EV_STARTUP_HEIR] = BECOME_MASTER,
	},
	[VRRP_BACKUP] = {
		[VRRP_EV_SHUTDOWN] = { VRRP_INITIALIZE, DO(CANCEL) },
		[VRRP_EV_FAULT] = { VRRP_INITIALIZE, DO(CANCEL) },
		[VRRP_EV_WITHDRAW] = { VRRP_INITIALIZE, DO(CANCEL) },
		[VRRP_EV_TIMER] = BECOME_MASTER,
		[VRRP_EV_GROUP_TAKES] = BECOME_MASTER,
		[VRRP_EV_HELD] = { VRRP_BACKUP, DO(ARM_DOWN) },
		[VRRP_EV_ADVERT_ZERO] = { VRRP_BACKUP, DO(ARM_SKEW) },
		[VRRP_EV_ADVERT_BETTER] = { VRRP_BACKUP, DO(ADOPT) | DO(ARM_DOWN) },
	},
	[VRRP_MASTER] = {
		[VRRP_EV_SHUTDOWN] = { VRRP_INITIALIZE,
				       DO(CANCEL) | DO(SEND_ZERO) | DO(RELEASE) | DO(CLOSE) },
		/* What is tracked has failed; the peer need not wait to find out. */
		[VRRP_EV_WITHDRAW] = { VRRP_INITIALIZE,
				       DO(CANCEL) | DO(SEND_ZERO) | DO(RELEASE) | DO(CLOSE) },
		/* Nothing can be sent: there is no link, or no address to send from. */
		[VRRP_EV_FAULT] = { VRRP_INITIALIZE, DO(CANCEL) | DO(RELEASE) | DO(CLOSE) },
		/* The peer takes over as if we stopped, and need not wait. */
		[VRRP_EV_GROUP_YIELDS] = { VRRP_BACKUP, DO(OWN_INTERVAL) | DO(SEND_ZERO) |
								DO(RELEASE) | DO(CLOSE) |
								DO(ARM_DOWN) },
		[VRRP_EV_CHANGED] = { VRRP_MASTER, DO(SEND) | DO(ARM_ADVERT) },
		/* Switches have forgotten its MAC meanwhile. */
		[VRRP_EV_RELINKED] = { VRRP_MASTER, DO(SEND) | DO(ANNOUNCE) | DO(ARM_ADVERT) },
		[VRRP_EV_TIMER] = { VRRP_MASTER, DO(SEND) | DO(ARM_NEXT) },
		/* Whoever resigns or loses has called itself master, so hosts and switches may have
		 * learnt its MAC: announce again. */
		[VRRP_EV_ADVERT_ZERO] = { VRRP_MASTER, DO(SEND) | DO(ANNOUNCE) | DO(ARM_ADVERT) },
		[VRRP_EV_ADVERT_WORSE] = { VRRP_MASTER, DO(SEND) | DO(ANNOUNCE) },
		[VRRP_EV_ADVERT_BETTER] = { VRRP_BACKUP, DO(ADOPT) | DO(RELEASE) | DO(CLOSE) |
								 DO(ARM_DOWN) },
	},
};

const char *vrrp_state_name(enum vrrp_state s)
{
	return state_name[s];
}

const char *vrrp_event_text(enum vrrp_event e)
{
	return event_text[e];
}

struct vrrp_step vrrp_fsm(enum vrrp_state state, enum vrrp_event event)
{
	return table[state][event];
}

usec_t vrrp_skew(unsigned version, uint8_t priority, usec_t interval)
{
	/* In microseconds, so that 10 ms keep their fraction. */
	return USEC((256 - priority) * (version == 2 ? SEC(1) : interval).us / 256);
}

usec_t vrrp_down(unsigned version, uint8_t priority, usec_t interval, unsigned adverts)
{
	return USEC(adverts * interval.us + vrrp_skew(version, priority, interval).us);
}
