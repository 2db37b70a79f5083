// SPDX-License-Identifier: BSD-2-Clause
/* Rules of what instances track, and of the programs that they run. */
#include <string.h>

#include "conf/rule.h"

static const char *const track_kinds[CONF_TRACK_KINDS] = {
	[CONF_TRACK_INTERFACE] = "an interface",
	[CONF_TRACK_ADDRESS] = "an address",
	[CONF_TRACK_ROUTE] = "a route",
	[CONF_TRACK_SCRIPT] = "a script",
	[CONF_TRACK_FILE] = "a file",
	[CONF_TRACK_PROCESS] = "a process",
	[CONF_TRACK_INSTANCE] = "an instance",
	[CONF_TRACK_SERVICE] = "a service",
};

/* Options that only some kinds look at. */
static void track_options_fit(const struct rules *r, const struct conf_track *t)
{
	bool script = t->kind == CONF_TRACK_SCRIPT, service = t->kind == CONF_TRACK_SERVICE;
	bool polled = script || t->kind == CONF_TRACK_FILE || t->kind == CONF_TRACK_PROCESS;
	const struct {
		const char *option;
		bool fits, said;
	} options[] = {
		{ "interval", polled, t->interval.us },
		{ "timeout", script, t->timeout.us },
		{ "rise", polled, t->rise },
		{ "fall", polled, t->fall },
		{ "below", service, t->below },
		{ "delay", service, t->delay.us },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (options[i].said && !options[i].fits)
			error(r, &t->where, options[i].option, "means nothing for %s",
			      track_kinds[t->kind]);
}

static const struct conf_service *service(const struct conf *c, const char *name)
{
	const struct conf_service *s;

	for_each(s, c->services, c->n_services)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static void track_names_exist(const struct rules *r, const struct conf_vrrp *v,
			      const struct conf_track *t)
{
	const struct conf_vrrp *other = t->instance ? find_instance(r->conf, t->instance) : NULL;
	unsigned i;

	if (t->service && !service(r->conf, t->service))
		error(r, &t->where, "service", "there is no service \"%s\"", t->service);
	if (t->instance && !other)
		no_such_instance(r, &t->where, "instance", t->instance);
	if (other == v)
		error(r, &t->where, "instance", "%s cannot depend on itself", v->name);
	/* Two that wait for each other would wait for ever. */
	for (i = 0; other && other != v && i < other->n_tracks; i++)
		if (other->tracks[i].instance && (!i || !other->tracks[i - 1].instance))
			error(r, &t->where, "instance", "%s tracks an instance itself (%s:%u)",
			      other->name, other->tracks[i].where.file,
			      other->tracks[i].where.line);
}

static void program_is_a_path(const struct rules *r, const struct conf_where *where,
			      const char *option, const char *const *argv, unsigned n)
{
	if (n && *argv[0] != '/')
		error(r, where, option, "\"%s\" must be an absolute path: no shell looks for it",
		      argv[0]);
}

static void tracks_are_sound(const struct rules *r)
{
	const struct conf_vrrp *v;
	const struct conf_track *t;

	for_each(v, r->conf->vrrp, r->conf->n_vrrp) {
		program_is_a_path(r, &v->where, "notify", v->notify, v->n_notify);
		if (v->notify_timeout.us && !v->n_notify)
			error(r, &v->where, "notify_timeout", "means nothing without notify");
		for_each(t, v->tracks, v->n_tracks) {
			if (t->kind == CONF_TRACK_NONE)
				error(r, &t->where, NULL,
				      "must say one of interface, address, route, script, file, "
				      "process, instance and service");
			else
				track_options_fit(r, t);
			track_names_exist(r, v, t);
			program_is_a_path(r, &t->where, "script", t->script, t->n_script);
			if (t->interval.us && usec_before(t->interval, t->timeout))
				error(r, &t->where, "timeout", "must not be longer than interval");
			if (t->weight && v->priority == 255)
				error(r, &t->where, "weight",
				      "cannot change priority 255, which says that it owns the "
				      "addresses at all times");
		}
	}
}

// clang-format off
static const struct rule table[] = {
	{ SEVERITY_ERROR, tracks_are_sound },
};
// clang-format on

void rules_of_tracks(const struct rules *r, enum severity severity)
{
	rules_run(r, severity, table, sizeof(table) / sizeof(*table));
}
