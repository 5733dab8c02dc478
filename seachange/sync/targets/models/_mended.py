"""What is mended in every generator of sqlacodegen."""

from __future__ import annotations

from collections.abc import Collection
from textwrap import indent
from typing import Any

import sqlalchemy as sa
from sqlacodegen import generators
from sqlacodegen.models import ModelClass
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.types import TypeEngine

from seachange.sync.targets.models._members import constraint_code, exclusion_code, index_code
from seachange.sync.targets.models._names import RESERVED, class_name, free_name, members
from seachange.sync.targets.models._preparing import EXCLUSION, FILLED, PLAIN
from seachange.sync.targets.models._python import python_type
from seachange.sync.targets.models._reflecting import Found
from seachange.sync.targets.models._related import Related
from seachange.sync.targets.models._texts import call
from seachange.sync.targets.models._types import UNKNOWN_CLASS, DomainType, Unknown, declaration

__all__ = ["Mended"]

_ENUM_VALUES = "values_callable=lambda cls: [member.value for member in cls]"
_Key = tuple[str | None, str]


def _uses_default_name(constraint: sa.Constraint | sa.Index) -> bool:
    return not constraint.name or constraint.table is None or PLAIN in constraint.info


# sqlacodegen asks this of a naming convention, which cannot know that there is more to say of a constraint than its name.
vars(generators)["uses_default_name"] = _uses_default_name


