// SPDX-License-Identifier: BSD-2-Clause
/* Single values: text and numbers to members, and back. */
#include "conf/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/regex.h"

#define QUOTED 128 /* room for a quoted value in a message */

static const struct {
	const char *name;
	uint64_t us;
} units[] = { { "h", 3600000000 }, { "m", 60000000 }, { "s", 1000000 }, { "ms", 1000 } };

#define N_UNITS (sizeof(units) / sizeof(*units))

static int refuse(struct str *why, const char *text, const char *what)
{
	char buf[QUOTED];

	str_addf(why, "\"%s\" %s", str_quote(text, strlen(text), buf, sizeof(buf)), what);
	return -EINVAL;
}

static int not_allowed(const struct opt *o, struct str *why, const char *text)
{
	refuse(why, text, "is not ");
	value_allowed(o, why);
	return -EINVAL;
}

/* ---- text to members ---- */

static int from_string(const struct opt *o, const char *text, void *at, struct arena *arena,
		       struct str *why)
{
	const char *p;

	for (p = text; *p; p++)
		if (iscntrl((unsigned char)*p))
			return refuse(why, text, "has a control character in it");
	if (strlen(text) < o->min || strlen(text) > (o->max ? o->max : SIZE_MAX))
		return not_allowed(o, why, text);
	if (o->type == OPT_PATH && *text != '/')
		return not_allowed(o, why, text);
	*(const char **)at = arena_strdup(arena, text);
	return 0;
}

static int from_bytes(const struct opt *o, const char *text, void *at, struct arena *arena,
		      struct str *why)
{
	if (strlen(text) < o->min || strlen(text) > o->max)
		return not_allowed(o, why, text);
	*(const char **)at = arena_strdup(arena, text);
	return 0;
}

/* A pair of digits is a byte; spaces may stand between pairs. */
static bool is_hex(const char *text, bool wild, bool spaces)
{
	size_t pairs = 0;

	for (;; text += 2, pairs++) {
		while (spaces && *text == ' ')
			text++;
		if (!*text)
			return pairs;
		if (wild && text[0] == '.' && text[1] == '.')
			continue;
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			return false;
	}
}

static int from_hex(const struct opt *o, const char *text, void *at, struct arena *arena,
		    struct str *why)
{
	if (strlen(text) < o->min || strlen(text) > o->max ||
	    !is_hex(text, o->flags & OPT_WILD, o->min != o->max))
		return not_allowed(o, why, text);
	*(const char **)at = arena_strdup(arena, text);
	return 0;
}

static int from_status(const struct opt *o, const char *text, void *at, struct arena *,
		       struct str *why)
{
	struct conf_range *range = at;
	unsigned first, last;
	int end = 0;

	if (sscanf(text, "%3u-%3u%n", &first, &last, &end) != 2) {
		if (sscanf(text, "%3u%n", &first, &end) != 1)
			return not_allowed(o, why, text);
		last = first;
	}
	if (text[end] || !isdigit((unsigned char)*text) || first < 100 || last < first ||
	    last > 599 || strpbrk(text, " +"))
		return not_allowed(o, why, text);
	*range = (struct conf_range){ (uint16_t)first, (uint16_t)last };
	return 0;
}

static int from_regex(const struct opt *o, const char *text, void *at, struct arena *arena,
		      struct str *why)
{
	struct str reason = { 0 };
	struct regex *regex;

	if (strlen(text) < o->min || strlen(text) > o->max)
		return not_allowed(o, why, text);
	if (regex_new(text, &reason, &regex)) {
		refuse(why, text, "is no regular expression: ");
		str_addf(why, "%s", str_text(&reason));
		str_free(&reason);
		return -EINVAL;
	}
	regex_free(regex);
	*(const char **)at = arena_strdup(arena, text);
	return 0;
}

