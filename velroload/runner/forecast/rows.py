"""How many rows a data set has."""

import csv
import json

from velroload.plan.data import Data

ROWS_COUNTED = 5_000_000
"""Nobody waits longer for a dry run."""


def count_rows(data: Data) -> int | None:
    """Rows of a data set; None when its file cannot be read or has no end in sight."""
    if data.source == "inline":
        return len(data.rows)
    if data.path is None:
        return None
    try:
        with open(data.path, encoding="utf-8-sig", newline="") as file:
            if data.source == "json":
                found = json.load(file)
                return len(found) if isinstance(found, list) else None
            lines = csv.reader(file) if data.source == "csv" else file
            count = -1 if data.source == "csv" else 0
            for line in lines:
                count += bool(line if data.source == "csv" else str(line).strip())
                if count >= ROWS_COUNTED:
                    return None
            return max(count, 0)
    except (OSError, ValueError, csv.Error, RecursionError):
        return None
