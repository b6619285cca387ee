"""Known devices: when the factors after the password are spared (domaine.md §3, ADR 031). Pure.

« A second factor is asked at the first connection and whenever the IP address changes, for everyone (an option, off by
default, spares addresses known for 30 days) ».
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

PAR_COMPTE = 10
"""≈ ours: how many devices of one account are known; another makes the one proved longest ago be forgotten."""
_ADRESSES = 10


def place(adresse: str) -> str:
    """What an address is compared by: an IPv4 address itself, of IPv6 the /64.

    A /64 is one network of one building. Within it machines change their address each day (RFC 8981): to ask for a
    factor each time would teach people to give one without thinking.
    """
    return _network(adresse, {4: 32, 6: 64})


def reseau(adresse: str) -> str:
    """The network that an address is of: /24, or /48 of IPv6, which one site is usually given."""
    return _network(adresse, {4: 24, 6: 48})


def _network(adresse: str, prefixes: dict[int, int]) -> str:
    found = ip_address(adresse)
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ip_network(f"{found}/{prefixes[found.version]}", strict=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A full sign-in from somewhere: the fingerprint of the place, and when."""

    lieu: str
    le: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Appareil:
    """A browser that an account has signed in with, by all the factors that were asked of it.

    Args:
        facteurs: how many were shown the last time.
        passages: from where, the last one last.
    """

    facteurs: int
    passages: Sequence[Passage]

    def spares(self, lieu: str, *, requis: int, now: datetime, jours: int) -> bool:
        """Whether, from that place, the password alone signs in: the place is the one of the last full sign-in.

        With `jours`, the option: or of one within so many days. Never where more factors are asked for than were shown.
        """
        if self.facteurs < requis:
            return False
        oldest = now - timedelta(days=jours)
        return lieu == self.passages[-1].lieu or any(one.lieu == lieu and one.le > oldest for one in self.passages)

    def proved(self, lieu: str, facteurs: int, *, now: datetime) -> "Appareil":
        """The device after another full sign-in."""
        others = [one for one in self.passages if one.lieu != lieu]
        return replace(self, facteurs=facteurs, passages=(*others, Passage(lieu=lieu, le=now))[-_ADRESSES:])
