"""The sample and its numbers: Python's side against the C side."""

from velroload import _core
from velroload.sample import SAMPLE, ErrorKind, Flag, Kind, fails_before_sending


def test_layout_is_the_c_struct() -> None:
    assert SAMPLE.itemsize == _core.SAMPLE_BYTES == 64
    assert SAMPLE.fields is not None
    offsets = {name: field[1] for name, field in SAMPLE.fields.items()}
    assert offsets == _core.SAMPLE_OFFSETS


def test_numbers_are_the_cores() -> None:
    assert {kind.name: kind.value for kind in ErrorKind} == _core.ERROR_KINDS
    assert {kind.name: kind.value for kind in Kind} == _core.KINDS
    assert {flag.name: flag.value for flag in Flag} == _core.FLAGS


def test_before_sending_is_name_connect_tls_and_local_resources() -> None:
    before = {kind for kind in ErrorKind if fails_before_sending(kind)}
    assert before == {kind for kind in ErrorKind if kind // 10 in (1, 2, 3, 6) and kind != 64}
