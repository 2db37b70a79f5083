# SPDX-License-Identifier: BSD-2-Clause
"""http checks, and tcp checks that talk: of nginx, and of servers that misbehave."""
import hashlib

import pytest
from checks import Case, start_rogue

PORTS = {mode: 9000 + n for n, mode in enumerate(
    ("silent", "drip", "endless_headers", "endless_body", "endless_interim", "garbage", "reset", "close",
     "half_close", "cut_off", "chunked"))}
HTTP = {"type": "http", "port": 8080}
FILE = b"0123456789" * 20000


def rogue(mode, **check):
    return {"type": "http", "port": PORTS[mode], **check}


CASES = {
    "plain": Case(HTTP, "L7OK", "status 200"),
    "http10": Case({**HTTP, "http_version": "1.0"}, "L7OK", "status 200"),
    "head": Case({**HTTP, "method": "HEAD"}, "L7OK", "status 200"),
    "body": Case({**HTTP, "body": "web1"}, "L7OK", "status 200"),
    "no_body": Case({**HTTP, "body": "web2"}, "L7RSP", 'expected "web2", got "web1 .*'),
    "regex": Case({**HTTP, "body_regex": "^web1 [0-9a-f.:]+$"}, "L7OK", "status 200"),
    "missing": Case({**HTTP, "path": "/files/none"}, "L7STS", "status 404, expected 200-399"),
    "wanted_404": Case({**HTTP, "path": "/files/none", "status": ["404", "500-599"]}, "L7OK", "status 404"),
    "in_turn": Case({**HTTP, "path": ["/", "/files/big", "/x"]}, "L7OK", 'status 200 of "/x"'),
    "in_turn_missing": Case({**HTTP, "path": ["/", "/files/none", "/"]}, "L7STS",
                            'status 404 of "/files/none", expected 200-399'),
    "digest": Case({**HTTP, "path": "/files/big", "body_sha256": hashlib.sha256(FILE).hexdigest()}, "L7OK", "status 200"),
    "other_digest": Case({**HTTP, "path": "/files/big", "body_sha256": 64 * "0"}, "L7RSP", "body: expected SHA-256 0000.*"),
    "long_request": Case({**HTTP, "headers": ["X-Long: " + 1000 * "x"] * 31}, "L7OK", "status 200"),
    "chunked": Case(rogue("chunked", body="all is well"), "L7OK", "status 200"),
    "closed": Case({"type": "http", "port": 9999}, "L4CON", "connection refused"),
    "silent": Case(rogue("silent"), "L7TOUT", "no answer within 1000 ms"),
    "drip": Case(rogue("drip"), "L7TOUT", "no whole answer within 1000 ms, but [1-9] bytes"),
    "endless_headers": Case(rogue("endless_headers"), "L7RSP", "expected an HTTP answer, got more than 16 KiB of headers"),
    "endless_interim": Case(rogue("endless_interim"), "L7RSP", "expected an HTTP answer, got more than 16 KiB of headers"),
    "endless_body": Case(rogue("endless_body", body="the end"), "L7RSP", 'expected "the end", got "and more .*'),
    "endless_digest": Case(rogue("endless_body", body_sha256=64 * "0"), "L7RSP", "a body of more than 1 MiB"),
    "garbage": Case(rogue("garbage"), "L7RSP", "expected an HTTP answer, got .*"),
    "reset": Case(rogue("reset"), "L7RSP", "connection reset by peer"),
    "close": Case(rogue("close"), "L7RSP", "expected an HTTP answer, got nothing|connection reset by peer|broken pipe"),
    "half_close": Case(rogue("half_close"), "L7RSP", "expected an HTTP answer, got nothing"),
    "cut_off": Case(rogue("cut_off", body="at its end"), "L7RSP",
                    "expected an HTTP answer, got a body that breaks off|connection reset by peer"),
    "tcp": Case({"type": "tcp", "port": 8080}, "L4OK", "connection accepted"),
    "tcp_talks": Case({"type": "tcp", "port": 8080, "send": r"HEAD / HTTP/1.0\r\n\r\n", "expect_regex": "^HTTP/1.1 2"},
                      "L7OK", ".* came"),
    "tcp_other": Case({"type": "tcp", "port": 8080, "send": r"EHLO me\r\n", "expect": "250 "}, "L7RSP",
                      'expected "250 ", got "<html>.*|expected "250 ", got "HTTP/1.1 400 .*'),
    "tcp_silent": Case({"type": "tcp", "port": PORTS["silent"], "expect": "220"}, "L7TOUT", "no answer within 1000 ms"),
    "tcp_endless": Case({"type": "tcp", "port": PORTS["endless_body"], "expect": "220"}, "L7RSP", 'expected "220", got .*'),
}


def prepare(scenario):
    web1 = scenario.servers[0]
    web1.run("mkdir", "-p", "/run/www")
    web1.run("sh", "-c", "cat >/run/www/big", input=FILE.decode())
    start_rogue(web1, PORTS)


@pytest.mark.parametrize("name", CASES)
def test_verdict(checks, name):
    checks.assert_case(name)


def test_each_change_is_one_line_with_its_reason(checks):
    for name in ("missing", "silent"):
        checks.wait_state(name, False)
    log = checks.director.lbd.log()
    for address in ("10.0.0.11", "[fd00::11]"):
        assert log.count(f"check {address}:{PORTS['drip']} http: unchecked -> down: L7TOUT no whole answer") == 1
        assert f"check {address}:8080 http: unchecked -> down: L7STS status 404, expected 200-399" in log


def test_server_goes_and_comes_back(checks):
    web1 = checks.server
    web1.stop_nginx()
    checks.wait_state("in_turn", False)
    web1.start_nginx()
    checks.wait_state("in_turn", True)
    assert "http: down -> up: L7OK status 200" in checks.director.lbd.log()
