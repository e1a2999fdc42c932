"""Each module measures one thing."""
