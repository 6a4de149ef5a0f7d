"""GAS, a genomics annotation service: rules, AWS, engine, portal and command line."""

__version__ = "0.1.0"
"""The release. setup.cfg has it from here."""
