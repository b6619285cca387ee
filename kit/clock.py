"""The two clocks (architecture §9): the technical one is always real; the campaign's may be set, to rehearse a date."""

from collections.abc import Callable
from datetime import UTC, datetime

type Clock = Callable[[], datetime]


def technical_clock() -> datetime:
    """Now, in UTC: tokens, one-time codes, leases, audit."""
    return datetime.now(UTC)


def campaign_clock(date: datetime | None) -> Clock:
    """The clock that decides windows: real time, or from `date` on when the demonstration sets one.

    A date that is set keeps running from the moment of the call, so that "before" and "after" still mean something.
    """
    if date is None:
        return technical_clock
    offset = date - technical_clock()
    return lambda: technical_clock() + offset
