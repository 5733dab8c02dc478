"""What scripts/bench measures beyond whole commands."""
