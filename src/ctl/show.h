/* SPDX-License-Identifier: BSD-2-Clause */
/* The answers of the control socket as JSON. */
#ifndef LBD_CTL_SHOW_H
#define LBD_CTL_SHOW_H

#include <jansson.h>

#include "director.h"

/* A new reference each; never NULL but without memory. */
json_t *show_status(const struct director *d, usec_t started, usec_t longest_turn);
json_t *show_services(const struct director *d);
json_t *show_vrrp(const struct director *d);

#endif
