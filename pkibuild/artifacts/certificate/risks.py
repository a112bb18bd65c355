"""Risks of a certificate that is issued."""

from __future__ import annotations

from collections.abc import Callable

from pkibuild.core.times import format_date, same_span
from pkibuild.core.values import dataclass
from pkibuild.model.facts import CertificateFacts, Profile
from pkibuild.model.manifest import Validity
from pkibuild.model.plan import Reason
from pkibuild.review.fields import usage_list
from pkibuild.review.risks import lengthened, quoted_list
from pkibuild.x509 import contents


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate before and after a plan."""

    before: CertificateFacts | None
    asked_end: int | None
    """The end that was declared for the one before; None where nothing is recorded."""
    after: Profile
    validity: Validity
    issuer: str
    """Id of the authority that signs; empty for a self-signed one."""
    reasons: tuple[Reason, ...]


def _new_authority(one: Issued) -> Reason | None:
    if one.before is not None or not one.after.ca:
        return None
    what = f"a new authority under `{one.issuer}`" if one.issuer else "a new root"
    limits = _limits(one.after)
    return Reason("new-authority", f"{what}{limits}")


def _limits(profile: Profile) -> str:
    if profile.constraints:
        return ", for the names that its constraints allow"
    return ", which may issue for any name"


def _constraints(one: Issued) -> Reason | None:
    if one.before is None or not one.after.ca:
        return None
    from pkibuild.review.widening import widened

    more = widened(one.before.constraints, one.after.constraints)
    return Reason("constraints-widened", f"it may issue for more names: {quoted_list(more)}") if more else None


def _path_length(one: Issued) -> Reason | None:
    if one.before is None or not one.after.ca or one.before.path_length is None:
        return None
    before, after = one.before.path_length, one.after.path_length
    if after is not None and after <= before:
        return None
    told = "any number of" if after is None else str(after)
    return Reason("path-length-widened", f"{told} levels of authorities may stand below it, {before} before")


def _wildcard(one: Issued) -> Reason | None:
    known = one.before.names.dns if one.before else ()
    new = [name for name in one.after.names.dns if name.startswith("*.") and name not in known]
    return Reason("new-wildcard", f"{quoted_list(new)} stands for every name of that level") if new else None


def _longer(one: Issued) -> Reason | None:
    if one.before is None or all(reason.code != "validity-changed" for reason in one.reasons):
        return None
    start, end = one.before.not_before, one.before.not_after if one.asked_end is None else one.asked_end
    if one.validity.seconds is not None:
        span = end - start + 1
        longer = one.validity.seconds > span and not same_span(one.validity.seconds, span)
        return lengthened(span, one.validity.seconds) if longer else None
    assert one.validity.not_after is not None
    if one.validity.not_after <= end:
        return None
    return Reason("longer-validity", f"valid until {format_date(one.validity.not_after)}, {format_date(end)} before")


def _usage(one: Issued) -> Reason | None:
    if one.before is None or one.after.ca:
        return None
    added = [usage for usage in contents.usages(one.after) if usage not in one.before.usages]
    return (
        Reason("usage-added", f"it may be used for {quoted_list(usage_list(tuple(added)))} as well") if added else None
    )


ISSUED: tuple[Callable[[Issued], Reason | None], ...] = (
    _new_authority,
    _constraints,
    _path_length,
    _wildcard,
    _longer,
    _usage,
)


def issued_risks(one: Issued) -> tuple[Reason, ...]:
    return tuple(risk for check in ISSUED if (risk := check(one)) is not None)
