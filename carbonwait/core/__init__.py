"""Pure functions and plain records: no clock, no files, no network, no environment."""
