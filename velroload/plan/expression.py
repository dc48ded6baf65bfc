"""Expressions over slots: what may stand in one, and what it comes to.

Checked against a short list of what is allowed, which simpleeval then evaluates: no eval, no
attribute of any object, nothing that grows without bound.

    slots and variables    left, accounts.role     (texts; a column of a data set has a dot)
    constants              1, 2.5, 'text', True, False, None, ('a', 'b')
    operators              + - * / // %   == != < <= > >= in, not in   and or not   a if c else b
    functions              int float str len abs min max round lower upper startswith endswith
"""

import ast
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache

from velroload.errors import ConfigError

SOURCE_MAX = 1000
FUNCTIONS: dict[str, Callable[..., object]] = {
    "int": int,
    "float": float,
    "str": str,
    "len": len,
    "abs": abs,
    "min": min,
    "max": max,
    "round": round,
    "lower": lambda text: str(text).lower(),
    "upper": lambda text: str(text).upper(),
    "startswith": lambda text, start: str(text).startswith(start),
    "endswith": lambda text, end: str(text).endswith(end),
}
Result = str | int | float | bool | None

_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.USub, ast.UAdd, ast.Not,
    ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn,
)  # fmt: skip
_WHOLE = (ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Tuple, ast.List)


@lru_cache(maxsize=4096)
def names_of(source: str) -> tuple[str, ...]:
    """Slots and variables that an expression reads, each once, in order.

    ConfigError when it is no expression, or has something in it that is not on the list.
    """
    if len(source) > SOURCE_MAX:
        raise ConfigError(f"expression {source[:30]!r}…: at most {SOURCE_MAX} characters")
    try:
        with warnings.catch_warnings(action="ignore"):  # of a backslash that escapes nothing
            tree = ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ConfigError(
            f"expression {source!r}: not understood; write one such as status == 200"
        ) from None
    names: dict[str, None] = {}
    try:
        _Walk(source, names).node(tree.body)
    except RecursionError:
        raise ConfigError(f"expression {source[:30]!r}…: too deeply nested") from None
    for name in names:
        if "." in name and name.partition(".")[0] in names:
            raise ConfigError(
                f"expression {source!r}: {name.partition('.')[0]} is a slot and a data set here; "
                "rename one"
            )
    return tuple(names)


class _Walk:
    """Visits an expression; refuses what is not on the list."""

    def __init__(self, source: str, names: dict[str, None]) -> None:
        self.source = source
        self.names = names

    def refuse(self, what: str) -> ConfigError:
        return ConfigError(f"expression {self.source!r}: {what}")

    def node(self, node: ast.AST) -> None:
        match node:
            case ast.Constant(value=str() | int() | float() | None):
                return
            case ast.Name(id=name):
                self.names.setdefault(name)
            case ast.Attribute(value=ast.Name(id=data), attr=column):
                self.names.setdefault(f"{data}.{column}")
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                if name not in FUNCTIONS:
                    raise self.refuse(f"{name}() is not known; there are {', '.join(FUNCTIONS)}")
                for argument in node.args:
                    self.node(argument)
            case _ if isinstance(node, _WHOLE):
                for each in ast.iter_child_nodes(node):
                    if not isinstance(each, (*_OPERATORS, ast.Load)):
                        self.node(each)
            case _:
                shown = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
                raise self.refuse(f"{shown} cannot stand in an expression")


def compile_expression(
    source: str, constants: Mapping[str, str]
) -> Callable[[Mapping[str, str]], Result]:
    """A function from slots (names with a dot for columns) to the expression's value.

    It raises ValueError, with what went wrong, when a value cannot be computed (int of a text that
    is no number, a division by 0): the caller decides what that means for its user.
    """
    import simpleeval

    wanted = names_of(source)
    evaluator = simpleeval.EvalWithCompoundTypes(functions=dict(FUNCTIONS))  # it adds its own
    with warnings.catch_warnings(action="ignore"):
        tree = evaluator.parse(source.strip())

    def evaluate(slots: Mapping[str, str]) -> Result:
        names: dict[str, object] = {"True": True, "False": False, "None": None}
        for name in wanted:
            value = constants[name] if name in constants else slots.get(name, "")
            data, dot, column = name.partition(".")
            if dot:
                row = names.setdefault(data, {})
                assert isinstance(row, dict)
                row[column] = value
            else:
                names[name] = value
        evaluator.names = names
        try:
            found: Result = evaluator.eval(source, previously_parsed=tree)
        except Exception as error:  # the functions are Python's own: many kinds, one meaning
            raise ValueError(f"{source}: {error}") from None
        return found

    return evaluate


def text_of(value: Result) -> str:
    """A computed value as a slot holds it: true, false, empty for None, numbers as in JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
