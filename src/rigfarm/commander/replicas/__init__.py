"""Several Commanders of one farm: one leads, the others follow and take over when it is gone (docs/scale.md).

    the one that leads   journal row, what happened -> stream (NATS) -> its own files -> acknowledgement
    those that follow    stream -> their own journal and history, so that they start within seconds

What an operator configures is in the PostgreSQL that they share; it also says who leads (`lead`).
"""

from rigfarm.commander.replicas.leading import Leading, Replicas
from rigfarm.commander.replicas.replica import Replica
from rigfarm.commander.replicas.standby import Switch

__all__ = ["Leading", "Replica", "Replicas", "Switch"]
