"""Questions to a result, answered by its index."""