class Mended(Related):
    """A generator that describes what :func:`seachange.sync.targets.models._preparing.prepare` made ready."""

    found: Found
    of_sqlmodel = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The hook for options of tables.
        self.include_dialect_options_and_info = True
        self._enums: dict[_Key, str] = {}
        self._labels: dict[str, tuple[str, ...]] = {}
        self._domains: dict[_Key, DomainType] = {}
        self._unknown = False
        self._taken: set[str] = set()
        self._column: sa.Column[Any] = sa.Column()

    # Names.

    def reserved(self) -> Collection[str]:
        """Return the names that attributes and classes must not have."""
        from sqlalchemy.orm import DeclarativeBase

        return {*RESERVED, *dir(DeclarativeBase), "metadata", "registry", self.base_class_name}

    def find_free_name(self, name: str, global_names: set[str], local_names: Collection[str] = ()) -> str:
        return free_name(name, self._taken, global_names, local_names, instead="table" if name[:2] == "t_" else "column")

    # Types.

    def fix_column_types(self, table: sa.Table) -> None:
        self._taken = self._taken or set(self.reserved())
        for column in table.columns:
            column.type = self._adapted(column.type)
            self._note(column.type)

    def _adapted(self, type: TypeEngine[Any]) -> TypeEngine[Any]:  # noqa: A002 - the word for it
        if isinstance(type, DomainType):
            type.base = self._adapted(type.base)
            return type
        if isinstance(type, sa.ARRAY):
            type.item_type = self._adapted(type.item_type)
            return type
        if self.keep_dialect_types or isinstance(type, Unknown):
            return type
        return self.get_adapted_type(type)  # type: ignore[no-any-return]

    def _note(self, type: TypeEngine[Any]) -> None:  # noqa: A002
        if isinstance(type, sa.ARRAY):
            self._note(type.item_type)
        elif isinstance(type, DomainType):
            self._note(type.base)
            known = self._domains.setdefault(type.domain.key, type)
            if not type.variable:
                type.variable = known.variable or self._take(f"{type.domain.name}_domain")
        elif isinstance(type, Unknown):
            self._unknown = True
        elif isinstance(type, sa.Enum) and type.enums and "nonativeenums" not in self.options:
            key = (type.schema, str(type.name))
            if key not in self._enums:
                name = self._take(class_name(str(type.name), instead="Enum"))
                self._enums[key] = name
                self._labels[name] = tuple(type.enums)

    def _take(self, name: str) -> str:
        found = free_name(name, self._taken, instead="type")
        self._taken.add(found)
        return found

    def render_column_type(self, column: sa.Column[Any]) -> str:
        return self._type(column.type)

    def _type(self, type: TypeEngine[Any]) -> str:  # noqa: A002
        if isinstance(type, (DomainType, Unknown)):
            return repr(type)
        self.add_import(type)
        if isinstance(type, sa.ARRAY):
            return f"ARRAY({self._type(type.item_type)})"
        if isinstance(type, sa.Enum):
            self.add_literal_import("sqlalchemy", "Enum")
            name = self._enums.get((type.schema, str(type.name)))
            labels = [name, _ENUM_VALUES] if name else map(repr, type.enums)
            return call("Enum", *labels, name=repr(type.name), schema=repr(type.schema) if type.schema else "")
        return super().render_column_type(sa.Column("x", type))

    def render_column_python_type(self, column: sa.Column[Any]) -> str:
        text, modules, names = python_type(column.type, enums=self._enums, plain=self.of_sqlmodel)
        for module in modules:
            self.add_module_import(module)
        for package, name in names:
            self.add_literal_import(package, name)
        if column.nullable or self.may_be_missing(column):
            self.add_literal_import("typing", "Optional")
            return f"Optional[{text}]"
        return text

    def may_be_missing(self, column: sa.Column[Any]) -> bool:
        """Whether an object may be without a value in a column that is not null."""
        del column
        return False

    # Imports.

    def add_import(self, obj: Any) -> None:
        if isinstance(obj, sa.Sequence):
            self.add_literal_import("sqlalchemy", "Sequence")
        elif not isinstance(obj, (DomainType, Unknown)):
            super().add_import(obj)

    def collect_imports_for_column(self, column: sa.Column[Any]) -> None:
        self._type(column.type)
        if column.default:
            self.add_import(column.default)
        if isinstance(column.server_default, (sa.Computed, sa.Identity)):
            self.add_import(column.server_default)
        elif column.server_default:
            self.add_literal_import("sqlalchemy", "text")

    def group_imports(self) -> list[list[str]]:
        # sqlacodegen imports both ARRAYs where one is of an enum; the second hides the first.
        if "ARRAY" in self.imports.get("sqlalchemy.dialects.postgresql", ()):
            self.imports["sqlalchemy"].discard("ARRAY")
        return super().group_imports()

    # Tables and their parts.

    def render_constraint(self, constraint: sa.Constraint | sa.ForeignKey) -> str:
        if isinstance(constraint, sa.ForeignKey):
            return super().render_constraint(constraint)
        if isinstance(constraint, ExcludeConstraint):
            return self._with_imports(exclusion_code(constraint.info[EXCLUSION]))
        return constraint_code(constraint, self.found.table(constraint.table))

    def render_index(self, index: sa.Index) -> str:
        known = next(one for one in self.found.table(index.table).indexes if one.name == index.name)  # type: ignore[arg-type]
        return self._with_imports(index_code(known, index))

    def _with_imports(self, code: str) -> str:
        for name in ("text", "literal_column"):
            if f"{name}(" in code:
                self.add_literal_import("sqlalchemy", name)
        return code

    def _add_dialect_kwargs_and_info(self, obj: Any, target_kwargs: dict[str, object], *, values_for_dict: bool) -> None:
        if not isinstance(obj, sa.Table):
            return
        known = self.found.table(obj)
        options: dict[str, object] = {}
        if known.partition_key:
            options["postgresql_partition_by"] = known.partition_key
        if known.unlogged:
            options["prefixes"] = ["UNLOGGED"]
        target_kwargs |= {key: value if values_for_dict else repr(value) for key, value in options.items()}

    def render_column(self, column: sa.Column[Any], show_name: bool, is_table: bool = False) -> str:  # noqa: FBT001, FBT002
        self._column = column
        return super().render_column(column, show_name, is_table)

    def render_column_callable(self, is_table: bool, *args: Any, **kwargs: Any) -> str:  # noqa: FBT001
        column = self._column
        if column.default:
            # Its repr is what sqlacodegen writes.
            self.add_literal_import("sqlalchemy", "Sequence")
        kwargs.pop("autoincrement", None)
        kwargs |= {"autoincrement": str(numbered)} if (numbered := _numbered(column)) is not None else {}
        kwargs |= {} if is_table else self.column_arguments(column)
        return super().render_column_callable(is_table, *args, **kwargs)

    def column_arguments(self, column: sa.Column[Any]) -> dict[str, str]:
        """Return further arguments of a column of a class."""
        del column
        return {}

    def render_class(self, model: ModelClass) -> str:
        """Write one class, its columns in the order of the table."""
        sections = [
            self.render_class_variables(model),
            "\n".join(self.render_column_attribute(one) for one in model.columns),
            "\n".join(self.render_relationship(one) for one in model.relationships),
        ]
        body = "\n\n".join(indent(section, self.indentation) for section in sections if section)
        return f"{self.render_class_declaration(model)}\n{body}"

    # The module.

    def render_enum_classes(self) -> str:
        sections = []
        for name, labels in sorted(self._labels.items()):
            self.add_module_import("enum")
            lines = [f"    {member} = {label!r}" for member, label in members(labels).items()]
            sections.append("\n".join([f"class {name}(str, enum.Enum):", *lines]))
        if self._unknown:
            self.add_literal_import("typing", "Any")
            self.add_literal_import("sqlalchemy.types", "UserDefinedType")
            sections.append(UNKNOWN_CLASS)
        domains = [self._declaration(type) for type in self._domains.values()]  # noqa: A001
        return "\n\n\n".join([*sections, *(["\n".join(domains)] if domains else [])])

    def _declaration(self, type: DomainType) -> str:  # noqa: A002
        self.add_literal_import("sqlalchemy.dialects.postgresql", "DOMAIN")
        base = self._type(type.base)
        schema = self.found.schema_of(type.domain.schema)
        return f"{type.variable} = {self._with_imports(declaration(type, base, schema=schema))}"


def _numbered(column: sa.Column[Any]) -> bool | None:
    """Say whether SQLAlchemy has to be told that a key is, or is not, numbered by a sequence."""
    if not column.primary_key or isinstance(column.server_default, (sa.Computed, sa.Identity)):
        return None
    single = len(column.table.primary_key.columns) == 1
    whole = column.type._type_affinity is not None and issubclass(column.type._type_affinity, sa.Integer)
    if FILLED in column.info and not column.default:
        return None if single else True
    return False if whole and single and not column.foreign_keys and not column.default and not column.server_default else None
