"""The audit trail as it is written, sealed, read and verified: over the real store and broker."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from ulid import ULID

from kit.errors import Forbidden, Refusal
from kit.testing.waiting import eventually
from services.identity.commandes.audit import read_published
from services.identity.domain.audit import OPERATEUR, Acte, Issue, Lieux, LigneAudit, Recherche, read_acte
from services.identity.domain.audit import Niveau as Echelon
from services.identity.domain.sceaux import Defaut
from services.identity.store.audit import ADRESSES, AUDIT, SCEAUX, count_astray
from services.identity.store.etablissements import ETABLISSEMENTS
from services.identity.store.work import Work
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire
from services.identity.usecases.audit import OPERATEUR_LECTEUR, LigneLue, export, read, reader, seal, verify
from services.identity.usecases.comptes import disable
from services.identity.usecases.connexion import IdentifiantsRefuses, check_password
from services.identity.usecases.droits import Vise, give_right, take_right
from services.identity.usecases.seconds_facteurs import CodeRefuse, show_totp
from services.identity.usecases.tentatives import TropDEssais
from socle.principal import Droit, Preuve, Principal, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

pytestmark = pytest.mark.stack

ICI, AILLEURS = "0940101A", "0590101B"
SIECLE = Droit(uai=ICI, rubrique=Rubrique.SIECLE, niveau=Niveau.ECRITURE)


@pytest.fixture(scope="module", autouse=True)
async def establishments(identity: Identity) -> None:
    collection = identity.deps.database[ETABLISSEMENTS.name]
    for uai, academie in ((ICI, "creteil"), (AILLEURS, "lille")):
        await collection.update_one({"_id": uai}, {"$set": {"rang": 1, "academie": academie}}, upsert=True)


def admin(uai: str = ICI) -> RoleTenu:
    return RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)


def gestionnaire(uai: str = ICI) -> RoleTenu:
    return RoleTenu(role=Role.GESTIONNAIRE, uai=uai)


def principal(who: Titulaire) -> Principal:
    """Who acts, having just proved who it is."""
    return Principal(
        compte=who.compte.id,
        session="s",
        actif=True,
        preuve=Preuve(acr="2", amr=("pwd", "otp"), le=who.identity.deps.clock()),
        roles=who.compte.roles,
        droits=who.compte.droits,
    )


async def lines(identity: Identity, who: Titulaire) -> Sequence[LigneAudit]:
    page = await read(identity.deps, OPERATEUR_LECTEUR, Recherche(compte=who.compte.id), first=100)
    return [lue.ligne for lue in page.rows]


async def acts(identity: Identity, who: Titulaire) -> list[tuple[Acte | str, Issue, str | None]]:
    return [(ligne.acte, ligne.issue, ligne.motif) for ligne in reversed(await lines(identity, who))]


async def visible(identity: Identity, who: Titulaire, about: Titulaire) -> int:
    lecteur = reader(identity.deps, principal(who))
    return (await read(identity.deps, lecteur, Recherche(compte=about.compte.id, acte=Acte.COMPTE_CREE), first=9)).total


@pytest.mark.exigence("ANSSI journal", "CNIL-2025-019 journal")
async def test_what_a_person_does_and_is_refused_is_written_in_order(identity: Identity) -> None:
    someone = await identity.account(gestionnaire(), totp=True)
    with pytest.raises(IdentifiantsRefuses):
        await check_password(identity.deps, someone.personne.courriel, "ce n'est pas lui", demande="")
    await someone.browser().sign_in()
    await disable(identity.deps, someone.compte.id, par=OPERATEUR)
    await disable(identity.deps, someone.compte.id, par=OPERATEUR)
    assert await acts(identity, someone) == [
        (Acte.COMPTE_CREE, Issue.FAITE, None),
        (Acte.CONNEXION, Issue.REFUSEE, "IDENTIFIANTS_REFUSES"),
        (Acte.CONNEXION, Issue.FAITE, None),
        (Acte.COMPTE_DESACTIVE, Issue.FAITE, None),
    ]
    refused, opened = (await lines(identity, someone))[-2:-4:-1]
    assert (refused.acteur, refused.cible) == (None, someone.compte.id), "whoever it was has proved nothing"
    assert (opened.acteur, opened.cible) == (someone.compte.id, None)
    assert opened.detail == {"facteurs": "pwd otp"}
    assert opened.lieux.uais == {ICI}
    assert opened.lieux.academies == {"creteil"}


async def test_a_wrong_code_and_a_code_tried_too_often_are_written(identity: Identity) -> None:
    someone = await identity.account(gestionnaire(), totp=True)
    secret = await check_password(identity.deps, someone.personne.courriel, MOT_DE_PASSE, demande="")
    for refus in (*[CodeRefuse] * 10, TropDEssais):
        with pytest.raises(refus):
            await show_totp(identity.deps, secret, "no code")
    motifs = [motif for _, issue, motif in await acts(identity, someone) if issue is Issue.REFUSEE]
    assert motifs.count("CODE_REFUSE") == 10
    assert motifs.count("TROP_D_ESSAIS") == 1


async def test_an_address_without_account_leaves_a_line_that_names_nobody(identity: Identity) -> None:
    before = await identity.deps.database[AUDIT.name].count_documents({"cible": None, "acteur": None})
    with pytest.raises(IdentifiantsRefuses):
        await check_password(identity.deps, "personne.du.tout@ac-creteil.fr", "peu importe", demande="")
    after = await identity.deps.database[AUDIT.name].count_documents({"cible": None, "acteur": None})
    assert after == before + 1


async def test_a_right_given_taken_or_refused_says_who_to_whom_and_what(identity: Identity) -> None:
    giver, taker = await identity.account(admin()), await identity.account(gestionnaire())
    stranger = await identity.account(admin(AILLEURS))
    await give_right(identity.deps, principal(giver), taker.compte.id, SIECLE)
    await give_right(identity.deps, principal(giver), taker.compte.id, SIECLE)
    await take_right(identity.deps, principal(giver), Vise(compte=taker.compte.id, uai=ICI, rubrique=Rubrique.SIECLE))
    with pytest.raises((Refusal, Forbidden)):
        await give_right(identity.deps, principal(stranger), taker.compte.id, SIECLE)
    given, taken = (await lines(identity, taker))[-2:-4:-1]
    assert (given.acte, given.acteur, given.cible) == (Acte.DROIT_DONNE, giver.compte.id, taker.compte.id)
    assert given.detail == {"rubrique": "SIECLE", "niveau": "ECRITURE"}
    assert taken.acte is Acte.DROIT_RETIRE
    (refused,) = [ligne for ligne in await lines(identity, stranger) if ligne.issue is Issue.REFUSEE]
    assert (refused.acte, refused.motif) == (Acte.DROIT_DONNE, "INTROUVABLE")
    assert refused.detail["compte"] == taker.compte.id


async def test_the_level_above_reads_and_nobody_else(identity: Identity) -> None:
    user, colleague = await identity.account(gestionnaire()), await identity.account(gestionnaire())
    local, peer = await identity.account(admin()), await identity.account(admin())
    neighbour = await identity.account(admin(AILLEURS))
    academie = await identity.account(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"))
    other = await identity.account(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="lille"))
    nation = await identity.account(RoleTenu(role=Role.ADMIN_NATIONAL))
    assert await visible(identity, user, user) == 1, "its own creation"
    assert await visible(identity, colleague, user) == 0
    assert await visible(identity, local, user) == 1
    assert await visible(identity, local, peer) == 0, "an equal is not above"
    assert await visible(identity, neighbour, user) == 0
    assert await visible(identity, academie, user) == 1
    assert await visible(identity, academie, local) == 1
    assert await visible(identity, other, local) == 0
    assert await visible(identity, academie, other) == 0
    assert await visible(identity, nation, academie) == 1


async def test_who_manages_a_person_in_one_establishment_does_not_learn_of_another(identity: Identity) -> None:
    shared = await identity.account(gestionnaire(ICI), gestionnaire(AILLEURS))
    local = reader(identity.deps, principal(await identity.account(admin())))
    academic = await identity.account(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"))
    for lecteur in (local, reader(identity.deps, principal(academic))):
        (lue,) = (await read(identity.deps, lecteur, Recherche(compte=shared.compte.id), first=9)).rows
        assert lue.lieux == Lieux(uais=frozenset({ICI}), academies=frozenset({"creteil"}))
        (exported,) = [one async for one in export(identity.deps, lecteur, Recherche(compte=shared.compte.id))]
        assert exported.lieux == lue.lieux
        probed = Recherche(compte=shared.compte.id, uai=AILLEURS)
        assert (await read(identity.deps, lecteur, probed, first=9)).total == 0
        assert (await read(identity.deps, lecteur, replace(probed, uai=ICI), first=9)).total == 1
    own = reader(identity.deps, principal(shared))
    (lue,) = (await read(identity.deps, own, Recherche(acte=Acte.COMPTE_CREE), first=9)).rows
    assert lue.lieux.uais == {ICI, AILLEURS}


async def test_reading_and_exporting_are_written_themselves(identity: Identity) -> None:
    local = await identity.account(admin())
    lecteur = reader(identity.deps, principal(local))
    recherche = Recherche(uai=ICI, acte=Acte.COMPTE_CREE)
    await read(identity.deps, lecteur, recherche, first=1)
    exported = [lue async for lue in export(identity.deps, lecteur, recherche)]
    assert all(lue.ligne.acte is Acte.COMPTE_CREE for lue in exported)
    latest = [ligne for ligne in await lines(identity, local) if ligne.acteur == local.compte.id]
    assert [ligne.acte for ligne in latest] == [Acte.AUDIT_EXPORTE, Acte.AUDIT_LU]
    assert latest[0].detail == {"acte": "COMPTE_CREE"}


async def test_an_export_gives_every_line_once_from_the_newest(identity: Identity) -> None:
    lecteur = OPERATEUR_LECTEUR
    found = [lue.ligne.id async for lue in export(identity.deps, lecteur, Recherche())]
    assert len(found) == await identity.deps.database[AUDIT.name].count_documents({"_id": {"$lte": found[0]}})
    assert found == sorted(set(found), reverse=True)


async def test_a_search_is_by_page(identity: Identity) -> None:
    someone = await identity.account(gestionnaire())
    for _ in range(3):
        with pytest.raises(IdentifiantsRefuses):
            await check_password(identity.deps, someone.personne.courriel, "non", demande="")
    recherche = Recherche(compte=someone.compte.id, issue=Issue.REFUSEE)
    first = await read(identity.deps, OPERATEUR_LECTEUR, recherche, first=2)
    assert (len(first.rows), first.total) == (3, 3)
    rest = await read(identity.deps, OPERATEUR_LECTEUR, recherche, first=2, before=first.rows[1].ligne.id)
    assert [lue.ligne.id for lue in rest.rows] == [first.rows[2].ligne.id]
    soon = replace(recherche, depuis=identity.deps.clock() + timedelta(days=1))
    assert (await read(identity.deps, OPERATEUR_LECTEUR, soon, first=2)).total == 0


async def test_the_address_is_known_and_is_kept_apart_so_that_forgetting_it_changes_no_line(identity: Identity) -> None:
    someone = await identity.account(gestionnaire())
    await someone.browser().sign_in()
    recherche = Recherche(compte=someone.compte.id, acte=Acte.CONNEXION)

    async def only() -> LigneLue:
        (lue,) = (await read(identity.deps, OPERATEUR_LECTEUR, recherche, first=10)).rows
        return lue

    known = await only()
    assert known.adresse == "127.0.0.1"
    row = await identity.deps.database[ADRESSES.name].find_one_and_delete({"_id": known.ligne.id})
    assert row is not None
    forgotten = await only()
    await identity.deps.database[ADRESSES.name].insert_one(row)
    assert (forgotten.adresse, forgotten.ligne) == (None, known.ligne)


async def sealed(identity: Identity) -> None:
    async def all_sealed() -> bool:
        return await identity.deps.database[AUDIT.name].count_documents({"sceau": None}) == 0

    await eventually(all_sealed)


async def test_a_line_of_an_act_that_only_a_newer_release_knows_is_sealed_read_and_sound(identity: Identity) -> None:
    someone = await identity.account(gestionnaire())
    line = LigneAudit(
        id=str(ULID()),
        le=identity.deps.clock(),
        acte=read_acte("ACTE_A_VENIR"),
        issue=Issue.FAITE,
        niveau=Echelon.UTILISATEUR,
        acteur=someone.compte.id,
    )

    async def body(work: Work) -> None:
        await work.audit.append(line, adresse=None)

    await identity.deps.transact(body)
    await sealed(identity)
    assert (await lines(identity, someone))[0].acte == "ACTE_A_VENIR"
    row = await identity.deps.database[AUDIT.name].find_one({"_id": line.id})
    assert row is not None
    found = await verify(identity.deps, [])
    assert row["sceau"] not in {anomalie.numero for anomalie in found.anomalies}


async def test_what_is_written_is_sealed_within_seconds_and_a_change_behind_our_back_is_found(
    identity: Identity,
) -> None:
    someone = await identity.account(gestionnaire())
    await sealed(identity)
    database = identity.deps.database
    last = await database[SCEAUX.name].find_one({}, sort=[("_id", -1)])
    assert last is not None

    async def published() -> bool:
        return last["_id"] in {seal.numero for seal in await read_published(identity.settings)}

    await eventually(published)
    heads = await read_published(identity.settings)
    assert (await verify(identity.deps, heads)).sain

    (ligne,) = [row for row in await lines(identity, someone) if row.acte is Acte.COMPTE_CREE]
    row = await database[AUDIT.name].find_one_and_update({"_id": ligne.id}, {"$set": {"acteur": "01AUTRE"}})
    assert row is not None
    found = await verify(identity.deps, heads)
    assert [(a.defaut, a.numero) for a in found.anomalies] == [(Defaut.LIGNES_MODIFIEES, row["sceau"])]

    await database[AUDIT.name].delete_one({"_id": ligne.id})
    found = await verify(identity.deps, heads)
    assert [(a.defaut, a.numero) for a in found.anomalies] == [(Defaut.LIGNES_EN_MOINS, row["sceau"])]
    await database[AUDIT.name].insert_one(row)
    assert (await verify(identity.deps, heads)).sain


async def test_lines_and_addresses_forged_where_no_seal_is_looked_for_are_found(identity: Identity) -> None:
    someone = await identity.account(gestionnaire())
    await someone.browser().sign_in()
    await sealed(identity)
    database = identity.deps.database
    (opened,) = [row for row in await lines(identity, someone) if row.acte is Acte.CONNEXION]
    row = await database[AUDIT.name].find_one({"_id": opened.id})
    assert row is not None

    async def defects() -> set[Defaut]:
        return {anomalie.defaut for anomalie in (await verify(identity.deps, [])).anomalies}

    assert await defects() == set()
    last = await database[SCEAUX.name].find_one({}, sort=[("_id", -1)])
    assert last is not None
    forged = [{**row, "_id": f"01FORGED{numero}", "sceau": numero} for numero in (0, -1, 2_000_000_000)]
    await database[AUDIT.name].insert_many(forged)
    assert await count_astray(database, last=last["_id"]) == 3
    assert await defects() == {Defaut.LIGNES_SANS_SCEAU_CONNU}
    await database[AUDIT.name].delete_many({"_id": {"$in": [line["_id"] for line in forged]}})
    for changed, found in (
        ({"acte": "INVENTE"}, {Defaut.LIGNES_MODIFIEES}),
        ({"sceau": 0}, {Defaut.LIGNES_EN_MOINS, Defaut.LIGNES_SANS_SCEAU_CONNU}),
    ):
        await database[AUDIT.name].update_one({"_id": opened.id}, {"$set": changed})
        assert await defects() == found
        await database[AUDIT.name].replace_one({"_id": opened.id}, row)
    # A line more under one seal and one fewer under another: each seal is compared with its own.
    elsewhere = row["sceau"] - 1 if row["sceau"] > 1 else row["sceau"] + 1
    await database[AUDIT.name].update_one({"_id": opened.id}, {"$set": {"sceau": elsewhere}})
    assert await defects() == {Defaut.LIGNES_EN_MOINS, Defaut.LIGNES_EN_TROP}
    await database[AUDIT.name].replace_one({"_id": opened.id}, row)
    kept = await database[ADRESSES.name].find_one_and_update({"_id": opened.id}, {"$set": {"adresse": "192.0.2.9"}})
    assert kept is not None
    assert await defects() == {Defaut.ADRESSES_MODIFIEES}
    await database[ADRESSES.name].replace_one({"_id": opened.id}, kept)
    assert await defects() == set()


async def test_an_address_is_forgotten_by_the_store_itself_after_twelve_months(identity: Identity) -> None:
    collection = identity.deps.database[ADRESSES.name]
    (index,) = [made for name, made in (await collection.index_information()).items() if name == "le_1"]
    assert index["expireAfterSeconds"] == 365 * 24 * 3600


@pytest.mark.long
async def test_an_address_older_than_twelve_months_goes_and_a_younger_one_stays(identity: Identity) -> None:
    collection, now = identity.deps.database[ADRESSES.name], identity.deps.clock()
    old, young = str(ULID()), str(ULID())
    rows = [(old, now - timedelta(days=366)), (young, now - timedelta(days=364))]
    await collection.insert_many([{"_id": id, "adresse": "192.0.2.1", "sel": "sel", "le": le} for id, le in rows])

    async def gone() -> bool:
        return await collection.find_one({"_id": old}) is None

    await eventually(gone, within=180, every=1)
    assert await collection.find_one({"_id": young}) is not None


async def test_two_that_seal_at_once_make_one_seal_of_each_line(identity: Identity) -> None:
    await asyncio.gather(
        *(identity.account(gestionnaire()) for _ in range(4)), *(seal(identity.deps) for _ in range(8))
    )
    await sealed(identity)
    assert (await verify(identity.deps, [])).anomalies == []
