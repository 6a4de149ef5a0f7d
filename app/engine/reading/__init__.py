"""Reading a VCF: file, header, records, checks, normalisation, and what is said of its faults."""
