// SPDX-License-Identifier: BSD-2-Clause
/* src/conf: the table of options, values, and what a loaded configuration holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "conf/schema.h"
#include "conf/source.h"
#include "conf/value.h"

/* ---- The table ---- */

/* Runs check on every option of every group below g that can be written. */
static void each_opt(const struct opt_group *g, const char *path,
		     void (*check)(const struct opt_group *g, const struct opt *o,
				   const char *path))
{
	struct str below = { 0 };
	const struct opt *o;

	for_each_opt(o, g) {
		below.len = 0;
		str_addf(&below, "%s.%s", path, o->name);
		check(g, o, str_text(&below));
		if (o->group)
			each_opt(o->group, str_text(&below), check);
	}
	str_free(&below);
}

static void is_documented(const struct opt_group *g, const struct opt *o, const char *path)
{
	size_t n = o->doc ? strlen(o->doc) : 0;

	if (n < 10 || o->doc[n - 1] != '.')
		fail_msg("%s: its doc is no sentence", path);
	if (!g->title || !g->doc)
		fail_msg("%s: its group has no title or doc", path);
}

static void every_option_has_a_doc(void **state)
{
	each_opt(&schema_file, "", is_documented);
}

static void is_named_once(const struct opt_group *g, const struct opt *o, const char *path)
{
	const struct opt *other;

	for_each_opt(other, g)
		if (other != o && (!strcmp(other->name, o->name) ||
				   (other->single && !strcmp(other->single, o->name))))
			fail_msg("%s is there twice", path);
	assert_ptr_equal(schema_find(g, o->name), o);
}

static void no_name_is_there_twice(void **state)
{
	each_opt(&schema_file, "", is_named_once);
}

static void is_bounded(const struct opt_group *g, const struct opt *o, const char *path)
{
	bool number = o->type == OPT_U32 || o->type == OPT_U16 || o->type == OPT_PORTS ||
		      o->type == OPT_DURATION;
	bool many = o->type == OPT_LIST || o->type == OPT_NAMED;
	bool text = o->type == OPT_STRING || o->type == OPT_PATH;

	if ((number || many || text) && (!o->max || o->min > o->max))
		fail_msg("%s: its bounds are not sane", path);
	if ((o->type == OPT_U32 && o->max > UINT32_MAX) ||
	    (o->type == OPT_U16 && o->max > UINT16_MAX))
		fail_msg("%s: its member cannot hold its largest value", path);
	if ((o->type == OPT_ENUM || o->type == OPT_ENUM8) && !(o->words && o->words[0].name))
		fail_msg("%s: it has no words", path);
	if ((o->type == OPT_GROUP || o->type == OPT_NAMED) && !o->group)
		fail_msg("%s: it has no group", path);
	if (o->step && (o->min % o->step || o->max % o->step))
		fail_msg("%s: its bounds are between two steps", path);
}

static void bounds_are_sane(void **state)
{
	each_opt(&schema_file, "", is_bounded);
}

static void default_is_allowed(const struct opt_group *g, const struct opt *o, const char *path)
{
	_Alignas(16) unsigned char value[64] = { 0 };
	struct arena *arena = arena_new();
	struct str why = { 0 };
	int r = 0;

	if (!o->def == !(o->flags & OPT_REQUIRED) && !o->def_doc && o->type != OPT_GROUP &&
	    o->type != OPT_NAMED && o->type != OPT_ADDR)
		fail_msg("%s: it has a default, or is required, or says what else", path);
	if (o->def && (o->type == OPT_U32 || o->type == OPT_U16 || o->type == OPT_S32))
		r = value_from_number(o, atoll(o->def), value, &why);
	else if (o->def && o->type == OPT_BOOL)
		r = strcmp(o->def, "true") && strcmp(o->def, "false");
	else if (o->def)
		r = value_from_text(o, o->def, value, arena, &why);
	if (r)
		fail_msg("%s: its default is not allowed: %s", path, str_text(&why));
	arena_free(arena);
	str_free(&why);
}

static void defaults_are_inside_the_bounds(void **state)
{
	each_opt(&schema_file, "", default_is_allowed);
}

/* The first member of a struct is at offset 0: in one that starts with something else, an option
 * there has forgotten its member. */
static void has_its_member(const struct opt_group *g, const struct opt *o, const char *path)
{
	if (o->flags & OPT_NO_MEMBER)
		return;
	if ((g->has_where && o->at < sizeof(struct conf_where)) || o->at >= g->size)
		fail_msg("%s: its member is not in its struct", path);
}

