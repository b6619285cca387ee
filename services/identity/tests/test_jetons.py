"""Tokens that serve once, and what their second use ends (architecture §6)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import timedelta

import pyotp
import pytest
from aiokafka import AIOKafkaConsumer

from infra.local.connexion import REDIRECTION, ConnexionRefusee, Jetons, Navigateur, exchange, refresh
from kit.consumer.messages import Received, decode
from kit.errors import Unavailable
from kit.http import open_client
from kit.mongo import open_database
from kit.testing.waiting import eventually
from proto.identity.v1 import habilitations_pb2
from services.identity.deps import Deps, make_deps
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.courriels import CourrielPris
from services.identity.domain.facteurs import Facteur
from services.identity.domain.liens import LienInvalide
from services.identity.domain.tentatives import SECONDS_FACTEURS
from services.identity.store.connexions import ESSAIS_PAR_CODE
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire
from services.identity.usecases.comptes import NouveauCompte, activate, create_compte, disable, issue_link
from services.identity.usecases.connexion import check_password
from services.identity.usecases.en_cours import ConnexionExpiree, find_in_progress
from services.identity.usecases.ouverture import open_session
from services.identity.usecases.seconds_facteurs import CodeRefuse, send_code, show_code, show_totp
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
ADMINISTRATEUR = RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai="0940001A")
VERIFIER = "a-verifier-of-more-than-forty-three-characters-long"
AT_ONCE = 20


@pytest.fixture(scope="module")
async def instances(identity: Identity) -> AsyncIterator[Sequence[Deps]]:
    """Two processes of the service over one store."""
    settings = identity.settings
    database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}identity")
    other = make_deps(settings, database, settings.open_vault())
    await other.trousseau.load()
    yield identity.deps, other
    other.hasher.close()
    database.client.close()


async def successes(attempts: Sequence[Awaitable[object]], *refusals: type[Exception]) -> int:
    """How many succeed when all are made at once; whatever fails otherwise than by a refusal fails the test."""
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, refusals):
            raise outcome
    return sum(not isinstance(outcome, BaseException) for outcome in outcomes)


async def revoked(identity: Identity) -> set[str]:
    """The sessions that every service was told have ended."""
    settings = identity.settings
    consumer = AIOKafkaConsumer(
        f"{settings.prefixe_topics}identity.revocations.v1",
        bootstrap_servers=settings.kafka_bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        found = await consumer.getmany(timeout_ms=400)
    finally:
        await consumer.stop()
    events: list[Received[habilitations_pb2.Revocation]] = [
        decode(record, habilitations_pb2.Revocation) for records in found.values() for record in records
    ]
    assert all(event.message is not None and event.message.session == event.key for event in events)
    return {event.key for event in events}


async def sid(identity: Identity, jetons: Jetons) -> str:
    return (await identity.verifier.verify(jetons.access_token)).sid


async def asks_who(identity: Identity, jetons: Jetons) -> int:
    """How the provider answers to the access token."""
    async with open_client() as http:
        headers = {"authorization": f"Bearer {jetons.access_token}"}
        return (await http.get(f"{identity.url}/userinfo", headers=headers)).status_code


@pytest.fixture
async def browser(identity: Identity) -> Navigateur:
    """A browser in which a person is signed in."""
    opened = (await identity.account(GESTIONNAIRE)).browser()
    await opened.sign_in()
    return opened


async def test_a_refresh_token_gives_the_next_one_of_the_same_session(identity: Identity, browser: Navigateur) -> None:
    first = await browser.sign_in()
    second = await refresh(browser._http, identity.url, first)
    third = await refresh(browser._http, identity.url, second)
    assert len({j.refresh_token for j in (first, second, third)}) == 3
    assert {await sid(identity, j) for j in (first, second, third)} == {await sid(identity, first)}


@pytest.mark.exigence("ASVS 7.3.2", "ANSSI session")
async def test_no_session_lasts_longer_than_a_working_day(identity: Identity, browser: Navigateur) -> None:
    jetons = await browser.sign_in()
    database = identity.deps.database
    famille = await database.familles.find_one({"_id": await sid(identity, jetons)})
    assert famille is not None
    session = await database.sessions.find_one({"_id": famille["session"]})
    assert session is not None
    day = timedelta(minutes=identity.settings.duree_session_minutes)
    assert session["expire_le"] == famille["expire_le"] == session["authentifie_le"] + day
    await database.sessions.update_one({"_id": session["_id"]}, {"$set": {"expire_le": identity.deps.clock()}})
    with pytest.raises(ConnexionRefusee, match="login_required"):
        await browser.sign_in(prompt="none")
    await database.familles.update_one({"_id": famille["_id"]}, {"$set": {"expire_le": identity.deps.clock()}})
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await refresh(browser._http, identity.url, jetons)


@pytest.mark.exigence("ASVS 7.3.1", "ASVS 10.4.8", "ANSSI session")
async def test_whoever_uses_nothing_for_an_hour_signs_in_again(identity: Identity, browser: Navigateur) -> None:
    jetons = await browser.sign_in()
    famille = await identity.deps.database.familles.find_one({"_id": await sid(identity, jetons)})
    assert famille is not None
    waiting = await identity.deps.database.jetons.find_one({"famille": famille["_id"]})
    assert waiting is not None
    hour = timedelta(minutes=identity.settings.pause_session_minutes)
    assert abs(waiting["expire_le"] - famille["authentifie_le"] - hour) < timedelta(minutes=1)

    long_ago = {"$set": {"vue_le": famille["authentifie_le"] - hour}}
    await identity.deps.database.sessions.update_one({"_id": famille["session"]}, long_ago)
    # A client is still at work: so is the person.
    assert (await browser.sign_in(prompt="none")).access_token

    await identity.deps.database.sessions.update_one({"_id": famille["session"]}, long_ago)
    ours = [row["_id"] async for row in identity.deps.database.familles.find({"session": famille["session"]})]
    expired = {"$set": {"expire_le": identity.deps.clock()}}
    await identity.deps.database.jetons.update_many({"famille": {"$in": ours}}, expired)
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await refresh(browser._http, identity.url, jetons)
    with pytest.raises(ConnexionRefusee, match="login_required"):
        await browser.sign_in(prompt="none")


@pytest.mark.exigence("ASVS 10.4.5")
async def test_a_refresh_token_used_twice_ends_its_family_and_every_service_is_told(
    identity: Identity, browser: Navigateur
) -> None:
    first = await browser.sign_in()
    second = await refresh(browser._http, identity.url, first)
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await refresh(browser._http, identity.url, first)
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await refresh(browser._http, identity.url, second)
    assert await asks_who(identity, second) == 401
    ended = await sid(identity, first)

    async def told() -> bool:
        return ended in await revoked(identity)

    await eventually(told)
    again = await browser.sign_in(prompt="none")
    assert await sid(identity, again) != ended


@pytest.mark.exigence("ASVS 10.4.5")
async def test_twenty_uses_of_one_refresh_token_at_once_succeed_once(identity: Identity, browser: Navigateur) -> None:
    jetons = await browser.sign_in()
    attempts = [refresh(browser._http, identity.url, jetons) for _ in range(AT_ONCE)]
    assert await successes(attempts, ConnexionRefusee) == 1
    assert await asks_who(identity, jetons) == 401


@pytest.mark.exigence("ASVS 10.4.2")
async def test_twenty_uses_of_one_code_at_once_succeed_once_and_end_what_it_gave(
    identity: Identity, browser: Navigateur
) -> None:
    code = await browser.authorize(VERIFIER)
    given: list[Jetons] = []

    async def use() -> None:
        given.append(await exchange(browser._http, identity.url, code, VERIFIER, browser.client_id))

    assert await successes([use() for _ in range(AT_ONCE)], ConnexionRefusee) == 1
    assert await asks_who(identity, given[0]) == 401


@pytest.mark.exigence("ASVS 10.4.2")
async def test_a_code_used_twice_ends_what_it_gave_even_without_its_verifier(
    identity: Identity, browser: Navigateur
) -> None:
    code = await browser.authorize(VERIFIER)
    jetons = await exchange(browser._http, identity.url, code, VERIFIER, browser.client_id)
    assert await asks_who(identity, jetons) == 200
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await exchange(browser._http, identity.url, code, VERIFIER + "x", browser.client_id)
    assert await asks_who(identity, jetons) == 401
    with pytest.raises(ConnexionRefusee):
        await refresh(browser._http, identity.url, jetons)


@pytest.mark.exigence("ASVS 10.4.3")
async def test_a_code_serves_for_one_minute(identity: Identity, browser: Navigateur) -> None:
    code = await browser.authorize(VERIFIER)
    expired = identity.deps.clock()
    await identity.deps.database.codes.update_many({"utilise_le": None}, {"$set": {"expire_le": expired}})
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await exchange(browser._http, identity.url, code, VERIFIER, browser.client_id)


async def test_one_code_of_the_application_shown_in_many_sign_ins_at_once_opens_one(
    identity: Identity, instances: Sequence[Deps]
) -> None:
    someone = await identity.account(GESTIONNAIRE)
    # As many as the counter of codes lets through: none is refused for any other reason than that the code was used.
    deps = [instances[n % 2] for n in range(SECONDS_FACTEURS.nombre)]
    secrets = [await _password(one, someone) for one in deps]
    assert someone.personne.totp is not None
    code = pyotp.TOTP(someone.personne.totp).now()
    attempts = [show_totp(one, secret, code) for one, secret in zip(deps, secrets, strict=True)]
    assert await successes(attempts, CodeRefuse) == 1


@pytest.mark.exigence("ASVS 6.5.1", "ASVS 6.6.2")
async def test_one_mailed_code_shown_as_often_at_once_as_it_may_be_tried_succeeds_once(
    identity: Identity, instances: Sequence[Deps]
) -> None:
    someone = await identity.account(GESTIONNAIRE, totp=False)
    secret = await _password(identity.deps, someone)
    await send_code(identity.deps, secret, Facteur.COURRIEL)
    code = await someone.browser().boite.code_after(someone.personne.courriel, 0)
    attempts = [show_code(instances[n % 2], secret, code, Facteur.COURRIEL) for n in range(ESSAIS_PAR_CODE)]
    # Whoever comes after finds a code that was used, or a sign-in that has gone on.
    assert await successes(attempts, CodeRefuse, ConnexionExpiree) == 1


async def test_a_sign_in_opens_one_session_however_often_it_is_finished(
    identity: Identity, instances: Sequence[Deps]
) -> None:
    someone = await identity.account(GESTIONNAIRE)
    secret = await _password(identity.deps, someone)
    assert someone.personne.totp is not None
    await show_totp(identity.deps, secret, pyotp.TOTP(someone.personne.totp).now())
    done = await find_in_progress(identity.deps, secret)
    attempts = [open_session(instances[n % 2], done) for n in range(AT_ONCE)]
    assert await successes(attempts, ConnexionExpiree) == 1


async def test_six_uses_of_one_activation_link_at_once_succeed_once(
    identity: Identity, instances: Sequence[Deps]
) -> None:
    compte = await create_compte(
        identity.deps, NouveauCompte(courriel="zoe.vidal@ac-creteil.fr", nom="Vidal", prenom="Zoé"), par=OPERATEUR
    )
    secret = await issue_link(identity.deps, compte)
    attempts = [activate(instances[n % 2], secret, MOT_DE_PASSE) for n in range(6)]
    # Who loses to all five others, one after the other, is told to try again.
    assert await successes(attempts, LienInvalide, Unavailable) == 1


async def test_one_address_claimed_at_once_from_two_processes_has_one_account(instances: Sequence[Deps]) -> None:
    nouveau = NouveauCompte(courriel="double.emploi@ac-creteil.fr", nom="Emploi", prenom="Double")
    attempts = [create_compte(instances[n % 2], nouveau, par=OPERATEUR) for n in range(AT_ONCE)]
    assert await successes(attempts, CourrielPris) == 1
    assert await instances[0].database.comptes.count_documents({"courriel": nouveau.courriel}) == 1


async def test_a_claim_whose_process_died_is_taken_over(identity: Identity) -> None:
    nouveau = NouveauCompte(courriel="orpheline.adresse@ac-creteil.fr", nom="Adresse", prenom="Orpheline")
    key = identity.deps.trousseau.empreinte("courriel", nouveau.courriel)
    long_ago = {"_id": key, "compte": "01MORT", "etat": "PRIS", "pris_le": identity.deps.clock().replace(year=2024)}
    await identity.deps.database.courriels.insert_one(long_ago)
    assert (await create_compte(identity.deps, nouveau, par=OPERATEUR)).courriel == nouveau.courriel


async def test_a_revoked_refresh_token_ends_its_family(identity: Identity, browser: Navigateur) -> None:
    jetons = await browser.sign_in()
    for token in (jetons.refresh_token, "inconnu"):
        answer = await browser._http.post(
            f"{identity.url}/revoke", data={"token": token, "client_id": browser.client_id}
        )
        assert answer.status_code == 200
    assert await asks_who(identity, jetons) == 401
    with pytest.raises(ConnexionRefusee):
        await refresh(browser._http, identity.url, jetons)


async def test_an_access_token_can_be_revoked_and_by_its_own_client_only(
    identity: Identity, browser: Navigateur
) -> None:
    jetons = await browser.sign_in()
    asked = {"token": jetons.access_token, "token_type_hint": "access_token"}
    answer = await browser._http.post(f"{identity.url}/revoke", data=asked | {"client_id": "web"})
    assert answer.json()["error"] == "invalid_grant"
    assert await asks_who(identity, jetons) == 200
    await browser._http.post(f"{identity.url}/revoke", data=asked | {"client_id": browser.client_id})
    assert await asks_who(identity, jetons) == 401


async def test_a_refresh_token_is_its_clients_alone(identity: Identity, browser: Navigateur) -> None:
    jetons = await browser.sign_in()
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await refresh(browser._http, identity.url, jetons, client_id="web")
    assert (await refresh(browser._http, identity.url, jetons)).refresh_token


@pytest.mark.exigence("ASVS 7.4.1", "ASVS 7.6.1")
async def test_signing_out_ends_every_family_of_the_browser_and_no_other(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE, totp=False)
    here, elsewhere = someone.browser(), someone.browser()
    one, two, other = await here.sign_in(), await here.sign_in(), await elsewhere.sign_in()
    await here._http.get(f"{identity.url}/logout", params={"id_token_hint": two.id_token})
    assert [await asks_who(identity, jetons) for jetons in (one, two, other)] == [401, 401, 200]
    gone = {await sid(identity, one), await sid(identity, two)}

    async def told() -> bool:
        return gone <= await revoked(identity)

    await eventually(told)


@pytest.mark.exigence("ASVS 7.4.2", "ANSSI revocation")
async def test_a_disabled_account_loses_its_tokens_its_codes_and_its_session(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    browser = someone.browser()
    jetons, code = await browser.sign_in(), await browser.authorize(VERIFIER)
    await disable(identity.deps, someone.compte.id, par=OPERATEUR)
    assert await asks_who(identity, jetons) == 401
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await refresh(browser._http, identity.url, jetons)
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await exchange(browser._http, identity.url, code, VERIFIER, browser.client_id)
    with pytest.raises(ConnexionRefusee, match="login_required"):
        await browser.sign_in(prompt="none")


async def test_who_becomes_an_administrator_is_signed_out_everywhere_and_comes_back_with_three_factors(
    identity: Identity,
) -> None:
    someone = await identity.account(GESTIONNAIRE)
    browser = someone.browser()
    jetons, code = await browser.sign_in(), await browser.authorize(VERIFIER)
    ended = await sid(identity, jetons)
    await identity.give_role(someone, ADMINISTRATEUR)
    assert await asks_who(identity, jetons) == 401
    await nothing_is_renewed(identity.url, browser, jetons, code)

    async def told() -> bool:
        return ended in await revoked(identity)

    await eventually(told, within=5)
    again = await browser.sign_in()
    assert (await identity.verifier.verify(again.access_token)).acr == "3"
    await identity.give_role(someone, RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai="0940002B"))
    assert await asks_who(identity, again) == 200, "three factors were shown already"


async def test_when_a_role_is_made_to_ask_for_three_factors_what_two_gave_is_not_renewed(identity: Identity) -> None:
    browser = (await identity.account(GESTIONNAIRE)).browser()
    jetons, code = await browser.sign_in(), await browser.authorize(VERIFIER)
    async with identity.stricter(GESTIONNAIRE.role) as url:
        await nothing_is_renewed(url, browser, jetons, code)
    assert (await refresh(browser._http, identity.url, jetons)).refresh_token


async def nothing_is_renewed(url: str, browser: Navigateur, jetons: Jetons, code: str) -> None:
    """The provider at `url` gives nothing for the refresh token, nor for the code."""
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await refresh(browser._http, url, jetons)
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await exchange(browser._http, url, code, VERIFIER, browser.client_id)


async def test_refreshing_races_with_revoking_and_leaves_nothing_alive(identity: Identity, browser: Navigateur) -> None:
    for _ in range(5):
        jetons = await browser.sign_in()

        async def use(jetons: Jetons = jetons) -> Jetons:
            return await refresh(browser._http, identity.url, jetons)

        revoke = browser._http.post(
            f"{identity.url}/revoke", data={"token": jetons.refresh_token, "client_id": browser.client_id}
        )
        outcomes = await asyncio.gather(use(), revoke, return_exceptions=True)
        if isinstance(outcomes[0], Jetons):
            with pytest.raises(ConnexionRefusee):
                await refresh(browser._http, identity.url, outcomes[0])
        assert await asks_who(identity, jetons) == 401


async def _password(deps: Deps, who: Titulaire) -> str:
    return await check_password(deps, who.personne.courriel, MOT_DE_PASSE, demande=f"redirect_uri={REDIRECTION}")
