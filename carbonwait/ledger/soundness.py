"""Whether a record holds what its annotations say: a file may have been damaged, or made up.

A number has to be finite and an instant one that a calendar has, for everything behind the ledger
relies on that.
"""

from collections.abc import Callable
from functools import cache
from math import isfinite
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

_INSTANTS = frozenset(
    "submitted deadline planned_start latest_start started ended static_start dynamic_start"
    " at start end issued retrieved".split()
)
_YEAR_10000 = 253_402_300_800.0

Check = Callable[[Any], bool]


def is_sound(record: Any) -> bool:
    """True if each field of a record, and of the records within it, is what it should be."""
    kind: Any = type(record)
    return all(check(getattr(record, field)) for field, check in _checks(kind))


@cache
def _checks(kind: Any) -> list[tuple[str, Check]]:
    return [(field, _check(field, of)) for field, of in kind.__annotations__.items()]


def _check(field: str, kind: Any) -> Check:
    kinds = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    words = {word for one in kinds if get_origin(one) is Literal for word in get_args(one)}
    plain = tuple(one for one in kinds if get_origin(one) is None)
    if float in plain:
        lowest, highest = (0.0, _YEAR_10000) if field in _INSTANTS else (float("-inf"), None)
        return _number(lowest, highest, may_be_none=type(None) in plain)
    if words:
        return lambda value: (
            (isinstance(value, str) and value in words) or (value is None and type(None) in plain)
        )
    if any(hasattr(one, "__annotations__") for one in plain):
        return lambda value: isinstance(value, plain) and (value is None or is_sound(value))
    return lambda value: isinstance(value, plain)


def _number(lowest: float, highest: float | None, *, may_be_none: bool) -> Check:
    def check(value: Any) -> bool:
        if value is None:
            return may_be_none
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        try:
            return isfinite(value) and lowest <= value and (highest is None or value < highest)
        except OverflowError:  # an integer beyond every float
            return False

    return check
