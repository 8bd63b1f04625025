"""`Idempotency-Key`: a request that creates or does something can be sent again, and is carried out once."""

from rigfarm.commander.idempotency.middleware import Idempotent
from rigfarm.commander.idempotency.store import Answer, Answers

__all__ = ["Answer", "Answers", "Idempotent"]
