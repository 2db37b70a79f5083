// SPDX-License-Identifier: BSD-2-Clause
/* type = "none": the operator vouches for the server. */
#include "check/type.h"

const struct check_type check_type_none = { .transport = TRANSPORT_NONE };
