"""Exports of the audit trail (domaine.md §3: « exportable »): asked for, then fetched once by whoever asked."""

from dataclasses import replace

from ulid import ULID

from kit.errors import NotFound
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Recherche
from services.identity.domain.exports import (
    EN_ATTENTE,
    LIGNES,
    VALIDITE,
    Export,
    ExportTropLong,
    Format,
    TropDExports,
    dated,
)
from services.identity.store.audit import count
from services.identity.store.exports import find_export
from services.identity.store.work import Work
from services.identity.usecases.audit import Lecteur, reader
from services.identity.usecases.changement import sensitive
from socle.principal import Principal


async def request_export(deps: Deps, principal: Principal | None, recherche: Recherche, format: Format) -> Export:
    """Ask for a file of the lines looked for, as they are now; it can be fetched for ten minutes.

    Raises:
        Unauthenticated, Forbidden: nobody is signed in, or the account is disabled.
        PreuveInsuffisante: who asks proved itself too long ago, or with too little.
        PeriodeInvalide: a date has no offset.
        ExportTropLong: more lines are found than a file may have.
        TropDExports: as many wait already as an account may have.
    """
    async with sensitive(deps, principal, Acte.AUDIT_EXPORTE, uai=recherche.uai) as active:
        now, lecteur = deps.clock(), reader(deps, active)
        dated(recherche.depuis, "depuis")
        asked = dated(recherche.jusqu_au, "jusquAu")
        fixed = replace(recherche, jusqu_au=now if asked is None else min(asked, now))
        if await count(deps.database, fixed, lecteur.lecture, most=LIGNES + 1) > LIGNES:
            raise ExportTropLong
        export = Export(
            id=str(ULID()),
            compte=lecteur.partie.id,
            format=format,
            recherche=fixed,
            demande_le=now,
            expire_le=now + VALIDITE,
        )

        async def body(work: Work) -> None:
            if await work.exports.count_waiting(export.compte, now=now) >= EN_ATTENTE:
                raise TropDExports
            await work.exports.open(export)

        await deps.transact(body)
    return export


async def fetch_export(deps: Deps, principal: Principal | None, id: str) -> tuple[Export, Lecteur]:
    """Use the address of an export; it is then read with the rights that whoever asked for it has now.

    Raises:
        Unauthenticated, Forbidden: nobody is signed in, or the account is disabled.
        NotFound: there is no such export of its own, or no more.
    """
    lecteur = reader(deps, principal)
    export = await find_export(deps.database, id, compte=lecteur.partie.id, now=deps.clock())

    async def body(work: Work) -> bool:
        return await work.exports.use(id, now=deps.clock())

    if export is None or not await deps.transact(body):
        raise NotFound("Cet export n'existe pas, a expiré ou a déjà été téléchargé : demandez-en un autre.")
    return export, lecteur
