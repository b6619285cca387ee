"""MongoDB: the only package, with the services' `store.py`, that speaks to the driver (architecture §3)."""

from kit.mongo.collections import Collection, Database, Document, Index, ensure
from kit.mongo.connection import open_database, wait_for
from kit.mongo.transactions import Transaction, Transactor

__all__ = [
    "Collection",
    "Database",
    "Document",
    "Index",
    "Transaction",
    "Transactor",
    "ensure",
    "open_database",
    "wait_for",
]
