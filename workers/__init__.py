"""The five daemons: one file a verb, on one runtime."""
