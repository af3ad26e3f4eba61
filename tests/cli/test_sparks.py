"""Lines of small bars."""

import pytest

from carbonwait.cli.sparks import sparkline


@pytest.mark.parametrize(
    ("values", "line"),
    [([], ""), ([0.0, 0.0], ""), ([8.0], "█"), ([0.0, 4.0, 8.0], " ▅█"), ([8.0, 0.1], "█▁")],
    ids=str,
)
def test_the_highest_bar_is_the_highest_value_and_nothing_is_blank(
    values: list[float], line: str
) -> None:
    assert sparkline(values) == line


def test_many_values_share_fifteen_bars() -> None:
    assert sparkline([1.0] * 100) == "█" * 15


def test_there_are_letters_for_plain_terminals() -> None:
    assert sparkline([1.0, 8.0], ascii_only=True).isascii()
