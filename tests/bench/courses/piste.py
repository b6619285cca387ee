"""Where races are run: two processes of `identity` on one store, and what is needed to prepare a round."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ulid import ULID

from kit.consumer.messages import Received
from kit.consumer.projections import upsert
from kit.http import open_client
from kit.versions import Version
from proto.offre.v1 import offre_pb2
from services.identity.condensats import condensat, new_secret
from services.identity.domain.comptes import Compte
from services.identity.domain.sessions import Famille, JetonEmis, Preuve, Session
from services.identity.store.etablissements import ETABLISSEMENTS, etablissement_document
from services.identity.store.work import Work
from services.identity.usecases.comptes import find_by_address, load
from services.identity.usecases.jetons import Connecte
from socle.identifiants import uai_letter
from socle.principal import RoleTenu
from socle.rubriques import Role
from tests.bench.served_identity import Served, serve_identity

CLIENT = "ligne-de-commande"
ACADEMIE = "creteil"
_HOUR = timedelta(hours=1)
_ROUNDS_OF_A_PAIR = 20


@dataclass(slots=True)
class Piste:
    """Where races are run: two processes, and what is needed to prepare a round."""

    served: Served
    _people: list[Compte] = field(default_factory=list)
    _secrets: dict[str, str] = field(default_factory=dict)
    _uai: int = 0
    _pair: list[str] = field(default_factory=list)
    _token: str = ""

    async def someone(self) -> tuple[Compte, str]:
        """An active account that nobody else has, and the secret of its application."""
        if not self._people:
            for personne in await self.served.people(100):
                compte = await find_by_address(self.served.deps, personne.courriel)
                self._people.append(compte)
                self._secrets[compte.id] = personne.totp or ""
        compte = self._people.pop()
        return compte, self._secrets[compte.id]

    async def sign_in_directly(self, compte: Compte, *, secret: str = "") -> Connecte:
        """A session opened a moment ago with every factor, whose cookie is `secret` where one is given."""
        now = self.served.deps.clock()
        preuve = Preuve(acr="3", amr=("pwd", "otp", "email"), le=now)
        session = Session(id=str(ULID()), compte=compte.id, preuve=preuve, expire_le=now + _HOUR, vue_le=now)

        async def body(work: Work) -> None:
            await work.sessions.open(session, condensat=condensat(secret or new_secret()))

        await self.served.deps.transact(body)
        return Connecte(session, compte)

    def refresh(self, value: str) -> tuple[str, dict[str, str]]:
        """What renews the tokens of the command line, and where."""
        return "/token", {"grant_type": "refresh_token", "refresh_token": value, "client_id": CLIENT}

    async def refresh_token(self, compte: Compte) -> tuple[str, str]:
        """A refresh token of the command line, and its family."""
        connecte, now, value = await self.sign_in_directly(compte), self.served.deps.clock(), new_secret()
        famille = Famille(
            id=str(ULID()),
            session=connecte.session.id,
            compte=compte.id,
            client=CLIENT,
            scope="openid",
            preuve=connecte.session.preuve,
            expire_le=now + _HOUR,
        )
        jeton = JetonEmis(condensat=condensat(value), famille=famille.id, expire_le=now + _HOUR)

        async def body(work: Work) -> None:
            await work.familles.open(famille)
            await work.jetons.issue(jeton)

        await self.served.deps.transact(body)
        return value, famille.id

    async def new_establishment(self) -> str:
        """An establishment of its own, which no other round has."""
        self._uai += 1
        digits = f"{self._uai:07d}"
        uai = digits + uai_letter(digits)
        message = offre_pb2.Etablissement(uai=uai, academie=ACADEMIE)
        row = (Received(uai, Version(1, 1), message), etablissement_document(message))
        await upsert(self.served.deps.database, ETABLISSEMENTS.name, [row])
        return uai

    async def administrators(self, uai: str) -> Sequence[Compte]:
        """Two accounts that administer it; they serve in some rounds, for what one stays in is kept."""
        if self._uai % _ROUNDS_OF_A_PAIR == 1:
            self._pair = [(await self.someone())[0].id for _ in range(2)]
        role = RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)
        return [await self._give_role(id, role) for id in self._pair]

    async def academy_token(self) -> str:
        """The token of an administrator of the académie, who has just signed in."""
        if self._uai % _ROUNDS_OF_A_PAIR == 1:
            role = RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie=ACADEMIE)
            academic = await self._give_role((await self.someone())[0].id, role)
            value, _ = await self.refresh_token(academic)
            path, asked = self.refresh(value)
            async with open_client(base_url=self.served.urls[0], timeout=60) as http:
                self._token = (await http.post(path, data=asked)).raise_for_status().json()["access_token"]
        return self._token

    async def _give_role(self, id: str, role: RoleTenu) -> Compte:
        async def body(work: Work) -> Compte:
            return await work.comptes.save((await load(work, id)).give_role(role))

        return await self.served.deps.transact(body)

    def form(self, secret: str) -> tuple[dict[str, str], dict[str, str]]:
        """The cookie of a page, and the proof in its form."""
        proof = self.served.deps.trousseau.empreinte("formulaire", secret)
        return {"cookie": f"connexion={secret}", "origin": self.served.settings.identity_url}, {"preuve": proof}


@asynccontextmanager
async def open_piste(mongodb_uri: str, kafka: str, folder: Path) -> AsyncIterator[Piste]:
    """Two processes over an empty store, for whom a password costs next to nothing."""
    async with serve_identity(mongodb_uri, kafka, folder, instances=2, cheap_hash=True) as served:
        yield Piste(served)