static void members_are_in_their_structs(void **state)
{
	each_opt(&schema_service, "", has_its_member);
	each_opt(&schema_vrrp, "", has_its_member);
	each_opt(&schema_director, "", has_its_member);
}

static void the_nearest_name_is_proposed(void **state)
{
	assert_string_equal(schema_nearest(&schema_server, "weigth"), "weight");
	assert_string_equal(schema_nearest(&schema_server, "addr"), "address");
	assert_string_equal(schema_nearest(&schema_service, "chek"), "check");
	assert_string_equal(schema_nearest(&schema_vrrp, "prio"), "priority");
	assert_null(schema_nearest(&schema_server, "colour"));
	assert_null(schema_nearest(&schema_defaults, "vip"));
}

static void durations_are_printed_in_their_largest_unit(void **state)
{
	static const struct {
		uint64_t us;
		const char *text;
	} cases[] = { { 0, "0s" },
		      { 1000, "1ms" },
		      { 1500000, "1500ms" },
		      { 60000000, "1m" },
		      { 61000000, "61s" },
		      { 3600000000, "1h" },
		      { 40950000, "40950ms" } };
	struct str out = { 0 };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		out.len = 0;
		duration_print(cases[i].us, &out);
		assert_string_equal(str_text(&out), cases[i].text);
	}
	str_free(&out);
}

/* ---- What a file becomes ---- */

static struct conf *load(const char *text, const char *node)
{
	struct conf_source source = { .file = "test.conf",
				      .bytes = text,
				      .len = strlen(text),
				      .node = node,
				      .host = "testhost" };
	struct str problems = { 0 };
	struct conf *c = NULL;

	if (conf_load_source(&source, &problems, &c))
		fail_msg("%s", str_text(&problems));
	str_free(&problems);
	return c;
}

static const char pair[] =
	"vrrp: { shop: { interface = \"eth0\"; vrid = 51; advert_interval = \"100ms\";\n"
	"	addresses = [ \"192.0.2.10/24\", \"10.0.0.1/24 dev eth1\" ]; }; };\n"
	"pools: { web: { servers: {\n"
	"	a: { address = \"10.0.0.11\"; port = 8080; weight = 3; };\n"
	"	b: { address = \"10.0.0.12\"; }; }; }; };\n"
	"services: {\n"
	"	www: { vip = \"192.0.2.10\"; port = 80; pool = \"web\"; };\n"
	"	dns: { vip = \"192.0.2.10\"; port = 53; protocol = \"udp\"; pool = \"web\"; }; };\n"
	"nodes: { lb1: { vrrp: { shop: { priority = 150; }; }; };\n"
	"	lb2: { director: { flows = 2048; }; }; };\n";

static void members_hold_what_was_written(void **state)
{
	struct conf *c = load(pair, "lb1");
	const struct conf_service *www = &c->services[0], *dns = &c->services[1];
	char text[PREFIX_STRLEN];

	assert_string_equal(c->node, "lb1");
	assert_string_equal(c->director.router_id, "lb1");
	assert_int_equal(c->director.flows, 1000000);
	assert_int_equal(c->n_vrrp, 1);
	assert_int_equal(c->vrrp[0].priority, 150);
	assert_int_equal(c->vrrp[0].advert_interval.us, 100000);
	assert_int_equal(c->vrrp[0].family, AF_INET);
	assert_string_equal(prefix_str(&c->vrrp[0].addresses[0].prefix, text), "192.0.2.10/24");
	assert_string_equal(c->vrrp[0].addresses[0].interface, "eth0");
	assert_string_equal(c->vrrp[0].addresses[1].interface, "eth1");
	assert_int_equal(c->n_services, 2);
	assert_int_equal(www->n_servers, 2);
	assert_int_equal(www->servers[0].port, 8080);
	assert_int_equal(www->servers[1].port, 80);
	assert_int_equal(dns->servers[1].port, 53);
	assert_int_equal(www->servers[0].weight, 3);
	assert_int_equal(www->checks[0].type, CONF_CHECK_TCP);
	assert_string_equal(www->checks[0].name, "check");
	assert_int_equal(dns->n_checks, 1);
	assert_int_equal(dns->checks[0].type, CONF_CHECK_NONE);
	assert_int_equal(dns->protocol, IPPROTO_UDP);
	conf_free(c);
}

