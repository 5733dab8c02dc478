"""CreateDiagnosisTable

What models say about a case gets a table of its own, ai_diagnoses, with the answer as JSON; the one text of
medical_records.ai_diagnosis moves there as a summary. The way back joins the summaries of a record's answers.

Revision ID: 1750120000000
Revises: 1750112631639
Create Date: 2025-06-17 00:26:40+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "1750120000000"
down_revision = "1750112631639"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_diagnoses",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("pet_id", sa.BigInteger(), nullable=False),
        sa.Column("medical_record_id", sa.BigInteger(), nullable=True),
        sa.Column("reviewed_by_id", sa.BigInteger(), nullable=True),
        sa.Column("model_name", sa.String(80), nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=False),
        sa.Column("confidence", sa.Numeric(4, 3), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ai_diagnoses"),
        sa.UniqueConstraint("medical_record_id", "model_name", name="uq_ai_diagnoses_medical_record_id_model_name"),
        sa.CheckConstraint("jsonb_typeof(result) = 'object'", name=op.f("ck_ai_diagnoses_result")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_ai_diagnoses_confidence")),
        _foreign_key("pet_id", "pets", "CASCADE"),
        _foreign_key("medical_record_id", "medical_records", "SET NULL"),
        _foreign_key("reviewed_by_id", "veterinarians", "SET NULL"),
    )
    op.create_index("ix_ai_diagnoses_pet_id", "ai_diagnoses", ["pet_id"])
    op.create_index("ix_ai_diagnoses_reviewed_by_id", "ai_diagnoses", ["reviewed_by_id"])
    op.execute("""
        INSERT INTO ai_diagnoses (pet_id, medical_record_id, model_name, result, created_at, updated_at)
        SELECT pet_id, id, 'unrecorded', jsonb_build_object('summary', ai_diagnosis), created_at, updated_at
        FROM medical_records
        WHERE ai_diagnosis <> ''
        ORDER BY id""")
    op.drop_column("medical_records", "ai_diagnosis")


def downgrade() -> None:
    op.add_column("medical_records", sa.Column("ai_diagnosis", sa.Text(), nullable=True))
    op.execute(r"""
        UPDATE medical_records SET ai_diagnosis = answers.summary
        FROM (
            SELECT medical_record_id, string_agg(coalesce(result ->> 'summary', result::text), E'\n' ORDER BY id) AS summary
            FROM ai_diagnoses
            GROUP BY medical_record_id
        ) AS answers
        WHERE medical_records.id = answers.medical_record_id""")
    op.drop_table("ai_diagnoses")


def _foreign_key(column: str, target: str, action: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_ai_diagnoses_{column}_{target}", ondelete=action)
