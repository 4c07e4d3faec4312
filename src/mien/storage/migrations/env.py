"""Run by Alembic: applies the steps on the connection that `migrate` opened, in its transaction."""

from alembic import context

from mien.storage.base import Base
from mien.storage.migrations import render_type

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=render_type,
    transactional_ddl=True,
)
context.run_migrations()
