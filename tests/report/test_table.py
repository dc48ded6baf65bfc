"""Columns keep in line and inside the width."""

from velroload.report.table import WIDTH, Column, plain, table

COLUMNS = [Column("name", left=True), Column("n", role=lambda text: "fail" if text == "7" else "")]


def test_columns_are_as_wide_as_their_content() -> None:
    assert table(COLUMNS, [["a", "1,000"], ["bcdef", "7"]], plain) == [
        " name       n",
        " a      1,000",
        " bcdef      7",
    ]
    assert table(COLUMNS, [], plain) == []


def test_the_widest_text_column_gives_way() -> None:
    lines = table(COLUMNS, [["x" * 200, "1,000"]], plain)
    assert [len(line) for line in lines] == [WIDTH, WIDTH]
    assert lines[1].endswith("x…  1,000")


def test_style_gets_padded_text() -> None:
    lines = table(COLUMNS, [["a", "7"]], lambda role, text: f"<{role}:{text}>")
    assert lines == [" <dim:name  n>", " a     <fail:7>"]
