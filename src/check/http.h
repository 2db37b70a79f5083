/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads an HTTP/1 answer (RFC 9112) piece by piece, in constant memory. */
#ifndef LBD_CHECK_HTTP_H
#define LBD_CHECK_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_LINE_MAX	  256	/* of a line so much is looked at */
#define HTTP_OVERHEAD_MAX 16384 /* status line, headers, chunk sizes and trailers together */

enum http_state {
	HTTP_STATUS_LINE,
	HTTP_HEADERS,
	HTTP_BODY_COUNTED, /* Content-Length */
	HTTP_BODY_TO_END,  /* until the connection is closed */
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_END,
	HTTP_TRAILERS,
	HTTP_DONE,
};

enum http_event {
	HTTP_MORE, /* all was taken, there is more to come */
	HTTP_HEAD, /* the headers are complete: status holds */
	HTTP_BODY, /* a piece of the body */
	HTTP_END,  /* of the answer */
	HTTP_BAD,  /* why holds */
};

struct http {
	enum http_state state;
	bool no_body;	 /* set before the first call: the request was HEAD */
	unsigned status; /* 200-599 (and 101); what goes before the final one is passed over */
	const char *why; /* the answer is no good */
	bool chunked, has_length;
	uint64_t left; /* of the body, or the chunk */
	size_t overhead;
	size_t line_len;
	bool line_cut;
	char line[HTTP_LINE_MAX];
};

/* Takes from *data what makes the next event, and moves *data and *len on.  HTTP_BODY: the piece is
 * *piece, *piece_len bytes inside of what was data.  After HTTP_END and HTTP_BAD no more calls.
 * Zero-initialise h. */
enum http_event http_read(struct http *h, const uint8_t **data, size_t *len, const uint8_t **piece,
			  size_t *piece_len);
/* The connection was closed: HTTP_END or HTTP_BAD. */
enum http_event http_close(struct http *h);

#endif
