"""What follows from keys and certificates: bundles put together from them, and configs that name their paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pkibuild.artifacts.configs import MASK, Texts
from pkibuild.artifacts.entries import bundle_entry, config_entry
from pkibuild.artifacts.issuers import IssuerView
from pkibuild.artifacts.issuers import Link as ChainLink
from pkibuild.artifacts.moves import Moves, moving, observed, only_moving
from pkibuild.artifacts.pairs import Context, PairView
from pkibuild.core.diagnostics import UserError
from pkibuild.model.desired import KEY_MODE, BundleWant, ConfigWant, Unit
from pkibuild.model.facts import sha
from pkibuild.model.plan import NOT_BUILT, Action, Change, Pending, Reason, Verb
from pkibuild.model.recipes import Assemble, Link, Part, SetMode, Write
from pkibuild.observe.parts import certificate_part, key_part
from pkibuild.observe.source import BundleSeen, ConfigSeen
from pkibuild.review.hunks import text_changes


def plan_bundle(
    context: Context, want: BundleWant, unit: Unit, pairs: Mapping[str, PairView], views: Mapping[str, IssuerView]
) -> None:
    """Decide on a chain, a DER form, or a key with its chain."""
    draft = context.draft
    view = pairs[want.pair]
    sources = sources_of(want, pairs, views)
    if sources is None or any(one.id == view.pair.certificate.id for one in draft.pending):
        draft.wait(Pending(want.id, "certificate-waits", "its certificate cannot be issued now", want.place))
        return
    wanted = tuple(part for _, _, part in sources)
    seen, moves = observed(context.source, want, lambda one: context.source.bundle(one, unit))
    needs = draft.will(*(id for id, _, _ in sources))
    if seen.state == "closed" and not needs:  # a key that cannot be read here
        draft.seen.add(want.id)
        draft.unchanged += 1
        return
    if seen.state == "present" and None not in wanted and seen.parts == wanted:
        _keep_bundle(context, want, seen, moves)
        return
    if not seen.ours:
        _refuse_foreign(context, want)
        return
    verb, reason = _bundle_reason(seen, wanted, needs)
    parts = tuple(Part(_role(id), path) for id, path, _ in sources)
    recipe = Assemble(want.path, parts, want.der, want.mode, keep_copy=reason.code == "edited-by-hand")
    action = Action(want.id, want.kind, verb, (reason,), recipe, (want.path,), needs=needs, place=want.place)
    draft.add(moving(action, moves))


def _refuse_foreign(context: Context, want: BundleWant | ConfigWant) -> None:
    context.draft.seen.add(want.id)
    context.draft.problems.error(
        "not-ours",
        f"`{want.path}` is there already, and pkibuild did not make it",
        want.place,
        "move it away; nothing that is not ours is overwritten",
    )


def _role(id: str) -> Literal["key", "certificate"]:
    return "key" if id.endswith("/key") else "certificate"


def sources_of(
    want: BundleWant, pairs: Mapping[str, PairView], views: Mapping[str, IssuerView]
) -> list[tuple[str, str, str | None]] | None:
    """`(id, path, part)` of every block in order; None when one of them will not exist."""
    found: list[tuple[str, str, str | None]] = []
    view = pairs[want.pair]
    issuer = views.get(view.pair.certificate.issuer)
    leaf = _leaf(view)
    for part in want.parts:
        if part == "key":
            key = view.pair.key
            found.append((key.id, key.path, key_part(view.public) if view.public else None))
            continue
        if part == "leaf":
            links: tuple[ChainLink, ...] = (leaf,)
            there = view.certificate
        elif part == "chain":
            links = issuer.chain(view.issuer_key_id) if issuer else ()
            there = view.certificate
        elif part == "root":
            links = (issuer.root_of(view.issuer_key_id),) if issuer else (leaf,)
            there = view.certificate
        elif part in pairs:
            links, there = (_leaf(pairs[part]),), pairs[part].certificate
        else:
            anchor = views[part.removeprefix("authority/")]
            links, there = (anchor.link,), anchor.certificate
        if not there:
            return None
        found += [(one.id, one.path, certificate_part(one.fingerprint) if one.fingerprint else None) for one in links]
    return found


def _leaf(view: PairView) -> ChainLink:
    certificate = view.pair.certificate
    return ChainLink(certificate.id, certificate.path, view.fingerprint)


def _bundle_reason(seen: BundleSeen, wanted: tuple[str | None, ...], needs: tuple[str, ...]) -> tuple[Verb, Reason]:
    if seen.state == "absent":
        if seen.remembered is None or needs:
            return ("new", NOT_BUILT) if seen.remembered is None else (
                "refresh", Reason("parts-changed", "what is in it changes", needs))  # fmt: skip
        return "restore", Reason("missing", "it is missing")
    if needs:
        return "refresh", Reason("parts-changed", "what is in it changes", needs)
    if seen.remembered == wanted:
        return "restore", Reason("edited-by-hand", "it was changed by hand, and is put back")
    return "refresh", Reason("parts-changed", "what is in it changed")


def _keep_bundle(context: Context, want: BundleWant, seen: BundleSeen, moves: Moves) -> None:
    if want.secret and seen.mode is not None and seen.mode & 0o077:
        reason = Reason("mode-changed", f"its mode was {seen.mode:04o}, and others could read it")
        recipe = SetMode(want.path, KEY_MODE)
        action = Action(want.id, want.kind, "restore", (reason,), recipe, (want.path,), place=want.place)
        context.draft.add(moving(action, moves))
        return
    if moves:
        context.draft.add(only_moving(want, want.kind, moves))
        return
    context.draft.keep(bundle_entry(want, seen.parts))


# -- configs -----------------------------------------------------------------------------------------------------------


def plan_config(context: Context, want: ConfigWant, unit: Unit, texts: Texts) -> None:
    """Decide on a config: what it was rendered from is compared first, and its text only when that differs."""
    seen, moves = observed(context.source, want, lambda one: context.source.config(one, unit))
    known = texts.inputs(want, public=True)
    inputs = texts.inputs(want) if want.secret and not context.source.lock_only else known
    if seen.state == "present" and seen.inputs == inputs and seen.digest == seen.remembered and _mode_fits(want, seen):
        _keep_config(context, want, seen, seen.masked or texts.masked(want), known, moves)
        return
    data, masked = texts.render(want), texts.masked(want)
    # The lock does not know what a secret was: what changes in nothing else is no change where it alone is asked.
    same = seen.state == "present" and (seen.digest == sha(data) or bool(masked and seen.masked == masked))
    if same and _mode_fits(want, seen):
        _keep_config(context, want, seen, masked, known, moves)
        return
    if seen.state != "absent" and not seen.ours:
        _refuse_foreign(context, want)
        return
    verb, reason = _config_reason(seen, same)
    recipe = _config_recipe(want, data, reason.code == "edited-by-hand", known)
    changes = () if verb == "new" else _shown_changes(want, seen, data, texts)
    name = f"→ {want.link}" if want.link else want.path.rpartition("/")[2]
    action = Action(want.id, want.kind, verb, (reason,), recipe, (want.path,), changes, detail=name, place=want.place)
    context.draft.add(moving(action, moves))


def _config_recipe(want: ConfigWant, data: bytes, keep_copy: bool, inputs: str) -> Write | Link:
    if want.link:
        return Link(want.path, want.link, keep_copy)
    return Write(want.path, data, want.mode, keep_copy, inputs)


def _keep_config(context: Context, want: ConfigWant, seen: ConfigSeen, masked: str, inputs: str, moves: Moves) -> None:
    if moves:
        context.draft.add(only_moving(want, want.kind, moves))
    else:
        context.draft.keep(config_entry(want, seen.digest, masked, inputs))


def _shown_changes(want: ConfigWant, seen: ConfigSeen, data: bytes, texts: Texts) -> tuple[Change, ...]:
    """What changes in the text. One that holds secrets is shown only where both sides can be masked."""
    if seen.shown is not None:
        try:
            changes = text_changes(seen.shown, texts.shown(want, seen.secrets))
            return changes or ((Change("secret options", (MASK,), (MASK,)),) if seen.digest != sha(data) else ())
        except UserError:  # the template does more with a secret than to put it out
            return ()
    return () if want.secret or seen.data is None else text_changes(seen.data, data)


def _mode_fits(want: ConfigWant, seen: ConfigSeen) -> bool:
    return seen.mode is None or not seen.mode & ~want.mode & 0o077


def _config_reason(seen: ConfigSeen, same: bool) -> tuple[Verb, Reason]:
    if seen.state == "absent":
        if seen.ours:
            return "restore", Reason("missing", "it is missing")
        return "new", NOT_BUILT
    if seen.remembered and seen.digest != seen.remembered:
        return "restore", Reason("edited-by-hand", "it was changed by hand, and is put back")
    if same:
        return "restore", Reason("mode-changed", "its mode was changed")
    return "render", Reason("inputs-changed", "its options, paths or template changed", seen.because)
