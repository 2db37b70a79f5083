// SPDX-License-Identifier: BSD-2-Clause
/* lbd-decap: lets a real server whose kernel has no tunnels take packets out of them. */
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rs/decap.h"

enum exit_status {
	EXIT_FINE,
	EXIT_WRONG,
	EXIT_USAGE,
};

static const char usage[] =
	"usage: lbd-decap start INTERFACE --to ADDRESS --vip ADDRESS[/LENGTH]... [--to ...]\n"
	"       lbd-decap stop [INTERFACE]\n"
	"       lbd-decap status [INTERFACE] [--json]\n"
	"See lbd-rs(7).\n";

static const struct {
	const char *name, *help;
} counters[] = {
#define X(name, text, help) [DECAP_##name] = { text, help },
	DECAP_COUNTERS(X)
#undef X
};

struct arguments {
	const char *interface; /* NULL: all */
	bool json;
	struct decap_config config;
};

static int bad_usage(const char *what, const char *value)
{
	fprintf(stderr, "lbd-decap: %s%s\n%s", what, value, usage);
	return EXIT_USAGE;
}

/* ---- Which interfaces ---- */

struct names {
	char (*name)[IFNAMSIZ];
	unsigned n;
};

static void note_name(void *ctx, const char *interface)
{
	struct names *all = ctx;

	all->name = reallocarray(all->name, all->n + 1, sizeof(*all->name));
	if (!all->name)
		abort();
	snprintf(all->name[all->n++], sizeof(*all->name), "%s", interface);
}

/* The one that was named, or all that were started. */
static void find_names(const struct arguments *a, struct names *ret)
{
	if (a->interface)
		note_name(ret, a->interface);
	else
		decap_each(note_name, ret);
}

/* ---- start, stop ---- */

static int start(const struct arguments *a)
{
	const struct decap_config *c = &a->config;
	struct str why = { 0 };
	unsigned i;
	int r;

	if (!a->interface || !c->n_tunnels)
		return bad_usage("start needs an interface and --to", "");
	for (i = 0; i < c->n_tunnels; i++)
		if (!c->tunnels[i].n_vips)
			return bad_usage("each --to needs a --vip behind it", "");
	r = decap_start(a->interface, c, &why);
	if (r)
		fprintf(stderr, "lbd-decap: %s: %s\n", a->interface, str_text(&why));
	str_free(&why);
	return r ? EXIT_WRONG : EXIT_FINE;
}

static int stop(const struct arguments *a)
{
	struct names all = { 0 };
	struct str why = { 0 };
	int status = EXIT_FINE;
	unsigned i;

	find_names(a, &all);
	for (i = 0; i < all.n; i++) {
		if (!decap_stop(all.name[i], &why))
			continue;
		fprintf(stderr, "lbd-decap: %s: %s\n", all.name[i], str_text(&why));
		str_free(&why);
		status = EXIT_WRONG;
	}
	free(all.name);
	return status;
}

/* ---- status ---- */

static void print_text(const char *interface, const struct decap_state *s)
{
	const struct decap_tunnel *t;
	char text[PREFIX_STRLEN];
	unsigned i;

	printf("%s: %s\n", interface,
	       strcmp(s->program, "none") ? s->program : "the program has been taken away");
	for (t = s->config.tunnels; t < s->config.tunnels + s->config.n_tunnels; t++) {
		printf("  to %s for", addr_str(&t->to, text));
		for (i = 0; i < t->n_vips; i++)
			printf(" %s", t->vips[i].len == addr_bits(&t->vips[i].addr)
					      ? addr_str(&t->vips[i].addr, text)
					      : prefix_str(&t->vips[i], text));
		printf("\n");
	}
	for (i = 0; i < DECAP_COUNTERS_N; i++)
		printf("  %-17s %12llu  %s\n", counters[i].name, (unsigned long long)s->counters[i],
		       counters[i].help);
}

/* Names of interfaces may hold a quote or a backslash. */
static void print_json_name(const char *name)
{
	for (; *name; name++)
		printf((*name == '"' || *name == '\\') ? "\\%c" : "%c", *name);
}

