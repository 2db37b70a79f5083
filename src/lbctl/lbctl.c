// SPDX-License-Identifier: BSD-2-Clause
/* lbctl: asks the running lbd and shows what it says, for people or (--json) for programs. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "ctl/proto.h"
#include "lbctl/table.h"
#include "lib/str.h"

enum {
	EXIT_ANSWER = 1, /* lbd said no */
	EXIT_REACH = 2,	 /* lbd cannot be reached, or the command line is wrong */
};

#define ANSWER_TIME 10 /* seconds */

/* ---- Asking ---- */

static int ask(const char *path, const char *command, struct str *answer)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = ANSWER_TIME };
	char buf[65536];
	ssize_t n;
	int fd, r = 0;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	snprintf(buf, sizeof(buf), "%s\n", command);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    send(fd, buf, strlen(buf), MSG_NOSIGNAL) < 0)
		r = -errno;
	while (!r && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0)
			r = -errno;
		else
			str_add(answer, buf, (size_t)n);
	}
	close(fd);
	if (r == -EPIPE || r == -ECONNRESET)
		r = 0; /* hung up: what came before is the answer */
	return r;
}

/* ---- Reading the answer ---- */

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static long long number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* "3d4h", "2m10s", "1.20s" */
static const char *span(const json_t *o, const char *key)
{
	static char buf[4][32];
	static int next;
	const json_t *v = json_object_get(o, key);
	double s = json_number_value(v);
	char *b = buf[next++ % 4];

	if (!json_is_number(v))
		snprintf(b, sizeof(*buf), "-");
	else if (s < 1)
		snprintf(b, sizeof(*buf), "%.1fms", s * 1e3);
	else if (s < 60)
		snprintf(b, sizeof(*buf), "%.2fs", s);
	else if (s < 3600)
		snprintf(b, sizeof(*buf), "%ldm%lds", (long)s / 60, (long)s % 60);
	else if (s < 86400)
		snprintf(b, sizeof(*buf), "%ldh%ldm", (long)s / 3600, (long)s % 3600 / 60);
	else
		snprintf(b, sizeof(*buf), "%ldd%ldh", (long)s / 86400, (long)s % 86400 / 3600);
	return b;
}

/* ---- Showing ---- */

static void show_nonzero(const char *title, const json_t *counters)
{
	const char *key;
	json_t *v;

	printf("%s", title);
	json_object_foreach((json_t *)counters, key, v)
		if (json_integer_value(v))
			printf(" %s=%lld", key, (long long)json_integer_value(v));
	printf("\n");
}

static void show_status(const json_t *a)
{
	static const char *const headings[] = { "INTERFACE", "DRIVER", "MODE", "ATTACHED",
						">REPAIRED", "WHY",    NULL };
	const json_t *engine = json_object_get(a, "engine"),
		     *flows = json_object_get(engine, "flows");
	const json_t *packets = json_object_get(engine, "packets"), *one;
	struct table *t = table_new(headings);
	const char *key;
	json_t *v;
	size_t i;

	printf("lbd %s, pid %lld, router %s, node %s, up %s\n", text(a, "version"),
	       number(a, "pid"), text(a, "router_id"), text(a, "node"), span(a, "uptime_s"));
	printf("config   %s: %lld instances, %lld services\n", text(a, "config"),
	       number(a, "instances"), number(a, "services"));
	printf("loop     longest turn %s since asked last; log lines lost: %lld\n",
	       span(a, "longest_turn_s"), number(a, "log_lost"));
	show_nonzero("netlink ", json_object_get(a, "netlink"));
	printf("engine   %s%s\n", text(engine, "kind"),
	       json_is_true(json_object_get(engine, "adopted"))
		       ? ", maps adopted from a predecessor"
		       : "");
	printf("flows    %lld (IPv4 entries %lld of %lld, IPv6 %lld of %lld)\n",
	       number(flows, "flows"), number(flows, "entries4"), number(flows, "size4"),
	       number(flows, "entries6"), number(flows, "size6"));
	if (number(flows, "lost"))
		printf("lost     %lld flows of servers that had left were ended, %lld resets sent\n",
		       number(flows, "lost"), number(flows, "resets_sent"));
	json_object_foreach((json_t *)packets, key, v) {
		char title[32];

		snprintf(title, sizeof(title), "%-8s", key);
		show_nonzero(title, v);
	}
	json_array_foreach(json_object_get(engine, "interfaces"), i, one) {
		table_add(t, "%s", text(one, "name"));
		table_add(t, "%s", text(one, "driver"));
		table_add(t, "%s", text(one, "mode"));
		table_add(t, "%s", json_is_true(json_object_get(one, "attached")) ? "yes" : "NO");
		table_add(t, "%lld", number(one, "repaired"));
		table_add(t, "%s", text(one, "reason"));
	}
	if (i)
		printf("\n");
	table_print(t);
}

