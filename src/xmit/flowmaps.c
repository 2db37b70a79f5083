// SPDX-License-Identifier: BSD-2-Clause
/* Reads the maps that the packet path fills: flows and templates. */
#include "xmit/flowmaps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#define READ_BATCH 1024

static int read_batch(int fd, struct flow_cursor *c, void *keys, void *values, unsigned room)
{
	uint32_t count = room < READ_BATCH ? room : READ_BATCH, out = 0;
	int r;

	r = bpf_map_lookup_batch(fd, c->started ? &c->batch : NULL, &out, keys, values, &count,
				 NULL);
	if (r == -ENOENT)
		c->done = true;
	else if (r)
		return r;
	c->started = true;
	c->batch = out;
	return (int)count;
}

static void set4(struct flow_entry *e, const struct flow4_key *key, const struct flow4 *value)
{
	e->v6 = false;
	e->key4 = *key;
	e->flow = value->f;
	e->to4 = value->to;
}

static void set6(struct flow_entry *e, const struct flow6_key *key, const struct flow6 *value)
{
	e->v6 = true;
	e->key6 = *key;
	e->flow = value->f;
	e->to6 = value->to;
}

int flowmaps_read(const struct flowmaps *m, struct flow_cursor *cursor, struct flow_entry *out,
		  unsigned room)
{
	union {
		struct {
			struct flow4_key keys[READ_BATCH];
			struct flow4 values[READ_BATCH];
		} v4;
		struct {
			struct flow6_key keys[READ_BATCH];
			struct flow6 values[READ_BATCH];
		} v6;
	} *buf = malloc(sizeof(*buf));
	int n, i;

	if (!buf)
		return -ENOMEM;
	if (cursor->v6)
		n = read_batch(m->flows6, cursor, buf->v6.keys, buf->v6.values, room);
	else
		n = read_batch(m->flows4, cursor, buf->v4.keys, buf->v4.values, room);
	for (i = 0; i < n; i++)
		if (cursor->v6)
			set6(&out[i], &buf->v6.keys[i], &buf->v6.values[i]);
		else
			set4(&out[i], &buf->v4.keys[i], &buf->v4.values[i]);
	free(buf);
	return n;
}

int flowmaps_get(const struct flowmaps *m, struct flow_entry *e)
{
	struct flow6 value6;
	struct flow4 value4;
	int r;

	if (e->v6) {
		struct flow6_key key6 = e->key6;

		r = bpf_map_lookup_elem(m->flows6, &key6, &value6);
		if (!r)
			set6(e, &key6, &value6);
	} else {
		struct flow4_key key4 = e->key4;

		r = bpf_map_lookup_elem(m->flows4, &key4, &value4);
		if (!r)
			set4(e, &key4, &value4);
	}
	return r;
}

int flowmaps_read_templates(const struct flowmaps *m, struct flow_cursor *cursor,
			    struct template_entry *out, unsigned room)
{
	struct {
		struct template_key keys[READ_BATCH];
		struct template values[READ_BATCH];
	} *buf = malloc(sizeof(*buf));
	int n, i;

	if (!buf)
		return -ENOMEM;
	n = read_batch(m->templates, cursor, buf->keys, buf->values, room);
	for (i = 0; i < n; i++)
		out[i] = (struct template_entry){ buf->keys[i], buf->values[i] };
	free(buf);
	return n;
}
