// SPDX-License-Identifier: BSD-2-Clause
/* What a change of the configuration does, for the operator. */
#include <string.h>

#include "conf/schema.h"
#include "conf/value.h"

static void diff_group(const struct opt_group *g, const char *path, const void *old,
		       const void *new, struct str *out);

static void diff_value(const struct opt *o, const char *path, const void *old, const void *new,
		       struct str *out)
{
	struct str before = { 0 }, after = { 0 };

	if (value_absent(o, old))
		str_addf(&before, "(not set)");
	else
		value_print(o, old, &before);
	if (value_absent(o, new))
		str_addf(&after, "(not set)");
	else
		value_print(o, new, &after);
	if (strcmp(str_text(&before), str_text(&after)))
		str_addf(out, "~ %s: %s -> %s%s\n", path, str_text(&before), str_text(&after),
			 o->flags & OPT_RESTART ? " (after the next start)" : "");
	str_free(&before);
	str_free(&after);
}

/* An array of named objects. */
struct objects {
	const char *array;
	unsigned n;
	size_t size;
};

static struct objects objects_of(const struct opt *o, const void *base)
{
	return (struct objects){ *(const char *const *)((const char *)base + o->at),
				 *(const unsigned *)((const char *)base + o->n_at),
				 o->group->size };
}

static const struct conf_object *object_at(const struct objects *all, unsigned i)
{
	return (const struct conf_object *)(all->array + i * all->size);
}

/* hint: where it is if nobody moved. */
static const struct conf_object *object_named(const struct objects *all, const char *name,
					      unsigned hint)
{
	unsigned i;

	if (hint < all->n && !strcmp(object_at(all, hint)->name, name))
		return object_at(all, hint);
	for (i = 0; i < all->n; i++)
		if (!strcmp(object_at(all, i)->name, name))
			return object_at(all, i);
	return NULL;
}

static void diff_named(const struct opt *o, const char *path, const void *old, const void *new,
		       struct str *out)
{
	struct objects before = objects_of(o, old), after = objects_of(o, new);
	struct str below = { 0 };
	unsigned i;

	for (i = 0; i < before.n; i++)
		if (!object_named(&after, object_at(&before, i)->name, i))
			str_addf(out, "- %s.%s\n", path, object_at(&before, i)->name);
	for (i = 0; i < after.n; i++) {
		const struct conf_object *now = object_at(&after, i);
		const struct conf_object *was = object_named(&before, now->name, i);

		if (!was) {
			str_addf(out, "+ %s.%s\n", path, now->name);
			continue;
		}
		below.len = 0;
		str_addf(&below, "%s.%s", path, now->name);
		diff_group(o->group, str_text(&below), was, now, out);
	}
	str_free(&below);
}

static void diff_inner(const struct opt *o, const char *path, const void *old, const void *new,
		       struct str *out)
{
	bool was = !value_absent(o, old), is = !value_absent(o, new);

	if (was && is)
		diff_group(o->group, path, (const char *)old + o->at, (const char *)new + o->at,
			   out);
	else if (was || is)
		str_addf(out, "%c %s\n", is ? '+' : '-', path);
}

static void diff_group(const struct opt_group *g, const char *path, const void *old,
		       const void *new, struct str *out)
{
	struct str below = { 0 };
	const struct opt *o;

	for_each_opt(o, g) {
		if (o->flags & OPT_NO_MEMBER)
			continue;
		below.len = 0;
		str_addf(&below, "%s%s%s", path, *path ? "." : "", o->name);
		if (o->type == OPT_GROUP)
			diff_inner(o, str_text(&below), old, new, out);
		else if (o->type == OPT_NAMED)
			diff_named(o, str_text(&below), old, new, out);
		else
			diff_value(o, str_text(&below), old, new, out);
	}
	str_free(&below);
}

void conf_diff(const struct conf *old, const struct conf *new, struct str *out)
{
	diff_group(&schema_file, "", old, new, out);
}
