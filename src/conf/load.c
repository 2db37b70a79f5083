// SPDX-License-Identifier: BSD-2-Clause
/* Files become one tree: text, libconfig, includes.  The only file that knows libconfig; its tree
 * is copied, since it can neither be merged with another one nor keep names of files. */
#include "conf/load.h"

#include <errno.h>
#include <glob.h>
#include <libconfig.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/problems.h"

#define INCLUDE_DEPTH 8
#define LOADED_MAX    1000

struct loaded {
	dev_t dev;
	ino_t ino;
	const char *file;
};

struct loader {
	const struct text_source *source;
	struct node *root;
	struct loaded loaded[LOADED_MAX];
	unsigned n_loaded;
};

static void load_file(struct loader *l, const char *file, const struct node *from, unsigned depth);

/* ---- libconfig's tree ---- */

static void copy_value(struct arena *arena, const config_setting_t *s, struct node *n)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		n->type = NODE_NUMBER;
		n->number = config_setting_get_int64(s);
		break;
	case CONFIG_TYPE_FLOAT:
		n->type = NODE_REAL;
		n->real = config_setting_get_float(s);
		break;
	case CONFIG_TYPE_BOOL:
		n->type = NODE_TRUTH;
		n->truth = config_setting_get_bool(s);
		break;
	default:
		n->type = NODE_TEXT;
		n->text = arena_strdup(arena, config_setting_get_string(s));
	}
}

/* The depth is bounded by the text's brackets. */
static struct node *copy_setting(struct arena *arena, const struct text *text,
				 const config_setting_t *s, const struct node *parent)
{
	struct node *n = arena_alloc(arena, sizeof(*n));
	unsigned i, count;

	n->parent = parent;
	if (config_setting_name(s))
		n->name = arena_strdup(arena, config_setting_name(s));
	text_where(text, config_setting_source_line(s), &n->file, &n->line);
	if (!config_setting_is_aggregate(s)) {
		copy_value(arena, s, n);
		return n;
	}
	n->type = config_setting_is_group(s) ? NODE_GROUP : NODE_LIST;
	count = (unsigned)config_setting_length(s);
	n->kids = arena_alloc(arena, count * sizeof(*n->kids));
	for (i = 0; i < count; i++)
		n->kids[n->n++] = copy_setting(arena, text, config_setting_get_elem(s, i), n);
	return n;
}

