// SPDX-License-Identifier: BSD-2-Clause
/* What a check of the configuration comes to. */
#include "check/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/process.h"
#include "lib/arena.h"

static int prepare_send(struct plan *p)
{
	const struct conf_check *c = &p->conf;
	const char *text = c->send ? c->send : c->send_hex;

	if (!text)
		return 0;
	p->send = malloc(strlen(text) + 1);
	if (!p->send)
		return -ENOMEM;
	if (c->send_hex) {
		p->send_len = hex_decode(text, p->send, NULL);
	} else {
		p->send_len = strlen(text);
		memcpy(p->send, text, p->send_len);
	}
	return 0;
}

static int prepare(struct plan *p, struct tls_stores *stores, struct str *why)
{
	const struct conf_check *c = &p->conf;
	const char *text = c->expect ? c->expect : c->body;
	const char *regex = c->expect_regex ? c->expect_regex : c->body_regex;
	int r = prepare_send(p);

	if (!r)
		r = expect_init(&p->expect, text, c->expect_hex, regex);
	if (!r && p->type->tls)
		r = tls_settings_new(c, stores, why, &p->tls);
	if (!r && p->type->prepare)
		r = p->type->prepare(p, why);
	return r;
}

void plan_text(const struct conf_check *conf, struct str *out)
{
	conf_check_text(conf, out);
	if (check_type(conf->type)->tls)
		tls_files_text(conf, out);
	if (conf->type == CONF_CHECK_SCRIPT)
		process_may_run(conf->script, out); /* if not, why not */
}

struct plan *plan_new(const struct conf_check *conf, const char *text, struct tls_stores *stores)
{
	struct plan *p = calloc(1, sizeof(*p));
	struct str why = { 0 };
	int r;

	if (!p)
		return NULL;
	list_init(&p->node);
	p->arena = arena_new();
	if (!p->arena)
		goto err;
	p->type = check_type(conf->type);
	p->text = arena_strdup(p->arena, text);
	conf_check_copy(conf, p->arena, &p->conf);
	r = prepare(p, stores, &why);
	if (r == -ENOMEM)
		goto err;
	if (r)
		snprintf(p->trouble, sizeof(p->trouble), "%s", str_text(&why));
	str_free(&why);
	return p;

err:
	str_free(&why);
	plan_free(p);
	return NULL;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	if (p->type && p->type->release)
		p->type->release(p);
	expect_release(&p->expect);
	SSL_CTX_free(p->tls);
	free(p->send);
	arena_free(p->arena);
	list_del(&p->node);
	free(p);
}
