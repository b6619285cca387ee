"""Commands: what goes wrong is said to whoever ran them, and nothing of what they worked on."""

import click
import pytest
from pymongo.errors import BulkWriteError

from kit.app.command_line import run
from kit.errors import Refusal
from kit.logs import configure_logs

CANARY = "Zéphyrine-Canari"


async def fails(error: Exception) -> None:
    raise error


def test_a_refusal_is_said_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"):
        run(fails(Refusal("Cette adresse a déjà un compte.")))
    assert capsys.readouterr().err == "Cette adresse a déjà un compte.\n"


def test_of_a_failure_the_kind_and_the_place_are_said_and_not_the_document_it_was_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("essai")
    with pytest.raises(SystemExit, match="1"):
        run(fails(BulkWriteError({"writeErrors": [{"op": {"nom": CANARY}}]})))
    said = capsys.readouterr()
    assert "Erreur interne (BulkWriteError)" in said.err
    assert "test_commands.py" in said.out
    assert CANARY not in said.out + said.err


def test_a_wrong_argument_is_left_to_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.UsageError):
        run(fails(click.UsageError("no such file")))
    assert capsys.readouterr().err == ""
