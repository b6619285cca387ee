"""Writes docs/securite/*.md: each requirement of a security standard beside the tests that show it.

`python -m infra.exigences [--check]`. Tests say what they show by a marker, `@pytest.mark.exigence("ASVS 6.2.1")`;
docs/securite/exigences.toml holds the requirements, and of those that no test can show why.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

_ROOT = Path(__file__).resolve().parents[1]
_FOLDER = _ROOT / "docs/securite"
_REQUIREMENTS = _FOLDER / "exigences.toml"
_TESTS = ("services", "kit", "socle", "gateway", "infra", "tests")


class Exigence(BaseModel):
    """A requirement, in our own words.

    Args:
        niveau: the level of the standard at which it is asked, where it has levels.
        document: what shows it, where it asks for a document: a path from the root.
        sans_objet: why it does not concern us.
        ecart: in what we do otherwise, and why.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    objet: str = Field(min_length=1)
    niveau: int | None = None
    document: str | None = None
    sans_objet: str | None = None
    ecart: str | None = None


class Norme(BaseModel):
    """A standard: its title, what part of it is held to, and its requirements by number.

    Args:
        page: the name of the page in docs/securite.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    titre: str
    page: str
    portee: str
    exigences: Mapping[str, Exigence] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_documents(self) -> "Norme":
        for numero, exigence in self.exigences.items():
            if exigence.document is not None and not (_ROOT / exigence.document).exists():
                raise ValueError(f"{numero}: {exigence.document} does not exist")
        return self


@dataclass(frozen=True, slots=True)
class Preuve:
    """A test that shows a requirement."""

    fichier: str
    nom: str

    @property
    def cell(self) -> str:
        return f"[{self.nom.removeprefix('test_').replace('_', ' ')}](../../{self.fichier})"


def read_normes(path: Path) -> Mapping[str, Norme]:
    """The standards that the file declares.

    Raises:
        SystemExit: it is not well formed; the message says where.
    """
    with path.open("rb") as file:
        content = tomllib.load(file)
    try:
        return {sigle: Norme.model_validate(declared) for sigle, declared in content.items()}
    except ValidationError as error:
        raise SystemExit(f"{path.name}: {error}") from None


def find_preuves(root: Path) -> Iterator[tuple[str, Preuve]]:
    """What the markers of all tests name, each with its test."""
    for folder in _TESTS:
        for path in sorted((root / folder).rglob("test_*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    for name in _named(node.decorator_list):
                        yield name, Preuve(str(path.relative_to(root)), node.name)


def _named(decorators: Iterable[ast.expr]) -> Iterator[str]:
    for decorator in decorators:
        match decorator:
            case ast.Call(func=ast.Attribute(attr="exigence"), args=arguments):
                yield from (str(ast.literal_eval(argument)) for argument in arguments)


def problems(normes: Mapping[str, Norme], preuves: Mapping[str, list[Preuve]]) -> list[str]:
    """What is said of a requirement that is none, and requirements of which nothing is said."""
    known = {
        f"{sigle} {numero}": exigence for sigle, norme in normes.items() for numero, exigence in norme.exigences.items()
    }
    unknown = [
        f"{preuve.fichier}: {preuve.nom}: there is no requirement {name!r}"
        for name, found in preuves.items()
        if name not in known
        for preuve in found
    ]
    silent = [
        f"{name}: no test, document, reason or difference is given"
        for name, e in known.items()
        if name not in preuves and not (e.document or e.sans_objet or e.ecart)
    ]
    vain = [
        f"{name}: it does not concern us, and a test shows it"
        for name, e in known.items()
        if e.sans_objet and name in preuves
    ]
    return unknown + silent + vain


def page(sigle: str, norme: Norme, preuves: Mapping[str, list[Preuve]]) -> str:
    """The page of a standard."""
    rows = [_row(numero, e, preuves.get(f"{sigle} {numero}", [])) for numero, e in norme.exigences.items()]
    met = sum(1 for _, state, _ in rows if state == "met")
    counts = f"{len(rows)} requirements: {met} met, " + ", ".join(
        f"{sum(1 for _, state, _ in rows if state == wanted)} {wanted}"
        for wanted in ("met otherwise or in part", "not concerned")
    )
    heading = [
        f"# {norme.titre}",
        "",
        "Generated by `make docs` from the markers of the tests and docs/securite/exigences.toml.",
        "",
        norme.portee,
        "",
        f"{counts}.",
        "",
        "| requirement | state | shown by |",
        "|---|---|---|",
    ]
    return "\n".join([*heading, *(f"| {what} | {state} | {shown} |" for what, state, shown in rows)]) + "\n"


def _row(numero: str, exigence: Exigence, preuves: list[Preuve]) -> tuple[str, str, str]:
    level = "" if exigence.niveau is None else f" (L{exigence.niveau})"
    shown = [preuve.cell for preuve in preuves]
    if exigence.document:
        shown.append(f"[{exigence.document}](../../{exigence.document})")
    if exigence.sans_objet:
        return f"**{numero}**{level} {exigence.objet}", "not concerned", exigence.sans_objet
    if exigence.ecart:
        return f"**{numero}**{level} {exigence.objet}", "met otherwise or in part", "; ".join([exigence.ecart, *shown])
    return f"**{numero}**{level} {exigence.objet}", "met", "; ".join(shown)


def pages(root: Path) -> Mapping[Path, str]:
    """Every page as it should be.

    Raises:
        SystemExit: a marker names no requirement, or of a requirement nothing is said.
    """
    normes = read_normes(root / _REQUIREMENTS.relative_to(_ROOT))
    preuves: dict[str, list[Preuve]] = {}
    for name, preuve in find_preuves(root):
        preuves.setdefault(name, []).append(preuve)
    if found := problems(normes, preuves):
        raise SystemExit("\n".join(["docs/securite/exigences.toml and the markers of the tests differ:", *found]))
    return {_FOLDER / f"{norme.page}.md": page(sigle, norme, preuves) for sigle, norme in normes.items()}


def main() -> None:
    """Write the pages, or with --check say whether they are up to date."""
    for path, text in pages(_ROOT).items():
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            raise SystemExit(f"{path.relative_to(_ROOT)} is not up to date: make docs")


if __name__ == "__main__":
    main()
