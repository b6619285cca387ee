"""Requests to subgraphs: one pooled client, bounded in time and size."""

from collections.abc import Mapping
from typing import Any, Protocol, Self

import aiohttp
import orjson
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, StatusCode

from gateway.executor.failures import Data
from gateway.measures import Measures

_tracer = trace.get_tracer(__name__)
_KEEP_ALIVE_SECONDS = 30
"""Shorter than subgraphs keep an idle connection: a request sent on one that they are just closing would be lost."""
_HEADERS = {"content-type": "application/json", "accept": "application/json"}


class Vouching(Protocol):
    """Makes the further headers of a request to a subgraph."""

    def headers(self, subgraph: str, authorization: str | None) -> Mapping[str, str]:
        """Those that go with the `authorization` of the sender."""


class SubgraphFailed(Exception):
    """A subgraph did not give a GraphQL answer: it is away, too slow, or answers something else."""


class Subgraphs:
    """The subgraphs by name.

    Args:
        urls: where each is served.
        timeout: seconds one request may take.
        max_bytes: of an answer.
        measures: where each request is counted.
        vouching: says to a subgraph, beside the token of the sender, that its possession was proved.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        *,
        timeout: float,
        max_bytes: int,
        measures: Measures | None = None,
        vouching: Vouching | None = None,
    ) -> None:
        self._urls = urls
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._max_bytes = max_bytes
        self._measures = measures or Measures()
        self._vouching = vouching
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=100, keepalive_timeout=_KEEP_ALIVE_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self

    async def __aexit__(self, *_raised: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, name: str, operation: str, variables: Data, headers: Mapping[str, str]) -> Data:
        """The GraphQL answer of a subgraph.

        Raises:
            SubgraphFailed: there is none.
        """
        with (
            self._measures.subgraph(name) as observed,
            # Without what was raised: its text and trace may quote what was asked or answered.
            _tracer.start_as_current_span(
                f"fetch {name}", kind=SpanKind.CLIENT, record_exception=False, set_status_on_exception=False
            ) as span,
        ):
            span.set_attribute("graphql.subgraph", name)
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            body = orjson.dumps({"query": operation, "variables": variables})
            if self._vouching is not None:
                carrier |= self._vouching.headers(name, headers.get("authorization"))
            try:
                answer = await self._post(self._urls[name], body, {**_HEADERS, **headers, **carrier})
            except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError, SubgraphFailed) as error:
                observed.outcome = "failed"
                span.set_status(StatusCode.ERROR)
                raise SubgraphFailed(name) from error
            observed.end(errors=bool(answer.get("errors")))
            return answer

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Data:
        assert self._session is not None, "used within its context"  # noqa: S101
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            raw = await response.content.read(self._max_bytes + 1)
            while not response.content.at_eof() and len(raw) <= self._max_bytes:
                raw += await response.content.read(self._max_bytes + 1 - len(raw))
            if len(raw) > self._max_bytes:
                raise SubgraphFailed("too large")
            answer: Any = orjson.loads(raw)
        if not _is_answer(answer):
            raise SubgraphFailed("not a GraphQL answer")
        found: Data = answer
        return found


def _is_answer(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and ("data" in content or "errors" in content)
        and isinstance(content.get("data"), dict | None)
        and isinstance(content.get("errors"), list | None)
    )
