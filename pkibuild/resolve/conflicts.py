"""What two artifacts or services of one unit cannot both have: a path, a folder below a link, a port."""

from __future__ import annotations

from pkibuild.core.diagnostics import Place, Problems
from pkibuild.model.desired import ConfigArtifact, Unit
from pkibuild.packs.pack import Expansion


def check_conflicts(unit: Unit, problems: Problems) -> None:
    """Add what clashes within a unit."""
    clashes = _check_paths(unit, problems)
    _check_links(unit, problems)
    if len(unit.expansions) > 1:
        _check_ports(unit.expansions, clashes, problems)


def _check_paths(unit: Unit, problems: Problems) -> set[tuple[Place, Place]]:
    """Two artifacts at one path: both places are shown, and returned. Of two services that clash once is enough."""
    clashes: set[tuple[Place, Place]] = set()
    taken: dict[str, Place] = {}
    wanted: list[tuple[str, Place]] = [
        (artifact.path, artifact.place) for artifact in unit.artifacts if not isinstance(artifact, ConfigArtifact)
    ]
    wanted += [(f"{unit.folder}/{file.path}", file.place) for one in unit.expansions for file in one.files]
    if len({path for path, _ in wanted}) == len(wanted):
        return clashes
    for path, place in wanted:
        if path in taken and (place, taken[path]) not in clashes:
            clashes.add((place, taken[path]))
            shown = path.removeprefix(unit.folder)
            problems.error(
                "same-path",
                f"two artifacts of `{unit.id}` would lie at `{shown}`",
                place,
                "give one of them another path or name",
                related=(("the other one is declared here", taken[path]),),
            )
        taken.setdefault(path, place)
    return clashes


def _check_links(unit: Unit, problems: Problems) -> None:
    """Nothing lies below a link: whoever unpacks a bundle would follow it."""
    links = [artifact for artifact in unit.artifacts if artifact.is_link]
    if not links:
        return
    built = (f"{unit.folder}/{file.path}" for one in unit.expansions for file in one.builds)
    paths = [*unit.paths, *built, *(path for path, _ in unit.folders)]
    for link in links:
        below = next((path for path in paths if path.startswith(f"{link.path}/")), None)
        if below is not None:
            shown = [path.removeprefix(unit.folder) for path in (below, link.path)]
            problems.error(
                "same-path", f"`{shown[0]}` of `{unit.id}` would lie below the link `{shown[1]}`", link.place,
                "give one of them another path",
            )  # fmt: skip


def _check_ports(expansions: tuple[Expansion, ...], clashes: set[tuple[Place, Place]], problems: Problems) -> None:
    """Two services of a host on a port that they cannot share: both places are shown, unless they clash already."""
    ports = [(one, port) for one in expansions for port in one.ports]
    for index, (expansion, port) in enumerate(ports):
        for other, earlier in ports[:index]:
            if other is not expansion and port.clashes(earlier):
                if (port.place, earlier.place) in clashes:
                    break
                clashes.add((port.place, earlier.place))
                problems.error(
                    "same-port",
                    f"port {port.number} of host `{expansion.host}` is taken by service `{other.service}` already",
                    port.place,
                    "give one of the two another port or address",
                    related=(("the other one is declared here", earlier.place),),
                )
                break
