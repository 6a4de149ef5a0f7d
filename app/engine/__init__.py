"""The annotation engine: a VCF in, an annotated VCF, its index and a summary out."""
