"""The subgraph: who am I, whom I manage, and giving and taking rights."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from joserfc import jwt
from joserfc.jwk import ECKey

from kit.consumer.messages import Received
from kit.consumer.projections import upsert
from kit.http import open_client
from kit.outbox.events import Event
from kit.testing.waiting import eventually
from kit.versions import Version
from proto.offre.v1 import offre_pb2
from services.identity.domain.audit import OPERATEUR
from services.identity.store.comptes import COMPTES, set_sort_keys
from services.identity.store.etablissements import ETABLISSEMENTS, etablissement_document, find_lieu
from services.identity.tests.conftest import Identity, Titulaire
from services.identity.usecases.comptes import disable
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

pytestmark = pytest.mark.stack

ICI, AILLEURS, LILLE = "0940001A", "0940002B", "0590001C"
ADMIN = RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=ICI)
CHEF = RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=ICI)
GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai=ICI)
MOI = (
    "{ moi { id nom prenom courriel etat roles { role etablissement { uai } academie } "
    "droits { rubrique niveau etablissement { uai } formation { id } jusquAu } } }"
)
DONNER = """mutation($entree: DonnerDroitInput!) {
  donnerDroit(entree: $entree) { compte { droits { rubrique niveau } } refus { code message champ } } }"""
RETIRER = """mutation($entree: RetirerDroitInput!) {
  retirerDroit(entree: $entree) { compte { droits { rubrique niveau } } refus { code message champ } } }"""


@pytest.fixture(scope="module", autouse=True)
async def establishments(identity: Identity) -> None:
    """What `offre` published of three establishments."""
    rows = [
        Received(uai, Version(1, 1), offre_pb2.Etablissement(uai=uai, academie=academie))
        for uai, academie in ((ICI, "creteil"), (AILLEURS, "creteil"), (LILLE, "lille"))
    ]
    await upsert(
        identity.deps.database,
        ETABLISSEMENTS.name,
        [(row, etablissement_document(row.message)) for row in rows if row.message is not None],
    )


async def token(who: Titulaire) -> str:
    return (await who.browser().sign_in()).access_token


async def post(identity: Identity, access_token: str | None, query: str, **variables: Any) -> httpx.Response:
    headers = {} if access_token is None else {"authorization": f"Bearer {access_token}"}
    async with open_client() as http:
        return await http.post(
            f"{identity.url}/graphql", json={"query": query, "variables": variables}, headers=headers
        )


async def data(identity: Identity, access_token: str | None, query: str, **variables: Any) -> Any:
    answer = (await post(identity, access_token, query, **variables)).json()
    assert "errors" not in answer, answer
    return answer["data"]


async def code(identity: Identity, access_token: str | None, query: str, **variables: Any) -> str:
    answer = (await post(identity, access_token, query, **variables)).json()
    return str(answer["errors"][0]["extensions"]["code"])


def entree(who: Titulaire, uai: str = ICI, rubrique: str = "SIECLE", **fields: str) -> dict[str, str]:
    return {"compte": who.compte.id, "uai": uai, "rubrique": rubrique, **fields}


async def test_i_am_told_who_i_am_and_what_i_may_do(identity: Identity) -> None:
    until = (identity.deps.clock() + timedelta(days=1)).replace(microsecond=0)
    droit = Droit(
        uai=AILLEURS, rubrique=Rubrique.CANDIDATURES, niveau=Niveau.LECTURE, formation="2025/7", jusqu_au=until
    )
    me = await identity.account(GESTIONNAIRE, droits=[droit], nom="Martin")
    moi = (await data(identity, await token(me), MOI))["moi"]
    assert moi == {
        "id": me.compte.id,
        "nom": "Martin",
        "prenom": "Camille",
        "courriel": me.personne.courriel,
        "etat": "ACTIF",
        "roles": [{"role": "GESTIONNAIRE", "etablissement": {"uai": ICI}, "academie": None}],
        "droits": [
            {
                "rubrique": "CANDIDATURES",
                "niveau": "LECTURE",
                "etablissement": {"uai": AILLEURS},
                "formation": {"id": "2025/7"},
                "jusquAu": until.isoformat(),
            }
        ],
    }


async def test_an_anonymous_caller_is_nobody(identity: Identity) -> None:
    assert await code(identity, None, MOI) == "NON_AUTHENTIFIE"
    assert await code(identity, None, DONNER, entree=entree_of_nobody()) == "NON_AUTHENTIFIE"


def entree_of_nobody() -> dict[str, str]:
    return {"compte": "01X", "uai": ICI, "rubrique": "SIECLE", "niveau": "LECTURE"}


async def test_a_forged_an_expired_and_an_ended_token_are_refused(identity: Identity) -> None:
    me = await identity.account(GESTIONNAIRE)
    good = await token(me)
    claims = jwt.decode(good, identity.deps.trousseau.signing_key, algorithms=["ES256"]).claims
    kid = identity.deps.trousseau.signing_key.kid
    header = {"alg": "ES256", "typ": "at+jwt", "kid": kid}

    def signed(key: ECKey, **changed: object) -> str:
        return jwt.encode(header, claims | changed, key, algorithms=["ES256"])

    own = identity.deps.trousseau.signing_key
    for bad in (
        "x.y.z",
        signed(ECKey.generate_key("P-256")),
        signed(own, exp=1),
        signed(own, aud="autre"),
        signed(own, iss="http://autre.example"),
        signed(own, sid="01INCONNUE"),
    ):
        answer = await post(identity, bad, MOI)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "NON_AUTHENTIFIE")
    assert (await data(identity, signed(own), MOI))["moi"]["id"] == me.compte.id
    await disable(identity.deps, me.compte.id, par=OPERATEUR)
    assert await code(identity, good, MOI) == "NON_AUTHENTIFIE"


async def test_an_administrator_gives_and_takes_a_right_of_its_users(identity: Identity) -> None:
    administrator, user = await identity.account(ADMIN), await identity.account(GESTIONNAIRE)
    theirs, mine = await token(administrator), await token(user)
    given = await data(identity, theirs, DONNER, entree=entree(user, niveau="ECRITURE"))
    assert given["donnerDroit"] == {
        "compte": {"droits": [{"rubrique": "SIECLE", "niveau": "ECRITURE"}]},
        "refus": [],
    }
    assert len((await data(identity, mine, MOI))["moi"]["droits"]) == 1
    taken = await data(identity, theirs, RETIRER, entree=entree(user))
    assert taken["retirerDroit"] == {"compte": {"droits": []}, "refus": []}
    assert (await data(identity, mine, MOI))["moi"]["droits"] == []


async def test_a_right_given_again_at_another_level_replaces_the_first(identity: Identity) -> None:
    head, user = await identity.account(CHEF), await identity.account(GESTIONNAIRE)
    theirs = await token(head)
    for niveau in ("ECRITURE", "LECTURE"):
        given = await data(identity, theirs, DONNER, entree=entree(user, niveau=niveau))
        assert given["donnerDroit"]["compte"]["droits"] == [{"rubrique": "SIECLE", "niveau": niveau}]


async def test_a_user_gives_nothing_to_anyone_not_even_to_itself(identity: Identity) -> None:
    user = await identity.account(GESTIONNAIRE)
    mine = await token(user)
    assert await code(identity, mine, DONNER, entree=entree(user, niveau="LECTURE")) == "NON_AUTORISE"
    other = await identity.account(GESTIONNAIRE)
    refused = await data(identity, mine, DONNER, entree=entree(other, niveau="LECTURE"))
    assert [refus["code"] for refus in refused["donnerDroit"]["refus"]] == ["INTROUVABLE"]


async def test_an_administrator_manages_its_establishment_and_no_other(identity: Identity) -> None:
    administrator = await identity.account(ADMIN)
    stranger = await identity.account(RoleTenu(role=Role.GESTIONNAIRE, uai=AILLEURS))
    user = await identity.account(GESTIONNAIRE)
    theirs = await token(administrator)
    for mutation in (DONNER, RETIRER):
        fields = {"niveau": "LECTURE"} if mutation is DONNER else {}
        name = "donnerDroit" if mutation is DONNER else "retirerDroit"
        refused = await data(identity, theirs, mutation, entree=entree(stranger, AILLEURS, **fields))
        assert refused[name]["refus"][0]["code"] == "INTROUVABLE"
        assert await code(identity, theirs, mutation, entree=entree(user, AILLEURS, **fields)) == "NON_AUTORISE"


async def test_what_cannot_be_given_is_refused_in_french_at_its_field(identity: Identity) -> None:
    academie = await identity.account(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"))
    head, administrator = await identity.account(CHEF), await identity.account(ADMIN)
    theirs, heads = await token(academie), await token(head)
    past = (identity.deps.clock() - timedelta(days=1)).isoformat()
    for access_token, given, expected in (
        (theirs, {"niveau": "LECTURE"}, ("DROIT_NON_DETENU", "rubrique")),
        (heads, {"niveau": "SIGNATURE"}, ("DROIT_INVALIDE", "niveau")),
        (heads, {"niveau": "LECTURE", "jusquAu": past}, ("DROIT_INVALIDE", "jusquAu")),
        (heads, {"niveau": "LECTURE", "jusquAu": "2099-01-01T00:00:00"}, ("DROIT_INVALIDE", "jusquAu")),
        (heads, {"niveau": "LECTURE", "formation": "2025/1"}, ("DROIT_INVALIDE", "formation")),
        (heads, {"niveau": "LECTURE", "uai": "9999999Z"}, ("INTROUVABLE", "uai")),
    ):
        asked = entree(administrator) | given
        (refus,) = (await data(identity, access_token, DONNER, entree=asked))["donnerDroit"]["refus"]
        assert (refus["code"], refus["champ"]) == expected
        assert refus["message"].endswith(".")


async def test_the_academie_gives_to_its_administrators_what_it_holds(identity: Identity) -> None:
    academie = await identity.account(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"))
    administrator, far = (
        await identity.account(ADMIN),
        await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=LILLE)),
    )
    theirs = await token(academie)
    asked = entree(administrator, rubrique="PILOTAGE", niveau="LECTURE")
    assert (await data(identity, theirs, DONNER, entree=asked))["donnerDroit"]["refus"] == []
    asked = entree(far, LILLE, rubrique="PILOTAGE", niveau="LECTURE")
    refused = await data(identity, theirs, DONNER, entree=asked)
    assert refused["donnerDroit"]["refus"][0]["code"] == "INTROUVABLE"


async def test_an_account_is_seen_by_itself_and_by_who_manages_it(identity: Identity) -> None:
    user, colleague = await identity.account(GESTIONNAIRE), await identity.account(GESTIONNAIRE)
    administrator = await identity.account(ADMIN)
    far = await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=LILLE))
    query = "query($id: ID!) { compte(id: $id) { nom } }"
    entities = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Compte { nom } } }"
    reference = [{"__typename": "Compte", "id": user.compte.id}]
    for reader, seen in ((user, True), (administrator, True), (colleague, False), (far, False)):
        theirs = await token(reader)
        if seen:
            assert (await data(identity, theirs, query, id=user.compte.id))["compte"]["nom"] == "Dupont"
            assert (await data(identity, theirs, entities, r=reference))["_entities"] == [{"nom": "Dupont"}]
        else:
            assert await code(identity, theirs, query, id=user.compte.id) == "INTROUVABLE"
            assert await code(identity, theirs, entities, r=reference) == "INTROUVABLE"


async def test_the_users_of_an_establishment_come_page_by_page_to_who_manages_them(identity: Identity) -> None:
    uai = "0940003C"
    administrator = await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai), nom="Zola")
    for nom in ("Étienne", "bloch", "Camus"):
        await identity.account(RoleTenu(role=Role.GESTIONNAIRE, uai=uai), nom=nom)
    # As those were that were last written before the key of lists was kept.
    await identity.deps.database[COMPTES.name].update_many({"roles.uai": uai}, {"$unset": {"tri": ""}})
    await set_sort_keys(identity.deps.database)
    outsider = await identity.account(GESTIONNAIRE)
    query = """query($uai: ID!, $first: Int!, $after: String) { utilisateurs(uai: $uai, first: $first, after: $after) {
      totalCount pageInfo { hasNextPage endCursor } edges { node { nom } } } }"""
    theirs, names, after = await token(administrator), [], None
    for _ in range(3):
        page = (await data(identity, theirs, query, uai=uai, first=2, after=after))["utilisateurs"]
        assert page["totalCount"] == 4
        names += [edge["node"]["nom"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert names == ["bloch", "Camus", "Étienne", "Zola"]
    nothing = (await data(identity, await token(outsider), query, uai=uai, first=2))["utilisateurs"]
    assert (nothing["totalCount"], nothing["edges"]) == (0, [])


async def test_what_offre_publishes_of_establishments_is_kept(identity: Identity) -> None:
    settings, uai = identity.settings, "0940009J"
    message = offre_pb2.Etablissement(uai=uai, academie="creteil")
    event = Event(topic="offre.etablissements.v1", key=uai, version=Version(1, 1), message=message)
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await producer.start()
    await producer.send_and_wait(
        settings.prefixe_topics + event.topic,
        message.SerializeToString(),
        key=uai.encode(),
        headers=event.headers(source="offre", time=identity.deps.clock().isoformat()),
    )
    await producer.stop()

    async def kept() -> bool:
        lieu = await find_lieu(identity.deps.database, uai)
        return lieu is not None and (lieu.academie, lieu.region_academique) == ("creteil", "10")

    await eventually(kept)


async def test_rights_are_given_and_taken_by_who_proved_itself_within_ten_minutes(identity: Identity) -> None:
    administrator, user = await identity.account(ADMIN), await identity.account(GESTIONNAIRE)
    good, key = await token(administrator), identity.deps.trousseau.signing_key
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    claims = jwt.decode(good, key, algorithms=["ES256"]).claims
    for changed in ({"auth_time": claims["auth_time"] - 660}, {"acr": "1", "amr": ["pwd"]}):
        weak = jwt.encode(header, claims | changed, key, algorithms=["ES256"])
        for query, given in ((DONNER, entree(user, niveau="LECTURE")), (RETIRER, entree(user))):
            answer = (await post(identity, weak, query, entree=given)).json()
            assert answer["data"] is None
            expected = {"code": "PREUVE_INSUFFISANTE", "acrValues": "2", "maxAge": 600}
            assert answer["errors"][0]["extensions"] == expected
    given = await data(identity, good, DONNER, entree=entree(user, niveau="LECTURE"))
    assert given["donnerDroit"]["refus"] == []
