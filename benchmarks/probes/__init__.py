"""The measurements: each takes a subject and settings and starts servers of its own."""