/* What libconfig says, in words that help. */
static const char *explain(const char *libconfig)
{
	static const struct {
		const char *theirs, *ours;
	} texts[] = {
		{ "syntax error",
		  "syntax error here or just before: name = value; or name: { ... };" },
		{ "duplicate setting name", "this name is already there in the same group" },
		{ "mismatched element type in array",
		  "the values of this list are not all of the same type" },
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (!strcmp(texts[i].theirs, libconfig))
			return texts[i].ours;
	return libconfig;
}

static struct node *parse(const struct text_source *source, const struct text *text)
{
	struct node *root = NULL;
	config_t config;
	const char *file;
	unsigned line;

	config_init(&config);
	if (config_read_string(&config, str_text(&text->str))) {
		root = copy_setting(source->arena, text, config_root_setting(&config), NULL);
	} else {
		text_where(text, (unsigned)config_error_line(&config), &file, &line);
		problem_add(source->problems, SEVERITY_ERROR, file, line, NULL, "%s",
			    explain(config_error_text(&config)));
	}
	config_destroy(&config);
	return root;
}

static struct node *read_tree(const struct text_source *source, const char *file, const char *bytes,
			      size_t len)
{
	struct node *root = NULL;
	struct text text;

	if (!text_expand(source, file, bytes, len, &text))
		root = parse(source, &text);
	text_free(&text);
	return root;
}

/* ---- include = [ "conf.d/...conf" ] ---- */

/* The folder's name is meant literally, whatever it contains. */
static void add_literally(struct str *pattern, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		str_addf(pattern, strchr("*?[]\\", text[i]) ? "\\%c" : "%c", text[i]);
}

static void include_pattern(struct loader *l, const struct node *n, unsigned depth)
{
	const char *slash = strrchr(n->file, '/');
	struct problems *problems = l->source->problems;
	struct str pattern = { 0 }, path = { 0 };
	glob_t found = { 0 };
	size_t i;

	if (slash && *n->text != '/')
		add_literally(&pattern, n->file, (size_t)(slash + 1 - n->file));
	str_addf(&pattern, "%s", n->text);
	if (!glob(str_text(&pattern), 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc; i++)
			load_file(l, arena_strdup(l->source->arena, found.gl_pathv[i]), n, depth);
	} else if (strpbrk(n->text, "*?[")) {
		node_path(n, &path);
		problem_add(problems, SEVERITY_WARNING, n->file, n->line, str_text(&path),
			    "no file matches \"%s\"", n->text);
	} else {
		problem_at(problems, n, "there is no file \"%s\"", n->text);
	}
	globfree(&found);
	str_free(&pattern);
	str_free(&path);
}

static void include(struct loader *l, const struct node *n, unsigned depth)
{
	unsigned i;

	if (!n)
		return;
	if (l->source->alone)
		problem_at(l->source->problems, n, "is not possible in a text that stands alone");
	else if (depth > INCLUDE_DEPTH)
		problem_at(l->source->problems, n, "is nested deeper than %u", INCLUDE_DEPTH);
	else if (n->type == NODE_LIST)
		for (i = 0; i < n->n; i++)
			include(l, n->kids[i], depth);
	else if (n->type == NODE_TEXT)
		include_pattern(l, n, depth);
	else
		problem_at(l->source->problems, n, "is %s, must be a list of file names",
			   node_type_name(n));
}

/* A file has its own include; it must not meet the other files' when they are merged. */
static const struct node *take_include(struct node *root)
{
	const struct node *taken = node_find(root, "include");
	unsigned i, n = 0;

	for (i = 0; i < root->n; i++)
		if (root->kids[i] != taken)
			root->kids[n++] = root->kids[i];
	root->n = n;
	return taken;
}

/* ---- files ---- */

/* Sections are merged name by name; in `nodes` the sections of each node. */
static void merge_file(struct loader *l, struct node *root)
{
	static const char nodes[] = "nodes";
	struct node part;
	unsigned i;

	for (i = 0; i < root->n; i++) {
		part = *root;
		part.kids = &root->kids[i];
		part.n = 1;
		node_merge(l->source->arena, l->root, &part,
			   strcmp(root->kids[i]->name, nodes) ? 1 : 3, l->source->problems);
	}
}

static void add_file(struct loader *l, const char *file, const char *bytes, size_t len,
		     unsigned depth)
{
	struct node *root = read_tree(l->source, file, bytes, len);
	const struct node *more;

	if (!root)
		return;
	more = take_include(root);
	if (l->root)
		merge_file(l, root);
	else
		l->root = root;
	include(l, more, depth + 1);
}

/* Whether the file is another one than those before it. */
static bool is_new(struct loader *l, const char *file, const struct node *from)
{
	struct stat st;
	unsigned i;

	if (stat(file, &st) < 0)
		return true; /* reading it will say why */
	for (i = 0; i < l->n_loaded; i++) {
		if (l->loaded[i].dev != st.st_dev || l->loaded[i].ino != st.st_ino)
			continue;
		problem_at(l->source->problems, from, "%s is read already (as %s)", file,
			   l->loaded[i].file);
		return false;
	}
	if (l->n_loaded == LOADED_MAX) {
		problem_at(l->source->problems, from, "more than %u files", LOADED_MAX);
		return false;
	}
	l->loaded[l->n_loaded++] = (struct loaded){ st.st_dev, st.st_ino, file };
	return true;
}

/* from: the setting that asked for it, NULL for the first file. */
static void load_file(struct loader *l, const char *file, const struct node *from, unsigned depth)
{
	struct str bytes = { 0 };
	int r;

	if (!is_new(l, file, from))
		return;
	problems_file(l->source->problems, file);
	r = text_read_file(file, &bytes);
	if (r == 0)
		add_file(l, file, str_text(&bytes), bytes.len, depth);
	else if (from)
		problem_at(l->source->problems, from, "%s: %s", file, strerror(-r));
	else
		problem_add(l->source->problems, SEVERITY_ERROR, file, 0, NULL,
			    "cannot be read: %s", strerror(-r));
	str_free(&bytes);
}

struct node *load_tree(const struct text_source *source, const char *file, const char *bytes,
		       size_t len)
{
	struct loader l = { .source = source };

	if (bytes) {
		problems_file(source->problems, file);
		add_file(&l, file, bytes, len, 0);
	} else {
		load_file(&l, file, NULL, 0);
	}
	return l.root;
}
