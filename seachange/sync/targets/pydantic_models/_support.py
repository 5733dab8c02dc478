"""What the generated module needs beside its models, as text."""

from __future__ import annotations

__all__ = ["ARRAY", "JSON_INPUT", "OMITTED", "RANGES", "REGISTER", "VARIABLE"]

VARIABLE = """
_T = TypeVar("_T")
"""

OMITTED = '''

def _omitted() -> Any:
    """Stand for a value that is left to the database, or left as it is."""
    return None
'''

ARRAY = '''

class _AnyDimensions:
    """Lets an array have any number of dimensions and hold NULL, as PostgreSQL does whatever the column says."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        schema = handler(source)
        dump = core_schema.wrap_serializer_function_ser_schema(self._dump, schema=schema)
        return core_schema.no_info_wrap_validator_function(self._validate, schema, serialization=dump)

    def _validate(self, value: Any, one: Callable[[Any], Any]) -> Any:
        try:
            return one(value)
        except ValidationError:
            if not isinstance(value, list) or not all(isinstance(part, list) for part in value):
                raise
        if len({len(part) for part in value}) > 1:
            raise ValueError("arrays in an array are of one length")
        return [self._validate(part, one) for part in value]

    def _dump(self, value: Any, one: Callable[[Any], Any]) -> Any:
        nested = isinstance(value, list) and any(isinstance(part, list) for part in value)
        return [self._dump(part, one) for part in value] if nested else one(value)


# Type checkers see the array of one dimension without NULL that most are.
if TYPE_CHECKING:
    Array: TypeAlias = Annotated[list[_T], _AnyDimensions()]
else:
    Array: TypeAlias = Annotated[list[_T | None], _AnyDimensions()]
'''

JSON_INPUT = '''

def _wrapped(wrapper: Callable[[Any], Any]) -> PlainSerializer:
    """Have values dumped as psycopg takes them, and as they are in JSON."""
    return PlainSerializer(lambda value, info: value if info.mode == "json" else wrapper(value))


_AS_JSON = _wrapped(Json)
_AS_JSONB = _wrapped(Jsonb)
JsonInput: TypeAlias = Annotated[JsonValue, _AS_JSON]
JsonbInput: TypeAlias = Annotated[JsonValue, _AS_JSONB]
'''

RANGES = '''

class _RangeSchema:
    """How ranges of psycopg are validated, in JSON as objects with lower, upper and bounds, or empty."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        bound = core_schema.nullable_schema(handler.generate_schema(get_args(source)[0]))
        bounds = core_schema.literal_schema(["[)", "[]", "(]", "()"])
        fields = {"lower": bound, "upper": bound, "bounds": bounds, "empty": core_schema.bool_schema()}
        parts = core_schema.typed_dict_schema(
            {name: core_schema.typed_dict_field(schema, required=False) for name, schema in fields.items()},
            extra_behavior="forbid",
        )
        dump = core_schema.plain_serializer_function_ser_schema(self._dump, info_arg=True, return_schema=core_schema.any_schema())
        taken = core_schema.no_info_before_validator_function(self._parts, parts)
        return core_schema.no_info_after_validator_function(self._made, taken, serialization=dump)

    def _parts(self, value: Any) -> Any:
        if not isinstance(value, Range):
            return value
        if value.isempty:
            return {"empty": True}
        return {"lower": value.lower, "upper": value.upper, "bounds": value.bounds}

    def _made(self, parts: dict[str, Any]) -> Range[Any]:
        lower, upper = parts.get("lower"), parts.get("upper")
        if parts.get("empty"):
            return Range(empty=True)
        if lower is not None and upper is not None and lower > upper:
            raise ValueError("the lower bound is above the upper one")
        return Range(lower, upper, parts.get("bounds", "[)"))

    def _dump(self, value: Any, info: Any) -> Any:
        return self._parts(value) if info.mode == "json" else value


class _MultirangeSchema:
    """How multiranges of psycopg are validated, in JSON as lists of ranges."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        parts = core_schema.list_schema(handler.generate_schema(RangeOf[get_args(source)[0]]))  # type: ignore[misc]
        dump = core_schema.wrap_serializer_function_ser_schema(self._dump, info_arg=True, schema=parts)
        taken = core_schema.no_info_before_validator_function(self._parts, parts)
        return core_schema.no_info_after_validator_function(Multirange, taken, serialization=dump)

    def _parts(self, value: Any) -> Any:
        return list(value) if isinstance(value, Multirange) else value

    def _dump(self, value: Any, one: Callable[[Any], Any], info: Any) -> Any:
        return one(list(value)) if info.mode == "json" else value


RangeOf: TypeAlias = Annotated[Range[_T], _RangeSchema()]
MultirangeOf: TypeAlias = Annotated[Multirange[_T], _MultirangeSchema()]
'''

REGISTER = '''

def register_types(connection: Connection[Any]) -> None:
    """Tell a connection of psycopg of the types whose values it would load as text otherwise."""
    oids: dict[str, int] = {}
    for kind, name, meant in _TYPES:
        _register(connection, kind.fetch(connection, name), name, meant, oids)


async def register_types_async(connection: AsyncConnection[Any]) -> None:
    """Tell an asynchronous connection of psycopg of the types whose values it would load as text otherwise."""
    oids: dict[str, int] = {}
    for kind, name, meant in _TYPES:
        _register(connection, await kind.fetch(connection, name), name, meant, oids)


def _register(context: AdaptContext, info: TypeInfo | None, name: str, meant: Any, oids: dict[str, int]) -> None:
    if info is None:
        raise LookupError(f"the database has no type {name}")
    oids[name] = info.oid
    if isinstance(info, CompositeInfo):
        register_composite(info, context, meant)
    elif isinstance(info, RangeInfo):
        register_range(info, context)
    elif isinstance(info, MultirangeInfo):
        register_multirange(info, context)
    else:
        info.register(context)
    if meant and not isinstance(info, CompositeInfo):
        # Values of a domain load like those of its type.
        known = context.adapters.types.get(meant)
        loader = context.adapters.get_loader(oids.get(meant) or (known.oid if known else 0), Format.TEXT)
        if loader:
            context.adapters.register_loader(info.oid, loader)
'''
