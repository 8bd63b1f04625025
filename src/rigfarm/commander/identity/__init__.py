"""Who this Commander is: the key that its rigs know it by, and the certificate that it serves TLS with."""

from rigfarm.commander.identity.key import Identity, IdentityError

__all__ = ["Identity", "IdentityError"]