/* The first of its checks that says down, or else the first; NULL: it has none. */
static const json_t *telling_check(const json_t *server)
{
	const json_t *checks = json_object_get(server, "checks"), *c;
	size_t i;

	json_array_foreach(checks, i, c)
		if (!json_is_true(json_object_get(c, "up")))
			return c;
	return json_array_get(checks, 0);
}

static void add_check_said(struct table *t, const json_t *c)
{
	if (!c || !number(c, "attempts"))
		table_add(t, "-");
	else
		table_add(t, "%s in %s: %s", text(c, "name"), span(c, "latency_s"),
			  text(c, "detail"));
}

static void show_servers(const json_t *servers)
{
	static const char *const headings[] = { "  SERVER",   "ADDRESS", ">PORT",   ">WEIGHT",
						"STATE",      "CHECK",	 ">ACTIVE", ">INACTIVE",
						">CONNS",     ">IN",	 ">OUT",    "NEXT HOP",
						"CHECK SAID", NULL };
	struct table *t = table_new(headings);
	const json_t *s, *c;
	size_t i;

	json_array_foreach(servers, i, s) {
		c = telling_check(s);
		table_add(t, "  %s", text(s, "name"));
		table_add(t, "%s", text(s, "address"));
		table_add(t, "%lld", number(s, "port"));
		table_add(t, "%lld", number(s, "weight"));
		table_add(t, "%s", json_is_true(json_object_get(s, "up")) ? "up" : "DOWN");
		table_add(t, "%s", c ? text(c, "last") : "-");
		table_add(t, "%lld", number(s, "active"));
		table_add(t, "%lld", number(s, "inactive"));
		table_add(t, "%lld", number(s, "conns"));
		table_add(t, "%lld", number(s, "in_packets"));
		table_add(t, "%lld", number(s, "out_packets"));
		table_add(t, "%s", text(s, "next_hop"));
		add_check_said(t, c);
	}
	table_print(t);
}

/* "80", "8000-8100" or "any"; in static memory. */
static const char *ports(const json_t *service)
{
	long long first = number(service, "port"), last = number(service, "port_last");
	static char text[32];

	if (first == 1 && last == UINT16_MAX)
		return "any";
	snprintf(text, sizeof(text), first == last ? "%lld" : "%lld-%lld", first, last);
	return text;
}

static void show_services(const json_t *a)
{
	const json_t *s, *vip;
	size_t i, j;

	json_array_foreach(a, i, s) {
		const json_t *servers = json_object_get(s, "servers");

		printf("%s%s: %s", i ? "\n" : "", text(s, "name"), text(s, "protocol"));
		json_array_foreach(json_object_get(s, "vips"), j, vip)
			printf("%s%s", j ? ", " : " ", json_string_value(vip));
		printf(" port %s, %s, %s, %lld of %zu servers available, %lld connections so far\n",
		       ports(s), text(s, "method"), text(s, "scheduler"), number(s, "available"),
		       json_array_size(servers), number(s, "conns"));
		show_servers(servers);
	}
	if (!json_array_size(a))
		printf("no services\n");
}

