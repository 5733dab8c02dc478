"""B3 and B4 over facts made by hand: a scan that stops nobody, under a lock that does."""

from __future__ import annotations

import pytest

from seachange.safety.facts import StatementFacts
from tests.unit.safety.rules.facts import found, statement

ADD = "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID"
VALIDATE = "ALTER TABLE t VALIDATE CONSTRAINT k"


def _validation(sql: str = VALIDATE, *, held: str = "", transaction: int = 1, read: bool = True) -> StatementFacts:
    return statement(sql, new="t=SUX", held=held, transaction=transaction, verified=("public.t",) if read else ())


def test_a_constraint_that_is_validated_in_the_transaction_that_added_it_is_found() -> None:
    statements = (statement(ADD, new="t=AX"), _validation(held="t=AX"))

    (said,) = found("SC203", *statements)

    assert said == (
        "2: VALIDATE k reads every row of public.t while public.t is under ACCESS EXCLUSIVE, held since k was added NOT VALID "
        "in the same transaction; readers and writers wait"
    )
    assert found("SC204", *statements) == []


def test_both_in_one_text_are_found() -> None:
    assert len(found("SC203", statement(f"{ADD}; {VALIDATE}", new="t=AX", verified=("public.t",)))) == 1


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param((statement(ADD, new="t=AX"), _validation(transaction=2)), id="in two transactions"),
        pytest.param((_validation(held="t=SUX u=RX"),), id="under weak locks"),
        pytest.param((statement(ADD, new="t=AX"), _validation(held="t=AX", read=False)), id="valid already"),
        pytest.param((statement("CREATE TABLE t (a int)", created=("public.t",)), _validation(held="t=AX")), id="of a new table"),
    ],
)
def test_a_validation_that_nobody_waits_for_is_not_found(statements: tuple[StatementFacts, ...]) -> None:
    assert (found("SC203", *statements), found("SC204", *statements)) == ([], [])


@pytest.mark.parametrize(
    ("held", "waits"),
    [
        pytest.param("u=AX", "public.u is under ACCESS EXCLUSIVE", id="another table's readers"),
        pytest.param("u=SRX", "public.u is under SHARE ROW EXCLUSIVE", id="another table's writers"),
        pytest.param("t=SRX u=AX", "public.u is under ACCESS EXCLUSIVE", id="the strongest of two"),
    ],
)
def test_a_validation_under_any_earlier_lock_is_found(held: str, waits: str) -> None:
    (said,) = found("SC204", _validation(held=held))

    assert f"while {waits}, held since an earlier statement" in said


def test_the_table_that_a_validated_key_refers_to_is_not_reported_by_itself() -> None:
    validation = statement(VALIDATE, new="t=SUX", held="u=AX", verified=("public.t", "public.u"))

    assert (len(found("SC204", validation)), found("SC100", validation)) == (1, [])
