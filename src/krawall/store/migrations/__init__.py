"""Numbered changes of the tables, forward only. Alembic finds them in `versions`."""
