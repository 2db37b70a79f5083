/* SPDX-License-Identifier: BSD-2-Clause */
/* The far ends of the rig's cables: what a test run cannot show, because the program gives frames
 * to the kernel and sees them again, is played with the programs attached and frames on the wire.
 */
#ifndef LBD_TESTS_PACKET_CABLE_H
#define LBD_TESTS_PACKET_CABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig.h"

struct cables {
	int front, back; /* sockets at the far ends */
};

/* Attaches the TC program to both of the director's interfaces. */
void cables_open(struct cables *cables, struct rig *rig);
void cables_close(struct cables *cables, struct rig *rig);

/* A further socket at far_front or far_back. */
int cable_open(const char *name);

/* Forgets what came so far. */
void cable_drain(int far);

/* Sends a frame to the director.  l4: where its TCP or UDP header is, if its checksum is to be
 * finished by the card (CHECKSUM_PARTIAL), else 0. */
void cable_send(int far, const void *frame, size_t len, size_t l4);

/* The next frame from the director to that MAC; 0: none came in time. */
size_t cable_receive(int far, const uint8_t *mac, uint8_t *buf);

#endif
