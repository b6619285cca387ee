"""What a refusal looks like in an answer: a code for each field that is not given, and nothing of what was asked."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from kit.testing.waiting import eventually


async def refused_everywhere(
    asked: Callable[[str], Awaitable[dict[str, Any]]], doors: Iterable[str], code: str
) -> None:
    """Within five seconds each door says why by this code, and gives nothing."""
    began = time.monotonic()

    async def refused() -> bool:
        return all([is_refused(await asked(port), code) for port in doors])

    await eventually(refused, within=5)
    assert time.monotonic() - began < 5


def is_refused(answer: dict[str, Any], code: str) -> bool:
    """Whether an answer says this code, nothing else, and gives nothing."""
    return codes(answer) == [code] and is_empty(answer.get("data"))


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


def refusals(answer: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Of each field that the gateway was refused, by its path, the service that refused it and the code."""
    found = {
        ".".join(map(str, error["path"])): (error["extensions"]["service"], error["extensions"]["code"])
        for error in answer["errors"]
    }
    assert len(found) == len(answer["errors"]), "a field is told once"
    return found


def is_empty(data: Any) -> bool:
    """Whether nothing is told, at whatever depth."""
    if isinstance(data, dict | list):
        return all(is_empty(part) for part in (data.values() if isinstance(data, dict) else data))
    return data is None
