// SPDX-License-Identifier: BSD-2-Clause
/* Rules of checks. */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "conf/rule.h"

/* ---- When ---- */

static void timeout_fits_interval(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks)
			if (usec_before(k->interval, k->timeout))
				warning(r, &k->where, "timeout",
					"is longer than interval: a slow attempt delays the next");
}

static void fast_is_fast(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks)
			if (usec_before(k->interval, k->fast_interval))
				warning(r, &k->where, "fast_interval", "is longer than interval");
}

/* ---- Where ---- */

static bool over_tcp(const struct conf_check *k)
{
	return k->type == CONF_CHECK_TCP || k->type == CONF_CHECK_TLS ||
	       k->type == CONF_CHECK_HTTP || k->type == CONF_CHECK_HTTPS ||
	       k->type == CONF_CHECK_SMTP;
}

static bool has_port(const struct conf_check *k)
{
	return over_tcp(k) || k->type == CONF_CHECK_UDP || k->type == CONF_CHECK_DNS;
}

static void tcp_check_of_others(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks)
			if (s->protocol != IPPROTO_TCP && over_tcp(k) && !k->port)
				warning(r, &k->where, "type",
					"connects to tcp port %u of its servers, but the protocol "
					"of %s is %s: give the check a port, or type = \"none\"",
					s->port, s->where.path, protocol_name(s->protocol));
}

static void checks_of_ranges_have_ports(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks)
			if (!has_one_port(s) && has_port(k) && !k->port)
				error(r, &k->where, "port",
				      "is missing: %s has many ports, of which the check needs one; "
				      "or say type = \"none\"",
				      s->where.path);
}

static void addresses_fit(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks) {
			if (k->n_sources == 2 &&
			    addr_is_v4(&k->sources[0]) == addr_is_v4(&k->sources[1]))
				error(r, &k->where, "source", "has two addresses of one family");
			if (k->has_address && addr_is_link_local(&k->address) && !k->interface)
				error(r, &k->where, "address",
				      "is link-local: say on which interface");
		}
}

/* ---- What ---- */

static unsigned given(const char *a, const char *b, const char *c)
{
	return !!a + !!b + !!c;
}

static void check_talks_once(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks) {
			if (given(k->send, k->send_hex, NULL) > 1)
				error(r, &k->where, "send_hex", "cannot stand beside \"send\"");
			if (given(k->expect, k->expect_hex, k->expect_regex) > 1)
				error(r, &k->where, k->expect_regex ? "expect_regex" : "expect_hex",
				      "is one of expect, expect_hex and expect_regex: "
				      "write only one");
			if (k->type == CONF_CHECK_TCP && given(k->send, k->send_hex, NULL) &&
			    !given(k->expect, k->expect_hex, k->expect_regex))
				error(r, &k->where, k->send ? "send" : "send_hex",
				      "is of no use without expect: nobody would look at the answer");
		}
}

/* A name of letters and the like (RFC 9110 5.6.2), and a colon. */
static bool is_header(const char *text)
{
	const char *p = text;

	while (isalnum((unsigned char)*p) || (*p && strchr("!#$%&'*+-.^_`|~", *p)))
		p++;
	return p > text && *p == ':' && strlen(text) <= 1024;
}

/* Those that lbd writes itself, or by which it and the server would misunderstand each other. */
static bool is_own_header(const char *text)
{
	static const char *const own[] = { "Host:", "Connection:", "Content-Length:",
					   "Transfer-Encoding:" };
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (!strncasecmp(text, own[i], strlen(own[i])))
			return true;
	return false;
}

static void request_is_sound(const struct rules *r, const struct conf_check *k)
{
	unsigned i;

	for (i = 0; i < k->n_paths; i++)
		if (k->paths[i] && (k->paths[i][0] != '/' || strchr(k->paths[i], ' ') ||
				    strlen(k->paths[i]) > 1024))
			error(r, &k->where, "path",
			      "\"%.64s\" is no path: it begins with \"/\", has no spaces, and at "
			      "most 1024 characters",
			      k->paths[i]);
	for (i = 0; i < k->n_headers; i++) {
		if (!k->headers[i])
			continue;
		if (!is_header(k->headers[i]))
			error(r, &k->where, "headers",
			      "\"%.64s\" is no header like \"Name: value\" of at most 1024 "
			      "characters",
			      k->headers[i]);
		else if (is_own_header(k->headers[i]))
			error(r, &k->where, "headers",
			      "\"%.64s\" is a header that lbd writes itself", k->headers[i]);
	}
	if (k->host && strpbrk(k->host, " /"))
		error(r, &k->where, "host", "\"%.64s\" is the name of no host", k->host);
	if (given(k->body, k->body_regex, k->body_sha256) > 1)
		error(r, &k->where, k->body_sha256 ? "body_sha256" : "body_regex",
		      "is one of body, body_regex and body_sha256: write only one");
	if (k->method == CONF_HTTP_HEAD && given(k->body, k->body_regex, k->body_sha256))
		error(r, &k->where, "method", "answers to HEAD have no body to look at");
}

