"""Small ways into a JSON answer, so that a fake reads as what it changes."""

from __future__ import annotations

from rigfarm.simulate.asic.recorded import Json

__all__ = ["node", "nodes", "number", "scale", "scale_text"]


def node(answer: Json, *path: str | int) -> dict[str, Json]:
    """The object at `path`; the recorded answers are known, so a wrong path is our own mistake."""
    for step in path:
        match answer, step:
            case list(), int():
                answer = answer[step]
            case dict(), str():
                answer = answer[step]
            case _:
                raise KeyError(step)
    if not isinstance(answer, dict):
        raise KeyError(path)
    return answer


def nodes(answer: Json, *path: str | int) -> list[dict[str, Json]]:
    """The objects of the list at `path`."""
    holder = answer
    if path:
        last = path[-1]
        parent: Json = answer if len(path) == 1 else node(answer, *path[:-1])
        holder = parent.get(str(last)) if isinstance(parent, dict) else None
    if not isinstance(holder, list):
        raise KeyError(path)
    return [item for item in holder if isinstance(item, dict)]


def number(value: Json) -> float:
    """A recorded number, also where the device writes it as text; 0 for an empty one."""
    return float(value) if isinstance(value, (int, float, str)) and value != "" else 0.0


def scale(answer: dict[str, Json], factor: float, *keys: str) -> None:
    """Multiply numbers, keeping whole numbers whole."""
    for key in keys if factor != 1 else ():
        value = answer.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        answer[key] = round(value * factor) if isinstance(value, int) else round(value * factor, 6)


def scale_text(answer: dict[str, Json], factor: float, *keys: str) -> None:
    """Multiply numbers that the device writes as text."""
    for key in keys if factor != 1 else ():
        if isinstance(answer.get(key), str) and answer[key]:
            answer[key] = f"{number(answer[key]) * factor:.2f}"
