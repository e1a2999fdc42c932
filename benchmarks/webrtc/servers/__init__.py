"""What is measured, as programs: `python -m <module> <handler> <port> <folder>`."""
