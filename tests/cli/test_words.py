"""The load in a few words, as the question before a public host says it."""

import pytest

from tests.cli.test_flags import load_of
from velroload.cli.words import load_in_words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-R 5000 -d 30s", "5,000/s for 30s"),
        ("-u 1000 -d 1m --ramp 10s", "1,000 users for 1m10s"),
        ("-n 500", "10 users, 500 requests"),
        ("-s 10s:50 -s 20s:2k", "up to 2,000 users for 30s"),
        ("-s 10s:50/s", "up to 50/s for 10s"),
    ],
)
def test_load_in_words(words: str, said: str) -> None:
    assert load_in_words(load_of(*words.split())) == said
