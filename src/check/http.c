// SPDX-License-Identifier: BSD-2-Clause
/* Reads an HTTP/1 answer piece by piece.
 *
 * Strict where two readers could disagree about where an answer ends (RFC 9112 6.3), lenient where
 * nothing depends on it.  What a hostile server may cost is bounded: memory by this struct,
 * headers, chunk sizes and trailers by HTTP_OVERHEAD_MAX; the body is its reader's concern. */
#include "check/http.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static enum http_event bad(struct http *h, const char *why)
{
	h->why = why;
	h->state = HTTP_DONE;
	return HTTP_BAD;
}

/* ---- Lines ---- */

/* Whether line holds a whole one now, without its end. */
static bool take_line(struct http *h, const uint8_t **data, size_t *len)
{
	const uint8_t *lf = memchr(*data, '\n', *len);
	size_t n = lf ? (size_t)(lf - *data) + 1 : *len, keep = lf ? n - 1 : n;

	h->overhead += n;
	if (keep > sizeof(h->line) - 1 - h->line_len) {
		keep = sizeof(h->line) - 1 - h->line_len;
		h->line_cut = true;
	}
	memcpy(h->line + h->line_len, *data, keep);
	h->line_len += keep;
	*data += n;
	*len -= n;
	if (!lf)
		return false;
	if (h->line_len && !h->line_cut && h->line[h->line_len - 1] == '\r')
		h->line_len--;
	h->line[h->line_len] = '\0';
	return true;
}

static void next_line(struct http *h, enum http_state state)
{
	h->state = state;
	h->line_len = 0;
	h->line_cut = false;
}

static bool three_digits(const char *s)
{
	return isdigit((unsigned char)s[0]) && isdigit((unsigned char)s[1]) &&
	       isdigit((unsigned char)s[2]) && (s[3] == ' ' || !s[3]);
}

static enum http_event status_line(struct http *h)
{
	const char *s = h->line;

