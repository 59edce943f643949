"""Use cases, shared by the command line and whatever else asks: plan a session, play it, read it again."""
