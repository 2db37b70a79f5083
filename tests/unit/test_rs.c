// SPDX-License-Identifier: BSD-2-Clause
/* src/rs: what the script for a server is told.  What it does is tested by rs-script.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "conf/source.h"
#include "rs/rs.h"

static const char text[] =
	"vrrp: {\n"
	"	v4: { interface = \"eth0\"; vrid = 1; addresses = [ \"192.0.2.10/24\", \"192.0.2.11/24\",\n"
	"		\"10.0.0.1/24 dev eth1\", \"10.0.0.100/24 dev eth1\", \"10.0.0.2/8 dev eth1\" ]; };\n"
	"	v6: { interface = \"eth0\"; vrid = 1;\n"
	"		addresses = [ \"2001:db8::10/64\", \"fd00::1/64 dev eth1\" ]; };\n"
	"};\n"
	"services: {\n"
	"	inside: { vip = \"10.0.0.100\"; port = 80; servers: { a: { address = \"10.0.0.11\"; }; }; };\n"
	"	www: { vip = [ \"192.0.2.10\", \"2001:db8::10\" ]; port = 80; servers: {\n"
	"		a: { address = \"10.0.0.11\"; }; b: { address = \"fd00::11\"; };\n"
	"		both: { address = \"192.0.2.21\"; }; far: { address = \"198.51.100.1\"; }; }; };\n"
	"	tls: { vip = [ \"192.0.2.11\", \"192.0.2.12\", \"2001:db8::10\" ]; port = 443; method = \"dr\";\n"
	"		servers: { c: { address = \"192.0.2.21\"; }; d: { address = \"2001:db8::21\"; }; }; };\n"
	"	smtp: { vip = [ \"192.0.2.11\" ]; port = 25; method = \"dr\";\n"
	"		servers: { c: { address = \"192.0.2.21\"; }; e: { address = \"192.0.2.22\"; }; }; };\n"
	"	far: { vip = [ \"192.0.2.11\", \"2001:db8::10\" ]; port = 81; method = \"tun\"; servers: {\n"
	"		t: { address = \"203.0.113.5\"; };\n"
	"		u: { address = \"fd00::12\"; method = \"fullnat\"; }; }; };\n"
	"	net: { vip = [ \"198.51.100.64/28\", \"2001:db8::10\" ]; port = 82; method = \"dr\";\n"
	"		servers: { m: { address = \"192.0.2.23\"; method = \"tun\"; };\n"
	"		o: { address = \"2001:db8::22\"; }; n: { address = \"192.0.2.24\"; }; };\n"
	"		sorry: { address = \"203.0.113.5\"; method = \"tun\"; }; };\n"
	"};\n";

struct answer {
	int r;
	struct str script, why;
};

static struct answer ask(const char *server)
{
	struct conf_source source = {
		.file = "rs.conf", .bytes = text, .len = sizeof(text) - 1, .host = "lb1"
	};
	struct str problems = { 0 };
	struct answer answer = { 0 };
	struct conf *c = NULL;
	struct addr a;

	if (conf_load_source(&source, &problems, &c))
		fail_msg("%s", str_text(&problems));
	assert_int_equal(addr_parse(server, &a), 0);
	answer.r = rs_script(c, &a, &answer.script, &answer.why);
	str_free(&problems);
	conf_free(c);
	return answer;
}

static void answer_free(struct answer *a)
{
	str_free(&a->script);
	str_free(&a->why);
}

/* Each of the lines, up to a NULL, is a line of the script for that server. */
static void assert_lines(const char *server, ...)
{
	struct answer a = ask(server);
	struct str wanted = { 0 };
	const char *line;
	va_list ap;

	if (a.r)
		fail_msg("%s: %s", server, str_text(&a.why));
	assert_int_equal(strncmp(str_text(&a.script), "#!/bin/sh\n", 10), 0);
	va_start(ap, server);
	while ((line = va_arg(ap, const char *))) {
		wanted.len = 0;
		str_addf(&wanted, "\n%s\n", line);
		if (!strstr(str_text(&a.script), str_text(&wanted)))
			fail_msg("%s: no line \"%s\" in\n%.600s", server, line,
				 str_text(&a.script));
	}
	va_end(ap);
	str_free(&wanted);
	answer_free(&a);
}

