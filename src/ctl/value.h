/* SPDX-License-Identifier: BSD-2-Clause */
/* Exported values: name, type, unit and help of each member of a status struct, in one table. */
#ifndef LBD_CTL_VALUE_H
#define LBD_CTL_VALUE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/usec.h"

enum value_type {
	VALUE_U8,
	VALUE_U16,
	VALUE_U32,
	VALUE_U64,
	VALUE_INT,
	VALUE_BOOL,
	VALUE_TEXT,  /* NULL: null */
	VALUE_ADDR,  /* any: null */
	VALUE_SPAN,  /* usec_t, in seconds */
	VALUE_SINCE, /* usec_t, a time: seconds ago; 0: null */
};

struct value {
	const char *name, *help;
	enum value_type type;
	size_t at;
};

#define VALUE_TYPE(s, m)                                                                           \
	_Generic(((s *)NULL)->m, uint8_t                                                           \
		 : VALUE_U8, uint16_t                                                              \
		 : VALUE_U16, uint32_t                                                             \
		 : VALUE_U32, uint64_t                                                             \
		 : VALUE_U64, int                                                                  \
		 : VALUE_INT, unsigned long long                                                   \
		 : VALUE_U64, bool                                                                 \
		 : VALUE_BOOL, const char *                                                        \
		 : VALUE_TEXT, struct addr                                                         \
		 : VALUE_ADDR, usec_t                                                              \
		 : VALUE_SPAN)

/* An entry for member m of struct s; its type follows from the member. */
#define VALUE(s, m, n, h)                                                                          \
	{                                                                                          \
		.name = n, .help = h, .type = VALUE_TYPE(s, m), .at = offsetof(s, m)               \
	}
/* A point of time rather than a span. */
#define VALUE_AGO(s, m, n, h)                                                                      \
	{                                                                                          \
		.name = n, .help = h, .type = VALUE_SINCE, .at = offsetof(s, m)                    \
	}

/* Adds what the table (its end has no name) says of the struct to a JSON object, and returns it. */
json_t *values_add(json_t *object, const struct value *table, const void *status);

/* The tables, over the structs of the same names. */
extern const struct value values_attach_status[], values_check_status[], values_flow_stats[],
	values_net_stats[], values_reset_stats[], values_server_stats[], values_server_status[],
	values_service_status[], values_track_status[], values_vrrp_counters[],
	values_vrrp_status[];

#endif
