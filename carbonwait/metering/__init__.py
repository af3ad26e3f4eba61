"""Energy: the meter process and the handle on it."""
