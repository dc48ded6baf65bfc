"""Generations over real sockets: ordered, listed, read, removed, and their media."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers.target_client import Answer, Client, assert_error

GENERATION_KEYS = {
    "id", "user_id", "project_id", "media_url", "media_type", "prompt", "status", "cost",
    "created_at", "model_id", "parameters", "output_urls", "credits_used", "is_favorite",
    "updated_at", "completed_at",
}  # fmt: skip
GENERATIONS = "/api/v1/generations"


def test_a_page_of_generations(client: Client) -> None:
    everything = client.ask("GET", "/api/v1/generations", token=client.token()).body
    assert len(everything) == 20
    assert all(set(each) == GENERATION_KEYS for each in everything)
    assert [each["created_at"] for each in everything] == sorted(
        (each["created_at"] for each in everything), reverse=True
    )
    page = client.ask("GET", "/api/v1/generations?skip=5&limit=3", token=client.token())
    assert page.body == everything[5:8]
    beyond = client.ask("GET", "/api/v1/generations?skip=2147483647", token=client.token())
    assert (beyond.status, beyond.body) == (200, [])


def test_reading_by_ownership_team_and_project(client: Client) -> None:
    everything = client.ask("GET", "/api/v1/generations", token=client.token(0)).body
    private, team, public = everything[-1], everything[-9], everything[-10]
    path = "/api/v1/generations/"

    def status(reader: int, generation: dict[str, str]) -> int:
        return client.ask("GET", path + generation["id"], token=client.token(reader)).status

    own = client.ask("GET", path + private["id"], token=client.token(0))
    assert own.body == private
    assert [status(0, each) for each in (private, team, public)] == [200, 200, 200]
    assert [status(9, each) for each in (private, team, public)] == [403, 200, 200]
    assert [status(10, each) for each in (private, team, public)] == [403, 403, 200]
    foreign = client.ask("GET", path + private["id"], token=client.token(10))
    assert_error(foreign, 403, "Access to this generation is denied")


@pytest.mark.parametrize("item", [str(uuid.UUID(int=0)), "not-a-uuid", "%2e%2e"])
def test_reading_what_is_not_there(client: Client, item: str) -> None:
    answer = client.ask("GET", f"/api/v1/generations/{item}", token=client.token())
    assert_error(answer, 404, "Generation not found")


def test_ordering_costs_credits_until_there_are_none(client: Client) -> None:
    token = client.account("buyer@example.com")
    first = client.order(token, parameters='{"steps": 3}')
    assert first.status == 200
    assert set(first.body) == GENERATION_KEYS
    assert (first.body["status"], first.body["cost"], first.body["media_url"]) == (
        "pending",
        50,
        None,
    )
    assert first.body["parameters"] == {"steps": 3}
    me = client.ask("GET", "/api/v1/auth/me", token=token).body
    assert me["credits_balance"] == 950
    assert me["id"] == first.body["user_id"]
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: client.order(token).status, range(24)))
    assert sorted(statuses) == [200] * 19 + [402] * 5
    assert_error(client.order(token), 402, "Insufficient credits")
    assert client.ask("GET", "/api/v1/auth/me", token=token).body["credits_balance"] == 0
    stats = client.ask("GET", f"{GENERATIONS}/stats", token=token).body
    assert (stats["total_generations"], stats["credits_used"]) == (20, 1000)


def test_a_generation_is_made_in_the_background(client: Client) -> None:
    token = client.account("watcher@example.com")
    made = client.order(token).body
    seen = [made["status"]]
    while seen[-1] != "completed":
        now = client.ask("GET", f"{GENERATIONS}/{made['id']}", token=token).body
        if now["status"] == "pending":
            media = client.ask("GET", f"{GENERATIONS}/{made['id']}/media-urls", token=token)
            assert media.status == 404
        if now["status"] != seen[-1]:
            seen.append(now["status"])
    assert seen == ["pending", "processing", "completed"]
    assert now["completed_at"] == now["updated_at"] > now["created_at"]
    assert now["output_urls"] == [now["media_url"]]


@pytest.mark.parametrize(
    ("fields", "status", "detail"),
    [
        ({"model_id": "no-such"}, 400, "Unknown model"),
        ({"prompt": ""}, 422, "prompt: 1 to 2000 characters are needed"),
        ({"prompt": "x" * 2001}, 422, "prompt: 1 to 2000 characters are needed"),
        ({"parameters": "["}, 422, "parameters: not valid JSON"),
        ({"parameters": "[]"}, 422, "parameters: a JSON object is needed"),
        ({"parameters": '{"a":"' + "x" * 10_000 + '"}'}, 422,
         "parameters: at most 10000 characters are accepted"),
    ],
)  # fmt: skip
def test_a_bad_order(client: Client, fields: dict[str, str], status: int, detail: str) -> None:
    assert_error(client.order(client.token(), **fields), status, detail)


def test_an_order_that_is_no_form(client: Client) -> None:
    for body, kind, detail in (
        (b"{}", "application/json", "body: multipart/form-data is needed"),
        (b"--x", "multipart/form-data", "body: not valid multipart/form-data"),
        (b"gibberish", "multipart/form-data; boundary=x", "body: not valid multipart/form-data"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", "model_id: a string is needed"),
    ):
        answer = client.ask(
            "POST", GENERATIONS, body, token=client.token(), headers={"Content-Type": kind}
        )
        assert_error(answer, 422, detail)


def test_only_the_owner_deletes(client: Client) -> None:
    token = client.account("deleter@example.com")
    path = f"{GENERATIONS}/{client.order(token).body['id']}"
    assert client.ask("GET", path, token=token).status == 200  # now it is in the cache
    assert_error(
        client.ask("DELETE", path, token=client.token()),
        403,
        "Access to this generation is denied",
    )
    answer = client.ask("DELETE", path, token=token)
    assert (answer.status, answer.body) == (200, {"message": "Generation deleted"})
    for method in ("GET", "DELETE"):
        assert_error(client.ask(method, path, token=token), 404, "Generation not found")
    public = client.ask("GET", GENERATIONS, token=client.token(10)).body[-10]
    refused = client.ask("DELETE", f"{GENERATIONS}/{public['id']}", token=client.token())
    assert_error(refused, 403, "Only the owner may delete a generation")


def test_media_urls_are_signed_and_remembered(client: Client) -> None:
    own = client.ask("GET", GENERATIONS, token=client.token()).body[-1]
    path = f"{GENERATIONS}/{own['id']}/media-urls"
    first, second = (client.ask("GET", path, token=client.token()) for _ in range(2))
    assert first.status == 200
    assert first.body == second.body
    assert first.body["generation_id"] == own["id"]
    assert first.body["signed_urls"] == [first.body["primary_url"]]
    assert first.body["primary_url"].startswith("https://media.invalid/generations/")
    assert first.body["expires_in"] == 3600
    assert time.time() < first.body["expires_at"] <= time.time() + 3600
    assert second.headers["X-Cache-Layer"] == "L1"
    foreign = client.ask("GET", path, token=client.token(10))
    assert_error(foreign, 403, "Access to this generation is denied")


def test_reading_goes_through_the_layers(client: Client) -> None:
    own = client.ask("GET", GENERATIONS, token=client.token(11)).body[3]
    path = f"{GENERATIONS}/{own['id']}"
    first, second = (client.ask("GET", path, token=client.token(11)) for _ in range(2))
    assert (first.headers["X-Cache-Status"], first.headers["X-Cache-Layer"]) == ("MISS", "L3")
    assert (second.headers["X-Cache-Status"], second.headers["X-Cache-Layer"]) == ("HIT", "L1")
    assert "db;dur=" in first.headers["Server-Timing"]


def timings(answer: Answer) -> dict[str, float]:
    parts = [part.split(";") for part in answer.headers["Server-Timing"].split(", ")]
    return {part[0]: float(part[-1].removeprefix("dur=")) for part in parts}


def test_lists_ask_the_database_and_say_how_long(client: Client) -> None:
    client.ask("GET", GENERATIONS, token=client.token())
    spent = timings(client.ask("GET", GENERATIONS, token=client.token()))
    assert 0 < spent["cache"] < spent["app"]
    assert 0 < spent["db"] < spent["app"]
