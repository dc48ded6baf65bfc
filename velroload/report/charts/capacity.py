"""Rate against users: the levels that were held and the curve through them."""

import numpy as np

from velroload.analysis.outlook import Capacity, Usl
from velroload.analysis.result import Result
from velroload.report.charts.chart import Axis, Chart, Line, absent
from velroload.report.words import number
from velroload.report.words import per_second as rate

STEPS = 100


def capacity(result: Result) -> Chart:
    """The capacity curve; without levels, what is missing for one."""
    title = "Capacity: rate against users"
    found = result.capacity
    levels = [] if found is None else [each for each in found.levels if each.users]
    if found is None or not levels:
        why = (found and found.why) or "a curve needs several levels of load"
        return absent(
            "capacity", title,
            f"Not known: {why.rstrip('.')}. Run a plan with `phases:` of rising load.",
        )  # fmt: skip
    lines = []
    groups = (("met the limit", "ok", True), ("missed the limit", "fail", False),
              ("held", "kind0", None))  # fmt: skip
    for name, role, met in groups:
        own = [level for level in levels if level.met is met]
        if own:
            x = tuple(float(level.users or 0.0) for level in own)
            lines.append(Line(name, tuple(level.rate_per_s for level in own), role, "points", x=x))
    if found.usl is not None:
        lines.append(_curve(found.usl))
    return Chart(
        "capacity",
        title,
        _says(found),
        "The curve is the Universal Scalability Law, drawn to twice the largest level: beyond that "
        "nothing is claimed.",
        x=Axis("users"),
        y=Axis("requests answered", "/s"),
        lines=tuple(lines),
    )


def _curve(usl: Usl) -> Line:
    users = np.linspace(1.0, 2.0 * max(usl.largest_users, 1.0), STEPS)
    below = 1.0 + usl.contention * (users - 1.0) + usl.coherency * users * (users - 1.0)
    rates = usl.per_user_per_s * users / np.maximum(below, 1e-12)
    return Line(
        "fitted law",
        tuple(float(f"{value:.5g}") for value in rates.tolist()),
        "planned",
        x=tuple(float(f"{value:.5g}") for value in users.tolist()),
    )


def _says(found: Capacity) -> str:
    if found.largest_met_per_s is None:
        return "No level met the limit." if found.limit else "The plan names no limit to meet."
    users = found.largest_met_users
    at = "" if users is None else f" with {number(round(users))} users"
    limit = f" ({found.limit})" if found.limit else ""
    return f"The largest load that met the limit{limit}: {rate(found.largest_met_per_s)}/s{at}."
