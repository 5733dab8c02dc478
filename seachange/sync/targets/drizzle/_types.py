"""Types of PostgreSQL -> column builders of drizzle-orm, and custom types for those that it has not."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from seachange.sync._typescript import jsdoc, literal
from seachange.sync.model import Domain, Schema, Type
from seachange.sync.targets.drizzle._names import Naming
from seachange.sync.targets.drizzle._options import Options
from seachange.sync.targets.drizzle._sql import plain

__all__ = ["Builder", "Types"]

Data = Literal["string", "number", "bigint", "boolean", "unknown", "Buffer", "point", "circle", "other"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Builder:
    """What makes a column: a function with its configuration, and what its values are in TypeScript."""

    function: str
    config: str = ""
    data: Data = "string"
    imported: bool = True

    def call(self, name: str = "") -> str:
        """Return the call.

        :param name: of the column, where it differs from that of the property.
        """
        return f"{self.function}({', '.join(part for part in (literal(name) if name else '', self.config) if part)})"


_PLAIN: Mapping[str, Builder] = {
    "bool": Builder(function="boolean", data="boolean"),
    "int2": Builder(function="smallint", data="number"),
    "int4": Builder(function="integer", data="number"),
    "float4": Builder(function="real", data="number"),
    "float8": Builder(function="doublePrecision", data="number"),
    "json": Builder(function="json", data="unknown"),
    "jsonb": Builder(function="jsonb", data="unknown"),
    "point": Builder(function="point", data="other"),
    "line": Builder(function="line", data="other"),
    **{name: Builder(function=name) for name in ("text", "varchar", "date", "cidr", "inet", "macaddr", "macaddr8", "uuid")},
}
_LIMITED = {"varchar": ("varchar", "length"), "bpchar": ("char", "length"), "bit": ("bit", "dimensions")}
_VECTORS = frozenset(("vector", "halfvec", "sparsevec"))
_INTERVAL = re.compile(r"interval(?: ([a-z]+(?: to [a-z]+)?))?(?:\((\d+)\))?")
# drizzle-kit puts other names in quotes, and those that begin like these not.
_UNQUOTED = (
    *("uuid", "smallint", "integer", "bigint", "boolean", "text", "varchar", "serial", "bigserial", "decimal", "numeric", "real"),
    *("json", "time", "date", "interval", "double precision", "char", "vector", "geometry", "halfvec", "sparsevec", "bit"),
)
_DATA: Mapping[str, Data] = {
    **dict.fromkeys(("int2", "int4", "float4", "float8", "oid"), "number"),
    "bool": "boolean",
    "json": "unknown",
    "jsonb": "unknown",
    "bytea": "Buffer",
    "point": "point",
    "circle": "circle",
}
_TYPESCRIPT = {"point": "{ x: number; y: number }", "circle": "{ x: number; y: number; radius: number }"}
_FROM: Mapping[Data, str] = {
    "string": "value",
    "number": "Number(value)",
    "bigint": "BigInt(value)",
    "boolean": 'value === true || value === "t"',
    "unknown": "parsed(value)",
    "Buffer": "bytes(value)",
    "point": "shape(value)",
    "circle": "shape(value)",
}
_TO: Mapping[Data, str] = {
    "unknown": "JSON.stringify(value)",
    "Buffer": '`\\\\x${value.toString("hex")}`',
    "point": "`(${value.x},${value.y})`",
    "circle": "`<(${value.x},${value.y}),${value.radius}>`",
}
# node-postgres hands over values of known types, and those in arrays of unknown types as text.
_HELPERS = {
    "parsed": """\
function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
""",
    "shape": """\
function shape(value: any): any {
  if (typeof value !== "string") return value;
  const [x, y, radius] = value.replace(/[()<>]/g, "").split(",").map(Number);
  return radius === undefined ? { x, y } : { x, y, radius };
}
""",
    "bytes": """\
