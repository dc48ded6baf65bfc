"""The private nginx, where there is one."""

import http.client
import shutil

import pytest

from bench.nginx import Nginx
from tests.servers.nginx import needs_nginx


@needs_nginx
def test_it_answers_350_bytes_and_counts_exactly() -> None:
    with Nginx() as nginx:
        assert nginx.requests() == 0
        connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=10)
        for _ in range(10):
            connection.request("GET", "/")
            answer = connection.getresponse()
            body = answer.read()
        head = 17 + sum(len(k) + len(v) + 4 for k, v in answer.getheaders()) + 2
        assert 300 <= head + len(body) <= 400
        assert nginx.status() == {"active": 1, "accepted": 1, "requests": 10}
        assert nginx.requests() == 10
        assert nginx.cpu_s() >= 0
        connection.close()
        folder = nginx.folder
    assert not folder.exists()
    nginx.close()


def test_without_nginx_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    nginx = Nginx()
    with pytest.raises(RuntimeError, match=r"^nginx is not installed: it is the server of this"):
        nginx.__enter__()
    nginx.close()
