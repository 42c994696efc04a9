"""One file per executable: parse, call, print."""
