"""What an allele does to each transcript near it: Sequence Ontology terms, positions, amino acids and HGVS names."""
