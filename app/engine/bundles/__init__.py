"""The parts of a bundle: data that is ready at once, mapped into memory and shared by all processes that read it."""
