"""One module a step, as Alembic finds them. A step that was released is never changed."""
