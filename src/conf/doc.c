// SPDX-License-Identifier: BSD-2-Clause
/* Prints what the table of options knows: `doc mdoc` is the reference part of lbd.conf(5), `doc
 * dict` a dictionary for the fuzzer.  Runs at build time only. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/schema.h"
#include "conf/value.h"

/* In the order of the manual. */
static const struct section {
	const struct opt_group *group;
	const char *title;
	const char *see; /* where the same options are explained: here they are only named */
} sections[] = {
	{ &schema_file, "The file", NULL },
	{ &schema_director, "director: { ... }", NULL },
	{ &schema_vrrp, "vrrp: { NAME: { ... }; ... }", NULL },
	{ &schema_track, "track: { NAME: { ... }; ... }", NULL },
	{ &schema_vrrp_group, "vrrp_groups: { NAME = [ \"member\", ... ]; ... }", NULL },
	{ &schema_service, "services: { NAME: { ... }; ... }", NULL },
	{ &schema_timeouts, "timeouts: { ... }", NULL },
	{ &schema_persistence, "persistence: { ... }", NULL },
	{ &schema_server, "servers: { NAME: { ... }; ... }", NULL },
	{ &schema_sorry, "sorry: { ... }", "servers" },
	{ &schema_check, "checks: { NAME: { ... }; ... }", NULL },
	{ &schema_pool, "pools: { NAME: { ... }; ... }", "services" },
	{ &schema_defaults, "defaults: { ... }", "services" },
	{ &schema_node, "nodes: { NAME: { ... }; ... }", NULL },
};

#define N_SECTIONS (sizeof(sections) / sizeof(*sections))

/* mdoc wants each sentence on a line of its own; ours are two spaces apart. */
static void sentences(const char *text)
{
	const char *end;

	while ((end = strstr(text, ".  "))) {
		printf("%.*s\n", (int)(end + 1 - text), text);
		text = end + 3;
	}
	printf("%s\n", text);
}

static void type_text(const struct opt *o, struct str *out)
{
	const struct opt_word *w;

	switch (o->type) {
	case OPT_ENUM:
	case OPT_ENUM8:
		for (w = o->words; w->name; w++)
			str_addf(out, "%s\\(dq%s\\(dq", w == o->words ? "" : " | ", w->name);
		break;
	case OPT_STRING:
	case OPT_BYTES:
	case OPT_REGEX:
		str_addf(out, "\\(dqtext\\(dq");
		break;
	case OPT_STATUS:
		str_addf(out, "\\(dqstatus\\(dq");
		break;
	case OPT_HEX:
		str_addf(out, "\\(dqhex\\(dq");
		break;
	case OPT_INTERFACE:
		str_addf(out, "\\(dqinterface\\(dq");
		break;
	case OPT_PATH:
		str_addf(out, "\\(dq/path\\(dq");
		break;
	case OPT_ADDR:
		str_addf(out, "\\(dqaddress\\(dq");
		break;
	case OPT_NET:
		str_addf(out, "\\(dqaddress[/length]\\(dq");
		break;
	case OPT_VIP:
		str_addf(out, "\\(dqaddress%s [dev interface]\\(dq",
			 o->flags & OPT_BARE ? "[/length]" : "/length");
		break;
	case OPT_BOOL:
		str_addf(out, "true | false");
		break;
	case OPT_DURATION:
		str_addf(out, "\\(dqduration\\(dq");
		break;
	case OPT_PERCENT:
		str_addf(out, "\\(dqpercent%%\\(dq");
		break;
	case OPT_PORTS:
		str_addf(out, "number | \\(dqfirst-last\\(dq%s",
			 o->min == 1 ? " | \\(dqany\\(dq" : "");
		break;
	case OPT_U32:
	case OPT_U16:
	case OPT_S32:
		str_addf(out, "number");
		break;
	default:
		break;
	}
}