static void show_vrrp(const json_t *a)
{
	static const char *const headings[] = { "INSTANCE", "INTERFACE", ">VRID",     "FAMILY",
						"STATE",    "SINCE",	 ">PRIORITY", "GROUP",
						"MASTER",   "ADVERT",	 "WHY",	      NULL };
	struct table *t = table_new(headings);
	const json_t *v;
	size_t i;

	json_array_foreach(a, i, v) {
		table_add(t, "%s", text(v, "name"));
		table_add(t, "%s", text(v, "interface"));
		table_add(t, "%lld", number(v, "vrid"));
		table_add(t, "%s", text(v, "family"));
		table_add(t, "%s", text(v, "state"));
		table_add(t, "%s", span(v, "since_s"));
		table_add(t, "%lld", number(v, "priority"));
		table_add(t, "%s", text(v, "group"));
		table_add(t, "%s", text(v, "master"));
		table_add(t, "%s", span(v, "master_interval_s"));
		table_add(t, "%s", text(v, "reason"));
	}
	table_print(t);
}

static const struct {
	const char *name, *help;
	void (*show)(const json_t *answer);
} commands[] = {
#define X(name, list, help) { #name, help, show_##name },
	CTL_COMMANDS(X)
#undef X
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* ---- Command line ---- */

static void usage(FILE *to)
{
	size_t i;

	fprintf(to, "Usage: lbctl [-s SOCKET] [--json] COMMAND\n\n");
	for (i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-10s  %s\n", commands[i].name, commands[i].help);
	fprintf(to,
		"\n  -s, --socket PATH   the daemon's control socket (%s)\n"
		"  -j, --json          the answer as JSON\n"
		"  -V, --version\n"
		"  -h, --help\n"
		"\nExit status: 1 lbd refused, 2 it cannot be reached.\n",
		CTL_SOCKET);
}

static int run(const char *path, size_t command, int json)
{
	struct str answer = { 0 };
	int r = ask(path, commands[command].name, &answer), status = 0;
	json_t *value;

	if (r) {
		fprintf(stderr, "lbctl: %s: %s (is lbd running? -s names another socket)\n", path,
			strerror(-r));
		str_free(&answer);
		return EXIT_REACH;
	}
	value = json_loads(str_text(&answer), JSON_DECODE_ANY, NULL);
	if (!answer.len) {
		fprintf(stderr,
			"lbctl: %s: no answer: only root and lbd's own user get one, a few at a time\n",
			path);
		status = EXIT_REACH;
	} else if (!value) {
		fprintf(stderr, "lbctl: %s: the answer is no JSON: is it lbd's socket?\n", path);
		status = EXIT_REACH;
	} else if (json_object_get(value, "error")) {
		fprintf(stderr, "lbctl: %s\n", text(value, "error"));
		status = EXIT_ANSWER;
	} else if (json) {
		printf("%s\n", str_text(&answer));
	} else {
		commands[command].show(value);
	}
	json_decref(value);
	str_free(&answer);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *path = CTL_SOCKET;
	int json = 0, k;
	size_t i;

	while ((k = getopt_long(argc, argv, "s:jVh", longs, NULL)) != -1) {
		switch (k) {
		case 's':
			path = optarg;
			break;
		case 'j':
			json = 1;
			break;
		case 'V':
			puts("lbctl " PACKAGE_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			return EXIT_REACH;
		}
	}
	for (i = 0; optind + 1 == argc && i < COMMANDS; i++)
		if (!strcmp(argv[optind], commands[i].name))
			return run(path, i, json);
	if (optind + 1 == argc)
		fprintf(stderr, "lbctl: no command \"%s\"\n\n", argv[optind]);
	usage(stderr);
	return EXIT_REACH;
}
