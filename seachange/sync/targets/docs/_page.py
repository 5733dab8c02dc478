"""The frame of a page, and the little HTML that all of them are made of."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from html import escape

from seachange.sync.targets.docs._site import Site

__all__ = ["AMOUNTS", "amount_line", "breaking", "code", "link", "page", "prose", "table"]

#: The lines that tell how much there is.
AMOUNTS = re.compile(r"<(p|td) class=\"amount\">[^<]*</\1>")

_FRAME = """<!DOCTYPE html>
<!-- {mark} -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="{root}style.css">
<script src="{root}search.js" defer></script>
</head>
<body data-root="{root}">
<a class="skip" href="#main">Skip to the content</a>
<header>
<nav aria-label="Where you are"><ol>{trail}</ol></nav>
<form role="search" id="search"><label for="find">Find a table or column</label>
<input id="find" type="search" placeholder="table or column" autocomplete="off" aria-controls="found"></form>
</header>
<section id="results" aria-label="What was found" hidden><p id="count" role="status"></p><ol id="found"></ol></section>
<main id="main">
{body}
</main>
<footer><p>{mark_shown}</p></footer>
</body>
</html>
"""


def page(site: Site, *, title: str, trail: Sequence[tuple[str, str]], body: Iterable[str], root: str, mark: str = "") -> str:
    """Return a page.

    :param site: the site.
    :param title: in words.
    :param trail: names and addresses of the pages above this one, then its own name with none.
    :param body: lines of HTML.
    :param root: the way to the first page, such as ``../``.
    :param mark: what the comment at its head says, the site's own by default.
    """
    steps = [
        f"<li>{link(name, address)}</li>" if address else f'<li aria-current="page">{escape(name)}</li>'
        for name, address in trail
    ]
    mark_shown = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(site.mark))
    return _FRAME.format(
        mark=_comment(mark or site.mark),
        title=escape(title),
        root=root,
        trail="".join(steps),
        body="\n".join(body),
        mark_shown=mark_shown,
    )


def _comment(text: str) -> str:
    return text.replace("-->", "-- >").replace("--!>", "--! >")


def link(text: str, address: str, *, code_: bool = False) -> str:
    """Return a link; only the text where there is no address."""
    shown = code(text) if code_ else escape(text)
    return f'<a href="{escape(address)}">{shown}</a>' if address else shown


@functools.lru_cache(maxsize=8192)
def code(text: str) -> str:
    """Return a text as code; nothing for an empty one."""
    return f"<code>{escape(text)}</code>" if text else ""


def breaking(name: str) -> str:
    """Return a name as code that breaks behind underscores where it is too long for its line, not within a word."""
    return code(name).replace("_", "_<wbr>")


@functools.lru_cache(maxsize=4096)
def prose(text: str) -> str:
    """Return a text whose lines stay lines."""
    return "<br>".join(escape(line) for line in text.splitlines() if line.strip())


def amount_line(text: str, *, tag: str = "p") -> str:
    """Return an amount on a line of its own, which :data:`AMOUNTS` matches."""
    return f'<{tag} class="amount">{escape(text)}</{tag}>'


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, ids: Sequence[str] = ()) -> list[str]:
    """Return the lines of a table, without the columns that are empty in every row; the first cell of a row is its heading.

    :param titles: one for each column.
    :param rows: cells of HTML; one that is an amount is a line already.
    :param ids: of the rows.
    """
    cells = list(rows)
    kept = [number for number in range(len(titles)) if number == 0 or any(row[number] for row in cells)]
    lines = ['<div class="scroll"><table>', "<thead><tr>"]
    lines += [f'<th scope="col">{escape(titles[number])}</th>' for number in kept]
    lines.append("</tr></thead>")
    lines.append("<tbody>")
    for place, row in enumerate(cells):
        name = f' id="{escape(ids[place])}"' if ids else ""
        lines.append(f'<tr{name}><th scope="row">{row[0]}</th>')
        lines += [row[number] if row[number].startswith("<td ") else f"<td>{row[number]}</td>" for number in kept[1:]]
        lines.append("</tr>")
    return [*lines, "</tbody></table></div>"]
