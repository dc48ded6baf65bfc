"""The second ring of a segment, read as what it is: memory that another process writes."""

import struct

import pytest

from velroload._core import ValueReader, format_segment, segment_bytes

SLOTS, VALUES = 8, 16
BASE = segment_bytes(SLOTS)


@pytest.fixture
def segment() -> bytearray:
    buffer = bytearray(segment_bytes(SLOTS, VALUES))
    format_segment(buffer, SLOTS, VALUES)
    return buffer


def put(segment: bytearray, offset: int, word: int) -> None:
    struct.pack_into("<Q", segment, offset, word)


def test_an_empty_ring(segment: bytearray) -> None:
    reader = ValueReader(segment)
    assert (reader.capacity, reader.pushed, reader.drained) == (VALUES, 0, 0)
    assert (reader.read(), reader.names()) == (b"", [])
    reader.close()
    reader.close()
    with pytest.raises(ValueError, match=r"^ValueReader: it is closed\.$"):
        reader.read()


def test_a_segment_without_a_second_ring() -> None:
    buffer = bytearray(segment_bytes(SLOTS))
    format_segment(buffer, SLOTS)
    reader = ValueReader(buffer)
    assert (reader.capacity, reader.pushed, reader.read(), reader.names()) == (0, 0, b"", [])
    reader.close()


def test_records_come_in_order_round_the_end(segment: bytearray) -> None:
    reader = ValueReader(segment)
    for lap in range(5):
        for index in range(10):
            at = lap * 10 + index
            struct.pack_into("<q", segment, BASE + 4096 + at % VALUES * 32, at)
        put(segment, BASE, lap * 10 + 10)
        taken = reader.read()
        assert [struct.unpack_from("<q", taken, 32 * i)[0] for i in range(10)] == list(
            range(lap * 10, lap * 10 + 10)
        )
    assert reader.pushed == reader.drained == 50
    reader.close()


@pytest.mark.parametrize("head", [VALUES + 1, 2**64 - 1, 2**63])
def test_an_impossible_head(segment: bytearray, head: int) -> None:
    reader = ValueReader(segment)
    put(segment, BASE, head)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared whole
        reader.read()
    assert str(caught.value) == (
        f"ring of values: its head went from 0 to {head} with the tail at 0 of {VALUES} records: "
        "the worker's memory is damaged."
    )
    reader.close()


def test_a_head_that_goes_back(segment: bytearray) -> None:
    reader = ValueReader(segment)
    put(segment, BASE, 5)
    assert len(reader.read()) == 5 * 32
    put(segment, BASE, 4)
    with pytest.raises(ValueError, match="its head went from 5 to 4 with the tail at 5"):
        reader.read()
    reader.close()


def test_hostile_names(segment: bytearray) -> None:
    reader = ValueReader(segment)
    put(segment, BASE + 128, 2**40)
    segment[BASE + 256] = 255
    names = reader.names()
    assert len(names) == 32
    assert len(names[0]) == 63
    reader.close()


@pytest.mark.parametrize("values", [3, 2 * VALUES, 2**40, 2**63])
def test_a_header_that_lies(segment: bytearray, values: int) -> None:
    put(segment, 40, values)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        ValueReader(segment)
    assert str(caught.value) == (
        f"segment: a ring of {values} values does not fit {len(segment)} bytes or is no power of "
        "two."
    )


def test_values_are_a_power_of_two() -> None:
    with pytest.raises(ValueError, match=r"^segment: 3 values are no power of two\.$"):
        format_segment(bytearray(1 << 20), SLOTS, 3)