static bool is_interface(const char *text)
{
	const char *p;

	if (!*text || strlen(text) >= IFNAMSIZ || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	for (p = text; *p; p++)
		if (*p == '/' || *p == ':' || !isgraph((unsigned char)*p))
			return false;
	return true;
}

static int from_interface(const struct opt *, const char *text, void *at, struct arena *arena,
			  struct str *why)
{
	if (!is_interface(text))
		return refuse(why, text, "is not the name of a network interface");
	*(const char **)at = arena_strdup(arena, text);
	return 0;
}

static int from_enum(const struct opt *o, const char *text, void *at, struct arena *,
		     struct str *why)
{
	struct nearest nearest = { .wanted = text };
	const struct opt_word *w;

	for (w = o->words; w->name; w++) {
		if (!strcmp(w->name, text)) {
			if (o->type == OPT_ENUM8)
				*(uint8_t *)at = (uint8_t)w->value;
			else
				*(unsigned *)at = w->value;
			return 0;
		}
		nearest_try(&nearest, w->name);
	}
	not_allowed(o, why, text);
	if (nearest.best)
		str_addf(why, "; did you mean \"%s\"?", nearest.best);
	return -EINVAL;
}

static int from_duration(const struct opt *o, const char *text, void *at, struct arena *,
			 struct str *why)
{
	unsigned long long number;
	uint64_t us;
	size_t i;
	char *end;

	if (!isdigit((unsigned char)*text))
		return not_allowed(o, why, text);
	errno = 0;
	number = strtoull(text, &end, 10);
	if (!*end)
		return refuse(why, text,
			      "has no unit: write \"2s\", or \"250ms\", \"10m\", \"1h\"");
	for (i = 0; i < N_UNITS; i++)
		if (!strcmp(end, units[i].name))
			break;
	if (i == N_UNITS || errno || number > UINT64_MAX / units[i].us)
		return not_allowed(o, why, text);
	us = number * units[i].us;
	if (us < o->min || us > o->max || (o->step && us % o->step))
		return not_allowed(o, why, text);
	*(usec_t *)at = USEC(us);
	return 0;
}

/* Takes a port's digits from *text. */
static bool take_port(const char **text, unsigned *ret)
{
	const char *p = *text;

	for (*ret = 0; isdigit((unsigned char)*p) && *ret <= UINT16_MAX; p++)
		*ret = *ret * 10 + (unsigned)(*p - '0');
	if (p == *text || *ret > UINT16_MAX)
		return false;
	*text = p;
	return true;
}

/* All there are; only where all may be meant. */
static bool any_port(const struct opt *o)
{
	return o->min == 1 && o->max == UINT16_MAX;
}

static int from_ports(const struct opt *o, const char *text, void *at, struct arena *,
		      struct str *why)
{
	const char *p = text;
	unsigned first, last;

	if (any_port(o) && !strcmp(text, "any")) {
		first = 1;
		last = UINT16_MAX;
	} else if (!take_port(&p, &first) || *p++ != '-' || !take_port(&p, &last) || *p) {
		return not_allowed(o, why, text);
	}
	if (first < o->min || last > o->max)
		return not_allowed(o, why, text);
	if (first > last)
		return refuse(why, text, "ends before it begins");
	((uint16_t *)at)[0] = (uint16_t)first;
	((uint16_t *)at)[1] = (uint16_t)last;
	return 0;
}

/* Whether a host can have that address; NULL, or why not. */
static const char *unusable(const struct addr *a, bool link_local)
{
	const uint8_t *bytes = addr_bytes(a, NULL);

	if (addr_is_any(a))
		return "is the unspecified address";
	if (addr_is_loopback(a))
		return "is a loopback address";
	if (addr_is_multicast(a))
		return "is a multicast address";
	if (addr_is_v4(a) && (bytes[0] == 0 || bytes[0] >= 240))
		return "is no address that a host can have";
	if (addr_is_link_local(a) && !link_local)
		return "is a link-local address, which is no use here";
	return NULL;
}

static int from_addr(const struct opt *o, const char *text, void *at, struct arena *,
		     struct str *why)
{
	const char *bad;
	struct addr a;

	if (addr_parse(text, &a))
		return refuse(why, text,
			      strchr(text, '/')
				      ? "is not an address: no prefix length belongs here"
				      : "is not an IPv4 or IPv6 address (names are not looked up)");
	bad = unusable(&a, o->flags & OPT_LINK_LOCAL);
	if (bad)
		return refuse(why, text, bad);
	*(struct addr *)at = a;
	return 0;
}

/* NULL, or why a service cannot have all addresses of it. */
static const char *not_a_network(const struct prefix *p)
{
	struct prefix network = prefix_network(p);

	if (!p->len)
		return "is every address there is";
	return prefix_equal(&network, p) ? NULL : "has bits set behind its prefix length";
}

static int from_net(const struct opt *, const char *text, void *at, struct arena *, struct str *why)
{
	const char *bad;
	struct prefix p;

	if (prefix_parse(text, &p))
		return refuse(why, text,
			      "is not an IPv4 or IPv6 address, nor a network like \"192.0.2.0/24\" "
			      "(names are not looked up)");
	bad = p.len == addr_bits(&p.addr) ? unusable(&p.addr, false) : not_a_network(&p);
	if (bad)
		return refuse(why, text, bad);
	*(struct prefix *)at = p;
	return 0;
}

/* The first or last address of an IPv4 network means the network, or all of it. */
static const char *not_a_host(const struct prefix *p)
{
	uint32_t host, mask;

	if (!addr_is_v4(&p->addr) || p->len >= 31)
		return NULL;
	mask = p->len ? UINT32_MAX >> p->len : UINT32_MAX;
	host = __builtin_bswap32(p->addr.a[3]) & mask;
	if (!host)
		return "is the address of the network itself, must be one of a host in it";
	return host == mask ? "is the broadcast address of its network" : NULL;
}

static int from_vip(const struct opt *o, const char *text, void *at, struct arena *arena,
		    struct str *why)
{
	struct conf_vip *vip = at;
	char words[3][64] = { "" }, rest;
	const char *bad;
	int n;

	n = sscanf(text, "%63s %63s %63s %c", words[0], words[1], words[2], &rest);
	if ((n != 1 && n != 3) || prefix_parse(words[0], &vip->prefix) ||
	    (n == 3 && (strcmp(words[1], "dev") || !is_interface(words[2]))))
		return not_allowed(o, why, text);
	bad = unusable(&vip->prefix.addr, o->flags & OPT_LINK_LOCAL);
	if (!bad)
		bad = not_a_host(&vip->prefix);
	if (!bad && !vip->prefix.len)
		bad = "has no network";
	if (bad)
		return refuse(why, text, bad);
	vip->interface = n == 3 ? arena_strdup(arena, words[2]) : NULL;
	return 0;
}

static int from_percent(const struct opt *o, const char *text, void *at, struct arena *,
			struct str *why)
{
	unsigned long number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return not_allowed(o, why, text);
	number = strtoul(text, &end, 10);
	if (strcmp(end, "%") != 0 || !number || number > 100)
		return not_allowed(o, why, text);
	*(uint32_t *)at = (uint32_t)number;
	return 0;
}

static const struct {
	size_t size;
	int (*from_text)(const struct opt *o, const char *text, void *at, struct arena *arena,
			 struct str *why);
	const char *allowed; /* when it needs no arithmetic */
} types[] = {
	[OPT_U32] = { sizeof(uint32_t), NULL, NULL },
	[OPT_U16] = { sizeof(uint16_t), NULL, NULL },
	[OPT_S32] = { sizeof(int32_t), NULL, NULL },
	[OPT_PERCENT] = { sizeof(uint32_t), from_percent, "a share from \"1%\" to \"100%\"" },
	[OPT_PORTS] = { 2 * sizeof(uint16_t), from_ports, NULL },
	[OPT_BOOL] = { sizeof(bool), NULL, "true or false" },
	[OPT_STRING] = { sizeof(char *), from_string, NULL },
	[OPT_INTERFACE] = { sizeof(char *), from_interface,
			    "the name of an interface, like \"eth0\"" },
	[OPT_PATH] = { sizeof(char *), from_string, NULL },
	[OPT_BYTES] = { sizeof(char *), from_bytes, NULL },
	[OPT_HEX] = { sizeof(char *), from_hex, NULL },
	[OPT_REGEX] = { sizeof(char *), from_regex, NULL },
	[OPT_STATUS] = { sizeof(struct conf_range), from_status,
			 "a status or a range of them in 100-599, like \"200\" or \"200-299\"" },
	[OPT_ENUM] = { sizeof(unsigned), from_enum, NULL },
	[OPT_ENUM8] = { sizeof(uint8_t), from_enum, NULL },
	[OPT_DURATION] = { sizeof(usec_t), from_duration, NULL },
	[OPT_ADDR] = { sizeof(struct addr), from_addr,
		       "an IPv4 or IPv6 address, like \"192.0.2.1\"" },
	[OPT_NET] = { sizeof(struct prefix), from_net,
		      "an address or a network, like \"192.0.2.1\" or \"192.0.2.0/24\"" },
	[OPT_VIP] = { sizeof(struct conf_vip), from_vip,
		      "an address with its prefix length, like \"192.0.2.10/24\" or "
		      "\"10.0.0.1/24 dev eth1\"" },
	[OPT_LIST] = { 0, NULL, NULL },
	[OPT_GROUP] = { 0, NULL, "a group { ... }" },
	[OPT_NAMED] = { 0, NULL, "a group of named groups { name: { ... }; ... }" },
};

static enum opt_type scalar(const struct opt *o)
{
	return o->type == OPT_LIST ? o->elem : o->type;
}

size_t value_size(enum opt_type type)
{
	return types[type].size;
}

int value_from_text(const struct opt *o, const char *text, void *at, struct arena *arena,
		    struct str *why)
{
	struct opt elem = *o;

	elem.type = scalar(o);
	if (!types[elem.type].from_text)
		return not_allowed(&elem, why, text);
	if (o->type == OPT_LIST)
		elem.min = elem.max = 0; /* they are of the list's length */
	return types[elem.type].from_text(&elem, text, at, arena, why);
}

static int from_signed(const struct opt *o, int64_t number, void *at, struct str *why)
{
	if (number < -(int64_t)o->max || number > (int64_t)o->max) {
		str_addf(why, "%" PRId64 " is not in -%" PRIu64 "..%" PRIu64, number, o->max,
			 o->max);
		return -EINVAL;
	}
	*(int32_t *)at = (int32_t)number;
	return 0;
}

int value_from_number(const struct opt *o, int64_t number, void *at, struct str *why)
{
	if (o->type == OPT_S32)
		return from_signed(o, number, at, why);
	if (number < 0 || (uint64_t)number < o->min || (uint64_t)number > o->max) {
		str_addf(why, "%" PRId64 " is not in %" PRIu64 "-%" PRIu64, number, o->min, o->max);
		return -EINVAL;
	}
	if (o->type == OPT_PORTS)
		((uint16_t *)at)[0] = ((uint16_t *)at)[1] = (uint16_t)number;
	else if (o->type == OPT_U16)
		*(uint16_t *)at = (uint16_t)number;
	else
		*(uint32_t *)at = (uint32_t)number;
	return 0;
}

void value_from_default(const struct opt *o, void *at, struct arena *arena)
{
	struct str why = { 0 };

	if (o->type == OPT_U32 || o->type == OPT_U16 || o->type == OPT_S32)
		value_from_number(o, atoll(o->def), at, &why);
	else if (o->type == OPT_BOOL)
		*(bool *)at = !strcmp(o->def, "true");
	else
		value_from_text(o, o->def, at, arena, &why);
	str_free(&why);
}

/* ---- what is allowed ---- */

static void allowed_words(const struct opt *o, struct str *out)
{
	const struct opt_word *w;

	str_addf(out, "one of");
	for (w = o->words; w->name; w++)
		str_addf(out, "%s \"%s\"", w == o->words ? "" : ",", w->name);
}

static void allowed_duration(const struct opt *o, struct str *out)
{
	str_addf(out, "a duration from ");
	duration_print(o->min, out);
	str_addf(out, " to ");
	duration_print(o->max, out);
	if (o->step) {
		str_addf(out, " in steps of ");
		duration_print(o->step, out);
	}
	str_addf(out, ", like \"%s\"", o->def ? o->def : "1s");
}

static void allowed_hex(const struct opt *o, struct str *out)
{
	if (o->min == o->max) {
		str_addf(out, "%" PRIu64 " digits in hexadecimal", o->max);
		return;
	}
	str_addf(out, "bytes in hexadecimal, like \"16 03 01\"%s, at most %" PRIu64 " characters",
		 o->flags & OPT_WILD ? ", with \"..\" for any byte" : "", o->max);
}

static void allowed_ports(const struct opt *o, struct str *out)
{
	str_addf(out, "a number in %" PRIu64 "-%" PRIu64 " or a range like \"8000-8100\"%s", o->min,
		 o->max, any_port(o) ? ", or \"any\"" : "");
}

void value_allowed(const struct opt *o, struct str *out)
{
	struct opt elem = *o;

	elem.type = scalar(o);
	if (o->type == OPT_LIST)
		str_addf(out, "a list [ ... ]; each is ");
	if (elem.type == OPT_VIP && (o->flags & OPT_BARE))
		str_addf(out, "an address, like \"10.0.0.200\" or \"10.0.0.200/24 dev eth1\"");
	else if (types[elem.type].allowed)
		str_addf(out, "%s", types[elem.type].allowed);
	else if (elem.type == OPT_PORTS)
		allowed_ports(o, out);
	else if (elem.type == OPT_U32 || elem.type == OPT_U16)
		str_addf(out, "a number in %" PRIu64 "-%" PRIu64, o->min, o->max);
	else if (elem.type == OPT_S32)
		str_addf(out, "a number in -%" PRIu64 "..%" PRIu64, o->max, o->max);
	else if (elem.type == OPT_DURATION)
		allowed_duration(o, out);
	else if (elem.type == OPT_PATH)
		str_addf(out, "an absolute path of at most %" PRIu64 " characters", o->max);
	else if (elem.type == OPT_HEX)
		allowed_hex(o, out);
	else if (elem.type == OPT_REGEX)
		str_addf(out, "a regular expression of at most %" PRIu64 " characters", o->max);
	else if ((elem.type == OPT_STRING || elem.type == OPT_BYTES) && o->type != OPT_LIST)
		str_addf(out, "a string of %" PRIu64 " to %" PRIu64 " characters", o->min, o->max);
	else if (elem.type == OPT_STRING)
		str_addf(out, "a string");
	else
		allowed_words(o, out);
	if (o->each_at)
		str_addf(out, ", or a group with one of them for each interface");
}

/* ---- members to text ---- */

void duration_print(uint64_t us, struct str *out)
{
	size_t i = 0;

	while (i < N_UNITS - 1 && us % units[i].us)
		i++;
	if (!us)
		i = N_UNITS - 2; /* "0s" */
	str_addf(out, "%" PRIu64 "%s", us / units[i].us, units[i].name);
}

/* With libconfig's escapes. */
static void print_string(const char *text, struct str *out)
{
	str_add(out, "\"", 1);
	for (; *text; text++) {
		if (strchr("\"\\", *text))
			str_addf(out, "\\%c", *text);
		else if (iscntrl((unsigned char)*text))
			str_addf(out, "\\x%02x", (unsigned char)*text);
		else
			str_add(out, text, 1);
	}
	str_add(out, "\"", 1);
}

static void print_enum(const struct opt *o, unsigned value, struct str *out)
{
	const struct opt_word *w;

	for (w = o->words; w->name; w++)
		if (w->value == value)
			str_addf(out, "\"%s\"", w->name);
}

static void print_net(const struct prefix *p, struct str *out)
{
	char buf[PREFIX_STRLEN];

	str_addf(out, "\"%s\"", prefix_str_short(p, buf));
}

static void print_ports(const uint16_t ports[2], struct str *out)
{
	if (ports[0] == ports[1])
		str_addf(out, "%u", ports[0]);
	else if (ports[0] == 1 && ports[1] == UINT16_MAX)
		str_addf(out, "\"any\"");
	else
		str_addf(out, "\"%u-%u\"", ports[0], ports[1]);
}

/* What was not said is not printed: "10.0.0.200". */
static void print_vip(const struct conf_vip *vip, struct str *out)
{
	char buf[PREFIX_STRLEN];

	if (vip->interface)
		str_addf(out, "\"%s dev %s\"", prefix_str(&vip->prefix, buf), vip->interface);
	else
		print_net(&vip->prefix, out);
}

static void print_range(const struct conf_range *r, struct str *out)
{
	if (r->first == r->last)
		str_addf(out, "\"%u\"", r->first);
	else
		str_addf(out, "\"%u-%u\"", r->first, r->last);
}

static void print_scalar(const struct opt *o, const void *at, struct str *out)
{
	char buf[PREFIX_STRLEN];

	switch (scalar(o)) {
	case OPT_U32:
		str_addf(out, "%" PRIu32, *(const uint32_t *)at);
		break;
	case OPT_U16:
		str_addf(out, "%" PRIu16, *(const uint16_t *)at);
		break;
	case OPT_S32:
		str_addf(out, "%" PRId32, *(const int32_t *)at);
		break;
	case OPT_PERCENT:
		str_addf(out, "\"%" PRIu32 "%%\"", *(const uint32_t *)at);
		break;
	case OPT_BOOL:
		str_addf(out, "%s", *(const bool *)at ? "true" : "false");
		break;
	case OPT_ENUM:
		print_enum(o, *(const unsigned *)at, out);
		break;
	case OPT_ENUM8:
		print_enum(o, *(const uint8_t *)at, out);
		break;
	case OPT_DURATION:
		str_add(out, "\"", 1);
		duration_print((uint64_t)((const usec_t *)at)->us, out);
		str_add(out, "\"", 1);
		break;
	case OPT_ADDR:
		str_addf(out, "\"%s\"", addr_str(at, buf));
		break;
	case OPT_NET:
		print_net(at, out);
		break;
	case OPT_STATUS:
		print_range(at, out);
		break;
	case OPT_VIP:
		print_vip(at, out);
		break;
	case OPT_PORTS:
		print_ports(at, out);
		break;
	default:
		print_string(*(const char *const *)at, out);
	}
}

static void print_list(const struct opt *o, const void *base, struct str *out)
{
	const char *elems = *(const char *const *)((const char *)base + o->at);
	unsigned i, n = *(const unsigned *)((const char *)base + o->n_at);

	str_addf(out, "[");
	for (i = 0; i < n; i++) {
		str_addf(out, i ? ", " : " ");
		print_scalar(o, elems + i * value_size(o->elem), out);
	}
	str_addf(out, " ]");
}

static void print_each(const struct opt *o, const struct conf_attach_one *each, unsigned n,
		       struct str *out)
{
	unsigned i;

	str_addf(out, "{");
	for (i = 0; i < n; i++) {
		str_addf(out, " %s = ", each[i].interface);
		print_enum(o, each[i].attach, out);
		str_addf(out, ";");
	}
	str_addf(out, " }");
}

void value_print(const struct opt *o, const void *base, struct str *out)
{
	const char *at = (const char *)base + o->at;
	unsigned n_each = o->each_at ? *(const unsigned *)((const char *)base + o->n_each_at) : 0;

	if (n_each)
		print_each(o, *(struct conf_attach_one *const *)((const char *)base + o->each_at),
			   n_each, out);
	else if (o->type == OPT_LIST)
		print_list(o, base, out);
	else
		print_scalar(o, at, out);
}

bool value_applies(const struct opt *o, const void *base)
{
	return !o->checks || o->checks & 1U << ((const struct conf_check *)base)->type;
}

static bool all_zero(const char *bytes, size_t n)
{
	while (n && !*bytes) {
		bytes++;
		n--;
	}
	return !n;
}

bool value_absent(const struct opt *o, const void *base)
{
	const char *at = (const char *)base + o->at;

	if (!value_applies(o, base))
		return true;
	switch (o->type) {
	case OPT_U16:
	case OPT_PORTS:
		return !*(const uint16_t *)at && o->min;
	case OPT_U32:
	case OPT_PERCENT:
		return !*(const uint32_t *)at && (o->def_doc || (o->min && !o->def));
	case OPT_DURATION:
		return !((const usec_t *)at)->us && (o->def_doc || o->min);
	case OPT_ENUM:
		return *(const unsigned *)at == OPT_ENUM_UNSET;
	case OPT_GROUP:
		return (o->flags & OPT_ABSENT) && all_zero(at, o->group->size);
	case OPT_STRING:
	case OPT_INTERFACE:
	case OPT_PATH:
	case OPT_BYTES:
	case OPT_HEX:
	case OPT_REGEX:
		return !*(const char *const *)at;
	case OPT_LIST:
	case OPT_NAMED:
		return !*(const unsigned *)((const char *)base + o->n_at);
	case OPT_ADDR:
		return o->n_at && !*((const bool *)base + o->n_at);
	default:
		return false;
	}
}