static const char engine[] =
	"vrrp: { v4: { interface = \"eth0\"; vrid = 1;\n"
	"		addresses = [ \"192.0.2.10/24\", \"10.0.0.1/16 dev eth1\", \"10.0.1.1/24 dev eth2\" ]; };\n"
	"	other: { interface = \"eth7\"; vrid = 2; addresses = [ \"192.0.2.20/24\" ]; };\n"
	"	v6: { interface = \"eth0\"; vrid = 1;\n"
	"		addresses = [ \"2001:db8::10/64\", \"fd00::1/64 dev eth1\" ]; }; };\n"
	"defaults: { method = \"fullnat\"; check: { type = \"none\"; }; timeouts: { udp = \"7s\"; };\n"
	"	local_addresses = [ \"10.0.0.200\", \"10.0.1.200\", \"172.16.0.1\", \"fd00::200\" ]; };\n"
	"services: {\n"
	"	full: { vip = [ \"192.0.2.10\", \"2001:db8::10\" ]; port = 80;\n"
	"		servers: { a: { address = \"10.7.0.5\"; }; b: { address = \"fd00:7::5\"; }; }; };\n"
	"	own: { vip = [ \"192.0.2.10\" ]; port = \"8000-8100\"; timeouts: { close = \"3s\"; };\n"
	"		persistence: { prefix4 = 24; }; local_ports = \"2000-3000\";\n"
	"		local_addresses = [ \"10.0.0.200\", \"10.9.0.1/24 dev eth3\" ];\n"
	"		servers: { a: { address = \"10.7.0.5\"; }; };\n"
	"		sorry: { address = \"198.51.100.9\"; method = \"tun\"; }; };\n"
	"	none: { vip = \"192.0.2.20\"; port = \"any\"; method = \"nat\";\n"
	"		servers: { a: { address = \"192.0.2.7\"; };\n"
	"			b: { address = \"192.0.2.8\"; method = \"dr\"; }; }; };\n"
	"	always: { vip = \"192.0.2.30\"; port = 80; owner = \"always\";\n"
	"		local_addresses = \"10.8.0.1\"; servers: { a: { address = \"10.7.0.5\"; }; }; }; };\n";

static void members_of_the_engine_hold_what_was_written(void **state)
{
	struct conf *c = load(engine, NULL);
	const struct conf_service *full = &c->services[0], *own = &c->services[1];
	const struct conf_service *none = &c->services[2];

	assert_int_equal(full->port, 80);
	assert_int_equal(full->port_last, 80);
	assert_int_equal(full->persistence.timeout.us, 0);
	assert_int_equal(full->timeouts.udp.us, 7000000);
	assert_int_equal(full->timeouts.established.us, 900000000);
	assert_int_equal(full->n_local_addresses, 4);
	assert_int_equal(full->local_port, 0);
	assert_false(full->has_sorry);
	assert_int_equal(own->port, 8000);
	assert_int_equal(own->port_last, 8100);
	assert_int_equal(own->servers[0].port, 0);
	assert_int_equal(own->servers[0].method, CONF_METHOD_FULLNAT);
	assert_int_equal(own->timeouts.udp.us, 7000000);
	assert_int_equal(own->timeouts.close.us, 3000000);
	assert_int_equal(own->persistence.timeout.us, 300000000);
	assert_int_equal(own->persistence.prefix4, 24);
	assert_int_equal(own->persistence.prefix6, 128);
	assert_int_equal(own->local_port, 2000);
	assert_int_equal(own->local_port_last, 3000);
	assert_true(own->has_sorry);
	assert_string_equal(own->sorry.name, "sorry");
	assert_string_equal(own->sorry.where.path, "services.own.sorry");
	assert_int_equal(own->sorry.method, CONF_METHOD_TUN);
	assert_int_equal(own->sorry.port, 0);
	assert_int_equal(own->sorry.weight, 1);
	assert_int_equal(none->port, 1);
	assert_int_equal(none->port_last, 65535);
	assert_int_equal(none->n_local_addresses, 0);
	assert_int_equal(none->servers[0].method, CONF_METHOD_NAT);
	assert_int_equal(none->servers[1].method, CONF_METHOD_DR);
	conf_free(c);
}

static void assert_local(const struct conf *c, const struct conf_vrrp *v, const char *expected)
{
	struct conf_vip *list;
	unsigned i, n = conf_vrrp_local(c, v, &list);
	char text[PREFIX_STRLEN];
	struct str out = { 0 };

	for (i = 0; i < n; i++)
		str_addf(&out, "%s %s\n", prefix_str(&list[i].prefix, text), list[i].interface);
	assert_string_equal(str_text(&out), expected);
	if (!n)
		assert_null(list);
	str_free(&out);
	free(list);
}

