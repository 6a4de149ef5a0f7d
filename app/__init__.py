"""GAS, a genomics annotation service: rules, AWS, engine, portal and command line."""
