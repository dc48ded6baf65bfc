"""What the accuracy bench makes of its rounds: medians against limits, and what was missed."""

import statistics
from typing import Any

from bench.cases import LAG_LIMITS_MS, Case, Entry
from bench.truthmath import (
    LAW_LIMIT_SHARE,
    LIMITS_US,
    PAIRED_LIMITS_US,
    STALL_LIMITS_US,
    VALID_LIMIT_FACTOR,
    judge,
)

Json = dict[str, Any]


def limits_for(case: Case) -> dict[str, float]:
    """Limits of service time."""
    return STALL_LIMITS_US if case.name == "stall" else LIMITS_US


def summarise(entry: Entry, runs: list[Json]) -> Json:
    """One row: medians over the rounds against the limits (velroload), or just medians (wrk)."""
    good = [run for run in runs if "failed" not in run]
    row: Json = {
        "case": entry.case.name,
        "delay": entry.case.delay,
        "condition": entry.condition,
        "tool": entry.tool,
        "rounds": len(good),
        "command": runs[0]["command"],
        "runs": runs,
    }
    if len(good) < len(runs):
        row["failed"] = next(run["failed"] for run in runs if "failed" in run)
    if entry.tool == "timerfd":
        lags = [{"p99": run["generator_lag_ms"]["p99"]} for run in good]
        return row | {"generator_lag_ms": judge_medians(lags, None)}
    row["service"] = judge([run["errors_us"] for run in good], limits_for(entry.case))
    if entry.tool == "velroload" and good:
        row |= judge_ours(entry, good)
    return row


def judge_ours(entry: Entry, good: list[Json]) -> Json:
    """Pairs, stall law, generator lag, and VALID runs that are off by more than three limits."""
    paired = [
        {"p99": run["paired"].get("p99_us"), "max": run["paired"].get("max_us")} for run in good
    ]
    row: Json = {"paired": judge(paired, PAIRED_LIMITS_US)}
    row["valid_but_wrong"] = [
        f"{name} off by {run['errors_us'][name]:.0f} us"
        for run in good
        if run["validity"] == "VALID"
        for name, limit in limits_for(entry.case).items()
        if abs(run["errors_us"].get(name, 0.0)) > VALID_LIMIT_FACTOR * limit
    ]
    if entry.case.name == "stall":
        kept = [run for run in good if server_kept_the_law(run)]
        row["server_late"] = len(good) - len(kept)
        row["law"] = judge_medians(
            [{k: abs(v) for k, v in run["law_errors"].items()} for run in kept], LAW_LIMIT_SHARE
        )
    if entry.case.name.startswith("lag") and entry.condition == "quiet":
        lags = [{"p99": run["generator_lag_ms"]["p99"]} for run in good]
        row["generator_lag_ms"] = judge_medians(lags, LAG_LIMITS_MS[entry.case.idle])
    return row


def server_kept_the_law(run: Json) -> bool:
    """False where the server itself was late by half the limit: its log says nothing about us."""
    return all(abs(v) <= LAW_LIMIT_SHARE / 2 for v in run["server_law_errors"].values())


def judge_medians(values: list[dict[str, Any]], limit: float | None) -> Json:
    """Per name the median over the rounds against one limit, if there is one."""
    names = sorted({name for each in values for name in each if each[name] is not None})
    if not names:
        return {"all": {"median": None, "limit": limit, "verdict": "NOT MEASURED"}}
    found = {}
    for name in names:
        middle = statistics.median(v[name] for v in values if v.get(name) is not None)
        found[name] = {
            "median": middle,
            "limit": limit,
            "verdict": "" if limit is None else "PASS" if middle <= limit else "FAIL",
        }
    return found


def over(verdict: Json) -> str:
    """What was found and what was allowed."""
    if "limit_us" in verdict:
        return f"{verdict['median_us']:.0f} us, limit {verdict['limit_us']:.0f}"
    return f"{verdict['median']:.4g}, limit {verdict['limit']:g}"


def failures(rows: list[Json]) -> list[str]:
    """Everything that velroload's rows missed, one line each."""
    found = []
    for row in rows:
        if row["tool"] != "velroload":
            continue
        label = f"{row['case']} {row['condition']}"
        for part in ("service", "paired", "law", "generator_lag_ms"):
            found += [
                f"{label}: {part} {name} {over(verdict)}"
                for name, verdict in row.get(part, {}).items()
                if verdict["verdict"] == "FAIL"
            ]
        found += [f"{label}: VALID and {text}" for text in row.get("valid_but_wrong", [])]
        if "failed" in row:
            found.append(f"{label}: {row['failed']}")
    return found
