/* SPDX-License-Identifier: BSD-2-Clause */
/* The answers of the control socket as JSON. */
#ifndef LBD_CTL_SHOW_H
#define LBD_CTL_SHOW_H

#include <jansson.h>

#include "director.h"

/* A new reference each; never NULL but without memory. */
json_t *show_status(const struct director *d, usec_t started, usec_t longest_turn);
/* The n-th; NULL also when there are not so many. */
json_t *show_service(const struct director *d, unsigned n);
json_t *show_instance(const struct director *d, unsigned n);
json_t *show_interface(const struct director *d, unsigned n);
/* Of those that have seen a packet. */
json_t *show_cpu(const struct director *d, unsigned n);

#endif
