"""Stand-ins for the outside world, for one machine. Each is a process of its own."""
