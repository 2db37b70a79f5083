// SPDX-License-Identifier: BSD-2-Clause
/* A check by itself: a copy that outlives its configuration, and what makes two the same. */
#include <string.h>

#include "conf/schema.h"
#include "conf/value.h"

static bool is_text(enum opt_type type)
{
	return type == OPT_STRING || type == OPT_INTERFACE || type == OPT_PATH ||
	       type == OPT_BYTES || type == OPT_HEX || type == OPT_REGEX;
}

static void copy_text(const char **at, struct arena *arena)
{
	*at = *at ? arena_strdup(arena, *at) : NULL;
}

static void copy_list(const struct opt *o, void *base, struct arena *arena)
{
	void **array = (void **)((char *)base + o->at);
	unsigned i, n = *(unsigned *)((char *)base + o->n_at);
	size_t size = value_size(o->elem);
	void *copy = arena_alloc(arena, n * size + 1);

	if (n)
		memcpy(copy, *array, n * size);
	for (i = 0; i < n && is_text(o->elem); i++)
		copy_text((const char **)((char *)copy + i * size), arena);
	*array = copy;
}

void conf_check_copy(const struct conf_check *c, struct arena *arena, struct conf_check *ret)
{
	const struct opt *o;

	*ret = *c;
	ret->where = (struct conf_where){ 0 };
	ret->name = NULL;
	for_each_opt(o, &schema_check) {
		if (o->type == OPT_LIST)
			copy_list(o, ret, arena);
		else if (is_text(o->type))
			copy_text((const char **)((char *)ret + o->at), arena);
	}
}

void conf_check_text(const struct conf_check *c, struct str *out)
{
	const struct opt *o;

	for_each_opt(o, &schema_check) {
		if ((o->flags & OPT_TIMING) || value_absent(o, c))
			continue;
		str_addf(out, "%s = ", o->name);
		value_print(o, c, out);
		str_addf(out, ";\n");
	}
}

const char *conf_check_type_name(unsigned type)
{
	const struct opt_word *w = schema_find(&schema_check, "type")->words;

	while (w->name && w->value != type)
		w++;
	return w->name;
}
