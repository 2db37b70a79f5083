/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules are made of, and the files that hold some.  A rule is a function in its file's table;
 * it must bear objects with members missing, which are 0, since it also runs beside other mistakes.
 */
#ifndef LBD_CONF_RULE_H
#define LBD_CONF_RULE_H

#include "conf/conf.h"
#include "conf/problems.h"
#include "conf/tree.h"

struct rules {
	const struct conf *conf;
	const struct node *root;
	struct problems *problems;
};

struct rule {
	enum severity severity;
	void (*check)(const struct rules *r);
};
/* Those of one severity, in their order. */
void rules_run(const struct rules *r, enum severity severity, const struct rule *table, size_t n);

void rules_of_vrrp(const struct rules *r, enum severity severity);
void rules_of_tracks(const struct rules *r, enum severity severity);
void rules_of_services(const struct rules *r, enum severity severity);
void rules_of_checks(const struct rules *r, enum severity severity);
void rules_of_keys(const struct rules *r, enum severity severity);
void rules_of_local_addresses(const struct rules *r, enum severity severity);
void rules_of_servers(const struct rules *r, enum severity severity);

/* Tells of an object's option, at the line of that option if it was written there; NULL: of the
 * object as a whole. */
void tell(const struct rules *r, enum severity severity, const struct conf_where *where,
	  const char *option, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#define error(r, where, ...)   tell(r, SEVERITY_ERROR, where, __VA_ARGS__)
#define warning(r, where, ...) tell(r, SEVERITY_WARNING, where, __VA_ARGS__)

#define for_each(var, array, n) for (var = (array); var < (array) + (n); var++)

/* Whether the object itself says it, and not what it takes values from. */
bool written(const struct rules *r, const struct conf_where *where, const char *option);

/* By its name, or NULL. */
const struct conf_vrrp *find_instance(const struct conf *c, const char *name);
/* Tells that option names one which does not exist. */
void no_such_instance(const struct rules *r, const struct conf_where *where, const char *option,
		      const char *name);

/* "IPv4" or "IPv6" */
const char *family_name(int family);
/* As the file has it: "tcp" */
const char *protocol_name(unsigned protocol);
const char *scheduler_name(unsigned scheduler);

/* A vip that stands for many addresses. */
static inline bool is_network(const struct prefix *vip)
{
	return vip->len != addr_bits(&vip->addr);
}

/* As the file has it; buf: PREFIX_STRLEN bytes. */
const char *vip_text(const struct prefix *vip, char *buf);

static inline bool has_one_port(const struct conf_service *s)
{
	return s->port == s->port_last;
}

#endif
