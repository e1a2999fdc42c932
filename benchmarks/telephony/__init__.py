"""Telephone calls, measured beside FastRTC's."""
