/* SPDX-License-Identifier: BSD-2-Clause */
/* Single values: text and numbers to members, and back. */
#ifndef LBD_CONF_VALUE_H
#define LBD_CONF_VALUE_H

#include "conf/schema.h"
#include "lib/arena.h"

/* Bytes of one value of that type, as a list's array holds them. */
size_t value_size(enum opt_type type);

/* Stores a value of o (o->elem if that is a list) at `at`.  0, or -EINVAL with what is wrong, as in
 * "300 is not in 1-255", in *why. */
int value_from_text(const struct opt *o, const char *text, void *at, struct arena *arena,
		    struct str *why);
int value_from_number(const struct opt *o, int64_t number, void *at, struct str *why);
/* The default, which the schema's test has shown to be right. */
void value_from_default(const struct opt *o, void *at, struct arena *arena);

/* "a number in 1-255", "one of \"nat\", \"dr\"" */
void value_allowed(const struct opt *o, struct str *out);

/* Whether a check of base's type has that option; true of all other structs. */
bool value_applies(const struct opt *o, const void *base);
/* Whether the member holds nothing: an option without a default that was not given. */
bool value_absent(const struct opt *o, const void *base);
/* The value of a scalar or list, as lbd.conf would have it; base is the struct. */
void value_print(const struct opt *o, const void *base, struct str *out);
void duration_print(uint64_t us, struct str *out);

#endif
