"""What happened: figures, validity and verdict of a finished run, from its run folder alone."""
