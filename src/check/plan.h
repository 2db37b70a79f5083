/* SPDX-License-Identifier: BSD-2-Clause */
/* What a check of the configuration comes to, made once and shared by all attempts: its texts,
 * patterns and TLS settings. */
#ifndef LBD_CHECK_PLAN_H
#define LBD_CHECK_PLAN_H

#include "check/expect.h"
#include "check/tls.h"
#include "check/type.h"
#include "lib/list.h"

struct http_plan {
	const char *rest; /* of a request, behind the Host header's value */
	const struct conf_range *statuses;
	unsigned n_statuses;
	char statuses_shown[EXPECT_SHOWN_LEN];
	bool wants_body, has_digest;
	uint8_t digest[32];
};

struct plan {
	const struct check_type *type;
	struct conf_check conf; /* of our own; what names when and how often is not to be used */
	const char *text;	/* what makes it this one */
	struct arena *arena;
	uint8_t *send;
	size_t send_len;
	struct expect expect; /* of the answer, or its body */
	struct http_plan http;
	char **argv;			/* of a script; of arena */
	SSL_CTX *tls;			/* NULL: it is not spoken */
	char trouble[CHECK_DETAIL_LEN]; /* why no attempt can be made; "": one can */
	bool wanted;			/* the set's */
	struct list node;		/* the set's */
};

/* Appends what makes it this one: what is checked, and the state of the files that that names. */
void plan_text(const struct conf_check *conf, struct str *out);
/* text: of plan_text; copied, as is all of conf.  stores may be NULL.  What cannot be prepared is
 * told in plan->trouble.  NULL when there is no memory. */
struct plan *plan_new(const struct conf_check *conf, const char *text, struct tls_stores *stores);
void plan_free(struct plan *p); /* takes NULL */

#endif
