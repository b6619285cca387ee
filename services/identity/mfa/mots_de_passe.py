"""Hashing passwords, and telling how easily one is guessed."""

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

_ZXCVBN_LENGTH = 72
_zxcvbn_lock = threading.Lock()


class Hasher:
    """argon2id, a few at a time; by default with the parameters of RFC 9106 §4 for little memory (64 MiB, 3 passes).

    As many threads as cores: more would only hold more memory, for the same passwords a second.
    """

    def __init__(self, *, memoire_kio: int = 65_536, passes: int = 3) -> None:
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memoire_kio)
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="argon2")
        self._dummy = self._argon2.hash(secrets.token_urlsafe())

    async def hash(self, mot_de_passe: str) -> str:
        """The hash of a password, with its parameters and salt."""
        return await self._run(self._argon2.hash, mot_de_passe)

    async def verify(self, condensat: str | None, mot_de_passe: str) -> bool:
        """Whether the password is the one; without a hash, False in the same time."""
        right = await self._run(self._verify, condensat or self._dummy, mot_de_passe)
        return right and condensat is not None

    def is_outdated(self, condensat: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(condensat)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, condensat: str, mot_de_passe: str) -> bool:
        try:
            return self._argon2.verify(condensat, mot_de_passe)
        except (VerificationError, InvalidHashError):
            return False

    async def _run[*A, T](self, function: Callable[[*A], T], *arguments: *A) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def strength(mot_de_passe: str, mots_personnels: Iterable[str]) -> int:
    """How hard the password is to guess, from 0 to 4, by whoever knows its owner's words (zxcvbn's score).

    Only its first 72 characters count, which bounds the time; zxcvbn keeps the words in a table of its module, hence
    the lock.
    """
    with _zxcvbn_lock:
        score: int = zxcvbn(mot_de_passe[:_ZXCVBN_LENGTH], user_inputs=list(mots_personnels))["score"]
    return score
