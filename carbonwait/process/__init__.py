"""The operating system: signals, processes, clocks, terminals."""
