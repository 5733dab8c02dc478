"""AddImageSupport

Files about a pet get a table of their own, attachments; the one address in pets.photo_url moves there as a photo.
The way back keeps each pet's first photo, which is all that the older shape has room for.

Revision ID: 1749000005000
Revises: 1749000004000
Create Date: 2025-06-04 01:20:05+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1749000005000"
down_revision = "1749000004000"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("pet_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("content_type", sa.String(100), server_default="application/octet-stream", nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attachments"),
        sa.UniqueConstraint("pet_id", "storage_key", name="uq_attachments_pet_id_storage_key"),
        sa.CheckConstraint(
            "kind IN ('document', 'laboratory', 'photo', 'ultrasound', 'x_ray')", name=op.f("ck_attachments_kind")
        ),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_attachments_size_bytes")),
        sa.ForeignKeyConstraint(["pet_id"], ["pets.id"], name="fk_attachments_pet_id_pets", ondelete="CASCADE"),
    )
    op.execute("""
        INSERT INTO attachments (pet_id, kind, storage_key, file_name, content_type)
        SELECT id, 'photo', photo_url, left(coalesce(nullif(substring(photo_url FROM '[^/]*$'), ''), 'photo'), 255),
            CASE lower(substring(photo_url FROM '[.]([A-Za-z]+)$'))
                WHEN 'jpg' THEN 'image/jpeg' WHEN 'jpeg' THEN 'image/jpeg'
                WHEN 'png' THEN 'image/png'
                WHEN 'webp' THEN 'image/webp'
                ELSE 'application/octet-stream'
            END
        FROM pets
        WHERE photo_url <> ''
        ORDER BY id""")
    op.drop_column("pets", "photo_url")


def downgrade() -> None:
    op.add_column("pets", sa.Column("photo_url", sa.Text(), nullable=True))
    op.execute("""
        UPDATE pets SET photo_url = first.storage_key
        FROM (
            SELECT DISTINCT ON (pet_id) pet_id, storage_key FROM attachments WHERE kind = 'photo' ORDER BY pet_id, id
        ) AS first
        WHERE pets.id = first.pet_id""")
    op.drop_table("attachments")
