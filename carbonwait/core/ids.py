"""Run IDs: short, unique, and in order of submission when sorted as text."""

from carbonwait.core.records import Instant

# Crockford's base 32: no letter that reads like a digit or spells a word by accident.
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_DIGITS = 9
_RANDOM_DIGITS = 4


def new_id(submitted: Instant, randomness: int) -> str:
    """Nine digits of the submission's millisecond, four of `randomness` (20 bits are used)."""
    milliseconds = max(0, int(submitted * 1000))
    return _digits(milliseconds, _TIME_DIGITS) + _digits(randomness, _RANDOM_DIGITS)


def _digits(number: int, count: int) -> str:
    digits = []
    for _ in range(count):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
