"""The programs that serve the subjects, each run by the Python of its own environment.

They import nothing of the benchmark's client except tones and rates, and what they do is the same:
`python -m benchmarks.servers.X HANDLER PORT CALLS`.
"""
