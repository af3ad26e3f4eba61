"""What every provider of intensities offers, so that callers need not know which one it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Series


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast and when its provider issued it; None: the provider does not say."""

    series: Series
    issued: Instant | None = None


class Fetch(Protocol):
    """How a provider gets a JSON document: `carbonwait.grid.http.get_json` or a wrapper of it."""

    def __call__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> object:
        """The document at `url`, None if it is empty. Raises ProviderUnavailable."""


class Provider(Protocol):
    """One source of intensities.

    Whatever a service answers, a provider returns a result or raises ProviderUnavailable. A null
    is a gap, never zero. Settings that cannot be used are a Mistake when the provider is made.
    """

    @property
    def name(self) -> str:
        """As in `--provider` and `[providers.NAME]`."""

    @property
    def signal(self) -> Signal:
        """Average or marginal; the two are never mixed."""

    @property
    def scope(self) -> Scope:
        """What the intensities count."""

    @property
    def licence(self) -> str:
        """Whose data it is and under which terms, in one line."""

    @property
    def refresh_s(self) -> float:
        """How long an answer is good for before it is worth asking again."""

    @property
    def has_actuals(self) -> bool:
        """False where nothing but forecasts is ever published, as for NESO's regions."""

    @property
    def longest_range_s(self) -> float:
        """The longest span that one call of `actuals` answers in full."""

    @property
    def reaches_back_s(self) -> float:
        """How old what `actuals` answers with may be."""

    def covers(self, zone: str) -> bool:
        """True if the provider has intensities of this zone."""

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """What lies ahead of `now`, as far as `until` or as far as it is known.

        Slots keep their whole length, so the first may begin before `now` and the last may end
        after `until`. Raises ProviderUnavailable, also if nothing ahead of `now` is known.
        """

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """What was, in the slots that touch `[start, end)`; what is not published is a gap.

        A slot's kind says what it is: where a service only revises its forecasts, `forecast`.
        Raises ProviderUnavailable.
        """
