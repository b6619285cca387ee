"""Running a plan: each fetch as soon as those it waits for are done."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.executor.entities import Entities, merge
from gateway.executor.failures import Data, Failure
from gateway.executor.subgraphs import SubgraphFailed, Subgraphs
from gateway.planner.plan import Fetch, Plan
from gateway.supergraph import Supergraph

_KEPT_EXTENSIONS = ("code", "acrValues", "maxAge")
"""What clients act on: the code, and what to ask the issuer for where a fuller proof is wanted (RFC 9470)."""


@dataclass(slots=True)
class Execution:
    """One run of a plan; `data` holds all that was fetched, `errors` what went wrong on the way.

    What a fetch could not supply is told when the answer is shaped (`gateway.executor.failures`).

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
        answer = await self._ask(fetch, {})
        data = answer.get("data")
        reason: Failure | None = None
        for error, path in _errors(answer, fetch):
            if reason is None and not isinstance(data, dict):
                reason = Failure(error)
                if not path:
                    continue
            self._tell(error, path)
        if isinstance(data, dict):
            merge(self.data, data)
        elif reason is not None:
            reason.leave(self.data, fetch.keys)

    async def _fetch_entities(self, fetch: Fetch) -> None:
        entities = Entities(self.supergraph, fetch, self.data)
        if not entities.representations:
            return
        answer = await self._ask(fetch, {"representations": entities.representations})
        reasons: dict[int, Failure] = {}
        general: list[Failure] = []
        for error, path in _errors(answer, fetch):
            match path:
                case ["_entities", int(rank), *below] if places := entities.places(rank):
                    reasons.setdefault(rank, Failure(error))
                    for place in places if below else ():
                        self._tell(error, [*place, *below])
                case _:
                    general.append(Failure(error))
        data = answer.get("data")
        values = data.get("_entities") if isinstance(data, dict) else None
        left = entities.put(values, reasons, general[0] if general else None)
        for failure in general:
            if failure not in left:
                self._tell(failure.error, ())

    async def _ask(self, fetch: Fetch, inputs: Data) -> Data:
        """What a subgraph answers; when that is nothing, an answer without data, with the error that says so."""
        used = {name: self.variables[name] for name in fetch.variables if name in self.variables}
        try:
            answer = await self.subgraphs.ask(fetch.subgraph, fetch.operation, inputs | used, self.headers)
        except SubgraphFailed:
            answer = {}
        if answer.get("data") is None and not answer.get("errors"):
            message = f"Le service « {fetch.subgraph} » ne répond pas : les données qu'il fournit manquent."
            return {"errors": [{"message": message, "extensions": {"code": "SERVICE_INDISPONIBLE"}}]}
        return answer

    def _tell(self, error: Data, path: list[Any] | tuple[Any, ...]) -> None:
        self.errors.append({**error, "path": list(path)} if path else error)


def _errors(answer: Data, fetch: Fetch) -> Iterator[tuple[Data, list[Any]]]:
    """The errors of a subgraph as they are passed on, with its message, its code and whose it is; and their paths."""
    for error in answer.get("errors") or ():
        if isinstance(error, dict):
            extensions, path = error.get("extensions"), error.get("path")
            known = extensions if isinstance(extensions, dict) else {}
            is_path = isinstance(path, list) and all(isinstance(step, str | int) for step in path)
            kept = {name: known[name] for name in _KEPT_EXTENSIONS if name in known}
            shown = {"message": str(error.get("message", "")), "extensions": {**kept, "service": fetch.subgraph}}
            yield shown, list(path) if is_path and path else []


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
