"""Running a plan: each fetch as soon as those it waits for are done."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.executor.entities import Entities, merge
from gateway.executor.shape import Data, Where
from gateway.executor.subgraphs import SubgraphFailed, Subgraphs
from gateway.planner.plan import Fetch, Plan
from gateway.supergraph import Supergraph

_KEPT_EXTENSIONS = ("code",)


@dataclass(slots=True)
class Execution:
    """One run of a plan; `data` holds all that was fetched, `errors` what went wrong on the way.

    Args:
        headers: passed on to every subgraph.
    """

    supergraph: Supergraph
    subgraphs: Subgraphs
    variables: Data
    headers: Mapping[str, str]
    data: Data = field(default_factory=dict)
    errors: list[Data] = field(default_factory=list)

    async def run(self, plan: Plan) -> None:
        """Run the stages in order, and within a stage each fetch after those it waits for."""
        for stage in plan.stages:
            if len(stage) == 1:
                await self._fetch(stage[0])
                continue
            tasks: dict[int, asyncio.Task[None]] = {}
            async with asyncio.TaskGroup() as group:
                for fetch in _in_order(stage):
                    before = [tasks[number] for number in fetch.after]
                    tasks[fetch.number] = group.create_task(self._after(before, fetch))

    async def _after(self, before: list[asyncio.Task[None]], fetch: Fetch) -> None:
        if before:
            await asyncio.wait(before)
        await self._fetch(fetch)

    async def _fetch(self, fetch: Fetch) -> None:
        if fetch.entity is None:
            await self._fetch_root(fetch)
        else:
            await self._fetch_entities(fetch)

    async def _fetch_root(self, fetch: Fetch) -> None:
        answer = await self._ask(fetch, {}, ())
        if answer is not None:
            for error in answer.get("errors") or ():
                self._add_error(error, fetch, error.get("path"))
            if isinstance(answer.get("data"), dict):
                merge(self.data, answer["data"])

    async def _fetch_entities(self, fetch: Fetch) -> None:
        entities = Entities(self.supergraph, fetch, self.data)
        if not entities.representations:
            return
        answer = await self._ask(fetch, {"representations": entities.representations}, entities.where(0) or ())
        if answer is None:
            return
        for error in answer.get("errors") or ():
            self._add_error(error, fetch, _entity_path(error.get("path"), entities))
        if isinstance(answer.get("data"), dict):
            entities.put(answer["data"].get("_entities"))

    async def _ask(self, fetch: Fetch, inputs: Data, where: Where) -> Data | None:
        used = {name: self.variables[name] for name in fetch.variables if name in self.variables}
        try:
            return await self.subgraphs.ask(fetch.subgraph, fetch.operation, inputs | used, self.headers)
        except SubgraphFailed:
            self.errors.append(
                {
                    "message": f"Le service « {fetch.subgraph} » ne répond pas : les données qu'il fournit manquent.",
                    **({"path": list(where)} if where else {}),
                    "extensions": {"code": "SERVICE_INDISPONIBLE", "service": fetch.subgraph},
                }
            )
            return None

    def _add_error(self, error: Any, fetch: Fetch, path: Any) -> None:
        """Pass on an error of a subgraph: its message and code, where it is in our answer, and whose it is."""
        if not isinstance(error, dict):
            return
        extensions = error.get("extensions") or {}
        kept = {name: extensions[name] for name in _KEPT_EXTENSIONS if name in extensions}
        shown: Data = {"message": str(error.get("message", "")), "extensions": {**kept, "service": fetch.subgraph}}
        if isinstance(path, list):
            shown["path"] = path
        self.errors.append(shown)


def _in_order(stage: tuple[Fetch, ...]) -> list[Fetch]:
    """The fetches of a stage, each after those it waits for."""
    done: set[int] = set()
    ordered: list[Fetch] = []
    waiting = list(stage)
    while waiting:
        ready = [fetch for fetch in waiting if done.issuperset(fetch.after)]
        assert ready, "a plan has no cycle"  # noqa: S101
        ordered += ready
        done |= {fetch.number for fetch in ready}
        waiting = [fetch for fetch in waiting if fetch.number not in done]
    return ordered


def _entity_path(path: Any, entities: Entities) -> list[str | int] | None:
    """A path below `_entities`, as a path of our answer."""
    if not isinstance(path, list) or len(path) < 2 or path[0] != "_entities" or not isinstance(path[1], int):
        return None
    where = entities.where(path[1])
    return None if where is None else [*where, *path[2:]]
