/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket's protocol, shared with lbctl.
 *
 * A client connects to the stream socket, sends one command as a line, and reads one JSON value
 * until the end of the stream.  Failures are an object with the single member "error". */
#ifndef LBD_CTL_PROTO_H
#define LBD_CTL_PROTO_H

#define CTL_SOCKET	"/run/lbd/lbd.sock"
#define CTL_COMMAND_MAX 256 /* bytes of a command with its newline */

/* X(name, list, help); list: the answer is an array, else an object */
#define CTL_COMMANDS(X)                                                                            \
	X(status, false, "the daemon, its interfaces, flow tables and packet counters")            \
	X(services, true, "services, their servers, checks and connections")                       \
	X(interfaces, true, "what each interface has forwarded, and how fast")                     \
	X(cpus, true, "the packet counters of each CPU")                                           \
	X(vrrp, true, "VRRP instances, their states and peers")

#endif
