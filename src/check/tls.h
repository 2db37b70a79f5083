/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS of checks: the only place that knows how OpenSSL is to be used.  Nothing blocks. */
#ifndef LBD_CHECK_TLS_H
#define LBD_CHECK_TLS_H

#include <openssl/ssl.h>
#include <stddef.h>

#include "conf/conf.h"
#include "lib/addr.h"
#include "lib/list.h"
#include "lib/str.h"

/* Certificates to trust, read once however many checks want them. */
struct tls_stores {
	struct list stores;
};
void tls_stores_init(struct tls_stores *s);
void tls_stores_release(struct tls_stores *s);

/* The settings of one check.  0, or -errno with the reason, which names the file, in *why.  stores
 * may be NULL. */
int tls_settings_new(const struct conf_check *c, struct tls_stores *stores, struct str *why,
		     SSL_CTX **ret);
/* Appends what tells whether the files that a check names are still the same. */
void tls_files_text(const struct conf_check *c, struct str *out);

/* A connection over a socket that stands.  NULL when there is no memory. */
SSL *tls_open(SSL_CTX *settings, const struct conf_check *c, const struct addr *server, int fd);
void tls_close(SSL *tls); /* without a word to the server; takes NULL */

#define TLS_WHY_LEN 120

/* How a call ended that could not do what it should: */
struct tls_trouble {
	int events;	       /* LOOP_READ or LOOP_WRITE: call again then */
	int error;	       /* errno of the socket; 0: why tells */
	char why[TLS_WHY_LEN]; /* ours or OpenSSL's words, printable */
};

/* 0, or -1 with *ret_trouble. */
int tls_handshake(SSL *tls, struct tls_trouble *ret_trouble);
/* Bytes (read: 0 at the end), or -1 with *ret_trouble. */
ssize_t tls_read(SSL *tls, void *buf, size_t len, struct tls_trouble *ret_trouble);
ssize_t tls_write(SSL *tls, const void *buf, size_t len, struct tls_trouble *ret_trouble);

/* After the handshake: NULL, or why the connection is not good enough. */
const char *tls_lack(SSL *tls, const struct conf_check *c);
/* Whole days until the server's certificate expires, negative when it has; INT_MAX: it has none. */
int tls_days_left(SSL *tls);

#endif
