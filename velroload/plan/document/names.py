"""What names in a plan refer to: slots, columns, data sets, endpoints, phases. Looked up at the
end, all of them, each complaint at its place."""

from velroload.plan.document.kinds import Given
from velroload.plan.document.problems import Refused, did_you_mean
from velroload.plan.flow import Group, Steps, Take, reads, requests_in, unknown_slots, walk
from velroload.plan.phase import Phase
from velroload.plan.session import ACCOUNTS, Accounts, Session
from velroload.plan.slots import BUILT_IN_SLOTS, references
from velroload.plan.steps import Request

Kinds = list[tuple[str, Given]]


def check_names(given: Given, kinds: Kinds, filled: tuple[str, ...]) -> None:
    """Refused when a name refers to nothing; every such name is recorded."""
    problems = given.at.context.problems
    before = len(problems)
    _slots("setup", given, set(BUILT_IN_SLOTS))
    _slots("teardown", given, {*BUILT_IN_SLOTS, *filled})
    for _, kind in kinds:
        _user_slots(kind, {*BUILT_IN_SLOTS, *filled}, _columns(given))
    _takes(given, kinds)
    _mixes(given, kinds)
    _thresholds(given, kinds)
    if "requirements" in given:
        phase, known = given["requirements"].phase, _phases(given)
        if phase is not None and phase not in known:
            node = given.node.items["requirements"]
            given.at.inside("requirements").refuse(
                node, f"there is no phase {phase!r}; {did_you_mean(phase, known)}"
            )
    if len(problems) > before:
        raise Refused


def _columns(given: Given) -> dict[str, tuple[str, ...]]:
    accounts: Accounts | None = given.get("accounts")
    made = {} if accounts is None else {ACCOUNTS: accounts.columns}
    return {**made, **{name: data.columns for name, data in given.get("data", ())}}


def _phases(given: Given) -> list[str]:
    return [phase.name for phase in given.get("phases", ())]


def _slots(key: str, given: Given, known: set[str]) -> None:
    """Of steps that are done once: no user's columns, and only what came before."""
    steps: Steps = given.get(key, ())
    for step, slot in unknown_slots(steps, known):
        _refuse(given, step, _unknown(slot, known))
    for step in walk(steps):
        for name in reads(step):
            if "." in name:
                _refuse(given, step, f"${{{name}}}: {key} is done once, for no user: it has no row")


def _user_slots(kind: Given, known: set[str], columns: dict[str, tuple[str, ...]]) -> None:
    session: Session | None = kind.get("session")
    flow: Steps = kind["flow"]
    parts = [flow]
    if session is not None:
        renew = session.renew.steps if session.renew is not None else ()
        parts = [session.steps, renew, flow]
        for _, value in session.headers:
            filled = {*known, *session.fills}
            for slot in references(value):
                wrong = _column(slot, columns) if "." in slot else None
                if "." not in slot and slot not in filled:
                    wrong = _unknown(slot, filled)
                if wrong is not None:
                    kind.at.context.problems.add(
                        kind.node.items.get("session", kind.node).place, "session.headers", wrong
                    )
    _requests(kind, flow, session)
    for steps in parts:
        for step, slot in unknown_slots(steps, known):
            _refuse(kind, step, _unknown(slot, known))
        for step in walk(steps):
            if isinstance(step, Take) and step.data not in columns:
                hint = did_you_mean(step.data, list(columns))
                _refuse(kind, step, f"there is no data set {step.data!r}; {hint}")
            for name in dict.fromkeys(reads(step)):
                wrong = _column(name, columns) if "." in name else None
                if wrong is not None:
                    _refuse(kind, step, wrong)


def _takes(given: Given, kinds: Kinds) -> None:
    """There is no next one to a row of one's own."""
    own = {name for name, data in given.get("data", ()) if data.pick == "unique"}
    for _, kind in kinds:
        for step in walk(kind["flow"]):
            if isinstance(step, Take) and step.data in own:
                _refuse(
                    kind, step,
                    f"take: {step.data} is unique, its rows stay with their users; for the next "
                    "one write pick: sequential or once, with per: user",
                )  # fmt: skip


