"""Goal: what a hostile client sends neither stops the gateway, nor gets more than was held for, nor
takes the place of the server's own paths.
Method: requests byte by byte to the real program; what the provider got; how the budget stands."""

import pytest

from test_gateway import CONFIG, fixture_start, fixture_upstream  # noqa: F401
from test_gateway_threats import body, raw
from test_serve import Server


def first_line(answer):
    return answer.split(b"\r\n")[0]


@pytest.mark.parametrize("target", ["/openai/v1", "/openai/v1?x=1", "http://a/openai/v1?x=1",
                                    "/openai/v1/?x=1", "/v1/models?limit=1"])
def test_a_base_url_without_a_path_takes_every_target(home, upstream, target):
    home.path.mkdir()
    (home.path / "bursar.yaml").write_text(
        CONFIG.format(url=upstream.url.removesuffix("/v1"), more=""))
    server = Server(home)
    try:
        assert b" 200 " in first_line(raw(server, body(), path=target))
        assert server.ask("GET", "/healthz")[0] == 200
        assert upstream.log[0]["path"].startswith("/")
    finally:
        server.stop()


@pytest.mark.parametrize("route", ['{{model: "{long}"}}', '{{model: gpt-4.1, fallback: ["{long}"]}}',
                                   '{{model: gpt-4.1, under_pressure: "{long}"}}'])
def test_a_route_to_a_model_of_no_possible_name_is_refused_at_the_start(home, upstream, route):
    home.path.mkdir()
    more = "routes: [" + route.format(long="m" * 300) + "]"
    (home.path / "bursar.yaml").write_text(CONFIG.format(url=upstream.url, more=more))
    assert "number 1 names a model" in home.refused("serve", "--listen", "127.0.0.1:0", timeout=20)
