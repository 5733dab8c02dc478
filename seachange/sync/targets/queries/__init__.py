"""queries/: the named queries of .sql files as typed Python functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import get_args

from seachange.errors import ConfigError, TargetFailedError
from seachange.plan import Finding
from seachange.sync._python_names import is_plain
from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target
from seachange.sync.targets.queries._analysis import Known, analyse
from seachange.sync.targets.queries._catalog import Catalogue
from seachange.sync.targets.queries._describe import Described, describe
from seachange.sync.targets.queries._files import Broken, Query, read_queries
from seachange.sync.targets.queries._functions import Style
from seachange.sync.targets.queries._modules import SUPPORT, Package

__all__ = ["TARGET"]

_FOLDER = "queries"
_HINT = "mend the queries, or the revision that broke them; nothing was written"


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    styles = _styles(request)
    folder = request.settings.path(_text_option(request, "folder", _FOLDER))
    paths = _files(folder)
    read: dict[str, list[Query]] = {}
    broken: list[Broken] = []
    count = 0
    for path in paths:
        shown = _shown(path, request.settings.root)
        given = read_queries(path, shown=shown)
        count += len(given)
        broken += [one for one in given if isinstance(one, Broken)]
        queries = [one for one in given if isinstance(one, Query)]
        broken += _twice(queries)
        if queries:
            read[_module(path, folder)] = queries
    described = [describe(request.session, query) for queries in read.values() for query in queries]
    broken += [one for one in described if isinstance(one, Broken)]
    catalogue = Catalogue(request.session)
    known = analyse([one for one in described if isinstance(one, Described)], catalogue)
    broken += [one for one in known if isinstance(one, Broken)]
    if broken:
        broken.sort(key=lambda one: (one.file, one.line))
        raise _failure(broken, of=count, revision=schema.revision)
    found = iter([one for one in known if isinstance(one, Known)])
    package = Package(schema, catalogue, {name: [next(found) for _ in queries] for name, queries in read.items()})
    yield from _artefacts(package, list(read), styles)


def _artefacts(package: Package, modules: Sequence[str], styles: Sequence[Style]) -> Iterator[Artefact]:
    texts = {f"{SUPPORT}.py": package.support()}
    folders = {parent.as_posix() for name in modules for parent in PurePosixPath(name).parents}
    for each in folders:
        title = package.title("Queries of this project as typed functions, a module for each file of SQL.")
        texts[(PurePosixPath(each) / "__init__.py").as_posix()] = "\n".join(title) + "\n"
    for name in modules:
        first, *others = styles
        texts[f"{name}.py"] = package.module(name, style=first)
        for style in others:
            texts[f"{name}_{style}.py"] = package.module(name, style=style, first=name.rsplit("/", 1)[-1])
    yield from (Artefact(name=name, text=text) for name, text in sorted(texts.items()))


def _styles(request: Request) -> list[Style]:
    given = request.options.get("style", ["sync"])
    wanted = [given] if isinstance(given, str) else given
    known: tuple[Style, ...] = get_args(Style)
    styles = [one for each in wanted for one in known if one == each] if isinstance(wanted, (list, tuple)) else []
    if not styles or len(styles) != len(set(wanted)):
        raise ConfigError(f"target queries: option style is {given!r}", hint='"sync", "async" or a list of both')
    return styles


def _text_option(request: Request, name: str, default: str) -> str:
    given = request.options.get(name, default)
    if not isinstance(given, str) or not given:
        raise ConfigError(f"target queries: option {name} is {given!r}, no text", hint=f'such as {name} = "{default}"')
    return given


def _files(folder: Path) -> list[Path]:
    paths = sorted(folder.rglob("*.sql")) if folder.is_dir() else []
    if not paths:
        what = "there are no .sql files in" if folder.is_dir() else "there is no folder"
        raise TargetFailedError(
            f"{what} {folder}", hint="write queries there, or name their folder: options.queries = { folder = 'app/queries' }"
        )
    return paths


def _module(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder).with_suffix("").parts
    names = [part.replace("-", "_") for part in parts]
    if not all(map(is_plain, names)) or names[-1] == SUPPORT:
        raise TargetFailedError(f"{path} cannot be a module of Python", hint="name files and folders as modules are named")
    return "/".join(names)


def _twice(queries: Sequence[Query]) -> Iterator[Broken]:
    first: dict[str, int] = {}
    for query in queries:
        if query.name in first:
            message = f"there is another query of this name in line {first[query.name]}"
            yield Broken(file=query.file, line=query.line, query=query.name, message=message, hint="give one another name")
        first.setdefault(query.name, query.line)


def _failure(broken: Sequence[Broken], *, of: int, revision: str) -> TargetFailedError:
    at = f" at revision {revision}" if revision else ""
    how_many = f"{len(broken)} of {of} queries do" if len(broken) > 1 else f"1 of {of} queries does"
    lines = [f"{how_many} not fit the database{at}:"]
    for one in broken:
        lines.append(f"{one.file}:{one.line}: {one.query}: {one.message}")
        lines += [f"    {line}" for line in one.excerpt.split("\n") if line]
    findings = [
        Finding(code="broken-query", message=f"{one.query}: {one.message}{at}", file=one.file, line=one.line, hint=one.hint)
        for one in broken
    ]
    return TargetFailedError("\n".join(lines), hint=_HINT, findings=findings)


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


TARGET = Target(
    name="queries",
    summary="the project's named queries (.sql) as typed functions for psycopg",
    path="queries/",
    emit=_emit,
    options={
        "folder": 'where the .sql files are ("queries")',
        "style": 'of the connections: "sync", "async" or both; the second one has modules of its own ("sync")',
    },
    client=True,
)
