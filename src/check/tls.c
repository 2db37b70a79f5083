// SPDX-License-Identifier: BSD-2-Clause
/* TLS of checks.
 *
 * A handshake is the most expensive thing that the loop ever does, so only cheap groups are offered
 * (X25519 and the NIST curves, some 0.1 ms), no finite-field Diffie-Hellman; no renegotiation, no
 * session kept; certificates are not even looked at unless they are to be verified. */
#include "check/tls.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/loop.h"

#define DEFAULT_CA_FILE "/etc/ssl/certs/ca-certificates.crt"
#define CHAIN_MAX	32768 /* bytes of all certificates that a server shows */
#define DEPTH_MAX	8

struct store {
	struct list node;
	char *stamp; /* of the file: name and what changes with its content */
	X509_STORE *certificates;
};

/* ---- Files ---- */

static const char *ca_file(const struct conf_check *c)
{
	return c->ca_file ? c->ca_file : DEFAULT_CA_FILE;
}

static void add_stamp(struct str *out, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		str_addf(out, "%s: %d\n", path, errno);
	else
		str_addf(out, "%s: %llu %llu %lld.%09ld %lld\n", path,
			 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_size);
}

void tls_files_text(const struct conf_check *c, struct str *out)
{
	if (c->verify)
		add_stamp(out, ca_file(c));
	if (c->certificate)
		add_stamp(out, c->certificate);
	if (c->key)
		add_stamp(out, c->key);
}

static void add_printable(struct str *out, const char *text)
{
	for (; *text; text++)
		str_addf(out, "%c", isprint((unsigned char)*text) ? *text : '?');
}

/* The first of OpenSSL's reasons: what it began with.  Empties its queue. */
static const char *first_reason(void)
{
	unsigned long e = ERR_peek_error();
	const char *reason =
		ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);

	ERR_clear_error();
	return reason ? reason : "unknown error";
}

static int bad_file(struct str *why, const char *option, const char *path)
{
	str_addf(why, "%s %s: ", option, path);
	add_printable(why, first_reason());
	return -EINVAL;
}

static struct store *store_read(const char *path, const char *stamp)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	list_init(&s->node);
	s->stamp = strdup(stamp);
	s->certificates = X509_STORE_new();
	if (s->stamp && s->certificates && X509_STORE_load_file(s->certificates, path))
		return s;
	X509_STORE_free(s->certificates);
	free(s->stamp);
	free(s);
	return NULL;
}

static void store_free(struct store *s)
{
	list_del(&s->node);
	X509_STORE_free(s->certificates);
	free(s->stamp);
	free(s);
}

static struct store *store_find(struct tls_stores *stores, const char *stamp)
{
	struct store *s;

	if (stores)
		list_for_each(s, &stores->stores, node)
			if (!strcmp(s->stamp, stamp))
				return s;
	return NULL;
}

static int trust(SSL_CTX *ctx, const struct conf_check *c, struct tls_stores *stores,
		 struct str *why)
{
	const char *path = ca_file(c);
	struct str stamp = { 0 };
	struct store *s;

	add_stamp(&stamp, path);
	s = store_find(stores, str_text(&stamp));
	if (!s) {
		s = store_read(path, str_text(&stamp));
		if (s && stores)
			list_add_tail(&stores->stores, &s->node);
	}
	str_free(&stamp);
	if (!s)
		return bad_file(why, "ca_file", path);
	SSL_CTX_set1_cert_store(ctx, s->certificates);
	if (!stores)
		store_free(s);
	return 0;
}

void tls_stores_init(struct tls_stores *s)
{
	list_init(&s->stores);
}

void tls_stores_release(struct tls_stores *s)
{
	struct store *store, *tmp;

	list_for_each_safe(store, tmp, &s->stores, node)
		store_free(store);
}

/* ---- Settings ---- */

static int no_passphrase(char *, int, int, void *)
{
	return -1; /* never ask a terminal */
}

static int identify(SSL_CTX *ctx, const struct conf_check *c, struct str *why)
{
	const char *key = c->key ? c->key : c->certificate;

	if (SSL_CTX_use_certificate_chain_file(ctx, c->certificate) != 1)
		return bad_file(why, "certificate", c->certificate);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return bad_file(why, "key", key);
	return 0;
}

/* RFC 7301 3.1: each name behind its length. */
static int offer_alpn(SSL_CTX *ctx, const struct conf_check *c)
{
	unsigned char wire[CONF_ALPN_MAX * 256];
	unsigned i, at = 0;

	for (i = 0; i < c->n_alpn; i++) {
		size_t len = strlen(c->alpn[i]);

		wire[at++] = (unsigned char)len;
		memcpy(wire + at, c->alpn[i], len);
		at += (unsigned)len;
	}
	return SSL_CTX_set_alpn_protos(ctx, wire, at) ? -ENOMEM : 0;
}

static int accept_anything(X509_STORE_CTX *, void *)
{
	return 1;
}

static void harden(SSL_CTX *ctx, const struct conf_check *c)
{
	static const int versions[] = {
		[CONF_TLS_1_2] = TLS1_2_VERSION,
		[CONF_TLS_1_3] = TLS1_3_VERSION,
	};

	SSL_CTX_set_min_proto_version(ctx, versions[c->tls_min]);
	SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
	SSL_CTX_set_cipher_list(ctx, "DEFAULT:!kDHE");
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
					 SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* One record a call, or records without content would keep us as long as they come. */
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_max_cert_list(ctx, CHAIN_MAX);
	SSL_CTX_set_verify_depth(ctx, DEPTH_MAX);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (c->verify)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	else
		SSL_CTX_set_cert_verify_callback(ctx, accept_anything, NULL);
}

