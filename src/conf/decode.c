// SPDX-License-Identifier: BSD-2-Clause
/* Groups of the tree become structs, as their tables say. */
#include "conf/decode.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "conf/problems.h"
#include "conf/value.h"

#define NAME_LEN_MAX 63

struct conf_where decode_where(struct decoder *d, const struct node *n)
{
	struct str path = { 0 };
	struct conf_where where = { .line = n->line };

	if (d->file != n->file) {
		d->file = n->file;
		d->file_copy = arena_strdup(d->arena, n->file);
	}
	where.file = d->file_copy;
	node_path(n, &path);
	where.path = arena_strdup(d->arena, str_text(&path));
	str_free(&path);
	return where;
}

/* ---- names ---- */

static void unknown(struct decoder *d, const struct opt_group *g, const struct node *n)
{
	const char *near = schema_nearest(g, n->name);
	struct str known = { 0 };
	const struct opt *o;

	if (near) {
		problem_at(d->problems, n, "%s has no such option; did you mean \"%s\"?", g->title,
			   near);
		return;
	}
	for_each_opt(o, g)
		str_addf(&known, "%s%s", known.len ? ", " : "", o->name);
	problem_at(d->problems, n, "%s has no such option; it has %s", g->title, str_text(&known));
	str_free(&known);
}

bool decode_names(struct decoder *d, const struct opt_group *g, const struct node *n)
{
	unsigned i;

	if (n->type != NODE_GROUP) {
		problem_at(d->problems, n, "is %s, must be a group { ... }", node_type_name(n));
		return false;
	}
	for (i = 0; i < n->n; i++)
		if (!schema_find(g, n->kids[i]->name))
			unknown(d, g, n->kids[i]);
	return true;
}

