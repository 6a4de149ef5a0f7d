"""The five daemons: one file a verb, on one runtime."""

VERBS = ("annotate", "archive", "restore", "thaw", "notify")
