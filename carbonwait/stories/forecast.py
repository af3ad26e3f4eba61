"""The forecast by itself: the series, what it stands on and, for a given duration, the window."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo

from carbonwait.core.planner import Plan
from carbonwait.core.records import Instant
from carbonwait.core.series import Series
from carbonwait.settings import Settings
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.planning import Request, prepare

DEFAULT_SPAN = "48h"


@dataclass(frozen=True, slots=True)
class ForecastView:
    """What may be planned on at `now`; `plan` only if a duration was given."""

    outlook: Outlook
    points: Series
    plan: Plan | None
    now: Instant
    local: tzinfo


def look_ahead(
    request: Request, settings: Settings, environ: Mapping[str, str], now: Instant
) -> ForecastView:
    """The forecast up to the deadline of the request, two days by default. Raises Mistake."""
    if request.duration is None:
        # No window is shown, so that no price is needed for one.
        request = replace(request, objective="carbon")
    preparation = prepare(request, settings, environ, now=now, past=())
    thought = preparation.think(now)
    end = max(preparation.task.deadline, now)
    points = Series(slot for slot in thought.outlook.series if now < slot.end and slot.start < end)
    plan = thought.plan if request.duration is not None else None
    return ForecastView(thought.outlook, points, plan, now, preparation.local)
