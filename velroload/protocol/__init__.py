"""2 BYTES: requests compiled to literal segments and slots, addresses, extraction rules."""
