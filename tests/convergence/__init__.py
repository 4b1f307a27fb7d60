"""Random writes against random clients: whatever happens, they end up showing the same."""
