"""From a plan file to the frozen Plan: every mistake at once, each at its place.

file:line:column: key: what; hint
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from velroload.errors import ConfigError
from velroload.plan.document.interpolation import Interpolation
from velroload.plan.document.kinds import At, Context
from velroload.plan.document.overrides import Overrides
from velroload.plan.document.plan import PLAN
from velroload.plan.document.problems import Problems, Refused
from velroload.plan.document.source import Converter, compose, read_text
from velroload.plan.document.variables import read_variables
from velroload.plan.model import Plan

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"


def load_plan(
    path: str | os.PathLike[str],
    *,
    variables: Sequence[str] = (),
    settings: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    seed: int | None = None,
) -> Plan:
    """The plan in a YAML file.

    variables: NAME=TEXT, in place of the plan's own. settings: PATH=VALUE, a key of the document
    (load.users, flow[2].think) and what it shall be, as YAML. environ: for ${VAR:-…} and ${env:…}
    (os.environ). seed: where the plan has none (0). ConfigErrors with every mistake; ConfigError
    when the file cannot be read.
    """
    name = os.fspath(path)
    return parse_plan(
        read_text(Path(name), name), name, variables=variables, settings=settings,
        environ=os.environ if environ is None else environ, seed=seed,
    )  # fmt: skip


def parse_plan(
    text: str,
    name: str,
    *,
    variables: Sequence[str] = (),
    settings: Sequence[str] = (),
    environ: Mapping[str, str],
    seed: int | None = None,
) -> Plan:
    """The same from a text; `name` is the file that it is shown as, and whose folder counts."""
    problems = Problems()
    folder = Path(name).parent
    values = Interpolation(environ, folder, secrets=problems.secrets)
    plan: Plan | None = None
    try:
        converter = Converter(values, problems)
        raw = Overrides(problems, variables, settings).apply(compose(text, name, problems))
        values.variables.update(read_variables(raw, converter))
        root = converter.convert(raw)
        context = Context(problems, folder, variables=values.variables)
        plan = PLAN.read(root, At("", context))
    except Refused:
        pass
    problems.settle()
    assert plan is not None, "refused without a reason"
    more: dict[str, Any] = {"secrets": tuple(sorted(values.secrets))}
    given = {"name", "seed"} & set(getattr(root, "keys", ()))
    if "name" not in given:
        more["name"] = Path(name).stem
    if "seed" not in given and seed is not None:
        more["seed"] = seed
    try:
        return replace(plan, **more)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def json_schema() -> dict[str, Any]:
    """What a plan may contain, as JSON Schema, for editors."""
    defs: dict[str, Any] = {}
    root = PLAN.schema(defs)
    return {
        "$schema": SCHEMA_ID,
        "title": "velroload plan",
        "description": "What a load test does: target, load, flow and what must hold.",
        **root,
        "$defs": dict(sorted(defs.items())),
    }
