"""Erasing a person: what goes, what stays, and who is told (domaine.md §3)."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from kit.consumer.messages import Received
from kit.consumer.projections import GONE
from kit.errors import NotFound, Unauthenticated
from kit.mongo import Database
from kit.mongo.migrations import Layout
from kit.testing.waiting import eventually
from proto.identity.v1 import habilitations_pb2
from services.identity.condensats import condensat, new_secret
from services.identity.courrier import new_envoi
from services.identity.domain.audit import OPERATEUR, Acte, Recherche
from services.identity.domain.tentatives import ENVOIS
from services.identity.lettres.lettre import Lettre
from services.identity.store.comptes import find_compte
from services.identity.store.effacement import search
from services.identity.store.work import Work
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire
from services.identity.tests.test_habilitations import read
from services.identity.usecases.audit import OPERATEUR_LECTEUR
from services.identity.usecases.audit import read as read_audit
from services.identity.usecases.comptes import NouveauCompte, create_compte, fingerprint, issue_link
from services.identity.usecases.connexion import IdentifiantsRefuses, check_password
from services.identity.usecases.droits import change_compte
from services.identity.usecases.effacement import erase, erase_and_prove
from services.identity.usecases.en_cours import mobile_fingerprint
from services.identity.usecases.jetons import Connecte, find_signed_in
from services.identity.usecases.lectures import principal_of
from services.identity.usecases.secours import renew_codes
from services.identity.usecases.tentatives import require_try
from socle.principal import RoleTenu
from socle.projections import habilitations
from socle.rubriques import Role

pytestmark = pytest.mark.stack

ROLE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940106F")


async def lived(identity: Identity) -> tuple[Titulaire, str]:
    """An account with something in every place that may hold some of it, and an access token of its own."""
    someone = await identity.account(ROLE)
    browser = someone.browser()
    jetons = await browser.sign_in()
    await browser.authorize("a-verifier-of-more-than-forty-three-characters-long")
    await renew_codes(identity.deps, await signed_in(identity, someone))
    mobile = f"+336{uuid4().int % 10**8:08d}"
    await change_compte(identity.deps, someone.compte.id, lambda compte: replace(compte, mobile=mobile))
    await require_try(identity.deps, f"sms/{mobile_fingerprint(identity.deps, mobile)}", ENVOIS)
    await issue_link(identity.deps, someone.compte)
    await check_password(identity.deps, someone.personne.courriel, MOT_DE_PASSE, demande="")
    with pytest.raises(IdentifiantsRefuses):
        await check_password(identity.deps, someone.personne.courriel, "non", demande="")
    return someone, jetons.access_token


async def signed_in(identity: Identity, someone: Titulaire) -> Connecte:
    row = await identity.deps.database.sessions.find_one({"compte": someone.compte.id})
    assert row is not None
    connecte = await find_signed_in(identity.deps, row["condensat"])
    assert connecte is not None
    return connecte


async def mail(identity: Identity, courriel: str, *, due: timedelta = timedelta(hours=1)) -> str:
    """A message that waits, for long enough that no sender takes it."""
    deps, now = identity.deps, identity.deps.clock() + due
    lettre = Lettre(sujet="Essai", prenom="Camille", corps=["Essai"])
    envoi = new_envoi(deps.vault, lettre, destinataire=courriel, now=now, validite=timedelta(hours=1))

    async def body(work: Work) -> None:
        await work.send(envoi)

    await deps.transact(body)
    return envoi.id


@pytest.mark.exigence("CNIL-2025-019 duree")
async def test_nothing_is_left_of_an_erased_person_but_an_opaque_id_in_the_trail(identity: Identity) -> None:
    someone, _ = await lived(identity)
    deps, courriel, id = identity.deps, someone.personne.courriel, someone.compte.id
    row = await deps.database.comptes.find_one({"_id": id})
    assert row is not None
    needles = {id, courriel, row["mobile"], fingerprint(deps, courriel), mobile_fingerprint(deps, row["mobile"])}
    mine, other = await mail(identity, courriel), await mail(identity, "quelqu.un@ac-creteil.fr")
    before = await search(deps.database, needles)
    assert before.keys() >= {"comptes", "courriels", "facteurs", "sessions", "familles", "codes", "secours", "liens"}
    assert before.keys() >= {"connexions", "tentatives"}

    await erase(deps, id, par=OPERATEUR)

    async def gone() -> bool:
        return not await search(deps.database, needles)

    await eventually(gone)
    assert await deps.database.jetons.count_documents({"famille": {"$nin": await families(identity)}}) == 0
    waiting = {row["_id"] for row in await deps.database.envois.find({"_id": {"$in": [mine, other]}}).to_list(None)}
    assert waiting == {other}, "its messages are dropped, and nobody else's"
    await deps.database.envois.delete_one({"_id": other})
    page = await read_audit(deps, OPERATEUR_LECTEUR, Recherche(compte=id), first=50)
    assert page.rows[0].ligne.acte is Acte.COMPTE_SUPPRIME
    assert page.rows[0].ligne.cible == id
    assert all(courriel not in repr(lue) and "Dupont" not in repr(lue) for lue in page.rows)
    again = await create_compte(deps, NouveauCompte(courriel=courriel, nom="Autre", prenom="Camille"), par=OPERATEUR)
    assert again.id != id, "its address is free for a new account, which is another"


async def families(identity: Identity) -> list[str]:
    return [row["_id"] for row in await identity.deps.database.familles.find({}, ["_id"]).to_list(None)]


@pytest.mark.exigence("ASVS 7.4.2")
async def test_who_was_erased_is_signed_out_everywhere_and_a_late_event_revives_nobody(
    identity: Identity, database: Database
) -> None:
    someone, jeton = await lived(identity)
    token = await identity.verifier.verify(jeton)
    assert (await principal_of(identity.deps, token)).actif
    await erase(identity.deps, someone.compte.id, par=OPERATEUR)
    with pytest.raises(Unauthenticated):
        await principal_of(identity.deps, token)

    async def told() -> list[Received[habilitations_pb2.Habilitations]]:
        events = await read(identity, "identity.habilitations.v1", habilitations_pb2.Habilitations)
        mine = [event for event in events if event.key == someone.compte.id]
        return mine if any(event.message is None for event in mine) else []

    async def revoked() -> bool:
        events = await read(identity, "identity.revocations.v1", habilitations_pb2.Revocation)
        return any(event.key == token.sid for event in events)

    events = sorted(await eventually(told), key=lambda event: event.version.rank)
    assert events[-1].message is None, "the last that is said of it is that it is gone"
    await eventually(revoked)
    await Layout(collections=[*habilitations.COLLECTIONS]).migrate(database)
    keep = habilitations.subscriptions(database)[0].handle
    await keep(events)
    await keep(events[:-1])
    (row,) = await database[habilitations.HABILITATIONS.name].find({}).to_list(None)
    assert row == {"_id": someone.compte.id, "rang": events[-1].version.rank, GONE: True}


async def test_an_account_is_erased_once_and_its_absence_is_proved_again(identity: Identity) -> None:
    compte = await create_compte(
        identity.deps, NouveauCompte(courriel="zoe.effacee@ac-lille.fr", nom="Effacée", prenom="Zoé"), par=OPERATEUR
    )
    assert (await erase_and_prove(identity.deps, compte.id, par=OPERATEUR)).restes == {}
    with pytest.raises(NotFound):
        await erase(identity.deps, compte.id, par=OPERATEUR)
    assert (await erase_and_prove(identity.deps, compte.id, par=OPERATEUR)).restes == {}
    with pytest.raises(NotFound):
        await erase_and_prove(identity.deps, "01JHF3Z6X8Q4T2V5N7M9K1B3CD", par=OPERATEUR)
    assert await find_compte(identity.deps.database, compte.id) is None


async def test_what_is_left_somewhere_is_found_wherever_it_is(identity: Identity) -> None:
    compte = await create_compte(
        identity.deps, NouveauCompte(courriel="yann.reste@ac-lille.fr", nom="Reste", prenom="Yann"), par=OPERATEUR
    )
    where = identity.deps.database["ailleurs"]
    await where.insert_one({"_id": condensat(new_secret()), "dedans": [{"au fond": f"compte/{compte.id}".encode()}]})
    assert (await erase_and_prove(identity.deps, compte.id, par=OPERATEUR)).restes == {"ailleurs": 1}
    await where.drop()
