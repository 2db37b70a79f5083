/* SPDX-License-Identifier: BSD-2-Clause */
/* The VRRP state machine (RFC 9568 6.4) as a table, and its arithmetic.  Pure. */
#ifndef LBD_VRRP_FSM_H
#define LBD_VRRP_FSM_H

#include "lib/usec.h"
#include "vrrp/vrrp.h"

/* What can happen to an instance, after guards have looked at priority, preemption and addresses.
 * X(name, what the operator reads) */
#define VRRP_EVENTS(X)                                                                             \
	X(STARTUP, "interface and address are there")                                              \
	X(STARTUP_OWNER, "interface and address are there, priority 255")                          \
	X(STARTUP_HEIR, "its addresses are ours already")                                          \
	X(SHUTDOWN, "stopped")                                                                     \
	X(FAULT, "cannot run")                                                                     \
	X(WITHDRAW, "must not run")                                                                \
	X(CHANGED, "configuration changed")                                                        \
	X(RELINKED, "its link is back")                                                            \
	X(TIMER, "timer expired")                                                                  \
	X(HELD, "the others of its group cannot be master")                                        \
	X(GROUP_TAKES, "all of its group can be master")                                           \
	X(GROUP_YIELDS, "one of its group cannot be master")                                       \
	X(ADVERT_ZERO, "the master handed over")                                                   \
	X(ADVERT_BETTER, "there is a better master")                                               \
	X(ADVERT_WORSE, "an advert that loses against us")

enum vrrp_event {
#define X(name, text) VRRP_EV_##name,
	VRRP_EVENTS(X)
#undef X
		VRRP_EV_N,
};

const char *vrrp_event_text(enum vrrp_event e);

/* What an instance does, in this order whatever asks for it.  Gaining: gate open, advert,
 * addresses, announcements; losing: priority zero, addresses away, gate closed.
 *
 * X(name, what it does) */
#define VRRP_ACTIONS(X)                                                                            \
	X(CANCEL, "stop the timer")                                                                \
	X(OWN_INTERVAL, "reckon with our own advertisement interval")                              \
	X(ADOPT, "reckon with the interval just heard")                                            \
	X(OPEN, "let the data path forward")                                                       \
	X(SEND, "advertise")                                                                       \
	X(SEND_ZERO, "advertise priority zero")                                                    \
	X(CLAIM, "want the addresses")                                                             \
	X(ANNOUNCE, "tell the network where the addresses live")                                   \
	X(RELEASE, "want the addresses no longer")                                                 \
	X(CLOSE, "stop the data path")                                                             \
	X(ARM_ADVERT, "timer: an interval from now")                                               \
	X(ARM_NEXT, "timer: an interval after the advert that was due")                            \
	X(ARM_SKEW, "timer: the skew time")                                                        \
	X(ARM_DOWN, "timer: the master down interval")

enum vrrp_action_bit {
#define X(name, text) VRRP_BIT_##name,
	VRRP_ACTIONS(X)
#undef X
		VRRP_ACTION_N,
};

enum vrrp_action {
#define X(name, text) VRRP_DO_##name = 1 << VRRP_BIT_##name,
	VRRP_ACTIONS(X)
#undef X
};

struct vrrp_step {
	enum vrrp_state next; /* 0: the event means nothing in this state */
	unsigned actions;     /* enum vrrp_action */
};

struct vrrp_step vrrp_fsm(enum vrrp_state state, enum vrrp_event event);

/* RFC 9568 6.1: (256 - priority) / 256 of the master's interval; RFC 3768 6.1: of a second. */
usec_t vrrp_skew(unsigned version, uint8_t priority, usec_t interval);
/* So many missing adverts, and the skew time.  The RFCs have 3 of them. */
usec_t vrrp_down(unsigned version, uint8_t priority, usec_t interval, unsigned adverts);

#endif