static void print_json(const char *interface, const struct decap_state *s)
{
	const struct decap_tunnel *t;
	char text[PREFIX_STRLEN];
	unsigned i;

	printf("{\"interface\": \"");
	print_json_name(interface);
	printf("\", \"program\": \"%s\", \"tunnels\": [", s->program);
	for (t = s->config.tunnels; t < s->config.tunnels + s->config.n_tunnels; t++) {
		printf("%s{\"to\": \"%s\", \"vips\": [", t == s->config.tunnels ? "" : ", ",
		       addr_str(&t->to, text));
		for (i = 0; i < t->n_vips; i++)
			printf("%s\"%s\"", i ? ", " : "", prefix_str(&t->vips[i], text));
		printf("]}");
	}
	printf("], \"counters\": {");
	for (i = 0; i < DECAP_COUNTERS_N; i++)
		printf("%s\"%s\": %llu", i ? ", " : "", counters[i].name,
		       (unsigned long long)s->counters[i]);
	printf("}}");
}

/* Wrong is also what was started and does not work any more. */
static int status(const struct arguments *a)
{
	struct names all = { 0 };
	struct str why = { 0 };
	struct decap_state s;
	int ret = EXIT_FINE;
	unsigned i, shown = 0;

	find_names(a, &all);
	if (a->json)
		printf("[");
	for (i = 0; i < all.n; i++) {
		if (decap_look(all.name[i], &s, &why)) {
			fprintf(stderr, "lbd-decap: %s: %s\n", all.name[i], str_text(&why));
			str_free(&why);
			ret = EXIT_WRONG;
			continue;
		}
		if (a->json)
			printf("%s", shown++ ? ", " : "");
		(a->json ? print_json : print_text)(all.name[i], &s);
		if (!strcmp(s.program, "none"))
			ret = EXIT_WRONG;
		decap_state_free(&s);
	}
	if (a->json)
		printf("]\n");
	free(all.name);
	return ret;
}

/* ---- Words ---- */

static const struct {
	const char *word;
	int (*run)(const struct arguments *a);
	const char *options; /* initials */
} commands[] = {
	{ "start", start, "tv" },
	{ "stop", stop, "" },
	{ "status", status, "j" },
};

static const struct option options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "vip", required_argument, NULL, 'v' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int take_to(struct arguments *a, const char *text)
{
	struct addr to;
	unsigned i;

	if (addr_parse(text, &to))
		return bad_usage("--to takes an IPv4 or IPv6 address, not ", text);
	for (i = 0; i < a->config.n_tunnels; i++)
		if (addr_equal(&a->config.tunnels[i].to, &to))
			return bad_usage("--to twice with ", text);
	decap_config_add(&a->config, &to);
	return 0;
}

static int take_vip(struct arguments *a, const char *text)
{
	struct prefix vip;

	if (prefix_parse(text, &vip))
		return bad_usage("--vip takes an address, or a network with its length, not ",
				 text);
	if (!a->config.n_tunnels)
		return bad_usage("--vip needs a --to before it", "");
	decap_config_add_vip(&a->config, &vip);
	return 0;
}

static int run(size_t command, int argc, char **argv, struct arguments *a)
{
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return EXIT_FINE;
		}
		if (c == '?')
			return bad_usage("see above", "");
		if (!strchr(commands[command].options, c))
			return bad_usage("an option that is not for ", commands[command].word);
		r = c == 't' ? take_to(a, optarg) : c == 'v' ? take_vip(a, optarg) : 0;
		if (r)
			return r;
		a->json |= c == 'j';
	}
	if (argc - optind > 1)
		return bad_usage("one interface at most, not also ", argv[optind + 1]);
	if (optind < argc)
		a->interface = argv[optind];
	if (a->interface && (!*a->interface || strlen(a->interface) >= IFNAMSIZ ||
			     strpbrk(a->interface, "/:") || a->interface[0] == '.'))
		return bad_usage("no name of an interface: ", a->interface);
	return commands[command].run(a);
}

int main(int argc, char **argv)
{
	struct arguments a = { 0 };
	size_t i;
	int r;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return EXIT_FINE;
	}
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (argc < 2 || strcmp(argv[1], commands[i].word))
			continue;
		r = run(i, argc - 1, argv + 1, &a);
		decap_config_free(&a.config);
		return r;
	}
	return bad_usage("start, stop or status, not ", argc > 1 ? argv[1] : "nothing");
}