static bool good_name(const char *name)
{
	const char *p;

	for (p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-')
			return false;
	return p - name <= NAME_LEN_MAX;
}

bool decode_object_names(struct decoder *d, const struct opt *o, const struct node *named)
{
	unsigned i;

	if (named->type != NODE_GROUP) {
		problem_at(d->problems, named,
			   "is %s, must be a group of named groups { name: { ... }; ... }",
			   node_type_name(named));
		return false;
	}
	if (named->n < o->min || named->n > o->max) {
		problem_at(d->problems, named, "has %u entries, must have %" PRIu64 "-%" PRIu64,
			   named->n, o->min, o->max);
		return false;
	}
	for (i = 0; i < named->n; i++)
		if (!good_name(named->kids[i]->name))
			problem_at(d->problems, named->kids[i],
				   "a name is made of at most %u letters, digits, \"-\" and \"_\"",
				   NAME_LEN_MAX);
	return true;
}

/* ---- values ---- */

static void wrong_type(struct decoder *d, const struct opt *o, const struct node *n)
{
	struct str allowed = { 0 };

	value_allowed(o, &allowed);
	problem_at(d->problems, n, "is %s, must be %s", node_type_name(n), str_text(&allowed));
	str_free(&allowed);
}

/* Of o itself, or of one element if o is a list. */
static bool decode_scalar(struct decoder *d, const struct opt *o, const struct node *n, void *at)
{
	enum opt_type type = o->type == OPT_LIST ? o->elem : o->type;
	bool number = type == OPT_U32 || type == OPT_U16 || type == OPT_PORTS || type == OPT_S32;
	bool only_number = number && type != OPT_PORTS;
	struct str why = { 0 };
	int r = -1;

	if (n->type == NODE_TRUTH && type == OPT_BOOL) {
		*(bool *)at = n->truth;
		return true;
	}
	if (n->type == NODE_NUMBER && number)
		r = value_from_number(o, n->number, at, &why);
	else if (n->type == NODE_NUMBER && type == OPT_DURATION)
		str_addf(&why,
			 "%" PRId64 " has no unit: write \"%" PRId64 "s\", or \"%" PRId64 "ms\"",
			 n->number, n->number, n->number);
	else if (n->type == NODE_TEXT && !only_number && type != OPT_BOOL)
		r = value_from_text(o, n->text, at, d->arena, &why);
	else
		wrong_type(d, o, n);
	if (why.len)
		problem_at(d->problems, n, "%s", str_text(&why));
	str_free(&why);
	return r == 0;
}

static void decode_list(struct decoder *d, const struct opt *o, const struct node *n, void *base)
{
	size_t size = value_size(o->elem);
	unsigned count = n->type == NODE_LIST ? n->n : 1, used = 0, i;
	char *array = NULL;

	if (count < o->min || count > o->max) {
		problem_at(d->problems, n, "has %u entries, must have %" PRIu64 "-%" PRIu64, count,
			   o->min, o->max);
		return;
	}
	array = arena_alloc(d->arena, count * size);
	for (i = 0; i < count; i++)
		if (decode_scalar(d, o, n->type == NODE_LIST ? n->kids[i] : n, array + used * size))
			used++;
	if (o->flags & OPT_NO_MEMBER)
		return;
	*(void **)((char *)base + o->at) = array;
	*(unsigned *)((char *)base + o->n_at) = used;
}

/* An enumeration with a value for each interface, which the kid is named after. */
static void decode_each(struct decoder *d, const struct opt *o, const struct node *n, void *base)
{
	static const struct opt interface = { .type = OPT_INTERFACE };
	struct conf_attach_one *each = arena_alloc(d->arena, n->n * sizeof(*each)), *one = each;
	struct opt value = *o;
	struct str why = { 0 };
	unsigned i;

	value.each_at = 0; /* no group in the group */
	for (i = 0; i < n->n; i++) {
		if (value_from_text(&interface, n->kids[i]->name, &one->interface, d->arena, &why))
			problem_at(d->problems, n->kids[i], "%s", str_text(&why));
		else if (decode_scalar(d, &value, n->kids[i], &one->attach))
			one++;
		why.len = 0;
	}
	str_free(&why);
	*(struct conf_attach_one **)((char *)base + o->each_at) = each;
	*(unsigned *)((char *)base + o->n_each_at) = (unsigned)(one - each);
}

static void decode_opt(struct decoder *d, const struct opt *o, const struct node *n, void *base);

static void decode_object(struct decoder *d, const struct opt_group *g, const struct node *n,
			  void *base, const char *name)
{
	((struct conf_object *)base)->name = arena_strdup(d->arena, name);
	if (g->brief && n->type != NODE_GROUP) {
		*(struct conf_where *)base = decode_where(d, n);
		decode_opt(d, schema_find(g, g->brief), n, base);
		return;
	}
	decode_node(d, g, n, base);
}

void decode_named(struct decoder *d, const struct opt *o, const struct node *named, void *ret_array,
		  unsigned *ret_n)
{
	bool one = o->single && !strcmp(named->name, o->single);
	size_t size = o->group->size;
	char *array;
	unsigned i;

	if (!one && !decode_object_names(d, o, named))
		return;
	array = arena_alloc(d->arena, (one ? 1 : named->n) * size);
	*(void **)ret_array = array;
	*ret_n = one ? 1 : named->n;
	if (one)
		decode_object(d, o->group, named, array, o->single);
	for (i = 0; !one && i < named->n; i++)
		decode_object(d, o->group, named->kids[i], array + i * size, named->kids[i]->name);
}

static void decode_opt(struct decoder *d, const struct opt *o, const struct node *n, void *base)
{
	char *at = (char *)base + o->at;
	unsigned char scratch[16];

	switch (o->type) {
	case OPT_NAMED:
		if (!(o->flags & OPT_NO_MEMBER))
			decode_named(d, o, n, at, (unsigned *)((char *)base + o->n_at));
		break;
	case OPT_LIST:
		decode_list(d, o, n, base);
		break;
	default:
		if (o->each_at && n->type == NODE_GROUP)
			decode_each(d, o, n, base);
		else if (decode_scalar(d, o, n, o->flags & OPT_NO_MEMBER ? (void *)scratch : at) &&
			 o->type == OPT_ADDR && o->n_at)
			*((bool *)base + o->n_at) = true;
	}
}

/* ---- groups ---- */

static const struct node *layer_find(struct decoder *d, const struct opt *o, const struct node *n)
{
	const struct node *named = node_find(n, o->name);
	const struct node *single = o->single ? node_find(n, o->single) : NULL;

	if (named && single)
		problem_at(d->problems, single,
			   "cannot stand beside \"%s\": write it as one of them", o->name);
	return named ? named : single;
}

static bool in_layer(const struct opt *o, const struct layers *layers, unsigned i)
{
	return !o->in || (o->in & layers->view[i]);
}

static const struct node *layers_find(struct decoder *d, const struct opt *o,
				      const struct layers *layers)
{
	const struct node *n = layer_find(d, o, layers->node[0]);
	unsigned i;

	for (i = 1; !n && i < layers->n; i++)
		if (in_layer(o, layers, i))
			n = layer_find(d, o, layers->node[i]);
	return n;
}

static void decode_defaults(struct decoder *d, const struct opt_group *g, void *base)
{
	const struct opt *o;

	for_each_opt(o, g)
		if (o->def)
			value_from_default(o, (char *)base + o->at, d->arena);
}

/* A group in the group: each layer that has one gives what the nearer ones leave open. */
static void decode_inner(struct decoder *d, const struct opt *o, const struct layers *layers,
			 void *base)
{
	struct layers inner = { .incomplete = layers->incomplete };
	char *at = (char *)base + o->at;
	const struct node *n;
	unsigned i;

	if (o->flags & OPT_NO_MEMBER)
		return;
	for (i = 0; i < layers->n; i++) {
		n = i && !in_layer(o, layers, i) ? NULL : node_find(layers->node[i], o->name);
		if (!n)
			continue;
		inner.node[inner.n] = n;
		inner.view[inner.n++] = layers->view[i];
	}
	if (inner.n)
		decode_group(d, o->group, &inner, at);
	else if (!(o->flags & OPT_ABSENT))
		decode_defaults(d, o->group, at);
	if (inner.n && o->n_at)
		*((bool *)base + o->n_at) = true;
}

static void missing(struct decoder *d, const struct opt_group *g, const struct opt *o,
		    const struct node *n)
{
	bool in_pool = g->view == IN_SERVICE && (o->in & IN_POOL);
	struct str allowed = { 0 };

	value_allowed(o, &allowed);
	problem_at(d->problems, n, "%s is missing, must be %s%s", o->name, str_text(&allowed),
		   in_pool ? ", or come from a pool" : "");
	str_free(&allowed);
}

/* Options that only other types of check have. */
static void misplaced(struct decoder *d, const struct opt_group *g, const struct node *n,
		      const void *base)
{
	const struct opt *o, *type = schema_find(g, "type");
	struct str types = { 0 };
	const struct opt_word *w;
	const struct node *given = node_find(n, type->name);

	if (given &&
	    (given->type != NODE_TEXT ||
	     strcmp(given->text, conf_check_type_name(((const struct conf_check *)base)->type))))
		return; /* no type that there is */
	for_each_opt(o, g) {
		given = value_applies(o, base) ? NULL : node_find(n, o->name);
		if (!given)
			continue;
		types.len = 0;
		for (w = type->words; w->name; w++)
			if (o->checks & 1U << w->value)
				str_addf(&types, "%s\"%s\"", types.len ? ", " : "", w->name);
		problem_at(d->problems, given, "is for checks of type %s, not of this one's",
			   str_text(&types));
	}
	str_free(&types);
}

void decode_group(struct decoder *d, const struct opt_group *g, const struct layers *layers,
		  void *base)
{
	const struct node *n;
	const struct opt *o;

	if (g->has_where)
		*(struct conf_where *)base = decode_where(d, layers->node[0]);
	if (!decode_names(d, g, layers->node[0]))
		return;
	for_each_opt(o, g) {
		if (o->type == OPT_GROUP) {
			decode_inner(d, o, layers, base);
			continue;
		}
		if (o->type == OPT_ENUM && !o->def)
			*(unsigned *)((char *)base + o->at) = OPT_ENUM_UNSET;
		n = layers_find(d, o, layers);
		if (n && o->where_at)
			*(struct conf_where *)((char *)base + o->where_at) = decode_where(d, n);
		if (n)
			decode_opt(d, o, n, base);
		else if (o->def)
			value_from_default(o, (char *)base + o->at, d->arena);
		else if ((o->flags & OPT_REQUIRED) && !layers->incomplete)
			missing(d, g, o, layers->node[0]);
	}
	if (g == &schema_check)
		misplaced(d, g, layers->node[0], base);
}

void decode_node(struct decoder *d, const struct opt_group *g, const struct node *n, void *base)
{
	struct layers alone = { .node = { n }, .n = 1 };

	decode_group(d, g, &alone, base);
}
