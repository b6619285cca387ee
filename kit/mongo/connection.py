"""The driver, opened here and nowhere else."""

import asyncio
from typing import Any

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import ConnectionFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from kit.logs import get_logger
from kit.mongo.collections import Database, Document
from kit.mongo.transactions import MAJORITY
from kit.settings import refuse

_WAIT_SECONDS = 1.0
_TIMEOUTS = {"serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000}
"""Unless the address says otherwise."""

_log = get_logger(__name__)


def open_database(uri: str, name: str) -> Database:
    """The database `name`, whose dates are aware and whose writes are acknowledged by a majority, on disk.

    Nothing is sent yet; the caller closes `database.client`.

    Raises:
        SystemExit: the driver cannot read the address; MONGODB_URI was named, and not shown.
    """
    try:
        asked = parse_uri(uri)["options"]
    except (PyMongoError, ValueError):
        refuse([("MONGODB_URI", "the driver cannot read it; expected mongodb://host:port, its password escaped")])
    timeouts: dict[str, Any] = {name: value for name, value in _TIMEOUTS.items() if name not in asked}
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(uri, tz_aware=True, **timeouts)
    options: CodecOptions[Document] = CodecOptions(tz_aware=True)
    return client.get_database(name, codec_options=options, write_concern=MAJORITY)


async def wait_for(database: Database) -> None:
    """Return once the store answers; until then say so, once a while."""
    waited = 0
    while True:
        try:
            await database.command("ping")
        except ConnectionFailure as error:
            waited += 1
            if waited % 5 == 1:
                _log.warning("waiting_for_mongodb", error=type(error).__name__)
            await asyncio.sleep(_WAIT_SECONDS)
        else:
            return


def is_away(error: BaseException) -> bool:
    """Whether `error` says that the store cannot be reached, rather than that it refused."""
    return isinstance(error, ConnectionFailure)
