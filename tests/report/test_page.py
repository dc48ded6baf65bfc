"""The page around a report: its policy, its island, the library inside."""

import base64
import gzip
import hashlib
import json
import re

from tests.reference.richrun import CANARY
from velroload.report.page import coded, island, policy, render


def test_the_policy_names_its_scripts_only() -> None:
    digest = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    assert policy("x") == (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    assert "script-src 'none'" in policy()


def test_an_island_cannot_be_left() -> None:
    value = {CANARY: ["\u2028</script><!--", "&amp;", None, 1.5]}
    found = str(island(value))
    assert not set("<>&\u2028") & set(found)
    assert json.loads(found) == value


def test_code_in_a_text_is_escaped() -> None:
    assert coded("a `b` <c> `<d>` `e") == "a <code>b</code> &lt;c&gt; <code>&lt;d&gt;</code> e"


def test_the_hashes_are_those_of_the_scripts_in_the_file() -> None:
    head = {"word": "", "name": "", "role": "", "facts": [], "why": "", "incomplete": [],
            "validity": "", "validity_role": "", "vouched": [], "reasons": [], "tiles": [],
            "exit_code": 0}  # fmt: skip
    text = render("report.html.j2", plotly=True, head=head, compliance=None, sections=[],
                  before_charts=0, data={}).decode()  # fmt: skip
    named = re.findall(r"sha256-([^&']+)", text.partition("<title>")[0])
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    (packed,) = re.findall(r'id="plotly">([^<]*)<', text)
    sources = [script.encode(), gzip.decompress(base64.b64decode(packed))]
    assert named == [
        base64.b64encode(hashlib.sha256(source).digest()).decode() for source in sources
    ]
