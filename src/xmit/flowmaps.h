/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the maps that the packet path fills: flows and templates. */
#ifndef LBD_XMIT_FLOWMAPS_H
#define LBD_XMIT_FLOWMAPS_H

#include "ipvs/backend.h"

/* Descriptors, borrowed. */
struct flowmaps {
	int flows4, flows6, templates;
};

/* What struct ipvs_backend promises of read_flows, get_flow and read_templates. */
int flowmaps_read(const struct flowmaps *m, struct flow_cursor *cursor, struct flow_entry *out,
		  unsigned room);
int flowmaps_get(const struct flowmaps *m, struct flow_entry *e);
int flowmaps_read_templates(const struct flowmaps *m, struct flow_cursor *cursor,
			    struct template_entry *out, unsigned room);

#endif
