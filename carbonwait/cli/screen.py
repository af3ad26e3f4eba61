"""Rich's console with nothing of the texts interpreted: no markup, no emoji, no control characters.

What Rich itself sends to move the cursor or to colour passes.
"""

from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from carbonwait.cli.output import printable


class Screen(Console):
    """A console that shows texts as they are."""

    def __init__(self, file: TextIO, width: int | None = None) -> None:
        super().__init__(file=file, width=width, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """A text, made harmless before it is measured."""
        return super().render_str(_harmless(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of something, made harmless: not every text comes as a plain string."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(_harmless(segment.text), segment.style)


def _harmless(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))
