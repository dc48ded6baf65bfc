"""A plan as people write it: YAML → nodes with positions → tables of keys → the frozen Plan."""
