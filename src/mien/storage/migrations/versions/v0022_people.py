"""People are found and sorted by name; faces know their file; merges and moves can be undone."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from mien.storage.names import name_key

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_AT_ONCE = 5000


def upgrade() -> None:
    """Apply."""
    ordered = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
    op.add_column("persons", sa.Column("name_key", ordered, nullable=False, server_default=sa.text("''")))
    _fill_keys()
    op.create_index("ix_persons_name", "persons", ["resource_id", "collection", "name_key", "person_id"])
    op.create_index("ix_persons_created", "persons", ["resource_id", "collection", "created_at", "person_id"])
    op.add_column("persisted_faces", sa.Column("source", sa.LargeBinary(), nullable=True))
    op.create_table(
        "corrections",
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("into", sa.Uuid(), nullable=False),
        sa.Column("faces", sa.Text(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("user_data", sa.LargeBinary(), nullable=True),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_corrections_resource_id_collection",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_corrections_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "collection", "id", name="pk_corrections"),
    )
    op.create_index("ix_corrections_made_at", "corrections", ["made_at"])


def _fill_keys() -> None:
    """Write the keys of the names that are there, some thousand at a time."""
    persons = sa.table(
        "persons",
        *(sa.column(name, sa.Uuid()) for name in ("resource_id", "collection", "person_id")),
        sa.column("name", sa.LargeBinary()),
        sa.column("name_key", sa.String()),
    )
    connection = op.get_bind()
    key = (persons.c.resource_id, persons.c.collection, persons.c.person_id)
    change = (
        sa.update(persons)
        .where(*(column == sa.bindparam(f"its_{column.name}", type_=sa.Uuid()) for column in key))
        .values(name_key=sa.bindparam("its_key"))
    )
    query = sa.select(*key, persons.c.name).order_by(*key).limit(_AT_ONCE)
    after = None
    while True:
        later = sa.tuple_(*key) > sa.tuple_(*map(sa.literal, after)) if after else sa.true()
        rows = connection.execute(query.where(later)).all()
        if rows:
            connection.execute(
                change,
                [
                    {
                        "its_resource_id": row.resource_id,
                        "its_collection": row.collection,
                        "its_person_id": row.person_id,
                        "its_key": name_key(bytes(row.name).decode("utf-8", "surrogatepass")),
                    }
                    for row in rows
                ],
            )
        if len(rows) < _AT_ONCE:
            return
        after = tuple(rows[-1][:3])
