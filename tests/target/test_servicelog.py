"""The service-time log: one record per answer, read back by what the truth says about it."""

import time
from collections import Counter
from pathlib import Path

import numpy as np

from tests.servers.target_client import Client
from velroload.target.process import TargetProcess
from velroload.target.servicelog import FIELDS, FORMATS, RECORD


def test_the_record_is_what_it_says() -> None:
    assert np.dtype({"names": list(FIELDS), "formats": list(FORMATS)}).itemsize == RECORD.size


def test_every_answer_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "service.bin"
    options = ["--service-log", str(path), "--fault", "latency,latency=20ms,endpoint=GET /health"]
    began_ns = time.monotonic_ns()
    with TargetProcess().start(users=1, options=options) as target:
        client = Client(target)
        client.ask("GET", "/api/v1/auth/me", token=client.token())
        for path_of in ("/health", "/health", "/nowhere", "/api/v1/auth/me"):
            client.ask("GET", path_of)
        truth = target.truth()
        assert target.stderr() == ""
    ended_ns = time.monotonic_ns()
    facts = truth["service_log"]
    assert facts["path"] == str(path)
    dtype = np.dtype({"names": facts["names"], "formats": facts["formats"]})
    records = np.fromfile(path, dtype)
    rows = Counter(
        (facts["endpoints"][record["endpoint"]], str(record["status"])) for record in records
    )
    assert rows == {
        (endpoint, status): count
        for endpoint, counts in truth["requests"].items()
        for status, count in counts.items()
    }
    assert (records["received_ns"] > began_ns).all()
    assert (records["sent_ns"] < ended_ns).all()
    service_ns = records["sent_ns"] - records["received_ns"]
    slow = records["endpoint"] == facts["endpoints"].index("GET /health")
    assert (service_ns[slow] >= 20e6).all()
    assert (service_ns > 0).all()
    assert sorted(records["layer"]) == [0, 0, 0, 0, 0, 3]