static void requests_are_sound(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks)
			if (k->type == CONF_CHECK_HTTP || k->type == CONF_CHECK_HTTPS)
				request_is_sound(r, k);
}

/* RFC 1035 2.3.4; the root is ".". */
static bool is_dns_name(const char *name)
{
	size_t label;

	if (!strcmp(name, "."))
		return true;
	if (!*name || strlen(name) > 253 + (name[strlen(name) - 1] == '.'))
		return false;
	for (; *name; name += label + (name[label] == '.')) {
		label = strcspn(name, ".");
		if (!label || label > 63)
			return false;
	}
	return true;
}

static void datagram_is_sound(const struct rules *r, const struct conf_check *k)
{
	if (k->type == CONF_CHECK_UDP && !given(k->send, k->send_hex, NULL))
		error(r, &k->where, "send", "is missing, or send_hex: nobody answers to nothing");
	if (k->type == CONF_CHECK_UDP && !k->reply &&
	    given(k->expect, k->expect_hex, k->expect_regex))
		error(r, &k->where, "reply", "must be true if something is expected");
	if (k->type == CONF_CHECK_DNS && !k->dns_name && !written(r, &k->where, "name"))
		error(r, &k->where, "name", "is missing: what is to be asked for?");
	if (k->dns_name && !is_dns_name(k->dns_name))
		error(r, &k->where, "name", "\"%.64s\" is no name of the DNS", k->dns_name);
	if (k->answer && k->rcode)
		error(r, &k->where, "answer", "is of no use with that rcode");
	if (k->helo && strpbrk(k->helo, " "))
		error(r, &k->where, "helo", "has a space in it");
}

static void scripts_are_named(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks)
			if (k->type == CONF_CHECK_SCRIPT && !k->script &&
			    !written(r, &k->where, "script"))
				error(r, &k->where, "script", "is missing: what is to be run?");
}

static void datagrams_are_sound(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks)
			datagram_is_sound(r, k);
}

static void tls_is_sound(const struct rules *r, const struct conf_check *k)
{
	unsigned i;

	for (i = 0; i < k->n_alpn; i++) {
		if (!*k->alpn[i] || strlen(k->alpn[i]) > 255)
			error(r, &k->where, "alpn", "a protocol has 1 to 255 characters");
		else if (k->type == CONF_CHECK_HTTPS && !strcmp(k->alpn[i], "h2"))
			error(r, &k->where, "alpn", "https checks speak HTTP/1 only, not h2");
	}
	if (k->key && !k->certificate)
		error(r, &k->where, "key", "is of no use without certificate");
	if (k->ca_file && !k->verify)
		error(r, &k->where, "ca_file", "is of no use without verify = true");
}

static void tls_checks_are_sound(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks)
			tls_is_sound(r, k);
}

static void can_be_read(const struct rules *r, const struct conf_check *k, const char *option,
			const char *path)
{
	if (path && access(path, R_OK))
		warning(r, &k->where, option, "%s: %s", path, strerror(errno));
}

static void files_of_checks_are_there(const struct rules *r)
{
	const struct conf_service *s;
	const struct conf_check *k;

	for_each(s, r->conf->services, r->conf->n_services)
		for_each(k, s->checks, s->n_checks) {
			can_be_read(r, k, "ca_file", k->ca_file);
			can_be_read(r, k, "certificate", k->certificate);
			can_be_read(r, k, "key", k->key);
			can_be_read(r, k, "script", k->script);
		}
}

// clang-format off
static const struct rule table[] = {
	{ SEVERITY_ERROR, checks_of_ranges_have_ports },
	{ SEVERITY_ERROR, addresses_fit },
	{ SEVERITY_ERROR, check_talks_once },
	{ SEVERITY_ERROR, requests_are_sound },
	{ SEVERITY_ERROR, tls_checks_are_sound },
	{ SEVERITY_ERROR, datagrams_are_sound },
	{ SEVERITY_ERROR, scripts_are_named },
	{ SEVERITY_WARNING, timeout_fits_interval },
	{ SEVERITY_WARNING, fast_is_fast },
	{ SEVERITY_WARNING, tcp_check_of_others },
	{ SEVERITY_WARNING, files_of_checks_are_there },
};
// clang-format on

void rules_of_checks(const struct rules *r, enum severity severity)
{
	rules_run(r, severity, table, sizeof(table) / sizeof(*table));
}
