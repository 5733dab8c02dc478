"""style.css: light, dark and on paper."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """:root {
  color-scheme: light dark;
  --page: #ffffff;
  --card: #f6f7f9;
  --text: #1c2127;
  --quiet: #56606d;
  --line: #d5dae1;
  --link: #0b5cad;
  --mark: #e3eefb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b;
    --card: #1d2228;
    --text: #e4e8ed;
    --quiet: #a3adba;
    --line: #363e48;
    --link: #7db7f5;
    --mark: #1d3349;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0 auto;
  max-width: 76rem;
  padding: 0 1.25rem 3rem;
  background: var(--page);
  color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif;
}
code, pre, svg text { font-family: ui-monospace, "SFMono-Regular", "Liberation Mono", Menlo, Consolas, monospace; }
code, pre { font-size: 0.9em; }
code { overflow-wrap: break-word; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 0.2em; }
a:focus-visible, input:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 0.5rem; padding: 0.5rem; background: var(--page); }
header {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem 2rem;
  align-items: center;
  justify-content: space-between;
  padding: 0.9rem 0;
  border-bottom: 1px solid var(--line);
}
nav ol { display: flex; flex-wrap: wrap; margin: 0; padding: 0; list-style: none; }
nav li + li::before { content: "/"; padding: 0 0.5rem; color: var(--quiet); }
form { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; }
label { color: var(--quiet); font-size: 0.9rem; }
input {
  min-width: 15rem;
  padding: 0.35rem 0.6rem;
  border: 1px solid var(--quiet);
  border-radius: 6px;
  background: var(--page);
  color: var(--text);
  font: inherit;
}
#results { margin: 1rem 0; padding: 0.5rem 1rem; border-radius: 8px; background: var(--card); }
#results ol { columns: 18rem; margin: 0.25rem 0 0.5rem; padding: 0; list-style: none; font-size: 0.95rem; }
#count { margin: 0; color: var(--quiet); }
h1 { margin: 1.5rem 0 0.5rem; font-size: 1.7rem; line-height: 1.25; }
h2 { margin: 2rem 0 0.6rem; font-size: 1.2rem; }
h3 { margin: 1rem 0 0.3rem; font-size: 1rem; color: var(--quiet); font-weight: 600; }
.comment { max-width: 45rem; }
.amount, footer { color: var(--quiet); font-size: 0.9rem; }
td.amount { white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.2rem; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
.names { columns: 19rem; margin: 0; padding: 0; list-style: none; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.4rem 0.8rem 0.4rem 0; border-bottom: 1px solid var(--line); }
th, td { text-align: left; vertical-align: top; font-weight: 400; }
thead th { color: var(--quiet); font-size: 0.85rem; white-space: nowrap; }
tbody th { min-width: 8rem; }
tr:target { background: var(--mark); }
abbr { text-decoration: none; }
pre { padding: 1rem; overflow-x: auto; border-radius: 8px; background: var(--card); }
footer { margin-top: 3rem; }
.drawing { display: block; max-width: none; }
.drawing text { font-size: 12.5px; fill: var(--text); }
.drawing .name { font-weight: 600; }
.drawing a .name { fill: var(--link); }
.drawing rect { fill: var(--card); stroke: var(--line); }
.drawing .own { fill: var(--mark); stroke: var(--link); }
.drawing line { stroke: var(--line); }
.drawing path { fill: none; stroke: var(--quiet); stroke-width: 1.4; }
.drawing circle { fill: var(--quiet); }
@media print {
  :root { --page: #fff; --card: #fff; --text: #000; --quiet: #333; --line: #999; --link: #000; --mark: #fff; }
  form, .skip, #results { display: none; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  tr, svg { break-inside: avoid; }
  h2 { break-after: avoid; }
  .scroll { overflow: visible; }
}
"""
