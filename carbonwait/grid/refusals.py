"""What a refusal means to a user, and whether it is worth telling other processes of it.

A refusal is put into a provider's own words, since a service may repeat in its answer what it was
sent. How long it wants to be left alone must not get lost on the way.
"""

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.grid.exchange import HttpRefusal


class SettingsRefused(ProviderUnavailable):
    """A key, an account or a plan is missing or refused.

    It holds for these settings alone: once they are mended, no earlier refusal may stand in the
    way, so it is not shared as other failures are.
    """


class CalledAway(ProviderUnavailable):
    """The caller had something better to do than to wait; that says nothing of the service."""


def reworded(refusal: HttpRefusal, reason: str) -> HttpRefusal:
    """The refusal with another reason and without its body."""
    return HttpRefusal(reason, status=refusal.status, retry_after_s=refusal.retry_after_s)


def meaning(refusal: HttpRefusal) -> str:
    """What a status says whichever service it is."""
    if refusal.status == 410:
        return "the service has retired this address; use another provider"
    if refusal.status == 429 and refusal.retry_after_s:
        return f"too many requests, it asks for a rest of {refusal.retry_after_s:.0f} s"
    if refusal.status == 429:
        return "too many requests"
    return str(refusal)
