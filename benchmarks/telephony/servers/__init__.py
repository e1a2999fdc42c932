"""The servers that are rung."""
