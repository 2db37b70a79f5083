/* SPDX-License-Identifier: BSD-2-Clause */
/* Every option of lbd.conf, once: name, type, member, bounds, default, words.
 *
 * These tables drive parsing, defaults, proposals for unknown names, the printer, the difference
 * report, the option reference in lbd.conf(5) and the fuzz dictionary.  To add an option: a member
 * in conf.h, an entry here, its use. */
#ifndef LBD_CONF_SCHEMA_H
#define LBD_CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

#define CONF_NODES_MAX 16 /* a pair has two */

/* What an enumeration without a default holds when it is not given. */
#define OPT_ENUM_UNSET UINT32_MAX

enum opt_type {
	OPT_U32,
	OPT_U16,
	OPT_S32,     /* min and max are of its magnitude: 0 is allowed, too */
	OPT_PERCENT, /* "50%"; member: uint32_t, 0: absent */
	OPT_PORTS,   /* uint16_t[2]: first and last; a number, "FIRST-LAST" or "any" */
	OPT_BOOL,
	OPT_STRING,
	OPT_INTERFACE, /* a network interface's name */
	OPT_PATH,      /* absolute; max: longest */
	OPT_BYTES,     /* a string that may have control characters, as "\r\n" */
	OPT_HEX,       /* a string of bytes in hexadecimal; OPT_WILD: ".." for any */
	OPT_REGEX,     /* a string: PCRE2 */
	OPT_STATUS,    /* struct conf_range: "200", "200-299" */
	OPT_ENUM,      /* member: unsigned */
	OPT_ENUM8,     /* member: uint8_t */
	OPT_DURATION,
	OPT_ADDR,
	OPT_NET,   /* struct prefix: an address, or a network */
	OPT_VIP,   /* struct conf_vip */
	OPT_LIST,  /* of `elem`; one value may stand without its brackets */
	OPT_GROUP, /* { ... } */
	OPT_NAMED, /* { name: { ... }; ... }: an array of struct conf_object */
};

enum opt_flags {
	OPT_REQUIRED = 1,
	OPT_RESTART = 2,    /* a change holds after the next start */
	OPT_LINK_LOCAL = 4, /* addresses: link-local ones too */
	OPT_BARE = 8,	    /* OPT_VIP: an address alone will do */
	OPT_ABSENT = 16,    /* OPT_GROUP: not given, it has no defaults either and is all 0 */
	OPT_NO_MEMBER = 32, /* resolve.c makes something of it */
	OPT_WILD = 64,	    /* OPT_HEX: ".." stands for any byte */
	OPT_TIMING = 128,   /* of a check: when and how often, not what is checked */
};

/* A table may serve several groups that have part of it; an option with `in` 0 is in all of them.
 */
enum opt_view {
	IN_FILE = 1,
	IN_NODE = 2,
	IN_SERVICE = 4,
	IN_POOL = 8,
	IN_DEFAULTS = 16,
	IN_SERVER = 32,
	IN_SORRY = 64,
};

struct opt_word {
	const char *name;
	unsigned value;
};

struct opt_group;

struct opt {
	const char *name;
	const char *doc;
	enum opt_type type, elem;
	unsigned flags, in;
	unsigned checks; /* of a check: the types that have it, a bit each; 0: all */
	size_t at;	 /* offset of the member */
	size_t n_at;	 /* of its count; OPT_ADDR, OPT_GROUP: of the flag that says it was given */
	size_t where_at; /* of a struct conf_where, if wanted */
	size_t each_at, n_each_at; /* OPT_ENUM: of a struct conf_attach_one for each interface */
	uint64_t min, max, step;   /* of the value, a list's length, or how many are named */
	const char *def;	   /* as the operator would write it */
	const char *def_doc;	   /* in words, when it is worked out */
	const struct opt_word *words;
	const struct opt_group *group;
	const char *single; /* OPT_NAMED: `single: { ... }` is one of that name */
};

struct opt_group {
	const char *title; /* "a server" */
	const char *doc;
	const struct opt *opts; /* ends with a name of NULL */
	enum opt_view view;
	size_t size;
	bool has_where; /* starts with struct conf_where */
	/* Of named ones: the option whose value may stand for the whole, name = [ ... ].  It is
	 * printed like that, so it is the only one. */
	const char *brief;
};

/* What every named thing starts with. */
struct conf_object {
	struct conf_where where;
	const char *name;
};

extern const struct opt_group schema_file, schema_node, schema_director, schema_vrrp,
	schema_vrrp_group, schema_track, schema_defaults, schema_pool, schema_service,
	schema_server, schema_sorry, schema_check, schema_timeouts, schema_persistence;

bool opt_in_group(const struct opt *o, const struct opt_group *g);
/* The options of g that can be written, one after the other: o runs over them. */
#define for_each_opt(o, g)                                                                         \
	for (o = (g)->opts; o->name; o++)                                                          \
		if (opt_in_group(o, g))

/* By its name, or its `single` name; NULL when there is none, or name is NULL. */
const struct opt *schema_find(const struct opt_group *g, const char *name);
/* The name in g that somebody who wrote `name` may have meant; NULL when none is near. */
const char *schema_nearest(const struct opt_group *g, const char *name);

/* For proposals: keeps the nearest of all candidates shown to it. */
struct nearest {
	const char *wanted;
	const char *best;
	unsigned distance;
};
void nearest_try(struct nearest *n, const char *candidate);

#endif
