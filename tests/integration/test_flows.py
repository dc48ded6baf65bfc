"""A plan file with all that users do, from the file to the report."""

from pathlib import Path

from aiohttp import web

from tests.launch import Launch
from tests.servers.site import Site

SOON = ("-w", "2", "-q")
PLAN = """
target: {url}
load: {{users: 4, iterations: 16, pacing: 1ms}}
flow:
  - once: [{{POST /login: {{json: {{user: "${{user}}"}}, capture: {{token: $.token}}}}}}]
  - set: {{n: random_int 1 6, id: uuid}}
  - group: checkout
    steps:
      - GET /cart/${{id}}:
          name: cart
          headers: {{Authorization: "Bearer ${{token}}"}}
          check: {{json: $.token, header: {{X-Here: "^yes$"}}, size: 1..1KiB, status: 200}}
      - think: lognormal 1ms 0.5
      - repeat: 2
        steps: [GET /pay]
  - if: int(n) > 3
    then: [GET /high]
    else: [GET /low]
  - choose:
      - {{weight: 1, steps: [GET /left]}}
      - {{weight: 1, steps: [GET /right]}}
"""


async def here(request: web.Request) -> web.Response:
    return web.json_response({"token": "secret"}, headers={"X-Here": "yes"})


def test_a_flow_from_its_file_to_the_report(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    with Site(here) as site:
        path.write_text(PLAN.format(url=site.url))
        with Launch(tmp_path, str(path), *SOON) as run:
            assert run.finish() in (0, 4, 97)
    ledger = run.ledger()
    assert ledger["ok"] == ledger["started"] == len(site.seen) == 4 + 16 * 5
    result = run.result
    rows = {row["name"]: row["count"] for row in result["endpoints"]}
    assert (rows["POST /login"], rows["cart"], rows["GET /pay"]) == (4, 16, 32)
    assert rows["GET /high"] + rows["GET /low"] == rows["GET /left"] + rows["GET /right"] == 16
    (group,) = result["groups"]
    assert (group["name"], group["kind"], group["count"]) == ("checkout", "group", 16)
