"""Which functions give another value for each row, so that a new column with such a default has to be written into every row."""

from __future__ import annotations

from seachange.safety._predict._known import Known
from seachange.safety.parsing import Node, functions

__all__ = ["NOT_VOLATILE", "VOLATILE", "volatile_calls"]

# pg_proc.provolatile of PostgreSQL 14 to 18, and of the extensions that come with it.
VOLATILE = frozenset(
    (
        *(
            "clock_timestamp",
            "currval",
            "gen_random_uuid",
            "lastval",
            "nextval",
            "random",
            "random_normal",
            "setval",
            "timeofday",
        ),
        *("uuidv4", "uuidv7", "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "gen_random_bytes", "gen_salt"),
        *("pg_notify", "set_config", "setseed", "pg_sleep"),
    )
)

NOT_VOLATILE = frozenset(
    (
        *("abs", "acos", "age", "array_append", "array_cat", "array_fill", "array_length", "array_position", "array_prepend"),
        *("array_remove", "array_replace", "array_to_json", "array_to_string", "ascii", "asin", "atan", "bit_length", "box"),
        *("btrim", "cardinality", "cbrt", "ceil", "ceiling", "char_length", "character_length", "chr", "concat", "concat_ws"),
        *("convert_from", "convert_to", "cos", "current_database", "current_schema", "current_setting", "date", "date_part"),
        *("date_trunc", "decode", "degrees", "div", "encode", "exp", "extract", "family", "floor", "format", "format_type"),
        *("get_byte", "greatest", "host", "initcap", "int4", "int8", "inet_server_addr", "json_array_length"),
        *("json_build_array", "json_build_object", "json_object", "json_typeof", "jsonb_array_length", "jsonb_build_array"),
        *("jsonb_build_object", "jsonb_object", "jsonb_set", "jsonb_strip_nulls", "jsonb_typeof", "justify_days"),
        *("justify_hours", "justify_interval", "left", "length", "ln", "log", "lower", "lpad", "ltrim", "make_date"),
        *("make_interval", "make_time", "make_timestamp", "make_timestamptz", "masklen", "md5", "mod", "network", "now"),
        *("num_nonnulls", "num_nulls", "numeric", "numrange", "octet_length", "overlay", "pg_backend_pid", "pi", "point"),
        *("position", "power", "quote_ident", "quote_literal", "quote_nullable", "radians", "regexp_replace"),
        *("repeat", "replace", "reverse", "right", "round", "row_to_json", "rpad", "rtrim", "session_user", "sha224", "sha256"),
        *("sha384", "sha512", "sign", "sin", "split_part", "sqrt", "starts_with", "statement_timestamp", "string_to_array"),
        *("strpos", "substr", "substring", "tan", "text", "timezone", "to_char", "to_date", "to_hex", "to_json", "to_jsonb"),
        *("to_number", "to_timestamp", "to_tsquery", "to_tsvector", "transaction_timestamp", "translate", "trim_array"),
        *("trunc", "tsrange", "tstzrange", "txid_current", "unnest", "upper", "version", "int4range", "int8range", "daterange"),
        *("uuid_nil", "uuid_ns_dns", "uuid_generate_v3", "uuid_generate_v5", "plainto_tsquery", "setweight", "strip"),
    )
)


def volatile_calls(expression: Node, known: Known) -> tuple[str, ...]:
    """Return the functions in an expression that may give another value for each row; an unknown one may.

    :param known: what is known of the functions of the database.
    """
    return tuple(name for name in functions(expression) if _is_volatile(name, known))


def _is_volatile(name: str, known: Known) -> bool:
    own = known.volatility.get(name) or known.volatility.get(known.plain(name))
    if own is not None:
        return own == "volatile"
    return name.rpartition(".")[2] not in NOT_VOLATILE
