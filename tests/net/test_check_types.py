# SPDX-License-Identifier: BSD-2-Clause
"""udp, dns, ping and smtp checks: of real servers, and of servers that misbehave."""
import lab as lablib
import pytest
from checks import Case, start_rogue
from lab import wait_for

PORTS = {mode: 9200 + n for n, mode in enumerate(
    ("udp_silent", "udp_garbage", "silent", "close", "reset", "garbage", "smtp_flood", "smtp_refuse"))}
DNS_PORT, SMTP_PORT = 5353, 2525


def udp(port, **check):
    return {"type": "udp", "port": port, "send": "hello", **check}


def dns(**check):
    return {"type": "dns", "port": DNS_PORT, "name": "a.example", **check}


def smtp(port=SMTP_PORT, **check):
    return {"type": "smtp", "port": port, **check}


CASES = {
    "echo": Case(udp(lablib.ECHO_PORT), "L7OK", "[0-9]+ bytes came"),
    "echo_text": Case(udp(lablib.ECHO_PORT, expect="hello"), "L7OK", '"hello" came'),
    "echo_hex": Case(udp(lablib.ECHO_PORT, expect_hex="77 65 62 .. 20"), "L7OK", ".* came"),  # "web1 "
    "echo_other": Case(udp(lablib.ECHO_PORT, expect="goodbye"), "L7RSP", 'expected "goodbye", got "web1 .*'),
    "udp_silent": Case(udp(PORTS["udp_silent"]), "L7TOUT", "no answer within 1000 ms"),
    "udp_silence_is_good": Case(udp(PORTS["udp_silent"], reply=False, timeout="300ms"), "L4OK", "not refused"),
    "udp_no_reply": Case(udp(lablib.ECHO_PORT, reply=False), "L7OK", "[0-9]+ bytes came"),
    "udp_refused": Case(udp(9998), "L4CON", "connection refused"),
    "udp_refusal_is_bad": Case(udp(9998, reply=False), "L4CON", "connection refused"),
    "dns": Case(dns(), "L7OK", '"192.0.2.99"'),
    "dns_answer": Case(dns(answer="192.0.2.99"), "L7OK", '"192.0.2.99"'),
    "dns_other_answer": Case(dns(answer="192.0.2.98"), "L7RSP", 'expected "192.0.2.98", got "192.0.2.99"'),
    "dns_aaaa": Case(dns(record="AAAA", answer="2001:db8::99"), "L7OK", '"2001:db8::99"'),
    "dns_mx": Case(dns(record="MX", answer="10 mail.example"), "L7OK", '"10 mail.example"'),
    "dns_txt": Case(dns(record="TXT", answer="all is well"), "L7OK", '"all is well"'),
    "dns_srv": Case(dns(name="_sip._udp.example", record="SRV", answer="3 7 5060 sip.example"), "L7OK", ".*"),
    "dns_no_record": Case(dns(record="SRV"), "L7RSP", "noerror, but no such record"),
    "dns_nxdomain": Case(dns(name="none.example"), "L7STS", "nxdomain, expected noerror"),
    "dns_wanted_nxdomain": Case(dns(name="none.example", rcode="nxdomain"), "L7OK", "nxdomain"),
    "dns_refused": Case(dns(name="elsewhere.test", rcode="refused"), "L7OK", "refused"),
    "dns_silent": Case(dns(port=PORTS["udp_silent"]), "L7TOUT", "no answer within 1000 ms"),
    "dns_garbage": Case(dns(port=PORTS["udp_garbage"]), "L7TOUT", "no whole answer within 1000 ms, but 1007 bytes"),
    "dns_closed": Case(dns(port=9998), "L4CON", "connection refused"),
    "other_address": Case({**udp(lablib.ECHO_PORT), "address": "10.0.0.12", "expect": "web2 "}, "L7OK", ".* came"),
    "source": Case({**udp(lablib.ECHO_PORT), "source": ["10.0.0.2", "fd00::2"], "expect_regex": "^web1 (10.0.0.2|fd00::2) "},
                   "L7OK", ".* came"),
    "other_source": Case({"type": "ping", "address": "10.0.0.11", "source": ["10.0.0.1"]}, "L4OK", "answered"),
    "no_source_of_ours": Case({"type": "tcp", "port": 8080, "source": ["10.0.0.77", "fd00::77"]}, "LOCAL",
                              "cannot assign requested address"),
    "interface": Case({"type": "tcp", "port": 8080, "interface": "eth1"}, "L4OK", "connection accepted"),
    "link_local": Case({"type": "ping", "address": "fe80::aff:fe00:b", "interface": "eth1"}, "L4OK", "answered"),
    "script": Case({"type": "script", "script": "/bin/sh", "args": ["-c", "ping -c 1 -w 1 $LBD_ADDRESS"]}, "PROCOK",
                   "exit status 0"),
    "script_fails": Case({"type": "script", "script": "/bin/sh", "args": ["-c", "exit 9"]}, "PROCERR", "exit status 9"),
    "script_hangs": Case({"type": "script", "script": "/bin/sleep", "args": ["1000"]}, "PROCTOUT",
                         "had not ended within 1000 ms"),
    "script_of_others": Case({"type": "script", "script": "/tmp/nobody-has-this"}, "LOCAL", "/tmp/nobody-has-this: .*"),
    "ping": Case({"type": "ping"}, "L4OK", "answered"),
    "smtp": Case(smtp(), "L7OK", '"220 web1 .*"'),
    "smtp_named": Case(smtp(helo="probe.example"), "L7OK", '"220 web1 .*"'),
    "smtp_closed": Case(smtp(9999), "L4CON", "connection refused"),
    "smtp_of_http": Case(smtp(8080), "L7TOUT", "no answer within 1000 ms"),
    "smtp_refuses": Case(smtp(PORTS["smtp_refuse"]), "L7STS", 'expected 220, got "554 not now"'),
    "smtp_flood": Case(smtp(PORTS["smtp_flood"]), "L7RSP", "more than 16 KiB of replies"),
    "smtp_garbage": Case(smtp(PORTS["garbage"]), "L7RSP", "more than 16 KiB of replies"),
    "smtp_silent": Case(smtp(PORTS["silent"]), "L7TOUT", "no answer within 1000 ms"),
    "smtp_close": Case(smtp(PORTS["close"]), "L7RSP", "the connection was closed"),
}