int tls_settings_new(const struct conf_check *c, struct tls_stores *stores, struct str *why,
		     SSL_CTX **ret)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	ERR_clear_error();
	harden(ctx, c);
	if (c->verify)
		r = trust(ctx, c, stores, why);
	if (!r && c->certificate)
		r = identify(ctx, c, why);
	if (!r && c->n_alpn)
		r = offer_alpn(ctx, c);
	if (r) {
		SSL_CTX_free(ctx);
		return r;
	}
	*ret = ctx;
	return 0;
}

/* ---- Connections ---- */

/* "shop.example" of "shop.example:8443", the address of "[2001:db8::1]:443". */
static void name_of_host(const char *host, char *buf, size_t size)
{
	const char *end;

	if (*host == '[') {
		host++;
		end = strchr(host, ']');
	} else {
		end = strchr(host, ':');
		if (end && strchr(end + 1, ':'))
			end = NULL; /* a bare IPv6 address */
	}
	snprintf(buf, size, "%.*s", end ? (int)(end - host) : (int)strlen(host), host);
}

/* Whom the certificate must name, and (a name, not an address) what SNI says. */
static int name_peer(SSL *tls, const struct conf_check *c, const struct addr *server)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(tls);
	char name[256] = "";
	struct addr a = *server;
	size_t len;
	const uint8_t *bytes;

	if (c->sni)
		snprintf(name, sizeof(name), "%s", c->sni);
	else if (c->host)
		name_of_host(c->host, name, sizeof(name));
	if (!*name || !addr_parse(name, &a)) {
		bytes = addr_bytes(&a, &len);
		return X509_VERIFY_PARAM_set1_ip(param, bytes, len);
	}
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(tls, name) && X509_VERIFY_PARAM_set1_host(param, name, 0);
}

SSL *tls_open(SSL_CTX *settings, const struct conf_check *c, const struct addr *server, int fd)
{
	SSL *tls = SSL_new(settings);

	ERR_clear_error();
	if (!tls)
		return NULL;
	if (!name_peer(tls, c, server) || !SSL_set_fd(tls, fd)) {
		SSL_free(tls);
		return NULL;
	}
	SSL_set_connect_state(tls);
	return tls;
}

void tls_close(SSL *tls)
{
	SSL_free(tls);
}

static void explain(SSL *tls, struct tls_trouble *t)
{
	long verify = SSL_get_verify_result(tls);
	unsigned long e = ERR_peek_error(); /* the first: what it began with */
	const char *reason = ERR_reason_error_string(e);

	if (verify != X509_V_OK)
		snprintf(t->why, sizeof(t->why), "certificate: %s",
			 X509_verify_cert_error_string(verify));
	else
		snprintf(t->why, sizeof(t->why), "%s",
			 reason ? reason : "the connection was closed");
	ERR_clear_error();
}

/* What a call that returned n <= 0 has come to. */
static ssize_t judge(SSL *tls, int n, int error, struct tls_trouble *t)
{
	*t = (struct tls_trouble){ 0 };
	switch (SSL_get_error(tls, n)) {
	case SSL_ERROR_WANT_READ:
		t->events = LOOP_READ;
		break;
	case SSL_ERROR_WANT_WRITE:
		t->events = LOOP_WRITE;
		break;
	case SSL_ERROR_ZERO_RETURN:
		snprintf(t->why, sizeof(t->why), "the connection was closed");
		return 0;
	case SSL_ERROR_SYSCALL:
		t->error = error;
		if (!error)
			explain(tls, t);
		ERR_clear_error();
		break;
	default:
		explain(tls, t);
	}
	return -1;
}

int tls_handshake(SSL *tls, struct tls_trouble *ret_trouble)
{
	int n;

	ERR_clear_error();
	errno = 0;
	n = SSL_do_handshake(tls);
	if (n == 1)
		return 0;
	judge(tls, n, errno, ret_trouble);
	return -1;
}

ssize_t tls_read(SSL *tls, void *buf, size_t len, struct tls_trouble *ret_trouble)
{
	int n;

	ERR_clear_error();
	errno = 0;
	n = SSL_read(tls, buf, len > INT_MAX ? INT_MAX : (int)len);
	return n > 0 ? n : judge(tls, n, errno, ret_trouble);
}

ssize_t tls_write(SSL *tls, const void *buf, size_t len, struct tls_trouble *ret_trouble)
{
	int n;

	ERR_clear_error();
	errno = 0;
	n = SSL_write(tls, buf, len > INT_MAX ? INT_MAX : (int)len);
	if (n > 0)
		return n;
	judge(tls, n, errno, ret_trouble);
	return -1;
}

const char *tls_lack(SSL *tls, const struct conf_check *c)
{
	const unsigned char *chosen;
	unsigned len;

	SSL_get0_alpn_selected(tls, &chosen, &len);
	return c->n_alpn && !len ? "the server took none of the protocols that ALPN offers" : NULL;
}

int tls_days_left(SSL *tls)
{
	X509 *certificate = SSL_get0_peer_certificate(tls);
	int days = INT_MAX, seconds;

	if (certificate && !ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)))
		days = INT_MAX;
	ERR_clear_error();
	/* Rounded down: what expired an hour ago has no day left. */
	return days != INT_MAX && !days && seconds < 0 ? -1 : days;
}
