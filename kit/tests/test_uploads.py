"""Routes by which files are sent and fetched: few at once, for a while, and what goes wrong told as JSON."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.app.uploads import Places, TropLent, told
from kit.errors import Conflict, Forbidden, NotFound, Refusal, Unauthenticated, Unavailable


async def answer(error: Exception) -> httpx.Response:
    async def put(_request: Request) -> Response:
        raise error

    app = Starlette(routes=[Route("/", told(put, headers={"cache-control": "no-store"}), methods=["PUT"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://essai") as http:
        return await http.put("/")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unauthenticated(), 401),
        (Forbidden(), 403),
        (NotFound("Rien."), 404),
        (Refusal("Non."), 409),
        (Conflict("Encore."), 409),
        (TropLent("Trop lent."), 408),
        (Unavailable(), 503),
    ],
)
async def test_what_is_refused_is_told_with_its_code(error: Exception, status: int) -> None:
    told_so = await answer(error)
    assert told_so.status_code == status
    assert told_so.json() == {"code": error.code, "message": error.message}  # type: ignore[attr-defined]
    assert ("www-authenticate" in told_so.headers) == (status == 401)
    assert told_so.headers["cache-control"] == "no-store"


async def test_a_bug_is_not_told() -> None:
    with pytest.raises(ZeroDivisionError):
        await answer(ZeroDivisionError("secret"))


async def test_no_more_files_come_at_once_than_there_are_places() -> None:
    places = Places(at_once=1)
    async with places.take(60):
        with pytest.raises(Unavailable):
            async with places.take(60):
                pass
    async with places.take(60):
        pass


async def test_a_file_that_takes_too_long_is_given_up_and_leaves_its_place() -> None:
    places = Places(at_once=1)
    with pytest.raises(TropLent):
        async with places.take(0.01):
            await asyncio.Event().wait()
    assert not places._free.locked()
