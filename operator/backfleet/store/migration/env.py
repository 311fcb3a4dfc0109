"""Alembic's environment: runs in one transaction, on the connection that `backfleet.store.migration.command` passes."""

from alembic import context

from backfleet.store.tables.schema import METADATA


def _is_ours(_object: object, name: str | None, kind: str, *_rest: object) -> bool:
    return not (kind == "table" and name is not None and name not in METADATA.tables)


context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, include_object=_is_ours)
with context.begin_transaction():
    context.run_migrations()
