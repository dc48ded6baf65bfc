"""`velroload schema`: the plans' JSON Schema, from the tables that plans are read by."""

import json

from velroload.cli.values import Values
from velroload.errors import Exit


def main(values: Values) -> int:
    """Print it; exit 0."""
    from velroload.plan.loader import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return Exit.PASS
