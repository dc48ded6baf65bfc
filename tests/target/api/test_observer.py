"""The hidden pages (what faults do: test_faults; what the truth counts: test_truth)."""

from tests.servers.target_client import Client, assert_error


def test_the_truth_needs_no_token_on_this_machine(client: Client) -> None:
    answer = client.ask("GET", "/__truth")
    assert answer.status == 200
    assert list(answer.body) == [
        "requests", "layers", "received", "answered", "aborted", "reset", "in_flight",
        "rate_limited", "connections_accepted", "connections_open", "logins", "registrations",
        "audited", "crossed", "tokens_refused", "workers", "events", "faults", "lookups",
        "by_worker", "pools", "breakers", "database", "redis", "service_log",
    ]  # fmt: skip


def test_other_hidden_paths_are_not_there(client: Client) -> None:
    assert_error(client.ask("GET", "/__nothing"), 404, "Not Found")
