"""Pages: each parses, asks a service, and renders."""
