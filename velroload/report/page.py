"""One self-contained HTML file: templates, the policy of its scripts, the data it carries."""

import base64
import gzip
import hashlib
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from velroload import __version__

FOLDER = Path(__file__).with_name("html")
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Letters that could end a script element or a line of script; JSON may write them like this."""


def render(template: str, *, plotly: bool = False, **values: Any) -> bytes:
    """A template as a file. Every value is escaped by the template; `data` goes in as an island.

    Scripts run by their hash alone: the page's own, and Plotly's, which the page inflates and adds
    as an inline script. Nothing is fetched, evaluated or sent; styles may stand inline, which
    Plotly needs.
    """
    script = _read("page.js") if plotly else ""
    return (
        _environment()
        .get_template(template)
        .render(
            values
            | {
                "policy": policy(*([script, _plotly()] if plotly else [])),
                "style": Markup(_read("style.css")),
                "script": Markup(script),
                "plotly": Markup(_packed()) if plotly else "",
                "data": island(values.get("data")),
                "version": __version__,
            }
        )
        .encode()
    )


def policy(*scripts: str) -> str:
    """The content security policy under which only these scripts run."""
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def island(value: Any) -> Markup:
    """JSON that can stand inside a script element, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup("".join(UNSAFE.get(letter, letter) for letter in text))


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["coded"] = coded
    return made


def coded(text: str) -> Markup:
    """A text of ours with what stands in `backticks` as code; all of it escaped."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 and place < len(parts) - 1 else part
        for place, part in enumerate(parts)
    )


@cache
def _plotly() -> str:
    """Plotly's script out of its package, as the browser will see it (line ends made one kind)."""
    found = find_spec("plotly")  # found, not imported: the script alone is wanted
    assert found is not None
    assert found.origin is not None
    script = Path(found.origin).with_name("package_data") / "plotly.min.js"
    text = script.read_bytes().decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@cache
def _packed() -> str:
    return base64.b64encode(gzip.compress(_plotly().encode(), 9, mtime=0)).decode()
