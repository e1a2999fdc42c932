"""Commands of the command line, a module each: `add` names its options, and what carries it out."""
