// SPDX-License-Identifier: BSD-2-Clause
/* The sysctls that a director needs: set and restored, or only checked.
 *
 * What is written is remembered with what stood there before; sysctls_restore puts that back where
 * lbd's own value still stands.  A daemon that was killed leaves them set, and the next one takes
 * them for the operator's. */
#include "net/sysctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "net/internal.h"

#define ROOT	 "/proc/sys/net/"
#define PATH_LEN 96 /* longest: net/ipv6/conf/, a name of 15, a key */

struct value {
	char path[PATH_LEN];
	char old[SYSCTL_VALUE], ours[SYSCTL_VALUE];
};

struct sysctls {
	struct value *values;
	size_t n, size;
};

struct run {
	bool set;
	struct str *problems;
	struct sysctls *s;
};

enum where {
	ONCE,
	EACH_OURS, /* each interface that carries traffic */
	EVERY,	   /* each interface that there is, `all` and `default` */
};

struct rule {
	enum where where;
	const char *path; /* below net/; %s is the interface */
	const char *want; /* NULL: only remembered */
	/* Whether `value` of that interface must become `want`; NULL: when it differs. */
	bool (*wrong)(const char *link, const char *value);
	/* Remembered when this one (wanted 1) is about to be written, which overwrites it. */
	const char *with;
};

