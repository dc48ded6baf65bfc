"""Flag before environment, and names under which things were given."""

import argparse
from collections.abc import Callable

import pytest

from velroload.cli.parser import Parser
from velroload.cli.values import Values, more_than_nothing, one_of, truth
from velroload.errors import ConfigError
from velroload.units import parse_count


def values(words: list[str], environ: dict[str, str]) -> Values:
    parser = Parser(prog="x")
    parser.add_argument("-u", "--users")
    parser.add_argument("-s", "--stage", action="append")
    parser.add_argument("-q", "--quiet", action="store_true")
    nothing = argparse.Namespace(users=None, stage=None, quiet=None)
    return Values(parser.parse_args(words, nothing), parser, environ, words)


def test_flag_before_environment() -> None:
    both = values(["-u", "5"], {"VELROLOAD_USERS": "7"})
    assert both.one("users", parse_count) == 5
    assert both.noun("users") == "--users"
    assert both.from_environment == []


def test_environment_before_default() -> None:
    some = values([], {"VELROLOAD_USERS": "7", "OTHER": "x", "VELROLOAD_BUILD": "debug"})
    assert some.one("users", parse_count) == 7
    assert some.noun("users") == "VELROLOAD_USERS"
    assert some.from_environment == ["--users=7"]
    assert some.one("stage", parse_count) is None
    assert not some.has("stage")


def test_repeated_flags_replace_those_of_the_environment() -> None:
    environ = {"VELROLOAD_STAGE": "1\n2\n"}
    assert values([], environ).each("stage", parse_count) == [1, 2]
    assert values(["-s", "3", "-s", "4"], environ).each("stage", parse_count) == [3, 4]


@pytest.mark.parametrize("word", ["1", "true", "YES", "on"])
def test_switch_in_the_environment(word: str) -> None:
    assert values([], {"VELROLOAD_QUIET": word}).yes("quiet")


@pytest.mark.parametrize("word", ["0", "false", "no", "Off", ""])
def test_switch_off_in_the_environment(word: str) -> None:
    assert not values([], {"VELROLOAD_QUIET": word}).yes("quiet")
    assert values(["-q"], {"VELROLOAD_QUIET": word}).yes("quiet")


def message(call: Callable[[str, str], object], text: str, noun: str) -> str:
    with pytest.raises(ConfigError) as caught:
        call(text, noun)
    return str(caught.value)


def test_error_lines_name_where_the_value_came_from() -> None:
    assert message(truth, "maybe", "VELROLOAD_QUIET") == (
        "VELROLOAD_QUIET 'maybe': write yes or no"
    )
    assert message(one_of("a", "b"), "c", "--x") == "--x 'c': write a or b"
    assert message(more_than_nothing(parse_count), "0", "--users") == (
        "--users '0': more than 0 is needed"
    )
    with pytest.raises(ConfigError) as caught:
        values([], {"VELROLOAD_USERS": "5x"}).one("users", parse_count)
    assert str(caught.value) == (
        "VELROLOAD_USERS '5x': write a whole number, such as 100, 10k or 1M"
    )


def test_a_typo_in_the_environment_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        values([], {"VELROLOAD_USER": "5"})
    assert str(caught.value) == ("VELROLOAD_USER: no such setting; did you mean VELROLOAD_USERS?")
