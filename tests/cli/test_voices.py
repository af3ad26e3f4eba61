"""What is said, and how often."""

import pytest

from carbonwait.cli.voices import LineVoice


@pytest.mark.parametrize("again", ["29m", "9m 05s", "1h 00m"])
def test_a_warning_with_other_figures_is_told_once(
    again: str, capsys: pytest.CaptureFixture[str]
) -> None:
    voice = LineVoice()
    for rest in ("30m", "30m", again):
        voice.warning(f"neso: it asks for a rest of {rest}; planning with typical days of GB")
    assert capsys.readouterr().err.count("\n") == 1


def test_another_warning_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    voice = LineVoice()
    voice.warning("neso did not answer within 10 s; planning with its last good forecast")
    voice.warning("neso did not answer within 10 s; planning with typical days of GB")
    assert capsys.readouterr().err.count("\n") == 2
