"""The IDs of runs."""

from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.ids import new_id

instants = st.floats(0, 4e9)
chances = st.integers(0, 2**32 - 1)


@given(instants, chances, st.floats(0.001, 1e9), chances)
def test_a_later_submission_sorts_behind(
    first: float, chance: int, gap_s: float, other_chance: int
) -> None:
    # A float of epoch seconds is good for a fraction of a microsecond.
    later = first + gap_s + 1e-6
    assert new_id(first, chance) < new_id(later, other_chance)


@given(instants, chances)
def test_an_id_is_thirteen_digits_that_cannot_be_mistaken(instant: float, chance: int) -> None:
    made = new_id(instant, chance)
    assert len(made) == 13
    assert set(made) <= set("0123456789abcdefghjkmnpqrstvwxyz")


@given(instants, st.integers(0, 2**20 - 1), st.integers(0, 2**20 - 1))
def test_chance_parts_the_runs_of_one_millisecond(instant: float, one: int, other: int) -> None:
    assert (new_id(instant, one) == new_id(instant, other)) == (one == other)
