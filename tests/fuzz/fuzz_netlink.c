// SPDX-License-Identifier: BSD-2-Clause
/* Datagrams of rtnetlink messages, from anybody. */
#include <stdint.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "net/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct message *m)
{
	if (m->type == MESSAGE_LINK && (!memchr(m->link.name, 0, sizeof(m->link.name)) ||
					!memchr(m->link.kind, 0, sizeof(m->link.kind))))
		abort();
	if (m->type == MESSAGE_ADDR && m->addr.prefix.len > addr_bits(&m->addr.prefix.addr))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly that size, aligned: so that reading past the end is seen. */
	uint8_t *copy = malloc(size ? size : 1);
	struct nlmsghdr *h = (struct nlmsghdr *)copy;
	struct message m;
	int left = (int)size;

	memcpy(copy, data, size);
	for (; nlmsg_ok(h, left); h = nlmsg_next(h, &left))
		if (!message_parse(h, &m))
			check(&m);
	free(copy);
	return 0;
}
