"""Alembic's entry: runs the migrations on the connection, and in the transaction, that `migrate.upgrade` hands in."""

from __future__ import annotations

from alembic import context

from rigfarm.commander.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
