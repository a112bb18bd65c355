"""Opening what signs: every key that the plan needs, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from pkibuild.core.diagnostics import Diagnostic
from pkibuild.keys import backend, pem
from pkibuild.keys.errors import KeyProblem, PassphraseUnavailable
from pkibuild.keys.passphrase import loose_file, obtain
from pkibuild.model.layout import STAGED
from pkibuild.model.manifest import Manifest, Secret
from pkibuild.model.plan import Action
from pkibuild.model.recipes import FinishKey, MakeKey, Sign, SignCrl, Write
from pkibuild.world import World
from pkibuild.world.tree import Tree
from pkibuild.x509 import inspect


class Opened(Struct):
    """What could be opened, and why the rest could not."""

    keys: dict[str, backend.PrivateKey] = field(default_factory=dict)
    """By the key's output path."""
    passphrases: dict[str, bytes | None] = field(default_factory=dict)
    """For keys to be made that have one: by the key's output path."""
    closed: dict[str, Diagnostic] = field(default_factory=dict)
    """By the key's output path."""
    warnings: list[Diagnostic] = field(default_factory=list)


class Opener:
    """Asks for each passphrase once, and opens keys."""

    def __init__(self, manifest: Manifest, tree: Tree, world: World) -> None:
        self._manifest = manifest
        self._tree = tree
        self._world = world
        self._asked: dict[Secret, bytes] = {}
        self._restored: dict[str, bytes] = {}
        """Certificates that the plan brings back from a journal, by path: they count, not what their files hold."""
        self._lies: dict[str, str] = {}
        """Where a file lies whose path changed, by the path to which the plan moves it."""
        self.opened = Opened()

    def open_all(self, actions: Iterable[Action]) -> Opened:
        """Open every key that the actions sign with, and fetch the passphrases of those that they make."""
        made: dict[str, tuple[Action, MakeKey]] = {}
        finished: set[str] = set()
        needed: dict[str, tuple[str, str]] = {}  # by path: whose key it is, and where its certificate lies
        for action in actions:
            recipe = action.recipe
            for old, new in action.moves:
                self._lies[new] = old
            if isinstance(recipe, MakeKey):
                made[recipe.path] = action, recipe
            elif isinstance(recipe, FinishKey):
                if not recipe.half:
                    finished.add(recipe.path)
            elif isinstance(recipe, Write):
                self._restored[recipe.path] = recipe.data
            elif isinstance(recipe, Sign | SignCrl):
                signer = recipe.signer
                needed[signer.key_path] = (signer.unit, signer.certificate_path)
        for path, (action, recipe) in made.items():
            if recipe.passphrase is not None or recipe.staged:
                self._prepare(path, action, recipe)
        for path, (unit, certificate) in needed.items():
            if path not in made:
                self._open(path, path + STAGED if path in finished else path, unit, certificate)
        return self.opened

    def _prepare(self, path: str, action: Action, recipe: MakeKey) -> None:
        """The passphrase of a key that is to be made, and the key that a killed run has staged."""
        try:
            secret = recipe.passphrase
            value = None if secret is None else self._passphrase(secret, action.id, confirm=not recipe.staged)
            self.opened.passphrases[path] = value
            if recipe.staged:
                self.opened.keys[path] = backend.load(self._read(path + STAGED) or b"", value)
        except PassphraseUnavailable as error:
            self.opened.closed[path] = error.diagnostic
        except KeyProblem as error:
            self.opened.closed[path] = Diagnostic("key-closed", f"`{path}{STAGED}`: {error}", action.place)

    def _read(self, path: str) -> bytes | None:
        return self._tree.read(self._lies.get(path, path))

    def _passphrase(self, secret: Secret, what: str, *, confirm: bool) -> bytes:
        if secret not in self._asked:
            loose = loose_file(secret, self._manifest.folder)
            if loose is not None:
                self.opened.warnings.append(loose)
            self._asked[secret] = obtain(secret, self._world, self._manifest.folder, confirm=confirm, what=what)
        return self._asked[secret]

    def _open(self, path: str, where: str, unit: str, certificate: str) -> None:
        declaration = self._manifest.declaration(unit)  # None for a service's own key, which has no passphrase
        place = (*declaration.place, "key") if declaration else ()
        secret = declaration.key.passphrase if declaration else None
        try:
            data = self._read(where)
            if data is None:
                raise KeyProblem("it is missing")
            block = backend.private_block(data)
            if block.encrypted and secret is None:
                raise KeyProblem("it is encrypted, and the manifest names no passphrase for it")
            passphrase = self._passphrase(secret, path, confirm=False) if block.encrypted and secret else None
            key = backend.load(data, passphrase, validate=False)
            if not self._fits(key, certificate):
                raise KeyProblem("it does not fit its certificate")
            if not backend.signs(key, key.public_key()):  # an RSA key's numbers are not checked as it is loaded
                raise KeyProblem("it is damaged: what it signs does not verify")
            self.opened.keys[path] = key
        except PassphraseUnavailable as error:
            self.opened.closed[path] = error.diagnostic
        except KeyProblem as error:
            at = secret.place if secret is not None and secret.place else place
            self.opened.closed[path] = Diagnostic("key-closed", f"`{path}`: {error}", at)

    def _fits(self, key: backend.PrivateKey, certificate: str) -> bool:
        data = self._restored.get(certificate) or self._read(certificate)
        if data is None:
            return True
        try:
            return inspect.certificate_facts(pem.only_der(data, pem.CERTIFICATE)).public == backend.public_digest(key)
        except ValueError:
            return True
