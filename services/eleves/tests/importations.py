"""Imports without the service around them, for the tests that cut them short."""

from collections.abc import AsyncIterator
from datetime import timedelta

from generateur.ecoles import Ecole
from generateur.siecle import write_eleves
from kit.clock import campaign_clock, technical_clock
from kit.mongo import Database
from kit.mongo.migrations import generation
from kit.vault.keys import Fingerprints
from kit.vault.sealing import Vault
from services.eleves.deps import Deps
from services.eleves.imports import EtatImport, Fichier, ImportSiecle
from services.eleves.store.imports import open_files
from services.eleves.store.work import Work, transactor
from services.eleves.tests.conftest import DANS_LES_TEMPS, UAI
from services.eleves.usecases.imports import apply_import, take_next
from socle.projections.calendrier import Calendriers

PREMIER = "2025/01IMPORT"
_MASTER_KEY = "essai:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


async def open_deps(store: Database) -> Deps:
    """What use cases work with, over `store`, in January."""
    fingerprints = Fingerprints(store, Vault.of(_MASTER_KEY))
    await fingerprints.load(create=True)
    return Deps(
        database=store,
        transact=transactor(store, generation=await generation(store)),
        files=open_files(store),
        calendriers=Calendriers(store),
        fingerprints=fingerprints,
        academies=frozenset({"creteil"}),
        campaign_clock=campaign_clock(DANS_LES_TEMPS),
    )


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """The content, as it comes."""
    yield content


async def received(
    deps: Deps, content: bytes, *, id: str = PREMIER, uai: str = UAI, vivier_gele: bool = False
) -> ImportSiecle:
    """An import whose file is there, which nobody has begun."""
    stored = await deps.files.write(pieces(content), limit=len(content))
    now = technical_clock()
    held = ImportSiecle(
        id=id,
        session=2025,
        uai=uai,
        academie="creteil",
        compte="01ADMIN",
        fichiers=(Fichier(id=f"{id}/1", nom="x.xml", taille=stored.size, sha256=stored.sha256, contenu=stored.id),),
        demande_le=now,
        expire_le=now + timedelta(minutes=10),
        etat=EtatImport.RECU,
        depose_le=now,
        vivier_gele=vivier_gele,
    )

    async def body(work: Work) -> ImportSiecle:
        return await work.imports.save(held)

    return await deps.transact(body)


async def take(deps: Deps, titulaire: str = "premier") -> ImportSiecle:
    """The import that comes next, taken by that process."""
    taken = await take_next(deps, titulaire=titulaire)
    assert taken is not None, "no import waits"
    return taken


async def import_whole(deps: Deps, lycee: Ecole, *, id: str = PREMIER, titulaire: str = "premier") -> ImportSiecle:
    """Receive the file of a lycée and do its import, from beginning to end."""
    await received(deps, write_eleves(lycee), id=id, uai=lycee.uai)
    return await apply_import(deps, await take(deps, titulaire), titulaire=titulaire)
