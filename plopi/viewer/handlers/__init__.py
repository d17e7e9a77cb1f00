"""Requests in, answers out: tornado lives here and in ``app``."""
