"""What the commands print."""

from __future__ import annotations

import pytest

from understudy.cli.terminal import print_table


def test_a_table_wider_than_the_terminal_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [f"column {number}" for number in range(20)]
    print_table("a table", ["", *columns], [["a rather long name", *["0.12345 [b]"] * 20]])
    printed = capsys.readouterr().out
    assert all(column in printed for column in columns)
    assert printed.count("0.12345 [b]") == 20 and "a rather long name" in printed and "…" not in printed
