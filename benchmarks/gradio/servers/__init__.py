"""The pages that are visited."""
