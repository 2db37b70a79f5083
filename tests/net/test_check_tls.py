# SPDX-License-Identifier: BSD-2-Clause
"""tls and https checks: of nginx with good and bad certificates, and of servers that misbehave."""
import pytest
from certificates import Authority
from checks import Case, start_rogue
from lab import wait_for

ADDRESSES = "IP:10.0.0.11,IP:fd00::11"
# port -> certificate, more settings of nginx
SERVERS = {
    8443: ("good", ""),
    8444: ("expired", ""),
    8445: ("other", ""),
    8446: ("soon", ""),
    8447: ("good", "ssl_client_certificate {folder}/ca.crt; ssl_verify_client on;"),
    8448: ("good", "ssl_protocols TLSv1.2;"),
    8449: ("strange", ""),
}
PORTS = {mode: 9100 + n for n, mode in enumerate(
    ("silent", "garbage", "reset", "close", "drip", "tls_silent", "tls_endless_body", "tls_endless_headers", "tls_drip",
     "tls_close", "tls_garbage", "tls_reset"))}
CA = "/run/tls/ca.crt"


def tls(port, **check):
    return {"type": "tls", "port": port, **check}


def https(port, **check):
    return {"type": "https", "port": port, **check}


def trusting(**check):
    return {"verify": True, "ca_file": CA, **check}


CASES = {
    "handshake": Case(tls(8443), "L6OK", "TLSv1.3 handshake"),
    "any_certificate": Case(tls(8444), "L6OK", "TLSv1.3 handshake"),
    "talk": Case(tls(8443, send=r"HEAD / HTTP/1.0\r\n\r\n", expect="200 OK"), "L7OK", '"200 OK" came'),
    "https": Case(https(8443, body="web1"), "L7OK", "status 200"),
    "https_in_turn": Case(https(8443, path=["/", "/x"]), "L7OK", 'status 200 of "/x"'),
    "https_404": Case(https(8443, path="/none"), "L7STS", "status 404, expected 200-399"),
    "by_address": Case(tls(8443, **trusting()), "L6OK", "TLSv1.3 handshake"),
    "by_sni": Case(https(8443, **trusting(sni="shop.example")), "L7OK", "status 200"),
    "by_host": Case(https(8443, **trusting(host="shop.example:8443")), "L7OK", "status 200"),
    "wildcard": Case(https(8443, **trusting(sni="a.shop.example")), "L7OK", "status 200"),
    "sni_is_sent": Case(https(8443, sni="a.shop.example", body="sni=a.shop.example"), "L7OK", "status 200"),
    "no_sni_of_an_address": Case(https(8443, body="sni=;"), "L7OK", "status 200"),
    "wrong_name": Case(tls(8443, **trusting(sni="bank.example")), "L6TLS", "certificate: hostname mismatch"),
    "wrong_address": Case(tls(8445, **trusting()), "L6TLS", "certificate: IP address mismatch"),
    "expired": Case(https(8444, **trusting()), "L6TLS", "certificate: certificate has expired"),
    "not_trusted": Case(https(8449, **trusting()), "L6TLS", "certificate: unable to get local issuer certificate"),
    "system_does_not_trust": Case(https(8443, verify=True), "L6TLS", "certificate: .*"),
    "soon": Case(https(8446, **trusting()), "L7OK", "status 200"),
    "client_certificate": Case(https(8447, certificate="/run/tls/client.pem"), "L7OK", "status 200"),
    "split_key": Case(https(8447, certificate="/run/tls/client.crt", key="/run/tls/client.pem"), "L7OK", "status 200"),
    "no_client_certificate": Case(https(8447), "L7STS", "status 400, .*"),
    "other_client_certificate": Case(https(8447, certificate="/run/tls/strange.pem"), "L7STS", "status 400, .*"),
    "too_old": Case(tls(8448, tls_min="1.3"), "L6TLS", ".*(version|alert).*"),
    "old": Case(tls(8448), "L6OK", "TLSv1.2 handshake"),
    "new": Case(tls(8443, tls_min="1.3"), "L6OK", "TLSv1.3 handshake"),
    "alpn": Case(tls(8443, alpn=["x-none", "http/1.1"]), "L6OK", "TLSv1.3 handshake"),
    "alpn_refused": Case(tls(8443, alpn=["x-none"]), "L6TLS", ".*(no application protocol|none of the protocols).*"),
    "alpn_ignored": Case(tls(PORTS["tls_silent"], alpn=["x-none"]), "L6TLS", ".*none of the protocols.*"),
    "closed": Case(tls(9999), "L4CON", "connection refused"),
    "plain": Case(tls(8080), "L6TLS", "wrong version number"),
    "silent": Case(tls(PORTS["silent"]), "L6TOUT", "no TLS handshake within 1000 ms"),
    "drip": Case(tls(PORTS["drip"]), "L6TOUT", "no TLS handshake within 1000 ms"),
    "garbage": Case(tls(PORTS["garbage"]), "L6TLS", "wrong version number"),
    "reset": Case(tls(PORTS["reset"]), "L6TLS", "connection reset by peer"),
    "close": Case(tls(PORTS["close"]), "L6TLS", "the connection was closed|connection reset by peer|unexpected eof.*"),
    "tls_silent": Case(https(PORTS["tls_silent"]), "L7TOUT", "no answer within 1000 ms"),
    "tls_drip": Case(https(PORTS["tls_drip"]), "L7TOUT", "no whole answer within 1000 ms, but [1-9] bytes"),
    "tls_endless_headers": Case(https(PORTS["tls_endless_headers"]), "L7RSP", ".*more than 16 KiB of headers"),
    "tls_endless_body": Case(https(PORTS["tls_endless_body"], body="the end"), "L7RSP", 'expected "the end", got .*'),
    "tls_garbage": Case(https(PORTS["tls_garbage"]), "L7RSP", "expected an HTTP answer, got .*"),
    "tls_close": Case(https(PORTS["tls_close"]), "L7RSP", "expected an HTTP answer, got nothing|connection reset by peer|broken pipe"),
    "tls_reset": Case(https(PORTS["tls_reset"]), "L7RSP", "connection reset by peer|expected an HTTP answer, got nothing"),
    "no_ca_file": Case(https(8443, verify=True, ca_file="/run/tls/none.crt"), "LOCAL",
                       "ca_file /run/tls/none.crt: No such file or directory"),
    "no_certificate_in_it": Case(https(8443, certificate="/etc/hostname"), "LOCAL", "certificate /etc/hostname: no start line"),
}


