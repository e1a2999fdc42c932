"""The carriers, one folder each: a pure ``protocol.py``, and beside it what else is known."""
