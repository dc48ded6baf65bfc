"""The table of importers: name → function (text, the file's name) → Imported."""

from collections.abc import Callable

from velroload.plan.importers.curl import import_curl
from velroload.plan.importers.imported import Imported
from velroload.plan.importers.velro import import_velro

IMPORTERS: dict[str, Callable[[str, str], Imported]] = {
    "curl": import_curl,
    "velro": import_velro,
}
