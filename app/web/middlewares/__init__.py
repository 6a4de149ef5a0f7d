"""What surrounds every request, from the outside in: headers, log, errors, sessions, access."""
