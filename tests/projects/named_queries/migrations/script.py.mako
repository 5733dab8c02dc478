"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""

from __future__ import annotations

% if "sa." in (upgrades or "") + (downgrades or ""):
import sqlalchemy as sa
% endif
from alembic import op
% for line in (imports or "").splitlines():
${line}
% endfor

<%!
import json


def quoted(value):
    if value is None:
        return "None"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    inner = ", ".join(quoted(part) for part in value)
    return f"({inner},)" if len(value) == 1 else f"({inner})"
%>\
revision = ${up_revision | quoted}
down_revision = ${down_revision | n,quoted}
branch_labels = ${branch_labels | n,quoted}
depends_on = ${depends_on | n,quoted}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
