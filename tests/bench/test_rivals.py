"""Reading the rivals' output, on text as they print it."""

import pytest

from bench.rivals import (
    RIVALS,
    Said,
    duration_s,
    read_ab,
    read_h2load,
    read_hey,
    read_wrk,
)

WRK = """\
Running 1s test @ http://127.0.0.1:18097/
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     5.12ms  141.17us   8.57ms   99.10%
    Req/Sec     1.56k    36.55     1.62k    70.00%
  1552 requests in 1.00s, 195.52KB read
Requests/sec:   1551.02
Transfer/sec:    195.39KB
velroload-bench p50 5101
velroload-bench p90 5149
velroload-bench p99 5221
velroload-bench p99.9 6842
velroload-bench max 8571
"""
WRK_ERRORS = """\
  100 requests in 2.00m, 1.00KB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
"""
H2LOAD = """\
finished in 1.00s, 1515.00 req/s, 190.85KB/s
requests: 1515 total, 1523 started, 1515 done, 1514 succeeded, 1 failed, 0 errored, 0 timeout
status codes: 1514 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 190.85KB (195435) total, 56.22KB (57570) headers (space savings 0.00%), 94.69KB data
                     min         max         mean         sd        +/- sd
time for request:     5.04ms      8.42ms      5.26ms       381us    95.31%
"""
HEY = """\

Summary:
  Total:	1.0060 secs
  Slowest:	0.0122 secs
  Requests/sec:	1466.2341

Latency distribution:
  10% in 0.0051 secs
  50% in 0.0052 secs
  99% in 0.0095 secs

Status code distribution:
  [200]	1475 responses
  [503]	25 responses

Error distribution:
  [7]	Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused
"""
AB = """\
Concurrency Level:      8
Time taken for tests:   0.681 seconds
Complete requests:      1000
Failed requests:        2
   (Connect: 0, Receive: 0, Length: 2, Exceptions: 0)
Non-2xx responses:      3
Keep-Alive requests:    1000
Requests per second:    1468.61 [#/sec] (mean)
"""


def test_wrk() -> None:
    times = {"p50": 5.101e-3, "p90": 5.149e-3, "p99": 5.221e-3, "p99.9": 6.842e-3, "max": 8.571e-3}
    said = read_wrk(WRK)
    assert said.times_s == pytest.approx(times)
    assert (said.requests, said.seconds, said.errors) == (1552, 1.0, 0)
    assert read_wrk(WRK_ERRORS) == Said(100, 120.0, 15)


def test_h2load() -> None:
    assert read_h2load(H2LOAD) == Said(1515, 1.0, 1)


def test_hey() -> None:
    times = {"p10": 0.0051, "p50": 0.0052, "p99": 0.0095}
    assert read_hey(HEY) == Said(1500, 1.006, 32, times)


def test_ab() -> None:
    assert read_ab(AB) == Said(1000, 0.681, 5)


@pytest.mark.parametrize("name", sorted(RIVALS))
def test_text_without_figures_gives_none(name: str) -> None:
    said = RIVALS[name].read("connection refused\n")
    assert (said.requests, said.seconds, said.errors, said.times_s) == (None, None, 0, {})


@pytest.mark.parametrize("name", sorted(RIVALS))
def test_every_command_names_url_connections_and_duration(name: str) -> None:
    command = RIVALS[name].command("http://127.0.0.1:1/", 77, 13)
    assert command[0] == name
    assert "http://127.0.0.1:1/" in command
    assert any("77" in part for part in command)
    assert any("13" in part for part in command)


def test_durations() -> None:
    values = ("10us", "1.5ms", "2s", "2.00m", "1h")
    expected = pytest.approx([1e-5, 1.5e-3, 2.0, 120.0, 3600.0])
    assert [duration_s(text) for text in values] == expected
    with pytest.raises(ValueError, match=r"^not a duration: 'soon'$"):
        duration_s("soon")