DNSMASQ = ("--keep-in-foreground", f"--port={DNS_PORT}", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
           "--pid-file=", "--user=root", "--local=/example/", "--host-record=a.example,192.0.2.99,2001:db8::99",
           "--mx-host=a.example,mail.example,10", "--txt-record=a.example,all is well",
           "--srv-host=_sip._udp.example,sip.example,5060,3,7")

# Named, or it would look its own name up, where there is nobody to ask.
SMTP = f"""
import time
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
for host in ("0.0.0.0", "::"):
    Controller(Sink(), hostname=host, port={SMTP_PORT}, server_hostname="web1").start()
time.sleep(100000)
"""


def prepare(scenario):
    web1 = scenario.servers[0]
    web1.start("dnsmasq", *DNSMASQ)
    web1.start(lablib.PYTHON, "-c", SMTP, name="smtp")
    start_rogue(web1, PORTS)
    for what in (("-tln", SMTP_PORT, 2), ("-uln", DNS_PORT, 2)):
        wait_for(lambda: web1.run("ss", "-H", what[0], f"sport = :{what[1]}").stdout.count("\n") >= what[2],
                 what=f"servers on port {what[1]}")


@pytest.mark.parametrize("name", CASES)
def test_verdict(checks, name):
    checks.assert_case(name)


def test_check_leaves_by_its_interface(checks):
    """There is no way to the servers by eth0; who says so, and how, is the kernel's choice."""
    config = checks.scenario.config
    config["services"]["interface"]["check"]["interface"] = "eth0"
    checks.scenario.reload(config)
    wait_for(lambda: all(not c["last"].endswith("OK") for c in checks.checks("interface")), what="no way by eth0")


def test_host_that_stops_answering_pings_is_down(checks):
    for value, up, code in ((1, False, "L4TOUT"), (0, True, "L4OK")):
        checks.server.sysctl("net/ipv4/icmp_echo_ignore_all", value)
        checks.server.sysctl("net/ipv6/icmp/echo_ignore_all", value)
        checks.wait_state("ping", up)
        assert {check["last"] for check in checks.checks("ping")} == {code}
    log = checks.director.lbd.log()
    assert "check 10.0.0.11 ping: up -> down: L4TOUT no answer within 1000 ms" in log
    assert "check fd00::11 ping: up -> down: L4TOUT no answer within 1000 ms" in log


def test_host_that_is_gone_is_down(checks):
    checks.scenario.lab.cut(checks.server, "eth0")
    for name in ("ping", "echo", "dns", "smtp"):
        checks.wait_state(name, False, deadline=20)
    checks.scenario.lab.plug_in(checks.server, "eth0")
    for name in ("ping", "echo", "dns", "smtp"):
        checks.wait_state(name, True, deadline=20)
