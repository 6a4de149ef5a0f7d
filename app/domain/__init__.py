"""Pure rules of GAS: no I/O, no AWS, no environment, no clock."""