static int read_value(const char *path, char *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret, SYSCTL_VALUE - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

static int write_value(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		r = -errno;
	close(fd);
	return r;
}

void sysctl_link_swap(const char *link, const char *key, const char *value, char *ret_old)
{
	char path[PATH_LEN], old[SYSCTL_VALUE];

	snprintf(path, sizeof(path), ROOT "ipv4/conf/%s/%s", link, key);
	if (ret_old)
		ret_old[0] = '\0';
	if (read_value(path, old) || !strcmp(old, value) || write_value(path, value))
		return;
	if (ret_old)
		memcpy(ret_old, old, sizeof(old));
}

/* The name as sysctl(8) takes it: dots for slashes, and a slash for the dot of "eth0.100". */
static const char *name_of(const char *path, char *buf)
{
	char *c;

	snprintf(buf, PATH_LEN, "%s", path + strlen("/proc/sys/"));
	for (c = buf; *c; c++)
		*c = *c == '/' ? '.' : *c == '.' ? '/' : *c;
	return buf;
}

static int number_at(const char *fmt, const char *link)
{
	char path[PATH_LEN], value[SYSCTL_VALUE];

	snprintf(path, sizeof(path), fmt, link);
	return read_value(path, value) ? -1 : atoi(value);
}

/* The kernel takes the larger of `all` and the interface's own: 1 is strict, 2 loose. */
static bool is_strict(const char *, const char *value)
{
	int all = number_at(ROOT "ipv4/conf/%s/rp_filter", "all"), own = atoi(value);

	return (all > own ? all : own) == 1;
}

static bool would_go_deaf(const char *link, const char *value)
{
	static const char *const no_links[] = { "all", "default", "lo" };
	size_t i;

	for (i = 0; i < sizeof(no_links) / sizeof(*no_links); i++)
		if (!strcmp(link, no_links[i]))
			return false;
	return !strcmp(value, "1") && number_at(ROOT "ipv6/conf/%s/forwarding", link) == 0;
}

/* In the order of writing; restored in reverse. */
static const struct rule rules_v4[] = {
	/* Writing ip_forward overwrites these; they must be as they were when it is taken back. */
	{ .where = EVERY, .path = "ipv4/conf/%s/forwarding", .with = "ipv4/ip_forward" },
	{ .where = ONCE, .path = "ipv4/conf/all/accept_redirects", .with = "ipv4/ip_forward" },
	/* bpf_fib_lookup finds no route on an interface that does not forward, and the servers' own
	 * packets through a nat director are forwarded by the kernel. */
	{ .where = ONCE, .path = "ipv4/ip_forward", .want = "1" },
	/* A director with clients and servers on one interface would tell the servers to answer
	 * clients directly, past the NAT.  The kernel sends redirects where `all` or the interface
	 * says so. */
	{ .where = ONCE, .path = "ipv4/conf/all/send_redirects", .want = "0" },
	{ .where = EACH_OURS, .path = "ipv4/conf/%s/send_redirects", .want = "0" },
	/* Packets of services never meet the filter.  What the programs leave to the stack does:
	 * checks' and pings' packets, fragments, ICMP errors.  With dr and tun they come in on one
	 * side while the best route back goes out of another, and strict filtering drops them
	 * without a word.  Loose still drops what no route at all leads back to; 0 stays 0. */
	{ .where = EACH_OURS, .path = "ipv4/conf/%s/rp_filter", .want = "2", .wrong = is_strict },
};

static const struct rule rules_v6[] = {
	{ .where = EVERY, .path = "ipv6/conf/%s/forwarding", .with = "ipv6/conf/all/forwarding" },
	/* An interface that forwards ignores router advertisements unless accept_ra is 2, and
	 * turning forwarding on drops the default routes learnt from them: so this goes first, on
	 * all. */
	{ .where = EVERY, .path = "ipv6/conf/%s/accept_ra", .want = "2", .wrong = would_go_deaf },
	{ .where = ONCE, .path = "ipv6/conf/all/forwarding", .want = "1" },
};

static int remember(struct sysctls *s, const char *path, const char *old)
{
	struct value *v;
	size_t i;

	/* What stood there before lbd first wrote it is what it goes back to. */
	for (i = 0; i < s->n; i++)
		if (!strcmp(s->values[i].path, path))
			return 0;
	if (s->n == s->size) {
		size_t size = s->size ? s->size * 2 : 16;

		v = realloc(s->values, size * sizeof(*v));
		if (!v)
			return -ENOMEM;
		s->values = v;
		s->size = size;
	}
	v = &s->values[s->n++];
	snprintf(v->path, sizeof(v->path), "%s", path);
	memcpy(v->old, old, sizeof(v->old));
	return 0;
}

static bool will_be_written(const char *path)
{
	char full[PATH_LEN], value[SYSCTL_VALUE];

	snprintf(full, sizeof(full), ROOT "%s", path);
	return !read_value(full, value) && strcmp(value, "1");
}

static int set_value(struct run *run, const char *path, const char *old, const char *want)
{
	size_t n = run->s->n;
	char name[PATH_LEN];
	int r;

	name_of(path, name);
	if (!run->set) {
		str_addf(run->problems, "%s is %s, must be %s: sysctl -w %s=%s\n", name, old, want,
			 name, want);
		return 0;
	}
	r = remember(run->s, path, old);
	if (r)
		return r;
	r = write_value(path, want);
	if (!r) {
		log_info("sysctl", "%s: %s -> %s", name, old, want);
		return 0;
	}
	run->s->n = n;
	str_addf(run->problems, "%s is %s, must be %s, and cannot be written: %s\n", name, old,
		 want, strerror(-r));
	return 0;
}

/* link is "" for what is there once. */
static int apply_one(struct run *run, const struct rule *rule, const char *link)
{
	char path[PATH_LEN] = ROOT, name[PATH_LEN], old[SYSCTL_VALUE];
	size_t root = strlen(ROOT);
	int r;

	snprintf(path + root, sizeof(path) - root, rule->path, link);
	r = read_value(path, old);
	/* An interface that is not there (yet) has nothing to be set. */
	if (r == -ENOENT && link[0])
		return 0;
	if (r) {
		str_addf(run->problems, "%s cannot be read: %s\n", name_of(path, name),
			 strerror(-r));
		return 0;
	}
	if (!rule->want)
		return run->set && will_be_written(rule->with) ? remember(run->s, path, old) : 0;
	if (rule->wrong ? rule->wrong(link, old) : strcmp(old, rule->want))
		return set_value(run, path, old, rule->want);
	return 0;
}

static int apply_everywhere(struct run *run, const struct rule *rule)
{
	char path[PATH_LEN];
	struct dirent *e;
	int r = 0;
	DIR *dir;

	snprintf(path, sizeof(path), ROOT "%.*s", (int)(strchr(rule->path, '%') - rule->path),
		 rule->path);
	dir = opendir(path);
	if (!dir)
		return 0; /* the rule that this one is for will say it */
	while (!r && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			r = apply_one(run, rule, e->d_name);
	closedir(dir);
	return r;
}

static int apply_rules(struct run *run, const struct rule *rules, size_t n_rules,
		       const char *const *interfaces, unsigned n)
{
	size_t i;
	unsigned k;
	int r = 0;

	for (i = 0; i < n_rules && !r; i++) {
		if (rules[i].where == ONCE)
			r = apply_one(run, &rules[i], "");
		else if (rules[i].where == EVERY)
			r = apply_everywhere(run, &rules[i]);
		else
			for (k = 0; k < n && !r; k++)
				r = apply_one(run, &rules[i], interfaces[k]);
	}
	return r;
}

/* Drops what is no longer ours: changed by somebody since, or gone with its interface. */
static void forget_changed(struct sysctls *s)
{
	char now[SYSCTL_VALUE];
	size_t i, n = 0;

	for (i = 0; i < s->n; i++)
		if (!read_value(s->values[i].path, now) && !strcmp(now, s->values[i].ours))
			s->values[n++] = s->values[i];
	s->n = n;
}

int sysctls_apply(const char *const *interfaces, unsigned n, bool v4, bool v6, bool set,
		  struct str *problems, struct sysctls **s)
{
	struct run run = { .set = set, .problems = problems };
	size_t i;
	int r = 0;

	if (!*s)
		*s = calloc(1, sizeof(**s));
	if (!*s)
		return -ENOMEM;
	run.s = *s;
	forget_changed(run.s);
	if (v4)
		r = apply_rules(&run, rules_v4, sizeof(rules_v4) / sizeof(*rules_v4), interfaces,
				n);
	if (v6 && !r)
		r = apply_rules(&run, rules_v6, sizeof(rules_v6) / sizeof(*rules_v6), interfaces,
				n);
	/* Read back at the end: writing one can change another. */
	for (i = 0; i < run.s->n; i++)
		if (read_value(run.s->values[i].path, run.s->values[i].ours))
			run.s->values[i].ours[0] = '\0';
	return r;
}

void sysctls_restore(struct sysctls *s)
{
	char now[SYSCTL_VALUE], name[PATH_LEN];
	size_t i;

	if (!s)
		return;
	/* All are looked at before the first is written: to put one back can change another. */
	forget_changed(s);
	for (i = s->n; i-- > 0;) {
		const struct value *v = &s->values[i];

		if (read_value(v->path, now) || !strcmp(now, v->old))
			continue;
		if (write_value(v->path, v->old))
			log_warn("sysctl", "%s stays %s, was %s before lbd: cannot be written",
				 name_of(v->path, name), now, v->old);
		else
			log_info("sysctl", "%s: %s -> %s", name_of(v->path, name), now, v->old);
	}
	free(s->values);
	free(s);
}
