"""What a service declares of each collection: its shape, its indexes, and whose data it holds, for how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel
from pymongo.errors import CollectionInvalid, OperationFailure

_INDEX_NOT_FOUND = 27

type Document = dict[str, Any]
type Database = AsyncIOMotorDatabase[Document]
type Session = AsyncIOMotorClientSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index; `where` makes it partial, `expires_after` removes documents that long after the date in the field."""

    keys: Mapping[str, int]
    unique: bool = False
    where: Mapping[str, Any] | None = None
    expires_after: timedelta | None = None

    @property
    def name(self) -> str:
        return "_".join(f"{field}_{direction}" for field, direction in self.keys.items()).replace(".", "_")

    def model(self) -> IndexModel:
        options: dict[str, Any] = {"name": self.name, "unique": self.unique}
        if self.where is not None:
            options["partialFilterExpression"] = self.where
        if self.expires_after is not None:
            options["expireAfterSeconds"] = int(self.expires_after.total_seconds())
        return IndexModel(list(self.keys.items()), **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection as declared by its service; the register of personal data is generated from the last three fields.

    Args:
        required: the fields every document has, with their BSON types.
        optional: further fields, with theirs. Others are refused by the store.
        serves_until: of what serves once, or until it is ended: the field that is null till then, and a date after.
        purpose: what the data are for.
        readers: who reads them.
        kept: for how long.
    """

    name: str
    required: Mapping[str, str | Sequence[str]]
    optional: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    serves_until: str | None = None
    indexes: Sequence[Index] = ()
    purpose: str
    readers: str
    kept: str

    def __post_init__(self) -> None:
        if self.serves_until is not None and self.required.get(self.serves_until) != ["date", "null"]:
            raise ValueError(f"{self.name}: {self.serves_until} is a required field, a date or null")

    def validator(self) -> Document:
        fields = {**self.required, **self.optional}
        return {
            "$jsonSchema": {
                "bsonType": "object",
                "required": ["_id", *self.required],
                "properties": {"_id": {}} | {name: _property(kind) for name, kind in fields.items()},
                "additionalProperties": False,
            }
        }


def _property(kind: str | Sequence[str]) -> Document:
    return {"bsonType": kind if isinstance(kind, str) else list(kind)}


async def ensure(database: Database, collections: Sequence[Collection]) -> None:
    """Create what is missing and bring validators and indexes up to date; safe to run again and from two processes."""
    existing = set(await database.list_collection_names())
    for collection in collections:
        if collection.name not in existing:
            try:
                await database.create_collection(collection.name, validator=collection.validator())
            except CollectionInvalid:
                # another process of the same service was faster
                await _validate(database, collection)
        else:
            await _validate(database, collection)
        await _index(database, collection)


async def _index(database: Database, collection: Collection) -> None:
    """Create what is declared, and drop what is not, or not any more with these options."""
    models = [index.model() for index in collection.indexes]
    declared = {model.document["name"]: _shape(model.document) for model in models}
    held = await database[collection.name].index_information()
    for name in held.keys() - {"_id_"}:
        if _shape(held[name]) != declared.get(name):
            try:
                await database[collection.name].drop_index(name)
            except OperationFailure as error:
                # another process of the same service was faster
                if error.code != _INDEX_NOT_FOUND:
                    raise
    if models:
        await database[collection.name].create_indexes(models)


def _shape(index: Mapping[str, Any]) -> tuple[object, ...]:
    """What makes two indexes the same, as declared or as the store tells it."""
    keys = index["key"]
    return (
        [*(keys.items() if isinstance(keys, Mapping) else keys)],
        bool(index.get("unique")),
        index.get("partialFilterExpression"),
        index.get("expireAfterSeconds"),
    )


async def _validate(database: Database, collection: Collection) -> None:
    await database.command({"collMod": collection.name, "validator": collection.validator()})
