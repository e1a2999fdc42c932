"""The measurements: each fills some rows of the table for one subject."""
