"""What an allele does to each transcript near it, and what is known of it."""
