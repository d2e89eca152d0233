"""HOW a configuration unfolds into snapshots: torch lives here. Nothing in this room knows of pages or files."""
