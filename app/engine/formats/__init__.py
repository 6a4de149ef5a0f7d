"""Facts of file formats: BGZF, tabix, FASTA, VCF records; each stands here and nowhere else."""
