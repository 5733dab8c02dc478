"""Statements of a dump that name roles, told with the roles of another server."""

from __future__ import annotations

import pytest

from seachange.backup.ownership import Roles, retold

_ROLES = Roles(renamed={"old": "New Role", "a b": "ab"}, absent=frozenset({"gone"}), foreign=frozenset({"boss"}))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param("ALTER TABLE public.t OWNER TO old", 'ALTER TABLE public.t OWNER TO "New Role"', id="owner"),
        pytest.param('ALTER TABLE public.t OWNER TO "a b"', 'ALTER TABLE public.t OWNER TO "ab"', id="quoted owner"),
        pytest.param("ALTER TABLE public.t OWNER TO gone", "", id="absent owner"),
        pytest.param("ALTER LARGE OBJECT 7 OWNER TO other", 'ALTER LARGE OBJECT 7 OWNER TO "other"', id="large object"),
        pytest.param('ALTER TABLE t RENAME COLUMN "x OWNER TO old" TO y', "", id="no owner at all"),
        pytest.param("ALTER TABLE t ADD CONSTRAINT c CHECK ((x = ' OWNER TO old'::text))", "", id="in a constant"),
        pytest.param(
            "GRANT SELECT ON TABLE public.t TO old WITH GRANT OPTION",
            'GRANT SELECT ON TABLE public.t TO "New Role" WITH GRANT OPTION',
            id="grant",
        ),
        pytest.param("REVOKE ALL ON SCHEMA public FROM PUBLIC", "REVOKE ALL ON SCHEMA public FROM PUBLIC", id="public"),
        pytest.param(
            'GRANT SELECT(x) ON TABLE "a TO gone" TO old', 'GRANT SELECT(x) ON TABLE "a TO gone" TO "New Role"', id="odd"
        ),
        pytest.param("GRANT SELECT ON TABLE t TO gone", "", id="absent grantee"),
        pytest.param(
            "ALTER DEFAULT PRIVILEGES FOR ROLE old IN SCHEMA s GRANT SELECT ON TABLES TO other",
            'ALTER DEFAULT PRIVILEGES FOR ROLE "New Role" IN SCHEMA s GRANT SELECT ON TABLES TO "other"',
            id="default privileges",
        ),
        pytest.param("ALTER DEFAULT PRIVILEGES FOR ROLE boss GRANT SELECT ON TABLES TO old", "", id="of one not to act for"),
        pytest.param("SET SESSION AUTHORIZATION old", 'SET SESSION AUTHORIZATION "New Role"', id="grantor"),
        pytest.param("SET SESSION AUTHORIZATION gone", "", id="absent grantor"),
        pytest.param("RESET SESSION AUTHORIZATION", "RESET SESSION AUTHORIZATION", id="grantor again"),
        pytest.param(
            "CREATE POLICY p ON public.t AS RESTRICTIVE FOR SELECT TO old, other USING ((x = ' TO old'))",
            'CREATE POLICY p ON public.t AS RESTRICTIVE FOR SELECT TO "New Role", "other" USING ((x = \' TO old\'))',
            id="policy",
        ),
        pytest.param(
            "CREATE POLICY p ON public.t USING (true)", "CREATE POLICY p ON public.t USING (true)", id="policy for everybody"
        ),
        pytest.param(
            "CREATE USER MAPPING FOR old SERVER s OPTIONS (x 'y')",
            "CREATE USER MAPPING FOR \"New Role\" SERVER s OPTIONS (x 'y')",
            id="user mapping",
        ),
        pytest.param("CREATE USER MAPPING FOR gone SERVER s", "", id="user mapping of an absent role"),
        pytest.param("CREATE USER MAPPING FOR public SERVER s", "CREATE USER MAPPING FOR PUBLIC SERVER s", id="everybody's"),
        pytest.param("CREATE TABLE public.t (x integer)", "", id="anything else"),
        pytest.param("CREATE FUNCTION f() RETURNS int AS $$ GRANT SELECT ON t TO old $$", "", id="inside a function"),
    ],
)
def test_a_statement_is_told_with_the_roles_of_the_server_or_left_out(statement: str, expected: str) -> None:
    assert list(retold([statement], _ROLES)) == ([expected] if expected else [])


def test_without_owners_everything_but_owners_is_told() -> None:
    roles = Roles(owners=False, absent=frozenset({"gone"}))
    statements = ["ALTER TABLE t OWNER TO x", "SET SESSION AUTHORIZATION x", "GRANT SELECT ON TABLE t TO x"]

    assert list(retold(statements, roles)) == ['GRANT SELECT ON TABLE t TO "x"']