/* A quotation mark inside a macro's argument is \(dq. */
static void heading(const struct opt *o)
{
	struct opt elem = *o;
	struct str type = { 0 };

	if (o->type == OPT_GROUP || o->type == OPT_NAMED) {
		printf(".It Ic %s : No { ... }\n", o->name);
		return;
	}
	elem.type = o->type == OPT_LIST ? o->elem : o->type;
	type_text(&elem, &type);
	printf(o->type == OPT_LIST ? ".It Ic %s No \"= [ %s, ... ]\"\n" : ".It Ic %s No \"= %s\"\n",
	       o->name, str_text(&type));
	str_free(&type);
}

static void bounds(const struct opt *o)
{
	struct str text = { 0 };

	if (o->type == OPT_U32 || o->type == OPT_U16 || o->type == OPT_PORTS) {
		printf("Allowed: %" PRIu64 " to %" PRIu64 ".\n", o->min, o->max);
	} else if (o->type == OPT_S32) {
		printf("Allowed: \\-%" PRIu64 " to %" PRIu64 ".\n", o->max, o->max);
	} else if (o->type == OPT_DURATION) {
		str_addf(&text, "Allowed: ");
		duration_print(o->min, &text);
		str_addf(&text, " to ");
		duration_print(o->max, &text);
		if (o->step) {
			str_addf(&text, " in steps of ");
			duration_print(o->step, &text);
		}
		printf("%s.\n", str_text(&text));
	}
	str_free(&text);
}

static void default_text(const struct opt *o)
{
	bool plain = o->type == OPT_U32 || o->type == OPT_U16 || o->type == OPT_S32 ||
		     o->type == OPT_BOOL;

	if (o->flags & OPT_REQUIRED)
		printf("Required.\n");
	else if (o->def)
		printf("Default: %s%s%s.\n", plain ? "" : "\"", o->def, plain ? "" : "\"");
	else if (o->def_doc)
		printf("Default: %s.\n", o->def_doc);
	if (o->flags & OPT_RESTART)
		printf("A change holds after the next start.\n");
}

static void of_types(const struct opt *o)
{
	const struct opt_word *w = schema_find(&schema_check, "type")->words;
	const char *between = "For type";

	if (!o->checks)
		return;
	for (; w->name; w++) {
		if (!(o->checks & 1U << w->value))
			continue;
		printf("%s %s", between, w->name);
		between = ",";
	}
	printf(".\n");
}

static void print_options(const struct opt_group *g)
{
	const struct opt *o;

	printf(".Bl -tag -width Ds\n");
	for_each_opt(o, g) {
		heading(o);
		of_types(o);
		sentences(o->doc);
		bounds(o);
		default_text(o);
	}
	printf(".El\n");
}

static void name_options(const struct opt_group *g, const char *see)
{
	const struct opt *o;

	printf("It may hold what is explained under\n.Ic %s :\n.Bl -item -compact\n", see);
	for_each_opt(o, g)
		printf(".It\n.Ic %s\n", o->name);
	printf(".El\n");
}

static void print_mdoc(void)
{
	const struct section *s;

	for (s = sections; s < sections + N_SECTIONS; s++) {
		printf(".Ss %s\n", s->title);
		sentences(s->group->doc);
		if (s->see)
			name_options(s->group, s->see);
		else
			print_options(s->group);
	}
}

static void print_dict(void)
{
	const struct section *s;
	const struct opt_word *w;
	const struct opt *o;

	for (s = sections; s < sections + N_SECTIONS; s++) {
		for_each_opt(o, s->group) {
			printf("\"%s\"\n", o->name);
			if (o->def)
				printf("\"%s\"\n", o->def);
			for (w = o->words; w && w->name; w++)
				printf("\"\\\"%s\\\"\"\n", w->name);
		}
	}
	printf("\"@include\"\n\"/*\"\n\"192.0.2.1/24 dev eth1\"\n\"2001:db8::1/64\"\n");
	printf("\"\\\"8000-8100\\\"\"\n\"\\\"any\\\"\"\n\"198.51.100.0/24\"\n");
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "mdoc"))
		print_mdoc();
	else if (argc == 2 && !strcmp(argv[1], "dict"))
		print_dict();
	else
		return 2;
	return ferror(stdout) ? 1 : 0;
}
