// SPDX-License-Identifier: BSD-2-Clause
/* type = "tcp": a connection that is accepted is all that is asked for. */
#include "check/type.h"

const struct check_type check_type_tcp = { .name = "tcp", .start = conn_start };
