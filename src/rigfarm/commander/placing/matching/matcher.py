"""One rule applied to one rig."""

from __future__ import annotations

from rigfarm.commander.placing.matching.addresses import Address, inside, read_range
from rigfarm.commander.placing.matching.pattern import Pattern, fill
from rigfarm.commander.placing.model import PlacingForm
from rigfarm.commander.rigs.model import Rig

__all__ = ["Matcher"]


class Matcher:
    """What a rule that was checked says of a rig."""

    def __init__(self, form: PlacingForm) -> None:
        self.form = form
        self.needs_address = bool(form.address)
        self._range = read_range(form.address) if form.address else None
        self._pattern = Pattern.parse(form.pattern) if form.pattern else None

    def place(self, rig: Rig, address: Address | None) -> str | None:
        """Where the rig belongs, its levels as the parts came out; None: the rule is not about it. An address that is
        not known is in no range."""
        if self.form.kind not in ("any", rig.kind):
            return None
        parts: dict[str, str] = {}
        if self._pattern is not None:
            found = self._pattern.match(rig.name)
            if found is None:
                return None
            parts |= found
        if self._range is not None:
            found = None if address is None else inside(address, self._range)
            if found is None:
                return None
            parts |= found
        return fill(self.form.place, parts)
