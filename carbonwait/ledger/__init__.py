"""What is recorded: one SQLite file."""
