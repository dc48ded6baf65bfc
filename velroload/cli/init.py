"""`velroload init [NAME]`: a commented plan to begin with, its schema, and a CI file on request."""

import json
import os
from pathlib import Path

from velroload.cli.shipped import SCHEMA, find, names, title, write
from velroload.cli.values import Values, one_of
from velroload.errors import ConfigError, Exit

DEFAULT = "quickstart"
CI_FILES = {
    "github": ".github/workflows/velroload.yml",
    "gitlab": ".gitlab-ci.yml",
}
"""Kind → where it belongs."""

GITHUB = """\
# Runs {plan} for every change. Exit codes: 0 pass, 99 a threshold failed, 97 not enough samples,
# 4 the run is not to be trusted, 2 a mistake in the plan.
name: velroload
on: [push, pull_request]
jobs:
  load:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {{python-version: "3.13"}}
      - run: pip install velroload
      - run: velroload check {plan}
      - run: velroload run {plan} --out velroload-run --report result.json
      - if: always()
        uses: actions/upload-artifact@v4
        with: {{name: velroload, path: "velroload-run\\nresult.json"}}
"""
GITLAB = """\
# Runs {plan} for every change. Exit codes: 0 pass, 99 a threshold failed, 97 not enough samples,
# 4 the run is not to be trusted, 2 a mistake in the plan.
load:
  image: python:3.13
  timeout: 30 minutes
  script:
    - pip install velroload
    - velroload check {plan}
    - velroload run {plan} --out velroload-run --report result.json
  artifacts:
    when: always
    paths: [velroload-run, result.json]
"""
CI_TEXTS = {"github": GITHUB, "gitlab": GITLAB}


def data_of(plan: Path) -> list[Path]:
    """The files of a shipped plan's data sets, as seen from its folder."""
    from velroload.plan.loader import load_plan

    paths = (data.path for data in load_plan(plan, environ={}).data)
    return [Path(path).relative_to(plan.parent) for path in paths if path is not None]


def main(values: Values) -> int:
    """Write the files, say which; exit 0. Exit 2 before anything is written when one is there."""
    if values.yes("list"):
        for name in names():
            print(f"{name:20} {title(find(name))}")
        return Exit.PASS
    name = values.text("name") or DEFAULT
    source = find(name)
    out = values.text("out") or f"{name}.yaml"
    if not out.endswith((".yaml", ".yml")):
        raise ConfigError(f"{values.noun('out')} {out!r}: a plan's name ends in .yaml")
    files = {Path(out): source.read_text(encoding="utf-8")}
    for beside in data_of(source):
        files[Path(out).parent / beside] = (source.parent / beside).read_text(encoding="utf-8")
    ci = values.one("ci", one_of(*CI_FILES))
    if ci is not None:
        files[Path(CI_FILES[ci])] = CI_TEXTS[ci].format(plan=out)
    for path in files:
        if os.path.lexists(path):
            raise ConfigError(f"{path}: it is there already; nothing is overwritten")
    schema = Path(out).parent / SCHEMA
    if not os.path.lexists(schema):
        from velroload.plan.loader import json_schema

        text = json.dumps(json_schema(), indent=2, ensure_ascii=False)
        files[schema] = f"{text}\n"
    for path, text in files.items():
        write(path, text)
        print(f"written: {path}")
    print(f"next:    velroload plan {out}; velroload try {out}; velroload run {out}")
    return Exit.PASS