function bytes(value: Uint8Array | string): Buffer {
  return typeof value === "string" ? Buffer.from(value.replace(/^\\\\x/, ""), "hex") : Buffer.from(value);
}
""",
}


class Types:
    """The types that the columns of a file need.

    :param schema: whose domains and enums they may be.
    :param naming: what enums are called, and where custom types get their names.
    :param options: of the target.
    """

    def __init__(self, schema: Schema, naming: Naming, options: Options) -> None:
        self._schema = schema
        self._naming = naming
        self._options = options
        self._made: dict[Type, Builder] = {}
        self._customs: dict[str, list[str]] = {}
        self._custom_names: dict[str, str] = {}
        self.imports: set[str] = set()
        self.bigint = f'{{ mode: "{options.bigint}" }}'

    def builder(self, type: Type) -> Builder:  # noqa: A002 - the word for it
        """Return what makes a column of a type, of an array what makes one of its elements.

        :param type: of a column.
        """
        element = dataclasses.replace(type, array=False, text=re.sub(r"(\[\])+$", "", type.text)) if type.array else type
        found = self._made.get(element)
        if found is None:
            found = self._made[element] = self._builder(element)
        if found.imported:
            self.imports.add(found.function)
        return found

    def declarations(self) -> list[str]:
        """Return the custom types, with the functions that they use."""
        lines = [line for _, lines in sorted(self._customs.items()) for line in lines]
        text = "\n".join(lines)
        helpers = [line for name, line in sorted(_HELPERS.items()) if f"{name}(value)" in text]
        return [*"\n".join(helpers).split("\n"), *lines] if helpers else lines

    def _builder(self, type: Type) -> Builder:  # noqa: A002
        if type.kind == "enum" and type.key in self._naming.enums:
            return Builder(function=self._naming.enums[type.key], imported=False)
        if type.extension == "vector" and type.name in _VECTORS and type.modifiers:
            data: Data = "string" if type.name == "sparsevec" else "other"
            return Builder(function=type.name, config=f"{{ dimensions: {type.modifiers[0]} }}", data=data)
        known = self._known(type) if type.system else None
        return known or self._custom(type)

    def _known(self, type: Type) -> Builder | None:  # noqa: A002
        if type.name in _LIMITED and type.modifiers:
            function, limit = _LIMITED[type.name]
            return Builder(function=function, config=f"{{ {limit}: {type.modifiers[0]} }}")
        match type.name:
            case "int8":
                return Builder(function="bigint", config=self.bigint, data=self._options.bigint)
            case "numeric":
                return Builder(function="numeric", config=_object(zip(("precision", "scale"), type.modifiers, strict=False)))
            case "time" | "timetz" | "timestamp" | "timestamptz":
                return _moment(type)
            case "interval":
                return _interval(type)
        return _PLAIN.get(type.name)

    def _custom(self, type: Type) -> Builder:  # noqa: A002
        name = _sql_name(type)
        data, typescript, array = self._data(type)
        if name not in self._custom_names:
            self._custom_names[name] = self._naming.constants.of_constant(type.text if type.system else type.name)
            made = self._declaration(type, data=data, typescript=typescript, array=array)
            self._customs[self._custom_names[name]] = made
        self.imports.add("customType")
        return Builder(function=self._custom_names[name], data="other" if array else data, imported=False)

    def _data(self, type: Type) -> tuple[Data, str, bool]:  # noqa: A002
        """Return what values are, how TypeScript says that, and whether they are arrays."""
        array = any(domain.type.array for domain in self._schema.domains_of(type))
        base = self._schema.base_type(type)
        if base.kind == "enum" and base.key in self._naming.enums:
            return "string", f"(typeof {self._naming.enums[base.key]}.enumValues)[number]", array
        data: Data = "string"
        if base.system:
            data = self._options.bigint if base.name == "int8" else _DATA.get(base.name, "string")
        return data, _TYPESCRIPT.get(data, data), array

    def _declaration(self, type: Type, *, data: Data, typescript: str, array: bool) -> list[str]:  # noqa: A002
        shown = f"{typescript}[]" if array else typescript
        convert, send = _FROM[data], _TO.get(data, "")
        if typescript != data:
            convert = f"{convert if data in _TYPESCRIPT else 'value'} as {typescript}"
        driver = {"unknown": "unknown", "Buffer": "Uint8Array | string"}.get(data, "string" if data == "string" else "any")
        head = self._name_of(type)
        body = [f"  dataType: () => {literal(_sql_name(type))},"]
        if array:
            self.imports |= {"parsePgArray", "makePgArray"}
            driver = "string | unknown[]"
            element = "value" if data == "string" else f"value === null ? value : {convert}"
            body.append("  fromDriver: (value) =>")
            body.append(f'    (typeof value === "string" ? parsePgArray(value) : value).map((value: any) => {element}),')
            body.append(f"  toDriver: (value) => makePgArray(value{f'.map((value) => {send})' if send else ''}),")
        elif data != "string" or typescript != data:
            body += [f"  fromDriver: (value) => {convert},", *([f"  toDriver: (value) => {send},"] if send else [])]
        domain = self._schema.domains_by_key.get(type.key) if type.kind == "domain" else None
        return [
            *(jsdoc(_domain_text(domain)) if domain else []),
            f"const {head} = customType<{{ data: {shown}; driverData: {driver} }}>({{",
            *body,
            "});",
        ]

    def _name_of(self, type: Type) -> str:  # noqa: A002
        return self._custom_names[_sql_name(type)]


def _domain_text(domain: Domain) -> str:
    rest = [f"DEFAULT {domain.default}"] if domain.default else []
    rest += ["NOT NULL"] if domain.not_null else []
    rest += [f"CHECK {check.expression}" for check in domain.checks]
    return "\n".join([*domain.comment.splitlines(), plain(" ".join([f"Domain over {domain.type.text}.", *rest]))])


def _moment(type: Type) -> Builder:  # noqa: A002
    zoned = type.name.endswith("tz")
    parts = [("precision", type.modifiers[0])] if type.modifiers else []
    parts += [("withTimezone", "true")] if zoned else []
    function = type.name.removesuffix("tz")
    # The other mode cannot be compared by drizzle-kit, and loses microseconds.
    parts += [("mode", '"string"')] if function == "timestamp" else []
    return Builder(function=function, config=_object(parts))


def _interval(type: Type) -> Builder | None:  # noqa: A002
    found = _INTERVAL.fullmatch(type.text)
    if found is None or found[2] == "0":
        return None
    parts = [("fields", f'"{found[1]}"')] if found[1] else []
    return Builder(function="interval", config=_object([*parts, *([("precision", found[2])] if found[2] else [])]))


def _object(parts: Iterable[tuple[str, str]]) -> str:
    made = ", ".join(f"{name}: {value}" for name, value in parts)
    return f"{{ {made} }}" if made else ""


def _sql_name(type: Type) -> str:  # noqa: A002
    """Return the name of a type such that drizzle-kit, which puts quotes around most names, makes the right one of it."""
    if type.system and type.name != "char":
        return type.text
    if type.modifiers:
        return plain(type.text)
    bare = type.schema == "public" and not (type.name.startswith(_UNQUOTED) and not re.fullmatch(r"[a-z_]\w*", type.name))
    return type.name if bare else f'{type.schema}"."{type.name}'