	if (strncmp(s, "HTTP/1.", 7) || !isdigit((unsigned char)s[7]) || s[8] != ' ' ||
	    !three_digits(s + 9))
		return bad(h, "no HTTP/1 status line");
	h->status = (unsigned)((s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0'));
	if (h->status < 100)
		return bad(h, "no HTTP/1 status line");
	h->chunked = h->has_length = false;
	next_line(h, HTTP_HEADERS);
	return HTTP_MORE;
}

/* ---- Headers ---- */

/* The value of the header in line, without the spaces around it; NULL: it is another header. */
static char *header(struct http *h, const char *name)
{
	size_t n = strlen(name);
	char *value, *end;

	if (strncasecmp(h->line, name, n) || h->line[n] != ':')
		return NULL;
	value = h->line + n + 1;
	value += strspn(value, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return value;
}

static enum http_event content_length(struct http *h, const char *value)
{
	uint64_t length = 0;
	const char *p;

	for (p = value; isdigit((unsigned char)*p) && p - value < 18; p++)
		length = length * 10 + (uint64_t)(*p - '0');
	if (p == value || *p)
		return bad(h, "a Content-Length that is no number");
	if (h->has_length && h->left != length)
		return bad(h, "two Content-Lengths");
	h->has_length = true;
	h->left = length;
	next_line(h, HTTP_HEADERS);
	return HTTP_MORE;
}

static enum http_event one_header(struct http *h)
{
	const char *value;

	if (strlen(h->line) != h->line_len)
		return bad(h, "a NUL in its headers");
	value = header(h, "Content-Length");
	if (value)
		return h->line_cut ? bad(h, "a Content-Length that is no number")
				   : content_length(h, value);
	value = header(h, "Transfer-Encoding");
	if (value && (strcasecmp(value, "chunked") || h->line_cut || h->chunked))
		return bad(h, "a transfer coding that lbd does not know");
	h->chunked = h->chunked || value;
	next_line(h, HTTP_HEADERS);
	return HTTP_MORE;
}

static enum http_event end_of_headers(struct http *h)
{
	if (h->status < 200 && h->status != 101) { /* RFC 9110 15.2: the answer is yet to come */
		next_line(h, HTTP_STATUS_LINE);
		return HTTP_MORE;
	}
	if (h->no_body || h->status == 101 || h->status == 204 || h->status == 304)
		h->state = HTTP_DONE;
	else if (h->chunked)
		next_line(h, HTTP_CHUNK_SIZE);
	else if (h->has_length)
		h->state = h->left ? HTTP_BODY_COUNTED : HTTP_DONE;
	else
		h->state = HTTP_BODY_TO_END;
	return HTTP_HEAD;
}

/* ---- Chunks ---- */

static enum http_event chunk_size(struct http *h)
{
	const char *p = h->line;

	h->left = 0;
	for (; isxdigit((unsigned char)*p) && p - h->line < 15; p++)
		h->left =
			h->left * 16 +
			(uint64_t)(isdigit((unsigned char)*p) ? *p - '0' : (*p | 0x20) - 'a' + 10);
	if (p == h->line || (*p && *p != ';' && *p != ' ' && *p != '\t'))
		return bad(h, "a chunk without a size");
	if (h->left)
		h->state = HTTP_CHUNK_DATA;
	else
		next_line(h, HTTP_TRAILERS);
	return HTTP_MORE;
}

static enum http_event chunk_end(struct http *h)
{
	if (h->line_len)
		return bad(h, "a chunk longer than its size");
	next_line(h, HTTP_CHUNK_SIZE);
	return HTTP_MORE;
}

static enum http_event whole_line(struct http *h)
{
	switch (h->state) {
	case HTTP_STATUS_LINE:
		return status_line(h);
	case HTTP_HEADERS:
		return h->line_len ? one_header(h) : end_of_headers(h);
	case HTTP_CHUNK_SIZE:
		return chunk_size(h);
	case HTTP_CHUNK_END:
		return chunk_end(h);
	default: /* HTTP_TRAILERS */
		if (!h->line_len)
			h->state = HTTP_DONE;
		else
			next_line(h, HTTP_TRAILERS);
		return HTTP_MORE;
	}
}

/* ---- The whole ---- */

static enum http_event body(struct http *h, const uint8_t **data, size_t *len,
			    const uint8_t **piece, size_t *piece_len)
{
	size_t n = *len;

	if (h->state != HTTP_BODY_TO_END) {
		if (n > h->left)
			n = (size_t)h->left;
		h->left -= n;
	}
	*piece = *data;
	*piece_len = n;
	*data += n;
	*len -= n;
	if (h->state == HTTP_BODY_COUNTED && !h->left)
		h->state = HTTP_DONE;
	if (h->state == HTTP_CHUNK_DATA && !h->left)
		next_line(h, HTTP_CHUNK_END);
	return HTTP_BODY;
}

enum http_event http_read(struct http *h, const uint8_t **data, size_t *len, const uint8_t **piece,
			  size_t *piece_len)
{
	enum http_event event;

	for (;;) {
		if (h->state == HTTP_DONE)
			return HTTP_END;
		if (!*len)
			return HTTP_MORE;
		if (h->state == HTTP_BODY_COUNTED || h->state == HTTP_BODY_TO_END ||
		    h->state == HTTP_CHUNK_DATA)
			return body(h, data, len, piece, piece_len);
		event = take_line(h, data, len) ? whole_line(h) : HTTP_MORE;
		if (event == HTTP_MORE && h->overhead > HTTP_OVERHEAD_MAX)
			event = bad(h, "more than 16 KiB of headers");
		if (event != HTTP_MORE)
			return event;
	}
}

enum http_event http_close(struct http *h)
{
	if (h->state == HTTP_BODY_TO_END || h->state == HTTP_DONE)
		return HTTP_END;
	if (h->state == HTTP_STATUS_LINE && !h->line_len && !h->overhead)
		return bad(h, "nothing");
	return bad(h, h->state == HTTP_STATUS_LINE || h->state == HTTP_HEADERS
			      ? "headers that break off"
			      : "a body that breaks off");
}
