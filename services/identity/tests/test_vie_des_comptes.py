"""The life of accounts as the other services learn it: identity.comptes.v1."""

import pytest

from kit.consumer.messages import Received
from kit.mongo.migrations import STATE
from kit.outbox.rows import OUTBOX
from kit.testing.waiting import eventually
from kit.versions import Version
from proto.identity.v1 import comptes_pb2
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.comptes import Compte, EtatCompte
from services.identity.store.comptes import VIE, publie, tell_lives
from services.identity.store.work import LAYOUT
from services.identity.tests.conftest import Identity
from services.identity.tests.test_habilitations import read
from services.identity.usecases.comptes import NouveauCompte, create_compte, disable
from services.identity.usecases.effacement import erase
from services.identity.usecases.restauration import Publie, begin, finish
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

UAI, AILLEURS = "0940106F", "0940107G"
CHEF = RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=UAI)
LU = Droit(uai=AILLEURS, rubrique=Rubrique.SIECLE, niveau=Niveau.LECTURE)


def compte(**changed: object) -> Compte:
    told = {"id": "01A", "courriel": "lea.martin@ac-creteil.fr", "nom": "Martin", "prenom": "Léa"} | changed
    return Compte(**told)  # type: ignore[arg-type] # the fields of Compte


def test_what_is_told_of_an_account_is_its_state_and_its_places_and_nothing_that_names_its_owner() -> None:
    held = compte(
        etat=EtatCompte.ACTIF,
        mobile="+33612345678",
        roles=(
            CHEF,
            RoleTenu(role=Role.PROFESSEUR_PRINCIPAL, uai=UAI, classes=frozenset({"TG1"})),
            RoleTenu(role=Role.CAES, academie="creteil"),
            RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="11"),
        ),
        droits=(LU,),
    )
    told = publie(held)
    assert (told.compte, told.etat) == ("01A", "ACTIF")
    assert [(lieu.uai, lieu.academie, lieu.region_academique) for lieu in told.lieux] == [
        ("", "", "11"),
        ("", "creteil", ""),
        (UAI, "", ""),
        (AILLEURS, "", ""),
    ]
    written = told.SerializeToString()
    for said in ("martin", "Martin", "Léa", "+336", "TG1", "CHEF", "SIECLE"):
        assert said.encode() not in written


def test_an_account_of_the_nation_has_no_place() -> None:
    assert list(publie(compte(roles=(RoleTenu(role=Role.ADMIN_NATIONAL),))).lieux) == []


@pytest.mark.stack
async def test_an_account_is_told_as_invited_then_disabled_then_gone(identity: Identity) -> None:
    nouveau = NouveauCompte(courriel="iris.vie@ac-creteil.fr", nom="Vie", prenom="Iris", roles=[CHEF])
    invited = await create_compte(identity.deps, nouveau, par=OPERATEUR)
    await disable(identity.deps, invited.id, par=OPERATEUR)
    await erase(identity.deps, invited.id, par=OPERATEUR)

    async def told() -> list[Received[comptes_pb2.Compte]]:
        events = [event for event in await read(identity, VIE, comptes_pb2.Compte) if event.key == invited.id]
        return sorted(events, key=lambda event: event.version.rank) if len(events) >= 3 else []

    events = await eventually(told)
    assert [event.message and event.message.etat for event in events] == ["INVITE", "DESACTIVE", None]


@pytest.mark.stack
async def test_after_a_restoration_every_account_is_told_again_and_those_that_are_no_more_are_gone(
    alone: Identity,
) -> None:
    deps = alone.deps
    held = await create_compte(
        deps, NouveauCompte(courriel="paul.vie@ac-creteil.fr", nom="Vie", prenom="Paul", roles=[CHEF]), par=OPERATEUR
    )
    await begin(deps, generation_publiee=1)
    await deps.trousseau.load()
    vanished = "01JHF3Z6X8Q4T2V5N7M9K1B3CD"
    await finish(deps, {vanished: Publie(Version(1, 7), present=True, actif=True)})
    waiting = await deps.database[OUTBOX.name].find({"topic": VIE}).to_list(None)
    assert {row["key"]: row["value"] is None for row in waiting} == {held.id: False, vanished: True}


@pytest.mark.stack
async def test_accounts_from_before_this_topic_are_told_in_it_once(alone: Identity) -> None:
    deps = alone.deps
    held = await create_compte(
        deps, NouveauCompte(courriel="jean.vie@ac-creteil.fr", nom="Vie", prenom="Jean", roles=[CHEF]), par=OPERATEUR
    )
    await deps.database[OUTBOX.name].delete_many({})
    await deps.database[STATE.name].update_one({"_id": "service"}, {"$pull": {"migrations": 1}})
    await LAYOUT.migrate(deps.database)
    await tell_lives(deps.database)
    waiting = await deps.database[OUTBOX.name].find({}).to_list(None)
    assert [(row["topic"], row["key"]) for row in waiting] == [(VIE, held.id)]
    told = comptes_pb2.Compte.FromString(waiting[0]["value"])
    assert told == publie(held)
