"""A contract of import-linter by what may be imported: what nobody thought of is then forbidden too."""

import sys
from typing import Any, override

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.application.contract_utils import AlertLevel, remove_ignored_imports_and_report
from importlinter.domain.helpers import module_expressions_to_modules
from importlinter.domain.imports import Module

type Import = tuple[str, str]


class AllowedContract(Contract):
    """`source_modules`, with all that is below them, import the standard library, each other, and `allowed_modules`.

    `ignore_imports` are the exceptions; one that is no import is an error.
    """

    type_name = "allowed"

    source_modules: Any = fields.SetField(subfield=fields.ModuleExpressionField())
    allowed_modules: Any = fields.SetField(subfield=fields.ModuleExpressionField(), required=False, default=set())
    ignore_imports: Any = fields.SetField(subfield=fields.ImportExpressionField(), required=False)

    @override
    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        removed = remove_ignored_imports_and_report(
            graph=graph, ignore_imports=self.ignore_imports, unmatched_alerting=AlertLevel.ERROR
        )
        sources, allowed = (_packages(graph, among) for among in (self.source_modules, self.allowed_modules))
        wrong = sorted(
            (importer, imported)
            for importer in sources
            for imported in graph.find_modules_directly_imported_by(importer)
            if imported not in sources | allowed and imported not in sys.stdlib_module_names
        )
        return ContractCheck(
            kept=not wrong,
            warnings=list(removed.warnings),
            ignored_import_count=removed.ignored_import_count,
            metadata={"wrong": wrong},
        )

    @override
    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["wrong"]:
            output.print_error(f"{importer} is not allowed to import {imported}.")


def _packages(graph: ImportGraph, expressions: Any) -> set[str]:
    """The modules that are named, with all below them; not the tests, which may import what they test with."""
    named: set[Module] = set(module_expressions_to_modules(graph, expressions))
    if missing := sorted(module.name for module in named if module.name not in graph.modules):
        raise ValueError(f"no such module: {', '.join(missing)}")
    return {name for module in named for name in (module.name, *_below(graph, module.name))}


def _below(graph: ImportGraph, name: str) -> set[str]:
    return set() if graph.is_module_squashed(name) else graph.find_descendants(name)
