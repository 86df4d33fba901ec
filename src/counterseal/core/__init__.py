"""Pure decisions: no I/O, no clock, no randomness, no logging; time and entropy are arguments."""
