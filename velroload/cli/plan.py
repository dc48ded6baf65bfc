"""`velroload plan PLAN`: what it will send, what it takes, what cannot pass. Sends nothing."""

import json

from velroload.cli.check import check_texts
from velroload.cli.planned import load_file
from velroload.cli.progress import style_for
from velroload.cli.run import read_workers
from velroload.cli.values import Values


def main(values: Values) -> int:
    """Print the forecast; 0, 2 when the plan cannot pass, 3 when this machine cannot carry it."""
    path = values.text("plan")
    assert path is not None
    plan = load_file(values, path)
    check_texts(plan)
    from velroload.runner.forecast.as_json import as_json
    from velroload.runner.forecast.as_text import as_text
    from velroload.runner.forecast.forecast import forecast
    from velroload.runner.forecast.machine import read_facts

    workers = values.one("workers", read_workers) or "auto"
    made = forecast(plan, read_facts(plan, workers))
    if values.yes("json"):
        print(json.dumps(as_json(made), indent=2, ensure_ascii=False))
    else:
        print(as_text(made, style_for(not values.environ.get("NO_COLOR"))), end="")
    return made.exit_code
