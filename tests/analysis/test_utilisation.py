"""What a phase took of the service, from probes with known values."""

import numpy as np
import pytest

from tests.reference import rundata as rd
from tests.reference import watched
from velroload.analysis.analyse import analyse
from velroload.journal import Counter

N = 30


def test_all_of_it() -> None:
    data = rd.build([rd.steady(100, N)], N)
    waiting = np.where(np.arange(N) < 6, 3.0, 0.0)
    values = {
        "cpu_share": np.full(N, 0.6),
        "cpu_s": 1.5 * np.arange(N),
        "db_in_use": np.where(np.arange(N) < 10, 20.0, 10.0),
        "db_max": np.full(N, 20.0),
        "db_waiting": waiting,
        "queries": 300.0 * np.arange(N),
    }
    data = watched.with_probe(data, values)
    data = watched.with_counts(data, [(s, 0, Counter.BYTES_IN, 50_000) for s in range(N)])
    (row,) = analyse(data).utilisation
    assert row.phase == "main"
    assert row.rate_per_s == pytest.approx(100, rel=0.01)
    assert row.cpu_ms_per_request == pytest.approx(15.0, rel=0.01)
    assert row.queries_per_request == pytest.approx(3.0, rel=0.01)
    assert row.bytes_per_request == pytest.approx(500.0, rel=0.01)
    assert (row.waits_s, row.most_waiting) == (6, 3)
    assert [(use.resource, use.usual, use.most, use.at_limit_s) for use in row.uses] == [
        ("CPU", 0.6, 0.6, 0),
        ("database connections", 0.5, 1.0, 10),
    ]
    assert row.uses[1].headroom == 0.5


def test_what_was_not_watched_is_unknown() -> None:
    (row,) = analyse(rd.build([rd.steady(100, N)], N)).utilisation
    assert row.uses == ()
    known = (row.cpu_ms_per_request, row.queries_per_request, row.waits_s, row.most_waiting)
    assert known == (None, None, None, None)
    assert analyse(rd.empty()).utilisation == ()