/* Each once; on the interface of the smallest network that they are in; not those of another
 * instance's services, nor of services that no instance has. */
static void local_addresses_move_with_their_instance(void **state)
{
	struct conf *c = load(engine, NULL);

	assert_local(c, &c->vrrp[0],
		     "10.0.0.200/32 eth1\n"
		     "10.0.1.200/32 eth2\n"
		     "10.9.0.1/24 eth3\n"
		     "172.16.0.1/32 eth0\n");
	assert_local(c, &c->vrrp[1], "");
	assert_local(c, &c->vrrp[2], "fd00::200/128 eth1\n");
	conf_free(c);
}

static void the_other_node_sees_its_own_values(void **state)
{
	struct conf *c = load(pair, "lb2");

	assert_int_equal(c->vrrp[0].priority, 100);
	assert_int_equal(c->director.flows, 2048);
	conf_free(c);
}

static void keep_interface(void *ctx, const char *name, const struct conf_where *where,
			   bool required)
{
	str_addf(ctx, "%u %s %s%s\n", where->line, where->path, name, required ? "" : " or not");
}

static void interfaces_are_told_with_their_lines(void **state)
{
	static const char text[] =
		"director: {\n"
		"	flows = 4096;\n"
		"	interfaces = [ \"eth0\", \"eth2\" ]; };\n"
		"vrrp: { shop: { vrid = 51;\n"
		"	interface = \"eth0\";\n"
		"	addresses = [ \"192.0.2.10/24\", \"10.0.0.1/24 dev eth1\" ]; };\n"
		" late: { vrid = 52; interface = \"eth7\"; wait_for_interface = true;\n"
		"	addresses = [ \"192.0.2.11/24 dev eth8\" ]; }; };\n"
		"nodes: { lb1: { vrrp: { shop: {\n"
		"	interface = \"eth5\"; }; }; }; };\n";
	struct conf *c = load(text, "lb1");
	struct str told = { 0 };

	conf_each_interface(c, keep_interface, &told);
	conf_free(c);
	c = load(engine, NULL);
	conf_each_interface(c, keep_interface, &told);
	assert_string_equal(str_text(&told), "3 director.interfaces eth0\n"
					     "3 director.interfaces eth2\n"
					     "10 nodes.lb1.vrrp.shop.interface eth5\n"
					     "6 vrrp.shop.addresses eth1\n"
					     "7 vrrp.late.interface eth7 or not\n"
					     "8 vrrp.late.addresses eth8 or not\n"
					     "1 vrrp.v4.interface eth0\n"
					     "2 vrrp.v4.addresses eth1\n"
					     "2 vrrp.v4.addresses eth2\n"
					     "3 vrrp.other.interface eth7\n"
					     "4 vrrp.v6.interface eth0\n"
					     "5 vrrp.v6.addresses eth1\n"
					     "13 services.own.local_addresses eth3\n");
	str_free(&told);
	conf_free(c);
}

static void objects_know_where_they_were_written(void **state)
{
	struct conf *c = load(pair, "lb1");
	const struct conf_where *where = &c->services[0].servers[1].where;

	assert_string_equal(where->file, "test.conf");
	assert_int_equal(where->line, 5);
	assert_string_equal(where->path, "pools.web.servers.b");
	assert_string_equal(c->services[1].where.path, "services.dns");
	conf_free(c);
}

static void the_instance_of_an_address_is_found(void **state)
{
	struct conf *c = load(pair, "lb1");
	struct addr a;

	addr_parse("10.0.0.1", &a);
	assert_ptr_equal(conf_vrrp_of(c, &a), &c->vrrp[0]);
	addr_parse("10.0.0.2", &a);
	assert_null(conf_vrrp_of(c, &a));
	conf_free(c);
}

/* ---- Differences ---- */

#define SERVICE(name, port, servers)                                                               \
	name ": { vip = \"192.0.2.10\"; port = " port "; method = \"dr\"; servers: {" servers      \
	     "}; };"
#define SERVER(name, address) name ": { address = \"" address "\"; };"

static void assert_diff(const char *before, const char *after, const char *expected)
{
	struct conf *old = load(before, NULL), *new = load(after, NULL);
	struct str out = { 0 };

	conf_diff(old, new, &out);
	assert_string_equal(str_text(&out), expected);
	str_free(&out);
	conf_free(old);
	conf_free(new);
}

