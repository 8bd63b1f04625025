"""API keys have scopes, may expire, and say where they were last used from; enrolment keys are among them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Replace the table: SQLite cannot add a column without a default that must not be null."""
    connection = op.get_bind()
    keys = connection.execute(sa.text("SELECT * FROM api_keys ORDER BY id")).mappings().all()
    enrolment = connection.execute(sa.text("SELECT * FROM enrolment_keys ORDER BY id")).mappings().all()
    op.drop_table("enrolment_keys")
    op.drop_table("api_keys")
    table = op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=True),
        sa.Column("last_used_at", sa.BigInteger, nullable=True),
        sa.Column("last_used_from", sa.Text, nullable=True),
        sa.Column("enrolled", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("name_key", name="uq_api_keys_name_key"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
        sqlite_autoincrement=True,
    )
    rows = [
        {
            "name": key["name"],
            "name_key": key["name_key"],
            "key_hash": bytes(key["key_hash"]),
            "scopes": "read operate configure",
            "created_at": key["created_at"],
            "expires_at": None,
            "last_used_at": key["last_used_at"],
            "enrolled": 0,
        }
        for key in keys
    ]
    # Names of enrolment keys were not distinct: each gets its number and a word behind it.
    for key in enrolment:
        name = f"{key['name'][:44]} (enrolment {key['id']})"
        rows.append(
            {
                "name": name[:64],
                "name_key": name[:64].casefold(),
                "key_hash": bytes(key["key_hash"]),
                "scopes": "enrol",
                "created_at": key["created_at"],
                "expires_at": key["expires_at"],
                "last_used_at": None,
                "enrolled": key["enrolled"],
            }
        )
    if rows:
        op.bulk_insert(table, rows)
