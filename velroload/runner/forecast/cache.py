"""The cache rate that can be reached at all: a key seen at rate λ with lifetime T hits λT/(1+λT).

Look-ups and lifetimes are those of the Velro API (base /api/v1): each request with a token asks
for the token; reading a generation or its media asks for the permission of user and generation. A
requirement on caches speaks of these two. In the long run, with the longest lifetime of all layers;
what a refused token asks for never hits.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from velroload.plan.flow import Set, walk
from velroload.plan.model import Plan, Scenario
from velroload.plan.session import ACCOUNTS
from velroload.plan.slots import references
from velroload.plan.steps import Request
from velroload.plan.values import Pick
from velroload.report.words import percent
from velroload.runner.forecast.obstacle import Obstacle, certain
from velroload.runner.forecast.rows import count_rows
from velroload.runner.forecast.size import headers_of
from velroload.runner.forecast.traffic import Row, Stretch

TOKEN_LIFE_S = 3600.0
PERMISSION_LIFE_S = {"L1": 300.0, "any layer": 900.0}
READ = re.compile(r"/generations/(?!stats\b)[^/?]+")
CREDENTIALS = "authorization"
ZIPF_KEYS = 10_000

Keys = tuple[tuple[float, float], ...]
"""(share of a user's look-ups, keys that they are spread over), …"""
ONE: Keys = ((1.0, 1.0),)


@dataclass(frozen=True, slots=True)
class Asked:
    """One kind of look-up in one stretch: how many per second, and the share that can hit."""

    kind: str
    per_s: float
    hits: float


@dataclass(frozen=True, slots=True)
class CacheOutlook:
    """What can be reached in one stretch: of each kind, and of all in L1 and in any layer.
    unknown: endpoints whose keys come from answers, and are left out."""

    stretch: str
    asked: tuple[Asked, ...]
    l1: float
    best: float
    unknown: tuple[str, ...]


def outlook_of(plan: Plan, stretch: Stretch) -> CacheOutlook | None:
    """None where the rate is not known, or nothing is looked up."""
    if not stretch.connected:
        return None
    found: dict[str, list[tuple[float, Keys, bool]]] = {"token": [], "permission": []}
    unknown: list[str] = []
    for row, scenario, request in _requests(stretch):
        if row.rate_per_s is None:
            return None
        refused = is_refused(request)
        if carries_token(plan, scenario, request):
            found["token"].append((float(row.rate_per_s), ONE, refused))
        if READ.search(request.path) and not refused:
            keys = keys_of(plan, scenario, request)
            if keys is None:
                unknown.append(row.endpoint)
            else:
                found["permission"].append((float(row.rate_per_s), keys, False))
    if not any(rate for each in found.values() for rate, _, _ in each):
        return None
    lives = {"L1": PERMISSION_LIFE_S["L1"], "any": PERMISSION_LIFE_S["any layer"]}
    asked = {
        layer: [
            *_asked("token", found["token"], stretch.users, token_life_s(plan)),
            *_asked("permission", found["permission"], stretch.users, life_s),
        ]
        for layer, life_s in lives.items()
    }
    return CacheOutlook(
        stretch.name, tuple(asked["any"]), _mean(asked["L1"]), _mean(asked["any"]), tuple(unknown)
    )


def token_life_s(plan: Plan) -> float:
    """A token that passed is remembered until it expires."""
    return TOKEN_LIFE_S if plan.accounts is None else float(plan.accounts.life_s)


def _requests(stretch: Stretch) -> Iterator[tuple[Row, Scenario, Request]]:
    for row in stretch.rows:
        scenario = next(f.scenario for f in stretch.flows if f.scenario.name == row.scenario)
        yield row, scenario, next(r for r in scenario.requests if r.endpoint == row.endpoint)


def carries_token(plan: Plan, scenario: Scenario, request: Request) -> bool:
    """Whether it has an Authorization header."""
    session = () if scenario.session is None else scenario.session.headers
    sent = headers_of(plan.headers, session, request.headers)
    return any(name.lower() == CREDENTIALS for name, _ in sent)


def is_refused(request: Request) -> bool:
    """Whether its own credentials are meant to be refused: it expects nothing but 401."""
    return all(low == high == 401 for low, high in request.expect)


def keys_of(plan: Plan, scenario: Scenario, request: Request) -> Keys | None:
    """How many things one user reads by it, and how often each; None: answers decide."""
    found: list[Keys] = []
    for name in references(request.path):
        keys = _keys_of_slot(plan, scenario, name)
        if keys is None:
            return None
        found.append(keys)
    return max(found, key=lambda keys: sum(count for _, count in keys), default=ONE)


def _keys_of_slot(plan: Plan, scenario: Scenario, name: str) -> Keys | None:
    if name in scenario.given:
        return ONE
    source, _, column = name.partition(".")
    if column and source == ACCOUNTS and plan.accounts is not None:
        return ((1.0, float(max(1, plan.accounts.hot_each))),)
    if column:
        data = next((each for each in plan.data if each.name == source), None)
        if data is None:
            return None
        rows = 1 if data.pick == "unique" or data.per == "user" else count_rows(data)
        return None if rows is None else ((1.0, float(max(1, rows))),)
    for step in walk(scenario.flow):
        if isinstance(step, Set) and step.slot == name and isinstance(step.value, Pick):
            return _keys_of_pick(step.value)
    return None


def _keys_of_pick(pick: Pick) -> Keys:
    count = len(pick.options)
    if pick.how == "hot":
        share = float(pick.hot_traffic)
        return ((share, float(pick.hot_count)), (1.0 - share, float(count - pick.hot_count)))
    if pick.how == "zipf":
        weights = [1.0 / rank**pick.exponent for rank in range(1, min(count, ZIPF_KEYS) + 1)]
        return tuple((weight / sum(weights), 1.0) for weight in weights)
    return ((1.0, float(count)),)


def hit_rate(rate_per_s: float, life_s: float) -> float:
    """λT/(1+λT)."""
    return rate_per_s * life_s / (1.0 + rate_per_s * life_s)


def _asked(
    kind: str, parts: list[tuple[float, Keys, bool]], users: int, life_s: float
) -> list[Asked]:
    """Requests with the same keys share what they have looked up."""
    total = sum(rate for rate, _, _ in parts)
    if not total:
        return []
    together: dict[Keys, float] = {}
    for rate, keys, refused in parts:
        if not refused:
            together[keys] = together.get(keys, 0.0) + rate
    hits = 0.0
    for keys, rate in together.items():
        for share, count in keys:
            hits += rate * share * hit_rate(rate * share / users / count, life_s)
    return [Asked(kind, total, hits / total)]


def _mean(asked: list[Asked]) -> float:
    total = sum(each.per_s for each in asked)
    return sum(each.per_s * each.hits for each in asked) / total


def cache_obstacles(plan: Plan, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    """Cache rates that are demanded and that this data cannot give."""
    for stretch in stretches:
        outlook = outlook_of(plan, stretch)
        if outlook is None or outlook.unknown:
            continue
        for threshold in stretch.thresholds:
            if threshold.metric != "cache" or threshold.op not in (">", ">="):
                continue
            if not threshold.holds(outlook.best):
                yield certain(too_few(f"{stretch.where}{threshold.source!r}", outlook))


def too_few(name: str, outlook: CacheOutlook, l1: bool = False) -> str:
    """The sentence about a rate that nobody reaches."""
    parts = ", ".join(f"{each.kind} {percent(each.hits)}" for each in outlook.asked)
    best = percent(outlook.l1 if l1 else outlook.best)
    detail = "in L1, whose entries live 5m" if l1 else parts
    return (
        f"{name}: at best {best} with this data ({detail}); no server can pass. Fewer things per "
        "user, or more requests per user, are looked up again before they are forgotten"
    )
