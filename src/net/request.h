/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions and orders to the kernel, each with its answer. */
#ifndef LBD_NET_REQUEST_H
#define LBD_NET_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "net/message.h"

struct nl_msg;
struct nl_sock;
struct request_socket;

/* A connected rtnetlink socket.  0 or -errno. */
int request_connect(struct nl_sock **ret);
int request_socket_new(struct request_socket **ret);
void request_socket_free(struct request_socket *s); /* takes NULL */

/* A message of that type with its fixed header; NULL when there is no memory. */
struct nl_msg *request_new(int type, int flags, const void *header, size_t len);
int request_put_addr(struct nl_msg *msg, int attribute, const struct addr *a);

/* Sends msg, frees it, and hands each message of the answer to `each` (may be NULL).  The kernel
 * works within the system call that sends, and dumps go on in the calls that read, so nothing is
 * waited for.  msg may be NULL (-ENOMEM).  0 or -errno: the kernel's own answer; -EINTR when a dump
 * was overtaken by changes and must be asked again. */
int request_run(struct request_socket *s, struct nl_msg *msg,
		void (*each)(void *ctx, const struct message *m), void *ctx);
/* The same for a question with one answer. */
int request_ask(struct request_socket *s, struct nl_msg *msg, struct message *ret);
uint64_t request_malformed(const struct request_socket *s);

#endif
