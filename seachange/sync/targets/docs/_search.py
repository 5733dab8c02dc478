"""search.js: names of tables and columns, and the few lines that find them."""

from __future__ import annotations

import json

from seachange.sync._describing import relation_name
from seachange.sync.targets.docs._site import Site

__all__ = ["search_script"]

_SCRIPT = """(() => {
  const MOST = 50;
  const root = document.body.dataset.root;
  const [box, results, found, count] = ["find", "results", "found", "count"].map((id) => document.getElementById(id));
  const entries = INDEX.flatMap(([name, path, columns]) => [
    { text: name, lower: name.toLowerCase(), path, table: true },
    ...columns.map((column, at) => {
      return { text: `${name}.${column}`, lower: column.toLowerCase(), path: `${path}#column-${at + 1}` };
    }),
  ]);
  const rank = (entry, word) => {
    const after = entry.table ? 0 : 0.5;
    if (entry.lower === word) return after;
    if (entry.lower.startsWith(word)) return 1 + after;
    return entry.lower.includes(word) || entry.text.toLowerCase().includes(word) ? 2 + after : 3;
  };
  const show = () => {
    const word = box.value.trim().toLowerCase();
    const ranked = word ? entries.map((entry) => [rank(entry, word), entry]).filter(([place]) => place < 3) : [];
    ranked.sort(([a], [b]) => a - b);
    found.replaceChildren(...ranked.slice(0, MOST).map(([, entry]) => {
      const link = Object.assign(document.createElement("a"), { href: root + entry.path, textContent: entry.text });
      const item = document.createElement("li");
      item.append(link);
      return item;
    }));
    const more = ranked.length > MOST ? `, the first ${MOST} of them here` : "";
    count.textContent = word ? `${ranked.length} found${more}` : "";
    results.hidden = !word;
  };
  const move = (step) => {
    const links = [...found.querySelectorAll("a")];
    const next = links.indexOf(document.activeElement) + step;
    (next < 0 ? box : links[Math.min(next, links.length - 1)] ?? box).focus();
  };
  box.addEventListener("input", show);
  document.getElementById("search").addEventListener("submit", (event) => {
    event.preventDefault();
    found.querySelector("a")?.click();
  });
  document.addEventListener("keydown", (event) => {
    const inside = event.target === box || results.contains(event.target);
    if (event.key === "/" && !inside) (event.preventDefault(), box.focus());
    else if (event.key === "ArrowDown" && inside) (event.preventDefault(), move(1));
    else if (event.key === "ArrowUp" && inside) (event.preventDefault(), move(-1));
    else if (event.key === "Escape" && inside) ((box.value = ""), show(), box.focus());
  });
  show();
})();
"""


def search_script(site: Site) -> str:
    """Return the script with what it searches: it is loaded as a script because pages on disk cannot fetch.

    :param site: the site.
    """
    index = [[relation_name(one), site.path(one.key), [column.name for column in one.columns]] for one in site.relations]
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in index)
    return f"// {site.mark}\nconst INDEX = [\n{lines}\n];\n{_SCRIPT}"
