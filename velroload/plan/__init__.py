"""What a run is: the frozen plan, its words and its thresholds. Knows no time and no socket."""
