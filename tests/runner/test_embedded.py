"""The main job is a plan like any other, and the target really serves it."""

import http.client
import json
from fractions import Fraction

from velroload.plan.model import EMBEDDED, SECOND_NS
from velroload.plan.steps import Request
from velroload.runner.embedded import main_load, main_plan
from velroload.target.process import TargetProcess


def test_the_main_job() -> None:
    plan = main_plan(main_load(), seed=7)
    assert (plan.target, plan.seed, plan.connections) == (EMBEDDED, 7, None)
    load = plan.scenarios[0].load
    assert load.users == 200
    assert load.request_rate == Fraction(1000)
    assert (load.ramp_ns, load.duration_ns) == (5 * SECOND_NS, 15 * SECOND_NS)


def send(connection: http.client.HTTPConnection, request: Request, token: str) -> bytes:
    headers = {name: value.replace("${token}", token) for name, value in request.headers}
    body = request.body
    assert body is None or isinstance(body, bytes)
    body = body and body.replace(b"${user}", b"1")
    connection.request(request.method, request.path, body, headers)
    response = connection.getresponse()
    answer = response.read()
    assert request.expects(response.status), (request.endpoint, response.status, answer)
    return answer


def test_the_target_serves_every_request_of_it() -> None:
    scenario = main_plan(main_load(), seed=7).scenarios[0]
    target = TargetProcess().start(users=2)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=10)
        login = scenario.setup[0]
        assert isinstance(login, Request)
        token = json.loads(send(connection, login, ""))["access_token"]
        assert login.captures[0].path == ("access_token",)
        for request in scenario.requests:
            send(connection, request, token)
        connection.close()
    finally:
        target.stop()
