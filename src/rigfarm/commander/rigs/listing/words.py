"""Words of the search box: what of a rig they are looked for in."""

from __future__ import annotations

from rigfarm.commander.codes import mac_key
from rigfarm.commander.rigs.listing.fields import Check
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import RigStats

__all__ = ["Words"]


class Words:
    """Name, place and tags of rigs, what they are made of, what they mine and where."""

    def __init__(self) -> None:
        self._texts: dict[int, tuple[Rig, str]] = {}

    def check(self, word: str) -> Check:
        """Whether a rig has this word, which is casefolded."""
        return Check(self.texts, lambda texts: texts is not None and (word in texts[0] or word in texts[1]))

    def texts(self, rig: Rig, stats: RigStats) -> tuple[str, str]:
        """What is known of the rig, and what its log says."""
        found = self._texts.get(rig.id)
        if found is None or found[0] is not rig:
            found = self._texts[rig.id] = (rig, _folded(_words_of(rig)))
        if (log := stats.log) is None:
            return found[1], ""
        said = [log.lan_ip]
        for one in log.workloads:
            said += (one.coin, one.algorithm, one.pool, one.worker)
        return found[1], _folded(said)

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._texts.pop(rig_id, None)


def _folded(parts: list[str | None]) -> str:
    return "\n".join([part for part in parts if part]).casefold()


def _words_of(rig: Rig) -> list[str | None]:
    parts: list[str | None] = [rig.name, rig.place, *rig.tags]
    if (specs := rig.specs) is not None:
        parts += [specs.hostname, specs.cpu, specs.make, specs.model, specs.variant, specs.firmware, specs.mac]
        parts += [specs.serial, mac_key(specs.mac or "")]
        parts += [gpu.name for gpu in specs.gpus]
    return parts
