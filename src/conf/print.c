// SPDX-License-Identifier: BSD-2-Clause
/* The effective configuration as lbd.conf would have it: what `lbd -T` shows. */
#include "conf/schema.h"
#include "conf/value.h"

static void print_group(const struct opt_group *g, const void *base, unsigned depth,
			struct str *out);

static void indent(unsigned depth, struct str *out)
{
	str_addf(out, "%*s", (int)depth * 4, "");
}

static void print_value(const char *name, const struct opt *o, const void *base, unsigned depth,
			struct str *out)
{
	indent(depth, out);
	str_addf(out, "%s = ", name);
	value_print(o, base, out);
	str_addf(out, ";\n");
}

static void print_block(const char *name, const struct opt_group *g, const void *base,
			unsigned depth, struct str *out)
{
	indent(depth, out);
	str_addf(out, "%s: {\n", name);
	print_group(g, base, depth + 1, out);
	indent(depth, out);
	str_addf(out, "};\n");
}

static void print_named(const struct opt *o, const void *base, unsigned depth, struct str *out)
{
	const char *array = *(const char *const *)((const char *)base + o->at);
	unsigned i, n = *(const unsigned *)((const char *)base + o->n_at);

	indent(depth, out);
	str_addf(out, "%s: {\n", o->name);
	for (i = 0; i < n; i++) {
		const void *object = array + i * o->group->size;
		const struct opt *brief = schema_find(o->group, o->group->brief);

		if (brief)
			print_value(((const struct conf_object *)object)->name, brief, object,
				    depth + 1, out);
		else
			print_block(((const struct conf_object *)object)->name, o->group, object,
				    depth + 1, out);
	}
	indent(depth, out);
	str_addf(out, "};\n");
}

static void print_group(const struct opt_group *g, const void *base, unsigned depth,
			struct str *out)
{
	const struct opt *o;

	for_each_opt(o, g) {
		if ((o->flags & OPT_NO_MEMBER) || value_absent(o, base))
			continue;
		if (o->type == OPT_GROUP) {
			print_block(o->name, o->group, (const char *)base + o->at, depth, out);
		} else if (o->type == OPT_NAMED) {
			print_named(o, base, depth, out);
		} else {
			print_value(o->name, o, base, depth, out);
		}
	}
}

void conf_print(const struct conf *c, struct str *out)
{
	print_group(&schema_file, c, 0, out);
}
