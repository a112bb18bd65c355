"""Configs: texts of service packs, pure functions of template, options and paths.

Jinja2 is imported only when something is rendered: what a config is made from is compared by digest first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from pkibuild.core.diagnostics import Diagnostic, UserError, fail
from pkibuild.core.values import Record
from pkibuild.documents.schema.masks import Paths, masked
from pkibuild.model.desired import ConfigArtifact
from pkibuild.model.facts import sha
from pkibuild.world.disk import explain
from pkibuild.world.files import read_file

if TYPE_CHECKING:
    from pkibuild.rendering.renderer import Renderer

TEMPLATE_LIMIT = 1_000_000
"""Bytes of a template; the renderer refuses more."""


MASK = "MASKED"
"""Stands for a secret option in a text that is shown: a word that every language can say."""

Digest = Literal["inputs", "public", "masked"]
"""Of all that a config is rendered from, of all but its secrets, or of its masked text."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

Reader = Callable[[str, int], bytes]
"""Reads a template: absolute path and limit to bytes, of which one more may come. Raises OSError."""


class _Template(Record):
    text: str
    digest: str
    name: str
    """What it is called in messages."""


class Texts:
    """Renders configs; keeps templates and what they compile to for the next host."""

    def __init__(self, read: Reader = read_file, name: Callable[[str], str] = str) -> None:
        """`name` gives what a template is called in messages."""
        self._read = read
        self._name = name
        self._templates: dict[str, _Template] = {}
        self._renderer: Renderer | None = None
        self._encoded: tuple[Any, str] = (None, "null")
        """The last context as JSON: the files of a service on a host see the same one."""
        self.digests: dict[tuple[str, Digest], str] = {}
        """Digests that were asked for, by id and of what they are."""

    def _template(self, artifact: ConfigArtifact) -> _Template:
        """Raises UserError."""
        path = artifact.file.template
        found = self._templates.get(path)
        if found is None:
            name = self._name(path)
            try:
                data = self._read(path, TEMPLATE_LIMIT)
                text = data.decode("utf-8")
            except OSError as error:
                raise fail("template", f"cannot read the template `{name}`: {explain(error)}", artifact.place) from None
            except UnicodeDecodeError:
                raise fail("template", f"the template `{name}` is not UTF-8", artifact.place) from None
            found = _Template(text, sha(data), name)
            self._templates[path] = found
        return found

    def template(self, artifact: ConfigArtifact) -> str:
        """Digest of the template. Raises UserError."""
        return self._template(artifact).digest

    def inputs(self, artifact: ConfigArtifact, *, public: bool = False) -> str:
        """Digest of all that a config is rendered from; with `public` of all but its secrets, for the lock.

        The lock is committed, and a secret that people can remember could be guessed from its digest.
        """
        if artifact.link:
            return sha(f"link\n{artifact.link}".encode())
        of: Digest = "public" if public and artifact.file.secrets else "inputs"
        digest = self.digests.get((artifact.id, of))
        if digest is None:
            seen = _masked(artifact) if of == "public" else artifact.context
            if seen is not self._encoded[0]:
                self._encoded = (seen, _ENCODER.encode(seen))
            digest = sha(f"{self.template(artifact)}\n{artifact.file.language}\n{self._encoded[1]}".encode())
            self.digests[artifact.id, of] = digest
        return digest

    def masked(self, artifact: ConfigArtifact) -> str:
        """Digest of the config with a mask in place of every secret, for the lock; empty where there is no such text.

        It is rendered from nothing but what `inputs` with `public` is of, so it tells no more of a secret than that.
        """
        if not artifact.secret:
            return ""
        digest = self.digests.get((artifact.id, "masked"))
        if digest is None:
            try:
                digest = sha(self.shown(artifact))
            except UserError:  # the template does more with a secret than to put it out
                digest = ""
            self.digests[artifact.id, "masked"] = digest
        return digest

    def render(self, artifact: ConfigArtifact) -> bytes:
        """The config's bytes. Raises UserError with the place of a value that cannot be represented."""
        return self._render(artifact, artifact.context)

    def shown(self, artifact: ConfigArtifact, also: Paths = ()) -> bytes:
        """The config's bytes with a mask in place of every secret, and of what stands at the paths `also`.

        Raises UserError, as where a mask does not fit.
        """
        return self._render(artifact, _masked(artifact, also))

    def _render(self, artifact: ConfigArtifact, context: Any) -> bytes:
        if artifact.link:
            return artifact.link.encode()
        if self._renderer is None:
            from pkibuild.rendering.renderer import Renderer

            self._renderer = Renderer()
        template = self._template(artifact)
        text = self._renderer.render(template.text, artifact.file.language, context, template.name, artifact.place)
        return text.encode("utf-8")


def _masked(artifact: ConfigArtifact, also: Paths = ()) -> Any:
    """What the template sees, with a mask in place of every secret."""
    secrets = (*artifact.file.secrets, *also)
    return masked(artifact.context, secrets, MASK) if secrets else artifact.context


class OldTexts(Texts):
    """The texts of the old manifest in a diff: what is wrong with them has its place there."""

    def __init__(self, read: Reader, name: Callable[[str], str], locate: Callable[[Diagnostic], Diagnostic]) -> None:
        super().__init__(read, name)
        self._locate = locate

    def inputs(self, artifact: ConfigArtifact, *, public: bool = False) -> str:
        with self._located():
            return super().inputs(artifact, public=public)

    def render(self, artifact: ConfigArtifact) -> bytes:
        with self._located():
            return super().render(artifact)

    @contextmanager
    def _located(self) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            raise UserError(*map(self._locate, error.diagnostics)) from None