/* Files in strings. */
// clang-format off
static void a_difference_names_what_changes(void **state)
{
	assert_diff("director: { router_id = \"x\"; }; services: {"
		    SERVICE("www", "80", SERVER("a", "192.0.2.21"))
		    SERVICE("old", "81", SERVER("a", "192.0.2.21")) "};",
		    "director: { router_id = \"x\"; flows = 4096; interfaces = [ \"eth0\" ]; };"
		    "services: {"
		    SERVICE("new", "81", SERVER("a", "192.0.2.21"))
		    SERVICE("www", "80", SERVER("a", "192.0.2.31") SERVER("b", "192.0.2.32"))
		    "}; defaults: { check: { interval = \"5s\"; }; };",
		    "~ director.interfaces: (not set) -> [ \"eth0\" ]\n"
		    "~ director.flows: 1000000 -> 4096 (after the next start)\n"
		    "- services.old\n"
		    "+ services.new\n"
		    "~ services.www.servers.a.address: \"192.0.2.21\" -> \"192.0.2.31\"\n"
		    "+ services.www.servers.b\n"
		    "~ services.www.checks.check.interval: \"2s\" -> \"5s\"\n");
}

static void groups_come_and_go(void **state)
{
	static const char servers[] =
		"port = 80; method = \"dr\"; servers: {" SERVER("a", "192.0.2.21") "}; };";
	struct str before = { 0 }, after = { 0 };

	str_addf(&before, "services: { www: { vip = \"192.0.2.10\"; persistence: { }; %s"
			  "api: { vip = \"192.0.2.11\"; timeouts: { udp = \"1s\"; }; %s };",
		 servers, servers);
	str_addf(&after, "services: { www: { vip = \"192.0.2.10\"; "
			 "sorry: { address = \"192.0.2.99\"; }; %s"
			 "api: { vip = [ \"192.0.2.11\", \"198.51.100.0/24\" ]; %s };",
		 servers, servers);
	assert_diff(str_text(&before), str_text(&after),
		    "- services.www.persistence\n"
		    "+ services.www.sorry\n"
		    "~ services.api.vip: [ \"192.0.2.11\" ] -> [ \"192.0.2.11\", \"198.51.100.0/24\" ]\n"
		    "~ services.api.timeouts.udp: \"1s\" -> \"5m\"\n");
	str_free(&before);
	str_free(&after);
}

static void order_and_spelling_are_no_difference(void **state)
{
	assert_diff("services: {" SERVICE("a", "80", SERVER("x", "192.0.2.21"))
		    SERVICE("b", "81", SERVER("x", "2001:db8::21") SERVER("y", "192.0.2.22")) "};",
		    "defaults: { method = \"dr\"; }; pools: { p: { servers: {"
		    SERVER("y", "192.0.2.22") SERVER("x", "2001:db8:0::0021") "}; }; }; services: {"
		    "b: { pool = \"p\"; vip = [ \"192.0.2.10\" ]; port = 0x51; };"
		    SERVICE("a", "80", SERVER("x", "192.0.2.21")) "};",
		    "");
}

// clang-format on

static void a_missing_file_is_an_error(void **state)
{
	struct str problems = { 0 };
	struct conf *c = NULL;

	assert_int_equal(conf_load("/nonexistent/lbd.conf", NULL, &problems, &c), -EINVAL);
	assert_null(c);
	assert_string_equal(str_text(&problems),
			    "/nonexistent/lbd.conf: cannot be read: No such file or directory\n");
	str_free(&problems);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_has_a_doc),
		cmocka_unit_test(no_name_is_there_twice),
		cmocka_unit_test(bounds_are_sane),
		cmocka_unit_test(defaults_are_inside_the_bounds),
		cmocka_unit_test(members_are_in_their_structs),
		cmocka_unit_test(the_nearest_name_is_proposed),
		cmocka_unit_test(durations_are_printed_in_their_largest_unit),
		cmocka_unit_test(members_hold_what_was_written),
		cmocka_unit_test(members_of_the_engine_hold_what_was_written),
		cmocka_unit_test(local_addresses_move_with_their_instance),
		cmocka_unit_test(the_other_node_sees_its_own_values),
		cmocka_unit_test(objects_know_where_they_were_written),
		cmocka_unit_test(interfaces_are_told_with_their_lines),
		cmocka_unit_test(the_instance_of_an_address_is_found),
		cmocka_unit_test(a_difference_names_what_changes),
		cmocka_unit_test(groups_come_and_go),
		cmocka_unit_test(order_and_spelling_are_no_difference),
		cmocka_unit_test(a_missing_file_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
