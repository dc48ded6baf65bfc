"""`variables`: read before everything else, because all else may use them."""

import yaml

from velroload.plan.document.node import Text
from velroload.plan.document.problems import Refused
from velroload.plan.document.source import Converter, Raw


def read_variables(root: Raw, converter: Converter) -> dict[str, tuple[str, bool]]:
    """Name → (text, whether it is a secret). What is wrong is found again when all is read."""
    found: dict[str, tuple[str, bool]] = {}
    if not isinstance(root, yaml.MappingNode):
        return found
    for key, value in root.value:
        if getattr(key, "value", None) != "variables" or not isinstance(value, yaml.MappingNode):
            continue
        for name, raw in value.value:
            if isinstance(name, yaml.ScalarNode) and isinstance(raw, yaml.ScalarNode):
                try:
                    node: Text = converter.text(raw, f"variables.{name.value}")
                except Refused:
                    continue
                found[name.value] = (node.text, node.secret)
    return found
