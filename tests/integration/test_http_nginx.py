"""Compression, chunks, redirects and early refusals against nginx, a server that is not ours."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.nginx import Nginx
from tests.core.balance import balanced
from tests.rig import Rig, iterations, plan_for
from tests.servers.nginx import needs_nginx
from velroload.plan.body import File
from velroload.plan.model import Capture, Request
from velroload.sample import ErrorKind

pytestmark = needs_nginx
SERVER = """
    root {folder};
    client_max_body_size 1m;
    location /packed {{ gzip on; gzip_types *; gzip_min_length 1; gzip_comp_level 9; }}
    location /old {{ return 301 /middle?x=1; }}
    location /middle {{ return 302 http://$http_host/packed/a.json; }}
    location /upload {{ proxy_pass http://127.0.0.1:1; }}
"""
DOCUMENT = json.dumps({"id": "seven", "rest": [{"name": f"n{i}"} for i in range(5000)]})


@pytest.fixture(scope="module")
def nginx() -> Iterator[Nginx]:
    with Nginx(more=SERVER) as server:
        folder = server.folder / "packed"
        folder.mkdir()
        (folder / "a.json").write_text(DOCUMENT)
        yield server


def test_a_chunked_gzip_body_at_the_end_of_two_redirects(nginx: Nginx) -> None:
    flow = (
        Request("GET", "/old", redirects=3, compressed=True, captures=(Capture("id", "$.id"),)),
        Request("GET", "/${id}"),
    )
    before = nginx.requests()
    rig = Rig(plan_for(nginx.url.rstrip("/"), iterations(20, users=4), flow)).run()
    c = balanced(rig)
    assert (rig.samples["error"] == 0).all()
    assert c["requests_started"] == c["requests_sent"] == 40
    assert c["hops"] == 60
    assert nginx.requests() - before == 40 + 60 - 20  # the last exchange is a hop as well
    kinds = rig.samples["flags"] & 3
    fetched = rig.samples[(kinds == 0) & (rig.samples["bytes_in"] > 1000)]
    assert len(fetched) == 20
    assert fetched["bytes_in"].max() < len(DOCUMENT) // 2
    assert c["connections_opened"] == 4
    rig.close()


def test_an_upload_that_is_too_large(nginx: Nginx, tmp_path: Path) -> None:
    """nginx answers 413 after the head, and lingers."""
    file = tmp_path / "f"
    with file.open("wb") as made:
        made.truncate(50 << 20)
    for stream in (False, True):
        request = Request("PUT", "/upload", body=File(str(file)), stream=stream)
        rig = Rig(plan_for(nginx.url.rstrip("/"), iterations(10, users=2), (request,))).run()
        c = balanced(rig)
        assert c["requests_started"] == c["requests_sent"] == 10
        assert set(rig.samples["status"]) == {413}
        assert set(rig.samples["error"]) == {ErrorKind.STATUS}
        assert c["bytes_out"] < 10 * (50 << 20)
        rig.close()
