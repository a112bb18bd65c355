"""Configs: texts of service packs, pure functions of template, options and paths.

Jinja2 is imported only when something is rendered: what a config is made from is compared by digest first.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pkibuild.artifacts.wants import ConfigWant
from pkibuild.diagnostics import fail
from pkibuild.world.files import explain, read_file

if TYPE_CHECKING:
    from pkibuild.rendering.renderer import Renderer

TEMPLATE_LIMIT = 1_000_000
"""Bytes of a template; the renderer refuses more."""


class Texts:
    """Renders configs; keeps templates and what they compile to for the next host."""

    def __init__(self) -> None:
        self._templates: dict[str, tuple[str, str]] = {}
        self._renderer: Renderer | None = None

    def _template(self, want: ConfigWant) -> tuple[str, str]:
        """The template's text and its digest. Raises UserError."""
        path = want.file.template
        found = self._templates.get(path)
        if found is None:
            try:
                data = read_file(path, TEMPLATE_LIMIT)
                found = data.decode("utf-8"), hashlib.sha256(data).hexdigest()
            except OSError as error:
                raise fail("template", f"cannot read the template `{path}`: {explain(error)}", want.place) from None
            except UnicodeDecodeError:
                raise fail("template", f"the template `{path}` is not UTF-8", want.place) from None
            self._templates[path] = found
        return found

    def inputs(self, want: ConfigWant) -> str:
        """Digest of all that a config is rendered from."""
        _, digest = self._template(want)
        context = json.dumps(want.file.context, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{digest}\n{want.file.language}\n{context}".encode()).hexdigest()

    def render(self, want: ConfigWant) -> bytes:
        """The config's bytes. Raises UserError with the place of a value that cannot be said."""
        if self._renderer is None:
            from pkibuild.rendering.renderer import Renderer

            self._renderer = Renderer()
        text, _ = self._template(want)
        file = want.file
        return self._renderer.render(text, file.language, file.context, file.template, want.place).encode("utf-8")
