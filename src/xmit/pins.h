/* SPDX-License-Identifier: BSD-2-Clause */
/* The pins of the maps: found, judged, put back. */
#ifndef LBD_XMIT_PINS_H
#define LBD_XMIT_PINS_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/loop.h"
#include "lib/str.h"

struct pins;

/* Before obj (borrowed) is loaded: mounts a bpffs where there is none, removes what is of another
 * layout or does not fit, and tells obj where its maps are or belong.  0 or -errno with *why. */
int pins_open(const char *name, struct bpf_object *obj, struct str *why, struct pins **ret);
/* With `unpin` the maps end with the last program that uses them.  Takes NULL. */
void pins_close(struct pins *p, bool unpin);

/* From now on a pin that somebody removes is put back.  0 or -errno. */
int pins_watch(struct pins *p, struct loop *loop);

/* Whether the maps were there already. */
bool pins_adopted(const struct pins *p);
/* Pins put back so far. */
uint64_t pins_repaired(const struct pins *p);
const char *pins_dir(const struct pins *p);
/* Where something of that name is pinned; borrowed until the next call. */
const char *pins_path(struct pins *p, const char *leaf);

/* fd is a map of ours. */
void pins_note_own(struct pins *p, int fd);
/* Whether a map is one of ours, of this or an older layout. */
bool pins_own_map(const struct pins *p, uint32_t map_id);

#endif
