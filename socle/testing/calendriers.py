"""Making a service know the calendar in tests: by the very event that it reads."""

import time

from kit.consumer.messages import Received
from kit.mongo import Database
from kit.versions import Version
from socle.calendriers import shipped_calendar
from socle.fenetres import Calendrier
from socle.projections import calendrier


async def publish(database: Database, known: Calendrier) -> None:
    """Make the service of `database` know this calendar."""
    (subscription,) = calendrier.subscriptions(database)
    version = Version(1, time.time_ns() // 1_000_000)
    await subscription.handle([Received(str(known.session), version, calendrier.to_message(known))])


async def publish_shipped(database: Database, session: int) -> None:
    """Make the service know the calendar that ships for that session."""
    await publish(database, shipped_calendar(session))
