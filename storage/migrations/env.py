"""How Alembic reaches the database: over the connection that `migrations_runner` opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_revisions",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
