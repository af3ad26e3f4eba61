"""The hooks of a pause, with real programs and a clock that is set."""

import os
import sys
from collections.abc import Iterator

import pytest
from processes import state_of, until

from carbonwait.cli.voices import LineVoice
from carbonwait.stories.hooks import Hooks
from carbonwait.stories.planning import Interruption


class SetClock:
    """A clock that stands still unless a test moves it."""

    now_s = 1000.0

    def wall(self) -> float:
        return self.now_s

    def elapsed(self) -> float:
        return self.now_s


class Made:
    """Hooks of this very process; the one under way, if any, does not outlive the test."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.hooks: Hooks | None = None

    def __call__(self, pause: tuple[str, ...] = (), resume: tuple[str, ...] = ()) -> Hooks:
        interruption = Interruption(0.0, pause, resume)
        environment, voice = dict(os.environb), LineVoice()
        self.hooks = Hooks(interruption, os.getpid(), environment, set(), self.clock, voice)
        return self.hooks


@pytest.fixture
def made() -> Iterator[Made]:
    made = Made()
    yield made
    if made.hooks is not None:
        made.hooks.drop()


def outcome(hooks: Hooks) -> bool:
    """What `tend` says when there is something to say."""
    said: list[bool] = []

    def tended() -> bool:
        ended_well = hooks.tend()
        if ended_well is not None:
            said.append(ended_well)
        return bool(said)

    until(tended)
    return said[0]


def test_a_hook_that_ends_well_is_told_of_once(made: Made) -> None:
    hooks = made(pause=("true",))
    assert hooks.start("pause")
    assert outcome(hooks) is True
    assert (hooks.tend(), hooks.under_way) == (None, False)


@pytest.mark.parametrize(
    ("script", "how"),
    [("exit 3", "ended with status 3"), ("kill -KILL $$", "died of signal 9")],
)
def test_a_hook_that_fails_is_warned_of(
    made: Made, capsys: pytest.CaptureFixture[str], script: str, how: str
) -> None:
    hooks = made(pause=("sh", "-c", script))
    hooks.start("pause")
    assert outcome(hooks) is False
    assert f"the pause hook {how}; this pause is skipped" in capsys.readouterr().err


def test_a_hook_that_takes_too_long_is_ended(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks = made(resume=("sleep", "300"))
    hooks.start("resume")
    assert (hooks.tend(), hooks.under_way) == (None, True)
    made.clock.now_s = hooks.until_s
    assert hooks.tend() is False
    assert "took longer than 60 s; the command runs all the same" in capsys.readouterr().err


def test_a_hook_that_cannot_be_started_is_warned_of(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks = made(pause=("/nowhere/hook",))
    assert not hooks.start("pause")
    assert "the pause hook: '/nowhere/hook' cannot be started" in capsys.readouterr().err


def test_where_no_hook_was_given_none_is_started(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not made().start("pause")
    assert capsys.readouterr().err == ""


def test_a_hook_takes_the_place_of_the_one_under_way(
    made: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"
    hooks = made(pause=(sys.executable, "-c", script), resume=("true",))
    hooks.start("pause")
    said = ""

    def is_there() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return said.endswith("\n")

    until(is_there)
    hooks.start("resume")
    assert state_of(int(said)) == ""
    assert outcome(hooks) is True
