"""The face: one file per command. Parse, call, render."""
