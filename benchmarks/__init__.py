"""Measurements of this library beside FastRTC 0.0.34, taken in one run: see README.md."""
