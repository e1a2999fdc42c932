"""Programs for a subject's environment: `python -m MODULE COMMAND` prints an object of JSON."""