def make_certificates(folder):
    folder.mkdir()
    ours, strange = Authority(folder), Authority(folder, "strange_ca")
    ours.issue("good", f"DNS:shop.example,DNS:*.shop.example,{ADDRESSES}")
    ours.issue("expired", ADDRESSES, days=-1)
    ours.issue("other", "DNS:bank.example,IP:10.0.0.99")
    ours.issue("soon", ADDRESSES, days=3)
    ours.issue("client", "DNS:lb1")
    strange.issue("strange", ADDRESSES)


def nginx_conf(folder):
    servers = "".join(
        f"server {{ listen {port} ssl; listen [::]:{port} ssl; ssl_certificate {folder}/{name}.pem; "
        f"ssl_certificate_key {folder}/{name}.pem; {more.format(folder=folder)} "
        'location = /none { return 404; } '
        'location / { default_type text/plain; return 200 "$hostname sni=$ssl_server_name;\\n"; } }\n'
        for port, (name, more) in SERVERS.items())
    return f"""daemon off;
pid /run/nginx-tls.pid;
user www-data;
error_log stderr;
events {{ }}
http {{
client_body_temp_path /run/nginx-tls-body; fastcgi_temp_path /run/nginx-tls-f; proxy_temp_path /run/nginx-tls-p;
ssl_protocols TLSv1.2 TLSv1.3; scgi_temp_path /run/nginx-tls-s; uwsgi_temp_path /run/nginx-tls-u; access_log off;
{servers}}}
"""


def prepare(scenario):
    folder, web1 = scenario.lab.folder / "tls", scenario.servers[0]
    make_certificates(folder)
    (folder / "nginx.conf").write_text(nginx_conf(folder))
    nginx = web1.start("nginx", "-c", folder / "nginx.conf", name="nginx-tls")
    wait_for(lambda: web1.run("ss", "-Hltn", "sport = :8443").stdout or not nginx.running, what="nginx with TLS")
    assert nginx.running, nginx.log()
    start_rogue(web1, PORTS, "--cert", folder / "good.pem")
    scenario.lb1.run("cp", "-r", folder, "/run/tls")


@pytest.mark.parametrize("name", CASES)
def test_verdict(checks, name):
    checks.assert_case(name)


def test_certificate_about_to_expire_is_told(checks):
    warnings = {"soon": "its certificate expires in 2 days", "any_certificate": "its certificate has expired", "by_sni": ""}
    for name, warning in warnings.items():
        checks.assert_case(name)
        assert [check["warning"] for check in checks.checks(name)] == [warning] * 2
    log = checks.director.lbd.log()
    for address in ("10.0.0.11", "[fd00::11]"):
        assert log.count(f"warn  check {address}:8446 https: its certificate expires in 2 days") == 1


def test_renewed_file_is_read_at_reload(checks):
    """What the check says is the same, but not what the file says."""
    lb1 = checks.director
    lb1.run("cp", CA, "/run/tls/none.crt")
    lb1.reload_lbd()
    wait_for(lambda: all(c["last"] == "L7OK" for c in checks.checks("no_ca_file")), what="the new file is used")