def _requests(kind: Given, flow: Steps, session: Session | None) -> None:
    """What a request asks for that the rest of the plan has to allow."""
    first: dict[str, Request] = {}
    for request in requests_in(flow):
        if request.on_error == "login" and session is None:
            _refuse(kind, request, "on_error: login needs a session")
        known = first.setdefault(request.endpoint, request)
        if (known.cls, set(known.tags)) != (request.cls, set(request.tags)):
            _refuse(
                kind, request,
                f"another request named {request.endpoint!r} has another class or other tags; "
                "name one of them",
            )  # fmt: skip


def _unknown(slot: str, known: set[str]) -> str:
    if slot.isupper():
        hint = f"for the environment write ${{{slot}:?}} or ${{{slot}:-default}}"
    else:
        hint = did_you_mean(slot, sorted(name for name in known if name[0] != "_"))
    return f"${{{slot}}} is filled by no step before it; {hint}"


def _column(name: str, columns: dict[str, tuple[str, ...]]) -> str | None:
    data, _, column = name.partition(".")
    if data not in columns:
        return f"${{{name}}}: there is no data set {data!r}; {did_you_mean(data, list(columns))}"
    if column not in columns[data]:
        hint = did_you_mean(column, list(columns[data]))
        return f"${{{name}}}: {data} has no column {column!r}; {hint}"
    return None


def _refuse(given: Given, step: object, what: str) -> None:
    """At the step's place; a Chance made by `probability` has none and needs none."""
    _, node, at = given.at.context.steps.get(id(step), (step, given.node, given.at))
    at.refuse(node, what)


def _endpoints(kinds: Kinds) -> list[str]:
    return list(dict.fromkeys(r.endpoint for _, kind in kinds for r in requests_in(kind["flow"])))


def _mixes(given: Given, kinds: Kinds) -> None:
    known = _endpoints(kinds)
    phases: tuple[Phase, ...] = given.get("phases", ())
    for index, phase in enumerate(phases):
        for endpoint, _ in phase.mix:
            if endpoint not in known:
                place = given.at.inside("phases").item(index).inside("mix")
                node = given.node.items["phases"]
                items = getattr(node, "items", [])
                place.refuse(
                    items[index] if isinstance(items, list) else node,
                    f"no request has the name {endpoint!r}; {did_you_mean(endpoint, known)}",
                )


def _thresholds(given: Given, kinds: Kinds) -> None:
    """What a threshold speaks of has to be there: no sample is never a pass."""
    known = selectable(given, kinds)
    for threshold, node, at in given.at.context.thresholds:
        chosen = threshold.selector
        if chosen is not None and chosen.name not in known[chosen.kind]:
            hint = did_you_mean(chosen.name, known[chosen.kind])
            at.refuse(node, f"there is no {chosen.kind} {chosen.name!r}; {hint}")


def selectable(given: Given, kinds: Kinds) -> dict[str, list[str]]:
    """Kind of selector → the names that it can have in this plan."""
    found: dict[str, list[str]] = {
        "endpoint": [], "class": [], "group": [], "tag": [],
        "phase": _phases(given), "scenario": [name for name, _ in kinds],
    }  # fmt: skip
    for _, kind in kinds:
        session: Session | None = kind.get("session")
        renew = session.renew.steps if session and session.renew else ()
        login = (*session.steps, *renew) if session else ()
        for step in walk((*login, *kind["flow"])):
            if isinstance(step, Group):
                found["group"].append(step.name)
        for request in requests_in((*login, *kind["flow"])):
            found["endpoint"].append(request.endpoint)
            found["class"] += [request.cls] if request.cls is not None else []
            found["tag"] += [f"{name}={value}" for name, value in request.tags]
    return {kind: list(dict.fromkeys(names)) for kind, names in found.items()}
