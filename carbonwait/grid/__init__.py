"""Grid intensities: files, built-in tables and services."""
