"""Hands streams to a GRIP proxy (Pushpin, Fastly Fanout), which holds the connections (docs/adr/0012).

A server process answers what a stream begins with and who may go on with it (`holding`); the owner publishes
what follows (`owner`); both know who reads from the `register`.
"""
