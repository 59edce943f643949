"""REST under /api/v1: a route parses, calls one service method, returns its result."""
