"""Whom we may talk to, and how hard: canonical hosts, address classes, tiers and their ceilings. Decides; sends nothing."""
