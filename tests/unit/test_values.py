"""What all records have in common, whoever defines them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from msgspec.structs import replace

from pkibuild.core.diagnostics import Span
from pkibuild.core.values import Record, without
from pkibuild.keys.pem import Block
from pkibuild.model.desired import ConfigArtifact, Rights
from pkibuild.model.manifest import Service
from pkibuild.model.recipes import SetMode, Write
from pkibuild.packs.pack import Expansion
from pkibuild.state.lock.lock import Lock


class Sent(Record):
    x: int
    near: str = ""

    UNPRINTED = frozenset({"near"})

    def __reduce__(self) -> tuple[Any, ...]:
        return without(self, "near")


class Wrong(Record):
    x: int
    near: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return without(self, "x")


def test_records_cannot_be_changed() -> None:
    span = Span("pki.yaml", 3, 1)
    with pytest.raises(AttributeError):
        span.line = 4  # type: ignore[misc]  # that is what is tried
    with pytest.raises(AttributeError):
        del span.line
    assert replace(span, line=4) == Span("pki.yaml", 4, 1)
    assert span.line == 3


def test_records_are_equal_by_class_and_fields() -> None:
    assert SetMode("a", 1) == SetMode("a", 1) != SetMode("a", 2)
    assert hash(SetMode("a", 1)) == hash(SetMode("a", 1))
    assert Sent(1) != Sent(1, "here")


@pytest.mark.parametrize(
    "record",
    [
        Write("etc/x.conf", b"s3cret"),
        ConfigArtifact("x", "config", "x", Rights(), (), None, None, {"password": "s3cret"}),
        Service("mail", (), "smtp", ("a",), {"password": "s3cret"}),
        Expansion("mail", "a", contexts=({"password": "s3cret"},)),
        Block("PRIVATE KEY", b"s3cret", b"s3cret"),
        Lock("pki.yaml", "pki", _lines={"key/a": b"s3cret"}),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_may_be_secret_is_not_printed(record: Record) -> None:
    assert repr(record).startswith(f"{type(record).__name__}(")
    assert "s3cret" not in repr(record) + str(record) + str(record.__rich_repr__())
    assert all(name in record.__struct_fields__ for name in record.UNPRINTED)


def test_pickling_and_copying() -> None:
    """As between workers."""
    for one in (Span("a", 1, 2), Write("a", b"b", 0o600), Service("a", (), "smtp", ("h",), {"a": [1]})):
        assert pickle.loads(pickle.dumps(one)) == one
        assert copy.deepcopy(one) == one
        assert copy.copy(one) == one


def test_some_fields_are_not_sent_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(Sent(1, "here"))) == Sent(1)
    want = ConfigArtifact("x", "config", "x", Rights(), (), None, None, {"a": 1})
    assert pickle.loads(pickle.dumps(want)) == replace(want, context=None)
    expansion = Expansion("mail", "a", formats=("chain",), contexts=({"a": 1},))
    assert pickle.loads(pickle.dumps(expansion)) == replace(expansion, contexts=())


def test_only_the_last_fields_can_be_left_out() -> None:
    with pytest.raises(AssertionError):
        Wrong(1).__reduce__()