static void nat_servers_get_the_gateway_of_their_network(void **state)
{
	/* The smallest network first, and there what is no VIP. */
	assert_lines("10.0.0.11", "server=10.0.0.11", "family=4", "dr_vips=''", "tun_vips=''",
		     "gateway=10.0.0.1",
		     "directors=' 192.0.2.10 192.0.2.11 10.0.0.1 10.0.0.100 10.0.0.2 2001:db8::10 "
		     "fd00::1'",
		     NULL);
	assert_lines("fd00::11", "server=fd00::11", "family=6", "dr_vips=''", "gateway=fd00::1",
		     NULL);
}

static void dr_servers_get_each_vip_of_their_family_once(void **state)
{
	assert_lines("192.0.2.22", "dr_vips=' 192.0.2.11'", "gateway=", NULL);
	assert_lines("2001:db8::21", "dr_vips=' 2001:db8::10'", "gateway=", NULL);
}

/* Its own VIP of dr would be a gateway that it finds on itself. */
static void a_server_of_both_methods_gets_both(void **state)
{
	assert_lines("192.0.2.21", "dr_vips=' 192.0.2.11 192.0.2.12'", "gateway=192.0.2.10",
		     "#   www (nat)", "#   tls (dr)", "#   smtp (dr)", NULL);
}

/* tun alone brings one family in the other; a VIP of two services is named once. */
static void tun_servers_get_the_vips_of_both_families(void **state)
{
	assert_lines("203.0.113.5", "dr_vips=''", "gateway=", "shares_segment=",
		     "tun_vips=' 192.0.2.11 2001:db8::10 198.51.100.64/28'", "#   far (tun)",
		     "#   net (tun)", NULL);
}

static void the_method_is_the_servers_own(void **state)
{
	assert_lines("192.0.2.23", "tun_vips=' 198.51.100.64/28 2001:db8::10'", "dr_vips=''",
		     "shares_segment=yes", NULL);
	assert_lines("192.0.2.24", "tun_vips=''", "dr_vips=' 198.51.100.64/28'", NULL);
	assert_lines("fd00::12", "tun_vips=''", "dr_vips=''", "gateway=", "#   far (fullnat)",
		     NULL);
}

static void a_stranger_is_told_who_the_servers_are(void **state)
{
	struct answer a = ask("192.0.2.99");

	assert_int_equal(a.r, -ENOENT);
	assert_int_equal(a.script.len, 0);
	assert_string_equal(str_text(&a.why),
			    "192.0.2.99 is a server of no service; servers are 10.0.0.11, "
			    "fd00::11, 192.0.2.21, 198.51.100.1, 2001:db8::21, 192.0.2.22, "
			    "203.0.113.5, fd00::12, 192.0.2.23, 2001:db8::22, ...");
	answer_free(&a);
}

static void a_nat_server_without_gateway_is_an_error_that_helps(void **state)
{
	struct answer a = ask("198.51.100.1");

	assert_int_equal(a.r, -EINVAL);
	assert_int_equal(a.script.len, 0);
	assert_string_equal(
		str_text(&a.why),
		"rs.conf:9: services.www: the nat server 198.51.100.1 needs a gateway that "
		"moves with the directors, but no instance of vrrp has an address on its "
		"subnet: add one to `addresses` of an instance, like \"10.0.0.1/24 dev "
		"INTERFACE\"");
	answer_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nat_servers_get_the_gateway_of_their_network),
		cmocka_unit_test(dr_servers_get_each_vip_of_their_family_once),
		cmocka_unit_test(a_server_of_both_methods_gets_both),
		cmocka_unit_test(tun_servers_get_the_vips_of_both_families),
		cmocka_unit_test(the_method_is_the_servers_own),
		cmocka_unit_test(a_stranger_is_told_who_the_servers_are),
		cmocka_unit_test(a_nat_server_without_gateway_is_an_error_that_helps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
