"""What kind of env.py a project has, and which models it names, read from its source without running it."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["Kind", "read_kind"]

_SYNC = {"engine_from_config", "create_engine", "connect", "get_engine"}
_ASYNC = {"async_engine_from_config", "create_async_engine", "run_sync"}
_TENANTS = {"schema_translate_map", "version_table_schema"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """An env.py.

    ``traits`` are words for people. ``models`` is where ``target_metadata`` comes from, as ``package.module:attribute``;
    ``beside`` are modules of the project that are imported beside it for what importing them does, so that importing the
    models alone may give fewer tables. ``variables`` are those of the environment that it reads.
    """

    traits: tuple[str, ...]
    models: str = ""
    beside: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


def read_kind(file: Path, *, import_paths: Iterable[Path], databases: str = "") -> Kind:
    """Read an env.py.

    :param file: the file.
    :param import_paths: where the project's own modules are.
    :param databases: Alembic's option ``databases``, if it is set.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError) as exc:
        return Kind(traits=(f"unreadable: {exc}",))
    reader = _Reader(tree, tuple(import_paths))
    return Kind(
        traits=tuple(reader.traits(databases)),
        models=reader.models,
        beside=tuple(reader.beside()),
        variables=tuple(dict.fromkeys(_variables(tree))),
    )


class _Reader:
    def __init__(self, tree: ast.Module, import_paths: tuple[Path, ...]) -> None:
        self._nodes = list(ast.walk(tree))
        self._import_paths = import_paths
        self._imported = {bound: (module, name) for module, name, bound in self._bindings()}
        self.models = self._models()

    def traits(self, databases: str) -> Iterator[str]:
        """Say how it connects, and for how many."""
        names = {node.id for node in self._nodes if isinstance(node, ast.Name)}
        names |= {node.attr for node in self._nodes if isinstance(node, ast.Attribute)}
        called = {_last(node.func) for node in self._nodes if isinstance(node, ast.Call)}
        handed = self._takes_connection()
        if called & _ASYNC:
            yield "async"
        elif called & _SYNC:
            yield "sync"
        if handed:
            yield "takes config.attributes['connection']"
        elif not called & (_SYNC | _ASYNC):
            yield "offline only"
        if databases or "db_names" in names:
            yield f"several databases ({databases})" if databases else "several databases"
        if self._tenants():
            yield "schema per tenant, or another search_path"

    def beside(self) -> Iterator[str]:
        """Modules of the project that are imported and never used by name, or with a star."""
        used = {node.id for node in self._nodes if isinstance(node, ast.Name)}
        for module, name, bound in self._bindings():
            if self._is_local(module) and (name == "*" or bound not in used):
                yield module if name in ("", "*") else f"{module}.{name}"

    def _bindings(self) -> Iterator[tuple[str, str, str]]:
        for node in self._nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, "", alias.asname or alias.name.split(".")[0]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                for alias in node.names:
                    yield node.module, alias.name, alias.asname or alias.name

    def _takes_connection(self) -> bool:
        return any(
            isinstance(node, (ast.Subscript, ast.Call))
            and _last(node.value if isinstance(node, ast.Subscript) else getattr(node.func, "value", None)) == "attributes"
            for node in self._nodes
        )

    def _tenants(self) -> bool:
        texts = (node.value for node in self._nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
        named = {keyword.arg for node in self._nodes if isinstance(node, ast.Call) for keyword in node.keywords}
        return bool(named & _TENANTS) or any("search_path" in text.lower() for text in texts)

    def _models(self) -> str:
        value = self._target()
        attributes: list[str] = []
        while isinstance(value, ast.Attribute):
            attributes.insert(0, value.attr)
            value = value.value
        if not isinstance(value, ast.Name) or value.id not in self._imported:
            return ""
        module, name = self._imported[value.id]
        path = [*module.split("."), *([name] if name else []), *attributes]
        if not name and value.id == module.split(".")[0]:
            # `import shop.models` binds `shop`; the expression spells the rest.
            path = [value.id, *attributes]
        return self._spelled(path)

    def _target(self) -> ast.expr | None:
        found: ast.expr | None = None
        for node in self._nodes:
            if isinstance(node, ast.Assign) and any(_last(target) == "target_metadata" for target in node.targets):
                return node.value
            if isinstance(node, ast.AnnAssign) and _last(node.target) == "target_metadata":
                return node.value
            if isinstance(node, ast.Call):
                found = next((each.value for each in node.keywords if each.arg == "target_metadata"), found)
        return found

    def _spelled(self, path: list[str]) -> str:
        """Return ``package.module:attribute`` where a module of the project has that path, without ``.metadata`` of a base."""
        for length in range(len(path) - 1, 0, -1):
            if self._is_local(".".join(path[:length])):
                rest = path[length:]
                rest = rest[:-1] if len(rest) > 1 and rest[-1] == "metadata" else rest
                return f"{'.'.join(path[:length])}:{rest[0]}" if len(rest) == 1 else ""
        return ""

    def _is_local(self, module: str) -> bool:
        places = (path.joinpath(*module.split(".")) for path in self._import_paths)
        return any(place.is_dir() or place.with_name(f"{place.name}.py").is_file() for place in places)


def _last(node: object) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _variables(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and _last(node.value) == "environ":
            key = node.slice
        elif isinstance(node, ast.Call) and node.args:
            owner = _last(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            if _last(node.func) == "getenv" or owner == "environ":
                key = node.args[0]
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value
